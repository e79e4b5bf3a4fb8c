/* Sketches are stored as one stream of bits, the lowest first. A sketch is its number of cells (Elias'
 * gamma code), a parameter K of four bits, the first cell's index in twelve bits and then for each
 * cell the distance to the one before less one, and the count. Distances are Rice codes: distance >> K in unary,
 * the lower K bits as they are; those too long in unary are twelve bits behind an escape. A count of 1, the
 * usual one in small groups, is one bit. */
#include "store/cells.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_BITS 12
#define PARAMETER_BITS 4
#define UNARY_ESCAPE 24u /* as many zeros announce a distance in INDEX_BITS bits */
#define COUNT_BITS_MAX 48u

/* ---- writing ---- */

struct bit_writer {
	uint8_t *at;
	uint64_t window;
	unsigned have; /* bits in the window; below 8 between two calls */
};

/* At most 56 bits; `v` has no others. */
static inline void put_bits(struct bit_writer *w, uint64_t v, unsigned bits)
{
	w->window |= v << w->have;
	w->have += bits;
	uint64_t bytes = htole64(w->window);
	memcpy(w->at, &bytes, sizeof bytes);
	w->at += w->have / 8;
	w->window >>= w->have & ~7u;
	w->have &= 7;
}

/* v >= 1: as many zeros as bits follow the leading one. */
static inline void put_gamma(struct bit_writer *w, uint64_t v)
{
	unsigned bits = 63u - (unsigned)__builtin_clzll(v);

	put_bits(w, UINT64_C(1) << bits, bits + 1);
	put_bits(w, v - (UINT64_C(1) << bits), bits);
}

/* The bit of a count of 1, a zero, is written with the distance before it. */
static inline void put_distance(struct bit_writer *w, uint32_t distance, unsigned k, bool single)
{
	uint32_t high = distance >> k;

	if (high >= UNARY_ESCAPE) {
		put_bits(w, UINT64_C(1) << UNARY_ESCAPE | (uint64_t)distance << (UNARY_ESCAPE + 1), UNARY_ESCAPE + 1 + INDEX_BITS + single);
		return;
	}
	put_bits(w, UINT64_C(1) << high | (uint64_t)(distance & ((1u << k) - 1)) << (high + 1), high + 1 + k + single);
}

/* 0: 1. 10 and a gamma code: more. 11 and a gamma code: less than none, as corrections may leave. */
static inline void put_count(struct bit_writer *w, int64_t count)
{
	if (count == 1) {
		put_bits(w, 0, 1);
		return;
	}
	put_bits(w, count > 0 ? 1 : 3, 2);
	put_gamma(w, count > 0 ? (uint64_t)count - 1 : (uint64_t)-count);
}

/* The parameter that suits the mean distance. */
static unsigned parameter(const struct sketch *s)
{
	uint32_t span = s->cells[s->len - 1].index - s->cells[0].index - (s->len - 1);
	uint32_t mean = s->len > 1 ? span * 3 / (4 * (s->len - 1)) : 0;

	return mean ? 31u - (unsigned)__builtin_clz(mean) : 0;
}

static void put_sketch(struct bit_writer *w, const struct sketch *s)
{
	unsigned k = parameter(s);
	uint32_t last = s->cells[0].index;

	put_gamma(w, s->len);
	put_bits(w, k | (uint64_t)last << PARAMETER_BITS, PARAMETER_BITS + INDEX_BITS);
	put_count(w, s->cells[0].count);
	for (uint32_t i = 1; i < s->len; i++) {
		bool single = s->cells[i].count == 1;

		put_distance(w, s->cells[i].index - last - 1, k, single);
		if (!single)
			put_count(w, s->cells[i].count);
		last = s->cells[i].index;
	}
}

size_t cells_room(const struct figures *f)
{
	size_t room = 16;

	for (int k = 0; k < SKETCH_COUNT; k++)
		room += 16 + 20 * (size_t)f->sketches[k].len;
	return room;
}

uint8_t *cells_write(uint8_t *at, const struct figures *f)
{
	struct bit_writer w = {.at = at};

	for (int k = 0; k < SKETCH_COUNT; k++)
		if (f->sketches[k].len)
			put_sketch(&w, &f->sketches[k]);
	return w.at + (w.have + 7) / 8;
}

/* ---- reading ---- */

