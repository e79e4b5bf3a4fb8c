/* Blob: varint of presence bits (xor'ed with the usual ones, so that a usual row spends one byte
 * on them), the present counters as signed varints, first and last end as offsets, tallies, then
 * the present sketches last (cells.c), so that a reader of counts never steps over cells. */
#include "store/rollup.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

const int64_t tier_us[TIER_COUNT] = {10 * US_PER_S, US_PER_MIN, 10 * US_PER_MIN, US_PER_HOUR, US_PER_DAY};
const char *const tier_table[TIER_COUNT] = {"rollups_10s", "rollups_1m", "rollups_10m", "rollups_1h", "rollups_1d"};
const char *const gauge_table[TIER_COUNT] = {"gauges_10s", "gauges_1m", "gauges_10m", "gauges_1h", "gauges_1d"};

enum tier dim_first_tier(enum dim d)
{
	return d == DIM_SERVICE || d == DIM_ENVIRONMENT ? TIER_10S : TIER_10M;
}

/* The counters in the order of their bits: those that vary most first. */
static const size_t counters[] = {
	offsetof(struct figures, errors), offsetof(struct figures, flags), offsetof(struct figures, flagged_requests),
	offsetof(struct figures, unpriced), offsetof(struct figures, blocked), offsetof(struct figures, reported_cost),
	/* bit 6 is first_us/last_us, 7 the errors' tally, 8 the flags', 9-13 the sketches */
	offsetof(struct figures, reasoning_tokens), offsetof(struct figures, cache_write_tokens),
	offsetof(struct figures, feedback), offsetof(struct figures, positive), offsetof(struct figures, neutral),
	offsetof(struct figures, negative), offsetof(struct figures, errors_lower_bound),
	offsetof(struct figures, requests), offsetof(struct figures, cost_nusd), offsetof(struct figures, input_tokens),
	offsetof(struct figures, output_tokens), offsetof(struct figures, cached_tokens),
	offsetof(struct figures, cached_known),
};
#define COUNTERS (sizeof counters / sizeof *counters)
#define COUNTER_BIT(i) ((i) < 6 ? 1u << (i) : 1u << ((i) + 8))
#define BIT_TIMES (1u << 6)
#define BIT_ERRORS (1u << 7)
#define BIT_FLAGS (1u << 8)
#define BIT_SKETCH(k) (1u << (9 + (k)))
#define SKETCHES_OF(bits) ((bits) >> 9 & ALL_SKETCHES)
#define BITS_USUAL \
	(BIT_TIMES | BIT_SKETCH(0) | BIT_SKETCH(1) | BIT_SKETCH(2) | BIT_SKETCH(3) | BIT_SKETCH(4) | \
	 COUNTER_BIT(13) | COUNTER_BIT(14) | COUNTER_BIT(15) | COUNTER_BIT(16) | COUNTER_BIT(17) | COUNTER_BIT(18))

static inline int64_t *counter(const struct figures *f, size_t i)
{
	return (int64_t *)(void *)((char *)(uintptr_t)f + counters[i]);
}

void tally_add(struct tally *t, uint32_t name, int64_t count, int64_t blocked)
{
	size_t i = 0;

	while (i < t->len && t->items[i].name < name)
		i++;
	if (i < t->len && t->items[i].name == name) {
		t->items[i].count += count;
		t->items[i].blocked += blocked;
		if (t->items[i].count == 0 && t->items[i].blocked == 0) {
			memmove(t->items + i, t->items + i + 1, (t->len - i - 1) * sizeof *t->items);
			t->len--;
		}
		return;
	}
	if (count == 0 && blocked == 0)
		return;
	t->items = mem_grow(t->items, &t->cap, t->len + 1, sizeof *t->items);
	memmove(t->items + i + 1, t->items + i, (t->len - i) * sizeof *t->items);
	t->items[i] = (struct tally_item){name, count, blocked};
	t->len++;
}

void rollup_add_counts(struct rollup *r, const struct packed *p, int sign)
{
	struct figures *f = &r->figures;
	int64_t n = sign;

	f->requests += n;
	if (p->status == REQUEST_ERROR) {
		f->errors += n;
		if (p->error_type)
			tally_add(&r->errors, p->error_type, n, 0);
	}
	f->errors_lower_bound += p->errors_unseen ? n : 0;
	if (p->cost_source == COST_UNPRICED) {
		f->unpriced += n;
	} else {
		f->reported_cost += p->cost_source == COST_REPORTED ? n : 0;
		f->cost_nusd += n * p->cost_nusd;
	}
	f->input_tokens += p->input_tokens >= 0 ? n * p->input_tokens : 0;
	f->output_tokens += p->output_tokens >= 0 ? n * p->output_tokens : 0;
	f->cached_tokens += p->cached_tokens >= 0 ? n * p->cached_tokens : 0;
	f->cached_known += p->cached_tokens >= 0 ? n : 0;
	f->cache_write_tokens += p->cache_write_tokens >= 0 ? n * p->cache_write_tokens : 0;
	f->reasoning_tokens += p->reasoning_tokens >= 0 ? n * p->reasoning_tokens : 0;
	f->flags += n * (int64_t)p->flag_count;
	f->flagged_requests += p->flag_count ? n : 0;
	for (uint32_t i = 0; i < p->flag_count; i++) {
		int64_t blocked = p->flags[i].action == FLAG_BLOCKED ? n : 0;

		f->blocked += blocked;
		tally_add(&r->flags, p->flags[i].category, n, blocked);
	}
	if (sign > 0) {
		f->first_us = f->first_us && f->first_us < p->end_us ? f->first_us : p->end_us;
		f->last_us = f->last_us > p->end_us ? f->last_us : p->end_us;
	}
}

