/* Sharing out a length among parts by weight, minimum and priority. Pure. */
#ifndef LLMDECK_UI_LAYOUT_H
#define LLMDECK_UI_LAYOUT_H

#include <stddef.h>

#include "ui/surface.h"

struct layout_part {
	int min;      /* below it the part is dropped rather than drawn */
	int max;      /* 0 = no limit */
	int weight;   /* share of what is left over; 0 = stays at min */
	int priority; /* 0 is kept longest; of equals the later is dropped first */
	int at, size; /* out: position and length; size 0 = dropped */
};

/* Fits the parts into `length`, with `gap` between two that are drawn. Drops the least important
 * until the minima fit; the last one kept takes what there is even below its minimum. Returns how
 * many are drawn. */
size_t layout_split(struct layout_part *parts, size_t count, int length, int gap);

/* The rectangle's rows or columns by layout_split; out[i] is empty for a dropped part. */
void layout_rows(struct rect r, struct layout_part *parts, size_t count, int gap, struct rect *out);
void layout_columns(struct rect r, struct layout_part *parts, size_t count, int gap, struct rect *out);

#endif
