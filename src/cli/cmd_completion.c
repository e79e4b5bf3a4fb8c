/* llmdeck completion: scripts for bash, zsh and fish made from the command tables, so that they
 * cannot fall behind. What an option takes stands in the commands' tables of choices; what the machine or
 * the store knows (themes, values of --where) the scripts ask through `completion --words`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/args.h"
#include "cli/global.h"
#include "cli/output.h"
#include "core/dims.h"
#include "store/query.h"

#define WORDS_LIMIT 100

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static const struct command_option completion_options[] = {
	{"--words", "WHAT", "print what can stand there, one a line (what the scripts ask): a field's values in the store, or a command's option's (\"snapshot --theme\")"},
	{NULL, NULL, NULL},
};

static void option_names(const struct command_option *rows, struct buf *out)
{
	for (; rows && rows->name; rows++)
		buf_printf(out, " %s", rows->name);
}

static void dim_names(const char *separator, const char *suffix, struct buf *out)
{
	for (int d = 0; d < DIM_COUNT; d++)
		buf_printf(out, "%s%s%s", d ? separator : "", dim_name((enum dim)d), suffix);
}

/* Between single quotes of a shell: the words themselves, or how to ask for them. */
static void put_words(const struct command *c, const struct command_choices *row, const char *ask_before,
                      const char *ask_after, struct buf *out)
{
	for (size_t i = 0; row->words && row->words[i]; i++)
		buf_printf(out, "%s%s", i ? " " : "", row->words[i]);
	if (!row->words)
		buf_printf(out, "%s%s%s%s%s", ask_before, c->name, row->option[0] ? " " : "", row->option, ask_after);
}

static void bash_choices(struct buf *out)
{
	for (size_t i = 0; commands[i]; i++)
		for (const struct command_choices *row = commands[i]->choices; row && row->option; row++) {
			if (!row->option[0])
				continue;
			buf_printf(out, "\t'%s %s') words=\"", commands[i]->name, row->option);
			put_words(commands[i], row, "$(llmdeck completion --words '", "' 2>/dev/null)", out);
			buf_puts(out, "\" ;;\n");
		}
}

static void bash_cases(struct buf *out)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		const struct command_choices *operand = args_choices(c, "");

		buf_printf(out, "\t%s) options=\"--help", c->name);
		option_names(c->options, out);
		buf_puts(out, "\"; verbs=\"");
		for (size_t v = 0; c->subcommands && c->subcommands[v]; v++)
			buf_printf(out, "%s%s", v ? " " : "", c->subcommands[v]);
		if (operand)
			put_words(c, operand, "$(llmdeck completion --words '", "' 2>/dev/null)", out);
		buf_puts(out, "\" ;;\n");
	}
}

static void write_bash(struct buf *out)
{
	buf_puts(out, "# bash completion for llmdeck, made by: llmdeck completion bash\n"
	              "_llmdeck()\n{\n\tlocal cur prev command= options verbs= words= i words_field\n"
	              "\tCOMPREPLY=()\n"
	              "\t_get_comp_words_by_ref -n =: cur prev 2>/dev/null || {\n"
	              "\t\tcur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\t}\n"
	              "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	              "\t\tcase ${COMP_WORDS[i]} in\n\t\t--store|--config|--socket|--context) i=$((i + 1)) ;;\n"
	              "\t\t-*) ;;\n\t\t*) command=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n"
	              "\t[[ $cur == --*=* ]] && prev=${cur%%=*} cur=${cur#*=}\n"
	              "\tcase \"$command $prev\" in\n");
	bash_choices(out);
	buf_puts(out, "\tesac\n"
	              "\tif [[ -n $words ]]; then\n"
	              "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\t\treturn\n\tfi\n"
	              "\tcase $prev in\n"
	              "\t--store|--config|--socket|--rejects) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	              "\t--where)\n\t\tcase $cur in\n"
	              "\t\t*=*)\n\t\t\twords_field=${cur%%=*}\n"
	              "\t\t\tlocal IFS=$'\\n'\n"
	              "\t\t\tCOMPREPLY=($(compgen -W \"$(llmdeck completion --words \"$words_field\" 2>/dev/null)\""
	              " -- \"${cur#*=}\")) ;;\n"
	              "\t\t*)\n\t\t\tcompopt -o nospace\n\t\t\tCOMPREPLY=($(compgen -W \"");
	dim_names(" ", "=", out);
	buf_puts(out, "\" -- \"$cur\")) ;;\n\t\tesac\n\t\treturn ;;\n\tesac\n\tcase $command in\n");
	buf_puts(out, "\t'') options=\"");
	for (size_t i = 0; commands[i]; i++)
		buf_printf(out, "%s%s", i ? " " : "", commands[i]->name);
	option_names(global_options, out);
	buf_puts(out, "\" ;;\n");
	bash_cases(out);
	buf_puts(out, "\tesac\n"
	              "\tCOMPREPLY=($(compgen -W \"$options $verbs\" -- \"$cur\"))\n"
	              "\t[[ $command == import && $cur != -* ]] && COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	              "\treturn 0\n}\ncomplete -F _llmdeck llmdeck\n");
}

