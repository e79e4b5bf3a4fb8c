/* One trace: its requests by the scan that every search for a trace uses, its steps by their time.
 * There is no index on trace ids (they would cost more than all else on the way in), so that both are
 * looked for in the hours around a time only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/pack.h"
#include "store/reader_private.h"
#include "store/sql.h"

#define AROUND_US US_PER_HOUR
#define REQUESTS_MAX 5000
#define SPANS_MAX 5000
#define EVALUATIONS_MAX 200
#define SCAN_MAX 5000000

static struct str kept(struct arena *arena, const char *text)
{
	size_t len = strlen(text);

	return (struct str){arena_copy(arena, text, len), len};
}

static void read_span(struct store_reader *r, sqlite3_stmt *st, struct span *s, struct arena *arena)
{
	struct str *const texts[] = {&s->name, &s->service, &s->error_type, &s->source};
	int64_t id = sqlite3_column_int64(st, 0);

	memset(s, 0, sizeof *s);
	s->end_us = id_time_us(id);
	s->start_us = s->end_us - sqlite3_column_int64(st, 4);
	if (sqlite3_column_bytes(st, 1) == 8)
		memcpy(s->span_id, sqlite3_column_blob(st, 1), 8);
	s->has_parent = sqlite3_column_bytes(st, 2) == 8;
	if (s->has_parent)
		memcpy(s->parent_id, sqlite3_column_blob(st, 2), 8);
	s->kind = (uint8_t)sqlite3_column_int(st, 3);
	s->status = (uint8_t)sqlite3_column_int(st, 5);
	for (int i = 0; i < 4; i++)
		*texts[i] = kept(arena, names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 6 + i)));
}

static int read_spans(struct store_reader *r, const uint8_t trace_id[16], int64_t from_us, int64_t to_us,
                      struct trace_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->db, &st, "SELECT id, span_id, parent_id, kind, duration_us, status, name, service, error_type, source"
	                " FROM spans WHERE id>=?1 AND id<?2 AND trace_id=?3 ORDER BY id LIMIT 5001", err))
		return -1;
	sqlite3_bind_int64(st, 1, id_first_us(from_us));
	sqlite3_bind_int64(st, 2, id_first_us(to_us));
	sqlite3_bind_blob(st, 3, trace_id, 16, SQLITE_STATIC);
	while ((got = sql_step(st, err)) > 0) {
		if (out->span_count == SPANS_MAX) {
			out->truncated = true;
			got = 0;
			break;
		}
		out->spans = arena_grow(&out->arena, out->spans, out->span_count, sizeof *out->spans);
		read_span(r, st, &out->spans[out->span_count], &out->arena);
		memcpy(out->spans[out->span_count++].trace_id, trace_id, 16);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int read_evaluations(struct store_reader *r, const uint8_t trace_id[16], int64_t from_us, int64_t to_us,
                            struct trace_result *out, struct err *err)
{
	struct evaluation *list = arena_alloc(&out->arena, EVALUATIONS_MAX * sizeof *list);
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->db, &st, "SELECT time_us, name, label, score, response_id, source FROM evaluations"
	                " WHERE time_us>=?1 AND time_us<?2 AND trace_id=?3 ORDER BY time_us LIMIT 201", err))
		return -1;
	sqlite3_bind_int64(st, 1, from_us);
	sqlite3_bind_int64(st, 2, to_us);
	sqlite3_bind_blob(st, 3, trace_id, 16, SQLITE_STATIC);
	while ((got = sql_step(st, err)) > 0 && out->evaluation_count < EVALUATIONS_MAX) {
		struct evaluation *e = &list[out->evaluation_count++];

		memset(e, 0, sizeof *e);
		e->time_us = sqlite3_column_int64(st, 0);
		e->name = kept(&out->arena, names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 1)));
		e->label = kept(&out->arena, names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 2)));
		e->score = sqlite3_column_type(st, 3) == SQLITE_NULL ? NAN : sqlite3_column_double(st, 3);
		e->response_id = str_of(sql_text(st, 4, &out->arena));
		e->source = kept(&out->arena, names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 5)));
		e->has_trace = true;
		memcpy(e->trace_id, trace_id, sizeof e->trace_id);
	}
	out->truncated |= got > 0;
	out->evaluations = list;
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

int query_trace(struct store_reader *r, const uint8_t trace_id[16], int64_t around_us, struct trace_result *out,
                struct err *err)
{
	struct request_query q = {.sort = SORT_NEWEST, .limit = REQUESTS_MAX, .has_trace = true, .scan_limit = SCAN_MAX};
	struct request_result found;
	int64_t latest_us = ID_TIME_MAX_US - 2 * AROUND_US;

	memset(out, 0, sizeof *out);
	around_us = around_us < AROUND_US ? AROUND_US : around_us > latest_us ? latest_us : around_us;
	q.view.from_us = around_us - AROUND_US;
	q.view.to_us = around_us + AROUND_US;
	memcpy(q.trace_id, trace_id, sizeof q.trace_id);
	if (query_requests(r, &q, &found, err))
		return -1;
	out->requests = found.rows;
	out->request_count = found.row_count;
	out->truncated = found.truncated || found.row_count == REQUESTS_MAX;
	out->arena = found.arena;
	if (reader_begin(r, err))
		return -1;
	int failed = read_spans(r, trace_id, q.view.from_us, q.view.to_us, out, err) ||
	             read_evaluations(r, trace_id, q.view.from_us, q.view.to_us, out, err);

	return reader_end(r, failed ? -1 : 0);
}

void trace_result_fini(struct trace_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
