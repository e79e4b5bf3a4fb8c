/* The loop: wait for a key, the loader or a timer; change the deck; draw one frame when something
 * has changed. Nothing here touches a disk or waits for a thread. */
#include "console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "console/app.h"
#include "console/frame.h"
#include "console/plain.h"
#include "console/render.h"
#include "panels/query.h"

#define TOAST_US (4 * US_PER_S)
#define COUNTDOWN_FRAME_US (250 * US_PER_MS)
#define STOP_WAIT_US (500 * US_PER_MS)
#define AT_KEYS_US (2 * US_PER_S)    /* so long after a key its answers may still come */
#define GATHER_US (120 * US_PER_MS)  /* else what comes within this time makes one frame */

void app_say(struct app *a, bool bad, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	toast_add(&a->toasts, bad ? ROLE_DANGER : ROLE_TOAST, str_of(text), clock_mono_us(), TOAST_US);
	a->dirty = true;
}

static const struct config *config_of(const struct app *a)
{
	return a->config ? a->config : a->o->config;
}

/* Keeps the focus on a tile that is on the screen. */
static void settle_focus(struct app *a)
{
	for (size_t i = 0; i < a->layout.tile_count; i++) {
		if (a->layout.tiles[i].panel == a->deck.focus)
			return;
	}
	if (a->layout.tile_count > 0)
		a->deck.focus = a->layout.tiles[0].panel;
}

void app_refresh(struct app *a)
{
	const struct surface *s = screen_surface(a->screen);
	struct load_item items[DECK_PANELS_MAX];
	const struct config *config = config_of(a);
	struct load_job job;
	size_t count;

	layout_make(&a->deck, s->width, s->height, &a->layout);
	settle_focus(a);
	a->deck.columns_hint = layout_chart_columns(&a->layout);
	count = layout_items(&a->deck, &a->layout, items);
	load_job_for(&a->deck, items, count, clock_wall_us(), &job);
	if (config)
		job.refresh_us = config->options[OPTION_REFRESH].number;
	job.view.from_us = job.view.to_us = 0; /* the loader's own clock decides */
	job.generation = a->generation;
	if (!mem_same(&job.items, &a->job.items, sizeof job.items) ||
	    job.item_count != a->job.item_count || job.columns_hint != a->job.columns_hint) {
		job.generation = ++a->generation;
	}
	if (!mem_same(&job, &a->job, sizeof job)) {
		a->job = job;
		loader_set_job(a->loader, &job);
	}
	a->dirty = true;
}

/* Takes what the loader has finished; true when something new is to be drawn. */
static bool take_loaded(struct app *a)
{
	bool was_history = a->deck.history, news = false;

	if (loader_status(a->loader, &a->deck.status)) {
		if (a->deck.starting && !a->deck.status.opened) { /* there is no store yet: nothing is wrong */
			a->deck.status.error[0] = '\0';
			a->deck.status.seen_mono_us = 0;
		}
		if (a->deck.status.opened)
			deck_judge_history(&a->deck, clock_wall_us());
		news = true;
	}
	for (int i = 0; panels[i]; i++) {
		struct panel_snapshot *s = loader_take(a->loader, i);

		if (!s)
			continue;
		panel_snapshot_free(&a->deck.shown[i]);
		a->deck.shown[i] = s;
		news = true;
	}
	if (news) {
		app_alert_ring(a);
		app_incident_jump(a);
		app_incident_follow(a);
	}
	if (a->deck.history != was_history || deck_meet_servers(&a->deck)) {
		a->generation++;
		app_refresh(a);
	}
	if (news)
		app_triage_follow(a);
	return news;
}

static void apply_keys(struct app *a)
{
	const struct config *config = config_of(a);
	struct err err = {""};

	keymap_reset(a->keymap);
	for (size_t i = 0; config && i < config->key_count; i++) {
		if (keymap_override(a->keymap, config->keys[i].key, config->keys[i].value, &err) != 0)
			app_say(a, true, "keys: %.220s", err.text);
	}
	if (keymap_check(a->keymap, &err) != 0)
		app_say(a, true, "keys: %.220s", err.text);
}

