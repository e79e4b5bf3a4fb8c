/* Metrics pages in the style of each model server and gateway, older names included, and what the
 * inference page is told of them. The pages are written for these tests. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "collect/serving.h"
#include "core/serving.h"
#include "parse/prometheus.h"

#define START_US (INT64_C(1800000000) * US_PER_S)

struct target {
	struct serving *serving;
	struct batch *out;
	int64_t now_us;
	size_t piece; /* bytes a feed */
};

static void open_target(struct target *t)
{
	*t = (struct target){serving_new("a"), batch_new(), START_US, 4096};
}

static void close_target(struct target *t)
{
	serving_free(&t->serving);
	batch_free(&t->out);
}

static void on_sample(void *arg, const struct prom_sample *s)
{
	serving_sample(arg, s);
}

/* One scrape, ten seconds after the last one. */
static void scrape(struct target *t, const char *page)
{
	struct prom_parser *p = prom_parser_new(on_sample, t->serving);
	struct err err = {""};

	batch_reset(t->out);
	t->now_us += 10 * US_PER_S;
	serving_begin(t->serving, t->now_us);
	for (size_t at = 0, len = strlen(page); at < len; at += t->piece)
		prom_parser_feed(p, page + at, len - at < t->piece ? len - at : t->piece);
	if (prom_parser_end(p, &err) != 0)
		fail_msg("%s", err.text);
	serving_end(t->serving, t->out);
	prom_parser_free(&p);
}

/* The gauge's value, NaN when it is not there; it must not be there twice. */
static double gauge(const struct target *t, enum serving_metric metric, const char *instance)
{
	double value = NAN;

	for (size_t i = 0; i < t->out->gauge_count; i++) {
		const struct gauge *g = &t->out->gauges[i];
		if (!str_equal_c(g->name, serving_metrics[metric].name) || !str_equal_c(g->instance, instance))
			continue;
		assert_true(isnan(value));
		assert_true(str_equal_c(g->source, "a"));
		assert_int_equal(g->time_us, t->now_us);
		value = g->value;
	}
	return value;
}

static void about(double got, double want)
{
	if (!(fabs(got - want) < 1e-9 + fabs(want) * 1e-9))
		fail_msg("got %g, want %g", got, want);
}

static const char vllm_first[] =
	"# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
	"# TYPE vllm:num_requests_running gauge\n"
	"vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n"
	"vllm:num_requests_running{engine=\"1\",model_name=\"m\"} 2.0\n"
	"# TYPE vllm:num_requests_waiting gauge\n"
	"vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 7.0\n"
	"# TYPE vllm:kv_cache_usage_perc gauge\n"
	"vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.25\n"
	"vllm:kv_cache_usage_perc{engine=\"1\",model_name=\"m\"} 0.75\n"
	"# TYPE vllm:prefix_cache_queries counter\n"
	"vllm:prefix_cache_queries_total{engine=\"0\",model_name=\"m\"} 100.0\n"
	"# TYPE vllm:prefix_cache_queries_created gauge\n"
	"vllm:prefix_cache_queries_created{engine=\"0\",model_name=\"m\"} 1.7e+09\n"
	"# TYPE vllm:prefix_cache_hits counter\n"
	"vllm:prefix_cache_hits_total{engine=\"0\",model_name=\"m\"} 10.0\n"
	"# TYPE vllm:prompt_tokens counter\n"
	"vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 1000.0\n"
	"# TYPE vllm:generation_tokens counter\n"
	"vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 500.0\n"
	"vllm:generation_tokens_total{engine=\"1\",model_name=\"m\"} 9000.0\n"
	"# TYPE vllm:time_to_first_token_seconds histogram\n"
	"vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.1\",model_name=\"m\"} 5.0\n"
	"vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.2\",model_name=\"m\"} 5.0\n"
	"vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"+Inf\",model_name=\"m\"} 5.0\n"
	"vllm:time_to_first_token_seconds_count{engine=\"0\",model_name=\"m\"} 5.0\n"
	"vllm:time_to_first_token_seconds_sum{engine=\"0\",model_name=\"m\"} 0.3\n";

