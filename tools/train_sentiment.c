/* Trains the sentiment model: train_sentiment DATA OUT [--folds N]
 *
 * DATA has sentiment/NAME.jsonl ({"id","text","label"}) and lexicons/ (vader_lexicon.txt, afinn-165.tsv,
 * emoji-emotion.tsv). First N-fold cross-validation over all sets together, folds by document, so that
 * no sentence of a test document was trained on: three-class accuracy and macro-F1 for each set, and for
 * sets with two labels accuracy by the score's sign. Then one model from everything, written to OUT.
 * The bounds that a mood must reach (sentiment_decide()) are chosen on a fold that is neither trained on nor
 * tested: for the figures on the fold behind the test fold, for the model on every fold in turn.
 * Softmax regression by AdaGrad; sparse features are dropped at random in training, so that the lexicon's
 * features carry what the words alone cannot. Same input, same output. */
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
#define EPOCHS 12
#define SETS_MAX 16
#define NONE_LEAST 0.45 /* remarks of few words without a valent one are mostly plain statements; our sets have hardly any */
#define SEEN_MIN 4 /* a word or pair seen in fewer remarks says nothing of the next one */

struct example {
	struct sentiment_features features;
	int label; /* 0 negative, 1 positive, 2 neutral */
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
struct weights {
	float dense[2][SENTIMENT_DENSE + 1], dense_square[2][SENTIMENT_DENSE + 1];
	float sparse[PLACES][2], sparse_square[PLACES][2];
	uint32_t seen[PLACES]; /* in how many of the remarks trained on */
};

/* Chosen by the folds' figures: neutral remarks are few and count more, small sets count more. */
static const double rate_dense = 0.05, rate_sparse = 0.04, decay = 2e-5, drop = 0.4, neutral_weight = 2.5, set_power = 0.5;

static uint64_t random_state = 88172645463325252u;

static double random_share(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) / 9007199254740992.0;
}

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

static struct buf make_lexicon(const char *data)
{
	struct merge m = {0};
	struct buf out = {0};

	merge_file(&m, slurp(data, "lexicons/vader_lexicon.txt"), 1, 1);
	merge_file(&m, slurp(data, "lexicons/afinn-165.tsv"), 1, 0.8);
	merge_file(&m, slurp(data, "lexicons/emoji-emotion.tsv"), 2, 0.8);
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
	}
	t->examples = mem_grow(t->examples, &t->cap, t->count + 1, sizeof *t->examples);
	e = &t->examples[t->count++];
	sentiment_extract(m, text, &e->features);
	e->label = label_of(label);
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

static void step(float *weight, float *square, double gradient, double rate)
{
	*square += (float)(gradient * gradient);
	*weight -= (float)(rate * gradient / (sqrt(*square) + 1e-6));
}

static void odds_of(const struct weights *w, const struct sentiment_features *f, const bool *dropped, double p[3])
{
	double z[2], total;

	for (int side = 0; side < 2; side++) {
		z[side] = (double)w->dense[side][SENTIMENT_DENSE];
		for (int i = 0; i < SENTIMENT_DENSE; i++)
			z[side] += (double)(w->dense[side][i] * f->dense[i]);
		for (uint32_t i = 0; i < f->sparse_count; i++)
			if (!dropped || !dropped[i])
				z[side] += (double)w->sparse[f->sparse[i]][side];
		z[side] = exp(fmin(30, z[side]));
	}
	total = 1 + z[0] + z[1];
	p[0] = z[0] / total;
	p[1] = z[1] / total;
	p[2] = 1 / total;
}

static void learn(struct weights *w, const struct example *e, double weight)
{
	bool dropped[SENTIMENT_SPARSE_MAX];
	const struct sentiment_features *f = &e->features;
	double p[3];

	for (uint32_t i = 0; i < f->sparse_count; i++)
		dropped[i] = random_share() < drop || w->seen[f->sparse[i]] < SEEN_MIN;
	odds_of(w, f, dropped, p);
	if (e->label == 2)
		weight *= neutral_weight;
	for (int side = 0; side < 2; side++) {
		double error = weight * (p[side] - (e->label == side));
		for (int i = 0; i < SENTIMENT_DENSE; i++)
			if (f->dense[i] != 0)
				step(&w->dense[side][i], &w->dense_square[side][i], error * (double)f->dense[i] + decay * (double)w->dense[side][i], rate_dense);
		step(&w->dense[side][SENTIMENT_DENSE], &w->dense_square[side][SENTIMENT_DENSE], error, rate_dense);
		for (uint32_t i = 0; i < f->sparse_count; i++)
			if (!dropped[i])
				step(&w->sparse[f->sparse[i]][side], &w->sparse_square[f->sparse[i]][side],
				     error + 20 * decay * (double)w->sparse[f->sparse[i]][side], rate_sparse);
	}
}

