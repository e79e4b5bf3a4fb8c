/* Traces in the store: nested model calls in every order of delivery, requests and steps read back
 * together, evaluations, and what retention does to them. After each, the recount must find nothing. */
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
#include "store/query.h"
#include "store/writer.h"
#include "unit/temp_store.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S)

static int set_up(void **state)
{
	make_folder(state);
	open_writer(NOW_US);
	return 0;
}

/* Calls of one trace: A is around B, B is around C. */
enum { A = 1, B, C };

static struct request *add_call(uint8_t span)
{
	struct request *r = batch_add_request(b);

	r->end_us = NOW_US - US_PER_S - span;
	r->latency_us = US_PER_S;
	r->dims[DIM_SERVICE] = STR_LIT("chat");
	r->has_trace = r->has_span = true;
	memset(r->trace_id, 7, 16);
	memset(r->span_id, span, 8);
	r->has_parent = true;
	memset(r->parent_id, span - 1, 8); /* A's is a span that is no model call */
	if (span == C) { /* only the innermost knows */
		r->input_tokens = 100;
		r->output_tokens = 20;
		r->dims[DIM_MODEL] = STR_LIT("gpt-4o");
		r->cost_source = COST_INFERRED;
		r->cost_nusd = 4200;
		r->attrs[ATTR_USER] = STR_LIT("mia");
	}
	return r;
}

static void store(void)
{
	must(store_writer_append(w, b, &counts, &err));
	must(store_writer_commit(w, &err));
	batch_reset(b);
}

static void deliver(uint8_t span)
{
	add_call(span);
	store();
}

static void print_finding(const char *text, void *arg)
{
	(void)arg;
	print_message("finding: %s\n", text);
}

static void assert_consistent(void)
{
	struct store_reader *r;

	must(store_reader_open(&r, path, &err));
	assert_int_equal(store_check(r, true, print_finding, NULL, NULL, &err), 0);
	store_reader_close(&r);
}

/* The one request that there is. */
static void assert_one_call(uint8_t span, bool complete)
{
	struct request_query q = {.view = {.from_us = 0, .to_us = NOW_US + US_PER_HOUR}, .limit = 10};
	struct request_result res;
	struct store_reader *r;

	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, &res, &err));
	assert_int_equal(res.row_count, 1);
	const struct request *got = &res.rows[0].request;
	assert_int_equal(got->span_id[0], span);
	assert_int_equal(got->parent_id[0], span - 1);
	assert_int_equal(got->input_tokens, complete ? 100 : UNKNOWN_INT);
	if (complete) {
		assert_int_equal(got->output_tokens, 20);
		assert_int_equal(got->cost_nusd, 4200);
		assert_true(str_equal_c(got->dims[DIM_MODEL], "gpt-4o"));
		assert_true(str_equal_c(got->attrs[ATTR_USER], "mia"));
	}
	request_result_fini(&res);
	store_reader_close(&r);
	assert_consistent();
}

static void nested_calls_count_once_in_any_order(void **state)
{
	static const uint8_t orders[][3] = {{A, B, C}, {A, C, B}, {B, A, C}, {B, C, A}, {C, A, B}, {C, B, A}};

	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		for (int k = 0; k < 3; k++)
			deliver(orders[i][k]);
		assert_one_call(A, true);
		/* Delivered once more, in any order: nothing changes. */
		for (int k = 0; k < 3; k++)
			deliver(orders[i][k]);
		assert_one_call(A, true);
		remove_folder(state);
		set_up(state);
	}
}

static void nested_calls_in_one_delivery(void **state)
{
	(void)state;
	add_call(C);
	add_call(A);
	add_call(B);
	store();
	assert_one_call(A, true);
	assert_in_range(counts.taken_back, 1, 2); /* by the order in which they are stored */
}

static void nested_calls_across_a_restart(void **state)
{
	(void)state;
	deliver(C);
	store_writer_close(&w);
	open_writer(NOW_US);
	deliver(B);
	assert_one_call(B, true);
	store_writer_close(&w);
	open_writer(NOW_US);
	deliver(C);
	assert_one_call(B, true);
}

