/* Head: varints of the presence bits and of the names that are there. Figures: the present ones in a fixed
 * order, as varints. Rest: ids as bytes, flags, attributes. Runs of lower case hexadecimal digits in
 * attributes (hashed users, UUID-like sessions) are packed two to a byte: they are the longest part of
 * most rows. */
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

/* Optional figures that are one varint each. */
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
};
#define COUNTS (sizeof counts / sizeof *counts)
#define COUNT_BITS (BIT_INPUT | BIT_OUTPUT | BIT_LATENCY | BIT_TTFT | BIT_CACHED | BIT_CACHE_WRITE | BIT_REASONING)

/* The names' bits, in their order in struct packed. */
static const uint32_t name_bits[PACK_NAMES] = {
	BIT_OPERATION, BIT_REQUEST_MODEL, BIT_ERROR_TYPE, BIT_FINISH, BIT_OUTCOME, BIT_SOURCE, BIT_BASIS, BIT_IMPORT,
};
#define NAMES_BYTES (PACK_NAMES * sizeof(uint32_t))
_Static_assert(offsetof(struct packed, import_ref) - offsetof(struct packed, operation) == NAMES_BYTES - sizeof(uint32_t),
               "the names lie side by side");
_Static_assert(sizeof(struct pack_head) == 8 + NAMES_BYTES + 4, "heads have no padding");

