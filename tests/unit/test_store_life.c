/* What happens to a store over its life: duplicates, corrections, what comes late, retention,
 * forgetting, foreign files, a killed writer, readers beside it. After each, the recount must find
 * nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/query.h"
#include "store/schema.h"
#include "store/writer.h"
#include "unit/temp_store.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S)

static int set_up(void **state)
{
	make_folder(state);
	open_writer(NOW_US);
	return 0;
}

static struct request *add_request(int64_t end_us, uint8_t span)
{
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	r->latency_us = 1000000 + span;
	r->input_tokens = 100 + span;
	r->output_tokens = 10;
	r->cost_source = COST_INFERRED;
	r->cost_nusd = 5000 + span;
	r->dims[DIM_SERVICE] = STR_LIT("chat");
	r->dims[DIM_DEPLOYMENT] = span % 2 ? STR_LIT("v1") : STR_LIT("v2");
	r->attrs[ATTR_USER] = span % 3 ? STR_LIT("mia") : STR_LIT("u_0123456789abcdef");
	r->has_trace = r->has_span = true;
	memset(r->trace_id, 0xa0, 16);
	r->trace_id[0] = r->span_id[0] = span;
	r->span_id[7] = 1;
	return r;
}

static void store(void)
{
	must(store_writer_append(w, b, &counts, &err));
	must(store_writer_commit(w, &err));
	batch_reset(b);
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
	int64_t n = store_check(r, true, print_finding, NULL, NULL, &err);
	if (n < 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, 0);
	store_reader_close(&r);
}

static struct figures totals(int64_t from_us, int64_t to_us)
{
	struct view v = {.from_us = from_us, .to_us = to_us};
	struct figures_result res;
	struct store_reader *r;

	must(store_reader_open(&r, path, &err));
	must(query_figures(r, &v, 0, 0, &res, &err));
	struct figures f = res.total.total;
	memset(f.sketches, 0, sizeof f.sketches);
	figures_result_fini(&res);
	store_reader_close(&r);
	return f;
}

static struct request_row first_request(struct request_result *res)
{
	struct request_query q = {.view = {.to_us = NOW_US + US_PER_DAY}, .limit = 100};
	struct store_reader *r;

	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, res, &err));
	store_reader_close(&r);
	assert_true(res->row_count > 0);
	return res->rows[res->row_count - 1];
}

static void a_span_counts_once(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (uint8_t i = 0; i < 200; i++)
			add_request(NOW_US - US_PER_MIN, i);
		store();
	}
	assert_int_equal(counts.added, 200);
	assert_int_equal(counts.duplicates, 400);
	assert_int_equal(totals(0, NOW_US).requests, 200);
	assert_consistent();
}

static void rows_without_a_span_all_count(void **state)
{
	(void)state;
	/* More in one microsecond than it has ids for. */
	for (int i = 0; i < 3000; i++)
		add_request(NOW_US - US_PER_HOUR - 1, 7)->has_span = false;
	store();
	assert_int_equal(counts.added, 3000);
	assert_int_equal(totals(NOW_US - US_PER_HOUR - US_PER_MIN, NOW_US - US_PER_HOUR).requests, 3000);
	assert_consistent();
}

static void a_correction_takes_back_what_was_added(void **state)
{
	struct request_result res;

	(void)state;
	for (uint8_t i = 0; i < 50; i++)
		add_request(NOW_US - US_PER_MIN * i - 1, i);
	store();
	struct request_row row = first_request(&res);
	row.request.cost_nusd += 77;
	row.request.status = REQUEST_ERROR;
	row.request.error_type = STR_LIT("timeout");
	row.request.dims[DIM_DEPLOYMENT] = STR_LIT("v3");
	struct figures before = totals(0, NOW_US);
	must(store_writer_correct(w, row.id, &row.request, &err));
	must(store_writer_commit(w, &err));
	struct figures after = totals(0, NOW_US);
	assert_int_equal(after.requests, before.requests);
	assert_int_equal(after.cost_nusd, before.cost_nusd + 77);
	assert_int_equal(after.errors, before.errors + 1);
	request_result_fini(&res);
	assert_consistent();
	assert_int_equal(store_writer_correct(w, 42, &row.request, &err), -1);
	assert_non_null(strstr(err.text, "no such request"));
}

