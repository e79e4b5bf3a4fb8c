/* One table says which attribute fills which field and how; where several fill the same field the
 * lower rank wins. A span is read in one pass: each attribute's key is looked up in a static hash
 * of the table. JSON inside attributes (Langfuse's usage, LangSmith's details) is read with the
 * project's scanner. */
#include "parse/genai.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "core/money.h"
#include "parse/json.h"

enum target {
	T_OPERATION, T_PROVIDER, T_MODEL_ASKED, T_MODEL_ANSWERED, T_INPUT, T_OUTPUT, T_CACHED,
	T_CACHE_WRITE, T_REASONING, T_FINISH, T_ERROR_TYPE, T_HTTP_STATUS, T_TTFT_S, T_TTFT_MS,
	T_TTFT_NS, T_FIRST_TOKEN_TIME, T_USER, T_SESSION, T_PROMPT_VERSION, T_TENANT, T_KEY, T_TOOL,
	T_COST_USD, T_ATTEMPT, T_OUTCOME, T_SERVICE, T_ENVIRONMENT, T_DEPLOYMENT, T_TEAM, T_REGION,
	T_LEVEL, T_USAGE_JSON, T_INPUT_DETAILS_JSON, T_OUTPUT_DETAILS_JSON, T_PARAMETERS_JSON,
	T_COST_JSON, T_FLAG, TARGET_COUNT
};

struct rule {
	const char *key;
	enum target target;
	int rank; /* lower wins */
};

