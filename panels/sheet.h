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
#include "ui/table.h"

#define SHEET_COLUMNS_MAX 14

struct sheet_column {
	const char *name;    /* in exports: "error_rate" */
	const char *heading; /* on screen: "err%" */
	int width;           /* columns on screen; of a text column its least width */
	bool text;           /* left-aligned, takes what is left over */
	int priority;        /* columns of higher number go first when room is short; 0 never goes */
	bool bar;            /* a short text, then the row's share as a bar, then percent */
};
struct sheet_cell {
	struct str text;  /* as shown; from outside when the column is a text one */
	double sort;      /* what sorting compares in a column of numbers; NaN sorts last */
	struct value value; /* what an export writes in a column of numbers */
	style style;      /* 0 = the row's */
};
struct sheet_row {
	struct str key;   /* the row's identity */
	enum row_state { ROW_PLAIN, ROW_OK, ROW_WARNING, ROW_CRITICAL } state;
	double bar;       /* share 0-1 of the bar column; NaN none */
	struct sheet_cell cells[SHEET_COLUMNS_MAX];
};
/* Zero-initialised is empty and valid. */
struct sheet {
	struct sheet_column columns[SHEET_COLUMNS_MAX];
	int column_count;
	bool marked;      /* rows show their state in front */
	bool stale;       /* while it is drawn: dimmed */
	struct table_column drawn[SHEET_COLUMNS_MAX + 1]; /* while it is drawn */
	struct sheet_row *rows;
	size_t row_count, row_cap;
	struct arena arena;
};

void sheet_set_columns(struct sheet *s, const struct sheet_column *columns, int count);
/* A zeroed row with NaN sorts, owned by the sheet; valid until the next call. */
struct sheet_row *sheet_add(struct sheet *s, struct str key);
void sheet_fini(struct sheet *s);
/* Fills a cell. `text` is copied. */
void sheet_set_text(struct sheet *s, struct sheet_row *row, int column, struct str text);
void sheet_set_value(struct sheet *s, struct sheet_row *row, int column, struct value v,
                     const char *shown);

/* Keeps the rows whose text columns match `find` as filter_matches() has it, and
 * orders them by a column; `column` < 0 keeps the order. Equal rows keep theirs. */
void sheet_arrange(struct sheet *s, const char *find, int column, bool ascending);

/* Heading and rows from the surface's first line on, with cursor, sort and hidden columns as `state`
 * says (NULL: none of them). Columns drop by priority where it is narrow. Returns how many rows were
 * drawn. */
int sheet_draw(const struct sheet *s, const struct table_state *state, bool focused, bool stale,
               struct surface *surface);
/* The sheet as ui/table.h sees it, for moving the cursor; borrows the sheet. */
struct table sheet_table(const struct sheet *s);

enum sheet_format { SHEET_CSV, SHEET_JSON, SHEET_TEXT };
void sheet_write(const struct sheet *s, enum sheet_format format, struct buf *out);

#endif
