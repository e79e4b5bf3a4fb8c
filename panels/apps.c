/* One row a service, or whatever the page is grouped by. A row's state comes from the alerts that the
 * collector has for that service, or, where nobody evaluates, from the rules whose only filter is
 * exactly that service: the fleet's rules say nothing about one of its parts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "panels/alarms.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/search.h"

struct apps {
	struct figures_result groups;
	struct rollout_result rollouts;
	struct rule_set *rules; /* our own copy: readings point into it */
	struct rule_reading readings[RULES_MAX]; /* rule NULL = not about one service */
	struct alarms alarms;                    /* evaluated: these count instead */
	double seconds;
	enum dim by;
};

static const struct groups_column apps_columns[] = {
	{{"requests_per_second", "req/s", 6, false, 0, false}, METRIC_REQUEST_RATE, NULL},
	{{"latency_p95_s", "p95", 6, false, 0, false}, METRIC_LATENCY_P95, NULL},
	{{"error_rate", "err%", 5, false, 1, false}, METRIC_ERROR_RATE, NULL},
	{{"flags_per_minute", "flag/m", 6, false, 3, false}, METRIC_FLAG_RATE, NULL},
	{{"cost_usd_per_hour", "$/h", 6, false, 1, false}, METRIC_COST_RATE, NULL},
	{{"negative_per_100", "-/100", 5, false, 2, false}, METRIC_NEGATIVE_PER_100, NULL},
};
#define APPS_COLUMNS ((int)(sizeof apps_columns / sizeof *apps_columns))
#define ROLLOUT_COLUMN (APPS_COLUMNS + 1)

static bool is_service_rule(const struct rule *rule)
{
	return rule->where.filter_count == 1 && rule->where.filters[0].dim == DIM_SERVICE &&
	       !rule->where.filters[0].inverted;
}

static int groups_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct apps *a = state;

	a->by = query->form == PANEL_PAGE ? query->by : DIM_SERVICE;
	a->seconds = query_seconds(query);
	return fleet_groups_go_on(&a->groups, query, a->by, NEED_LATENCY, work, err);
}

static int states_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct apps *a = state;

	(void)work;
	if (query_rollouts(query->reader, &query->view, &a->rollouts, err) != 0)
		return -1;
	a->rules = rule_set_copy(query->rules);
	if (alarms_load_for(&a->alarms, query, err) != 0)
		return -1;
	for (size_t i = 0; !a->alarms.evaluated && a->by == DIM_SERVICE && i < a->rules->count; i++) {
		const struct rule *rule = &a->rules->rules[i];

		if (is_service_rule(rule) &&
		    rule_read(query->reader, rule, query->now_us, &a->readings[i], err) != 0)
			return -1;
	}
	return 1;
}

static int apps_load(const struct panel_query *query, void *state, struct err *err)
{
	static load_stage *const stages[] = {groups_stage, states_stage, NULL};

	return load_in_stages(&apps_panel, query, state, stages, err);
}

static void apps_fini(void *state)
{
	struct apps *a = state;

	figures_result_fini(&a->groups);
	rollout_result_fini(&a->rollouts);
	alarms_fini(&a->alarms);
	free(a->rules);
}

static int service_state(const struct apps *a, struct str service, const struct panel_frame *frame)
{
	int worst = frame->stale ? ROW_PLAIN : ROW_OK;

	for (size_t i = 0; a->alarms.evaluated && i < a->alarms.alerts.row_count; i++) {
		const struct alert_record *r = &a->alarms.alerts.rows[i];
		int st = r->severity == SEVERITY_CRITICAL ? ROW_CRITICAL : ROW_WARNING;

		if (r->state == ALERT_FIRING && st > worst && alarm_has_label(r, "service", service))
			worst = st;
	}
	for (size_t i = 0; i < a->rules->count; i++) {
		const struct rule_reading *r = &a->readings[i];
		int st;

		if (!r->rule || !r->over || !str_equal_c(service, r->rule->where.filters[0].value))
			continue;
		st = r->rule->severity == SEVERITY_CRITICAL ? ROW_CRITICAL : ROW_WARNING;
		worst = st > worst ? st : worst;
	}
	return worst;
}

/* The newest arm of the service's rollout: the candidate, or what is fully out. */
static void add_rollout(const struct apps *a, struct sheet *out, struct sheet_row *row)
{
	for (size_t i = 0; i < a->rollouts.row_count; i++) {
		const struct rollout_state *r = &a->rollouts.rows[i].state;
		const struct rollout_arm *arm = NULL;

		if (!str_equal(r->service, row->key))
			continue;
		for (uint32_t k = 0; k < r->arm_count; k++) {
			if (!arm || str_equal_c(r->arms[k].role, "candidate"))
				arm = &r->arms[k];
		}
		if (!arm)
			continue;
		sheet_set_text(out, row, ROLLOUT_COLUMN, arm->deployment);
		row->bar = (isnan(arm->actual_percent) ? arm->desired_percent : arm->actual_percent) / 100;
		row->cells[ROLLOUT_COLUMN].value = value_ok(row->bar);
		row->cells[ROLLOUT_COLUMN].sort = row->bar;
		return;
	}
}

static void apps_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	static const struct sheet_column rollout = {"candidate_share", "ROLLOUT", 17, false, 2, true};
	const struct apps *a = state;

	groups_sheet(&a->groups, a->by, a->seconds, apps_columns, APPS_COLUMNS, out);
	if (a->by != DIM_SERVICE)
		return;
	out->marked = true;
	if (a->rollouts.row_count > 0)
		out->columns[out->column_count++] = rollout;
	for (size_t i = 0; i < out->row_count; i++) {
		out->rows[i].state = (enum row_state)service_state(a, out->rows[i].key, frame);
		if (a->rollouts.row_count > 0)
			add_rollout(a, out, &out->rows[i]);
	}
}

static void apps_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct apps *a = state;
	char title[64], right[40];
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	int shown = s->height - 2, count = (int)a->groups.group_count;

	if (shown >= count)
		snprintf(title, sizeof title, "%s %d", a->by == DIM_SERVICE ? "apps" : dim_name(a->by), count);
	else
		snprintf(title, sizeof title, "%s %d of %d", a->by == DIM_SERVICE ? "apps" : dim_name(a->by),
		         shown > 0 ? shown : 0, count);
	snprintf(right, sizeof right, "%s", frame->find[0] ? "filtered" : "");
	draw_head(s, frame, title, right);
	if (s->height > 1)
		draw_rows(&apps_panel, state, frame, &table);
}

const struct panel apps_panel = {
	.name = "apps",
	.title = "apps",
	.help = "One row a service over the window, from rollups: requests a second, latency p95, errors, "
	        "flags a minute, dollars an hour, negative feedback in 100 items, and its rollout: the "
	        "candidate's share as the target reports it. A row's mark comes from the alert rules on "
	        "exactly that service. On its page it groups by any dimension.",
	.page = '6',
	.groups = true,
	.pace_us = 3 * US_PER_S,
	.state_size = sizeof(struct apps),
	.load = apps_load,
	.fini = apps_fini,
	.kept_size = sizeof(struct load_stages),
	.kept_fini = load_stages_fini,
	.draw = apps_draw,
	.rows = apps_rows,
	.row_dim = groups_row_dim,
};
