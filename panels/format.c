/* Numbers keep about three digits, whatever their size: what an eye can take in at once. */
#include "panels/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ui/fmt.h"

#define CLEAR_CHANGE 0.10 /* a change below a tenth is no news */

char *count_format(double count, char out[FIGURE_TEXT_BYTES])
{
	if (fabs(count) < 9999.5)
		snprintf(out, FIGURE_TEXT_BYTES, "%.0f", count);
	else
		fmt_si(count, out);
	return out;
}

static void seconds_text(double s, char *out, size_t cap)
{
	if (s == 0)
		snprintf(out, cap, "0s");
	else if (s < 0.000995)
		snprintf(out, cap, "%.0fus", s * 1e6);
	else if (s < 0.9995)
		snprintf(out, cap, "%.0fms", s * 1e3);
	else if (s < 9.995)
		snprintf(out, cap, "%.2fs", s);
	else if (s < 99.95)
		snprintf(out, cap, "%.1fs", s);
	else if (s < 5999.5)
		snprintf(out, cap, "%.0fs", s);
	else
		snprintf(out, cap, "%.1fh", s / 3600);
}

static void dollars_text(double usd, char *out, size_t cap)
{
	char number[FMT_BYTES];

	fmt_si(fabs(usd), number);
	snprintf(out, cap, "%s$%s", usd < 0 ? "-" : "", number);
}

static void number_text(enum metric_unit unit, double x, char *out, size_t cap)
{
	char si[FMT_BYTES];

	switch (unit) {
	case UNIT_SECONDS:
		seconds_text(x, out, cap);
		break;
	case UNIT_SHARE:
		x *= 100;
		snprintf(out, cap, x != 0 && fabs(x) < 9.995 ? "%.2f" : "%.1f", x);
		break;
	default:
		snprintf(out, cap, "%s", fmt_si(x, si));
		break;
	}
}

static const char *quality_sign(enum quality q, bool ascii)
{
	if (q == QUALITY_LOWER_BOUND)
		return ascii ? ">=" : "≥";
	return q == QUALITY_ESTIMATE ? "~" : "";
}

char *figure_format_bare(enum metric_unit unit, struct value v, bool ascii,
                         char out[FIGURE_TEXT_BYTES])
{
	char number[FMT_BYTES + 4];

	if (!value_known(v)) {
		snprintf(out, FIGURE_TEXT_BYTES, "%s", ascii ? "-" : "–");
		return out;
	}
	number_text(unit, v.number, number, sizeof number);
	snprintf(out, FIGURE_TEXT_BYTES, "%s%s", quality_sign(v.quality, ascii), number);
	return out;
}

static const char *unit_suffix(enum metric_unit unit)
{
	switch (unit) {
	case UNIT_PER_SECOND: return "/s";
	case UNIT_PER_MINUTE: return "/min";
	case UNIT_SHARE: return "%";
	case UNIT_USD_PER_HOUR: return "/h";
	case UNIT_PER_1K: return "/1k";
	default: return "";
	}
}

char *figure_format(enum metric_unit unit, struct value v, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	char number[FMT_BYTES + 4];

	if (!value_known(v))
		return figure_format_bare(unit, v, ascii, out);
	if (unit == UNIT_USD || unit == UNIT_USD_PER_HOUR)
		dollars_text(v.number, number, sizeof number);
	else
		number_text(unit, v.number, number, sizeof number);
	snprintf(out, FIGURE_TEXT_BYTES, "%s%.30s%s", quality_sign(v.quality, ascii), number,
	         unit_suffix(unit));
	return out;
}

char *change_format(enum metric_unit unit, struct value now, struct value before, bool ascii,
                    char out[FIGURE_TEXT_BYTES])
{
	if (!value_known(now) || !value_known(before)) {
		snprintf(out, FIGURE_TEXT_BYTES, "%s", ascii ? "-" : "–");
	} else if (unit == UNIT_SHARE) {
		double points = (now.number - before.number) * 100;

		if (fabs(points) < 0.005)
			snprintf(out, FIGURE_TEXT_BYTES, "=");
		else
			snprintf(out, FIGURE_TEXT_BYTES, fabs(points) < 9.95 ? "%+.2fpp" : "%+.0fpp", points);
	} else if (before.number == 0) {
		snprintf(out, FIGURE_TEXT_BYTES, "%s", now.number == 0 ? "=" : "new");
	} else {
		double percent = (now.number / before.number - 1) * 100;

		if (fabs(percent) < 0.5)
			snprintf(out, FIGURE_TEXT_BYTES, "=");
		else if (percent >= 999.5)
			snprintf(out, FIGURE_TEXT_BYTES, "x%.0f", now.number / before.number);
		else
			snprintf(out, FIGURE_TEXT_BYTES, "%+.0f%%", percent);
	}
	return out;
}

style change_style(int higher_is, struct value now, struct value before)
{
	double change;

	if (!value_known(now) || !value_known(before) || higher_is == 0)
		return ROLE_MUTED;
	change = before.number == 0 ? (now.number > 0 ? 1 : 0) : now.number / before.number - 1;
	change *= higher_is;
	if (fabs(change) < CLEAR_CHANGE)
		return ROLE_MUTED;
	return change > 0 ? ROLE_NEGATIVE : ROLE_POSITIVE;
}

char *limit_format(enum metric_unit unit, double limit, bool below, bool ascii,
                   char out[FIGURE_TEXT_BYTES])
{
	char number[FIGURE_TEXT_BYTES];

	figure_format(unit, value_ok(limit), ascii, number);
	snprintf(out, FIGURE_TEXT_BYTES, "%c%.*s", below ? '<' : '>', FIGURE_TEXT_BYTES - 2, number);
	return out;
}

uint32_t state_mark(enum state s, bool ascii)
{
	switch (s) {
	case STATE_OK: return ascii ? 'o' : 0x25CF;
	case STATE_WARNING: return ascii ? '#' : 0x25C6;
	case STATE_CRITICAL: return ascii ? '^' : 0x25B2;
	case STATE_STALE: return ascii ? '.' : 0x25CB;
	default: return '?';
	}
}

const char *state_word(enum state s)
{
	static const char *const words[] = {"n/a", "ok", "old", "W", "C"};

	return words[s];
}

style state_style(enum state s)
{
	static const enum role roles[] = {ROLE_UNKNOWN, ROLE_OK, ROLE_STALE, ROLE_WARNING,
	                                  ROLE_CRITICAL};

	return (style)(roles[s] | (s >= STATE_WARNING ? STYLE_BOLD : 0u));
}

char *axis_time(int64_t us, int64_t window_us, const struct tz *tz, char out[TIME_TEXT_BYTES])
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	if (window_us > 2 * US_PER_DAY) {
		int64_t local = us + tz_offset_s(tz, us) * US_PER_S, year;
		unsigned month, day;

		civil_from_days(local / US_PER_DAY, &year, &month, &day);
		snprintf(out, TIME_TEXT_BYTES, "%u %s", day, months[(month + 11) % 12]);
	} else {
		time_format_clock(us, tz, out);
		if (window_us >= 5 * US_PER_MIN)
			out[5] = '\0'; /* hours and minutes are enough */
	}
	return out;
}

char *reference_format(int64_t window_us, char out[FIGURE_TEXT_BYTES])
{
	char length[TIME_TEXT_BYTES];

	snprintf(out, FIGURE_TEXT_BYTES, "prev %s", duration_format(window_us, length));
	return out;
}
