/* Small pictures of numbers in one line of cells. Pure drawing: no state, clipped to the surface,
 * NaN is a gap, ASCII where the surface asks for it. */
#ifndef LLMDECK_UI_BARS_H
#define LLMDECK_UI_BARS_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/surface.h"

/* Eight levels of height, one column a value, newest at the right: of more values than columns the
 * last ones are drawn. `top` is the value of a full column; NaN: the largest drawn. */
void sparkline_draw(struct surface *s, int x, int y, int columns, style st, const double *values,
                    size_t count, double top);

/* A bar of `share` (clamped to 0-1) of `columns`, in eighths of a cell, over a rest. */
void bar_draw(struct surface *s, int x, int y, int columns, style st, double share);
/* The same in brackets, with the rest in ROLE_GAUGE_REST: "[██████▌   ]". NaN: "[  –  ]". */
void gauge_draw(struct surface *s, int x, int y, int columns, style st, double share);

/* Parts of one bar, to scale; a part that is not zero has at least one cell while there is room. In
 * ASCII and without colour each part has its own character. */
struct bar_part {
	double amount;
	style style;
	char ascii; /* its character in ASCII: '#', '=', '-' … */
};
void stacked_draw(struct surface *s, int x, int y, int columns, const struct bar_part *parts,
                  size_t count);

/* How much of the traffic the candidate has: filled and shaded cells, "███▒▒▒▒▒▒". */
void rollout_draw(struct surface *s, int x, int y, int columns, style st, double share);

/* Cells of a heat map's row, one column a value: role HEAT1-5 with a character ramp, which carries
 * the meaning where there is no colour. 0 is blank; `top` is the hottest (the ramp is logarithmic
 * between top/256 and top when `logarithmic`). */
void heat_draw(struct surface *s, int x, int y, int columns, const double *values, size_t count,
               double top, bool logarithmic);

/* "├───▒▒▒▒▒│▒▒▒▒▒▒────┤": low, p50 marked, box to p95, whisker to p99, on a scale from 0 to top. */
struct box {
	double low, p50, p95, p99;
};
void box_draw(struct surface *s, int x, int y, int columns, style st, struct box box, double top);

/* A progress bar with its text at the right: "[#####     ]  42 %  1m02s left". `share` NaN: unknown,
 * then only the text stands there. */
void progress_draw(struct surface *s, int x, int y, int columns, double share, const char *text);

#endif
