/* Rules that are not about a metric of requests: findings of a category, gauges, rollouts' guardrails; what
 * they say without data, when a source goes away, when a clock jumps and after a restart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alert/backtest.h"
#include "unit/alert_bench.h"

static void append(struct world *w, struct batch *b)
{
	struct store_counts counts = {0};
	struct err err = {""};

	if (store_writer_append(w->writer, b, &counts, &err) || store_writer_commit(w->writer, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
}

/* Requests, of which the first `flagged` have a finding. */
static void feed_flags(struct world *w, const char *service, int count, int flagged)
{
	static struct flag flag = {.category = {"pii", 3}, .severity = 4, .action = FLAG_NOTED};
	struct batch *b = batch_new();

	for (int i = 0; i < count; i++) {
		struct request *r = batch_add_request(b);

		r->end_us = w->now_us - 1 - i * 9 * S / (count + 1);
		r->latency_us = 1000;
		r->dims[DIM_SERVICE] = str_of(service);
		r->has_span = true;
		w->requests++;
		memcpy(r->span_id, &w->requests, 8);
		if (i < flagged) {
			r->flags = &flag;
			r->flag_count = 1;
		}
	}
	append(w, b);
}

static void feed_gauge(struct world *w, const char *name, const char *instance, double value)
{
	struct batch *b = batch_new();
	struct gauge *g = batch_add_gauge(b);

	*g = (struct gauge){.time_us = w->now_us - S, .name = str_of(name), .source = STR_LIT("vllm-a"),
	                    .instance = str_of(instance), .value = value};
	append(w, b);
}

static enum alert_data data_of(struct world *w, const char *rule)
{
	struct rule_state_result res;
	struct err err = {""};
	enum alert_data data = ALERT_DATA_OK;
	bool found = false;

	assert_int_equal(query_rule_states(w->reader, &res, &err), 0);
	for (size_t i = 0; i < res.row_count; i++) {
		if (strcmp(res.rows[i].rule, rule) == 0) {
			data = res.rows[i].data;
			found = true;
		}
	}
	assert_true(found);
	rule_state_result_fini(&res);
	return data;
}

static void rounds(struct world *w, int count)
{
	for (int i = 0; i < count; i++) {
		pass(w, 10 * S);
		turn(w);
	}
}

/* ── findings of a category ────────────────────────────────────────────────────────────────── */

/* Ten minutes, of which two have six findings each. */
static void findings_are_tried_on_the_past(void **state)
{
	struct world *w = begin("alerts: [{name: leak, metric: \"flags:pii\", over: 3/min, window: 1m}]\n");
	const struct config_alert *rule = &w->config.alerts[0];
	struct backtest b;
	struct err err = {""};

	(void)state;
	for (int i = 0; i < 60; i++) {
		pass(w, 10 * S);
		feed_flags(w, "chat", 10, i >= 24 && i < 36 ? 1 : 0);
	}
	assert_int_equal(backtest_rule(w->reader, rule, 3, T0, w->now_us, &b, &err), 0);
	assert_int_equal(b.evaluations, 10);
	assert_int_equal(b.known, 10);
	assert_int_equal(b.fired, 1);
	assert_int_equal(b.firing_us, 2 * US_PER_MIN);
	assert_true(b.worst == 6 && b.p50 == 0);
	assert_int_equal(backtest_rule(w->reader, rule, 6, T0, w->now_us, &b, &err), 0);
	assert_int_equal(b.fired, 0);
	end(w);
}

