/* Budgets in the engine. Each threshold of each basis is an alert of its own, labelled with the day on
 * which the period began; it fires when the threshold is first reached and stays until the reset, so
 * that a forecast that wavers around it says it once. Budgets are assessed once a minute. */
#include "alert/engine_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/budgets.h"
#include "base/clock.h"
#include "core/money.h"
#include "core/rollout.h"

#define ASSESS_EVERY_US US_PER_MIN

static void free_slot(struct budget_slot *s)
{
	tz_free(&s->tz);
	free((char *)s->sum.said);
}

void engine_free_budgets(struct engine *e)
{
	for (size_t i = 0; i < e->budget_count; i++)
		free_slot(&e->budgets[i]);
	free(e->budgets);
	free(e->people);
}

static const char *copy(struct engine *e, const char *text)
{
	return text ? arena_copy(&e->arena, text, strlen(text)) : NULL;
}

void engine_take_budget(struct engine *e, const struct budget_record *b)
{
	struct budget_record mine = *b;

	mine.budget.name = copy(e, b->budget.name);
	mine.budget.tz = copy(e, b->budget.tz);
	mine.budget.hard = copy(e, b->budget.hard);
	mine.author = copy(e, b->author);
	for (size_t i = 0; i < e->people_count; i++)
		if (!strcmp(e->people[i].budget.name, b->budget.name)) {
			e->people[i] = mine;
			engine_merge_budgets(e);
			return;
		}
	e->people = mem_grow(e->people, &e->people_cap, e->people_count + 1, sizeof *e->people);
	e->people[e->people_count++] = mine;
	engine_merge_budgets(e);
}

static const struct budget_record *person_on(const struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->people_count; i++)
		if (!strcmp(e->people[i].budget.name, name))
			return &e->people[i];
	return NULL;
}

static const struct config_budget *config_of(const struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->config->budget_count; i++)
		if (!strcmp(e->config->budgets[i].name, name))
			return &e->config->budgets[i];
	return NULL;
}

/* Armed is what the config has armed: the same action under the same name. */
static void take_config_of(const struct engine *e, struct budget_slot *s)
{
	const struct config_budget *own = config_of(e, s->budget.name);

	s->config_amount_nusd = own ? own->amount_nusd : 0;
	s->budget.armed = own && own->armed && s->budget.hard && strcmp(own->hard, s->budget.hard) == 0;
}

static void add_slot(struct engine *e, const struct config_budget *b, struct budget_slot *old, size_t old_count)
{
	struct budget_slot s = {.budget = *b, .author = ""};
	const struct budget_record *person = person_on(e, b->name);
	struct err err;

	if (tz_load(&s.tz, b->tz, &err))
		s.tz = NULL; /* the config and the verbs have checked it; UTC if its file went since */
	s.sum.said = NULL;
	take_config_of(e, &s);
	if (person) {
		s.author = person->author;
		s.changed_us = person->changed_us;
		s.until_us = person->until_us;
	}
	for (size_t i = 0; i < old_count; i++)
		if (old[i].sum.said && !strcmp(old[i].budget.name, b->name)) {
			s.sum = old[i].sum;
			s.dirty = old[i].dirty;
			s.acting = old[i].acting;
			memcpy(s.deed_words, old[i].deed_words, sizeof s.deed_words);
			old[i].sum.said = NULL;
		}
	s.sum.name = b->name;
	if (!s.sum.said)
		s.sum.said = mem_strdup("");
	e->budgets = mem_grow(e->budgets, &e->budget_cap, e->budget_count + 1, sizeof *e->budgets);
	e->budgets[e->budget_count++] = s;
}

void engine_merge_budgets(struct engine *e)
{
	struct budget_slot *old = e->budgets;
	size_t old_count = e->budget_count;

	e->budgets = NULL;
	e->budget_count = e->budget_cap = 0;
	e->budgets_changed = true;
	for (size_t i = 0; i < e->config->budget_count; i++)
		if (!person_on(e, e->config->budgets[i].name))
			add_slot(e, &e->config->budgets[i], old, old_count);
	for (size_t i = 0; i < e->people_count; i++)
		if (!e->people[i].removed)
			add_slot(e, &e->people[i].budget, old, old_count);
	for (size_t i = 0; i < old_count; i++)
		free_slot(&old[i]);
	free(old);
}

