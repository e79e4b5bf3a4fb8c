/* Walks over single requests that take longer than a load may: they go on with the next load, until then the
 * panel shows what it had, or how far the walk has come. */
#ifndef LLMDECK_PANELS_SEARCH_H
#define LLMDECK_PANELS_SEARCH_H

#include "panels/panel.h"

/* What a walk was begun for. */
struct search_question {
	struct view view;
	uint64_t serial; /* of the ask */
};
struct search_question search_question_of(const struct panel *panel, const struct panel_query *query);
/* Whether a walk that was begun for `of` is still what the query wants: a live window may have moved on by a step. */
bool search_goes_on(const struct panel *panel, const struct panel_query *query, const struct search_question *of);
/* How long a load may walk: 0 = to the end, when nobody asks again. */
int64_t search_slice_us(const struct panel_query *query);
/* Says that the walk is not at its end. */
void search_pause(const struct panel_query *query);
/* The panel while there is nothing else to show; `share`: of the walk that is done, 0-1. */
void search_draw(const char *title, double share, const struct panel_frame *frame, struct surface *s);

#endif
