/* A row is copied when it enters the heap; among a million rows that happens some thousand times. */
#include "store/bad_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool bad_match_row(struct bad_match *m, const struct scan_row *row)
{
	const struct bad *b = m->bad;

	return (!b->to_us || (row->end_us >= b->from_us && row->end_us < b->to_us)) && bad_match_kind(m, row);
}

bool bad_match_kind(struct bad_match *m, const struct scan_row *row)
{
	const struct bad *b = m->bad;

	if (!m->looked_up) {
		m->looked_up = true;
		m->error_type = scan_find_name(m->r, str_of(b->error_type));
		m->flag = scan_find_name(m->r, str_of(b->flag));
	}
	if (!bad_range_holds(b->latency_us, row->latency_us) || !bad_range_holds(b->ttft_us, row->ttft_us) ||
	    !bad_range_holds(b->cost_nusd, row->cost_source == COST_UNPRICED ? -1 : row->cost_nusd))
		return false;
	if (b->failed && (row->status != REQUEST_ERROR || (*b->error_type && (!m->error_type || row->error_type != m->error_type))))
		return false;
	if (!b->flagged)
		return true;
	if (!*b->flag)
		return row->flag_count > 0;
	for (uint32_t i = 0; m->flag && row->flags && i < row->flag_count; i++)
		if (row->flags[i].category == m->flag)
			return true;
	return false;
}

unsigned bad_match_fields(const struct bad *bad)
{
	return bad->flagged && *bad->flag ? SCAN_FLAGS : 0;
}

/* ── keeping rows ──────────────────────────────────────────────────────────────────────────── */

void kept_rows_init(struct kept_rows *k, const struct store_reader *r, enum request_sort sort, size_t limit, struct arena *arena)
{
	*k = (struct kept_rows){.sort = sort, .limit = limit, .arena = arena, .r = r};
	k->items = mem_zalloc((limit + 1) * sizeof *k->items);
}

static int64_t rank_of(enum request_sort sort, const struct scan_row *row)
{
	switch (sort) {
	case SORT_SLOWEST:
		return row->latency_us;
	case SORT_DEAREST:
		return row->cost_source == COST_UNPRICED ? -1 : row->cost_nusd;
	case SORT_TOKENS:
		return (row->input_tokens > 0 ? row->input_tokens : 0) + (row->output_tokens > 0 ? row->output_tokens : 0);
	case SORT_FAILED:
		return row->status == REQUEST_ERROR;
	case SORT_FLAGGED:
		return row->flag_count;
	default:
		return row->id;
	}
}

static bool behind(const struct kept_row *a, const struct kept_row *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->row.id < b->row.id;
}

static struct str kept(struct arena *a, struct str s)
{
	return (struct str){arena_copy(a, s.len ? s.ptr : "", s.len), s.len};
}

static struct str named(const struct kept_rows *k, uint32_t name)
{
	return kept(k->arena, str_of(scan_name(k->r, name)));
}

static void copy_texts(const struct kept_rows *k, const struct scan_row *row, struct request *q)
{
	struct flag *flags = arena_alloc(k->arena, (row->flag_count + 1) * sizeof *flags);

	for (int d = 0; d < DIM_COUNT; d++)
		q->dims[d] = named(k, row->dims[d]);
	for (int a = 0; a < ATTR_COUNT; a++)
		q->attrs[a] = kept(k->arena, row->attrs[a]);
	q->operation = named(k, row->operation);
	q->request_model = named(k, row->request_model);
	q->error_type = named(k, row->error_type);
	q->finish_reason = named(k, row->finish_reason);
	q->outcome = named(k, row->outcome);
	q->source = named(k, row->source);
	q->cost_basis = named(k, row->cost_basis);
	for (uint32_t i = 0; i < row->flag_count && row->flags; i++)
		flags[i] = (struct flag){named(k, row->flags[i].category), row->flags[i].severity, row->flags[i].action};
	q->flags = flags;
	q->flag_count = row->flags ? row->flag_count : 0;
}

static struct request_row copy_row(const struct kept_rows *k, const struct scan_row *row)
{
	struct request_row out = {
		.id = row->id,
		.request = {
			.end_us = row->end_us, .latency_us = row->latency_us, .ttft_us = row->ttft_us,
			.input_tokens = row->input_tokens, .output_tokens = row->output_tokens, .cached_tokens = row->cached_tokens,
			.cache_write_tokens = row->cache_write_tokens, .reasoning_tokens = row->reasoning_tokens,
			.cost_nusd = row->cost_nusd, .cost_source = row->cost_source, .status = row->status,
			.http_status = row->http_status, .attempt = row->attempt, .errors_unseen = row->errors_unseen,
			.has_trace = row->has_trace, .has_span = row->has_span, .has_parent = row->has_parent,
		},
	};

	if (row->has_trace)
		memcpy(out.request.trace_id, row->trace_id, sizeof out.request.trace_id);
	if (row->has_span)
		memcpy(out.request.span_id, row->span_id, sizeof out.request.span_id);
	if (row->has_parent)
		memcpy(out.request.parent_id, row->parent_id, sizeof out.request.parent_id);
	copy_texts(k, row, &out.request);
	return out;
}

static void swap(struct kept_row *a, struct kept_row *b)
{
	struct kept_row t = *a;

	*a = *b;
	*b = t;
}

static void sink(struct kept_rows *k)
{
	for (size_t i = 0;;) {
		size_t last = i, left = 2 * i + 1;

		for (size_t c = left; c < left + 2 && c < k->len; c++)
			if (behind(&k->items[c], &k->items[last]))
				last = c;
		if (last == i)
			return;
		swap(&k->items[i], &k->items[last]);
		i = last;
	}
}

void kept_rows_offer(struct kept_rows *k, const struct scan_row *row)
{
	struct kept_row item = {.rank = rank_of(k->sort, row), .row = {.id = row->id}};

	if (!k->limit || (k->len == k->limit && !behind(&k->items[0], &item)))
		return;
	if (!scan_row_read(row, SCAN_IDS | SCAN_FLAGS, (1u << ATTR_COUNT) - 1))
		return;
	item.row = copy_row(k, row);
	if (k->len == k->limit) {
		k->items[0] = item;
		sink(k);
		return;
	}
	size_t i = k->len++;

	for (k->items[i] = item; i && behind(&k->items[i], &k->items[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&k->items[i], &k->items[(i - 1) / 2]);
}

static int first_first(const void *a, const void *b)
{
	return behind(a, b) ? 1 : behind(b, a) ? -1 : 0;
}

size_t kept_rows_take(struct kept_rows *k, struct request_row **rows)
{
	size_t n = k->len;

	if (n)
		qsort(k->items, n, sizeof *k->items, first_first);
	*rows = arena_alloc(k->arena, (n + 1) * sizeof **rows);
	for (size_t i = 0; i < n; i++)
		(*rows)[i] = k->items[i].row;
	free(k->items);
	*k = (struct kept_rows){0};
	return n;
}
