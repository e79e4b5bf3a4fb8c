/* What the errors page says beside counts: storms of retries, and how much of a rate limit is left. Nothing to
 * say draws nothing. */
#ifndef LLMDECK_PANELS_ERROR_FACTS_H
#define LLMDECK_PANELS_ERROR_FACTS_H

#include "panels/panel.h"
#include "store/query_retries.h"

/* A line; whether it drew. */
bool retries_draw(const struct retry_result *r, const struct panel_frame *frame, struct surface *s, int y);

#define UNTOLD_BYTES 400
/* Who answered requests without a word on its limits: "azure/gpt-4o, anthropic/claude and 2 more", from outside;
 * "" when everybody told. `models`: figures by provider and model. */
void headroom_untold(const struct headroom_result *h, const struct figures_result *models, char out[UNTOLD_BYTES]);
/* How many lines headroom_draw() would fill, up to `most`: 0 when there is nothing to say. */
int headroom_lines(const struct headroom_result *h, const char *untold, int most);
/* A line each provider and model, the scarcest first, and one of those that do not tell, in `lines` lines: what does
 * not fit is left out at the end, where there is one line all of it is in it. */
void headroom_draw(const struct headroom_result *h, const char *untold, const struct panel_frame *frame, struct surface *s, int y, int lines);

#endif
