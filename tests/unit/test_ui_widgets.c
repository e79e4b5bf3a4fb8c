/* Tables, layout, fields, the palette, dialogs, toasts and help: what a user sees and what keys do. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "ui/chooser.h"
#include "ui/dialog.h"
#include "ui/help.h"
#include "ui/layout.h"
#include "ui/table.h"
#include "ui/toast.h"

static void assert_shows(const struct surface *s, const char *expected)
{
	struct buf text = {0};

	surface_to_text(s, &text);
	assert_string_equal(text.data, expected);
	buf_fini(&text);
}

static bool shows(const struct surface *s, const char *part)
{
	struct buf text = {0};

	surface_to_text(s, &text);
	bool found = strstr(text.data, part) != NULL;
	buf_fini(&text);
	return found;
}

static struct key key_of(const char *name)
{
	struct key key = {0};

	assert_true(key_parse(str_of(name), &key));
	return key;
}

/* ---- layout ---- */

static void layout_drops_by_priority(void **state)
{
	struct layout_part parts[3] = {
		{.min = 10, .weight = 1, .priority = 1}, {.min = 10, .weight = 3, .priority = 0},
		{.min = 10, .max = 12, .weight = 1, .priority = 2}};

	(void)state;
	assert_int_equal(layout_split(parts, 3, 52, 1), 3);
	assert_int_equal(parts[0].size + parts[1].size + parts[2].size, 50);
	assert_int_equal(parts[2].size, 12);
	assert_true(parts[1].size > parts[0].size);
	assert_int_equal(parts[2].at, 40);
	assert_int_equal(layout_split(parts, 3, 30, 1), 2); /* 32 are needed */
	assert_int_equal(parts[2].size, 0);
	assert_int_equal(layout_split(parts, 3, 5, 1), 1); /* never none */
	assert_int_equal(parts[1].size, 5);
	assert_int_equal(layout_split(parts, 3, 0, 1), 0);
}

/* ---- table ---- */

struct app {
	const char *name, *rate;
};

static struct app apps[] = {{"checkout", "212"}, {"search", "388"}, {"returns", "101"}, {"router", "96"}};

static void app_row(const void *source, size_t row, struct table_cell *cells)
{
	const struct app *a = (const struct app *)source + row;

	cells[0] = (struct table_cell){.text = str_of(a->name), .style = ROLE_TEXT};
	cells[1] = (struct table_cell){.text = str_of(a->rate), .style = ROLE_OK};
	cells[2] = (struct table_cell){.text = STR_LIT("evil\033[2J"), .style = ROLE_TEXT};
}

static struct str app_key(const void *source, size_t row)
{
	return str_of(((const struct app *)source)[row].name);
}

static bool app_marked(const void *source, size_t row)
{
	return strcmp(((const struct app *)source)[row].name, "returns") == 0;
}

static const struct table_column app_columns[] = {
	{.heading = "APP", .min_width = 8, .max_width = 20, .priority = 0},
	{.heading = "req/s", .min_width = 6, .priority = 1, .right = true, .sortable = true},
	{.heading = "NOTE", .min_width = 10, .priority = 2}};

static struct table app_table(struct app *source, size_t count)
{
	return (struct table){.columns = app_columns, .column_count = 3, .row_count = count, .row = app_row,
	                      .key = app_key, .marked = app_marked, .source = source};
}