static const struct rule rules[] = {
	{"gen_ai.operation.name", T_OPERATION, 0},
	{"llm.request.type", T_OPERATION, 1},
	{"gen_ai.provider.name", T_PROVIDER, 0},
	{"gen_ai.system", T_PROVIDER, 1},
	{"llm.provider", T_PROVIDER, 2},
	{"llm.system", T_PROVIDER, 3},
	{"ai.model.provider", T_PROVIDER, 4},
	{"gen_ai.request.model", T_MODEL_ASKED, 0},
	{"ai.model.id", T_MODEL_ASKED, 1},
	{"gen_ai.response.model", T_MODEL_ANSWERED, 0},
	{"ai.response.model", T_MODEL_ANSWERED, 1},
	{"llm.model_name", T_MODEL_ANSWERED, 2},
	{"embedding.model_name", T_MODEL_ANSWERED, 3},
	{"langfuse.observation.model.name", T_MODEL_ANSWERED, 4},
	{"gen_ai.usage.input_tokens", T_INPUT, 0},
	{"gen_ai.usage.prompt_tokens", T_INPUT, 1},
	{"llm.token_count.prompt", T_INPUT, 2},
	{"llm.usage.prompt_tokens", T_INPUT, 3},
	{"ai.usage.promptTokens", T_INPUT, 4},
	{"ai.usage.inputTokens", T_INPUT, 4},
	{"ai.usage.tokens", T_INPUT, 5},
	{"gen_ai.usage.output_tokens", T_OUTPUT, 0},
	{"gen_ai.usage.completion_tokens", T_OUTPUT, 1},
	{"llm.token_count.completion", T_OUTPUT, 2},
	{"llm.usage.completion_tokens", T_OUTPUT, 3},
	{"ai.usage.completionTokens", T_OUTPUT, 4},
	{"ai.usage.outputTokens", T_OUTPUT, 4},
	{"gen_ai.usage.cache_read.input_tokens", T_CACHED, 0},
	{"gen_ai.usage.cache_read_input_tokens", T_CACHED, 1},
	{"llm.token_count.prompt_details.cache_read", T_CACHED, 2},
	{"ai.usage.cachedInputTokens", T_CACHED, 3},
	{"gen_ai.usage.cache_creation.input_tokens", T_CACHE_WRITE, 0},
	{"gen_ai.usage.cache_creation_input_tokens", T_CACHE_WRITE, 1},
	{"llm.token_count.prompt_details.cache_write", T_CACHE_WRITE, 2},
	{"gen_ai.usage.reasoning.output_tokens", T_REASONING, 0},
	{"gen_ai.usage.reasoning_tokens", T_REASONING, 1},
	{"llm.usage.reasoning_tokens", T_REASONING, 2},
	{"llm.token_count.completion_details.reasoning", T_REASONING, 3},
	{"ai.usage.reasoningTokens", T_REASONING, 4},
	{"gen_ai.usage.input_token_details", T_INPUT_DETAILS_JSON, 0},
	{"gen_ai.usage.output_token_details", T_OUTPUT_DETAILS_JSON, 0},
	{"langfuse.observation.usage_details", T_USAGE_JSON, 0},
	{"langfuse.observation.cost_details", T_COST_JSON, 0},
	{"llm.invocation_parameters", T_PARAMETERS_JSON, 0},
	{"gen_ai.response.finish_reasons", T_FINISH, 0},
	{"ai.response.finishReason", T_FINISH, 1},
	{"llm.finish_reason", T_FINISH, 2},
	{"llm.response.finish_reason", T_FINISH, 3},
	{"error.type", T_ERROR_TYPE, 0},
	{"exception.type", T_ERROR_TYPE, 1},
	{"http.response.status_code", T_HTTP_STATUS, 0},
	{"http.status_code", T_HTTP_STATUS, 1},
	{"gen_ai.response.time_to_first_chunk", T_TTFT_S, 0},
	{"gen_ai.response.time_to_first_token", T_TTFT_S, 1},
	{"gen_ai.server.time_to_first_token", T_TTFT_S, 2},
	{"ai.response.msToFirstChunk", T_TTFT_MS, 0},
	{"gen_ai.latency.time_to_first_token_ms", T_TTFT_MS, 1},
	{"langfuse.observation.completion_start_time", T_FIRST_TOKEN_TIME, 0},
	{"enduser.id", T_USER, 0},
	{"user.id", T_USER, 1},
	{"langfuse.user.id", T_USER, 2},
	{"traceloop.association.properties.user_id", T_USER, 3},
	{"langsmith.metadata.user_id", T_USER, 4},
	{"ai.telemetry.metadata.userId", T_USER, 5},
	{"ai.telemetry.metadata.user_id", T_USER, 5},
	{"user.hash", T_USER, 6},
	{"gen_ai.conversation.id", T_SESSION, 0},
	{"session.id", T_SESSION, 1},
	{"langfuse.session.id", T_SESSION, 2},
	{"traceloop.association.properties.session_id", T_SESSION, 3},
	{"langsmith.metadata.session_id", T_SESSION, 4},
	{"langsmith.metadata.thread_id", T_SESSION, 5},
	{"langsmith.metadata.conversation_id", T_SESSION, 6},
	{"ai.telemetry.metadata.sessionId", T_SESSION, 7},
	{"ai.telemetry.metadata.session_id", T_SESSION, 7},
	{"llmdeck.prompt.version", T_PROMPT_VERSION, 0},
	{"langfuse.observation.prompt.version", T_PROMPT_VERSION, 1},
	{"llm.prompt_template.version", T_PROMPT_VERSION, 2},
	{"traceloop.prompt.version", T_PROMPT_VERSION, 3},
	{"llmdeck.tenant", T_TENANT, 0},
	{"tenant.id", T_TENANT, 1},
	{"llmdeck.key", T_KEY, 0},
	{"metadata.user_api_key_alias", T_KEY, 1},
	{"metadata.user_api_key_hash", T_KEY, 2},
	{"gen_ai.tool.name", T_TOOL, 0},
	{"tool.name", T_TOOL, 1},
	{"llmdeck.cost_usd", T_COST_USD, 0},
	{"gen_ai.usage.cost", T_COST_USD, 1},
	{"gen_ai.cost.total_cost", T_COST_USD, 2},
	{"llm.cost.total", T_COST_USD, 3},
	{"llmdeck.attempt", T_ATTEMPT, 0},
	{"llmdeck.outcome", T_OUTCOME, 0},
	{"service.name", T_SERVICE, 0},
	{"deployment.environment.name", T_ENVIRONMENT, 0},
	{"deployment.environment", T_ENVIRONMENT, 1},
	{"langfuse.environment", T_ENVIRONMENT, 2},
	{"llmdeck.deployment", T_DEPLOYMENT, 0},
	{"deployment.name", T_DEPLOYMENT, 1},
	{"service.version", T_DEPLOYMENT, 2},
	{"langfuse.release", T_DEPLOYMENT, 3},
	{"llmdeck.team", T_TEAM, 0},
	{"team", T_TEAM, 1},
	{"metadata.user_api_key_team_alias", T_TEAM, 2},
	{"metadata.user_api_key_team_id", T_TEAM, 3},
	{"cloud.region", T_REGION, 0},
	{"langfuse.observation.level", T_LEVEL, 0},
	{"llm.safety.flag", T_FLAG, 0},
	{"llmdeck.flags", T_FLAG, 0},
};
#define RULE_COUNT (sizeof rules / sizeof rules[0])

