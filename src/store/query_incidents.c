/* The timeline is not stored: it is put together from the marks around the window and the lines written in the
 * incident, so that what is known later about an earlier time is in it too. */
#include "store/query_incidents.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/incident_rows.h"
#include "store/reader_private.h"

#define BEFORE_US US_PER_HOUR

int query_incidents(struct store_reader *r, int64_t closed_since_us, struct incident_result *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got = -1;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, INCIDENT_COLUMNS "WHERE closed_us=0 OR closed_us>=?1 ORDER BY closed_us>0, id DESC", err)) {
		sqlite3_bind_int64(st, 1, closed_since_us);
		while ((got = sql_step(st, err)) > 0) {
			out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
			incident_row_read(st, &out->arena, &out->rows[out->row_count++]);
		}
	}
	sqlite3_finalize(st);
	if (got < 0)
		incident_result_fini(out);
	return reader_end(r, got < 0 ? -1 : 0);
}

void incident_result_fini(struct incident_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

struct timeline {
	struct incident_detail *out;
	size_t cap;
};

static void add(struct timeline *t, const struct timeline_row *row)
{
	t->out->timeline = mem_grow(t->out->timeline, &t->cap, t->out->timeline_count + 1, sizeof *row);
	t->out->timeline[t->out->timeline_count++] = *row;
}

static const char *kept(struct timeline *t, const char *text)
{
	return arena_copy(&t->out->arena, text, strlen(text));
}

static int read_one(struct store_reader *r, int64_t id, struct incident_detail *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(r->db, &st, INCIDENT_COLUMNS "WHERE id=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, id);
	int got = sql_step(st, err);

	if (got > 0)
		incident_row_read(st, &out->arena, &out->incident);
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int read_lines(struct store_reader *r, struct timeline *t, struct err *err)
{
	static const enum timeline_kind kinds[] = {
		[INCIDENT_LINE_NOTE] = TIMELINE_NOTE, [INCIDENT_LINE_STATE] = TIMELINE_STATE, [INCIDENT_LINE_FEEDBACK] = TIMELINE_FEEDBACK,
	};
	sqlite3_stmt *st = NULL;
	int got;

	if (sql_prepare(r->db, &st, "SELECT time_us, kind, author, text FROM incident_notes WHERE incident_id=?1 ORDER BY time_us, id", err))
		return -1;
	sqlite3_bind_int64(st, 1, t->out->incident.id);
	while ((got = sql_step(st, err)) > 0) {
		int kind = sqlite3_column_int(st, 1);

		add(t, &(struct timeline_row){
			.time_us = sqlite3_column_int64(st, 0), .kind = kind >= 0 && kind <= INCIDENT_LINE_FEEDBACK ? kinds[kind] : TIMELINE_NOTE,
			.who = sql_text(st, 2, &t->out->arena), .name = "", .text = sql_text(st, 3, &t->out->arena),
		});
	}
	sqlite3_finalize(st);
	return got;
}

static int read_feedback(struct store_reader *r, struct incident_detail *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got;

	if (sql_prepare(r->db, &st, "SELECT feedback_id FROM incident_feedback WHERE incident_id=?1 ORDER BY feedback_id", err))
		return -1;
	sqlite3_bind_int64(st, 1, out->incident.id);
	while ((got = sql_step(st, err)) > 0) {
		out->feedback = mem_grow(out->feedback, &cap, out->feedback_count + 1, sizeof *out->feedback);
		out->feedback[out->feedback_count++] = sqlite3_column_int64(st, 0);
	}
	sqlite3_finalize(st);
	return got;
}

/* What happened around it. Its own changes stand in its lines already. */
static int read_marks(struct store_reader *r, struct timeline *t, int64_t now_us, struct err *err)
{
	const struct incident *i = &t->out->incident;
	struct view v = i->where;
	struct mark_result marks;

	v.from_us = i->from_us - BEFORE_US;
	v.to_us = (i->closed_us ? i->closed_us : now_us) + 1;
	if (query_marks(r, &v, &marks, err))
		return -1;
	for (size_t k = 0; k < marks.row_count; k++) {
		const struct mark *m = &marks.rows[k];

		if (m->kind == MARK_INCIDENT)
			continue;
		add(t, &(struct timeline_row){
			.time_us = m->time_us, .kind = TIMELINE_MARK, .mark = m->kind, .severity = m->severity, .id = m->id,
			.who = kept(t, m->who), .name = kept(t, m->name), .text = kept(t, m->text),
		});
		if (m->kind == MARK_ALERT && m->end_us && m->end_us < v.to_us)
			add(t, &(struct timeline_row){
				.time_us = m->end_us, .kind = TIMELINE_MARK, .mark = MARK_ALERT, .severity = m->severity, .id = m->id,
				.who = "", .name = kept(t, m->name), .text = "resolved",
			});
	}
	mark_result_fini(&marks);
	return 0;
}

static void add_opening(struct timeline *t)
{
	const struct incident *i = &t->out->incident;

	add(t, &(struct timeline_row){
		.time_us = i->opened_us, .kind = TIMELINE_STATE, .who = i->author, .name = "", .text = "opened",
	});
}

/* Those that were firing in its window. */
static int read_alerts(struct store_reader *r, struct incident_detail *out, int64_t now_us, struct err *err)
{
	const struct incident *i = &out->incident;
	int64_t to_us = i->to_us ? i->to_us : now_us + 1;
	size_t kept_count = 0;

	if (query_alerts(r, i->from_us, now_us, &out->alerts, err))
		return -1;
	for (size_t k = 0; k < out->alerts.row_count; k++)
		if (out->alerts.rows[k].fired_us && out->alerts.rows[k].fired_us < to_us)
			out->alerts.rows[kept_count++] = out->alerts.rows[k];
	out->alerts.row_count = kept_count;
	return 0;
}

static int oldest_first(const void *a, const void *b)
{
	const struct timeline_row *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->text, y->text);
}

int query_incident(struct store_reader *r, int64_t id, int64_t now_us, struct incident_detail *out, struct err *err)
{
	struct timeline t = {.out = out};
	int failed;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	failed = read_one(r, id, out, err) ||
	         (out->incident.id && (read_lines(r, &t, err) || read_feedback(r, out, err)));
	reader_end(r, 0);
	if (!failed && out->incident.id) {
		add_opening(&t);
		failed = read_marks(r, &t, now_us, err) || read_alerts(r, out, now_us, err);
		qsort(out->timeline, out->timeline_count, sizeof *out->timeline, oldest_first);
	}
	if (failed)
		incident_detail_fini(out);
	return failed ? -1 : 0;
}

void incident_detail_fini(struct incident_detail *d)
{
	free(d->timeline);
	free(d->feedback);
	alert_result_fini(&d->alerts);
	arena_fini(&d->arena);
	memset(d, 0, sizeof *d);
}