static int64_t count_of(const struct packed *p, size_t i)
{
	return *(const int64_t *)(const void *)((const char *)p + counts[i].offset);
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

static inline uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

/* 1 + a hexadecimal digit's value; 0 of any other byte. Which of them are letters cannot be foretold. */
static const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static inline bool is_hex(char c)
{
	return hex_digit[(uint8_t)c];
}

static inline uint8_t hex_value(char c)
{
	return (uint8_t)(hex_digit[(uint8_t)c] - 1);
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

void pack_head_of(const struct packed *p, int64_t id, struct pack_head *h)
{
	uint32_t bits = 0;

	memcpy(h->names, &p->operation, NAMES_BYTES);
	h->attrs = 0;
	h->http_status = is_plain_ok(p) ? 0 : p->http_status;
	h->attempt = p->attempt;
	for (size_t i = 0; i < COUNTS; i++)
		bits |= count_of(p, i) >= 0 ? counts[i].bit : 0;
	for (size_t i = 0; i < PACK_NAMES; i++)
		bits |= h->names[i] ? name_bits[i] : 0;
	for (size_t i = 0; i < ATTR_COUNT; i++)
		h->attrs |= p->attrs[i].len ? 1u << i : 0;
	bits |= h->attrs ? BIT_ATTRS : 0;
	bits |= p->cost_source != COST_UNPRICED ? BIT_HAS_COST : 0;
	bits |= p->cost_source == COST_REPORTED ? BIT_REPORTED : 0;
	bits |= p->status == REQUEST_ERROR ? BIT_ERROR : 0;
	bits |= h->http_status ? BIT_HTTP : 0;
	bits |= is_plain_ok(p) ? BIT_HTTP_200 : 0;
	bits |= p->attempt ? BIT_ATTEMPT : 0;
	bits |= p->errors_unseen ? BIT_ERRORS_UNSEEN : 0;
	bits |= p->has_trace ? BIT_TRACE : 0;
	bits |= p->has_span ? BIT_SPAN : 0;
	bits |= p->has_parent ? BIT_PARENT : 0;
	bits |= p->flag_count ? BIT_FLAGS : 0;
	bits |= id_time_us(id) != p->end_us ? BIT_LATER : 0;
	h->bits = bits;
}

uint8_t *pack_write_head(const struct pack_head *h, uint8_t *at)
{
	at = put(at, h->bits);
	for (size_t i = 0; i < PACK_NAMES; i++)
		if (h->names[i])
			at = put(at, h->names[i]);
	if (h->bits & BIT_HTTP)
		at = put(at, h->http_status);
	if (h->bits & BIT_ATTEMPT)
		at = put(at, h->attempt);
	return h->bits & BIT_ATTRS ? put(at, h->attrs) : at;
}

bool pack_read_head(struct pack_head *h, const uint8_t **at, const uint8_t *end)
{
	uint64_t v;

	*h = (struct pack_head){0};
	if (!varint_read(at, end, &v))
		return false;
	h->bits = (uint32_t)v;
	for (size_t i = 0; i < PACK_NAMES; i++) {
		if (!(h->bits & name_bits[i]))
			continue;
		if (!varint_read(at, end, &v))
			return false;
		h->names[i] = (uint32_t)v;
	}
	v = 0;
	if ((h->bits & BIT_HTTP) && !varint_read(at, end, &v))
		return false;
	h->http_status = (uint16_t)v;
	v = 0;
	if ((h->bits & BIT_ATTEMPT) && !varint_read(at, end, &v))
		return false;
	h->attempt = (uint8_t)v;
	v = 0;
	if ((h->bits & BIT_ATTRS) && !varint_read(at, end, &v))
		return false;
	h->attrs = (uint32_t)v & ((1u << ATTR_COUNT) - 1);
	return true;
}

static inline uint64_t zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }

static uint8_t *put_flags(uint8_t *at, const struct packed *p)
{
	for (uint32_t i = 0; i < p->flag_count; i++) {
		at = put(at, p->flags[i].category);
		*at++ = (uint8_t)((p->flags[i].severity + 1) << 1 | (p->flags[i].action & 1));
	}
	return at;
}

#define REST_MAX_BYTES (32 + PACK_FLAGS_MAX * 6 + ATTR_COUNT * (EVENT_NAME_MAX_BYTES + 4))

void pack_write(const struct packed *p, int64_t id, const struct pack_head *h, struct buf *out, uint16_t *figures_len,
                uint16_t *rest_len)
{
	uint8_t *start = (uint8_t *)buf_reserve(out, 128 + REST_MAX_BYTES), *at = start, *rest;
	uint32_t bits = h->bits;

	if (bits & BIT_FLAGS)
		*at++ = (uint8_t)p->flag_count;
	for (size_t i = 0; i < COUNTS; i++)
		if (bits & counts[i].bit)
			at = put(at, (uint64_t)count_of(p, i));
	if (bits & BIT_HAS_COST)
		at = put(at, zigzag(p->cost_nusd));
	if (bits & BIT_LATER)
		at = put(at, (uint64_t)(id_time_us(id) - p->end_us));
	rest = at;
	if (bits & BIT_TRACE)
		at = put_bytes(at, p->trace_id, 16);
	if (bits & BIT_SPAN)
		at = put_bytes(at, p->span_id, 8);
	if (bits & BIT_PARENT)
		at = put_bytes(at, p->parent_id, 8);
	at = put_flags(at, p);
	for (size_t i = 0; i < ATTR_COUNT; i++)
		if (h->attrs & 1u << i)
			at = put_text(at, p->attrs[i]);
	*figures_len = (uint16_t)(rest - start);
	*rest_len = (uint16_t)(at - rest);
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
	uint64_t category;

	for (uint32_t i = 0; i < p->flag_count; i++) {
		uint8_t verdict;

		if (!varint_read(at, end, &category) || !get_bytes(&verdict, 1, at, end))
			return false;
		p->flags[i] = (struct packed_flag){(uint32_t)category, (int8_t)((verdict >> 1) - 1), verdict & 1};
	}
	return true;
}

/* Short numbers are most of what is read. */
static inline bool get(const uint8_t **at, const uint8_t *end, uint64_t *v)
{
	if (end - *at >= 2) {
		if (**at < 0x80) {
			*v = *(*at)++;
			return true;
		}
		if ((*at)[1] < 0x80) {
			*v = (uint64_t)(**at & 0x7f) | (uint64_t)(*at)[1] << 7;
			*at += 2;
			return true;
		}
	}
	return varint_read(at, end, v);
}

static bool get_flag_count(const struct pack_head *h, uint32_t *count, const uint8_t **at, const uint8_t *end)
{
	uint8_t n = 0;

	if ((h->bits & BIT_FLAGS) && (!get_bytes(&n, 1, at, end) || n > PACK_FLAGS_MAX))
		return false;
	*count = n;
	return true;
}

bool pack_read_figures(struct packed *p, int64_t id, const struct pack_head *h, const uint8_t **at, const uint8_t *end)
{
	const uint32_t bits = h->bits;
	uint64_t v;

	memcpy(&p->operation, h->names, NAMES_BYTES);
	p->http_status = (uint16_t)(bits & BIT_HTTP_200 ? 200 : h->http_status);
	p->attempt = (uint8_t)h->attempt;
	p->status = bits & BIT_ERROR ? REQUEST_ERROR : REQUEST_OK;
	p->errors_unseen = bits & BIT_ERRORS_UNSEEN;
	p->has_trace = p->has_span = p->has_parent = false;
	if (!get_flag_count(h, &p->flag_count, at, end))
		return false;
	for (size_t i = 0; i < COUNTS; i++) {
		v = (uint64_t)UNKNOWN_INT;
		if ((bits & counts[i].bit) && !get(at, end, &v))
			return false;
		*(int64_t *)(void *)((char *)p + counts[i].offset) = (int64_t)v;
	}
	p->cost_source = !(bits & BIT_HAS_COST) ? COST_UNPRICED : bits & BIT_REPORTED ? COST_REPORTED : COST_INFERRED;
	v = 0;
	if ((bits & BIT_HAS_COST) && !get(at, end, &v))
		return false;
	p->cost_nusd = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
	v = 0;
	if ((bits & BIT_LATER) && !get(at, end, &v))
		return false;
	p->end_us = id_time_us(id) - (int64_t)v;
	return true;
}

bool pack_skip_figures(const struct pack_head *h, uint32_t *flag_count, const uint8_t **at, const uint8_t *end)
{
	int numbers = __builtin_popcount(h->bits & (COUNT_BITS | BIT_HAS_COST | BIT_LATER));

	if (!get_flag_count(h, flag_count, at, end))
		return false;
	while (numbers && *at < end)
		numbers -= *(*at)++ < 0x80;
	return !numbers;
}

static bool skip(size_t len, const uint8_t **at, const uint8_t *end)
{
	if ((size_t)(end - *at) < len)
		return false;
	*at += len;
	return true;
}

static bool skip_text(const uint8_t **at, const uint8_t *end)
{
	uint64_t len, plain;

	if (!get(at, end, &len) || len >> 1 > EVENT_NAME_MAX_BYTES)
		return false;
	if (!(len & 1))
		return skip((size_t)len >> 1, at, end);
	len >>= 1;
	return get(at, end, &plain) && plain <= len && skip((size_t)(plain + (len - plain) / 2), at, end);
}

static size_t ids_bytes(uint32_t bits)
{
	return (bits & BIT_TRACE ? 16u : 0u) + (bits & BIT_SPAN ? 8u : 0u) + (bits & BIT_PARENT ? 8u : 0u);
}

static bool skip_flags(uint32_t count, const uint8_t **at, const uint8_t *end)
{
	uint64_t category;

	for (uint32_t i = 0; i < count; i++)
		if (!get(at, end, &category) || !skip(1, at, end))
			return false;
	return true;
}

bool pack_skip_rest(const struct pack_head *h, uint32_t flag_count, const uint8_t **at, const uint8_t *end)
{
	if (!skip(ids_bytes(h->bits), at, end) || !skip_flags(flag_count, at, end))
		return false;
	for (uint32_t attrs = h->attrs; attrs; attrs &= attrs - 1)
		if (!skip_text(at, end))
			return false;
	return true;
}

static bool get_ids(struct packed *p, const struct pack_head *h, const uint8_t **at, const uint8_t *end)
{
	p->has_trace = h->bits & BIT_TRACE;
	p->has_span = h->bits & BIT_SPAN;
	p->has_parent = h->bits & BIT_PARENT;
	return !((p->has_trace && !get_bytes(p->trace_id, 16, at, end)) || (p->has_span && !get_bytes(p->span_id, 8, at, end)) ||
	         (p->has_parent && !get_bytes(p->parent_id, 8, at, end)));
}

bool pack_read_rest(struct packed *p, const struct pack_head *h, uint32_t wanted, const uint8_t **at, const uint8_t *end)
{
	char *room = p->texts;

	if (wanted & PACK_IDS ? !get_ids(p, h, at, end) : !skip(ids_bytes(h->bits), at, end))
		return false;
	if (wanted & PACK_FLAGS ? !get_flags(p, at, end) : !skip_flags(p->flag_count, at, end))
		return false;
	for (size_t i = 0; i < ATTR_COUNT; i++) {
		p->attrs[i] = (struct str){NULL, 0};
		if ((h->attrs & 1u << i) && (wanted & 1u << i ? !get_text(&p->attrs[i], &room, at, end) : !skip_text(at, end)))
			return false;
	}
	return true;
}
