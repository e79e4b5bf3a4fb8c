/* Global options are taken out of argv first, so that `llmdeck --store X report` and `llmdeck report
 * --store X` mean the same; the command then sees only its own words. The paths follow from what
 * was said, or else from what exists: a shared store of the machine comes before one's own. */
#include "cli/global.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/args.h"
#include "parse/config.h"

#define SYSTEM_STORE "/var/lib/llmdeck/llmdeck.db"
#define SYSTEM_CONFIG "/etc/llmdeck/config.yaml"
#define SYSTEM_RUNTIME "/run/llmdeck"
#define SOCKET_NAME "control.sock"

const struct command_option global_options[] = {
	{"--store", "PATH", "the store's file (LLMDECK_STORE)"},
	{"--config", "PATH", "the configuration (LLMDECK_CONFIG)"},
	{"--socket", "PATH", "the collector's control socket"},
	{"--context", "NAME", "a store and socket named in the configuration (LLMDECK_CONTEXT)"},
	{"--version", NULL, "print the version"},
	{"--help", NULL, "print this text, or the command's"},
	{NULL, NULL, NULL},
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static const struct command_option *row_of(const struct command_option *rows, const char *word,
                                           size_t len)
{
	for (; rows && rows->name; rows++)
		if (strlen(rows->name) == len && memcmp(rows->name, word, len) == 0)
			return rows;
	return NULL;
}

static size_t name_length(const char *word)
{
	const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;

	return equals ? (size_t)(equals - word) : strlen(word);
}

static int set_word(struct global_words *w, const struct command_option *row, const char *value)
{
	if (strcmp(row->name, "--store") == 0)
		w->store = value;
	else if (strcmp(row->name, "--config") == 0)
		w->config = value;
	else if (strcmp(row->name, "--socket") == 0)
		w->socket = value;
	else if (strcmp(row->name, "--context") == 0)
		w->context = value;
	else if (strcmp(row->name, "--version") == 0)
		w->version = true;
	else
		w->help = true;
	return 0;
}

/* Takes the global option at argv[*at] with its value and moves *at to the last word used. */
static int take_global(struct global_words *w, const struct command_option *row, int argc,
                       char **argv, int *at, struct err *err)
{
	const char *word = argv[*at];
	size_t len = name_length(word);
	const char *value = NULL;

	if (row->value == NULL && word[len] == '=')
		return err_set(err, "%s takes no value: write %s alone", row->name, row->name);
	if (row->value) {
		if (word[len] != '=' && *at + 1 >= argc)
			return err_set(err, "%s needs a value: %s %s", row->name, row->name, row->value);
		value = word[len] == '=' ? word + len + 1 : argv[++*at];
		if (value[0] == '\0')
			return err_set(err, "%s needs a value: %s %s", row->name, row->name, row->value);
	}
	return set_word(w, row, value);
}

static int unknown_global(const char *word, struct err *err)
{
	const char *names[sizeof global_options / sizeof global_options[0]];
	size_t n = sizeof global_options / sizeof global_options[0] - 1;
	char *name = mem_strndup(word, name_length(word));

	for (size_t i = 0; i < n; i++)
		names[i] = global_options[i].name;
	const char *near = args_nearest(name, names, n);
	if (near)
		err_set(err, "unknown option %s: did you mean %s?", name, near);
	else
		err_set(err, "unknown option %s in front of a command: see llmdeck --help", name);
	free(name);
	return -1;
}

int global_take(struct global_words *w, int *argc, char **argv, struct err *err)
{
	const struct command *command = NULL;
	int kept = 0, at = 1;

	*w = (struct global_words){0};
	for (; at < *argc && kept == 0; at++) {
		const struct command_option *row = row_of(global_options, argv[at], name_length(argv[at]));

		if (strcmp(argv[at], "-h") == 0)
			row = row_of(global_options, "--help", strlen("--help"));
		if (row) {
			if (take_global(w, row, *argc, argv, &at, err))
				return -1;
		} else if (argv[at][0] == '-') {
			break; /* the console's own options may follow a plain llmdeck */
		} else {
			command = command_find(argv[at]);
			argv[kept++] = argv[at];
		}
	}
	if (kept == 0 && at < *argc) {
		command = command_find("console");
		if (command == NULL || row_of(command->options, argv[at], name_length(argv[at])) == NULL)
			return unknown_global(argv[at], err);
		argv[kept++] = (char *)(uintptr_t)"console"; /* argv[at] is at least argv[1]: room for it */
	}
	for (bool over = false; at < *argc; at++) {
		size_t len = name_length(argv[at]);
		const struct command_option *own =
			command ? row_of(command->options, argv[at], len) : NULL;
		const struct command_option *row = row_of(global_options, argv[at], len);

		over = over || strcmp(argv[at], "--") == 0;
		if (!over && own == NULL && row && row->value) {
			if (take_global(w, row, *argc, argv, &at, err))
				return -1;
			continue;
		}
		bool value_follows = !over && own && own->value && argv[at][len] != '=';
		argv[kept++] = argv[at];
		if (value_follows && at + 1 < *argc)
			argv[kept++] = argv[++at];
	}
	*argc = kept;
	return 0;
}

static const char *said_or_env(const char *word, const char *variable)
{
	const char *env = getenv(variable);

	return word ? word : env && env[0] ? env : NULL;
}

static char *find_config(const char *given)
{
	if (given)
		return mem_strdup(given);
	char *dir = path_config_dir();
	char *own = mem_printf("%s/config.yaml", dir);
	free(dir);
	if (file_exists(own))
		return own;
	free(own);
	return file_exists(SYSTEM_CONFIG) ? mem_strdup(SYSTEM_CONFIG) : NULL;
}

static char *own_store_path(void)
{
	char *dir = path_state_dir();
	char *path = mem_printf("%s/llmdeck.db", dir);

	free(dir);
	return path;
}

char *global_socket_path(const char *store_path)
{
	char *own_store = own_store_path();
	char *own_dir = path_runtime_dir();
	char *absolute = realpath(store_path, NULL);
	const char *store = absolute ? absolute : store_path;
	char *path;

	if (strcmp(store, SYSTEM_STORE) == 0) {
		path = mem_strdup(SYSTEM_RUNTIME "/" SOCKET_NAME);
	} else if (strcmp(store, own_store) == 0 || strcmp(store_path, own_store) == 0) {
		path = mem_printf("%s/%s", own_dir, SOCKET_NAME);
	} else {
		unsigned long long hash = hash_bytes(store, strlen(store));

		path = mem_printf("%s/%016llx.sock", SYSTEM_RUNTIME, hash);
		if (!file_exists(path)) {
			free(path);
			path = mem_printf("%s/%016llx.sock", own_dir, hash);
		}
	}
	free(absolute);
	free(own_dir);
	free(own_store);
	return path;
}

static const struct config_context *find_context(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->context_count; i++)
		if (strcmp(c->contexts[i].name, name) == 0)
			return &c->contexts[i];
	return NULL;
}

