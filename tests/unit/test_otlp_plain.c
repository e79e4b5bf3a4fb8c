/* An attribute means the same however it is written: the short ways for those that nearly every exporter writes
 * agree with the long ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
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

/* One field of a message that is shorter than 128 bytes: tag, length, content. */
static void put_field(struct buf *out, char tag, struct buf *content)
{
	buf_append(out, &tag, 1);
	buf_append(out, &(char){(char)content->len}, 1);
	buf_append(out, content->data, content->len);
	buf_fini(content);
}

/* Reads a span with one attribute whose AnyValue is `value`; `long_way` puts a field behind it that we do not know. */
static int decode_protobuf(struct str value, bool long_way, struct seen *seen)
{
	struct buf attr = {0}, any = {0}, list = {0}, span = {0}, scope = {0}, body = {0};
	const struct otlp_visitor visitor = {.span = on_span, .arg = seen};
	struct err err = {{0}};
	int result;

	memset(seen, 0, sizeof *seen);
	buf_append(&any, value.ptr, value.len);
	buf_append(&attr, "\x0a\x01k", 3);
	put_field(&attr, 0x12, &any);
	if (long_way)
		buf_append(&attr, "\x78\x01", 2);
	put_field(&list, 0x4a, &attr);
	put_field(&span, 0x12, &list);
	put_field(&scope, 0x12, &span);
	put_field(&body, 0x0a, &scope);
	result = otlp_decode_protobuf(OTLP_TRACES, buf_str(&body), &visitor, &err);
	buf_fini(&body);
	return result;
}

static void test_both_ways_agree_in_protobuf(void **state)
{
	static const struct str values[] = {
		STR_INIT(""), STR_INIT("\x0a"), STR_INIT("\x0a\x00"), STR_INIT("\x0a\x04text"), STR_INIT("\x0a\x05text"),
		STR_INIT("\x0a\x03text"), STR_INIT("\x0a\x04text\x18\x05"), STR_INIT("\x0a\x84\x00text"), STR_INIT("\x10\x01"), STR_INIT("\x10\x00"),
		STR_INIT("\x18\x05"), STR_INIT("\x18\xdd\x09"), STR_INIT("\x18\xdd"), STR_INIT("\x18"), STR_INIT("\x18\x05\x18\x06"),
		STR_INIT("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), STR_INIT("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
		STR_INIT("\x21\x00\x00\x00\x00\x00\x00\xe0\x3f"), STR_INIT("\x21\x00\x00\x00\x00\x00\x00\xe0"),
		STR_INIT("\x21\x00\x00\x00\x00\x00\x00\xe0\x3f\x00"), STR_INIT("\x2a\x04\x0a\x02\x0a\x00"), STR_INIT("\x3a\x02xy"),
		STR_INIT("\x1d\x00\x00\x00\x00"), STR_INIT("\x0b"),
	};
	struct seen brief, wide;

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		assert_int_equal(decode_protobuf(values[i], false, &brief), decode_protobuf(values[i], true, &wide));
		assert_int_equal(brief.spans, wide.spans);
		assert_int_equal(brief.count, wide.count);
		assert_string_equal(brief.key, wide.key);
		assert_string_equal(brief.text, wide.text);
		if (brief.count)
			assert_same_values(&brief.attr.value, &wide.attr.value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways_agree),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_both_ways_agree_in_protobuf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
