/* Unknown numbers are dashes; texts from outside are made harmless on the way. */
#include "cli/rollout_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/text_table.h"
#include "parse/json.h"

static void put(struct buf *out, const char *text)
{
	text_append_harmless(out, str_of(text), 1024);
}

/* "–" or the number as `fmt` has it. */
static const char *number(char *out, size_t cap, const char *unit, double v, int digits)
{
	if (isnan(v))
		return "–";
	snprintf(out, cap, "%.*f%s", digits, v, unit);
	return out;
}

static void weights(const struct rollout_view *v, struct buf *out)
{
	char text[32];

	for (size_t i = 0; i < v->arm_count; i++) {
		buf_puts(out, i ? ", " : "");
		put(out, v->arms[i].deployment);
		buf_printf(out, " %s", number(text, sizeof(text), " %", v->arms[i].desired_weight, 0));
	}
}

/* The worst of the guardrails' verdicts. */
static const char *gate(const struct rollout_view *v)
{
	static const char *const order[] = {"fail", "unknown", "inconclusive", "pass"};

	for (size_t o = 0; o < 4; o++) {
		for (size_t i = 0; i < v->guardrail_count; i++) {
			if (strcmp(v->guardrails[i].verdict, order[o]) == 0)
				return order[o];
		}
	}
	return "–";
}

void rollout_text_list(const struct rollout_list *l, int width, struct buf *out)
{
	static const struct text_column columns[] = {
		{"NAME", 1, 0}, {"SERVICE", 1, 2}, {"ENVIRONMENT", 1, 3}, {"PHASE", 1, 0}, {"WEIGHTS", 1, 0},
		{"STEP", 0, 2}, {"GATE", 1, 0}, {"NOW", 1, 0}, {"REASON", 1, 1},
	};
	struct text_table *t = text_table_new(columns, sizeof(columns) / sizeof(columns[0]));

	for (size_t i = 0; i < l->row_count; i++) {
		const struct rollout_view *v = &l->rows[i];
		struct buf text = {0};

		weights(v, &text);
		text_table_add(t, str_of(v->name));
		text_table_add(t, str_of(v->service));
		text_table_add(t, str_of(v->environment));
		text_table_add(t, str_of(v->phase));
		text_table_add(t, buf_str(&text));
		text_table_addf(t, "%" PRId64, v->step);
		text_table_add(t, str_of(gate(v)));
		text_table_add(t, str_of(v->has_action ? v->action.verb : v->drift ? "DRIFT" : ""));
		text_table_add(t, str_of(v->reason));
		buf_fini(&text);
	}
	text_table_print(t, width, out);
	if (l->row_count == 0)
		buf_puts(out, "no rollout is configured: see llmdeck(5)\n");
	text_table_free(&t);
}

/* ── one rollout ───────────────────────────────────────────────────────────────────────────── */

static void arms_table(const struct rollout_view *v, int width, struct buf *out)
{
	static const struct text_column columns[] = {
		{"ARM", 1, 0}, {"ROLE", 1, 3}, {"WANTED", 0, 0}, {"IN FORCE", 0, 0}, {"ARRIVING", 0, 0}, {"REQUESTS", 0, 1},
		{"P95", 0, 1}, {"TTFT", 0, 2}, {"ERRORS", 0, 0}, {"$/1K", 0, 1}, {"FLAGS/1K", 0, 2}, {"NEGATIVE", 0, 2},
	};
	struct text_table *t = text_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char n[32];

	for (size_t i = 0; i < v->arm_count; i++) {
		const struct rollout_arm_view *a = &v->arms[i];

		text_table_add(t, str_of(a->deployment));
		text_table_add(t, str_of(a->role));
		text_table_addf(t, "%s", number(n, sizeof(n), " %", a->desired_weight, 1));
		text_table_addf(t, "%s", number(n, sizeof(n), " %", a->actual_weight, 1));
		text_table_addf(t, "%s", number(n, sizeof(n), " %", a->arriving_share, 1));
		text_table_addf(t, "%s", number(n, sizeof(n), "", a->requests, 0));
		text_table_addf(t, "%s", number(n, sizeof(n), "s", a->latency_p95_s, 2));
		text_table_addf(t, "%s", number(n, sizeof(n), "s", a->ttft_p95_s, 2));
		text_table_addf(t, "%s%s", a->error_rate_is_lower_bound ? "≥" : "",
		                number(n, sizeof(n), " %", a->error_rate * 100, 2));
		text_table_addf(t, "%s", number(n, sizeof(n), "", a->cost_per_1k_usd, 3));
		text_table_addf(t, "%s", number(n, sizeof(n), "", a->flags_per_1k, 2));
		text_table_addf(t, "%s", number(n, sizeof(n), " %", a->negative_share * 100, 0));
	}
	text_table_print(t, width, out);
	text_table_free(&t);
}