/* Keys to rules; filled once, read-only afterwards. */
#define SLOTS 1024u
static const struct rule *slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static void fill_slots(void)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		size_t at = hash_bytes(rules[i].key, strlen(rules[i].key)) % SLOTS;
		while (slots[at])
			at = (at + 1) % SLOTS;
		slots[at] = &rules[i];
	}
}

static const struct rule *find_rule(struct str key)
{
	size_t at = hash_bytes(key.ptr, key.len) % SLOTS;

	for (; slots[at]; at = (at + 1) % SLOTS)
		if (str_equal_c(key, slots[at]->key))
			return slots[at];
	return NULL;
}

/* The winning attribute of each target. */
struct found {
	const struct otlp_value *values[TARGET_COUNT];
	int ranks[TARGET_COUNT];
};

static void collect(struct found *found, struct otlp_attrs attrs, int handicap)
{
	for (size_t i = 0; i < attrs.count; i++) {
		const struct rule *rule = find_rule(attrs.list[i].key);
		int rank;
		if (!rule || attrs.list[i].value.kind == OTLP_EMPTY)
			continue;
		rank = rule->rank + handicap;
		if (!found->values[rule->target] || rank < found->ranks[rule->target]) {
			found->values[rule->target] = &attrs.list[i].value;
			found->ranks[rule->target] = rank;
		}
	}
}

const struct otlp_value *otlp_find(struct otlp_attrs attrs, const char *key)
{
	for (size_t i = 0; i < attrs.count; i++)
		if (str_equal_c(attrs.list[i].key, key))
			return &attrs.list[i].value;
	return NULL;
}

/* A string attribute, or the first string of an array. */
static struct str text_of(const struct otlp_value *v)
{
	if (v && v->kind == OTLP_ARRAY && v->count > 0)
		v = &v->items[0];
	return v && v->kind == OTLP_STRING ? v->text : (struct str){0};
}

/* Text, or a number as text in the batch. */
static struct str name_of(struct batch *b, const struct otlp_value *v)
{
	char number[32];

	if (v && v->kind == OTLP_INT) {
		int len = snprintf(number, sizeof number, "%lld", (long long)v->integer);
		return batch_text(b, (struct str){number, (size_t)len}, EVENT_NAME_MAX_BYTES);
	}
	return batch_text(b, text_of(v), EVENT_NAME_MAX_BYTES);
}

static bool number_of(const struct otlp_value *v, double *out)
{
	if (!v)
		return false;
	if (v->kind == OTLP_INT)
		*out = (double)v->integer;
	else if (v->kind == OTLP_DOUBLE)
		*out = v->number;
	else if (v->kind != OTLP_STRING || !str_to_double(v->text, out))
		return false;
	return *out == *out;
}

static int64_t tokens_of(const struct otlp_value *v)
{
	double number;

	if (v && v->kind == OTLP_INT)
		number = (double)v->integer;
	else if (!number_of(v, &number))
		return UNKNOWN_INT;
	return number >= 0 && number <= (double)EVENT_TOKENS_MAX ? (int64_t)number : UNKNOWN_INT;
}

static bool ends_with_any(struct str name, const char *const *endings)
{
	for (; *endings; endings++)
		if (str_ends_with(name, str_of(*endings)))
			return true;
	return false;
}

struct word_kind {
	const char *word;
	enum genai_kind kind;
};

static enum genai_kind kind_by_word(const struct word_kind *table, const struct otlp_value *v)
{
	struct str word = text_of(v);

	for (; table->word; table++)
		if (str_equal_nocase(word, str_of(table->word)))
			return table->kind;
	return GENAI_OTHER;
}

