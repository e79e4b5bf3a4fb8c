/* Hands on the traffic: from the overview to a rollback by keyboard, and every way in which nothing may
 * happen: a wrong name, a paste, Esc, a countdown taken back, a read-only session, a console that dies.
 * One demo runs for all of the latter; consoles of their own attach to it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "console/control_rollouts.h"
#include "screen_asserts.h"

static struct screen *demo;
static char folder[256];

/* The demo's private folder: there is one demo at a time. */
static void find_folder(void)
{
	screen_demo_file(demo, "control.sock", folder, sizeof folder);
	*strrchr(folder, '/') = '\0';
}

struct sight {
	bool known, busy;
	double desired, actual;
};

/* What the collector says about checkout's candidate. */
static struct sight look(void)
{
	char path[300];
	struct sight sight = {.known = false};
	struct rollout_list list = {.row_count = 0};
	const struct rollout_view *row;
	struct control_client *client;
	struct err err = {""};

	snprintf(path, sizeof path, "%s/control.sock", folder);
	client = control_client_new(path);
	if (control_rollout_list(client, &list, NULL, &err) == CONTROL_OK &&
	    (row = rollout_list_find(&list, "checkout")) != NULL && row->arm_count == 2)
		sight = (struct sight){true, row->has_action, row->arms[1].desired_weight, row->arms[1].actual_weight};
	rollout_list_fini(&list);
	control_client_free(&client);
	return sight;
}

/* Waits until the candidate's share is wanted, in force, and nobody is at it. */
static bool wait_for_share_ms(struct screen *s, double percent, int timeout_ms)
{
	int64_t until = clock_mono_us() + timeout_ms * US_PER_MS;
	struct sight sight;

	do {
		sight = look();
		if (sight.known && !sight.busy && fabs(sight.desired - percent) < 0.5 && fabs(sight.actual - percent) < 0.5)
			return true;
		screen_settle(s, 50, 100);
	} while (clock_mono_us() < until);
	return false;
}

static bool wait_for_share(struct screen *s, double percent)
{
	return wait_for_share_ms(s, percent, SOON);
}

/* Waits until the collector counts down: what is done before would prove nothing. */
static void wait_for_countdown(struct screen *s)
{
	int64_t until = clock_mono_us() + SOON * US_PER_MS;

	assert_shows(s, "Roll back in");
	while (!look().busy) {
		if (clock_mono_us() > until)
			fail_msg("no action has begun:\n%s", screen_text(s));
	}
}

/* Counts keys as a person presses them. */
static void press(struct screen *s, const char *key, int *presses)
{
	screen_send(s, key);
	(*presses)++;
}

static void the_bad_canary_is_rolled_back(void **state)
{
	struct screen *s = demo = screen_start_demo("20", "canary", 120, 40);
	int presses = 0;

	(void)state;
	find_folder();
	screen_wait_filled(s);
	if (!screen_wait_text(s, "FAIL", FILLED)) /* on the overview */
		fail_msg("the bad canary does not show:\n%s", screen_text(s));
	press(s, "4", &presses);
	assert_shows(s, "v43 against v42");
	assert_shows(s, "gate ▲ FAIL");
	press(s, "R", &presses);
	assert_shows(s, "ROLL BACK checkout");
	assert_shows(s, ":rw, raise this session");
	press(s, "\r", &presses);
	assert_shows(s, "type v43");
	assert_shows(s, "FAIL p95"); /* the evidence stays in sight, and is the reason */
	screen_send(s, "v43");
	press(s, "\r", &presses);
	assert_shows(s, "Roll back in");
	assert_shows(s, "1 of 1 target applied");
	assert_shows(s, "audit: rollback by");
	assert_true(presses < 12);
	press(s, "\033", &presses);
	assert_gone(s, "ROLL BACK");
	assert_gone(s, "FAIL"); /* the panel has recovered */
	assert_shows(s, "idle: everything goes to stable");
	if (!wait_for_share(s, 0))
		fail_msg("the candidate still has traffic:\n%s", screen_text(s));
	screen_send(s, ":audit\r");
	assert_shows(s, "rollback");
	assert_shows(s, "p95 +"); /* the reason, in the entry */
	screen_send(s, "4");
	assert_shows(s, "v43 against v42");
	screen_send(s, "R");
	assert_shows(s, "nothing will be sent");
	screen_send(s, "\033");
	assert_gone(s, "ROLL BACK");
	screen_quit(&s);
	demo = NULL;
}

