/* A candidate whose guardrails fail is one alert, however many fail: its rule is the rollout's name, its
 * labels say which candidate, its summary which guardrails. What is not proven either way keeps the state as it is; an alert ends when the guardrail
 * holds, the candidate gets no traffic, or the rollout is gone from the config. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_private.h"
#include "base/clock.h"
#include "base/mem.h"

#define STALE_US US_PER_MIN
#define KIND "rollout"

void engine_put_guardrails(struct engine *e, const struct guardrail_reading *readings, size_t count, int64_t mono_us)
{
	e->guardrails = mem_array(e->guardrails, count + 1, sizeof *e->guardrails);
	if (count)
		memcpy(e->guardrails, readings, count * sizeof *readings);
	e->guardrail_count = count;
	e->guardrails_mono_us = mono_us;
}

bool engine_is_guardrail(const struct engine *e, const struct instance *x)
{
	if (strcmp(x->kind, KIND) != 0)
		return false;
	for (size_t i = 0; i < e->config->rollout_count; i++) {
		if (strcmp(e->config->rollouts[i].name, x->rule) == 0)
			return true;
	}
	return false;
}

static void add_label(struct buf *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buf_append_c(out, out->len ? ',' : '{');
	buf_append_json(out, str_of(name));
	buf_append_c(out, ':');
	buf_append_json(out, str_of(value));
}

/* In the order of their names. */
static void write_labels(const struct guardrail_reading *g, struct buf *out)
{
	add_label(out, "alertname", g->rollout);
	add_label(out, "deployment", g->arm);
	add_label(out, "environment", g->environment);
	add_label(out, "service", g->service);
	add_label(out, "severity", severity_name(SEVERITY_CRITICAL));
	buf_append_c(out, '}');
}

static void step_one(struct engine *e, const struct guardrail_reading *g, bool stale, int64_t now_us)
{
	static const enum alert_seen seen[] = {
		[GUARDRAIL_UNSURE] = SEEN_NO_DATA, [GUARDRAIL_HOLDS] = SEEN_FINE, [GUARDRAIL_FAILS] = SEEN_OVER};
	const struct machine_rule waits = {g->for_us, 0, NO_DATA_KEEPS};
	const struct rule_reading reading = {stale ? SEEN_STALE : seen[g->says], g->value, g->bound, NAN};
	struct buf labels = {0}, text = {0};

	write_labels(g, &labels);
	struct instance *x = engine_step(e, g->rollout, KIND, labels.data, SEVERITY_CRITICAL, &waits, &reading, now_us);

	if (x && reading.seen == SEEN_OVER) {
		buf_printf(&text, "%s fails its guardrails in rollout %s: %s", g->arm, g->rollout, g->words);
		engine_replace_text(&x->summary, text.data);
	}
	buf_fini(&labels);
	buf_fini(&text);
}

void engine_step_guardrails(struct engine *e, int64_t now_us, int64_t mono_us)
{
	bool stale = mono_us - e->guardrails_mono_us > STALE_US;

	for (size_t i = 0; i < e->guardrail_count; i++)
		step_one(e, &e->guardrails[i], stale, now_us);
}
