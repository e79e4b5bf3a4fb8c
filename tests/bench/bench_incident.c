/* How long the incident page's data takes: `bench_incident STORE.db`. An hour and a day at the store's end, each query
 * by itself, medians of ROUNDS in milliseconds of the clock and of the processor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/query_heat.h"
#include "store/query_marks.h"
#include "store/query_retries.h"
#include "store/query_suspects.h"

#define ROUNDS 5
#define PAGE_ROWS 300000 /* as the page looks at */

static struct err err;

static void check(int failed)
{
	if (failed) {
		fprintf(stderr, "bench_incident: %s\n", err.text);
		exit(1);
	}
}

static void ask_heat(struct store_reader *r, const struct view *v)
{
	struct heat_result h;

	check(query_heat(r, HEAT_LATENCY, v, 16, &h, &err));
	heat_result_fini(&h);
}

static void suspects_of(struct store_reader *r, const struct view *v, int64_t rows, size_t requests)
{
	struct suspects_query q = {.view = *v, .limit = 10, .scan_limit = rows, .request_limit = requests, .sort = SORT_SLOWEST};
	struct suspects_result res;

	check(bad_parse(&q.bad, STR_LIT("latency>4s"), &err) || query_suspects(r, &q, &res, &err));
	suspects_result_fini(&res);
}

static void ask_suspects(struct store_reader *r, const struct view *v)
{
	suspects_of(r, v, PAGE_ROWS, 100);
}

static void ask_all_suspects(struct store_reader *r, const struct view *v)
{
	suspects_of(r, v, 0, 0);
}

static void ask_cell(struct store_reader *r, const struct view *v)
{
	struct request_result res;
	struct bad bad;

	check(bad_parse(&bad, STR_LIT("latency>4s"), &err));
	bad.to_us = v->to_us;
	bad.from_us = v->to_us - v->step_us;
	check(query_bad_requests(r, v, &bad, SORT_SLOWEST, 100, 0, &res, &err));
	request_result_fini(&res);
}

static void ask_marks(struct store_reader *r, const struct view *v)
{
	struct mark_result res;

	check(query_marks(r, v, &res, &err));
	mark_result_fini(&res);
}

static void ask_retries(struct store_reader *r, const struct view *v)
{
	struct retry_result res;

	check(query_retries(r, v, PAGE_ROWS, &res, &err));
	retry_result_fini(&res);
}

/* What the page of two windows adds: what changed since the window as long before, in both directions. */
static void ask_windows(struct store_reader *r, const struct view *v)
{
	int64_t length_us = v->to_us - v->from_us;

	for (int way = 0; way < 2; way++) {
		struct suspects_query q = {.view = *v, .limit = 16, .scan_limit = PAGE_ROWS};
		struct suspects_result res;

		bad_init(&q.bad);
		q.view.from_us -= way ? length_us : 0;
		q.view.to_us -= way ? length_us : 0;
		q.against_from_us = v->from_us - (way ? 0 : length_us);
		q.against_to_us = v->to_us - (way ? 0 : length_us);
		check(query_suspects(r, &q, &res, &err));
		suspects_result_fini(&res);
	}
}

static const struct {
	const char *name;
	bool page; /* part of what the page waits for */
	void (*ask)(struct store_reader *r, const struct view *v);
} asks[] = {
	{"heat map", true, ask_heat}, {"suspects, requests", true, ask_suspects}, {"marks", true, ask_marks}, {"requests of a cell", true, ask_cell},
	{"suspects, every row", false, ask_all_suspects}, {"retries", false, ask_retries},
	{"two windows", false, ask_windows},
};
#define ASKS (sizeof asks / sizeof *asks)

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double processor_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int64_t us; } windows[] = {{"1 h", US_PER_HOUR}, {"24 h", US_PER_DAY}};
	struct store_summary summary;
	struct store_reader *r;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_incident STORE.db\n");
		return 2;
	}
	check(store_reader_open(&r, argv[1], &err) || query_summary(r, &summary, &err));
	printf("%lld requests\n%-6s %-20s %9s %9s\n", (long long)summary.requests, "", "", "clock ms", "cpu ms");
	for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
		struct view v = {.from_us = summary.last_us - windows[w].us, .to_us = summary.last_us};
		double clock_sum = 0, cpu_sum = 0;

		v.step_us = view_choose_step_us(v.from_us, v.to_us, 120);
		for (size_t k = 0; k < ASKS; k++) {
			double clock_ms[ROUNDS], cpu_ms[ROUNDS];

			for (int i = 0; i < ROUNDS; i++) {
				double began_cpu = processor_ms();
				int64_t began_us = clock_mono_us();

				asks[k].ask(r, &v);
				clock_ms[i] = (double)(clock_mono_us() - began_us) / 1e3;
				cpu_ms[i] = processor_ms() - began_cpu;
			}
			qsort(clock_ms, ROUNDS, sizeof *clock_ms, compare);
			qsort(cpu_ms, ROUNDS, sizeof *cpu_ms, compare);
			printf("%-6s %-20s %9.1f %9.1f\n", windows[w].name, asks[k].name, clock_ms[ROUNDS / 2], cpu_ms[ROUNDS / 2]);
			clock_sum += asks[k].page ? clock_ms[ROUNDS / 2] : 0;
			cpu_sum += asks[k].page ? cpu_ms[ROUNDS / 2] : 0;
		}
		printf("%-6s %-20s %9.1f %9.1f\n", windows[w].name, "the page", clock_sum, cpu_sum);
	}
	store_reader_close(&r);
	return 0;
}
