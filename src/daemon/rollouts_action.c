/* One action as a state machine: each answer (of a target, of the store) and each tick moves it on. A
 * step that cannot be undone is taken only after what it stands on is durable: the intent before the
 * targets are asked, "applying" before the first of them is touched, the outcome at the end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/rollouts_private.h"

static void record_parts(struct action *a, enum action_state state);
static void next_leg(struct action *a);

void action_free(struct action **out)
{
	struct action *a = *out;

	*out = NULL;
	for (size_t i = 0; i < a->part_count; i++) {
		struct part *p = &a->parts[i];

		for (size_t l = 0; l < p->leg_count; l++) {
			buf_fini(&p->legs[l].plan);
			free(p->legs[l].saw);
			free(p->legs[l].moves);
			free(p->legs[l].stays);
		}
		buf_fini(&p->outcome);
		free(p->key);
	}
	free(a->parts);
	free(a->key);
	free(a->reason);
	buf_fini(&a->who);
	buf_fini(&a->before);
	buf_fini(&a->audit_before);
	buf_fini(&a->audit_after);
	buf_fini(&a->audit_outcome);
	buf_fini(&a->shares);
	buf_fini(&a->desired);
	buf_fini(&a->desired_reason);
	free(a);
}

struct action *action_find(struct rollouts *r, struct str key)
{
	struct action *a = r->actions;

	while (a && (a->told || !str_equal_c(key, a->key)))
		a = a->next;
	return a;
}

static int64_t mono(const struct action *a)
{
	return ops_of(a->owner)->mono_us();
}

/* ── recording ─────────────────────────────────────────────────────────────────────────────── */

static void release(struct action *a)
{
	for (size_t i = 0; i < a->part_count; i++) {
		struct managed *m = a->parts[i].managed;

		if (m->action == a) {
			m->action = NULL;
			m->watch_us = 0;
			m->changed = true;
		}
	}
}

static void done(struct action *a)
{
	a->state = ACTION_DONE;
	release(a);
}

/* Ends before anything was touched: the intents' outcome is recorded all the same. */
static void end_untouched(struct action *a, const char *result, const char *words)
{
	for (size_t i = 0; i < a->part_count; i++) {
		a->parts[i].result = result;
		buf_reset(&a->parts[i].outcome);
		buf_puts(&a->parts[i].outcome, words);
	}
	release(a);
	record_parts(a, ACTION_CLOSING);
}

void action_cancel(struct action *a, const char *why)
{
	if (a->told) {
		a->told(a->told_arg, NULL, why);
		done(a);
	} else if (a->state > ACTION_RECORDING) {
		end_untouched(a, "cancelled", why);
	}
}

static void fill_action_row(struct action *a, const struct part *p, const char *state)
{
	buf_reset(&a->shares);
	buf_reset(&a->before);
	rollout_shares_format(p->managed->config, &p->wanted, &a->shares);
	rollout_shares_format(p->managed->config, &p->before, &a->before);
	a->record.has_action = true;
	a->record.is_intent = a->state == ACTION_RECORDING;
	a->record.action = (struct rollout_action_row){
		.key = str_of(p->key), .rollout = str_of(p->managed->config->name), .verb = str_of(rollout_verb_name(a->verb)),
		.state = str_of(state), .shares = buf_str(&a->shares), .before = buf_str(&a->before),
		.outcome = buf_str(&p->outcome), .reason = str_of(a->reason), .who = buf_str(&a->who),
		.ssh_client = str_of(a->caller.ssh_client), .claimed_name = str_of(a->caller.claimed), .uid = a->caller.uid,
		.login_uid = a->caller.login_uid, .started_us = a->started_us,
		.changed_us = ops_of(a->owner)->wall_us(),
	};
}

static void fill_audit(struct action *a, struct part *p)
{
	buf_reset(&a->audit_before);
	buf_reset(&a->audit_after);
	rollout_shares_text(p->managed->config, &p->before, &a->audit_before);
	rollout_shares_text(p->managed->config, &p->wanted, &a->audit_after);
	buf_reset(&a->audit_outcome);
	buf_printf(&a->audit_outcome, "%s: %s", p->result, p->outcome.data ? p->outcome.data : "");
	if (a->reason[0])
		buf_printf(&a->audit_outcome, "; reason: %s", a->reason);
	a->record.has_audit = true;
	a->record.audit = (struct audit_entry){
		.time_us = ops_of(a->owner)->wall_us(), .uid = a->caller.uid, .login_uid = a->caller.login_uid,
		.ssh_client = str_of(a->caller.ssh_client),
		.claimed_name = str_of(a->automatic ? a->caller.name : a->caller.claimed),
		.action = a->record.action.verb, .target = a->record.action.rollout, .before = buf_str(&a->audit_before),
		.after = buf_str(&a->audit_after), .outcome = buf_str(&a->audit_outcome),
	};
}