static const char vllm_second[] =
	"# TYPE vllm:num_requests_running gauge\n"
	"vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 1.0\n"
	"# TYPE vllm:prefix_cache_queries counter\n"
	"vllm:prefix_cache_queries_total{engine=\"0\",model_name=\"m\"} 200.0\n"
	"# TYPE vllm:prefix_cache_hits counter\n"
	"vllm:prefix_cache_hits_total{engine=\"0\",model_name=\"m\"} 85.0\n"
	"# TYPE vllm:prompt_tokens counter\n"
	"vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 1500.0\n"
	"# TYPE vllm:generation_tokens counter\n"
	"vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 600.0\n"
	"vllm:generation_tokens_total{engine=\"1\",model_name=\"m\"} 50.0\n"
	"# TYPE vllm:request_success counter\n"
	"vllm:request_success_total{engine=\"0\",finished_reason=\"stop\",model_name=\"m\"} 20.0\n"
	"vllm:request_success_total{engine=\"0\",finished_reason=\"error\",model_name=\"m\"} 5.0\n"
	"# TYPE vllm:time_to_first_token_seconds histogram\n"
	"vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.1\",model_name=\"m\"} 55.0\n"
	"vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.2\",model_name=\"m\"} 105.0\n"
	"vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"+Inf\",model_name=\"m\"} 105.0\n"
	"vllm:time_to_first_token_seconds_count{engine=\"0\",model_name=\"m\"} 105.0\n"
	"vllm:time_to_first_token_seconds_sum{engine=\"0\",model_name=\"m\"} 12\n";

static void vllm_page_at(size_t piece)
{
	struct target t;

	open_target(&t);
	t.piece = piece;
	scrape(&t, vllm_first);
	assert_string_equal(serving_kind(t.serving), "vLLM");
	assert_int_equal(serving_models(t.serving), 1);
	about(gauge(&t, SERVING_RUNNING, "m"), 5);
	about(gauge(&t, SERVING_WAITING, "m"), 7);
	about(gauge(&t, SERVING_KV_CACHE, "m"), 0.75);
	/* one look at a counter tells no rate, and one at a histogram no quantile */
	assert_true(isnan(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, "m")));
	assert_true(isnan(gauge(&t, SERVING_TTFT_P95, "m")));
	scrape(&t, vllm_second);
	about(gauge(&t, SERVING_RUNNING, "m"), 1);
	about(gauge(&t, SERVING_INPUT_TOKEN_RATE, "m"), 50);
	/* engine 1 was restarted: its 50 are all new */
	about(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, "m"), 15);
	about(gauge(&t, SERVING_PREFIX_HIT_SHARE, "m"), 0.75);
	/* its first requests: a series that was not there began at zero */
	about(gauge(&t, SERVING_REQUEST_RATE, "m"), 2.5);
	about(gauge(&t, SERVING_FAILURE_RATE, "m"), 0.5);
	/* 50 below 0.1 s, 50 between 0.1 and 0.2 s */
	about(gauge(&t, SERVING_TTFT_P50, "m"), 0.1);
	about(gauge(&t, SERVING_TTFT_P95, "m"), 0.19);
	assert_true(serving_metrics[SERVING_TTFT_P95].estimate);
	assert_true(isnan(gauge(&t, SERVING_WAITING, "m"))); /* no longer told */
	close_target(&t);
}

static void vllm_page(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 70; piece += 3)
		vllm_page_at(piece);
}

