/* A thread beside the UI thread, for what may wait (the store, a collector, a disk): its lock, how it
 * is woken, how it wakes the UI thread, and how it ends even when what it waits for hangs. What is asked
 * for and what is answered belongs to the owner and lies under the same mutex. */
#ifndef LLMDECK_CONSOLE_WORKER_H
#define LLMDECK_CONSOLE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Part of its owner's structure; read and set `stop` under the mutex alone. */
struct worker {
	pthread_mutex_t mutex;
	bool stop; /* set by the owner or worker_stop(): run() is to return */
	/* private */
	bool ended, started;
	int wake_fd;
	pthread_cond_t wake;
	pthread_t thread;
	void (*run)(void *owner);
	void *owner;
};

/* wake_fd: borrowed; written one byte when the UI thread is to look. */
void worker_init(struct worker *w, int wake_fd);
/* Calls run(owner) on the new thread. One that is never started has ended already. */
void worker_start(struct worker *w, void (*run)(void *owner), void *owner);

void worker_lock(struct worker *w);
void worker_unlock(struct worker *w);
/* All under the mutex. worker_sleep() gives it up while it waits for worker_poke() or until due_us of the
 * monotonic clock (INT64_MAX: for ever); false when the time ran out. It may return early. */
bool worker_sleep(struct worker *w, int64_t due_us);
void worker_poke(struct worker *w);
bool worker_has_ended(const struct worker *w);

/* Any thread, with or without the mutex. */
void worker_wake_ui(const struct worker *w);

/* The UI thread, once. Asks run() to return and waits at most wait_us. True: it has, and the lock is gone.
 * False: it hangs; it is left to itself with all it uses, and the owner must free nothing. */
bool worker_stop(struct worker *w, int64_t wait_us);

#endif
