/* The actuator kubernetes against a stateful double of an API server: paths, tokens, media types (a
 * strategic merge patch of a custom resource is 415), resourceVersion, merge and JSON patches applied as
 * RFC 7386 and RFC 6902 have them, and a controller that follows. Requests are checked against
 * ../shared/contracts/kubernetes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "parse/kubeconfig.h"

#include "unit/act_bench.h"
#include "unit/contract.h"
#include "unit/small_http.h"

#define ROLLOUT_PATH "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts/checkout"
#define ROUTE_PATH "/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes/checkout"
#define DEPLOYMENT_PATH "/apis/apps/v1/namespaces/prod/deployments/checkout"

struct cluster {
	struct small_http http;
	struct contract contract;
	char *rollout, *route, *deployment, *sets;
	int version;
	int patches, conflicts; /* conflicts: answered before one is taken */
	bool forbidden, no_status, wrong;
	char last_path[300], last_media[64], last_body[8192];
	char config[64];
};

static void put(char **object, const char *pointer, const char *value)
{
	struct buf out = {0};
	struct err err;

	if (json_put(str_of(*object), pointer, str_of(value), &out, &err))
		abort();
	free(*object);
	*object = buf_steal(&out);
}

static void drop(char **object, const char *pointer)
{
	struct buf out = {0};

	json_drop(str_of(*object), pointer, &out);
	free(*object);
	*object = buf_steal(&out);
}

/* RFC 7386, into the object at `pointer`. */
static void merge(char **object, const char *pointer, struct json_value patch)
{
	struct json_value v;
	struct str key;

	for (size_t i = 0; (v = json_child(patch, i, &key)).kind != JSON_ERROR; i++) {
		char *place = mem_printf("%s/%.*s", pointer, STR_ARG(key)), *text = mem_strndup(v.text.ptr, v.text.len);

		if (v.kind == JSON_OBJECT && json_at(str_of(*object), place).kind == JSON_OBJECT)
			merge(object, place, v);
		else if (v.kind == JSON_NULL)
			drop(object, place);
		else
			put(object, place, text);
		free(text);
		free(place);
	}
}

/* RFC 6902: test, add, replace; false when a test fails. */
static bool patch_json(char **object, struct json_value patch)
{
	struct json_value op;

	for (size_t i = 0; (op = json_child(patch, i, NULL)).kind != JSON_ERROR; i++) {
		struct json_value value = json_at(op.text, "/value");
		char *text = mem_strndup(value.text.ptr, value.text.len), what[16], path[300];

		json_text_at(op.text, "/op", what, sizeof(what));
		json_text_at(op.text, "/path", path, sizeof(path));
		struct json_value there = json_at(str_of(*object), path);
		bool ok = strcmp(what, "test") == 0 ? str_equal(there.text, value.text)
		                                    : strcmp(what, "add") == 0 || there.kind != JSON_ERROR;
		if (ok && strcmp(what, "test") != 0)
			put(object, path, text);
		free(text);
		if (!ok)
			return false;
	}
	return true;
}

static void put_hash(struct cluster *c, const char *pointer, const char *hash)
{
	char quoted[70];

	snprintf(quoted, sizeof(quoted), "\"%s\"", hash);
	put(&c->rollout, pointer, quoted);
}

/* The same for the blueGreen strategy: the switch comes when the pause is cleared; an abort undoes a
 * switch that is still being checked; an older template whose set still runs is switched to at once. */
