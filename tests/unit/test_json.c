/* The JSON scanner: what it accepts, what it refuses, and that values come out exactly. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "parse/json.h"

static bool valid(const char *text)
{
	struct err err;

	return json_check(str_of(text), &err);
}

static void test_grammar(void **state)
{
	(void)state;
	static const char *const good[] = {
		"null", "true", " false ", "0", "-0", "-1.5e+10", "\"\"", "[]", "{}", "[1,2,[3]]",
		"{\"a\":{\"b\":[{}]},\"a\":1}", "\"\\u0041\\ud83d\\ude00\\n\\/\"", "\xEF\xBB\xBF[1]",
		"\"gr\xC3\xBC\xC3\x9F\xE2\x82\xAC\xF0\x9F\x98\x80\"", "\t[\r\n1 , 2 ]\n",
	};
	static const char *const bad[] = {
		"", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "+1", "\"", "\"\\x\"", "\"\\u12G4\"",
		"[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "[}", "{]",
		"[1]]", "1 2", "\"a\nb\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xFF\"", "'a'", "NaN",
		"\"\xF0\x9F\x98\"", "[\"a\":1]",
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!valid(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (valid(bad[i]))
			fail_msg("accepted: %s", bad[i]);
}

static void test_position(void **state)
{
	(void)state;
	struct err err;

	assert_false(json_check(STR_LIT("{\"a\": 1,\n \"b\": tru}"), &err));
	assert_non_null(strstr(err.text, "2:7: "));
}

static void test_depth(void **state)
{
	(void)state;
	struct buf b = {0};

	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_append_c(&b, '[');
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_append_c(&b, ']');
	assert_true(json_check(buf_str(&b), NULL));
	buf_reset(&b);
	for (int i = 0; i < 1000000; i++)
		buf_append_c(&b, '[');
	assert_false(json_check(buf_str(&b), NULL));
	buf_fini(&b);
}

static void test_values(void **state)
{
	(void)state;
	struct json_reader r;
	struct arena a = {0};
	int64_t n;

	json_init(&r, STR_LIT("{\"n\":9223372036854775807,\"t\":\"a\\u0000\\ud83d\\ude00\\ud83d\",\"d\":0.1000}"));
	assert_int_equal(json_next(&r), JSON_OBJECT);
	assert_int_equal(json_next(&r), JSON_KEY);
	assert_int_equal(json_next(&r), JSON_NUMBER);
	assert_true(json_int64(&r, &n));
	assert_true(n == INT64_MAX);
	assert_int_equal(json_next(&r), JSON_KEY);
	assert_int_equal(json_next(&r), JSON_STRING);
	struct str t = json_text(&r, &a);
	assert_true(str_equal(t, STR_LIT("a\0\xF0\x9F\x98\x80\xEF\xBF\xBD")));
	assert_int_equal(json_next(&r), JSON_KEY);
	assert_int_equal(json_next(&r), JSON_NUMBER);
	assert_false(json_int64(&r, &n));
	assert_true(str_equal_c(r.text, "0.1000"));
	assert_int_equal(json_next(&r), JSON_OBJECT_END);
	assert_int_equal(json_next(&r), JSON_END);
	arena_fini(&a);
}

static void test_skip(void **state)
{
	(void)state;
	struct json_reader r;

	json_init(&r, STR_LIT("{\"a\":{\"x\":[1,{\"y\":2}]},\"b\":7}"));
	json_next(&r);
	assert_true(json_skip(&r, json_next(&r)));
	assert_int_equal(json_next(&r), JSON_KEY);
	assert_true(str_equal_c(r.text, "b"));
	assert_int_equal(json_next(&r), JSON_NUMBER);
}

/* A string of every length around the eight-byte steps, with something special at every place. */
static void test_every_place(void **state)
{
	(void)state;
	char text[64];

	for (size_t len = 0; len < 24; len++)
		for (size_t at = 0; at < len; at++) {
			memset(text, 'x', sizeof text);
			text[0] = text[len + 1] = '"';
			struct str s = {text, len + 2};
			assert_true(json_check(s, NULL));
			text[1 + at] = '\x1F';
			assert_false(json_check(s, NULL));
			text[1 + at] = '"';
			assert_false(json_check(s, NULL));
			text[1 + at] = '\x80';
			assert_false(json_check(s, NULL));
			text[1 + at] = '\x7F';
			assert_true(json_check(s, NULL));
		}
}

static void test_checker_files(void **state)
{
	(void)state;
	const char *shared = getenv("LLMDECK_SHARED");
	char *dir = mem_printf("%s/data/parsers/json_checker", shared ? shared : "../shared");
	DIR *d = opendir(dir);
	int seen = 0;

	if (!d) {
		printf("skipped: %s is not there\n", dir);
		free(dir);
		skip();
	}
	for (struct dirent *e; (e = readdir(d));) {
		if (!strstr(e->d_name, ".json") || strstr(e->d_name, "EXCLUDE"))
			continue;
		char *path = mem_printf("%s/%s", dir, e->d_name);
		struct buf b = {0};
		struct err err = {""};
		assert_int_equal(file_read(path, 1 << 20, &b, &err), 0);
		bool good = strncmp(e->d_name, "pass", 4) == 0 || strncmp(e->d_name, "utf8", 4) == 0;
		if (json_check(buf_str(&b), &err) != good)
			fail_msg("%s: %s", e->d_name, good ? err.text : "accepted");
		if (strncmp(e->d_name, "utf16", 5) == 0 || strncmp(e->d_name, "utf32", 5) == 0) {
			assert_non_null(strstr(err.text, "UTF-16 or UTF-32"));
			const char *words = json_foreign_encoding(buf_str(&b));
			assert_non_null(words);
			assert_int_equal(strncmp(words, e->d_name[3] == '1' ? "UTF-16" : "UTF-32", 6), 0);
			assert_non_null(strstr(words, strstr(e->d_name, "le") ? "little" : "big"));
		}
		buf_fini(&b);
		free(path);
		seen++;
	}
	closedir(d);
	free(dir);
	assert_true(seen > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),      cmocka_unit_test(test_position),
		cmocka_unit_test(test_depth),        cmocka_unit_test(test_values),
		cmocka_unit_test(test_skip),         cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_checker_files),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
