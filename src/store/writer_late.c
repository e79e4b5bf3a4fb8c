/* Flags and feedback that arrive by themselves. A late flag becomes part of its request's row (and
 * of its rollups) and keeps a row of its own; without a request it waits, and is joined when the
 * request comes. Feedback stands in the rollups of its request's time, or of its own. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
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
	return got;
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

		if (sqlite3_column_bytes(st, 1) != 16 || memcmp(sqlite3_column_blob(st, 1), trace_id, 16) ||
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
	return 0;
}

void writer_count_feedback(struct store_writer *w, uint32_t series, int64_t time_us, int mood, int sign)
{
	struct figures *f = delta_counts(&w->delta, series, time_us, w->meta[META_FLOOR_10S]);

	f->feedback += sign;
	f->positive += mood == MOOD_POSITIVE ? sign : 0;
	f->neutral += mood == MOOD_NEUTRAL ? sign : 0;
	f->negative += mood == MOOD_NEGATIVE ? sign : 0;
}

static int64_t feedback_key(const struct feedback *f)
{
	uint64_t h = hash_bytes(f->source.ptr, f->source.len);

	if (f->id.len)
		return (int64_t)(hash_mix(h, hash_bytes(f->id.ptr, f->id.len)) & KEY_BITS);
	h = hash_mix(hash_mix(h, (uint64_t)f->time_us), hash_bytes(f->text.ptr, f->text.len));
	h = hash_mix(h, hash_bytes(f->user.ptr, f->user.len));
	h = hash_mix(h, f->has_trace ? trace_hash(f->trace_id) : 0);
	h = hash_mix(h, hash_bytes(&f->rating, sizeof f->rating));
	return (int64_t)(hash_mix(h, hash_bytes(&f->score, sizeof f->score)) & KEY_BITS);
}

/* A free id at the item's time; 0 in *id when the item is stored already. */
static int place_feedback(struct store_writer *w, int64_t key, int64_t *id, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_FIND_FEEDBACK];

	for (;; ++*id) {
		sqlite3_bind_int64(st, 1, key);
		sqlite3_bind_int64(st, 2, *id);
		int got = sql_step(st, err);
		bool known = got > 0 && sqlite3_column_int(st, 0), taken = got > 0 && sqlite3_column_int(st, 1);
		sqlite3_reset(st);
		if (got < 0)
			return -1;
		if (known)
			*id = 0;
		if (known || !taken)
			return 0;
	}
}

static void bind_real(sqlite3_stmt *st, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_double(st, at, v);
}

static void bind_request_figures(sqlite3_stmt *st, bool joined, const struct packed *p)
{
	for (int i = 16; i <= 20; i++)
		sqlite3_bind_null(st, i);
	if (!joined)
		return;
	sql_bind_unknown(st, 16, p->latency_us);
	if (p->cost_source != COST_UNPRICED)
		sqlite3_bind_int64(st, 17, p->cost_nusd);
	sql_bind_unknown(st, 18, p->input_tokens);
	sql_bind_unknown(st, 19, p->output_tokens);
	sqlite3_bind_int(st, 20, p->status);
}

static int store_text(struct store_writer *w, int64_t id, struct str text, struct err *err)
{
	if (!w->texts || !text.len)
		return 0;
	if (!w->texts_open && sql_exec(w->texts, "BEGIN IMMEDIATE", err))
		return -1;
	w->texts_open = true;
	if (text.len > EVENT_TEXT_MAX_BYTES)
		text.len = EVENT_TEXT_MAX_BYTES;
	sqlite3_bind_int64(w->add_text, 1, id);
	sql_bind_str(w->add_text, 2, text);
	return sql_run(w->add_text, err);
}

/* The item's series: its own dimensions, the unset ones from its request. */
static int feedback_series(struct store_writer *w, const struct feedback *f, bool joined, uint32_t request_series,
                           uint32_t *series, struct err *err)
{
	struct str dims[DIM_COUNT];

	for (int d = 0; d < DIM_COUNT; d++) {
		dims[d] = f->dims[d];
		if (!dims[d].len && joined)
			dims[d] = str_of(names_text(&w->names, w->names.series[request_series].value[d]));
	}
	return names_leaf(&w->names, dims, series, err);
}

static int add_feedback(struct store_writer *w, const struct feedback *f, struct store_counts *counts, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_ADD_FEEDBACK];
	int64_t key = feedback_key(f), request = 0;
	uint32_t request_series = 0, series, judge, language, source;
	int joined = 0;

	if (f->time_us <= 0 || f->time_us > ID_TIME_MAX_US - US_PER_DAY)
		return err_set(err, "store: a feedback item has the time %lld us, outside of 1970 to 2255: correct it", (long long)f->time_us);
	int64_t id = id_first_us(f->time_us) + (key & ((1 << ID_BITS) - 1));
	if (place_feedback(w, key, &id, err))
		return -1;
	if (!id) {
		counts->duplicates++;
		return 0;
	}
	if (f->has_trace && (joined = writer_find_trace(w, f->trace_id, f->time_us, &request, err)) > 0)
		joined = writer_get_request(w, request, &request_series, &w->other, err);
	if (joined < 0 || feedback_series(w, f, joined, request_series, &series, err) ||
	    names_intern(&w->names, f->judge, &judge, err) || names_intern(&w->names, f->language, &language, err) ||
	    names_intern(&w->names, f->source, &source, err))
		return -1;
	int64_t counted_us = joined ? w->other.end_us : f->time_us;
	const int64_t numbers[] = {id, key, series, counted_us};
	for (int i = 0; i < 4; i++)
		sqlite3_bind_int64(st, 1 + i, numbers[i]);
	sql_bind_str(st, 5, f->id);
	sqlite3_bind_int(st, 6, f->mood);
	bind_real(st, 7, f->score);
	bind_real(st, 8, f->rating);
	sqlite3_bind_int64(st, 9, judge);
	sqlite3_bind_int64(st, 10, language);
	sql_bind_str(st, 11, f->user);
	sqlite3_bind_int64(st, 12, source);
	if (f->has_trace)
		sqlite3_bind_blob(st, 13, f->trace_id, 16, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 13);
	if (joined)
		sqlite3_bind_int64(st, 14, request);
	else
		sqlite3_bind_null(st, 14);
	sqlite3_bind_int64(st, 15, w->import_ref);
	bind_request_figures(st, joined, &w->other);
	if (sql_run(st, err) || store_text(w, id, f->text, err))
		return -1;
	counts->added++;
	counts->joined += joined ? 1 : 0;
	counts->unjoined += f->has_trace && !joined ? 1 : 0;
	w->meta[META_FEEDBACK]++;
	writer_count_feedback(w, series, counted_us, f->mood, 1);
	return 0;
}

int writer_add_feedback(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->feedback_count; i++)
		if (add_feedback(w, &b->feedback[i], counts, err) || (i % 1024 == 1023 && writer_flush(w, false, err)))
			return -1;
	return 0;
}
