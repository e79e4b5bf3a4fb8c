/* Sources, notifiers and actuators as flat pairs; contexts, roles, keys and tags. */
#include <string.h>

#include "parse/config_read.h"

enum { SECTION_PAIRS_MAX = 256 };

static bool ends_in(const char *word, const char *end)
{
	return str_ends_with(str_of(word), str_of(end));
}

/* Is the value behind this key a secret, so that it must not stand in the file? Field mappings
 * ("map.input_tokens") name columns; a few headers are known to be harmless. */
static bool is_secret(const char *path)
{
	static const char *const words[] = {"token", "password", "passwd", "secret", "authorization", "bearer",
	                                    "api_key", "apikey", "private_key", "credentials"};
	static const char *const harmless[] = {"headers.content-type", "headers.accept", "headers.user-agent"};
	struct str all = str_of(path);
	const char *dot = strrchr(path, '.');
	const char *last = dot ? dot + 1 : path;

	if (str_starts_with(all, STR_LIT("map.")))
		return false;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (str_equal_nocase(all, str_of(harmless[i])))
			return false;
	if (str_starts_with(all, STR_LIT("headers.")))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_equal_nocase(str_of(last), str_of(words[i])))
			return true;
	return ends_in(last, "_token") || ends_in(last, "_password") || ends_in(last, "_secret") ||
	       ends_in(last, "_api_key");
}

