/* What keys do. A key goes to whatever is open on top: palette, filter, columns, help, else to the
 * deck through the keymap. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "console/app.h"
#include "console/frame.h"
#include "console/render.h"
#include "panels/alerts.h"
#include "panels/rollouts.h"
#include "panels/waterfall.h"

/* The tile that has the focus, or NULL. */
static const struct tile *focused_tile(const struct app *a)
{
	for (size_t i = 0; i < a->layout.tile_count; i++) {
		if (a->layout.tiles[i].panel == a->deck.focus)
			return &a->layout.tiles[i];
	}
	return NULL;
}

/* The focused panel's rows as they are shown. False when it has none. */
static bool focused_rows(const struct app *a, struct sheet *sheet, struct panel_frame *frame)
{
	const struct tile *tile = focused_tile(a);
	const struct panel_snapshot *shown = tile ? a->deck.shown[tile->panel] : NULL;

	if (!shown || !panels[tile->panel]->rows || shown->form != tile->form)
		return false;
	*frame = frame_of(&a->deck, tile->panel, tile->form, false);
	panels[tile->panel]->rows(shown->state, frame, sheet);
	sheet_arrange(sheet, frame->find, frame->ui->table.sort_column,
	              frame->ui->table.sort_ascending);
	return true;
}

static void move_rows(struct app *a, enum table_move move)
{
	const struct tile *tile = focused_tile(a);
	struct panel_frame frame;
	struct sheet sheet = {0};

	if (tile && focused_rows(a, &sheet, &frame)) {
		struct table table = sheet_table(&sheet);
		struct table_state *state = &a->deck.ui[tile->panel].table;
		size_t visible = tile->rect.height > 4 ? (size_t)tile->rect.height / 2 : 1;

		table_settle(&table, state, visible);
		table_move(&table, state, move, visible);
	}
	sheet_fini(&sheet);
}

/* Tab: the next tile, in the order of the layout. */
static void move_focus(struct app *a, int step)
{
	size_t count = a->layout.tile_count, at = 0;

	if (count == 0)
		return;
	if (count == 1 && a->deck.place.panel < 0) { /* one panel a page: walk through all of them */
		int total = 0;

		while (panels[total])
			total++;
		if (total == 0)
			return;
		a->deck.focus = (a->deck.focus + step + total) % total;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (a->layout.tiles[i].panel == a->deck.focus)
			at = i;
	}
	a->deck.focus = a->layout.tiles[(at + count + (size_t)(step + (int)count)) % count].panel;
}

/* Enter on a row of a dimension narrows the window to it. */
static void narrow_to_row(struct app *a)
{
	const struct tile *tile = focused_tile(a);
	struct panel_frame frame;
	struct sheet sheet = {0};
	enum dim dim;
	struct filter *f;

	if (!tile || !panels[tile->panel]->row_dim || !focused_rows(a, &sheet, &frame))
		goto out;
	dim = panels[tile->panel]->row_dim(&frame);
	if (sheet.row_count == 0 || dim >= DIM_COUNT || a->deck.where.filter_count == VIEW_FILTERS_MAX)
		goto out;
	{
		struct table table = sheet_table(&sheet);
		struct table_state *state = &a->deck.ui[tile->panel].table;
		struct str key;

		table_settle(&table, state, sheet.row_count);
		key = sheet.rows[state->cursor_row < sheet.row_count ? state->cursor_row : 0].key;
		f = &a->deck.where.filters[a->deck.where.filter_count++];
		f->dim = dim;
		f->inverted = false;
		snprintf(f->value, sizeof f->value, "%.*s", STR_ARG(key));
		app_say(a, false, "narrowed to %s=%.100s: / changes it", dim_name(dim), f->value);
	}
out:
	sheet_fini(&sheet);
}

static void open_focused(struct app *a)
{
	if (a->deck.place.panel >= 0 && panels[a->deck.place.panel] == &rollouts_panel) {
		a->deck.ui[a->deck.place.panel].opened = true;
		return;
	}
	if (app_alert_open(a) || app_budget_open(a) || app_trace_fold(a))
		return;
	if (a->deck.place.panel >= 0) {
		narrow_to_row(a);
		return;
	}
	if (a->deck.focus >= 0)
		deck_go(&a->deck, panels[a->deck.focus]->page, a->deck.focus);
}

