/* The state machine of alerts under a fake clock: every edge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alert/machine.h"
#include "base/clock.h"

#define T0 (INT64_C(1790000000) * US_PER_S)
#define S US_PER_S

static const struct machine_rule at_once = {0};
static const struct machine_rule waits = {.for_us = 60 * S};
static const struct machine_rule keeps = {.keep_firing_for_us = 120 * S};

static void fires_at_once_without_for(void **state)
{
	struct machine m = {0};

	(void)state;
	assert_false(machine_step(&m, &at_once, SEEN_FINE, T0));
	assert_true(machine_step(&m, &at_once, SEEN_OVER, T0 + 10 * S));
	assert_int_equal(m.state, ALERT_FIRING);
	assert_int_equal(m.fired_us, T0 + 10 * S);
	assert_false(machine_step(&m, &at_once, SEEN_OVER, T0 + 20 * S));
}

static void waits_for_the_whole_for(void **state)
{
	struct machine m = {0};

	(void)state;
	machine_step(&m, &waits, SEEN_OVER, T0);
	for (int i = 1; i < 6; i++) {
		assert_false(machine_step(&m, &waits, SEEN_OVER, T0 + i * 10 * S));
		assert_int_equal(m.state, ALERT_PENDING);
	}
	assert_true(machine_step(&m, &waits, SEEN_OVER, T0 + 60 * S));
	assert_int_equal(m.state, ALERT_FIRING);
}

static void pending_that_passes_is_forgotten(void **state)
{
	struct machine m = {0};

	(void)state;
	machine_step(&m, &waits, SEEN_OVER, T0);
	assert_true(machine_step(&m, &waits, SEEN_FINE, T0 + 50 * S));
	assert_int_equal(m.state, ALERT_INACTIVE);
	machine_step(&m, &waits, SEEN_OVER, T0 + 60 * S);
	assert_false(machine_step(&m, &waits, SEEN_OVER, T0 + 110 * S));
	assert_int_equal(m.state, ALERT_PENDING);
}

static void keeps_firing_for_a_while(void **state)
{
	struct machine m = {0};

	(void)state;
	machine_step(&m, &keeps, SEEN_OVER, T0);
	assert_false(machine_step(&m, &keeps, SEEN_FINE, T0 + 10 * S));
	assert_false(machine_step(&m, &keeps, SEEN_FINE, T0 + 120 * S));
	assert_false(machine_step(&m, &keeps, SEEN_OVER, T0 + 125 * S)); /* the wait begins anew */
	assert_false(machine_step(&m, &keeps, SEEN_FINE, T0 + 130 * S));
	assert_false(machine_step(&m, &keeps, SEEN_FINE, T0 + 240 * S));
	assert_true(machine_step(&m, &keeps, SEEN_FINE, T0 + 250 * S));
	assert_int_equal(m.state, ALERT_RESOLVED);
	assert_int_equal(m.ended_us, T0 + 250 * S);
}

static void resolved_is_kept_a_quarter_of_an_hour(void **state)
{
	struct machine m = {0};

	(void)state;
	machine_step(&m, &at_once, SEEN_OVER, T0);
	machine_step(&m, &at_once, SEEN_FINE, T0 + 10 * S);
	assert_false(machine_step(&m, &at_once, SEEN_FINE, T0 + 10 * S + ALERT_RESOLVED_KEPT_US - 1));
	assert_int_equal(m.state, ALERT_RESOLVED);
	assert_true(machine_step(&m, &at_once, SEEN_FINE, T0 + 10 * S + ALERT_RESOLVED_KEPT_US));
	assert_int_equal(m.state, ALERT_INACTIVE);
	machine_step(&m, &at_once, SEEN_OVER, T0 + 3600 * S);
	machine_step(&m, &at_once, SEEN_FINE, T0 + 3610 * S);
	assert_true(machine_step(&m, &at_once, SEEN_OVER, T0 + 3620 * S)); /* a new episode */
	assert_int_equal(m.fired_us, T0 + 3620 * S);
	assert_int_equal(m.ended_us, 0);
}

static void no_data_moves_nothing(void **state)
{
	static const enum alert_seen unknown[] = {SEEN_NO_DATA, SEEN_STALE};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct machine m = {0};

		machine_step(&m, &waits, unknown[i], T0);
		assert_int_equal(m.state, ALERT_INACTIVE);
		machine_step(&m, &waits, SEEN_OVER, T0 + 10 * S);
		for (int k = 2; k < 100; k++)
			assert_false(machine_step(&m, &waits, unknown[i], T0 + k * 10 * S));
		assert_int_equal(m.state, ALERT_PENDING);
		assert_int_equal(m.data, i ? ALERT_DATA_STALE : ALERT_DATA_NONE);
		/* Ten seconds had passed before the data went: 50 are left. */
		assert_false(machine_step(&m, &waits, SEEN_OVER, T0 + 1000 * S));
		assert_false(machine_step(&m, &waits, SEEN_OVER, T0 + 1030 * S));
		assert_true(machine_step(&m, &waits, SEEN_OVER, T0 + 1060 * S));
		assert_false(machine_step(&m, &waits, unknown[i], T0 + 9000 * S));
		assert_int_equal(m.state, ALERT_FIRING);
	}
}

static void a_rule_may_say_what_no_data_means(void **state)
{
	const struct machine_rule fine = {.no_data = NO_DATA_IS_OK}, alarm = {.no_data = NO_DATA_ALERTS};
	struct machine m = {0};

	(void)state;
	machine_step(&m, &fine, SEEN_OVER, T0);
	assert_true(machine_step(&m, &fine, SEEN_NO_DATA, T0 + 10 * S));
	assert_int_equal(m.state, ALERT_RESOLVED);
	assert_int_equal(m.data, ALERT_DATA_NONE);
	m = (struct machine){0};
	assert_true(machine_step(&m, &alarm, SEEN_NO_DATA, T0));
	assert_int_equal(m.state, ALERT_FIRING);
	m = (struct machine){0};
	assert_false(machine_step(&m, &alarm, SEEN_STALE, T0)); /* a store that cannot be read is not "no data" */
	assert_int_equal(m.state, ALERT_INACTIVE);
}

static void a_clock_that_is_set_shifts_the_waits(void **state)
{
	struct machine m = {0};

	(void)state;
	machine_step(&m, &waits, SEEN_OVER, T0);
	machine_shift(&m, 3600 * S);
	assert_false(machine_step(&m, &waits, SEEN_OVER, T0 + 3610 * S));
	assert_int_equal(m.state, ALERT_PENDING);
	assert_true(machine_step(&m, &waits, SEEN_OVER, T0 + 3660 * S));
	machine_step(&m, &waits, SEEN_FINE, T0 + 3670 * S);
	machine_shift(&m, -7200 * S);
	assert_false(machine_step(&m, &waits, SEEN_FINE, T0 - 3530 * S + ALERT_RESOLVED_KEPT_US - 1));
	assert_int_equal(m.state, ALERT_RESOLVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_at_once_without_for), cmocka_unit_test(waits_for_the_whole_for),
		cmocka_unit_test(pending_that_passes_is_forgotten), cmocka_unit_test(keeps_firing_for_a_while),
		cmocka_unit_test(resolved_is_kept_a_quarter_of_an_hour), cmocka_unit_test(no_data_moves_nothing),
		cmocka_unit_test(a_rule_may_say_what_no_data_means), cmocka_unit_test(a_clock_that_is_set_shifts_the_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
