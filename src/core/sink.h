/* Where events go: a writer in this process or a collector's control socket. */
#ifndef LLMDECK_CORE_SINK_H
#define LLMDECK_CORE_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/event.h"

enum sink_result {
	SINK_FAILED = 0, /* not stored; err says why */
	SINK_OK,         /* durable (submit_wait) or queued (submit) */
	SINK_BUSY,       /* queue full: try again, nothing was taken */
};

struct sink_ack {
	uint64_t added, duplicates;
	uint64_t texts_dropped; /* late texts whose request did not come in time */
	bool stale; /* the batch's resume mark did not fit: nothing of it was stored */
	bool pending; /* taken, but not durable before a later batch's answer says so (batch.more) */
};

/* Batches that build upon one another (an import's): once one of them has failed, those lent after it fail, too. */
struct sink_chain {
	bool broken; /* the writer's thread's own */
};

struct sink {
	/* Stores the batch durably before it returns; waits while the queue is full. The batch stays the
	 * caller's and may be reset and filled again. One with `more` set may share the commit of those
	 * that follow it: the answer is then `pending`, and if that commit fails, a later one says so. */
	enum sink_result (*store)(struct sink *s, struct batch *b, struct sink_ack *ack, struct err *err);
	/* Queues the batch without waiting for the commit: takes ownership on SINK_OK. `done` is called
	 * on the writer's thread after the commit (ok) or its failure. */
	enum sink_result (*submit)(struct sink *s, struct batch *b,
	                           void (*done)(void *arg, bool ok, const struct sink_ack *ack, const char *error),
	                           void *arg, struct err *err);
	/* As store(), but comes back as soon as the batch is queued, which keeps the writer busy while the answer
	 * is on its way. The batch and `chain` stay the caller's, who leaves them alone until `done` was called,
	 * on the writer's thread; calls come in the batches' order. -1: not taken. NULL where there is no queue. */
	int (*lend)(struct sink *s, struct batch *b, struct sink_chain *chain,
	            void (*done)(void *arg, bool ok, const struct sink_ack *ack, const char *error), void *arg,
	            struct err *err);
	void (*close)(struct sink *s); /* waits for what is queued; frees */
};

#endif
