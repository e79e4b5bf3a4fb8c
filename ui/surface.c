/* A grid of cells. The one invariant everything rests on: a cell whose ch[0] is 0 has a wide base
 * character directly left of it, in the same row of the same grid. put_cell() keeps it by blanking
 * the other half whenever one half of a wide character is overwritten; since the halves are
 * neighbours in the grid, this holds across the edges of parts too. */
#include "ui/surface.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

struct surface *surface_new(int width, int height)
{
	struct surface *s = mem_zalloc(sizeof(*s));

	surface_resize(s, width, height);
	return s;
}

void surface_free(struct surface **s)
{
	if (*s) {
		free((*s)->cells);
		free(*s);
	}
	*s = NULL;
}

void surface_resize(struct surface *s, int width, int height)
{
	s->width = clamp(width, 0, SURFACE_SIDE_MAX);
	s->height = clamp(height, 0, SURFACE_SIDE_MAX);
	s->stride = s->width;
	free(s->cells);
	/* One spare cell, so that an empty surface has cells to point at. */
	size_t count = (size_t)s->width * (size_t)s->height + 1;
	s->cells = mem_array(NULL, count, sizeof(*s->cells));
	for (size_t i = 0; i < count; i++)
		s->cells[i] = (struct cell){{' ', 0, 0}, ROLE_TEXT};
}

struct surface surface_part(struct surface *s, struct rect r)
{
	struct surface part = *s;
	/* In 64 bits: a rectangle may be as odd as its caller's arithmetic. */
	int64_t right = (int64_t)r.x + (r.width < 0 ? 0 : r.width);
	int64_t bottom = (int64_t)r.y + (r.height < 0 ? 0 : r.height);
	int x = clamp(r.x, 0, s->width), y = clamp(r.y, 0, s->height);

	right = right < x ? x : right > s->width ? s->width : right;
	bottom = bottom < y ? y : bottom > s->height ? s->height : bottom;
	part.width = (int)right - x;
	part.height = (int)bottom - y;
	if (part.width == 0 || part.height == 0)
		part.width = part.height = 0;
	else
		part.cells = s->cells + (size_t)y * (size_t)s->stride + (size_t)x;
	return part;
}

static struct cell *cell_at(const struct surface *s, int x, int y)
{
	return s->cells + (size_t)y * (size_t)s->stride + (size_t)x;
}

const struct cell *surface_at(const struct surface *s, int x, int y)
{
	if (x < 0 || y < 0 || x >= s->width || y >= s->height)
		return NULL;
	return cell_at(s, x, y);
}

static void blank(struct cell *c)
{
	c->ch[0] = ' ';
	c->ch[1] = c->ch[2] = 0;
}

static bool is_wide(uint32_t ch)
{
	return ch >= 0x1100 && utf8_width(ch) == 2;
}

/* Overwrites one cell with a narrow character, mending what it may cut in half. */
static void put_cell(struct cell *c, uint32_t ch, style st)
{
	if (c->ch[0] == 0)
		blank(c - 1);
	else if (is_wide(c->ch[0]))
		blank(c + 1);
	c->ch[0] = ch;
	c->ch[1] = c->ch[2] = 0;
	c->style = st;
}

static void add_mark(struct surface *s, int x, int y, uint32_t mark)
{
	if (x < 0 || x >= s->width)
		return;
	struct cell *c = cell_at(s, x, y);
	if (c->ch[0] == 0 && x == 0)
		return;
	if (c->ch[0] == 0)
		c--;
	if (c->ch[1] == 0)
		c->ch[1] = mark;
	else if (c->ch[2] == 0)
		c->ch[2] = mark;
}

/* Writes one character; returns the columns it takes. */
static int put(struct surface *s, int x, int y, uint32_t ch, style st)
{
	int columns = ch >= 0x20 && ch < 0x7f ? 1 : utf8_width(ch);

	if (columns < 0) {
		ch = 0xFFFD;
		columns = 1;
	}
	if (y < 0 || y >= s->height)
		return columns;
	if (columns == 0) {
		add_mark(s, x - 1, y, ch);
		return 0;
	}
	if (columns == 2 && (x < 0 || x + 1 >= s->width)) {
		/* Only one half would be inside. */
		if (x >= -1 && x < s->width)
			put_cell(cell_at(s, x < 0 ? 0 : x, y), ' ', st);
		return s->width > 0 ? 2 : columns;
	}
	if (x < 0 || x >= s->width)
		return columns;
	put_cell(cell_at(s, x, y), ch, st);
	if (columns == 2) {
		put_cell(cell_at(s, x + 1, y), ' ', st);
		cell_at(s, x + 1, y)->ch[0] = 0;
	}
	return columns;
}

