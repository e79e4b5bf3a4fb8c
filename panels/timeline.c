/* The list of incidents, and what happened in one (or, with none, in the window): marks, notes, changes of
 * its state, feedback that belongs to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/incident.h"
#include "store/query_incidents.h"

/* ── the timeline ──────────────────────────────────────────────────────────────────────────── */

struct timeline {
	struct incident_detail incident;
	struct mark_result marks; /* without an incident */
	bool has_incident;
};

static int timeline_load(const struct panel_query *query, void *state, struct err *err)
{
	struct timeline *t = state;

	if (query->ask && query->ask->incident_id) {
		t->has_incident = true;
		return query_incident(query->reader, query->ask->incident_id, query->now_us, &t->incident, err);
	}
	return query_marks(query->reader, &query->view, &t->marks, err);
}

static void timeline_fini(void *state)
{
	struct timeline *t = state;

	incident_detail_fini(&t->incident);
	mark_result_fini(&t->marks);
}

static const struct sheet_column timeline_columns[] = {
	{"time", "TIME", 8, false, 0, false},  {"kind", "WHAT", 8, true, 0, false}, {"who", "WHO", 6, true, 1, false},
	{"name", "NAME", 10, true, 0, false},  {"text", "TEXT", 20, true, 0, false},
};

static void add_row(struct sheet *out, const struct panel_frame *frame, int64_t time_us, const char *kind, const char *who,
                    const char *name, const char *text, enum row_state state)
{
	char clock[TIME_TEXT_BYTES], key[64];
	struct sheet_row *row;

	snprintf(key, sizeof key, "%" PRId64 " %zu", time_us, out->row_count);
	row = sheet_add(out, str_of(key));
	row->state = state;
	sheet_set_value(out, row, 0, value_ok((double)time_us / 1e6), time_format_clock(time_us, frame->tz, clock));
	sheet_set_text(out, row, 1, str_of(kind));
	sheet_set_text(out, row, 2, str_of(who));
	sheet_set_text(out, row, 3, str_of(name));
	sheet_set_text(out, row, 4, str_of(text));
}

static enum row_state state_of(enum mark_kind kind, enum severity severity)
{
	if (kind != MARK_ALERT && kind != MARK_BUDGET)
		return ROW_PLAIN;
	return severity == SEVERITY_CRITICAL ? ROW_CRITICAL : ROW_WARNING;
}

static void timeline_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	static const char *const kinds[] = {[TIMELINE_MARK] = "", [TIMELINE_NOTE] = "note", [TIMELINE_STATE] = "state", [TIMELINE_FEEDBACK] = "feedback"};
	const struct timeline *t = state;

	sheet_set_columns(out, timeline_columns, 5);
	out->marked = true;
	for (size_t i = t->incident.timeline_count; i-- > 0;) {
		const struct timeline_row *r = &t->incident.timeline[i];
		bool mark = r->kind == TIMELINE_MARK;

		add_row(out, frame, r->time_us, mark ? mark_kind_name(r->mark) : kinds[r->kind], r->who, r->name, r->text,
		        mark ? state_of(r->mark, r->severity) : ROW_PLAIN);
	}
	for (size_t i = t->marks.row_count; i-- > 0;) {
		const struct mark *m = &t->marks.rows[i];

		add_row(out, frame, m->time_us, mark_kind_name(m->kind), m->who, m->name, m->text, state_of(m->kind, m->severity));
	}
}

static void fill_pick(const struct incident *in, struct incident_pick *out)
{
	struct err ignored;

	*out = (struct incident_pick){.id = in->id, .from_us = in->from_us, .to_us = in->to_us, .closed_us = in->closed_us,
	                              .alert_id = in->alert_id, .where = in->where};
	bad_init(&out->bad);
	if (in->bad[0] && bad_parse(&out->bad, str_of(in->bad), &ignored) != 0)
		bad_init(&out->bad);
	snprintf(out->title, sizeof out->title, "%s", in->title);
}

bool timeline_incident(const void *state, struct incident_pick *out)
{
	const struct timeline *t = state;

	if (!t->has_incident || !t->incident.incident.id)
		return false;
	fill_pick(&t->incident.incident, out);
	return true;
}

/* "owner mia  identified  3 alerts  5 feedback items" */
static void draw_incident(const struct timeline *t, struct surface *s, int y)
{
	const struct incident *in = &t->incident.incident;
	int x = 1;

	x += surface_text(s, x, y, ROLE_MUTED, "owner ");
	x += surface_outside(s, x, y, 20, in->owner[0] ? ROLE_TEXT : ROLE_WARNING, str_of(in->owner[0] ? in->owner : "nobody")) + 2;
	x += surface_text(s, x, y, ROLE_TITLE, incident_state_name(in->state)) + 2;
	x += surface_printf(s, x, y, ROLE_TEXT, "%zu alert%s", t->incident.alerts.row_count, t->incident.alerts.row_count == 1 ? "" : "s") + 2;
	surface_printf(s, x, y, ROLE_TEXT, "%zu feedback item%s", t->incident.feedback_count, t->incident.feedback_count == 1 ? "" : "s");
}

