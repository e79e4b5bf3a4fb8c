/* Rollouts, budgets and alert rules. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "core/money.h"
#include "parse/config_read.h"

static int read_guardrail(struct config_reader *r, const struct node *n, struct config_guardrail *g)
{
	static const char *const keys[] = {"metric", "worse_by", NULL};
	struct err why;
	const char *text = NULL;

	if (config_want(r, n, NODE_MAP, "a guardrail") < 0 || config_check_keys(r, n, keys) < 0 ||
	    config_metric(r, n, &g->metric) < 0 || config_text(r, n, "worse_by", true, &text) < 0)
		return -1;
	if (config_parse_limit(text, &metrics[g->metric], &g->worse_by, &g->relative, &why) < 0)
		return config_fail(r, node_get(n, "worse_by"), "%s", why.text);
	if (g->worse_by <= 0)
		return config_fail(r, node_get(n, "worse_by"), "worse_by must be above 0");
	return 0;
}

static int read_guardrails(struct config_reader *r, const struct node *map, struct config_rollout *out)
{
	const struct node *list = node_get(map, "guardrails");
	const size_t most = sizeof(out->guardrails) / sizeof(out->guardrails[0]);

	if (!list)
		return 0;
	if (config_want(r, list, NODE_LIST, "guardrails") < 0)
		return -1;
	if (node_count(list) > most)
		return config_fail(r, list, "more than %zu guardrails", most);
	for (const struct node *n = list->child; n; n = n->next)
		if (read_guardrail(r, n, &out->guardrails[out->guardrail_count++]) < 0)
			return -1;
	return 0;
}

/* `actuator:` for one target, `actuators:` for several. */
static int read_actuators(struct config_reader *r, const struct node *map, struct config_rollout *out)
{
	const struct node *one = node_get(map, "actuator"), *many = node_get(map, "actuators");
	void *items = NULL;

	if (one && many)
		return config_fail_key(r, many, "give either `actuator` or `actuators`");
	if (one) {
		if (config_want(r, one, NODE_MAP, "actuator") < 0)
			return -1;
		out->actuators = arena_alloc(&r->config->arena, sizeof(*out->actuators));
		memset(out->actuators, 0, sizeof(*out->actuators));
		out->actuator_count = 1;
		return config_section(r, one, false, out->actuators);
	}
	if (!many)
		return 0;
	if (config_list(r, many, sizeof(*out->actuators), &items) < 0)
		return -1;
	out->actuators = items;
	for (const struct node *n = many->child; n; n = n->next)
		if (config_section(r, n, false, &out->actuators[out->actuator_count++]) < 0)
			return -1;
	return 0;
}

static int read_rollout(struct config_reader *r, const struct node *n, struct config_rollout *out)
{
	static const char *const keys[] = {"name", "service", "environment", "stable", "candidate", "actuator",
	                                   "actuators", "guardrails", "on_breach", NULL};
	static const char *const breaches[] = {"ask", "rollback", NULL};
	int breach = 0;

	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 ||
	    config_text(r, n, "service", true, &out->service) < 0 ||
	    config_text(r, n, "environment", false, &out->environment) < 0 ||
	    config_text(r, n, "stable", true, &out->stable) < 0 ||
	    config_text(r, n, "candidate", true, &out->candidate) < 0 || read_actuators(r, n, out) < 0 ||
	    read_guardrails(r, n, out) < 0 || config_choice(r, n, "on_breach", breaches, &breach) < 0)
		return -1;
	if (strcmp(out->stable, out->candidate) == 0)
		return config_fail(r, node_get(n, "candidate"), "candidate and stable must differ");
	out->rollback_on_breach = breach == 1;
	return 0;
}

