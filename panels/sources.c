/* Where the data comes from, and how the collector itself is. Nothing here is in the store: it is what
 * the collector says on its control socket, so it also tells when nobody collects at all. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "ui/bars.h"

struct sources {
	char unused;
};

static int sources_load(const struct panel_query *query, void *state, struct err *err)
{
	(void)query;
	(void)state;
	(void)err;
	return 0;
}

static void sources_fini(void *state)
{
	(void)state;
}

static enum row_state row_state_of(enum source_health h)
{
	return h == HEALTH_OK     ? ROW_OK
	       : h == HEALTH_INIT ? ROW_PLAIN
	       : h == HEALTH_FAILING || h == HEALTH_DENIED ? ROW_CRITICAL : ROW_WARNING;
}

static const struct sheet_column sources_columns[] = {
	{"source", "SOURCE", 10, true, 0, false},   {"kind", "KIND", 7, true, 2, false},
	{"state", "STATE", 7, true, 0, false},      {"age_s", "last ok", 8, false, 0, false},
	{"rows_per_s", "rows/s", 7, false, 1, false}, {"took_ms", "answer", 7, false, 2, false},
	{"latency_ms", "stored", 7, false, 2, false}, {"rows", "rows", 7, false, 3, false},
	{"rejected", "reject", 6, false, 1, false}, {"repeated", "repeat", 6, false, 4, false},
	{"reason", "REASON", 14, true, 1, false},
};
#define SOURCES_COLUMNS ((int)(sizeof sources_columns / sizeof *sources_columns))

static struct value told(double number)
{
	return isnan(number) ? value_unknown() : value_ok(number);
}

static const char *age_text(double age_s, char out[TIME_TEXT_BYTES])
{
	if (isnan(age_s))
		return "never";
	return duration_format((int64_t)age_s * US_PER_S, out);
}

static void add_source(const struct source_status *from, struct sheet *out)
{
	struct sheet_row *row = sheet_add(out, str_of(from->name));
	char text[FIGURE_TEXT_BYTES], age[TIME_TEXT_BYTES];
	struct value took = told(from->took_ms / 1000), stored = told(from->latency_ms / 1000);

	row->state = row_state_of(from->health);
	sheet_set_text(out, row, 0, str_of(from->name));
	sheet_set_text(out, row, 1, str_of(from->kind));
	sheet_set_text(out, row, 2, str_of(source_health_word(from->health)));
	row->cells[2].style = from->health == HEALTH_OK     ? ROLE_OK
	                      : row->state == ROW_CRITICAL  ? ROLE_CRITICAL
	                      : from->health == HEALTH_INIT ? ROLE_UNKNOWN
	                                                    : ROLE_WARNING;
	sheet_set_value(out, row, 3, told(from->age_s), age_text(from->age_s, age));
	sheet_set_value(out, row, 4, told(from->rows_per_s),
	                figure_format_bare(UNIT_PER_SECOND, told(from->rows_per_s), false, text));
	sheet_set_value(out, row, 5, took, figure_format(UNIT_SECONDS, took, false, text));
	sheet_set_value(out, row, 6, stored, figure_format(UNIT_SECONDS, stored, false, text));
	sheet_set_value(out, row, 7, value_ok((double)from->rows), count_format((double)from->rows, text));
	sheet_set_value(out, row, 8, value_ok((double)from->rejected),
	                count_format((double)from->rejected, text));
	sheet_set_value(out, row, 9, value_ok((double)from->repeated),
	                count_format((double)from->repeated, text));
	sheet_set_text(out, row, 10, str_of(from->reason));
}

static void sources_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	(void)state;
	sheet_set_columns(out, sources_columns, SOURCES_COLUMNS);
	out->marked = true;
	for (size_t i = 0; frame->collector && i < frame->collector->source_count; i++)
		add_source(&frame->collector->sources[i], out);
}

/* ── the collector's own health ────────────────────────────────────────────────────────────── */

static int put(struct surface *s, int x, int y, const char *name, style st, const char *text)
{
	int start = x;

	x += surface_printf(s, x, y, ROLE_MUTED, "%s ", name);
	x += surface_text(s, x, y, st, text);
	return x - start + 3;
}

static int draw_queue(const struct collector_status *c, struct surface *s, int y)
{
	double share = c->queued_bytes_max > 0 ? (double)c->queued_bytes / (double)c->queued_bytes_max : 0;
	double batches = c->queued_batches_max > 0
		? (double)c->queued_batches / (double)c->queued_batches_max : 0;
	char text[80], bytes[FIGURE_TEXT_BYTES];
	int x = 1;

	share = batches > share ? batches : share;
	x += surface_text(s, x, y, ROLE_MUTED, "queue ");
	gauge_draw(s, x, y, 14, share >= 0.75 ? ROLE_WARNING : ROLE_GAUGE, share);
	snprintf(text, sizeof text, "%lld of %lld batches, %sB", (long long)c->queued_batches,
	         (long long)c->queued_batches_max, count_format((double)c->queued_bytes, bytes));
	surface_text(s, x + 15, y, ROLE_TEXT, text);
	return y + 1;
}

static int draw_rates(const struct collector_status *c, const struct panel_frame *frame,
                      struct surface *s, int y)
{
	struct value rate = told(c->rows_per_s), p50 = told(c->commit_p50_ms / 1000);
	struct value p99 = told(c->commit_p99_ms / 1000);
	char text[FIGURE_TEXT_BYTES];
	int x = 1;

