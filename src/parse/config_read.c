/* The small steps that every part of the configuration is read with: errors with their place,
 * suggestions for misspelt words, texts, durations, lists, filters. */
#include "parse/config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"

/* What stands in the file is repeated in errors, cut and made harmless. */
static char *shown(const char *text, char out[96])
{
	text_harmless(out, 80, str_of(text));
	return out;
}

int config_fail(struct config_reader *r, const struct node *n, const char *fmt, ...)
{
	char text[sizeof(r->err->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(r->err, "%s:%d:%d: %s", r->path, n->line, n->column, text);
}

int config_fail_key(struct config_reader *r, const struct node *n, const char *fmt, ...)
{
	char text[sizeof(r->err->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(r->err, "%s:%d:%d: %s", r->path, n->key_line, n->key_column, text);
}

#define WORD_MAX 40

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits between two words, a swap of neighbours counting as one. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *up = rows[(i + 2) % 3], *two_up = rows[(i + 1) % 3];
		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			row[j] = least(least(up[j] + 1, row[j - 1] + 1), up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], two_up[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

const char *config_nearest(const char *word, const char *const *known)
{
	size_t len = strlen(word);
	unsigned best = len <= 3 ? 2 : len <= 6 ? 3 : 4; /* one below this is near enough */
	const char *found = NULL;

	for (; *known; known++) {
		unsigned d = distance(word, *known);
		if (d < best) {
			best = d;
			found = *known;
		}
	}
	return found;
}

static void suggestion(const char *word, const char *const *known, struct buf *out)
{
	const char *near = config_nearest(word, known);

	if (near) {
		buf_printf(out, "did you mean `%s`?", near);
		return;
	}
	buf_puts(out, "write one of ");
	for (size_t i = 0; known[i]; i++)
		buf_printf(out, "%s%s", i ? ", " : "", known[i]);
}

int config_unknown(struct config_reader *r, const struct node *n, const char *const *known)
{
	struct buf hint = {0};
	char text[96];

	suggestion(n->key, known, &hint);
	config_fail_key(r, n, "unknown key `%s`: %s", shown(n->key, text), hint.data);
	buf_fini(&hint);
	return -1;
}

int config_unknown_value(struct config_reader *r, const struct node *n, const char *what,
                         const char *const *known)
{
	struct buf hint = {0};
	char text[96];

	suggestion(n->text, known, &hint);
	config_fail(r, n, "unknown %s `%s`: %s", what, shown(n->text, text), hint.data);
	buf_fini(&hint);
	return -1;
}

int config_want(struct config_reader *r, const struct node *n, enum node_kind kind, const char *what)
{
	static const char *const kinds[] = {"a single value", "a list", "a mapping"};

	if (n->kind == kind && !(kind == NODE_SCALAR && node_is_null(n)))
		return 0;
	return config_fail(r, n, "%s must be %s, not %s", what, kinds[kind],
	                   n->kind == NODE_SCALAR && node_is_null(n) ? "empty" : kinds[n->kind]);
}

int config_check_keys(struct config_reader *r, const struct node *map, const char *const *known)
{
	for (const struct node *n = map->child; n; n = n->next) {
		size_t i = 0;
		while (known[i] && strcmp(known[i], n->key) != 0)
			i++;
		if (!known[i])
			return config_unknown(r, n, known);
	}
	return 0;
}

int config_text(struct config_reader *r, const struct node *map, const char *key, bool required,
                const char **out)
{
	const struct node *n = node_get(map, key);

	if (!n)
		return required ? config_fail(r, map, "`%s` is missing", key) : 0;
	if (config_want(r, n, NODE_SCALAR, key) < 0)
		return -1;
	size_t len = strlen(n->text);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)n->text[i] < ' ' || n->text[i] == 0x7f)
			return config_fail(r, n, "%s must not hold control characters", key);
	if (len == 0 || len > 4096)
		return config_fail(r, n, "%s must have 1 to 4096 bytes", key);
	*out = arena_copy(&r->config->arena, n->text, len);
	return 0;
}

int config_duration(struct config_reader *r, const struct node *map, const char *key, int64_t *out_us)
{
	const struct node *n = node_get(map, key);
	char text[96];

	if (!n)
		return 0;
	if (config_want(r, n, NODE_SCALAR, key) < 0)
		return -1;
	if (!duration_parse(str_of(n->text), out_us) || *out_us > INT64_C(3650) * 86400 * 1000000)
		return config_fail(r, n, "%s: `%s` is no duration: write for example 90s, 5m or 2h", key,
		                   shown(n->text, text));
	return 0;
}

int config_choice(struct config_reader *r, const struct node *map, const char *key,
                  const char *const *choices, int *out)
{
	const struct node *n = node_get(map, key);

	if (!n)
		return 0;
	if (config_want(r, n, NODE_SCALAR, key) < 0)
		return -1;
	for (int i = 0; choices[i]; i++) {
		if (strcmp(choices[i], n->text) == 0) {
			*out = i;
			return 0;
		}
	}
	return config_unknown_value(r, n, key, choices);
}

size_t node_count(const struct node *parent)
{
	size_t count = 0;

	for (const struct node *n = parent->child; n; n = n->next)
		count++;
	return count;
}

int config_list(struct config_reader *r, const struct node *list, size_t item_bytes, void **out)
{
	size_t count;

	*out = NULL;
	if (config_want(r, list, NODE_LIST, list->key) < 0)
		return -1;
	for (const struct node *n = list->child; n; n = n->next)
		if (n->kind != NODE_MAP)
			return config_fail(r, n, "each of %s must be a mapping, such as {name: …}", list->key);
	count = node_count(list);
	if (count) {
		*out = arena_alloc(&r->config->arena, count * item_bytes);
		memset(*out, 0, count * item_bytes);
	}
	return (int)count;
}

int config_unique_names(struct config_reader *r, const struct node *list)
{
	char text[96];

	for (const struct node *n = list->child; n; n = n->next) {
		const struct node *name = node_get(n, "name");
		for (const struct node *m = list->child; name && m != n; m = m->next) {
			const struct node *other = node_get(m, "name");
			if (other && other->kind == NODE_SCALAR && name->kind == NODE_SCALAR &&
			    strcmp(other->text, name->text) == 0)
				return config_fail(r, name, "the name `%s` is taken (line %d): give another",
				                   shown(name->text, text), other->line);
		}
	}
	return 0;
}

/* One "service=chat" or "model!=gpt-4o" of a filter; a leading ! in the value turns it round. */
static int where_one(struct config_reader *r, const struct node *key, const struct node *value,
                     struct view *out)
{
	struct err why;
	struct buf text = {0};

	if (config_want(r, value, NODE_SCALAR, key->key) < 0)
		return -1;
	bool inverted = value->text[0] == '!';
	buf_printf(&text, "%s%s%s", key->key, inverted ? "!=" : "=", value->text + inverted);
	int result = view_add_filter(out, buf_str(&text), &why);
	buf_fini(&text);
	return result == 0 ? 0 : config_fail(r, value, "%s", why.text);
}

int config_where(struct config_reader *r, const struct node *map, struct view *out)
{
	const struct node *where = node_get(map, "where");
	const char *names[DIM_COUNT + 1] = {NULL};

	if (!where)
		return 0;
	if (config_want(r, where, NODE_MAP, "where") < 0)
		return -1;
	for (int i = 0; i < DIM_COUNT; i++)
		names[i] = dim_name((enum dim)i);
	if (config_check_keys(r, where, names) < 0)
		return -1;
	for (const struct node *n = where->child; n; n = n->next) {
		if (n->kind != NODE_LIST) {
			if (where_one(r, n, n, out) < 0)
				return -1;
			continue;
		}
		for (const struct node *item = n->child; item; item = item->next)
			if (where_one(r, n, item, out) < 0)
				return -1;
	}
	return 0;
}

int config_metric(struct config_reader *r, const struct node *map, enum metric *out)
{
	const char *names[METRIC_COUNT + 1] = {NULL};
	int found = -1;

	for (int i = 0; i < METRIC_COUNT; i++)
		names[i] = metrics[i].name;
	if (!node_get(map, "metric"))
		return config_fail(r, map, "`metric` is missing");
	if (config_choice(r, map, "metric", names, &found) < 0)
		return -1;
	*out = (enum metric)found;
	return 0;
}
