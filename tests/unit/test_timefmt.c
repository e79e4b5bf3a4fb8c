/* Times, durations and time zones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"

static int64_t parsed(const char *text, const struct tz *tz, enum time_unit unit)
{
	int64_t us = -1;

	if (!time_parse(str_of(text), tz, unit, &us))
		fail_msg("\"%s\" was refused", text);
	return us;
}

static void civil_days_round_trip(void **state)
{
	int64_t previous = civil_to_days(1599, 12, 31);

	(void)state;
	assert_int_equal(civil_to_days(1970, 1, 1), 0);
	assert_int_equal(civil_to_days(2000, 3, 1), 11017);
	for (int64_t days = previous + 1; days < civil_to_days(2401, 1, 1); days++) {
		int64_t year;
		unsigned month, day;

		civil_from_days(days, &year, &month, &day);
		assert_int_equal(civil_to_days(year, month, day), days);
	}
}

static void rfc3339_is_understood(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.000001Z", 1},
		{"2026-11-23T13:21:33Z", 1795440093000000},
		{"2026-11-23t13:21:33z", 1795440093000000},
		{"2026-11-23T14:21:33+01:00", 1795440093000000},
		{"2026-11-23T07:51:33-05:30", 1795440093000000},
		{"2026-11-23T14:21:33+0100", 1795440093000000},
		{"2026-11-23 13:21:33+00", 1795440093000000},
		{"2026-11-23 13:21:33 +0000", 1795440093000000},
		{"2026-11-23 13:21:33.5 UTC", 1795440093500000},
		{"2026-11-23T13:21:33-00:00", 1795440093000000},
		{"2026-11-23T13:21:33.1Z", 1795440093100000},
		{"2026-11-23T13:21:33.123456Z", 1795440093123456},
		{"2026-11-23T13:21:33.123456789999Z", 1795440093123456}, /* cut, not rounded */
		{"2026-11-23T13:21:33.9999999Z", 1795440093999999},
		{"2026-11-23 13:21:33", 1795440093000000},
		{"2026-11-23", 1795392000000000},
		{"2024-02-29T00:00:00Z", 1709164800000000},
		{"2000-02-29T00:00:00Z", 951782400000000},
		{"2016-12-31T23:59:60Z", 1483228800000000}, /* leap second */
		{"2017-01-01T00:59:60+01:00", 1483228800000000},
		{"2199-12-31T23:59:59.999999Z", 7258118399999999},
		{"1970-01-01T01:00:00+01:00", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(parsed(good[i].text, NULL, TIME_UNIT_AUTO), good[i].us);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "Z", "now", "2026-11", "2026-1-23T00:00:00Z", "2026-11-23T", "2026-11-23T13:21Z",
		"2026-11-23T13:21:33Zjunk", "2026-11-23T13:21:33+1:00", "2026-11-23T13:21:33+01:0",
		"2026-11-23T13:21:33+24:00", "2026-11-23T13:21:33+00:60", "2026-11-23T13:21:33.Z",
		"2026-11-23T13:21:33.", "2026-11-23T24:00:00Z", "2026-11-23T13:60:33Z",
		"2026-11-23T13:21:60Z", "2026-11-23T13:59:61Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-31T00:00:00Z",
		"2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "1969-12-31T23:59:59Z",
		"1970-01-01T00:30:00+01:00", "2200-01-01T00:00:00Z", "2026-11-23X13:21:33Z",
		"2026-11-23T13-21-33Z", "2026/11/23", "-2026-11-23", "-1", "1.5.2", "1e", "0x10", "1,5",
		"99999999999999999999", "2026-11-23Z+", " 2026-11-23", "2026-11-23 ", "1795440093 ",
		"2026-11-23T13:21:33 ", "2026-11-23T13:21:33+", "2026-11-23T13:21:33 UTCx", "nan", "inf"};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (time_parse(str_of(bad[i]), NULL, TIME_UNIT_AUTO, &us))
			fail_msg("\"%s\" was taken as %lld", bad[i], (long long)us);
	/* Every prefix of a good time, in exact memory, so that reading too far is noticed. */
	for (size_t len = 0; len < 27; len++) {
		char *copy = mem_alloc(len);

		memcpy(copy, "2026-11-23T13:21:33.123456Z", len);
		(void)time_parse((struct str){copy, len}, NULL, TIME_UNIT_AUTO, &us);
		free(copy);
	}
}

