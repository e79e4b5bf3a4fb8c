/* The merging follows the shortest way: everything is the sum of the services, a coarse bucket the
 * sum of the finer ones, so that a leaf's cells are merged two or three times in all, not once
 * for each of the thirty rows they end up in. */
#include "store/delta.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct delta_row *get_row(struct delta *d, enum tier t, int64_t key)
{
	struct delta_row *r = intmap_get(&d->rows[t], (uint64_t)key);

	if (r)
		return r;
	r = arena_alloc(&d->arena, sizeof *r);
	memset(r, 0, sizeof *r);
	intmap_put(&d->rows[t], (uint64_t)key, r);
	return r;
}

static struct delta_row *leaf_row(struct delta *d, uint32_t series, int64_t time_us, int64_t floor_10s_us)
{
	enum tier t = time_us >= floor_10s_us ? TIER_10S : TIER_1M;
	size_t before = d->rows[t].count;
	struct delta_row *r = get_row(d, t, rollup_key(series, time_us / tier_us[t]));

	d->leaf_rows += d->rows[t].count - before;
	return r;
}

struct figures *delta_counts(struct delta *d, uint32_t series, int64_t time_us, int64_t floor_10s_us)
{
	return &leaf_row(d, series, time_us, floor_10s_us)->rollup.figures;
}

/* Room for one more point of the row, in its newest chunk. */
static struct delta_point *add_point(struct delta *d, struct delta_row *row)
{
	struct delta_chunk *chunk = row->points ? &d->chunks[row->points - 1] : NULL;

	if (!chunk || chunk->count == DELTA_CHUNK_POINTS) {
		if (d->chunk_count == d->chunk_cap)
			d->chunks = mem_grow(d->chunks, &d->chunk_cap, d->chunk_count + 1, sizeof *d->chunks);
		chunk = &d->chunks[d->chunk_count++];
		chunk->next = row->points;
		chunk->count = 0;
		row->points = (uint32_t)d->chunk_count;
	}
	d->point_count++;
	return &chunk->points[chunk->count++];
}

void delta_add(struct delta *d, uint32_t series, const struct packed *p, int sign, int64_t floor_10s_us)
{
	struct delta_row *row = leaf_row(d, series, p->end_us, floor_10s_us);
	int64_t values[SKETCH_COUNT];
	unsigned known = rollup_values(p, values);

	rollup_add_counts(&row->rollup, p, sign);
	struct delta_point *point = add_point(d, row);
	point->sign = (int16_t)sign;
	for (int k = 0; k < SKETCH_COUNT; k++)
		point->cells[k] = known & 1u << k ? (uint16_t)sketch_index(values[k]) : DELTA_NO_CELL;
}

static void add_points(struct dense *dense, const struct delta_point *points, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int k = 0; k < SKETCH_COUNT; k++)
			dense_add_cell(dense, (enum sketch_kind)k, points[i].cells[k], points[i].sign);
}

void delta_encode_leaf(struct delta *d, enum tier t, int64_t key, const struct delta_row *row, struct buf *out)
{
	struct rollup whole = row->rollup;

	if (!d->dense)
		d->dense = dense_new();
	for (uint32_t c = row->points; c; c = d->chunks[c - 1].next)
		add_points(d->dense, d->chunks[c - 1].points, d->chunks[c - 1].count);
	dense_take(d->dense, &d->stored.figures);
	memcpy(whole.figures.sketches, d->stored.figures.sketches, sizeof whole.figures.sketches);
	rollup_encode(&whole, key_bucket(key) * tier_us[t], out);
	figures_reset(&d->stored.figures);
}

/* As points of a single cell, so that rows consist of nothing else. */
static void add_cells(struct delta *d, struct delta_row *row, int kind, const struct sketch *s)
{
	for (uint32_t i = 0; i < s->len; i++)
		for (int64_t left = s->cells[i].count; left;) {
			int64_t some = left > INT16_MAX ? INT16_MAX : left < -INT16_MAX ? -INT16_MAX : left;
			struct delta_point *point = add_point(d, row);

			point->sign = (int16_t)some;
			for (int k = 0; k < SKETCH_COUNT; k++)
				point->cells[k] = k == kind ? (uint16_t)s->cells[i].index : DELTA_NO_CELL;
			left -= some;
		}
}

bool delta_add_stored(struct delta *d, enum tier t, int64_t key, const void *blob, size_t len)
{
	size_t before = d->rows[t].count;
	struct delta_row *row = get_row(d, t, key);

	d->leaf_rows += d->rows[t].count - before;
	rollup_reset(&d->stored);
	bool fine = rollup_decode_merge(&d->stored, key_bucket(key) * tier_us[t], blob, len);
	rollup_merge_counts(&row->rollup, &d->stored);
	for (int k = 0; k < SKETCH_COUNT; k++)
		add_cells(d, row, k, &d->stored.figures.sketches[k]);
	rollup_reset(&d->stored);
	return fine;
}