struct bit_reader {
	const uint8_t *at, *end;
	uint64_t window;
	unsigned have;
	bool bad;
};

/* At least 56 bits, or all that are left. */
static inline void refill(struct bit_reader *r)
{
	if (r->end - r->at >= 8) {
		uint64_t next;

		memcpy(&next, r->at, sizeof next);
		r->window |= le64toh(next) << r->have;
		r->at += (63 - r->have) >> 3;
		r->have |= 56;
		return;
	}
	while (r->have <= 56 && r->at < r->end) {
		r->window |= (uint64_t)*r->at++ << r->have;
		r->have += 8;
	}
}

static inline uint64_t get_bits(struct bit_reader *r, unsigned bits)
{
	uint64_t v = r->window & ((UINT64_C(1) << bits) - 1);

	if (bits > r->have) {
		r->bad = true;
		r->window = 0;
		return 0;
	}
	r->window >>= bits;
	r->have -= bits;
	return v;
}

/* Zeros before the next one, which is taken too; more than `most` are damage. */
static inline unsigned get_unary(struct bit_reader *r, unsigned most)
{
	unsigned zeros = r->window ? (unsigned)__builtin_ctzll(r->window) : 64;

	if (zeros > most || zeros >= r->have) {
		r->bad = true;
		return 0;
	}
	r->window >>= zeros + 1;
	r->have -= zeros + 1;
	return zeros;
}

static inline uint64_t get_gamma(struct bit_reader *r)
{
	refill(r);
	unsigned bits = get_unary(r, COUNT_BITS_MAX);
	refill(r);
	return UINT64_C(1) << bits | get_bits(r, bits);
}

static inline int64_t get_count(struct bit_reader *r)
{
	if (!get_bits(r, 1))
		return 1;
	bool negative = get_bits(r, 1);
	int64_t v = (int64_t)get_gamma(r);
	return negative ? -v : v + 1;
}

static inline uint32_t get_distance(struct bit_reader *r, unsigned k)
{
	unsigned high = get_unary(r, UNARY_ESCAPE);

	if (high == UNARY_ESCAPE)
		return (uint32_t)get_bits(r, INDEX_BITS);
	return high << k | (uint32_t)get_bits(r, k);
}

/* The usual cell, when 56 bits are in the window; false, and nothing taken, for any other. */
static inline bool get_usual(struct bit_reader *r, unsigned k, uint32_t *distance, int64_t *count)
{
	unsigned zeros = (unsigned)__builtin_ctzll(r->window | UINT64_C(1) << 63), used = zeros + 1 + k;

	if (zeros >= UNARY_ESCAPE)
		return false;
	uint64_t rest = r->window >> (zeros + 1);
	*distance = zeros << k | (uint32_t)(rest & ((1u << k) - 1));
	*count = 1;
	rest >>= k;
	if (!(rest & 1)) {
		r->window = rest >> 1;
		r->have -= used + 1;
		return true;
	}
	unsigned bits = (unsigned)__builtin_ctzll(rest >> 2 | UINT64_C(1) << 32);
	used += 2 + bits + 1 + bits;
	if (rest & 2 || used > 56)
		return false;
	rest >>= 2 + bits + 1;
	*count = (int64_t)(UINT64_C(1) << bits | (rest & ((UINT64_C(1) << bits) - 1))) + 1;
	r->window = rest >> bits;
	r->have -= used;
	return true;
}

/* One sketch's cells, in order by construction; returns how many, 0 on damage. */
static uint32_t get_sketch(struct bit_reader *reader, struct sketch_cell cells[CELLS])
{
	struct bit_reader r = *reader; /* in registers */
	uint64_t n = get_gamma(&r);

	refill(&r);
	unsigned k = (unsigned)get_bits(&r, PARAMETER_BITS);
	uint32_t index = (uint32_t)get_bits(&r, INDEX_BITS);
	r.bad |= n > CELLS || k > INDEX_BITS;
	for (uint32_t i = 0; i < n && !r.bad; i++) {
		uint32_t distance = 0;
		int64_t count;

		refill(&r);
		if (i == 0 || r.have < 56 || !get_usual(&r, k, &distance, &count)) {
			distance = i ? get_distance(&r, k) : 0;
			count = get_count(&r);
		}
		index += i ? distance + 1 : 0;
		r.bad |= index >= CELLS;
		cells[i] = (struct sketch_cell){.index = index & (CELLS - 1), .count = count};
	}
	*reader = r;
	return r.bad ? 0 : (uint32_t)n;
}

