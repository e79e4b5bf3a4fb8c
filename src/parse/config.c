/* The top of the configuration: plain options by their dotted names in the option table, then one
 * reader for each structured part. The tree lives in an arena of its own and is gone afterwards. */
#include "parse/config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "parse/config_read.h"

static const struct {
	const char *key;
	int (*read)(struct config_reader *r, const struct node *n);
} parts[] = {
	{"tags", config_read_tags},         {"sources", config_read_sources},   {"rollouts", config_read_rollouts},
	{"budgets", config_read_budgets},   {"alerts", config_read_alerts},     {"notify", config_read_notify},
	{"contexts", config_read_contexts}, {"roles", config_read_roles},       {"keys", config_read_keys},
	{"labels", config_read_labels},     {"safety", config_read_safety},     {"judges", config_read_judges},
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static int read_option(struct config_reader *r, enum option o, const struct node *n)
{
	const char *name = options[o].name;
	struct err why;

	if (config_want(r, n, NODE_SCALAR, name) < 0)
		return -1;
	size_t len = strlen(n->text);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)n->text[i] < ' ' || n->text[i] == 0x7f)
			return config_fail(r, n, "%s must not hold control characters", name);
	const char *text = arena_copy(&r->config->arena, n->text, len);
	if (option_parse(&options[o], text, &r->config->options[o], &why) < 0)
		return config_fail(r, n, "%s", why.text);
	return 0;
}

/* The options of one level: those whose dotted name is `prefix` and one more word. Fills `known`
 * (OPTION_COUNT + PART_COUNT + 1 places) with the words that may stand there. */
static size_t known_words(const char *prefix, char words[][64], const char **known)
{
	size_t count = 0, prefix_len = strlen(prefix);

	for (int o = 0; o < OPTION_COUNT; o++) {
		if (strncmp(options[o].name, prefix, prefix_len) != 0)
			continue;
		const char *rest = options[o].name + prefix_len;
		snprintf(words[count], 64, "%.*s", (int)strcspn(rest, "."), rest);
		size_t twin = 0;
		while (twin < count && strcmp(words[twin], words[count]) != 0)
			twin++;
		if (twin == count) {
			known[count] = words[count];
			count++;
		}
	}
	for (size_t i = 0; prefix_len == 0 && i < PART_COUNT; i++)
		known[count++] = parts[i].key;
	known[count] = NULL;
	return count;
}

static int read_level(struct config_reader *r, const struct node *map, const char *prefix);

static int read_entry(struct config_reader *r, const struct node *n, const char *prefix)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", prefix, n->key);
	for (int o = 0; o < OPTION_COUNT; o++)
		if (strcmp(options[o].name, name) == 0)
			return read_option(r, (enum option)o, n);
	for (size_t i = 0; i < PART_COUNT; i++)
		if (strcmp(parts[i].key, name) == 0)
			return node_is_null(n) ? 0 : parts[i].read(r, n);
	if (config_want(r, n, NODE_MAP, n->key) < 0)
		return -1;
	strncat(name, ".", sizeof(name) - strlen(name) - 1);
	return read_level(r, n, name);
}

static int read_level(struct config_reader *r, const struct node *map, const char *prefix)
{
	char words[OPTION_COUNT][64];
	const char *known[OPTION_COUNT + PART_COUNT + 1];

	known_words(prefix, words, known);
	if (config_check_keys(r, map, known) < 0)
		return -1;
	for (const struct node *n = map->child; n; n = n->next)
		if (read_entry(r, n, prefix) < 0)
			return -1;
	return 0;
}

int config_parse(struct config *out, struct str yaml, const char *path, struct err *err)
{
	struct config_reader r = {.config = out, .path = path, .err = err};
	struct arena tree = {0};
	struct node *root = NULL;
	int result = -1;

	config_init(out);
	out->path = arena_copy(&out->arena, path, strlen(path));
	if (config_tree_parse(&root, yaml, path, &tree, err) < 0)
		goto out;
	if (root && !node_is_null(root) &&
	    (config_want(&r, root, NODE_MAP, "a configuration") < 0 || read_level(&r, root, "") < 0))
		goto out;
	result = 0;
out:
	arena_fini(&tree);
	if (result < 0)
		config_fini(out);
	return result;
}

int config_load(struct config *out, const char *path, struct err *err)
{
	struct buf text = {0};
	int result = -1;

	memset(out, 0, sizeof(*out));
	if (file_read(path, CONFIG_FILE_MAX_BYTES, &text, err) == 0)
		result = config_parse(out, buf_str(&text), path, err);
	buf_fini(&text);
	return result;
}
