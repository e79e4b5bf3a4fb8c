/* Keys that mean a budget: a form to set or change one, a question before one is removed, Enter to what
 * it is spent on. A dialog is bound to the budget it was opened on, and only what was typed anew is
 * sent: what nobody touched stays as the collector has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "console/app.h"
#include "console/frame.h"
#include "core/money.h"
#include "panels/budgets.h"
#include "panels/panels.h"

#define FORM_FIELDS 8
#define LINE_BYTES 200

enum form_field { FORM_NAME, FORM_AMOUNT, FORM_WHERE, FORM_PERIOD, FORM_TZ, FORM_WARN, FORM_ON, FORM_UNTIL };
static const char *const labels[FORM_FIELDS] = {"name", "amount, US dollars", "counts: service=x or user=mia",
                                                "every day, week, month …", "time zone", "warn at %",
                                                "of: actual, forecast", "until: reset, 2h, for good"};

struct budget_dialog {
	bool removes, exists;
	struct budget_pick pick;
	char title[BUDGET_NAME_BYTES + 40], lines[4][LINE_BYTES];
	char before[FORM_FIELDS][FIELD_BYTES]; /* what stood there first */
	struct dialog dialog;
};

/* ── which budget ──────────────────────────────────────────────────────────────────────────── */

static bool on_page(const struct app *a)
{
	return a->deck.place.panel >= 0 && panels[a->deck.place.panel] == &budgets_panel;
}

