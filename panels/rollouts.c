/* The list of rollouts, those that fail first, and the one under the cursor drawn whole. Three shares
 * stand side by side: what is wanted, what the target says, and what arrives, counted from requests. */
#include "panels/rollouts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "panels/rollout_arms.h"
#include "panels/rollout_page.h"
#include "ui/bars.h"

#define ROLLOUTS_MAX 16
#define LIST_ROWS_MAX 5
#define HISTORY_US (30 * US_PER_DAY) /* looked back for what was wanted when the window began */

struct one {
	const struct rollout_row *row;
	struct rollout_arms arms;
	const struct rule_rollout *rule;  /* NULL: our config does not name it */
	struct rollout_result history;
	bool has_arms;
	double seconds;                   /* that the figures cover */
};
struct rollouts {
	struct rollout_result rollouts;
	struct rule_set *rules;           /* our own copy */
	struct one *ones;                 /* worst first; large, so no more than there are */
	size_t count;
};

/* ── loading ───────────────────────────────────────────────────────────────────────────────── */

/* Whether the same shares were wanted all through the window: by the change before it, and those in it. */
static bool was_steady(const struct rollout_result *history, int64_t from_us)
{
	size_t first = 0;

	while (first + 1 < history->row_count && history->rows[first + 1].state.time_us <= from_us)
		first++;
	if (history->row_count == 0 || history->rows[first].state.time_us > from_us)
		return false; /* what was wanted when it began is not known */
	for (size_t i = first + 1; i < history->row_count; i++) {
		const struct rollout_state *a = &history->rows[first].state, *b = &history->rows[i].state;

		for (uint32_t k = 0; k < a->arm_count && k < b->arm_count; k++) {
			if (fabs(a->arms[k].desired_percent - b->arms[k].desired_percent) > 0.01)
				return false;
		}
	}
	return true;
}

static int load_one(const struct panel_query *query, struct one *one, struct err *err)
{
	const struct rollout_state *state = &one->row->state;

	if (query->form == PANEL_TILE && (!one->rule || one->rule->guardrail_count == 0))
		return 0;
	if (query_rollout_history(query->reader, state->name, query->view.from_us - HISTORY_US, query->view.to_us,
	                          &one->history, err) != 0 ||
	    rollout_arms_load(query, state, one->rule, was_steady(&one->history, query->view.from_us), &one->arms, err) != 0)
		return -1;
	one->has_arms = true;
	one->seconds = query_seconds(query);
	return 0;
}

static int badness(const struct one *one)
{
	return one->has_arms && rollout_gate(&one->arms, NULL) == AB_FAIL;
}

/* Stable: among equals the store's order. */
static void order_worst_first(struct rollouts *r)
{
	for (size_t i = 1; i < r->count; i++) {
		for (size_t k = i; k > 0 && badness(&r->ones[k]) > badness(&r->ones[k - 1]); k--) {
			struct one swapped = r->ones[k];

			r->ones[k] = r->ones[k - 1];
			r->ones[k - 1] = swapped;
		}
	}
}

static int rollouts_load(const struct panel_query *query, void *state, struct err *err)
{
	struct rollouts *r = state;
	size_t most;

	r->rules = rule_set_copy(query->rules);
	if (query_rollouts(query->reader, &query->view, &r->rollouts, err) != 0)
		return -1;
	most = r->rollouts.row_count < ROLLOUTS_MAX ? r->rollouts.row_count : ROLLOUTS_MAX;
	r->ones = mem_zalloc((most ? most : 1) * sizeof *r->ones);
	for (size_t i = 0; i < most; i++) {
		struct one *one = &r->ones[r->count++];

		one->row = &r->rollouts.rows[i];
		one->rule = rule_rollout_find(r->rules, one->row->state.name);
		if (load_one(query, one, err) != 0)
			return -1;
	}
	order_worst_first(r);
	return 0;
}

static void rollouts_fini(void *state)
{
	struct rollouts *r = state;

	for (size_t i = 0; i < r->count; i++)
		rollout_result_fini(&r->ones[i].history);
	free(r->ones);
	rollout_result_fini(&r->rollouts);
	free(r->rules);
}

