/* Which value of which attribute explains the bad requests: a test of each value, bounds that allow for how
 * many values were tried, and the order in which they are worth looking at. Pure. */
#ifndef LLMDECK_CORE_SUSPECTS_H
#define LLMDECK_CORE_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUSPECT_BAD_MIN 5      /* fewer bad requests than that are never named */
#define SUSPECT_LIFT_MIN 1.2   /* the lower bound of the lift above which a value is named */
#define SUSPECT_ALPHA 0.01     /* chance that anything at all is named where nothing is wrong */

/* One value and what is known of it. */
struct suspect {
	uint32_t attribute, value; /* the caller's own numbers */
	int64_t bad, total;        /* requests with this value */
	double lift;     /* its share of the bad requests over its share of the others; where every request with it is bad
	                  * half a request more is assumed among the others */
	double lift_low; /* lower confidence bound of that: exact binomial (Clopper and Pearson 1934), one-sided, at
	                  * SUSPECT_ALPHA divided by the values tried (Bonferroni) */
	double evidence; /* G = 2 sum(observed * ln(observed / expected)) of the two by two table (Woolf 1957); 0 when
	                  * it occurs less than outside */
	bool named;
	int explained_by; /* index (after suspects_rank) of the stronger one it merely goes along with; -1 */
};

/* Fills in lift, bounds and evidence of values among `total` requests of which `bad` are bad. `tried`: how
 * many values there were in all, at least `count`. */
void suspects_weigh(struct suspect *list, size_t count, int64_t bad, int64_t total, size_t tried);

/* How many requests of a sample have which of the listed values: bit i of the mask is list[i]. Bad and good
 * ones may have been sampled at rates of their own. */
struct suspect_cell {
	uint64_t mask;
	int64_t bad, good;
};
#define SUSPECTS_RANKED_MAX 48 /* values that take part in the ranking */

/* Orders the list: first the one with most evidence, then what has most of it among the requests without those
 * before it (or, inside theirs, stands out again), then what those explain, then what is not named. Only the
 * first SUSPECTS_RANKED_MAX of the list may be named; call it with those of the highest evidence. Ties keep
 * their order. `tried` as above. */
void suspects_rank(struct suspect *list, size_t count, const struct suspect_cell *cells, size_t cell_count, size_t tried);

#endif
