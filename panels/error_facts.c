/* Tries come from the newest raw rows, a bounded number of them: no rollup keeps them. Headroom comes from
 * the gauges that gateways and servers report. */
#include "panels/error_facts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/serving.h"
#include "panels/draw.h"
#include "store/query_scan.h"

#define LOOK_US (5 * US_PER_MIN)
#define ROWS_MOST 60000
#define STORM_SHARE 0.2
#define STORM_LEAST 20

struct counting {
	struct retries *out;
	int64_t *by_series;
	size_t series_count;
	int64_t rows;
};

static bool count_row(const struct scan_row *row, void *arg)
{
	struct counting *c = arg;

	c->out->from_us = row->end_us;
	c->out->told += row->attempt > 0;
	if (row->attempt > 1) {
		c->out->again++;
		if (row->series < c->series_count)
			c->by_series[row->series]++;
	}
	return ++c->rows < ROWS_MOST;
}

/* The service and provider with most of the repeated ones. */
static void find_where(struct store_reader *r, const struct counting *c)
{
	size_t most = 0;
	const uint32_t *dims;

	for (size_t i = 1; i < c->series_count; i++)
		most = c->by_series[i] > c->by_series[most] ? i : most;
	if (c->out->again == 0 || c->series_count == 0)
		return;
	dims = scan_series_dims(r, (uint32_t)most);
	c->out->where_share = (double)c->by_series[most] / (double)c->out->again;
	snprintf(c->out->where, sizeof c->out->where, "%.70s at %.70s", scan_name(r, dims[DIM_SERVICE]), scan_name(r, dims[DIM_PROVIDER]));
}

int retries_load(struct retries *out, const struct panel_query *query, struct err *err)
{
	struct scan_query q = {.view = query->view, .newest_first = true};
	struct counting c = {.out = out};
	int result;

	memset(out, 0, sizeof *out);
	q.view.by_count = 0;
	out->from_us = q.view.from_us;
	if (q.view.from_us < query->now_us - LOOK_US)
		q.view.from_us = query->now_us - LOOK_US;
	c.series_count = scan_series_count(query->reader);
	c.by_series = mem_zalloc((c.series_count + 1) * sizeof *c.by_series);
	result = query_scan(query->reader, &q, count_row, &c, err);
	if (result == 0) {
		if (c.rows < ROWS_MOST)
			out->from_us = q.view.from_us;
		find_where(query->reader, &c);
	}
	out->storm = out->again >= STORM_LEAST && (double)out->again >= STORM_SHARE * (double)out->told;
	free(c.by_series);
	return result;
}

static int by_left(const void *a, const void *b)
{
	const struct headroom *x = a, *y = b;

	return x->left < y->left ? -1 : x->left > y->left;
}

int headrooms_load(struct headrooms *out, const struct panel_query *query, struct err *err)
{
	struct gauge_result all = {0};
	struct headroom *found;
	size_t count = 0;

	memset(out, 0, sizeof *out);
	if (query_gauges(query->reader, STR_LIT("serving.remaining_"), query->view.from_us, query->view.to_us, query->view.step_us, &all,
	                 err) != 0)
		return -1;
	found = mem_array(NULL, all.series_count + 1, sizeof *found);
	for (size_t i = 0; i < all.series_count; i++) {
		const struct gauge_series *g = &all.series[i];
		bool tokens = strcmp(g->name, serving_metrics[SERVING_REMAINING_TOKENS].name) == 0;

		if (!tokens && strcmp(g->name, serving_metrics[SERVING_REMAINING_REQUESTS].name) != 0)
			continue;
		for (size_t step = g->steps; step-- > 0;) {
			int64_t at_us = all.from_us + (int64_t)step * all.step_us;

			if (isnan(g->last[step]))
				continue;
			found[count] = (struct headroom){.tokens = tokens, .left = g->last[step], .age_us = query->now_us > at_us ? query->now_us - at_us : 0};
			snprintf(found[count++].instance, sizeof found->instance, "%s", g->instance[0] ? g->instance : g->source);
			break;
		}
	}
	qsort(found, count, sizeof *found, by_left);
	out->count = count < HEADROOM_MAX ? count : HEADROOM_MAX;
	memcpy(out->rows, found, out->count * sizeof *found);
	free(found);
	gauge_result_fini(&all);
	return 0;
}

bool retries_draw(const struct retries *r, const struct panel_frame *frame, struct surface *s, int y)
{
	char again[FIGURE_TEXT_BYTES], told[FIGURE_TEXT_BYTES], since[TIME_TEXT_BYTES];
	int x = 1;

	if (r->told == 0)
		return false;
	if (r->storm)
		x += surface_text(s, x, y, ROLE_CRITICAL | STYLE_BOLD, "RETRY STORM ");
	x += surface_printf(s, x, y, r->storm ? ROLE_CRITICAL : ROLE_TEXT, "%s of %s requests since %s are tried again (%.1f%%)",
	                    count_format((double)r->again, again), count_format((double)r->told, told),
	                    time_format_clock(r->from_us, frame->tz, since), (double)r->again / (double)r->told * 100);
	if (r->where[0]) {
		x += surface_printf(s, x, y, ROLE_MUTED, ", %.0f%% of them ", r->where_share * 100);
		surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT, str_of(r->where));
	}
	return true;
}

bool headrooms_draw(const struct headrooms *h, struct surface *s, int y)
{
	char left[FIGURE_TEXT_BYTES], age[TIME_TEXT_BYTES];
	int x = 1;

	if (h->count == 0)
		return false;
	x += surface_text(s, x, y, ROLE_MUTED, "rate limits leave ");
	for (size_t i = 0; i < h->count && x < s->width - 12; i++) {
		const struct headroom *r = &h->rows[i];

		x += surface_printf(s, x, y, r->left <= 0 ? ROLE_CRITICAL : ROLE_TEXT, "%s %s", count_format(r->left, left), r->tokens ? "tok " : "req ");
		x += surface_outside(s, x, y, 24, ROLE_TEXT, str_of(r->instance));
		if (r->age_us > US_PER_MIN)
			x += surface_printf(s, x, y, ROLE_STALE, " %s ago", duration_format(r->age_us / US_PER_S * US_PER_S, age));
		x += 3;
	}
	return true;
}
