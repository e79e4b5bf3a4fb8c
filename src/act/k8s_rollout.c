/* Argo Rollouts, canary strategy (k8s_bluegreen.c has the other). The controller has verbs of its own,
 * written as fields: abort, retry and full promotion on the status subresource, pause in the spec. A share that is none of its steps is set
 * by new steps: that weight, a pause without end, then what was left of the old ones above it; the
 * controller starts again at the first step when steps change. Which arm a rollout at rest runs is told by
 * its pod template, which must name the arm (an image's tag, a label). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/kubernetes.h"

#define STEPS_MAX 100
#define TOLERANCE 0.51 /* percentage points: weights are whole */

struct rollout {
	struct k8s_argo argo;
	bool canary, in_progress; /* two versions: the candidate is on its way */
	int64_t step, step_count;
	double percent;           /* the candidate's; NaN unknown */
	bool routed;              /* the share is a router's weight, not a count of pods */
};

static double setweight_before(struct str object, int64_t step)
{
	struct json_value steps = json_at(object, "/spec/strategy/canary/steps"), s;
	double weight = 0, found;

	for (int64_t i = 0; i < step && (s = json_child(steps, (size_t)i, NULL)).kind != JSON_ERROR; i++) {
		if (json_number_at(s.text, "/setWeight", &found))
			weight = found;
	}
	return weight;
}

/* Where a rollout at rest is: by the name in its template. */
static double resting_percent(const struct k8s *k, struct str object)
{
	int arm = k8s_template_arm(k, object);

	return arm < 0 ? NAN : arm == 0 ? 0 : 100;
}

static double moving_percent(struct str object, const struct rollout *r, bool *routed)
{
	double weight, updated, all;

	*routed = json_number_at(object, "/status/canary/weights/canary/weight", &weight);
	if (*routed)
		return weight;
	*routed = json_at(object, "/spec/strategy/canary/trafficRouting").kind == JSON_OBJECT;
	if (*routed)
		return r->argo.aborted ? 0 : setweight_before(object, r->step);
	if (json_number_at(object, "/status/updatedReplicas", &updated) && json_number_at(object, "/status/replicas", &all) && all > 0)
		return fmin(100, 100 * updated / all);
	return r->argo.aborted ? 0 : setweight_before(object, r->step);
}

static void read_rollout(const struct k8s *k, struct str object, struct rollout *r)
{
	*r = (struct rollout){.percent = NAN};
	k8s_argo_read(object, &r->argo);
	json_int_at(object, "/status/currentStepIndex", &r->step);
	r->step_count = (int64_t)json_count(json_at(object, "/spec/strategy/canary/steps"));
	r->canary = json_at(object, "/spec/strategy/canary").kind == JSON_OBJECT;
	r->in_progress = *r->argo.stable && strcmp(r->argo.stable, r->argo.current) != 0;
	r->percent = r->in_progress ? moving_percent(object, r, &r->routed) : resting_percent(k, object);
}

static enum act_result read_checked(const struct k8s *k, struct str object, struct rollout *r, struct act_why *why)
{
	read_rollout(k, object, r);
	if (!r->canary)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s has neither a canary nor a blueGreen strategy: nothing can be steered",
		                k->env.target, k->name);
	if (k->env.arm_count != 2)
		return act_fail(why, ACT_UNABLE, "%s: an Argo Rollout has two arms", k->env.target);
	return ACT_OK;
}

static double candidate_wish(const struct k8s *k, const struct act_ask *ask)
{
	return ask_percent(ask, k->env.arms[1].deployment);
}

/* The weight that the next step brings: the first setWeight from there on, else all. */
static double next_weight(struct str object, int64_t step)
{
	struct json_value steps = json_at(object, "/spec/strategy/canary/steps"), s;
	double weight;

	for (int64_t i = step; (s = json_child(steps, (size_t)i, NULL)).kind != JSON_ERROR && i < STEPS_MAX; i++) {
		if (json_number_at(s.text, "/setWeight", &weight))
			return weight;
	}
	return 100;
}

/* ── what is sent ──────────────────────────────────────────────────────────────────────────── */

/* A candidate that has become the stable version can only be undone. */
static bool is_promoted(const struct k8s *k, const struct rollout *r, struct str object)
{
	return !r->in_progress && k8s_template_arm(k, object) == 1;
}

