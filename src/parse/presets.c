/* Well-known exports, by the names of their columns. A preset is rows of data: a new one needs no
 * code. Names are compared in their bare form, so one row serves the spellings of several versions. */
#include "parse/fields.h"

static const struct preset_row azure_llm[] = {
	{FIELD_REQ_TIME, "TIMESTAMP", UNIT_NONE},
	{FIELD_REQ_INPUT_TOKENS, "ContextTokens", UNIT_NONE},
	{FIELD_REQ_OUTPUT_TOKENS, "GeneratedTokens", UNIT_NONE},
	{0, NULL, UNIT_NONE},
};

static const struct preset_row mooncake[] = {
	{FIELD_REQ_TIME, "timestamp", UNIT_MS},
	{FIELD_REQ_INPUT_TOKENS, "input_length", UNIT_NONE},
	{FIELD_REQ_OUTPUT_TOKENS, "output_length", UNIT_NONE},
	{0, NULL, UNIT_NONE},
};

/* LiteLLM_SpendLogs: table columns; metadata is an object, or the same as text in CSV. */
static const struct preset_row litellm_spend[] = {
	{FIELD_REQ_RESPONSE_ID, "request_id", UNIT_NONE},
	{FIELD_REQ_TIME, "startTime", UNIT_NONE},
	{FIELD_REQ_END_TIME, "endTime", UNIT_NONE},
	{FIELD_REQ_FIRST_TOKEN_TIME, "completionStartTime", UNIT_NONE},
	{FIELD_REQ_LATENCY, "request_duration_ms", UNIT_MS},
	{FIELD_REQ_OPERATION, "call_type", UNIT_NONE},
	{FIELD_REQ_COST, "spend", UNIT_NONE},
	{FIELD_REQ_INPUT_TOKENS, "prompt_tokens", UNIT_NONE},
	{FIELD_REQ_OUTPUT_TOKENS, "completion_tokens", UNIT_NONE},
	{FIELD_REQ_CACHED_TOKENS, "metadata.additional_usage_values.cache_read_input_tokens", UNIT_NONE},
	{FIELD_REQ_CACHED_TOKENS, "metadata.usage_object.prompt_tokens_details.cached_tokens", UNIT_NONE},
	{FIELD_REQ_CACHE_WRITE_TOKENS, "metadata.additional_usage_values.cache_creation_input_tokens", UNIT_NONE},
	{FIELD_REQ_REASONING_TOKENS, "metadata.usage_object.completion_tokens_details.reasoning_tokens", UNIT_NONE},
	{FIELD_REQ_MODEL, "model", UNIT_NONE},
	{FIELD_REQ_REQUEST_MODEL, "model_group", UNIT_NONE},
	{FIELD_REQ_DEPLOYMENT, "model_id", UNIT_NONE},
	{FIELD_REQ_PROVIDER, "custom_llm_provider", UNIT_NONE},
	{FIELD_REQ_TEAM, "metadata.user_api_key_team_alias", UNIT_NONE},
	{FIELD_REQ_TEAM, "team_id", UNIT_NONE},
	{FIELD_REQ_KEY, "metadata.user_api_key_alias", UNIT_NONE},
	{FIELD_REQ_KEY, "api_key", UNIT_NONE},
	{FIELD_REQ_USER, "end_user", UNIT_NONE},
	{FIELD_REQ_USER, "user", UNIT_NONE},
	{FIELD_REQ_TENANT, "organization_id", UNIT_NONE},
	{FIELD_REQ_SESSION, "session_id", UNIT_NONE},
	{FIELD_REQ_TOOL, "mcp_namespaced_tool_name", UNIT_NONE},
	{FIELD_REQ_STATUS, "status", UNIT_NONE},
	{FIELD_REQ_ERROR_TYPE, "metadata.error_information.error_class", UNIT_NONE},
	{FIELD_REQ_TAGS, "request_tags", UNIT_NONE},
	{0, NULL, UNIT_NONE},
};

/* Pages of OpenAI's usage and costs interfaces: buckets of results. */
static const struct preset_row openai_usage[] = {
	{FIELD_BILL_FROM, "start_time", UNIT_S},
	{FIELD_BILL_TO, "end_time", UNIT_S},
	{FIELD_BILL_FROM, "timestamp", UNIT_S},
	{FIELD_BILL_MODEL, "model", UNIT_NONE},
	{FIELD_BILL_ACCOUNT, "project_id", UNIT_NONE},
	{FIELD_BILL_ACCOUNT, "organization_id", UNIT_NONE},
	{FIELD_BILL_INPUT_TOKENS, "input_tokens", UNIT_NONE},
	{FIELD_BILL_INPUT_TOKENS, "n_context_tokens_total", UNIT_NONE},
	{FIELD_BILL_OUTPUT_TOKENS, "output_tokens", UNIT_NONE},
	{FIELD_BILL_OUTPUT_TOKENS, "n_generated_tokens_total", UNIT_NONE},
	{FIELD_BILL_CACHED_TOKENS, "input_cached_tokens", UNIT_NONE},
	{FIELD_BILL_REQUESTS, "num_model_requests", UNIT_NONE},
	{FIELD_BILL_REQUESTS, "n_requests", UNIT_NONE},
	{FIELD_BILL_COST, "amount.value", UNIT_NONE},
	{FIELD_BILL_CURRENCY, "amount.currency", UNIT_NONE},
	{FIELD_BILL_DESCRIPTION, "line_item", UNIT_NONE},
	{FIELD_BILL_DESCRIPTION, "operation", UNIT_NONE},
	{FIELD_BILL_SERVICE, "object", UNIT_NONE},
	{FIELD_BILL_SERVICE, "usage_type", UNIT_NONE},
	{0, NULL, UNIT_NONE},
};

