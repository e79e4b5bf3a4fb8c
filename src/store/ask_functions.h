/* Functions that SQLite's own versions of could be made to run for hours inside one step of its machine, where
 * nothing can stop them: written so that their work grows with the length of what they are given and no faster.
 * Internal to store/. */
#ifndef LLMDECK_STORE_ASK_FUNCTIONS_H
#define LLMDECK_STORE_ASK_FUNCTIONS_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/err.h"
#include "base/str.h"

#define ASK_VALUE_MAX_BYTES (1 << 20)   /* one text or blob */
#define ASK_PATTERN_MAX_BYTES 200       /* of LIKE and GLOB */

/* LIKE, GLOB, instr, replace and the trims on this connection. */
int ask_functions_add(sqlite3 *db, struct err *err);
/* Whether a function may be called: those that compute, and none that reaches out. */
bool ask_function_allowed(const char *name);
/* Whether the statement gives something of its own a view's name in a WITH: then what it reads could not be told from
 * what the view reads. Sees through quotes and comments. */
bool ask_shadows_view(struct str sql);

#endif
