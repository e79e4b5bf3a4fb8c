/* What came of an action, in one word and one sentence for each rollout: what the targets say when
 * read back, and where the traffic really went. */
#include <math.h>
#include <stdio.h>

#include "daemon/rollouts_private.h"

/* ── arriving traffic ──────────────────────────────────────────────────────────────────────── */

/* By the targets' own counters, when every target in the action has them. */
static bool by_counters(const struct part *p, int64_t arrived[ROLLOUT_ARMS_MAX])
{
	bool any = false;

	for (size_t n = 0; n < p->leg_count; n++) {
		const struct leg *l = &p->legs[n];
		const struct sight *now = &l->slot->sight;

		if (l->state != LEG_VERIFIED)
			continue;
		if (!l->first.has_counters || !now->has_counters || l->first.counters_id != now->counters_id)
			return false;
		any = true;
		for (size_t i = 0; i < p->managed->config->arm_count; i++) {
			if (now->requests[i] > l->first.requests[i])
				arrived[i] += (int64_t)(now->requests[i] - l->first.requests[i]);
		}
	}
	return any;
}

static bool fits(const struct part *p)
{
	for (size_t i = 0; i < p->managed->config->arm_count; i++) {
		double wanted = p->wanted.percent[i] / 100, n = (double)p->arrived_total;
		double off = fabs((double)p->arrived[i] / n - wanted);

		if (off > 0.03 + 4 * sqrt(wanted * (1 - wanted) / n))
			return false;
	}
	return true;
}

void part_watch(struct part *p, bool last)
{
	int64_t counted[ROLLOUT_ARMS_MAX] = {0};
	bool counters = by_counters(p, counted);

	p->arrived_total = 0;
	for (size_t i = 0; i < p->managed->config->arm_count; i++) {
		p->arrived[i] = counters ? counted[i] : p->managed->evidence.arms[i].watched;
		p->arrived_total += p->arrived[i];
	}
	p->proven = p->arrived_total >= WATCH_SAMPLE && fits(p);
	p->watched = p->proven || last;
}

/* ── the sentence ──────────────────────────────────────────────────────────────────────────── */

static void say_traffic(struct part *p)
{
	const struct config_rollout *c = p->managed->config;

	if (p->arrived_total < WATCH_SAMPLE) {
		buf_printf(&p->outcome, "; UNVERIFIED by traffic: %lld requests arrived, fewer than %d",
		           (long long)p->arrived_total, WATCH_SAMPLE);
		return;
	}
	buf_printf(&p->outcome, "; %s", p->proven ? "arriving traffic agrees:" : "UNVERIFIED, traffic still arrives elsewhere:");
	for (size_t i = 0; i < c->arm_count; i++)
		buf_printf(&p->outcome, "%s %s %lld", i ? "," : "", c->arms[i], (long long)p->arrived[i]);
	buf_printf(&p->outcome, " of %lld requests", (long long)p->arrived_total);
}

static void say_failures(struct part *p)
{
	static const char *const words[LEG_SKIPPED + 1] = {
		[LEG_UNCONFIRMED] = "may be applied, was not read back", [LEG_FAILED] = "not applied",
		[LEG_LOST] = "read back, and lost again",
		[LEG_SKIPPED] = "left alone after the failure before it",
	};

	for (size_t n = 0; n < p->leg_count; n++) {
		const struct leg *l = &p->legs[n];

		if (!words[l->state])
			continue;
		buf_printf(&p->outcome, "; %s: %s", l->slot->name, words[l->state]);
		if (l->words.text[0])
			buf_printf(&p->outcome, ": %s", l->words.text);
	}
}

static void sum_up_moved(struct action *a, struct part *p)
{
	size_t there = 0, unconfirmed = 0;

	for (size_t n = 0; n < p->leg_count; n++) {
		there += p->legs[n].state == LEG_VERIFIED || p->legs[n].state == LEG_NOTHING;
		unconfirmed += p->legs[n].state == LEG_UNCONFIRMED;
	}
	if (a->resolving)
		buf_puts(&p->outcome, "the collector ended while it was at work; read back afterwards: ");
	buf_printf(&p->outcome, "%zu of %zu target%s applied (", there, p->leg_count, p->leg_count == 1 ? "" : "s");
	rollout_shares_text(p->managed->config, &p->wanted, &p->outcome);
	buf_puts(&p->outcome, ")");
	if (there == p->leg_count) {
		p->result = p->proven ? "applied" : "unverified";
		if (a->resolving)
			p->result = "applied";
		else
			say_traffic(p);
		return;
	}
	p->result = there ? "partial" : unconfirmed ? "unverified" : "failed";
	say_failures(p);
}

void part_sum_up(struct action *a, struct part *p)
{
	buf_reset(&p->outcome);
	if (rollout_verb_moves(a->verb)) {
		sum_up_moved(a, p);
		return;
	}
	p->result = "applied";
	buf_puts(&p->outcome, a->verb == ROLLOUT_HOLD ? "held: its steps do not advance by themselves"
	                                              : "resumed: its steps go on");
	for (size_t n = 0; n < p->leg_count; n++) {
		if (p->legs[n].state == LEG_FAILED || p->legs[n].state == LEG_UNCONFIRMED)
			p->result = "partial";
	}
	say_failures(p);
}
