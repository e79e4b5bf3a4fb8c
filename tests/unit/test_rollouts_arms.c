/* Rollouts with several candidates (A/B/n) and guardrails on evaluation scores, through the controller
 * under a fake clock: plan, apply, read back, take back, a verdict for each candidate. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/rollouts_bench.h"

static void make_three_arms(struct world *w, size_t targets)
{
	make_world(w, targets);
	fake_arm_count = 3;
	w->rollouts[0].arms[2] = "v44";
	w->rollouts[0].arm_count = 3;
	w->config.rollout_count = 1;
	for (size_t i = 0; i < FAKES; i++) {
		fakes[i].percent[0] = 80;
		fakes[i].percent[1] = fakes[i].percent[2] = 10;
	}
}

static void traffic(uint64_t stable, uint64_t first, uint64_t second)
{
	send_traffic(stable, first);
	for (size_t i = 0; i < FAKES; i++)
		fakes[i].requests[2] += second;
}

static void test_set_each_arm(void **state)
{
	struct world w;
	struct err err = {""};

	(void)state;
	make_three_arms(&w, 2);
	start(&w);
	assert_int_equal(order(&w, "set", "30", "key-00009", &err), ORDER_BAD);
	assert_non_null(strstr(err.text, "it has 3 arms: give ARM=PERCENT for each candidate"));
	begin(&w, "set", "v43=25 v44=5");
	assert_true(last_action(&w)->raises); /* v43 gets more, although v44 gets less */
	wait_beating(&w, 11 * US_PER_S);
	assert_int_equal(applies(), 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(fakes[i].percent[0] == 70 && fakes[i].percent[1] == 25 && fakes[i].percent[2] == 5);
	traffic(700, 250, 50);
	pass_time(&w, 3 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "applied: 2 of 2 targets applied (v42 70 %, v43 25 %, v44 5 %)"));
	assert_non_null(strstr(last_outcome(), "v42 1400, v43 500, v44 100 of 2000 requests"));
	end(&w);
}

/* One candidate gets the other's traffic: together they are right, one by one they are not. */
static void test_traffic_of_each_arm_counts(void **state)
{
	struct world w;

	(void)state;
	make_three_arms(&w, 1);
	start(&w);
	begin(&w, "set", "v43=25 v44=5");
	wait_beating(&w, 11 * US_PER_S);
	traffic(700, 50, 250);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "UNVERIFIED, traffic still arrives elsewhere"));
	end(&w);
}

static void test_steps_keep_the_candidates_shares(void **state)
{
	struct world w;

	(void)state;
	make_three_arms(&w, 1);
	fakes[0].percent[1] = 15;
	fakes[0].percent[2] = 5;
	start(&w);
	begin(&w, "step", "");
	wait_beating(&w, 11 * US_PER_S);
	assert_true(fakes[0].percent[0] == 75 && fakes[0].percent[1] == 18.75 && fakes[0].percent[2] == 6.25);
	end(&w);
}

static void test_taken_back_in_the_countdown(void **state)
{
	struct world w;
	struct buf json = {0};

	(void)state;
	make_three_arms(&w, 2);
	start(&w);
	begin(&w, "set", "v43=40 v44=40");
	wait_beating(&w, 5 * US_PER_S);
	assert_int_equal(rollouts_cancel(w.r, STR_LIT("key-00001"), &json, NULL), ORDER_OK);
	wait_beating(&w, 10 * US_PER_S);
	assert_int_equal(applies(), 0);
	assert_non_null(strstr(last_outcome(), "cancelled in the countdown: nothing was done"));
	buf_fini(&json);
	end(&w);
}

static void test_rollback_empties_every_candidate(void **state)
{
	struct world w;

	(void)state;
	make_three_arms(&w, 3);
	start(&w);
	begin(&w, "rollback", "");
	assert_false(last_action(&w)->raises);
	wait_beating(&w, 4 * US_PER_S);
	for (size_t i = 0; i < 3; i++)
		assert_true(fakes[i].percent[0] == 100 && fakes[i].percent[1] == 0 && fakes[i].percent[2] == 0);
	end(&w);
}

