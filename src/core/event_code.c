/* The encoded batch: a version byte, then the rows of each kind behind their count. Integers are
 * varints, doubles eight little-endian bytes, and each distinct text stands once: 0 is the empty
 * text, n the n-th one seen, and one more than were seen announces a new one (length, bytes).
 * Unknown counts are -1, so counts go as value + 1. Both directions walk the same fields, in the
 * order of event.h, through one `struct coder`, so that they cannot drift apart. */
#include "core/event.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/utf8.h"

#define CODE_VERSION 1
#define TIME_LIMIT_US (INT64_C(7258118400) * 1000000) /* 2200-01-01 */
#define BIG_COUNT (INT64_C(1) << 53)

struct coder {
	struct buf *out; /* encoding when set */
	struct strmap seen;
	/* decoding */
	const uint8_t *at, *end;
	struct batch *batch;
	struct str *texts;
	size_t text_count, text_cap;
	const char *bad; /* first field that was wrong */
	int64_t last_us; /* times go as differences from the one before */
};

static void fail(struct coder *c, const char *field)
{
	if (c->bad == NULL)
		c->bad = field;
	c->at = c->end; /* nothing more is read */
}

/* An integer in [low, high]. */
static void code_int(struct coder *c, int64_t *v, int64_t low, int64_t high, const char *field)
{
	uint64_t raw;

	if (c->out != NULL) {
		buf_append_varint(c->out, (uint64_t)*v - (uint64_t)low);
		return;
	}
	*v = low;
	if (!varint_read(&c->at, c->end, &raw) || raw > (uint64_t)high - (uint64_t)low)
		fail(c, field);
	else
		*v = (int64_t)((uint64_t)low + raw);
}

static void code_signed(struct coder *c, int64_t *v, const char *field)
{
	if (c->out != NULL)
		buf_append_svarint(c->out, *v);
	else if (!svarint_read(&c->at, c->end, v))
		fail(c, field);
}

static void code_time(struct coder *c, int64_t *us, const char *field)
{
	int64_t delta = (int64_t)((uint64_t)*us - (uint64_t)c->last_us);

	code_signed(c, &delta, field);
	if (c->out == NULL) {
		*us = (int64_t)((uint64_t)c->last_us + (uint64_t)delta);
		if (c->bad == NULL && (*us < 0 || *us >= TIME_LIMIT_US))
			fail(c, field);
		if (c->bad != NULL)
			*us = 0;
	}
	c->last_us = *us;
}

static void code_u8(struct coder *c, uint8_t *v, int64_t high, const char *field)
{
	int64_t wide = *v;

	code_int(c, &wide, 0, high, field);
	*v = (uint8_t)wide;
}

static void code_bool(struct coder *c, bool *v, const char *field)
{
	int64_t wide = *v;

	code_int(c, &wide, 0, 1, field);
	*v = wide != 0;
}

static void code_u64(struct coder *c, uint64_t *v, const char *field)
{
	if (c->out != NULL)
		buf_append_varint(c->out, *v);
	else if (!varint_read(&c->at, c->end, v))
		fail(c, field);
}

static void code_bytes(struct coder *c, uint8_t *bytes, size_t len, const char *field)
{
	if (c->out != NULL) {
		buf_append(c->out, bytes, len);
	} else if ((size_t)(c->end - c->at) < len) {
		fail(c, field);
	} else {
		memcpy(bytes, c->at, len);
		c->at += len;
	}
}

/* A double in [low, high]; NaN ("not told") only when `optional`. */
static void code_double(struct coder *c, double *v, double low, double high, bool optional,
                        const char *field)
{
	uint8_t bytes[8];
	uint64_t bits;

	memcpy(&bits, v, sizeof(bits));
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(bits >> 8 * i);
	code_bytes(c, bytes, sizeof(bytes), field);
	if (c->out != NULL)
		return;
	bits = 0;
	for (int i = 0; i < 8; i++)
		bits |= (uint64_t)bytes[i] << 8 * i;
	memcpy(v, &bits, sizeof(bits));
	if (isnan(*v) ? !optional : (!isfinite(*v) || *v < low || *v > high))
		fail(c, field);
}

static void encode_text(struct coder *c, struct str s)
{
	uint32_t id;

	if (s.len == 0) {
		buf_append_varint(c->out, 0);
		return;
	}
	if (strmap_get(&c->seen, s, &id)) {
		buf_append_varint(c->out, id);
		return;
	}
	id = (uint32_t)c->seen.count + 1;
	strmap_put(&c->seen, s, id);
	buf_append_varint(c->out, id);
	buf_append_varint(c->out, s.len);
	buf_append_str(c->out, s);
}