static void a_refused_date_is_not_remembered(void **state)
{
	int64_t us;

	(void)state;
	assert_int_equal(parsed("2026-11-23T00:00:00Z", NULL, TIME_UNIT_AUTO), 1795392000000000);
	assert_false(time_parse(STR_LIT("2026-11-99T00:00:00Z"), NULL, TIME_UNIT_AUTO, &us));
	assert_false(time_parse(STR_LIT("2026-11-99T00:00:00Z"), NULL, TIME_UNIT_AUTO, &us));
	assert_int_equal(parsed("2026-11-24T00:00:00Z", NULL, TIME_UNIT_AUTO), 1795478400000000);
	assert_int_equal(parsed("2026-11-23T00:00:00Z", NULL, TIME_UNIT_AUTO), 1795392000000000);
}

static void epoch_numbers_tell_their_unit(void **state)
{
	(void)state;
	assert_int_equal(parsed("1795440093", NULL, TIME_UNIT_AUTO), 1795440093000000);
	assert_int_equal(parsed("1795440093.1234567", NULL, TIME_UNIT_AUTO), 1795440093123456);
	assert_int_equal(parsed("1795440093123", NULL, TIME_UNIT_AUTO), 1795440093123000);
	assert_int_equal(parsed("1795440093123.5", NULL, TIME_UNIT_AUTO), 1795440093123500);
	assert_int_equal(parsed("1795440093123456", NULL, TIME_UNIT_AUTO), 1795440093123456);
	assert_int_equal(parsed("1795440093123456789", NULL, TIME_UNIT_AUTO), 1795440093123456);
	assert_int_equal(parsed("1.795440093e9", NULL, TIME_UNIT_AUTO), 1795440093000000);
	assert_int_equal(parsed("1.795440093123E+12", NULL, TIME_UNIT_AUTO), 1795440093123000);
	assert_int_equal(parsed("5", NULL, TIME_UNIT_MS), 5000);
	assert_int_equal(parsed("5", NULL, TIME_UNIT_US), 5);
	assert_int_equal(parsed("5999", NULL, TIME_UNIT_NS), 5);
	assert_int_equal(parsed("0", NULL, TIME_UNIT_S), 0);
}

