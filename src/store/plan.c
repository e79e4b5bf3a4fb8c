/* Which rows answer a question. Time: from the window's start on, always the coarsest tier whose
 * bucket starts here, fits into the step and the window, and is kept for that time. Series: what is
 * pre-merged when one dimension is involved and the tier has it, else the matching leaves, but for those
 * that one of them stands for; so a window may be read from leaves at its edges and from marginals in its
 * middle. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/reader_private.h"
#include "store/sql.h"

static int64_t align_down(int64_t v, int64_t unit) { return v - ((v % unit) + unit) % unit; }
static int64_t align_up(int64_t v, int64_t unit) { return align_down(v + unit - 1, unit); }

/* The finest tier that is kept for a time. */
static enum tier finest_at(const struct store_reader *r, int64_t time_us)
{
	for (int t = 0; t < TIER_1D; t++)
		if (reader_has_tier(r, (enum tier)t, align_down(time_us, tier_us[t])))
			return (enum tier)t;
	return TIER_1D;
}

static void add_run(struct runs *out, enum tier t, int64_t from_us)
{
	struct run *last = out->len ? &out->items[out->len - 1] : NULL;

	if (last && last->tier == t && last->to_us == from_us) {
		last->to_us += tier_us[t];
		return;
	}
	out->items = mem_grow(out->items, &out->cap, out->len + 1, sizeof *out->items);
	out->items[out->len++] = (struct run){t, from_us, from_us + tier_us[t]};
}

/* The coarsest tier whose bucket starts at `at` and ends by `end`. */
static enum tier coarsest(const struct store_reader *r, int64_t at, int64_t end, enum tier finest)
{
	for (int t = TIER_1D; t > (int)finest; t--)
		if (at % tier_us[t] == 0 && at + tier_us[t] <= end && reader_has_tier(r, (enum tier)t, at))
			return (enum tier)t;
	return finest;
}

#define STEPS_MAX 20000

void runs_plan(struct runs *out, const struct store_reader *r, int64_t from_us, int64_t to_us, int64_t step_us)
{
	enum tier first, last;

	*out = (struct runs){0};
	from_us = from_us < 0 ? 0 : from_us > ID_TIME_MAX_US ? ID_TIME_MAX_US : from_us;
	to_us = to_us > ID_TIME_MAX_US ? ID_TIME_MAX_US : to_us < from_us ? from_us : to_us;
	first = finest_at(r, from_us);
	last = finest_at(r, to_us > from_us ? to_us - 1 : to_us);
	out->tier_us = tier_us[first];
	out->from_us = align_down(from_us, tier_us[first]);
	out->to_us = align_up(to_us, tier_us[last]);
	/* A step is a whole number of the buckets at the window's older, coarser end. */
	out->step_us = step_us > 0 ? align_up(step_us, tier_us[first]) : 0;
	while (out->step_us && (out->to_us - out->from_us) / out->step_us > STEPS_MAX)
		out->step_us *= 2;
	out->steps = out->step_us ? (size_t)((out->to_us - out->from_us + out->step_us - 1) / out->step_us) : 0;
	for (int64_t at = out->from_us; at < out->to_us;) {
		int64_t end = out->to_us;
		enum tier finest = finest_at(r, at);

		if (out->step_us) {
			int64_t step_end = out->from_us + ((at - out->from_us) / out->step_us + 1) * out->step_us;
			end = step_end < end ? step_end : end;
		}
		enum tier t = coarsest(r, at, end, finest);
		add_run(out, t, at);
		at += tier_us[t];
		if (tier_us[t] < out->tier_us)
			out->tier_us = tier_us[t];
	}
}

void runs_fini(struct runs *r)
{
	free(r->items);
	*r = (struct runs){0};
}

static bool filter_hits(const struct store_reader *r, const struct filter *f, uint32_t value)
{
	return !strcmp(names_text(&r->names, value), f->value);
}