int engine_load_budgets(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err)
{
	struct budget_result res;

	if (query_budgets(r, now_us, &res, err))
		return -1;
	for (size_t i = 0; i < res.row_count; i++)
		engine_take_budget(e, &res.rows[i]);
	budget_result_fini(&res);
	for (size_t i = 0; i < e->budget_count; i++) {
		struct budget_slot *s = &e->budgets[i];
		struct budget_sum sum;
		struct arena arena = {0};
		int64_t from_us, to_us;

		budget_period_at(s->budget.period, s->tz, now_us, &from_us, &to_us);
		int failed = query_budget_sum(r, s->budget.name, from_us, &sum, &arena, err);

		if (!failed && sum.name) {
			free((char *)s->sum.said);
			s->sum = sum;
			s->sum.name = s->budget.name;
			s->sum.said = mem_strdup(sum.said);
		}
		arena_fini(&arena);
		if (failed)
			return -1;
	}
	return 0;
}

static void drop_expired(struct engine *e, int64_t now_us)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->people_count; i++)
		if (!e->people[i].until_us || now_us < e->people[i].until_us)
			e->people[kept++] = e->people[i];
	if (kept == e->people_count)
		return;
	e->people_count = kept;
	engine_merge_budgets(e);
}

static void period_label(const struct budget_slot *s, struct buf *out)
{
	int64_t local_us = s->status.from_us + tz_offset_s(s->tz, s->status.from_us) * US_PER_S;
	int64_t year;
	unsigned month, day;

	civil_from_days(local_us / US_PER_DAY, &year, &month, &day);
	buf_printf(out, ",\"period\":\"%04lld-%02u-%02u\"", (long long)year, month, day);
}

/* The thresholds' labels; sorted by name. */
static void threshold_labels(const struct budget_slot *s, enum budget_basis basis, int percent, struct buf *out)
{
	buf_puts(out, "{\"alertname\":");
	buf_append_json(out, str_of(s->budget.name));
	buf_printf(out, ",\"basis\":\"%s\"", budget_basis_name(basis));
	period_label(s, out);
	buf_printf(out, ",\"severity\":\"%s\",\"threshold\":\"%d\"}",
	           severity_name(percent >= 100 ? SEVERITY_CRITICAL : SEVERITY_WARNING), percent);
}

static void summarise(const struct budget_slot *s, enum budget_basis basis, int percent, struct instance *x)
{
	char spent[MONEY_TEXT_BYTES], amount[MONEY_TEXT_BYTES];
	const struct budget_status *st = &s->status;
	struct buf text = {0};

	money_format_short(basis == BASIS_ACTUAL ? st->spent_nusd : (int64_t)st->forecast_nusd, 10, spent);
	money_format_short(s->budget.amount_nusd, 10, amount);
	buf_printf(&text, "budget %s: %s%s of %s this %s, threshold %d %%", s->budget.name, spent,
	           basis == BASIS_ACTUAL ? " spent" : " forecast", amount, budget_period_name(s->budget.period), percent);
	if (st->spent_bound)
		buf_puts(&text, "; it is at least that: the summaries have let go of some");
	if (st->unpriced)
		buf_printf(&text, "; %.3g %% of requests are unpriced, so it is at least that", st->unpriced_share * 100);
	engine_replace_text(&x->summary, text.data);
	buf_fini(&text);
}

static void add_said(struct budget_slot *s, enum budget_basis basis, int percent)
{
	struct buf said = {0};

	buf_puts(&said, s->sum.said);
	budget_add_said(&said, basis, percent, s->budget.amount_nusd);
	free((char *)s->sum.said);
	s->sum.said = buf_steal(&said);
	s->dirty = true;
}

