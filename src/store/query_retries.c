/* The walk goes back in time, so a call is known before the failed one it repeats: each waits in a small table by trace
 * and series until the one before it is seen. The table is bounded: it is emptied when it is full, which
 * forgets some calls that wait (their failed ones lie minutes back then) and counts too few, never too many. */
#include "store/query_retries.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/query_scan.h"

#define GAP_US (2 * US_PER_MIN) /* a call later than that after a failed one is a new try of somebody */
#define WAITING (1u << 15)
#define TYPES_MOST 8

struct waiting {
	uint64_t key; /* 0: free */
	int64_t start_us;
};
struct tally {
	bool used;
	int64_t requests, failed, retried, wasted_nusd, storm_minutes, storm_from_us, storm_to_us;
	int64_t peak_us, peak_retried, peak_requests;
	int64_t minute_us, minute_requests, minute_retried;
	uint32_t types[TYPES_MOST];
	int64_t type_counts[TYPES_MOST];
};
struct retries {
	struct store_reader *r;
	struct tally *series; /* by series */
	size_t cap;
	struct waiting *waiting;
	size_t waiting_count;
	int64_t scanned, limit, from_us;
};

static struct waiting *find(struct retries *x, uint64_t key)
{
	size_t at = key & (WAITING - 1);

	while (x->waiting[at].key && x->waiting[at].key != key)
		at = (at + 1) & (WAITING - 1);
	return &x->waiting[at];
}

static void wait_for_failed(struct retries *x, uint64_t key, int64_t start_us)
{
	if (x->waiting_count > WAITING / 2) {
		memset(x->waiting, 0, WAITING * sizeof *x->waiting);
		x->waiting_count = 0;
	}
	struct waiting *w = find(x, key);

	x->waiting_count += !w->key;
	*w = (struct waiting){key, start_us};
}

static void close_minute(struct tally *t)
{
	if (t->minute_retried > t->peak_retried) {
		t->peak_us = t->minute_us;
		t->peak_retried = t->minute_retried;
		t->peak_requests = t->minute_requests;
	}
	if (t->minute_retried >= RETRY_STORM_CALLS && (double)t->minute_retried >= RETRY_STORM_SHARE * (double)t->minute_requests) {
		t->storm_minutes++;
		t->storm_from_us = t->minute_us;
		t->storm_to_us = t->storm_to_us ? t->storm_to_us : t->minute_us + US_PER_MIN;
	}
	t->minute_requests = t->minute_retried = 0;
}

static void count_type(struct tally *t, uint32_t type)
{
	for (int i = 0; i < TYPES_MOST; i++)
		if (t->types[i] == type || !t->type_counts[i]) {
			t->types[i] = type;
			t->type_counts[i]++;
			return;
		}
}

static struct tally *tally_of(struct retries *x, uint32_t series)
{
	if (series >= x->cap) {
		size_t before = x->cap;

		x->series = mem_grow(x->series, &x->cap, (size_t)series + 16, sizeof *x->series);
		memset(x->series + before, 0, (x->cap - before) * sizeof *x->series);
	}
	x->series[series].used = true;
	return &x->series[series];
}

/* The one that failed counts the call that came after it: that one's minute is this one's or the next. */
static bool look_at(const struct scan_row *row, void *arg)
{
	struct retries *x = arg;
	struct tally *t = tally_of(x, row->series);
	int64_t minute_us = row->end_us - row->end_us % US_PER_MIN;
	bool failed = row->status == REQUEST_ERROR, again = row->attempt > 1;

	if (minute_us != t->minute_us) {
		close_minute(t);
		t->minute_us = minute_us;
	}
	t->requests++;
	t->minute_requests++;
	t->failed += failed;
	if (failed && row->cost_source != COST_UNPRICED)
		t->wasted_nusd += row->cost_nusd;
	if (row->has_trace && row->attempt <= 1) {
		uint64_t key = hash_mix(hash_bytes(row->trace_id, 16), row->series) | 1;
		const struct waiting *w = find(x, key);

		again = failed && w->key == key && w->start_us >= row->end_us - US_PER_S && w->start_us - row->end_us <= GAP_US;
		wait_for_failed(x, key, row->end_us - (row->latency_us > 0 ? row->latency_us : 0));
		if (again)
			count_type(t, row->error_type);
	} else if (failed) {
		count_type(t, row->error_type);
	}
	t->retried += again;
	t->minute_retried += again;
	x->from_us = row->end_us;
	return !x->limit || ++x->scanned < x->limit;
}

static const char *kept(struct arena *a, const char *text)
{
	return arena_copy(a, text, strlen(text));
}

