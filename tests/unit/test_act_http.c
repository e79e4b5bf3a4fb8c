/* The actuator http: an Azure ML online endpoint, an API Management pool, a LiteLLM-like router and a
 * deploy service, as stateful doubles whose requests are checked against the contracts in ../shared. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "unit/act_bench.h"
#include "unit/contract.h"
#include "unit/small_http.h"

#define ML_PATH "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/providers/" \
	"Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/ep"
#define APIM_PATH "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg1/providers/" \
	"Microsoft.ApiManagement/service/apimService1/backends/pool"

struct cloud {
	struct small_http http;
	struct contract contract;
	char *document;
	int etag, gets, puts, polls_left, busy, conflicts;
	bool lro_fails, other_host, unavailable, garbage;
	char last_body[4096], last_key[64], last_match[64];
	bool bad_request;
};

static void set_document(struct cloud *c, const char *text)
{
	free(c->document);
	c->document = mem_strdup(text);
	c->etag++;
}

static void edit_document(struct cloud *c, const char *pointer, const char *value)
{
	struct buf out = {0};
	struct err err;

	assert_int_equal(json_put(str_of(c->document), pointer, str_of(value), &out, &err), 0);
	set_document(c, out.data);
	buf_fini(&out);
}

static void answer_put(struct cloud *c, const struct small_request *q, struct buf *answer)
{
	char media[64], etag[32], headers[512];

	small_header(q, "Content-Type", media, sizeof(media));
	small_header(q, "If-Match", c->last_match, sizeof(c->last_match));
	small_header(q, "Idempotency-Key", c->last_key, sizeof(c->last_key));
	snprintf(c->last_body, sizeof(c->last_body), "%s", q->body);
	c->puts++;
	if (c->contract.text.len && !contract_request(&c->contract, q->method, q->target, media, str_of(q->body)))
		c->bad_request = true;
	snprintf(etag, sizeof(etag), "\"%d\"", c->etag);
	if (c->conflicts) {
		c->conflicts--;
		c->etag++;
		small_answer(answer, 412, "", "{\"error\":{\"code\":\"PreconditionFailed\",\"message\":\"etag\"}}");
		return;
	}
	if (*c->last_match && strcmp(c->last_match, etag) != 0) {
		small_answer(answer, 412, "", "{\"error\":{\"message\":\"somebody was faster\"}}");
		return;
	}
	set_document(c, q->body);
	snprintf(headers, sizeof(headers), "Azure-AsyncOperation: http://%s:%u/operations/1?api-version=1\r\n",
	         c->other_host ? "localhost" : "127.0.0.1", c->http.port);
	if (c->polls_left || c->lro_fails)
		small_answer(answer, 201, headers, c->document);
	else
		small_answer(answer, 200, "", c->document);
}

static void answer_operation(struct cloud *c, struct buf *answer)
{
	if (c->lro_fails)
		small_answer(answer, 200, "", "{\"status\":\"Failed\",\"error\":{\"message\":\"quota\\u001b[31m\"}}");
	else if (c->polls_left-- > 0)
		small_answer(answer, 200, "Retry-After: 1\r\n", "{\"status\":\"InProgress\"}");
	else
		small_answer(answer, 200, "", "{\"status\":\"Succeeded\"}");
}

static void answer_cloud(void *arg, const struct small_request *q, struct buf *answer)
{
	struct cloud *c = arg;
	char token[64], etag[64];

	small_header(q, "Authorization", token, sizeof(token));
	if (c->garbage)
		buf_puts(answer, "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n\x1b[2J{\"a\":[1,2,\xff\xfe   ");
	else if (c->unavailable)
		small_answer(answer, 500, "", "boom");
	else if (c->busy && c->busy--)
		small_answer(answer, 429, "Retry-After: 1\r\n", "{\"error\":{\"message\":\"slow down\"}}");
	else if (strcmp(token, "Bearer good") != 0)
		small_answer(answer, strcmp(token, "Bearer weak") == 0 ? 403 : 401, "", "{\"error\":{\"message\":\"who are you\"}}");
	else if (strstr(q->target, "/operations/"))
		answer_operation(c, answer);
	else if (strstr(q->target, "/missing"))
		small_answer(answer, 404, "", "");
	else if (strcmp(q->method, "GET") == 0) {
		c->gets++;
		snprintf(etag, sizeof(etag), "ETag: \"%d\"\r\n", c->etag);
		small_answer(answer, 200, etag, c->document);
	} else {
		answer_put(c, q, answer);
	}
}

static int setup(void **state)
{
	struct cloud *c = mem_zalloc(sizeof(*c));

	setenv("ACT_TEST_TOKEN", "Bearer good", 1);
	small_start(&c->http, 0, answer_cloud, c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct cloud *c = *state;

	small_stop(&c->http);
	buf_fini(&c->contract.text);
	free(c->document);
	free(c);
	return 0;
}

static void open_ml(struct act_bench *b, struct cloud *c)
{
	char section[1024];

	/* the example in llmdeck(5) */
	snprintf(section, sizeof(section),
	         "\n      kind: http\n"
	         "      url: \"http://127.0.0.1:%u" ML_PATH "?api-version=2024-04-01\"\n"
	         "      share: /properties/traffic/{arm}\n"
	         "      stable: blue\n      candidate: green\n"
	         "      headers: {Authorization: \"env:ACT_TEST_TOKEN\"}\n"
	         "      drop: [/id, /name, /type, /systemData, /properties/scoringUri, /properties/swaggerUri, "
	         "/properties/provisioningState, /identity/principalId, /identity/tenantId]\n"
	         "      state: /properties/provisioningState\n      done: Succeeded\n      broken: [Failed, Canceled]\n"
	         "      poll: 100ms\n",
	         c->http.port);
	set_document(c, "{\"id\":\"i\",\"name\":\"ep\",\"location\":\"westeurope\",\"tags\":{\"big\":\"12345678901234567890\"},"
	             "\"properties\":{\"authMode\":\"Key\",\"scoringUri\":\"https://x\",\"provisioningState\":\"Succeeded\","
	             "\"traffic\":{\"blue\":90,\"green\":10}},\"identity\":{\"type\":\"SystemAssigned\"}}");
	contract_read("azureml/openapi.json", &c->contract.text);
	if (!c->contract.text.len)
		print_message("requests are not checked against a contract: ../shared is not there\n");
	bench_open(b, section);
}