/* What is left out of training: two folds and a set; -1: none. */
struct left_out {
	int fold, other_fold, set;
};

static void train(const struct training *t, struct weights *w, struct left_out out)
{
	size_t *order = mem_array(NULL, t->count + 1, sizeof *order), count = 0;

	double set_size[SETS_MAX] = {0}, set_weight[SETS_MAX];

	for (size_t i = 0; i < t->count; i++)
		set_size[t->examples[i].set]++;
	for (int i = 0; i < t->set_count; i++)
		set_weight[i] = pow(3000 / set_size[i], set_power);
	memset(w, 0, sizeof *w);
	random_state = 88172645463325252u;
	for (size_t i = 0; i < t->count; i++)
		if ((int)t->examples[i].fold != out.fold && (int)t->examples[i].fold != out.other_fold && t->examples[i].set != out.set)
			order[count++] = i;
	for (size_t i = 0; i < count; i++) {
		const struct sentiment_features *f = &t->examples[order[i]].features;
		for (uint32_t k = 0; k < f->sparse_count; k++)
			w->seen[f->sparse[k]]++;
	}
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		for (size_t i = count; i > 1; i--) {
			size_t j = (size_t)(random_share() * (double)i), swap = order[i - 1];
			order[i - 1] = order[j];
			order[j] = swap;
		}
		for (size_t i = 0; i < count; i++)
			learn(w, &t->examples[order[i]], set_weight[t->examples[order[i]].set]);
	}
	free(order);
}

struct score {
	size_t confusion[3][3]; /* [true][said] */
	size_t polar_right, polar;
};

static void judge(const struct weights *w, const struct example *e, const double bounds[2], struct score *s)
{
	static const int labels[] = {[MOOD_NEGATIVE] = 0, [MOOD_POSITIVE] = 1, [MOOD_NEUTRAL] = 2};
	double p[3];

	odds_of(w, &e->features, NULL, p);
	s->confusion[e->label][labels[sentiment_decide(&e->features, bounds, (double[]){p[1], p[2], p[0]})]]++;
	if (e->label != 2) {
		s->polar++;
		s->polar_right += (p[1] > p[0]) == (e->label == 1);
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

/* One example outside of training, with what the model of that round said. */
struct held {
	const struct example *e;
	double p[3]; /* positive, neutral, negative */
};
struct holdout {
	struct held *list;
	size_t count, cap;
};

static void hold(const struct training *t, const struct weights *w, int fold, int without_set, struct holdout *h)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct example *e = &t->examples[i];
		double p[3];

		if ((int)e->fold != fold || e->set == without_set)
			continue;
		odds_of(w, &e->features, NULL, p);
		h->list = mem_grow(h->list, &h->cap, h->count + 1, sizeof *h->list);
		h->list[h->count++] = (struct held){e, {p[1], p[2], p[0]}};
	}
}

/* Sum of macro-F1 and accuracy over the sets with three classes; sets with two count by accuracy alone. */
static double worth(const struct training *t, const struct holdout *h, const double bounds[2])
{
	static const int labels[] = {[MOOD_NEGATIVE] = 0, [MOOD_POSITIVE] = 1, [MOOD_NEUTRAL] = 2};
	struct score scores[SETS_MAX] = {0};
	double sum = 0;

	for (size_t i = 0; i < h->count; i++)
		scores[h->list[i].e->set].confusion[h->list[i].e->label][labels[sentiment_decide(&h->list[i].e->features, bounds, h->list[i].p)]]++;
	for (int set = 0; set < t->set_count; set++) {
		double accuracy, count, f1 = macro_f1(&scores[set], 3, &accuracy, &count);

		sum += t->has_neutral[set] ? f1 + accuracy : accuracy;
	}
	return sum;
}