static int unknown_context(const struct global *g, const char *name, struct err *err)
{
	if (g->config_error.text[0])
		return err_set(err, "context \"%s\": %s", name, g->config_error.text);
	return err_set(err, "unknown context \"%s\": %s: name it under `contexts:`", name,
	               g->config_path ? g->config_path : "there is no config file");
}

static void load_config(struct global *g)
{
	if (g->config_path == NULL || config_load(&g->config, g->config_path, &g->config_error) != 0)
		config_init(&g->config);
}

int global_resolve(struct global *g, const struct global_words *w, const char *program,
                   struct err *err)
{
	const char *store = said_or_env(w->store, "LLMDECK_STORE");
	const char *context_name = said_or_env(w->context, "LLMDECK_CONTEXT");
	const struct config_context *context = NULL;
	const char *socket = w->socket;

	*g = (struct global){.program = program};
	g->config_path = find_config(said_or_env(w->config, "LLMDECK_CONFIG"));
	load_config(g);
	if (context_name && (context = find_context(&g->config, context_name)) == NULL)
		return unknown_context(g, context_name, err);
	/* --context on the command line is meant; LLMDECK_STORE in the environment is habit. */
	if (context && context->store && w->store == NULL && (w->context || store == NULL))
		store = context->store;
	if (context && socket == NULL)
		socket = context->socket;
	g->store_given = store != NULL;
	if (store)
		g->store_path = mem_strdup(store);
	else if (access(SYSTEM_STORE, R_OK) == 0)
		g->store_path = mem_strdup(SYSTEM_STORE);
	else
		g->store_path = own_store_path();
	g->socket_path = socket ? mem_strdup(socket) : global_socket_path(g->store_path);
	return 0;
}

void global_fini(struct global *g)
{
	free(g->store_path);
	free(g->config_path);
	free(g->socket_path);
	config_fini(&g->config);
	*g = (struct global){0};
}

void global_help(struct buf *out)
{
	buf_puts(out, "llmdeck " LLMDECK_VERSION ": the flight deck for LLM applications\n\n"
	              "Usage: llmdeck [GLOBAL] COMMAND …\n"
	              "No command means `console`. A first look: llmdeck demo\n\nCommands:\n");
	for (size_t i = 0; commands[i]; i++)
		buf_printf(out, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
	buf_puts(out, "\nGlobal options:\n");
	for (size_t i = 0; global_options[i].name; i++) {
		const struct command_option *o = &global_options[i];
		char head[32];

		snprintf(head, sizeof head, "%s %s", o->name, o->value ? o->value : "");
		buf_printf(out, "  %-15s %s\n", head, o->text);
	}
	buf_puts(out, "\nExit codes: 0 ok, 1 failed, 2 usage or bad input, 3 timed out,\n"
	              "4 source or store unavailable, 5 not allowed. More: man llmdeck\n");
}
