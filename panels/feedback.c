/* What people say. As a tile the stream, newest first, with the mood's sign, and the split and trend from
 * rollups, so that they count every item of the window and not only those on the screen. Its page is
 * where the items are worked through: panels/triage.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/triage.h"
#include "ui/bars.h"

#define TILE_ITEMS 60

struct feedback_shown {
	bool page;
	struct triage_state triage; /* page only */
	struct fleet fleet;         /* tile only, as the rest */
	struct feedback_result items;
};

static int feedback_load(const struct panel_query *query, void *state, struct err *err)
{
	struct feedback_shown *f = state;

	f->page = query->form == PANEL_PAGE;
	if (f->page)
		return triage_load(query, &f->triage, err);
	if (fleet_load(&f->fleet, query, 0, 0, err) != 0)
		return -1;
	return query_feedback(query->reader, &query->view, TILE_ITEMS, &f->items, err);
}

static void feedback_fini(void *state)
{
	struct feedback_shown *f = state;

	triage_fini(&f->triage);
	fleet_fini(&f->fleet);
	feedback_result_fini(&f->items);
}

const struct triage_state *triage_of(const void *state)
{
	return &((const struct feedback_shown *)state)->triage;
}

static char mood_sign(uint8_t mood)
{
	return "?+=-"[mood <= MOOD_NEGATIVE ? mood : 0];
}

static style mood_style(uint8_t mood)
{
	static const enum role roles[] = {ROLE_UNKNOWN, ROLE_POSITIVE, ROLE_NEUTRAL, ROLE_NEGATIVE};

	return (style)roles[mood <= MOOD_NEGATIVE ? mood : 0];
}

/* "+ 61 ██████ = 22 ██ - 17 █": counts of the window and their shares of the known moods. */
static int draw_split(struct surface *s, int x, int y, int width, const struct figures *f)
{
	const int64_t counts[] = {f->positive, f->neutral, f->negative};
	int64_t known = f->positive + f->neutral + f->negative;
	int start = x;

	for (int i = 0; i < 3; i++) {
		uint8_t mood = (uint8_t)(i + MOOD_POSITIVE);
		double share = known ? (double)counts[i] / (double)known : 0;
		int bar = (int)lround(share * (width - 24));

		x += surface_printf(s, x, y, mood_style(mood), "%c %.0f%% ", mood_sign(mood), share * 100);
		bar_draw(s, x, y, bar, mood_style(mood), 1);
		x += bar + (bar > 0);
	}
	return x - start;
}

static void feedback_head(const struct feedback_shown *f, const struct panel_frame *frame,
                          struct surface *s)
{
	const struct figures *total = &f->fleet.now.total.total;
	char rate[FIGURE_TEXT_BYTES], title[80];
	struct value v = fleet_value(&f->fleet, METRIC_FEEDBACK_RATE);

	snprintf(title, sizeof title, "feedback %s",
	         figure_format(UNIT_PER_MINUTE, v, s->ascii, rate));
	draw_head(s, frame, title, "");
	if (s->width >= 60 && total->feedback > 0) {
		int x = (int)strlen(title) + 4;
		int width = s->width - x - 4;

		width = width > 44 ? 44 : width;
		surface_fill(s, (struct rect){x - 1, 0, width + 3, 1}, ' ', ROLE_TEXT);
		draw_split(s, x, 0, width, total);
	}
}

static void draw_item(const struct feedback_row *row, const struct panel_frame *frame,
                      struct surface *s, int y)
{
	const struct feedback *item = &row->item;
	char clock[TIME_TEXT_BYTES];
	int name = s->width >= 70 ? 19 : s->width >= 44 ? 10 : 0;
	int x = 1;

	x += surface_text(s, x, y, ROLE_MUTED, time_format_clock(item->time_us, frame->tz, clock)) + 1;
	surface_put(s, x, y, (uint32_t)mood_sign(item->mood), mood_style(item->mood));
	x += 2;
	if (name) {
		surface_outside(s, x, y, name, ROLE_MUTED, item->dims[DIM_SERVICE]);
		x += name + 1;
	}
	if (row->text_withheld)
		surface_text(s, x, y, ROLE_MUTED, "text withheld");
	else if (item->text.len == 0)
		surface_text(s, x, y, ROLE_MUTED, "no comment");
	else
		surface_outside(s, x, y, s->width - x - 1, frame->stale ? ROLE_STALE : ROLE_TEXT,
		                item->text);
}

/* Items that the live filter lets through, by text or service. */
static bool item_shown(const struct feedback_row *row, const char *find)
{
	struct str texts[] = {row->item.text, row->item.dims[DIM_SERVICE]};

	return filter_matches(find, texts, 2);
}

static void draw_items(const struct feedback_shown *f, const struct panel_frame *frame,
                       struct surface *s, int y)
{
	for (size_t i = 0; i < f->items.row_count && y < s->height; i++) {
		if (!item_shown(&f->items.rows[i], frame->find))
			continue;
		draw_item(&f->items.rows[i], frame, s, y++);
	}
	if (f->items.row_count == 0 && y < s->height)
		surface_text(s, 1, y, ROLE_MUTED, "no feedback in this window");
}

