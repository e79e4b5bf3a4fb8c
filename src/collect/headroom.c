/* A batch's replies are put together first: of a series that a thousand calls tell of, two samples are
 * stored. Which series were heard of lately is remembered, so that invented models make no endless series. */
#include "collect/headroom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/serving.h"

#define FORGOTTEN_US US_PER_HOUR
#define HEADER_MAX_BYTES 64

enum form { FORM_NUMBER, FORM_SECONDS, FORM_MS };
static const struct {
	const char *name; /* lower case, with dashes */
	enum headroom_kind kind;
	enum form form;
} headers[] = {
	{"x-ratelimit-remaining-requests", HEADROOM_REQUESTS, FORM_NUMBER},
	{"x-ratelimit-remaining-tokens", HEADROOM_TOKENS, FORM_NUMBER},
	{"x-ratelimit-limit-requests", HEADROOM_REQUESTS_LIMIT, FORM_NUMBER},
	{"x-ratelimit-limit-tokens", HEADROOM_TOKENS_LIMIT, FORM_NUMBER},
	{"x-ratelimit-reset-requests", HEADROOM_REQUESTS_RESET, FORM_SECONDS},
	{"x-ratelimit-reset-tokens", HEADROOM_TOKENS_RESET, FORM_SECONDS},
	{"anthropic-ratelimit-requests-remaining", HEADROOM_REQUESTS, FORM_NUMBER},
	{"anthropic-ratelimit-tokens-remaining", HEADROOM_TOKENS, FORM_NUMBER},
	{"anthropic-ratelimit-input-tokens-remaining", HEADROOM_TOKENS, FORM_NUMBER},
	{"anthropic-ratelimit-output-tokens-remaining", HEADROOM_TOKENS, FORM_NUMBER},
	{"anthropic-ratelimit-requests-limit", HEADROOM_REQUESTS_LIMIT, FORM_NUMBER},
	{"anthropic-ratelimit-tokens-limit", HEADROOM_TOKENS_LIMIT, FORM_NUMBER},
	{"anthropic-ratelimit-requests-reset", HEADROOM_REQUESTS_RESET, FORM_SECONDS},
	{"anthropic-ratelimit-tokens-reset", HEADROOM_TOKENS_RESET, FORM_SECONDS},
	{"retry-after", HEADROOM_RETRY_AFTER, FORM_SECONDS},
	{"retry-after-ms", HEADROOM_RETRY_AFTER, FORM_MS},
};

struct sample {
	struct str source, instance;
	uint64_t key;
	int64_t last_us, least_us;
	double last, least;
	enum headroom_kind kind;
};
struct headroom {
	struct sample samples[HEADROOM_SERIES];
	size_t count;
	struct {
		uint64_t key;
		int64_t heard_us;
	} known[HEADROOM_SERIES];
	size_t known_count;
};

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

/* "6m0s", "1h2m", "12ms", "1.5": as OpenAI writes how long it takes. */
static bool duration_of(struct str text, double *out)
{
	static const struct { const char *unit; double s; } units[] = {{"ms", 1e-3}, {"h", 3600}, {"m", 60}, {"s", 1}};
	double total = 0, number;

	if (str_to_double(text, out))
		return true;
	while (text.len) {
		size_t digits = 0, u = 0;

		while (digits < text.len && ((text.ptr[digits] >= '0' && text.ptr[digits] <= '9') || text.ptr[digits] == '.'))
			digits++;
		if (!digits || !str_to_double((struct str){text.ptr, digits}, &number))
			return false;
		text = (struct str){text.ptr + digits, text.len - digits};
		while (u < 4 && !str_starts_with(text, str_of(units[u].unit)))
			u++;
		if (u == 4)
			return false;
		total += number * units[u].s;
		text = (struct str){text.ptr + strlen(units[u].unit), text.len - strlen(units[u].unit)};
	}
	*out = total;
	return true;
}

