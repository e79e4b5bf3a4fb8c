/* Figures and counts by name from the rollups. Group after group: the rows of a group's series are
 * decoded straight into arrays of cells for the total, which is read in the coarsest tiers the
 * window allows, and once more into the steps' sketches in those the step allows. Between two groups a walk
 * can pause: nothing of it is in the arrays then. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/reader_private.h"

struct walk {
	struct store_reader *r;
	const struct runs *runs;       /* for the totals, in the coarsest tiers */
	const struct runs *step_runs;  /* for the series; without steps when there is none */
	struct figures_group *group;
	unsigned needs, series_needs;
	int weight;
	size_t step; /* whose cells are in the arrays; SIZE_MAX none */
};

static size_t step_of(const struct runs *runs, int64_t bucket_us)
{
	return (size_t)((bucket_us - runs->from_us) / runs->step_us);
}

static int add_to_total(void *arg, int64_t bucket_us, const void *blob, size_t len)
{
	struct walk *w = arg;

	return dense_decode_merge(w->r->dense, &w->group->total, w->needs, w->weight, bucket_us, blob, len) ? 0 : -1;
}

/* Moves the cells of the step that was added to into its sketches. */
static void finish_step(struct walk *w)
{
	if (w->series_needs && w->step < w->step_runs->steps)
		dense_take(w->r->dense, &w->group->series[w->step]);
	w->step = SIZE_MAX;
}

static int add_to_step(void *arg, int64_t bucket_us, const void *blob, size_t len)
{
	struct walk *w = arg;
	size_t step = step_of(w->step_runs, bucket_us);

	if (step != w->step) {
		finish_step(w);
		w->step = step;
	}
	return dense_decode_merge(w->r->dense, &w->group->series[step], w->series_needs, w->weight, bucket_us, blob, len) ? 0 : -1;
}

static void start_group(struct figures_result *out, struct figures_group *g)
{
	memset(g, 0, sizeof *g);
	for (int d = 0; d < DIM_COUNT; d++)
		g->key[d] = "";
	if (!out->step_us)
		return;
	g->series = arena_alloc(&out->arena, out->steps * sizeof *g->series);
	memset(g->series, 0, out->steps * sizeof *g->series);
}

static void free_group(struct figures_group *g, size_t steps)
{
	figures_fini(&g->total);
	for (size_t i = 0; g->series && i < steps; i++)
		figures_fini(&g->series[i]);
}

static bool nothing_in(const struct figures *f)
{
	return !f->requests && !f->feedback && !f->flags && !f->cost_nusd;
}

static int most_requests_first(const void *a, const void *b)
{
	const struct figures_group *x = a, *y = b;

	if (x->total.requests != y->total.requests)
		return x->total.requests > y->total.requests ? -1 : 1;
	for (int d = 0; d < DIM_COUNT; d++) {
		int order = strcmp(x->key[d], y->key[d]);
		if (order)
			return order;
	}
	return 0;
}

static int by_group(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->series < y->series ? -1 : x->series > y->series;
}

static void merge_total(struct store_reader *r, struct figures_result *out)
{
	for (size_t i = 0; i < out->group_count; i++) {
		struct figures_group *g = &out->groups[i];
		struct figures counts = g->total;

		/* The sketches go through the arrays, everything else through figures_merge. */
		memset(counts.sketches, 0, sizeof counts.sketches);
		figures_merge(&out->total.total, &counts);
		for (int k = 0; k < SKETCH_COUNT; k++)
			dense_add(r->dense, (enum sketch_kind)k, &g->total.sketches[k], 1);
		for (size_t s = 0; s < out->steps && out->group_count > 1; s++)
			figures_merge(&out->total.series[s], &g->series[s]);
	}
	/* One group's series is everything's, too: freeing it twice does no harm. */
	if (out->group_count == 1)
		out->total.series = out->groups[0].series;
	dense_take(r->dense, &out->total.total);
}

static int read_group(struct walk *w, const struct source *sources, size_t count, struct err *err)
{
	int failed = 0;

	for (size_t i = 0; i < count && !failed; i++) {
		w->weight = sources[i].weight;
		failed = reader_walk(w->r, w->runs, &sources[i], add_to_total, w, err);
	}
	dense_take(w->r->dense, &w->group->total);
	for (size_t i = 0; i < count && !failed && w->step_runs->step_us; i++) {
		w->weight = sources[i].weight;
		failed = reader_walk(w->r, w->step_runs, &sources[i], add_to_step, w, err);
		finish_step(w);
	}
	return failed;
}

