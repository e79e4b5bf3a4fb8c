/* The surface: what a caller writes stays inside, whole, and harmless. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/utf8.h"
#include "ui/surface.h"

static void assert_shows(const struct surface *s, const char *expected)
{
	struct buf text = {0};

	surface_to_text(s, &text);
	assert_string_equal(text.data, expected);
	buf_fini(&text);
}

/* Every right half has a wide character left of it, and every wide one its right half. */
static void assert_whole(const struct surface *s)
{
	for (int y = 0; y < s->height; y++)
		for (int x = 0; x < s->width; x++) {
			const struct cell *c = surface_at(s, x, y);

			if (c->ch[0] == 0) {
				assert_true(x > 0);
				assert_int_equal(utf8_width(surface_at(s, x - 1, y)->ch[0]), 2);
			} else if (utf8_width(c->ch[0]) == 2) {
				assert_true(x + 1 < s->width);
				assert_int_equal(surface_at(s, x + 1, y)->ch[0], 0);
			}
		}
}

static void text_is_clipped(void **state)
{
	struct surface *s = surface_new(6, 2);

	(void)state;
	assert_int_equal(surface_text(s, 3, 0, ROLE_OK, "abcdef"), 3);
	surface_text(s, -2, 1, ROLE_OK, "xyz");
	surface_text(s, 0, 5, ROLE_OK, "below");
	surface_text(s, 9, 0, ROLE_OK, "right");
	assert_shows(s, "   abc\nz\n");
	assert_int_equal(surface_at(s, 3, 0)->style, ROLE_OK);
	assert_null(surface_at(s, 6, 0));
	surface_free(&s);
	assert_null(s);
}

static void wide_characters_stay_whole(void **state)
{
	struct surface *s = surface_new(6, 1);

	(void)state;
	assert_int_equal(surface_text(s, 0, 0, ROLE_TEXT, "日本語"), 6);
	assert_shows(s, "日本語\n");
	surface_put(s, 1, 0, 'x', ROLE_TEXT);
	assert_shows(s, " x本語\n");
	surface_put(s, 2, 0, 'y', ROLE_TEXT);
	assert_shows(s, " xy 語\n");
	surface_put(s, 3, 0, 0x65E5, ROLE_TEXT);
	assert_shows(s, " xy日\n");
	assert_whole(s);
	surface_put(s, 5, 0, 0x65E5, ROLE_TEXT); /* only half would fit */
	assert_shows(s, " xy日\n");
	assert_whole(s);
	struct surface part = surface_part(s, (struct rect){4, 0, 1, 1});
	surface_put(&part, 0, 0, 'z', ROLE_TEXT); /* cuts the one that begins outside the part */
	assert_shows(s, " xy z\n");
	assert_whole(s);
	surface_free(&s);
}

static void marks_join_their_base(void **state)
{
	struct surface *s = surface_new(4, 1);

	(void)state;
	assert_int_equal(surface_text(s, 0, 0, ROLE_TEXT, "e\xcc\x81x"), 2);
	assert_int_equal(surface_at(s, 0, 0)->ch[1], 0x301);
	assert_int_equal(surface_at(s, 1, 0)->ch[0], 'x');
	surface_put(s, 0, 0, 0x301, ROLE_TEXT); /* nothing to join */
	assert_shows(s, "e\xcc\x81x\n");
	surface_free(&s);
}

static void outside_text_is_harmless(void **state)
{
	struct surface *s = surface_new(20, 1);

	(void)state;
	surface_outside(s, 0, 0, 20, ROLE_TEXT, STR_LIT("a\033[31mb\tc\r\n\xff"));
	for (int x = 0; x < 20; x++) {
		uint32_t ch = surface_at(s, x, 0)->ch[0];

		assert_true(ch >= 0x20 && ch != 0x7f && !(ch >= 0x80 && ch < 0xa0));
	}
	surface_clear(s, ROLE_TEXT);
	assert_int_equal(surface_outside(s, 0, 0, 6, ROLE_TEXT, STR_LIT("a long story")), 6);
	assert_shows(s, "a lon…\n");
	surface_clear(s, ROLE_TEXT);
	s->ascii = true;
	assert_int_equal(surface_outside(s, 0, 0, 6, ROLE_TEXT, STR_LIT("a long story")), 6);
	assert_shows(s, "a l...\n");
	surface_free(&s);
}

