/* Lines from above to below, the needed ones first: what a low screen cuts off is the past. What the
 * collector says of the moment (steps, targets, its verdicts over the whole step) wins over what the
 * panel computes from the window alone. */
#include "panels/rollout_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ui/bars.h"

#define LABEL_COLUMNS 10
#define VALUE_COLUMNS 9
#define CHANGE_COLUMNS 9
#define LIMIT_COLUMNS 8

const char *rollout_kind(const struct rollout_sheet *r)
{
	if (r->row->state.arm_count > 2)
		return "A/B/n";
	return r->rule && r->rule->step_count == 1 ? "blue-green" : "canary";
}

double rollout_share(const struct rollout_sheet *r, size_t arm)
{
	const struct rollout_arm *a = &r->row->state.arms[arm];

	if (r->live && arm < r->live->arm_count && !isnan(r->live->arms[arm].actual_percent))
		return r->live->arms[arm].actual_percent;
	return isnan(a->actual_percent) ? a->desired_percent : a->actual_percent;
}

double rollout_wanted_share(const struct rollout_sheet *r, size_t arm)
{
	if (r->live && arm < r->live->arm_count && !isnan(r->live->arms[arm].desired_percent))
		return r->live->arms[arm].desired_percent;
	return r->row->state.arms[arm].desired_percent;
}

enum state rollout_verdict_state(enum ab_verdict v)
{
	return v == AB_FAIL ? STATE_CRITICAL : v == AB_PASS ? STATE_OK : STATE_UNKNOWN;
}

const char *rollout_verdict_word(enum ab_verdict v)
{
	static const char *const words[] = {"UNKNOWN", "INCONCLUSIVE", "PASS", "FAIL"};

	return words[v];
}

char *rollout_percent(double percent, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	if (isnan(percent))
		snprintf(out, FIGURE_TEXT_BYTES, "%s", ascii ? "-" : "–");
	else
		snprintf(out, FIGURE_TEXT_BYTES, percent > 0 && percent < 9.95 && percent != floor(percent) ? "%.1f%%" : "%.0f%%",
		         percent);
	return out;
}

style rollout_phase_style(struct str phase)
{
	if (str_equal_c(phase, "degraded") || str_equal_c(phase, "failing"))
		return ROLE_CRITICAL | STYLE_BOLD;
	return str_equal_c(phase, "healthy") ? ROLE_OK : ROLE_ACCENT;
}

static struct str role_word(const struct rollout_sheet *r, size_t arm)
{
	if (strcmp(rollout_kind(r), "blue-green") == 0)
		return rollout_share(r, arm) >= 50 ? STR_LIT("live") : STR_LIT("idle");
	return r->row->state.arms[arm].role;
}

/* ── shares ────────────────────────────────────────────────────────────────────────────────── */

/* " v42 stable 75% ██████▒▒▒ 25% v43 candidate" */
static void draw_two_arms(const struct rollout_sheet *r, struct surface *s, int y, bool stale)
{
	const struct rollout_arm *arms = r->row->state.arms;
	char left[FIGURE_TEXT_BYTES], right[FIGURE_TEXT_BYTES];
	double stable = rollout_share(r, 0);
	int room = s->width >= 60 ? 12 : 6, x = 1, end = s->width - 1;

	rollout_percent(stable, s->ascii, left);
	rollout_percent(rollout_share(r, 1), s->ascii, right);
	x += surface_outside(s, x, y, room, ROLE_SERIES1, arms[0].deployment) + 1;
	if (s->width >= 60)
		x += surface_outside(s, x, y, 9, ROLE_MUTED, role_word(r, 0)) + 1;
	x += surface_text(s, x, y, ROLE_TEXT | STYLE_BOLD, left) + 1;
	end -= room + 5 + (s->width >= 60 ? 10 : 0);
	if (end - x > 3 && !isnan(stable))
		rollout_draw(s, x, y, end - x - 1, stale ? ROLE_STALE : ROLE_SERIES1, stable / 100);
	x = end;
	x += surface_text(s, x, y, ROLE_TEXT | STYLE_BOLD, right) + 1;
	x += surface_outside(s, x, y, room, ROLE_SERIES4, arms[1].deployment) + 1;
	if (s->width >= 60)
		surface_outside(s, x, y, 9, ROLE_MUTED, role_word(r, 1));
}

