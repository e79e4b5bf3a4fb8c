/* The control socket: HTTP and JSON over a Unix socket. The kernel says who is calling; a role
 * decides what they may do; every refusal is a sentence.
 *
 *   GET  /v1/status  viewer     the collector in one JSON object
 *   POST /v1/batch   operator   batch_encode()'s form; 200 {"added","duplicates"} after the commit,
 *                               503 with Retry-After when the queue is full, 507 when the store
 *                               takes nothing (a full disk)
 *   POST /v1/stop    operator   stores what is queued and ends
 *   /v1/rollouts…               see control_rollouts.h
 *   POST /v1/feedback/change, /v1/forget   see control_feedback.h
 *   /v1/alerts/…                see alerts.h: respond (responder), change (operator), notifiers (viewer)
 *   /v1/incidents/change        see control_incidents.h */
#ifndef LLMDECK_DAEMON_CONTROL_H
#define LLMDECK_DAEMON_CONTROL_H

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/sink.h"
#include "daemon/rollouts.h"
#include "net/loop.h"

#define CONTROL_BATCH_MAX_BYTES ((size_t)16 << 20)

struct alerts;
struct control_feedback;
struct control;
struct writer;

struct control_options {
	const char *socket_path;
	const struct config *config; /* roles; see control_set_config() */
	struct sink *sink;           /* where batches go; its done may come on any thread */
	struct writer *writer;       /* who carries out what changes the store; NULL: nobody */
	/* Appends the status object's members, without braces. */
	void (*status)(void *arg, struct buf *out);
	void (*metrics)(void *arg, struct buf *out); /* appends the metrics page */
	void (*stop)(void *arg); /* somebody who may asked for the end */
	void *arg;
};

/* Listens; all callbacks come on the loop's thread. */
int control_start(struct control **out, struct loop *loop, const struct control_options *o,
                  struct err *err);
/* Roles are read from this one from now on; it must outlive the control. */
void control_set_config(struct control *c, const struct config *config);
/* Whom the verbs for rollouts ask; NULL: there is nobody (any more). */
void control_set_rollouts(struct control *c, struct rollouts *r);
/* The same for alerts and budgets. */
void control_set_alerts(struct control *c, struct alerts *a);
/* The same for changes of feedback. */
void control_set_feedback(struct control *c, struct control_feedback *f);
/* No new connections; the file is removed, so that a successor may listen. */
void control_quiesce(struct control *c);
/* Exchanges without an answer yet. */
size_t control_pending(const struct control *c);
/* After control_pending() has become 0. NULL is fine. */
void control_stop(struct control **c);

#endif
