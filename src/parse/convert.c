/* Decimal fractions go through str_to_scaled_int64, never through a double, so that "4940.703" ms is
 * 4940703 us. Times of the usual shape are read with a memo of the last day, all others by
 * time_parse. */
#include "parse/convert.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/money.h"

bool value_word_is_absent(struct str s)
{
	static const char *const words[] = {"null", "none", "nil", "nan", "n/a", "\\N", "undefined"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_equal_nocase(s, str_of(words[i])))
			return true;
	return false;
}

static bool digits(const char *p, int n)
{
	for (int i = 0; i < n; i++)
		if ((unsigned char)(p[i] - '0') > 9)
			return false;
	return true;
}

static int two(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* YYYY-MM-DD?HH:MM:SS[.fraction]Z, the day known from the last row. False: ask time_parse. */
static bool time_of_known_day(const struct time_reading *how, struct str s, int64_t *out_us)
{
	const char *p = s.ptr;

	if (s.len < 20 || p[s.len - 1] != 'Z' || memcmp(p, how->day_text, 10) != 0)
		return false;
	if ((p[10] != 'T' && p[10] != ' ') || p[13] != ':' || p[16] != ':' || !digits(p + 11, 2) ||
	    !digits(p + 14, 2) || !digits(p + 17, 2))
		return false;
	int hour = two(p + 11), minute = two(p + 14), second = two(p + 17);
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	int64_t fraction = 0;
	if (s.len > 20) {
		size_t n = s.len - 21;
		if (p[19] != '.' || n == 0 || n > 6 || !digits(p + 20, (int)n))
			return false;
		for (size_t i = 0; i < 6; i++)
			fraction = fraction * 10 + (i < n ? p[20 + i] - '0' : 0);
	}
	*out_us = how->day_us + ((hour * 60 + minute) * 60 + second) * US_PER_S + fraction;
	return true;
}

/* MM/DD/YYYY, as Azure's exports write it, with whatever follows the date. */
static bool time_of_us_date(const struct time_reading *how, struct str s, int64_t *out_us)
{
	struct str rest = s, month = str_cut(&rest, '/'), day = str_cut(&rest, '/');
	int64_t m, d;

	if (rest.len < 4 || rest.len > 20 || !digits(rest.ptr, 4) || !str_to_int64(month, &m) ||
	    !str_to_int64(day, &d) || m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	char text[48];
	int len = snprintf(text, sizeof text, "%.4s-%02d-%02d%.*s", rest.ptr, (int)m, (int)d,
	                   (int)rest.len - 4, rest.ptr + 4);
	return time_parse((struct str){text, (size_t)len}, how->tz, TIME_UNIT_AUTO, out_us);
}

static const char not_a_time[] = "is not a time from 1970 to 2199";

static int unit_scale(enum field_unit unit)
{
	return unit == UNIT_MS ? 3 : unit == UNIT_US ? 0 : unit == UNIT_NS ? -3 : 6;
}

const char *convert_time(struct time_reading *how, struct str s, enum field_unit unit, int64_t *out_us)
{
	static const enum time_unit time_units[] = {
		[UNIT_NONE] = TIME_UNIT_AUTO, [UNIT_S] = TIME_UNIT_S, [UNIT_MS] = TIME_UNIT_MS,
		[UNIT_US] = TIME_UNIT_US, [UNIT_NS] = TIME_UNIT_NS,
	};
	int64_t offset;

	if (how->has_origin && str_to_scaled_int64(s, unit_scale(unit), &offset)) {
		if (offset < 0 || offset > EVENT_LATENCY_MAX_US * 400)
			return not_a_time;
		*out_us = how->origin_us + offset;
		return NULL;
	}
	if (time_of_known_day(how, s, out_us))
		return NULL;
	if (!time_parse(s, how->tz, unit <= UNIT_NS ? time_units[unit] : TIME_UNIT_AUTO, out_us) &&
	    !time_of_us_date(how, s, out_us))
		return not_a_time;
	if (s.len >= 20 && s.ptr[s.len - 1] == 'Z' && s.ptr[4] == '-') {
		memcpy(how->day_text, s.ptr, 10);
		how->day_us = *out_us - *out_us % US_PER_DAY;
	}
	return NULL;
}

const char *convert_duration(struct str s, enum field_unit unit, int64_t *out_us)
{
	int64_t us;

	if (!str_to_scaled_int64(s, unit_scale(unit == UNIT_NONE ? UNIT_MS : unit), &us) &&
	    !duration_parse(s, &us))
		return "is not a duration";
	if (us < 0)
		return "is negative";
	if (us > EVENT_LATENCY_MAX_US)
		return "is longer than 30 days";
	*out_us = us;
	return NULL;
}

const char *convert_count(struct str s, int64_t *out)
{
	int64_t whole, milli;

	if (!str_to_int64(s, &whole)) {
		if (!str_to_scaled_int64(s, 3, &milli) || milli % 1000 != 0)
			return "is not a whole number";
		whole = milli / 1000;
	}
	if (whole < 0)
		return "is negative";
	if (whole > EVENT_TOKENS_MAX)
		return "is more than 1,000,000,000";
	*out = whole;
	return NULL;
}

const char *convert_money(struct str s, int64_t *out_nusd)
{
	return money_parse_nusd(s, out_nusd) ? NULL : "is not an amount of money";
}

const char *convert_number(struct str s, double *out)
{
	return str_to_double(s, out) ? NULL : "is not a number";
}

/* Whether `s` is one of the blank-separated words, case aside. */
static bool is_one_of(struct str s, const char *words)
{
	struct str rest = str_of(words);

	while (rest.len)
		if (str_equal_nocase(str_cut(&rest, ' '), s))
			return true;
	return false;
}

const char *convert_score(struct str s, enum field_unit unit, double *out)
{
	char bare[FIELD_NAME_BYTES];
	struct str word = {bare, field_bare_name(bare, sizeof bare, s)};

	if (str_to_double(s, out))
		return NULL;
	if (is_one_of(word, "up thumbsup positive pos like liked good true yes \xF0\x9F\x91\x8D"))
		*out = 1;
	else if (is_one_of(word, "down thumbsdown negative neg dislike disliked bad false no \xF0\x9F\x91\x8E"))
		*out = unit == UNIT_SHARE_OF_ONE ? 0 : -1;
	else if (is_one_of(word, "neutral mixed"))
		*out = unit == UNIT_SHARE_OF_ONE ? 0.5 : 0;
	else
		return "is neither a number nor thumbs up or down";
	return NULL;
}

const char *convert_status(struct str s, uint8_t *status, uint16_t *http_status)
{
	int64_t code;

	if (str_to_int64(s, &code)) {
		if (code < 100 || code > 599)
			return "is no HTTP code";
		*http_status = (uint16_t)code;
		*status = code >= 400 ? REQUEST_ERROR : REQUEST_OK;
		return NULL;
	}
	if (is_one_of(s, "ok success succeeded successful completed complete true unset STATUS_CODE_OK STATUS_CODE_UNSET"))
		*status = REQUEST_OK;
	else if (is_one_of(s, "error failed failure fail timeout exception cancelled canceled false STATUS_CODE_ERROR"))
		*status = REQUEST_ERROR;
	else
		return "is neither ok, error nor an HTTP code";
	return NULL;
}

/* A hex digit's value + 1; 0 for every other byte. */
static const uint8_t hex_values[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Exactly 2 * n hex digits. */
static bool hex_bytes(struct str s, uint8_t *out, size_t n)
{
	if (s.len != 2 * n)
		return false;
	const uint8_t *p = (const uint8_t *)s.ptr;
	for (size_t i = 0; i < n; i++) {
		unsigned high = hex_values[p[2 * i]], low = hex_values[p[2 * i + 1]];
		if (!high || !low)
			return false;
		out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
	}
	return true;
}

/* A UUID's 32 digits without its dashes. */
static bool uuid_bytes(struct str s, uint8_t out[16])
{
	char bare[32];
	size_t n = 0;

	if (s.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash != (s.ptr[i] == '-'))
			return false;
		if (!dash)
			bare[n++] = s.ptr[i];
	}
	return hex_bytes((struct str){bare, 32}, out, 16);
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

bool convert_trace_id(struct str s, uint8_t out[16])
{
	if (value_is_absent(s))
		return false;
	if (!hex_bytes(s, out, 16) && !uuid_bytes(s, out)) {
		uint64_t a = hash_bytes(s.ptr, s.len), b = hash_mix(a, s.len);
		memcpy(out, &a, 8);
		memcpy(out + 8, &b, 8);
	}
	return !all_zero(out, 16);
}

bool convert_span_id(struct str s, uint8_t out[8])
{
	if (value_is_absent(s))
		return false;
	if (!hex_bytes(s, out, 8)) {
		uint64_t a = hash_bytes(s.ptr, s.len);
		memcpy(out, &a, 8);
	}
	return !all_zero(out, 8);
}

const char *convert_flag(struct batch *b, struct str s, struct flag *out)
{
	struct str severity = s, category = str_trim(str_cut(&severity, ':'));
	int64_t level = -1;

	severity = str_trim(severity);
	if (!category.len)
		return "names no category";
	if (severity.len && (!str_to_int64(severity, &level) || level < 0 || level > 7))
		return "has a severity that is not 0 to 7";
	out->category = batch_text(b, category, EVENT_NAME_MAX_BYTES);
	out->severity = (int8_t)level;
	out->action = FLAG_NOTED;
	return NULL;
}

const char *convert_flag_list(struct batch *b, struct str s, struct flag *flags, uint32_t *count)
{
	while (s.len) {
		struct str one = str_trim(str_cut(&s, '|'));
		if (value_is_absent(one))
			continue;
		if (*count == FLAGS_PER_REQUEST_MAX)
			return "has more than 16 flags";
		const char *why = convert_flag(b, one, &flags[*count]);
		if (why)
			return why;
		(*count)++;
	}
	return NULL;
}
