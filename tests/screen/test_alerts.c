/* A budget is set, warns in the strip of the overview, and is acknowledged there with a note by keyboard;
 * the audit has all three. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/throwaway.h"
#include "screen_asserts.h"

static char socket_path[256], store_path[256];

static void the_budget_is_acknowledged(void **state)
{
	const char *budget[] = {screen_binary(), "--socket", socket_path, "budget", "set", "tiny", "--amount", "1", "--period", "day", NULL};
	const char *audit[] = {screen_binary(), "--store", store_path, "audit", "--format", "json", NULL};
	struct screen *s = screen_start_demo("3", "none", 132, 40);
	struct buf out = {0};

	(void)state;
	screen_wait_filled(s);
	screen_demo_file(s, "control.sock", socket_path, sizeof socket_path);
	screen_demo_file(s, THROWAWAY_STORE, store_path, sizeof store_path);
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
	screen_quit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_budget_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
