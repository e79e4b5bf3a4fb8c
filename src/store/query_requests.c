/* Single requests from the raw rows, newest first, with a bounded heap of the best when sorted by
 * something else; and the top lists of the many-valued attributes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/block_walk.h"
#include "store/reader_private.h"
#include "store/sql.h"
#include "store/top.h"

#define LIMIT_MAX 10000

struct found {
	int64_t id, rank;
	uint32_t series;
	struct pack_head head; /* kept packed until the end */
	struct buf bytes;
	uint16_t figures_len;
};
struct search {
	const struct request_query *q;
	struct store_reader *r;
	uint32_t error_type;
	bool *passes; /* by series id */
	uint32_t wanted; /* of a row's rest, to tell whether it matches */
	struct found *items; /* a heap, lowest rank first */
	size_t len, limit;
};

static int64_t rank_of(const struct search *s, const struct packed *p, int64_t id)
{
	switch (s->q->sort) {
	case SORT_SLOWEST:
		return p->latency_us;
	case SORT_DEAREST:
		return p->cost_source == COST_UNPRICED ? -1 : p->cost_nusd;
	case SORT_TOKENS:
		return (p->input_tokens > 0 ? p->input_tokens : 0) + (p->output_tokens > 0 ? p->output_tokens : 0);
	case SORT_FAILED:
		return p->status == REQUEST_ERROR;
	case SORT_FLAGGED:
		return p->flag_count;
	default:
		return id;
	}
}

static bool figures_match(const struct search *s, uint32_t series, const struct packed *p)
{
	const struct request_query *q = s->q;

	if (series >= s->r->names.series_count || !s->passes[series])
		return false;
	if (p->end_us < q->view.from_us || p->end_us >= q->view.to_us)
		return false;
	if ((q->failed_only && p->status != REQUEST_ERROR) || (q->flagged_only && !p->flag_count))
		return false;
	return !q->error_type.len || (s->error_type && p->error_type == s->error_type);
}

static bool rest_matches(const struct search *s, const struct packed *p)
{
	const struct request_query *q = s->q;

	if (q->has_trace && (!p->has_trace || memcmp(p->trace_id, q->trace_id, 16) != 0))
		return false;
	for (int a = 0; a < ATTR_COUNT; a++)
		if (q->attr_values[a].len && !str_equal(q->attr_values[a], p->attrs[a]))
			return false;
	return true;
}

static bool before(const struct found *a, const struct found *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->id < b->id;
}

static void sift_up(struct search *s, size_t i)
{
	for (; i && before(&s->items[i], &s->items[(i - 1) / 2]); i = (i - 1) / 2) {
		struct found t = s->items[i];
		s->items[i] = s->items[(i - 1) / 2];
		s->items[(i - 1) / 2] = t;
	}
}

static void sift_down(struct search *s)
{
	for (size_t i = 0;;) {
		size_t low = i, left = 2 * i + 1;

		if (left < s->len && before(&s->items[left], &s->items[low]))
			low = left;
		if (left + 1 < s->len && before(&s->items[left + 1], &s->items[low]))
			low = left + 1;
		if (low == i)
			return;
		struct found t = s->items[i];
		s->items[i] = s->items[low];
		s->items[low] = t;
		i = low;
	}
}

static void keep(struct search *s, struct block_walk *k, int64_t rank)
{
	const struct block_row *row = block_walk_row(k);
	struct found f = {.id = row->id, .rank = rank, .series = row->series};

	if (s->len == s->limit) {
		if (!before(&s->items[0], &f))
			return;
		f.bytes = s->items[0].bytes;
		buf_reset(&f.bytes);
		s->items[0] = f;
		block_copy_row(&k->block, k->at, &s->items[0].head, &s->items[0].bytes, &s->items[0].figures_len);
		sift_down(s);
		return;
	}
	block_copy_row(&k->block, k->at, &f.head, &f.bytes, &f.figures_len);
	s->items[s->len++] = f;
	sift_up(s, s->len - 1);
}

static struct str keep_text(struct arena *a, const char *text)
{
	size_t len = strlen(text);

