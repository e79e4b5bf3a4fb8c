/* What people ask of the engine. Each verb changes what is in force at once and leaves the rows to be
 * stored, its audit row among them; the caller answers when they are. */
#include "alert/engine_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "core/money.h"

static const char *keep(struct engine *e, const char *text)
{
	return arena_copy(&e->waiting.arena, text ? text : "", text ? strlen(text) : 0);
}

static bool is_open(const struct instance *x)
{
	return x->machine.state == ALERT_FIRING || x->machine.state == ALERT_PENDING;
}

static void acknowledge(struct engine *e, struct instance *x, const char *note, const struct asker *by, int64_t now_us)
{
	engine_add_audit(e, &e->waiting, by, "alert.ack", x->labels, x->acknowledged_us ? x->acknowledged_by : "", note, now_us);
	engine_replace_text(&x->acknowledged_by, by->name);
	engine_replace_text(&x->note, note);
	x->acknowledged_us = now_us;
	x->told_acknowledged = false;
	x->dirty = true;
}

int engine_acknowledge(struct engine *e, int64_t id, const char *note, const struct asker *by, int64_t now_us, struct err *err)
{
	struct instance *x = engine_find_id(e, id);

	if (!x || !is_open(x))
		return err_set(err, "alert %lld is not firing or pending: see `llmdeck alert list`", (long long)id);
	acknowledge(e, x, note, by, now_us);
	for (size_t i = 0; strcmp(x->kind, "budget") == 0 && i < e->instance_count; i++) {
		struct instance *lower = e->instances[i];

		if (lower != x && is_open(lower) && !lower->acknowledged_us && lower->bound < x->bound &&
		    strcmp(lower->rule, x->rule) == 0 && budget_same_basis(x->labels, lower->labels))
			acknowledge(e, lower, note, by, now_us);
	}
	return 0;
}

static bool rule_exists(const struct engine *e, const char *rule)
{
	for (size_t i = 0; i < e->config->alert_count; i++)
		if (!strcmp(e->config->alerts[i].name, rule))
			return true;
	for (size_t i = 0; i < e->budget_count; i++)
		if (!strcmp(e->budgets[i].budget.name, rule))
			return true;
	return false;
}

static void write_silence(struct engine *e, const struct silence_record *s)
{
	struct engine_writes *w = &e->waiting;

	w->silences = mem_grow(w->silences, &w->silence_cap, w->silence_count + 1, sizeof *w->silences);
	w->silences[w->silence_count++] = (struct silence_record){
		s->id, keep(e, s->rule), keep(e, s->labels), s->from_us, s->until_us, keep(e, s->author), keep(e, s->comment)};
}

int engine_silence(struct engine *e, int64_t id, const char *rule, int64_t until_us, const char *comment, const struct asker *by,
                   int64_t now_us, int64_t *silence_id, struct err *err)
{
	struct instance *x = id > 0 ? engine_find_id(e, id) : NULL;
	char until[TIME_TEXT_BYTES];

	if (id > 0 && !x)
		return err_set(err, "there is no alert %lld: see `llmdeck alert list`", (long long)id);
	if (!x && !rule_exists(e, rule))
		return err_set(err, "there is no rule %s: see `llmdeck alert rules`", rule);
	if (until_us <= now_us)
		return err_set(err, "a silence ends later than now");
	e->silences = mem_grow(e->silences, &e->silence_cap, e->silence_count + 1, sizeof *e->silences);
	struct silence_record *s = &e->silences[e->silence_count++];

	*s = (struct silence_record){
		e->next_silence_id++, mem_strdup(x ? x->rule : rule), mem_strdup(x ? x->labels : ""), now_us, until_us,
		mem_strdup(by->name), mem_strdup(comment)};
	*silence_id = s->id;
	write_silence(e, s);
	engine_add_audit(e, &e->waiting, by, "alert.silence", x ? x->labels : rule, "", time_format(until_us, until), now_us);
	return 0;
}

