/* Time zones from TZif files (RFC 8536): the 64-bit table of transitions, and beyond its end the
 * POSIX rule in the footer. Nothing of the C library's hidden zone state is touched. */
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define TZ_FILE_MAX_BYTES ((size_t)1 << 20)
#define OFFSET_MAX_S (26 * 3600)
#define HEADER_BYTES 44

/* When a POSIX rule changes over: month m, week w (5 = last), weekday d, or a day of the year. */
struct rule_day {
	enum { DAY_MONTH_WEEK, DAY_JULIAN_NO_LEAP, DAY_OF_YEAR } kind;
	int month, week, day;
	int32_t second; /* local time of the change, -167 h to 167 h */
};
struct rule {
	int32_t standard_s, summer_s; /* east of UTC */
	bool has_summer;
	struct rule_day start, end;
};

struct tz {
	size_t count;
	int64_t *at_s;     /* transitions, ascending */
	int32_t *offset_s; /* in force from at_s[i] on */
	int32_t first_s;   /* before the first transition */
	bool has_rule;
	struct rule rule;
};

static int64_t big_endian(const char *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | (unsigned char)p[i];
	if (bytes == 4)
		return (int32_t)(uint32_t)v;
	return (int64_t)v;
}

static bool rule_number(struct str *s, int max, int *out)
{
	int v = 0;
	size_t n = 0;

	for (; n < s->len && (unsigned char)(s->ptr[n] - '0') <= 9; n++) {
		v = v * 10 + (s->ptr[n] - '0');
		if (v > max)
			return false;
	}
	s->ptr += n;
	s->len -= n;
	*out = v;
	return n > 0;
}

