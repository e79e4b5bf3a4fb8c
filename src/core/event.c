/* Batches: arrays that double, and one arena for the text. batch_encode() is in event_code.c. */
#include "core/event.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct batch *batch_new(void)
{
	return mem_zalloc(sizeof(struct batch));
}

void batch_free(struct batch **b)
{
	if (*b == NULL)
		return;
	arena_fini(&(*b)->arena);
	free((*b)->requests);
	free((*b)->feedback);
	free((*b)->late_flags);
	free((*b)->billing);
	free((*b)->gauges);
	free((*b)->rollouts);
	free((*b)->spans);
	free((*b)->evaluations);
	free((*b)->verdicts);
	free((*b)->late_texts);
	free(*b);
	*b = NULL;
}

void batch_reset(struct batch *b)
{
	arena_reset(&b->arena);
	b->request_count = b->feedback_count = b->late_flag_count = 0;
	b->billing_count = b->gauge_count = b->rollout_count = 0;
	b->span_count = b->evaluation_count = b->verdict_count = b->late_text_count = 0;
	b->has_import = b->more = false;
	memset(&b->import, 0, sizeof(b->import));
	b->has_resume = false;
	memset(&b->resume, 0, sizeof(b->resume));
}

/* A batch that was stored lies in another core's cache. */
static void prefetch_for_writing(const void *bytes, size_t len)
{
	const char *end = (const char *)bytes + len;

	for (const char *line = bytes; line < end; line += 64)
		__builtin_prefetch(line, 1);
}

struct request *batch_add_request(struct batch *b)
{
	struct request *r;

	b->requests = mem_grow(b->requests, &b->request_cap, b->request_count + 1, sizeof(*r));
	r = &b->requests[b->request_count++];
	memset(r, 0, sizeof(*r));
	if (b->request_count + 2 <= b->request_cap)
		prefetch_for_writing(r + 2, sizeof *r);
	r->latency_us = r->ttft_us = UNKNOWN_INT;
	r->input_tokens = r->output_tokens = UNKNOWN_INT;
	r->cached_tokens = r->cache_write_tokens = r->reasoning_tokens = UNKNOWN_INT;
	r->requests_left = r->tokens_left = UNKNOWN_INT;
	return r;
}

struct feedback *batch_add_feedback(struct batch *b)
{
	struct feedback *f;

	b->feedback = mem_grow(b->feedback, &b->feedback_cap, b->feedback_count + 1, sizeof(*f));
	f = &b->feedback[b->feedback_count++];
	memset(f, 0, sizeof(*f));
	f->score = f->rating = f->sentiment = NAN;
	for (int i = 0; i < 3; i++)
		f->confidence[i] = NAN;
	return f;
}

struct late_flag *batch_add_late_flag(struct batch *b)
{
	struct late_flag *l;

	b->late_flags = mem_grow(b->late_flags, &b->late_flag_cap, b->late_flag_count + 1, sizeof(*l));
	l = &b->late_flags[b->late_flag_count++];
	memset(l, 0, sizeof(*l));
	l->flag.severity = -1;
	return l;
}

struct billing *batch_add_billing(struct batch *b)
{
	struct billing *r;

	b->billing = mem_grow(b->billing, &b->billing_cap, b->billing_count + 1, sizeof(*r));
	r = &b->billing[b->billing_count++];
	memset(r, 0, sizeof(*r));
	r->quantity = NAN;
	r->input_tokens = r->output_tokens = r->cached_tokens = r->requests = UNKNOWN_INT;
	return r;
}

struct gauge *batch_add_gauge(struct batch *b)
{
	struct gauge *g;

	b->gauges = mem_grow(b->gauges, &b->gauge_cap, b->gauge_count + 1, sizeof(*g));
	g = &b->gauges[b->gauge_count++];
	memset(g, 0, sizeof(*g));
	return g;
}

struct rollout_state *batch_add_rollout(struct batch *b)
{
	struct rollout_state *r;

