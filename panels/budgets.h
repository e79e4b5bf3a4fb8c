/* The budgets as the collector assessed them last. */
#ifndef LLMDECK_PANELS_BUDGETS_H
#define LLMDECK_PANELS_BUDGETS_H

#include "core/budget.h"
#include "panels/panel.h"

extern const struct panel budgets_panel;

#define BUDGET_NAME_BYTES 104
/* The budget under the cursor: a copy, so that a dialog stays bound to it. All text is from outside. */
struct budget_pick {
	char name[BUDGET_NAME_BYTES], amount[BUDGET_AMOUNT_BYTES], where[VIEW_VALUE_BYTES * 2];
	char usd[32], warn[48], on[20], tz[48], hard[160], summary[200]; /* as a form shows and takes them */
	const char *period;      /* budget_period_name() */
	struct view view;        /* filters only; empty for a budget of one user */
	bool by_attr;
	bool configured;         /* the config has one of that name */
	int64_t from_us, to_us;  /* its period */
	int64_t alert_id;        /* the most urgent open alert of it; 0: none */
	bool acknowledged;
	size_t below;            /* its lower thresholds that are acknowledged with it */
	char alert_summary[400], alert_labels[400];
};
/* Whether a loaded state holds any: the tile stands on the overview only then. */
bool budgets_has_any(const void *state);
/* `state` is budgets_panel's. False when there is none. */
bool budgets_pick(const void *state, const struct panel_frame *frame, struct budget_pick *out);
/* The one of that name, whatever the cursor is on. */
bool budgets_pick_named(const void *state, const char *name, struct budget_pick *out);

#endif
