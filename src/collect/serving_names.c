/* Names as the servers' own documentation has them. Rows that feed one channel stand newest first:
 * where a page has both, the first one counts. */
#include "collect/serving_names.h"

const struct server_kind server_kinds[SERVER_KINDS] = {
	{"vLLM", "vllm:", {"model_name"}, {
		{"num_requests_running", CH_RUNNING, HOW_SUM, 1, NULL, NULL},
		{"num_requests_waiting", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"kv_cache_usage_perc", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"gpu_cache_usage_perc", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"prefix_cache_queries", CH_PREFIX_QUERIES, HOW_COUNTER, 1, NULL, NULL},
		{"prefix_cache_hits", CH_PREFIX_HITS, HOW_COUNTER, 1, NULL, NULL},
		{"gpu_prefix_cache_queries", CH_PREFIX_QUERIES, HOW_COUNTER, 1, NULL, NULL},
		{"gpu_prefix_cache_hits", CH_PREFIX_HITS, HOW_COUNTER, 1, NULL, NULL},
		{"num_preemptions", CH_PREEMPTIONS, HOW_COUNTER, 1, NULL, NULL},
		{"prompt_tokens", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"generation_tokens", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
		{"request_success", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"request_success", CH_FAILED, HOW_COUNTER, 1, "finished_reason", "error"},
		{"time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"inter_token_latency_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"e2e_request_latency_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"request_queue_time_seconds", CH_QUEUE_TIME, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"SGLang", "sglang:", {"model_name"}, {
		{"num_running_reqs", CH_RUNNING, HOW_SUM, 1, NULL, NULL},
		{"num_queue_reqs", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"num_waiting_reqs", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"token_usage", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"cache_hit_rate", CH_PREFIX_SHARE, HOW_MIN, 1, NULL, NULL},
		{"prompt_tokens", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"generation_tokens", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
		{"num_requests", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"inter_token_latency_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"e2e_request_latency_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"llama.cpp", "llamacpp:", {NULL}, {
		{"requests_processing", CH_RUNNING, HOW_SUM, 1, NULL, NULL},
		{"requests_deferred", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"kv_cache_usage_ratio", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"prompt_tokens", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"tokens_predicted", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
	}},
	{"TGI", "tgi_", {NULL}, {
		{"batch_current_size", CH_RUNNING, HOW_SUM, 1, NULL, NULL},
		{"queue_size", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"request_count", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"request_failure", CH_FAILED, HOW_COUNTER, 1, NULL, NULL},
		{"request_input_length", CH_INPUT, HOW_HISTOGRAM_SUM, 1, NULL, NULL},
		{"request_generated_tokens", CH_OUTPUT, HOW_HISTOGRAM_SUM, 1, NULL, NULL},
		{"request_duration", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"request_mean_time_per_token_duration", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"request_queue_duration", CH_QUEUE_TIME, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"TensorRT-LLM", "trtllm_", {"model_name"}, {
		{"kv_cache_utilization", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"kv_cache_hit_rate", CH_PREFIX_SHARE, HOW_MIN, 1, NULL, NULL},
		{"request_success", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"e2e_request_latency_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"request_queue_time_seconds", CH_QUEUE_TIME, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"LiteLLM", "litellm_", {"model", "requested_model", "litellm_model_name"}, {
		{"proxy_total_requests_metric", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"proxy_failed_requests_metric", CH_FAILED, HOW_COUNTER, 1, NULL, NULL},
		{"input_tokens_metric", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"output_tokens_metric", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
		{"spend_metric", CH_SPEND, HOW_COUNTER, 1, NULL, NULL},
		{"request_total_latency_metric", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"llm_api_time_to_first_token_metric", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"remaining_team_budget_metric", CH_BUDGET_LEFT, HOW_MIN, 1, NULL, NULL},
		{"remaining_api_key_budget_metric", CH_BUDGET_LEFT, HOW_MIN, 1, NULL, NULL},
		{"remaining_requests_metric", CH_REQUESTS_LEFT, HOW_MIN, 1, NULL, NULL},
		{"remaining_tokens_metric", CH_TOKENS_LEFT, HOW_MIN, 1, NULL, NULL},
		{"remaining_requests", CH_REQUESTS_LEFT, HOW_MIN, 1, NULL, NULL},
		{"remaining_tokens", CH_TOKENS_LEFT, HOW_MIN, 1, NULL, NULL},
		{"deployment_state", CH_DEPLOYMENT_STATE, HOW_MAX, 1, NULL, NULL},
	}},
	/* TensorRT-LLM behind Triton, and what Triton counts for any model. */
	{"Triton", "nv_", {"model"}, {
		{"trt_llm_request_metrics", CH_RUNNING, HOW_SUM, 1, "request_type", "active"},
		{"trt_llm_request_metrics", CH_WAITING, HOW_SUM, 1, "request_type", "waiting"},
		{"inference_pending_request_count", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"trt_llm_kv_cache_block_metrics", CH_KV_CACHE, HOW_MAX, 1, "kv_cache_block_type", "fraction"},
		{"inference_request_success", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"inference_request_failure", CH_FAILED, HOW_COUNTER, 1, NULL, NULL},
		{"llm_input_token_len", CH_INPUT, HOW_HISTOGRAM_SUM, 1, NULL, NULL},
		{"llm_output_token_len", CH_OUTPUT, HOW_HISTOGRAM_SUM, 1, NULL, NULL},
		{"inference_first_response_histogram_ms", CH_TTFT, HOW_HISTOGRAM, 1e-3, NULL, NULL},
	}},
	/* Also what an OpenTelemetry collector's Prometheus page calls them. */
	{"OpenTelemetry GenAI", "gen_ai_", {"gen_ai_response_model", "gen_ai_request_model"}, {
		{"client_operation_duration_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"client_operation_duration_seconds", CH_FINISHED, HOW_HISTOGRAM_COUNT, 1, NULL, NULL},
		{"client_operation_duration_seconds", CH_FAILED, HOW_HISTOGRAM_COUNT, 1, "error_type", NULL},
		{"client_token_usage", CH_INPUT, HOW_HISTOGRAM_SUM, 1, "gen_ai_token_type", "input"},
		{"client_token_usage", CH_OUTPUT, HOW_HISTOGRAM_SUM, 1, "gen_ai_token_type", "output"},
		{"client_inference_usage_input_tokens", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"client_inference_usage_output_tokens", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
		{"server_request_duration_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"server_request_duration_seconds", CH_FINISHED, HOW_HISTOGRAM_COUNT, 1, NULL, NULL},
		{"server_request_duration_seconds", CH_FAILED, HOW_HISTOGRAM_COUNT, 1, "error_type", NULL},
		{"server_time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"server_time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"NVIDIA NIM", "", {"model_name"}, {
		{"num_requests_running", CH_RUNNING, HOW_SUM, 1, NULL, NULL},
		{"num_requests_waiting", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"gpu_cache_usage_perc", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"kv_cache_usage_perc", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"prompt_tokens", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"generation_tokens", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
		{"request_success", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"inter_token_latency_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"e2e_request_latency_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
};

static const char *const serving_model_labels[] = {
	"model_name", "model", "requested_model", "model_group", "litellm_model_name", "gen_ai_response_model",
	"gen_ai_request_model", NULL,
};

const struct channel_gauge channel_gauges[CHANNEL_GAUGES] = {
	{CH_RUNNING, SERVING_RUNNING}, {CH_WAITING, SERVING_WAITING}, {CH_KV_CACHE, SERVING_KV_CACHE},
	{CH_PREFIX_SHARE, SERVING_PREFIX_HIT_SHARE}, {CH_BUDGET_LEFT, SERVING_REMAINING_BUDGET},
	{CH_REQUESTS_LEFT, SERVING_REMAINING_REQUESTS}, {CH_TOKENS_LEFT, SERVING_REMAINING_TOKENS},
	{CH_DEPLOYMENT_STATE, SERVING_DEPLOYMENT_STATE},
};

const struct channel_rate channel_rates[CHANNEL_RATES] = {
	{CH_PREEMPTIONS, SERVING_PREEMPTION_RATE, 1}, {CH_FINISHED, SERVING_REQUEST_RATE, 1},
	{CH_FAILED, SERVING_FAILURE_RATE, 1}, {CH_INPUT, SERVING_INPUT_TOKEN_RATE, 1},
	{CH_OUTPUT, SERVING_OUTPUT_TOKEN_RATE, 1}, {CH_SPEND, SERVING_COST_RATE, 3600},
};

const struct channel_quantile channel_quantiles[CHANNEL_QUANTILES] = {
	{CH_TTFT, SERVING_TTFT_P50, .5}, {CH_TTFT, SERVING_TTFT_P95, .95}, {CH_TTFT, SERVING_TTFT_P99, .99},
	{CH_INTER_TOKEN, SERVING_INTER_TOKEN_P50, .5}, {CH_INTER_TOKEN, SERVING_INTER_TOKEN_P95, .95},
	{CH_INTER_TOKEN, SERVING_INTER_TOKEN_P99, .99},
	{CH_LATENCY, SERVING_LATENCY_P50, .5}, {CH_LATENCY, SERVING_LATENCY_P95, .95},
	{CH_LATENCY, SERVING_LATENCY_P99, .99}, {CH_QUEUE_TIME, SERVING_QUEUE_TIME_P95, .95},
};

void serving_budget_name(struct buf *out, const struct prom_sample *sample)
{
	static const struct { const char *label, *what; } labels[] = {
		{"api_key_alias", "key "}, {"hashed_api_key", "key "}, {"team_alias", "team "}, {"team", "team "},
	};

	for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
		struct str name = prom_label(sample, labels[i].label);
		if (name.len == 0 || str_equal_c(name, "None"))
			continue;
		buf_puts(out, labels[i].what);
		buf_append_str(out, name);
		return;
	}
}

void serving_model_name(struct buf *out, const struct prom_sample *sample)
{
	struct str name = {0};

	for (size_t i = 0; serving_model_labels[i] && name.len == 0; i++)
		name = prom_label(sample, serving_model_labels[i]);
	buf_append_str(out, name);
}
