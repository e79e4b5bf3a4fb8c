/* Cutting streams into records: CSV, JSONL and JSON arrays, at every size of the window. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "parse/json.h"
#include "parse/rows.h"

/* Everything the stream gives as text: fields in <>, rows ended by a newline, rejects as !line:offset. */
static void cut(struct buf *out, enum rows_format format, char delimiter, struct str text, size_t step)
{
	struct rows *r = rows_new(format, delimiter);
	struct rows_record rec;
	size_t from = 0, to = 0;

	for (;;) {
		/* A copy of exactly the window, so that a sanitizer sees every byte read beyond it. */
		char *window = mem_alloc(to - from);
		memcpy(window, text.ptr + from, to - from);
		enum rows_result got = rows_next(r, (struct str){window, to - from}, to == text.len, &rec);
		if (got == ROWS_RECORD && rec.csv)
			for (size_t i = 0; i < rec.csv->count; i++)
				buf_printf(out, "<%.*s>", STR_ARG(rec.csv->cells[i].text));
		else if (got == ROWS_RECORD)
			buf_append_str(out, rec.bytes);
		if (got == ROWS_RECORD)
			buf_printf(out, " @%d\n", (int)rec.line);
		if (got == ROWS_BAD)
			buf_printf(out, "!%d:%d %s\n", (int)rec.line, (int)rec.error_offset, rec.error);
		free(window);
		from += rec.consumed;
		if (got == ROWS_END || (got == ROWS_BAD && rec.fatal))
			break;
		if (got == ROWS_MORE) {
			assert_true(to < text.len);
			to = to + step > text.len ? text.len : to + step;
		}
	}
	rows_free(&r);
}

/* The same at every step from a byte to the whole. */
static void assert_cut(enum rows_format format, char delimiter, const char *text, const char *expected)
{
	size_t len = strlen(text);

	for (size_t step = 1; step <= len + 1; step++) {
		struct buf got = {0};
		buf_puts(&got, "");
		cut(&got, format, delimiter, (struct str){text, len}, step);
		assert_string_equal(got.len ? got.data : "", expected);
		buf_fini(&got);
	}
}

static void test_csv_plain(void **state)
{
	(void)state;
	assert_cut(ROWS_CSV, ',', "a,b\r\n1, 2 \r\n\r\n3,\n,4", "<a><b> @1\n<1><2> @2\n<3><> @4\n<><4> @5\n");
	assert_cut(ROWS_CSV, ';', "a;b\n1,5;2\n", "<a><b> @1\n<1,5><2> @2\n");
	assert_cut(ROWS_CSV, '\t', "a\tb\n\t2\n", "<a><b> @1\n<><2> @2\n");
	assert_cut(ROWS_CSV, ',', "\xEF\xBB\xBF" "a,b\n1,2\n", "<a><b> @1\n<1><2> @2\n");
	assert_cut(ROWS_CSV, ',', "", "");
}

static void test_csv_quoted(void **state)
{
	(void)state;
	assert_cut(ROWS_CSV, ',', "a,\"b\"\n\"1,\"\"x\"\"\n2\",3\r\n\"\",\"\"\n",
	           "<a><b> @1\n<1,\"x\"\n2><3> @2\n<><> @4\n");
	assert_cut(ROWS_CSV, ',', "\"a\"", "<a> @1\n");
	assert_cut(ROWS_CSV, ',', " \"a\" ,b\n", "<a><b> @1\n");
}

static void test_csv_broken(void **state)
{
	(void)state;
	assert_cut(ROWS_CSV, ',', "a,\"b\nc,d\n", "!1:2 a quoted field is never closed\n<c><d> @2\n");
	assert_cut(ROWS_CSV, ',', "a,\"b\"c\nd,e\n", "!1:5 text behind a closing quote\n<d><e> @2\n");
	assert_cut(ROWS_CSV, ',', "a,b\"c\"d\n", "<a><b\"c\"d> @1\n");
}

