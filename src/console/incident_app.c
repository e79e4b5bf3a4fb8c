/* The incident page: ways to it (from an alert, a rollout, the time cursor, a page, the list), its cell
 * cursor, what it compares with, and the verbs of an opened incident. A verb goes to the collector through
 * the thread for chores; the page shows it when it has been stored. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "console/app.h"
#include "console/frame.h"
#include "core/incident.h"
#include "panels/incident.h"
#include "panels/panels.h"
#include "panels/rollouts.h"
#include "panels/waterfall.h"

#define AROUND_US (15 * US_PER_MIN) /* of a moment that was pointed at */
#define BEFORE_LEAST_US (10 * US_PER_MIN)

/* What = goes through, in turn. */
enum compared { COMPARED_NONE, COMPARED_BEFORE, COMPARED_DAY, COMPARED_WEEK, COMPARED_PINNED, COMPARED_ANY /* that :diff named */ };

static bool is_here(const struct app *a)
{
	return a->deck.place.panel >= 0 && a->deck.place.panel == panel_index(&incident_panel);
}

static bool on_windows(const struct app *a)
{
	return a->deck.place.panel >= 0 && a->deck.place.panel == panel_index(&diff_panel);
}

/* ── ways to it ────────────────────────────────────────────────────────────────────────────── */

/* Where the page is to look. */
struct target {
	enum heat_kind heat;
	int64_t from_us, to_us; /* to_us 0: the window as it is */
	int64_t since_us, until_us, incident_id;
	double limit;
	const struct view *where; /* NULL: as it is */
	const struct bad *cell;   /* NULL none */
	char said[200];
};

static void open_page(struct app *a, const struct target *t)
{
	struct panel_ask *ask = &a->deck.ask;
	struct view v = deck_view(&a->deck, clock_wall_us());

	ask->heat = (int)t->heat;
	ask->cell_chosen = t->cell != NULL;
	bad_init(&ask->cell);
	if (t->cell)
		ask->cell = *t->cell;
	ask->incident_id = t->incident_id;
	ask->since_us = t->since_us;
	ask->until_us = t->until_us;
	ask->limit = t->limit;
	ask->other_from_us = ask->other_to_us = ask->other_ago_us = 0;
	a->compared = (int)COMPARED_NONE;
	ask->has_trace = false;
	panel_ask_changed(ask, ASK_INCIDENT | ASK_CELL | ASK_TRACE);
	if (t->where)
		a->deck.where = *t->where;
	a->deck.find[0] = '\0';
	a->deck.time_cursor_us = 0;
	deck_set_window(&a->deck, 0, t->to_us ? t->from_us : v.from_us, t->to_us ? t->to_us : v.to_us);
	deck_go(&a->deck, incident_panel.page, panel_index(&incident_panel));
	a->deck.focus = panel_index(&incident_panel);
	a->generation++;
	app_refresh(a);
	if (t->said[0])
		app_say(a, false, "%s", t->said);
}

static enum heat_kind heat_of_metric(enum metric m)
{
	switch (m) {
	case METRIC_COST_RATE: case METRIC_COST_PER_1K: return HEAT_COST;
	case METRIC_ERROR_RATE: return HEAT_ERRORS;
	case METRIC_FLAG_RATE: case METRIC_FLAGS_PER_1K: return HEAT_FLAGS;
	case METRIC_TTFT_P50: case METRIC_TTFT_P95: return HEAT_TTFT;
	default: return HEAT_LATENCY;
	}
}

/* The limit that says which single request is bad: of latencies only. */
static double limit_of(struct app *a, const struct view *where, enum heat_kind heat)
{
	const struct rule *rule = NULL;

	if (heat == HEAT_LATENCY)
		rule = rule_for(a->rules, METRIC_LATENCY_P95, where);
	else if (heat == HEAT_TTFT)
		rule = rule_for(a->rules, METRIC_TTFT_P95, where);
	return rule && !rule->below ? rule->limit : 0;
}

