/* Gateway API HTTPRoute: weights of backendRefs. A JSON patch sets single weights and tests first that
 * each reference is still the one it was; a merge patch would replace the whole list. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "act/kubernetes.h"

#define RULES_MAX 64
#define REFS_MAX 64
#define PARTS 100.0

struct place {
	size_t rule, ref, arm;
	int64_t weight;
	bool written; /* false: the default of 1 holds */
};
struct route {
	struct place places[LINEUP_MEMBERS_MAX];
	size_t count;
	double percent[ROLLOUT_ARMS_MAX]; /* of the first rule's weights, others included */
	int64_t others;                   /* weight of references of no arm */
};

static size_t arms_in_rule(const struct k8s *k, struct json_value refs)
{
	bool seen[ROLLOUT_ARMS_MAX] = {false};
	struct json_value ref;
	size_t count = 0;
	char name[300];

	for (size_t i = 0; i < REFS_MAX && (ref = json_child(refs, i, NULL)).kind != JSON_ERROR; i++) {
		int arm = json_text_at(ref.text, "/name", name, sizeof(name)) ? lineup_arm_of(&k->lineup, str_of(name)) : -1;

		if (arm >= 0 && !seen[arm]) {
			seen[arm] = true;
			count++;
		}
	}
	return count;
}

static void read_rule(const struct k8s *k, size_t rule, struct json_value refs, struct route *out)
{
	bool first = out->count == 0;
	double sum = 0, of_arm[ROLLOUT_ARMS_MAX] = {0};
	struct json_value ref;
	char name[300];

	for (size_t i = 0; i < REFS_MAX && (ref = json_child(refs, i, NULL)).kind != JSON_ERROR; i++) {
		int arm = json_text_at(ref.text, "/name", name, sizeof(name)) ? lineup_arm_of(&k->lineup, str_of(name)) : -1;
		int64_t weight = 1;
		bool written = json_int_at(ref.text, "/weight", &weight);

		sum += (double)weight;
		if (arm < 0) {
			out->others += weight;
		} else if (out->count < LINEUP_MEMBERS_MAX) {
			of_arm[arm] += (double)weight;
			out->places[out->count++] = (struct place){rule, i, (size_t)arm, weight, written};
		}
	}
	for (size_t a = 0; first && a < k->env.arm_count; a++)
		out->percent[a] = sum > 0 ? 100 * of_arm[a] / sum : 0;
}

static enum act_result read_route(const struct k8s *k, struct str object, struct route *out, struct act_why *why)
{
	struct json_value rules = json_at(object, "/spec/rules"), rule;

	*out = (struct route){.count = 0};
	for (size_t i = 0; i < RULES_MAX && (rule = json_child(rules, i, NULL)).kind != JSON_ERROR; i++) {
		struct json_value refs = json_at(rule.text, "/backendRefs");

		if ((k->rule < 0 || (size_t)k->rule == i) && arms_in_rule(k, refs) == k->env.arm_count)
			read_rule(k, i, refs, out);
	}
	if (!out->count)
		return act_fail(why, ACT_MISSING, "%s: no rule of HTTPRoute %s has backendRefs for every arm: name them by `stable` and "
		                "`candidate`", k->env.target, k->name);
	return ACT_OK;
}

/* The weight each place shall have: parts of 100 in its rule, spread over an arm's references. */
static int64_t wanted_weight(const struct k8s *k, const struct act_ask *ask, const struct route *r, const struct place *p)
{
	double scale = PARTS, percent = ask_percent(ask, k->env.arms[p->arm].deployment);
	size_t same = 0, before = 0;

	/* tenths of a percent are kept by thousandths */
	for (size_t a = 0; a < k->env.arm_count; a++) {
		double exact = ask_percent(ask, k->env.arms[a].deployment);

		if (fabs(exact - nearbyint(exact)) > 1e-9)
			scale = 10 * PARTS;
	}
	for (const struct place *other = r->places; other < r->places + r->count; other++) {
		if (other->rule != p->rule || other->arm != p->arm)
			continue;
		same++;
		before += other < p;
	}
	int64_t whole = (int64_t)llround(percent * scale / 100);

	return whole / (int64_t)same + ((int64_t)before < whole % (int64_t)same);
}

