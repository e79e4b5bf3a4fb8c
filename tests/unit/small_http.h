/* A small HTTP/1.1 server for tests: a thread, one connection at a time (or one thread each), a
 * handler that sees the whole request and writes the whole answer. Keeps the last requests. */
#ifndef LLMDECK_TESTS_SMALL_HTTP_H
#define LLMDECK_TESTS_SMALL_HTTP_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

struct small_request {
	char method[16], target[1024]; /* with the query */
	char head[8192];               /* all header lines */
	char *body;
	size_t body_len;
};

struct small_http {
	int fd;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	atomic_bool hang;      /* accepts, reads, never answers */
	atomic_int requests;   /* answered or swallowed */
	/* Writes status line, headers and body, all of it. One call at a time. */
	void (*handle)(void *arg, const struct small_request *q, struct buf *answer);
	void *arg;
	pthread_mutex_t lock;  /* around handle() */
	atomic_int live;       /* connections */
};

static inline const char *small_header(const struct small_request *q, const char *name, char *out, size_t cap)
{
	size_t len = strlen(name);

	out[0] = '\0';
	for (const char *line = q->head; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		const char *value = line + len + 1 + strspn(line + len + 1, " ");
		snprintf(out, cap, "%.*s", (int)strcspn(value, "\r\n"), value);
	}
	return out;
}

static inline void small_answer(struct buf *out, int status, const char *headers, const char *body)
{
	buf_printf(out, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers, body);
}

struct small_connection {
	struct small_http *server;
	int fd;
};

/* Reads one request; false at the end. `in` keeps what came of the next. */
static inline bool small_read(struct small_connection *c, struct buf *in, struct small_request *q)
{
	for (;;) {
		char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
		if (end) {
			size_t head = (size_t)(end - in->data) + 4, body = 0;
			char value[64];

			if (sscanf(in->data, "%15s %1023s", q->method, q->target) != 2 || head >= sizeof(q->head))
				return false;
			const char *lines = strstr(in->data, "\r\n") + 2;
			snprintf(q->head, sizeof(q->head), "%.*s", (int)(in->data + head - lines), lines);
			if (*small_header(q, "Content-Length", value, sizeof(value)))
				body = (size_t)strtoul(value, NULL, 10);
			if (in->len >= head + body) {
				q->body = mem_strndup(in->data + head, body);
				q->body_len = body;
				memmove(in->data, in->data + head + body, in->len - head - body);
				in->len -= head + body;
				return true;
			}
		}
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		if (atomic_load(&c->server->stop))
			return false;
		if (poll(&p, 1, 50) <= 0)
			continue;
		ssize_t got = recv(c->fd, buf_reserve(in, 65536), 65536, 0);
		if (got <= 0)
			return false;
		in->len += (size_t)got;
		in->data[in->len] = '\0';
	}
}

static inline void *small_serve(void *arg)
{
	struct small_connection *c = arg;
	struct buf in = {0};
	struct small_request q;

	buf_reserve(&in, 1 << 17);
	while (small_read(c, &in, &q)) {
		struct buf answer = {0};

		atomic_fetch_add(&c->server->requests, 1);
		while (atomic_load(&c->server->hang) && !atomic_load(&c->server->stop))
			usleep(10000);
		pthread_mutex_lock(&c->server->lock);
		c->server->handle(c->server->arg, &q, &answer);
		pthread_mutex_unlock(&c->server->lock);
		free(q.body);
		bool sent = send(c->fd, answer.data, answer.len, MSG_NOSIGNAL) == (ssize_t)answer.len;
		buf_fini(&answer);
		if (!sent)
			break;
	}
	buf_fini(&in);
	close(c->fd);
	atomic_fetch_sub(&c->server->live, 1);
	free(c);
	return NULL;
}

static inline void *small_accept(void *arg)
{
	struct small_http *s = arg;

	while (!atomic_load(&s->stop)) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		pthread_t thread;

		if (poll(&p, 1, 50) <= 0)
			continue;
		int fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			continue;
		struct small_connection *c = mem_zalloc(sizeof(*c));
		*c = (struct small_connection){s, fd};
		atomic_fetch_add(&s->live, 1);
		if (pthread_create(&thread, NULL, small_serve, c) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

/* Listens on a port of the kernel's choice (port 0) on 127.0.0.1. */
static inline void small_start(struct small_http *s, uint16_t port,
                               void (*handle)(void *arg, const struct small_request *q, struct buf *answer), void *arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof(at);
	int yes = 1;

	memset(s, 0, sizeof(*s));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(s->fd, (struct sockaddr *)&at, sizeof(at)) || listen(s->fd, 64) ||
	    getsockname(s->fd, (struct sockaddr *)&at, &len))
		abort();
	s->port = ntohs(at.sin_port);
	s->handle = handle;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	pthread_create(&s->thread, NULL, small_accept, s);
}

/* Waits until every connection's thread is gone. */
static inline void small_stop(struct small_http *s)
{
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	close(s->fd);
	while (atomic_load(&s->live))
		usleep(2000);
	pthread_mutex_destroy(&s->lock);
}

#endif
