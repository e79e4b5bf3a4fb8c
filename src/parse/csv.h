/* Rows of CSV (RFC 4180; delimiter , ; or tab) out of a window of bytes. Lines without a quote are cut
 * here; a record with quotes goes through libcsv. Fields of unquoted text are trimmed.
 * One thread at a time. */
#ifndef LLMDECK_PARSE_CSV_H
#define LLMDECK_PARSE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define CSV_RECORD_MAX_BYTES (1u << 20)
#define CSV_FIELDS_LIMIT 4096

struct csv_cell {
	struct str text; /* unquoted; valid until the next call */
	size_t offset;   /* bytes from the record's start to the field's first byte */
};
struct csv_row {
	const struct csv_cell *cells;
	size_t count;
	size_t bytes;            /* of the record with its line end */
	size_t first_line_bytes; /* of its first line with the line end: where to go on after a bad row */
	size_t lines;            /* lines it spans */
	const char *error;       /* BAD: why, a static text */
	size_t error_offset;     /* BAD: where, from the record's start */
};

enum csv_result {
	CSV_BAD = 0, /* row.error; bytes and lines stand for the first line alone */
	CSV_ROW,
	CSV_BLANK,   /* an empty line; bytes and lines are filled in */
	CSV_MORE,    /* the record goes on behind the window */
};

struct csv_reader;
struct csv_reader *csv_reader_new(char delimiter);
void csv_reader_free(struct csv_reader **r);
/* Takes one record from the start of `window`; `last` says that nothing follows the window (the last
 * newline may then be missing). An empty window gives MORE. */
enum csv_result csv_reader_next(struct csv_reader *r, struct str window, bool last, struct csv_row *out);

/* The delimiter of a header line: the commonest of comma, semicolon and tab outside quotes. */
char csv_detect_delimiter(struct str text);

#endif
