/* Orders: what people and rules ask for, checked and turned into actions. One action at a time on a
 * rollout: the first one wins, the other is told who it is. An action that only watches its traffic
 * any more gives way. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/rollouts_private.h"

#define KEY_MIN 8
#define KEY_MAX 56

static bool key_fits(struct str key)
{
	if (key.len < KEY_MIN || key.len > KEY_MAX)
		return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c)))
			return false;
	}
	return true;
}

/* ── which rollouts ────────────────────────────────────────────────────────────────────────── */

static bool in_scope(const struct view *where, const struct config_rollout *c)
{
	static const enum dim known[] = {DIM_SERVICE, DIM_ENVIRONMENT};

	for (size_t d = 0; d < 2; d++) {
		const char *value = known[d] == DIM_SERVICE ? c->service : c->environment ? c->environment : "";
		bool wanted = false, any = false;

		for (size_t i = 0; where && i < where->filter_count; i++) {
			const struct filter *f = &where->filters[i];
			bool equal = strcmp(f->value, value) == 0;

			if (f->dim != known[d])
				continue;
			if (f->inverted && equal)
				return false;
			any |= !f->inverted;
			wanted |= !f->inverted && equal;
		}
		if (any && !wanted)
			return false;
	}
	return true;
}

static enum order_result check_where(const struct view *where, struct err *err)
{
	for (size_t i = 0; where && i < where->filter_count; i++) {
		if (where->filters[i].dim != DIM_SERVICE && where->filters[i].dim != DIM_ENVIRONMENT) {
			err_set(err, "stop-all: a scope is made of service and environment, not of %s", dim_name(where->filters[i].dim));
			return ORDER_BAD;
		}
	}
	return ORDER_OK;
}

static enum order_result check_managed(const struct managed *m, bool question, struct err *err)
{
	const struct action *a = m->action;

	if (m->slot_count == 0) {
		err_set(err, "rollout %s: no actuator is configured, so nothing can be moved: see llmdeck(5)", m->config->name);
		return ORDER_BAD;
	}
	if (!question && a && a->state != ACTION_WATCHING) {
		err_set(err, "rollout %s: %s by %s is under way: wait for it, or cancel it while it counts down", m->config->name,
		        rollout_verb_name(a->verb), a->caller.name);
		return ORDER_BUSY;
	}
	return ORDER_OK;
}

static void give_way(struct managed *m)
{
	struct action *a = m->action;

	if (!a || a->state != ACTION_WATCHING)
		return;
	a->watch_until_us = 0;
	for (size_t i = 0; i < a->part_count; i++) {
		if (a->parts[i].managed == m && !a->parts[i].watched)
			part_watch(&a->parts[i], true);
	}
	m->action = NULL;
	m->watch_us = 0;
}

/* ── making an action ──────────────────────────────────────────────────────────────────────── */

/* Holding touches only targets that know what it is; the others hold by nobody moving them. */
static bool leg_needed(const struct managed *m, size_t slot, enum rollout_verb verb)
{
	const struct actuator *kind = actuator_find(m->config->actuators[slot].kind);
	enum act_verb wanted = verb == ROLLOUT_HOLD ? ACT_HOLD : ACT_RESUME;

	return rollout_verb_moves(verb) || (kind && kind->verbs & 1u << wanted);
}

static void add_part(struct action *a, struct managed *m, const struct rollout_shares *wanted)
{
	struct part *p = &a->parts[a->part_count];

	p->managed = m;
	p->before = p->prior = m->desired;
	p->wanted = *wanted;
	p->result = "";
	p->key = a->part_count ? mem_printf("%s.%zu", a->key, a->part_count) : mem_strdup(a->key);
	for (size_t i = 0; i < m->slot_count; i++) {
		if (!leg_needed(m, i, a->verb))
			continue;
		p->legs[p->leg_count++] = (struct leg){.action = a, .part = p, .slot = &m->slots[i]};
	}
	a->raises |= rollout_verb_moves(a->verb) && rollout_raises(&m->desired, wanted);
	a->part_count++;
}

static char *copy(struct str s)
{
	return mem_strndup(s.len ? s.ptr : "", s.len);
}

static struct action *action_new(struct rollouts *r, const struct rollout_order *order, enum rollout_verb verb)
{
	struct action *a = mem_zalloc(sizeof(*a));

