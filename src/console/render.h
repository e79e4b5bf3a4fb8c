/* One screen without a terminal: what `llmdeck snapshot` and `console --once` print, and what the
 * golden tests compare. The same panels, layout and frame as the live screen. */
#ifndef LLMDECK_CONSOLE_RENDER_H
#define LLMDECK_CONSOLE_RENDER_H

#include "console/console.h"
#include "console/deck.h"
#include "ui/surface.h"

/* Loads and draws the screen that `o` describes onto the surface, at its size: header, alert strip,
 * body, key line. o->page names a page or a panel; NULL is the overview. -1 with a sentence when the
 * store cannot be read or the name is unknown. */
int console_render(const struct console_options *o, struct surface *s, struct err *err);
/* One panel's page alone, without header, strip and key line. */
int console_render_panel(const struct console_options *o, const char *panel, struct surface *s,
                         struct err *err);

/* Fills a deck from the options: place, window, filters, labels. `summary` may be NULL: then whether
 * it is a history is decided later. deck_fini() in either case. `tz` is loaded and owned by the
 * caller. */
int deck_setup(struct deck *d, const struct console_options *o, struct tz **tz, struct err *err);
/* Whether there is such a page or panel; -1 with a sentence that names them all. */
int place_check(const char *name, struct err *err);
/* Their names, pages first, with a separator between them. */
void place_names(const char *separator, struct buf *out);
/* Goes to a page or panel by name or digit. */
int deck_go_named(struct deck *d, struct str name, struct err *err);

#endif
