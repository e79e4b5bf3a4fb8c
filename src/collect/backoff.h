/* How long to leave a server alone that failed. */
#ifndef LLMDECK_COLLECT_BACKOFF_H
#define LLMDECK_COLLECT_BACKOFF_H

#include <stdint.h>

#include "base/clock.h"

/* Time from the begin of the failed attempt to the next one: every_us, doubled with each failure
 * before (`failures` in a row), up to a minute or every_us, and never sooner than the server asked
 * (seconds; 0: it did not; at most an hour counts). */
static inline int64_t backoff_us(int64_t every_us, int failures, int retry_after_s)
{
	int64_t most_us = every_us > US_PER_MIN ? every_us : US_PER_MIN;
	int64_t wait_us = every_us << (failures < 6 ? failures : 6);
	int64_t asked_us = (int64_t)(retry_after_s < 3600 ? retry_after_s : 3600) * US_PER_S;

	if (wait_us > most_us)
		wait_us = most_us;
	return wait_us > asked_us ? wait_us : asked_us;
}

#endif
