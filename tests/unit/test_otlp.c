/* OTLP bodies as real clients sent them, and as hostile ones would. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "collect/otlp_intake.h"
#include "net/inflate.h"

#define NOW_US (INT64_C(1795439200) * US_PER_S) /* shortly after the captures */

struct intake {
	struct otlp_intake *in;
	struct batch *out;
	struct otlp_tally tally;
	struct err err;
};

static void intake_init(struct intake *t)
{
	memset(t, 0, sizeof *t);
	t->in = otlp_intake_new("otlp", NULL);
	t->out = batch_new();
}

static void intake_fini(struct intake *t)
{
	otlp_intake_free(&t->in);
	batch_free(&t->out);
}

static int take(struct intake *t, enum otlp_signal signal, bool json, struct str body)
{
	batch_reset(t->out);
	return otlp_intake_body(t->in, signal, json, body, NOW_US, t->out, &t->tally, &t->err);
}

/* The capture's bytes, unpacked; skips the test where the captures are not there. */
static struct buf capture(const char *name)
{
	const char *shared = getenv("LLMDECK_SHARED");
	char *path = mem_printf("%s/data/otlp/%s", shared ? shared : "../shared", name);
	struct buf raw = {0}, plain = {0};
	struct err err = {{0}};

	if (!file_exists(path)) {
		printf("skipped: %s is not there\n", path);
		free(path);
		skip();
	}
	assert_int_equal(file_read(path, 1 << 24, &raw, &err), 0);
	free(path);
	if (!str_ends_with(str_of(name), STR_LIT(".gz")))
		return raw;
	assert_int_equal(inflate_body(buf_str(&raw), 1 << 24, &plain, &err), 0);
	buf_fini(&raw);
	return plain;
}

static void assert_text(struct str got, const char *want)
{
	char *text = mem_strndup(got.len ? got.ptr : "", got.len);

	assert_string_equal(text, want);
	free(text);
}

/* What one call must have become. -1: unknown. */
struct want {
	const char *model, *asked, *operation, *finish, *error;
	int64_t in, out, cached, reasoning;
	int http;
};

#define ANSWERED "gpt-test-2026-01-01"

static void assert_requests(const struct batch *b, const struct want *want, size_t count)
{
	assert_int_equal(b->request_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct request *r = &b->requests[i];
		assert_text(r->dims[DIM_MODEL], want[i].model);
		assert_text(r->request_model, want[i].asked);
		assert_text(r->operation, want[i].operation);
		assert_text(r->finish_reason, want[i].finish);
		assert_text(r->error_type, want[i].error);
		assert_int_equal(r->status, want[i].error[0] ? REQUEST_ERROR : REQUEST_OK);
		assert_int_equal(r->http_status, want[i].http);
		assert_int_equal(r->input_tokens, want[i].in);
		assert_int_equal(r->output_tokens, want[i].out);
		assert_int_equal(r->cached_tokens, want[i].cached);
		assert_int_equal(r->reasoning_tokens, want[i].reasoning);
		assert_true(r->latency_us > 0 && r->latency_us < US_PER_S);
		assert_true(r->has_trace && r->has_span);
	}
}

static const struct want otel_calls[] = {
	{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "stop", "", -1, -1, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "tool_calls", "", 19, 10, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "tool_calls", "", -1, -1, -1, -1, 0},
	{"embed-test", "", "embeddings", "", "", 8, -1, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "stop", "", 36, 8, -1, -1, 0},
	{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, -1, -1, 0},
	{"filter-2026-01-01", "filter", "chat", "content_filter", "", 19, 10, -1, -1, 0},
	{"refusal-2026-01-01", "refusal", "chat", "stop", "", 19, 10, -1, -1, 0},
	{"err-429", "", "chat", "", "RateLimitError", -1, -1, -1, -1, 429},
	{"err-500", "", "chat", "", "InternalServerError", -1, -1, -1, -1, 500},
	{"err-400-filter", "", "chat", "", "BadRequestError", -1, -1, -1, -1, 400},
	{"slow", "", "chat", "", "APIConnectionTimeoutError", -1, -1, -1, -1, 0},
	{"gpt-test", "", "chat", "", "APIConnectionError", -1, -1, -1, -1, 0},
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* OpenTelemetry's instrumentation, as JSON: user and environment come from the span around. */
static void test_opentelemetry_json(void **state)
{
	struct buf body = capture("otel-json-003_v1_traces.json");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, buf_str(&body)), 0);
	assert_requests(t.out, otel_calls, COUNT(otel_calls));
	assert_int_equal(t.tally.records, 17);
	assert_int_equal(t.tally.ignored, 1);
	for (size_t i = 0; i < t.out->request_count; i++) {
		assert_text(t.out->requests[i].dims[DIM_SERVICE], "shop-assistant");
		assert_text(t.out->requests[i].dims[DIM_PROVIDER], "openai");
		assert_text(t.out->requests[i].dims[DIM_ENVIRONMENT], "prod");
		assert_text(t.out->requests[i].attrs[ATTR_USER], "u1");
	}
	assert_int_equal(t.out->requests[0].latency_us, 202055);
	buf_fini(&body);
	intake_fini(&t);
}

