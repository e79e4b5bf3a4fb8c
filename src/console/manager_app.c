/* The keys for alerts on the pages of the Alertmanagers: `m` silences an alert or gives a silence another end, `M`
 * ends one. The dialog is bound to what was under the cursor and shows the matchers; the collector reads back
 * what came of it before it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "console/app.h"
#include "console/frame.h"
#include "panels/panels.h"

#define SILENCE_AT_MOST_US (30 * US_PER_DAY)

/* The panel of the two that is on the screen; NULL: neither. */
static const struct panel *here(const struct app *a)
{
	int at = a->deck.place.panel;

	if (at < 0 || (panels[at] != &others_panel && panels[at] != &silences_panel))
		return NULL;
	return panels[at];
}

static bool pick(const struct app *a, const struct panel *panel, struct am_pick *out)
{
	int index = panel_index(panel);
	const struct panel_snapshot *shown = a->deck.shown[index];

	if (!shown)
		return false;
	struct panel_frame frame = frame_of(&a->deck, index, shown->form, false);

	return alertmanager_pick(panel, shown->state, &frame, out);
}

/* What M is about on an alert: the silence that holds it. */
static bool take_silence(const struct app *a, const struct panel *panel, struct am_pick *p)
{
	const struct am_pick alert = *p;

	return alert.silence[0] && alertmanager_pick_silence(a->deck.shown[panel_index(panel)]->state, alert.manager, alert.silence, p);
}

static void add_line(struct alert_dialog *w, const char *text)
{
	w->dialog.lines[w->dialog.line_count++] = text;
}

static void add_for(struct alert_dialog *w)
{
	w->dialog.fields[0].label = "for";
	field_set(&w->dialog.fields[0].field, "2h");
	w->dialog.field_count = 1;
}

static void fill_dialog(struct alert_dialog *w, const struct tz *tz)
{
	const struct am_pick *p = &w->held;
	char clock[TIME_TEXT_BYTES];

	if (p->worth[0])
		add_line(w, p->worth);
	if (!p->is_silence)
		add_line(w, "Nobody is told of alerts with all of these labels in this time:");
	for (size_t i = 0; i < p->line_count; i++)
		add_line(w, p->lines[i]);
	if (p->lines_left_out) {
		snprintf(w->below, sizeof w->below, "  and %zu more", p->lines_left_out);
		add_line(w, w->below);
	}
	if (!p->is_silence) {
		add_for(w);
		w->dialog.fields[1].label = "comment";
		w->dialog.field_count = 2;
		return;
	}
	add_line(w, p->comment);
	snprintf(w->when, sizeof w->when, "By %.40s, until %s; holds %zu alert%s of others now.", p->author[0] ? p->author : "nobody",
	         time_format_clock(p->ends_us, tz, clock), p->holds, p->holds == 1 ? "" : "s");
	add_line(w, w->when);
	if (w->action == ACT_MUTE) {
		add_line(w, "Its new end, counted from now:");
		add_for(w);
	} else {
		add_line(w, "It ends now: who is on call is told again of what it holds.");
	}
}

static void open_dialog(struct app *a, int action, const struct am_pick *p)
{
	struct alert_dialog *w;

	if (!a->alert)
		a->alert = mem_alloc(sizeof *a->alert);
	w = a->alert;
	memset(w, 0, sizeof *w);
	w->theirs = true;
	w->held = *p;
	w->action = action;
	snprintf(w->title, sizeof w->title, "%s %.60s in %.60s", !p->is_silence ? "silence" : action == ACT_MUTE ? "another end for the silence" : "end the silence",
	         p->is_silence ? "" : p->name, p->manager);
	w->dialog.title = w->title;
	fill_dialog(w, a->deck.tz);
	w->dialog.confirm = !p->is_silence ? "Silence" : action == ACT_MUTE ? "Set" : "End it";
	dialog_open(&w->dialog);
	a->mode = MODE_ALERT;
}

bool app_manager(struct app *a, int action)
{
	const struct panel *panel = here(a);
	struct am_pick p;

	if (!panel)
		return false;
	if (action == ACT_ACKNOWLEDGE)
		app_say(a, true, "Alertmanager knows no acknowledgement: m silences for a time");
	else if (!pick(a, panel, &p))
		app_say(a, true, panel == &others_panel ? "there is no alert of others" : "there is no silence");
	else if (action == ACT_UNMUTE && !p.is_silence && !take_silence(a, panel, &p))
		app_say(a, true, "%.100s is not silenced", p.name);
	else if (p.is_silence && strcmp(p.state, "expired") == 0)
		app_say(a, true, "that silence has ended");
	else if (deck_level(&a->deck) < SESSION_RESPONDER)
		app_say(a, true, "this takes the role responder, and this session is a %s", session_level_name(deck_level(&a->deck)));
	else
		open_dialog(a, action, &p);
	return true;
}

static void add_text(struct buf *json, const char *name, const char *text)
{
	buf_printf(json, ",\"%s\":", name);
	buf_append_json(json, str_of(text));
}

bool app_manager_send(struct app *a)
{
	const struct alert_dialog *w = a->alert;
	const char *user = getenv("LLMDECK_USER");
	char said[300], until[TIME_TEXT_BYTES];
	bool ends = w->action == ACT_UNMUTE;
	struct buf json = {0};
	int64_t length_us = 0;

	if (!ends && (!duration_parse(str_trim(str_of(w->dialog.fields[0].field.text)), &length_us) || length_us < US_PER_MIN ||
	              length_us > SILENCE_AT_MOST_US)) {
		app_say(a, true, "for how long? 1m to 30d, such as 30m, 2h or 1d");
		return false;
	}
	buf_printf(&json, "{\"do\":\"%s\"", ends ? "am_expire" : w->held.is_silence ? "am_extend" : "am_silence");
	add_text(&json, "target", w->held.target);
	add_text(&json, "alertmanager", w->held.manager);
	if (!ends)
		add_text(&json, "until", time_format(clock_wall_us() + length_us, until));
	if (!w->held.is_silence)
		add_text(&json, "comment", w->dialog.fields[1].field.text);
	if (user && *user && strlen(user) < 64)
		add_text(&json, "claimed", user);
	buf_append_c(&json, '}');
	snprintf(said, sizeof said, "%s in %.60s, read back: %.120s", ends ? "ended" : w->held.is_silence ? "another end" : "silenced", w->held.manager,
	         w->held.name);
	chores_order(a->chores, "/v1/alerts/respond", &json, said);
	return true;
}

bool app_manager_open(struct app *a)
{
	int index = panel_index(&silences_panel);
	const struct panel *panel = here(a);
	char key[170];
	struct am_pick p;

	if (!panel)
		return false;
	if (panel == &others_panel && pick(a, panel, &p) && p.silence[0]) {
		snprintf(a->deck.ui[index].table.cursor_key, sizeof a->deck.ui[index].table.cursor_key, "%s", alertmanager_key(p.manager, p.silence, key));
		deck_go(&a->deck, silences_panel.page, index);
		app_say(a, false, "the silence that holds %.100s: Backspace goes back", p.name);
	} else {
		app_say(a, false, panel == &others_panel ? "no silence holds it; m silences it" : "m gives it another end, M ends it");
	}
	return true;
}
