/* Working through feedback. Every change is an order to the collector, and the page moves on only with
 * its answer, which comes after the commit: what shows next is never ahead of what is stored. Keys that
 * are pressed in between are kept and mean what they would have meant then. */
#include "console/triage_app.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/app.h"
#include "console/triage_private.h"
#include "core/incident.h"
#include "panels/panels.h"

#define INCIDENT_BEFORE_US (15 * US_PER_MIN) /* a new one's window begins so long before the remark */

static bool is_here(const struct app *a)
{
	return a->deck.place.panel >= 0 && panels[a->deck.place.panel] == &feedback_panel;
}

/* The page as it is shown; NULL while it is not. */
const struct triage_state *triage_shown(const struct app *a)
{
	const struct panel_snapshot *shown = a->deck.shown[panel_index(&feedback_panel)];

	return shown && shown->form == PANEL_PAGE ? triage_of(shown->state) : NULL;
}

struct triage_work *triage_work_start(const char *socket_path, int wake_fd)
{
	struct triage_work *w = mem_zalloc(sizeof *w);

	w->calls = triage_calls_start(socket_path, wake_fd);
	return w;
}

void triage_work_stop(struct triage_work **wp, int64_t wait_us)
{
	struct triage_work *w = *wp;

	if (!w)
		return;
	*wp = NULL;
	triage_calls_stop(&w->calls, wait_us);
	intmap_fini(&w->desk.marks);
	free(w->dialog_ids);
	free(w);
}

void app_triage_labels(struct app *a)
{
	a->triage->desk.labels = label_sets(a->config ? a->config : a->o->config, &a->triage->desk.label_count);
}

void triage_changed(struct app *a)
{
	panel_ask_changed(&a->deck.ask, ASK_TRIAGE);
	a->dirty = true;
}

/* ── orders ────────────────────────────────────────────────────────────────────────────────── */

static bool may_change(struct app *a)
{
	if (deck_level(&a->deck) >= SESSION_RESPONDER)
		return true;
	app_say(a, true, "this takes the role responder, and this session is a %s", session_level_name(deck_level(&a->deck)));
	return false;
}

/* Open items of the list after (or, backwards, before) the cursor, then from the list's other end. */
static size_t candidates(const struct app *a, bool backwards, const int64_t *but, size_t but_count, int64_t out[TRIAGE_NEXT_MAX])
{
	const struct triage_state *t = triage_shown(a);
	size_t count = 0, at, rows = t ? t->row_count : 0;

	if (rows == 0)
		return 0;
	at = triage_cursor(t, &a->triage->desk);
	for (size_t step = 1; step <= rows && count < TRIAGE_NEXT_MAX; step++) {
		const struct feedback_light *item = triage_row(t, (backwards ? at + rows - step : at + step) % rows);
		bool taken = item->state != FEEDBACK_OPEN;

		for (size_t i = 0; i < but_count && but_count < 64 && !taken; i++)
			taken = but[i] == item->id;
		if (!taken)
			out[count++] = item->id;
	}
	return count;
}

static void give(struct app *a, struct triage_call *call, bool leaves, const char *said)
{
	struct triage_work *w = a->triage;

	if (!triage_calls_order(w->calls, call))
		return; /* keys are held while an order is under way, so that this does not happen */
	w->desk.busy = true;
	w->verb = call->verb;
	w->verb_items = call->id_count;
	w->verb_item = call->id_count == 1 ? call->ids[0] : 0;
	w->leaves = leaves;
	snprintf(w->said, sizeof w->said, "%s", said);
	app_triage_take(a);
	a->dirty = true;
}

/* A verdict on items; with `leaves` the next open item is locked in the same commit. */
static void order(struct app *a, enum triage_verb verb, const int64_t *ids, size_t count, const char *name,
                  const char *value, const char *text, bool leaves, const char *said)
{
	int64_t next[TRIAGE_NEXT_MAX];
	struct triage_call call = {.verb = verb, .ids = ids, .id_count = count, .name = name, .value = value, .text = text};

	if (leaves) {
		call.next = next;
		call.next_count = candidates(a, false, ids, count, next);
	}
	give(a, &call, leaves, said);
}

