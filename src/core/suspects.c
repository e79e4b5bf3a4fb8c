/* A value is judged by the odds that a request with it is bad. The lift is those odds over the odds of all
 * requests, which is the same number as its share of the bad over its share of the others; so it does not
 * matter at which rates bad and good requests were sampled.
 *
 * Ranking takes values greedily: the strongest first; then each of the others is judged again in each stratum of
 * requests that do not differ in what was taken: among those without (does it explain anything by itself?)
 * and among those with (does it narrow them down?). What stands out in none goes along with something stronger. */
#include "core/suspects.h"

#include <math.h>
#include <string.h>

/* ── bounds ────────────────────────────────────────────────────────────────────────────────── */

/* Continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1);

	d = 1 / (fabs(d) < tiny ? tiny : d);
	double h = d;

	for (int m = 1; m < 20000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		if (fabs(d * c - 1) < 1e-12)
			break;
	}
	return h;
}

/* Regularised incomplete beta function I_x(a, b); the chance of at least a successes in a + b - 1 trials. */
static double beta_share(double a, double b, double x)
{
	int sign;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) + b * log1p(-x));

	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* The least share with which at least `bad` of `total` still happens with a chance of alpha. */
static double share_low(int64_t bad, int64_t total, double alpha)
{
	double low = 0, high = (double)bad / (double)total;

	for (int i = 0; i < 48 && high - low > 1e-9 * high; i++) {
		double middle = (low + high) / 2;

		if (beta_share((double)bad, (double)(total - bad) + 1, middle) < alpha)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Wilson's bound: close enough for what does not stand out anyway, and cheap. */
static double share_low_rough(int64_t bad, int64_t total, double z)
{
	double n = (double)total, p = (double)bad / n, zz = z * z;

	return fmax(0, (p + zz / (2 * n) - z * sqrt(p * (1 - p) / n + zz / (4 * n * n))) / (1 + zz / n));
}

/* The deviation that a normal variable exceeds with a chance of alpha. */
static double deviation_of(double alpha)
{
	double low = 0, high = 40;

	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (erfc(middle / sqrt(2)) / 2 > alpha)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ── one value ─────────────────────────────────────────────────────────────────────────────── */

/* Two by two: requests with the value, and all of them. */
struct table {
	int64_t bad, total, all_bad, all;
};
struct strictness {
	double alpha, z;
};

static struct strictness strictness_of(size_t tried)
{
	double alpha = SUSPECT_ALPHA / (double)(tried ? tried : 1);

	return (struct strictness){alpha, deviation_of(alpha)};
}

static double odds(double share)
{
	return share / (1 - share);
}

static double term(double seen, double expected)
{
	return seen > 0 ? seen * log(seen / expected) : 0;
}

static double evidence_of(const struct table *t)
{
	double n = (double)t->total, all = (double)t->all, rate = (double)t->all_bad / all;
	double bad = (double)t->bad, others = (double)t->all_bad - bad, rest = all - n;

	if (bad <= n * rate || rest <= 0)
		return 0;
	return 2 * (term(bad, n * rate) + term(n - bad, n * (1 - rate)) + term(others, rest * rate) +
	            term(rest - others, rest * (1 - rate)));
}

static bool standing_out(const struct table *t, double z)
{
	double rate = (double)t->all_bad / (double)t->all, expected = (double)t->total * rate;

	return t->bad >= SUSPECT_BAD_MIN && (double)t->bad - expected > z / 2 * sqrt(expected * (1 - rate));
}

static void weigh(struct suspect *s, const struct table *t, struct strictness how)
{
	int64_t good = t->all - t->all_bad;

	s->lift = s->lift_low = s->evidence = 0;
	s->named = false;
	if (t->total <= 0 || t->all_bad <= 0 || good <= 0)
		return;
	double rest = t->total > t->bad ? (double)(t->total - t->bad) : 0.5;
	double share = standing_out(t, how.z) ? share_low(t->bad, t->total, how.alpha)
	                                      : share_low_rough(t->bad, t->total, how.z);

	s->lift = (double)t->bad / (double)t->all_bad / (rest / (double)good);
	s->lift_low = fmin(s->lift, odds(fmin(share, 1 - 1e-12)) * (double)good / (double)t->all_bad);
	s->evidence = evidence_of(t);
	s->named = t->bad >= SUSPECT_BAD_MIN && s->lift_low >= SUSPECT_LIFT_MIN;
}

void suspects_weigh(struct suspect *list, size_t count, int64_t bad, int64_t total, size_t tried)
{
	struct strictness how = strictness_of(tried);

	for (size_t i = 0; i < count; i++) {
		const struct table t = {list[i].bad, list[i].total, bad, total};

		list[i].explained_by = -1;
		weigh(&list[i], &t, how);
	}
}

/* ── several values ────────────────────────────────────────────────────────────────────────── */

#define TAKEN_MOST 6
#define STRATA (1u << TAKEN_MOST)

struct ranking {
	const struct suspect *list;
	size_t count;
	const struct suspect_cell *cells;
	size_t cell_count;
	struct strictness how;
	size_t taken[TAKEN_MOST], taken_count;
};

static bool is_taken(const struct ranking *r, size_t i)
{
	for (size_t k = 0; k < r->taken_count; k++)
		if (r->taken[k] == i)
			return true;
	return false;
}

/* Which of those taken a cell's requests have, as a number. */
static size_t stratum_of(const struct ranking *r, uint64_t mask)
{
	size_t stratum = 0;

	for (size_t k = 0; k < r->taken_count; k++)
		stratum |= (size_t)(mask >> r->taken[k] & 1) << k;
	return stratum;
}

/* The evidence for value `i` in the strata in which it stands out; 0: in none. */
static double evidence_left(const struct ranking *r, size_t i)
{
	struct table tables[STRATA];
	double sum = 0;

	memset(tables, 0, sizeof tables);
	for (size_t c = 0; c < r->cell_count; c++) {
		const struct suspect_cell *cell = &r->cells[c];
		struct table *t = &tables[stratum_of(r, cell->mask)];
		int64_t all = cell->bad + cell->good;

		t->all_bad += cell->bad;
		t->all += all;
		t->bad += cell->mask >> i & 1 ? cell->bad : 0;
		t->total += cell->mask >> i & 1 ? all : 0;
	}
	for (size_t k = 0; k < (size_t)1 << r->taken_count; k++) {
		struct suspect s = {.bad = tables[k].bad, .total = tables[k].total};

		weigh(&s, &tables[k], r->how);
		sum += s.named ? s.evidence : 0;
	}
	return sum;
}

/* Of those taken, the one that shares most bad requests with value `i`; its place in the order. */
static size_t companion(const struct ranking *r, size_t i)
{
	int64_t most = -1;
	size_t best = 0;

	for (size_t k = 0; k < r->taken_count; k++) {
		uint64_t both = UINT64_C(1) << i | UINT64_C(1) << r->taken[k];
		int64_t bad = 0;

		for (size_t c = 0; c < r->cell_count; c++)
			bad += (r->cells[c].mask & both) == both ? r->cells[c].bad : 0;
		if (bad > most) {
			most = bad;
			best = k;
		}
	}
	return best;
}

/* The next to be taken, SIZE_MAX when no other stands out by itself. The first is the one with most evidence in all. */
static size_t choose_next(const struct ranking *r)
{
	size_t best = SIZE_MAX;
	double most = 0;

	for (size_t i = 0; i < r->count && r->taken_count < TAKEN_MOST; i++) {
		if (!r->list[i].named || is_taken(r, i))
			continue;
		double evidence = r->taken_count ? evidence_left(r, i) : r->list[i].evidence;

		if (evidence > most) {
			most = evidence;
			best = i;
		}
	}
	return best;
}

void suspects_rank(struct suspect *list, size_t count, const struct suspect_cell *cells, size_t cell_count, size_t tried)
{
	struct ranking r = {
		.list = list, .count = count < SUSPECTS_RANKED_MAX ? count : SUSPECTS_RANKED_MAX, .cells = cells, .cell_count = cell_count,
		.how = strictness_of(tried),
	};
	struct suspect sorted[SUSPECTS_RANKED_MAX] = {{0}};
	size_t n = 0, next;

	while ((next = choose_next(&r)) != SIZE_MAX) {
		r.taken[r.taken_count++] = next;
		sorted[n++] = list[next];
	}
	for (int named = 1; named >= 0; named--)
		for (size_t i = 0; i < r.count; i++) {
			if (is_taken(&r, i) || list[i].named != named)
				continue;
			/* Beyond the last that was taken there may be more that stand out by themselves. */
			if (named && (r.taken_count < TAKEN_MOST || evidence_left(&r, i) <= 0))
				list[i].explained_by = (int)companion(&r, i);
			sorted[n++] = list[i];
		}
	for (size_t i = 0; i < n; i++)
		list[i] = sorted[i];
	for (size_t i = r.count; i < count; i++)
		list[i].named = false;
}
