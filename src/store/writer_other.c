/* Billing rows, gauges, rollout states and import marks: few, so each is written as it comes. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "store/sql.h"
#include "store/writer_private.h"

static void bind_real(sqlite3_stmt *st, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_double(st, at, v);
}

static int add_billing(struct store_writer *w, const struct billing *b, struct err *err)
{
	const struct str texts[] = {b->provider, b->service, b->model, b->region, b->account, b->team, b->currency, b->unit,
	                            b->description};
	const int64_t counts[] = {b->input_tokens, b->output_tokens, b->cached_tokens, b->requests};
	sqlite3_stmt *st = w->st[ST_ADD_BILLING];
	uint32_t source;

	if (names_intern(&w->names, b->source, &source, err))
		return -1;
	sqlite3_bind_int64(st, 1, b->from_us);
	sqlite3_bind_int64(st, 2, b->to_us);
	for (int i = 0; i < 9; i++)
		sql_bind_str(st, 3 + i, texts[i]);
	if (b->cost_known)
		sqlite3_bind_int64(st, 12, b->cost_nusd);
	else
		sqlite3_bind_null(st, 12);
	bind_real(st, 13, b->quantity);
	for (int i = 0; i < 4; i++)
		sql_bind_unknown(st, 14 + i, counts[i]);
	sqlite3_bind_int64(st, 18, source);
	sqlite3_bind_int64(st, 19, w->import_ref);
	return sql_run(st, err);
}

int writer_add_billing(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->billing_count; i++) {
		if (add_billing(w, &b->billing[i], err))
			return -1;
		counts->added++;
		w->meta[META_BILLING]++;
	}
	return 0;
}

/* Probes like a request: 1 inserted, 0 stored already. */
static int place_span(struct store_writer *w, const struct span *s, struct err *err)
{
	sqlite3_stmt *add = w->st[ST_ADD_SPAN], *find = w->st[ST_FIND_SPAN];
	int64_t id = id_first_us(s->end_us) + (int64_t)(hash_bytes(s->span_id, 8) & ((1u << ID_BITS) - 1));

	sqlite3_bind_blob(find, 2, s->span_id, 8, SQLITE_STATIC);
	sqlite3_bind_blob(find, 3, s->trace_id, 16, SQLITE_STATIC);
	for (;; id++) {
		sqlite3_bind_int64(add, 1, id);
		if (sql_run(add, err))
			return -1;
		if (sqlite3_changes(w->db))
			return 1;
		sqlite3_bind_int64(find, 1, id);
		int got = sql_step(find, err);
		sqlite3_reset(find);
		if (got)
			return got < 0 ? -1 : 0;
	}
}

int writer_add_spans(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_ADD_SPAN];

	for (size_t i = 0; i < b->span_count; i++) {
		const struct span *s = &b->spans[i];
		const struct str texts[] = {s->name, s->service, s->error_type, s->source};
		const int columns[] = {6, 7, 10, 11};

		if (s->end_us <= 0 || s->end_us > ID_TIME_MAX_US - US_PER_DAY)
			return err_set(err, "store: a span ends at %lld us, outside of 1970 to 2255: correct its time", (long long)s->end_us);
		for (int c = 0; c < 4; c++) {
			uint32_t id;

			if (names_intern(&w->names, texts[c], &id, err))
				return -1;
			sqlite3_bind_int64(st, columns[c], id);
		}
		sqlite3_bind_blob(st, 2, s->trace_id, 16, SQLITE_STATIC);
		sqlite3_bind_blob(st, 3, s->span_id, 8, SQLITE_STATIC);
		if (s->has_parent)
			sqlite3_bind_blob(st, 4, s->parent_id, 8, SQLITE_STATIC);
		else
			sqlite3_bind_null(st, 4);
		sqlite3_bind_int(st, 5, s->kind);
		sqlite3_bind_int64(st, 8, s->end_us - s->start_us);
		sqlite3_bind_int(st, 9, s->status);
		int placed = place_span(w, s, err);
		if (placed < 0)
			return -1;
		counts->added += placed ? 1 : 0;
		counts->duplicates += placed ? 0 : 1;
	}
	return 0;
}