enum genai_kind genai_classify(const struct otlp_span *span, enum genai_dialect *dialect)
{
	static const struct word_kind operations[] = {
		{"chat", GENAI_MODEL}, {"text_completion", GENAI_MODEL}, {"generate_content", GENAI_MODEL},
		{"embeddings", GENAI_MODEL}, {"completion", GENAI_MODEL}, {"responses", GENAI_MODEL},
		{"image_generation", GENAI_MODEL}, {"rerank", GENAI_MODEL}, {"embedding", GENAI_MODEL},
		{"acompletion", GENAI_MODEL}, {"aembedding", GENAI_MODEL}, {"atext_completion", GENAI_MODEL},
		{"aresponses", GENAI_MODEL}, {"message", GENAI_MODEL},
		{"execute_tool", GENAI_TOOL}, {"invoke_agent", GENAI_AGENT}, {"create_agent", GENAI_AGENT},
		{"invoke_workflow", GENAI_AGENT}, {"retrieval", GENAI_RETRIEVAL}, {NULL, GENAI_OTHER},
	};
	static const struct word_kind openinference[] = {
		{"LLM", GENAI_MODEL}, {"EMBEDDING", GENAI_MODEL}, {"RERANKER", GENAI_MODEL},
		{"AGENT", GENAI_AGENT}, {"CHAIN", GENAI_AGENT}, {"TOOL", GENAI_TOOL},
		{"RETRIEVER", GENAI_RETRIEVAL}, {NULL, GENAI_OTHER},
	};
	static const struct word_kind langfuse[] = {
		{"generation", GENAI_MODEL}, {"embedding", GENAI_MODEL}, {"agent", GENAI_AGENT},
		{"chain", GENAI_AGENT}, {"tool", GENAI_TOOL}, {"retriever", GENAI_RETRIEVAL},
		{NULL, GENAI_OTHER},
	};
	static const struct word_kind langsmith[] = {
		{"llm", GENAI_MODEL}, {"embedding", GENAI_MODEL}, {"chain", GENAI_AGENT},
		{"tool", GENAI_TOOL}, {"retriever", GENAI_RETRIEVAL}, {NULL, GENAI_OTHER},
	};
	static const struct word_kind traceloop[] = {
		{"workflow", GENAI_AGENT}, {"agent", GENAI_AGENT}, {"task", GENAI_AGENT},
		{"tool", GENAI_TOOL}, {NULL, GENAI_OTHER},
	};
	static const struct { const char *key; enum genai_dialect dialect; const struct word_kind *words; } marks[] = {
		{"openinference.span.kind", DIALECT_OPENINFERENCE, openinference},
		{"langfuse.observation.type", DIALECT_LANGFUSE, langfuse},
		{"langsmith.span.kind", DIALECT_LANGSMITH, langsmith},
		{"gen_ai.operation.name", DIALECT_OTEL, operations},
		{"traceloop.span.kind", DIALECT_OTEL, traceloop},
		{"llm.request.type", DIALECT_OTEL, operations},
	};
	static const char *const vercel_calls[] = {".doGenerate", ".doStream", ".doEmbed", NULL};

	/* The AI SDK repeats a call's figures on the spans around it: only the innermost counts. */
	if (str_starts_with(span->name, STR_LIT("ai.")) && otlp_find(span->attrs, "ai.operationId")) {
		*dialect = DIALECT_VERCEL;
		if (str_equal_c(span->name, "ai.toolCall"))
			return GENAI_TOOL;
		return ends_with_any(span->name, vercel_calls) ? GENAI_MODEL : GENAI_AGENT;
	}
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		const struct otlp_value *mark = otlp_find(span->attrs, marks[i].key);
		if (!mark)
			continue;
		*dialect = marks[i].dialect;
		return kind_by_word(marks[i].words, mark);
	}
	return GENAI_OTHER;
}

bool genai_errors_are_lower_bound(struct str scope_name)
{
	static const char *const silent[] = {
		"@traceloop/instrumentation-openai", "@arizeai/openinference-instrumentation-openai",
		"langsmith", NULL,
	};

	for (const char *const *name = silent; *name; name++)
		if (str_equal_c(scope_name, *name))
			return true;
	return false;
}

/* The first word of an array that was sent as JSON text, as LiteLLM does: ["stop"]. */
static struct str first_word(struct str text)
{
	struct str rest = text;

	if (text.len < 2 || text.ptr[0] != '[')
		return text;
	str_cut(&rest, '"');
	return str_cut(&rest, '"');
}

/* "tool-calls" and "tool_call" are what OpenTelemetry calls tool_calls. LangSmith sends a plain string
 * where an array is meant, which text_of() has taken as it is. */
static struct str finish_reason_of(struct batch *b, const struct otlp_value *v)
{
	char word[64];
	struct str text = first_word(text_of(v));

	if (text.len == 0 || text.len >= sizeof word)
		return batch_text(b, text, EVENT_NAME_MAX_BYTES);
	for (size_t i = 0; i < text.len; i++)
		word[i] = text.ptr[i] == '-' ? '_' : text.ptr[i];
	text = (struct str){word, text.len};
	if (str_equal_c(text, "tool_call") || str_equal_c(text, "function_call"))
		text = STR_LIT("tool_calls");
	if (str_equal_c(text, "completed")) /* LiteLLM hands on the status of OpenAI's responses API */
		text = STR_LIT("stop");
	return batch_text(b, text, EVENT_NAME_MAX_BYTES);
}