static void open_item(struct app *a, int64_t id)
{
	struct triage_call call = {.verb = TRIAGE_LOCK, .ids = &id, .id_count = 1};

	if (may_change(a))
		give(a, &call, false, "");
}

void triage_open_neighbour(struct app *a, bool backwards)
{
	int64_t next[TRIAGE_NEXT_MAX];
	struct triage_call call = {.verb = TRIAGE_NEXT, .next = next};

	call.next_count = candidates(a, backwards, &a->triage->desk.item, 1, next);
	if (call.next_count == 0)
		app_say(a, false, "no other item here is open");
	else
		give(a, &call, false, "");
}

static void leave_item(struct app *a)
{
	struct triage_call call = {.verb = TRIAGE_UNLOCK};
	struct triage_work *w = a->triage;

	w->desk.opened = false;
	w->desk.choosing = 0;
	w->desk.scroll = 0;
	w->desk.item = 0;
	w->held_count = 0;
	give(a, &call, false, "");
}

static void show(struct app *a, int64_t id)
{
	struct triage_desk *desk = &a->triage->desk;

	desk->opened = true;
	desk->item = desk->cursor_id = id;
	desk->scroll = 0;
	desk->choosing = 0;
	if (a->triage->began_mono_us == 0)
		a->triage->began_mono_us = clock_mono_us();
}

static void remember_place(struct triage_work *w, int64_t changed_items)
{
	if (w->place_count == TRIAGE_UNDO_PLACES) {
		memmove(w->places, w->places + 1, sizeof w->places - sizeof *w->places);
		w->place_count--;
	}
	w->places[w->place_count++] = (struct triage_place){w->verb_item, changed_items, w->verb};
	w->place_end = w->place_count;
}

static void count_place(struct triage_desk *desk, const struct triage_place *place, int sign)
{
	if (place->verb == TRIAGE_SETTLE)
		desk->settled += sign * place->changed;
	else if (place->verb == TRIAGE_DISMISS)
		desk->dismissed += sign * place->changed;
}

/* Keeps the session's progress: what was undone is not done. */
static void count_change(struct triage_work *w, const struct triage_answer *answer)
{
	struct triage_desk *desk = &w->desk;
	double hours = (double)(clock_mono_us() - w->began_mono_us) / (double)US_PER_HOUR;

	if (w->verb == TRIAGE_UNDO && answer->changed > 0 && w->place_count > 0) {
		count_place(desk, &w->places[--w->place_count], -1);
	} else if (w->verb == TRIAGE_REDO && answer->changed > 0 && w->place_count < w->place_end) {
		count_place(desk, &w->places[w->place_count++], 1);
	} else if (w->verb != TRIAGE_UNDO && w->verb != TRIAGE_REDO && answer->changed > 0) {
		remember_place(w, answer->changed);
		count_place(desk, &w->places[w->place_count - 1], 1);
	}
	desk->history = answer->history;
	desk->undone = answer->undone;
	hours = hours < 1.0 / 60 ? 1.0 / 60 : hours;
	desk->per_hour = (double)(desk->settled + desk->dismissed) / hours;
}

static void say_done(struct app *a, const struct triage_answer *answer)
{
	const struct triage_work *w = a->triage;

	if (w->verb == TRIAGE_LOCK || w->verb == TRIAGE_UNLOCK || w->verb == TRIAGE_NEXT)
		return;
	if (answer->refused > 0 || !w->said[0])
		app_say(a, answer->refused > 0, "%.290s", answer->words);
	else
		app_say(a, false, "%s", w->said);
}

static void take_answer(struct app *a, const struct triage_answer *answer)
{
	struct triage_work *w = a->triage;
	bool opens = w->verb == TRIAGE_LOCK || w->verb == TRIAGE_NEXT;

	if (!answer->ok) {
		app_say(a, true, "%.290s", answer->words);
		w->held_count = 0;
		return;
	}
	if (!opens && w->verb != TRIAGE_UNLOCK && w->verb != TRIAGE_VERB_COUNT)
		count_change(w, answer);
	if (w->verb_items > 1)
		intmap_clear(&w->desk.marks);
	say_done(a, answer);
	if (answer->locked && (opens || w->leaves || w->verb == TRIAGE_UNDO)) {
		show(a, answer->locked);
	} else if (w->leaves) {
		w->desk.opened = false;
		w->desk.item = 0;
		app_say(a, false, "nothing else here is open: %lld settled, %lld dismissed by you", (long long)w->desk.settled,
		        (long long)w->desk.dismissed);
	} else if (opens) {
		app_say(a, true, "%.290s", answer->words);
		w->held_count = 0;
	}
}

