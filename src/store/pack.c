/* Body: varint of presence bits, then the present fields in the order of the bits. Runs of lower
 * case hexadecimal digits in attributes (hashed users, UUID-like sessions) are packed two to a
 * byte: they are the longest part of most rows. */
#include "store/pack.h"

#include <stddef.h>
#include <string.h>

enum {
	BIT_HAS_COST = 1u << 0,
	BIT_INPUT = 1u << 1,
	BIT_OUTPUT = 1u << 2,
	BIT_LATENCY = 1u << 3,
	BIT_TTFT = 1u << 4,
	BIT_TRACE = 1u << 5,
	BIT_ATTRS = 1u << 6,
	BIT_CACHED = 1u << 7,
	BIT_IMPORT = 1u << 8,
	BIT_BASIS = 1u << 9,
	BIT_REPORTED = 1u << 10,
	BIT_HTTP = 1u << 26,
	BIT_SOURCE = 1u << 12,
	BIT_SPAN = 1u << 13,
	BIT_ERROR = 1u << 14,
	BIT_ERROR_TYPE = 1u << 15,
	BIT_FLAGS = 1u << 16,
	BIT_OPERATION = 1u << 17,
	BIT_REQUEST_MODEL = 1u << 18,
	BIT_FINISH = 1u << 19,
	BIT_OUTCOME = 1u << 20,
	BIT_CACHE_WRITE = 1u << 21,
	BIT_REASONING = 1u << 22,
	BIT_ATTEMPT = 1u << 23,
	BIT_PARENT = 1u << 25,
	BIT_HTTP_200 = 1u << 11,
	BIT_ERRORS_UNSEEN = 1u << 27,
	BIT_LATER = 1u << 24, /* the id's time is later than end_us by so many microseconds */
};

/* Optional fields that are one varint each. */
static const struct {
	uint32_t bit;
	size_t offset;
} counts[] = {
	{BIT_INPUT, offsetof(struct packed, input_tokens)},
	{BIT_OUTPUT, offsetof(struct packed, output_tokens)},
	{BIT_LATENCY, offsetof(struct packed, latency_us)},
	{BIT_TTFT, offsetof(struct packed, ttft_us)},
	{BIT_CACHED, offsetof(struct packed, cached_tokens)},
	{BIT_CACHE_WRITE, offsetof(struct packed, cache_write_tokens)},
	{BIT_REASONING, offsetof(struct packed, reasoning_tokens)},
}, ids[] = {
	{BIT_IMPORT, offsetof(struct packed, import_ref)},
	{BIT_BASIS, offsetof(struct packed, cost_basis)},
	{BIT_SOURCE, offsetof(struct packed, source)},
	{BIT_ERROR_TYPE, offsetof(struct packed, error_type)},
	{BIT_OPERATION, offsetof(struct packed, operation)},
	{BIT_REQUEST_MODEL, offsetof(struct packed, request_model)},
	{BIT_FINISH, offsetof(struct packed, finish_reason)},
	{BIT_OUTCOME, offsetof(struct packed, outcome)},
};
#define COUNTS (sizeof counts / sizeof *counts)
#define IDS (sizeof ids / sizeof *ids)

static int64_t count_of(const struct packed *p, size_t i)
{
	return *(const int64_t *)(const void *)((const char *)p + counts[i].offset);
}

static uint32_t id_of(const struct packed *p, size_t i)
{
	return *(const uint32_t *)(const void *)((const char *)p + ids[i].offset);
}

