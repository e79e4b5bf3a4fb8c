/* HTTP requests to others, over libcurl: bounded in time and size, no redirects unless asked, TLS
 * verified. URLs may hold secrets: an error names the URL without user, password and query. */
#ifndef LLMDECK_NET_HTTP_CLIENT_H
#define LLMDECK_NET_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "net/loop.h"

struct http_ask {
	const char *url;            /* http or https */
	const char *unix_path;      /* connect to this Unix socket instead; NULL: by the URL's host */
	const char *method;         /* NULL: GET, or POST when there is a body */
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL; never logged */
	struct str body;            /* must live until the answer for http_begin() */
	const char *body_type;      /* content type of the body */
	int64_t timeout_us;         /* of everything; > 0 */
	int64_t connect_timeout_us; /* 0: the same */
	size_t answer_max_bytes;    /* a longer answer is a failure */
	bool follow_redirects;      /* at most 3, never from https to http */
	bool accept_compressed;     /* asks for gzip; answer_max_bytes bounds what it unpacks to */
	const char *ca_path;        /* file with the certificates to trust; NULL or "": the system's */
	bool insecure;              /* does not check the server's certificate and name */
	struct str ca_pem;          /* the certificates to trust, as PEM text; empty: by ca_path */
	struct str cert_pem, key_pem; /* the client's certificate and its key; empty: none */
	const atomic_bool *stop;    /* gives up within a second when it is raised; may be NULL */
};

enum http_result {
	HTTP_FAILED = 0,  /* no answer; the sentence says why */
	HTTP_ANSWERED,    /* `status` and body are there, whatever the status is */
	HTTP_UNREACHABLE, /* nobody listens, or the name does not resolve */
	HTTP_TIMED_OUT,
	HTTP_DENIED,      /* the Unix socket may not be opened */
};

struct http_got {
	int status;
	struct buf body;
	char type[128];       /* content type, cut; "" when absent */
	int retry_after_s;    /* 0: none given */
	struct buf headers;   /* the answer's header lines, each ending in a newline; bounded */
};
void http_got_fini(struct http_got *got);
/* The value of a header, case aside, without surrounding space; empty when absent. */
struct str http_got_header(const struct http_got *got, const char *name);

/* A connection that is kept between calls. One thread at a time. */
struct http_client;
struct http_client *http_client_new(void);
void http_client_free(struct http_client **c);
/* Waits for the answer. */
enum http_result http_fetch(struct http_client *c, const struct http_ask *ask, struct http_got *got,
                            struct err *err);

/* The same on a loop: done() is called on its thread, with an answer it may read until it returns.
 * http_cancel() gives up without calling done(). The call is gone after either. */
struct http_call;
struct http_call *http_begin(struct loop *loop, const struct http_ask *ask,
                             void (*done)(void *arg, enum http_result result,
                                          const struct http_got *got, const struct err *err),
                             void *arg);
void http_cancel(struct http_call **call);

/* Appends the URL as it may be shown: scheme, host, port and path. */
void http_url_for_words(struct buf *out, const char *url);

#endif