	return (struct str){arena_copy(a, text, len), len};
}

static void unpack(struct store_reader *r, struct arena *a, int64_t id, uint32_t series, const struct packed *p,
                   struct request_row *row)
{
	struct request *q = &row->request;
	const struct names *n = &r->names;

	memset(row, 0, sizeof *row);
	row->id = id;
	q->end_us = p->end_us;
	q->latency_us = p->latency_us;
	q->ttft_us = p->ttft_us;
	q->input_tokens = p->input_tokens;
	q->output_tokens = p->output_tokens;
	q->cached_tokens = p->cached_tokens;
	q->cache_write_tokens = p->cache_write_tokens;
	q->reasoning_tokens = p->reasoning_tokens;
	q->cost_nusd = p->cost_nusd;
	q->cost_source = p->cost_source;
	q->status = p->status;
	q->http_status = p->http_status;
	q->attempt = p->attempt;
	q->errors_unseen = p->errors_unseen;
	q->has_trace = p->has_trace;
	q->has_span = p->has_span;
	q->has_parent = p->has_parent;
	memcpy(q->trace_id, p->trace_id, 16);
	memcpy(q->span_id, p->span_id, 8);
	memcpy(q->parent_id, p->parent_id, 8);
	for (int d = 0; d < DIM_COUNT && series < n->series_count; d++)
		q->dims[d] = keep_text(a, names_text(n, n->series[series].value[d]));
	for (int i = 0; i < ATTR_COUNT; i++)
		q->attrs[i] = (struct str){arena_copy(a, p->attrs[i].len ? p->attrs[i].ptr : "", p->attrs[i].len), p->attrs[i].len};
	q->operation = keep_text(a, names_text(n, p->operation));
	q->request_model = keep_text(a, names_text(n, p->request_model));
	q->error_type = keep_text(a, names_text(n, p->error_type));
	q->finish_reason = keep_text(a, names_text(n, p->finish_reason));
	q->outcome = keep_text(a, names_text(n, p->outcome));
	q->source = keep_text(a, names_text(n, p->source));
	q->cost_basis = keep_text(a, names_text(n, p->cost_basis));
	struct flag *flags = arena_alloc(a, (p->flag_count + 1) * sizeof *flags);
	for (uint32_t i = 0; i < p->flag_count; i++)
		flags[i] = (struct flag){keep_text(a, names_text(n, p->flags[i].category)), p->flags[i].severity, p->flags[i].action};
	q->flags = flags;
	q->flag_count = p->flag_count;
}

/* The import's own key, which outsiders know it by. */
static int64_t import_key(struct store_reader *r, uint32_t ref)
{
	char sql[80];
	int64_t key = 0;

	if (!ref)
		return 0;
	sqlite3_snprintf(sizeof sql, sql, "SELECT key FROM imports WHERE ref=%u", ref);
	return sql_int(r->db, sql, 0, &key, NULL) ? 0 : key;
}

/* Looks at the rows of the opened block; false when enough was seen. */
static bool scan_block(struct search *s, struct block_walk *k, struct request_result *out)
{
	static _Thread_local struct packed p;

	while (block_walk_next_row(k)) {
		const struct block_row *row = block_walk_row(k);

		if (s->q->scan_limit && out->scanned >= s->q->scan_limit) {
			out->truncated = true;
			return false;
		}
		out->scanned++;
		out->scanned_from_us = id_time_us(row->id);
		if (block_read_figures(&k->block, k->at, &p) && figures_match(s, row->series, &p) &&
		    (!s->wanted || (block_read_rest(&k->block, k->at, s->wanted, &p) && rest_matches(s, &p))))
			keep(s, k, rank_of(s, &p, row->id));
		if (s->q->sort == SORT_NEWEST && s->len == s->limit)
			return false;
	}
	return true;
}

