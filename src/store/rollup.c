/* Blob: varint of presence bits (xor'ed with the usual ones, so that a usual row spends one byte
 * on them), the present counters as signed varints, first and last end as offsets, tallies, then
 * the present sketches last, so that a reader of counts never steps over cells. A sketch is its
 * number of cells and for each the distance to the one before, doubled, plus one when a count
 * other than 1 follows: the many cells of small groups take one byte. */
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

static void add_known(struct figures *f, enum sketch_kind kind, int64_t value, int sign)
{
	if (value >= 0)
		sketch_add(&f->sketches[kind], value, sign);
}

void rollup_add(struct rollup *r, const struct packed *p, int sign)
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
		sketch_add(&f->sketches[SKETCH_COST_NUSD], p->cost_nusd, n);
	}
	f->input_tokens += p->input_tokens >= 0 ? n * p->input_tokens : 0;
	f->output_tokens += p->output_tokens >= 0 ? n * p->output_tokens : 0;
	f->cached_tokens += p->cached_tokens >= 0 ? n * p->cached_tokens : 0;
	f->cached_known += p->cached_tokens >= 0 ? n : 0;
	f->cache_write_tokens += p->cache_write_tokens >= 0 ? n * p->cache_write_tokens : 0;
	f->reasoning_tokens += p->reasoning_tokens >= 0 ? n * p->reasoning_tokens : 0;
	add_known(f, SKETCH_LATENCY_US, p->latency_us, sign);
	add_known(f, SKETCH_TTFT_US, p->ttft_us, sign);
	add_known(f, SKETCH_INPUT_TOKENS, p->input_tokens, sign);
	add_known(f, SKETCH_OUTPUT_TOKENS, p->output_tokens, sign);
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

static uint8_t *put_sketch(uint8_t *at, const struct sketch *s)
{
	uint32_t last = 0;

	at = put(at, s->len);
	for (uint32_t i = 0; i < s->len; i++) {
		const struct sketch_cell *c = &s->cells[i];

		at = put(at, (uint64_t)(c->index - last) << 1 | (c->count != 1));
		if (c->count != 1)
			at = put(at, zigzag(c->count));
		last = c->index;
	}
	return at;
}

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
	size_t room = 512 + 30 * (r->errors.len + r->flags.len);
	uint32_t bits = 0;

	for (size_t i = 0; i < COUNTERS; i++)
		bits |= *counter(f, i) ? COUNTER_BIT(i) : 0;
	for (int k = 0; k < SKETCH_COUNT; k++) {
		bits |= f->sketches[k].len ? BIT_SKETCH(k) : 0;
		room += 20 + 16 * (size_t)f->sketches[k].len;
	}
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
	for (int k = 0; k < SKETCH_COUNT; k++)
		if (bits & BIT_SKETCH(k))
			at = put_sketch(at, &f->sketches[k]);
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

#define DENSE_CELLS 4096
struct dense {
	int64_t counts[SKETCH_COUNT][DENSE_CELLS];
	uint64_t touched[SKETCH_COUNT][DENSE_CELLS / 64];
};

struct dense *dense_new(void)
{
	return mem_zalloc(sizeof(struct dense));
}

void dense_free(struct dense **d)
{
	free(*d);
	*d = NULL;
}

static inline void dense_cell(struct dense *d, int kind, uint64_t index, int64_t count)
{
	d->counts[kind][index] += count;
	d->touched[kind][index / 64] |= UINT64_C(1) << (index % 64);
}

void dense_add(struct dense *d, enum sketch_kind kind, const struct sketch *s, int weight)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (s->cells[i].index < DENSE_CELLS)
			dense_cell(d, (int)kind, s->cells[i].index, weight * s->cells[i].count);
}

