/* Everything is computed in eighths of a cell and written with surface_put(), which clips. Blocks:
 * U+2581 + n is the lower n+1 eighths, U+2590 - n (n 1-8) the left n eighths of a cell. */
#include "ui/bars.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define FULL 0x2588
#define SHADE 0x2592

static bool ascii_only(const struct surface *s)
{
	return s->ascii || s->graph == GRAPH_ASCII;
}

static double clamp_share(double share)
{
	return !(share > 0) ? 0 : share > 1 ? 1 : share;
}

void sparkline_draw(struct surface *s, int x, int y, int columns, style st, const double *values,
                    size_t count, double top)
{
	static const char levels[8] = {'_', '_', '.', '-', '-', '=', '*', '#'};
	size_t first = columns > 0 && count > (size_t)columns ? count - (size_t)columns : 0;

	if (columns <= 0)
		return;
	if (isnan(top))
		for (size_t i = first; i < count; i++)
			if (isfinite(values[i]) && !(values[i] <= top))
				top = values[i];
	x += columns - (int)(count - first);
	for (size_t i = first; i < count; i++, x++) {
		if (!isfinite(values[i]))
			continue;
		double share = top > 0 ? clamp_share(values[i] / top) : 0;
		int level = (int)lround(share * 8) - 1;

		if (level < 0)
			level = 0; /* zero is a value: the lowest mark, not a gap */
		surface_put(s, x, y, ascii_only(s) ? (uint32_t)levels[level] : 0x2581 + (uint32_t)level, st);
	}
}

void bar_draw(struct surface *s, int x, int y, int columns, style st, double share)
{
	int eighths = columns > 0 ? (int)lround(clamp_share(share) * columns * 8) : 0;

	if (ascii_only(s))
		eighths = (eighths + 4) / 8 * 8;
	/* What is not nothing must show. */
	if (eighths == 0 && share > 0 && columns > 0)
		eighths = ascii_only(s) ? 8 : 1;
	for (int i = 0; i < eighths / 8; i++)
		surface_put(s, x + i, y, ascii_only(s) ? '#' : FULL, st);
	if (eighths % 8)
		surface_put(s, x + eighths / 8, y, 0x2590 - (uint32_t)(eighths % 8), st);
}

void gauge_draw(struct surface *s, int x, int y, int columns, style st, double share)
{
	if (columns < 3)
		return;
	surface_put(s, x, y, '[', ROLE_GAUGE_REST);
	surface_put(s, x + columns - 1, y, ']', ROLE_GAUGE_REST);
	surface_fill(s, (struct rect){x + 1, y, columns - 2, 1}, ' ', ROLE_GAUGE_REST);
	if (isnan(share))
		surface_put(s, x + columns / 2, y, s->ascii ? '-' : 0x2013, ROLE_UNKNOWN);
	else
		bar_draw(s, x + 1, y, columns - 2, st, share);
}

static double total_of(const struct bar_part *parts, size_t count)
{
	double total = 0;

	for (size_t i = 0; i < count; i++)
		total += parts[i].amount > 0 && isfinite(parts[i].amount) ? parts[i].amount : 0;
	return total;
}

void stacked_draw(struct surface *s, int x, int y, int columns, const struct bar_part *parts,
                  size_t count)
{
	static const uint32_t shades[4] = {FULL, 0x2593, SHADE, 0x2591};
	double total = total_of(parts, count), before = 0;
	int drawn = 0;

	if (!(total > 0))
		return;
	for (size_t i = 0; i < count && drawn < columns; i++) {
		if (!(parts[i].amount > 0) || !isfinite(parts[i].amount))
			continue;
		before += parts[i].amount;
		int end = (int)lround(before / total * columns);
		if (end <= drawn)
			end = drawn + 1;
		uint32_t ch = ascii_only(s) ? (uint32_t)(unsigned char)parts[i].ascii : shades[i % 4];
		for (; drawn < end && drawn < columns; drawn++)
			surface_put(s, x + drawn, y, ch, parts[i].style);
	}
}

void rollout_draw(struct surface *s, int x, int y, int columns, style st, double share)
{
	int filled = (int)lround(clamp_share(share) * (columns > 0 ? columns : 0));

	/* A share that is neither nothing nor all never looks like it. */
	if (filled == 0 && share > 0 && columns > 1)
		filled = 1;
	if (filled == columns && share < 1 && columns > 1)
		filled = columns - 1;
	for (int i = 0; i < columns; i++) {
		if (i < filled)
			surface_put(s, x + i, y, ascii_only(s) ? '#' : FULL, st);
		else
			surface_put(s, x + i, y, ascii_only(s) ? '.' : SHADE, ROLE_GAUGE_REST);
	}
}

void heat_draw(struct surface *s, int x, int y, int columns, const double *values, size_t count,
               double top, bool logarithmic)
{
	static const char ramp[] = ".:-=+*#%@";
	const int steps = (int)sizeof(ramp) - 1;

	for (size_t i = 0; i < count && (int)i < columns; i++) {
		double share = top > 0 ? clamp_share(values[i] / top) : 0;

		if (!(values[i] > 0) || share <= 0) {
			surface_put(s, x + (int)i, y, ' ', ROLE_TEXT);
			continue;
		}
		if (logarithmic) /* 256 = 2^8: eight doublings from faint to hot */
			share = clamp_share(1 + log2(share) / 8);
		int step = (int)(share * (steps - 1) + 0.5);
		surface_put(s, x + (int)i, y, (uint32_t)(unsigned char)ramp[step],
		            (style)(ROLE_HEAT1 + step * 5 / steps));
	}
}

static int column_of(double value, double top, int columns)
{
	return (int)lround(clamp_share(value / top) * (columns - 1));
}

void box_draw(struct surface *s, int x, int y, int columns, style st, struct box b, double top)
{
	bool ascii = ascii_only(s);

	if (columns < 2 || !(top > 0) || !isfinite(b.p50) || !isfinite(b.p95) || !isfinite(b.p99))
		return;
	int low = column_of(isfinite(b.low) ? b.low : b.p50, top, columns);
	int p50 = column_of(b.p50, top, columns), p95 = column_of(b.p95, top, columns);
	int p99 = column_of(b.p99, top, columns);
	/* The box reaches as far below the median as there is data, at most half of what is above. */
	int box = p50 - (p95 - p50) / 2 > low ? p50 - (p95 - p50) / 2 : low;

	for (int i = low; i <= p99; i++)
		surface_put(s, x + i, y, i >= box && i <= p95 ? (ascii ? '=' : SHADE) : (ascii ? '-' : 0x2500),
		            st);
	surface_put(s, x + low, y, ascii ? '|' : 0x251C, st);
	surface_put(s, x + p99, y, ascii ? '|' : 0x2524, st);
	surface_put(s, x + p50, y, ascii ? 'I' : 0x2502, (style)(st | STYLE_BOLD));
}

void progress_draw(struct surface *s, int x, int y, int columns, double share, const char *text)
{
	int text_columns = (int)utf8_columns(str_of(text));
	int bar = columns - text_columns - 1;

	if (!isnan(share) && bar >= 6) {
		gauge_draw(s, x, y, bar, ROLE_GAUGE, share);
		x += bar + 1;
		columns -= bar + 1;
	}
	surface_outside(s, x, y, columns, ROLE_TEXT, str_of(text));
}
