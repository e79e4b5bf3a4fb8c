/* libmicrohttpd runs in its external-loop mode: its epoll descriptor is watched by the loop and
 * MHD_run() is called when it is ready, so that every MHD call happens on one thread. A handler
 * that does not answer at once leaves its connection suspended. http_answer() stores the answer
 * and posts a job to the loop; the job resumes the connection, and MHD then calls access_handler()
 * again, which queues the stored answer.
 *
 * An exchange lives from the first call of access_handler() until MHD's completion callback; while
 * a handler holds it, its connection is suspended and cannot complete. */
#include "net/http_server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define MEMORY_BYTES ((size_t)64 << 10) /* for the head of a request, unless told otherwise */
#define CUTS_AT_ONCE 64u /* connections on their way out to make room */
#define RESERVE_MAX_BYTES ((size_t)1 << 20)
#define SWALLOW_MAX_BYTES ((size_t)64 << 20) /* of a refused body */

enum exchange_state {
	EXCHANGE_READING,  /* the body is coming in */
	EXCHANGE_HANDLING, /* the handler has it; the connection is suspended once handle() returned */
	EXCHANGE_ANSWERED, /* the answer is there, not yet handed to MHD */
};

struct http_exchange {
	struct http_exchange *next; /* of the answered ones */
	struct http_server *server;
	struct MHD_Connection *connection;
	const struct http_route *route; /* NULL: there is none, and it is refused */
	char *path;
	struct buf body;
	size_t accounted_bytes; /* of the server's in-flight sum */
	struct peer peer;
	enum exchange_state state;
	bool refused; /* the answer was decided before the handler saw it */
	size_t swallowed_bytes;
	int status, retry_after_s;
	const char *type, *allow;
	struct buf answer;
};

/* An open connection, as far as its patience goes. */
struct client {
	struct client *prev, *next;
	int fd;
	int64_t since_us; /* monotonic: when it was opened, or last answered */
	bool answered;    /* at least once: may idle for as long as idle_timeout_s, too */
	bool held;        /* a handler works on its request: not to be cut */
	bool cut;
};

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct client *clients; /* newest first */
	size_t client_count;
	uint64_t cut_count;
	struct loop_timer *patience; /* NULL: no request_max_us */
	pthread_mutex_t lock;        /* guards `answered` and `posted` */
	struct http_exchange *answered, **answered_end;
	bool posted; /* a job that takes the answered ones is under way */
	struct http_server_options options;
	int epoll_fd;
	size_t in_flight_bytes, pending;
	bool stopping;
	bool resumed; /* connections were resumed: MHD must be run, its epoll descriptor does not say so */
};

