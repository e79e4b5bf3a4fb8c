/* The fleet's six vital signs: one row each with value, change against the window before, shape,
 * limit and state. A limit is an alert rule of the config on the same metric and the same filters;
 * a rule reads its own window, so the state can be worse than the row's value over a longer one:
 * the limit column then shows what the rule saw. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/alarms.h"
#include "panels/draw.h"

static const enum metric signal_metrics[] = {METRIC_COST_RATE,  METRIC_LATENCY_P95,
                                             METRIC_TTFT_P95,   METRIC_ERROR_RATE,
                                             METRIC_FLAG_RATE,  METRIC_REQUEST_RATE};
static const char *const signal_names[] = {"cost", "p95", "ttft", "errors", "flags", "req/s"};
#define SIGNAL_COUNT ((int)(sizeof signal_names / sizeof *signal_names))

struct signals {
	struct fleet fleet;
	bool has_rule[SIGNAL_COUNT];
	struct rule rules[SIGNAL_COUNT];
	struct rule_reading readings[SIGNAL_COUNT];
	const char *stages[SIGNAL_COUNT]; /* "ack" where the collector knows more than the letter; else "" */
	bool no_data[SIGNAL_COUNT];       /* the collector cannot tell */
};

/* What the collector knows about the signal's rule; `over` is whether it fires. */
static void take_alarm(struct signals *s, int i, const struct alarms *alarms)
{
	struct rule *rule = &s->rules[i];
	const struct rule_state *known = alarms_rule_state(alarms, rule->name);
	const struct alert_record *alert = alarms_of_rule(alarms, rule->name);

	s->readings[i] = (struct rule_reading){.value = value_unknown()};
	s->no_data[i] = !known || known->data != ALERT_DATA_OK;
	if (known && !isnan(known->bound))
		rule->limit = known->bound;
	if (known && !isnan(known->value))
		s->readings[i].value = value_ok(known->value);
	if (!alert)
		return;
	s->readings[i].over = alert->state == ALERT_FIRING;
	if (!isnan(alert->value))
		s->readings[i].value = value_ok(alert->value);
	s->stages[i] = alarm_stage_short(alarm_stage_of(alert));
}

/* Reads a signal's rule from the collector's states, or itself where nobody evaluates. */
static int read_rule(struct signals *s, int i, const struct panel_query *query, const struct alarms *alarms, struct err *err)
{
	if (alarms->evaluated)
		take_alarm(s, i, alarms);
	else if (rule_read(query->reader, &s->rules[i], query->now_us, &s->readings[i], err) != 0)
		return -1;
	s->readings[i].rule = &s->rules[i];
	return 0;
}

static int signals_load(const struct panel_query *query, void *state, struct err *err)
{
	struct signals *s = state;
	const unsigned needs = NEED_LATENCY | NEED_TTFT;
	struct alarms alarms;
	int failed = 0;

	if (fleet_load(&s->fleet, query, needs, needs, err) != 0 || alarms_load_for(&alarms, query, err) != 0)
		return -1;
	for (int i = 0; i < SIGNAL_COUNT && !failed; i++) {
		const struct rule *rule = rule_for(query->rules, signal_metrics[i], &query->view);

		s->stages[i] = "";
		if (!rule)
			continue;
		s->rules[i] = *rule;
		s->has_rule[i] = true;
		failed = read_rule(s, i, query, &alarms, err);
	}
	alarms_fini(&alarms);
	return failed;
}

static void signals_fini(void *state)
{
	struct signals *s = state;

	fleet_fini(&s->fleet);
}

static enum state signal_state(const struct signals *s, int i, const struct panel_frame *frame)
{
	if (frame->stale)
		return STATE_STALE;
	if (s->has_rule[i] && s->readings[i].over)
		return s->rules[i].severity == SEVERITY_CRITICAL ? STATE_CRITICAL : STATE_WARNING;
	if (s->no_data[i])
		return STATE_UNKNOWN;
	return value_known(fleet_value(&s->fleet, signal_metrics[i])) ? STATE_OK : STATE_UNKNOWN;
}

/* What fits, widest first: everything; no sparkline; no limit; name, value and state. */
struct signal_layout {
	int value, change, spark, limit, state; /* x of each; -1 = left out */
	int spark_width;
};

static struct signal_layout signals_layout(int width)
{
	struct signal_layout l = {.value = 8, .change = 17, .spark = 26, .limit = -1, .state = -1};

	l.state = width - 6;
	if (width >= 62)
		l.limit = l.state - 15;
	if (width < 36)
		l.change = -1;
	l.spark_width = (l.limit > 0 ? l.limit : l.state) - 1 - l.spark;
	if (l.spark_width < 6)
		l.spark = -1;
	if (width < 22)
		l.state = width - 2;
	return l;
}

static void limit_text(const struct signals *s, int i, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	const struct rule *rule = &s->rules[i];
	enum metric_unit unit = metrics[rule->metric].unit;
	char limit[FIGURE_TEXT_BYTES], value[FIGURE_TEXT_BYTES];

	limit_format(unit, rule->limit, rule->below, ascii, limit);
	if (s->readings[i].over)
		snprintf(out, FIGURE_TEXT_BYTES, "%.14s%.14s",
		         figure_format_bare(unit, s->readings[i].value, ascii, value), limit);
	else
		snprintf(out, FIGURE_TEXT_BYTES, "%.30s", limit);
}

