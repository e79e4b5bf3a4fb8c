/* Which time, filters and grouping a command looks at, from its options and what the store holds. */
#ifndef LLMDECK_CLI_WINDOW_H
#define LLMDECK_CLI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "cli/args.h"
#include "core/view.h"
#include "store/query.h"

/* Rows that every command with a window has in its option table. */
#define WINDOW_OPTIONS \
	{"--since", "DURATION", "the last 15m, 1h, 7d … (default 1h)"}, \
	{"--from", "TIME", "start: RFC 3339, a date, or a clock time such as 13:00"}, \
	{"--to", "TIME", "end, not included; as --from"}, \
	{"--where", "FIELD=VALUE", "only these; != excludes; repeatable (one field: any of, several: all of)"}

struct window {
	struct view view; /* window, filters; by and step when the command has those options */
	struct store_summary summary;
	int64_t now_us;
	bool by_default; /* no option named a window */
	bool historic;   /* the newest data is older than the default window: HISTORY, not LIVE */
};

/* Reads the window options. Without any the window is the last hour, or the hour before the end of
 * the data when nothing newer is in the store. `tz` reads dates and clock times. -1 with a sentence
 * that names the option and what it takes. */
int window_read(struct window *w, const struct args *a, const struct store_summary *summary,
                const struct tz *tz, int64_t now_us, struct err *err);

/* A time as --from and --to take it; a clock time is the newest one at or before `near_us`, or
 * with `after_us` not 0 the first one after that. False when it is none of these. */
bool window_parse_time(const char *text, const struct tz *tz, int64_t near_us, int64_t after_us,
                       int64_t *out_us);

/* "2026-11-23T12:00:00Z to 13:00:00Z (1h), HISTORY, newest data 3d old, 1m buckets, DEMO": what every
 * table says above its figures. tier_us 0 leaves the buckets out. */
void window_describe(const struct window *w, int64_t from_us, int64_t to_us, int64_t tier_us,
                     struct buf *out);

/* Opens the store at `path` for reading and fills the summary. -1 with a sentence that says what to
 * do when there is none. */
int window_open_store(struct store_reader **reader, const char *path,
                      struct store_summary *summary, struct err *err);

#endif