/* The columns that can be sorted by, in turn: numbers falling, text rising, then the panel's own
 * order. */
static void sort_next(struct app *a)
{
	const struct tile *tile = focused_tile(a);
	struct panel_frame frame;
	struct sheet sheet = {0};

	if (tile && panels[tile->panel] == &trace_panel) {
		app_say(a, false, "a trace keeps the order of its calls");
	} else if (tile && focused_rows(a, &sheet, &frame)) {
		struct table_state *state = &a->deck.ui[tile->panel].table;

		state->sort_column++;
		if (state->sort_column >= sheet.column_count)
			state->sort_column = -1;
		else
			state->sort_ascending = sheet.columns[state->sort_column].text;
		app_say(a, false, "sorted by %s", state->sort_column < 0 ? "the panel's own order"
		                                  : sheet.columns[state->sort_column].name);
	}
	sheet_fini(&sheet);
}

static void open_columns(struct app *a)
{
	const struct tile *tile = focused_tile(a);
	struct panel_frame frame;
	struct sheet sheet = {0};

	if (tile && focused_rows(a, &sheet, &frame)) {
		a->choice_count = 0;
		for (int i = 1; i < sheet.column_count; i++) {
			bool hidden = a->deck.ui[tile->panel].table.hidden >> i & 1;

			snprintf(a->choice_names[i - 1], sizeof a->choice_names[0], "%s", sheet.columns[i].name);
			a->choices[i - 1] = (struct choice){a->choice_names[i - 1], hidden ? "hidden" : "shown",
			                                    NULL};
			a->choice_count++;
		}
		chooser_init(&a->chooser, a->choices, a->choice_count, NULL);
		a->mode = MODE_COLUMNS;
	}
	sheet_fini(&sheet);
}

static void toggle_column(struct app *a, const struct choice *choice)
{
	if (!choice || a->deck.focus < 0)
		return;
	a->deck.ui[a->deck.focus].table.hidden ^= UINT64_C(1) << (choice - a->choices + 1);
}

static void group_next(struct app *a)
{
	int panel = a->deck.place.panel;

	if (panel < 0 || !panels[panel]->groups) {
		app_say(a, false, "open a panel with a breakdown first: Enter on cost, latency, errors, flags");
		return;
	}
	a->deck.ui[panel].by = (enum dim)((a->deck.ui[panel].by + 1) % DIM_COUNT);
	a->generation++;
}

static void theme_next(struct app *a)
{
	size_t count = chores_themes(a->chores, a->themes), at = 0;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(a->themes[i], a->theme.name) == 0)
			at = i;
	}
	if (count > 0)
		app_set_theme(a, a->themes[(at + 1) % count]);
}

static void open_help(struct app *a)
{
	const struct panel *panel = a->deck.focus >= 0 ? panels[a->deck.focus] : NULL;

	a->help_tables[0] = console_actions;
	a->help = (struct help){.keymap = a->keymap, .tables = a->help_tables, .table_count = 1,
	                        .title = panel ? panel->title : NULL, .intro = panel ? panel->help : NULL};
	a->mode = MODE_HELP;
}

static void open_filter(struct app *a)
{
	char text[FIELD_BYTES];
	size_t len;

	view_format_filters(&a->deck.where, text, sizeof text);
	len = strlen(text);
	snprintf(text + len, sizeof text - len, "%s%s", len && a->deck.find[0] ? " " : "", a->deck.find);
	memcpy(a->filter_before, a->deck.find, sizeof a->filter_before);
	field_set(&a->filter, text);
	a->mode = MODE_FILTER;
}

static void go_page(struct app *a, char page)
{
	if (page_exists(page))
		deck_go(&a->deck, page, page_only_panel(page));
}

static void go_back(struct app *a)
{
	if (a->deck.time_cursor_us) {
		a->deck.time_cursor_us = 0;
	} else if (a->deck.place.panel >= 0 && a->deck.ui[a->deck.place.panel].opened) {
		a->deck.ui[a->deck.place.panel].opened = false;
	} else if (a->deck.place.panel >= 0 || a->deck.place.page != '0') {
		deck_up(&a->deck);
	} else if (a->deck.end_us) {
		a->deck.end_us = 0;
	}
}

