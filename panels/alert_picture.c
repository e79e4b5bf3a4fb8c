/* One or two rollup queries a picture, like those that the evaluation asks, in steps instead of at once. */
#include "panels/alert_picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/query_spend.h"
#include "ui/chart.h"

#define BURN_STEPS 300 /* of the window and what lies before it, which the first step looks back on */
#define BUDGET_STEPS 240

/* ── of requests ───────────────────────────────────────────────────────────────────────────── */

static struct panel_query narrowed(const struct panel_query *query, const struct view *where)
{
	struct panel_query q = *query;

	q.view = *where;
	q.view.by_count = 0;
	q.view.from_us = query->view.from_us;
	q.view.to_us = query->view.to_us;
	q.view.step_us = query->view.step_us;
	q.compare = false;
	return q;
}

static int load_metric(struct alert_picture *p, const struct panel_query *query, const struct view *where, enum metric m,
                       struct err *err)
{
	struct panel_query q = narrowed(query, where);
	struct fleet fleet = {0};

	if (fleet_load(&fleet, &q, metrics[m].needs, metrics[m].needs, err) != 0)
		return -1;
	p->count = fleet_series(&fleet, m, p->values, SERIES_STEPS_MAX);
	p->unit = metrics[m].unit;
	p->from_us = fleet.now.from_us;
	p->to_us = fleet.now.to_us;
	p->step_us = fleet.now.step_us;
	snprintf(p->words, sizeof p->words, "%s", metrics[m].label);
	fleet_fini(&fleet);
	return 0;
}

/* Requests that were bad, and those that tell, in one step. */
static void count_bad(const struct watched_rule *rule, const struct figures *f, double *bad, double *all)
{
	const struct sketch *latency = &f->sketches[SKETCH_LATENCY_US];

	*bad = rule->slow_us ? (double)sketch_count_at_least(latency, rule->slow_us) : (double)f->errors;
	*all = rule->slow_us ? (double)latency->count : (double)f->requests;
}

/* Each step says how the long window that ends with it burns. */
static void burn_values(struct alert_picture *p, const struct watched_rule *rule, const struct figures_result *res, size_t lead)
{
	for (size_t i = lead; i < res->steps && p->count < SERIES_STEPS_MAX; i++) {
		double bad = 0, all = 0;

		for (size_t k = i + 1 > lead ? i + 1 - lead : 0; k <= i; k++) {
			double step_bad, step_all;

			count_bad(rule, &res->total.series[k], &step_bad, &step_all);
			bad += step_bad;
			all += step_all;
		}
		p->values[p->count++] = all > 0 ? bad / all / (1 - rule->objective) : NAN;
	}
}

static int load_burn(struct alert_picture *p, const struct panel_query *query, const struct view *where, const struct watched_rule *rule,
                     struct err *err)
{
	struct view v = narrowed(query, where).view;
	struct figures_result res;
	char window[TIME_TEXT_BYTES];

	if (v.to_us - v.from_us < 2 * rule->window_us)
		v.from_us = v.to_us - 2 * rule->window_us;
	v.from_us -= rule->window_us;
	v.step_us = view_choose_step_us(v.from_us, v.to_us, BURN_STEPS);
	if (query_figures(query->reader, &v, 0, rule->slow_us ? NEED_LATENCY : 0, &res, err) != 0)
		return -1;
	size_t lead = res.step_us > 0 ? (size_t)(rule->window_us / res.step_us) : 0;

	lead = lead ? lead : 1;
	if (res.total.series)
		burn_values(p, rule, &res, lead);
	p->unit = UNIT_COUNT;
	p->from_us = res.from_us + (int64_t)lead * res.step_us;
	p->to_us = res.to_us;
	p->step_us = res.step_us;
	snprintf(p->words, sizeof p->words, "burn over %s, times the budget's pace", duration_format(rule->window_us, window));
	figures_result_fini(&res);
	return 0;
}

/* Steps without a request are no data, as for the rule. */
static int load_findings(struct alert_picture *p, const struct panel_query *query, const struct view *where, const char *category,
                         struct err *err)
{
	struct view v = narrowed(query, where).view;
	struct breakdown_result flags;

