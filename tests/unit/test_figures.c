/* Views and figures: what panels ask for and how far an answer can be trusted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "core/dims.h"
#include "core/figures.h"
#include "core/value.h"
#include "core/view.h"

static void names_lead_back(void **state)
{
	enum dim d;
	enum attr a;
	enum metric m;

	(void)state;
	for (int i = 0; i < DIM_COUNT; i++)
		assert_true(dim_from_name(str_of(dim_name((enum dim)i)), &d) && (int)d == i);
	for (int i = 0; i < ATTR_COUNT; i++)
		assert_true(attr_from_name(str_of(attr_name((enum attr)i)), &a) && (int)a == i);
	for (int i = 0; i < METRIC_COUNT; i++)
		assert_true(metric_from_name(str_of(metrics[i].name), &m) && (int)m == i);
	assert_false(dim_from_name(STR_LIT("Service"), &d));
	assert_false(attr_from_name(STR_LIT("tag8"), &a));
	assert_false(metric_from_name(STR_LIT(""), &m));
	assert_string_equal(dim_heading(DIM_MODEL), "MODEL");
	assert_string_equal(quality_name(QUALITY_LOWER_BOUND), "lower_bound");
}

static void filters_are_read_and_written(void **state)
{
	struct view v = {0}, w = {0};
	struct err err = {""};
	char text[200];

	(void)state;
	assert_int_equal(view_add_filter(&v, STR_LIT("service=chat"), &err), 0);
	assert_int_equal(view_add_filter(&v, STR_LIT("model!=gpt-4o"), &err), 0);
	assert_int_equal(view_add_filter(&v, STR_LIT("team=it's a=b"), &err), 0);
	assert_int_equal(view_add_filter(&v, STR_LIT("region="), &err), 0);
	assert_int_equal(v.filter_count, 4);
	assert_true(v.filters[1].inverted);
	assert_string_equal(v.filters[2].value, "it's a=b");
	assert_string_equal(view_format_filters(&v, text, sizeof(text)),
	                    "service=chat model!=gpt-4o team='it'\\''s a=b' region=");
	assert_string_equal(view_format_filters(&v, text, 8), "service");
	assert_string_equal(view_format_filters(&w, text, sizeof(text)), "");
	w = v;
	assert_true(view_equal(&v, &w));
	w.filters[1].inverted = false;
	assert_false(view_equal(&v, &w));
}

static void wrong_filters_are_named(void **state)
{
	struct view v = {0};
	struct err err = {""};
	char longer[300];

	(void)state;
	assert_int_equal(view_add_filter(&v, STR_LIT("service"), &err), -1);
	assert_non_null(strstr(err.text, "FIELD=VALUE"));
	assert_int_equal(view_add_filter(&v, STR_LIT("colour\x1b=red"), &err), -1);
	assert_non_null(strstr(err.text, "colour^["));
	assert_non_null(strstr(err.text, "deployment"));
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "model=", 6);
	assert_int_equal(view_add_filter(&v, (struct str){longer, 206}, &err), 0);
	assert_int_equal(view_add_filter(&v, (struct str){longer, 207}, &err), -1);
	assert_int_equal(view_add_filter(&v, STR_LIT("model=a\0b"), &err), -1);
	while (v.filter_count < VIEW_FILTERS_MAX)
		assert_int_equal(view_add_filter(&v, STR_LIT("model=x"), &err), 0);
	assert_int_equal(view_add_filter(&v, STR_LIT("model=x"), &err), -1);
}

static void grouping_is_read(void **state)
{
	struct view v = {0};
	struct err err = {""};

	(void)state;
	assert_int_equal(view_set_by(&v, STR_LIT("service, model"), &err), 0);
	assert_int_equal(v.by_count, 2);
	assert_int_equal(v.by[1], DIM_MODEL);
	assert_int_equal(view_set_by(&v, STR_LIT("service,service"), &err), -1);
	assert_int_equal(view_set_by(&v, STR_LIT("service,,model"), &err), -1);
	assert_int_equal(view_set_by(&v, STR_LIT("price"), &err), -1);
	assert_non_null(strstr(err.text, "price"));
	assert_int_equal(v.by_count, 2); /* a wrong one changes nothing */
	assert_int_equal(view_set_by(&v, (struct str){NULL, 0}, &err), 0);
	assert_int_equal(v.by_count, 0);
}

