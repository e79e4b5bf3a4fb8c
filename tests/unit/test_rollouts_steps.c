/* What a rollout does by itself under a fake clock: drift, breaches, steps, holds, and what the
 * telemetry can and cannot say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/rollouts_bench.h"

/* ── drift, breaches, steps ────────────────────────────────────────────────────────────────── */

static void test_drift_and_reapply(void **state)
{
	struct world w;
	const char *phase;
	struct buf reason = {0};

	(void)state;
	make_world(&w, 1);
	start(&w);
	fakes[0].percent[0] = fakes[0].percent[1] = 50; /* a reload lost the weights */
	pass_time(&w, OBSERVE_EVERY_US + US_PER_S);
	assert_true(managed_drifts(&w.r->managed[0]));
	managed_describe(&w.r->managed[0], &phase, &reason);
	assert_non_null(strstr(reason.data, "DRIFT"));
	begin(&w, "reapply", "");
	wait_beating(&w, 4 * US_PER_S);
	assert_true(fakes[0].percent[1] == 25);
	assert_false(managed_drifts(&w.r->managed[0]));
	buf_fini(&reason);
	end(&w);
}

/* Where the traffic really goes, target by target, by the targets' own counters. */
static void test_counters_of_each_target(void **state)
{
	struct world w;
	struct buf json = {0};
	int64_t arrived[ROLLOUT_ARMS_MAX], total;

	(void)state;
	make_world(&w, 2);
	start(&w);
	rollouts_json(w.r, &json);
	assert_non_null(strstr(json.data, "\"arriving_shares\":null"));
	fakes[0].requests[0] = 300;
	fakes[0].requests[1] = 100;
	fakes[1].requests[0] = 400; /* the second proxy sends nobody to the candidate, whatever its weights say */
	pass_time(&w, OBSERVE_EVERY_US + US_PER_S);
	assert_true(slot_arrived(&w.r->managed[0].slots[1], arrived, &total));
	assert_true(arrived[0] == 400 && arrived[1] == 0 && total == 400);
	buf_reset(&json);
	rollouts_json(w.r, &json);
	assert_non_null(strstr(json.data, "\"arrived_requests\":400,\"arriving_shares\":{\"v42\":75,\"v43\":25}"));
	assert_non_null(strstr(json.data, "\"arrives\":\"v42 100 %, v43 0 % of 400\""));
	/* what came before a move says nothing about it */
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	assert_true(!slot_arrived(&w.r->managed[0].slots[0], arrived, &total) || total == 0);
	buf_fini(&json);
	end(&w);
}

static struct evidence verdict(const struct world *w, int64_t errors, int64_t requests)
{
	struct figures stable = {.requests = requests, .errors = requests / 100}, candidate = {.requests = requests / 3, .errors = errors};
	static const struct figures none;
	const struct figures *arms[ROLLOUT_ARMS_MAX] = {&stable, &candidate};
	struct question q = {.config = &w->rollouts[0], .shares = w->r->managed[0].desired, .from_us = now_us, .to_us = now_us + 1,
	                     .stretch = 1};
	struct evidence e;

	evidence_judge(&q, arms, &none, NULL, &e);
	return e;
}

static void feed(struct world *w, const struct evidence *e, int64_t for_us)
{
	for (int64_t t = 0; t < for_us; t += EVIDENCE_EVERY_US) {
		managed_take_evidence(&w->r->managed[0], e);
		pass_time(w, EVIDENCE_EVERY_US);
	}
}

static void test_breach_asks(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w);
	struct evidence bad = verdict(&w, 1000, 30000);

	assert_int_equal(bad.judged[1][0].verdict, AB_FAIL);
	feed(&w, &bad, 20 * US_PER_S);
	assert_false(w.r->managed[0].breached);
	feed(&w, &bad, 30 * US_PER_S);
	assert_true(w.r->managed[0].breached);
	assert_non_null(strstr(w.r->managed[0].breach_words.text, "guardrail error_rate fails"));
	assert_int_equal(applies(), 0);
	end(&w);
}

static void test_breach_rolls_back(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	w.rollouts[0].rollback_on_breach = true;
	start(&w);
	struct evidence bad = verdict(&w, 1000, 30000);

	feed(&w, &bad, 50 * US_PER_S);
	assert_int_equal(applies(), 1);
	assert_true(fakes[0].percent[1] == 0);
	send_traffic(100, 0);
	pass_time(&w, 5 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "guardrail error_rate fails"));
	end(&w);
}

static void test_steps_advance(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	w.rollouts[0].advance = true;
	start(&w);
	struct evidence good = verdict(&w, 1000, 300000), thin = verdict(&w, 1, 300);

	assert_int_equal(good.judged[1][0].verdict, AB_PASS);
	assert_int_equal(thin.judged[1][0].verdict, AB_INCONCLUSIVE);
	feed(&w, &good, 5 * US_PER_MIN);
	assert_int_equal(applies(), 0); /* the hold is not over */
	feed(&w, &thin, 10 * US_PER_MIN);
	assert_int_equal(applies(), 0);
	assert_non_null(strstr(w.r->managed[0].reason, "the next step waits: error_rate of v43 is inconclusive"));
	feed(&w, &good, 20 * US_PER_S);
	assert_int_equal(applies(), 1);
	assert_true(fakes[0].percent[1] == 50);
	end(&w);
}

static void test_hold(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	w.rollouts[0].advance = true;
	start(&w);
	begin(&w, "hold", "");
	pass_time(&w, US_PER_S);
	assert_non_null(strstr(last_outcome(), "applied: held"));
	struct evidence good = verdict(&w, 1000, 300000);

	feed(&w, &good, 20 * US_PER_MIN);
	assert_int_equal(applies(), 0);
	end(&w);
}