static void a_table_is_drawn(void **state)
{
	struct surface *s = surface_new(30, 4);
	struct table t = app_table(apps, 4);
	struct table_state st = {.sort_column = 1};
	struct buf footer = {0};

	(void)state;
	table_settle(&t, &st, 3);
	assert_int_equal(table_draw(s, &t, &st, true), 3);
	assert_shows(s, " APP         req/s▾ NOTE\n>checkout       212 evil^[[2J\n search         388 evil^[[2J\n"
	                "*returns        101 evil^[[2J\n");
	assert_int_equal(surface_at(s, 29, 1)->style, ROLE_SELECTED);
	assert_int_equal(surface_at(s, 18, 2)->style, ROLE_OK);
	table_footer(&t, &st, 3, &footer);
	assert_string_equal(footer.data, "1-3/4");
	buf_fini(&footer);
	/* Narrow: the least important column goes. Hidden: gone too. */
	surface_resize(s, 20, 2);
	table_draw(s, &t, &st, false);
	assert_shows(s, " APP          req/s▾\n checkout        212\n");
	st.hidden = 2;
	surface_resize(s, 20, 2);
	table_draw(s, &t, &st, false);
	assert_shows(s, " APP      NOTE\n checkout evil^[[2J\n");
	surface_free(&s);
}

static void the_cursor_stays_on_its_row(void **state)
{
	struct app sorted[] = {apps[1], apps[3], apps[0], apps[2]};
	struct table t = app_table(apps, 4);
	struct table_state st = {0};

	(void)state;
	table_move(&t, &st, TABLE_DOWN, 2);
	assert_string_equal(st.cursor_key, "search");
	table_move(&t, &st, TABLE_LAST, 2);
	assert_string_equal(st.cursor_key, "router");
	assert_int_equal(st.top_row, 2);
	t.source = sorted;
	table_settle(&t, &st, 2);
	assert_int_equal(st.cursor_row, 1);
	assert_string_equal(st.cursor_key, "router");
	assert_true(st.top_row <= 1);
	/* It has gone: the cursor stays at its place. */
	struct app fewer[] = {apps[1], apps[0]};
	t = app_table(fewer, 2);
	table_settle(&t, &st, 2);
	assert_int_equal(st.cursor_row, 1);
	table_move(&t, &st, TABLE_PAGE_UP, 2);
	assert_string_equal(st.cursor_key, "search");
	assert_true(table_select(&t, &st, STR_LIT("checkout")));
	assert_false(table_select(&t, &st, STR_LIT("nobody")));
	assert_int_equal(st.cursor_row, 1);
	/* An empty table has no cursor to lose. */
	t.row_count = 0;
	table_settle(&t, &st, 2);
	table_move(&t, &st, TABLE_DOWN, 2);
	table_move(&t, &st, TABLE_PAGE_DOWN, 0);
}

static void tables_of_any_size(void **state)
{
	(void)state;
	for (int width = 0; width < 40; width++)
		for (int height = 0; height < 6; height++) {
			struct surface *s = surface_new(width, height);
			struct table t = app_table(apps, 4);
			struct table_state st = {0};

			table_move(&t, &st, TABLE_LAST, (size_t)(height > 1 ? height - 1 : 0));
			table_draw(s, &t, &st, true);
			surface_free(&s);
		}
}

static void filters_match_words(void **state)
{
	const struct str texts[] = {STR_LIT("Checkout-assistant"), STR_LIT("gpt-4o")};

	(void)state;
	assert_true(filter_matches("", texts, 2));
	assert_true(filter_matches("check GPT", texts, 2));
	assert_false(filter_matches("check claude", texts, 2));
	assert_false(filter_matches("!check", texts, 2));
	assert_true(filter_matches("! claude", texts, 2));
	assert_true(filter_matches("!", texts, 2));
}

/* ---- field and palette ---- */

static void type(struct field *f, const char *text)
{
	for (; *text; text++)
		field_key(f, (struct key){.code = (uint32_t)(unsigned char)*text});
}

