/* How often a rule would have fired over past time: its figures from the rollups, its waits by the
 * state machine itself. */
#ifndef LLMDECK_ALERT_BACKTEST_H
#define LLMDECK_ALERT_BACKTEST_H

#include "alert/machine.h"
#include "store/query.h"

struct backtest {
	size_t evaluations, known; /* steps, and those whose figure is known */
	size_t fired;              /* how often it would have begun to fire */
	int64_t firing_us;         /* how long altogether */
	int64_t longest_us;
	double worst;              /* the figure furthest on the wrong side; NaN */
	double p50, p99;           /* of the known figures */
	int64_t step_us;           /* between evaluations: the rule's window, at least a minute */
	int64_t from_us, to_us;
};

/* A rule about requests, findings of a category or a gauge, with `bound` as its limit. Groups are not
 * told apart: everything its filters let through counts together. Burn rates are tried by their long
 * window, anomalies by what is known up to each moment's week before. */
int backtest_rule(struct store_reader *r, const struct config_alert *rule, double bound, int64_t from_us, int64_t to_us,
                  struct backtest *out, struct err *err);

#endif
