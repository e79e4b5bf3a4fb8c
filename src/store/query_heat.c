/* Log bands come from the steps' sketches: their edges are round values moved down to the edge of the
 * sketch's cell that holds them, so that no cell is ever split between two bands. */
#include "store/query_heat.h"

#include <stdio.h>
#include <string.h>

#define OTHER "(other)"

const char *heat_kind_name(enum heat_kind k)
{
	static const char *const names[HEAT_KINDS] = {"latency", "ttft", "cost", "errors", "flags"};

	return names[k];
}

/* ── log bands ─────────────────────────────────────────────────────────────────────────────── */

/* Mantissas within a decade in tenths, the coarsest first. */
static const int ladders[][13] = {
	{10, 0}, {10, 30, 0}, {10, 20, 50, 0}, {10, 15, 20, 30, 50, 70, 0}, {10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 0},
};
#define LADDERS (sizeof ladders / sizeof *ladders)

/* The rungs above `low` and up to `high`, at most `most`; SIZE_MAX when there are more. */
static size_t climb(const int *ladder, int64_t low, int64_t high, size_t most, int64_t *rungs)
{
	size_t n = 0;

	for (int64_t decade = 10; decade < INT64_MAX / 100; decade *= 10)
		for (const int *m = ladder; *m; m++) {
			int64_t at = decade / 10 * *m;

			if (at <= low)
				continue;
			if (at > high)
				return n;
			if (n == most)
				return SIZE_MAX;
			rungs[n++] = at;
		}
	return n;
}

/* The finest ladder that has room, over all but the smallest half percent of the values. */
static size_t choose_rungs(const struct sketch *s, size_t bands, int64_t rungs[HEAT_BANDS_MAX])
{
	int64_t low = sketch_quantile(s, 0.005), high = sketch_quantile(s, 1);
	size_t n = 0;

	for (size_t i = 0; i < LADDERS; i++) {
		int64_t tried[HEAT_BANDS_MAX];
		size_t count = climb(ladders[i], low, high, bands - 1, tried);

		if (count == SIZE_MAX)
			break;
		memcpy(rungs, tried, count * sizeof *rungs);
		n = count;
	}
	return n;
}

/* Those of another map, whose arena outlives nothing of ours. */
static void copy_log_bands(struct heat_result *out, const struct heat_result *like)
{
	out->band_count = like->band_count;
	out->bands = arena_alloc(&out->arena, out->band_count * sizeof *out->bands);
	for (size_t i = 0; i < out->band_count; i++)
		out->bands[i] = (struct heat_band){.range = like->bands[i].range, .label = like->bands[i].label, .name = ""};
}

static void make_log_bands(struct heat_result *out, const struct sketch *total, size_t bands)
{
	int64_t rungs[HEAT_BANDS_MAX];
	size_t n = total->count ? choose_rungs(total, bands, rungs) : 0;

	out->band_count = n + 1;
	out->bands = arena_alloc(&out->arena, (n + 1) * sizeof *out->bands);
	for (size_t i = 0; i <= n; i++)
		out->bands[i] = (struct heat_band){
			.range = {i ? sketch_index_low(sketch_index(rungs[i - 1])) : 0,
			          i < n ? sketch_index_low(sketch_index(rungs[i])) : INT64_MAX},
			.label = i ? rungs[i - 1] : 0, .name = "",
		};
}

static void count_cells(struct heat_result *out, const struct sketch *s, size_t step)
{
	size_t band = 0;

	for (uint32_t i = 0; i < s->len; i++) {
		while (sketch_index_low(s->cells[i].index) >= out->bands[band].range.high)
			band++;
		out->counts[band * out->steps + step] += s->cells[i].count;
	}
}

static int read_log(struct store_reader *r, const struct view *v, enum sketch_kind kind, size_t bands, const struct heat_result *like,
                    struct heat_result *out, struct err *err)
{
	struct figures_result figures;

	if (query_figures(r, v, 1u << kind, 1u << kind, &figures, err))
		return -1;
	const struct figures_group *all = &figures.total;

	out->from_us = figures.from_us;
	out->to_us = figures.to_us;
	out->step_us = figures.step_us;
	out->steps = figures.steps;
	out->requests = all->total.requests;
	if (like)
		copy_log_bands(out, like);
	else
		make_log_bands(out, &all->total.sketches[kind], bands);
	out->counts = arena_alloc(&out->arena, (out->band_count * out->steps + 1) * sizeof *out->counts);
	memset(out->counts, 0, out->band_count * out->steps * sizeof *out->counts);
	for (size_t i = 0; i < out->steps; i++)
		count_cells(out, &all->series[i].sketches[kind], i);
	figures_result_fini(&figures);
	return 0;
}

/* ── names ─────────────────────────────────────────────────────────────────────────────────── */

static void copy_names(struct heat_result *out, const struct breakdown_result *b, size_t bands)
{
	out->band_count = b->row_count < bands ? b->row_count : bands;
	out->bands = arena_alloc(&out->arena, (out->band_count + 1) * sizeof *out->bands);
	out->counts = arena_alloc(&out->arena, (out->band_count * out->steps + 1) * sizeof *out->counts);
	memset(out->counts, 0, out->band_count * out->steps * sizeof *out->counts);
	for (size_t i = 0; i < b->row_count; i++) {
		bool rest = b->row_count > bands && i >= bands - 1;
		size_t band = rest ? bands - 1 : i;
		const char *name = rest ? OTHER : b->rows[i].name;

		out->bands[band] = (struct heat_band){.range = {0, INT64_MAX}, .name = arena_copy(&out->arena, name, strlen(name))};
		for (size_t s = 0; s < out->steps; s++)
			out->counts[band * out->steps + s] += b->rows[i].series[s];
	}
}