static void add_flag(uint8_t trace, int64_t time_us)
{
	struct late_flag *f = batch_add_late_flag(b);

	f->time_us = time_us;
	memset(f->trace_id, 0xa0, 16);
	f->trace_id[0] = trace;
	f->flag = (struct flag){STR_LIT("hate"), 3, FLAG_BLOCKED};
}

static void late_flags_land_in_their_requests_time(void **state)
{
	int64_t end_us = NOW_US - 2 * US_PER_HOUR;

	(void)state;
	add_request(end_us, 1);
	add_request(end_us, 2);
	store();
	add_flag(1, end_us + 20 * US_PER_MIN);
	add_flag(1, end_us + 20 * US_PER_MIN); /* told twice */
	add_flag(9, end_us + 20 * US_PER_MIN); /* its request comes later */
	store();
	assert_int_equal(counts.joined, 1);
	assert_int_equal(counts.unjoined, 1);
	struct figures f = totals(end_us, end_us + US_PER_MIN);
	assert_int_equal(f.flags, 1);
	assert_int_equal(f.blocked, 1);
	assert_int_equal(f.flagged_requests, 1);
	add_request(end_us + US_PER_S, 9);
	store();
	assert_int_equal(counts.joined, 2);
	assert_int_equal(totals(end_us, end_us + US_PER_MIN).flags, 2);
	assert_int_equal(totals(0, NOW_US).flags, 2);
	assert_consistent();
}

static void add_feedback(const char *id, uint8_t trace, int64_t time_us)
{
	struct feedback *f = batch_add_feedback(b);

	f->time_us = time_us;
	f->id = str_of(id);
	f->text = STR_LIT("too slow");
	f->user = STR_LIT("mia");
	f->rating = 1;
	f->mood = MOOD_NEGATIVE;
	f->judge = STR_LIT("rating");
	f->has_trace = trace;
	memset(f->trace_id, 0xa0, 16);
	f->trace_id[0] = trace;
}

static void feedback_joins_its_request(void **state)
{
	struct view v = {.to_us = NOW_US};
	struct feedback_result items;
	struct store_reader *r;

	(void)state;
	add_request(NOW_US - US_PER_HOUR, 1);
	add_feedback("a", 1, NOW_US - US_PER_MIN);
	add_feedback("a", 1, NOW_US - US_PER_MIN);
	add_feedback("b", 0, NOW_US - US_PER_MIN);
	store();
	assert_int_equal(counts.joined, 1);
	assert_int_equal(counts.duplicates, 1);
	assert_int_equal(totals(NOW_US - US_PER_HOUR, NOW_US - US_PER_HOUR + US_PER_MIN).negative, 1);
	assert_int_equal(totals(0, NOW_US).feedback, 2);
	must(store_reader_open(&r, path, &err));
	must(query_feedback(r, &v, 10, &items, &err));
	assert_int_equal(items.row_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_false(items.rows[i].text_withheld);
		assert_true(str_equal_c(items.rows[i].item.text, "too slow"));
		assert_int_equal(items.rows[i].item.mood, MOOD_NEGATIVE);
	}
	feedback_result_fini(&items);
	store_reader_close(&r);
	assert_consistent();
}

/* Whether the bytes are anywhere in the store's files. */
static bool files_hold(const char *bytes)
{
	char command[200];

	snprintf(command, sizeof command, "grep -qaF %s %s/t.db %s/t.db-wal", bytes, folder, folder);
	return system(command) == 0;
}