/* Seconds from the reply on: as a duration, or a time (Anthropic's). */
static bool seconds_of(struct str text, int64_t from_us, double *out)
{
	int64_t time_us;

	if (text.len && duration_of(text, out))
		return true;
	if (!text.len || !time_parse(text, NULL, TIME_UNIT_AUTO, &time_us))
		return false;
	*out = time_us > from_us ? (double)(time_us - from_us) / 1e6 : 0;
	return true;
}

static bool value_of(const struct otlp_value *v, enum form form, int64_t from_us, double *out)
{
	struct str text;

	if (v->kind == OTLP_ARRAY && v->count)
		v = &v->items[0];
	if (v->kind == OTLP_INT || v->kind == OTLP_DOUBLE) {
		*out = v->kind == OTLP_INT ? (double)v->integer : v->number;
	} else {
		text = v->kind == OTLP_STRING ? str_trim(v->text) : (struct str){0};
		if (form == FORM_SECONDS ? !seconds_of(text, from_us, out) : !str_to_double(text, out))
			return false;
	}
	if (form == FORM_MS)
		*out /= 1000;
	return isfinite(*out) && *out >= 0 && *out < 1e15;
}

static struct str behind(struct str key, struct str prefix)
{
	return (struct str){key.ptr + prefix.len, key.len - prefix.len};
}

/* The header that an attribute holds; empty: none. */
static struct str header_of(struct str key)
{
	if (str_starts_with(key, STR_LIT("http.response.header.")))
		return behind(key, STR_LIT("http.response.header."));
	if (str_starts_with(key, STR_LIT("llm_provider-")))
		return behind(key, STR_LIT("llm_provider-"));
	return (struct str){0};
}

static int find_header(struct str key)
{
	struct str name = header_of(key);
	char plain[HEADER_MAX_BYTES];

	if (!name.len || name.len >= sizeof plain)
		return -1;
	for (size_t i = 0; i < name.len; i++)
		plain[i] = name.ptr[i] == '_' ? '-' : name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		if (str_equal_c((struct str){plain, name.len}, headers[i].name))
			return (int)i;
	return -1;
}

static void told_nothing(struct headroom_told *out, int64_t time_us)
{
	out->time_us = time_us;
	for (int k = 0; k < HEADROOM_KINDS; k++)
		out->value[k] = NAN;
}

bool headroom_read(const struct otlp_span *span, struct headroom_told *out)
{
	bool told = false;

	for (size_t i = 0; i < span->attrs.count; i++) {
		const struct otlp_attr *attr = &span->attrs.list[i];
		int h = attr->key.len ? find_header(attr->key) : -1;
		double value;

		if (h < 0 || !value_of(&attr->value, headers[h].form, span->end_ns / 1000, &value))
			continue;
		if (!told)
			told_nothing(out, span->end_ns / 1000);
		told = true;
		if (!(out->value[headers[h].kind] <= value))
			out->value[headers[h].kind] = value;
	}
	return told;
}

/* ── gathering ─────────────────────────────────────────────────────────────────────────────── */

struct headroom *headroom_new(void)
{
	return mem_zalloc(sizeof(struct headroom));
}

void headroom_free(struct headroom **h)
{
	free(*h);
	*h = NULL;
}

/* Whether the series is one of those that have room. */
static bool has_room(struct headroom *h, uint64_t key, int64_t now_us)
{
	size_t oldest = 0;

	for (size_t i = 0; i < h->known_count; i++) {
		if (h->known[i].key == key) {
			h->known[i].heard_us = now_us > h->known[i].heard_us ? now_us : h->known[i].heard_us;
			return true;
		}
		if (h->known[i].heard_us < h->known[oldest].heard_us)
			oldest = i;
	}
	if (h->known_count < HEADROOM_SERIES)
		oldest = h->known_count++;
	else if (h->known[oldest].heard_us > now_us - FORGOTTEN_US)
		return false;
	h->known[oldest].key = key;
	h->known[oldest].heard_us = now_us;
	return true;
}

