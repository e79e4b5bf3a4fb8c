/* Argo Rollouts, blueGreen strategy: two ReplicaSets behind an active and a preview Service; traffic is on
 * one side or the other. Which version is active tells status.blueGreen.activeSelector, a pod template's
 * hash; which arm that is, the pod template's words (an image's tag, a label). Promoting clears the pause
 * before the switch (promoteFull skips the analyses too); before the stable hash has followed an abort
 * switches back, afterwards an undo does: at once while the old set is still scaled up. */
#include <math.h>
#include <string.h>

#include "act/kubernetes.h"

struct bluegreen {
	struct k8s_argo argo;
	char active[64];      /* the hash of the set that the active Service selects */
	int template_arm;     /* -1 unclear */
	bool waiting;         /* the new version is on the preview side: the switch is still to come */
	bool checking;        /* switched, and not yet made the stable one */
	double percent;       /* the candidate's: 0, 100, NaN unknown */
};

/* The arm that is active: that of the template, or while the switch is to come the other one. */
static double active_percent(const struct bluegreen *b)
{
	int arm = b->template_arm;

	if (!b->active[0])
		return NAN;
	if (b->waiting)
		return arm == 0 ? 100 : 0; /* a new version is on its way: the candidate unless it is named stable */
	return arm < 0 ? NAN : arm == 0 ? 0 : 100;
}

static void read_bluegreen(const struct k8s *k, struct str object, struct bluegreen *b)
{
	*b = (struct bluegreen){.template_arm = k8s_template_arm(k, object)};
	k8s_argo_read(object, &b->argo);
	json_text_at(object, "/status/blueGreen/activeSelector", b->active, sizeof(b->active));
	b->waiting = *b->active && strcmp(b->active, b->argo.current) != 0;
	b->checking = *b->active && !b->waiting && strcmp(b->argo.stable, b->argo.current) != 0;
	b->percent = active_percent(b);
}

static enum act_result read_checked(const struct k8s *k, struct str object, struct bluegreen *b, struct act_why *why)
{
	read_bluegreen(k, object, b);
	if (k->env.arm_count != 2)
		return act_fail(why, ACT_UNABLE, "%s: an Argo Rollout has two arms", k->env.target);
	return ACT_OK;
}

/* ── what is sent ──────────────────────────────────────────────────────────────────────────── */

/* Shares as a verb: this strategy knows all or nothing. */
static enum act_result plain_verb(const struct k8s *k, const struct act_ask *ask, enum act_verb *verb, struct act_why *why)
{
	double wish = ask_percent(ask, k->env.arms[1].deployment);

	*verb = ask->verb;
	if (ask->verb != ACT_SET)
		return ACT_OK;
	*verb = wish >= 99.999 ? ACT_PROMOTE : ACT_ROLLBACK;
	if (wish > 0.001 && wish < 99.999)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s is blue-green and switches all of the traffic: give 0 or 100, not %.4g %%",
		                k->env.target, k->name, wish);
	return ACT_OK;
}

static enum act_result promote(const struct k8s *k, const struct bluegreen *b, bool full, struct str object,
                               struct k8s_change *out, struct act_why *why)
{
	if (b->percent > 99 && !b->checking)
		return ACT_OK;
	if (b->argo.aborted)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s is aborted: retry it first", k->env.target, k->name);
	if (!b->waiting && !b->checking)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s is at rest: there is no new version on the preview side to switch to",
		                k->env.target, k->name);
	if (b->argo.paused) /* a pause by hand holds the switch back too */
		k8s_write_spec(object, "\"spec\":{\"paused\":false}", out);
	else
		k8s_write_status(object, full ? "\"status\":{\"promoteFull\":true}" : "\"status\":{\"pauseConditions\":null}", out);
	return ACT_OK;
}

static enum act_result go_back(struct k8s *k, const struct act_ask *ask, const struct bluegreen *b, struct str object,
                               struct k8s_change *out, struct act_why *why)
{
	if (b->argo.aborted || b->percent < 1) {
		/* Nothing of it serves; but a version that waits for its switch would still get it. */
		if (b->waiting && !b->argo.aborted && b->template_arm != 0)
			k8s_write_status(object, "\"status\":{\"abort\":true}", out);
		return ACT_OK;
	}
	if (b->waiting) /* the way back has begun: its switch is let through */
		return promote(k, b, true, object, out, why);
	if (b->checking) {
		k8s_write_status(object, "\"status\":{\"abort\":true}", out);
		return ACT_OK;
	}
	return k8s_argo_revision(k, ask, object, 0, out, why);
}

static enum act_result bluegreen_change(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                        struct k8s_change *out, struct act_why *why)
{
	struct bluegreen b;
	enum act_verb verb;
	enum act_result result = read_checked(k, object, &b, why);
	char seen[64];

