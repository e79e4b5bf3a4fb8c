/* The stored form of sketches, and sketches as arrays of counts, for merging many at the price of
 * their cells alone. Internal to store/. */
#ifndef LLMDECK_STORE_CELLS_H
#define LLMDECK_STORE_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/figures.h"

#define CELLS_MAX_INDEX 4095u

/* Most bytes that the sketches of `f` take. */
size_t cells_room(const struct figures *f);
/* Writes the sketches that have cells at `at`; returns the end. */
uint8_t *cells_write(uint8_t *at, const struct figures *f);

/* Sketches as arrays of counts. */
struct dense;
struct dense *dense_new(void);
void dense_free(struct dense **d);
void dense_add_cell(struct dense *d, enum sketch_kind kind, uint32_t index, int64_t count);
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
