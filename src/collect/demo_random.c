/* Only +, *, shifts and the C library's log, exp and sqrt: no state beside the caller's. */
#include "collect/demo_random.h"

#include <math.h>

const double demo_quantile_shares[DEMO_QUANTILES] = {
	0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 0.999, 1,
};

static uint64_t rotate(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

void demo_random_init(struct demo_random *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		r->s[i] = z ^ (z >> 31);
	}
}

uint64_t demo_random_bits(struct demo_random *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

double demo_random_unit(struct demo_random *r)
{
	return (double)(demo_random_bits(r) >> 11) * 0x1.0p-53;
}

size_t demo_random_below(struct demo_random *r, size_t bound)
{
	return (size_t)(demo_random_unit(r) * (double)bound);
}

double demo_random_normal(struct demo_random *r)
{
	double u, v, square;

	do {
		u = 2 * demo_random_unit(r) - 1;
		v = 2 * demo_random_unit(r) - 1;
		square = u * u + v * v;
	} while (square >= 1 || square == 0);
	return u * sqrt(-2 * log(square) / square);
}

double demo_random_exponential(struct demo_random *r, double mean)
{
	return -mean * log(1 - demo_random_unit(r));
}

double demo_random_gamma(struct demo_random *r, double shape)
{
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

	for (;;) {
		double x = demo_random_normal(r);
		double root = 1 + c * x;
		double v = root * root * root;

		if (root > 0 && log(1 - demo_random_unit(r)) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v / shape;
	}
}

unsigned demo_random_poisson(struct demo_random *r, double mean)
{
	if (mean > 30) {
		double drawn = mean + sqrt(mean) * demo_random_normal(r) + 0.5;

		return drawn > 0 ? (unsigned)drawn : 0;
	}
	double limit = exp(-mean), product = demo_random_unit(r);
	unsigned count = 0;

	while (product > limit) {
		product *= demo_random_unit(r);
		count++;
	}
	return count;
}

double demo_curve_draw(const struct demo_curve *c, struct demo_random *r)
{
	double u = demo_random_unit(r);
	size_t i = 1;

	while (i < DEMO_QUANTILES - 1 && u > demo_quantile_shares[i])
		i++;
	double low = demo_quantile_shares[i - 1], high = demo_quantile_shares[i];
	double share = (u - low) / (high - low);

	return c->v[i - 1] * pow(c->v[i] / c->v[i - 1], share);
}
