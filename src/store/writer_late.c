/* Flags that arrive by themselves. A late flag becomes part of its request's row (and of its rollups)
 * and keeps a row of its own; without a request it waits, and is joined when the request comes. */
#include <string.h>

#include "base/clock.h"
#include "store/feedback.h"
#include "store/sql.h"
#include "store/writer_private.h"

#define WAITING ((void *)(uintptr_t)1)
#define KEY_BITS (INT64_MAX) /* keys of hashes are kept positive */

static uint64_t trace_hash(const uint8_t trace_id[16])
{
	uint64_t h = hash_bytes(trace_id, 16);

	return h ? h : 1;
}

int writer_load_waiting(struct store_writer *w, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_WAITING_FLAGS];
	int got;

	intmap_clear(&w->waiting);
	while ((got = sql_step(st, err)) > 0)
		if (sqlite3_column_bytes(st, 1) == 16)
			intmap_put(&w->waiting, trace_hash(sqlite3_column_blob(st, 1)), WAITING);
	return got < 0 ? -1 : feedback_load_waiting(w, err);
}

/* Adds a finding to a stored request and its rollups. */
static int add_to_request(struct store_writer *w, int64_t id, const struct packed_flag *flag, struct err *err)
{
	uint32_t series;
	int got = writer_get_request(w, id, &series, &w->other, err);

	if (got <= 0 || w->other.flag_count >= PACK_FLAGS_MAX)
		return got < 0 ? -1 : 0;
	writer_count_request(w, series, &w->other, -1);
	w->other.flags[w->other.flag_count++] = *flag;
	if (writer_set_request(w, id, series, &w->other, err))
		return -1;
	writer_count_request(w, series, &w->other, 1);
	return 0;
}

static int add_flag(struct store_writer *w, const struct late_flag *f, struct store_counts *counts, struct err *err)
{
	struct packed_flag flag = {.severity = f->flag.severity < -1 ? (int8_t)-1 : f->flag.severity, .action = f->flag.action & 1};
	sqlite3_stmt *st = w->st[ST_ADD_FLAG];
	uint32_t source;
	int64_t id = 0;

	if (names_intern(&w->names, f->flag.category, &flag.category, err) || names_intern(&w->names, f->source, &source, err))
		return -1;
	int joined = writer_find_trace(w, f->trace_id, f->time_us, &id, err);
	if (joined < 0)
		return -1;
	uint64_t key = hash_mix(hash_mix(trace_hash(f->trace_id), (uint64_t)f->time_us),
	                        (uint64_t)flag.category << 32 | source);
	sqlite3_bind_int64(st, 1, f->time_us);
	sqlite3_bind_blob(st, 2, f->trace_id, 16, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, flag.category);
	sqlite3_bind_int(st, 4, flag.severity);
	sqlite3_bind_int(st, 5, flag.action);
	sqlite3_bind_int64(st, 6, source);
	if (joined)
		sqlite3_bind_int64(st, 7, id);
	else
		sqlite3_bind_null(st, 7);
	sqlite3_bind_int64(st, 8, (int64_t)(key & KEY_BITS));
	if (sql_run(st, err))
		return -1;
	if (!sqlite3_changes(w->db)) {
		counts->duplicates++;
		return 0;
	}
	counts->added++;
	if (joined) {
		counts->joined++;
		return add_to_request(w, id, &flag, err);
	}
	counts->unjoined++;
	intmap_put(&w->waiting, trace_hash(f->trace_id), WAITING);
	return 0;
}

int writer_add_flags(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->late_flag_count; i++)
		if (add_flag(w, &b->late_flags[i], counts, err))
			return -1;
	return 0;
}

int writer_join_waiting(struct store_writer *w, int64_t id, struct store_counts *counts, struct err *err)
{
	struct packed_flag flags[PACK_FLAGS_MAX];
	int64_t rows[PACK_FLAGS_MAX];
	size_t n = 0;
	sqlite3_stmt *st = w->st[ST_WAITING_FLAGS];
	const uint8_t *trace_id = w->packed.trace_id;
	int got;

	while ((got = sql_step(st, err)) > 0 && n < PACK_FLAGS_MAX) {
		int64_t apart = sqlite3_column_int64(st, 5) - w->packed.end_us;

		if (sqlite3_column_bytes(st, 1) != 16 || memcmp(sqlite3_column_blob(st, 1), trace_id, 16) != 0 ||
		    apart > US_PER_HOUR || apart < -US_PER_HOUR)
			continue;
		rows[n] = sqlite3_column_int64(st, 0);
		flags[n++] = (struct packed_flag){(uint32_t)sqlite3_column_int64(st, 2), (int8_t)sqlite3_column_int(st, 3),
		                                  (uint8_t)sqlite3_column_int(st, 4)};
	}
	sqlite3_reset(st);
	if (got < 0)
		return -1;
	intmap_remove(&w->waiting, trace_hash(trace_id));
	for (size_t i = 0; i < n; i++) {
		sqlite3_bind_int64(w->st[ST_JOIN_FLAG], 1, rows[i]);
		sqlite3_bind_int64(w->st[ST_JOIN_FLAG], 2, id);
		if (sql_run(w->st[ST_JOIN_FLAG], err) || add_to_request(w, id, &flags[i], err))
			return -1;
		counts->joined++;
	}
	return feedback_join_trace(w, id, counts, err);
}
