/* Batches and their encoded form. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/event.h"

static void new_rows_know_nothing(void **state)
{
	struct batch *b = batch_new();
	const struct request *r;
	const struct feedback *f;
	const struct billing *bill;

	(void)state;
	for (int round = 0; round < 2; round++) { /* also in memory that was used before */
		r = batch_add_request(b);
		assert_int_equal(r->latency_us, UNKNOWN_INT);
		assert_int_equal(r->ttft_us, UNKNOWN_INT);
		assert_int_equal(r->input_tokens, UNKNOWN_INT);
		assert_int_equal(r->reasoning_tokens, UNKNOWN_INT);
		assert_int_equal(r->cost_source, COST_UNPRICED);
		assert_int_equal(r->dims[DIM_MODEL].len, 0);
		f = batch_add_feedback(b);
		assert_true(isnan(f->score) && isnan(f->rating));
		assert_int_equal(f->mood, MOOD_UNKNOWN);
		bill = batch_add_billing(b);
		assert_true(isnan(bill->quantity));
		assert_int_equal(bill->requests, UNKNOWN_INT);
		assert_false(bill->cost_known);
		assert_int_equal(batch_add_late_flag(b)->flag.severity, -1);
		assert_true(isnan(batch_add_rollout(b)->arms[ROLLOUT_ARMS_MAX - 1].actual_percent));
		assert_true(isnan(batch_add_evaluation(b)->score));
		batch_add_gauge(b);
		batch_add_span(b);
		assert_int_equal(batch_rows(b), 8);
		batch_add_request(b)->input_tokens = 5;
		b->has_import = true;
		batch_reset(b);
		assert_int_equal(batch_rows(b), 0);
		assert_false(b->has_import);
	}
	batch_free(&b);
	assert_null(b);
}

static void text_is_bounded_and_well_formed(void **state)
{
	struct batch *b = batch_new();

	(void)state;
	assert_true(str_equal_c(batch_text(b, STR_LIT("hello"), 200), "hello"));
	assert_int_equal(batch_text(b, (struct str){NULL, 0}, 200).len, 0);
	assert_true(str_equal_c(batch_text(b, STR_LIT("a\xff\xc3z"), 200), "a\xef\xbf\xbd\xef\xbf\xbdz"));
	assert_true(str_equal_c(batch_text(b, STR_LIT("abcdefgh"), 7), "abcd\xe2\x80\xa6"));
	assert_true(str_equal_c(batch_text(b, STR_LIT("abc\xe2\x82\xac" "defg"), 8), "abc\xe2\x80\xa6"));
	assert_true(str_equal_c(batch_text(b, STR_LIT("abcdefg"), 7), "abcdefg"));
	assert_true(str_equal_c(batch_text(b, STR_LIT("abc"), 2), ""));
	/* Control characters stay: what is shown is the screen's business. */
	assert_true(str_equal_c(batch_text(b, STR_LIT("a\x1b[2J\n"), 200), "a\x1b[2J\n"));
	for (size_t len = 0; len < 40; len++) {
		char bytes[40];

		memset(bytes, 0xff, sizeof(bytes)); /* grows threefold */
		for (size_t max = 3; max < 60; max++)
			assert_true(batch_text(b, (struct str){bytes, len}, max).len <= max);
	}
	batch_free(&b);
}

static struct str numbered(struct batch *b, const char *prefix, int i)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%s%d", prefix, i);

	return batch_text(b, (struct str){text, (size_t)len}, EVENT_NAME_MAX_BYTES);
}

static void fill_request(struct batch *b, int i)
{
	struct request *r = batch_add_request(b);
	struct flag *flags = arena_alloc(&b->arena, 2 * sizeof(*flags));

	r->end_us = INT64_C(1795440093000000) + i * 777 - (i % 3) * 5000;
	r->latency_us = i % 5 ? i * 1000 : UNKNOWN_INT;
	for (int d = 0; d < DIM_COUNT; d++)
		if ((i + d) % 4 != 0)
			r->dims[d] = numbered(b, dim_name((enum dim)d), i % 3);
	for (int a = 0; a < ATTR_COUNT; a++)
		if ((i + a) % 5 == 0)
			r->attrs[a] = numbered(b, attr_name((enum attr)a), i);
	r->input_tokens = i * 10;
	r->output_tokens = i % 2 ? EVENT_TOKENS_MAX : 0;
	r->cost_nusd = i % 2 ? -i : INT64_MAX;
	r->cost_basis = STR_LIT("in 2500000 out 10000000");
	r->cost_source = (uint8_t)(i % 3);
	r->status = (uint8_t)(i % 2);
	r->error_type = i % 2 ? STR_LIT("rate_limit") : (struct str){NULL, 0};
	r->http_status = (uint16_t)(i % 2 ? 429 : 200);
	r->attempt = (uint8_t)i;
	r->has_trace = i % 2;
	memset(r->trace_id, r->has_trace ? i : 0, sizeof(r->trace_id));
	r->has_span = i % 3 == 0;
	memset(r->span_id, r->has_span ? i : 0, sizeof(r->span_id));
	flags[0] = (struct flag){STR_LIT("hate"), 4, FLAG_BLOCKED};
	flags[1] = (struct flag){numbered(b, "cat", i % 2), -1, FLAG_NOTED};
	r->flags = flags;
	r->flag_count = (uint32_t)(i % 3);
}