static void reconcile_bluegreen(struct cluster *c)
{
	struct str o = str_of(c->rollout);
	bool abort_it = false, full = false, clear;
	char current[64], stable[64];

	json_text_at(o, "/status/currentPodHash", current, sizeof(current));
	json_text_at(o, "/status/stableRS", stable, sizeof(stable));
	if (strstr(json_at(o, "/spec/template").text.ptr, "r/c:v42\"") && strcmp(current, "bbb") == 0 && strcmp(stable, "bbb") == 0) {
		put_hash(c, "/status/currentPodHash", "aaa");
		put_hash(c, "/status/stableRS", "aaa");
		put_hash(c, "/status/blueGreen/activeSelector", "aaa");
		put(&c->rollout, "/status/phase", "\"Healthy\"");
		return;
	}
	json_bool_at(o, "/status/abort", &abort_it);
	json_bool_at(o, "/status/promoteFull", &full);
	clear = full || json_at(o, "/status/pauseConditions").kind == JSON_ERROR;
	if (abort_it) {
		put_hash(c, "/status/blueGreen/activeSelector", stable);
		put(&c->rollout, "/status/phase", "\"Degraded\"");
	} else if (clear) {
		put_hash(c, "/status/blueGreen/activeSelector", current);
		if (full) /* without the analysis after the switch */
			put_hash(c, "/status/stableRS", current);
		put(&c->rollout, "/status/phase", full ? "\"Healthy\"" : "\"Progressing\"");
	}
}

/* What the controller of Argo Rollouts makes of it, as far as these tests look. */
static void reconcile_rollout(struct cluster *c)
{
	struct str o = str_of(c->rollout);
	bool abort_it, full;
	double weight;

	if (json_at(o, "/spec/strategy/blueGreen").kind == JSON_OBJECT) {
		reconcile_bluegreen(c);
		return;
	}
	if (json_bool_at(o, "/status/promoteFull", &full) && full) {
		char hash[64], quoted[70];

		json_text_at(o, "/status/currentPodHash", hash, sizeof(hash));
		snprintf(quoted, sizeof(quoted), "\"%s\"", hash);
		put(&c->rollout, "/status/stableRS", quoted);
		put(&c->rollout, "/status/phase", "\"Healthy\"");
		put(&c->rollout, "/status/promoteFull", "false");
		return;
	}
	if (json_bool_at(o, "/status/abort", &abort_it) && abort_it) {
		put(&c->rollout, "/status/phase", "\"Degraded\"");
		put(&c->rollout, "/status/canary/weights/canary/weight", "0");
		return;
	}
	put(&c->rollout, "/status/phase", "\"Paused\"");
	if (json_number_at(str_of(c->rollout), "/spec/strategy/canary/steps/0/setWeight", &weight)) {
		char text[16];

		snprintf(text, sizeof(text), "%.0f", weight);
		put(&c->rollout, "/status/canary/weights/canary/weight", text);
	}
}

static char **object_of(struct cluster *c, const char *target)
{
	if (strncmp(target, ROLLOUT_PATH, strlen(ROLLOUT_PATH)) == 0)
		return &c->rollout;
	if (strncmp(target, ROUTE_PATH, strlen(ROUTE_PATH)) == 0)
		return &c->route;
	return strncmp(target, DEPLOYMENT_PATH, strlen(DEPLOYMENT_PATH)) == 0 ? &c->deployment : NULL;
}

static void fail_status(struct buf *answer, int code, const char *reason)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%d}",
	         reason, reason, code);
	small_answer(answer, code, "Content-Type: application/json\r\n", body);
}

static void set_version(struct cluster *c, char **object)
{
	char text[24];

	snprintf(text, sizeof(text), "\"%d\"", ++c->version);
	put(object, "/metadata/resourceVersion", text);
}

