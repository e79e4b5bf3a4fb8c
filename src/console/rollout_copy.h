/* What the collector answered about rollouts, as the plain data that travels between threads: bounded,
 * what is too long is cut, what is too many left out. */
#ifndef LLMDECK_CONSOLE_ROLLOUT_COPY_H
#define LLMDECK_CONSOLE_ROLLOUT_COPY_H

#include "console/control_client.h"
#include "console/rollout_calls.h"

struct rollout_list;
struct rollout_progress; /* console/control_rollouts.h */

/* `wall_us`: now, for what is left of a step's hold. */
void rollout_copy_board(const struct rollout_list *from, int64_t wall_us, struct rollout_board *out);
/* `mono_us`: now, for the countdown's end. */
void rollout_copy_progress(const struct rollout_progress *from, int64_t mono_us, struct intent_progress *out);
/* Asks for the board; empty when nobody answers. Waits. */
void rollout_board_ask(struct control_client *client, struct rollout_board *out);

#endif
