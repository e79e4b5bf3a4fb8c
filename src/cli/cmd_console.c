/* llmdeck console: the full screen, and a collector as its child where nobody collects yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/window.h"
#include "console/console.h"
#include "daemon/spawn.h"

#define START_TIMEOUT_US (5 * US_PER_S)
#define STOP_TIMEOUT_US (5 * US_PER_S)

static const struct command_option console_options_table[] = {
	{"--page", "NAME", "start there: overview, monitor, rollouts, feedback, or a panel such as latency"},
	WINDOW_OPTIONS,
	{"--read-only", NULL, "change nothing, start no collector"},
	{"--theme", "NAME", "colours (default: the configuration's)"},
	{"--once", NULL, "print one screen as text and leave"},
	{"--size", "WxH", "columns and rows of that screen (default: the terminal's, LINES and COLUMNS, 80x24)"},
	{"--a11y", NULL, "lines of text that are only ever added, no drawing"},
	{NULL, NULL, NULL},
};

extern const struct command console_command;

static int read_times(struct console_options *o, const struct args *a, const struct tz *tz,
                      struct err *err)
{
	const char *since = args_value(a, "--since"), *from = args_value(a, "--from");
	const char *to = args_value(a, "--to");
	int64_t now = clock_wall_us();

	if (since && (!duration_parse(str_of(since), &o->since_us) || o->since_us < US_PER_MIN))
		return err_set(err, "console: --since %s: give a length of a minute or more, such as 15m or 24h",
		               since);
	if (from && !window_parse_time(from, tz, now, 0, &o->from_us))
		return err_set(err, "console: --from %s: give RFC 3339, a date or a clock time", from);
	if (to && !window_parse_time(to, tz, now, o->from_us, &o->to_us))
		return err_set(err, "console: --to %s: give RFC 3339, a date or a clock time", to);
	if (to && !from)
		o->from_us = o->to_us - (o->since_us > 0 ? o->since_us : US_PER_HOUR);
	else if (from && !to)
		o->to_us = o->since_us > 0 ? o->from_us + o->since_us : now;
	if ((from || to) && o->to_us - o->from_us < US_PER_MIN)
		return err_set(err, "console: --to has to be a minute or more after --from");
	return 0;
}

static int read_options(struct console_options *o, const struct args *a, struct err *err)
{
	struct tz *tz = NULL;
	const char *text, *size = args_value(a, "--size");
	int result = 0;

	for (size_t i = 0; (text = args_nth(a, "--where", i)) != NULL; i++) {
		if (view_add_filter(&o->where, str_of(text), err) != 0)
			return -1;
	}
	if (size && (sscanf(size, "%4dx%4d", &o->width, &o->height) != 2 || o->width < 1 || o->height < 1 ||
	             o->width > 1000 || o->height > 1000))
		return err_set(err, "console: --size %s: write columns x rows, such as 120x40", size);
	if (tz_load(&tz, o->config->options[OPTION_TZ].text, err) != 0)
		return -1;
	result = read_times(o, a, tz, err);
	tz_free(&tz);
	o->page = args_value(a, "--page");
	o->theme = args_value(a, "--theme");
	o->read_only = args_has(a, "--read-only");
	o->once = args_has(a, "--once");
	o->a11y = args_has(a, "--a11y");
	return result;
}

/* The colour that the config gives the store's context. */
static void name_context(struct console_options *o, const struct global *g)
{
	for (size_t i = 0; i < g->config.context_count; i++) {
		const struct config_context *c = &g->config.contexts[i];

		if (c->store && strcmp(c->store, g->store_path) == 0) {
			o->context = c->name;
			o->context_colour = c->colour;
		}
	}
}

/* Starts a collector as our child where nobody collects and the store is ours; `banner` says what
 * that means, or what to start instead. */
static struct collector_child *start_collector(const struct global *g, char *banner, size_t cap)
{
	struct collector_child *child = NULL;
	struct err err = {""};
	enum spawn_need need = spawn_needed(g->store_path, g->socket_path, &g->config, &err);
	struct spawn_options o = {
		.collector = {.store_path = g->store_path, .socket_path = g->socket_path,
		              .config_path = g->config_path, .config = &g->config, .receive = true, .parent_fd = -1},
	};

	if (need == SPAWN_NOT_NEEDED)
		return NULL;
	if (need == SPAWN_POSSIBLE && collector_child_start(&child, &o, START_TIMEOUT_US, &err) == 0)
		snprintf(banner, cap, "collecting and alarms end with this console: "
		         "run `llmdeck collect` as a service to keep them");
	else
		snprintf(banner, cap, "%.150s", err.text);
	return child;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct console_options o = {.store_path = g->store_path, .socket_path = g->socket_path,
	                            .config_path = g->config_path, .config = &g->config};
	struct collector_child *child = NULL;
	struct err err = {""};
	struct args a;
	char banner[160] = "";
	int code;

	if (!args_open(&a, &console_command, argc, argv, &code))
		return code;
	code = EXIT_USAGE;
	if (a.operand_count > 0) {
		err_set(&err, "console: %s: takes no operands: see llmdeck console --help", a.operands[0]);
		goto out;
	}
	if (read_options(&o, &a, &err) != 0)
		goto out;
	name_context(&o, g);
	if (!o.once && !o.a11y && !args_has(&a, "--read-only") && isatty(STDOUT_FILENO) &&
	    isatty(STDIN_FILENO))
		child = start_collector(g, banner, sizeof banner);
	o.banner = banner[0] ? banner : NULL;
	code = console_run(&o, &err) == 0 ? EXIT_DONE : EXIT_UNAVAILABLE;
	collector_child_stop(&child, STOP_TIMEOUT_US);
out:
	args_fini(&a);
	return code == EXIT_DONE ? code : cli_fail((enum exit_code)code, &err);
}

const struct command console_command = {
	.name = "console",
	.usage = "[--page NAME] [--since 1h] [--where FIELD=VALUE] …",
	.summary = "the full screen; what runs when no command is given",
	.help = "Where stdout is no terminal it prints one screen as text and leaves, as with --once.\n"
	        "Where nobody collects into the store and the store is your own, a collector runs as long\n"
	        "as the console. The key y copies the command that opens exactly what is on the screen;\n"
	        "? lists the keys.",
	.options = console_options_table,
	.run = run,
};
