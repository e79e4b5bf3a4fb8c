/* What the figure of an alert did lately, with its limit: for every kind of rule that leaves a history. */
#ifndef LLMDECK_PANELS_ALERT_PICTURE_H
#define LLMDECK_PANELS_ALERT_PICTURE_H

#include "core/alert.h"
#include "panels/draw.h"
#include "store/query_alerts.h"

/* Plain data. count 0: there is no history to show. */
struct alert_picture {
	int64_t id;                  /* the alert's */
	enum metric_unit unit;
	int64_t from_us, to_us, step_us;
	double values[SERIES_STEPS_MAX], ahead[SERIES_STEPS_MAX]; /* NaN: unknown; ahead: a budget's forecast */
	size_t count, ahead_count;   /* 0 or both the same */
	double limit;                /* NaN: none that could be drawn */
	char words[80];              /* what the line is */
};

/* Fills *out for an alert: a metric, findings of a category, a gauge or the pace at which an error budget
 * burns over the query's window (or as much longer as the rule looks back), a failing guardrail's metric of
 * the candidate, and a budget's spending over its period with what the forecast adds. `where` are the
 * rule's filters and the alert's group; `standings` the budgets as last assessed. Loader thread. */
int alert_picture_load(struct alert_picture *out, const struct panel_query *query, const struct alert_record *alert,
                       const struct view *where, const struct standing_result *standings, struct err *err);
void alert_picture_draw(const struct alert_picture *p, const struct panel_frame *frame, struct surface *s);

#endif
