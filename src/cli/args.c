/* One pass over argv: each word that starts with a dash is looked up in the command's table, and
 * the row says whether a value follows. A word that is not found is compared with every row by edit
 * distance, so that the error can name what was meant. */
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"

#define NEAREST_WORD_BYTES 40

/* Levenshtein distance with one row of memory; words beyond the bound are far from everything. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAREST_WORD_BYTES + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NEAREST_WORD_BYTES || lb > NEAREST_WORD_BYTES)
		return NEAREST_WORD_BYTES;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < best ? change : best;
		}
	}
	return row[lb];
}

const char *args_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t best_distance = 1 + strlen(word) / 3;

	for (size_t i = 0; i < count; i++) {
		size_t d = edit_distance(word, candidates[i]);

		if (d <= best_distance && (best == NULL || d < best_distance)) {
			best = candidates[i];
			best_distance = d;
		}
	}
	return best;
}

static size_t option_count(const struct command *c)
{
	size_t n = 0;

	while (c->options && c->options[n].name)
		n++;
	return n;
}

static const struct command_option *find_option(const struct command *c, struct str name)
{
	for (size_t i = 0; i < option_count(c); i++)
		if (str_equal_c(name, c->options[i].name))
			return &c->options[i];
	return NULL;
}

static int unknown_option(const struct command *c, struct str name, struct err *err)
{
	size_t n = option_count(c);
	const char **names = mem_array(NULL, n + 1, sizeof *names);
	char *word = mem_strndup(name.ptr, name.len);

	for (size_t i = 0; i < n; i++)
		names[i] = c->options[i].name;
	const char *near = args_nearest(word, names, n);
	if (near)
		err_set(err, "%s: unknown option %s: did you mean %s?", c->name, word, near);
	else
		err_set(err, "%s: unknown option %s: see llmdeck %s --help", c->name, word, c->name);
	free(names);
	free(word);
	return -1;
}

static void add_given(struct args *a, const struct command_option *row, const char *value)
{
	a->given[a->given_count].row = row;
	a->given[a->given_count].value = value;
	a->given_count++;
}

/* Takes argv[*at], which starts with a dash, and its value; moves *at to the last word used. */
static int take_option(struct args *a, int argc, char **argv, int *at, struct err *err)
{
	const char *word = argv[*at];
	const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	struct str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
	const struct command_option *row = find_option(a->command, name);

	if (row == NULL && (str_equal_c(name, "--help") || str_equal_c(name, "-h"))) {
		a->help = true;
		return 0;
	}
	if (row == NULL)
		return unknown_option(a->command, name, err);
	if (row->value == NULL) {
		if (equals)
			return err_set(err, "%s: %s takes no value: write %s alone", a->command->name,
			               row->name, row->name);
		add_given(a, row, NULL);
		return 0;
	}
	if (equals) {
		add_given(a, row, equals + 1);
		return 0;
	}
	if (*at + 1 >= argc)
		return err_set(err, "%s: %s needs a value: %s %s", a->command->name, row->name, row->name,
		               row->value);
	add_given(a, row, argv[++*at]);
	return 0;
}

int args_parse(struct args *a, const struct command *c, int argc, char **argv, struct err *err)
{
	bool options_over = false;

	*a = (struct args){.command = c};
	a->given = mem_array(NULL, (size_t)argc + 1, sizeof *a->given);
	a->operands = mem_array(NULL, (size_t)argc + 1, sizeof *a->operands);
	for (int i = 1; i < argc; i++) {
		if (!options_over && strcmp(argv[i], "--") == 0)
			options_over = true;
		else if (options_over || argv[i][0] != '-' || argv[i][1] == '\0')
			a->operands[a->operand_count++] = argv[i];
		else if (take_option(a, argc, argv, &i, err))
			return -1;
	}
	return 0;
}

void args_fini(struct args *a)
{
	free(a->given);
	free(a->operands);
	*a = (struct args){0};
}

/* Before the command does anything: a word that its table of choices does not hold. */
static int check_words(const struct args *a, struct err *err)
{
	int index;

	for (const struct command_choices *row = a->command->choices; row && row->option; row++)
		if (row->words && row->option[0] && args_choice(a, row->option, &index, err))
			return -1;
	return 0;
}