	if (load_metric(p, query, where, METRIC_REQUEST_RATE, err) || query_breakdown(query->reader, BREAKDOWN_FLAG_CATEGORY, &v, &flags, err))
		return -1;
	for (size_t i = 0; i < p->count; i++) {
		int64_t count = 0;

		for (size_t k = 0; k < flags.row_count && i < flags.steps; k++)
			count += strcmp(flags.rows[k].name, category) == 0 ? flags.rows[k].series[i] : 0;
		if (!isnan(p->values[i]))
			p->values[i] = p->values[i] > 0 ? (double)count * (double)US_PER_MIN / (double)p->step_us : NAN;
	}
	p->unit = UNIT_PER_MINUTE;
	snprintf(p->words, sizeof p->words, "findings of %.40s a minute", category);
	breakdown_result_fini(&flags);
	return 0;
}

/* ── gauges and budgets ────────────────────────────────────────────────────────────────────── */

/* The worst mean of the gauge's instances, as a round takes it. */
static int load_gauge(struct alert_picture *p, const struct panel_query *query, const struct watched_rule *rule, struct err *err)
{
	struct gauge_result res;

	if (query_gauges(query->reader, str_of(rule->gauge), query->view.from_us, query->view.to_us, query->view.step_us, &res, err) != 0)
		return -1;
	for (size_t s = 0; s < res.series_count; s++) {
		const struct gauge_series *g = &res.series[s];

		if (strcmp(g->name, rule->gauge) != 0)
			continue;
		for (size_t i = 0; i < g->steps && i < SERIES_STEPS_MAX; i++) {
			if (i == p->count)
				p->values[p->count++] = NAN;
			if (isnan(p->values[i]) || (rule->below ? g->mean[i] < p->values[i] : g->mean[i] > p->values[i]))
				p->values[i] = g->mean[i];
		}
	}
	p->unit = UNIT_COUNT;
	p->from_us = res.from_us;
	p->to_us = res.to_us;
	p->step_us = res.step_us;
	snprintf(p->words, sizeof p->words, "%.60s, %s instance", rule->gauge, rule->below ? "lowest" : "highest");
	gauge_result_fini(&res);
	return 0;
}

/* What was spent in each step, in nano-dollars: owned, NULL when nothing is there. */
static int spending(const struct panel_query *query, const struct config_budget *b, struct alert_picture *p, int64_t to_us, int64_t **out,
                    size_t *steps, struct err *err)
{
	struct figures_result res;
	struct attr_spend spend;
	struct view v = b->where;

	*out = NULL;
	*steps = 0;
	if (b->by_attr) {
		if (query_attr_spend(query->reader, b->attr, str_of(b->attr_value), p->from_us, to_us, p->step_us, &spend, err) != 0)
			return -1;
		p->from_us = spend.from_us;
		p->step_us = spend.step_us;
		*out = spend.series;
		*steps = spend.steps;
		return 0;
	}
	v.by_count = 0;
	v.from_us = p->from_us;
	v.to_us = to_us;
	v.step_us = p->step_us;
	if (query_figures(query->reader, &v, 0, 0, &res, err) != 0)
		return -1;
	p->from_us = res.from_us;
	p->step_us = res.step_us;
	if (res.total.series) {
		*out = mem_array(NULL, res.steps + 1, sizeof **out);
		*steps = res.steps;
		for (size_t i = 0; i < res.steps; i++)
			(*out)[i] = res.total.series[i].cost_nusd;
	}
	figures_result_fini(&res);
	return 0;
}

/* Spent since the period began, step by step to the reset; ahead, a straight way to the forecast. */
static void add_up(struct alert_picture *p, const struct budget_standing *b, const int64_t *spent, size_t steps)
{
	const struct budget_status *st = &b->status;
	double sum = 0, total = st->forecast_nusd / 1e9;
	size_t all = (size_t)((st->to_us - p->from_us + p->step_us - 1) / p->step_us);

	all = all < SERIES_STEPS_MAX ? all : SERIES_STEPS_MAX;
	for (size_t i = 0; i < all; i++) {
		sum += i < steps ? (double)spent[i] / 1e9 : 0;
		p->values[i] = i < steps ? sum : NAN;
		p->ahead[i] = NAN;
		if (st->forecast_known && steps && i + 1 >= steps && all > steps)
			p->ahead[i] = sum + (total - sum) * (double)(i + 1 - steps) / (double)(all - steps);
	}
	p->count = all;
	p->ahead_count = st->forecast_known ? all : 0;
}

