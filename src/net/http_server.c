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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SWALLOW_MAX_BYTES ((size_t)64 << 20) /* of a refused body */

enum exchange_state {
	EXCHANGE_READING,  /* the body is coming in */
	EXCHANGE_HANDLING, /* the handler has it; the connection is suspended once handle() returned */
	EXCHANGE_ANSWERED, /* the answer is there, not yet handed to MHD */
};

struct http_exchange {
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

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
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
	x->type = reply->body.len ? reply->type : "application/json";
	if (reply->body.len)
		buf_append_str(&x->answer, reply->body);
	else
		append_error(&x->answer, sentence);
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

/* True when the announced length is acceptable; a chunked body is counted while it comes. */
static bool length_fits(struct MHD_Connection *connection, size_t max_bytes)
{
	const char *text =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return !text || strtoull(text, NULL, 10) <= max_bytes;
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
		refuse(x, &reply, reply.status == MHD_HTTP_NOT_FOUND
		       ? "no such path: see llmdeck(1) for what the socket offers"
		       : "this path takes another method");
		return x;
	}
	read_peer(connection, &x->peer);
	reply.status = MHD_HTTP_FORBIDDEN;
	if (route->admit && !route->admit(route->arg, &x->peer, &reply, &err))
		refuse(x, &reply, err.text);
	else if (!length_fits(connection, route->body_max_bytes))
		refuse_too_large(x);
	return x;
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
		buf_append(&x->body, bytes, len);
		x->accounted_bytes += len;
		s->in_flight_bytes += len;
	}
	return true;
}

static enum MHD_Result send_answer(struct http_exchange *x)
{
	struct http_reply reply = {
		.status = x->status, .type = x->type, .allow = x->allow, .body = buf_str(&x->answer),
		.retry_after_s = x->retry_after_s,
	};

	return queue_reply(x->connection, &reply);
}

static enum MHD_Result hand_over(struct http_exchange *x)
{
	struct http_server *s = x->server;

	x->state = EXCHANGE_HANDLING;
	s->pending++;
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

/* On the loop's thread: the answer has been stored. */
static void resume(void *arg)
{
	struct http_exchange *x = arg;
	struct http_server *s = x->server;

	x->state = EXCHANGE_ANSWERED;
	s->pending--;
	MHD_resume_connection(x->connection);
	s->resumed = true;
}

void http_answer(struct http_exchange *x, const struct http_reply *reply)
{
	x->status = reply->status;
	x->type = reply->type;
	x->allow = reply->allow;
	x->retry_after_s = reply->retry_after_s;
	buf_append_str(&x->answer, reply->body);
	loop_post(x->server->loop, resume, x);
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

int http_server_start(struct http_server **out, struct loop *loop, int listen_fd,
                      const struct http_server_options *o, struct err *err)
{
	struct http_server *s = mem_zalloc(sizeof(*s));

	*out = NULL;
	s->loop = loop;
	s->options = *o;
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, access_handler, s,
		MHD_OPTION_EXTERNAL_LOGGER, log_from_daemon, NULL,
		MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_CONNECTION_LIMIT, o->connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 * 1024,
		MHD_OPTION_END);
	const union MHD_DaemonInfo *info =
		s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;

	if (!info || info->epoll_fd < 0) {
		if (s->daemon)
			MHD_stop_daemon(s->daemon);
		else
			close(listen_fd);
		free(s);
		return err_set(err, "http server: libmicrohttpd does not start: check the limit of open files");
	}
	s->epoll_fd = info->epoll_fd;
	loop_watch(loop, s->epoll_fd, run_daemon, s);
	loop_prepare_add(loop, prepare, s);
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
	/* Hands the last answers to their sockets. */
	MHD_run(s->daemon);
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
	free(s);
}
