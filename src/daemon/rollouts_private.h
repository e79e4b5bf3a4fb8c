/* What the controller's files share. Private to src/daemon/rollouts*.c and its test. */
#ifndef LLMDECK_DAEMON_ROLLOUTS_PRIVATE_H
#define LLMDECK_DAEMON_ROLLOUTS_PRIVATE_H

#include <pthread.h>

#include "base/clock.h"
#include "core/figures.h"
#include "core/rollout.h"
#include "daemon/rollouts.h"
#include "judge/ab.h"
#include "store/query.h"

#define TICK_US (100 * US_PER_MS)
#define LEASE_US (2 * US_PER_S)       /* a client that is silent for longer is gone */
#define OBSERVE_EVERY_US (5 * US_PER_S)
#define EVIDENCE_EVERY_US (10 * US_PER_S)
#define STRETCH_US US_PER_HOUR        /* evidence is gathered for so long, then anew */
#define REPORT_EVERY_US (30 * US_PER_S)
#define VERIFY_AGAIN_US US_PER_S
#define VERIFY_LEAST_US (60 * US_PER_S) /* a target on its way is asked again for so long */
#define APPLY_TRIES 3
#define WATCH_US (45 * US_PER_S)      /* how long arriving traffic is waited for */
#define WATCH_SAMPLE 30               /* requests below which it proves nothing */
#define STORE_AGAIN_US (5 * US_PER_S)
#define TARGETS_MAX 16
#define ACTIONS_KEPT 64               /* ended ones that can still be asked for */
#define GUARDRAILS_MAX 8

/* ── evidence ──────────────────────────────────────────────────────────────────────────────── */

/* The figures that the page shows for an arm. */
enum shown { SHOWN_P50, SHOWN_P95, SHOWN_TTFT, SHOWN_ERRORS, SHOWN_COST, SHOWN_FLAGS, SHOWN_NEGATIVE, SHOWN_COUNT };
extern const enum metric shown_metrics[SHOWN_COUNT];

struct evidence_arm {
	int64_t requests, errors, input_tokens, output_tokens, feedback, positive, negative;
	bool lower_bound;
	struct value shown[SHOWN_COUNT];
	int64_t watched; /* requests since the question's watch_us */
};
struct evidence {
	bool taken;      /* false: nothing was read yet, or it failed (words) */
	int64_t from_us, to_us;
	struct evidence_arm arms[ROLLOUT_ARMS_MAX];
	int64_t requests, unmarked; /* of the service; those of no arm */
	bool known;      /* the arms can be told apart */
	struct ab_judgement judged[ROLLOUT_ARMS_MAX][GUARDRAILS_MAX]; /* by arm (from 1) and guardrail */
	struct err words;
};
/* What to find out. */
struct question {
	const struct config_rollout *config;
	struct rollout_shares shares;
	int64_t from_us, to_us, watch_us; /* watch_us 0: no */
	unsigned stretch;
};
/* Judges figures by deployment: `arms` in the order of the config, `rest` everything of the service
 * that belongs to none; `scores` of its evaluations, NULL for none. Pure. */
void evidence_judge(const struct question *q, const struct figures *const arms[ROLLOUT_ARMS_MAX],
                    const struct figures *rest, const struct score_result *scores, struct evidence *out);
/* Asks the store; a failure is told in out->words. */
void evidence_take(struct store_reader *reader, const struct question *q, struct evidence *out);

/* ── what is managed ───────────────────────────────────────────────────────────────────────── */

struct sight { /* what was last seen of a target */
	bool seen;            /* ever */
	enum act_result result;
	enum act_fault fault;
	bool drift;
	double percent[ROLLOUT_ARMS_MAX]; /* in the order of the config */
	bool has_counters;
	uint64_t requests[ROLLOUT_ARMS_MAX], errors[ROLLOUT_ARMS_MAX], counters_id;
	char state[ROLLOUT_ARMS_MAX][24];
	char phase[24];
	int64_t at_us; /* wall */
	struct err words;
};

struct slot {
	struct managed *managed;
	struct target *target; /* NULL: it could not be opened */
	char *name;
	struct sight sight;
	struct sight base; /* the first with counters since the shares were moved: what arrives counts from there */
	bool observing;
	int64_t observe_due_us; /* mono */
};

struct managed {
	struct rollouts *owner;
	const struct config_rollout *config;
	struct slot slots[TARGETS_MAX];
	size_t slot_count;
	bool known;                    /* `desired` is, from the ledger or from the targets */
	struct rollout_shares desired;
	bool held, rolled_back;
	int64_t step_us, stretch_us;   /* wall */
	unsigned stretch;
	char reason[256];
	struct evidence evidence;
	int64_t failing_since_us[ROLLOUT_ARMS_MAX][GUARDRAILS_MAX]; /* mono; 0: not failing */
	bool breached;
	struct err breach_words;
	struct action *action;         /* in progress; NULL: none */
	int64_t watch_us;              /* wall; the evidence counts arrivals from here; 0: no */
	int64_t report_due_us;
	bool changed;                  /* to be reported */
	bool storing;
};

/* ── actions ───────────────────────────────────────────────────────────────────────────────── */

