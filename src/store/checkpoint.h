/* Brings what is in the write-ahead log into the store's file on a thread of its own, while the writer goes on
 * behind it: for imports, whose log grows faster than a pause could be hidden. The functions belong to the
 * writer's thread. Internal to store/. */
#ifndef LLMDECK_STORE_CHECKPOINT_H
#define LLMDECK_STORE_CHECKPOINT_H

struct checkpointer;
/* `path`: the store's; a copy is kept. Nothing is opened or started yet. */
struct checkpointer *checkpointer_new(const char *path);
/* Ends the thread, after what it has in hand. */
void checkpointer_free(struct checkpointer **c);
/* Brings over what has been committed so far; returns at once, without effect while the last one goes on. */
void checkpointer_begin(struct checkpointer *c);
/* Until nothing is in hand. */
void checkpointer_wait(struct checkpointer *c);

#endif