static int load_budget(struct alert_picture *p, const struct panel_query *query, const struct budget_standing *b, struct err *err)
{
	int64_t *spent;
	size_t steps;

	p->from_us = b->status.from_us;
	p->step_us = view_choose_step_us(b->status.from_us, b->status.to_us, BUDGET_STEPS);
	if (b->assessed_us <= p->from_us)
		return 0;
	if (spending(query, &b->budget, p, b->assessed_us, &spent, &steps, err) != 0)
		return -1;
	if (spent && p->step_us > 0)
		add_up(p, b, spent, steps);
	p->to_us = p->from_us + (int64_t)p->count * p->step_us;
	p->unit = UNIT_USD;
	snprintf(p->words, sizeof p->words, "spent this %s%s", budget_period_name(b->budget.period),
	         b->status.forecast_known ? ", and the way to the forecast" : "");
	free(spent);
	return 0;
}

/* ── which ─────────────────────────────────────────────────────────────────────────────────── */

/* The guardrail that fails first, by the collector's own words: "… in rollout NAME: error_rate has …". */
static enum metric failing_metric(const struct alert_record *alert, const struct rule_rollout *rollout)
{
	char before[160];

	for (size_t i = 0; i < rollout->guardrail_count; i++) {
		enum metric m = rollout->guardrails[i].metric;

		if (m == METRIC_COUNT)
			continue;
		snprintf(before, sizeof before, "in rollout %.96s: %s has ", rollout->name, metrics[m].name);
		if (strstr(alert->summary, before))
			return m;
	}
	return METRIC_COUNT;
}

static const struct budget_standing *standing_of(const struct standing_result *standings, const char *name)
{
	for (size_t i = 0; i < standings->row_count; i++) {
		if (strcmp(standings->rows[i].budget.name, name) == 0)
			return &standings->rows[i];
	}
	return NULL;
}

static int load_watched(struct alert_picture *out, const struct panel_query *query, const struct alert_record *alert,
                        const struct view *where, const struct watched_rule *rule, struct err *err)
{
	if (rule->gauge[0])
		return load_gauge(out, query, rule, err);
	if (rule->category[0])
		return load_findings(out, query, where, rule->category, err);
	if (rule->kind == ALERT_BURN_RATE)
		return load_burn(out, query, where, rule, err);
	if (load_metric(out, query, where, rule->kind == ALERT_ABSENCE ? METRIC_REQUEST_RATE : rule->metric, err) != 0)
		return -1;
	out->limit = NAN;
	if (rule->kind == ALERT_ANOMALY) {
		out->limit = alert->normal;
		snprintf(out->words, sizeof out->words, "%s; the line is what is usual now", metrics[rule->metric].label);
	}
	return 0;
}

int alert_picture_load(struct alert_picture *out, const struct panel_query *query, const struct alert_record *alert,
                       const struct view *where, const struct standing_result *standings, struct err *err)
{
	const struct rule *plain = rule_set_find(query->rules, alert->rule);
	const struct watched_rule *rule = rule_set_watched(query->rules, alert->rule);
	const struct rule_rollout *rollout = rule_rollout_find(query->rules, str_of(alert->rule));

	out->id = alert->id;
	out->count = out->ahead_count = 0;
	out->limit = alert->bound;
	out->words[0] = '\0';
	if (strcmp(alert->kind, "budget") == 0) {
		const struct budget_standing *b = standing_of(standings, alert->rule);

		return b ? load_budget(out, query, b, err) : 0;
	}
	if (strcmp(alert->kind, "rollout") == 0) {
		enum metric m = rollout ? failing_metric(alert, rollout) : METRIC_COUNT;

		return m == METRIC_COUNT ? 0 : load_metric(out, query, where, m, err);
	}
	if (plain)
		return load_metric(out, query, where, plain->metric, err);
	return !rule ? 0 : load_watched(out, query, alert, where, rule, err);
}

void alert_picture_draw(const struct alert_picture *p, const struct panel_frame *frame, struct surface *s)
{
	struct chart_series series[2] = {
		{p->values, p->count, frame->stale ? ROLE_STALE : ROLE_SERIES1, NULL, '*'},
		{p->ahead, p->ahead_count, ROLE_MUTED | STYLE_DIM, NULL, ':'},
	};
	struct rule limit = {.limit = p->limit};

	if (p->count)
		draw_numbers(s, frame, p->unit, p->from_us, p->to_us, p->step_us, series, p->ahead_count ? 2 : 1, &limit);
}