/* Sums the members of a flat JSON object of numbers by name: all that start with `prefix`, and the one
 * whose name contains `part` on top of that. UNKNOWN_INT when there is none. */
struct usage {
	int64_t input, output, cached, cache_write, reasoning;
};

static void add_count(int64_t *sum, int64_t count)
{
	*sum = (*sum == UNKNOWN_INT ? 0 : *sum) + count;
}

static bool contains(struct str text, const char *part)
{
	size_t len = strlen(part);

	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.ptr + i, part, len) == 0)
			return true;
	return false;
}

/* One member of Langfuse's usage: its input and output exclude what the details name, so that the
 * whole is the sum of all members that begin alike. */
static void add_usage_member(struct usage *u, struct str key, int64_t count)
{
	bool input = str_starts_with(key, STR_LIT("input")) || str_starts_with(key, STR_LIT("prompt")) ||
	             contains(key, "cache_read") || contains(key, "cache_creation");
	bool output = str_starts_with(key, STR_LIT("output")) || str_starts_with(key, STR_LIT("completion"));

	if (input)
		add_count(&u->input, count);
	if (output)
		add_count(&u->output, count);
	if (input && (contains(key, "creation") || contains(key, "cache_write")))
		add_count(&u->cache_write, count);
	else if (input && contains(key, "cache"))
		add_count(&u->cached, count);
	if (output && contains(key, "reasoning"))
		add_count(&u->reasoning, count);
}

/* Calls `member` for each number of a flat JSON object held in a string attribute. */
static void each_json_number(struct str json, void (*member)(void *arg, struct str key, const struct json_reader *r),
                             void *arg)
{
	struct json_reader r;
	enum json_token t;
	struct str key;

	json_init(&r, json);
	if (json_next(&r) != JSON_OBJECT)
		return;
	while (json_next(&r) == JSON_KEY) {
		key = r.text;
		t = json_next(&r);
		if (t == JSON_NUMBER)
			member(arg, key, &r);
		else if (t == JSON_ERROR || !json_skip(&r, t))
			return;
	}
}

static void usage_member(void *arg, struct str key, const struct json_reader *r)
{
	int64_t count;

	if (json_int64(r, &count) && count >= 0 && count <= EVENT_TOKENS_MAX &&
	    !str_starts_with(key, STR_LIT("total")))
		add_usage_member(arg, key, count);
}

/* LangSmith's details: {"cache_read": 3, "cache_creation": 0} and {"reasoning": 4}. */
static void details_member(void *arg, struct str key, const struct json_reader *r)
{
	struct usage *u = arg;
	int64_t count;

	if (!json_int64(r, &count) || count < 0 || count > EVENT_TOKENS_MAX)
		return;
	if (contains(key, "cache_read"))
		u->cached = count;
	else if (contains(key, "cache_creation"))
		u->cache_write = count;
	else if (contains(key, "reasoning"))
		u->reasoning = count;
}

static void set_unless_known(int64_t *field, int64_t value)
{
	if (*field == UNKNOWN_INT)
		*field = value;
}

static void fill_tokens(struct request *r, const struct found *f)
{
	struct usage whole = {UNKNOWN_INT, UNKNOWN_INT, UNKNOWN_INT, UNKNOWN_INT, UNKNOWN_INT};
	struct usage details = whole;

	r->input_tokens = tokens_of(f->values[T_INPUT]);
	r->output_tokens = tokens_of(f->values[T_OUTPUT]);
	r->cached_tokens = tokens_of(f->values[T_CACHED]);
	r->cache_write_tokens = tokens_of(f->values[T_CACHE_WRITE]);
	r->reasoning_tokens = tokens_of(f->values[T_REASONING]);
	if (f->values[T_USAGE_JSON])
		each_json_number(text_of(f->values[T_USAGE_JSON]), usage_member, &whole);
	if (f->values[T_INPUT_DETAILS_JSON])
		each_json_number(text_of(f->values[T_INPUT_DETAILS_JSON]), details_member, &details);
	if (f->values[T_OUTPUT_DETAILS_JSON])
		each_json_number(text_of(f->values[T_OUTPUT_DETAILS_JSON]), details_member, &details);
	set_unless_known(&r->input_tokens, whole.input);
	set_unless_known(&r->output_tokens, whole.output);
	set_unless_known(&r->cached_tokens, whole.cached);
	set_unless_known(&r->cache_write_tokens, whole.cache_write);
	set_unless_known(&r->reasoning_tokens, whole.reasoning);
	set_unless_known(&r->cached_tokens, details.cached);
	set_unless_known(&r->cache_write_tokens, details.cache_write);
	set_unless_known(&r->reasoning_tokens, details.reasoning);
}

