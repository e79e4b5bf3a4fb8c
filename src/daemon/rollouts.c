/* The controller's life and what goes on between actions: sights of the targets, evidence, breaches,
 * steps that advance by themselves, and what the panels are told. rollouts_action.c has the
 * transaction, rollouts_outcome.c what comes out of it. */
#include "daemon/rollouts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "daemon/rollouts_private.h"

#define BUCKET_US (10 * US_PER_S)

const struct rollouts_ops rollouts_real_targets = {
	.open = target_open, .close = target_close, .name = target_name, .begin = target_begin,
	.mono_us = clock_mono_us, .wall_us = clock_wall_us,
};

const struct rollouts_ops *ops_of(const struct rollouts *r)
{
	return &r->options.ops;
}

struct managed *managed_find(struct rollouts *r, struct str name)
{
	for (size_t i = 0; i < r->managed_count; i++) {
		if (str_equal_c(name, r->managed[i].config->name))
			return &r->managed[i];
	}
	return NULL;
}

/* ── sights of the targets ─────────────────────────────────────────────────────────────────── */

static size_t arm_index(const struct config_rollout *c, const char *deployment)
{
	size_t i = 0;

	while (i < c->arm_count && (!deployment || strcmp(c->arms[i], deployment) != 0))
		i++;
	return i;
}

void sight_copy(const struct config_rollout *c, enum act_result result, const struct act_why *why,
                const struct act_sight *seen, struct sight *out)
{
	bool was_seen = out->seen;
	int64_t at_us = out->at_us;

	*out = (struct sight){.seen = was_seen, .at_us = at_us, .result = result, .fault = why->fault, .words = why->words};
	for (size_t i = 0; i < ROLLOUT_ARMS_MAX; i++)
		out->percent[i] = NAN;
	if (seen->arm_count == 0)
		return;
	out->seen = true;
	out->at_us = seen->at_us;
	out->drift = seen->drift;
	out->counters_id = seen->counters_id;
	out->has_counters = true;
	snprintf(out->phase, sizeof(out->phase), "%s", seen->phase ? seen->phase : "");
	if (!out->words.text[0] && seen->words)
		err_set(&out->words, "%s", seen->words);
	for (size_t i = 0; i < seen->arm_count; i++) {
		size_t arm = arm_index(c, seen->arms[i].deployment);

		if (arm == c->arm_count)
			continue;
		out->percent[arm] = seen->arms[i].percent;
		out->has_counters = out->has_counters && seen->arms[i].has_counters;
		out->requests[arm] = seen->arms[i].requests;
		out->errors[arm] = seen->arms[i].errors;
		snprintf(out->state[arm], sizeof(out->state[arm]), "%s", seen->arms[i].state ? seen->arms[i].state : "");
	}
}

/* Counters begin anew with another process, and mean something else after a move. */
static void keep_base(struct slot *s)
{
	if (!s->sight.seen || !s->sight.has_counters)
		return;
	if (!s->base.has_counters || s->base.counters_id != s->sight.counters_id || s->base.at_us < s->managed->step_us)
		s->base = s->sight;
}

bool slot_arrived(const struct slot *s, int64_t arrived[ROLLOUT_ARMS_MAX], int64_t *total)
{
	*total = 0;
	if (!s->sight.seen || !s->sight.has_counters || !s->base.has_counters || s->base.counters_id != s->sight.counters_id ||
	    s->base.at_us < s->managed->step_us)
		return false;
	for (size_t i = 0; i < s->managed->config->arm_count; i++) {
		bool more = s->sight.requests[i] > s->base.requests[i];

		arrived[i] = more ? (int64_t)(s->sight.requests[i] - s->base.requests[i]) : 0;
		*total += arrived[i];
	}
	return true;
}

