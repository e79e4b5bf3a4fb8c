/* What replies tell of rate limits: on spans of calls and of the HTTP clients within them, in both forms,
 * and in the lines of a log; as the gauges that metrics pages make, too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/timefmt.h"
#include "collect/otlp_intake.h"
#include "otlp_body.h"
#include "source_bench.h"

#define HEADER "http.response.header."

static void put_call(struct form *attrs, const char *provider, const char *model)
{
	put_text(attrs, SPAN_ATTRS, "gen_ai.operation.name", "chat");
	put_text(attrs, SPAN_ATTRS, "gen_ai.provider.name", provider);
	put_text(attrs, SPAN_ATTRS, "gen_ai.request.model", model);
	put_text(attrs, SPAN_ATTRS, "deployment.name", "v42");
}

static struct batch *take(struct otlp_intake *in, bool json, struct buf *spans, int64_t now_us)
{
	struct buf body = span_body(json, "shop", spans);
	struct batch *b = batch_new();
	struct otlp_tally tally;
	struct err err = {""};

	if (otlp_intake_body(in, OTLP_TRACES, json, buf_str(&body), now_us, b, &tally, &err))
		fail_msg("%s", err.text);
	buf_fini(&body);
	return b;
}

/* The last sample of a gauge; NaN: none. *count: how many there are. */
static double sample(const struct batch *b, const char *name, const char *instance, size_t *count)
{
	double last = NAN;
	size_t n = 0;

	for (size_t i = 0; i < b->gauge_count; i++) {
		const struct gauge *g = &b->gauges[i];

		if (!str_equal_c(g->name, name) || !str_equal_c(g->instance, instance))
			continue;
		assert_true(str_equal_c(g->source, "otlp/shop"));
		last = g->value;
		n++;
	}
	if (count)
		*count = n;
	return last;
}

static void assert_sample(const struct batch *b, const char *name, const char *instance, double wanted)
{
	double got = sample(b, name, instance, NULL);

	if (!(fabs(got - wanted) < 1e-6))
		fail_msg("%s of %s is %g, not %g", name, instance, got, wanted);
}

/* OpenAI's and Azure's headers on the span of an HTTP client in the call, one of another call on its own. */
static void openai_on_spans(void **state)
{
	int64_t now_us = clock_wall_us();

	(void)state;
	for (int json = 0; json < 2; json++) {
		struct otlp_intake *in = otlp_intake_new("otlp", NULL);
		struct form http = {.json = json}, call = {.json = json}, own = {.json = json};
		struct buf spans = {0};

		put_text(&http, SPAN_ATTRS, "http.request.method", "POST");
		put_texts(&http, SPAN_ATTRS, HEADER "x-ratelimit-remaining-requests", "59");
		put_texts(&http, SPAN_ATTRS, HEADER "x-ratelimit-remaining-tokens", "149984");
		put_texts(&http, SPAN_ATTRS, HEADER "x-ratelimit-limit-requests", "60");
		put_texts(&http, SPAN_ATTRS, HEADER "x-ratelimit-limit-tokens", "150000");
		put_texts(&http, SPAN_ATTRS, HEADER "x-ratelimit-reset-requests", "1s");
		put_texts(&http, SPAN_ATTRS, HEADER "x-ratelimit-reset-tokens", "6m0.5s");
		add_span(&spans, &(struct body_span){1, 2, 1, now_us - 900, now_us - 500, "POST"}, &http);
		put_call(&call, "openai", "gpt-4o");
		add_span(&spans, &(struct body_span){1, 1, 0, now_us - 1000, now_us - 400, "chat gpt-4o"}, &call);
		/* older names, with underscores, and the answer to too many */
		put_call(&own, "azure.ai.openai", "gpt-4o");
		put_texts(&own, SPAN_ATTRS, HEADER "x_ratelimit_remaining_tokens", "0");
		put_texts(&own, SPAN_ATTRS, HEADER "retry-after", "17");
		add_span(&spans, &(struct body_span){3, 3, 0, now_us - 1000, now_us, "chat gpt-4o"}, &own);

		struct batch *b = take(in, json, &spans, now_us);

		assert_int_equal(b->request_count, 2);
		assert_sample(b, "serving.remaining_requests", "openai/gpt-4o [v42]", 59);
		assert_sample(b, "serving.remaining_tokens", "openai/gpt-4o [v42]", 149984);
		assert_sample(b, "serving.limit_requests", "openai/gpt-4o [v42]", 60);
		assert_sample(b, "serving.limit_tokens", "openai/gpt-4o [v42]", 150000);
		assert_sample(b, "serving.reset_requests_seconds", "openai/gpt-4o [v42]", 1);
		assert_sample(b, "serving.reset_tokens_seconds", "openai/gpt-4o [v42]", 360.5);
		assert_sample(b, "serving.remaining_tokens", "azure.ai.openai/gpt-4o [v42]", 0);
		assert_sample(b, "serving.retry_after_seconds", "azure.ai.openai/gpt-4o [v42]", 17);
		batch_free(&b);
		otlp_intake_free(&in);
	}
}

