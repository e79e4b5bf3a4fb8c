/* The collector's JSON about rollouts, read into plain data. Bounded: what is too long is cut, what is
 * too many is left out. */
#ifndef LLMDECK_CONSOLE_ROLLOUT_WIRE_H
#define LLMDECK_CONSOLE_ROLLOUT_WIRE_H

#include <stdbool.h>

#include "base/buf.h"
#include "console/rollout_calls.h"

/* GET /v1/rollouts. `wall_us`, `mono_us`: now. False when it cannot be read; `out` is then empty. */
bool rollout_wire_board(struct str json, int64_t wall_us, int64_t mono_us, struct rollout_board *out);
/* A plan or an action's progress. False when it cannot be read. */
bool rollout_wire_progress(struct str json, int64_t mono_us, struct rollout_progress *out);
/* The order as the collector takes it. */
void rollout_wire_ask(const struct rollout_ask *ask, struct buf *out);

#endif
