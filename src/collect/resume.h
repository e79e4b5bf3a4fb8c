/* Resume marks of sources: asking the store for the last one, putting the next one on a batch. */
#ifndef LLMDECK_COLLECT_RESUME_H
#define LLMDECK_COLLECT_RESUME_H

#include "base/buf.h"
#include "base/err.h"
#include "collect/source.h"

/* Reads the place where the store knows this source to be into `known` ("": nowhere yet). One short
 * read that never waits for the writer. -1 when the store cannot be read. */
int resume_read(const struct source_env *env, struct buf *known, struct err *err);
/* Says that the batch moves the source from `known` to `to`; copies both. */
void resume_put(const struct source_env *env, struct batch *b, struct str known, struct str to);

#endif