int config_read_rollouts(struct config_reader *r, const struct node *n)
{
	void *items;

	if (config_list(r, n, sizeof(struct config_rollout), &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	r->config->rollouts = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (read_rollout(r, item, &r->config->rollouts[r->config->rollout_count++]) < 0)
			return -1;
	return 0;
}

static int read_amount(struct config_reader *r, const struct node *map, int64_t *out)
{
	const char *text = NULL;

	if (config_text(r, map, "amount", true, &text) < 0)
		return -1;
	struct str s = str_trim(str_of(text));
	if (s.len && s.ptr[0] == '$')
		s = (struct str){s.ptr + 1, s.len - 1};
	if (!money_parse_nusd(s, out) || *out <= 0)
		return config_fail(r, node_get(map, "amount"), "amount must be US dollars above 0, such as 400 or 99.50");
	return 0;
}

static int read_warn(struct config_reader *r, const struct node *map, struct config_budget *out)
{
	static const int usual[] = {50, 80, 100};
	const size_t most = sizeof(out->warn_percent) / sizeof(out->warn_percent[0]);
	const struct node *list = node_get(map, "warn");

	if (!list) {
		memcpy(out->warn_percent, usual, sizeof(usual));
		out->warn_count = 3;
		return 0;
	}
	if (config_want(r, list, NODE_LIST, "warn") < 0)
		return -1;
	for (const struct node *n = list->child; n; n = n->next) {
		int64_t percent = 0;
		struct str s = n->kind == NODE_SCALAR ? str_of(n->text) : (struct str){0};
		if (str_ends_with(s, STR_LIT("%")))
			s.len--;
		if (!str_to_int64(s, &percent) || percent < 1 || percent > 1000)
			return config_fail(r, n, "warn takes percentages from 1 to 1000, such as [50, 80, 100]");
		if (out->warn_count == most)
			return config_fail(r, n, "more than %zu thresholds", most);
		if (out->warn_count && percent <= out->warn_percent[out->warn_count - 1])
			return config_fail(r, n, "the thresholds of warn must rise");
		out->warn_percent[out->warn_count++] = (int)percent;
	}
	return 0;
}

static int read_on(struct config_reader *r, const struct node *map, struct config_budget *out)
{
	static const char *const known[] = {"actual", "forecast", NULL};
	const struct node *on = node_get(map, "on");

	if (!on) {
		out->on_actual = true;
		return 0;
	}
	const struct node *first = on->kind == NODE_LIST ? on->child : on;
	if (!first)
		return config_fail(r, on, "on takes [actual], [forecast] or both");
	for (const struct node *n = first; n; n = on->kind == NODE_LIST ? n->next : NULL) {
		if (config_want(r, n, NODE_SCALAR, "on") < 0)
			return -1;
		if (strcmp(n->text, "actual") == 0)
			out->on_actual = true;
		else if (strcmp(n->text, "forecast") == 0)
			out->on_forecast = true;
		else
			return config_unknown_value(r, n, "basis of a budget", known);
	}
	return 0;
}

static int read_budget(struct config_reader *r, const struct node *n, struct config_budget *out)
{
	static const char *const keys[] = {"name", "where", "amount", "period", "tz", "warn", "on", "hard", NULL};
	static const char *const periods[] = {"day", "week", "month", "quarter", "year", NULL};
	int period = -1;
	struct tz *tz = NULL;
	struct err why;

	out->tz = "UTC";
	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 ||
	    config_where(r, n, &out->where) < 0 || read_amount(r, n, &out->amount_nusd) < 0 ||
	    config_choice(r, n, "period", periods, &period) < 0 || config_text(r, n, "tz", false, &out->tz) < 0 ||
	    read_warn(r, n, out) < 0 || read_on(r, n, out) < 0 || config_text(r, n, "hard", false, &out->hard) < 0)
		return -1;
	if (period < 0)
		return config_fail(r, n, "`period` is missing: day, week, month, quarter or year");
	out->period = (enum budget_period)period;
	if (tz_load(&tz, out->tz, &why) < 0)
		return config_fail(r, node_get(n, "tz"), "%s", why.text);
	tz_free(&tz);
	return 0;
}

int config_read_budgets(struct config_reader *r, const struct node *n)
{
	void *items;

	if (config_list(r, n, sizeof(struct config_budget), &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	r->config->budgets = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (read_budget(r, item, &r->config->budgets[r->config->budget_count++]) < 0)
			return -1;
	return 0;
}

static int read_limit(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	const struct node *over = node_get(n, "over"), *under = node_get(n, "under");
	const char *text = NULL;
	struct err why;

	if (!over == !under)
		return config_fail(r, under ? under : n, "an alert needs either `over` or `under`");
	out->below = under != NULL;
	if (config_text(r, n, out->below ? "under" : "over", true, &text) < 0)
		return -1;
	if (config_parse_limit(text, &metrics[out->metric], &out->limit, NULL, &why) < 0)
		return config_fail(r, over ? over : under, "%s", why.text);
	return 0;
}

static int read_alert(struct config_reader *r, const struct node *n, struct config_alert *out)
{
	static const char *const keys[] = {"name", "metric", "where", "over", "under", "window", "for",
	                                   "keep_firing_for", "severity", "runbook", NULL};
	static const char *const severities[] = {"warning", "critical", NULL};
	int severity = SEVERITY_WARNING;

	out->window_us = 5 * US_PER_MIN;
	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 ||
	    config_metric(r, n, &out->metric) < 0 || config_where(r, n, &out->where) < 0 ||
	    read_limit(r, n, out) < 0 || config_duration(r, n, "window", &out->window_us) < 0 ||
	    config_duration(r, n, "for", &out->for_us) < 0 ||
	    config_duration(r, n, "keep_firing_for", &out->keep_firing_for_us) < 0 ||
	    config_choice(r, n, "severity", severities, &severity) < 0 ||
	    config_text(r, n, "runbook", false, &out->runbook) < 0)
		return -1;
	if (out->window_us < 10 * US_PER_S || out->window_us > 31 * US_PER_DAY)
		return config_fail(r, node_get(n, "window"), "window must lie between 10s and 31d");
	out->severity = (enum severity)severity;
	return 0;
}

int config_read_alerts(struct config_reader *r, const struct node *n)
{
	void *items;

	if (config_list(r, n, sizeof(struct config_alert), &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	r->config->alerts = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (read_alert(r, item, &r->config->alerts[r->config->alert_count++]) < 0)
			return -1;
	return 0;
}