static void formatted_times_parse_back(void **state)
{
	static const int64_t times[] = {0, 1, 999, 1000, 999999, 1795440093000000, 1795440093120000,
	                                1795440093123456, 7258118399999999};
	char text[TIME_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_int_equal(parsed(time_format(times[i], text), NULL, TIME_UNIT_AUTO), times[i]);
	assert_string_equal(time_format(1795440093000000, text), "2026-11-23T13:21:33Z");
	assert_string_equal(time_format(1795440093120000, text), "2026-11-23T13:21:33.120Z");
	assert_string_equal(time_format(1795440093123450, text), "2026-11-23T13:21:33.123450Z");
	assert_string_equal(time_format(-1, text), "1969-12-31T23:59:59.999999Z");
	time_format(INT64_MAX, text);
	time_format(INT64_MIN, text);
	assert_string_equal(time_format_clock(1795440093000000, NULL, text), "13:21:33");
}

static struct tz *zone(const char *name)
{
	struct err err = {""};
	struct tz *tz = NULL;

	if (tz_load(&tz, name, &err) < 0) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	return tz;
}

static void berlin_changes_twice_a_year(void **state)
{
	struct tz *tz = zone("Europe/Berlin");
	char text[TIME_TEXT_BYTES];

	(void)state;
	assert_int_equal(tz_offset_s(tz, parsed("2026-03-29T00:59:59.999999Z", NULL, 0)), 3600);
	assert_int_equal(tz_offset_s(tz, parsed("2026-03-29T01:00:00Z", NULL, 0)), 7200);
	assert_int_equal(tz_offset_s(tz, parsed("2026-10-25T00:59:59Z", NULL, 0)), 7200);
	assert_int_equal(tz_offset_s(tz, parsed("2026-10-25T01:00:00Z", NULL, 0)), 3600);
	/* The gap ends at 03:00 summer time; the overlap's hour is taken the first time. */
	assert_int_equal(parsed("2026-03-29 01:59:59", tz, 0), parsed("2026-03-29T00:59:59Z", NULL, 0));
	assert_int_equal(parsed("2026-03-29 02:30:00", tz, 0), parsed("2026-03-29T01:00:00Z", NULL, 0));
	assert_int_equal(parsed("2026-03-29 03:00:00", tz, 0), parsed("2026-03-29T01:00:00Z", NULL, 0));
	assert_int_equal(parsed("2026-10-25 01:59:59", tz, 0), parsed("2026-10-24T23:59:59Z", NULL, 0));
	assert_int_equal(parsed("2026-10-25 02:30:00", tz, 0), parsed("2026-10-25T00:30:00Z", NULL, 0));
	assert_int_equal(parsed("2026-10-25 03:00:00", tz, 0), parsed("2026-10-25T02:00:00Z", NULL, 0));
	/* A zone in the text wins; a date is its local midnight. */
	assert_int_equal(parsed("2026-07-01T12:00:00Z", tz, 0), parsed("2026-07-01T12:00:00Z", NULL, 0));
	assert_int_equal(parsed("2026-07-01", tz, 0), parsed("2026-06-30T22:00:00Z", NULL, 0));
	assert_string_equal(time_format_clock(parsed("2026-07-01T12:00:00Z", NULL, 0), tz, text),
	                    "14:00:00");
	/* Beyond any table: the rule. */
	assert_int_equal(tz_offset_s(tz, parsed("2150-07-01T12:00:00Z", NULL, 0)), 7200);
	assert_int_equal(tz_offset_s(tz, parsed("2150-12-01T12:00:00Z", NULL, 0)), 3600);
	assert_int_equal(parsed("2150-03-29 02:30:00", tz, 0), parsed("2150-03-29T01:00:00Z", NULL, 0));
	tz_free(&tz);
	assert_null(tz);
}

static void lord_howe_changes_by_half_an_hour(void **state)
{
	struct tz *tz = zone("Australia/Lord_Howe");

	(void)state;
	assert_int_equal(tz_offset_s(tz, parsed("2026-01-01T00:00:00Z", NULL, 0)), 11 * 3600);
	assert_int_equal(tz_offset_s(tz, parsed("2026-07-01T00:00:00Z", NULL, 0)), 10 * 3600 + 1800);
	assert_int_equal(tz_offset_s(tz, parsed("2180-01-01T00:00:00Z", NULL, 0)), 11 * 3600);
	assert_int_equal(tz_offset_s(tz, parsed("2180-07-01T00:00:00Z", NULL, 0)), 10 * 3600 + 1800);
	/* 2026-10-04: 02:00 becomes 02:30. 2026-04-05: 02:00 becomes 01:30. */
	assert_int_equal(parsed("2026-10-04 02:15:00", tz, 0), parsed("2026-10-03T15:30:00Z", NULL, 0));
	assert_int_equal(parsed("2026-04-05 01:45:00", tz, 0), parsed("2026-04-04T14:45:00Z", NULL, 0));
	tz_free(&tz);
}

/* Every half hour of many years in zones of all kinds, against the C library. */
static void offsets_agree_with_the_c_library(void **state)
{
	static const char *const names[] = {
		"America/New_York",  "Europe/Berlin",     "Europe/Dublin",    "Africa/Casablanca",
		"Australia/Lord_Howe", "Asia/Kolkata",    "America/Santiago", "Pacific/Apia",
		"Asia/Gaza",         "Antarctica/Troll",  "America/Nuuk",     "Etc/GMT+12"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct tz *tz = zone(names[i]);

		setenv("TZ", names[i], 1);
		tzset();
		for (time_t t = 0; t < INT64_C(7258118400); t += 1800 * 7 + (t > INT64_C(2300000000)) * 86400) {
			struct tm tm;

			localtime_r(&t, &tm);
			if (tm.tm_gmtoff != tz_offset_s(tz, (int64_t)t * US_PER_S))
				fail_msg("%s differs at %lld", names[i], (long long)t);
		}
		tz_free(&tz);
	}
	unsetenv("TZ");
	tzset();
}

static void local_times_come_back(void **state)
{
	struct tz *tz = zone("America/New_York");

	(void)state;
	for (int64_t us = 0; us < INT64_C(4000000000) * US_PER_S; us += 7 * US_PER_HOUR + US_PER_MIN) {
		int64_t local = us + tz_offset_s(tz, us) * US_PER_S, back = tz_to_utc_us(tz, local);

		/* In an overlap the earlier of the two. */
		if (back != us && (back != us - US_PER_HOUR || tz_offset_s(tz, back) == tz_offset_s(tz, us)))
			fail_msg("%lld came back as %lld", (long long)us, (long long)back);
	}
	tz_free(&tz);
}

static void unknown_zones_are_refused(void **state)
{
	static const char *const bad[] = {"", "/etc/passwd", "../../../etc/passwd", "Europe/../passwd",
	                                  "Mars/Olympus", "Europe", "Europe/Ber\nlin", "Europe/Berlin ",
	                                  "tzdata.zi", "zone.tab"};
	struct err err;
	struct tz *tz;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		assert_int_equal(tz_load(&tz, bad[i], &err), -1);
		assert_null(tz);
		assert_true(strlen(err.text) > 10);
	}
	assert_int_equal(tz_load(&tz, "UTC", &err), 0);
	assert_null(tz);
	assert_int_equal(tz_offset_s(NULL, 123), 0);
}

