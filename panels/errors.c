/* What fails, of what kind and at whom. Several clients send nothing for a failed call: the rate is
 * then a lower bound and shows ≥. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/error_notes.h"
#include "core/serving.h"
#include "panels/draw.h"
#include "panels/error_facts.h"
#include "panels/panels.h"
#include "panels/search.h"
#include "ui/bars.h"

#define RETRY_ROWS 50000 /* looked at, the newest first: the load stays short */
#define LIMIT_LINES 5   /* of rate limits, on a page with so many rows or more: */
#define LINES_ROOM 34
#define BAR 8 /* columns of a type's bar */

struct server_errors {
	bool told;
	double handled, failed; /* sums of rates over the steps: only their ratio means something */
};

struct errors {
	struct fleet fleet;
	struct figures_result groups, providers; /* page only */
	struct breakdown_result types, at_providers; /* the second: by provider, too */
	struct retry_result retries;
	struct headroom_result headroom;
	char untold[UNTOLD_BYTES];           /* who says nothing of its limits */
	struct server_errors servers;        /* what servers and gateways count themselves */
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

/* What a server counts as finished holds what failed, too. */
static void add_server(struct server_errors *out, const struct gauge_series *done,
                       const struct gauge_series *failed)
{
	for (size_t i = 0; i < done->steps && i < failed->steps; i++) {
		if (isnan(done->mean[i]) || isnan(failed->mean[i]))
			continue;
		out->handled += done->mean[i] > failed->mean[i] ? done->mean[i] : failed->mean[i];
		out->failed += failed->mean[i];
	}
}

/* Requests that servers and gateways handled and failed, from their own counters over the window. A
 * server tells failures only when it counts them: one that does not is left out of both sums. */
static int server_errors_load(struct server_errors *out, const struct panel_query *query, struct err *err)
{
	struct gauge_result all = {0};

	if (query_gauges(query->reader, STR_LIT("serving."), query->view.from_us, query->view.to_us,
	                 query->view.step_us, &all, err) != 0)
		return -1;
	for (size_t i = 0; i < all.series_count; i++) {
		const struct gauge_series *failed = &all.series[i];

		if (strcmp(failed->name, serving_metrics[SERVING_FAILURE_RATE].name) != 0)
			continue;
		for (size_t k = 0; k < all.series_count; k++) {
			const struct gauge_series *done = &all.series[k];

			if (strcmp(done->name, serving_metrics[SERVING_REQUEST_RATE].name) == 0 &&
			    strcmp(done->source, failed->source) == 0 &&
			    strcmp(done->instance, failed->instance) == 0)
				add_server(out, done, failed);
		}
	}
	out->told = out->handled > 0;
	gauge_result_fini(&all);
	return 0;
}

static int untold_load(struct errors *e, const struct panel_query *query, const struct view *totals, struct err *err)
{
	struct figures_result models;
	struct view v = *totals;

	v.by[0] = DIM_PROVIDER;
	v.by[1] = DIM_MODEL;
	v.by_count = 2;
	if (query_figures(query->reader, &v, 0, 0, &models, err) != 0)
		return -1;
	headroom_untold(&e->headroom, &models, e->untold);
	figures_result_fini(&models);
	return 0;
}

static int fleet_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct errors *e = state;
	const struct rule *rule = rule_for(query->rules, METRIC_ERROR_RATE, &query->view);

	(void)work;
	e->by = query->by;
	if (rule) {
		e->has_rule = true;
		e->rule = *rule;
	}
	return fleet_load(&e->fleet, query, 0, 0, err) ? -1 : 1;
}

static int groups_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct errors *e = state;

	return fleet_groups_go_on(&e->groups, query, query->by, 0, work, err);
}

static int providers_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct errors *e = state;

	return fleet_groups_go_on(&e->providers, query, DIM_PROVIDER, 0, work, err);
}

static int retries_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct errors *e = state;
	struct view totals = query->view;

	(void)work;
	totals.step_us = 0;
	return query_retries(query->reader, &totals, RETRY_ROWS, &e->retries, err) ? -1 : 1;
}

/* What fails at whom, and who says what of its limits. */
static int facts_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct errors *e = state;
	struct view totals = query->view;

	(void)work;
	totals.step_us = 0;
	if (server_errors_load(&e->servers, query, err) != 0 ||
	    query_headroom(query->reader, totals.from_us, totals.to_us, &e->headroom, err) != 0 ||
	    query_breakdown(query->reader, BREAKDOWN_ERROR_TYPE, &totals, &e->types, err) != 0 ||
	    untold_load(e, query, &totals, err) != 0)
		return -1;
	totals.by[0] = DIM_PROVIDER;
	totals.by_count = 1;
	return query_breakdown(query->reader, BREAKDOWN_ERROR_TYPE, &totals, &e->at_providers, err) ? -1 : 1;
}

static int errors_load(const struct panel_query *query, void *state, struct err *err)
{
	static load_stage *const tile[] = {fleet_stage, NULL};
	static load_stage *const page[] = {fleet_stage, groups_stage, providers_stage, retries_stage, facts_stage, NULL};

	return load_in_stages(&errors_panel, query, state, query->form == PANEL_PAGE ? page : tile, err);
}

static void errors_fini(void *state)
{
	struct errors *e = state;

	fleet_fini(&e->fleet);
	figures_result_fini(&e->groups);
	figures_result_fini(&e->providers);
	breakdown_result_fini(&e->types);
	breakdown_result_fini(&e->at_providers);
	retry_result_fini(&e->retries);
	headroom_result_fini(&e->headroom);
}

