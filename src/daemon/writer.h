/* The writer thread: the one read-write connection of the store, behind a bounded queue of
 * batches. Batches that wait together share one commit; a batch is acknowledged after the commit
 * that holds it, never before. */
#ifndef LLMDECK_DAEMON_WRITER_H
#define LLMDECK_DAEMON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/sink.h"
#include "store/writer.h"

struct writer;

struct writer_options {
	struct store_options store;
	size_t queue_batches;      /* bound; 0 = 1,024 */
	size_t queue_bytes;        /* bound; 0 = 32 MiB. One batch is always taken by an empty queue */
	size_t commit_rows;        /* most rows in a transaction; 0 = 50,000 */
	int64_t commit_us;         /* a transaction takes no further batch after this; 0 = 1 s */
	int64_t retry_us;          /* how long a batch that cannot be stored is tried again before it
	                            * is given back unacknowledged; 0 = 5 s */
	struct retention keep;
	int64_t retain_every_us;   /* 0 = no retention work */
};

/* Opens the store and starts the thread. */
int writer_start(struct writer **out, const char *path, const struct writer_options *o,
                 struct err *err);
/* Stores and acknowledges what is queued, closes the store, ends the thread. Batches submitted from
 * now on are refused. NULL is fine. */
void writer_stop(struct writer **w);

/* Any thread. The same sink for everybody; its close() does nothing: the writer owns it.
 * submit() answers SINK_BUSY when the queue is full, store() waits. */
struct sink *writer_sink(struct writer *w);

/* Any thread but the writer's own: runs job(store, arg) on the writer's thread, inside a transaction
 * that it may share with batches, and waits for the commit. The job may run several times (a failed
 * transaction is undone and tried again), so it must not change what it reads. -1 when it is not
 * stored, with the reason. */
int writer_run(struct writer *w, int (*job)(struct store_writer *store, void *arg, struct err *err),
               void *arg, struct err *err);
/* The same without waiting: false when the writer is stopping, and nothing happens. done() comes on
 * the writer's thread after the commit (ok) or its failure. */
bool writer_begin_job(struct writer *w, int (*job)(struct store_writer *store, void *arg, struct err *err),
                      void *arg, void (*done)(void *arg, bool ok, const struct sink_ack *ack, const char *error));

/* Any thread: what retention applies from now on. */
void writer_set_retention(struct writer *w, const struct retention *keep);

struct writer_stats {
	size_t queued_batches, queued_bytes;
	size_t queue_batches_max, queue_bytes_max; /* the bounds */
	uint64_t rows, duplicates, batches, commits; /* since the start */
	uint64_t refused;      /* submits answered with SINK_BUSY */
	uint64_t failures;     /* failed appends and commits */
	uint64_t given_back;   /* batches that were not stored in the end */
	double rows_per_s;     /* over the last ten seconds */
	int64_t commit_p50_us, commit_p99_us; /* -1 before the first */
	int64_t last_commit_us; /* wall time; 0 before the first */
	bool failing;          /* the last attempt failed */
	char words[512];       /* why, "" while all is well */
};
/* Any thread. */
void writer_get_stats(struct writer *w, struct writer_stats *out);
/* Any thread: the share of the queue in use, 0-1. */
double writer_fill(struct writer *w);

#endif
