/* How far a figure is from what is usual at this hour of this day: a seasonal baseline over some weeks
 * and robust deviations from it. Pure. */
#ifndef LLMDECK_JUDGE_ANOMALY_H
#define LLMDECK_JUDGE_ANOMALY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANOMALY_HISTORY_DAYS 28
#define ANOMALY_WARM_UP_DAYS 3 /* of data; before that nobody knows what is usual */
#define ANOMALY_SPANS 3        /* the newest value, the last hour, the last six */

struct anomaly_model {
	bool ready;        /* enough history */
	int64_t step_us;
	double floor;      /* added before the logarithm, so that zero has one */
	double level;      /* of the residuals of the last two weeks */
	double profile[7][48]; /* log of what is usual, by UTC weekday (Monday first) and half hour */
	double scale[ANOMALY_SPANS]; /* one deviation of the mean residual over each span */
	size_t span[ANOMALY_SPANS];  /* in steps */
};

/* Learns from `count` values a step apart, the first of the bucket that starts at first_us; NaN where
 * nobody knows (a source was off): those count for nothing. Steps of 10 min to a day. */
void anomaly_fit(struct anomaly_model *m, const double *values, size_t count, int64_t first_us, int64_t step_us);

struct anomaly_verdict {
	bool known;
	double deviations; /* signed: above what is usual is positive; the span that deviates most */
	double normal;     /* what is usual for the newest bucket, in the figure's unit */
	size_t span;       /* in steps, over which it deviates */
};
/* Judges the newest of `count` values (the last ones, as many as there are up to six hours, NaN where
 * unknown); first_us as above. Unknown while the model is not ready or the newest value is. */
struct anomaly_verdict anomaly_judge(const struct anomaly_model *m, const double *values, size_t count, int64_t first_us);

#endif
