/* A remark is remembered as up to eight terms: the stems of its meaningful words and the pairs of
 * neighbours among them. Grouping is a greedy cover: the term that explains most remarks that nobody
 * explains yet (pairs and rarer terms weigh more, what everybody says weighs little) becomes a group,
 * until nothing explains enough. Remarks left over join the group in which most of a term of theirs
 * already is. All of it is counting over arrays: no distance between two remarks is ever taken. */
#include "judge/clusters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "judge/phrases.h"
#include "judge/words.h"

#define TERMS_A_REMARK 8
#define TERMS_MAX 65536
#define SLOTS (2 * TERMS_MAX)
#define TEXT_MAX_BYTES 2048
#define PHRASES_MAX 8
#define NO_TERM 0 /* terms count from 1 */
#define PAIR_WEIGHT 1.6
#define COMPLAINT_WEIGHT 4 /* remarks: what people complain of is what a group is looked for */
#define JOIN_SHARE 0.6 /* of a term's remarks must be in a group for others to follow it there */

struct term {
	uint64_t hash;
	const char *name; /* as first seen, in lower case; in the arena */
	bool pair;
};
struct clusters {
	struct term *terms; /* [0] is nobody's */
	uint32_t term_count;
	uint32_t *slots; /* open addressing over terms; NO_TERM is free */
	uint32_t (*remarks)[TERMS_A_REMARK];
	size_t remark_count, remark_cap;
	struct arena arena;
};

struct clusters *clusters_new(void)
{
	struct clusters *c = mem_zalloc(sizeof *c);

	c->terms = mem_array(NULL, TERMS_MAX + 1, sizeof *c->terms);
	c->slots = mem_zalloc(SLOTS * sizeof *c->slots);
	return c;
}

void clusters_free(struct clusters **cp)
{
	struct clusters *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	free(c->terms);
	free(c->slots);
	free(c->remarks);
	arena_fini(&c->arena);
	free(c);
}

/* The term's number; NO_TERM when the table is full and it is a new one. */
static uint32_t term_of(struct clusters *c, struct str stem, struct str name, bool pair)
{
	uint64_t hash = hash_bytes(stem.ptr, stem.len);
	size_t at = hash % SLOTS;

	while (c->slots[at] != NO_TERM) {
		if (c->terms[c->slots[at]].hash == hash)
			return c->slots[at];
		at = (at + 1) % SLOTS;
	}
	if (c->term_count == TERMS_MAX)
		return NO_TERM;
	c->slots[at] = ++c->term_count;
	c->terms[c->term_count] = (struct term){hash, arena_copy(&c->arena, name.ptr, name.len), pair};
	return c->term_count;
}

/* "refunds" and "refund", "policies" and "policy", "loading" and "load" are one; good enough English
 * to group by, never shown. */
static struct str stem_of(const struct word *w, char out[WORD_MAX_BYTES])
{
	size_t len = w->len;

	memcpy(out, w->lower, len);
	if (len > 2 && memcmp(out + len - 2, "'s", 2) == 0)
		len -= 2;
	if (len > 4 && memcmp(out + len - 3, "ies", 3) == 0) {
		out[len - 3] = 'y';
		len -= 2;
	} else if (len > 3 && out[len - 1] == 's' && !strchr("sui", out[len - 2])) {
		len--;
	}
	if (len > 6 && memcmp(out + len - 3, "ing", 3) == 0)
		len -= 3;
	else if (len > 5 && memcmp(out + len - 2, "ed", 2) == 0)
		len -= 2;
	return (struct str){out, len};
}

static void add_term(uint32_t terms[TERMS_A_REMARK], size_t *count, uint32_t term)
{
	for (size_t i = 0; i < *count; i++) {
		if (terms[i] == term)
			return;
	}
	if (term != NO_TERM && *count < TERMS_A_REMARK)
		terms[(*count)++] = term;
}

/* The stems of a phrase's words, and of its neighbours in alphabetical order: "dead link" and "link is
 * dead" are about the same. */