static enum MHD_Result queue_reply(struct MHD_Connection *connection, const struct http_reply *reply)
{
	char seconds[16];
	struct MHD_Response *response = MHD_create_response_from_buffer(
		reply->body.len, (void *)(uintptr_t)reply->body.ptr, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	if (reply->type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	if (reply->allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
	if (reply->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%d", reply->retry_after_s);
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);

	MHD_destroy_response(response);
	return result;
}

static void append_error(struct buf *out, const char *sentence)
{
	buf_puts(out, "{\"error\":");
	buf_append_json(out, str_of(sentence));
	buf_puts(out, "}\n");
}

/* A refusal's body; returns its content type. */
static const char *explain(struct http_exchange *x, int status, const char *sentence)
{
	const struct http_server_options *o = &x->server->options;

	if (o->explain)
		return o->explain(o->explain_arg, http_header(x, MHD_HTTP_HEADER_CONTENT_TYPE), status, sentence, &x->answer);
	append_error(&x->answer, sentence);
	return "application/json";
}

/* Decides the answer before or while the body comes in: what is left of the body is swallowed, and
 * the answer given at its end. To close at once would lose the answer, since a sender that is still
 * writing sees a broken pipe first. */
static void refuse(struct http_exchange *x, const struct http_reply *reply, const char *sentence)
{
	x->server->in_flight_bytes -= x->accounted_bytes;
	x->accounted_bytes = 0;
	buf_fini(&x->body);
	x->refused = true;
	x->status = reply->status;
	x->allow = reply->allow;
	x->retry_after_s = reply->retry_after_s;
	x->type = reply->type;
	if (reply->body.len)
		buf_append_str(&x->answer, reply->body);
	else
		x->type = explain(x, reply->status, sentence);
}

static void read_peer(struct MHD_Connection *connection, struct peer *out)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	memset(out, 0, sizeof(*out));
	if (info)
		unix_peer((int)info->connect_fd, out);
}

/* The route of a method and path; else NULL with 404 or 405 in `reply`. */
static const struct http_route *find_route(const struct http_server *s, const char *method,
                                           const char *path, struct http_reply *reply)
{
	reply->status = MHD_HTTP_NOT_FOUND;
	for (const struct http_route *r = s->options.routes; r->method; r++) {
		if (strcmp(r->path, path) != 0)
			continue;
		if (strcmp(r->method, method) == 0)
			return r;
		reply->status = MHD_HTTP_METHOD_NOT_ALLOWED;
		reply->allow = r->method;
	}
	return NULL;
}

/* The announced length; 0 of a chunked body, which is counted while it comes. */
static size_t announced_bytes(struct MHD_Connection *connection)
{
	const char *text =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return text ? strtoull(text, NULL, 10) : 0;
}

static struct http_exchange *exchange_new(struct http_server *s, struct MHD_Connection *connection,
                                          const struct http_route *route, const char *path)
{
	struct http_exchange *x = mem_zalloc(sizeof(*x));

	x->server = s;
	x->connection = connection;
	x->route = route;
	x->path = mem_strdup(path);
	return x;
}

static void exchange_free(struct http_exchange *x)
{
	x->server->in_flight_bytes -= x->accounted_bytes;
	buf_fini(&x->body);
	buf_fini(&x->answer);
	free(x->path);
	free(x);
}

static void refuse_too_large(struct http_exchange *x)
{
	refuse(x, &(struct http_reply){.status = MHD_HTTP_CONTENT_TOO_LARGE},
	       "the body is too large for this path: send smaller batches");
}

static struct http_exchange *open_exchange(struct http_server *s, struct MHD_Connection *connection,
                                           const char *method, const char *path)
{
	struct http_reply reply = {0};
	struct err err = {""};
	const struct http_route *route = find_route(s, method, path, &reply);
	struct http_exchange *x = exchange_new(s, connection, route, path);

	if (!route) {
		refuse(x, &reply, reply.status != MHD_HTTP_NOT_FOUND ? "this path takes another method"
		       : s->options.nowhere ? s->options.nowhere
		       : "no such path: see llmdeck(1) for what the socket offers");
		return x;
	}
	read_peer(connection, &x->peer);
	reply.status = MHD_HTTP_FORBIDDEN;
	if (route->admit && !route->admit(route->arg, &x->peer, &reply, &err))
		refuse(x, &reply, err.text);
	else if (route->check && !route->check(route->arg, x, &reply, &err))
		refuse(x, &reply, err.text);
	else if (announced_bytes(connection) > route->body_max_bytes)
		refuse_too_large(x);
	return x;
}

/* What a body gets at its first piece, so that it need not grow; one that only says to be large gets no more. */
static size_t reserved_bytes(const struct http_exchange *x)
{
	size_t bytes = announced_bytes(x->connection);

	return bytes < RESERVE_MAX_BYTES ? bytes : RESERVE_MAX_BYTES;
}

/* Adds a piece of the body; false when even swallowing it has gone on for too long. */
static bool read_body(struct http_exchange *x, const char *bytes, size_t len)
{
	struct http_server *s = x->server;

	if (x->refused) {
		x->swallowed_bytes += len;
		return x->swallowed_bytes <= SWALLOW_MAX_BYTES;
	}
	if (x->body.len + len > x->route->body_max_bytes) {
		refuse_too_large(x);
	} else if (s->in_flight_bytes + len > s->options.in_flight_max_bytes) {
		refuse(x, &(struct http_reply){.status = MHD_HTTP_SERVICE_UNAVAILABLE, .retry_after_s = 1},
		       "too many bodies are being read: try again in a moment");
	} else {
		if (!x->body.cap)
			buf_reserve(&x->body, reserved_bytes(x));
		buf_append(&x->body, bytes, len);
		x->accounted_bytes += len;
		s->in_flight_bytes += len;
	}
	return true;
}

/* ── connections and their patience ────────────────────────────────────────────────────────── */

static void client_opened(struct http_server *s, struct MHD_Connection *connection, void **slot)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *c = mem_zalloc(sizeof(*c));

	c->fd = info ? info->connect_fd : -1;
	c->since_us = clock_mono_us();
	c->next = s->clients;
	if (c->next)
		c->next->prev = c;
	s->clients = c;
	s->client_count++;
	*slot = c;
}

static void client_closed(struct http_server *s, void **slot)
{
	struct client *c = *slot;

	*slot = NULL;
	if (!c)
		return;
	if (c->prev)
		c->prev->next = c->next;
	else
		s->clients = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->client_count--;
	free(c);
}

static void client_notified(void *arg, struct MHD_Connection *connection, void **slot,
                            enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		client_opened(arg, connection, slot);
	else
		client_closed(arg, slot);
}

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void client_hold(struct MHD_Connection *connection, bool held)
{
	struct client *c = client_of(connection);

	if (!c)
		return;
	c->held = held;
	c->answered = c->answered || !held;
	c->since_us = clock_mono_us();
}

/* MHD sees the end of the stream and closes the connection in its own time. */
static void client_cut(struct http_server *s, struct client *c)
{
	if (c->cut || c->held)
		return;
	c->cut = true;
	s->cut_count++;
	shutdown(c->fd, SHUT_RDWR);
}

/* Often enough that nobody stays much longer than he may. */
static int64_t look_every_us(const struct http_server *s)
{
	return s->options.request_max_us < 4 * US_PER_S ? s->options.request_max_us / 4 : US_PER_S;
}

static void cut_slow_clients(void *arg)
{
	struct http_server *s = arg;
	int64_t now_us = clock_mono_us();

	for (struct client *c = s->clients; c; c = c->next) {
		int64_t most_us = s->options.request_max_us + (c->answered ? s->options.idle_timeout_s * US_PER_S : 0);

		if (now_us - c->since_us > most_us)
			client_cut(s, c);
	}
	loop_timer_set(s->loop, s->patience, look_every_us(s));
}

static struct client *longest_waiting(const struct http_server *s)
{
	struct client *longest = NULL;

