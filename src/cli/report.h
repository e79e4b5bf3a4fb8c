/* What a report holds and the ways to write it. */
#ifndef LLMDECK_CLI_REPORT_H
#define LLMDECK_CLI_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/window.h"
#include "core/figures.h"
#include "core/value.h"
#include "store/query.h"

struct report {
	struct window window;
	struct figures_result figures;
	struct breakdown_result flags;       /* by group and category */
	struct breakdown_result flags_total; /* by category alone */
	const char **categories;             /* every category in the window; borrowed from flags_total */
	size_t category_count;
	const struct report *compared; /* the other window, grouped alike; NULL: none */
};

/* One scalar of a set of requests. */
enum report_kind { REPORT_INTEGER, REPORT_SHARE, REPORT_USD };
struct report_number {
	enum quality quality;
	int64_t whole; /* count, or nano-dollars for REPORT_USD */
	double share;  /* of REPORT_SHARE, 0-1 */
};
struct report_field {
	const char *name; /* as in JSON and CSV */
	enum report_kind kind;
	struct report_number (*get)(const struct figures *f);
};
extern const struct report_field report_fields[]; /* name NULL ends it */

/* The sketches a report shows: {count, p50, p90, p95, p99, max} each. */
struct report_sketch {
	const char *name;   /* "latency_ms" */
	enum sketch_kind kind;
	double unit;        /* raw values divided by this are shown */
};
#define REPORT_SKETCHES 4
extern const struct report_sketch report_sketches[REPORT_SKETCHES];
#define REPORT_QUANTILES 5
extern const struct report_quantile {
	const char *name;
	double q;
} report_quantiles[REPORT_QUANTILES];

/* Appends the number as JSON and CSV write it: "null" and "" when it is unknown. */
void report_append_number(struct buf *out, const struct report_field *field,
                          struct report_number n, const char *unknown);

/* The number of findings of a category: group NULL for the total; step -1 for the whole window. */
int64_t report_flag_count(const struct report *r, const struct figures_group *group,
                          const char *category, int64_t step);

/* INTERFACE: report --format json, schema version 1. */
void report_write_json(const struct report *r, struct buf *out);
void report_write_csv(const struct report *r, struct buf *out);
/* `width`: columns of the terminal, 0 = no bound. */
void report_write_table(const struct report *r, int width, struct buf *out);

/* The window that `text` names: "before" (as long, just before), a duration (as long, so much earlier) or
 * "FROM..TO"; filters and grouping are those of `now`. `option`: in the sentence of an error. */
int report_compare_window(const char *option, const char *text, const struct tz *tz, const struct view *now, struct view *then, struct err *err);
/* Both windows beside each other. */
void report_write_compared(const struct report *r, int width, struct buf *out);
void report_write_compared_csv(const struct report *r, struct buf *out);

/* The hand-over of the shift of that length that ends now, as text or JSON. */
int report_shift(struct store_reader *r, int64_t now_us, int64_t length_us, bool json, struct buf *out, struct err *err);

#endif
