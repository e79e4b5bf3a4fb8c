/* Themes: what a file may say, what its errors say, and what colours become on lesser terminals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui/theme.h"

static void a_line_has_three_parts(void **state)
{
	struct theme t;
	struct err err = {0};

	(void)state;
	assert_int_equal(theme_parse(&t, "x", STR_LIT("# comment\n\nok = #00ff00 17 bold, green, underline\r\n"),
	                             &err), 0);
	struct look rich = theme_look(&t, ROLE_OK, COLOURS_DIRECT);
	assert_int_equal(rich.fg, COLOUR_RGB | 0x00ff00);
	assert_int_equal(rich.attributes, STYLE_BOLD);
	struct look many = theme_look(&t, ROLE_OK, COLOURS_256);
	assert_int_equal(many.fg, 46);
	assert_int_equal(many.bg, 17);
	struct look basic = theme_look(&t, ROLE_OK, COLOURS_16);
	assert_int_equal(basic.fg, 2);
	assert_int_equal(basic.bg, COLOUR_DEFAULT);
	struct look mono = theme_look(&t, ROLE_OK | STYLE_REVERSE, COLOURS_NONE);
	assert_int_equal(mono.fg, COLOUR_DEFAULT);
	assert_int_equal(mono.attributes, STYLE_UNDERLINE | STYLE_REVERSE);
	/* What it does not name is the built-in look. */
	struct theme built_in;
	theme_default(&built_in);
	assert_int_equal(theme_look(&t, ROLE_KEY, COLOURS_256).fg, theme_look(&built_in, ROLE_KEY, COLOURS_256).fg);
}

static void errors_name_the_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"ok = green\nnonsense = red\n", "x:2: there is no role \"nonsense\""},
		{"ok green\n", "x:1: \"ok green\" has no '='"},
		{"ok = greenish\n", "x:1: ok: \"greenish\" is no colour"},
		{"ok = #12345\n", "\"#12345\""},
		{"ok = 256\n", "\"256\""},
		{"ok = red, blue, yellow\n", "\"yellow\""},
		{"ok = red green blue\n", "\"blue\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct theme t;
		struct err err = {0};

		theme_default(&t);
		assert_int_equal(theme_parse(&t, "x", str_of(cases[i].text), &err), -1);
		assert_non_null(strstr(err.text, cases[i].expected));
		assert_string_equal(t.name, "default"); /* untouched */
	}
}

static void roles_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < ROLE_COUNT; i++)
		assert_int_equal(theme_role_find(str_of(theme_role_name((enum role)i))), i);
	assert_int_equal(theme_role_find(STR_LIT("none")), -1);
}

static void shipped_themes_load(void **state)
{
	static const char *const names[] = {"default", "blue-orange", "light", "high-contrast", "mono"};
	struct theme built_in;

	(void)state;
	theme_default(&built_in);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct theme t;
		struct err err = {0};
		char path[64];

		snprintf(path, sizeof(path), "themes/%s.theme", names[i]);
		if (theme_load(&t, path, &err) != 0)
			fail_msg("%s", err.text);
		assert_string_equal(t.name, names[i]);
		/* The terminal's own background stays; danger never looks like plain text. */
		assert_int_equal(t.rich[ROLE_TEXT].bg, COLOUR_DEFAULT);
		for (enum colours c = COLOURS_NONE; c <= COLOURS_DIRECT; c++) {
			struct look danger = theme_look(&t, ROLE_DANGER, c), text = theme_look(&t, ROLE_TEXT, c);

			assert_true(danger.fg != text.fg || danger.attributes != text.attributes);
		}
		if (i == 0) {
			assert_memory_equal(t.rich, built_in.rich, sizeof(t.rich));
			assert_memory_equal(t.mono, built_in.mono, sizeof(t.mono));
		}
	}
}

static void changed_files_are_read_again(void **state)
{
	char path[] = "/tmp/llmdeck-theme-XXXXXX";
	int fd = mkstemp(path);
	struct theme t;
	struct err err = {0};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "ok = 46\n", 8), 8);
	assert_int_equal(theme_load(&t, path, &err), 0);
	assert_false(theme_changed(&t));
	assert_int_equal(write(fd, "key = 1000\n", 11), 11);
	assert_true(theme_changed(&t));
	assert_int_equal(theme_reload(&t, &err), -1); /* the old look stays */
	assert_non_null(strstr(err.text, ":2:"));
	assert_int_equal(t.rich[ROLE_OK].fg, 46);
	assert_false(theme_changed(&t));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "ok = 51\n", 8, 0), 8);
	assert_int_equal(theme_reload(&t, &err), 0);
	assert_int_equal(t.rich[ROLE_OK].fg, 51);
	close(fd);
	unlink(path);
	assert_false(theme_changed(&t)); /* gone is not changed */
	assert_int_equal(theme_load(&t, path, &err), -1);
}

static void ansi_has_the_colours(void **state)
{
	struct surface *s = surface_new(6, 2);
	struct theme t;
	struct buf out = {0};

	(void)state;
	theme_parse(&t, "x", STR_LIT("ok = #00ff00, green\n"), NULL);
	surface_text(s, 0, 0, ROLE_OK, "up");
	surface_text(s, 2, 0, ROLE_TEXT, "日x");
	surface_to_ansi(s, &t, COLOURS_DIRECT, &out);
	assert_string_equal(out.data, "\033[0;38;2;0;255;0mup\033[0m日x\n\n");
	buf_reset(&out);
	surface_to_ansi(s, &t, COLOURS_16, &out);
	assert_string_equal(out.data, "\033[0;32mup\033[0m日x\n\n");
	buf_reset(&out);
	surface_to_ansi(s, &t, COLOURS_NONE, &out);
	assert_string_equal(out.data, "up日x\n\n");
	buf_fini(&out);
	surface_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_three_parts),
		cmocka_unit_test(errors_name_the_line),
		cmocka_unit_test(roles_have_names),
		cmocka_unit_test(shipped_themes_load),
		cmocka_unit_test(changed_files_are_read_again),
		cmocka_unit_test(ansi_has_the_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