static int add_evaluation(struct store_writer *w, const struct evaluation *e, struct store_counts *counts, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_ADD_EVALUATION];
	uint32_t name, label, source, series;
	int64_t request = 0;
	int joined = 0;

	if (names_intern(&w->names, e->name, &name, err) || names_intern(&w->names, e->label, &label, err) ||
	    names_intern(&w->names, e->source, &source, err) || names_leaf(&w->names, e->dims, &series, err))
		return -1;
	if (e->has_trace && (joined = writer_find_trace(w, e->trace_id, e->time_us, &request, err)) < 0)
		return -1;
	/* It speaks of what its request was, whatever it says of that itself. */
	if (joined && writer_get_request(w, request, &series, &w->other, err) < 0)
		return -1;
	uint64_t key = hash_mix(hash_mix((uint64_t)e->time_us, (uint64_t)name << 32 | label),
	                        hash_mix(e->has_trace ? hash_bytes(e->trace_id, 16) : 0, hash_bytes(e->response_id.ptr, e->response_id.len)));
	sqlite3_bind_int64(st, 1, (int64_t)(key & INT64_MAX));
	sqlite3_bind_int64(st, 2, e->time_us);
	sqlite3_bind_int64(st, 4, series);
	sqlite3_bind_int64(st, 5, name);
	sqlite3_bind_int64(st, 6, label);
	bind_real(st, 7, e->score);
	sql_bind_str(st, 8, e->response_id);
	sqlite3_bind_int64(st, 10, source);
	sqlite3_bind_null(st, 3);
	sqlite3_bind_null(st, 9);
	if (joined)
		sqlite3_bind_int64(st, 3, request);
	if (e->has_trace)
		sqlite3_bind_blob(st, 9, e->trace_id, 16, SQLITE_STATIC);
	if (sql_run(st, err))
		return -1;
	bool fresh = sqlite3_changes(w->db) > 0;
	counts->added += fresh ? 1 : 0;
	counts->duplicates += fresh ? 0 : 1;
	return 0;
}

int writer_add_evaluations(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->evaluation_count; i++)
		if (add_evaluation(w, &b->evaluations[i], counts, err))
			return -1;
	return 0;
}

static int gauge_series(struct store_writer *w, const struct gauge *g, int64_t *id, struct err *err)
{
	const struct str texts[] = {g->name, g->source, g->instance};
	sqlite3_stmt *find = w->st[ST_FIND_GAUGE_SERIES], *add = w->st[ST_ADD_GAUGE_SERIES];

	for (int i = 0; i < 3; i++) {
		sql_bind_str(find, 1 + i, texts[i]);
		sql_bind_str(add, 1 + i, texts[i]);
	}
	int got = sql_step(find, err);
	if (got > 0)
		*id = sqlite3_column_int64(find, 0);
	sqlite3_reset(find);
	if (got)
		return got < 0 ? -1 : 0;
	if (sql_run(add, err))
		return -1;
	*id = sqlite3_last_insert_rowid(w->db);
	return 0;
}

int writer_add_gauges(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->gauge_count; i++) {
		const struct gauge *g = &b->gauges[i];
		int64_t series = 0;

		if (!isfinite(g->value) || g->time_us <= 0 || g->time_us > ID_TIME_MAX_US)
			continue;
		if (gauge_series(w, g, &series, err))
			return -1;
		for (int t = g->time_us < w->meta[META_FLOOR_10S] ? TIER_1M : TIER_10S; t < TIER_COUNT; t++) {
			sqlite3_stmt *st = w->st[ST_ADD_GAUGE + t];

			sqlite3_bind_int64(st, 1, rollup_key((uint32_t)series, g->time_us / tier_us[t]));
			sqlite3_bind_double(st, 2, g->value);
			sqlite3_bind_int64(st, 3, g->time_us);
			if (sql_run(st, err))
				return -1;
		}
		counts->added++;
	}
	return 0;
}

static bool same_real(double a, double b)
{
	return (isnan(a) && isnan(b)) || fabs(a - b) < 1e-9;
}

static double column_real(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

/* 1 when the stored arms are those of the state. */
static int same_arms(struct store_writer *w, int64_t id, const struct rollout_state *s, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_GET_ARMS];
	uint32_t i = 0;
	bool same = true;
	int got;

	sqlite3_bind_int64(st, 1, id);
	while ((got = sql_step(st, err)) > 0) {
		same = same && i < s->arm_count && str_equal(sql_str(st, 0), s->arms[i].deployment) &&
		       str_equal(sql_str(st, 1), s->arms[i].role) && same_real(column_real(st, 2), s->arms[i].desired_percent) &&
		       same_real(column_real(st, 3), s->arms[i].actual_percent);
		i++;
	}
	return got < 0 ? -1 : same && i == s->arm_count;
}

