/* What the console asks of the rollouts panel when a key means a rollout. */
#ifndef LLMDECK_PANELS_ROLLOUTS_H
#define LLMDECK_PANELS_ROLLOUTS_H

#include "panels/panel.h"
#include "panels/rollout_live.h"

#define PICK_LINES_MAX 12

extern const struct panel rollouts_panel;

/* The rollout under the cursor: a copy, so that a dialog stays bound to it. All text is from outside. */
struct rollout_pick {
	char name[ROLLOUT_NAME_BYTES], service[ROLLOUT_NAME_BYTES], environment[ROLLOUT_NAME_BYTES];
	char arms[ROLLOUT_ARMS_MAX][ROLLOUT_NAME_BYTES]; /* stable first */
	size_t arm_count;
	bool held;
	bool whole;                                     /* blue-green: its plan is one step, all at once */
	double per_s;                                   /* the service's requests a second in the window */
	char reason[200];                               /* from the failing gate; "" */
	char evidence[PICK_LINES_MAX][160];             /* the guardrails, one a line */
	size_t evidence_count;
};
/* `state` is rollouts_panel's. False when there is none. */
bool rollouts_pick(const void *state, const struct panel_frame *frame, struct rollout_pick *out);

#endif
