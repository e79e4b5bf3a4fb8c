/* The rollouts' controller under a fake clock, over targets that do what the test says: die between
 * apply and verify, hang, take only part of a change; and over a ledger that may fail. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/rollouts_private.h"

/* ── the fakes ─────────────────────────────────────────────────────────────────────────────── */

#define FAKES 3
struct fake { /* a target */
	char name[16];
	double percent[2];
	uint64_t requests[2];
	bool plan_fails, apply_fails, verify_fails, apply_hangs, lies, gone;
	int plans, applies, verifies, observes;
	void (*hanging)(void *arg, const struct target_answer *answer);
	void *hanging_arg;
};

static struct fake fakes[FAKES * 2];
static size_t fakes_open;
static int64_t now_us;
static struct {
	char state[16], outcome[512], rollout[32], verb[16], who[64], shares[64];
	bool audit;
} log_rows[64];
static size_t log_count;
static bool store_fails, key_known;
static int reports;
static char reported_phase[32];

static int fake_open(struct target **out, const struct target_settings *s, struct err *err)
{
	struct fake *f = &fakes[fakes_open];

	(void)s;
	if (f->gone)
		return err_set(err, "it cannot be opened");
	snprintf(f->name, sizeof(f->name), "proxy-%zu", ++fakes_open);
	*out = (struct target *)(void *)f;
	return 0;
}

static void fake_close(struct target **t)
{
	*t = NULL;
}

static const char *fake_name(const struct target *t)
{
	return ((const struct fake *)(const void *)t)->name;
}

static void fill_sight(const struct fake *f, const struct act_ask *ask, struct act_sight *out)
{
	static const char *const arms[] = {"v42", "v43"};

	out->arm_count = 2;
	out->at_us = now_us;
	out->counters_id = 1;
	out->matches = true;
	for (size_t i = 0; i < 2; i++) {
		out->arms[i] = (struct act_arm_sight){
			.deployment = arms[i], .percent = f->percent[i], .state = "ready", .has_counters = true,
			.requests = f->requests[i]};
		if (ask && fabs(ask->arms[i].percent - f->percent[i]) > 0.5)
			out->matches = false;
	}
	out->drift = ask && !out->matches;
	out->words = out->drift ? "the weights are others" : "";
}

static void answer_plan(struct fake *f, const struct act_ask *ask, struct target_answer *a)
{
	f->plans++;
	if (f->plan_fails) {
		a->result = act_fail(&a->why, ACT_UNREACHABLE, "%s: nobody answers", f->name);
		return;
	}
	a->result = ACT_OK;
	a->plan.arm_count = 2;
	a->plan.moves = "weights move";
	a->plan.saw = "saw";
	a->plan.nothing_to_do = true;
	for (size_t i = 0; i < 2; i++) {
		a->plan.arms[i] = (struct act_arm_plan){ask->arms[i].deployment, f->percent[i], ask->arms[i].percent, NAN, NULL};
		if (fabs(f->percent[i] - ask->arms[i].percent) > 0.5)
			a->plan.nothing_to_do = false;
	}
	a->plan.raises_exposure = ask->arms[1].percent > f->percent[1] + 0.5;
}

static void answer_apply(struct fake *f, const struct act_ask *ask, struct target_answer *a)
{
	f->applies++;
	if (f->apply_fails) {
		a->result = act_fail(&a->why, ACT_REFUSED, "%s: permission denied", f->name);
		return;
	}
	a->result = ACT_OK;
	if (f->lies)
		return;
	for (size_t i = 0; i < 2; i++)
		f->percent[i] = ask->arms[i].percent;
}

static void answer_look(struct fake *f, enum target_job job, const struct act_ask *ask, struct target_answer *a)
{
	*(job == TARGET_VERIFY ? &f->verifies : &f->observes) += 1;
	if (job == TARGET_VERIFY && f->verify_fails) {
		a->result = act_fail(&a->why, ACT_UNREACHABLE, "%s: nobody answers any more", f->name);
		return;
	}
	fill_sight(f, ask, &a->sight);
	a->result = job == TARGET_VERIFY && !a->sight.matches ? ACT_FAILED : ACT_OK;
	if (a->result == ACT_FAILED)
		err_set(&a->why.words, "%s: it still shows v43 %.0f %%", f->name, f->percent[1]);
}

static void fake_begin(struct target *t, enum target_job job, const struct act_ask *ask, const char *saw,
                       int64_t timeout_us, void (*done)(void *arg, const struct target_answer *answer), void *arg)
{
	struct fake *f = (struct fake *)(void *)t;
	struct target_answer a = {.job = job};

	(void)timeout_us;
	if (job == TARGET_PLAN)
		answer_plan(f, ask, &a);
	else if (job == TARGET_APPLY)
		answer_apply(f, ask, &a);
	else
		answer_look(f, job, ask, &a);
	if (job == TARGET_APPLY) {
		assert_string_equal(saw, "saw");
		if (f->apply_hangs) {
			f->hanging = done;
			f->hanging_arg = arg;
			return;
		}
	}
	done(arg, &a);
	act_plan_fini(&a.plan);
	act_sight_fini(&a.sight);
}

