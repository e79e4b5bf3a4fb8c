/* Money in integers: parsing by exact scaling, formatting by integer division, no doubles. */
#include "core/money.h"

#include <stdio.h>
#include <string.h>

bool money_parse_nusd(struct str s, int64_t *out_nusd)
{
	return str_to_scaled_int64(s, 9, out_nusd);
}

bool money_parse_pusd(struct str s, int64_t *out_pusd)
{
	return str_to_scaled_int64(s, 12, out_pusd);
}

int64_t money_nusd_of_pusd(pusd128 pusd)
{
	/* A division of 64 bits takes a fraction of the time of one of 128. */
	bool fits = pusd == (int64_t)pusd;
	pusd128 whole = fits ? (int64_t)pusd / PICO_PER_NANO : pusd / PICO_PER_NANO;
	int rest = (int)(pusd - whole * PICO_PER_NANO), half = PICO_PER_NANO / 2;

	if (rest > half || (rest == half && whole % 2 != 0))
		whole++;
	else if (rest < -half || (rest == -half && whole % 2 != 0))
		whole--;
	if (whole > INT64_MAX)
		return INT64_MAX;
	return whole < INT64_MIN ? INT64_MIN : (int64_t)whole;
}

static uint64_t magnitude(int64_t nusd)
{
	return nusd < 0 ? 0 - (uint64_t)nusd : (uint64_t)nusd;
}

char *money_format_usd(int64_t nusd, char out[MONEY_TEXT_BYTES])
{
	uint64_t m = magnitude(nusd);
	const uint64_t usd = (uint64_t)NUSD_PER_USD;

	snprintf(out, MONEY_TEXT_BYTES, "%s%llu.%09llu", nusd < 0 ? "-" : "",
	         (unsigned long long)(m / usd), (unsigned long long)(m % usd));
	return out;
}

/* "$" + m / unit with `decimals` (0-9) places, rounded half to even, and a suffix; its length. */
static int put_fixed(char out[MONEY_TEXT_BYTES], bool negative, uint64_t m, uint64_t unit,
                     int decimals, const char *suffix)
{
	uint64_t power = 1, whole, rest;
	pusd128 scaled;

	for (int i = 0; i < decimals; i++)
		power *= 10;
	scaled = (pusd128)m * power;
	whole = (uint64_t)(scaled / unit);
	rest = (uint64_t)(scaled % unit);
	whole += rest > unit - rest || (rest == unit - rest && whole % 2 != 0);
	if (decimals == 0)
		return snprintf(out, MONEY_TEXT_BYTES, "%s$%llu%s", negative ? "-" : "",
		                (unsigned long long)whole, suffix);
	return snprintf(out, MONEY_TEXT_BYTES, "%s$%llu.%0*llu%s", negative ? "-" : "",
	                (unsigned long long)(whole / power), decimals,
	                (unsigned long long)(whole % power), suffix);
}

/* Below ten cents: two significant digits, or one, or at least that it is not nothing. */
static char *format_small(char out[MONEY_TEXT_BYTES], bool negative, uint64_t m, int width)
{
	uint64_t digit = (uint64_t)NUSD_PER_USD / 100; /* what the decimal place `places` is worth */
	int places = 2;

	while (m < digit) {
		digit /= 10;
		places++;
	}
	for (int extra = 1; extra >= 0; extra--)
		if (places + extra <= 9 &&
		    put_fixed(out, negative, m, (uint64_t)NUSD_PER_USD, places + extra, "") <= width)
			return out;
	if (m >= (uint64_t)NUSD_PER_USD / 200 &&
	    put_fixed(out, negative, m, (uint64_t)NUSD_PER_USD, 2, "") <= width)
		return out;
	/* "<$0.01" says too much of a debit; its own shortest form fits six columns as well. */
	return memcpy(out, negative ? ">-$.01" : "<$0.01", 7);
}

char *money_format_short(int64_t nusd, int width, char out[MONEY_TEXT_BYTES])
{
	static const char *const suffixes[] = {"", "k", "M", "B"};
	const uint64_t usd = (uint64_t)NUSD_PER_USD, m = magnitude(nusd);
	const bool negative = nusd < 0;
	uint64_t unit = usd;
	int i = 0, decimals;

	if (m == 0)
		return memcpy(out, "$0.00", 6);
	if (m < usd / 10)
		return format_small(out, negative, m, width);
	if (m < 100000 * usd && put_fixed(out, negative, m, usd, 2, "") <= width)
		return out;
	while (i < 3 && m >= 1000 * unit - unit / 2) { /* 999.5 would be written with four digits */
		unit *= 1000;
		i++;
	}
	decimals = i == 0 || m / unit >= 100 ? 0 : m / unit >= 10 ? 1 : 2;
	while (put_fixed(out, negative, m, unit, decimals, suffixes[i]) > width && decimals > 0)
		decimals--;
	return out;
}