static void add_phrase(struct clusters *c, struct str phrase, uint32_t terms[TERMS_A_REMARK], size_t *count)
{
	struct word words[3];
	char stems[3][WORD_MAX_BYTES], pair[2 * WORD_MAX_BYTES + 2], name[2 * WORD_MAX_BYTES + 2];
	struct str stem[3];
	size_t found = words_split(phrase, words, 3);

	for (size_t i = 0; i < found; i++) {
		if (words[i].kind != WORD_LETTERS)
			return;
		stem[i] = stem_of(&words[i], stems[i]);
		add_term(terms, count, term_of(c, stem[i], (struct str){words[i].lower, words[i].len}, false));
	}
	for (size_t i = 0; i + 1 < found; i++) {
		bool turned = strncmp(stems[i], stems[i + 1], stem[i].len) > 0;
		const struct str *a = &stem[turned ? i + 1 : i], *b = &stem[turned ? i : i + 1];
		size_t len = 0, name_len = 0;

		memcpy(pair, a->ptr, a->len);
		len = a->len;
		pair[len++] = ' ';
		memcpy(pair + len, b->ptr, b->len);
		len += b->len;
		memcpy(name, words[i].lower, words[i].len);
		name_len = words[i].len;
		name[name_len++] = ' ';
		memcpy(name + name_len, words[i + 1].lower, words[i + 1].len);
		name_len += words[i + 1].len;
		add_term(terms, count, term_of(c, (struct str){pair, len}, (struct str){name, name_len}, true));
	}
}

uint32_t clusters_add(struct clusters *c, struct str text)
{
	struct phrase phrases[PHRASES_MAX];
	uint32_t *terms;
	size_t count = 0, found;

	if (c->remark_count == CLUSTERS_REMARKS_MAX)
		return UINT32_MAX;
	c->remarks = mem_grow(c->remarks, &c->remark_cap, c->remark_count + 1, sizeof *c->remarks);
	terms = c->remarks[c->remark_count];
	memset(terms, 0, sizeof *c->remarks);
	text.len = text.len < TEXT_MAX_BYTES ? text.len : TEXT_MAX_BYTES;
	found = phrases_find(text, phrases, PHRASES_MAX);
	for (size_t i = 0; i < found; i++)
		add_phrase(c, phrases[i].text, terms, &count);
	return (uint32_t)c->remark_count++;
}

/* ── grouping ──────────────────────────────────────────────────────────────────────────────── */

struct grouping {
	const struct clusters *c;
	const struct clusters_remark *remarks;
	size_t count;
	uint32_t *first;   /* by term: where its remarks begin in `having`; the next term's first ends them */
	uint32_t *having;  /* indices of remarks */
	uint32_t *left;    /* by term: its remarks that no group has yet … */
	uint32_t *weight;  /* … and what they weigh: complaints more */
	uint8_t *of;
	uint32_t seeds[CLUSTERS_MAX];
	size_t groups;
};

static const uint32_t *terms_of(const struct grouping *g, size_t i)
{
	static const uint32_t none[TERMS_A_REMARK];
	uint32_t number = g->remarks[i].number;

	return number < g->c->remark_count ? g->c->remarks[number] : none;
}

static uint32_t weight_of(const struct grouping *g, size_t i)
{
	return g->remarks[i].negative ? COMPLAINT_WEIGHT : 1;
}

/* A counting sort of (term, remark). */
static void index_terms(struct grouping *g)
{
	size_t terms = (size_t)g->c->term_count + 2;
	uint32_t sum = 0;

	g->first = mem_zalloc((terms + 1) * sizeof *g->first);
	g->left = mem_zalloc(terms * sizeof *g->left);
	g->weight = mem_zalloc(terms * sizeof *g->weight);
	for (size_t i = 0; i < g->count; i++) {
		const uint32_t *t = terms_of(g, i);

		for (size_t k = 0; k < TERMS_A_REMARK && t[k] != NO_TERM; k++) {
			g->left[t[k]]++;
			g->weight[t[k]] += weight_of(g, i);
		}
	}
	for (size_t t = 0; t < terms; t++) {
		g->first[t] = sum;
		sum += g->left[t];
	}
	g->first[terms] = sum;
	g->having = mem_array(NULL, (size_t)sum + 1, sizeof *g->having);
	for (size_t i = 0; i < g->count; i++) {
		const uint32_t *t = terms_of(g, i);

		for (size_t k = 0; k < TERMS_A_REMARK && t[k] != NO_TERM; k++)
			g->having[g->first[t[k]]++] = (uint32_t)i;
	}
	memmove(g->first + 1, g->first, terms * sizeof *g->first); /* each has moved on to the next one's */
	g->first[0] = 0;
}