/* A damaged file is refused or read as something: never more than that. */
static void damaged_zone_files_do_no_harm(void **state)
{
	char dir[] = "/tmp/llmdeck-test-XXXXXX", *path;
	struct buf good = {0};
	struct err err = {""};
	unsigned seed = 1;
	struct tz *tz;

	(void)state;
	if (file_read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &good, &err) < 0)
		skip();
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/Zone", dir);
	setenv("TZDIR", dir, 1);
	for (int i = 0; i < 600; i++) {
		char *bytes = mem_alloc(good.len);
		size_t len = i < 300 ? good.len * (size_t)i / 300 : good.len;
		FILE *f = fopen(path, "w");

		memcpy(bytes, good.data, good.len);
		for (int k = 0; k < 3 && i >= 300; k++) {
			seed = seed * 1103515245u + 12345u;
			bytes[(seed >> 8) % good.len] = (char)(seed >> 24);
		}
		assert_non_null(f);
		fwrite(bytes, 1, len, f);
		fclose(f);
		if (tz_load(&tz, "Zone", &err) == 0) {
			(void)tz_to_utc_us(tz, 1795440093000000);
			(void)tz_to_utc_us(tz, 6795440093000000);
		}
		tz_free(&tz);
		free(bytes);
	}
	unlink(path);
	rmdir(dir);
	unsetenv("TZDIR");
	free(path);
	buf_fini(&good);
}

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {{"90s", 90 * US_PER_S},   {"15m", 15 * US_PER_MIN}, {"1h30m", 90 * US_PER_MIN},
	            {"250ms", 250000},        {"7d", 7 * US_PER_DAY},   {"3y", 1095 * US_PER_DAY},
	            {"2w", 14 * US_PER_DAY},  {"10us", 10},             {"4.2s", 4200000},
	            {"1.5y", 547 * US_PER_DAY + 12 * US_PER_HOUR},      {"0s", 0}};
	static const char *const bad[] = {"", "90", "s", "1x", "-1s", "1 s", "1h30", "1.s", "+1s",
	                                  "999999999999y", "1hm", "1S", "292472y", ".5s"};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(duration_parse(str_of(good[i].text), &us));
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (duration_parse(str_of(bad[i]), &us))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void durations_are_written_short(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {{0, "0s"},
	             {5, "5us"},
	             {850, "850us"},
	             {4200, "4.2ms"},
	             {610000, "610ms"},
	             {999400, "999ms"},
	             {999600, "1s"},
	             {4200000, "4.2s"},
	             {4249999, "4.2s"},
	             {15 * US_PER_S, "15s"},
	             {59 * US_PER_S + 700000, "1m"},
	             {90 * US_PER_S, "1m30s"},
	             {15 * US_PER_MIN, "15m"},
	             {90 * US_PER_MIN, "1h30m"},
	             {90 * US_PER_MIN + 10 * US_PER_S, "1h30m"},
	             {US_PER_HOUR - 1, "1h"},
	             {US_PER_DAY - 1, "1d"},
	             {50 * US_PER_HOUR, "2d2h"},
	             {3 * 365 * US_PER_DAY, "3y"},
	             {400 * US_PER_DAY, "1y35d"},
	             {INT64_MAX, "292471y76d"},
	             {-5, "0s"}};
	char text[TIME_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(duration_format(cases[i].us, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(civil_days_round_trip),
		cmocka_unit_test(rfc3339_is_understood),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_refused_date_is_not_remembered),
		cmocka_unit_test(epoch_numbers_tell_their_unit),
		cmocka_unit_test(formatted_times_parse_back),
		cmocka_unit_test(berlin_changes_twice_a_year),
		cmocka_unit_test(lord_howe_changes_by_half_an_hour),
		cmocka_unit_test(offsets_agree_with_the_c_library),
		cmocka_unit_test(local_times_come_back),
		cmocka_unit_test(unknown_zones_are_refused),
		cmocka_unit_test(damaged_zone_files_do_no_harm),
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(durations_are_written_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
