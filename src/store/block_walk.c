/* The first block of a range is the last one whose key is not above its start. */
#include "store/block_walk.h"

#include <string.h>

#include "store/sql.h"

#define BLOCKS_OF_RANGE \
	"SELECT id, rows FROM requests WHERE id>=ifnull((SELECT id FROM requests WHERE id<=?1 ORDER BY id DESC LIMIT 1), ?1)" \
	" AND id<?2 ORDER BY id"

int block_walk_begin(struct block_walk *k, sqlite3 *db, int64_t from_id, int64_t to_id, bool down, struct err *err)
{
	*k = (struct block_walk){.db = db, .from_id = from_id, .to_id = to_id, .down = down};
	if (sql_prepare(db, &k->st, down ? BLOCKS_OF_RANGE " DESC" : BLOCKS_OF_RANGE, err))
		return -1;
	sqlite3_bind_int64(k->st, 1, from_id);
	sqlite3_bind_int64(k->st, 2, to_id);
	return 0;
}

int block_walk_next_block(struct block_walk *k, const void **blob, size_t *len, struct err *err)
{
	int got = sql_step(k->st, err);

	if (got <= 0)
		return got;
	*blob = sqlite3_column_blob(k->st, 1);
	*len = (size_t)sqlite3_column_bytes(k->st, 1);
	return 1;
}

bool block_walk_open(struct block_walk *k, const void *blob, size_t len)
{
	int64_t key = sqlite3_column_int64(k->st, 0);

	k->left = 0;
	if (!block_decode(&k->block, key, blob, len)) {
		k->damaged_key = key;
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
	k->st = NULL;
}

int block_walk_find(sqlite3 *db, int64_t id, uint32_t *series, struct packed *p, struct err *err)
{
	struct block_walk k;
	int got;

	if (block_walk_begin(&k, db, id, id < INT64_MAX ? id + 1 : id, false, err))
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