static bool decode_new_text(struct coder *c, struct str *s)
{
	uint64_t len;

	if (!varint_read(&c->at, c->end, &len) || len == 0 || len > (uint64_t)(c->end - c->at) ||
	    len > EVENT_TEXT_MAX_BYTES)
		return false;
	*s = (struct str){(const char *)c->at, (size_t)len};
	if (!utf8_valid(*s))
		return false;
	s->ptr = arena_copy(&c->batch->arena, s->ptr, s->len);
	c->at += len;
	c->texts = mem_grow(c->texts, &c->text_cap, c->text_count + 1, sizeof(*c->texts));
	c->texts[c->text_count++] = *s;
	return true;
}

static void code_text(struct coder *c, struct str *s, size_t max_bytes, const char *field)
{
	uint64_t id;

	if (c->out != NULL) {
		encode_text(c, *s);
		return;
	}
	*s = (struct str){NULL, 0};
	if (!varint_read(&c->at, c->end, &id) || id > c->text_count + 1) {
		fail(c, field);
		return;
	}
	if (id == 0)
		return;
	if (id <= c->text_count)
		*s = c->texts[id - 1];
	else if (!decode_new_text(c, s))
		fail(c, field);
	if (s->len > max_bytes)
		fail(c, field);
}

#define CODE_TEXT(c, row, field) code_text((c), &(row)->field, EVENT_TEXT_MAX_BYTES, #field)
#define CODE_COUNT(c, row, field, high) code_int((c), &(row)->field, UNKNOWN_INT, (high), #field)

static void code_dims(struct coder *c, struct str dims[DIM_COUNT])
{
	for (int d = 0; d < DIM_COUNT; d++)
		code_text(c, &dims[d], EVENT_NAME_MAX_BYTES, dim_name((enum dim)d));
}

static void code_flag(struct coder *c, struct flag *f)
{
	int64_t severity = f->severity;

	code_text(c, &f->category, EVENT_NAME_MAX_BYTES, "flag category");
	code_int(c, &severity, -1, 7, "flag severity");
	f->severity = (int8_t)severity;
	code_u8(c, &f->action, FLAG_BLOCKED, "flag action");
}

static void code_flags(struct coder *c, struct request *r)
{
	int64_t count = r->flag_count < EVENT_FLAGS_MAX ? r->flag_count : EVENT_FLAGS_MAX;
	struct flag *flags;

	code_int(c, &count, 0, EVENT_FLAGS_MAX, "flags");
	if (c->out != NULL) {
		for (int64_t i = 0; i < count; i++) {
			struct flag copy = r->flags[i];

			code_flag(c, &copy);
		}
		return;
	}
	r->flags = NULL;
	r->flag_count = (uint32_t)count;
	if (count == 0)
		return;
	flags = arena_alloc(&c->batch->arena, (size_t)count * sizeof(*flags));
	memset(flags, 0, (size_t)count * sizeof(*flags));
	for (int64_t i = 0; i < count && c->bad == NULL; i++)
		code_flag(c, &flags[i]);
	r->flags = flags;
}

static void code_trace(struct coder *c, bool *has, uint8_t *id, size_t len, const char *field)
{
	code_bool(c, has, field);
	if (*has)
		code_bytes(c, id, len, field);
}

static void code_request(struct coder *c, struct request *r)
{
	int64_t http = r->http_status;

	code_time(c, &r->end_us, "end_us");
	CODE_COUNT(c, r, latency_us, EVENT_LATENCY_MAX_US);
	CODE_COUNT(c, r, ttft_us, EVENT_LATENCY_MAX_US);
	code_dims(c, r->dims);
	for (int a = 0; a < ATTR_COUNT; a++)
		code_text(c, &r->attrs[a], EVENT_NAME_MAX_BYTES, attr_name((enum attr)a));
	CODE_TEXT(c, r, operation);
	CODE_TEXT(c, r, request_model);
	CODE_TEXT(c, r, error_type);
	CODE_TEXT(c, r, finish_reason);
	CODE_TEXT(c, r, outcome);
	CODE_TEXT(c, r, source);
	CODE_COUNT(c, r, input_tokens, EVENT_TOKENS_MAX);
	CODE_COUNT(c, r, output_tokens, EVENT_TOKENS_MAX);
	CODE_COUNT(c, r, cached_tokens, EVENT_TOKENS_MAX);
	CODE_COUNT(c, r, cache_write_tokens, EVENT_TOKENS_MAX);
	CODE_COUNT(c, r, reasoning_tokens, EVENT_TOKENS_MAX);
	code_signed(c, &r->cost_nusd, "cost_nusd");
	CODE_TEXT(c, r, cost_basis);
	code_u8(c, &r->cost_source, COST_REPORTED, "cost_source");
	code_u8(c, &r->status, REQUEST_ERROR, "status");
	code_int(c, &http, 0, 999, "http_status");
	r->http_status = (uint16_t)http;
	code_u8(c, &r->attempt, UINT8_MAX, "attempt");
	code_bool(c, &r->errors_unseen, "errors_unseen");
	code_trace(c, &r->has_trace, r->trace_id, sizeof(r->trace_id), "trace_id");
	code_trace(c, &r->has_span, r->span_id, sizeof(r->span_id), "span_id");
	code_trace(c, &r->has_parent, r->parent_id, sizeof(r->parent_id), "parent_id");
	CODE_TEXT(c, r, question);
	CODE_TEXT(c, r, answer);
	CODE_TEXT(c, r, response_id);
	code_flags(c, r);
}

