/* The table, and a hash of its keys that is made once. Where several attributes fill the same target the
 * lower rank wins. */
#include "parse/genai_rules.h"

#include <pthread.h>
#include <string.h>

#include "base/hash.h"

struct genai_rule {
	struct str key;
	enum genai_target target;
	uint8_t rank;
};

#define RULE(key, target, rank) {STR_INIT(key), (target), (rank)}

static const struct genai_rule rules[] = {
	RULE("openinference.span.kind", T_OPENINFERENCE_KIND, 0),
	RULE("langfuse.observation.type", T_LANGFUSE_TYPE, 0),
	RULE("langsmith.span.kind", T_LANGSMITH_KIND, 0),
	RULE("traceloop.span.kind", T_TRACELOOP_KIND, 0),
	RULE("ai.operationId", T_VERCEL_OPERATION, 0),
	RULE("gen_ai.operation.name", T_OPERATION, 0),
	RULE("llm.request.type", T_REQUEST_TYPE, 0),
	RULE("gen_ai.provider.name", T_PROVIDER, 0),
	RULE("gen_ai.system", T_PROVIDER, 1),
	RULE("llm.provider", T_PROVIDER, 2),
	RULE("llm.system", T_PROVIDER, 3),
	RULE("ai.model.provider", T_PROVIDER, 4),
	RULE("litellm.provider.model", T_PROVIDER_MODEL, 0),
	RULE("gen_ai.request.model", T_MODEL_ASKED, 0),
	RULE("ai.model.id", T_MODEL_ASKED, 1),
	RULE("gen_ai.response.model", T_MODEL_ANSWERED, 0),
	RULE("ai.response.model", T_MODEL_ANSWERED, 1),
	RULE("llm.model_name", T_MODEL_ANSWERED, 2),
	RULE("embedding.model_name", T_MODEL_ANSWERED, 3),
	RULE("langfuse.observation.model.name", T_MODEL_ANSWERED, 4),
	RULE("gen_ai.usage.input_tokens", T_INPUT, 0),
	RULE("gen_ai.usage.prompt_tokens", T_INPUT, 1),
	RULE("llm.token_count.prompt", T_INPUT, 2),
	RULE("llm.usage.prompt_tokens", T_INPUT, 3),
	RULE("ai.usage.promptTokens", T_INPUT, 4),
	RULE("ai.usage.inputTokens", T_INPUT, 4),
	RULE("ai.usage.tokens", T_INPUT, 5),
	RULE("gen_ai.usage.output_tokens", T_OUTPUT, 0),
	RULE("gen_ai.usage.completion_tokens", T_OUTPUT, 1),
	RULE("llm.token_count.completion", T_OUTPUT, 2),
	RULE("llm.usage.completion_tokens", T_OUTPUT, 3),
	RULE("ai.usage.completionTokens", T_OUTPUT, 4),
	RULE("ai.usage.outputTokens", T_OUTPUT, 4),
	RULE("gen_ai.usage.cache_read.input_tokens", T_CACHED, 0),
	RULE("gen_ai.usage.cache_read_input_tokens", T_CACHED, 1),
	RULE("llm.token_count.prompt_details.cache_read", T_CACHED, 2),
	RULE("ai.usage.cachedInputTokens", T_CACHED, 3),
	RULE("gen_ai.usage.cache_creation.input_tokens", T_CACHE_WRITE, 0),
	RULE("gen_ai.usage.cache_creation_input_tokens", T_CACHE_WRITE, 1),
	RULE("llm.token_count.prompt_details.cache_write", T_CACHE_WRITE, 2),
	RULE("gen_ai.usage.reasoning.output_tokens", T_REASONING, 0),
	RULE("gen_ai.usage.reasoning_tokens", T_REASONING, 1),
	RULE("llm.usage.reasoning_tokens", T_REASONING, 2),
	RULE("llm.token_count.completion_details.reasoning", T_REASONING, 3),
	RULE("ai.usage.reasoningTokens", T_REASONING, 4),
	RULE("gen_ai.usage.input_token_details", T_INPUT_DETAILS_JSON, 0),
	RULE("gen_ai.usage.output_token_details", T_OUTPUT_DETAILS_JSON, 0),
	RULE("langfuse.observation.usage_details", T_USAGE_JSON, 0),
	RULE("langfuse.observation.cost_details", T_COST_JSON, 0),
	RULE("llm.invocation_parameters", T_PARAMETERS_JSON, 0),
	RULE("gen_ai.response.finish_reasons", T_FINISH, 0),
	RULE("ai.response.finishReason", T_FINISH, 1),
	RULE("llm.finish_reason", T_FINISH, 2),
	RULE("llm.response.finish_reason", T_FINISH, 3),
	RULE("gen_ai.response.id", T_RESPONSE_ID, 0),
	RULE("error.type", T_ERROR_TYPE, 0),
	RULE("exception.type", T_ERROR_TYPE, 1),
	RULE("http.response.status_code", T_HTTP_STATUS, 0),
	RULE("http.status_code", T_HTTP_STATUS, 1),
	RULE("gen_ai.response.time_to_first_chunk", T_TTFT_S, 0),
	RULE("gen_ai.response.time_to_first_token", T_TTFT_S, 1),
	RULE("gen_ai.server.time_to_first_token", T_TTFT_S, 2),
	RULE("ai.response.msToFirstChunk", T_TTFT_MS, 0),
	RULE("gen_ai.latency.time_to_first_token_ms", T_TTFT_MS, 1),
	RULE("langfuse.observation.completion_start_time", T_FIRST_TOKEN_TIME, 0),
	RULE("enduser.id", T_USER, 0),
	RULE("user.id", T_USER, 1),
	RULE("langfuse.user.id", T_USER, 2),
	RULE("traceloop.association.properties.user_id", T_USER, 3),
	RULE("langsmith.metadata.user_id", T_USER, 4),
	RULE("ai.telemetry.metadata.userId", T_USER, 5),
	RULE("ai.telemetry.metadata.user_id", T_USER, 5),
	RULE("user.hash", T_USER, 6),
	RULE("gen_ai.conversation.id", T_SESSION, 0),
	RULE("session.id", T_SESSION, 1),
	RULE("langfuse.session.id", T_SESSION, 2),
	RULE("traceloop.association.properties.session_id", T_SESSION, 3),
	RULE("langsmith.metadata.session_id", T_SESSION, 4),
	RULE("langsmith.metadata.thread_id", T_SESSION, 5),
	RULE("langsmith.metadata.conversation_id", T_SESSION, 6),
	RULE("ai.telemetry.metadata.sessionId", T_SESSION, 7),
	RULE("ai.telemetry.metadata.session_id", T_SESSION, 7),
	RULE("llmdeck.prompt.version", T_PROMPT_VERSION, 0),
	RULE("langfuse.observation.prompt.version", T_PROMPT_VERSION, 1),
	RULE("llm.prompt_template.version", T_PROMPT_VERSION, 2),
	RULE("traceloop.prompt.version", T_PROMPT_VERSION, 3),
	RULE("llmdeck.tenant", T_TENANT, 0),
	RULE("tenant.id", T_TENANT, 1),
	RULE("llmdeck.key", T_KEY, 0),
	RULE("metadata.user_api_key_alias", T_KEY, 1),
	RULE("metadata.user_api_key_hash", T_KEY, 2),
	RULE("gen_ai.tool.name", T_TOOL, 0),
	RULE("tool.name", T_TOOL, 1),
	RULE("llmdeck.cost_usd", T_COST_USD, 0),
	RULE("gen_ai.usage.cost", T_COST_USD, 1),
	RULE("gen_ai.cost.total_cost", T_COST_USD, 2),
	RULE("llm.cost.total", T_COST_USD, 3),
	RULE("llmdeck.attempt", T_ATTEMPT, 0),
	RULE("llmdeck.outcome", T_OUTCOME, 0),
	RULE("service.name", T_SERVICE, 0),
	RULE("deployment.environment.name", T_ENVIRONMENT, 0),
	RULE("deployment.environment", T_ENVIRONMENT, 1),
	RULE("langfuse.environment", T_ENVIRONMENT, 2),
	RULE("llmdeck.deployment", T_DEPLOYMENT, 0),
	RULE("deployment.name", T_DEPLOYMENT, 1),
	RULE("service.version", T_DEPLOYMENT, 2),
	RULE("langfuse.release", T_DEPLOYMENT, 3),
	RULE("llmdeck.team", T_TEAM, 0),
	RULE("team", T_TEAM, 1),
	RULE("metadata.user_api_key_team_alias", T_TEAM, 2),
	RULE("metadata.user_api_key_team_id", T_TEAM, 3),
	RULE("cloud.region", T_REGION, 0),
	RULE("langfuse.observation.level", T_LEVEL, 0),
	RULE("llm.safety.flag", T_FLAG, 0),
	RULE("llmdeck.flags", T_FLAG, 0),
};
#define RULE_COUNT (sizeof rules / sizeof rules[0])

