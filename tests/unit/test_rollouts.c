/* The rollouts' controller under a fake clock: what an operator asks for, what goes wrong on the way,
 * and what is found after a kill. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/rollouts_bench.h"

/* ── transactions ──────────────────────────────────────────────────────────────────────────── */

static void test_rollback(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	start(&w);
	assert_true(w.r->managed[0].known);
	begin(&w, "rollback", "");
	assert_int_equal(last_action(&w)->state, ACTION_COUNTDOWN);
	assert_string_equal(log_rows[0].state, "intent");
	wait_beating(&w, 2 * US_PER_S);
	assert_int_equal(applies(), 0);
	wait_beating(&w, 2 * US_PER_S);
	assert_int_equal(applies(), 2);
	assert_string_equal(log_rows[1].state, "applying");
	assert_string_equal(log_rows[1].shares, "v42=100 v43=0");
	assert_int_equal(last_action(&w)->state, ACTION_WATCHING);
	send_traffic(40, 0);
	pass_time(&w, 3 * US_PER_S);
	assert_int_equal(last_action(&w)->state, ACTION_DONE);
	assert_non_null(strstr(last_outcome(), "applied: 2 of 2 targets applied (v42 100 %, v43 0 %); arriving traffic agrees"));
	assert_non_null(strstr(last_outcome(), "reason: p95 is up"));
	assert_string_equal(reported_phase, "rolled back");
	assert_true(reports > 2);
	assert_true(rollout_exposure(&w.r->managed[0].desired) == 0);
	end(&w);
}

static void test_traffic_that_does_not_follow(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	send_traffic(20, 20);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "unverified"));
	assert_non_null(strstr(last_outcome(), "still arrives elsewhere"));
	end(&w);
}

/* Read back as wanted, and then the proxy restarts with its old weights while its traffic is watched. */
static void test_lost_again(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	assert_int_equal(last_action(&w)->state, ACTION_WATCHING);
	assert_int_equal(last_action(&w)->parts[0].legs[1].state, LEG_VERIFIED);
	fakes[1].percent[0] = 75;
	fakes[1].percent[1] = 25;
	pass_time(&w, 2 * US_PER_S);
	assert_int_equal(last_action(&w)->parts[0].legs[1].state, LEG_LOST);
	send_traffic(100, 0);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_int_equal(last_action(&w)->state, ACTION_DONE);
	assert_non_null(strstr(last_outcome(), "partial: 1 of 2 targets applied"));
	assert_non_null(strstr(last_outcome(), "proxy-2: read back, and lost again: the weights are others"));
	end(&w);
}

/* It may come back by itself, say from a state file: then nothing was lost. */
static void test_lost_and_found(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	fakes[1].percent[1] = 25;
	pass_time(&w, 2 * US_PER_S);
	assert_int_equal(last_action(&w)->parts[0].legs[1].state, LEG_LOST);
	fakes[1].percent[1] = 0;
	pass_time(&w, 2 * US_PER_S);
	send_traffic(100, 0);
	pass_time(&w, 3 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "applied: 2 of 2 targets applied"));
	end(&w);
}

static void test_too_little_traffic(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	send_traffic(7, 0);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "UNVERIFIED by traffic: 7 requests arrived, fewer than 30"));
	end(&w);
}

static void test_countdown_taken_back(void **state)
{
	struct world w;
	struct buf json = {0};
	struct err err = {""};

	(void)state;
	make_world(&w, 2);
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 2 * US_PER_S);
	assert_int_equal(rollouts_cancel(w.r, STR_LIT("key-00001"), &json, &err), ORDER_OK);
	wait_beating(&w, 10 * US_PER_S);
	assert_int_equal(applies(), 0);
	assert_non_null(strstr(last_outcome(), "cancelled"));
	assert_true(w.r->managed[0].desired.percent[1] == 25);
	buf_fini(&json);
	end(&w);
}

/* Silent from the start, or only in the last half second: neither begins. */
static void test_lost_client(void **state)
{
	static const int64_t alive_us[] = {0, 2800 * US_PER_MS};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world w;

		make_world(&w, 2);
		start(&w);
		begin(&w, "rollback", "");
		wait_beating(&w, alive_us[i]);
		pass_time(&w, 10 * US_PER_S);
		wait_beating(&w, 5 * US_PER_S);
		assert_int_equal(applies(), 0);
		assert_non_null(strstr(last_outcome(), "the client went away"));
		end(&w);
	}
}

