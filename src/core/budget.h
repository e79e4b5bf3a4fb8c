/* Budgets: periods by the calendar of a time zone, and which thresholds have been said. Pure. */
#ifndef LLMDECK_CORE_BUDGET_H
#define LLMDECK_CORE_BUDGET_H

#include "base/buf.h"
#include "base/timefmt.h"
#include "core/config.h"

/* The period that holds now_us: [*from_us, *to_us), from local midnight to local midnight. Days are 23
 * to 25 hours long where the clock changes; weeks begin on Monday. */
void budget_period_at(enum budget_period period, const struct tz *tz, int64_t now_us, int64_t *from_us, int64_t *to_us);
/* "day", "week", "month", "quarter", "year". */
const char *budget_period_name(enum budget_period p);
bool budget_period_from_name(const char *name, enum budget_period *out);

enum budget_basis { BASIS_ACTUAL, BASIS_FORECAST };
/* "actual", "forecast". */
const char *budget_basis_name(enum budget_basis b);

/* Thresholds that were said in a period, as one text: a changed amount makes new thresholds. */
bool budget_was_said(const char *said, enum budget_basis basis, int percent, int64_t amount_nusd);
/* Appends one to a text. */
void budget_add_said(struct buf *said, enum budget_basis basis, int percent, int64_t amount_nusd);

/* Where a budget stands. */
enum budget_state { BUDGET_OK, BUDGET_WARNING, BUDGET_EXCEEDED, BUDGET_NO_DATA };
/* "ok", "warning", "exceeded", "no_data". */
const char *budget_state_name(enum budget_state s);

struct budget_status {
	int64_t from_us, to_us;
	int64_t spent_nusd, requests, unpriced;
	double unpriced_share;              /* 0-1 */
	bool forecast_known;
	double forecast_nusd, low_nusd, high_nusd; /* at the end of the period; low to high is a rough band */
	double burn_nusd_per_hour;          /* of the last hour */
	double sustainable_nusd_per_hour;   /* what is left over the time that is left; 0 when nothing is */
	int64_t exhausted_us;               /* when the forecast reaches the amount; 0: not before the reset */
	int64_t overshoot_nusd;             /* spent above the amount */
	int64_t data_age_us;                /* since the newest request; -1: there is none */
	bool stale;
	double percent;                     /* of the amount, spent */
	enum budget_state state;
};
/* Derives percent, overshoot, sustainable burn and state from what is filled in. */
void budget_judge(struct budget_status *s, const struct config_budget *b, int64_t now_us);

#endif