static const char *most_frequent(const struct retries *x, const struct tally *t, struct arena *a)
{
	int best = 0;

	for (int i = 1; i < TYPES_MOST; i++)
		if (t->type_counts[i] > t->type_counts[best])
			best = i;
	return t->type_counts[best] ? kept(a, scan_name(x->r, t->types[best])) : "";
}

static int worst_first(const void *a, const void *b)
{
	const struct retry_row *x = a, *y = b;

	if (!x->storm_minutes != !y->storm_minutes)
		return x->storm_minutes ? -1 : 1;
	return x->retried != y->retried ? (x->retried > y->retried ? -1 : 1) : strcmp(x->service, y->service);
}

/* One row for a service, provider and model: series differ by more than that. */
static struct retry_row *row_of(struct retry_result *out, size_t *cap, const struct retries *x, uint32_t series)
{
	const uint32_t *dims = scan_series_dims(x->r, series);
	const char *service = scan_name(x->r, dims[DIM_SERVICE]), *provider = scan_name(x->r, dims[DIM_PROVIDER]);
	const char *model = scan_name(x->r, dims[DIM_MODEL]);

	for (size_t i = 0; i < out->row_count; i++)
		if (!strcmp(out->rows[i].service, service) && !strcmp(out->rows[i].provider, provider) && !strcmp(out->rows[i].model, model))
			return &out->rows[i];
	out->rows = mem_grow(out->rows, cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count] = (struct retry_row){
		.service = kept(&out->arena, service), .provider = kept(&out->arena, provider), .model = kept(&out->arena, model), .error_type = "",
	};
	return &out->rows[out->row_count++];
}

static void add_series(struct retry_result *out, size_t *cap, const struct retries *x, uint32_t series)
{
	const struct tally *t = &x->series[series];
	struct retry_row *row = row_of(out, cap, x, series);

	if (t->peak_retried > row->peak_retried) /* the worst part speaks for the row */
		row->error_type = most_frequent(x, t, &out->arena);
	row->requests += t->requests;
	row->failed += t->failed;
	row->retried += t->retried;
	row->wasted_nusd += t->wasted_nusd;
	if (t->peak_retried > row->peak_retried) {
		row->peak_us = t->peak_us;
		row->peak_retried = t->peak_retried;
		row->peak_requests = t->peak_requests;
	}
	if (!t->storm_minutes)
		return;
	row->storm_minutes = t->storm_minutes > row->storm_minutes ? t->storm_minutes : row->storm_minutes;
	row->storm_from_us = !row->storm_from_us || t->storm_from_us < row->storm_from_us ? t->storm_from_us : row->storm_from_us;
	row->storm_to_us = t->storm_to_us > row->storm_to_us ? t->storm_to_us : row->storm_to_us;
}

static void give(struct retries *x, struct retry_result *out)
{
	size_t cap = 0, n = 0;

	for (size_t i = 0; i < x->cap; i++) {
		if (!x->series[i].used)
			continue;
		close_minute(&x->series[i]);
		out->requests += x->series[i].requests;
		out->retried += x->series[i].retried;
		add_series(out, &cap, x, (uint32_t)i);
	}
	for (size_t i = 0; i < out->row_count; i++)
		if (out->rows[i].retried)
			out->rows[n++] = out->rows[i];
	out->row_count = n;
	if (n)
		qsort(out->rows, n, sizeof *out->rows, worst_first);
}

int query_retries(struct store_reader *r, const struct view *v, int64_t scan_limit, struct retry_result *out, struct err *err)
{
	struct retries x = {.r = r, .limit = scan_limit, .from_us = v->to_us};
	struct scan_query q = {.view = *v, .fields = SCAN_IDS, .newest_first = true};

	memset(out, 0, sizeof *out);
	x.waiting = mem_zalloc(WAITING * sizeof *x.waiting);
	int failed = query_scan(r, &q, look_at, &x, err);

	if (!failed)
		give(&x, out);
	out->sampled = scan_limit && x.scanned >= scan_limit;
	out->from_us = out->sampled ? x.from_us : v->from_us;
	free(x.waiting);
	free(x.series);
	if (failed)
		retry_result_fini(out);
	return failed;
}