static void guardrails_table(const struct rollout_view *v, int width, struct buf *out)
{
	static const struct text_column columns[] = {
		{"GUARDRAIL", 1, 0}, {"ARM", 1, 1}, {"VERDICT", 1, 0}, {"DIFFERENCE", 0, 0}, {"ALLOWED", 0, 1},
		{"SAMPLES", 0, 2}, {"WHY", 1, 1},
	};
	struct text_table *t = text_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char n[32];

	for (size_t i = 0; i < v->guardrail_count; i++) {
		const struct rollout_guardrail_view *g = &v->guardrails[i];

		text_table_add(t, str_of(g->metric));
		text_table_add(t, str_of(g->arm));
		text_table_add(t, str_of(g->verdict));
		text_table_addf(t, "%s", number(n, sizeof(n), "", g->difference, 4));
		text_table_addf(t, "%s", number(n, sizeof(n), "", g->limit, 4));
		text_table_addf(t, "%" PRId64 "/%" PRId64, g->samples, g->stable_samples);
		text_table_add(t, str_of(g->words));
	}
	if (v->guardrail_count) {
		buf_append_c(out, '\n');
		text_table_print(t, width, out);
	}
	text_table_free(&t);
}

void rollout_text_view(const struct rollout_view *v, int width, struct buf *out)
{
	put(out, v->name);
	buf_puts(out, "  ");
	put(out, v->service);
	buf_puts(out, *v->environment ? "/" : "");
	put(out, v->environment);
	buf_printf(out, "  %s%s%s\n", v->phase, v->held ? ", held" : "", v->drift ? ", DRIFT" : "");
	if (*v->reason) {
		put(out, v->reason);
		buf_append_c(out, '\n');
	}
	if (v->has_action) {
		buf_printf(out, "under way: %s by ", v->action.verb);
		put(out, v->action.who);
		buf_printf(out, ", %s\n", v->action.state);
	}
	buf_append_c(out, '\n');
	arms_table(v, width, out);
	if (*v->words) {
		put(out, v->words);
		buf_append_c(out, '\n');
	}
	guardrails_table(v, width, out);
	for (size_t i = 0; i < v->target_count; i++) {
		const struct rollout_target_view *t = &v->targets[i];

		buf_puts(out, i ? "" : "\n");
		buf_puts(out, "target ");
		put(out, t->name);
		buf_printf(out, " (%s)%s%s%s", t->kind, t->drift ? " DRIFT" : "", *t->fault ? " " : "", t->fault);
		buf_puts(out, *t->words ? ": " : "");
		put(out, t->words);
		if (*t->arrives) {
			buf_puts(out, "; its counters: ");
			put(out, t->arrives);
		}
		buf_append_c(out, '\n');
	}
}

/* ── plans and what came of them ───────────────────────────────────────────────────────────── */

