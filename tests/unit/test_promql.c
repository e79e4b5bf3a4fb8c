/* Questions to a Prometheus-compatible server: its answers in all their forms, the built-in queries,
 * and the source against a server that speaks the API (and one that does not). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collect/promql_queries.h"
#include "parse/prometheus_answer.h"
#include "small_http.h"
#include "source_bench.h"

/* ---- answers ---- */

static void note(void *arg, const struct prom_sample *s)
{
	struct buf *out = arg;

	buf_printf(out, "%.*s %.17g %lld", STR_ARG(s->name), s->value, (long long)s->time_us);
	for (size_t i = 0; i < s->label_count; i++)
		buf_printf(out, " %.*s=%.*s", STR_ARG(s->labels[i].name), STR_ARG(s->labels[i].value));
	buf_append_c(out, ';');
}

static void assert_answer(const char *json, const char *points, const char *error, const char *warning)
{
	struct prom_answer answer;
	struct buf got = {0};
	struct err err = {""};

	buf_puts(&got, "");
	if (prom_answer_read(str_of(json), note, &got, &answer, &err) != 0)
		fail_msg("%s: %s", json, err.text);
	assert_string_equal(got.data ? got.data : "", points);
	assert_string_equal(answer.error.text, error);
	assert_string_equal(answer.warning.text, warning);
	buf_fini(&got);
}

static void answers_are_read(void **state)
{
	(void)state;
	assert_answer("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
	              "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\\\"b\"},\"value\":[1435781451.781,\"1\"]},"
	              "{\"metric\":{},\"value\":[1435781451,\"NaN\"]},{\"metric\":{},\"value\":[1435781451,\"-Inf\"]}]}}",
	              "up 1 1435781451781000 job=a\"b; nan 1435781451000000; -inf 1435781451000000;", "", "");
	/* the same facts in another order, as other servers give them */
	assert_answer("{\"data\":{\"result\":[{\"value\":[1435781451.781,\"2.5e3\"],\"metric\":{\"job\":\"x\"}}],"
	              "\"resultType\":\"vector\"},\"stats\":{\"seriesFetched\":\"1\"},\"isPartial\":false,\"status\":\"success\"}",
	              " 2500 1435781451781000 job=x;", "", "");
	assert_answer("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"m\":\"a\"},"
	              "\"values\":[[1,\"1\"],[2.5,\"2\"]]},{\"metric\":{},\"values\":[]}]}}",
	              " 1 1000000 m=a; 2 2500000 m=a;", "", "");
	assert_answer("{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1435781451.781,\"1\"]}}",
	              " 1 1435781451781000;", "", "");
	assert_answer("{\"status\":\"success\",\"data\":{\"resultType\":\"string\",\"result\":[1435781451.781,\"x\"]}}", "",
	              "the query gives a string, not numbers", "");
	assert_answer("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]},\"warnings\":[\"partial\",\"two\"]}",
	              "", "", "partial");
	assert_answer("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:5: parse error\"}", "", "1:5: parse error", "");
	assert_answer("{\"status\":\"error\",\"data\":null,\"errorType\":\"422\"}", "", "the server gives no reason", "");
	/* a native histogram is passed over */
	assert_answer("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"a\":\"b\"},"
	              "\"histogram\":[1,{\"count\":\"5\"}]}]}}", "", "", "");
}

static void broken_answers_are_refused(void **state)
{
	static const char *const broken[] = {
		"", "<html>", "null", "[]", "{\"status\":\"success\",\"data\":[]}", "{\"status\":\"success\"",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":{}}}",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":[],\"value\":[1,\"1\"]}]}}",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1,\"x\"]}]}}",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1]}]}}",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1,\"1\",2]}]}}",
		"{\"status\":\"success\",\"data\":null} x",
	};
	struct prom_answer answer;
	struct buf got = {0};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		if (prom_answer_read(str_of(broken[i]), note, &got, &answer, &err) == 0)
			fail_msg("taken: %s", broken[i]);
	buf_fini(&got);
}

/* ---- queries ---- */

static const char *query_of(const struct promql_queries *q, const char *gauge)
{
	for (size_t i = 0; i < q->count; i++)
		if (strcmp(q->items[i].gauge, gauge) == 0)
			return q->items[i].text;
	return "";
}

