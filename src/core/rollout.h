/* A rollout's words and arithmetic: verbs, shares, steps. Pure. */
#ifndef LLMDECK_CORE_ROLLOUT_H
#define LLMDECK_CORE_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/config.h"

/* What somebody can ask of a rollout. */
enum rollout_verb {
	ROLLOUT_SET,      /* shares by hand */
	ROLLOUT_STEP,     /* the next step of its plan */
	ROLLOUT_BACK,     /* the step before */
	ROLLOUT_ROLLBACK, /* everything to the stable arm */
	ROLLOUT_PROMOTE,  /* everything to the candidate */
	ROLLOUT_HOLD,     /* steps do not advance by themselves */
	ROLLOUT_RESUME,
	ROLLOUT_REAPPLY,  /* the desired shares again, after a drift */
	ROLLOUT_STOP_ALL, /* roll back every rollout of a scope */
	ROLLOUT_VERB_COUNT
};
/* "set", "step", "back", "rollback", "promote", "hold", "resume", "reapply", "stop-all". */
const char *rollout_verb_name(enum rollout_verb v);
bool rollout_verb_from_name(struct str name, enum rollout_verb *out);
/* HOLD and RESUME leave the traffic alone. */
bool rollout_verb_moves(enum rollout_verb v);

/* Percent by arm, in the order of config_rollout.arms; together 100. */
struct rollout_shares {
	double percent[ROLLOUT_ARMS_MAX];
	size_t count;
};
/* All to arm `arm`. */
struct rollout_shares rollout_all_to(const struct config_rollout *r, size_t arm);
/* The candidates' share together: 100 less the stable arm's. */
double rollout_exposure(const struct rollout_shares *s);
/* Whether another arm than the stable one gets more than it has. */
bool rollout_raises(const struct rollout_shares *now, const struct rollout_shares *wanted);
bool rollout_shares_equal(const struct rollout_shares *a, const struct rollout_shares *b);
/* Appends "v42 75 %, v43 25 %". */
void rollout_shares_text(const struct config_rollout *r, const struct rollout_shares *s, struct buf *out);
/* The form they are stored and sent in: "v42=75 v43=25". */
void rollout_shares_format(const struct config_rollout *r, const struct rollout_shares *s, struct buf *out);
/* Reads that form, or one number for the candidate's share alone ("25", "25%"). Arms that are not
 * named get 0; the stable arm gets the rest when it is not named. */
int rollout_shares_parse(const struct config_rollout *r, struct str text, struct rollout_shares *out, struct err *err);

/* The shares a verb asks for. `asked`: for SET the text of rollout_shares_parse(), for PROMOTE the arm
 * ("": the only candidate). `desired` are the shares now in force by our own word. */
int rollout_wanted(const struct config_rollout *r, enum rollout_verb verb, struct str asked,
                   const struct rollout_shares *desired, struct rollout_shares *out, struct err *err);
/* How many steps of the plan the exposure has reached: 0 (none) to step_count. */
size_t rollout_step_of(const struct config_rollout *r, const struct rollout_shares *s);

/* Whether a metric can guard a rollout (judge/ab.h has a test for it). */
bool rollout_can_guard(enum metric m);

/* What a guardrail looks at, as the config names it: "error_rate", "evaluation:groundedness". */
const char *guardrail_name(const struct config_guardrail *g);
#define GUARDRAIL_EVALUATION "evaluation:"
/* The evaluation's own name, "groundedness"; NULL when the guardrail is on a metric. */
const char *guardrail_evaluation(const struct config_guardrail *g);

#endif