/* Inside single quotes of zsh and fish: without quotes, brackets and colons of its own. */
static void plain_text(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_append_c(out, strchr("'[]:\\$`\"", *text) ? ' ' : *text);
}

static void zsh_options(const struct command *c, const struct command_option *rows, struct buf *out)
{
	for (; rows && rows->name; rows++) {
		const struct command_choices *choices = c ? args_choices(c, rows->name) : NULL;

		buf_printf(out, " \\\n\t\t\t'*%s%s[", rows->name, rows->value ? "=" : "");
		plain_text(out, rows->text);
		buf_append_c(out, ']');
		if (rows->value && strcmp(rows->name, "--where") == 0)
			buf_puts(out, ":filter:_llmdeck_where");
		else if (choices) {
			buf_puts(out, choices->words ? ":words:(" : ":words: ");
			put_words(c, choices, "_llmdeck_words ", "", out);
			buf_puts(out, choices->words ? ")" : "");
		} else if (rows->value) {
			buf_puts(out, strcmp(rows->value, "PATH") == 0 || strcmp(rows->value, "FILE") == 0
			                  ? ":file:_files" : ":value:");
		}
		buf_append_c(out, '\'');
	}
}

static void write_zsh(struct buf *out)
{
	buf_puts(out, "#compdef llmdeck\n# zsh completion for llmdeck, made by: llmdeck completion zsh\n"
	              "_llmdeck_where() {\n\tlocal -a values\n"
	              "\tif [[ $PREFIX == *=* ]]; then\n\t\tlocal field=${PREFIX%%=*}\n\t\tcompset -P '*='\n"
	              "\t\tvalues=(${(f)\"$(llmdeck completion --words $field 2>/dev/null)\"})\n"
	              "\t\tcompadd -a values\n\telse\n\t\tcompadd -S '=' ");
	dim_names(" ", "", out);
	buf_puts(out, "\n\tfi\n}\n_llmdeck_words() {\n\tlocal -a words\n"
	              "\twords=(${(f)\"$(llmdeck completion --words \"$*\" 2>/dev/null)\"})\n\tcompadd -a words\n}\n"
	              "_llmdeck() {\n\tlocal -a commands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		buf_printf(out, "\t\t'%s:", commands[i]->name);
		plain_text(out, commands[i]->summary);
		buf_puts(out, "'\n");
	}
	buf_puts(out, "\t)\n\tlocal context state line\n\t_arguments -C");
	zsh_options(NULL, global_options, out);
	buf_puts(out, " \\\n\t\t\t'1:command:->command' '*::argument:->arguments'\n"
	              "\tcase $state in\n\tcommand) _describe command commands ;;\n"
	              "\targuments)\n\t\tcase $line[1] in\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];

		buf_printf(out, "\t\t%s) _arguments", c->name);
		zsh_options(c, c->options, out);
		if (c->subcommands) {
			buf_puts(out, " \\\n\t\t\t'1:verb:(");
			for (size_t v = 0; c->subcommands[v]; v++)
				buf_printf(out, "%s%s", v ? " " : "", c->subcommands[v]);
			buf_puts(out, ")'");
		} else if (args_choices(c, "")) {
			buf_puts(out, " \\\n\t\t\t'1:words: ");
			put_words(c, args_choices(c, ""), "_llmdeck_words ", "", out);
			buf_append_c(out, '\'');
		}
		buf_puts(out, " \\\n\t\t\t'*:file:_files' ;;\n");
	}
	buf_puts(out, "\t\tesac ;;\n\tesac\n}\n_llmdeck \"$@\"\n");
}

static void fish_words(const struct command *c, const struct command_choices *row, struct buf *out)
{
	buf_puts(out, " -a '");
	put_words(c, row, "(llmdeck completion --words \"", "\" 2>/dev/null)", out);
	buf_append_c(out, '\'');
}

static void fish_options(const char *condition, const struct command *c, const struct command_option *rows, struct buf *out)
{
	for (; rows && rows->name; rows++) {
		const struct command_choices *choices = c ? args_choices(c, rows->name) : NULL;
		bool is_long = strncmp(rows->name, "--", 2) == 0;

		buf_printf(out, "complete -c llmdeck -n '%s' -%c %s -d '", condition, is_long ? 'l' : 's',
		           rows->name + (is_long ? 2 : 1));
		plain_text(out, rows->text);
		buf_append_c(out, '\'');
		if (strcmp(rows->name, "--where") == 0) {
			buf_puts(out, " -x -a '(__llmdeck_where)'");
		} else if (choices) {
			buf_puts(out, " -x");
			fish_words(c, choices, out);
		} else if (rows->value) {
			buf_puts(out, " -r");
		}
		buf_append_c(out, '\n');
	}
}

