/* Each record is read once: its attributes are looked up in the table of genai_rules.c, and what stands
 * under the winning ones goes into the request. What its resource says is kept until the resource changes.
 * JSON inside attributes (Langfuse's usage, LangSmith's details) is read with the project's scanner. */
#include "parse/genai.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "core/money.h"
#include "core/text_memo.h"
#include "parse/genai_rules.h"
#include "parse/json.h"

/* The dimensions that a record may take from its resource. */
static const struct { enum genai_target target; enum dim dim; } places[] = {
	{T_SERVICE, DIM_SERVICE}, {T_ENVIRONMENT, DIM_ENVIRONMENT}, {T_DEPLOYMENT, DIM_DEPLOYMENT},
	{T_TEAM, DIM_TEAM}, {T_REGION, DIM_REGION},
};
#define PLACES (sizeof places / sizeof places[0])
#define NO_RANK UINT8_MAX

enum dialect {
	DIALECT_OTEL, DIALECT_OPENINFERENCE, DIALECT_LANGFUSE, DIALECT_LANGSMITH, DIALECT_VERCEL,
};

struct genai {
	struct batch *out;
	uint64_t out_number;
	struct text_memo names;
	unsigned resource; /* its number; 0: none was read */
	struct {
		uint8_t rank; /* among the record's own, which win when they are equal; NO_RANK: it says nothing */
		struct str name;
	} of_resource[PLACES];
	struct genai_found found; /* of the record in hand */
	enum dialect dialect;
};

struct genai *genai_new(void)
{
	return mem_zalloc(sizeof(struct genai));
}

void genai_free(struct genai **g)
{
	free(*g);
	*g = NULL;
}

void genai_begin(struct genai *g, struct batch *b)
{
	g->out = b;
	g->out_number++;
	g->resource = 0;
}

static struct str keep(struct genai *g, struct str name)
{
	return text_memo_name(&g->names, g->out, g->out_number, name);
}

/* A string attribute, or the first string of an array. */
static struct str text_of(const struct otlp_value *v)
{
	if (v && v->kind == OTLP_ARRAY && v->count > 0)
		v = &v->items[0];
	return v && v->kind == OTLP_STRING ? v->text : (struct str){0};
}

static struct str number_name(struct genai *g, int64_t number)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%lld", (long long)number);

	return keep(g, (struct str){text, (size_t)len});
}

/* Text, or a number as text in the batch. Most records say little of what they could. */
static inline struct str name_of(struct genai *g, const struct otlp_value *v)
{
	if (!v)
		return (struct str){0};
	return v->kind == OTLP_INT ? number_name(g, v->integer) : keep(g, text_of(v));
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
	struct str word;
	enum genai_kind kind;
};

static enum genai_kind kind_by_word(const struct word_kind *table, const struct otlp_value *v)
{
	struct str word = text_of(v);

	for (; table->word.len; table++)
		if (word.len == table->word.len && str_equal_nocase(word, table->word))
			return table->kind;
	return GENAI_OTHER;
}

