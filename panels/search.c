/* A walk that was begun is finished even when its window has moved on meanwhile: else one that takes longer
 * than a step would never end. */
#include "panels/search.h"

#include "base/clock.h"
#include "panels/draw.h"
#include "ui/bars.h"

#define SLICE_US (8 * US_PER_MS)
#define BAR 40

struct search_question search_question_of(const struct panel *panel, const struct panel_query *query)
{
	return (struct search_question){.view = query->view, .serial = query->ask ? panel_ask_serial(query->ask, panel->asks) : 0};
}

bool search_goes_on(const struct panel *panel, const struct panel_query *query, const struct search_question *of)
{
	struct search_question now = search_question_of(panel, query);
	int64_t moved_us = now.view.to_us - of->view.to_us;

	if (moved_us < 0 || moved_us > now.view.step_us || now.view.from_us - of->view.from_us != moved_us)
		return false;
	now.view.from_us = of->view.from_us;
	now.view.to_us = of->view.to_us;
	return view_equal(&now.view, &of->view) && now.serial == of->serial;
}

int64_t search_slice_us(const struct panel_query *query)
{
	return query->more ? SLICE_US : 0;
}

void search_pause(const struct panel_query *query)
{
	*query->more = *query->early = true;
}

void search_draw(const char *title, double share, const struct panel_frame *frame, struct surface *s)
{
	int columns = s->width < BAR + 2 ? s->width - 2 : BAR;

	draw_head(s, frame, title, "");
	if (s->height > 1)
		surface_printf(s, 1, 1, ROLE_MUTED, "looking at single requests: %.0f%%", share * 100);
	if (s->height > 2 && columns > 4)
		gauge_draw(s, 1, 2, columns, ROLE_SERIES1, share);
}