static void stored(void *arg, bool ok, const char *error);

static void record_part(struct action *a)
{
	const struct rollouts_ops *ops = ops_of(a->owner);
	struct part *p = &a->parts[a->record_part];

	a->record = (struct rollout_record){.has_action = false};
	fill_action_row(a, p, a->state == ACTION_RECORDING ? "intent" : a->state == ACTION_ARMING ? "applying" : "done");
	if (a->state == ACTION_ARMING) {
		a->record.has_desired = p->managed->known;
		buf_reset(&a->desired);
		buf_reset(&a->desired_reason);
		a->record.desired = managed_row(p->managed, &a->desired, &a->desired_reason);
	}
	if (a->state == ACTION_CLOSING)
		fill_audit(a, p);
	a->storing = true;
	ops->store(ops->arg, &a->record, stored, a);
}

static void record_parts(struct action *a, enum action_state state)
{
	a->state = state;
	a->record_part = 0;
	record_part(a);
}

static void plan_legs(struct action *a);

/* All parts of the state are durable. */
static void recorded(struct action *a)
{
	switch (a->state) {
	case ACTION_RECORDING:
		plan_legs(a);
		break;
	case ACTION_ARMING:
		a->state = ACTION_APPLYING;
		a->leg_at_part = a->leg_at = 0;
		next_leg(a);
		break;
	default:
		done(a);
		for (size_t i = 0; i < a->part_count; i++)
			log_warning("rollout %s: %s by %s: %s: %s", a->parts[i].managed->config->name, rollout_verb_name(a->verb),
			            a->caller.name, a->parts[i].result, a->parts[i].outcome.data ? a->parts[i].outcome.data : "");
	}
}

static void take_back_desired(struct action *a)
{
	for (size_t i = 0; i < a->part_count; i++)
		a->parts[i].managed->desired = a->parts[i].prior;
}

static void not_stored(struct action *a, const char *error)
{
	struct err words = {""};

	err_set(&words, "it cannot be recorded, so nothing was done: %s", error);
	if (a->state == ACTION_CLOSING) {
		a->store_again_us = mono(a) + STORE_AGAIN_US;
		log_error("rollouts: an outcome is not stored yet: %s", error);
		return;
	}
	if (a->state == ACTION_ARMING) {
		take_back_desired(a);
		end_untouched(a, "failed", words.text);
		return;
	}
	for (size_t i = 0; i < a->part_count; i++) {
		a->parts[i].result = "failed";
		buf_puts(&a->parts[i].outcome, words.text);
	}
	done(a);
}

static void stored(void *arg, bool ok, const char *error)
{
	struct action *a = arg;

	a->storing = false;
	if (a->owner->stopped)
		return; /* the ledger has it, or the next collector finds it open there */
	if (!ok)
		not_stored(a, error);
	else if (a->record.known)
		not_stored(a, "this key was used for an action before");
	else if (++a->record_part < a->part_count)
		record_part(a);
	else
		recorded(a);
}

/* ── planning ──────────────────────────────────────────────────────────────────────────────── */

static void leg_ask(const struct leg *l, struct act_ask *ask)
{
	fill_ask(l->part->managed, l->action->verb, &l->part->wanted, ask);
	ask->key = l->action->key;
	ask->reason = l->action->reason;
	ask->actor = l->action->caller.name;
}

static void leg_begin(struct leg *l, enum target_job job, void (*then)(void *arg, const struct target_answer *answer))
{
	const struct rollouts_ops *ops = ops_of(l->action->owner);
	struct act_ask ask;

	leg_ask(l, &ask);
	l->running = true;
	ops->begin(l->slot->target, job, &ask, l->saw, 0, then, l);
}

static void take_plan(struct leg *l, const struct act_plan *plan)
{
	const struct config_rollout *c = l->part->managed->config;

	buf_reset(&l->plan);
	act_plan_json(plan, &l->plan);
	free(l->saw);
	free(l->moves);
	free(l->stays);
	l->saw = mem_strdup(plan->saw ? plan->saw : "");
	l->moves = mem_strdup(plan->moves ? plan->moves : "");
	l->stays = mem_strdup(plan->stays ? plan->stays : "");
	l->state = plan->nothing_to_do ? LEG_NOTHING : LEG_PLANNED;
	l->action->raises |= plan->raises_exposure;
	for (size_t i = 0; i < plan->arm_count; i++) {
		for (size_t arm = 0; arm < c->arm_count; arm++) {
			if (plan->arms[i].deployment && strcmp(plan->arms[i].deployment, c->arms[arm]) == 0 &&
			    !isnan(plan->arms[i].now_percent))
				l->part->before.percent[arm] = plan->arms[i].now_percent;
		}
	}
}

