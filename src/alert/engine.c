/* A round: one evaluator run gives readings; each reading steps the instance of its rule and group
 * (made when it first is over); instances that got no reading step with "no data". An instance lives
 * from pending until 15 minutes after it resolved.
 *
 * Clocks: durations are wall time, but between two rounds the wall clock must have moved as the
 * monotonic one did. Where it did not, somebody set it: waits are shifted by the difference, and rules
 * whose windows the jump made doubtful hold still until the window has passed. */
#include "alert/engine_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define JUMP_US (5 * US_PER_S)     /* a wall clock that moved so much differently was set */
#define RESTART_GAP_US US_PER_MIN  /* a longer silence before a start does not count */
#define HOLD_MOST_US (6 * US_PER_HOUR)
#define INSTANCES_PER_RULE 200

/* ── labels and instances ──────────────────────────────────────────────────────────────────── */

struct label {
	const char *name, *value;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

void engine_labels(const struct config_alert *rule, const char *const *group, struct buf *out)
{
	struct label labels[2 + 2 * DIM_COUNT + VIEW_FILTERS_MAX + 16];
	size_t n = 0;

	labels[n++] = (struct label){"alertname", rule->name};
	labels[n++] = (struct label){"severity", severity_name(rule->severity)};
	for (size_t i = 0; i < rule->where.by_count; i++)
		labels[n++] = (struct label){dim_name(rule->where.by[i]), group[i]};
	for (size_t i = 0; i < rule->where.filter_count; i++) {
		const struct filter *f = &rule->where.filters[i];
		size_t twins = 0;

		for (size_t k = 0; k < rule->where.filter_count; k++)
			twins += rule->where.filters[k].dim == f->dim ? 1 : 0;
		for (size_t k = 0; k < rule->where.by_count; k++)
			twins += rule->where.by[k] == f->dim ? 1 : 0;
		if (!f->inverted && twins == 1)
			labels[n++] = (struct label){dim_name(f->dim), f->value};
	}
	for (size_t i = 0; i < rule->label_count && i < 16; i++)
		labels[n++] = (struct label){rule->labels[i].key, rule->labels[i].value};
	qsort(labels, n, sizeof *labels, by_name);
	buf_append_c(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_append_c(out, ',');
		buf_append_json(out, str_of(labels[i].name));
		buf_append_c(out, ':');
		buf_append_json(out, str_of(labels[i].value));
	}
	buf_append_c(out, '}');
}

void engine_replace_text(char **where, const char *text)
{
	char *old = *where;

	*where = mem_strdup(text ? text : "");
	free(old);
}

static void make_key(struct buf *key, const char *rule, const char *labels)
{
	buf_append(key, rule, strlen(rule) + 1);
	buf_puts(key, labels);
}

struct instance *engine_find(struct engine *e, const char *rule, const char *labels)
{
	struct buf key = {0};
	uint32_t at;

	make_key(&key, rule, labels);
	bool found = strmap_get(&e->index, buf_str(&key), &at);

	buf_fini(&key);
	return found ? e->instances[at] : NULL;
}

struct instance *engine_find_id(struct engine *e, int64_t id)
{
	for (size_t i = 0; i < e->instance_count; i++)
		if (e->instances[i]->id == id)
			return e->instances[i];
	return NULL;
}

static struct instance *add_instance(struct engine *e, const char *rule, const char *kind, const char *labels)
{
	struct instance *x = mem_zalloc(sizeof *x);
	struct buf key = {0};

