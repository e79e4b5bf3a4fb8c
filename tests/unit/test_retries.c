/* Retries and their storms, rate-limit headroom, and what errors mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/error_notes.h"
#include "store/query_retries.h"
#include "store/writer.h"
#include "unit/temp_store.h"

#define START_US (INT64_C(1767225600) * US_PER_S)

static struct store_reader *r;

static int close_all(void **state)
{
	store_reader_close(&r);
	return remove_folder(state);
}

static struct request *add(int64_t end_us, const char *service, const char *error)
{
	struct request *q = batch_add_request(b);

	q->end_us = end_us;
	q->latency_us = US_PER_S;
	q->dims[DIM_SERVICE] = str_of(service);
	q->dims[DIM_PROVIDER] = STR_LIT("openai");
	q->dims[DIM_MODEL] = STR_LIT("gpt-4o");
	q->status = error ? REQUEST_ERROR : REQUEST_OK;
	if (error)
		q->error_type = str_of(error);
	return q;
}

static struct view hour(void)
{
	return (struct view){.from_us = START_US, .to_us = START_US + US_PER_HOUR};
}

/* Clients that tell the attempt: calm traffic, then five minutes in which half of the calls are second tries. */
static void test_a_storm_is_called_one(void **state)
{
	struct view v = hour();
	struct retry_result res;

	(void)state;
	for (int minute = 0; minute < 30; minute++)
		for (int i = 0; i < 60; i++) {
			bool storm = minute >= 20 && minute < 25 && i % 2;
			struct request *q = add(START_US + minute * US_PER_MIN + i * US_PER_S, "chat", storm && i % 4 == 1 ? "rate_limit" : NULL);

			q->attempt = storm || i == 7 ? 2 : 1;
			add(START_US + minute * US_PER_MIN + i * US_PER_S, "calm", NULL)->attempt = 1;
		}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_retries(r, &v, 0, &res, &err));
	assert_int_equal(res.row_count, 1);
	const struct retry_row *row = &res.rows[0];

	assert_string_equal(row->service, "chat");
	assert_string_equal(row->error_type, "rate_limit");
	assert_int_equal(row->requests, 1800);
	assert_int_equal(row->storm_minutes, 5);
	assert_int_equal(row->storm_from_us, START_US + 20 * US_PER_MIN);
	assert_int_equal(row->storm_to_us, START_US + 25 * US_PER_MIN);
	assert_int_equal(row->peak_retried, 30);
	assert_int_equal(row->peak_requests, 60);
	assert_int_equal(row->retried, 25 + 150);
	retry_result_fini(&res);
}

/* Clients that do not: the same trace calls again after a failure. A trace that goes on after a success does not. */
static void test_calls_of_a_trace_tell_it_too(void **state)
{
	struct view v = hour();
	struct retry_result res;

	(void)state;
	for (int t = 0; t < 200; t++)
		for (int call = 0; call < 3; call++) {
			bool fails = t % 2 == 0 && call < 2;
			struct request *q = add(START_US + t * 10 * US_PER_S + call * 2 * US_PER_S, "agent", fails ? "timeout" : NULL);

			q->has_trace = true;
			memset(q->trace_id, t + 1, 16);
			q->cost_source = COST_REPORTED;
			q->cost_nusd = 1000;
		}
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_retries(r, &v, 0, &res, &err));
	assert_int_equal(res.row_count, 1);
	assert_int_equal(res.rows[0].retried, 200);
	assert_int_equal(res.rows[0].failed, 200);
	assert_int_equal(res.rows[0].wasted_nusd, 200 * 1000);
	assert_string_equal(res.rows[0].error_type, "timeout");
	assert_int_equal(res.rows[0].storm_minutes, 0); /* six a minute are none */
	retry_result_fini(&res);
	must(query_retries(r, &v, 100, &res, &err));
	assert_true(res.sampled);
	assert_int_equal(res.requests, 100);
	assert_true(res.from_us > START_US);
	retry_result_fini(&res);
}

static void add_gauge(const char *name, const char *source, const char *instance, int minute, double value)
{
	struct gauge *g = batch_add_gauge(b);

	g->time_us = START_US + minute * US_PER_MIN;
	g->name = str_of(name);
	g->source = str_of(source);
	g->instance = str_of(instance);
	g->value = value;
}

static void test_headroom_from_gauges(void **state)
{
	struct headroom_result res;

	(void)state;
	for (int i = 0; i < 30; i++)
		add_gauge(i % 3 ? "serving.remaining_requests" : "serving.remaining_budget_usd", "litellm", "gpt-4o", i, i == 13 ? 3 : 100 - i);
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_headroom(r, START_US, START_US + US_PER_HOUR, &res, &err));
	assert_int_equal(res.row_count, 1);
	assert_false(res.rows[0].tokens);
	assert_true(res.rows[0].left > 70.9 && res.rows[0].left < 71.1);
	assert_true(res.rows[0].least > 2.9 && res.rows[0].least < 3.1);
	assert_true(isnan(res.rows[0].limit));
	assert_int_equal(res.rows[0].reset_us, 0);
	headroom_result_fini(&res);
	must(query_headroom(r, START_US - US_PER_DAY, START_US - US_PER_HOUR, &res, &err));
	assert_int_equal(res.row_count, 0);
	headroom_result_fini(&res);
}

