/* Each path is one row: method, role, bound, handler. admit() checks the role before the body is
 * kept, so that a stranger cannot fill our memory. */
#include "daemon/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/alerts.h"
#include "daemon/control_incidents.h"
#include "daemon/control_feedback.h"
#include "daemon/control_rollouts.h"
#include "daemon/metrics.h"
#include "daemon/roles.h"
#include "net/http_server.h"

#define IN_FLIGHT_MAX_BYTES ((size_t)64 << 20)
#define CONNECTIONS_MAX 256
#define IDLE_TIMEOUT_S 60

struct verb {
	const char *method, *path, *what; /* what: "stop the collector" */
	size_t body_max_bytes;
	enum access access;
	void (*handle)(struct control *c, struct http_exchange *x);
};

static void handle_status(struct control *c, struct http_exchange *x);
static void handle_metrics(struct control *c, struct http_exchange *x);
static void handle_batch(struct control *c, struct http_exchange *x);
static void handle_stop(struct control *c, struct http_exchange *x);
static void handle_rollouts(struct control *c, struct http_exchange *x);
static void handle_rollout_plan(struct control *c, struct http_exchange *x);
static void handle_rollout_begin(struct control *c, struct http_exchange *x);
static void handle_rollout_beat(struct control *c, struct http_exchange *x);
static void handle_rollout_cancel(struct control *c, struct http_exchange *x);
static void handle_alerts(struct control *c, struct http_exchange *x);
static void handle_feedback(struct control *c, struct http_exchange *x);
static void handle_forget(struct control *c, struct http_exchange *x);
static void handle_incidents(struct control *c, struct http_exchange *x);