static void built_in_queries_follow_the_names(void **state)
{
	static const char *const there[] = {
		"vllm:num_requests_running", "vllm:gpu_cache_usage_perc", "vllm:generation_tokens_total",
		"vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total", "vllm:time_to_first_token_seconds_bucket",
		"litellm_spend_metric_total", "litellm_remaining_team_budget_metric", "litellm_remaining_api_key_budget_metric",
		"tgi_request_count", "request_success_total",
	};
	struct promql_queries q = {0};
	struct strmap names = {0};

	(void)state;
	for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
		strmap_put(&names, str_of(there[i]), 1);
	promql_built_in(&q, &names, "120s");
	assert_string_equal(query_of(&q, "serving.requests_running"), "sum by (model_name) (vllm:num_requests_running)");
	assert_string_equal(query_of(&q, "serving.kv_cache_usage"), "max by (model_name) (vllm:gpu_cache_usage_perc)");
	assert_string_equal(query_of(&q, "serving.output_tokens_per_second"),
	                    "sum by (model_name) (rate(vllm:generation_tokens_total[120s]))");
	assert_string_equal(query_of(&q, "serving.prefix_cache_hit_share"),
	                    "sum by (model_name) (rate(vllm:prefix_cache_hits_total[120s])) / "
	                    "sum by (model_name) (rate(vllm:prefix_cache_queries_total[120s]))");
	assert_string_equal(query_of(&q, "serving.ttft_seconds_p95"),
	                    "histogram_quantile(0.95, sum by (le,model_name) (rate(vllm:time_to_first_token_seconds_bucket[120s])))");
	assert_string_equal(query_of(&q, "serving.cost_usd_per_hour"),
	                    "sum by (model_name) (label_replace(label_replace(label_replace(rate(litellm_spend_metric_total[120s]),"
	                    "\"model_name\",\"$1\",\"litellm_model_name\",\"(.+)\"),\"model_name\",\"$1\",\"requested_model\",\"(.+)\"),"
	                    "\"model_name\",\"$1\",\"model\",\"(.+)\")) * 3600");
	assert_non_null(strstr(query_of(&q, "serving.remaining_budget_usd"), " or min by (team,team_alias,"));
	assert_string_equal(query_of(&q, "serving.requests_per_second"), "sum by (model_name) (rate(tgi_request_count[120s]))");
	/* names without a prefix need their most telling one */
	for (size_t i = 0; i < q.count; i++)
		assert_null(strstr(q.items[i].text, "(request_success_total"));
	promql_queries_fini(&q);
	strmap_fini(&names);
}

/* ---- the source ---- */

struct server {
	struct small_http http;
	struct buf asked; /* "target body" lines */
	int status;       /* for all; 0: works */
	bool later;       /* the metrics are not there yet */
	char scope[64];
};

static void answer(void *arg, const struct small_request *q, struct buf *out)
{
	static const char type[] = "Content-Type: application/json\r\n";
	struct server *s = arg;
	char body[1024];

	buf_printf(&s->asked, "%s %s %.*s\n", q->method, q->target, (int)q->body_len, q->body);
	small_header(q, "X-Scope-OrgID", s->scope, sizeof s->scope);
	if (s->status) {
		small_answer(out, s->status, type, "{\"status\":\"error\",\"error\":\"no\"}");
		return;
	}
	if (memmem(q->body, q->body_len, "count%20by", 10)) {
		small_answer(out, 200, type, s->later ? "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}"
		             : "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
		               "{\"__name__\":\"vllm:num_requests_running\"},\"value\":[1,\"2\"]}]}}");
	} else if (strstr(q->target, "query_range")) {
		snprintf(body, sizeof body, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":"
		         "{\"model_name\":\"m\"},\"values\":[[%lld,\"1\"],[%lld,\"NaN\"],[%lld,\"3\"]]}]}}",
		         (long long)(clock_wall_us() / US_PER_S - 1800), (long long)(clock_wall_us() / US_PER_S - 900),
		         (long long)(clock_wall_us() / US_PER_S));
		small_answer(out, 200, type, body);
	} else if (memmem(q->body, q->body_len, "sum(&", 5) || memmem(q->body, q->body_len, "sum%28&", 7)) {
		small_answer(out, 422, type, "{\"status\":\"error\",\"errorType\":\"422\",\"error\":\"unexpected token\"}");
	} else {
		small_answer(out, 200, type, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
		             "{\"model_name\":\"m\"},\"value\":[1,\"7\"]}]},\"warnings\":[\"some store is away\"]}");
	}
}

static void open_server(struct server *s, struct bench *b, const char *more)
{
	char *yaml;

	memset(s, 0, sizeof *s);
	small_start(&s->http, 0, answer, s);
	yaml = mem_printf("sources: [{name: a, kind: promql, url: \"http://127.0.0.1:%u/prometheus/\", every: 1s%s}]\n", s->http.port, more);
	bench_open(b, yaml);
	free(yaml);
}

static void close_server(struct server *s, struct bench *b)
{
	bench_close(b);
	small_stop(&s->http);
	buf_fini(&s->asked);
}

struct stored {
	double last, first;
	size_t samples;
};

static struct stored stored_gauge(struct bench *b, const char *name, const char *instance)
{
	int64_t now_us = clock_wall_us();
	struct stored found = {NAN, NAN, 0};
	struct gauge_result res;
	struct err err = {""};

