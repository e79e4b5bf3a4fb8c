/* The palette: every action by its name, every panel and page by its name, and the few commands that
 * take a word. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "console/app.h"
#include "console/render.h"
#include "panels/panels.h"

static const struct choice worded[] = {
	{"t", "time window: 15m, 24h, 13:00..13:20", NULL},
	{"page", "go to a page or panel", NULL},
	{"group", "group by service, deployment, model, team, region, provider, environment", NULL},
	{"filter", "service=chat model!=x, or text; empty clears", NULL},
	{"live", "follow the clock again", NULL},
	{"sql", "ask the store: one SELECT over its views", NULL},
	{"trace", "open a trace by its id: 32 hexadecimal digits, then a time when it is old", NULL},
	{"incident", "what changed here; errors, cost, flags: by that; INC-3: that one", NULL},
	{"assign", "incident: give it to somebody", NULL},
	{"status", "incident: open, investigating, identified, mitigated", NULL},
	{"close", "incident: it is over, with a note", NULL},
	{"pin", "keep this window, to compare another with it: =", NULL},
	{"diff", "this window beside another: before, 1d, 7d (earlier), pinned, 13:00..13:20", NULL},
	{"weight", "shares of the rollout's arms: 25, or v43=30 v44=10", NULL},
	{"limit", "RULE LIMIT: another limit for an alert rule, tried on the last week first", NULL},
	{"budget", "NAME AMOUNT: set or change a budget; the form opens with it", NULL},
	{"theme", "colours by name", NULL},
	{"export", "write the panel to FILE.csv, .json or .txt", NULL},
	{"mouse", "take mouse clicks, or leave them to the terminal", NULL},
	{"rw", "let this session change rollouts, budgets, thresholds", NULL},
	{"ro", "take that back", NULL},
	{"q", "leave", NULL},
};
#define WORDED_COUNT (sizeof worded / sizeof *worded)

static void add_choice(struct app *a, const char *name, const char *text, const char *keys)
{
	size_t i = a->choice_count;

	if (i == CHOICES_MAX)
		return;
	snprintf(a->choice_names[i], sizeof a->choice_names[i], "%s", name);
	snprintf(a->choice_keys[i], sizeof a->choice_keys[i], "%s", keys);
	a->choices[i] = (struct choice){a->choice_names[i], text, a->choice_keys[i]};
	a->choice_count++;
}

/* One choice for each installed theme: "theme mono". */
static void add_themes(struct app *a)
{
	size_t count = chores_themes(a->chores, a->themes);
	char name[THEME_NAME_BYTES + 8];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "theme %s", a->themes[i]);
		add_choice(a, name, i ? "colours" : "the built-in colours", "");
	}
}

void app_open_palette(struct app *a)
{
	struct buf keys = {0};
	char name[48];

	a->choice_count = 0;
	for (size_t i = 0; i < WORDED_COUNT; i++)
		add_choice(a, worded[i].name, worded[i].text, "");
	for (int i = 0; panels[i]; i++)
		if (panels[i] != &diff_panel) /* has words of its own above */
			add_choice(a, panels[i]->name, "open this panel", "");
	for (const struct action *act = console_actions; act->name; act++) {
		buf_reset(&keys);
		keymap_keys_text(a->keymap, console_actions, act, &keys);
		add_choice(a, act->name, act->text, keys.len ? keys.data : "");
	}
	for (int dim = 0; dim < DIM_COUNT; dim++) {
		snprintf(name, sizeof name, "group %s", dim_name((enum dim)dim));
		add_choice(a, name, "group the page's breakdown", "");
	}
	add_themes(a);
	buf_fini(&keys);
	chooser_init(&a->chooser, a->choices, a->choice_count, &a->history);
	a->mode = MODE_PALETTE;
}

void app_set_theme(struct app *a, const char *name)
{
	chores_load_theme(a->chores, name);
}

static void change_level(struct app *a, bool up)
{
	struct err err = {""};

	if (deck_raise(&a->deck, up, &err) != 0)
		app_say(a, true, "%.230s", err.text);
	else if (up)
		app_say(a, false, "RW: this session may change rollouts, budgets and thresholds; :ro takes it back");
	else
		app_say(a, false, "RO: back to %s", session_level_name(deck_level(&a->deck)));
}

/* Is this word a filter on a dimension? */
static bool is_dim_filter(struct str word)
{
	struct str rest = word, name = str_cut(&rest, '=');
	enum dim dim;

	if (rest.len == 0)
		return false;
	if (name.len > 0 && name.ptr[name.len - 1] == '!')
		name.len--;
	if (name.len > 0 && name.ptr[0] == '!')
		name = (struct str){name.ptr + 1, name.len - 1};
	return dim_from_name(name, &dim);
}

/* "!service=chat" is "service!=chat". */
static void add_dim_filter(struct app *a, struct view *where, struct str word)
{
	struct err err = {""};
	char text[VIEW_VALUE_BYTES + 32];
	struct str rest = word, name;

	snprintf(text, sizeof text, "%.*s", STR_ARG(word));
	if (word.ptr[0] == '!') {
		name = str_cut(&rest, '=');
		snprintf(text, sizeof text, "%.*s!=%.*s", (int)name.len - 1, name.ptr + 1, STR_ARG(rest));
	}
	if (view_add_filter(where, str_of(text), &err) != 0)
		app_say(a, true, "%.230s", err.text);
}