static bool route_is_there(const struct k8s *k, const struct act_ask *ask, const struct route *r)
{
	for (const struct place *p = r->places; p < r->places + r->count; p++) {
		double all = 0, wanted_all = 0;

		for (const struct place *q = r->places; q < r->places + r->count; q++) {
			all += q->rule == p->rule ? (double)q->weight : 0;
			wanted_all += q->rule == p->rule ? (double)wanted_weight(k, ask, r, q) : 0;
		}
		double now = all > 0 ? (double)p->weight / all : 0;

		if (fabs(now - (double)wanted_weight(k, ask, r, p) / wanted_all) > 1e-6)
			return false;
	}
	return true;
}

static bool is_share_verb(enum act_verb v)
{
	return v == ACT_SET || v == ACT_ROLLBACK || v == ACT_STEP || v == ACT_PROMOTE;
}

static enum act_result route_plan(struct k8s *k, const struct act_ask *ask, struct str object, struct act_plan *out,
                                  struct act_why *why)
{
	struct route r;
	double then[ROLLOUT_ARMS_MAX] = {0}, sum;
	struct buf saw = {0};
	enum act_result result = read_route(k, object, &r, why);

	if (result != ACT_OK)
		return result;
	sum = (double)r.others;
	for (const struct place *p = r.places; p < r.places + r.count; p++) {
		int64_t wanted = is_share_verb(ask->verb) ? wanted_weight(k, ask, &r, p) : p->weight;

		if (p->rule == r.places[0].rule) {
			then[p->arm] += (double)wanted;
			sum += (double)wanted;
		}
		if (wanted != p->weight)
			act_plan_step(out, "rules[%zu].backendRefs[%zu] %s: weight %lld", p->rule, p->ref, lineup_name(&k->lineup, p->arm),
			              (long long)wanted);
		buf_printf(&saw, "%s%zu/%zu=%lld", saw.len ? " " : "", p->rule, p->ref, (long long)p->weight);
	}
	for (size_t a = 0; a < k->env.arm_count; a++)
		then[a] = sum > 0 ? 100 * then[a] / sum : 0;
	lineup_plan_arms(out, &k->env, ask, r.percent, then);
	out->nothing_to_do = !is_share_verb(ask->verb) || route_is_there(k, ask, &r);
	if (out->nothing_to_do)
		out->step_count = 0;
	if (r.others)
		act_plan_warn(out, "the route has other backends too (weight %lld together): they keep their weight", (long long)r.others);
	out->pace = ACT_INSTANT;
	out->moves = act_plan_text(out, "%s: HTTPRoute %s/%s sends new requests by the new weights once its gateway has taken them",
	                           k->env.target, k->space, k->name);
	out->stays = "running answers end where they are; the pods of both arms keep running";
	out->saw = act_plan_text(out, "%s", saw.data);
	buf_fini(&saw);
	return ACT_OK;
}

