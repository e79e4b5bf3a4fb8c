/* A report for people who read it elsewhere: the same calls write Markdown or one HTML page that needs nothing
 * from outside (style and charts are in it, no script, and a policy that forbids both to be loaded). Every text
 * that is given is taken as coming from outside: it is made harmless and escaped. */
#ifndef LLMDECK_CONSOLE_DOCUMENT_H
#define LLMDECK_CONSOLE_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct document {
	bool html;
	struct buf *out;
	bool first_row;     /* of the table that is open: its heading */
	size_t columns, at; /* of that table */
};

void document_begin(struct document *d, struct buf *out, bool html, const char *title);
void document_end(struct document *d);
/* level 1-3 */
void document_heading(struct document *d, int level, const char *text);
void document_paragraph(struct document *d, const char *text);
/* A command to be typed, as a block of its own. */
void document_command(struct document *d, const char *command);
/* The first `columns` cells are the heading. */
void document_table_begin(struct document *d, size_t columns);
void document_cell(struct document *d, struct str text);
void document_cellf(struct document *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void document_table_end(struct document *d);

/* A line over time; NaN: no value there. `from` and `to` label the axis, `format` writes a value. */
struct document_chart {
	const char *name;
	const double *values;
	size_t count;
	const char *from, *to;
	char *(*format)(double v, char out[32]);
};
void document_chart(struct document *d, const struct document_chart *c);

/* Counts by band (the first is the lowest) and step, as shades on a logarithmic scale. */
struct document_heat {
	const char *const *bands;
	size_t band_count, steps;
	const int64_t *counts; /* [band * steps + step] */
	int64_t most;
	const char *from, *to;
};
void document_heat(struct document *d, const struct document_heat *h);

#endif
