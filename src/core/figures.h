/* What rollups hold about a set of requests: counts, sums and sketches. Signed everywhere, so
 * that a correction takes back exactly what was added. */
#ifndef LLMDECK_CORE_FIGURES_H
#define LLMDECK_CORE_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "core/sketch.h"
#include "core/value.h"

enum sketch_kind {
	SKETCH_LATENCY_US,
	SKETCH_TTFT_US,
	SKETCH_INPUT_TOKENS,
	SKETCH_OUTPUT_TOKENS,
	SKETCH_COST_NUSD,
	SKETCH_COUNT
};

/* Sums over the requests whose completion lies in the window. A request with an unknown count adds
 * 0 to the sum and 0 to the matching sketch: sketch count < requests tells that the sum is a lower
 * bound. */
struct figures {
	int64_t requests, errors;
	int64_t unpriced;      /* requests without a cost */
	int64_t reported_cost; /* requests whose cost the source reported */
	int64_t cost_nusd;
	int64_t input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens;
	int64_t cached_known; /* requests that said how many tokens were cached */
	int64_t errors_lower_bound; /* requests from sources that send nothing for failed calls */
	int64_t flags, flagged_requests, blocked; /* findings, requests with any, blocked findings */
	int64_t feedback, positive, neutral, negative; /* feedback - the three = mood unknown */
	int64_t first_us, last_us; /* of the requests' ends; 0 when none. Not exact after a correction */
	struct sketch sketches[SKETCH_COUNT]; /* empty when the query did not ask for them */
};

void figures_merge(struct figures *into, const struct figures *from);
void figures_reset(struct figures *f);
void figures_fini(struct figures *f);

/* The metrics that panels, reports, alerts and budgets share: one table. `seconds` is the length
 * of the window or bucket that `f` covers. */
enum metric {
	METRIC_REQUESTS,           /* count */
	METRIC_REQUEST_RATE,       /* per second */
	METRIC_ERROR_RATE,         /* share 0-1 */
	METRIC_COST,               /* USD */
	METRIC_COST_RATE,          /* USD per hour */
	METRIC_COST_PER_1K,        /* USD per 1,000 requests */
	METRIC_LATENCY_P50, METRIC_LATENCY_P90, METRIC_LATENCY_P95, METRIC_LATENCY_P99, /* s */
	METRIC_TTFT_P50, METRIC_TTFT_P95, METRIC_TTFT_P99,                             /* s */
	METRIC_INPUT_TOKEN_RATE, METRIC_OUTPUT_TOKEN_RATE, /* per second */
	METRIC_CACHE_HIT_SHARE,    /* cached input tokens / input tokens, 0-1 */
	METRIC_FLAG_RATE,          /* findings per minute */
	METRIC_FLAGS_PER_1K,       /* findings per 1,000 requests */
	METRIC_FEEDBACK_RATE,      /* items per minute */
	METRIC_NEGATIVE_SHARE,     /* of feedback with known mood, 0-1 */
	METRIC_NEGATIVE_PER_100,   /* negative items per 100 feedback items with known mood */
	METRIC_COUNT
};
enum metric_unit { UNIT_COUNT, UNIT_PER_SECOND, UNIT_PER_MINUTE, UNIT_SHARE, UNIT_USD, UNIT_USD_PER_HOUR, UNIT_SECONDS, UNIT_PER_1K };
struct metric_info {
	const char *name;  /* as in config and output: "latency_p95" */
	const char *label; /* on screen: "p95" */
	enum metric_unit unit;
	int higher_is; /* +1 worse, -1 better, 0 neither */
	unsigned needs; /* enum figures_need bits of store/query.h */
	const char *help;
};
extern const struct metric_info metrics[METRIC_COUNT];
/* The row's name, as in config and --metric; false when there is none. */
bool metric_from_name(struct str name, enum metric *out);
/* Counts and rates of nothing are 0; shares, quantiles and per-1,000 figures of nothing are UNKNOWN.
 * UNKNOWN also when not one request told (no cost, no tokens, no cache figures); LOWER_BOUND when
 * some did not, or when a source sends nothing for failed calls (error rate). */
struct value metric_value(enum metric m, const struct figures *f, double seconds);

#endif
