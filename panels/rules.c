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

static void add_watched(struct rule_set *set, const struct config_alert *from)
{
	struct watched_rule *to = &set->watched[set->watched_count++];

	snprintf(to->name, sizeof to->name, "%s", from->name ? from->name : "");
	snprintf(to->category, sizeof to->category, "%s", from->category ? from->category : "");
	snprintf(to->gauge, sizeof to->gauge, "%s", from->gauge ? from->gauge : "");
	to->kind = from->kind;
	to->metric = from->metric;
	to->where = from->where;
	to->below = from->below;
	to->window_us = from->window_us;
	to->slow_us = from->slow_us;
	to->objective = from->objective;
}

static void add_rule(struct rule_set *set, const struct config_alert *from)
{
	struct rule *to = &set->rules[set->count++];

	snprintf(to->name, sizeof to->name, "%s", from->name ? from->name : "");
	to->metric = from->metric;
	to->where = from->where;
	to->limit = from->limit;
	to->below = from->below;
	to->window_us = from->window_us > 0 ? from->window_us : 5 * US_PER_MIN;
	to->severity = from->severity;
}

static bool is_plain(const struct config_alert *alert)
{
	return alert->kind == ALERT_THRESHOLD && !alert->category && !alert->gauge;
}

/* An empty set with room for so many. */
static struct rule_set *set_new(size_t rules, size_t watched, size_t rollouts)
{
	struct rule_set *set = mem_zalloc(sizeof *set + rules * sizeof *set->rules + watched * sizeof *set->watched +
	                                  rollouts * sizeof *set->rollouts);

	set->rules = (struct rule *)(set + 1);
	set->watched = (struct watched_rule *)(set->rules + rules);
	set->rollouts = (struct rule_rollout *)(set->watched + watched);
	return set;
}

struct rule_set *rule_set_new(const struct config *config)
{
	size_t plain = 0, watched = 0, rollouts = config ? config->rollout_count : 0;
	struct rule_set *set;

	for (size_t i = 0; config && i < config->alert_count; i++)
		*(is_plain(&config->alerts[i]) ? &plain : &watched) += 1;
	plain = plain < RULES_MAX ? plain : RULES_MAX;
	watched = watched < RULES_MAX ? watched : RULES_MAX;
	rollouts = rollouts < RULE_ROLLOUTS_MAX ? rollouts : RULE_ROLLOUTS_MAX;
	set = set_new(plain, watched, rollouts);
	for (size_t i = 0; config && i < config->alert_count; i++) {
		const struct config_alert *alert = &config->alerts[i];

		if (is_plain(alert) && set->count < plain)
			add_rule(set, alert);
		else if (!is_plain(alert) && set->watched_count < watched)
			add_watched(set, alert);
	}
	for (size_t i = 0; config && i < rollouts; i++)
		add_rollout(set, &config->rollouts[i]);
	return set;
}

struct rule_set *rule_set_copy(const struct rule_set *from)
{
	struct rule_set *set = from ? set_new(from->count, from->watched_count, from->rollout_count) : set_new(0, 0, 0);

	if (!from)
		return set;
	set->count = from->count;
	set->watched_count = from->watched_count;
	set->rollout_count = from->rollout_count;
	for (size_t i = 0; i < set->count; i++)
		set->rules[i] = from->rules[i];
	for (size_t i = 0; i < set->watched_count; i++)
		set->watched[i] = from->watched[i];
	for (size_t i = 0; i < set->rollout_count; i++)
		set->rollouts[i] = from->rollouts[i];
	return set;
}

const struct rule *rule_set_find(const struct rule_set *set, const char *name)
{
	for (size_t i = 0; set && i < set->count; i++) {
		if (strcmp(set->rules[i].name, name) == 0)
			return &set->rules[i];
	}
	return NULL;
}

const struct watched_rule *rule_set_watched(const struct rule_set *set, const char *name)
{
	for (size_t i = 0; set && i < set->watched_count; i++) {
		if (strcmp(set->watched[i].name, name) == 0)
			return &set->watched[i];
	}
	return NULL;
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