static struct rollout_sheet sheet_of(const struct one *one, const struct panel_frame *frame)
{
	return (struct rollout_sheet){
		.row = one->row, .arms = &one->arms, .history = &one->history, .rule = one->rule,
		.live = rollout_live_find(frame->board, one->row->state.name),
	};
}

static enum ab_verdict gate_of(const struct one *one, const struct rollout_live *live)
{
	return one->has_arms ? rollout_gate(&one->arms, live) : AB_UNKNOWN;
}

/* ── the tile ──────────────────────────────────────────────────────────────────────────────── */

static size_t newest_arm(const struct rollout_state *r)
{
	size_t arm = 0;

	for (size_t i = 0; i < r->arm_count; i++) {
		if (str_equal_c(r->arms[i].role, "candidate"))
			arm = i;
	}
	return arm;
}

/* "checkout-assistant v43 ██████▒▒▒▒▒▒▒ 25% ▲ FAIL" */
static void draw_line(const struct one *one, const struct panel_frame *frame, struct surface *s, int y)
{
	const struct rollout_state *state = &one->row->state;
	struct rollout_sheet sheet = sheet_of(one, frame);
	size_t arm = newest_arm(state);
	int name = s->width >= 56 ? 18 : 10, phase = s->width >= 50 ? 12 : 0;
	int bar = s->width - name - 9 - 6 - phase;
	bool failing = gate_of(one, sheet.live) == AB_FAIL;
	char text[FIGURE_TEXT_BYTES];
	double percent;
	int x = 1;

	surface_outside(s, x, y, name, ROLE_TEXT, state->name);
	x += name + 1;
	if (state->arm_count == 0)
		return;
	percent = rollout_share(&sheet, arm);
	surface_outside(s, x, y, 6, ROLE_ACCENT, state->arms[arm].deployment);
	x += 7;
	if (bar > 3) {
		rollout_draw(s, x, y, bar, frame->stale ? ROLE_STALE : ROLE_SERIES4, percent / 100);
		x += bar;
	}
	draw_right(s, x, y, 5, ROLE_TEXT, rollout_percent(percent, s->ascii, text));
	if (failing && phase) {
		surface_put(s, x + 6, y, state_mark(STATE_CRITICAL, s->ascii), state_style(STATE_CRITICAL));
		surface_text(s, x + 8, y, state_style(STATE_CRITICAL), "FAIL");
	} else if (phase) {
		surface_outside(s, x + 6, y, phase - 1, rollout_phase_style(state->phase), state->phase);
	}
}

static void draw_tile(const struct rollouts *r, const struct panel_frame *frame, struct surface *s)
{
	for (size_t i = 0; i < r->count && (int)i + 1 < s->height; i++)
		draw_line(&r->ones[i], frame, s, (int)i + 1);
}

/* ── the page ──────────────────────────────────────────────────────────────────────────────── */

static const struct sheet_column columns[] = {
	{"rollout", "ROLLOUT", 18, true, 0, false},      {"phase", "PHASE", 11, true, 2, false},
	{"candidate", "CANDIDATE", 9, true, 1, false},   {"desired_percent", "want", 5, false, 0, false},
	{"actual_percent", "is", 5, false, 0, false},    {"arriving_percent", "arrives", 7, false, 0, false},
	{"gate", "GATE", 12, true, 0, false},
};
#define COLUMNS ((int)(sizeof columns / sizeof *columns))

static void set_percent(struct sheet *out, struct sheet_row *row, int column, double percent)
{
	char text[FIGURE_TEXT_BYTES];

	rollout_percent(percent, false, text);
	sheet_set_value(out, row, column, isnan(percent) ? value_unknown() : value_ok(percent), text);
}

