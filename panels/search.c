/* A walk that was begun is finished even when its window has moved on meanwhile: else one that takes longer
 * than a step would never end. */
#include "panels/search.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
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

/* ── stages ────────────────────────────────────────────────────────────────────────────────── */

void load_stages_fini(void *kept)
{
	struct load_stages *work = kept;

	figures_walk_free(&work->walk);
	if (work->state)
		work->panel->fini(work->state);
	free(work->state);
	work->state = NULL;
}

static bool stages_go_on(const struct load_stages *work, const struct panel *panel, const struct panel_query *query)
{
	return work->state && work->by == query->by && work->form == query->form && work->compare == query->compare &&
	       search_goes_on(panel, query, &work->of);
}

/* 1 when the last one is done, 0 when it is late, -1 with a sentence. */
static int run_stages(struct load_stages *work, const struct panel_query *query, load_stage *const *stages, struct err *err)
{
	while (stages[work->stage]) {
		int done = stages[work->stage](query, work->state, work, err);

		if (done < 0)
			return -1;
		work->stage += done;
		if (stages[work->stage] && work->until_mono_us < INT64_MAX && clock_mono_us() >= work->until_mono_us)
			return 0;
	}
	return 1;
}

int load_in_stages(const struct panel *panel, const struct panel_query *query, void *state, load_stage *const *stages,
                   struct err *err)
{
	struct load_stages once = {0}, *work = query->kept ? query->kept : &once;
	struct panel_query q = *query;
	int done;

	if (!stages_go_on(work, panel, query)) {
		load_stages_fini(work);
		*work = (struct load_stages){
			.of = search_question_of(panel, query), .by = query->by, .form = query->form, .compare = query->compare,
			.panel = panel, .state = mem_zalloc(panel->state_size),
		};
	}
	q.view = work->of.view;
	work->until_mono_us = query->more ? clock_mono_us() + SLICE_US : INT64_MAX;
	done = run_stages(work, &q, stages, err);
	if (done > 0) {
		memcpy(state, work->state, panel->state_size);
		free(work->state);
		work->state = NULL;
	} else if (done < 0) {
		load_stages_fini(work);
	} else if (query->more) {
		*query->more = *query->empty = true;
	}
	return done < 0 ? -1 : 0;
}

int fleet_groups_go_on(struct figures_result *out, const struct panel_query *query, enum dim by, unsigned needs,
                       struct load_stages *work, struct err *err)
{
	struct view view = query->view;
	int done;

	view.step_us = 0;
	view.by[0] = by;
	view.by_count = 1;
	if (!work->walk)
		work->walk = figures_walk_new(query->reader, &view, needs, 0);
	done = figures_walk_go_on(work->walk, work->until_mono_us, err);
	if (done > 0)
		figures_walk_take(work->walk, out);
	if (done)
		figures_walk_free(&work->walk);
	return done;
}
