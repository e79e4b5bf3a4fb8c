/* The lines are the signals panel's and the rules' rows in words: a line appears when what it says
 * has changed. */
#include "console/plain.h"

#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "console/frame.h"
#include "console/loader.h"
#include "console/render.h"
#include "panels/panels.h"

#define LINES_MAX 16
#define LINE_BYTES 200

static int from_environment(const char *name, int low, int high, int otherwise)
{
	const char *text = getenv(name);
	int64_t n;

	if (!text || !str_to_int64(str_of(text), &n) || n < low || n > high)
		return otherwise;
	return (int)n;
}

static void screen_size(const struct console_options *o, int *width, int *height)
{
	struct winsize size;

	*width = 80;
	*height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*width = size.ws_col;
		*height = size.ws_row;
	} else {
		*width = from_environment("COLUMNS", 10, 1000, *width);
		*height = from_environment("LINES", 3, 500, *height);
	}
	if (o->width > 0)
		*width = o->width;
	if (o->height > 0)
		*height = o->height;
}

/* As the locale says that main() has set. */
static bool wants_ascii(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

/* Waits run_seconds, so that what collects into the store has something to show. */
static void wait_for_data(const struct console_options *o)
{
	int64_t until = clock_mono_us() + (int64_t)(o->run_seconds * 1e6);
	struct timespec pause = {.tv_nsec = 50000000};

	while (clock_mono_us() < until)
		nanosleep(&pause, NULL);
}

int console_print_once(const struct console_options *o, struct err *err)
{
	struct surface *s;
	struct buf text = {0};
	int width, height, result;

	if (o->run_seconds > 0)
		wait_for_data(o);
	screen_size(o, &width, &height);
	s = surface_new(width, height);
	s->ascii = wants_ascii();
	s->graph = s->ascii ? GRAPH_ASCII : o->config ? (enum graph)o->config->options[OPTION_GRAPH].number : GRAPH_BRAILLE;
	result = console_render(o, s, err);
	if (result == 0) {
		surface_to_text(s, &text);
		if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
			result = err_set(err, "stdout: cannot be written");
	}
	buf_fini(&text);
	surface_free(&s);
	return result;
}

struct lines {
	char said[LINES_MAX][LINE_BYTES];
	char mode[48];
};

/* Says a line when it differs from the last one said in its place. */
static void say_line(struct lines *l, size_t i, const char *clock, const char *text)
{
	if (i >= LINES_MAX || strcmp(l->said[i], text) == 0)
		return;
	snprintf(l->said[i], LINE_BYTES, "%s", text);
	printf("%s %s\n", clock, text);
}

static void say_rows(struct lines *l, size_t first, const struct panel *panel,
                     const struct panel_snapshot *shown, const struct panel_frame *frame,
                     const char *clock)
{
	struct sheet sheet = {0};
	struct buf text = {0};

	panel->rows(shown->state, frame, &sheet);
	for (size_t r = 0; r < sheet.row_count; r++) {
		buf_reset(&text);
		for (int c = 0; c < sheet.column_count; c++) {
			const struct sheet_cell *cell = &sheet.rows[r].cells[c];

			buf_printf(&text, "%s%s ", c ? ", " : "", c ? sheet.columns[c].name : "");
			text_append_harmless(&text, cell->text, 60);
		}
		say_line(l, first + r, clock, text.data);
	}
	buf_fini(&text);
	sheet_fini(&sheet);
}

/* One round: loads the signals and says what changed. */
static int say_round(const struct console_options *o, struct deck *d, struct store_reader *reader,
                     const struct rule_set *rules, struct lines *l, struct err *err)
{
	int signals = panel_index(&signals_panel);
	struct load_item item = {signals, PANEL_TILE, DIM_SERVICE};
	int64_t wall = clock_wall_us();
	char clock[TIME_TEXT_BYTES];
	struct panel_frame frame;
	struct view view;

	(void)o;
	if (query_summary(reader, &d->status.summary, err) != 0)
		return -1;
	d->status.opened = true;
	d->status.seen_mono_us = clock_mono_us();
	deck_judge_history(d, wall);
	view = deck_view(d, wall);
	panel_snapshot_free(&d->shown[signals]);
	d->shown[signals] = load_panel(reader, &item, &view, deck_known_us(d, wall),
	                               d->status.summary.first_us, false, rules, &d->ask, NULL, err);
	if (!d->shown[signals])
		return -1;
	frame = frame_of(d, signals, PANEL_TILE, frame_is_stale(d, wall, clock_mono_us()));
	say_rows(l, 0, &signals_panel, d->shown[signals], &frame, time_format_clock(wall, d->tz, clock));
	fflush(stdout);
	return 0;
}

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

int console_run_lines(const struct console_options *o, struct err *err)
{
	struct rule_set *rules = rule_set_new(o->config);
	struct lines *lines = mem_zalloc(sizeof *lines);
	struct store_reader *reader = NULL;
	struct sigaction act = {.sa_handler = on_stop};
	struct timespec pause = {.tv_sec = 5};
	struct tz *tz = NULL;
	struct deck d;
	int result = -1;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (deck_setup(&d, o, &tz, err) != 0 || store_reader_open(&reader, o->store_path, err) != 0)
		goto out;
	do {
		result = say_round(o, &d, reader, rules, lines, err);
		if (result == 0 && !o->once)
			nanosleep(&pause, NULL);
	} while (result == 0 && !o->once && !stopped);
out:
	store_reader_close(&reader);
	deck_fini(&d);
	tz_free(&tz);
	free(lines);
	free(rules);
	return result;
}