static void fields_edit(void **state)
{
	struct field f = {0};
	struct surface *s = surface_new(8, 1);

	(void)state;
	type(&f, "hello world");
	field_key(&f, key_of("Ctrl-W"));
	assert_string_equal(f.text, "hello ");
	field_key(&f, key_of("é"));
	field_key(&f, key_of("日"));
	field_key(&f, key_of("Left"));
	field_key(&f, key_of("Backspace"));
	assert_string_equal(f.text, "hello 日");
	assert_int_equal(field_draw(s, 0, 0, 8, ROLE_INPUT, &f), 6);
	field_key(&f, key_of("End"));
	assert_true(field_draw(s, 0, 0, 8, ROLE_INPUT, &f) < 8);
	field_key(&f, key_of("Home"));
	field_key(&f, key_of("Del"));
	assert_string_equal(f.text, "ello 日");
	field_key(&f, key_of("Ctrl-K"));
	assert_string_equal(f.text, "");
	assert_false(field_key(&f, key_of("Enter")));
	assert_false(field_key(&f, key_of("Alt-x")));
	for (int i = 0; i < 2 * FIELD_BYTES; i++)
		field_key(&f, key_of("日"));
	assert_true(strlen(f.text) < FIELD_BYTES);
	surface_free(&s);
}

static void histories_are_walked(void **state)
{
	struct history h = {0};

	(void)state;
	history_add(&h, "one");
	history_add(&h, "two");
	history_add(&h, "two");
	history_add(&h, "");
	assert_int_equal(h.count, 2);
	assert_string_equal(history_move(&h, -1), "two");
	assert_string_equal(history_move(&h, -1), "one");
	assert_string_equal(history_move(&h, -1), "one");
	assert_string_equal(history_move(&h, 1), "two");
	assert_string_equal(history_move(&h, 1), "");
	for (int i = 0; i < 300; i++) {
		char line[16];

		snprintf(line, sizeof(line), "%d", i);
		history_add(&h, line);
	}
	assert_int_equal(h.count, HISTORY_MAX);
	assert_string_equal(h.lines[HISTORY_MAX - 1], "299");
	history_fini(&h);
}

static const struct choice choices[] = {
	{"quit", "leave", "q"}, {"zoom-in", "a shorter window", "z"}, {"zoom-out", "a longer window", "Z"},
	{"requests", "single requests", NULL}};

static void the_palette_finds(void **state)
{
	struct chooser c;
	struct history h = {0};
	struct surface *s = surface_new(50, 4);

	(void)state;
	chooser_init(&c, choices, 4, &h);
	assert_int_equal(c.match_count, 4);
	assert_null(chooser_taken(&c)); /* Enter on nothing does nothing */
	chooser_key(&c, key_of("z"));
	chooser_key(&c, key_of("o"));
	assert_int_equal(c.match_count, 2);
	assert_string_equal(chooser_taken(&c)->name, "zoom-in");
	chooser_key(&c, key_of("Down"));
	assert_string_equal(chooser_taken(&c)->name, "zoom-out");
	assert_int_equal(chooser_draw(s, &c, ":"), 3);
	assert_shows(s, "\n zoom-in                  a shorter window      z\n"
	                " zoom-out                 a longer window       Z\n:zo\n");
	assert_int_equal(surface_at(s, 1, 2)->style, ROLE_SELECTED);
	assert_int_equal(chooser_key(&c, key_of("Tab")), CHOOSER_GOING);
	assert_string_equal(c.field.text, "zoom-out ");
	assert_int_equal(chooser_key(&c, key_of("Enter")), CHOOSER_TAKEN);
	chooser_fini(&c);
	chooser_init(&c, choices, 4, &h);
	chooser_key(&c, key_of("Up"));
	assert_string_equal(c.field.text, "zoom-out ");
	assert_int_equal(chooser_key(&c, key_of("Esc")), CHOOSER_LEFT);
	chooser_fini(&c);
	history_fini(&h);
	assert_true(fuzzy_score("rollback", STR_LIT("rb")) > 0);
	assert_int_equal(fuzzy_score("rollback", STR_LIT("rx")), 0);
	assert_true(fuzzy_score("quit", STR_LIT("q")) > fuzzy_score("requests", STR_LIT("q")));
	surface_free(&s);
}

/* ---- dialog ---- */

static struct dialog rollback(void)
{
	struct dialog d = {.title = "ROLL BACK checkout", .lines = {"v43 25% -> 0%", "evil \033[2J"}, .line_count = 2,
	                   .fields = {{.label = "reason"}, {.label = "type v43", .must_equal = "v43"}},
	                   .field_count = 2, .confirm = "Roll back", .danger = true, .countdown_us = 3000000};