static int scan(struct search *s, struct request_result *out, struct err *err)
{
	int64_t from_us = s->q->view.from_us > 0 ? s->q->view.from_us : 0, to_us = s->q->view.to_us;
	struct block_walk k;
	const void *blob;
	size_t len;
	int got;

	/* Rows of one crowded microsecond may have gone on into the next ones. */
	to_us = to_us > ID_TIME_MAX_US - US_PER_S ? ID_TIME_MAX_US : to_us < 0 ? 0 : to_us + US_PER_S;
	from_us = from_us < ID_TIME_MAX_US ? from_us : ID_TIME_MAX_US;
	if (block_walk_begin(&k, s->r->db, &s->r->fresh, id_first_us(from_us), id_first_us(to_us), true, err))
		return -1;
	while ((got = block_walk_next_block(&k, &blob, &len, err)) > 0) {
		/* Most blocks without the trace are told apart by a search for its bytes. */
		if (s->q->has_trace && !memmem(blob, len, s->q->trace_id, 16) &&
		    (!s->q->scan_limit || out->scanned + (int64_t)block_walk_count(&k, blob, len) < s->q->scan_limit)) {
			out->scanned += (int64_t)block_walk_count(&k, blob, len);
			continue;
		}
		if (block_walk_open(&k, blob, len) && !scan_block(s, &k, out))
			break;
	}
	block_walk_end(&k);
	return got < 0 ? -1 : 0;
}

static int highest_first(const void *a, const void *b)
{
	return before(a, b) ? 1 : before(b, a) ? -1 : 0;
}

static void give(struct search *s, struct request_result *out)
{
	static _Thread_local struct packed p;

	if (s->len)
		qsort(s->items, s->len, sizeof *s->items, highest_first);
	out->rows = arena_alloc(&out->arena, (s->len + 1) * sizeof *out->rows);
	for (size_t i = 0; i < s->len; i++) {
		struct found *f = &s->items[i];

		const uint8_t *at = (const uint8_t *)f->bytes.data, *end = at + f->bytes.len;
		if (!pack_read_figures(&p, f->id, &f->head, &at, end) || !pack_read_rest(&p, &f->head, PACK_ALL, &at, end))
			continue;
		unpack(s->r, &out->arena, f->id, f->series, &p, &out->rows[out->row_count]);
		out->rows[out->row_count++].import_key = import_key(s->r, p.import_ref);
	}
}

int query_requests(struct store_reader *r, const struct request_query *q, struct request_result *out, struct err *err)
{
	struct search s = {.q = q, .r = r, .limit = q->limit < 1 ? 1 : q->limit > LIMIT_MAX ? LIMIT_MAX : q->limit};

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	out->scanned_from_us = q->view.to_us;
	s.error_type = names_find(&r->names, q->error_type);
	s.passes = mem_zalloc(r->names.series_count + 1);
	for (size_t i = 0; i < r->names.series_count; i++)
		s.passes[i] = r->names.series[i].kind == SERIES_IS_LEAF && view_passes_series(r, &q->view, &r->names.series[i]);
	s.items = mem_zalloc(s.limit * sizeof *s.items);
	s.wanted = q->has_trace ? PACK_IDS : 0;
	for (int a = 0; a < ATTR_COUNT; a++)
		s.wanted |= q->attr_values[a].len ? 1u << a : 0;
	int failed = scan(&s, out, err);
	if (!failed)
		give(&s, out);
	for (size_t i = 0; i < s.len; i++)
		buf_fini(&s.items[i].bytes);
	free(s.items);
	free(s.passes);
	return reader_end(r, failed);
}

int query_request(struct store_reader *r, int64_t id, struct request_result *out, struct err *err)
{
	static _Thread_local struct packed p;
	uint32_t series;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	int got = block_walk_find(r->db, &r->fresh, id, &series, &p, err);
	if (got > 0) {
		out->rows = arena_alloc(&out->arena, sizeof *out->rows);
		unpack(r, &out->arena, id, series, &p, out->rows);
		out->rows[0].import_key = import_key(r, p.import_ref);
		out->row_count = 1;
		out->scanned = 1;
	}
	return reader_end(r, got < 0 ? -1 : 0);
}