/* More arms: one bar of all, and each arm's name and share under it. */
static int draw_many_arms(const struct rollout_sheet *r, struct surface *s, int y)
{
	static const style roles[] = {ROLE_SERIES1, ROLE_SERIES4, ROLE_SERIES2, ROLE_SERIES3,
	                                  ROLE_SERIES5, ROLE_SERIES6, ROLE_ACCENT, ROLE_TEXT};
	static const char marks[] = "#=+-*%@o";
	struct bar_part parts[ROLLOUT_ARMS_MAX] = {{0}};
	size_t count = r->row->state.arm_count;
	char percent[FIGURE_TEXT_BYTES];
	int x = 1;

	for (size_t i = 0; i < count; i++) {
		double share = rollout_share(r, i);

		parts[i] = (struct bar_part){isnan(share) ? 0 : share, roles[i], marks[i]};
	}
	stacked_draw(s, 1, y, s->width - 2, parts, count);
	for (size_t i = 0; i < count && x < s->width; i++) {
		x += surface_outside(s, x, y + 1, 14, roles[i], r->row->state.arms[i].deployment) + 1;
		x += surface_text(s, x, y + 1, ROLE_TEXT,
		                  rollout_percent(rollout_share(r, i), s->ascii, percent)) + 3;
	}
	return y + 2;
}

/* ── step, gate, targets ───────────────────────────────────────────────────────────────────── */

/* Steps that the candidates' share has reached. */
static size_t step_reached(const struct rollout_sheet *r)
{
	double exposure = 100 - rollout_wanted_share(r, 0);
	size_t step = 0;

	while (step < r->rule->step_count && exposure + 0.01 >= r->rule->steps[step])
		step++;
	return step;
}

static int draw_hold(const struct rollout_sheet *r, struct surface *s, int x, int y)
{
	int64_t hold = r->live->hold_us, left = r->live->hold_left_us;
	char text[TIME_TEXT_BYTES];
	int start = x;

	if (hold <= 0 || left < 0)
		return 0;
	if (s->width >= 70) {
		gauge_draw(s, x, y, 16, ROLE_GAUGE, 1 - (double)left / (double)hold);
		x += 17;
	}
	duration_format(left / US_PER_S * US_PER_S, text);
	x += left > 0 ? surface_printf(s, x, y, ROLE_TEXT, "%s left  ", text)
	              : surface_text(s, x, y, ROLE_TEXT, "hold is over  ");
	return x - start;
}

/* " step 2/4 25% hold 10m  [█████   ] 4m12s left  HELD" */
static int draw_step(const struct rollout_sheet *r, struct surface *s, int y)
{
	int64_t step = r->live ? r->live->step : -1, count = r->rule ? (int64_t)r->rule->step_count : -1;
	char text[TIME_TEXT_BYTES];
	int x = 1;

	if (step < 0 && r->rule)
		step = (int64_t)step_reached(r);
	if (strcmp(rollout_kind(r), "canary") != 0)
		x += surface_printf(s, x, y, ROLE_TITLE, "%s  ", rollout_kind(r));
	if (step >= 0 && count > 1)
		x += surface_printf(s, x, y, ROLE_TEXT, "step %lld/%lld ", (long long)step, (long long)count);
	if (r->rule && count > 1 && step > 0 && (size_t)step <= r->rule->step_count)
		x += surface_printf(s, x, y, ROLE_MUTED, "%.3g%% hold %s  ", r->rule->steps[step - 1],
		                    duration_format(r->rule->hold_us, text));
	if (r->live) {
		x += draw_hold(r, s, x, y);
		if (r->live->held)
			x += surface_text(s, x, y, ROLE_WARNING | STYLE_BOLD, "HELD: H resumes  ");
	}
	return x;
}

