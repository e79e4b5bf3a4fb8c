/* The JSON in which a Prometheus-compatible server answers /api/v1/query and query_range. Pure.
 * Source: the public description of Prometheus's HTTP API; VictoriaMetrics, Thanos and Mimir differ in
 * the order of keys, whole seconds, and scalars given as vectors. */
#ifndef LLMDECK_PARSE_PROMETHEUS_ANSWER_H
#define LLMDECK_PARSE_PROMETHEUS_ANSWER_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "parse/prometheus.h"

struct prom_answer {
	size_t points;      /* samples given to the callback */
	struct err error;   /* the server's own words when it refused, "" when it did not */
	struct err warning; /* its first warning; "" = none */
};

/* Calls `sample` for each point of a vector, matrix or scalar: the name is the series' __name__ (or
 * empty), the type UNTYPED. Strings are borrowed for the call. -1 with a sentence when the text is no
 * such answer; what was read before was delivered. A refusal ("status":"error") is 0 with `error`. */
int prom_answer_read(struct str json, void (*sample)(void *arg, const struct prom_sample *s), void *arg,
                     struct prom_answer *out, struct err *err);

#endif
