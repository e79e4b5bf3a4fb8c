/* Every panel there is. */
#ifndef LLMDECK_PANELS_PANELS_H
#define LLMDECK_PANELS_PANELS_H

#include "panels/panel.h"

extern const struct panel signals_panel, apps_panel, cost_panel, latency_panel, errors_panel,
	flags_panel, requests_panel, alerts_panel, slowest_panel, rollouts_panel, feedback_panel,
	inference_panel, sources_panel, audit_panel, budgets_panel, bill_panel, trace_panel,
	incident_panel, suspects_panel, cell_panel, timeline_panel, incidents_panel, sql_panel, diff_panel, changes_panel, shell_panel,
	others_panel, silences_panel;

#endif