/* Moves one kind's counts into an empty sketch. */
static void take_kind(struct dense *d, int k, struct sketch *s)
{
	size_t cells = 0, cap = s->cap;

	for (size_t w = 0; w < DENSE_CELLS / 64; w++)
		cells += (size_t)__builtin_popcountll(d->touched[k][w]);
	s->cells = mem_grow(s->cells, &cap, cells, sizeof *s->cells);
	s->cap = (uint32_t)cap;
	for (size_t w = 0; w < DENSE_CELLS / 64; w++) {
		for (uint64_t bits = d->touched[k][w]; bits; bits &= bits - 1) {
			uint32_t index = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
			int64_t count = d->counts[k][index];

			d->counts[k][index] = 0;
			s->cells[s->len] = (struct sketch_cell){.index = index, .count = count};
			s->len += count != 0;
			s->count += count;
		}
		d->touched[k][w] = 0;
	}
}

void dense_take(struct dense *d, struct figures *into)
{
	for (int k = 0; k < SKETCH_COUNT; k++) {
		struct sketch s = {0};

		if (!into->sketches[k].len) {
			into->sketches[k].count = 0;
			take_kind(d, k, &into->sketches[k]);
			continue;
		}
		take_kind(d, k, &s);
		sketch_merge(&into->sketches[k], &s);
		sketch_fini(&s);
	}
}

bool dense_decode_merge(struct dense *d, struct figures *into, unsigned needs, int weight, int64_t bucket_us,
                        const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, into, NULL, NULL, weight, bucket_us);

	for (int k = 0; k < SKETCH_COUNT && !c.bad && needs >> k; k++) {
		if (!(bits & BIT_SKETCH(k)))
			continue;
		uint64_t n = get(&c), index = 0;
		bool wanted = needs & 1u << k;
		for (uint64_t i = 0; i < n && !c.bad; i++) {
			uint64_t step = get(&c);
			int64_t count = step & 1 ? unzigzag(get(&c)) : 1;

			index += step >> 1;
			if (index >= DENSE_CELLS)
				c.bad = true;
			else if (wanted && !c.bad)
				dense_cell(d, k, index, weight * count);
		}
	}
	return !c.bad;
}

/* Reads the sketches behind the counts into those of `f`. */
static bool get_sketches(struct cursor *c, uint32_t bits, struct figures *f, unsigned needs, int weight)
{
	static _Thread_local struct sketch s; /* its memory is kept from row to row */

	for (int k = 0; k < SKETCH_COUNT && !c->bad && needs >> k; k++) {
		if (!(bits & BIT_SKETCH(k)))
			continue;
		uint64_t n = get(c), index = 0;
		size_t cap = s.cap;
		s.len = 0;
		s.count = 0;
		for (uint64_t i = 0; i < n && !c->bad; i++) {
			uint64_t step = get(c);
			int64_t count = step & 1 ? unzigzag(get(c)) : 1;

			index += step >> 1;
			c->bad |= index >= DENSE_CELLS;
			s.cells = mem_grow(s.cells, &cap, (size_t)s.len + 1, sizeof *s.cells);
			s.cells[s.len++] = (struct sketch_cell){.index = (uint32_t)index, .count = weight * count};
			s.count += weight * count;
		}
		s.cap = (uint32_t)cap;
		if (!c->bad && needs & 1u << k)
			sketch_merge(&f->sketches[k], &s);
	}
	return !c->bad;
}

bool figures_decode_merge(struct figures *into, unsigned needs, int weight, int64_t bucket_us, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, into, NULL, NULL, weight, bucket_us);

	return get_sketches(&c, bits, into, needs, weight);
}

bool rollup_decode_merge(struct rollup *into, int64_t bucket_us, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};
	uint32_t bits = get_counts(&c, &into->figures, &into->errors, &into->flags, 1, bucket_us);

	return get_sketches(&c, bits, &into->figures, ALL_SKETCHES, 1);
}

bool tallies_decode_merge(struct tally *errors, struct tally *flags, int weight, const void *blob, size_t len)
{
	struct cursor c = {blob, (const uint8_t *)blob + len, false};

	get_counts(&c, NULL, errors, flags, weight, 0);
	return !c.bad;
}
