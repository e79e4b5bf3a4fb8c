/* Traffic: requests a second, tokens in and out. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/search.h"

struct requests {
	struct fleet fleet;
	struct figures_result groups; /* page only */
	enum dim by;
	bool has_rule;
	struct rule rule;
};

static double get_requests(const struct figures *f) { return (double)f->requests; }
static double get_input_p50(const struct figures *f)
{
	return (double)sketch_quantile(&f->sketches[SKETCH_INPUT_TOKENS], .5);
}
static double get_output_p50(const struct figures *f)
{
	return (double)sketch_quantile(&f->sketches[SKETCH_OUTPUT_TOKENS], .5);
}

static const struct groups_column requests_columns[] = {
	{{"requests_per_second", "req/s", 7, false, 0, false}, METRIC_REQUEST_RATE, NULL},
	{{"requests", "requests", 8, false, 0, false}, METRIC_COUNT, get_requests},
	{{"input_tokens_per_second", "in tok/s", 8, false, 1, false}, METRIC_INPUT_TOKEN_RATE, NULL},
	{{"output_tokens_per_second", "out tok/s", 9, false, 1, false}, METRIC_OUTPUT_TOKEN_RATE, NULL},
	{{"input_tokens_p50", "in p50", 7, false, 2, false}, METRIC_COUNT, get_input_p50},
	{{"output_tokens_p50", "out p50", 7, false, 2, false}, METRIC_COUNT, get_output_p50},
};

static int fleet_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct requests *r = state;
	const struct rule *rule = rule_for(query->rules, METRIC_REQUEST_RATE, &query->view);

	(void)work;
	r->by = query->by;
	if (rule) {
		r->has_rule = true;
		r->rule = *rule;
	}
	return fleet_load(&r->fleet, query, 0, 0, err) ? -1 : 1;
}

static int groups_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct requests *r = state;

	return query->form == PANEL_PAGE ? fleet_groups_go_on(&r->groups, query, query->by, NEED_INPUT | NEED_OUTPUT, work, err) : 1;
}

static int requests_load(const struct panel_query *query, void *state, struct err *err)
{
	static load_stage *const stages[] = {fleet_stage, groups_stage, NULL};

	return load_in_stages(&requests_panel, query, state, stages, err);
}

static void requests_fini(void *state)
{
	struct requests *r = state;

	fleet_fini(&r->fleet);
	figures_result_fini(&r->groups);
}

static void requests_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct requests *r = state;

	(void)frame;
	groups_sheet(&r->groups, r->by, r->fleet.seconds, requests_columns,
	             (int)(sizeof requests_columns / sizeof *requests_columns), out);
}

static void draw_tokens(const struct requests *r, const struct panel_frame *frame, struct surface *s)
{
	static const struct chart_line lines[] = {{METRIC_INPUT_TOKEN_RATE, ROLE_SERIES2, "in"},
	                                          {METRIC_OUTPUT_TOKEN_RATE, ROLE_SERIES3, "out"}};
	struct surface chart = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	struct value in = fleet_value(&r->fleet, METRIC_INPUT_TOKEN_RATE);
	struct value out = fleet_value(&r->fleet, METRIC_OUTPUT_TOKEN_RATE);
	char a[FIGURE_TEXT_BYTES], b[FIGURE_TEXT_BYTES], title[2 * FIGURE_TEXT_BYTES + 24];

	snprintf(title, sizeof title, "tokens in %s out %s",
	         figure_format(UNIT_PER_SECOND, in, s->ascii, a),
	         figure_format(UNIT_PER_SECOND, out, s->ascii, b));
	surface_rule(s, 0, ROLE_BORDER, title, "");
	draw_chart(&chart, frame, &r->fleet, lines, 2, NULL);
}

static void requests_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	static const struct chart_line line[] = {{METRIC_REQUEST_RATE, ROLE_SERIES1, NULL}};
	const struct requests *r = state;
	struct page_parts parts;
	char title[120];

	head_figure(frame, &r->fleet, METRIC_REQUEST_RATE, s->ascii, title, sizeof title);
	draw_titled(s, frame, "requests", title);
	parts = page_split(frame, s, 0, 8, r->groups.group_count);
	draw_chart(&parts.chart, frame, &r->fleet, line, 1, r->has_rule ? &r->rule : NULL);
	if (parts.extra.height > 3)
		draw_tokens(r, frame, &parts.extra);
	draw_breakdown(&requests_panel, state, frame, r->by, &parts);
}

const struct panel requests_panel = {
	.name = "requests",
	.title = "requests",
	.help = "Requests a second and tokens in and out over the window, from rollups. A request counts in "
	        "the bucket in which it was completed.",
	.page = '6',
	.groups = true,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct requests),
	.load = requests_load,
	.fini = requests_fini,
	.kept_size = sizeof(struct load_stages),
	.kept_fini = load_stages_fini,
	.draw = requests_draw,
	.rows = requests_rows,
	.row_dim = groups_row_dim,
};
