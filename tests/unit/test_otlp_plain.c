/* An attribute in OTLP JSON means the same however it is written: the short way for those that nearly every
 * exporter writes agrees with the long one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "parse/otlp_plain.h"

struct seen {
	int spans;
	size_t count;
	struct otlp_attr attr;
	char key[64], text[64];
};

static int on_span(void *arg, const struct otlp_origin *from, const struct otlp_span *span)
{
	struct seen *seen = arg;

	(void)from;
	seen->spans++;
	seen->count = span->attrs.count;
	if (!seen->count)
		return 0;
	seen->attr = span->attrs.list[0];
	assert_in_range(seen->attr.key.len, 0, sizeof seen->key - 1);
	if (seen->attr.key.len)
		memcpy(seen->key, seen->attr.key.ptr, seen->attr.key.len);
	if (seen->attr.value.kind == OTLP_STRING) {
		assert_in_range(seen->attr.value.text.len, 0, sizeof seen->text - 1);
		memcpy(seen->text, seen->attr.value.text.ptr, seen->attr.value.text.len);
	}
	return 0;
}

/* Reads a span with the one attribute; `space` stands in front of the attribute's key. */
static int decode(const char *attr, const char *space, struct seen *seen)
{
	char *body = mem_printf("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"attributes\":[{%s%s]}]}]}]}", space, attr);
	char *exact = mem_alloc(strlen(body)); /* so that a sanitizer sees a read behind it */
	const struct otlp_visitor visitor = {.span = on_span, .arg = seen};
	struct err err = {{0}};
	int result;

	memset(seen, 0, sizeof *seen);
	memcpy(exact, body, strlen(body));
	result = otlp_decode_json(OTLP_TRACES, (struct str){exact, strlen(body)}, &visitor, &err);
	free(exact);
	free(body);
	return result;
}

static void assert_same_values(const struct otlp_value *a, const struct otlp_value *b)
{
	assert_int_equal(a->kind, b->kind);
	if (a->kind == OTLP_INT || a->kind == OTLP_BOOL)
		assert_true(a->integer == b->integer);
	else if (a->kind == OTLP_DOUBLE)
		assert_true(a->number == b->number);
}

static void test_both_ways_agree(void **state)
{
	static const char *const attrs[] = { /* behind their brace */
		"\"key\":\"a.b\",\"value\":{\"stringValue\":\"text\"}}",
		"\"key\":\"\",\"value\":{\"stringValue\":\"\"}}",
		"\"key\":\"gen_ai.usage.cache_read.input_tokens\",\"value\":{\"stringValue\":\"a text of more than sixteen bytes\"}}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"a \\\"quoted\\\" word\"}}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"gr\303\274n\"}}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"gr\374n\"}}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"a\ttab\"}}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"x\"},\"more\":1}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"x\",\"intValue\":\"2\"}}",
		"\"key\":\"a\",\"value\":{\"intValue\":\"9223372036854775807\"}}",
		"\"key\":\"a\",\"value\":{\"intValue\":\"9223372036854775808\"}}",
		"\"key\":\"a\",\"value\":{\"intValue\":\"12.75\"}}",
		"\"key\":\"a\",\"value\":{\"intValue\":\"none\"}}",
		"\"key\":\"a\",\"value\":{\"intValue\":-12}}",
		"\"key\":\"a\",\"value\":{\"intValue\":12.75}}",
		"\"key\":\"a\",\"value\":{\"intValue\":1e3}}",
		"\"key\":\"a\",\"value\":{\"intValue\":012}}",
		"\"key\":\"a\",\"value\":{\"intValue\":-}}",
		"\"key\":\"a\",\"value\":{\"intValue\":}}",
		"\"key\":\"a\",\"value\":{\"intValue\":null}}",
		"\"key\":\"a\",\"value\":{\"doubleValue\":0.25}}",
		"\"key\":\"a\",\"value\":{\"doubleValue\":-0}}",
		"\"key\":\"a\",\"value\":{\"doubleValue\":.5}}",
		"\"key\":\"a\",\"value\":{\"doubleValue\":5.}}",
		"\"key\":\"a\",\"value\":{\"doubleValue\":2.5e-3}}",
		"\"key\":\"a\",\"value\":{\"doubleValue\":\"Infinity\"}}",
		"\"key\":\"a\",\"value\":{\"boolValue\":true}}",
		"\"key\":\"a\",\"value\":{\"boolValue\":false}}",
		"\"key\":\"a\",\"value\":{\"boolValue\":truer}}",
		"\"key\":\"a\",\"value\":{\"boolValue\":1}}",
		"\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"x\"}]}}}",
		"\"key\":\"a\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"b\",\"value\":{\"boolValue\":true}}]}}}",
		"\"key\":\"a\",\"value\":{}}",
		"\"key\":\"a\"}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"x\"}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"x\"}}}",
		"\"key\":\"a\",\"value\":{\"stringValue\":\"x\"}}{\"key\":\"b\"}",
	};
	struct seen brief, wide;

	(void)state;
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++) {
		assert_int_equal(decode(attrs[i], "", &brief), decode(attrs[i], " ", &wide));
		assert_int_equal(brief.spans, wide.spans);
		assert_int_equal(brief.count, wide.count);
		assert_string_equal(brief.key, wide.key);
		assert_string_equal(brief.text, wide.text);
		if (brief.count)
			assert_same_values(&brief.attr.value, &wide.attr.value);
	}
}

/* However early the text ends, nothing behind it is looked at. */
static void test_cut_anywhere(void **state)
{
	static const char *const attrs[] = {
		"{\"key\":\"gen_ai.response.model\",\"value\":{\"stringValue\":\"gpt-4o-2024-08-06\"}}",
		"{\"key\":\"a\",\"value\":{\"intValue\":\"1245\"}}", "{\"key\":\"a\",\"value\":{\"doubleValue\":0.546149}}",
		"{\"key\":\"a\",\"value\":{\"boolValue\":false}}",
	};
	struct otlp_attr attr;

	(void)state;
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++) {
		size_t whole = strlen(attrs[i]);

		for (size_t len = 0; len <= whole; len++) {
			char *exact = mem_alloc(len + 1), *end = exact + len;

			memcpy(exact, attrs[i], len);
			*end = '}';
			assert_true(otlp_plain_attr(exact, end, &attr) == (len == whole ? end : NULL));
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways_agree),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
