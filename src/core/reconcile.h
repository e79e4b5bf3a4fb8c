/* A provider's bill beside our own figure: what the difference is made of, as far as it can be told.
 * Pure; money is nano-dollars. */
#ifndef LLMDECK_CORE_RECONCILE_H
#define LLMDECK_CORE_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* One model in one stretch of a bill (a day, or what the bill's rows span). The first part is what is
 * known, the second what reconcile_explain() makes of it. Strings are the giver's, from outside. */
struct reconcile_row {
	int64_t from_us, to_us;
	const char *provider, *model; /* as the bill has them; "" = it does not say */
	const char *own_model;        /* what it was compared with; "" = nothing of ours, "*" = all that no other row has */
	const char *currency;         /* "" = US dollars are taken for granted */
	bool on_bill;                 /* false: ours alone */
	bool derived;                 /* own_model was found among the words of the bill, not by its model's name */
	int64_t bill_nusd;            /* with its credits */
	int64_t credits_nusd;         /* sum of its negative rows; at most 0 */
	int64_t rows, unknown_rows;   /* unknown: without a cost */
	int64_t bill_tokens;          /* -1: the bill does not say */
	int64_t own_nusd, own_requests, unpriced, own_tokens; /* own_tokens: input and output, of priced requests and others */
	int hours, silent_hours;      /* of the stretch; those in which nothing at all was received */

	bool comparable;              /* false: another currency, or none of its rows has a cost */
	int64_t difference_nusd;      /* bill less own; its parts follow and add up to it */
	int64_t by_credits_nusd;      /* discounts and credits */
	int64_t by_price_nusd;        /* the same tokens at another price; 0 where the bill counts no tokens */
	int64_t by_unpriced_nusd;     /* requests of ours that had no price, at the mean of those that had one */
	int64_t by_silence_nusd;      /* hours without telemetry, at the mean of the others */
	int64_t rest_nusd;            /* what nothing of this explains */
};
void reconcile_explain(struct reconcile_row *r);

/* Which rows of a bill are ours. */
enum bill_field { BILL_PROVIDER, BILL_SERVICE, BILL_MODEL, BILL_ACCOUNT, BILL_TEAM, BILL_REGION, BILL_FIELD_COUNT };
#define BILL_FILTERS_MAX 16
struct bill_filter {
	enum bill_field field;
	bool inverted;
	char value[201]; /* the whole value, case aside */
};
/* Reads "service=Azure OpenAI" or "service!=Storage"; -1 with the fields there are. */
int bill_filter_parse(const char *text, struct bill_filter *out, struct err *err);
/* Filters on one field are or-ed (inverted ones and-ed), fields are and-ed. `fields` has BILL_FIELD_COUNT. */
bool bill_filters_pass(const struct bill_filter *filters, size_t count, const char *const *fields);

/* Index of the name that stands in a text of a bill ("Azure OpenAI GPT 4o 0806 Inp glbl Tokens"), the longest
 * one: case and separators aside, whole words only, and not where a word follows that makes another model
 * of it ("mini"). Names of fewer than four letters and digits, or without a digit, are not looked for. count:
 * there is none. */
size_t reconcile_model_in(const char *text, const char *const *names, size_t count);

/* Whether the bill's days begin at another hour than they were read with: the shift of all stretches, in
 * hours from -14 to 14, with which they fit our hourly figures best. `hours` begins at first_us, a whole
 * hour. 0 unless the difference falls by half at least, and by two percent of the bill. *left and
 * *before get the sums of differences with that shift and without. */
struct reconcile_day {
	int64_t from_us, to_us, bill_nusd; /* without credits */
};
int reconcile_shift(const struct reconcile_day *days, size_t count, const int64_t *hours, size_t hour_count, int64_t first_us,
                    int64_t *before, int64_t *left);

#endif
