/* One walk over the window's raw rows counts every value and keeps the first bad rows; a second one is needed
 * only where a named value was let go of on the way (store/value_counts.h). With a limit the window is cut
 * into slices of time, of each of which the same share is read; the part of the window that is bad by its
 * time is read whole. Two windows are two walks: the rows of the one count as bad, those of the other as good. */
#include "store/query_suspects.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/bad_rows.h"
#include "store/value_counts.h"

#define SLICES 128
#define REQUESTS_MAX 10000
#define KIND_LEAST 30 /* requests of the same kind at other times: fewer are nothing to compare with */

struct look {
	struct bad_match match;
	struct value_counts *counts; /* NULL: only rows are wanted */
	struct value_counts *kind;   /* of those that are bad but for their time; NULL: not compared */
	struct value_counts *unsure; /* the second walk: whose list is counted */
	struct kept_rows *kept;      /* NULL: none are wanted */
	struct suspect *again;       /* the second walk */
	size_t again_count;
	int64_t scanned, scan_limit;
	double share, other_share;   /* of each slice of time that is read; of the other window's */
	bool windows, is_other;      /* there are two; the walk is in the other one */
};

/* Of two windows every row that meets the condition is counted: bad where it lies in the first. */
static bool look_at_window(const struct scan_row *row, void *arg)
{
	struct look *l = arg;

	l->scanned++;
	if (!bad_match_kind(&l->match, row))
		return true;
	if (l->again)
		value_counts_add_again(l->unsure, row, !l->is_other, l->again, l->again_count);
	else
		value_counts_add(l->counts, row, !l->is_other);
	if (!l->is_other && l->kept)
		kept_rows_offer(l->kept, row);
	return true;
}

static bool look_at(const struct scan_row *row, void *arg)
{
	struct look *l = arg;
	bool is_bad = bad_match_row(&l->match, row), of_kind = is_bad || (l->kind && bad_match_kind(&l->match, row));

	l->scanned++;
	if (l->again) {
		if (l->unsure != l->kind || of_kind)
			value_counts_add_again(l->unsure, row, is_bad, l->again, l->again_count);
		return true;
	}
	if (l->counts)
		value_counts_add(l->counts, row, is_bad);
	if (l->kind && of_kind)
		value_counts_add(l->kind, row, is_bad);
	if (is_bad && l->kept)
		kept_rows_offer(l->kept, row);
	return !l->scan_limit || l->scanned < l->scan_limit;
}

static struct scan_query scan_of(const struct view *v, const struct look *l)
{
	struct scan_query q = {
		.view = *v, .fields = bad_match_fields(l->match.bad), .attrs = l->counts ? value_counts_attrs() : 0, .newest_first = true,
	};

	if (l->kept) {
		q.fields |= SCAN_IDS | SCAN_FLAGS;
		q.attrs = (1u << ATTR_COUNT) - 1;
	}
	return q;
}

/* The share of a window that may be read; 1 without a limit. Rollups say how much there is: added to *requests. */
static int choose_share(struct store_reader *r, const struct view *window, int64_t limit, int64_t *requests, double *share, struct err *err)
{
	struct view v = *window;
	struct figures_result figures;
	int64_t count;

	v.by_count = 0;
	v.step_us = 0;
	*share = 1;
	if (query_figures(r, &v, 0, 0, &figures, err))
		return -1;
	count = figures.total.total.requests;
	figures_result_fini(&figures);
	*requests += count;
	if (limit > 0 && count > limit)
		*share = (double)limit / (double)count;
	return 0;
}

static struct view other_window(const struct suspects_query *q)
{
	struct view v = q->view;

	v.from_us = q->against_from_us;
	v.to_us = q->against_to_us;
	return v;
}

