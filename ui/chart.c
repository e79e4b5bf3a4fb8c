/* Braille gives 2×4 dots a cell, block mode 1×8 (columns of eighths for one series, marks for more),
 * ASCII 1×1. A line is drawn as vertical runs between neighbouring points in dot space. The axis is
 * chosen from nice ticks, so that it changes seldom and a live chart costs few bytes.
 *
 * Several series share a cell's dots; the cell takes the style of the series drawn last. Series are
 * drawn from the last to the first, so that the first stays on top. */
#include "ui/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "ui/fmt.h"

#define TICKS_MAX 12

struct plot {
	struct surface area;
	enum graph graph;
	int dots_x, dots_y;    /* of the whole area */
	double low, high;
	size_t buckets, group; /* buckets of the data; buckets joined in one column of dots */
	size_t lead;           /* buckets missing before the first to fill its group */
	size_t points;         /* of the line: groups that have buckets */
	int64_t first, across; /* number of the first point since the epoch; points that fill the plot */
	uint8_t *braille;      /* dots of each cell */
};

static size_t bucket_count(const struct chart *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->series_count; i++)
		if (c->series[i].count > count)
			count = c->series[i].count;
	return count;
}

static void find_range(const struct chart *c, double *low, double *high)
{
	*low = *high = NAN;
	for (size_t i = 0; i < c->series_count; i++)
		for (size_t k = 0; k < c->series[i].count; k++) {
			double v = c->series[i].values[k];

			if (!isfinite(v))
				continue;
			if (!(v >= *low))
				*low = v;
			if (!(v <= *high))
				*high = v;
		}
	/* A limit that is far away would flatten the line: it counts up to twice the data. */
	if (isfinite(c->threshold) && !(c->threshold <= *high) && !(c->threshold > 2 * *high))
		*high = c->threshold;
	if (isnan(*high))
		*low = 0, *high = isfinite(c->threshold) && c->threshold > 0 ? c->threshold : 1;
	if (*low > 0)
		*low = 0;
	if (*high <= *low)
		*high = *low + 1;
	if (!isnan(c->low))
		*low = c->low;
	if (!isnan(c->high))
		*high = c->high;
	if (!(*high > *low))
		*high = *low + 1;
}

/* Nice ticks for the rows there are; widens the range to them unless its end is fixed. */
static int choose_ticks(const struct chart *c, int rows, double *low, double *high,
                        double ticks[TICKS_MAX + 1])
{
	int wanted = rows / 3 < 1 ? 1 : rows / 3 > 6 ? 6 : rows / 3;

	find_range(c, low, high);
	int count = fmt_nice_ticks(*low, *high, wanted + 1, ticks);
	if (count > 1) {
		if (isnan(c->low))
			*low = ticks[0];
		if (isnan(c->high))
			*high = ticks[count - 1];
	}
	return count;
}

/* Fits the buckets into the dots there are. Groups begin at multiples of their length counted from
 * the epoch, so that a window that moves does not move their borders. */
static void fit_buckets(struct plot *p, const struct chart *c)
{
	size_t dots = (size_t)(p->dots_x > 0 ? p->dots_x : 1);

	p->buckets = bucket_count(c);
	p->group = 1;
	p->across = 1;
	if (p->buckets == 0)
		return;
	/* Groups may begin anywhere in the window: one point more than it holds when it begins with one. */
	for (;; p->group++) {
		p->across = (int64_t)((p->buckets + p->group - 1) / p->group + (p->group > 1));
		if (p->across <= (int64_t)dots || dots < 2)
			break;
	}
	if (c->step_us > 0 && c->from_us > 0) {
		int64_t bucket = c->from_us / c->step_us;

		p->lead = (size_t)(bucket % (int64_t)p->group);
		p->first = bucket / (int64_t)p->group;
	}
	p->points = (p->lead + p->buckets + p->group - 1) / p->group;
}

/* The mean of the buckets behind one point; NaN when none has data. */
static double point_value(const struct plot *p, const struct chart_series *s, size_t point)
{
	double sum = 0;
	int n = 0;

	for (size_t k = 0; k < p->group; k++) {
		size_t bucket = point * p->group + k;

		if (bucket < p->lead || bucket - p->lead >= s->count)
			continue;
		if (isfinite(s->values[bucket - p->lead])) {
			sum += s->values[bucket - p->lead];
			n++;
		}
	}
	return n ? sum / n : NAN;
}

