/* The table of canonical serving gauges. */
#include "core/serving.h"

const struct serving_info serving_metrics[SERVING_COUNT] = {
	[SERVING_RUNNING] = {"serving.requests_running", "RUN", SERVING_UNIT_COUNT, false},
	[SERVING_WAITING] = {"serving.requests_waiting", "WAIT", SERVING_UNIT_COUNT, false},
	[SERVING_KV_CACHE] = {"serving.kv_cache_usage", "KV", SERVING_UNIT_SHARE, false},
	[SERVING_PREFIX_HIT_SHARE] = {"serving.prefix_cache_hit_share", "PREFIX", SERVING_UNIT_SHARE, false},
	[SERVING_PREEMPTION_RATE] = {"serving.preemptions_per_second", "PREEMPT/s", SERVING_UNIT_PER_SECOND, false},
	[SERVING_REQUEST_RATE] = {"serving.requests_per_second", "REQ/s", SERVING_UNIT_PER_SECOND, false},
	[SERVING_FAILURE_RATE] = {"serving.failures_per_second", "FAIL/s", SERVING_UNIT_PER_SECOND, false},
	[SERVING_INPUT_TOKEN_RATE] = {"serving.input_tokens_per_second", "IN/s", SERVING_UNIT_PER_SECOND, false},
	[SERVING_OUTPUT_TOKEN_RATE] = {"serving.output_tokens_per_second", "OUT/s", SERVING_UNIT_PER_SECOND, false},
	[SERVING_COST_RATE] = {"serving.cost_usd_per_hour", "$/h", SERVING_UNIT_USD_PER_HOUR, false},
	[SERVING_TTFT_P50] = {"serving.ttft_seconds_p50", "TTFT p50", SERVING_UNIT_SECONDS, true},
	[SERVING_TTFT_P95] = {"serving.ttft_seconds_p95", "TTFT p95", SERVING_UNIT_SECONDS, true},
	[SERVING_TTFT_P99] = {"serving.ttft_seconds_p99", "TTFT p99", SERVING_UNIT_SECONDS, true},
	[SERVING_INTER_TOKEN_P50] = {"serving.inter_token_seconds_p50", "ITL p50", SERVING_UNIT_SECONDS, true},
	[SERVING_INTER_TOKEN_P95] = {"serving.inter_token_seconds_p95", "ITL p95", SERVING_UNIT_SECONDS, true},
	[SERVING_INTER_TOKEN_P99] = {"serving.inter_token_seconds_p99", "ITL p99", SERVING_UNIT_SECONDS, true},
	[SERVING_LATENCY_P50] = {"serving.latency_seconds_p50", "p50", SERVING_UNIT_SECONDS, true},
	[SERVING_LATENCY_P95] = {"serving.latency_seconds_p95", "p95", SERVING_UNIT_SECONDS, true},
	[SERVING_LATENCY_P99] = {"serving.latency_seconds_p99", "p99", SERVING_UNIT_SECONDS, true},
	[SERVING_QUEUE_TIME_P95] = {"serving.queue_seconds_p95", "QUEUE p95", SERVING_UNIT_SECONDS, true},
	[SERVING_REMAINING_BUDGET] = {"serving.remaining_budget_usd", "BUDGET LEFT", SERVING_UNIT_USD, false},
	[SERVING_REMAINING_REQUESTS] = {"serving.remaining_requests", "REQ LEFT", SERVING_UNIT_COUNT, false},
	[SERVING_DEPLOYMENT_STATE] = {"serving.deployment_state", "STATE", SERVING_UNIT_COUNT, false},
	[SERVING_REMAINING_TOKENS] = {"serving.remaining_tokens", "TOK LEFT", SERVING_UNIT_COUNT, false},
	[SERVING_LIMIT_REQUESTS] = {"serving.limit_requests", "REQ LIMIT", SERVING_UNIT_COUNT, false},
	[SERVING_LIMIT_TOKENS] = {"serving.limit_tokens", "TOK LIMIT", SERVING_UNIT_COUNT, false},
	[SERVING_RESET_REQUESTS] = {"serving.reset_requests_seconds", "REQ RESET", SERVING_UNIT_SECONDS, false},
	[SERVING_RESET_TOKENS] = {"serving.reset_tokens_seconds", "TOK RESET", SERVING_UNIT_SECONDS, false},
};

bool serving_from_name(struct str name, enum serving_metric *out)
{
	for (int i = 0; i < SERVING_COUNT; i++)
		if (str_equal_c(name, serving_metrics[i].name)) {
			*out = (enum serving_metric)i;
			return true;
		}
	return false;
}
