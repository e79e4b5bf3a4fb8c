/* The table and the search in it. Names are compared in their bare form (letters and digits, lower
 * case), so that ContextTokens, context_tokens and context.tokens are one. */
#include "parse/fields.h"

#include "core/event.h"

#define REQ(member) offsetof(struct request, member)
#define DIM(d) (offsetof(struct request, dims) + (d) * sizeof(struct str))
#define ATTR(a) (offsetof(struct request, attrs) + (a) * sizeof(struct str))
#define FB(member) offsetof(struct feedback, member)
#define FBDIM(d) (offsetof(struct feedback, dims) + (d) * sizeof(struct str))
#define BILL(member) offsetof(struct billing, member)

#define R ROW_REQUEST
#define F ROW_FEEDBACK
#define B ROW_BILLING
#define TIME_ALIASES "timestamp ts start_time started_at created created_at datetime date startTime request_time event_time time_stamp"
#define TRACE_ALIASES "trace traceid otel_trace_id gen_ai.trace_id"

const struct field_row fields[FIELD_COUNT_ALL] = {
	[FIELD_REQ_TIME] = {R, "time", FIELD_TIME, UNIT_NONE, 0, TIME_ALIASES,
		"when the request began"},
	[FIELD_REQ_END_TIME] = {R, "end_time", FIELD_TIME, UNIT_NONE, 0,
		"endTime ended_at completed_at finished_at completion_time end", "when it was complete"},
	[FIELD_REQ_FIRST_TOKEN_TIME] = {R, "first_token_time", FIELD_TIME, UNIT_NONE, 0,
		"completion_start_time first_token_at", "when the first token came (gives ttft)"},
	[FIELD_REQ_SERVICE] = {R, "service", FIELD_TEXT, UNIT_NONE, DIM(DIM_SERVICE),
		"service.name app application app_name application_name", "application"},
	[FIELD_REQ_ENVIRONMENT] = {R, "environment", FIELD_TEXT, UNIT_NONE, DIM(DIM_ENVIRONMENT),
		"env stage deployment.environment.name deployment.environment", "production, staging …"},
	[FIELD_REQ_DEPLOYMENT] = {R, "deployment", FIELD_TEXT, UNIT_NONE, DIM(DIM_DEPLOYMENT),
		"deployment.name deployment_id service.version variant llmdeck.deployment",
		"variant that answered"},
	[FIELD_REQ_PROVIDER] = {R, "provider", FIELD_TEXT, UNIT_NONE, DIM(DIM_PROVIDER),
		"gen_ai.provider.name gen_ai.system custom_llm_provider vendor", "who runs the model"},
	[FIELD_REQ_MODEL] = {R, "model", FIELD_TEXT, UNIT_NONE, DIM(DIM_MODEL),
		"gen_ai.response.model response_model model_name model_id", "model that answered"},
	[FIELD_REQ_TEAM] = {R, "team", FIELD_TEXT, UNIT_NONE, DIM(DIM_TEAM),
		"team_name team_alias team_id cost_center department", "team that pays"},
	[FIELD_REQ_REGION] = {R, "region", FIELD_TEXT, UNIT_NONE, DIM(DIM_REGION),
		"cloud.region location azure_region", "region"},
	[FIELD_REQ_USER] = {R, "user", FIELD_TEXT, UNIT_NONE, ATTR(ATTR_USER),
		"user_id user.id enduser.id end_user", "end user"},
	[FIELD_REQ_KEY] = {R, "key", FIELD_TEXT, UNIT_NONE, ATTR(ATTR_KEY),
		"key_alias api_key_alias api_key_hash key_hash api_key_id", "API key's alias or hash, never the key"},
	[FIELD_REQ_TENANT] = {R, "tenant", FIELD_TEXT, UNIT_NONE, ATTR(ATTR_TENANT),
		"tenant_id customer customer_id organization_id", "customer"},
	[FIELD_REQ_SESSION] = {R, "session", FIELD_TEXT, UNIT_NONE, ATTR(ATTR_SESSION),
		"session_id session.id conversation_id gen_ai.conversation.id thread_id", "conversation"},
	[FIELD_REQ_TOOL] = {R, "tool", FIELD_TEXT, UNIT_NONE, ATTR(ATTR_TOOL),
		"tool_name gen_ai.tool.name", "tool that was called"},
	[FIELD_REQ_PROMPT_VERSION] = {R, "prompt_version", FIELD_TEXT, UNIT_NONE, ATTR(ATTR_PROMPT_VERSION),
		"llmdeck.prompt.version langfuse.observation.prompt.version prompt_id", "version of the prompt"},
	[FIELD_REQ_OPERATION] = {R, "operation", FIELD_TEXT, UNIT_NONE, REQ(operation),
		"gen_ai.operation.name call_type", "chat, embeddings …; chat where nothing says"},
	[FIELD_REQ_REQUEST_MODEL] = {R, "request_model", FIELD_TEXT, UNIT_NONE, REQ(request_model),
		"gen_ai.request.model requested_model model_requested", "model that was asked for"},
	[FIELD_REQ_ERROR_TYPE] = {R, "error_type", FIELD_TEXT, UNIT_NONE, REQ(error_type),
		"error.type error_code exception_type exception_class error", "kind of error"},
	[FIELD_REQ_FINISH_REASON] = {R, "finish_reason", FIELD_TEXT, UNIT_NONE, REQ(finish_reason),
		"finish_reasons gen_ai.response.finish_reasons stop_reason", "stop, length, content_filter …"},
	[FIELD_REQ_OUTCOME] = {R, "outcome", FIELD_TEXT, UNIT_NONE, REQ(outcome),
		"business_outcome", "business result"},
	[FIELD_REQ_INPUT_TOKENS] = {R, "input_tokens", FIELD_COUNT, UNIT_NONE, REQ(input_tokens),
		"prompt_tokens context_tokens gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens "
		"usage.input_tokens usage.prompt_tokens tokens_in input_length prompt_token_count num_prompt_tokens n_context_tokens_total",
		"prompt tokens, cached ones included"},
	[FIELD_REQ_OUTPUT_TOKENS] = {R, "output_tokens", FIELD_COUNT, UNIT_NONE, REQ(output_tokens),
		"completion_tokens generated_tokens gen_ai.usage.output_tokens gen_ai.usage.completion_tokens "
		"usage.output_tokens usage.completion_tokens tokens_out output_length completion_token_count num_completion_tokens n_generated_tokens_total",
		"answer tokens, reasoning included"},
	[FIELD_REQ_CACHED_TOKENS] = {R, "cached_tokens", FIELD_COUNT, UNIT_NONE, REQ(cached_tokens),
		"cached_input_tokens input_cached_tokens cache_read_tokens cache_read_input_tokens "
		"gen_ai.usage.cache_read.input_tokens usage.prompt_tokens_details.cached_tokens "
		"usage.input_tokens_details.cached_tokens prompt_tokens_details.cached_tokens usage.cache_read_input_tokens",
		"input tokens read from the cache"},
	[FIELD_REQ_CACHE_WRITE_TOKENS] = {R, "cache_write_tokens", FIELD_COUNT, UNIT_NONE, REQ(cache_write_tokens),
		"cache_creation_tokens cache_creation_input_tokens gen_ai.usage.cache_creation.input_tokens "
		"usage.cache_creation_input_tokens",
		"input tokens written to the cache"},
	[FIELD_REQ_REASONING_TOKENS] = {R, "reasoning_tokens", FIELD_COUNT, UNIT_NONE, REQ(reasoning_tokens),
		"gen_ai.usage.reasoning.output_tokens output_reasoning_tokens "
		"usage.completion_tokens_details.reasoning_tokens usage.output_tokens_details.reasoning_tokens "
		"completion_tokens_details.reasoning_tokens",
		"output tokens spent on reasoning"},
	[FIELD_REQ_LATENCY] = {R, "latency", FIELD_DURATION, UNIT_MS, REQ(latency_us),
		"duration response_time elapsed request_duration total_latency e2e_latency elapsed_time total_time request_latency",
		"the whole call"},
	[FIELD_REQ_TTFT] = {R, "ttft", FIELD_DURATION, UNIT_MS, REQ(ttft_us),
		"time_to_first_token time_to_first_chunk first_token_latency", "time to first token"},
	[FIELD_REQ_STATUS] = {R, "status", FIELD_STATUS, UNIT_NONE, 0,
		"status_code http_status http_status_code response_code", "ok, error or an HTTP code"},
	[FIELD_REQ_COST] = {R, "cost_usd", FIELD_MONEY, UNIT_NONE, REQ(cost_nusd),
		"cost spend response_cost total_cost price_usd", "cost as the source reports it"},
	[FIELD_REQ_ATTEMPT] = {R, "attempt", FIELD_SMALL, UNIT_NONE, REQ(attempt),
		"attempt_number", "1 = first try"},
	[FIELD_REQ_TRACE_ID] = {R, "trace_id", FIELD_TRACE_ID, UNIT_NONE, 0, TRACE_ALIASES,
		"W3C trace id; any other id is hashed"},
	[FIELD_REQ_SPAN_ID] = {R, "span_id", FIELD_SPAN_ID, UNIT_NONE, 0,
		"span spanid request_id id call_id generation_id",
		"id of this request; makes a second delivery a duplicate"},
	[FIELD_REQ_RESPONSE_ID] = {R, "response_id", FIELD_TEXT, UNIT_NONE, REQ(response_id), "gen_ai.response.id completion_id",
		"the answer, as the provider calls it, by which feedback finds it; the request's id where there is no other"},
	[FIELD_REQ_FLAGS] = {R, "flags", FIELD_FLAGS, UNIT_NONE, 0,
		"flag safety safety_flags content_filter moderation", "category or category:severity, list or |-separated"},
	[FIELD_REQ_TAGS] = {R, "tags", FIELD_TAGS, UNIT_NONE, 0, "request_tags labels",
		"list of name:value for the tags of the config"},
	[FIELD_REQ_REQUESTS_LEFT] = {R, "remaining_requests", FIELD_COUNT, UNIT_NONE, REQ(requests_left),
		"x-ratelimit-remaining-requests anthropic-ratelimit-requests-remaining llm_provider-x-ratelimit-remaining-requests "
		"hidden_params.additional_headers.x_ratelimit_remaining_requests",
		"what the provider's rate limit left, as its reply told; becomes a gauge"},
	[FIELD_REQ_TOKENS_LEFT] = {R, "remaining_tokens", FIELD_COUNT, UNIT_NONE, REQ(tokens_left),
		"x-ratelimit-remaining-tokens anthropic-ratelimit-tokens-remaining llm_provider-x-ratelimit-remaining-tokens "
		"hidden_params.additional_headers.x_ratelimit_remaining_tokens",
		"the same in tokens"},

	[FIELD_FB_TIME] = {F, "time", FIELD_TIME, UNIT_NONE, FB(time_us), TIME_ALIASES, "when it was given"},
	[FIELD_FB_ID] = {F, "id", FIELD_TEXT, UNIT_NONE, FB(id), "feedback_id", "the source's id"},
	[FIELD_FB_TEXT] = {F, "text", FIELD_LONG_TEXT, UNIT_NONE, FB(text),
		"comment feedback message review body content", "what was said"},
	[FIELD_FB_SCORE] = {F, "score", FIELD_SCORE, UNIT_SIGNED, FB(score),
		"thumb thumbs vote value sentiment label", "number or thumbs"},
	[FIELD_FB_RATING] = {F, "rating", FIELD_RATING, UNIT_NONE, FB(rating), "stars star_rating",
		"stars, 1 to 5"},
	[FIELD_FB_SERVICE] = {F, "service", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_SERVICE),
		"service.name app application", "application"},
	[FIELD_FB_ENVIRONMENT] = {F, "environment", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_ENVIRONMENT),
		"env stage", "production, staging …"},
	[FIELD_FB_DEPLOYMENT] = {F, "deployment", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_DEPLOYMENT),
		"deployment.name variant", "variant that answered"},
	[FIELD_FB_PROVIDER] = {F, "provider", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_PROVIDER), "", "who runs the model"},
	[FIELD_FB_MODEL] = {F, "model", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_MODEL), "model_name", "model that answered"},
	[FIELD_FB_TEAM] = {F, "team", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_TEAM), "team_id", "team"},
	[FIELD_FB_REGION] = {F, "region", FIELD_TEXT, UNIT_NONE, FBDIM(DIM_REGION), "", "region"},
	[FIELD_FB_TRACE_ID] = {F, "trace_id", FIELD_TRACE_ID, UNIT_NONE, 0, TRACE_ALIASES, "the request it is about"},
	[FIELD_FB_RESPONSE_ID] = {F, "response_id", FIELD_TEXT, UNIT_NONE, FB(response_id), "gen_ai.response.id completion_id",
		"the answer it is about, as the provider calls it"},
	[FIELD_FB_USER] = {F, "user", FIELD_TEXT, UNIT_NONE, FB(user), "user_id user.id author", "who gave it"},
	[FIELD_FB_LANGUAGE] = {F, "language", FIELD_TEXT, UNIT_NONE, FB(language), "lang locale", "BCP 47"},

	[FIELD_BILL_FROM] = {B, "time", FIELD_TIME, UNIT_NONE, BILL(from_us),
		"from from_time start_time timestamp date usage_date charge_period_start", "begin of the charge period"},
	[FIELD_BILL_TO] = {B, "end_time", FIELD_TIME, UNIT_NONE, BILL(to_us),
		"to to_time charge_period_end", "its end; a day after the begin where nothing says"},
	[FIELD_BILL_PROVIDER] = {B, "provider", FIELD_TEXT, UNIT_NONE, BILL(provider),
		"provider_name custom_llm_provider", "who bills"},
	[FIELD_BILL_SERVICE] = {B, "service", FIELD_TEXT, UNIT_NONE, BILL(service),
		"service_name meter_category", "billed service"},
	[FIELD_BILL_MODEL] = {B, "model", FIELD_TEXT, UNIT_NONE, BILL(model), "model_name meter_name", "model or meter"},
	[FIELD_BILL_REGION] = {B, "region", FIELD_TEXT, UNIT_NONE, BILL(region), "region_name region_id resource_location", "region"},
	[FIELD_BILL_ACCOUNT] = {B, "account", FIELD_TEXT, UNIT_NONE, BILL(account),
		"project project_id account_id subscription_id sub_account_id organization_id", "account, project or subscription"},
	[FIELD_BILL_TEAM] = {B, "team", FIELD_TEXT, UNIT_NONE, BILL(team), "cost_center team_id", "team that pays"},
	[FIELD_BILL_CURRENCY] = {B, "currency", FIELD_TEXT, UNIT_NONE, BILL(currency),
		"billing_currency billing_currency_code amount.currency", "ISO 4217"},
	[FIELD_BILL_UNIT] = {B, "unit", FIELD_TEXT, UNIT_NONE, BILL(unit), "unit_of_measure consumed_unit", "of the quantity"},
	[FIELD_BILL_DESCRIPTION] = {B, "description", FIELD_TEXT, UNIT_NONE, BILL(description),
		"charge_description line_item product product_name", "what is billed"},
	[FIELD_BILL_COST] = {B, "cost", FIELD_MONEY, UNIT_NONE, BILL(cost_nusd),
		"cost_usd billed_cost cost_in_billing_currency amount.value amount spend", "may be negative; empty = unknown"},
	[FIELD_BILL_QUANTITY] = {B, "quantity", FIELD_NUMBER, UNIT_NONE, BILL(quantity), "consumed_quantity usage_quantity", "how much"},
	[FIELD_BILL_INPUT_TOKENS] = {B, "input_tokens", FIELD_COUNT, UNIT_NONE, BILL(input_tokens),
		"prompt_tokens n_context_tokens_total", "input tokens"},
	[FIELD_BILL_OUTPUT_TOKENS] = {B, "output_tokens", FIELD_COUNT, UNIT_NONE, BILL(output_tokens),
		"completion_tokens n_generated_tokens_total", "output tokens"},
	[FIELD_BILL_CACHED_TOKENS] = {B, "cached_tokens", FIELD_COUNT, UNIT_NONE, BILL(cached_tokens),
		"input_cached_tokens cache_read_input_tokens", "cached input tokens"},
	[FIELD_BILL_REQUESTS] = {B, "requests", FIELD_COUNT, UNIT_NONE, BILL(requests),
		"num_model_requests n_requests api_requests", "requests"},
};