static void steps_fit_the_columns(void **state)
{
	const int64_t now = INT64_C(1795440090) * US_PER_S; /* a multiple of 30 s */

	(void)state;
	assert_int_equal(view_choose_step_us(now - 10 * US_PER_MIN, now, 60), 10 * US_PER_S);
	assert_int_equal(view_choose_step_us(now - 10 * US_PER_MIN, now, 59), 20 * US_PER_S);
	assert_int_equal(view_choose_step_us(now - US_PER_HOUR, now, 61), US_PER_MIN);
	assert_int_equal(view_choose_step_us(now - US_PER_DAY, now, 150), 10 * US_PER_MIN);
	assert_int_equal(view_choose_step_us(now - 365 * US_PER_DAY, now, 366), US_PER_DAY);
	assert_int_equal(view_choose_step_us(now, now, 80), 10 * US_PER_S);
	for (int64_t span = US_PER_S; span < INT64_C(200) * 365 * US_PER_DAY; span = span * 5 / 3 + 1) {
		for (int columns = 2; columns < 300; columns += 7) {
			int64_t from = now - span, step = view_choose_step_us(from, now, columns);

			assert_true((now - 1) / step - from / step + (from < 0) + 1 <= columns + (from < 0));
		}
	}
}

/* Ten requests, half of them with each unknown thing. */
static struct figures some_figures(void)
{
	struct figures f = {.requests = 10, .errors = 1, .cost_nusd = 5000000000, .input_tokens = 1000,
	                    .output_tokens = 200, .cached_tokens = 250, .cached_known = 10, .flags = 4,
	                    .feedback = 8, .positive = 3, .neutral = 2, .negative = 1};

	for (int i = 0; i < 10; i++) {
		sketch_add(&f.sketches[SKETCH_LATENCY_US], 1000000 * (i + 1), 1);
		sketch_add(&f.sketches[SKETCH_INPUT_TOKENS], 100, 1);
		sketch_add(&f.sketches[SKETCH_OUTPUT_TOKENS], 20, 1);
	}
	return f;
}

static void assert_value(enum metric m, const struct figures *f, double expected, enum quality q)
{
	struct value v = metric_value(m, f, 60);

	if (v.quality != q)
		fail_msg("%s is %s, not %s", metrics[m].name, quality_name(v.quality), quality_name(q));
	if (value_known(v) && fabs(v.number - expected) > 0.01 * fabs(expected))
		fail_msg("%s is %g, not %g", metrics[m].name, v.number, expected);
}

static void metrics_are_computed(void **state)
{
	struct figures f = some_figures();

	(void)state;
	assert_value(METRIC_REQUESTS, &f, 10, QUALITY_OK);
	assert_value(METRIC_REQUEST_RATE, &f, 10.0 / 60, QUALITY_OK);
	assert_value(METRIC_ERROR_RATE, &f, 0.1, QUALITY_OK);
	assert_value(METRIC_COST, &f, 5, QUALITY_OK);
	assert_value(METRIC_COST_RATE, &f, 300, QUALITY_OK);
	assert_value(METRIC_COST_PER_1K, &f, 500, QUALITY_OK);
	assert_value(METRIC_LATENCY_P50, &f, 5, QUALITY_OK);
	assert_value(METRIC_LATENCY_P90, &f, 9, QUALITY_OK);
	assert_value(METRIC_LATENCY_P99, &f, 10, QUALITY_OK);
	assert_value(METRIC_TTFT_P95, &f, 0, QUALITY_UNKNOWN);
	assert_value(METRIC_INPUT_TOKEN_RATE, &f, 1000.0 / 60, QUALITY_OK);
	assert_value(METRIC_OUTPUT_TOKEN_RATE, &f, 200.0 / 60, QUALITY_OK);
	assert_value(METRIC_CACHE_HIT_SHARE, &f, 0.25, QUALITY_OK);
	assert_value(METRIC_FLAG_RATE, &f, 4, QUALITY_OK);
	assert_value(METRIC_FLAGS_PER_1K, &f, 400, QUALITY_OK);
	assert_value(METRIC_FEEDBACK_RATE, &f, 8, QUALITY_OK);
	assert_value(METRIC_NEGATIVE_SHARE, &f, 1.0 / 6, QUALITY_OK);
	assert_value(METRIC_NEGATIVE_PER_100, &f, 100.0 / 6, QUALITY_OK);
	figures_fini(&f);
}