static void test_opentelemetry_protobuf(void **state)
{
	struct buf body = capture("otel-proto-nocontent-011_v1_traces.pb");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, false, buf_str(&body)), 0);
	assert_requests(t.out, otel_calls, COUNT(otel_calls));
	buf_fini(&body);
	intake_fini(&t);
}

static void test_opentelemetry_gzip(void **state)
{
	struct buf body = capture("otel-proto-gzip-007_v1_traces.pb.gz");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, false, buf_str(&body)), 0);
	assert_int_equal(t.out->request_count, COUNT(otel_calls));
	buf_fini(&body);
	intake_fini(&t);
}

static void test_openinference(void **state)
{
	static const struct want want[] = {
		{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, 8, 4, 0},
		{"gpt-test", "", "chat", "stop", "", -1, -1, -1, -1, 0},
		{"gpt-test", "", "chat", "stop", "", -1, -1, -1, -1, 0},
		{ANSWERED, "gpt-test", "chat", "tool_calls", "", 19, 10, 8, 4, 0},
		{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, 8, 4, 0},
		{"gpt-test", "", "chat", "tool_calls", "", -1, -1, -1, -1, 0},
		{"embed-test", "", "embeddings", "", "", -1, -1, -1, -1, 0},
		{ANSWERED, "gpt-test", "chat", "", "", 36, 8, 0, 0, 0},
		{ANSWERED, "gpt-test", "chat", "stop", "", 19, 10, 8, 4, 0},
		{"filter-2026-01-01", "filter", "chat", "content_filter", "", 19, 10, 8, 4, 0},
		{"refusal-2026-01-01", "refusal", "chat", "stop", "", 19, 10, 8, 4, 0},
	};
	struct buf body = capture("openinference-json-001_v1_traces.json");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, buf_str(&body)), 0);
	assert_requests(t.out, want, COUNT(want));
	buf_fini(&body);
	intake_fini(&t);
}

/* Langfuse's input excludes what was cached, its output what was reasoning. */
static void test_langfuse(void **state)
{
	static const struct want want[] = {
		{ANSWERED, "", "chat", "", "", 19, 10, 8, 4, 0},
		{"gpt-test", "", "chat", "", "", -1, -1, -1, -1, 0},
		{"gpt-test", "", "chat", "", "", 19, 10, 8, 4, 0},
		{ANSWERED, "", "chat", "", "", 19, 10, 8, 4, 0},
		{ANSWERED, "", "chat", "", "", 19, 10, 8, 4, 0},
		{"gpt-test", "", "chat", "", "", -1, -1, -1, -1, 0},
		{"embed-test", "", "chat", "", "", -1, -1, -1, -1, 0},
		{ANSWERED, "", "chat", "", "", 36, 8, 0, 0, 0},
		{ANSWERED, "", "chat", "", "", 19, 10, 8, 4, 0},
		{"filter-2026-01-01", "", "chat", "", "", 19, 10, 8, 4, 0},
		{"refusal-2026-01-01", "", "chat", "", "", 19, 10, 8, 4, 0},
		{"err-429", "", "chat", "", "rate_limit", -1, -1, -1, -1, 429},
		{"err-500", "", "chat", "", "server_error", -1, -1, -1, -1, 500},
		{"err-400-filter", "", "chat", "", "bad_request", -1, -1, -1, -1, 400},
		{"slow", "", "chat", "", "timeout", -1, -1, -1, -1, 0},
	};
	struct buf body = capture("langfuse-otel-015_api_public_otel_v1_traces.json");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, buf_str(&body)), 0);
	assert_requests(t.out, want, COUNT(want));
	assert_int_equal(t.out->requests[1].ttft_us, 49000);
	for (size_t i = 0; i < t.out->request_count; i++) {
		assert_text(t.out->requests[i].dims[DIM_ENVIRONMENT], "prod");
		assert_text(t.out->requests[i].dims[DIM_DEPLOYMENT], "v1.2.3");
		assert_text(t.out->requests[i].attrs[ATTR_USER], "u1");
		assert_text(t.out->requests[i].attrs[ATTR_SESSION], "s1");
	}
	buf_fini(&body);
	intake_fini(&t);
}

