/* What an actuator kind is: one const table entry and one file. An actuator moves a rollout's traffic
 * on one target (a proxy, a cluster, a service) behind five verbs: plan, apply, verify, undo, observe.
 *
 * Threads: every function but open() may block, and is called on the target's own worker thread
 * (act/target.h), one call at a time; none runs on the I/O thread. Each keeps to the ask's deadline
 * and gives up soon after the ask's stop flag is raised.
 *
 * Truth: an answer names what is known. OK means done (or: it matches). RETRY means nothing is wrong
 * with the ask, but not now or not yet: ask again. FAILED (0) means it will not work by waiting. The
 * sentence in `why` says what, where and what to do; `maybe_changed` says that the target may have
 * been changed although no success was told: verify() finds out. */
#ifndef LLMDECK_ACT_ACTUATOR_H
#define LLMDECK_ACT_ACTUATOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/event.h"
#include "core/options.h"

enum act_result {
	ACT_FAILED = 0,
	ACT_OK,
	ACT_RETRY,
};

/* Why it did not work, for the screen's letter and the exit code. */
enum act_fault {
	ACT_FAULT_NONE = 0,
	ACT_DENIED,      /* our rights do not suffice; the sentence says what to grant */
	ACT_UNREACHABLE, /* nobody answers there */
	ACT_TIMED_OUT,   /* somebody is there, but no answer came in time */
	ACT_MISSING,     /* the backend, server, rollout, revision … is not there */
	ACT_CHANGED,     /* the target is not as the plan saw it, or someone else changed it: plan again */
	ACT_REFUSED,     /* the target said no; its words are in the sentence */
	ACT_GARBLED,     /* the answer was not understood */
	ACT_UNABLE,      /* this kind cannot do that */
	ACT_STOPPED,     /* the stop flag was raised */
};
/* "denied", "unreachable", …; "" for ACT_FAULT_NONE. */
const char *act_fault_name(enum act_fault f);

struct act_why {
	enum act_fault fault;
	bool maybe_changed; /* after apply() and undo() without OK: the target may have changed */
	struct err words;
};
/* Fills `why` and returns ACT_FAILED, or ACT_RETRY by the second. Outside text must have been made
 * harmless by the caller (text_harmless()). */
