/* Talking to the collector: what the console and the commands use. One thread at a time per
 * client. */
#ifndef LLMDECK_CONSOLE_CONTROL_CLIENT_H
#define LLMDECK_CONSOLE_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "core/sink.h"

struct control_client;

/* How a call ended; the sentence is in err for everything but OK. */
enum control_result {
	CONTROL_FAILED = 0, /* it answered with something unexpected */
	CONTROL_OK,
	CONTROL_NOBODY,     /* nobody answers on the socket */
	CONTROL_REFUSED,    /* not allowed: by the socket's mode or by our role */
	CONTROL_BUSY,       /* its queue is full: nothing was taken */
	CONTROL_TIMED_OUT,
};

/* Does not connect yet. */
struct control_client *control_client_new(const char *socket_path);
void control_client_free(struct control_client **c);

struct control_source {
	const char *name, *kind, *state, *reason;
	double age_s; /* since its newest event; NaN: never */
	int64_t rows, rejected, repeated;
	double rows_per_s; /* NaN: not measured yet */
	double latency_ms; /* from arrival to the commit; NaN: nothing was stored yet */
	double took_ms;    /* how long the other side took to answer; NaN: it is not asked */
};
/* What /v1/status says, read. Strings live in the arena. */
struct control_status {
	struct arena arena;
	const char *role, *version, *store, *started; /* started: RFC 3339 */
	int64_t pid, uid;
	bool demo, failing;
	const char *words; /* why it is failing; "" */
	int64_t queued_batches, queued_batches_max, queued_bytes, queued_bytes_max;
	int64_t rows, duplicates, commits, refused, failures;
	double rows_per_s, commit_p50_ms, commit_p99_ms; /* NaN before the first commit */
	struct control_source *sources;
	size_t source_count, source_cap;
};
enum control_result control_client_status(struct control_client *c, struct control_status *out,
                                          struct err *err);
void control_status_fini(struct control_status *s);

/* Asks the collector to store what is queued and to end; returns when it has agreed. */
enum control_result control_client_stop(struct control_client *c, struct err *err);

/* Any request of the control interface: the answer's JSON goes to `out` (may be NULL). */
enum control_result control_client_call(struct control_client *c, const char *method, const char *path,
                                        struct str body, const char *body_type, int64_t timeout_us,
                                        struct buf *out, struct err *err);

/* A sink that stores through the collector at `socket_path`. store() waits and tries again while
 * the collector is busy, and returns after its commit; submit() does the same, calls done() and
 * returns. close() frees it. */
struct sink *control_client_sink(const char *socket_path);

#endif