static void test_raising_takes_longer(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w);
	begin(&w, "step", "");
	wait_beating(&w, 9 * US_PER_S);
	assert_int_equal(applies(), 0);
	wait_beating(&w, 2 * US_PER_S);
	assert_int_equal(applies(), 1);
	assert_true(fakes[0].percent[1] == 50);
	end(&w);
}

static void test_two_operators(void **state)
{
	struct world w;
	struct err err = {""};

	(void)state;
	make_world(&w, 2);
	start(&w);
	begin(&w, "rollback", "");
	assert_int_equal(order(&w, "step", "", "key-00002", &err), ORDER_BUSY);
	assert_non_null(strstr(err.text, "rollback by mia is under way"));
	wait_beating(&w, 4 * US_PER_S);
	assert_int_equal(applies(), 2);
	/* While only the traffic is watched, the next one may go. */
	assert_int_equal(order(&w, "step", "", "key-00002", &err), ORDER_OK);
	end(&w);
}

static void test_one_key_once(void **state)
{
	struct world w;
	struct err err = {""};

	(void)state;
	make_world(&w, 2);
	start(&w);
	begin(&w, "rollback", "");
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	begin(&w, "rollback", "");
	send_traffic(50, 0);
	pass_time(&w, 3 * US_PER_S);
	begin(&w, "rollback", "");
	assert_int_equal(applies(), 2);
	/* A key from before a restart is known to the ledger alone. */
	key_known = true;
	assert_int_equal(order(&w, "step", "", "key-00009", &err), ORDER_OK);
	wait_beating(&w, 15 * US_PER_S);
	assert_int_equal(applies(), 2);
	assert_int_equal(order(&w, "step", "", "short", &err), ORDER_BAD);
	end(&w);
}

static void test_already_there(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	for (size_t i = 0; i < 2; i++) {
		fakes[i].percent[0] = 100;
		fakes[i].percent[1] = 0;
	}
	start(&w);
	begin(&w, "rollback", "");
	assert_int_equal(last_action(&w)->state, ACTION_DONE);
	assert_int_equal(applies(), 0);
	assert_non_null(strstr(last_outcome(), "nothing to do: it is already so (v42 100 %, v43 0 %)"));
	end(&w);
}

static void test_dies_between_apply_and_verify(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	fakes[0].verify_fails = true;
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 5 * US_PER_S);
	assert_int_equal(applies(), 1);
	assert_non_null(strstr(last_outcome(), "0 of 1 target applied"));
	assert_non_null(strstr(last_outcome(), "may be applied, was not read back: proxy-1: nobody answers any more"));
	end(&w);
}

static void test_says_yes_and_does_nothing(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	fakes[0].lies = true;
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 5 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "failed: 0 of 1 target applied"));
	assert_non_null(strstr(last_outcome(), "it still shows v43 25 %"));
	end(&w);
}

static void test_two_of_three(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 3);
	fakes[1].apply_fails = true;
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 5 * US_PER_S);
	send_traffic(50, 0);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_int_equal(applies(), 3); /* what lowers goes on */
	assert_non_null(strstr(last_outcome(), "partial: 2 of 3 targets applied"));
	assert_non_null(strstr(last_outcome(), "proxy-2: not applied: proxy-2: permission denied"));
	/* The target that was left shows as drift. */
	pass_time(&w, 10 * US_PER_S);
	assert_true(managed_drifts(&w.r->managed[0]));
	end(&w);
}

static void test_raising_stops_at_a_failure(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 3);
	fakes[1].apply_fails = true;
	start(&w);
	begin(&w, "set", "60");
	wait_beating(&w, 12 * US_PER_S);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_int_equal(applies(), 2);
	assert_int_equal(fakes[2].applies, 0);
	assert_non_null(strstr(last_outcome(), "proxy-3: left alone after the failure before it"));
	end(&w);
}

static void test_unplanned_target(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	fakes[0].plan_fails = true;
	start(&w);
	begin(&w, "step", "");
	assert_non_null(strstr(last_outcome(), "failed: nothing was done: proxy-1: nobody answers"));
	begin(&w, "rollback", "");
	assert_int_equal(applies(), 0);
	end(&w);
}

