/* The actuator "kubernetes": read the object, let its kind say what to send, send that with the version
 * that was read, and on a conflict begin again. */
#include "act/kubernetes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

enum { OPT_OBJECT, OPT_NAME, OPT_NAMESPACE, OPT_KUBECONFIG, OPT_CONTEXT, OPT_RULE, OPT_TIMEOUT };

static const struct k8s_kind *const kinds[] = {&k8s_rollout, &k8s_route, &k8s_deployment};
static const char *const objects[] = {"rollout", "httproute", "deployment", NULL};

static const struct option_row kubernetes_options[] = {
	[OPT_OBJECT] = {"object", OPTION_CHOICE, "rollout", 0, 2, objects, NULL, "what steers the traffic: an Argo Rollout, a "
		"Gateway API HTTPRoute, or a plain Deployment"},
	[OPT_NAME] = {"object_name", OPTION_TEXT, NULL, 0, 0, NULL, "name", "the object's name"},
	[OPT_NAMESPACE] = {"namespace", OPTION_TEXT, "", 0, 0, NULL, "name", "its namespace; the context's, or `default`, by default"},
	[OPT_KUBECONFIG] = {"kubeconfig", OPTION_TEXT, "", 0, 0, NULL, "path", "KUBECONFIG, ~/.kube/config or the pod's service account by default"},
	[OPT_CONTEXT] = {"context", OPTION_TEXT, "", 0, 0, NULL, "name", "of the kubeconfig; its current one by default"},
	[OPT_RULE] = {"rule", OPTION_INT, "-1", -1, 63, NULL, "index", "HTTPRoute: only this rule; each rule with all arms by default"},
	[OPT_TIMEOUT] = {"timeout", OPTION_DURATION, "10s", US_PER_S / 10, 10 * US_PER_MIN, NULL, NULL, "of one request"},
	LINEUP_ROWS,
	{.name = NULL},
};

static void kubernetes_close(void *state)
{
	struct k8s *k = state;

	http_client_free(&k->client);
	kubeconfig_fini(&k->access);
	free(k->own_kubeconfig);
	free(k->own_space);
	free(k->path);
	free(k);
}