	dialog_open(&d);
	return d;
}

static void a_name_has_to_be_typed(void **state)
{
	struct dialog d = rollback();
	struct surface *s = surface_new(80, 24);
	int x, y;

	(void)state;
	assert_int_equal(d.focus, 1);
	assert_int_equal(dialog_key(&d, key_of("Enter"), 0), DIALOG_GOING);
	/* Pasted text, even with its line end, is not typing. */
	for (const char *p = "v43"; *p; p++)
		dialog_key(&d, (struct key){.code = (uint32_t)*p, .pasted = true}, 0);
	assert_int_equal(dialog_key(&d, (struct key){.code = KEYCODE_ENTER, .pasted = true}, 0), DIALOG_GOING);
	assert_string_equal(d.fields[1].field.text, "");
	assert_false(dialog_ready(&d));
	dialog_draw(s, &d, 0, &x, &y);
	assert_true(x > 0 && y > 0);
	assert_true(shows(s, "evil ^[[2J"));
	assert_true(shows(s, "off until the name matches"));
	type(&d.fields[1].field, "v43");
	assert_true(dialog_ready(&d));
	assert_int_equal(dialog_key(&d, key_of("Enter"), 1000000), DIALOG_COUNTING);
	assert_int_equal(dialog_tick(&d, 2000000), DIALOG_GOING);
	surface_clear(s, ROLE_TEXT);
	dialog_draw(s, &d, 2000000, &x, &y);
	assert_int_equal(x, -1);
	assert_true(shows(s, "Roll back in 2 s"));
	assert_int_equal(dialog_key(&d, key_of("x"), 2000000), DIALOG_GOING);
	assert_int_equal(dialog_tick(&d, 4000000), DIALOG_CONFIRMED);
	assert_int_equal(dialog_tick(&d, 5000000), DIALOG_GOING); /* once */
	surface_free(&s);
}

static void a_countdown_can_be_taken_back(void **state)
{
	static const char *const keys[] = {"u", "Esc"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dialog d = rollback();

		type(&d.fields[1].field, "v43");
		assert_int_equal(dialog_key(&d, key_of("Enter"), 0), DIALOG_COUNTING);
		assert_int_equal(dialog_key(&d, key_of(keys[i]), 10), DIALOG_CANCELLED);
	}
}

static void buttons_take_the_focus(void **state)
{
	struct dialog d = {.title = "Quit?", .confirm = "Quit"};

	(void)state;
	dialog_open(&d);
	assert_int_equal(dialog_key(&d, key_of("Enter"), 0), DIALOG_CONFIRMED);
	dialog_key(&d, key_of("Tab"), 0);
	assert_int_equal(dialog_key(&d, key_of("Enter"), 0), DIALOG_CANCELLED);
	d.danger = true;
	dialog_open(&d);
	assert_int_equal(dialog_key(&d, key_of("Enter"), 0), DIALOG_CANCELLED);
	dialog_key(&d, key_of("Right"), 0);
	assert_int_equal(dialog_key(&d, key_of("Enter"), 0), DIALOG_CONFIRMED);
	struct dialog note = {.title = "Note", .lines = {"text"}, .line_count = 1};
	dialog_open(&note);
	assert_int_equal(dialog_key(&note, key_of("Enter"), 0), DIALOG_CANCELLED);
	for (int width = 0; width < 90; width += 7)
		for (int height = 0; height < 12; height++) {
			struct surface *s = surface_new(width, height);
			struct dialog any = rollback();
			int x, y;

			dialog_draw(s, &any, 0, &x, &y);
			surface_free(&s);
		}
}

/* ---- toasts and help ---- */