static void draw_gate(const struct rollout_sheet *r, struct surface *s, int x, int y)
{
	enum ab_verdict gate = rollout_gate(r->arms, r->live);
	enum state state = rollout_verdict_state(gate);
	bool guarded = (r->rule && r->rule->guardrail_count > 0) || (r->live && r->live->guard_count > 0);
	struct buf words = {0};

	if (x > s->width - 20)
		return;
	x += surface_text(s, x, y, ROLE_MUTED, "gate ");
	if (guarded && rollout_is_idle(r->arms, r->live)) {
		surface_outside(s, x, y, s->width - x - 1, ROLE_MUTED, STR_LIT("idle: everything goes to stable"));
		return;
	}
	if (!guarded) {
		surface_outside(s, x, y, s->width - x - 1, ROLE_UNKNOWN,
		                r->rule || r->live ? STR_LIT("none: guardrails: in the config give one")
		                                   : STR_LIT("none known: the config does not name this rollout"));
		return;
	}
	surface_put(s, x, y, state_mark(state, s->ascii), state_style(state));
	x += 2;
	x += surface_text(s, x, y, state_style(state), rollout_verdict_word(gate)) + 1;
	rollout_gate_words(r->arms, r->live, &words);
	surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT, buf_str(&words));
	buf_fini(&words);
}

static int draw_targets(const struct rollout_sheet *r, struct surface *s, int y)
{
	size_t applied = 0;
	int x = 1;

	for (size_t i = 0; i < r->live->target_count; i++)
		applied += r->live->targets[i].applied;
	x += surface_printf(s, x, y, applied < r->live->target_count ? ROLE_WARNING | STYLE_BOLD : ROLE_MUTED,
	                    "%zu of %zu applied", applied, r->live->target_count);
	for (size_t i = 0; i < r->live->target_count && x < s->width - 4; i++) {
		const struct rollout_live_target *t = &r->live->targets[i];
		enum state state = t->drift ? STATE_CRITICAL : t->applied ? STATE_OK : STATE_WARNING;

		x += 2;
		surface_put(s, x, y, state_mark(state, s->ascii), state_style(state));
		x += 2;
		x += surface_outside(s, x, y, 24, ROLE_TEXT, str_of(t->name)) + 1;
		if (t->state[0])
			x += surface_outside(s, x, y, 20, ROLE_MUTED, str_of(t->state));
		if (t->arrives[0] && (s->width >= 100 || r->live->target_count == 1) && s->width - x > 20) {
			x += 2 + surface_text(s, x + 2, y, ROLE_MUTED, "counters ");
			x += surface_outside(s, x, y, s->width - x - 1, ROLE_TEXT, str_of(t->arrives));
		}
		if (!t->applied && !t->drift && t->words[0]) /* a drift has a line of its own */
			x += 1 + surface_outside(s, x + 1, y, s->width - x - 2, ROLE_WARNING, str_of(t->words));
	}
	return y + 1;
}

/* What is wrong or under way: a line each. */
static int draw_notices(const struct rollout_sheet *r, struct surface *s, int y)
{
	const struct rollout_live *live = r->live;
	int x = 1;

	if (live && live->action[0] && y < s->height) {
		x += surface_outside(s, x, y, 20, ROLE_WARNING | STYLE_REVERSE, str_of(live->action)) + 1;
		surface_outside(s, x, y++, s->width - x - 1, ROLE_WARNING, str_of(live->action_state));
	}
	if (live && live->drift && y < s->height) {
		x = 1 + surface_text(s, 1, y, ROLE_CRITICAL | STYLE_REVERSE, " DRIFT ") + 1;
		for (size_t i = 0; i < live->target_count; i++) {
			const struct rollout_live_target *t = &live->targets[i];

			if (t->drift && x < s->width - 10)
				x += surface_outside(s, x, y, s->width - x - 16, ROLE_CRITICAL, str_of(t->words)) + 1;
		}
		surface_text(s, x, y++, ROLE_TEXT, "A re-applies");
	}
	if (live && live->target_count > 0 && y < s->height)
		y = draw_targets(r, s, y);
	if (y < s->height) {
		struct str reason = live && live->reason[0] ? str_of(live->reason) : r->row->state.reason;

		if (reason.len > 0)
			surface_outside(s, 1, y++, s->width - 2, ROLE_MUTED, reason);
	}
	return y;
}

