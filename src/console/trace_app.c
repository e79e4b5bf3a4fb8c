/* Ways to a trace: the request under the cursor, or an id that somebody read elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "console/app.h"
#include "console/frame.h"
#include "panels/incident.h"
#include "panels/panels.h"
#include "panels/waterfall.h"

bool app_trace_pick(const struct app *a, int panel, struct trace_pick *out)
{
	const struct panel_snapshot *shown = panel >= 0 ? a->deck.shown[panel] : NULL;
	struct table_state look;
	struct panel_frame frame;
	struct sheet sheet = {0};
	struct table table;
	bool found = false;

	if (!shown || !shown->panel->row_trace)
		return false;
	frame = frame_of(&a->deck, panel, shown->form, false);
	look = frame.ui->table;
	shown->panel->rows(shown->state, &frame, &sheet);
	sheet_arrange(&sheet, frame.find, look.sort_column, look.sort_ascending);
	table = sheet_table(&sheet);
	table_settle(&table, &look, sheet.row_count);
	if (look.cursor_row < sheet.row_count)
		found = shown->panel->row_trace(shown->state, sheet.rows[look.cursor_row].key, out);
	sheet_fini(&sheet);
	return found;
}

static void show(struct app *a, const struct trace_pick *pick)
{
	struct panel_ask *ask = &a->deck.ask;
	int index = panel_index(&trace_panel);

	if (!ask->has_trace || memcmp(ask->trace_id, pick->trace_id, sizeof ask->trace_id) != 0) {
		a->deck.ui[index].table = (struct table_state){.sort_column = -1};
		a->deck.ui[index].folded_count = 0;
	}
	ask->has_trace = true;
	memcpy(ask->trace_id, pick->trace_id, sizeof ask->trace_id);
	ask->trace_around_us = pick->around_us;
	ask->trace_request = pick->request;
	panel_ask_changed(ask, ASK_TRACE);
	deck_go(&a->deck, trace_panel.page, index);
	app_refresh(a);
}

void app_trace(struct app *a)
{
	int panel = a->deck.focus;
	struct trace_pick pick;

	/* The incident page has one table of requests, whichever of its panels has the focus. */
	if (a->deck.place.panel >= 0 && a->deck.place.panel == panel_index(&incident_panel))
		panel = panel_index(&cell_panel);
	if (panel < 0 || !panels[panel]->row_trace)
		app_say(a, true, "no request is under the cursor: open :slowest or an incident, or :trace ID");
	else if (!app_trace_pick(a, panel, &pick))
		app_say(a, true, "this request was told without a trace id");
	else
		show(a, &pick);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(struct str text, uint8_t out[16])
{
	if (text.len != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		int high = hex_digit(text.ptr[2 * i]), low = hex_digit(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void app_trace_command(struct app *a, const char *text)
{
	struct str rest = str_of(text), id = str_cut(&rest, ' ');
	struct trace_pick pick = {.around_us = 0};
	struct err err = {""};

	rest = str_trim(rest);
	if (!read_id(id, pick.trace_id))
		app_say(a, true, "trace: %.40s: an id has 32 hexadecimal digits", text);
	else if (rest.len && console_parse_moment(rest, deck_now_us(&a->deck, clock_wall_us()), a->deck.tz, &pick.around_us, &err) != 0)
		app_say(a, true, "trace: %.220s", err.text);
	else
		show(a, &pick);
}

bool app_trace_fold(struct app *a)
{
	int index = panel_index(&trace_panel);

	if (a->deck.focus != index || !a->deck.shown[index] ||
	    (a->deck.place.panel < 0 && a->deck.place.page == '0'))
		return false;
	if (!waterfall_fold(a->deck.shown[index]->state, &a->deck.ui[index]))
		app_say(a, false, "nothing is below this line");
	return true;
}
