/* The request journal: what a small transaction stores is written as blocks of its own (store/block.h) into
 * the table `request_journal`, and its rows are put into the blocks of `requests` some thousands at a time
 * afterwards, so that a commit costs what it holds, however far apart its rows are. A row is in exactly one
 * of the two tables. Here is what reads the journal; store/block_walk.h joins it with the blocks.
 * Internal to store/. */
#ifndef LLMDECK_STORE_FRESH_H
#define LLMDECK_STORE_FRESH_H

#include <sqlite3.h>

#include "base/err.h"
#include "store/block.h"

/* Numbers in the meta table: of the journal's blocks up to the number `fresh_upto`, the rows whose ids are
 * below `fresh_below` are in the table `requests` already. */
#define FRESH_UPTO "fresh_upto"
#define FRESH_BELOW "fresh_below"

#define FRESH_GONE UINT32_MAX
struct fresh_row {
	int64_t id;
	uint32_t block, row; /* block FRESH_GONE: the row was removed again (only while loading) */
};
/* What the table holds, as of the transaction in which it was loaded. Zero-initialised is empty. One
 * thread's, of one connection. */
struct fresh {
	sqlite3 *db;
	sqlite3_stmt *marks, *all;
	int64_t first, last, upto, below; /* tell whether it is still as it was loaded */
	struct fresh_row *rows;           /* by id, each once */
	size_t count, cap;
	struct fresh_row *scratch;
	size_t scratch_cap;
	struct block *blocks;
	size_t block_count, block_cap;
	int64_t damaged; /* blocks that could not be read */
};
/* Brings it up to date, inside a read transaction; costs next to nothing when nothing changed. */
int fresh_load(struct fresh *f, sqlite3 *db, struct err *err);
void fresh_fini(struct fresh *f);
/* Place of the first row whose id is not below `id`; `count` when there is none. */
size_t fresh_find(const struct fresh *f, int64_t id);
/* Sorts by id, those of one id as they came; `scratch` has room for as many. */
void fresh_sort(struct fresh_row *rows, struct fresh_row *scratch, size_t count);

#endif