static void planned(struct action *a);

static void leg_planned(void *arg, const struct target_answer *answer)
{
	struct leg *l = arg;
	struct action *a = l->action;
	bool running = false;

	l->running = false;
	if (answer->result == ACT_OK) {
		take_plan(l, &answer->plan);
	} else {
		l->state = LEG_FAILED;
		l->words = answer->why.words;
	}
	for (size_t i = 0; i < a->part_count; i++) {
		for (size_t n = 0; n < a->parts[i].leg_count; n++)
			running |= a->parts[i].legs[n].running;
	}
	if (!running && a->state == ACTION_PLANNING)
		planned(a);
}

static void plan_legs(struct action *a)
{
	bool any = false;

	a->state = ACTION_PLANNING;
	/* Marked before the first is asked: an answer may come at once. */
	for (size_t i = 0; i < a->part_count; i++) {
		for (size_t n = 0; n < a->parts[i].leg_count; n++) {
			struct leg *l = &a->parts[i].legs[n];

			l->running = l->slot->target != NULL;
			any |= l->running;
			if (l->running)
				continue;
			l->state = LEG_FAILED;
			l->words = l->slot->sight.words;
		}
	}
	if (!any) {
		planned(a);
		return;
	}
	for (size_t i = 0; i < a->part_count; i++) {
		for (size_t n = 0; n < a->parts[i].leg_count; n++) {
			if (a->parts[i].legs[n].running)
				leg_begin(&a->parts[i].legs[n], TARGET_PLAN, leg_planned);
		}
	}
}

static void count_legs(const struct action *a, size_t counts[LEG_SKIPPED + 1])
{
	memset(counts, 0, (LEG_SKIPPED + 1) * sizeof(counts[0]));
	for (size_t i = 0; i < a->part_count; i++) {
		for (size_t n = 0; n < a->parts[i].leg_count; n++)
			counts[a->parts[i].legs[n].state]++;
	}
}

static const char *first_failure(const struct action *a)
{
	for (size_t i = 0; i < a->part_count; i++) {
		for (size_t n = 0; n < a->parts[i].leg_count; n++) {
			if (a->parts[i].legs[n].state == LEG_FAILED)
				return a->parts[i].legs[n].words.text;
		}
	}
	return "";
}

static void arm(struct action *a)
{
	for (size_t i = 0; i < a->part_count; i++) {
		struct part *p = &a->parts[i];
		struct managed *m = p->managed;

		p->prior = m->desired;
		if (!rollout_verb_moves(a->verb)) {
			m->held = a->verb == ROLLOUT_HOLD;
			m->changed = true;
			continue;
		}
		m->desired = p->wanted;
		m->rolled_back = a->verb == ROLLOUT_ROLLBACK || a->verb == ROLLOUT_STOP_ALL;
		snprintf(m->reason, sizeof(m->reason), "%s by %s%s%.120s", rollout_verb_name(a->verb), a->caller.name,
		         a->reason[0] ? ": " : "", a->reason);
		managed_begin_stretch(m, true);
		m->known = true;
	}
	record_parts(a, ACTION_ARMING);
}

static void begin_countdown(struct action *a)
{
	const struct config_rollout *c = a->parts[0].managed->config;

	a->countdown_us = a->automatic || !rollout_verb_moves(a->verb) ? 0 : a->raises ? c->raise_us : c->lower_us;
	a->state = ACTION_COUNTDOWN;
	a->go_us = mono(a) + a->countdown_us;
	a->beat_us = mono(a);
	if (!a->countdown_us)
		arm(a);
}

