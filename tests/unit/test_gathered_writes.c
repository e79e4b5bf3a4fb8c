/* A log that gathers small writes reads as if each had been written at once; nothing is said to be safe that is
 * not in the file; a commit is seen by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "store/gathered_writes.h"

#define SIZE 400000

static char folder[] = "/tmp/llmdeck-gathered-XXXXXX";
static char path[64], log_path[72]; /* SQLite gives a log the rights of its database */

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/llmdeck-gathered-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/file", folder);
	snprintf(log_path, sizeof log_path, "%s-wal", path);
	FILE *f = fopen(path, "wb");
	return f ? fclose(f) : -1;
}

static int tear_down(void **state)
{
	const char *const ends[] = {"", "-wal", "-shm", "-journal"};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char name[80];

		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		unlink(name);
	}
	return rmdir(folder);
}

static sqlite3_file *open_file(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(gathered_writes());
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
	sqlite3_file *f = mem_zalloc((size_t)vfs->szOsFile);

	assert_int_equal(vfs->xOpen(vfs, log_path, f, flags, NULL), SQLITE_OK);
	return f;
}

static void close_file(sqlite3_file *f)
{
	assert_int_equal(f->pMethods->xClose(f), SQLITE_OK);
	free(f);
}

static size_t size_in_system(void)
{
	struct stat st;

	return stat(log_path, &st) ? 0 : (size_t)st.st_size;
}

static void writes_in_any_order_are_the_file(void **state)
{
	static uint8_t is[SIZE], want[SIZE];
	sqlite3_file *f = open_file();
	size_t end = 0, at = 0;
	sqlite3_int64 size;

	(void)state;
	srand(1);
	for (int i = 0; i < 3000; i++) {
		size_t len = (size_t)(rand() % (i % 50 ? 4200 : 60000)) + 1;

		/* Mostly one behind the other, as a log is written, at times somewhere else. */
		at = rand() % 30 && at + len <= SIZE ? at : (size_t)rand() % (end ? end : 1);
		len = at + len <= SIZE ? len : SIZE - at;
		if (!len)
			continue;
		for (size_t k = 0; k < len; k++)
			want[at + k] = (uint8_t)rand();
		assert_int_equal(f->pMethods->xWrite(f, want + at, (int)len, (sqlite3_int64)at), SQLITE_OK);
		at += len;
		end = at > end ? at : end;
		if (i % 97 == 0) {
			assert_int_equal(f->pMethods->xRead(f, is, (int)end, 0), SQLITE_OK);
			assert_memory_equal(is, want, end);
		}
		if (i % 101 == 0) {
			assert_int_equal(f->pMethods->xFileSize(f, &size), SQLITE_OK);
			assert_int_equal(size, end);
		}
		if (i % 401 == 0) {
			end /= 2;
			assert_int_equal(f->pMethods->xTruncate(f, (sqlite3_int64)end), SQLITE_OK);
			memset(want + end, 0, SIZE - end);
			at = end;
		}
	}
	close_file(f);
	FILE *file = fopen(log_path, "rb");
	assert_non_null(file);
	assert_int_equal(fread(is, 1, SIZE, file), end);
	fclose(file);
	assert_memory_equal(is, want, end);
}

static void what_is_synced_is_in_the_file(void **state)
{
	sqlite3_file *f = open_file();
	char bytes[4096] = {1};

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(f->pMethods->xWrite(f, bytes, sizeof bytes, i * 4096), SQLITE_OK);
	assert_int_equal(size_in_system(), 0);
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(size_in_system(), sizeof bytes * 5);
	close_file(f);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void what_cannot_be_written_fails_the_sync(void **state)
{
	sqlite3_file *f = open_file();
	char bytes[4096] = {1};

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(f->pMethods->xWrite(f, bytes, sizeof bytes, 0), SQLITE_OK);
	limit_files(1000);
	assert_int_not_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	limit_files(RLIM_INFINITY);
	/* It was told; nothing of it comes later. */
	assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_true(size_in_system() <= 1000);
	close_file(f);
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Transactions larger than the page cache, some undone, with checkpoints between them. */
static void commits_are_seen_by_others(void **state)
{
	sqlite3 *db, *other;

	(void)state;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, gathered_writes()), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=20; PRAGMA wal_autocheckpoint=300;"
	                              "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (int i = 1; i <= 30; i++) {
		assert_int_equal(sqlite3_exec(db, "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100)"
		                              "INSERT INTO t(b) SELECT randomblob(3000) FROM n; UPDATE t SET b=randomblob(500) WHERE id%7=0",
		                              NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(number(other, "SELECT count(*) FROM t"), (i - 1) / 2 * 100);
		assert_int_equal(sqlite3_exec(db, i % 2 ? "ROLLBACK" : "COMMIT", NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(number(other, "SELECT count(*) FROM t"), i / 2 * 100);
	}
	sqlite3_stmt *st = NULL;
	assert_int_equal(sqlite3_prepare_v2(other, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(st, 0), "ok");
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ON_DISK(writes_in_any_order_are_the_file), ON_DISK(what_is_synced_is_in_the_file),
		ON_DISK(what_cannot_be_written_fails_the_sync), ON_DISK(commits_are_seen_by_others),
	};

	sqlite3_initialize();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
