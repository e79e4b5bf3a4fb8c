/* SQL of people's own: reads the views, and can do nothing else. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
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
		"SELECT text FROM strings", "WITH v_x AS (SELECT text FROM strings) SELECT * FROM v_x",
		"WITH v_requests AS (SELECT text FROM strings) SELECT * FROM v_requests", "WITH \"v_requests\"/**/AS--\n(SELECT text FROM strings) SELECT * FROM v_requests",
		"WITH [v_requests](a) AS MATERIALIZED (SELECT text FROM strings) SELECT * FROM v_requests", "WITH V_Requests AS (SELECT text FROM strings) SELECT * FROM v_requests",
		"WITH `v_audit` AS NOT MATERIALIZED (SELECT text FROM strings) SELECT * FROM v_audit", "WITH \"v_requests\"\"\" AS (SELECT text FROM strings) SELECT * FROM \"v_requests\"\"\"",
		"SELECT (SELECT text FROM strings LIMIT 1) FROM v_requests", "SELECT count(*) FROM main.requests", "SELECT * FROM request_rows",
		"SELECT * FROM dbstat", "SELECT * FROM sqlite_dbpage", "SELECT fts5('x')", "SELECT json_patch('{}', '{}')", "SELECT rtreecheck('requests')",
		"SELECT sqlite_version()", "SELECT edit('x')", "ALTER TABLE requests RENAME TO x", "RELEASE a", "SELECT ?1",
		"SELECT 1; DELETE FROM requests", "", "  -- nothing", "SELEC", "SELECT zeroblob(2000000000)",
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

static void *interrupt_soon(void *arg)
{
	atomic_int *begun = ((void **)arg)[1];

	while (!atomic_load(begun))
		;
	for (int i = 0; i < 200; i++) { /* one that comes before the question has begun is forgotten */
		store_asker_interrupt(((void **)arg)[0]);
		usleep(5000);
	}
	return NULL;
}

/* Whatever it does, it ends soon after it was cancelled. */
static void test_cancelled_at_any_moment(void **state)
{
	static const char *const statements[] = {
		"WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM a) SELECT count(*) FROM a",
		"SELECT count(*) FROM v_requests a, v_requests b, v_requests c, v_requests d, v_requests e WHERE a.id+b.id<c.id+d.id+e.id",
		"WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM a LIMIT 100000000) SELECT sum(printf('%.*c', 200000, 'a') LIKE '%a%a%a%a%a%b') FROM a",
		"WITH RECURSIVE a(x) AS (SELECT randomblob(100) UNION ALL SELECT randomblob(100) FROM a) SELECT count(*) FROM (SELECT x FROM a ORDER BY x)",
	};
	const struct ask_limits limits = {.rows = 10, .timeout_us = 60 * US_PER_S};

	(void)state;
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		atomic_int begun = 0;
		struct store_asker *a;
		struct answer answer;
		struct err err = {""};
		bool timed_out;
		pthread_t thread;

		assert_int_equal(store_asker_open(&a, path, &err), 0);
		void *args[] = {a, &begun};

		assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, args), 0);
		atomic_store(&begun, 1);
		int64_t began_us = clock_mono_us();

		assert_int_equal(store_ask(a, str_of(statements[i]), &limits, &answer, &timed_out, &err), -1);
		assert_false(timed_out);
		assert_string_equal(err.text, "query: interrupted");
		assert_true(clock_mono_us() - began_us < 20 * US_PER_S);
		pthread_join(thread, NULL);
		store_asker_close(&a);
	}
}

/* What would run for hours inside one step of SQLite's machine with its own functions. */
static void test_no_step_runs_long(void **state)
{
	static const char *const bombs[] = {
		"SELECT printf('%.*c', 1000000, 'a') LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b'",
		"SELECT printf('%.*c', 1000000, 'a') GLOB '*a*a*a*a*a*a*a*a*a*a*a*a*a*[b-c]'",
		"SELECT instr(printf('%.*c', 1000000, 'a'), printf('%.*c', 400000, 'a')||'b')",
		"SELECT length(replace(printf('%.*c', 1000000, 'a'), printf('%.*c', 400000, 'a')||'b', ''))",
		"SELECT length(replace(printf('%.*c', 1000000, 'a'), 'a', printf('%.*c', 1000, 'b')))",
		"SELECT length(trim(printf('%.*c', 1000000, 'a'), printf('%.*c', 900000, 'b')))",
		"SELECT length(hex(zeroblob(900000)))", "SELECT sum(length(randomblob(900000))) FROM v_requests",
		"SELECT length(group_concat(printf('%.*c', 90000, 'a'))) FROM v_requests",
		"WITH RECURSIVE a(x, n) AS (SELECT printf('%.*c', 900000, 'a'), 1 UNION ALL SELECT x||n, n+1 FROM a WHERE n<100000) SELECT count(*) FROM (SELECT x FROM a ORDER BY x DESC)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
		int64_t began_us = clock_mono_us();
		struct answer answer;
		struct err err = {""};
		bool timed_out;

		if (ask_within(bombs[i], US_PER_S, &answer, &timed_out, &err) == 0)
			answer_fini(&answer);
		if (clock_mono_us() - began_us > 20 * US_PER_S)
			fail_msg("took %.1f s: %s", (double)(clock_mono_us() - began_us) / 1e6, bombs[i]);
	}
}

