/* The trace waterfall, beyond what every panel does. */
#ifndef LLMDECK_PANELS_WATERFALL_H
#define LLMDECK_PANELS_WATERFALL_H

#include "panels/panel.h"

extern const struct panel trace_panel;

/* Folds what is below the cursor's line away, or shows it again; `state` is trace_panel's. False when
 * nothing is below it. */
bool waterfall_fold(const void *state, struct panel_ui *ui);

#endif
