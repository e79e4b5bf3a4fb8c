/* How long answers take: quantiles from mergeable sketches (nearest rank, under 1 % error). Where
 * few requests stand behind a p99, their number stands beside it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/search.h"
#include "ui/bars.h"

#define FEW 1000 /* fewer requests than this: a p99 rests on under ten of them */

struct latency {
	struct fleet fleet;
	struct figures_result groups, models; /* page only; models: unless the groups are */
	enum dim by;
	bool has_rule;
	struct rule rule;
};

static double get_requests(const struct figures *f) { return (double)f->requests; }
static double get_slowest(const struct figures *f)
{
	int64_t us = sketch_quantile(&f->sketches[SKETCH_LATENCY_US], 1);

	return us < 0 ? (double)NAN : (double)us / 1e6;
}

static const struct groups_column latency_columns[] = {
	{{"latency_p50_s", "p50", 7, false, 1, false}, METRIC_LATENCY_P50, NULL},
	{{"latency_p90_s", "p90", 7, false, 4, false}, METRIC_LATENCY_P90, NULL},
	{{"latency_p95_s", "p95", 7, false, 0, false}, METRIC_LATENCY_P95, NULL},
	{{"latency_p99_s", "p99", 7, false, 0, false}, METRIC_LATENCY_P99, NULL},
	{{"requests", "n", 7, false, 0, false}, METRIC_COUNT, get_requests},
	{{"latency_max_s", "max s", 7, false, 3, false}, METRIC_COUNT, get_slowest},
	{{"ttft_p50_s", "ttft50", 7, false, 3, false}, METRIC_TTFT_P50, NULL},
	{{"ttft_p95_s", "ttft95", 7, false, 2, false}, METRIC_TTFT_P95, NULL},
};

#define LATENCY_NEEDS (NEED_LATENCY | NEED_TTFT)

static int fleet_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct latency *l = state;
	const struct rule *rule = rule_for(query->rules, METRIC_LATENCY_P95, &query->view);

	(void)work;
	l->by = query->by;
	if (rule) {
		l->has_rule = true;
		l->rule = *rule;
	}
	return fleet_load(&l->fleet, query, LATENCY_NEEDS, LATENCY_NEEDS, err) ? -1 : 1;
}

static int groups_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct latency *l = state;

	return query->form == PANEL_PAGE ? fleet_groups_go_on(&l->groups, query, query->by, LATENCY_NEEDS, work, err) : 1;
}

static int models_stage(const struct panel_query *query, void *state, struct load_stages *work, struct err *err)
{
	struct latency *l = state;

	if (query->form != PANEL_PAGE || query->by == DIM_MODEL)
		return 1;
	return fleet_groups_go_on(&l->models, query, DIM_MODEL, NEED_LATENCY, work, err);
}

static int latency_load(const struct panel_query *query, void *state, struct err *err)
{
	static load_stage *const stages[] = {fleet_stage, groups_stage, models_stage, NULL};

	return load_in_stages(&latency_panel, query, state, stages, err);
}

/* By model: the groups themselves where the page is grouped so. */
static const struct figures_result *boxes_of(const struct latency *l)
{
	return l->by == DIM_MODEL ? &l->groups : &l->models;
}

static void latency_fini(void *state)
{
	struct latency *l = state;

	fleet_fini(&l->fleet);
	figures_result_fini(&l->groups);
	figures_result_fini(&l->models);
}

static void latency_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct latency *l = state;

	(void)frame;
	groups_sheet(&l->groups, l->by, l->fleet.seconds, latency_columns,
	             (int)(sizeof latency_columns / sizeof *latency_columns), out);
}

/* "p50 .90s p90 … ttft p50 … p95 …", in the colours of the chart's lines; n when it is small. */
static void draw_facts(const struct latency *l, const struct panel_frame *frame, struct surface *s)
{
	static const struct {
		const char *name;
		enum metric metric;
		enum role role;
	} facts[] = {
		{"p50", METRIC_LATENCY_P50, ROLE_SERIES2}, {"p90", METRIC_LATENCY_P90, ROLE_SERIES3},
		{"p95", METRIC_LATENCY_P95, ROLE_SERIES1}, {"p99", METRIC_LATENCY_P99, ROLE_SERIES4},
		{"ttft p50", METRIC_TTFT_P50, ROLE_TEXT},  {"ttft p95", METRIC_TTFT_P95, ROLE_TEXT},
	};
	int64_t n = l->fleet.now.total.total.sketches[SKETCH_LATENCY_US].count;
	char text[FIGURE_TEXT_BYTES];
	int x = 1;

	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		struct value v = fleet_value(&l->fleet, facts[i].metric);

		x += surface_printf(s, x, 0, frame->stale ? ROLE_STALE : (style)facts[i].role, "%s ",
		                    facts[i].name);
		x += surface_text(s, x, 0, figure_style(frame, v),
		                  figure_format(UNIT_SECONDS, v, s->ascii, text));
		if (facts[i].metric == METRIC_LATENCY_P99 && n > 0 && n < FEW)
			x += surface_printf(s, x, 0, ROLE_WARNING, " n=%lld", (long long)n);
		x += 2;
	}
}

