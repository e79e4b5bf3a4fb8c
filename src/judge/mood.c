/* Two thresholds a scale; see the header. */
#include "judge/mood.h"

#include <math.h>

static enum mood by_thresholds(double value, double negative, double positive)
{
	if (value >= positive)
		return MOOD_POSITIVE;
	return value <= negative ? MOOD_NEGATIVE : MOOD_NEUTRAL;
}

void mood_of_feedback(struct feedback *f, bool score_is_share)
{
	f->mood = MOOD_UNKNOWN;
	f->judge = (struct str){NULL, 0};
	if (!isnan(f->rating)) {
		f->mood = (uint8_t)by_thresholds(f->rating, 2, 4);
		f->judge = STR_LIT("rating");
		return;
	}
	double low = score_is_share ? 0 : -1;
	if (isnan(f->score) || f->score < low || f->score > 1)
		return;
	f->mood = (uint8_t)(score_is_share ? by_thresholds(f->score, 0.4, 0.6)
	                                   : by_thresholds(f->score, -0.25, 0.25));
	f->judge = STR_LIT("score");
}
