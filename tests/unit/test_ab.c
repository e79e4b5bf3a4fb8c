/* Verdicts: published examples, false alarms when nothing differs, and how soon a doubled error rate
 * is caught. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/ab.h"

/* ── draws ─────────────────────────────────────────────────────────────────────────────────── */

static uint64_t bits(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static double unit(uint64_t *s)
{
	return ((double)(bits(s) >> 11) + 0.5) / 9007199254740992.0;
}

/* Events among n trials of chance p: steps over the gaps between them. */
static int64_t binomial(uint64_t *s, int64_t n, double p)
{
	double step = log1p(-p), at = 0;
	int64_t x = -1;

	for (; at <= (double)n; x++)
		at += floor(log(unit(s)) / step) + 1;
	return x;
}

/* ── published examples ────────────────────────────────────────────────────────────────────── */

/* Physicians' Health Study: heart attacks of 11,034 on placebo and 11,037 on aspirin (Agresti, An
 * Introduction to Categorical Data Analysis): difference 0.0077, standard error 0.0015. */
static void test_two_proportions(void **state)
{
	struct ab_difference d = ab_proportions(189, 11034, 104, 11037);

	(void)state;
	assert_true(fabs(d.estimate - 0.0077) < 0.00005);
	assert_true(fabs(sqrt(d.variance) - 0.0015) < 0.00006);
	assert_true(fabs(d.estimate / sqrt(d.variance) - 5.0) < 0.05);
}

/* NIST/SEMATECH e-Handbook 1.3.5.3, AUTO83B: mileage of US and Japanese cars, unequal variances:
 * T = -12.94627. */
static void test_welch(void **state)
{
	struct ab_difference d = ab_means(20.14458, 6.41470 * 6.41470, 249, 30.48101, 6.10771 * 6.10771, 79);

	(void)state;
	assert_true(fabs(d.estimate / sqrt(d.variance) - -12.94627) < 0.0005);
}

static void test_moments_of_a_sketch(void **state)
{
	static const int64_t values[] = {2, 4, 4, 4, 5, 5, 7, 9};
	struct sketch s = {0};
	double mean, variance;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		sketch_add(&s, values[i], 1);
	ab_sketch_moments(&s, &mean, &variance);
	assert_true(fabs(mean - 5) < 1e-12 && fabs(variance - 32.0 / 7) < 1e-12);
	sketch_fini(&s);
}

/* The bound is a likelihood ratio: its mean under "no difference" is 1, whatever the variance. */
static void test_evidence_is_fair(void **state)
{
	(void)state;
	for (double v = 0.01; v < 100; v *= 10) {
		double sum = 0, step = sqrt(v) / 200, far = 12 * sqrt(v + 0.49);

		for (double d = -far; d < far; d += step)
			sum += exp(ab_log_evidence((struct ab_difference){d, v}, 0.7) - d * d / (2 * v)) /
			       sqrt(2 * 3.14159265358979 * v) * step;
		assert_true(fabs(sum - 1) < 0.01);
	}
}

static void test_alpha_adds_up(void **state)
{
	double sum = 0;

	(void)state;
	for (unsigned k = 1; k < 10000; k++)
		sum += 4 * ab_alpha_of(0.05, k, 4);
	assert_true(sum <= 0.05 && sum > 0.0499);
}

/* ── whole rollouts ────────────────────────────────────────────────────────────────────────── */

/* Steps of 5, 25, 50 % with ten minutes each, looked at every 10 s, 25 requests a second. */
#define LOOKS_A_STEP 60
#define REQUESTS_A_LOOK 250
static const double steps[] = {0.05, 0.25, 0.50};

struct run {
	double stable_rate, candidate_rate;
	int64_t failed_after; /* requests of both arms; -1 never */
	int64_t candidate_requests;
	bool passed;
};

static void run_rollout(struct run *r, uint64_t *seed)
{
	struct ab_rule rule = {.metric = METRIC_ERROR_RATE, .worse_by = 0.005, .may_pass = true};
	int64_t all = 0, all_candidate = 0;

	r->failed_after = -1;
	r->passed = false;
	for (unsigned k = 0; k < 3; k++) {
		struct figures stable = {0}, candidate = {0};

		rule.alpha = ab_alpha_of(AB_ALPHA, k + 1, 1);
		for (int look = 0; look < LOOKS_A_STEP; look++) {
			int64_t n = binomial(seed, REQUESTS_A_LOOK, steps[k]);
			struct ab_judgement j;

			candidate.requests += n;
			candidate.errors += binomial(seed, n, r->candidate_rate);
			stable.requests += REQUESTS_A_LOOK - n;
			stable.errors += binomial(seed, REQUESTS_A_LOOK - n, r->stable_rate);
			all += REQUESTS_A_LOOK;
			all_candidate += n;
			ab_judge(&rule, &stable, &candidate, &j);
			r->passed |= j.verdict == AB_PASS;
			if (j.verdict != AB_FAIL)
				continue;
			r->failed_after = all;
			r->candidate_requests = all_candidate;
			return;
		}
	}
}

static void test_no_difference(void **state)
{
	static const double rates[] = {0.002, 0.01, 0.05};
	uint64_t seed = 7;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct run r = {.stable_rate = rates[i], .candidate_rate = rates[i]};
		int failed = 0, runs = 2000;

		for (int n = 0; n < runs; n++) {
			run_rollout(&r, &seed);
			failed += r.failed_after >= 0;
		}
		print_message("error rate %.1f %% in both arms: %.2f %% false FAIL over %d rollouts of 180 looks\n",
		              rates[i] * 100, 100.0 * failed / runs, runs);
		assert_true(failed <= runs * AB_ALPHA);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Both arms at 50 %: how many requests it takes. The stated figure: 15,000 for 95 of 100 rollouts. */
static void test_doubled_errors(void **state)
{
	enum { RUNS = 1000 };
	static int64_t needed[RUNS];
	struct ab_rule rule = {.metric = METRIC_ERROR_RATE, .worse_by = 0.005, .may_pass = true,
	                       .alpha = ab_alpha_of(AB_ALPHA, 1, 1)};
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < RUNS; i++) {
		struct figures stable = {0}, candidate = {0};
		struct ab_judgement j = {.verdict = AB_UNKNOWN};

		while (j.verdict != AB_FAIL && stable.requests < 200000) {
			candidate.requests += 125;
			candidate.errors += binomial(&seed, 125, 0.02);
			stable.requests += 125;
			stable.errors += binomial(&seed, 125, 0.01);
			ab_judge(&rule, &stable, &candidate, &j);
		}
		needed[i] = stable.requests + candidate.requests;
	}
	qsort(needed, RUNS, sizeof(needed[0]), compare);
	print_message("1 %% -> 2 %% at 50/50: FAIL after %lld requests at the median, %lld for 95 %% of the rollouts\n",
	              (long long)needed[RUNS / 2], (long long)needed[RUNS * 95 / 100]);
	assert_true(needed[RUNS * 95 / 100] <= 15000);
}

static void test_doubled_errors_over_steps(void **state)
{
	struct run r = {.stable_rate = 0.01, .candidate_rate = 0.02};
	uint64_t seed = 13;
	int failed = 0, passed = 0, runs = 500;

	(void)state;
	for (int n = 0; n < runs; n++) {
		run_rollout(&r, &seed);
		failed += r.failed_after >= 0;
		passed += r.passed;
	}
	print_message("1 %% -> 2 %% over 5, 25, 50 %%: %.1f %% FAIL, %.1f %% ever PASS\n", 100.0 * failed / runs,
	              100.0 * passed / runs);
	assert_true(failed >= runs * 0.95);
	assert_true(passed <= runs * 0.05);
}

/* ── latency and cost ──────────────────────────────────────────────────────────────────────── */

static double lognormal(uint64_t *s, double median, double sigma)
{
	double u = unit(s), v = unit(s);

	return median * exp(sigma * sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v));
}

