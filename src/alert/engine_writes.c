/* What the engine hands out to be stored, and the job that stores it. Everything is an upsert by id,
 * so that handing the same out twice is harmless; messages get their ids once. */
#include "alert/engine_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/alerts.h"

#define VALUES_EVERY_US US_PER_MIN /* figures of open alerts are stored so often */

void engine_writes_fini(struct engine_writes *w)
{
	free(w->alerts);
	free(w->states);
	free(w->silences);
	free(w->overrides);
	free(w->budgets);
	free(w->sums);
	free(w->standings);
	free(w->acts);
	free(w->messages);
	free(w->audits);
	arena_fini(&w->arena);
	memset(w, 0, sizeof *w);
}

bool engine_writes_empty(const struct engine_writes *w)
{
	return !w->alert_count && !w->state_count && !w->silence_count && !w->override_count && !w->budget_count &&
	       !w->sum_count && !w->standings_set && !w->act_count && !w->message_count && !w->audit_count;
}

int engine_writes_store(struct store_writer *store, void *writes, struct err *err)
{
	const struct engine_writes *w = writes;
	int failed = 0;

	for (size_t i = 0; i < w->alert_count && !failed; i++)
		failed = store_alert_put(store, &w->alerts[i], err);
	for (size_t i = 0; i < w->state_count && !failed; i++)
		failed = store_rule_state_put(store, &w->states[i], err);
	for (size_t i = 0; i < w->silence_count && !failed; i++)
		failed = store_silence_put(store, &w->silences[i], err);
	for (size_t i = 0; i < w->override_count && !failed; i++)
		failed = store_override_put(store, &w->overrides[i], err);
	for (size_t i = 0; i < w->budget_count && !failed; i++)
		failed = store_budget_put(store, &w->budgets[i], err);
	for (size_t i = 0; i < w->sum_count && !failed; i++)
		failed = store_budget_sum_put(store, &w->sums[i], err);
	if (w->standings_set && !failed)
		failed = store_budget_states_put(store, w->standings, w->standing_count, err);
	for (size_t i = 0; i < w->message_count && !failed; i++)
		failed = store_outbox_put(store, &w->messages[i], err);
	for (size_t i = 0; i < w->audit_count && !failed; i++)
		failed = store_writer_add_audit(store, &w->audits[i], err);
	return failed;
}

static const char *keep(struct arena *a, const char *text)
{
	return arena_copy(a, text ? text : "", text ? strlen(text) : 0);
}

static struct str keep_str(struct arena *a, const char *text)
{
	return str_of(keep(a, text));
}

void engine_add_audit(struct engine *e, struct engine_writes *w, const struct asker *by, const char *action, const char *target,
                      const char *before, const char *after, int64_t now_us)
{
	(void)e;
	w->audits = mem_grow(w->audits, &w->audit_cap, w->audit_count + 1, sizeof *w->audits);
	w->audits[w->audit_count++] = (struct audit_entry){
		.time_us = now_us, .uid = by ? by->uid : (uint32_t)geteuid(), .login_uid = by ? by->login_uid : UINT32_MAX,
		.ssh_client = keep_str(&w->arena, by ? by->ssh_client : ""), .claimed_name = keep_str(&w->arena, by ? by->claimed : ""),
		.action = keep_str(&w->arena, action), .target = keep_str(&w->arena, target), .before = keep_str(&w->arena, before),
		.after = keep_str(&w->arena, after), .outcome = STR_LIT("ok"),
	};
}

/* ── the record of an instance ─────────────────────────────────────────────────────────────── */

static int64_t silenced_until(const struct engine *e, const struct instance *x, int64_t now_us)
{
	int64_t until_us = 0;

	for (size_t i = 0; i < e->silence_count; i++)
		if (silence_fits(&e->silences[i], x->rule, x->labels, now_us) && e->silences[i].until_us > until_us)
			until_us = e->silences[i].until_us;
	return until_us;
}

