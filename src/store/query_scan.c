/* Each row is unpacked into one scratch row; the strings stay numbers. Filters are looked up once per
 * series, not per row. */
#include "store/query_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/pack.h"
#include "store/reader_private.h"
#include "store/sql.h"

_Static_assert(sizeof(struct scan_flag) == sizeof(struct packed_flag), "flags are handed out as they are stored");

struct scan {
	struct store_reader *r;
	const struct scan_query *q;
	scan_fn *fn;
	void *arg;
	bool *passes; /* by series */
	struct packed packed;
	struct scan_row row;
};

static void fill_row(struct scan *s, int64_t id, uint32_t series)
{
	const struct packed *p = &s->packed;
	struct scan_row *row = &s->row;

	row->id = id;
	row->end_us = p->end_us;
	row->latency_us = p->latency_us;
	row->ttft_us = p->ttft_us;
	row->input_tokens = p->input_tokens;
	row->output_tokens = p->output_tokens;
	row->cached_tokens = p->cached_tokens;
	row->cache_write_tokens = p->cache_write_tokens;
	row->reasoning_tokens = p->reasoning_tokens;
	row->cost_nusd = p->cost_nusd;
	row->series = series;
	row->dims = s->r->names.series[series].value;
	row->operation = p->operation;
	row->request_model = p->request_model;
	row->error_type = p->error_type;
	row->finish_reason = p->finish_reason;
	row->outcome = p->outcome;
	row->source = p->source;
	row->cost_basis = p->cost_basis;
	row->http_status = p->http_status;
	row->cost_source = p->cost_source;
	row->status = p->status;
	row->attempt = p->attempt;
	row->errors_unseen = p->errors_unseen;
	row->flag_count = p->flag_count;
	row->has_trace = p->has_trace;
	row->has_span = p->has_span;
	row->has_parent = p->has_parent;
}

static bool passes(const struct scan *s, uint32_t series)
{
	const struct packed *p = &s->packed;

	return series < s->r->names.series_count && s->passes[series] && p->end_us >= s->q->view.from_us &&
	       p->end_us < s->q->view.to_us && (!s->q->failed_only || p->status == REQUEST_ERROR);
}

static int walk(struct scan *s, struct err *err)
{
	int64_t from_us = s->q->view.from_us > 0 ? s->q->view.from_us : 0, to_us = s->q->view.to_us;
	sqlite3_stmt *st = NULL;
	int got = 0;

	/* Rows of one crowded microsecond may have gone on into the next ones. */
	to_us = to_us > ID_TIME_MAX_US - US_PER_S ? ID_TIME_MAX_US : to_us < 0 ? 0 : to_us + US_PER_S;
	from_us = from_us < ID_TIME_MAX_US ? from_us : ID_TIME_MAX_US;
	if (sql_prepare(s->r->db, &st, s->q->newest_first ? "SELECT id, series, body FROM requests WHERE id>=?1 AND id<?2 ORDER BY id DESC"
	                : "SELECT id, series, body FROM requests WHERE id>=?1 AND id<?2 ORDER BY id", err))
		return -1;
	sqlite3_bind_int64(st, 1, id_first_us(from_us));
	sqlite3_bind_int64(st, 2, id_first_us(to_us));
	while ((got = sql_step(st, err)) > 0) {
		int64_t id = sqlite3_column_int64(st, 0);
		uint32_t series = (uint32_t)sqlite3_column_int64(st, 1);

		if (!pack_read(&s->packed, id, sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2)) || !passes(s, series))
			continue;
		fill_row(s, id, series);
		if (!s->fn(&s->row, s->arg))
			break;
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

int query_scan(struct store_reader *r, const struct scan_query *q, scan_fn *fn, void *arg, struct err *err)
{
	struct scan *s;

	if (reader_begin(r, err))
		return -1;
	s = mem_zalloc(sizeof *s);
	*s = (struct scan){.r = r, .q = q, .fn = fn, .arg = arg};
	s->passes = mem_zalloc(r->names.series_count + 1);
	for (size_t i = 0; i < r->names.series_count; i++)
		s->passes[i] = r->names.series[i].kind == SERIES_IS_LEAF && view_passes_series(r, &q->view, &r->names.series[i]);
	s->row.attrs = s->packed.attrs;
	s->row.flags = q->fields & SCAN_FLAGS ? (const struct scan_flag *)(const void *)s->packed.flags : NULL;
	s->row.trace_id = s->packed.trace_id;
	s->row.span_id = s->packed.span_id;
	s->row.parent_id = s->packed.parent_id;
	int failed = walk(s, err);
	free(s->passes);
	free(s);
	return reader_end(r, failed);
}

const char *scan_name(const struct store_reader *r, uint32_t name)
{
	return names_text(&r->names, name);
}

uint32_t scan_find_name(const struct store_reader *r, struct str text)
{
	return names_find(&r->names, text);
}

size_t scan_series_count(const struct store_reader *r)
{
	return r->names.series_count;
}

const uint32_t *scan_series_dims(const struct store_reader *r, uint32_t series)
{
	return r->names.series[series].value;
}
