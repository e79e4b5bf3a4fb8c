/* Keys that mean an alert: Enter goes to where it happened, `a` and `m` open a dialog bound to the alert
 * that was under the cursor. The order goes through the thread for chores, which says how it ended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "console/app.h"
#include "console/frame.h"
#include "panels/panels.h"
#include "panels/rollouts.h"

#define MUTE_AT_MOST_US (30 * US_PER_DAY)

bool app_alert_pick(struct app *a, struct alert_pick *out)
{
	int index = panel_index(&alerts_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];
	struct panel_frame frame;

	if (app_budget_pick_alert(a, out))
		return true;
	if (shown) {
		frame = frame_of(&a->deck, index, shown->form, false);
		if (a->deck.place.panel != index)
			frame.find = ""; /* the filter is about the rows that are seen */
		if (alerts_pick(shown->state, &frame, out))
			return true;
	}
	app_say(a, true, "there is no alert: one is known while a collector evaluates and something fires");
	return false;
}

static const char *words_of(int action)
{
	return action == ACT_MUTE ? "mute" : action == ACT_UNMUTE ? "unmute" : "acknowledge";
}

static void add_line(struct alert_dialog *w, const char *text)
{
	w->dialog.lines[w->dialog.line_count++] = text;
}

static void fill_dialog(struct alert_dialog *w)
{
	if (w->action == ACT_UNMUTE) {
		add_line(w, "Every silence that fits this alert ends now, in Alertmanager too.");
		return;
	}
	if (w->action == ACT_MUTE) {
		add_line(w, "Nobody is told of it in this time; Alertmanager gets the silence too.");
		w->dialog.fields[0].label = "for";
		field_set(&w->dialog.fields[0].field, "2h");
		w->dialog.fields[1].label = "comment";
		w->dialog.field_count = 2;
		return;
	}
	snprintf(w->dedup, sizeof w->dedup, "that want acknowledgements are told, with the dedup key llmdeck-%" PRId64 ".", w->pick.id);
	add_line(w, "Alertmanager knows no acknowledgement and goes on as before. Webhooks");
	add_line(w, w->dedup);
	if (w->pick.below) {
		snprintf(w->below, sizeof w->below, "%zu lower threshold%s of this budget %s acknowledged with it.", w->pick.below,
		         w->pick.below == 1 ? "" : "s", w->pick.below == 1 ? "is" : "are");
		add_line(w, w->below);
	}
	w->dialog.fields[0].label = "note";
	w->dialog.field_count = 1;
}

void app_alert(struct app *a, int action)
{
	struct alert_dialog *w;
	struct alert_pick p;

	if (app_manager(a, action) || !app_alert_pick(a, &p))
		return;
	if (action == ACT_UNMUTE && !p.silenced) {
		app_say(a, true, "%.100s is not muted", p.rule);
		return;
	}
	if (!p.open) {
		app_say(a, true, "%.100s has ended: there is nothing to acknowledge or mute", p.rule);
		return;
	}
	if (deck_level(&a->deck) < SESSION_RESPONDER) {
		app_say(a, true, "this takes the role responder, and this session is a %s", session_level_name(deck_level(&a->deck)));
		return;
	}
	if (!a->alert)
		a->alert = mem_alloc(sizeof *a->alert);
	w = a->alert;
	memset(w, 0, sizeof *w);
	w->pick = p;
	w->action = action;
	snprintf(w->title, sizeof w->title, "%s %.100s (alert %" PRId64 ")", words_of(action), p.rule, p.id);
	w->dialog.title = w->title;
	add_line(w, w->pick.summary);
	add_line(w, w->pick.labels);
	add_line(w, "");
	fill_dialog(w);
	w->dialog.confirm = action == ACT_MUTE ? "Mute" : action == ACT_UNMUTE ? "Unmute" : "Acknowledge";
	dialog_open(&w->dialog);
	a->mode = MODE_ALERT;
}

static void add_text(struct buf *json, const char *name, const char *text)
{
	buf_printf(json, ",\"%s\":", name);
	buf_append_json(json, str_of(text));
}