static void take_config(struct app *a, struct config *config)
{
	if (a->config) {
		config_fini(a->config);
		free(a->config);
	}
	a->config = config;
	free(a->rules);
	a->rules = rule_set_new(config);
	loader_set_rules(a->loader, a->rules);
	apply_keys(a);
	app_triage_labels(a);
	app_refresh(a);
}

static void take_news(struct app *a)
{
	struct chore_news *news = mem_alloc(sizeof *news);

	while (chores_take(a->chores, news)) {
		if (news->config)
			take_config(a, news->config);
		if (news->has_theme) {
			a->theme = news->theme;
			screen_set_theme(a->screen, &a->theme);
		}
		if (news->backtest_serial)
			app_limit_news(a, news);
		if (news->incident_id)
			app_incident_opened(a, news->incident_id);
		if (news->text[0]) {
			app_say(a, news->bad, "%s", news->text);
			a->generation++; /* what was ordered shows at once, however long the window */
			app_refresh(a);
		}
		a->dirty = true;
	}
	free(news);
}

/* The overlay in the last row, and the cursor in it. */
static void draw_overlay(struct app *a, struct surface *s)
{
	int cursor = -1, row = s->height - 1;

	if (a->mode == MODE_INTENT) {
		intent_draw(a->intent, s, clock_mono_us(), &cursor, &row);
		screen_set_cursor(a->screen, cursor, row);
		return;
	}
	if (a->mode == MODE_INCIDENT) {
		dialog_draw(s, &a->incident->dialog, clock_mono_us(), &cursor, &row);
		screen_set_cursor(a->screen, cursor, row);
		return;
	}
	if (a->mode == MODE_ALERT) {
		dialog_draw(s, &a->alert->dialog, clock_mono_us(), &cursor, &row);
		screen_set_cursor(a->screen, cursor, row);
		return;
	}
	if (a->mode == MODE_LIMIT) {
		app_limit_draw(a, s, &cursor, &row);
		screen_set_cursor(a->screen, cursor, row);
		return;
	}
	if (a->mode == MODE_TRIAGE) {
		dialog_draw(s, &a->triage->dialog, clock_mono_us(), &cursor, &row);
		screen_set_cursor(a->screen, cursor, row);
		return;
	}
	if (a->mode == MODE_BUDGET) {
		app_budget_draw(a, s, &cursor, &row);
		screen_set_cursor(a->screen, cursor, row);
		return;
	}
	if (a->mode == MODE_PALETTE || a->mode == MODE_COLUMNS) {
		cursor = chooser_draw(s, &a->chooser, a->mode == MODE_PALETTE ? ":" : "columns ");
	} else if (a->mode == MODE_FILTER) {
		surface_fill(s, (struct rect){0, row, s->width, 1}, ' ', ROLE_INPUT);
		surface_text(s, 0, row, ROLE_INPUT, "/");
		cursor = 1 + field_draw(s, 1, row, s->width - 2, ROLE_INPUT, &a->filter);
	} else if (a->mode == MODE_HELP) {
		cursor = help_draw(s, &a->help);
	}
	screen_set_cursor(a->screen, cursor, cursor < 0 ? -1 : row);
}

