/* Walking the requests of a range of ids, row by row in either direction, over the blocks of an open
 * connection and what its journal (store/fresh.h) adds to them. Internal to store/. */
#ifndef LLMDECK_STORE_BLOCK_WALK_H
#define LLMDECK_STORE_BLOCK_WALK_H

#include <sqlite3.h>

#include "base/err.h"
#include "store/block.h"
#include "store/fresh.h"

struct block_walk {
	sqlite3 *db;
	sqlite3_stmt *st;
	struct fresh *fresh;
	size_t fresh_from, fresh_to; /* its rows that are still to come */
	struct block block; /* where the walk is */
	struct block ahead; /* the stored block that comes next, when its bounds had to be known */
	bool stored, is_ahead; /* there is a stored one that was not given yet; `ahead` is read */
	bool ended;         /* there are no more stored ones */
	bool ready;         /* what was given is `block` already */
	size_t at;          /* the row that was given last: for block_read_…() */
	size_t left;        /* rows of the block still to come */
	int64_t from_id, to_id;
	bool down;
	int64_t damaged_key; /* of the newest block that could not be read and was passed over; 0 = none */
	int64_t damaged;     /* how many */
};

/* [from_id, to_id); `down`: newest first. Inside a read transaction; `fresh` is the connection's, brought up
 * to date here and not to be touched while the walk lasts. What a writer has not yet written is not seen. */
int block_walk_begin(struct block_walk *k, sqlite3 *db, struct fresh *fresh, int64_t from_id, int64_t to_id, bool down, struct err *err);
/* The next block that may hold such rows, whole: 1, 0 at the end, -1 error. For who looks at the blob first;
 * otherwise block_walk_next() does it. Its rows begin at the walk's own bounds. */
int block_walk_next_block(struct block_walk *k, const void **blob, size_t *len, struct err *err);
/* Reads the directory of the block that was just given, so that block_walk_next_row() can be called; false
 * when it is damaged (and counted). */
bool block_walk_open(struct block_walk *k, const void *blob, size_t len);
/* Rows of the block that was just given. */
size_t block_walk_count(const struct block_walk *k, const void *blob, size_t len);
/* The next row of the opened block in the range; false at its end. */
bool block_walk_next_row(struct block_walk *k);
/* The next row: 1, 0 at the end, -1 error. Its id and series are in k->block.rows[k->at]. */
int block_walk_next(struct block_walk *k, struct err *err);
static inline const struct block_row *block_walk_row(const struct block_walk *k) { return &k->block.rows[k->at]; }
void block_walk_end(struct block_walk *k);

/* One request: 1 read into `p`, 0 not there, -1 error (a damaged block is one). */
int block_walk_find(sqlite3 *db, struct fresh *fresh, int64_t id, uint32_t *series, struct packed *p, struct err *err);

#endif