enum leg_state {
	LEG_WAITING, LEG_PLANNED, LEG_NOTHING, LEG_APPLYING, LEG_VERIFYING, LEG_VERIFIED,
	LEG_UNCONFIRMED, /* may be applied: it was not read back */
	LEG_LOST,        /* was read back, and showed something else before the action's end */
	LEG_FAILED, LEG_SKIPPED
};
struct leg { /* a target's part in an action */
	struct action *action;
	struct part *part;
	struct slot *slot;
	enum leg_state state;
	struct buf plan;  /* JSON */
	char *saw, *moves, *stays;
	struct err words;
	bool applied;     /* apply() said so */
	bool running;     /* a job has no answer yet */
	unsigned tries;
	int64_t again_us, give_up_us; /* mono */
	struct sight first; /* when it was verified: counters to compare with */
};
struct part { /* a rollout's part in an action */
	struct managed *managed;
	struct rollout_shares before, wanted;
	struct rollout_shares prior; /* what was desired before the action */
	struct leg legs[TARGETS_MAX];
	size_t leg_count;
	char *key;
	struct buf outcome; /* the sentence */
	const char *result; /* "applied", "unverified", "partial", "failed", "cancelled", "nothing" */
	int64_t arrived[ROLLOUT_ARMS_MAX], arrived_total;
	bool watched;       /* the traffic has said all it will */
	bool proven;        /* and it is where it should be */
};
enum action_state {
	ACTION_RECORDING, /* the intent */
	ACTION_PLANNING, ACTION_COUNTDOWN,
	ACTION_ARMING,    /* recording that targets will now be touched */
	ACTION_APPLYING, ACTION_WATCHING,
	ACTION_CLOSING,   /* recording the outcome */
	ACTION_DONE
};
struct action {
	struct rollouts *owner;
	struct action *next;
	enum action_state state;
	enum rollout_verb verb;
	char *key, *reason;
	struct caller caller;
	bool automatic, raises;
	bool resolving; /* a former collector began it: the targets are only read */
	struct part *parts;
	size_t part_count, leg_at_part, leg_at; /* the leg whose turn it is */
	int64_t started_us;                     /* wall */
	int64_t countdown_us, go_us, beat_us, watch_until_us; /* mono */
	size_t record_part; /* the part whose record is being stored */
	struct rollout_record record;
	struct buf who;
	struct buf shares, before, desired, desired_reason; /* texts of `record`, each its own */
	struct buf audit_before, audit_after, audit_outcome;
	int64_t store_again_us;
	bool storing;
	/* A question about a plan alone: */
	void (*told)(void *arg, const struct buf *json, const char *error);
	void *told_arg;
};

struct rollouts {
	struct rollouts_options options;
	struct managed *managed;
	size_t managed_count;
	struct action *actions; /* newest first, the ended ones too */
	struct loop_timer *timer;
	struct evidence_thread *thread;
	int64_t evidence_due_us;
	bool stopped;
};

const struct rollouts_ops *ops_of(const struct rollouts *r);

/* rollouts.c */
struct managed *managed_find(struct rollouts *r, struct str name);
void managed_describe(const struct managed *m, const char **phase, struct buf *reason);
/* Takes a sight of a target into the slot. */
void slot_take_sight(struct slot *s, enum act_result result, const struct act_why *why, const struct act_sight *seen);
/* The requests that its counters say have arrived at each arm since the shares were moved, and their sum;
 * false when they cannot tell. */
bool slot_arrived(const struct slot *s, int64_t arrived[ROLLOUT_ARMS_MAX], int64_t *total);
void sight_copy(const struct config_rollout *c, enum act_result result, const struct act_why *why,
                const struct act_sight *seen, struct sight *out);
void fill_ask(const struct managed *m, enum rollout_verb verb, const struct rollout_shares *shares, struct act_ask *ask);
/* Tells options.judged what all guardrails say. */
void rollouts_tell_guardrails(struct rollouts *r);
void managed_take_evidence(struct managed *m, const struct evidence *e);
/* A new stretch of evidence begins; `moved`: because the shares were changed. */
void managed_begin_stretch(struct managed *m, bool moved);
struct rollout_desired managed_row(const struct managed *m, struct buf *shares, struct buf *reason);
void managed_store(struct managed *m);
void managed_request_evidence(struct rollouts *r);
bool managed_drifts(const struct managed *m);

/* rollouts_action.c */
void action_tick(struct action *a, int64_t now_us);
void action_free(struct action **a);
struct action *action_find(struct rollouts *r, struct str key);
/* Begins with the intent's record; for a question, with the plan. */
void action_record(struct action *a);
void action_plan(struct action *a);
/* Goes on where a former collector ended: `touched` says that targets may have been changed. */
void action_take_up(struct action *a, bool touched);
/* Ends a countdown without doing anything. */
void action_cancel(struct action *a, const char *why);
/* rollouts_orders.c: a row that a former collector left in the ledger. */
void action_resolve(struct rollouts *r, const struct rollout_action_row *row);
/* rollouts_outcome.c: sums up what the legs say, and how far the traffic has followed. */
void part_sum_up(struct action *a, struct part *p);
void part_watch(struct part *p, bool last);

/* rollouts_json.c */
void action_json(const struct action *a, struct buf *out);

/* rollouts_evidence.c: the thread. answer() comes on the loop's thread. */
struct evidence_thread *evidence_thread_start(struct loop *loop, const char *store_path,
                                              void (*answer)(void *arg, size_t index, const struct evidence *e), void *arg);
/* Does nothing while it is still at work on the last ones. Questions are copied. */
bool evidence_thread_ask(struct evidence_thread *t, const struct question *questions, size_t count);
void evidence_thread_stop(struct evidence_thread **t);

#endif