static void test_promote_asks_which(void **state)
{
	struct world w;
	struct err err = {""};

	(void)state;
	make_three_arms(&w, 1);
	start(&w);
	assert_int_equal(order(&w, "promote", "", "key-00008", &err), ORDER_BAD);
	assert_string_equal(err.text, "checkout: it has 2 candidates: name the one to promote: v43 or v44");
	assert_int_equal(order(&w, "promote", "v42", "key-00009", &err), ORDER_BAD);
	assert_non_null(strstr(err.text, "is a rollback"));
	begin(&w, "promote", "v44");
	wait_beating(&w, 11 * US_PER_S);
	assert_true(fakes[0].percent[0] == 0 && fakes[0].percent[1] == 0 && fakes[0].percent[2] == 100);
	end(&w);
}

/* ── verdicts ──────────────────────────────────────────────────────────────────────────────── */

static struct evidence judge(const struct world *w, int64_t first_errors, int64_t second_errors)
{
	struct figures stable = {.requests = 200000, .errors = 2000};
	struct figures first = {.requests = 25000, .errors = first_errors}, second = {.requests = 25000, .errors = second_errors};
	static const struct figures none;
	const struct figures *arms[ROLLOUT_ARMS_MAX] = {&stable, &first, &second};
	struct question q = {.config = &w->rollouts[0], .shares = w->r->managed[0].desired, .from_us = now_us,
	                     .to_us = now_us + 1, .stretch = 1};
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

static void test_a_verdict_for_each_candidate(void **state)
{
	struct world w;

	(void)state;
	make_three_arms(&w, 1);
	w.rollouts[0].rollback_on_breach = true;
	start(&w);
	struct evidence e = judge(&w, 250, 1000);

	assert_int_equal(e.judged[1][0].verdict, AB_PASS);
	assert_int_equal(e.judged[2][0].verdict, AB_FAIL);
	feed(&w, &e, 50 * US_PER_S);
	assert_non_null(strstr(w.r->managed[0].breach_words.text[0] ? w.r->managed[0].breach_words.text : last_outcome(), "v44"));
	assert_true(fakes[0].percent[0] == 100); /* and not to the candidate that passes */
	end(&w);
}

static void test_one_inconclusive_arm_stops_the_steps(void **state)
{
	struct world w;

	(void)state;
	make_three_arms(&w, 1);
	w.rollouts[0].advance = true;
	start(&w);
	struct evidence mixed = judge(&w, 250, 370), good = judge(&w, 250, 250);

	assert_int_equal(mixed.judged[2][0].verdict, AB_INCONCLUSIVE);
	feed(&w, &mixed, 15 * US_PER_MIN);
	assert_int_equal(applies(), 0);
	assert_non_null(strstr(w.r->managed[0].reason, "the next step waits: error_rate of v44 is inconclusive"));
	feed(&w, &good, 20 * US_PER_S);
	assert_int_equal(applies(), 1);
	assert_true(fakes[0].percent[1] == 12.5 && fakes[0].percent[2] == 12.5);
	end(&w);
}

static struct guardrail_reading told[4];
static size_t told_count;

static void hear(void *arg, const struct guardrail_reading *readings, size_t count)
{
	(void)arg;
	assert_true(count <= 4);
	told_count = count;
	memcpy(told, readings, count * sizeof(*readings));
}

/* For the alerts: one reading for each candidate, however many guardrails fail. */
static void test_what_the_alerts_hear(void **state)
{
	struct world w;

	(void)state;
	make_three_arms(&w, 1);
	w.rollouts[0].guardrails[1] = (struct config_guardrail){.metric = METRIC_ERROR_RATE, .worse_by = 0.5, .relative = true};
	w.rollouts[0].guardrail_count = 2;
	start(&w);
	w.r->options.judged = hear;
	rollouts_tell_guardrails(w.r);
	assert_true(told_count == 2 && told[0].says == GUARDRAIL_UNSURE);
	struct evidence e = judge(&w, 250, 1000);

	managed_take_evidence(&w.r->managed[0], &e);
	rollouts_tell_guardrails(w.r);
	assert_int_equal(told_count, 2);
	assert_true(told[0].says == GUARDRAIL_HOLDS && strcmp(told[0].arm, "v43") == 0);
	assert_true(told[1].says == GUARDRAIL_FAILS && strcmp(told[1].arm, "v44") == 0);
	assert_string_equal(told[1].words, "error_rate has 0.04, allowed is 0.015; error_rate has 0.04, allowed is 0.015");
	assert_true(fabs(told[1].value - 0.04) < 1e-9 && fabs(told[1].bound - 0.015) < 1e-9);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	rollouts_tell_guardrails(w.r);
	assert_true(told[1].says == GUARDRAIL_HOLDS); /* it gets nothing any more */
	end(&w);
}

/* ── evaluation scores ─────────────────────────────────────────────────────────────────────── */

static enum ab_verdict judge_scores(double stable, double candidate, int64_t count, bool low_is_better, struct evidence *e)
{
	struct world w;
	struct figures figures = {.requests = 30000, .errors = 300};
	static const struct figures none;
	const struct figures *arms[ROLLOUT_ARMS_MAX] = {&figures, &figures};
	struct score_row rows[] = {
		{"v42", "groundedness", 5 * count, stable, 0.02}, {"v43", "relevance", 9, 0.1, 0.02},
		{"v43", "groundedness", count, candidate, 0.02},
	};
	struct score_result scores = {.rows = rows, .row_count = 3};

