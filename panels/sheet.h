/* A panel's rows as data: drawn as a table, walked by the cursor, written by an export. */
#ifndef LLMDECK_PANELS_SHEET_H
#define LLMDECK_PANELS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/value.h"
#include "ui/surface.h"

#define SHEET_COLUMNS_MAX 14

struct sheet_column {
	const char *name;    /* in exports: "error_rate" */
	const char *heading; /* on screen: "err%" */
	int width;           /* columns on screen; of a text column its least width */
	bool text;           /* left-aligned, takes what is left over */
	int priority;        /* columns of higher number go first when room is short; 0 never goes */
};
struct sheet_cell {
	struct str text;  /* as shown; from outside when the column is a text one */
	double sort;      /* what sorting compares in a column of numbers; NaN sorts last */
	struct value value; /* what an export writes in a column of numbers */
	style style;      /* 0 = the row's */
};
struct sheet_row {
	struct str key;   /* the row's identity */
	enum { ROW_PLAIN, ROW_OK, ROW_WARNING, ROW_CRITICAL } state;
	double bar[2];    /* shares 0-1 of the bar column: actual, desired; NaN none */
	struct sheet_cell cells[SHEET_COLUMNS_MAX];
};
/* Zero-initialised is empty and valid. */
struct sheet {
	const struct sheet_column *columns;
	int column_count;
	bool marked;      /* rows show their state in front */
	int bar_column;   /* the last column is a bar of this many cells at least; 0 none */
	struct sheet_row *rows;
	size_t row_count, row_cap;
	struct arena arena;
};

/* A zeroed row with NaN sorts, owned by the sheet; valid until the next call. */
struct sheet_row *sheet_add(struct sheet *s, struct str key);
void sheet_fini(struct sheet *s);
/* Fills a cell. `text` is copied. */
void sheet_set_text(struct sheet *s, struct sheet_row *row, int column, struct str text);
void sheet_set_value(struct sheet *s, struct sheet_row *row, int column, struct value v,
                     const char *shown);

/* Keeps the rows whose text columns contain `find` (ASCII case aside; a leading ! inverts) and
 * orders them by a column; `column` < 0 keeps the order. Equal rows keep theirs. */
void sheet_arrange(struct sheet *s, const char *find, int column, bool ascending);
/* Index of the row with this key, or -1. */
int sheet_find(const struct sheet *s, const char *key);

struct sheet_look {
	int sort_column;      /* marked in the heading; -1 none */
	bool sort_ascending;
	uint64_t hidden;      /* columns switched off */
	bool stale;           /* dims the figures */
	const char *cursor;   /* key of the row under the cursor; NULL none */
	int top;              /* first row shown */
};
/* Heading and rows from the surface's first line on. Returns how many rows were shown. */
int sheet_draw(const struct sheet *s, const struct sheet_look *look, struct surface *surface);

enum sheet_format { SHEET_CSV, SHEET_JSON, SHEET_TEXT };
void sheet_write(const struct sheet *s, enum sheet_format format, struct buf *out);

#endif
