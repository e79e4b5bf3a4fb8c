/* From the overview, with the keyboard alone: an operator sets a budget, sees it warn, acknowledges it,
 * changes it against what it was and removes it. The audit has all of it, and `budget list` agrees with
 * the page. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/throwaway.h"
#include "screen_asserts.h"

static char store_path[256];

static void assert_audit_has(const char *const *what)
{
	const char *audit[] = {screen_binary(), "--store", store_path, "audit", "--format", "json", NULL};
	struct buf out = {0};

	assert_int_equal(screen_run(audit, NULL, &out), 0);
	for (; *what; what++) {
		if (!strstr(out.data, *what))
			fail_msg("the audit has no %s:\n%s", *what, out.data);
	}
	buf_fini(&out);
}

static void assert_list_has(const char *const *what)
{
	const char *list[] = {screen_binary(), "--store", store_path, "budget", "list", "--format", "json", NULL};
	struct buf out = {0};

	assert_int_equal(screen_run(list, NULL, &out), 0);
	for (; *what; what++) {
		if (!strstr(out.data, *what))
			fail_msg("budget list has no %s:\n%s", *what, out.data);
	}
	buf_fini(&out);
}

static void a_budget_is_set_warns_and_is_acknowledged(void **state)
{
	struct screen *s = screen_start_demo("3", "none", 132, 40);

	(void)state;
	screen_wait_filled(s);
	screen_demo_file(s, THROWAWAY_STORE, store_path, sizeof store_path);
	assert_shows(s, "responder");
	screen_send(s, ":budget tiny 1\r");
	assert_shows(s, "a new budget");
	assert_shows(s, "confirming also raises this session");
	screen_send(s, "\r");
	assert_shows(s, "operator");
	assert_shows(s, "CRIT tiny");
	screen_send(s, "a");
	assert_shows(s, "acknowledge tiny");
	screen_send(s, "known and fine\r");
	assert_shows(s, "acknowledged: tiny");
	assert_audit_has((const char *const[]){"budget.set", "alert.fire", "alert.ack", "known and fine", NULL});

	screen_send(s, ":budgets\r");
	assert_shows(s, "tiny: everything, month in UTC");
	assert_shows(s, "who spends");
	screen_send(s, "B");
	assert_shows(s, "budget tiny");
	screen_send(s, "\x15" "1000000\r"); /* Ctrl-U empties the field */
	assert_shows(s, "budget set: tiny");
	assert_shows(s, "$1.00M");
	assert_list_has((const char *const[]){"\"name\":\"tiny\"", "\"amount_usd\":\"1000000.000000000\"", "\"state\":\"ok\"", NULL});
	screen_send(s, "/tiny\r");
	assert_shows(s, "tiny: everything");
	screen_send(s, "\r");
	assert_shows(s, "narrowed to budget tiny and its period");
	assert_shows(s, "monitor > cost");
	screen_send(s, ":budgets\r");
	assert_shows(s, "who spends");
	screen_send(s, "/tiny\r");
	assert_shows(s, "tiny: everything");
	screen_send(s, "D");
	assert_shows(s, "remove budget tiny");
	screen_send(s, "\t\r");
	assert_shows(s, "budget removed: tiny");
	assert_gone(s, "tiny: everything");
	assert_audit_has((const char *const[]){"budget.remove", NULL});
	screen_quit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_is_set_warns_and_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
