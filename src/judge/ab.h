/* Is the candidate worse than the stable arm? Verdicts that stay honest however often one looks.
 *
 * Every test ends in an estimate d of a difference and the variance V of that estimate, and asks the
 * normal mixture of Robbins (Annals of Mathematical Statistics 41, 1970) in the one-sided form of
 * Howard, Ramdas, McAuliffe and Sekhon (Annals of Statistics 49, 2021), used for A/B tests by Johari,
 * Koomen, Pekelis and Walsh (Operations Research 70, 2022): with a half-normal prior of scale s on a
 * positive difference,
 *     L = 2 sqrt(V / (V + s^2)) exp(d^2 s^2 / (2 V (V + s^2))) Phi(d s / sqrt(V (V + s^2)))
 * is a likelihood ratio against "no difference" whose chance of ever reaching 1/alpha is at most
 * alpha, so that looking every ten seconds costs nothing. The variances are plugged in, hence the
 * least samples below.
 *
 * - Rates (errors, flagged requests, negative feedback): two proportions, pooled variance.
 * - Percentiles (latency, time to the first token): the control percentile test: how many of the
 *   candidate's values lie above the stable arm's percentile, from the mergeable sketches.
 * - Cost and evaluation scores: difference of means with Welch's variance. */
#ifndef LLMDECK_JUDGE_AB_H
#define LLMDECK_JUDGE_AB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/figures.h"

/* Values of each arm below which nothing is said. */
#define AB_LEAST_SAMPLE 100
/* Share of false FAIL over a whole rollout, all its guardrails, steps and looks together. */
#define AB_ALPHA 0.05

struct ab_difference {
	double estimate; /* candidate - stable */
	double variance; /* of the estimate, > 0 */
};
/* x of n each; n > 0. Pooled variance, with half an event added to each arm so that it is never 0. */
struct ab_difference ab_proportions(int64_t x_candidate, int64_t n_candidate, int64_t x_stable, int64_t n_stable);
/* Welch's: s1^2/n1 + s2^2/n2. */
struct ab_difference ab_means(double mean_candidate, double variance_candidate, int64_t n_candidate,
                              double mean_stable, double variance_stable, int64_t n_stable);
/* Mean and sample variance of a sketch's values (cells stand for their middle). */
void ab_sketch_moments(const struct sketch *s, double *mean, double *variance);

/* Log of L above for "the difference is positive"; `scale` > 0 is the size of difference that matters. */
double ab_log_evidence(struct ab_difference d, double scale);
/* The alpha that the k-th stretch of evidence (1, 2, …: a step, or an hour of one) may use, for one of
 * `guardrails` guardrails: alpha / (k (k + 1)) / guardrails, which adds up to alpha for any number. */
double ab_alpha_of(double alpha, unsigned stretch, unsigned guardrails);

enum ab_verdict {
	AB_UNKNOWN,      /* an arm cannot be told apart, or the figure is not known */
	AB_INCONCLUSIVE, /* too little evidence for either */
	AB_PASS,         /* proven not to be worse by as much as the guardrail allows */
	AB_FAIL,         /* proven to be worse, and by more than the guardrail allows as far as seen */
};
/* "unknown", "inconclusive", "pass", "fail". */
const char *ab_verdict_name(enum ab_verdict v);

struct ab_rule {
	enum metric metric;
	double worse_by; /* share of the stable figure, or the metric's unit */
	bool relative;
	double alpha;    /* ab_alpha_of() */
	bool may_pass;   /* false: the candidate's traffic does not tell the truth (ab_share_is_low() …) */
	const char *why_not; /* then why, one clause */
};
struct ab_judgement {
	enum ab_verdict verdict;
	struct value stable, candidate; /* in the metric's unit */
	double difference; /* candidate - stable; NaN unknown. Signed so that > 0 is worse */
	double limit;      /* what the guardrail allows, in the metric's unit; NaN unknown */
	int64_t samples_stable, samples_candidate;
	struct err words;  /* one sentence */
};
/* Judges one guardrail. The figures must hold the sketches that the metric needs (and cost_per_1k its
 * cost sketch). */
void ab_judge(const struct ab_rule *rule, const struct figures *stable, const struct figures *candidate,
              struct ab_judgement *out);
/* An arm's evaluation scores. */
struct ab_scores {
	int64_t count;
	double mean, variance; /* sample variance; NaN for fewer than two */
};
/* Judges a guardrail on scores: difference of means with Welch's variance, at least the guardrail's
 * limit for a spread, so that scores that are all alike can be judged too. `low_is_better`: a high
 * score is bad. rule->metric is not read. */
void ab_judge_scores(const struct ab_rule *rule, bool low_is_better, const struct ab_scores *stable,
                     const struct ab_scores *candidate, struct ab_judgement *out);
/* Whether ab_judge() knows a test for the metric. */
bool ab_can_judge(enum metric m);
/* Sketches ab_judge() reads for the metric: bits of enum sketch_kind. */
unsigned ab_needs(enum metric m);

/* Whether `arrived` of `total` requests is well below `weight` (0-1): under nine tenths of it, and
 * further than four standard deviations. */
bool ab_share_is_low(int64_t arrived, int64_t total, double weight);

#endif
