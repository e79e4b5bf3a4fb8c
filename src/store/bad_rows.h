/* Telling bad rows of a walk from good ones, and keeping the first of them by some order. Internal to store/. */
#ifndef LLMDECK_STORE_BAD_ROWS_H
#define LLMDECK_STORE_BAD_ROWS_H

#include "core/bad.h"
#include "store/query_scan.h"

/* The names of a condition as numbers; looked up by the first row, when the reader knows them. */
struct bad_match {
	const struct store_reader *r;
	const struct bad *bad;
	bool looked_up;
	uint32_t error_type, flag;
};
bool bad_match_row(struct bad_match *m, const struct scan_row *row);
/* The same whenever it ended. */
bool bad_match_kind(struct bad_match *m, const struct scan_row *row);
/* What a walk must read for bad_match_row(). */
unsigned bad_match_fields(const struct bad *bad);

/* The `limit` first rows by `sort`, as owned copies in the arena. */
struct kept_row {
	int64_t rank;
	struct request_row row;
};
struct kept_rows {
	enum request_sort sort;
	size_t limit, len;
	struct kept_row *items; /* a heap, the last by `sort` on top */
	struct arena *arena;
	const struct store_reader *r;
};
void kept_rows_init(struct kept_rows *k, const struct store_reader *r, enum request_sort sort, size_t limit, struct arena *arena);
/* In a walk's call for the row, of which everything is read when it is kept: what was read before of its flags
 * and attributes is then valid again. */
void kept_rows_offer(struct kept_rows *k, const struct scan_row *row);
/* Ends it: the rows in order, in the arena. */
size_t kept_rows_take(struct kept_rows *k, struct request_row **rows);

#endif
