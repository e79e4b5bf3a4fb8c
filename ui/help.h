/* The help screen, made from the live keymap: the context one is in first, searchable. */
#ifndef LLMDECK_UI_HELP_H
#define LLMDECK_UI_HELP_H

#include <stdbool.h>

#include "ui/field.h"
#include "ui/keymap.h"

struct help {
	const struct keymap *keymap;
	const struct action *const *tables; /* contexts, the nearest first; NULL entries are skipped */
	size_t table_count;
	const char *title;  /* "Latency"; may be NULL */
	const char *intro;  /* what the panel shows, a few sentences; may be NULL */
	struct field search;
	bool searching;     /* keys go to the search field */
	int top;            /* first line drawn */
	int line_count;     /* of the last drawing */
};

enum help_result { HELP_GOING, HELP_CLOSED };
/* j k arrows PgUp PgDn g G scroll, / searches, Esc leaves the search and then the help; q and ? leave. */
enum help_result help_key(struct help *h, struct key key, int page_rows);
/* Draws it; keeps h->top in range. Returns the cursor's column in the last row while searching, else
 * -1. */
int help_draw(struct surface *s, struct help *h);

#endif