static void anthropic_on_spans(void **state)
{
	int64_t now_us = clock_wall_us();
	char reset[TIME_TEXT_BYTES];

	(void)state;
	time_format(now_us + 30 * US_PER_S, reset);
	for (int json = 0; json < 2; json++) {
		struct otlp_intake *in = otlp_intake_new("otlp", NULL);
		struct form call = {.json = json}, alone = {.json = json};
		struct buf spans = {0};

		put_call(&call, "anthropic", "claude");
		put_texts(&call, SPAN_ATTRS, HEADER "anthropic-ratelimit-requests-remaining", "49");
		put_texts(&call, SPAN_ATTRS, HEADER "anthropic-ratelimit-input-tokens-remaining", "9000");
		put_texts(&call, SPAN_ATTRS, HEADER "anthropic-ratelimit-output-tokens-remaining", "800");
		put_texts(&call, SPAN_ATTRS, HEADER "anthropic-ratelimit-requests-reset", reset);
		add_span(&spans, &(struct body_span){1, 1, 0, now_us - 1000, now_us, "chat claude"}, &call);
		/* of a call that is not in this body: by its address */
		put_text(&alone, SPAN_ATTRS, "server.address", "api.anthropic.com");
		put_texts(&alone, SPAN_ATTRS, HEADER "anthropic-ratelimit-tokens-remaining", "7");
		put_texts(&alone, SPAN_ATTRS, HEADER "anthropic-ratelimit-requests-remaining", "many");
		add_span(&spans, &(struct body_span){2, 2, 9, now_us - 1000, now_us, "POST"}, &alone);

		struct batch *b = take(in, json, &spans, now_us);

		assert_sample(b, "serving.remaining_requests", "anthropic/claude [v42]", 49);
		assert_sample(b, "serving.remaining_tokens", "anthropic/claude [v42]", 800);
		assert_true(fabs(sample(b, "serving.reset_requests_seconds", "anthropic/claude [v42]", NULL) - 30) < 1.1);
		assert_sample(b, "serving.remaining_tokens", "api.anthropic.com", 7);
		assert_true(isnan(sample(b, "serving.remaining_requests", "api.anthropic.com", NULL)));
		batch_free(&b);
		otlp_intake_free(&in);
	}
}

/* Thousands of replies of one model are two samples; endless models are so many. */
static void many_replies_are_few_samples(void **state)
{
	struct otlp_intake *in = otlp_intake_new("otlp", NULL);
	int64_t now_us = clock_wall_us();
	struct buf spans = {0};
	char text[32];
	size_t count;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct form call = {.json = true};

		put_call(&call, "openai", "m");
		snprintf(text, sizeof text, "%u", i == 1000 ? 1 : 10 + i);
		put_texts(&call, SPAN_ATTRS, HEADER "x-ratelimit-remaining-requests", text);
		add_span(&spans, &(struct body_span){i + 1, i + 1, 0, now_us - 10000, now_us - 5000 + i, "chat m"}, &call);
	}
	struct batch *b = take(in, true, &spans, now_us);

	assert_sample(b, "serving.remaining_requests", "openai/m [v42]", 3009);
	sample(b, "serving.remaining_requests", "openai/m [v42]", &count);
	assert_int_equal(count, 2);
	assert_true(b->gauges[0].value == 1);
	batch_free(&b);
	for (unsigned i = 0; i < 3000; i++) {
		struct form call = {.json = true};

		snprintf(text, sizeof text, "m%u", i);
		put_call(&call, "openai", text);
		put_texts(&call, SPAN_ATTRS, HEADER "x-ratelimit-remaining-requests", "5");
		add_span(&spans, &(struct body_span){i + 1, i + 1, 0, now_us - 10000, now_us, "chat m"}, &call);
	}
	b = take(in, true, &spans, now_us);
	assert_in_range(b->gauge_count, 500, 512);
	batch_free(&b);
	otlp_intake_free(&in);
}

/* A log with the headers under their own names, and one as LiteLLM writes it. */
static void in_the_lines_of_a_log(void **state)
{
	char time[TIME_TEXT_BYTES], line[512];
	struct bench b;

	(void)state;
	time_format(clock_wall_us(), time);
	bench_open(&b, "sources:\n  - {name: app, kind: tail, path: \"%s/log\", from: start, every: 100ms}\n");
	snprintf(line, sizeof line, "{\"time\":\"%s\",\"provider\":\"openai\",\"model\":\"m\",\"x-ratelimit-remaining-requests\":\"41\"}\n", time);
	bench_write(&b, "log", line);
	snprintf(line, sizeof line, "{\"time\":\"%s\",\"provider\":\"openai\",\"model\":\"n\",\"hidden_params\":{\"additional_headers\":"
	         "{\"x_ratelimit_remaining_requests\":40,\"x_ratelimit_remaining_tokens\":39000}}}\n", time);
	bench_write(&b, "log", line);
	bench_until_requests(&b, 2);
	assert_true(bench_gauge(&b, "serving.remaining_requests", "openai/m") == 41);
	assert_true(bench_gauge(&b, "serving.remaining_requests", "openai/n") == 40);
	assert_true(bench_gauge(&b, "serving.remaining_tokens", "openai/n") == 39000);
	assert_true(isnan(bench_gauge(&b, "serving.remaining_tokens", "openai/m")));
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openai_on_spans),
		cmocka_unit_test(anthropic_on_spans),
		cmocka_unit_test(many_replies_are_few_samples),
		cmocka_unit_test(in_the_lines_of_a_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