/* RFC 1123 names: what may stand in a path. */
static bool name_usable(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len > 0 && len <= 253 && name[len] == '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* $KUBECONFIG (its first file), ~/.kube/config when there is one, else NULL: in a pod. */
static char *find_kubeconfig(void)
{
	const char *variable = getenv("KUBECONFIG"), *home = getenv("HOME");

	if (variable && *variable)
		return mem_strndup(variable, strcspn(variable, ":"));
	char *path = home ? mem_printf("%s/.kube/config", home) : NULL;

	if (path && file_exists(path))
		return path;
	free(path);
	return NULL;
}

static void *kubernetes_open(const struct act_env *env, struct err *err)
{
	const union option_value *o = env->options;
	struct k8s *k = mem_zalloc(sizeof(*k));

	k->env = *env;
	k->kind = kinds[o[OPT_OBJECT].number];
	k->name = o[OPT_NAME].text;
	k->space = o[OPT_NAMESPACE].text;
	k->kubeconfig = o[OPT_KUBECONFIG].text;
	k->context = o[OPT_CONTEXT].text;
	k->rule = o[OPT_RULE].number;
	k->request_timeout_us = o[OPT_TIMEOUT].number;
	k->own_kubeconfig = find_kubeconfig();
	k->client = http_client_new();
	if (lineup_read(&k->lineup, env, err))
		goto fail;
	if (!name_usable(k->name) || (*k->space && !name_usable(k->space))) {
		err_set(err, "object_name, namespace: lower-case letters, digits, - and . only");
		goto fail;
	}
	return k;
fail:
	kubernetes_close(k);
	return NULL;
}

/* The namespace may come with the credentials, so the path is known after these were read. */
static enum act_result read_object(struct k8s *k, const struct act_ask *ask, struct buf *out, struct act_why *why)
{
	if (!k->path && !*k->space) {
		enum act_result result = k8s_need_access(k, why);

		if (result != ACT_OK)
			return result;
		k->own_space = mem_strdup(k->access.space && name_usable(k->access.space) ? k->access.space : "default");
		k->space = k->own_space;
	}
	if (!k->path)
		k->path = mem_printf(k->kind->path, k->space, k->name);
	enum act_result result = k8s_get(k, ask, k->path, out, why);

	/* A Rollout's strategy is known when it was read, and may be another the next time. */
	if (result == ACT_OK && (k->kind == &k8s_rollout || k->kind == &k8s_bluegreen))
		k->kind = json_at(buf_str(out), "/spec/strategy/blueGreen").kind == JSON_OBJECT ? &k8s_bluegreen : &k8s_rollout;
	return result;
}

static enum act_result kubernetes_plan(void *state, const struct act_ask *ask, struct act_plan *out, struct act_why *why)
{
	struct k8s *k = state;
	struct buf object = {0};
	enum act_result result = ask->arm_count ? ask_check(ask, &k->env, why) : ACT_OK;

	if (result == ACT_OK)
		result = read_object(k, ask, &object, why);
	if (result == ACT_OK)
		result = k->kind->plan(k, ask, buf_str(&object), out, why);
	buf_fini(&object);
	return result;
}

/* The status subresource may not be there in old installations of a controller: then the object itself
 * takes the field. */
static enum act_result send(struct k8s *k, const struct act_ask *ask, const struct k8s_change *change, int *status,
                            struct act_why *why)
{
	char *path = mem_printf("%s%s", k->path, change->path ? change->path : "");
	enum act_result result = k8s_patch(k, ask, path, change->media, buf_str(&change->body), status, why);

	if (*status == 404 && change->path && strcmp(change->path, "/status") == 0)
		result = k8s_patch(k, ask, k->path, change->media, buf_str(&change->body), status, why);
	free(path);
	return result;
}

/* `back`: to what the plan saw. */
static enum act_result change_object(struct k8s *k, const struct act_ask *ask, const char *saw, bool back,
                                     struct act_why *why)
{
	enum act_result result = ACT_FAILED;
	int status = 409;

	for (int round = 0; round < K8S_CONFLICTS_MAX && status == 409; round++) {
		struct k8s_change change = {.path = ""};
		struct buf object = {0};

		status = 0;
		result = read_object(k, ask, &object, why);
		if (result == ACT_OK)
			result = (back ? k->kind->restore : k->kind->change)(k, ask, buf_str(&object), saw, &change, why);
		if (result == ACT_OK && change.body.len)
			result = send(k, ask, &change, &status, why);
		buf_fini(&change.body);
		buf_fini(&object);
	}
	return result;
}

static enum act_result kubernetes_apply(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	struct k8s *k = state;
	enum act_result result = ask->arm_count ? ask_check(ask, &k->env, why) : ACT_OK;

	return result == ACT_OK ? change_object(k, ask, saw, false, why) : result;
}

static enum act_result kubernetes_undo(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	struct k8s *k = state;

	return change_object(k, ask, saw, true, why);
}

static enum act_result kubernetes_verify(void *state, const struct act_ask *ask, struct act_sight *out, struct act_why *why)
{
	struct k8s *k = state;
	struct buf object = {0};
	enum act_result result = read_object(k, ask, &object, why);

	if (result == ACT_OK) {
		result = k->kind->judge(k, ask, buf_str(&object), out, why);
		out->matches = result == ACT_OK;
	}
	buf_fini(&object);
	return result;
}

static enum act_result kubernetes_observe(void *state, const struct act_ask *desired, struct act_sight *out,
                                          struct act_why *why)
{
	struct k8s *k = state;
	struct buf object = {0};
	enum act_result result = read_object(k, desired, &object, why);

	if (result == ACT_OK) {
		struct act_why judged = {.fault = ACT_FAULT_NONE};
		enum act_result verdict = k->kind->judge(k, desired, buf_str(&object), out, &judged);

		out->matches = desired->arm_count && verdict == ACT_OK;
		out->drift = desired->arm_count && verdict == ACT_FAILED;
		if (verdict == ACT_FAILED && !out->arm_count) {
			*why = judged;
			result = verdict;
		}
	}
	buf_fini(&object);
	return result;
}

extern const struct actuator kubernetes_actuator;
const struct actuator kubernetes_actuator = {
	.kind = "kubernetes",
	.summary = "an Argo Rollout, a Gateway API HTTPRoute or a Deployment, through the API server",
	.options = kubernetes_options,
	.verbs = 1u << ACT_SET | 1u << ACT_ROLLBACK | 1u << ACT_STEP | 1u << ACT_PROMOTE | 1u << ACT_HOLD | 1u << ACT_RESUME |
	         1u << ACT_RETRY_ROLLOUT | 1u << ACT_UNDO_REVISION | 1u << ACT_SCALE,
	.timeout_us = 30 * US_PER_S,
	.open = kubernetes_open,
	.plan = kubernetes_plan,
	.apply = kubernetes_apply,
	.verify = kubernetes_verify,
	.undo = kubernetes_undo,
	.observe = kubernetes_observe,
	.close = kubernetes_close,
};
