/* Bars and charts: the cells each value gets, in braille, blocks and ASCII. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "ui/bars.h"
#include "ui/chart.h"
#include "ui/fmt.h"

static void assert_shows(const struct surface *s, const char *expected)
{
	struct buf text = {0};

	surface_to_text(s, &text);
	assert_string_equal(text.data, expected);
	buf_fini(&text);
}

static struct surface *canvas(int width, int height, bool ascii)
{
	struct surface *s = surface_new(width, height);

	s->ascii = ascii;
	s->graph = ascii ? GRAPH_ASCII : GRAPH_BRAILLE;
	return s;
}

static void sparklines(void **state)
{
	const double values[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, NAN, 8};
	struct surface *s = canvas(12, 1, false);

	(void)state;
	sparkline_draw(s, 0, 0, 12, ROLE_SERIES1, values, 11, NAN);
	assert_shows(s, " ▁▁▂▃▄▅▆▇█ █\n");
	surface_clear(s, ROLE_TEXT);
	sparkline_draw(s, 0, 0, 3, ROLE_SERIES1, values, 11, 16); /* the newest, to a fixed top */
	assert_shows(s, "▄ ▄\n");
	surface_free(&s);
	s = canvas(11, 1, true);
	sparkline_draw(s, 0, 0, 11, ROLE_SERIES1, values, 11, NAN);
	assert_shows(s, "___.--=*# #\n");
	surface_free(&s);
}

static void gauges(void **state)
{
	struct surface *s = canvas(12, 1, false);

	(void)state;
	gauge_draw(s, 0, 0, 12, ROLE_GAUGE, 0.55);
	assert_shows(s, "[█████▌    ]\n");
	gauge_draw(s, 0, 0, 12, ROLE_GAUGE, 0.0001); /* something is not nothing */
	assert_shows(s, "[▏         ]\n");
	gauge_draw(s, 0, 0, 12, ROLE_GAUGE, 7);
	assert_shows(s, "[██████████]\n");
	gauge_draw(s, 0, 0, 12, ROLE_GAUGE, NAN);
	assert_shows(s, "[     –    ]\n");
	surface_free(&s);
	s = canvas(12, 1, true);
	gauge_draw(s, 0, 0, 12, ROLE_GAUGE, 0.55);
	assert_shows(s, "[######    ]\n");
	surface_free(&s);
}

static void stacks_and_rollouts(void **state)
{
	const struct bar_part parts[] = {{61, ROLE_POSITIVE, '+'}, {0, ROLE_NEUTRAL, '='},
	                                 {22, ROLE_NEUTRAL, '='}, {0.1, ROLE_NEGATIVE, '-'}};
	struct surface *s = canvas(10, 1, true);

	(void)state;
	stacked_draw(s, 0, 0, 9, parts, 4);
	assert_shows(s, "+++++++==\n");
	assert_int_equal(surface_at(s, 0, 0)->style, ROLE_POSITIVE);
	surface_clear(s, ROLE_TEXT);
	rollout_draw(s, 0, 0, 9, ROLE_ACCENT, 0.05);
	assert_shows(s, "#........\n");
	rollout_draw(s, 0, 0, 9, ROLE_ACCENT, 0.99);
	assert_shows(s, "########.\n");
	rollout_draw(s, 0, 0, 9, ROLE_ACCENT, 1);
	assert_shows(s, "#########\n");
	surface_free(&s);
	s = canvas(9, 1, false);
	rollout_draw(s, 0, 0, 9, ROLE_ACCENT, 0.25);
	assert_shows(s, "██▒▒▒▒▒▒▒\n");
	surface_free(&s);
}

static void heat_and_boxes(void **state)
{
	const double values[] = {0, 1, 50, 100, NAN, 1000};
	struct surface *s = canvas(30, 1, false);

	(void)state;
	heat_draw(s, 0, 0, 6, values, 6, 100, false);
	assert_shows(s, " .+@ @\n");
	assert_int_equal(surface_at(s, 3, 0)->style, ROLE_HEAT5);
	assert_int_equal(surface_at(s, 1, 0)->style, ROLE_HEAT1);
	surface_clear(s, ROLE_TEXT);
	box_draw(s, 0, 0, 21, ROLE_SERIES1, (struct box){.low = 0, .p50 = 6, .p95 = 14, .p99 = 20}, 20);
	assert_shows(s, "├─▒▒▒▒│▒▒▒▒▒▒▒▒─────┤\n");
	s->ascii = true;
	surface_clear(s, ROLE_TEXT);
	box_draw(s, 0, 0, 21, ROLE_SERIES1, (struct box){.low = 0, .p50 = 6, .p95 = 14, .p99 = 20}, 20);
	assert_shows(s, "|-====I========-----|\n");
	surface_clear(s, ROLE_TEXT);
	progress_draw(s, 0, 0, 20, 0.5, "1m left");
	assert_shows(s, "[#####     ] 1m left\n");
	surface_free(&s);
}

