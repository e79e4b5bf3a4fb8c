/* What people say: the stream, newest first, with the mood's sign, and the split and trend from
 * rollups, so that they count every item of the window and not only those on the screen. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "ui/bars.h"

#define TILE_ITEMS 60
#define PAGE_ITEMS 300

struct feedback_state {
	struct fleet fleet;
	struct figures_result groups; /* page only */
	struct feedback_result items;
	enum dim by;
};

static int feedback_load(const struct panel_query *query, void *state, struct err *err)
{
	struct feedback_state *f = state;
	bool page = query->form == PANEL_PAGE;

	f->by = query->by;
	if (fleet_load(&f->fleet, query, 0, 0, err) != 0)
		return -1;
	if (page && fleet_groups(&f->groups, query, query->by, 0, err) != 0)
		return -1;
	return query_feedback(query->reader, &query->view, page ? PAGE_ITEMS : TILE_ITEMS, &f->items,
	                      err);
}

static void feedback_fini(void *state)
{
	struct feedback_state *f = state;

	fleet_fini(&f->fleet);
	figures_result_fini(&f->groups);
	feedback_result_fini(&f->items);
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

static void feedback_head(const struct feedback_state *f, const struct panel_frame *frame,
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

static void draw_items(const struct feedback_state *f, const struct panel_frame *frame,
                       struct surface *s, int y)
{
	size_t shown = 0, skip = frame->form == PANEL_PAGE ? frame->ui->table.top_row : 0;

	for (size_t i = 0; i < f->items.row_count && y < s->height; i++) {
		if (!item_shown(&f->items.rows[i], frame->find) || shown++ < skip)
			continue;
		draw_item(&f->items.rows[i], frame, s, y++);
	}
	if (f->items.row_count == 0 && y < s->height)
		surface_text(s, 1, y, ROLE_MUTED, "no feedback in this window");
}

static const struct groups_column feedback_columns[] = {
	{{"feedback_per_minute", "/min", 7, false, 1, false}, METRIC_FEEDBACK_RATE, NULL},
	{{"negative_per_100", "-/100", 7, false, 0, false}, METRIC_NEGATIVE_PER_100, NULL},
};

static void feedback_group_rows(const struct feedback_state *f, struct sheet *out)
{
	groups_sheet(&f->groups, f->by, f->fleet.seconds, feedback_columns, 2, out);
}

/* The trend of negatives in 100 with its change, and the worst groups beside each other. */
static int draw_trend(const struct feedback_state *f, const struct panel_frame *frame,
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

static int draw_groups(const struct feedback_state *f, const struct panel_frame *frame,
                       struct surface *s, int y)
{
	struct sheet sheet = {0};
	char title[48];
	int rows;

	feedback_group_rows(f, &sheet);
	rows = (int)sheet.row_count + 1;
	if (rows > (s->height - y) / 3)
		rows = (s->height - y) / 3;
	if (rows > 2) {
		struct surface table = surface_part(s, (struct rect){0, y + 1, s->width, rows});

		snprintf(title, sizeof title, "by %s", dim_name(f->by));
		surface_rule(s, y, ROLE_BORDER, title, "");
		sheet_arrange(&sheet, "", 2, false);
		sheet_draw(&sheet, NULL, false, frame->stale, &table);
		y += rows + 1;
	}
	sheet_fini(&sheet);
	return y;
}

static void feedback_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct feedback_state *f = state;
	int y = 1;

	feedback_head(f, frame, s);
	if (frame->form == PANEL_PAGE && s->height > 6) {
		y = draw_trend(f, frame, s, y);
		y = draw_groups(f, frame, s, y);
		if (y + 2 < s->height)
			surface_rule(s, y++, ROLE_BORDER, "stream, newest first", "");
	} else if (s->width < 60 && s->height > 8 && f->items.row_count > 0) {
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
	const struct feedback_state *f = state;
	char text[FIGURE_TEXT_BYTES], time[TIME_TEXT_BYTES];

	(void)frame;
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
	.help = "What people say about the answers, newest first: + positive, = neutral, - negative. The "
	        "split counts every item of the window whose mood is known; the trend is negative items in "
	        "100 of them. Texts live in a file of their own: without the right to read it they are "
	        "withheld, and the figures stay.",
	.page = '7',
	.groups = true,
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct feedback_state),
	.load = feedback_load,
	.fini = feedback_fini,
	.draw = feedback_draw,
	.rows = feedback_rows,
};
