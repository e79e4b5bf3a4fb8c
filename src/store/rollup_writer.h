/* Writes what a transaction adds to the rollups into their tables, some of the work on a thread of its own.
 * A rollup writer belongs to the thread that has the connection. Internal to store/. */
#ifndef LLMDECK_STORE_ROLLUP_WRITER_H
#define LLMDECK_STORE_ROLLUP_WRITER_H

#include <sqlite3.h>

#include "base/err.h"
#include "store/delta.h"

struct rollup_job;

struct rollup_writer {
	sqlite3 *db;
	sqlite3_stmt *newest[TIER_COUNT], *get[TIER_COUNT], *insert[TIER_COUNT], *update[TIER_COUNT], *remove[TIER_COUNT];
	struct rollup_job *job;
};
int rollup_writer_open(struct rollup_writer *w, sqlite3 *db, struct err *err);
void rollup_writer_close(struct rollup_writer *w);

/* Begins to write `d` and leaves it empty; ends what was begun before. -1: the transaction is to be
 * rolled back, here and below. */
int rollup_writer_begin(struct rollup_writer *w, struct delta *d, struct names *n, struct err *err);
/* Goes on with what was begun, as far as that needs no waiting. */
int rollup_writer_go_on(struct rollup_writer *w, struct names *n, struct err *err);
/* Whether nothing is begun; whether going on has to wait for the thread. */
bool rollup_writer_is_idle(const struct rollup_writer *w);
bool rollup_writer_is_waiting(const struct rollup_writer *w);
/* Writes what was begun and all of `d`, and leaves it empty. */
int rollup_writer_flush(struct rollup_writer *w, struct delta *d, struct names *n, struct err *err);
/* Forgets what was begun: the transaction was rolled back. */
void rollup_writer_forget(struct rollup_writer *w);

#endif