static void test_traceloop(void **state)
{
	struct buf body = capture("traceloop-013_v1_traces.pb");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, false, buf_str(&body)), 0);
	assert_int_equal(t.out->request_count, 10);
	assert_int_equal(t.out->span_count, 1);
	assert_text(t.out->spans[0].name, "checkout.workflow");
	assert_text(t.out->requests[3].finish_reason, "tool_calls");
	for (size_t i = 0; i < t.out->request_count; i++)
		assert_text(t.out->requests[i].attrs[ATTR_USER], "u1");
	buf_fini(&body);
	intake_fini(&t);
}

/* A cumulative histogram says something only once it is sent a second time. */
static void test_metrics(void **state)
{
	struct buf body = capture("otel-json-004_v1_metrics.json");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_METRICS, true, buf_str(&body)), 0);
	assert_true(t.tally.points > 10);
	assert_int_equal(t.tally.rejected, 0);
	assert_int_equal(t.out->gauge_count, 0);
	buf_fini(&body);
	intake_fini(&t);
}

static void test_logs(void **state)
{
	struct buf body = capture("otel-json-001_v1_logs.json");
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_LOGS, true, buf_str(&body)), 0);
	assert_int_equal(t.tally.records, 38);
	assert_int_equal(t.tally.ignored, 38);
	assert_int_equal(batch_rows(t.out), 0);
	buf_fini(&body);
	intake_fini(&t);
}

/* One span with the given attributes (JSON members), 250 ms long, ending now. */
static char *span_json(const char *id, const char *parent, const char *name, const char *attributes)
{
	return mem_printf("{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"%s\",\"parentSpanId\":\"%s\","
	                  "\"name\":\"%s\",\"startTimeUnixNano\":\"%lld000000\",\"endTimeUnixNano\":%lld000000,"
	                  "\"attributes\":[%s],\"status\":{}}", id, parent, name,
	                  (long long)(NOW_US / 1000 - 250), (long long)(NOW_US / 1000), attributes);
}

static char *body_json(const char *spans)
{
	return mem_printf("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[%s],\"scope\":{\"name\":\"x\"}}],"
	                  "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]}}]}", spans);
}

#define TEXT(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define NUMBER(key, value) "{\"key\":\"" key "\",\"value\":{\"intValue\":" value "}}"

/* The AI SDK repeats a call's tokens on the span around it; the resource may stand last. */
static void test_vercel_counts_once(void **state)
{
	char *inner = span_json("0000000000000002", "0000000000000001", "ai.streamText.doStream",
		TEXT("ai.operationId", "ai.streamText.doStream") "," TEXT("gen_ai.system", "openai.chat") ","
		TEXT("gen_ai.request.model", "gpt-4o") "," NUMBER("gen_ai.usage.input_tokens", "\"12\"") ","
		NUMBER("gen_ai.usage.output_tokens", "5") "," NUMBER("ai.usage.cachedInputTokens", "3") ","
		"{\"key\":\"ai.response.msToFirstChunk\",\"value\":{\"doubleValue\":81.5}},"
		"{\"key\":\"gen_ai.response.finish_reasons\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"tool-calls\"}]}}}");
	char *outer = span_json("0000000000000001", "", "ai.streamText",
		TEXT("ai.operationId", "ai.streamText") "," NUMBER("ai.usage.promptTokens", "12") ","
		TEXT("ai.telemetry.metadata.userId", "mia"));
	char *both = mem_printf("%s,%s", inner, outer), *body = body_json(both);
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, str_of(body)), 0);
	assert_int_equal(t.out->request_count, 1);
	assert_int_equal(t.out->span_count, 1);
	assert_int_equal(t.out->requests[0].input_tokens, 12);
	assert_int_equal(t.out->requests[0].cached_tokens, 3);
	assert_int_equal(t.out->requests[0].ttft_us, 81500);
	assert_text(t.out->requests[0].dims[DIM_PROVIDER], "openai");
	assert_text(t.out->requests[0].dims[DIM_SERVICE], "shop");
	assert_text(t.out->requests[0].finish_reason, "tool_calls");
	assert_text(t.out->requests[0].attrs[ATTR_USER], "mia");
	intake_fini(&t);
	free(inner), free(outer), free(both), free(body);
}