/* ── what must not move anything ───────────────────────────────────────────────────────────── */

static int start_quiet_demo(void **state)
{
	(void)state;
	demo = screen_start_demo("5", "none", 80, 24);
	find_folder();
	screen_wait_filled(demo);
	return wait_for_share_ms(demo, 25, FILLED) ? 0 : -1;
}

static int stop_quiet_demo(void **state)
{
	(void)state;
	if (demo)
		screen_quit(&demo);
	return 0;
}

/* A console of its own on the demo's store, at the rollouts page. */
static struct screen *attach(bool read_only)
{
	char store[300], sock[300];
	const char *argv[12] = {screen_binary(), "--store", store, "--socket", sock, "console"};
	struct screen *s;

	snprintf(store, sizeof store, "%s/llmdeck.db", folder);
	snprintf(sock, sizeof sock, "%s/control.sock", folder);
	if (read_only)
		argv[6] = "--read-only";
	s = screen_start(argv, NULL, 80, 24);
	assert_shows(s, "LIVE");
	screen_send(s, "4");
	assert_shows(s, "v43 against v42");
	assert_shows(s, "1 of 1 applied"); /* the collector has been asked */
	return s;
}

/* To the point where only the name is missing. */
static struct screen *open_dialog(void)
{
	struct screen *s = attach(false);

	screen_send(s, "R");
	assert_shows(s, ":rw, raise this session");
	screen_send(s, "\r");
	assert_shows(s, "type v43");
	return s;
}

static void leave_unchanged(struct screen **s)
{
	if (!wait_for_share(*s, 25))
		fail_msg("the share has changed: wanted %.0f:\n%s", look().desired, screen_text(*s));
	screen_quit(s);
}

static void a_wrong_name_does_nothing(void **state)
{
	struct screen *s = open_dialog();

	(void)state;
	screen_send(s, "\r");
	screen_send(s, "v42\r");
	assert_shows(s, "v42");
	assert_shows(s, "off until the name matches");
	screen_send(s, "\033");
	assert_gone(s, "type v43");
	leave_unchanged(&s);
}

static void a_pasted_name_does_nothing(void **state)
{
	struct screen *s = open_dialog();

	(void)state;
	screen_send(s, "\033[200~v43\r\033[201~");
	screen_send(s, "\r");
	screen_settle(s, 200, 1000);
	assert_shows(s, "off until the name matches");
	screen_send(s, "\033");
	assert_gone(s, "type v43");
	leave_unchanged(&s);
}

static void esc_leaves_the_dialog(void **state)
{
	struct screen *s = open_dialog();

	(void)state;
	screen_send(s, "v43");
	screen_send(s, "\033");
	assert_gone(s, "ROLL BACK");
	leave_unchanged(&s);
}

static void undo_takes_the_countdown_back(void **state)
{
	static const char *const keys[] = {"u", "\033"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct screen *s = open_dialog();

		screen_send(s, "v43\r");
		wait_for_countdown(s);
		screen_send(s, keys[i]);
		assert_shows(s, "nothing was done");
		screen_send(s, "\033");
		assert_gone(s, "ROLL BACK");
		leave_unchanged(&s);
	}
}

static void read_only_never_may(void **state)
{
	struct screen *s = attach(true);

	(void)state;
	screen_send(s, "R");
	assert_shows(s, "started with --read-only");
	assert_null(strstr(screen_text(s), "type v43"));
	screen_send(s, "v43\r");
	assert_gone(s, "ROLL BACK"); /* Enter closes: there is nothing to confirm */
	screen_send(s, ":rw\r");
	assert_shows(s, "--read-only: start one without");
	leave_unchanged(&s);
}