/* What is taken back in a transaction that fails is there again. */
static void a_failed_transaction_takes_nothing_back(void **state)
{
	(void)state;
	deliver(C);
	add_call(B);
	add_call(A)->end_us = -1; /* refused by the store: the whole batch is undone */
	assert_int_equal(store_writer_append(w, b, &counts, &err), -1);
	batch_reset(b);
	assert_one_call(C, true);
	deliver(B);
	assert_one_call(B, true);
}

static void calls_with_the_same_parent_stay_until_it_is_a_call(void **state)
{
	struct request_query q = {.view = {.from_us = 0, .to_us = NOW_US}, .limit = 10};
	struct request_result res;
	struct store_reader *r;

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		memset(add_call(B)->span_id, 10 + i, 8);
		store();
	}
	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, &res, &err));
	assert_int_equal(res.row_count, 3);
	request_result_fini(&res);
	store_reader_close(&r);
	deliver(A); /* the call around all three */
	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, &res, &err));
	assert_int_equal(res.row_count, 1);
	request_result_fini(&res);
	store_reader_close(&r);
	assert_consistent();
}

/* A flag and a comment that belonged to the inner call are the outer one's. */
static void late_arrivals_follow(void **state)
{
	struct late_flag *l;
	struct feedback *f;
	struct store_reader *r;
	struct request_result res;
	struct request_query q = {.view = {.from_us = 0, .to_us = NOW_US + US_PER_HOUR}, .limit = 10};

	(void)state;
	deliver(C);
	l = batch_add_late_flag(b);
	l->time_us = NOW_US;
	memset(l->trace_id, 7, 16);
	l->flag = (struct flag){STR_LIT("hate"), 4, FLAG_NOTED};
	f = batch_add_feedback(b);
	f->time_us = NOW_US;
	f->has_trace = true;
	f->mood = MOOD_NEGATIVE;
	memset(f->trace_id, 7, 16);
	store();
	deliver(B);
	assert_one_call(B, true);
	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, &res, &err));
	assert_int_equal(res.rows[0].request.flag_count, 1);
	request_result_fini(&res);
	store_reader_close(&r);
}

static void add_step(uint8_t span, uint8_t parent, enum span_kind kind, struct str name, int64_t end_us)
{
	struct span *s = batch_add_span(b);

	s->end_us = end_us;
	s->start_us = end_us - 2 * US_PER_S;
	memset(s->trace_id, 7, 16);
	memset(s->span_id, span, 8);
	memset(s->parent_id, parent, 8);
	s->has_parent = parent != 0;
	s->kind = (uint8_t)kind;
	s->name = name;
}

static void a_trace_is_read_back_whole(void **state)
{
	struct trace_result t;
	struct store_reader *r;
	struct evaluation *e;
	uint8_t id[16];

	(void)state;
	add_step(20, 0, SPAN_AGENT, STR_LIT("planner"), NOW_US);
	add_step(21, 20, SPAN_TOOL, STR_LIT("search"), NOW_US - 5);
	add_step(21, 20, SPAN_TOOL, STR_LIT("search"), NOW_US - 5); /* delivered twice */
	add_call(C);
	e = batch_add_evaluation(b);
	e->time_us = NOW_US;
	e->name = STR_LIT("relevance");
	e->label = STR_LIT("pass");
	e->score = 0.75;
	e->has_trace = true;
	memset(e->trace_id, 7, 16);
	store();
	memset(id, 7, sizeof id);
	must(store_reader_open(&r, path, &err));
	must(query_trace(r, id, NOW_US, &t, &err));
	assert_int_equal(t.request_count, 1);
	assert_int_equal(t.requests[0].request.parent_id[0], B);
	assert_int_equal(t.span_count, 2);
	assert_true(str_equal_c(t.spans[0].name, "search"));
	assert_int_equal(t.spans[0].kind, SPAN_TOOL);
	assert_int_equal(t.spans[0].parent_id[0], 20);
	assert_int_equal(t.spans[0].end_us - t.spans[0].start_us, 2 * US_PER_S);
	assert_true(str_equal_c(t.spans[1].name, "planner"));
	assert_false(t.spans[1].has_parent);
	assert_int_equal(t.evaluation_count, 1);
	assert_true(str_equal_c(t.evaluations[0].name, "relevance"));
	assert_true(str_equal_c(t.evaluations[0].label, "pass"));
	assert_true(fabs(t.evaluations[0].score - 0.75) < 1e-9);
	assert_false(t.truncated);
	trace_result_fini(&t);
	id[0] = 8;
	must(query_trace(r, id, NOW_US, &t, &err));
	assert_int_equal(t.request_count + t.span_count, 0);
	trace_result_fini(&t);
	store_reader_close(&r);
}