static int choose_shares(struct store_reader *r, const struct suspects_query *q, struct look *l, struct suspects_result *out, struct err *err)
{
	int64_t limit = q->against_to_us && q->scan_limit > 0 ? (q->scan_limit + 1) / 2 : q->scan_limit;
	struct view other = other_window(q);

	l->other_share = 1;
	if (choose_share(r, &q->view, limit, &out->window_requests, &l->share, err))
		return -1;
	if (q->against_to_us && choose_share(r, &other, limit, &out->window_requests, &l->other_share, err))
		return -1;
	out->sampled = l->share < 1 || l->other_share < 1;
	out->against_window = q->against_to_us != 0;
	return 0;
}

static int64_t within(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* Reads [from, to) of the window, or a share of it: the start of each slice. */
static int walk_part(struct store_reader *r, struct scan_query *s, struct look *l, int64_t from_us, int64_t to_us, double share,
                     struct err *err)
{
	scan_fn *fn = l->windows ? look_at_window : look_at;
	int64_t slices = share < 1 ? SLICES : 1, width = to_us - from_us;

	for (int64_t i = slices; i-- > 0;) {
		s->view.from_us = from_us + (int64_t)((double)width * (double)i / (double)slices);
		s->view.to_us = share < 1 ? s->view.from_us + (int64_t)((double)width * share / (double)slices) : to_us;
		if (s->view.to_us > s->view.from_us && query_scan(r, s, fn, l, err))
			return -1;
	}
	return 0;
}

/* The bad part of the window's time whole, and a share of what is around it. */
static int walk(struct store_reader *r, const struct suspects_query *q, struct look *l, struct err *err)
{
	struct scan_query s = scan_of(&q->view, l);
	int64_t from_us = q->view.from_us, to_us = q->view.to_us, bad_from_us, bad_to_us;
	double share = l->share;

	if (l->windows) {
		l->is_other = false;
		if (walk_part(r, &s, l, from_us, to_us, share, err))
			return -1;
		l->is_other = true;
		return walk_part(r, &s, l, q->against_from_us, q->against_to_us, l->other_share, err);
	}
	if (share >= 1 || !q->bad.to_us)
		return walk_part(r, &s, l, from_us, to_us, share, err);
	bad_from_us = within(q->bad.from_us, from_us, to_us);
	bad_to_us = within(q->bad.to_us, bad_from_us, to_us);
	return walk_part(r, &s, l, bad_to_us, to_us, share, err) || walk_part(r, &s, l, bad_from_us, bad_to_us, 1, err) ||
	       walk_part(r, &s, l, from_us, bad_from_us, share, err) ? -1 : 0;
}

static int count_again(struct store_reader *r, const struct suspects_query *q, struct look *l, struct value_counts *counts, struct suspect *list,
                       size_t count, size_t tried, struct err *err)
{
	l->unsure = counts;
	l->again = list;
	l->again_count = count;
	l->kept = NULL;
	value_counts_begin_again(counts, list, count);
	if (walk(r, q, l, err))
		return -1;
	value_counts_weigh_again(counts, list, count, tried);
	return 0;
}

static void give_rows(const struct value_counts *counts, const struct store_reader *r, const struct suspects_query *q,
                      const struct suspect *list, size_t count, struct suspects_result *out)
{
	size_t limit = q->limit < 1 ? 1 : q->limit;
	struct buf text = {0};

	out->rows = arena_alloc(&out->arena, (count + 1) * sizeof *out->rows);
	out->row_count = out->named_count = 0;
	for (size_t i = 0; i < count && out->row_count < limit && (list[i].named || q->weak); i++) {
		buf_reset(&text);
		value_counts_text(counts, r, &list[i], &text);
		out->named_count += list[i].named;
		out->rows[out->row_count++] = (struct suspect_row){
			.attribute = subject_name((enum subject)list[i].attribute), .value = arena_copy(&out->arena, text.data ? text.data : "", text.len),
			.bad = list[i].bad, .total = list[i].total, .lift = list[i].lift, .lift_low = list[i].lift_low,
			.evidence = list[i].evidence, .named = list[i].named, .explained_by = list[i].explained_by,
		};
	}
	buf_fini(&text);
}

static int judge(struct store_reader *r, const struct suspects_query *q, struct look *l, struct value_counts *counts, struct suspects_result *out,
                 struct err *err)
{
	struct suspect *list = NULL;
	size_t count = value_counts_weigh(counts, r, &list, SUSPECTS_RANKED_MAX, &out->tried);
	int failed = value_counts_unsure(counts, list, count) && count_again(r, q, l, counts, list, count, out->tried, err);

	if (!failed) {
		value_counts_rank(counts, list, count, out->tried);
		give_rows(counts, r, q, list, count, out);
		out->compared = value_counts_total(counts);
	}
	free(list);
	return failed ? -1 : 0;
}

/* First against the same kind of requests at other times, then against all others. */
static int judge_both(struct store_reader *r, const struct suspects_query *q, struct look *l, struct suspects_result *out, struct err *err)
{
	out->bad = value_counts_bad(l->counts);
	out->total = value_counts_total(l->counts);
	if (l->kind && value_counts_total(l->kind) - value_counts_bad(l->kind) >= KIND_LEAST) {
		if (judge(r, q, l, l->kind, out, err))
			return -1;
		out->against_before = out->named_count > 0;
		if (out->against_before)
			return 0;
	}
	return judge(r, q, l, l->counts, out, err);
}

/* Whether the condition names a time and something else. */
static bool has_kind(const struct suspects_query *q)
{
	struct bad kind = q->bad;

	kind.from_us = kind.to_us = 0;
	return !q->against_to_us && q->bad.to_us && bad_says(&kind) && (q->bad.from_us > q->view.from_us || q->bad.to_us < q->view.to_us);
}

int query_suspects(struct store_reader *r, const struct suspects_query *q, struct suspects_result *out, struct err *err)
{
	size_t most = q->request_limit < REQUESTS_MAX ? q->request_limit : REQUESTS_MAX;
	struct look l = {.match = {.r = r, .bad = &q->bad}, .windows = q->against_to_us != 0};
	struct kept_rows kept;
	int failed;

	memset(out, 0, sizeof *out);
	if (choose_shares(r, q, &l, out, err))
		return -1;
	l.counts = value_counts_new(&q->bad, l.windows);
	l.kind = has_kind(q) ? value_counts_new(&q->bad, false) : NULL;
	kept_rows_init(&kept, r, q->sort, most, &out->arena);
	l.kept = most ? &kept : NULL;
	failed = walk(r, q, &l, err);
	out->request_count = kept_rows_take(&kept, &out->requests);
	failed = failed || judge_both(r, q, &l, out, err);
	value_counts_free(&l.counts);
	value_counts_free(&l.kind);
	if (failed)
		suspects_result_fini(out);
	return failed ? -1 : 0;
}

void suspects_result_fini(struct suspects_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

int query_bad_requests(struct store_reader *r, const struct view *v, const struct bad *bad, enum request_sort sort, size_t limit,
                       int64_t scan_limit, struct request_result *out, struct err *err)
{
	struct look l = {.match = {.r = r, .bad = bad}, .scan_limit = scan_limit};
	struct view narrow = *v;
	struct kept_rows kept;

	memset(out, 0, sizeof *out);
	if (bad->to_us) {
		narrow.from_us = within(bad->from_us, v->from_us, v->to_us);
		narrow.to_us = within(bad->to_us, narrow.from_us, v->to_us);
	}
	kept_rows_init(&kept, r, sort, limit < 1 ? 1 : limit < REQUESTS_MAX ? limit : REQUESTS_MAX, &out->arena);
	l.kept = &kept;
	struct scan_query s = scan_of(&narrow, &l);
	int failed = query_scan(r, &s, look_at, &l, err);

	out->row_count = kept_rows_take(&kept, &out->rows);
	out->scanned = l.scanned;
	out->truncated = scan_limit && l.scanned >= scan_limit;
	out->scanned_from_us = narrow.from_us;
	if (failed)
		request_result_fini(out);
	return failed;
}