bool app_triage_take(struct app *a)
{
	struct triage_answer answer;

	if (!triage_calls_take(a->triage->calls, &answer))
		return false;
	a->triage->desk.busy = false;
	a->triage->answered_mono_us = clock_mono_us();
	take_answer(a, &answer);
	triage_changed(a);
	app_triage_follow(a);
	return true;
}

/* ── what keys mean ────────────────────────────────────────────────────────────────────────── */

/* The row under the cursor; 0 when there is none. */
int64_t triage_cursor_item(const struct app *a)
{
	const struct triage_state *t = triage_shown(a);
	const struct feedback_light *item = t ? triage_row(t, triage_cursor(t, &a->triage->desk)) : NULL;

	return a->triage->desk.opened ? a->triage->desk.item : item ? item->id : 0;
}

/* The marked items, or the one that is open or under the cursor. Owned by the caller. */
static size_t chosen_items(const struct app *a, int64_t **out)
{
	const struct intmap *marks = &a->triage->desk.marks;
	size_t at = 0, count = 0;
	uint64_t id;

	*out = mem_array(NULL, marks->count + 1, sizeof **out);
	while (intmap_next(marks, &at, &id))
		(*out)[count++] = (int64_t)id;
	if (count == 0 && triage_cursor_item(a))
		(*out)[count++] = triage_cursor_item(a);
	return count;
}

/* Opens the dialog over the chosen items; `label` NULL: no text is asked for. */
static void open_dialog(struct app *a, enum triage_dialog_kind kind, enum triage_verb verb, const char *what,
                        const char *label, const char *text, const char *confirm)
{
	static const char *const hints[] = {
		[TRIAGE_ASK_NOTE] = "Kept redacted in the text file; the audit has none of it.",
		[TRIAGE_ASK_ASSIGN] = "The filter assignee:NAME finds it. Empty: for nobody.",
		[TRIAGE_ASK_DATASET] = "A case for `llmdeck feedback export --format chat`.",
		[TRIAGE_ASK_INCIDENT] = "INC-88 adds to that one; anything else titles a new one.",
	};
	struct triage_work *w = a->triage;
	char id[TRIAGE_ID_BYTES];

	free(w->dialog_ids);
	w->dialog_id_count = chosen_items(a, &w->dialog_ids);
	if (w->dialog_id_count == 0) {
		app_say(a, true, "no item is under the cursor");
		return;
	}
	if (w->dialog_id_count > TRIAGE_IDS_MAX) {
		app_say(a, true, "%zu are marked, and at most %d are changed at once", w->dialog_id_count, TRIAGE_IDS_MAX);
		return;
	}
	w->kind = kind;
	w->dialog_verb = verb;
	memset(&w->dialog, 0, sizeof w->dialog);
	if (w->dialog_id_count > 1)
		snprintf(w->dialog_title, sizeof w->dialog_title, "%s: %zu marked items", what, w->dialog_id_count);
	else
		snprintf(w->dialog_title, sizeof w->dialog_title, "%s: %s", what, triage_id(w->dialog_ids[0], id));
	if (w->dialog_id_count > 1)
		snprintf(w->dialog_line, sizeof w->dialog_line, "This is done to all %zu of them; u undoes it.", w->dialog_id_count);
	else
		snprintf(w->dialog_line, sizeof w->dialog_line, "u undoes it.");
	snprintf(w->dialog_confirm, sizeof w->dialog_confirm, "%s", confirm);
	w->dialog.title = w->dialog_title;
	w->dialog.lines[w->dialog.line_count++] = w->dialog_line;
	if (hints[kind])
		w->dialog.lines[w->dialog.line_count++] = hints[kind];
	w->dialog.confirm = w->dialog_confirm;
	if (label) {
		w->dialog.fields[0].label = label;
		field_set(&w->dialog.fields[0].field, text);
		w->dialog.field_count = 1;
	}
	dialog_open(&w->dialog);
	a->mode = MODE_TRIAGE;
}

