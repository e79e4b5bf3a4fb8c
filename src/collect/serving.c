/* Samples are matched by family name in one table. A counter's increase is taken series by series
 * (so that one engine's restart does not hide behind the others' growth) and added up per model; a
 * histogram's cumulative bucket increases likewise, kept for the last minute of scrapes. */
#include "collect/serving.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/serving.h"

enum channel {
	CH_RUNNING, CH_WAITING, CH_KV_CACHE, CH_PREFIX_SHARE, CH_BUDGET_LEFT, CH_REQUESTS_LEFT, CH_TOKENS_LEFT,
	CH_PREFIX_QUERIES, CH_PREFIX_HITS, CH_PREEMPTIONS, CH_FINISHED, CH_FAILED, CH_INPUT, CH_OUTPUT, CH_SPEND,
	CH_TTFT, CH_INTER_TOKEN, CH_LATENCY, CH_QUEUE_TIME,
	CHANNEL_COUNT,
	CH_FIRST_HISTOGRAM = CH_TTFT,
	HISTOGRAM_COUNT = CHANNEL_COUNT - CH_FIRST_HISTOGRAM
};

enum how {
	HOW_SUM, HOW_MAX, HOW_MIN, /* gauges: how a model's series are put together */
	HOW_COUNTER,
	HOW_HISTOGRAM,
	HOW_HISTOGRAM_SUM,   /* the _sum of a histogram, as a counter */
	HOW_HISTOGRAM_COUNT, /* its _count */
};

struct wire_name {
	const char *family; /* without _total */
	enum channel channel;
	enum how how;
	double scale;      /* to seconds, shares, tokens */
	const char *label; /* only series with this label and value; NULL: all */
	const char *value; /* NULL: any non-empty one */
};
struct server_kind {
	const char *kind;   /* for people */
	const char *prefix; /* of every family */
	struct wire_name names[24];
};

