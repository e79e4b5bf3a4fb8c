/* The table, in the order in which help lists it. */
#include "console/actions.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "panels/alerts.h"
#include "panels/budgets.h"
#include "panels/panels.h"
#include "panels/rollouts.h"
#include "panels/triage.h"

const struct action console_actions[] = {
	{ACT_HELP, "help", "?", "this help", DANGER_NONE},
	{ACT_PALETTE, "command", ":", "type a command", DANGER_NONE},
	{ACT_FILTER, "filter", "/", "filter: text, service=chat, ! inverts", DANGER_NONE},
	{ACT_DOWN, "down", "j Down", "next row", DANGER_NONE},
	{ACT_UP, "up", "k Up", "row before", DANGER_NONE},
	{ACT_FIRST, "first", "g Home", "first row", DANGER_NONE},
	{ACT_LAST, "last", "G End", "last row", DANGER_NONE},
	{ACT_PAGE_DOWN, "page-down", "PgDn Ctrl-F", "a page of rows down", DANGER_NONE},
	{ACT_PAGE_UP, "page-up", "PgUp Ctrl-B", "a page of rows up", DANGER_NONE},
	{ACT_NEXT_PANEL, "next-panel", "Tab", "next panel", DANGER_NONE},
	{ACT_PREVIOUS_PANEL, "previous-panel", "Shift-Tab", "panel before", DANGER_NONE},
	{ACT_OPEN, "open", "Enter", "open the panel, or narrow to the row", DANGER_NONE},
	{ACT_BACK, "back", "Esc", "back, only back", DANGER_NONE},
	{ACT_LAST_PAGE, "last-page", "Backspace", "the page seen last", DANGER_NONE},
	{ACT_ALONE, "alone", "o", "the panel alone on the screen", DANGER_NONE},
	{ACT_ZOOM_IN, "zoom-in", "z", "half the time", DANGER_NONE},
	{ACT_ZOOM_OUT, "zoom-out", "Z", "twice the time", DANGER_NONE},
	{ACT_CURSOR_LEFT, "cursor-left", "h Left", "time cursor to the left", DANGER_NONE},
	{ACT_CURSOR_RIGHT, "cursor-right", "l Right", "time cursor to the right", DANGER_NONE},
	{ACT_COMPARE, "compare", "=", "compare with the window before", DANGER_NONE},
	{ACT_PAUSE, "pause", "p", "pause charts and streams, never the alerts", DANGER_NONE},
	{ACT_SORT, "sort", "s", "sort by the next column", DANGER_NONE},
	{ACT_COLUMNS, "columns", "c", "show and hide columns", DANGER_NONE},
	{ACT_GROUP, "group-next", "b", "group by the next dimension", DANGER_NONE},
	{ACT_COPY, "copy", "y", "copy the command that opens exactly here", DANGER_NONE},
	{ACT_EXPORT, "export", "e", "write the panel's data to a file", DANGER_NONE},
	{ACT_LIMITS, "limits", "!", "the alerts; again: alerts of others, silences", DANGER_NONE},
	{ACT_ACKNOWLEDGE, "acknowledge", "a", "acknowledge the alert, with a note", DANGER_STORED},
	{ACT_MUTE, "mute", "m", "mute the alert for a time; a silence: another end", DANGER_STORED},
	{ACT_UNMUTE, "unmute", "M", "end the silence, or that of the alert", DANGER_STORED},
	{ACT_EDIT_LIMIT, "limit-edit", "E", "another limit for the alert's rule, tried on the last week", DANGER_STORED},
	{ACT_SET_BUDGET, "budget-set", "B", "set a budget, or change the one under the cursor", DANGER_STORED},
	{ACT_REMOVE_BUDGET, "budget-remove", "D", "remove the budget under the cursor", DANGER_STORED},
	{ACT_INCIDENTS, "what-changed", "i", "what changed: the incident page of the alert, rollout, cursor or window", DANGER_NONE},
	{ACT_WINDOWS, "two-windows", "w", "this window beside another one: = chooses which, :pin keeps one", DANGER_NONE},
	{ACT_CHART, "chart", "v", "sql: the answer as a chart, or as a table", DANGER_NONE},
	{ACT_TRACE, "open-trace", "t", "the trace of the request under the cursor", DANGER_NONE},
	{ACT_MARK, "mark", "Space", "mark the row: verdicts are for all that are marked", DANGER_NONE},
	{ACT_RANGE, "range", "V", "begin a range of marks, end it", DANGER_NONE},
	{ACT_INVERT, "invert", "*", "turn the marks around", DANGER_NONE},
	{ACT_DISMISS, "dismiss", "x", "feedback: nothing in it; the next one", DANGER_STORED},
	{ACT_NOTE, "note", "n", "add a note", DANGER_STORED},
	{ACT_ASSIGN, "assign", "@", "feedback: give it to somebody", DANGER_STORED},
	{ACT_DATASET, "dataset", "d", "feedback: to the data set, with the right answer", DANGER_STORED},
	{ACT_UNDO, "undo", "u", "undo the last change", DANGER_STORED},
	{ACT_REDO, "redo", "U", "do it again", DANGER_STORED},
	{ACT_GROUP_NEXT, "group-in", "]", "feedback: the next group of similar remarks", DANGER_NONE},
	{ACT_GROUP_BEFORE, "group-out", "[", "feedback: the group before", DANGER_NONE},
	{ACT_ROLLBACK, "rollback", "R", "rollout: everything back to stable", DANGER_TRAFFIC},
	{ACT_STEP_UP, "step", ">", "rollout: the next step", DANGER_TRAFFIC},
	{ACT_STEP_BACK, "step-back", "<", "rollout: the step before", DANGER_TRAFFIC},
	{ACT_HOLD_ROLLOUT, "hold", "H", "rollout: hold, or resume", DANGER_STORED},
	{ACT_PROMOTE_ROLLOUT, "promote", "F", "rollout: everything to the candidate", DANGER_TRAFFIC},
	{ACT_REAPPLY, "reapply", "A", "rollout: the wanted shares again, after a drift", DANGER_TRAFFIC},
	{ACT_STOP_ALL, "stop-all", "", "emergency: roll back every rollout; takes service=NAME environment=NAME",
	 DANGER_TRAFFIC},
	{ACT_THEME, "theme-next", "T", "next theme", DANGER_NONE},
	{ACT_REDRAW, "redraw", "Ctrl-L", "draw the screen anew", DANGER_NONE},
	{ACT_SUSPEND, "suspend", "Ctrl-Z", "stop until `fg`", DANGER_NONE},
	{ACT_PAGE0, "overview", "0", "page: overview", DANGER_NONE},
	{ACT_PAGE0 + 1, "page-data", "1", "page: data (sources, the collector)", DANGER_NONE},
	{ACT_PAGE0 + 4, "page-rollouts", "4", "page: rollouts", DANGER_NONE},
	{ACT_PAGE0 + 5, "page-inference", "5", "page: inference (model servers)", DANGER_NONE},
	{ACT_PAGE0 + 6, "monitor", "6", "page: monitor", DANGER_NONE},
	{ACT_PAGE0 + 7, "page-feedback", "7", "page: feedback", DANGER_NONE},
	{ACT_QUIT, "quit", "q", "leave", DANGER_NONE},
	{0, NULL, NULL, NULL, DANGER_NONE},
};