/* Left, of what and until when, as a reply's headers tell it, by provider and model; the scarcest first; the age of a
 * word within the last quarter of an hour is told to ten seconds, however long the window is. */
static void test_headroom_with_limit_and_reset(void **state)
{
	struct headroom_result res;

	(void)state;
	add_gauge("serving.remaining_requests", "otlp", "openai/gpt-4o", 50, 900);
	add_gauge("serving.limit_requests", "otlp", "openai/gpt-4o", 50, 10000);
	add_gauge("serving.reset_requests_seconds", "otlp", "openai/gpt-4o", 50, 30);
	add_gauge("serving.remaining_tokens", "otlp", "openai/gpt-4o", 50, 20000);
	add_gauge("serving.limit_tokens", "otlp", "openai/gpt-4o", 50, 1000000);
	add_gauge("serving.remaining_requests", "otlp", "anthropic/claude", 20, 40);
	add_gauge("serving.limit_requests", "otlp", "anthropic/claude", 20, 50);
	add_gauge("serving.limit_tokens", "otlp", "nobody/said", 20, 50);
	store_batch(START_US + US_PER_HOUR, &r);
	must(query_headroom(r, START_US - US_PER_DAY, START_US + US_PER_HOUR, &res, &err));
	assert_int_equal(res.row_count, 3);
	assert_true(res.rows[0].tokens);
	assert_string_equal(res.rows[0].instance, "openai/gpt-4o");
	assert_true(res.rows[0].limit > 999999 && res.rows[0].left < 20001);
	assert_false(res.rows[1].tokens);
	assert_int_equal(res.rows[1].seen_us, START_US + 50 * US_PER_MIN + 10 * US_PER_S);
	assert_int_equal(res.rows[1].reset_us, res.rows[1].seen_us + 30 * US_PER_S);
	assert_string_equal(res.rows[2].instance, "anthropic/claude");
	assert_int_equal(res.rows[2].reset_us, 0);
	headroom_result_fini(&res);
}

static void test_errors_have_a_class_and_a_line(void **state)
{
	static const struct { const char *type; int http; enum error_class class; } cases[] = {
		{"rate_limit", 0, ERROR_RATE_LIMIT}, {"RateLimitError", 0, ERROR_RATE_LIMIT}, {"openai.RateLimitError", 429, ERROR_RATE_LIMIT},
		{"insufficient_quota", 429, ERROR_QUOTA}, {"ThrottlingException", 400, ERROR_RATE_LIMIT}, {"429", 0, ERROR_RATE_LIMIT},
		{"APITimeoutError", 0, ERROR_TIMEOUT}, {"timeout", 0, ERROR_TIMEOUT}, {"content_filter", 400, ERROR_CONTENT_FILTER},
		{"ContentPolicyViolationError", 0, ERROR_CONTENT_FILTER}, {"context_length_exceeded", 400, ERROR_CONTEXT_LENGTH},
		{"ContextWindowExceededError", 0, ERROR_CONTEXT_LENGTH}, {"AuthenticationError", 401, ERROR_AUTH}, {"authentication", 0, ERROR_AUTH},
		{"permission_denied", 0, ERROR_PERMISSION}, {"overloaded_error", 529, ERROR_OVERLOADED}, {"server_error", 0, ERROR_SERVER},
		{"InternalServerError", 500, ERROR_SERVER}, {"not_found", 0, ERROR_NOT_FOUND}, {"APIConnectionError", 0, ERROR_NETWORK},
		{"bad_request", 0, ERROR_BAD_REQUEST}, {"", 503, ERROR_OVERLOADED}, {"", 0, ERROR_OTHER}, {"strange", 0, ERROR_OTHER}, {"strange", 502, ERROR_SERVER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (error_classify(str_of(cases[i].type), cases[i].http) != cases[i].class)
			fail_msg("%s %d: %s", cases[i].type, cases[i].http, error_class_name(error_classify(str_of(cases[i].type), cases[i].http)));
	for (int c = 0; c < ERROR_CLASSES; c++)
		assert_true(strlen(error_class_name((enum error_class)c)) > 3);
	assert_non_null(strstr(error_note(STR_LIT("azure.ai.openai"), STR_LIT("rate_limit"), 429), "Azure"));
	assert_non_null(strstr(error_note(STR_LIT("anthropic"), STR_LIT(""), 529), "Anthropic 529"));
	assert_non_null(strstr(error_note(STR_LIT("aws.bedrock"), STR_LIT("ThrottlingException"), 0), "Bedrock"));
	assert_non_null(strstr(error_note(STR_LIT("gcp.vertex_ai"), STR_LIT("RESOURCE_EXHAUSTED"), 0), "Google"));
	assert_string_equal(error_note(STR_LIT("somebody"), STR_LIT("timeout"), 0), error_note(STR_LIT(""), STR_LIT("APITimeoutError"), 0));
	assert_true(strlen(error_note(STR_LIT(""), STR_LIT(""), 0)) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_storm_is_called_one, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_calls_of_a_trace_tell_it_too, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_headroom_from_gauges, make_folder, close_all),
		cmocka_unit_test_setup_teardown(test_headroom_with_limit_and_reset, make_folder, close_all),
		cmocka_unit_test(test_errors_have_a_class_and_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
