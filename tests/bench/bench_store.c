/* bench_store STORE.db: reads JSONL of the benchmark's generator from standard input with a minimal
 * scanner, stores it and prints what storing alone took, then the processor time of usual questions.
 * bench_store -q STORE.db asks only, -f fills only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "store/query_scan.h"
#include "store/writer.h"

#define BATCH 20000

static struct str text_field(const char *line, const char *name)
{
	const char *at = strstr(line, name), *end;

	if (!at || at[strlen(name)] != '"')
		return (struct str){"", 0};
	at += strlen(name) + 1;
	end = strchr(at, '"');
	return (struct str){at, end ? (size_t)(end - at) : 0};
}

static double number_field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? atof(at + strlen(name)) : -1;
}

static void parse(const char *line, struct batch *b)
{
	static const struct flag found[4] = {{{"pii", 3}, 2, 0}, {{"jailbreak", 9}, 2, 0}, {{"toxicity", 8}, 2, 0}, {{"refusal", 7}, 2, 0}};
	struct request *r = batch_add_request(b);
	struct str trace = text_field(line, "\"trace_id\":");
	const char *safety = strstr(line, "\"safety\":[\"");

	r->latency_us = (int64_t)(number_field(line, "\"latency_ms\":") * 1000);
	time_parse(text_field(line, "\"time\":"), NULL, TIME_UNIT_AUTO, &r->end_us);
	r->end_us += r->latency_us;
	r->ttft_us = (int64_t)(number_field(line, "\"ttft_ms\":") * 1000);
	r->input_tokens = (int64_t)number_field(line, "\"input_tokens\":");
	r->output_tokens = (int64_t)number_field(line, "\"output_tokens\":");
	r->cached_tokens = (int64_t)number_field(line, "\"cached_tokens\":");
	r->http_status = (uint16_t)number_field(line, "\"status\":");
	r->status = r->http_status >= 400 ? REQUEST_ERROR : REQUEST_OK;
	r->cost_source = COST_INFERRED;
	r->cost_nusd = r->input_tokens * 2500 + r->output_tokens * 10000;
	r->cost_basis = STR_LIT("bench 2.5/10");
	r->dims[DIM_SERVICE] = batch_text(b, text_field(line, "\"service\":"), 200);
	r->dims[DIM_DEPLOYMENT] = batch_text(b, text_field(line, "\"deployment\":"), 200);
	r->dims[DIM_MODEL] = batch_text(b, text_field(line, "\"model\":"), 200);
	r->attrs[ATTR_USER] = batch_text(b, text_field(line, "\"user\":"), 200);
	r->error_type = batch_text(b, text_field(line, "\"error_type\":"), 200);
	r->has_trace = trace.len == 32;
	for (size_t i = 0; i < 16 && r->has_trace; i++)
		sscanf(trace.ptr + 2 * i, "%2hhx", &r->trace_id[i]);
	for (size_t i = 0; safety && i < 4; i++)
		if (!strncmp(safety + 11, found[i].category.ptr, found[i].category.len)) {
			r->flags = &found[i];
			r->flag_count = 1;
		}
}

/* Processor time of this process: what storing costs, whoever else uses the machine. */
static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void die(const struct err *err)
{
	fprintf(stderr, "bench_store: %s\n", err->text);
	exit(1);
}

static void fill(const char *path)
{
	struct store_options o = {0};
	struct store_counts counts = {0};
	struct store_writer *w;
	struct err err = {""};
	struct batch *b = batch_new();
	static char line[4096];
	int64_t spent_us = 0, spent_cpu_us = 0, n = 0, t, cpu;
	struct stat st;

	if (store_writer_open(&w, path, &o, &err))
		die(&err);
	for (bool more = true; more;) {
		more = fgets(line, sizeof line, stdin);
		if (more)
			parse(line, b);
		n += more;
		if (b->request_count < BATCH && more)
			continue;
		t = clock_mono_us();
		cpu = cpu_us();
		if (store_writer_append(w, b, &counts, &err) || store_writer_commit(w, &err))
			die(&err);
		spent_us += clock_mono_us() - t;
		spent_cpu_us += cpu_us() - cpu;
		batch_reset(b);
	}
	t = clock_mono_us();
	store_writer_close(&w);
	spent_us += clock_mono_us() - t;
	batch_free(&b);
	if (!stat(path, &st))
		printf("%lld requests, %.0f a second (%.0f a processor second), %.1f bytes each\n", (long long)n,
		       (double)n * 1e6 / (double)spent_us, (double)n * 1e6 / (double)spent_cpu_us,
		       (double)st.st_size / (double)n);
}

/* Windows with steps end and begin with a step, as the console's do. */
static void ask(struct store_reader *r, const char *what, int64_t to_us, int64_t span_us, int64_t step_us, const char *by,
                const char *where, unsigned needs, unsigned series_needs)
{
	int64_t end_us = step_us ? (to_us + step_us - 1) / step_us * step_us : to_us;
	struct view v = {.from_us = end_us - span_us, .to_us = end_us, .step_us = step_us};
	struct figures_result res;
	struct err err = {""};
	int64_t best = INT64_MAX, requests = 0;
	size_t groups = 0;

	if ((by && view_set_by(&v, str_of(by), &err)) || (where && view_add_filter(&v, str_of(where), &err)))
		die(&err);
	for (int i = 0; i < 9; i++) {
		int64_t t = cpu_us();

		if (query_figures(r, &v, needs, series_needs, &res, &err))
			die(&err);
		t = cpu_us() - t;
		best = t < best ? t : best;
		requests = res.total.total.requests;
		groups = res.group_count;
		figures_result_fini(&res);
	}
	printf("%-44s %8.2f ms  %10lld requests %4zu groups\n", what, (double)best / 1000, (long long)requests, groups);
}

