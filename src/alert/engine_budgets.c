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

static void add_slot(struct engine *e, const struct config_budget *b, struct budget_slot *old, size_t old_count)
{
	struct budget_slot s = {.budget = *b};
	struct err err;

	if (tz_load(&s.tz, b->tz, &err))
		s.tz = NULL; /* the config and the verbs have checked it; UTC if its file went since */
	s.sum.said = NULL;
	for (size_t i = 0; i < old_count; i++)
		if (old[i].sum.said && !strcmp(old[i].budget.name, b->name)) {
			s.sum = old[i].sum;
			s.dirty = old[i].dirty;
			old[i].sum.said = NULL;
		}
	s.sum.name = b->name;
	if (!s.sum.said)
		s.sum.said = mem_strdup("");
	e->budgets = mem_grow(e->budgets, &e->budget_cap, e->budget_count + 1, sizeof *e->budgets);
	e->budgets[e->budget_count++] = s;
}

static const struct budget_record *person_on(const struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->people_count; i++)
		if (!strcmp(e->people[i].budget.name, name))
			return &e->people[i];
	return NULL;
}

void engine_merge_budgets(struct engine *e)
{
	struct budget_slot *old = e->budgets;
	size_t old_count = e->budget_count;

	e->budgets = NULL;
	e->budget_count = e->budget_cap = 0;
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

/* The thresholds' labels; sorted by name. */
static void threshold_labels(const struct budget_slot *s, enum budget_basis basis, int percent, struct buf *out)
{
	int64_t local_us = s->status.from_us + tz_offset_s(s->tz, s->status.from_us) * US_PER_S;
	int64_t year;
	unsigned month, day;

	civil_from_days(local_us / US_PER_DAY, &year, &month, &day);
	buf_puts(out, "{\"alertname\":");
	buf_append_json(out, str_of(s->budget.name));
	buf_printf(out, ",\"basis\":\"%s\",\"period\":\"%04lld-%02u-%02u\",\"severity\":\"%s\",\"threshold\":\"%d\"}", budget_basis_name(basis),
	           (long long)year, month, day, severity_name(percent >= 100 ? SEVERITY_CRITICAL : SEVERITY_WARNING), percent);
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

/* A hard budget's action is written down, with what would keep it from acting. */
static void consider_acting(struct engine *e, struct budget_slot *s, int64_t now_us)
{
	const struct budget_status *st = &s->status;
	char after[160];

	if (!s->budget.hard || st->spent_nusd < s->budget.amount_nusd || st->stale ||
	    budget_was_said(s->sum.said, BASIS_ACTUAL, 0, s->budget.amount_nusd))
		return;
	if (st->unpriced_share > s->budget.max_unpriced)
		snprintf(after, sizeof after, "would not have acted: %.3g %% of requests are unpriced, more than %.3g %%",
		         st->unpriced_share * 100, s->budget.max_unpriced * 100);
	else
		snprintf(after, sizeof after, "would have acted: %.100s", s->budget.hard);
	engine_add_audit(e, &e->waiting, NULL, "budget.act", s->budget.name, "", after, now_us);
	add_said(s, BASIS_ACTUAL, 0);
}

static void step_budget(struct engine *e, struct budget_slot *s, int64_t now_us)
{
	const struct config_budget *b = &s->budget;

	if (s->sum.from_us != s->status.from_us) {
		engine_replace_text((char **)&s->sum.said, "");
		s->dirty = true;
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

int engine_tick_budgets(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err)
{
	drop_expired(e, now_us);
	for (size_t i = 0; i < e->budget_count; i++) {
		struct budget_slot *s = &e->budgets[i];
		bool due = !s->assessed_us || now_us - s->assessed_us >= ASSESS_EVERY_US || now_us < s->assessed_us || now_us >= s->status.to_us;

		if (due && budget_assess(r, &s->budget, s->tz, now_us, &s->status, err))
			return -1;
		if (due)
			s->assessed_us = now_us;
		step_budget(e, s, now_us);
	}
	return 0;
}

void engine_take_budget_writes(struct engine *e, int64_t now_us, struct engine_writes *out)
{
	(void)now_us;
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