static void toasts_go_by_themselves(void **state)
{
	struct toasts t = {0};
	struct surface *s = surface_new(30, 3);

	(void)state;
	toast_add(&t, ROLE_TOAST, STR_LIT("copied\033"), 0, 100);
	toast_add(&t, ROLE_WARNING, STR_LIT("late"), 10, 200);
	toast_add(&t, ROLE_TOAST, STR_LIT("copied\033"), 20, 100);
	assert_int_equal(t.count, 2);
	toast_draw(s, &t);
	assert_shows(s, "\n late\n copied^[\n");
	assert_int_equal(toast_next_us(&t), 120);
	assert_false(toast_expire(&t, 119));
	assert_true(toast_expire(&t, 120));
	assert_int_equal(t.count, 1);
	assert_true(toast_expire(&t, 1000));
	assert_int_equal(toast_next_us(&t), 0);
	for (int i = 0; i < 10; i++) {
		char text[16];

		snprintf(text, sizeof(text), "t%d", i);
		toast_add(&t, ROLE_TOAST, str_of(text), 0, 10);
	}
	assert_int_equal(t.count, TOASTS_MAX);
	toast_draw(s, &t);
	surface_free(&s);
}

static const struct action everywhere[] = {{1, "quit", "q", "leave", DANGER_NONE},
                                           {2, "zoom-in", "z", "a shorter window", DANGER_NONE}, {0}};
static const struct action rollouts[] = {{1, "rollback", "R", "roll back", DANGER_TRAFFIC}, {0}};

static void help_shows_the_live_keys(void **state)
{
	const struct action *const tables[] = {rollouts, everywhere};
	struct keymap *m = keymap_new();
	struct surface *s = surface_new(60, 10);

	(void)state;
	keymap_add(m, "Everywhere", everywhere);
	keymap_add(m, "Rollouts", rollouts);
	keymap_override(m, "quit", "Q", NULL);
	struct help h = {.keymap = m, .tables = tables, .table_count = 2, .title = "Rollouts",
	                 .intro = "Shows what is rolled out."};
	assert_int_equal(help_draw(s, &h), -1);
	assert_shows(s, " Help: Rollouts\n Shows what is rolled out.\n\n"
	                "─Rollouts───────────────────────────────────────────────────\n"
	                " R                 ! roll back                    :rollback\n\n"
	                "─Everywhere─────────────────────────────────────────────────\n"
	                " Q                 leave                              :quit\n"
	                " z                 a shorter window                :zoom-in\n"
	                " / search   j k PgUp PgDn scroll   Esc back\n");
	help_key(&h, key_of("/"), 10);
	for (const char *p = "short"; *p; p++)
		help_key(&h, (struct key){.code = (uint32_t)*p}, 10);
	surface_clear(s, ROLE_TEXT);
	assert_int_equal(help_draw(s, &h), 6);
	assert_true(shows(s, "zoom-in"));
	assert_false(shows(s, "Rollouts──"));
	assert_int_equal(help_key(&h, key_of("Esc"), 10), HELP_GOING);
	assert_int_equal(help_key(&h, key_of("G"), 10), HELP_GOING);
	for (int height = 0; height < 6; height++) {
		surface_resize(s, 5 * height, height);
		help_draw(s, &h);
		help_key(&h, key_of("j"), height);
	}
	assert_int_equal(help_key(&h, key_of("Esc"), 10), HELP_CLOSED);
	surface_free(&s);
	keymap_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_drops_by_priority),
		cmocka_unit_test(a_table_is_drawn),
		cmocka_unit_test(the_cursor_stays_on_its_row),
		cmocka_unit_test(tables_of_any_size),
		cmocka_unit_test(filters_match_words),
		cmocka_unit_test(fields_edit),
		cmocka_unit_test(histories_are_walked),
		cmocka_unit_test(the_palette_finds),
		cmocka_unit_test(a_name_has_to_be_typed),
		cmocka_unit_test(a_countdown_can_be_taken_back),
		cmocka_unit_test(buttons_take_the_focus),
		cmocka_unit_test(toasts_go_by_themselves),
		cmocka_unit_test(help_shows_the_live_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
