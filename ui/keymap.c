/* Overrides are kept by action name; the keys of an action are parsed from its override or its
 * default each time they are asked for. Tables are short and keys rare, so there is no index. */
#include "ui/keymap.h"

#include <stdlib.h>

#include "base/mem.h"

struct context {
	const char *name;
	const struct action *table;
};

struct override {
	char *name, *keys;
};

struct keymap {
	struct context *contexts;
	size_t context_count, context_cap;
	struct override *overrides;
	size_t override_count, override_cap;
};

struct keymap *keymap_new(void)
{
	return mem_zalloc(sizeof(struct keymap));
}

void keymap_reset(struct keymap *m)
{
	for (size_t i = 0; i < m->override_count; i++) {
		free(m->overrides[i].name);
		free(m->overrides[i].keys);
	}
	m->override_count = 0;
}

void keymap_free(struct keymap **m)
{
	if (*m) {
		keymap_reset(*m);
		free((*m)->overrides);
		free((*m)->contexts);
		free(*m);
	}
	*m = NULL;
}

void keymap_add(struct keymap *m, const char *context, const struct action *actions)
{
	m->contexts = mem_grow(m->contexts, &m->context_cap, m->context_count + 1, sizeof(*m->contexts));
	m->contexts[m->context_count++] = (struct context){context, actions};
}

static struct override *find_override(const struct keymap *m, const char *name)
{
	for (size_t i = 0; i < m->override_count; i++)
		if (strcmp(m->overrides[i].name, name) == 0)
			return &m->overrides[i];
	return NULL;
}

int keymap_override(struct keymap *m, const char *name, const char *keys, struct err *err)
{
	struct str rest = str_trim(str_of(keys));
	struct override *o = find_override(m, name);
	struct key key;

	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');

		rest = str_trim(rest);
		if (!key_parse(word, &key))
			return err_set(err, "keys: %s: \"%.*s\" is no key: write q, Ctrl-F, Alt-x, PgDn, Space, F5 "
			               "and the like", name, STR_ARG(word));
	}
	if (!o) {
		m->overrides = mem_grow(m->overrides, &m->override_cap, m->override_count + 1,
		                        sizeof(*m->overrides));
		o = &m->overrides[m->override_count++];
		*o = (struct override){.name = mem_strdup(name)};
	}
	free(o->keys);
	o->keys = mem_strdup(keys);
	return 0;
}

/* The next key of an action's list; false at the end. */
static bool next_key(struct str *rest, struct key *key)
{
	while (*rest = str_trim(*rest), rest->len > 0)
		if (key_parse(str_cut(rest, ' '), key))
			return true;
	return false;
}

static struct str keys_of(const struct keymap *m, const struct action *action)
{
	const struct override *o = find_override(m, action->name);

	return str_of(o ? o->keys : action->keys);
}

static const struct action *find_in(const struct keymap *m, const struct action *table, struct key key)
{
	for (const struct action *a = table; a && a->name; a++) {
		struct str rest = keys_of(m, a);
		struct key bound;

		while (next_key(&rest, &bound))
			if (key_equal(bound, key))
				return a;
	}
	return NULL;
}

struct keymap_hit keymap_find_key(const struct keymap *m, const struct action *const *tables,
                                  size_t count, struct key key)
{
	for (size_t i = 0; i < count && !key.pasted; i++) {
		const struct action *action = find_in(m, tables[i], key);

		if (action)
			return (struct keymap_hit){tables[i], action};
	}
	return (struct keymap_hit){0};
}

struct keymap_hit keymap_find_name(const struct keymap *m, const struct action *const *tables,
                                   size_t count, struct str name)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		for (const struct action *a = tables[i]; a && a->name; a++)
			if (str_equal_c(name, a->name))
				return (struct keymap_hit){tables[i], a};
	return (struct keymap_hit){0};
}

/* Who else answers to this action's key: in its own table before it, or (for a panel's table) in the
 * first table, whose keys mean the same everywhere. */
static const struct action *rival(const struct keymap *m, size_t context, const struct action *action,
                                  struct key key)
{
	const struct action *own = find_in(m, m->contexts[context].table, key);
	const struct action *global = context > 0 ? find_in(m, m->contexts[0].table, key) : NULL;

	return own != action ? own : global;
}

static int check_override(const struct keymap *m, const char *name, struct err *err)
{
	for (size_t c = 0; c < m->context_count; c++)
		for (const struct action *a = m->contexts[c].table; a && a->name; a++)
			if (strcmp(a->name, name) == 0)
				return 0;
	return err_set(err, "keys: there is no action \"%s\": the help screen (?) lists them", name);
}

int keymap_check(const struct keymap *m, struct err *err)
{
	for (size_t i = 0; i < m->override_count; i++)
		if (check_override(m, m->overrides[i].name, err) != 0)
			return -1;
	for (size_t c = 0; c < m->context_count; c++)
		for (const struct action *a = m->contexts[c].table; a && a->name; a++) {
			struct str rest = keys_of(m, a);
			struct key key;

			while (next_key(&rest, &key)) {
				const struct action *other = rival(m, c, a, key);
				char name[KEY_NAME_BYTES];

				/* The same action may be in a panel's table and in the first. */
				if (other && strcmp(other->name, a->name) != 0)
					return err_set(err, "keys: %s: %s is the key of %s and of %s: give one of them another",
					               m->contexts[c].name, key_format(key, name), other->name, a->name);
			}
		}
	return 0;
}

void keymap_keys_text(const struct keymap *m, const struct action *table,
                      const struct action *action, struct buf *out)
{
	struct str rest = keys_of(m, action);
	struct key key;
	bool first = true;

	(void)table;
	while (next_key(&rest, &key)) {
		char name[KEY_NAME_BYTES];

		if (!first)
			buf_append_c(out, ' ');
		buf_puts(out, key_format(key, name));
		first = false;
	}
}

const char *keymap_context_name(const struct keymap *m, const struct action *table)
{
	for (size_t i = 0; i < m->context_count; i++)
		if (m->contexts[i].table == table)
			return m->contexts[i].name;
	return "";
}