enum genai_kind genai_classify(struct genai *g, const struct otlp_span *span)
{
	static const struct word_kind operations[] = {
		{STR_INIT("chat"), GENAI_MODEL}, {STR_INIT("text_completion"), GENAI_MODEL}, {STR_INIT("generate_content"), GENAI_MODEL},
		{STR_INIT("embeddings"), GENAI_MODEL}, {STR_INIT("completion"), GENAI_MODEL}, {STR_INIT("responses"), GENAI_MODEL},
		{STR_INIT("image_generation"), GENAI_MODEL}, {STR_INIT("rerank"), GENAI_MODEL}, {STR_INIT("embedding"), GENAI_MODEL},
		{STR_INIT("acompletion"), GENAI_MODEL}, {STR_INIT("aembedding"), GENAI_MODEL}, {STR_INIT("atext_completion"), GENAI_MODEL},
		{STR_INIT("aresponses"), GENAI_MODEL}, {STR_INIT("message"), GENAI_MODEL},
		{STR_INIT("execute_tool"), GENAI_TOOL}, {STR_INIT("invoke_agent"), GENAI_AGENT}, {STR_INIT("create_agent"), GENAI_AGENT},
		{STR_INIT("invoke_workflow"), GENAI_AGENT}, {STR_INIT("retrieval"), GENAI_RETRIEVAL}, {STR_INIT(""), GENAI_OTHER},
	};
	static const struct word_kind openinference[] = {
		{STR_INIT("LLM"), GENAI_MODEL}, {STR_INIT("EMBEDDING"), GENAI_MODEL}, {STR_INIT("RERANKER"), GENAI_MODEL},
		{STR_INIT("AGENT"), GENAI_AGENT}, {STR_INIT("CHAIN"), GENAI_AGENT}, {STR_INIT("TOOL"), GENAI_TOOL},
		{STR_INIT("RETRIEVER"), GENAI_RETRIEVAL}, {STR_INIT(""), GENAI_OTHER},
	};
	static const struct word_kind langfuse[] = {
		{STR_INIT("generation"), GENAI_MODEL}, {STR_INIT("embedding"), GENAI_MODEL}, {STR_INIT("agent"), GENAI_AGENT},
		{STR_INIT("chain"), GENAI_AGENT}, {STR_INIT("tool"), GENAI_TOOL}, {STR_INIT("retriever"), GENAI_RETRIEVAL},
		{STR_INIT(""), GENAI_OTHER},
	};
	static const struct word_kind langsmith[] = {
		{STR_INIT("llm"), GENAI_MODEL}, {STR_INIT("embedding"), GENAI_MODEL}, {STR_INIT("chain"), GENAI_AGENT},
		{STR_INIT("tool"), GENAI_TOOL}, {STR_INIT("retriever"), GENAI_RETRIEVAL}, {STR_INIT(""), GENAI_OTHER},
	};
	static const struct word_kind traceloop[] = {
		{STR_INIT("workflow"), GENAI_AGENT}, {STR_INIT("agent"), GENAI_AGENT}, {STR_INIT("task"), GENAI_AGENT},
		{STR_INIT("tool"), GENAI_TOOL}, {STR_INIT(""), GENAI_OTHER},
	};
	static const struct { enum genai_target target; enum dialect dialect; const struct word_kind *words; } marks[] = {
		{T_OPENINFERENCE_KIND, DIALECT_OPENINFERENCE, openinference},
		{T_LANGFUSE_TYPE, DIALECT_LANGFUSE, langfuse},
		{T_LANGSMITH_KIND, DIALECT_LANGSMITH, langsmith},
		{T_OPERATION, DIALECT_OTEL, operations},
		{T_TRACELOOP_KIND, DIALECT_OTEL, traceloop},
		{T_REQUEST_TYPE, DIALECT_OTEL, operations},
	};
	static const char *const vercel_calls[] = {".doGenerate", ".doStream", ".doEmbed", NULL};

	/* The AI SDK repeats a call's figures on the spans around it: only the innermost counts. */
	if (str_starts_with(span->name, STR_LIT("ai.")) && g->found.values[T_VERCEL_OPERATION]) {
		g->dialect = DIALECT_VERCEL;
		if (str_equal_c(span->name, "ai.toolCall"))
			return GENAI_TOOL;
		return ends_with_any(span->name, vercel_calls) ? GENAI_MODEL : GENAI_AGENT;
	}
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		const struct otlp_value *mark = g->found.values[marks[i].target];
		if (!mark)
			continue;
		g->dialect = marks[i].dialect;
		return kind_by_word(marks[i].words, mark);
	}
	return GENAI_OTHER;
}

bool genai_errors_are_lower_bound(struct str scope_name)
{
	return str_equal_c(scope_name, "@traceloop/instrumentation-openai") ||
	       str_equal_c(scope_name, "@arizeai/openinference-instrumentation-openai") ||
	       str_equal_c(scope_name, "langsmith");
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
static struct str finish_reason_of(struct genai *g, const struct otlp_value *v)
{
	char word[64];
	struct str text = first_word(text_of(v));

	if (text.len == 0 || text.len >= sizeof word)
		return keep(g, text);
	for (size_t i = 0; i < text.len; i++)
		word[i] = text.ptr[i] == '-' ? '_' : text.ptr[i];
	text = (struct str){word, text.len};
	if (str_equal_c(text, "tool_call") || str_equal_c(text, "function_call"))
		text = STR_LIT("tool_calls");
	if (str_equal_c(text, "completed")) /* LiteLLM hands on the status of OpenAI's responses API */
		text = STR_LIT("stop");
	return keep(g, text);
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

static void fill_tokens(struct request *r, const struct genai_found *f)
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
static struct str model_of_parameters(struct genai *g, struct str json)
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
			return keep(g, json_text(&r, &g->out->arena));
		if (t == JSON_ERROR || !json_skip(&r, t))
			break;
	}
	return (struct str){0};
}