static void patch_weight(struct buf *out, struct str object, const struct place *p, int64_t weight)
{
	char *ref = mem_printf("/spec/rules/%zu/backendRefs/%zu", p->rule, p->ref);
	char *name = mem_printf("%s/name", ref);

	if (!out->len) {
		char version[128];

		json_text_at(object, "/metadata/resourceVersion", version, sizeof(version));
		buf_puts(out, "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":");
		buf_append_json(out, str_of(version));
		buf_puts(out, "}");
	}
	buf_printf(out, ",{\"op\":\"test\",\"path\":\"%s\",\"value\":", name);
	buf_append_str(out, json_at(object, name).text);
	buf_printf(out, "},{\"op\":\"%s\",\"path\":\"%s/weight\",\"value\":%lld}", p->written ? "replace" : "add", ref,
	           (long long)weight);
	free(name);
	free(ref);
}

/* Reads "rule/ref=weight" for a place; false when the saw text has none. */
static bool seen_weight(const char *saw, const struct place *p, int64_t *weight)
{
	struct str rest = str_of(saw ? saw : "");

	while (rest.len) {
		struct str number = str_cut(&rest, ' '), ref = str_cut(&number, '='), rule = str_cut(&ref, '/');
		int64_t rule_index, ref_index;

		if (str_to_int64(rule, &rule_index) && str_to_int64(ref, &ref_index) && rule_index == (int64_t)p->rule &&
		    ref_index == (int64_t)p->ref)
			return str_to_int64(number, weight) && *weight >= 0;
	}
	return false;
}

static enum act_result route_change(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                    struct k8s_change *out, struct act_why *why)
{
	struct route r;
	enum act_result result = read_route(k, object, &r, why);

	if (result != ACT_OK || !is_share_verb(ask->verb) || route_is_there(k, ask, &r))
		return result;
	for (const struct place *p = r.places; p < r.places + r.count; p++) {
		int64_t seen, wanted = wanted_weight(k, ask, &r, p);

		if (ask->verb != ACT_ROLLBACK && seen_weight(saw, p, &seen) && seen != p->weight && wanted != p->weight)
			return act_retry(why, ACT_CHANGED, "%s: the weights of HTTPRoute %s are no longer those of the plan: plan again",
			                 k->env.target, k->name);
		if (wanted != p->weight || !p->written)
			patch_weight(&out->body, object, p, wanted);
	}
	if (out->body.len)
		buf_puts(&out->body, "]");
	out->media = K8S_JSON;
	return ACT_OK;
}

static enum act_result route_restore(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
                                     struct k8s_change *out, struct act_why *why)
{
	struct route r;
	enum act_result result = read_route(k, object, &r, why);

	(void)ask;
	if (result != ACT_OK)
		return result;
	for (const struct place *p = r.places; p < r.places + r.count; p++) {
		int64_t seen;

		if (!seen_weight(saw, p, &seen))
			return act_fail(why, ACT_UNABLE, "%s: the weights before are not known for every backend: set them by hand",
			                k->env.target);
		if (seen != p->weight)
			patch_weight(&out->body, object, p, seen);
	}
	if (out->body.len)
		buf_puts(&out->body, "]");
	out->media = K8S_JSON;
	return ACT_OK;
}

/* A gateway that refused the route, or has not looked at this generation yet; NULL when all is well. */
static const char *gateway_words(const struct k8s *k, struct str object, struct act_sight *out, bool *waits)
{
	struct json_value parents = json_at(object, "/status/parents"), parent;
	int64_t generation = 0;

	json_int_at(object, "/metadata/generation", &generation);
	for (size_t i = 0; i < 32 && (parent = json_child(parents, i, NULL)).kind != JSON_ERROR; i++) {
		struct json_value accepted = json_at(parent.text, "/conditions/type=Accepted");
		char status[16];
		int64_t observed;

		if (accepted.kind != JSON_OBJECT)
			continue;
		if (json_text_at(accepted.text, "/status", status, sizeof(status)) && strcmp(status, "True") != 0)
			return act_sight_text(out, "%s: a gateway does not accept HTTPRoute %s: see its status", k->env.target, k->name);
		if (json_int_at(accepted.text, "/observedGeneration", &observed) && observed < generation) {
			*waits = true;
			return act_sight_text(out, "%s: a gateway has not taken the new weights yet", k->env.target);
		}
	}
	return NULL;
}

static enum act_result route_judge(struct k8s *k, const struct act_ask *ask, struct str object, struct act_sight *out,
                                   struct act_why *why)
{
	struct route r;
	bool waits = false;
	enum act_result result = read_route(k, object, &r, why);

	if (result != ACT_OK)
		return result;
	k8s_fill_sight(k, r.percent, out);
	if (!ask->arm_count || !is_share_verb(ask->verb))
		return ACT_OK;
	if (!route_is_there(k, ask, &r)) {
		out->words = act_sight_text(out, "%s: HTTPRoute %s has other weights: %s is at %.4g %%", k->env.target, k->name,
		                            k->env.arms[k->env.arm_count - 1].deployment, r.percent[k->env.arm_count - 1]);
		return act_fail(why, ACT_CHANGED, "%s", out->words);
	}
	const char *words = gateway_words(k, object, out, &waits);

	if (!words)
		return ACT_OK;
	out->words = words;
	return waits ? act_retry(why, ACT_FAULT_NONE, "%s", words) : act_fail(why, ACT_REFUSED, "%s", words);
}

const struct k8s_kind k8s_route = {
	.name = "httproute",
	.path = "/apis/gateway.networking.k8s.io/v1/namespaces/%s/httproutes/%s",
	.group = "httproutes in gateway.networking.k8s.io",
	.verbs = 1u << ACT_SET | 1u << ACT_ROLLBACK | 1u << ACT_STEP | 1u << ACT_PROMOTE | 1u << ACT_HOLD | 1u << ACT_RESUME,
	.plan = route_plan,
	.change = route_change,
	.restore = route_restore,
	.judge = route_judge,
};
