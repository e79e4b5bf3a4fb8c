/* A change is a row per item and field with what was there before and after, both in the form in which
 * the field is put back: so undo and redo are the same walk in two directions, and an item that somebody
 * changed since is left alone because its field no longer reads as the change left it.
 *
 *   field        value (NULL: none)
 *   state        "open", or "settled" and "dismissed" with US time US author
 *   assignee     the name
 *   label:NAME   value US author US time
 *   note         id of the remark, which is shown while this stands
 *   dataset      id of the remark that corrects the answer
 *
 * US is the unit separator, which no name holds. */
#include "store/triage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/feedback.h"
#include "store/sql.h"

#define SEPARATOR '\x1f'
#define FIELD_MAX_BYTES (TRIAGE_NAME_MAX_BYTES + 8)
#define KIND_NOTE 0
#define KIND_ANSWER 1

/* One order's work. Statements are prepared anew for each: orders come at the speed of hands. */
struct triage {
	struct store_writer *w;
	const struct triage_order *o;
	struct triage_outcome *out;
	struct arena arena;
	struct err *err;
	int64_t remark_id; /* the order's note or answer, stored once for all items */
};

/* A field's value; ptr NULL: none. */
static struct str some(struct triage *t, const char *text)
{
	return str_of(arena_copy(&t->arena, text, strlen(text)));
}

static const struct str none = {NULL, 0};

static bool same(struct str a, struct str b)
{
	return !a.ptr == !b.ptr && str_equal(a, b);
}

/* What people see of a value: up to the first separator. */
static struct str shown(struct str value)
{
	return str_cut(&value, SEPARATOR);
}

/* ── statements ────────────────────────────────────────────────────────────────────────────── */

/* NULL with err filled. Values are bound in order: 'i' int64_t, 's' struct str (ptr NULL: NULL). */
static sqlite3_stmt *start(struct triage *t, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st = NULL;
	va_list args;
	int at = 1;

	if (sql_prepare(t->w->db, &st, sql, t->err))
		return NULL;
	va_start(args, kinds);
	for (; *kinds; kinds++, at++) {
		if (*kinds == 'i') {
			sqlite3_bind_int64(st, at, va_arg(args, int64_t));
			continue;
		}
		struct str s = va_arg(args, struct str);

		if (s.ptr)
			sql_bind_str(st, at, s);
		else
			sqlite3_bind_null(st, at);
	}
	va_end(args);
	return st;
}

static int run(sqlite3_stmt *st, struct err *err)
{
	int failed = st ? sql_run(st, err) : -1;

	sqlite3_finalize(st);
	return failed;
}

