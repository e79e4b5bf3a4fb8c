/* Rollouts as their targets report them. Three shares stand side by side: what is wanted, what the
 * target says, and what arrives, counted from requests. Figures on an arm are that arm's alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "ui/bars.h"

#define PAGE_ROLLOUTS 8

struct rollouts {
	struct rollout_result rollouts;
	struct figures_result arms[PAGE_ROLLOUTS];    /* page: by deployment, of the rollout's service */
	struct rollout_result history[PAGE_ROLLOUTS]; /* page */
	double seconds;
};

static void filter_by(struct view *v, enum dim dim, struct str value)
{
	struct filter *f;

	if (value.len == 0 || v->filter_count == VIEW_FILTERS_MAX)
		return;
	f = &v->filters[v->filter_count++];
	f->dim = dim;
	f->inverted = false;
	snprintf(f->value, sizeof f->value, "%.*s", STR_ARG(value));
}

static int load_arms(const struct panel_query *query, struct rollouts *r, size_t i, struct err *err)
{
	const struct rollout_state *state = &r->rollouts.rows[i].state;
	struct panel_query one = *query;

	filter_by(&one.view, DIM_SERVICE, state->service);
	filter_by(&one.view, DIM_ENVIRONMENT, state->environment);
	if (fleet_groups(&r->arms[i], &one, DIM_DEPLOYMENT, NEED_LATENCY, err) != 0)
		return -1;
	return query_rollout_history(query->reader, state->name, query->view.from_us,
	                             query->view.to_us, &r->history[i], err);
}

static int rollouts_load(const struct panel_query *query, void *state, struct err *err)
{
	struct rollouts *r = state;

	if (query_rollouts(query->reader, &query->view, &r->rollouts, err) != 0)
		return -1;
	r->seconds = query_seconds(query);
	for (size_t i = 0; query->form == PANEL_PAGE && i < r->rollouts.row_count && i < PAGE_ROLLOUTS; i++) {
		if (load_arms(query, r, i, err) != 0)
			return -1;
	}
	return 0;
}

static void rollouts_fini(void *state)
{
	struct rollouts *r = state;

	rollout_result_fini(&r->rollouts);
	for (int i = 0; i < PAGE_ROLLOUTS; i++) {
		figures_result_fini(&r->arms[i]);
		rollout_result_fini(&r->history[i]);
	}
}

static const struct rollout_arm *newest_arm(const struct rollout_state *r)
{
	const struct rollout_arm *arm = NULL;

	for (uint32_t i = 0; i < r->arm_count; i++) {
		if (!arm || str_equal_c(r->arms[i].role, "candidate"))
			arm = &r->arms[i];
	}
	return arm;
}

static style phase_style(struct str phase)
{
	if (str_equal_c(phase, "degraded"))
		return ROLE_CRITICAL | STYLE_BOLD;
	return str_equal_c(phase, "healthy") ? ROLE_OK : ROLE_ACCENT;
}

static void percent_text(double percent, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	if (isnan(percent))
		snprintf(out, FIGURE_TEXT_BYTES, "%s", ascii ? "-" : "–");
	else
		snprintf(out, FIGURE_TEXT_BYTES, "%.0f%%", percent);
}

/* "checkout-assistant v43 ██████▒▒▒▒▒▒▒ 25% progressing" */
static void draw_line(const struct rollout_row *row, const struct panel_frame *frame,
                      struct surface *s, int y)
{
	const struct rollout_arm *arm = newest_arm(&row->state);
	int name = s->width >= 56 ? 18 : 10, phase = s->width >= 50 ? 12 : 0;
	int bar = s->width - name - 9 - 6 - phase;
	char text[FIGURE_TEXT_BYTES];
	double percent;
	int x = 1;

