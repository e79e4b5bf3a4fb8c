/* The dialog that stands between a key and the traffic, as a state machine: who gets to type a name,
 * what begins an action, what takes it back, and what it says when the collector does not answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/intent.h"

#define T0 (100 * US_PER_S)

static struct deck deck;
static struct intent intent;
static struct intent_progress answer;

static void sit_down(const char *role, bool raised, bool read_only)
{
	deck_init(&deck);
	deck.collector.asked = deck.collector.answered = true;
	snprintf(deck.collector.role, sizeof deck.collector.role, "%s", role);
	deck.raised = raised;
	deck.read_only = read_only;
}

static void open_on(enum rollout_verb verb)
{
	static const struct rollout_pick pick = {
		.name = "checkout", .service = "checkout", .environment = "prod", .arms = {"v42", "v43"}, .arm_count = 2,
		.per_s = 20, .reason = "p95 +221% (limit +20%) n 1600",
		.evidence = {"FAIL p95 4.20s against 1.31s, +221% (limit +20%), n 1600"}, .evidence_count = 1,
	};

	intent_open(&intent, verb, &pick, "", "");
	assert_int_equal(intent.stage, INTENT_PLANNING);
}

/* The collector's plan: one target. */
static void plan_comes(const char *state)
{
	answer = (struct intent_progress){.countdown_us = 3 * US_PER_S, .part_count = 1, .target_count = 1};
	answer.parts[0] = (struct progress_part){.rollout = "checkout", .before = "v42 75 %, v43 25 %",
	                                         .wanted = "v42 100 %, v43 0 %", .moving_per_s = NAN, .moving_percent = 25};
	answer.targets[0] = (struct progress_target){.name = "haproxy-a", .pace = "instant",
	                                             .moves = "haproxy-a: sends all to v42", .stays = "running answers end on v43"};
	snprintf(answer.targets[0].state, sizeof answer.targets[0].state, "%s", state);
	answer.nothing = strcmp(state, "nothing to do") == 0;
	intent_take(&intent, &answer, &deck);
}

static enum intent_step press(uint32_t code)
{
	return intent_key(&intent, (struct key){.code = code}, T0);
}

static void type(const char *text, bool pasted)
{
	for (; *text; text++)
		intent_key(&intent, (struct key){.code = (unsigned char)*text, .pasted = pasted}, T0);
}

static bool says(const char *text)
{
	char all[8000] = "";

	for (size_t i = 0; i < intent.dialog.line_count; i++) {
		const char *line = intent.dialog.lines[i];

		strncat(all, line + strspn(line, " "), sizeof all - strlen(all) - 2);
		strncat(all, " ", 2);
	}
	return strstr(all, text) != NULL;
}

static void progress(const char *state, bool ended)
{
	snprintf(answer.state, sizeof answer.state, "%s", state);
	answer.ended = ended;
	answer.go_mono_us = strcmp(state, "countdown") == 0 ? T0 + 2 * US_PER_S : 0;
	intent_take(&intent, &answer, &deck);
}

static void an_operator_types_the_name(void **state)
{
	(void)state;
	sit_down("operator", true, false);
	open_on(ROLLOUT_ROLLBACK);
	plan_comes("planned");
	assert_int_equal(intent.stage, INTENT_ASKING);
	assert_true(says("v42 75 %, v43 25 % -> v42 100 %, v43 0 %"));
	assert_true(says("about 5/s requests move"));
	assert_true(says("(instant)"));
	assert_true(says("stays: running answers end on v43"));
	assert_true(says("FAIL p95 4.20s against 1.31s"));
	assert_string_equal(intent.dialog.fields[0].field.text, "p95 +221% (limit +20%) n 1600");
	assert_int_equal(press(KEYCODE_ENTER), INTENT_STAY);
	type("v43", true);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_STAY);
	type("v42", false);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_STAY);
	press(KEYCODE_BACKSPACE);
	type("3", false);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_BEGIN);
	assert_int_equal(intent.stage, INTENT_COUNTING);
	assert_string_equal(intent.ask.verb, "rollback");
	assert_string_equal(intent.ask.rollout, "checkout");
	assert_string_equal(intent.ask.reason, "p95 +221% (limit +20%) n 1600");
	assert_true(strlen(intent.ask.key) >= 8);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_STAY); /* a second Enter begins nothing */
	progress("applying", false);
	assert_int_equal(intent.stage, INTENT_RUNNING);
	assert_int_equal(press('u'), INTENT_STAY); /* too late */
	snprintf(answer.parts[0].outcome, sizeof answer.parts[0].outcome, "1 of 1 target applied (v42 100 %%); arriving traffic agrees");
	snprintf(answer.parts[0].result, sizeof answer.parts[0].result, "applied");
	snprintf(answer.who, sizeof answer.who, "mia");
	progress("done", true);
	assert_int_equal(intent.stage, INTENT_ENDED);
	assert_true(says("arriving traffic agrees"));
	assert_true(says("audit: rollback by mia, reason: p95 +221%"));
	assert_int_equal(press(KEYCODE_ENTER), INTENT_LEAVE);
	assert_int_equal(intent.stage, INTENT_NONE);
}