/* Our LIKE, GLOB, instr, replace and trims answer as SQLite's do. */
static void test_functions_answer_as_before(void **state)
{
	static const struct { const char *sql; int64_t answer; } cases[] = {
		{"'abc' LIKE 'A%C'", 1}, {"'abc' LIKE 'a_c'", 1}, {"'abc' LIKE 'a_'", 0}, {"'' LIKE '%'", 1}, {"'a%c' LIKE 'a\\%c' ESCAPE '\\'", 1},
		{"'abc' LIKE 'a\\%c' ESCAPE '\\'", 0}, {"'\xc3\xa4x' LIKE '_x'", 1}, {"'aaab' LIKE '%ab'", 1}, {"'mississippi' LIKE 'm%iss%ip%i'", 1},
		{"'abc' GLOB 'a*c'", 1}, {"'aBc' GLOB 'abc'", 0}, {"'abc' GLOB 'a[a-c]c'", 1}, {"'abc' GLOB 'a[^b]c'", 0}, {"'a]c' GLOB 'a[]]c'", 1},
		{"'abc' GLOB '?b?'", 1}, {"'abc' GLOB 'a[b'", 0}, {"instr('abcabc', 'c')", 3}, {"instr('abc', 'x')", 0}, {"instr('\xc3\xa4x', 'x')", 2},
		{"replace('aXbX', 'X', '12')='a12b12'", 1}, {"replace('abc', '', 'x')='abc'", 1}, {"trim('  a ')='a'", 1}, {"ltrim('xxa', 'x')='a'", 1},
		{"rtrim('a00', '0')='a'", 1}, {"NULL LIKE 'a' IS NULL", 1}, {"12 LIKE '1%'", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *sql = mem_printf("SELECT %s", cases[i].sql);
		struct answer answer;
		struct err err = {""};
		bool timed_out;

		if (ask_within(sql, 5 * US_PER_S, &answer, &timed_out, &err))
			fail_msg("%s: %s", sql, err.text);
		if (answer.cells[0].integer != cases[i].answer)
			fail_msg("%s gives %lld", sql, (long long)answer.cells[0].integer);
		answer_fini(&answer);
		free(sql);
	}
}

/* Every view of the schema can be asked and is in the man page with its columns. */
static void test_every_view_is_documented(void **state)
{
	struct answer views, columns;
	struct err err = {""};
	struct buf page = {0};
	bool timed_out;

	(void)state;
	assert_int_equal(file_read("man/llmdeck-store.5", 1 << 20, &page, &err), 0);
	assert_int_equal(ask_within("SELECT name FROM sqlite_master WHERE type='view'", 5 * US_PER_S, &views, &timed_out, &err), 0);
	assert_true(views.row_count >= 12);
	for (size_t i = 0; i < views.row_count; i++) {
		char *sql = mem_printf("SELECT * FROM %.*s LIMIT 1", STR_ARG(views.cells[i].text));
		char *name = mem_printf("%.*s", STR_ARG(views.cells[i].text));

		if (ask_within(sql, 5 * US_PER_S, &columns, &timed_out, &err))
			fail_msg("%s: %s", sql, err.text);
		const char *section = strstr(strstr(page.data, ".Sh VIEWS"), ".Bl");

		if (!strstr(section, name))
			fail_msg("man/llmdeck-store.5: VIEWS: %s is missing", name);
		for (size_t c = 0; c < columns.column_count && strcmp(name, "v_billing") != 0 && strcmp(name, "v_audit") != 0; c++)
			if (!strstr(section, columns.columns[c]))
				fail_msg("man/llmdeck-store.5: VIEWS: %s of %s is missing", columns.columns[c], name);
		answer_fini(&columns);
		free(sql);
		free(name);
	}
	answer_fini(&views);
	buf_fini(&page);
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
		cmocka_unit_test(test_cancelled_at_any_moment),
		cmocka_unit_test(test_no_step_runs_long),
		cmocka_unit_test(test_functions_answer_as_before),
		cmocka_unit_test(test_every_view_is_documented),
		cmocka_unit_test(test_no_store),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
