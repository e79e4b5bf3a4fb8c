/* The incident page: panels that look at one window together, and what its cursor does. */
#ifndef LLMDECK_PANELS_INCIDENT_H
#define LLMDECK_PANELS_INCIDENT_H

#include "panels/format.h"
#include "panels/panel.h"
#include "store/query_heat.h"
#include "store/query_suspects.h"

/* The heat map; what the cell under its cursor has more of than the rest; its requests; what happened
 * meanwhile; the incidents that were opened. */
extern const struct panel incident_panel, suspects_panel, cell_panel, timeline_panel, incidents_panel;
/* Two windows beside each other: their figures, what the one has more of, and the commands that say the same. */
extern const struct panel diff_panel, changes_panel, shell_panel;

/* Which requests the page thinks bad: the chosen cell's, else by the ask's limit and times. `p95` of the
 * window in the map's figure stands in for a limit; negative: unknown. */
void incident_bad(const struct panel_ask *ask, int64_t p95, struct bad *out);

/* The window that the page compares `v` with; false: none was chosen. */
bool incident_other(const struct panel_ask *ask, const struct view *v, int64_t *from_us, int64_t *to_us);

/* Moves the cell cursor of the heat map by steps of time and bands; the first move puts it on the fullest
 * cell of the upper half. `height` is the panel's. False when there is no cell. `state` is incident_panel's. */
bool incident_move(const void *state, struct panel_ask *ask, int height, int steps, int bands);

/* A suspect to narrow the window to. */
struct suspect_pick {
	bool is_dim;
	struct filter filter;
	char words[280]; /* "model gpt-4o" */
};
bool suspects_pick(const void *state, const struct panel_frame *frame, struct suspect_pick *out);
/* The same of changes_panel. */
bool changes_pick(const void *state, const struct panel_frame *frame, struct suspect_pick *out);

/* "depl v43": narrow columns are the rule here; and "x4.9". */
void suspect_words(const struct suspect_row *row, char *out, size_t cap);
char *suspect_lift(double lift, char out[FIGURE_TEXT_BYTES]);
/* The suspect under the cursor of a panel whose rows have suspect_words() for keys. */
bool suspect_pick_of(const struct panel *panel, const void *state, const struct panel_frame *frame, const struct suspects_result *found,
                     struct suspect_pick *out);

/* An incident of the list. */
struct incident_pick {
	int64_t id, from_us, to_us, closed_us, alert_id;
	struct view where;
	struct bad bad;
	char title[208];
};
bool incidents_pick(const void *state, const struct panel_frame *frame, struct incident_pick *out);
/* The one that the timeline shows; false: none. `state` is timeline_panel's. */
bool timeline_incident(const void *state, struct incident_pick *out);

#endif
