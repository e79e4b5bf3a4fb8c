/* How long 2,000 rules take on a store: `bench_alerts STORE.db [RULES]`. The rules are spread over
 * metrics, windows, filters and groups as an operations team's would be, with the store's own names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/engine.h"
#include "alert/evaluate.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/query.h"

#define ROUNDS 15

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void count(void *arg, const struct evaluated *what)
{
	size_t *n = arg;

	*n += what->figures && what->figures->requests > 0;
}

static void add_filter(struct view *v, enum dim d, const struct names_result *names, size_t i)
{
	if (!names->name_count)
		return;
	struct filter *f = &v->filters[v->filter_count++];

	f->dim = d;
	snprintf(f->value, sizeof f->value, "%s", names->names[i % names->name_count]);
}

int main(int argc, char **argv)
{
	static const enum metric kinds[] = {METRIC_LATENCY_P95, METRIC_ERROR_RATE, METRIC_COST_RATE, METRIC_REQUEST_RATE, METRIC_TTFT_P95, METRIC_FLAGS_PER_1K};
	static const int64_t windows[] = {US_PER_MIN, 5 * US_PER_MIN, 5 * US_PER_MIN, 30 * US_PER_MIN, US_PER_HOUR, 6 * US_PER_HOUR};
	struct store_reader *r;
	struct store_summary summary;
	struct names_result names[DIM_COUNT];
	struct err err = {""};
	size_t rule_count = argc > 2 ? (size_t)atoi(argv[2]) : 2000, given = 0;
	int64_t times[ROUNDS];

	if (argc < 2) {
		fprintf(stderr, "usage: bench_alerts STORE.db [RULES]\n");
		return 2;
	}
	if (store_reader_open(&r, argv[1], &err) || query_summary(r, &summary, &err)) {
		fprintf(stderr, "bench_alerts: %s\n", err.text);
		return 1;
	}
	for (int d = 0; d < DIM_COUNT; d++)
		if (query_dim_values(r, (enum dim)d, 500, &names[d], &err))
			return 1;
	struct config_alert *rules = mem_array(NULL, rule_count + 1, sizeof *rules);

	memset(rules, 0, (rule_count + 1) * sizeof *rules);
	for (size_t i = 0; i < rule_count; i++) {
		struct config_alert *a = &rules[i];

		a->name = "rule";
		a->metric = kinds[i % 6];
		a->window_us = windows[i / 6 % 6];
		if (i % 10 == 9) {
			a->kind = ALERT_BURN_RATE;
			a->objective = 0.999;
			a->window_us = 3 * US_PER_DAY;
			a->short_window_us = 6 * US_PER_HOUR;
		}
		add_filter(&a->where, DIM_SERVICE, &names[DIM_SERVICE], i);
		if (i % 3 == 1)
			add_filter(&a->where, DIM_MODEL, &names[DIM_MODEL], i / 7);
		if (i % 7 == 2)
			a->where.by[a->where.by_count++] = DIM_DEPLOYMENT;
	}
	struct evaluator *e = evaluator_new(rules, rule_count);

	clock_t before = clock();

	for (int i = 0; i < ROUNDS; i++) {
		int64_t started_us = clock_mono_us();

		given = 0;
		if (evaluator_run(e, r, summary.last_us - i * 10 * US_PER_S, count, &given, &err)) {
			fprintf(stderr, "bench_alerts: %s\n", err.text);
			return 1;
		}
		times[i] = clock_mono_us() - started_us;
	}
	double processor_ms = (double)(clock() - before) * 1e3 / CLOCKS_PER_SEC / ROUNDS;

	printf("%zu rules in %zu queries over %lld requests: first round %.1f ms", rule_count, evaluator_queries(e), (long long)summary.requests, (double)times[0] / 1e3);
	qsort(times, ROUNDS, sizeof *times, compare);
	printf(", median %.1f ms, worst %.1f ms, %.1f ms of processor time a round; %zu groups had data\n", (double)times[ROUNDS / 2] / 1e3,
	       (double)times[ROUNDS - 1] / 1e3, processor_ms, given);
	evaluator_free(&e);
	free(rules);
	for (int d = 0; d < DIM_COUNT; d++)
		names_result_fini(&names[d]);
	store_reader_close(&r);
	return 0;
}