/* An instrumented framework around an instrumented client tells the same call twice. */
static void test_nested_model_calls_count_once(void **state)
{
	char *inner = span_json("0000000000000002", "0000000000000003", "chat",
		TEXT("gen_ai.operation.name", "chat") "," TEXT("gen_ai.request.model", "gpt-4o"));
	char *between = span_json("0000000000000003", "0000000000000001", "step", "");
	char *outer = span_json("0000000000000001", "", "ChatOpenAI",
		TEXT("langsmith.span.kind", "llm") "," TEXT("gen_ai.request.model", "gpt-4o") ","
		NUMBER("gen_ai.usage.input_tokens", "7") ","
		TEXT("gen_ai.usage.input_token_details", "{\\\"cache_read\\\": 2, \\\"cache_creation\\\": 1}") ","
		TEXT("gen_ai.usage.output_token_details", "{\\\"reasoning\\\": 4}"));
	char *all = mem_printf("%s,%s,%s", inner, between, outer), *body = body_json(all);
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, str_of(body)), 0);
	assert_int_equal(t.out->request_count, 1);
	assert_int_equal(t.tally.repeated, 1);
	assert_int_equal(t.out->requests[0].input_tokens, 7);
	assert_int_equal(t.out->requests[0].cached_tokens, 2);
	assert_int_equal(t.out->requests[0].cache_write_tokens, 1);
	assert_int_equal(t.out->requests[0].reasoning_tokens, 4);
	intake_fini(&t);
	free(inner), free(between), free(outer), free(all), free(body);
}

static void test_events_become_feedback_flags_and_evaluations(void **state)
{
	static const char format[] =
		"{\"resourceLogs\":[{\"resource\":{\"attributes\":[" TEXT("service.name", "shop") "]},\"scopeLogs\":[{\"logRecords\":["
		"{\"timeUnixNano\":\"%lld000\",\"eventName\":\"llmdeck.feedback\",\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
		"\"attributes\":[" TEXT("llmdeck.feedback.id", "f1") "," TEXT("llmdeck.feedback.text", "made up a policy") ","
		NUMBER("llmdeck.feedback.rating", "1") "]},"
		"{\"timeUnixNano\":\"%lld000\",\"eventName\":\"llmdeck.flag\",\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
		"\"attributes\":[" TEXT("llmdeck.flag.category", "jailbreak") "," NUMBER("llmdeck.flag.severity", "6") ","
		TEXT("llmdeck.flag.action", "blocked") "]},"
		"{\"observedTimeUnixNano\":\"%lld000\",\"attributes\":[" TEXT("event.name", "gen_ai.evaluation.result") ","
		TEXT("gen_ai.evaluation.name", "groundedness") ","
		"{\"key\":\"gen_ai.evaluation.score.value\",\"value\":{\"doubleValue\":0.31}}]}"
		"]}]}]}";
	char *body = mem_printf(format, (long long)NOW_US, (long long)NOW_US, (long long)NOW_US);
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_LOGS, true, str_of(body)), 0);
	assert_int_equal(t.out->feedback_count, 1);
	assert_int_equal(t.out->feedback[0].mood, MOOD_NEGATIVE);
	assert_true(t.out->feedback[0].has_trace);
	assert_text(t.out->feedback[0].dims[DIM_SERVICE], "shop");
	assert_int_equal(t.out->late_flag_count, 1);
	assert_int_equal(t.out->late_flags[0].flag.severity, 6);
	assert_int_equal(t.out->late_flags[0].flag.action, FLAG_BLOCKED);
	assert_int_equal(t.out->evaluation_count, 1);
	assert_true(t.out->evaluations[0].score > 0.309 && t.out->evaluations[0].score < 0.311);
	intake_fini(&t);
	free(body);
}

