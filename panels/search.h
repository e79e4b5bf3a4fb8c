/* What takes longer than a load may goes on with the next load: walks over single requests, until whose end the
 * panel shows what it had, or how far the walk has come; and pages that are put together from many figures. */
#ifndef LLMDECK_PANELS_SEARCH_H
#define LLMDECK_PANELS_SEARCH_H

#include "panels/fleet.h"
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

/* A load in stages: each fills in a part of the state. A stage returns 1 when it is done, 0 when it is to be called
 * again, -1 with a sentence; `query` is of one window for all of them. */
struct load_stages; /* what the stages share */
typedef int load_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err);
/* A panel's kept_size bytes; kept_fini is load_stages_fini(). */
struct load_stages {
	struct search_question of;
	enum dim by;
	enum panel_form form;
	bool compare;
	const struct panel *panel;
	void *state; /* as far as it is filled in; NULL when none was begun */
	int stage;
	struct figures_walk *walk; /* of the stage's fleet_groups_go_on() */
	int64_t until_mono_us;
};
/* A panel's load(): runs the stages (NULL at the end), as many as there is time for. */
int load_in_stages(const struct panel *panel, const struct panel_query *query, void *state, load_stage *const *stages,
                   struct err *err);
void load_stages_fini(void *kept);
/* fleet_groups() as a stage. */
int fleet_groups_go_on(struct figures_result *out, const struct panel_query *query, enum dim by, unsigned needs,
                       struct load_stages *work, struct err *err);

#endif
