/* Price tables in LiteLLM's JSON format (object keyed by model; USD per token; numbers may be
 * strings; "sample_spec" and keys starting with "_" are documentation, "_table" may carry
 * {"name","date"}). */
#ifndef LLMDECK_PARSE_PRICES_H
#define LLMDECK_PARSE_PRICES_H

#include "base/err.h"
#include "base/str.h"
#include "judge/price.h"

/* `origin` names the table when the text itself does not. A model with a bad entry is skipped and
 * named through `warn` (may be NULL); -1 only when nothing can be read. Owned by the caller. */
int prices_parse(struct price_table **out, struct str json, const char *origin,
                 void (*warn)(const char *text, void *arg), void *arg, struct err *err);
void price_table_free(struct price_table **t);

#endif