static void put_leg_plan(const struct rollout_leg *l, struct buf *out)
{
	char n[32];

	const char *says = l->has_plan && *l->moves ? l->moves : *l->words ? l->words : l->state;

	buf_puts(out, "  ");
	/* A sentence that begins with the target's name needs it no second time. */
	if (strncmp(says, l->target, strlen(l->target)) != 0) {
		put(out, l->target);
		buf_puts(out, ": ");
	}
	put(out, says);
	buf_append_c(out, '\n');
	for (size_t i = 0; i < l->plan.arm_count; i++) {
		const struct rollout_arm_plan *a = &l->plan.arms[i];

		buf_puts(out, "    ");
		put(out, a->deployment);
		buf_printf(out, " %s", number(n, sizeof(n), " %", a->now_percent, 1));
		buf_printf(out, " -> %s", number(n, sizeof(n), " %", a->wanted_percent, 1));
		if (!isnan(a->result_percent) && fabs(a->result_percent - a->wanted_percent) > 0.05)
			buf_printf(out, " (really %.1f %%)", a->result_percent);
		buf_append_c(out, '\n');
	}
	if (l->has_plan)
		buf_printf(out, "    %s\n", strcmp(l->plan.pace, "instant") == 0 ? "instant" : strcmp(l->plan.pace, "stepwise") == 0
		           ? "stepwise: the target takes its time" : "how fast is not known");
	if (*l->stays) {
		buf_puts(out, "    stays: ");
		put(out, l->stays);
		buf_append_c(out, '\n');
	}
	for (size_t i = 0; i < l->plan.warning_count; i++) {
		buf_puts(out, "    warning: ");
		put(out, l->plan.warnings[i]);
		buf_append_c(out, '\n');
	}
}

void rollout_text_plan(const struct rollout_progress *p, struct buf *out)
{
	for (size_t i = 0; i < p->part_count; i++) {
		const struct rollout_part *part = &p->parts[i];

		buf_printf(out, "%s ", p->verb);
		put(out, part->rollout);
		buf_puts(out, ": ");
		put(out, part->before);
		buf_puts(out, " -> ");
		put(out, part->wanted);
		if (!isnan(part->moving_requests_per_s))
			buf_printf(out, ", about %.1f of %.1f requests a second move", part->moving_requests_per_s, part->requests_per_s);
		buf_append_c(out, '\n');
		for (size_t n = 0; n < part->leg_count; n++)
			put_leg_plan(&part->legs[n], out);
	}
}

void rollout_text_progress(const struct rollout_progress *p, struct buf *out)
{
	if (strcmp(p->state, "countdown") == 0) {
		buf_printf(out, "begins in %.0f s; Ctrl-C takes it back\n", ceil(p->left_s));
		return;
	}
	if (rollout_progress_done(p) || strcmp(p->state, "closing") == 0)
		return;
	if (strcmp(p->state, "watching") == 0)
		buf_printf(out, "%" PRId64 " of %" PRId64 " targets applied; watching where the traffic arrives\n", p->applied, p->targets);
	else
		buf_printf(out, "%s: %" PRId64 " of %" PRId64 " targets\n", p->state, p->applied, p->targets);
}

void rollout_text_outcome(const struct rollout_progress *p, struct buf *out)
{
	for (size_t i = 0; i < p->part_count; i++) {
		put(out, p->parts[i].rollout);
		buf_printf(out, ": %s: ", p->parts[i].result);
		put(out, p->parts[i].outcome);
		buf_append_c(out, '\n');
	}
}

/* ── JSON ──────────────────────────────────────────────────────────────────────────────────── */

void rollout_text_json(struct str json, size_t index, struct buf *out)
{
	struct json_reader r;
	enum json_token t;

	if (index == SIZE_MAX) {
		buf_append_str(out, json);
		return;
	}
	json_init(&r, json);
	while ((t = json_next(&r)) != JSON_ARRAY && t != JSON_END && t != JSON_ERROR)
		;
	for (size_t i = 0; (t = json_next(&r)) == JSON_OBJECT; i++) {
		const char *from = r.token;

		if (!json_skip(&r, t))
			return;
		if (i != index)
			continue;
		buf_puts(out, "{\"schema\":1,\"rollouts\":[");
		buf_append(out, from, (size_t)(r.at - from));
		buf_puts(out, "]}\n");
		return;
	}
}