static void answer_patch(struct cluster *c, const struct small_request *q, char **object, struct buf *answer)
{
	char wanted[64] = "", now[64];
	struct json_value patch = json_at((struct str){q->body, q->body_len}, "");
	bool custom = object != &c->deployment;

	small_header(q, "Content-Type", c->last_media, sizeof(c->last_media));
	snprintf(c->last_path, sizeof(c->last_path), "%.290s", q->target);
	snprintf(c->last_body, sizeof(c->last_body), "%s", q->body);
	if (c->contract.text.len && !contract_request(&c->contract, q->method, q->target, c->last_media, str_of(q->body)))
		c->wrong = true;
	if (custom && strcmp(c->last_media, "application/strategic-merge-patch+json") == 0) {
		fail_status(answer, 415, "UnsupportedMediaType");
		return;
	}
	if (c->no_status && strstr(q->target, "/status")) {
		fail_status(answer, 404, "NotFound");
		return;
	}
	if (c->conflicts) {
		c->conflicts--;
		set_version(c, object);
		fail_status(answer, 409, "Conflict");
		return;
	}
	json_text_at(str_of(*object), "/metadata/resourceVersion", now, sizeof(now));
	bool json = strcmp(c->last_media, "application/json-patch+json") == 0;
	if (json)
		json_text_at(patch.text, "/0/value", wanted, sizeof(wanted));
	else
		json_text_at(patch.text, "/metadata/resourceVersion", wanted, sizeof(wanted));
	if (*wanted && strcmp(wanted, now) != 0) {
		fail_status(answer, 409, "Conflict");
		return;
	}
	if (json && !patch_json(object, patch)) {
		fail_status(answer, 422, "Invalid");
		return;
	}
	if (!json)
		merge(object, "", patch);
	c->patches++;
	set_version(c, object);
	if (object == &c->rollout)
		reconcile_rollout(c);
	small_answer(answer, 200, "Content-Type: application/json\r\n", *object);
}

static void answer_api(void *arg, const struct small_request *q, struct buf *answer)
{
	struct cluster *c = arg;
	char token[64];
	char **object = object_of(c, q->target);

	small_header(q, "Authorization", token, sizeof(token));
	if (strcmp(token, "Bearer t0ken") != 0)
		fail_status(answer, 401, "Unauthorized");
	else if (c->forbidden)
		fail_status(answer, 403, "Forbidden");
	else if (strstr(q->target, "/replicasets?") && strstr(q->target, "labelSelector=app%3Dcheckout"))
		small_answer(answer, 200, "", c->sets);
	else if (!object)
		fail_status(answer, 404, "NotFound");
	else if (strcmp(q->method, "GET") == 0)
		small_answer(answer, 200, "", *object);
	else if (strcmp(q->method, "PATCH") == 0)
		answer_patch(c, q, object, answer);
	else
		fail_status(answer, 405, "MethodNotAllowed");
}

static void write_kubeconfig(const struct cluster *c, const char *user)
{
	struct buf text = {0};
	struct err err;

	buf_printf(&text, "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
	           "contexts:\n- name: prod\n  context: {cluster: k, user: bot, namespace: prod}\n"
	           "clusters:\n- name: k\n  cluster: {server: \"http://127.0.0.1:%u/\"}\nusers:\n- name: bot\n  user: %s\n",
	           c->http.port, user);
	assert_int_equal(file_write_atomic(c->config, text.data, text.len, 0600, &err), 0);
	buf_fini(&text);
}

#define TEMPLATE(tag) "{\"metadata\":{\"labels\":{\"app\":\"checkout\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"r/c:" tag "\"}]}}"
#define SET(name, revision, key, label, tag) "{\"metadata\":{\"name\":\"" name "\",\"annotations\":{\"" key "\":\"" revision "\"}," \
	"\"ownerReferences\":[{\"uid\":\"u1\"}]},\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"app\":\"checkout\",\"" label "\":\"" name "\"}}," \
	"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"r/c:" tag "\"}]}}}}"

