/* A collector as a child of the console: it lives as long as its parent. */
#ifndef LLMDECK_DAEMON_SPAWN_H
#define LLMDECK_DAEMON_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "core/config.h"
#include "daemon/collector.h"

/* Whether a console should start a collector for this store. */
enum spawn_need {
	SPAWN_NOT_NEEDED, /* one answers on the socket, or another writer is at work on the store */
	SPAWN_POSSIBLE,   /* nobody answers, and the store is (or would become) the user's own */
	SPAWN_NOT_OURS,   /* it is somebody else's store, or the config has what must not end with a
	                   * console (notifiers, actuators); `why` says what to start instead */
};
enum spawn_need spawn_needed(const char *store_path, const char *socket_path,
                             const struct config *config, struct err *why);

struct spawn_options {
	struct collector_options collector; /* parent_fd is filled in here */
	const char *log_path;               /* the child's log lines; NULL: nowhere */
	void (*after)(void *arg);           /* in the child, when the collector has ended; may be NULL */
	void *arg;
};

struct collector_child;

/* Starts the child and does not wait for it. Must be called before this process starts a thread or
 * touches the terminal: it forks. It shall be ready within `timeout_us`. -1 when there is no process
 * to be had. */
int collector_child_begin(struct collector_child **out, const struct spawn_options *o, int64_t timeout_us,
                          struct err *err);
enum spawn_state {
	SPAWN_STARTING, /* ask again when collector_child_fd() is readable, or in a second */
	SPAWN_READY,    /* it collects */
	SPAWN_FAILED,   /* err holds the child's own sentence, or that its time is over: stop it */
};
/* How far it is. Never waits. */
enum spawn_state collector_child_state(struct collector_child *c, struct err *err);
int collector_child_fd(const struct collector_child *c);
/* Both: begins and waits until it collects. -1 when it failed; nothing is left then. */
int collector_child_start(struct collector_child **out, const struct spawn_options *o,
                          int64_t timeout_us, struct err *err);
pid_t collector_child_pid(const struct collector_child *c);
/* Lets it store what is queued and end, and waits for that; kills it after `timeout_us`. NULL is
 * fine. Should the parent never get here, the closed socket tells the child all the same. */
void collector_child_stop(struct collector_child **c, int64_t timeout_us);

#endif