/* ── the arms side by side ─────────────────────────────────────────────────────────────────── */

static int arm_x(const struct rollout_sheet *r, size_t arm, int width)
{
	int each = VALUE_COLUMNS + CHANGE_COLUMNS + 2, count = (int)r->row->state.arm_count - 1;

	if (LABEL_COLUMNS + VALUE_COLUMNS + each * count > width)
		each = VALUE_COLUMNS + 2; /* no room for the differences */
	return arm == 0 ? LABEL_COLUMNS : LABEL_COLUMNS + VALUE_COLUMNS + each * ((int)arm - 1);
}

static void draw_arms_head(const struct rollout_sheet *r, struct surface *s, int y)
{
	size_t count = r->row->state.arm_count;

	for (size_t k = 0; k < count; k++) {
		struct surface cell = surface_part(s, (struct rect){arm_x(r, k, s->width), y, VALUE_COLUMNS, 1});
		struct str name = r->row->state.arms[k].deployment;
		int columns = name.len < VALUE_COLUMNS ? (int)name.len : VALUE_COLUMNS - 1;

		surface_outside(&cell, VALUE_COLUMNS - columns, 0, columns, ROLE_HEADER, name);
	}
	if (count == 2 && s->width >= 60) {
		int x = arm_x(r, 1, s->width) + VALUE_COLUMNS;

		draw_right(s, x, y, CHANGE_COLUMNS, ROLE_HEADER, "diff");
		draw_right(s, x + CHANGE_COLUMNS, y, LIMIT_COLUMNS, ROLE_HEADER, "limit");
		surface_text(s, x + CHANGE_COLUMNS + LIMIT_COLUMNS + 2, y, ROLE_HEADER, "verdict");
	}
}

/* "▲ FAIL n 1.6k  worse than the guardrail allows …" */
static void draw_verdict(const struct arm_row *row, const struct arm_verdict *v, struct surface *s, int x, int y)
{
	enum state state = rollout_verdict_state(v->verdict);
	char n[FIGURE_TEXT_BYTES], change[FIGURE_TEXT_BYTES];

	surface_put(s, x, y, state_mark(state, s->ascii), state_style(state));
	x += 2;
	x += surface_text(s, x, y, state_style(state), rollout_verdict_word(v->verdict)) + 1;
	if (v->whole_step && v->verdict != AB_UNKNOWN)
		x += surface_printf(s, x, y, ROLE_TEXT, "%s ", arm_verdict_change(row, v, s->ascii, change));
	if (v->samples >= 0)
		x += surface_printf(s, x, y, ROLE_TEXT, "n %s", count_format((double)v->samples, n)) + 2;
	if (s->width - x > 24)
		surface_outside(s, x, y, s->width - x - 1, ROLE_MUTED, str_of(v->words));
}

static void draw_candidate(const struct rollout_sheet *r, const struct arm_row *row, size_t k,
                           struct surface *s, int y)
{
	struct arm_verdict space;
	const struct arm_verdict *v = arm_verdict_of(r->arms, row, k, r->live, &space);
	bool two = r->row->state.arm_count == 2;
	int x = arm_x(r, k, s->width) + VALUE_COLUMNS;
	bool room = two || arm_x(r, 2, s->width) - arm_x(r, 1, s->width) > VALUE_COLUMNS + 2;
	char text[FIGURE_TEXT_BYTES];

