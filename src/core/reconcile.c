/* The parts are taken off one after another, each at most what is left of its sign, so that they always
 * add up: first what is certain (credits), then the price, which tokens tell, then what we know we have
 * not seen. */
#include "core/reconcile.h"

#include <string.h>

#include "base/clock.h"

#define SHIFT_MOST 14
#define SHIFT_DAYS_LEAST 3

/* At most `part` of what is left, when both have one sign. */
static int64_t take(int64_t *left, double part)
{
	int64_t taken = part > 9e18 ? INT64_MAX : part < -9e18 ? INT64_MIN : (int64_t)part;

	if (*left == 0 || (taken > 0) != (*left > 0))
		return 0;
	if ((*left > 0 && taken > *left) || (*left < 0 && taken < *left))
		taken = *left;
	*left -= taken;
	return taken;
}

void reconcile_explain(struct reconcile_row *r)
{
	int64_t priced = r->own_requests - r->unpriced, left;

	r->comparable = (!*r->currency || strcmp(r->currency, "USD") == 0) && (!r->rows || r->unknown_rows < r->rows);
	r->by_credits_nusd = r->by_price_nusd = r->by_unpriced_nusd = r->by_silence_nusd = r->rest_nusd = r->difference_nusd = 0;
	if (!r->comparable)
		return;
	r->difference_nusd = r->bill_nusd - r->own_nusd;
	r->by_credits_nusd = r->credits_nusd;
	left = r->difference_nusd - r->credits_nusd;
	if (r->bill_tokens > 0 && r->own_tokens > 0 && r->own_nusd > 0 && r->unpriced == 0) {
		double expected = (double)r->own_nusd * (double)r->bill_tokens / (double)r->own_tokens;

		/* Of either sign: a lower price may hide behind more tokens. */
		r->by_price_nusd = (int64_t)((double)(r->bill_nusd - r->credits_nusd) - expected);
		left -= r->by_price_nusd;
	}
	if (r->unpriced > 0)
		r->by_unpriced_nusd = take(&left, priced > 0 ? (double)r->own_nusd / (double)priced * (double)r->unpriced : 9.1e18);
	if (r->silent_hours > 0)
		r->by_silence_nusd = take(&left, r->hours > r->silent_hours
		                          ? (double)r->own_nusd * r->silent_hours / (r->hours - r->silent_hours) : 9.1e18);
	r->rest_nusd = left;
}

static int64_t own_between(const int64_t *hours, size_t hour_count, int64_t first_us, int64_t from_us, int64_t to_us)
{
	int64_t sum = 0;

	for (int64_t at = from_us - ((from_us % US_PER_HOUR) + US_PER_HOUR) % US_PER_HOUR; at < to_us; at += US_PER_HOUR)
		if (at >= first_us && (size_t)((at - first_us) / US_PER_HOUR) < hour_count)
			sum += hours[(at - first_us) / US_PER_HOUR];
	return sum;
}

int reconcile_shift(const struct reconcile_day *days, size_t count, const int64_t *hours, size_t hour_count, int64_t first_us,
                    int64_t *before, int64_t *left)
{
	int64_t bill = 0, best_left = 0;
	int best = 0;

	*before = *left = 0;
	for (size_t i = 0; i < count; i++)
		bill += days[i].bill_nusd > 0 ? days[i].bill_nusd : 0;
	for (int k = 0; k <= 2 * SHIFT_MOST; k++) {
		int shift = (k + 1) / 2 * (k % 2 ? 1 : -1); /* 0, 1, -1, 2, …: the smallest wins among equals */
		int64_t sum = 0;

		for (size_t i = 0; i < count; i++) {
			int64_t by = shift * US_PER_HOUR;
			int64_t d = days[i].bill_nusd - own_between(hours, hour_count, first_us, days[i].from_us + by, days[i].to_us + by);

			sum += d < 0 ? -d : d;
		}
		if (shift == 0)
			*before = best_left = sum;
		else if (sum < best_left) {
			best_left = sum;
			best = shift;
		}
	}
	*left = best_left;
	if (count < SHIFT_DAYS_LEAST || best_left > *before / 2 || *before - best_left < bill / 50)
		return 0;
	return best;
}