static bool from_alert(struct app *a, bool under_cursor, struct target *t, struct alert_pick *p)
{
	int index = panel_index(&alerts_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct panel_frame frame;
	int64_t now_us = clock_wall_us(), before_us;

	if (!shown)
		return false;
	frame = frame_of(&a->deck, index, shown->form, false);
	if (!under_cursor)
		frame.find = "";
	if (!alerts_pick(shown->state, &frame, p) || (!under_cursor && !p->open))
		return false;
	before_us = 3 * p->window_us > BEFORE_LEAST_US ? 3 * p->window_us : BEFORE_LEAST_US;
	t->heat = heat_of_metric(p->metric);
	t->from_us = p->since_us - before_us;
	t->to_us = p->ended_us && p->ended_us + before_us < now_us ? p->ended_us + before_us : now_us;
	t->since_us = p->since_us - p->window_us; /* the window that fired began to fill then */
	t->until_us = p->ended_us;
	t->where = &p->where;
	t->limit = limit_of(a, &p->where, t->heat);
	snprintf(t->said, sizeof t->said, "what changed at %.100s? Backspace goes back", p->rule);
	return true;
}

static bool from_rollout(struct app *a, struct target *t, struct view *where)
{
	int index = panel_index(&rollouts_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct rollout_pick *p;
	struct panel_frame frame;
	bool found;

	if (a->deck.place.panel != index || !shown || shown->form != PANEL_PAGE)
		return false;
	p = mem_alloc(sizeof *p);
	frame = frame_of(&a->deck, index, PANEL_PAGE, false);
	found = rollouts_pick(shown->state, &frame, p);
	if (found) {
		memset(where, 0, sizeof *where);
		where->filters[where->filter_count].dim = DIM_SERVICE;
		snprintf(where->filters[where->filter_count++].value, VIEW_VALUE_BYTES, "%s", p->service);
		if (p->environment[0]) {
			where->filters[where->filter_count].dim = DIM_ENVIRONMENT;
			snprintf(where->filters[where->filter_count++].value, VIEW_VALUE_BYTES, "%s", p->environment);
		}
		t->where = where;
		t->limit = limit_of(a, where, t->heat);
	}
	free(p);
	return found;
}

/* What the page that is left is about. */
static enum heat_kind heat_of_page(const struct app *a)
{
	const struct panel *p = a->deck.focus >= 0 ? panels[a->deck.focus] : NULL;

	return p == &cost_panel ? HEAT_COST : p == &errors_panel ? HEAT_ERRORS : p == &flags_panel ? HEAT_FLAGS : HEAT_LATENCY;
}

static bool from_list(struct app *a, struct target *t, struct incident_pick *p)
{
	int index = panel_index(&incidents_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct panel_frame frame;

	if (a->deck.place.panel != index || !shown)
		return false;
	frame = frame_of(&a->deck, index, shown->form, false);
	if (!incidents_pick(shown->state, &frame, p))
		return false;
	t->incident_id = p->id;
	t->from_us = p->from_us;
	t->to_us = p->to_us ? p->to_us : p->closed_us ? p->closed_us : clock_wall_us();
	t->where = &p->where;
	t->heat = p->bad.failed ? HEAT_ERRORS : p->bad.flagged ? HEAT_FLAGS : bad_range_says(p->bad.cost_nusd) ? HEAT_COST
	          : bad_range_says(p->bad.ttft_us) ? HEAT_TTFT : HEAT_LATENCY;
	t->since_us = p->bad.from_us;
	if (bad_range_says(p->bad.latency_us))
		t->limit = (double)p->bad.latency_us.low / 1e6;
	return true;
}

static void open_here(struct app *a)
{
	struct target t = {.heat = heat_of_page(a)};
	struct alert_pick *alert = mem_alloc(sizeof *alert);
	struct incident_pick *listed = mem_alloc(sizeof *listed);
	struct view *where = mem_alloc(sizeof *where);
	bool on_alerts = a->deck.place.panel == panel_index(&alerts_panel);
	int64_t known_us = deck_now_us(&a->deck, clock_wall_us());

	if (is_here(a)) {
		deck_go(&a->deck, incidents_panel.page, panel_index(&incidents_panel));
		app_refresh(a);
	} else if (from_list(a, &t, listed) || from_rollout(a, &t, where)) {
		open_page(a, &t);
	} else if (a->deck.time_cursor_us) {
		t.from_us = a->deck.time_cursor_us - AROUND_US;
		t.to_us = a->deck.time_cursor_us + AROUND_US;
		if (t.to_us > known_us && known_us > a->deck.time_cursor_us)
			t.to_us = known_us;
		t.since_us = a->deck.time_cursor_us;
		t.limit = limit_of(a, &a->deck.where, t.heat);
		open_page(a, &t);
	} else if ((on_alerts || a->deck.place.page == '0') && from_alert(a, on_alerts, &t, alert)) {
		open_page(a, &t);
	} else {
		t.limit = limit_of(a, &a->deck.where, t.heat);
		open_page(a, &t);
	}
	free(alert);
	free(listed);
	free(where);
}

static int heat_height(const struct app *a)
{
	int index = panel_index(&incident_panel);

	for (size_t i = 0; i < a->layout.tile_count; i++) {
		if (a->layout.tiles[i].panel == index)
			return a->layout.tiles[i].rect.height;
	}
	return 0;
}

static bool move_cell(struct app *a, int steps, int bands)
{
	int index = panel_index(&incident_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];

	if (!is_here(a) || !shown || (bands && a->deck.focus != index))
		return false;
	if (incident_move(shown->state, &a->deck.ask, heat_height(a), steps, bands)) {
		a->deck.ui[panel_index(&cell_panel)].table = (struct table_state){.sort_column = a->deck.ui[panel_index(&cell_panel)].table.sort_column,
		                                                                  .sort_ascending = a->deck.ui[panel_index(&cell_panel)].table.sort_ascending};
		app_refresh(a);
	}
	return true;
}

static bool open_row(struct app *a)
{
	struct target t = {.heat = HEAT_LATENCY};
	struct incident_pick *p;
	struct suspect_pick suspect;
	bool changes = on_windows(a) && a->deck.focus == panel_index(&changes_panel);
	int index = changes ? panel_index(&changes_panel) : panel_index(&suspects_panel);
	bool done = true;

	if (a->deck.place.panel == panel_index(&incidents_panel)) {
		p = mem_alloc(sizeof *p);
		done = from_list(a, &t, p);
		if (done)
			open_page(a, &t);
		free(p);
		return true;
	}
	if (a->deck.focus == panel_index(&incident_panel) && is_here(a)) {
		move_cell(a, 0, 0);
		return true;
	}
	if (a->deck.focus == panel_index(&cell_panel)) {
		app_trace(a);
		return true;
	}
	if (a->deck.focus != index || !a->deck.shown[index])
		return false;
	struct panel_frame frame = frame_of(&a->deck, index, a->deck.shown[index]->form, false);

	if (!(changes ? changes_pick : suspects_pick)(a->deck.shown[index]->state, &frame, &suspect)) {
		app_say(a, true, "no suspect is under the cursor");
	} else if (!suspect.is_dim || a->deck.where.filter_count == VIEW_FILTERS_MAX) {
		app_say(a, true, "%.120s is no filter of the window: `llmdeck suspects` and :sql look by it", suspect.words);
	} else {
		a->deck.where.filters[a->deck.where.filter_count++] = suspect.filter;
		a->generation++;
		app_say(a, false, "narrowed to %.150s: / changes it", suspect.words);
	}
	return done;
}

/* ── on it ─────────────────────────────────────────────────────────────────────────────────── */

static bool let_go(struct app *a)
{
	if (!is_here(a) || !a->deck.ask.cell_chosen)
		return false;
	a->deck.ask.cell_chosen = false;
	panel_ask_changed(&a->deck.ask, ASK_CELL);
	return true;
}

static void look_at(struct app *a, enum heat_kind heat)
{
	a->deck.ask.heat = (int)heat;
	a->deck.ask.cell_chosen = false;
	a->deck.ask.limit = limit_of(a, &a->deck.where, heat);
	panel_ask_changed(&a->deck.ask, ASK_INCIDENT | ASK_CELL);
	app_say(a, false, "the map shows %s", heat_kind_name(heat));
}

static bool next_figure(struct app *a)
{
	if (!is_here(a))
		return false;
	look_at(a, (enum heat_kind)((a->deck.ask.heat + 1) % HEAT_KINDS));
	return true;
}

static void compare_with(struct app *a, enum compared with)
{
	struct panel_ask *ask = &a->deck.ask;
	struct view v = deck_view(&a->deck, clock_wall_us());
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	a->compared = (int)with;
	ask->other_from_us = ask->other_to_us = ask->other_ago_us = 0;
	panel_ask_changed(ask, ASK_INCIDENT);
	switch (with) {
	case COMPARED_BEFORE:
		ask->other_ago_us = v.to_us - v.from_us;
		app_say(a, false, "compared with as long just before");
		break;
	case COMPARED_DAY:
		ask->other_ago_us = US_PER_DAY;
		app_say(a, false, "compared with the same time yesterday");
		break;
	case COMPARED_WEEK:
		ask->other_ago_us = 7 * US_PER_DAY;
		app_say(a, false, "compared with the same time a week ago");
		break;
	case COMPARED_PINNED:
		ask->other_from_us = a->pinned_from_us;
		ask->other_to_us = a->pinned_to_us;
		app_say(a, false, "compared with the pinned window %s to %s", time_format_clock(a->pinned_from_us, a->deck.tz, from),
		        time_format_clock(a->pinned_to_us, a->deck.tz, to));
		break;
	default:
		app_say(a, false, "compared with nothing%s", a->pinned_to_us ? "" : "; :pin keeps a window to compare with");
		break;
	}
}

static bool compare(struct app *a)
{
	enum compared next = a->compared < (int)COMPARED_PINNED ? (enum compared)(a->compared + 1) : COMPARED_NONE;

	if (!is_here(a) && !on_windows(a))
		return false;
	if (next == COMPARED_PINNED && !a->pinned_to_us)
		next = COMPARED_NONE;
	if (next == COMPARED_NONE && on_windows(a)) /* that page always has two */
		next = COMPARED_BEFORE;
	compare_with(a, next);
	return true;
}

static void open_windows(struct app *a)
{
	if (a->compared == (int)COMPARED_NONE)
		compare_with(a, a->pinned_to_us ? COMPARED_PINNED : COMPARED_BEFORE);
	a->deck.time_cursor_us = 0;
	deck_go(&a->deck, diff_panel.page, panel_index(&diff_panel));
	a->deck.focus = panel_index(&diff_panel);
	a->generation++;
	app_refresh(a);
}

/* ":diff [before | 1d | pinned | 13:00..13:20]" */
static void diff_command(struct app *a, const char *rest)
{
	int64_t now_us = deck_now_us(&a->deck, clock_wall_us()), length_us = 0, from_us = 0, to_us = 0;
	struct err err = {""};

	if (strcmp(rest, "before") == 0) {
		compare_with(a, COMPARED_BEFORE);
	} else if (strcmp(rest, "pinned") == 0 && a->pinned_to_us) {
		compare_with(a, COMPARED_PINNED);
	} else if (strcmp(rest, "pinned") == 0) {
		app_say(a, true, "diff: no window is pinned: :pin keeps the one that is shown");
		return;
	} else if (rest[0] && console_parse_window(str_of(rest), now_us, a->deck.tz, &length_us, &from_us, &to_us, &err) != 0) {
		app_say(a, true, "diff: %.220s", err.text);
		return;
	} else if (rest[0]) {
		a->compared = (int)COMPARED_ANY;
		a->deck.ask.other_from_us = from_us;
		a->deck.ask.other_to_us = to_us;
		a->deck.ask.other_ago_us = to_us ? 0 : length_us;
		panel_ask_changed(&a->deck.ask, ASK_INCIDENT);
	}
	open_windows(a);
}

static void pin(struct app *a)
{
	struct view v = deck_view(&a->deck, clock_wall_us());
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	a->pinned_from_us = v.from_us;
	a->pinned_to_us = v.to_us;
	app_say(a, false, "pinned %s to %s: go to another window, w lays both side by side", time_format_clock(v.from_us, a->deck.tz, from),
	        time_format_clock(v.to_us, a->deck.tz, to));
}

void app_incident_follow(struct app *a)
{
	struct panel_ask *ask = &a->deck.ask;
	struct trace_pick pick;

	if (!is_here(a) || !app_trace_pick(a, panel_index(&cell_panel), &pick))
		return;
	if (ask->has_trace && memcmp(ask->trace_id, pick.trace_id, sizeof ask->trace_id) == 0)
		return;
	ask->has_trace = true;
	memcpy(ask->trace_id, pick.trace_id, sizeof ask->trace_id);
	ask->trace_around_us = pick.around_us;
	ask->trace_request = pick.request;
	a->deck.ui[panel_index(&trace_panel)].table = (struct table_state){.sort_column = -1};
	a->deck.ui[panel_index(&trace_panel)].folded_count = 0;
	panel_ask_changed(ask, ASK_TRACE);
	app_refresh(a);
}

/* ── verbs ─────────────────────────────────────────────────────────────────────────────────── */

static bool may(struct app *a)
{
	if (deck_level(&a->deck) >= SESSION_RESPONDER)
		return true;
	app_say(a, true, "this takes the role responder, and this session is a %s", session_level_name(deck_level(&a->deck)));
	return false;
}

static void add_text(struct buf *json, const char *name, const char *text)
{
	buf_printf(json, ",\"%s\":", name);
	buf_append_json(json, str_of(text));
}

static void add_time(struct buf *json, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	buf_printf(json, ",\"%s\":\"%s\"", name, time_format(us, text));
}

/* Sends the object begun in `json`. */
static void order(struct app *a, struct buf *json, const char *said)
{
	const char *user = getenv("LLMDECK_USER");

	if (user && *user && strlen(user) < 64)
		add_text(json, "claimed", user);
	buf_append_c(json, '}');
	chores_order(a->chores, "/v1/incidents/change", json, said);
}

/* Filters on lines of their own, as the verb takes them. */
static void add_where(struct buf *json, const struct view *where)
{
	char filter[VIEW_VALUE_BYTES + 32];
	struct buf lines = {0};

	for (size_t i = 0; i < where->filter_count; i++) {
		const struct filter *f = &where->filters[i];

		snprintf(filter, sizeof filter, "%s%s%s%s", i ? "\n" : "", dim_name(f->dim), f->inverted ? "!=" : "=", f->value);
		buf_puts(&lines, filter);
	}
	if (lines.len)
		add_text(json, "where", lines.data);
	buf_fini(&lines);
}

static void send_open(struct app *a, const char *title)
{
	struct view v = deck_view(&a->deck, clock_wall_us());
	const struct panel_ask *ask = &a->deck.ask;
	char words[BAD_TEXT_BYTES];
	struct buf json = {0};
	struct bad bad;

	buf_puts(&json, "{\"do\":\"open\"");
	add_text(&json, "title", title);
	add_time(&json, "from", v.from_us);
	if (v.to_us + US_PER_MIN < clock_wall_us())
		add_time(&json, "to", v.to_us);
	add_where(&json, &a->deck.where);
	incident_bad(ask, 0, &bad);
	bad.to_us = bad.to_us == INT64_MAX ? 0 : bad.to_us;
	if (bad_says(&bad) && !(ask->heat == HEAT_LATENCY && !ask->cell_chosen && ask->limit <= 0) &&
	    !(ask->heat == HEAT_TTFT && !ask->cell_chosen && ask->limit <= 0) && !(ask->heat == HEAT_COST && !ask->cell_chosen))
		add_text(&json, "bad", bad_format(&bad, words));
	order(a, &json, "opened: its window is kept; i lists the incidents");
	a->incident_wanted = true;
}

static void send_change(struct app *a, const char *verb, const char *name, const char *value, const char *said)
{
	struct buf json = {0};

	buf_printf(&json, "{\"do\":\"%s\",\"id\":%" PRId64, verb, a->deck.ask.incident_id);
	if (name)
		add_text(&json, name, value);
	order(a, &json, said);
}

static bool note(struct app *a)
{
	struct incident_dialog *w;

	if (!is_here(a) && a->deck.place.panel != panel_index(&timeline_panel))
		return false;
	if (!may(a))
		return true;
	if (!a->incident)
		a->incident = mem_alloc(sizeof *a->incident);
	w = a->incident;
	memset(w, 0, sizeof *w);
	w->opens = a->deck.ask.incident_id == 0;
	w->dialog.title = w->opens ? "open an incident" : "note";
	if (w->opens) {
		w->dialog.lines[w->dialog.line_count++] = "Window and filters of this page are pinned: raw requests and spans of it are";
		w->dialog.lines[w->dialog.line_count++] = "kept until the incident is closed and its report was written.";
	}
	w->dialog.fields[0].label = w->opens ? "title" : "note";
	w->dialog.field_count = 1;
	w->dialog.confirm = w->opens ? "Open" : "Add";
	dialog_open(&w->dialog);
	a->mode = MODE_INCIDENT;
	return true;
}

void app_incident_key(struct app *a, struct key key)
{
	struct dialog *d = &a->incident->dialog;
	enum dialog_result result = dialog_key(d, key, clock_mono_us());
	const char *text = d->fields[0].field.text;

	if (result == DIALOG_CONFIRMED && text[0] == '\0') {
		app_say(a, true, a->incident->opens ? "give it a title: what is wrong, in a few words" : "the note is empty");
		return;
	}
	if (result == DIALOG_CONFIRMED && a->incident->opens)
		send_open(a, text);
	else if (result == DIALOG_CONFIRMED)
		send_change(a, "note", "note", text, "noted");
	if (result == DIALOG_CONFIRMED || result == DIALOG_CANCELLED)
		a->mode = MODE_DECK;
}

void app_incident_opened(struct app *a, int64_t id)
{
	if (!a->incident_wanted || !is_here(a))
		return;
	a->incident_wanted = false;
	a->deck.ask.incident_id = id;
	panel_ask_changed(&a->deck.ask, ASK_INCIDENT);
	app_refresh(a);
}

static void set_figure(struct app *a, const char *name)
{
	for (int k = 0; k < HEAT_KINDS; k++) {
		if (strcmp(heat_kind_name((enum heat_kind)k), name) == 0) {
			look_at(a, (enum heat_kind)k);
			return;
		}
	}
	app_say(a, true, "incident: latency, ttft, cost, errors or flags, or a number such as INC-3");
}

/* ":incident [INC-3 | errors]" */
static void go(struct app *a, const char *rest)
{
	int64_t id = incident_id(str_of(rest));

	if (id) {
		a->deck.ask.incident_id = id;
		a->incident_jump = true;
		panel_ask_changed(&a->deck.ask, ASK_INCIDENT);
		deck_go(&a->deck, timeline_panel.page, panel_index(&timeline_panel));
		return;
	}
	if (!is_here(a))
		open_here(a);
	if (rest[0])
		set_figure(a, rest);
}

void app_incident_jump(struct app *a)
{
	int index = panel_index(&timeline_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct incident_pick p;
	struct target t = {.heat = HEAT_LATENCY};

	if (!a->incident_jump || a->deck.place.panel != index || !shown || !timeline_incident(shown->state, &p) ||
	    p.id != a->deck.ask.incident_id)
		return;
	a->incident_jump = false;
	t.incident_id = p.id;
	t.from_us = p.from_us;
	t.to_us = p.to_us ? p.to_us : p.closed_us ? p.closed_us : clock_wall_us();
	t.where = &p.where;
	t.since_us = p.bad.from_us;
	open_page(a, &t);
}

bool app_incident_command(struct app *a, struct str word, const char *rest)
{
	static const struct {
		const char *word, *verb, *name, *said;
	} verbs[] = {{"assign", "assign", "owner", "assigned"}, {"status", "status", "state", "its state was changed"},
	             {"close", "close", "note", "closed: its rows are kept until its report is written (e)"}};

	if (str_equal_c(word, "incident")) {
		go(a, rest);
		return true;
	}
	if (str_equal_c(word, "diff")) {
		diff_command(a, rest);
		return true;
	}
	if (str_equal_c(word, "pin")) {
		pin(a);
		return true;
	}
	if (!is_here(a) && a->deck.place.panel != panel_index(&timeline_panel))
		return false;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (!str_equal_c(word, verbs[i].word))
			continue;
		if (!a->deck.ask.incident_id)
			app_say(a, true, "%s: no incident is opened here: n opens one", verbs[i].word);
		else if (may(a))
			send_change(a, verbs[i].verb, rest[0] || i < 2 ? verbs[i].name : NULL, rest, verbs[i].said);
		return true;
	}
	return false;
}

bool app_incident_export(struct app *a)
{
	if (!is_here(a) && a->deck.place.panel != panel_index(&timeline_panel))
		return false;
	if (!a->deck.ask.incident_id)
		return false;
	chores_report(a->chores, a->o->store_path, a->deck.ask.incident_id);
	return true;
}

/* ── keys ──────────────────────────────────────────────────────────────────────────────────── */

bool app_incident_do(struct app *a, int action)
{
	switch (action) {
	case ACT_INCIDENTS: open_here(a); return true;
	case ACT_WINDOWS: open_windows(a); return true;
	case ACT_DOWN: return move_cell(a, 0, -1);
	case ACT_UP: return move_cell(a, 0, 1);
	case ACT_CURSOR_LEFT: return move_cell(a, -1, 0);
	case ACT_CURSOR_RIGHT: return move_cell(a, 1, 0);
	case ACT_COMPARE:
		if (!compare(a))
			return false;
		break;
	case ACT_GROUP:
		if (!next_figure(a))
			return false;
		break;
	case ACT_BACK:
		if (!let_go(a))
			return false;
		break;
	case ACT_OPEN:
		if (!open_row(a))
			return false;
		break;
	case ACT_NOTE: return note(a);
	case ACT_ASSIGN:
		if (!is_here(a))
			return false;
		app_say(a, false, "an incident is assigned with :assign NAME");
		break;
	default: return false;
	}
	app_refresh(a);
	return true;
}