static void undo_and_esc_take_it_back(void **state)
{
	static const uint32_t keys[] = {'u', KEYCODE_ESC};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		sit_down("operator", true, false);
		open_on(ROLLOUT_ROLLBACK);
		plan_comes("planned");
		type("v43", false);
		assert_int_equal(press(KEYCODE_ENTER), INTENT_BEGIN);
		progress("countdown", false);
		assert_int_equal(intent.stage, INTENT_COUNTING);
		assert_int_equal(intent.dialog.deadline_us, T0 + 2 * US_PER_S); /* the collector's clock counts */
		assert_int_equal(press(keys[i]), INTENT_CANCEL);
	}
}

static void a_lost_collector_is_named(void **state)
{
	(void)state;
	sit_down("operator", true, false);
	open_on(ROLLOUT_ROLLBACK);
	plan_comes("planned");
	type("v43", false);
	press(KEYCODE_ENTER);
	answer.lost = true;
	progress("countdown", false);
	assert_true(says("the connection to the collector is lost: it takes the countdown back"));
	answer.lost = false;
	snprintf(answer.error, sizeof answer.error, "collector: it knows no action of that key");
	progress("countdown", true);
	assert_int_equal(intent.stage, INTENT_ENDED);
	assert_true(says("it knows no action of that key"));
}

static void who_may_not_only_looks(void **state)
{
	(void)state;
	sit_down("operator", false, false); /* not raised yet */
	open_on(ROLLOUT_PROMOTE);
	plan_comes("planned");
	assert_int_equal(intent.stage, INTENT_LOOKING);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_RAISE);
	deck.raised = true;
	intent_permit(&intent, &deck);
	assert_int_equal(intent.stage, INTENT_ASKING);
	assert_string_equal(intent.name, "v43");

	sit_down("operator", true, true); /* --read-only wins over everything */
	open_on(ROLLOUT_ROLLBACK);
	plan_comes("planned");
	assert_int_equal(intent.stage, INTENT_LOOKING);
	assert_true(says("--read-only"));
	type("v43", false);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_LEAVE);

	sit_down("viewer", true, false); /* sees what would be done, and gets no further */
	open_on(ROLLOUT_ROLLBACK);
	plan_comes("planned");
	assert_int_equal(intent.stage, INTENT_LOOKING);
	assert_true(says("haproxy-a: sends all to v42"));
	assert_true(says("viewer"));
	assert_false(intent.may_raise);
	type("v43", false);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_LEAVE);

	sit_down("viewer", true, false); /* a collector that answers nobody */
	open_on(ROLLOUT_ROLLBACK);
	answer = (struct intent_progress){.error = "collector: uid 1000 has no role here"};
	intent_take(&intent, &answer, &deck);
	assert_int_equal(intent.stage, INTENT_ENDED);
	assert_true(says("has no role here"));
	assert_int_equal(press(KEYCODE_ENTER), INTENT_LEAVE);
}

/* Of two candidates F promotes neither by itself. */
static void promoting_one_of_several(void **state)
{
	static const struct rollout_pick pick = {
		.name = "search", .service = "find", .environment = "prod", .arms = {"a", "b", "c"}, .arm_count = 3, .per_s = 20};

	(void)state;
	sit_down("operator", true, false);
	intent_open(&intent, ROLLOUT_PROMOTE, &pick, "", "");
	assert_int_equal(intent.stage, INTENT_CHOOSING);
	assert_true(says("which candidate gets all of the traffic?"));
	assert_true(says("1 b 2 c") || says("1  b 2  c"));
	assert_int_equal(press('3'), INTENT_STAY); /* there is none */
	assert_int_equal(press('0'), INTENT_STAY);
	assert_int_equal(intent_key(&intent, (struct key){.code = '2', .pasted = true}, T0), INTENT_STAY);
	assert_int_equal(press('2'), INTENT_PLAN);
	assert_string_equal(intent.ask.shares, "c");
	plan_comes("planned");
	assert_int_equal(intent.stage, INTENT_ASKING);
	assert_string_equal(intent.name, "c");

	intent_open(&intent, ROLLOUT_PROMOTE, &pick, "", "");
	assert_int_equal(press(KEYCODE_ESC), INTENT_LEAVE);
	intent_open(&intent, ROLLOUT_PROMOTE, &pick, "b", "");
	assert_int_equal(intent.stage, INTENT_PLANNING);
	intent_open(&intent, ROLLOUT_ROLLBACK, &pick, "", "");
	assert_int_equal(intent.stage, INTENT_PLANNING);
}

static void nothing_to_do_is_not_sent(void **state)
{
	(void)state;
	sit_down("operator", true, false);
	open_on(ROLLOUT_ROLLBACK);
	plan_comes("nothing to do");
	assert_int_equal(intent.stage, INTENT_LOOKING);
	assert_true(says("nothing will be sent"));
	assert_int_equal(press(KEYCODE_ENTER), INTENT_LEAVE);
}

static void holding_needs_no_name(void **state)
{
	(void)state;
	sit_down("operator", true, false);
	open_on(ROLLOUT_HOLD);
	plan_comes("nothing to do");
	assert_int_equal(intent.stage, INTENT_ASKING);
	assert_int_equal(press(KEYCODE_ENTER), INTENT_BEGIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operator_types_the_name), cmocka_unit_test(undo_and_esc_take_it_back),
		cmocka_unit_test(a_lost_collector_is_named),  cmocka_unit_test(who_may_not_only_looks),
		cmocka_unit_test(promoting_one_of_several), cmocka_unit_test(nothing_to_do_is_not_sent),  cmocka_unit_test(holding_needs_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