void retry_result_fini(struct retry_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

/* ── headroom ──────────────────────────────────────────────────────────────────────────────── */

/* The share that is left where it is told of what; the others behind them, but for those of which nothing is left. */
static double scarcity(const struct headroom_row *row)
{
	if (row->limit > 0)
		return row->left / row->limit;
	return row->left <= 0 ? 0 : 2 + row->left;
}

static int least_first(const void *a, const void *b)
{
	double x = scarcity(a), y = scarcity(b);

	return x != y ? (x < y ? -1 : 1) : strcmp(((const struct headroom_row *)a)->source, ((const struct headroom_row *)b)->source);
}

#define LATE_US (15 * US_PER_MIN) /* the end of the window, in steps that tell an age */
#define LATE_STEP_US (10 * US_PER_S)

static struct headroom_row *headroom_of(struct headroom_result *out, size_t *cap, const struct gauge_series *s, bool tokens)
{
	for (size_t i = 0; i < out->row_count; i++) {
		struct headroom_row *row = &out->rows[i];

		if (row->tokens == tokens && !strcmp(row->source, s->source) && !strcmp(row->instance, s->instance))
			return row;
	}
	out->rows = mem_grow(out->rows, cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count] = (struct headroom_row){
		.source = kept(&out->arena, s->source), .instance = kept(&out->arena, s->instance), .tokens = tokens,
		.left = NAN, .least = NAN, .limit = NAN,
	};
	return &out->rows[out->row_count++];
}

/* The newest of a series; NaN where it has none. *seen_us: end of its step. */
static double newest_of(const struct gauge_result *g, const struct gauge_series *s, int64_t *seen_us)
{
	for (size_t k = s->steps; k-- > 0;)
		if (!isnan(s->last[k])) {
			*seen_us = g->from_us + (int64_t)(k + 1) * g->step_us;
			return s->last[k];
		}
	return NAN;
}

static void take_left(struct headroom_result *out, size_t *cap, const struct gauge_result *g, const struct gauge_series *s, bool tokens)
{
	struct headroom_row *row;
	int64_t seen_us = 0;
	double left = newest_of(g, s, &seen_us);

	if (isnan(left))
		return;
	row = headroom_of(out, cap, s, tokens);
	row->left = left;
	row->seen_us = seen_us;
	for (size_t k = 0; k < s->steps; k++)
		row->least = isnan(s->min[k]) || s->min[k] >= row->least ? row->least : s->min[k];
}

/* What else is told of a limit; of one that nothing is left of is told, nothing is shown. */
static void take_more(struct headroom_result *out, const struct gauge_result *g, const struct gauge_series *s)
{
	static const struct {
		const char *name;
		bool tokens, reset;
	} gauges[] = {{"serving.limit_requests", false, false}, {"serving.limit_tokens", true, false},
	              {"serving.reset_requests_seconds", false, true}, {"serving.reset_tokens_seconds", true, true}};
	int64_t seen_us;
	double last = newest_of(g, s, &seen_us);

	for (size_t i = 0; i < sizeof gauges / sizeof *gauges && !isnan(last); i++)
		for (size_t k = 0; k < out->row_count && strcmp(s->name, gauges[i].name) == 0; k++) {
			struct headroom_row *row = &out->rows[k];

			if (row->tokens != gauges[i].tokens || strcmp(row->source, s->source) != 0 || strcmp(row->instance, s->instance) != 0)
				continue;
			if (gauges[i].reset && last >= 0 && last < 1e9)
				row->reset_us = seen_us + (int64_t)(last * (double)US_PER_S);
			else if (!gauges[i].reset)
				row->limit = last;
		}
}

static int look_for_headroom(struct store_reader *r, int64_t from_us, int64_t to_us, int64_t step_us, struct headroom_result *out,
                             size_t *cap, struct err *err)
{
	static const char *const prefixes[] = {"serving.remaining_", "serving.limit_", "serving.reset_"};

	for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
		struct gauge_result g;

		if (query_gauges(r, str_of(prefixes[p]), from_us, to_us, step_us, &g, err))
			return -1;
		for (size_t i = 0; i < g.series_count; i++) {
			const char *name = g.series[i].name;

			if (strcmp(name, "serving.remaining_requests") == 0 || strcmp(name, "serving.remaining_tokens") == 0)
				take_left(out, cap, &g, &g.series[i], strcmp(name, "serving.remaining_tokens") == 0);
			else if (p > 0)
				take_more(out, &g, &g.series[i]);
		}
		gauge_result_fini(&g);
	}
	return 0;
}

int query_headroom(struct store_reader *r, int64_t from_us, int64_t to_us, struct headroom_result *out, struct err *err)
{
	int64_t late_us = to_us - LATE_US > from_us ? to_us - LATE_US : from_us;
	size_t cap = 0;

	memset(out, 0, sizeof *out);
	if (look_for_headroom(r, from_us, to_us, view_choose_step_us(from_us, to_us, 120), out, &cap, err) ||
	    (out->row_count && look_for_headroom(r, late_us, to_us, LATE_STEP_US, out, &cap, err))) {
		headroom_result_fini(out);
		return -1;
	}
	if (out->row_count)
		qsort(out->rows, out->row_count, sizeof *out->rows, least_first);
	return 0;
}

void headroom_result_fini(struct headroom_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
