/* Who may send: one secret, shown in any of the ways in which OTLP clients show theirs. Pure. */
#ifndef LLMDECK_COLLECT_OTLP_AUTH_H
#define LLMDECK_COLLECT_OTLP_AUTH_H

#include <stdbool.h>

#include "base/str.h"

/* `authorization` and `api_key` are the headers Authorization and X-API-Key, NULL when absent: "Bearer
 * SECRET", "Basic" with the secret as the password (as Langfuse's clients do), or the key itself (as
 * LangSmith's do). How long the comparison takes tells nothing about the secret but its length. */
bool otlp_auth_ok(struct str secret, const char *authorization, const char *api_key);

#endif