/* Delta and cumulative reports of the same traffic give the same gauges. */
static void test_temporalities_agree(void **state)
{
	static const char format[] =
		"{\"resourceMetrics\":[{\"resource\":{\"attributes\":[" TEXT("service.name", "shop") "]},\"scopeMetrics\":[{\"metrics\":[{"
		"\"name\":\"gen_ai.client.operation.duration\",\"unit\":\"s\",\"histogram\":{\"aggregationTemporality\":%d,\"dataPoints\":[{"
		"\"attributes\":[" TEXT("gen_ai.request.model", "m") "],\"timeUnixNano\":\"%lld000\",\"count\":%d,\"sum\":%d,"
		"\"explicitBounds\":[1,2,4],\"bucketCounts\":[%d,%d,0,0]}]}}]}]}]}";
	struct intake delta, cumulative;

	(void)state;
	intake_init(&delta);
	intake_init(&cumulative);
	for (int i = 1; i <= 3; i++) {
		int64_t now_us = NOW_US + i * 10 * US_PER_S;
		char *d = mem_printf(format, 1, (long long)now_us, 40, 50, 10, 30);
		char *c = mem_printf(format, 2, (long long)now_us, 40 * i, 50 * i, 10 * i, 30 * i);
		batch_reset(delta.out);
		batch_reset(cumulative.out);
		assert_int_equal(otlp_intake_body(delta.in, OTLP_METRICS, true, str_of(d), now_us, delta.out, &delta.tally, &delta.err), 0);
		assert_int_equal(otlp_intake_body(cumulative.in, OTLP_METRICS, true, str_of(c), now_us, cumulative.out, &cumulative.tally, &cumulative.err), 0);
		free(d), free(c);
	}
	assert_true(delta.out->gauge_count >= 4);
	assert_int_equal(delta.out->gauge_count, cumulative.out->gauge_count);
	for (size_t i = 0; i < delta.out->gauge_count; i++) {
		assert_true(str_equal(delta.out->gauges[i].name, cumulative.out->gauges[i].name));
		assert_true(fabs(delta.out->gauges[i].value - cumulative.out->gauges[i].value) < 1e-9);
		if (str_equal_c(delta.out->gauges[i].name, "serving.requests_per_second"))
			assert_true(delta.out->gauges[i].value > 3.99 && delta.out->gauges[i].value < 4.01);
	}
	intake_fini(&delta);
	intake_fini(&cumulative);
}

static void test_damage_keeps_nothing_and_says_where(void **state)
{
	static const char *const bodies[] = {
		"", "[]", "{", "{\"resourceSpans\":3}", "{\"resourceSpans\":[3]}",
		"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"attributes\":{}}]}]}]}", "{\"resourceSpans\":[]} x",
	};
	struct intake t;

	(void)state;
	intake_init(&t);
	for (size_t i = 0; i < COUNT(bodies); i++) {
		assert_int_equal(take(&t, OTLP_TRACES, true, str_of(bodies[i])), -1);
		assert_non_null(strstr(t.err.text, "line 1"));
		assert_int_equal(batch_rows(t.out), 0);
	}
	assert_int_equal(take(&t, OTLP_TRACES, false, STR_LIT("\x0a\x7f")), -1);
	assert_non_null(strstr(t.err.text, "byte 0"));
	intake_fini(&t);
}

/* Cut anywhere, a protobuf body is refused or gives whole requests; it never reads past its end. */
static void test_protobuf_cut_anywhere(void **state)
{
	struct buf body = capture("otel-proto-nocontent-011_v1_traces.pb");
	struct intake t;

	(void)state;
	intake_init(&t);
	for (size_t len = 0; len < body.len; len++) {
		char *copy = mem_alloc(len + 1);
		memcpy(copy, body.data, len);
		if (take(&t, OTLP_TRACES, false, (struct str){copy, len}) != 0)
			assert_int_equal(batch_rows(t.out), 0);
		free(copy);
	}
	buf_fini(&body);
	intake_fini(&t);
}

static void test_wrong_clocks_are_rejected_in_words(void **state)
{
	char *span = span_json("0000000000000002", "", "chat", TEXT("gen_ai.operation.name", "chat"));
	char *body = body_json(span);
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(otlp_intake_body(t.in, OTLP_TRACES, true, str_of(body), NOW_US - 2 * US_PER_HOUR, t.out, &t.tally, &t.err), 0);
	assert_int_equal(t.out->request_count, 0);
	assert_int_equal(t.tally.rejected, 1);
	assert_non_null(strstr(t.tally.words, "an hour ahead"));
	assert_int_equal(otlp_intake_body(t.in, OTLP_TRACES, true, str_of(body), NOW_US + 366 * US_PER_DAY, t.out, &t.tally, &t.err), 0);
	assert_int_equal(t.tally.rejected, 1);
	intake_fini(&t);
	free(span), free(body);
}

/* Spans of one body by their parents: NULL-terminated rows of attributes as JSON. */
static struct buf family(const char *const rows[][4], size_t count)
{
	struct buf b = {0};

