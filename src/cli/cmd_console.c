/* llmdeck console: the full screen, and a collector as its child where nobody collects yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/choices.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/throwaway.h"
#include "cli/window.h"
#include "console/console.h"
#include "console/render.h"
#include "daemon/spawn.h"
#include "ui/theme.h"

#define START_TIMEOUT_US (5 * US_PER_S)
#define STOP_TIMEOUT_US (5 * US_PER_S)

static const struct command_option console_options_table[] = {
	{"-e", "URL", "watch this metrics page with no config, as often as you like; opens on inference"},
	{"--page", "NAME", "start there: overview, inference, monitor, rollouts, feedback, or a panel such as latency"},
	WINDOW_OPTIONS,
	{"--compare", "WINDOW", "the window that the pages incident and diff compare with: a duration such as 1d earlier; with --from and --to also before, FROM..TO"},
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

static int read_compared(struct console_options *o, const struct args *a, const struct tz *tz, struct err *err)
{
	const char *text = args_value(a, "--compare");
	struct view now = {.from_us = o->from_us, .to_us = o->to_us}, other;

	if (!text)
		return 0;
	if (o->to_us == 0) {
		if (!duration_parse(str_of(text), &o->other_ago_us) || o->other_ago_us <= 0)
			return err_set(err, "console: --compare %s: give a duration such as 1d, or --from and --to with it", text);
		return 0;
	}
	if (report_compare_window("console: --compare", text, tz, &now, &other, err))
		return -1;
	o->other_from_us = other.from_us;
	o->other_to_us = other.to_us;
	return 0;
}

/* NULL is fine: the configuration's, which the console speaks of itself. */
static int check_theme(const char *name, struct err *err)
{
	struct theme *theme = mem_zalloc(sizeof *theme);
	int result = name ? theme_find(theme, name, err) : 0;

	free(theme);
	return result;
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
	if (tz_load(&tz, o->config->options[OPTION_TZ].text, err) != 0 || check_theme(args_value(a, "--theme"), err) != 0)
		return -1;
	result = read_times(o, a, tz, err) || read_compared(o, a, tz, err) ? -1 : 0;
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

/* A collector as our child, on its way while the console draws. */
struct own_collector {
	struct collector_child *child;
	struct console_start start;
};

static int ask_child(void *arg, char *banner, size_t cap, struct err *err)
{
	const struct own_collector *own = arg;
	enum spawn_state state = collector_child_state(own->child, err);

	if (state == SPAWN_STARTING)
		return 1;
	if (state == SPAWN_READY)
		snprintf(banner, cap, "collecting and alarms end with this console: "
		         "run `llmdeck collect` as a service to keep them");
	else
		snprintf(banner, cap, "%.150s", err->text);
	err->text[0] = '\0'; /* without one the store can still be read */
	return 0;
}

/* Begins one where nobody collects and the store is ours; else `banner` says what to start instead. */
static void start_collector(const struct global *g, struct own_collector *own, char *banner, size_t cap)
{
	struct err err = {""};
	enum spawn_need need = spawn_needed(g->store_path, g->socket_path, &g->config, &err);
	struct spawn_options o = {
		.collector = {.store_path = g->store_path, .socket_path = g->socket_path,
		              .config_path = g->config_path, .config = &g->config, .receive = true, .parent_fd = -1},
	};

	if (need == SPAWN_NOT_NEEDED)
		return;
	if (need == SPAWN_POSSIBLE && collector_child_begin(&own->child, &o, START_TIMEOUT_US, &err) == 0)
		own->start = (struct console_start){collector_child_fd(own->child), ask_child, own};
	else
		snprintf(banner, cap, "%.150s", err.text);
}

/* ── -e URL ────────────────────────────────────────────────────────────────────────────────── */

#define WATCHED_MAX 32
#define WATCH_ONCE_S 6.0 /* two scrapes and a little: rates need two */

/* A collector of our own with a source for each URL, over a store that ends with us. */
struct watch {
	char *folder, *store_path, *socket_path, *log_path;
	char *names[WATCHED_MAX], *urls[WATCHED_MAX];
	struct config_pair pairs[WATCHED_MAX][2];
	struct config_section sources[WATCHED_MAX];
	struct config config; /* borrows what it does not replace */
};

/* "localhost:8000" is http://localhost:8000/metrics; a path that is given stays. */
static char *whole_url(const char *text)
{
	const char *scheme = strstr(text, "://");
	const char *host = scheme ? scheme + 3 : text, *path = strchr(host, '/');

	return mem_printf("%s%s%s", scheme ? "" : "http://", text,
	                  !path ? "/metrics" : path[1] == '\0' ? "metrics" : "");
}

/* The source is called by the URL's host and port, and by its number where two are alike. */
static char *name_of(const struct watch *w, size_t count, const char *url)
{
	const char *host = strstr(url, "://") + 3, *at;
	char *name = mem_strndup(host, strcspn(host, "/?#"));

	at = strrchr(name, '@');
	if (at)
		memmove(name, at + 1, strlen(at + 1) + 1);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(w->names[i], name) == 0) {
			char *numbered = mem_printf("%s#%zu", name, count + 1);

			free(name);
			return numbered;
		}
	}
	return name;
}

