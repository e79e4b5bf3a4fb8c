/* The merging follows the shortest way: everything is the sum of the services, a coarse bucket the
 * sum of the finer ones, so that a leaf's cells are merged two or three times in all, not once
 * for each of the thirty rows they end up in. Rows are written in the order of their keys. */
#include "store/delta.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sql.h"

struct entry {
	int64_t key;
	struct delta_row *row;
};
struct entries {
	struct entry *items;
	size_t len, cap;
};

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

void delta_add(struct delta *d, uint32_t series, const struct packed *p, int sign, int64_t floor_10s_us)
{
	struct delta_row *row = leaf_row(d, series, p->end_us, floor_10s_us);
	int64_t values[SKETCH_COUNT];
	unsigned known = rollup_values(p, values);

	rollup_add_counts(&row->rollup, p, sign);
	d->points = mem_grow(d->points, &d->point_cap, d->point_count + 1, sizeof *d->points);
	struct delta_point *point = &d->points[d->point_count++];
	point->next = row->points;
	point->sign = (int16_t)sign;
	for (int k = 0; k < SKETCH_COUNT; k++)
		point->cells[k] = known & 1u << k ? (uint16_t)sketch_index(values[k]) : DELTA_NO_CELL;
	row->points = (uint32_t)d->point_count;
}