/* "88" or "INC-88": that one; anything else is the title of a new one. */
static void add_to_incident(struct app *a, const char *text)
{
	struct triage_work *w = a->triage;
	const struct triage_state *t = triage_shown(a);
	int64_t id = incident_id(str_trim(str_of(text))), from_us = clock_wall_us();
	char service[VIEW_VALUE_BYTES] = "";

	if (!str_trim(str_of(text)).len) {
		app_say(a, true, "an incident needs a number or a title");
		return;
	}
	if (t && t->has_item) {
		from_us = t->item.item.time_us - INCIDENT_BEFORE_US;
		snprintf(service, sizeof service, "%.*s", STR_ARG(t->item.item.dims[DIM_SERVICE]));
	}
	if (!triage_calls_incident(w->calls, id, text, service, from_us, w->dialog_ids, w->dialog_id_count))
		return;
	w->desk.busy = true;
	w->verb = TRIAGE_VERB_COUNT;
	w->verb_items = w->dialog_id_count;
	w->leaves = false;
	w->said[0] = '\0';
	app_triage_take(a);
}

static void confirmed(struct app *a)
{
	static const char *const said[] = {[TRIAGE_ASK_NOTE] = "noted", [TRIAGE_ASK_ASSIGN] = "assigned",
	                                   [TRIAGE_ASK_DATASET] = "in the data set"};
	struct triage_work *w = a->triage;
	const char *text = w->dialog.fields[0].field.text;
	bool leaves = w->kind == TRIAGE_ASK_BATCH && w->desk.opened && (w->dialog_verb == TRIAGE_SETTLE || w->dialog_verb == TRIAGE_DISMISS);

	a->mode = MODE_DECK;
	if (w->kind == TRIAGE_ASK_INCIDENT)
		add_to_incident(a, text);
	else if (w->kind == TRIAGE_ASK_BATCH)
		order(a, w->dialog_verb, w->dialog_ids, w->dialog_id_count, w->dialog_name[0] ? w->dialog_name : NULL,
		      w->dialog_value[0] ? w->dialog_value : NULL, NULL, leaves, "");
	else if (w->kind == TRIAGE_ASK_ASSIGN)
		order(a, TRIAGE_ASSIGN, w->dialog_ids, w->dialog_id_count, NULL, text, NULL, false, text[0] ? said[w->kind] : "for nobody");
	else if (w->kind == TRIAGE_ASK_NOTE && !str_trim(str_of(text)).len)
		app_say(a, true, "an empty note says nothing: not stored");
	else
		order(a, w->dialog_verb, w->dialog_ids, w->dialog_id_count, NULL, NULL, text, false,
		      text[0] ? said[w->kind] : "taken out of the data set");
}

void app_triage_dialog_key(struct app *a, struct key key)
{
	enum dialog_result result = dialog_key(&a->triage->dialog, key, clock_mono_us());

	if (result == DIALOG_CANCELLED)
		a->mode = MODE_DECK;
	else if (result == DIALOG_CONFIRMED)
		confirmed(a);
}

/* Settling or dismissing: the open item goes at once, marked ones are counted first. */
static void verdict(struct app *a, enum triage_verb verb)
{
	static const char *const did[] = {[TRIAGE_SETTLE] = "settled", [TRIAGE_DISMISS] = "dismissed"};
	struct triage_work *w = a->triage;
	char confirm[48];
	int64_t id = triage_cursor_item(a);

	if (!may_change(a))
		return;
	w->dialog_name[0] = w->dialog_value[0] = '\0';
	if (w->desk.marks.count > 0) {
		snprintf(confirm, sizeof confirm, "%s %zu", verb == TRIAGE_SETTLE ? "Settle" : "Dismiss", w->desk.marks.count);
		open_dialog(a, TRIAGE_ASK_BATCH, verb, verb == TRIAGE_SETTLE ? "settle" : "dismiss", NULL, NULL, confirm);
	} else if (!id) {
		app_say(a, true, "no item is under the cursor");
	} else {
		order(a, verb, &id, 1, NULL, NULL, NULL, w->desk.opened, did[verb]);
	}
}

