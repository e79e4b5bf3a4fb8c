/* A plain Deployment has one version at a time: back is the pod template of an older revision, and which
 * arm it runs is told by that template, which must name the arm. Shares between 0 and 100 it cannot do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/kubernetes.h"

struct deployment {
	int arm;         /* that the template names; -1 unclear */
	bool paused;
	int64_t replicas, wanted_replicas, updated, available;
	double percent;  /* of the last arm, by pods; NaN unclear */
	bool lags, settled;
};

static void read_deployment(const struct k8s *k, struct str object, struct deployment *d)
{
	int64_t generation = 0, seen = 0;

	*d = (struct deployment){.arm = k8s_template_arm(k, object), .wanted_replicas = 1, .percent = NAN};
	json_bool_at(object, "/spec/paused", &d->paused);
	json_int_at(object, "/spec/replicas", &d->wanted_replicas);
	json_int_at(object, "/status/replicas", &d->replicas);
	json_int_at(object, "/status/updatedReplicas", &d->updated);
	json_int_at(object, "/status/availableReplicas", &d->available);
	json_int_at(object, "/metadata/generation", &generation);
	json_int_at(object, "/status/observedGeneration", &seen);
	d->lags = seen < generation;
	d->settled = !d->lags && d->updated >= d->wanted_replicas && d->replicas == d->updated && d->available >= d->updated;
	/* pods of the template's arm are the updated ones, the rest are the other arm's */
	double share = d->replicas > 0 ? 100 * (double)d->updated / (double)d->replicas : 100;

	if (d->arm >= 0)
		d->percent = d->arm == 0 ? 100 - share : share;
}

static enum act_result unable(const struct k8s *k, struct act_why *why)
{
	return act_fail(why, ACT_UNABLE, "%s: Deployment %s has one version at a time: it can be rolled back, undone to a revision, "
	                "paused and scaled; shares need a proxy, a route or an Argo Rollout", k->env.target, k->name);
}

/* Asks for all on one arm. Index, -1 when it asks for shares. */
static int whole_arm(const struct k8s *k, const struct act_ask *ask)
{
	for (size_t i = 0; i < k->env.arm_count; i++) {
		if (ask_percent(ask, k->env.arms[i].deployment) > 99.99)
			return (int)i;
	}
	return -1;
}

static enum act_result change_version(struct k8s *k, const struct act_ask *ask, const struct deployment *d,
                                      struct str object, struct k8s_change *out, struct act_why *why)
{
	int64_t revision;
	int arm = whole_arm(k, ask);

	if (arm >= 0 && arm == d->arm)
		return ACT_OK;
	/* forward is a deployment of a new version, which is not ours to make */
	if (arm != 0)
		return unable(k, why);
	if (d->arm < 0)
		return act_fail(why, ACT_UNABLE, "%s: which arm Deployment %s runs is unclear: its pod template should name %s or %s, or "
		                "undo to a revision by number", k->env.target, k->name, lineup_name(&k->lineup, 0), lineup_name(&k->lineup, 1));
	out->media = K8S_JSON;
	return k8s_revision_patch(k, ask, &k8s_of_deployment, object, 0, &out->body, &revision, why);
}

static void write_paused(struct str object, bool paused, struct k8s_change *out)
{
	out->media = K8S_MERGE;
	k8s_guarded(object, paused ? "\"spec\":{\"paused\":true}" : "\"spec\":{\"paused\":false}", &out->body);
}

static void write_scale(int64_t replicas, struct k8s_change *out)
{
	out->path = "/scale";
	out->media = K8S_MERGE;
	buf_printf(&out->body, "{\"spec\":{\"replicas\":%lld}}", (long long)replicas);
}

static enum act_result deployment_change(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                         struct k8s_change *out, struct act_why *why)
{
	struct deployment d;
	int64_t revision, seen;

	read_deployment(k, object, &d);
	if (ask->verb == ACT_UNDO_REVISION && saw && json_int_at(str_of(saw), "/revision", &seen) &&
	    seen != k8s_revision(&k8s_of_deployment, object))
		return act_retry(why, ACT_CHANGED, "%s: Deployment %s is no longer at revision %lld: plan again", k->env.target, k->name,
		                 (long long)seen);
	switch (ask->verb) {
	case ACT_SET:
	case ACT_ROLLBACK:
	case ACT_PROMOTE:
		return change_version(k, ask, &d, object, out, why);
	case ACT_UNDO_REVISION:
		out->media = K8S_JSON;
		return k8s_revision_patch(k, ask, &k8s_of_deployment, object, ask->revision, &out->body, &revision, why);
	case ACT_HOLD:
	case ACT_RESUME:
		if (d.paused != (ask->verb == ACT_HOLD))
			write_paused(object, ask->verb == ACT_HOLD, out);
		return ACT_OK;
	case ACT_SCALE:
		if (ask->replicas < 0 || ask->replicas > 10000)
			return act_fail(why, ACT_UNABLE, "%s: %lld replicas: give 0 to 10000", k->env.target, (long long)ask->replicas);
		if (d.wanted_replicas != ask->replicas)
			write_scale(ask->replicas, out);
		return ACT_OK;
	default:
		return unable(k, why);
	}
}