static void fill_rest(struct batch *b)
{
	struct feedback *f = batch_add_feedback(b);
	struct late_flag *l = batch_add_late_flag(b);
	struct billing *bill = batch_add_billing(b);
	struct gauge *g = batch_add_gauge(b);
	struct rollout_state *r = batch_add_rollout(b);
	struct span *s = batch_add_span(b);
	struct evaluation *e = batch_add_evaluation(b);

	f->time_us = 1795440093000001;
	f->text = STR_LIT("the answer was \xe2\x80\x9cwrong\xe2\x80\x9d");
	f->rating = 1;
	f->mood = MOOD_NEGATIVE;
	l->time_us = 0;
	l->flag.category = STR_LIT("jailbreak");
	bill->from_us = 1795392000000000;
	bill->to_us = 1795478400000000;
	bill->cost_nusd = -5;
	bill->cost_known = true;
	bill->input_tokens = INT64_C(40000000000);
	g->time_us = 7258118399999999;
	g->name = STR_LIT("queue");
	g->value = -2.5;
	r->time_us = 1;
	r->name = STR_LIT("chat");
	r->arm_count = ROLLOUT_ARMS_MAX;
	r->arms[0].deployment = STR_LIT("v1");
	r->arms[0].desired_percent = 100;
	s->start_us = 1795440093000000;
	s->end_us = s->start_us + 250000;
	s->kind = SPAN_TOOL;
	s->has_parent = true;
	memset(s->parent_id, 7, sizeof(s->parent_id));
	s->name = STR_LIT("search");
	e->time_us = 1795440093000000;
	e->name = STR_LIT("helpfulness");
	e->dims[DIM_MODEL] = STR_LIT("model1");
	e->score = 0.5;
	b->has_import = true;
	b->import.key = UINT64_MAX;
	b->import.name = STR_LIT("requests.jsonl.gz");
	b->import.bytes_done = UINT64_C(1) << 40;
	b->import.complete = true;
}

static struct batch *sample(int requests)
{
	struct batch *b = batch_new();

	for (int i = 0; i < requests; i++)
		fill_request(b, i);
	fill_rest(b);
	return b;
}

static void batches_come_back_as_they_went(void **state)
{
	struct batch *b = sample(50), *back = batch_new();
	struct buf first = {0}, second = {0};
	struct err err = {""};

	(void)state;
	batch_encode(b, &first);
	assert_int_equal(batch_decode(back, buf_str(&first), &err), 0);
	batch_encode(back, &second);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	for (size_t i = 0; i < 50; i++) {
		const struct request *r = &b->requests[i], *s = &back->requests[i];

		assert_int_equal(r->end_us, s->end_us);
		assert_int_equal(r->latency_us, s->latency_us);
		assert_int_equal(r->cost_nusd, s->cost_nusd);
		assert_int_equal(r->output_tokens, s->output_tokens);
		assert_int_equal(r->http_status, s->http_status);
		assert_memory_equal(r->trace_id, s->trace_id, sizeof(r->trace_id));
		assert_int_equal(r->flag_count, s->flag_count);
		for (int d = 0; d < DIM_COUNT; d++)
			assert_true(str_equal(r->dims[d], s->dims[d]));
		for (int a = 0; a < ATTR_COUNT; a++)
			assert_true(str_equal(r->attrs[a], s->attrs[a]));
		for (uint32_t k = 0; k < r->flag_count; k++) {
			assert_true(str_equal(r->flags[k].category, s->flags[k].category));
			assert_int_equal(r->flags[k].severity, s->flags[k].severity);
			assert_int_equal(r->flags[k].action, s->flags[k].action);
		}
	}
	assert_true(str_equal(b->feedback[0].text, back->feedback[0].text));
	assert_true(isnan(back->feedback[0].score));
	assert_int_equal(back->billing[0].input_tokens, INT64_C(40000000000));
	assert_true(back->gauges[0].value < -2.4 && back->gauges[0].value > -2.6);
	assert_int_equal(back->rollouts[0].arm_count, ROLLOUT_ARMS_MAX);
	assert_int_equal(back->spans[0].end_us, 1795440093250000);
	assert_int_equal(back->spans[0].kind, SPAN_TOOL);
	assert_int_equal(back->spans[0].parent_id[7], 7);
	assert_true(str_equal_c(back->spans[0].name, "search"));
	assert_true(str_equal_c(back->evaluations[0].dims[DIM_MODEL], "model1"));
	assert_true(back->evaluations[0].score > 0.4 && back->evaluations[0].score < 0.6);
	assert_true(back->has_import && back->import.complete);
	assert_true(back->import.key == UINT64_MAX);
	batch_free(&b);
	batch_free(&back);
	buf_fini(&first);
	buf_fini(&second);
}