void app_set_filter(struct app *a, const char *text, bool final)
{
	struct view where = {0};
	char find[DECK_FIND_BYTES] = "";
	struct str rest = str_of(text);
	size_t len = 0;

	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');

		if (word.len == 0)
			continue;
		if (is_dim_filter(word)) {
			add_dim_filter(a, &where, word);
		} else {
			int n = snprintf(find + len, sizeof find - len, "%s%.*s", len ? " " : "", STR_ARG(word));

			len = n < 0 || len + (size_t)n >= sizeof find ? sizeof find - 1 : len + (size_t)n;
		}
	}
	snprintf(a->deck.find, sizeof a->deck.find, "%s", find);
	if (final && !view_equal(&where, &a->deck.where)) {
		a->deck.where = where;
		a->generation++;
	}
	a->dirty = true;
}

static void set_group(struct app *a, const char *name)
{
	int panel = a->deck.place.panel >= 0 ? a->deck.place.panel : a->deck.focus;
	enum dim dim;

	if (!dim_from_name(str_of(name), &dim)) {
		app_say(a, true, "group: one of service, environment, deployment, provider, model, team, region");
		return;
	}
	if (panel < 0 || !panels[panel]->groups) {
		app_say(a, true, "group: this panel has no breakdown: open cost, latency, errors, flags or requests");
		return;
	}
	a->deck.ui[panel].by = dim;
	if (a->deck.place.panel < 0)
		deck_go(&a->deck, panels[panel]->page, panel);
	a->generation++;
}

static void set_window(struct app *a, const char *text)
{
	int64_t length = 0, from = 0, to = 0;
	struct err err = {""};
	int64_t now = deck_now_us(&a->deck, clock_wall_us());

	if (console_parse_window(str_of(text), now, a->deck.tz, &length, &from, &to, &err) != 0) {
		app_say(a, true, "t: %.220s", err.text);
		return;
	}
	a->deck.time_cursor_us = 0;
	deck_set_window(&a->deck, length, from, to);
	a->generation++;
}

static void follow_clock(struct app *a)
{
	a->deck.end_us = 0;
	a->deck.time_cursor_us = 0;
	deck_pause(&a->deck, clock_wall_us(), false);
	a->generation++;
}

/* The commands that take a word; false when it is none of them. */
static bool run_worded(struct app *a, struct str word, const char *rest)
{
	struct err err = {""};

	if (str_equal_c(word, "t"))
		set_window(a, rest);
	else if (str_equal_c(word, "theme"))
		app_set_theme(a, rest[0] ? rest : "default");
	else if (str_equal_c(word, "group"))
		set_group(a, rest);
	else if (str_equal_c(word, "filter") && rest[0])
		app_set_filter(a, rest, true);
	else if (str_equal_c(word, "filter"))
		app_set_filter(a, "", true);
	else if (str_equal_c(word, "weight"))
		app_rollout_set(a, rest);
	else if (str_equal_c(word, "trace") && rest[0])
		app_trace_command(a, rest);
	else if (str_equal_c(word, "sql"))
		app_query_command(a, rest);
	else if (app_incident_command(a, word, rest))
		return true;
	else if (str_equal_c(word, "budget"))
		app_budget_named(a, rest);
	else if (str_equal_c(word, "limit"))
		app_limit_named(a, rest);
	else if (str_equal_c(word, "stop-all"))
		app_rollout_stop_all(a, rest);
	else if (str_equal_c(word, "live"))
		follow_clock(a);
	else if (str_equal_c(word, "export"))
		app_export(a, rest);
	else if (str_equal_c(word, "page") && deck_go_named(&a->deck, str_of(rest), &err) != 0)
		app_say(a, true, "%.230s", err.text);
	else if (str_equal_c(word, "page"))
		a->generation++;
	else if (str_equal_c(word, "mouse")) {
		a->mouse = !a->mouse;
		screen_set_mouse(a->screen, a->mouse);
		app_say(a, false, "mouse %s", a->mouse ? "on: select text with Shift" : "off");
	} else if (str_equal_c(word, "rw") || str_equal_c(word, "ro"))
		change_level(a, str_equal_c(word, "rw"));
	else if (str_equal_c(word, "q") || str_equal_c(word, "quit"))
		a->quit = true;
	else
		return false;
	return true;
}

void app_command(struct app *a, const char *line)
{
	const struct action *const tables[] = {console_actions};
	struct str rest = str_trim(str_of(line)), word = str_cut(&rest, ' ');
	struct keymap_hit hit;
	struct err err = {""};
	char argument[FIELD_BYTES];

	if (word.len == 0)
		return;
	history_add(&a->history, line);
	snprintf(argument, sizeof argument, "%.*s", STR_ARG(str_trim(rest)));
	a->dirty = true;
	if (run_worded(a, word, argument)) {
		app_refresh(a);
		return;
	}
	if (deck_go_named(&a->deck, word, &err) == 0) {
		a->generation++;
		app_refresh(a);
		return;
	}
	hit = keymap_find_name(a->keymap, tables, 1, word);
	if (hit.action)
		app_do(a, hit.action->id);
	else
		app_say(a, true, "%.*s: no such command: Tab completes, ? lists the keys", STR_ARG(word));
}
