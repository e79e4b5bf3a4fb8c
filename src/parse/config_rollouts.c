/* Rollouts: arms, targets, steps, guardrails, and what happens when one of these is broken. */
#include <string.h>

#include "base/clock.h"
#include "core/rollout.h"
#include "parse/config_read.h"

#define HOLD_US (10 * US_PER_MIN)
#define BREACH_US (30 * US_PER_S)
#define LOWER_US (3 * US_PER_S)
#define RAISE_US (10 * US_PER_S)
#define COUNTDOWN_MAX_US (5 * US_PER_MIN)

static const double usual_steps[] = {5, 25, 50, 100};

/* "evaluation:groundedness" for a score, else a metric that can be compared. */
static int read_guarded(struct config_reader *r, const struct node *n, struct config_guardrail *g)
{
	static const char *const sides[] = {"better", "worse", NULL};
	const char *name = NULL;
	int side = 0;

	if (config_text(r, n, "metric", true, &name) < 0 || config_choice(r, n, "higher_is", sides, &side) < 0)
		return -1;
	if (str_starts_with(str_of(name), STR_LIT(GUARDRAIL_EVALUATION))) {
		size_t len = strlen(name);

		if (len < sizeof(GUARDRAIL_EVALUATION) || len >= sizeof(g->evaluation))
			return config_fail(r, node_get(n, "metric"), "an evaluation's name has 1 to %zu characters: evaluation:groundedness",
			                   sizeof(g->evaluation) - sizeof(GUARDRAIL_EVALUATION));
		memcpy(g->evaluation, name, len + 1);
		g->metric = METRIC_COUNT;
		g->low_is_better = side == 1;
		return 0;
	}
	if (node_get(n, "higher_is"))
		return config_fail_key(r, node_get(n, "higher_is"), "higher_is belongs to evaluation:NAME: a metric knows its side");
	if (config_metric(r, n, &g->metric) < 0)
		return -1;
	if (!rollout_can_guard(g->metric))
		return config_fail(r, node_get(n, "metric"), "%s does not compare two arms: use error_rate, a latency, a ttft, "
		                   "cost_per_1k, flags_per_1k, negative_share or evaluation:NAME", metrics[g->metric].name);
	return 0;
}

