/* Evaluation scores by deployment. */
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
#include "store/query.h"
#include "store/writer.h"

#define T0 (INT64_C(1760000000) * US_PER_S)

static void add(struct batch *b, int64_t time_us, const char *deployment, const char *name, double score, uint8_t trace)
{
	struct evaluation *e = batch_add_evaluation(b);

	e->time_us = time_us;
	e->name = str_of(name);
	e->score = score;
	e->dims[DIM_SERVICE] = STR_LIT("shop");
	e->dims[DIM_DEPLOYMENT] = str_of(deployment);
	e->has_trace = trace != 0;
	e->trace_id[0] = trace;
}

static const struct score_row *find(const struct score_result *res, const char *deployment, const char *name)
{
	for (size_t i = 0; i < res->row_count; i++)
		if (!strcmp(res->rows[i].deployment, deployment) && !strcmp(res->rows[i].name, name))
			return &res->rows[i];
	return NULL;
}

static void scores_are_averaged_by_deployment(void **state)
{
	char folder[] = "/tmp/llmdeck-scores-XXXXXX", command[80];
	struct store_options options = {0};
	struct store_counts counts = {0};
	struct store_writer *w;
	struct store_reader *r;
	struct score_result res;
	struct err err = {""};
	struct batch *b = batch_new();
	struct request *request;
	char *path;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = mem_printf("%s/a.db", folder);
	assert_int_equal(store_writer_open(&w, path, &options, &err), 0);
	/* a request of v43: its evaluation arrives without a deployment and is counted for it */
	request = batch_add_request(b);
	request->end_us = T0;
	request->dims[DIM_SERVICE] = STR_LIT("shop");
	request->dims[DIM_DEPLOYMENT] = STR_LIT("v43");
	request->has_trace = true;
	request->trace_id[0] = 7;
	add(b, T0 + 1, "", "groundedness", 0.2, 7);
	add(b, T0 + 2, "v43", "groundedness", 0.4, 0);
	add(b, T0 + 3, "v42", "groundedness", 0.9, 0);
	add(b, T0 + 4, "v42", "relevance", NAN, 0);
	add(b, T0 + US_PER_HOUR, "v42", "groundedness", 0.1, 0);
	assert_int_equal(store_writer_append(w, b, &counts, &err), 0);
	assert_int_equal(store_writer_commit(w, &err), 0);
	store_writer_close(&w);
	assert_int_equal(store_reader_open(&r, path, &err), 0);
	assert_int_equal(query_scores(r, STR_LIT("shop"), STR_LIT(""), T0 - US_PER_MIN, T0 + US_PER_MIN, &res, &err), 0);
	assert_int_equal(res.row_count, 2);
	assert_int_equal(find(&res, "v43", "groundedness")->count, 2);
	assert_true(fabs(find(&res, "v43", "groundedness")->mean - 0.3) < 1e-9);
	assert_true(fabs(find(&res, "v42", "groundedness")->mean - 0.9) < 1e-9);
	score_result_fini(&res);
	assert_int_equal(query_scores(r, STR_LIT("other"), STR_LIT(""), T0 - US_PER_MIN, T0 + US_PER_MIN, &res, &err), 0);
	assert_int_equal(res.row_count, 0);
	score_result_fini(&res);
	store_reader_close(&r);
	batch_free(&b);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command) != 0)
		printf("%s is left behind\n", folder);
	free(path);
}

/* What a reader that stays answers is what one that has just opened the store does. */
static void same_as_fresh(struct store_reader *kept, const char *path, int64_t from_us, int64_t to_us, size_t rows)
{
	struct store_reader *fresh;
	struct score_result a, b;
	struct err err = {""};

	assert_int_equal(store_reader_open(&fresh, path, &err), 0);
	assert_int_equal(query_scores(kept, STR_LIT("shop"), STR_LIT(""), from_us, to_us, &a, &err), 0);
	assert_int_equal(query_scores(fresh, STR_LIT("shop"), STR_LIT(""), from_us, to_us, &b, &err), 0);
	assert_int_equal(a.row_count, rows);
	assert_int_equal(b.row_count, rows);
	for (size_t i = 0; i < a.row_count; i++) {
		const struct score_row *other = find(&b, a.rows[i].deployment, a.rows[i].name);

		assert_non_null(other);
		assert_int_equal(a.rows[i].count, other->count);
		assert_true(fabs(a.rows[i].mean - other->mean) < 1e-9);
	}
	score_result_fini(&a);
	score_result_fini(&b);
	store_reader_close(&fresh);
}

static void append(struct store_writer *w, struct batch *b)
{
	struct store_counts counts = {0};
	struct err err = {""};

	assert_int_equal(store_writer_append(w, b, &counts, &err), 0);
	assert_int_equal(store_writer_commit(w, &err), 0);
	batch_reset(b);
}

static void what_is_kept_is_kept_up(void **state)
{
	char folder[] = "/tmp/llmdeck-scores-XXXXXX", command[80];
	struct store_options options = {0};
	struct store_writer *w;
	struct store_reader *r;
	struct err err = {""};
	struct batch *b = batch_new();
	char *path;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = mem_printf("%s/a.db", folder);
	assert_int_equal(store_writer_open(&w, path, &options, &err), 0);
	for (int i = 0; i < 100; i++)
		add(b, T0 + i * US_PER_S, i % 2 ? "v42" : "v43", "groundedness", i / 100.0, 0);
	append(w, b);
	assert_int_equal(store_reader_open(&r, path, &err), 0);
	same_as_fresh(r, path, T0 + 50 * US_PER_S, T0 + 200 * US_PER_S, 2);
	/* new ones, one of them late, one before the window, one without a score */
	add(b, T0 + 110 * US_PER_S, "v42", "groundedness", 0.1, 0);
	add(b, T0 + 60 * US_PER_S + 1, "v42", "relevance", 0.3, 0);
	add(b, T0 + 10 * US_PER_S + 1, "v43", "groundedness", 0.8, 0);
	add(b, T0 + 111 * US_PER_S, "v42", "groundedness", NAN, 0);
	append(w, b);
	same_as_fresh(r, path, T0 + 50 * US_PER_S, T0 + 200 * US_PER_S, 3);
	/* longer, shorter, elsewhere, and more than are kept */
	same_as_fresh(r, path, T0, T0 + 200 * US_PER_S, 3);
	same_as_fresh(r, path, T0 + 90 * US_PER_S, T0 + 100 * US_PER_S, 2);
	same_as_fresh(r, path, T0 - US_PER_HOUR, T0, 0);
	for (int i = 0; i < 45000; i++)
		add(b, T0 + 200 * US_PER_S + i, "v42", "groundedness", (i % 10) / 10.0, 0);
	append(w, b);
	same_as_fresh(r, path, T0 - US_PER_HOUR, T0 + 300 * US_PER_S, 1);
	same_as_fresh(r, path, T0, T0 + 100 * US_PER_S, 3);
	same_as_fresh(r, path, T0 + 50 * US_PER_S, T0 + 200 * US_PER_S + 1000, 3);
	store_writer_close(&w);
	store_reader_close(&r);
	batch_free(&b);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command) != 0)
		printf("%s is left behind\n", folder);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(scores_are_averaged_by_deployment),
	                                   cmocka_unit_test(what_is_kept_is_kept_up)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
