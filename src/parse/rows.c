/* JSON text is cut by a small structural scan (brackets and strings); whether an element is valid JSON
 * is for its reader to say. An object at the top is looked through for a member "data" that is an array:
 * then that array's elements are the records; else the object is one record. Several values one after
 * the other are read as if they were one array. */
#include "parse/rows.h"

#include <stdlib.h>

#include "base/mem.h"
#include "parse/json.h"

enum json_place {
	PLACE_TOP,     /* before a top value */
	PLACE_FIRST,   /* behind '[' */
	PLACE_NEXT,    /* behind an element */
	PLACE_TAIL,    /* behind the "data" array of a top object */
};

struct rows {
	enum rows_format format;
	struct csv_reader *csv;
	struct csv_row row;
	uint64_t line;
	size_t column;      /* bytes read of the current line (JSON) */
	bool skipping;      /* in the rest of a line that is too long */
	bool started;
	enum json_place place;
	bool wrapped;       /* the array is the member of an object */
};

static const char *const format_names[] = {"auto", "csv", "jsonl", "json"};

const char *rows_format_name(enum rows_format f)
{
	return format_names[f];
}

struct rows *rows_new(enum rows_format format, char delimiter)
{
	struct rows *r = mem_zalloc(sizeof *r);

	r->format = format;
	r->line = 1;
	if (format == ROWS_CSV)
		r->csv = csv_reader_new(delimiter);
	return r;
}

void rows_free(struct rows **r)
{
	if (!*r)
		return;
	csv_reader_free(&(*r)->csv);
	free(*r);
	*r = NULL;
}

void rows_set_line(struct rows *r, uint64_t line)
{
	r->line = line;
	r->started = true;
}