/* The list of naughty strings, raw: no cell ever holds what a terminal would act on. */
static void naughty_strings_are_harmless(void **state)
{
	const char *shared = getenv("LLMDECK_SHARED");
	char path[512];
	struct buf text = {0};

	(void)state;
	snprintf(path, sizeof(path), "%s/data/parsers/blns.json", shared ? shared : "../shared");
	if (file_read(path, 1 << 20, &text, NULL) != 0) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	struct surface *s = surface_new(60, 1);
	struct str rest = buf_str(&text);
	while (rest.len > 0) {
		surface_clear(s, ROLE_TEXT);
		assert_true(surface_outside(s, 5, 0, 40, ROLE_TEXT, str_cut(&rest, '\n')) <= 40);
		assert_whole(s);
		for (int x = 0; x < 60; x++) {
			const struct cell *c = surface_at(s, x, 0);

			assert_true(c->ch[0] == 0 || utf8_width(c->ch[0]) >= 1);
			assert_true(c->ch[1] == 0 || utf8_width(c->ch[1]) == 0);
			if (x < 5 || x >= 45)
				assert_int_equal(c->ch[0], ' ');
		}
	}
	surface_free(&s);
	buf_fini(&text);
}

static void rules_and_boxes(void **state)
{
	struct surface *s = surface_new(20, 4);

	(void)state;
	surface_rule(s, 0, ROLE_BORDER, "signals", "limit");
	surface_box(s, (struct rect){0, 1, 8, 3}, ROLE_BORDER, "x");
	assert_shows(s, "─signals──────limit─\n┌─x────┐\n│      │\n└──────┘\n");
	s->ascii = true;
	surface_clear(s, ROLE_TEXT);
	surface_rule(s, 0, ROLE_BORDER, "signals", NULL);
	surface_box(s, (struct rect){0, 1, 5, 3}, ROLE_BORDER, NULL);
	assert_shows(s, "-signals------------\n+---+\n|   |\n+---+\n");
	surface_free(&s);
}

static void ascii_text_has_only_ascii(void **state)
{
	struct surface *s = surface_new(30, 1);
	struct buf text = {0};

	(void)state;
	s->ascii = true;
	surface_text(s, 0, 0, ROLE_TEXT, "日█▌▁⣿─│…–≥●◆▲é");
	surface_to_text(s, &text);
	for (size_t i = 0; i < text.len; i++)
		assert_true((unsigned char)text.data[i] < 0x7f);
	buf_fini(&text);
	surface_free(&s);
}

/* Random writes at random places into random parts, for the sanitizers to watch. */
static void random_writes_stay_inside(void **state)
{
	static const char *const texts[] = {"plain", "日本語日本語", "e\xcc\x81\xcc\x81\xcc\x81", "⣿⣿", ""};

	(void)state;
	srand(7);
	for (int round = 0; round < 3000; round++) {
		struct surface *s = surface_new(rand() % 12, rand() % 5);

		s->ascii = rand() % 2;
		for (int i = 0; i < 12; i++) {
			struct rect r = {rand() % 16 - 3, rand() % 8 - 2, rand() % 14 - 1, rand() % 6 - 1};
			struct surface part = surface_part(s, r);
			int x = rand() % 16 - 3, y = rand() % 8 - 2;

			switch (rand() % 7) {
			case 0: surface_put(&part, x, y, (uint32_t[]){'a', 0x65E5, 0x301, 7}[rand() % 4], 1); break;
			case 1: surface_text(&part, x, y, 2, texts[rand() % 5]); break;
			case 2: surface_outside(&part, x, y, rand() % 9, 3, str_of(texts[rand() % 5])); break;
			case 3: surface_fill(&part, r, rand() % 2 ? '.' : 0x65E5, 4); break;
			case 4: surface_box(&part, r, 5, "日t"); break;
			case 5: surface_rule(&part, y, 6, "日本", "right"); break;
			default: surface_restyle(&part, r, 7);
			}
			assert_whole(s);
		}
		surface_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_clipped),
		cmocka_unit_test(wide_characters_stay_whole),
		cmocka_unit_test(marks_join_their_base),
		cmocka_unit_test(outside_text_is_harmless),
		cmocka_unit_test(naughty_strings_are_harmless),
		cmocka_unit_test(rules_and_boxes),
		cmocka_unit_test(ascii_text_has_only_ascii),
		cmocka_unit_test(random_writes_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
