/* A table whose cursor stays on its row's identity while rows re-sort. The caller owns the rows (in
 * the order they are to be shown) and the state; drawing is pure, moving is arithmetic on the state. */
#ifndef LLMDECK_UI_TABLE_H
#define LLMDECK_UI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ui/surface.h"

struct table_column {
	const char *heading;
	int min_width, max_width; /* in columns; max 0 = as min */
	int priority;             /* 0 is kept longest when it gets narrow */
	bool right;               /* figures stand right-aligned */
	bool sortable;
};

struct table_cell {
	struct str text; /* from wherever: made harmless when drawn; empty with a draw function */
	style style;     /* used unless the row is selected */
	/* Draws the cell itself (a sparkline, a bar) when not NULL; `arg` is the caller's. */
	void (*draw)(struct surface *cell, style st, const void *arg);
	const void *arg;
};

#define TABLE_COLUMNS_MAX 64
#define TABLE_KEY_BYTES 256

struct table {
	const struct table_column *columns;
	size_t column_count;
	size_t row_count;
	/* Fills cells[0 … column_count) of a row; texts need to live until the next call. */
	void (*row)(const void *source, size_t row, struct table_cell *cells);
	/* The row's identity, unique in the table; lives until the next call. */
	struct str (*key)(const void *source, size_t row);
	bool (*marked)(const void *source, size_t row); /* may be NULL */
	const void *source;
};

/* Kept by the caller from frame to frame; zero is the start. */
struct table_state {
	char cursor_key[TABLE_KEY_BYTES]; /* "" = the first row */
	size_t cursor_row;                /* where it was last: taken when the identity has gone */
	size_t top_row;
	int sort_column;                  /* -1 = none; only shown, the caller sorts */
	bool sort_ascending;
	uint64_t hidden;                  /* a bit a column */
};

/* Finds the cursor's row again after the rows have changed, and scrolls so that it is visible in
 * `visible` rows. Call before drawing and after moving. */
void table_settle(const struct table *t, struct table_state *state, size_t visible);
enum table_move { TABLE_UP, TABLE_DOWN, TABLE_PAGE_UP, TABLE_PAGE_DOWN, TABLE_FIRST, TABLE_LAST };
void table_move(const struct table *t, struct table_state *state, enum table_move move, size_t visible);
/* Puts the cursor on the row with this identity; false when there is none. */
bool table_select(const struct table *t, struct table_state *state, struct str key);

/* Draws the heading (with the sort arrow) and the rows from state->top_row into the surface; the
 * cursor's row in ROLE_SELECTED when `focused`. Columns that do not fit drop by priority. Returns the
 * number of rows that fit (for table_settle and table_move). */
size_t table_draw(struct surface *s, const struct table *t, const struct table_state *state,
                  bool focused);
/* "1-5/7" for a panel's title; "0" when empty. */
void table_footer(const struct table *t, const struct table_state *state, size_t visible,
                  struct buf *out);

/* A live row filter: every word of `filter` occurs in one of the texts, regardless of ASCII case; a
 * leading ! inverts. An empty filter takes all. */
bool filter_matches(const char *filter, const struct str *texts, size_t count);

#endif