static void draw(struct app *a)
{
	struct surface *s = screen_surface(a->screen);
	struct frame_options o = {.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
	struct surface above;
	char keys[400];

	chores_collector(a->chores, &a->deck.collector);
	o.keys = actions_key_line(a->keymap, &a->deck, s->width - 2, keys, sizeof keys);
	frame_draw(&a->deck, &a->layout, &o, s);
	if (s->height > 3) {
		above = surface_part(s, (struct rect){0, 0, s->width, s->height - 1});
		toast_draw(&above, &a->toasts);
	}
	draw_overlay(a, s);
	a->news_mono_us = 0;
	a->dirty = screen_present(a->screen) == PRESENT_SKIPPED;
}

/* Until the clock in the header has to move on, or a toast to go. */
static int wait_ms(const struct app *a)
{
	int64_t now = clock_mono_us(), wall = clock_wall_us();
	int64_t next = US_PER_S - wall % US_PER_S, toast = toast_next_us(&a->toasts);

	if (a->news_mono_us && a->news_mono_us + GATHER_US - now < next)
		next = a->news_mono_us + GATHER_US - now;

	if (toast && toast - now < next)
		next = toast - now;
	if ((a->mode == MODE_INTENT || a->deck.query->running) && next > COUNTDOWN_FRAME_US)
		next = COUNTDOWN_FRAME_US;
	return next < 0 ? 0 : (int)(next / US_PER_MS) + 1;
}

/* Clock, figures and what the collector says come at about the same time each second: they are drawn together,
 * unless a person has just asked for something. */
static void note_news(struct app *a, bool news)
{
	int64_t now = clock_mono_us();

	if (!news)
		return;
	if (now - a->asked_mono_us < AT_KEYS_US || a->mode == MODE_INTENT)
		a->dirty = true;
	else if (!a->news_mono_us)
		a->news_mono_us = now;
}

/* ── a collector that is on its way ────────────────────────────────────────────────────────── */

static void watch_start(struct app *a)
{
	struct epoll_event any = {.events = EPOLLIN};

	a->deck.starting = true;
	a->start_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->start_fd >= 0) {
		epoll_ctl(a->start_fd, EPOLL_CTL_ADD, a->wake[0], &any);
		epoll_ctl(a->start_fd, EPOLL_CTL_ADD, a->o->start->fd, &any);
	}
}

/* Looks how far it is. What could not be read before is asked for again once it is there. */
static void follow_start(struct app *a)
{
	int state;

	if (!a->deck.starting)
		return;
	state = a->o->start->ask(a->o->start->arg, a->deck.banner, sizeof a->deck.banner, &a->failure);
	if (state > 0)
		return;
	a->deck.starting = false;
	if (a->start_fd >= 0)
		close(a->start_fd);
	a->start_fd = -1;
	a->quit = a->quit || state < 0;
	a->generation++;
	chores_ask_collector(a->chores);
	app_refresh(a);
}

