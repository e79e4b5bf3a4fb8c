/* Every change leaves a line in incident_notes, so that the timeline tells it; windows that pin rows are few
 * and read whenever something is to be removed. */
#include "store/incidents.h"

#include <string.h>

#include "base/buf.h"
#include "store/incident_rows.h"
#include "store/writer_private.h"

void incident_row_read(sqlite3_stmt *st, struct arena *arena, struct incident *out)
{
	int state = sqlite3_column_int(st, 7);
	struct err ignored;

	*out = (struct incident){
		.id = sqlite3_column_int64(st, 0), .opened_us = sqlite3_column_int64(st, 1), .closed_us = sqlite3_column_int64(st, 2),
		.reported_us = sqlite3_column_int64(st, 3), .from_us = sqlite3_column_int64(st, 4), .to_us = sqlite3_column_int64(st, 5),
		.alert_id = sqlite3_column_int64(st, 6),
		.state = state >= 0 && state < INCIDENT_STATES ? (enum incident_state)state : INCIDENT_OPEN,
		.title = sql_text(st, 8, arena), .owner = sql_text(st, 9, arena), .author = sql_text(st, 10, arena),
		.bad = sql_text(st, 11, arena),
	};
	/* What does not parse any more is left out: the incident itself is still there. */
	if (incident_where_parse(sql_str(st, 12), &out->where, &ignored))
		out->where.filter_count = 0;
}

static int start(struct store_writer *w, sqlite3_stmt **st, const char *sql, struct err *err)
{
	*st = NULL;
	return writer_begin(w, err) || sql_prepare(w->db, st, sql, err) ? -1 : 0;
}

static int finish(sqlite3_stmt *st, struct err *err)
{
	int failed = sql_run(st, err);

	sqlite3_finalize(st);
	return failed;
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sql_bind_str(st, at, str_of(text ? text : ""));
}

int store_incident_open(struct store_writer *w, const struct incident *i, int64_t *id, struct err *err)
{
	struct buf filters = {0};
	sqlite3_stmt *st;

	if (start(w, &st, "INSERT INTO incidents(opened_us, closed_us, reported_us, from_us, to_us, alert_id, state, title, owner, author,"
	          " bad, filters) VALUES(?1, 0, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", err))
		return writer_rollback(w);
	const int64_t numbers[] = {i->opened_us, i->from_us, i->to_us, i->alert_id, INCIDENT_OPEN};
	const char *const texts[] = {i->title, i->owner, i->author, i->bad};

	incident_where_format(&i->where, &filters);
	for (int k = 0; k < 5; k++)
		sqlite3_bind_int64(st, 1 + k, numbers[k]);
	for (int k = 0; k < 4; k++)
		bind_text(st, 6 + k, texts[k]);
	sql_bind_str(st, 10, buf_str(&filters));
	int failed = finish(st, err);

	*id = sqlite3_last_insert_rowid(w->db);
	buf_fini(&filters);
	return failed ? writer_rollback(w) : 0;
}

static int add_line(struct store_writer *w, const struct incident_change *c, enum incident_line kind, const char *text, struct err *err)
{
	sqlite3_stmt *st;

	if (start(w, &st, "INSERT INTO incident_notes(incident_id, time_us, kind, author, text) VALUES(?1, ?2, ?3, ?4, ?5)", err))
		return -1;
	sqlite3_bind_int64(st, 1, c->id);
	sqlite3_bind_int64(st, 2, c->time_us);
	sqlite3_bind_int(st, 3, (int)kind);
	bind_text(st, 4, c->author);
	bind_text(st, 5, text);
	return finish(st, err);
}

