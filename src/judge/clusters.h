/* Remarks that say similar things, as named groups with a trend. Pure: the same remarks in the same
 * order give the same groups. Memory and time are bounded: 200,000 remarks, 65,536 different terms. */
#ifndef LLMDECK_JUDGE_CLUSTERS_H
#define LLMDECK_JUDGE_CLUSTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define CLUSTERS_REMARKS_MAX 200000
#define CLUSTERS_MAX 24
#define CLUSTERS_STEPS_MAX 64
#define CLUSTER_NAME_BYTES 64
#define CLUSTER_NONE 255 /* of a remark that is like no others */

struct clusters; /* what is remembered of the remarks: a few numbers each */

struct clusters *clusters_new(void);
void clusters_free(struct clusters **c);
/* Remembers what a remark is about (of its first 2 KiB); returns its number, counted from 0, or
 * UINT32_MAX when there are CLUSTERS_REMARKS_MAX already. A remark without words has a number, too. */
uint32_t clusters_add(struct clusters *c, struct str text);

/* A remark to be grouped. */
struct clusters_remark {
	uint32_t number;  /* as clusters_add() gave it; UINT32_MAX: belongs nowhere */
	bool negative;
	int64_t time_us;
};
struct cluster {
	char name[CLUSTER_NAME_BYTES]; /* words of the remarks in lower case, from outside: "refund policy" */
	uint32_t count, negative;
	uint32_t steps[CLUSTERS_STEPS_MAX]; /* remarks by time */
};
struct clusters_result {
	struct cluster clusters[CLUSTERS_MAX]; /* most complaints first, then most remarks; every one has at least two */
	size_t count;
	uint8_t *of; /* by remark: its index in clusters[], or CLUSTER_NONE; the caller frees it */
};
/* Groups these remarks. steps[i] counts those of [from_us + i * step_us, + step_us); `steps` is at most
 * CLUSTERS_STEPS_MAX and may be 0. About 10 ms for 100,000. */
void clusters_find(const struct clusters *c, const struct clusters_remark *remarks, size_t count, int64_t from_us,
                   int64_t step_us, size_t steps, struct clusters_result *out);

#endif