/* "model" of OpenInference's invocation parameters. */
static struct str model_of_parameters(struct batch *b, struct str json)
{
	struct json_reader r;
	enum json_token t;

	json_init(&r, json);
	if (json_next(&r) != JSON_OBJECT)
		return (struct str){0};
	while (json_next(&r) == JSON_KEY) {
		bool wanted = str_equal_c(r.text, "model");
		t = json_next(&r);
		if (wanted && t == JSON_STRING)
			return batch_text(b, json_text(&r, &b->arena), EVENT_NAME_MAX_BYTES);
		if (t == JSON_ERROR || !json_skip(&r, t))
			break;
	}
	return (struct str){0};
}

static void fill_models(struct batch *b, struct request *r, const struct found *f)
{
	struct str asked = name_of(b, f->values[T_MODEL_ASKED]);
	struct str answered = name_of(b, f->values[T_MODEL_ANSWERED]);

	if (asked.len == 0 && f->values[T_PARAMETERS_JSON])
		asked = model_of_parameters(b, text_of(f->values[T_PARAMETERS_JSON]));
	r->dims[DIM_MODEL] = answered.len ? answered : asked;
	if (answered.len && asked.len && !str_equal(asked, answered))
		r->request_model = asked;
}

/* "openai.chat" is how the Vercel AI SDK names OpenAI's chat endpoint; "openai/gpt-4.1" is where LiteLLM
 * tells it when its gen_ai.system is empty. */
static struct str provider_of(struct batch *b, const struct found *f, const struct otlp_span *span,
                              enum genai_dialect dialect)
{
	struct str text = text_of(f->values[T_PROVIDER]), rest = text;

	if (dialect == DIALECT_VERCEL)
		text = str_cut(&rest, '.');
	if (text.len == 0) {
		rest = text_of(otlp_find(span->attrs, "litellm.provider.model"));
		if (rest.len && memchr(rest.ptr, '/', rest.len))
			text = str_cut(&rest, '/');
	}
	return batch_text(b, text, EVENT_NAME_MAX_BYTES);
}

static struct str operation_of(struct batch *b, const struct found *f, const struct otlp_span *span,
                               enum genai_dialect dialect)
{
	static const struct { const char *part, *operation; } by_name[] = {
		{"mbed", "embeddings"}, {"erank", "rerank"},
	};
	static const struct { const char *word, *operation; } by_function[] = { /* LiteLLM names its own functions */
		{"acompletion", "chat"}, {"responses", "chat"}, {"aresponses", "chat"}, {"embedding", "embeddings"},
		{"aembedding", "embeddings"}, {"atext_completion", "text_completion"},
	};
	struct str text = text_of(f->values[T_OPERATION]), kind;

	for (size_t i = 0; i < sizeof by_function / sizeof by_function[0]; i++)
		if (str_equal_c(text, by_function[i].word))
			return str_of(by_function[i].operation);
	if (text.len)
		return batch_text(b, text, EVENT_NAME_MAX_BYTES);
	kind = span->name;
	if (dialect == DIALECT_OPENINFERENCE)
		kind = text_of(otlp_find(span->attrs, "openinference.span.kind"));
	for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
		if (contains(kind, by_name[i].part) || (dialect == DIALECT_OPENINFERENCE && i == 0 && str_equal_c(kind, "EMBEDDING")))
			return str_of(by_name[i].operation);
	return STR_LIT("chat");
}

static int64_t ns_to_us(int64_t ns)
{
	return ns / 1000;
}

