/* One walk over the window's raw rows counts every value and keeps the first bad rows; a second one is needed
 * only where a named value was let go of on the way (store/value_counts.h). With a limit the window is cut
 * into slices of time, of each of which the same share is read; the part of the window that is bad by its
 * time is read whole. Two windows are two walks: the rows of the one count as bad, those of the other as good.
 *
 * A search is a row of steps between which, and within the walks, it can pause: what it has counted stays, and
 * the next call goes on below the last row. Rows that come meanwhile above that row are not seen. */
#include "store/query_suspects.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/bad_rows.h"
#include "store/pack.h"
#include "store/value_counts.h"

#define SLICES 128
#define PARTS_MAX 3 /* of the time that is walked over */
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
	int64_t scanned, scan_limit, oldest_us;
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
	l->oldest_us = row->end_us;
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

/* ── walking ───────────────────────────────────────────────────────────────────────────────── */

/* A part of the time that is read: whole, or the start of each of SLICES slices. */
struct part {
	int64_t from_us, to_us;
	double share;
	bool is_other; /* of the other window */
};

enum step {
	STEP_BEGIN, /* how much is there? */
	STEP_COUNT, /* the walk */
	STEP_WEIGH,
	STEP_AGAIN, /* the second walk */
	STEP_RANK,
	STEP_DONE
};

struct suspects_search {
	struct suspects_query q;
	struct store_reader *r;
	enum step step;
	struct look look;
	struct value_counts *counts, *kind;
	struct kept_rows kept;
	struct suspects_result out;
	/* the walk: parts from the newest on, and of each the slices from the newest on */
	struct part parts[PARTS_MAX];
	size_t part_count, part;
	int64_t slices_left; /* of this part; 0: it has not begun */
	struct scan_place place;
	int64_t until_mono_us;
	/* what is being judged */
	struct value_counts *judged;
	struct suspect *list;
	size_t count;
};

static void add_part(struct suspects_search *s, int64_t from_us, int64_t to_us, double share, bool is_other)
{
	if (to_us > from_us)
		s->parts[s->part_count++] = (struct part){from_us, to_us, share, is_other};
}

/* The bad part of the window's time whole, and a share of what is around it. */
static void cut_parts(struct suspects_search *s)
{
	const struct suspects_query *q = &s->q;
	int64_t from_us = q->view.from_us, to_us = q->view.to_us, bad_from_us, bad_to_us;
	double share = s->look.share;

	if (s->look.windows || share >= 1 || !q->bad.to_us) {
		add_part(s, from_us, to_us, share, false);
		if (s->look.windows)
			add_part(s, q->against_from_us, q->against_to_us, s->look.other_share, true);
		return;
	}
	bad_from_us = within(q->bad.from_us, from_us, to_us);
	bad_to_us = within(q->bad.to_us, bad_from_us, to_us);
	add_part(s, bad_to_us, to_us, share, false);
	add_part(s, bad_from_us, bad_to_us, 1, false);
	add_part(s, from_us, bad_from_us, share, false);
}

static void rewind_walk(struct suspects_search *s)
{
	s->part = 0;
	s->slices_left = 0;
	s->place.before_id = 0;
}

static bool is_late(const struct suspects_search *s)
{
	return clock_mono_us() >= s->until_mono_us;
}

/* One slice of a part, or what is left of it. */
static int walk_slice(struct suspects_search *s, const struct part *p, struct err *err)
{
	struct scan_query scan = {
		.view = s->q.view, .fields = bad_match_fields(&s->q.bad), .attrs = value_counts_attrs(), .newest_first = true,
		.place = &s->place,
	};
	int64_t width = p->to_us - p->from_us;

	scan.view.from_us = p->from_us;
	scan.view.to_us = p->to_us;
	if (p->share < 1) {
		scan.view.from_us += (int64_t)((double)width * (double)(s->slices_left - 1) / (double)SLICES);
		scan.view.to_us = scan.view.from_us + (int64_t)((double)width * p->share / (double)SLICES);
	}
	s->place.until_mono_us = s->until_mono_us;
	s->place.paused = false;
	if (scan.view.to_us > scan.view.from_us &&
	    query_scan(s->r, &scan, s->look.windows ? look_at_window : look_at, &s->look, err))
		return -1;
	if (s->place.paused)
		return 0;
	s->place.before_id = 0;
	s->slices_left--;
	return 0;
}

/* 1 when all was read, 0 when it is late, -1 with a sentence. */
static int walk(struct suspects_search *s, struct err *err)
{
	while (s->part < s->part_count) {
		const struct part *p = &s->parts[s->part];

		if (!s->slices_left)
			s->slices_left = p->share < 1 ? SLICES : 1;
		s->look.is_other = p->is_other;
		if (walk_slice(s, p, err))
			return -1;
		s->part += !s->slices_left;
		if (is_late(s))
			break;
	}
	return s->part == s->part_count;
}

