/* Figures as text, sheets, rules' choice, and the deck's arithmetic of time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "console/app.h"
#include "console/console.h"
#include "console/deck.h"
#include "panels/panels.h"
#include "panels/fleet.h"
#include "panels/format.h"
#include "panels/sheet.h"

#define NOON INT64_C(1795435200000000) /* 2026-11-23T12:00:00Z */

static void test_figures_are_short_and_honest(void **state)
{
	char out[FIGURE_TEXT_BYTES];

	(void)state;
	assert_string_equal(figure_format(UNIT_SECONDS, value_ok(4.2), false, out), "4.20s");
	assert_string_equal(figure_format(UNIT_SECONDS, value_ok(.61), false, out), "610ms");
	assert_string_equal(figure_format(UNIT_SHARE, value_ok(.0042), false, out), "0.42%");
	assert_string_equal(figure_format(UNIT_USD_PER_HOUR, value_ok(38.2), false, out), "$38.2/h");
	assert_string_equal(figure_format(UNIT_SECONDS, value_unknown(), false, out), "–");
	assert_string_equal(figure_format(UNIT_SECONDS, value_unknown(), true, out), "-");
	assert_string_equal(figure_format(UNIT_SHARE, (struct value){.01, QUALITY_LOWER_BOUND}, false, out),
	                    "≥1.00%");
	assert_string_equal(figure_format(UNIT_SECONDS, (struct value){1, QUALITY_ESTIMATE}, false, out),
	                    "~1.00s");
}

static void test_changes(void **state)
{
	char out[FIGURE_TEXT_BYTES];

	(void)state;
	assert_string_equal(change_format(UNIT_SECONDS, value_ok(1.41), value_ok(1), false, out), "+41%");
	assert_string_equal(change_format(UNIT_SHARE, value_ok(.004), value_ok(.005), false, out), "-0.10pp");
	assert_string_equal(change_format(UNIT_SECONDS, value_ok(1), value_unknown(), false, out), "–");
	assert_string_equal(change_format(UNIT_SECONDS, value_ok(1), value_ok(0), false, out), "new");
	assert_string_equal(change_format(UNIT_SECONDS, value_ok(1), value_ok(1), false, out), "=");
	assert_string_equal(change_format(UNIT_SECONDS, value_ok(50), value_ok(1), false, out), "x50");
}

static const struct sheet_column columns[] = {{"name", "NAME", 8, true, 0, false},
                                              {"n", "n", 4, false, 0, false}};

static void fill_sheet(struct sheet *s)
{
	static const struct {
		const char *name;
		double n;
	} rows[] = {{"beta", 2}, {"Alpha", 9}, {"gamma", NAN}, {"delta", 9}};

	sheet_set_columns(s, columns, 2);
	for (size_t i = 0; i < 4; i++) {
		struct sheet_row *row = sheet_add(s, str_of(rows[i].name));

		sheet_set_text(s, row, 0, str_of(rows[i].name));
		sheet_set_value(s, row, 1, isnan(rows[i].n) ? value_unknown() : value_ok(rows[i].n), "x");
	}
}

static void test_sheet_sorts_stably_with_the_unknown_last(void **state)
{
	static const char *const falling[] = {"Alpha", "delta", "beta", "gamma"};
	static const char *const rising[] = {"beta", "Alpha", "delta", "gamma"};
	struct sheet s = {0};

	(void)state;
	fill_sheet(&s);
	sheet_arrange(&s, "", 1, false);
	for (size_t i = 0; i < 4; i++)
		assert_true(str_equal_c(s.rows[i].key, falling[i]));
	sheet_arrange(&s, "", 1, true);
	for (size_t i = 0; i < 4; i++)
		assert_true(str_equal_c(s.rows[i].key, rising[i]));
	sheet_arrange(&s, "!a", -1, false);
	assert_int_equal(s.row_count, 0);
	sheet_fini(&s);
}

static void test_sheet_exports(void **state)
{
	struct sheet s = {0};
	struct buf out = {0};

	(void)state;
	fill_sheet(&s);
	sheet_arrange(&s, "am", -1, false);
	sheet_write(&s, SHEET_CSV, &out);
	assert_string_equal(out.data, "name,n\ngamma,\n");
	buf_reset(&out);
	sheet_write(&s, SHEET_JSON, &out);
	assert_non_null(strstr(out.data, "{\"name\":\"gamma\",\"n\":null}"));
	buf_fini(&out);
	sheet_fini(&s);
}

static void test_a_rule_is_for_exactly_its_filters(void **state)
{
	struct rule rules[2];
	struct rule_set set = {.count = 2, .rules = rules};
	struct view fleet = {0}, chat = {0};

	(void)state;
	assert_int_equal(view_add_filter(&chat, STR_LIT("service=chat"), NULL), 0);
	set.rules[0] = (struct rule){.metric = METRIC_ERROR_RATE, .limit = 1};
	set.rules[1] = (struct rule){.metric = METRIC_ERROR_RATE, .limit = 2, .where = chat};
	assert_ptr_equal(rule_for(&set, METRIC_ERROR_RATE, &fleet), &set.rules[0]);
	assert_ptr_equal(rule_for(&set, METRIC_ERROR_RATE, &chat), &set.rules[1]);
	assert_null(rule_for(&set, METRIC_COST_RATE, &fleet));
}