	x->rule = mem_strdup(rule);
	x->kind = mem_strdup(kind);
	x->labels = mem_strdup(labels);
	x->runbook = mem_strdup("");
	x->summary = mem_strdup("");
	x->acknowledged_by = mem_strdup("");
	x->note = mem_strdup("");
	x->rule_index = NO_RULE;
	x->value = x->bound = x->normal = NAN;
	make_key(&key, rule, labels);
	e->instances = mem_grow(e->instances, &e->instance_cap, e->instance_count + 1, sizeof(struct instance *));
	strmap_put(&e->index, buf_str(&key), (uint32_t)e->instance_count);
	e->instances[e->instance_count++] = x;
	buf_fini(&key);
	return x;
}

static void free_instance(struct instance *x)
{
	free(x->rule);
	free(x->kind);
	free(x->labels);
	free(x->runbook);
	free(x->summary);
	free(x->acknowledged_by);
	free(x->note);
	free(x);
}

static void rebuild_index(struct engine *e)
{
	struct buf key = {0};

	strmap_fini(&e->index);
	e->index = (struct strmap){0};
	for (size_t i = 0; i < e->instance_count; i++) {
		buf_reset(&key);
		make_key(&key, e->instances[i]->rule, e->instances[i]->labels);
		strmap_put(&e->index, buf_str(&key), (uint32_t)i);
	}
	buf_fini(&key);
}

/* Those that are inactive and stored as such are gone. */
static void sweep(struct engine *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->instance_count; i++) {
		struct instance *x = e->instances[i];

		if (x->machine.state == ALERT_INACTIVE && !x->dirty && !x->told)
			free_instance(x);
		else
			e->instances[kept++] = x;
	}
	if (kept == e->instance_count)
		return;
	e->instance_count = kept;
	rebuild_index(e);
}

/* ── steps ─────────────────────────────────────────────────────────────────────────────────── */

static void new_episode(struct engine *e, struct instance *x)
{
	x->id = e->next_alert_id++;
	x->acknowledged_us = 0;
	x->told_acknowledged = false;
	x->audited = ALERT_INACTIVE;
	engine_replace_text(&x->acknowledged_by, "");
	engine_replace_text(&x->note, "");
}

struct instance *engine_step(struct engine *e, const char *rule, const char *kind, const char *labels, enum severity severity,
                             const struct machine_rule *waits, const struct rule_reading *reading, int64_t now_us)
{
	struct instance *x = engine_find(e, rule, labels);
	bool over = reading->seen == SEEN_OVER || (reading->seen == SEEN_NO_DATA && waits->no_data == NO_DATA_ALERTS);

	if (!x && !over)
		return NULL;
	if (!x)
		x = add_instance(e, rule, kind, labels);
	bool begins = over && (x->machine.state == ALERT_INACTIVE || x->machine.state == ALERT_RESOLVED);
	enum alert_data data = x->machine.data;

	if (begins && x->told && x->machine.state == ALERT_RESOLVED)
		return x; /* its end has not been stored yet: one thing after another */
	x->seen = true;
	x->severity = severity;
	x->waits = *waits;
	if (begins)
		new_episode(e, x);
	x->dirty |= machine_step(&x->machine, waits, reading->seen, now_us);
	x->dirty |= data != x->machine.data;
	if (reading->seen == SEEN_OVER || reading->seen == SEEN_FINE || isnan(x->value)) {
		x->dirty |= x->bound != reading->bound && !isnan(reading->bound) && strcmp(kind, "rollout") != 0; /* somebody changed it */
		x->value = reading->value;
		x->bound = reading->bound;
		x->normal = reading->normal;
	}
	return x;
}

static void say(struct buf *out, double v, enum metric_unit unit)
{
	if (isnan(v))
		buf_puts(out, "unknown");
	else if (unit == UNIT_SHARE)
		buf_printf(out, "%.4g %%", v * 100);
	else if (unit == UNIT_SECONDS)
		buf_printf(out, "%.4g s", v);
	else if (unit == UNIT_USD || unit == UNIT_USD_PER_HOUR)
		buf_printf(out, "$%.4g", v);
	else
		buf_printf(out, "%.4g", v);
}

