/* The mood of a feedback item from what the source itself gave: stars or a score. The one place of
 * this rule. Pure.
 *
 *   rating (stars 1-5):            4 and more positive, 2 and less negative, between neutral
 *   score, signed (-1..1):         0.25 and more positive, -0.25 and less negative, between neutral;
 *                                  so thumbs 1, 0, -1 are positive, neutral, negative
 *   score, share of one (0..1):    0.6 and more positive, 0.4 and less negative, between neutral;
 *                                  so thumbs 1, 0 are positive, negative
 *   a score outside its range says nothing.
 *
 * A rating goes before a score. */
#ifndef LLMDECK_JUDGE_MOOD_H
#define LLMDECK_JUDGE_MOOD_H

#include <stdbool.h>

#include "core/event.h"

/* Fills in mood and judge ("rating", "score", or empty when nothing tells). */
void mood_of_feedback(struct feedback *f, bool score_is_share);

#endif