	if (result != ACT_OK || (result = plain_verb(k, ask, &verb, why)) != ACT_OK)
		return result;
	/* Another version came in between: what was planned was not about that one. */
	if (saw && verb != ACT_ROLLBACK && json_text_at(str_of(saw), "/current", seen, sizeof(seen)) && strcmp(seen, b.argo.current) != 0)
		return act_retry(why, ACT_CHANGED, "%s: Rollout %s has another new version since the plan: plan again", k->env.target,
		                 k->name);
	switch (verb) {
	case ACT_ROLLBACK:
		return go_back(k, ask, &b, object, out, why);
	case ACT_STEP:
	case ACT_PROMOTE:
		return promote(k, &b, verb == ACT_PROMOTE, object, out, why);
	default:
		return k8s_argo_change(k, ask, object, &b.argo, out, why);
	}
}

/* ── plan ──────────────────────────────────────────────────────────────────────────────────── */

/* How the way back goes, which depends on where the switch is. */
static enum act_result say_back(struct k8s *k, const struct act_ask *ask, const struct bluegreen *b, struct str object,
                                struct act_plan *out, struct act_why *why)
{
	const char *at = k->env.target;
	int64_t replicas = 0;

	out->stays = "the spec stays on the new version and the rollout shows Degraded until it is changed or retried";
	out->pace = ACT_INSTANT;
	if (b->percent < 1) {
		out->moves = act_plan_text(out, "%s: the switch of Rollout %s is called off; all traffic is on %s already", at, k->name,
		                           k->env.arms[0].deployment);
		return ACT_OK;
	}
	if (b->checking) {
		out->moves = act_plan_text(out, "%s: Rollout %s is still being checked after its switch: the active service goes back to %s "
		                           "at once", at, k->name, k->env.arms[0].deployment);
		return ACT_OK;
	}
	enum act_result result = k8s_revision_replicas(k, ask, &k8s_of_rollout, object, 0, &replicas, why);

	if (result != ACT_OK)
		return result;
	out->stays = "";
	out->moves = act_plan_text(out, "%s: the version before goes back into the spec of Rollout %s and becomes active", at, k->name);
	if (replicas > 0)
		act_plan_warn(out, "the old set still has %lld pods: it switches back at once", (long long)replicas);
	else
		act_plan_warn(out, "the old set is scaled down already: its pods have to start first");
	out->pace = replicas > 0 ? ACT_INSTANT : ACT_STEPWISE;
	return ACT_OK;
}

static enum act_result say_moves(struct k8s *k, const struct act_ask *ask, enum act_verb verb, const struct bluegreen *b,
                                 struct str object, struct act_plan *out, struct act_why *why)
{
	out->stays = "";
	out->pace = ACT_STEPWISE;
	if (verb == ACT_ROLLBACK)
		return say_back(k, ask, b, object, out, why);
	if (verb == ACT_PROMOTE || verb == ACT_STEP) {
		out->moves = act_plan_text(out, "%s: the active service of Rollout %s switches to the preview side%s", k->env.target, k->name,
		                           verb == ACT_PROMOTE ? ", without its analyses" : " after its analysis");
		out->stays = "the old pods run on for the scale-down delay: until then the way back is instant";
		return ACT_OK;
	}
	out->moves = act_plan_text(out, "%s: Rollout %s: %s", k->env.target, k->name, act_verb_name(ask->verb));
	return ACT_OK;
}

static enum act_result bluegreen_plan(struct k8s *k, const struct act_ask *ask, struct str object, struct act_plan *out,
                                      struct act_why *why)
{
	struct bluegreen b;
	enum act_verb verb;
	struct k8s_change change = {.path = ""};
	enum act_result result = read_checked(k, object, &b, why);

	if (result == ACT_OK && (result = plain_verb(k, ask, &verb, why)) == ACT_OK &&
	    (result = bluegreen_change(k, ask, object, NULL, &change, why)) == ACT_OK &&
	    (result = say_moves(k, ask, verb, &b, object, out, why)) == ACT_OK) {
		double to = verb == ACT_ROLLBACK ? 0 : verb == ACT_PROMOTE || verb == ACT_STEP ? 100 : b.percent;
		double now[2] = {100 - b.percent, b.percent}, then[2] = {100 - to, to};

		lineup_plan_arms(out, &k->env, ask, now, then);
		out->nothing_to_do = change.body.len == 0;
		out->saw = act_plan_text(out, "{\"current\":\"%s\",\"aborted\":%s,\"paused\":%s,\"revision\":%lld}", b.argo.current,
		                         b.argo.aborted ? "true" : "false", b.argo.paused ? "true" : "false",
		                         (long long)k8s_revision(&k8s_of_rollout, object));
		if (!out->nothing_to_do)
			act_plan_step(out, "PATCH %s%s (%s)", k->path, change.path ? change.path : "",
			              k8s_is_json_patch(&change) ? "the older pod template" : act_verb_name(verb));
		if (isnan(b.percent))
			act_plan_warn(out, "which arm is active is unclear: the pod template should name %s or %s (an image tag, a label)",
			              lineup_name(&k->lineup, 0), lineup_name(&k->lineup, 1));
	}
	buf_fini(&change.body);
	return result;
}