static void summarise(const struct config_alert *rule, struct instance *x)
{
	const struct metric_info *m = &metrics[rule->metric];
	const char *what = rule->category ? rule->category : rule->gauge ? rule->gauge : m->name;
	enum metric_unit unit = rule->category || rule->gauge ? UNIT_COUNT : m->unit;
	struct buf text = {0};

	switch (rule->kind) {
	case ALERT_THRESHOLD:
		buf_printf(&text, "%s is ", what);
		say(&text, x->value, unit);
		buf_printf(&text, ", %s ", rule->below ? "under" : "over");
		say(&text, x->bound, unit);
		break;
	case ALERT_BURN_RATE:
		buf_printf(&text, "the error budget of %.5g %% burns at %.3g times its pace (limit %.3g)", rule->objective * 100, x->value, x->bound);
		break;
	case ALERT_ANOMALY:
		buf_printf(&text, "%s is ", what);
		say(&text, x->value, unit);
		buf_puts(&text, "; usual at this hour is ");
		say(&text, x->normal, unit);
		if (x->normal > 0 && !isnan(x->value))
			buf_printf(&text, " (%+.0f %%)", (x->value / x->normal - 1) * 100);
		break;
	case ALERT_ABSENCE:
		buf_printf(&text, "no request for %.4g s", x->bound);
		break;
	}
	engine_replace_text(&x->summary, text.data);
	buf_fini(&text);
}

static void note_slot(struct rule_slot *s, const struct rule_reading *r)
{
	enum alert_data data = r->seen == SEEN_NO_DATA ? ALERT_DATA_NONE : r->seen == SEEN_STALE ? ALERT_DATA_STALE : ALERT_DATA_OK;
	bool worse = !s->seen || (s->state.data != ALERT_DATA_OK && data == ALERT_DATA_OK) ||
	             (data == ALERT_DATA_OK && (isnan(s->state.value) || r->value > s->state.value));

	s->seen = true;
	if (!worse)
		return;
	s->state.data = data;
	s->state.value = r->value;
	s->state.bound = r->bound;
}

struct round {
	struct engine *e;
	struct store_reader *r;
	int64_t now_us, mono_us;
	size_t given;      /* groups of the current rule */
	size_t given_rule;
	int failed;
	struct err *err;
};

static bool is_held(const struct engine *e, const struct config_alert *rule, int64_t mono_us)
{
	int64_t hold_us = e->jump_shadow_us + rule->window_us;

	return e->jump_mono_us && mono_us < e->jump_mono_us + (hold_us < HOLD_MOST_US ? hold_us : HOLD_MOST_US);
}

static struct rule_reading judge(struct round *round, const struct config_alert *rule, double bound, const struct evaluated *what)
{
	static const struct figures nothing;
	struct rule_reading out = {SEEN_NO_DATA, NAN, bound, NAN};
	const struct figures *f = what->figures ? what->figures : &nothing;

	if (rule->gauge)
		return rule_judge_value(rule, bound, what->value);
	if (rule->category)
		return rule_judge_flags(rule, bound, f, what->value, round->now_us);
	switch (rule->kind) {
	case ALERT_THRESHOLD:
		return rule_judge_threshold(rule, bound, f, what->seconds, round->now_us);
	case ALERT_BURN_RATE:
		return rule_judge_burn(rule, bound, f, what->shorter ? what->shorter : &nothing, round->now_us);
	case ALERT_ABSENCE:
		return rule_judge_absence(rule, f->requests, round->mono_us - round->e->watched_us);
	case ALERT_ANOMALY:
		if (f->requests > 0 && f->requests >= rule->min_requests &&
		    baselines_judge(round->e->baselines, round->r, rule, bound, what->group, round->now_us, &out, round->err))
			round->failed = -1;
		if (out.seen != SEEN_NO_DATA && rule_may_be_silence(rule, f, round->now_us))
			out.seen = SEEN_STALE;
	}
	return out;
}

