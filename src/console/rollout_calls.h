/* Everything the console asks the collector about rollouts, on a thread of its own: the board once a
 * second, plans, and actions under way, whose countdown lives only as long as our beats do. The UI
 * thread only copies. */
#ifndef LLMDECK_CONSOLE_ROLLOUT_CALLS_H
#define LLMDECK_CONSOLE_ROLLOUT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "panels/rollout_live.h"

#define ORDER_KEY_BYTES 40
#define PROGRESS_PARTS_MAX 8
#define PROGRESS_TARGETS_MAX 16

/* What is asked for. Plain data. */
struct intent_ask {
	char rollout[ROLLOUT_NAME_BYTES]; /* "" with stop-all */
	char verb[16];                    /* rollout_verb_name() */
	char shares[200];                 /* as rollout_shares_parse() reads them; "" unless SET or PROMOTE */
	char reason[ROLLOUT_WORDS_BYTES];
	char key[ORDER_KEY_BYTES];        /* the same on every try of one action */
	char where[400];                  /* stop-all: "service=chat environment=prod"; "" = all */
};

/* A target's part in a plan or an action. */
struct progress_target {
	char name[ROLLOUT_NAME_BYTES], state[24]; /* state: "planned", "applied", "failed", … */
	char pace[16];        /* "instant", "stepwise", "" */
	size_t part;          /* index of its rollout */
	char moves[ROLLOUT_WORDS_BYTES], stays[ROLLOUT_WORDS_BYTES], words[ROLLOUT_WORDS_BYTES];
	char warnings[3][ROLLOUT_WORDS_BYTES];
	size_t warning_count;
};
/* A rollout's part. */
struct progress_part {
	char rollout[ROLLOUT_NAME_BYTES], before[160], wanted[160]; /* "v42 75 %, v43 25 %" */
	char result[24];   /* "applied", "unverified", "partial", "failed", "cancelled", "nothing"; "" not yet */
	char outcome[400]; /* the sentence that the audit row keeps */
	char gate[ROLLOUT_WORDS_BYTES]; /* the breach that the collector sees; "" */
	double moving_per_s; /* requests a second that go elsewhere afterwards; NaN unknown */
	double moving_percent; /* of the rollout's traffic, by its first target; NaN unknown */
};
/* A plan, or how far an action has come. Plain data; all text is from outside. */
struct intent_progress {
	char key[ORDER_KEY_BYTES]; /* "" for a plan */
	bool lost;            /* nobody answers since `lost_mono_us`; the rest is as it was last */
	char error[400];      /* the ask was refused, or why nobody answers; "" */
	char verb[16];
	char state[24];       /* "recording", "planning", "countdown", "applying", "watching", "closing", "done" */
	bool ended;
	bool raises;          /* exposure */
	bool nothing;         /* every target is there already */
	int64_t countdown_us; /* of the action */
	int64_t go_mono_us;   /* when the countdown ends, by our clock; 0 = none */
	char who[200];
	int64_t applied, target_total;
	struct progress_part parts[PROGRESS_PARTS_MAX];
	size_t part_count;
	struct progress_target targets[PROGRESS_TARGETS_MAX];
	size_t target_count;
};

struct rollout_calls;

/* socket_path NULL: nobody is ever asked. `wake_fd` is written one byte when there is news. */
struct rollout_calls *rollout_calls_start(const char *socket_path, int wake_fd);
/* A countdown under way is taken back. Waits at most `wait_us`. */
void rollout_calls_stop(struct rollout_calls **c, int64_t wait_us);

/* Each replaces what was asked before; answers come through rollout_calls_take(). */
void rollout_calls_plan(struct rollout_calls *c, const struct intent_ask *ask);
/* Begins the action and keeps it alive with beats until it has ended or is let go. */
void rollout_calls_begin(struct rollout_calls *c, const struct intent_ask *ask);
void rollout_calls_cancel(struct rollout_calls *c);
/* No more beats: an action past its countdown goes on without us. */
void rollout_calls_let_go(struct rollout_calls *c);
/* The newest answer; false when there is none since the last call. */
bool rollout_calls_take(struct rollout_calls *c, struct intent_progress *out);
/* The newest board; false when nothing has changed since the last call. count 0 when nobody answers. */
bool rollout_calls_board(struct rollout_calls *c, struct rollout_board *out);

#endif