bool cells_read_merge(struct figures *f, unsigned present, unsigned needs, int weight, const uint8_t *at,
                      const uint8_t *end)
{
	struct sketch_cell cells[CELLS];
	struct bit_reader r = {.at = at, .end = end};

	for (int k = 0; k < SKETCH_COUNT && needs >> k; k++) {
		struct sketch s = {.cells = cells};

		if (!(present & 1u << k))
			continue;
		s.len = get_sketch(&r, cells);
		if (r.bad)
			return false;
		if (!(needs & 1u << k))
			continue;
		for (uint32_t i = 0; i < s.len; i++)
			s.count += cells[i].count *= weight;
		sketch_merge(&f->sketches[k], &s);
	}
	return true;
}

/* ---- arrays of counts ---- */

struct dense *dense_new(void)
{
	return mem_zalloc(sizeof(struct dense));
}

void dense_free(struct dense **d)
{
	free(*d);
	*d = NULL;
}

void dense_add(struct dense *d, enum sketch_kind kind, const struct sketch *s, int weight)
{
	for (uint32_t i = 0; i < s->len; i++)
		dense_add_cell(d, kind, s->cells[i].index, weight * s->cells[i].count);
}

void dense_add_all(struct dense *d, const struct figures *f)
{
	for (int k = 0; k < SKETCH_COUNT; k++)
		dense_add(d, (enum sketch_kind)k, &f->sketches[k], 1);
}

bool dense_read(struct dense *d, unsigned present, unsigned needs, int weight, const uint8_t *at, const uint8_t *end)
{
	struct sketch_cell cells[CELLS];
	struct bit_reader r = {.at = at, .end = end};

	for (int k = 0; k < SKETCH_COUNT && needs >> k; k++) {
		if (!(present & 1u << k))
			continue;
		uint32_t n = get_sketch(&r, cells);
		for (uint32_t i = 0; i < n && needs & 1u << k; i++)
			dense_add_cell(d, (enum sketch_kind)k, cells[i].index, weight * cells[i].count);
	}
	return !r.bad;
}

static size_t count_touched(const struct dense *d, int k)
{
	size_t cells = 0;

	for (uint64_t words = d->words[k]; words; words &= words - 1)
		cells += (size_t)__builtin_popcountll(d->touched[k][__builtin_ctzll(words)]);
	return cells;
}

/* Moves one kind's counts into an empty sketch with room for all of them. */
static void move_counts(struct dense *d, int k, struct sketch *s)
{
	for (uint64_t words = d->words[k]; words; words &= words - 1) {
		uint32_t word = (uint32_t)__builtin_ctzll(words);

		assert(s->cells);
		for (uint64_t bits = d->touched[k][word]; bits; bits &= bits - 1) {
			uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
			int64_t count = d->counts[k][index];

			d->counts[k][index] = 0;
			s->cells[s->len] = (struct sketch_cell){.index = index, .count = count};
			s->len += count != 0;
			s->count += count;
		}
		d->touched[k][word] = 0;
	}
	d->words[k] = 0;
}

static void take_kind(struct dense *d, int k, struct sketch *s)
{
	size_t cap = s->cap;

	s->len = 0;
	s->count = 0;
	s->cells = mem_grow(s->cells, &cap, count_touched(d, k), sizeof *s->cells);
	s->cap = (uint32_t)cap;
	move_counts(d, k, s);
}

void dense_take(struct dense *d, struct figures *into)
{
	for (int k = 0; k < SKETCH_COUNT; k++) {
		struct sketch s = {0};

		if (!into->sketches[k].len) {
			take_kind(d, k, &into->sketches[k]);
			continue;
		}
		take_kind(d, k, &s);
		sketch_merge(&into->sketches[k], &s);
		sketch_fini(&s);
	}
}

void dense_take_arena(struct dense *d, struct figures *into, struct arena *arena)
{
	for (int k = 0; k < SKETCH_COUNT; k++) {
		size_t cells = count_touched(d, k);

		into->sketches[k] = (struct sketch){0};
		if (cells)
			into->sketches[k].cells = arena_alloc(arena, cells * sizeof(struct sketch_cell));
		move_counts(d, k, &into->sketches[k]);
	}
}