static void test_jsonl(void **state)
{
	(void)state;
	assert_cut(ROWS_JSONL, 0, "{\"a\":1}\r\n\n  \n{\"b\":2}", "{\"a\":1} @1\n{\"b\":2} @4\n");
	assert_cut(ROWS_JSONL, 0, "\n", "");
}

static void test_jsonl_too_long(void **state)
{
	(void)state;
	struct buf text = {0}, got = {0};

	buf_puts(&text, "{}\n");
	for (int i = 0; i < 3000000; i++)
		buf_append_c(&text, 'x');
	buf_puts(&text, "\n{\"z\":1}\n");
	cut(&got, ROWS_JSONL, 0, buf_str(&text), 700000);
	assert_string_equal(got.data, "{} @1\n!2:1048576 the line is longer than 1 MiB\n{\"z\":1} @3\n");
	buf_fini(&text);
	buf_fini(&got);
}

static void test_json(void **state)
{
	(void)state;
	assert_cut(ROWS_JSON, 0, " [ {\"a\":\"]}\\\"\"} ,\n{\"b\":[1,{}]}\n]\n", "{\"a\":\"]}\\\"\"} @1\n{\"b\":[1,{}]} @2\n");
	assert_cut(ROWS_JSON, 0, "[]", "");
	assert_cut(ROWS_JSON, 0, "{\"object\":\"page\",\"data\":[{\"a\":1},\n{\"b\":2}],\"has_more\":false}",
	           "{\"a\":1} @1\n{\"b\":2} @2\n");
	assert_cut(ROWS_JSON, 0, "{\n\"a\":1,\"data\":5}", "{\n\"a\":1,\"data\":5} @1\n");
	assert_cut(ROWS_JSON, 0, "[{\"a\":1}]\n[{\"b\":2}]", "{\"a\":1} @1\n{\"b\":2} @2\n");
	assert_cut(ROWS_JSON, 0, "[1,\"x\",null]", "1 @1\n\"x\" @1\nnull @1\n");
	assert_cut(ROWS_JSON, 0, "\"a text\"\n{\"a\":1}\n7", "\"a text\" @1\n{\"a\":1} @2\n7 @3\n");
}

static void test_json_broken(void **state)
{
	(void)state;
	assert_cut(ROWS_JSON, 0, "[{\"a\":1} {\"b\":2}]", "{\"a\":1} @1\n!1:0 `,` or `]` is missing here\n");
	assert_cut(ROWS_JSON, 0, "[{\"a\":1},]", "{\"a\":1} @1\n!1:0 a value is missing behind `,`\n");
	assert_cut(ROWS_JSON, 0, "[{\"a\":1},{\"b", "{\"a\":1} @1\n!1:0 the text ends inside a value\n");
	assert_cut(ROWS_JSON, 0, "[{\"a\":1}", "{\"a\":1} @1\n!1:0 the text ends inside the array\n");
}

static void test_detect(void **state)
{
	(void)state;
	assert_int_equal(rows_detect(STR_LIT("a,b\n1,2\n"), true), ROWS_CSV);
	assert_int_equal(rows_detect(STR_LIT("{\"a\":1}\n{\"a\":2}\n"), true), ROWS_JSONL);
	assert_int_equal(rows_detect(STR_LIT("  [{\"a\":1}]"), true), ROWS_JSON);
	assert_int_equal(rows_detect(STR_LIT("{\n \"a\":1\n}"), true), ROWS_JSON);
	assert_int_equal(rows_detect(STR_LIT("{\"data\":[{\"a\":1}]}"), true), ROWS_JSON);
	assert_int_equal(rows_detect(STR_LIT(""), true), ROWS_CSV);
	assert_int_equal(csv_detect_delimiter(STR_LIT("a;b,c;d")), ';');
	assert_int_equal(csv_detect_delimiter(STR_LIT("a\tb\tc")), '\t');
	assert_int_equal(csv_detect_delimiter(STR_LIT("\"a;;;\",b")), ',');
}