struct scanned {
	int64_t rows, slow, bytes;
};

static bool look(const struct scan_row *row, void *arg)
{
	struct scanned *s = arg;

	s->rows++;
	s->slow += row->latency_us > 5 * US_PER_S;
	s->bytes += (int64_t)row->attrs[ATTR_USER].len;
	return true;
}

/* Every raw request of a window. */
static void scan(struct store_reader *r, const char *what, int64_t to_us, int64_t span_us, unsigned attrs, unsigned fields)
{
	const struct scan_query q = {.view = {.from_us = to_us - span_us, .to_us = to_us}, .attrs = attrs, .fields = fields};
	int64_t best = INT64_MAX;
	struct scanned s = {0};
	struct err err = {""};

	for (int i = 0; i < 5; i++) {
		int64_t t = cpu_us();

		s = (struct scanned){0};
		if (query_scan(r, &q, look, &s, &err))
			die(&err);
		t = cpu_us() - t;
		best = t < best ? t : best;
	}
	printf("%-44s %8.2f ms  %10lld requests %4.1f M/s\n", what, (double)best / 1000, (long long)s.rows,
	       (double)s.rows / (double)(best ? best : 1));
}

static void ask_all(const char *path)
{
	struct store_summary s;
	struct store_reader *r;
	struct err err = {""};
	const unsigned latency = NEED_LATENCY, all = NEED_ALL_SKETCHES;

	if (store_reader_open(&r, path, &err) || query_summary(r, &s, &err))
		die(&err);
	int64_t end = s.last_us + 1;
	ask(r, "1 h by 1 min, p99", end, US_PER_HOUR, US_PER_MIN, NULL, NULL, latency, latency);
	ask(r, "1 h by 1 min, all sketches", end, US_PER_HOUR, US_PER_MIN, NULL, NULL, all, all);
	ask(r, "24 h by 5 min, all sketches", end, US_PER_DAY, 5 * US_PER_MIN, NULL, NULL, all, latency);
	ask(r, "30 d by 6 h, all sketches", end, 30 * US_PER_DAY, 6 * US_PER_HOUR, NULL, NULL, all, latency);
	ask(r, "30 d by deployment, p99", end, 30 * US_PER_DAY, 0, "deployment", NULL, latency, 0);
	ask(r, "30 d by model, p99, 6 h steps", end, 30 * US_PER_DAY, 6 * US_PER_HOUR, "model", NULL, latency, latency);
	ask(r, "30 d by model, counts, 6 h steps", end, 30 * US_PER_DAY, 6 * US_PER_HOUR, "model", NULL, 0, 0);
	ask(r, "1 h by deployment", end, US_PER_HOUR, 0, "deployment", NULL, all, 0);
	ask(r, "24 h by deployment", end, US_PER_DAY, 0, "deployment", NULL, all, 0);
	ask(r, "30 d by deployment", end, 30 * US_PER_DAY, 0, "deployment", NULL, all, 0);
	ask(r, "30 d by service, 6 h steps", end, 30 * US_PER_DAY, 6 * US_PER_HOUR, "service", NULL, all, latency);
	ask(r, "24 h by model, 10 min steps", end, US_PER_DAY, 10 * US_PER_MIN, "model", NULL, all, 0);
	ask(r, "30 d by service and model", end, 30 * US_PER_DAY, 0, "service,model", NULL, all, 0);
	ask(r, "24 h by service and model", end, US_PER_DAY, 0, "service,model", NULL, all, 0);
	ask(r, "24 h of one service by deployment", end, US_PER_DAY, 0, "deployment", "service=chat-api", all, 0);
	ask(r, "1 year by model", end, 365 * US_PER_DAY, 0, "model", NULL, all, 0);
	ask(r, "1 year by day", end, 365 * US_PER_DAY, US_PER_DAY, NULL, NULL, all, latency);
	scan(r, "raw rows of 1 h, figures", end, US_PER_HOUR, 0, 0);
	scan(r, "raw rows of 24 h, figures", end, US_PER_DAY, 0, 0);
	scan(r, "raw rows of 24 h, with users", end, US_PER_DAY, 1u << ATTR_USER, 0);
	scan(r, "raw rows of 24 h, all there is", end, US_PER_DAY, (1u << ATTR_COUNT) - 1, SCAN_IDS | SCAN_FLAGS);
	store_reader_close(&r);
}

int main(int argc, char **argv)
{
	if (argc < 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: bench_store [-q|-f] STORE.db < requests.jsonl\n");
		return 2;
	}
	if (strcmp(argv[1], "-q"))
		fill(argv[argc - 1]);
	if (strcmp(argv[1], "-f"))
		ask_all(argv[argc - 1]);
	return 0;
}