static void findings_fire_and_their_absence_is_told(void **state)
{
	struct world *w = begin("alerts: [{name: leak, metric: \"flags:pii\", over: 3/min, window: 1m}]\n");

	(void)state;
	rounds(w, 2);
	assert_int_equal(data_of(w, "leak"), ALERT_DATA_NONE); /* nobody asked anything: not "no finding" */
	for (int i = 0; i < 6; i++) {
		pass(w, 10 * S);
		feed_flags(w, "chat", 10, 0);
		turn(w);
	}
	assert_int_equal(data_of(w, "leak"), ALERT_DATA_OK);
	assert_int_equal(engine_alert_count(w->engine), 0);
	for (int i = 0; i < 3; i++) {
		pass(w, 10 * S);
		feed_flags(w, "chat", 10, 2);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_true(only(w).value == 6);
	/* the applications fall silent: neither over nor back to none */
	rounds(w, 30);
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_equal(only(w).data, ALERT_DATA_NONE);
	assert_int_equal(data_of(w, "leak"), ALERT_DATA_NONE);
	assert_int_equal(w->resolved, 0);
	for (int i = 0; i < 2; i++) {
		pass(w, 10 * S);
		feed_flags(w, "chat", 10, 0);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	end(w);
}

/* A group that goes on without findings resolves; one that has gone does not. */
static void findings_by_group(void **state)
{
	struct world *w = begin("alerts: [{name: leak, metric: \"flags:pii\", by: [service], over: 3/min, window: 1m}]\n");
	size_t firing = 0, resolved = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pass(w, 10 * S);
		feed_flags(w, "chat", 10, 3);
		feed_flags(w, "mail", 10, 3);
		feed_flags(w, "docs", 10, 0);
		turn(w);
	}
	assert_int_equal(w->firing, 2);
	for (int i = 0; i < 12; i++) {
		pass(w, 10 * S);
		feed_flags(w, "chat", 10, 0);
		turn(w);
	}
	for (size_t i = 0; i < engine_alert_count(w->engine); i++) {
		struct alert_record r = engine_alert(w->engine, i, w->now_us);

		firing += r.state == ALERT_FIRING && r.data != ALERT_DATA_OK && strstr(r.labels, "\"mail\"");
		resolved += r.state == ALERT_RESOLVED && strstr(r.labels, "\"chat\"");
	}
	assert_int_equal(firing, 1);
	assert_int_equal(resolved, 1);
	end(w);
}

/* ── gauges ────────────────────────────────────────────────────────────────────────────────── */

/* Ten minutes, of which three are over on the worse of two instances. */
static void a_gauge_is_tried_on_the_past(void **state)
{
	struct world *w = begin("alerts: [{name: queue, metric: \"gauge:vllm:num_requests_waiting\", over: 20, window: 1m, for: 1m}]\n");
	struct backtest b;
	struct err err = {""};

	(void)state;
	for (int i = 0; i < 60; i++) {
		pass(w, 10 * S);
		feed_gauge(w, "vllm:num_requests_waiting", "a", 2);
		feed_gauge(w, "vllm:num_requests_waiting", "b", i >= 24 && i < 42 ? 50 : 3);
	}
	assert_int_equal(backtest_rule(w->reader, &w->config.alerts[0], 20, T0, w->now_us, &b, &err), 0);
	assert_int_equal(b.known, 10);
	assert_int_equal(b.fired, 1);
	assert_int_equal(b.firing_us, 2 * US_PER_MIN); /* the first of three it waits */
	assert_true(b.worst == 50 && b.p50 == 3);
	end(w);
}

static void a_gauge_of_a_source_that_goes_away(void **state)
{
	struct world *w = begin("alerts: [{name: queue, metric: \"gauge:vllm:num_requests_waiting\", over: 20, window: 1m, for: 20s},"
	                        " {name: kv, metric: \"gauge:vllm:kv_cache_usage_perc\", under: 0.1, window: 1m}]\n");

	(void)state;
	rounds(w, 1);
	assert_int_equal(data_of(w, "queue"), ALERT_DATA_NONE);
	for (int i = 0; i < 12; i++) {
		pass(w, 10 * S);
		feed_gauge(w, "vllm:num_requests_waiting", "a", 2);
		feed_gauge(w, "vllm:num_requests_waiting", "b", 50); /* the worst of them speaks */
		feed_gauge(w, "vllm:kv_cache_usage_perc", "a", 0.5);
		turn(w);
	}
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_string_equal(only(w).rule, "queue");
	assert_true(only(w).value == 50);
	/* the source vanishes: no recovery, and no alarm of the rule that waits for too little */
	rounds(w, 30);
	assert_int_equal(engine_alert_count(w->engine), 1);
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_equal(only(w).data, ALERT_DATA_NONE);
	assert_int_equal(data_of(w, "kv"), ALERT_DATA_NONE);
	assert_int_equal(w->firing, 1);
	assert_int_equal(w->resolved, 0);
	for (int i = 0; i < 8; i++) {
		pass(w, 10 * S);
		feed_gauge(w, "vllm:num_requests_waiting", "a", 2);
		feed_gauge(w, "vllm:kv_cache_usage_perc", "a", 0.05);
		turn(w);
	}
	assert_int_equal(w->resolved, 1);
	assert_int_equal(w->firing, 2); /* kv, in earnest now */
	end(w);
}

static void a_gauge_and_a_clock_that_jumps(void **state)
{
	static const int64_t jumps[] = {7200 * S, -1800 * S};

	(void)state;
	for (int j = 0; j < 2; j++) {
		struct world *w = begin("alerts: [{name: queue, metric: \"gauge:queue_size\", over: 20, window: 1m}, {name: idle, metric: \"gauge:queue_size\", under: 1, window: 1m}]\n");

		for (int i = 0; i < 6; i++) {
			pass(w, 10 * S);
			feed_gauge(w, "queue_size", "a", 5);
			turn(w);
		}
		w->now_us += jumps[j];
		clock_set_fake_us(w->now_us);
		for (int i = 0; i < 6; i++) {
			pass(w, 10 * S);
			feed_gauge(w, "queue_size", "a", i < 3 ? 99 : 5);
			turn(w);
		}
		assert_int_equal(w->firing, 0);
		end(w);
	}
}

/* ── what is usual ─────────────────────────────────────────────────────────────────────────── */

/* Four weeks of ten-minute steps: busier and slower by day than by night. */
static int64_t usual_latency(int64_t us)
{
	int64_t hour = us % US_PER_DAY / US_PER_HOUR;

	return hour >= 8 && hour < 20 ? 2 * S : S;
}

static void feed_at(struct world *w, struct batch *b, int64_t end_us, int64_t latency_us)
{
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	r->latency_us = latency_us;
	r->dims[DIM_SERVICE] = STR_LIT("chat");
	r->has_span = true;
	w->requests++;
	memcpy(r->span_id, &w->requests, 8);
}

static void feed_weeks(struct world *w)
{
	struct batch *b = batch_new();
	uint32_t noise = 7;

	for (int64_t t = w->now_us - 28 * US_PER_DAY; t < w->now_us; t += 10 * US_PER_MIN) {
		for (int i = 0; i < 10; i++) {
			noise = noise * 1664525 + 1013904223;
			feed_at(w, b, t + i * 60 * S - 1, usual_latency(t) + (int64_t)(noise >> 16) % (200 * US_PER_MS));
		}
	}
	append(w, b);
}

/* Ten minutes, in rounds of a minute, at so many times the usual latency. */
static void ten_minutes(struct world *w, int64_t times, bool silent)
{
	for (int i = 0; i < 10; i++) {
		struct batch *b = batch_new();

		pass(w, US_PER_MIN);
		if (!silent)
			feed_at(w, b, w->now_us - S, times * usual_latency(w->now_us));
		append(w, b);
		turn(w);
	}
}

static void an_anomaly_says_what_is_usual(void **state)
{
	struct world *w = begin("alerts: [{name: odd, metric: latency_p95, anomaly: over, deviations: 6, window: 10m}]\n");

	(void)state;
	feed_weeks(w);
	restart(w);
	ten_minutes(w, 1, false);
	assert_int_equal(data_of(w, "odd"), ALERT_DATA_OK);
	assert_int_equal(engine_alert_count(w->engine), 0);
	ten_minutes(w, 4, false);
	assert_string_equal(only(w).rule, "odd");
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_true(only(w).normal > 1.8 && only(w).normal < 2.5); /* noon's, not the night's */
	assert_true(only(w).value > 7);
	assert_non_null(strstr(only(w).summary, "usual at this hour is 2."));
	assert_non_null(strstr(only(w).summary, "(+2")); /* so many per cent above */
	/* the application goes away: nobody knows that it is over */
	ten_minutes(w, 1, true);
	ten_minutes(w, 1, true);
	assert_int_equal(engine_alert_count(w->engine), 1);
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_not_equal(data_of(w, "odd"), ALERT_DATA_OK);
	end(w);
}

/* ── rollouts' guardrails ──────────────────────────────────────────────────────────────────── */

static const char checkout[] = "rollouts: [{name: checkout, service: shop, stable: v42, candidate: v43,"
                               " guardrails: [{metric: error_rate, worse_by: 1pp}]}]\n";

static void say(struct world *w, enum guardrail_says says)
{
	struct guardrail_reading g = {.rollout = "checkout", .service = "shop", .arm = "v43", .says = says, .value = 0.04,
	                              .bound = 0.011, .for_us = 20 * S, .words = "error_rate has 0.04, allowed is 0.011"};

	pass(w, 10 * S);
	engine_put_guardrails(w->engine, &g, 1, w->mono_us);
	turn(w);
}

static void a_failing_guardrail_is_an_alert(void **state)
{
	struct world *w = begin(checkout);

	(void)state;
	say(w, GUARDRAIL_UNSURE);
	assert_int_equal(engine_alert_count(w->engine), 0);
	say(w, GUARDRAIL_FAILS);
	assert_int_equal(only(w).state, ALERT_PENDING);
	assert_string_equal(only(w).kind, "rollout");
	assert_string_equal(only(w).rule, "checkout");
	assert_string_equal(only(w).labels, "{\"alertname\":\"checkout\",\"deployment\":\"v43\","
	                                    "\"service\":\"shop\",\"severity\":\"critical\"}");
	say(w, GUARDRAIL_FAILS);
	say(w, GUARDRAIL_FAILS);
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_equal(w->firing, 1);
	assert_string_equal(only(w).summary, "v43 fails its guardrails in rollout checkout: "
	                                     "error_rate has 0.04, allowed is 0.011");
	for (int i = 0; i < 30; i++)
		say(w, GUARDRAIL_UNSURE); /* the next hour's evidence begins anew */
	assert_int_equal(only(w).state, ALERT_FIRING);
	restart(w);
	rounds(w, 3); /* nothing was judged yet */
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_equal(w->firing, 1);
	say(w, GUARDRAIL_HOLDS); /* rolled back */
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	assert_int_equal(w->resolved, 1);
	end(w);
}

static void guardrails_that_nobody_judges_any_more(void **state)
{
	struct world *w = begin(checkout);
	struct config other;
	struct err err = {""};

	(void)state;
	for (int i = 0; i < 3; i++)
		say(w, GUARDRAIL_FAILS);
	assert_int_equal(only(w).state, ALERT_FIRING);
	rounds(w, 12);
	assert_int_equal(only(w).state, ALERT_FIRING);
	assert_int_equal(only(w).data, ALERT_DATA_STALE);
	/* the rollout goes out of the config: so does its alert */
	assert_int_equal(config_parse(&other, STR_LIT("listen: 127.0.0.1:4318\n"), "c", &err), 0);
	engine_set_config(w->engine, &other, &w->outlet, 1);
	engine_put_guardrails(w->engine, NULL, 0, w->mono_us);
	rounds(w, 1);
	assert_int_equal(only(w).state, ALERT_RESOLVED);
	engine_set_config(w->engine, &w->config, &w->outlet, 1);
	config_fini(&other);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_are_tried_on_the_past), cmocka_unit_test(findings_fire_and_their_absence_is_told), cmocka_unit_test(findings_by_group),
		cmocka_unit_test(a_gauge_is_tried_on_the_past), cmocka_unit_test(a_gauge_of_a_source_that_goes_away), cmocka_unit_test(a_gauge_and_a_clock_that_jumps),
		cmocka_unit_test(an_anomaly_says_what_is_usual), cmocka_unit_test(a_failing_guardrail_is_an_alert), cmocka_unit_test(guardrails_that_nobody_judges_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