/* Marks the newest stored state as seen again when nothing changed: 1; 0 it is a new one. */
static int see_rollout(struct store_writer *w, const struct rollout_state *s, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_LAST_ROLLOUT];

	sql_bind_str(st, 1, s->name);
	int got = sql_step(st, err);
	int64_t id = got > 0 ? sqlite3_column_int64(st, 0) : 0;
	bool same = got > 0 && str_equal(sql_str(st, 1), s->service) && str_equal(sql_str(st, 2), s->environment) &&
	            str_equal(sql_str(st, 3), s->phase) && str_equal(sql_str(st, 4), s->reason);
	sqlite3_reset(st);
	if (got < 0 || !same)
		return got < 0 ? -1 : 0;
	int arms = same_arms(w, id, s, err);
	if (arms <= 0)
		return arms;
	sqlite3_bind_int64(w->st[ST_SEE_ROLLOUT], 1, id);
	sqlite3_bind_int64(w->st[ST_SEE_ROLLOUT], 2, s->time_us);
	return sql_run(w->st[ST_SEE_ROLLOUT], err) ? -1 : 1;
}

static int add_rollout(struct store_writer *w, const struct rollout_state *s, struct err *err)
{
	const struct str texts[] = {s->name, s->service, s->environment, s->phase, s->reason};
	sqlite3_stmt *st = w->st[ST_ADD_ROLLOUT];

	sqlite3_bind_int64(st, 1, s->time_us);
	for (int i = 0; i < 5; i++)
		sql_bind_str(st, 2 + i, texts[i]);
	if (sql_run(st, err))
		return -1;
	int64_t id = sqlite3_last_insert_rowid(w->db);
	st = w->st[ST_ADD_ARM];
	for (uint32_t i = 0; i < s->arm_count && i < ROLLOUT_ARMS_MAX; i++) {
		sqlite3_bind_int64(st, 1, id);
		sqlite3_bind_int64(st, 2, i);
		sql_bind_str(st, 3, s->arms[i].deployment);
		sql_bind_str(st, 4, s->arms[i].role);
		bind_real(st, 5, s->arms[i].desired_percent);
		bind_real(st, 6, s->arms[i].actual_percent);
		if (sql_run(st, err))
			return -1;
	}
	return 0;
}

int writer_add_rollouts(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->rollout_count; i++) {
		int seen = see_rollout(w, &b->rollouts[i], err);

		if (seen < 0 || (!seen && add_rollout(w, &b->rollouts[i], err)))
			return -1;
		counts->added += seen ? 0 : 1;
		counts->duplicates += seen ? 1 : 0;
	}
	return 0;
}

/* Finds or makes the import's row, so that the batch's rows can refer to it. */
int writer_begin_import(struct store_writer *w, const struct batch *b, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_FIND_IMPORT];
	char sql[160];

	w->import_ref = 0;
	w->import_first_us = w->import_last_us = 0;
	if (!b->has_import)
		return 0;
	sqlite3_bind_int64(st, 1, (int64_t)b->import.key);
	int got = sql_step(st, err);
	if (got > 0)
		w->import_ref = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (got)
		return got < 0 ? -1 : 0;
	sqlite3_snprintf(sizeof sql, sql, "INSERT INTO imports(key, started_us) VALUES(%lld, %lld)", (long long)b->import.key,
	                 (long long)writer_now_us(w));
	if (sql_exec(w->db, sql, err))
		return -1;
	w->import_ref = (uint32_t)sqlite3_last_insert_rowid(w->db);
	return 0;
}

int writer_mark_import(struct store_writer *w, const struct batch *b, uint64_t duplicates, struct err *err)
{
	const struct import_mark *m = &b->import;
	sqlite3_stmt *st = w->st[ST_PUT_IMPORT];
	const uint64_t numbers[] = {m->bytes_done, m->lines_done, m->rows_done, m->rows_rejected, duplicates, m->complete};

	if (!b->has_import)
		return 0;
	sqlite3_bind_int64(st, 1, w->import_ref);
	sql_bind_str(st, 2, m->name);
	sql_bind_str(st, 3, m->kind);
	sqlite3_bind_blob(st, 4, m->head_hash, 16, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, (int64_t)m->head_bytes);
	sqlite3_bind_blob(st, 6, m->prefix_hash, 16, SQLITE_STATIC);
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(st, 7 + i, (int64_t)numbers[i]);
	sqlite3_bind_int64(st, 13, writer_now_us(w));
	sqlite3_bind_null(st, 14);
	sqlite3_bind_null(st, 15);
	if (w->import_first_us) {
		sqlite3_bind_int64(st, 14, w->import_first_us);
		sqlite3_bind_int64(st, 15, w->import_last_us);
	}
	w->import_ref = 0;
	return sql_run(st, err);
}