static void adopt(struct managed *m, const struct sight *s)
{
	struct buf text = {0};

	m->desired = (struct rollout_shares){.count = m->config->arm_count};
	for (size_t i = 0; i < m->config->arm_count; i++) {
		if (isnan(s->percent[i]))
			return;
		m->desired.percent[i] = s->percent[i];
	}
	m->known = true;
	managed_begin_stretch(m, true);
	rollout_shares_text(m->config, &m->desired, &text);
	snprintf(m->reason, sizeof(m->reason), "taken over as found: %s", text.data);
	buf_fini(&text);
	managed_store(m);
}

void slot_take_sight(struct slot *s, enum act_result result, const struct act_why *why, const struct act_sight *seen)
{
	struct managed *m = s->managed;
	bool drifted = managed_drifts(m);

	sight_copy(m->config, result, why, seen, &s->sight);
	if (!m->known && (result == ACT_OK || why->fault == ACT_DENIED) && seen->arm_count > 0)
		adopt(m, &s->sight);
	keep_base(s);
	if (managed_drifts(m) != drifted) {
		m->changed = true;
		if (!drifted)
			log_warning("rollout %s: DRIFT: %s is not as wanted: %s", m->config->name, s->name, s->sight.words.text);
	}
}

bool managed_drifts(const struct managed *m)
{
	for (size_t i = 0; m->known && !m->action && i < m->slot_count; i++) {
		if (m->slots[i].sight.seen && m->slots[i].sight.drift)
			return true;
	}
	return false;
}

void fill_ask(const struct managed *m, enum rollout_verb verb, const struct rollout_shares *shares, struct act_ask *ask)
{
	static const enum act_verb verbs[ROLLOUT_VERB_COUNT] = {
		[ROLLOUT_SET] = ACT_SET, [ROLLOUT_STEP] = ACT_STEP, [ROLLOUT_BACK] = ACT_SET,
		[ROLLOUT_ROLLBACK] = ACT_ROLLBACK, [ROLLOUT_PROMOTE] = ACT_PROMOTE, [ROLLOUT_HOLD] = ACT_HOLD,
		[ROLLOUT_RESUME] = ACT_RESUME, [ROLLOUT_REAPPLY] = ACT_SET, [ROLLOUT_STOP_ALL] = ACT_ROLLBACK,
	};

	*ask = (struct act_ask){.verb = verbs[verb], .arm_count = shares->count, .key = "look"};
	for (size_t i = 0; i < shares->count; i++)
		ask->arms[i] = (struct act_arm_want){m->config->arms[i], shares->percent[i]};
}

static void observed(void *arg, const struct target_answer *answer)
{
	struct slot *s = arg;

	s->observing = false;
	slot_take_sight(s, answer->result, &answer->why, &answer->sight);
}

static void observe_slot(struct slot *s, int64_t now_us)
{
	struct managed *m = s->managed;
	struct act_ask ask;

	if (!s->target || s->observing || now_us < s->observe_due_us || m->action)
		return;
	s->observing = true;
	s->observe_due_us = now_us + OBSERVE_EVERY_US;
	fill_ask(m, ROLLOUT_SET, &m->desired, &ask);
	ops_of(m->owner)->begin(s->target, TARGET_OBSERVE, m->known ? &ask : NULL, NULL, 0, observed, s);
}

/* ── state ─────────────────────────────────────────────────────────────────────────────────── */

void managed_begin_stretch(struct managed *m, bool moved)
{
	int64_t now_us = ops_of(m->owner)->wall_us();

	if (moved)
		m->step_us = now_us;
	m->stretch++;
	m->stretch_us = now_us;
	m->evidence = (struct evidence){0};
	memset(m->failing_since_us, 0, sizeof(m->failing_since_us));
	m->breached = false;
	m->changed = true;
}

void managed_describe(const struct managed *m, const char **phase, struct buf *reason)
{
	double exposure = rollout_exposure(&m->desired);
	size_t step = rollout_step_of(m->config, &m->desired);

	*phase = !m->known ? "unknown" : m->breached ? "degraded" : exposure < 0.001 ? (m->rolled_back ? "rolled back" : "paused")
	         : exposure > 99.999 ? "healthy" : m->held ? "paused" : "progressing";
	if (managed_drifts(m))
		buf_puts(reason, "DRIFT: a target is not as wanted: re-apply; ");
	if (m->breached)
		buf_puts(reason, m->breach_words.text);
	else if (m->reason[0])
		buf_puts(reason, m->reason);
	else if (m->known)
		buf_printf(reason, "step %zu of %zu", step, m->config->step_count);
}

