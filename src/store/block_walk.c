/* The first block of a range is the last one whose key is not above its start.
 *
 * The journal's rows lie between the stored blocks or inside their bounds. The former are given as blocks
 * of their own, the latter as if they were in the stored one, so that a walk is in order. Where the journal
 * has nothing, as in all that is older than some seconds, a block is given as it is stored. */
#include "store/block_walk.h"

#include <string.h>

#include "store/sql.h"

#define BLOCKS_OF_RANGE \
	"SELECT id, rows FROM requests WHERE id>=ifnull((SELECT id FROM requests WHERE id<=?1 ORDER BY id DESC LIMIT 1), ?1)" \
	" AND id<?2 ORDER BY id"

int block_walk_begin(struct block_walk *k, sqlite3 *db, struct fresh *fresh, int64_t from_id, int64_t to_id, bool down,
                     struct err *err)
{
	*k = (struct block_walk){.db = db, .fresh = fresh, .from_id = from_id, .to_id = to_id, .down = down};
	if (fresh_load(fresh, db, err) || sql_prepare(db, &k->st, down ? BLOCKS_OF_RANGE " DESC" : BLOCKS_OF_RANGE, err))
		return -1;
	sqlite3_bind_int64(k->st, 1, from_id);
	sqlite3_bind_int64(k->st, 2, to_id);
	k->fresh_from = fresh_find(fresh, from_id);
	k->fresh_to = fresh_find(fresh, to_id);
	return 0;
}

/* Adds journal rows to a block that owns its bytes. */
static void add_fresh(struct block_walk *k, struct block *b, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct fresh_row *row = &k->fresh->rows[i];

		block_insert_row(b, block_find(b, row->id), &k->fresh->blocks[row->block], row->row);
	}
}

static int give_own(struct block_walk *k, const void **blob, size_t *len)
{
	*blob = k->block.bytes;
	*len = k->block.len;
	k->ready = true;
	return 1;
}

/* Gives some of the journal's rows in [from, to), which lie before all that is stored. */
static int give_fresh(struct block_walk *k, size_t from, size_t to, const void **blob, size_t *len)
{
	if (to - from > BLOCK_ROWS_MAX)
		*(k->down ? &from : &to) = k->down ? to - BLOCK_ROWS_MAX : from + BLOCK_ROWS_MAX;
	block_reset(&k->block, k->fresh->rows[from].id);
	add_fresh(k, &k->block, from, to);
	*(k->down ? &k->fresh_to : &k->fresh_from) = k->down ? from : to;
	return give_own(k, blob, len);
}

/* Makes the block that was read ahead the one that is given. */
static void swap_ahead(struct block_walk *k)
{
	struct block taken = k->ahead;

	k->ahead = k->block;
	k->block = taken;
	k->ready = true;
}

static int give_stored(struct block_walk *k, const void **blob, size_t *len)
{
	*blob = sqlite3_column_blob(k->st, 1);
	*len = (size_t)sqlite3_column_bytes(k->st, 1);
	k->ready = false;
	if (k->is_ahead)
		swap_ahead(k);
	k->stored = k->is_ahead = false;
	return 1;
}

/* Gives the stored block that was read ahead with the journal's rows [from, to) in it. */
static int give_joined(struct block_walk *k, size_t from, size_t to, const void **blob, size_t *len)
{
	if (!block_own(&k->ahead))
		return give_stored(k, blob, len); /* its rows cannot all be read: without the journal's, then */
	add_fresh(k, &k->ahead, from, to);
	swap_ahead(k);
	*(k->down ? &k->fresh_to : &k->fresh_from) = k->down ? from : to;
	k->stored = k->is_ahead = false;
	return give_own(k, blob, len);
}

/* Where the journal has rows at or above the next stored block's key. */
static int give_next(struct block_walk *k, int64_t key, const void **blob, size_t *len)
{
	size_t from = k->fresh_from, to = k->fresh_to;

	if (!k->is_ahead && (!block_decode(&k->ahead, key, sqlite3_column_blob(k->st, 1), (size_t)sqlite3_column_bytes(k->st, 1)) ||
	                     !k->ahead.count))
		return give_stored(k, blob, len);
	k->is_ahead = true;
	int64_t last = k->ahead.rows[k->ahead.count - 1].id;
	size_t inside = fresh_find(k->fresh, key), behind = fresh_find(k->fresh, last + 1);
	inside = inside < from ? from : inside > to ? to : inside;
	behind = behind < from ? from : behind > to ? to : behind;
	if (k->down && behind < to)
		return give_fresh(k, behind, to, blob, len);
	if (!k->down && from < inside)
		return give_fresh(k, from, inside, blob, len);
	return inside < behind ? give_joined(k, inside, behind, blob, len) : give_stored(k, blob, len);
}

int block_walk_next_block(struct block_walk *k, const void **blob, size_t *len, struct err *err)
{
	if (!k->stored && !k->ended) {
		int got = sql_step(k->st, err);

		if (got < 0)
			return -1;
		k->stored = got > 0;
		k->ended = !got;
	}
	bool fresh = k->fresh_from < k->fresh_to;
	if (!k->stored)
		return fresh ? give_fresh(k, k->fresh_from, k->fresh_to, blob, len) : 0;
	int64_t key = sqlite3_column_int64(k->st, 0);
	if (!fresh || (k->down && k->fresh->rows[k->fresh_to - 1].id < key))
		return give_stored(k, blob, len);
	return give_next(k, key, blob, len);
}

size_t block_walk_count(const struct block_walk *k, const void *blob, size_t len)
{
	return k->ready ? k->block.count : block_count(blob, len);
}

bool block_walk_open(struct block_walk *k, const void *blob, size_t len)
{
	k->left = 0;
	if (!k->ready && !block_decode(&k->block, sqlite3_column_int64(k->st, 0), blob, len)) {
		k->damaged_key = k->block.key;
		k->damaged++;
		return false;
	}
	size_t from = block_find(&k->block, k->from_id), to = block_find(&k->block, k->to_id);
	k->left = to - from;
	k->at = k->down ? to : from - 1;
	return true;
}

bool block_walk_next_row(struct block_walk *k)
{
	if (!k->left)
		return false;
	k->left--;
	k->at += k->down ? SIZE_MAX : 1;
	return true;
}

int block_walk_next(struct block_walk *k, struct err *err)
{
	const void *blob;
	size_t len;

	while (!block_walk_next_row(k)) {
		int got = block_walk_next_block(k, &blob, &len, err);

		if (got <= 0)
			return got;
		block_walk_open(k, blob, len);
	}
	return 1;
}

void block_walk_end(struct block_walk *k)
{
	sqlite3_finalize(k->st);
	block_fini(&k->block);
	block_fini(&k->ahead);
	k->st = NULL;
}

int block_walk_find(sqlite3 *db, struct fresh *fresh, int64_t id, uint32_t *series, struct packed *p, struct err *err)
{
	struct block_walk k;
	int got;

	if (block_walk_begin(&k, db, fresh, id, id < INT64_MAX ? id + 1 : id, false, err))
		return -1;
	got = block_walk_next(&k, err);
	if (got > 0) {
		*series = block_walk_row(&k)->series;
		if (!block_read(&k.block, k.at, p))
			got = err_set(err, "store: request %llx is damaged: run llmdeck doctor --deep", (long long)id);
	} else if (!got && k.damaged) {
		got = err_set(err, "store: the block of request %llx is damaged: run llmdeck doctor --deep", (long long)id);
	}
	block_walk_end(&k);
	return got;
}
