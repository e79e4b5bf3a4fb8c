/* Adding figures up and reading metrics out of them: one row of `metrics` each, one switch. */
#include "core/figures.h"

#include <string.h>

#include "base/clock.h"
#include "core/money.h"

void figures_merge(struct figures *into, const struct figures *from)
{
	into->requests += from->requests;
	into->errors += from->errors;
	into->unpriced += from->unpriced;
	into->reported_cost += from->reported_cost;
	into->cost_nusd += from->cost_nusd;
	into->input_tokens += from->input_tokens;
	into->output_tokens += from->output_tokens;
	into->cached_tokens += from->cached_tokens;
	into->cache_write_tokens += from->cache_write_tokens;
	into->reasoning_tokens += from->reasoning_tokens;
	into->cached_known += from->cached_known;
	into->errors_lower_bound += from->errors_lower_bound;
	into->flags += from->flags;
	into->flagged_requests += from->flagged_requests;
	into->blocked += from->blocked;
	into->feedback += from->feedback;
	into->positive += from->positive;
	into->neutral += from->neutral;
	into->negative += from->negative;
	if (from->first_us != 0 && (into->first_us == 0 || from->first_us < into->first_us))
		into->first_us = from->first_us;
	if (from->last_us > into->last_us)
		into->last_us = from->last_us;
	for (int i = 0; i < SKETCH_COUNT; i++)
		sketch_merge(&into->sketches[i], &from->sketches[i]);
}

void figures_reset(struct figures *f)
{
	struct sketch kept[SKETCH_COUNT];

	memcpy(kept, f->sketches, sizeof(kept));
	memset(f, 0, sizeof(*f));
	memcpy(f->sketches, kept, sizeof(kept));
	for (int i = 0; i < SKETCH_COUNT; i++)
		sketch_reset(&f->sketches[i]);
}

void figures_fini(struct figures *f)
{
	for (int i = 0; i < SKETCH_COUNT; i++)
		sketch_fini(&f->sketches[i]);
}

/* The bits of enum figures_need. */
#define NEED(kind) (1u << SKETCH_##kind)

const struct metric_info metrics[METRIC_COUNT] = {
	[METRIC_REQUESTS] = {"requests", "requests", UNIT_COUNT, 0, 0,
	                     "requests that ended in the window"},
	[METRIC_REQUEST_RATE] = {"request_rate", "req/s", UNIT_PER_SECOND, 0, 0,
	                         "requests per second"},
	[METRIC_ERROR_RATE] = {"error_rate", "errors", UNIT_SHARE, 1, 0,
	                       "share of requests that failed"},
	[METRIC_COST] = {"cost", "cost", UNIT_USD, 1, 0, "cost in US dollars"},
	[METRIC_COST_RATE] = {"cost_rate", "$/h", UNIT_USD_PER_HOUR, 1, 0,
	                      "cost per hour at the window's pace"},
	[METRIC_COST_PER_1K] = {"cost_per_1k", "$/1k", UNIT_USD, 1, 0,
	                        "cost of 1,000 requests"},
	[METRIC_LATENCY_P50] = {"latency_p50", "p50", UNIT_SECONDS, 1, NEED(LATENCY_US),
	                        "median latency of the whole call"},
	[METRIC_LATENCY_P90] = {"latency_p90", "p90", UNIT_SECONDS, 1, NEED(LATENCY_US),
	                        "latency that 90% of the calls stay within"},
	[METRIC_LATENCY_P95] = {"latency_p95", "p95", UNIT_SECONDS, 1, NEED(LATENCY_US),
	                        "latency that 95% of the calls stay within"},
	[METRIC_LATENCY_P99] = {"latency_p99", "p99", UNIT_SECONDS, 1, NEED(LATENCY_US),
	                        "latency that 99% of the calls stay within"},
	[METRIC_TTFT_P50] = {"ttft_p50", "ttft p50", UNIT_SECONDS, 1, NEED(TTFT_US),
	                     "median time to the first token"},
	[METRIC_TTFT_P95] = {"ttft_p95", "ttft p95", UNIT_SECONDS, 1, NEED(TTFT_US),
	                     "time to the first token that 95% of the calls stay within"},
	[METRIC_TTFT_P99] = {"ttft_p99", "ttft p99", UNIT_SECONDS, 1, NEED(TTFT_US),
	                     "time to the first token that 99% of the calls stay within"},
	[METRIC_INPUT_TOKEN_RATE] = {"input_token_rate", "in tok/s", UNIT_PER_SECOND, 0,
	                             NEED(INPUT_TOKENS), "input tokens per second"},
	[METRIC_OUTPUT_TOKEN_RATE] = {"output_token_rate", "out tok/s", UNIT_PER_SECOND, 0,
	                              NEED(OUTPUT_TOKENS), "output tokens per second"},
	[METRIC_CACHE_HIT_SHARE] = {"cache_hit_share", "cached", UNIT_SHARE, -1, 0,
	                            "share of input tokens that came from the provider's cache"},
	[METRIC_FLAG_RATE] = {"flag_rate", "flags/min", UNIT_PER_MINUTE, 1, 0,
	                      "content-safety findings per minute"},
	[METRIC_FLAGS_PER_1K] = {"flags_per_1k", "flags/1k", UNIT_PER_1K, 1, 0,
	                         "content-safety findings per 1,000 requests"},
	[METRIC_FEEDBACK_RATE] = {"feedback_rate", "fb/min", UNIT_PER_MINUTE, 0, 0,
	                          "pieces of user feedback per minute"},
	[METRIC_NEGATIVE_SHARE] = {"negative_share", "negative", UNIT_SHARE, 1, 0,
	                           "share of feedback with known mood that is negative"},
	[METRIC_NEGATIVE_PER_100] = {"negative_per_100", "neg/100", UNIT_COUNT, 1, 0,
	                             "negative pieces among 100 of feedback with known mood"},
};

