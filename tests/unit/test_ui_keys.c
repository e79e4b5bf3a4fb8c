/* Keys: bytes become the keys people pressed, whole sequences and pastes are never taken for letters,
 * and the keymap says what each key does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ui/keymap.h"
#include "ui/keys.h"

#define DELAY 25000

/* The keys so far as names, "P:" in front of pasted ones. */
static const char *taken(struct key_decoder *d)
{
	static char text[1024];
	struct key key;
	char name[KEY_NAME_BYTES];

	text[0] = '\0';
	while (key_decoder_next(d, &key)) {
		if (key.pasted)
			strcat(text, "P:");
		strcat(text, key.code == KEYCODE_PASTE_BEGIN ? "begin" : key.code == KEYCODE_PASTE_END ? "end"
		       : key_format(key, name));
		strcat(text, " ");
	}
	return text;
}

static void feed(struct key_decoder *d, const char *bytes, int64_t now_us)
{
	key_decoder_feed(d, bytes, strlen(bytes), now_us);
}

static void bytes_become_keys(void **state)
{
	static const struct {
		const char *bytes, *keys;
	} cases[] = {
		{"aZ é日", "a Z Space é 日 "},
		{"\r\n\t\x7f\x08", "Enter Enter Tab Backspace Backspace "},
		{"\x01\x06\x03", "Ctrl-A Ctrl-F Ctrl-C "},
		{"\033[A\033[B\033OC\033OD", "Up Down Right Left "},
		{"\033[H\033[F\033[1~\033[4~\033[7~\033[8~\033OH", "Home End Home End Home End Home "},
		{"\033[5~\033[6~\033[2~\033[3~", "PgUp PgDn Ins Del "},
		{"\033[1;5A\033[1;2C\033[6;3~\033[3;5~", "Ctrl-Up Shift-Right Alt-PgDn Ctrl-Del "},
		{"\033[Z\033OP\033[15~\033[24~\033[[B", "Shift-Tab F1 F5 F12 F2 "},
		{"\033x\033\r\033\x06", "Alt-x Alt-Enter Ctrl-Alt-F "},
		{"\033[102;5u\033[27;5;105~", "Ctrl-F Ctrl-I "},
		/* known to nobody, swallowed whole */
		{"\033[?1;2c\033[99~\033[12;34R\033[>0;1q\033]11;rgb:1/2/3\033\\\033P1$r\033\\a", "a "},
		{"\xff\xc3(", "\xef\xbf\xbd \xef\xbf\xbd ( "},
		{"\033[1;2\033[A", "Up "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t chunk = 1; chunk <= strlen(cases[i].bytes); chunk++) {
			struct key_decoder d;

			key_decoder_init(&d, DELAY);
			for (size_t at = 0; at < strlen(cases[i].bytes); at += chunk) {
				size_t left = strlen(cases[i].bytes) - at;

				key_decoder_feed(&d, cases[i].bytes + at, left < chunk ? left : chunk, 1);
			}
			assert_string_equal(taken(&d), cases[i].keys);
			key_decoder_fini(&d);
		}
}

static void escape_is_told_by_time(void **state)
{
	struct key_decoder d;

	(void)state;
	key_decoder_init(&d, DELAY);
	feed(&d, "\033", 1000);
	assert_string_equal(taken(&d), "");
	assert_int_equal(key_decoder_deadline_us(&d), 1000 + DELAY);
	key_decoder_expire(&d, 1000 + DELAY - 1);
	assert_string_equal(taken(&d), "");
	key_decoder_expire(&d, 1000 + DELAY);
	assert_string_equal(taken(&d), "Esc ");
	assert_int_equal(key_decoder_deadline_us(&d), 0);
	feed(&d, "j", 30000);
	assert_string_equal(taken(&d), "j ");
	key_decoder_fini(&d);
}

static void late_tails_are_swallowed(void **state)
{
	static const char *const tails[][3] = {
		{"[A", "", ""}, {"[", "A", ""}, {"[", "1;5", "A"}, {"OP", "", ""}, {"O", "P", ""}, {"[6~", "", ""},
		{"[200~", "", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct key_decoder d;

		key_decoder_init(&d, DELAY);
		feed(&d, "\033", 0);
		for (int k = 0; k < 3; k++) {
			key_decoder_expire(&d, 40000 * (k + 1));
			feed(&d, tails[i][k], 40000 * (k + 1));
		}
		feed(&d, "q", 200000);
		assert_string_equal(taken(&d), "Esc q ");
		key_decoder_fini(&d);
	}
	/* A sequence cut after its first bytes is never letters either. */
	struct key_decoder d;
	key_decoder_init(&d, DELAY);
	feed(&d, "\033[1;", 0);
	key_decoder_expire(&d, 100000);
	feed(&d, "5B", 120000);
	assert_string_equal(taken(&d), "Ctrl-Down ");
	/* Long after an Esc a bracket is a bracket. */
	feed(&d, "\033", 200000);
	key_decoder_expire(&d, 300000);
	feed(&d, "[", 5000000);
	assert_string_equal(taken(&d), "Esc [ ");
	key_decoder_fini(&d);
}

static void pastes_are_text(void **state)
{
	struct key_decoder d;

	(void)state;
	key_decoder_init(&d, DELAY);
	feed(&d, "\033[200~q\rR\x03\033[A\033OBé\033[201~q", 0);
	assert_string_equal(taken(&d), "begin P:q P:Enter P:R P:é end q ");
	key_decoder_fini(&d);
}

static void mouse_has_a_place(void **state)
{
	struct key_decoder d;
	struct key key;

	(void)state;
	key_decoder_init(&d, DELAY);
	feed(&d, "\033[<0;5;7M\033[<65;1;1M\033[<0;0;0M", 0);
	assert_true(key_decoder_next(&d, &key));
	assert_int_equal(key.code, KEYCODE_MOUSE);
	assert_int_equal(key.x, 4);
	assert_int_equal(key.y, 6);
	assert_true(key_decoder_next(&d, &key));
	assert_int_equal(key.button, 65);
	assert_false(key_decoder_next(&d, &key));
	key_decoder_fini(&d);
}

static void names_round_trip(void **state)
{
	static const char *const names[] = {"q", "Q", "Ctrl-F", "Alt-x", "Shift-Tab", "PgDn", "Space", "F10",
	                                    "<", "-", "Ctrl--", "é", "Ctrl-Alt-Up", "Esc", "Backspace"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct key key;
		char name[KEY_NAME_BYTES];

		assert_true(key_parse(str_of(names[i]), &key));
		assert_string_equal(key_format(key, name), names[i]);
	}
	struct key key;
	assert_false(key_parse(STR_LIT("qq"), &key));
	assert_false(key_parse(STR_LIT(""), &key));
	assert_false(key_parse(STR_LIT("Ctrl-"), &key) && key.code == KEYCODE_NONE);
	assert_true(key_parse(STR_LIT("ctrl-pagedown"), &key));
	assert_int_equal(key.code, KEYCODE_PGDN);
}

static void any_bytes_are_survived(void **state)
{
	struct key_decoder d;
	uint32_t seed = 1;
	struct key key;

	(void)state;
	key_decoder_init(&d, DELAY);
	for (int i = 0; i < 200000; i++) {
		char byte;

		seed = seed * 1664525 + 1013904223;
		byte = seed >> 24 & 1 ? "\033[O;~<M\xc3"[seed >> 16 & 7] : (char)(seed >> 8);
		key_decoder_feed(&d, &byte, 1, i * 100);
		while (key_decoder_next(&d, &key))
			assert_true(key.code != KEYCODE_NONE);
	}
	key_decoder_fini(&d);
}

static const struct action everywhere[] = {
	{1, "quit", "q", "leave", DANGER_NONE},
	{2, "page-down", "PgDn Ctrl-F", "a page down", DANGER_NONE},
	{0}};
static const struct action panel[] = {{1, "rollback", "R", "roll back", DANGER_TRAFFIC}, {0}};
static const struct action *const contexts[] = {panel, NULL, everywhere};

static struct key key_of(const char *name)
{
	struct key key = {0};

	assert_true(key_parse(str_of(name), &key));
	return key;
}

static struct keymap *map(void)
{
	struct keymap *m = keymap_new();

	keymap_add(m, "Everywhere", everywhere);
	keymap_add(m, "Rollouts", panel);
	return m;
}

static void keys_find_actions(void **state)
{
	struct keymap *m = map();
	struct buf text = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(keymap_check(m, &err), 0);
	assert_ptr_equal(keymap_find_key(m, contexts, 3, key_of("R")).action, &panel[0]);
	assert_ptr_equal(keymap_find_key(m, contexts, 3, key_of("Ctrl-F")).action, &everywhere[1]);
	assert_ptr_equal(keymap_find_key(m, contexts, 3, key_of("Ctrl-F")).table, everywhere);
	assert_null(keymap_find_key(m, contexts, 3, key_of("x")).action);
	struct key pasted = key_of("R");
	pasted.pasted = true;
	assert_null(keymap_find_key(m, contexts, 3, pasted).action);
	assert_ptr_equal(keymap_find_name(m, contexts, 3, STR_LIT("quit")).action, &everywhere[0]);
	keymap_keys_text(m, everywhere, &everywhere[1], &text);
	assert_string_equal(text.data, "PgDn Ctrl-F");
	assert_string_equal(keymap_context_name(m, panel), "Rollouts");
	buf_fini(&text);
	keymap_free(&m);
}

static void keys_can_be_changed(void **state)
{
	struct keymap *m = map();
	struct err err = {0};

	(void)state;
	assert_int_equal(keymap_override(m, "quit", "Q Ctrl-C", &err), 0);
	assert_int_equal(keymap_override(m, "rollback", "", &err), 0);
	assert_null(keymap_find_key(m, contexts, 3, key_of("q")).action);
	assert_null(keymap_find_key(m, contexts, 3, key_of("R")).action);
	assert_ptr_equal(keymap_find_key(m, contexts, 3, key_of("Ctrl-C")).action, &everywhere[0]);
	assert_int_equal(keymap_override(m, "quit", "Hyper-Q", &err), -1);
	assert_non_null(strstr(err.text, "Hyper-Q"));
	assert_int_equal(keymap_override(m, "rollback", "Q", &err), 0);
	assert_int_equal(keymap_check(m, &err), -1);
	assert_non_null(strstr(err.text, "Q is the key of quit and of rollback"));
	keymap_reset(m);
	assert_ptr_equal(keymap_find_key(m, contexts, 3, key_of("q")).action, &everywhere[0]);
	assert_int_equal(keymap_override(m, "no-such", "x", &err), 0);
	assert_int_equal(keymap_check(m, &err), -1);
	assert_non_null(strstr(err.text, "no-such"));
	keymap_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_keys),
		cmocka_unit_test(escape_is_told_by_time),
		cmocka_unit_test(late_tails_are_swallowed),
		cmocka_unit_test(pastes_are_text),
		cmocka_unit_test(mouse_has_a_place),
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(keys_find_actions),
		cmocka_unit_test(keys_can_be_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
