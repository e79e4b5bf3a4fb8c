/* Price tables in LiteLLM's JSON format (object keyed by model; USD per token; numbers may be
 * strings; "sample_spec" and keys starting with "_" are documentation, "_table" may carry
 * {"name","date"}). */
#ifndef LLMDECK_PARSE_PRICES_H
#define LLMDECK_PARSE_PRICES_H

#include "base/err.h"
#include "base/str.h"
#include "core/config.h"
#include "core/price_table.h"

#define PRICES_FILE_MAX_BYTES (64u << 20)

/* `origin` names the table when the text itself does not. A model with a bad entry is skipped and
 * named through `warn` (may be NULL); models that are not sold by the token (images, speech by the
 * second) are passed over in silence. -1 only when nothing can be read. Owned by the caller, who
 * ends it with price_table_free. */
int prices_parse(struct price_table **out, struct str json, const char *origin,
                 void (*warn)(const char *text, void *arg), void *arg, struct err *err);

/* Reads and parses a file; its name without folders and ".json" is the origin. */
int prices_load_file(struct price_table **out, const char *path,
                     void (*warn)(const char *text, void *arg), void *arg, struct err *err);

/* The table in force for a store: the config's `prices:`, else what `llmdeck prices import` stored for
 * this store alone, else for all of them, else the shipped one. Everybody who prices (collect, import,
 * demo) loads it with this. `path_out` (may be NULL) gets the file's path, owned by the caller. */
int price_table_load(struct price_table **out, const struct config *config, const char *store_path, char **path_out,
                     struct err *err);
/* Where `prices import` stores: for one store NAME-prices.json beside its NAME.db, for all (store_path
 * NULL) prices.json in the state folder. Owned by the caller. */
char *prices_imported_path(const char *store_path);

#endif