static void forgetting_a_user_leaves_nothing(void **state)
{
	struct top_result tops;
	struct store_reader *r;

	(void)state;
	/* In small commits, which write the newest block over and over. */
	for (uint8_t i = 0; i < 90; i++) {
		struct request *q = add_request(NOW_US - US_PER_HOUR * (89 - i) - 1, i);

		if (i % 3)
			q->attrs[ATTR_SESSION] = STR_LIT("secret-of-mia");
		if (i % 4 == 3)
			store();
	}
	add_feedback("a", 0, NOW_US - US_PER_MIN);
	store();
	assert_true(files_hold("secret-of-mia"));
	assert_int_equal(store_writer_forget_user(w, STR_LIT("mia"), &err), 61);
	assert_int_equal(totals(0, NOW_US).requests, 30);
	assert_int_equal(totals(0, NOW_US).feedback, 0);
	must(store_reader_open(&r, path, &err));
	must(query_top(r, ATTR_USER, 0, NOW_US, 10, &tops, &err));
	assert_int_equal(tops.row_count, 1);
	assert_string_equal(tops.rows[0].value, "u_0123456789abcdef");
	assert_int_equal(tops.rows[0].requests, 30);
	top_result_fini(&tops);
	store_reader_close(&r);
	assert_consistent();
	store_writer_close(&w);
	assert_false(files_hold("secret-of-mia"));
	open_writer(NOW_US);
}

static void forgetting_an_import_leaves_the_rest(void **state)
{
	struct import_result imports;
	struct store_reader *r;

	(void)state;
	add_request(NOW_US - US_PER_DAY, 1);
	store();
	b->has_import = true;
	b->import = (struct import_mark){.key = UINT64_C(0xfedcba9876543210), .name = STR_LIT("x.csv"), .kind = STR_LIT("request"),
	                                 .rows_done = 40};
	for (uint8_t i = 0; i < 40; i++)
		add_request(NOW_US - US_PER_DAY, (uint8_t)(100 + i));
	store();
	must(store_reader_open(&r, path, &err));
	must(query_imports(r, NULL, &imports, &err));
	assert_int_equal(imports.row_count, 1);
	assert_true(imports.rows[0].mark.key == UINT64_C(0xfedcba9876543210));
	assert_int_equal(imports.rows[0].mark.rows_done, 40);
	import_result_fini(&imports);
	store_reader_close(&r);
	assert_int_equal(totals(0, NOW_US).requests, 41);
	assert_int_equal(store_writer_forget_import(w, UINT64_C(0xfedcba9876543210), &err), 40);
	assert_int_equal(totals(0, NOW_US).requests, 1);
	assert_int_equal(store_writer_forget_import(w, 1, &err), -1);
	assert_consistent();
}

static void retain_all(const struct retention *keep)
{
	bool more = true;

	for (int i = 0; more; i++) {
		assert_true(i < 10000);
		must(store_writer_retain(w, keep, NOW_US, &more, &err));
	}
}

static size_t raw_rows(void)
{
	struct request_query q = {.view = {.to_us = NOW_US + US_PER_DAY}, .limit = 10000};
	struct request_result res;
	struct store_reader *r;

	must(store_reader_open(&r, path, &err));
	must(query_requests(r, &q, &res, &err));
	size_t n = res.row_count;
	request_result_fini(&res);
	store_reader_close(&r);
	return n;
}

