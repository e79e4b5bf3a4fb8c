/* Numbers as people read them. Each writes into the caller's buffer and returns it; NaN becomes an
 * en dash, in ASCII to be mapped by the surface. Pure. */
#ifndef LLMDECK_UI_FMT_H
#define LLMDECK_UI_FMT_H

#include <stdint.h>

#define FMT_BYTES 32

/* Three significant digits with k, M, G, T: "0", "848", "6.1k", "18.1M", "0.42". */
char *fmt_si(double number, char out[FMT_BYTES]);
/* All digits, grouped by thin groups of three: "18 059 974". */
char *fmt_integer(int64_t number, char out[FMT_BYTES]);
/* A duration given in seconds: "0.8 ms", "610 ms", "4.20 s", "2m12s", "3h05m". */
char *fmt_seconds(double seconds, char out[FMT_BYTES]);
/* A share of 1 as per cent: 0.0042 → "0.42 %", 0.25 → "25 %". */
char *fmt_share(double share, char out[FMT_BYTES]);
/* An age: "0s", "59s", "12m", "3h", "2d". */
char *fmt_age(double seconds, char out[FMT_BYTES]);
/* A relative change with its sign: 0.41 → "+41 %", -0.003 → "-0.3 %"; beyond 10 "x11". */
char *fmt_change(double share, char out[FMT_BYTES]);
/* Money in dollars: "$38.20", "$0.0041", "$1.2k". */
char *fmt_usd(double usd, char out[FMT_BYTES]);
/* Bytes with binary prefixes: "512 B", "3.4 KiB". */
char *fmt_bytes(double bytes, char out[FMT_BYTES]);

/* Round ticks (1, 2, 5 times a power of ten) that cover [low, high] with at most `count` + 1 ticks.
 * Returns how many were written to ticks[] (at most count + 1); 0 when the range is not finite. */
int fmt_nice_ticks(double low, double high, int count, double *ticks);

#endif