static int64_t fake_now(void)
{
	return now_us;
}

static void fake_store(void *arg, struct rollout_record *r, void (*done)(void *done_arg, bool ok, const char *error),
                       void *done_arg)
{
	(void)arg;
	if (store_fails) {
		done(done_arg, false, "the disk is full");
		return;
	}
	r->known = r->is_intent && key_known;
	if (r->has_action && !r->known) {
		snprintf(log_rows[log_count].state, 16, "%.*s", STR_ARG(r->action.state));
		snprintf(log_rows[log_count].outcome, 512, "%.*s", STR_ARG(r->has_audit ? r->audit.outcome : r->action.outcome));
		snprintf(log_rows[log_count].rollout, 32, "%.*s", STR_ARG(r->action.rollout));
		snprintf(log_rows[log_count].verb, 16, "%.*s", STR_ARG(r->action.verb));
		snprintf(log_rows[log_count].shares, 64, "%.*s", STR_ARG(r->has_desired ? r->desired.shares : (struct str){0}));
		log_rows[log_count++].audit = r->has_audit;
	}
	done(done_arg, true, NULL);
}

static void fake_report(void *arg, struct batch *b)
{
	(void)arg;
	reports++;
	snprintf(reported_phase, sizeof(reported_phase), "%.*s", STR_ARG(b->rollouts[0].phase));
	batch_free(&b);
}

/* ── a rollout with three targets, and another one ─────────────────────────────────────────── */

struct world {
	struct config config;
	struct config_rollout rollouts[2];
	struct config_section sections[FAKES];
	struct rollouts *r;
	struct caller mia, ben;
};

static struct config_rollout usual(const char *name, struct config_section *sections, size_t targets)
{
	return (struct config_rollout){
		.name = name, .service = "shop", .environment = "prod", .stable = "v42", .candidate = "v43",
		.arms = {"v42", "v43"}, .arm_count = 2, .actuators = sections, .actuator_count = targets,
		.guardrails = {{METRIC_ERROR_RATE, 0.005, false}}, .guardrail_count = 1, .breach_us = 30 * US_PER_S,
		.steps = {5, 25, 50, 100}, .step_count = 4, .hold_us = 10 * US_PER_MIN, .lower_us = 3 * US_PER_S,
		.raise_us = 10 * US_PER_S,
	};
}

static void start(struct world *w, const struct rollouts_options *with)
{
	struct rollouts_options o = {.config = &w->config};
	struct err err = {""};

	(void)with;
	o.ops = (struct rollouts_ops){
		.open = fake_open, .close = fake_close, .name = fake_name, .begin = fake_begin, .mono_us = fake_now,
		.wall_us = fake_now, .store = fake_store, .report = fake_report,
	};
	if (rollouts_start(&w->r, &o, &err))
		fail_msg("%s", err.text);
	rollouts_tick(w->r);
}

static void make_world(struct world *w, size_t targets)
{
	*w = (struct world){.mia = {.uid = 1000, .name = "mia"}, .ben = {.uid = 1001, .name = "ben"}};
	memset(fakes, 0, sizeof(fakes));
	for (size_t i = 0; i < FAKES * 2; i++) {
		fakes[i].percent[0] = 75;
		fakes[i].percent[1] = 25;
		w->sections[i % FAKES].kind = "fake";
	}
	fakes_open = log_count = 0;
	store_fails = key_known = false;
	reports = 0;
	now_us = INT64_C(1800000000) * US_PER_S;
	w->rollouts[0] = usual("checkout", w->sections, targets);
	w->rollouts[1] = usual("search", w->sections, 1);
	w->rollouts[1].service = "find";
	w->config.rollouts = w->rollouts;
	w->config.rollout_count = 2;
}

static void end(struct world *w)
{
	rollouts_stop(w->r);
	rollouts_free(&w->r);
}

static void pass_time(struct world *w, int64_t us)
{
	for (int64_t t = 0; t < us; t += TICK_US) {
		now_us += TICK_US;
		rollouts_tick(w->r);
	}
}

static enum order_result order(struct world *w, const char *verb, const char *shares, const char *key, struct err *err)
{
	struct rollout_order o = {.rollout = STR_LIT("checkout"), .verb = str_of(verb), .shares = str_of(shares),
	                          .key = str_of(key), .reason = STR_LIT("p95 is up"), .caller = &w->mia};
	struct buf json = {0};
	enum order_result result = rollouts_begin(w->r, &o, &json, err);

	buf_fini(&json);
	return result;
}

static void begin(struct world *w, const char *verb, const char *shares)
{
	struct err err = {""};

	if (order(w, verb, shares, "key-00001", &err) != ORDER_OK)
		fail_msg("%s", err.text);
}

/* Lets time pass with a client that beats five times a second. */
static void wait_beating(struct world *w, int64_t us)
{
	for (int64_t t = 0; t < us; t += 200 * US_PER_MS) {
		struct buf json = {0};

		pass_time(w, 200 * US_PER_MS);
		rollouts_beat(w->r, STR_LIT("key-00001"), &json, NULL);
		buf_fini(&json);
	}
}

