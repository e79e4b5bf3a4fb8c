/* What the tokens cost. Sums are exact nano-dollars from rollups; a request without a price adds
 * nothing and is counted as unpriced, so that the sum is then a lower bound and says so. */
#include <stdio.h>
#include <string.h>

#include "core/money.h"
#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/search.h"

struct cost {
	struct fleet fleet;
	struct figures_result groups; /* page only */
	enum dim by;
	bool has_rule;
	struct rule rule;
};

static double get_requests(const struct figures *f) { return (double)f->requests; }
static double get_unpriced(const struct figures *f) { return (double)f->unpriced; }
static double get_input(const struct figures *f) { return (double)f->input_tokens; }
static double get_output(const struct figures *f) { return (double)f->output_tokens; }

static const struct groups_column cost_columns[] = {
	{{"cost_usd", "$", 8, false, 0, false}, METRIC_COST, NULL},
	{{"cost_usd_per_hour", "$/h", 7, false, 1, false}, METRIC_COST_RATE, NULL},
	{{"cost_usd_per_1k", "$/1k", 7, false, 1, false}, METRIC_COST_PER_1K, NULL},
	{{"requests", "requests", 8, false, 3, false}, METRIC_COUNT, get_requests},
	{{"input_tokens", "tok in", 7, false, 4, false}, METRIC_COUNT, get_input},
	{{"output_tokens", "tok out", 7, false, 4, false}, METRIC_COUNT, get_output},
	{{"cache_hit_share", "cache%", 6, false, 2, false}, METRIC_CACHE_HIT_SHARE, NULL},
	{{"unpriced_requests", "unpriced", 8, false, 2, false}, METRIC_COUNT, get_unpriced},
};

static int fleet_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct cost *c = state;
	const struct rule *rule = rule_for(query->rules, METRIC_COST_RATE, &query->view);

	(void)work;
	c->by = query->by;
	if (rule) {
		c->has_rule = true;
		c->rule = *rule;
	}
	return fleet_load(&c->fleet, query, 0, 0, err) ? -1 : 1;
}

static int groups_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct cost *c = state;

	return query->form == PANEL_PAGE ? fleet_groups_go_on(&c->groups, query, query->by, 0, work, err) : 1;
}

static int cost_load(const struct panel_query *query, void *state, struct err *err)
{
	static load_stage *const stages[] = {fleet_stage, groups_stage, NULL};

	return load_in_stages(&cost_panel, query, state, stages, err);
}

static void cost_fini(void *state)
{
	struct cost *c = state;

	fleet_fini(&c->fleet);
	figures_result_fini(&c->groups);
}

static void cost_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct cost *c = state;

	(void)frame;
	groups_sheet(&c->groups, c->by, c->fleet.seconds, cost_columns,
	             (int)(sizeof cost_columns / sizeof *cost_columns), out);
}

/* The sum, how it came about, and what is missing from it. */
static void draw_facts(const struct cost *c, const struct panel_frame *frame, struct surface *s, int y)
{
	const struct figures *f = &c->fleet.now.total.total;
	char text[FIGURE_TEXT_BYTES], money[MONEY_TEXT_BYTES];
	struct value cache = fleet_value(&c->fleet, METRIC_CACHE_HIT_SHARE);
	int x = 1;

	x += surface_printf(s, x, y, frame->stale ? ROLE_STALE : ROLE_TEXT | STYLE_BOLD, "%s%s",
	                    f->unpriced > 0 ? (s->ascii ? ">=" : "≥") : "",
	                    f->requests > 0 ? money_format_short(f->cost_nusd, 10, money)
	                                    : (s->ascii ? "-" : "–"));
	x += surface_text(s, x, y, ROLE_MUTED, " in this window  cache hits ");
	x += surface_text(s, x, y, figure_style(frame, cache),
	                  figure_format(UNIT_SHARE, cache, s->ascii, text));
	x += surface_text(s, x, y, ROLE_MUTED, " of input  unpriced ");
	x += surface_text(s, x, y, f->unpriced > 0 ? ROLE_WARNING : ROLE_TEXT,
	                  count_format((double)f->unpriced, text));
	if (f->reported_cost > 0) {
		x += surface_text(s, x, y, ROLE_MUTED, "  reported by source ");
		surface_text(s, x, y, ROLE_TEXT, count_format((double)f->reported_cost, text));
	}
}

static void cost_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	static const struct chart_line line[] = {{METRIC_COST_RATE, ROLE_SERIES1, NULL}};
	const struct cost *c = state;
	struct page_parts parts;
	char title[120];

	head_figure(frame, &c->fleet, METRIC_COST_RATE, s->ascii, title, sizeof title);
	draw_titled(s, frame, "cost", title);
	parts = page_split(frame, s, 1, 0, c->groups.group_count);
	if (parts.facts.height > 0)
		draw_facts(c, frame, &parts.facts, 0);
	draw_chart(&parts.chart, frame, &c->fleet, line, 1, c->has_rule ? &c->rule : NULL);
	draw_breakdown(&cost_panel, state, frame, c->by, &parts);
}

const struct panel cost_panel = {
	.name = "cost",
	.title = "cost",
	.help = "Dollars an hour over the window, from exact sums in rollups. The page adds the sum, the "
	        "share of input tokens that came from a cache, and how many requests had no price: those "
	        "are not free, they are missing, and the sum is then a lower bound (≥).",
	.page = '6',
	.groups = true,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct cost),
	.load = cost_load,
	.fini = cost_fini,
	.kept_size = sizeof(struct load_stages),
	.kept_fini = load_stages_fini,
	.draw = cost_draw,
	.rows = cost_rows,
	.row_dim = groups_row_dim,
};