static const char *const kind_names[ROW_KIND_COUNT] = {"request", "feedback", "billing"};

const char *row_kind_name(enum row_kind kind)
{
	return kind_names[kind];
}

bool row_kind_from_name(struct str name, enum row_kind *out)
{
	for (int k = 0; k < ROW_KIND_COUNT; k++)
		if (str_equal_c(name, kind_names[k])) {
			*out = (enum row_kind)k;
			return true;
		}
	return false;
}

static const char *const unit_names[] = {"", "s", "ms", "us", "ns", "signed", "share"};

const char *field_unit_name(enum field_unit u)
{
	return unit_names[u];
}

bool field_unit_from_name(struct str name, enum field_unit *out)
{
	for (int u = UNIT_S; u <= UNIT_SHARE_OF_ONE; u++)
		if (str_equal_c(name, unit_names[u])) {
			*out = (enum field_unit)u;
			return true;
		}
	return false;
}

size_t field_bare_name(char *out, size_t cap, struct str name)
{
	size_t n = 0;

	for (size_t i = 0; i < name.len && n + 1 < cap; i++) {
		char c = name.ptr[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		bool separator = c == '_' || c == '-' || c == ' ' || c == '.' || c == '/';
		if (!separator)
			out[n++] = c;
	}
	out[n] = '\0';
	return n;
}

/* Whether `bare` is the bare form of `name`. */
static bool bare_is(struct str bare, struct str name)
{
	char other[FIELD_NAME_BYTES];

	field_bare_name(other, sizeof other, name);
	return str_equal_c(bare, other);
}

/* Rank of a bare column name for a field: 100 its own, 90 and less an alias, 0 none. */
static uint8_t rank_of(const struct field_row *f, struct str bare, bool own_names_only)
{
	if (bare_is(bare, str_of(f->name)))
		return 100;
	if (own_names_only)
		return 0;
	struct str rest = str_of(f->aliases);
	uint8_t rank = 90;
	while (rest.len) {
		struct str tail = rest;
		struct str alias = str_cut(&tail, ' ');
		if (bare_is(bare, alias))
			return rank;
		if (rank > 1)
			rank--;
		rest = tail;
	}
	return 0;
}

static bool search(enum row_kind kind, struct str bare, bool own_names_only, bool with_unit,
                   enum field *out, uint8_t *rank)
{
	*rank = 0;
	for (int i = 0; i < FIELD_COUNT_ALL; i++) {
		const struct field_row *f = &fields[i];
		if (f->kind != kind)
			continue;
		if (with_unit && f->type != FIELD_TIME && f->type != FIELD_DURATION)
			continue;
		uint8_t found = rank_of(f, bare, own_names_only);
		if (found > *rank) {
			*rank = found;
			*out = (enum field)i;
		}
	}
	return *rank > 0;
}

static const struct {
	const char *suffix;
	enum field_unit unit;
} suffixes[] = {
	{"milliseconds", UNIT_MS}, {"microseconds", UNIT_US}, {"nanoseconds", UNIT_NS},
	{"seconds", UNIT_S}, {"millis", UNIT_MS}, {"micros", UNIT_US}, {"nanos", UNIT_NS},
	{"msec", UNIT_MS}, {"usec", UNIT_US}, {"nsec", UNIT_NS}, {"secs", UNIT_S}, {"sec", UNIT_S},
	{"ms", UNIT_MS}, {"us", UNIT_US}, {"ns", UNIT_NS}, {"s", UNIT_S},
};

bool field_guess(enum row_kind kind, struct str column, bool own_names_only, enum field *out,
                 enum field_unit *unit, uint8_t *rank)
{
	char text[FIELD_NAME_BYTES];
	struct str bare = {text, field_bare_name(text, sizeof text, column)};

	*unit = UNIT_NONE;
	if (search(kind, bare, own_names_only, false, out, rank))
		return true;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (!str_ends_with(bare, str_of(suffixes[i].suffix)))
			continue;
		struct str stem = {bare.ptr, bare.len - strlen(suffixes[i].suffix)};
		if (search(kind, stem, own_names_only, true, out, rank)) {
			*unit = suffixes[i].unit;
			return true;
		}
	}
	return false;
}

bool field_from_name(enum row_kind kind, struct str name, enum field *out)
{
	for (int i = 0; i < FIELD_COUNT_ALL; i++)
		if (fields[i].kind == kind && str_equal_c(name, fields[i].name)) {
			*out = (enum field)i;
			return true;
		}
	return false;
}