/* Azure cost details: enterprise agreements, the 2024-08 order and the customer agreement's names. */
static const struct preset_row azure_cost[] = {
	{FIELD_BILL_FROM, "Date", UNIT_NONE},
	{FIELD_BILL_FROM, "UsageDateTime", UNIT_NONE},
	{FIELD_BILL_COST, "CostInBillingCurrency", UNIT_NONE},
	{FIELD_BILL_COST, "Cost", UNIT_NONE},
	{FIELD_BILL_COST, "PreTaxCost", UNIT_NONE},
	{FIELD_BILL_CURRENCY, "BillingCurrency", UNIT_NONE},
	{FIELD_BILL_CURRENCY, "BillingCurrencyCode", UNIT_NONE},
	{FIELD_BILL_SERVICE, "MeterCategory", UNIT_NONE},
	{FIELD_BILL_SERVICE, "ConsumedService", UNIT_NONE},
	{FIELD_BILL_MODEL, "MeterName", UNIT_NONE},
	{FIELD_BILL_REGION, "ResourceLocation", UNIT_NONE},
	{FIELD_BILL_REGION, "MeterRegion", UNIT_NONE},
	{FIELD_BILL_ACCOUNT, "SubscriptionName", UNIT_NONE},
	{FIELD_BILL_ACCOUNT, "SubscriptionId", UNIT_NONE},
	{FIELD_BILL_TEAM, "CostCenter", UNIT_NONE},
	{FIELD_BILL_QUANTITY, "Quantity", UNIT_NONE},
	{FIELD_BILL_UNIT, "UnitOfMeasure", UNIT_NONE},
	{FIELD_BILL_DESCRIPTION, "ProductName", UNIT_NONE},
	{FIELD_BILL_DESCRIPTION, "Product", UNIT_NONE},
	{0, NULL, UNIT_NONE},
};

static const struct preset_row focus[] = {
	{FIELD_BILL_FROM, "ChargePeriodStart", UNIT_NONE},
	{FIELD_BILL_TO, "ChargePeriodEnd", UNIT_NONE},
	{FIELD_BILL_COST, "BilledCost", UNIT_NONE},
	{FIELD_BILL_CURRENCY, "BillingCurrency", UNIT_NONE},
	{FIELD_BILL_PROVIDER, "ProviderName", UNIT_NONE},
	{FIELD_BILL_PROVIDER, "ServiceProviderName", UNIT_NONE},
	{FIELD_BILL_SERVICE, "ServiceName", UNIT_NONE},
	{FIELD_BILL_MODEL, "SkuMeter", UNIT_NONE},
	{FIELD_BILL_REGION, "RegionId", UNIT_NONE},
	{FIELD_BILL_REGION, "RegionName", UNIT_NONE},
	{FIELD_BILL_ACCOUNT, "SubAccountName", UNIT_NONE},
	{FIELD_BILL_ACCOUNT, "SubAccountId", UNIT_NONE},
	{FIELD_BILL_QUANTITY, "ConsumedQuantity", UNIT_NONE},
	{FIELD_BILL_UNIT, "ConsumedUnit", UNIT_NONE},
	{FIELD_BILL_DESCRIPTION, "ChargeDescription", UNIT_NONE},
	{0, NULL, UNIT_NONE},
};

const struct preset presets[] = {
	{"azure-llm", "Azure LLM inference trace (CSV)", ROW_REQUEST, false, NULL, NULL, azure_llm},
	{"mooncake", "Mooncake trace (JSONL, ms from 0)", ROW_REQUEST, true, NULL, NULL, mooncake},
	{"litellm-spend", "LiteLLM spend logs", ROW_REQUEST, false, NULL, NULL, litellm_spend},
	{"openai-usage", "OpenAI usage or costs pages", ROW_BILLING, false, "results", "openai", openai_usage},
	{"azure-cost", "Azure cost details export", ROW_BILLING, false, NULL, "azure", azure_cost},
	{"focus", "FOCUS 1.x cost and usage", ROW_BILLING, false, NULL, NULL, focus},
	{NULL, NULL, 0, false, NULL, NULL, NULL},
};

const struct preset *preset_from_name(struct str name)
{
	for (const struct preset *p = presets; p->name; p++)
		if (str_equal_c(name, p->name))
			return p;
	return NULL;
}
