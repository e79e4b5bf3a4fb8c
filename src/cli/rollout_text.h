/* Rollouts, plans and outcomes as text for `llmdeck rollout`. */
#ifndef LLMDECK_CLI_ROLLOUT_TEXT_H
#define LLMDECK_CLI_ROLLOUT_TEXT_H

#include "base/buf.h"
#include "console/control_rollouts.h"

void rollout_text_list(const struct rollout_list *l, int width, struct buf *out);
void rollout_text_view(const struct rollout_view *v, int width, struct buf *out);
/* What every target would do. */
void rollout_text_plan(const struct rollout_progress *p, struct buf *out);
/* A line for where the action is and each target that has ended; the countdown in whole seconds. */
void rollout_text_progress(const struct rollout_progress *p, struct buf *out);
void rollout_text_outcome(const struct rollout_progress *p, struct buf *out);
/* The collector's own JSON, with only the rollout at `index` (SIZE_MAX: all of them). */
void rollout_text_json(struct str json, size_t index, struct buf *out);

#endif
