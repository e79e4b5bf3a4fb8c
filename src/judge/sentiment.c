/* Features first: one walk over the words with the state that rules need (how far a negation
 * reaches, which intensifier came last, what came after a "but"). Then a linear model gives the grade, on the scale
 * of people who gave -4 to 4: mostly by the lexicon, and by few, much regularised words, so that it holds for
 * kinds of text that the training did not have. A grade near 0 is neutral, in a wider band when no word has a
 * valence: there the model only guesses by the words around.
 *
 * The file: a head line, a line of dense weights, "lexicon N" and its lines, "sparse N" and its lines (place and
 * weight in 1/256). */
#include "judge/sentiment.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "judge/words.h"

#define PLACES (1u << SENTIMENT_HASH_BITS)
#define WORDS_MAX 1500
#define TEXT_MAX_BYTES 8192
#define LEXICON_MAX 40000
#define BAND_VALENT 0.25f /* grades this near 0 are neutral: of texts with a valent word, of others */
#define BAND_NONE 0.9f
#define GRADE_SOFTNESS 0.35f /* of the step from one mood to the next */
#define VALENCE_STEPS 10.0f
#define SPARSE_STEPS 256.0f
#define HEAD "llmdeck sentiment model 4"

struct sentiment_model {
	struct strmap lexicon; /* word, emoticon or emoji -> valence * 10 + 100 */
	float dense[SENTIMENT_DENSE + 1]; /* the last is the constant */
	int8_t sparse[PLACES];
};

/* What a word is beside its valence. */
enum { CLASS_NEGATOR = 1, CLASS_BOOSTER = 2, CLASS_DAMPENER = 4, CLASS_CONTRAST = 8, CLASS_COMMON = 16, CLASS_DENIED = 32, CLASS_FOREIGN = 64 };

static const char *const negators[] = {
	"ain't", "aint", "aren't", "arent", "barely", "can't", "cannot", "cant", "couldn't", "couldnt", "didn't",
	"didnt", "doesn't", "doesnt", "don't", "dont", "few", "hadn't", "hardly", "hasn't", "hasnt", "haven't",
	"havent", "isn't", "isnt", "lack", "lacking", "lacks", "mustn't", "neither", "never", "no", "nobody",
	"none", "nor", "not", "nothing", "nowhere", "rarely", "scarcely", "seldom", "shouldn't", "shouldnt",
	"wasn't", "wasnt", "weren't", "werent", "without", "won't", "wont", "wouldn't", "wouldnt",
};
static const char *const boosters[] = {
	"absolutely", "amazingly", "awfully", "completely", "considerably", "deeply", "definitely", "enormously",
	"entirely", "especially", "exceptionally", "extra", "extremely", "fully", "greatly", "highly", "hugely",
	"incredibly", "insanely", "intensely", "more", "most", "particularly", "perfectly", "really", "remarkably",
	"seriously", "so", "such", "super", "terribly", "thoroughly", "totally", "tremendously", "truly", "unusually",
	"utterly", "very", "way",
};
static const char *const dampeners[] = {
	"almost", "fairly", "kinda", "less", "mildly", "moderately", "occasionally", "partly", "pretty", "quite",
	"rather", "relatively", "slightly", "some", "somewhat", "sort", "sorta",
};
/* What nobody praises but by denying it: "not bad", "no problems". */
static const char *const denied[] = {"awful", "bad", "complain", "complaint", "complaints", "disappointed", "disappointing", "dumb", "horrible",
                                     "issues", "problem", "problems", "shabby", "stupid", "terrible", "ugly", "useless", "wrong"};