static void step_threshold(struct engine *e, struct budget_slot *s, enum budget_basis basis, int percent, int64_t now_us)
{
	const struct budget_status *st = &s->status;
	const struct machine_rule waits = {.no_data = NO_DATA_KEEPS};
	double bound = (double)s->budget.amount_nusd * percent / 100;
	double value = basis == BASIS_ACTUAL ? (double)st->spent_nusd : st->forecast_nusd;
	bool said = budget_was_said(s->sum.said, basis, percent, s->budget.amount_nusd);
	struct rule_reading reading = {SEEN_FINE, value / (double)NUSD_PER_USD, bound / (double)NUSD_PER_USD, NAN};
	struct buf labels = {0};

	if (said || value >= bound)
		reading.seen = SEEN_OVER;
	if (!said && basis == BASIS_FORECAST && (st->stale || !st->forecast_known))
		reading.seen = st->forecast_known ? SEEN_STALE : SEEN_NO_DATA;
	if (reading.seen == SEEN_OVER && !said)
		add_said(s, basis, percent);
	threshold_labels(s, basis, percent, &labels);
	struct instance *x = engine_step(e, s->budget.name, "budget", labels.data, percent >= 100 ? SEVERITY_CRITICAL : SEVERITY_WARNING,
	                                 &waits, &reading, now_us);

	buf_fini(&labels);
	if (x)
		summarise(s, basis, percent, x);
}

/* ── hard budgets ──────────────────────────────────────────────────────────────────────────── */

int engine_check_deed(const struct config *config, const struct config_budget *b, struct err *err)
{
	struct budget_deed deed;
	struct rollout_shares shares;

	if (!b->hard)
		return 0;
	if (budget_parse_deed(b->hard, &deed, err))
		return err_wrap(err, "budget %s", b->name);
	for (size_t i = 0; i < config->rollout_count; i++) {
		const struct config_rollout *r = &config->rollouts[i];

		if (!str_equal_c(deed.rollout, r->name))
			continue;
		if (!r->actuator_count)
			return err_set(err, "budget %s: rollout %s has no actuator, so nothing can be moved", b->name, r->name);
		return deed.weight && rollout_shares_parse(r, deed.shares, &shares, err) ? err_wrap(err, "budget %s", b->name) : 0;
	}
	return err_set(err, "budget %s: its hard action names the rollout %.*s, which the config does not have", b->name,
	               STR_ARG(deed.rollout));
}

static bool was(const struct budget_slot *s, enum budget_basis mark)
{
	return budget_was_said(s->sum.said, mark, 0, s->budget.amount_nusd);
}

/* The same words for as long as the period and the amount are the same. */
static void act_key(const struct budget_slot *s, char out[64])
{
	snprintf(out, 64, "budget-%016llx-%llx-%llx", (unsigned long long)hash_bytes(s->budget.name, strlen(s->budget.name)),
	         (unsigned long long)(s->status.from_us / US_PER_S), (unsigned long long)(s->budget.amount_nusd / 1000000));
}

static void add_act(struct engine *e, const struct budget_slot *s)
{
	struct engine_writes *w = &e->waiting;
	struct budget_deed deed;
	char key[64], reason[200], spent[MONEY_TEXT_BYTES], amount[MONEY_TEXT_BYTES];

	if (budget_parse_deed(s->budget.hard, &deed, NULL))
		return;
	act_key(s, key);
	money_format_short(s->status.spent_nusd, 10, spent);
	money_format_short(s->budget.amount_nusd, 10, amount);
	snprintf(reason, sizeof reason, "budget %.80s: %s of %s spent this %s", s->budget.name, spent, amount,
	         budget_period_name(s->budget.period));
	w->acts = mem_grow(w->acts, &w->act_cap, w->act_count + 1, sizeof *w->acts);
	w->acts[w->act_count++] = (struct engine_act){
		.budget = arena_copy(&w->arena, s->budget.name, strlen(s->budget.name)), .verb = deed.weight ? "set" : "rollback",
		.rollout = arena_copy(&w->arena, deed.rollout.ptr, deed.rollout.len),
		.shares = arena_copy(&w->arena, deed.shares.len ? deed.shares.ptr : "", deed.shares.len),
		.reason = arena_copy(&w->arena, reason, strlen(reason)), .key = arena_copy(&w->arena, key, strlen(key)),
	};
}

static void note_deed(struct engine *e, struct budget_slot *s, enum budget_basis mark, int64_t now_us)
{
	engine_add_audit(e, &e->waiting, NULL, "budget.act", s->budget.name, "", s->deed_words, now_us);
	if (!was(s, mark))
		add_said(s, mark, 0);
	e->budgets_changed = true;
}