bool metric_from_name(struct str name, enum metric *out)
{
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (str_equal_c(name, metrics[m].name)) {
			*out = (enum metric)m;
			return true;
		}
	}
	return false;
}

static struct value per(double amount, double over, double times)
{
	return over > 0 ? value_ok(amount / over * times) : value_unknown();
}

/* A known value becomes "at least" when somebody did not tell. */
static struct value at_least_if(struct value v, bool incomplete)
{
	if (incomplete && v.quality == QUALITY_OK)
		v.quality = QUALITY_LOWER_BOUND;
	return v;
}

static struct value cost(const struct figures *f, struct value v)
{
	if (f->requests > 0 && f->unpriced >= f->requests)
		return value_unknown();
	return at_least_if(v, f->unpriced > 0);
}

static struct value token_rate(const struct figures *f, int64_t tokens, enum sketch_kind kind,
                               double seconds)
{
	int64_t told = f->sketches[kind].count; /* 0 also when the sketch was not asked for */

	if (f->requests > 0 && told == 0 && tokens == 0)
		return value_unknown();
	return at_least_if(per((double)tokens, seconds, 1), told > 0 && told < f->requests);
}

static struct value cache_hits(const struct figures *f)
{
	if (f->cached_known <= 0)
		return value_unknown();
	return at_least_if(per((double)f->cached_tokens, (double)f->input_tokens, 1),
	                   f->cached_known < f->requests);
}

static struct value quantile_s(const struct figures *f, enum sketch_kind kind, double q)
{
	int64_t us = sketch_quantile(&f->sketches[kind], q);

	return us < 0 ? value_unknown() : value_ok((double)us / (double)US_PER_S);
}

struct value metric_value(enum metric m, const struct figures *f, double seconds)
{
	const double requests = (double)f->requests, usd = (double)f->cost_nusd / (double)NUSD_PER_USD;
	const double moods = (double)(f->positive + f->neutral + f->negative);

	switch (m) {
	case METRIC_REQUESTS: return value_ok(requests);
	case METRIC_REQUEST_RATE: return per(requests, seconds, 1);
	case METRIC_ERROR_RATE:
		return at_least_if(per((double)f->errors, requests, 1), f->errors_lower_bound > 0);
	case METRIC_COST: return cost(f, value_ok(usd));
	case METRIC_COST_RATE: return cost(f, per(usd, seconds, 3600));
	case METRIC_COST_PER_1K: return cost(f, per(usd, requests, 1000));
	case METRIC_LATENCY_P50: return quantile_s(f, SKETCH_LATENCY_US, 0.50);
	case METRIC_LATENCY_P90: return quantile_s(f, SKETCH_LATENCY_US, 0.90);
	case METRIC_LATENCY_P95: return quantile_s(f, SKETCH_LATENCY_US, 0.95);
	case METRIC_LATENCY_P99: return quantile_s(f, SKETCH_LATENCY_US, 0.99);
	case METRIC_TTFT_P50: return quantile_s(f, SKETCH_TTFT_US, 0.50);
	case METRIC_TTFT_P95: return quantile_s(f, SKETCH_TTFT_US, 0.95);
	case METRIC_TTFT_P99: return quantile_s(f, SKETCH_TTFT_US, 0.99);
	case METRIC_INPUT_TOKEN_RATE:
		return token_rate(f, f->input_tokens, SKETCH_INPUT_TOKENS, seconds);
	case METRIC_OUTPUT_TOKEN_RATE:
		return token_rate(f, f->output_tokens, SKETCH_OUTPUT_TOKENS, seconds);
	case METRIC_CACHE_HIT_SHARE: return cache_hits(f);
	case METRIC_FLAG_RATE: return per((double)f->flags, seconds, 60);
	case METRIC_FLAGS_PER_1K: return per((double)f->flags, requests, 1000);
	case METRIC_FEEDBACK_RATE: return per((double)f->feedback, seconds, 60);
	case METRIC_NEGATIVE_SHARE: return per((double)f->negative, moods, 1);
	case METRIC_NEGATIVE_PER_100: return per((double)f->negative, moods, 100);
	case METRIC_COUNT: break;
	}
	return value_unknown();
}