struct rollout_desired managed_row(const struct managed *m, struct buf *shares, struct buf *reason)
{
	const char *phase;

	rollout_shares_format(m->config, &m->desired, shares);
	managed_describe(m, &phase, reason);
	buf_reset(reason);
	buf_puts(reason, m->reason);
	return (struct rollout_desired){
		.name = str_of(m->config->name), .shares = buf_str(shares),
		.phase = str_of(m->rolled_back ? "rolled back" : "set"), .reason = buf_str(reason), .held = m->held,
		.step_us = m->step_us, .stretch = m->stretch, .stretch_us = m->stretch_us,
	};
}

/* A record outside an action; frees itself. */
struct loose_record {
	struct rollout_record record;
	struct buf shares, reason;
};

static void loose_stored(void *arg, bool ok, const char *error)
{
	struct loose_record *l = arg;

	if (!ok)
		log_error("rollouts: state is not stored: %s", error);
	buf_fini(&l->shares);
	buf_fini(&l->reason);
	free(l);
}

void managed_store(struct managed *m)
{
	struct loose_record *l = mem_zalloc(sizeof(*l));

	l->record.has_desired = true;
	l->record.desired = managed_row(m, &l->shares, &l->reason);
	ops_of(m->owner)->store(ops_of(m->owner)->arg, &l->record, loose_stored, l);
}

/* ── evidence, breaches, steps ─────────────────────────────────────────────────────────────── */

static void begin_automatic(struct managed *m, enum rollout_verb verb, const char *why)
{
	struct caller self;
	struct err err = {""};
	struct buf progress = {0};
	char key[64];

	caller_self("automatic", &self);
	snprintf(key, sizeof(key), "auto-%llx-%s", (unsigned long long)ops_of(m->owner)->wall_us(), rollout_verb_name(verb));
	struct rollout_order order = {
		.rollout = str_of(m->config->name), .verb = str_of(rollout_verb_name(verb)), .key = str_of(key),
		.reason = str_of(why), .caller = &self, .automatic = true,
	};

	if (rollouts_begin(m->owner, &order, &progress, &err) != ORDER_OK)
		log_error("rollout %s: automatic %s did not begin: %s", m->config->name, rollout_verb_name(verb), err.text);
	buf_fini(&progress);
}

static void breach(struct managed *m, size_t arm, size_t guardrail)
{
	const struct config_rollout *c = m->config;
	const struct ab_judgement *j = &m->evidence.judged[arm][guardrail];

	m->breached = m->changed = true;
	err_set(&m->breach_words, "guardrail %s fails: %s %.4g against %s %.4g: %s", guardrail_name(&c->guardrails[guardrail]),
	        c->arms[arm], j->candidate.number, c->arms[0], j->stable.number,
	        c->rollback_on_breach ? "rolled back by itself" : "roll back?");
	log_warning("rollout %s: %s", c->name, m->breach_words.text);
	if (c->rollback_on_breach && !m->action)
		begin_automatic(m, ROLLOUT_ROLLBACK, m->breach_words.text);
}

/* What fails for the breach's time, with the candidate exposed. */
static void check_breach(struct managed *m, int64_t now_us)
{
	bool any = false;

	for (size_t arm = 1; arm < m->config->arm_count; arm++) {
		for (size_t g = 0; g < m->config->guardrail_count; g++) {
			int64_t *since_us = &m->failing_since_us[arm][g];

			if (m->evidence.judged[arm][g].verdict != AB_FAIL || m->desired.percent[arm] <= 0) {
				*since_us = 0;
				continue;
			}
			any = true;
			if (!*since_us)
				*since_us = now_us;
			if (!m->breached && now_us - *since_us >= m->config->breach_us)
				breach(m, arm, g);
		}
	}
	if (!any && m->breached) {
		m->breached = false;
		m->changed = true;
	}
}