static struct chart chart_of(const struct chart_series *series, size_t count)
{
	return (struct chart){.series = series, .series_count = count, .from_us = 46800000000, .step_us = 60000000,
	                      .low = NAN, .high = NAN, .threshold = NAN};
}

static void a_line_in_each_graph(void **state)
{
	const double values[] = {0, 1, 2, 3, NAN, NAN, 3, 0};
	const struct chart_series series = {.values = values, .count = 8, .style = ROLE_SERIES1};
	struct chart c = chart_of(&series, 1);
	struct surface *s = canvas(4, 2, false);

	(void)state;
	c.no_axes = true;
	c.low = 0;
	c.high = 3;
	chart_draw(s, &c);
	assert_int_equal(surface_at(s, 0, 1)->ch[0] & 0x40, 0x40); /* the first value lies on the floor */
	assert_int_equal(surface_at(s, 1, 0)->ch[0] & 0x08, 0x08); /* the fourth touches the top */
	assert_int_equal(surface_at(s, 2, 0)->ch[0], ' ');         /* no data, no line */
	assert_int_equal(surface_at(s, 2, 1)->ch[0], ' ');
	assert_int_equal(surface_at(s, 3, 0)->style, ROLE_SERIES1);
	surface_free(&s);

	s = canvas(8, 3, true);
	chart_draw(s, &c);
	assert_shows(s, "   *  *\n **    *\n*      *\n");
	surface_free(&s);

	s = canvas(8, 3, false);
	s->graph = GRAPH_BLOCK;
	chart_draw(s, &c);
	assert_shows(s, "   █  █\n  ██  █\n ███  █\n");
	surface_free(&s);
}

static void axes_have_round_numbers(void **state)
{
	const double values[] = {0.2, 4.2, 3, 1, 0.5, 0.7, 1, 2, 3, 4, 4.1, 4.2, 4, 3.9, 3.8, 3, 2, 1, 1, 1};
	const struct chart_series series = {.values = values, .count = 20, .style = ROLE_SERIES1};
	struct chart c = chart_of(&series, 1);
	struct surface *s = canvas(40, 8, true);
	struct buf text = {0};

	(void)state;
	chart_draw(s, &c);
	surface_to_text(s, &text);
	struct str line = buf_str(&text), first = str_cut(&line, '\n');
	assert_true(str_starts_with(str_trim(first), STR_LIT("6")) ||
	            str_starts_with(str_trim(first), STR_LIT("5")));
	/* 13:00 to 13:20 in the last row. */
	for (int i = 0; i < 6; i++)
		str_cut(&line, '\n');
	struct str foot = str_trim(str_cut(&line, '\n'));
	assert_true(str_starts_with(foot, STR_LIT("13:00")));
	assert_true(str_ends_with(foot, STR_LIT("13:20")));
	buf_fini(&text);
	surface_free(&s);
}

/* A live chart: a new bucket shifts the picture by whole columns and changes nothing else. */
static void a_new_bucket_shifts_the_picture(void **state)
{
	double values[121];
	struct surface *before = canvas(60, 6, false), *after = canvas(60, 6, false);

	(void)state;
	for (int i = 0; i < 121; i++)
		values[i] = 5 + 4 * sin(i / 7.0);
	struct chart_series series = {.values = values, .count = 120, .style = ROLE_SERIES1};
	struct chart c = chart_of(&series, 1);
	c.no_axes = true;
	chart_draw(before, &c);
	series.values = values + 1;
	chart_draw(after, &c);
	/* Two dots a cell: compare every second column of dots, one cell apart, by its right half. */
	int same = 0, all = 0;
	for (int y = 0; y < 6; y++)
		for (int x = 1; x < 58; x++) {
			uint32_t right = surface_at(before, x, y)->ch[0] & 0xb8, left = surface_at(after, x, y)->ch[0] & 0x47;
			uint32_t moved = (left & 7) << 3 | (left & 0x40) << 1;

			if (surface_at(before, x, y)->ch[0] == ' ')
				right = 0;
			if (surface_at(after, x, y)->ch[0] == ' ')
				moved = 0;
			all++;
			same += (right == moved);
		}
	assert_int_equal(same, all);
	surface_free(&before);
	surface_free(&after);
}

