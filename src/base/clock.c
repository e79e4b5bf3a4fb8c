/* The system's clocks, and a wall clock that tests can freeze. */
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "base/timefmt.h"

static _Atomic int64_t fake_us;
static pthread_once_t environment_once = PTHREAD_ONCE_INIT;

static void read_environment(void)
{
	const char *text = getenv("LLMDECK_TEST_CLOCK");
	int64_t us;

	if (text != NULL && time_parse(str_of(text), NULL, TIME_UNIT_AUTO, &us))
		fake_us = us;
}

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	int64_t fake;

	pthread_once(&environment_once, read_environment);
	fake = fake_us;
	return fake != 0 ? fake : read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_beat_us(int64_t every_us)
{
	return clock_mono_us() + every_us - read_clock(CLOCK_REALTIME) % every_us;
}

void clock_set_fake_us(int64_t wall_us)
{
	pthread_once(&environment_once, read_environment);
	fake_us = wall_us;
}
