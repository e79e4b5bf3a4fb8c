/* Stop words and marks cut a text into runs; a run of up to three words is a phrase, a longer one gives
 * its last three (in English the head stands last). */
#include "judge/phrases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "judge/words.h"

#define WORDS_MAX 600

/* Sorted, for bsearch. */
static const char *const stop_words[] = {
	"a", "about", "after", "again", "ain't", "all", "almost", "also", "always", "am", "an", "and", "another", "any", "anyone",
	"anything", "are", "aren't", "around", "as", "at", "away", "back", "be", "because", "been", "before", "being", "below",
	"between", "both", "but", "by", "came", "can", "can't", "cannot", "come", "could", "couldn't", "did", "didn't", "do",
	"does", "doesn't", "doing", "don't", "done", "down", "each", "either", "else", "enough", "even", "ever", "every",
	"everything", "few", "for", "from", "further", "gave", "get", "gets", "getting", "give", "given", "go", "goes", "going",
	"gone", "got", "had", "hadn't", "has", "hasn't", "have", "haven't", "having", "he", "her", "here", "hers", "him", "his",
	"how", "however", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "isn't", "it", "it's", "its", "just",
	"keep", "kept", "know", "let", "like", "made", "make", "makes", "many", "may", "maybe", "me", "might", "mine", "more",
	"most", "much", "must", "my", "myself", "need", "never", "no", "nor", "not", "nothing", "now", "of", "off", "often", "oh",
	"ok", "on", "once", "one", "only", "or", "other", "our", "ours", "out", "over", "own", "please", "put", "quite", "rather",
	"really", "said", "same", "say", "says", "see", "seem", "seems", "she", "should", "shouldn't", "since", "so", "some",
	"something", "still", "such", "take", "than", "thanks", "that", "that's", "the", "their", "them", "then", "there",
	"there's", "these", "they", "they're", "thing", "things", "think", "this", "those", "though", "through", "to", "too",
	"took", "try", "twice", "under", "until", "up", "us", "use", "used", "very", "want", "wanted", "was", "wasn't", "way", "we",
	"well", "went", "were", "weren't", "what", "when", "where", "which", "while", "who", "whom", "why", "will", "with",
	"without", "won't", "would", "wouldn't", "yes", "yet", "you", "you're", "your", "yours",
};

static int compare_words(const void *key, const void *row)
{
	return strcmp(key, *(const char *const *)row);
}

static bool carries_meaning(const struct word *w)
{
	return w->kind == WORD_LETTERS && w->len > 1 &&
	       !bsearch(w->lower, stop_words, sizeof stop_words / sizeof stop_words[0], sizeof stop_words[0], compare_words);
}

static struct str span(const struct word *first, const struct word *last)
{
	return (struct str){first->text.ptr, (size_t)(last->text.ptr + last->text.len - first->text.ptr)};
}

static int heavier(const void *a, const void *b)
{
	const struct phrase *x = a, *y = b;

	return x->weight > y->weight ? -1 : x->weight < y->weight ? 1 : x->text.ptr < y->text.ptr ? -1 : 1;
}

/* Two to three words say more than one; long words more than short ones. */
static double weigh(const struct word *words, size_t count)
{
	double letters = 0;

	for (size_t i = 0; i < count; i++)
		letters += words[i].len;
	return sqrt(letters) * (count == 1 ? 1 : 1.4);
}

size_t phrases_find(struct str text, struct phrase *out, size_t cap)
{
	struct word *words = mem_array(NULL, WORDS_MAX, sizeof *words);
	size_t count = words_split(text, words, WORDS_MAX), found = 0, start = 0;

	for (size_t i = 0; i <= count && found < cap; i++) {
		if (i < count && carries_meaning(&words[i]))
			continue;
		if (i > start) {
			size_t first = i - start > 3 ? i - 3 : start;
			out[found++] = (struct phrase){span(&words[first], &words[i - 1]), weigh(&words[first], i - first)};
		}
		start = i + 1;
	}
	free(words);
	qsort(out, found, sizeof *out, heavier);
	return found;
}

static bool ends_clause(const struct word *w)
{
	return w->kind != WORD_LETTERS && w->kind != WORD_NUMBER && w->kind != WORD_LINK;
}

/* The nearest meaningful word without a valence in the same clause, before (as in "the delivery was
 * slow") or right behind ("slow delivery"). */
static const struct word *target_of(const struct sentiment_model *m, const struct word *words, size_t count, size_t at)
{
	double valence;

	for (size_t i = at + 1; i < count && i <= at + 2 && !ends_clause(&words[i]); i++)
		if (carries_meaning(&words[i]) && !sentiment_word_valence(m, &words[i], &valence))
			return &words[i];
	for (size_t i = at; i > 0 && at - i < 6 && !ends_clause(&words[i - 1]); i--)
		if (carries_meaning(&words[i - 1]) && !sentiment_word_valence(m, &words[i - 1], &valence))
			return &words[i - 1];
	return NULL;
}

static bool negated(const struct word *words, size_t at)
{
	for (size_t i = at; i > 0 && at - i < 4 && !ends_clause(&words[i - 1]); i--)
		if (sentiment_is_negator(&words[i - 1]))
			return true;
	return false;
}

size_t opinions_find(const struct sentiment_model *m, struct str text, struct opinion *out, size_t cap)
{
	struct word *words = mem_array(NULL, WORDS_MAX, sizeof *words);
	size_t count = words_split(text, words, WORDS_MAX), found = 0;

	for (size_t i = 0; i < count && found < cap; i++) {
		const struct word *target;
		double valence;
		if (words[i].kind != WORD_LETTERS || sentiment_is_negator(&words[i]) || !sentiment_word_valence(m, &words[i], &valence))
			continue;
		target = target_of(m, words, count, i);
		if (!target)
			continue;
		out[found] = (struct opinion){target->text, words[i].text, valence, negated(words, i)};
		out[found].valence *= out[found].negated ? -0.75 : 1;
		found++;
	}
	free(words);
	return found;
}