/* Buckets that do not divide the width: the picture still moves as one. */
static void odd_widths_shift_as_one(void **state)
{
	double values[80];

	(void)state;
	for (int i = 0; i < 80; i++)
		values[i] = i % 7;
	for (size_t count = 20; count < 70; count += 7) {
		struct surface *before = canvas(47, 7, true), *after = canvas(47, 7, true);
		struct chart_series series = {.values = values, .count = count, .style = ROLE_SERIES1};
		struct chart c = chart_of(&series, 1);
		int shift = 0, worst = 1000;

		c.no_axes = true;
		c.low = 0;
		c.high = 6;
		chart_draw(before, &c);
		series.values = values + 1;
		c.from_us += c.step_us;
		chart_draw(after, &c);
		if (count <= 47)
			assert_int_equal(surface_at(before, 0, 6)->ch[0], '*'); /* it begins at the left edge */
		for (; shift < 4 && worst > 0; shift++) {
			worst = 0;
			for (int y = 0; y < 7; y++)
				for (int x = 1; x < 40; x++)
					worst += surface_at(after, x, y)->ch[0] != surface_at(before, x + shift, y)->ch[0];
		}
		if (count <= 47)
			assert_int_equal(worst, 0);
		surface_free(&before);
		surface_free(&after);
	}
}

