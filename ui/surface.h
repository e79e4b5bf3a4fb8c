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
typedef uint16_t style; /* enum role | STYLE_* */

struct cell {
	uint32_t ch[3]; /* base character and up to two combining marks; ch[0] 0 = right half of a wide one */
	style style;
};

struct rect {
	int x, y, width, height;
};

struct surface {
	int width, height;
	struct cell *cells;     /* row by row, of the whole grid */
	int stride;             /* cells a row in the whole grid */
	bool ascii;             /* charts, borders and marks must keep to ASCII */
	enum { GRAPH_BRAILLE, GRAPH_BLOCK, GRAPH_ASCII } graph;
};

struct surface *surface_new(int width, int height);
void surface_free(struct surface **s);
void surface_resize(struct surface *s, int width, int height); /* content is lost */
/* A part of it, sharing its cells: writes are clipped to the rectangle. No ownership. */
struct surface surface_part(struct surface *s, struct rect r);
void surface_clear(struct surface *s, style st);

/* All coordinates relative to the surface, clipped. */
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
/* ─title───────right─ : a rule with a title, as panel heads are drawn. */
void surface_rule(struct surface *s, int y, style st, const char *title, const char *right);
void surface_box(struct surface *s, struct rect r, style st, const char *title);

/* As plain text, trailing blanks cut, one line a row; or with SGR sequences by the theme. */
void surface_to_text(const struct surface *s, struct buf *out);

#endif