	for (struct client *c = s->clients; c; c = c->next)
		if (!c->cut && !c->held && (!longest || c->since_us < longest->since_us))
			longest = c;
	return longest;
}

void http_server_make_room(struct http_server *s, unsigned places)
{
	unsigned leaving = 0;
	struct client *c;

	for (c = s->clients; c; c = c->next)
		leaving += c->cut;
	for (; leaving < places && leaving < CUTS_AT_ONCE && (c = longest_waiting(s)); leaving++)
		client_cut(s, c);
}

bool http_server_adopt(struct http_server *s, int fd, const struct sockaddr *from, unsigned from_len)
{
	if (s->client_count >= s->options.connections_max)
		return false;
	/* MHD closes the socket itself when it cannot take it. */
	MHD_add_connection(s->daemon, fd, from, (socklen_t)from_len);
	s->resumed = true;
	return true;
}

uint64_t http_server_cut(const struct http_server *s)
{
	return s->cut_count;
}

/* ── exchanges ─────────────────────────────────────────────────────────────────────────────── */

static enum MHD_Result send_answer(struct http_exchange *x)
{
	struct http_reply reply = {
		.status = x->status, .type = x->type, .allow = x->allow, .body = buf_str(&x->answer),
		.retry_after_s = x->retry_after_s,
	};

	client_hold(x->connection, false);
	return queue_reply(x->connection, &reply);
}

static enum MHD_Result hand_over(struct http_exchange *x)
{
	struct http_server *s = x->server;

	x->state = EXCHANGE_HANDLING;
	s->pending++;
	client_hold(x->connection, true);
	/* Suspended before the handler runs: its answer may come from another thread at any moment. */
	MHD_suspend_connection(x->connection);
	x->route->handle(x->route->arg, x);
	return MHD_YES;
}

static enum MHD_Result access_handler(void *arg, struct MHD_Connection *connection, const char *path,
                                      const char *method, const char *version, const char *upload,
                                      size_t *upload_len, void **slot)
{
	struct http_server *s = arg;
	struct http_exchange *x = *slot;

	(void)version;
	if (!x) {
		*slot = open_exchange(s, connection, method, path);
		return MHD_YES;
	}
	if (*upload_len) {
		bool goes_on = read_body(x, upload, *upload_len);

		*upload_len = 0;
		return goes_on ? MHD_YES : MHD_NO;
	}
	if (x->refused || x->state == EXCHANGE_ANSWERED)
		return send_answer(x);
	if (x->state == EXCHANGE_HANDLING)
		return MHD_YES;
	return hand_over(x);
}

static void completed(void *arg, struct MHD_Connection *connection, void **slot,
                      enum MHD_RequestTerminationCode code)
{
	struct http_exchange *x = *slot;

