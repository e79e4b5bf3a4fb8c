/* What a role looks like. A theme is a file of lines
 *
 *     role = FG [BG] [ATTR…] [, FG16 [BG16] [ATTR…] [, ATTR… in monochrome]]
 *
 * FG and BG are "default" (the terminal's own), a name (black red green yellow blue magenta cyan
 * white, and bright-red …), 0-255, or #rrggbb; ATTR is bold, dim, underline or reverse. The first
 * part serves 256 and more colours, the second 16 and 8 (without it the nearest are taken), the
 * third terminals without colour (without it the first part's attributes). Lines that start with
 * '#' and empty lines are skipped. What a file does not name is taken from the built-in default.
 * Plain data: any thread, no global state. */
#ifndef LLMDECK_UI_THEME_H
#define LLMDECK_UI_THEME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ui/surface.h"

/* How many colours a terminal or a pipe takes. */
enum colours { COLOURS_NONE, COLOURS_8, COLOURS_16, COLOURS_256, COLOURS_DIRECT };

#define COLOUR_DEFAULT (-1)
#define COLOUR_RGB 0x1000000 /* | 0xrrggbb; below it 0-255 of the palette */

struct look {
	int32_t fg, bg;  /* COLOUR_DEFAULT, 0-255 or COLOUR_RGB | rgb */
	uint16_t attributes; /* STYLE_BOLD … */
};

struct theme {
	struct look rich[ROLE_COUNT];   /* 256 and direct colours */
	struct look basic[ROLE_COUNT];  /* 16 and 8 colours */
	uint16_t mono[ROLE_COUNT];      /* attributes without colour */
	char name[64];                  /* the file's name without ".theme"; "default" */
	char path[1024];                /* "" for the built-in one */
	int64_t modified_ns, size;      /* of the file when it was read */
};

/* The built-in theme; needs no file. */
void theme_default(struct theme *t);
/* Parses a theme's text over the built-in default. `name` is for errors ("NAME:LINE: …").
 * 0, or -1 with the first error, leaving *t as it was. */
int theme_parse(struct theme *t, const char *name, struct str text, struct err *err);
/* Reads the file at `path`. 0, or -1 leaving *t as it was. */
int theme_load(struct theme *t, const char *path, struct err *err);
/* By name: "default" (or NULL, or "") is the built-in one, a name with a slash is a file, every other
 * one themes/NAME.theme in the data folder. 0, or -1 leaving *t as it was. */
int theme_find(struct theme *t, const char *name, struct err *err);
/* Names of the themes that are installed, the built-in one first. Returns how many. Reads a folder:
 * not for a thread that must not wait. */
#define THEME_NAME_BYTES 48
size_t theme_list(char names[][THEME_NAME_BYTES], size_t cap);
/* Has the theme's file changed since it was read? One stat(). A file that has gone has not changed. */
bool theme_changed(const struct theme *t);
/* Reads its file again: 0, or -1 with the error; the old look stays (and is not tried again until
 * the file changes once more). */
int theme_reload(struct theme *t, struct err *err);

/* The look of a style with so many colours: fg and bg are COLOUR_DEFAULT or an index below 8, 16
 * or 256; for COLOURS_DIRECT below 8 or COLOUR_RGB | rgb. */
struct look theme_look(const struct theme *t, style st, enum colours colours);
/* The name of a role as theme files write it, and back (-1 when there is none). */
const char *theme_role_name(enum role role);
int theme_role_find(struct str name);

/* A surface as lines with SGR sequences, each line ending in a reset when it was coloured; with
 * COLOURS_NONE the same as surface_to_text(). Full-width backgrounds are kept, other trailing
 * blanks are cut. */
void surface_to_ansi(const struct surface *s, const struct theme *t, enum colours colours,
                     struct buf *out);

#endif