/* Every guardrail of every candidate passes; else the words say which does not. */
static bool all_pass(const struct managed *m, char *words, size_t cap)
{
	for (size_t arm = 1; arm < m->config->arm_count; arm++) {
		for (size_t g = 0; g < m->config->guardrail_count; g++) {
			const struct ab_judgement *j = &m->evidence.judged[arm][g];

			if (j->verdict == AB_PASS)
				continue;
			snprintf(words, cap, "the next step waits: %s of %.60s is %s: %.100s", guardrail_name(&m->config->guardrails[g]),
			         m->config->arms[arm], ab_verdict_name(j->verdict),
			         j->words.text[0] ? j->words.text : m->evidence.words.text);
			return false;
		}
	}
	return true;
}

static void advance(struct managed *m)
{
	const struct rollouts_ops *ops = ops_of(m->owner);
	char words[sizeof(m->reason)];

	if (!m->config->advance || m->held || m->breached || m->action || !m->known || managed_drifts(m) ||
	    ops->wall_us() - m->step_us < m->config->hold_us || rollout_exposure(&m->desired) <= 0 ||
	    rollout_step_of(m->config, &m->desired) == m->config->step_count || !m->evidence.taken)
		return;
	if (all_pass(m, words, sizeof(words))) {
		begin_automatic(m, ROLLOUT_STEP, "every guardrail passes and the hold is over");
	} else if (strcmp(words, m->reason) != 0) {
		memcpy(m->reason, words, sizeof(words));
		m->changed = true;
	}
}

void managed_take_evidence(struct managed *m, const struct evidence *e)
{
	if (!e->taken) {
		/* The last known figures stay, with their age. */
		m->evidence.words = e->words;
		return;
	}
	m->evidence = *e;
	if (!m->known)
		return;
	check_breach(m, ops_of(m->owner)->mono_us());
	advance(m);
	if (!m->action && ops_of(m->owner)->wall_us() - m->stretch_us > STRETCH_US) {
		bool breached = m->breached;

		managed_begin_stretch(m, false);
		m->evidence = *e;
		m->breached = breached;
		managed_store(m);
	}
}

/* "latency_p95 has 8.25, allowed is 5.28" behind what is there already. */
static void add_failure(const struct managed *m, size_t arm, size_t guardrail, struct guardrail_reading *out)
{
	const struct config_guardrail *g = &m->config->guardrails[guardrail];
	const struct ab_judgement *j = &m->evidence.judged[arm][guardrail];
	bool better_high = g->evaluation[0] && !g->low_is_better;
	double bound = j->stable.number + (better_high ? -j->limit : j->limit);
	size_t len = strlen(out->words);

	if (out->says != GUARDRAIL_FAILS) { /* the first one's figures stand for all */
		out->value = j->candidate.number;
		out->bound = bound;
	}
	out->says = GUARDRAIL_FAILS;
	snprintf(out->words + len, sizeof(out->words) - len, "%s%s has %.4g, allowed is %.4g", len ? "; " : "", guardrail_name(g),
	         j->candidate.number, bound);
}

/* All guardrails of a candidate together: one alert, however many fail. */
static void read_guardrails(const struct managed *m, size_t arm, struct guardrail_reading *out)
{
	const struct config_rollout *c = m->config;
	size_t passed = 0;

	*out = (struct guardrail_reading){.says = GUARDRAIL_UNSURE, .value = NAN, .bound = NAN, .for_us = c->breach_us};
	snprintf(out->rollout, sizeof(out->rollout), "%s", c->name);
	snprintf(out->service, sizeof(out->service), "%s", c->service);
	snprintf(out->environment, sizeof(out->environment), "%s", c->environment ? c->environment : "");
	snprintf(out->arm, sizeof(out->arm), "%s", c->arms[arm]);
	for (size_t g = 0; m->evidence.taken && g < c->guardrail_count; g++) {
		if (m->evidence.judged[arm][g].verdict == AB_FAIL)
			add_failure(m, arm, g, out);
		passed += m->evidence.judged[arm][g].verdict == AB_PASS;
	}
	if (m->known && (m->desired.percent[arm] <= 0 || passed == c->guardrail_count))
		out->says = GUARDRAIL_HOLDS;
	else if (!m->known)
		out->says = GUARDRAIL_UNSURE;
}