static bool rule_char(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	s->ptr++;
	s->len--;
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool rule_time(struct str *s, int32_t *seconds)
{
	bool negative = rule_char(s, '-');
	int hours, minutes = 0, secs = 0;

	if (!negative)
		(void)rule_char(s, '+');
	if (!rule_number(s, 167, &hours))
		return false;
	if (rule_char(s, ':') && !rule_number(s, 59, &minutes))
		return false;
	if (rule_char(s, ':') && !rule_number(s, 59, &secs))
		return false;
	*seconds = (hours * 60 + minutes) * 60 + secs;
	if (negative)
		*seconds = -*seconds;
	return true;
}

/* "CEST" or "<+0330>": skipped. */
static bool rule_name(struct str *s)
{
	size_t n = 0;

	if (rule_char(s, '<')) {
		(void)str_cut(s, '>');
		return true;
	}
	while (n < s->len && (unsigned char)((s->ptr[n] | 0x20) - 'a') < 26)
		n++;
	s->ptr += n;
	s->len -= n;
	return n >= 3;
}

static bool rule_change(struct str *s, struct rule_day *d)
{
	d->second = 2 * 3600;
	if (!rule_char(s, ','))
		return false;
	if (rule_char(s, 'M')) {
		d->kind = DAY_MONTH_WEEK;
		if (!rule_number(s, 12, &d->month) || d->month < 1 || !rule_char(s, '.') ||
		    !rule_number(s, 5, &d->week) || d->week < 1 || !rule_char(s, '.') ||
		    !rule_number(s, 6, &d->day))
			return false;
	} else {
		d->kind = rule_char(s, 'J') ? DAY_JULIAN_NO_LEAP : DAY_OF_YEAR;
		if (!rule_number(s, 365, &d->day) || (d->kind == DAY_JULIAN_NO_LEAP && d->day == 0))
			return false;
	}
	return !rule_char(s, '/') || rule_time(s, &d->second);
}

/* A TZ string as POSIX.1-2017 8.3 and RFC 8536 3.3 have it: "CET-1CEST,M3.5.0,M10.5.0/3". */
static bool rule_parse(struct str s, struct rule *r)
{
	int32_t west;

	*r = (struct rule){.standard_s = 0};
	if (!rule_name(&s) || !rule_time(&s, &west))
		return false;
	r->standard_s = -west;
	if (s.len == 0)
		return true;
	if (!rule_name(&s))
		return false;
	r->has_summer = true;
	r->summer_s = r->standard_s + 3600;
	if (s.len > 0 && s.ptr[0] != ',') {
		if (!rule_time(&s, &west))
			return false;
		r->summer_s = -west;
	}
	return rule_change(&s, &r->start) && rule_change(&s, &r->end) && s.len == 0 &&
	       abs(r->standard_s) <= OFFSET_MAX_S && abs(r->summer_s) <= OFFSET_MAX_S;
}

/* The local second (as if UTC) at which the change falls in a year. */
static int64_t rule_day_local_s(const struct rule_day *d, int64_t year)
{
	int64_t first = civil_to_days(year, 1, 1), day;

	if (d->kind == DAY_MONTH_WEEK) {
		int64_t month = civil_to_days(year, (unsigned)d->month, 1);
		int64_t next = d->month == 12 ? civil_to_days(year + 1, 1, 1)
		                              : civil_to_days(year, (unsigned)d->month + 1, 1);
		int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

		day = month + (d->day - weekday + 7) % 7 + 7 * (d->week - 1);
		if (day >= next)
			day -= 7;
	} else if (d->kind == DAY_OF_YEAR) {
		day = first + d->day;
	} else {
		bool leap = civil_to_days(year + 1, 1, 1) - first == 366;

		day = first + d->day - 1 + (leap && d->day >= 60);
	}
	return day * 86400 + d->second;
}

static int32_t rule_offset_s(const struct rule *r, int64_t utc_s)
{
	int64_t year, start, end, local = utc_s + r->standard_s;
	unsigned month, day;
	bool summer;

	if (!r->has_summer)
		return r->standard_s;
	civil_from_days((local - (local % 86400 + 86400) % 86400) / 86400, &year, &month, &day);
	start = rule_day_local_s(&r->start, year) - r->standard_s;
	end = rule_day_local_s(&r->end, year) - r->summer_s;
	if (start < end)
		summer = utc_s >= start && utc_s < end;
	else /* the southern half's summer spans the new year */
		summer = utc_s >= start || utc_s < end;
	return summer ? r->summer_s : r->standard_s;
}

int32_t tz_offset_s(const struct tz *tz, int64_t utc_us)
{
	int64_t utc_s = utc_us / US_PER_S - (utc_us % US_PER_S < 0);
	size_t low = 0, high;

	if (tz == NULL)
		return 0;
	if (tz->has_rule && (tz->count == 0 || utc_s >= tz->at_s[tz->count - 1]))
		return rule_offset_s(&tz->rule, utc_s);
	high = tz->count;
	while (low < high) { /* first transition after utc_s */
		size_t middle = low + (high - low) / 2;

		if (tz->at_s[middle] <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? tz->first_s : tz->offset_s[low - 1];
}

/* First instant in (low, high] at which the offset is no longer `before`. */
static int64_t change_between_us(const struct tz *tz, int64_t low_us, int64_t high_us,
                                 int32_t before)
{
	while (high_us - low_us > 1) {
		int64_t middle = low_us + (high_us - low_us) / 2;

		if (tz_offset_s(tz, middle) == before)
			low_us = middle;
		else
			high_us = middle;
	}
	return high_us;
}

int64_t tz_to_utc_us(const struct tz *tz, int64_t local_us)
{
	int32_t before, after;
	int64_t early, late;

	if (tz == NULL)
		return local_us;
	before = tz_offset_s(tz, local_us - US_PER_DAY);
	after = tz_offset_s(tz, local_us + US_PER_DAY);
	early = local_us - before * US_PER_S;
	late = local_us - after * US_PER_S;
	if (before == after || tz_offset_s(tz, early) == before)
		return early; /* in an overlap `before` is the larger offset: the earlier instant */
	if (tz_offset_s(tz, late) == after)
		return late;
	return change_between_us(tz, late, early, before);
}

/* Counts of a TZif header, in the file's order. */
enum { COUNT_UT, COUNT_STD, COUNT_LEAP, COUNT_TIME, COUNT_TYPE, COUNT_CHAR, COUNT_COUNT };

static bool read_header(struct str s, size_t counts[COUNT_COUNT], char *version)
{
	if (s.len < HEADER_BYTES || memcmp(s.ptr, "TZif", 4) != 0)
		return false;
	*version = s.ptr[4];
	for (int i = 0; i < COUNT_COUNT; i++) {
		int64_t n = big_endian(s.ptr + 20 + 4 * i, 4);

		if (n < 0 || n > (int64_t)TZ_FILE_MAX_BYTES)
			return false;
		counts[i] = (size_t)n;
	}
	return counts[COUNT_TYPE] > 0;
}

static size_t block_bytes(const size_t counts[COUNT_COUNT], size_t time_bytes)
{
	return counts[COUNT_TIME] * (time_bytes + 1) + counts[COUNT_TYPE] * 6 + counts[COUNT_CHAR] +
	       counts[COUNT_LEAP] * (time_bytes + 4) + counts[COUNT_STD] + counts[COUNT_UT];
}

/* The transitions of a block whose length was checked. */
static bool read_block(struct tz *tz, const char *p, const size_t counts[COUNT_COUNT],
                       int time_bytes)
{
	const size_t n = counts[COUNT_TIME];
	const char *index = p + n * (size_t)time_bytes, *types = index + n;

	tz->count = n;
	tz->at_s = mem_array(NULL, n, sizeof(*tz->at_s));
	tz->offset_s = mem_array(NULL, n, sizeof(*tz->offset_s));
	tz->first_s = (int32_t)big_endian(types, 4);
	if (abs(tz->first_s) > OFFSET_MAX_S)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t type = (unsigned char)index[i];

		if (type >= counts[COUNT_TYPE])
			return false;
		tz->at_s[i] = big_endian(p + i * (size_t)time_bytes, time_bytes);
		tz->offset_s[i] = (int32_t)big_endian(types + type * 6, 4);
		if (tz->offset_s[i] < -OFFSET_MAX_S || tz->offset_s[i] > OFFSET_MAX_S ||
		    (i > 0 && tz->at_s[i] <= tz->at_s[i - 1]))
			return false;
	}
	return true;
}

static bool read_tzif(struct tz *tz, struct str s)
{
	size_t counts[COUNT_COUNT], bytes;
	char version;

	if (!read_header(s, counts, &version))
		return false;
	bytes = HEADER_BYTES + block_bytes(counts, 4);
	if (s.len < bytes)
		return false;
	if (version == '\0')
		return read_block(tz, s.ptr + HEADER_BYTES, counts, 4);
	s.ptr += bytes;
	s.len -= bytes;
	if (!read_header(s, counts, &version))
		return false;
	bytes = HEADER_BYTES + block_bytes(counts, 8);
	if (s.len < bytes || !read_block(tz, s.ptr + HEADER_BYTES, counts, 8))
		return false;
	s.ptr += bytes;
	s.len -= bytes;
	if (!rule_char(&s, '\n'))
		return false;
	s = str_cut(&s, '\n');
	tz->has_rule = s.len > 0;
	return s.len == 0 || rule_parse(s, &tz->rule);
}

/* Only names as the database has them: letters, digits, '_', '-', '+', and '/' between parts. */
static bool plausible_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 64 || name[0] == '/' || strstr(name, "..") != NULL)
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/.") == len;
}