/* Filters on one dimension: one of the plain ones must hit, none of the inverted. */
static bool dim_passes(const struct store_reader *r, const struct view *v, enum dim d, uint32_t value)
{
	bool asked = false, hit = false;

	for (size_t i = 0; i < v->filter_count; i++) {
		if (v->filters[i].dim != d)
			continue;
		bool same = filter_hits(r, &v->filters[i], value);
		if (v->filters[i].inverted) {
			if (same)
				return false;
		} else {
			asked = true;
			hit |= same;
		}
	}
	return !asked || hit;
}

bool view_passes_series(const struct store_reader *r, const struct view *v, const struct series *s)
{
	for (int d = 0; d < DIM_COUNT; d++)
		if (!dim_passes(r, v, (enum dim)d, s->value[d]))
			return false;
	return true;
}

static size_t group_of(struct sources *out, const struct view *v, const uint32_t values[DIM_COUNT], struct strmap *index)
{
	uint32_t key[DIM_COUNT] = {0}, group;

	for (size_t i = 0; i < v->by_count; i++)
		key[i] = values[v->by[i]];
	struct str bytes = {(const char *)key, sizeof key};
	if (strmap_get(index, bytes, &group))
		return group;
	out->keys = mem_grow(out->keys, &out->group_cap, out->group_count + 1, sizeof *out->keys);
	memcpy(out->keys[out->group_count], key, sizeof key);
	strmap_put(index, bytes, (uint32_t)out->group_count);
	return out->group_count++;
}

static void add_source(struct sources *out, uint32_t series, size_t group, int weight, enum tier first, enum tier last)
{
	out->items = mem_grow(out->items, &out->cap, out->len + 1, sizeof *out->items);
	out->items[out->len++] = (struct source){series, group, weight, first, last};
}

static void add_leaves(struct sources *out, const struct store_reader *r, const struct view *v, enum tier last,
                       struct strmap *index)
{
	for (size_t i = 0; i < r->names.series_count; i++) {
		const struct series *s = &r->names.series[i];

		if (s->kind == SERIES_IS_LEAF && view_passes_series(r, v, s))
			add_source(out, (uint32_t)i, group_of(out, v, s->value, index), 1, TIER_10S, last);
	}
}

/* What no value was set for: everything, less each value. */
static void add_unset(struct sources *out, const struct store_reader *r, const struct view *v, enum dim d, enum tier first,
                      struct strmap *index)
{
	uint32_t unset[DIM_COUNT] = {0};

	if (!dim_passes(r, v, d, 0))
		return;
	size_t group = group_of(out, v, unset, index);
	add_source(out, SERIES_ALL, group, 1, first, TIER_1D);
	for (size_t i = 0; i < r->names.series_count; i++) {
		const struct series *s = &r->names.series[i];

		if (s->kind == SERIES_IS_MARGINAL && s->dim == d && s->value[d])
			add_source(out, (uint32_t)i, group, -1, first, TIER_1D);
	}
}

static void add_marginals(struct sources *out, const struct store_reader *r, const struct view *v, enum dim d,
                          struct strmap *index)
{
	enum tier first = dim_first_tier(d);

	for (size_t i = 0; i < r->names.series_count; i++) {
		const struct series *s = &r->names.series[i];

		if (s->kind == SERIES_IS_MARGINAL && s->dim == d && s->value[d] && dim_passes(r, v, d, s->value[d]))
			add_source(out, (uint32_t)i, group_of(out, v, s->value, index), 1, first, TIER_1D);
	}
	/* Only where some leaf really has no value: else the difference is nothing. */
	for (size_t i = 0; i < r->names.series_count; i++)
		if (r->names.series[i].kind == SERIES_IS_LEAF && !r->names.series[i].value[d]) {
			add_unset(out, r, v, d, first, index);
			break;
		}
	if (first != TIER_10S)
		add_leaves(out, r, v, (enum tier)(first - 1), index);
}

/* The dimensions a view filters or groups by: DIM_COUNT when none, -1 when several. */
static int only_dim(const struct view *v)
{
	int only = DIM_COUNT;

	for (size_t i = 0; i < v->filter_count; i++)
		only = only == DIM_COUNT || only == (int)v->filters[i].dim ? (int)v->filters[i].dim : -1;
	for (size_t i = 0; i < v->by_count; i++)
		only = only == DIM_COUNT || only == (int)v->by[i] ? (int)v->by[i] : -1;
	return only;
}

