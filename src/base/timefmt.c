/* Times as text. A date's days are computed once per thread and remembered: the lines of a file
 * mostly share their date. Zones are in tz.c. */
#include "base/timefmt.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LIMIT_S INT64_C(7258118400) /* 2200-01-01 */

int64_t civil_to_days(int64_t year, unsigned month, unsigned day)
{
	/* Years that begin in March put the leap day last; 400 of them are 146097 days. */
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

static bool digits(const char *p, int count, unsigned *out)
{
	unsigned v = 0;

	for (int i = 0; i < count; i++) {
		unsigned digit = (unsigned)(unsigned char)p[i] - '0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* "YYYY-MM-DD" at p (ten readable bytes) as days since 1970. */
static bool read_date(const char *p, int64_t *days)
{
	static _Thread_local char last_text[10];
	static _Thread_local int64_t last_days;
	unsigned year, month, day;

	if (memcmp(p, last_text, 10) == 0) {
		*days = last_days;
		return true;
	}
	if (p[4] != '-' || p[7] != '-' || !digits(p, 4, &year) || !digits(p + 5, 2, &month) ||
	    !digits(p + 8, 2, &day) || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;
	*days = civil_to_days(year, month, day);
	memcpy(last_text, p, 10);
	last_days = *days;
	return true;
}

/* ".123456789": at least one digit; what is beyond microseconds is read and cut. */
static bool read_fraction(const char **p, const char *end, int64_t *us)
{
	int64_t v = 0;
	const char *at = *p + 1;
	int count = 0;

	for (; at < end && (unsigned char)(*at - '0') <= 9; at++) {
		if (count < 6) {
			v = v * 10 + (*at - '0');
			count++;
		}
	}
	if (count == 0)
		return false;
	for (; count < 6; count++)
		v *= 10;
	*p = at;
	*us = v;
	return true;
}

/* "+HH:MM", "+HHMM" or "+HH": seconds east. */
static bool read_offset(const char *p, size_t len, int64_t *seconds)
{
	unsigned hours, minutes = 0;

	if (len < 3 || (p[0] != '+' && p[0] != '-') || !digits(p + 1, 2, &hours))
		return false;
	if (len == 6 && p[3] == ':') {
		if (!digits(p + 4, 2, &minutes))
			return false;
	} else if (len == 5) {
		if (!digits(p + 3, 2, &minutes))
			return false;
	} else if (len != 3) {
		return false;
	}
	if (hours > 23 || minutes > 59)
		return false;
	*seconds = (int64_t)hours * 3600 + minutes * 60;
	if (p[0] == '-')
		*seconds = -*seconds;
	return true;
}

/* What follows the time of day: nothing, Z, an offset, or " UTC" as SQL exports write it. */
static bool apply_zone(struct str zone, const struct tz *tz, int64_t *us)
{
	int64_t seconds;

	if (zone.len == 1 && (zone.ptr[0] | 0x20) == 'z')
		return true;
	if (zone.len == 0) {
		if (tz != NULL)
			*us = tz_to_utc_us(tz, *us);
		return true;
	}
	if (str_equal_c(zone, " UTC"))
		return true;
	if (zone.ptr[0] == ' ') {
		zone.ptr++;
		zone.len--;
	}
	if (!read_offset(zone.ptr, zone.len, &seconds))
		return false;
	*us -= seconds * US_PER_S;
	return true;
}

static bool parse_civil(struct str s, const struct tz *tz, int64_t *out_us)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	int64_t days, fraction = 0;
	unsigned hour = 0, minute = 0, second = 0;

	if (!read_date(p, &days))
		return false;
	if (s.len > 10) {
		if (s.len < 19 || (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || p[13] != ':' ||
		    p[16] != ':' || !digits(p + 11, 2, &hour) || !digits(p + 14, 2, &minute) ||
		    !digits(p + 17, 2, &second))
			return false;
		/* A leap second counts as the first second of the next minute. */
		if (hour > 23 || minute > 59 || second > 60 || (second == 60 && minute % 15 != 14))
			return false;
	}
	p += s.len > 10 ? 19 : 10;
	if (p < end && *p == '.' && !read_fraction(&p, end, &fraction))
		return false;
	*out_us = (days * 86400 + (int64_t)hour * 3600 + minute * 60 + second) * US_PER_S + fraction;
	return apply_zone((struct str){p, (size_t)(end - p)}, tz, out_us);
}

static enum time_unit unit_of_magnitude(int64_t whole)
{
	if (whole < LIMIT_S)
		return TIME_UNIT_S;
	if (whole < LIMIT_S * 1000)
		return TIME_UNIT_MS;
	return whole < LIMIT_S * 1000000 ? TIME_UNIT_US : TIME_UNIT_NS;
}

static bool epoch_with_exponent(struct str s, enum time_unit unit, int64_t *out_us)
{
	static const int scale[] = {0, 6, 3, 0, -3};
	int64_t whole;

	if (!str_to_scaled_int64(s, 0, &whole) || whole < 0)
		return false;
	if (unit == TIME_UNIT_AUTO)
		unit = unit_of_magnitude(whole);
	return str_to_scaled_int64(s, scale[unit], out_us);
}

static bool parse_epoch(struct str s, enum time_unit unit, int64_t *out_us)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	int64_t whole = 0, fraction = 0; /* fraction in millionths */

	for (; p < end && (unsigned char)(*p - '0') <= 9; p++) {
		if (whole > (INT64_MAX - 9) / 10)
			return false;
		whole = whole * 10 + (*p - '0');
	}
	if (p == s.ptr)
		return false;
	if (p < end && *p == '.' && !read_fraction(&p, end, &fraction))
		return false;
	if (p < end)
		return epoch_with_exponent(s, unit, out_us);
	if (unit == TIME_UNIT_AUTO)
		unit = unit_of_magnitude(whole);
	switch (unit) {
	case TIME_UNIT_S:
		if (whole >= LIMIT_S)
			return false;
		*out_us = whole * US_PER_S + fraction;
		return true;
	case TIME_UNIT_MS:
		if (whole >= LIMIT_S * 1000)
			return false;
		*out_us = whole * US_PER_MS + fraction / 1000;
		return true;
	case TIME_UNIT_US:
		*out_us = whole;
		return true;
	default:
		*out_us = whole / 1000;
		return true;
	}
}

bool time_parse(struct str s, const struct tz *tz, enum time_unit unit, int64_t *out_us)
{
	int64_t us;
	bool ok;

	if (s.len >= 10 && s.ptr[4] == '-')
		ok = parse_civil(s, tz, &us);
	else
		ok = s.len > 0 && parse_epoch(s, unit, &us);
	if (!ok || us < 0 || us >= LIMIT_S * US_PER_S)
		return false;
	*out_us = us;
	return true;
}

static char *put_digits(char *p, unsigned v, int count)
{
	for (int i = count - 1; i >= 0; i--) {
		p[i] = (char)('0' + v % 10);
		v /= 10;
	}
	return p + count;
}

static char *put_clock(char *p, unsigned second_of_day)
{
	p = put_digits(p, second_of_day / 3600, 2);
	*p++ = ':';
	p = put_digits(p, second_of_day / 60 % 60, 2);
	*p++ = ':';
	return put_digits(p, second_of_day % 60, 2);
}

/* Splits into days and microseconds of the day, the latter never negative. */
static int64_t split_day(int64_t us, int64_t *of_day_us)
{
	int64_t days = us / US_PER_DAY;

	*of_day_us = us % US_PER_DAY;
	if (*of_day_us < 0) {
		*of_day_us += US_PER_DAY;
		days--;
	}
	return days;
}

char *time_format(int64_t us, char out[TIME_TEXT_BYTES])
{
	int64_t of_day_us, year, days = split_day(us, &of_day_us);
	unsigned month, day, fraction = (unsigned)(of_day_us % US_PER_S);
	char *p = out;

	civil_from_days(days, &year, &month, &day);
	if (year >= 0 && year <= 9999)
		p = put_digits(p, (unsigned)year, 4);
	else
		p += snprintf(p, 10, "%d", (int)year); /* int64 microseconds reach year 294246 */
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_clock(p, (unsigned)(of_day_us / US_PER_S));
	if (fraction != 0) {
		*p++ = '.';
		p = fraction % 1000 == 0 ? put_digits(p, fraction / 1000, 3) : put_digits(p, fraction, 6);
	}
	*p++ = 'Z';
	*p = '\0';
	return out;
}

char *time_format_clock(int64_t us, const struct tz *tz, char out[TIME_TEXT_BYTES])
{
	int64_t of_day_us;

	split_day(us + tz_offset_s(tz, us) * US_PER_S, &of_day_us);
	*put_clock(out, (unsigned)(of_day_us / US_PER_S)) = '\0';
	return out;
}

static const struct duration_unit {
	const char *name;
	int64_t us;
} duration_units[] = {
	{"y", 365 * US_PER_DAY}, {"w", 7 * US_PER_DAY}, {"d", US_PER_DAY}, {"h", US_PER_HOUR},
	{"m", US_PER_MIN},       {"s", US_PER_S},       {"ms", US_PER_MS}, {"us", 1},
};
#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

/* One "1.5h" at *p; adds it to *total. */
static bool duration_part(const char **p, const char *end, int64_t *total)
{
	int64_t whole = 0, fraction = 0;
	const char *at = *p, *name;
	struct str unit;

	for (; at < end && (unsigned char)(*at - '0') <= 9; at++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *at - '0', &whole))
			return false;
	if (at == *p || (at < end && *at == '.' && !read_fraction(&at, end, &fraction)))
		return false;
	for (name = at; at < end && *at >= 'a' && *at <= 'z'; at++)
		;
	unit = (struct str){name, (size_t)(at - name)};
	*p = at;
	for (size_t i = 0; i < DURATION_UNITS; i++) {
		int64_t part, unit_us = duration_units[i].us;

		if (!str_equal_c(unit, duration_units[i].name))
			continue;
		/* The fraction in two steps: a year's microseconds times a million do not fit. */
		return !__builtin_mul_overflow(whole, unit_us, &part) &&
		       !__builtin_add_overflow(*total, part, total) &&
		       !__builtin_add_overflow(*total,
		                               unit_us / US_PER_S * fraction +
		                                       unit_us % US_PER_S * fraction / US_PER_S,
		                               total);
	}
	return false;
}

bool duration_parse(struct str s, int64_t *out_us)
{
	const char *p = s.ptr, *end = s.len ? s.ptr + s.len : s.ptr;
	int64_t total = 0;

	if (p == end)
		return false;
	while (p < end)
		if (!duration_part(&p, end, &total))
			return false;
	*out_us = total;
	return true;
}

/* One decimal below ten, dropped when it is zero: "4.2s", "15s". */
static char *format_decimal(char out[TIME_TEXT_BYTES], int64_t us, int64_t unit_us,
                            const char *unit)
{
	int64_t tenths = (us + unit_us / 20) / (unit_us / 10);

	if (tenths < 100 && tenths % 10 != 0)
		snprintf(out, TIME_TEXT_BYTES, "%d.%d%s", (int)(tenths / 10), (int)(tenths % 10), unit);
	else
		snprintf(out, TIME_TEXT_BYTES, "%d%s", (int)((us + unit_us / 2) / unit_us), unit);
	return out;
}

static char *format_pair(char out[TIME_TEXT_BYTES], int64_t us, int64_t large_us, int64_t small_us,
                         const char *large, const char *small)
{
	int64_t smalls = us / small_us + (us % small_us >= small_us - us % small_us);
	long long whole = smalls / (large_us / small_us), rest = smalls % (large_us / small_us);

	if (rest != 0)
		snprintf(out, TIME_TEXT_BYTES, "%lld%s%lld%s", whole, large, rest, small);
	else
		snprintf(out, TIME_TEXT_BYTES, "%lld%s", whole, large);
	return out;
}

char *duration_format(int64_t us, char out[TIME_TEXT_BYTES])
{
	if (us < 0)
		us = 0;
	if (us == 0)
		return memcpy(out, "0s", 3);
	if (us < US_PER_MS)
		return format_decimal(out, us * 10, 10, "us");
	if (us < US_PER_S - US_PER_MS / 2)
		return format_decimal(out, us, US_PER_MS, "ms");
	if (us < US_PER_MIN - US_PER_S / 2)
		return format_decimal(out, us, US_PER_S, "s");
	if (us < US_PER_HOUR - US_PER_S / 2)
		return format_pair(out, us, US_PER_MIN, US_PER_S, "m", "s");
	if (us < US_PER_DAY - US_PER_MIN / 2)
		return format_pair(out, us, US_PER_HOUR, US_PER_MIN, "h", "m");
	if (us < 365 * US_PER_DAY - US_PER_HOUR / 2)
		return format_pair(out, us, US_PER_DAY, US_PER_HOUR, "d", "h");
	return format_pair(out, us, 365 * US_PER_DAY, US_PER_DAY, "y", "d");
}
