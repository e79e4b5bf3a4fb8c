/* What one rollup row holds and how it is stored. Internal to store/. */
#ifndef LLMDECK_STORE_ROLLUP_H
#define LLMDECK_STORE_ROLLUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/figures.h"
#include "store/cells.h"
#include "store/pack.h"

enum tier { TIER_10S, TIER_1M, TIER_10M, TIER_1H, TIER_1D, TIER_COUNT };
extern const int64_t tier_us[TIER_COUNT];
extern const char *const tier_table[TIER_COUNT];  /* "rollups_10s" … */
extern const char *const gauge_table[TIER_COUNT]; /* "gauges_10s" … */
/* The first tier in which a dimension has rows of its own, pre-merged. */
enum tier dim_first_tier(enum dim d);

/* A row's key: the series in the upper half, the bucket's number in the lower, so that one series
 * is one run of keys. */
static inline int64_t rollup_key(uint32_t series, int64_t bucket) { return (int64_t)((uint64_t)series << 32 | (uint64_t)bucket); }
static inline uint32_t key_series(int64_t key) { return (uint32_t)((uint64_t)key >> 32); }
static inline int64_t key_bucket(int64_t key) { return (int64_t)(key & INT64_C(0xffffffff)); }

/* Counts by name, sorted by name. */
struct tally_item {
	uint32_t name; /* string id */
	int64_t count, blocked;
};
struct tally {
	struct tally_item *items;
	size_t len, cap;
};
void tally_add(struct tally *t, uint32_t name, int64_t count, int64_t blocked);

struct rollup {
	struct figures figures;
	struct tally errors, flags;
};
#define ALL_SKETCHES ((1u << SKETCH_COUNT) - 1)
/* Adds a request's counts and sums `sign` (+1, -1) times, without the sketches. */
void rollup_add_counts(struct rollup *r, const struct packed *p, int sign);
/* What a request puts into the sketches; returns which of the values are known (bit = enum sketch_kind). */
unsigned rollup_values(const struct packed *p, int64_t values[SKETCH_COUNT]);
void rollup_merge(struct rollup *into, const struct rollup *from);
/* Everything but the sketches. */
void rollup_merge_counts(struct rollup *into, const struct rollup *from);
void rollup_reset(struct rollup *r); /* keeps memory */
void rollup_fini(struct rollup *r);
/* Nothing in it at all: a row of it is removed, not stored. */
bool rollup_is_empty(const struct rollup *r);
/* Equal but for first_us and last_us, which corrections leave inexact. */
bool rollup_equal(const struct rollup *a, const struct rollup *b);

/* The row's blob; bucket_us is the bucket's start. */
void rollup_encode(const struct rollup *r, int64_t bucket_us, struct buf *out);
/* Adds a stored row to `into`, its counts and its sketches alike. False when the blob is damaged. */
bool rollup_decode_merge(struct rollup *into, int64_t bucket_us, const void *blob, size_t len);
/* The same for readers: `needs` is a set of sketches (bit = enum sketch_kind), the others are
 * stepped over; `weight` is 1 or -1. */
bool figures_decode_merge(struct figures *into, unsigned needs, int weight, int64_t bucket_us, const void *blob, size_t len);
/* Only the counts by name. */
bool tallies_decode_merge(struct tally *errors, struct tally *flags, int weight, const void *blob, size_t len);

/* As figures_decode_merge, the sketches into `d` and everything else into `into`. */
bool dense_decode_merge(struct dense *d, struct figures *into, unsigned needs, int weight, int64_t bucket_us,
                        const void *blob, size_t len);
/* As rollup_decode_merge, the sketches into `d`. */
bool dense_decode_merge_all(struct dense *d, struct rollup *into, int64_t bucket_us, const void *blob, size_t len);

#endif
