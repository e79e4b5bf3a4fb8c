/* Which key means which action: built from action tables, changed by the user's overrides. Feeds
 * dispatch, the help screen and the palette. One thread at a time. */
#ifndef LLMDECK_UI_KEYMAP_H
#define LLMDECK_UI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "ui/action.h"
#include "ui/keys.h"

struct keymap;

struct keymap *keymap_new(void);
void keymap_free(struct keymap **m);
/* Binds a table (NULL-name terminated; must outlive the keymap) under a context's name ("Everywhere",
 * "Latency"). The table's address is the context's identity in the look-ups. A default key that does
 * not parse is skipped. */
void keymap_add(struct keymap *m, const char *context, const struct action *actions);
/* Gives the action (in every context that has it) these space-separated keys instead of its default
 * ones; "" disables it. May come before or after keymap_add(). -1 when a key's name is wrong. */
int keymap_override(struct keymap *m, const char *name, const char *keys, struct err *err);
/* Forgets all overrides, before a changed config is read again. */
void keymap_reset(struct keymap *m);
/* -1 when two actions that can meet (in one context, or in one and the first added) ask for the same
 * key, or an override names no action; says which. The earlier one keeps the key. */
int keymap_check(const struct keymap *m, struct err *err);

struct keymap_hit {
	const struct action *table;  /* the context; NULL = nothing found */
	const struct action *action;
};
/* Looks a key up in these contexts, first wins; NULL entries are skipped. Pasted keys never hit. */
struct keymap_hit keymap_find_key(const struct keymap *m, const struct action *const *tables,
                                  size_t count, struct key key);
/* Looks an action up by its palette name in these contexts. */
struct keymap_hit keymap_find_name(const struct keymap *m, const struct action *const *tables,
                                   size_t count, struct str name);
/* The live keys of an action as text, "PgDn Ctrl-F"; "" when it has none. Appends to out. */
void keymap_keys_text(const struct keymap *m, const struct action *table,
                      const struct action *action, struct buf *out);
const char *keymap_context_name(const struct keymap *m, const struct action *table);

#endif