/* ── restore, judge ────────────────────────────────────────────────────────────────────────── */

static enum act_result bluegreen_restore(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                         struct k8s_change *out, struct act_why *why)
{
	struct bluegreen b;
	struct k8s_argo_seen seen = k8s_argo_seen(saw);
	enum act_result result = read_checked(k, object, &b, why);

	if (result != ACT_OK)
		return result;
	if (ask->verb == ACT_ROLLBACK && b.argo.aborted && !seen.aborted)
		k8s_argo_retry(object, out);
	else if (ask->verb == ACT_ROLLBACK && seen.revision && seen.revision != k8s_revision(&k8s_of_rollout, object))
		return k8s_argo_revision(k, ask, object, seen.revision, out, why);
	else if (ask->verb == ACT_HOLD || ask->verb == ACT_RESUME)
		k8s_argo_pause(object, &b.argo, seen.paused, out);
	else if (ask->verb != ACT_ROLLBACK)
		return act_fail(why, ACT_UNABLE, "%s: a `%s` of a blue-green Rollout cannot be taken back: roll back instead",
		                k->env.target, act_verb_name(ask->verb));
	return ACT_OK;
}

static enum act_result on_its_way(const struct k8s *k, const struct bluegreen *b, struct act_sight *out, struct act_why *why)
{
	if (strcmp(b->argo.phase, "Degraded") == 0 && !b->argo.aborted)
		return act_fail(why, ACT_REFUSED, "%s: Rollout %s is Degraded: %s", k->env.target, k->name, b->argo.message);
	out->words = act_sight_text(out, "%s: Rollout %s is %s, %s%s%s", k->env.target, k->name,
	                            *b->argo.phase ? b->argo.phase : "of unknown phase",
	                            b->waiting ? "before its switch" : b->checking ? "being checked after its switch" : "switched",
	                            *b->argo.message ? ": " : "", b->argo.message);
	return act_retry(why, ACT_FAULT_NONE, "%s", out->words);
}

static enum act_result judge_side(const struct k8s *k, const struct bluegreen *b, double wanted, struct act_sight *out,
                                  struct act_why *why)
{
	bool moving = b->argo.lags || strcmp(b->argo.phase, "Progressing") == 0 || (b->waiting && !b->argo.pauses && !b->argo.aborted);

	if (fabs(b->percent - wanted) < 1)
		return ACT_OK;
	if (moving)
		return on_its_way(k, b, out, why);
	out->words = act_sight_text(out, "%s: Rollout %s is %s and serves %s", k->env.target, k->name, b->argo.phase,
	                            isnan(b->percent) ? "an arm that cannot be told" : k->env.arms[b->percent > 50].deployment);
	return act_fail(why, ACT_CHANGED, "%s", out->words);
}

static enum act_result bluegreen_judge(struct k8s *k, const struct act_ask *ask, struct str object, struct act_sight *out,
                                       struct act_why *why)
{
	struct bluegreen b;
	enum act_verb verb;
	enum act_result result = read_checked(k, object, &b, why);
	double percent[2] = {100 - b.percent, b.percent};

	if (result != ACT_OK)
		return result;
	out->phase = act_sight_text(out, "%s", b.argo.phase);
	k8s_fill_sight(k, percent, out);
	if (!ask->arm_count)
		return ACT_OK;
	if (b.argo.lags)
		return on_its_way(k, &b, out, why);
	if ((result = plain_verb(k, ask, &verb, why)) != ACT_OK)
		return result;
	if (verb == ACT_ROLLBACK)
		return judge_side(k, &b, 0, out, why);
	if (verb == ACT_PROMOTE || verb == ACT_STEP)
		return judge_side(k, &b, 100, out, why);
	return k8s_argo_obeyed(&b.argo, ask->verb) ? ACT_OK : on_its_way(k, &b, out, why);
}

const struct k8s_kind k8s_bluegreen = {
	.name = "rollout",
	.path = K8S_ARGO_PATH,
	.group = K8S_ARGO_GROUP,
	.verbs = K8S_ARGO_VERBS,
	.plan = bluegreen_plan,
	.change = bluegreen_change,
	.restore = bluegreen_restore,
	.judge = bluegreen_judge,
};
