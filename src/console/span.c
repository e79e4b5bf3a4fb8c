/* Windows of time as people type them. */
#include <string.h>

#include "base/clock.h"
#include "console/console.h"

/* A time as `:t` takes it; a clock time is the newest one that is not after `near_us`. */
static bool parse_moment(struct str text, const struct tz *tz, int64_t near_us, int64_t *out_us)
{
	int64_t h, m, s = 0, local, day;
	struct str rest = text, hour = str_cut(&rest, ':'), minute = str_cut(&rest, ':');

	if (str_to_int64(hour, &h) && minute.len == 2 && str_to_int64(minute, &m) && h >= 0 && h < 24 &&
	    m >= 0 && m < 60 && (rest.len == 0 || (str_to_int64(rest, &s) && s >= 0 && s < 60))) {
		local = near_us + (int64_t)tz_offset_s(tz, near_us) * US_PER_S;
		day = local / US_PER_DAY * US_PER_DAY;
		*out_us = tz_to_utc_us(tz, day + (h * 3600 + m * 60 + s) * US_PER_S);
		if (*out_us > near_us)
			*out_us = tz_to_utc_us(tz, day - US_PER_DAY + (h * 3600 + m * 60 + s) * US_PER_S);
		return true;
	}
	return time_parse(text, tz, TIME_UNIT_AUTO, out_us);
}

int console_parse_moment(struct str text, int64_t now_us, const struct tz *tz, int64_t *out_us, struct err *err)
{
	if (parse_moment(str_trim(text), tz, now_us, out_us))
		return 0;
	return err_set(err, "%.*s: times are 13:00, 2026-11-23 or 2026-11-23T13:00:00Z", STR_ARG(text));
}

int console_parse_window(struct str text, int64_t now_us, const struct tz *tz, int64_t *length_us,
                         int64_t *from_us, int64_t *to_us, struct err *err)
{
	struct str trimmed = str_trim(text);
	const char *dots = trimmed.len > 2 ? memmem(trimmed.ptr, trimmed.len, "..", 2) : NULL;

	*from_us = *to_us = 0;
	if (!dots) {
		if (duration_parse(trimmed, length_us) && *length_us >= US_PER_MIN)
			return 0;
		return err_set(err, "%.*s: give a length such as 15m, 24h or 30d (1m at least), or two times "
		               "such as 13:00..13:20", STR_ARG(trimmed));
	}
	if (!parse_moment((struct str){trimmed.ptr, (size_t)(dots - trimmed.ptr)}, tz, now_us, from_us) ||
	    !parse_moment((struct str){dots + 2, trimmed.len - (size_t)(dots + 2 - trimmed.ptr)}, tz, now_us,
	                  to_us))
		return err_set(err, "%.*s: times are 13:00, 2026-11-23 or 2026-11-23T13:00:00Z",
		               STR_ARG(trimmed));
	if (*from_us > *to_us && *from_us - *to_us < US_PER_DAY)
		*from_us -= US_PER_DAY; /* 23:50..00:10 */
	if (*to_us - *from_us < US_PER_MIN)
		return err_set(err, "%.*s: the end has to be a minute or more after the start", STR_ARG(trimmed));
	*length_us = *to_us - *from_us;
	return 0;
}