int engine_unsilence(struct engine *e, int64_t silence_id, const struct asker *by, int64_t now_us, struct err *err)
{
	for (size_t i = 0; i < e->silence_count; i++) {
		struct silence_record *s = &e->silences[i];
		char before[TIME_TEXT_BYTES];

		if (s->id != silence_id || s->until_us <= now_us)
			continue;
		time_format(s->until_us, before);
		s->until_us = now_us;
		write_silence(e, s);
		engine_add_audit(e, &e->waiting, by, "alert.unsilence", *s->labels ? s->labels : s->rule, before, "", now_us);
		return 0;
	}
	return err_set(err, "there is no silence %lld in force: see `llmdeck alert list`", (long long)silence_id);
}

int engine_unsilence_alert(struct engine *e, int64_t id, const char *rule, const struct asker *by, int64_t now_us, int64_t *ids,
                           size_t room, size_t *ended, struct err *err)
{
	const struct instance *x = id > 0 ? engine_find_id(e, id) : NULL;

	*ended = 0;
	if (id > 0 && !x)
		return err_set(err, "there is no alert %lld: see `llmdeck alert list`", (long long)id);
	for (size_t i = 0; i < e->silence_count; i++) {
		const struct silence_record *s = &e->silences[i];
		bool fits = x ? silence_fits(s, x->rule, x->labels, now_us) : s->until_us > now_us && !strcmp(s->rule, rule);

		if (!fits)
			continue;
		if (*ended < room)
			ids[*ended] = s->id;
		++*ended;
		if (engine_unsilence(e, s->id, by, now_us, err))
			return -1;
	}
	if (!*ended)
		return err_set(err, "no silence is in force there");
	return 0;
}

void engine_follow_silence(struct engine *e, int64_t silence_id, int64_t was_until_us, int64_t until_us, int64_t now_us)
{
	for (size_t i = 0; i < e->silence_count; i++) {
		struct silence_record *s = &e->silences[i];
		int64_t off_us = s->until_us - was_until_us;

		if (s->id != silence_id || s->until_us <= now_us || off_us > US_PER_S || off_us < -US_PER_S)
			continue;
		s->until_us = until_us;
		write_silence(e, s);
	}
}

void engine_audit_alertmanager(struct engine *e, const char *action, const char *target, const char *before, const char *after,
                               const char *outcome, const struct asker *by, int64_t now_us)
{
	struct engine_writes *w = &e->waiting;

	engine_add_audit(e, w, by, action, target, before, after, now_us);
	w->audits[w->audit_count - 1].outcome = str_of(keep(e, outcome));
}

const struct silence_record *engine_silence_find(const struct engine *e, int64_t silence_id)
{
	for (size_t i = 0; i < e->silence_count; i++)
		if (e->silences[i].id == silence_id)
			return &e->silences[i];
	return NULL;
}

static struct rule_override *override_of(struct engine *e, const char *rule)
{
	for (size_t i = 0; i < e->override_count; i++)
		if (!strcmp(e->overrides[i].rule, rule))
			return &e->overrides[i];
	e->overrides = mem_grow(e->overrides, &e->override_cap, e->override_count + 1, sizeof *e->overrides);
	e->overrides[e->override_count] = (struct rule_override){.rule = mem_strdup(rule), .author = mem_strdup(""), .bound = NAN};
	return &e->overrides[e->override_count++];
}

static void drop_override(struct engine *e, struct rule_override *o)
{
	free((char *)o->rule);
	free((char *)o->author);
	*o = e->overrides[--e->override_count];
}

int engine_override(struct engine *e, const char *rule, double bound, int64_t until_us, const struct asker *by, int64_t now_us,
                    struct err *err)
{
	struct engine_writes *w = &e->waiting;
	size_t at = 0;
	char before[64], after[64];

