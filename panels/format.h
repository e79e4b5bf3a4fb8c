/* Figures as short text for the screen. Unknown is –, a lower bound starts with ≥, an estimate
 * with ~. All pure. */
#ifndef LLMDECK_PANELS_FORMAT_H
#define LLMDECK_PANELS_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timefmt.h"
#include "core/figures.h"
#include "core/value.h"
#include "ui/surface.h"

#define FIGURE_TEXT_BYTES 40

/* "4.20s", "610ms", "$38.2/h", "0.42%", "848/s", "3/min": the figure with its unit. */
char *figure_format(enum metric_unit unit, struct value v, bool ascii, char out[FIGURE_TEXT_BYTES]);
/* The same without the unit where the heading says it: "4.20", "38.2". Times keep theirs. */
char *figure_format_bare(enum metric_unit unit, struct value v, bool ascii,
                         char out[FIGURE_TEXT_BYTES]);
/* A count: "848", "12.4k", "3.1M". */
char *count_format(double count, char out[FIGURE_TEXT_BYTES]);
/* "+41%", "-0.1pp" for shares; "=" when nothing moved; "–" when one side is unknown. */
char *change_format(enum metric_unit unit, struct value now, struct value before, bool ascii,
                    char out[FIGURE_TEXT_BYTES]);
/* Role for a change by what is worse; ROLE_MUTED when small or neither. */
style change_style(int higher_is, struct value now, struct value before);
/* A limit: ">2.0s", "<5". */
char *limit_format(enum metric_unit unit, double limit, bool below, bool ascii,
                   char out[FIGURE_TEXT_BYTES]);

/* Marks of a state: shape and letter and colour. */
enum state { STATE_UNKNOWN, STATE_OK, STATE_STALE, STATE_WARNING, STATE_CRITICAL };
uint32_t state_mark(enum state s, bool ascii); /* ● ◆ ▲ or o # ^ */
const char *state_word(enum state s);          /* "ok", "W", "C", "n/a", "old" */
style state_style(enum state s);

/* "13:06" or "21 Nov" as an axis label for a window of this length. */
char *axis_time(int64_t us, int64_t window_us, const struct tz *tz, char out[TIME_TEXT_BYTES]);
/* "prev 15m": what a change is measured against. */
char *reference_format(int64_t window_us, char out[FIGURE_TEXT_BYTES]);

#endif