void rollouts_tell_guardrails(struct rollouts *r)
{
	struct guardrail_reading *readings = mem_array(NULL, r->managed_count * ROLLOUT_ARMS_MAX + 1, sizeof(*readings));
	size_t count = 0;

	for (size_t i = 0; i < r->managed_count; i++) {
		for (size_t arm = 1; arm < r->managed[i].config->arm_count && r->managed[i].config->guardrail_count; arm++)
			read_guardrails(&r->managed[i], arm, &readings[count++]);
	}
	r->options.judged(r->options.judged_arg, readings, count);
	free(readings);
}

static void evidence_came(void *arg, size_t index, const struct evidence *e)
{
	struct rollouts *r = arg;
	struct managed *m = &r->managed[index];

	/* An answer to a question of before the last change speaks of other shares. */
	if (!e->taken || e->from_us >= m->stretch_us)
		managed_take_evidence(m, e);
	if (index + 1 == r->managed_count && r->options.judged)
		rollouts_tell_guardrails(r);
}

void managed_request_evidence(struct rollouts *r)
{
	int64_t now_us = ops_of(r)->wall_us();

	if (!r->thread)
		return;
	struct question *questions = mem_array(NULL, r->managed_count, sizeof(*questions));

	for (size_t i = 0; i < r->managed_count; i++) {
		const struct managed *m = &r->managed[i];
		int64_t from_us = m->stretch_us ? m->stretch_us : now_us - STRETCH_US;

		questions[i] = (struct question){
			.config = m->config, .shares = m->desired, .from_us = (from_us + BUCKET_US - 1) / BUCKET_US * BUCKET_US,
			.to_us = now_us, .watch_us = m->watch_us, .stretch = m->stretch,
		};
	}
	evidence_thread_ask(r->thread, questions, r->managed_count);
	free(questions);
}

/* ── telling the panels ────────────────────────────────────────────────────────────────────── */

static void fill_arms(const struct managed *m, struct rollout_state *state)
{
	const struct config_rollout *c = m->config;

	state->arm_count = (uint32_t)c->arm_count;
	for (size_t i = 0; i < c->arm_count; i++) {
		double actual = NAN;

		for (size_t s = 0; s < m->slot_count; s++) {
			double seen = m->slots[s].sight.percent[i];

			/* The target that is furthest off speaks for all. */
			if (m->slots[s].sight.seen && !isnan(seen) &&
			    (isnan(actual) || fabs(seen - m->desired.percent[i]) > fabs(actual - m->desired.percent[i])))
				actual = seen;
		}
		state->arms[i] = (struct rollout_arm){
			str_of(c->arms[i]), str_of(i ? "candidate" : "stable"), m->desired.percent[i], actual};
	}
}

