/* A list to choose from while typing: the palette, theme and column pickers. Items match when the
 * typed characters occur in them in order; better matches come first. */
#ifndef LLMDECK_UI_CHOOSER_H
#define LLMDECK_UI_CHOOSER_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/field.h"

struct choice {
	const char *name; /* what is chosen and completed */
	const char *text; /* one line beside it; may be NULL */
	const char *keys; /* at the right; may be NULL */
};

struct chooser {
	struct field field;
	struct history *history; /* NULL = none; Up on an empty field walks it */
	const struct choice *choices; /* the caller's */
	size_t choice_count;
	size_t *matches; /* indices, best first; owned */
	size_t match_count, match_cap, selected;
	bool picked; /* the selection was moved by hand: Enter takes it rather than the text */
};

enum chooser_result {
	CHOOSER_GOING,
	CHOOSER_TAKEN,   /* Enter: chooser_taken() */
	CHOOSER_LEFT,    /* Esc */
	CHOOSER_IGNORED, /* the key means nothing here */
};

void chooser_init(struct chooser *c, const struct choice *choices, size_t count,
                  struct history *history);
void chooser_fini(struct chooser *c);
/* Tab completes to the selected name, Up and Down move, everything else edits. */
enum chooser_result chooser_key(struct chooser *c, struct key key);
/* The choice Enter stands for: the one picked, or the best match of the first word; NULL when nothing
 * matches. The whole typed line (with arguments) is c->field.text. */
const struct choice *chooser_taken(const struct chooser *c);
/* The prompt in the surface's last row, the matches above it. Returns the cursor's column (for
 * screen_set_cursor in that row). */
int chooser_draw(struct surface *s, const struct chooser *c, const char *prompt);

/* How well `typed` fits `name`: 0 = not at all, higher is better. */
int fuzzy_score(const char *name, struct str typed);

#endif