static void code_feedback(struct coder *c, struct feedback *f)
{
	code_time(c, &f->time_us, "time_us");
	CODE_TEXT(c, f, id);
	code_dims(c, f->dims);
	CODE_TEXT(c, f, text);
	CODE_TEXT(c, f, user);
	CODE_TEXT(c, f, language);
	code_double(c, &f->score, -HUGE_VAL, HUGE_VAL, true, "score");
	code_double(c, &f->rating, 1, 5, true, "rating");
	code_u8(c, &f->mood, MOOD_NEGATIVE, "mood");
	CODE_TEXT(c, f, judge);
	code_double(c, &f->sentiment, -1, 1, true, "sentiment");
	for (int i = 0; i < 3; i++)
		code_double(c, &f->confidence[i], 0, 1, true, "confidence");
	CODE_TEXT(c, f, findings);
	CODE_TEXT(c, f, response_id);
	code_trace(c, &f->has_trace, f->trace_id, sizeof(f->trace_id), "trace_id");
	CODE_TEXT(c, f, source);
}

static void code_late_flag(struct coder *c, struct late_flag *l)
{
	code_time(c, &l->time_us, "time_us");
	code_bytes(c, l->trace_id, sizeof(l->trace_id), "trace_id");
	code_flag(c, &l->flag);
	CODE_TEXT(c, l, source);
}

static void code_billing(struct coder *c, struct billing *b)
{
	code_time(c, &b->from_us, "from_us");
	code_time(c, &b->to_us, "to_us");
	CODE_TEXT(c, b, provider);
	CODE_TEXT(c, b, service);
	CODE_TEXT(c, b, model);
	CODE_TEXT(c, b, region);
	CODE_TEXT(c, b, account);
	CODE_TEXT(c, b, team);
	CODE_TEXT(c, b, currency);
	CODE_TEXT(c, b, unit);
	CODE_TEXT(c, b, description);
	code_signed(c, &b->cost_nusd, "cost_nusd");
	code_bool(c, &b->cost_known, "cost_known");
	code_double(c, &b->quantity, -HUGE_VAL, HUGE_VAL, true, "quantity");
	CODE_COUNT(c, b, input_tokens, BIG_COUNT);
	CODE_COUNT(c, b, output_tokens, BIG_COUNT);
	CODE_COUNT(c, b, cached_tokens, BIG_COUNT);
	CODE_COUNT(c, b, requests, BIG_COUNT);
	CODE_TEXT(c, b, source);
	if (c->out == NULL && c->bad == NULL && b->to_us < b->from_us)
		fail(c, "to_us");
}

static void code_gauge(struct coder *c, struct gauge *g)
{
	code_time(c, &g->time_us, "time_us");
	CODE_TEXT(c, g, name);
	CODE_TEXT(c, g, source);
	CODE_TEXT(c, g, instance);
	code_double(c, &g->value, -HUGE_VAL, HUGE_VAL, false, "value");
}

static void code_rollout(struct coder *c, struct rollout_state *r)
{
	int64_t arms = r->arm_count;

	code_time(c, &r->time_us, "time_us");
	CODE_TEXT(c, r, name);
	CODE_TEXT(c, r, service);
	CODE_TEXT(c, r, environment);
	CODE_TEXT(c, r, phase);
	CODE_TEXT(c, r, reason);
	code_int(c, &arms, 0, ROLLOUT_ARMS_MAX, "arms");
	r->arm_count = (uint32_t)arms;
	for (int64_t i = 0; i < arms; i++) {
		code_text(c, &r->arms[i].deployment, EVENT_NAME_MAX_BYTES, "arm deployment");
		code_text(c, &r->arms[i].role, EVENT_NAME_MAX_BYTES, "arm role");
		code_double(c, &r->arms[i].desired_percent, 0, 100, false, "desired_percent");
		code_double(c, &r->arms[i].actual_percent, 0, 100, true, "actual_percent");
	}
}