static int setup(void **state)
{
	struct cluster *c = mem_zalloc(sizeof(*c));

	c->version = 100;
	c->rollout = mem_strdup("{\"metadata\":{\"name\":\"checkout\",\"uid\":\"u1\",\"generation\":1,\"resourceVersion\":\"100\","
	                        "\"annotations\":{\"rollout.argoproj.io/revision\":\"7\"}},\"spec\":{\"replicas\":10,\"selector\":"
	                        "{\"matchLabels\":{\"app\":\"checkout\"}},\"strategy\":{\"canary\":{\"trafficRouting\":{},\"steps\":["
	                        "{\"setWeight\":10},{\"pause\":{}},{\"setWeight\":50},{\"pause\":{\"duration\":\"1m\"}}]}},\"template\":"
	                        TEMPLATE("v43") "},\"status\":{\"phase\":\"Paused\",\"message\":\"CanaryPauseStep\",\"stableRS\":\"aaa\","
	                        "\"currentPodHash\":\"bbb\",\"currentStepIndex\":1,\"pauseConditions\":[{\"reason\":\"CanaryPauseStep\"}],"
	                        "\"observedGeneration\":\"1\",\"canary\":{\"weights\":{\"canary\":{\"weight\":10}}}}}");
	c->route = mem_strdup("{\"metadata\":{\"name\":\"checkout\",\"generation\":3,\"resourceVersion\":\"100\"},\"spec\":{\"rules\":[{\"backendRefs\":["
	                      "{\"name\":\"web-v42\",\"port\":80,\"weight\":90},{\"name\":\"web-v43\",\"port\":80,\"weight\":10}]},"
	                      "{\"backendRefs\":[{\"name\":\"admin\",\"port\":80}]},"
	                      "{\"backendRefs\":[{\"name\":\"web-v43\",\"port\":80},{\"name\":\"web-v42\",\"port\":80,\"weight\":9}]}]},"
	                      "\"status\":{\"parents\":[{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"True\",\"observedGeneration\":3}]}]}}");
	c->deployment = mem_strdup("{\"metadata\":{\"name\":\"checkout\",\"uid\":\"u1\",\"generation\":4,\"resourceVersion\":\"100\",\"annotations\":"
	                           "{\"deployment.kubernetes.io/revision\":\"7\"}},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":"
	                           "{\"app\":\"checkout\"}},\"template\":" TEMPLATE("v43") "},\"status\":{\"observedGeneration\":4,\"replicas\":3,"
	                           "\"updatedReplicas\":3,\"availableReplicas\":3}}");
	c->sets = mem_strdup("{\"items\":[" SET("aaa", "5", "rollout.argoproj.io/revision", "rollouts-pod-template-hash", "v41") ","
	                     SET("bbb", "6", "rollout.argoproj.io/revision", "rollouts-pod-template-hash", "v42") ","
	                     SET("ccc", "6", "deployment.kubernetes.io/revision", "pod-template-hash", "v42") "]}");
	small_start(&c->http, 0, answer_api, c);
	snprintf(c->config, sizeof(c->config), "/tmp/llmdeck-kube-%d-%u", (int)getpid(), c->http.port);
	write_kubeconfig(c, "{token: t0ken}");
	contract_read("kubernetes/openapi.json", &c->contract.text);
	if (!c->contract.text.len)
		print_message("requests are not checked against a contract: ../shared is not there\n");
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct cluster *c = *state;

	small_stop(&c->http);
	unlink(c->config);
	buf_fini(&c->contract.text);
	free(c->rollout);
	free(c->route);
	free(c->deployment);
	free(c->sets);
	free(c);
	return 0;
}

static void open_object(struct act_bench *b, const struct cluster *c, const char *object, const char *more)
{
	char section[400];

	snprintf(section, sizeof(section), "{kind: kubernetes, object: %s, object_name: checkout, kubeconfig: %s%s}", object, c->config,
	         more);
	bench_open(b, section);
}

static void check_contract(const struct cluster *c)
{
	if (c->wrong)
		fail_msg("against the contract: %s", c->contract.wrong);
}

