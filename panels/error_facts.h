/* What the errors page says beside counts: storms of retries, and how much of a rate limit is left. A line
 * each; nothing to say draws nothing. Return whether they drew. */
#ifndef LLMDECK_PANELS_ERROR_FACTS_H
#define LLMDECK_PANELS_ERROR_FACTS_H

#include "panels/panel.h"
#include "store/query_retries.h"

bool retries_draw(const struct retry_result *r, const struct panel_frame *frame, struct surface *s, int y);
bool headroom_draw(const struct headroom_result *h, const struct panel_frame *frame, struct surface *s, int y);

#endif