static void code_span(struct coder *c, struct span *s)
{
	code_time(c, &s->start_us, "start_us");
	code_time(c, &s->end_us, "end_us");
	code_bytes(c, s->trace_id, sizeof(s->trace_id), "trace_id");
	code_bytes(c, s->span_id, sizeof(s->span_id), "span_id");
	code_trace(c, &s->has_parent, s->parent_id, sizeof(s->parent_id), "parent_id");
	code_u8(c, &s->kind, SPAN_OTHER, "kind");
	code_u8(c, &s->status, REQUEST_ERROR, "status");
	CODE_TEXT(c, s, name);
	CODE_TEXT(c, s, service);
	CODE_TEXT(c, s, error_type);
	CODE_TEXT(c, s, source);
	if (c->out == NULL && c->bad == NULL && s->end_us < s->start_us)
		fail(c, "end_us");
}

static void code_evaluation(struct coder *c, struct evaluation *e)
{
	code_time(c, &e->time_us, "time_us");
	CODE_TEXT(c, e, name);
	CODE_TEXT(c, e, label);
	CODE_TEXT(c, e, response_id);
	CODE_TEXT(c, e, source);
	code_dims(c, e->dims);
	code_double(c, &e->score, -HUGE_VAL, HUGE_VAL, true, "score");
	code_trace(c, &e->has_trace, e->trace_id, sizeof(e->trace_id), "trace_id");
}

static void code_import(struct coder *c, struct import_mark *m)
{
	code_u64(c, &m->key, "import key");
	CODE_TEXT(c, m, name);
	CODE_TEXT(c, m, kind);
	code_bytes(c, m->head_hash, sizeof(m->head_hash), "head_hash");
	code_u64(c, &m->head_bytes, "head_bytes");
	code_bytes(c, m->prefix_hash, sizeof(m->prefix_hash), "prefix_hash");
	code_u64(c, &m->bytes_done, "bytes_done");
	code_u64(c, &m->lines_done, "lines_done");
	code_u64(c, &m->rows_done, "rows_done");
	code_u64(c, &m->rows_rejected, "rows_rejected");
	code_u64(c, &m->rows_duplicate, "rows_duplicate");
	code_bool(c, &m->complete, "complete");
}

/* How many rows follow: never more than there are bytes left. */
static size_t row_count(struct coder *c, size_t count, const char *kind)
{
	int64_t n = (int64_t)count, most = c->out != NULL ? INT64_MAX : c->end - c->at;

	code_int(c, &n, 0, most, kind);
	return (size_t)n;
}

/* Rows of one kind, written from or added to the batch. A macro, for each kind has its type. */
#define CODE_ROWS(c, b, rows, singular, count_field)                                             \
	do {                                                                                      \
		size_t count_ = row_count((c), (b)->count_field, #rows);                            \
		for (size_t i_ = 0; i_ < count_ && (c)->bad == NULL; i_++)                          \
			code_##singular((c), (c)->out != NULL ? &(b)->rows[i_]                       \
			                                      : batch_add_##singular(b));             \
	} while (0)

static void code_batch(struct coder *c, struct batch *b)
{
	CODE_ROWS(c, b, requests, request, request_count);
	CODE_ROWS(c, b, feedback, feedback, feedback_count);
	CODE_ROWS(c, b, late_flags, late_flag, late_flag_count);
	CODE_ROWS(c, b, billing, billing, billing_count);
	CODE_ROWS(c, b, gauges, gauge, gauge_count);
	CODE_ROWS(c, b, rollouts, rollout, rollout_count);
	CODE_ROWS(c, b, spans, span, span_count);
	CODE_ROWS(c, b, evaluations, evaluation, evaluation_count);
	code_bool(c, &b->has_import, "has_import");
	if (b->has_import)
		code_import(c, &b->import);
}

void batch_encode(const struct batch *b, struct buf *out)
{
	struct coder c = {.out = out};
	struct batch rows = *b; /* the coder takes both directions, hence no const; it writes nothing */

	buf_append_c(out, CODE_VERSION);
	code_batch(&c, &rows);
	strmap_fini(&c.seen);
}

int batch_decode(struct batch *b, struct str bytes, struct err *err)
{
	struct coder c = {.batch = b};
	int result = -1;

	if (bytes.len == 0 || bytes.ptr[0] != CODE_VERSION)
		return err_set(err, "batch: unknown version %d, this program reads %d: "
		               "run the same version of llmdeck on both ends",
		               bytes.len ? (unsigned char)bytes.ptr[0] : 0, CODE_VERSION);
	c.at = (const uint8_t *)bytes.ptr + 1;
	c.end = (const uint8_t *)bytes.ptr + bytes.len;
	code_batch(&c, b);
	if (c.bad != NULL)
		err_set(err, "batch: field %s is cut short or out of range", c.bad);
	else if (c.at != c.end)
		err_set(err, "batch: %zu bytes follow its end", (size_t)(c.end - c.at));
	else
		result = 0;
	free(c.texts);
	return result;
}