static int64_t ttft_of(const struct found *f, const struct otlp_span *span)
{
	static const struct { enum target target; double to_us; } units[] = {
		{T_TTFT_S, 1e6}, {T_TTFT_MS, 1e3}, {T_TTFT_NS, 1e-3},
	};
	struct str text = text_of(f->values[T_FIRST_TOKEN_TIME]);
	double number;
	int64_t first_us;

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (number_of(f->values[units[i].target], &number) && number > 0 &&
		    number * units[i].to_us < (double)EVENT_LATENCY_MAX_US)
			return (int64_t)(number * units[i].to_us + 0.5);
	if (text.len > 2 && text.ptr[0] == '"') { /* Langfuse quotes it once more */
		text.ptr++;
		text.len -= 2;
	}
	if (text.len && time_parse(text, NULL, TIME_UNIT_AUTO, &first_us) &&
	    first_us >= ns_to_us(span->start_ns) && first_us <= ns_to_us(span->end_ns))
		return first_us - ns_to_us(span->start_ns);
	return UNKNOWN_INT;
}

/* "429 Rate limit reached …": an HTTP code at the start of a client's message, maybe behind "Error: " or,
 * in Python, "Error code: ". */
static int http_status_in(struct str message)
{
	const struct str before[] = {STR_LIT("Error: "), STR_LIT("Error code: ")};
	int64_t code;

	for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
		if (str_starts_with(message, before[i])) {
			message = (struct str){message.ptr + before[i].len, message.len - before[i].len};
			break;
		}
	if (message.ptr && message.len >= 4 && message.ptr[3] == ' ' &&
	    str_to_int64((struct str){message.ptr, 3}, &code) && code >= 400 && code <= 599)
		return (int)code;
	return 0;
}

static const struct otlp_span_event *exception_of(const struct otlp_span *span)
{
	for (size_t i = 0; i < span->event_count; i++)
		if (str_equal_c(span->events[i].name, "exception"))
			return &span->events[i];
	return NULL;
}

/* The field's usual names for what went wrong, when a client only says a code or its own class. */
static const char *error_type_of_status(int http_status)
{
	switch (http_status) {
	case 400: return "bad_request";
	case 401: return "authentication";
	case 403: return "permission_denied";
	case 404: return "not_found";
	case 408: case 504: return "timeout";
	case 429: return "rate_limit";
	case 529: return "overloaded";
	default: return http_status >= 500 ? "server_error" : "error";
	}
}

static void fill_error(struct batch *b, struct request *r, const struct found *f, const struct otlp_span *span)
{
	const struct otlp_span_event *exception = exception_of(span);
	struct str type = text_of(f->values[T_ERROR_TYPE]);
	int64_t code = tokens_of(f->values[T_HTTP_STATUS]);
	bool level_error = str_equal_c(text_of(f->values[T_LEVEL]), "ERROR");
	struct str message = span->status_message;

	if (level_error && message.len == 0)
		message = text_of(otlp_find(span->attrs, "langfuse.observation.status_message"));
	if (exception && message.len == 0)
		message = text_of(otlp_find(exception->attrs, "exception.message"));
	if (code < 100 || code > 599)
		code = http_status_in(message);
	if (exception && type.len == 0)
		type = text_of(otlp_find(exception->attrs, "exception.type"));
	r->http_status = (uint16_t)(code > 0 ? code : 0);
	if (span->status != 2 && !level_error && !exception && code < 400 && f->values[T_ERROR_TYPE] == NULL)
		return;
	r->status = REQUEST_ERROR;
	if (type.len == 0 || str_equal_c(type, "Error") || str_equal_c(type, "_OTHER"))
		type = code >= 400 ? str_of(error_type_of_status((int)code))
		     : contains(message, "timed out") ? STR_LIT("timeout") : STR_LIT("error");
	r->error_type = batch_text(b, type, EVENT_NAME_MAX_BYTES);
}

/* Flags: one category, or several as "a|b:4" or as an array. */
static void fill_flags(struct batch *b, struct request *r, const struct otlp_value *v)
{
	struct flag *flags;
	size_t count = 0;

	if (!v)
		return;
	flags = arena_alloc(&b->arena, 16 * sizeof *flags);
	for (size_t i = 0; i < (v->kind == OTLP_ARRAY ? v->count : 1) && count < 16; i++) {
		struct str rest = v->kind == OTLP_ARRAY ? text_of(&v->items[i]) : text_of(v);
		while (rest.len && count < 16) {
			struct str severity, name = str_cut(&rest, '|');
			int64_t level;
			severity = name;
			name = str_cut(&severity, ':');
			if (name.len == 0)
				continue;
			flags[count].category = batch_text(b, name, EVENT_NAME_MAX_BYTES);
			flags[count].severity = str_to_int64(severity, &level) && level >= 0 && level <= 7 ? (int8_t)level : -1;
			flags[count++].action = FLAG_NOTED;
		}
	}
	if (str_equal_c(r->finish_reason, "content_filter") && count)
		flags[0].action = FLAG_BLOCKED;
	r->flags = flags;
	r->flag_count = (uint32_t)count;
}