/* The rows of a csv-spectrum file as its JSON twin would have them. */
static void csv_as_json(struct buf *out, struct str text)
{
	struct rows *r = rows_new(ROWS_CSV, ',');
	struct rows_record rec;
	struct str names[64] = {{0}};
	struct arena a = {0};
	size_t count = 0, from = 0;

	buf_append_c(out, '[');
	while (rows_next(r, (struct str){text.ptr + from, text.len - from}, true, &rec) == ROWS_RECORD) {
		from += rec.consumed;
		if (!count) {
			for (; count < rec.csv->count; count++) {
				struct str t = rec.csv->cells[count].text;
				names[count] = (struct str){arena_copy(&a, t.ptr, t.len), t.len};
			}
			continue;
		}
		assert_int_equal(rec.csv->count, count);
		buf_puts(out, out->len > 1 ? ",{" : "{");
		for (size_t i = 0; i < count; i++) {
			buf_puts(out, i ? "," : "");
			buf_append_json(out, names[i]);
			buf_append_c(out, ':');
			buf_append_json(out, rec.csv->cells[i].text);
		}
		buf_append_c(out, '}');
	}
	buf_append_c(out, ']');
	arena_fini(&a);
	rows_free(&r);
}

/* Compares two JSON texts token by token. */
static void assert_same_json(const char *name, struct str a, struct str b)
{
	struct json_reader ra, rb;
	struct arena arena = {0};
	enum json_token t;

	json_init(&ra, a);
	json_init(&rb, b);
	do {
		t = json_next(&ra);
		if (json_next(&rb) != t)
			fail_msg("%s: another shape: %.*s", name, STR_ARG(a));
		if ((t == JSON_KEY || t == JSON_STRING) && !str_equal(json_text(&ra, &arena), json_text(&rb, &arena)))
			fail_msg("%s: %.*s is not %.*s", name, STR_ARG(ra.text), STR_ARG(rb.text));
	} while (t != JSON_END && t != JSON_ERROR);
	assert_int_equal(t, JSON_END);
	arena_fini(&arena);
}

static void test_spectrum(void **state)
{
	(void)state;
	static const char *const names[] = {"comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json",
		"newlines", "newlines_crlf", "quotes_and_newlines", "simple", "simple_crlf", "utf8"};
	const char *shared = getenv("LLMDECK_SHARED");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct buf csv = {0}, json = {0}, got = {0};
		char *path = mem_printf("%s/data/parsers/csv-spectrum/%s.csv", shared ? shared : "../shared", names[i]);
		if (!file_exists(path)) {
			printf("skipped: %s is not there\n", path);
			free(path);
			skip();
		}
		assert_int_equal(file_read(path, 1 << 20, &csv, NULL), 0);
		memcpy(path + strlen(path) - 3, "jso", 3);
		char *twin = mem_printf("%sn", path);
		assert_int_equal(file_read(twin, 1 << 20, &json, NULL), 0);
		csv_as_json(&got, buf_str(&csv));
		assert_same_json(names[i], buf_str(&got), buf_str(&json));
		free(path);
		free(twin);
		buf_fini(&csv);
		buf_fini(&json);
		buf_fini(&got);
	}
}

/* Its twin holds another figure, so the fields are compared here: quotes inside unquoted fields. */
static void test_coordinates(void **state)
{
	(void)state;
	assert_cut(ROWS_CSV, ',', "Phone,Where,City\n2095257564,37'36'37.8\"N 121'2'17.9\"W,Modesto",
	           "<Phone><Where><City> @1\n<2095257564><37'36'37.8\"N 121'2'17.9\"W><Modesto> @2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv_plain),   cmocka_unit_test(test_csv_quoted),
		cmocka_unit_test(test_csv_broken),  cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_jsonl_too_long), cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_broken), cmocka_unit_test(test_detect),
		cmocka_unit_test(test_spectrum),    cmocka_unit_test(test_coordinates),
	};
	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
