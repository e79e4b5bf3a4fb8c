/* Trains the sentiment model: train_sentiment DATA WORDS OUT [--folds N]
 *
 * DATA has sentiment/NAME.jsonl ({"id","text","label"} and, where people graded, "rating" from -4 to 4) and
 * lexicons/ (vader_lexicon.txt, afinn-165.tsv, emoji-emotion.tsv, emoji_utf8_lexicon.txt). WORDS are valences of
 * words that these lack (tools/words.tsv), by the judgement of this project.
 *
 * Rules of evaluation. "folds": N-fold cross-validation over all sets together, folds by document, so that no
 * sentence of a test document was trained on. "apart": each set judged by a model that saw none of that set,
 * which is what texts of a new kind get. For each set: accuracy and macro-F1 of three classes (of two where no
 * remark is neutral; a verdict of neutral is an error there), and "polar": whether the score's sign is right on
 * remarks that are not neutral. No weight sees its test fold or set. Verdicts are those of the model as it is
 * written, weights rounded. The constants here and in judge/sentiment.c were chosen once for all sets with these
 * figures at hand.
 *
 * Then one model from everything, written to OUT. Ridge regression of people's grades by coordinate descent, every
 * set of the same weight; words and pairs are regularised much more than what the lexicon says. Same input, same
 * output. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "judge/sentiment.h"
#include "parse/json.h"

#define PLACES (1u << SENTIMENT_HASH_BITS)
#define SETS_MAX 16
#define PASSES 30
#define SEEN_MIN 4 /* a word or pair seen in fewer remarks says nothing of the next one */

struct example {
	struct sentiment_features features;
	int label; /* 0 negative, 1 positive, 2 neutral */
	double rating; /* -4 to 4; where nobody graded by the label */
	int set;
	unsigned fold;
};
struct training {
	struct example *examples;
	size_t count, cap;
	char *sets[SETS_MAX];
	int set_count;
	bool has_neutral[SETS_MAX];
	struct arena arena;
};
static const double ridge_dense = 2, ridge_sparse = 30;

static void die(const struct err *err)
{
	fprintf(stderr, "train_sentiment: %s\n", err->text);
	exit(1);
}

static struct buf slurp(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s", folder, name);
	struct buf out = {0};
	struct err err = {""};

	if (file_read(path, (size_t)64 << 20, &out, &err))
		die(&err);
	free(path);
	return out;
}

/* Valences of the same word are averaged; scales are made VADER's (-4 to 4). */
struct valence {
	double sum;
	int count;
};
struct merge {
	struct strmap index;
	struct valence *list;
	struct str *words;
	size_t count, cap, word_cap;
	struct arena arena;
};

static void merge_word(struct merge *m, struct str word, double valence)
{
	uint32_t at;

	if (word.len == 0 || word.len > 40 || memchr(word.ptr, ' ', word.len))
		return;
	if (!strmap_get(&m->index, word, &at)) {
		m->list = mem_grow(m->list, &m->cap, m->count + 1, sizeof *m->list);
		m->words = mem_grow(m->words, &m->word_cap, m->count + 1, sizeof *m->words);
		at = (uint32_t)m->count++;
		m->words[at] = (struct str){arena_copy(&m->arena, word.ptr, word.len), word.len};
		m->list[at] = (struct valence){0, 0};
		strmap_put(&m->index, word, at);
	}
	m->list[at].sum += valence;
	m->list[at].count++;
}

static void merge_file(struct merge *m, struct buf file, int column, double scale)
{
	struct str rest = buf_str(&file);

	while (rest.len) {
		struct str line = str_cut(&rest, '\n'), word = str_cut(&line, '\t');
		double valence;
		for (int i = 1; i < column; i++)
			(void)str_cut(&line, '\t');
		if (str_to_double(str_trim(str_cut(&line, '\t')), &valence))
			merge_word(m, word, valence * scale);
	}
}

/* The mean valence of a description's words that have one ("smiling face with hearts"); false: none has. */
static bool described_valence(const struct merge *m, struct str description, double *valence)
{
	double sum = 0;
	int count = 0;

	while (description.len) {
		struct str word = str_cut(&description, ' ');
		uint32_t at;

		if (!strmap_get(&m->index, word, &at))
			continue;
		sum += m->list[at].sum / m->list[at].count;
		count++;
	}
	*valence = count ? sum / count : 0;
	return count > 0;
}