static void draw_signal(const struct signals *s, int i, const struct panel_frame *frame,
                        const struct signal_layout *l, struct surface *surface, int y)
{
	enum metric m = signal_metrics[i];
	enum state state = signal_state(s, i, frame);
	struct value now = fleet_value(&s->fleet, m), before = fleet_before(&s->fleet, m);
	char text[FIGURE_TEXT_BYTES];

	surface_text(surface, 1, y, ROLE_HEADER, signal_names[i]);
	surface_text(surface, l->value, y, figure_style(frame, now),
	             figure_format(metrics[m].unit, now, surface->ascii, text));
	if (l->change > 0)
		draw_right(surface, l->change, y, 7, change_style(metrics[m].higher_is, now, before),
		           change_format(metrics[m].unit, now, before, surface->ascii, text));
	if (l->spark > 0)
		draw_spark(surface, l->spark, y, l->spark_width, &s->fleet, m,
		           state >= STATE_WARNING ? state_style(state) : (style)ROLE_SERIES1);
	if (l->limit > 0 && s->has_rule[i]) {
		limit_text(s, i, surface->ascii, text);
		surface_text(surface, l->limit, y,
		             s->readings[i].over ? state_style(state) : (style)ROLE_MUTED, text);
	}
	if (surface->width < 22) {
		surface_put(surface, l->state, y, state_mark(state, surface->ascii), state_style(state));
	} else if (s->stages[i][0] && !frame->stale) {
		surface_put(surface, l->state, y, state_mark(state, surface->ascii), state_style(state));
		surface_text(surface, l->state + 2, y, state_style(state), s->stages[i]);
	} else {
		draw_state(surface, l->state, y, state);
	}
}

static void signals_head(const struct signals *s, const struct panel_frame *frame,
                         const struct signal_layout *l, struct surface *surface)
{
	int64_t length = s->fleet.now.to_us - s->fleet.now.from_us;
	char reference[FIGURE_TEXT_BYTES], right[80] = "", title[80];
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	int x;

	snprintf(title, sizeof title, "signals, change vs %s", reference_format(length, reference));
	if (surface->width < 50)
		snprintf(title, sizeof title, "signals");
	if (l->limit > 0)
		snprintf(right, sizeof right, "limit");
	draw_head(surface, frame, title, right);
	if (l->spark <= 0 || l->spark_width < 16)
		return;
	x = (int)strlen(title) + 4 > l->spark ? (int)strlen(title) + 4 : l->spark;
	axis_time(s->fleet.now.from_us, length, frame->tz, from);
	axis_time(s->fleet.end_us, length, frame->tz, to);
	if (x + 8 < l->spark + l->spark_width - 8)
		surface_text(surface, x, 0, ROLE_MUTED, from);
	draw_right(surface, l->spark, 0, l->spark_width, ROLE_MUTED, to);
}

/* Rows in the order they are drawn: as listed, or the worst first when not all fit. */
static int signals_order(const struct signals *s, const struct panel_frame *frame, int room,
                         int order[SIGNAL_COUNT])
{
	int count = 0;

	for (int worst = STATE_CRITICAL; worst >= STATE_UNKNOWN && room < SIGNAL_COUNT; worst--) {
		for (int i = 0; i < SIGNAL_COUNT; i++) {
			if ((int)signal_state(s, i, frame) == worst)
				order[count++] = i;
		}
	}
	while (count < SIGNAL_COUNT) {
		order[count] = count;
		count++;
	}
	return room < count ? room : count;
}

static void signals_draw(const void *state, const struct panel_frame *frame,
                         struct surface *surface)
{
	const struct signals *s = state;
	struct signal_layout layout = signals_layout(surface->width);
	int order[SIGNAL_COUNT], rows;

	signals_head(s, frame, &layout, surface);
	rows = signals_order(s, frame, surface->height - 1, order);
	for (int i = 0; i < rows; i++)
		draw_signal(s, order[i], frame, &layout, surface, i + 1);
}

static const struct sheet_column signals_columns[] = {
	{"signal", "SIGNAL", 8, true, 0, false},   {"value", "value", 9, false, 0, false},
	{"before", "before", 9, false, 0, false},  {"limit", "limit", 9, false, 0, false},
	{"state", "state", 5, true, 0, false},
};

static void signals_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct signals *s = state;
	char text[FIGURE_TEXT_BYTES];

	sheet_set_columns(out, signals_columns, 5);
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		const char *name = metrics[signal_metrics[i]].name;
		enum metric_unit unit = metrics[signal_metrics[i]].unit;
		struct value now = fleet_value(&s->fleet, signal_metrics[i]);
		struct value before = fleet_before(&s->fleet, signal_metrics[i]);
		struct value limit = s->has_rule[i] ? value_ok(s->rules[i].limit) : value_unknown();
		struct sheet_row *row = sheet_add(out, str_of(name));

		sheet_set_text(out, row, 0, str_of(name));
		sheet_set_value(out, row, 1, now, figure_format(unit, now, false, text));
		sheet_set_value(out, row, 2, before, figure_format(unit, before, false, text));
		sheet_set_value(out, row, 3, limit, figure_format(unit, limit, false, text));
		sheet_set_text(out, row, 4, str_of(state_word(signal_state(s, i, frame))));
	}
}

const struct panel signals_panel = {
	.name = "signals",
	.title = "signals",
	.help = "The fleet's vital signs over the window, from rollups: cost an hour, latency p95, time to "
	        "first token p95, error share, content-safety flags a minute, requests a second. The change "
	        "names the window it is measured against. A limit is an alert rule of the config on the same "
	        "metric; the rule reads its own window, and what it saw stands before the limit once it is "
	        "passed. Without a rule there is no limit, and ok means no more than that data arrives.",
	.page = '6',
	.pace_us = 2 * US_PER_S,
	.state_size = sizeof(struct signals),
	.load = signals_load,
	.fini = signals_fini,
	.draw = signals_draw,
	.rows = signals_rows,
};
