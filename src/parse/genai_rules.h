/* The table of attributes: which of them fills which field of a request. Private to src/parse/genai*.c. */
#ifndef LLMDECK_PARSE_GENAI_RULES_H
#define LLMDECK_PARSE_GENAI_RULES_H

#include "parse/otlp.h"

enum genai_target {
	T_OPENINFERENCE_KIND, T_LANGFUSE_TYPE, T_LANGSMITH_KIND, T_TRACELOOP_KIND, T_VERCEL_OPERATION,
	T_OPERATION, T_REQUEST_TYPE, T_PROVIDER, T_PROVIDER_MODEL, T_MODEL_ASKED, T_MODEL_ANSWERED, T_INPUT,
	T_OUTPUT, T_CACHED, T_CACHE_WRITE, T_REASONING, T_FINISH, T_RESPONSE_ID, T_ERROR_TYPE, T_HTTP_STATUS,
	T_TTFT_S, T_TTFT_MS, T_TTFT_NS, T_FIRST_TOKEN_TIME, T_USER, T_SESSION, T_PROMPT_VERSION, T_TENANT,
	T_KEY, T_TOOL, T_COST_USD, T_ATTEMPT, T_OUTCOME, T_SERVICE, T_ENVIRONMENT, T_DEPLOYMENT, T_TEAM,
	T_REGION, T_LEVEL, T_USAGE_JSON, T_INPUT_DETAILS_JSON, T_OUTPUT_DETAILS_JSON, T_PARAMETERS_JSON,
	T_COST_JSON, T_FLAG, GENAI_TARGETS
};

/* The winning attribute of each target; NULL: none. */
struct genai_found {
	const struct otlp_value *values[GENAI_TARGETS];
	uint8_t ranks[GENAI_TARGETS]; /* where there is a value; lower wins, of equals the first */
};

/* Looks up every attribute that has a value. Borrows them. Any thread. */
void genai_find_all(struct genai_found *out, struct otlp_attrs attrs);

#endif
