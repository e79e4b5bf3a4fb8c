/* A thin layer over SQLite's C interface: errors become sentences. Internal to store/. */
#ifndef LLMDECK_STORE_SQL_H
#define LLMDECK_STORE_SQL_H

#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* Sets the library up for a process that writes; before its first connection, any thread, any number of times. What
 * only reads keeps the count of memory, which bounds people's own SQL (ask.h). */
void sql_set_up(void);
/* Fills err from the connection's last error; returns -1. */
int sql_fail(sqlite3 *db, const char *what, struct err *err);
/* Runs a text of one or more constant statements. */
int sql_exec(sqlite3 *db, const char *sql, struct err *err);
/* Prepares a statement meant to be kept. The caller finalizes it. */
int sql_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct err *err);
/* Steps: 1 a row, 0 done (and reset), -1 failed (and reset). */
int sql_step(sqlite3_stmt *st, struct err *err);
/* Steps a statement that gives no rows and resets it. */
int sql_run(sqlite3_stmt *st, struct err *err);
/* One integer from a one-row statement text; `missing` when there is no row or it is NULL. */
int sql_int(sqlite3 *db, const char *sql, int64_t missing, int64_t *out, struct err *err);

/* Bind helpers; a str is bound without a copy and must outlive the step. Empty text binds ''. */
void sql_bind_str(sqlite3_stmt *st, int at, struct str s);
void sql_bind_blob(sqlite3_stmt *st, int at, const void *bytes, size_t len);
void sql_bind_unknown(sqlite3_stmt *st, int at, int64_t v); /* NULL when v is UNKNOWN_INT */
/* The column's text, borrowed until the next step. */
struct str sql_str(sqlite3_stmt *st, int column);
/* The column's text copied into the arena, never NULL. */
const char *sql_text(sqlite3_stmt *st, int column, struct arena *arena);
int64_t sql_unknown(sqlite3_stmt *st, int column); /* UNKNOWN_INT for NULL */

#endif