static void planned(struct action *a)
{
	size_t counts[LEG_SKIPPED + 1], legs = 0;
	struct err words = {""};

	if (a->told) {
		struct buf json = {0};

		action_json(a, &json);
		a->told(a->told_arg, &json, NULL);
		buf_fini(&json);
		done(a);
		return;
	}
	for (size_t i = 0; i < a->part_count; i++)
		legs += a->parts[i].leg_count;
	count_legs(a, counts);
	bool stable = legs > 0 && counts[LEG_NOTHING] == legs && rollout_verb_moves(a->verb);

	for (size_t i = 0; i < a->part_count; i++)
		stable = stable && rollout_shares_equal(&a->parts[i].managed->desired, &a->parts[i].wanted);
	if (stable) {
		struct buf text = {0};

		rollout_shares_text(a->parts[0].managed->config, &a->parts[0].wanted, &text);
		err_set(&words, "nothing to do: it is already so (%s)", text.data);
		buf_fini(&text);
		end_untouched(a, "nothing", words.text);
	} else if (counts[LEG_FAILED] && (a->raises || counts[LEG_FAILED] == legs)) {
		err_set(&words, "nothing was done: %.440s", first_failure(a));
		end_untouched(a, "failed", words.text);
	} else {
		begin_countdown(a);
	}
}

/* ── applying ──────────────────────────────────────────────────────────────────────────────── */

static void leg_ended(struct leg *l, enum leg_state state)
{
	l->state = state;
	l->action->leg_at++;
	next_leg(l->action);
}

static void leg_verified(void *arg, const struct target_answer *answer)
{
	struct leg *l = arg;
	struct action *a = l->action;

	l->running = false;
	slot_take_sight(l->slot, answer->result, &answer->why, &answer->sight);
	if (answer->result == ACT_OK) {
		sight_copy(l->part->managed->config, answer->result, &answer->why, &answer->sight, &l->first);
		l->words.text[0] = '\0';
		leg_ended(l, LEG_VERIFIED);
	} else if (answer->result == ACT_RETRY && mono(a) < l->give_up_us) {
		l->words = answer->why.words;
		l->again_us = mono(a) + VERIFY_AGAIN_US;
	} else {
		/* A target that was read and shows something else has not got it. */
		bool read = answer->sight.arm_count > 0 && answer->result == ACT_FAILED && !answer->sight.matches;

		if (l->applied || !l->words.text[0])
			l->words = answer->why.words;
		leg_ended(l, read ? LEG_FAILED : LEG_UNCONFIRMED);
	}
}

static void verify(struct leg *l)
{
	l->state = LEG_VERIFYING;
	l->again_us = 0;
	leg_begin(l, TARGET_VERIFY, leg_verified);
}

static void leg_applied(void *arg, const struct target_answer *answer);

static void apply(struct leg *l)
{
	l->state = LEG_APPLYING;
	l->again_us = 0;
	l->tries++;
	leg_begin(l, TARGET_APPLY, leg_applied);
}

static void leg_replanned(void *arg, const struct target_answer *answer)
{
	struct leg *l = arg;

	l->running = false;
	if (answer->result != ACT_OK) {
		l->words = answer->why.words;
		leg_ended(l, LEG_FAILED);
		return;
	}
	take_plan(l, &answer->plan);
	apply(l);
}

static void leg_applied(void *arg, const struct target_answer *answer)
{
	struct leg *l = arg;
	struct action *a = l->action;
	bool again = answer->result == ACT_RETRY && l->tries < APPLY_TRIES;

	l->running = false;
	l->words = answer->why.words;
	if (answer->result == ACT_OK) {
		l->applied = true;
		verify(l);
	} else if (again && answer->why.fault == ACT_CHANGED && !a->raises) {
		leg_begin(l, TARGET_PLAN, leg_replanned); /* going back to stable is right from any state */
	} else if (again && answer->why.fault != ACT_CHANGED) {
		l->again_us = mono(a) + VERIFY_AGAIN_US;
	} else if (answer->why.maybe_changed) {
		verify(l);
	} else {
		leg_ended(l, LEG_FAILED);
	}
}

static void begin_watch(struct action *a)
{
	const int64_t bucket_us = 10 * US_PER_S;
	int64_t from_us = ops_of(a->owner)->wall_us() + 2 * US_PER_S;
	bool any = false;

	for (size_t i = 0; i < a->part_count; i++) {
		struct part *p = &a->parts[i];

		p->watched = true;
		for (size_t n = 0; n < p->leg_count; n++) {
			if (p->legs[n].state == LEG_VERIFIED || p->legs[n].state == LEG_NOTHING)
				p->watched = false;
		}
		if (p->watched)
			continue;
		any = true;
		p->managed->watch_us = (from_us + bucket_us - 1) / bucket_us * bucket_us;
	}
	a->state = ACTION_WATCHING;
	a->watch_until_us = mono(a) + (any && rollout_verb_moves(a->verb) && !a->resolving ? WATCH_US : 0);
}