	if (room && row->metric != METRIC_REQUESTS)
		draw_right(s, x, y, CHANGE_COLUMNS, change_style(row->higher_is, row->values[k], row->values[0]),
		           change_format(row->unit, row->values[k], row->values[0], s->ascii, text));
	x += room ? CHANGE_COLUMNS : 0;
	if (two && s->width >= 60) {
		if (row->guard >= 0)
			draw_right(s, x, y, LIMIT_COLUMNS, ROLE_MUTED, arm_limit(row, text));
		if (v)
			draw_verdict(row, v, s, x + LIMIT_COLUMNS + 2, y);
	} else if (v) {
		enum state state = rollout_verdict_state(v->verdict);

		surface_put(s, x + 1, y, state_mark(state, s->ascii), state_style(state));
	}
}

/* The rows in their usual order; where not all fit, those with a guardrail go before the others. */
static void order_rows(const struct rollout_arms *arms, int room, size_t order[ARM_ROWS_MAX])
{
	bool cut = (int)arms->row_count > room;
	size_t count = 0;

	for (int guarded = 1; guarded >= 0; guarded--) {
		for (size_t i = 0; i < arms->row_count; i++) {
			bool first = !cut || arms->rows[i].guard >= 0 || i == 0;

			if (first == (guarded == 1))
				order[count++] = i;
		}
	}
}

static int draw_arms(const struct rollout_sheet *r, const struct panel_frame *frame, struct surface *s,
                     int y)
{
	size_t order[ARM_ROWS_MAX];

	draw_arms_head(r, s, y++);
	order_rows(r->arms, s->height - y, order);
	for (size_t i = 0; i < r->arms->row_count && y < s->height; i++, y++) {
		const struct arm_row *row = &r->arms->rows[order[i]];

		surface_text(s, 1, y, row->guard >= 0 ? ROLE_TITLE : ROLE_TEXT, row->label);
		for (size_t k = 0; k < r->arms->arm_count; k++) {
			char text[FIGURE_TEXT_BYTES];

			figure_format_bare(row->unit, row->values[k], s->ascii, text);
			if (row->metric == METRIC_REQUESTS && value_known(row->values[k]))
				count_format(row->values[k].number, text);
			draw_right(s, arm_x(r, k, s->width), y, VALUE_COLUMNS, figure_style(frame, row->values[k]), text);
			if (k > 0)
				draw_candidate(r, row, k, s, y);
		}
	}
	return y;
}

/* "arrives        74%      26%  of 6.6k requests" with the share that is wanted beside it. */
static int draw_arrivals(const struct rollout_sheet *r, struct surface *s, int y)
{
	char text[FIGURE_TEXT_BYTES];
	bool low = false;

	surface_text(s, 1, y, ROLE_TEXT, "wanted");
	surface_text(s, 1, y + 1, ROLE_TEXT, "arrives");
	for (size_t k = 0; k < r->arms->arm_count; k++) {
		int x = arm_x(r, k, s->width);

		low = low || r->arms->share_is_low[k];
		draw_right(s, x, y, VALUE_COLUMNS, ROLE_TEXT, rollout_percent(rollout_wanted_share(r, k), s->ascii, text));
		rollout_percent(r->row->arriving_percent[k], s->ascii, text);
		draw_right(s, x, y + 1, VALUE_COLUMNS, r->arms->share_is_low[k] ? ROLE_WARNING | STYLE_BOLD : ROLE_TEXT,
		           text);
	}
	if (low && r->arms->arm_count == 2)
		surface_outside(s, arm_x(r, 1, s->width) + VALUE_COLUMNS + 2, y + 1,
		                s->width - arm_x(r, 1, s->width) - VALUE_COLUMNS - 3, ROLE_WARNING,
		                STR_LIT("less than its weight: failing calls may leave no trace; cannot PASS"));
	return y + 2;
}