static void add_sample(struct headroom *h, const struct sample *s)
{
	for (size_t i = 0; i < h->count; i++) {
		struct sample *old = &h->samples[i];

		if (old->key != s->key)
			continue;
		if (s->last_us >= old->last_us) {
			old->last_us = s->last_us;
			old->last = s->last;
		}
		if (s->least < old->least) {
			old->least_us = s->least_us;
			old->least = s->least;
		}
		return;
	}
	if (h->count < HEADROOM_SERIES)
		h->samples[h->count++] = *s;
}

void headroom_add(struct headroom *h, struct str source, struct str instance, const struct headroom_told *told)
{
	uint64_t key = hash_mix(hash_bytes(source.ptr, source.len), hash_bytes(instance.ptr, instance.len));

	if (!has_room(h, key, told->time_us))
		return;
	for (int k = 0; k < HEADROOM_KINDS; k++)
		if (!isnan(told->value[k]))
			add_sample(h, &(struct sample){
				.source = source, .instance = instance, .key = hash_mix(key, (uint64_t)k), .kind = (enum headroom_kind)k,
				.last_us = told->time_us, .least_us = told->time_us, .last = told->value[k], .least = told->value[k],
			});
}

struct str headroom_instance(struct batch *b, const struct request *r)
{
	struct str provider = r->dims[DIM_PROVIDER], deployment = r->dims[DIM_DEPLOYMENT];
	struct str model = r->request_model.len ? r->request_model : r->dims[DIM_MODEL]; /* a refused call knows no other */
	char *text = mem_printf("%.*s%s%.*s%s%.*s%s", STR_ARG(provider), provider.len && model.len ? "/" : "", STR_ARG(model),
	                        deployment.len ? " [" : "", STR_ARG(deployment), deployment.len ? "]" : "");
	struct str kept = batch_text(b, str_of(text), EVENT_NAME_MAX_BYTES);

	free(text);
	return kept;
}

void headroom_end(struct headroom *h, struct batch *out)
{
	static const char *const names[HEADROOM_KINDS] = {
		[HEADROOM_REQUESTS_LIMIT] = "serving.limit_requests", [HEADROOM_TOKENS_LIMIT] = "serving.limit_tokens",
		[HEADROOM_REQUESTS_RESET] = "serving.reset_requests_seconds", [HEADROOM_TOKENS_RESET] = "serving.reset_tokens_seconds",
		[HEADROOM_RETRY_AFTER] = "serving.retry_after_seconds",
	};

	for (size_t i = 0; i < h->count; i++) {
		const struct sample *s = &h->samples[i];
		const char *name = s->kind == HEADROOM_REQUESTS ? serving_metrics[SERVING_REMAINING_REQUESTS].name
		                 : s->kind == HEADROOM_TOKENS ? serving_metrics[SERVING_REMAINING_TOKENS].name : names[s->kind];

		for (int least = s->least_us < s->last_us && s->least < s->last; least >= 0; least--) {
			struct gauge *g = batch_add_gauge(out);

			*g = (struct gauge){least ? s->least_us : s->last_us, str_of(name), s->source, s->instance, least ? s->least : s->last};
		}
	}
	h->count = 0;
}

void headroom_of_requests(struct headroom *h, struct batch *b, size_t first)
{
	for (size_t i = first; i < b->request_count; i++) {
		const struct request *r = &b->requests[i];
		struct headroom_told told;

		if (r->requests_left == UNKNOWN_INT && r->tokens_left == UNKNOWN_INT)
			continue;
		told_nothing(&told, r->end_us);
		if (r->requests_left != UNKNOWN_INT)
			told.value[HEADROOM_REQUESTS] = (double)r->requests_left;
		if (r->tokens_left != UNKNOWN_INT)
			told.value[HEADROOM_TOKENS] = (double)r->tokens_left;
		headroom_add(h, r->source, headroom_instance(b, r), &told);
	}
	headroom_end(h, b);
}