/* What the key line offers, most needed first; `where` says on which kind of place. */
enum offer_place { ANYWHERE, ON_TILES, ON_PAGE, ON_GROUPS, ON_ROLLOUTS, ON_ALERTS, ON_OTHERS, ON_SILENCES, ON_BUDGETS, ON_FEEDBACK, ON_LIST, ON_ITEM, ON_INCIDENT, ON_WINDOWS };
static const struct {
	int action;
	const char *word;
	enum offer_place where;
} offers[] = {
	{ACT_HELP, "help", ANYWHERE},      {ACT_PALETTE, "cmd", ANYWHERE},
	{ACT_FILTER, "filter", ANYWHERE},  {ACT_NEXT_PANEL, "panel", ON_TILES},
	{ACT_OPEN, "open", ON_TILES},      {ACT_INCIDENTS, "incident", ON_TILES}, {ACT_BACK, "back", ON_PAGE},
	{ACT_ROLLBACK, "roll back", ON_ROLLOUTS}, {ACT_STEP_UP, "step", ON_ROLLOUTS},
	{ACT_STEP_BACK, "back", ON_ROLLOUTS}, {ACT_HOLD_ROLLOUT, "hold", ON_ROLLOUTS},
	{ACT_PROMOTE_ROLLOUT, "promote", ON_ROLLOUTS},
	{ACT_GROUP, "figure", ON_INCIDENT}, {ACT_TRACE, "trace", ON_INCIDENT},
	{ACT_COMPARE, "compare", ON_INCIDENT}, {ACT_WINDOWS, "windows", ON_INCIDENT},
	{ACT_NOTE, "note", ON_INCIDENT},
	{ACT_EXPORT, "report", ON_INCIDENT}, {ACT_NEXT_PANEL, "panel", ON_INCIDENT},
	{ACT_COMPARE, "another window", ON_WINDOWS}, {ACT_NEXT_PANEL, "panel", ON_WINDOWS}, {ACT_EXPORT, "export", ON_WINDOWS},
	{ACT_OPEN, "what changed", ON_ALERTS},   {ACT_ACKNOWLEDGE, "acknowledge", ON_ALERTS},
	{ACT_MUTE, "mute", ON_ALERTS},     {ACT_EDIT_LIMIT, "limit", ON_ALERTS},
	{ACT_LIMITS, "of others", ON_ALERTS},
	{ACT_MUTE, "silence", ON_OTHERS},  {ACT_UNMUTE, "end silence", ON_OTHERS},
	{ACT_LIMITS, "silences", ON_OTHERS},
	{ACT_UNMUTE, "end", ON_SILENCES},  {ACT_MUTE, "another end", ON_SILENCES},
	{ACT_LIMITS, "alerts", ON_SILENCES},
	{ACT_SET_BUDGET, "set", ON_BUDGETS}, {ACT_OPEN, "spend", ON_BUDGETS},
	{ACT_ACKNOWLEDGE, "acknowledge", ON_BUDGETS}, {ACT_REMOVE_BUDGET, "remove", ON_BUDGETS},
	{ACT_OPEN, "settle", ON_ITEM},     {ACT_DISMISS, "dismiss", ON_ITEM},
	{ACT_DATASET, "data set", ON_ITEM},
	{ACT_OPEN, "open", ON_LIST},       {ACT_MARK, "mark", ON_LIST},
	{ACT_NOTE, "note", ON_FEEDBACK},   {ACT_UNDO, "undo", ON_FEEDBACK},
	{ACT_GROUP_NEXT, "group", ON_LIST}, {ACT_ASSIGN, "assign", ON_FEEDBACK},
	{ACT_SORT, "sort", ON_LIST},
	{ACT_GROUP, "group", ON_GROUPS},   {ACT_SORT, "sort", ON_GROUPS},
	{ACT_PAUSE, "pause", ANYWHERE},    {ACT_QUIT, "quit", ANYWHERE},
	{ACT_ZOOM_IN, "zoom", ANYWHERE},   {ACT_PAGE0 + 6, "monitor", ANYWHERE},
	{ACT_PAGE0 + 4, "rollouts", ANYWHERE}, {ACT_PAGE0 + 7, "feedback", ANYWHERE},
	{ACT_PAGE0 + 5, "inference", ANYWHERE}, {ACT_PAGE0 + 1, "sources", ANYWHERE},
	{ACT_CURSOR_LEFT, "cursor", ANYWHERE}, {ACT_COMPARE, "compare", ANYWHERE},
	{ACT_COPY, "copy", ANYWHERE},      {ACT_EXPORT, "export", ANYWHERE},
	{ACT_THEME, "theme", ANYWHERE},
};

