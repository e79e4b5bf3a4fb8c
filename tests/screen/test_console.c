/* The console as a person meets it: starts, answers keys, follows the window's size, leaves the
 * terminal as it was. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "screen_asserts.h"

/* A store with a little history, made once by the real import. */
static const char *sample_store(void)
{
	static char path[128];
	char log[128];
	FILE *f;

	if (path[0])
		return path;
	snprintf(log, sizeof log, "%s/sample.csv", screen_folder());
	snprintf(path, sizeof path, "%s/sample.db", screen_folder());
	f = fopen(log, "w");
	assert_non_null(f);
	fputs("end_time,service,deployment,model,provider,latency_ms,ttft_ms,input_tokens,output_tokens,status\n", f);
	for (int i = 0; i < 600; i++)
		fprintf(f, "2026-03-01T10:%02d:%02dZ,%s,v%d,gpt-4o,openai,%d,%d,%d,%d,%s\n", i / 10, i % 10 * 6,
		        i % 3 ? "chat" : "search", i % 2 + 1, 400 + i, 100 + i % 50, 1000 + i, 50 + i % 9,
		        i % 50 == 0 ? "500" : "200");
	fclose(f);
	screen_import(path, log, "request");
	return path;
}

static struct screen *start_history(const char *const *env, int width, int height)
{
	const char *argv[] = {screen_binary(), "--store", sample_store(), "console", "--read-only", NULL};

	return screen_start(argv, env, width, height);
}

static void demo_starts_labelled(void **state)
{
	const char *argv[] = {screen_binary(), "demo", "--speed", "5", NULL};
	struct screen *s = screen_start(argv, NULL, 120, 40);

	(void)state;
	assert_shows(s, "DEMO");
	screen_wait_filled(s);
	assert_shows(s, "checkout");
	screen_send(s, "p");
	assert_shows(s, "PAUSED");
	screen_send(s, "p");
	assert_gone(s, "PAUSED");
	screen_quit(&s);
}

/* The first frame does not wait for the collector that the console starts, and says that it is on its way. */
static void draws_while_its_collector_starts(void **state)
{
	const char *argv[] = {screen_binary(), "--store", sample_store(), "console", NULL};
	struct screen *s = screen_start(argv, NULL, 140, 40);
	const char *bytes;

	(void)state;
	assert_shows(s, "collecting and alarms end with this console");
	assert_shows(s, "chat");
	assert_gone(s, "STARTING");
	bytes = strstr(screen_bytes(s)->data, "STARTING");
	assert_non_null(bytes);
	assert_non_null(strstr(bytes, "collecting and"));
	screen_quit(&s);
}

/* Without a collector what is stored can still be read, and the strip says why there is none. */
static void reads_on_when_its_collector_cannot_start(void **state)
{
	const char *argv[] = {screen_binary(), "--store", sample_store(), "--socket", "/dev/null/control.sock", "console", NULL};
	struct screen *s = screen_start(argv, NULL, 140, 40);

	(void)state;
	assert_shows(s, "/dev/null");
	assert_shows(s, "HISTORY");
	assert_shows(s, "chat");
	assert_shows(s, "no collector");
	screen_quit(&s);
}

/* A store that is not there yet is being made: nothing is wrong. */
static void makes_its_store(void **state)
{
	char path[160];
	struct screen *s;

	(void)state;
	snprintf(path, sizeof path, "%s/fresh.db", screen_folder());
	const char *argv[] = {screen_binary(), "--store", path, "console", NULL};

	s = screen_start(argv, NULL, 140, 40);
	assert_shows(s, "collecting and alarms end with this console");
	assert_gone(s, "STARTING");
	assert_gone(s, "loading");
	assert_null(strstr(screen_bytes(s)->data, "cannot be opened"));
	screen_quit(&s);
}

static void history_says_so(void **state)
{
	struct screen *s = start_history(NULL, 80, 24);

	(void)state;
	assert_shows(s, "HISTORY");
	assert_shows(s, "chat");
	assert_shows(s, "RO");
	screen_quit(&s);
}

static void keys_do_what_help_says(void **state)
{
	struct screen *s = start_history(NULL, 100, 30);

	(void)state;
	assert_shows(s, "HISTORY");
	screen_send(s, "?");
	assert_shows(s, "Everywhere");
	screen_send(s, "\033");
	assert_gone(s, "Everywhere");
	screen_send(s, ":");
	screen_send(s, "latency\r");
	assert_shows(s, "p99");
	screen_send(s, "0");
	assert_shows(s, "signals");
	screen_quit(&s);
}

static void zoom_changes_the_window(void **state)
{
	struct screen *s = start_history(NULL, 100, 30);

	(void)state;
	if (!screen_wait_row(s, 0, " 1h ", SOON))
		fail_msg("no 1h window:\n%s", screen_text(s));
	screen_send(s, "z");
	if (!screen_wait_gone(s, " 1h ", SOON))
		fail_msg("z did not zoom:\n%s", screen_text(s));
	screen_send(s, "Z");
	assert_shows(s, " 1h ");
	screen_quit(&s);
}

static void filter_shows_in_the_header(void **state)
{
	struct screen *s = start_history(NULL, 120, 30);

	(void)state;
	assert_shows(s, "search");
	screen_send(s, "/");
	screen_send(s, "chat");
	screen_send(s, "\r");
	assert_shows(s, "/chat");
	screen_quit(&s);
}