static void check_contract(const struct cloud *c)
{
	if (c->bad_request)
		fail_msg("against the contract: %s", c->contract.wrong);
}

static void azure_ml_moves_traffic(void **state)
{
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "ml-1");

	open_ml(&b, c);
	c->polls_left = 1;
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].now_percent == 10);
	assert_string_equal(b.saw, "{\"v42\":90,\"v43\":10}");
	assert_int_equal(c->puts, 0);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	check_contract(c);
	assert_int_equal(c->puts, 1);
	assert_non_null(strstr(c->last_body, "\"traffic\":{\"blue\":100,\"green\":0}"));
	assert_non_null(strstr(c->last_body, "12345678901234567890"));
	assert_null(strstr(c->last_body, "scoringUri"));
	assert_true(c->polls_left < 0);

	/* the endpoint itself has its own word on when it is done */
	edit_document(c, "/properties/provisioningState", "\"Updating\"");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_RETRY, &b);
	edit_document(c, "/properties/provisioningState", "\"Succeeded\"");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.matches);
	/* nothing is sent where it is in force already */
	ask.key = "ml-2";
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.nothing_to_do);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_int_equal(c->puts, 1);
	edit_document(c, "/properties/provisioningState", "\"Failed\"");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_FAILED, &b);
	bench_close(&b);
}