static enum act_result deployment_plan(struct k8s *k, const struct act_ask *ask, struct str object, struct act_plan *out,
                                       struct act_why *why)
{
	struct deployment d;
	struct k8s_change change = {.path = ""};
	double now[ROLLOUT_ARMS_MAX], then[ROLLOUT_ARMS_MAX];
	enum act_result result = deployment_change(k, ask, object, NULL, &change, why);

	read_deployment(k, object, &d);
	if (result == ACT_OK) {
		bool version = ask->verb == ACT_SET || ask->verb == ACT_ROLLBACK || ask->verb == ACT_PROMOTE;

		for (size_t i = 0; i < k->env.arm_count; i++) {
			now[i] = isnan(d.percent) || k->env.arm_count != 2 ? NAN : i ? d.percent : 100 - d.percent;
			then[i] = version ? ask_percent(ask, k->env.arms[i].deployment) : now[i];
		}
		lineup_plan_arms(out, &k->env, ask, now, then);
		out->nothing_to_do = change.body.len == 0;
		out->pace = ACT_STEPWISE;
		if (!out->nothing_to_do)
			act_plan_step(out, "PATCH %s%s (%s)", k->path, change.path ? change.path : "",
			              k8s_is_json_patch(&change) ? "the older pod template" : act_verb_name(ask->verb));
		out->moves = act_plan_text(out, "%s: Deployment %s: %s; pods are replaced a few at a time", k->env.target, k->name,
		                           act_verb_name(ask->verb));
		out->stays = "pods that go finish their running answers within their grace period";
		out->saw = act_plan_text(out, "{\"revision\":%lld,\"paused\":%s,\"replicas\":%lld}",
		                         (long long)k8s_revision(&k8s_of_deployment, object), d.paused ? "true" : "false",
		                         (long long)d.wanted_replicas);
		if (k8s_is_json_patch(&change) && d.paused)
			act_plan_warn(out, "the Deployment is paused: nothing moves until it is resumed");
	}
	buf_fini(&change.body);
	return result;
}

static enum act_result deployment_restore(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                          struct k8s_change *out, struct act_why *why)
{
	struct deployment d;
	struct str seen = str_of(saw ? saw : "");
	int64_t revision = 0, replicas = -1;
	bool paused;

	read_deployment(k, object, &d);
	switch (ask->verb) {
	case ACT_HOLD:
	case ACT_RESUME:
		if (json_bool_at(seen, "/paused", &paused) && paused != d.paused)
			write_paused(object, paused, out);
		return ACT_OK;
	case ACT_SCALE:
		if (json_int_at(seen, "/replicas", &replicas) && replicas >= 0 && replicas != d.wanted_replicas)
			write_scale(replicas, out);
		return ACT_OK;
	default:
		if (!json_int_at(seen, "/revision", &revision) || !revision)
			return act_fail(why, ACT_UNABLE, "%s: the revision before is not known", k->env.target);
		if (revision == k8s_revision(&k8s_of_deployment, object))
			return ACT_OK;
		out->media = K8S_JSON;
		return k8s_revision_patch(k, ask, &k8s_of_deployment, object, revision, &out->body, &revision, why);
	}
}

static enum act_result deployment_judge(struct k8s *k, const struct act_ask *ask, struct str object, struct act_sight *out,
                                        struct act_why *why)
{
	struct deployment d;
	double percent[ROLLOUT_ARMS_MAX];
	bool there = true;

	read_deployment(k, object, &d);
	for (size_t i = 0; i < k->env.arm_count; i++)
		percent[i] = isnan(d.percent) || k->env.arm_count != 2 ? NAN : i ? d.percent : 100 - d.percent;
	out->phase = d.settled ? "Healthy" : d.paused ? "Paused" : "Progressing";
	k8s_fill_sight(k, percent, out);
	if (!ask->arm_count)
		return ACT_OK;
	if (ask->verb == ACT_HOLD || ask->verb == ACT_RESUME)
		there = d.paused == (ask->verb == ACT_HOLD);
	else if (ask->verb == ACT_SCALE)
		there = d.wanted_replicas == ask->replicas;
	else if (ask->verb != ACT_UNDO_REVISION)
		there = d.arm == whole_arm(k, ask);
	if (!there) {
		out->words = act_sight_text(out, "%s: Deployment %s is not as it was set", k->env.target, k->name);
		return act_fail(why, ACT_CHANGED, "%s", out->words);
	}
	if (d.settled || ask->verb == ACT_HOLD)
		return ACT_OK;
	out->words = act_sight_text(out, "%s: Deployment %s has %lld of %lld pods updated, %lld available", k->env.target, k->name,
	                            (long long)d.updated, (long long)d.wanted_replicas, (long long)d.available);
	return act_retry(why, ACT_FAULT_NONE, "%s", out->words);
}

const struct k8s_kind k8s_deployment = {
	.name = "deployment",
	.path = "/apis/apps/v1/namespaces/%s/deployments/%s",
	.group = "deployments, deployments/scale and replicasets in apps",
	.verbs = 1u << ACT_SET | 1u << ACT_ROLLBACK | 1u << ACT_PROMOTE | 1u << ACT_HOLD | 1u << ACT_RESUME |
	         1u << ACT_UNDO_REVISION | 1u << ACT_SCALE,
	.plan = deployment_plan,
	.change = deployment_change,
	.restore = deployment_restore,
	.judge = deployment_judge,
};