static const char *const contrasts[] = {"although", "but", "however", "nevertheless", "though", "yet"};
/* Everyday words by which English is told from its neighbours, and theirs. */
static const char *const common[] = {
	"a", "about", "after", "again", "all", "also", "always", "am", "an", "and", "another", "any", "anyone",
	"anything", "are", "around", "as", "at", "away", "back", "be", "because", "been", "before", "being", "best",
	"better", "but", "by", "called", "can", "can't", "cannot", "could", "day", "days", "did", "didn't", "do", "does",
	"doesn't", "doing", "don't", "done", "down", "each", "even", "ever", "every", "everyone", "everything", "feel",
	"find", "first", "for", "from", "get", "gets", "getting", "give", "go", "goes", "going", "gonna", "good", "got",
	"had", "has", "have", "having", "he", "hello", "her", "here", "hers", "hey", "him", "his", "home", "how", "i",
	"i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "isn't", "it", "it's", "its", "just", "keep", "know",
	"last", "left", "let", "like", "little", "long", "look", "looks", "lot", "love", "made", "make", "many", "maybe",
	"me", "might", "more", "most", "much", "must", "my", "need", "needs", "never", "new", "next", "night", "not",
	"now", "of", "off", "ok", "old", "on", "once", "one", "only", "or", "other", "our", "out", "over", "people",
	"please", "put", "really", "right", "said", "same", "saw", "say", "says", "see", "she", "should", "since", "so",
	"some", "somebody", "someone", "something", "soon", "still", "such", "sure", "take", "tell", "than", "thank",
	"thanks", "that", "that's", "the", "their", "them", "then", "there", "there's", "these", "they", "they're",
	"thing", "things", "think", "this", "those", "though", "thought", "through", "time", "times", "to", "today",
	"together", "tomorrow", "tonight", "too", "took", "tried", "try", "trying", "two", "under", "until", "up", "us",
	"use", "used", "using", "very", "wait", "want", "wanted", "was", "watch", "watching", "way", "we", "we're",
	"week", "well", "went", "were", "what", "what's", "when", "where", "which", "while", "who", "whole", "why",
	"will", "with", "without", "won't", "work", "working", "works", "would", "year", "years", "yesterday", "yet",
	"you", "you're", "your", "yours",
};
static const char *const foreign[] = {
	"aan", "aber", "ale", "als", "ao", "att", "au", "auch", "auf", "aus", "aux", "av", "avec", "bardzo", "bei", "bin",
	"c'est", "ce", "ces", "cette", "che", "ci", "com", "como", "con", "czy", "da", "dans", "das", "dass", "dat", "de",
	"del", "della", "dello", "dem", "den", "der", "det", "deze", "di", "dit", "dla", "doch", "du", "een", "ein",
	"eine", "einen", "el", "ele", "ella", "elle", "ellos", "em", "en", "era", "es", "essa", "esse", "est", "esta",
	"este", "esto", "et", "eu", "foi", "fue", "för", "für", "ganz", "geen", "gli", "han", "har", "hay", "heb", "heel",
	"het", "hij", "ich", "ik", "il", "ils", "inte", "io", "isso", "ist", "jag", "jak", "je", "jest", "kein", "keine",
	"la", "las", "le", "les", "leur", "lo", "los", "ma", "maar", "mais", "mes", "met", "meu", "mi", "mijn", "mir",
	"mit", "molto", "mon", "muito", "muy", "mycket", "más", "na", "naar", "nach", "nada", "ne", "nel", "nicht", "nie",
	"niet", "noch", "nog", "non", "nos", "nous", "nur", "não", "när", "o", "och", "oder", "om", "ook", "os", "ou",
	"para", "pas", "per", "perché", "pero", "più", "po", "por", "porque", "på", "qu'il", "quando", "que", "questa",
	"questo", "qui", "sa", "schon", "se", "sehr", "sein", "ses", "si", "sich", "sie", "sind", "się", "som", "sono",
	"su", "sur", "tak", "también", "te", "todo", "très", "tutto", "um", "uma", "un", "una", "und", "une", "uns",
	"van", "var", "veel", "vi", "você", "vom", "von", "voor", "vous", "wat", "wel", "wie", "wir", "wird", "y", "ya",
	"zijn", "zu", "zum", "zur", "är", "że",
};

/* The lists above by the hash of the word, which is needed anyway. Filled once. */
#define CLASS_SLOTS 2048u
static struct {
	uint64_t hash;
	unsigned classes;
} classes[CLASS_SLOTS];
static pthread_once_t classes_once = PTHREAD_ONCE_INIT;

