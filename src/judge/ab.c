/* Three tests, one bound. Each test brings two differences: how much worse the candidate is (must be
 * proven above 0 for FAIL) and how far it stays from the guardrail's limit (must be proven above 0
 * for PASS); both ask the same mixture, whose scale is the difference that the guardrail calls too
 * much. */
#include "judge/ab.h"

#include <math.h>
#include <stdio.h>

#define USD_PER_NUSD 1e-9

/* ── evidence ──────────────────────────────────────────────────────────────────────────────── */

struct ab_difference ab_proportions(int64_t x_candidate, int64_t n_candidate, int64_t x_stable, int64_t n_stable)
{
	double nc = (double)n_candidate, ns = (double)n_stable;
	double pooled = ((double)x_candidate + (double)x_stable + 1) / (nc + ns + 2);

	return (struct ab_difference){
		(double)x_candidate / nc - (double)x_stable / ns, pooled * (1 - pooled) * (1 / nc + 1 / ns)};
}

struct ab_difference ab_means(double mean_candidate, double variance_candidate, int64_t n_candidate,
                              double mean_stable, double variance_stable, int64_t n_stable)
{
	return (struct ab_difference){
		mean_candidate - mean_stable,
		variance_candidate / (double)n_candidate + variance_stable / (double)n_stable};
}

void ab_sketch_moments(const struct sketch *s, double *mean, double *variance)
{
	double n = 0, sum = 0, squares = 0;

	for (uint32_t i = 0; i < s->len; i++) {
		n += (double)s->cells[i].count;
		sum += (double)s->cells[i].count * (double)sketch_index_value(s->cells[i].index);
	}
	*mean = n > 0 ? sum / n : NAN;
	for (uint32_t i = 0; i < s->len; i++) {
		uint32_t index = s->cells[i].index;
		double off = (double)sketch_index_value(index) - *mean;
		double width = (double)(sketch_index_low(index + 1) - sketch_index_low(index));

		/* A value is known to its cell only: the spread of integers inside, 0 where a cell is one value. */
		squares += (double)s->cells[i].count * (off * off + (width * width - 1) / 12);
	}
	*variance = n > 1 ? squares / (n - 1) : NAN;
}

double ab_log_evidence(struct ab_difference d, double scale)
{
	double v = d.variance, both = v + scale * scale;
	double z = d.estimate * scale / sqrt(v * both);

	if (!(v > 0) || !(scale > 0))
		return 0;
	/* erfc keeps the far lower tail from becoming log(0) too early. */
	return log(2) + 0.5 * log(v / both) + 0.5 * z * z + log(0.5 * erfc(-z / sqrt(2)) + 1e-300);
}

double ab_alpha_of(double alpha, unsigned stretch, unsigned guardrails)
{
	double k = stretch ? stretch : 1;

	return alpha / (k * (k + 1)) / (guardrails ? guardrails : 1);
}

bool ab_share_is_low(int64_t arrived, int64_t total, double weight)
{
	double n = (double)total, expected = n * weight;

	if (total <= 0 || weight <= 0)
		return false;
	return (double)arrived < 0.9 * expected &&
	       (double)arrived < expected - 4 * sqrt(n * weight * (1 - weight) + 1);
}

const char *ab_verdict_name(enum ab_verdict v)
{
	static const char *const names[] = {"unknown", "inconclusive", "pass", "fail"};

	return names[v];
}

/* ── what each metric is tested by ─────────────────────────────────────────────────────────── */

enum test { TEST_NONE, TEST_SHARE, TEST_PERCENTILE, TEST_MEAN };

static const struct {
	enum test test;
	enum sketch_kind sketch;
	double quantile;
} tests[METRIC_COUNT] = {
	[METRIC_ERROR_RATE] = {TEST_SHARE, 0, 0},
	[METRIC_FLAGS_PER_1K] = {TEST_SHARE, 0, 0},
	[METRIC_NEGATIVE_SHARE] = {TEST_SHARE, 0, 0},
	[METRIC_NEGATIVE_PER_100] = {TEST_SHARE, 0, 0},
	[METRIC_COST_PER_1K] = {TEST_MEAN, SKETCH_COST_NUSD, 0},
	[METRIC_LATENCY_P50] = {TEST_PERCENTILE, SKETCH_LATENCY_US, 0.50},
	[METRIC_LATENCY_P90] = {TEST_PERCENTILE, SKETCH_LATENCY_US, 0.90},
	[METRIC_LATENCY_P95] = {TEST_PERCENTILE, SKETCH_LATENCY_US, 0.95},
	[METRIC_LATENCY_P99] = {TEST_PERCENTILE, SKETCH_LATENCY_US, 0.99},
	[METRIC_TTFT_P50] = {TEST_PERCENTILE, SKETCH_TTFT_US, 0.50},
	[METRIC_TTFT_P95] = {TEST_PERCENTILE, SKETCH_TTFT_US, 0.95},
	[METRIC_TTFT_P99] = {TEST_PERCENTILE, SKETCH_TTFT_US, 0.99},
};