/* What to set where an arm cannot be told apart. */
static int draw_unknown(const struct rollout_sheet *r, struct surface *s, int y)
{
	int x = 1;

	for (size_t k = 0; k < r->arms->arm_count; k++) {
		if (r->arms->told[k] || !(rollout_wanted_share(r, k) > 0) || r->arms->service_requests == 0)
			continue;
		x += surface_outside(s, x, y, 16, ROLE_WARNING | STYLE_BOLD, r->row->state.arms[k].deployment) + 1;
	}
	if (x == 1)
		return y;
	surface_outside(s, x, y, s->width - x - 1, ROLE_WARNING,
	                STR_LIT("UNKNOWN: no request names it: set llmdeck.deployment or service.version"));
	surface_outside(s, 3, y + 1, s->width - 4, ROLE_MUTED,
	                STR_LIT("per arm in the telemetry, or `deployment:` on the arm's source"));
	return y + 2;
}

/* ── the past ──────────────────────────────────────────────────────────────────────────────── */

/* "13:12:04 degraded  v42 75% v43 25%  why", newest first. */
static int draw_history(const struct rollout_sheet *r, const struct panel_frame *frame, struct surface *s,
                        int y)
{
	for (size_t i = r->history->row_count; i-- > 0 && y < s->height; y++) {
		const struct rollout_state *h = &r->history->rows[i].state;
		char clock[TIME_TEXT_BYTES], percent[FIGURE_TEXT_BYTES];
		int x = 1;

		if (h->time_us < frame->view->from_us)
			break; /* of before the window */
		x += surface_text(s, x, y, ROLE_MUTED, time_format_clock(h->time_us, frame->tz, clock)) + 1;
		x += surface_outside(s, x, y, 12, rollout_phase_style(h->phase), h->phase) + 1;
		for (uint32_t k = 0; k < h->arm_count; k++) {
			x += surface_outside(s, x, y, 10, ROLE_ACCENT, h->arms[k].deployment);
			rollout_percent(h->arms[k].desired_percent, s->ascii, percent);
			x += surface_printf(s, x, y, ROLE_TEXT, " %s ", percent);
		}
		surface_outside(s, x + 1, y, s->width - x - 2, ROLE_MUTED, h->reason);
	}
	return y;
}

static void draw_versus(const struct rollout_sheet *r, const struct panel_frame *frame, struct surface *s,
                        int y)
{
	char length[TIME_TEXT_BYTES], title[200];
	const struct rollout_arm *arms = r->row->state.arms;

	duration_format(frame->view->to_us - frame->view->from_us, length);
	if (r->row->state.arm_count == 2)
		snprintf(title, sizeof title, "%.*s against %.*s, %s", STR_ARG(arms[1].deployment),
		         STR_ARG(arms[0].deployment), length);
	else
		snprintf(title, sizeof title, "%u arms against %.*s, %s", r->row->state.arm_count - 1,
		         STR_ARG(arms[0].deployment), length);
	surface_rule(s, y, ROLE_BORDER, title, r->live && r->live->guard_count ? "verdicts: this step" : "");
}

void rollout_page_draw(const struct rollout_sheet *r, const struct panel_frame *frame, struct surface *s,
                       int y)
{
	int x;

	if (r->row->state.arm_count < 2 || y >= s->height)
		return;
	if (r->row->state.arm_count == 2)
		draw_two_arms(r, s, y++, frame->stale);
	else
		y = draw_many_arms(r, s, y);
	x = draw_step(r, s, y);
	if (s->width - x < 30 && x > 1)
		x = ++y && 1;
	draw_gate(r, s, x, y++);
	y = draw_notices(r, s, y);
	y = draw_unknown(r, s, y);
	if (y >= s->height)
		return;
	draw_versus(r, frame, s, y++);
	y = draw_arrivals(r, s, y);
	y = draw_arms(r, frame, s, y);
	if (r->history->row_count > 0 && y + 1 < s->height) {
		surface_rule(s, y, ROLE_BORDER, "history", "");
		draw_history(r, frame, s, y + 1);
	}
}