static void incomplete_figures_are_at_least_so_much(void **state)
{
	struct figures f = some_figures();

	(void)state;
	f.unpriced = 1;
	f.errors_lower_bound = 1;
	f.cached_known = 9;
	sketch_add(&f.sketches[SKETCH_INPUT_TOKENS], 100, -1);
	assert_value(METRIC_COST, &f, 5, QUALITY_LOWER_BOUND);
	assert_value(METRIC_COST_RATE, &f, 300, QUALITY_LOWER_BOUND);
	assert_value(METRIC_COST_PER_1K, &f, 500, QUALITY_LOWER_BOUND);
	assert_value(METRIC_ERROR_RATE, &f, 0.1, QUALITY_LOWER_BOUND);
	assert_value(METRIC_INPUT_TOKEN_RATE, &f, 1000.0 / 60, QUALITY_LOWER_BOUND);
	assert_value(METRIC_CACHE_HIT_SHARE, &f, 0.25, QUALITY_LOWER_BOUND);
	f.unpriced = 10;
	f.cached_known = 0;
	f.input_tokens = 0;
	sketch_reset(&f.sketches[SKETCH_INPUT_TOKENS]);
	assert_value(METRIC_COST, &f, 0, QUALITY_UNKNOWN);
	assert_value(METRIC_CACHE_HIT_SHARE, &f, 0, QUALITY_UNKNOWN);
	assert_value(METRIC_INPUT_TOKEN_RATE, &f, 0, QUALITY_UNKNOWN);
	figures_fini(&f);
}

static void nothing_is_zero_or_unknown_but_never_a_guess(void **state)
{
	static const enum metric zero[] = {METRIC_REQUESTS, METRIC_REQUEST_RATE, METRIC_COST,
	                                   METRIC_COST_RATE, METRIC_INPUT_TOKEN_RATE,
	                                   METRIC_OUTPUT_TOKEN_RATE, METRIC_FLAG_RATE,
	                                   METRIC_FEEDBACK_RATE};
	struct figures f = {.requests = 0};

	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++) {
		bool is_zero = false;

		for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
			is_zero |= zero[i] == (enum metric)m;
		assert_value((enum metric)m, &f, 0, is_zero ? QUALITY_OK : QUALITY_UNKNOWN);
	}
	assert_int_equal(metric_value(METRIC_REQUEST_RATE, &f, 0).quality, QUALITY_UNKNOWN);
}

static void figures_add_up(void **state)
{
	struct figures a = some_figures(), b = some_figures();

	(void)state;
	a.first_us = 100;
	a.last_us = 200;
	b.first_us = 50;
	b.last_us = 150;
	figures_merge(&a, &b);
	assert_int_equal(a.requests, 20);
	assert_int_equal(a.negative, 2);
	assert_int_equal(a.first_us, 50);
	assert_int_equal(a.last_us, 200);
	assert_int_equal(a.sketches[SKETCH_LATENCY_US].count, 20);
	figures_reset(&a);
	assert_int_equal(a.requests, 0);
	assert_int_equal(a.sketches[SKETCH_LATENCY_US].count, 0);
	figures_merge(&a, &b);
	assert_int_equal(a.first_us, 50);
	assert_int_equal(a.cost_nusd, b.cost_nusd);
	figures_fini(&a);
	figures_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_back),
		cmocka_unit_test(filters_are_read_and_written),
		cmocka_unit_test(wrong_filters_are_named),
		cmocka_unit_test(grouping_is_read),
		cmocka_unit_test(steps_fit_the_columns),
		cmocka_unit_test(metrics_are_computed),
		cmocka_unit_test(incomplete_figures_are_at_least_so_much),
		cmocka_unit_test(nothing_is_zero_or_unknown_but_never_a_guess),
		cmocka_unit_test(figures_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