static void errors_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct errors *e = state;

	(void)frame;
	groups_sheet(&e->groups, e->by, e->fleet.seconds, errors_columns,
	             (int)(sizeof errors_columns / sizeof *errors_columns), out);
}

/* "clients say ≥0.42%   servers and gateways count 0.61%: 0.19pp more, which clients did not tell" */
static void draw_servers(const struct errors *e, const struct panel_frame *frame, struct surface *s)
{
	struct value clients = fleet_value(&e->fleet, METRIC_ERROR_RATE);
	struct value servers = value_ok(e->servers.failed / e->servers.handled);
	double more = (servers.number - clients.number) * 100;
	char text[FIGURE_TEXT_BYTES];
	int x = 1;

	x += surface_text(s, x, 0, ROLE_MUTED, "requests say ");
	x += surface_text(s, x, 0, figure_style(frame, clients),
	                  figure_format(UNIT_SHARE, clients, s->ascii, text));
	x += surface_text(s, x, 0, ROLE_MUTED, "   servers and gateways count ");
	x += surface_text(s, x, 0, figure_style(frame, servers),
	                  figure_format(UNIT_SHARE, servers, s->ascii, text));
	if (value_known(clients) && more >= 0.1)
		surface_printf(s, x, 0, ROLE_WARNING, ": %.1fpp more, which no client told", more);
	else if (value_known(clients) && more <= -0.1)
		surface_printf(s, x, 0, ROLE_WARNING, ": %.1fpp less, so some calls failed on their way", -more);
	else if (value_known(clients))
		surface_text(s, x, 0, ROLE_MUTED, ": they agree");
}

/* Who fails most by this type: whose documentation counts. */
static const char *provider_of(const struct errors *e, const char *type)
{
	for (size_t i = 0; i < e->at_providers.row_count; i++) { /* highest count first */
		if (strcmp(e->at_providers.rows[i].name, type) == 0)
			return e->at_providers.rows[i].key[0];
	}
	return "";
}

/* "timeout        412  61% ██████  the answer took longer than the client waits: …" */
static void draw_types(const struct errors *e, struct surface *s)
{
	int64_t errors = e->fleet.now.total.total.errors;
	char text[FIGURE_TEXT_BYTES];
	int lines; /* of a type: with room what is known of it has a line of its own */
	int more = s->width >= 110 ? 12 : 0; /* columns for long names */

	surface_rule(s, 0, ROLE_BORDER, "by type", "");
	if (e->types.row_count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "no errors in this window");
	lines = 1 + 2 * (int)e->types.row_count <= s->height ? 2 : 1;
	for (size_t i = 0; i < e->types.row_count && 1 + lines * (int)i < s->height; i++) {
		const struct breakdown_row *row = &e->types.rows[i];
		double share = errors > 0 ? (double)row->count / (double)errors : 0;
		int y = 1 + lines * (int)i, note = lines > 1 ? 3 : 31 + BAR + more;

		surface_outside(s, 1, y, 16 + more, ROLE_TEXT,
		                row->name[0] ? str_of(row->name) : STR_LIT("unnamed"));
		draw_right(s, 17 + more, y, 7, ROLE_TEXT, count_format((double)row->count, text));
		surface_printf(s, 25 + more, y, ROLE_MUTED, "%3.0f%%", share * 100);
		bar_draw(s, 30 + more, y, BAR, ROLE_NEGATIVE, share);
		surface_outside(s, note, y + lines - 1, s->width - note - 1, ROLE_MUTED,
		                str_of(error_note(str_of(provider_of(e, row->name)), str_of(row->name), 0)));
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

/* Types with what is known of them; providers beside them where there is room. */
static void draw_extra(const struct errors *e, struct surface *s)
{
	int half = s->width >= 160 ? s->width * 2 / 3 : s->width;
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
	int facts, limits;

	head_figure(frame, &e->fleet, METRIC_ERROR_RATE, s->ascii, title, sizeof title);
	draw_titled(s, frame, "errors", title);
	limits = headroom_lines(&e->headroom, e->untold, s->height >= LINES_ROOM ? LIMIT_LINES : 1);
	facts = e->servers.told + (e->retries.row_count > 0) + limits;
	parts = page_split(frame, s, facts, 8, e->groups.group_count);
	if (parts.facts.height > 0) {
		int y = 0;

		if (e->servers.told)
			draw_servers(e, frame, &parts.facts);
		y += e->servers.told;
		y += retries_draw(&e->retries, frame, &parts.facts, y);
		headroom_draw(&e->headroom, e->untold, frame, &parts.facts, y, limits);
	}
	draw_chart(&parts.chart, frame, &e->fleet, line, 1, e->has_rule ? &e->rule : NULL);
	if (parts.extra.height > 1)
		draw_extra(e, &parts.extra);
	draw_breakdown(&errors_panel, state, frame, e->by, &parts);
}

const struct panel errors_panel = {
	.name = "errors",
	.title = "errors",
	.help = "The share of requests that failed, from rollups, by type and by provider. Sources that send "
	        "nothing for a failed call make the rate a lower bound (≥). Where a server or gateway counts "
	        "failures itself, both shares stand side by side and the difference is called out. Behind a type stands "
	        "what its provider's documentation says of it; calls that were made again, a storm of them called by "
	        "its name, and what rate limits leave, of what, until when and how old that word is, by provider and model, with "
	        "those that do not tell, stand above.",
	.page = '6',
	.groups = true,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct errors),
	.load = errors_load,
	.fini = errors_fini,
	.kept_size = sizeof(struct load_stages),
	.kept_fini = load_stages_fini,
	.draw = errors_draw,
	.rows = errors_rows,
	.row_dim = groups_row_dim,
};
