/* What a rule says about figures: pure. */
#ifndef LLMDECK_ALERT_JUDGE_RULE_H
#define LLMDECK_ALERT_JUDGE_RULE_H

#include "alert/machine.h"
#include "core/figures.h"

struct rule_reading {
	enum alert_seen seen;
	double value, bound, normal; /* NaN: unknown, or not told */
};

/* The sketches that a rule needs (enum figures_need bits). */
unsigned rule_needs(const struct config_alert *rule);
/* Why a rule's newest data is too old to act on: nothing came for ten times as long as usual in the
 * window, and for over a minute. */
bool rule_is_stale(int64_t window_us, int64_t requests, int64_t last_us, int64_t now_us);
/* The same for figures that fall by silence alone (so many a minute): by the pace before it, and for a
 * third of the window, at most a minute. A source that goes away must not look like a recovery. */
bool rule_fell_silent(int64_t window_us, int64_t requests, int64_t last_us, int64_t now_us);
/* Whether a rule's figure may be what it is by such a silence alone. */
bool rule_may_be_silence(const struct config_alert *rule, const struct figures *f, int64_t now_us);

/* A threshold over a window that ended at now_us and covered `seconds`. `bound` is the limit in force
 * (the config's or an override). */
struct rule_reading rule_judge_threshold(const struct config_alert *rule, double bound, const struct figures *f, double seconds,
                                         int64_t now_us);
/* Findings of a category: `v` of them a minute among the requests of `f`. No finding among requests is
 * zero, no request is no data. */
struct rule_reading rule_judge_flags(const struct config_alert *rule, double bound, const struct figures *f, struct value v,
                                     int64_t now_us);
/* The same for a figure that is not of requests (a gauge). */
struct rule_reading rule_judge_value(const struct config_alert *rule, double bound, struct value v);
/* Both windows must burn the error budget faster than `bound` times its pace (Google's SRE workbook,
 * "Alerting on SLOs"). */
struct rule_reading rule_judge_burn(const struct config_alert *rule, double bound, const struct figures *longer,
                                    const struct figures *shorter, int64_t now_us);
/* Over when no request came in the window; nobody knows before somebody looked for as long. */
struct rule_reading rule_judge_absence(const struct config_alert *rule, int64_t requests, int64_t watched_us);

#endif
