/* Values found and changed by pointer, everything else byte for byte as it was. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parse/json_edit.h"

static const char doc[] = "{ \"a\" : { \"b~/\":1.50, \"\\u0063\": [10, {\"id\":\"/x/east\",\"w\":90}, {\"id\":\"/x/west\",\"w\":10}] },\n"
                          " \"t\": true, \"s\":\"l\\n\" , \"n\":null}";

static void check_text(const char *pointer, const char *expected)
{
	struct json_value v = json_at(str_of(doc), pointer);

	if (!expected)
		assert_int_equal(v.kind, JSON_ERROR);
	else
		assert_true(str_equal_c(v.text, expected));
}

static void finds(void **state)
{
	char text[8];
	double number;
	bool yes;
	struct str key;

	(void)state;
	check_text("/a/b~0~1", "1.50");
	check_text("/a/c/0", "10");
	check_text("/a/c/1/w", "90");
	check_text("/a/c/id=~1x~1west/w", "10");
	check_text("/a/c/id=*~1east/w", "90");
	check_text("/a/c/id=*north/w", NULL);
	check_text("/a/c/9", NULL);
	check_text("/a/c/-1", NULL);
	check_text("/t/x", NULL);
	check_text("a", NULL);
	check_text("/n", "null");
	assert_true(json_text_at(str_of(doc), "/s", text, sizeof(text)));
	assert_string_equal(text, "l\n");
	assert_true(json_number_at(str_of(doc), "/a/b~0~1", &number) && number == 1.5);
	assert_true(json_bool_at(str_of(doc), "/t", &yes) && yes);
	assert_int_equal(json_count(json_at(str_of(doc), "")), 4);
	assert_int_equal(json_child(json_at(str_of(doc), ""), 2, &key).kind, JSON_STRING);
	assert_true(str_equal_c(key, "s"));
	assert_int_equal(json_at(STR_LIT("{\"a\":1} x"), "/a").kind, JSON_ERROR);
}

static void check_put(const char *document, const char *pointer, const char *value, const char *expected)
{
	struct buf out = {0};
	struct err err;
	int result = json_put(str_of(document), pointer, str_of(value), &out, &err);

	assert_int_equal(result, expected ? 0 : -1);
	if (expected)
		assert_string_equal(out.data, expected);
	buf_fini(&out);
}

static void check_drop(const char *document, const char *pointer, const char *expected)
{
	struct buf out = {0};

	json_drop(str_of(document), pointer, &out);
	assert_string_equal(out.data, expected);
	buf_fini(&out);
}

static void changes(void **state)
{
	(void)state;
	check_put("{\"a\": {\"b\":1e400 , \"c\":2}}", "/a/c", "[3]", "{\"a\": {\"b\":1e400 , \"c\":[3]}}");
	check_put("{\"a\":{}}", "/a/x\"y", "1", "{\"a\":{\"x\\\"y\":1}}");
	check_put("{\"a\":{\"b\":1}}", "/a/c", "2", "{\"a\":{\"b\":1,\"c\":2}}");
	check_put("[1,2]", "/1", "3", "[1,3]");
	check_put("[1,2]", "/2", "3", NULL);
	check_put("{\"a\":1}", "/b/c", "3", NULL);
	check_put("{\"a\":1", "/a", "3", NULL);
	check_drop("{\"a\":1, \"b\":2}", "/a", "{ \"b\":2}");
	check_drop("{\"a\":1, \"b\" : 2 }", "/b", "{\"a\":1 }");
	check_drop("{\"a\":1}", "/a", "{}");
	check_drop("{\"a\":1}", "/x", "{\"a\":1}");
	check_drop("{\"a\":{\"b\":[1]},\"c\":2}", "/a/b", "{\"a\":{},\"c\":2}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(finds), cmocka_unit_test(changes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
