/* bench_week STORE.db [DAYS [REQUESTS_PER_SECOND [RAW_DAYS [SIZE_MB]]]]
 *
 * A collector's store under a fast clock: so many requests a second for so many days, committed with
 * synchronous=FULL every ten seconds of that time, retention every minute, a new start every six hours.
 * Prints a line a day and fails when the file outgrows what the retention allows, or when descriptors or
 * memory grow after the first day. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "store/query.h"
#include "store/writer.h"

#define FIRST_US (INT64_C(1767225600) * US_PER_S) /* 2026-01-01 */
#define COMMIT_EVERY_US (10 * US_PER_S)
#define START_EVERY_US (6 * US_PER_HOUR)

static uint64_t seed = 88172645463325252u;

static uint64_t below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void die(const struct err *err)
{
	fprintf(stderr, "bench_week: %s\n", err->text);
	exit(1);
}

/* A hundred and twenty combinations, ten thousand users, ends up to a minute before the clock. */
static void add_request(struct batch *b, int64_t now_us)
{
	static const char *const services[] = {"chat-api", "support-bot", "rag-search", "code-assist", "agent-runner"};
	static const char *const models[] = {"gpt-4o", "gpt-4o-mini", "o3-mini", "claude-sonnet-4"};
	static const char *const deployments[] = {"v40", "v41", "v42", "v43", "v44", "v45"};
	struct request *r = batch_add_request(b);
	char user[24];

	r->end_us = now_us - (int64_t)below(below(20) ? 10 * US_PER_S : US_PER_MIN);
	r->latency_us = 200000 + (int64_t)(below(3000) * below(3000));
	r->ttft_us = r->latency_us / 5;
	r->input_tokens = (int64_t)below(4000);
	r->output_tokens = (int64_t)below(900);
	r->cached_tokens = r->input_tokens / 3;
	r->status = below(50) ? REQUEST_OK : REQUEST_ERROR;
	r->http_status = r->status == REQUEST_ERROR ? 429 : 200;
	if (r->status == REQUEST_ERROR)
		r->error_type = STR_LIT("rate_limit");
	r->cost_source = COST_INFERRED;
	r->cost_nusd = r->input_tokens * 2500 + r->output_tokens * 10000;
	r->cost_basis = STR_LIT("bench");
	r->dims[DIM_SERVICE] = str_of(services[below(5)]);
	r->dims[DIM_MODEL] = str_of(models[below(4)]);
	r->dims[DIM_DEPLOYMENT] = str_of(deployments[below(6)]);
	snprintf(user, sizeof user, "u_%04llu", (unsigned long long)below(10000));
	r->attrs[ATTR_USER] = batch_text(b, str_of(user), 32);
	r->has_trace = r->has_span = true;
	for (int i = 0; i < 16; i += 8) {
		uint64_t bits = below(UINT64_MAX);
		memcpy(r->trace_id + i, &bits, 8);
		memcpy(r->span_id, &bits, 8);
	}
}

static long resident_mib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmRSS: %ld", &kib);
	if (f)
		fclose(f);
	return kib / 1024;
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static double file_mib(const char *path, const char *tail)
{
	char name[512];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, tail);
	return stat(name, &st) ? 0 : (double)st.st_size / (1 << 20);
}

static void retain(struct store_writer *w, const struct retention *keep, int64_t now_us)
{
	struct err err = {""};
	bool more = true;

	while (more)
		if (store_writer_retain(w, keep, now_us, &more, &err))
			die(&err);
}

/* What a collector does between commits. */
static void fold(struct store_writer *w)
{
	struct err err = {""};

	for (int64_t due_us; (due_us = store_writer_fold_due_us(w)) >= 0 && due_us <= clock_mono_us();)
		if (store_writer_fold(w, &err))
			die(&err);
}

static struct store_writer *start(const char *path, int64_t now_us)
{
	struct store_options o = {.full_sync = true, .now_us = now_us};
	struct store_writer *w;
	struct err err = {""};

