/* Which panels stand where, for a page and a size. Pure. */
#ifndef LLMDECK_CONSOLE_TILES_H
#define LLMDECK_CONSOLE_TILES_H

#include "console/deck.h"
#include "console/loader.h"
#include "ui/surface.h"

struct tile {
	int panel; /* index in panels[] */
	enum panel_form form;
	struct rect rect;
};
struct layout {
	int header_y, strip_y, keys_y; /* -1 = no room */
	struct rect body;
	struct tile tiles[DECK_PANELS_MAX];
	size_t tile_count;
};

/* Lays the deck's place out on width × height cells, whatever the size: where tiles do not fit, the
 * focused one stands alone. */
void layout_make(const struct deck *d, int width, int height, struct layout *out);
/* The body alone: no header, strip and key line. */
void layout_make_bare(const struct deck *d, int width, int height, struct layout *out);
/* What has to be loaded for a layout: its tiles, and the alerts for the strip. Returns how many. */
size_t layout_items(const struct deck *d, const struct layout *l,
                    struct load_item out[DECK_PANELS_MAX]);
/* Columns that a chart of this layout has: chooses the series step. */
int layout_chart_columns(const struct layout *l);

/* The only panel of a page, or -1 when it has several (or none). */
int page_only_panel(char page);

#endif
