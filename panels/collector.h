/* What the collector says about itself and its sources, as plain data: asked on the console's chores
 * thread, drawn by the header and the sources page. */
#ifndef LLMDECK_PANELS_COLLECTOR_H
#define LLMDECK_PANELS_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLLECTOR_SOURCES_MAX 64

enum source_health {
	HEALTH_INIT,    /* nothing has come yet */
	HEALTH_OK,
	HEALTH_STALE,   /* worked, but has brought nothing for too long */
	HEALTH_PAUSED,  /* the store cannot keep up */
	HEALTH_FAILING, /* tried and failed; goes on trying */
	HEALTH_DENIED,  /* the other side refuses us */
};
struct source_status {
	char name[64], kind[24];
	char reason[300]; /* from the source; "" when all is well */
	enum source_health health;
	double age_s;     /* since its newest success; NaN: never */
	double rows_per_s, latency_ms, took_ms; /* NaN: not measured */
	int64_t rows, rejected, repeated;
};
struct collector_status {
	bool asked;       /* somebody has tried: the rest means something */
	bool answered;
	char words[300];  /* why nobody answers, or why storing fails; "" */
	char role[16];    /* ours, as it sees us: "viewer", "responder", "operator" */
	char version[24], store[200];
	int64_t pid, asked_wall_us, started_us;
	bool failing;     /* the last commit failed */
	int64_t queued_batches, queued_batches_max, queued_bytes, queued_bytes_max;
	int64_t rows, duplicates, commits, refused, failures;
	double rows_per_s, commit_p50_ms, commit_p99_ms; /* NaN before the first commit */
	struct source_status sources[COLLECTOR_SOURCES_MAX];
	size_t source_count;
	size_t sources_left_out; /* beyond COLLECTOR_SOURCES_MAX */
};

/* Health from the collector's word for it and the age of the newest success. */
enum source_health source_health_of(const char *state, const char *kind, double age_s);
/* "OK", "STALE", "DENIED", "INIT", "FAILING", "PAUSED". */
const char *source_health_word(enum source_health h);
/* What a person can do about it: one sentence, "" when nothing is wrong. */
const char *source_health_advice(const struct source_status *s);
/* How many sources are OK. */
size_t collector_sources_ok(const struct collector_status *c);
/* Seconds from arrival to the store of the slowest source that works; NaN when none was measured. */
double collector_lag_s(const struct collector_status *c);

#endif