static void test_not_recorded_is_not_done(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w);
	store_fails = true;
	begin(&w, "rollback", "");
	wait_beating(&w, 10 * US_PER_S);
	assert_int_equal(applies(), 0);
	assert_int_equal(fakes[0].plans, 0);
	assert_string_equal(last_action(&w)->parts[0].result, "failed");
	end(&w);
}

/* The ledger fails only at the end: the outcome is kept and stored later. */
static void test_late_outcome(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	store_fails = true;
	send_traffic(50, 0);
	pass_time(&w, 3 * US_PER_S);
	assert_int_equal(last_action(&w)->state, ACTION_CLOSING);
	store_fails = false;
	pass_time(&w, STORE_AGAIN_US + US_PER_S);
	assert_int_equal(last_action(&w)->state, ACTION_DONE);
	assert_non_null(strstr(last_outcome(), "applied: 1 of 1"));
	end(&w);
}

static void test_hanging_target(void **state)
{
	struct world w;
	struct err err = {""};
	struct target_answer late = {.job = TARGET_APPLY, .result = ACT_FAILED};

	(void)state;
	make_world(&w, 1);
	fakes[0].apply_hangs = true;
	start(&w);
	begin(&w, "rollback", "");
	wait_beating(&w, 30 * US_PER_S);
	assert_int_equal(last_action(&w)->state, ACTION_APPLYING);
	assert_int_equal(order(&w, "step", "", "key-00002", &err), ORDER_BUSY);
	/* It timed out, and nobody knows whether it was done: reading back tells. */
	late.why.maybe_changed = true;
	fakes[0].hanging(fakes[0].hanging_arg, &late);
	assert_int_equal(fakes[0].verifies, 1);
	assert_int_equal(last_action(&w)->state, ACTION_WATCHING);
	assert_int_equal(applies(), 1);
	end(&w);
}

/* ── after a kill ──────────────────────────────────────────────────────────────────────────── */

static void resolve(struct world *w, const char *state_then)
{
	struct rollout_action_row row = {
		.key = STR_LIT("key-old-1"), .rollout = STR_LIT("checkout"), .verb = STR_LIT("rollback"),
		.state = str_of(state_then), .shares = STR_LIT("v42=100 v43=0"), .before = STR_LIT("v42=75 v43=25"),
		.reason = STR_LIT("p95"), .uid = 1000, .login_uid = 1000,
	};

	action_resolve(w->r, &row);
	pass_time(w, 3 * US_PER_S);
}

static void test_killed_in_the_middle(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 3);
	fakes[0].percent[0] = 100;
	fakes[0].percent[1] = 0; /* the first had been done */
	start(&w);
	resolve(&w, "applying");
	assert_int_equal(applies(), 0);
	assert_non_null(strstr(last_outcome(), "partial: the collector ended while it was at work; read back afterwards: 1 of 3"));
	assert_non_null(strstr(last_outcome(), "proxy-2: not applied"));
	end(&w);
}

static void test_killed_in_the_countdown(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	start(&w);
	resolve(&w, "intent");
	assert_int_equal(applies(), 0);
	assert_int_equal(fakes[0].verifies, 0);
	assert_non_null(strstr(last_outcome(), "cancelled: the collector ended before it touched a target"));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rollback), cmocka_unit_test(test_traffic_that_does_not_follow),
		cmocka_unit_test(test_lost_again), cmocka_unit_test(test_lost_and_found),
		cmocka_unit_test(test_too_little_traffic), cmocka_unit_test(test_countdown_taken_back),
		cmocka_unit_test(test_lost_client), cmocka_unit_test(test_raising_takes_longer),
		cmocka_unit_test(test_two_operators), cmocka_unit_test(test_one_key_once),
		cmocka_unit_test(test_already_there), cmocka_unit_test(test_dies_between_apply_and_verify),
		cmocka_unit_test(test_says_yes_and_does_nothing), cmocka_unit_test(test_two_of_three),
		cmocka_unit_test(test_raising_stops_at_a_failure), cmocka_unit_test(test_unplanned_target),
		cmocka_unit_test(test_not_recorded_is_not_done), cmocka_unit_test(test_late_outcome),
		cmocka_unit_test(test_hanging_target), cmocka_unit_test(test_killed_in_the_middle),
		cmocka_unit_test(test_killed_in_the_countdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
