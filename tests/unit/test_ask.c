/* SQL of people's own: reads the views, and can do nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/ask.h"
#include "store/writer.h"

static char folder[64];
static char *path;

static int set_up(void **state)
{
	struct store_options options = {0};
	struct store_writer *w;
	struct batch *b = batch_new();
	struct err err = {""};

	(void)state;
	snprintf(folder, sizeof folder, "/tmp/llmdeck-ask-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	path = mem_printf("%s/a.db", folder);
	for (int i = 0; i < 100; i++) {
		struct request *r = batch_add_request(b);
		r->end_us = INT64_C(1760000000) * US_PER_S + i;
		r->dims[DIM_SERVICE] = i % 4 ? STR_LIT("chat") : STR_LIT("search");
		r->dims[DIM_MODEL] = STR_LIT("m\x1b[31m");
		r->input_tokens = 10 * i;
		r->status = i % 10 == 0;
	}
	if (store_writer_open(&w, path, &options, &err) || store_writer_append(w, b, &(struct store_counts){0}, &err) ||
	    store_writer_commit(w, &err))
		return -1;
	store_writer_close(&w);
	batch_free(&b);
	return 0;
}

static int tear_down(void **state)
{
	char *command = mem_printf("rm -rf %s", folder);

	(void)state;
	free(path);
	path = NULL;
	if (system(command) != 0)
		printf("%s is left behind\n", folder);
	free(command);
	return 0;
}

static int ask_within(const char *sql, int64_t timeout_us, struct answer *out, bool *timed_out, struct err *err)
{
	struct ask_limits limits = {.rows = 50, .timeout_us = timeout_us};
	struct store_asker *a;
	int result;

	assert_int_equal(store_asker_open(&a, path, err), 0);
	result = store_ask(a, str_of(sql), &limits, out, timed_out, err);
	store_asker_close(&a);
	return result;
}

static void test_views_answer(void **state)
{
	struct answer answer;
	struct err err = {""};
	bool timed_out;

	(void)state;
	assert_int_equal(ask_within("SELECT service, count(*) n, sum(input_tokens) FROM v_requests GROUP BY 1 ORDER BY 2 DESC",
	                            US_PER_S * 5, &answer, &timed_out, &err), 0);
	assert_int_equal(answer.row_count, 2);
	assert_string_equal(answer.columns[1], "n");
	assert_true(str_equal_c(answer.cells[0].text, "chat"));
	assert_int_equal(answer.cells[1].integer, 75);
	assert_int_equal(answer.cells[2].integer + answer.cells[5].integer, 49500);
	assert_false(answer.more);
	answer_fini(&answer);
}

static void test_rows_are_limited(void **state)
{
	struct answer answer;
	struct err err = {""};
	bool timed_out;

	(void)state;
	assert_int_equal(ask_within("SELECT id FROM v_requests", US_PER_S * 5, &answer, &timed_out, &err), 0);
	assert_int_equal(answer.row_count, 50);
	assert_true(answer.more);
	answer_fini(&answer);
}

static void test_hostile_sql_is_refused_in_words(void **state)
{
	static const char *const statements[] = {
		"DELETE FROM requests", "UPDATE requests SET body=x''", "INSERT INTO meta VALUES('a', 1)", "DROP TABLE requests",
		"CREATE TEMP TABLE t(x)", "CREATE VIEW v_x AS SELECT 1", "ATTACH '/etc/passwd' AS p", "DETACH main",
		"PRAGMA journal_mode=DELETE", "PRAGMA writable_schema=1", "SELECT * FROM pragma_database_list",
		"VACUUM INTO '/tmp/llmdeck-ask-copy.db'", "SELECT load_extension('/tmp/x.so')", "SELECT readfile('/etc/passwd')",
		"SELECT writefile('/tmp/x', 'y')", "BEGIN", "COMMIT", "SAVEPOINT a", "REINDEX", "ANALYZE", "SELECT body FROM requests",
		"SELECT text FROM strings", "SELECT 1; DELETE FROM requests", "", "  -- nothing", "SELEC", "SELECT zeroblob(2000000000)",
	};
	struct answer answer;
	struct err err;
	bool timed_out;

	(void)state;
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
		err.text[0] = '\0';
		if (ask_within(statements[i], US_PER_S * 5, &answer, &timed_out, &err) == 0)
			fail_msg("let through: %s", statements[i]);
		assert_true(strncmp(err.text, "query: ", 7) == 0);
	}
	assert_int_not_equal(access("/tmp/llmdeck-ask-copy.db", F_OK), 0);
	assert_int_equal(ask_within("SELECT count(*) FROM v_requests", US_PER_S * 5, &answer, &timed_out, &err), 0);
	assert_int_equal(answer.cells[0].integer, 100);
	answer_fini(&answer);
}

/* SQLite answers a format that asks for too much with nothing: what counts is that it stays small. */
static void test_one_value_is_bounded(void **state)
{
	struct answer answer;
	struct err err = {""};
	bool timed_out;

	(void)state;
	assert_int_equal(ask_within("SELECT printf('%.*c', 2000000000, 'x')", US_PER_S * 5, &answer, &timed_out, &err), 0);
	assert_true(answer.cells[0].text.len <= 4 << 20);
	answer_fini(&answer);
}

static void test_time_ends_it(void **state)
{
	static const char endless[] = "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM a) SELECT count(*) FROM a";
	int64_t began_us = clock_mono_us();
	struct answer answer;
	struct err err = {""};
	bool timed_out = false;

	(void)state;
	assert_int_equal(ask_within(endless, 200 * US_PER_MS, &answer, &timed_out, &err), -1);
	assert_true(timed_out);
	assert_non_null(strstr(err.text, "took longer"));
	assert_true(clock_mono_us() - began_us < 20 * US_PER_S);
}

static void test_no_store(void **state)
{
	struct store_asker *a;
	struct err err = {""};

	(void)state;
	assert_int_equal(store_asker_open(&a, "/nonexistent/x.db", &err), -1);
	assert_non_null(strstr(err.text, "no store"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views_answer),
		cmocka_unit_test(test_rows_are_limited),
		cmocka_unit_test(test_hostile_sql_is_refused_in_words),
		cmocka_unit_test(test_one_value_is_bounded),
		cmocka_unit_test(test_time_ends_it),
		cmocka_unit_test(test_no_store),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
