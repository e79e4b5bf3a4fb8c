/* What is usual for the figures of anomaly rules: learned from rollups, kept for an hour. */
#ifndef LLMDECK_ALERT_BASELINES_H
#define LLMDECK_ALERT_BASELINES_H

#include "alert/judge_rule.h"
#include "store/query.h"

struct baselines;

struct baselines *baselines_new(void);
void baselines_free(struct baselines **b);
/* A new round: only a few baselines are learned in each, so that a round stays short. */
void baselines_begin(struct baselines *b);
/* Judges one rule and group at now_us. -1 when the store cannot be read. */
int baselines_judge(struct baselines *b, struct store_reader *r, const struct config_alert *rule, double bound,
                    const char *const *group, int64_t now_us, struct rule_reading *out, struct err *err);

/* The series of a rule and group as anomalies see it: NaN where nobody knows. Owned array of *count
 * values, a window apart, that end at to_us; *first_us is where it begins. NULL on an error. */
double *baseline_series(struct store_reader *r, const struct config_alert *rule, const char *const *group, int64_t span_us,
                        int64_t to_us, size_t *count, int64_t *first_us, struct err *err);

#endif
