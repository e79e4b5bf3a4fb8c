/* Writing what alerts and budgets remember. All inside the open transaction (starting one if needed):
 * for jobs on the writer's thread. Reading them is in store/query_alerts.h. */
#ifndef LLMDECK_STORE_ALERTS_H
#define LLMDECK_STORE_ALERTS_H

#include "core/alert.h"
#include "core/budget.h"
#include "store/writer.h"

/* Adds or replaces the row of a->id, which the caller chose (see query_alert_last_id()). */
int store_alert_put(struct store_writer *w, const struct alert_record *a, struct err *err);
int store_silence_put(struct store_writer *w, const struct silence_record *s, struct err *err);
int store_rule_state_put(struct store_writer *w, const struct rule_state *s, struct err *err);
/* NaN as the bound takes the override back. */
int store_override_put(struct store_writer *w, const struct rule_override *o, struct err *err);
int store_budget_put(struct store_writer *w, const struct budget_record *b, struct err *err);
int store_budget_sum_put(struct store_writer *w, const struct budget_sum *s, struct err *err);
/* Replaces what was known about every budget. */
int store_budget_states_put(struct store_writer *w, const struct budget_standing *all, size_t count, struct err *err);
int store_outbox_put(struct store_writer *w, const struct outbox_record *o, struct err *err);
/* Forgets alerts, silences and messages that ended before `before_us`. */
int store_alerts_retain(struct store_writer *w, int64_t before_us, struct err *err);

/* A budget's filters as one text, a line each, and back. */
struct buf;
void budget_filters_format(const struct config_budget *b, struct buf *out);
int budget_filters_parse(struct str text, struct config_budget *out, struct err *err);

#endif
