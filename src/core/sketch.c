/* Log-linear cells, kept sparse and sorted. Merging finds what is there by binary search from
 * where the last cell was found, and then moves the missing ones in from the back, once. */
#include "core/sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define EXACT_VALUES 128u   /* values below have a cell of their own */
#define EXACT_BITS 7        /* log2 of it */
#define OCTAVE_BITS 6       /* log2 of the cells an octave */
#define OCTAVE_CELLS 64u
#define CELLS_MAX (EXACT_VALUES + (63 - EXACT_BITS) * OCTAVE_CELLS)
/* Encoded counts are bounded so that thousands of hostile sketches cannot overflow a sum. */
#define COUNT_MAX (INT64_C(1) << 48)

uint32_t sketch_index(int64_t value)
{
	uint64_t v = value > 0 ? (uint64_t)value : 0;
	unsigned octave;

	if (v < EXACT_VALUES)
		return (uint32_t)v;
	octave = 63u - (unsigned)__builtin_clzll(v);
	return EXACT_VALUES + (octave - EXACT_BITS) * OCTAVE_CELLS +
	       (uint32_t)(v >> (octave - OCTAVE_BITS) & (OCTAVE_CELLS - 1));
}

int64_t sketch_index_low(uint32_t index)
{
	uint32_t above = index - EXACT_VALUES;

	if (index < EXACT_VALUES)
		return index;
	if (index >= CELLS_MAX)
		return INT64_MAX;
	return (int64_t)((uint64_t)(OCTAVE_CELLS + above % OCTAVE_CELLS)
	                 << (above / OCTAVE_CELLS + EXACT_BITS - OCTAVE_BITS));
}

int64_t sketch_index_value(uint32_t index)
{
	int64_t low = sketch_index_low(index);
	int64_t above = sketch_index_low(index + 1); /* exclusive, but for the last cell */

	return low + (above - low - 1) / 2;
}

/* First of the cells [from, to) whose index is not below; to when there is none. */
static uint32_t lower_bound(const struct sketch *s, uint32_t from, uint32_t to, uint32_t index)
{
	const struct sketch_cell *base = s->cells + from;
	uint32_t len = to - from;

	if (len == 0)
		return to;
	while (len > 1) { /* no branch on the comparison: it cannot be foretold */
		uint32_t half = len / 2;

		base += half & (0 - (uint32_t)(base[half - 1].index < index));
		len -= half;
	}
	return (uint32_t)(base - s->cells) + (base->index < index);
}

/* The same from `at` to the end. Indexes rise by one at least, which bounds how far to look. */
static uint32_t advance(const struct sketch *s, uint32_t at, uint32_t index)
{
	uint32_t to = s->len, here;

	if (at == to)
		return at;
	here = s->cells[at].index;
	if (here >= index)
		return at;
	if (index - here < to - at)
		to = at + (index - here);
	return lower_bound(s, at + 1, to, index);
}

static void reserve(struct sketch *s, size_t need)
{
	size_t cap = s->cap;

	if (need <= cap)
		return;
	s->cells = mem_grow(s->cells, &cap, need, sizeof(*s->cells));
	s->cap = (uint32_t)cap; /* at most twice CELLS_MAX */
}

/* Sums wrap rather than overflow; real counts stay far from that. */
static int64_t wrap_add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void remove_cell(struct sketch *s, uint32_t at)
{
	s->len--;
	memmove(&s->cells[at], &s->cells[at + 1], (s->len - at) * sizeof(*s->cells));
}

void sketch_add(struct sketch *s, int64_t value, int64_t count)
{
	uint32_t index = sketch_index(value), at = 0;

	if (count == 0)
		return;
	if (s->len > 0)
		at = lower_bound(s, 0, s->len, index);
	s->count = wrap_add(s->count, count);
	if (at < s->len && s->cells[at].index == index) {
		s->cells[at].count = wrap_add(s->cells[at].count, count);
		if (s->cells[at].count == 0)
			remove_cell(s, at);
		return;
	}
	reserve(s, (size_t)s->len + 1);
	for (uint32_t i = s->len; i > at; i--) /* mostly few: a call would cost more */
		s->cells[i] = s->cells[i - 1];
	s->cells[at] = (struct sketch_cell){index, 0, count};
	s->len++;
}

static void drop_zeros(struct sketch *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->len; i++)
		if (s->cells[i].count != 0)
			s->cells[kept++] = s->cells[i];
	s->len = kept;
}

/* Puts n sorted cells whose indexes are not there yet in their places, from the back. */
static void insert_missing(struct sketch *s, const struct sketch_cell *missing, uint32_t n)
{
	uint32_t from = s->len, to = s->len + n;

	reserve(s, to);
	s->len = to;
	while (n > 0) {
		if (from > 0 && s->cells[from - 1].index > missing[n - 1].index)
			s->cells[--to] = s->cells[--from];
		else
			s->cells[--to] = missing[--n];
	}
}

