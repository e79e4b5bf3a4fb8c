/* The two clocks. Pure code takes `now` as an argument; only loops call these. Any thread. */
#ifndef LLMDECK_BASE_CLOCK_H
#define LLMDECK_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */
int64_t clock_mono_us(void); /* monotonic, for ages and time-outs */

/* When, on the monotonic clock, the system's wall clock is next a multiple of `every_us`: what several threads
 * do by this is done at the same time. Always later than now. */
int64_t clock_beat_us(int64_t every_us);

/* For tests: freezes clock_wall_us() at this time; 0 returns to the system's clock. Also set by
 * the environment variable LLMDECK_TEST_CLOCK (RFC 3339), so that a golden screen can be made by
 * the real binary. */
void clock_set_fake_us(int64_t wall_us);

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)
#define US_PER_MIN (60 * US_PER_S)
#define US_PER_HOUR (60 * US_PER_MIN)
#define US_PER_DAY (24 * US_PER_HOUR)

#endif
