/* What the tests of the rollouts' controller share: a fake clock, targets that do what the test says
 * (die between apply and verify, hang, take only part of a change), a ledger that may fail, and a
 * rollout checkout with up to three targets beside another one. Included after cmocka. */
#ifndef LLMDECK_TESTS_ROLLOUTS_BENCH_H
#define LLMDECK_TESTS_ROLLOUTS_BENCH_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/rollouts_private.h"

/* ── the fakes ─────────────────────────────────────────────────────────────────────────────── */

#define FAKES 3
struct fake { /* a target */
	char name[16];
	double percent[ROLLOUT_ARMS_MAX];
	uint64_t requests[ROLLOUT_ARMS_MAX];
	bool plan_fails, apply_fails, verify_fails, apply_hangs, lies, gone;
	int plans, applies, verifies, observes;
	void (*hanging)(void *arg, const struct target_answer *answer);
	void *hanging_arg;
};

static struct fake fakes[FAKES * 2];
static const char *const fake_arms[ROLLOUT_ARMS_MAX] = {"v42", "v43", "v44"};
static size_t fake_arm_count; /* 2, or as a test says before start() */
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

static inline int fake_open(struct target **out, const struct target_settings *s, struct err *err)
{
	struct fake *f = &fakes[fakes_open];

	(void)s;
	if (f->gone)
		return err_set(err, "it cannot be opened");
	snprintf(f->name, sizeof(f->name), "proxy-%zu", ++fakes_open);
	*out = (struct target *)(void *)f;
	return 0;
}

static inline void fake_close(struct target **t)
{
	*t = NULL;
}

static inline const char *fake_name(const struct target *t)
{
	return ((const struct fake *)(const void *)t)->name;
}

static inline void fill_sight(const struct fake *f, const struct act_ask *ask, struct act_sight *out)
{
	out->arm_count = fake_arm_count;
	out->at_us = now_us;
	out->counters_id = 1;
	out->matches = true;
	for (size_t i = 0; i < fake_arm_count; i++) {
		out->arms[i] = (struct act_arm_sight){
			.deployment = fake_arms[i], .percent = f->percent[i], .state = "ready", .has_counters = true,
			.requests = f->requests[i]};
		if (ask && fabs(ask->arms[i].percent - f->percent[i]) > 0.5)
			out->matches = false;
	}
	out->drift = ask && !out->matches;
	out->words = out->drift ? "the weights are others" : "";
}

static inline void answer_plan(struct fake *f, const struct act_ask *ask, struct target_answer *a)
{
	f->plans++;
	if (f->plan_fails) {
		a->result = act_fail(&a->why, ACT_UNREACHABLE, "%s: nobody answers", f->name);
		return;
	}
	a->result = ACT_OK;
	a->plan.arm_count = fake_arm_count;
	a->plan.moves = "weights move";
	a->plan.saw = "saw";
	a->plan.nothing_to_do = true;
	for (size_t i = 0; i < fake_arm_count; i++) {
		a->plan.arms[i] = (struct act_arm_plan){ask->arms[i].deployment, f->percent[i], ask->arms[i].percent, NAN, NULL};
		if (fabs(f->percent[i] - ask->arms[i].percent) > 0.5)
			a->plan.nothing_to_do = false;
		a->plan.raises_exposure |= i > 0 && ask->arms[i].percent > f->percent[i] + 0.5;
	}
}

static inline void answer_apply(struct fake *f, const struct act_ask *ask, struct target_answer *a)
{
	f->applies++;
	if (f->apply_fails) {
		a->result = act_fail(&a->why, ACT_REFUSED, "%s: permission denied", f->name);
		return;
	}
	a->result = ACT_OK;
	if (f->lies)
		return;
	for (size_t i = 0; i < fake_arm_count; i++)
		f->percent[i] = ask->arms[i].percent;
}

static inline void answer_look(struct fake *f, enum target_job job, const struct act_ask *ask, struct target_answer *a)
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