static void report(struct managed *m, int64_t now_us)
{
	const struct rollouts_ops *ops = ops_of(m->owner);
	struct buf reason = {0};
	const char *phase;

	if (!m->known || (!m->changed && now_us < m->report_due_us))
		return;
	struct batch *b = batch_new();
	struct rollout_state *state = batch_add_rollout(b);

	managed_describe(m, &phase, &reason);
	state->time_us = ops->wall_us();
	state->name = str_of(m->config->name);
	state->service = str_of(m->config->service);
	state->environment = str_of(m->config->environment ? m->config->environment : "");
	state->phase = str_of(phase);
	state->reason = batch_text(b, buf_str(&reason), EVENT_NAME_MAX_BYTES);
	fill_arms(m, state);
	ops->report(ops->arg, b);
	m->changed = false;
	m->report_due_us = now_us + REPORT_EVERY_US;
	buf_fini(&reason);
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static void forget_old(struct rollouts *r)
{
	size_t kept = 0;

	for (struct action **at = &r->actions; *at;) {
		struct action *a = *at;

		if (++kept <= ACTIONS_KEPT || a->state != ACTION_DONE) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		action_free(&a);
	}
}

void rollouts_tick(struct rollouts *r)
{
	int64_t now_us = ops_of(r)->mono_us();

	for (struct action *a = r->actions; a; a = a->next)
		action_tick(a, now_us);
	forget_old(r);
	for (size_t i = 0; i < r->managed_count; i++) {
		for (size_t s = 0; s < r->managed[i].slot_count; s++)
			observe_slot(&r->managed[i].slots[s], now_us);
		report(&r->managed[i], now_us);
		if (r->managed[i].watch_us && r->evidence_due_us > now_us + 2 * US_PER_S)
			r->evidence_due_us = now_us + 2 * US_PER_S;
	}
	if (now_us >= r->evidence_due_us) {
		r->evidence_due_us = now_us + EVIDENCE_EVERY_US;
		managed_request_evidence(r);
	}
}

static void timer_due(void *arg)
{
	struct rollouts *r = arg;

	rollouts_tick(r);
	loop_timer_set(r->options.loop, r->timer, TICK_US);
}

static size_t fill_act_arms(const struct config_rollout *c, struct act_arm arms[ROLLOUT_ARMS_MAX])
{
	for (size_t i = 0; i < c->arm_count; i++)
		arms[i] = (struct act_arm){c->arms[i], i ? "candidate" : "stable"};
	return c->arm_count;
}

static void open_slot(struct managed *m, size_t index)
{
	const struct rollouts_options *o = &m->owner->options;
	struct slot *s = &m->slots[index];
	struct act_arm arms[ROLLOUT_ARMS_MAX];
	struct target_settings settings = {
		.loop = o->loop, .rollout = m->config->name, .index = index, .section = &m->config->actuators[index],
		.arms = arms, .arm_count = fill_act_arms(m->config, arms),
		.config_path = o->config->path ? o->config->path : "config", .demo = o->demo,
	};
	struct err err = {""};

	s->managed = m;
	for (size_t i = 0; i < ROLLOUT_ARMS_MAX; i++)
		s->sight.percent[i] = NAN;
	if (o->ops.open(&s->target, &settings, &err)) {
		s->target = NULL;
		s->name = mem_printf("%s %zu", m->config->actuators[index].kind, index + 1);
		s->sight.words = err;
		log_error("rollout %s: %s", m->config->name, err.text);
		return;
	}
	s->name = mem_strdup(o->ops.name(s->target));
}

static void open_managed(struct rollouts *r, size_t index)
{
	struct managed *m = &r->managed[index];

	m->owner = r;
	m->config = &r->options.config->rollouts[index];
	m->desired = (struct rollout_shares){.count = m->config->arm_count};
	for (size_t i = 0; i < m->config->arm_count; i++)
		m->desired.percent[i] = NAN;
	m->slot_count = m->config->actuator_count < TARGETS_MAX ? m->config->actuator_count : TARGETS_MAX;
	for (size_t i = 0; i < m->slot_count; i++)
		open_slot(m, i);
}

static void take_desired(struct rollouts *r, const struct rollout_desired *row)
{
	struct managed *m = managed_find(r, row->name);
	struct err err = {""};

	if (!m)
		return; /* no longer configured: it stays in the ledger */
	if (rollout_shares_parse(m->config, row->shares, &m->desired, &err)) {
		log_warning("rollout %.*s: its arms have changed in the configuration: taken over as found", STR_ARG(row->name));
		for (size_t i = 0; i < m->config->arm_count; i++)
			m->desired.percent[i] = NAN;
		return;
	}
	m->known = m->changed = true;
	m->held = row->held;
	m->rolled_back = str_equal_c(row->phase, "rolled back");
	m->step_us = row->step_us;
	m->stretch = (unsigned)row->stretch;
	m->stretch_us = row->stretch_us;
	snprintf(m->reason, sizeof(m->reason), "%.*s", STR_ARG(row->reason));
}

static int take_ledger(struct rollouts *r, struct err *err)
{
	struct store_reader *reader;
	struct ledger_result ledger;

	if (!r->options.store_path)
		return 0;
	if (store_reader_open(&reader, r->options.store_path, err))
		return -1;
	int failed = query_ledger(reader, &ledger, err);

	if (!failed) {
		for (size_t i = 0; i < ledger.desired_count; i++)
			take_desired(r, &ledger.desired[i]);
		for (size_t i = 0; i < ledger.action_count; i++)
			action_resolve(r, &ledger.actions[i]);
		ledger_result_fini(&ledger);
	}
	store_reader_close(&reader);
	return failed;
}

int rollouts_start(struct rollouts **out, const struct rollouts_options *o, struct err *err)
{
	struct rollouts *r = mem_zalloc(sizeof(*r));

	*out = r;
	r->options = *o;
	r->managed_count = o->config->rollout_count;
	r->managed = mem_array(NULL, r->managed_count + 1, sizeof(*r->managed));
	memset(r->managed, 0, (r->managed_count + 1) * sizeof(*r->managed));
	for (size_t i = 0; i < r->managed_count; i++)
		open_managed(r, i);
	if (take_ledger(r, err)) {
		rollouts_stop(r);
		rollouts_free(out);
		return -1;
	}
	if (o->loop && r->managed_count) {
		r->timer = loop_timer_new(o->loop, 0, timer_due, r);
		if (o->store_path)
			r->thread = evidence_thread_start(o->loop, o->store_path, evidence_came, r);
	}
	return 0;
}

int rollouts_check(const struct config *config, bool demo, struct err *err)
{
	for (size_t i = 0; i < config->rollout_count; i++) {
		const struct config_rollout *c = &config->rollouts[i];
		struct act_arm arms[ROLLOUT_ARMS_MAX];
		size_t count = fill_act_arms(c, arms);

		if (c->actuator_count > TARGETS_MAX)
			return err_set(err, "rollout %s: more than %d actuators", c->name, TARGETS_MAX);
		for (size_t t = 0; t < c->actuator_count; t++) {
			const struct actuator *kind = actuator_find(c->actuators[t].kind);

			if (actuator_check(&c->actuators[t], arms, count, config->path ? config->path : "config", err))
				return -1;
			if (kind && kind->invented && !demo)
				return err_set(err, "rollout %s: an actuator of kind %s moves no real traffic: it is for `llmdeck demo`",
				               c->name, kind->kind);
		}
	}
	return 0;
}

bool rollouts_busy(const struct rollouts *r)
{
	for (const struct action *a = r->actions; a; a = a->next) {
		if (a->state == ACTION_ARMING || a->state == ACTION_APPLYING || a->state == ACTION_WATCHING)
			return true;
	}
	return false;
}

void rollouts_stop(struct rollouts *r)
{
	if (!r || r->stopped)
		return;
	r->stopped = true;
	evidence_thread_stop(&r->thread);
	if (r->timer)
		loop_timer_free(r->options.loop, &r->timer);
	for (struct action *a = r->actions; a; a = a->next) {
		if (a->state <= ACTION_COUNTDOWN)
			action_cancel(a, "the collector is ending");
	}
	for (size_t i = 0; i < r->managed_count; i++) {
		for (size_t s = 0; s < r->managed[i].slot_count; s++) {
			if (r->managed[i].slots[s].target)
				ops_of(r)->close(&r->managed[i].slots[s].target);
			free(r->managed[i].slots[s].name);
			r->managed[i].slots[s].name = NULL;
		}
	}
}

void rollouts_free(struct rollouts **out)
{
	struct rollouts *r = *out;

	if (!r)
		return;
	*out = NULL;
	while (r->actions) {
		struct action *a = r->actions;

		r->actions = a->next;
		action_free(&a);
	}
	free(r->managed);
	free(r);
}
