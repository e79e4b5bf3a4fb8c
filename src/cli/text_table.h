/* A table as text for a terminal or a pipe: columns as wide as their content, the least important
 * ones left out when the terminal is too narrow. */
#ifndef LLMDECK_CLI_TEXT_TABLE_H
#define LLMDECK_CLI_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

#define COLUMN_WHOLE 2

struct text_column {
	const char *heading;
	int left;     /* 0: to the right; 1: to the left, cut with an ellipsis when there is no room;
	                 COLUMN_WHOLE: to the left and never cut (ids, times) */
	int priority; /* columns of the highest number go first; 0 stays */
};
struct text_table;

/* `columns` are borrowed until the table is freed. */
struct text_table *text_table_new(const struct text_column *columns, size_t column_count);
void text_table_free(struct text_table **t);
/* Adds a cell, row by row; a text from outside is made harmless here. */
void text_table_add(struct text_table *t, struct str text);
void text_table_addf(struct text_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends heading and rows, each line at most `width` columns (0 = no bound); a note at the end names
 * the columns that found no room. */
void text_table_print(const struct text_table *t, int width, struct buf *out);

#endif
