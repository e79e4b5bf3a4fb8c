/* Any bytes as JSON: the scanner ends, agrees with cJSON where cJSON is right, and what it lets through
 * unescapes to valid UTF-8. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/utf8.h"
#include "parse/json.h"
#include "parse/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every token once; true when the text is valid. */
static bool walk(struct str text)
{
	struct json_reader r;
	struct arena arena = {0};
	enum json_token t;

	json_init(&r, text);
	do {
		t = json_next(&r);
		if ((t == JSON_STRING || t == JSON_KEY) && !utf8_valid(json_text(&r, &arena)))
			abort();
		if (r.at < r.start || r.at > r.end || r.depth > JSON_DEPTH_MAX)
			abort();
	} while (t != JSON_END && t != JSON_ERROR);
	arena_fini(&arena);
	return t == JSON_END;
}

/* Whatever the window, the stream is cut without standing still. */
static void cut(struct str text, enum rows_format format)
{
	struct rows *r = rows_new(format, ',');
	struct rows_record rec;
	size_t from = 0, to = 0, steps = 0;

	for (;;) {
		enum rows_result got = rows_next(r, (struct str){text.ptr + from, to - from}, to == text.len, &rec);
		if (rec.consumed > to - from || ++steps > 4 * text.len + 16)
			abort();
		from += rec.consumed;
		if (got == ROWS_END || (got == ROWS_BAD && rec.fatal))
			break;
		if (got == ROWS_MORE && to == text.len)
			abort();
		if (got == ROWS_MORE)
			to = text.len - to < 7 ? text.len : to + 7;
	}
	rows_free(&r);
}

/* cJSON stops at NUL, wants surrogates in pairs, cuts numbers at 63 characters and passes a byte order
 * mark over only in front of longer texts. */
static bool cjson_can_read(struct str text)
{
	size_t run = 0;

	if (str_starts_with(text, STR_LIT("\xEF\xBB\xBF")) || memchr(text.ptr, 0, text.len))
		return false;
	if (memmem(text.ptr, text.len, "\\ud", 3) || memmem(text.ptr, text.len, "\\uD", 3) ||
	    memmem(text.ptr, text.len, "\\u0000", 6))
		return false;
	for (size_t i = 0; i < text.len && run < 60; i++)
		run = strchr("+-.eE0123456789", text.ptr[i]) ? run + 1 : 0;
	return run < 60;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	bool valid = walk(text);

	/* cJSON is laxer than the grammar: what we take, it must take, but for what it cannot read. */
	if (valid && cjson_can_read(text)) {
		cJSON *tree = cJSON_ParseWithLength(text.ptr, size);
		if (!tree)
			abort();
		cJSON_Delete(tree);
	}
	cut(text, ROWS_JSON);
	cut(text, ROWS_JSONL);
	rows_detect(text, size % 2);
	return 0;
}