static void rollout_is_aborted_and_retried(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "a1");

	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "\"pace\":\"instant\""));
	assert_non_null(strstr(b.json, "the spec stays on the new version"));
	assert_true(b.answer.plan.arms[1].now_percent == 10);
	assert_int_equal(c->patches, 0);
	c->conflicts = 2;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_int_equal(c->patches, 1);
	assert_string_equal(c->last_path, ROLLOUT_PATH "/status");
	assert_string_equal(c->last_media, "application/merge-patch+json");
	assert_non_null(strstr(c->last_body, "\"status\":{\"abort\":true}"));
	check_contract(c);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_string_equal(b.phase, "Degraded");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_int_equal(c->patches, 1);

	ask.key = "a1-undo";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, b.saw), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"abort\":false"));
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.drift);
	bench_close(&b);
}

static void rollout_weights_steps_and_promotion(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 25, "w1");

	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_string_equal(c->last_path, ROLLOUT_PATH);
	assert_non_null(strstr(c->last_body, "\"steps\":[{\"setWeight\":25},{\"pause\":{}},{\"setWeight\":50},{\"pause\":{\"duration\":\"1m\"}}]"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	ask.key = "w1-undo";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, b.saw), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"steps\":[{\"setWeight\":10},{\"pause\":{}},{\"setWeight\":50}"));

	ask = share_ask(ACT_STEP, 50, "s1");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].result_percent == 50);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"status\":{\"pauseConditions\":null}"));
	/* somebody else stepped on meanwhile: an old plan does nothing */
	put(&c->rollout, "/status/currentStepIndex", "3");
	ask.key = "s2";
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);

	ask = share_ask(ACT_HOLD, 50, "h1");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"paused\":true"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	ask = share_ask(ACT_PROMOTE, 100, "p1");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"promoteFull\":true"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);

	/* promoted: back is the revision before, without the controller's own label */
	ask = share_ask(ACT_ROLLBACK, 0, "p2");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "promoted already"));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_string_equal(c->last_media, "application/json-patch+json");
	assert_non_null(strstr(c->last_body, "r/c:v42"));
	assert_null(strstr(c->last_body, "rollouts-pod-template-hash"));
	check_contract(c);
	bench_close(&b);
}

static void make_bluegreen(struct cluster *c)
{
	drop(&c->rollout, "/spec/strategy/canary");
	drop(&c->rollout, "/status/canary");
	put(&c->rollout, "/spec/strategy/blueGreen", "{\"activeService\":\"shop\",\"previewService\":\"shop-preview\","
	    "\"autoPromotionEnabled\":false}");
	put(&c->rollout, "/status/blueGreen", "{\"activeSelector\":\"aaa\",\"previewSelector\":\"bbb\"}");
	put(&c->rollout, "/status/pauseConditions", "[{\"reason\":\"BlueGreenPause\"}]");
	put(&c->rollout, "/status/message", "\"BlueGreenPause\"");
}

static void bluegreen_switches(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 25, "b1");

	make_bluegreen(c);
	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_words(&b, "switches all of the traffic: give 0 or 100");

	/* the next step is the switch; it is not over before the check behind it */
	ask = share_ask(ACT_STEP, 100, "b2");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].now_percent == 0 && b.answer.plan.arms[1].result_percent == 100);
	assert_non_null(strstr(b.json, "until then the way back is instant"));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_string_equal(c->last_path, ROLLOUT_PATH "/status");
	assert_non_null(strstr(c->last_body, "\"pauseConditions\":null"));
	check_contract(c);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);

	/* still being checked: an abort takes it back at once */
	ask = share_ask(ACT_ROLLBACK, 0, "b3");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "\"pace\":\"instant\""));
	assert_non_null(strstr(b.json, "still being checked after its switch"));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"status\":{\"abort\":true}"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_string_equal(b.phase, "Degraded");
	int patches = c->patches;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_int_equal(c->patches, patches); /* nothing twice */

	ask = share_ask(ACT_PROMOTE, 100, "b4");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_words(&b, "is aborted: retry it first");
	bench_close(&b);
}