/* One integer; `missing` when there is no row or it is NULL. */
static int fetch(sqlite3_stmt *st, int64_t missing, int64_t *out, struct err *err)
{
	int got = st ? sql_step(st, err) : -1;

	*out = got > 0 && sqlite3_column_type(st, 0) != SQLITE_NULL ? sqlite3_column_int64(st, 0) : missing;
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

/* ── fields ────────────────────────────────────────────────────────────────────────────────── */

static int read_state(struct triage *t, int64_t id, struct str *out)
{
	sqlite3_stmt *st = start(t, "SELECT state, settled_us, settled_by FROM feedback WHERE id=?1", "i", id);
	int got = st ? sql_step(st, t->err) : -1;

	if (got > 0) {
		int state = sqlite3_column_int(st, 0);
		struct str by = sql_str(st, 2);
		char text[TRIAGE_NAME_MAX_BYTES + 64];

		if (state <= FEEDBACK_OPEN || state >= FEEDBACK_STATE_COUNT)
			snprintf(text, sizeof text, "open");
		else
			snprintf(text, sizeof text, "%s%c%lld%c%.*s", feedback_state_name((enum feedback_state)state), SEPARATOR,
			         (long long)sqlite3_column_int64(st, 1), SEPARATOR,
			         (int)(by.len < TRIAGE_NAME_MAX_BYTES ? by.len : TRIAGE_NAME_MAX_BYTES), by.len ? by.ptr : "");
		*out = some(t, text);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int read_label(struct triage *t, int64_t id, struct str name, struct str *out)
{
	sqlite3_stmt *st = start(t, "SELECT value, author, time_us FROM labels WHERE feedback_id=?1 AND name=?2", "is", id, name);
	int got = st ? sql_step(st, t->err) : -1;

	if (got > 0) {
		struct buf b = {0};

		buf_append_str(&b, sql_str(st, 0));
		buf_append_c(&b, SEPARATOR);
		buf_append_str(&b, sql_str(st, 1));
		buf_printf(&b, "%c%lld", SEPARATOR, (long long)sqlite3_column_int64(st, 2));
		*out = some(t, b.data);
		buf_fini(&b);
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int read_column(struct triage *t, const char *sql, int64_t id, struct str *out)
{
	sqlite3_stmt *st = start(t, sql, "i", id);
	int got = st ? sql_step(st, t->err) : -1;

	if (got > 0 && sqlite3_column_type(st, 0) != SQLITE_NULL && sqlite3_column_bytes(st, 0) > 0)
		*out = str_of(sql_text(st, 0, &t->arena));
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

/* Whether a note is shown; its id is in the value that is asked about. */
static int read_note(struct triage *t, struct str wanted, struct str *out)
{
	int64_t id = 0, hidden;

	str_to_int64(wanted, &id);
	if (fetch(start(t, "SELECT hidden FROM feedback_remarks WHERE id=?1", "i", id), 1, &hidden, t->err))
		return -1;
	*out = hidden ? none : wanted;
	return 0;
}

/* `note`: which note is meant, when the field is one. */
static int read_field(struct triage *t, int64_t id, struct str field, struct str note, struct str *out)
{
	*out = none;
	if (str_equal_c(field, "state"))
		return read_state(t, id, out);
	if (str_equal_c(field, "assignee"))
		return read_column(t, "SELECT assignee FROM feedback WHERE id=?1", id, out);
	if (str_equal_c(field, "dataset"))
		return read_column(t, "SELECT nullif(dataset, 0) FROM feedback WHERE id=?1", id, out);
	if (str_equal_c(field, "note"))
		return read_note(t, note, out);
	return read_label(t, id, (struct str){field.ptr + 6, field.len - 6}, out);
}

static int write_state(struct triage *t, int64_t id, struct str value)
{
	struct str name = str_cut(&value, SEPARATOR), time = str_cut(&value, SEPARATOR);
	int64_t state = FEEDBACK_OPEN, us = 0;

	for (int s = 0; s < FEEDBACK_STATE_COUNT; s++)
		if (str_equal_c(name, feedback_state_name((enum feedback_state)s)))
			state = s;
	str_to_int64(time, &us);
	return run(start(t, "UPDATE feedback SET state=?2, settled_us=nullif(?3, 0), settled_by=?4 WHERE id=?1", "iiis", id, state, us,
	                 state == FEEDBACK_OPEN ? none : value), t->err);
}

static int write_label(struct triage *t, int64_t id, struct str name, struct str value)
{
	bool gone = !value.ptr;
	struct str text = str_cut(&value, SEPARATOR), author = str_cut(&value, SEPARATOR);
	int64_t us = 0;

	str_to_int64(value, &us);
	if (gone ? run(start(t, "DELETE FROM labels WHERE feedback_id=?1 AND name=?2", "is", id, name), t->err)
	         : run(start(t, "INSERT OR REPLACE INTO labels(feedback_id, name, value, author, time_us) VALUES(?1,?2,?3,?4,?5)",
	                     "isssi", id, name, text, author, us), t->err))
		return -1;
	return run(start(t, "UPDATE feedback SET labels=(SELECT count(*) FROM labels WHERE feedback_id=?1) WHERE id=?1", "i", id), t->err);
}

static int write_note(struct triage *t, int64_t id, struct str note, bool show)
{
	int64_t remark = 0;

	str_to_int64(note, &remark);
	return run(start(t, "UPDATE feedback_remarks SET hidden=?2 WHERE id=?1", "ii", remark, (int64_t)!show), t->err) ||
	       run(start(t, "UPDATE feedback SET notes=(SELECT count(*) FROM feedback_remarks WHERE feedback_id=?1 AND kind=0 AND"
	                 " NOT hidden) WHERE id=?1", "i", id), t->err) ? -1 : 0;
}

static int write_field(struct triage *t, int64_t id, struct str field, struct str note, struct str value)
{
	int failed;

	if (str_equal_c(field, "state"))
		failed = write_state(t, id, value);
	else if (str_equal_c(field, "assignee"))
		failed = run(start(t, "UPDATE feedback SET assignee=?2 WHERE id=?1", "is", id, value), t->err);
	else if (str_equal_c(field, "dataset"))
		failed = run(start(t, "UPDATE feedback SET dataset=ifnull(CAST(?2 AS INTEGER), 0) WHERE id=?1", "is", id, value), t->err);
	else if (str_equal_c(field, "note"))
		failed = write_note(t, id, note, value.ptr);
	else
		failed = write_label(t, id, (struct str){field.ptr + 6, field.len - 6}, value);
	return failed || run(start(t, "UPDATE feedback SET touched=?2 WHERE id=?1", "ii", id, feedback_touch(t->w)), t->err) ? -1 : 0;
}

/* ── a change ──────────────────────────────────────────────────────────────────────────────── */

static int begin_change(struct triage *t)
{
	const struct triage_order *o = t->o;

	if (t->out->change)
		return 0;
	/* What was undone before a new change cannot be redone behind it. */
	if (run(start(t, "UPDATE feedback_changes SET undone=-1 WHERE session=?1 AND undone>0 AND (?1<>'' OR author=?2)", "ss",
	              o->session, o->author), t->err) ||
	    run(start(t, "INSERT INTO feedback_changes(time_us, verb, author, session) VALUES(?1,?2,?3,?4)", "isss", o->now_us,
	              str_of(triage_verb_name(o->verb)), o->author, o->session), t->err))
		return -1;
	t->out->change = sqlite3_last_insert_rowid(t->w->db);
	return 0;
}

/* Sets a field and remembers what was there. `as_shown`: values that people read alike are the same. */
static int change_field(struct triage *t, int64_t id, struct str field, struct str value, bool as_shown)
{
	struct str before;

	if (read_field(t, id, field, value, &before))
		return -1;
	if (as_shown ? !before.ptr == !value.ptr && str_equal(shown(before), shown(value)) : same(before, value)) {
		t->out->unchanged++;
		return 0;
	}
	if (begin_change(t) || write_field(t, id, field, value.ptr ? value : before, value) ||
	    run(start(t, "INSERT OR REPLACE INTO feedback_change_items(change_id, feedback_id, field, before, after)"
	              " VALUES(?1,?2,?3,?4,?5)", "iisss", t->out->change, id, field, before, value), t->err))
		return -1;
	t->out->changed++;
	return 0;
}

/* An id of its own for a remark, and its text. The text file's retention goes by the id's time. */
static int store_remark(struct triage *t, int64_t feedback_id, int64_t kind, int64_t *id)
{
	int64_t first = id_first_us(t->o->now_us), last;
	sqlite3_stmt *st = NULL;
	int open = feedback_begin_texts(t->w, t->err);

	if (open < 0 || fetch(start(t, "SELECT max(id) FROM feedback_remarks", ""), 0, &last, t->err))
		return -1;
	*id = last >= first ? last + 1 : first;
	if (run(start(t, "INSERT INTO feedback_remarks(id, feedback_id, kind, author, hidden) VALUES(?1,?2,?3,?4,?5)", "iiisi", *id,
	              feedback_id, kind, t->o->author, (int64_t)(kind == KIND_NOTE)), t->err))
		return -1;
	if (!open)
		return 0;
	if (sql_prepare(t->w->texts, &st, "INSERT OR REPLACE INTO remarks(id, text) VALUES(?1, ?2)", t->err))
		return -1;
	sqlite3_bind_int64(st, 1, *id);
	sql_bind_str(st, 2, t->o->text);
	return run(st, t->err);
}

static struct str number(struct triage *t, int64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)v);
	return some(t, text);
}

static struct str signed_value(struct triage *t, struct str first, bool author_last)
{
	struct buf b = {0};
	struct str out;

	buf_append_str(&b, first);
	if (author_last)
		buf_printf(&b, "%c%lld%c%.*s", SEPARATOR, (long long)t->o->now_us, SEPARATOR, STR_ARG(t->o->author));
	else
		buf_printf(&b, "%c%.*s%c%lld", SEPARATOR, STR_ARG(t->o->author), SEPARATOR, (long long)t->o->now_us);
	out = some(t, b.data);
	buf_fini(&b);
	return out;
}

static int remark_field(struct triage *t, int64_t id)
{
	bool note = t->o->verb == TRIAGE_NOTE;
	int64_t remark;

	if (!t->o->text.len)
		return change_field(t, id, str_of("dataset"), none, false);
	if (store_remark(t, id, note ? KIND_NOTE : KIND_ANSWER, &remark))
		return -1;
	return change_field(t, id, str_of(note ? "note" : "dataset"), number(t, remark), false);
}

static int change_item(struct triage *t, int64_t id)
{
	const struct triage_order *o = t->o;
	char field[FIELD_MAX_BYTES + 1];

	switch (o->verb) {
	case TRIAGE_SETTLE:
		return change_field(t, id, str_of("state"), signed_value(t, STR_LIT("settled"), true), true);
	case TRIAGE_DISMISS:
		return change_field(t, id, str_of("state"), signed_value(t, STR_LIT("dismissed"), true), true);
	case TRIAGE_REOPEN:
		return change_field(t, id, str_of("state"), STR_LIT("open"), true);
	case TRIAGE_ASSIGN:
		return change_field(t, id, str_of("assignee"), o->value.len ? o->value : none, false);
	case TRIAGE_NOTE:
	case TRIAGE_DATASET:
		return remark_field(t, id);
	default:
		snprintf(field, sizeof field, "label:%.*s", STR_ARG(o->name));
		return change_field(t, id, str_of(field), o->verb == TRIAGE_LABEL ? signed_value(t, o->value, false) : none, true);
	}
}

/* ── locks ─────────────────────────────────────────────────────────────────────────────────── */

/* 1: another session has it; 0: it may be had; -1 error. A lock that is over is removed. */
static int held_by_other(struct triage *t, int64_t id)
{
	sqlite3_stmt *st = start(t, "SELECT session, holder, pid, process_start, until_us FROM feedback_locks WHERE feedback_id=?1", "i",
	                         id);
	int got = st ? sql_step(st, t->err) : -1;
	bool over = false;

	if (got > 0) {
		int64_t pid = sqlite3_column_int64(st, 2);
		struct str holder = sql_str(st, 1);

		over = sqlite3_column_int64(st, 4) <= t->o->now_us ||
		       (pid && t->o->alive && !t->o->alive(pid, sqlite3_column_int64(st, 3)));
		got = !over && !str_equal(sql_str(st, 0), t->o->session);
		if (got)
			snprintf(t->out->holder, sizeof t->out->holder, "%.*s", STR_ARG(holder));
	}
	sqlite3_finalize(st);
	if (over && run(start(t, "DELETE FROM feedback_locks WHERE feedback_id=?1", "i", id), t->err))
		return -1;
	return got;
}

/* The list shows who has what open, so a lock touches its item. */
static int touch_locked(struct triage *t, int64_t id)
{
	return run(start(t, "UPDATE feedback SET touched=?2 WHERE id=?1", "ii", id, feedback_touch(t->w)), t->err);
}

static int take_lock(struct triage *t, int64_t id)
{
	const struct triage_order *o = t->o;
	int other = held_by_other(t, id);

	if (other) {
		t->out->refused += other > 0;
		return other < 0 ? -1 : 0;
	}
	if (run(start(t, "INSERT OR REPLACE INTO feedback_locks(feedback_id, session, holder, pid, process_start, until_us)"
	              " VALUES(?1,?2,?3,?4,?5,?6)", "issiii", id, o->session, o->author, o->pid, o->process_start,
	              o->now_us + TRIAGE_LOCK_US), t->err))
		return -1;
	t->out->changed++;
	t->out->locked = id;
	return touch_locked(t, id);
}

static int give_back(struct triage *t, int64_t id)
{
	return run(start(t, "UPDATE feedback SET touched=?2 WHERE id IN (SELECT feedback_id FROM feedback_locks WHERE session=?1 AND"
	                 " (?3=0 OR feedback_id=?3))", "sii", t->o->session, feedback_touch(t->w), id), t->err) ||
	       run(start(t, "DELETE FROM feedback_locks WHERE session=?1 AND (?2=0 OR feedback_id=?2)", "si", t->o->session, id),
	           t->err) ? -1 : 0;
}

/* The first candidate that is open and free; what the session held is given back. */
static int lock_next(struct triage *t)
{
	const size_t before = t->out->changed, refused = t->out->refused;
	char holder[sizeof t->out->holder];

	if (give_back(t, 0))
		return -1;
	memcpy(holder, t->out->holder, sizeof holder);
	t->out->locked = 0;
	for (size_t i = 0; i < t->o->next_count && !t->out->locked; i++) {
		int64_t state;

		if (fetch(start(t, "SELECT state FROM feedback WHERE id=?1", "i", t->o->next[i]), -1, &state, t->err) ||
		    (state == FEEDBACK_OPEN && take_lock(t, t->o->next[i])))
			return -1;
	}
	t->out->changed = before;
	t->out->refused = refused;
	memcpy(t->out->holder, holder, sizeof holder);
	return 0;
}

/* ── undo ──────────────────────────────────────────────────────────────────────────────────── */

struct step {
	int64_t id;
	struct str field, from, to;
};

static int read_steps(struct triage *t, int64_t change, bool redo, struct step **steps, size_t *count)
{
	sqlite3_stmt *st = start(t, "SELECT feedback_id, field, before, after FROM feedback_change_items WHERE change_id=?1"
	                         " ORDER BY feedback_id, field", "i", change);
	size_t cap = 0;
	int got = st ? 0 : -1;

	while (st && (got = sql_step(st, t->err)) > 0) {
		struct str values[2];

		for (int i = 0; i < 2; i++)
			values[i] = sqlite3_column_type(st, 2 + i) == SQLITE_NULL ? none : str_of(sql_text(st, 2 + i, &t->arena));
		*steps = mem_grow(*steps, &cap, *count + 1, sizeof **steps);
		(*steps)[(*count)++] = (struct step){sqlite3_column_int64(st, 0), str_of(sql_text(st, 1, &t->arena)),
		                                     values[redo ? 0 : 1], values[redo ? 1 : 0]};
	}
	sqlite3_finalize(st);
	return got;
}

static int take_step(struct triage *t, const struct step *s)
{
	struct str note = s->from.ptr ? s->from : s->to, now;
	int other = held_by_other(t, s->id);

	if (other < 0 || read_field(t, s->id, s->field, note, &now))
		return -1;
	if (other || !same(now, s->from)) {
		t->out->refused++;
		return 0;
	}
	t->out->changed++;
	return write_field(t, s->id, s->field, note, s->to);
}

static int find_change(struct triage *t, bool redo, int64_t *change)
{
	const char *sql = redo ? "SELECT id, verb FROM feedback_changes WHERE session=?1 AND undone>0 AND (?1<>'' OR author=?2)"
	                         " ORDER BY undone DESC LIMIT 1"
	                       : "SELECT id, verb FROM feedback_changes WHERE session=?1 AND undone=0 AND (?1<>'' OR author=?2)"
	                         " ORDER BY id DESC LIMIT 1";
	sqlite3_stmt *st = start(t, sql, "ss", t->o->session, t->o->author);
	int got = st ? sql_step(st, t->err) : -1;

	*change = got > 0 ? sqlite3_column_int64(st, 0) : 0;
	if (got > 0)
		triage_verb_from_name(sql_str(st, 1), &t->out->undone_verb);
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int undo(struct triage *t, bool redo)
{
	struct step *steps = NULL;
	size_t count = 0;
	int64_t change, order = 0;

	if (find_change(t, redo, &change))
		return -1;
	if (!change)
		return 0;
	int failed = read_steps(t, change, redo, &steps, &count);

	for (size_t i = 0; i < count && !failed; i++)
		failed = take_step(t, &steps[i]);
	free(steps);
	if (failed || (!redo && fetch(start(t, "SELECT max(undone) FROM feedback_changes", ""), 0, &order, t->err)))
		return -1;
	t->out->change = change;
	return run(start(t, "UPDATE feedback_changes SET undone=?2 WHERE id=?1", "ii", change, redo ? 0 : (order > 0 ? order : 0) + 1),
	           t->err);
}

/* ── orders ────────────────────────────────────────────────────────────────────────────────── */

static int each_item(struct triage *t, int (*does)(struct triage *t, int64_t id))
{
	bool locks = t->o->verb == TRIAGE_LOCK;

	for (size_t i = 0; i < t->o->id_count; i++) {
		int64_t id = t->o->ids[i], there;
		int other = 0;

		if (fetch(start(t, "SELECT 1 FROM feedback WHERE id=?1", "i", id), 0, &there, t->err))
			return -1;
		if (there && !locks)
			other = held_by_other(t, id);
		if (other < 0)
			return -1;
		t->out->unknown += there ? 0 : 1;
		t->out->refused += other ? 1 : 0;
		if (there && !other && does(t, id))
			return -1;
	}
	return 0;
}

static int unlock(struct triage *t)
{
	for (size_t i = 0; i < t->o->id_count; i++)
		if (give_back(t, t->o->ids[i]))
			return -1;
	return t->o->id_count ? 0 : give_back(t, 0);
}

static int carry_out(struct triage *t)
{
	switch (t->o->verb) {
	case TRIAGE_LOCK:
		return each_item(t, take_lock);
	case TRIAGE_UNLOCK:
		return unlock(t);
	case TRIAGE_NEXT:
		return 0;
	case TRIAGE_UNDO:
	case TRIAGE_REDO:
		return undo(t, t->o->verb == TRIAGE_REDO);
	default:
		return each_item(t, change_item);
	}
}

static int count_history(struct triage *t)
{
	int64_t held;

	if (fetch(start(t, "SELECT count(*) FROM feedback_changes WHERE session=?1 AND undone=0 AND (?1<>'' OR author=?2)", "ss",
	                t->o->session, t->o->author), 0, &t->out->history, t->err) ||
	    fetch(start(t, "SELECT count(*) FROM feedback_changes WHERE session=?1 AND undone>0 AND (?1<>'' OR author=?2)", "ss",
	                t->o->session, t->o->author), 0, &t->out->redoable, t->err) ||
	    fetch(start(t, "SELECT count(*) FROM feedback_locks WHERE session=?1", "s", t->o->session), 0, &held, t->err))
		return -1;
	t->out->held = (size_t)held;
	return 0;
}

int store_writer_triage(struct store_writer *w, const struct triage_order *o, struct triage_outcome *out, struct err *err)
{
	struct triage_order named = *o;
	struct triage t = {.w = w, .o = &named, .out = out, .err = err};

	/* Without a session is the session "", not none: the statements compare. */
	named.session = o->session.len ? o->session : STR_LIT("");
	named.author = o->author.len ? o->author : STR_LIT("");
	*out = (struct triage_outcome){.undone_verb = TRIAGE_VERB_COUNT};
	if (writer_begin(w, err))
		return -1;
	int failed = carry_out(&t) || (o->next_count && o->session.len && lock_next(&t)) || count_history(&t);

	arena_fini(&t.arena);
	return failed ? writer_rollback(w) : 0;
}

int store_writer_sweep_locks(struct store_writer *w, int64_t now_us, bool (*alive)(int64_t pid, int64_t process_start),
                             size_t *left, struct err *err)
{
	const struct triage_order o = {.verb = TRIAGE_UNLOCK, .now_us = now_us, .session = STR_LIT("\x1f"), .alive = alive};
	struct triage_outcome outcome = {0};
	struct triage t = {.w = w, .o = &o, .out = &outcome, .err = err};
	int64_t *ids = NULL;
	size_t count = 0, cap = 0;
	int got, failed = 0;

	*left = 0;
	if (writer_begin(w, err))
		return -1;
	sqlite3_stmt *st = start(&t, "SELECT feedback_id FROM feedback_locks", "");

	while (st && (got = sql_step(st, err)) > 0) {
		ids = mem_grow(ids, &cap, count + 1, sizeof *ids);
		ids[count++] = sqlite3_column_int64(st, 0);
	}
	failed = !st || got < 0;
	sqlite3_finalize(st);
	for (size_t i = 0; i < count && !failed; i++) {
		/* Nobody's session: what is not held by another is over, and gone. */
		int other = held_by_other(&t, ids[i]);

		*left += other > 0;
		failed = other < 0 || (!other && touch_locked(&t, ids[i]));
	}
	free(ids);
	arena_fini(&t.arena);
	return failed ? writer_rollback(w) : 0;
}