/* `value` "" takes the label away. */
static void set_label(struct app *a, const struct label_set *set, const char *value)
{
	struct triage_work *w = a->triage;
	enum triage_verb verb = value[0] ? TRIAGE_LABEL : TRIAGE_UNLABEL;
	char said[160], what[120], confirm[48];

	snprintf(w->dialog_name, sizeof w->dialog_name, "%s", set->name);
	snprintf(w->dialog_value, sizeof w->dialog_value, "%s", value);
	snprintf(said, sizeof said, value[0] ? "%.60s = %.60s" : "%.60s cleared", set->name, value);
	if (w->desk.marks.count > 0) {
		snprintf(what, sizeof what, "label %.100s", said);
		snprintf(confirm, sizeof confirm, "Label %zu", w->desk.marks.count);
		open_dialog(a, TRIAGE_ASK_BATCH, verb, what, NULL, NULL, confirm);
	} else {
		order(a, verb, &w->desk.item, 1, set->name, value[0] ? value : NULL, NULL, false, said);
	}
}

static void choose_label(struct app *a, size_t key)
{
	struct triage_desk *desk = &a->triage->desk;
	const struct triage_state *t = triage_shown(a);
	const struct label_set *set = &desk->labels[key];
	const char *now = t ? triage_label(t, set->name) : NULL;

	if (!may_change(a))
		return;
	if (set->kind != LABEL_BOOLEAN)
		desk->choosing = (int)key + 1;
	else
		set_label(a, set, now && strcmp(now, "true") == 0 && desk->marks.count == 0 ? "" : "true");
}

/* The second key of a numeric or categorical label. */
static void choose_value(struct app *a, uint32_t code)
{
	struct triage_desk *desk = &a->triage->desk;
	const struct label_set *set = &desk->labels[desk->choosing - 1];
	double digit = (double)code - '0';
	char value[32];
	size_t count = 0;

	desk->choosing = 0;
	a->dirty = true;
	while (set->kind == LABEL_CATEGORICAL && set->values[count])
		count++;
	if (code < '0' || code > '9')
		return;
	if (set->kind == LABEL_CATEGORICAL) {
		if (code != '0' && (size_t)(code - '1') >= count)
			app_say(a, true, "%.60s has %zu values", set->name, count);
		else
			set_label(a, set, code == '0' ? "" : set->values[code - '1']);
		return;
	}
	snprintf(value, sizeof value, "%.0f", digit);
	if (digit >= set->min && digit <= set->max)
		set_label(a, set, value);
	else if (code == '0')
		set_label(a, set, "");
	else
		app_say(a, true, "%.60s takes %g to %g", set->name, set->min, set->max);
}

/* The open item is on the screen, as it is since the last change. */
static bool item_loaded(const struct app *a)
{
	const struct panel_snapshot *shown = a->deck.shown[panel_index(&feedback_panel)];
	const struct triage_state *t = triage_shown(a);

	if (!a->triage->desk.opened)
		return true;
	return t && t->has_item && t->item.id == a->triage->desk.item &&
	       shown->loaded_mono_us - shown->took_us >= a->triage->answered_mono_us;
}

bool app_triage_key(struct app *a, struct key key)
{
	struct triage_work *w = a->triage;

	if (!is_here(a) || key.pasted || key.code == KEYCODE_MOUSE)
		return false;
	if ((w->desk.busy || !item_loaded(a)) && key.code != KEYCODE_ESC) {
		if (w->held_count < TRIAGE_HELD_KEYS)
			w->held[w->held_count++] = key;
		return true;
	}
	if (key.code == KEYCODE_ESC)
		w->held_count = 0;
	if (w->desk.choosing > 0) {
		choose_value(a, key.mods ? 0 : key.code);
		return true;
	}
	if (!w->desk.opened || key.mods || key.code < '1' || key.code > '9')
		return false;
	if ((size_t)(key.code - '1') < w->desk.label_count)
		choose_label(a, key.code - '1');
	else
		app_say(a, true, "there is no label %c: `labels:` in the configuration names them", (char)key.code);
	return true;
}

