/* Which requests of a window are the bad ones: what suspects are looked for, and what a cell of a heat map
 * selects. Terms are and-ed. Plain data, freely copied. */
#ifndef LLMDECK_CORE_BAD_H
#define LLMDECK_CORE_BAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/event.h"

#define BAD_NAME_BYTES (EVENT_NAME_MAX_BYTES + 1)
#define BAD_TEXT_BYTES 800

/* [low, high); {0, INT64_MAX} is any value, known or not. */
struct bad_range {
	int64_t low, high;
};
struct bad {
	struct bad_range latency_us, ttft_us, cost_nusd;
	bool failed, flagged;
	char error_type[BAD_NAME_BYTES]; /* with failed: this type alone; "" any */
	char flag[BAD_NAME_BYTES];       /* with flagged: a finding of this category; "" any */
	int64_t from_us, to_us;          /* ended in this part of the window; to_us 0: anywhere */
};

/* Every request. */
void bad_init(struct bad *b);
/* Terms with commas between: latency>4s, ttft>=500ms, cost<0.05 (USD), error, error=rate_limit, flag, flag=hate,
 * time>=2026-11-23T13:19:00Z; comparisons are > >= < <=. -1 with a sentence that says what is allowed. */
int bad_parse(struct bad *b, struct str text, struct err *err);
/* The shortest text that bad_parse() reads as the same; "" for every request. Returns out. */
char *bad_format(const struct bad *b, char out[BAD_TEXT_BYTES]);
/* Whether it says anything at all. */
bool bad_says(const struct bad *b);

/* Which facts of a request decide over bad or good, so that they explain nothing. */
static inline bool bad_range_says(struct bad_range r) { return r.low > 0 || r.high < INT64_MAX; }
static inline bool bad_range_holds(struct bad_range r, int64_t v)
{
	return !bad_range_says(r) || (v >= r.low && v < r.high && v >= 0);
}

#endif