/* `cells` are sorted and may be overwritten through `missing`, which may be the same array. */
static void merge_cells(struct sketch *into, const struct sketch_cell *cells, uint32_t n,
                        struct sketch_cell *missing)
{
	uint32_t at = 0, missing_count = 0;
	bool zeros = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct sketch_cell cell = cells[i];

		into->count = wrap_add(into->count, cell.count);
		at = advance(into, at, cell.index);
		if (at < into->len && into->cells[at].index == cell.index) {
			into->cells[at].count = wrap_add(into->cells[at].count, cell.count);
			zeros |= into->cells[at].count == 0;
			at++;
		} else {
			missing[missing_count++] = cell;
		}
	}
	if (missing_count > 0)
		insert_missing(into, missing, missing_count);
	if (zeros)
		drop_zeros(into);
}

void sketch_merge(struct sketch *into, const struct sketch *from)
{
	struct sketch_cell missing[CELLS_MAX];

	if (from->len == 0)
		return;
	if (into == from) {
		for (uint32_t i = 0; i < into->len; i++)
			into->cells[i].count = wrap_add(into->cells[i].count, into->cells[i].count);
		into->count = wrap_add(into->count, into->count);
		return;
	}
	merge_cells(into, from->cells, from->len, missing);
}

int64_t sketch_quantile(const struct sketch *s, double q)
{
	double rank, seen = 0;

	if (s->count <= 0 || s->len == 0)
		return -1;
	q = q >= 0 ? (q <= 1 ? q : 1) : 0; /* NaN counts as 0 */
	rank = q * (double)s->count;
	rank = ceil(rank - rank * 1e-12); /* 0.07 * 100 is a little more than 7 */
	if (rank < 1)
		rank = 1;
	for (uint32_t i = 0; i < s->len; i++) {
		seen += (double)s->cells[i].count;
		if (seen >= rank)
			return sketch_index_value(s->cells[i].index);
	}
	return sketch_index_value(s->cells[s->len - 1].index);
}

int64_t sketch_count_at_least(const struct sketch *s, int64_t value)
{
	int64_t n = 0;

	if (s->len == 0)
		return 0;
	for (uint32_t i = lower_bound(s, 0, s->len, sketch_index(value)); i < s->len; i++)
		n = wrap_add(n, s->cells[i].count);
	return n;
}

void sketch_reset(struct sketch *s)
{
	s->len = 0;
	s->count = 0;
}

void sketch_fini(struct sketch *s)
{
	free(s->cells);
	*s = (struct sketch){.cells = NULL};
}

void sketch_encode(const struct sketch *s, struct buf *out)
{
	uint32_t next = 0; /* least index the next cell can have */

	buf_append_varint(out, s->len);
	for (uint32_t i = 0; i < s->len; i++) {
		buf_append_varint(out, s->cells[i].index - next);
		buf_append_svarint(out, s->cells[i].count);
		next = s->cells[i].index + 1;
	}
}

static inline bool read_varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	if (*p < end && **p < 0x80) { /* nearly always */
		*v = *(*p)++;
		return true;
	}
	return varint_read(p, end, v);
}

/* Reads the cells of an encoded sketch, in order by construction; -1 on damage. */
static int64_t read_cells(const uint8_t **p, const uint8_t *end, struct sketch_cell *cells)
{
	const uint8_t *at = *p;
	uint64_t n, next = 0;

	if (!read_varint(&at, end, &n) || n > CELLS_MAX)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t delta, raw;
		int64_t count;

		if (!read_varint(&at, end, &delta) || !read_varint(&at, end, &raw) ||
		    delta >= CELLS_MAX - next)
			return -1;
		count = (int64_t)(raw >> 1 ^ (0 - (raw & 1)));
		if (count == 0 || count > COUNT_MAX || count < -COUNT_MAX)
			return -1;
		next += delta;
		cells[i] = (struct sketch_cell){(uint32_t)next++, 0, count};
	}
	*p = at;
	return (int64_t)n;
}

bool sketch_decode_merge(struct sketch *into, const uint8_t **p, const uint8_t *end)
{
	struct sketch_cell cells[CELLS_MAX];
	int64_t n = read_cells(p, end, cells);

	if (n < 0)
		return false;
	merge_cells(into, cells, (uint32_t)n, cells);
	return true;
}

bool sketch_skip(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *at = *p;
	uint64_t n, ignored;

	if (!read_varint(&at, end, &n) || n > CELLS_MAX)
		return false;
	for (uint64_t i = 0; i < 2 * n; i++)
		if (!read_varint(&at, end, &ignored))
			return false;
	*p = at;
	return true;
}