	(void)arg;
	(void)connection;
	(void)code;
	*slot = NULL;
	if (x)
		exchange_free(x);
}

/* The answer has been stored. */
static void resume(struct http_exchange *x)
{
	struct http_server *s = x->server;

	x->state = EXCHANGE_ANSWERED;
	s->pending--;
	client_hold(x->connection, false);
	MHD_resume_connection(x->connection);
	s->resumed = true;
}

/* On the loop's thread. */
static void resume_answered(void *arg)
{
	struct http_server *s = arg;
	struct http_exchange *x;

	pthread_mutex_lock(&s->lock);
	x = s->answered;
	s->answered = NULL;
	s->answered_end = &s->answered;
	s->posted = false;
	pthread_mutex_unlock(&s->lock);
	while (x) {
		struct http_exchange *next = x->next;

		resume(x);
		x = next;
	}
}

void http_answer(struct http_exchange *x, const struct http_reply *reply)
{
	struct http_server *s = x->server;

	x->status = reply->status;
	x->type = reply->type;
	x->allow = reply->allow;
	x->retry_after_s = reply->retry_after_s;
	buf_append_str(&x->answer, reply->body);
	pthread_mutex_lock(&s->lock);
	*s->answered_end = x;
	s->answered_end = &x->next;
	if (!s->posted)
		loop_post(s->loop, resume_answered, s);
	s->posted = true;
	pthread_mutex_unlock(&s->lock);
}

void http_answer_error(struct http_exchange *x, int status, const char *sentence)
{
	struct buf body = {0};

	append_error(&body, sentence);
	http_answer(x, &(struct http_reply){
		.status = status, .type = "application/json", .body = buf_str(&body),
		.retry_after_s = status == MHD_HTTP_SERVICE_UNAVAILABLE ? 1 : 0,
	});
	buf_fini(&body);
}

struct str http_body(const struct http_exchange *x)
{
	return buf_str(&x->body);
}

void http_release_body(struct http_exchange *x)
{
	x->server->in_flight_bytes -= x->accounted_bytes;
	x->accounted_bytes = 0;
	buf_fini(&x->body);
}

const struct peer *http_peer(const struct http_exchange *x)
{
	return &x->peer;
}

const char *http_path(const struct http_exchange *x)
{
	return x->path;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static void run_daemon(void *arg)
{
	struct http_server *s = arg;

	MHD_run(s->daemon);
}

/* MHD keeps time-outs and resumed connections of its own: asked before each wait. */
static int64_t prepare(void *arg)
{
	struct http_server *s = arg;
	MHD_UNSIGNED_LONG_LONG ms = 0;
	bool waits = MHD_get_timeout(s->daemon, &ms) == MHD_YES;

	if (s->resumed || (waits && ms == 0)) {
		s->resumed = false;
		MHD_run(s->daemon);
		waits = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
	}
	return waits ? (int64_t)ms * US_PER_MS : -1;
}

static void log_from_daemon(void *arg, const char *fmt, va_list ap)
{
	struct buf line = {0};

	(void)arg;
	buf_vprintf(&line, fmt, ap);
	if (line.len)
		log_debug("http: %.*s", STR_ARG(str_trim(buf_str(&line))));
	buf_fini(&line);
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int listen_fd, const struct http_server_options *o)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	size_t memory_bytes = o->connection_memory_bytes ? o->connection_memory_bytes : MEMORY_BYTES;

	if (listen_fd < 0)
		flags |= MHD_USE_NO_LISTEN_SOCKET;
	return MHD_start_daemon(
		flags, 0, NULL, NULL, access_handler, s,
		MHD_OPTION_EXTERNAL_LOGGER, log_from_daemon, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, client_notified, s,
		MHD_OPTION_CONNECTION_LIMIT, o->connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_bytes,
		/* Last: without a listening socket the list ends before it. */
		listen_fd < 0 ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_END);
}

int http_server_start(struct http_server **out, struct loop *loop, int listen_fd,
                      const struct http_server_options *o, struct err *err)
{
	struct http_server *s = mem_zalloc(sizeof(*s));

	*out = NULL;
	s->loop = loop;
	s->options = *o;
	s->answered_end = &s->answered;
	pthread_mutex_init(&s->lock, NULL);
	s->daemon = start_daemon(s, listen_fd, o);
	const union MHD_DaemonInfo *info =
		s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;

	if (!info || info->epoll_fd < 0) {
		if (s->daemon)
			MHD_stop_daemon(s->daemon);
		else if (listen_fd >= 0)
			close(listen_fd);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return err_set(err, "http server: libmicrohttpd does not start: check the limit of open files");
	}
	s->epoll_fd = info->epoll_fd;
	loop_watch(loop, s->epoll_fd, run_daemon, s);
	loop_prepare_add(loop, prepare, s);
	if (o->request_max_us)
		s->patience = loop_timer_new(loop, look_every_us(s), cut_slow_clients, s);
	*out = s;
	return 0;
}

void http_server_quiesce(struct http_server *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	int fd = MHD_quiesce_daemon(s->daemon);

	if (fd >= 0)
		close(fd);
}

size_t http_server_pending(const struct http_server *s)
{
	return s->pending;
}

void http_server_stop(struct http_server **out)
{
	struct http_server *s = *out;

	if (!s)
		return;
	*out = NULL;
	http_server_quiesce(s);
	loop_unwatch(s->loop, s->epoll_fd);
	loop_prepare_remove(s->loop, prepare, s);
	loop_timer_free(s->loop, &s->patience);
	loop_unpost(s->loop, s);
	resume_answered(s);
	/* Hands the last answers to their sockets. */
	MHD_run(s->daemon);
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