static void choose_bounds(const struct training *t, struct holdout *h, double bounds[2])
{
	double best = -1;

	for (double some = 0.34; some < 0.62; some += 0.02)
		for (double none = NONE_LEAST; none < 0.82; none += 0.03) {
			double value = worth(t, h, (double[]){some, none});

			if (value > best) {
				best = value;
				bounds[0] = some;
				bounds[1] = none;
			}
		}
	h->count = 0;
}

static void print_scores(const struct training *t, const struct score *scores, const char *how)
{
	for (int set = 0; set < t->set_count; set++) {
		const struct score *s = &scores[set];
		double accuracy, count, f1 = macro_f1(s, t->has_neutral[set] ? 3 : 2, &accuracy, &count);

		printf("%s %-22s n %5.0f  accuracy %.3f  macro-F1 %.3f  polar %.3f\n", how, t->sets[set], count, accuracy, f1, s->polar ? (double)s->polar_right / (double)s->polar : NAN);
	}
}

/* Each fold judged by a model that saw nothing of it, with bounds chosen on yet another fold. */
static void validate(const struct training *t, struct weights *w, unsigned folds)
{
	struct score scores[SETS_MAX] = {0}, apart[SETS_MAX] = {0};
	struct holdout h = {0};
	double bounds[2];

	for (unsigned fold = 0; fold < folds; fold++) {
		int other = (int)((fold + 1) % folds);

		train(t, w, (struct left_out){(int)fold, other, -1});
		hold(t, w, other, -1, &h);
		choose_bounds(t, &h, bounds);
		train(t, w, (struct left_out){(int)fold, -1, -1});
		for (size_t i = 0; i < t->count; i++)
			if (t->examples[i].fold == fold)
				judge(w, &t->examples[i], bounds, &scores[t->examples[i].set]);
	}
	print_scores(t, scores, "folds");
	/* each set judged by a model that saw none of its kind */
	for (int set = 0; set < t->set_count; set++) {
		train(t, w, (struct left_out){0, -1, set});
		hold(t, w, 0, set, &h);
		choose_bounds(t, &h, bounds);
		train(t, w, (struct left_out){-1, -1, set});
		for (size_t i = 0; i < t->count; i++)
			if (t->examples[i].set == set)
				judge(w, &t->examples[i], bounds, &apart[set]);
	}
	print_scores(t, apart, "apart");
	free(h.list);
}

/* For the shipped model: every fold is held out once. */
static void choose_final(const struct training *t, struct weights *w, unsigned folds, double bounds[2])
{
	struct holdout h = {0};

	for (unsigned fold = 0; fold < folds; fold++) {
		train(t, w, (struct left_out){(int)fold, -1, -1});
		hold(t, w, (int)fold, -1, &h);
	}
	choose_bounds(t, &h, bounds);
	printf("bounds %.2f of telling texts, %.2f of others\n", bounds[0], bounds[1]);
	free(h.list);
}

int main(int argc, char **argv)
{
	unsigned folds = argc > 4 && !strcmp(argv[3], "--folds") ? (unsigned)atoi(argv[4]) : 10;
	struct sentiment_model *model;
	struct training t = {0};
	struct weights *w = mem_zalloc(sizeof *w);
	struct buf lexicon, out = {0};
	struct err err = {""};
	double bounds[2];

	if (argc < 3 || folds < 2) {
		fprintf(stderr, "usage: train_sentiment DATA OUT [--folds N]\n");
		return 2;
	}
	lexicon = make_lexicon(argv[1]);
	if (sentiment_model_new(&model, buf_str(&lexicon), &err))
		die(&err);
	read_sets(&t, model, argv[1], folds);
	validate(&t, w, folds);
	choose_final(&t, w, folds, bounds);
	train(&t, w, (struct left_out){-1, -1, -1});
	sentiment_model_set_weights(model, &w->dense[0][0], &w->sparse[0][0], bounds);
	sentiment_model_write(model, &out);
	if (file_write_atomic(argv[2], out.data, out.len, 0644, &err))
		die(&err);
	return 0;
}