static void add_values(struct figures *f, uint64_t *seed, int n, double factor)
{
	for (int i = 0; i < n; i++) {
		sketch_add(&f->sketches[SKETCH_LATENCY_US], (int64_t)lognormal(seed, 1.2e6 * factor, 0.6), 1);
		int64_t cost = (int64_t)lognormal(seed, 1.1e6 * factor, 1.0);

		sketch_add(&f->sketches[SKETCH_COST_NUSD], cost, 1);
		f->cost_nusd += cost;
	}
	f->requests += n;
}

/* Share of rollouts in which the metric fails when the candidate is `factor` times as slow and dear. */
static double share_failed(enum metric m, double factor, int runs, uint64_t *seed)
{
	struct ab_rule rule = {.metric = m, .worse_by = 0.2, .relative = true, .may_pass = true,
	                       .alpha = ab_alpha_of(AB_ALPHA, 1, 1)};
	int failed = 0;

	for (int n = 0; n < runs; n++) {
		struct figures stable = {0}, candidate = {0};
		struct ab_judgement j = {.verdict = AB_UNKNOWN};

		for (int look = 0; look < 60 && j.verdict != AB_FAIL; look++) {
			add_values(&stable, seed, 60, 1);
			add_values(&candidate, seed, 20, factor);
			ab_judge(&rule, &stable, &candidate, &j);
		}
		failed += j.verdict == AB_FAIL;
		figures_fini(&stable);
		figures_fini(&candidate);
	}
	return (double)failed / runs;
}