	x += put(s, x, y, "rows/s", figure_style(frame, rate),
	         figure_format_bare(UNIT_PER_SECOND, rate, s->ascii, text));
	x += put(s, x, y, "commit p50", figure_style(frame, p50), figure_format(UNIT_SECONDS, p50, s->ascii, text));
	x += put(s, x, y, "p99", figure_style(frame, p99), figure_format(UNIT_SECONDS, p99, s->ascii, text));
	x += put(s, x, y, "commits", ROLE_TEXT, count_format((double)c->commits, text));
	put(s, x, y, "rows", ROLE_TEXT, count_format((double)c->rows, text));
	x = 1;
	y++;
	x += put(s, x, y, "turned away while full", c->refused ? ROLE_WARNING : ROLE_TEXT,
	         count_format((double)c->refused, text));
	x += put(s, x, y, "failed commits", c->failures ? ROLE_WARNING : ROLE_TEXT,
	         count_format((double)c->failures, text));
	put(s, x, y, "told twice", ROLE_TEXT, count_format((double)c->duplicates, text));
	return y + 1;
}

static int draw_identity(const struct collector_status *c, struct surface *s, int y)
{
	char age[TIME_TEXT_BYTES];
	int x = 1;

	x += put(s, x, y, "collector", ROLE_TEXT, c->version);
	x += surface_printf(s, x, y, ROLE_MUTED, "pid %lld   ", (long long)c->pid);
	if (c->started_us > 0)
		x += put(s, x, y, "up", ROLE_TEXT,
		         duration_format((c->asked_wall_us - c->started_us) / US_PER_S * US_PER_S, age));
	x += surface_text(s, x, y, ROLE_MUTED, "store ");
	surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT, str_of(c->store));
	return y + 1;
}

/* Who collects, how full the queue is, what a commit takes, what was turned away. Returns the row
 * after it. */
static int draw_collector(const struct collector_status *c, const struct panel_frame *frame,
                          struct surface *s, int y)
{
	y = draw_identity(c, s, y);
	y = draw_queue(c, s, y);
	y = draw_rates(c, frame, s, y);
	if (c->failing && y < s->height) {
		surface_put(s, 1, y, state_mark(STATE_CRITICAL, s->ascii), state_style(STATE_CRITICAL));
		surface_outside(s, 3, y++, s->width - 4, ROLE_CRITICAL, str_of(c->words));
	}
	return y;
}

/* The chosen source's reason and what to do, in full. */
static void draw_advice(const struct collector_status *c, const struct panel_frame *frame,
                        struct surface *s, int y)
{
	const struct source_status *chosen = c->source_count ? &c->sources[0] : NULL;
	int x = 1;

	for (size_t i = 0; i < c->source_count; i++) {
		if (strcmp(c->sources[i].name, frame->ui->table.cursor_key) == 0)
			chosen = &c->sources[i];
	}
	if (!chosen)
		return;
	x += surface_outside(s, x, y, 24, ROLE_HEADER, str_of(chosen->name));
	x += surface_printf(s, x, y, ROLE_TEXT, " %s  ", source_health_word(chosen->health));
	surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT,
	                str_of(chosen->reason[0] ? chosen->reason : "all is well"));
	surface_outside(s, 1, y + 1, s->width - 2, ROLE_MUTED, str_of(source_health_advice(chosen)));
}

static void draw_silence(const struct collector_status *c, struct surface *s)
{
	if (!c || !c->asked) {
		surface_text(s, 1, 1, ROLE_MUTED, "the collector has not been asked yet");
		return;
	}
	surface_put(s, 1, 1, state_mark(STATE_WARNING, s->ascii), state_style(STATE_WARNING));
	surface_outside(s, 3, 1, s->width - 4, ROLE_WARNING, str_of(c->words));
	surface_text(s, 1, 2, ROLE_MUTED, "what is on the other pages is what the store holds");
}

static void sources_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct collector_status *c = frame->collector;
	struct surface table;
	char title[64];
	int y, rows;

	if (!c || !c->answered) {
		draw_head(s, frame, "sources", "");
		draw_silence(c, s);
		return;
	}
	snprintf(title, sizeof title, "sources %zu of %zu ok", collector_sources_ok(c),
	         c->source_count + c->sources_left_out);
	draw_head(s, frame, title, "");
	y = s->height >= 14 ? draw_collector(c, frame, s, 1) + 1 : 1;
	rows = s->height - y - (s->height >= 12 ? 3 : 0);
	table = surface_part(s, (struct rect){0, y, s->width, rows});
	if (c->source_count == 0)
		surface_text(&table, 1, 0, ROLE_MUTED, "no source is configured: see llmdeck(5)");
	else
		draw_rows(&sources_panel, state, frame, &table);
	if (s->height >= 12)
		draw_advice(c, frame, s, s->height - 2);
}

const struct panel sources_panel = {
	.name = "sources",
	.title = "sources",
	.help = "Every source of the collector: OK; INIT, nothing has come yet; STALE, it worked and has fallen "
	        "silent; PAUSED, the store cannot keep up; FAILING and DENIED with the reason and what to do. "
	        "answer is how long the other side took to answer, stored how long what arrived took to the "
	        "store. Above it the collector's own health: its queue, what a commit takes, what it turned away.",
	.page = '1',
	.state_size = sizeof(struct sources),
	.load = sources_load,
	.fini = sources_fini,
	.draw = sources_draw,
	.rows = sources_rows,
};