static void retention_by_age_keeps_rollups_and_imports(void **state)
{
	const struct retention keep = {.raw_us = 10 * US_PER_DAY, .rollup_1m_us = 20 * US_PER_DAY, .rollup_10m_us = 25 * US_PER_DAY};

	(void)state;
	for (int d = 0; d < 40; d++)
		for (uint8_t i = 0; i < 5; i++)
			add_request(NOW_US - d * US_PER_DAY - 1 - i * US_PER_MIN, (uint8_t)(i + 5 * d));
	store();
	b->has_import = true;
	b->import = (struct import_mark){.key = 5, .name = STR_LIT("x.csv"), .kind = STR_LIT("request")};
	for (uint8_t i = 0; i < 7; i++)
		add_request(NOW_US - 30 * US_PER_DAY - i * US_PER_MIN, (uint8_t)(240 + i));
	store();
	retain_all(&keep);
	assert_int_equal(raw_rows(), 50 + 7);
	assert_int_equal(totals(0, NOW_US).requests, 207);
	assert_int_equal(totals(NOW_US - 31 * US_PER_DAY, NOW_US - 29 * US_PER_DAY).requests, 17);
	assert_consistent();
	/* A late one for a time whose raw rows are gone is removed again, and its rollups stay. */
	add_request(NOW_US - 15 * US_PER_DAY, 255);
	store();
	retain_all(&keep);
	assert_int_equal(raw_rows(), 57);
	assert_int_equal(totals(0, NOW_US).requests, 208);
	assert_consistent();
}

static void retention_by_size_gives_space_back(void **state)
{
	struct retention keep = {0};
	struct stat before, after;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		struct request *r = add_request(NOW_US - US_PER_HOUR - (int64_t)(30000 - i) * 20 * US_PER_S, 3);
		r->has_span = false;
	}
	store();
	store_writer_close(&w);
	assert_int_equal(stat(path, &before), 0);
	open_writer(NOW_US);
	keep.size_bytes = before.st_size - 600000;
	retain_all(&keep);
	store_writer_close(&w);
	assert_int_equal(stat(path, &after), 0);
	open_writer(NOW_US);
	assert_true(after.st_size <= keep.size_bytes);
	assert_true(raw_rows() > 1000);
	assert_int_equal(totals(0, NOW_US).requests, 30000);
	assert_consistent();
}