static double part_done(const struct suspects_search *s, const struct part *p)
{
	int64_t slices = p->share < 1 ? SLICES : 1, left = s->slices_left;

	if (!left)
		return 0;
	if (slices == 1 && s->place.before_id)
		return (double)(p->to_us - within(id_time_us(s->place.before_id), p->from_us, p->to_us)) / (double)(p->to_us - p->from_us);
	return (double)(slices - left) / (double)slices;
}

/* How much of the walk is done, 0-1. */
static double walk_done(const struct suspects_search *s)
{
	double all = 0, done = 0;

	for (size_t i = 0; i < s->part_count; i++) {
		double weight = s->parts[i].share * (double)(s->parts[i].to_us - s->parts[i].from_us);

		all += weight;
		done += i < s->part ? weight : i == s->part ? weight * part_done(s, &s->parts[i]) : 0;
	}
	return all > 0 ? done / all : 0;
}

/* ── judging ───────────────────────────────────────────────────────────────────────────────── */

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

/* Whether the condition names a time and something else. */
static bool has_kind(const struct suspects_query *q)
{
	struct bad kind = q->bad;

	kind.from_us = kind.to_us = 0;
	return !q->against_to_us && q->bad.to_us && bad_says(&kind) && (q->bad.from_us > q->view.from_us || q->bad.to_us < q->view.to_us);
}

static int begin(struct suspects_search *s, struct err *err)
{
	size_t most = s->q.request_limit < REQUESTS_MAX ? s->q.request_limit : REQUESTS_MAX;

	s->look = (struct look){.match = {.r = s->r, .bad = &s->q.bad}, .windows = s->q.against_to_us != 0};
	if (choose_shares(s->r, &s->q, &s->look, &s->out, err))
		return -1;
	cut_parts(s);
	s->look.counts = s->counts = value_counts_new(&s->q.bad, s->look.windows);
	s->look.kind = s->kind = has_kind(&s->q) ? value_counts_new(&s->q.bad, false) : NULL;
	kept_rows_init(&s->kept, s->r, s->q.sort, most, &s->out.arena);
	s->look.kept = most ? &s->kept : NULL;
	s->step = STEP_COUNT;
	return 0;
}

/* First against the same kind of requests at other times, then against all others. */
static void choose_judged(struct suspects_search *s)
{
	s->out.bad = value_counts_bad(s->counts);
	s->out.total = value_counts_total(s->counts);
	s->judged = s->kind && value_counts_total(s->kind) - value_counts_bad(s->kind) >= KIND_LEAST ? s->kind : s->counts;
	s->step = STEP_WEIGH;
}

static void end_count(struct suspects_search *s)
{
	s->out.request_count = kept_rows_take(&s->kept, &s->out.requests);
	s->look.kept = NULL;
	choose_judged(s);
}

static void weigh(struct suspects_search *s)
{
	struct look *l = &s->look;

	free(s->list);
	s->count = value_counts_weigh(s->judged, s->r, &s->list, SUSPECTS_RANKED_MAX, &s->out.tried);
	s->step = STEP_RANK;
	if (!value_counts_unsure(s->judged, s->list, s->count))
		return;
	l->unsure = s->judged;
	l->again = s->list;
	l->again_count = s->count;
	value_counts_begin_again(s->judged, s->list, s->count);
	rewind_walk(s);
	s->step = STEP_AGAIN;
}

static void rank(struct suspects_search *s)
{
	value_counts_rank(s->judged, s->list, s->count, s->out.tried);
	give_rows(s->judged, s->r, &s->q, s->list, s->count, &s->out);
	s->out.compared = value_counts_total(s->judged);
	s->out.against_before = s->judged == s->kind && s->out.named_count > 0;
	s->step = s->judged == s->kind && !s->out.against_before ? STEP_WEIGH : STEP_DONE;
	s->judged = s->counts;
}

/* As much of the step as there is time for. */
static int take_step(struct suspects_search *s, struct err *err)
{
	int walked;

	switch (s->step) {
	case STEP_BEGIN:
		return begin(s, err);
	case STEP_COUNT:
	case STEP_AGAIN:
		walked = walk(s, err);
		if (walked <= 0)
			return walked;
		if (s->step == STEP_COUNT) {
			end_count(s);
			return 0;
		}
		value_counts_weigh_again(s->judged, s->list, s->count, s->out.tried);
		s->step = STEP_RANK;
		return 0;
	case STEP_WEIGH:
		weigh(s);
		return 0;
	default:
		rank(s);
		return 0;
	}
}

struct suspects_search *suspects_search_new(struct store_reader *r, const struct suspects_query *q)
{
	struct suspects_search *s = mem_zalloc(sizeof *s);

	s->r = r;
	s->q = *q;
	return s;
}