static inline uint8_t *put(uint8_t *at, uint64_t v)
{
	while (v >= 0x80) {
		*at++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*at++ = (uint8_t)v;
	return at;
}

static inline bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static inline uint8_t hex_value(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* length*2 + 1 with: prefix length, prefix, hex digits packed; or length*2 with the bytes. Only a
 * tail of at least eight hexadecimal digits, even in number, is packed. */
static uint8_t *put_text(uint8_t *at, struct str s)
{
	size_t hex = 0;

	while (hex < s.len && is_hex(s.ptr[s.len - 1 - hex]))
		hex++;
	hex &= ~(size_t)1;
	if (hex < 8) {
		at = put(at, s.len << 1);
		memcpy(at, s.ptr, s.len);
		return at + s.len;
	}
	size_t plain = s.len - hex;
	at = put(at, s.len << 1 | 1);
	at = put(at, plain);
	memcpy(at, s.ptr, plain);
	at += plain;
	for (size_t i = plain; i < s.len; i += 2)
		*at++ = (uint8_t)(hex_value(s.ptr[i]) << 4 | hex_value(s.ptr[i + 1]));
	return at;
}

static bool get_text(struct str *s, char **room, const uint8_t **at, const uint8_t *end)
{
	uint64_t len, plain;

	if (!varint_read(at, end, &len) || len >> 1 > EVENT_NAME_MAX_BYTES)
		return false;
	bool packed = len & 1;
	len >>= 1;
	plain = len;
	if (packed && (!varint_read(at, end, &plain) || plain > len))
		return false;
	if ((uint64_t)(end - *at) < plain + (len - plain) / 2)
		return false;
	*s = (struct str){*room, (size_t)len};
	memcpy(*room, *at, (size_t)plain);
	*room += plain;
	*at += plain;
	for (uint64_t i = plain; i < len; i += 2, (*at)++) {
		*(*room)++ = "0123456789abcdef"[**at >> 4];
		*(*room)++ = "0123456789abcdef"[**at & 15];
	}
	*(*room)++ = 0;
	return true;
}

/* The status nearly all rows have is one bit. */
static bool is_plain_ok(const struct packed *p)
{
	return p->http_status == 200;
}

static uint32_t presence(const struct packed *p, int64_t id, uint32_t *attrs)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < COUNTS; i++)
		if (count_of(p, i) >= 0)
			bits |= counts[i].bit;
	for (size_t i = 0; i < IDS; i++)
		if (id_of(p, i))
			bits |= ids[i].bit;
	*attrs = 0;
	for (size_t i = 0; i < ATTR_COUNT; i++)
		if (p->attrs[i].len)
			*attrs |= 1u << i;
	bits |= *attrs ? BIT_ATTRS : 0;
	bits |= p->cost_source != COST_UNPRICED ? BIT_HAS_COST : 0;
	bits |= p->cost_source == COST_REPORTED ? BIT_REPORTED : 0;
	bits |= p->status == REQUEST_ERROR ? BIT_ERROR : 0;
	bits |= p->http_status && !is_plain_ok(p) ? BIT_HTTP : 0;
	bits |= is_plain_ok(p) ? BIT_HTTP_200 : 0;
	bits |= p->attempt ? BIT_ATTEMPT : 0;
	bits |= p->errors_unseen ? BIT_ERRORS_UNSEEN : 0;
	bits |= p->has_trace ? BIT_TRACE : 0;
	bits |= p->has_span ? BIT_SPAN : 0;
	bits |= p->has_parent ? BIT_PARENT : 0;
	bits |= p->flag_count ? BIT_FLAGS : 0;
	bits |= id_time_us(id) != p->end_us ? BIT_LATER : 0;
	return bits;
}

static inline uint64_t zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }

static uint8_t *put_flags(uint8_t *at, const struct packed *p)
{
	at = put(at, p->flag_count);
	for (uint32_t i = 0; i < p->flag_count; i++) {
		at = put(at, p->flags[i].category);
		*at++ = (uint8_t)((p->flags[i].severity + 1) << 1 | (p->flags[i].action & 1));
	}
	return at;
}

void pack_write(const struct packed *p, int64_t id, struct buf *out)
{
	uint32_t attrs, bits = presence(p, id, &attrs);
	uint8_t *start = (uint8_t *)buf_reserve(out, 512 + ATTR_COUNT * (EVENT_NAME_MAX_BYTES + 4)), *at = start;

	at = put(at, bits);
	for (size_t i = 0; i < COUNTS; i++)
		if (bits & counts[i].bit)
			at = put(at, (uint64_t)count_of(p, i));
	for (size_t i = 0; i < IDS; i++)
		if (bits & ids[i].bit)
			at = put(at, id_of(p, i));
	if (bits & BIT_HAS_COST)
		at = put(at, zigzag(p->cost_nusd));
	if (bits & BIT_HTTP)
		at = put(at, p->http_status);
	if (bits & BIT_ATTEMPT)
		*at++ = p->attempt;
	if (bits & BIT_LATER)
		at = put(at, (uint64_t)(id_time_us(id) - p->end_us));
	if (bits & BIT_TRACE) {
		memcpy(at, p->trace_id, 16);
		at += 16;
	}
	if (bits & BIT_SPAN) {
		memcpy(at, p->span_id, 8);
		at += 8;
	}
	if (bits & BIT_PARENT) {
		memcpy(at, p->parent_id, 8);
		at += 8;
	}
	if (bits & BIT_FLAGS)
		at = put_flags(at, p);
	if (bits & BIT_ATTRS) {
		at = put(at, attrs);
		for (size_t i = 0; i < ATTR_COUNT; i++)
			if (attrs & 1u << i)
				at = put_text(at, p->attrs[i]);
	}
	out->len += (size_t)(at - start);
}