static void bluegreen_goes_back_after_promotion(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_PROMOTE, 100, "f1");

	make_bluegreen(c);
	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"promoteFull\":true"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);

	/* which case holds is in the plan: the old set runs on, or its pods have to start */
	ask = share_ask(ACT_ROLLBACK, 0, "f2");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "the old set is scaled down already"));
	assert_non_null(strstr(b.json, "\"pace\":\"stepwise\""));
	put(&c->sets, "/items/1/spec/replicas", "10");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "the old set still has 10 pods: it switches back at once"));
	assert_non_null(strstr(b.json, "\"pace\":\"instant\""));
	c->conflicts = 1;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_string_equal(c->last_media, "application/json-patch+json");
	assert_non_null(strstr(c->last_body, "r/c:v42"));
	check_contract(c);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);

	/* it was switched by somebody else: that shows */
	put(&c->rollout, "/status/blueGreen/activeSelector", "\"bbb\"");
	put(&c->rollout, "/status/currentPodHash", "\"bbb\"");
	put(&c->rollout, "/spec/template", TEMPLATE("v43"));
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.drift);
	assert_non_null(strstr(b.sight_words, "serves v43"));
	bench_close(&b);
}

static void bluegreen_holds_its_switch(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "h1");

	make_bluegreen(c);
	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "is called off; all traffic is on v42 already"));
	ask = share_ask(ACT_HOLD, 0, "h2");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"paused\":true"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	/* another version was deployed since the plan */
	ask = share_ask(ACT_PROMOTE, 100, "h3");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, "{\"current\":\"older\"}"), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);
	bench_close(&b);
}

static void old_controllers_without_status(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "o1");

	c->no_status = true;
	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_string_equal(c->last_path, ROLLOUT_PATH);
	bench_close(&b);
}

static void route_weights(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 40, "r1");

	open_object(&b, c, "httproute", ", stable: web-v42, candidate: web-v43");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].now_percent == 10 && b.answer.plan.arms[1].result_percent == 40);
	c->conflicts = 1;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_string_equal(c->last_media, "application/json-patch+json");
	check_contract(c);
	/* both rules that have both arms; the third rule's missing weight was added; the other rule untouched */
	double weight;
	assert_true(json_number_at(str_of(c->route), "/spec/rules/0/backendRefs/0/weight", &weight) && weight == 60);
	assert_true(json_number_at(str_of(c->route), "/spec/rules/0/backendRefs/1/weight", &weight) && weight == 40);
	assert_true(json_number_at(str_of(c->route), "/spec/rules/2/backendRefs/0/weight", &weight) && weight == 40);
	assert_int_equal(json_at(str_of(c->route), "/spec/rules/1/backendRefs/0/weight").kind, JSON_ERROR);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	put(&c->route, "/metadata/generation", "4");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_RETRY, &b);
	put(&c->route, "/status/parents/0/conditions/0/status", "\"False\"");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_FAILED, &b);

	/* changed under an old plan; a rollback is meant all the same */
	put(&c->route, "/spec/rules/0/backendRefs/1/weight", "77");
	ask = share_ask(ACT_SET, 50, "r2");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);
	ask = share_ask(ACT_ROLLBACK, 0, "r3");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_true(json_number_at(str_of(c->route), "/spec/rules/0/backendRefs/1/weight", &weight) && weight == 0);
	/* the list is in another order now: the tests in the patch keep it from hitting the wrong backend */
	ask.key = "r3-undo";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, "0/0=90 0/1=10 2/0=1 2/1=9"), ACT_OK, &b);
	assert_true(json_number_at(str_of(c->route), "/spec/rules/0/backendRefs/0/weight", &weight) && weight == 90);
	bench_close(&b);
}

