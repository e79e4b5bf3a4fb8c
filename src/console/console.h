/* The full screen over a store. */
#ifndef LLMDECK_CONSOLE_CONSOLE_H
#define LLMDECK_CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/config.h"
#include "core/view.h"

/* A collector that is being started while the console draws already. */
struct console_start {
	int fd;    /* readable when there is news of it */
	/* Called when it is, and each second: 1 = not yet, 0 = it is over: `banner` holds what is to stay in
	 * the strip, "" for nothing; -1 with a sentence: the console makes no sense without it. Never
	 * waits. UI thread. */
	int (*ask)(void *arg, char *banner, size_t cap, struct err *err);
	void *arg;
};

struct console_options {
	const char *store_path;
	const char *socket_path;      /* the collector's; NULL = none is asked */
	const char *config_path;      /* re-read when it changes; NULL = none */
	const struct config *config;
	const char *context;          /* name in the header; NULL = none */
	const char *context_colour;   /* "red", …; NULL = none */
	const char *user;             /* in the header; NULL = who runs this */
	const char *banner;           /* one line that stays in the strip while it is quiet; NULL = none */
	const struct console_start *start; /* NULL = nothing is being started; for the full screen alone */
	bool demo;                    /* labelled DEMO whatever the store says */
	bool read_only;
	const char *theme;            /* NULL = the config's */
	const char *page;             /* page or panel by name or digit; NULL = overview */
	int64_t since_us;             /* length of the window; 0 = the config's */
	int64_t from_us, to_us;       /* a fixed window when to_us > 0 */
	struct view where;            /* filters only */
	int64_t other_from_us, other_to_us; /* a window that the incident page and the diff compare with; 0: none */
	int64_t other_ago_us;         /* or the shown one so much earlier */
	bool once;                    /* print one screen as text and leave */
	bool a11y;                    /* append-only lines, no drawing */
	int width, height;            /* of that one screen; 0 = the terminal's, else LINES × COLUMNS */
	double run_seconds;           /* with once: waits so long for data before it prints */
};

/* Runs until the user leaves. Returns 0, or -1 with a sentence when it could not start. Never
 * leaves the terminal changed. Main thread only. */
int console_run(const struct console_options *o, struct err *err);

/* Whether console_run() has no screen to take over and prints one as text: stdin or stdout is no
 * terminal, or TERM says that it cannot move its cursor. */
bool console_prints(const struct console_options *o);

/* Splits "1h", "13:00..13:20", "2026-11-23T13:00Z..2026-11-23T13:20Z" or "live" into a window:
 * *length_us alone for one that follows the clock (*to_us 0), else from and to. `now_us` says
 * which day a bare clock time means: the latest that is not in the future. */
int console_parse_window(struct str text, int64_t now_us, const struct tz *tz, int64_t *length_us,
                         int64_t *from_us, int64_t *to_us, struct err *err);

/* A time alone: "13:20", "2026-11-23T13:20:00Z"; a bare clock time is the newest that is not after `now_us`. */
int console_parse_moment(struct str text, int64_t now_us, const struct tz *tz, int64_t *out_us, struct err *err);

#endif
