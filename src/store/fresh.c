/* Loading reads all of the journal and is remembered by the numbers of its first and last block and the
 * marks: blocks are never changed, and their numbers never used again. */
#include "store/fresh.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sql.h"

#define SORT_BITS 11
#define SORT_BUCKETS (1u << SORT_BITS)

static void sort_pass(const struct fresh_row *from, struct fresh_row *to, size_t n, int64_t least, unsigned shift)
{
	uint32_t starts[SORT_BUCKETS] = {0}, at = 0;

	for (size_t i = 0; i < n; i++)
		starts[((uint64_t)from[i].id - (uint64_t)least) >> shift & (SORT_BUCKETS - 1)]++;
	for (size_t b = 0; b < SORT_BUCKETS; b++) {
		uint32_t here = starts[b];

		starts[b] = at;
		at += here;
	}
	for (size_t i = 0; i < n; i++)
		to[starts[((uint64_t)from[i].id - (uint64_t)least) >> shift & (SORT_BUCKETS - 1)]++] = from[i];
}

void fresh_sort(struct fresh_row *rows, struct fresh_row *scratch, size_t count)
{
	int64_t least = INT64_MAX, most = INT64_MIN;
	struct fresh_row *from = rows, *to = scratch;
	bool sorted = true;

	for (size_t i = 0; i < count; i++) {
		sorted &= rows[i].id >= most;
		least = rows[i].id < least ? rows[i].id : least;
		most = rows[i].id > most ? rows[i].id : most;
	}
	uint64_t range = count ? (uint64_t)most - (uint64_t)least : 0;
	for (unsigned shift = 0; !sorted && shift < 64 && range >> shift; shift += SORT_BITS) {
		struct fresh_row *other = from;

		sort_pass(from, to, count, least, shift);
		from = to;
		to = other;
	}
	if (from != rows)
		memcpy(rows, from, count * sizeof *rows);
}

static void note(struct fresh *f, int64_t id, uint32_t block, uint32_t row)
{
	if (f->count == f->cap)
		f->rows = mem_grow(f->rows, &f->cap, f->count + 1, sizeof *f->rows);
	f->rows[f->count++] = (struct fresh_row){id, block, row};
}

static void note_gone(struct fresh *f, const uint8_t *ids, size_t len)
{
	for (; len >= 8; ids += 8, len -= 8) {
		uint64_t id;

		memcpy(&id, ids, 8);
		note(f, (int64_t)le64toh(id), FRESH_GONE, 0);
	}
}

static struct block *add_block(struct fresh *f, int64_t number)
{
	if (f->block_count == f->block_cap) {
		size_t before = f->block_cap;

		f->blocks = mem_grow(f->blocks, &f->block_cap, f->block_count + 1, sizeof *f->blocks);
		memset(f->blocks + before, 0, (f->block_cap - before) * sizeof *f->blocks);
	}
	f->blocks[f->block_count].number = number;
	return &f->blocks[f->block_count++];
}

/* One row of the table. */
static void note_stored(struct fresh *f)
{
	int64_t number = sqlite3_column_int64(f->all, 0);
	const void *blob = sqlite3_column_blob(f->all, 2);
	size_t len = (size_t)sqlite3_column_bytes(f->all, 2);

	if (sqlite3_column_type(f->all, 1) == SQLITE_NULL) {
		note_gone(f, blob, len);
		return;
	}
	uint32_t place = (uint32_t)f->block_count;
	struct block *b = add_block(f, number);
	if (!block_decode(b, sqlite3_column_int64(f->all, 1), blob, len) || !block_own(b)) {
		f->block_count--;
		f->damaged++;
		return;
	}
	size_t noted = f->count;
	for (size_t i = 0; i < b->count; i++)
		if (number > f->upto || b->rows[i].id >= f->below)
			note(f, b->rows[i].id, place, (uint32_t)i);
	if (f->count == noted) /* all of it is in the other table */
		f->block_count--;
}

/* Of the rows of one id, the last one says what is. */
static void keep_last(struct fresh *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++)
		if ((i + 1 == f->count || f->rows[i + 1].id != f->rows[i].id) && f->rows[i].block != FRESH_GONE)
			f->rows[kept++] = f->rows[i];
	f->count = kept;
}

static int read_all(struct fresh *f, struct err *err)
{
	int got;

	f->count = f->block_count = 0;
	f->damaged = 0;
	while ((got = sql_step(f->all, err)) > 0)
		note_stored(f);
	if (got < 0)
		return -1;
	for (size_t i = f->block_count; i < f->block_cap; i++)
		block_fini(&f->blocks[i]);
	if (f->scratch_cap < f->count)
		f->scratch = mem_grow(f->scratch, &f->scratch_cap, f->count, sizeof *f->scratch);
	fresh_sort(f->rows, f->scratch, f->count);
	keep_last(f);
	return 0;
}

static int prepare(struct fresh *f, sqlite3 *db, struct err *err)
{
	if (f->db)
		return 0;
	if (sql_prepare(db, &f->marks, "SELECT (SELECT min(id) FROM request_journal), (SELECT max(id) FROM request_journal),"
	                " (SELECT value FROM meta WHERE key='" FRESH_UPTO "'), (SELECT value FROM meta WHERE key='" FRESH_BELOW "')", err) ||
	    sql_prepare(db, &f->all, "SELECT id, first, rows FROM request_journal ORDER BY id", err))
		return -1;
	f->db = db;
	f->last = 0;
	return 0;
}

int fresh_load(struct fresh *f, sqlite3 *db, struct err *err)
{
	int64_t is[4];

	if (prepare(f, db, err) || sql_step(f->marks, err) < 0)
		return -1;
	for (int i = 0; i < 4; i++)
		is[i] = sqlite3_column_int64(f->marks, i);
	sqlite3_reset(f->marks);
	if (is[0] == f->first && is[1] == f->last && is[2] == f->upto && is[3] == f->below)
		return 0;
	f->first = is[0];
	f->last = is[1];
	f->upto = is[2];
	f->below = is[3];
	if (read_all(f, err)) {
		f->last = -1;
		f->count = 0;
		return -1;
	}
	return 0;
}

void fresh_fini(struct fresh *f)
{
	sqlite3_finalize(f->marks);
	sqlite3_finalize(f->all);
	for (size_t i = 0; i < f->block_cap; i++)
		block_fini(&f->blocks[i]);
	free(f->blocks);
	free(f->rows);
	free(f->scratch);
	*f = (struct fresh){0};
}

size_t fresh_find(const struct fresh *f, int64_t id)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->rows[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
