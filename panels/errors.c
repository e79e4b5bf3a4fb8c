/* What fails, of what kind and at whom. Several clients send nothing for a failed call: the rate is
 * then a lower bound and shows ≥. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "ui/bars.h"

struct errors {
	struct fleet fleet;
	struct figures_result groups, providers; /* page only */
	struct breakdown_result types;
	enum dim by;
	bool has_rule;
	struct rule rule;
};

static double get_requests(const struct figures *f) { return (double)f->requests; }
static double get_errors(const struct figures *f) { return (double)f->errors; }

static const struct groups_column errors_columns[] = {
	{{"error_rate", "err%", 7, false, 0, false}, METRIC_ERROR_RATE, NULL},
	{{"errors", "errors", 7, false, 0, false}, METRIC_COUNT, get_errors},
	{{"requests", "requests", 8, false, 1, false}, METRIC_COUNT, get_requests},
	{{"requests_per_second", "req/s", 6, false, 2, false}, METRIC_REQUEST_RATE, NULL},
};

static int errors_load(const struct panel_query *query, void *state, struct err *err)
{
	struct errors *e = state;
	const struct rule *rule = rule_for(query->rules, METRIC_ERROR_RATE, &query->view);
	struct view totals = query->view;

	e->by = query->by;
	if (rule) {
		e->has_rule = true;
		e->rule = *rule;
	}
	if (fleet_load(&e->fleet, query, 0, 0, err) != 0)
		return -1;
	if (query->form != PANEL_PAGE)
		return 0;
	totals.step_us = 0;
	if (fleet_groups(&e->groups, query, query->by, 0, err) != 0 ||
	    fleet_groups(&e->providers, query, DIM_PROVIDER, 0, err) != 0)
		return -1;
	return query_breakdown(query->reader, BREAKDOWN_ERROR_TYPE, &totals, &e->types, err);
}

static void errors_fini(void *state)
{
	struct errors *e = state;

	fleet_fini(&e->fleet);
	figures_result_fini(&e->groups);
	figures_result_fini(&e->providers);
	breakdown_result_fini(&e->types);
}

static void errors_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct errors *e = state;

	(void)frame;
	groups_sheet(&e->groups, e->by, e->fleet.seconds, errors_columns,
	             (int)(sizeof errors_columns / sizeof *errors_columns), out);
}

/* "timeout        412  61% ██████" */
static void draw_types(const struct errors *e, struct surface *s)
{
	int64_t errors = e->fleet.now.total.total.errors;
	char text[FIGURE_TEXT_BYTES];

	surface_rule(s, 0, ROLE_BORDER, "by type", "");
	if (e->types.row_count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "no errors in this window");
	for (size_t i = 0; i < e->types.row_count && (int)i + 1 < s->height; i++) {
		const struct breakdown_row *row = &e->types.rows[i];
		double share = errors > 0 ? (double)row->count / (double)errors : 0;
		int y = (int)i + 1;

		surface_outside(s, 1, y, 16, ROLE_TEXT,
		                row->name[0] ? str_of(row->name) : STR_LIT("unnamed"));
		draw_right(s, 17, y, 7, ROLE_TEXT, count_format((double)row->count, text));
		surface_printf(s, 25, y, ROLE_MUTED, "%3.0f%%", share * 100);
		bar_draw(s, 30, y, s->width - 31, ROLE_NEGATIVE, share);
	}
}

static void draw_providers(const struct errors *e, struct surface *s)
{
	struct sheet sheet = {0};
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});

	surface_rule(s, 0, ROLE_BORDER, "by provider", "");
	groups_sheet(&e->providers, DIM_PROVIDER, e->fleet.seconds, errors_columns, 3, &sheet);
	sheet_arrange(&sheet, "", 1, false);
	sheet_draw(&sheet, NULL, false, false, &table);
	sheet_fini(&sheet);
}

/* Types at the left, providers at the right; types alone where it is narrow. */
static void draw_extra(const struct errors *e, struct surface *s)
{
	int half = s->width >= 76 ? s->width / 2 : s->width;
	struct surface left = surface_part(s, (struct rect){0, 0, half, s->height});
	struct surface right = surface_part(s, (struct rect){half, 0, s->width - half, s->height});

	draw_types(e, &left);
	if (half < s->width)
		draw_providers(e, &right);
}

static void errors_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	static const struct chart_line line[] = {{METRIC_ERROR_RATE, ROLE_SERIES5, NULL}};
	const struct errors *e = state;
	struct page_parts parts;
	char title[120];

	head_figure(frame, &e->fleet, METRIC_ERROR_RATE, s->ascii, title, sizeof title);
	draw_titled(s, frame, "errors", title);
	parts = page_split(frame, s, 0, 8, e->groups.group_count);
	draw_chart(&parts.chart, frame, &e->fleet, line, 1, e->has_rule ? &e->rule : NULL);
	if (parts.extra.height > 1)
		draw_extra(e, &parts.extra);
	draw_breakdown(&errors_panel, state, frame, e->by, &parts);
}

const struct panel errors_panel = {
	.name = "errors",
	.title = "errors",
	.help = "The share of requests that failed, from rollups, by type and by provider. Sources that send "
	        "nothing for a failed call make the rate a lower bound (≥).",
	.page = '6',
	.groups = true,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct errors),
	.load = errors_load,
	.fini = errors_fini,
	.draw = errors_draw,
	.rows = errors_rows,
	.row_dim = groups_row_dim,
};
