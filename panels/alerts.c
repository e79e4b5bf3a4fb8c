/* What is over its limit now: every alert rule of the config, read over its own window, critical
 * before warning. One line of them is the strip under the header. */
#include "panels/alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"

struct alerts {
	struct rule_set *rules; /* our own copy: readings point into it */
	struct rule_reading readings[RULES_MAX];
	size_t count;           /* rules read */
	size_t order[RULES_MAX], over; /* indices of those over their limit, worst first */
};

static void order_worst_first(struct alerts *a)
{
	for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_WARNING; severity--) {
		for (size_t i = 0; i < a->count; i++) {
			if (a->readings[i].over && (int)a->rules->rules[i].severity == severity)
				a->order[a->over++] = i;
		}
	}
}

static int alerts_load(const struct panel_query *query, void *state, struct err *err)
{
	struct alerts *a = state;

	a->rules = rule_set_copy(query->rules);
	for (size_t i = 0; i < a->rules->count; i++) {
		if (rule_read(query->reader, &a->rules->rules[i], query->now_us, &a->readings[i], err) != 0)
			return -1;
		a->count++;
	}
	order_worst_first(a);
	return 0;
}

static void alerts_fini(void *state)
{
	struct alerts *a = state;

	free(a->rules);
}

static enum state alert_state(const struct rule *rule)
{
	return rule->severity == SEVERITY_CRITICAL ? STATE_CRITICAL : STATE_WARNING;
}

/* "p95 checkout": the metric and what it is looked at for. */
static void alert_subject(const struct rule *rule, struct buf *out)
{
	buf_puts(out, metrics[rule->metric].label);
	for (size_t i = 0; i < rule->where.filter_count; i++) {
		const struct filter *f = &rule->where.filters[i];

		buf_puts(out, f->inverted ? " not " : " ");
		buf_puts(out, f->value);
	}
	if (rule->where.filter_count == 0)
		buf_puts(out, " fleet");
}

/* "4.20s>2.00s 5m" */
static void alert_figures(const struct rule_reading *r, bool ascii, char *out, size_t cap)
{
	enum metric_unit unit = metrics[r->rule->metric].unit;
	char value[FIGURE_TEXT_BYTES], limit[FIGURE_TEXT_BYTES], window[TIME_TEXT_BYTES];

	snprintf(out, cap, "%s%s %s", figure_format(unit, r->value, ascii, value),
	         limit_format(unit, r->rule->limit, r->rule->below, ascii, limit),
	         duration_format(r->rule->window_us, window));
}

static int strip_alert(const struct rule_reading *r, struct surface *s, int x, int y)
{
	enum state state = alert_state(r->rule);
	struct buf subject = {0};
	char figures[120];
	int start = x;

	surface_put(s, x, y, state_mark(state, s->ascii), state_style(state));
	x += 2;
	x += surface_text(s, x, y, state_style(state), state == STATE_CRITICAL ? "CRIT " : "WARN ");
	alert_subject(r->rule, &subject);
	x += surface_outside(s, x, y, 34, state_style(state), buf_str(&subject));
	alert_figures(r, s->ascii, figures, sizeof figures);
	x += surface_printf(s, x, y, state_style(state), " %s   ", figures);
	buf_fini(&subject);
	return x - start;
}

/* The strip when no alert is to be shown. */
static void strip_quiet(const struct alerts *a, const struct panel_frame *frame, const char *quiet,
                        struct surface *s)
{
	if (quiet[0])
		surface_outside(s, 1, 0, s->width - 2, ROLE_MUTED, str_of(quiet));
	else if (a->count == 0)
		surface_text(s, 1, 0, ROLE_MUTED, "no alert rules in the config: no limits shown");
	else if (frame->stale)
		surface_text(s, 1, 0, ROLE_STALE, "no fresh data: nothing can be said about limits");
	else
		surface_printf(s, 1, 0, ROLE_MUTED, "%zu rule%s, nothing over its limit", a->count,
		               a->count == 1 ? "" : "s");
}

void alerts_draw_strip(const void *state, const struct panel_frame *frame, const char *quiet,
                       struct surface *s)
{
	const struct alerts *a = state;
	char count[48] = "";
	struct surface room;
	int x = 1;

