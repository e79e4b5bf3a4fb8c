/* A trace as an indented list, for `requests show`. */
#ifndef LLMDECK_CLI_TRACE_TEXT_H
#define LLMDECK_CLI_TRACE_TEXT_H

#include "base/buf.h"
#include "store/query.h"

/* Appends a line for each step, indented under who called it, siblings by their start; `marked` is the
 * request that the reader came from, * the critical path. Then what evaluators said. Nothing when there
 * is only that request. */
void trace_append_text(const struct trace_result *t, int64_t marked, struct buf *out);

#endif