	make_world(&w, 1);
	w.rollouts[0].guardrails[0] = (struct config_guardrail){
		.metric = METRIC_COUNT, .worse_by = 0.05, .low_is_better = low_is_better, .evaluation = "evaluation:groundedness"};
	struct question q = {.config = &w.rollouts[0], .stretch = 1};

	evidence_judge(&q, arms, &none, &scores, e);
	return e->judged[1][0].verdict;
}

static void test_scores_guard(void **state)
{
	struct evidence e;

	(void)state;
	assert_int_equal(judge_scores(0.84, 0.62, 400, false, &e), AB_FAIL);
	assert_true(fabs(e.judged[1][0].difference - 0.22) < 1e-9); /* a lower score is the worse one */
	assert_int_equal(e.judged[1][0].samples_candidate, 400);
	assert_int_equal(judge_scores(0.62, 0.84, 400, true, &e), AB_FAIL);
	assert_int_equal(judge_scores(0.84, 0.84, 4000, false, &e), AB_PASS);
	assert_int_equal(judge_scores(0.84, 0.62, 40, false, &e), AB_INCONCLUSIVE);
	assert_non_null(strstr(e.judged[1][0].words.text, "fewer than 100 values"));
	assert_int_equal(judge_scores(0.84, 0.62, 0, false, &e), AB_INCONCLUSIVE);
	assert_non_null(strstr(e.judged[1][0].words.text, "no scores of the"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_each_arm), cmocka_unit_test(test_traffic_of_each_arm_counts),
		cmocka_unit_test(test_steps_keep_the_candidates_shares), cmocka_unit_test(test_taken_back_in_the_countdown),
		cmocka_unit_test(test_rollback_empties_every_candidate), cmocka_unit_test(test_promote_asks_which),
		cmocka_unit_test(test_a_verdict_for_each_candidate), cmocka_unit_test(test_one_inconclusive_arm_stops_the_steps),
		cmocka_unit_test(test_what_the_alerts_hear), cmocka_unit_test(test_scores_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