/* Explains many, and says something: a term that half of all remarks have says little. */
static double worth(const struct grouping *g, uint32_t term)
{
	double rarity = log(((double)g->count + 1) / (double)(g->first[term + 1] - g->first[term] + 1)) + 0.2;

	return (double)g->weight[term] * rarity * rarity * (g->c->terms[term].pair ? PAIR_WEIGHT : 1);
}

static uint32_t best_term(const struct grouping *g, uint32_t least)
{
	uint32_t best = NO_TERM;
	double most = 0;

	for (uint32_t t = 1; t <= g->c->term_count; t++) {
		double w;

		if (g->left[t] < least)
			continue;
		w = worth(g, t);
		if (w > most) {
			most = w;
			best = t;
		}
	}
	return best;
}

static void take_remark(struct grouping *g, size_t i, uint8_t group)
{
	const uint32_t *t = terms_of(g, i);

	g->of[i] = group;
	for (size_t k = 0; k < TERMS_A_REMARK && t[k] != NO_TERM; k++) {
		g->left[t[k]]--;
		g->weight[t[k]] -= weight_of(g, i);
	}
}

static void cover(struct grouping *g)
{
	uint32_t least = (uint32_t)(g->count / 2000) + 2;

	while (g->groups < CLUSTERS_MAX) {
		uint32_t term = best_term(g, least);

		if (term == NO_TERM)
			break;
		for (uint32_t k = g->first[term]; k < g->first[term + 1]; k++) {
			if (g->of[g->having[k]] == CLUSTER_NONE)
				take_remark(g, g->having[k], (uint8_t)g->groups);
		}
		g->seeds[g->groups++] = term;
	}
}

/* The group that holds most of the term's remarks (a majority vote), or CLUSTER_NONE. */
static uint8_t group_of_term(const struct grouping *g, uint32_t term)
{
	uint8_t candidate = CLUSTER_NONE;
	uint32_t votes = 0, in = 0, all = g->first[term + 1] - g->first[term];

	for (uint32_t k = g->first[term]; k < g->first[term + 1]; k++) {
		uint8_t of = g->of[g->having[k]];

		if (votes == 0)
			candidate = of;
		votes = of == candidate ? votes + 1 : votes - 1;
	}
	for (uint32_t k = g->first[term]; k < g->first[term + 1]; k++)
		in += g->of[g->having[k]] == candidate;
	return all > 2 && (double)in >= JOIN_SHARE * (double)all ? candidate : CLUSTER_NONE;
}

/* What is left over follows its terms; by what the cover said, not by who has followed. */
static void follow(struct grouping *g)
{
	uint8_t *to = mem_alloc((size_t)g->c->term_count + 2);
	uint8_t *joined = mem_alloc(g->count + 1);

	memset(to, CLUSTER_NONE, (size_t)g->c->term_count + 2);
	for (uint32_t t = 1; t <= g->c->term_count; t++) {
		if (g->left[t] > 0 && g->left[t] < g->first[t + 1] - g->first[t])
			to[t] = group_of_term(g, t);
	}
	memcpy(joined, g->of, g->count);
	for (size_t i = 0; i < g->count; i++) {
		const uint32_t *t = terms_of(g, i);

		for (size_t k = 0; k < TERMS_A_REMARK && t[k] != NO_TERM && joined[i] == CLUSTER_NONE; k++)
			joined[i] = to[t[k]];
	}
	memcpy(g->of, joined, g->count);
	free(to);
	free(joined);
}