static void add_rollout(const struct one *one, const struct panel_frame *frame, struct sheet *out)
{
	const struct rollout_state *state = &one->row->state;
	struct rollout_sheet sheet = sheet_of(one, frame);
	const struct rollout_live *live = sheet.live;
	struct sheet_row *row = sheet_add(out, state->name);
	enum ab_verdict gate = gate_of(one, live);
	bool idle;
	size_t arm = newest_arm(state);

	idle = one->has_arms && rollout_is_idle(&one->arms, live);
	row->state = gate == AB_FAIL ? ROW_CRITICAL : live && live->drift ? ROW_WARNING : gate == AB_PASS || idle ? ROW_OK : ROW_PLAIN;
	sheet_set_text(out, row, 0, state->name);
	sheet_set_text(out, row, 1, live && live->phase[0] ? str_of(live->phase) : state->phase);
	sheet_set_text(out, row, 6, live && live->drift ? STR_LIT("DRIFT")
	                        : idle ? STR_LIT("idle") : str_of(rollout_verdict_word(gate)));
	if (gate == AB_FAIL)
		row->cells[6].style = state_style(STATE_CRITICAL);
	if (state->arm_count == 0)
		return;
	sheet_set_text(out, row, 2, state->arms[arm].deployment);
	set_percent(out, row, 3, rollout_wanted_share(&sheet, arm));
	set_percent(out, row, 4, rollout_share(&sheet, arm));
	set_percent(out, row, 5, one->row->arriving_percent[arm]);
}

static void rollouts_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct rollouts *r = state;

	sheet_set_columns(out, columns, COLUMNS);
	out->marked = true;
	for (size_t i = 0; i < r->count; i++)
		add_rollout(&r->ones[i], frame, out);
}

/* The rows as shown, and the rollout under the cursor (NULL when no row is left). */
static const struct one *chosen(const struct rollouts *r, const struct panel_frame *frame, struct sheet *sheet)
{
	struct table_state look = {.sort_column = -1};
	struct table table;

	rollouts_rows(r, frame, sheet);
	if (frame->ui)
		look = frame->ui->table;
	sheet_arrange(sheet, frame->find, look.sort_column, look.sort_ascending);
	if (sheet->row_count == 0)
		return NULL;
	table = sheet_table(sheet);
	table_settle(&table, &look, sheet->row_count);
	for (size_t i = 0; i < r->count; i++) {
		if (str_equal(r->ones[i].row->state.name, sheet->rows[look.cursor_row].key))
			return &r->ones[i];
	}
	return NULL;
}

static void draw_page(const struct rollouts *r, const struct panel_frame *frame, struct surface *s)
{
	struct sheet sheet = {0};
	const struct one *one = chosen(r, frame, &sheet);
	int y = 1, rows = (int)sheet.row_count < LIST_ROWS_MAX ? (int)sheet.row_count : LIST_ROWS_MAX;

	if (r->count > 1 && s->height >= 12 && !(frame->ui && frame->ui->opened)) {
		struct surface list = surface_part(s, (struct rect){0, y, s->width, rows + 1});

		sheet_draw(&sheet, frame->ui ? &frame->ui->table : NULL, frame->focused, frame->stale, &list);
		y += rows + 1;
		if (one) {
			char title[ROLLOUT_NAME_BYTES + 32];

			snprintf(title, sizeof title, "%.*s %.*s", STR_ARG(one->row->state.name),
			         STR_ARG(one->row->state.environment));
			surface_rule(s, y++, ROLE_BORDER, title, "");
		}
	}
	if (one) {
		struct rollout_sheet detail = sheet_of(one, frame);

		rollout_page_draw(&detail, frame, s, y);
	} else if (r->count > 0) {
		surface_text(s, 1, y, ROLE_MUTED, "no rollout matches the filter");
	}
	sheet_fini(&sheet);
}

/* "rollouts > checkout prod" */
static void opened_title(const struct rollouts *r, const struct panel_frame *frame, char *out, size_t cap)
{
	struct sheet sheet = {0};
	const struct one *one = chosen(r, frame, &sheet);

	if (one)
		snprintf(out, cap, "rollouts > %.*s %.*s", STR_ARG(one->row->state.name),
		         STR_ARG(one->row->state.environment));
	else
		snprintf(out, cap, "rollouts");
	sheet_fini(&sheet);
}

static void rollouts_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct rollouts *r = state;
	char title[ROLLOUT_NAME_BYTES + 32];

	if (frame->form == PANEL_PAGE && frame->ui && frame->ui->opened)
		opened_title(r, frame, title, sizeof title);
	else
		snprintf(title, sizeof title, "rollouts %zu", r->rollouts.row_count);
	draw_head(s, frame, title,
	          frame->form == PANEL_PAGE ? "R roll back  > step  < back  H hold  F promote  A re-apply"
	                                    : "candidate's share");
	if (r->count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "no rollout reported");
	else if (frame->form == PANEL_PAGE)
		draw_page(r, frame, s);
	else
		draw_tile(r, frame, s);
}

