/* UTF-8 and the sanitizer for outside text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

#define BAD "\xef\xbf\xbd"

static void every_character_round_trips(void **state)
{
	(void)state;
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		char bytes[4];
		size_t n = utf8_encode(cp, bytes);
		const char *p = bytes;

		if (cp >= 0xd800 && cp <= 0xdfff) {
			assert_int_equal(utf8_decode(&p, bytes + n), 0xfffd); /* no surrogates */
			continue;
		}
		assert_int_equal(utf8_decode(&p, bytes + n), cp);
		assert_ptr_equal(p, bytes + n);
	}
}

static void ill_formed_bytes_are_told_apart(void **state)
{
	/* With the number of pieces: maximal subparts, as Unicode's table 3-8 shows them. */
	static const struct {
		const char *text;
		size_t pieces;
	} cases[] = {
		{"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 9}, /* overlong */
		{"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 9}, /* surrogates */
		{"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 9}, /* above U+10FFFF */
		{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 5}, /* cut short */
		{"\xe2\x82", 1},
		{"\xf5\x80\x80\x80", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(utf8_count(str_of(cases[i].text)), cases[i].pieces);
		assert_false(utf8_valid(str_of(cases[i].text)));
	}
	assert_true(utf8_valid(STR_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
	assert_true(utf8_valid((struct str){NULL, 0}));
}

static void widths_are_those_of_the_c_library(void **state)
{
	(void)state;
	assert_int_equal(utf8_width('a'), 1);
	assert_int_equal(utf8_width(0x1b), -1);
	assert_int_equal(utf8_width(0x85), -1);
	assert_int_equal(utf8_width(0x301), 0);
	assert_int_equal(utf8_width(0xe9), 1);
	assert_int_equal(utf8_width(0x2026), 1);
	assert_int_equal(utf8_width(0x2800), 1); /* braille, which the graphs are made of */
	assert_int_equal(utf8_width(0x2588), 1);
	assert_int_equal(utf8_width(0x4e00), 2);
	assert_int_equal(utf8_width(0x1f600), 2);
	assert_int_equal(utf8_width(0x20000), 2);
	assert_int_equal(utf8_width(0x110000), -1);
	assert_int_equal(utf8_columns(STR_LIT("a\xcc\x81\xe4\xb8\x80")), 3);
}

static void clean(struct str in, const char *expected)
{
	struct buf b = {0};

	text_append_harmless(&b, in, 1000);
	assert_string_equal(b.data, expected);
	buf_fini(&b);
}

static void dangerous_characters_become_visible(void **state)
{
	(void)state;
	clean(STR_LIT("plain"), "plain");
	clean(STR_LIT("\x1b[31mred\x1b]0;title\x07"), "^[[31mred^[]0;title^G");
	clean(STR_LIT("a\0b\x7f"), "a^@b^?");
	clean(STR_LIT("a\tb\nc\r\nd\re"), "a b c d^Me");
	clean(STR_LIT("\xc2\x9b" "31m"), BAD "31m");                    /* C1 CSI */
	clean(STR_LIT("\x9b" "31m"), BAD "31m");                        /* the same as a bare byte */
	clean(STR_LIT("a\xe2\x80\xae" "b\xe2\x81\xa6"), "a" BAD "b" BAD);   /* RLO, LRI */
	clean(STR_LIT("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f"), BAD BAD BAD);  /* ALM, LRM, RLM */
	clean(STR_LIT("pass\xe2\x80\x8bword\xef\xbb\xbf"), "pass" BAD "word" BAD);
	clean(STR_LIT("\xc2\xad"), BAD);
	clean(STR_LIT("x\xf3\xa0\x81\xa1"), "x" BAD);                     /* tag */
	clean(STR_LIT("\xe2\x80\xa8\xe2\x80\xa9"), BAD BAD);
	clean(STR_LIT("\xee\x80\x80\xf4\x80\x80\x80"), BAD BAD);           /* private use */
	clean(STR_LIT("\xcd\xb8"), BAD);                                  /* unassigned U+0378 */
	clean(STR_LIT("\xef\xbf\xbe"), BAD);                              /* U+FFFE */
	clean(STR_LIT("\xff\xc3("), BAD BAD "(");
}

static void emoji_fall_apart_into_known_widths(void **state)
{
	(void)state;
	/* Woman ZWJ laptop; heart with a variation selector; thumb with a skin tone; a flag. */
	clean(STR_LIT("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"),
	      "\xf0\x9f\x91\xa9" BAD "\xf0\x9f\x92\xbb");
	clean(STR_LIT("\xe2\x9d\xa4\xef\xb8\x8f"), "\xe2\x9d\xa4" BAD);
	clean(STR_LIT("\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd"), "\xf0\x9f\x91\x8d" BAD);
	clean(STR_LIT("\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa"), BAD BAD);
}

static void combining_marks_are_few(void **state)
{
	(void)state;
	clean(STR_LIT("e\xcc\x81"), "e\xcc\x81");
	clean(STR_LIT("e\xcc\x81\xcc\x82\xcc\x83\xcc\x84x"), "e\xcc\x81\xcc\x82x");
	clean(STR_LIT("\xcc\x81x"), BAD "x");
	clean(STR_LIT("a\tb\xcc\x81"), "a b\xcc\x81");
}

static void long_text_is_cut_at_a_character(void **state)
{
	struct buf b = {0};

	(void)state;
	text_append_harmless(&b, STR_LIT("abcdef"), 3);
	assert_string_equal(b.data, "abc\xe2\x80\xa6");
	buf_reset(&b);
	text_append_harmless(&b, STR_LIT("ab\xe2\x82\xac" "c"), 4);
	assert_string_equal(b.data, "ab\xe2\x80\xa6");
	buf_reset(&b);
	text_append_harmless(&b, STR_LIT("abc"), 3);
	assert_string_equal(b.data, "abc");
	buf_reset(&b);
	text_append_harmless(&b, STR_LIT("abc"), 0);
	assert_string_equal(b.data, "\xe2\x80\xa6");
	buf_reset(&b);
	text_append_harmless(&b, (struct str){NULL, 0}, 0);
	assert_string_equal(b.data, "");
	buf_fini(&b);
}

static void fixed_buffers_hold_whole_characters(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(text_harmless(out, sizeof(out), STR_LIT("abcdefghij")), 7);
	assert_string_equal(out, "abcdefg");
	assert_int_equal(text_harmless(out, sizeof(out), STR_LIT("abcde\xe2\x82\xac")), 5);
	assert_int_equal(text_harmless(out, 1, STR_LIT("x")), 0);
	assert_string_equal(out, "");
	assert_int_equal(text_harmless(out, 0, STR_LIT("x")), 0);
	assert_int_equal(text_harmless(out, 8, (struct str){NULL, 0}), 0);
}

/* What must hold of harmless text whatever the input was. */
static void assert_harmless(struct str s)
{
	const char *p = s.ptr, *end = s.len ? p + s.len : p;
	size_t columns = 0;
	int marks = 0;

	while (p < end) {
		uint32_t cp = utf8_decode(&p, end);
		int width = cp == UTF8_BAD ? -1 : utf8_width(cp);

		if (cp == UTF8_BAD || width < 0)
			fail_msg("U+%04X came through", cp);
		marks = width == 0 ? marks + 1 : 0;
		assert_true(marks <= 2);
		columns += (size_t)width;
	}
	assert_int_equal(columns, utf8_columns(s));
}

static void random_bytes_become_harmless(void **state)
{
	static const char *const pieces[] = {"\x1b[", "\xe2\x80\xae", "\xcc\x81", "\xf0\x9f\x98\x80", "a", "\xe2",
	                                     "\x80", "\xf3\xa0\x80\xa1", "\n", "\r", "\xe4\xb8\x80", "\xff", "\x9b"};
	uint64_t seed = 42;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct buf in = {0}, out = {0};
		char *exact;

		for (int i = 0; i < 24; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			if (seed >> 63)
				buf_puts(&in, pieces[(seed >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]);
			else
				buf_append_c(&in, (char)(seed >> 40));
		}
		exact = mem_alloc(in.len); /* so that reading too far is noticed */
		memcpy(exact, in.data, in.len);
		text_append_harmless(&out, (struct str){exact, in.len}, 20);
		assert_harmless(buf_str(&out));
		free(exact);
		buf_fini(&in);
		buf_fini(&out);
	}
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		char bytes[4], out[8];
		size_t n = utf8_encode(cp, bytes);

		n = text_harmless(out, sizeof(out), (struct str){bytes, n});
		assert_harmless((struct str){out, n});
		assert_true(n > 0); /* nothing vanishes when it stands alone */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_round_trips),
		cmocka_unit_test(ill_formed_bytes_are_told_apart),
		cmocka_unit_test(widths_are_those_of_the_c_library),
		cmocka_unit_test(dangerous_characters_become_visible),
		cmocka_unit_test(emoji_fall_apart_into_known_widths),
		cmocka_unit_test(combining_marks_are_few),
		cmocka_unit_test(long_text_is_cut_at_a_character),
		cmocka_unit_test(fixed_buffers_hold_whole_characters),
		cmocka_unit_test(random_bytes_become_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