static int fill_watch(struct watch *w, const struct global *g, const struct args *a, struct err *err)
{
	size_t count = 0;
	const char *text;

	w->config = g->config;
	for (; (text = args_nth(a, "-e", count)) != NULL; count++) {
		if (count == WATCHED_MAX)
			return err_set(err, "console: -e: at most %d metrics pages: configure the rest as sources", WATCHED_MAX);
		w->urls[count] = whole_url(text);
		w->names[count] = name_of(w, count, w->urls[count]);
		w->pairs[count][0] = (struct config_pair){.key = "url", .value = w->urls[count]};
		w->pairs[count][1] = (struct config_pair){.key = "every", .value = "2s"};
		w->sources[count] = (struct config_section){.name = w->names[count], .kind = "prometheus",
		                                            .pairs = w->pairs[count], .pair_count = 2};
	}
	w->config.sources = w->sources;
	w->config.source_count = count;
	w->config.rollout_count = w->config.notifier_count = 0;
	return 0;
}

static int ask_watcher(void *arg, char *banner, size_t cap, struct err *err)
{
	struct own_collector *own = arg;
	enum spawn_state state = collector_child_state(own->child, err);

	(void)banner;
	(void)cap;
	return state == SPAWN_FAILED ? -1 : state == SPAWN_STARTING;
}

/* Begins it, and waits for it where no screen can be drawn meanwhile. */
static int start_watch(struct watch *w, const struct global *g, const struct args *a, bool wait, struct own_collector *own,
                       struct err *err)
{
	if (fill_watch(w, g, a, err) != 0 || throwaway_make("watch", &w->folder, err) != 0)
		return -1;
	w->store_path = mem_printf("%s/" THROWAWAY_STORE, w->folder);
	w->socket_path = mem_printf("%s/control.sock", w->folder);
	w->log_path = mem_printf("%s/collector.log", w->folder);
	struct spawn_options o = {
		.collector = {.store_path = w->store_path, .socket_path = w->socket_path, .config = &w->config},
		.log_path = w->log_path, .after = throwaway_remove_after, .arg = w->folder,
	};

	if (wait)
		return collector_child_start(&own->child, &o, START_TIMEOUT_US, err);
	if (collector_child_begin(&own->child, &o, START_TIMEOUT_US, err))
		return -1;
	own->start = (struct console_start){collector_child_fd(own->child), ask_watcher, own};
	return 0;
}

static void end_watch(struct watch *w)
{
	if (w->folder)
		throwaway_remove(w->folder); /* already gone unless the child was killed */
	for (size_t i = 0; i < WATCHED_MAX; i++) {
		free(w->names[i]);
		free(w->urls[i]);
	}
	free(w->folder);
	free(w->store_path);
	free(w->socket_path);
	free(w->log_path);
}

/* The console over what -e named. */
static int run_watch(const struct global *g, struct console_options *o, const struct args *a, struct err *err)
{
	struct watch *w = mem_zalloc(sizeof *w);
	struct own_collector own = {0};
	int result = start_watch(w, g, a, console_prints(o) || o->a11y, &own, err);

	if (result == 0) {
		o->start = own.start.ask ? &own.start : NULL;
		o->store_path = w->store_path;
		o->socket_path = w->socket_path;
		o->config = &w->config;
		if (!o->page)
			o->page = "inference";
		if (o->since_us == 0 && o->to_us == 0)
			o->since_us = 15 * US_PER_MIN;
		if (console_prints(o))
			o->run_seconds = WATCH_ONCE_S;
		result = console_run(o, err);
		o->start = NULL;
	}
	collector_child_stop(&own.child, STOP_TIMEOUT_US);
	end_watch(w);
	free(w);
	return result;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct console_options o = {.store_path = g->store_path, .socket_path = g->socket_path,
	                            .config_path = g->config_path, .config = &g->config};
	struct own_collector own = {0};
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
	if (read_options(&o, &a, &err) != 0 || (o.page && place_check(o.page, &err) != 0))
		goto out;
	if (args_has(&a, "-e")) {
		code = run_watch(g, &o, &a, &err) == 0 ? EXIT_DONE : EXIT_UNAVAILABLE;
		goto out;
	}
	name_context(&o, g);
	if (!console_prints(&o) && !o.a11y && !o.read_only)
		start_collector(g, &own, banner, sizeof banner);
	o.start = own.child ? &own.start : NULL;
	o.banner = banner[0] ? banner : NULL;
	code = console_run(&o, &err) == 0 ? EXIT_DONE : EXIT_UNAVAILABLE;
	collector_child_stop(&own.child, STOP_TIMEOUT_US);
out:
	args_fini(&a);
	return code == EXIT_DONE ? code : cli_fail((enum exit_code)code, &err);
}

static const struct command_choices console_choices[] = {
	{"--page", NULL, choices_places},
	{"--theme", NULL, choices_themes},
	{NULL, NULL, NULL},
};

const struct command console_command = {
	.name = "console",
	.usage = "[-e URL] [--page NAME] [--since 1h] [--where FIELD=VALUE] …",
	.summary = "the full screen; what runs when no command is given",
	.help = "Where stdout is no terminal it prints one screen as text and leaves, as with --once.\n"
	        "Where nobody collects into the store and the store is your own, a collector runs as long\n"
	        "as the console. With -e it watches metrics pages of model servers and gateways (localhost:8000\n"
	        "is enough) over a store that ends with it. The key y copies the command that opens exactly what is on the screen;\n"
	        "? lists the keys.",
	.options = console_options_table,
	.choices = console_choices,
	.run = run,
};
