/* The request journal: rows that were stored in small transactions are seen exactly once, in order and as
 * they are, by readers and after a kill, while they are put into blocks step by step and others come, go
 * and change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/query.h"
#include "store/query_scan.h"
#include "store/writer.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S) /* 2026-01-01 */
#define BATCH 512u
#define MOST 120000u
#define OUTER 60000u /* numbers from here on are calls around others */

static char folder[40], path[64];
static uint64_t seed;
static struct store_writer *writer;
static struct known {
	int64_t end_us;
	bool there;
	uint32_t flags;
	bool seen;
} known[MOST];
static size_t made;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void set_number(uint8_t *bytes, size_t len, uint32_t number)
{
	uint64_t spread = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	memset(bytes, 0, len);
	memcpy(bytes, &number, sizeof number);
	memcpy(bytes + 4, &spread, 4);
}

static void fill(struct request *r, uint32_t number)
{
	r->end_us = known[number].end_us;
	r->latency_us = (int64_t)number;
	r->dims[DIM_SERVICE] = number % 3 ? STR_LIT("chat") : STR_LIT("search");
	r->dims[DIM_MODEL] = number % 5 ? STR_LIT("gpt-4o") : STR_LIT("o3");
	r->operation = STR_LIT("chat");
	if (number % 97 == 0)
		r->attrs[ATTR_USER] = STR_LIT("user-who-leaves");
	r->has_trace = r->has_span = true;
	set_number(r->trace_id, 16, number >= OUTER ? number - OUTER : number);
	set_number(r->span_id, 8, number);
	if (number < OUTER && number % 50 == 0) {
		r->has_parent = true;
		set_number(r->parent_id, 8, number + OUTER);
	}
}

static void append(struct batch *b, struct store_counts *counts)
{
	struct err err = {""};

	if (store_writer_append(writer, b, counts, &err))
		fail_msg("%s", err.text);
	batch_reset(b);
}

static void commit(void)
{
	struct err err = {""};

	if (store_writer_commit(writer, &err))
		fail_msg("%s", err.text);
}

/* New requests that ended anywhere in the last half minute, and some long before. */
static void add_new(struct batch *b, unsigned batches)
{
	struct store_counts counts = {0};

	for (unsigned k = 0; k < batches; k++) {
		for (unsigned i = 0; i < BATCH; i++, made++) {
			known[made] = (struct known){.there = true};
			known[made].end_us = NOW_US + (int64_t)made - (int64_t)(next_random() % (uint64_t)(30 * US_PER_S));
			if (made % 701 == 0)
				known[made].end_us -= 3 * US_PER_HOUR;
			fill(batch_add_request(b), (uint32_t)made);
		}
		append(b, &counts);
	}
	assert_int_equal(counts.added, batches * BATCH);
	assert_int_equal(counts.duplicates, 0);
}

/* What was delivered before, those that were taken back but for. */
static void deliver_again(struct batch *b)
{
	struct store_counts counts = {0};
	unsigned again = 0;

	for (size_t i = next_random() % 97; i < made; i += 97) {
		if (!known[i].there || i % 50 == 0)
			continue;
		fill(batch_add_request(b), (uint32_t)i);
		again++;
	}
	append(b, &counts);
	assert_int_equal(counts.added, 0);
	assert_int_equal(counts.duplicates, again);
}

static void add_flags(struct batch *b, unsigned count)
{
	struct store_counts counts = {0};

	for (unsigned i = 0; i < count; i++) {
		size_t number = next_random() % made;

		if (!known[number].there || known[number].flags || number % 50 == 0)
			continue;
		struct late_flag *f = batch_add_late_flag(b);
		f->time_us = known[number].end_us;
		set_number(f->trace_id, 16, (uint32_t)number);
		f->flag = (struct flag){.category = STR_LIT("hate"), .severity = 3};
		known[number].flags = 1;
	}
	append(b, &counts);
	assert_int_equal(counts.unjoined, 0);
}

/* Calls around others, which these turn out to be parts of. */
static void add_outer(struct batch *b, size_t first, size_t count)
{
	struct store_counts counts = {0};

	for (size_t i = first * 50; i < (first + count) * 50; i += 50) {
		assert_true(known[i].there);
		known[i].there = false;
		known[OUTER + i] = (struct known){.there = true, .end_us = known[i].end_us + 100};
		fill(batch_add_request(b), (uint32_t)(OUTER + i));
	}
	append(b, &counts);
	assert_int_equal(counts.taken_back, count);
}

