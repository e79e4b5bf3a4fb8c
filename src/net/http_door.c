/* An epoll descriptor of its own watches the listening socket and all who wait, so that the loop has
 * one descriptor to watch however many wait. They are watched edge-triggered: bytes are only peeked
 * at, so that a level would go on reporting them. A connection whose first bytes could still become
 * HTTP/2's preface ("PRI * HTTP/2.0", RFC 9113 section 3.4) goes on waiting; everything that is not it
 * is the server's to judge. While the server is full, who is ready waits for the next try. */
#include "net/http_door.h"

#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/tcp.h"

#define EVENTS 64
#define ACCEPTS_PER_TURN 256 /* so that a flood of connections leaves time for the others */
#define TRY_AGAIN_US (5 * US_PER_MS)
#define LOOK_EVERY_US US_PER_S

struct visitor {
	struct visitor *prev, *next; /* oldest first */
	int fd;
	int64_t since_us; /* monotonic */
	bool ready;       /* has spoken; the server had no room */
	struct tcp_address from;
};

struct http_door {
	struct loop *loop;
	struct http_door_options options;
	int listen_fd, epoll_fd;
	struct visitor *oldest, *newest;
	unsigned waiting, ready; /* visitors; those who have spoken */
	uint64_t dropped;
	struct loop_timer *patience, *again;
	bool deaf; /* no descriptors left: the listening socket is not watched until the next try */
};

static void forget(struct http_door *d, struct visitor *v)
{
	if (v->prev)
		v->prev->next = v->next;
	else
		d->oldest = v->next;
	if (v->next)
		v->next->prev = v->prev;
	else
		d->newest = v->prev;
	d->waiting--;
	d->ready -= v->ready;
	assert(d->oldest != v && d->newest != v);
	free(v);
}

static void drop(struct http_door *d, struct visitor *v)
{
	close(v->fd);
	forget(d, v);
}

static void turn_away(struct http_door *d, struct visitor *v, enum http_stranger what)
{
	char host[INET6_ADDRSTRLEN] = "?";

	getnameinfo((const struct sockaddr *)&v->from.bytes, v->from.len, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	if (d->options.stranger)
		d->options.stranger(d->options.arg, what, host);
	drop(d, v);
}

/* False when the server has no room: the visitor goes on waiting. */
static bool hand_over(struct http_door *d, struct visitor *v)
{
	if (!http_server_adopt(d->options.server, v->fd, (const struct sockaddr *)&v->from.bytes, v->from.len)) {
		d->ready += !v->ready;
		v->ready = true;
		http_server_make_room(d->options.server, d->ready);
		loop_timer_set(d->loop, d->again, TRY_AGAIN_US);
		return false;
	}
	forget(d, v);
	return true;
}

/* Looks at what a visitor has said so far. */
static void listen_to(struct http_door *d, struct visitor *v)
{
	static const char preface[] = "PRI * HTTP/2.0";
	char said[sizeof(preface) - 1];
	ssize_t len = recv(v->fd, said, sizeof(said), MSG_PEEK | MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		drop(d, v);
		return;
	}
	if (said[0] == 0x16 && (len < 2 || said[1] == 0x03)) { /* a TLS record with a handshake */
		turn_away(d, v, STRANGER_TLS);
		return;
	}
	bool like_preface = memcmp(said, preface, (size_t)len) == 0;

	if (like_preface && (size_t)len == sizeof(said))
		turn_away(d, v, STRANGER_HTTP2);
	else if (!like_preface) {
		epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, v->fd, NULL);
		hand_over(d, v);
	}
}

static void welcome(struct http_door *d, int fd, const struct tcp_address *from)
{
	struct visitor *v = mem_zalloc(sizeof(*v));
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = v};
	int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	v->fd = fd;
	v->since_us = clock_mono_us();
	v->from = *from;
	v->prev = d->newest;
	if (v->prev)
		v->prev->next = v;
	else
		d->oldest = v;
	d->newest = v;
	d->waiting++;
	if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		drop(d, v);
}

/* No descriptors left: the one who has waited longest makes room, and we try again soon. */
static void run_dry(struct http_door *d)
{
	if (d->oldest) {
		d->dropped++;
		drop(d, d->oldest);
	}
	epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, d->listen_fd, NULL);
	d->deaf = true;
	loop_timer_set(d->loop, d->again, TRY_AGAIN_US);
}

static void accept_some(struct http_door *d)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct tcp_address from = {.len = sizeof(from.bytes)};
		int fd = accept4(d->listen_fd, (struct sockaddr *)&from.bytes, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				run_dry(d);
			else if (errno == EINTR || errno == ECONNABORTED)
				continue;
			return;
		}
		if (d->waiting >= d->options.waiting_max) {
			d->dropped++;
			drop(d, d->oldest);
		}
		welcome(d, fd, &from);
	}
}

static void take_events(void *arg)
{
	struct http_door *d = arg;
	struct epoll_event events[EVENTS];
	int count = epoll_wait(d->epoll_fd, events, EVENTS, 0);
	bool knocks = false;

	/* Those who wait first: accepting may drop some of them. */
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			listen_to(d, events[i].data.ptr);
		else
			knocks = true;
	}
	if (knocks)
		accept_some(d);
}

static void watch_door(struct http_door *d)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->listen_fd, &event);
	d->deaf = false;
}

static void try_again(void *arg)
{
	struct http_door *d = arg;

	if (d->deaf)
		watch_door(d);
	for (struct visitor *v = d->oldest, *next; v; v = next) {
		next = v->next;
		if (v->ready && !hand_over(d, v))
			return;
	}
}

static void drop_silent(void *arg)
{
	struct http_door *d = arg;
	int64_t before_us = clock_mono_us() - d->options.silence_us;

	while (d->oldest && d->oldest->since_us < before_us) {
		d->dropped++;
		drop(d, d->oldest);
	}
	loop_timer_set(d->loop, d->patience, LOOK_EVERY_US);
}

int http_door_open(struct http_door **out, struct loop *loop, int listen_fd,
                   const struct http_door_options *o, struct err *err)
{
	struct http_door *d;
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	*out = NULL;
	if (epoll_fd < 0) {
		close(listen_fd);
		return err_set(err, "listening: %s", strerror(errno));
	}
	d = mem_zalloc(sizeof(*d));
	d->loop = loop;
	d->options = *o;
	d->listen_fd = listen_fd;
	d->epoll_fd = epoll_fd;
	watch_door(d);
	d->patience = loop_timer_new(loop, LOOK_EVERY_US, drop_silent, d);
	d->again = loop_timer_new(loop, -1, try_again, d);
	loop_watch(loop, epoll_fd, take_events, d);
	*out = d;
	return 0;
}

void http_door_close(struct http_door **out)
{
	struct http_door *d = *out;

	if (!d)
		return;
	*out = NULL;
	loop_unwatch(d->loop, d->epoll_fd);
	loop_timer_free(d->loop, &d->patience);
	loop_timer_free(d->loop, &d->again);
	while (d->oldest)
		drop(d, d->oldest);
	close(d->listen_fd);
	close(d->epoll_fd);
	free(d);
}

uint64_t http_door_dropped(const struct http_door *d)
{
	return d->dropped;
}

unsigned http_door_waiting(const struct http_door *d)
{
	return d->waiting;
}
