/* A small HTTP/1.1 server on the loop's thread, over libmicrohttpd. Bodies are bounded before they
 * are read; an answer may be given later, from any thread (after a commit, say). */
#ifndef LLMDECK_NET_HTTP_SERVER_H
#define LLMDECK_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "net/loop.h"
#include "net/unix_socket.h"

struct http_server;
struct http_exchange; /* one request and its answer to come */

struct http_reply {
	int status;           /* 200-599 */
	const char *type;     /* content type; NULL: no body is sent */
	struct str body;      /* copied */
	int retry_after_s;    /* > 0: a Retry-After header */
	const char *allow;    /* an Allow header for 405; NULL: none */
};

struct http_route {
	const char *method, *path; /* exact */
	size_t body_max_bytes;     /* more is answered with 413; 0: no body allowed */
	/* Called before the body is read. True: go on. False: `reply` (403 unless changed, words in
	 * `err`) is the refusal; its body is made from err when it has none. What the client sends is
	 * then swallowed, not kept. May be NULL. */
	bool (*admit)(void *arg, const struct peer *peer, struct http_reply *reply, struct err *err);
	/* Called with the whole body. Answers by http_answer(), now or later. */
	void (*handle)(void *arg, struct http_exchange *x);
	void *arg;
	/* As admit, with the request's headers (http_header()). May be NULL. */
	bool (*check)(void *arg, const struct http_exchange *x, struct http_reply *reply, struct err *err);
};

struct http_server_options {
	const struct http_route *routes; /* NULL-method terminated; borrowed */
	size_t in_flight_max_bytes;      /* of all bodies together; beyond it 503 */
	unsigned connections_max;
	unsigned idle_timeout_s;
	/* For strangers, where a client must not hold a connection by a byte now and then; all may be 0: */
	int64_t request_max_us;          /* a whole request must have come within this, or the connection is cut */
	size_t connection_memory_bytes;  /* for a request's head; 0 = 64 KiB */
	/* The body of a refusal, in a form that suits the request (whose content type may be NULL);
	 * returns its content type. NULL: {"error": sentence}. */
	const char *(*explain)(void *arg, const char *request_type, int status, const char *sentence, struct buf *out);
	void *explain_arg;
	const char *nowhere; /* the sentence of a 404; NULL: about the control socket */
};

/* Takes a listening socket (unix_listen() or a TCP one) and closes it at the end; -1: connections
 * come by http_server_adopt() alone. */
int http_server_start(struct http_server **out, struct loop *loop, int listen_fd,
                      const struct http_server_options *o, struct err *err);
/* Takes no new connection from now on; exchanges in progress go on. */
void http_server_quiesce(struct http_server *s);
size_t http_server_pending(const struct http_server *s); /* exchanges without an answer yet */
/* Hands over the last answers and closes. Every exchange must have been answered before (take turns
 * of the loop until http_server_pending() is 0, or answer them all). NULL is fine. */
void http_server_stop(struct http_server **s);

/* Takes a connected socket of which nothing has been read. False when there are connections_max
 * already: the socket stays the caller's, see http_server_make_room(). */
struct sockaddr;
bool http_server_adopt(struct http_server *s, int fd, const struct sockaddr *from, unsigned from_len);
/* Begins to close the connections that have waited longest for a request, or for its end, until so many
 * are on their way out; a few at a time. */
void http_server_make_room(struct http_server *s, unsigned places);
/* Connections cut so far because no whole request came in time, or to make room. */
uint64_t http_server_cut(const struct http_server *s);

/* Loop's thread, inside handle() or until the answer: */
struct str http_body(const struct http_exchange *x);
const struct peer *http_peer(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);
/* Frees the body, which nobody reads any more, before the answer. */
void http_release_body(struct http_exchange *x);
/* A request header, case aside; NULL when absent. Only inside admit() and handle(). */
const char *http_header(const struct http_exchange *x, const char *name);

/* Gives the answer. Exactly once per exchange, from any thread; the exchange is gone afterwards. */
void http_answer(struct http_exchange *x, const struct http_reply *reply);
/* The same with a JSON object {"error": sentence}. */
void http_answer_error(struct http_exchange *x, int status, const char *sentence);

#endif
