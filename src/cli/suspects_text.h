/* Suspects as a table, JSON and CSV; shared by the commands suspects and incident. */
#ifndef LLMDECK_CLI_SUSPECTS_TEXT_H
#define LLMDECK_CLI_SUSPECTS_TEXT_H

#include "base/buf.h"
#include "store/query_suspects.h"

/* How many of how many requests are bad, and a line each. `width` 0: no bound. */
void suspects_table(const struct suspects_query *q, const struct suspects_result *res, int width, struct buf *out);
/* INTERFACE: the JSON of `suspects`, schema version 1. */
void suspects_json(const struct suspects_query *q, const struct suspects_result *res, struct buf *out);
void suspects_csv(const struct suspects_result *res, struct buf *out);

#endif