/* Row of dots of a value, 0 at the top; clamped to the plot. */
static int dot_row(const struct plot *p, double value)
{
	double share = (value - p->low) / (p->high - p->low);

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return (int)lround((1 - share) * (p->dots_y - 1));
}

/* Column of dots where a point begins. Places are rounded by the point's number since the epoch, not
 * in the window, so that a window that moves on shifts the whole picture and bends nothing. */
static int point_column(const struct plot *p, size_t point)
{
	int64_t end = (p->first + (int64_t)p->points) * p->dots_x / p->across;

	return p->dots_x - (int)(end - (p->first + (int64_t)point) * p->dots_x / p->across);
}

static int point_width(const struct plot *p, size_t point)
{
	return point_column(p, point + 1) - point_column(p, point);
}

static void set_dot(struct plot *p, int x, int y, const struct chart_series *s)
{
	static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

	if (x < 0 || y < 0 || x >= p->dots_x || y >= p->dots_y)
		return;
	if (p->graph == GRAPH_BRAILLE) {
		int cell_x = x / 2, cell_y = y / 4;
		uint8_t *cell = &p->braille[(size_t)cell_y * (size_t)p->area.width + (size_t)cell_x];

		*cell |= bits[y % 4][x % 2];
		surface_put(&p->area, cell_x, cell_y, 0x2800u + *cell, s->style);
	} else if (p->graph == GRAPH_BLOCK) {
		surface_put(&p->area, x, y / 2, y % 2 ? 0x2584 : 0x2580, s->style);
	} else {
		surface_put(&p->area, x, y, s->ascii ? (uint32_t)(unsigned char)s->ascii : '*', s->style);
	}
}

/* From one point to the next: half of the rise in each one's column. */
static void join(struct plot *p, const struct chart_series *s, int x0, int y0, int x1, int y1)
{
	int steps = x1 - x0 > abs(y1 - y0) ? x1 - x0 : abs(y1 - y0);

	for (int i = 0; i <= steps && steps > 0; i++)
		set_dot(p, x0 + (int)lround((double)(x1 - x0) * i / steps),
		        y0 + (int)lround((double)(y1 - y0) * i / steps), s);
}

static void draw_line(struct plot *p, const struct chart_series *s)
{
	bool before = false;
	int x0 = 0, y0 = 0;

	for (size_t i = 0; i < p->points; i++) {
		double value = point_value(p, s, i);
		int x = point_column(p, i);

		if (isnan(value)) {
			before = false;
			continue;
		}
		int y = dot_row(p, value);
		if (before)
			join(p, s, x0, y0, x, y);
		set_dot(p, x, y, s);
		/* A value holds for the whole of its bucket. */
		for (int k = 1; k < point_width(p, i); k++)
			set_dot(p, x + k, y, s);
		x0 = x + point_width(p, i) - 1;
		y0 = y;
		before = true;
	}
}

/* One series in block mode: columns with eighths, which read better than dots. */
static void draw_columns(struct plot *p, const struct chart_series *s)
{
	for (size_t i = 0; i < p->points; i++) {
		double value = point_value(p, s, i);

		if (isnan(value))
			continue;
		double share = (value - p->low) / (p->high - p->low);
		int eighths = (int)lround((share < 0 ? 0 : share > 1 ? 1 : share) * p->area.height * 8);
		if (eighths == 0 && value > p->low)
			eighths = 1;
		for (int k = 0; k < point_width(p, i); k++) {
			int x = point_column(p, i) + k, y = p->area.height - 1;

			for (int left = eighths; left > 0; left -= 8, y--)
				surface_put(&p->area, x, y, 0x2580 + (uint32_t)(left > 8 ? 8 : left), s->style);
		}
	}
}

static void draw_threshold(struct plot *p, double threshold)
{
	if (!isfinite(threshold) || threshold < p->low || threshold > p->high || p->area.height < 1)
		return;
	int y = (int)lround((1 - (threshold - p->low) / (p->high - p->low)) * (p->area.height - 1));
	for (int x = 0; x < p->area.width; x += 2)
		surface_put(&p->area, x, y, p->area.ascii ? '-' : 0x2574, ROLE_WARNING);
}

