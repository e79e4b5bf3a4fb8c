/* Drawing the feedback page: a status line, at the left the list, the groups and the trend, at the right
 * the item. Where it is narrow there is the list, or the open item alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/triage.h"
#include "ui/bars.h"

#define NARROW 60

struct parts {
	int left;              /* columns of the left side; 0: none */
	int right_x;           /* where the item begins; the width: none */
	int list_rows;
	int clusters_y, cluster_rows; /* 0 rows: none */
	int trend_y;           /* 0: none */
};

static struct parts split(int width, int height, bool opened)
{
	struct parts p = {.left = width < 100 ? 28 : width < 160 ? width * 40 / 100 : width * 36 / 100};
	int rows = height - 2; /* below the status line and the list's head */

	p.right_x = p.left + 1;
	if (width < NARROW) {
		p.left = opened ? 0 : width;
		p.right_x = opened ? 0 : width;
	}
	p.list_rows = rows;
	if (rows >= 16) {
		p.cluster_rows = rows / 4 > CLUSTERS_MAX ? CLUSTERS_MAX : rows / 4;
		p.list_rows = rows - p.cluster_rows - 3;
		p.clusters_y = 2 + p.list_rows;
		p.trend_y = p.clusters_y + p.cluster_rows + 1;
	}
	return p;
}