static int read_before(struct store_writer *w, int64_t id, struct incident *out, struct arena *arena, struct err *err)
{
	char name[INCIDENT_NAME_BYTES];
	sqlite3_stmt *st;

	*out = (struct incident){.id = 0};
	if (start(w, &st, INCIDENT_COLUMNS "WHERE id=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, id);
	int got = sql_step(st, err);

	if (got > 0)
		incident_row_read(st, arena, out);
	sqlite3_finalize(st);
	if (!got)
		err_set(err, "incident: there is no %s: see llmdeck incident list", incident_name(id, name));
	return got < 0 ? -1 : !got;
}

/* 0 there, 1 not, -1 on error. */
static int find_feedback(struct store_writer *w, int64_t id, struct err *err)
{
	char sql[64];
	int64_t there = 0;

	sqlite3_snprintf(sizeof sql, sql, "SELECT id FROM feedback WHERE id=%lld", id);
	if (sql_int(w->db, sql, 0, &there, err))
		return -1;
	if (!there)
		err_set(err, "incident: there is no feedback item %llx: see llmdeck feedback list", (unsigned long long)id);
	return !there;
}

static int add_feedback(struct store_writer *w, const struct incident_change *c, struct err *err)
{
	sqlite3_stmt *st;
	char text[32];

	if (start(w, &st, "INSERT OR IGNORE INTO incident_feedback(incident_id, feedback_id, time_us, author) VALUES(?1, ?2, ?3, ?4)", err))
		return -1;
	sqlite3_bind_int64(st, 1, c->id);
	sqlite3_bind_int64(st, 2, c->feedback_id);
	sqlite3_bind_int64(st, 3, c->time_us);
	bind_text(st, 4, c->author);
	if (finish(st, err))
		return -1;
	sqlite3_snprintf(sizeof text, text, "%llx", (unsigned long long)c->feedback_id);
	return sqlite3_changes(w->db) ? add_line(w, c, INCIDENT_LINE_FEEDBACK, text, err) : 0;
}

/* The lines that tell what has changed. */
static int add_lines(struct store_writer *w, const struct incident_change *c, const struct incident *before, struct err *err)
{
	struct buf text = {0};
	int failed = 0;

	if (c->set_state && c->state != before->state)
		buf_printf(&text, "%s, was %s", incident_state_name(c->state), incident_state_name(before->state));
	if (c->owner && strcmp(c->owner, before->owner) != 0)
		buf_printf(&text, "%s%s%s", text.len ? "; " : "", *c->owner ? "assigned to " : "assigned to nobody", c->owner);
	if (c->set_window)
		buf_printf(&text, "%swindow changed", text.len ? "; " : "");
	if (c->reported)
		buf_printf(&text, "%sreport written", text.len ? "; " : "");
	if (text.len)
		failed = add_line(w, c, INCIDENT_LINE_STATE, text.data, err);
	if (!failed && c->note)
		failed = add_line(w, c, INCIDENT_LINE_NOTE, c->note, err);
	buf_fini(&text);
	return failed;
}

static int update(struct store_writer *w, const struct incident_change *c, const struct incident *before, struct err *err)
{
	bool closes = c->set_state && c->state == INCIDENT_CLOSED, opens = c->set_state && c->state != INCIDENT_CLOSED;
	int64_t closed_us = closes && !before->closed_us ? c->time_us : opens ? 0 : before->closed_us;
	/* A report of what still goes on is not the last one. */
	int64_t reported_us = c->reported && before->closed_us ? c->time_us : opens ? 0 : before->reported_us;
	int64_t to_us = c->set_window ? c->to_us : before->to_us;
	sqlite3_stmt *st;

	if (start(w, &st, "UPDATE incidents SET closed_us=?2, reported_us=?3, from_us=?4, to_us=?5, state=?6, title=?7, owner=?8 WHERE id=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, c->id);
	sqlite3_bind_int64(st, 2, closed_us);
	sqlite3_bind_int64(st, 3, reported_us);
	sqlite3_bind_int64(st, 4, c->set_window ? c->from_us : before->from_us);
	sqlite3_bind_int64(st, 5, closes && !to_us ? c->time_us : to_us); /* what went on ends with it */
	sqlite3_bind_int(st, 6, (int)(c->set_state ? c->state : before->state));
	bind_text(st, 7, c->title ? c->title : before->title);
	bind_text(st, 8, c->owner ? c->owner : before->owner);
	/* Retention has been past these rows: it goes back for what is let go. */
	const int64_t first_id = id_first_us(before->from_us > 0 ? before->from_us : 0);

	if ((reported_us || c->set_window) && w->meta[META_RETAIN_ID] > first_id)
		w->meta[META_RETAIN_ID] = first_id;
	return finish(st, err);
}

int store_incident_change(struct store_writer *w, const struct incident_change *c, struct incident *before, struct arena *arena,
                          struct err *err)
{
	int state = read_before(w, c->id, before, arena, err);

	if (!state && c->feedback_id)
		state = find_feedback(w, c->feedback_id, err);
	if (state > 0)
		return 1;
	if (state < 0 || (c->feedback_id && add_feedback(w, c, err)) || update(w, c, before, err) || add_lines(w, c, before, err))
		return writer_rollback(w);
	return 0;
}

int store_incident_pins(struct store_writer *w, struct pinned *out, size_t most, struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t n = 0;
	int got;

	if (sql_prepare(w->db, &st, "SELECT from_us, to_us FROM incidents WHERE closed_us=0 OR reported_us=0 ORDER BY from_us", err))
		return -1;
	while ((got = sql_step(st, err)) > 0 && n < most) {
		int64_t to_us = sqlite3_column_int64(st, 1);

		out[n++] = (struct pinned){sqlite3_column_int64(st, 0), to_us ? to_us : INT64_MAX};
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : (int)n;
}
