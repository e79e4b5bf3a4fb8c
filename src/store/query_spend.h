/* What one value of a many-valued attribute (a user, a key) costs, from the bounded summaries. */
#ifndef LLMDECK_STORE_QUERY_SPEND_H
#define LLMDECK_STORE_QUERY_SPEND_H

#include "store/query.h"

struct attr_spend {
	int64_t from_us, to_us, step_us; /* as widened: to ten minutes at least */
	int64_t cost_nusd, requests;     /* cost: what is known for certain; requests: at most */
	bool bound;                      /* some summary had let go of the value: it may have cost more */
	int64_t *series;                 /* cost by step; NULL without steps */
	size_t steps;
};
/* step_us 0: the sum alone. The cost of asking grows with the buckets of the window, not with what is
 * in them. */
int query_attr_spend(struct store_reader *r, enum attr a, struct str value, int64_t from_us, int64_t to_us, int64_t step_us,
                     struct attr_spend *out, struct err *err);
void attr_spend_fini(struct attr_spend *s);

#endif
