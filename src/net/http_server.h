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
};

struct http_server_options {
	const struct http_route *routes; /* NULL-method terminated; borrowed */
	size_t in_flight_max_bytes;      /* of all bodies together; beyond it 503 */
	unsigned connections_max;
	unsigned idle_timeout_s;
};

/* Takes a listening socket (unix_listen() or a TCP one) and closes it at the end. */
int http_server_start(struct http_server **out, struct loop *loop, int listen_fd,
                      const struct http_server_options *o, struct err *err);
/* Takes no new connection from now on; exchanges in progress go on. */
void http_server_quiesce(struct http_server *s);
size_t http_server_pending(const struct http_server *s); /* exchanges without an answer yet */
/* Hands over the last answers and closes. Every exchange must have been answered before (take turns
 * of the loop until http_server_pending() is 0). NULL is fine. */
void http_server_stop(struct http_server **s);

/* Loop's thread, inside handle() or until the answer: */
struct str http_body(const struct http_exchange *x);
const struct peer *http_peer(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);
/* A request header, case aside; NULL when absent. Only inside admit() and handle(). */
const char *http_header(const struct http_exchange *x, const char *name);

/* Gives the answer. Exactly once per exchange, from any thread; the exchange is gone afterwards. */
void http_answer(struct http_exchange *x, const struct http_reply *reply);
/* The same with a JSON object {"error": sentence}. */
void http_answer_error(struct http_exchange *x, int status, const char *sentence);

#endif