static void add_class(const char *const *words, size_t count, unsigned class)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = hash_bytes(words[i], strlen(words[i]));
		size_t at = hash % CLASS_SLOTS;

		while (classes[at].classes && classes[at].hash != hash)
			at = (at + 1) % CLASS_SLOTS;
		classes[at].hash = hash;
		classes[at].classes |= class;
	}
}

static void fill_classes(void)
{
#define ADD(list, class) add_class(list, sizeof(list) / sizeof(list)[0], class)
	ADD(negators, CLASS_NEGATOR);
	ADD(boosters, CLASS_BOOSTER);
	ADD(dampeners, CLASS_DAMPENER);
	ADD(contrasts, CLASS_CONTRAST);
	ADD(common, CLASS_COMMON);
	ADD(denied, CLASS_DENIED);
	ADD(foreign, CLASS_FOREIGN);
#undef ADD
}

static unsigned classes_of(uint64_t hash)
{
	size_t at = hash % CLASS_SLOTS;

	while (classes[at].classes && classes[at].hash != hash)
		at = (at + 1) % CLASS_SLOTS;
	return classes[at].classes;
}

static uint32_t place_of(uint64_t hash)
{
	return (uint32_t)(hash >> (64 - SENTIMENT_HASH_BITS));
}

static bool lookup(const struct sentiment_model *m, struct str word, float *valence)
{
	uint32_t coded;

	if (!strmap_get(&m->lexicon, word, &coded))
		return false;
	*valence = ((float)coded - 100) / VALENCE_STEPS;
	return true;
}

/* A word's valence; of "amazing-ly" and plurals also the stem's. */
static bool valence_of(const struct sentiment_model *m, const struct word *w, float *valence)
{
	static const char *const endings[] = {"s", "ly", "ed", "ing"};
	struct str word = {w->lower, w->len};

	if (w->kind == WORD_EMOTICON || w->kind == WORD_EMOJI)
		return lookup(m, w->text, valence);
	if (w->kind != WORD_LETTERS)
		return false;
	if (lookup(m, word, valence))
		return true;
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		struct str ending = str_of(endings[i]);
		if (word.len > ending.len + 3 && str_ends_with(word, ending) &&
		    lookup(m, (struct str){word.ptr, word.len - ending.len}, valence))
			return true;
	}
	return false;
}

bool sentiment_word_valence(const struct sentiment_model *m, const struct word *w, double *valence)
{
	float found;

	if (!valence_of(m, w, &found))
		return false;
	*valence = (double)found;
	return true;
}

bool sentiment_is_negator(const struct word *w)
{
	pthread_once(&classes_once, fill_classes);
	return w->kind == WORD_LETTERS && classes_of(hash_bytes(w->lower, w->len)) & CLASS_NEGATOR;
}

/* What the walk over the words carries along. */
struct walk {
	const struct sentiment_model *m;
	struct sentiment_features *out;
	float sum, positive, negative, strongest, weakest, last, before_contrast, after_contrast, flipped;
	float boost;       /* of the word before */
	int negated_words; /* how many more words a negation reaches */
	uint32_t negator_at; /* sparse features before the negator */
	bool contrast, any_small, any_capitals;
	int shouts, questions, negations, boosts, emoji, judged;
	uint64_t previous; /* hash of the word before, for pairs */
};

static void add_sparse(struct walk *k, uint64_t hash)
{
	uint32_t place = place_of(hash);

	for (uint32_t i = 0; i < k->out->sparse_count; i++)
		if (k->out->sparse[i] == place)
			return;
	if (k->out->sparse_count < SENTIMENT_SPARSE_MAX)
		k->out->sparse[k->out->sparse_count++] = place;
}