/* Names as the servers' own documentation has them, older ones beside newer ones. */
static const struct server_kind server_kinds[] = {
	{"vLLM", "vllm:", {
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
		{"time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"inter_token_latency_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"e2e_request_latency_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"request_queue_time_seconds", CH_QUEUE_TIME, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"SGLang", "sglang:", {
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
	{"llama.cpp", "llamacpp:", {
		{"requests_processing", CH_RUNNING, HOW_SUM, 1, NULL, NULL},
		{"requests_deferred", CH_WAITING, HOW_SUM, 1, NULL, NULL},
		{"kv_cache_usage_ratio", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"prompt_tokens", CH_INPUT, HOW_COUNTER, 1, NULL, NULL},
		{"tokens_predicted", CH_OUTPUT, HOW_COUNTER, 1, NULL, NULL},
	}},
	{"TGI", "tgi_", {
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
	{"TensorRT-LLM", "trtllm_", {
		{"kv_cache_utilization", CH_KV_CACHE, HOW_MAX, 1, NULL, NULL},
		{"kv_cache_hit_rate", CH_PREFIX_SHARE, HOW_MIN, 1, NULL, NULL},
		{"request_success", CH_FINISHED, HOW_COUNTER, 1, NULL, NULL},
		{"time_to_first_token_seconds", CH_TTFT, HOW_HISTOGRAM, 1, NULL, NULL},
		{"time_per_output_token_seconds", CH_INTER_TOKEN, HOW_HISTOGRAM, 1, NULL, NULL},
		{"e2e_request_latency_seconds", CH_LATENCY, HOW_HISTOGRAM, 1, NULL, NULL},
		{"request_queue_time_seconds", CH_QUEUE_TIME, HOW_HISTOGRAM, 1, NULL, NULL},
	}},
	{"LiteLLM", "litellm_", {
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
	}},
	/* Also what an OpenTelemetry collector's Prometheus page calls them. */
	{"OpenTelemetry GenAI", "gen_ai_", {
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
	{"NVIDIA NIM", "", {
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
#define KIND_COUNT (sizeof server_kinds / sizeof server_kinds[0])

#define SERIES_MAX 20000u /* wire series remembered of one target */
#define MODELS_MAX 256u
#define BUCKETS_MAX 64u
#define WINDOW_US US_PER_MIN /* quantiles cover about this much */
#define WINDOW_SCRAPES 64u

/* Cumulative bucket increases of one histogram, by scrape. */
struct histogram {
	double bounds[BUCKETS_MAX]; /* ascending; the last may be infinite */
	size_t bucket_count;
	struct {
		int64_t time_us;
		double increases[BUCKETS_MAX];
	} scrapes[WINDOW_SCRAPES]; /* ring */
	size_t newest;
};
struct model {
	char *name;
	bool seen[CHANNEL_COUNT];    /* in this scrape */
	double values[CHANNEL_COUNT]; /* gauges: value; counters: increase in this scrape */
	bool grew[CHANNEL_COUNT];     /* an increase over a known interval was there */
	struct histogram *histograms[HISTOGRAM_COUNT];
};
struct series {
	double previous;
	uint64_t scrape; /* in which it was last seen */
};
struct serving {
	char *source;
	const struct server_kind *kind;
	struct strmap series_index, model_index;
	struct series *series;
	size_t series_count, series_cap;
	struct model *models;
	size_t model_count, model_cap;
	int64_t now_us, previous_us;
	uint64_t scrape;
	bool gap;
	bool delta; /* the sample in hand is an increase */
	struct buf key;
};

struct serving *serving_new(const char *source)
{
	struct serving *s = mem_zalloc(sizeof *s);

	s->source = mem_strdup(source);
	s->gap = true;
	return s;
}

void serving_free(struct serving **s)
{
	struct serving *old = *s;

	if (!old)
		return;
	for (size_t i = 0; i < old->model_count; i++) {
		for (size_t h = 0; h < HISTOGRAM_COUNT; h++)
			free(old->models[i].histograms[h]);
		free(old->models[i].name);
	}
	free(old->models);
	free(old->series);
	free(old->source);
	strmap_fini(&old->series_index);
	strmap_fini(&old->model_index);
	buf_fini(&old->key);
	free(old);
	*s = NULL;
}

void serving_begin(struct serving *s, int64_t now_us)
{
	s->previous_us = s->now_us;
	s->now_us = now_us;
	s->scrape++;
	for (size_t i = 0; i < s->model_count; i++) {
		memset(s->models[i].seen, 0, sizeof s->models[i].seen);
		memset(s->models[i].grew, 0, sizeof s->models[i].grew);
		memset(s->models[i].values, 0, sizeof s->models[i].values);
		for (size_t h = 0; h < HISTOGRAM_COUNT; h++) {
			struct histogram *histogram = s->models[i].histograms[h];
			if (!histogram)
				continue;
			histogram->newest = (histogram->newest + 1) % WINDOW_SCRAPES;
			memset(&histogram->scrapes[histogram->newest], 0, sizeof histogram->scrapes[0]);
			histogram->scrapes[histogram->newest].time_us = now_us;
		}
	}
}

void serving_gap(struct serving *s)
{
	s->gap = true;
}

/* The kind of server that a family belongs to; NULL when it is none of interest. */
static const struct server_kind *find_kind(const struct serving *s, struct str family)
{
	for (size_t k = 0; k < KIND_COUNT; k++) {
		struct str prefix = str_of(server_kinds[k].prefix), rest;
		if ((s->kind && s->kind != &server_kinds[k]) || !str_starts_with(family, prefix))
			continue;
		rest = (struct str){family.ptr + prefix.len, family.len - prefix.len};
		for (const struct wire_name *n = server_kinds[k].names; n->family; n++)
			if (str_equal_c(rest, n->family))
				return &server_kinds[k];
	}
	return NULL;
}

static struct model *find_model(struct serving *s, const struct prom_sample *sample)
{
	static const char *const labels[] = {"model_name", "model", "requested_model", "model_group", "litellm_model_name",
		"gen_ai_response_model", "gen_ai_request_model"};
	struct str name = {0};
	uint32_t at;

	for (size_t i = 0; i < sizeof labels / sizeof labels[0] && name.len == 0; i++)
		name = prom_label(sample, labels[i]);
	if (strmap_get(&s->model_index, name, &at))
		return &s->models[at];
	if (s->model_count >= MODELS_MAX)
		return NULL;
	s->models = mem_grow(s->models, &s->model_cap, s->model_count + 1, sizeof *s->models);
	at = (uint32_t)s->model_count++;
	memset(&s->models[at], 0, sizeof s->models[at]);
	s->models[at].name = mem_strndup(name.len ? name.ptr : "", name.len);
	strmap_put(&s->model_index, name, at);
	return &s->models[at];
}

/* How much a series grew since the last scrape; false when that cannot be told. A series that feeds two
 * channels is only asked once a sample. */
static bool increase_of(struct serving *s, const struct prom_sample *sample, double *out)
{
	struct series *series;
	uint32_t at;
	bool known;

	if (s->delta) {
		*out = sample->value;
		return true;
	}
	buf_reset(&s->key);
	buf_append_str(&s->key, sample->name);
	for (size_t i = 0; i < sample->label_count; i++) {
		buf_append_c(&s->key, '\1');
		buf_append_str(&s->key, sample->labels[i].name);
		buf_append_c(&s->key, '\2');
		buf_append_str(&s->key, sample->labels[i].value);
	}
	if (!strmap_get(&s->series_index, buf_str(&s->key), &at)) {
		if (s->series_count >= SERIES_MAX)
			return false;
		s->series = mem_grow(s->series, &s->series_cap, s->series_count + 1, sizeof *s->series);
		at = (uint32_t)s->series_count++;
		s->series[at] = (struct series){0, 0};
		strmap_put(&s->series_index, buf_str(&s->key), at);
	}
	series = &s->series[at];
	known = series->scrape != 0 && series->scrape + 1 == s->scrape && !s->gap;
	/* a lower count is a restart: all of it came since then */
	*out = sample->value >= series->previous ? sample->value - series->previous : sample->value;
	series->previous = sample->value;
	series->scrape = s->scrape;
	return known;
}

static void add_gauge(struct model *m, const struct wire_name *n, double value)
{
	double *held = &m->values[n->channel];

	value *= n->scale;
	if (!m->seen[n->channel])
		*held = value;
	else if (n->how == HOW_SUM)
		*held += value;
	else if (n->how == HOW_MAX)
		*held = fmax(*held, value);
	else
		*held = fmin(*held, value);
	m->seen[n->channel] = true;
}

/* The bucket with this upper bound, put in its place when it is new. */
static size_t find_bucket(struct histogram *h, double bound)
{
	size_t at = 0;

	while (at < h->bucket_count && h->bounds[at] < bound)
		at++;
	if (at < h->bucket_count && h->bounds[at] == bound)
		return at;
	if (h->bucket_count >= BUCKETS_MAX)
		return BUCKETS_MAX;
	memmove(&h->bounds[at + 1], &h->bounds[at], (h->bucket_count - at) * sizeof h->bounds[0]);
	for (size_t i = 0; i < WINDOW_SCRAPES; i++) {
		double *increases = h->scrapes[i].increases;
		memmove(&increases[at + 1], &increases[at], (h->bucket_count - at) * sizeof *increases);
		increases[at] = 0;
	}
	h->bounds[at] = bound;
	h->bucket_count++;
	return at;
}

static bool bound_of(struct str le, double *out)
{
	if (str_equal_nocase(le, STR_LIT("+Inf")) || str_equal_nocase(le, STR_LIT("Inf"))) {
		*out = INFINITY;
		return true;
	}
	return str_to_double(le, out);
}

static void add_bucket(struct serving *s, struct model *m, const struct wire_name *n,
                       const struct prom_sample *sample, double increase)
{
	struct histogram **slot = &m->histograms[n->channel - CH_FIRST_HISTOGRAM];
	double bound;
	size_t at;

	if (!bound_of(prom_label(sample, "le"), &bound))
		return;
	if (!*slot) {
		*slot = mem_zalloc(sizeof **slot);
		(*slot)->scrapes[0].time_us = s->now_us;
	}
	m->seen[n->channel] = true;
	at = find_bucket(*slot, bound * n->scale);
	if (at < BUCKETS_MAX)
		(*slot)->scrapes[(*slot)->newest].increases[at] += increase;
}

static bool label_fits(const struct wire_name *n, const struct prom_sample *sample)
{
	struct str value;

	if (!n->label)
		return true;
	value = prom_label(sample, n->label);
	return n->value ? str_equal_c(value, n->value) : value.len > 0;
}

/* Which of a metric's lines a row reads: by its ending. */
static bool line_fits(enum how how, struct str name)
{
	switch (how) {
	case HOW_HISTOGRAM: return str_ends_with(name, STR_LIT("_bucket"));
	case HOW_HISTOGRAM_SUM: return str_ends_with(name, STR_LIT("_sum"));
	case HOW_HISTOGRAM_COUNT: return str_ends_with(name, STR_LIT("_count"));
	default: return true;
	}
}

/* The family's name without the ending that the sample's line has. */
static struct str bare_family(const struct prom_sample *sample)
{
	static const char *const endings[] = {"_bucket", "_sum", "_count", "_total"};
	struct str family = sample->family;

	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if ((i == 3 || str_equal(family, sample->name)) && str_ends_with(family, str_of(endings[i])))
			return (struct str){family.ptr, family.len - strlen(endings[i])};
	return family;
}

static void add_counter(struct model *m, const struct wire_name *n, bool known, double increase)
{
	m->seen[n->channel] = true;
	if (!known)
		return;
	m->grew[n->channel] = true;
	m->values[n->channel] += increase * n->scale;
}

void serving_sample(struct serving *s, const struct prom_sample *sample)
{
	struct str family = bare_family(sample);
	const struct server_kind *kind;
	bool asked = false, known = false;
	double increase = 0;
	struct model *m;

	if (!isfinite(sample->value) || sample->value < 0)
		return;
	kind = find_kind(s, family);
	m = kind ? find_model(s, sample) : NULL;
	if (!m)
		return;
	s->kind = kind;
	family.ptr += strlen(kind->prefix);
	family.len -= strlen(kind->prefix);
	for (const struct wire_name *n = kind->names; n->family; n++) {
		if (!str_equal_c(family, n->family) || !line_fits(n->how, sample->name) || !label_fits(n, sample))
			continue;
		if (n->how <= HOW_MIN) {
			add_gauge(m, n, sample->value);
			continue;
		}
		if (!asked)
			known = increase_of(s, sample, &increase);
		asked = true;
		if (n->how == HOW_HISTOGRAM)
			add_bucket(s, m, n, sample, known ? increase : 0);
		else
			add_counter(m, n, known, increase);
	}
}

void serving_delta(struct serving *s, const struct prom_sample *sample)
{
	s->delta = true;
	serving_sample(s, sample);
	s->delta = false;
}

/* Linear interpolation inside the bucket that holds the rank, as Prometheus's histogram_quantile()
 * has it; the highest finite bound when the rank lies beyond it. NaN when nothing can be said. */
static double quantile(const double *bounds, const double *cumulative, size_t count, double q)
{
	double total = count ? cumulative[count - 1] : 0, rank = q * total;

	if (count < 2 || total <= 0)
		return NAN;
	for (size_t i = 0; i < count; i++) {
		double low = i ? bounds[i - 1] : 0, before = i ? cumulative[i - 1] : 0;
		if (cumulative[i] < rank)
			continue;
		if (!isfinite(bounds[i]))
			return low;
		if (cumulative[i] <= before)
			return bounds[i];
		return low + (bounds[i] - low) * (rank - before) / (cumulative[i] - before);
	}
	return bounds[count - 1];
}

static void put_gauge(struct serving *s, const struct model *m, struct batch *out, enum serving_metric metric,
                      double value)
{
	struct gauge *g;

	if (!isfinite(value))
		return;
	g = batch_add_gauge(out);
	g->time_us = s->now_us;
	g->name = str_of(serving_metrics[metric].name);
	g->source = batch_text(out, str_of(s->source), EVENT_NAME_MAX_BYTES);
	g->instance = batch_text(out, str_of(m->name), EVENT_NAME_MAX_BYTES);
	g->value = value;
}

static void put_quantiles(struct serving *s, const struct model *m, struct batch *out)
{
	static const struct { enum channel channel; struct { enum serving_metric metric; double q; } of[3]; size_t count; } table[] = {
		{CH_TTFT, {{SERVING_TTFT_P50, .5}, {SERVING_TTFT_P95, .95}, {SERVING_TTFT_P99, .99}}, 3},
		{CH_INTER_TOKEN, {{SERVING_INTER_TOKEN_P50, .5}, {SERVING_INTER_TOKEN_P95, .95}, {SERVING_INTER_TOKEN_P99, .99}}, 3},
		{CH_LATENCY, {{SERVING_LATENCY_P50, .5}, {SERVING_LATENCY_P95, .95}, {SERVING_LATENCY_P99, .99}}, 3},
		{CH_QUEUE_TIME, {{SERVING_QUEUE_TIME_P95, .95}}, 1},
	};

	for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
		const struct histogram *h = m->histograms[table[t].channel - CH_FIRST_HISTOGRAM];
		double cumulative[BUCKETS_MAX] = {0};
		if (!h || !m->seen[table[t].channel])
			continue;
		for (size_t i = 0; i < WINDOW_SCRAPES; i++)
			for (size_t b = 0; h->scrapes[i].time_us > s->now_us - WINDOW_US && b < h->bucket_count; b++)
				cumulative[b] += h->scrapes[i].increases[b];
		for (size_t i = 0; i < table[t].count; i++)
			put_gauge(s, m, out, table[t].of[i].metric,
			          quantile(h->bounds, cumulative, h->bucket_count, table[t].of[i].q));
	}
}

static void put_rates(struct serving *s, const struct model *m, struct batch *out)
{
	static const struct { enum channel channel; enum serving_metric metric; double scale; } table[] = {
		{CH_PREEMPTIONS, SERVING_PREEMPTION_RATE, 1}, {CH_FINISHED, SERVING_REQUEST_RATE, 1},
		{CH_FAILED, SERVING_FAILURE_RATE, 1}, {CH_INPUT, SERVING_INPUT_TOKEN_RATE, 1},
		{CH_OUTPUT, SERVING_OUTPUT_TOKEN_RATE, 1}, {CH_SPEND, SERVING_COST_RATE, 3600},
	};
	double seconds = (double)(s->now_us - s->previous_us) / 1e6;

	for (size_t i = 0; i < sizeof table / sizeof table[0] && seconds > 0; i++)
		if (m->grew[table[i].channel])
			put_gauge(s, m, out, table[i].metric, m->values[table[i].channel] / seconds * table[i].scale);
	if (m->grew[CH_PREFIX_QUERIES] && m->values[CH_PREFIX_QUERIES] > 0)
		put_gauge(s, m, out, SERVING_PREFIX_HIT_SHARE, m->values[CH_PREFIX_HITS] / m->values[CH_PREFIX_QUERIES]);
}

void serving_end(struct serving *s, struct batch *out)
{
	static const struct { enum channel channel; enum serving_metric metric; } gauges[] = {
		{CH_RUNNING, SERVING_RUNNING}, {CH_WAITING, SERVING_WAITING}, {CH_KV_CACHE, SERVING_KV_CACHE},
		{CH_PREFIX_SHARE, SERVING_PREFIX_HIT_SHARE}, {CH_BUDGET_LEFT, SERVING_REMAINING_BUDGET},
		{CH_REQUESTS_LEFT, SERVING_REMAINING_REQUESTS}, {CH_TOKENS_LEFT, SERVING_REMAINING_TOKENS},
	};

	for (size_t i = 0; i < s->model_count; i++) {
		const struct model *m = &s->models[i];
		for (size_t g = 0; g < sizeof gauges / sizeof gauges[0]; g++)
			if (m->seen[gauges[g].channel])
				put_gauge(s, m, out, gauges[g].metric, m->values[gauges[g].channel]);
		put_rates(s, m, out);
		put_quantiles(s, m, out);
	}
	s->gap = false;
}

const char *serving_kind(const struct serving *s)
{
	return s->kind ? s->kind->kind : NULL;
}

size_t serving_models(const struct serving *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->model_count; i++)
		for (size_t c = 0; c < CHANNEL_COUNT; c++)
			if (s->models[i].seen[c]) {
				count++;
				break;
			}
	return count;
}