/* The trend of negatives in 100 with its change, and the worst groups beside each other. */
static int draw_trend(const struct feedback_shown *f, const struct panel_frame *frame,
                      struct surface *s, int y)
{
	struct value now = fleet_value(&f->fleet, METRIC_NEGATIVE_PER_100);
	struct value before = fleet_before(&f->fleet, METRIC_NEGATIVE_PER_100);
	char value[FIGURE_TEXT_BYTES], change[FIGURE_TEXT_BYTES], reference[FIGURE_TEXT_BYTES];
	int x = 1;

	x += surface_printf(s, x, y, ROLE_HEADER, "-/100 ");
	x += surface_text(s, x, y, figure_style(frame, now),
	                  figure_format_bare(UNIT_COUNT, now, s->ascii, value));
	x += surface_printf(s, x, y, change_style(1, now, before), " %s",
	                    change_format(UNIT_COUNT, now, before, s->ascii, change));
	reference_format(f->fleet.now.to_us - f->fleet.now.from_us, reference);
	if (s->width >= 44)
		x += surface_printf(s, x, y, ROLE_MUTED, " vs %s", reference);
	draw_spark(s, x + 2, y, s->width - x - 3, &f->fleet, METRIC_NEGATIVE_PER_100, ROLE_NEGATIVE);
	return y + 1;
}

static void feedback_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct feedback_shown *f = state;
	int y = 1;

	if (f->page) {
		triage_draw(&f->triage, frame, s);
		return;
	}
	feedback_head(f, frame, s);
	if (s->width < 60 && s->height > 8 && f->items.row_count > 0) {
		draw_split(s, 1, y++, s->width - 2, &f->fleet.now.total.total);
		y = draw_trend(f, frame, s, y);
	}
	draw_items(f, frame, s, y);
}

static const struct sheet_column item_columns[] = {
	{"time", "TIME", 20, true, 0, false},       {"mood", "MOOD", 8, true, 0, false},
	{"service", "SERVICE", 14, true, 0, false}, {"deployment", "DEPLOYMENT", 10, true, 1, false},
	{"language", "LANG", 5, true, 3, false},    {"rating", "rating", 6, false, 2, false},
	{"text", "TEXT", 20, true, 0, false},
};

static void feedback_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	static const char *const moods[] = {"unknown", "positive", "neutral", "negative"};
	const struct feedback_shown *f = state;
	char text[FIGURE_TEXT_BYTES], time[TIME_TEXT_BYTES];

	(void)frame;
	if (f->page) {
		triage_rows(&f->triage, out);
		return;
	}
	sheet_set_columns(out, item_columns, 7);
	for (size_t i = 0; i < f->items.row_count; i++) {
		const struct feedback *item = &f->items.rows[i].item;
		struct value rating = isnan(item->rating) ? value_unknown() : value_ok(item->rating);
		struct sheet_row *row;

		snprintf(text, sizeof text, "%llx", (unsigned long long)f->items.rows[i].id);
		row = sheet_add(out, str_of(text));
		sheet_set_text(out, row, 0, str_of(time_format(item->time_us, time)));
		sheet_set_text(out, row, 1, str_of(moods[item->mood <= MOOD_NEGATIVE ? item->mood : 0]));
		sheet_set_text(out, row, 2, item->dims[DIM_SERVICE]);
		sheet_set_text(out, row, 3, item->dims[DIM_DEPLOYMENT]);
		sheet_set_text(out, row, 4, item->language);
		sheet_set_value(out, row, 5, rating, figure_format_bare(UNIT_COUNT, rating, false, text));
		sheet_set_text(out, row, 6, item->text);
	}
}

const struct panel feedback_panel = {
	.name = "feedback",
	.title = "feedback",
	.help = "What people say about the answers: + positive, = neutral, - negative, ? unknown. The page is where "
	        "it is worked through: Enter opens an item and locks it, so that nobody else works on it; then 1-9 "
	        "set and clear labels, Enter settles it and goes to the next, x dismisses, n notes, @ assigns, d "
	        "takes it to the data set with a corrected answer, i to an incident, u undoes. Space, V and * mark: "
	        "verdicts then are for all that are marked. [ and ] walk through the groups of similar remarks. The "
	        "filter takes mood:negative state:settled state:all assignee:mia assignee:none label:tone=rude "
	        "language:de dataset:yes service:chat and any text. Texts live in a file of their own: without the "
	        "right to read it they are withheld, and the figures stay.",
	.page = '7',
	.asks = ASK_TRIAGE,
	.kept_size = sizeof(struct triage_kept),
	.kept_fini = triage_kept_fini,
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct feedback_shown),
	.load = feedback_load,
	.fini = feedback_fini,
	.draw = feedback_draw,
	.rows = feedback_rows,
};
