/* The controller's state as JSON, for the console and the commands. Unknown numbers are null. */
#include <inttypes.h>
#include <math.h>

#include "base/timefmt.h"
#include "daemon/rollouts_private.h"

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	buf_append_json(out, str_of(text ? text : ""));
	buf_append_c(out, ',');
}

static void put_real(struct buf *out, const char *name, double number)
{
	if (isnan(number))
		buf_printf(out, "\"%s\":null,", name);
	else
		buf_printf(out, "\"%s\":%.10g,", name, number);
}

static void put_value(struct buf *out, const char *name, struct value v)
{
	put_real(out, name, value_known(v) ? v.number : NAN);
}

static void put_time(struct buf *out, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	if (us)
		buf_printf(out, "\"%s\":\"%s\",", name, time_format(us, text));
	else
		buf_printf(out, "\"%s\":null,", name);
}

/* Takes the comma behind the last member away and closes. */
static void end_with(struct buf *out, char bracket)
{
	if (out->len && out->data[out->len - 1] == ',')
		out->len--;
	buf_append_c(out, bracket);
}

/* ── an action ─────────────────────────────────────────────────────────────────────────────── */

static const char *const state_names[] = {
	[ACTION_RECORDING] = "recording", [ACTION_PLANNING] = "planning", [ACTION_COUNTDOWN] = "countdown",
	[ACTION_ARMING] = "applying", [ACTION_APPLYING] = "applying", [ACTION_WATCHING] = "watching",
	[ACTION_CLOSING] = "closing", [ACTION_DONE] = "done",
};
static const char *const leg_names[] = {
	[LEG_WAITING] = "waiting", [LEG_PLANNED] = "planned", [LEG_NOTHING] = "nothing to do", [LEG_APPLYING] = "applying",
	[LEG_VERIFYING] = "verifying", [LEG_VERIFIED] = "applied", [LEG_UNCONFIRMED] = "unconfirmed",
	[LEG_LOST] = "failed",
	[LEG_FAILED] = "failed", [LEG_SKIPPED] = "skipped",
};

static void put_leg(struct buf *out, const struct leg *l)
{
	buf_append_c(out, '{');
	put_text(out, "target", l->slot->name);
	put_text(out, "state", leg_names[l->state]);
	put_text(out, "words", l->words.text);
	put_text(out, "moves", l->moves);
	put_text(out, "stays", l->stays);
	buf_puts(out, "\"plan\":");
	if (l->plan.len)
		buf_append_str(out, buf_str(&l->plan));
	else
		buf_puts(out, "null");
	buf_puts(out, "},");
}

static void put_shares(struct buf *out, const char *name, const struct config_rollout *c, const struct rollout_shares *s)
{
	struct buf text = {0};

	rollout_shares_text(c, s, &text);
	put_text(out, name, text.data);
	buf_fini(&text);
}

static void put_part(struct buf *out, const struct part *p)
{
	const struct config_rollout *c = p->managed->config;
	const struct evidence *e = &p->managed->evidence;
	double seconds = (double)(e->to_us - e->from_us) / (double)US_PER_S;

	buf_append_c(out, '{');
	put_text(out, "rollout", c->name);
	put_text(out, "service", c->service);
	put_text(out, "stable", c->arms[0]);
	put_text(out, "candidate", c->arms[1]);
	put_shares(out, "before", c, &p->before);
	put_shares(out, "wanted", c, &p->wanted);
	put_text(out, "result", p->result);
	put_text(out, "outcome", p->outcome.data);
	put_real(out, "requests_per_s", e->taken && seconds > 0 ? (double)e->requests / seconds : NAN);
	put_real(out, "moving_requests_per_s", e->taken && seconds > 0
	         ? fabs(rollout_exposure(&p->before) - rollout_exposure(&p->wanted)) / 100 * (double)e->requests / seconds : NAN);
	put_text(out, "gate", p->managed->breach_words.text[0] && p->managed->breached ? p->managed->breach_words.text : "");
	buf_printf(out, "\"arrived_requests\":%" PRId64 ",\"targets\":[", p->arrived_total);
	for (size_t n = 0; n < p->leg_count; n++)
		put_leg(out, &p->legs[n]);
	end_with(out, ']');
	buf_puts(out, "},");
}