	if (store_writer_open(&w, path, &o, &err))
		die(&err);
	return w;
}

/* What a reader sees of the last hour must be what was sent in it. */
static void ask(const char *path, int64_t now_us, double *took_ms)
{
	struct view v = {.from_us = now_us - US_PER_DAY, .to_us = now_us, .step_us = 10 * US_PER_MIN};
	struct figures_result res;
	struct store_reader *r;
	struct err err = {""};

	if (store_reader_open(&r, path, &err))
		die(&err);
	int64_t from_us = clock_mono_us();
	if (query_figures(r, &v, NEED_ALL_SKETCHES, NEED_ALL_SKETCHES, &res, &err))
		die(&err);
	*took_ms = (double)(clock_mono_us() - from_us) / US_PER_MS;
	figures_result_fini(&res);
	store_reader_close(&r);
}

static bool say_day(const char *path, int64_t day, int64_t stored, int64_t now_us, double size_mib)
{
	static long first_mib;
	static int first_fds;
	double took_ms, main_mib = file_mib(path, ""), wal_mib = file_mib(path, "-wal");
	long mib = resident_mib();
	int fds = descriptors();

	ask(path, now_us, &took_ms);
	printf("day %2lld: %9lld stored, file %7.1f MiB, WAL %5.1f MiB, RSS %ld MiB, %d descriptors, a day asked in %.1f ms\n",
	       (long long)day, (long long)stored, main_mib, wal_mib, mib, fds, took_ms);
	fflush(stdout);
	if (day == 1) {
		first_mib = mib;
		first_fds = fds;
	}
	return main_mib <= size_mib * 1.1 + 16 && mib <= first_mib + 24 && fds <= first_fds;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "bench_week STORE.db [DAYS [REQUESTS_PER_SECOND [RAW_DAYS [SIZE_MB]]]]\n");
		return 2;
	}
	int64_t days = argc > 2 ? atoll(argv[2]) : 7, rate = argc > 3 ? atoll(argv[3]) : 50, size = argc > 5 ? atoll(argv[5]) : 600;
	struct retention keep = {
		.raw_us = (argc > 4 ? atoll(argv[4]) : 2) * US_PER_DAY, .rollup_10s_us = 6 * US_PER_HOUR, .rollup_1m_us = 3 * US_PER_DAY,
		.size_bytes = size << 20,
	};
	struct batch *b = batch_new();
	struct store_writer *w = NULL;
	struct store_counts counts = {0};
	struct err err = {""};
	int64_t now_us = FIRST_US, sent = 0;
	bool fine = true;

	for (int64_t end_us = FIRST_US + days * US_PER_DAY; now_us < end_us;) {
		if (!w)
			w = start(argv[1], now_us);
		now_us += COMMIT_EVERY_US;
		batch_reset(b);
		for (int64_t i = 0; i < rate * (COMMIT_EVERY_US / US_PER_S); i++, sent++)
			add_request(b, now_us);
		if (store_writer_append(w, b, &counts, &err) || store_writer_commit(w, &err))
			die(&err);
		fold(w);
		if (now_us % US_PER_MIN == 0)
			retain(w, &keep, now_us);
		if (now_us % US_PER_DAY == 0)
			fine &= say_day(argv[1], (now_us - FIRST_US) / US_PER_DAY, (int64_t)counts.added, now_us, (double)size);
		if ((now_us - FIRST_US) % START_EVERY_US == 0)
			store_writer_close(&w);
	}
	store_writer_close(&w);
	batch_free(&b);
	printf("%lld sent, %llu stored, %llu twice: %s\n", (long long)sent, (unsigned long long)counts.added,
	       (unsigned long long)counts.duplicates, fine && sent == (int64_t)(counts.added + counts.duplicates) ? "bounds held" : "BOUNDS NOT HELD");
	return fine ? 0 : 1;
}