static void absorb_row(struct delta *into, struct delta_row *row, const struct delta *from, const struct delta_row *other)
{
	rollup_merge_counts(&row->rollup, &other->rollup);
	for (uint32_t c = other->points; c; c = from->chunks[c - 1].next)
		for (uint32_t i = 0; i < from->chunks[c - 1].count; i++)
			*add_point(into, row) = from->chunks[c - 1].points[i];
}

void delta_absorb(struct delta *into, struct delta *from)
{
	if (!into->leaf_rows) {
		struct delta empty = *into;

		*into = *from;
		*from = empty;
		return;
	}
	for (int t = TIER_10S; t <= TIER_1M; t++) {
		const struct delta_row *other;
		uint64_t key;
		size_t at = 0;

		while ((other = intmap_next(&from->rows[t], &at, &key))) {
			size_t before = into->rows[t].count;
			struct delta_row *row = get_row(into, (enum tier)t, (int64_t)key);

			into->leaf_rows += into->rows[t].count - before;
			absorb_row(into, row, from, other);
		}
	}
	delta_clear(from);
}

/* Adds a row's cells to the arrays; parts are as deep as there are tiers. */
static void gather(struct delta *d, const struct delta_row *row)
{
	if (row->run)
		add_points(d->dense, &d->points[row->points - 1], row->run);
	dense_add_all(d->dense, &row->rollup.figures);
	for (const struct delta_row *part = row->parts; part; part = part->next_part)
		gather(d, part);
}

void delta_take_sketches(struct delta *d, const struct delta_row *row, struct figures *into)
{
	if (!d->dense)
		d->dense = dense_new();
	gather(d, row);
	dense_take(d->dense, into);
}

static void collect(const struct delta *d, enum tier t, struct delta_entries *out)
{
	struct delta_row *r;
	uint64_t key;
	size_t at = 0;

	out->len = 0;
	out->items = mem_grow(out->items, &out->cap, d->rows[t].count, sizeof *out->items);
	while ((r = intmap_next(&d->rows[t], &at, &key)))
		out->items[out->len++] = (struct delta_entry){(int64_t)key, r};
}

static int by_key(const void *a, const void *b)
{
	int64_t x = ((const struct delta_entry *)a)->key, y = ((const struct delta_entry *)b)->key;

	return x < y ? -1 : x > y;
}

void delta_collect_sorted(const struct delta *d, enum tier t, struct delta_entries *out)
{
	collect(d, t, out);
	if (out->len)
		qsort(out->items, out->len, sizeof *out->items, by_key);
}

/* Puts the points of each leaf side by side, leaf after leaf in the order of their keys, so that those of a
 * leaf in the coarser tiers are side by side too. */
static void arrange_points(struct delta *d, struct delta_entries *e)
{
	uint32_t at = 0;

	d->points = mem_array(NULL, d->point_count, sizeof *d->points);
	for (int t = TIER_10S; t <= TIER_1M; t++) {
		delta_collect_sorted(d, (enum tier)t, e);
		for (size_t i = 0; i < e->len; i++) {
			struct delta_row *row = e->items[i].row;
			uint32_t first = at;

			for (uint32_t c = row->points; c; c = d->chunks[c - 1].next) {
				memcpy(&d->points[at], d->chunks[c - 1].points, d->chunks[c - 1].count * sizeof *d->points);
				at += d->chunks[c - 1].count;
			}
			row->run = at - first;
			row->points = row->run ? first + 1 : 0;
		}
	}
	free(d->chunks);
	d->chunks = NULL;
	d->chunk_count = d->chunk_cap = 0;
}

static bool premerged_here(enum tier t, enum dim d)
{
	return dim_first_tier(d) == TIER_10S ? t <= TIER_1M : t == dim_first_tier(d);
}

/* A row and one of those that are to be merged into it. */
struct link {
	int64_t into;
	const struct delta_row *from;
};
struct links {
	struct link *items;
	size_t len, cap;
};

static void add_link(struct links *l, int64_t into, const struct delta_row *from)
{
	if (l->len == l->cap)
		l->items = mem_grow(l->items, &l->cap, l->len + 1, sizeof *l->items);
	l->items[l->len++] = (struct link){into, from};
}

static int by_into(const void *a, const void *b)
{
	int64_t x = ((const struct link *)a)->into, y = ((const struct link *)b)->into;

	return x < y ? -1 : x > y;
}

/* Merges all that goes into one row at once, through arrays of cells. What has one source alone shares
 * its cells, which do not change any more. */