static void etag_conflicts(void **state)
{
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 50, "etag-1");

	open_ml(&b, c);
	/* changed in between, but not the shares: read again, sent again */
	c->conflicts = 1;
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_int_equal(c->puts, 2);
	/* the shares themselves changed: the plan is void, and nothing is sent */
	ask = share_ask(ACT_SET, 60, "etag-2");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	edit_document(c, "/properties/traffic/blue", "70");
	edit_document(c, "/properties/traffic/green", "30");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);
	assert_int_equal(c->puts, 2);
	check_contract(c);
	/* undo goes back to what a plan saw */
	ask.key = "etag-3";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, "{\"v42\":90,\"v43\":10}"), ACT_OK, &b);
	assert_non_null(strstr(c->last_body, "\"traffic\":{\"blue\":90,\"green\":10}"));
	assert_act(bench_run(&b, TARGET_UNDO, &(struct act_ask){.key = "x"}, ""), ACT_FAILED, &b);
	bench_close(&b);
}

static void api_management_pool(void **state)
{
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 33.4, "apim-1");
	char section[1024];

	snprintf(section, sizeof(section),
	         "\n      kind: http\n      url: \"http://127.0.0.1:%u" APIM_PATH "?api-version=2023-09-01-preview\"\n"
	         "      share: \"/properties/pool/services/id=*~1{arm}/weight\"\n"
	         "      stable: aoai-east\n      candidate: aoai-west\n      pace: instant\n"
	         "      headers: {Authorization: \"env:ACT_TEST_TOKEN\"}\n      drop: [/id, /type, /name]\n      poll: 100ms\n",
	         c->http.port);
	set_document(c, "{\"id\":\"i\",\"type\":\"t\",\"name\":\"pool\",\"properties\":{\"type\":\"Pool\",\"description\":\"weighted pool\","
	             "\"url\":\"https://pool\",\"protocol\":\"http\",\"pool\":{\"services\":["
	             "{\"id\":\"/subscriptions/s/backends/aoai-east\",\"priority\":1,\"weight\":90},"
	             "{\"id\":\"/subscriptions/s/backends/aoai-west\",\"priority\":1,\"weight\":10}]}}}");
	contract_read("apim/openapi.json", &c->contract.text);
	bench_open(&b, section);
	c->busy = 1;
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].result_percent == 33);
	c->busy = 1;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	check_contract(c);
	assert_string_equal(c->last_match, "\"1\"");
	assert_non_null(strstr(c->last_body, "aoai-east\",\"priority\":1,\"weight\":67"));
	assert_non_null(strstr(c->last_body, "aoai-west\",\"priority\":1,\"weight\":33"));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	edit_document(c, "/properties/pool/services/0/weight", "10");
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.drift);
	bench_close(&b);
}

static void refusals_are_explained(void **state)
{
	static const struct {
		const char *token;
		enum act_fault fault;
		const char *words;
	} cases[] = {{"Bearer old", ACT_DENIED, "401"}, {"Bearer weak", ACT_DENIED, "403"}};
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "r");

	open_ml(&b, c);
	for (size_t i = 0; i < 2; i++) {
		setenv("ACT_TEST_TOKEN", cases[i].token, 1);
		assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_FAILED, &b);
		assert_int_equal(b.answer.why.fault, cases[i].fault);
		assert_words(&b, cases[i].words);
		assert_null(strstr(b.words, cases[i].token));
		assert_false(b.answer.why.maybe_changed);
	}
	setenv("ACT_TEST_TOKEN", "Bearer good", 1);
	c->lro_fails = true;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_FAILED, &b);
	assert_words(&b, "quota");
	assert_null(strchr(b.words, '\x1b'));
	assert_true(b.answer.why.maybe_changed);
	c->lro_fails = false;
	c->garbage = true;
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_GARBLED);
	c->garbage = false;
	c->unavailable = true;
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_RETRY, &b);
	c->unavailable = false;
	bench_close(&b);
}

static void credentials_stay_with_their_host(void **state)
{
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "h");

	open_ml(&b, c);
	c->polls_left = 1;
	c->other_host = true;
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_RETRY, &b);
	assert_words(&b, "another host");
	assert_true(b.answer.why.maybe_changed);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_RETRY, &b);
	bench_close(&b);
}