/* Emoji that no list grades, by the words that describe them. */
static void merge_emoji(struct merge *m, struct buf file)
{
	struct str rest = buf_str(&file);

	while (rest.len) {
		struct str line = str_cut(&rest, '\n'), emoji = str_cut(&line, '\t');
		uint32_t at;
		double valence;

		if (!strmap_get(&m->index, emoji, &at) && described_valence(m, str_trim(line), &valence))
			merge_word(m, emoji, valence);
	}
}

/* Words of our own that the public lists lack. */
static void merge_own(struct merge *m, const char *path)
{
	struct buf file = {0};
	struct err err = {""};

	if (file_read(path, 1 << 20, &file, &err))
		die(&err);
	merge_file(m, file, 1, 1);
}

static struct buf make_lexicon(const char *data, const char *words)
{
	struct merge m = {0};
	struct buf out = {0};

	merge_file(&m, slurp(data, "lexicons/vader_lexicon.txt"), 1, 1);
	merge_file(&m, slurp(data, "lexicons/afinn-165.tsv"), 1, 0.8);
	merge_file(&m, slurp(data, "lexicons/emoji-emotion.tsv"), 2, 0.8);
	merge_emoji(&m, slurp(data, "lexicons/emoji_utf8_lexicon.txt"));
	merge_own(&m, words);
	for (size_t i = 0; i < m.count; i++)
		buf_printf(&out, "%.*s\t%.1f\n", STR_ARG(m.words[i]), m.list[i].sum / m.list[i].count);
	return out;
}

static int label_of(struct str word)
{
	return str_equal_c(word, "negative") ? 0 : str_equal_c(word, "positive") ? 1 : 2;
}

/* "hutto_amazon-1_17" is of document "hutto_amazon-1". */
static unsigned fold_of(struct str id, unsigned folds)
{
	const char *cut = id.len ? memrchr(id.ptr, '_', id.len) : NULL, *dash = id.len ? memrchr(id.ptr, '-', id.len) : NULL;

	if (cut && dash && cut > dash)
		id.len = (size_t)(cut - id.ptr);
	return (unsigned)(hash_bytes(id.ptr, id.len) % folds);
}