static void test_latency_and_cost(void **state)
{
	static const enum metric judged[] = {METRIC_LATENCY_P50, METRIC_LATENCY_P95, METRIC_COST_PER_1K};
	uint64_t seed = 17;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double same = share_failed(judged[i], 1.0, 150, &seed), worse = share_failed(judged[i], 1.6, 30, &seed);

		print_message("%s: %.1f %% FAIL when nothing differs, %.0f %% when 60 %% worse (1,200 requests)\n",
		              metrics[judged[i]].name, same * 100, worse * 100);
		assert_true(same <= AB_ALPHA);
		assert_true(worse >= 0.95);
	}
}

/* ── evaluation scores ─────────────────────────────────────────────────────────────────────── */

struct running {
	double n, sum, squares;
};

/* Scores of 0, ¼, … 1 with this mean, as judges give them. */
static void score(struct running *r, double mean, uint64_t *seed)
{
	double v = 0;

	for (int i = 0; i < 4; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		v += (double)(*seed >> 11) / 9007199254740992.0 < mean ? 0.25 : 0;
	}
	r->n++;
	r->sum += v;
	r->squares += v * v;
}

static struct ab_scores scores_of(const struct running *r)
{
	double mean = r->sum / r->n;

	return (struct ab_scores){(int64_t)r->n, mean, (r->squares - r->sum * mean) / (r->n - 1)};
}

/* The share of rollouts that FAIL at one of 100 looks, each 20 scores an arm further. */
static double scores_failed(double candidate, int rollouts, uint64_t *seed)
{
	struct ab_rule rule = {.worse_by = 0.05, .alpha = ab_alpha_of(AB_ALPHA, 1, 1), .may_pass = true};
	int failed = 0;

	for (int k = 0; k < rollouts; k++) {
		struct running stable = {0, 0, 0}, arm = {0, 0, 0};
		bool fails = false;

		for (int look = 0; look < 100 && !fails; look++) {
			struct ab_judgement j;

			for (int i = 0; i < 20; i++) {
				score(&stable, 0.84, seed);
				score(&arm, candidate, seed);
			}
			struct ab_scores s = scores_of(&stable), c = scores_of(&arm);

			ab_judge_scores(&rule, false, &s, &c, &j);
			fails = j.verdict == AB_FAIL;
		}
		failed += fails;
	}
	return (double)failed / rollouts;
}

static void test_scores_over_many_looks(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	double same = scores_failed(0.84, 1000, &seed), worse = scores_failed(0.74, 200, &seed);

	print_message("scores: %.1f %% FAIL when nothing differs, %.0f %% when 0.10 lower (limit 0.05, 2,000 scores an arm)\n",
	              same * 100, worse * 100);
	assert_true(same <= AB_ALPHA);
	assert_true(worse >= 0.95);
}

