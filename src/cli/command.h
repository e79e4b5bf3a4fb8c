/* What a command is: one const table entry and one file, src/cli/cmd_NAME.c. */
#ifndef LLMDECK_CLI_COMMAND_H
#define LLMDECK_CLI_COMMAND_H

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"

/* Exit codes, for scripts. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,       /* usage or bad input */
	EXIT_TIMED_OUT = 3,
	EXIT_UNAVAILABLE = 4, /* source or store unavailable */
	EXIT_NOT_ALLOWED = 5,
};

/* What stands before the command's name, resolved. */
struct global {
	char *store_path, *config_path, *socket_path; /* owned; config_path NULL when there is none */
	struct config config;    /* defaults where config_error says why it could not be read */
	struct err config_error; /* "" when it was read; only `doctor` runs with an error here */
	bool store_given; /* by --store, LLMDECK_STORE or --context */
	const char *program; /* argv[0], to start ourselves as the collector */
};

struct command_option {
	const char *name;    /* "--since" */
	const char *value;   /* "DURATION"; NULL for a switch */
	const char *text;    /* one line */
};

/* The words that an option takes where only certain ones will do: completions offer them, and who gives
 * another one is told them. */
struct command_choices {
	const char *option;              /* "--format"; "" = the first operand */
	const char *const *words;        /* NULL-terminated; NULL: they are asked for */
	void (*list)(struct buf *words); /* appends them as they are now, one a line */
};

struct command {
	const char *name, *usage, *summary; /* "report", "[--since 1h] …", one line */
	const char *help;                   /* paragraphs behind the option list; may be NULL */
	const struct command_option *options; /* name NULL ends it: feeds parsing, --help, man page, completion */
	const struct command_choices *choices; /* option NULL ends it; NULL: none */
	const char *const *subcommands;       /* NULL-terminated names; NULL when there are none */
	/* argv[0] is the command's name. Returns an enum exit_code. */
	int (*run)(const struct global *g, int argc, char **argv);
};

extern const struct command *const commands[]; /* NULL-terminated; src/cli/commands.c */

/* One each, in src/cli/cmd_NAME.c. */
extern const struct command alert_command, audit_command, budget_command, rollout_command, collect_command, completion_command, console_command, demo_command, judge_command,
	doctor_command, import_command, prices_command, query_command, report_command, requests_command,
	snapshot_command, sources_command, suspects_command, incident_command,
	feedback_command, forget_command;

#endif