unsigned rollup_values(const struct packed *p, int64_t values[SKETCH_COUNT])
{
	unsigned known = 0;

	values[SKETCH_LATENCY_US] = p->latency_us;
	values[SKETCH_TTFT_US] = p->ttft_us;
	values[SKETCH_INPUT_TOKENS] = p->input_tokens;
	values[SKETCH_OUTPUT_TOKENS] = p->output_tokens;
	values[SKETCH_COST_NUSD] = p->cost_nusd;
	for (int k = 0; k < SKETCH_COUNT; k++)
		known |= values[k] >= 0 ? 1u << k : 0;
	if (p->cost_source == COST_UNPRICED)
		return known & ~(1u << SKETCH_COST_NUSD);
	return known | 1u << SKETCH_COST_NUSD;
}

void rollup_merge_counts(struct rollup *into, const struct rollup *from)
{
	struct figures *a = &into->figures;
	const struct figures *b = &from->figures;

	for (size_t i = 0; i < COUNTERS; i++)
		*counter(a, i) += *counter(b, i);
	if (b->first_us && (!a->first_us || b->first_us < a->first_us))
		a->first_us = b->first_us;
	if (b->last_us > a->last_us)
		a->last_us = b->last_us;
	for (size_t i = 0; i < from->errors.len; i++)
		tally_add(&into->errors, from->errors.items[i].name, from->errors.items[i].count, 0);
	for (size_t i = 0; i < from->flags.len; i++)
		tally_add(&into->flags, from->flags.items[i].name, from->flags.items[i].count, from->flags.items[i].blocked);
}

void rollup_merge(struct rollup *into, const struct rollup *from)
{
	rollup_merge_counts(into, from);
	for (int k = 0; k < SKETCH_COUNT; k++)
		sketch_merge(&into->figures.sketches[k], &from->figures.sketches[k]);
}

void rollup_reset(struct rollup *r)
{
	for (size_t i = 0; i < COUNTERS; i++)
		*counter(&r->figures, i) = 0;
	r->figures.first_us = r->figures.last_us = 0;
	for (int k = 0; k < SKETCH_COUNT; k++)
		sketch_reset(&r->figures.sketches[k]);
	r->errors.len = r->flags.len = 0;
}

void rollup_fini(struct rollup *r)
{
	for (int k = 0; k < SKETCH_COUNT; k++)
		sketch_fini(&r->figures.sketches[k]);
	free(r->errors.items);
	free(r->flags.items);
	memset(r, 0, sizeof *r);
}

bool rollup_is_empty(const struct rollup *r)
{
	for (size_t i = 0; i < COUNTERS; i++)
		if (*counter(&r->figures, i))
			return false;
	for (int k = 0; k < SKETCH_COUNT; k++)
		if (r->figures.sketches[k].len)
			return false;
	return r->errors.len == 0 && r->flags.len == 0;
}

static bool tally_equal(const struct tally *a, const struct tally *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (a->items[i].name != b->items[i].name || a->items[i].count != b->items[i].count ||
		    a->items[i].blocked != b->items[i].blocked)
			return false;
	return true;
}

static bool sketch_equal(const struct sketch *a, const struct sketch *b)
{
	if (a->len != b->len || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->len; i++)
		if (a->cells[i].index != b->cells[i].index || a->cells[i].count != b->cells[i].count)
			return false;
	return true;
}

bool rollup_equal(const struct rollup *a, const struct rollup *b)
{
	for (size_t i = 0; i < COUNTERS; i++)
		if (*counter(&a->figures, i) != *counter(&b->figures, i))
			return false;
	for (int k = 0; k < SKETCH_COUNT; k++)
		if (!sketch_equal(&a->figures.sketches[k], &b->figures.sketches[k]))
			return false;
	return tally_equal(&a->errors, &b->errors) && tally_equal(&a->flags, &b->flags);
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

static inline uint64_t zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }

static inline int64_t unzigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

static uint8_t *put_tally(uint8_t *at, const struct tally *t, bool blocked)
{
	at = put(at, t->len);
	for (size_t i = 0; i < t->len; i++) {
		at = put(at, t->items[i].name);
		at = put(at, zigzag(t->items[i].count));
		if (blocked)
			at = put(at, zigzag(t->items[i].blocked));
	}
	return at;
}

