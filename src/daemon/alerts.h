/* The collector's alerts: a thread that evaluates every ten seconds with a reader of its own, has
 * changes stored by the writer's thread, and then told by the loop's. */
#ifndef LLMDECK_DAEMON_ALERTS_H
#define LLMDECK_DAEMON_ALERTS_H

#include "alert/engine.h"
#include "base/err.h"
#include "core/budget.h"
#include "core/config.h"
#include "daemon/writer.h"
#include "net/http_server.h"
#include "net/loop.h"

struct alerts;

/* Whether the notifiers of a configuration are right. */
int alerts_check(const struct config *config, struct err *err);

/* `config` must outlive it, or until alerts_set_config(). Loop's thread, as all below. */
int alerts_start(struct alerts **out, struct loop *loop, struct writer *writer, const char *store_path,
                 const struct config *config, struct err *err);
/* Who carries out what a hard budget asks for, on the loop's thread. `key` is the same however often
 * the same act is asked for. NULL: nobody, and it is asked for again later. */
typedef enum deed_result alerts_actor(void *arg, const char *verb, const char *rollout, const char *shares, const char *key,
                                      const char *reason, struct err *err);
void alerts_set_actor(struct alerts *a, alerts_actor *act, void *arg);
/* What the guardrails of all rollouts say, for the next round (copied). */
void alerts_put_guardrails(struct alerts *a, const struct guardrail_reading *readings, size_t count);
/* Waits for the round that is under way; states and what waits to be told go on. */
void alerts_set_config(struct alerts *a, const struct config *config);
/* Ends the thread and cancels deliveries (they are stored as waiting). Before the writer stops. */
void alerts_stop(struct alerts *a);
/* After the loop is gone. NULL is fine. */
void alerts_free(struct alerts **a);

/* Answers POST /v1/alerts/respond and /v1/alerts/change (one struct alert_order) after the change is
 * stored, and GET /v1/alerts/notifiers. `operates`: the caller may do what changes the configuration. */
void alerts_handle(struct alerts *a, struct http_exchange *x, bool operates);

#endif
