/* Top values of the many-valued attributes: Space-Saving summaries of TOP_SLOTS values per
 * attribute and bucket (Metwally, Agrawal, El Abbadi 2005), so that a million users cost no more
 * than sixty-four. Internal to store/. */
#ifndef LLMDECK_STORE_TOP_H
#define LLMDECK_STORE_TOP_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/err.h"
#include "base/hash.h"
#include "store/rollup.h"

#define TOP_SLOTS 64
struct top {
	size_t len;
	uint32_t hash[TOP_SLOTS];
	int64_t requests[TOP_SLOTS]; /* counts evicted values in: too high by at most `over` */
	int64_t over[TOP_SLOTS], errors[TOP_SLOTS], cost_nusd[TOP_SLOTS];
	uint8_t value_len[TOP_SLOTS];
	char value[TOP_SLOTS][EVENT_NAME_MAX_BYTES];
};
/* Counts `requests` (may be negative) of a value of at most EVENT_NAME_MAX_BYTES bytes. */
void top_add(struct top *t, struct str value, int64_t requests, int64_t errors, int64_t cost_nusd);
/* Merges b into a, keeping the TOP_SLOTS greatest. */
void top_merge(struct top *a, const struct top *b);
/* The same, but keeps values that have less than nothing: what was taken back of them is elsewhere. */
void top_gather(struct top *a, const struct top *b);
/* Takes a value out; true when it was there. */
bool top_remove(struct top *t, struct str value);
void top_encode(const struct top *t, struct buf *out);
bool top_decode(struct top *t, const void *blob, size_t len);

/* The tiers that have summaries, and their tables. */
#define TOP_TIER_FIRST TIER_10M
extern const char *const top_table[TIER_COUNT]; /* NULL for tiers without */

/* What a transaction adds: summaries per attribute and 10-minute bucket. */
struct top_writer {
	sqlite3 *db;
	sqlite3_stmt *get[TIER_COUNT], *put[TIER_COUNT];
	struct intmap fresh;      /* attribute << 32 | bucket -> struct top, owned */
	struct top *recent[ATTR_COUNT]; /* of the bucket that was used last */
	int64_t recent_bucket[ATTR_COUNT];
	struct buf blob;
};
int top_writer_open(struct top_writer *w, sqlite3 *db, struct err *err);
void top_writer_close(struct top_writer *w);
void top_writer_add(struct top_writer *w, const struct packed *p, int sign);
/* Moves what `from` would add into `into`. */
void top_writer_absorb(struct top_writer *into, struct top_writer *from);
/* Adds a summary in its stored form; `key` as in `fresh`. False when it is damaged. */
bool top_writer_add_stored(struct top_writer *w, uint64_t key, const void *blob, size_t len);
int top_writer_flush(struct top_writer *w, struct err *err);
void top_writer_clear(struct top_writer *w);

#endif