/* Keys to rules; filled once, read-only afterwards. */
#define SLOTS 1024u
static const struct genai_rule *slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static void fill_slots(void)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		size_t at = hash_name(rules[i].key) % SLOTS;
		while (slots[at])
			at = (at + 1) % SLOTS;
		slots[at] = &rules[i];
	}
}

static const struct genai_rule *find_rule(struct str key)
{
	size_t at = hash_name(key) % SLOTS;

	while (slots[at] && !str_equal_name(key, slots[at]->key))
		at = (at + 1) % SLOTS;
	return slots[at];
}

void genai_find_all(struct genai_found *out, struct otlp_attrs attrs)
{
	pthread_once(&slots_once, fill_slots);
	memset(out->values, 0, sizeof out->values);
	for (size_t i = 0; i < attrs.count; i++) {
		const struct genai_rule *rule = find_rule(attrs.list[i].key);

		if (!rule || attrs.list[i].value.kind == OTLP_EMPTY)
			continue;
		if (!out->values[rule->target] || rule->rank < out->ranks[rule->target]) {
			out->values[rule->target] = &attrs.list[i].value;
			out->ranks[rule->target] = rule->rank;
		}
	}
}

const struct otlp_value *otlp_find(struct otlp_attrs attrs, const char *key)
{
	struct str wanted = str_of(key);

	for (size_t i = 0; i < attrs.count; i++)
		if (str_equal(attrs.list[i].key, wanted))
			return &attrs.list[i].value;
	return NULL;
}