static int read_guardrail(struct config_reader *r, const struct node *n, struct config_guardrail *g)
{
	static const char *const keys[] = {"metric", "worse_by", "higher_is", NULL};
	static const struct metric_info score = {.name = "evaluation", .unit = UNIT_COUNT};
	struct err why;
	const char *text = NULL;

	if (config_want(r, n, NODE_MAP, "a guardrail") < 0 || config_check_keys(r, n, keys) < 0 || read_guarded(r, n, g) < 0 ||
	    config_text(r, n, "worse_by", true, &text) < 0)
		return -1;
	if (config_parse_limit(text, g->evaluation[0] ? &score : &metrics[g->metric], &g->worse_by, &g->relative, &why) < 0)
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

static int add_arm(struct config_reader *r, const struct node *n, const char *name, struct config_rollout *out)
{
	for (size_t i = 0; i < out->arm_count; i++) {
		if (strcmp(out->arms[i], name) == 0)
			return config_fail(r, n, i == 0 ? "candidate and stable must differ" : "each candidate once");
	}
	if (out->arm_count == ROLLOUT_ARMS_MAX)
		return config_fail(r, n, "more than %d arms", ROLLOUT_ARMS_MAX);
	out->arms[out->arm_count++] = name;
	return 0;
}

/* `candidate:` for one, `candidates:` for several. */
static int read_arms(struct config_reader *r, const struct node *map, struct config_rollout *out)
{
	const struct node *many = node_get(map, "candidates");

	if (config_text(r, map, "stable", true, &out->stable) < 0)
		return -1;
	out->arms[out->arm_count++] = out->stable;
	if (!many) {
		if (config_text(r, map, "candidate", true, &out->candidate) < 0)
			return -1;
		return add_arm(r, node_get(map, "candidate"), out->candidate, out);
	}
	if (node_get(map, "candidate"))
		return config_fail_key(r, many, "give either `candidate` or `candidates`");
	if (config_want(r, many, NODE_LIST, "candidates") < 0)
		return -1;
	for (const struct node *n = many->child; n; n = n->next) {
		if (config_want(r, n, NODE_SCALAR, "a candidate") < 0 ||
		    add_arm(r, n, arena_copy(&r->config->arena, n->text, strlen(n->text)), out) < 0)
			return -1;
	}
	if (out->arm_count < 2)
		return config_fail(r, many, "candidates needs at least one deployment");
	out->candidate = out->arms[1];
	return 0;
}

static int read_steps(struct config_reader *r, const struct node *map, struct config_rollout *out)
{
	const struct node *list = node_get(map, "steps");

	if (!list) {
		memcpy(out->steps, usual_steps, sizeof(usual_steps));
		out->step_count = sizeof(usual_steps) / sizeof(usual_steps[0]);
		return 0;
	}
	if (config_want(r, list, NODE_LIST, "steps") < 0)
		return -1;
	for (const struct node *n = list->child; n; n = n->next) {
		double percent;

		if (config_want(r, n, NODE_SCALAR, "a step") < 0)
			return -1;
		struct str s = str_of(n->text);

		if (str_ends_with(s, STR_LIT("%")))
			s = str_trim((struct str){s.ptr, s.len - 1});
		if (!str_to_double(s, &percent) || percent <= 0 || percent > 100)
			return config_fail(r, n, "a step is the candidate's share in percent, above 0 and at most 100");
		if (out->step_count && percent <= out->steps[out->step_count - 1])
			return config_fail(r, n, "the steps must rise");
		if (out->step_count == CONFIG_STEPS_MAX)
			return config_fail(r, n, "more than %d steps", CONFIG_STEPS_MAX);
		out->steps[out->step_count++] = percent;
	}
	if (out->step_count == 0 || out->steps[out->step_count - 1] < 100)
		return config_fail(r, list, "the last step must be 100");
	return 0;
}

static int read_countdown(struct config_reader *r, const struct node *map, struct config_rollout *out)
{
	static const char *const keys[] = {"lower", "raise", NULL};
	const struct node *n = node_get(map, "countdown");

	if (!n)
		return 0;
	if (config_want(r, n, NODE_MAP, "countdown") < 0 || config_check_keys(r, n, keys) < 0 ||
	    config_duration(r, n, "lower", &out->lower_us) < 0 || config_duration(r, n, "raise", &out->raise_us) < 0)
		return -1;
	if (out->lower_us > COUNTDOWN_MAX_US || out->raise_us > COUNTDOWN_MAX_US)
		return config_fail(r, n, "a countdown lasts at most 5m");
	return 0;
}

static int read_rollout(struct config_reader *r, const struct node *n, struct config_rollout *out)
{
	static const char *const keys[] = {"name", "service", "environment", "stable", "candidate", "candidates",
	                                   "actuator", "actuators", "guardrails", "on_breach", "breach_for", "steps",
	                                   "hold", "advance", "countdown", NULL};
	static const char *const breaches[] = {"ask", "rollback", NULL};
	static const char *const advances[] = {"manual", "auto", NULL};
	int breach = 0, advance = 0;

	out->hold_us = HOLD_US;
	out->breach_us = BREACH_US;
	out->lower_us = LOWER_US;
	out->raise_us = RAISE_US;
	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 ||
	    config_text(r, n, "service", true, &out->service) < 0 ||
	    config_text(r, n, "environment", false, &out->environment) < 0 || read_arms(r, n, out) < 0 ||
	    read_actuators(r, n, out) < 0 || read_guardrails(r, n, out) < 0 ||
	    config_choice(r, n, "on_breach", breaches, &breach) < 0 ||
	    config_duration(r, n, "breach_for", &out->breach_us) < 0 || read_steps(r, n, out) < 0 ||
	    config_duration(r, n, "hold", &out->hold_us) < 0 || config_choice(r, n, "advance", advances, &advance) < 0 ||
	    read_countdown(r, n, out) < 0)
		return -1;
	out->rollback_on_breach = breach == 1;
	out->advance = advance == 1;
	if (out->advance && !out->guardrail_count)
		return config_fail(r, node_get(n, "advance"), "advance: auto needs guardrails to stop at");
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