/* ── what a dialog is bound to ─────────────────────────────────────────────────────────────── */

/* "FAIL p95 4.20s against 1.31s, +221% (limit +20%), n 1.6k" */
static void add_evidence(const struct one *one, const struct rollout_live *live, const struct arm_row *row,
                         size_t arm, struct rollout_pick *out)
{
	char stable[FIGURE_TEXT_BYTES], candidate[FIGURE_TEXT_BYTES], change[FIGURE_TEXT_BYTES];
	char limit[FIGURE_TEXT_BYTES] = "?", n[FIGURE_TEXT_BYTES];
	struct arm_verdict space;
	const struct arm_verdict *v = arm_verdict_of(&one->arms, row, arm, live, &space);
	struct buf text = {0};

	if (!v || out->evidence_count == PICK_LINES_MAX)
		return;
	buf_printf(&text, "%s %s ", rollout_verdict_word(v->verdict), row->label);
	if (out->arm_count > 2)
		buf_printf(&text, "%s ", out->arms[arm]);
	buf_printf(&text, "%s against %s, ", figure_format(row->unit, v->candidate, false, candidate),
	           figure_format(row->unit, v->stable, false, stable));
	buf_printf(&text, "%s (limit %s)", arm_verdict_change(row, v, false, change),
	           row->guard >= 0 ? arm_limit(row, limit) : limit);
	if (v->samples >= 0)
		buf_printf(&text, ", n %s", count_format((double)v->samples, n));
	snprintf(out->evidence[out->evidence_count++], sizeof out->evidence[0], "%s", text.data);
	buf_fini(&text);
}

bool rollouts_pick(const void *state, const struct panel_frame *frame, struct rollout_pick *out)
{
	struct sheet sheet = {0};
	const struct one *one = chosen(state, frame, &sheet);
	const struct rollout_live *live;
	struct buf reason = {0};

	memset(out, 0, sizeof *out);
	sheet_fini(&sheet);
	if (!one)
		return false;
	live = rollout_live_find(frame->board, one->row->state.name);
	snprintf(out->name, sizeof out->name, "%.*s", STR_ARG(one->row->state.name));
	snprintf(out->service, sizeof out->service, "%.*s", STR_ARG(one->row->state.service));
	snprintf(out->environment, sizeof out->environment, "%.*s", STR_ARG(one->row->state.environment));
	out->arm_count = one->row->state.arm_count;
	out->held = live && live->held;
	out->whole = one->rule && one->rule->step_count == 1 && out->arm_count == 2;
	out->per_s = one->has_arms && one->seconds > 0 ? (double)one->arms.service_requests / one->seconds : NAN;
	for (size_t k = 0; k < out->arm_count; k++)
		snprintf(out->arms[k], sizeof out->arms[k], "%.*s", STR_ARG(one->row->state.arms[k].deployment));
	for (size_t i = 0; i < one->arms.row_count; i++) {
		for (size_t k = 1; k < out->arm_count; k++)
			add_evidence(one, live, &one->arms.rows[i], k, out);
	}
	rollout_gate_words(&one->arms, live, &reason);
	snprintf(out->reason, sizeof out->reason, "%.*s", STR_ARG(buf_str(&reason)));
	buf_fini(&reason);
	return true;
}

const struct panel rollouts_panel = {
	.name = "rollouts",
	.title = "rollouts",
	.help = "Each rollout with its arms: the share that is wanted, the share its target reports, and the "
	        "share of requests that arrives in the window. They differ while a change is on its way, and "
	        "when somebody else turned a knob. Below, the arms side by side: each figure, its difference "
	        "to the stable arm, what the guardrail allows, and a verdict with the number of values behind "
	        "it. INCONCLUSIVE means that chance is not ruled out yet; UNKNOWN that an arm cannot be told "
	        "apart. R rolls back, > and < step, H holds and resumes, F promotes fully, A re-applies.",
	.page = '4',
	.pace_us = 2 * US_PER_S,
	.state_size = sizeof(struct rollouts),
	.load = rollouts_load,
	.fini = rollouts_fini,
	.draw = rollouts_draw,
	.rows = rollouts_rows,
};