static void timeline_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct timeline *t = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	char title[INCIDENT_TITLE_MAX_BYTES + 40], name[INCIDENT_NAME_BYTES];
	bool empty = t->incident.timeline_count + t->marks.row_count == 0;

	if (t->has_incident && !t->incident.incident.id) {
		draw_head(s, frame, "timeline", "");
		surface_text(s, 1, 1, ROLE_WARNING, "there is no incident of this number");
		return;
	}
	if (t->has_incident)
		snprintf(title, sizeof title, "%s %.100s", incident_name(t->incident.incident.id, name), t->incident.incident.title);
	else
		snprintf(title, sizeof title, "what happened in this window");
	draw_head(s, frame, title, t->has_incident ? "n note" : "n opens an incident");
	if (t->has_incident && s->height > 3) {
		draw_incident(t, s, 1);
		table = surface_part(s, (struct rect){0, 2, s->width, s->height - 2});
	}
	if (empty)
		surface_text(&table, 1, 0, ROLE_MUTED, "nothing is known: no deploy, change, alert or note");
	else if (table.height > 1)
		draw_rows(&timeline_panel, state, frame, &table);
}

const struct panel timeline_panel = {
	.name = "timeline",
	.title = "timeline",
	.help = "What happened, newest first: deploys, weights, changes of the configuration, alerts, budgets, what people did; "
	        "of an opened incident also its notes, states and feedback. n writes a note, :assign, :status and "
	        "e (report) work on the incident.",
	.page = '6',
	.asks = ASK_INCIDENT,
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct timeline),
	.load = timeline_load,
	.fini = timeline_fini,
	.draw = timeline_draw,
	.rows = timeline_rows,
};

/* ── the list of incidents ─────────────────────────────────────────────────────────────────── */

struct incidents {
	struct incident_result all;
	int64_t now_us;
};

static int incidents_load(const struct panel_query *query, void *state, struct err *err)
{
	struct incidents *l = state;

	l->now_us = query->now_us;
	return query_incidents(query->reader, 0, &l->all, err);
}

static void incidents_fini(void *state)
{
	struct incidents *l = state;

	incident_result_fini(&l->all);
}

static const struct sheet_column incident_columns[] = {
	{"id", "ID", 7, true, 0, false},        {"state", "STATE", 13, true, 0, false}, {"opened", "opened", 12, false, 0, false},
	{"open_s", "open for", 9, false, 1, false}, {"owner", "OWNER", 8, true, 1, false},  {"title", "TITLE", 20, true, 0, false},
	{"where", "WHERE", 12, true, 2, false},  {"bad", "BAD", 10, true, 3, false},
};

static void incidents_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct incidents *l = state;
	char text[512], name[INCIDENT_NAME_BYTES];

	sheet_set_columns(out, incident_columns, 8);
	out->marked = true;
	for (size_t i = 0; i < l->all.row_count; i++) {
		const struct incident *in = &l->all.rows[i];
		int64_t open_us = (in->closed_us ? in->closed_us : l->now_us) - in->opened_us;
		struct sheet_row *row = sheet_add(out, str_of(incident_name(in->id, name)));
		char duration[TIME_TEXT_BYTES], when[TIME_TEXT_BYTES];

		row->state = in->closed_us ? ROW_OK : in->state >= INCIDENT_MITIGATED ? ROW_WARNING : ROW_CRITICAL;
		sheet_set_text(out, row, 0, str_of(name));
		sheet_set_text(out, row, 1, str_of(in->closed_us && !in->reported_us ? "not reported" : incident_state_name(in->state)));
		sheet_set_value(out, row, 2, value_ok((double)in->opened_us / 1e6), axis_time(in->opened_us, l->now_us - in->opened_us + US_PER_HOUR, frame->tz, when));
		open_us = open_us > 0 ? open_us : 0;
		sheet_set_value(out, row, 3, value_ok((double)open_us / 1e6), duration_format(open_us / US_PER_S * US_PER_S, duration));
		sheet_set_text(out, row, 4, str_of(in->owner));
		sheet_set_text(out, row, 5, str_of(in->title));
		sheet_set_text(out, row, 6, str_of(view_format_filters(&in->where, text, sizeof text)));
		sheet_set_text(out, row, 7, str_of(in->bad));
	}
}

bool incidents_pick(const void *state, const struct panel_frame *frame, struct incident_pick *out)
{
	const struct incidents *l = state;
	struct table_state look = frame->ui->table;
	struct sheet sheet = {0};
	struct table table;
	int64_t id = 0;

	incidents_rows(state, frame, &sheet);
	sheet_arrange(&sheet, frame->find, look.sort_column, look.sort_ascending);
	table = sheet_table(&sheet);
	table_settle(&table, &look, sheet.row_count);
	if (look.cursor_row < sheet.row_count)
		id = incident_id(sheet.rows[look.cursor_row].key);
	sheet_fini(&sheet);
	for (size_t i = 0; i < l->all.row_count && id; i++) {
		if (l->all.rows[i].id == id) {
			fill_pick(&l->all.rows[i], out);
			return true;
		}
	}
	return false;
}

static void incidents_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct incidents *l = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	size_t open = 0;
	char title[64];

	for (size_t i = 0; i < l->all.row_count; i++)
		open += !l->all.rows[i].closed_us;
	snprintf(title, sizeof title, "incidents %zu open of %zu", open, l->all.row_count);
	draw_head(s, frame, title, "Enter opens  n note");
	if (l->all.row_count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "none yet: i looks into what happens now, n there opens one");
	else if (s->height > 1)
		draw_rows(&incidents_panel, state, frame, &table);
}

const struct panel incidents_panel = {
	.name = "incidents",
	.title = "incidents",
	.help = "The incidents that were opened: open ones first. Enter shows one in its own window. Its raw requests and "
	        "spans are kept until it is closed and its report was written.",
	.page = '6',
	.asks = ASK_INCIDENT,
	.state_size = sizeof(struct incidents),
	.load = incidents_load,
	.fini = incidents_fini,
	.draw = incidents_draw,
	.rows = incidents_rows,
};