	buf_puts(&b, "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"name\":\"langsmith\"},\"spans\":[");
	for (size_t i = 0; i < count; i++)
		buf_printf(&b, "%s{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"%s\",\"parentSpanId\":\"%s\","
		           "\"name\":\"%s\",\"startTimeUnixNano\":\"1795439100000000000\",\"endTimeUnixNano\":\"1795439101000000000\","
		           "\"attributes\":[%s]}", i ? "," : "", rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
	buf_puts(&b, "]}]}]}");
	return b;
}

#define TEXT_ATTR(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define CALL TEXT_ATTR("gen_ai.operation.name", "chat")

/* An inner call is the outer one told again, through whatever lies between them; one behind a tool is a
 * call of its own. Parents that are not kept are stepped over. */
static void test_nested_calls(void **state)
{
	static const char *const rows[][4] = {
		{"00000000000000a4", "00000000000000a3", "client", CALL "," TEXT_ATTR("gen_ai.request.model", "gpt-4o") ","
			"{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"7\"}},"
			TEXT_ATTR("gen_ai.response.finish_reasons", "[\\\"stop\\\"]")},
		{"00000000000000a3", "00000000000000a2", "POST", ""},
		{"00000000000000a2", "00000000000000a1", "framework", CALL "," TEXT_ATTR("llmdeck.outcome", "sold")},
		{"00000000000000a1", "00000000000000a0", "handler", TEXT_ATTR("user.id", "mia")},
		{"00000000000000a5", "00000000000000a2", "search", TEXT_ATTR("gen_ai.operation.name", "execute_tool")},
		{"00000000000000a6", "00000000000000a5", "inside the tool", CALL},
	};
	struct buf body = family(rows, COUNT(rows));
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, buf_str(&body)), 0);
	assert_int_equal(t.out->request_count, 2);
	assert_int_equal(t.tally.repeated, 1);
	const struct request *r = &t.out->requests[0];
	assert_int_equal(r->span_id[7], 0xa2);
	assert_int_equal(r->parent_id[7], 0xa0); /* not the handler, which is not kept */
	assert_int_equal(r->input_tokens, 7);
	assert_text(r->dims[DIM_MODEL], "gpt-4o");
	assert_text(r->finish_reason, "stop");
	assert_text(r->outcome, "sold");
	assert_text(r->attrs[ATTR_USER], "mia");
	assert_true(r->errors_unseen);
	assert_int_equal(t.out->requests[1].span_id[7], 0xa6);
	assert_int_equal(t.out->requests[1].parent_id[7], 0xa5);
	assert_int_equal(t.out->span_count, 1);
	assert_int_equal(t.out->spans[0].parent_id[7], 0xa2);
	intake_fini(&t);
	buf_fini(&body);
}

/* A line of parents that bites its tail ends. */
static void test_circles(void **state)
{
	static const char *const rows[][4] = {
		{"00000000000000a1", "00000000000000a2", "x", ""},
		{"00000000000000a2", "00000000000000a1", "x", ""},
		{"00000000000000a3", "00000000000000a1", "call", CALL},
		{"00000000000000a4", "00000000000000a4", "call", CALL},
		{"00000000000000a5", "00000000000000a6", "call", CALL},
		{"00000000000000a6", "00000000000000a5", "call", CALL},
	};
	struct buf body = family(rows, COUNT(rows));
	struct intake t;

	(void)state;
	intake_init(&t);
	assert_int_equal(take(&t, OTLP_TRACES, true, buf_str(&body)), 0);
	assert_int_equal(t.out->request_count, 4);
	intake_fini(&t);
	buf_fini(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opentelemetry_json),
		cmocka_unit_test(test_opentelemetry_protobuf),
		cmocka_unit_test(test_opentelemetry_gzip),
		cmocka_unit_test(test_openinference),
		cmocka_unit_test(test_langfuse),
		cmocka_unit_test(test_traceloop),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_vercel_counts_once),
		cmocka_unit_test(test_nested_model_calls_count_once),
		cmocka_unit_test(test_events_become_feedback_flags_and_evaluations),
		cmocka_unit_test(test_temporalities_agree),
		cmocka_unit_test(test_damage_keeps_nothing_and_says_where),
		cmocka_unit_test(test_protobuf_cut_anywhere),
		cmocka_unit_test(test_wrong_clocks_are_rejected_in_words),
		cmocka_unit_test(test_nested_calls),
		cmocka_unit_test(test_circles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
