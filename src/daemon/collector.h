/* The collector: the store's only writer, its sources and its control socket, until somebody asks
 * it to end. */
#ifndef LLMDECK_DAEMON_COLLECTOR_H
#define LLMDECK_DAEMON_COLLECTOR_H

#include <stdbool.h>

#include "base/err.h"
#include "core/config.h"

struct collector_options {
	const char *store_path;
	const char *socket_path;
	const char *config_path;     /* re-read on SIGHUP; NULL: nothing to re-read */
	const struct config *config; /* must outlive the run */
	bool demo;                   /* marks a new store as holding invented data */
	bool receive;                /* OTLP, at the configuration's `listen` */
	const char *listen;          /* instead of that; NULL: as configured */
	/* One end of a stream socket, or -1: gets one line, "ready" or why it could not start; when the
	 * other end closes, the collector ends. Stays the caller's. */
	int parent_fd;
};

/* Runs in this thread (I/O) and one more (writer) until SIGTERM, SIGINT, POST /v1/stop or the
 * parent's end; then stores what is queued. Folders are made as needed. -1 with a sentence when it
 * cannot start or the loop fails. Call it in a process without other threads: it takes over the
 * signals while it runs. */
int collector_run(const struct collector_options *o, struct err *err);

#endif