/* Said loudly: an alert of its own, until the reset. */
static void tell_deed(struct engine *e, struct budget_slot *s, int64_t now_us)
{
	const struct machine_rule waits = {.no_data = NO_DATA_KEEPS};
	const struct rule_reading reading = {SEEN_OVER, (double)s->status.spent_nusd / (double)NUSD_PER_USD,
	                                     (double)s->budget.amount_nusd / (double)NUSD_PER_USD, NAN};
	struct buf labels = {0}, text = {0};

	buf_puts(&labels, "{\"action\":");
	buf_append_json(&labels, str_of(s->budget.hard));
	buf_puts(&labels, ",\"alertname\":");
	buf_append_json(&labels, str_of(s->budget.name));
	period_label(s, &labels);
	buf_puts(&labels, ",\"severity\":\"critical\"}");
	struct instance *x = engine_step(e, s->budget.name, "budget", labels.data, SEVERITY_CRITICAL, &waits, &reading, now_us);

	buf_printf(&text, "hard budget %s: %s", s->budget.name, s->deed_words);
	if (x)
		engine_replace_text(&x->summary, text.data);
	buf_fini(&labels);
	buf_fini(&text);
}

/* After a restart the marks are what is known. */
static void remember_deed(struct budget_slot *s)
{
	if (s->deed_words[0])
		return;
	if (was(s, MARK_WOULD))
		snprintf(s->deed_words, sizeof s->deed_words, "would have acted, but is not armed: %.160s", s->budget.hard);
	else if (was(s, MARK_ACTED))
		snprintf(s->deed_words, sizeof s->deed_words, "acted: %.120s has begun; the audit has how it ended", s->budget.hard);
	else if (was(s, MARK_DECIDED))
		snprintf(s->deed_words, sizeof s->deed_words, "acts: %.160s", s->budget.hard);
}

/* Nothing is done on stale data, nor while too much of the spend is unknown; both are looked at again
 * every round. Deciding is said (and stored) before anything is touched, so that a collector that dies
 * in between asks again with the same key, and the ledger keeps it from happening twice. */
static void consider_acting(struct engine *e, struct budget_slot *s, int64_t now_us)
{
	const struct budget_status *st = &s->status;
	bool unknown = st->unpriced_share > s->budget.max_unpriced;

	if (!s->budget.hard)
		return;
	remember_deed(s);
	if (was(s, MARK_WOULD))
		return;
	if (!was(s, MARK_DECIDED)) {
		if (st->spent_nusd < s->budget.amount_nusd)
			return;
		if (st->stale || unknown) {
			if (unknown)
				snprintf(s->deed_words, sizeof s->deed_words, "held back: %.3g %% of requests are unpriced, more than %.3g %%",
				         st->unpriced_share * 100, s->budget.max_unpriced * 100);
			else
				snprintf(s->deed_words, sizeof s->deed_words, "held back: the newest data is too old to act on");
			if (!was(s, MARK_HELD))
				note_deed(e, s, MARK_HELD, now_us);
		} else {
			snprintf(s->deed_words, sizeof s->deed_words, "%s: %.160s", s->budget.armed ? "acts" : "would have acted, but is not armed",
			         s->budget.hard);
			note_deed(e, s, s->budget.armed ? MARK_DECIDED : MARK_WOULD, now_us);
		}
	}
	if (!s->budget.armed && !was(s, MARK_DECIDED))
		return;
	tell_deed(e, s, now_us);
	if (s->budget.armed && was(s, MARK_DECIDED) && !was(s, MARK_ACTED) && !s->acting && now_us >= s->act_due_us && !st->stale && !unknown) {
		s->acting = true;
		add_act(e, s);
	}
}