/* ── the rest of the verbs ─────────────────────────────────────────────────────────────────── */

static void undo(struct app *a, bool redo)
{
	struct triage_work *w = a->triage;
	int64_t back = !redo && w->place_count > 0 ? w->places[w->place_count - 1].item : 0;
	struct triage_call call = {.verb = redo ? TRIAGE_REDO : TRIAGE_UNDO, .next = &back,
	                           .next_count = back && w->desk.opened ? 1 : 0};

	if (!may_change(a))
		return;
	give(a, &call, false, "");
	if (back && !w->desk.opened)
		w->desk.cursor_id = back;
}

static void ask_text(struct app *a, enum triage_dialog_kind kind)
{
	const struct triage_state *t = triage_shown(a);
	const struct str *corrected = t && t->has_item ? &t->item.corrected : NULL;
	const struct str *answer = t && t->has_item ? &t->item.answer : NULL;
	char text[FIELD_BYTES] = "";

	if (!may_change(a))
		return;
	if (kind == TRIAGE_ASK_NOTE) {
		open_dialog(a, kind, TRIAGE_NOTE, "note", "note", "", "Note");
	} else if (kind == TRIAGE_ASK_ASSIGN) {
		open_dialog(a, kind, TRIAGE_ASSIGN, "assign", "to", a->deck.user ? a->deck.user : "", "Assign");
	} else {
		/* what is there is offered for correction when all of it fits */
		if (corrected && corrected->len > 0 && corrected->len < sizeof text)
			snprintf(text, sizeof text, "%.*s", STR_ARG(*corrected));
		else if (answer && answer->len > 0 && answer->len < sizeof text && !t->item.in_dataset)
			snprintf(text, sizeof text, "%.*s", STR_ARG(*answer));
		open_dialog(a, kind, TRIAGE_DATASET, "to the data set", "right answer", text, "Keep");
	}
}

static void ask_incident(struct app *a)
{
	const struct triage_state *t = triage_shown(a);
	char text[INCIDENT_NAME_BYTES] = "";

	if (!may_change(a))
		return;
	if (t && t->incident_id)
		incident_name(t->incident_id, text);
	open_dialog(a, TRIAGE_ASK_INCIDENT, TRIAGE_VERB_COUNT, "add to an incident", "incident", text, "Add");
	snprintf(a->triage->dialog_line, sizeof a->triage->dialog_line, "%s%.120s", t && t->incident_id ? "open now: " : "none is open",
	         t && t->incident_id ? t->incident_title : "");
}

/* The trace of the answer that the item is about. */
static void open_trace(struct app *a)
{
	static const char hex[] = "0123456789abcdef";
	const struct triage_state *t = triage_shown(a);
	char line[33 + TIME_TEXT_BYTES], time[TIME_TEXT_BYTES];

	if (!t || !t->has_item || !t->item.item.has_trace) {
		app_say(a, true, "this item was told without a trace id");
		return;
	}
	for (size_t i = 0; i < 16; i++) {
		line[2 * i] = hex[t->item.item.trace_id[i] >> 4];
		line[2 * i + 1] = hex[t->item.item.trace_id[i] & 15];
	}
	snprintf(line + 32, sizeof line - 32, " %s", time_format(t->item.item.time_us, time));
	app_trace_command(a, line);
}

static void back(struct app *a)
{
	struct triage_work *w = a->triage;

	if (w->desk.opened) {
		leave_item(a);
	} else if (w->desk.marks.count > 0 || w->desk.range_from) {
		intmap_clear(&w->desk.marks);
		w->desk.range_from = 0;
	} else {
		triage_choose_group(a, "");
	}
}

/* Esc has something to do here before it leaves the page. */
static bool takes_back(const struct app *a)
{
	const struct triage_desk *desk = &a->triage->desk;

	return desk->opened || desk->marks.count > 0 || desk->range_from || a->deck.ask.triage.group[0];
}