void genai_fill_dims(struct batch *b, struct str dims[DIM_COUNT], const struct otlp_origin *from,
                     struct otlp_attrs attrs)
{
	static const struct { enum target target; enum dim dim; } places[] = {
		{T_SERVICE, DIM_SERVICE}, {T_ENVIRONMENT, DIM_ENVIRONMENT}, {T_DEPLOYMENT, DIM_DEPLOYMENT},
		{T_TEAM, DIM_TEAM}, {T_REGION, DIM_REGION},
	};
	struct found f = {0};

	pthread_once(&slots_once, fill_slots);
	collect(&f, attrs, 0);
	collect(&f, from->resource, 1);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		dims[places[i].dim] = name_of(b, f.values[places[i].target]);
}

static void fill_attrs(struct batch *b, struct request *r, const struct found *f)
{
	static const struct { enum target target; enum attr attr; } places[] = {
		{T_USER, ATTR_USER}, {T_SESSION, ATTR_SESSION}, {T_PROMPT_VERSION, ATTR_PROMPT_VERSION},
		{T_TENANT, ATTR_TENANT}, {T_KEY, ATTR_KEY}, {T_TOOL, ATTR_TOOL},
	};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		r->attrs[places[i].attr] = name_of(b, f->values[places[i].target]);
}

void genai_fill_context(struct batch *b, struct request *r, const struct otlp_origin *from,
                        const struct otlp_span *span)
{
	struct found f = {0};

	pthread_once(&slots_once, fill_slots);
	collect(&f, span->attrs, 0);
	genai_fill_dims(b, r->dims, from, span->attrs);
	fill_attrs(b, r, &f);
}

/* Langfuse's cost details: {"input": 0.1, "output": 0.2, "total": 0.3}. */
static void cost_member(void *arg, struct str key, const struct json_reader *r)
{
	double *total = arg, usd;

	if (str_equal_c(key, "total") && str_to_double(r->text, &usd))
		*total = usd;
}

static void fill_cost(struct request *r, const struct found *f)
{
	double usd = -1;

	if (f->values[T_COST_JSON])
		each_json_number(text_of(f->values[T_COST_JSON]), cost_member, &usd);
	number_of(f->values[T_COST_USD], &usd);
	if (!(usd >= 0 && usd <= 1e6))
		return;
	r->cost_nusd = (int64_t)(usd * 1e9 + 0.5);
	r->cost_source = COST_REPORTED;
}

bool genai_fill_request(struct batch *b, struct request *r, const struct otlp_origin *from,
                        const struct otlp_span *span, enum genai_dialect dialect)
{
	struct found f = {0};
	int64_t latency_us = ns_to_us(span->end_ns) - ns_to_us(span->start_ns), attempt;

	if (span->start_ns <= 0 || span->end_ns < span->start_ns || latency_us > EVENT_LATENCY_MAX_US)
		return false;
	pthread_once(&slots_once, fill_slots);
	collect(&f, span->attrs, 0);
	genai_fill_dims(b, r->dims, from, span->attrs);
	r->end_us = ns_to_us(span->end_ns);
	r->latency_us = latency_us;
	r->ttft_us = ttft_of(&f, span);
	r->dims[DIM_PROVIDER] = provider_of(b, &f, span, dialect);
	fill_models(b, r, &f);
	fill_tokens(r, &f);
	r->operation = operation_of(b, &f, span, dialect);
	r->finish_reason = finish_reason_of(b, f.values[T_FINISH]);
	fill_error(b, r, &f, span);
	fill_attrs(b, r, &f);
	r->outcome = name_of(b, f.values[T_OUTCOME]);
	r->errors_unseen = genai_errors_are_lower_bound(from->scope_name);
	attempt = tokens_of(f.values[T_ATTEMPT]);
	r->attempt = (uint8_t)(attempt > 0 && attempt <= UINT8_MAX ? attempt : 0);
	fill_cost(r, &f);
	fill_flags(b, r, f.values[T_FLAG]);
	r->has_trace = r->has_span = span->has_ids;
	r->has_parent = span->has_ids && span->has_parent;
	memcpy(r->trace_id, span->trace_id, sizeof r->trace_id);
	memcpy(r->span_id, span->span_id, sizeof r->span_id);
	memcpy(r->parent_id, span->parent_id, sizeof r->parent_id);
	return true;
}
