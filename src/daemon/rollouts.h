/* The rollouts' controller: the only place where verdicts and people meet the actuators. It keeps what
 * is wanted of every configured rollout (durable), watches the targets for drift, has the arms judged
 * every ten seconds, and carries out actions as transactions:
 *
 *   intent (durable) -> plan -> countdown -> apply, target by target -> read back -> arriving traffic
 *   -> outcome and audit row (durable)
 *
 * Everything runs on the loop's thread but the evidence, which has a thread and a reader of its own,
 * and the targets' own workers. */
#ifndef LLMDECK_DAEMON_ROLLOUTS_H
#define LLMDECK_DAEMON_ROLLOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "act/target.h"
#include "alert/engine.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/sink.h"
#include "daemon/caller.h"
#include "net/loop.h"
#include "store/ledger.h"

struct rollouts;

/* What must be stored together. Texts are borrowed until done() was called. */
struct rollout_record {
	bool has_desired, has_action, has_audit;
	struct rollout_desired desired;
	struct rollout_action_row action;
	struct audit_entry audit;
	bool is_intent; /* the action's key must be new: else `known` is set and nothing is stored */
	bool known;
	char head[96]; /* of the audit's chain, after */
};

/* What it stands on; tests bring their own. */
struct rollouts_ops {
	int (*open)(struct target **out, const struct target_settings *s, struct err *err);
	void (*close)(struct target **t);
	const char *(*name)(const struct target *t);
	void (*begin)(struct target *t, enum target_job job, const struct act_ask *ask, const char *saw,
	              int64_t timeout_us, void (*done)(void *arg, const struct target_answer *answer), void *arg);
	int64_t (*mono_us)(void);
	int64_t (*wall_us)(void);
	/* Makes the record durable; done() comes on the loop's thread, perhaps from within. */
	void (*store)(void *arg, struct rollout_record *record,
	              void (*done)(void *done_arg, bool ok, const char *error), void *done_arg);
	/* A change of state, for the panels; takes the batch. */
	void (*report)(void *arg, struct batch *b);
	void *arg;
};
extern const struct rollouts_ops rollouts_real_targets; /* open, close, name, begin and the clocks */

struct rollouts_options {
	struct loop *loop;           /* NULL in tests: then rollouts_tick() is all there is */
	const struct config *config; /* must outlive it */
	const char *store_path;      /* read by the evidence's thread and at the start; NULL: neither */
	bool demo;
	struct rollouts_ops ops;
	/* After every round of evidence: what all guardrails say. May be NULL. */
	void (*judged)(void *arg, const struct guardrail_reading *readings, size_t count);
	void *judged_arg;
};

/* Opens the targets, takes up what the ledger holds, and resolves actions that a former collector left
 * behind by reading the targets back. A target that cannot be opened is kept with the reason. */
int rollouts_start(struct rollouts **out, const struct rollouts_options *o, struct err *err);
/* Checks the actuators of a configuration without opening anything outside. */
int rollouts_check(const struct config *config, bool demo, struct err *err);
/* Actions that are past their countdown and not at their end. */
bool rollouts_busy(const struct rollouts *r);
/* Countdowns are cancelled, targets closed, waiting questions answered. Actions in the middle stay in
 * the ledger for the next collector. */
void rollouts_stop(struct rollouts *r);
/* After the loop and the writer are gone. NULL is fine. */
void rollouts_free(struct rollouts **r);
/* Does what is due. The loop does this ten times a second. */
void rollouts_tick(struct rollouts *r);

/* What a caller asks for; texts are borrowed. */
struct rollout_order {
	struct str rollout, verb, shares, key, reason;
	const struct view *where; /* stop-all: filters on service and environment */
	const struct caller *caller;
	bool automatic;           /* by a rule: no countdown, nobody waits */
};

/* How an order was received. */
enum order_result {
	ORDER_BAD = 0, /* not understood: 400 */
	ORDER_OK,
	ORDER_UNKNOWN, /* no such rollout or action: 404 */
	ORDER_BUSY,    /* somebody else is at it: 409 */
};
/* Plans on every target and calls told() with the answer's JSON, or an error (json NULL). */
enum order_result rollouts_plan(struct rollouts *r, const struct rollout_order *order,
                                void (*told)(void *arg, const struct buf *json, const char *error), void *arg,
                                struct err *err);
/* Begins an action and appends its progress. An order whose key is being carried out already is not
 * begun again: the progress is that one's. */
enum order_result rollouts_begin(struct rollouts *r, const struct rollout_order *order, struct buf *json,
                                 struct err *err);
/* The client is there: appends the progress. Without a beat for two seconds a countdown is cancelled;
 * the action begins at the first beat after its end. */
enum order_result rollouts_beat(struct rollouts *r, struct str key, struct buf *json, struct err *err);
/* Takes a countdown back. ORDER_BUSY when it is too late. */
enum order_result rollouts_cancel(struct rollouts *r, struct str key, struct buf *json, struct err *err);
/* Appends {"schema":1,"rollouts":[…]}. */
void rollouts_json(const struct rollouts *r, struct buf *out);

#endif