static void send_traffic(uint64_t stable, uint64_t candidate)
{
	for (size_t i = 0; i < FAKES; i++) {
		fakes[i].requests[0] += stable;
		fakes[i].requests[1] += candidate;
	}
}

static const struct action *last_action(const struct world *w)
{
	return w->r->actions;
}

static const char *last_outcome(void)
{
	for (size_t i = log_count; i-- > 0;) {
		if (log_rows[i].audit)
			return log_rows[i].outcome;
	}
	return "";
}

static int applies(void)
{
	int sum = 0;

	for (size_t i = 0; i < FAKES * 2; i++)
		sum += fakes[i].applies;
	return sum;
}

/* ── transactions ──────────────────────────────────────────────────────────────────────────── */

static void test_rollback(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 2);
	start(&w, NULL);
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
	start(&w, NULL);
	begin(&w, "rollback", "");
	wait_beating(&w, 4 * US_PER_S);
	send_traffic(20, 20);
	pass_time(&w, WATCH_US + 3 * US_PER_S);
	assert_non_null(strstr(last_outcome(), "unverified"));
	assert_non_null(strstr(last_outcome(), "still arrives elsewhere"));
	end(&w);
}

static void test_too_little_traffic(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 1);
	start(&w, NULL);
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
	start(&w, NULL);
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
		start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
	resolve(&w, "intent");
	assert_int_equal(applies(), 0);
	assert_int_equal(fakes[0].verifies, 0);
	assert_non_null(strstr(last_outcome(), "cancelled: the collector ended before it touched a target"));
	end(&w);
}

/* ── drift, breaches, steps ────────────────────────────────────────────────────────────────── */

static void test_drift_and_reapply(void **state)
{
	struct world w;
	const char *phase;
	struct buf reason = {0};

	(void)state;
	make_world(&w, 1);
	start(&w, NULL);
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

static struct evidence verdict(const struct world *w, int64_t errors, int64_t requests)
{
	struct figures stable = {.requests = requests, .errors = requests / 100}, candidate = {.requests = requests / 3, .errors = errors};
	static const struct figures none;
	const struct figures *arms[ROLLOUT_ARMS_MAX] = {&stable, &candidate};
	struct question q = {.config = &w->rollouts[0], .shares = w->r->managed[0].desired, .from_us = now_us, .to_us = now_us + 1,
	                     .stretch = 1};
	struct evidence e;

	evidence_judge(&q, arms, &none, &e);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
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
	start(&w, NULL);
	struct rollout_order o = {.verb = STR_LIT("stop-all"), .key = STR_LIT("key-00001"), .where = &where, .caller = &w.mia};

	view_add_filter(&where, STR_LIT("environment=staging"), NULL);
	assert_int_equal(rollouts_begin(w.r, &o, &json, &err), ORDER_UNKNOWN);
	where = (struct view){0};
	view_add_filter(&where, STR_LIT("environment=prod"), NULL);
	assert_int_equal(rollouts_begin(w.r, &o, &json, &err), ORDER_OK);
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

	evidence_judge(&q, arms, &rest, &e);
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

	evidence_judge(&q, arms, &none, &e);
	assert_int_equal(e.judged[1][0].verdict, AB_INCONCLUSIVE);
	assert_non_null(strstr(e.judged[1][0].words.text, "less traffic arrives than its weight"));
	stable.requests = 30000;
	stable.errors = 300;
	evidence_judge(&q, arms, &none, &e);
	assert_int_equal(e.judged[1][0].verdict, AB_PASS);
	candidate.errors_lower_bound = 1;
	evidence_judge(&q, arms, &none, &e);
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
		cmocka_unit_test(test_rollback), cmocka_unit_test(test_traffic_that_does_not_follow),
		cmocka_unit_test(test_too_little_traffic), cmocka_unit_test(test_countdown_taken_back),
		cmocka_unit_test(test_lost_client), cmocka_unit_test(test_raising_takes_longer),
		cmocka_unit_test(test_two_operators), cmocka_unit_test(test_one_key_once),
		cmocka_unit_test(test_already_there), cmocka_unit_test(test_dies_between_apply_and_verify),
		cmocka_unit_test(test_says_yes_and_does_nothing), cmocka_unit_test(test_two_of_three),
		cmocka_unit_test(test_raising_stops_at_a_failure), cmocka_unit_test(test_unplanned_target),
		cmocka_unit_test(test_not_recorded_is_not_done), cmocka_unit_test(test_late_outcome),
		cmocka_unit_test(test_hanging_target), cmocka_unit_test(test_killed_in_the_middle),
		cmocka_unit_test(test_killed_in_the_countdown), cmocka_unit_test(test_drift_and_reapply),
		cmocka_unit_test(test_breach_asks), cmocka_unit_test(test_breach_rolls_back),
		cmocka_unit_test(test_steps_advance), cmocka_unit_test(test_hold), cmocka_unit_test(test_stop_all),
		cmocka_unit_test(test_no_mark), cmocka_unit_test(test_never_pass), cmocka_unit_test(test_what_can_guard),
		cmocka_unit_test(test_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
