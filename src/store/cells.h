/* The stored form of sketches, and sketches as arrays of counts, for merging many at the price of
 * their cells alone. Internal to store/. */
#ifndef LLMDECK_STORE_CELLS_H
#define LLMDECK_STORE_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/figures.h"

#define CELLS 4096u /* indexes are below it */

/* Most bytes that the sketches of `f` take. */
size_t cells_room(const struct figures *f);
/* Writes the sketches that have cells at `at`; returns the end. */
uint8_t *cells_write(uint8_t *at, const struct figures *f);

/* Sketches as arrays of counts. */
struct dense {
	int64_t counts[SKETCH_COUNT][CELLS];
	uint64_t touched[SKETCH_COUNT][CELLS / 64]; /* a bit a cell */
	uint64_t words[SKETCH_COUNT];               /* a bit a word of `touched` */
};
_Static_assert(CELLS / 64 == 64, "words of touched cells have one word of bits");

struct dense *dense_new(void);
void dense_free(struct dense **d);
/* Indexes out of range are passed over. */
static inline void dense_add_cell(struct dense *d, enum sketch_kind kind, uint32_t index, int64_t count)
{
	if (index >= CELLS)
		return;
	d->counts[kind][index] += count;
	d->touched[kind][index / 64] |= UINT64_C(1) << (index % 64);
	d->words[kind] |= UINT64_C(1) << (index / 64);
}
/* Adds all sketches of `f`. */
void dense_add_all(struct dense *d, const struct figures *f);
void dense_add(struct dense *d, enum sketch_kind kind, const struct sketch *s, int weight);
/* Adds what cells_write() wrote: `present` and `needs` are sets of sketches (bit = enum sketch_kind). False
 * when it is damaged. */
bool dense_read(struct dense *d, unsigned present, unsigned needs, int weight, const uint8_t *at, const uint8_t *end);
/* Moves the counts into the figures' sketches, leaving the arrays empty. */
void dense_take(struct dense *d, struct figures *into);
/* The same into empty sketches whose cells lie in the arena: they are never freed or changed. */
void dense_take_arena(struct dense *d, struct figures *into, struct arena *arena);
/* Reads into sketches of `f`, merging. */
bool cells_read_merge(struct figures *f, unsigned present, unsigned needs, int weight, const uint8_t *at,
                      const uint8_t *end);

#endif