static void add_valence(struct walk *k, const struct word *w, unsigned class, float valence)
{
	if (k->boost != 0)
		valence += valence > 0 ? k->boost : -k->boost;
	if (w->kind == WORD_LETTERS && w->capitals && k->any_small)
		valence += valence > 0 ? 0.7f : -0.7f;
	if (w->kind == WORD_LETTERS && w->stretched)
		valence += valence > 0 ? 0.4f : -0.4f;
	if (k->negated_words > 1 && class & CLASS_DENIED) {
		/* Praise: neither the negator nor the word counts as what it is by itself. */
		k->negations--;
		k->out->sparse_count = k->negator_at;
		valence = 1.9f;
	} else if (k->negated_words > 0) {
		k->flipped += valence;
		valence *= valence > 0 ? -0.75f : -0.4f;
	}
	k->judged++;
	k->sum += valence;
	k->last = valence;
	if (valence > 0)
		k->positive += valence;
	else
		k->negative -= valence;
	k->strongest = fmaxf(k->strongest, valence);
	k->weakest = fminf(k->weakest, valence);
	if (k->contrast)
		k->after_contrast += valence;
	else
		k->before_contrast += valence;
	k->emoji += w->kind == WORD_EMOTICON || w->kind == WORD_EMOJI;
}

static void add_words(struct walk *k, uint64_t hash)
{
	if (k->negated_words > 0)
		hash = hash_mix(hash, 0x6e6f74);
	add_sparse(k, hash);
	if (k->previous)
		add_sparse(k, hash_mix(k->previous, hash));
	k->previous = hash;
}

static void end_clause(struct walk *k)
{
	k->negated_words = 0;
	k->boost = 0;
	k->previous = 0;
}

static void visit_letters(struct walk *k, const struct word *w)
{
	uint64_t hash = hash_bytes(w->lower, w->len);
	unsigned class = classes_of(hash);
	float valence;

	k->out->words++;
	k->out->common_words += class & CLASS_COMMON ? 1 : 0;
	k->out->foreign_words += class & CLASS_FOREIGN ? 1 : 0;
	if (class & CLASS_CONTRAST) {
		k->contrast = true;
		k->negated_words = 0;
	}
	uint32_t before = k->out->sparse_count;

	add_words(k, hash);
	if (class & CLASS_NEGATOR) {
		k->negator_at = before;
		/* "not only" and "no doubt" do not turn anything round, but pairs learn that */
		k->negated_words = 4;
		k->negations++;
		k->boost = 0;
		return;
	}
	if (valence_of(k->m, w, &valence)) {
		k->out->known_words++;
		add_valence(k, w, class, valence);
		k->boost = 0;
	} else if (class & CLASS_BOOSTER) {
		k->boost = 0.4f;
		k->boosts++;
	} else if (class & CLASS_DAMPENER) {
		k->boost = -0.4f;
	} else {
		k->boost = 0;
	}
	if (k->negated_words > 0)
		k->negated_words--;
}

static bool is_known(const struct walk *k, const struct word *w)
{
	float valence;

	return classes_of(hash_bytes(w->lower, w->len)) || valence_of(k->m, w, &valence);
}

/* "goooood" is "good", "sooo" is "so": whichever word there is. */
static void unstretch(const struct walk *k, struct word *w)
{
	for (unsigned doubled = 7; doubled; doubled--)
		if (words_restretch(w, doubled) && is_known(k, w))
			return;
	(void)words_restretch(w, 0);
}

/* The length of the first word of a hashtag's rest: to the next capital in "#BestDayEver"; else the longest known word
 * after which the rest is known words too. 0: no such words. */
static size_t tag_word(const struct walk *k, struct str tag, int depth)
{
	struct word w = {.kind = WORD_LETTERS};

	for (size_t len = tag.len < WORD_MAX_BYTES ? tag.len : WORD_MAX_BYTES - 1; len >= 2 && depth < 5; len--) {
		for (size_t i = 0; i < len; i++)
			w.lower[i] = (char)(tag.ptr[i] | 0x20);
		w.len = (uint8_t)len;
		if (is_known(k, &w) && (len == tag.len || tag_word(k, (struct str){tag.ptr + len, tag.len - len}, depth + 1)))
			return len;
	}
	return 0;
}

static size_t camel_word(struct str tag)
{
	size_t len = 1;

	while (len < tag.len && tag.ptr[len] >= 'a')
		len++;
	return len > 1 && len < tag.len ? len : 0;
}