static void write_steps(struct str object, double percent, struct buf *out)
{
	struct json_value steps = json_at(object, "/spec/strategy/canary/steps"), s;
	struct buf inner = {0};
	bool keeps = false;
	double weight;

	buf_printf(&inner, "\"spec\":{\"strategy\":{\"canary\":{\"steps\":[{\"setWeight\":%.0f},{\"pause\":{}}", nearbyint(percent));
	for (size_t i = 0; i < STEPS_MAX && (s = json_child(steps, i, NULL)).kind != JSON_ERROR; i++) {
		if (json_number_at(s.text, "/setWeight", &weight))
			keeps = weight > nearbyint(percent);
		if (!keeps)
			continue;
		buf_append_c(&inner, ',');
		buf_append_str(&inner, s.text);
	}
	buf_puts(&inner, "]}}}");
	k8s_guarded(object, inner.data, out);
	buf_fini(&inner);
}

static void write_next_step(struct str object, const struct rollout *r, struct k8s_change *out)
{
	char inner[128] = "\"status\":{\"pauseConditions\":null}";

	/* not at a pause: the step that runs is skipped, as kubectl's plugin does it */
	if (!r->argo.pauses)
		snprintf(inner, sizeof(inner), "\"status\":{\"pauseConditions\":null,\"currentStepIndex\":%lld}",
		         (long long)(r->step < r->step_count ? r->step + 1 : r->step_count));
	k8s_write_status(object, inner, out);
}

static bool saw_step(const char *saw, int64_t *step)
{
	return saw && json_int_at(str_of(saw), "/step", step);
}

static enum act_result change_step(struct k8s *k, const struct rollout *r, struct str object, const char *saw,
                                   struct k8s_change *out, struct act_why *why)
{
	int64_t seen;

	if (saw_step(saw, &seen) && seen != r->step)
		return act_retry(why, ACT_CHANGED, "%s: Rollout %s is at step %lld, no longer at %lld: plan again", k->env.target, k->name,
		                 (long long)r->step, (long long)seen);
	if (!r->in_progress)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s is at rest: there is no next step", k->env.target, k->name);
	if (r->argo.paused && !r->argo.pauses) {
		k8s_write_spec(object, "\"spec\":{\"paused\":false}", out);
		return ACT_OK;
	}
	write_next_step(object, r, out);
	return ACT_OK;
}

static enum act_result change_share(struct k8s *k, const struct act_ask *ask, const struct rollout *r, struct str object,
                                    const char *saw, struct k8s_change *out, struct act_why *why)
{
	double seen;

	if (fabs(r->percent - candidate_wish(k, ask)) < TOLERANCE)
		return ACT_OK;
	if (saw && json_number_at(str_of(saw), "/percent", &seen) && fabs(seen - r->percent) > TOLERANCE)
		return act_retry(why, ACT_CHANGED, "%s: Rollout %s is at %.4g %%, no longer at %.4g %%: plan again", k->env.target, k->name,
		                 r->percent, seen);
	if (!r->in_progress)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s is at rest: a share can be set while a new version is on its way",
		                k->env.target, k->name);
	if (r->argo.aborted)
		return act_fail(why, ACT_UNABLE, "%s: Rollout %s is aborted: retry it first", k->env.target, k->name);
	out->media = K8S_MERGE;
	write_steps(object, candidate_wish(k, ask), &out->body);
	return ACT_OK;
}

static enum act_result change_back(struct k8s *k, const struct act_ask *ask, const struct rollout *r, struct str object,
                                   struct k8s_change *out, struct act_why *why)
{
	if (is_promoted(k, r, object))
		return k8s_argo_revision(k, ask, object, 0, out, why);
	if (r->in_progress && !r->argo.aborted)
		k8s_write_status(object, "\"status\":{\"abort\":true}", out);
	return ACT_OK;
}

static enum act_result rollout_change(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                      struct k8s_change *out, struct act_why *why)
{
	struct rollout r;
	enum act_result result = read_checked(k, object, &r, why);

	if (result != ACT_OK)
		return result;
	switch (ask->verb) {
	case ACT_SET:
		return change_share(k, ask, &r, object, saw, out, why);
	case ACT_ROLLBACK:
		return change_back(k, ask, &r, object, out, why);
	case ACT_STEP:
		return change_step(k, &r, object, saw, out, why);
	case ACT_PROMOTE:
		if (r.in_progress)
			k8s_write_status(object, "\"status\":{\"promoteFull\":true}", out);
		return ACT_OK;
	default:
		return k8s_argo_change(k, ask, object, &r.argo, out, why);
	}
}

/* ── plan ──────────────────────────────────────────────────────────────────────────────────── */