/* While a name is being replaced a server shows both: they are one thing. */
static void vllm_old_and_new_names_count_once(void **state)
{
	static const char page[] =
		"vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n"
		"# TYPE vllm:gpu_prefix_cache_queries counter\n"
		"vllm:gpu_prefix_cache_queries_total{model_name=\"m\"} %s\n"
		"# TYPE vllm:time_per_output_token_seconds histogram\n"
		"vllm:time_per_output_token_seconds_bucket{model_name=\"m\",le=\"0.05\"} %s\n"
		"vllm:time_per_output_token_seconds_bucket{model_name=\"m\",le=\"+Inf\"} %s\n"
		"# TYPE vllm:inter_token_latency_seconds histogram\n"
		"vllm:inter_token_latency_seconds_bucket{model_name=\"m\",le=\"0.01\"} %s\n"
		"vllm:inter_token_latency_seconds_bucket{model_name=\"m\",le=\"+Inf\"} %s\n"
		"vllm:kv_cache_usage_perc{model_name=\"m\"} 0.4\n";
	char text[1024];
	struct target t;

	(void)state;
	open_target(&t);
	for (int i = 1; i <= 3; i++) {
		char number[8];
		snprintf(number, sizeof number, "%d", i * 100);
		snprintf(text, sizeof text, page, number, number, number, number, number);
		scrape(&t, text);
	}
	about(gauge(&t, SERVING_KV_CACHE, "m"), 0.4);
	about(gauge(&t, SERVING_INTER_TOKEN_P50, "m"), 0.005);
	close_target(&t);
}

static void vllm_only_old_names(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n"
	           "vllm:num_requests_running{model_name=\"m\"} 1\n"
	           "vllm:time_per_output_token_seconds_bucket{model_name=\"m\",le=\"0.05\"} 0\n"
	           "vllm:time_per_output_token_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 0\n");
	scrape(&t, "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n"
	           "vllm:time_per_output_token_seconds_bucket{model_name=\"m\",le=\"0.05\"} 10\n"
	           "vllm:time_per_output_token_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 10\n");
	about(gauge(&t, SERVING_KV_CACHE, "m"), 0.5);
	about(gauge(&t, SERVING_INTER_TOKEN_P50, "m"), 0.025);
	close_target(&t);
}

static void sglang_page(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, "# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs{model_name=\"q\"} 4\n"
	           "sglang:num_waiting_reqs{model_name=\"q\"} 9\n"
	           "sglang:token_usage{model_name=\"q\"} 0.28\nsglang:cache_hit_rate{model_name=\"q\"} 0.1\n"
	           "# TYPE sglang:prompt_tokens_total counter\nsglang:prompt_tokens_total{model_name=\"q\"} 8128902.0\n");
	assert_string_equal(serving_kind(t.serving), "SGLang");
	about(gauge(&t, SERVING_WAITING, "q"), 9); /* the older name alone */
	scrape(&t, "sglang:num_waiting_reqs{model_name=\"q\"} 9\nsglang:num_queue_reqs{model_name=\"q\"} 8\n"
	           "sglang:token_usage{model_name=\"q\"} 0.28\nsglang:cache_hit_rate{model_name=\"q\"} 0.1\n"
	           "# TYPE sglang:prompt_tokens_total counter\nsglang:prompt_tokens_total{model_name=\"q\"} 8128952.0\n");
	about(gauge(&t, SERVING_WAITING, "q"), 8); /* the newer one wins */
	about(gauge(&t, SERVING_KV_CACHE, "q"), 0.28);
	about(gauge(&t, SERVING_PREFIX_HIT_SHARE, "q"), 0.1);
	about(gauge(&t, SERVING_INPUT_TOKEN_RATE, "q"), 5);
	close_target(&t);
}

/* No histogram there: no percentile, and none is made up. */
static void llamacpp_page(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	serving_set_place(t.serving, "chat", "v42");
	scrape(&t, "# TYPE llamacpp:prompt_tokens_total counter\nllamacpp:prompt_tokens_total 100\n"
	           "llamacpp:tokens_predicted_total 10\nllamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n");
	scrape(&t, "# TYPE llamacpp:prompt_tokens_total counter\nllamacpp:prompt_tokens_total 300\n"
	           "llamacpp:tokens_predicted_total 30\nllamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n");
	assert_string_equal(serving_kind(t.serving), "llama.cpp");
	about(gauge(&t, SERVING_RUNNING, "[chat v42]"), 1);
	about(gauge(&t, SERVING_WAITING, "[chat v42]"), 2);
	about(gauge(&t, SERVING_INPUT_TOKEN_RATE, "[chat v42]"), 20);
	about(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, "[chat v42]"), 2);
	assert_true(isnan(gauge(&t, SERVING_TTFT_P95, "[chat v42]")));
	assert_true(isnan(gauge(&t, SERVING_LATENCY_P95, "[chat v42]")));
	close_target(&t);
}