void rollup_encode(const struct rollup *r, int64_t bucket_us, struct buf *out)
{
	const struct figures *f = &r->figures;
	size_t room = 512 + 30 * (r->errors.len + r->flags.len) + cells_room(f);
	uint32_t bits = 0;

	for (size_t i = 0; i < COUNTERS; i++)
		bits |= *counter(f, i) ? COUNTER_BIT(i) : 0;
	for (int k = 0; k < SKETCH_COUNT; k++)
		bits |= f->sketches[k].len ? BIT_SKETCH(k) : 0;
	bits |= f->first_us ? BIT_TIMES : 0;
	bits |= r->errors.len ? BIT_ERRORS : 0;
	bits |= r->flags.len ? BIT_FLAGS : 0;
	uint8_t *start = (uint8_t *)buf_reserve(out, room), *at = put(start, bits ^ BITS_USUAL);
	for (size_t i = 0; i < COUNTERS; i++)
		if (bits & COUNTER_BIT(i))
			at = put(at, zigzag(*counter(f, i)));
	if (bits & BIT_TIMES) {
		at = put(at, zigzag(f->first_us - bucket_us));
		at = put(at, zigzag(f->last_us - f->first_us));
	}
	if (bits & BIT_ERRORS)
		at = put_tally(at, &r->errors, false);
	if (bits & BIT_FLAGS)
		at = put_tally(at, &r->flags, true);
	at = cells_write(at, f);
	out->len += (size_t)(at - start);
}

/* A cursor over a blob; `bad` is set for good by anything damaged. */
struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static inline uint64_t get(struct cursor *c)
{
	uint64_t v;

	if (c->at < c->end && *c->at < 0x80)
		return *c->at++;
	if (!varint_read(&c->at, c->end, &v)) {
		c->bad = true;
		c->at = c->end;
		return 0;
	}
	return v;
}

static void get_tally(struct cursor *c, struct tally *t, bool blocked, int weight)
{
	uint64_t n = get(c);

	for (uint64_t i = 0; i < n && !c->bad; i++) {
		uint32_t name = (uint32_t)get(c);
		int64_t count = unzigzag(get(c)), stopped = blocked ? unzigzag(get(c)) : 0;

		if (!c->bad && t)
			tally_add(t, name, weight * count, weight * stopped);
	}
}

/* Counters, times and tallies (each may be NULL); leaves the cursor at the sketches and returns the
 * presence bits. */
static uint32_t get_counts(struct cursor *c, struct figures *f, struct tally *errors, struct tally *flags, int weight,
                           int64_t bucket_us)
{
	uint32_t bits = (uint32_t)get(c) ^ BITS_USUAL;
	struct figures unused;

	f = f ? f : &unused;
	for (size_t i = 0; i < COUNTERS; i++)
		if (bits & COUNTER_BIT(i)) {
			int64_t v = unzigzag(get(c));
			if (f != &unused)
				*counter(f, i) += weight * v;
		}
	if (bits & BIT_TIMES) {
		int64_t first = bucket_us + unzigzag(get(c)), last = first + unzigzag(get(c));

		if (f != &unused && weight > 0) {
			f->first_us = f->first_us && f->first_us < first ? f->first_us : first;
			f->last_us = f->last_us > last ? f->last_us : last;
		}
	}
	if (bits & BIT_ERRORS)
		get_tally(c, errors, false, weight);
	if (bits & BIT_FLAGS)
		get_tally(c, flags, true, weight);
	return bits;
}

bool dense_decode_merge(struct dense *d, struct figures *into, unsigned needs, int weight, int64_t bucket_us,
                        const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, into, NULL, NULL, weight, bucket_us);

	return !c.bad && dense_read(d, SKETCHES_OF(bits), needs, weight, c.at, c.end);
}

bool dense_decode_merge_all(struct dense *d, struct rollup *into, int64_t bucket_us, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, &into->figures, &into->errors, &into->flags, 1, bucket_us);

	return !c.bad && dense_read(d, SKETCHES_OF(bits), ALL_SKETCHES, 1, c.at, c.end);
}

bool figures_decode_merge(struct figures *into, unsigned needs, int weight, int64_t bucket_us, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, into, NULL, NULL, weight, bucket_us);

	return !c.bad && cells_read_merge(into, SKETCHES_OF(bits), needs, weight, c.at, c.end);
}

bool rollup_decode_merge(struct rollup *into, int64_t bucket_us, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, &into->figures, &into->errors, &into->flags, 1, bucket_us);

	return !c.bad && cells_read_merge(&into->figures, SKETCHES_OF(bits), ALL_SKETCHES, 1, c.at, c.end);
}

bool tallies_decode_merge(struct tally *errors, struct tally *flags, int weight, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};

	get_counts(&c, NULL, errors, flags, weight, 0);
	return !c.bad;
}