static const struct verb verbs[] = {
	{"GET", "/v1/status", "look", 0, ACCESS_VIEWER, handle_status},
	{"GET", "/metrics", "look", 0, ACCESS_VIEWER, handle_metrics},
	{"POST", "/v1/batch", "store events", CONTROL_BATCH_MAX_BYTES, ACCESS_OPERATOR, handle_batch},
	{"POST", "/v1/stop", "stop the collector", 4096, ACCESS_OPERATOR, handle_stop},
	{"GET", "/v1/rollouts", "look at rollouts", 0, ACCESS_VIEWER, handle_rollouts},
	/* A plan changes nothing: whoever may look may see what would happen. */
	{"POST", "/v1/rollouts/plan", "plan a rollout's change", ROLLOUT_BODY_MAX_BYTES, ACCESS_VIEWER,
	 handle_rollout_plan},
	{"POST", "/v1/rollouts/begin", "change a rollout", ROLLOUT_BODY_MAX_BYTES, ACCESS_OPERATOR, handle_rollout_begin},
	{"POST", "/v1/rollouts/beat", "change a rollout", ROLLOUT_BODY_MAX_BYTES, ACCESS_OPERATOR, handle_rollout_beat},
	{"POST", "/v1/rollouts/cancel", "cancel a rollout's change", ROLLOUT_BODY_MAX_BYTES, ACCESS_OPERATOR,
	 handle_rollout_cancel},
	{"GET", "/v1/alerts/notifiers", "look at notifiers", 0, ACCESS_VIEWER, handle_alerts},
	{"POST", "/v1/alerts/respond", "respond to alerts", 16384, ACCESS_RESPONDER, handle_alerts},
	{"POST", "/v1/alerts/change", "change what is watched", 16384, ACCESS_OPERATOR, handle_alerts},
	{"POST", "/v1/feedback/change", "work through feedback", FEEDBACK_BODY_MAX_BYTES, ACCESS_RESPONDER, handle_feedback},
	{"POST", "/v1/forget", "erase a user or an import", FORGET_BODY_MAX_BYTES, ACCESS_OPERATOR, handle_forget},
	{"POST", "/v1/incidents/change", "work on incidents", INCIDENT_BODY_MAX_BYTES, ACCESS_RESPONDER, handle_incidents},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

/* What a route's callbacks get: the control and the verb. */
struct binding {
	struct control *control;
	const struct verb *verb;
};

struct control {
	struct control_options options;
	struct http_server *server;
	struct binding bindings[VERB_COUNT];
	struct http_route routes[VERB_COUNT + 1];
	char *path;
	bool quiet;
	struct rollouts *rollouts;
	struct alerts *alerts;
	struct control_feedback *feedback;
};

static bool admit(void *arg, const struct peer *peer, struct http_reply *reply, struct err *err)
{
	const struct binding *binding = arg;
	enum access has = access_of(peer, geteuid(), binding->control->options.config);

	if (has >= binding->verb->access)
		return true;
	reply->status = 403;
	if (has == ACCESS_NONE)
		err_set(err, "uid %u has no role here, and to %s takes the role %s: ask for an entry under `roles:` in the collector's configuration",
		        (unsigned)peer->uid, binding->verb->what, access_name(binding->verb->access));
	else
		err_set(err, "uid %u has the role %s, and to %s takes the role %s", (unsigned)peer->uid,
		        access_name(has), binding->verb->what, access_name(binding->verb->access));
	return false;
}

static void handle(void *arg, struct http_exchange *x)
{
	const struct binding *binding = arg;

	binding->verb->handle(binding->control, x);
}

static void answer_json(struct http_exchange *x, struct buf *json)
{
	http_answer(x, &(struct http_reply){
		.status = 200, .type = "application/json", .body = buf_str(json),
	});
	buf_fini(json);
}

static void handle_status(struct control *c, struct http_exchange *x)
{
	struct buf json = {0};
	enum access access = access_of(http_peer(x), geteuid(), c->options.config);

	buf_printf(&json, "{\"schema\":1,\"role\":\"%s\",", access_name(access));
	c->options.status(c->options.arg, &json);
	buf_puts(&json, "}\n");
	answer_json(x, &json);
}

static void handle_metrics(struct control *c, struct http_exchange *x)
{
	struct buf page = {0};

	c->options.metrics(c->options.arg, &page);
	http_answer(x, &(struct http_reply){.status = 200, .type = METRICS_TYPE, .body = buf_str(&page)});
	buf_fini(&page);
}

static void handle_stop(struct control *c, struct http_exchange *x)
{
	struct buf json = {0};

	buf_printf(&json, "{\"stopping\":true,\"pid\":%ld}\n", (long)getpid());
	answer_json(x, &json);
	c->options.stop(c->options.arg);
}

static void ask_rollouts(struct control *c, struct http_exchange *x,
                         void (*handler)(struct rollouts *r, struct http_exchange *x))
{
	if (c->rollouts)
		handler(c->rollouts, x);
	else
		http_answer_error(x, 503, "rollouts: the collector is starting or ending: try again in a moment");
}

static void handle_rollouts(struct control *c, struct http_exchange *x)
{
	ask_rollouts(c, x, control_rollouts_show);
}

static void handle_rollout_plan(struct control *c, struct http_exchange *x)
{
	ask_rollouts(c, x, control_rollouts_plan);
}

static void handle_rollout_begin(struct control *c, struct http_exchange *x)
{
	ask_rollouts(c, x, control_rollouts_begin);
}

static void handle_rollout_beat(struct control *c, struct http_exchange *x)
{
	ask_rollouts(c, x, control_rollouts_beat);
}

static void handle_rollout_cancel(struct control *c, struct http_exchange *x)
{
	ask_rollouts(c, x, control_rollouts_cancel);
}

/* On the writer's thread, after the commit or its failure. */
static void batch_done(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct http_exchange *x = arg;
	struct buf json = {0};

	if (!ok) {
		/* The writer has tried for a while: 507 tells the sender that waiting alone will not help. */
		http_answer_error(x, 507, error);
		return;
	}
	buf_printf(&json, "{\"added\":%llu,\"duplicates\":%llu}\n", (unsigned long long)ack->added,
	           (unsigned long long)ack->duplicates);
	answer_json(x, &json);
}

static void handle_batch(struct control *c, struct http_exchange *x)
{
	struct batch *b = batch_new();
	struct err err = {""};

	if (batch_decode(b, http_body(x), &err)) {
		batch_free(&b);
		http_answer_error(x, 400, err.text);
		return;
	}
	if (c->options.sink->submit(c->options.sink, b, batch_done, x, &err) == SINK_OK)
		return;
	batch_free(&b);
	http_answer_error(x, 503, err.text);
}

/* Where the config gives roles, the kernel's word on who calls decides, not the file's mode. */
static mode_t socket_mode(const struct config *config)
{
	return config->role_count ? 0666 : 0660;
}

static void bind_routes(struct control *c)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		c->bindings[i] = (struct binding){c, &verbs[i]};
		c->routes[i] = (struct http_route){
			.method = verbs[i].method, .path = verbs[i].path, .body_max_bytes = verbs[i].body_max_bytes,
			.admit = admit, .handle = handle, .arg = &c->bindings[i],
		};
	}
}

