/* What a budget has spent, will have spent, and from what: asked of the rollups. The cost of asking
 * does not grow with history: a period is read in the coarsest tiers that make it up. */
#ifndef LLMDECK_ALERT_BUDGETS_H
#define LLMDECK_ALERT_BUDGETS_H

#include "core/budget.h"
#include "store/query.h"

#define BUDGET_STALE_US (15 * 60 * INT64_C(1000000)) /* older data is nothing to act on */

/* Fills *out for the period that holds now_us. */
int budget_assess(struct store_reader *r, const struct config_budget *b, const struct tz *tz, int64_t now_us,
                  struct budget_status *out, struct err *err);

#endif
