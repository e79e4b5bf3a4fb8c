/* The names under which model servers and gateways tell their state, and what each means. Const
 * tables, used by the scrape (serving.c) and by the questions to a Prometheus server
 * (promql_queries.c). Private to src/collect. */
#ifndef LLMDECK_COLLECT_SERVING_NAMES_H
#define LLMDECK_COLLECT_SERVING_NAMES_H

#include <stddef.h>

#include "base/buf.h"
#include "core/serving.h"
#include "parse/prometheus.h"

/* What a server's metric feeds. */
enum channel {
	CH_RUNNING, CH_WAITING, CH_KV_CACHE, CH_PREFIX_SHARE, CH_BUDGET_LEFT, CH_REQUESTS_LEFT, CH_TOKENS_LEFT,
	CH_DEPLOYMENT_STATE,
	CH_PREFIX_QUERIES, CH_PREFIX_HITS, CH_PREEMPTIONS, CH_FINISHED, CH_FAILED, CH_INPUT, CH_OUTPUT, CH_SPEND,
	CH_TTFT, CH_INTER_TOKEN, CH_LATENCY, CH_QUEUE_TIME,
	CHANNEL_COUNT,
	CH_FIRST_HISTOGRAM = CH_TTFT,
	HISTOGRAM_COUNT = CHANNEL_COUNT - CH_FIRST_HISTOGRAM
};

enum how {
	HOW_SUM, HOW_MAX, HOW_MIN, /* gauges: how a model's series are put together */
	HOW_COUNTER,
	HOW_HISTOGRAM,
	HOW_HISTOGRAM_SUM,   /* the _sum of a histogram, as a counter */
	HOW_HISTOGRAM_COUNT, /* its _count */
};

struct wire_name {
	const char *family; /* without _total */
	enum channel channel;
	enum how how;
	double scale;      /* to seconds, shares, tokens */
	const char *label; /* only series with this label and value; NULL: all */
	const char *value; /* NULL: any non-empty one */
};
struct server_kind {
	const char *kind;   /* for people */
	const char *prefix; /* of every family */
	const char *labels[4]; /* that hold the model's name, best first; NULL ends them */
	struct wire_name names[24];
};

/* The last one, whose families have no prefix, is only thought of when no other fits. */
#define SERVER_KINDS 9
extern const struct server_kind server_kinds[SERVER_KINDS];

/* Appends the model's name as a sample's labels have it; nothing when none does. */
void serving_model_name(struct buf *out, const struct prom_sample *sample);
/* Appends whom a budget is for: "team NAME" or "key NAME". */
void serving_budget_name(struct buf *out, const struct prom_sample *sample);

struct channel_gauge {
	enum channel channel;
	enum serving_metric metric;
};
#define CHANNEL_GAUGES 8
extern const struct channel_gauge channel_gauges[CHANNEL_GAUGES];

/* Counters whose increase a second, times `scale`, is the gauge. */
struct channel_rate {
	enum channel channel;
	enum serving_metric metric;
	double scale;
};
#define CHANNEL_RATES 6
extern const struct channel_rate channel_rates[CHANNEL_RATES];

struct channel_quantile {
	enum channel channel;
	enum serving_metric metric;
	double q;
};
#define CHANNEL_QUANTILES 10
extern const struct channel_quantile channel_quantiles[CHANNEL_QUANTILES];

#endif