	if (query_gauges(bench_reader(b), str_of(name), now_us - US_PER_HOUR, now_us + US_PER_MIN, US_PER_MIN, &res, &err) != 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < res.series_count; i++)
		for (size_t k = 0; k < res.series[i].steps && strcmp(res.series[i].instance, instance) == 0; k++)
			if (!isnan(res.series[i].last[k])) {
				found.last = res.series[i].last[k];
				found.first = found.samples++ ? found.first : found.last;
			}
	gauge_result_fini(&res);
	return found;
}

static void until_gauge(struct bench *b, const char *name, const char *instance, double want)
{
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US;
	struct stored got;

	while (!((got = stored_gauge(b, name, instance)).last == want)) {
		if (clock_mono_us() > until_us)
			fail_msg("%s of %s is %g, not %g: %s", name, instance, got.last, want, bench_status(b));
		loop_turn(b->loop, 10, NULL);
	}
}

static size_t times_asked(struct server *s, const char *what)
{
	size_t count = 0;

	pthread_mutex_lock(&s->http.lock);
	for (const char *at = s->asked.data; at && (at = strstr(at, what)); at++)
		count++;
	pthread_mutex_unlock(&s->http.lock);
	return count;
}

static void history_first_then_the_moment(void **state)
{
	struct server s;
	struct bench b;

	(void)state;
	open_server(&s, &b, ", tenant: team-1");
	until_gauge(&b, "serving.requests_running", "m", 7);
	assert_true(stored_gauge(&b, "serving.requests_running", "m").first == 1); /* half an hour ago */
	assert_true(bench_says(&b, "serving.requests_running: the server says: some store is away"));
	assert_int_equal(times_asked(&s, "POST /prometheus/api/v1/query_range query=sum%20by"), 1);
	assert_int_equal(times_asked(&s, "count%20by"), 1);
	assert_string_equal(s.scope, "team-1");
	/* after a restart only what is missing is asked for: nothing */
	bench_stop(&b);
	bench_run(&b);
	until_gauge(&b, "serving.requests_running", "m", 7);
	bench_until_says(&b, "\"state\":\"ok\"");
	assert_int_equal(times_asked(&s, "query_range"), 1);
	close_server(&s, &b);
}

static void metrics_that_come_later_bring_their_past(void **state)
{
	struct server s;
	struct bench b;

	(void)state;
	open_server(&s, &b, "");
	s.later = true;
	bench_until_says(&b, "no metric of a known model server");
	pthread_mutex_lock(&s.http.lock);
	s.later = false;
	pthread_mutex_unlock(&s.http.lock);
	until_gauge(&b, "serving.requests_running", "m", 7);
	assert_int_equal(times_asked(&s, "query_range"), 1);
	close_server(&s, &b);
}

static void own_queries(void **state)
{
	struct server s;
	struct bench b;

	(void)state;
	open_server(&s, &b, ", history: 0s, queries: {good.one: \"x > 5\", bad: \"sum(\"}");
	until_gauge(&b, "good.one", "m", 7);
	bench_until_says(&b, "bad: the server says: unexpected token");
	assert_true(bench_says(&b, "\"state\":\"ok\""));
	assert_true(times_asked(&s, "query=x%20%3E%205&time=") > 0);
	assert_int_equal(times_asked(&s, "query_range"), 0);
	assert_int_equal(times_asked(&s, "count%20by"), 0);
	close_server(&s, &b);
	open_server(&s, &b, ", history: 0s, queries: {bad: \"sum(\"}");
	bench_until_says(&b, "\"state\":\"failing\",\"reason\":\"bad: the server says: unexpected token");
	close_server(&s, &b);
}

static void refusals_are_said(void **state)
{
	static const struct { int status; const char *words; } cases[] = {
		{401, "\"state\":\"denied\",\"reason\":\"the server answers 401"}, {404, "the server answers 404: its url"},
		{503, "the server answers 503: it is asked again later"}, {500, "\"state\":\"failing\",\"reason\":\"the server says: no\""},
	};
	struct server s;
	struct bench b;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		open_server(&s, &b, "");
		s.status = cases[i].status;
		bench_until_says(&b, cases[i].words);
		close_server(&s, &b);
	}
	open_server(&s, &b, ", queries: {\"a b\": up}");
	assert_true(bench_says(&b, "a gauge's name is made of letters"));
	close_server(&s, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(broken_answers_are_refused),
		cmocka_unit_test(built_in_queries_follow_the_names),
		cmocka_unit_test(history_first_then_the_moment),
		cmocka_unit_test(metrics_that_come_later_bring_their_past),
		cmocka_unit_test(own_queries),
		cmocka_unit_test(refusals_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
