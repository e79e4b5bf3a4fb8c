/* The table of plain options: one row each, feeding the config reader, --help and llmdeck(5). */
#ifndef LLMDECK_CORE_OPTIONS_H
#define LLMDECK_CORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum option_type {
	OPTION_TEXT,
	OPTION_BOOL,
	OPTION_INT,
	OPTION_DURATION, /* int: microseconds */
	OPTION_BYTES,    /* int: bytes, "20GB" = 20e9, "20GiB" = 20 * 2^30 */
	OPTION_CHOICE,   /* int: index into choices */
};
enum option {
	OPTION_LISTEN,
	OPTION_TOKEN,
	OPTION_PRICES,
	OPTION_RETENTION_RAW, OPTION_RETENTION_ROLLUP_10S, OPTION_RETENTION_ROLLUP_1M,
	OPTION_RETENTION_ROLLUP_10M, OPTION_RETENTION_ROLLUP_1H, OPTION_RETENTION_TEXT, OPTION_RETENTION_SIZE,
	OPTION_THEME,
	OPTION_GRAPH,      /* braille | block | ascii */
	OPTION_ESCDELAY,
	OPTION_REFRESH,
	OPTION_WINDOW,     /* the console's first window */
	OPTION_MOUSE,
	OPTION_BELL,       /* enum screen_bell */
	OPTION_TZ,         /* clock on the screen */
	OPTION_SERIES_LIMIT,
	OPTION_REDACT,
	OPTION_KEEP_TEXT,
	OPTION_COUNT
};
union option_value {
	const char *text;
	bool yes;
	int64_t number;
};
struct option_row {
	const char *name; /* dotted path in the YAML: "retention.raw" */
	enum option_type type;
	const char *initial; /* default, as it would be written in the config */
	int64_t min, max;    /* of the number */
	const char *const *choices; /* NULL-terminated */
	const char *unit, *text;
};
extern const struct option_row options[OPTION_COUNT];
/* Parses `text` by the row; a TEXT value points into `text`. */
int option_parse(const struct option_row *row, const char *text, union option_value *out, struct err *err);

#endif
