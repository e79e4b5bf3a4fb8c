/* Money: exact parsing, rounding, and the forms for machines and people. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>

#include "base/utf8.h"
#include "core/money.h"

static void prices_are_read_exactly(void **state)
{
	int64_t v;

	(void)state;
	assert_true(money_parse_pusd(STR_LIT("2.5e-06"), &v) && v == 2500000);
	assert_true(money_parse_pusd(STR_LIT("0.000000075"), &v) && v == 75000);
	assert_true(money_parse_pusd(STR_LIT("1.875e-11"), &v) && v == 19); /* 18.75 */
	assert_true(money_parse_nusd(STR_LIT("-0.10"), &v) && v == -100000000);
	assert_true(money_parse_nusd(STR_LIT("47.608895"), &v) && v == INT64_C(47608895000));
	assert_true(money_parse_nusd(STR_LIT("9223372036.854775807"), &v) && v == INT64_MAX);
	assert_false(money_parse_nusd(STR_LIT("9223372036.854775808"), &v));
	assert_false(money_parse_nusd(STR_LIT("$1"), &v));
	assert_false(money_parse_nusd(STR_LIT("1,000.00"), &v));
	assert_false(money_parse_nusd(STR_LIT(""), &v));
}

static void pico_dollars_round_half_to_even(void **state)
{
	(void)state;
	assert_int_equal(money_nusd_of_pusd(0), 0);
	assert_int_equal(money_nusd_of_pusd(499), 0);
	assert_int_equal(money_nusd_of_pusd(500), 0);
	assert_int_equal(money_nusd_of_pusd(501), 1);
	assert_int_equal(money_nusd_of_pusd(1500), 2);
	assert_int_equal(money_nusd_of_pusd(2500), 2);
	assert_int_equal(money_nusd_of_pusd(-500), 0);
	assert_int_equal(money_nusd_of_pusd(-501), -1);
	assert_int_equal(money_nusd_of_pusd(-1500), -2);
	assert_int_equal(money_nusd_of_pusd(-2500), -2);
	assert_int_equal(money_nusd_of_pusd((pusd128)INT64_MAX * 1000), INT64_MAX);
	assert_int_equal(money_nusd_of_pusd((pusd128)INT64_MAX * 1001), INT64_MAX);
	assert_int_equal(money_nusd_of_pusd((pusd128)INT64_MIN * 1001), INT64_MIN);
}

static void machines_get_nine_decimals(void **state)
{
	char out[MONEY_TEXT_BYTES];

	(void)state;
	assert_string_equal(money_format_usd(INT64_C(47608895000), out), "47.608895000");
	assert_string_equal(money_format_usd(0, out), "0.000000000");
	assert_string_equal(money_format_usd(-1, out), "-0.000000001");
	assert_string_equal(money_format_usd(INT64_MIN, out), "-9223372036.854775808");
	assert_string_equal(money_format_usd(INT64_MAX, out), "9223372036.854775807");
}

static void people_get_short_amounts(void **state)
{
	static const struct {
		const char *usd;
		int width;
		const char *text;
	} cases[] = {
		{"0", 6, "$0.00"},
		{"47.608895", 8, "$47.61"},
		{"47.608895", 6, "$47.61"},
		{"0.0021", 8, "$0.0021"},
		{"0.0021", 6, "$0.002"},
		{"0.0049", 6, "$0.005"},
		{"0.000000001", 12, "$0.000000001"},
		{"0.000000001", 6, "<$0.01"},
		{"-0.000000001", 6, ">-$.01"},
		{"0.12", 6, "$0.12"},
		{"0.055", 6, "$0.055"},
		{"0.0999", 7, "$0.100"},
		{"1234.56", 6, "$1.23k"},
		{"1234.56", 8, "$1234.56"},
		{"999.99", 6, "$1.00k"},
		{"999.99", 7, "$999.99"},
		{"999.4", 6, "$999"},
		{"12345", 6, "$12.3k"},
		{"123456.78", 12, "$123k"},
		{"999600", 6, "$1.00M"},
		{"1234567", 6, "$1.23M"},
		{"9223372036", 6, "$9.22B"},
		{"-1234.56", 6, "-$1.2k"},
		{"-0.12", 6, "-$0.12"},
		{"-123456", 6, "-$123k"},
	};
	char out[MONEY_TEXT_BYTES];
	int64_t nusd;

	(void)state;
	setlocale(LC_ALL, "de_DE.UTF-8"); /* no decimal commas */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(money_parse_nusd(str_of(cases[i].usd), &nusd));
		assert_string_equal(money_format_short(nusd, cases[i].width, out), cases[i].text);
	}
}

static void short_amounts_always_fit(void **state)
{
	char out[MONEY_TEXT_BYTES];

	(void)state;
	for (int width = 6; width < 20; width++) {
		for (int64_t base = 1; base < INT64_MAX / 10; base *= 10) {
			for (int64_t k = -1; k <= 11; k++) {
				int64_t nusd = base + base / 10 * k - 1;

				assert_true(utf8_columns(str_of(money_format_short(nusd, width, out))) <= (size_t)width);
				assert_true(utf8_columns(str_of(money_format_short(-nusd, width, out))) <= (size_t)width);
			}
		}
		assert_true(utf8_columns(str_of(money_format_short(INT64_MIN, width, out))) <= (size_t)width);
		assert_true(utf8_columns(str_of(money_format_short(INT64_MAX, width, out))) <= (size_t)width);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prices_are_read_exactly),
		cmocka_unit_test(pico_dollars_round_half_to_even),
		cmocka_unit_test(machines_get_nine_decimals),
		cmocka_unit_test(people_get_short_amounts),
		cmocka_unit_test(short_amounts_always_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