static void drain_wake(struct app *a)
{
	char bytes[64];

	while (read(a->wake[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes)
		;
}

static void handle_event(struct app *a, enum screen_event event, struct key key)
{
	switch (event) {
	case SCREEN_KEY:
		a->asked_mono_us = clock_mono_us();
		app_key(a, key);
		break;
	case SCREEN_RESIZED: case SCREEN_RESUMED:
		a->asked_mono_us = clock_mono_us();
		app_refresh(a);
		break;
	case SCREEN_WOKEN:
		drain_wake(a);
		follow_start(a);
		note_news(a, take_loaded(a));
		take_news(a);
		a->dirty = app_query_take(a) || a->dirty;
		note_news(a, app_take_calls(a));
		a->dirty = app_triage_take(a) || a->dirty;
		note_news(a, chores_collector(a->chores, &a->deck.collector));
		break;
	case SCREEN_QUIT:
		a->quit = true;
		break;
	default: /* a second has passed: the clock and the ages */
		follow_start(a);
		app_query_tick(a);
		app_take_calls(a);
		a->dirty = a->dirty || a->mode == MODE_INTENT || a->deck.query->running;
		note_news(a, true);
		break;
	}
}

static void loop(struct app *a)
{
	struct key key;

	a->asked_mono_us = clock_mono_us();
	app_refresh(a);
	while (!a->quit) {
		if (toast_expire(&a->toasts, clock_mono_us()))
			a->dirty = true;
		if (a->dirty || (a->news_mono_us && clock_mono_us() - a->news_mono_us >= GATHER_US))
			draw(a);
		handle_event(a, screen_wait(a->screen, a->start_fd >= 0 ? a->start_fd : a->wake[0], wait_ms(a), &key), key);
	}
}

/* Log lines must not run over the screen. */
static void swallow_log(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static int open_wake(struct app *a, struct err *err)
{
	if (pipe2(a->wake, O_CLOEXEC | O_NONBLOCK) != 0)
		return err_set(err, "console: no pipe: %s", strerror(errno));
	return 0;
}

static int open_screen(struct app *a, struct err *err)
{
	struct screen_options so = SCREEN_OPTIONS_DEFAULT;
	const struct config *config = a->o->config;
	const char *theme = a->o->theme;

	if (config) {
		so.esc_delay_ms = (int)config->options[OPTION_ESCDELAY].number;
		if (config->options[OPTION_GRAPH].number != GRAPH_BRAILLE)
			so.graph = (int)config->options[OPTION_GRAPH].number;
		a->mouse = config->options[OPTION_MOUSE].yes;
		if (!theme)
			theme = config->options[OPTION_THEME].text;
	}
	so.mouse = a->mouse;
	if (theme_find(&a->theme, theme, err) != 0) {
		app_say(a, true, "%.230s", err->text);
		theme_default(&a->theme);
	}
	return screen_init(&a->screen, STDIN_FILENO, STDOUT_FILENO, &so, &a->theme, err);
}

static void app_free(struct app *a)
{
	screen_fini(&a->screen);
	log_set_sink(NULL, NULL);
	loader_stop(&a->loader, STOP_WAIT_US);
	chores_stop(&a->chores, STOP_WAIT_US);
	rollout_calls_stop(&a->calls, STOP_WAIT_US);
	triage_work_stop(&a->triage, STOP_WAIT_US);
	deck_fini(&a->deck);
	keymap_free(&a->keymap);
	history_fini(&a->history);
	if (a->config) {
		config_fini(a->config);
		free(a->config);
	}
	free(a->rules);
	free(a->board);
	free(a->intent);
	free(a->alert);
	free(a->budget);
	free(a->limit);
	free(a->incident);
	query_page_stop(&a->query, STOP_WAIT_US);
	tz_free(&a->tz);
	if (a->start_fd >= 0)
		close(a->start_fd);
	for (int i = 0; i < 2; i++) {
		if (a->wake[i] >= 0)
			close(a->wake[i]);
	}
	free(a);
}

static int run_screen(const struct console_options *o, struct err *err)
{
	struct app *a = mem_zalloc(sizeof *a);
	int result = -1;

	a->o = o;
	a->wake[0] = a->wake[1] = a->start_fd = -1;
	a->generation = 1;
	if (deck_setup(&a->deck, o, &a->tz, err) != 0 || open_wake(a, err) != 0)
		goto out;
	a->deck.filling = o->demo;
	if (o->banner)
		snprintf(a->deck.banner, sizeof a->deck.banner, "%s", o->banner);
	a->keymap = keymap_new();
	keymap_add(a->keymap, "Everywhere", console_actions);
	a->rules = rule_set_new(o->config);
	if (open_screen(a, err) != 0)
		goto out;
	apply_keys(a);
	log_set_sink(swallow_log, NULL);
	a->loader = loader_start(o->store_path, a->rules, a->wake[1]);
	a->chores = chores_start(o->config_path, o->socket_path, a->wake[1]);
	chores_watch_theme(a->chores, &a->theme);
	a->query = query_page_start(o->store_path, a->wake[1]);
	a->deck.query = query_page_board(a->query);
	a->calls = rollout_calls_start(o->socket_path, a->wake[1]);
	a->triage = triage_work_start(o->socket_path, a->wake[1]);
	a->deck.desk = &a->triage->desk;
	app_triage_labels(a);
	if (o->start)
		watch_start(a);
	loop(a);
	result = a->failure.text[0] ? err_set(err, "%s", a->failure.text) : 0;
out:
	app_free(a);
	return result;
}

/* A terminal that cannot move its cursor, and says so. */
static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return term && strcmp(term, "dumb") == 0;
}

bool console_prints(const struct console_options *o)
{
	return o->once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) || is_dumb();
}

int console_run(const struct console_options *o, struct err *err)
{
	if (o->a11y)
		return console_run_lines(o, err);
	if (!console_prints(o))
		return run_screen(o, err);
	if (!o->once && isatty(STDOUT_FILENO) && is_dumb())
		fprintf(stderr, "llmdeck: TERM=%s has no full screen, so here is one screen as text: "
		        "set TERM to what the terminal is, or use --a11y for lines that go on\n", getenv("TERM"));
	return console_print_once(o, err);
}
