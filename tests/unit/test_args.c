/* Options from tables: what users type, and what they are told when it is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/args.h"
#include "cli/global.h"
#include "cli/text_table.h"
#include "cli/window.h"

static const struct command_option rows[] = {
	{"--since", "DURATION", "how far back"}, {"--where", "FIELD=VALUE", "only these"},
	{"--dry-run", NULL, "change nothing"},   {"-e", "URL", "an endpoint"},
	{"--limit", "N", "at most"},             {NULL, NULL, NULL},
};
static const struct command sample = {
	.name = "sample", .usage = "[--since 1h] FILE…", .summary = "a sample", .options = rows};

#define PARSE(a, err, ...) \
	args_parse(a, &sample, (int)(sizeof((char *[]){"sample", __VA_ARGS__}) / sizeof(char *)), \
	           (char *[]){"sample", __VA_ARGS__}, err)

static void values_in_both_forms(void **state)
{
	struct args a;
	struct err err = {""};

	(void)state;
	assert_int_equal(PARSE(&a, &err, "--since", "1h", "--where=a=b", "f.csv", "--where", "c=d", "-e",
	                       "http://x", "-", "--dry-run"), 0);
	assert_string_equal(args_value(&a, "--since"), "1h");
	assert_string_equal(args_nth(&a, "--where", 0), "a=b");
	assert_string_equal(args_nth(&a, "--where", 1), "c=d");
	assert_null(args_nth(&a, "--where", 2));
	assert_string_equal(args_value(&a, "-e"), "http://x");
	assert_true(args_has(&a, "--dry-run"));
	assert_int_equal(a.operand_count, 2);
	assert_string_equal(a.operands[0], "f.csv");
	assert_string_equal(a.operands[1], "-");
	args_fini(&a);
}

static void double_dash_ends_options(void **state)
{
	struct args a;
	struct err err = {""};

	(void)state;
	assert_int_equal(PARSE(&a, &err, "--", "--since", "x"), 0);
	assert_int_equal(a.operand_count, 2);
	assert_false(args_has(&a, "--since"));
	args_fini(&a);
}

static void a_slip_is_named(void **state)
{
	struct args a;
	struct err err = {""};

	(void)state;
	assert_int_equal(PARSE(&a, &err, "--sinse", "1h"), -1);
	assert_string_equal(err.text, "sample: unknown option --sinse: did you mean --since?");
	args_fini(&a);
	assert_int_equal(PARSE(&a, &err, "--quux"), -1);
	assert_non_null(strstr(err.text, "see llmdeck sample --help"));
	args_fini(&a);
	assert_int_equal(PARSE(&a, &err, "--since"), -1);
	assert_non_null(strstr(err.text, "--since needs a value"));
	args_fini(&a);
	assert_int_equal(PARSE(&a, &err, "--dry-run=yes"), -1);
	assert_non_null(strstr(err.text, "takes no value"));
	args_fini(&a);
}

static void numbers_have_bounds(void **state)
{
	struct args a;
	struct err err = {""};
	int64_t n = 7;

	(void)state;
	assert_int_equal(PARSE(&a, &err, "--limit", "12"), 0);
	assert_int_equal(args_int(&a, "--limit", 1, 100, &n, &err), 0);
	assert_int_equal(n, 12);
	assert_int_equal(args_int(&a, "--limit", 1, 10, &n, &err), -1);
	assert_non_null(strstr(err.text, "from 1 to 10"));
	args_fini(&a);
}

static void every_command_has_help(void **state)
{
	(void)state;
	for (size_t i = 0; commands[i]; i++) {
		struct buf out = {0};

		args_help(commands[i], &out);
		assert_non_null(strstr(out.data, commands[i]->summary));
		for (const struct command_option *o = commands[i]->options; o && o->name; o++)
			assert_non_null(strstr(out.data, o->name));
		buf_fini(&out);
	}
}

static void globals_stand_anywhere(void **state)
{
	char *argv[] = {"llmdeck", "--store", "/a", "report", "--socket=/s", "--by", "model", NULL};
	char *plain[] = {"llmdeck", NULL};
	char *wrong[] = {"llmdeck", "--stroe", "/a", "report", NULL};
	struct global_words w;
	struct err err = {""};
	int argc = 7;

	(void)state;
	assert_int_equal(global_take(&w, &argc, argv, &err), 0);
	assert_string_equal(w.store, "/a");
	assert_string_equal(w.socket, "/s");
	assert_int_equal(argc, 3);
	assert_string_equal(argv[0], "report");
	assert_string_equal(argv[2], "model");
	argc = 1;
	assert_int_equal(global_take(&w, &argc, plain, &err), 0);
	assert_int_equal(argc, 0);
	argc = 4;
	assert_int_equal(global_take(&w, &argc, wrong, &err), -1);
	assert_non_null(strstr(err.text, "did you mean --store?"));
}

static void the_store_given_wins(void **state)
{
	struct global g;
	struct global_words w = {.store = "/tmp/x.db", .config = "/nonexistent/config.yaml"};
	struct err err = {""};

	(void)state;
	setenv("LLMDECK_STORE", "/tmp/other.db", 1);
	assert_int_equal(global_resolve(&g, &w, "llmdeck", &err), 0);
	assert_string_equal(g.store_path, "/tmp/x.db");
	assert_true(g.store_given);
	assert_true(g.config_error.text[0] != '\0');
	global_fini(&g);
	w.store = NULL;
	w.config = NULL;
	assert_int_equal(global_resolve(&g, &w, "llmdeck", &err), 0);
	assert_string_equal(g.store_path, "/tmp/other.db");
	global_fini(&g);
	unsetenv("LLMDECK_STORE");
}

static void a_table_fits_its_width(void **state)
{
	static const struct text_column columns[] = {
		{"NAME", true, 0}, {"A", false, 0}, {"B", false, 2}, {"C", false, 1}};
	struct text_table *t = text_table_new(columns, 4);
	struct buf out = {0};

	(void)state;
	text_table_add(t, str_of("a rather long name\033[31m"));
	text_table_addf(t, "1000");
	text_table_addf(t, "2000");
	text_table_addf(t, "3000");
	text_table_print(t, 20, &out);
	assert_null(strchr(out.data, '\033'));
	assert_non_null(strstr(out.data, "…"));
	assert_non_null(strstr(out.data, "1000"));
	assert_null(strstr(out.data, "2000"));
	assert_non_null(strstr(out.data, "not shown for want of room: B, C"));
	buf_reset(&out);
	text_table_print(t, 0, &out);
	assert_non_null(strstr(out.data, "a rather long name^[[31m  1000  2000  3000\n"));
	buf_fini(&out);
	text_table_free(&t);
}

#define T(text) time_of(text)
static int64_t time_of(const char *text)
{
	int64_t us = 0;

	assert_true(time_parse(str_of(text), NULL, TIME_UNIT_AUTO, &us));
	return us;
}

static void read_window(struct window *w, int64_t last_us, int argc, char **argv)
{
	static const struct command_option window_rows[] = {WINDOW_OPTIONS, {NULL, NULL, NULL}};
	static const struct command c = {.name = "w", .options = window_rows};
	struct store_summary summary = {.last_us = last_us, .requests = 1};
	struct args a;
	struct err err = {""};

	assert_int_equal(args_parse(&a, &c, argc, argv, &err), 0);
	assert_int_equal(window_read(w, &a, &summary, NULL, T("2026-11-23T13:30:00Z"), &err), 0);
	args_fini(&a);
}

static void windows_end_now_or_with_history(void **state)
{
	struct window w;

	(void)state;
	read_window(&w, T("2026-11-23T13:29:00Z"), 1, (char *[]){"w"});
	assert_false(w.historic);
	assert_int_equal(w.view.to_us, T("2026-11-23T13:30:00Z"));
	assert_int_equal(w.view.from_us, T("2026-11-23T12:30:00Z"));
	read_window(&w, T("2023-11-16T19:14:19.9Z"), 1, (char *[]){"w"});
	assert_true(w.historic && w.by_default);
	assert_int_equal(w.view.to_us, T("2023-11-16T19:15:00Z"));
	assert_int_equal(w.view.from_us, T("2023-11-16T18:15:00Z"));
	read_window(&w, T("2026-11-23T13:29:00Z"), 5, (char *[]){"w", "--from", "23:00", "--to", "01:00"});
	assert_int_equal(w.view.from_us, T("2026-11-22T23:00:00Z"));
	assert_int_equal(w.view.to_us, T("2026-11-23T01:00:00Z"));
	read_window(&w, T("2026-11-23T13:29:00Z"), 3, (char *[]){"w", "--from", "2026-11-20"});
	assert_int_equal(w.view.from_us, T("2026-11-20T00:00:00Z"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_in_both_forms),    cmocka_unit_test(double_dash_ends_options),
		cmocka_unit_test(a_slip_is_named),         cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(every_command_has_help),  cmocka_unit_test(globals_stand_anywhere),
		cmocka_unit_test(the_store_given_wins),    cmocka_unit_test(a_table_fits_its_width),
		cmocka_unit_test(windows_end_now_or_with_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