enum act_result act_fail(struct act_why *why, enum act_fault fault, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
enum act_result act_retry(struct act_why *why, enum act_fault fault, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What is asked for. The shares are always given (what the arms shall get in the end), the verb says
 * what is meant: a kind that only knows weights does SET, ROLLBACK, STEP and PROMOTE alike. */
enum act_verb {
	ACT_SET,      /* these shares */
	ACT_ROLLBACK, /* back to stable: shares with the candidate at 0 */
	ACT_STEP,     /* the next step of the target's own plan where it has one, else these shares */
	ACT_PROMOTE,  /* all to the candidate, skipping what is left */
	ACT_HOLD,     /* stay where it is; weights alone need nothing for that */
	ACT_RESUME,
	ACT_RETRY_ROLLOUT, /* start an aborted rollout again */
	ACT_UNDO_REVISION, /* back to `revision` (0: the one before) */
	ACT_SCALE,    /* `arm` to `replicas` */
	ACT_DRAIN,    /* no new sessions for `arm` */
	ACT_READY,    /* `arm` takes traffic by its weight */
	ACT_MAINT,    /* `arm` out of service, running calls included where the target does so */
	ACT_VERB_COUNT,
};
/* "set", "rollback", "step", "promote", "hold", "resume", "retry", "undo", "scale", "drain", … */
const char *act_verb_name(enum act_verb v);

struct act_arm_want {
	const char *deployment;
	double percent; /* 0-100; of all arms together 100 */
};

struct act_ask {
	enum act_verb verb;
	struct act_arm_want arms[ROLLOUT_ARMS_MAX];
	size_t arm_count;
	const char *arm;      /* deployment for SCALE, DRAIN, READY, MAINT; else NULL */
	int64_t revision;     /* UNDO_REVISION */
	int64_t replicas;     /* SCALE */
	const char *key;      /* names this action, the same on every try; at most 64 of [A-Za-z0-9._-] */
	const char *reason;   /* may be NULL; goes to http and exec targets */
	const char *actor;    /* who asked; may be NULL */
	int64_t deadline_us;  /* clock_mono_us() */
	const atomic_bool *stop; /* may be NULL */
};

enum act_pace {
	ACT_PACE_UNKNOWN,
	ACT_INSTANT,  /* new requests go there within a second of apply */
	ACT_STEPWISE, /* the target takes its time or its own steps */
};

struct act_arm_plan {
	const char *deployment;
	double now_percent;    /* share now; NaN unknown */
	double wanted_percent;
	double result_percent; /* what the target can really do after rounding; NaN unknown */
	const char *detail;    /* "v43-a 26/256, v43-b 25/256"; may be NULL */
};

#define ACT_LINES_MAX 32
/* What would change. Strings live in `arena`. Init to zero. */
struct act_plan {
	struct arena arena;
	struct act_arm_plan arms[ROLLOUT_ARMS_MAX];
	size_t arm_count;
	enum act_pace pace;
	bool nothing_to_do;  /* the target is there already */
	bool raises_exposure; /* an arm other than the first gets more than it has */
	const char *moves;   /* one sentence: what moves, on which target */
	const char *stays;   /* one sentence: what stays behind (running streams, old pods, the spec); "" */
	const char *steps[ACT_LINES_MAX]; /* what apply() will do, in order, as the target would see it */
	size_t step_count;
	const char *warnings[ACT_LINES_MAX];
	size_t warning_count;
	/* What the target is like now, in the kind's own words, one line of text: to be kept with the
	 * action (it survives a restart) and given to apply() and undo(). */
	const char *saw;
};
void act_plan_fini(struct act_plan *p);
/* Formats into the plan's arena; the lists drop what is over ACT_LINES_MAX. */
const char *act_plan_text(struct act_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void act_plan_step(struct act_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void act_plan_warn(struct act_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The plan as a JSON object: {"pace","nothing_to_do","moves","stays","arms":[…],"steps":[…],"warnings":[…]}. */
void act_plan_json(const struct act_plan *p, struct buf *out);

struct act_arm_sight {
	const char *deployment;
	double percent;       /* of the weights now in force; NaN unknown */
	const char *state;    /* "ready", "drain", "maint", "down", "2 of 3 up", "" unknown */
	bool has_counters;
	uint64_t requests;    /* served since the counters began; the target's own count */
	uint64_t errors;      /* of these, answers 5xx and broken ones; a lower bound where only those show */
};
/* What the target is like. Strings live in `arena`. Init to zero. */
struct act_sight {
	struct arena arena;
	int64_t at_us;        /* wall clock */
	struct act_arm_sight arms[ROLLOUT_ARMS_MAX];
	size_t arm_count;
	bool matches;         /* the shares are what was asked for, rounding aside */
	bool drift;           /* observe() with a desired state only: it is not in force */
	const char *words;    /* one sentence on what does not match or what is going on; "" */
	const char *phase;    /* the target's own: "Healthy", "Progressing", "Paused", "Degraded"; "" */
	uint64_t counters_id; /* another one: the counters began again, differences mean nothing */
};
void act_sight_fini(struct act_sight *s);
const char *act_sight_text(struct act_sight *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct act_arriving {
	double percent[ROLLOUT_ARMS_MAX]; /* as in now->arms; NaN when unknown */
	uint64_t requests[ROLLOUT_ARMS_MAX], errors[ROLLOUT_ARMS_MAX];
	uint64_t total;  /* the sample */
	int64_t span_us; /* between the two sights */
};
/* The share of traffic that really arrived at each arm between two sights. False when the counters
 * cannot tell (none, began again, other arms): `out` is then all unknown. */
bool act_arriving(const struct act_sight *before, const struct act_sight *now, struct act_arriving *out);

struct act_arm {
	const char *deployment, *role; /* "stable", "candidate", or another */
};
/* What an actuator gets to live on; valid until close() has returned. */
struct act_env {
	const char *rollout; /* its name */
	const char *target;  /* this target's name for people: section name, or "haproxy 1" */
	struct act_arm arms[ROLLOUT_ARMS_MAX]; /* stable first */
	size_t arm_count;
	const union option_value *options; /* by the rows of actuator->options */
	const struct config_section *section; /* for keys that the option table leaves free */
};

struct actuator {
	const char *kind, *summary;
	/* As in collect/source.h: beside name and kind; name NULL ends it. */
	const struct option_row *options;
	bool invented;      /* moves no real traffic: allowed on a demo store only */
	unsigned verbs;     /* 1u << enum act_verb for each that it can do */
	int64_t timeout_us; /* of apply(), verify() and undo() by default; plan() and observe() take a quarter */
	/* Checks the options and touches nothing outside. Owned state, or NULL with a sentence. */
	void *(*open)(const struct act_env *env, struct err *err);
	/* Reads the target and says what the ask would change. Changes nothing. */
	enum act_result (*plan)(void *state, const struct act_ask *ask, struct act_plan *out, struct act_why *why);
	/* Does it. `saw` is the plan's; where the target has another state now that the ask did not mean,
	 * the answer is RETRY with ACT_CHANGED and nothing is done. */
	enum act_result (*apply)(void *state, const struct act_ask *ask, const char *saw, struct act_why *why);
	/* Reads back. OK: in force. RETRY: on its way (STEPWISE). FAILED: it is not, or cannot be read.
	 * `out` is filled with what could be read in each case. */
	enum act_result (*verify)(void *state, const struct act_ask *ask, struct act_sight *out, struct act_why *why);
	/* Restores what the plan saw. */
	enum act_result (*undo)(void *state, const struct act_ask *ask, const char *saw, struct act_why *why);
	/* A look at the target: shares, states, counters. `desired`: verb and shares of the last action, to
	 * tell whether that is still in force (drift); arm_count 0 when nothing is desired. FAILED with
	 * ACT_DENIED and a filled `out`: it could be read, but our rights do not suffice to change it. */
	enum act_result (*observe)(void *state, const struct act_ask *desired, struct act_sight *out,
	                           struct act_why *why);
	/* For doctor: appends a sentence a line on what would make the target safer; reads local files at
	 * most. May be NULL. */
	void (*advise)(void *state, struct buf *out);
	void (*close)(void *state); /* frees */
};

extern const struct actuator *const actuators[]; /* NULL-terminated */
const struct actuator *actuator_find(const char *kind); /* NULL when unknown */

/* Checks a rollout's actuator section as `llmdeck collect` and doctor do before anything runs: the kind,
 * its keys, and open() and close() on it. -1 with a sentence that names the place in the config. */
int actuator_check(const struct config_section *section, const struct act_arm *arms, size_t arm_count,
                   const char *config_path, struct err *err);

#endif