static void take_reading(void *arg, const struct evaluated *what)
{
	struct round *round = arg;
	struct engine *e = round->e;
	const struct config_alert *rule = &e->config->alerts[what->rule];
	struct rule_slot *slot = &e->slots[what->rule];
	const struct machine_rule waits = {rule->for_us, rule->keep_firing_for_us, rule->no_data};
	struct buf labels = {0};

	if (what->rule != round->given_rule)
		round->given = 0;
	round->given_rule = what->rule;
	if (round->failed || ++round->given > INSTANCES_PER_RULE)
		return;
	struct rule_reading reading = judge(round, rule, slot->bound, what);

	if (is_held(e, rule, round->mono_us))
		reading.seen = SEEN_STALE;
	note_slot(slot, &reading);
	engine_labels(rule, what->group, &labels);
	struct instance *x = engine_step(e, rule->name, alert_kind_name(rule->kind), labels.data, rule->severity, &waits, &reading, round->now_us);

	buf_fini(&labels);
	if (!x)
		return;
	x->rule_index = what->rule;
	if (x->dirty || reading.seen == SEEN_OVER)
		summarise(rule, x);
	if (rule->runbook && strcmp(x->runbook, rule->runbook) != 0)
		engine_replace_text(&x->runbook, rule->runbook);
}

static void step_unseen(struct engine *e, enum alert_seen seen, int64_t now_us)
{
	for (size_t i = 0; i < e->instance_count; i++) {
		struct instance *x = e->instances[i];
		enum alert_data data = x->machine.data;

		if (x->seen)
			continue;
		/* A rule that is gone ends its alerts; budgets and rollouts step their own. */
		bool gone = x->rule_index == NO_RULE && !engine_is_guardrail(e, x);
		struct machine_rule waits = x->waits;

		if (gone)
			waits.keep_firing_for_us = 0;
		x->dirty |= machine_step(&x->machine, &waits, gone && seen == SEEN_NO_DATA ? SEEN_FINE : seen, now_us);
		x->dirty |= data != x->machine.data;
	}
}

/* ── rounds ────────────────────────────────────────────────────────────────────────────────── */

static void watch_clocks(struct engine *e, int64_t now_us, int64_t mono_us)
{
	int64_t jump_us = e->wall_us ? (now_us - e->wall_us) - (mono_us - e->mono_us) : 0;

	if (jump_us > JUMP_US || jump_us < -JUMP_US) {
		log_warning("alerts: the clock was set by %.0f s: rules hold still until their windows have passed", (double)jump_us / 1e6);
		for (size_t i = 0; i < e->instance_count; i++)
			machine_shift(&e->instances[i]->machine, jump_us);
		e->jump_mono_us = mono_us;
		e->jump_shadow_us = jump_us < 0 ? -jump_us : 0;
	}
	e->wall_us = now_us;
	e->mono_us = mono_us;
}

static void expire_overrides(struct engine *e, int64_t now_us)
{
	for (size_t i = 0; i < e->config->alert_count; i++)
		e->slots[i].bound = e->config->alerts[i].limit;
	for (size_t o = 0; o < e->override_count; o++)
		for (size_t i = 0; i < e->config->alert_count; i++)
			if ((!e->overrides[o].until_us || now_us < e->overrides[o].until_us) &&
			    !strcmp(e->overrides[o].rule, e->config->alerts[i].name))
				e->slots[i].bound = e->overrides[o].bound;
}

static void close_slots(struct engine *e, const char *words, enum alert_data unseen, int64_t now_us)
{
	for (size_t i = 0; i < e->config->alert_count; i++) {
		struct rule_slot *s = &e->slots[i];

		if (!s->seen) {
			s->state.data = unseen;
			s->state.value = NAN;
			s->state.bound = s->bound;
		}
		s->state.checked_us = now_us;
		if (strcmp(s->state.words ? s->state.words : "", words) != 0) {
			free((char *)s->state.words);
			s->state.words = mem_strdup(words);
			s->dirty = true;
		}
		s->dirty |= s->state.data != s->stored_data || now_us - s->stored_us >= US_PER_MIN;
	}
}