	b->rollouts = mem_grow(b->rollouts, &b->rollout_cap, b->rollout_count + 1, sizeof(*r));
	r = &b->rollouts[b->rollout_count++];
	memset(r, 0, sizeof(*r));
	for (int i = 0; i < ROLLOUT_ARMS_MAX; i++)
		r->arms[i].actual_percent = NAN;
	return r;
}

struct span *batch_add_span(struct batch *b)
{
	struct span *s;

	b->spans = mem_grow(b->spans, &b->span_cap, b->span_count + 1, sizeof(*s));
	s = &b->spans[b->span_count++];
	memset(s, 0, sizeof(*s));
	return s;
}

struct evaluation *batch_add_evaluation(struct batch *b)
{
	struct evaluation *e;

	b->evaluations = mem_grow(b->evaluations, &b->evaluation_cap, b->evaluation_count + 1, sizeof(*e));
	e = &b->evaluations[b->evaluation_count++];
	memset(e, 0, sizeof(*e));
	e->score = NAN;
	return e;
}

struct late_text *batch_add_late_text(struct batch *b)
{
	struct late_text *t;

	b->late_texts = mem_grow(b->late_texts, &b->late_text_cap, b->late_text_count + 1, sizeof(*t));
	t = &b->late_texts[b->late_text_count++];
	*t = (struct late_text){0};
	return t;
}

struct verdict *batch_add_verdict(struct batch *b)
{
	struct verdict *v;

	b->verdicts = mem_grow(b->verdicts, &b->verdict_cap, b->verdict_count + 1, sizeof(*v));
	v = &b->verdicts[b->verdict_count++];
	*v = (struct verdict){.score = NAN, .confidence = {NAN, NAN, NAN}};
	return v;
}

static bool is_ascii(struct str s)
{
	uint64_t word, high = 0;
	size_t i = 0;

	for (; i + sizeof(word) <= s.len; i += sizeof(word)) {
		memcpy(&word, s.ptr + i, sizeof(word));
		high |= word & UINT64_C(0x8080808080808080);
	}
	for (; i < s.len; i++)
		high |= (unsigned char)s.ptr[i] & 0x80;
	return high == 0;
}

/* Copies well-formed characters and U+FFFD for the rest until max_bytes are full. */
static struct str repair(struct batch *b, struct str s, size_t max_bytes)
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	const char *p = s.ptr, *end = s.ptr + s.len;
	/* Each ill-formed byte becomes three at most. */
	size_t cap = s.len < max_bytes / 3 ? s.len * 3 : max_bytes, len = 0, fits = 0;
	char *to = arena_alloc(&b->arena, cap + 5);

	while (p < end) {
		uint32_t cp = utf8_decode(&p, end);
		char ch[4];
		size_t n = utf8_encode(cp == UTF8_BAD ? 0xfffd : cp, ch);

		if (len + n > max_bytes) { /* cut, where the ellipsis still has room */
			len = fits;
			if (len + 3 <= max_bytes) {
				memcpy(to + len, ellipsis, 3);
				len += 3;
			}
			break;
		}
		memcpy(to + len, ch, n);
		len += n;
		if (len + 3 <= max_bytes)
			fits = len;
	}
	to[len] = '\0';
	return (struct str){to, len};
}

struct str batch_text(struct batch *b, struct str s, size_t max_bytes)
{
	if (s.len == 0)
		return (struct str){NULL, 0};
	if (s.len <= max_bytes && (is_ascii(s) || utf8_valid(s)))
		return (struct str){arena_copy(&b->arena, s.ptr, s.len), s.len};
	return repair(b, s, max_bytes);
}

size_t batch_rows(const struct batch *b)
{
	return b->request_count + b->feedback_count + b->late_flag_count + b->billing_count +
	       b->gauge_count + b->rollout_count + b->span_count + b->evaluation_count + b->verdict_count +
	       b->late_text_count;
}