int control_start(struct control **out, struct loop *loop, const struct control_options *o,
                  struct err *err)
{
	struct control *c;
	int fd = unix_listen(o->socket_path, socket_mode(o->config), err);

	*out = NULL;
	if (fd < 0)
		return -1;
	c = mem_zalloc(sizeof(*c));
	c->options = *o;
	c->path = mem_strdup(o->socket_path);
	bind_routes(c);
	struct http_server_options server_options = {
		.routes = c->routes, .in_flight_max_bytes = IN_FLIGHT_MAX_BYTES,
		.connections_max = CONNECTIONS_MAX, .idle_timeout_s = IDLE_TIMEOUT_S,
	};

	if (http_server_start(&c->server, loop, fd, &server_options, err)) {
		unlink(c->path);
		free(c->path);
		free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void control_set_config(struct control *c, const struct config *config)
{
	c->options.config = config;
}

static void handle_alerts(struct control *c, struct http_exchange *x)
{
	enum access access = access_of(http_peer(x), geteuid(), c->options.config);

	if (c->alerts)
		alerts_handle(c->alerts, x, access >= ACCESS_OPERATOR);
	else
		http_answer_error(x, 503, "the collector is starting or stopping: try again in a moment");
}

static void handle_incidents(struct control *c, struct http_exchange *x)
{
	if (c->options.writer)
		control_incidents_change(c->options.writer, x);
	else
		http_answer_error(x, 503, "the collector is starting or stopping: try again in a moment");
}

static void handle_feedback(struct control *c, struct http_exchange *x)
{
	if (c->feedback)
		control_feedback_change(c->feedback, x);
	else
		http_answer_error(x, 503, "the collector is starting or stopping: try again in a moment");
}

static void handle_forget(struct control *c, struct http_exchange *x)
{
	if (c->feedback)
		control_feedback_forget(c->feedback, x);
	else
		http_answer_error(x, 503, "the collector is starting or stopping: try again in a moment");
}

void control_set_feedback(struct control *c, struct control_feedback *f)
{
	c->feedback = f;
}

void control_set_alerts(struct control *c, struct alerts *a)
{
	c->alerts = a;
}

void control_set_rollouts(struct control *c, struct rollouts *r)
{
	c->rollouts = r;
}

void control_quiesce(struct control *c)
{
	if (c->quiet)
		return;
	c->quiet = true;
	unlink(c->path);
	http_server_quiesce(c->server);
}

size_t control_pending(const struct control *c)
{
	return http_server_pending(c->server);
}

void control_stop(struct control **out)
{
	struct control *c = *out;

	if (!c)
		return;
	*out = NULL;
	control_quiesce(c);
	http_server_stop(&c->server);
	free(c->path);
	free(c);
}