int tz_load(struct tz **out, const char *name, struct err *err)
{
	const char *folder = getenv("TZDIR");
	struct buf bytes = {0};
	struct tz *tz = NULL;
	char *path = NULL;
	int result = -1;

	*out = NULL;
	if (strcmp(name, "UTC") == 0)
		return 0;
	if (!plausible_name(name))
		return err_set(err, "\"%.64s\" is no time zone: use a name like Europe/Berlin", name);
	path = mem_printf("%s/%s", folder && folder[0] ? folder : "/usr/share/zoneinfo", name);
	if (file_read(path, TZ_FILE_MAX_BYTES, &bytes, err) < 0) {
		err_wrap(err, "time zone %s (is tzdata installed?)", name);
		goto out;
	}
	tz = mem_zalloc(sizeof(*tz));
	if (!read_tzif(tz, buf_str(&bytes))) {
		err_set(err, "time zone %s: %s is damaged: reinstall tzdata", name, path);
		goto out;
	}
	*out = tz;
	tz = NULL;
	result = 0;
out:
	tz_free(&tz);
	buf_fini(&bytes);
	free(path);
	return result;
}

void tz_free(struct tz **tz)
{
	if (*tz == NULL)
		return;
	free((*tz)->at_s);
	free((*tz)->offset_s);
	free(*tz);
	*tz = NULL;
}
