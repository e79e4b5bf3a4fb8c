/* The one list of panels, in order of the pages. */
#include "panels/panels.h"

const struct panel *const panels[] = {
	&sources_panel, &signals_panel, &apps_panel,   &cost_panel,    &latency_panel,  &errors_panel,   &flags_panel,
	&requests_panel, &alerts_panel, &others_panel, &silences_panel, &budgets_panel, &bill_panel, &slowest_panel, &audit_panel, &incident_panel,
	&suspects_panel, &cell_panel, &trace_panel, &timeline_panel, &incidents_panel, &diff_panel, &changes_panel, &shell_panel, &sql_panel,
	&rollouts_panel,
	&inference_panel, &feedback_panel, NULL,
};

const struct panel *panel_find(struct str name)
{
	for (size_t i = 0; panels[i]; i++) {
		if (str_equal_nocase(name, str_of(panels[i]->name)))
			return panels[i];
	}
	return NULL;
}
