/* Figures from rollups against a recount of the events themselves, for random views: of a closed store, and
 * of one whose writer lives and has put a part into the tables and a part into the journal alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/query.h"
#include "store/writer.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S) /* 2026-01-01 */
#define EVENTS 4000

static char folder[32];
static char path[64];
static struct store_writer *living; /* the writer of the store, where it is not closed */
static uint64_t seed = 7;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static const char *const values[DIM_COUNT][4] = {
	{"chat", "search", "agent", "chat"}, {"prod", "staging", "", "prod"}, {"v1", "v2", "v3", "v4"},
	{"openai", "azure", "", "openai"},   {"gpt-4o", "o3", "haiku", "gpt-4o"}, {"", "", "blue", "red"},
	{"eu", "us", "eu", ""},
};
static const char *const errors[3] = {"rate_limit", "timeout", "server_error"};
static const struct flag some_flags[2] = {{{"hate", 4}, 2, FLAG_NOTED}, {{"pii", 3}, 5, FLAG_BLOCKED}};

/* Half of the events in the last hours (10 s tier), half over the 20 days before. */
static void make_request(struct request *r, size_t i)
{
	int64_t back = i % 2 ? (int64_t)(next_random() % (uint64_t)(5 * US_PER_HOUR))
	                     : (int64_t)(next_random() % (uint64_t)(20 * US_PER_DAY));

	r->end_us = NOW_US - 1 - back;
	for (int d = 0; d < DIM_COUNT; d++)
		r->dims[d] = str_of(values[d][next_random() % 4]);
	/* One deployment says where it is, which is read from its marginal then. */
	if (str_equal_c(r->dims[DIM_DEPLOYMENT], "v4")) {
		r->dims[DIM_SERVICE] = STR_LIT("agent");
		r->dims[DIM_PROVIDER] = STR_LIT("azure");
		r->dims[DIM_MODEL] = STR_LIT("o3");
	}
	r->latency_us = (int64_t)(next_random() % 5000000);
	r->ttft_us = i % 3 ? (int64_t)(next_random() % 900000) : UNKNOWN_INT;
	r->input_tokens = (int64_t)(next_random() % 9000);
	r->output_tokens = i % 7 ? (int64_t)(next_random() % 900) : UNKNOWN_INT;
	r->cached_tokens = i % 2 ? r->input_tokens / 2 : UNKNOWN_INT;
	r->cost_source = (uint8_t)(i % 3);
	r->cost_nusd = (int64_t)(next_random() % 40000000);
	r->has_trace = r->has_span = true;
	for (int b = 0; b < 16; b++)
		r->trace_id[b] = (uint8_t)next_random();
	for (int b = 0; b < 8; b++)
		r->span_id[b] = (uint8_t)next_random();
	if (i % 11 == 0) {
		r->status = REQUEST_ERROR;
		r->error_type = str_of(errors[next_random() % 3]);
	}
	if (i % 13 == 0) {
		r->flags = some_flags;
		r->flag_count = 1 + (uint32_t)(next_random() % 2);
	}
}

static struct request *all;

static struct store_writer *fill(struct store_options o)
{
	struct store_counts counts = {0};
	struct store_writer *w;
	struct err err = {""};
	struct batch *b = batch_new();

