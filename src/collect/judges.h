/* The local judges as intake uses them: the sentiment model loaded once, feedback given its mood. */
#ifndef LLMDECK_COLLECT_JUDGES_H
#define LLMDECK_COLLECT_JUDGES_H

#include "base/err.h"
#include "core/event.h"
#include "judge/safety.h"
#include "judge/sentiment.h"

/* The shipped model, loaded on the first call; immutable, for every thread, never freed. NULL with a
 * sentence when its file is missing or damaged: moods then come from ratings and scores alone. */
const struct sentiment_model *judges_sentiment(struct err *err);

struct config;
/* What the configuration says of judging (block lists, `redact`, `keep_text`), for every thread from now
 * on. It need not outlive the call. Without a call: no block lists, everything redacted, no prompts kept. */
void judges_configure(const struct config *config);
/* Whether prompts and answers are to be kept. */
bool judges_keep_text(void);

/* Judges a feedback item of `b`: mood and judge by its rating or score (judge/mood.h), else by its English
 * text, else UNKNOWN; findings of personal data, attacks and block lists; then the text without
 * personal data takes the place of the text. */
void judges_feedback(struct batch *b, struct feedback *f, bool score_is_share);

/* The text as it may be stored: redacted unless the configuration says otherwise, cut to
 * EVENT_TEXT_MAX_BYTES, in the batch's arena. */
struct str judges_storable(struct batch *b, struct str text);

/* What the patterns of the configuration's block lists find, the most severe of each category; at most
 * `cap`. The categories live for ever. */
size_t judges_find_blocked(struct str text, struct safety_finding *out, size_t cap);

#endif
