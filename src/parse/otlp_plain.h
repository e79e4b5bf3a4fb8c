/* Attributes of OTLP JSON as nearly every exporter writes them: without white space, escapes or anything but
 * a key and one scalar. Pure. */
#ifndef LLMDECK_PARSE_OTLP_PLAIN_H
#define LLMDECK_PARSE_OTLP_PLAIN_H

#include "parse/otlp.h"

/* Reads {"key":"…","value":{"…Value":…}} at `at`, borrowing its texts, and returns what stands behind it.
 * NULL when it is written in any other way, which need not be wrong; `out` then means nothing. */
const char *otlp_plain_attr(const char *at, const char *end, struct otlp_attr *out);

/* A 64-bit integer as the JSON mapping has it, in decimals; of a number with a fraction the whole part; 0 for what
 * is none or does not fit. */
int64_t otlp_plain_int(struct str text);

#endif