	strcpy(folder, "/tmp/llmdeck-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/t.db", folder);
	all = calloc(EVENTS, sizeof *all);
	if (store_writer_open(&w, path, &o, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < EVENTS; i++) {
		struct request *r = batch_add_request(b);

		make_request(r, i);
		all[i] = *r;
		if (i % 500 == 499) {
			if (store_writer_append(w, b, &counts, &err))
				fail_msg("%s", err.text);
			if (i % 1000 == 999 && store_writer_commit(w, &err))
				fail_msg("%s", err.text);
			batch_reset(b);
		}
	}
	assert_int_equal(counts.added, EVENTS);
	assert_int_equal(counts.duplicates, 0);
	batch_free(&b);
	return w;
}

static int set_up(void **state)
{
	struct store_writer *w = fill((struct store_options){.now_us = NOW_US});

	(void)state;
	store_writer_close(&w);
	return 0;
}

static int set_up_journal(void **state)
{
	(void)state;
	living = fill((struct store_options){.now_us = NOW_US, .full_sync = true});
	assert_true(store_writer_fold_due_us(living) >= 0);
	return 0;
}

static int tear_down(void **state)
{
	char command[96];

	(void)state;
	store_writer_close(&living);
	free(all);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static bool passes(const struct view *v, const struct request *r)
{
	for (int d = 0; d < DIM_COUNT; d++) {
		bool asked = false, hit = false;

		for (size_t i = 0; i < v->filter_count; i++) {
			if ((int)v->filters[i].dim != d)
				continue;
			bool same = str_equal_c(r->dims[d], v->filters[i].value);
			if (v->filters[i].inverted && same)
				return false;
			if (!v->filters[i].inverted) {
				asked = true;
				hit |= same;
			}
		}
		if (asked && !hit)
			return false;
	}
	return true;
}

static void count(struct figures *f, const struct request *r)
{
	f->requests++;
	f->errors += r->status == REQUEST_ERROR;
	if (r->cost_source == COST_UNPRICED) {
		f->unpriced++;
	} else {
		f->cost_nusd += r->cost_nusd;
		sketch_add(&f->sketches[SKETCH_COST_NUSD], r->cost_nusd, 1);
	}
	f->reported_cost += r->cost_source == COST_REPORTED;
	f->input_tokens += r->input_tokens;
	f->output_tokens += r->output_tokens >= 0 ? r->output_tokens : 0;
	f->cached_tokens += r->cached_tokens >= 0 ? r->cached_tokens : 0;
	f->cached_known += r->cached_tokens >= 0;
	f->flags += r->flag_count;
	f->flagged_requests += r->flag_count > 0;
	f->blocked += r->flag_count > 1;
	sketch_add(&f->sketches[SKETCH_LATENCY_US], r->latency_us, 1);
	if (r->ttft_us >= 0)
		sketch_add(&f->sketches[SKETCH_TTFT_US], r->ttft_us, 1);
	sketch_add(&f->sketches[SKETCH_INPUT_TOKENS], r->input_tokens, 1);
	if (r->output_tokens >= 0)
		sketch_add(&f->sketches[SKETCH_OUTPUT_TOKENS], r->output_tokens, 1);
}

static void assert_same(const struct figures *got, const struct figures *want)
{
	const int64_t a[] = {got->requests, got->errors, got->unpriced, got->reported_cost, got->cost_nusd, got->input_tokens,
	                     got->output_tokens, got->cached_tokens, got->cached_known, got->flags, got->flagged_requests,
	                     got->blocked};
	const int64_t b[] = {want->requests, want->errors, want->unpriced, want->reported_cost, want->cost_nusd,
	                     want->input_tokens, want->output_tokens, want->cached_tokens, want->cached_known, want->flags,
	                     want->flagged_requests, want->blocked};

	for (size_t i = 0; i < sizeof a / sizeof *a; i++)
		assert_int_equal(a[i], b[i]);
	for (int k = 0; k < SKETCH_COUNT; k++) {
		assert_int_equal(got->sketches[k].count, want->sketches[k].count);
		for (int q = 0; q <= 100; q += 5)
			assert_int_equal(sketch_quantile(&got->sketches[k], q / 100.0), sketch_quantile(&want->sketches[k], q / 100.0));
	}
}

static bool in_group(const struct view *v, const struct figures_group *g, const struct request *r)
{
	for (size_t i = 0; i < v->by_count; i++)
		if (!str_equal_c(r->dims[v->by[i]], g->key[i]))
			return false;
	return true;
}

/* Recounts one group (all when g is NULL) over [from, to). */
static void recount(const struct view *v, const struct figures_group *g, int64_t from_us, int64_t to_us, struct figures *f)
{
	memset(f, 0, sizeof *f);
	for (size_t i = 0; i < EVENTS; i++)
		if (all[i].end_us >= from_us && all[i].end_us < to_us && passes(v, &all[i]) && (!g || in_group(v, g, &all[i])))
			count(f, &all[i]);
}

static void random_view(struct view *v)
{
	static const int64_t spans[] = {US_PER_MIN, 7 * US_PER_MIN, US_PER_HOUR, 5 * US_PER_HOUR, US_PER_DAY, 9 * US_PER_DAY,
	                                30 * US_PER_DAY};
	static const int64_t steps[] = {0, 10 * US_PER_S, US_PER_MIN, 5 * US_PER_MIN, US_PER_HOUR, US_PER_DAY};

	memset(v, 0, sizeof *v);
	int64_t span = spans[next_random() % 7];
	v->to_us = NOW_US - (int64_t)(next_random() % (uint64_t)US_PER_DAY);
	if (next_random() % 3 == 0)
		v->to_us = NOW_US;
	v->from_us = v->to_us - span;
	v->step_us = steps[next_random() % 6];
	if (v->step_us && span / v->step_us > 300)
		v->step_us = span / 50;
	v->by_count = next_random() % 3;
	for (size_t i = 0; i < v->by_count; i++)
		v->by[i] = (enum dim)((next_random() + i * 3) % DIM_COUNT);
	if (v->by_count == 2 && v->by[0] == v->by[1])
		v->by_count = 1;
	v->filter_count = next_random() % 3;
	for (size_t i = 0; i < v->filter_count; i++) {
		struct filter *f = &v->filters[i];

		f->dim = (enum dim)(next_random() % DIM_COUNT);
		f->inverted = next_random() % 3 == 0;
		snprintf(f->value, sizeof f->value, "%s", values[f->dim][next_random() % 4]);
	}
}

static void random_views_match_a_recount(void **state)
{
	struct store_reader *r;
	struct err err = {""};

	(void)state;
	if (store_reader_open(&r, path, &err))
		fail_msg("%s", err.text);
	for (int round = 0; round < 150; round++) {
		struct figures_result res;
		struct figures want;
		struct view v;
		int64_t seen = 0;

		random_view(&v);
		if (query_figures(r, &v, NEED_ALL_SKETCHES, NEED_ALL_SKETCHES, &res, &err))
			fail_msg("%s", err.text);
		assert_true(res.from_us <= v.from_us && res.to_us >= v.to_us);
		recount(&v, NULL, res.from_us, res.to_us, &want);
		assert_same(&res.total.total, &want);
		figures_fini(&want);
		for (size_t g = 0; g < res.group_count; g++) {
			recount(&v, &res.groups[g], res.from_us, res.to_us, &want);
			assert_same(&res.groups[g].total, &want);
			figures_fini(&want);
			seen += res.groups[g].total.requests;
			for (size_t s = 0; s < res.steps && g < 3; s++) {
				int64_t from = res.from_us + (int64_t)s * res.step_us, to = from + res.step_us;
				recount(&v, &res.groups[g], from, to < res.to_us ? to : res.to_us, &want);
				assert_same(&res.groups[g].series[s], &want);
				figures_fini(&want);
			}
		}
		assert_int_equal(seen, res.total.total.requests);
		figures_result_fini(&res);
	}
	store_reader_close(&r);
}

/* Paused behind every group, a walk gives what one call gives. */
static void slices_are_the_whole(void **state)
{
	struct store_reader *r;
	struct err err = {""};
	int pauses = 0;

	(void)state;
	if (store_reader_open(&r, path, &err))
		fail_msg("%s", err.text);
	for (int round = 0; round < 40; round++) {
		struct figures_result whole, sliced;
		struct figures_walk *walk;
		struct view v;
		int done;

		random_view(&v);
		walk = figures_walk_new(r, &v, NEED_ALL_SKETCHES, NEED_LATENCY);
		if (query_figures(r, &v, NEED_ALL_SKETCHES, NEED_LATENCY, &whole, &err))
			fail_msg("%s", err.text);
		for (; (done = figures_walk_go_on(walk, 0, &err)) == 0; pauses++) {
			/* Another question in between is no harm. */
			struct figures_result other;

			if (query_figures(r, &v, NEED_COST, 0, &other, &err))
				fail_msg("%s", err.text);
			figures_result_fini(&other);
		}
		assert_int_equal(done, 1);
		figures_walk_take(walk, &sliced);
		figures_walk_free(&walk);
		assert_same(&sliced.total.total, &whole.total.total);
		assert_int_equal(sliced.group_count, whole.group_count);
		assert_int_equal(sliced.steps, whole.steps);
		for (size_t g = 0; g < whole.group_count; g++) {
			assert_string_equal(sliced.groups[g].key[0], whole.groups[g].key[0]);
			assert_same(&sliced.groups[g].total, &whole.groups[g].total);
			for (size_t s = 0; s < whole.steps; s++)
				assert_int_equal(sliced.groups[g].series[s].requests, whole.groups[g].series[s].requests);
		}
		figures_result_fini(&whole);
		figures_result_fini(&sliced);
	}
	assert_true(pauses > 40);
	store_reader_close(&r);
}

static void errors_by_type_match_a_recount(void **state)
{
	struct store_reader *r;
	struct err err = {""};

	(void)state;
	if (store_reader_open(&r, path, &err))
		fail_msg("%s", err.text);
	for (int round = 0; round < 100; round++) {
		struct breakdown_result res;
		struct view v;
		int64_t want = 0, got = 0;

		random_view(&v);
		if (query_breakdown(r, BREAKDOWN_ERROR_TYPE, &v, &res, &err))
			fail_msg("%s", err.text);
		for (size_t i = 0; i < EVENTS; i++)
			want += all[i].end_us >= res.from_us && all[i].end_us < res.to_us && passes(&v, &all[i]) &&
			        all[i].status == REQUEST_ERROR;
		for (size_t i = 0; i < res.row_count; i++)
			got += res.rows[i].count;
		assert_int_equal(got, want);
		breakdown_result_fini(&res);
	}
	store_reader_close(&r);
}

static void say_finding(const char *text, void *arg)
{
	(void)arg;
	fail_msg("%s", text);
}

static void check_deep(const char *of)
{
	struct store_reader *r;
	struct err err = {""};

	if (store_reader_open(&r, of, &err) || store_check(r, true, say_finding, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	store_reader_close(&r);
}

static void tables_and_journal_make_the_whole(void **state)
{
	(void)state;
	check_deep(path);
}

/* Every request of the newest 200 changes its model, its cost and whether it failed. */
static void corrections_are_exact(void **state)
{
	struct request_query q = {.view = {.from_us = 0, .to_us = NOW_US}, .limit = 200};
	struct request_result res;
	struct store_reader *r;
	struct err err = {""};

	if (store_reader_open(&r, path, &err) || query_requests(r, &q, &res, &err))
		fail_msg("%s", err.text);
	assert_int_equal(res.row_count, 200);
	for (size_t i = 0; i < res.row_count; i++) {
		struct request *of = NULL;

		for (size_t a = 0; a < EVENTS; a++)
			of = !memcmp(all[a].span_id, res.rows[i].request.span_id, 8) ? &all[a] : of;
		of->dims[DIM_MODEL] = STR_LIT("haiku");
		of->cost_source = COST_INFERRED;
		of->cost_nusd += 17;
		of->status = REQUEST_ERROR;
		of->error_type = STR_LIT("late_word");
		if (store_writer_correct(living, res.rows[i].id, of, &err) || (i % 7 == 0 && store_writer_commit(living, &err)))
			fail_msg("%s", err.text);
	}
	assert_int_equal(store_writer_commit(living, &err), 0);
	request_result_fini(&res);
	store_reader_close(&r);
	check_deep(path);
	random_views_match_a_recount(state);
	errors_by_type_match_a_recount(state);
}

/* What a killed writer leaves behind is what is on the disk now. */
static void a_killed_writers_journal_is_kept(void **state)
{
	char command[400], copy[80];
	struct store_writer *w;
	struct err err = {""};

	assert_true(store_writer_fold_due_us(living) >= 0);
	snprintf(copy, sizeof copy, "%s/copy.db", folder);
	snprintf(command, sizeof command, "cp %s %s && cp %s-wal %s-wal", path, copy, path, copy);
	assert_int_equal(system(command), 0);
	if (store_writer_open(&w, copy, &(struct store_options){.now_us = NOW_US, .full_sync = true}, &err))
		fail_msg("%s", err.text);
	assert_true(store_writer_fold_due_us(w) >= 0);
	check_deep(copy);
	if (store_writer_fold(w, &err))
		fail_msg("%s", err.text);
	assert_int_equal(store_writer_fold_due_us(w), -1);
	check_deep(copy);
	store_writer_close(&w);
	strcpy(path, copy);
	random_views_match_a_recount(state);
}

static void the_summary_says_what_is_stored(void **state)
{
	struct store_summary s;
	struct store_reader *r;
	struct err err = {""};

	(void)state;
	if (store_reader_open(&r, path, &err) || query_summary(r, &s, &err))
		fail_msg("%s", err.text);
	assert_int_equal(s.requests, EVENTS);
	assert_int_equal(s.last_commit_us, NOW_US);
	assert_true(s.first_us < s.last_us && s.last_us < NOW_US);
	assert_int_equal(s.raw_from_us, s.first_us);
	assert_false(s.demo);
	store_reader_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_views_match_a_recount),
		cmocka_unit_test(slices_are_the_whole),
		cmocka_unit_test(errors_by_type_match_a_recount),
		cmocka_unit_test(the_summary_says_what_is_stored),
	};

	const struct CMUnitTest of_a_journal[] = {
		cmocka_unit_test(random_views_match_a_recount), cmocka_unit_test(errors_by_type_match_a_recount),
		cmocka_unit_test(slices_are_the_whole),
		cmocka_unit_test(tables_and_journal_make_the_whole), cmocka_unit_test(corrections_are_exact),
		cmocka_unit_test(a_killed_writers_journal_is_kept),
	};

	int failed = cmocka_run_group_tests(tests, set_up, tear_down);
	return failed | cmocka_run_group_tests(of_a_journal, set_up_journal, tear_down);
}