static void a_dying_console_cancels(void **state)
{
	static const int signals[] = {SIGKILL, SIGHUP};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct screen *s = open_dialog();

		screen_send(s, "v43\r");
		wait_for_countdown(s);
		screen_signal(s, signals[i]);
		assert_int_not_equal(screen_wait_exit(s, SOON), -1);
		screen_free(&s);
		if (!wait_for_share(demo, 25))
			fail_msg("signal %d: the share is now %.0f", signals[i], look().desired);
	}
}

/* A console that is stopped cannot take anything back either. */
static void a_stopped_console_cancels(void **state)
{
	struct screen *s = open_dialog();

	(void)state;
	screen_send(s, "v43\r");
	wait_for_countdown(s);
	screen_signal(s, SIGSTOP);
	assert_true(wait_for_share(demo, 25));
	screen_signal(s, SIGCONT);
	assert_shows(s, "cancelled");
	screen_send(s, "\033");
	assert_gone(s, "ROLL BACK");
	leave_unchanged(&s);
}

static void enter_opens_one_rollout(void **state)
{
	struct screen *s = attach(false);

	(void)state;
	assert_shows(s, "CANDIDATE");
	screen_send(s, "\r");
	assert_shows(s, "rollouts > checkout prod");
	assert_gone(s, "CANDIDATE");
	screen_send(s, "j"); /* the next one */
	assert_gone(s, "rollouts > checkout prod");
	screen_send(s, "\033");
	assert_shows(s, "CANDIDATE");
	leave_unchanged(&s);
}

static void hold_needs_no_name(void **state)
{
	struct screen *s = attach(false);

	(void)state;
	screen_send(s, "H");
	assert_shows(s, ":rw, raise this session");
	screen_send(s, "\r");
	assert_shows(s, "< Cancel >   [ Hold ]");
	screen_send(s, "\r");
	assert_shows(s, "held: its steps do not advance");
	screen_send(s, "\033");
	assert_shows(s, "HELD");
	leave_unchanged(&s);
}

/* The last of them: it does move the traffic of all three rollouts, and only after its own word. */
static void stop_all_rolls_everything_back(void **state)
{
	struct screen *s = attach(false);

	(void)state;
	screen_send(s, ":stop-all environment=prod\r");
	assert_shows(s, "EMERGENCY STOP environment=prod");
	assert_shows(s, ":rw, raise this session");
	screen_send(s, "\r");
	assert_shows(s, "type stop-all");
	screen_send(s, "v43\r");
	assert_shows(s, "off until the name matches");
	screen_send(s, "\025stop-all\r");
	assert_shows(s, "Stop all in");
	assert_shows(s, "3 of 3 applied");
	assert_true(wait_for_share(s, 0));
	assert_shows(s, "audit: stop-all by");
	screen_send(s, "\033");
	assert_gone(s, "EMERGENCY STOP");
	screen_quit(&s);
}

int main(void)
{
	const struct CMUnitTest quiet[] = {
		cmocka_unit_test(enter_opens_one_rollout),
		cmocka_unit_test(a_wrong_name_does_nothing),  cmocka_unit_test(a_pasted_name_does_nothing),
		cmocka_unit_test(esc_leaves_the_dialog),      cmocka_unit_test(undo_takes_the_countdown_back),
		cmocka_unit_test(read_only_never_may),        cmocka_unit_test(a_dying_console_cancels),
		cmocka_unit_test(a_stopped_console_cancels),  cmocka_unit_test(hold_needs_no_name),
		cmocka_unit_test(stop_all_rolls_everything_back),
	};
	const struct CMUnitTest incident[] = {cmocka_unit_test(the_bad_canary_is_rolled_back)};
	int failed = cmocka_run_group_tests(quiet, start_quiet_demo, stop_quiet_demo);

	return failed + cmocka_run_group_tests(incident, NULL, NULL);
}