struct figures_walk {
	struct store_reader *r;
	struct view view;
	unsigned needs, series_needs;
	bool begun, done;
	struct runs runs, total_runs;
	struct sources sources; /* sorted by group */
	size_t at;              /* the first one of the next group */
	struct figures_result out;
};

static void begin(struct figures_walk *f)
{
	const struct view *v = &f->view;
	struct figures_result *out = &f->out;

	runs_plan(&f->runs, f->r, v->from_us, v->to_us, v->step_us);
	runs_plan(&f->total_runs, f->r, v->from_us, v->to_us, 0);
	sources_choose(&f->sources, f->r, v);
	if (f->sources.len)
		qsort(f->sources.items, f->sources.len, sizeof *f->sources.items, by_group);
	out->from_us = f->runs.from_us;
	out->to_us = f->runs.to_us;
	out->step_us = f->runs.step_us;
	out->steps = f->runs.steps;
	out->tier_us = f->runs.tier_us;
	start_group(out, &out->total);
	out->groups = arena_alloc(&out->arena, (f->sources.group_count + 1) * sizeof *out->groups);
	f->begun = true;
}

static int read_next_group(struct figures_walk *f, struct err *err)
{
	struct walk w = {.r = f->r, .runs = &f->total_runs, .step_runs = &f->runs, .needs = f->needs,
	                 .series_needs = f->view.step_us ? f->series_needs : 0, .step = SIZE_MAX};
	const struct sources *sources = &f->sources;
	size_t from = f->at, group = sources->items[from].group;
	struct figures_result *out = &f->out;

	while (f->at < sources->len && sources->items[f->at].group == group)
		f->at++;
	w.group = &out->groups[out->group_count++];
	start_group(out, w.group);
	for (size_t d = 0; d < f->view.by_count; d++) {
		const char *text = names_text(&f->r->names, sources->keys[group][d]);
		w.group->key[d] = arena_copy(&out->arena, text, strlen(text));
	}
	int failed = read_group(&w, sources->items + from, f->at - from, err);
	if (nothing_in(&w.group->total)) {
		free_group(w.group, out->steps);
		out->group_count--;
	}
	return failed;
}

static void finish(struct figures_walk *f)
{
	merge_total(f->r, &f->out);
	qsort(f->out.groups, f->out.group_count, sizeof *f->out.groups, most_requests_first);
	f->done = true;
}

struct figures_walk *figures_walk_new(struct store_reader *r, const struct view *v, unsigned needs, unsigned series_needs)
{
	struct figures_walk *f = mem_zalloc(sizeof *f);

	f->r = r;
	f->view = *v;
	f->needs = needs;
	f->series_needs = series_needs;
	return f;
}

int figures_walk_go_on(struct figures_walk *f, int64_t until_mono_us, struct err *err)
{
	int failed = 0;

	if (f->done)
		return 1;
	if (reader_begin(f->r, err))
		return -1;
	if (!f->begun)
		begin(f);
	while (f->at < f->sources.len && !failed) {
		failed = read_next_group(f, err);
		if (until_mono_us < INT64_MAX && clock_mono_us() >= until_mono_us)
			break;
	}
	if (!failed && f->at == f->sources.len)
		finish(f);
	return reader_end(f->r, failed ? -1 : f->done);
}

void figures_walk_take(struct figures_walk *f, struct figures_result *out)
{
	*out = f->out;
	memset(&f->out, 0, sizeof f->out);
}

void figures_walk_free(struct figures_walk **walk)
{
	struct figures_walk *f = *walk;

	if (!f)
		return;
	runs_fini(&f->runs);
	runs_fini(&f->total_runs);
	sources_fini(&f->sources);
	figures_result_fini(&f->out);
	free(f);
	*walk = NULL;
}

int query_figures(struct store_reader *r, const struct view *v, unsigned needs, unsigned series_needs,
                  struct figures_result *out, struct err *err)
{
	struct figures_walk *f = figures_walk_new(r, v, needs, series_needs);
	int done = figures_walk_go_on(f, INT64_MAX, err);

	memset(out, 0, sizeof *out);
	if (done > 0)
		figures_walk_take(f, out);
	figures_walk_free(&f);
	return done > 0 ? 0 : -1;
}