/* "https://user:password@host/": the part before the @ is a secret too. */
static bool has_userinfo(const char *value)
{
	const char *host = strstr(value, "://");

	if (!host)
		return false;
	host += 3;
	return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

static int check_secret(struct config_reader *r, const struct node *n, const char *path)
{
	bool reference = strncmp(n->text, "env:", 4) == 0 || strncmp(n->text, "file:/", 6) == 0;

	if (is_secret(path) && !reference)
		return config_fail(r, n, "%s is a secret: write env:NAME or file:/path instead of the value", path);
	if (!reference && has_userinfo(n->text))
		return config_fail(r, n, "%s has a user or password in its address: give it in headers, as env:NAME "
		                   "or file:/path", path);
	return 0;
}

/* Counts, or (with `out`) fills. */
struct flatten {
	struct config_reader *r;
	struct config_pair *out;
	size_t count;
};

static int flatten_node(struct flatten *f, const struct node *n, const char *path);

static int flatten_children(struct flatten *f, const struct node *parent, const char *path)
{
	size_t index = 0;
	int result = 0;

	for (const struct node *n = parent->child; n && result == 0; n = n->next, index++) {
		struct buf child = {0};
		if (path)
			buf_printf(&child, "%s.", path);
		if (n->key)
			buf_puts(&child, n->key);
		else
			buf_printf(&child, "%zu", index);
		bool own = !path && n->key && (strcmp(n->key, "name") == 0 || strcmp(n->key, "kind") == 0);
		result = own ? 0 : flatten_node(f, n, child.data);
		buf_fini(&child);
	}
	return result;
}

static int flatten_node(struct flatten *f, const struct node *n, const char *path)
{
	struct arena *arena = &f->r->config->arena;

	if (n->kind != NODE_SCALAR)
		return flatten_children(f, n, path);
	if (node_is_null(n))
		return config_fail(f->r, n, "%.60s is empty: give a value or remove the key", path);
	if (f->count == SECTION_PAIRS_MAX)
		return config_fail(f->r, n, "more than %d settings in one entry", SECTION_PAIRS_MAX);
	if (check_secret(f->r, n, path) < 0)
		return -1;
	if (f->out)
		f->out[f->count] = (struct config_pair){arena_copy(arena, path, strlen(path)),
		                                        arena_copy(arena, n->text, strlen(n->text)), n->line, n->column};
	f->count++;
	return 0;
}

int config_section(struct config_reader *r, const struct node *map, bool named, struct config_section *out)
{
	struct flatten counting = {.r = r}, filling = {.r = r};

	out->line = map->line;
	out->column = map->column;
	if (config_text(r, map, "name", named, &out->name) < 0 || config_text(r, map, "kind", true, &out->kind) < 0 ||
	    flatten_children(&counting, map, NULL) < 0)
		return -1;
	if (counting.count == 0)
		return 0;
	filling.out = arena_alloc(&r->config->arena, counting.count * sizeof(*filling.out));
	out->pairs = filling.out;
	out->pair_count = counting.count;
	return flatten_children(&filling, map, NULL);
}

static int read_sections(struct config_reader *r, const struct node *n, bool named,
                         struct config_section **out, size_t *count)
{
	void *items;

	if (config_list(r, n, sizeof(**out), &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	*out = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (config_section(r, item, named, &(*out)[(*count)++]) < 0)
			return -1;
	return 0;
}

int config_read_sources(struct config_reader *r, const struct node *n)
{
	return read_sections(r, n, true, &r->config->sources, &r->config->source_count);
}

int config_read_notify(struct config_reader *r, const struct node *n)
{
	return read_sections(r, n, false, &r->config->notifiers, &r->config->notifier_count);
}

static int read_context(struct config_reader *r, const struct node *n, struct config_context *out)
{
	static const char *const keys[] = {"store", "socket", "colour", NULL};
	static const char *const colours[] = {"default", "red", "green", "yellow", "blue", "magenta", "cyan", "white", NULL};
	int colour = 0;

	out->name = arena_copy(&r->config->arena, n->key, strlen(n->key));
	if (config_want(r, n, NODE_MAP, n->key) < 0 || config_check_keys(r, n, keys) < 0 ||
	    config_text(r, n, "store", true, &out->store) < 0 || config_text(r, n, "socket", false, &out->socket) < 0 ||
	    config_choice(r, n, "colour", colours, &colour) < 0)
		return -1;
	out->colour = colours[colour];
	return 0;
}

int config_read_contexts(struct config_reader *r, const struct node *n)
{
	struct config *c = r->config;

	if (config_want(r, n, NODE_MAP, "contexts") < 0)
		return -1;
	size_t count = node_count(n);
	if (count == 0)
		return 0;
	c->contexts = arena_alloc(&c->arena, count * sizeof(*c->contexts));
	memset(c->contexts, 0, count * sizeof(*c->contexts));
	for (const struct node *item = n->child; item; item = item->next)
		if (read_context(r, item, &c->contexts[c->context_count++]) < 0)
			return -1;
	return 0;
}

static int check_member(struct config_reader *r, const struct node *n)
{
	if (config_want(r, n, NODE_SCALAR, "a role's member") < 0)
		return -1;
	bool prefixed = (strncmp(n->text, "group:", 6) == 0 && n->text[6]) ||
	                (strncmp(n->text, "user:", 5) == 0 && n->text[5]);
	if (!prefixed && strcmp(n->text, "any") != 0)
		return config_fail(r, n, "a role's members are written group:NAME, user:NAME or any");
	return 0;
}

static int read_role(struct config_reader *r, const struct node *n, struct config_role *out)
{
	const struct node *first = n->kind == NODE_LIST ? n->child : n;
	size_t count = n->kind == NODE_LIST ? node_count(n) : 1;
	const char **members = arena_alloc(&r->config->arena, (count + 1) * sizeof(*members));

	out->role = arena_copy(&r->config->arena, n->key, strlen(n->key));
	out->members = members;
	for (const struct node *m = first; m; m = n->kind == NODE_LIST ? m->next : NULL) {
		if (check_member(r, m) < 0)
			return -1;
		members[out->member_count++] = arena_copy(&r->config->arena, m->text, strlen(m->text));
	}
	return 0;
}

int config_read_roles(struct config_reader *r, const struct node *n)
{
	static const char *const known[] = {"viewer", "responder", "operator", NULL};
	struct config *c = r->config;

	if (config_want(r, n, NODE_MAP, "roles") < 0 || config_check_keys(r, n, known) < 0)
		return -1;
	size_t count = node_count(n);
	if (count == 0)
		return 0;
	c->roles = arena_alloc(&c->arena, count * sizeof(*c->roles));
	memset(c->roles, 0, count * sizeof(*c->roles));
	for (const struct node *item = n->child; item; item = item->next)
		if (read_role(r, item, &c->roles[c->role_count++]) < 0)
			return -1;
	return 0;
}

/* "quit: Q", "quit: [Q, F10]", and "quit: ''" (or none) to disable. */
static int read_key(struct config_reader *r, const struct node *n, struct config_pair *out)
{
	const struct node *first = n->kind == NODE_LIST ? n->child : n;
	struct buf keys = {0};
	int result = 0;

	if (n->kind == NODE_MAP)
		return config_fail(r, n, "a key is written as K, or several as [K, F5]");
	for (const struct node *k = first; k && result == 0; k = n->kind == NODE_LIST ? k->next : NULL) {
		if (k->kind != NODE_SCALAR || strlen(k->text) > 32)
			result = config_fail(r, k, "a key is written as K, or several as [K, F5]");
		else if (!node_is_null(k) && strcmp(k->text, "none") != 0 && k->text[0])
			buf_printf(&keys, "%s%s", keys.len ? " " : "", k->text);
	}
	*out = (struct config_pair){arena_copy(&r->config->arena, n->key, strlen(n->key)),
	                            arena_copy(&r->config->arena, keys.data ? keys.data : "", keys.len), n->line,
	                            n->column};
	buf_fini(&keys);
	return result;
}

int config_read_keys(struct config_reader *r, const struct node *n)
{
	struct config *c = r->config;

	if (config_want(r, n, NODE_MAP, "keys") < 0)
		return -1;
	size_t count = node_count(n);
	if (count == 0)
		return 0;
	c->keys = arena_alloc(&c->arena, count * sizeof(*c->keys));
	for (const struct node *item = n->child; item; item = item->next)
		if (read_key(r, item, &c->keys[c->key_count++]) < 0)
			return -1;
	return 0;
}

static bool tag_usable(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return len > 0 && len <= 64 && name[len] == '\0';
}

int config_read_tags(struct config_reader *r, const struct node *n)
{
	struct config *c = r->config;

	if (config_want(r, n, NODE_LIST, "tags") < 0)
		return -1;
	for (const struct node *item = n->child; item; item = item->next) {
		if (item->kind != NODE_SCALAR || !tag_usable(item->text))
			return config_fail(r, item, "a tag's name has letters, digits, _ - and . only");
		if (c->tag_count == TAG_MAX)
			return config_fail(r, item, "more than %d tags", TAG_MAX);
		for (size_t i = 0; i < c->tag_count; i++)
			if (strcmp(c->tags[i], item->text) == 0)
				return config_fail(r, item, "the tag `%s` is given twice", item->text);
		c->tags[c->tag_count++] = arena_copy(&c->arena, item->text, strlen(item->text));
	}
	return 0;
}