/* The same names in the same order; what has none there is in a last band. */
static void copy_names_like(struct heat_result *out, const struct breakdown_result *b, const struct heat_result *like)
{
	size_t named = like->band_count;

	if (named && strcmp(like->bands[named - 1].name, OTHER) == 0)
		named--;
	out->band_count = named + 1;
	out->bands = arena_alloc(&out->arena, out->band_count * sizeof *out->bands);
	out->counts = arena_alloc(&out->arena, (out->band_count * out->steps + 1) * sizeof *out->counts);
	memset(out->counts, 0, out->band_count * out->steps * sizeof *out->counts);
	for (size_t i = 0; i <= named; i++) {
		const char *name = i < named ? like->bands[i].name : OTHER;

		out->bands[i] = (struct heat_band){.range = {0, INT64_MAX}, .name = arena_copy(&out->arena, name, strlen(name))};
	}
	for (size_t i = 0; i < b->row_count; i++) {
		size_t band = 0;

		while (band < named && strcmp(out->bands[band].name, b->rows[i].name) != 0)
			band++;
		for (size_t s = 0; s < out->steps; s++)
			out->counts[band * out->steps + s] += b->rows[i].series[s];
	}
}

static int read_names(struct store_reader *r, const struct view *v, enum breakdown_kind kind, size_t bands,
                      const struct heat_result *like, struct heat_result *out, struct err *err)
{
	struct breakdown_result names;
	struct figures_result figures;

	if (query_breakdown(r, kind, v, &names, err))
		return -1;
	out->from_us = names.from_us;
	out->to_us = names.to_us;
	out->step_us = names.step_us;
	out->steps = names.steps;
	if (like)
		copy_names_like(out, &names, like);
	else
		copy_names(out, &names, bands);
	breakdown_result_fini(&names);
	if (query_figures(r, v, 0, 0, &figures, err))
		return -1;
	out->requests = figures.total.total.requests;
	figures_result_fini(&figures);
	return 0;
}

static void add_up(struct heat_result *out)
{
	out->step_counts = arena_alloc(&out->arena, (out->steps + 1) * sizeof *out->step_counts);
	memset(out->step_counts, 0, (out->steps + 1) * sizeof *out->step_counts);
	for (size_t b = 0; b < out->band_count; b++)
		for (size_t s = 0; s < out->steps; s++) {
			int64_t count = out->counts[b * out->steps + s];

			out->bands[b].count += count;
			out->step_counts[s] += count;
			out->total += count;
			out->most = count > out->most ? count : out->most;
		}
}

static int read_heat(struct store_reader *r, enum heat_kind kind, const struct view *v, int bands, const struct heat_result *like,
                     struct heat_result *out, struct err *err)
{
	static const enum sketch_kind sketches[] = {SKETCH_LATENCY_US, SKETCH_TTFT_US, SKETCH_COST_NUSD};
	struct view plain = *v;
	int failed;

	memset(out, 0, sizeof *out);
	plain.by_count = 0;
	bands = bands < 3 ? 3 : bands > HEAT_BANDS_MAX ? HEAT_BANDS_MAX : bands;
	if (plain.step_us <= 0)
		plain.step_us = v->to_us > v->from_us ? v->to_us - v->from_us : 1;
	if (kind == HEAT_ERRORS || kind == HEAT_FLAGS)
		failed = read_names(r, &plain, kind == HEAT_ERRORS ? BREAKDOWN_ERROR_TYPE : BREAKDOWN_FLAG_CATEGORY, (size_t)bands, like, out,
		                    err);
	else
		failed = read_log(r, &plain, sketches[kind], (size_t)bands, like, out, err);
	if (failed) {
		heat_result_fini(out);
		return -1;
	}
	out->kind = kind;
	add_up(out);
	return 0;
}

int query_heat(struct store_reader *r, enum heat_kind kind, const struct view *v, int bands, struct heat_result *out,
               struct err *err)
{
	return read_heat(r, kind, v, bands, NULL, out, err);
}

int query_heat_like(struct store_reader *r, const struct heat_result *like, const struct view *v, struct heat_result *out,
                    struct err *err)
{
	return read_heat(r, like->kind, v, HEAT_BANDS_MAX, like, out, err);
}

void heat_result_fini(struct heat_result *res)
{
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

void heat_cell(const struct heat_result *h, size_t band, size_t step, struct bad *out)
{
	bad_init(out);
	out->failed = h->kind == HEAT_ERRORS;
	out->flagged = h->kind == HEAT_FLAGS;
	if (step < h->steps) {
		out->from_us = h->from_us + (int64_t)step * h->step_us;
		out->to_us = out->from_us + h->step_us;
	}
	if (band >= h->band_count)
		return;
	const struct heat_band *b = &h->bands[band];
	struct bad_range *const ranges[] = {&out->latency_us, &out->ttft_us, &out->cost_nusd};

	if (h->kind <= HEAT_COST)
		*ranges[h->kind] = b->range;
	else if (strcmp(b->name, OTHER) != 0)
		snprintf(h->kind == HEAT_ERRORS ? out->error_type : out->flag, BAD_NAME_BYTES, "%s", b->name);
}
