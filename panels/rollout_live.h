/* What the collector knows about the rollouts at this moment, beside what the store tells: steps,
 * gates, targets, actions under way. Plain data, copied from thread to thread; the console fills it
 * from the control socket. All text is from outside. */
#ifndef LLMDECK_PANELS_ROLLOUT_LIVE_H
#define LLMDECK_PANELS_ROLLOUT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/figures.h"
#include "judge/ab.h"

#define ROLLOUT_NAME_BYTES 96
#define ROLLOUT_WORDS_BYTES 240
#define ROLLOUT_LIVE_MAX 16
#define ROLLOUT_TARGETS_MAX 8
#define ROLLOUT_GUARDS_MAX 32

struct rollout_live_arm {
	char deployment[ROLLOUT_NAME_BYTES];
	double desired_percent, actual_percent, arriving_percent; /* NaN unknown */
};
/* One guardrail on one candidate. */
struct rollout_live_guard {
	char arm[ROLLOUT_NAME_BYTES]; /* "": the only candidate */
	enum metric metric; /* METRIC_COUNT: an evaluation */
	char evaluation[CONFIG_EVALUATION_BYTES]; /* "evaluation:groundedness"; "": the metric */
	enum ab_verdict verdict;
	double stable, candidate; /* what it was judged by; NaN unknown */
	int64_t samples;   /* -1 unknown */
	char words[ROLLOUT_WORDS_BYTES];
};
struct rollout_live_target {
	char name[ROLLOUT_NAME_BYTES], state[32], words[ROLLOUT_WORDS_BYTES];
	char arrives[ROLLOUT_NAME_BYTES]; /* by its own counters: "v42 75 %, v43 25 % of 812"; "" unknown */
	bool applied, drift;
};
struct rollout_live {
	char name[ROLLOUT_NAME_BYTES], phase[32], reason[ROLLOUT_WORDS_BYTES];
	bool held, drift;
	int64_t step;                 /* steps of the plan reached */
	int64_t hold_us, hold_left_us; /* of the step under way; -1 none */
	char action[32], action_state[32]; /* an action under way, else "" */
	struct rollout_live_arm arms[ROLLOUT_ARMS_MAX];
	size_t arm_count;
	struct rollout_live_guard guards[ROLLOUT_GUARDS_MAX];
	size_t guard_count;
	struct rollout_live_target targets[ROLLOUT_TARGETS_MAX];
	size_t target_count;
};
struct rollout_board {
	size_t count;
	struct rollout_live rollouts[ROLLOUT_LIVE_MAX];
};

/* NULL when the board is NULL or has none of that name. */
const struct rollout_live *rollout_live_find(const struct rollout_board *board, struct str name);

#endif
