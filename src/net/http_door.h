/* The door of an HTTP server that strangers knock at: accepts TCP connections and looks at their
 * first bytes before the server sees them. Who says nothing waits here, where a connection costs a
 * descriptor and a few bytes; who speaks something other than HTTP/1 is turned away and told of. */
#ifndef LLMDECK_NET_HTTP_DOOR_H
#define LLMDECK_NET_HTTP_DOOR_H

#include <stdint.h>

#include "base/err.h"
#include "net/http_server.h"
#include "net/loop.h"

struct http_door;

enum http_stranger { STRANGER_HTTP2, STRANGER_TLS };

struct http_door_options {
	struct http_server *server;  /* started with listen_fd -1 */
	unsigned waiting_max;        /* silent connections; beyond it the oldest goes */
	int64_t silence_us;          /* how long one may stay silent */
	/* Somebody speaks another protocol; `from` is his address, as text. The connection is closed. */
	void (*stranger)(void *arg, enum http_stranger what, const char *from);
	void *arg;
};

/* Takes the listening socket and closes it at the end. Loop's thread. */
int http_door_open(struct http_door **out, struct loop *loop, int listen_fd,
                   const struct http_door_options *o, struct err *err);
/* Closes the listening socket and who waits; the server keeps whom it has. NULL is fine. */
void http_door_close(struct http_door **d);

/* Connections closed here for their silence or to make room. */
uint64_t http_door_dropped(const struct http_door *d);
unsigned http_door_waiting(const struct http_door *d);

#endif