static struct alert_record record_of(const struct engine *e, const struct instance *x, int64_t now_us)
{
	return (struct alert_record){
		.id = x->id, .rule = x->rule, .kind = x->kind, .labels = x->labels, .severity = x->severity,
		.state = x->machine.state, .data = x->machine.data, .since_us = x->machine.since_us, .fired_us = x->machine.fired_us,
		.ended_us = x->machine.state == ALERT_INACTIVE ? now_us : x->machine.ended_us, .quiet_us = x->machine.quiet_us,
		.checked_us = x->machine.checked_us, .value = x->value, .bound = x->bound, .normal = x->normal, .told = x->told,
		.summary = x->summary, .runbook = x->runbook, .acknowledged_by = x->acknowledged_by, .note = x->note,
		.acknowledged_us = x->acknowledged_us, .silenced_until_us = silenced_until(e, x, now_us),
	};
}

size_t engine_alert_count(const struct engine *e)
{
	return e->instance_count;
}

struct alert_record engine_alert(const struct engine *e, size_t i, int64_t now_us)
{
	return record_of(e, e->instances[i], now_us);
}

/* ── handing out ───────────────────────────────────────────────────────────────────────────── */

static void add_message(struct engine *e, struct engine_writes *w, const struct outlet *outlet, const struct alert_record *a,
                        const char *what, int64_t now_us)
{
	struct buf body = {0};

	outlet->render(outlet->arg, a, what, &body);
	w->messages = mem_grow(w->messages, &w->message_cap, w->message_count + 1, sizeof *w->messages);
	w->messages[w->message_count++] = (struct outbox_record){
		.id = e->next_outbox_id++, .alert_id = a->id, .notifier = keep(&w->arena, outlet->name), .what = keep(&w->arena, what),
		.made_us = now_us, .next_us = now_us, .state = OUTBOX_WAITING, .body = keep(&w->arena, body.data), .words = "",
	};
	buf_fini(&body);
}

void engine_add_message(struct engine *e, const char *notifier, int64_t alert_id, const char *what, const char *body, int64_t now_us)
{
	struct engine_writes *w = &e->waiting;

	w->messages = mem_grow(w->messages, &w->message_cap, w->message_count + 1, sizeof *w->messages);
	w->messages[w->message_count++] = (struct outbox_record){
		.id = e->next_outbox_id++, .alert_id = alert_id, .notifier = keep(&w->arena, notifier), .what = keep(&w->arena, what),
		.made_us = now_us, .next_us = now_us, .state = OUTBOX_WAITING, .body = keep(&w->arena, body), .words = "",
	};
}

static void tell(struct engine *e, struct engine_writes *w, const struct instance *x, const char *what, bool acknowledgement,
                 int64_t now_us)
{
	struct alert_record a = record_of(e, x, now_us);

	for (size_t i = 0; i < e->outlet_count; i++) {
		const struct outlet *o = &e->outlets[i];

		if (x->severity >= o->least && (!acknowledgement || o->acknowledgements))
			add_message(e, w, o, &a, what, now_us);
	}
}

/* One message for each change: nothing is told while it is silenced, and only what was told as firing
 * is told as resolved. */
static void tell_changes(struct engine *e, struct engine_writes *w, struct instance *x, int64_t now_us)
{
	bool firing = x->machine.state == ALERT_FIRING;

	if (firing && !x->told && !silenced_until(e, x, now_us)) {
		x->told = x->dirty = true;
		tell(e, w, x, "firing", false, now_us);
	} else if (!firing && x->told) {
		x->told = false;
		x->dirty = true;
		tell(e, w, x, "resolved", false, now_us);
	}
	if (x->told && x->acknowledged_us && !x->told_acknowledged) {
		x->told_acknowledged = true;
		tell(e, w, x, "acknowledged", true, now_us);
	}
}