static void close_action(struct action *a)
{
	for (size_t i = 0; i < a->part_count; i++)
		part_sum_up(a, &a->parts[i]);
	release(a);
	record_parts(a, ACTION_CLOSING);
}

/* After a leg that did not get there, what raises exposure goes no further. */
static bool must_stop(const struct action *a)
{
	size_t counts[LEG_SKIPPED + 1];

	count_legs(a, counts);
	return a->raises && !a->resolving && counts[LEG_FAILED] + counts[LEG_UNCONFIRMED] > 0;
}

static void next_leg(struct action *a)
{
	while (a->leg_at_part < a->part_count) {
		struct part *p = &a->parts[a->leg_at_part];

		if (a->leg_at == p->leg_count) {
			a->leg_at_part++;
			a->leg_at = 0;
			continue;
		}
		struct leg *l = &p->legs[a->leg_at];

		if (l->state == LEG_FAILED || l->state == LEG_NOTHING || l->state == LEG_UNCONFIRMED) {
			a->leg_at++;
		} else if (must_stop(a)) {
			l->state = LEG_SKIPPED;
			a->leg_at++;
		} else {
			l->give_up_us = mono(a) + VERIFY_LEAST_US;
			if (a->resolving)
				verify(l);
			else
				apply(l);
			return;
		}
	}
	begin_watch(a);
}

/* ── time ──────────────────────────────────────────────────────────────────────────────────── */

static void watched_again(void *arg, const struct target_answer *answer)
{
	struct leg *l = arg;

	l->running = false;
	if (answer->result != ACT_FAILED)
		slot_take_sight(l->slot, answer->result, &answer->why, &answer->sight);
	/* A target that restarts, say, has its old weights again: what was true is not any more. */
	if (answer->result == ACT_OK && (l->state == LEG_VERIFIED || l->state == LEG_LOST)) {
		l->state = answer->sight.drift ? LEG_LOST : LEG_VERIFIED;
		l->words = answer->sight.drift ? l->slot->sight.words : (struct err){""};
	}
	l->again_us = mono(l->action) + VERIFY_AGAIN_US;
}

static void watch(struct action *a, int64_t now_us)
{
	bool last = now_us >= a->watch_until_us, all = true;

	for (size_t i = 0; i < a->part_count; i++) {
		struct part *p = &a->parts[i];

		for (size_t n = 0; !last && !p->watched && n < p->leg_count; n++) {
			struct leg *l = &p->legs[n];

			if (l->slot->target && !l->running && now_us >= l->again_us)
				leg_begin(l, TARGET_OBSERVE, watched_again);
		}
		if (!p->watched)
			part_watch(p, last);
		all = all && p->watched;
		for (size_t n = 0; n < p->leg_count; n++)
			all = all && !p->legs[n].running;
	}
	if (all)
		close_action(a);
}

static void count_down(struct action *a, int64_t now_us)
{
	if (now_us - a->beat_us > LEASE_US)
		action_cancel(a, "cancelled: the client went away in the countdown: nothing was done");
	else if (now_us >= a->go_us && a->beat_us >= a->go_us)
		arm(a);
}

void action_tick(struct action *a, int64_t now_us)
{
	switch (a->state) {
	case ACTION_COUNTDOWN:
		count_down(a, now_us);
		break;
	case ACTION_APPLYING: {
		struct leg *l = a->leg_at_part < a->part_count ? &a->parts[a->leg_at_part].legs[a->leg_at] : NULL;

		if (l && !l->running && l->again_us && now_us >= l->again_us) {
			if (l->state == LEG_VERIFYING)
				verify(l);
			else
				apply(l);
		}
		break;
	}
	case ACTION_WATCHING:
		watch(a, now_us);
		break;
	case ACTION_CLOSING:
		if (!a->storing && now_us >= a->store_again_us)
			record_part(a);
		break;
	default:
		break;
	}
}

/* ── beginnings ────────────────────────────────────────────────────────────────────────────── */

void action_record(struct action *a)
{
	record_parts(a, ACTION_RECORDING);
}

void action_plan(struct action *a)
{
	plan_legs(a);
}

void action_take_up(struct action *a, bool touched)
{
	if (!touched) {
		end_untouched(a, "cancelled", "the collector ended before it touched a target: nothing was done");
		return;
	}
	for (size_t n = 0; n < a->parts[0].leg_count; n++) {
		struct leg *l = &a->parts[0].legs[n];

		l->state = l->slot->target ? LEG_WAITING : LEG_UNCONFIRMED;
		if (!l->slot->target)
			l->words = l->slot->sight.words;
	}
	a->state = ACTION_APPLYING;
	next_leg(a);
}