static void add_example(struct training *t, const struct sentiment_model *m, struct str line, int set, unsigned folds)
{
	struct json_reader r;
	struct str id = {0}, text = {0}, label = {0};
	double rating = NAN;
	struct example *e;

	json_init(&r, line);
	if (json_next(&r) != JSON_OBJECT)
		return;
	while (json_next(&r) == JSON_KEY) {
		struct str key = r.text;
		enum json_token token = json_next(&r);
		struct str *slot = str_equal_c(key, "id") ? &id : str_equal_c(key, "text") ? &text : str_equal_c(key, "label") ? &label : NULL;
		if (slot && token == JSON_STRING)
			*slot = json_text(&r, &t->arena);
		if (str_equal_c(key, "rating") && token == JSON_NUMBER)
			(void)str_to_double(r.text, &rating);
	}
	t->examples = mem_grow(t->examples, &t->cap, t->count + 1, sizeof *t->examples);
	e = &t->examples[t->count++];
	sentiment_extract(m, text, &e->features);
	e->label = label_of(label);
	e->rating = isnan(rating) ? (double[]){-2, 2, 0}[e->label] : rating;
	e->set = set;
	e->fold = fold_of(id, folds);
	t->has_neutral[set] |= e->label == 2;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_sets(struct training *t, const struct sentiment_model *m, const char *data, unsigned folds)
{
	char *folder = mem_printf("%s/sentiment", data);
	struct dirent **names;
	int count = scandir(folder, &names, NULL, by_name);

	for (int i = 0; i < count && t->set_count < SETS_MAX; i++) {
		struct buf file;
		struct str rest;
		if (!str_ends_with(str_of(names[i]->d_name), STR_LIT(".jsonl")))
			continue;
		t->sets[t->set_count] = mem_strdup(names[i]->d_name);
		file = slurp(folder, names[i]->d_name);
		for (rest = buf_str(&file); rest.len;)
			add_example(t, m, str_cut(&rest, '\n'), t->set_count, folds);
		t->set_count++;
	}
	free(folder);
}

/* What is left out of training: a fold or a set; -1: none. */
struct left_out {
	int fold, set;
};

/* One weight of the ridge regression: `features` of one place, or a dense one. */
struct column {
	uint32_t *rows; /* of the order */
	size_t count;
};

/* Moves a weight to where the loss is least while the others stay; residuals follow. */
static void descend(float *weight, double *residual, const double *importance, const struct column *c, const float *values, double ridge)
{
	double pull = 0, square = ridge, old = (double)*weight;

	for (size_t i = 0; i < c->count; i++) {
		double x = values ? (double)values[i] : 1;

		pull += importance[c->rows[i]] * x * (residual[c->rows[i]] + old * x);
		square += importance[c->rows[i]] * x * x;
	}
	*weight = (float)(pull / square);
	for (size_t i = 0; i < c->count; i++)
		residual[c->rows[i]] -= ((double)*weight - old) * (values ? (double)values[i] : 1);
}

/* Which rows have a sparse feature, place by place: rows of place p are list[start[p]] to list[start[p + 1]]. */
static uint32_t *rows_by_place(const struct training *t, const size_t *order, size_t count, size_t *start)
{
	size_t *next = mem_array(NULL, PLACES + 1, sizeof *next);
	uint32_t *list;

	memset(start, 0, (PLACES + 1) * sizeof *start);
	for (size_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < t->examples[order[i]].features.sparse_count; k++)
			start[t->examples[order[i]].features.sparse[k] + 1]++;
	for (size_t p = 0; p < PLACES; p++)
		start[p + 1] += start[p];
	memcpy(next, start, (PLACES + 1) * sizeof *next);
	list = mem_array(NULL, start[PLACES] + 1, sizeof *list);
	for (size_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < t->examples[order[i]].features.sparse_count; k++)
			list[next[t->examples[order[i]].features.sparse[k]]++] = (uint32_t)i;
	free(next);
	return list;
}

static void fit(const struct training *t, struct sentiment_weights *w, const size_t *order, size_t count)
{
	double *residual = mem_array(NULL, count + 1, sizeof *residual), *importance = mem_array(NULL, count + 1, sizeof *importance);
	float *values = mem_array(NULL, count + 1, sizeof *values);
	size_t *start = mem_array(NULL, PLACES + 1, sizeof *start);
	uint32_t *by_place = rows_by_place(t, order, count, start);
	struct column all = {mem_array(NULL, count + 1, sizeof *all.rows), count};
	double set_size[SETS_MAX] = {0};

	for (size_t i = 0; i < count; i++)
		set_size[t->examples[order[i]].set]++;
	for (size_t i = 0; i < count; i++) {
		all.rows[i] = (uint32_t)i;
		residual[i] = t->examples[order[i]].rating;
		importance[i] = 3000 / set_size[t->examples[order[i]].set];
	}
	for (int pass = 0; pass < PASSES; pass++) {
		for (int d = 0; d <= SENTIMENT_DENSE; d++) {
			for (size_t i = 0; i < count; i++)
				values[i] = d < SENTIMENT_DENSE ? t->examples[order[i]].features.dense[d] : 1;
			descend(&w->dense[d], residual, importance, &all, values, d < SENTIMENT_DENSE ? ridge_dense : 0);
		}
		for (size_t p = 0; p < PLACES; p++)
			if (start[p + 1] - start[p] >= SEEN_MIN)
				descend(&w->sparse[p], residual, importance,
				        &(struct column){by_place + start[p], start[p + 1] - start[p]}, NULL, ridge_sparse);
	}
	free(all.rows);
	free(by_place);
	free(start);
	free(values);
	free(importance);
	free(residual);
}

static void train(const struct training *t, struct sentiment_weights *w, struct left_out out)
{
	size_t *order = mem_array(NULL, t->count + 1, sizeof *order), count = 0;

	memset(w, 0, sizeof *w);
	for (size_t i = 0; i < t->count; i++)
		if ((int)t->examples[i].fold != out.fold && t->examples[i].set != out.set)
			order[count++] = i;
	fit(t, w, order, count);
	free(order);
}

struct score {
	size_t confusion[3][3]; /* [true][said] */
	size_t polar_right, polar;
};

/* Which class a verdict names. */
static const int class_of[] = {[MOOD_NEGATIVE] = 0, [MOOD_POSITIVE] = 1, [MOOD_NEUTRAL] = 2};

static void judge(const struct sentiment_model *m, const struct example *e, struct score *s)
{
	struct sentiment said;

	sentiment_weigh(m, &e->features, &said);
	s->confusion[e->label][class_of[said.label]]++;
	if (e->label != 2) {
		s->polar++;
		s->polar_right += (said.score > 0) == (e->label == 1);
	}
}

/* Macro-F1 over `classes`, accuracy in *accuracy. */
static double macro_f1(const struct score *s, int classes, double *accuracy, double *count)
{
	double right = 0, all = 0, f1 = 0;

	for (int c = 0; c < 3; c++) {
		double said = 0, is = 0, hit = (double)s->confusion[c][c];
		for (int o = 0; o < 3; o++) {
			said += (double)s->confusion[o][c];
			is += (double)s->confusion[c][o];
		}
		right += hit;
		all += is;
		f1 += c < classes && said + is > 0 ? 2 * hit / (said + is) : 0;
	}
	*accuracy = all > 0 ? right / all : 0;
	*count = all;
	return f1 / classes;
}

static void print_scores(const struct training *t, const struct score *scores, const char *how)
{
	for (int set = 0; set < t->set_count; set++) {
		const struct score *s = &scores[set];
		double accuracy, count, f1 = macro_f1(s, t->has_neutral[set] ? 3 : 2, &accuracy, &count);

		printf("%s %-22s n %5.0f  accuracy %.3f  macro-F1 %.3f  polar %.3f\n", how, t->sets[set], count, accuracy, f1, s->polar ? (double)s->polar_right / (double)s->polar : NAN);
	}
}

static void validate(const struct training *t, struct sentiment_model *m, struct sentiment_weights *w, unsigned folds)
{
	struct score scores[SETS_MAX] = {0}, apart[SETS_MAX] = {0};

	for (unsigned fold = 0; fold < folds; fold++) {
		train(t, w, (struct left_out){(int)fold, -1});
		sentiment_model_set_weights(m, w);
		for (size_t i = 0; i < t->count; i++)
			if (t->examples[i].fold == fold)
				judge(m, &t->examples[i], &scores[t->examples[i].set]);
	}
	print_scores(t, scores, "folds");
	for (int set = 0; set < t->set_count; set++) {
		train(t, w, (struct left_out){-1, set});
		sentiment_model_set_weights(m, w);
		for (size_t i = 0; i < t->count; i++)
			if (t->examples[i].set == set)
				judge(m, &t->examples[i], &apart[set]);
	}
	print_scores(t, apart, "apart");
}

int main(int argc, char **argv)
{
	unsigned folds = argc > 5 && !strcmp(argv[4], "--folds") ? (unsigned)atoi(argv[5]) : 10;
	struct sentiment_model *model;
	struct training t = {0};
	struct sentiment_weights *w = mem_zalloc(sizeof *w);
	struct buf lexicon, out = {0};
	struct err err = {""};

	if (argc < 4 || folds < 2) {
		fprintf(stderr, "usage: train_sentiment DATA WORDS OUT [--folds N]\n");
		return 2;
	}
	lexicon = make_lexicon(argv[1], argv[2]);
	if (sentiment_model_new(&model, buf_str(&lexicon), &err))
		die(&err);
	read_sets(&t, model, argv[1], folds);
	validate(&t, model, w, folds);
	train(&t, w, (struct left_out){-1, -1});
	sentiment_model_set_weights(model, w);
	sentiment_model_write(model, &out);
	if (file_write_atomic(argv[3], out.data, out.len, 0644, &err))
		die(&err);
	return 0;
}
