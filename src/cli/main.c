/* Sets the locale, finds out which store and config the run is about, and hands over to the
 * command. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/core_dump.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/global.h"
#include "cli/output.h"

/* A missing or misspelt locale must not cost the characters, and "C" is what machines without one
 * have: C.UTF-8 is always there. Numbers stay in the C locale, since JSON, CSV and SQL are written
 * with them. */
static void set_locale(void)
{
	const char *set = setlocale(LC_CTYPE, "");

	if (set == NULL || strcmp(set, "C") == 0 || strcmp(set, "POSIX") == 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

static int unknown_command(const char *name)
{
	const char *names[64];
	size_t n = 0;

	for (; n < 64 && commands[n]; n++)
		names[n] = commands[n]->name;
	const char *near = args_nearest(name, names, n);
	if (near)
		return cli_failf(EXIT_USAGE, "unknown command %s: did you mean %s?", name, near);
	return cli_failf(EXIT_USAGE, "unknown command %s: see llmdeck --help", name);
}

static int print_help(void)
{
	struct buf text = {0};

	global_help(&text);
	int code = cli_print(&text);
	buf_fini(&text);
	return code;
}

static int run(const struct command *command, const struct global_words *words,
               const char *program, int argc, char **argv)
{
	struct global g;
	struct err err = {""};
	int code;

	if (global_resolve(&g, words, program, &err))
		code = cli_fail(EXIT_USAGE, &err);
	else if (g.config_error.text[0] && strcmp(command->name, "doctor") != 0)
		code = cli_fail(EXIT_USAGE, &g.config_error);
	else
		code = command->run(&g, argc, argv);
	global_fini(&g);
	return code;
}

int main(int argc, char **argv)
{
	struct global_words words;
	struct err err = {""};
	const char *program = argc > 0 ? argv[0] : "llmdeck";

	core_dump_forbid();
	set_locale();
	signal(SIGPIPE, SIG_IGN);
	if (global_take(&words, &argc, argv, &err))
		return cli_fail(EXIT_USAGE, &err);
	if (words.version) {
		puts("llmdeck " LLMDECK_VERSION);
		return EXIT_DONE;
	}
	if (argc > 0 && strcmp(argv[0], "help") == 0) { /* as many programs have it: help COMMAND */
		words.help = true;
		argc--;
		argv++;
	}
	if (words.help && argc == 0)
		return print_help();
	const char *name = argc > 0 ? argv[0] : "console";
	const struct command *command = command_find(name);
	if (command == NULL)
		return unknown_command(name);
	char help[] = "--help", word[32];
	snprintf(word, sizeof word, "%s", name);
	char *alone[] = {word, words.help ? help : NULL, NULL};
	if (words.help)
		return run(command, &words, program, 2, alone);
	if (argc == 0)
		return run(command, &words, program, 1, alone);
	return run(command, &words, program, argc, argv);
}
