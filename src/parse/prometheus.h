/* The Prometheus text exposition format and OpenMetrics, line by line. Pure.
 * Source: the public descriptions of text format 0.0.4 and OpenMetrics 1.0. */
#ifndef LLMDECK_PARSE_PROMETHEUS_H
#define LLMDECK_PARSE_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum prom_type { PROM_UNTYPED, PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM, PROM_SUMMARY };

#define PROM_LABELS_MAX 64
struct prom_label {
	struct str name, value; /* value unescaped */
};
struct prom_sample {
	struct str name;       /* as on the line, with _total, _bucket, _sum, _count */
	struct str family;     /* without such an ending, where the type says it is one */
	enum prom_type type;   /* of the family; UNTYPED when no # TYPE line came before */
	struct prom_label labels[PROM_LABELS_MAX];
	size_t label_count;
	double value;          /* may be NaN or infinite */
	int64_t time_us;       /* -1 when the line has none */
};

/* Fed in pieces of any size; calls `sample` for each sample line. */
struct prom_parser;
struct prom_parser *prom_parser_new(void (*sample)(void *arg, const struct prom_sample *s), void *arg);
/* Whether times are seconds with a fraction (OpenMetrics) or integer milliseconds. */
void prom_parser_set_openmetrics(struct prom_parser *p, bool openmetrics);
void prom_parser_feed(struct prom_parser *p, const char *bytes, size_t len);
/* Reads the last line. -1 when any line could not be read: the sentence names the first one and how
 * many there were; the good lines were delivered all the same. */
int prom_parser_end(struct prom_parser *p, struct err *err);
void prom_parser_free(struct prom_parser **p);
/* NULL-terminated lookup: the label's value or an empty string. */
struct str prom_label(const struct prom_sample *s, const char *name);

/* Bounds: a longer line is damage. */
#define PROM_LINE_MAX_BYTES 65536

#endif
