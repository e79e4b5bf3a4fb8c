/* Blocks: neighbouring requests in one blob, which is a row of the table `requests`. Its key is a lower
 * bound of the ids in it; ids from the next block's key on are not in it. So the table is the leaves of a
 * tree whose inner nodes are SQLite's: a commit's new rows are put into the block that covers them, one
 * INSERT serves a hundred of them, and there is nothing to compact later. Internal to store/. */
#ifndef LLMDECK_STORE_BLOCK_H
#define LLMDECK_STORE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/pack.h"

/* A full block. Of a blob of 8.2 to 8.7 kB two overflow pages are full and some 500 bytes lie in a leaf
 * page, of which eight fit into one: nothing is wasted. */
#define BLOCK_BYTES 8560u
#define BLOCK_ROWS_MAX 512u
#define BLOCK_HEAD_PLACES 128u
#define BLOCK_SPAN_MAX (INT64_C(1) << 60) /* of its ids, from its key on */

struct block_row {
	int64_t id;
	uint32_t series;
	uint32_t figures_at, rest_at; /* in the block's bytes */
	uint16_t figures_len, rest_len;
	uint16_t head;
};

struct block {
	int64_t key;
	struct block_row *rows; /* by id */
	size_t count, cap;
	struct pack_head *heads;
	uint32_t *head_hashes;
	size_t head_count, head_cap, hash_cap;
	uint16_t head_places[BLOCK_HEAD_PLACES]; /* by hash: where a head may be */
	const uint8_t *bytes;   /* the blob that was read, or `own` */
	size_t len;
	struct buf own;
	size_t rest_from;       /* where the rests begin in a blob; their places are found when asked for */
	bool rests_known;
	size_t size;            /* of the blob that it makes, about */
	int64_t number;         /* of a block of the journal: its own in that table (store/fresh.h) */
};

/* A row of a block. */
struct block_source {
	struct block *from;
	size_t at;
};
static inline const struct block_row *block_source_row(const struct block_source *s) { return &s->from->rows[s->at]; }

/* Empties it; memory is kept. */
void block_reset(struct block *b, int64_t key);
void block_fini(struct block *b);
/* Reads the directory of a blob, which is borrowed until the block is reset. False when it is damaged. */
bool block_decode(struct block *b, int64_t key, const void *blob, size_t len);
/* Makes a copy of the blob, so that the block can be changed and outlives it. False when it is damaged. */
bool block_own(struct block *b);
/* Appends the blob. The block must not be empty. */
void block_encode(struct block *b, struct buf *out);

/* Place of the first row whose id is not below `id`; `count` when there is none. */
size_t block_find(const struct block *b, int64_t id);
/* Reads a row's figures and names (pack_read_figures()), or all that is `wanted` (pack_read_rest()). False
 * when it is damaged. */
bool block_read_figures(const struct block *b, size_t at, struct packed *p);
bool block_read_rest(struct block *b, size_t at, uint32_t wanted, struct packed *p);
bool block_read(struct block *b, size_t at, struct packed *p);
/* Rows that a blob says to hold, without reading it. */
size_t block_count(const void *blob, size_t len);
/* Keeps a row for later: its head, and appended to `bytes` all the rest, which begins *figures_len behind. */
bool block_copy_row(struct block *b, size_t at, struct pack_head *head, struct buf *bytes, uint16_t *figures_len);

/* Whether a row of this id, which is not below the key, may join. */
bool block_has_room(const struct block *b, int64_t id);
/* Whether a row of this id, which is not below the key, is near enough to it. */
bool block_reaches(const struct block *b, int64_t id);
/* Whether the block could begin at this key, which is below its own. */
bool block_spans(const struct block *b, int64_t key);
/* Changes, of a block that owns its bytes. `at` is from block_find(). */
void block_insert(struct block *b, size_t at, int64_t id, uint32_t series, const struct packed *p);
/* The same with a row of another block that owns its bytes. False when that one is damaged. */
bool block_insert_row(struct block *b, size_t at, struct block *from, size_t row);
void block_replace(struct block *b, size_t at, uint32_t series, const struct packed *p);
void block_remove(struct block *b, size_t at);
/* Makes these rows, by id, all that is in it; some of them may be its own. The others' blocks own their bytes. */
void block_fill(struct block *b, const struct block_source *rows, size_t count);
/* Gives back memory that is kept for what may come. */
void block_trim(struct block *b);
/* Asks for the memory of a row's bytes before they are needed. */
static inline void block_prefetch(const struct block *b, const struct block_row *row)
{
	__builtin_prefetch(b->bytes + row->figures_at);
	__builtin_prefetch(b->bytes + row->figures_at + 64);
}
/* What a row adds to a block's size. */
static inline size_t block_row_bytes(const struct block_row *row) { return (size_t)row->figures_len + row->rest_len + 5; }
/* Moves the upper half, at least one row of two or more, to the empty block `upper` and gives it its key. */
void block_split(struct block *b, struct block *upper);

#endif
