/* What a remark is about: key phrases, and opinions on aspects ("delivery" → "not fast"). Pure. */
#ifndef LLMDECK_JUDGE_PHRASES_H
#define LLMDECK_JUDGE_PHRASES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "judge/sentiment.h"

struct phrase {
	struct str text; /* in the input: one to three words */
	double weight;   /* longer and rarer words weigh more */
};
/* The key phrases, heaviest first: runs of words that carry meaning, between stop words and marks. */
size_t phrases_find(struct str text, struct phrase *out, size_t cap);

struct opinion {
	struct str target;     /* what it is about, in the input */
	struct str assessment; /* the opinion's word, in the input */
	double valence;        /* -4 to 4, negation applied */
	bool negated;
};
/* Words with a valence and the nearest meaningful word of their clause that has none. */
size_t opinions_find(const struct sentiment_model *m, struct str text, struct opinion *out, size_t cap);

#endif