size_t triage_visible(int width, int height)
{
	int rows = split(width, height, false).list_rows;

	return rows > 0 ? (size_t)rows : 0;
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

/* What is looked at and how far it has come. */
static void draw_status(const struct triage_state *t, const struct panel_frame *frame, struct surface *s)
{
	static const char *const sorts[] = {"", "  by score", "  by mood", "  by confidence"};
	char text[160], done[80] = "", count[FIGURE_TEXT_BYTES], more[FIGURE_TEXT_BYTES];
	const struct triage_desk *desk = frame->desk;
	const struct triage_ask *ask = frame->ask ? &frame->ask->triage : NULL;
	int64_t settled = desk ? desk->settled + desk->dismissed : 0;
	int right, x = 1;

	if (settled > 0) {
		snprintf(done, sizeof done, "  you %lld of %lld, %.0f/h", (long long)settled,
		         (long long)settled + (long long)t->list.open, desk->per_hour);
	}
	snprintf(text, sizeof text, "%s open", count_format((double)t->list.open, count));
	if (s->width >= 64)
		snprintf(text, sizeof text, "%s open  %s done%s", count,
		         count_format((double)(t->list.settled + t->list.dismissed), more), done);
	right = (int)strlen(text) + 1;
	surface_text(s, s->width - right, 0, ROLE_HEADER, text);
	right = s->width - right - 1;
	if (t->words[0]) {
		surface_outside(s, x, 0, right - x, ROLE_WARNING, str_of(t->words));
		return;
	}
	x += surface_text(s, x, 0, ROLE_MUTED, ask && ask->find[0] ? "filter " : "filter state:open");
	if (ask && ask->find[0])
		x += surface_outside(s, x, 0, right - x, ROLE_INPUT, str_of(ask->find));
	if (ask && ask->group[0] && right - x > 12) {
		x += surface_text(s, x, 0, ROLE_MUTED, "  group ");
		x += surface_outside(s, x, 0, right - x, ROLE_INPUT, str_of(ask->group));
	}
	if (ask && ask->sort > 0 && ask->sort < 4 && right - x > 14)
		surface_text(s, x, 0, ROLE_MUTED, sorts[ask->sort]);
}

static void draw_text(const struct triage_state *t, size_t row, const struct feedback_light *item, style st,
                      struct surface *s, int x, int y)
{
	struct str text = triage_text(t, row);

	if (text.ptr && text.len > 0)
		surface_outside(s, x, y, s->width - x, st, text);
	else if (item->has_text && t->texts.withheld)
		surface_text(s, x, y, STYLE_ROLE(st) == ROLE_SELECTED ? st : (style)ROLE_MUTED, "text withheld");
	else if (item->has_text)
		surface_text(s, x, y, STYLE_ROLE(st) == ROLE_SELECTED ? st : (style)ROLE_MUTED, "..");
	else if (isnan(item->rating))
		surface_text(s, x, y, STYLE_ROLE(st) == ROLE_SELECTED ? st : (style)ROLE_MUTED, "no comment");
	else
		surface_printf(s, x, y, STYLE_ROLE(st) == ROLE_SELECTED ? st : (style)ROLE_MUTED, "no comment, %.3g of 5",
		               (double)item->rating);
}

/* Marked, then its state: done, dismissed, open with somebody else. */
static void draw_signs(const struct feedback_light *item, const struct triage_desk *desk, style st, struct surface *s, int y)
{
	bool selected = STYLE_ROLE(st) == ROLE_SELECTED;

	if (desk && intmap_get(&desk->marks, (uint64_t)item->id))
		surface_put(s, 0, y, '*', selected ? st : (style)(ROLE_MARKED | STYLE_BOLD));
	if (item->state == FEEDBACK_SETTLED)
		surface_put(s, 1, y, s->ascii ? 'v' : 0x2713, selected ? st : (style)ROLE_OK);
	else if (item->state == FEEDBACK_DISMISSED)
		surface_put(s, 1, y, 'x', selected ? st : (style)ROLE_MUTED);
	else if (item->locked && (!desk || desk->item != item->id))
		surface_put(s, 1, y, '#', selected ? st : (style)ROLE_WARNING);
}

static void draw_row(const struct triage_state *t, size_t row, bool cursor, const struct panel_frame *frame,
                     struct surface *s, int y)
{
	const struct feedback_light *item = triage_row(t, row);
	style plain = cursor ? ROLE_SELECTED : frame->stale ? ROLE_STALE : ROLE_TEXT;
	style muted = cursor ? ROLE_SELECTED : ROLE_MUTED;
	char clock[TIME_TEXT_BYTES];
	int x = 2;

	if (cursor)
		surface_fill(s, (struct rect){0, y, s->width, 1}, ' ', ROLE_SELECTED);
	draw_signs(item, frame->desk, plain, s, y);
	if (frame->now_us - item->time_us < 20 * US_PER_HOUR) {
		time_format_clock(item->time_us, frame->tz, clock);
		clock[5] = '\0';
	} else {
		axis_time(item->time_us, 3 * US_PER_DAY, frame->tz, clock);
	}
	x += surface_text(s, x, y, muted, clock) + 1;
	x = s->width >= 44 && x < 9 ? 9 : x;
	surface_put(s, x, y, (uint32_t)mood_sign(item->mood), cursor ? (style)ROLE_SELECTED : mood_style(item->mood));
	x += 2;
	if (s->width >= 44) {
		int name = s->width >= 60 ? 14 : 10;

		surface_outside(s, x, y, name, muted, str_of(t->list.names[item->service]));
		x += name + 1;
	}
	draw_text(t, row, item, plain, s, x, y);
}

static void draw_list(const struct triage_state *t, const struct panel_frame *frame, struct surface *s, int rows)
{
	size_t cursor = frame->desk ? triage_cursor(t, frame->desk) : 0, visible = rows > 0 ? (size_t)rows : 0;
	size_t top = frame->desk ? frame->desk->top_row : 0;
	char title[60], first[FIGURE_TEXT_BYTES], all[FIGURE_TEXT_BYTES];

	if (t->row_count == 0)
		snprintf(title, sizeof title, "items");
	else
		snprintf(title, sizeof title, "items %s/%s", count_format((double)cursor + 1, first),
		         count_format((double)t->row_count, all));
	surface_rule(s, 0, frame->focused ? ROLE_ACCENT : ROLE_BORDER, title, t->list.complete ? "" : "reading");
	top = top > cursor ? cursor : top + visible <= cursor && visible > 0 ? cursor - visible + 1 : top;
	if (top + visible > t->row_count)
		top = t->row_count > visible ? t->row_count - visible : 0;
	for (size_t i = 0; i < visible && top + i < t->row_count; i++)
		draw_row(t, top + i, top + i == cursor && frame->desk, frame, s, 1 + (int)i);
	if (t->row_count == 0 && rows > 0)
		surface_text(s, 1, 1, ROLE_MUTED, t->list.complete ? t->list.total > 0 ? "nothing here is open" : "no feedback yet" : "reading");
}

static void draw_clusters(const struct triage_state *t, const struct panel_frame *frame, struct surface *s, int rows)
{
	const char *chosen = frame->ask ? frame->ask->triage.group : "";
	int name = s->width >= 44 ? 20 : 13, trend = s->width >= 44 ? 12 : 0;
	int bar_x = 2 + name + 6, bar = s->width - bar_x - (trend ? trend + 2 : 0) - 1;
	uint32_t most = 1;

	for (size_t i = 0; i < t->cluster_count; i++)
		most = t->clusters[i].count > most ? t->clusters[i].count : most;
	surface_rule(s, 0, ROLE_BORDER, "groups", t->clustering ? "reading" : s->width >= 44 ? "[ ] choose" : "[ ]");
	for (int i = 0; i < rows && (size_t)i < t->cluster_count; i++) {
		const struct cluster *c = &t->clusters[i];
		style st = strcmp(c->name, chosen) == 0 && chosen[0] ? ROLE_SELECTED : ROLE_TEXT;
		char count[FIGURE_TEXT_BYTES];

		surface_outside(s, 2, i + 1, name, st, str_of(c->name));
		draw_right(s, 2 + name, i + 1, 5, ROLE_MUTED, count_format(c->count, count));
		bar_draw(s, bar_x, i + 1, bar, 2 * c->negative > c->count ? ROLE_NEGATIVE : ROLE_SERIES1,
		         (double)c->count / (double)most);
		if (trend && t->cluster_steps > 0) {
			double values[CLUSTERS_STEPS_MAX];

			for (size_t k = 0; k < t->cluster_steps; k++)
				values[k] = c->steps[k];
			draw_values(s, s->width - trend - 1, i + 1, trend, values, t->cluster_steps, 0, ROLE_SERIES2);
		}
	}
	if (t->cluster_count == 0 && rows > 0)
		surface_text(s, 2, 1, ROLE_MUTED, t->clustering ? "reading" : "nobody says the same");
}

static void draw_trend(const struct triage_state *t, const struct panel_frame *frame, struct surface *s)
{
	char value[FIGURE_TEXT_BYTES];
	struct value now = t->has_fleet ? fleet_value(&t->fleet, METRIC_NEGATIVE_PER_100) : value_unknown();
	int width;

	surface_rule(s, 0, ROLE_BORDER, "trend  - per 100", "");
	figure_format_bare(UNIT_COUNT, now, s->ascii, value);
	width = s->width - (int)strlen(value) - 4;
	if (t->has_fleet)
		draw_spark(s, 2, 1, width, &t->fleet, METRIC_NEGATIVE_PER_100, ROLE_NEGATIVE);
	draw_right(s, s->width - 8, 1, 7, figure_style(frame, now), value);
}

void triage_draw(const struct triage_state *t, const struct panel_frame *frame, struct surface *s)
{
	const struct triage_desk *desk = frame->desk;
	struct parts p = split(s->width, s->height, desk && desk->opened);
	struct surface part;

	draw_status(t, frame, s);
	if (s->height < 2)
		return;
	if (p.left > 0) {
		part = surface_part(s, (struct rect){0, 1, p.left, p.list_rows + 1});
		draw_list(t, frame, &part, p.list_rows);
	}
	if (p.left > 0 && p.cluster_rows > 0) {
		part = surface_part(s, (struct rect){0, p.clusters_y, p.left, p.cluster_rows + 1});
		draw_clusters(t, frame, &part, p.cluster_rows);
		part = surface_part(s, (struct rect){0, p.trend_y, p.left, 2});
		draw_trend(t, frame, &part);
	}
	if (p.right_x < s->width) {
		for (int y = 1; y < s->height && p.right_x > 0; y++)
			surface_put(s, p.left, y, s->ascii ? '|' : 0x2502, ROLE_BORDER);
		part = surface_part(s, (struct rect){p.right_x, 1, s->width - p.right_x, s->height - 1});
		triage_draw_item(t, desk, frame, &part);
	}
}