static const char *saw_text(const struct rollout *r, struct str object, struct act_plan *out)
{
	struct json_value steps = json_at(object, "/spec/strategy/canary/steps");
	struct buf text = {0};

	buf_printf(&text, "{\"step\":%lld,\"percent\":", (long long)r->step);
	if (isnan(r->percent))
		buf_puts(&text, "null");
	else
		buf_printf(&text, "%.6g", r->percent);
	buf_printf(&text, ",\"aborted\":%s,\"paused\":%s,\"revision\":%lld,\"steps\":", r->argo.aborted ? "true" : "false",
	           r->argo.paused ? "true" : "false", (long long)k8s_revision(&k8s_of_rollout, object));
	if (steps.kind == JSON_ARRAY)
		k8s_one_line(&text, steps.text);
	else
		buf_puts(&text, "[]");
	buf_append_c(&text, '}');
	const char *copy = act_plan_text(out, "%s", text.data);
	buf_fini(&text);
	return copy;
}

static double planned_percent(const struct k8s *k, const struct act_ask *ask, const struct rollout *r, struct str object)
{
	switch (ask->verb) {
	case ACT_SET:
		return nearbyint(candidate_wish(k, ask));
	case ACT_ROLLBACK:
		return 0;
	case ACT_STEP:
		return next_weight(object, r->step);
	case ACT_PROMOTE:
		return 100;
	default:
		return r->percent;
	}
}

static void say_moves(const struct k8s *k, const struct act_ask *ask, const struct rollout *r, struct str object,
                      struct act_plan *out)
{
	const char *at = k->env.target;

	out->stays = "";
	switch (ask->verb) {
	case ACT_ROLLBACK:
		if (is_promoted(k, r, object)) {
			out->moves = act_plan_text(out, "%s: %s is promoted already: the version before goes back into the spec and runs "
			                           "through the rollout's steps", at, k->env.arms[1].deployment);
			out->stays = "new pods of the old version have to start first, unless its set is still scaled up";
			return;
		}
		out->moves = act_plan_text(out, "%s: Rollout %s is aborted: traffic goes back to the stable version", at, k->name);
		out->stays = "the spec stays on the new version and the rollout shows Degraded until it is changed or retried";
		return;
	case ACT_SET:
		out->moves = act_plan_text(out, "%s: Rollout %s gets new steps that begin with this weight and a pause", at, k->name);
		out->stays = "a tool that keeps the cluster as in Git (Argo CD, Flux) may put the old steps back";
		return;
	case ACT_STEP:
		out->moves = act_plan_text(out, "%s: Rollout %s goes on from step %lld of %lld", at, k->name, (long long)r->step,
		                           (long long)r->step_count);
		return;
	case ACT_PROMOTE:
		out->moves = act_plan_text(out, "%s: Rollout %s skips its remaining steps, pauses and analyses", at, k->name);
		out->stays = "pods of the old version run on for the scale-down delay";
		return;
	case ACT_UNDO_REVISION:
		out->moves = act_plan_text(out, "%s: Rollout %s goes back to an older revision and runs through its steps", at, k->name);
		return;
	default:
		out->moves = act_plan_text(out, "%s: Rollout %s: %s", at, k->name, act_verb_name(ask->verb));
	}
}

static enum act_result rollout_plan(struct k8s *k, const struct act_ask *ask, struct str object, struct act_plan *out,
                                    struct act_why *why)
{
	struct rollout r;
	struct k8s_change change = {.path = ""};
	enum act_result result = read_checked(k, object, &r, why);

	if (result == ACT_OK)
		result = rollout_change(k, ask, object, NULL, &change, why);
	if (result == ACT_OK) {
		double to = planned_percent(k, ask, &r, object);
		double now[2] = {100 - r.percent, r.percent}, then[2] = {100 - to, to};

		lineup_plan_arms(out, &k->env, ask, now, then);
		out->nothing_to_do = change.body.len == 0;
		say_moves(k, ask, &r, object, out);
		out->saw = saw_text(&r, object, out);
		out->pace = ask->verb == ACT_ROLLBACK && r.in_progress && r.routed ? ACT_INSTANT : ACT_STEPWISE;
		if (!out->nothing_to_do)
			act_plan_step(out, "PATCH %s%s (%s)", k->path, change.path ? change.path : "",
			              k8s_is_json_patch(&change) ? "the older pod template" : act_verb_name(ask->verb));
		if (!r.routed)
			act_plan_warn(out, "without a traffic router shares are counts of pods: they round, and move as pods start");
		if (isnan(r.percent))
			act_plan_warn(out, "which arm runs now is unclear: the pod template should name %s or %s (an image tag, a label)",
			              lineup_name(&k->lineup, 0), lineup_name(&k->lineup, 1));
	}
	buf_fini(&change.body);
	return result;
}

/* ── restore, judge ────────────────────────────────────────────────────────────────────────── */

static enum act_result rollout_restore(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                       struct k8s_change *out, struct act_why *why)
{
	struct rollout r;
	struct k8s_argo_seen seen = k8s_argo_seen(saw);
	struct json_value steps = json_at(str_of(saw ? saw : ""), "/steps");
	enum act_result result = read_checked(k, object, &r, why);

