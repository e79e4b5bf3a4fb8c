/* Findings of content safety: how many a minute, of which kind and when. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/search.h"

struct flags {
	struct fleet fleet;
	struct breakdown_result categories; /* with a series each */
	struct figures_result groups;       /* page only */
	enum dim by;
	bool has_rule;
	struct rule rule;
};

static double get_flags(const struct figures *f) { return (double)f->flags; }
static double get_blocked(const struct figures *f) { return (double)f->blocked; }
static double get_flagged(const struct figures *f) { return (double)f->flagged_requests; }

static const struct groups_column flags_columns[] = {
	{{"flags_per_minute", "flag/m", 7, false, 0, false}, METRIC_FLAG_RATE, NULL},
	{{"flags", "flags", 7, false, 0, false}, METRIC_COUNT, get_flags},
	{{"flags_per_1k", "/1k", 6, false, 1, false}, METRIC_FLAGS_PER_1K, NULL},
	{{"flagged_requests", "requests", 8, false, 2, false}, METRIC_COUNT, get_flagged},
	{{"blocked", "blocked", 7, false, 1, false}, METRIC_COUNT, get_blocked},
};

static int fleet_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct flags *f = state;
	const struct rule *rule = rule_for(query->rules, METRIC_FLAG_RATE, &query->view);

	(void)work;
	f->by = query->by;
	if (rule) {
		f->has_rule = true;
		f->rule = *rule;
	}
	if (fleet_load(&f->fleet, query, 0, 0, err) != 0 ||
	    query_breakdown(query->reader, BREAKDOWN_FLAG_CATEGORY, &query->view, &f->categories, err) != 0)
		return -1;
	return 1;
}

static int groups_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct flags *f = state;

	return query->form == PANEL_PAGE ? fleet_groups_go_on(&f->groups, query, query->by, 0, work, err) : 1;
}

static int flags_load(const struct panel_query *query, void *state, struct err *err)
{
	static load_stage *const stages[] = {fleet_stage, groups_stage, NULL};

	return load_in_stages(&flags_panel, query, state, stages, err);
}

static void flags_fini(void *state)
{
	struct flags *f = state;

	fleet_fini(&f->fleet);
	figures_result_fini(&f->groups);
	breakdown_result_fini(&f->categories);
}

static void flags_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct flags *f = state;

	(void)frame;
	groups_sheet(&f->groups, f->by, f->fleet.seconds, flags_columns,
	             (int)(sizeof flags_columns / sizeof *flags_columns), out);
}

static int64_t highest_cell(const struct breakdown_result *b)
{
	int64_t top = 0;

	for (size_t i = 0; i < b->row_count; i++) {
		for (size_t k = 0; b->rows[i].series && k < b->steps; k++)
			top = b->rows[i].series[k] > top ? b->rows[i].series[k] : top;
	}
	return top;
}

/* A step's findings; of one that still runs as many as it will have at this rate, or none yet. */
static double heat_of(const struct flags *f, size_t step, int64_t count)
{
	const struct breakdown_result *b = &f->categories;
	int64_t from = b->from_us + (int64_t)step * b->step_us, passed = f->fleet.end_us - from;

	if (!step_is_whole_enough(from, b->step_us, f->fleet.end_us))
		return NAN;
	return passed < b->step_us ? (double)count * (double)b->step_us / (double)passed : (double)count;
}

/* A row a category: its name, a cell a step on one scale for all, its count and how many of them
 * were blocked. */
static void draw_heat(const struct flags *f, struct surface *s)
{
	const struct breakdown_result *b = &f->categories;
	int64_t top = highest_cell(b);
	const int name = 14, tail = s->width >= 60 ? 18 : 7;
	int width = s->width - name - 2 - tail;
	double cells[SERIES_STEPS_MAX];

	if (b->row_count == 0)
		surface_text(s, 1, 0, ROLE_MUTED, "no findings in this window");
	for (size_t i = 0; i < b->row_count && (int)i < s->height; i++) {
		const struct breakdown_row *row = &b->rows[i];
		size_t steps = b->steps < SERIES_STEPS_MAX ? b->steps : SERIES_STEPS_MAX;
		char text[FIGURE_TEXT_BYTES], count[2 * FIGURE_TEXT_BYTES];
		int y = (int)i;

		surface_outside(s, 1, y, name, ROLE_TEXT, str_of(row->name));
		for (size_t k = 0; k < steps; k++)
			cells[k] = row->series ? heat_of(f, k, row->series[k]) : 0;
		if (width > 4)
			draw_heat_cells(s, name + 2, y, width, cells, steps,
			                b->step_us > 0 ? b->from_us / b->step_us : 0, (double)top);
		snprintf(count, sizeof count, "%s", count_format((double)row->count, text));
		if (tail > 10 && row->blocked > 0)
			snprintf(count, sizeof count, "%s, %lld blocked", text, (long long)row->blocked);
		draw_right(s, s->width - tail, y, tail - 1, ROLE_TEXT, count);
	}
}

static void flags_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	static const struct chart_line line[] = {{METRIC_FLAG_RATE, ROLE_SERIES6, NULL}};
	const struct flags *f = state;
	struct page_parts parts;
	char title[120], text[TIME_TEXT_BYTES], heading[80];

	head_figure(frame, &f->fleet, METRIC_FLAG_RATE, s->ascii, title, sizeof title);
	draw_titled(s, frame, "flags", title);
	parts = page_split(frame, s, 0, 2 + (int)f->categories.row_count, f->groups.group_count);
	if (frame->form == PANEL_TILE) {
		draw_heat(f, &parts.chart);
		return;
	}
	draw_chart(&parts.chart, frame, &f->fleet, line, 1, f->has_rule ? &f->rule : NULL);
	if (parts.extra.height > 1) {
		struct surface heat = surface_part(&parts.extra, (struct rect){0, 1, parts.extra.width,
		                                                              parts.extra.height - 1});

		snprintf(heading, sizeof heading, "by category, %s a cell",
		         duration_format(f->categories.step_us, text));
		surface_rule(&parts.extra, 0, ROLE_BORDER, heading, "count");
		draw_heat(f, &heat);
	}
	draw_breakdown(&flags_panel, state, frame, f->by, &parts);
}

const struct panel flags_panel = {
	.name = "flags",
	.title = "safety flags",
	.help = "Content-safety findings a minute, and each category over time: the darker a cell, the more "
	        "findings in that step, on one scale for all categories. Blocked ones were filtered before "
	        "the user saw them.",
	.page = '6',
	.groups = true,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct flags),
	.load = flags_load,
	.fini = flags_fini,
	.kept_size = sizeof(struct load_stages),
	.kept_fini = load_stages_fini,
	.draw = flags_draw,
	.rows = flags_rows,
	.row_dim = groups_row_dim,
};