static void a_target_that_hangs(void **state)
{
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "hang");

	open_ml(&b, c);
	atomic_store(&c->http.hang, true);
	int64_t began_us = clock_mono_us();
	assert_act(bench_run_for(&b, TARGET_APPLY, &ask, NULL, 300 * US_PER_MS), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_TIMED_OUT);
	target_begin(b.target, TARGET_APPLY, &ask, NULL, 60 * US_PER_S, bench_answered, &b);
	bench_close(&b);
	assert_true(clock_mono_us() - began_us < 4 * US_PER_S);
	atomic_store(&c->http.hang, false);
}

static void a_deploy_service_by_template(void **state)
{
	struct cloud *c = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 12.5, "deploy-1");
	char section[1024];

	snprintf(section, sizeof(section),
	         "\n      kind: http\n      url: \"http://127.0.0.1:%u/deploy/{rollout}/traffic?by={actor}\"\n      method: POST\n"
	         "      body: '{\"set\": \"{traffic}\", \"candidate\": \"{candidate.percent}\", \"why\": \"for {reason}\", \"id\": \"{key}\", "
	         "\"deep\": {\"n\": [\"{stable.weight}\"]}}'\n"
	         "      total: 1\n      key_header: Idempotency-Key\n      headers: {Authorization: \"env:ACT_TEST_TOKEN\"}\n"
	         "      answer: {/id: deploy-1}\n",
	         c->http.port);
	set_document(c, "{}");
	bench_open(&b, section);
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(isnan(b.answer.plan.arms[1].now_percent));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_string_equal(c->last_body, "{\"set\": {\"v42\":0.875,\"v43\":0.125}, \"candidate\": 12.5, "
	                    "\"why\": \"for a \\\"test\\\"\", \"id\": \"deploy-1\", \"deep\": {\"n\": [0.875]}}");
	assert_string_equal(c->last_key, "deploy-1");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_true(b.answer.repeated);
	assert_int_equal(c->puts, 1);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_UNABLE);
	ask = share_ask(ACT_SET, 20, "deploy-2");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_FAILED, &b);
	assert_words(&b, "/id");
	bench_close(&b);
}

static void mistakes_in_the_config(void **state)
{
	static const char *const bad[][2] = {
		{"{kind: http, url: \"http://h/\"}", "share"},
		{"{kind: http, url: \"ftp://h/\", share: \"/a/{arm}\"}", "https://"},
		{"{kind: http, url: \"http://h/\", body: '{\"a\": \"{nope}\"}'}", "{nope} is no placeholder"},
		{"{kind: http, url: \"http://h/\", body: '{\"a\": }'}", "not JSON"},
		{"{kind: http, url: \"http://h/\", share: \"/a\"}", "{arm}"},
		{"{kind: http, url: \"http://h/\", share: \"/a/{arm}\", headers: {Authorization: secret}}", "env:NAME"},
		{"{kind: http, url: \"http://h/\", share: \"/a/{arm}\", colour: red}", "unknown key `colour`"},
		{"{kind: http, url: \"http://h/\", share: \"/a/{arm}\", stable: x, candidate: x}", "named twice"},
		{"{kind: exec, command: touch}", "no full path"},
		{"{kind: haproxy, socket: /s, backend: \"a;b\"}", "no name HAProxy takes"},
		{"{kind: haproxy, backend: a}", "lacks `socket`"},
		{"{kind: kubernetes, object_name: \"../x\"}", "lower-case"},
		{"{kind: magic}", "no actuator kind `magic`"},
		{"{kind: demo}", "for the demo only"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct act_bench b;
		struct err err = {""};

		assert_int_equal(bench_open_options(&b, bad[i][0], false, &err), -1);
		if (!strstr(err.text, bad[i][1]))
			fail_msg("`%s` does not say `%s`", err.text, bad[i][1]);
	}
}

int main(void)
{
#define CLOUD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CLOUD(azure_ml_moves_traffic), CLOUD(etag_conflicts), CLOUD(api_management_pool), CLOUD(refusals_are_explained),
		CLOUD(credentials_stay_with_their_host), CLOUD(a_target_that_hangs), CLOUD(a_deploy_service_by_template),
		cmocka_unit_test(mistakes_in_the_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
