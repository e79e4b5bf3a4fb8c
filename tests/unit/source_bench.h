/* A store with its writer, a loop and one configured source, as in the collector but without
 * processes and sockets. For tests of sources; each includes it once. */
#ifndef LLMDECK_TESTS_SOURCE_BENCH_H
#define LLMDECK_TESTS_SOURCE_BENCH_H

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/source_host.h"
#include "daemon/writer.h"
#include "parse/config.h"
#include "store/query.h"

#define BENCH_DEADLINE_US (20 * US_PER_S)

struct bench {
	char dir[64], *store, *yaml;
	struct config config;
	struct loop *loop;
	struct writer *writer;
	struct source_host *host;
	struct store_reader *reader;
};

static inline void bench_run(struct bench *b)
{
	struct writer_options how = {.store = {.full_sync = false}, .retry_us = 100 * US_PER_MS};
	struct err err = {""};

	if (config_parse(&b->config, str_of(b->yaml), "test.yaml", &err) != 0 || loop_new(&b->loop, &err) != 0 ||
	    writer_start(&b->writer, b->store, &how, &err) != 0)
		fail_msg("%s", err.text);
	b->host = source_host_new(b->loop, writer_sink(b->writer), b->store);
	if (source_host_check(&b->config, false, &err) != 0)
		fail_msg("%s", err.text);
	source_host_start(b->host, &b->config, NULL);
}

/* Makes a folder and a store in it; `yaml` has one %s, which becomes the folder. */
static inline void bench_open(struct bench *b, const char *yaml)
{
	char *at = strstr(yaml, "%s");

	*b = (struct bench){.dir = "/tmp/llmdeck-source-XXXXXX"};
	assert_non_null(mkdtemp(b->dir));
	b->store = mem_printf("%s/llmdeck.db", b->dir);
	b->yaml = at ? mem_printf("%.*s%s%s", (int)(at - yaml), yaml, b->dir, at + 2) : mem_strdup(yaml);
	bench_run(b);
}

static inline void bench_stop(struct bench *b)
{
	store_reader_close(&b->reader);
	source_host_stop(b->host);
	writer_stop(&b->writer);
	loop_turn(b->loop, 0, NULL);
	source_host_free(&b->host);
	loop_free(&b->loop);
	config_fini(&b->config);
}

static inline void bench_close(struct bench *b)
{
	char *command = mem_printf("rm -rf '%s'", b->dir);

	bench_stop(b);
	if (system(command) != 0)
		fail_msg("%s failed", command);
	free(command);
	free(b->store);
	free(b->yaml);
}

static inline char *bench_path(const struct bench *b, const char *name)
{
	return mem_printf("%s/%s", b->dir, name);
}

/* Adds to the file, making it when needed. */
static inline void bench_write(const struct bench *b, const char *name, const char *text)
{
	char *path = bench_path(b, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	free(path);
}

static inline void bench_rename(const struct bench *b, const char *from, const char *to)
{
	char *old = bench_path(b, from), *new = bench_path(b, to);

	assert_int_equal(rename(old, new), 0);
	free(old);
	free(new);
}

static inline struct store_reader *bench_reader(struct bench *b)
{
	struct err err = {""};

	if (!b->reader && store_reader_open(&b->reader, b->store, &err) != 0)
		fail_msg("%s", err.text);
	return b->reader;
}

static inline struct store_summary bench_summary(struct bench *b)
{
	struct store_summary s;
	struct err err = {""};

	if (query_summary(bench_reader(b), &s, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

/* What the source says of itself, as JSON. Owned by the caller. */
static inline char *bench_status(const struct bench *b)
{
	struct buf text = {0};

	source_host_status(b->host, &text);
	return buf_steal(&text);
}

static inline bool bench_says(const struct bench *b, const char *words)
{
	char *status = bench_status(b);
	bool says = strstr(status, words) != NULL;

	free(status);
	return says;
}

/* Turns the loop until the source says these words. */
static inline void bench_until_says(struct bench *b, const char *words)
{
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US;

	while (!bench_says(b, words)) {
		if (clock_mono_us() > until_us)
			fail_msg("waited for \"%s\"; it says %s", words, bench_status(b));
		loop_turn(b->loop, 10, NULL);
	}
}

/* Turns the loop until so many requests are stored. */
static inline void bench_until_requests(struct bench *b, int64_t count)
{
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US, got;

	while ((got = bench_summary(b).requests) < count) {
		if (clock_mono_us() > until_us)
			fail_msg("waited for %lld requests, have %lld; %s", (long long)count, (long long)got, bench_status(b));
		loop_turn(b->loop, 10, NULL);
	}
	assert_int_equal(got, count);
}

/* The newest value of a stored gauge in the last hour; NAN when there is none. */
static inline double bench_gauge(struct bench *b, const char *name, const char *instance)
{
	int64_t now_us = clock_wall_us();
	struct gauge_result res;
	struct err err = {""};
	double value = NAN;

	if (query_gauges(bench_reader(b), str_of(name), now_us - US_PER_HOUR, now_us + US_PER_MIN, 10 * US_PER_S, &res, &err) != 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < res.series_count; i++)
		for (size_t k = 0; k < res.series[i].steps && strcmp(res.series[i].instance, instance) == 0; k++)
			if (!isnan(res.series[i].last[k]))
				value = res.series[i].last[k];
	gauge_result_fini(&res);
	return value;
}

/* Turns the loop for a while. */
static inline void bench_for(struct bench *b, int64_t us)
{
	int64_t until_us = clock_mono_us() + us;

	while (clock_mono_us() < until_us)
		loop_turn(b->loop, 5, NULL);
}

#endif
