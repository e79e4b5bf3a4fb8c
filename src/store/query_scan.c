/* Each row's figures are unpacked into one scratch row, the longer rest only as far as it is asked for; the
 * strings stay numbers. Filters are looked up once per series, not per row. */
#include "store/query_scan.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/block_walk.h"
#include "store/reader_private.h"

#define CLOCK_ROWS 256 /* between two looks at the clock */

_Static_assert(sizeof(struct scan_flag) == sizeof(struct packed_flag), "flags are handed out as they are stored");

struct scan {
	struct store_reader *r;
	const struct scan_query *q;
	scan_fn *fn;
	void *arg;
	bool *passes; /* by series */
	uint32_t wanted; /* of each row's rest */
	struct block_walk walk;
	struct packed packed;
	struct scan_row row;
	bool has_more; /* than was asked for: scan_row_read() was called */
};

static void fill_ids(struct scan *s)
{
	s->row.has_trace = s->packed.has_trace;
	s->row.has_span = s->packed.has_span;
	s->row.has_parent = s->packed.has_parent;
}

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
	fill_ids(s);
}

static bool may_pass(const struct scan *s, uint32_t series)
{
	return series < s->r->names.series_count && s->passes[series];
}

static bool passes(const struct scan *s)
{
	const struct packed *p = &s->packed;

	return p->end_us >= s->q->view.from_us && p->end_us < s->q->view.to_us && (!s->q->failed_only || p->status == REQUEST_ERROR);
}

static uint32_t wanted_of(unsigned fields, unsigned attrs)
{
	return attrs | (fields & SCAN_IDS ? PACK_IDS : 0) | (fields & SCAN_FLAGS ? PACK_FLAGS : 0);
}

/* What scan_row_read() found belongs to the row before. */
static void forget_more(struct scan *s)
{
	memset(s->packed.attrs, 0, sizeof s->packed.attrs);
	s->row.flags = s->q->fields & SCAN_FLAGS ? (const struct scan_flag *)(const void *)s->packed.flags : NULL;
	s->has_more = false;
}

/* Calls for the row where the walk is; false when it is over. */
static bool look_at(struct scan *s)
{
	const struct block_row *row = block_walk_row(&s->walk);
	struct block *b = &s->walk.block;

	if (!may_pass(s, row->series) || !block_read_figures(b, s->walk.at, &s->packed) || !passes(s))
		return true;
	if (s->has_more)
		forget_more(s);
	if (s->wanted && !block_read_rest(b, s->walk.at, s->wanted, &s->packed))
		return true;
	fill_row(s, row->id, row->series);
	return s->fn(&s->row, s->arg);
}

bool scan_row_read(const struct scan_row *row, unsigned fields, unsigned attrs)
{
	struct scan *s = (struct scan *)(void *)((char *)(uintptr_t)row - offsetof(struct scan, row));

	if (!block_read_rest(&s->walk.block, s->walk.at, wanted_of(fields, attrs), &s->packed))
		return false;
	fill_ids(s);
	s->has_more = true;
	s->row.flags = fields & SCAN_FLAGS ? (const struct scan_flag *)(const void *)s->packed.flags : NULL;
	return true;
}

/* Whether the slice is over behind this row. */
static bool must_pause(struct scan_place *place, int64_t row_id, int64_t rows)
{
	if (!place || rows % CLOCK_ROWS || clock_mono_us() < place->until_mono_us)
		return false;
	place->before_id = row_id;
	place->paused = true;
	return true;
}

static int walk(struct scan *s, struct err *err)
{
	int64_t from_us = s->q->view.from_us > 0 ? s->q->view.from_us : 0, to_us = s->q->view.to_us, to_id, rows = 0;
	struct scan_place *place = s->q->newest_first ? s->q->place : NULL;
	int got;

	/* Rows of one crowded microsecond may have gone on into the next ones. */
	to_us = to_us > ID_TIME_MAX_US - US_PER_S ? ID_TIME_MAX_US : to_us < 0 ? 0 : to_us + US_PER_S;
	from_us = from_us < ID_TIME_MAX_US ? from_us : ID_TIME_MAX_US;
	to_id = id_first_us(to_us);
	if (place) {
		place->paused = false;
		to_id = place->before_id && place->before_id < to_id ? place->before_id : to_id;
	}
	if (block_walk_begin(&s->walk, s->r->db, &s->r->fresh, id_first_us(from_us), to_id, s->q->newest_first, err))
		return -1;
	while ((got = block_walk_next(&s->walk, err)) > 0)
		if (!look_at(s) || must_pause(place, block_walk_row(&s->walk)->id, ++rows))
			break;
	block_walk_end(&s->walk);
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
	s->wanted = wanted_of(q->fields, q->attrs);
	s->row.attrs = s->packed.attrs;
	forget_more(s);
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