/* The one under the cursor of the budgets page. */
static bool pick(const struct app *a, struct budget_pick *out)
{
	int index = panel_index(&budgets_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct panel_frame frame;

	if (!on_page(a) || !shown)
		return false;
	frame = frame_of(&a->deck, index, shown->form, false);
	return budgets_pick(shown->state, &frame, out);
}

static bool pick_named(const struct app *a, const char *name, struct budget_pick *out)
{
	const struct panel_snapshot *shown = a->deck.shown[panel_index(&budgets_panel)];

	return shown && budgets_pick_named(shown->state, name, out);
}

bool app_budget_pick_alert(const struct app *a, struct alert_pick *out)
{
	struct budget_pick p;

	if (!pick(a, &p) || !p.alert_id)
		return false;
	*out = (struct alert_pick){.id = p.alert_id, .open = true, .acknowledged = p.acknowledged, .below = p.below, .metric = METRIC_COST};
	snprintf(out->rule, sizeof out->rule, "%s", p.name);
	memcpy(out->summary, p.alert_summary, sizeof out->summary);
	memcpy(out->labels, p.alert_labels, sizeof out->labels);
	return true;
}

bool app_budget_open(struct app *a)
{
	struct budget_pick p;

	if (!on_page(a))
		return false;
	if (!pick(a, &p))
		return true;
	if (p.by_attr) {
		app_say(a, true, "%.100s counts %.100s: no page can be narrowed to that; `llmdeck requests` lists them", p.name, p.where);
		return true;
	}
	a->deck.where = p.view;
	a->deck.find[0] = '\0';
	a->deck.time_cursor_us = 0;
	deck_set_window(&a->deck, clock_wall_us() - p.from_us, 0, 0);
	deck_go(&a->deck, cost_panel.page, panel_index(&cost_panel));
	app_say(a, false, "narrowed to budget %.100s and its period: / and :t change it, Backspace goes back", p.name);
	return true;
}

/* ── the dialogs ───────────────────────────────────────────────────────────────────────────── */

static struct budget_dialog *fresh_dialog(struct app *a)
{
	if (!a->budget)
		a->budget = mem_alloc(sizeof *a->budget);
	memset(a->budget, 0, sizeof *a->budget);
	return a->budget;
}

static void add_line(struct budget_dialog *w, const char *text)
{
	size_t i = w->dialog.line_count;

	if (i == sizeof w->lines / sizeof *w->lines)
		return;
	snprintf(w->lines[i], LINE_BYTES, "%s", text);
	w->dialog.lines[w->dialog.line_count++] = w->lines[i];
}

/* Who may not do it yet is told so, and confirming raises the session. */
static void add_level(const struct app *a, struct budget_dialog *w, const char *confirm, const char *confirm_raised)
{
	bool may = deck_level(&a->deck) >= SESSION_OPERATOR;

	if (!may)
		add_line(w, "This takes the role operator: confirming also raises this session (:rw).");
	w->dialog.confirm = may ? confirm : confirm_raised;
}

static void open_form(struct app *a, const struct budget_pick *p, const char *name, const char *amount)
{
	struct budget_dialog *w = fresh_dialog(a);
	char where[VIEW_VALUE_BYTES * 2] = "";
	const char *usual[FORM_FIELDS] = {name, "", where, "month", "UTC", "50,80,100", "actual", "for good"};

	if (!p)
		add_line(w, "Each threshold is an alert of the budget's name, said once a period.");
	if (!p && !*amount)
		view_format_filters(&a->deck.where, where, sizeof where);
	if (p) {
		const char *mine[FORM_FIELDS] = {p->name, p->usd, p->where, p->period, p->tz, p->warn, p->on, p->configured ? "reset" : "for good"};

		w->pick = *p;
		w->exists = true;
		memcpy(usual, mine, sizeof usual);
		add_line(w, p->summary);
		if (p->configured)
			add_line(w, "The config's own is back at the end; until then this wins over it.");
	}
	add_line(w, "Service, model, team … go together; one user or key stands alone.");
	snprintf(w->title, sizeof w->title, p ? "budget %s" : "a new budget%.0s", p ? p->name : "");
	w->dialog.title = w->title;
	for (int i = p ? FORM_AMOUNT : FORM_NAME; i < FORM_FIELDS; i++) {
		struct dialog_field *f = &w->dialog.fields[w->dialog.field_count++];

		f->label = labels[i];
		field_set(&f->field, usual[i]);
		memcpy(w->before[i], f->field.text, sizeof w->before[i]);
	}
	add_level(a, w, "Set", "RW and set");
	dialog_open(&w->dialog);
	if (*amount) {
		field_set(&w->dialog.fields[p ? 0 : 1].field, amount);
		w->dialog.focus = p ? 0 : 1;
	}
	a->mode = MODE_BUDGET;
}

static void open_removal(struct app *a, const struct budget_pick *p)
{
	struct budget_dialog *w = fresh_dialog(a);

	w->removes = w->exists = true;
	w->pick = *p;
	snprintf(w->title, sizeof w->title, "remove budget %s", p->name);
	w->dialog.title = w->title;
	add_line(w, p->summary);
	add_line(w, "Its warnings resolve, and nothing watches this spend any more.");
	add_level(a, w, "Remove", "RW and remove");
	w->dialog.danger = true;
	dialog_open(&w->dialog);
	a->mode = MODE_BUDGET;
}

void app_budget(struct app *a, int action)
{
	struct budget_pick p;
	bool has = pick(a, &p);

	if (action == ACT_SET_BUDGET)
		open_form(a, has ? &p : NULL, "", "");
	else if (has)
		open_removal(a, &p);
	else
		app_say(a, true, "which budget? :budgets lists them, and D there removes the one under the cursor");
}

void app_budget_named(struct app *a, const char *text)
{
	struct str rest = str_trim(str_of(text)), name = str_cut(&rest, ' ');
	char name_text[BUDGET_NAME_BYTES], amount[FIELD_BYTES];
	struct budget_pick p;

	snprintf(name_text, sizeof name_text, "%.*s", STR_ARG(name));
	snprintf(amount, sizeof amount, "%.*s", STR_ARG(str_trim(rest)));
	bool known = name_text[0] && pick_named(a, name_text, &p);

	open_form(a, known ? &p : NULL, name_text, amount);
}

/* ── what is sent ──────────────────────────────────────────────────────────────────────────── */

static void add_text(struct buf *json, const char *name, const char *text)
{
	buf_printf(json, ",\"%s\":", name);
	buf_append_json(json, str_of(text));
}

static const char *typed(const struct budget_dialog *w, enum form_field f)
{
	size_t at = (size_t)f - (w->exists ? FORM_AMOUNT : FORM_NAME);

	return w->exists && f == FORM_NAME ? w->pick.name : w->dialog.fields[at].field.text;
}

static bool is_touched(const struct budget_dialog *w, enum form_field f)
{
	return strcmp(typed(w, f), w->before[f]) != 0;
}

/* "service=chat model=gpt-4o" a line each: a word without = belongs to the value before it. */
static void add_where(struct buf *json, const char *text)
{
	struct str rest = str_of(text);
	struct buf lines = {0};

	while (rest.len) {
		struct str word = str_cut(&rest, ' ');

		if (!word.len)
			continue;
		if (lines.len)
			buf_append_c(&lines, memchr(word.ptr, '=', word.len) ? '\n' : ' ');
		buf_append(&lines, word.ptr, word.len);
	}
	add_text(json, "where", lines.len ? lines.data : "");
	buf_fini(&lines);
}

/* False with a word on what was not understood. */
static bool add_until(struct app *a, struct buf *json, const char *text)
{
	struct str s = str_trim(str_of(text));
	char until[TIME_TEXT_BYTES];
	int64_t us;

	if (!s.len || str_equal_c(s, "for good"))
		return true;
	if (str_equal_c(s, "reset")) {
		add_text(json, "until", "reset");
	} else if (duration_parse(s, &us) && us > 0) {
		add_text(json, "until", time_format(clock_wall_us() + us, until));
	} else if (time_parse(s, NULL, TIME_UNIT_AUTO, &us) && us > clock_wall_us()) {
		add_text(json, "until", time_format(us, until));
	} else {
		app_say(a, true, "until when? reset, for good, a duration such as 2h, or a time to come");
		return false;
	}
	return true;
}

static bool is_amount(struct app *a, const char *text)
{
	int64_t nusd;

	if (money_parse_nusd(str_trim(str_of(text)), &nusd) && nusd > 0)
		return true;
	app_say(a, true, "how much? US dollars above 0, such as 400 or 99.50");
	return false;
}

/* The form as the collector takes it; false when something does not do and the form stays. */
static bool add_form(struct app *a, const struct budget_dialog *w, struct buf *json)
{
	static const struct {
		enum form_field field;
		const char *name;
	} plain[] = {{FORM_PERIOD, "period"}, {FORM_TZ, "tz"}, {FORM_WARN, "warn"}, {FORM_ON, "on"}};
	const char *amount = typed(w, FORM_AMOUNT);

	if (!*typed(w, FORM_NAME)) {
		app_say(a, true, "the budget needs a name");
		return false;
	}
	amount += amount[0] == '$';
	if (!is_amount(a, amount))
		return false;
	add_text(json, "name", typed(w, FORM_NAME));
	add_text(json, "amount", amount);
	if (is_touched(w, FORM_WHERE) || (!w->exists && *typed(w, FORM_WHERE)))
		add_where(json, typed(w, FORM_WHERE));
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (is_touched(w, plain[i].field))
			add_text(json, plain[i].name, typed(w, plain[i].field));
	return add_until(a, json, typed(w, FORM_UNTIL));
}

static bool send(struct app *a)
{
	const struct budget_dialog *w = a->budget;
	const char *user = getenv("LLMDECK_USER");
	char said[BUDGET_NAME_BYTES + 40];
	struct buf json = {0};
	struct err err = {""};

	buf_printf(&json, "{\"do\":\"%s\"", w->removes ? "remove_budget" : "set_budget");
	if (w->removes)
		add_text(&json, "name", w->pick.name);
	else if (!add_form(a, w, &json)) {
		buf_fini(&json);
		return false;
	}
	if (deck_level(&a->deck) < SESSION_OPERATOR && deck_raise(&a->deck, true, &err)) {
		app_say(a, true, "%.230s", err.text);
		buf_fini(&json);
		return false;
	}
	if (user && *user && strlen(user) < 64)
		add_text(&json, "claimed", user);
	buf_append_c(&json, '}');
	snprintf(said, sizeof said, "budget %s: %.100s", w->removes ? "removed" : "set", typed(w, FORM_NAME));
	chores_order(a->chores, "/v1/alerts/change", &json, said);
	return true;
}

void app_budget_key(struct app *a, struct key key)
{
	enum dialog_result result = dialog_key(&a->budget->dialog, key, clock_mono_us());

	if (result == DIALOG_CANCELLED || (result == DIALOG_CONFIRMED && send(a)))
		a->mode = MODE_DECK;
}

void app_budget_draw(const struct app *a, struct surface *s, int *cursor_x, int *cursor_y)
{
	dialog_draw(s, &a->budget->dialog, clock_mono_us(), cursor_x, cursor_y);
}
