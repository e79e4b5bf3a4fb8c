/* A rule is read with one rollup query over its own window: rules look at the last minutes
 * whatever window the screen shows. */
#include "panels/rules.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static void add_rollout(struct rule_set *set, const struct config_rollout *from)
{
	struct rule_rollout *to = &set->rollouts[set->rollout_count++];

	snprintf(to->name, sizeof to->name, "%s", from->name);
	for (size_t i = 0; i < from->arm_count; i++)
		snprintf(to->arms[i], sizeof to->arms[i], "%s", from->arms[i]);
	to->arm_count = from->arm_count;
	memcpy(to->guardrails, from->guardrails, sizeof to->guardrails);
	to->guardrail_count = from->guardrail_count;
	memcpy(to->steps, from->steps, sizeof to->steps);
	to->step_count = from->step_count;
	to->hold_us = from->hold_us;
	to->advance = from->advance;
	to->rollback_on_breach = from->rollback_on_breach;
}

struct rule_set *rule_set_new(const struct config *config)
{
	struct rule_set *set = mem_zalloc(sizeof *set);

	for (size_t i = 0; config && i < config->alert_count && set->count < RULES_MAX; i++) {
		const struct config_alert *alert = &config->alerts[i];

		if (alert->kind != ALERT_THRESHOLD || alert->category || alert->gauge)
			continue;
		struct rule *rule = &set->rules[set->count++];

		snprintf(rule->name, sizeof rule->name, "%s", alert->name ? alert->name : "");
		rule->metric = alert->metric;
		rule->where = alert->where;
		rule->limit = alert->limit;
		rule->below = alert->below;
		rule->window_us = alert->window_us > 0 ? alert->window_us : 5 * US_PER_MIN;
		rule->severity = alert->severity;
	}
	for (size_t i = 0; config && i < config->rollout_count && i < RULE_ROLLOUTS_MAX; i++)
		add_rollout(set, &config->rollouts[i]);
	return set;
}

struct rule_set *rule_set_copy(const struct rule_set *from)
{
	struct rule_set *set = mem_zalloc(sizeof *set);

	if (from)
		*set = *from;
	return set;
}

const struct rule_rollout *rule_rollout_find(const struct rule_set *set, struct str name)
{
	for (size_t i = 0; set && i < set->rollout_count; i++) {
		if (str_equal_c(name, set->rollouts[i].name))
			return &set->rollouts[i];
	}
	return NULL;
}

int rule_read(struct store_reader *reader, const struct rule *rule, int64_t now_us,
              struct rule_reading *out, struct err *err)
{
	struct view view = rule->where;
	struct figures_result figures = {0};
	double seconds;

	*out = (struct rule_reading){.rule = rule, .value = value_unknown()};
	view.from_us = now_us - rule->window_us;
	view.to_us = now_us;
	view.step_us = 0;
	view.by_count = 0;
	if (query_figures(reader, &view, metrics[rule->metric].needs, 0, &figures, err) != 0)
		return -1;
	seconds = (double)(now_us - figures.from_us) / (double)US_PER_S;
	out->requests = figures.total.total.requests;
	out->value = metric_value(rule->metric, &figures.total.total, seconds > 1 ? seconds : 1);
	if (value_known(out->value))
		out->over = rule->below ? out->value.number < rule->limit
		                        : out->value.number > rule->limit;
	figures_result_fini(&figures);
	return 0;
}

/* Filters as sets: order does not matter. */
static bool same_filters(const struct view *a, const struct view *b)
{
	if (a->filter_count != b->filter_count)
		return false;
	for (size_t i = 0; i < a->filter_count; i++) {
		bool found = false;

		for (size_t j = 0; j < b->filter_count && !found; j++)
			found = a->filters[i].dim == b->filters[j].dim &&
			        a->filters[i].inverted == b->filters[j].inverted &&
			        strcmp(a->filters[i].value, b->filters[j].value) == 0;
		if (!found)
			return false;
	}
	return true;
}

const struct rule *rule_for(const struct rule_set *set, enum metric metric, const struct view *view)
{
	const struct rule *best = NULL;

	for (size_t i = 0; set && i < set->count; i++) {
		const struct rule *rule = &set->rules[i];

		if (rule->metric != metric || !same_filters(&rule->where, view))
			continue;
		if (!best || rule->severity > best->severity)
			best = rule;
	}
	return best;
}