static void tgi_page(void **state)
{
	static const char first[] =
		"# TYPE tgi_request_count counter\ntgi_request_count 10\n"
		"# TYPE tgi_queue_size gauge\ntgi_queue_size 3\n# TYPE tgi_batch_current_size gauge\ntgi_batch_current_size 8\n"
		"# TYPE tgi_request_failure counter\ntgi_request_failure{err=\"validation\"} 0\n"
		"# TYPE tgi_request_generated_tokens histogram\ntgi_request_generated_tokens_bucket{le=\"+Inf\"} 10\n"
		"tgi_request_generated_tokens_sum 1000\ntgi_request_generated_tokens_count 10\n"
		"# TYPE tgi_request_duration histogram\ntgi_request_duration_bucket{le=\"1\"} 10\n"
		"tgi_request_duration_bucket{le=\"2\"} 10\ntgi_request_duration_bucket{le=\"+Inf\"} 10\n";
	static const char second[] =
		"# TYPE tgi_request_count counter\ntgi_request_count 30\n"
		"# TYPE tgi_queue_size gauge\ntgi_queue_size 3\n# TYPE tgi_batch_current_size gauge\ntgi_batch_current_size 8\n"
		"# TYPE tgi_request_failure counter\ntgi_request_failure{err=\"validation\"} 5\n"
		"# TYPE tgi_request_generated_tokens histogram\ntgi_request_generated_tokens_bucket{le=\"+Inf\"} 30\n"
		"tgi_request_generated_tokens_sum 3000\ntgi_request_generated_tokens_count 30\n"
		"# TYPE tgi_request_duration histogram\ntgi_request_duration_bucket{le=\"1\"} 10\n"
		"tgi_request_duration_bucket{le=\"2\"} 30\ntgi_request_duration_bucket{le=\"+Inf\"} 30\n";
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, first);
	scrape(&t, second);
	assert_string_equal(serving_kind(t.serving), "TGI");
	about(gauge(&t, SERVING_RUNNING, ""), 8);
	about(gauge(&t, SERVING_WAITING, ""), 3);
	about(gauge(&t, SERVING_REQUEST_RATE, ""), 2);
	about(gauge(&t, SERVING_FAILURE_RATE, ""), 0.5);
	about(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, ""), 200);
	about(gauge(&t, SERVING_LATENCY_P50, ""), 1.5);
	close_target(&t);
}

static void trtllm_and_triton_pages(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, "trtllm_kv_cache_utilization{model_name=\"l\",engine_type=\"undefined\"} 0.5\n"
	           "trtllm_kv_cache_hit_rate{model_name=\"l\"} 0.25\n"
	           "trtllm_request_success_total{model_name=\"l\",finished_reason=\"stop\"} 1\n");
	assert_string_equal(serving_kind(t.serving), "TensorRT-LLM");
	about(gauge(&t, SERVING_KV_CACHE, "l"), 0.5);
	about(gauge(&t, SERVING_PREFIX_HIT_SHARE, "l"), 0.25);
	close_target(&t);
	open_target(&t);
	scrape(&t, "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"active\",version=\"1\"} 6\n"
	           "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"waiting\",version=\"1\"} 2\n"
	           "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"max\",version=\"1\"} 512\n"
	           "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\",model=\"tensorrt_llm\"} 0.4\n"
	           "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"used\",model=\"tensorrt_llm\"} 400\n"
	           "nv_inference_pending_request_count{model=\"tensorrt_llm\",version=\"1\"} 50\n"
	           "nv_gpu_utilization{gpu_uuid=\"x\"} 0.9\n");
	assert_string_equal(serving_kind(t.serving), "Triton");
	about(gauge(&t, SERVING_RUNNING, "tensorrt_llm"), 6);
	about(gauge(&t, SERVING_WAITING, "tensorrt_llm"), 2);
	about(gauge(&t, SERVING_KV_CACHE, "tensorrt_llm"), 0.4);
	close_target(&t);
}

