/* Figures that nobody told, too few requests, or data that stopped coming are never "fine" and never
 * "over". A lower bound can prove that a limit is passed, not that it is kept from below. */
#include "alert/judge_rule.h"

#include <math.h>

#include "base/clock.h"
#include "store/query.h"

#define STALE_GAPS 10

static struct rule_reading reading(enum alert_seen seen, double value, double bound)
{
	return (struct rule_reading){seen, value, bound, NAN};
}

unsigned rule_needs(const struct config_alert *rule)
{
	if (rule->kind == ALERT_BURN_RATE)
		return rule->slow_us ? NEED_LATENCY : 0;
	return rule->kind == ALERT_ABSENCE ? 0 : metrics[rule->metric].needs;
}

bool rule_is_stale(int64_t window_us, int64_t requests, int64_t last_us, int64_t now_us)
{
	int64_t silent_us = now_us - last_us;

	return requests > 0 && silent_us > US_PER_MIN && silent_us > STALE_GAPS * (window_us / requests);
}

bool rule_fell_silent(int64_t window_us, int64_t requests, int64_t last_us, int64_t now_us)
{
	int64_t silent_us = now_us - last_us, spoken_us = window_us - silent_us;
	int64_t least_us = window_us / 3 < US_PER_MIN ? window_us / 3 : US_PER_MIN;

	return requests > 0 && silent_us > least_us && silent_us > STALE_GAPS * (spoken_us > 0 ? spoken_us / requests : 0);
}

static bool falls_by_silence(enum metric m)
{
	enum metric_unit unit = metrics[m].unit;

	return unit == UNIT_PER_SECOND || unit == UNIT_PER_MINUTE || unit == UNIT_USD_PER_HOUR || unit == UNIT_COUNT || m == METRIC_COST;
}

bool rule_may_be_silence(const struct config_alert *rule, const struct figures *f, int64_t now_us)
{
	return falls_by_silence(rule->metric) && rule_fell_silent(rule->window_us, f->requests, f->last_us, now_us);
}

/* What silence may have made so: a recovery, or for `under` an alarm. */
static bool is_doubtful(const struct config_alert *rule, const struct rule_reading *r, const struct figures *f, int64_t now_us)
{
	return r->seen == (rule->below ? SEEN_OVER : SEEN_FINE) && rule_may_be_silence(rule, f, now_us);
}

static bool about_feedback(enum metric m)
{
	return m == METRIC_FEEDBACK_RATE || m == METRIC_NEGATIVE_SHARE || m == METRIC_NEGATIVE_PER_100;
}

struct rule_reading rule_judge_value(const struct config_alert *rule, double bound, struct value v)
{
	if (!value_known(v))
		return reading(SEEN_NO_DATA, NAN, bound);
	if (v.quality == QUALITY_STALE)
		return reading(SEEN_STALE, v.number, bound);
	if (rule->below && v.quality == QUALITY_LOWER_BOUND && v.number < bound)
		return reading(SEEN_NO_DATA, v.number, bound);
	return reading((rule->below ? v.number < bound : v.number > bound) ? SEEN_OVER : SEEN_FINE, v.number, bound);
}

struct rule_reading rule_judge_threshold(const struct config_alert *rule, double bound, const struct figures *f, double seconds,
                                         int64_t now_us)
{
	bool feedback = about_feedback(rule->metric);
	int64_t count = feedback ? f->feedback : f->requests;

	if (count <= 0 || count < rule->min_requests)
		return reading(SEEN_NO_DATA, NAN, bound);
	struct rule_reading out = rule_judge_value(rule, bound, metric_value(rule->metric, f, seconds));

	if (!feedback && out.seen != SEEN_NO_DATA &&
	    (rule_is_stale(rule->window_us, f->requests, f->last_us, now_us) || is_doubtful(rule, &out, f, now_us)))
		out.seen = SEEN_STALE;
	return out;
}

struct rule_reading rule_judge_flags(const struct config_alert *rule, double bound, const struct figures *f, struct value v,
                                     int64_t now_us)
{
	if (f->requests <= 0 || f->requests < rule->min_requests)
		return reading(SEEN_NO_DATA, NAN, bound);
	struct rule_reading out = rule_judge_value(rule, bound, v);

	if (rule_is_stale(rule->window_us, f->requests, f->last_us, now_us) || is_doubtful(rule, &out, f, now_us))
		out.seen = SEEN_STALE;
	return out;
}

/* The share of requests that were bad; NaN when none tells. */
static double bad_share(const struct config_alert *rule, const struct figures *f)
{
	const struct sketch *latency = &f->sketches[SKETCH_LATENCY_US];

	if (!rule->slow_us)
		return f->requests > 0 ? (double)f->errors / (double)f->requests : NAN;
	return latency->count > 0 ? (double)sketch_count_at_least(latency, rule->slow_us) / (double)latency->count : NAN;
}

struct rule_reading rule_judge_burn(const struct config_alert *rule, double bound, const struct figures *longer,
                                    const struct figures *shorter, int64_t now_us)
{
	double budget = 1 - rule->objective;
	double long_burn = bad_share(rule, longer) / budget, short_burn = bad_share(rule, shorter) / budget;

	if (isnan(long_burn) || isnan(short_burn) || longer->requests < rule->min_requests)
		return reading(SEEN_NO_DATA, long_burn, bound);
	if (rule_is_stale(rule->short_window_us, shorter->requests, shorter->last_us, now_us))
		return reading(SEEN_STALE, long_burn, bound);
	return reading(long_burn > bound && short_burn > bound ? SEEN_OVER : SEEN_FINE, long_burn, bound);
}

struct rule_reading rule_judge_absence(const struct config_alert *rule, int64_t requests, int64_t watched_us)
{
	double bound = (double)rule->window_us / (double)US_PER_S;

	if (requests > 0)
		return reading(SEEN_FINE, (double)requests, bound);
	return reading(watched_us < rule->window_us ? SEEN_NO_DATA : SEEN_OVER, 0, bound);
}