int engine_tick(struct engine *e, struct store_reader *r, int64_t now_us, int64_t mono_us, struct err *err)
{
	struct round round = {.e = e, .r = r, .now_us = now_us, .mono_us = mono_us, .given_rule = NO_RULE, .err = err};

	watch_clocks(e, now_us, mono_us);
	if (!e->watched_us)
		e->watched_us = mono_us;
	expire_overrides(e, now_us);
	baselines_begin(e->baselines);
	for (size_t i = 0; i < e->instance_count; i++)
		e->instances[i]->seen = false;
	for (size_t i = 0; i < e->config->alert_count; i++)
		e->slots[i].seen = false;
	int failed = !r ? -1 : evaluator_run(e->evaluator, r, now_us, take_reading, &round, err);

	if (!failed)
		failed = round.failed;
	if (!failed)
		failed = engine_assess_budgets(e, r, now_us, err);
	engine_step_guardrails(e, now_us, mono_us);
	if (failed)
		e->watched_us = mono_us;
	step_unseen(e, failed ? SEEN_STALE : SEEN_NO_DATA, now_us);
	close_slots(e, failed ? err->text : "", failed ? ALERT_DATA_STALE : ALERT_DATA_NONE, now_us);
	sweep(e);
	return failed;
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static void forget_slots(struct engine *e)
{
	for (size_t i = 0; e->slots && i < e->config->alert_count; i++)
		free((char *)e->slots[i].state.words);
	free(e->slots);
	e->slots = NULL;
}

static void take_config(struct engine *e, const struct config *config, const struct outlet *outlets, size_t outlet_count)
{
	e->config = config;
	e->outlets = outlets;
	e->outlet_count = outlet_count;
	e->evaluator = evaluator_new(config->alerts, config->alert_count);
	e->slots = mem_array(NULL, config->alert_count + 1, sizeof *e->slots);
	memset(e->slots, 0, (config->alert_count + 1) * sizeof *e->slots);
	for (size_t i = 0; i < config->alert_count; i++) {
		e->slots[i].state = (struct rule_state){.rule = config->alerts[i].name, .data = ALERT_DATA_NONE, .value = NAN, .words = mem_strdup("")};
		e->slots[i].bound = config->alerts[i].limit;
	}
}

struct engine *engine_new(const struct config *config, const struct outlet *outlets, size_t outlet_count)
{
	struct engine *e = mem_zalloc(sizeof *e);

	e->next_alert_id = e->next_silence_id = e->next_outbox_id = 1;
	e->baselines = baselines_new();
	take_config(e, config, outlets, outlet_count);
	engine_merge_budgets(e);
	return e;
}

void engine_set_config(struct engine *e, const struct config *config, const struct outlet *outlets, size_t outlet_count)
{
	forget_slots(e);
	evaluator_free(&e->evaluator);
	baselines_free(&e->baselines);
	e->baselines = baselines_new();
	take_config(e, config, outlets, outlet_count);
	for (size_t i = 0; i < e->instance_count; i++) {
		struct instance *x = e->instances[i];

		x->rule_index = NO_RULE;
		for (size_t k = 0; k < config->alert_count; k++)
			if (!strcmp(config->alerts[k].name, x->rule))
				x->rule_index = k;
	}
	engine_merge_budgets(e);
}

void engine_free(struct engine **out)
{
	struct engine *e = *out;

	if (!e)
		return;
	*out = NULL;
	for (size_t i = 0; i < e->instance_count; i++)
		free_instance(e->instances[i]);
	free(e->instances);
	strmap_fini(&e->index);
	for (size_t i = 0; i < e->silence_count; i++) {
		free((char *)e->silences[i].rule);
		free((char *)e->silences[i].labels);
		free((char *)e->silences[i].author);
		free((char *)e->silences[i].comment);
	}
	free(e->silences);
	for (size_t i = 0; i < e->override_count; i++) {
		free((char *)e->overrides[i].rule);
		free((char *)e->overrides[i].author);
	}
	free(e->overrides);
	forget_slots(e);
	evaluator_free(&e->evaluator);
	baselines_free(&e->baselines);
	engine_free_budgets(e);
	free(e->guardrails);
	engine_writes_fini(&e->waiting);
	arena_fini(&e->arena);
	free(e);
}

static void restore(struct engine *e, const struct alert_record *a, int64_t gap_us)
{
	struct instance *x = engine_find(e, a->rule, a->labels);

	if (x)
		return; /* an older episode of the same */
	x = add_instance(e, a->rule, a->kind, a->labels);
	x->id = a->id;
	x->severity = a->severity;
	x->machine = (struct machine){a->state, a->data, a->since_us, a->fired_us, a->ended_us, a->quiet_us, a->checked_us};
	x->value = a->value;
	x->bound = a->bound;
	x->normal = a->normal;
	x->told = a->told;
	x->audited = a->state;
	x->acknowledged_us = a->acknowledged_us;
	x->told_acknowledged = a->acknowledged_us != 0;
	engine_replace_text(&x->runbook, a->runbook);
	engine_replace_text(&x->summary, a->summary);
	engine_replace_text(&x->acknowledged_by, a->acknowledged_by);
	engine_replace_text(&x->note, a->note);
	for (size_t i = 0; i < e->config->alert_count; i++) {
		const struct config_alert *rule = &e->config->alerts[i];

		if (strcmp(rule->name, a->rule) != 0)
			continue;
		x->rule_index = i;
		x->waits = (struct machine_rule){rule->for_us, rule->keep_firing_for_us, rule->no_data};
	}
	if (gap_us > RESTART_GAP_US) {
		if (x->machine.state == ALERT_PENDING)
			x->machine.since_us += gap_us;
		if (x->machine.quiet_us)
			x->machine.quiet_us += gap_us;
	}
}

static int load_rest(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err)
{
	struct silence_result silences;
	struct override_result overrides;

	if (query_silences(r, now_us, &silences, err))
		return -1;
	for (size_t i = 0; i < silences.row_count; i++) {
		const struct silence_record *s = &silences.rows[i];

		e->silences = mem_grow(e->silences, &e->silence_cap, e->silence_count + 1, sizeof *e->silences);
		e->silences[e->silence_count++] = (struct silence_record){
			s->id, mem_strdup(s->rule), mem_strdup(s->labels), s->from_us, s->until_us, mem_strdup(s->author), mem_strdup(s->comment)};
	}
	silence_result_fini(&silences);
	if (query_overrides(r, now_us, &overrides, err))
		return -1;
	for (size_t i = 0; i < overrides.row_count; i++) {
		const struct rule_override *o = &overrides.rows[i];

		e->overrides = mem_grow(e->overrides, &e->override_cap, e->override_count + 1, sizeof *e->overrides);
		e->overrides[e->override_count++] = (struct rule_override){mem_strdup(o->rule), o->bound, mem_strdup(o->author), o->until_us, o->changed_us};
	}
	override_result_fini(&overrides);
	return engine_load_budgets(e, r, now_us, err);
}

int engine_load(struct engine *e, struct store_reader *r, int64_t now_us, struct err *err)
{
	struct alert_result alerts;
	struct alert_ids ids;
	struct store_summary summary;

	if (query_alert_ids(r, &ids, err) || query_summary(r, &summary, err) ||
	    query_alerts(r, now_us - ALERT_RESOLVED_KEPT_US, now_us, &alerts, err))
		return -1;
	e->next_alert_id = ids.alert + 1;
	e->next_silence_id = ids.silence + 1;
	e->next_outbox_id = ids.outbox + 1;
	for (size_t i = 0; i < alerts.row_count; i++)
		restore(e, &alerts.rows[i], summary.last_commit_us ? now_us - summary.last_commit_us : 0);
	alert_result_fini(&alerts);
	return load_rest(e, r, now_us, err);
}