/* Moving within what is shown; false when the action is something else. */
static bool do_move(struct app *a, int action)
{
	static const struct {
		int action;
		enum table_move move;
	} moves[] = {{ACT_DOWN, TABLE_DOWN}, {ACT_UP, TABLE_UP}, {ACT_FIRST, TABLE_FIRST},
	             {ACT_LAST, TABLE_LAST}, {ACT_PAGE_DOWN, TABLE_PAGE_DOWN},
	             {ACT_PAGE_UP, TABLE_PAGE_UP}};

	for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
		if (moves[i].action == action) {
			move_rows(a, moves[i].move);
			app_incident_follow(a);
			return true;
		}
	}
	return false;
}

/* Alerts, and from there round by way of what the Alertmanagers hold. */
static void go_alerts(struct deck *d)
{
	const struct panel *to = &alerts_panel;

	if (d->place.panel == panel_index(&alerts_panel))
		to = &others_panel;
	else if (d->place.panel == panel_index(&others_panel))
		to = &silences_panel;
	deck_go(d, to->page, panel_index(to));
}

/* Actions that change what has to be loaded. */
static bool do_view(struct app *a, int action, int64_t wall_us)
{
	struct deck *d = &a->deck;

	switch (action) {
	case ACT_OPEN: case ACT_ALONE:
		if (action == ACT_ALONE && d->place.panel >= 0)
			deck_up(d);
		else
			open_focused(a);
		break;
	case ACT_BACK: go_back(a); break;
	case ACT_LAST_PAGE: deck_back(d); break;
	case ACT_ZOOM_IN: deck_zoom(d, wall_us, true); break;
	case ACT_ZOOM_OUT: deck_zoom(d, wall_us, false); break;
	case ACT_COMPARE: d->compare = !d->compare; break;
	case ACT_PAUSE: deck_pause(d, wall_us, !d->paused); break;
	case ACT_GROUP: group_next(a); break;
	case ACT_LIMITS: go_alerts(d); break;
	default:
		if (action < ACT_PAGE0 || action > ACT_PAGE0 + 9)
			return false;
		go_page(a, (char)('0' + action - ACT_PAGE0));
		break;
	}
	a->generation++;
	app_refresh(a);
	return true;
}

void app_do(struct app *a, int action)
{
	int64_t wall_us = clock_wall_us();

	a->dirty = true;
	if (app_triage_do(a, action) || app_query_do(a, action) || app_incident_do(a, action) || do_move(a, action) || do_view(a, action, wall_us))
		return;
	switch (action) {
	case ACT_HELP: open_help(a); break;
	case ACT_PALETTE: app_open_palette(a); break;
	case ACT_FILTER: open_filter(a); break;
	case ACT_NEXT_PANEL: move_focus(a, 1); app_refresh(a); break;
	case ACT_PREVIOUS_PANEL: move_focus(a, -1); app_refresh(a); break;
	case ACT_CURSOR_LEFT: deck_move_cursor(&a->deck, wall_us, -1); break;
	case ACT_CURSOR_RIGHT: deck_move_cursor(&a->deck, wall_us, 1); break;
	case ACT_SORT: sort_next(a); break;
	case ACT_COLUMNS: open_columns(a); break;
	case ACT_COPY: app_copy_here(a); break;
	case ACT_EXPORT: app_export(a, NULL); break;
	case ACT_ROLLBACK: case ACT_STEP_UP: case ACT_STEP_BACK: case ACT_HOLD_ROLLOUT: case ACT_PROMOTE_ROLLOUT:
	case ACT_REAPPLY: app_rollout(a, action); break;
	case ACT_ACKNOWLEDGE: case ACT_MUTE: case ACT_UNMUTE: app_alert(a, action); break;
	case ACT_EDIT_LIMIT: app_limit(a); break;
	case ACT_SET_BUDGET: case ACT_REMOVE_BUDGET: app_budget(a, action); break;
	case ACT_TRACE: app_trace(a); break;
	case ACT_STOP_ALL: app_rollout_stop_all(a, ""); break;
	case ACT_THEME: theme_next(a); break;
	case ACT_REDRAW: screen_repaint(a->screen); break;
	case ACT_SUSPEND: screen_suspend(a->screen); break;
	case ACT_QUIT: a->quit = true; break;
	default: break;
	}
}