	while (at < e->config->alert_count && strcmp(e->config->alerts[at].name, rule) != 0)
		at++;
	if (at == e->config->alert_count)
		return err_set(err, "there is no rule %s: see `llmdeck alert rules`", rule);
	if (e->config->alerts[at].kind == ALERT_ABSENCE)
		return err_set(err, "rule %s waits for silence and has no limit to edit: change `absent` in the config", rule);
	snprintf(before, sizeof before, "%.9g", e->slots[at].bound);
	snprintf(after, sizeof after, "%.9g", isnan(bound) ? e->config->alerts[at].limit : bound);
	struct rule_override *o = override_of(e, rule);

	engine_replace_text((char **)&o->author, by->name);
	o->bound = bound;
	o->until_us = until_us;
	o->changed_us = now_us;
	w->overrides = mem_grow(w->overrides, &w->override_cap, w->override_count + 1, sizeof *w->overrides);
	w->overrides[w->override_count++] = (struct rule_override){keep(e, rule), bound, keep(e, by->name), until_us, now_us};
	engine_add_audit(e, w, by, "alert.edit", rule, before, after, now_us);
	if (isnan(bound))
		drop_override(e, o);
	return 0;
}

static void write_budget(struct engine *e, const struct budget_record *b)
{
	struct engine_writes *w = &e->waiting;
	struct budget_record mine = *b;

	mine.budget.name = keep(e, b->budget.name);
	mine.budget.tz = keep(e, b->budget.tz);
	mine.budget.hard = b->budget.hard ? keep(e, b->budget.hard) : NULL;
	mine.author = keep(e, b->author);
	w->budgets = mem_grow(w->budgets, &w->budget_cap, w->budget_count + 1, sizeof *w->budgets);
	w->budgets[w->budget_count++] = mine;
}

const struct config_budget *engine_find_budget(const struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->budget_count; i++)
		if (!strcmp(e->budgets[i].budget.name, name))
			return &e->budgets[i].budget;
	return NULL;
}

int engine_set_budget(struct engine *e, const struct config_budget *b, int64_t until_us, const struct asker *by, int64_t now_us,
                      struct err *err)
{
	const struct config_budget *old = engine_find_budget(e, b->name);
	struct budget_record record = {.budget = *b, .author = by->name, .until_us = until_us, .changed_us = now_us};
	char before[MONEY_TEXT_BYTES] = "", after[MONEY_TEXT_BYTES];
	struct tz *tz = NULL;

	if (b->amount_nusd <= 0 || !b->warn_count || (!b->on_actual && !b->on_forecast))
		return err_set(err, "budget %s: it needs an amount above 0, a threshold and a basis", b->name);
	for (size_t i = 0; i < e->config->alert_count; i++)
		if (!strcmp(e->config->alerts[i].name, b->name))
			return err_set(err, "budget %s: an alert rule has that name: choose another", b->name);
	if (engine_check_deed(e->config, b, err) || tz_load(&tz, b->tz, err))
		return -1;
	tz_free(&tz);
	if (old)
		money_format_usd(old->amount_nusd, before);
	engine_add_audit(e, &e->waiting, by, "budget.set", b->name, before, money_format_usd(b->amount_nusd, after), now_us);
	write_budget(e, &record);
	engine_take_budget(e, &record);
	return 0;
}

int engine_remove_budget(struct engine *e, const char *name, const struct asker *by, int64_t now_us, struct err *err)
{
	const struct config_budget *old = engine_find_budget(e, name);
	char before[MONEY_TEXT_BYTES];

	if (!old)
		return err_set(err, "there is no budget %s: see `llmdeck budget list`", name);
	struct budget_record record = {.budget = *old, .removed = true, .author = by->name, .changed_us = now_us};

	engine_add_audit(e, &e->waiting, by, "budget.remove", name, money_format_usd(old->amount_nusd, before), "", now_us);
	write_budget(e, &record);
	engine_take_budget(e, &record);
	return 0;
}
