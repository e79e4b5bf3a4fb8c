/* A budget is set, warns in the strip of the overview, and is acknowledged there with a note by keyboard;
 * the audit has all three. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "screen.h"

#define SOON 20000
#define FILLED 150000 /* until the demo's invented past is stored: sanitizers take their time */

#define assert_shows(s, text) \
	do { \
		if (!screen_wait_text(s, text, SOON)) \
			fail_msg("\"%s\" did not appear:\n%s", text, screen_text(s)); \
	} while (0)

static char socket_path[256], store_path[256];

static void find_demo(void)
{
	char pattern[200];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/llmdeck/demo-*/control.sock", screen_folder());
	if (glob(pattern, 0, NULL, &found) != 0)
		fail_msg("no demo runs: %s", pattern);
	snprintf(socket_path, sizeof socket_path, "%s", found.gl_pathv[0]);
	globfree(&found);
	snprintf(pattern, sizeof pattern, "%s/llmdeck/demo-*/*.db", screen_folder());
	if (glob(pattern, 0, NULL, &found) != 0)
		fail_msg("no store: %s", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (!strstr(found.gl_pathv[i], "-text.db"))
			snprintf(store_path, sizeof store_path, "%s", found.gl_pathv[i]);
	}
	globfree(&found);
}

static void the_budget_is_acknowledged(void **state)
{
	const char *demo[] = {screen_binary(), "demo", "--speed", "3", "--incident", "none", NULL};
	const char *budget[] = {screen_binary(), "--socket", socket_path, "budget", "set", "tiny", "--amount", "1", "--period", "day", NULL};
	const char *audit[] = {screen_binary(), "--store", store_path, "audit", "--format", "json", NULL};
	struct screen *s = screen_start(demo, NULL, 132, 40);
	struct buf out = {0};

	(void)state;
	if (!screen_wait_text(s, "LIVE", FILLED))
		fail_msg("the demo does not come to life:\n%s", screen_text(s));
	find_demo();
	assert_shows(s, "responder");
	if (screen_run(budget, NULL, &out) != 0)
		fail_msg("budget set: %s", out.data ? out.data : "");
	assert_shows(s, "CRIT tiny");
	screen_send(s, "a");
	assert_shows(s, "acknowledge tiny");
	screen_send(s, "known and fine\r");
	assert_shows(s, "acknowledged: tiny");
	screen_send(s, "!");
	assert_shows(s, "known and fine");
	screen_send(s, "m");
	assert_shows(s, "Nobody is told of it");
	screen_send(s, "\x1b");
	if (!screen_wait_gone(s, "Nobody is told of it", SOON))
		fail_msg("Esc did not close the dialog:\n%s", screen_text(s));
	buf_reset(&out);
	assert_int_equal(screen_run(audit, NULL, &out), 0);
	for (const char *const *what = (const char *const[]){"budget.set", "alert.fire", "alert.ack", "known and fine", NULL}; *what; what++) {
		if (!strstr(out.data, *what))
			fail_msg("the audit has no %s:\n%s", *what, out.data);
	}
	buf_fini(&out);
	screen_send(s, "q");
	assert_int_not_equal(screen_wait_exit(s, SOON), -1);
	assert_true(screen_restored(s));
	screen_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_budget_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