void engine_budget_acted(struct engine *e, const char *budget, const char *key, enum deed_result result, const char *words,
                         int64_t now_us)
{
	for (size_t i = 0; i < e->budget_count; i++) {
		struct budget_slot *s = &e->budgets[i];
		char mine[64], before[sizeof s->deed_words];

		if (strcmp(s->budget.name, budget) != 0)
			continue;
		s->acting = false;
		act_key(s, mine);
		if (result == DEED_LATER || strcmp(mine, key) != 0)
			return;
		memcpy(before, s->deed_words, sizeof before);
		if (result == DEED_BEGUN)
			snprintf(s->deed_words, sizeof s->deed_words, "acted: %.120s has begun; the audit has how it ended", s->budget.hard);
		else
			snprintf(s->deed_words, sizeof s->deed_words, "could not act: %.200s", words);
		if (result == DEED_BEGUN)
			note_deed(e, s, MARK_ACTED, now_us);
		else if (strcmp(before, s->deed_words) != 0)
			engine_add_audit(e, &e->waiting, NULL, "budget.act", s->budget.name, "", s->deed_words, now_us);
		s->act_due_us = now_us + US_PER_MIN;
		e->budgets_changed = true;
		tell_deed(e, s, now_us);
	}
}

static void step_budget(struct engine *e, struct budget_slot *s, int64_t now_us)
{
	const struct config_budget *b = &s->budget;

	if (s->sum.from_us != s->status.from_us) {
		engine_replace_text((char **)&s->sum.said, "");
		s->dirty = true;
		s->deed_words[0] = '\0';
	}
	s->dirty |= s->sum.cost_nusd != s->status.spent_nusd;
	s->sum.from_us = s->status.from_us;
	s->sum.to_us = s->status.to_us;
	s->sum.cost_nusd = s->status.spent_nusd;
	s->sum.requests = s->status.requests;
	s->sum.unpriced = s->status.unpriced;
	for (size_t i = 0; i < b->warn_count; i++) {
		if (b->on_actual)
			step_threshold(e, s, BASIS_ACTUAL, b->warn_percent[i], now_us);
		if (b->on_forecast)
			step_threshold(e, s, BASIS_FORECAST, b->warn_percent[i], now_us);
	}
	consider_acting(e, s, now_us);
}

int engine_assess_budgets(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err)
{
	drop_expired(e, now_us);
	for (size_t i = 0; i < e->budget_count; i++) {
		struct budget_slot *s = &e->budgets[i];
		bool due = !s->assessed_us || s->status.stale || now_us - s->assessed_us >= ASSESS_EVERY_US || now_us < s->assessed_us || now_us >= s->status.to_us;

		if (due && budget_assess(r, &s->budget, s->tz, now_us, &s->status, err))
			return -1;
		if (due) {
			s->assessed_us = now_us;
			e->budgets_changed = true;
		}
		step_budget(e, s, now_us);
	}
	return 0;
}

/* Where every budget stands, as one: none is left out that has not been assessed yet. */
static void take_standings(struct engine *e, struct engine_writes *out)
{
	bool all = e->budgets_changed;

	for (size_t i = 0; i < e->budget_count; i++)
		all = all && e->budgets[i].assessed_us;
	if (!all)
		return;
	e->budgets_changed = false;
	out->standings_set = true;
	for (size_t i = 0; i < e->budget_count; i++) {
		const struct budget_slot *s = &e->budgets[i];

		out->standings = mem_grow(out->standings, &out->standing_cap, out->standing_count + 1, sizeof *out->standings);
		out->standings[out->standing_count++] = (struct budget_standing){
			.budget = s->budget, .author = s->author, .changed_us = s->changed_us, .until_us = s->until_us,
			.config_amount_nusd = s->config_amount_nusd, .status = s->status, .assessed_us = s->assessed_us,
			.deed_words = arena_copy(&out->arena, s->deed_words, strlen(s->deed_words)),
		};
	}
}

void engine_take_budget_writes(struct engine *e, int64_t now_us, struct engine_writes *out)
{
	(void)now_us;
	take_standings(e, out);
	for (size_t i = 0; i < e->budget_count; i++) {
		struct budget_slot *s = &e->budgets[i];

		if (!s->dirty)
			continue;
		s->dirty = false;
		out->sums = mem_grow(out->sums, &out->sum_cap, out->sum_count + 1, sizeof *out->sums);
		struct budget_sum *sum = &out->sums[out->sum_count++];

		*sum = s->sum;
		sum->name = arena_copy(&out->arena, s->budget.name, strlen(s->budget.name));
		sum->said = arena_copy(&out->arena, s->sum.said, strlen(s->sum.said));
	}
}
