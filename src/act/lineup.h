/* Arms and the things at a target that serve them (servers, backend references, …), by name. */
#ifndef LLMDECK_ACT_LINEUP_H
#define LLMDECK_ACT_LINEUP_H

#include "act/actuator.h"

#define LINEUP_MEMBERS_MAX 64
/* Which names at the target belong to which arm. From the section: the key that is the arm's role
 * ("stable: web-1", "candidate: [web-2, web-3]") or "arms.DEPLOYMENT"; an arm without either is served by
 * what bears its deployment's own name. */
struct lineup {
	struct {
		const char *name;
		size_t arm; /* index into env->arms */
	} members[LINEUP_MEMBERS_MAX];
	size_t count;
};
/* -1 with a sentence: too many, none, or one name in two arms. Names point into section and env. */
int lineup_read(struct lineup *l, const struct act_env *env, struct err *err);
/* Index of the arm of that name at the target, -1 when it serves none. */
int lineup_arm_of(const struct lineup *l, struct str name);
/* The first name of an arm: for kinds with one each. */
const char *lineup_name(const struct lineup *l, size_t arm);

/* The rows for option tables. */
#define LINEUP_ROWS \
	{"stable", OPTION_TEXT, "", 0, 0, NULL, "name", "what serves the stable arm there: a name or a list"}, \
	{"stable.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "the same as a list"}, \
	{"candidate", OPTION_TEXT, "", 0, 0, NULL, "name", "what serves the candidate there: a name or a list"}, \
	{"candidate.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "the same as a list"}, \
	{"arms.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "the same by deployment, for rollouts of more than two arms"}

/* The percent asked for an arm; 0 when the ask does not name it. */
double ask_percent(const struct act_ask *ask, const char *deployment);
/* Index of the arm, -1 when there is none of that deployment. */
int env_arm(const struct act_env *env, const char *deployment);
/* The ask's shares add up to 100 and name arms of the env only. */
enum act_result ask_check(const struct act_ask *ask, const struct act_env *env, struct act_why *why);
/* True when the stop flag is raised or the deadline has passed; `why` says which. */
bool ask_over(const struct act_ask *ask, const char *what, struct act_why *why);

/* Whole weights for shares. Each arm's members have a base weight > 0; within an arm they keep its
 * proportions. Chooses the weights 0..max whose shares come nearest to `percent`, small round totals
 * first (100). An arm with a share above 0 gets at least 1 on each member. */
struct lineup_weights {
	size_t arm_count, count;
	double percent[ROLLOUT_ARMS_MAX];  /* in: wanted; add up to 100 */
	size_t arm[LINEUP_MEMBERS_MAX];    /* in: each member's arm */
	unsigned base[LINEUP_MEMBERS_MAX]; /* in */
	unsigned max;                      /* in: the greatest weight */
	unsigned weight[LINEUP_MEMBERS_MAX];  /* out */
	double result[ROLLOUT_ARMS_MAX];      /* out: percent */
};
void lineup_choose(struct lineup_weights *w);

/* Fills the plan's arms, raises_exposure and nothing_to_do from shares per env arm (NaN unknown). */
void lineup_plan_arms(struct act_plan *p, const struct act_env *env, const struct act_ask *ask,
                      const double *now_percent, const double *result_percent);

#endif
