/* What an error means and what its provider's documentation advises, in a line of our own words. Pure tables. */
#ifndef LLMDECK_CORE_ERROR_NOTES_H
#define LLMDECK_CORE_ERROR_NOTES_H

#include "base/str.h"

enum error_class {
	ERROR_RATE_LIMIT, ERROR_QUOTA, ERROR_TIMEOUT, ERROR_CONTENT_FILTER, ERROR_CONTEXT_LENGTH, ERROR_AUTH, ERROR_PERMISSION, ERROR_NOT_FOUND,
	ERROR_BAD_REQUEST, ERROR_TOO_LARGE, ERROR_OVERLOADED, ERROR_SERVER, ERROR_NETWORK, ERROR_CANCELLED, ERROR_OTHER,
	ERROR_CLASSES
};
/* "rate limit", "quota", "timeout", "content filter", "context length", "auth" … */
const char *error_class_name(enum error_class c);
/* By the type's name (any provider's spelling: "RateLimitError", "rate_limit_exceeded", "429"), else by the HTTP code
 * (0: none). */
enum error_class error_classify(struct str type, int http_status);

/* One line about it; never NULL. What this provider says of this type or code where that is known, else what is true of the
 * class everywhere. provider as in gen_ai.provider.name ("openai", "azure.ai.openai", "aws.bedrock" …). */
const char *error_note(struct str provider, struct str type, int http_status);

#endif