/* A single word takes the pair that most of its group say as its name. */
static const char *name_of(const struct grouping *g, size_t group, uint32_t *counts)
{
	uint32_t seed = g->seeds[group], best = seed, all = g->first[seed + 1] - g->first[seed];

	if (g->c->terms[seed].pair)
		return g->c->terms[seed].name;
	for (uint32_t k = g->first[seed]; k < g->first[seed + 1]; k++) {
		const uint32_t *t = terms_of(g, g->having[k]);

		for (size_t n = 0; n < TERMS_A_REMARK && t[n] != NO_TERM; n++)
			counts[t[n]]++;
	}
	for (uint32_t k = g->first[seed]; k < g->first[seed + 1]; k++) {
		const uint32_t *t = terms_of(g, g->having[k]);

		for (size_t n = 0; n < TERMS_A_REMARK && t[n] != NO_TERM; n++) {
			if (g->c->terms[t[n]].pair && 2 * counts[t[n]] > all && (best == seed || counts[t[n]] > counts[best]))
				best = t[n];
		}
	}
	for (uint32_t k = g->first[seed]; k < g->first[seed + 1]; k++)
		for (size_t n = 0; n < TERMS_A_REMARK; n++)
			counts[terms_of(g, g->having[k])[n]] = 0;
	return g->c->terms[best].name;
}

static int more_complaints(const void *a, const void *b)
{
	const struct cluster *x = *(const struct cluster *const *)a, *y = *(const struct cluster *const *)b;

	if (x->negative != y->negative)
		return x->negative > y->negative ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Most complaints first; the remarks' indices follow. */
static void order(struct clusters_result *out, size_t remarks)
{
	struct cluster *sorted = mem_array(NULL, CLUSTERS_MAX, sizeof *sorted);
	const struct cluster *by_size[CLUSTERS_MAX];
	uint8_t place[CLUSTER_NONE + 1];

	memset(place, CLUSTER_NONE, sizeof place);
	for (size_t i = 0; i < out->count; i++)
		by_size[i] = &out->clusters[i];
	qsort(by_size, out->count, sizeof(void *), more_complaints);
	for (size_t i = 0; i < out->count; i++) {
		sorted[i] = *by_size[i];
		place[by_size[i] - out->clusters] = (uint8_t)i;
	}
	memcpy(out->clusters, sorted, out->count * sizeof *sorted);
	for (size_t i = 0; i < remarks; i++)
		out->of[i] = place[out->of[i]];
	free(sorted);
}

void clusters_find(const struct clusters *c, const struct clusters_remark *remarks, size_t count, int64_t from_us,
                   int64_t step_us, size_t steps, struct clusters_result *out)
{
	struct grouping g = {.c = c, .remarks = remarks, .count = count};
	uint32_t *counts = mem_zalloc(((size_t)c->term_count + 2) * sizeof *counts);

	memset(out, 0, sizeof *out);
	out->of = g.of = mem_alloc(count + 1);
	memset(g.of, CLUSTER_NONE, count);
	index_terms(&g);
	cover(&g);
	follow(&g);
	out->count = g.groups;
	for (size_t i = 0; i < g.groups; i++)
		snprintf(out->clusters[i].name, CLUSTER_NAME_BYTES, "%s", name_of(&g, i, counts));
	for (size_t i = 0; i < count; i++) {
		int64_t since = remarks[i].time_us - from_us;
		struct cluster *cluster = &out->clusters[g.of[i] == CLUSTER_NONE ? 0 : g.of[i]];

		if (g.of[i] == CLUSTER_NONE)
			continue;
		cluster->count++;
		cluster->negative += remarks[i].negative;
		if (step_us > 0 && since >= 0 && (size_t)(since / step_us) < steps && steps <= CLUSTERS_STEPS_MAX)
			cluster->steps[since / step_us]++;
	}
	order(out, count);
	free(counts);
	free(g.first);
	free(g.having);
	free(g.left);
	free(g.weight);
}
