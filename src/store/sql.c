/* Statements are prepared once and reset after each use; nothing here keeps state. */
#include "store/sql.h"

#include <pthread.h>

#include "core/event.h"

/* Without its count of all memory, allocations take no lock that all threads share. */
static void set_up_once(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

void sql_set_up(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_up_once);
}

int sql_fail(sqlite3 *db, const char *what, struct err *err)
{
	const char *path = sqlite3_db_filename(db, "main");

	if (!path)
		path = "store";
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, "%s: %s: the store is locked by another process: try again in a moment", what, path);
	case SQLITE_FULL:
		return err_set(err, "%s: %s: the disk is full: make room, nothing of this was stored", what, path);
	case SQLITE_NOTADB:
		return err_set(err, "%s: %s: this is no llmdeck store: name another file with --store", what, path);
	case SQLITE_CORRUPT:
		return err_set(err, "%s: %s: the file is damaged (%s): restore it from a copy", what, path, sqlite3_errmsg(db));
	case SQLITE_INTERRUPT:
		return err_set(err, "%s: interrupted", what);
	case SQLITE_IOERR:
		return err_set(err, "%s: %s: reading or writing failed (%s): check the disk", what, path, sqlite3_errmsg(db));
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return err_set(err, "%s: %s: no access (%s): check the file's owner and mode", what, path, sqlite3_errmsg(db));
	default:
		return err_set(err, "%s: %s: %s", what, path, sqlite3_errmsg(db));
	}
}

int sql_exec(sqlite3 *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(db, "store", err);
	return 0;
}

int sql_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct err *err)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
		return sql_fail(db, "store", err);
	return 0;
}

int sql_step(sqlite3_stmt *st, struct err *err)
{
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		sqlite3_reset(st);
		return 0;
	default:
		sql_fail(sqlite3_db_handle(st), "store", err);
		sqlite3_reset(st);
		return -1;
	}
}

int sql_run(sqlite3_stmt *st, struct err *err)
{
	int got = sql_step(st, err);

	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

int sql_int(sqlite3 *db, const char *sql, int64_t missing, int64_t *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	*out = missing;
	if (sql_prepare(db, &st, sql, err))
		return -1;
	int got = sql_step(st, err);
	if (got > 0 && sqlite3_column_type(st, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

void sql_bind_str(sqlite3_stmt *st, int at, struct str s)
{
	sqlite3_bind_text64(st, at, s.len ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

void sql_bind_blob(sqlite3_stmt *st, int at, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(st, at, len ? bytes : "", len, SQLITE_STATIC);
}

void sql_bind_unknown(sqlite3_stmt *st, int at, int64_t v)
{
	if (v == UNKNOWN_INT)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_int64(st, at, v);
}

struct str sql_str(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return (struct str){text, text ? (size_t)sqlite3_column_bytes(st, column) : 0};
}

const char *sql_text(sqlite3_stmt *st, int column, struct arena *arena)
{
	struct str s = sql_str(st, column);

	return arena_copy(arena, s.len ? s.ptr : "", s.len);
}

int64_t sql_unknown(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? UNKNOWN_INT : sqlite3_column_int64(st, column);
}