/* ── several dimensions ────────────────────────────────────────────────────────────────────── */

#define MIXED UINT32_MAX

/* Which marginals of a dimension have only leaves that a view treats alike. */
struct alike {
	bool *passes;   /* by leaf */
	uint32_t *leaf; /* by marginal: one of its leaves, 0 none, MIXED when they are not alike */
	size_t saved;   /* rows a bucket, against reading leaf by leaf */
};

static bool same_group(const struct view *v, const struct series *a, const struct series *b)
{
	for (size_t i = 0; i < v->by_count; i++)
		if (a->value[v->by[i]] != b->value[v->by[i]])
			return false;
	return true;
}

/* Whether it is a leaf with a value of a dimension. */
static bool has_marginal(const struct series *s, enum dim d)
{
	return s->kind == SERIES_IS_LEAF && s->value[d] && s->marginal[d];
}

static void find_alike(struct alike *out, const struct store_reader *r, const struct view *v, enum dim d)
{
	const struct series *all = r->names.series;

	memset(out->leaf, 0, r->names.series_count * sizeof *out->leaf);
	out->saved = 0;
	for (size_t i = 0; i < r->names.series_count; i++) {
		uint32_t *leaf = &out->leaf[all[i].marginal[d]];

		if (!has_marginal(&all[i], d))
			continue;
		if (*leaf == 0)
			*leaf = (uint32_t)i;
		else if (*leaf != MIXED && (out->passes[*leaf] != out->passes[i] || (out->passes[i] && !same_group(v, &all[*leaf], &all[i]))))
			*leaf = MIXED;
	}
	for (size_t i = 0; i < r->names.series_count; i++)
		if (has_marginal(&all[i], d) && out->passes[i] && out->leaf[all[i].marginal[d]] != MIXED)
			out->saved += out->leaf[all[i].marginal[d]] != (uint32_t)i;
}

/* Leaf by leaf but where all leaves of a marginal pass the filters and are of one group: a model that one
 * provider alone serves, a deployment of one service. */
static void add_alike(struct sources *out, const struct store_reader *r, const struct view *v, const struct alike *alike, enum dim d,
                      struct strmap *index)
{
	enum tier first = dim_first_tier(d);

	for (size_t i = 0; i < r->names.series_count; i++) {
		const struct series *s = &r->names.series[i];
		bool joined = has_marginal(s, d) && alike->leaf[s->marginal[d]] != MIXED;

		if (s->kind != SERIES_IS_LEAF || !alike->passes[i])
			continue;
		if (!joined || first != TIER_10S)
			add_source(out, (uint32_t)i, group_of(out, v, s->value, index), 1, TIER_10S, joined ? (enum tier)(first - 1) : TIER_1D);
		if (joined && alike->leaf[s->marginal[d]] == (uint32_t)i)
			add_source(out, s->marginal[d], group_of(out, v, s->value, index), 1, first, TIER_1D);
	}
}

static void add_several(struct sources *out, const struct store_reader *r, const struct view *v, struct strmap *index)
{
	struct alike alike = {.passes = mem_zalloc(r->names.series_count + 1), .leaf = mem_zalloc((r->names.series_count + 1) * sizeof(uint32_t))};
	size_t most = 0;
	int best = -1;

	for (size_t i = 0; i < r->names.series_count; i++)
		alike.passes[i] = r->names.series[i].kind == SERIES_IS_LEAF && view_passes_series(r, v, &r->names.series[i]);
	for (int d = 0; d < DIM_COUNT; d++) {
		find_alike(&alike, r, v, (enum dim)d);
		if (alike.saved > most) {
			most = alike.saved;
			best = d;
		}
	}
	if (best < 0) {
		add_leaves(out, r, v, TIER_1D, index);
	} else {
		find_alike(&alike, r, v, (enum dim)best);
		add_alike(out, r, v, &alike, (enum dim)best, index);
	}
	free(alike.passes);
	free(alike.leaf);
}

