/* Draws the deck: header, alert strip, tiles, key line. Pure. */
#ifndef LLMDECK_CONSOLE_FRAME_H
#define LLMDECK_CONSOLE_FRAME_H

#include "console/deck.h"
#include "console/tiles.h"
#include "ui/surface.h"

struct frame_options {
	int64_t wall_us, mono_us;
	const char *keys; /* the key line's text; "" = none */
};

void frame_draw(const struct deck *d, const struct layout *l, const struct frame_options *o,
                struct surface *s);
/* What a panel is told when it is drawn, or asked for its rows. */
struct panel_frame frame_of(const struct deck *d, int panel, enum panel_form form, bool stale);
/* Is what this panel shows older than it should be? */
bool frame_is_stale(const struct deck *d, int64_t wall_us, int64_t mono_us);

#endif