static void deployment_goes_back(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "d1");

	open_object(&b, c, "deployment", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "\"pace\":\"stepwise\""));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	check_contract(c);
	assert_non_null(strstr(c->deployment, "r/c:v42"));
	assert_null(strstr(c->deployment, "pod-template-hash"));
	put(&c->deployment, "/status/updatedReplicas", "1");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_RETRY, &b);
	put(&c->deployment, "/status/updatedReplicas", "3");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	/* already there: nothing to do */
	ask.key = "d2";
	int before = c->patches;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_int_equal(c->patches, before);

	ask = share_ask(ACT_SCALE, 0, "d3");
	ask.replicas = 5;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_string_equal(c->last_path, DEPLOYMENT_PATH "/scale");
	ask = share_ask(ACT_UNDO_REVISION, 0, "d4");
	ask.revision = 99;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_FAILED, &b);
	assert_words(&b, "revision 99 is not kept");
	ask = share_ask(ACT_SET, 30, "d5");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_UNABLE);
	check_contract(c);
	bench_close(&b);
}

static void refusals_are_explained(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "e1");

	open_object(&b, c, "rollout", "");
	c->forbidden = true;
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_DENIED);
	assert_words(&b, "rollouts/status in argoproj.io");
	c->forbidden = false;
	c->conflicts = 99;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_RETRY, &b);
	assert_words(&b, "409");
	assert_int_equal(c->patches, 0);
	c->conflicts = 0;
	bench_close(&b);
	bench_open(&b, "{kind: kubernetes, object: rollout, object_name: nope, namespace: prod, kubeconfig: /nowhere}");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_DENIED);
	bench_close(&b);
	/* an old token; renewed in the file, the next try works */
	write_kubeconfig(c, "{token: old}");
	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_words(&b, "401");
	write_kubeconfig(c, "{token: t0ken}");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	bench_close(&b);
}

static void kubeconfigs(void **state)
{
	static const char *const bad[][2] = {
		{"{exec: {command: aws}}", "plugin program"},
		{"{auth-provider: {name: gcp}}", "auth provider"},
		{"{username: a, password: b}", "password"},
		{"{client-certificate-data: aGk=}", "needs its key"},
		{"{client-certificate-data: \"!\"}", "not base64"},
		{"{}", "neither a token"},
		{"{token: a, as: root}", "somebody else"},
	};
	struct cluster *c = *state;
	struct kubeconfig k;
	struct err err = {""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_kubeconfig(c, bad[i][0]);
		assert_int_equal(kubeconfig_load(&k, c->config, NULL, &err), -1);
		if (!strstr(err.text, bad[i][1]))
			fail_msg("`%s` does not say `%s`", err.text, bad[i][1]);
	}
	write_kubeconfig(c, "{client-certificate-data: aGk=, client-key-data: a2V5}");
	assert_int_equal(kubeconfig_load(&k, c->config, "prod", &err), 0);
	assert_true(str_equal_c(k.cert_pem, "hi") && str_equal_c(k.key_pem, "key"));
	assert_string_equal(k.space, "prod");
	assert_null(strchr(k.server + 8, '/'));
	kubeconfig_fini(&k);
	assert_int_equal(kubeconfig_load(&k, c->config, "nope", &err), -1);
}

static void a_server_that_hangs_or_is_gone(void **state)
{
	struct cluster *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "g1");

	open_object(&b, c, "rollout", "");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	atomic_store(&c->http.hang, true);
	assert_act(bench_run_for(&b, TARGET_VERIFY, &ask, NULL, 300 * US_PER_MS), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_TIMED_OUT);
	atomic_store(&c->http.hang, false);
	bench_close(&b);
}

int main(void)
{
#define CLUSTER(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CLUSTER(rollout_is_aborted_and_retried), CLUSTER(rollout_weights_steps_and_promotion),
		CLUSTER(bluegreen_switches), CLUSTER(bluegreen_goes_back_after_promotion), CLUSTER(bluegreen_holds_its_switch),
		CLUSTER(old_controllers_without_status), CLUSTER(route_weights), CLUSTER(deployment_goes_back),
		CLUSTER(refusals_are_explained), CLUSTER(kubeconfigs), CLUSTER(a_server_that_hangs_or_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