static bool do_verb(struct app *a, int action)
{
	switch (action) {
	case ACT_DISMISS: verdict(a, TRIAGE_DISMISS); break;
	case ACT_NOTE: ask_text(a, TRIAGE_ASK_NOTE); break;
	case ACT_ASSIGN: ask_text(a, TRIAGE_ASK_ASSIGN); break;
	case ACT_DATASET: ask_text(a, TRIAGE_ASK_DATASET); break;
	case ACT_UNDO: undo(a, false); break;
	case ACT_REDO: undo(a, true); break;
	case ACT_MARK: triage_toggle_mark(a); break;
	case ACT_RANGE: triage_mark_range(a); break;
	case ACT_INVERT: triage_invert_marks(a); break;
	case ACT_GROUP_NEXT: triage_step_group(a, 1); break;
	case ACT_GROUP_BEFORE: triage_step_group(a, -1); break;
	case ACT_SORT: triage_sort_next(a); break;
	case ACT_TRACE: open_trace(a); break;
	case ACT_INCIDENTS: ask_incident(a); break;
	default: return false;
	}
	return true;
}

bool app_triage_do(struct app *a, int action)
{
	struct triage_work *w = a->triage;

	if (!is_here(a))
		return false;
	if (action >= ACT_DOWN && action <= ACT_PAGE_UP) {
		if (w->desk.opened)
			triage_move_opened(a, action);
		else
			triage_move(a, action);
		return true;
	}
	if (action == ACT_OPEN && w->desk.opened) {
		verdict(a, TRIAGE_SETTLE);
	} else if (action == ACT_OPEN) {
		if (triage_cursor_item(a))
			open_item(a, triage_cursor_item(a));
		else
			app_say(a, false, "nothing is listed: / changes the filter");
	} else if (action == ACT_BACK && takes_back(a)) {
		back(a);
	} else {
		return do_verb(a, action);
	}
	return true;
}

/* ── in step with the screen ───────────────────────────────────────────────────────────────── */

static void replay(struct app *a)
{
	struct triage_work *w = a->triage;

	if (w->replaying)
		return;
	w->replaying = true;
	while (w->held_count > 0 && !w->desk.busy && item_loaded(a) && a->mode == MODE_DECK && is_here(a)) {
		struct key key = w->held[0];

		w->held_count--;
		memmove(w->held, w->held + 1, w->held_count * sizeof *w->held);
		app_key(a, key);
	}
	w->replaying = false;
}

static bool same_ask(const struct triage_ask *a, const struct triage_ask *b)
{
	return strcmp(a->find, b->find) == 0 && strcmp(a->group, b->group) == 0 && a->item == b->item && a->row == b->row &&
	       a->sort == b->sort && a->reverse == b->reverse && a->window_only == b->window_only;
}

void app_triage_follow(struct app *a)
{
	struct triage_work *w = a->triage;
	struct triage_ask *ask = &a->deck.ask.triage, was = *ask;
	const struct triage_state *t = triage_shown(a);

	if (!is_here(a)) {
		if (w->desk.opened && !w->desk.busy)
			leave_item(a);
		return;
	}
	if (t && !w->desk.opened)
		w->desk.cursor_row = triage_cursor(t, &w->desk);
	else if (t && triage_find_row(t, w->desk.item, w->desk.cursor_row) < t->row_count)
		w->desk.cursor_row = triage_find_row(t, w->desk.item, w->desk.cursor_row);
	snprintf(ask->find, sizeof ask->find, "%s", a->deck.find);
	ask->window_only = a->deck.end_us != 0;
	ask->item = w->desk.opened ? w->desk.item : t && t->row_count ? triage_row(t, w->desk.cursor_row)->id : 0;
	/* texts are there for a few screens: asked anew before the cursor comes to their end */
	if (t && (w->desk.cursor_row < t->texts_from + 50 || w->desk.cursor_row + 100 > t->texts_from + t->texts.count))
		ask->row = (int64_t)w->desk.cursor_row;
	if (!same_ask(&was, ask))
		triage_changed(a);
	if (panel_ask_serial(&a->job.ask, ASK_TRIAGE) != panel_ask_serial(&a->deck.ask, ASK_TRIAGE))
		app_refresh(a);
	replay(a);
}
