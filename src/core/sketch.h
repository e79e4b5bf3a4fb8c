/* Mergeable log-linear quantile sketch over non-negative integers: 64 cells an octave, values
 * below 128 exact, relative error under 1 %. Integers only; merges in any order give the same
 * sketch; counts may be taken back (corrections). Nearest rank, no interpolation. */
#ifndef LLMDECK_CORE_SKETCH_H
#define LLMDECK_CORE_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct sketch_cell {
	uint32_t index;
	int32_t reserved;
	int64_t count; /* never 0 in a stored cell */
};
/* Zero-initialised is empty and valid. Cells are sorted by index. */
struct sketch {
	struct sketch_cell *cells;
	uint32_t len, cap;
	int64_t count; /* sum of all cells */
};

/* Cell of a value (negative values count as 0) and the value a cell stands for (its middle). */
uint32_t sketch_index(int64_t value);
int64_t sketch_index_value(uint32_t index);
/* Lower and exclusive upper bound of a cell. */
int64_t sketch_index_low(uint32_t index);

void sketch_add(struct sketch *s, int64_t value, int64_t count);
void sketch_merge(struct sketch *into, const struct sketch *from);
/* q in [0,1]: value of the cell that holds rank max(1, ceil(q * count)); -1 when empty. */
int64_t sketch_quantile(const struct sketch *s, double q);
/* How many values lie in cells at or above the cell of `value`. */
int64_t sketch_count_at_least(const struct sketch *s, int64_t value);
void sketch_reset(struct sketch *s); /* keeps memory */
void sketch_fini(struct sketch *s);

/* Sparse varint form: cell count, then (index delta, signed count) pairs. */
void sketch_encode(const struct sketch *s, struct buf *out);
/* Adds an encoded sketch to `into`, advancing *p; false (and `into` unchanged) on damage. */
bool sketch_decode_merge(struct sketch *into, const uint8_t **p, const uint8_t *end);
/* Steps over an encoded sketch. */
bool sketch_skip(const uint8_t **p, const uint8_t *end);

#endif
