/* The window's last step has usually just begun, and what happened in its last second is still on its
 * way. A step is shown when it has ended and settled; before that only when so much of it has passed
 * that what is on its way does not count, and its rates are taken over the time that has passed. So
 * the newest column never reads low. */
#include "panels/fleet.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define BEGUN_SHARE 4              /* a step that runs is shown when a quarter of it has passed … */
#define BEGUN_US US_PER_MIN        /* … and so much time */
#define SETTLE_US (2 * US_PER_S)   /* until what happened has arrived and is stored */

static double covered_seconds(int64_t from_us, int64_t to_us, int64_t end_us)
{
	int64_t until = to_us < end_us ? to_us : end_us;

	return until > from_us + US_PER_S ? (double)(until - from_us) / (double)US_PER_S : 1;
}

double query_seconds(const struct panel_query *query)
{
	const struct view *v = &query->view;
	int64_t from = v->from_us > query->data_from_us ? v->from_us : query->data_from_us;

	return covered_seconds(from, v->to_us, query->now_us);
}

bool step_is_whole_enough(int64_t from_us, int64_t step_us, int64_t end_us)
{
	int64_t passed = end_us - from_us;

	return passed >= step_us + SETTLE_US || (passed >= BEGUN_US && passed >= step_us / BEGUN_SHARE);
}

/* Each metric's numbers over the steps, NaN where nothing is known; and away with the sketches they
 * came from, which are a hundred times their size. */
static double *take_series(const struct fleet *f, struct figures_result *res)
{
	size_t steps = res->total.series ? res->steps : 0;
	double *values = steps ? mem_array(NULL, steps * METRIC_COUNT, sizeof *values) : NULL;

	for (size_t i = 0; i < steps; i++) {
		int64_t from = res->from_us + (int64_t)i * res->step_us, to = from + res->step_us;
		bool known = f->data_from_us != 0 && to > f->data_from_us &&
		             step_is_whole_enough(from, res->step_us, f->end_us);

		for (int m = 0; m < METRIC_COUNT; m++) {
			struct value v = known ? metric_value((enum metric)m, &res->total.series[i],
			                                      covered_seconds(from, to, f->end_us))
			                       : value_unknown();

			values[(size_t)m * steps + i] = value_known(v) ? v.number : (double)NAN;
		}
		figures_fini(&res->total.series[i]);
		for (size_t g = 0; g < res->group_count; g++)
			figures_fini(&res->groups[g].series[i]);
	}
	return values;
}

static size_t copy_series(const struct figures_result *res, const double *values, enum metric m,
                          double *out, size_t cap)
{
	size_t steps = values ? res->steps : 0;

	for (size_t i = 0; i < steps && i < cap; i++)
		out[i] = values[(size_t)m * res->steps + i];
	return steps < cap ? steps : cap;
}

size_t fleet_series(const struct fleet *f, enum metric m, double *out, size_t cap)
{
	return copy_series(&f->now, f->values, m, out, cap);
}

size_t fleet_series_before(const struct fleet *f, enum metric m, double *out, size_t cap)
{
	return copy_series(&f->before, f->before_values, m, out, cap);
}

int fleet_load(struct fleet *f, const struct panel_query *query, unsigned needs,
               unsigned series_needs, struct err *err)
{
	struct view view = query->view;
	int64_t length = view.to_us - view.from_us;

	f->end_us = query->now_us;
	f->data_from_us = query->data_from_us;
	view.by_count = 0;
	if (query_figures(query->reader, &view, needs, series_needs, &f->now, err) != 0)
		return -1;
	view.to_us = view.from_us;
	view.from_us -= length;
	if (!query->compare)
		view.step_us = 0;
	if (query_figures(query->reader, &view, needs, query->compare ? series_needs : 0, &f->before,
	                  err) != 0)
		return -1;
	f->values = take_series(f, &f->now);
	f->before_values = take_series(f, &f->before);
	f->seconds = query_seconds(query);
	f->has_now = query->data_from_us > 0 && query->data_from_us < query->view.to_us;
	f->has_before = f->has_now && query->data_from_us <= f->before.from_us + f->now.step_us;
	f->before_seconds = covered_seconds(f->before.from_us, f->before.to_us, f->before.to_us);
	return 0;
}

void fleet_fini(struct fleet *f)
{
	figures_result_fini(&f->now);
	figures_result_fini(&f->before);
	free(f->values);
	free(f->before_values);
}

struct value fleet_value(const struct fleet *f, enum metric m)
{
	if (!f->has_now)
		return value_unknown();
	return metric_value(m, &f->now.total.total, f->seconds);
}

struct value fleet_before(const struct fleet *f, enum metric m)
{
	if (!f->has_before)
		return value_unknown();
	return metric_value(m, &f->before.total.total, f->before_seconds);
}

int fleet_groups(struct figures_result *out, const struct panel_query *query, enum dim by,
                 unsigned needs, struct err *err)
{
	struct view view = query->view;

	view.step_us = 0;
	view.by[0] = by;
	view.by_count = 1;
	return query_figures(query->reader, &view, needs, 0, out, err);
}