static void write_fish(struct buf *out)
{
	buf_puts(out, "# fish completion for llmdeck, made by: llmdeck completion fish\n"
	              "function __llmdeck_where\n\tfor field in ");
	dim_names(" ", "", out);
	buf_puts(out, "\n\t\tfor value in (llmdeck completion --words $field 2>/dev/null)\n"
	              "\t\t\techo $field=$value\n\t\tend\n\tend\nend\n");
	fish_options("__fish_use_subcommand", NULL, global_options, out);
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		char condition[96];

		buf_printf(out, "complete -c llmdeck -n '__fish_use_subcommand' -f -a %s -d '", c->name);
		plain_text(out, c->summary);
		buf_puts(out, "'\n");
		snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", c->name);
		fish_options(condition, c, c->options, out);
		if (args_choices(c, "")) {
			buf_printf(out, "complete -c llmdeck -n '%s' -f", condition);
			fish_words(c, args_choices(c, ""), out);
			buf_append_c(out, '\n');
		}
		for (size_t v = 0; c->subcommands && c->subcommands[v]; v++)
			buf_printf(out, "complete -c llmdeck -n '%s' -f -a %s\n", condition, c->subcommands[v]);
	}
}

/* A name on a line of its own, unless a shell must not see it as it stands. */
static void put_safe_line(struct str name, struct buf *out)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+,";

	for (size_t i = 0; i < name.len; i++)
		if (!strchr(safe, name.ptr[i]))
			return;
	if (name.len > 0)
		buf_printf(out, "%.*s\n", STR_ARG(name));
}

/* "snapshot --theme", "snapshot": what this option, or the first operand, takes. */
static int put_choices(const char *what, struct buf *out)
{
	struct str rest = str_of(what);
	char *name = mem_strndup(what, str_cut(&rest, ' ').len);
	const struct command *c = command_find(name);
	const struct command_choices *row = c ? args_choices(c, rest.len ? rest.ptr : "") : NULL;
	struct buf words = {0};

	free(name);
	if (!row)
		return cli_failf(EXIT_USAGE, "completion: --words \"%s\": give a field such as service, or a command and "
		                 "its option such as \"snapshot --theme\"", what);
	for (size_t i = 0; row->words && row->words[i]; i++)
		buf_printf(&words, "%s\n", row->words[i]);
	if (row->list)
		row->list(&words);
	for (struct str all = buf_str(&words); all.len > 0;)
		put_safe_line(str_cut(&all, '\n'), out);
	buf_fini(&words);
	return EXIT_DONE;
}

static int put_values(const struct global *g, enum dim d, struct buf *out)
{
	struct store_reader *reader = NULL;
	struct names_result names = {0};
	struct err err;

	if (store_reader_open(&reader, g->store_path, &err))
		return EXIT_UNAVAILABLE;
	if (query_dim_values(reader, d, WORDS_LIMIT, &names, &err)) {
		store_reader_close(&reader);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < names.name_count; i++)
		put_safe_line(str_of(names.names[i]), out);
	names_result_fini(&names);
	store_reader_close(&reader);
	return EXIT_DONE;
}

/* What the scripts ask while the user types: silent and quick, also when there is no store. */
static int print_words(const struct global *g, const char *what)
{
	struct buf out = {0};
	enum dim d;
	int code = dim_from_name(str_of(what), &d) ? put_values(g, d, &out) : put_choices(what, &out);

	if (code == EXIT_DONE)
		code = cli_print(&out);
	buf_fini(&out);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	static void (*const writers[])(struct buf *) = {write_bash, write_zsh, write_fish};
	struct args a;
	struct buf out = {0};
	int code;

	if (!args_open(&a, &completion_command, argc, argv, &code))
		return code;
	const char *words = args_value(&a, "--words");
	const char *shell = a.operand_count == 1 ? a.operands[0] : "";
	code = EXIT_USAGE;
	if (words)
		code = print_words(g, words);
	for (size_t i = 0; !words && shells[i]; i++) {
		if (strcmp(shell, shells[i]) != 0)
			continue;
		writers[i](&out);
		code = cli_print(&out);
	}
	if (!words && code == EXIT_USAGE)
		cli_failf(EXIT_USAGE, "completion: which shell? bash, zsh or fish");
	buf_fini(&out);
	args_fini(&a);
	return code;
}

const struct command completion_command = {
	.name = "completion",
	.usage = "bash|zsh|fish",
	.summary = "shell completion with live names",
	.help = "For example: llmdeck completion bash > ~/.local/share/bash-completion/completions/llmdeck",
	.options = completion_options,
	.subcommands = shells,
	.run = run,
};