static void draw_cursor(struct plot *p, const struct chart *c)
{
	if (c->cursor_us == 0 || c->step_us <= 0 || c->cursor_us < c->from_us)
		return;
	size_t bucket = (size_t)((c->cursor_us - c->from_us) / c->step_us);
	if (bucket >= p->buckets)
		return;
	int x = point_column(p, (bucket + p->lead) / p->group) / (p->graph == GRAPH_BRAILLE ? 2 : 1);
	for (int y = 0; y < p->area.height; y++) {
		const struct cell *under = surface_at(&p->area, x, y);

		if (under && (under->ch[0] == ' ' || under->ch[0] == 0x2574))
			surface_put(&p->area, x, y, p->area.ascii ? '|' : 0x2502, ROLE_CURSOR);
		else
			surface_restyle(&p->area, (struct rect){x, y, 1, 1}, ROLE_CURSOR);
	}
}

/* Names in the top row, each in its series' style; only where the plot is high enough to spare it. */
static void draw_legend(struct plot *p, const struct chart *c)
{
	int x = 1;

	if (p->area.height < 4)
		return;
	for (size_t i = 0; i < c->series_count; i++) {
		const struct chart_series *s = &c->series[i];

		if (!s->name)
			continue;
		if (p->graph == GRAPH_ASCII)
			surface_put(&p->area, x, 0, s->ascii ? (uint32_t)(unsigned char)s->ascii : '*', s->style);
		else
			surface_put(&p->area, x, 0, 0x2500, s->style);
		x += 1 + surface_text(&p->area, x + 1, 0, s->style, s->name) + 1;
	}
}

/* The row of a line's last point; -1 when it has none. */
static int end_row(const struct plot *p, const struct chart_series *s)
{
	for (size_t i = p->points; i-- > 0;) {
		double value = point_value(p, s, i);

		if (!isnan(value))
			return dot_row(p, value) * p->area.height / p->dots_y;
	}
	return -1;
}

/* Each name in the row in which its line ends, or in the nearest row that is still free. */
static void draw_end_names(struct surface *margin, const struct plot *p, const struct chart *c)
{
	for (size_t i = 0; i < c->series_count; i++) {
		const struct chart_series *s = &c->series[i];
		int wanted = s->name ? end_row(p, s) : -1;

		for (int away = 0; wanted >= 0 && away < 2 * p->area.height; away++) {
			int y = wanted + (away % 2 ? (away + 1) / 2 : -away / 2);
			const struct cell *cell = surface_at(margin, 1, y);

			if (y >= p->area.height || !cell || cell->ch[0] != ' ')
				continue;
			surface_text(margin, 1, y, s->style, s->name);
			break;
		}
	}
}

static char *utc_time(int64_t us, char *out)
{
	int64_t minutes = us / 60000000;

	snprintf(out, FMT_BYTES, "%02d:%02d", (int)(minutes / 60 % 24), (int)(minutes % 60));
	return out;
}

/* The time of the first and last point, and of the middle where there is room. */
static void draw_times(struct surface *row, const struct plot *p, const struct chart *c)
{
	char *(*format)(int64_t, char *) = c->format_time ? c->format_time : utc_time;
	char text[3][FMT_BYTES];
	int64_t end_us = c->from_us + c->step_us * (int64_t)p->buckets;
	int per_cell = p->graph == GRAPH_BRAILLE ? 2 : 1;
	int left = p->points ? point_column(p, 0) / per_cell : 0;

	if (p->buckets == 0)
		return;
	format(c->from_us, text[0]);
	format(c->from_us + (end_us - c->from_us) / 2, text[1]);
	format(end_us, text[2]);
	int width[3];
	for (int i = 0; i < 3; i++)
		width[i] = (int)utf8_columns(str_of(text[i]));
	int room = row->width - left;
	surface_text(row, row->width - width[2], 0, ROLE_MUTED, text[2]);
	if (room >= width[0] + width[2] + 1)
		surface_text(row, left, 0, ROLE_MUTED, text[0]);
	if (room >= width[0] + width[1] + width[2] + 4)
		surface_text(row, left + (room - width[1]) / 2, 0, ROLE_MUTED, text[1]);
}

/* Draws the tick labels right-aligned in the columns left of the plot. */
static void draw_ticks(struct surface *s, const struct plot *p, const struct chart *c,
                       const double *ticks, int count, int label_columns)
{
	int taken = p->area.height + 1;

	for (int i = 0; i < count; i++) {
		char text[FMT_BYTES];
		int y = (int)lround((1 - (ticks[i] - p->low) / (p->high - p->low)) * (p->area.height - 1));

		if (y < 0 || y >= p->area.height || y > taken - 1)
			continue;
		(c->format ? c->format : fmt_si)(ticks[i], text);
		int columns = (int)utf8_columns(str_of(text));
		surface_text(s, label_columns - 1 - columns, y, ROLE_MUTED, text);
		taken = y;
	}
}