static void nim_page(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, "# TYPE process_open_fds gauge\nprocess_open_fds 12\n"
	           "num_requests_running{model_name=\"meta/llama\"} 2\ngpu_cache_usage_perc{model_name=\"meta/llama\"} 0.1\n");
	assert_string_equal(serving_kind(t.serving), "NVIDIA NIM");
	about(gauge(&t, SERVING_RUNNING, "meta/llama"), 2);
	close_target(&t);
}

static void litellm_page(void **state)
{
	static const char first[] =
		"# TYPE litellm_proxy_total_requests_metric_total counter\n"
		"litellm_proxy_total_requests_metric_total{requested_model=\"gpt-4o\",status_code=\"200\",team=\"t1\"} 100\n"
		"# TYPE litellm_spend_metric_total counter\n"
		"litellm_spend_metric_total{model=\"gpt-4o\",team=\"t1\"} 1.5\n"
		"# TYPE litellm_deployment_state gauge\n"
		"litellm_deployment_state{litellm_model_name=\"gpt-4o\",model_id=\"a\",api_base=\"x\"} 0\n"
		"litellm_deployment_state{litellm_model_name=\"gpt-4o\",model_id=\"b\",api_base=\"y\"} 2\n"
		"# TYPE litellm_remaining_team_budget_metric gauge\n"
		"litellm_remaining_team_budget_metric{team=\"t1\",team_alias=\"search\"} 12.5\n"
		"litellm_remaining_team_budget_metric{team=\"t2\",team_alias=\"ads\"} -3\n"
		"litellm_remaining_team_budget_metric{team=\"t3\",team_alias=\"free\"} +Inf\n"
		"litellm_remaining_api_key_budget_metric{hashed_api_key=\"88dc28\",api_key_alias=\"ci\"} 7\n"
		"litellm_remaining_requests_metric{model_group=\"gpt-4o\",litellm_model_name=\"gpt-4o\"} 40\n";
	static const char second[] =
		"# TYPE litellm_proxy_total_requests_metric_total counter\n"
		"litellm_proxy_total_requests_metric_total{requested_model=\"gpt-4o\",status_code=\"200\",team=\"t1\"} 140\n"
		"litellm_proxy_total_requests_metric_total{requested_model=\"gpt-4o\",status_code=\"429\",team=\"t1\"} 10\n"
		"# TYPE litellm_proxy_failed_requests_metric_total counter\n"
		"litellm_proxy_failed_requests_metric_total{requested_model=\"gpt-4o\",exception_status=\"429\","
		"exception_class=\"Openai.RateLimitError\"} 10\n"
		"# TYPE litellm_spend_metric_total counter\n"
		"litellm_spend_metric_total{model=\"gpt-4o\",team=\"t1\"} 1.6\n";
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, first);
	assert_string_equal(serving_kind(t.serving), "LiteLLM");
	about(gauge(&t, SERVING_DEPLOYMENT_STATE, "gpt-4o"), 2);
	about(gauge(&t, SERVING_REMAINING_BUDGET, "team search"), 12.5);
	about(gauge(&t, SERVING_REMAINING_BUDGET, "team ads"), -3);
	assert_true(isnan(gauge(&t, SERVING_REMAINING_BUDGET, "team free"))); /* has no budget */
	about(gauge(&t, SERVING_REMAINING_BUDGET, "key ci"), 7);
	about(gauge(&t, SERVING_REMAINING_REQUESTS, "gpt-4o"), 40);
	scrape(&t, second);
	about(gauge(&t, SERVING_REQUEST_RATE, "gpt-4o"), 5);
	about(gauge(&t, SERVING_FAILURE_RATE, "gpt-4o"), 1);
	about(gauge(&t, SERVING_COST_RATE, "gpt-4o"), 36);
	close_target(&t);
}

