/* Where the controller's records and reports go in a collector: the writer's thread. */
#ifndef LLMDECK_DAEMON_ROLLOUTS_STORE_H
#define LLMDECK_DAEMON_ROLLOUTS_STORE_H

#include "daemon/rollouts.h"
#include "daemon/writer.h"
#include "net/loop.h"

struct rollouts_store {
	struct loop *loop;
	struct writer *writer;
};
/* The store() and report() of the ops; `arg` is a struct rollouts_store. The head of the audit's chain
 * goes to the system log after each row. */
void rollouts_store_record(void *arg, struct rollout_record *record,
                           void (*done)(void *done_arg, bool ok, const char *error), void *done_arg);
void rollouts_store_report(void *arg, struct batch *b);

#endif
