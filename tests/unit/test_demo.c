/* The demo's fleet: the same seed tells the same story, its figures are the traces' figures, and
 * the canary goes bad when it should and recovers when it is rolled back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "collect/demo_fleet.h"
#include "collect/demo_model.h"
#include "collect/source.h"

#define LIVE_US (INT64_C(1790000000) * US_PER_S)
#define ALL_ROWS 10000000

static struct batch *tell(const struct demo_settings *s, int64_t until_us, size_t rows_at_once)
{
	struct demo_model *m = demo_model_new(s);
	struct batch *b = batch_new();

	for (size_t rows = rows_at_once; demo_model_generate(m, until_us, rows, b) + 100000 <= until_us;)
		rows += rows_at_once;
	demo_model_free(&m);
	return b;
}

static struct demo_settings healthy(void)
{
	return (struct demo_settings){
		.seed = 7, .speed = 1, .live_from_us = LIVE_US, .history_us = 10 * US_PER_MIN};
}

/* The whole story as bytes. */
static void tell_encoded(const struct demo_settings *s, size_t rows_at_once, struct buf *out)
{
	struct batch *b = tell(s, LIVE_US, rows_at_once);

	batch_encode(b, out);
	batch_free(&b);
}

static void same_seed_same_story(void **state)
{
	struct demo_settings s = healthy();
	struct buf whole = {0}, pieces = {0}, other = {0};

	(void)state;
	tell_encoded(&s, ALL_ROWS, &whole);
	tell_encoded(&s, 37, &pieces);
	s.seed = 8;
	tell_encoded(&s, ALL_ROWS, &other);
	assert_true(whole.len > 1000000);
	assert_true(str_equal(buf_str(&whole), buf_str(&pieces)));
	assert_false(str_equal(buf_str(&whole), buf_str(&other)));
	buf_fini(&whole);
	buf_fini(&pieces);
	buf_fini(&other);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct sample {
	int64_t *v;
	size_t count, cap;
};

static void take(struct sample *s, int64_t v)
{
	s->v = mem_grow(s->v, &s->cap, s->count + 1, sizeof(*s->v));
	s->v[s->count++] = v;
}

static double quantile(struct sample *s, double q)
{
	assert_true(s->count > 0);
	qsort(s->v, s->count, sizeof(*s->v), by_number);
	return (double)s->v[(size_t)(q * (double)(s->count - 1))];
}

static void assert_near(double value, double wanted, double share)
{
	if (value < wanted * (1 - share) || value > wanted * (1 + share))
		fail_msg("%g is not within %g %% of %g", value, share * 100, wanted);
}

static void lengths_follow_the_traces(void **state)
{
	struct demo_settings s = healthy();
	struct sample input = {0}, output = {0}, chat = {0};

	(void)state;
	s.history_us = US_PER_HOUR;
	struct batch *b = tell(&s, LIVE_US, ALL_ROWS);

	for (size_t i = 0; i < b->request_count; i++) {
		const struct request *r = &b->requests[i];

		if (r->status != REQUEST_OK)
			continue;
		if (str_equal_c(r->dims[DIM_SERVICE], "search-summariser")) {
			take(&input, r->input_tokens);
			take(&output, r->output_tokens);
		} else if (str_equal_c(r->dims[DIM_SERVICE], "docs-chat")) {
			take(&chat, r->input_tokens);
		}
	}
	/* The Azure code trace and Mooncake's. */
	assert_near(quantile(&input, 0.50), 1469, 0.05);
	assert_near(quantile(&input, 0.95), 7315, 0.05);
	assert_near(quantile(&input, 0.99), 7436, 0.05);
	assert_near(quantile(&output, 0.50), 13, 0.10);
	assert_near(quantile(&output, 0.95), 90, 0.10);
	assert_near(quantile(&output, 0.99), 252, 0.15);
	assert_near(quantile(&chat, 0.50), 11587, 0.10);
	assert_near(quantile(&chat, 0.95), 49009, 0.10);
	assert_near((double)b->request_count / 3600, 45, 0.33); /* requests a second */
	free(input.v);
	free(output.v);
	free(chat.v);
	batch_free(&b);
}

static void events_are_plausible(void **state)
{
	struct demo_settings s = healthy();
	struct batch *b = tell(&s, LIVE_US, ALL_ROWS);
	size_t errors = 0, flagged = 0;

	(void)state;
	for (size_t i = 0; i < b->request_count; i++) {
		const struct request *r = &b->requests[i];

		assert_in_range(r->end_us, LIVE_US - s.history_us, LIVE_US);
		assert_true(r->latency_us >= 0 && r->ttft_us <= r->latency_us);
		assert_true(r->cached_tokens <= r->input_tokens && r->reasoning_tokens <= r->output_tokens);
		assert_true(r->has_trace && r->dims[DIM_MODEL].len && r->dims[DIM_DEPLOYMENT].len);
		errors += r->status == REQUEST_ERROR;
		flagged += r->flag_count > 0;
	}
	assert_true(errors > 0 && errors < b->request_count / 20);
	assert_true(flagged > 0 && flagged < b->request_count / 50);
	assert_true(b->feedback_count > 50);
	for (size_t i = 0; i < b->feedback_count; i++)
		assert_true(b->feedback[i].text.len && b->feedback[i].has_trace);
	assert_true(b->evaluation_count > b->request_count / 6 && b->evaluation_count < b->request_count / 3);
	for (size_t i = 0; i < b->evaluation_count; i++)
		assert_true(b->evaluations[i].score >= 0 && b->evaluations[i].score <= 1 && b->evaluations[i].dims[DIM_DEPLOYMENT].len);
	batch_free(&b);
}

struct arm_figures {
	struct sample latency, input;
	size_t requests, flags, errors, feedback, negative;
};

/* Figures of one of checkout's deployments from `from_us` on. */
static void measure(const struct batch *b, const char *deployment, int64_t from_us, struct arm_figures *f)
{
	*f = (struct arm_figures){0};
	for (size_t i = 0; i < b->request_count; i++) {
		const struct request *r = &b->requests[i];

		if (r->end_us < from_us || !str_equal_c(r->dims[DIM_DEPLOYMENT], deployment))
			continue;
		f->requests++;
		f->flags += r->flag_count;
		f->errors += r->status == REQUEST_ERROR;
		take(&f->latency, r->latency_us);
		take(&f->input, r->input_tokens - r->cached_tokens + 4 * r->output_tokens);
	}
	for (size_t i = 0; i < b->feedback_count; i++) {
		const struct feedback *item = &b->feedback[i];

		if (item->time_us < from_us || !str_equal_c(item->dims[DIM_DEPLOYMENT], deployment))
			continue;
		f->feedback++;
		f->negative += item->mood == MOOD_NEGATIVE;
	}
}

static void forget(struct arm_figures *f)
{
	free(f->latency.v);
	free(f->input.v);
}

static void canary_turns_bad(void **state)
{
	struct demo_settings s = healthy();
	struct arm_figures before, bad, stable;

	(void)state;
	s.incident = true;
	struct batch *b = tell(&s, LIVE_US + 10 * US_PER_MIN, ALL_ROWS);

	measure(b, "v43", LIVE_US + 2 * US_PER_MIN, &bad);
	measure(b, "v42", LIVE_US + 2 * US_PER_MIN, &stable);
	assert_near((double)bad.requests / (double)(bad.requests + stable.requests), 0.25, 0.15);
	assert_true(quantile(&bad.latency, 0.5) > 2 * quantile(&stable.latency, 0.5));
	assert_true(quantile(&bad.input, 0.5) > 1.5 * quantile(&stable.input, 0.5));
	assert_true((double)bad.flags / (double)bad.requests > 0.05);
	assert_true((double)stable.flags / (double)stable.requests < 0.02);
	assert_true((double)bad.errors / (double)bad.requests > 0.03);
	assert_true((double)bad.negative / (double)bad.feedback > 0.6);
	assert_true((double)stable.negative / (double)stable.feedback < 0.3);
	forget(&bad);
	batch_free(&b);

	/* In the first minute, and without an incident, it is as good as the other. */
	s.incident = false;
	b = tell(&s, LIVE_US + 10 * US_PER_MIN, ALL_ROWS);
	measure(b, "v43", LIVE_US + 2 * US_PER_MIN, &before);
	assert_near(quantile(&before.latency, 0.5), quantile(&stable.latency, 0.5), 0.15);
	forget(&before);
	forget(&stable);
	batch_free(&b);
}

static void incident_ramps_after_a_minute(void **state)
{
	struct demo_settings s = healthy();

	(void)state;
	s.incident = true;
	struct demo_model *m = demo_model_new(&s);

	assert_float_equal(demo_model_incident(m, LIVE_US + 60 * US_PER_S), 0, 1e-9);
	assert_float_equal(demo_model_incident(m, LIVE_US + 90 * US_PER_S), 0.5, 1e-9);
	assert_float_equal(demo_model_incident(m, LIVE_US + 600 * US_PER_S), 1, 1e-9);
	demo_model_free(&m);
	s.speed = 10;
	m = demo_model_new(&s);
	assert_float_equal(demo_model_incident(m, LIVE_US + 12 * US_PER_S), 1, 1e-9);
	demo_model_free(&m);
}

static void rollback_heals(void **state)
{
	struct demo_settings s = healthy();

	(void)state;
	s.incident = true;
	struct demo_model *m = demo_model_new(&s);
	struct batch *b = batch_new();

	demo_model_generate(m, LIVE_US + 3 * US_PER_MIN, ALL_ROWS, b);
	batch_reset(b);
	assert_false(demo_model_set_share(m, STR_LIT("no such"), 0));
	assert_true(demo_model_set_share(m, STR_LIT("checkout"), 0));
	demo_model_generate(m, LIVE_US + 5 * US_PER_MIN, ALL_ROWS, b);
	for (size_t i = 0; i < b->request_count; i++)
		assert_false(str_equal_c(b->requests[i].dims[DIM_DEPLOYMENT], "v43"));
	assert_true(b->rollout_count > 0);
	assert_string_equal(b->rollouts[0].name.ptr, "checkout");
	assert_float_equal(b->rollouts[0].arms[1].actual_percent, 0, 1e-9);
	assert_float_equal(b->rollouts[0].arms[0].desired_percent, 100, 1e-9);
	batch_free(&b);
	demo_model_free(&m);
}

static void rollouts_step_up_in_history(void **state)
{
	struct demo_settings s = healthy();
	double last = -1;
	size_t steps = 0;

	(void)state;
	s.history_us = US_PER_HOUR;
	struct batch *b = tell(&s, LIVE_US, ALL_ROWS);

	for (size_t i = 0; i < b->rollout_count; i++) {
		const struct rollout_state *r = &b->rollouts[i];

		if (!str_equal_c(r->name, "checkout"))
			continue;
		steps += r->arms[1].desired_percent > last;
		last = r->arms[1].desired_percent;
	}
	assert_int_equal(steps, 4); /* 0, 5, 10 and 25 % */
	assert_float_equal(last, 25, 1e-9);
	batch_free(&b);
}

static void options_are_checked(void **state)
{
	const struct source *demo = source_find("demo");
	struct config_pair pairs[] = {{"seed", "9", 3, 11}, {"speed", "200", 3, 20}};
	struct config_section section = {.name = "d", .kind = "demo", .pairs = pairs, .pair_count = 2};
	struct err err = {""};

	(void)state;
	assert_non_null(demo);
	assert_null(source_find("nothing of the kind"));
	union option_value *values = source_options(demo, &section, "c.yaml", &err);

	assert_non_null(values);
	assert_int_equal(values[0].number, 9);
	assert_int_equal(values[1].number, 200);
	free(values);
	pairs[1].key = "sped";
	assert_null(source_options(demo, &section, "c.yaml", &err));
	assert_non_null(strstr(err.text, "c.yaml:3:20"));
	assert_non_null(strstr(err.text, "sped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_story),
		cmocka_unit_test(lengths_follow_the_traces),
		cmocka_unit_test(events_are_plausible),
		cmocka_unit_test(canary_turns_bad),
		cmocka_unit_test(incident_ramps_after_a_minute),
		cmocka_unit_test(rollback_heals),
		cmocka_unit_test(rollouts_step_up_in_history),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