/* From 300x100 to 20x5 and back while the demo runs. */
static void a_storm_of_sizes(void **state)
{
	static const int sizes[][2] = {{300, 100}, {200, 50}, {132, 43}, {80, 24}, {60, 15}, {40, 10},
	                               {20, 5},    {21, 6},   {79, 23},  {1, 1},   {300, 5}, {20, 100},
	                               {80, 24},   {300, 100}};
	const char *argv[] = {screen_binary(), "demo", "--speed", "5", NULL};
	struct screen *s = screen_start(argv, NULL, 300, 100);

	(void)state;
	assert_shows(s, "DEMO");
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			screen_resize(s, sizes[i][0], sizes[i][1]);
			if (i % 4 == 3)
				screen_settle(s, 30, 300);
		}
	screen_resize(s, 80, 24);
	screen_send(s, "\014"); /* redraw */
	assert_shows(s, "DEMO");
	assert_shows(s, "signals");
	screen_resize(s, 300, 100);
	assert_shows(s, "DEMO");
	screen_quit(&s);
}

static void every_terminal_is_served(void **state)
{
	static const char *const terms[] = {"TERM=linux", "TERM=vt100", "TERM=xterm-256color",
	                                    "TERM=tmux-256color", "TERM=no-such-terminal", "TERM"};

	(void)state;
	for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
		const char *env[] = {terms[i], NULL};
		struct screen *s = start_history(env, 80, 24);

		if (!screen_wait_text(s, "HISTORY", SOON))
			fail_msg("%s:\n%s", terms[i], screen_text(s));
		assert_shows(s, "chat");
		screen_quit(&s);
	}
}

static void without_a_locale_it_is_utf8(void **state)
{
	const char *env[] = {"LANG", NULL};
	struct screen *s = start_history(env, 80, 24);

	(void)state;
	assert_shows(s, "HISTORY");
	assert_shows(s, "chat");
	assert_null(strstr(screen_text(s), "?????"));
	screen_quit(&s);
}

static void a_misspelt_locale_costs_nothing(void **state)
{
	const char *env[] = {"LC_ALL=xx_YY.nonsense", NULL};
	struct screen *s = start_history(env, 80, 24);

	(void)state;
	assert_shows(s, "HISTORY");
	assert_shows(s, "─");
	screen_quit(&s);
}

static void no_color_means_none(void **state)
{
	const char *env[] = {"NO_COLOR=1", NULL};
	struct screen *s = start_history(env, 80, 24);

	(void)state;
	assert_shows(s, "HISTORY");
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 80; x++) {
			struct screen_cell c = screen_cell(s, x, y);

			assert_false(c.own_foreground || c.own_background);
		}
	screen_quit(&s);
}

static void signals_restore_the_terminal(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGINT};

	(void)state;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		struct screen *s = start_history(NULL, 80, 24);

		assert_shows(s, "HISTORY");
		screen_signal(s, signals[i]);
		if (screen_wait_exit(s, SOON) == -1)
			fail_msg("signal %d did not end it", signals[i]);
		assert_true(screen_restored(s));
		screen_free(&s);
	}
}

static void ctrl_c_quits(void **state)
{
	struct screen *s = start_history(NULL, 80, 24);

	(void)state;
	assert_shows(s, "HISTORY");
	screen_send(s, "\003");
	assert_int_not_equal(screen_wait_exit(s, SOON), -1);
	assert_true(screen_restored(s));
	screen_free(&s);
}

static void in_a_pipe_it_prints_one_screen(void **state)
{
	const char *argv[] = {screen_binary(), "--store", sample_store(), NULL};
	struct buf out = {0};

	(void)state;
	assert_int_equal(screen_run(argv, NULL, &out), 0);
	assert_non_null(strstr(out.data, "HISTORY"));
	assert_non_null(strstr(out.data, "chat"));
	assert_null(strchr(out.data, '\033'));
	buf_fini(&out);
}

static void a_missing_store_is_explained(void **state)
{
	char path[160];
	const char *argv[] = {screen_binary(), "--store", path, "report", NULL};
	struct buf out = {0};

	(void)state;
	snprintf(path, sizeof path, "%s/none.db", screen_folder());
	assert_int_equal(screen_run(argv, NULL, &out), 4);
	assert_non_null(strstr(out.data, "llmdeck: no store: "));
	assert_non_null(strstr(out.data, "llmdeck import"));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_pipe_it_prints_one_screen),
		cmocka_unit_test(a_missing_store_is_explained),
		cmocka_unit_test(history_says_so),
		cmocka_unit_test(keys_do_what_help_says),
		cmocka_unit_test(zoom_changes_the_window),
		cmocka_unit_test(filter_shows_in_the_header),
		cmocka_unit_test(every_terminal_is_served),
		cmocka_unit_test(without_a_locale_it_is_utf8),
		cmocka_unit_test(a_misspelt_locale_costs_nothing),
		cmocka_unit_test(no_color_means_none),
		cmocka_unit_test(signals_restore_the_terminal),
		cmocka_unit_test(ctrl_c_quits),
		cmocka_unit_test(demo_starts_labelled),
		cmocka_unit_test(draws_while_its_collector_starts),
		cmocka_unit_test(reads_on_when_its_collector_cannot_start),
		cmocka_unit_test(makes_its_store),
		cmocka_unit_test(a_storm_of_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
