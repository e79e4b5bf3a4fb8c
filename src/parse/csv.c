/* A line without quotes is cut in one pass, eight bytes at a time. One with quotes goes through two:
 * find_record() knows only quotes, delimiters and line ends: it finds where a record stops and where its fields
 * begin (for messages). libcsv is then given the record (a quote inside an unquoted field is a character like any
 * other), and its callbacks copy the unescaped fields into one buffer. After a bad record reading goes on at its
 * second line, so that a stray quote costs one row and not a megabyte. */
#include "parse/csv.h"

#include <csv.h>
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct csv_reader {
	char delimiter;
	struct csv_parser parser;
	struct csv_cell *cells;
	size_t count, cap;
	struct buf text;      /* unescaped fields of a quoted record, one after the other */
	size_t filled;        /* fields libcsv has reported of this record */
};

struct csv_reader *csv_reader_new(char delimiter)
{
	struct csv_reader *r = mem_zalloc(sizeof *r);

	r->delimiter = delimiter;
	csv_init(&r->parser, CSV_STRICT_FINI);
	csv_set_delim(&r->parser, (unsigned char)delimiter);
	return r;
}

void csv_reader_free(struct csv_reader **r)
{
	if (!*r)
		return;
	csv_free(&(*r)->parser);
	buf_fini(&(*r)->text);
	free((*r)->cells);
	free(*r);
	*r = NULL;
}