static void foreign_and_newer_files_are_left_alone(void **state)
{
	char other[128];
	struct store_options o = {0};
	struct store_writer *second;
	struct store_reader *r;
	sqlite3 *db;

	(void)state;
	assert_int_equal(store_writer_open(&second, path, &o, &err), -1);
	assert_non_null(strstr(err.text, "is writing this store"));
	assert_int_equal(store_writer_owner(path), getpid());
	snprintf(other, sizeof other, "%s/other.db", folder);
	assert_int_equal(sqlite3_open(other, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE x(y)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_writer_open(&second, other, &o, &err), -1);
	assert_non_null(strstr(err.text, "no llmdeck store"));
	assert_int_equal(store_reader_open(&r, other, &err), -1);
	assert_int_equal(sqlite3_exec(db, "PRAGMA application_id=0x4c4c4d44; PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_writer_open(&second, other, &o, &err), -1);
	assert_non_null(strstr(err.text, "newer llmdeck"));
	assert_int_equal(store_reader_open(&r, other, &err), -1);
	FILE *f = fopen(other, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is a text, not a database\n", f);
	fclose(f);
	assert_int_equal(store_writer_open(&second, other, &o, &err), -1);
	assert_int_equal(store_reader_open(&r, "/nonexistent/x.db", &err), -1);
}

static void rollouts_keep_their_history(void **state)
{
	struct view v = {.from_us = NOW_US - US_PER_HOUR, .to_us = NOW_US};
	struct rollout_result res;
	struct store_reader *r;

	(void)state;
	for (uint8_t i = 0; i < 40; i++)
		add_request(NOW_US - US_PER_MIN, (uint8_t)(i < 30 ? 2 * i : 2 * i + 1));
	for (int i = 0; i < 3; i++) {
		struct rollout_state *s = batch_add_rollout(b);

		s->time_us = NOW_US - (3 - i) * US_PER_MIN;
		s->name = s->service = STR_LIT("chat");
		s->phase = i == 2 ? STR_LIT("paused") : STR_LIT("progressing");
		s->arm_count = 2;
		s->arms[0] = (struct rollout_arm){STR_LIT("v2"), STR_LIT("stable"), 75, 75};
		s->arms[1] = (struct rollout_arm){STR_LIT("v1"), STR_LIT("candidate"), 25, 25};
	}
	store();
	must(store_reader_open(&r, path, &err));
	must(query_rollouts(r, &v, &res, &err));
	assert_int_equal(res.row_count, 1);
	assert_true(str_equal_c(res.rows[0].state.phase, "paused"));
	assert_true(res.rows[0].arriving_percent[0] > 74.9 && res.rows[0].arriving_percent[0] < 75.1);
	rollout_result_fini(&res);
	must(query_rollout_history(r, STR_LIT("chat"), 0, NOW_US, &res, &err));
	assert_int_equal(res.row_count, 2);
	rollout_result_fini(&res);
	store_reader_close(&r);
}

/* Appends and commits until it is killed. */
static void write_for_ever(void)
{
	struct store_options o = {.now_us = NOW_US};
	uint64_t n = (uint64_t)getpid() << 20;

	if (store_writer_open(&w, path, &o, &err)) {
		fprintf(stderr, "%s\n", err.text);
		_exit(1);
	}
	for (;;) {
		for (int i = 0; i < 400; i++, n++) {
			struct request *r = add_request(NOW_US - (int64_t)(n * 7919 % 7200) * US_PER_S - 1, (uint8_t)n);

			memcpy(r->span_id, &n, 8);
			memcpy(r->trace_id, &n, 8);
		}
		add_feedback("", 0, NOW_US - (int64_t)(n % 100000));
		if (store_writer_append(w, b, &counts, &err) || store_writer_commit(w, &err)) {
			fprintf(stderr, "%s\n", err.text);
			_exit(1);
		}
		batch_reset(b);
	}
}

static void a_killed_writer_leaves_a_consistent_store(void **state)
{
	int64_t last = 0;

	(void)state;
	store_writer_close(&w);
	for (int round = 0; round < 8; round++) {
		struct store_summary s = {0};
		struct store_reader *r;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			write_for_ever();
		/* Killed when it has committed something, at no particular moment. */
		int64_t deadline = clock_mono_us() + 20 * US_PER_S;
		for (bool more = true; more;) {
			assert_true(clock_mono_us() < deadline);
			if (!store_reader_open(&r, path, &err)) {
				if (!query_summary(r, &s, &err))
					more = s.requests <= last + 1000 * round;
				store_reader_close(&r);
			}
		}
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_consistent();
		last = s.requests;
	}
	open_writer(NOW_US);
	assert_true(totals(0, NOW_US).requests >= last);
}

static void readers_see_whole_commits_while_writing(void **state)
{
	struct store_reader *a, *z;
	struct store_summary s;

	(void)state;
	add_request(NOW_US - US_PER_MIN, 1);
	store();
	must(store_reader_open(&a, path, &err));
	must(store_reader_open(&z, path, &err));
	int64_t version = store_reader_version(a);
	for (uint8_t i = 2; i < 40; i++) {
		add_request(NOW_US - US_PER_MIN, i);
		must(store_writer_append(w, b, &counts, &err));
		batch_reset(b);
		must(query_summary(a, &s, &err));
		assert_int_equal(s.requests, i - 1);
		assert_int_equal(store_reader_version(a), version);
		must(store_writer_commit(w, &err));
		must(query_summary(z, &s, &err));
		assert_int_equal(s.requests, i);
		assert_int_not_equal(store_reader_version(a), version);
		version = store_reader_version(a);
	}
	store_reader_close(&a);
	store_reader_close(&z);
}

static void another_user_may_read(void **state)
{
	int status;

	(void)state;
	if (getuid()) {
		print_message("skipped: only root can become another user\n");
		skip();
	}
	add_request(NOW_US - US_PER_MIN, 1);
	add_feedback("a", 0, NOW_US - US_PER_MIN);
	store();
	assert_int_equal(chmod(folder, 0755), 0);
	char command[256];
	snprintf(command, sizeof command, "chmod 0644 %s/t.db %s/t.db-wal %s/t.db-shm", folder, folder, folder);
	assert_int_equal(system(command), 0);
	for (int closed = 0; closed < 2; closed++) {
		pid_t child = fork();

		if (child == 0) {
			struct view v = {.to_us = NOW_US};
			struct feedback_result items;
			struct store_summary s;
			struct store_reader *r;

			if (setgid(65534) || setuid(65534))
				_exit(2);
			if (store_reader_open(&r, path, &err) || query_summary(r, &s, &err) || s.requests != 1 ||
			    query_feedback(r, &v, 10, &items, &err)) {
				fprintf(stderr, "%s\n", err.text);
				_exit(1);
			}
			_exit(items.row_count == 1 && items.rows[0].text_withheld && !items.rows[0].item.text.len ? 0 : 3);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		store_writer_close(&w);
	}
	open_writer(NOW_US);
}

static void a_full_disk_undoes_only_what_was_open(void **state)
{
	struct rlimit limit, low;
	bool failed = false;

	(void)state;
	add_request(NOW_US - US_PER_MIN, 1);
	store();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 900000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	for (int i = 0; i < 100 && !failed; i++) {
		for (int k = 0; k < 2000; k++)
			add_request(NOW_US - US_PER_HOUR - (i * 2000 + k) * US_PER_S, 3)->has_span = false;
		failed = store_writer_append(w, b, &counts, &err) || (i % 5 == 4 && store_writer_commit(w, &err));
		batch_reset(b);
	}
	assert_true(failed);
	assert_true(err.text[0]);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_DFL);
	add_request(NOW_US - US_PER_MIN, 2);
	store();
	assert_true(totals(NOW_US - 2 * US_PER_MIN, NOW_US).requests == 2);
	assert_consistent();
}

static void views_show_what_is_stored(void **state)
{
	static const char *const queries[] = {
		"SELECT count(*) FROM v_requests WHERE service='chat' AND user='mia' AND cost_nusd=5001 AND trace_id IS NOT NULL",
		"SELECT count(*) FROM v_flags WHERE category='hate' AND severity=3 AND blocked=1 AND model IS NULL",
		"SELECT count(*) FROM v_feedback WHERE mood=3 AND judge='rating'",
		"SELECT requests FROM v_rollups WHERE service='chat' AND latency_p50_us>900000",
	};
	sqlite3 *db;

	(void)state;
	add_request(NOW_US - US_PER_MIN, 1);
	store();
	add_flag(1, NOW_US);
	add_feedback("a", 1, NOW_US);
	store();
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	must(schema_add_functions(db, &err));
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		sqlite3_stmt *st;

		assert_int_equal(sqlite3_prepare_v2(db, queries[i], -1, &st, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(st, 0), 1);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}

int main(void)
{
#define LIFE(name) cmocka_unit_test_setup_teardown(name, set_up, remove_folder)
	const struct CMUnitTest tests[] = {
		LIFE(a_span_counts_once), LIFE(rows_without_a_span_all_count), LIFE(a_correction_takes_back_what_was_added),
		LIFE(late_flags_land_in_their_requests_time), LIFE(feedback_joins_its_request),
		LIFE(forgetting_a_user_leaves_nothing), LIFE(forgetting_an_import_leaves_the_rest),
		LIFE(retention_by_age_keeps_rollups_and_imports), LIFE(retention_by_size_gives_space_back),
		LIFE(foreign_and_newer_files_are_left_alone), LIFE(rollouts_keep_their_history),
		LIFE(a_killed_writer_leaves_a_consistent_store), LIFE(readers_see_whole_commits_while_writing),
		LIFE(another_user_may_read), LIFE(views_show_what_is_stored),
		LIFE(a_full_disk_undoes_only_what_was_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