uint64_t rows_line(const struct rows *r)
{
	return r->line;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The byte behind the value at p, NULL when the window ends inside it. A scalar ends at the first
 * byte that cannot belong to it; `last` lets it end with the window. */
static const char *value_end(const char *p, const char *end, bool last)
{
	int64_t depth = 0;

	for (; p < end; p++) {
		switch (*p) {
		case '"':
			for (p++; p < end && *p != '"'; p++)
				if (*p == '\\')
					p++;
			if (p >= end)
				return NULL;
			if (!depth)
				return p + 1;
			break;
		case '{': case '[':
			depth++;
			break;
		case '}': case ']':
			if (depth <= 0)
				return p;
			if (--depth == 0)
				return p + 1;
			break;
		case ',': case ' ': case '\n': case '\r': case '\t':
			if (!depth)
				return p;
			break;
		default:
			break;
		}
	}
	return last && depth == 0 ? end : NULL;
}

enum rows_format rows_detect(struct str head, bool whole)
{
	const char *p = head.ptr, *end = p + head.len;

	if (head.len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3;
	while (p < end && is_space(*p))
		p++;
	if (p == end || (*p != '{' && *p != '['))
		return ROWS_CSV;
	if (*p == '[')
		return ROWS_JSON;
	const char *stop = value_end(p, end, whole);
	if (!stop)
		return memchr(p, '\n', (size_t)(end - p)) && !whole ? ROWS_JSON : ROWS_JSONL;
	if (memchr(p, '\n', (size_t)(stop - p)))
		return ROWS_JSON;
	struct json_reader r;
	json_init(&r, (struct str){p, (size_t)(stop - p)});
	for (enum json_token t = json_next(&r); t != JSON_END && t != JSON_ERROR;) {
		if (t == JSON_KEY && r.depth == 1 && str_equal(r.text, STR_LIT("data"))) {
			if (json_next(&r) == JSON_ARRAY)
				return ROWS_JSON;
			break;
		}
		if (t == JSON_KEY && !json_skip(&r, t))
			break;
		t = json_next(&r);
	}
	return ROWS_JSONL;
}

/* Counts lines and columns in what is consumed. */
static void advance(struct rows *r, const char *from, const char *to)
{
	const char *newline;

	while (from < to && (newline = memchr(from, '\n', (size_t)(to - from)))) {
		r->line++;
		r->column = 0;
		from = newline + 1;
	}
	r->column += (size_t)(to - from);
}

static enum rows_result bad(struct rows_record *out, const char *why, size_t offset, bool fatal)
{
	out->error = why;
	out->error_offset = offset;
	out->fatal = fatal;
	return ROWS_BAD;
}

static enum rows_result next_line(struct rows *r, struct str window, bool last, struct rows_record *out)
{
	while (out->consumed < window.len) {
		const char *p = window.ptr + out->consumed;
		size_t left = window.len - out->consumed;
		const char *newline = memchr(p, '\n', left);
		size_t len = newline ? (size_t)(newline - p) : left;
		if (!newline && !last && !r->skipping && len <= ROWS_LINE_MAX_BYTES)
			return ROWS_MORE;
		bool skipped = r->skipping;
		out->consumed += len + (newline != NULL);
		out->line = r->line;
		r->line += newline != NULL;
		r->skipping = false;
		if (skipped) {
			r->skipping = !newline;
			continue;
		}
		out->bytes = (struct str){p, len};
		if (len > ROWS_LINE_MAX_BYTES) {
			r->skipping = !newline;
			return bad(out, "the line is longer than 1 MiB", ROWS_LINE_MAX_BYTES, false);
		}
		while (len && is_space(p[len - 1]))
			len--;
		out->bytes.len = len;
		if (len && !(len == 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0))
			return ROWS_RECORD;
	}
	return last ? ROWS_END : ROWS_MORE;
}

static enum rows_result next_csv(struct rows *r, struct str window, bool last, struct rows_record *out)
{
	for (;;) {
		struct str rest = {window.ptr + out->consumed, window.len - out->consumed};
		if (!rest.len && last)
			return ROWS_END;
		enum csv_result got = csv_reader_next(r->csv, rest, last, &r->row);
		if (got == CSV_MORE)
			return ROWS_MORE;
		out->line = r->line;
		out->consumed += r->row.bytes;
		r->line += r->row.lines;
		if (got == CSV_BLANK)
			continue;
		out->bytes = (struct str){rest.ptr, r->row.bytes};
		while (out->bytes.len && (rest.ptr[out->bytes.len - 1] == '\n' || rest.ptr[out->bytes.len - 1] == '\r'))
			out->bytes.len--;
		if (got == CSV_BAD)
			return bad(out, r->row.error, r->row.error_offset, false);
		out->csv = &r->row;
		return ROWS_RECORD;
	}
}

void rows_keep_first_line(struct rows *r, struct rows_record *out)
{
	if (!out->csv || out->csv->lines < 2)
		return;
	out->consumed -= r->row.bytes - r->row.first_line_bytes;
	r->line = out->line + 1;
	out->bytes.len = r->row.first_line_bytes;
	while (out->bytes.len && (out->bytes.ptr[out->bytes.len - 1] == '\n' || out->bytes.ptr[out->bytes.len - 1] == '\r'))
		out->bytes.len--;
}

/* Takes the value at `p` as a record. */
static enum rows_result take_value(struct rows *r, struct str window, const char *p, bool last,
                                   struct rows_record *out)
{
	const char *end = window.ptr + window.len, *stop = value_end(p, end, last);

	if (!stop && !last && (size_t)(end - p) <= ROWS_ELEMENT_MAX_BYTES)
		return ROWS_MORE;
	out->line = r->line;
	out->column = r->column + 1;
	out->bytes = (struct str){p, (size_t)((stop ? stop : end) - p)};
	out->consumed = (size_t)(out->bytes.ptr + out->bytes.len - window.ptr);
	advance(r, p, out->bytes.ptr + out->bytes.len);
	if (!stop)
		return bad(out, last ? "the text ends inside a value" : "one value is larger than 16 MiB", 0, true);
	if (stop == p)
		return bad(out, "a value is missing here", 0, true);
	r->place = PLACE_NEXT;
	return ROWS_RECORD;
}

/* An object at the top: a record of its own or the wrapping of a "data" array. */
static enum rows_result take_top_object(struct rows *r, struct str window, const char *p, bool last,
                                        struct rows_record *out)
{
	struct json_reader reader;
	const char *end = window.ptr + window.len;

	json_init(&reader, (struct str){p, (size_t)(end - p)});
	enum json_token t = json_next(&reader);
	while (t != JSON_ERROR && !(t == JSON_OBJECT_END && reader.depth == 0)) {
		if (t == JSON_KEY && reader.depth == 1) {
			bool data = str_equal(reader.text, STR_LIT("data"));
			t = json_next(&reader);
			if (data && t == JSON_ARRAY) {
				r->place = PLACE_FIRST;
				r->wrapped = true;
				out->consumed = (size_t)(reader.at - window.ptr);
				advance(r, p, reader.at);
				return ROWS_RECORD;
			}
			if (!json_skip(&reader, t))
				break;
		}
		t = json_next(&reader);
	}
	if (reader.error && !last && (size_t)(end - p) <= ROWS_ELEMENT_MAX_BYTES)
		return ROWS_MORE;
	enum rows_result result = take_value(r, window, p, last, out);
	r->place = PLACE_TOP;
	return result;
}

/* What follows the "data" array up to the object's closing brace. */
static enum rows_result take_tail(struct rows *r, struct str window, const char *p, bool last,
                                  struct rows_record *out)
{
	struct json_reader reader;
	const char *end = window.ptr + window.len;

	json_init_behind_member(&reader, (struct str){p, (size_t)(end - p)});
	enum json_token t;
	do
		t = json_next(&reader);
	while (t != JSON_ERROR && reader.depth);
	if (t == JSON_ERROR && !last && (size_t)(end - p) <= ROWS_ELEMENT_MAX_BYTES)
		return ROWS_MORE;
	out->line = r->line;
	out->column = r->column + 1;
	if (t == JSON_ERROR) {
		out->bytes = (struct str){p, (size_t)(end - p)};
		out->consumed = window.len;
		return bad(out, reader.error, json_offset(&reader), true);
	}
	out->consumed = (size_t)(reader.at - window.ptr);
	advance(r, p, reader.at);
	r->place = PLACE_TOP;
	r->wrapped = false;
	return ROWS_RECORD;
}

/* The bracket or comma that must stand at `p` between elements. True when it was taken. */
static bool take_between(struct rows *r, const char *p, bool *closed)
{
	*closed = *p == ']';
	if (*closed)
		r->place = r->wrapped ? PLACE_TAIL : PLACE_TOP;
	else if (r->place == PLACE_NEXT && *p != ',')
		return false;
	return true;
}

/* The comma at `p` and the element that must follow it, taken together. */
static enum rows_result take_behind_comma(struct rows *r, struct str window, const char *p, bool last,
                                          struct rows_record *out)
{
	const char *end = window.ptr + window.len, *element = p + 1;

	while (element < end && is_space(*element))
		element++;
	if (element == end && !last)
		return ROWS_MORE;
	if (element == end || *element == ',' || *element == ']') {
		out->bytes = (struct str){p, 1};
		return bad(out, "a value is missing behind `,`", 0, true);
	}
	if (!last && !value_end(element, end, false) && (size_t)(end - element) <= ROWS_ELEMENT_MAX_BYTES)
		return ROWS_MORE;
	advance(r, p, element);
	return take_value(r, window, element, last, out);
}

static enum rows_result next_json(struct rows *r, struct str window, bool last, struct rows_record *out)
{
	const char *end = window.ptr + window.len;

	for (;;) {
		const char *p = window.ptr + out->consumed, *from = p;
		while (p < end && is_space(*p))
			p++;
		advance(r, from, p);
		out->consumed = (size_t)(p - window.ptr);
		if (p == end && !last)
			return ROWS_MORE;
		out->line = r->line;
		out->column = r->column + 1;
		if (p == end)
			return r->place == PLACE_TOP ? ROWS_END
			                             : bad(out, "the text ends inside the array", 0, true);
		enum rows_result result = ROWS_RECORD;
		bool closed;
		switch (r->place) {
		case PLACE_TOP:
			if (*p == '[') {
				r->place = PLACE_FIRST;
				break;
			}
			result = *p == '{' ? take_top_object(r, window, p, last, out)
			                   : take_value(r, window, p, last, out);
			if (*p != '{')
				r->place = PLACE_TOP;
			if (result != ROWS_RECORD || out->bytes.ptr)
				return result;
			r->started = true;
			continue;
		case PLACE_TAIL:
			result = take_tail(r, window, p, last, out);
			if (result != ROWS_RECORD)
				return result;
			continue;
		case PLACE_FIRST:
			if (*p != ']')
				return take_value(r, window, p, last, out);
			/* fall through */
		default:
			if (!take_between(r, p, &closed)) {
				out->bytes = (struct str){p, 1};
				return bad(out, "`,` or `]` is missing here", 0, true);
			}
			if (closed)
				break;
			return take_behind_comma(r, window, p, last, out);
		}
		advance(r, p, p + 1);
		out->consumed++;
	}
}

enum rows_result rows_next(struct rows *r, struct str window, bool last, struct rows_record *out)
{
	*out = (struct rows_record){.line = r->line, .column = 1};
	if (!r->started && window.len >= 3) {
		r->started = true;
		if (memcmp(window.ptr, "\xEF\xBB\xBF", 3) == 0)
			out->consumed = 3;
	} else if (!r->started && !last)
		return ROWS_MORE;
	switch (r->format) {
	case ROWS_CSV:
		return next_csv(r, window, last, out);
	case ROWS_JSON:
		return next_json(r, window, last, out);
	default:
		return next_line(r, window, last, out);
	}
}