static void test_stop_all(void **state)
{
	struct world w;
	struct view where = {0};
	struct err err = {""};
	struct buf json = {0};

	(void)state;
	make_world(&w, 2);
	start(&w);
	struct rollout_order o = {.verb = STR_LIT("stop-all"), .key = STR_LIT("key-00001"), .where = &where, .caller = &w.mia};

	view_add_filter(&where, STR_LIT("environment=staging"), NULL);
	assert_int_equal(rollouts_begin(w.r, &o, &json, &err), ORDER_UNKNOWN);
	where = (struct view){0};
	view_add_filter(&where, STR_LIT("environment=prod"), NULL);
	/* Somebody else's countdown gives way. */
	assert_int_equal(order(&w, "step", "", "key-00008", &err), ORDER_OK);
	assert_int_equal(rollouts_begin(w.r, &o, &json, &err), ORDER_OK);
	assert_non_null(strstr(last_outcome(), "an emergency stop came"));
	assert_int_equal(last_action(&w)->part_count, 2);
	wait_beating(&w, 4 * US_PER_S);
	assert_int_equal(applies(), 3);
	assert_true(fakes[0].percent[1] == 0 && fakes[1].percent[1] == 0 && fakes[2].percent[1] == 0);
	buf_fini(&json);
	end(&w);
}

/* ── what the telemetry can and cannot say ─────────────────────────────────────────────────── */

static void test_no_mark(void **state)
{
	struct world w;
	static const struct figures none;
	const struct figures *arms[ROLLOUT_ARMS_MAX] = {&none, &none};
	struct figures rest = {.requests = 5000};
	struct evidence e;

	(void)state;
	make_world(&w, 1);
	struct question q = {.config = &w.rollouts[0], .stretch = 1};

	evidence_judge(&q, arms, &rest, NULL, &e);
	assert_false(e.known);
	assert_int_equal(e.judged[1][0].verdict, AB_UNKNOWN);
	assert_non_null(strstr(e.words.text, "set llmdeck.deployment"));
}

/* Healthy figures of a candidate that gets 25 % and shows 10 %, or whose failures may leave no trace. */
static void test_never_pass(void **state)
{
	struct world w;
	static const struct figures none;
	struct figures stable = {.requests = 90000, .errors = 900}, candidate = {.requests = 10000, .errors = 100};
	const struct figures *arms[ROLLOUT_ARMS_MAX] = {&stable, &candidate};
	struct evidence e;

	(void)state;
	make_world(&w, 1);
	struct question q = {.config = &w.rollouts[0], .stretch = 1, .shares = {{75, 25}, 2}};

	evidence_judge(&q, arms, &none, NULL, &e);
	assert_int_equal(e.judged[1][0].verdict, AB_INCONCLUSIVE);
	assert_non_null(strstr(e.judged[1][0].words.text, "less traffic arrives than its weight"));
	stable.requests = 30000;
	stable.errors = 300;
	evidence_judge(&q, arms, &none, NULL, &e);
	assert_int_equal(e.judged[1][0].verdict, AB_PASS);
	candidate.errors_lower_bound = 1;
	evidence_judge(&q, arms, &none, NULL, &e);
	assert_int_equal(e.judged[1][0].verdict, AB_INCONCLUSIVE);
}

static void test_what_can_guard(void **state)
{
	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++)
		assert_int_equal(rollout_can_guard((enum metric)m), ab_can_judge((enum metric)m));
}

static void test_shares(void **state)
{
	struct world w;
	struct rollout_shares s, now = {{75, 25}, 2};
	struct err err = {""};
	struct buf text = {0};

	(void)state;
	make_world(&w, 1);
	const struct config_rollout *c = &w.rollouts[0];

	assert_int_equal(rollout_shares_parse(c, STR_LIT("12.5%"), &s, &err), 0);
	assert_true(s.percent[0] == 87.5 && s.percent[1] == 12.5);
	rollout_shares_format(c, &s, &text);
	assert_string_equal(text.data, "v42=87.5 v43=12.5");
	assert_int_equal(rollout_shares_parse(c, buf_str(&text), &s, &err), 0);
	assert_int_equal(rollout_shares_parse(c, STR_LIT("v44=5"), &s, &err), -1);
	assert_int_equal(rollout_shares_parse(c, STR_LIT("v43=120"), &s, &err), -1);
	assert_int_equal(rollout_shares_parse(c, STR_LIT("v42=50 v43=60"), &s, &err), -1);
	assert_int_equal(rollout_shares_parse(c, STR_LIT("much"), &s, &err), -1);
	assert_int_equal(rollout_wanted(c, ROLLOUT_STEP, STR_LIT(""), &now, &s, &err), 0);
	assert_true(s.percent[1] == 50);
	assert_int_equal(rollout_wanted(c, ROLLOUT_BACK, STR_LIT(""), &now, &s, &err), 0);
	assert_true(s.percent[1] == 5);
	now.percent[1] = 100;
	now.percent[0] = 0;
	assert_int_equal(rollout_wanted(c, ROLLOUT_STEP, STR_LIT(""), &now, &s, &err), -1);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drift_and_reapply), cmocka_unit_test(test_counters_of_each_target),
		cmocka_unit_test(test_breach_asks),
		cmocka_unit_test(test_breach_rolls_back), cmocka_unit_test(test_steps_advance),
		cmocka_unit_test(test_hold), cmocka_unit_test(test_stop_all), cmocka_unit_test(test_no_mark),
		cmocka_unit_test(test_never_pass), cmocka_unit_test(test_what_can_guard),
		cmocka_unit_test(test_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