void request_result_fini(struct request_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static int merge_tops(struct store_reader *r, const struct run *run, enum tier t, enum attr a, struct top *sum, struct err *err)
{
	struct top *one = mem_alloc(sizeof *one);
	sqlite3_stmt *st = NULL;
	char sql[96];
	int got = -1;

	sqlite3_snprintf(sizeof sql, sql, "SELECT top FROM %s WHERE id>=?1 AND id<?2", top_table[t]);
	if (!sql_prepare(r->db, &st, sql, err)) {
		sqlite3_bind_int64(st, 1, rollup_key((uint32_t)a, run->from_us / tier_us[t]));
		sqlite3_bind_int64(st, 2, rollup_key((uint32_t)a, (run->to_us + tier_us[t] - 1) / tier_us[t]));
		while ((got = sql_step(st, err)) > 0)
			if (top_decode(one, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0)))
				top_merge(sum, one);
	}
	sqlite3_finalize(st);
	free(one);
	return got < 0 ? -1 : 0;
}

/* What the tables do not hold yet. */
static int merge_journal_tops(struct store_reader *r, int64_t from_us, int64_t to_us, enum attr a, struct top *sum, struct err *err)
{
	struct top *one, *all;

	if (reader_load_journal(r, err))
		return -1;
	one = mem_alloc(sizeof *one);
	all = mem_zalloc(sizeof *all);
	for (size_t i = 0; i < r->journal.len; i++) {
		const struct journal_entry *e = &r->journal.entries[i];
		int64_t bucket_us = key_bucket(e->key) * tier_us[TOP_TIER_FIRST];

		if (e->tier == TIER_COUNT && key_series(e->key) == (uint32_t)a && bucket_us >= from_us && bucket_us < to_us &&
		    top_decode(one, journal_blob(&r->journal, e), e->len))
			top_gather(all, one);
	}
	top_merge(sum, all);
	free(one);
	free(all);
	return 0;
}

static int most_first(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->requests != y->requests)
		return x->requests > y->requests ? -1 : 1;
	return strcmp(x->value, y->value);
}

static void give_tops(const struct top *sum, size_t limit, struct top_result *out)
{
	out->rows = arena_alloc(&out->arena, (sum->len + 1) * sizeof *out->rows);
	for (size_t i = 0; i < sum->len; i++)
		out->rows[out->row_count++] = (struct top_row){
			.value = arena_copy(&out->arena, sum->value[i], sum->value_len[i]),
			.requests = sum->requests[i], .errors = sum->errors[i], .cost_nusd = sum->cost_nusd[i],
			.requests_error = sum->over[i],
		};
	qsort(out->rows, out->row_count, sizeof *out->rows, most_first);
	out->row_count = out->row_count < limit ? out->row_count : limit;
}

int query_top(struct store_reader *r, enum attr a, int64_t from_us, int64_t to_us, size_t limit, struct top_result *out,
              struct err *err)
{
	struct top *sum = mem_zalloc(sizeof *sum);
	struct runs runs;
	int failed = 0;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err)) {
		free(sum);
		return -1;
	}
	/* There is nothing finer than ten minutes: the window is widened to them. */
	from_us = from_us > 0 ? from_us / tier_us[TOP_TIER_FIRST] * tier_us[TOP_TIER_FIRST] : 0;
	to_us = (to_us + tier_us[TOP_TIER_FIRST] - 1) / tier_us[TOP_TIER_FIRST] * tier_us[TOP_TIER_FIRST];
	runs_plan(&runs, r, from_us, to_us, 0);
	for (size_t i = 0; i < runs.len && !failed; i++)
		failed = merge_tops(r, &runs.items[i], runs.items[i].tier < TOP_TIER_FIRST ? TOP_TIER_FIRST : runs.items[i].tier, a,
		                    sum, err);
	failed = failed || merge_journal_tops(r, from_us, to_us, a, sum, err) ? -1 : 0;
	if (!failed)
		give_tops(sum, limit, out);
	runs_fini(&runs);
	free(sum);
	return reader_end(r, failed);
}

void top_result_fini(struct top_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
