/* Options and operands of one command, parsed by its own table of options. */
#ifndef LLMDECK_CLI_ARGS_H
#define LLMDECK_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"

struct args_option {
	const struct command_option *row;
	const char *value; /* NULL for a switch */
};
/* Borrows from argv. */
struct args {
	const struct command *command;
	struct args_option *given; /* in the order they were given */
	size_t given_count;
	const char **operands;
	size_t operand_count;
	bool help;
};

/* Parses argv[1..] by the command's table: "--x V", "--x=V", switches, "-e V"; "--" ends the options,
 * "-" is an operand, "--help" and "-h" set `help`. -1 with a sentence (and a suggestion when a
 * name is near) on an unknown option, a missing value or a value given to a switch. args_fini in
 * either case. */
int args_parse(struct args *a, const struct command *c, int argc, char **argv, struct err *err);
void args_fini(struct args *a);

/* The usual start of a command: parses, and compares with the words of its choices; prints the help or the error. True: run the command (and
 * call args_fini at its end). False: return *exit_code; nothing is left to free. */
bool args_open(struct args *a, const struct command *c, int argc, char **argv, int *exit_code);

/* All of it: the usual start, run_with() where there is nothing to say against it, and the end. */
int args_run(const struct global *g, const struct command *c, int argc, char **argv,
             int (*run_with)(const struct global *g, const struct args *a));

bool args_has(const struct args *a, const char *name);
/* The last value given for `name`; NULL when there was none. */
const char *args_value(const struct args *a, const char *name);
/* The i-th value of a repeatable option, NULL behind the last. */
const char *args_nth(const struct args *a, const char *name, size_t i);
/* Whole number of an option in [min, max]; *out keeps its value when the option was not given. */
int args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
             struct err *err);
/* Index of the option's value among the words of the command's choices; *out keeps its value when not
 * given. Of a repeated option every value is looked at, and the last one counts. */
int args_choice(const struct args *a, const char *name, int *out, struct err *err);
/* The same among other words, NULL-terminated: where a verb takes only some of them. */
int args_choice_of(const struct args *a, const char *name, const char *const *words, int *out, struct err *err);
/* The row of an option ("" = the first operand); NULL where anything goes. */
const struct command_choices *args_choices(const struct command *c, const char *option);

/* The candidate nearest to `word` when it is near enough to be a slip of the fingers, else NULL. */
const char *args_nearest(const char *word, const char *const *candidates, size_t count);

/* The command's --help text, from its tables. */
void args_help(const struct command *c, struct buf *out);

#endif