/* Many more rows than one step of retention removes: the oldest go, the newest stay. */
static void retention_takes_the_oldest_with_their_steps(void **state)
{
	struct retention keep = {.raw_us = 10 * US_PER_DAY};
	struct request_query q = {.view = {.from_us = 0, .to_us = NOW_US + 1}, .limit = 10};
	struct request_result res;
	struct trace_result t;
	struct store_reader *r;
	struct evaluation *e;
	uint8_t id[16];
	bool more = true;

	(void)state;
	for (uint32_t i = 0; i < 45000; i++) {
		struct request *old = batch_add_request(b);
		old->end_us = NOW_US - 30 * US_PER_DAY + i;
	}
	add_step(20, 0, SPAN_AGENT, STR_LIT("old"), NOW_US - 30 * US_PER_DAY);
	add_step(21, 0, SPAN_AGENT, STR_LIT("new"), NOW_US);
	e = batch_add_evaluation(b);
	e->time_us = NOW_US - 30 * US_PER_DAY;
	e->name = STR_LIT("relevance");
	add_call(C);
	store();
	for (int i = 0; more && i < 100; i++)
		must(store_writer_retain(w, &keep, NOW_US, &more, &err));
	assert_false(more);
	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, &res, &err));
	assert_int_equal(res.row_count, 1);
	assert_int_equal(res.rows[0].request.span_id[0], C);
	request_result_fini(&res);
	memset(id, 7, sizeof id);
	must(query_trace(r, id, NOW_US - 30 * US_PER_DAY, &t, &err));
	assert_int_equal(t.span_count, 0);
	trace_result_fini(&t);
	must(query_trace(r, id, NOW_US, &t, &err));
	assert_int_equal(t.span_count, 1);
	trace_result_fini(&t);
	store_reader_close(&r);
	assert_consistent();
}

static void silent_clients_make_lower_bounds(void **state)
{
	struct view v = {.from_us = NOW_US - US_PER_HOUR, .to_us = NOW_US};
	struct figures_result res;
	struct store_reader *r;

	(void)state;
	add_call(A)->errors_unseen = true;
	memset(add_call(A)->trace_id, 9, 16);
	store();
	must(store_reader_open(&r, path, &err));
	must(query_figures(r, &v, 0, 0, &res, &err));
	assert_int_equal(res.total.total.requests, 2);
	assert_int_equal(res.total.total.errors_lower_bound, 1);
	assert_int_equal(metric_value(METRIC_ERROR_RATE, &res.total.total, 3600).quality, QUALITY_LOWER_BOUND);
	figures_result_fini(&res);
	store_reader_close(&r);
	assert_consistent();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nested_calls_count_once_in_any_order, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(nested_calls_in_one_delivery, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(nested_calls_across_a_restart, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(a_failed_transaction_takes_nothing_back, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(calls_with_the_same_parent_stay_until_it_is_a_call, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(late_arrivals_follow, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(a_trace_is_read_back_whole, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(retention_takes_the_oldest_with_their_steps, set_up, remove_folder),
		cmocka_unit_test_setup_teardown(silent_clients_make_lower_bounds, set_up, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
