/* The alert strip: one line on every page. */
#ifndef LLMDECK_PANELS_ALERTS_H
#define LLMDECK_PANELS_ALERTS_H

#include "panels/panel.h"

extern const struct panel alerts_panel;

/* Draws the strip on the surface's first line. `state` is alerts_panel's. `quiet` is said when
 * nothing fires or is over its limit; "" = how many rules there are. */
void alerts_draw_strip(const void *state, const struct panel_frame *frame, const char *quiet,
                       struct surface *s);

/* The alert under the cursor: a copy, so that a dialog stays bound to it. All text is from outside. */
struct alert_pick {
	int64_t id;
	bool open, acknowledged, silenced;
	size_t below;          /* of a budget: lower thresholds that are acknowledged with it */
	char rule[120], kind[16], summary[400], labels[400];
	struct view where;     /* its rule's filters and the group it is about */
	enum metric metric;    /* METRIC_COUNT: none of the panels' */
	int64_t since_us, ended_us, window_us; /* ended 0: it goes on */
	double bound;          /* the limit in force; NaN unknown */
};
/* `state` is alerts_panel's. False when there is none, or nobody evaluates. */
bool alerts_pick(const void *state, const struct panel_frame *frame, struct alert_pick *out);

/* The alert that began to fire last and is nobody's yet: its id, and words on it. 0 when there is none. */
int64_t alerts_newest(const void *state, char *words, size_t cap);

#endif