bool ab_can_judge(enum metric m)
{
	return tests[m].test != TEST_NONE;
}

unsigned ab_needs(enum metric m)
{
	return metrics[m].needs | (tests[m].test == TEST_MEAN ? 1u << tests[m].sketch : 0);
}

/* Events and trials of a share. */
static void share_of(enum metric m, const struct figures *f, int64_t *x, int64_t *n)
{
	*n = f->requests;
	switch (m) {
	case METRIC_ERROR_RATE:
		*x = f->errors;
		break;
	case METRIC_FLAGS_PER_1K:
		*x = f->flagged_requests;
		break;
	default:
		*x = f->negative;
		*n = f->positive + f->neutral + f->negative;
	}
}

static int64_t samples_of(enum metric m, const struct figures *f)
{
	int64_t x, n;

	if (tests[m].test != TEST_SHARE)
		return f->sketches[tests[m].sketch].count;
	share_of(m, f, &x, &n);
	return n;
}

/* Differences whose being positive speaks for FAIL and for PASS, and the scale of each. */
struct cases {
	struct ab_difference worse, within;
	double scale;
};

static struct cases share_cases(enum metric m, const struct figures *stable, const struct figures *candidate,
                                double limit, double unit)
{
	int64_t xc, nc, xs, ns;
	struct cases c;

	share_of(m, candidate, &xc, &nc);
	share_of(m, stable, &xs, &ns);
	c.scale = limit / unit; /* back from the metric's unit to a share */
	c.worse = ab_proportions(xc, nc, xs, ns);
	c.within = (struct ab_difference){c.scale - c.worse.estimate, c.worse.variance};
	return c;
}

/* The candidate's share above `value`, against the share q' = 1 - q that the stable arm has there by
 * choice of the value; `sign` +1 asks for more of them, -1 for fewer. */
static struct ab_difference above(const struct sketch *candidate, int64_t n_stable, int64_t value, double q, int sign)
{
	double nc = (double)candidate->count, p = 1 - q;
	double seen = (double)sketch_count_at_least(candidate, value) / nc;
	double pooled = (seen * nc + p * (double)n_stable) / (nc + (double)n_stable);

	if (pooled < p / 2)
		pooled = p / 2;
	return (struct ab_difference){sign * (seen - p), pooled * (1 - pooled) * (1 / nc + 1 / (double)n_stable)};
}

static struct cases percentile_cases(enum metric m, const struct figures *stable, const struct figures *candidate,
                                     double limit)
{
	const struct sketch *s = &stable->sketches[tests[m].sketch], *c = &candidate->sketches[tests[m].sketch];
	double q = tests[m].quantile;
	int64_t base_us = sketch_quantile(s, q);
	/* Above the cell that holds the percentile, so that its own ties do not count as worse. */
	int64_t over_us = sketch_index_low(sketch_index(base_us) + 1);
	int64_t limit_us = base_us + (int64_t)(limit * 1e6);
	double p_over = (double)sketch_count_at_least(s, over_us) / (double)s->count;

	return (struct cases){
		.worse = above(c, s->count, over_us, 1 - p_over, 1),
		.within = above(c, s->count, limit_us, q, -1),
		.scale = (1 - q) / 2,
	};
}

static struct cases mean_cases(enum metric m, const struct figures *stable, const struct figures *candidate, double limit)
{
	const struct sketch *s = &stable->sketches[tests[m].sketch], *c = &candidate->sketches[tests[m].sketch];
	double mean_s, var_s, mean_c, var_c;
	struct cases cases;

	ab_sketch_moments(s, &mean_s, &var_s);
	ab_sketch_moments(c, &mean_c, &var_c);
	cases.scale = limit / 1000 / USD_PER_NUSD;
	cases.worse = ab_means(mean_c, var_c, c->count, mean_s, var_s, s->count);
	cases.within = (struct ab_difference){cases.scale - cases.worse.estimate, cases.worse.variance};
	return cases;
}

/* ── the verdict ───────────────────────────────────────────────────────────────────────────── */

static double unit_of_share(enum metric m)
{
	return m == METRIC_FLAGS_PER_1K ? 1000 : m == METRIC_NEGATIVE_PER_100 ? 100 : 1;
}

