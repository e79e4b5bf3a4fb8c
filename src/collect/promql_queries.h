/* The questions that the source kind "promql" asks by itself: the names of serving_names.h as PromQL.
 * Pure. */
#ifndef LLMDECK_COLLECT_PROMQL_QUERIES_H
#define LLMDECK_COLLECT_PROMQL_QUERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/hash.h"

struct promql_query {
	char *gauge;      /* what its results are called */
	char *text;       /* PromQL */
	const char *lone; /* instance of a result without a label that names one; "" = by its labels */
	bool budget;      /* instances are teams and keys, not models */
};
struct promql_queries {
	struct promql_query *items;
	size_t count, cap;
};

/* Appends the query whose results' __name__ are those metrics of known servers that are there. */
void promql_discovery(struct buf *out);
/* Adds a query for each gauge that the metrics in `names` can tell. `window` is the range of rates:
 * "2m". */
void promql_built_in(struct promql_queries *q, const struct strmap *names, const char *window);
/* Adds one of the user's. */
void promql_add(struct promql_queries *q, const char *gauge, const char *text);
void promql_queries_fini(struct promql_queries *q);

#endif