void action_json(const struct action *a, struct buf *out)
{
	int64_t left_us = a->state == ACTION_COUNTDOWN ? a->go_us - ops_of(a->owner)->mono_us() : 0;
	const struct config_rollout *c = a->parts[0].managed->config;
	int64_t countdown_us = a->told ? (a->raises ? c->raise_us : c->lower_us) : a->countdown_us;
	size_t there = 0, legs = 0;

	buf_append_c(out, '{');
	put_text(out, "key", a->key);
	put_text(out, "verb", rollout_verb_name(a->verb));
	put_text(out, "state", state_names[a->state]);
	put_text(out, "who", a->who.data);
	put_text(out, "reason", a->reason);
	put_time(out, "started", a->started_us);
	buf_printf(out, "\"automatic\":%s,\"raises\":%s,", a->automatic ? "true" : "false", a->raises ? "true" : "false");
	put_real(out, "countdown_s", (double)countdown_us / (double)US_PER_S);
	put_real(out, "left_s", left_us > 0 ? (double)left_us / (double)US_PER_S : 0);
	buf_puts(out, "\"rollouts\":[");
	for (size_t i = 0; i < a->part_count; i++) {
		put_part(out, &a->parts[i]);
		legs += a->parts[i].leg_count;
		for (size_t n = 0; n < a->parts[i].leg_count; n++)
			there += a->parts[i].legs[n].state == LEG_VERIFIED || a->parts[i].legs[n].state == LEG_NOTHING;
	}
	end_with(out, ']');
	buf_printf(out, ",\"applied\":%zu,\"targets\":%zu}", there, legs);
}

/* ── the rollouts ──────────────────────────────────────────────────────────────────────────── */

static void put_arm(struct buf *out, const struct managed *m, size_t arm)
{
	static const char *const names[SHOWN_COUNT] = {
		"latency_p50_s", "latency_p95_s", "ttft_p95_s", "error_rate", "cost_per_1k_usd", "flags_per_1k", "negative_share"};
	const struct evidence_arm *e = &m->evidence.arms[arm];
	bool known = m->evidence.taken && m->evidence.known;
	int64_t marked = 0;
	double actual = NAN;

	for (size_t i = 0; i < m->config->arm_count; i++)
		marked += m->evidence.arms[i].requests;
	for (size_t s = 0; s < m->slot_count && isnan(actual); s++)
		actual = m->slots[s].sight.percent[arm];
	buf_append_c(out, '{');
	put_text(out, "deployment", m->config->arms[arm]);
	put_text(out, "role", arm ? "candidate" : "stable");
	put_real(out, "desired_weight", m->desired.percent[arm]);
	put_real(out, "actual_weight", actual);
	put_real(out, "arriving_share", known && marked ? 100.0 * (double)e->requests / (double)marked : NAN);
	put_real(out, "requests", known ? (double)e->requests : NAN);
	put_real(out, "errors", known ? (double)e->errors : NAN);
	put_real(out, "input_tokens", known ? (double)e->input_tokens : NAN);
	put_real(out, "output_tokens", known ? (double)e->output_tokens : NAN);
	put_real(out, "feedback", known ? (double)e->feedback : NAN);
	put_real(out, "positive", known ? (double)e->positive : NAN);
	put_real(out, "negative", known ? (double)e->negative : NAN);
	for (size_t i = 0; i < SHOWN_COUNT; i++)
		put_value(out, names[i], known ? e->shown[i] : value_unknown());
	buf_printf(out, "\"error_rate_is_lower_bound\":%s},", e->lower_bound ? "true" : "false");
}

static void put_guardrail(struct buf *out, const struct managed *m, size_t arm, size_t g)
{
	const struct config_guardrail *rule = &m->config->guardrails[g];
	const struct ab_judgement *j = &m->evidence.judged[arm][g];
	bool taken = m->evidence.taken;

	buf_append_c(out, '{');
	put_text(out, "metric", guardrail_name(rule));
	put_text(out, "arm", m->config->arms[arm]);
	put_text(out, "verdict", taken ? ab_verdict_name(j->verdict) : "unknown");
	put_real(out, "worse_by", rule->worse_by);
	buf_printf(out, "\"relative\":%s,", rule->relative ? "true" : "false");
	put_value(out, "stable", taken ? j->stable : value_unknown());
	put_value(out, "candidate", taken ? j->candidate : value_unknown());
	put_real(out, "difference", taken ? j->difference : NAN);
	put_real(out, "limit", taken ? j->limit : NAN);
	put_text(out, "words", !taken || !m->evidence.known ? m->evidence.words.text : j->words.text);
	buf_printf(out, "\"samples\":%" PRId64 ",\"stable_samples\":%" PRId64 "},", taken ? j->samples_candidate : 0,
	           taken ? j->samples_stable : 0);
}

