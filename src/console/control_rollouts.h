/* Rollouts through the collector: look, plan, begin with a countdown, keep it alive, cancel, and see how
 * it ends. What the console's dialog and `llmdeck rollout` share. Every call waits for the collector's
 * answer, so the console makes them off its screen's thread.
 *
 * An action: control_rollout_begin() with a key of control_rollout_key(), then control_rollout_beat()
 * at least once a second (four times is well) until the state is "done". While it is "countdown" the
 * beats are what keeps it alive: a client that falls silent has cancelled. */
#ifndef LLMDECK_CONSOLE_CONTROL_ROLLOUTS_H
#define LLMDECK_CONSOLE_CONTROL_ROLLOUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "console/control_client.h"

struct rollout_ask {
	const char *rollout; /* NULL for stop-all */
	const char *verb;    /* set, step, back, rollback, promote, hold, resume, reapply, stop-all */
	const char *shares;  /* set: "25" or "v42=50 v43=50"; promote: an arm or NULL */
	const char *reason;  /* NULL: none */
	const char *claimed; /* who the user says to be; NULL: none */
	const char *const *where; /* stop-all: "service=checkout" … */
	size_t where_count;
};

struct rollout_arm_plan {
	const char *deployment, *detail;
	double now_percent, wanted_percent, result_percent; /* NaN unknown */
};
/* What one target would do, or has done. */
struct rollout_leg {
	const char *target;
	const char *state; /* planned, nothing to do, applying, verifying, applied, unconfirmed, failed, skipped */
	const char *words; /* why it failed, or what it waits for; "" */
	const char *moves, *stays; /* one sentence each */
	bool has_plan;
	struct {
		const char *pace; /* "instant", "stepwise", "unknown" */
		bool nothing_to_do;
		struct rollout_arm_plan *arms;
		size_t arm_count;
		const char **steps, **warnings;
		size_t step_count, warning_count;
	} plan;
};
/* One rollout's part; stop-all has several. */
struct rollout_part {
	const char *rollout, *service, *stable, *candidate; /* candidate: the arm whose name is typed */
	const char *before, *wanted; /* "v42 75 %, v43 25 %" */
	const char *result;  /* "", then applied, unverified, partial, failed, cancelled, nothing */
	const char *outcome; /* the sentence of the audit's row */
	const char *gate;    /* what the failing guardrail says; "" */
	double requests_per_s, moving_requests_per_s; /* NaN unknown */
	int64_t arrived_requests; /* that proved where the traffic goes */
	struct rollout_leg *legs;
	size_t leg_count;
};
struct rollout_progress {
	struct arena arena; /* everything below lives in it */
	const char *key, *verb, *who, *reason, *started;
	const char *state; /* recording, planning, countdown, applying, watching, closing, done */
	bool automatic, raises; /* raises: the candidate gets more, so the longer countdown */
	double countdown_s, left_s;
	struct rollout_part *parts;
	size_t part_count;
	int64_t applied, targets; /* "2 of 3" */
};
void rollout_progress_fini(struct rollout_progress *p);
bool rollout_progress_done(const struct rollout_progress *p);
/* Done, and everything asked for is so ("applied", "unverified" by traffic alone, "nothing"). */
bool rollout_progress_good(const struct rollout_progress *p);

/* A new key for an action. */
#define ROLLOUT_KEY_BYTES 40
char *control_rollout_key(char out[ROLLOUT_KEY_BYTES]);

/* What every target would do; changes nothing. */
enum control_result control_rollout_plan(struct control_client *c, const struct rollout_ask *ask,
                                         struct rollout_progress *out, struct err *err);
/* Begins. Asking again with the same key begins nothing new. */
enum control_result control_rollout_begin(struct control_client *c, const struct rollout_ask *ask, const char *key,
                                          struct rollout_progress *out, struct err *err);
enum control_result control_rollout_beat(struct control_client *c, const char *key, struct rollout_progress *out,
                                         struct err *err);
/* Takes a countdown back; the progress says whether it was in time. */
enum control_result control_rollout_cancel(struct control_client *c, const char *key, struct rollout_progress *out,
                                           struct err *err);

/* ── looking ───────────────────────────────────────────────────────────────────────────────── */

struct rollout_arm_view {
	const char *deployment, *role;
	double desired_weight, actual_weight, arriving_share; /* percent; NaN unknown */
	double requests, errors, input_tokens, output_tokens, feedback, positive, negative;
	double latency_p50_s, latency_p95_s, ttft_p95_s, error_rate, cost_per_1k_usd, flags_per_1k, negative_share;
	bool error_rate_is_lower_bound;
};
struct rollout_guardrail_view {
	const char *metric, *arm, *verdict, *words; /* verdict: pass, fail, inconclusive, unknown */
	double worse_by, stable, candidate, difference, limit;
	bool relative;
	int64_t samples, stable_samples; /* the candidate's and the stable arm's */
};
struct rollout_target_view {
	const char *name, *kind, *fault, *phase, *words, *seen, *arrives;
	bool drift;
};
struct rollout_view {
	const char *name, *service, *environment, *phase, *reason, *words, *step_since, *advance, *on_breach;
	bool drift, breach, held;
	int64_t step;
	double hold_s;
	struct rollout_arm_view *arms;
	size_t arm_count;
	struct rollout_guardrail_view *guardrails;
	size_t guardrail_count;
	struct rollout_target_view *targets;
	size_t target_count;
	bool has_action;
	struct rollout_progress action; /* its arena is empty: the list's holds it */
};
struct rollout_list {
	struct arena arena;
	struct rollout_view *rows;
	size_t row_count;
};
/* `json` (may be NULL) gets the answer as it came. */
enum control_result control_rollout_list(struct control_client *c, struct rollout_list *out, struct buf *json,
                                         struct err *err);
void rollout_list_fini(struct rollout_list *l);
const struct rollout_view *rollout_list_find(const struct rollout_list *l, const char *name);

#endif
