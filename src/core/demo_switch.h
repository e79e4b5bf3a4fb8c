/* The hand-off between the demo's invented fleet and who steers its traffic: a table of rollouts with
 * the shares wanted, the shares in force, and how many requests each arm has answered. One a process,
 * behind a mutex; any thread. */
#ifndef LLMDECK_CORE_DEMO_SWITCH_H
#define LLMDECK_CORE_DEMO_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct demo_counts {
	uint64_t requests[2], errors[2]; /* stable, candidate */
};
struct demo_position {
	double percent;           /* the candidate's share in force */
	struct demo_counts counts;
	uint64_t fleet;           /* another number: another fleet, so the counts began again */
};

/* Wants the candidate's share, in percent. False when no fleet runs such a rollout. */
bool demo_switch_set(struct str rollout, double percent);
/* Where a rollout is; false when no fleet runs it. */
bool demo_switch_look(struct str rollout, struct demo_position *out);

/* For the fleet: a new one takes the place of all before. */
uint64_t demo_switch_attach(void);
/* The fleet is gone; nothing when another has come since. */
void demo_switch_detach(uint64_t fleet);
/* Tells where a rollout is now and adds to its counts; a rollout named for the first time is added
 * (the name must outlive the fleet). Returns the share wanted, negative when none was asked for since
 * the last call. */
double demo_switch_report(uint64_t fleet, struct str rollout, double percent, const struct demo_counts *more);

#endif