	if (result != ACT_OK)
		return result;
	switch (ask->verb) {
	case ACT_ROLLBACK:
		if (r.in_progress && r.argo.aborted && !seen.aborted)
			k8s_argo_retry(object, out);
		else if (seen.revision && seen.revision != k8s_revision(&k8s_of_rollout, object) && !r.in_progress)
			return k8s_argo_revision(k, ask, object, seen.revision, out, why);
		return ACT_OK;
	case ACT_SET:
		if (steps.kind == JSON_ARRAY && json_count(steps)) {
			char *inner = mem_printf("\"spec\":{\"strategy\":{\"canary\":{\"steps\":%.*s}}}", STR_ARG(steps.text));

			k8s_write_spec(object, inner, out);
			free(inner);
			return ACT_OK;
		}
		break;
	case ACT_HOLD:
	case ACT_RESUME:
		k8s_argo_pause(object, &r.argo, seen.paused, out);
		return ACT_OK;
	default:
		break;
	}
	return act_fail(why, ACT_UNABLE, "%s: a `%s` of an Argo Rollout cannot be taken back: roll back instead", k->env.target,
	                act_verb_name(ask->verb));
}

static enum act_result on_its_way(const struct k8s *k, const struct rollout *r, struct act_sight *out, struct act_why *why)
{
	if (strcmp(r->argo.phase, "Degraded") == 0 && !r->argo.aborted)
		return act_fail(why, ACT_REFUSED, "%s: Rollout %s is Degraded: %s", k->env.target, k->name, r->argo.message);
	out->words = act_sight_text(out, "%s: Rollout %s is %s at %.4g %%, step %lld of %lld%s%s", k->env.target, k->name,
	                            *r->argo.phase ? r->argo.phase : "of unknown phase", isnan(r->percent) ? 0 : r->percent,
	                            (long long)r->step, (long long)r->step_count, *r->argo.message ? ": " : "", r->argo.message);
	return act_retry(why, ACT_FAULT_NONE, "%s", out->words);
}

/* A weight that is not the one asked for: on its way while the controller works, else changed. */
static enum act_result judge_share(const struct k8s *k, const struct rollout *r, double wanted, struct act_sight *out,
                                   struct act_why *why)
{
	if (fabs(r->percent - wanted) < TOLERANCE)
		return ACT_OK;
	if (r->argo.lags || strcmp(r->argo.phase, "Progressing") == 0)
		return on_its_way(k, r, out, why);
	out->words = act_sight_text(out, "%s: Rollout %s is %s at %.4g %%, not at %.4g %%", k->env.target, k->name, r->argo.phase,
	                            isnan(r->percent) ? 0 : r->percent, wanted);
	return act_fail(why, ACT_CHANGED, "%s", out->words);
}

static enum act_result rollout_judge(struct k8s *k, const struct act_ask *ask, struct str object, struct act_sight *out,
                                     struct act_why *why)
{
	struct rollout r;
	enum act_result result = read_checked(k, object, &r, why);
	double percent[2] = {100 - r.percent, r.percent};

	if (result != ACT_OK)
		return result;
	out->phase = act_sight_text(out, "%s", r.argo.phase);
	k8s_fill_sight(k, percent, out);
	if (!ask->arm_count)
		return ACT_OK;
	if (r.argo.lags)
		return on_its_way(k, &r, out, why);
	switch (ask->verb) {
	case ACT_SET:
		return judge_share(k, &r, nearbyint(candidate_wish(k, ask)), out, why);
	case ACT_ROLLBACK:
		if (r.in_progress && r.argo.aborted && r.percent > 0)
			return on_its_way(k, &r, out, why);
		if (r.in_progress && !r.argo.aborted && k8s_template_arm(k, object) == 0)
			return on_its_way(k, &r, out, why);
		return judge_share(k, &r, 0, out, why);
	case ACT_PROMOTE:
		if (r.in_progress)
			return on_its_way(k, &r, out, why);
		return strcmp(r.argo.phase, "Healthy") == 0 ? ACT_OK : on_its_way(k, &r, out, why);
	case ACT_STEP:
		return r.percent >= candidate_wish(k, ask) - TOLERANCE || !r.in_progress ? ACT_OK : on_its_way(k, &r, out, why);
	default:
		return k8s_argo_obeyed(&r.argo, ask->verb) ? ACT_OK : on_its_way(k, &r, out, why);
	}
}

const struct k8s_kind k8s_rollout = {
	.name = "rollout",
	.path = K8S_ARGO_PATH,
	.group = K8S_ARGO_GROUP,
	.verbs = K8S_ARGO_VERBS,
	.plan = rollout_plan,
	.change = rollout_change,
	.restore = rollout_restore,
	.judge = rollout_judge,
};
