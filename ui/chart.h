/* Line charts in braille, half blocks or ASCII. Pure drawing over the caller's numbers. */
#ifndef LLMDECK_UI_CHART_H
#define LLMDECK_UI_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/surface.h"

struct chart_series {
	const double *values; /* one a bucket, oldest first; NaN = no data, a gap in the line */
	size_t count;         /* of buckets; all series of a chart share them */
	style style;          /* ROLE_SERIES1 … */
	const char *name;     /* for the legend in the plot's top row, or the line's end; NULL = not named */
	char ascii;           /* its character in ASCII; 0 = '*' */
};

struct chart {
	const struct chart_series *series;
	size_t series_count;
	int64_t from_us, step_us; /* start of the first bucket, length of one */
	/* Fixed ends of the y-axis; NaN: chosen (from 0 when nothing is negative). */
	double low, high;
	double threshold;         /* drawn as a dashed line; NaN = none */
	int64_t cursor_us;        /* a vertical line at its bucket; 0 = none */
	/* Writes a tick's text for the y-axis; NULL: fmt_si. */
	char *(*format)(double value, char *out);
	/* Writes a time's text for the axis at the foot ("13:21"); NULL: UTC hours and minutes. */
	char *(*format_time)(int64_t us, char *out);
	bool no_axes;             /* only the plot, for a tile */
	/* Names stand at the right end of each line, in columns of their own, and not in a legend: lines
	 * can then be told apart without colour. Left out where it is narrow. */
	bool name_ends;
};

/* Draws it into the whole surface: y labels at the left, the plot, time labels in the last row.
 * The buckets fill the plot, the newest at the right edge; a bucket's width in columns of dots never
 * changes while the chart is drawn at one size, so that a new bucket shifts the picture and redraws
 * nothing else. A chart with more buckets than dots joins neighbours (their mean), on borders that do
 * not move with the window. */
void chart_draw(struct surface *s, const struct chart *chart);

/* The bucket that column x of a surface of this size shows; -1 when it shows none. For a mouse or a
 * time cursor. */
int64_t chart_time_at(const struct surface *s, const struct chart *chart, int x);

#endif