/* One box a model on a common scale: whiskers at p5 and p99, the box to p95, the median in it. */
static void draw_boxes(const struct latency *l, const struct panel_frame *frame, struct surface *s)
{
	const struct figures_result *models = boxes_of(l);
	const int name = 16, tail = 22;
	double top = 0;
	int y = 1;

	surface_rule(s, 0, ROLE_BORDER, "by model: p5, p50, p95, p99", "p50  p99");
	for (size_t i = 0; i < models->group_count; i++) {
		double p99 = (double)sketch_quantile(&models->groups[i].total.sketches[SKETCH_LATENCY_US], .99);

		top = p99 > top ? p99 : top;
	}
	for (size_t i = 0; i < models->group_count && y < s->height; i++) {
		const struct figures_group *g = &models->groups[i];
		const struct sketch *sk = &g->total.sketches[SKETCH_LATENCY_US];
		struct value p50 = metric_value(METRIC_LATENCY_P50, &g->total, 1);
		struct value p99 = metric_value(METRIC_LATENCY_P99, &g->total, 1);
		struct box box = {(double)sketch_quantile(sk, .05), (double)sketch_quantile(sk, .50),
		                  (double)sketch_quantile(sk, .95), (double)sketch_quantile(sk, .99)};
		char a[FIGURE_TEXT_BYTES], b[FIGURE_TEXT_BYTES], text[2 * FIGURE_TEXT_BYTES + 8];

		if (sk->count == 0)
			continue;
		surface_outside(s, 1, y, name, ROLE_TEXT, str_of(g->key[0]));
		box_draw(s, name + 2, y, s->width - name - tail - 2,
		         frame->stale ? ROLE_STALE : ROLE_SERIES1, box, top);
		snprintf(text, sizeof text, "%s %6s%s", figure_format(UNIT_SECONDS, p50, s->ascii, a),
		         figure_format(UNIT_SECONDS, p99, s->ascii, b), sk->count < FEW ? " few" : "");
		draw_right(s, 0, y++, s->width - 1, ROLE_TEXT, text);
	}
}

static void latency_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	static const struct chart_line lines[] = {{METRIC_LATENCY_P95, ROLE_SERIES1, "p95"},
	                                          {METRIC_LATENCY_P50, ROLE_SERIES2, "p50"},
	                                          {METRIC_LATENCY_P90, ROLE_SERIES3, "p90"},
	                                          {METRIC_LATENCY_P99, ROLE_SERIES4, "p99"}};
	const struct latency *l = state;
	struct page_parts parts;
	char title[120];

	head_figure(frame, &l->fleet, METRIC_LATENCY_P95, s->ascii, title, sizeof title);
	draw_titled(s, frame, "latency p95", title);
	parts = page_split(frame, s, 1, 2 + (int)boxes_of(l)->group_count, l->groups.group_count);
	if (parts.facts.height > 0)
		draw_facts(l, frame, &parts.facts);
	draw_chart(&parts.chart, frame, &l->fleet, lines, 4, l->has_rule ? &l->rule : NULL);
	if (parts.extra.height > 2)
		draw_boxes(l, frame, &parts.extra);
	draw_breakdown(&latency_panel, state, frame, l->by, &parts);
}

const struct panel latency_panel = {
	.name = "latency",
	.title = "latency",
	.help = "How long whole calls take and when the first token comes: quantiles of the window by "
	        "nearest rank from sketches with under 1 % error. n stands beside a p99 when fewer than "
	        "1,000 requests are behind it. The boxes compare models on one scale.",
	.page = '6',
	.groups = true,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct latency),
	.load = latency_load,
	.fini = latency_fini,
	.kept_size = sizeof(struct load_stages),
	.kept_fini = load_stages_fini,
	.draw = latency_draw,
	.rows = latency_rows,
	.row_dim = groups_row_dim,
};