/* Adds a row's cells to the arrays; parts are as deep as there are tiers. */
static void gather(struct delta *d, const struct delta_row *row)
{
	struct dense *dense = d->dense;
	const struct delta_point *points = d->points;

	for (uint32_t i = 0; i < row->run; i++) {
		const struct delta_point *p = &points[row->points - 1 + i];

		for (int k = 0; k < SKETCH_COUNT; k++)
			dense_add_cell(dense, (enum sketch_kind)k, p->cells[k], p->sign);
	}
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

static void collect(const struct delta *d, enum tier t, struct entries *out)
{
	struct delta_row *r;
	uint64_t key;
	size_t at = 0;

	out->len = 0;
	out->items = mem_grow(out->items, &out->cap, d->rows[t].count, sizeof *out->items);
	while ((r = intmap_next(&d->rows[t], &at, &key)))
		out->items[out->len++] = (struct entry){(int64_t)key, r};
}

static int by_key(const void *a, const void *b)
{
	int64_t x = ((const struct entry *)a)->key, y = ((const struct entry *)b)->key;

	return x < y ? -1 : x > y;
}

static void collect_sorted(const struct delta *d, enum tier t, struct entries *out)
{
	collect(d, t, out);
	if (out->len)
		qsort(out->items, out->len, sizeof *out->items, by_key);
}

/* Puts the points of each leaf side by side, leaf after leaf in the order of their keys, so that those of a
 * leaf in the coarser tiers are side by side too. */
static void arrange_points(struct delta *d, struct entries *e)
{
	struct delta_point *from = d->points;
	uint32_t at = 0;
	size_t cap = d->point_cap;

	d->scratch = mem_grow(d->scratch, &d->scratch_cap, d->point_count, sizeof *d->scratch);
	for (int t = TIER_10S; t <= TIER_1M; t++) {
		collect_sorted(d, (enum tier)t, e);
		for (size_t i = 0; i < e->len; i++) {
			struct delta_row *row = e->items[i].row;
			uint32_t first = at;

			for (uint32_t p = row->points; p; p = from[p - 1].next)
				d->scratch[at++] = from[p - 1];
			row->run = at - first;
			row->points = row->run ? first + 1 : 0;
		}
	}
	d->points = d->scratch;
	d->point_cap = d->scratch_cap;
	d->scratch = from;
	d->scratch_cap = cap;
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

static void link_marginals(struct links *l, enum tier t, const struct names *n, const struct entries *e)
{
	for (size_t i = 0; i < e->len; i++) {
		const struct series *s = &n->series[key_series(e->items[i].key)];
		int64_t bucket = key_bucket(e->items[i].key);

		for (int dim = 0; dim < DIM_COUNT && s->kind == SERIES_IS_LEAF; dim++)
			if (premerged_here(t, (enum dim)dim) && (dim == DIM_SERVICE || s->value[dim]))
				add_link(l, rollup_key(s->marginal[dim], bucket), e->items[i].row);
	}
}

static void link_all(struct links *l, const struct names *n, const struct entries *e)
{
	for (size_t i = 0; i < e->len; i++) {
		const struct series *s = &n->series[key_series(e->items[i].key)];

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
static void link_upward(struct delta *d, struct links *l, enum tier t, const struct names *n, const struct entries *e)
{
	int64_t ratio = tier_us[t + 1] / tier_us[t];

	for (size_t i = 0; i < e->len; i++) {
		uint32_t series = key_series(e->items[i].key);
		int64_t into = rollup_key(series, key_bucket(e->items[i].key) / ratio);

		if (n->series[series].kind == SERIES_IS_LEAF)
			become_part(get_row(d, (enum tier)(t + 1), into), e->items[i].row);
		else if (t != TIER_10S)
			add_link(l, into, e->items[i].row);
	}
}

void delta_propagate(struct delta *d, const struct names *n)
{
	struct entries e = {0};
	struct links l = {0};

	if (!d->dense)
		d->dense = dense_new();
	arrange_points(d, &e);
	for (int t = 0; t < TIER_COUNT; t++) {
		collect(d, (enum tier)t, &e);
		link_marginals(&l, (enum tier)t, n, &e);
		apply(d, (enum tier)t, &l);
		if (t <= TIER_1M) {
			collect(d, (enum tier)t, &e);
			link_all(&l, n, &e);
			apply(d, (enum tier)t, &l);
		}
		if (t + 1 < TIER_COUNT) {
			collect_sorted(d, (enum tier)t, &e);
			link_upward(d, &l, (enum tier)t, n, &e);
			apply(d, (enum tier)(t + 1), &l);
		}
	}
	free(e.items);
	free(l.items);
}

bool delta_is_stored(const struct names *n, uint32_t series)
{
	const struct series *s = &n->series[series];

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
	d->point_count = 0;
	d->leaf_rows = 0;
}

void delta_fini(struct delta *d)
{
	delta_clear(d);
	free(d->points);
	free(d->scratch);
	dense_free(&d->dense);
	arena_fini(&d->arena);
	for (int t = 0; t < TIER_COUNT; t++)
		intmap_fini(&d->rows[t]);
	*d = (struct delta){0};
}

static int prepare_one(sqlite3 *db, sqlite3_stmt **st, const char *form, enum tier t, struct err *err)
{
	char sql[160];

	sqlite3_snprintf(sizeof sql, sql, form, tier_table[t]);
	return sql_prepare(db, st, sql, err);
}

int rollup_writer_open(struct rollup_writer *w, sqlite3 *db, struct err *err)
{
	*w = (struct rollup_writer){.db = db};
	for (int i = 0; i < TIER_COUNT; i++) {
		enum tier t = (enum tier)i;

		if (prepare_one(db, &w->newest[t], "SELECT id FROM %s WHERE id>=?1 AND id<=?2 ORDER BY id DESC LIMIT 1", t, err) ||
		    prepare_one(db, &w->get[t], "SELECT figures FROM %s WHERE id=?1", t, err) ||
		    prepare_one(db, &w->insert[t], "INSERT INTO %s(id, figures) VALUES(?1, ?2)", t, err) ||
		    prepare_one(db, &w->update[t], "UPDATE %s SET figures=?2 WHERE id=?1", t, err) ||
		    prepare_one(db, &w->remove[t], "DELETE FROM %s WHERE id=?1", t, err))
			return -1;
	}
	return 0;
}

void rollup_writer_close(struct rollup_writer *w)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		sqlite3_finalize(w->newest[t]);
		sqlite3_finalize(w->get[t]);
		sqlite3_finalize(w->insert[t]);
		sqlite3_finalize(w->update[t]);
		sqlite3_finalize(w->remove[t]);
	}
	buf_fini(&w->blob);
	figures_fini(&w->figures);
	*w = (struct rollup_writer){0};
}

/* The bucket after the newest stored one of a series: rows from there on need no look-up. */
static int find_next_bucket(struct rollup_writer *w, enum tier t, uint32_t series, uint32_t *next, struct err *err)
{
	sqlite3_stmt *st = w->newest[t];

	sqlite3_bind_int64(st, 1, rollup_key(series, 0));
	sqlite3_bind_int64(st, 2, rollup_key(series, UINT32_MAX));
	int got = sql_step(st, err);
	*next = got > 0 ? (uint32_t)key_bucket(sqlite3_column_int64(st, 0)) + 1 : 1;
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

/* Merges the stored row into `r`, its sketches into the arrays. 1 when there is one. */
static int merge_stored(struct rollup_writer *w, struct dense *dense, enum tier t, int64_t key, struct rollup *r,
                        struct err *err)
{
	sqlite3_stmt *st = w->get[t];

	sqlite3_bind_int64(st, 1, key);
	int got = sql_step(st, err);
	if (got > 0 && !dense_decode_merge_all(dense, r, key_bucket(key) * tier_us[t],
	                                       sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0)))
		got = err_set(err, "store: %s: row %lld is damaged: run llmdeck doctor --deep", tier_table[t], (long long)key);
	sqlite3_reset(st);
	return got;
}

static int put_row(struct rollup_writer *w, enum tier t, int64_t key, const struct rollup *r, bool stored, struct err *err)
{
	bool empty = rollup_is_empty(r);

	/* Nothing is taken from a row that retention has removed. */
	if (!stored && (empty || r->figures.requests < 0 || r->figures.feedback < 0))
		return 0;
	sqlite3_stmt *st = empty ? w->remove[t] : stored ? w->update[t] : w->insert[t];
	sqlite3_bind_int64(st, 1, key);
	if (!empty) {
		buf_reset(&w->blob);
		rollup_encode(r, key_bucket(key) * tier_us[t], &w->blob);
		sqlite3_bind_blob64(st, 2, w->blob.data, w->blob.len, SQLITE_STATIC);
	}
	return sql_run(st, err);
}

static int write_row(struct rollup_writer *w, struct delta *d, enum tier t, struct names *n, struct entry *e,
                     struct err *err)
{
	uint32_t series = key_series(e->key), bucket = (uint32_t)key_bucket(e->key);
	struct series *s = &n->series[series];
	struct rollup *r = &e->row->rollup;
	int stored = 0;

	if (!s->next_bucket[t] && find_next_bucket(w, t, series, &s->next_bucket[t], err))
		return -1;
	if (bucket < s->next_bucket[t])
		stored = merge_stored(w, d->dense, t, e->key, r, err);
	struct rollup whole = *r; /* the row itself may be a part of another */
	if (stored || e->row->points || e->row->parts) {
		figures_reset(&w->figures);
		delta_take_sketches(d, e->row, &w->figures);
		memcpy(whole.figures.sketches, w->figures.sketches, sizeof w->figures.sketches);
	}
	if (stored < 0 || put_row(w, t, e->key, &whole, stored, err))
		return -1;
	if (bucket >= s->next_bucket[t])
		s->next_bucket[t] = bucket + 1;
	return 0;
}

int rollup_writer_flush(struct rollup_writer *w, struct delta *d, struct names *n, struct err *err)
{
	struct entries e = {0};
	int failed = 0;

	if (!d->leaf_rows)
		return 0;
	delta_propagate(d, n);
	for (int t = 0; t < TIER_COUNT && !failed; t++) {
		collect_sorted(d, (enum tier)t, &e);
		for (size_t i = 0; i < e.len && !failed; i++)
			if (delta_is_stored(n, key_series(e.items[i].key)))
				failed = write_row(w, d, (enum tier)t, n, &e.items[i], err);
	}
	free(e.items);
	delta_clear(d);
	return failed;
}