	if (a->over == 0) {
		strip_quiet(a, frame, quiet, s);
		return;
	}
	if (frame->stale)
		x += surface_text(s, x, 0, ROLE_STALE, "last known: ");
	snprintf(count, sizeof count, "%zu of %zu over", a->over, a->count);
	if (s->width < 60)
		snprintf(count, sizeof count, "%zu", a->over);
	draw_right(s, 0, 0, s->width - 1, ROLE_MUTED, count);
	room = surface_part(s, (struct rect){0, 0, s->width - (int)strlen(count) - 3, 1});
	for (size_t i = 0; i < a->over && x < room.width; i++)
		x += strip_alert(&a->readings[a->order[i]], &room, x, 0);
}

static void alerts_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct alerts *a = state;
	char right[64];
	int y = 1;

	snprintf(right, sizeof right, "%zu of %zu rules over", a->over, a->count);
	draw_head(s, frame, "over their limit now", a->count ? right : "");
	if (a->count == 0)
		surface_text(s, 1, y, ROLE_MUTED, "no alert rules in the config");
	else if (a->over == 0)
		surface_text(s, 1, y, ROLE_MUTED, "nothing is over its limit");
	for (size_t i = 0; i < a->over && y < s->height; i++, y++) {
		const struct rule_reading *r = &a->readings[a->order[i]];
		enum state st = alert_state(r->rule);
		struct buf subject = {0};
		char figures[120];

		surface_put(s, 1, y, state_mark(st, s->ascii), state_style(st));
		alert_subject(r->rule, &subject);
		alert_figures(r, s->ascii, figures, sizeof figures);
		surface_outside(s, 3, y, s->width - 5 - (int)strlen(figures), state_style(st),
		                buf_str(&subject));
		draw_right(s, 0, y, s->width - 1, state_style(st), figures);
		buf_fini(&subject);
	}
}

static const struct sheet_column alerts_columns[] = {
	{"rule", "RULE", 14, true, 0, false},       {"metric", "METRIC", 12, true, 2, false},
	{"where", "WHERE", 12, true, 3, false},     {"value", "value", 8, false, 0, false},
	{"limit", "limit", 8, false, 0, false},     {"window_s", "window", 7, false, 2, false},
	{"requests", "n", 7, false, 4, false},
};

static void alerts_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct alerts *a = state;
	char text[FIGURE_TEXT_BYTES], where[512], window[TIME_TEXT_BYTES];

	(void)frame;
	sheet_set_columns(out, alerts_columns, 7);
	out->marked = true;
	for (size_t i = 0; i < a->count; i++) {
		const struct rule_reading *r = &a->readings[i];
		enum metric_unit unit = metrics[r->rule->metric].unit;
		struct sheet_row *row = sheet_add(out, str_of(r->rule->name));

		row->state = !r->over ? (value_known(r->value) ? ROW_OK : ROW_PLAIN)
		             : r->rule->severity == SEVERITY_CRITICAL ? ROW_CRITICAL : ROW_WARNING;
		sheet_set_text(out, row, 0, str_of(r->rule->name));
		sheet_set_text(out, row, 1, str_of(metrics[r->rule->metric].name));
		sheet_set_text(out, row, 2,
		               str_of(view_format_filters(&r->rule->where, where, sizeof where)));
		sheet_set_value(out, row, 3, r->value, figure_format(unit, r->value, false, text));
		sheet_set_value(out, row, 4, value_ok(r->rule->limit),
		                limit_format(unit, r->rule->limit, r->rule->below, false, text));
		sheet_set_value(out, row, 5, value_ok((double)r->rule->window_us / 1e6),
		                duration_format(r->rule->window_us, window));
		sheet_set_value(out, row, 6, value_ok((double)r->requests),
		                count_format((double)r->requests, text));
	}
}

static void alerts_page(const void *state, const struct panel_frame *frame, struct surface *s)
{
	if (frame->form == PANEL_TILE) {
		alerts_draw(state, frame, s);
		return;
	}
	draw_head(s, frame, "alert rules, each over its own window", "");
	if (s->height > 2) {
		struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});

		draw_rows(&alerts_panel, state, frame, &table);
	}
}

const struct panel alerts_panel = {
	.name = "alerts",
	.title = "limits",
	.help = "The config's alert rules and what they read right now, each over its own window. What is "
	        "over its limit stands in the strip under the header, critical before warning.",
	.page = '6',
	.state_size = sizeof(struct alerts),
	.load = alerts_load,
	.fini = alerts_fini,
	.draw = alerts_page,
	.rows = alerts_rows,
};