static int label_width(const struct chart *c, const double *ticks, int count)
{
	int widest = 0;

	for (int i = 0; i < count; i++) {
		char text[FMT_BYTES];
		int columns = (int)utf8_columns(str_of((c->format ? c->format : fmt_si)(ticks[i], text)));

		if (columns > widest)
			widest = columns;
	}
	return widest + 1;
}

/* Columns that the names at the lines' ends take; 0 when there are none or it is narrow. */
static int end_width(const struct chart *c, const struct surface *s)
{
	int widest = 0;

	for (size_t i = 0; c->name_ends && s->width >= 30 && i < c->series_count; i++) {
		int columns = c->series[i].name ? (int)utf8_columns(str_of(c->series[i].name)) : 0;

		widest = columns > widest ? columns : widest;
	}
	return widest ? widest + 1 : 0;
}

/* Lays the chart out; false when there is no room for a plot. */
static bool plan(struct plot *p, struct surface *s, const struct chart *c,
                 double ticks[TICKS_MAX + 1], int *tick_count, int *label_columns)
{
	bool axes = !c->no_axes && s->height >= 3 && s->width >= 12;
	int rows = s->height - (axes ? 1 : 0);

	*tick_count = choose_ticks(c, rows, &p->low, &p->high, ticks);
	*label_columns = axes ? label_width(c, ticks, *tick_count) : 0;
	if (*label_columns > s->width / 2)
		*label_columns = 0;
	p->area = surface_part(s, (struct rect){*label_columns, 0,
	                                        s->width - *label_columns - end_width(c, s), rows});
	p->graph = s->ascii ? GRAPH_ASCII : s->graph;
	p->dots_x = p->area.width * (p->graph == GRAPH_BRAILLE ? 2 : 1);
	p->dots_y = p->area.height * (p->graph == GRAPH_BRAILLE ? 4 : p->graph == GRAPH_BLOCK ? 2 : 1);
	fit_buckets(p, c);
	return p->area.width > 0 && p->area.height > 0;
}

void chart_draw(struct surface *s, const struct chart *c)
{
	struct plot p = {0};
	double ticks[TICKS_MAX + 1];
	int tick_count, label_columns;

	if (!plan(&p, s, c, ticks, &tick_count, &label_columns))
		return;
	p.braille = mem_zalloc((size_t)p.area.width * (size_t)p.area.height);
	draw_threshold(&p, c->threshold);
	if (p.graph == GRAPH_BLOCK && c->series_count == 1)
		draw_columns(&p, &c->series[0]);
	else
		for (size_t i = c->series_count; i-- > 0;)
			draw_line(&p, &c->series[i]);
	if (end_width(c, s) > 0) {
		struct surface margin = surface_part(s, (struct rect){label_columns + p.area.width, 0,
		                                                      end_width(c, s), p.area.height});

		surface_fill(&margin, (struct rect){0, 0, margin.width, margin.height}, ' ', ROLE_TEXT);
		draw_end_names(&margin, &p, c);
	} else {
		draw_legend(&p, c);
	}
	draw_cursor(&p, c);
	if (label_columns > 0)
		draw_ticks(s, &p, c, ticks, tick_count, label_columns);
	if (p.area.height < s->height) {
		struct surface foot = surface_part(s, (struct rect){label_columns, p.area.height,
		                                                    p.area.width, 1});
		draw_times(&foot, &p, c);
	}
	free(p.braille);
}

int64_t chart_time_at(const struct surface *s, const struct chart *c, int x)
{
	struct surface copy = *s;
	struct plot p = {0};
	double ticks[TICKS_MAX + 1];
	int tick_count, label_columns;

	if (!plan(&p, &copy, c, ticks, &tick_count, &label_columns) || p.points == 0)
		return -1;
	int dot = (x - label_columns) * (p.graph == GRAPH_BRAILLE ? 2 : 1);
	if (x < label_columns || x >= label_columns + p.area.width || dot < point_column(&p, 0))
		return -1;
	size_t point = 0;
	while (point + 1 < p.points && point_column(&p, point + 1) <= dot)
		point++;
	size_t bucket = point * p.group < p.lead ? 0 : point * p.group - p.lead;
	return bucket < p.buckets ? c->from_us + c->step_us * (int64_t)bucket : -1;
}
