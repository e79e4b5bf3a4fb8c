/* Brings what is in the write-ahead log into the store's file on a thread of its own, while the writer goes on
 * behind it. When, is the caller's policy: an import's (writer.c) or a collector's (checkpoint_live.h). The
 * functions belong to the writer's thread. Internal to store/. */
#ifndef LLMDECK_STORE_CHECKPOINT_H
#define LLMDECK_STORE_CHECKPOINT_H

#include <stdbool.h>

struct checkpointer;
/* `path`: the store's; a copy is kept. Nothing is opened or started yet. */
struct checkpointer *checkpointer_new(const char *path);
/* Ends the thread, after what it has in hand. */
void checkpointer_free(struct checkpointer **c);
/* Brings over what has been committed so far; returns at once, without effect while the last one goes on. */
void checkpointer_begin(struct checkpointer *c);
/* Until nothing is in hand. */
void checkpointer_wait(struct checkpointer *c);
/* The pages brought over since the log began, from the round that ended since this was last asked; -1 when
 * none did. *busy: one goes on now. */
int checkpointer_take(struct checkpointer *c, bool *busy);

#endif
