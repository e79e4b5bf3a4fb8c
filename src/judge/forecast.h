/* What will have been spent when a period ends: the shape of the hours of a day and of the days of a
 * week, learned from the weeks before, times how much is being spent these days. Pure. */
#ifndef LLMDECK_JUDGE_FORECAST_H
#define LLMDECK_JUDGE_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timefmt.h"

#define FORECAST_HISTORY_DAYS 35

struct forecast_input {
	const double *hours;   /* spent in each hour (any unit); NaN where nobody knows */
	size_t hour_count;     /* those before now_us, the last one may be cut short by it */
	int64_t first_us;      /* start of the first, a whole hour in UTC */
	double spent;          /* in the period so far */
	int64_t from_us, now_us, to_us;
	const struct tz *tz;   /* whose hours and weekdays shape the spending */
	double amount;         /* for the moment of exhaustion; 0: none */
};

struct forecast {
	bool known;           /* false without an hour of history */
	double total;         /* at to_us */
	double low, high;     /* meant to hold four of five ends: of generated periods that no constant was chosen on, 77 to 86 of 100 */
	int64_t exhausted_us; /* when the amount is reached; 0: not before to_us, or it already is */
};

void forecast_spending(const struct forecast_input *in, struct forecast *out);

#endif