static void audit_change(struct engine *e, struct engine_writes *w, struct instance *x, int64_t now_us)
{
	enum alert_state s = x->machine.state;
	char after[64];

	if (s == x->audited)
		return;
	if (s == ALERT_FIRING || (s == ALERT_RESOLVED && x->audited == ALERT_FIRING)) {
		snprintf(after, sizeof after, "%s, value %.6g, limit %.6g", alert_state_name(s), x->value, x->bound);
		engine_add_audit(e, w, NULL, s == ALERT_FIRING ? "alert.fire" : "alert.resolve", x->labels, alert_state_name(x->audited), after, now_us);
	}
	x->audited = s;
}

static void take_instance(struct engine *e, struct engine_writes *w, struct instance *x, int64_t now_us)
{
	tell_changes(e, w, x, now_us);
	audit_change(e, w, x, now_us);
	if (!x->dirty && now_us - x->stored_us < VALUES_EVERY_US)
		return;
	if (!x->dirty && (x->machine.state == ALERT_RESOLVED || x->machine.state == ALERT_INACTIVE))
		return;
	struct alert_record a = record_of(e, x, now_us);

	a.rule = keep(&w->arena, x->rule);
	a.kind = keep(&w->arena, x->kind);
	a.labels = keep(&w->arena, x->labels);
	a.summary = keep(&w->arena, x->summary);
	a.runbook = keep(&w->arena, x->runbook);
	a.acknowledged_by = keep(&w->arena, x->acknowledged_by);
	a.note = keep(&w->arena, x->note);
	w->alerts = mem_grow(w->alerts, &w->alert_cap, w->alert_count + 1, sizeof *w->alerts);
	w->alerts[w->alert_count++] = a;
	x->dirty = false;
	x->stored_us = now_us;
}

static void take_state(struct engine_writes *w, struct rule_slot *s, int64_t now_us)
{
	if (!s->dirty)
		return;
	struct rule_state state = s->state;

	state.rule = keep(&w->arena, s->state.rule);
	state.words = keep(&w->arena, s->state.words);
	w->states = mem_grow(w->states, &w->state_cap, w->state_count + 1, sizeof *w->states);
	w->states[w->state_count++] = state;
	s->dirty = false;
	s->stored_data = s->state.data;
	s->stored_us = now_us;
}

void engine_take_writes(struct engine *e, int64_t now_us, struct engine_writes *out)
{
	*out = e->waiting;
	e->waiting = (struct engine_writes){0};
	for (size_t i = 0; i < e->instance_count; i++)
		take_instance(e, out, e->instances[i], now_us);
	for (size_t i = 0; i < e->config->alert_count; i++)
		take_state(out, &e->slots[i], now_us);
	engine_take_budget_writes(e, now_us, out);
}

/* What can be made again from the engine's state is; the rest (messages, audit rows, people's changes)
 * is kept, so that a store that takes nothing for a day costs no memory but for what happened. */
static void keep_for_later(struct engine *e, struct engine_writes *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->alert_count; i++) {
		struct instance *x = engine_find_id(e, w->alerts[i].id);

		if (x)
			x->dirty = true;
		else
			w->alerts[kept++] = w->alerts[i];
	}
	w->alert_count = kept;
	for (size_t i = 0; i < e->config->alert_count; i++)
		e->slots[i].dirty = true;
	for (size_t i = 0; i < e->budget_count; i++)
		e->budgets[i].dirty = true;
	for (size_t i = 0; i < w->act_count; i++)
		engine_budget_acted(e, w->acts[i].budget, w->acts[i].key, DEED_LATER, "", 0);
	w->state_count = w->sum_count = w->standing_count = w->act_count = 0;
	w->standings_set = false;
	e->budgets_changed = true;
	e->waiting = *w;
	*w = (struct engine_writes){0};
}

void engine_written(struct engine *e, struct engine_writes *w, bool stored)
{
	if (stored)
		engine_writes_fini(w);
	else
		keep_for_later(e, w);
}
