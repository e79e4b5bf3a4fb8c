/* Times, durations and time zones as text. All times are integer microseconds, UTC. Pure but for
 * tz_load, which reads TZif files. */
#ifndef LLMDECK_BASE_TIMEFMT_H
#define LLMDECK_BASE_TIMEFMT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tz; /* one zone of the system's database; NULL means UTC wherever a tz is taken */

/* Loads "Europe/Berlin" and the like from $TZDIR or /usr/share/zoneinfo ("UTC" needs no file).
 * Names with "..", a leading "/" or control bytes are refused. Owned by the caller. */
int tz_load(struct tz **out, const char *name, struct err *err);
void tz_free(struct tz **tz);
/* Offset east of UTC in seconds in force at `utc_us`; beyond the file's table its POSIX rule. */
int32_t tz_offset_s(const struct tz *tz, int64_t utc_us);
/* The UTC instant of a local wall time given as if it were UTC. In a gap the instant after it, in
 * an overlap the earlier one. */
int64_t tz_to_utc_us(const struct tz *tz, int64_t local_us);

enum time_unit { TIME_UNIT_AUTO, TIME_UNIT_S, TIME_UNIT_MS, TIME_UNIT_US, TIME_UNIT_NS };

/* Parses a time: RFC 3339 (any fraction length, Z or ±HH:MM), "YYYY-MM-DD HH:MM:SS[.f…]" or
 * "YYYY-MM-DDTHH:MM:SS" without zone (taken in `tz`), a date alone (its midnight in `tz`), or
 * an epoch number in `unit` (AUTO tells s, ms, us and ns by magnitude; fractions allowed).
 * Fractions beyond microseconds are cut. Valid from 1970 to 2199. False when it is none of these. */
bool time_parse(struct str s, const struct tz *tz, enum time_unit unit, int64_t *out_us);

/* "2026-11-23T13:21:33Z", with 3 or 6 fraction digits only when they are not zero. Returns `out`. */
#define TIME_TEXT_BYTES 32
char *time_format(int64_t us, char out[TIME_TEXT_BYTES]);
/* "13:21:33" in `tz`. */
char *time_format_clock(int64_t us, const struct tz *tz, char out[TIME_TEXT_BYTES]);

/* "90s", "15m", "1h30m", "250ms", "7d", "3y" (365 d); a bare number is refused. Not negative. */
bool duration_parse(struct str s, int64_t *out_us);
/* The shortest of two units that say it: "1h30m", "15m", "4.2s", "610ms". */
char *duration_format(int64_t us, char out[TIME_TEXT_BYTES]);

/* Days since 1970-01-01 of a civil date, and back (proleptic Gregorian). */
int64_t civil_to_days(int64_t year, unsigned month, unsigned day);
void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