	surface_outside(s, x, y, name, ROLE_TEXT, row->state.name);
	x += name + 1;
	if (!arm)
		return;
	percent = isnan(arm->actual_percent) ? arm->desired_percent : arm->actual_percent;
	surface_outside(s, x, y, 6, ROLE_ACCENT, arm->deployment);
	x += 7;
	if (bar > 3) {
		rollout_draw(s, x, y, bar, frame->stale ? ROLE_STALE : ROLE_SERIES4, percent / 100);
		x += bar;
	}
	percent_text(percent, s->ascii, text);
	draw_right(s, x, y, 5, ROLE_TEXT, text);
	if (phase)
		surface_outside(s, x + 6, y, phase - 1, phase_style(row->state.phase), row->state.phase);
}

static const struct figures *arm_figures(const struct figures_result *res, struct str deployment)
{
	for (size_t i = 0; i < res->group_count; i++) {
		if (str_equal_c(deployment, res->groups[i].key[0]))
			return &res->groups[i].total;
	}
	return NULL;
}

static const struct sheet_column arm_columns[] = {
	{"arm", "ARM", 7, true, 0, false},            {"role", "ROLE", 9, true, 1, false},
	{"desired_percent", "want", 5, false, 0, false}, {"actual_percent", "is", 5, false, 0, false},
	{"arriving_percent", "arrives", 7, false, 0, false}, {"requests", "n", 6, false, 1, false},
	{"latency_p95_s", "p95", 6, false, 0, false}, {"error_rate", "err%", 5, false, 0, false},
	{"cost_usd_per_1k", "$/1k", 6, false, 0, false}, {"flags_per_1k", "flg/1k", 6, false, 2, false},
	{"negative_per_100", "-/100", 5, false, 2, false},
};
#define ARM_COLUMNS ((int)(sizeof arm_columns / sizeof *arm_columns))

static void set_percent(struct sheet *out, struct sheet_row *row, int column, double percent)
{
	char text[FIGURE_TEXT_BYTES];

	percent_text(percent, false, text);
	sheet_set_value(out, row, column, isnan(percent) ? value_unknown() : value_ok(percent), text);
}

static void add_arm(const struct rollouts *r, size_t i, uint32_t k, struct sheet *out)
{
	static const enum metric arm_metrics[] = {METRIC_LATENCY_P95, METRIC_ERROR_RATE,
	                                          METRIC_COST_PER_1K, METRIC_FLAGS_PER_1K,
	                                          METRIC_NEGATIVE_PER_100};
	const struct rollout_row *rollout = &r->rollouts.rows[i];
	const struct rollout_arm *arm = &rollout->state.arms[k];
	const struct figures *f = arm_figures(&r->arms[i], arm->deployment);
	struct value n = f ? value_ok((double)f->requests) : value_unknown();
	struct sheet_row *row = sheet_add(out, arm->deployment);
	char text[FIGURE_TEXT_BYTES];

	sheet_set_text(out, row, 0, arm->deployment);
	sheet_set_text(out, row, 1, arm->role);
	set_percent(out, row, 2, arm->desired_percent);
	set_percent(out, row, 3, arm->actual_percent);
	set_percent(out, row, 4, rollout->arriving_percent[k]);
	sheet_set_value(out, row, 5, n, figure_format_bare(UNIT_COUNT, n, false, text));
	for (int m = 0; m < 5; m++) {
		struct value v = f ? metric_value(arm_metrics[m], f, r->seconds) : value_unknown();

		sheet_set_value(out, row, 6 + m, v,
		                figure_format_bare(metrics[arm_metrics[m]].unit, v, false, text));
	}
}

static void rollouts_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct rollouts *r = state;

	(void)frame;
	sheet_set_columns(out, arm_columns, ARM_COLUMNS);
	for (size_t i = 0; i < r->rollouts.row_count && i < PAGE_ROLLOUTS; i++) {
		for (uint32_t k = 0; k < r->rollouts.rows[i].state.arm_count; k++)
			add_arm(r, i, k, out);
	}
}

