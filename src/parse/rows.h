/* Cuts a stream of bytes into records: lines of JSON, rows of CSV, elements of a JSON array. Works on
 * whatever window of the stream the caller has; asks for more when a record is not whole. One thread
 * at a time. */
#ifndef LLMDECK_PARSE_ROWS_H
#define LLMDECK_PARSE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "parse/csv.h"

enum rows_format { ROWS_AUTO, ROWS_CSV, ROWS_JSONL, ROWS_JSON };
const char *rows_format_name(enum rows_format f); /* "auto", "csv", … */
/* Tells the format by the first bytes; `whole` says that they are all there is. Never AUTO. */
enum rows_format rows_detect(struct str head, bool whole);

#define ROWS_LINE_MAX_BYTES (1u << 20)    /* a line of JSONL, a record of CSV */
#define ROWS_ELEMENT_MAX_BYTES (16u << 20) /* an element of a JSON array */

enum rows_result {
	ROWS_BAD = 0, /* a record that cannot be read: error and error_offset say why and where */
	ROWS_RECORD,
	ROWS_MORE,    /* nothing whole in the window */
	ROWS_END,     /* `last` was set and all is read */
};
struct rows_record {
	struct str bytes;          /* the record as it stands in the stream, without its line end */
	const struct csv_row *csv; /* CSV: its fields */
	size_t consumed;           /* go on so many bytes into the window; valid for every result */
	uint64_t line;             /* of its first byte; the first line is 1 */
	size_t column;             /* of its first byte in that line, from 1 */
	const char *error;
	size_t error_offset;       /* into bytes */
	bool fatal;                /* BAD: nothing behind it can be read */
};

struct rows;
/* `delimiter` is for CSV only. */
struct rows *rows_new(enum rows_format format, char delimiter);
void rows_free(struct rows **r);
/* Says that the stream is entered at this line (CSV, JSONL: at the start of a record). */
void rows_set_line(struct rows *r, uint64_t line);
uint64_t rows_line(const struct rows *r); /* of the next unread byte */
/* The next record of `window`. `last`: nothing follows it. */
enum rows_result rows_next(struct rows *r, struct str window, bool last, struct rows_record *out);
/* CSV: a record that spans several lines turned out to be nonsense (a stray quote): takes back all but
 * its first line and corrects out->consumed and out->bytes. */
void rows_keep_first_line(struct rows *r, struct rows_record *out);

#endif
