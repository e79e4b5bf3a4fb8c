/* Budgets' periods in real time zones: month ends, leap days, both changes of the clock. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/budget.h"
#include "parse/config.h"

static int64_t at(const char *text)
{
	int64_t us;

	assert_true(time_parse(str_of(text), NULL, TIME_UNIT_AUTO, &us));
	return us;
}

static void expect(const char *zone, enum budget_period period, const char *now, const char *from, const char *to)
{
	struct tz *tz = NULL;
	struct err err;
	int64_t from_us, to_us;
	char got_from[TIME_TEXT_BYTES], got_to[TIME_TEXT_BYTES];

	if (tz_load(&tz, zone, &err))
		skip();
	budget_period_at(period, tz, at(now), &from_us, &to_us);
	assert_string_equal(time_format(from_us, got_from), from);
	assert_string_equal(time_format(to_us, got_to), to);
	tz_free(&tz);
}

static void months_and_leap_days(void **state)
{
	(void)state;
	expect("UTC", PERIOD_MONTH, "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
	expect("UTC", PERIOD_MONTH, "2027-02-28T12:00:00Z", "2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z");
	expect("UTC", PERIOD_MONTH, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
	expect("UTC", PERIOD_DAY, "2028-02-29T05:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z");
	expect("UTC", PERIOD_QUARTER, "2026-05-31T10:00:00Z", "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z");
	expect("UTC", PERIOD_QUARTER, "2026-12-31T10:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z");
	expect("UTC", PERIOD_YEAR, "2028-12-31T23:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
	expect("UTC", PERIOD_WEEK, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
	expect("UTC", PERIOD_WEEK, "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
	expect("Asia/Kolkata", PERIOD_MONTH, "2026-11-30T18:29:59Z", "2026-10-31T18:30:00Z", "2026-11-30T18:30:00Z");
	expect("Asia/Kolkata", PERIOD_MONTH, "2026-11-30T18:30:00Z", "2026-11-30T18:30:00Z", "2026-12-31T18:30:00Z");
}

/* Days of 23 and 25 hours. */
static void clocks_that_change(void **state)
{
	(void)state;
	expect("Europe/Berlin", PERIOD_DAY, "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
	expect("Europe/Berlin", PERIOD_DAY, "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
	expect("Europe/Berlin", PERIOD_DAY, "2026-10-25T01:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
	expect("Europe/Berlin", PERIOD_MONTH, "2026-03-15T10:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
	expect("America/New_York", PERIOD_DAY, "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
	expect("America/New_York", PERIOD_DAY, "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
	expect("America/New_York", PERIOD_WEEK, "2026-11-01T12:00:00Z", "2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z");
	expect("Australia/Lord_Howe", PERIOD_DAY, "2026-04-04T18:00:00Z", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
	expect("Australia/Lord_Howe", PERIOD_DAY, "2026-10-04T05:00:00Z", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z");
	/* Havana changes at midnight: the day before it begins at 00:00, the next one too, an hour later. */
	expect("America/Havana", PERIOD_DAY, "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
	expect("America/Havana", PERIOD_DAY, "2026-03-08T05:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
}

/* Every instant lies in exactly one period, and the next one begins where it ends. */
static void periods_tile_time(void **state)
{
	static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata"};

	(void)state;
	for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
		struct tz *tz = NULL;

		if (tz_load(&tz, zones[z], NULL))
			continue;
		for (int p = PERIOD_DAY; p <= PERIOD_YEAR; p++) {
			int64_t now = at("2026-01-01T12:00:00Z"), end = at("2029-01-01T00:00:00Z"), last_to = 0;

			for (; now < end; now += 1801 * US_PER_S) {
				int64_t from, to;

				budget_period_at((enum budget_period)p, tz, now, &from, &to);
				assert_true(from <= now && now < to);
				if (last_to && from != last_to)
					assert_true(from < last_to && to == last_to);
				last_to = to;
			}
		}
		tz_free(&tz);
	}
}

static void each_threshold_is_said_once(void **state)
{
	struct buf said = {0};

	(void)state;
	budget_add_said(&said, BASIS_ACTUAL, 80, 400000000000);
	budget_add_said(&said, BASIS_FORECAST, 100, 400000000000);
	assert_true(budget_was_said(said.data, BASIS_ACTUAL, 80, 400000000000));
	assert_true(budget_was_said(said.data, BASIS_FORECAST, 100, 400000000000));
	assert_false(budget_was_said(said.data, BASIS_ACTUAL, 100, 400000000000));
	assert_false(budget_was_said(said.data, BASIS_ACTUAL, 80, 500000000000)); /* raised: a new threshold */
	assert_false(budget_was_said(said.data, BASIS_ACTUAL, 8, 400000000000));
	buf_fini(&said);
}

static void where_it_stands(void **state)
{
	const struct config_budget b = {.amount_nusd = 100, .warn_percent = {50, 80}, .warn_count = 2, .on_actual = true, .on_forecast = true};
	struct budget_status s = {.to_us = 2 * US_PER_HOUR, .spent_nusd = 40, .requests = 10, .unpriced = 1};

	(void)state;
	budget_judge(&s, &b, 0);
	assert_int_equal(s.state, BUDGET_OK);
	assert_true(s.sustainable_nusd_per_hour == 30.0 && s.percent == 40.0 && s.unpriced_share == 0.1);
	s.forecast_known = true;
	s.forecast_nusd = 60;
	budget_judge(&s, &b, 0);
	assert_int_equal(s.state, BUDGET_WARNING);
	s.spent_nusd = 130;
	budget_judge(&s, &b, 0);
	assert_int_equal(s.state, BUDGET_EXCEEDED);
	assert_int_equal(s.overshoot_nusd, 30);
	assert_true(s.sustainable_nusd_per_hour == 0.0);
	s = (struct budget_status){.to_us = 1, .stale = true};
	budget_judge(&s, &b, 0);
	assert_int_equal(s.state, BUDGET_NO_DATA);
}

static int scope(struct config_budget *b, const char *text, struct err *err)
{
	return budget_add_filter(b, str_of(text), err);
}

/* One value of an attribute, alone; dimensions among themselves. */
static void what_a_budget_counts(void **state)
{
	struct config_budget b = {0};
	struct err err = {""};
	char text[600];

	(void)state;
	assert_int_equal(scope(&b, "user=mia=x y", &err), 0);
	assert_string_equal(budget_format_where(&b, text, sizeof text), "user=mia=x y");
	assert_int_equal(scope(&b, "service=chat", &err), -1);
	assert_int_equal(scope(&b, "user=tom", &err), -1);
	b = (struct config_budget){0};
	assert_int_equal(scope(&b, "service=chat", &err), 0);
	assert_int_equal(scope(&b, "model!=gpt-4o", &err), 0);
	assert_int_equal(scope(&b, "user=mia", &err), -1);
	assert_non_null(strstr(err.text, "no other filter"));
	assert_string_equal(budget_format_where(&b, text, sizeof text), "service=chat model!=gpt-4o");
	b = (struct config_budget){0};
	assert_int_equal(scope(&b, "user!=mia", &err), -1);
	assert_int_equal(scope(&b, "user=", &err), -1);
	assert_int_equal(scope(&b, "colour=red", &err), -1);
}

static void what_a_hard_budget_does(void **state)
{
	static const char *const wrong[] = {"", "rollback", "rollback checkout 10", "weight checkout", "stop it", "rm -rf /"};
	struct budget_deed d;
	struct err err = {""};

	(void)state;
	assert_int_equal(budget_parse_deed(" rollback  checkout ", &d, &err), 0);
	assert_false(d.weight);
	assert_true(str_equal_c(d.rollout, "checkout"));
	assert_int_equal(budget_parse_deed("weight checkout v42=90 v43=10", &d, &err), 0);
	assert_true(d.weight && str_equal_c(d.shares, "v42=90 v43=10"));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(budget_parse_deed(wrong[i], &d, &err), -1);
}

static void what_the_config_takes(void **state)
{
	static const char *const wrong[][2] = {
		{"hard: stop-it", "hard takes `rollback ROLLOUT`"}, {"armed: true", "nothing to arm"}, {"hard: rollback x, armed: maybe", "armed"},
		{"where: {user: a, service: b}", "no other filter"}, {"where: {colour: red}", "colour"}, {"max_unpriced: 120%", "max_unpriced"},
	};
	struct config c;
	struct err err = {""};

	(void)state;
	if (config_parse(&c, STR_LIT("budgets: [{name: b, amount: 4, period: day, where: {user: mia}, hard: weight x 10, armed: true, max_unpriced: 20%}]\n"),
	                 "c", &err))
		fail_msg("%s", err.text);
	assert_true(c.budgets[0].by_attr && c.budgets[0].attr == ATTR_USER && c.budgets[0].armed && c.budgets[0].max_unpriced == 0.2);
	assert_string_equal(c.budgets[0].attr_value, "mia");
	assert_string_equal(c.budgets[0].hard, "weight x 10");
	config_fini(&c);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct buf yaml = {0};

		buf_printf(&yaml, "budgets: [{name: b, amount: 4, period: day, %s}]\n", wrong[i][0]);
		if (!config_parse(&c, buf_str(&yaml), "c", &err))
			fail_msg("%s was taken", wrong[i][0]);
		if (!strstr(err.text, wrong[i][1]) || !strstr(err.text, "c:1:"))
			fail_msg("%s: %s", wrong[i][0], err.text);
		buf_fini(&yaml);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months_and_leap_days), cmocka_unit_test(clocks_that_change), cmocka_unit_test(periods_tile_time),
		cmocka_unit_test(each_threshold_is_said_once), cmocka_unit_test(where_it_stands),
		cmocka_unit_test(what_a_budget_counts), cmocka_unit_test(what_a_hard_budget_does), cmocka_unit_test(what_the_config_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