void surface_put(struct surface *s, int x, int y, uint32_t ch, style st)
{
	put(s, x, y, ch, st);
}

void surface_clear(struct surface *s, style st)
{
	surface_fill(s, (struct rect){0, 0, s->width, s->height}, ' ', st);
}

void surface_fill(struct surface *s, struct rect r, uint32_t ch, style st)
{
	struct surface part = surface_part(s, r);

	for (int y = 0; y < part.height; y++) {
		struct cell *row = cell_at(&part, 0, y);
		int x = 0;

		if (is_wide(ch)) {
			while (x < part.width)
				x += put(&part, x, y, ch, st);
			continue;
		}
		if (row[0].ch[0] == 0 || is_wide(row[part.width - 1].ch[0])) {
			put_cell(&row[0], ' ', st);
			put_cell(&row[part.width - 1], ' ', st);
		}
		for (; x < part.width; x++)
			row[x] = (struct cell){{ch, 0, 0}, st};
	}
}

void surface_restyle(struct surface *s, struct rect r, style st)
{
	struct surface part = surface_part(s, r);

	for (int y = 0; y < part.height; y++) {
		struct cell *row = cell_at(&part, 0, y);

		for (int x = 0; x < part.width; x++)
			row[x].style = st;
	}
}

/* Draws UTF-8 from x on, in at most `columns` columns; returns the columns written. */
static int draw_text(struct surface *s, int x, int y, int columns, style st, struct str text)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	int used = 0;

	while (p < end) {
		uint32_t ch = utf8_decode(&p, end);
		int width = ch >= 0x20 && ch < 0x7f ? 1 : ch == UTF8_BAD ? 1 : utf8_width(ch);

		if (width < 0)
			width = 1;
		if (used + width > columns)
			break;
		put(s, x + used, y, ch == UTF8_BAD ? 0xFFFD : ch, st);
		used += width;
	}
	return used;
}

/* Columns from x to the right edge; 0 when x is outside. A start left of the edge is drawn clipped. */
static int room(const struct surface *s, int x)
{
	return x >= s->width || x < -SURFACE_SIDE_MAX ? 0 : s->width - x;
}

int surface_text(struct surface *s, int x, int y, style st, const char *text)
{
	return draw_text(s, x, y, room(s, x), st, str_of(text));
}

int surface_printf(struct surface *s, int x, int y, style st, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return surface_text(s, x, y, st, line);
}

int surface_outside(struct surface *s, int x, int y, int columns, style st, struct str text)
{
	struct buf clean = {0};
	int used = 0;

	if (columns > room(s, x))
		columns = room(s, x);
	if (columns <= 0 || y < 0 || y >= s->height || text.len == 0)
		return 0;
	/* A column is at most one base character and two marks; what is dropped may come on top. */
	text_append_harmless(&clean, text, (size_t)columns * 16 + 64);
	if (utf8_columns(buf_str(&clean)) <= (size_t)columns) {
		used = draw_text(s, x, y, columns, st, buf_str(&clean));
	} else {
		const char *mark = s->ascii ? "..." : "…";
		int mark_columns = s->ascii ? 3 : 1;

		if (columns > mark_columns)
			used = draw_text(s, x, y, columns - mark_columns, st, buf_str(&clean));
		used += draw_text(s, x + used, y, columns - used, st, str_of(mark));
	}
	buf_fini(&clean);
	return used;
}

void surface_rule(struct surface *s, int y, style st, const char *title, const char *right)
{
	uint32_t line = s->ascii ? '-' : 0x2500;
	int right_columns = right ? (int)utf8_columns(str_of(right)) : 0;
	int title_room = s->width - 2;

	surface_fill(s, (struct rect){0, y, s->width, 1}, line, st);
	/* The title goes before the note at the right. */
	int title_columns = title ? (int)utf8_columns(str_of(title)) : 0;
	if (right_columns > 0 && right_columns + title_columns + 4 <= s->width) {
		surface_outside(s, s->width - 1 - right_columns, y, right_columns, st, str_of(right));
		title_room -= right_columns + 1;
	}
	if (title)
		surface_outside(s, 1, y, title_room, ROLE_TITLE, str_of(title));
}

