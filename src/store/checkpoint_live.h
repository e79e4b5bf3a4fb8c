/* When a collector's log is brought into its file, by the thread of store/checkpoint.h: a
 * checkpoint of thousands of pages takes as long as many commits, and nobody's answer is to wait for it.
 * Internal to store/. */
#ifndef LLMDECK_STORE_CHECKPOINT_LIVE_H
#define LLMDECK_STORE_CHECKPOINT_LIVE_H

#include <sqlite3.h>

struct live_checkpoints;

/* For the connection `db` to the store at `path`, which it takes over the automatic checkpoints of. The
 * thread begins with the first checkpoint. */
struct live_checkpoints *live_checkpoints_new(sqlite3 *db, const char *path);
/* Ends it; before the connection is closed. NULL is fine. */
void live_checkpoints_free(struct live_checkpoints **c);

#endif