	a->owner = r;
	a->verb = verb;
	a->key = copy(order->key);
	a->reason = copy(order->reason);
	if (strlen(a->reason) > 200)
		a->reason[200] = '\0';
	if (order->caller)
		a->caller = *order->caller;
	caller_text(&a->caller, &a->who);
	a->automatic = order->automatic;
	a->started_us = ops_of(r)->wall_us();
	/* Legs point to their parts: the array must not move. */
	a->parts = mem_array(NULL, r->managed_count + 1, sizeof(*a->parts));
	memset(a->parts, 0, (r->managed_count + 1) * sizeof(*a->parts));
	return a;
}

static enum order_result add_named(struct action *a, struct managed *m, const struct rollout_order *order, struct err *err)
{
	struct rollout_shares wanted;
	enum order_result result = check_managed(m, order->key.len == 0, err);

	if (result != ORDER_OK)
		return result;
	if (!m->known && a->verb != ROLLOUT_SET && a->verb != ROLLOUT_ROLLBACK && a->verb != ROLLOUT_PROMOTE) {
		err_set(err, "rollout %s: its weights are not known yet: wait until its targets were read, or set them", m->config->name);
		return ORDER_BAD;
	}
	if (rollout_wanted(m->config, a->verb, order->shares, &m->desired, &wanted, err))
		return ORDER_BAD;
	add_part(a, m, &wanted);
	return ORDER_OK;
}

static enum order_result add_scope(struct action *a, const struct rollout_order *order, struct err *err)
{
	enum order_result result = check_where(order->where, err);

	for (size_t i = 0; i < a->owner->managed_count && result == ORDER_OK; i++) {
		struct managed *m = &a->owner->managed[i];
		struct rollout_shares wanted = rollout_all_to(m->config, 0);

		if (!in_scope(order->where, m->config) || m->slot_count == 0)
			continue;
		/* What was stopped already needs no second stop. */
		if (m->known && !m->action && !managed_drifts(m) && rollout_shares_equal(&m->desired, &wanted))
			continue;
		/* An emergency does not wait for somebody else's countdown. */
		if (order->key.len && m->action && (m->action->state == ACTION_PLANNING || m->action->state == ACTION_COUNTDOWN))
			action_cancel(m->action, "cancelled: an emergency stop came: nothing was done");
		result = check_managed(m, order->key.len == 0, err);
		if (result == ORDER_OK)
			add_part(a, m, &wanted);
	}
	if (result == ORDER_OK && a->part_count == 0) {
		err_set(err, "stop-all: no rollout in that scope has a candidate with traffic");
		result = ORDER_UNKNOWN;
	}
	return result;
}

static enum order_result make_action(struct rollouts *r, const struct rollout_order *order, struct action **out,
                                     struct err *err)
{
	enum rollout_verb verb;
	enum order_result result;

	*out = NULL;
	if (r->stopped) {
		err_set(err, "the collector is ending");
		return ORDER_BUSY;
	}
	if (!rollout_verb_from_name(order->verb, &verb)) {
		err_set(err, "rollout: it knows no verb \"%.*s\"", (int)(order->verb.len < 40 ? order->verb.len : 40),
		        order->verb.len ? order->verb.ptr : "");
		return ORDER_BAD;
	}
	struct managed *m = verb == ROLLOUT_STOP_ALL ? NULL : managed_find(r, order->rollout);

	if (verb != ROLLOUT_STOP_ALL && !m) {
		err_set(err, "rollout \"%.*s\": the collector's configuration has none of that name: see `llmdeck rollout list`",
		        (int)(order->rollout.len < 80 ? order->rollout.len : 80), order->rollout.len ? order->rollout.ptr : "");
		return ORDER_UNKNOWN;
	}
	struct action *a = action_new(r, order, verb);

	result = m ? add_named(a, m, order, err) : add_scope(a, order, err);
	if (result != ORDER_OK)
		action_free(&a);
	*out = a;
	return result;
}

static void list_action(struct action *a)
{
	a->next = a->owner->actions;
	a->owner->actions = a;
}

/* ── orders ────────────────────────────────────────────────────────────────────────────────── */

enum order_result rollouts_plan(struct rollouts *r, const struct rollout_order *order,
                                void (*told)(void *arg, const struct buf *json, const char *error), void *arg,
                                struct err *err)
{
	struct rollout_order question = *order;
	struct action *a;