static inline void fake_begin(struct target *t, enum target_job job, const struct act_ask *ask, const char *saw,
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

static inline int64_t fake_now(void)
{
	return now_us;
}

static inline void fake_store(void *arg, struct rollout_record *r, void (*done)(void *done_arg, bool ok, const char *error),
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

static inline void fake_report(void *arg, struct batch *b)
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

static inline struct config_rollout usual(const char *name, struct config_section *sections, size_t targets)
{
	return (struct config_rollout){
		.name = name, .service = "shop", .environment = "prod", .stable = "v42", .candidate = "v43",
		.arms = {"v42", "v43"}, .arm_count = 2, .actuators = sections, .actuator_count = targets,
		.guardrails = {{.metric = METRIC_ERROR_RATE, .worse_by = 0.005}}, .guardrail_count = 1, .breach_us = 30 * US_PER_S,
		.steps = {5, 25, 50, 100}, .step_count = 4, .hold_us = 10 * US_PER_MIN, .lower_us = 3 * US_PER_S,
		.raise_us = 10 * US_PER_S,
	};
}

static inline void start(struct world *w)
{
	struct rollouts_options o = {.config = &w->config};
	struct err err = {""};

	o.ops = (struct rollouts_ops){
		.open = fake_open, .close = fake_close, .name = fake_name, .begin = fake_begin, .mono_us = fake_now,
		.wall_us = fake_now, .store = fake_store, .report = fake_report,
	};
	if (rollouts_start(&w->r, &o, &err))
		fail_msg("%s", err.text);
	rollouts_tick(w->r);
}

static inline void make_world(struct world *w, size_t targets)
{
	*w = (struct world){.mia = {.uid = 1000, .name = "mia"}, .ben = {.uid = 1001, .name = "ben"}};
	memset(fakes, 0, sizeof(fakes));
	fake_arm_count = 2;
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

static inline void end(struct world *w)
{
	rollouts_stop(w->r);
	rollouts_free(&w->r);
}

static inline void pass_time(struct world *w, int64_t us)
{
	for (int64_t t = 0; t < us; t += TICK_US) {
		now_us += TICK_US;
		rollouts_tick(w->r);
	}
}

static inline enum order_result order(struct world *w, const char *verb, const char *shares, const char *key, struct err *err)
{
	struct rollout_order o = {.rollout = STR_LIT("checkout"), .verb = str_of(verb), .shares = str_of(shares),
	                          .key = str_of(key), .reason = STR_LIT("p95 is up"), .caller = &w->mia};
	struct buf json = {0};
	enum order_result result = rollouts_begin(w->r, &o, &json, err);

	buf_fini(&json);
	return result;
}

static inline void begin(struct world *w, const char *verb, const char *shares)
{
	struct err err = {""};

	if (order(w, verb, shares, "key-00001", &err) != ORDER_OK)
		fail_msg("%s", err.text);
}

/* Lets time pass with a client that beats five times a second. */
static inline void wait_beating(struct world *w, int64_t us)
{
	for (int64_t t = 0; t < us; t += 200 * US_PER_MS) {
		struct buf json = {0};

		pass_time(w, 200 * US_PER_MS);
		rollouts_beat(w->r, STR_LIT("key-00001"), &json, NULL);
		buf_fini(&json);
	}
}

static inline void send_traffic(uint64_t stable, uint64_t candidate)
{
	for (size_t i = 0; i < FAKES; i++) {
		fakes[i].requests[0] += stable;
		fakes[i].requests[1] += candidate;
	}
}

static inline const struct action *last_action(const struct world *w)
{
	return w->r->actions;
}

static inline const char *last_outcome(void)
{
	for (size_t i = log_count; i-- > 0;) {
		if (log_rows[i].audit)
			return log_rows[i].outcome;
	}
	return "";
}

static inline int applies(void)
{
	int sum = 0;

	for (size_t i = 0; i < FAKES * 2; i++)
		sum += fakes[i].applies;
	return sum;
}

#endif