void sources_choose(struct sources *out, const struct store_reader *r, const struct view *v)
{
	struct strmap index = {0};
	uint32_t unset[DIM_COUNT] = {0};
	int only = only_dim(v);

	*out = (struct sources){0};
	if (only == DIM_COUNT)
		add_source(out, SERIES_ALL, group_of(out, v, unset, &index), 1, TIER_10S, TIER_1D);
	else if (only < 0)
		add_several(out, r, v, &index);
	else
		add_marginals(out, r, v, (enum dim)only, &index);
	strmap_fini(&index);
}

void sources_fini(struct sources *s)
{
	free(s->items);
	free(s->keys);
	*s = (struct sources){0};
}

/* Whether a leaf's figures are part of those of a source. */
static bool is_part_of(const struct store_reader *r, uint32_t leaf, uint32_t source)
{
	const struct series *s = &r->names.series[source];

	if (leaf >= r->names.series_count || s->kind == SERIES_IS_LEAF)
		return leaf == source;
	return s->kind == SERIES_IS_ALL || r->names.series[leaf].marginal[s->dim] == source;
}

/* Whether a source's figures of that time are read. */
static bool is_read(const struct runs *runs, const struct source *s, int64_t time_us)
{
	for (size_t i = 0; i < runs->len; i++) {
		const struct run *run = &runs->items[i];

		if (time_us >= run->from_us && time_us < run->to_us)
			return run->tier >= s->first_tier && run->tier <= s->last_tier;
	}
	return false;
}

/* The first entry of a tier and series, or of what follows it. */
static size_t find_entry(const struct journal *j, enum tier t, uint32_t series)
{
	int64_t key = rollup_key(series, 0);
	size_t low = 0, high = j->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct journal_entry *e = &j->entries[middle];

		if (e->tier < t || (e->tier == t && e->key < key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int walk_journal(struct store_reader *r, const struct runs *runs, const struct source *s, rollup_fn *fn, void *arg,
                        struct err *err)
{
	const struct journal *j = &r->journal;
	bool leaf = r->names.series[s->series].kind == SERIES_IS_LEAF;

	if (reader_load_journal(r, err))
		return -1;
	for (int t = TIER_10S; t <= TIER_1M; t++) {
		size_t end = leaf ? find_entry(j, (enum tier)t, s->series + 1) : find_entry(j, (enum tier)(t + 1), 0);

		for (size_t i = find_entry(j, (enum tier)t, leaf ? s->series : 0); i < end; i++) {
			const struct journal_entry *e = &j->entries[i];
			int64_t bucket_us = key_bucket(e->key) * tier_us[t];

			if (!is_part_of(r, key_series(e->key), s->series) || !is_read(runs, s, bucket_us))
				continue;
			if (fn(arg, bucket_us, journal_blob(j, e), e->len) < 0)
				return err_set(err, "store: rollup_journal is damaged: run llmdeck doctor --deep");
		}
	}
	return 0;
}

int reader_walk(struct store_reader *r, const struct runs *runs, const struct source *s, rollup_fn *fn, void *arg,
                struct err *err)
{
	int told = 0;

	for (size_t i = 0; i < runs->len && !told; i++) {
		const struct run *run = &runs->items[i];
		sqlite3_stmt *st = r->range[run->tier];
		int got = 0;

		if (run->tier < s->first_tier || run->tier > s->last_tier)
			continue;
		sqlite3_bind_int64(st, 1, rollup_key(s->series, run->from_us / tier_us[run->tier]));
		sqlite3_bind_int64(st, 2, rollup_key(s->series, run->to_us / tier_us[run->tier]));
		while (!told && (got = sql_step(st, err)) > 0) {
			int64_t key = sqlite3_column_int64(st, 0);

			told = fn(arg, key_bucket(key) * tier_us[run->tier], sqlite3_column_blob(st, 1),
			          (size_t)sqlite3_column_bytes(st, 1));
			if (told < 0)
				err_set(err, "store: %s: row %lld is damaged: run llmdeck doctor --deep", tier_table[run->tier],
				        (long long)key);
		}
		sqlite3_reset(st);
		if (got < 0 || told < 0)
			return -1;
	}
	return walk_journal(r, runs, s, fn, arg, err);
}