/* The words of a hashtag that is none itself. */
static void visit_tag(struct walk *k, struct str tag)
{
	while (tag.len) {
		size_t len = camel_word(tag);
		struct word w;

		if (!len)
			len = tag_word(k, tag, 0);
		struct str part = {tag.ptr, len ? len : tag.len};
		if (words_next(&part, &w) && w.kind == WORD_LETTERS)
			visit_letters(k, &w);
		tag = (struct str){tag.ptr + (len ? len : tag.len), len ? tag.len - len : 0};
	}
}

static void visit(struct walk *k, struct word *w)
{
	float valence;

	switch (w->kind) {
	case WORD_LETTERS:
		if (w->stretched)
			unstretch(k, w);
		if (w->tag && !is_known(k, w))
			visit_tag(k, w->text);
		else
			visit_letters(k, w);
		break;
	case WORD_EMOTICON:
	case WORD_EMOJI:
		end_clause(k);
		add_sparse(k, hash_bytes(w->text.ptr, w->text.len));
		if (valence_of(k->m, w, &valence))
			add_valence(k, w, 0, valence);
		break;
	case WORD_SHOUT:
		k->shouts++;
		end_clause(k);
		break;
	case WORD_QUESTION:
		k->questions++;
		end_clause(k);
		break;
	case WORD_STOP:
	case WORD_COMMA:
		end_clause(k);
		break;
	case WORD_NUMBER:
	case WORD_LINK:
		k->previous = 0;
		break;
	}
}

static float squash(float x, float softness)
{
	return x / sqrtf(x * x + softness);
}

static void fill_dense(struct walk *k)
{
	float length = (float)k->out->words + 1, *d = k->out->dense;
	size_t i = 0;

	d[i++] = squash(k->sum, 15);
	d[i++] = squash(k->sum, 3);
	d[i++] = k->sum / sqrtf(length);
	d[i++] = squash(k->positive, 8);
	d[i++] = squash(k->negative, 8);
	d[i++] = k->strongest / 4;
	d[i++] = k->weakest / 4;
	d[i++] = squash(k->last, 4);
	d[i++] = k->contrast ? squash(k->after_contrast, 6) : 0;
	d[i++] = k->contrast ? squash(k->before_contrast, 6) : 0;
	d[i++] = k->contrast ? 1 : 0;
	d[i++] = squash(k->flipped, 4);
	d[i++] = k->negations ? 1 : 0;
	d[i++] = k->shouts ? squash((float)k->shouts, 4) : 0;
	d[i++] = k->questions ? 1 : 0;
	d[i++] = k->judged ? 0 : 1;
	d[i++] = squash((float)k->judged, 8);
	d[i++] = fminf(length, 60) / 60;
	d[i++] = k->boosts ? 1 : 0;
	d[i++] = k->emoji ? squash(k->sum, 2) : 0;
}

/* A word of two letters or more that is not all capitals: then capitals shout. */
static bool has_small_word(struct str text)
{
	bool before = false, small = false;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool lower = (c >= 'a' && c <= 'z') || c >= 0x80, letter = lower || (c >= 'A' && c <= 'Z');

		if (letter && before && (lower || small))
			return true;
		small = letter && lower;
		before = letter;
	}
	return false;
}

void sentiment_extract(const struct sentiment_model *m, struct str text, struct sentiment_features *out)
{
	struct walk k = {.m = m, .out = out};
	struct str rest;
	struct word w;

	if (text.len > TEXT_MAX_BYTES)
		text.len = TEXT_MAX_BYTES;
	out->sparse_count = out->words = out->known_words = out->common_words = out->foreign_words = 0;
	pthread_once(&classes_once, fill_classes);
	k.any_small = has_small_word(text);
	rest = text;
	for (int i = 0; i < WORDS_MAX && words_next(&rest, &w); i++)
		visit(&k, &w);
	fill_dense(&k);
	out->valent = k.judged > 0;
	if (k.emoji && out->words == 0)
		out->known_words++;
}

static bool english(const struct sentiment_features *f)
{
	if (f->foreign_words > 0 && f->foreign_words >= f->common_words)
		return false;
	/* Short remarks ("Great!", "awful") have no everyday words but ones of the lexicon. */
	return f->words > 3 ? f->common_words * 6 + f->known_words * 3 >= f->words
	                    : f->known_words > 0 || f->words == 0 || f->common_words * 6 >= f->words;
}