static void fill_models(struct genai *g, struct request *r, const struct genai_found *f)
{
	struct str asked = name_of(g, f->values[T_MODEL_ASKED]);
	struct str answered = name_of(g, f->values[T_MODEL_ANSWERED]);

	if (asked.len == 0 && f->values[T_PARAMETERS_JSON])
		asked = model_of_parameters(g, text_of(f->values[T_PARAMETERS_JSON]));
	r->dims[DIM_MODEL] = answered.len ? answered : asked;
	if (answered.len && asked.len && !str_equal(asked, answered))
		r->request_model = asked;
}

/* "openai.chat" is how the Vercel AI SDK names OpenAI's chat endpoint; "openai/gpt-4.1" is where LiteLLM
 * tells it when its gen_ai.system is empty. */
static struct str provider_of(struct genai *g, const struct genai_found *f)
{
	struct str text = text_of(f->values[T_PROVIDER]), rest = text;

	if (g->dialect == DIALECT_VERCEL)
		text = str_cut(&rest, '.');
	if (text.len == 0) {
		rest = text_of(f->values[T_PROVIDER_MODEL]);
		if (rest.len && memchr(rest.ptr, '/', rest.len))
			text = str_cut(&rest, '/');
	}
	return keep(g, text);
}

static struct str operation_of(struct genai *g, const struct genai_found *f, const struct otlp_span *span)
{
	static const struct { const char *part, *operation; } by_name[] = {
		{"mbed", "embeddings"}, {"erank", "rerank"},
	};
	static const struct { struct str word, operation; } by_function[] = { /* LiteLLM names its own functions */
		{STR_INIT("acompletion"), STR_INIT("chat")}, {STR_INIT("responses"), STR_INIT("chat")},
		{STR_INIT("aresponses"), STR_INIT("chat")}, {STR_INIT("embedding"), STR_INIT("embeddings")},
		{STR_INIT("aembedding"), STR_INIT("embeddings")}, {STR_INIT("atext_completion"), STR_INIT("text_completion")},
	};
	struct str text = text_of(f->values[f->values[T_OPERATION] ? T_OPERATION : T_REQUEST_TYPE]), kind;

	for (size_t i = 0; i < sizeof by_function / sizeof by_function[0]; i++)
		if (str_equal(text, by_function[i].word))
			return by_function[i].operation;
	if (text.len)
		return keep(g, text);
	kind = span->name;
	if (g->dialect == DIALECT_OPENINFERENCE)
		kind = text_of(f->values[T_OPENINFERENCE_KIND]);
	for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
		if (contains(kind, by_name[i].part) || (g->dialect == DIALECT_OPENINFERENCE && i == 0 && str_equal_c(kind, "EMBEDDING")))
			return str_of(by_name[i].operation);
	return STR_LIT("chat");
}

static int64_t ns_to_us(int64_t ns)
{
	return ns / 1000;
}