static inline void add_cell(struct csv_reader *r, struct str text, size_t offset)
{
	r->cells = mem_grow(r->cells, &r->cap, r->count + 1, sizeof *r->cells);
	r->cells[r->count++] = (struct csv_cell){text, offset};
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct str trim_blanks(const char *from, const char *to)
{
	while (from < to && is_blank(*from))
		from++;
	while (from < to && is_blank(to[-1]))
		to--;
	return (struct str){from, (size_t)(to - from)};
}

#define EACH_BYTE 0x0101010101010101u

/* 0x80 in every byte that is zero, 0 in all others. */
static inline uint64_t zero_bytes(uint64_t x)
{
	const uint64_t low = 0x7f * EACH_BYTE;

	return ~(((x & low) + low) | x | low);
}

/* The first delimiter, line end or quote in [p, end), else `end`. */
static const char *slow_find_mark(const char *p, const char *end, char delimiter)
{
	while (p < end && *p != delimiter && *p != '\n' && *p != '"')
		p++;
	return p;
}

/* A field that ends at a delimiter; what is too many is only noticed. */
static inline const char *end_field(struct csv_reader *r, const char *line, const char *field, const char *stop)
{
	if (r->count <= CSV_FIELDS_LIMIT)
		add_cell(r, trim_blanks(field, stop), (size_t)(field - line));
	return stop + 1;
}

/* Cuts a line up to its end, `end`, or a quote; returns where that is. The field before it is not among the cells
 * yet, but begins at *field. */
static const char *cut_plain(struct csv_reader *r, const char *line, const char *end, const char **field)
{
	const uint64_t delimiters = (unsigned char)r->delimiter * EACH_BYTE;
	const char *p = line;

	*field = line;
	for (; end - p >= 8; p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		word = le64toh(word);
		uint64_t marks = zero_bytes(word ^ delimiters) | zero_bytes(word ^ '\n' * EACH_BYTE) |
		                 zero_bytes(word ^ '"' * EACH_BYTE);
		for (; marks; marks &= marks - 1) {
			const char *at = p + __builtin_ctzll(marks) / 8;

			if (*at != r->delimiter)
				return at;
			*field = end_field(r, line, *field, at);
		}
	}
	while ((p = slow_find_mark(p, end, r->delimiter)) < end && *p == r->delimiter)
		*field = end_field(r, line, *field, p++);
	return p;
}

static void on_field(void *bytes, size_t len, void *arg)
{
	struct csv_reader *r = arg;

	if (r->filled < r->count)
		r->cells[r->filled].text = (struct str){NULL, len};
	r->filled++;
	buf_append(&r->text, bytes, len);
}

static void on_row(int c, void *arg)
{
	(void)c;
	(void)arg;
}

/* Hands a whole record without its line end to libcsv. False when it disagrees with find_record(). */
static bool cut_quoted(struct csv_reader *r, struct str record)
{
	buf_reset(&r->text);
	r->filled = 0;
	bool ok = csv_parse(&r->parser, record.ptr, record.len, on_field, on_row, r) == record.len;
	ok = csv_fini(&r->parser, on_field, on_row, r) == 0 && ok;
	if (!ok || r->filled != r->count) {
		csv_free(&r->parser);
		csv_init(&r->parser, CSV_STRICT_FINI);
		csv_set_delim(&r->parser, (unsigned char)r->delimiter);
		return false;
	}
	const char *p = r->text.data;
	for (size_t i = 0; i < r->count; i++) {
		r->cells[i].text.ptr = p;
		if (p)
			p += r->cells[i].text.len;
	}
	return true;
}

/* Passes a quoted field whose opening quote is at p; returns what is behind the closing quote, NULL
 * when the window ends first. */
static const char *pass_quoted(const char *p, const char *end)
{
	for (p++; (p = memchr(p, '"', (size_t)(end - p))); p++) {
		if (p + 1 < end && p[1] == '"')
			p++;
		else
			return p + 1;
		if (p + 1 == end)
			return NULL;
	}
	return NULL;
}

static enum csv_result bad(struct csv_row *out, const char *why, size_t offset)
{
	out->error = why;
	out->error_offset = offset;
	out->bytes = out->first_line_bytes;
	out->lines = 1;
	return CSV_BAD;
}

/* Walks over a record with quotes, noting where its fields begin. On ROW *stop is its end without the
 * line end. */
static enum csv_result find_record(struct csv_reader *r, struct str window, bool last,
                                   const char **stop, struct csv_row *out)
{
	const char *p = window.ptr, *end = p + window.len;

	for (;;) {
		const char *field = p;
		while (p < end && (*p == ' ' || (*p == '\t' && r->delimiter != '\t')))
			p++;
		bool quoted = p < end && *p == '"';
		if (quoted) {
			const char *behind = pass_quoted(p, end);
			if (!behind && last)
				return bad(out, "a quoted field is never closed", (size_t)(p - window.ptr));
			if (!behind || (behind == end && !last))
				return CSV_MORE;
			p = behind;
			while (p < end && (*p == ' ' || (*p == '\t' && r->delimiter != '\t')))
				p++;
		}
		add_cell(r, (struct str){NULL, 0}, (size_t)(field - window.ptr));
		while (p < end && *p != r->delimiter && *p != '\n' && *p != '\r') {
			if (quoted)
				return bad(out, "text behind a closing quote", (size_t)(p - window.ptr));
			p++;
		}
		if (p == end && !last)
			return CSV_MORE;
		if (p == end || *p != r->delimiter) {
			*stop = p;
			return CSV_ROW;
		}
		p++;
	}
}

static size_t count_lines(const char *from, const char *to)
{
	size_t lines = 0;

	while (from < to && (from = memchr(from, '\n', (size_t)(to - from)))) {
		lines++;
		from++;
	}
	return lines;
}

static enum csv_result next_quoted(struct csv_reader *r, struct str window, bool last, struct csv_row *out)
{
	const char *stop = NULL, *end = window.ptr + window.len;
	enum csv_result result = find_record(r, window, last || window.len > CSV_RECORD_MAX_BYTES, &stop, out);

	if (result != CSV_ROW)
		return result;
	const char *behind = stop;
	if (behind < end && *behind == '\r')
		behind++;
	if (behind == end && behind > stop && !last)
		return CSV_MORE;
	if (behind < end && *behind == '\n')
		behind++;
	else if (behind != end)
		return bad(out, "a carriage return without a newline", (size_t)(stop - window.ptr));
	if (r->count > CSV_FIELDS_LIMIT)
		return bad(out, "more than 4096 fields", r->cells[CSV_FIELDS_LIMIT].offset);
	if (!cut_quoted(r, (struct str){window.ptr, (size_t)(stop - window.ptr)}))
		return bad(out, "quotes out of order", 0);
	out->bytes = (size_t)(behind - window.ptr);
	out->lines = count_lines(window.ptr, stop) + 1;
	out->cells = r->cells;
	out->count = r->count;
	return CSV_ROW;
}

enum csv_result csv_reader_next(struct csv_reader *r, struct str window, bool last, struct csv_row *out)
{
	const char *field, *behind = window.ptr + window.len;

	*out = (struct csv_row){.lines = 1};
	r->count = 0;
	if (!window.len)
		return CSV_MORE;
	const char *end = cut_plain(r, window.ptr, behind, &field);
	bool quoted = end < behind && *end == '"';
	const char *newline = quoted ? memchr(end, '\n', (size_t)(behind - end)) : end < behind ? end : NULL;
	if (!newline && !last && window.len <= CSV_RECORD_MAX_BYTES)
		return CSV_MORE;
	out->first_line_bytes = out->bytes = newline ? (size_t)(newline - window.ptr) + 1 : window.len;
	if (quoted) {
		r->count = 0;
		return next_quoted(r, window, last, out);
	}
	if (end - window.ptr > CSV_RECORD_MAX_BYTES)
		return bad(out, "the line is longer than 1 MiB", CSV_RECORD_MAX_BYTES);
	if (end > window.ptr && end[-1] == '\r')
		end--;
	if (end == window.ptr)
		return CSV_BLANK;
	end_field(r, window.ptr, field, end);
	if (r->count > CSV_FIELDS_LIMIT)
		return bad(out, "more than 4096 fields", r->cells[CSV_FIELDS_LIMIT].offset);
	out->cells = r->cells;
	out->count = r->count;
	return CSV_ROW;
}

char csv_detect_delimiter(struct str text)
{
	size_t commas = 0, semicolons = 0, tabs = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.len && (quoted || text.ptr[i] != '\n'); i++) {
		char c = text.ptr[i];
		if (c == '"')
			quoted = !quoted;
		else if (!quoted) {
			commas += c == ',';
			semicolons += c == ';';
			tabs += c == '\t';
		}
	}
	if (tabs > commas && tabs > semicolons)
		return '\t';
	return semicolons > commas ? ';' : ',';
}
