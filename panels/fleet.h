/* The figures of one window as most panels need them: totals, a series, and the window of the same
 * length before it. */
#ifndef LLMDECK_PANELS_FLEET_H
#define LLMDECK_PANELS_FLEET_H

#include "panels/panel.h"

struct fleet {
	struct figures_result now, before; /* totals; their series are kept as numbers alone */
	double *values, *before_values; /* METRIC_COUNT rows of a number a step; NULL: no series */
	double seconds, before_seconds; /* what the totals cover */
	bool has_now;                   /* there is data, and some of the window lies after its beginning */
	bool has_before;                /* the data reaches back over the whole window before */
	int64_t data_from_us;           /* when the data begins: before it nothing is known; 0 = no data */
	int64_t end_us;                 /* end of what is known: the last step may be cut there */
};

/* Totals with the sketches of `needs`, series with those of `series_needs`, and the window before:
 * its totals, and its series when the query compares. */
int fleet_load(struct fleet *f, const struct panel_query *query, unsigned needs,
               unsigned series_needs, struct err *err);
void fleet_fini(struct fleet *f);

/* UNKNOWN when the whole window lies before the data's beginning. */
struct value fleet_value(const struct fleet *f, enum metric m);
/* UNKNOWN when the data does not reach back over the whole window before. */
struct value fleet_before(const struct fleet *f, enum metric m);
/* One number a step, NaN where nothing is known; the step that still runs is left out
 * until its rates say something. `out` has
 * room for `cap`; returns how many. */
size_t fleet_series(const struct fleet *f, enum metric m, double *out, size_t cap);
size_t fleet_series_before(const struct fleet *f, enum metric m, double *out, size_t cap);

/* Whether the figures of a step say something when all is known until `end_us`: it has ended a moment
 * ago, or so much of it has passed that its rates are right. */
bool step_is_whole_enough(int64_t from_us, int64_t step_us, int64_t end_us);

/* The seconds that rates of this query are taken over: its window, as far as there is data for it. */
double query_seconds(const struct panel_query *query);
/* Totals by one dimension. */
int fleet_groups(struct figures_result *out, const struct panel_query *query, enum dim by,
                 unsigned needs, struct err *err);

#endif
