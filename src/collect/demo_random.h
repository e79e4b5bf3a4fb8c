/* Seeded random numbers for the demo: the same seed gives the same fleet on every machine. */
#ifndef LLMDECK_COLLECT_DEMO_RANDOM_H
#define LLMDECK_COLLECT_DEMO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct demo_random {
	uint64_t s[4];
};

/* xoshiro256** (Blackman and Vigna), its state filled by splitmix64 from the seed. */
void demo_random_init(struct demo_random *r, uint64_t seed);
uint64_t demo_random_bits(struct demo_random *r);
double demo_random_unit(struct demo_random *r);               /* [0, 1) */
size_t demo_random_below(struct demo_random *r, size_t bound); /* [0, bound), bound > 0 */
double demo_random_normal(struct demo_random *r);             /* mean 0, deviation 1 (polar method) */
double demo_random_exponential(struct demo_random *r, double mean);
/* Gamma with mean 1 and the given shape >= 1 (Marsaglia and Tsang 2000). */
double demo_random_gamma(struct demo_random *r, double shape);
/* Poisson: Knuth's product below 30, the normal approximation above. */
unsigned demo_random_poisson(struct demo_random *r, double mean);

/* A distribution as values at fixed shares: at demo_quantile_shares[i] of all draws, v[i]. */
#define DEMO_QUANTILES 12
extern const double demo_quantile_shares[DEMO_QUANTILES];
struct demo_curve {
	double v[DEMO_QUANTILES]; /* > 0, not falling */
};
/* Draws by the inverse of the curve, log-linear between its points. */
double demo_curve_draw(const struct demo_curve *c, struct demo_random *r);

#endif
