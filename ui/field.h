/* A line of text being edited, with a history. State is the caller's; keys are a pure function. */
#ifndef LLMDECK_UI_FIELD_H
#define LLMDECK_UI_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/keys.h"
#include "ui/surface.h"

#define FIELD_BYTES 512

struct field {
	char text[FIELD_BYTES]; /* UTF-8, printable characters only */
	size_t cursor;          /* byte offset, at a character's start */
	bool refuse_paste;      /* pasted characters are ignored (and counted) */
	size_t refused;
};

void field_set(struct field *f, const char *text); /* cursor at the end; cut to what fits */
/* Edits: characters, Backspace, Del, arrows, Home, End, Ctrl-A/E/B/F/D/H/K/U/W. True when it used the
 * key; Enter, Esc, Tab, Up and Down are never used. */
bool field_key(struct field *f, struct key key);
/* Draws the text in `columns`, scrolled so that the cursor shows; returns the cursor's column. */
int field_draw(struct surface *s, int x, int y, int columns, style st, const struct field *f);

/* What was entered before, newest last. Zero-initialised is empty and valid. */
#define HISTORY_MAX 100
struct history {
	char *lines[HISTORY_MAX];
	size_t count, at; /* at == count: the line being typed */
};
void history_add(struct history *h, const char *line); /* empty and repeated lines are left out */
/* The line `step` (-1 older, +1 newer) from where it stands; "" behind the newest. */
const char *history_move(struct history *h, int step);
void history_fini(struct history *h);

#endif