void surface_box(struct surface *s, struct rect r, style st, const char *title)
{
	static const uint32_t line_chars[6] = {0x2500, 0x2502, 0x250C, 0x2510, 0x2514, 0x2518};
	static const uint32_t ascii_chars[6] = {'-', '|', '+', '+', '+', '+'};
	const uint32_t *c = s->ascii ? ascii_chars : line_chars;
	struct surface part = surface_part(s, r);
	int right = part.width - 1, bottom = part.height - 1;

	if (part.width < 2 || part.height < 2)
		return;
	surface_fill(&part, (struct rect){1, 0, part.width - 2, 1}, c[0], st);
	surface_fill(&part, (struct rect){1, bottom, part.width - 2, 1}, c[0], st);
	surface_fill(&part, (struct rect){0, 1, 1, part.height - 2}, c[1], st);
	surface_fill(&part, (struct rect){right, 1, 1, part.height - 2}, c[1], st);
	surface_put(&part, 0, 0, c[2], st);
	surface_put(&part, right, 0, c[3], st);
	surface_put(&part, 0, bottom, c[4], st);
	surface_put(&part, right, bottom, c[5], st);
	if (title)
		surface_outside(&part, 2, 0, part.width - 4, ROLE_TITLE, str_of(title));
}

char surface_ascii(uint32_t ch)
{
	static const struct {
		uint32_t ch;
		char ascii;
	} table[] = {
		{0xA0, ' '},   {0xB7, '.'},   {0xD7, 'x'},   {0x2013, '-'}, {0x2014, '-'}, {0x2018, '\''},
		{0x2019, '\''}, {0x201C, '"'}, {0x201D, '"'}, {0x2026, '~'}, {0x2190, '<'}, {0x2192, '>'},
		{0x2191, '^'}, {0x2193, 'v'}, {0x2212, '-'}, {0x2265, '>'}, {0x2264, '<'}, {0x2500, '-'},
		{0x2502, '|'}, {0x25B2, '!'}, {0x25B4, '^'}, {0x25BE, 'v'}, {0x25BC, 'v'}, {0x25C0, '<'},
		{0x25B6, '>'}, {0x25C6, '*'}, {0x25CF, 'o'}, {0x2713, 'v'}, {0x2717, 'x'}, {0x2591, '.'},
		{0x2592, '-'}, {0x2593, '+'}, {0x3BC, 'u'},  {0xB5, 'u'},   {0x20AC, 'E'},
	};

	if (ch >= 0x20 && ch < 0x7f)
		return (char)ch;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].ch == ch)
			return table[i].ascii;
	if (ch >= 0x2500 && ch <= 0x257F)
		return '+';
	if (ch >= 0x2581 && ch <= 0x258F)
		return (ch >= 0x2585 && ch <= 0x258C) ? '#' : '.';
	if (ch > 0x2800 && ch <= 0x28FF)
		return ':';
	return ch == 0x2800 ? ' ' : '?';
}

void surface_cell_text(const struct surface *s, const struct cell *c, struct buf *out)
{
	char bytes[4];

	if (c->ch[0] == 0) {
		if (s->ascii)
			buf_append_c(out, ' ');
		return;
	}
	if (s->ascii) {
		buf_append_c(out, surface_ascii(c->ch[0]));
		return;
	}
	for (int i = 0; i < 3 && c->ch[i]; i++)
		buf_append(out, bytes, utf8_encode(c->ch[i], bytes));
}

void surface_to_text(const struct surface *s, struct buf *out)
{
	for (int y = 0; y < s->height; y++) {
		const struct cell *row = cell_at(s, 0, y);
		int width = s->width;

		while (width > 0 && row[width - 1].ch[0] == ' ')
			width--;
		for (int x = 0; x < width; x++)
			surface_cell_text(s, &row[x], out);
		buf_append_c(out, '\n');
	}
}