/* False when what was typed does not do: the dialog stays. */
static bool send(struct app *a)
{
	const struct alert_dialog *w = a->alert;

	if (w->theirs)
		return app_manager_send(a);
	const char *user = getenv("LLMDECK_USER");
	char said[200], until[TIME_TEXT_BYTES];
	struct buf json = {0};
	int64_t length_us = 0;

	bool mute = w->action == ACT_MUTE;

	if (mute && (!duration_parse(str_trim(str_of(w->dialog.fields[0].field.text)), &length_us) || length_us < US_PER_MIN ||
	                length_us > MUTE_AT_MOST_US)) {
		app_say(a, true, "for how long? 1m to 30d, such as 30m, 2h or 1d");
		return false;
	}
	buf_printf(&json, "{\"do\":\"%s\",\"id\":%" PRId64, mute ? "silence" : w->action == ACT_UNMUTE ? "unsilence" : "ack", w->pick.id);
	if (mute)
		add_text(&json, "until", time_format(clock_wall_us() + length_us, until));
	if (w->action != ACT_UNMUTE)
		add_text(&json, mute ? "comment" : "note", w->dialog.fields[mute].field.text);
	if (user && *user && strlen(user) < 64)
		add_text(&json, "claimed", user);
	buf_append_c(&json, '}');
	snprintf(said, sizeof said, "%sd: %.100s", words_of(w->action), w->pick.rule);
	chores_order(a->chores, "/v1/alerts/respond", &json, said);
	return true;
}

void app_alert_key(struct app *a, struct key key)
{
	enum dialog_result result = dialog_key(&a->alert->dialog, key, clock_mono_us());

	if (result == DIALOG_CANCELLED || (result == DIALOG_CONFIRMED && send(a)))
		a->mode = MODE_DECK;
}

void app_alert_ring(struct app *a)
{
	const struct panel_snapshot *shown = a->deck.shown[panel_index(&alerts_panel)];
	const struct config *config = a->config ? a->config : a->o->config;
	char words[240];
	int64_t id;

	if (!shown || !config)
		return;
	id = alerts_newest(shown->state, words, sizeof words);
	if (id > a->rung_id && a->rings)
		screen_ring(a->screen, (enum screen_bell)config->options[OPTION_BELL].number, str_of(words));
	a->rung_id = id > a->rung_id ? id : a->rung_id;
	a->rings = true;
}

/* The cost page with the budget's filters over the alert's time. */
static void open_spending(struct app *a, const struct alert_pick *p)
{
	int64_t from_us = p->since_us - 2 * p->window_us, now_us = clock_wall_us();

	a->deck.where = p->where;
	a->deck.find[0] = '\0';
	a->deck.time_cursor_us = 0;
	deck_set_window(&a->deck, p->ended_us ? 0 : now_us - from_us, p->ended_us ? from_us : 0, p->ended_us);
	deck_go(&a->deck, cost_panel.page, panel_index(&cost_panel));
	app_say(a, false, "narrowed to %.100s: / and :t change it, Backspace goes back", p->rule);
}

static void open_rollout(struct app *a, const struct alert_pick *p)
{
	int index = panel_index(&rollouts_panel);
	struct table_state *table = &a->deck.ui[index].table;

	snprintf(table->cursor_key, sizeof table->cursor_key, "%s", p->rule);
	deck_go(&a->deck, rollouts_panel.page, index);
	app_say(a, false, "%.100s: R rolls back, Backspace goes back", p->rule);
}

bool app_alert_open(struct app *a)
{
	struct alert_pick p;
	struct panel_frame frame;
	int index = panel_index(&alerts_panel);
	const struct panel_snapshot *shown = a->deck.shown[index];

	if (app_manager_open(a))
		return true;
	if (a->deck.place.panel != index || !shown)
		return false;
	frame = frame_of(&a->deck, index, shown->form, false);
	if (!alerts_pick(shown->state, &frame, &p))
		return false;
	if (strcmp(p.kind, "rollout") == 0)
		open_rollout(a, &p);
	else if (strcmp(p.kind, "budget") == 0)
		open_spending(a, &p);
	else
		return app_incident_do(a, ACT_INCIDENTS);
	return true;
}
