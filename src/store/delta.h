/* What a transaction adds to the rollups: events go into the finest bucket of their leaf series;
 * once, before the commit, that is propagated to the pre-merged series and the coarser tiers and
 * merged into the stored rows. Internal to store/. */
#ifndef LLMDECK_STORE_DELTA_H
#define LLMDECK_STORE_DELTA_H

#include "base/hash.h"
#include "store/names.h"
#include "store/rollup.h"

/* A request's cells. */
struct delta_point {
	int16_t sign;
	uint16_t cells[SKETCH_COUNT]; /* DELTA_NO_CELL: the value is not known */
};
#define DELTA_NO_CELL UINT16_MAX
/* Where a leaf's points gather until they are put side by side. */
#define DELTA_CHUNK_POINTS 10
struct delta_chunk {
	uint32_t next; /* 1 + index in the array of chunks; 0 = the last */
	uint32_t count;
	struct delta_point points[DELTA_CHUNK_POINTS];
};

/* A row's figures. Its cells are those of the rollup's sketches, which lie in the delta's arena, of the points and
 * of the parts. */
struct delta_row {
	struct rollup rollup;
	struct delta_row *parts, *next_part; /* a leaf's rows in the finer tier */
	uint32_t points;  /* 1 + index of its newest chunk, later of its first point; 0 = none */
	uint32_t run;     /* how many lie side by side from there on, once they do */
};

struct delta {
	struct intmap rows[TIER_COUNT]; /* rollup_key -> struct delta_row, in the arena */
	struct arena arena;
	struct delta_chunk *chunks;
	size_t chunk_count, chunk_cap;
	size_t point_count;         /* in the chunks */
	struct delta_point *points; /* leaf by leaf; there once they are propagated, instead of the chunks */
	size_t leaf_rows;
	struct dense *dense; /* scratch */
	struct rollup stored; /* scratch */
};

/* Adds a request to its leaf `sign` times; `floor_10s_us`: older events have no 10 s bucket. */
void delta_add(struct delta *d, uint32_t series, const struct packed *p, int sign, int64_t floor_10s_us);
/* The leaf's counts for an event at time_us, as for feedback. */
struct figures *delta_counts(struct delta *d, uint32_t series, int64_t time_us, int64_t floor_10s_us);
/* Writes a leaf's row in the form of the tables; before they are propagated. */
void delta_encode_leaf(struct delta *d, enum tier t, int64_t key, const struct delta_row *row, struct buf *out);
/* Adds a leaf's row in that form. False when it is damaged. */
bool delta_add_stored(struct delta *d, enum tier t, int64_t key, const void *blob, size_t len);
/* Moves what `from` holds into `into`; before either is propagated. */
void delta_absorb(struct delta *into, struct delta *from);
/* Moves all cells of a row into the sketches of `into`. */
void delta_take_sketches(struct delta *d, const struct delta_row *row, struct figures *into);
/* Fills the pre-merged series and the coarser tiers from the leaves. Once per filling. `series`: by id. */
void delta_propagate(struct delta *d, const struct series *series);

struct delta_entry {
	int64_t key; /* rollup_key() */
	struct delta_row *row;
};
struct delta_entries {
	struct delta_entry *items; /* freed by the caller */
	size_t len, cap;
};
/* Replaces the entries by a tier's rows in the order of their keys. */
void delta_collect_sorted(const struct delta *d, enum tier t, struct delta_entries *out);

void delta_clear(struct delta *d); /* keeps memory */
void delta_fini(struct delta *d);
/* A row that is stored: marginals of an unset dimension are not, they are what is left of
 * everything without the others. */
bool delta_is_stored(const struct series *s);

#endif
