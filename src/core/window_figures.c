/* Metrics come from their own table; sums that it has not are of the same kind: UNKNOWN where nobody told,
 * a lower bound where some did not. */
#include "core/window_figures.h"

#define METRIC_GETTER(name, metric) \
	static struct value name(const struct figures *f, double seconds) { return metric_value(metric, f, seconds); }

METRIC_GETTER(get_requests, METRIC_REQUESTS)
METRIC_GETTER(get_request_rate, METRIC_REQUEST_RATE)
METRIC_GETTER(get_error_rate, METRIC_ERROR_RATE)
METRIC_GETTER(get_p50, METRIC_LATENCY_P50)
METRIC_GETTER(get_p95, METRIC_LATENCY_P95)
METRIC_GETTER(get_p99, METRIC_LATENCY_P99)
METRIC_GETTER(get_ttft_p50, METRIC_TTFT_P50)
METRIC_GETTER(get_ttft_p95, METRIC_TTFT_P95)
METRIC_GETTER(get_cost, METRIC_COST)
METRIC_GETTER(get_cost_per_1k, METRIC_COST_PER_1K)
METRIC_GETTER(get_flags_per_1k, METRIC_FLAGS_PER_1K)

static struct value sum_of(int64_t sum, int64_t told, int64_t requests)
{
	struct value v = value_ok((double)sum);

	if (requests > 0 && told <= 0)
		return value_unknown();
	if (told < requests)
		v.quality = QUALITY_LOWER_BOUND;
	return v;
}

static struct value get_input(const struct figures *f, double seconds)
{
	(void)seconds;
	return sum_of(f->input_tokens, f->sketches[SKETCH_INPUT_TOKENS].count, f->requests);
}

static struct value get_output(const struct figures *f, double seconds)
{
	(void)seconds;
	return sum_of(f->output_tokens, f->sketches[SKETCH_OUTPUT_TOKENS].count, f->requests);
}

static struct value get_flags(const struct figures *f, double seconds)
{
	(void)seconds;
	return value_ok((double)f->flags);
}

static struct value get_feedback(const struct figures *f, double seconds)
{
	(void)seconds;
	return value_ok((double)f->feedback);
}

static int64_t n_mood(const struct figures *f)
{
	return f->positive + f->neutral + f->negative;
}

static struct value share_of_mood(const struct figures *f, int64_t count)
{
	return n_mood(f) > 0 ? value_ok((double)count / (double)n_mood(f)) : value_unknown();
}

static struct value get_positive(const struct figures *f, double seconds)
{
	(void)seconds;
	return share_of_mood(f, f->positive);
}

static struct value get_negative(const struct figures *f, double seconds)
{
	(void)seconds;
	return share_of_mood(f, f->negative);
}

/* Positive less negative: -1 to 1. */
static struct value get_balance(const struct figures *f, double seconds)
{
	(void)seconds;
	return share_of_mood(f, f->positive - f->negative);
}

static int64_t n_requests(const struct figures *f) { return f->requests; }
static int64_t n_latency(const struct figures *f) { return f->sketches[SKETCH_LATENCY_US].count; }
static int64_t n_ttft(const struct figures *f) { return f->sketches[SKETCH_TTFT_US].count; }
static int64_t n_input(const struct figures *f) { return f->sketches[SKETCH_INPUT_TOKENS].count; }
static int64_t n_output(const struct figures *f) { return f->sketches[SKETCH_OUTPUT_TOKENS].count; }
static int64_t n_feedback(const struct figures *f) { return f->feedback; }
static int64_t n_priced(const struct figures *f) { return f->requests - f->unpriced; }

const struct window_figure window_figures[] = {
	{"requests", "requests", UNIT_COUNT, 0, true, get_requests, n_requests},
	{"requests_per_second", "requests/s", UNIT_PER_SECOND, 0, false, get_request_rate, n_requests},
	{"error_rate", "error rate", UNIT_SHARE, 1, false, get_error_rate, n_requests},
	{"latency_p50", "latency p50", UNIT_SECONDS, 1, false, get_p50, n_latency},
	{"latency_p95", "latency p95", UNIT_SECONDS, 1, false, get_p95, n_latency},
	{"latency_p99", "latency p99", UNIT_SECONDS, 1, false, get_p99, n_latency},
	{"ttft_p50", "TTFT p50", UNIT_SECONDS, 1, false, get_ttft_p50, n_ttft},
	{"ttft_p95", "TTFT p95", UNIT_SECONDS, 1, false, get_ttft_p95, n_ttft},
	{"cost_usd", "cost", UNIT_USD, 1, true, get_cost, n_priced},
	{"cost_usd_per_1k", "cost/1k req", UNIT_USD, 1, false, get_cost_per_1k, n_priced},
	{"input_tokens", "tokens in", UNIT_COUNT, 0, true, get_input, n_input},
	{"output_tokens", "tokens out", UNIT_COUNT, 0, true, get_output, n_output},
	{"flags", "flags", UNIT_COUNT, 1, true, get_flags, n_requests},
	{"flags_per_1k", "flags/1k req", UNIT_PER_1K, 1, false, get_flags_per_1k, n_requests},
	{"feedback", "feedback", UNIT_COUNT, 0, true, get_feedback, n_feedback},
	{"feedback_positive", "feedback +", UNIT_SHARE, -1, false, get_positive, n_mood},
	{"feedback_negative", "feedback -", UNIT_SHARE, 1, false, get_negative, n_mood},
	{"feedback_balance", "balance + -", UNIT_SHARE, -1, false, get_balance, n_mood},
	{NULL, NULL, UNIT_COUNT, 0, false, NULL, NULL},
};