static void nothing_is_made_up_over_a_gap(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, "vllm:generation_tokens_total{model_name=\"m\"} 100\n");
	serving_gap(t.serving);
	scrape(&t, "vllm:generation_tokens_total{model_name=\"m\"} 5000\nvllm:prompt_tokens_total{model_name=\"m\"} 9\n");
	assert_true(isnan(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, "m")));
	assert_true(isnan(gauge(&t, SERVING_INPUT_TOKEN_RATE, "m")));
	scrape(&t, "vllm:generation_tokens_total{model_name=\"m\"} 5100\n");
	about(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, "m"), 10);
	/* a model that was away for a scrape */
	scrape(&t, "vllm:num_requests_running{model_name=\"other\"} 0\n");
	scrape(&t, "vllm:generation_tokens_total{model_name=\"m\"} 9000\n");
	assert_true(isnan(gauge(&t, SERVING_OUTPUT_TOKEN_RATE, "m")));
	close_target(&t);
}

static void odd_values(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	for (int i = 0; i < 2; i++)
		scrape(&t, "vllm:num_requests_running{model_name=\"m\"} NaN\nvllm:num_requests_waiting{model_name=\"m\"} +Inf\n"
		           "vllm:kv_cache_usage_perc{model_name=\"m\"} -1\n"
		           "vllm:e2e_request_latency_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 5\n"
		           "vllm:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"nonsense\"} 5\n");
	scrape(&t, "vllm:e2e_request_latency_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 50\n");
	assert_int_equal(t.out->gauge_count, 0);
	close_target(&t);
}

static void a_page_of_strangers(void **state)
{
	struct target t;

	(void)state;
	open_target(&t);
	scrape(&t, "# TYPE go_goroutines gauge\ngo_goroutines 7\nnode_load1 0.3\n");
	assert_null(serving_kind(t.serving));
	assert_int_equal(t.out->gauge_count, 0);
	/* another server takes the port */
	scrape(&t, "tgi_queue_size 1\n");
	assert_string_equal(serving_kind(t.serving), "TGI");
	scrape(&t, "up 1\n");
	scrape(&t, "vllm:num_requests_running{model_name=\"m\"} 1\n");
	assert_string_equal(serving_kind(t.serving), "vLLM");
	close_target(&t);
}

static void many_models_stay_bounded(void **state)
{
	struct buf page = {0};
	struct target t;

	(void)state;
	open_target(&t);
	for (int round = 0; round < 4; round++) {
		buf_reset(&page);
		for (int i = 0; i < 300; i++)
			buf_printf(&page, "vllm:num_requests_running{model_name=\"m%d-%d\"} 1\n", round, i);
		scrape(&t, page.data);
		assert_true(serving_overflowed(t.serving));
	}
	assert_true(serving_models(t.serving) <= 256);
	/* what is gone makes room */
	scrape(&t, "vllm:num_requests_running{model_name=\"x\"} 1\n");
	scrape(&t, "vllm:num_requests_running{model_name=\"x\"} 1\n");
	about(gauge(&t, SERVING_RUNNING, "x"), 1);
	assert_false(serving_overflowed(t.serving));
	buf_fini(&page);
	close_target(&t);
}

static void names_are_found(void **state)
{
	enum serving_metric metric;

	(void)state;
	for (int i = 0; i < SERVING_COUNT; i++) {
		assert_true(serving_from_name(str_of(serving_metrics[i].name), &metric));
		assert_int_equal(metric, i);
		assert_non_null(serving_metrics[i].label);
	}
	assert_false(serving_from_name(STR_LIT("serving.nonsense"), &metric));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vllm_page),
		cmocka_unit_test(vllm_old_and_new_names_count_once),
		cmocka_unit_test(vllm_only_old_names),
		cmocka_unit_test(sglang_page),
		cmocka_unit_test(llamacpp_page),
		cmocka_unit_test(tgi_page),
		cmocka_unit_test(trtllm_and_triton_pages),
		cmocka_unit_test(nim_page),
		cmocka_unit_test(litellm_page),
		cmocka_unit_test(nothing_is_made_up_over_a_gap),
		cmocka_unit_test(odd_values),
		cmocka_unit_test(a_page_of_strangers),
		cmocka_unit_test(many_models_stay_bounded),
		cmocka_unit_test(names_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