static int draw_arms(const struct rollouts *r, size_t i, const struct panel_frame *frame,
                     struct surface *s, int y)
{
	const struct rollout_state *state = &r->rollouts.rows[i].state;
	struct sheet sheet = {0};
	struct surface table = surface_part(s, (struct rect){0, y, s->width, s->height - y});

	sheet_set_columns(&sheet, arm_columns, ARM_COLUMNS);
	for (uint32_t k = 0; k < state->arm_count; k++)
		add_arm(r, i, k, &sheet);
	y += 1 + sheet_draw(&sheet, NULL, false, frame->stale, &table);
	sheet_fini(&sheet);
	return y;
}

/* "13:12:04 degraded  v42 75% v43 25%  why" , newest first. */
static int draw_history(const struct rollout_result *history, const struct panel_frame *frame,
                        struct surface *s, int y, int rows)
{
	for (size_t i = history->row_count; i-- > 0 && rows > 0 && y < s->height; rows--, y++) {
		const struct rollout_state *h = &history->rows[i].state;
		char clock[TIME_TEXT_BYTES], percent[FIGURE_TEXT_BYTES];
		int x = 1;

		x += surface_text(s, x, y, ROLE_MUTED, time_format_clock(h->time_us, frame->tz, clock)) + 1;
		x += surface_outside(s, x, y, 12, phase_style(h->phase), h->phase) + 1;
		for (uint32_t k = 0; k < h->arm_count; k++) {
			x += surface_outside(s, x, y, 10, ROLE_ACCENT, h->arms[k].deployment);
			percent_text(h->arms[k].desired_percent, s->ascii, percent);
			x += surface_printf(s, x, y, ROLE_TEXT, " %s ", percent);
		}
		surface_outside(s, x, y, s->width - x - 1, ROLE_MUTED, h->reason);
	}
	return y;
}

static int draw_rollout(const struct rollouts *r, size_t i, const struct panel_frame *frame,
                        struct surface *s, int y)
{
	const struct rollout_row *row = &r->rollouts.rows[i];

	draw_line(row, frame, s, y++);
	if (row->state.reason.len > 0 && y < s->height)
		surface_outside(s, 3, y++, s->width - 4, ROLE_MUTED, row->state.reason);
	if (i < PAGE_ROLLOUTS && y + 2 < s->height)
		y = draw_arms(r, i, frame, s, y);
	if (i < PAGE_ROLLOUTS && r->history[i].row_count > 0 && y + 2 < s->height) {
		surface_rule(s, y, ROLE_BORDER, "history", "");
		y = draw_history(&r->history[i], frame, s, y + 1, r->rollouts.row_count > 2 ? 3 : 8);
	}
	return y + 1;
}

static void rollouts_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct rollouts *r = state;
	char title[48];
	int y = 1;

	snprintf(title, sizeof title, "rollouts %zu", r->rollouts.row_count);
	draw_head(s, frame, title,
	          frame->form == PANEL_PAGE ? "want, is (as the target says), arrives (as requests tell)"
	                                    : "candidate's share");
	if (r->rollouts.row_count == 0)
		surface_text(s, 1, y, ROLE_MUTED, "no rollout reported");
	for (size_t i = 0; i < r->rollouts.row_count && y < s->height; i++) {
		if (frame->form == PANEL_PAGE)
			y = draw_rollout(r, i, frame, s, y);
		else
			draw_line(&r->rollouts.rows[i], frame, s, y++);
	}
}

const struct panel rollouts_panel = {
	.name = "rollouts",
	.title = "rollouts",
	.help = "Each rollout with its arms: the share that is wanted, the share its target reports, and the "
	        "share of requests that arrives in the window. They differ while a change is on its way, and "
	        "when somebody else turned a knob. Latency, errors, cost, flags and mood are each arm's own.",
	.page = '4',
	.pace_us = 2 * US_PER_S,
	.state_size = sizeof(struct rollouts),
	.load = rollouts_load,
	.fini = rollouts_fini,
	.draw = rollouts_draw,
	.rows = rollouts_rows,
};
