/* A grid of styled cells: what panels draw on. Knows no terminal. One thread at a time. */
#ifndef LLMDECK_UI_SURFACE_H
#define LLMDECK_UI_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* What a cell means; a theme says how that looks. */
enum role {
	ROLE_TEXT, ROLE_MUTED, ROLE_BORDER, ROLE_TITLE, ROLE_HEADER, ROLE_KEY, ROLE_ACCENT,
	ROLE_OK, ROLE_WARNING, ROLE_CRITICAL, ROLE_UNKNOWN, ROLE_STALE,
	ROLE_POSITIVE, ROLE_NEUTRAL, ROLE_NEGATIVE,
	ROLE_SELECTED, ROLE_MARKED, ROLE_CURSOR, ROLE_INPUT, ROLE_DIALOG, ROLE_TOAST, ROLE_DANGER,
	ROLE_GAUGE, ROLE_GAUGE_REST,
	ROLE_SERIES1, ROLE_SERIES2, ROLE_SERIES3, ROLE_SERIES4, ROLE_SERIES5, ROLE_SERIES6,
	ROLE_HEAT1, ROLE_HEAT2, ROLE_HEAT3, ROLE_HEAT4, ROLE_HEAT5,
	ROLE_COUNT
};
/* Added to a role. */
#define STYLE_BOLD 0x100u
#define STYLE_UNDERLINE 0x200u
#define STYLE_REVERSE 0x400u
#define STYLE_DIM 0x800u
#define STYLE_ROLE(st) ((enum role)((st) & 0xffu))
typedef uint16_t style; /* enum role | STYLE_* */

struct cell {
	uint32_t ch[3]; /* base character and up to two combining marks; ch[0] 0 = right half of a wide one */
	style style;
};

struct rect {
	int x, y, width, height;
};

/* What charts are drawn with. */
enum graph { GRAPH_BRAILLE, GRAPH_BLOCK, GRAPH_ASCII };

struct surface {
	int width, height;
	struct cell *cells;     /* row by row, of the whole grid */
	int stride;             /* cells a row in the whole grid */
	bool ascii;             /* charts, borders and marks must keep to ASCII */
	enum graph graph;
};

struct surface *surface_new(int width, int height);
void surface_free(struct surface **s);
/* Sizes below 0 count as 0, above SURFACE_SIDE_MAX as that; graph and ascii stay, content is lost. */
void surface_resize(struct surface *s, int width, int height);
#define SURFACE_SIDE_MAX 4096
/* The cell, or NULL outside. */
const struct cell *surface_at(const struct surface *s, int x, int y);
/* A part of it, sharing its cells: writes are clipped to the rectangle (and the rectangle to the
 * surface). Writing over one half of a wide character blanks its other half, also outside the part.
 * No ownership; valid until the whole is resized or freed. */
struct surface surface_part(struct surface *s, struct rect r);
void surface_clear(struct surface *s, style st);

/* All coordinates relative to the surface, clipped. */
/* A combining mark joins the cell left of x; a control character shows as U+FFFD; a wide character
 * without room for its right half shows as a blank. */
void surface_put(struct surface *s, int x, int y, uint32_t ch, style st);
/* Writes text of OUR OWN (literals, formatted numbers): no cleaning. Returns columns written. */
int surface_text(struct surface *s, int x, int y, style st, const char *text);
int surface_printf(struct surface *s, int x, int y, style st, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Writes text from OUTSIDE, made harmless, in at most `columns` columns, ending in "…" ("..." in
 * ASCII mode) when cut. Returns columns written. */
int surface_outside(struct surface *s, int x, int y, int columns, style st, struct str text);
void surface_fill(struct surface *s, struct rect r, uint32_t ch, style st);
void surface_restyle(struct surface *s, struct rect r, style st); /* keeps the characters */
/* ─title───────right─ : a rule with a title, as panel heads are drawn; the title in ROLE_TITLE. Either
 * may be NULL. Both are made harmless. */
void surface_rule(struct surface *s, int y, style st, const char *title, const char *right);
/* A frame along the rectangle's edge, with an optional title; the inside is left alone. */
void surface_box(struct surface *s, struct rect r, style st, const char *title);

/* The ASCII character that stands in for `ch` where only ASCII can be shown: blocks become '#', lines
 * '-', '|' and '+', braille ':' or '.', marks a letter; '?' for what has none. */
char surface_ascii(uint32_t ch);

/* As plain text, trailing blanks cut, one line a row. With `ascii` set every other character is
 * replaced by surface_ascii(). (With colours: theme.h, surface_to_ansi.) */
void surface_to_text(const struct surface *s, struct buf *out);
/* Appends one cell as UTF-8 (nothing for the right half of a wide character). */
void surface_cell_text(const struct surface *s, const struct cell *c, struct buf *out);

#endif
