/* The mood of an English remark, offline. Pure; a model is immutable and may be shared by threads.
 *
 * A linear model grades a text from -4 to 4 by two kinds of features: what a valence lexicon with rules says
 * (negation, intensifiers, contrast, capitals, exclamation and question marks, emoticons, emoji and hashtags), and
 * which words and word pairs occur. The weights come from tools/train_sentiment.c. */
#ifndef LLMDECK_JUDGE_SENTIMENT_H
#define LLMDECK_JUDGE_SENTIMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/event.h"

struct sentiment {
	enum mood label;
	double score;         /* -1 to 1: confidence in positive less confidence in negative */
	double confidence[3]; /* positive, neutral, negative; they add up to 1 */
};

struct sentiment_model;

/* The model as text: see sentiment_model_write(). The strings are copied. */
int sentiment_model_parse(struct sentiment_model **out, struct str text, struct err *err);
void sentiment_model_free(struct sentiment_model **m);
/* "local/3": what is stored beside a verdict. */
const char *sentiment_judge_name(const struct sentiment_model *m);

/* Judges at most the first 8 KiB. False (label UNKNOWN) when there is no word to judge, or the text is
 * not English as far as can be told. */
bool sentiment_judge(const struct sentiment_model *m, struct str text, struct sentiment *out);

/* False for a text most of whose words are not English: it is then never guessed at. */
bool sentiment_is_english(const struct sentiment_model *m, struct str text);

/* A word's valence (-4 to 4) by the lexicon; false when it has none. */
struct word;
bool sentiment_word_valence(const struct sentiment_model *m, const struct word *w, double *valence);
bool sentiment_is_negator(const struct word *w);

/* For the trainer: the features of a text. */
#define SENTIMENT_DENSE 20
#define SENTIMENT_HASH_BITS 16
#define SENTIMENT_SPARSE_MAX 1024
struct sentiment_features {
	float dense[SENTIMENT_DENSE];
	uint32_t sparse[SENTIMENT_SPARSE_MAX]; /* places in the hashed weights; no repeats */
	uint32_t sparse_count;
	uint32_t words, known_words, common_words, foreign_words; /* common: everyday English ones; foreign: other languages' */
	bool valent; /* a word, emoticon or emoji with a valence is in it */
};
void sentiment_extract(const struct sentiment_model *m, struct str text, struct sentiment_features *out);
/* The verdict on a text's features. */
void sentiment_weigh(const struct sentiment_model *m, const struct sentiment_features *f, struct sentiment *out);

struct sentiment_weights {
	float dense[SENTIMENT_DENSE + 1]; /* the last is the constant */
	float sparse[1u << SENTIMENT_HASH_BITS];
};
/* For the trainer: a model with a lexicon ("word<TAB>valence" lines) and no weights yet; its weights; and the
 * model as text. */
int sentiment_model_new(struct sentiment_model **out, struct str lexicon, struct err *err);
void sentiment_model_set_weights(struct sentiment_model *m, const struct sentiment_weights *w);
void sentiment_model_write(const struct sentiment_model *m, struct buf *out);

#endif