static void test_a_live_window_stands_still_within_a_step(void **state)
{
	struct deck d;
	struct view a, b, c;

	(void)state;
	deck_init(&d);
	d.columns_hint = 30;
	a = deck_view(&d, NOON + 1);
	b = deck_view(&d, NOON + 29 * US_PER_S);
	c = deck_view(&d, NOON + 31 * US_PER_S);
	assert_int_equal(a.step_us, 30 * US_PER_S);
	assert_int_equal(a.from_us, b.from_us);
	assert_int_equal(c.from_us, a.from_us + a.step_us);
	assert_int_equal(a.to_us - a.from_us, 15 * US_PER_MIN);
	deck_fini(&d);
}

static void test_modes(void **state)
{
	struct deck d;
	int64_t age;

	(void)state;
	deck_init(&d);
	assert_int_equal(deck_mode(&d, NOON, US_PER_S, &age), DECK_WAITING);
	d.status.opened = true;
	d.status.seen_mono_us = US_PER_S;
	d.status.summary.last_us = NOON - 2 * US_PER_S;
	assert_int_equal(deck_mode(&d, NOON, US_PER_S, &age), DECK_LIVE);
	assert_int_equal(age, 2 * US_PER_S);
	assert_int_equal(deck_mode(&d, NOON + US_PER_HOUR, US_PER_S, &age), DECK_STALE);
	assert_int_equal(deck_mode(&d, NOON, 9 * US_PER_S, &age), DECK_STALE); /* the disk hangs */
	assert_int_equal(age, 8 * US_PER_S);
	deck_pause(&d, NOON, true);
	assert_int_equal(deck_mode(&d, NOON, US_PER_S, &age), DECK_PAUSED);
	deck_pause(&d, NOON, false);
	deck_judge_history(&d, NOON + US_PER_DAY);
	assert_int_equal(deck_mode(&d, NOON + US_PER_DAY, US_PER_S, &age), DECK_HISTORY);
	assert_int_equal(deck_now_us(&d, NOON + US_PER_DAY), d.status.summary.last_us + 1);
	deck_fini(&d);
}

static void test_back_only_goes_back(void **state)
{
	struct deck d;
	int latency = panel_index(panel_find(STR_LIT("latency")));

	(void)state;
	deck_init(&d);
	assert_false(deck_up(&d));
	deck_go(&d, '6', -1);
	deck_go(&d, '6', latency);
	assert_true(deck_up(&d));
	assert_int_equal(d.place.page, '6');
	assert_int_equal(d.place.panel, -1);
	assert_true(deck_up(&d));
	assert_int_equal(d.place.page, '0');
	assert_true(deck_back(&d));
	assert_int_equal(d.place.page, '6');
	deck_fini(&d);
}

static void test_windows_as_typed(void **state)
{
	int64_t length, from, to;
	struct err err;

	(void)state;
	assert_int_equal(console_parse_window(STR_LIT("24h"), NOON, NULL, &length, &from, &to, &err), 0);
	assert_int_equal(length, US_PER_DAY);
	assert_int_equal(to, 0);
	assert_int_equal(console_parse_window(STR_LIT("11:00..11:20"), NOON, NULL, &length, &from, &to, &err), 0);
	assert_int_equal(from, NOON - US_PER_HOUR);
	assert_int_equal(to - from, 20 * US_PER_MIN);
	/* later than now means yesterday */
	assert_int_equal(console_parse_window(STR_LIT("13:00..13:20"), NOON, NULL, &length, &from, &to, &err), 0);
	assert_int_equal(from, NOON - 23 * US_PER_HOUR);
	/* over midnight */
	assert_int_equal(console_parse_window(STR_LIT("23:50..00:10"), NOON, NULL, &length, &from, &to, &err), 0);
	assert_int_equal(to - from, 20 * US_PER_MIN);
	assert_int_equal(console_parse_window(STR_LIT("soon"), NOON, NULL, &length, &from, &to, &err), -1);
	assert_int_equal(console_parse_window(STR_LIT("11:20..11:20"), NOON, NULL, &length, &from, &to, &err), -1);
}

static void test_copied_command_is_safe_for_a_shell(void **state)
{
	struct console_options o = {.store_path = "/tmp/it's here.db"};
	struct buf out = {0};
	struct deck d;

	(void)state;
	deck_init(&d);
	deck_set_window(&d, 0, NOON - US_PER_HOUR, NOON);
	assert_int_equal(view_add_filter(&d.where, STR_LIT("service=a $(rm) b"), NULL), 0);
	app_here_command(&d, &o, NOON, &out);
	assert_string_equal(out.data, "llmdeck --store '/tmp/it'\\''s here.db' console --page overview "
	                    "--from 2026-11-23T11:00:00Z --to 2026-11-23T12:00:00Z "
	                    "--where 'service=a $(rm) b'");
	buf_fini(&out);
	deck_fini(&d);
}