static bool get_bytes(void *to, size_t len, const uint8_t **at, const uint8_t *end)
{
	if ((size_t)(end - *at) < len)
		return false;
	memcpy(to, *at, len);
	*at += len;
	return true;
}

static bool get_flags(struct packed *p, const uint8_t **at, const uint8_t *end)
{
	uint64_t n, category;

	if (!varint_read(at, end, &n) || n > PACK_FLAGS_MAX)
		return false;
	p->flag_count = (uint32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t verdict;

		if (!varint_read(at, end, &category) || !get_bytes(&verdict, 1, at, end))
			return false;
		p->flags[i] = (struct packed_flag){(uint32_t)category, (int8_t)((verdict >> 1) - 1), verdict & 1};
	}
	return true;
}

static bool get_attrs(struct packed *p, const uint8_t **at, const uint8_t *end)
{
	uint64_t attrs;
	char *room = p->texts;

	if (!varint_read(at, end, &attrs))
		return false;
	for (size_t i = 0; i < ATTR_COUNT; i++)
		if ((attrs & 1u << i) && !get_text(&p->attrs[i], &room, at, end))
			return false;
	return true;
}

bool pack_read(struct packed *p, int64_t id, const void *body, size_t len)
{
	const uint8_t *at = body, *end = at + len;
	uint64_t bits, v;

	memset(p, 0, offsetof(struct packed, flags));
	if (!varint_read(&at, end, &bits))
		return false;
	for (size_t i = 0; i < COUNTS; i++) {
		v = (uint64_t)UNKNOWN_INT;
		if ((bits & counts[i].bit) && !varint_read(&at, end, &v))
			return false;
		*(int64_t *)(void *)((char *)p + counts[i].offset) = (int64_t)v;
	}
	for (size_t i = 0; i < IDS; i++) {
		v = 0;
		if ((bits & ids[i].bit) && !varint_read(&at, end, &v))
			return false;
		*(uint32_t *)(void *)((char *)p + ids[i].offset) = (uint32_t)v;
	}
	if (bits & BIT_HAS_COST) {
		p->cost_source = bits & BIT_REPORTED ? COST_REPORTED : COST_INFERRED;
		if (!svarint_read(&at, end, &p->cost_nusd))
			return false;
	}
	p->status = bits & BIT_ERROR ? REQUEST_ERROR : REQUEST_OK;
	v = 0;
	if ((bits & BIT_HTTP) && !varint_read(&at, end, &v))
		return false;
	p->http_status = (uint16_t)(bits & BIT_HTTP_200 ? 200 : v);
	if ((bits & BIT_ATTEMPT) && !get_bytes(&p->attempt, 1, &at, end))
		return false;
	v = 0;
	if ((bits & BIT_LATER) && !varint_read(&at, end, &v))
		return false;
	p->end_us = id_time_us(id) - (int64_t)v;
	p->errors_unseen = bits & BIT_ERRORS_UNSEEN;
	p->has_trace = bits & BIT_TRACE;
	p->has_span = bits & BIT_SPAN;
	p->has_parent = bits & BIT_PARENT;
	if (p->has_trace && !get_bytes(p->trace_id, 16, &at, end))
		return false;
	if (p->has_span && !get_bytes(p->span_id, 8, &at, end))
		return false;
	if (p->has_parent && !get_bytes(p->parent_id, 8, &at, end))
		return false;
	if ((bits & BIT_FLAGS) && !get_flags(p, &at, end))
		return false;
	return !(bits & BIT_ATTRS) || get_attrs(p, &at, end);
}