/* By the target's own counters: shares for programs, and a sentence for people. */
static void put_arrivals(struct buf *out, const struct managed *m, const struct slot *s)
{
	int64_t arrived[ROLLOUT_ARMS_MAX], total;
	struct buf words = {0};

	if (!slot_arrived(s, arrived, &total) || total == 0) {
		buf_puts(out, "\"arrived_requests\":null,\"arriving_shares\":null,");
		return;
	}
	buf_printf(out, "\"arrived_requests\":%" PRId64 ",\"arriving_shares\":{", total);
	for (size_t i = 0; i < m->config->arm_count; i++) {
		double share = 100.0 * (double)arrived[i] / (double)total;

		buf_append_json(out, str_of(m->config->arms[i]));
		buf_printf(out, ":%.4g,", share);
		buf_printf(&words, "%s%s %.3g %%", i ? ", " : "", m->config->arms[i], share);
	}
	end_with(out, '}');
	buf_append_c(out, ',');
	buf_printf(&words, " of %" PRId64, total);
	put_text(out, "arrives", words.data);
	buf_fini(&words);
}

static void put_target(struct buf *out, const struct managed *m, const struct slot *s)
{
	const struct sight *sight = &s->sight;

	buf_append_c(out, '{');
	put_text(out, "name", s->name);
	put_text(out, "kind", m->config->actuators[s - m->slots].kind);
	put_text(out, "fault", act_fault_name(sight->fault));
	put_text(out, "phase", sight->phase);
	put_text(out, "words", sight->words.text);
	put_time(out, "seen", sight->at_us);
	put_arrivals(out, m, s);
	buf_printf(out, "\"drift\":%s,\"weights\":{", sight->drift ? "true" : "false");
	for (size_t i = 0; i < m->config->arm_count; i++) {
		buf_append_json(out, str_of(m->config->arms[i]));
		buf_puts(out, isnan(sight->percent[i]) ? ":null," : ":");
		if (!isnan(sight->percent[i]))
			buf_printf(out, "%.10g,", sight->percent[i]);
	}
	end_with(out, '}');
	buf_puts(out, "},");
}

static void put_plan(struct buf *out, const struct managed *m)
{
	const struct config_rollout *c = m->config;

	buf_puts(out, "\"steps\":[");
	for (size_t i = 0; i < c->step_count; i++)
		buf_printf(out, "%.10g,", c->steps[i]);
	end_with(out, ']');
	buf_printf(out, ",\"step\":%zu,", m->known ? rollout_step_of(c, &m->desired) : 0);
	put_real(out, "hold_s", (double)c->hold_us / (double)US_PER_S);
	put_time(out, "step_since", m->step_us);
	buf_printf(out, "\"held\":%s,\"advance\":\"%s\",\"on_breach\":\"%s\",\"countdown_s\":{\"lower\":%.3f,\"raise\":%.3f},",
	           m->held ? "true" : "false", c->advance ? "auto" : "manual", c->rollback_on_breach ? "rollback" : "ask",
	           (double)c->lower_us / (double)US_PER_S, (double)c->raise_us / (double)US_PER_S);
}

static void put_managed(struct buf *out, const struct managed *m)
{
	const struct config_rollout *c = m->config;
	struct buf reason = {0};
	const char *phase;

	managed_describe(m, &phase, &reason);
	buf_append_c(out, '{');
	put_text(out, "name", c->name);
	put_text(out, "service", c->service);
	put_text(out, "environment", c->environment);
	put_text(out, "phase", phase);
	put_text(out, "reason", reason.data);
	buf_fini(&reason);
	buf_printf(out, "\"drift\":%s,\"breach\":%s,", managed_drifts(m) ? "true" : "false", m->breached ? "true" : "false");
	put_plan(out, m);
	put_time(out, "evidence_from", m->evidence.from_us);
	put_time(out, "evidence_to", m->evidence.to_us);
	put_text(out, "words", m->evidence.words.text);
	buf_puts(out, "\"arms\":[");
	for (size_t i = 0; i < c->arm_count; i++)
		put_arm(out, m, i);
	end_with(out, ']');
	buf_puts(out, ",\"guardrails\":[");
	for (size_t arm = 1; arm < c->arm_count; arm++) {
		for (size_t g = 0; g < c->guardrail_count; g++)
			put_guardrail(out, m, arm, g);
	}
	end_with(out, ']');
	buf_puts(out, ",\"targets\":[");
	for (size_t i = 0; i < m->slot_count; i++)
		put_target(out, m, &m->slots[i]);
	end_with(out, ']');
	buf_puts(out, ",\"action\":");
	if (m->action)
		action_json(m->action, out);
	else
		buf_puts(out, "null");
	buf_puts(out, "},");
}

void rollouts_json(const struct rollouts *r, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"rollouts\":[");
	for (size_t i = 0; i < r->managed_count; i++)
		put_managed(out, &r->managed[i]);
	end_with(out, ']');
	buf_puts(out, "}");
}
