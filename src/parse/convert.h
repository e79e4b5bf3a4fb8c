/* One value of a row → its field: text, times, durations, counts, money, ids, flags, with range checks.
 * Pure. A conversion returns NULL when it is done and a reason in a few words when the value is not
 * what the field takes. Values that say "nothing here" (empty, null …) leave the field unknown. */
#ifndef LLMDECK_PARSE_CONVERT_H
#define LLMDECK_PARSE_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/timefmt.h"
#include "core/event.h"
#include "parse/fields.h"

/* How times are read; zero-initialised is UTC, no origin. Holds a memo of the last day: one thread. */
struct time_reading {
	const struct tz *tz;
	bool has_origin;
	int64_t origin_us;
	char day_text[10]; /* memo: "2026-11-23" and its midnight */
	int64_t day_us;
};

/* NULL, null, None, nil, NaN, \N and the like. */
bool value_word_is_absent(struct str s);
/* The same or "". */
static inline bool value_is_absent(struct str s)
{
	if (s.len == 0)
		return true;
	char first = (char)(s.ptr[0] | 0x20);
	return (first == 'n' || first == 'u' || s.ptr[0] == '\\') && s.len <= 9 && value_word_is_absent(s);
}

const char *convert_time(struct time_reading *how, struct str s, enum field_unit unit, int64_t *out_us);
const char *convert_duration(struct str s, enum field_unit unit, int64_t *out_us);
/* 0 … EVENT_TOKENS_MAX; "12.0" is whole. */
const char *convert_count(struct str s, int64_t *out);
const char *convert_money(struct str s, int64_t *out_nusd);
const char *convert_number(struct str s, double *out);
/* Numbers as they are; thumbs in words become 1 and -1 (with unit share 1 and 0). */
const char *convert_score(struct str s, enum field_unit unit, double *out);
const char *convert_status(struct str s, uint8_t *status, uint16_t *http_status);
/* 32 or 16 hex digits (UUID dashes allowed in a trace id) as bytes; anything else is hashed into them. False when absent or
 * all zero. */
bool convert_trace_id(struct str s, uint8_t out[16]);
bool convert_span_id(struct str s, uint8_t out[8]);

/* "category", "category:severity", |-separated. Appends to flags[] (at most cap) with texts in the
 * batch; returns how many there are. */
#define FLAGS_PER_REQUEST_MAX 16
const char *convert_flag_list(struct batch *b, struct str s, struct flag *flags, uint32_t *count);
const char *convert_flag(struct batch *b, struct str s, struct flag *out);

#endif