bool sentiment_is_english(const struct sentiment_model *m, struct str text)
{
	struct sentiment_features f;

	sentiment_extract(m, text, &f);
	return english(&f);
}

static float grade_of(const struct sentiment_model *m, const struct sentiment_features *f)
{
	float grade = m->dense[SENTIMENT_DENSE];
	int32_t steps = 0;

	for (uint32_t i = 0; i < f->sparse_count; i++)
		steps += m->sparse[f->sparse[i]];
	for (int i = 0; i < SENTIMENT_DENSE; i++)
		grade += m->dense[i] * f->dense[i];
	return grade + (float)steps / SPARSE_STEPS;
}

/* Confidences that are equal at the edges of the band. */
void sentiment_weigh(const struct sentiment_model *m, const struct sentiment_features *f, struct sentiment *out)
{
	float grade = fmaxf(-8, fminf(8, grade_of(m, f))), band = f->valent ? BAND_VALENT : BAND_NONE;
	double positive = exp((double)((grade - band) / GRADE_SOFTNESS)), negative = exp((double)((-grade - band) / GRADE_SOFTNESS));
	double total = 1 + negative + positive;

	out->confidence[0] = positive / total;
	out->confidence[1] = 1 / total;
	out->confidence[2] = negative / total;
	out->score = out->confidence[0] - out->confidence[2];
	out->label = grade > band ? MOOD_POSITIVE : grade < -band ? MOOD_NEGATIVE : MOOD_NEUTRAL;
}

bool sentiment_judge(const struct sentiment_model *m, struct str text, struct sentiment *out)
{
	struct sentiment_features f;

	*out = (struct sentiment){.label = MOOD_UNKNOWN};
	sentiment_extract(m, text, &f);
	if (f.words + f.known_words == 0 || !english(&f))
		return false;
	sentiment_weigh(m, &f, out);
	return true;
}

static int add_lexicon_line(struct sentiment_model *m, struct str line, size_t number, struct err *err)
{
	struct str rest = line, word = str_cut(&rest, '\t');
	double valence;

	if (word.len == 0 || !str_to_double(str_trim(rest), &valence) || fabs(valence) > 10 || m->lexicon.count >= LEXICON_MAX)
		return err_set(err, "sentiment model: line %zu: a word, a tab and a valence from -10 to 10 were expected", number);
	strmap_put(&m->lexicon, word, (uint32_t)lround(valence * (double)VALENCE_STEPS) + 100);
	return 0;
}

int sentiment_model_new(struct sentiment_model **out, struct str lexicon, struct err *err)
{
	struct sentiment_model *m = mem_zalloc(sizeof *m);

	for (size_t number = 1; lexicon.len; number++) {
		struct str line = str_cut(&lexicon, '\n');
		if (line.len && add_lexicon_line(m, line, number, err)) {
			sentiment_model_free(&m);
			return -1;
		}
	}
	*out = m;
	return 0;
}

void sentiment_model_free(struct sentiment_model **m)
{
	if (!*m)
		return;
	strmap_fini(&(*m)->lexicon);
	free(*m);
	*m = NULL;
}

const char *sentiment_judge_name(const struct sentiment_model *m)
{
	(void)m;
	return "local/4";
}

/* Tiny weights are noise. */
static int8_t coded_weight(float weight)
{
	long steps = lroundf(fmaxf(-127, fminf(127, weight * SPARSE_STEPS)));

	return (int8_t)(labs(steps) < 2 ? 0 : steps);
}

void sentiment_model_set_weights(struct sentiment_model *m, const struct sentiment_weights *w)
{
	memcpy(m->dense, w->dense, sizeof m->dense);
	for (uint32_t i = 0; i < PLACES; i++)
		m->sparse[i] = coded_weight(w->sparse[i]);
}

static void write_word(struct str word, uint32_t coded, void *arg)
{
	buf_printf(arg, "%.*s\t%.1f\n", STR_ARG(word), ((double)coded - 100) / (double)VALENCE_STEPS);
}