void figures_result_fini(struct figures_result *res)
{
	for (size_t i = 0; i < res->group_count; i++)
		free_group(&res->groups[i], res->steps);
	free_group(&res->total, res->steps);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

/* Counts by name of one group: the tally of the whole window and one a step. */
struct break_walk {
	const struct runs *runs;
	enum breakdown_kind kind;
	struct tally total, *series;
	int weight;
};

static int add_break(void *arg, int64_t bucket_us, const void *blob, size_t len)
{
	struct break_walk *w = arg;
	struct tally *step = w->runs->step_us ? &w->series[step_of(w->runs, bucket_us)] : NULL;

	if (w->kind == BREAKDOWN_ERROR_TYPE)
		return !tallies_decode_merge(&w->total, NULL, w->weight, blob, len) ||
		       (step && !tallies_decode_merge(step, NULL, w->weight, blob, len)) ? -1 : 0;
	return !tallies_decode_merge(NULL, &w->total, w->weight, blob, len) ||
	       (step && !tallies_decode_merge(NULL, step, w->weight, blob, len)) ? -1 : 0;
}

static int64_t tally_count(const struct tally *t, uint32_t name)
{
	for (size_t i = 0; i < t->len; i++)
		if (t->items[i].name == name)
			return t->items[i].count;
	return 0;
}

static void give_rows(struct store_reader *r, struct break_walk *w, const struct view *v, const uint32_t *keys,
                      struct breakdown_result *out, size_t *cap)
{
	for (size_t i = 0; i < w->total.len; i++) {
		out->rows = mem_grow(out->rows, cap, out->row_count + 1, sizeof *out->rows);
		struct breakdown_row *row = &out->rows[out->row_count++];
		const char *name = names_text(&r->names, w->total.items[i].name);

		*row = (struct breakdown_row){.count = w->total.items[i].count, .blocked = w->total.items[i].blocked};
		row->name = arena_copy(&out->arena, name, strlen(name));
		for (size_t d = 0; d < DIM_COUNT; d++) {
			const char *text = d < v->by_count ? names_text(&r->names, keys[d]) : "";
			row->key[d] = arena_copy(&out->arena, text, strlen(text));
		}
		if (!out->step_us)
			continue;
		row->series = arena_alloc(&out->arena, out->steps * sizeof *row->series);
		for (size_t s = 0; s < out->steps; s++)
			row->series[s] = tally_count(&w->series[s], w->total.items[i].name);
	}
	w->total.len = 0;
	for (size_t s = 0; s < out->steps; s++)
		w->series[s].len = 0;
}

static int highest_count_first(const void *a, const void *b)
{
	const struct breakdown_row *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

int query_breakdown(struct store_reader *r, enum breakdown_kind kind, const struct view *v, struct breakdown_result *out,
                    struct err *err)
{
	struct runs runs;
	struct sources sources;
	size_t cap = 0;
	int failed = 0;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	runs_plan(&runs, r, v->from_us, v->to_us, v->step_us);
	sources_choose(&sources, r, v);
	if (sources.len)
		qsort(sources.items, sources.len, sizeof *sources.items, by_group);
	out->from_us = runs.from_us;
	out->to_us = runs.to_us;
	out->step_us = runs.step_us;
	out->steps = runs.steps;
	struct break_walk w = {.runs = &runs, .kind = kind, .series = mem_zalloc((runs.steps + 1) * sizeof(struct tally))};
	for (size_t i = 0; i < sources.len && !failed;) {
		size_t group = sources.items[i].group;

		for (; i < sources.len && sources.items[i].group == group && !failed; i++) {
			w.weight = sources.items[i].weight;
			failed = reader_walk(r, &runs, &sources.items[i], add_break, &w, err);
		}
		give_rows(r, &w, v, sources.keys[group], out, &cap);
	}
	if (out->row_count)
		qsort(out->rows, out->row_count, sizeof *out->rows, highest_count_first);
	for (size_t s = 0; s < runs.steps; s++)
		free(w.series[s].items);
	free(w.series);
	free(w.total.items);
	runs_fini(&runs);
	sources_fini(&sources);
	if (failed)
		breakdown_result_fini(out);
	return reader_end(r, failed);
}

void breakdown_result_fini(struct breakdown_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}
