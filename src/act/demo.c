/* The actuator "demo": moves the invented fleet's traffic through core/demo_switch.h, so that a whole
 * rollout can be tried without a proxy. Two arms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "act/lineup.h"
#include "base/clock.h"
#include "core/demo_switch.h"

#define WAIT_US (20 * US_PER_MS)
#define TOLERANCE 0.01

static const struct option_row demo_options[] = {
	{"rollout", OPTION_TEXT, "", 0, 0, NULL, "name", "the fleet's rollout; this one's own name by default"},
	{.name = NULL},
};

struct demo {
	struct act_env env;
	struct str rollout;
};

static void *demo_open(const struct act_env *env, struct err *err)
{
	struct demo *d;
	const char *given = env->options[0].text;

	if (env->arm_count != 2) {
		err_set(err, "the actuator demo has two arms, stable and candidate");
		return NULL;
	}
	d = mem_zalloc(sizeof(*d));
	d->env = *env;
	d->rollout = str_of(*given ? given : env->rollout);
	return d;
}

static void demo_close(void *state)
{
	free(state);
}

static double candidate_percent(const struct demo *d, const struct act_ask *ask)
{
	return ask_percent(ask, d->env.arms[1].deployment);
}

static bool moves(enum act_verb v)
{
	return v == ACT_SET || v == ACT_ROLLBACK || v == ACT_STEP || v == ACT_PROMOTE;
}

static enum act_result look(const struct demo *d, struct demo_position *out, struct act_why *why)
{
	if (!demo_switch_look(d->rollout, out))
		return act_retry(why, ACT_MISSING, "%s: the demo's fleet runs no rollout `%.*s` now", d->env.target,
		                 STR_ARG(d->rollout));
	return ACT_OK;
}

static enum act_result check_ask(const struct demo *d, const struct act_ask *ask, struct act_why *why)
{
	if (moves(ask->verb))
		return ask_check(ask, &d->env, why);
	if (ask->verb == ACT_HOLD || ask->verb == ACT_RESUME)
		return ACT_OK;
	return act_fail(why, ACT_UNABLE, "%s: the demo has no `%s`", d->env.target, act_verb_name(ask->verb));
}

static enum act_result demo_plan(void *state, const struct act_ask *ask, struct act_plan *out, struct act_why *why)
{
	const struct demo *d = state;
	struct demo_position at;
	enum act_result result = check_ask(d, ask, why);

	if (result != ACT_OK || (result = look(d, &at, why)) != ACT_OK)
		return result;
	double to = moves(ask->verb) ? candidate_percent(d, ask) : at.percent;
	double now[2] = {100 - at.percent, at.percent}, then[2] = {100 - to, to};

	lineup_plan_arms(out, &d->env, ask, now, then);
	out->pace = ACT_INSTANT;
	out->saw = act_plan_text(out, "%.6g", at.percent);
	out->stays = "";
	if (!out->nothing_to_do)
		act_plan_step(out, "demo: %s takes %.4g %% of rollout %.*s", d->env.arms[1].deployment, to, STR_ARG(d->rollout));
	out->moves = act_plan_text(out, "%s: the invented fleet sends its next requests by the new shares", d->env.target);
	return ACT_OK;
}

/* Sets the share and waits until the fleet has taken it. */
static enum act_result move(const struct demo *d, const struct act_ask *ask, double percent, struct act_why *why)
{
	const struct timespec pause = {.tv_nsec = WAIT_US * 1000};
	struct demo_position at;

	if (!demo_switch_set(d->rollout, percent))
		return look(d, &at, why);
	for (;;) {
		enum act_result result = look(d, &at, why);

		if (result != ACT_OK || fabs(at.percent - percent) < TOLERANCE)
			return result;
		if (ask_over(ask, d->env.target, why)) {
			why->maybe_changed = true;
			return ACT_RETRY;
		}
		nanosleep(&pause, NULL);
	}
}

static enum act_result demo_apply(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	const struct demo *d = state;
	struct demo_position at;
	double seen;
	enum act_result result = check_ask(d, ask, why);

	if (result != ACT_OK || !moves(ask->verb) || (result = look(d, &at, why)) != ACT_OK)
		return result;
	if (ask->verb != ACT_ROLLBACK && saw && str_to_double(str_of(saw), &seen) &&
	    fabs(at.percent - seen) > TOLERANCE && fabs(at.percent - candidate_percent(d, ask)) > TOLERANCE)
		return act_retry(why, ACT_CHANGED, "%s: %s is at %.4g %%, no longer at %.4g %%: plan again", d->env.target,
		                 d->env.arms[1].deployment, at.percent, seen);
	return move(d, ask, candidate_percent(d, ask), why);
}

static enum act_result demo_undo(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	const struct demo *d = state;
	double seen;

	if (!saw || !str_to_double(str_of(saw), &seen) || seen < 0 || seen > 100)
		return act_fail(why, ACT_UNABLE, "%s: nothing is known about the time before", d->env.target);
	return move(d, ask, seen, why);
}

static enum act_result demo_observe(void *state, const struct act_ask *desired, struct act_sight *out,
                                    struct act_why *why)
{
	const struct demo *d = state;
	struct demo_position at;
	enum act_result result = look(d, &at, why);

	if (result != ACT_OK)
		return result;
	out->at_us = clock_wall_us();
	out->words = out->phase = "";
	out->counters_id = at.fleet;
	out->arm_count = 2;
	for (size_t i = 0; i < 2; i++)
		out->arms[i] = (struct act_arm_sight){
			.deployment = act_sight_text(out, "%s", d->env.arms[i].deployment),
			.percent = i ? at.percent : 100 - at.percent, .state = "ready", .has_counters = true,
			.requests = at.counts.requests[i], .errors = at.counts.errors[i]};
	if (!desired->arm_count)
		return ACT_OK;
	out->matches = fabs(at.percent - candidate_percent(d, desired)) < TOLERANCE;
	out->drift = !out->matches;
	if (out->drift)
		out->words = act_sight_text(out, "%s: %s is at %.4g %%, not at %.4g %%", d->env.target, d->env.arms[1].deployment,
		                            at.percent, candidate_percent(d, desired));
	return ACT_OK;
}

static enum act_result demo_verify(void *state, const struct act_ask *ask, struct act_sight *out, struct act_why *why)
{
	enum act_result result = demo_observe(state, ask, out, why);

	if (result == ACT_OK && !out->matches)
		return act_fail(why, ACT_CHANGED, "%s", out->words);
	return result;
}

extern const struct actuator demo_actuator;
const struct actuator demo_actuator = {
	.kind = "demo",
	.summary = "the invented fleet's traffic",
	.options = demo_options,
	.invented = true,
	.verbs = 1u << ACT_SET | 1u << ACT_ROLLBACK | 1u << ACT_STEP | 1u << ACT_PROMOTE | 1u << ACT_HOLD | 1u << ACT_RESUME,
	.timeout_us = 8 * US_PER_S,
	.open = demo_open,
	.plan = demo_plan,
	.apply = demo_apply,
	.verify = demo_verify,
	.undo = demo_undo,
	.observe = demo_observe,
	.close = demo_close,
};