bool args_open(struct args *a, const struct command *c, int argc, char **argv, int *exit_code)
{
	struct err err = {""};

	if (args_parse(a, c, argc, argv, &err) || (!a->help && check_words(a, &err))) {
		*exit_code = cli_fail(EXIT_USAGE, &err);
		args_fini(a);
		return false;
	}
	if (!a->help)
		return true;
	struct buf text = {0};
	args_help(c, &text);
	*exit_code = cli_print(&text);
	buf_fini(&text);
	args_fini(a);
	return false;
}

int args_run(const struct global *g, const struct command *c, int argc, char **argv,
             int (*run_with)(const struct global *g, const struct args *a))
{
	struct args a;
	int code;

	if (!args_open(&a, c, argc, argv, &code))
		return code;
	code = run_with(g, &a);
	args_fini(&a);
	return code;
}

bool args_has(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->given_count; i++)
		if (strcmp(a->given[i].row->name, name) == 0)
			return true;
	return false;
}

const char *args_value(const struct args *a, const char *name)
{
	const char *last = NULL;

	for (size_t i = 0; i < a->given_count; i++)
		if (strcmp(a->given[i].row->name, name) == 0)
			last = a->given[i].value;
	return last;
}

const char *args_nth(const struct args *a, const char *name, size_t nth)
{
	for (size_t i = 0; i < a->given_count; i++)
		if (strcmp(a->given[i].row->name, name) == 0 && nth-- == 0)
			return a->given[i].value;
	return NULL;
}

int args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
             struct err *err)
{
	const char *text = args_value(a, name);
	int64_t value;

	if (text == NULL)
		return 0;
	if (!str_to_int64(str_of(text), &value) || value < min || value > max)
		return err_set(err, "%s: %s \"%s\": give a whole number from %lld to %lld",
		               a->command->name, name, text, (long long)min, (long long)max);
	*out = value;
	return 0;
}

const struct command_choices *args_choices(const struct command *c, const char *option)
{
	for (const struct command_choices *row = c->choices; row && row->option; row++)
		if (strcmp(row->option, option) == 0)
			return row;
	return NULL;
}

static int find_word(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	return -1;
}

int args_choice_of(const struct args *a, const char *name, const char *const *words, int *out, struct err *err)
{
	const char *text;

	for (size_t nth = 0; (text = args_nth(a, name, nth)) != NULL; nth++) {
		int found = find_word(words, text);

		if (found < 0) {
			struct buf list = {0};

			for (size_t i = 0; words[i]; i++)
				buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
			err_set(err, "%s: %s \"%s\": give one of %s", a->command->name, name, text, list.data);
			buf_fini(&list);
			return -1;
		}
		*out = found;
	}
	return 0;
}

int args_choice(const struct args *a, const char *name, int *out, struct err *err)
{
	return args_choice_of(a, name, args_choices(a->command, name)->words, out, err);
}

static void help_options(const struct command *c, struct buf *out)
{
	int width = (int)strlen("--help");

	for (size_t i = 0; i < option_count(c); i++) {
		const struct command_option *o = &c->options[i];
		int w = (int)(strlen(o->name) + (o->value ? 1 + strlen(o->value) : 0));

		width = w > width ? w : width;
	}
	buf_puts(out, "\nOptions:\n");
	for (size_t i = 0; i < option_count(c); i++) {
		const struct command_option *o = &c->options[i];
		char head[96];

		snprintf(head, sizeof head, "%s%s%s", o->name, o->value ? " " : "",
		         o->value ? o->value : "");
		buf_printf(out, "  %-*s  %s\n", width, head, o->text);
	}
	buf_printf(out, "  %-*s  %s\n", width, "--help", "print this text");
}

void args_help(const struct command *c, struct buf *out)
{
	buf_printf(out, "llmdeck %s: %s\n\nUsage: llmdeck [GLOBAL] %s %s\n", c->name, c->summary,
	           c->name, c->usage ? c->usage : "");
	if (c->subcommands) {
		buf_puts(out, "\nVerbs:");
		for (size_t i = 0; c->subcommands[i]; i++)
			buf_printf(out, " %s", c->subcommands[i]);
		buf_puts(out, "\n");
	}
	help_options(c, out);
	if (c->help)
		buf_printf(out, "\n%s\n", c->help);
	buf_puts(out, "\nGlobal options and exit codes: llmdeck --help, man llmdeck\n");
}