static void key_in_chooser(struct app *a, struct key key)
{
	enum chooser_result result = chooser_key(&a->chooser, key);
	const struct choice *taken;
	char line[FIELD_BYTES];

	if (result == CHOOSER_LEFT) {
		chooser_fini(&a->chooser);
		a->mode = MODE_DECK;
	} else if (result == CHOOSER_TAKEN && a->mode == MODE_COLUMNS) {
		taken = chooser_taken(&a->chooser);
		toggle_column(a, taken);
		chooser_fini(&a->chooser);
		open_columns(a);
	} else if (result == CHOOSER_TAKEN) {
		taken = chooser_taken(&a->chooser);
		snprintf(line, sizeof line, "%s",
		         a->chooser.picked && taken ? taken->name : a->chooser.field.text);
		chooser_fini(&a->chooser);
		a->mode = MODE_DECK;
		app_command(a, line);
	}
}

/* The live filter: rows follow each key, the window's filters only Enter. */
static void key_in_filter(struct app *a, struct key key)
{
	if (key.code == KEYCODE_ENTER && !key.pasted) {
		app_set_filter(a, a->filter.text, true);
		a->mode = MODE_DECK;
		app_refresh(a);
	} else if (key.code == KEYCODE_ESC) {
		memcpy(a->deck.find, a->filter_before, sizeof a->filter_before);
		a->mode = MODE_DECK;
	} else if (field_key(&a->filter, key)) {
		app_set_filter(a, a->filter.text, false);
	}
}

static void mouse(struct app *a, struct key key)
{
	if (key.button >= 64) {
		if (!key.released)
			move_rows(a, key.button == 64 ? TABLE_UP : TABLE_DOWN);
		return;
	}
	if (!key.released && key.y == a->layout.header_y) {
		app_do(a, ACT_PAGE0 + 1);
		return;
	}
	for (size_t i = 0; i < a->layout.tile_count && !key.released; i++) {
		const struct rect *r = &a->layout.tiles[i].rect;

		if (key.x >= r->x && key.x < r->x + r->width && key.y >= r->y && key.y < r->y + r->height)
			a->deck.focus = a->layout.tiles[i].panel;
	}
}

void app_key(struct app *a, struct key key)
{
	const struct action *const tables[] = {console_actions};
	struct keymap_hit hit;

	a->dirty = true;
	if (app_query_key(a, key)) {
		return;
	} else if (key.code == 'c' && key.mods == KEYMOD_CTRL) {
		a->quit = true;
	} else if (a->mode == MODE_PALETTE || a->mode == MODE_COLUMNS) {
		key_in_chooser(a, key);
	} else if (a->mode == MODE_FILTER) {
		key_in_filter(a, key);
	} else if (a->mode == MODE_INTENT) {
		app_intent_key(a, key);
	} else if (a->mode == MODE_ALERT) {
		app_alert_key(a, key);
	} else if (a->mode == MODE_LIMIT) {
		app_limit_key(a, key);
	} else if (a->mode == MODE_BUDGET) {
		app_budget_key(a, key);
	} else if (a->mode == MODE_TRIAGE) {
		app_triage_dialog_key(a, key);
	} else if (a->mode == MODE_INCIDENT) {
		app_incident_key(a, key);
	} else if (a->mode == MODE_HELP) {
		if (help_key(&a->help, key, screen_surface(a->screen)->height - 2) == HELP_CLOSED)
			a->mode = MODE_DECK;
	} else if (key.code == KEYCODE_MOUSE) {
		mouse(a, key);
	} else if (!app_triage_key(a, key)) {
		hit = keymap_find_key(a->keymap, tables, 1, key);
		if (hit.action)
			app_do(a, hit.action->id);
	}
	app_triage_follow(a);
}
