/* The search for weights tries totals: an arm's total is its share of that, spread over its members
 * by their base weights and rounded. The first total that comes nearest wins, so that an exact small
 * one is preferred. */
#include "act/lineup.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

#define TOTALS_MAX 2000
#define SHARE_TOLERANCE 0.05 /* percentage points */

static int add_member(struct lineup *l, const struct act_env *env, const char *name, size_t arm, struct err *err)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->members[i].name, name) == 0)
			return err_set(err, "actuator %s: `%s` is named twice: each serves one arm", env->section->kind, name);
	}
	if (l->count == LINEUP_MEMBERS_MAX)
		return err_set(err, "actuator %s: more than %d names", env->section->kind, LINEUP_MEMBERS_MAX);
	l->members[l->count].name = name;
	l->members[l->count++].arm = arm;
	return 0;
}

/* "KEY" itself or "KEY.0", "KEY.1", …: returns how many were added, -1 on error. */
static int add_key(struct lineup *l, const struct act_env *env, const char *key, size_t arm, struct err *err)
{
	size_t len = strlen(key);
	int added = 0;

	for (size_t i = 0; i < env->section->pair_count; i++) {
		const struct config_pair *pair = &env->section->pairs[i];

		if (strncmp(pair->key, key, len) != 0 || (pair->key[len] && pair->key[len] != '.'))
			continue;
		if (pair->key[len] == '.' && strspn(pair->key + len + 1, "0123456789") != strlen(pair->key + len + 1))
			continue;
		if (add_member(l, env, pair->value, arm, err))
			return -1;
		added++;
	}
	return added;
}

int lineup_read(struct lineup *l, const struct act_env *env, struct err *err)
{
	*l = (struct lineup){0};
	for (size_t i = 0; i < env->arm_count; i++) {
		const char *deployment = env->arms[i].deployment;
		struct buf key = {0};

		buf_printf(&key, "arms.%s", deployment);
		int added = add_key(l, env, env->arms[i].role, i, err);
		if (added == 0)
			added = add_key(l, env, key.data, i, err);
		if (added == 0)
			added = add_member(l, env, deployment, i, err);
		buf_fini(&key);
		if (added < 0)
			return -1;
	}
	return 0;
}

int lineup_arm_of(const struct lineup *l, struct str name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (str_equal_c(name, l->members[i].name))
			return (int)l->members[i].arm;
	}
	return -1;
}

const char *lineup_name(const struct lineup *l, size_t arm)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->members[i].arm == arm)
			return l->members[i].name;
	}
	return "";
}

double ask_percent(const struct act_ask *ask, const char *deployment)
{
	for (size_t i = 0; i < ask->arm_count; i++) {
		if (strcmp(ask->arms[i].deployment, deployment) == 0)
			return ask->arms[i].percent;
	}
	return 0;
}

int env_arm(const struct act_env *env, const char *deployment)
{
	for (size_t i = 0; i < env->arm_count; i++) {
		if (deployment && strcmp(env->arms[i].deployment, deployment) == 0)
			return (int)i;
	}
	return -1;
}

enum act_result ask_check(const struct act_ask *ask, const struct act_env *env, struct act_why *why)
{
	double sum = 0;

	for (size_t i = 0; i < ask->arm_count; i++) {
		double percent = ask->arms[i].percent;

		if (env_arm(env, ask->arms[i].deployment) < 0)
			return act_fail(why, ACT_MISSING, "%s: there is no arm `%s` in rollout %s", env->target,
			                ask->arms[i].deployment, env->rollout);
		if (!(percent >= 0 && percent <= 100))
			return act_fail(why, ACT_UNABLE, "%s: a share lies between 0 and 100 percent", env->target);
		sum += percent;
	}
	if (fabs(sum - 100) > 0.01)
		return act_fail(why, ACT_UNABLE, "%s: the shares add up to %.4g, not to 100 percent", env->target, sum);
	return ACT_OK;
}

bool ask_over(const struct act_ask *ask, const char *what, struct act_why *why)
{
	if (ask->stop && atomic_load(ask->stop)) {
		act_retry(why, ACT_STOPPED, "%s: given up because the collector is leaving", what);
		return true;
	}
	if (clock_mono_us() >= ask->deadline_us) {
		act_retry(why, ACT_TIMED_OUT, "%s: no answer in time: look whether it hangs", what);
		return true;
	}
	return false;
}

static unsigned member_weight(const struct lineup_weights *w, size_t i, double arm_total, double base_sum)
{
	double exact = arm_total * w->base[i] / base_sum;

	if (w->percent[w->arm[i]] <= 0)
		return 0;
	return exact < 1 ? 1 : (unsigned)lround(exact);
}

/* Weights for one total; the greatest difference from what is wanted, INFINITY when a weight is over
 * the maximum. */
static double try_total(const struct lineup_weights *w, double total, const double *base_sum, unsigned *weight,
                        double *result)
{
	double sum = 0, worst = 0, arm_sum[ROLLOUT_ARMS_MAX] = {0};

	for (size_t i = 0; i < w->count; i++) {
		size_t arm = w->arm[i];

		weight[i] = member_weight(w, i, total * w->percent[arm] / 100, base_sum[arm]);
		if (weight[i] > w->max)
			return INFINITY;
		arm_sum[arm] += weight[i];
		sum += weight[i];
	}
	for (size_t a = 0; a < w->arm_count; a++) {
		result[a] = sum > 0 ? 100 * arm_sum[a] / sum : 0;
		worst = fmax(worst, fabs(result[a] - w->percent[a]));
	}
	return worst;
}

void lineup_choose(struct lineup_weights *w)
{
	double base_sum[ROLLOUT_ARMS_MAX] = {0}, best = INFINITY;

	for (size_t i = 0; i < w->count; i++)
		base_sum[w->arm[i]] += w->base[i];
	for (unsigned n = 0; n <= TOTALS_MAX; n++) {
		unsigned weight[LINEUP_MEMBERS_MAX];
		double result[ROLLOUT_ARMS_MAX];
		double worst = try_total(w, n ? n : 100, base_sum, weight, result);

		if (worst >= best - 1e-9)
			continue;
		best = worst;
		memcpy(w->weight, weight, w->count * sizeof(*weight));
		memcpy(w->result, result, w->arm_count * sizeof(*result));
	}
}

void lineup_plan_arms(struct act_plan *p, const struct act_env *env, const struct act_ask *ask,
                      const double *now_percent, const double *result_percent)
{
	p->nothing_to_do = true;
	p->arm_count = env->arm_count;
	for (size_t i = 0; i < env->arm_count; i++) {
		struct act_arm_plan *arm = &p->arms[i];

		arm->deployment = arena_copy(&p->arena, env->arms[i].deployment, strlen(env->arms[i].deployment));
		arm->now_percent = now_percent[i];
		arm->wanted_percent = ask_percent(ask, env->arms[i].deployment);
		arm->result_percent = result_percent[i];
		double after = isnan(result_percent[i]) ? arm->wanted_percent : result_percent[i];
		if (!(fabs(after - now_percent[i]) < SHARE_TOLERANCE))
			p->nothing_to_do = false;
		if (i > 0 && !(after <= now_percent[i] + SHARE_TOLERANCE))
			p->raises_exposure = true;
	}
}
