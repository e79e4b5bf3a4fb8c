/* The thread beside the UI thread: it sleeps until it is poked or due, wakes the other side, ends when
 * asked, and is left to itself when it hangs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "console/worker.h"

#define SOON_US (10 * US_PER_S)

struct counter {
	struct worker worker;
	int wanted, done; /* under its mutex */
};

static void count_up(void *owner)
{
	struct counter *c = owner;

	worker_lock(&c->worker);
	while (!c->worker.stop) {
		if (c->done < c->wanted) {
			c->done++;
			worker_wake_ui(&c->worker);
		} else {
			worker_sleep(&c->worker, INT64_MAX);
		}
	}
	worker_unlock(&c->worker);
}

static void it_works_when_poked_and_ends_when_asked(void **state)
{
	struct counter c = {.wanted = 0};
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	worker_init(&c.worker, ends[1]);
	worker_start(&c.worker, count_up, &c);
	worker_lock(&c.worker);
	c.wanted = 3;
	worker_poke(&c.worker);
	worker_unlock(&c.worker);
	for (int i = 0; i < 3; i++) {
		struct pollfd ready = {.fd = ends[0], .events = POLLIN};

		assert_int_equal(poll(&ready, 1, (int)(SOON_US / US_PER_MS)), 1);
		assert_int_equal(read(ends[0], &byte, 1), 1);
	}
	assert_true(worker_stop(&c.worker, SOON_US));
	assert_int_equal(c.done, 3);
	close(ends[0]);
	close(ends[1]);
}

static void never_started_has_ended(void **state)
{
	struct worker w;

	(void)state;
	worker_init(&w, -1);
	assert_true(worker_has_ended(&w));
	assert_true(worker_stop(&w, 0));
}

static void a_sleep_ends_when_it_is_due(void **state)
{
	int64_t from_us = clock_mono_us();
	struct worker w;

	(void)state;
	worker_init(&w, -1);
	worker_lock(&w);
	while (worker_sleep(&w, from_us + 2 * US_PER_MS))
		;
	worker_unlock(&w);
	assert_true(clock_mono_us() - from_us >= 2 * US_PER_MS);
	assert_true(worker_stop(&w, 0));
}

struct hanging {
	struct worker worker;
	int from; /* hangs until there is something to read */
};

static void hang(void *owner)
{
	struct hanging *h = owner;
	char byte;

	if (read(h->from, &byte, 1) < 0)
		return;
	worker_wake_ui(&h->worker);
}

static void who_hangs_is_left_to_itself(void **state)
{
	static struct hanging h; /* outlives the test: its thread may still end */
	int in[2], out[2];
	char byte = 1;

	(void)state;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	h.from = in[0];
	worker_init(&h.worker, out[1]);
	worker_start(&h.worker, hang, &h);
	assert_false(worker_stop(&h.worker, US_PER_MS));
	assert_int_equal(write(in[1], &byte, 1), 1); /* it goes on with what is its own */
	assert_int_equal(read(out[0], &byte, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_works_when_poked_and_ends_when_asked),
		cmocka_unit_test(never_started_has_ended),
		cmocka_unit_test(a_sleep_ends_when_it_is_due),
		cmocka_unit_test(who_hangs_is_left_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