int suspects_search_go_on(struct suspects_search *s, int64_t for_us, struct err *err)
{
	s->until_mono_us = for_us > 0 ? clock_mono_us() + for_us : INT64_MAX;
	while (s->step != STEP_DONE) {
		if (take_step(s, err))
			return -1;
		if (is_late(s))
			break;
	}
	return s->step == STEP_DONE;
}

double suspects_search_share(const struct suspects_search *s)
{
	const double counted = .98; /* the rest is judging */

	if (s->step == STEP_BEGIN || s->step == STEP_DONE)
		return s->step == STEP_DONE;
	return s->step == STEP_COUNT ? counted * walk_done(s) : counted;
}

void suspects_search_take(struct suspects_search *s, struct suspects_result *out)
{
	*out = s->out;
	memset(&s->out, 0, sizeof s->out);
}

void suspects_search_free(struct suspects_search **search)
{
	struct suspects_search *s = *search;

	if (!s)
		return;
	value_counts_free(&s->counts);
	value_counts_free(&s->kind);
	free(s->kept.items);
	free(s->list);
	suspects_result_fini(&s->out);
	free(s);
	*search = NULL;
}

int query_suspects(struct store_reader *r, const struct suspects_query *q, struct suspects_result *out, struct err *err)
{
	struct suspects_search *s = suspects_search_new(r, q);
	int failed = suspects_search_go_on(s, 0, err) < 0;

	suspects_search_take(s, out);
	suspects_search_free(&s);
	if (failed)
		suspects_result_fini(out);
	return failed ? -1 : 0;
}

void suspects_result_fini(struct suspects_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

/* ── the bad requests alone ────────────────────────────────────────────────────────────────── */

struct bad_search {
	struct store_reader *r;
	struct view view;
	struct bad bad;
	struct look look;
	struct kept_rows kept;
	struct scan_place place;
	struct request_result out;
	bool done;
};

struct bad_search *bad_search_new(struct store_reader *r, const struct view *v, const struct bad *bad, enum request_sort sort,
                                  size_t limit, int64_t scan_limit)
{
	struct bad_search *s = mem_zalloc(sizeof *s);

	s->r = r;
	s->view = *v;
	s->bad = *bad;
	s->look = (struct look){.match = {.r = r, .bad = &s->bad}, .scan_limit = scan_limit, .kept = &s->kept};
	if (bad->to_us) {
		s->view.from_us = within(bad->from_us, v->from_us, v->to_us);
		s->view.to_us = within(bad->to_us, s->view.from_us, v->to_us);
	}
	kept_rows_init(&s->kept, r, sort, limit < 1 ? 1 : limit < REQUESTS_MAX ? limit : REQUESTS_MAX, &s->out.arena);
	return s;
}

int bad_search_go_on(struct bad_search *s, int64_t for_us, struct err *err)
{
	struct scan_query q = {.view = s->view, .fields = bad_match_fields(&s->bad), .newest_first = true, .place = &s->place};

	s->place.until_mono_us = for_us > 0 ? clock_mono_us() + for_us : INT64_MAX;
	if (s->done)
		return 1;
	if (query_scan(s->r, &q, look_at, &s->look, err))
		return -1;
	if (s->place.paused)
		return 0;
	s->out.row_count = kept_rows_take(&s->kept, &s->out.rows);
	s->out.scanned = s->look.scanned;
	s->out.truncated = s->look.scan_limit && s->look.scanned >= s->look.scan_limit;
	s->out.scanned_from_us = s->out.truncated ? s->look.oldest_us : s->view.from_us;
	return s->done = true;
}

/* By time, or by the rows that may be looked at: whichever is further. */
double bad_search_share(const struct bad_search *s)
{
	double width = (double)(s->view.to_us - s->view.from_us), share = 0;

	if (s->done)
		return 1;
	if (s->place.before_id && width > 0)
		share = (double)(s->view.to_us - within(id_time_us(s->place.before_id), s->view.from_us, s->view.to_us)) / width;
	if (s->look.scan_limit && (double)s->look.scanned / (double)s->look.scan_limit > share)
		share = (double)s->look.scanned / (double)s->look.scan_limit;
	return share;
}

void bad_search_take(struct bad_search *s, struct request_result *out)
{
	*out = s->out;
	memset(&s->out, 0, sizeof s->out);
}

void bad_search_free(struct bad_search **search)
{
	struct bad_search *s = *search;

	if (!s)
		return;
	free(s->kept.items);
	request_result_fini(&s->out);
	free(s);
	*search = NULL;
}

int query_bad_requests(struct store_reader *r, const struct view *v, const struct bad *bad, enum request_sort sort, size_t limit,
                       int64_t scan_limit, struct request_result *out, struct err *err)
{
	struct bad_search *s = bad_search_new(r, v, bad, sort, limit, scan_limit);
	int failed = bad_search_go_on(s, 0, err) < 0;

	bad_search_take(s, out);
	bad_search_free(&s);
	if (failed)
		request_result_fini(out);
	return failed ? -1 : 0;
}
