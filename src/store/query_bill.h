/* Imported billing rows beside our own figures, by day and model. */
#ifndef LLMDECK_STORE_QUERY_BILL_H
#define LLMDECK_STORE_QUERY_BILL_H

#include "base/timefmt.h"
#include "core/reconcile.h"
#include "store/query.h"

struct reconcile_result {
	struct reconcile_row *rows;  /* explained; by day, then the greatest difference first */
	size_t row_count;
	int64_t from_us, to_us;      /* what the bill covers of what was asked for */
	int shift_hours;             /* the bill's days seem to begin so much later (see reconcile_shift()); 0: no */
	int64_t shift_before_nusd, shift_left_nusd;
	bool truncated;              /* there are more billing rows than were read */
	int64_t apart_rows, apart_nusd, apart_unsummed; /* left out by the filters; unsummed: not in US dollars, or without a cost */
	struct arena arena;
};
/* What of the bill is asked for. */
struct reconcile_ask {
	int64_t from_us, to_us;
	const struct tz *tz;       /* whose days; NULL: UTC */
	const struct bill_filter *filters;
	size_t filter_count;
};
/* Rows of the bill that begin in [from_us, to_us) and pass the filters. Stretches of up to a day are put together by days; longer ones stand alone. A model of the bill is compared with ours of the same
 * name, else with the one whose name it begins with ("gpt-4o-2024-08-06" with "gpt-4o"); else,
 * marked as derived, with one whose name stands among the words of its model or description; other rows
 * without a model with all that no other row names. */
int query_reconcile(struct store_reader *r, const struct reconcile_ask *ask, struct reconcile_result *out, struct err *err);
void reconcile_result_fini(struct reconcile_result *res);
/* The newest begin of a billing row; 0 when there is none. */
int query_newest_bill(struct store_reader *r, int64_t *newest_us, struct err *err);

#endif
