/* The local judges as intake uses them: the sentiment model loaded once, feedback given its mood. */
#ifndef LLMDECK_COLLECT_JUDGES_H
#define LLMDECK_COLLECT_JUDGES_H

#include "base/err.h"
#include "core/event.h"
#include "judge/sentiment.h"

/* The shipped model, loaded on the first call; immutable, for every thread, never freed. NULL with a
 * sentence when its file is missing or damaged: moods then come from ratings and scores alone. */
const struct sentiment_model *judges_sentiment(struct err *err);

/* Mood and judge of a feedback item: by its rating or score (judge/mood.h), else by its English text,
 * else UNKNOWN. */
void judges_feedback(struct feedback *f, bool score_is_share);

#endif