static void apply(struct delta *d, enum tier t, struct links *l)
{
	if (l->len)
		qsort(l->items, l->len, sizeof *l->items, by_into);
	for (size_t i = 0; i < l->len;) {
		int64_t key = l->items[i].into;
		struct delta_row *row = get_row(d, t, key);
		bool alone = (i + 1 == l->len || l->items[i + 1].into != key) && rollup_is_empty(&row->rollup) && !row->points && !row->parts;

		if (alone) {
			const struct delta_row *from = l->items[i++].from;

			rollup_merge_counts(&row->rollup, &from->rollup);
			memcpy(row->rollup.figures.sketches, from->rollup.figures.sketches, sizeof from->rollup.figures.sketches);
			row->points = from->points;
			row->run = from->run;
			row->parts = from->parts;
			continue;
		}
		for (; i < l->len && l->items[i].into == key; i++) {
			rollup_merge_counts(&row->rollup, &l->items[i].from->rollup);
			gather(d, l->items[i].from);
		}
		gather(d, row);
		row->points = row->run = 0;
		row->parts = NULL;
		dense_take_arena(d->dense, &row->rollup.figures, &d->arena);
	}
	l->len = 0;
}

static void link_marginals(struct links *l, enum tier t, const struct series *series, const struct delta_entries *e)
{
	for (size_t i = 0; i < e->len; i++) {
		const struct series *s = &series[key_series(e->items[i].key)];
		int64_t bucket = key_bucket(e->items[i].key);

		for (int dim = 0; dim < DIM_COUNT && s->kind == SERIES_IS_LEAF; dim++)
			if (premerged_here(t, (enum dim)dim) && (dim == DIM_SERVICE || s->value[dim]))
				add_link(l, rollup_key(s->marginal[dim], bucket), e->items[i].row);
	}
}

static void link_all(struct links *l, const struct series *series, const struct delta_entries *e)
{
	for (size_t i = 0; i < e->len; i++) {
		const struct series *s = &series[key_series(e->items[i].key)];

		if (s->kind == SERIES_IS_MARGINAL && s->dim == DIM_SERVICE)
			add_link(l, rollup_key(SERIES_ALL, key_bucket(e->items[i].key)), e->items[i].row);
	}
}

/* A part whose points lie behind those of the whole lends it its points alone. */
static void become_part(struct delta_row *of, struct delta_row *part)
{
	rollup_merge_counts(&of->rollup, &part->rollup);
	bool plain = !part->parts && part->points;
	if (plain && !of->points && !of->parts) {
		of->points = part->points;
		of->run = part->run;
		return;
	}
	if (plain && of->points && of->points + of->run == part->points) {
		of->run += part->run;
		return;
	}
	part->next_part = of->parts;
	of->parts = part;
}

/* The 10 s tier passes on its leaves alone: 1 min has leaves of its own that are too old for 10 s,
 * and pre-merges them together. Leaves hardly ever share cells, so theirs stay where they are. */
static void link_upward(struct delta *d, struct links *l, enum tier t, const struct series *series, const struct delta_entries *e)
{
	int64_t ratio = tier_us[t + 1] / tier_us[t];

	for (size_t i = 0; i < e->len; i++) {
		uint32_t id = key_series(e->items[i].key);
		int64_t into = rollup_key(id, key_bucket(e->items[i].key) / ratio);

		if (series[id].kind == SERIES_IS_LEAF)
			become_part(get_row(d, (enum tier)(t + 1), into), e->items[i].row);
		else if (t != TIER_10S)
			add_link(l, into, e->items[i].row);
	}
}

void delta_propagate(struct delta *d, const struct series *series)
{
	struct delta_entries e = {0};
	struct links l = {0};

	if (!d->dense)
		d->dense = dense_new();
	arrange_points(d, &e);
	for (int t = 0; t < TIER_COUNT; t++) {
		collect(d, (enum tier)t, &e);
		link_marginals(&l, (enum tier)t, series, &e);
		apply(d, (enum tier)t, &l);
		if (t <= TIER_1M) {
			collect(d, (enum tier)t, &e);
			link_all(&l, series, &e);
			apply(d, (enum tier)t, &l);
		}
		if (t + 1 < TIER_COUNT) {
			delta_collect_sorted(d, (enum tier)t, &e);
			link_upward(d, &l, (enum tier)t, series, &e);
			apply(d, (enum tier)(t + 1), &l);
		}
	}
	free(e.items);
	free(l.items);
}

bool delta_is_stored(const struct series *s)
{
	return s->kind != SERIES_IS_MARGINAL || s->value[s->dim];
}

void delta_clear(struct delta *d)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		struct delta_row *r;
		size_t at = 0;

		while ((r = intmap_next(&d->rows[t], &at, NULL))) {
			free(r->rollup.errors.items);
			free(r->rollup.flags.items);
		}
		intmap_clear(&d->rows[t]);
	}
	arena_reset(&d->arena);
	free(d->points);
	d->points = NULL;
	d->chunk_count = d->point_count = 0;
	d->leaf_rows = 0;
}

void delta_fini(struct delta *d)
{
	delta_clear(d);
	free(d->chunks);
	rollup_fini(&d->stored);
	dense_free(&d->dense);
	arena_fini(&d->arena);
	for (int t = 0; t < TIER_COUNT; t++)
		intmap_fini(&d->rows[t]);
	*d = (struct delta){0};
}