struct walk {
	int64_t last_id;
	bool down;
	size_t rows;
};

static bool see(const struct scan_row *row, void *arg)
{
	struct walk *w = arg;
	uint32_t number = (uint32_t)row->latency_us;

	assert_true(number < MOST);
	assert_true(w->down ? row->id < w->last_id : row->id > w->last_id);
	w->last_id = row->id;
	assert_true(known[number].there);
	assert_false(known[number].seen);
	known[number].seen = true;
	assert_int_equal(row->end_us, known[number].end_us);
	assert_int_equal(row->flag_count, known[number].flags);
	assert_memory_equal(row->span_id, &number, sizeof number);
	w->rows++;
	return true;
}

static void say(const char *finding, void *arg)
{
	(void)arg;
	fail_msg("%s", finding);
}

static void check(const char *of, bool deep)
{
	struct scan_query q = {.view = {.from_us = 0, .to_us = NOW_US + US_PER_DAY}, .fields = SCAN_IDS};
	struct err err = {""};
	struct store_reader *r;
	size_t there = 0;

	for (size_t i = 0; i < MOST; i++)
		there += known[i].there;
	if (store_reader_open(&r, of, &err))
		fail_msg("%s", err.text);
	for (int down = 0; down < 2; down++) {
		struct walk w = {.last_id = down ? INT64_MAX : 0, .down = down};

		for (size_t i = 0; i < MOST; i++)
			known[i].seen = false;
		q.newest_first = down;
		if (query_scan(r, &q, see, &w, &err))
			fail_msg("%s", err.text);
		assert_int_equal(w.rows, there);
	}
	if (deep && store_check(r, true, say, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	store_reader_close(&r);
}

/* One request of each kind is found by its trace, and by SQL. */
static void find_some(const char *of)
{
	struct err err = {""};
	struct store_reader *r;

	if (store_reader_open(&r, of, &err))
		fail_msg("%s", err.text);
	for (int i = 0; i < 20; i++) {
		uint32_t number = (uint32_t)(next_random() % made);
		struct request_query q = {.view = {.from_us = 0, .to_us = NOW_US + US_PER_DAY}, .limit = 10, .has_trace = true};
		struct request_result found;

		set_number(q.trace_id, 16, number);
		if (query_requests(r, &q, &found, &err))
			fail_msg("%s", err.text);
		bool outer = number % 50 == 0 && known[OUTER + number].there;
		assert_int_equal(found.row_count, known[number].there || outer);
		struct request_result one;
		if (found.row_count && query_request(r, found.rows[0].id, &one, &err))
			fail_msg("%s", err.text);
		if (found.row_count) {
			assert_int_equal(one.row_count, 1);
			request_result_fini(&one);
		}
		request_result_fini(&found);
	}
	store_reader_close(&r);
}

/* What a kill would leave behind now is opened, checked, put into blocks whole and checked again. */
static void kill_and_check(bool full_sync)
{
	struct store_writer *w;
	struct err err = {""};
	char command[512], copy[80];

	snprintf(copy, sizeof copy, "%s/copy.db", folder);
	snprintf(command, sizeof command, "rm -f %s* && cp %s %s && cp %s-wal %s-wal", copy, path, copy, path, copy);
	assert_int_equal(system(command), 0);
	check(copy, false);
	struct store_options o = {.full_sync = full_sync, .now_us = NOW_US};
	if (store_writer_open(&w, copy, &o, &err))
		fail_msg("%s", err.text);
	check(copy, false);
	struct store_writer *living = writer;
	struct batch *b = batch_new();
	writer = w;
	deliver_again(b);
	commit();
	writer = living;
	batch_free(&b);
	store_writer_close(&w);
	check(copy, true);
}

static int set_up(void **state)
{
	struct store_options o = {.full_sync = true, .now_us = NOW_US};
	struct err err = {""};

	(void)state;
	seed = 77;
	made = 0;
	memset(known, 0, sizeof known);
	strcpy(folder, "/tmp/llmdeck-journal-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s.db", folder);
	if (store_writer_open(&writer, path, &o, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int tear_down(void **state)
{
	char command[80];

	(void)state;
	store_writer_close(&writer);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void rows_are_there_once_at_every_step(void **state)
{
	struct batch *b = batch_new();
	struct err err = {""};
	size_t outer = 0, steps = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		add_new(b, 4);
		if (i % 3 == 1) {
			add_flags(b, 50);
			deliver_again(b);
			add_outer(b, outer, 20);
			outer += 20;
		}
		commit();
		if (i % 7 == 3) {
			check(path, false);
			find_some(path);
		}
	}
	check(path, true);
	kill_and_check(true);
	while (store_writer_fold_due_us(writer) == 0 && made < OUTER - 4 * BATCH) {
		if (store_writer_fold(writer, &err))
			fail_msg("%s", err.text);
		check(path, steps % 4 == 2);
		if (steps % 4 == 1)
			kill_and_check(steps % 8 == 1);
		if (steps % 2) {
			add_new(b, 1);
			add_flags(b, 200);
			add_outer(b, outer, 20);
			outer += 20;
			deliver_again(b);
			commit();
			check(path, false);
			find_some(path);
		}
		steps++;
	}
	assert_true(steps > 4);
	batch_free(&b);
	store_writer_close(&writer);
	check(path, true);
	find_some(path);
}

static void a_failed_transaction_leaves_the_journal_as_it_was(void **state)
{
	struct batch *b = batch_new();
	struct store_counts counts = {0};
	struct err err = {""};
	size_t before;

	(void)state;
	add_new(b, 70);
	commit();
	assert_int_equal(store_writer_fold_due_us(writer), 0);
	assert_int_equal(store_writer_fold(writer, &err), 0); /* a first step */
	before = made;
	add_new(b, 2);
	batch_add_request(b)->end_us = -1;
	assert_int_equal(store_writer_append(writer, b, &counts, &err), -1);
	batch_reset(b);
	for (size_t i = before; i < made; i++)
		known[i].there = false;
	check(path, false);
	deliver_again(b);
	for (int i = 0; i < 100 && store_writer_fold_due_us(writer) == 0; i++)
		assert_int_equal(store_writer_fold(writer, &err), 0);
	check(path, true);
	kill_and_check(false);
	batch_free(&b);
}

static void forgotten_rows_leave_the_journal_too(void **state)
{
	struct batch *b = batch_new();
	struct err err = {""};
	char command[256];

	(void)state;
	add_new(b, 10);
	commit();
	int64_t rows = store_writer_forget_user(writer, STR_LIT("user-who-leaves"), &err);
	for (size_t i = 0; i < made; i += 97) {
		rows -= known[i].there;
		known[i].there = false;
	}
	assert_int_equal(rows, 0);
	check(path, true);
	snprintf(command, sizeof command, "! grep -q user-who-leaves %s %s-wal", path, path);
	assert_int_equal(system(command), 0);
	batch_free(&b);
}

/* Rows of the journal's table: blocks of requests. */
static int64_t journaled_commits(void)
{
	sqlite3 *db;
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM request_journal", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t count = sqlite3_column_int64(st, 0);

	sqlite3_finalize(st);
	sqlite3_close(db);
	return count;
}

/* Where nobody folds, commits themselves see to it that the journal does not grow for ever. */
static void a_journal_that_is_full_is_emptied_by_a_commit(void **state)
{
	struct batch *b = batch_new();
	struct store_counts counts = {0};
	unsigned commits = 0;
	int64_t before, now = 0;

	(void)state;
	do {
		for (uint32_t i = 0; i < BATCH; i++) {
			struct request *r = batch_add_request(b);

			r->end_us = NOW_US + (int64_t)commits * US_PER_S + i;
			r->has_trace = r->has_span = true;
			set_number(r->trace_id, 16, commits * BATCH + i);
			set_number(r->span_id, 8, commits * BATCH + i);
		}
		append(b, &counts);
		commit();
		commits++;
		before = now;
		now = journaled_commits();
	} while (now > before && commits < 1000);
	assert_in_range(commits, 128, 512);
	assert_int_equal(now, 0);
	assert_int_equal(counts.added, commits * BATCH);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_there_once_at_every_step, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_transaction_leaves_the_journal_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forgotten_rows_leave_the_journal_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_journal_that_is_full_is_emptied_by_a_commit, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
