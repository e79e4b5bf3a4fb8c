/* The I/O thread's loop: file descriptors, timers, curl transfers and jobs from other threads,
 * all waited for in one place. A loop belongs to the thread that runs it; only loop_post() and
 * loop_stop() may be called from others. */
#ifndef LLMDECK_NET_LOOP_H
#define LLMDECK_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_timer;

int loop_new(struct loop **out, struct err *err);
/* Watched descriptors and timers that are left are forgotten (not closed); posted jobs that have
 * not run are run first, so that what they own is freed. NULL is fine. */
void loop_free(struct loop **l);

/* Runs until loop_stop(). -1 only when waiting itself fails. */
int loop_run(struct loop *l, struct err *err);
/* One turn: waits at most max_wait_ms (0 = not at all), then calls what is due. */
int loop_turn(struct loop *l, int max_wait_ms, struct err *err);
/* Any thread: loop_run() returns after the turn it is in. */
void loop_stop(struct loop *l);

/* Calls ready(arg) in every turn in which `fd` can be read or has hung up. The descriptor stays
 * the caller's. */
void loop_watch(struct loop *l, int fd, void (*ready)(void *arg), void *arg);
void loop_unwatch(struct loop *l, int fd);

/* Calls due(arg) once, after `after_us`; loop_timer_set() re-arms it (negative: never). A timer
 * with after_us < 0 starts disarmed. */
struct loop_timer *loop_timer_new(struct loop *l, int64_t after_us, void (*due)(void *arg), void *arg);
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t after_us);
void loop_timer_free(struct loop *l, struct loop_timer **t);

/* Called at the start of every turn: returns how many microseconds the loop may wait at most (-1:
 * as long as it likes). For a library that keeps time-outs of its own (the HTTP server). Not to be
 * added or removed from within a prepare(). */
void loop_prepare_add(struct loop *l, int64_t (*prepare)(void *arg), void *arg);
void loop_prepare_remove(struct loop *l, int64_t (*prepare)(void *arg), void *arg);

/* Any thread: runs job(arg) on the loop's thread, in order of posting. Never blocks. */
void loop_post(struct loop *l, void (*job)(void *arg), void *arg);
/* Jobs posted with this arg that have not run yet are forgotten: for the end of what it points to. */
void loop_unpost(struct loop *l, const void *arg);

/* Transfers (net/http_client.h only): takes a configured curl easy handle; done(arg, result) is
 * called on the loop's thread when it has ended, and owns the handle again. `result` is a CURLcode. */
void loop_transfer_add(struct loop *l, void *easy, void (*done)(void *arg, int result), void *arg);
void loop_transfer_remove(struct loop *l, void *easy); /* gives up; `done` is not called */

#endif