static int compare_lines(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->ptr, y->ptr, len);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* The table's order is its own: lines are sorted, so that the same training gives the same file. */
static void write_lexicon(const struct sentiment_model *m, struct buf *out)
{
	struct buf lines = {0};
	struct str *sorted = mem_array(NULL, m->lexicon.count + 1, sizeof *sorted), rest;
	size_t count = 0;

	strmap_each(&m->lexicon, write_word, &lines);
	for (rest = buf_str(&lines); rest.len;)
		sorted[count++] = str_cut(&rest, '\n');
	qsort(sorted, count, sizeof *sorted, compare_lines);
	buf_printf(out, "lexicon %zu\n", count);
	for (size_t i = 0; i < count; i++) {
		buf_append_str(out, sorted[i]);
		buf_append_c(out, '\n');
	}
	free(sorted);
	buf_fini(&lines);
}

void sentiment_model_write(const struct sentiment_model *m, struct buf *out)
{
	size_t used = 0;

	buf_puts(out, HEAD "\ndense");
	for (int i = 0; i <= SENTIMENT_DENSE; i++)
		buf_printf(out, " %.5f", (double)m->dense[i]);
	buf_puts(out, "\n");
	write_lexicon(m, out);
	for (uint32_t i = 0; i < PLACES; i++)
		used += m->sparse[i] != 0;
	buf_printf(out, "sparse %zu\n", used);
	for (uint32_t i = 0; i < PLACES; i++)
		if (m->sparse[i])
			buf_printf(out, "%x %d\n", i, m->sparse[i]);
}

static bool read_dense(struct sentiment_model *m, struct str line)
{
	if (!str_equal_c(str_cut(&line, ' '), "dense"))
		return false;
	for (int i = 0; i <= SENTIMENT_DENSE; i++) {
		double weight;
		if (!str_to_double(str_cut(&line, ' '), &weight) || fabs(weight) > 1000)
			return false;
		m->dense[i] = (float)weight;
	}
	return line.len == 0;
}

static bool read_sparse(struct sentiment_model *m, struct str line)
{
	char text[40];
	unsigned place;
	int weight;

	if (line.len == 0 || line.len >= sizeof text)
		return false;
	memcpy(text, line.ptr, line.len);
	text[line.len] = '\0';
	if (sscanf(text, "%x %d", &place, &weight) != 2 || place >= PLACES || weight < -127 || weight > 127)
		return false;
	m->sparse[place] = (int8_t)weight;
	return true;
}

static bool read_count(struct str line, const char *word, int64_t max, int64_t *count)
{
	return str_equal_c(str_cut(&line, ' '), word) && str_to_int64(line, count) && *count >= 0 && *count <= max;
}

static int read_model(struct sentiment_model *m, struct str text, struct err *err)
{
	int64_t count;
	size_t number = 3;

	if (!str_equal_c(str_cut(&text, '\n'), HEAD))
		return err_set(err, "sentiment model: line 1: \"%s\" was expected: reinstall llmdeck", HEAD);
	if (!read_dense(m, str_cut(&text, '\n')))
		return err_set(err, "sentiment model: line 2: the dense weights were expected: reinstall llmdeck");
	if (!read_count(str_cut(&text, '\n'), "lexicon", LEXICON_MAX, &count))
		return err_set(err, "sentiment model: line 3: the lexicon's length was expected: reinstall llmdeck");
	for (; count > 0; count--)
		if (add_lexicon_line(m, str_cut(&text, '\n'), ++number, err))
			return -1;
	if (!read_count(str_cut(&text, '\n'), "sparse", PLACES, &count))
		return err_set(err, "sentiment model: line %zu: the number of weights was expected: reinstall llmdeck", number + 1);
	for (number++; count > 0; count--, number++)
		if (!read_sparse(m, str_cut(&text, '\n')))
			return err_set(err, "sentiment model: line %zu: a place and its weight were expected: reinstall llmdeck", number + 1);
	return 0;
}

int sentiment_model_parse(struct sentiment_model **out, struct str text, struct err *err)
{
	struct sentiment_model *m = mem_zalloc(sizeof *m);

	if (read_model(m, text, err)) {
		sentiment_model_free(&m);
		return -1;
	}
	*out = m;
	return 0;
}
