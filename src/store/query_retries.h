/* Retries: how much of the traffic is the same call made again, and whether that has become a storm. As
 * store/query.h: no SQL, short read transactions. */
#ifndef LLMDECK_STORE_QUERY_RETRIES_H
#define LLMDECK_STORE_QUERY_RETRIES_H

#include "store/query.h"

/* A minute in which at least RETRY_STORM_CALLS calls were made again, and these were RETRY_STORM_SHARE of all calls
 * or more, is one of a storm. */
#define RETRY_STORM_CALLS 20
#define RETRY_STORM_SHARE 0.3

struct retry_row {
	const char *service, *provider, *model;
	const char *error_type;     /* what most of the failures were that calls were made again after; "" not told */
	int64_t requests, failed;
	int64_t retried;            /* calls with attempt > 1, or of a trace whose call just before failed */
	int64_t wasted_nusd;        /* what failed calls cost, as far as it is known */
	int64_t storm_minutes, storm_from_us, storm_to_us; /* of a storm; 0 none */
	int64_t peak_us, peak_retried, peak_requests; /* the minute with most of them */
};
struct retry_result {
	struct retry_row *rows; /* storms first, then by calls made again; only those with any */
	size_t row_count;
	int64_t requests, retried; /* of all */
	bool sampled; /* scan_limit was hit: the newest part alone */
	int64_t from_us;
	struct arena arena;
};
/* scan_limit: rows at most, newest first; 0 = all of the window. */
int query_retries(struct store_reader *r, const struct view *v, int64_t scan_limit, struct retry_result *out, struct err *err);
void retry_result_fini(struct retry_result *res);

/* Rate-limit headroom as replies and gateways told it: gauges "serving.remaining_requests" and
 * "serving.remaining_tokens", with "serving.limit_…" and "serving.reset_…_seconds" of the same source and instance. */
struct headroom_row {
	const char *source, *instance; /* instance: "openai/gpt-4o", a gateway's model, or a provider */
	bool tokens;         /* else requests */
	double left, least;  /* the newest, and the least in the window */
	double limit;        /* what it is left of; NaN not told */
	int64_t reset_us;    /* when it is full again; 0 not told */
	int64_t seen_us;     /* end of the step of the newest */
};
struct headroom_result {
	struct headroom_row *rows; /* least left first */
	size_t row_count;
	struct arena arena;
};
/* Empty where nobody tells. */
int query_headroom(struct store_reader *r, int64_t from_us, int64_t to_us, struct headroom_result *out, struct err *err);
void headroom_result_fini(struct headroom_result *res);

#endif