/* Decodes a copy of exactly that size, so that reading too far is noticed. */
static int decode(struct batch *into, const char *bytes, size_t len)
{
	struct err err = {""};
	char *exact = mem_alloc(len);
	int result;

	if (len > 0)
		memcpy(exact, bytes, len);
	batch_reset(into);
	result = batch_decode(into, (struct str){exact, len}, &err);
	free(exact);
	assert_int_equal(result < 0, err.text[0] != '\0');
	return result;
}

static void every_cut_is_refused(void **state)
{
	struct batch *b = sample(4), *into = batch_new();
	struct buf bytes = {0};

	(void)state;
	batch_encode(b, &bytes);
	assert_int_equal(decode(into, bytes.data, bytes.len), 0);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(decode(into, bytes.data, len), -1);
	buf_append_c(&bytes, 0);
	assert_int_equal(decode(into, bytes.data, bytes.len), -1);
	bytes.data[0] = 2; /* another version */
	assert_int_equal(decode(into, bytes.data, bytes.len - 1), -1);
	batch_free(&b);
	batch_free(&into);
	buf_fini(&bytes);
}

static void random_damage_does_no_harm(void **state)
{
	struct batch *b = sample(4), *into = batch_new();
	struct buf bytes = {0}, again = {0};
	uint64_t seed = 7;

	(void)state;
	batch_encode(b, &bytes);
	for (int round = 0; round < 20000; round++) {
		char *copy = mem_alloc(bytes.len);

		memcpy(copy, bytes.data, bytes.len);
		for (int k = 0; k <= round % 4; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			copy[1 + (seed >> 33) % (bytes.len - 1)] = (char)(seed >> 25);
		}
		if (decode(into, copy, bytes.len) == 0) { /* what is taken can be written and read again */
			buf_reset(&again);
			batch_encode(into, &again);
			assert_int_equal(decode(into, again.data, again.len), 0);
		}
		free(copy);
	}
	batch_free(&b);
	batch_free(&into);
	buf_fini(&bytes);
	buf_fini(&again);
}

/* Whether the batch survives being encoded and decoded. */
static bool is_taken(struct batch *b)
{
	struct batch *into = batch_new();
	struct buf bytes = {0};
	int result;

	batch_encode(b, &bytes);
	result = decode(into, bytes.data, bytes.len);
	batch_free(&into);
	buf_fini(&bytes);
	return result == 0;
}

static void what_is_out_of_range_is_refused(void **state)
{
	struct batch *b = batch_new();
	struct request *r = batch_add_request(b);
	char longer[EVENT_TEXT_MAX_BYTES + 1];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	assert_true(is_taken(b));
	r->end_us = -1;
	assert_false(is_taken(b));
	r->end_us = INT64_C(7258118400) * 1000000;
	assert_false(is_taken(b));
	r->end_us = 0;
	r->input_tokens = EVENT_TOKENS_MAX + 1;
	assert_false(is_taken(b));
	r->input_tokens = -2;
	assert_false(is_taken(b));
	r->input_tokens = 0;
	r->latency_us = EVENT_LATENCY_MAX_US + 1;
	assert_false(is_taken(b));
	r->latency_us = 0;
	r->status = 2;
	assert_false(is_taken(b));
	r->status = 0;
	r->dims[0] = (struct str){longer, EVENT_NAME_MAX_BYTES + 1};
	assert_false(is_taken(b));
	r->dims[0] = (struct str){longer, EVENT_NAME_MAX_BYTES};
	assert_true(is_taken(b));
	r->outcome = (struct str){longer, sizeof(longer)};
	assert_false(is_taken(b));
	r->outcome = STR_LIT("\xff");
	assert_false(is_taken(b));
	r->outcome.len = 0;
	batch_add_feedback(b)->rating = 6;
	assert_false(is_taken(b));
	b->feedback[0].rating = 5;
	assert_true(is_taken(b));
	b->feedback[0].score = HUGE_VAL;
	assert_false(is_taken(b));
	b->feedback[0].score = 0;
	batch_add_billing(b)->from_us = 5; /* ends before it begins */
	assert_false(is_taken(b));
	b->billing[0].to_us = 5;
	assert_true(is_taken(b));
	batch_add_gauge(b)->value = NAN;
	assert_false(is_taken(b));
	batch_free(&b);
}

static void hostile_counts_take_no_memory(void **state)
{
	/* A billion requests announced in five bytes; a text of a gigabyte. */
	static const char many[] = {1, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 3};
	static const char text[] = {1, 1, 0, 1, 1, 1, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 3, 'a'};
	struct batch *into = batch_new();

	(void)state;
	assert_int_equal(decode(into, many, sizeof(many)), -1);
	assert_int_equal(decode(into, text, sizeof(text)), -1);
	assert_true(into->request_cap <= 8);
	batch_free(&into);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_rows_know_nothing),
		cmocka_unit_test(text_is_bounded_and_well_formed),
		cmocka_unit_test(batches_come_back_as_they_went),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(random_damage_does_no_harm),
		cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(hostile_counts_take_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