static const struct action *action_of(int id)
{
	for (const struct action *a = console_actions; a->name; a++) {
		if (a->id == id)
			return a;
	}
	return NULL;
}

/* The first of the action's keys: "" when it has none. */
static void first_key(const struct keymap *m, const struct action *a, struct buf *out)
{
	buf_reset(out);
	if (m)
		keymap_keys_text(m, console_actions, a, out);
	else
		buf_puts(out, a->keys);
	if (out->len > 0) {
		char *space = memchr(out->data, ' ', out->len);

		if (space) {
			*space = '\0';
			out->len = (size_t)(space - out->data);
		}
	}
}

/* "?help" needs no blank, "z zoom" does. */
static bool is_sign(const char *key)
{
	return ispunct((unsigned char)key[0]) && key[1] == '\0';
}

static bool is_offered(const struct deck *d, enum offer_place where)
{
	const struct panel *page = d->place.panel >= 0 ? panels[d->place.panel] : NULL;
	bool opened = d->desk && d->desk->opened;

	switch (where) {
	case ANYWHERE: return true;
	case ON_TILES: return !page;
	case ON_PAGE: return page != NULL;
	case ON_GROUPS: return page && page->groups;
	case ON_ROLLOUTS: return page == &rollouts_panel;
	case ON_ALERTS: return page == &alerts_panel;
	case ON_OTHERS: return page == &others_panel;
	case ON_SILENCES: return page == &silences_panel;
	case ON_INCIDENT: return page == &incident_panel;
	case ON_WINDOWS: return page == &diff_panel;
	case ON_BUDGETS: return page == &budgets_panel;
	case ON_FEEDBACK: return page == &feedback_panel;
	case ON_LIST: return page == &feedback_panel && !opened;
	case ON_ITEM: return page == &feedback_panel && opened;
	}
	return false;
}

const char *actions_key_line(const struct keymap *m, const struct deck *d, int width, char *out,
                             size_t cap)
{
	struct buf key = {0};
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		char piece[64];

		if (!is_offered(d, offers[i].where))
			continue;
		first_key(m, action_of(offers[i].action), &key);
		if (key.len == 0)
			continue;
		snprintf(piece, sizeof piece, "%s%s%s", key.data, is_sign(key.data) ? "" : " ", offers[i].word);
		if ((int)(len + strlen(piece)) > width || len + strlen(piece) + 3 > cap)
			break;
		len += (size_t)snprintf(out + len, cap - len, "%s  ", piece);
	}
	buf_fini(&key);
	return out;
}
