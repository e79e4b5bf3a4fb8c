/* Any bytes as CSV: the same rows whatever the windows, and the fields libcsv finds where a record
 * stands alone. */
#include <csv.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "parse/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record's fields, each with its length before it. */
static void add_field(void *bytes, size_t len, void *arg)
{
	buf_printf(arg, "%zu:", len);
	buf_append(arg, bytes, len);
}

static void end_row(int c, void *arg)
{
	(void)c;
	(void)arg;
}

/* Where libcsv takes the same bytes for one record (a carriage return ends one for it, blanks alone are none),
 * it must find the same fields. */
static void compare_with_libcsv(const struct rows_record *rec, char delimiter)
{
	struct buf ours = {0}, theirs = {0};
	struct csv_parser parser;
	size_t i = 0;

	while (i < rec->bytes.len && (rec->bytes.ptr[i] == ' ' || rec->bytes.ptr[i] == '\t'))
		i++;
	const struct str ending = rec->csv->cells[rec->csv->count - 1].text;
	if (i == rec->bytes.len || memchr(rec->bytes.ptr, '\r', rec->bytes.len) ||
	    (ending.len && memchr(ending.ptr, '\r', ending.len)))
		return;
	for (i = 0; i < rec->csv->count; i++)
		add_field((void *)(uintptr_t)rec->csv->cells[i].text.ptr, rec->csv->cells[i].text.len, &ours);
	csv_init(&parser, 0);
	csv_set_delim(&parser, (unsigned char)delimiter);
	csv_parse(&parser, rec->bytes.ptr, rec->bytes.len, add_field, end_row, &theirs);
	csv_fini(&parser, add_field, end_row, &theirs);
	csv_free(&parser);
	if (!str_equal(buf_str(&ours), buf_str(&theirs)))
		abort();
	buf_fini(&ours);
	buf_fini(&theirs);
}

static void cut(struct str text, char delimiter, size_t step, struct buf *out)
{
	struct rows *r = rows_new(ROWS_CSV, delimiter);
	struct rows_record rec;
	size_t from = 0, to = 0, steps = 0;

	for (;;) {
		enum rows_result got = rows_next(r, (struct str){text.ptr + from, to - from}, to == text.len, &rec);
		if (rec.consumed > to - from || ++steps > 4 * text.len + 16)
			abort();
		buf_printf(out, "%d", got == ROWS_MORE ? 0 : (int)got);
		if (got == ROWS_MORE)
			out->len--;
		else
			buf_printf(out, "@%d", (int)rec.line);
		if (got == ROWS_RECORD)
			compare_with_libcsv(&rec, delimiter);
		for (size_t i = 0; got == ROWS_RECORD && i < rec.csv->count; i++) {
			buf_append_str(out, rec.csv->cells[i].text);
			buf_append_c(out, '\1');
			if (rec.csv->cells[i].offset > rec.bytes.len)
				abort();
		}
		from += rec.consumed;
		if (got == ROWS_END)
			break;
		if (got == ROWS_MORE)
			to = text.len - to < step ? text.len : to + step;
	}
	rows_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = ",;\t";
	struct buf whole = {0}, pieces = {0};

	if (size < 2 || size > 65536)
		return 0;
	struct str text = {(const char *)data + 2, size - 2};
	char delimiter = delimiters[data[0] % 3];
	cut(text, delimiter, text.len + 1, &whole);
	cut(text, delimiter, 1 + data[1] % 64, &pieces);
	if (!str_equal(buf_str(&whole), buf_str(&pieces)))
		abort();
	csv_detect_delimiter(text);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