static void decide(const struct ab_rule *rule, const struct cases *c, struct ab_judgement *out)
{
	double needed = log(1 / rule->alpha);

	if (out->difference > out->limit && ab_log_evidence(c->worse, c->scale) >= needed) {
		out->verdict = AB_FAIL;
		err_set(&out->words, "worse than the guardrail allows, proven over %lld and %lld values",
		        (long long)out->samples_candidate, (long long)out->samples_stable);
		return;
	}
	out->verdict = AB_INCONCLUSIVE;
	if (out->difference >= out->limit || ab_log_evidence(c->within, c->scale) < needed) {
		err_set(&out->words, out->difference > out->limit ? "looks worse, but chance is not ruled out yet"
		                                                  : "too few values to rule the limit out");
	} else if (!rule->may_pass) {
		err_set(&out->words, "cannot pass: %s", rule->why_not);
	} else {
		out->verdict = AB_PASS;
		err_set(&out->words, "within the guardrail, proven over %lld and %lld values",
		        (long long)out->samples_candidate, (long long)out->samples_stable);
	}
}

/* What keeps both tests from saying anything; true: the words are filled. */
static bool too_little(struct ab_judgement *out)
{
	int64_t least = out->samples_candidate < out->samples_stable ? out->samples_candidate : out->samples_stable;

	if (least >= AB_LEAST_SAMPLE && out->limit > 0)
		return false;
	out->verdict = AB_INCONCLUSIVE;
	err_set(&out->words, least < AB_LEAST_SAMPLE ? "fewer than %d values in an arm" : "the stable figure is 0: give "
	        "the guardrail an absolute limit (least sample %d)", AB_LEAST_SAMPLE);
	return true;
}

static double spread_of(const struct ab_scores *s, double least)
{
	return s->variance > least * least ? s->variance : least * least;
}

void ab_judge_scores(const struct ab_rule *rule, bool low_is_better, const struct ab_scores *stable,
                     const struct ab_scores *candidate, struct ab_judgement *out)
{
	double sign = low_is_better ? 1 : -1;

	*out = (struct ab_judgement){
		.verdict = AB_INCONCLUSIVE, .stable = stable->count ? value_ok(stable->mean) : value_unknown(),
		.candidate = candidate->count ? value_ok(candidate->mean) : value_unknown(), .difference = NAN, .limit = NAN,
		.samples_stable = stable->count, .samples_candidate = candidate->count,
	};
	if (stable->count)
		out->limit = rule->relative ? rule->worse_by * fabs(stable->mean) : rule->worse_by;
	if (!stable->count || !candidate->count) {
		err_set(&out->words, "no scores of the %s arm", stable->count ? "candidate" : "stable");
		return;
	}
	out->difference = sign * (candidate->mean - stable->mean);
	if (too_little(out))
		return;
	struct cases c = {
		.worse = ab_means(sign * candidate->mean, spread_of(candidate, out->limit), candidate->count, sign * stable->mean,
		                  spread_of(stable, out->limit), stable->count),
		.scale = out->limit,
	};

	c.within = (struct ab_difference){c.scale - c.worse.estimate, c.worse.variance};
	decide(rule, &c, out);
}

void ab_judge(const struct ab_rule *rule, const struct figures *stable, const struct figures *candidate,
              struct ab_judgement *out)
{
	enum metric m = rule->metric;

	*out = (struct ab_judgement){
		.stable = metric_value(m, stable, 1), .candidate = metric_value(m, candidate, 1), .difference = NAN, .limit = NAN,
		.samples_stable = samples_of(m, stable), .samples_candidate = samples_of(m, candidate),
	};
	if (tests[m].test == TEST_NONE) {
		out->verdict = AB_UNKNOWN;
		err_set(&out->words, "%s: no test is known for this metric", metrics[m].name);
		return;
	}
	bool none = !out->samples_stable || !out->samples_candidate;

	if (!none && (!value_known(out->stable) || !value_known(out->candidate))) {
		out->verdict = AB_UNKNOWN;
		err_set(&out->words, "the %s arm's figure is not known", value_known(out->stable) ? "candidate" : "stable");
		return;
	}
	if (value_known(out->stable))
		out->limit = rule->relative ? rule->worse_by * out->stable.number : rule->worse_by;
	if (none) {
		out->verdict = AB_INCONCLUSIVE;
		err_set(&out->words, "no values of the %s arm", out->samples_stable ? "candidate" : "stable");
		return;
	}
	out->difference = out->candidate.number - out->stable.number;
	if (too_little(out))
		return;
	struct cases c = tests[m].test == TEST_SHARE        ? share_cases(m, stable, candidate, out->limit, unit_of_share(m))
	                 : tests[m].test == TEST_PERCENTILE ? percentile_cases(m, stable, candidate, out->limit)
	                                                    : mean_cases(m, stable, candidate, out->limit);

	decide(rule, &c, out);
}
