/* The alert strip: one line on every page. */
#ifndef LLMDECK_PANELS_ALERTS_H
#define LLMDECK_PANELS_ALERTS_H

#include "panels/panel.h"

extern const struct panel alerts_panel;

/* Draws the strip on the surface's first line. `state` is alerts_panel's. `quiet` is said when
 * nothing is over its limit; "" = how many rules there are. */
void alerts_draw_strip(const void *state, const struct panel_frame *frame, const char *quiet,
                       struct surface *s);

#endif
