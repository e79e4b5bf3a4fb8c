/* What model servers and gateways say of themselves: one table of canonical gauges. A scrape turns
 * each server's own names into these (collect/serving.c); the inference page reads them back. */
#ifndef LLMDECK_CORE_SERVING_H
#define LLMDECK_CORE_SERVING_H

#include "base/str.h"

enum serving_metric {
	SERVING_RUNNING,            /* requests being worked on */
	SERVING_WAITING,            /* requests in the queue */
	SERVING_KV_CACHE,           /* share 0-1 in use, of the fullest engine */
	SERVING_PREFIX_HIT_SHARE,   /* prefix-cache hits / queries, 0-1 */
	SERVING_PREEMPTION_RATE,    /* per second */
	SERVING_REQUEST_RATE,       /* finished, per second */
	SERVING_FAILURE_RATE,       /* failed, per second */
	SERVING_INPUT_TOKEN_RATE,   /* per second */
	SERVING_OUTPUT_TOKEN_RATE,  /* per second */
	SERVING_COST_RATE,          /* USD per hour, as a gateway counts it */
	SERVING_TTFT_P50, SERVING_TTFT_P95, SERVING_TTFT_P99,                      /* s */
	SERVING_INTER_TOKEN_P50, SERVING_INTER_TOKEN_P95, SERVING_INTER_TOKEN_P99, /* s */
	SERVING_LATENCY_P50, SERVING_LATENCY_P95, SERVING_LATENCY_P99,             /* s */
	SERVING_QUEUE_TIME_P95,     /* s */
	SERVING_REMAINING_BUDGET,   /* USD, by a gateway's team or key */
	SERVING_REMAINING_REQUESTS, SERVING_REMAINING_TOKENS, /* rate-limit headroom that replies told */
	SERVING_LIMIT_REQUESTS, SERVING_LIMIT_TOKENS,         /* what that is left of */
	SERVING_RESET_REQUESTS, SERVING_RESET_TOKENS,         /* s until it is full again, from when it was told */
	SERVING_DEPLOYMENT_STATE,   /* a gateway's word on its worst deployment: 0 healthy, 1 partly, 2 down */
	SERVING_COUNT
};

enum serving_unit { SERVING_UNIT_COUNT, SERVING_UNIT_SHARE, SERVING_UNIT_PER_SECOND, SERVING_UNIT_SECONDS, SERVING_UNIT_USD, SERVING_UNIT_USD_PER_HOUR };

struct serving_info {
	const char *name;  /* gauge name in the store: "serving.requests_running" */
	const char *label; /* column heading */
	enum serving_unit unit;
	bool estimate;     /* read from histogram buckets */
};
extern const struct serving_info serving_metrics[SERVING_COUNT];
/* False when no gauge has this name. */
bool serving_from_name(struct str name, enum serving_metric *out);

#endif
