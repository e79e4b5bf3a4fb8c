/* The store's tables, views and SQL functions, and how a file becomes one. Internal to store/. */
#ifndef LLMDECK_STORE_SCHEMA_H
#define LLMDECK_STORE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"

#define STORE_APPLICATION_ID 0x4c4c4d44 /* "LLMD" */
#define TEXT_APPLICATION_ID 0x4c4c4d54  /* "LLMT" */

/* Version that this program writes. */
int schema_version(void);
/* Says whether the open file is a store of this or an older version; *version 0 = an empty file. */
int schema_check(sqlite3 *db, const char *path, int64_t *version, struct err *err);
/* Brings an empty file or an older store to this program's version, in one transaction:
 * a process that is killed leaves the old version or the new one. */
int schema_migrate(sqlite3 *db, const char *path, bool demo, struct err *err);
/* The same for the text file beside it. */
int schema_migrate_text(sqlite3 *db, struct err *err);
/* Registers the functions that the views use. */
int schema_add_functions(sqlite3 *db, struct err *err);
/* Path of the text file of a store, owned by the caller. */
char *schema_text_path(const char *path);

#endif
