/* What a transaction adds to the rollups: events go into the finest bucket of their leaf series;
 * once, before the commit, that is propagated to the pre-merged series and the coarser tiers and
 * merged into the stored rows. Internal to store/. */
#ifndef LLMDECK_STORE_DELTA_H
#define LLMDECK_STORE_DELTA_H

#include <sqlite3.h>

#include "base/err.h"
#include "base/hash.h"
#include "store/names.h"
#include "store/rollup.h"

struct delta {
	struct intmap rows[TIER_COUNT]; /* rollup_key -> struct rollup, owned */
	struct rollup **spare;          /* emptied ones, kept for their memory */
	size_t spare_count, spare_cap;
	size_t leaf_rows;
	struct dense *dense; /* scratch of the propagation */
};

/* The leaf's rollup for an event at time_us; `floor_10s_us`: older events have no 10 s bucket. */
struct rollup *delta_leaf(struct delta *d, uint32_t series, int64_t time_us, int64_t floor_10s_us);
/* The row of a key, made when new. */
struct rollup *delta_row(struct delta *d, enum tier t, int64_t key);
/* Fills the pre-merged series and the coarser tiers from the leaves. Once per filling. */
void delta_propagate(struct delta *d, const struct names *n);
void delta_clear(struct delta *d); /* keeps memory */
void delta_fini(struct delta *d);
/* A row that is stored: marginals of an unset dimension are not, they are what is left of
 * everything without the others. */
bool delta_is_stored(const struct names *n, uint32_t series);

/* Writes a delta's rows into the tables. */
struct rollup_writer {
	sqlite3 *db;
	sqlite3_stmt *newest[TIER_COUNT], *get[TIER_COUNT], *insert[TIER_COUNT], *update[TIER_COUNT], *remove[TIER_COUNT];
	struct buf blob;
};
int rollup_writer_open(struct rollup_writer *w, sqlite3 *db, struct err *err);
void rollup_writer_close(struct rollup_writer *w);
/* Propagates, writes, clears. */
int rollup_writer_flush(struct rollup_writer *w, struct delta *d, struct names *n, struct err *err);

#endif