static int64_t ttft_of(const struct genai_found *f, const struct otlp_span *span)
{
	static const struct { enum genai_target target; double to_us; } units[] = {
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

static void fill_error(struct genai *g, struct request *r, const struct genai_found *f, const struct otlp_span *span)
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
	r->error_type = keep(g, type);
}

/* Flags: one category, or several as "a|b:4" or as an array. */
static void fill_flags(struct genai *g, struct request *r, const struct otlp_value *v)
{
	struct flag *flags;
	size_t count = 0;

	if (!v)
		return;
	flags = arena_alloc(&g->out->arena, 16 * sizeof *flags);
	for (size_t i = 0; i < (v->kind == OTLP_ARRAY ? v->count : 1) && count < 16; i++) {
		struct str rest = v->kind == OTLP_ARRAY ? text_of(&v->items[i]) : text_of(v);
		while (rest.len && count < 16) {
			struct str severity, name = str_cut(&rest, '|');
			int64_t level;
			severity = name;
			name = str_cut(&severity, ':');
			if (name.len == 0)
				continue;
			flags[count].category = keep(g, name);
			flags[count].severity = str_to_int64(severity, &level) && level >= 0 && level <= 7 ? (int8_t)level : -1;
			flags[count++].action = FLAG_NOTED;
		}
	}
	if (str_equal_c(r->finish_reason, "content_filter") && count)
		flags[0].action = FLAG_BLOCKED;
	r->flags = flags;
	r->flag_count = (uint32_t)count;
}

/* What the resource says of the dimensions, once. An attribute of the record's own wins from the same rank on. */
static void read_resource(struct genai *g, const struct otlp_origin *from)
{
	struct genai_found f;

	if (g->resource == from->number)
		return;
	g->resource = from->number;
	genai_find_all(&f, from->resource);
	for (size_t i = 0; i < PLACES; i++) {
		const struct otlp_value *v = f.values[places[i].target];

		g->of_resource[i].rank = v ? f.ranks[places[i].target] + 1 : NO_RANK;
		g->of_resource[i].name = name_of(g, v);
	}
}

void genai_read(struct genai *g, const struct otlp_origin *from, struct otlp_attrs attrs)
{
	genai_find_all(&g->found, attrs);
	read_resource(g, from);
}

void genai_fill_dims(struct genai *g, struct str dims[DIM_COUNT])
{
	const struct genai_found *f = &g->found;

	for (size_t i = 0; i < PLACES; i++) {
		const struct otlp_value *own = f->values[places[i].target];

		dims[places[i].dim] = own && f->ranks[places[i].target] <= g->of_resource[i].rank ? name_of(g, own)
		                      : g->of_resource[i].name;
	}
}

static void fill_attrs(struct genai *g, struct request *r, const struct genai_found *f)
{
	static const struct { enum genai_target target; enum attr attr; } own[] = {
		{T_USER, ATTR_USER}, {T_SESSION, ATTR_SESSION}, {T_PROMPT_VERSION, ATTR_PROMPT_VERSION},
		{T_TENANT, ATTR_TENANT}, {T_KEY, ATTR_KEY}, {T_TOOL, ATTR_TOOL},
	};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		r->attrs[own[i].attr] = name_of(g, f->values[own[i].target]);
}

void genai_fill_context(struct genai *g, struct request *r)
{
	genai_fill_dims(g, r->dims);
	fill_attrs(g, r, &g->found);
}

/* Langfuse's cost details: {"input": 0.1, "output": 0.2, "total": 0.3}. */
static void cost_member(void *arg, struct str key, const struct json_reader *r)
{
	double *total = arg, usd;

	if (str_equal_c(key, "total") && str_to_double(r->text, &usd))
		*total = usd;
}

static void fill_cost(struct request *r, const struct genai_found *f)
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

bool genai_fill_request(struct genai *g, struct request *r, const struct otlp_origin *from, const struct otlp_span *span)
{
	const struct genai_found *f = &g->found;
	int64_t latency_us = ns_to_us(span->end_ns) - ns_to_us(span->start_ns), attempt;

	if (span->start_ns <= 0 || span->end_ns < span->start_ns || latency_us > EVENT_LATENCY_MAX_US)
		return false;
	genai_fill_context(g, r);
	r->end_us = ns_to_us(span->end_ns);
	r->latency_us = latency_us;
	r->ttft_us = ttft_of(f, span);
	r->dims[DIM_PROVIDER] = provider_of(g, f);
	fill_models(g, r, f);
	fill_tokens(r, f);
	r->operation = operation_of(g, f, span);
	r->finish_reason = finish_reason_of(g, f->values[T_FINISH]);
	fill_error(g, r, f, span);
	r->response_id = batch_text(g->out, text_of(f->values[T_RESPONSE_ID]), EVENT_NAME_MAX_BYTES); /* no two alike */
	r->outcome = name_of(g, f->values[T_OUTCOME]);
	r->errors_unseen = genai_errors_are_lower_bound(from->scope_name);
	attempt = tokens_of(f->values[T_ATTEMPT]);
	r->attempt = (uint8_t)(attempt > 0 && attempt <= UINT8_MAX ? attempt : 0);
	fill_cost(r, f);
	fill_flags(g, r, f->values[T_FLAG]);
	r->has_trace = r->has_span = span->has_ids;
	r->has_parent = span->has_ids && span->has_parent;
	memcpy(r->trace_id, span->trace_id, sizeof r->trace_id);
	memcpy(r->span_id, span->span_id, sizeof r->span_id);
	memcpy(r->parent_id, span->parent_id, sizeof r->parent_id);
	return true;
}
