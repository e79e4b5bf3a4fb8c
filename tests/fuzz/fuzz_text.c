/* Outside text must come out harmless: well-formed UTF-8 without control characters, of a width
 * that every terminal agrees on, in both forms of the sanitizer; and its JSON must stay one string. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_harmless(struct str s)
{
	const char *p = s.ptr, *end = s.len ? p + s.len : p;
	size_t columns = 0;
	int marks = 0;

	check(utf8_valid(s));
	while (p < end) {
		uint32_t cp = utf8_decode(&p, end);
		int width = utf8_width(cp);

		check(width >= 0);
		check(cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0));
		check(!(cp >= 0x200b && cp <= 0x200f) && !(cp >= 0x2028 && cp <= 0x202e));
		check(!(cp >= 0x2060 && cp <= 0x206f) && !(cp >= 0xfe00 && cp <= 0xfe0f));
		check(cp != 0xfeff && cp != 0xad && cp != 0x61c && cp < 0xe0000);
		marks = width == 0 ? marks + 1 : 0;
		check(marks <= 2);
		columns += (size_t)width;
	}
	check(columns == utf8_columns(s));
}

static void check_json(struct str s)
{
	struct buf out = {0};

	buf_append_json(&out, s);
	check(utf8_valid(buf_str(&out)) && out.len >= 2);
	for (size_t i = 1; i + 1 < out.len; i++) {
		check((unsigned char)out.data[i] >= 0x20 && out.data[i] != '"');
		if (out.data[i] == '\\')
			i++;
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The first byte chooses the bounds. */
	size_t bound = size > 0 ? data[0] : 0;
	struct str s = {size > 1 ? (const char *)data + 1 : NULL, size > 1 ? size - 1 : 0};
	struct buf out = {0}, again = {0};
	char fixed[256];
	size_t len = text_harmless(fixed, bound, s);

	check_harmless((struct str){fixed, len});
	check(bound == 0 || (len < bound && fixed[len] == '\0'));
	text_append_harmless(&out, s, s.len);
	check_harmless(buf_str(&out));
	text_append_harmless(&again, buf_str(&out), out.len); /* what is harmless stays as it is */
	check(str_equal(buf_str(&out), buf_str(&again)));
	buf_reset(&again);
	text_append_harmless(&again, s, bound);
	check_harmless(buf_str(&again));
	check_json(s);
	buf_fini(&out);
	buf_fini(&again);
	return 0;
}
