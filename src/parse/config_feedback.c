/* What feedback is judged and labelled by: label sets, block lists, services. */
#include <regex.h>
#include <string.h>

#include "parse/config_read.h"

#define WORDS_MAX 2000
#define PATTERN_MAX_BYTES 200

/* "one" or [one, two]: a NULL-terminated list in the arena; NULL when the key is missing. */
static int read_words(struct config_reader *r, const struct node *map, const char *key, const char *const **out)
{
	for (const struct node *n = map->child; n; n = n->next) {
		const struct node *first = n->kind == NODE_LIST ? n->child : n;
		size_t count = n->kind == NODE_LIST ? node_count(n) : 1, at = 0;

		if (strcmp(n->key, key) != 0)
			continue;
		if (n->kind == NODE_MAP || count == 0 || count > WORDS_MAX)
			return config_fail(r, n, "%s takes a list of 1 to %d texts", key, WORDS_MAX);
		const char **words = arena_alloc(&r->config->arena, (count + 1) * sizeof *words);

		for (const struct node *w = first; w; w = n->kind == NODE_LIST ? w->next : NULL) {
			if (w->kind != NODE_SCALAR || node_is_null(w) || !w->text[0] || strlen(w->text) > PATTERN_MAX_BYTES)
				return config_fail(r, w, "%s takes texts of 1 to %d bytes", key, PATTERN_MAX_BYTES);
			words[at++] = arena_copy(&r->config->arena, w->text, strlen(w->text));
		}
		words[at] = NULL;
		*out = words;
		return 0;
	}
	return 0;
}

/* A number in [low, high]; a missing key leaves *out alone. */
static int read_number(struct config_reader *r, const struct node *map, const char *key, double low, double high, double *out)
{
	const struct node *n = node_get(map, key);
	double v;

	if (!n)
		return 0;
	if (n->kind != NODE_SCALAR || !str_to_double(str_of(n->text), &v) || v < low || v > high)
		return config_fail(r, n, "%s takes a number from %g to %g", key, low, high);
	*out = v;
	return 0;
}

static bool name_usable(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return len > 0 && len <= TRIAGE_NAME_MAX_BYTES && !name[len];
}

/* {name: quality, kind: numeric, min: 1, max: 5, text: "…"}, {name: topic, values: [price, tone]}, {name: tone} */
static int read_label(struct config_reader *r, const struct node *n, struct label_set *out)
{
	static const char *const keys[] = {"name", "kind", "min", "max", "values", "text", NULL};
	static const char *const kinds[] = {"boolean", "numeric", "categorical", NULL};
	int kind;

	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0)
		return -1;
	if (!name_usable(out->name))
		return config_fail(r, n, "a label's name has up to %d letters, digits, _ - and .", TRIAGE_NAME_MAX_BYTES);
	out->text = "";
	out->min = 1;
	out->max = 5;
	if (config_text(r, n, "text", false, &out->text) < 0 || read_words(r, n, "values", &out->values) < 0)
		return -1;
	kind = out->values ? LABEL_CATEGORICAL : node_get(n, "min") || node_get(n, "max") ? LABEL_NUMERIC : LABEL_BOOLEAN;
	if (config_choice(r, n, "kind", kinds, &kind) < 0 || read_number(r, n, "min", -1e9, 1e9, &out->min) < 0 ||
	    read_number(r, n, "max", -1e9, 1e9, &out->max) < 0)
		return -1;
	out->kind = (enum label_kind)kind;
	if (out->kind == LABEL_CATEGORICAL && !out->values)
		return config_fail(r, n, "the label `%s` is categorical: give its values: [one, two]", out->name);
	if (out->kind == LABEL_NUMERIC && out->min >= out->max)
		return config_fail(r, n, "the label `%s` has a min that is not below its max", out->name);
	return 0;
}

int config_read_labels(struct config_reader *r, const struct node *n)
{
	struct config *c = r->config;
	void *items;

	if (config_list(r, n, sizeof *c->label_sets, &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	c->label_sets = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (read_label(r, item, &c->label_sets[c->label_set_count++]) < 0)
			return -1;
	return 0;
}

static int check_patterns(struct config_reader *r, const struct node *n, const char *const *patterns)
{
	regex_t compiled;
	char why[120];

	for (; patterns && *patterns; patterns++) {
		int failed = regcomp(&compiled, *patterns, REG_EXTENDED | REG_ICASE | REG_NOSUB);

		if (failed) {
			regerror(failed, &compiled, why, sizeof why);
			return config_fail(r, n, "the pattern `%.60s` is no regular expression: %s", *patterns, why);
		}
		regfree(&compiled);
	}
	return 0;
}

/* {category: competitor, severity: 2, words: [acme, "acme corp*"], patterns: ["ACME-[0-9]+"]} */
static int read_block(struct config_reader *r, const struct node *n, struct config_block *out)
{
	static const char *const keys[] = {"category", "severity", "words", "patterns", NULL};
	static const char *const nothing[] = {NULL};
	double severity = 4;

	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "category", true, &out->category) < 0)
		return -1;
	if (!name_usable(out->category))
		return config_fail(r, n, "a category has up to %d letters, digits, _ - and .", TRIAGE_NAME_MAX_BYTES);
	if (read_number(r, n, "severity", 0, 7, &severity) < 0 || read_words(r, n, "words", &out->words) < 0 ||
	    read_words(r, n, "patterns", &out->patterns) < 0 || check_patterns(r, n, out->patterns) < 0)
		return -1;
	if (!out->words && !out->patterns)
		return config_fail(r, n, "the category `%s` has neither words nor patterns", out->category);
	out->severity = (int)severity;
	out->words = out->words ? out->words : nothing;
	out->patterns = out->patterns ? out->patterns : nothing;
	return 0;
}

int config_read_safety(struct config_reader *r, const struct node *n)
{
	struct config *c = r->config;
	void *items;

	if (config_list(r, n, sizeof *c->blocks, &items) < 0)
		return -1;
	c->blocks = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (read_block(r, item, &c->blocks[c->block_count++]) < 0)
			return -1;
	return 0;
}

int config_read_judges(struct config_reader *r, const struct node *n)
{
	struct config *c = r->config;
	void *items;

	if (config_list(r, n, sizeof *c->judges, &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	c->judges = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (config_section(r, item, true, &c->judges[c->judge_count++]) < 0)
			return -1;
	return 0;
}