static void threshold_cursor_and_time(void **state)
{
	const double values[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	const struct chart_series series = {.values = values, .count = 10, .style = ROLE_SERIES1};
	struct chart c = chart_of(&series, 1);
	struct surface *s = canvas(20, 5, true);
	int dashes = 0;

	(void)state;
	c.no_axes = true;
	c.low = 0;
	c.high = 2;
	c.threshold = 2;
	c.cursor_us = c.from_us + 3 * c.step_us;
	chart_draw(s, &c);
	for (int x = 0; x < 20; x++)
		dashes += surface_at(s, x, 0)->style == ROLE_WARNING;
	assert_true(dashes >= 8);
	assert_int_equal(surface_at(s, 6, 3)->style, ROLE_CURSOR);
	assert_int_equal(chart_time_at(s, &c, 6), c.from_us + 3 * c.step_us);
	assert_int_equal(chart_time_at(s, &c, 19), c.from_us + 9 * c.step_us);
	assert_int_equal(chart_time_at(s, &c, 20), -1);
	surface_free(&s);
}

static void a_legend_names_the_lines(void **state)
{
	const double a[] = {1, 1, 1}, b[] = {2, 2, 2};
	const struct chart_series series[] = {{a, 3, ROLE_SERIES1, "p50", '*'}, {b, 3, ROLE_SERIES2, "p95", '+'}};
	struct chart c = chart_of(series, 2);
	struct surface *s = canvas(12, 4, true);

	(void)state;
	c.no_axes = true;
	c.low = 0;
	c.high = 3;
	chart_draw(s, &c);
	assert_shows(s, " *p50 +p95\n++++++++++++\n************\n\n");
	assert_int_equal(surface_at(s, 7, 0)->style, ROLE_SERIES2);
	surface_free(&s);
}

/* Any numbers in any room: for the sanitizers to watch. */
static void odd_sizes_and_numbers(void **state)
{
	static const double odd[] = {0, 1, -1, NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e-300, 42};

	(void)state;
	srand(11);
	for (int round = 0; round < 1500; round++) {
		struct surface *s = surface_new(rand() % 30, rand() % 8);
		double a[64], b[64];
		size_t count = (size_t)(rand() % 64);

		s->ascii = rand() % 3 == 0;
		s->graph = (enum graph)(rand() % 3);
		for (size_t i = 0; i < 64; i++) {
			a[i] = odd[rand() % 10];
			b[i] = rand() % 100;
		}
		struct chart_series series[2] = {{.values = a, .count = count, .style = 1}, {.values = b, .count = 64, .style = 2}};
		struct chart c = chart_of(series, (size_t)(rand() % 3));
		c.threshold = odd[rand() % 10];
		c.no_axes = rand() % 2;
		c.from_us = rand();
		c.cursor_us = c.from_us + rand() % 64 * c.step_us;
		chart_draw(s, &c);
		chart_time_at(s, &c, rand() % 40 - 5);
		int x = rand() % 10 - 3, y = rand() % 5 - 1, columns = rand() % 40 - 5;
		struct bar_part parts[2] = {{odd[rand() % 10], 1, '+'}, {odd[rand() % 10], 2, '-'}};
		sparkline_draw(s, x, y, columns, 1, a, count, odd[rand() % 10]);
		bar_draw(s, x, y, columns, 1, odd[rand() % 10]);
		gauge_draw(s, x, y, columns, 1, odd[rand() % 10]);
		stacked_draw(s, x, y, columns, parts, 2);
		rollout_draw(s, x, y, columns, 1, odd[rand() % 10]);
		heat_draw(s, x, y, columns, a, count, odd[rand() % 10], rand() % 2);
		box_draw(s, x, y, columns, 1, (struct box){odd[rand() % 10], odd[rand() % 10], odd[rand() % 10],
		         odd[rand() % 10]}, odd[rand() % 10]);
		progress_draw(s, x, y, columns, odd[rand() % 10], "text");
		surface_free(&s);
	}
}

static void numbers_read_well(void **state)
{
	char t[FMT_BYTES];

	(void)state;
	assert_string_equal(fmt_si(0, t), "0");
	assert_string_equal(fmt_si(848, t), "848");
	assert_string_equal(fmt_si(6100, t), "6.1k");
	assert_string_equal(fmt_si(999.7, t), "1.0k");
	assert_string_equal(fmt_si(18059974, t), "18.1M");
	assert_string_equal(fmt_si(0.42, t), "0.42");
	assert_string_equal(fmt_si(NAN, t), "–");
	assert_string_equal(fmt_integer(18059974, t), "18 059 974");
	assert_string_equal(fmt_integer(-123456, t), "-123 456");
	assert_string_equal(fmt_integer(INT64_MIN, t), "-9 223 372 036 854 775 808");
	assert_string_equal(fmt_seconds(4.2, t), "4.20 s");
	assert_string_equal(fmt_seconds(0.61, t), "610 ms");
	assert_string_equal(fmt_seconds(0.0008, t), "0.8 ms");
	assert_string_equal(fmt_seconds(132, t), "2m12s");
	assert_string_equal(fmt_share(0.0042, t), "0.42 %");
	assert_string_equal(fmt_share(0.25, t), "25 %");
	assert_string_equal(fmt_share(0.9999, t), "99.99 %");
	assert_string_equal(fmt_share(1, t), "100 %");
	assert_string_equal(fmt_age(3, t), "3s");
	assert_string_equal(fmt_age(540, t), "9m");
	assert_string_equal(fmt_change(0.41, t), "+41 %");
	assert_string_equal(fmt_change(-0.003, t), "-0.3 %");
	assert_string_equal(fmt_change(0, t), "0 %");
	assert_string_equal(fmt_usd(38.2, t), "$38.20");
	assert_string_equal(fmt_usd(0.0041, t), "$0.0041");
	assert_string_equal(fmt_usd(-1234, t), "-$1.2k");
	assert_string_equal(fmt_bytes(512, t), "512 B");
	assert_string_equal(fmt_bytes(3500, t), "3.4 KiB");
}

static void ticks_are_nice(void **state)
{
	double ticks[8];

	(void)state;
	assert_int_equal(fmt_nice_ticks(0, 4.2, 3, ticks), 4);
	assert_true(ticks[0] == 0 && ticks[1] == 2 && ticks[3] == 6);
	assert_int_equal(fmt_nice_ticks(0, 1, 1, ticks), 2);
	assert_true(ticks[1] == 1);
	assert_int_equal(fmt_nice_ticks(NAN, 1, 3, ticks), 0);
	assert_true(fmt_nice_ticks(5, 5, 3, ticks) >= 2);
}

/* Each line's name stands where it ends, also where two lines end in one row. */
static void test_names_at_the_ends(void **state)
{
	const double a[] = {1, 1, 9}, b[] = {9, 9, 1}, same[] = {9, 9, 1};
	const struct chart_series series[] = {{a, 3, ROLE_SERIES1, "p95", '*'}, {b, 3, ROLE_SERIES2, "p50", '+'},
	                                      {same, 3, ROLE_SERIES3, "p90", 'o'}};
	struct chart c = chart_of(series, 3);
	struct surface *s = surface_new(40, 10);
	struct buf text = {0};

	(void)state;
	c.name_ends = true;
	s->ascii = true;
	s->graph = GRAPH_ASCII;
	chart_draw(s, &c);
	surface_to_text(s, &text);
	const char *p95 = strstr(text.data, " p95\n"), *p50 = strstr(text.data, " p50\n");
	const char *p90 = strstr(text.data, " p90\n");
	assert_non_null(p95);
	assert_non_null(p50);
	assert_non_null(p90);
	assert_true(p95 < p50);
	assert_true(p90 != p50);
	buf_fini(&text);
	surface_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_at_the_ends),
		cmocka_unit_test(sparklines),
		cmocka_unit_test(gauges),
		cmocka_unit_test(stacks_and_rollouts),
		cmocka_unit_test(heat_and_boxes),
		cmocka_unit_test(a_line_in_each_graph),
		cmocka_unit_test(axes_have_round_numbers),
		cmocka_unit_test(a_new_bucket_shifts_the_picture),
		cmocka_unit_test(odd_widths_shift_as_one),
		cmocka_unit_test(threshold_cursor_and_time),
		cmocka_unit_test(a_legend_names_the_lines),
		cmocka_unit_test(odd_sizes_and_numbers),
		cmocka_unit_test(numbers_read_well),
		cmocka_unit_test(ticks_are_nice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
