/* The control socket's verbs for rollouts.
 *
 *   GET  /v1/rollouts          viewer     every rollout: weights, arms, guardrails, targets, action
 *   POST /v1/rollouts/plan     operator   {"rollout","verb","shares","where":["service=x",…]}: what every
 *                                         target would do; changes nothing
 *   POST /v1/rollouts/begin    operator   the same with "key" (yours, new), "reason" and "claimed": begins
 *                                         the action and answers with its progress
 *   POST /v1/rollouts/beat     operator   {"key"}: the client is still there; answers with the progress
 *   POST /v1/rollouts/cancel   operator   {"key"}: takes a countdown back
 *
 * 404 for what is not there, 409 when somebody else is at it. */
#ifndef LLMDECK_DAEMON_CONTROL_ROLLOUTS_H
#define LLMDECK_DAEMON_CONTROL_ROLLOUTS_H

#include "daemon/rollouts.h"
#include "net/http_server.h"

#define ROLLOUT_BODY_MAX_BYTES 16384

void control_rollouts_show(struct rollouts *r, struct http_exchange *x);
void control_rollouts_plan(struct rollouts *r, struct http_exchange *x);
void control_rollouts_begin(struct rollouts *r, struct http_exchange *x);
void control_rollouts_beat(struct rollouts *r, struct http_exchange *x);
void control_rollouts_cancel(struct rollouts *r, struct http_exchange *x);

#endif
