/* The page for people's own SQL. What is typed and what was answered is the console's; this draws it. */
#ifndef LLMDECK_PANELS_QUERY_H
#define LLMDECK_PANELS_QUERY_H

#include "panels/panel.h"
#include "ui/field.h"

extern const struct panel sql_panel;

/* An answer as it is drawn. Immutable once made. */
struct query_cell {
	struct str text;  /* from outside; "" for NULL */
	double number;    /* NaN unless it is one */
	bool null;
};
struct query_table {
	const char **columns; /* names, from outside */
	bool *numeric;        /* a column of numbers alone */
	bool *times;          /* numeric, and its name says that they are times in µs */
	int *widths;          /* columns on the screen, 1-60 */
	size_t column_count;
	struct query_cell *cells; /* row by row */
	size_t row_count;
	bool more;            /* the row limit cut it */
	struct arena arena;
};

#define QUERY_WORDS_MAX 24
#define QUERY_COLUMNS_MAX 64 /* that are drawn; an export has all of them */

struct query_board {
	struct field field;              /* the statement */
	bool editing;
	const char *words[QUERY_WORDS_MAX]; /* what the word under the cursor may become */
	size_t word_count, word_at;      /* word_at: the one Tab has put there; word_count: none yet */
	bool running, cancelling;
	double running_s, took_s;
	char said[400];                  /* how it ended; "" when there is nothing to say */
	bool bad;
	const struct query_table *table; /* NULL: none yet */
	struct table_state look;
	size_t left;                     /* first column that is drawn */
	bool chart;
};

/* The answer as ui/table.h sees it from column `left` on; `columns` has room for QUERY_COLUMNS_MAX. */
struct table query_rows(const struct query_board *b, struct table_column *columns);

#endif