/* All alike: no spread, and a verdict all the same. */
static void test_scores_that_are_all_alike(void **state)
{
	struct ab_rule rule = {.worse_by = 0.05, .alpha = ab_alpha_of(AB_ALPHA, 1, 1), .may_pass = true};
	struct ab_scores one = {400, 1, 0}, half = {400, 0.5, 0};
	struct ab_judgement j;

	(void)state;
	ab_judge_scores(&rule, false, &one, &one, &j);
	assert_int_equal(j.verdict, AB_PASS);
	ab_judge_scores(&rule, false, &one, &half, &j);
	assert_int_equal(j.verdict, AB_FAIL);
	ab_judge_scores(&rule, true, &half, &one, &j);
	assert_int_equal(j.verdict, AB_FAIL);
	rule.may_pass = false;
	rule.why_not = "less traffic arrives";
	ab_judge_scores(&rule, false, &one, &one, &j);
	assert_int_equal(j.verdict, AB_INCONCLUSIVE);
}

/* ── what can never pass ───────────────────────────────────────────────────────────────────── */

static struct ab_judgement judge_healthy(bool may_pass)
{
	struct figures stable = {.requests = 100000, .errors = 1000}, candidate = {.requests = 100000, .errors = 1000};
	struct ab_rule rule = {.metric = METRIC_ERROR_RATE, .worse_by = 0.005, .alpha = 0.01, .may_pass = may_pass,
	                       .why_not = "failing calls leave no span"};
	struct ab_judgement j;

	ab_judge(&rule, &stable, &candidate, &j);
	return j;
}

static void test_verdicts(void **state)
{
	struct ab_rule rule = {.metric = METRIC_ERROR_RATE, .worse_by = 0.005, .alpha = 0.01, .may_pass = true};
	struct figures none = {0}, few = {.requests = 50, .errors = 50}, many = {.requests = 10000, .errors = 10};
	struct ab_judgement j = judge_healthy(true);

	(void)state;
	assert_int_equal(j.verdict, AB_PASS);
	assert_int_equal(j.samples_candidate, 100000);
	j = judge_healthy(false);
	assert_int_equal(j.verdict, AB_INCONCLUSIVE);
	assert_non_null(strstr(j.words.text, "failing calls leave no span"));
	ab_judge(&rule, &many, &none, &j);
	assert_int_equal(j.verdict, AB_INCONCLUSIVE);
	assert_non_null(strstr(j.words.text, "no values of the candidate arm"));
	ab_judge(&rule, &many, &few, &j);
	assert_int_equal(j.verdict, AB_INCONCLUSIVE);
	rule.metric = METRIC_REQUESTS;
	ab_judge(&rule, &many, &many, &j);
	assert_int_equal(j.verdict, AB_UNKNOWN);
	assert_false(ab_can_judge(METRIC_COST_RATE));
}

static void test_low_share(void **state)
{
	(void)state;
	assert_true(ab_share_is_low(150, 1000, 0.25));
	assert_false(ab_share_is_low(240, 1000, 0.25));
	assert_false(ab_share_is_low(3, 20, 0.25));
	assert_false(ab_share_is_low(0, 0, 0.25));
}

/* Costs that are all the same are known to their cell only: the spread is small, but not nothing. */
static void test_a_constant_has_the_spread_of_its_cell(void **state)
{
	struct sketch s = {0};
	double mean, variance;

	(void)state;
	sketch_add(&s, 20000000, 180);
	ab_sketch_moments(&s, &mean, &variance);
	assert_true(variance > 0 && sqrt(variance) < mean / 100);
	sketch_reset(&s);
	sketch_add(&s, 5, 180);
	ab_sketch_moments(&s, &mean, &variance);
	assert_true(variance == 0);
	sketch_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_proportions), cmocka_unit_test(test_welch),
		cmocka_unit_test(test_moments_of_a_sketch),
		cmocka_unit_test(test_a_constant_has_the_spread_of_its_cell), cmocka_unit_test(test_evidence_is_fair),
		cmocka_unit_test(test_alpha_adds_up), cmocka_unit_test(test_no_difference),
		cmocka_unit_test(test_doubled_errors), cmocka_unit_test(test_doubled_errors_over_steps),
		cmocka_unit_test(test_latency_and_cost), cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_scores_over_many_looks), cmocka_unit_test(test_scores_that_are_all_alike),
		cmocka_unit_test(test_low_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