/* A step shows when it is over and settled, or when enough of a long one has passed. */
static void test_the_newest_step_never_reads_low(void **state)
{
	(void)state;
	assert_false(step_is_whole_enough(NOON, 10 * US_PER_S, NOON + 3 * US_PER_S));
	assert_false(step_is_whole_enough(NOON, 10 * US_PER_S, NOON + 10 * US_PER_S));
	assert_true(step_is_whole_enough(NOON, 10 * US_PER_S, NOON + 12 * US_PER_S));
	assert_false(step_is_whole_enough(NOON, US_PER_HOUR, NOON + 14 * US_PER_MIN));
	assert_true(step_is_whole_enough(NOON, US_PER_HOUR, NOON + 15 * US_PER_MIN));
	assert_false(step_is_whole_enough(NOON, US_PER_MIN, NOON + 30 * US_PER_S));
}

static void test_what_came_while_paused(void **state)
{
	struct deck d;

	(void)state;
	deck_init(&d);
	d.status.summary.requests = 1000;
	d.status.summary.feedback = 10;
	deck_pause(&d, NOON, true);
	assert_int_equal(deck_came_since(&d), 0);
	d.status.summary.requests = 1040;
	d.status.summary.feedback = 11;
	assert_int_equal(deck_came_since(&d), 41);
	d.status.summary.requests = 400; /* retention took old ones */
	assert_int_equal(deck_came_since(&d), 0);
	deck_fini(&d);
}

/* Nobody gets more than the collector grants, and nobody gets it without asking. */
static void test_levels(void **state)
{
	struct err err = {""};
	struct deck d;

	(void)state;
	deck_init(&d);
	assert_int_equal(deck_level(&d), SESSION_VIEWER); /* nobody answers */
	assert_int_equal(deck_raise(&d, true, &err), -1);
	d.collector.answered = true;
	snprintf(d.collector.role, sizeof d.collector.role, "responder");
	assert_int_equal(deck_level(&d), SESSION_RESPONDER);
	assert_int_equal(deck_raise(&d, true, &err), -1);
	assert_non_null(strstr(err.text, "responder"));
	snprintf(d.collector.role, sizeof d.collector.role, "operator");
	assert_int_equal(deck_level(&d), SESSION_RESPONDER);
	assert_int_equal(deck_raise(&d, true, &err), 0);
	assert_int_equal(deck_level(&d), SESSION_OPERATOR);
	snprintf(d.collector.role, sizeof d.collector.role, "viewer"); /* the role was taken away meanwhile */
	assert_int_equal(deck_level(&d), SESSION_VIEWER);
	snprintf(d.collector.role, sizeof d.collector.role, "operator");
	d.read_only = true;
	assert_int_equal(deck_level(&d), SESSION_VIEWER);
	assert_int_equal(deck_raise(&d, true, &err), -1);
	deck_fini(&d);
}

static void test_health_of_sources(void **state)
{
	(void)state;
	assert_int_equal(source_health_of("ok", "prometheus", 2), HEALTH_OK);
	assert_int_equal(source_health_of("ok", "prometheus", 61), HEALTH_STALE);
	assert_int_equal(source_health_of("ok", "otlp", 61), HEALTH_OK);
	assert_int_equal(source_health_of("ok", "otlp", 601), HEALTH_STALE);
	assert_int_equal(source_health_of("denied", "prometheus", NAN), HEALTH_DENIED);
	assert_int_equal(source_health_of("failing", "tail", 1), HEALTH_FAILING);
	assert_int_equal(source_health_of("starting", "otlp", NAN), HEALTH_INIT);
	assert_int_equal(source_health_of("what?", "otlp", NAN), HEALTH_INIT);
}

/* Servers that go on telling are not stale because requests have stopped. */
static void test_staleness_is_the_panels_own(void **state)
{
	struct deck d;

	(void)state;
	deck_init(&d);
	d.status.opened = true;
	d.status.seen_mono_us = US_PER_S;
	d.status.summary.last_us = NOON - 5 * US_PER_MIN;
	d.status.summary.last_commit_us = NOON;
	assert_true(deck_panel_stale(&d, panel_index(&cost_panel), NOON, US_PER_S));
	assert_false(deck_panel_stale(&d, panel_index(&inference_panel), NOON, US_PER_S));
	assert_false(deck_panel_stale(&d, panel_index(&sources_panel), NOON, 9 * US_PER_S));
	assert_true(deck_panel_stale(&d, panel_index(&inference_panel), NOON, 9 * US_PER_S));
	deck_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_are_short_and_honest),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_sheet_sorts_stably_with_the_unknown_last),
		cmocka_unit_test(test_sheet_exports),
		cmocka_unit_test(test_a_rule_is_for_exactly_its_filters),
		cmocka_unit_test(test_a_live_window_stands_still_within_a_step),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_the_newest_step_never_reads_low),
		cmocka_unit_test(test_what_came_while_paused),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_health_of_sources),
		cmocka_unit_test(test_staleness_is_the_panels_own),
		cmocka_unit_test(test_back_only_goes_back),
		cmocka_unit_test(test_windows_as_typed),
		cmocka_unit_test(test_copied_command_is_safe_for_a_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