	question.key = (struct str){0};
	enum order_result result = make_action(r, &question, &a, err);

	if (result != ORDER_OK)
		return result;
	a->told = told;
	a->told_arg = arg;
	list_action(a);
	action_plan(a);
	return ORDER_OK;
}

enum order_result rollouts_begin(struct rollouts *r, const struct rollout_order *order, struct buf *json,
                                 struct err *err)
{
	struct action *a = action_find(r, order->key);
	enum order_result result;

	if (a) {
		action_json(a, json);
		return ORDER_OK;
	}
	if (!key_fits(order->key)) {
		err_set(err, "rollout: an action needs a key of %d to %d letters, digits, dots and dashes", KEY_MIN, KEY_MAX);
		return ORDER_BAD;
	}
	result = make_action(r, order, &a, err);
	if (result != ORDER_OK)
		return result;
	list_action(a);
	for (size_t i = 0; i < a->part_count; i++) {
		give_way(a->parts[i].managed);
		a->parts[i].managed->action = a;
	}
	action_record(a);
	action_json(a, json);
	return ORDER_OK;
}

static enum order_result find(struct rollouts *r, struct str key, struct action **out, struct err *err)
{
	*out = action_find(r, key);
	if (*out)
		return ORDER_OK;
	err_set(err, "rollout: this collector knows no action of that key: `llmdeck audit` tells how it ended");
	return ORDER_UNKNOWN;
}

enum order_result rollouts_beat(struct rollouts *r, struct str key, struct buf *json, struct err *err)
{
	struct action *a;
	enum order_result result = find(r, key, &a, err);

	if (result != ORDER_OK)
		return result;
	if (a->state == ACTION_COUNTDOWN) {
		int64_t now_us = ops_of(r)->mono_us();

		/* A client that was away for too long does not bring the countdown back. */
		if (now_us - a->beat_us <= LEASE_US)
			a->beat_us = now_us;
		action_tick(a, now_us);
	}
	action_json(a, json);
	return ORDER_OK;
}

enum order_result rollouts_cancel(struct rollouts *r, struct str key, struct buf *json, struct err *err)
{
	struct action *a;
	enum order_result result = find(r, key, &a, err);

	if (result != ORDER_OK)
		return result;
	if (a->state == ACTION_PLANNING || a->state == ACTION_COUNTDOWN) {
		action_cancel(a, "cancelled in the countdown: nothing was done");
	} else if (a->state == ACTION_RECORDING) {
		err_set(err, "rollout: the action is being recorded: cancel it in a moment");
		return ORDER_BUSY;
	} else if (a->state < ACTION_CLOSING) {
		err_set(err, "rollout: too late to cancel: its targets are being changed");
		return ORDER_BUSY;
	}
	action_json(a, json);
	return ORDER_OK;
}

/* ── what a former collector left behind ───────────────────────────────────────────────────── */

void action_resolve(struct rollouts *r, const struct rollout_action_row *row)
{
	struct managed *m = managed_find(r, row->rollout);
	struct caller caller = {.uid = row->uid, .login_uid = row->login_uid};
	struct rollout_shares wanted;
	enum rollout_verb verb;

	if (!m || m->action || !rollout_verb_from_name(row->verb, &verb) ||
	    rollout_shares_parse(m->config, row->shares, &wanted, NULL))
		return; /* it stays open until its rollout is configured again */
	snprintf(caller.name, sizeof(caller.name), "uid %u", (unsigned)row->uid);
	snprintf(caller.ssh_client, sizeof(caller.ssh_client), "%.*s", STR_ARG(row->ssh_client));
	snprintf(caller.claimed, sizeof(caller.claimed), "%.*s", STR_ARG(row->claimed_name));
	struct rollout_order order = {.key = row->key, .reason = row->reason, .caller = &caller};
	struct action *a = action_new(r, &order, verb);

	add_part(a, m, &wanted);
	if (rollout_shares_parse(m->config, row->before, &a->parts[0].before, NULL))
		a->parts[0].before = m->desired;
	a->started_us = row->started_us;
	a->resolving = true;
	m->action = a;
	list_action(a);
	action_take_up(a, str_equal_c(row->state, "applying"));
}
