/* Late verdicts, and what still waits for one. A verdict whose mood takes the place of another takes the
 * item's share out of its rollup and puts it back with the new mood. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/feedback.h"
#include "store/query_feedback.h"
#include "store/reader_private.h"
#include "store/sql.h"

#define FINDINGS_MAX_BYTES 400
#define LOOKED_AT_MAX 512 /* rows in one query_feedback_waiting() */

static void bind_real(sqlite3_stmt *st, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_double(st, at, v);
}

static int put_row(struct store_writer *w, const struct verdict *v, uint32_t judge, struct err *err)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(w->db, &st, "INSERT OR REPLACE INTO feedback_verdicts(feedback_id, judge, time_us, mood, score, positive, neutral,"
	                " negative, words) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", err))
		return -1;
	sqlite3_bind_int64(st, 1, v->feedback_id);
	sqlite3_bind_int64(st, 2, judge);
	sqlite3_bind_int64(st, 3, writer_now_us(w));
	sqlite3_bind_int(st, 4, v->mood);
	bind_real(st, 5, v->score);
	for (int i = 0; i < 3; i++)
		bind_real(st, 6 + i, v->confidence[i]);
	sql_bind_str(st, 9, v->words);
	int failed = sql_run(st, err);

	sqlite3_finalize(st);
	return failed;
}

static int put_texts(struct store_writer *w, const struct verdict *v, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int open = v->texts.len ? feedback_begin_texts(w, err) : 0;

	if (open <= 0)
		return open;
	if (sql_prepare(w->texts, &st, "INSERT OR REPLACE INTO verdicts(id, judge, text) VALUES(?1, ?2, ?3)", err))
		return -1;
	sqlite3_bind_int64(st, 1, v->feedback_id);
	sql_bind_str(st, 2, v->judge);
	sql_bind_str(st, 3, v->texts);
	int failed = sql_run(st, err);

	sqlite3_finalize(st);
	return failed;
}

struct item {
	uint32_t series;
	int64_t counted_us;
	int mood;
	bool rated;
	struct buf findings;
};

/* 1 it is there, 0 not, -1 error. */
static int get_item(struct store_writer *w, int64_t id, struct item *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(w->db, &st, "SELECT series, counted_us, mood, judge, findings FROM feedback WHERE id=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, id);
	int got = sql_step(st, err);

	if (got > 0) {
		const char *judge = names_text(&w->names, (uint32_t)sqlite3_column_int64(st, 3));

		out->series = (uint32_t)sqlite3_column_int64(st, 0);
		out->counted_us = sqlite3_column_int64(st, 1);
		out->mood = sqlite3_column_int(st, 2);
		out->rated = !strcmp(judge, "rating") || !strcmp(judge, "score");
		buf_append_str(&out->findings, sql_str(st, 4));
	}
	sqlite3_finalize(st);
	return got;
}

static int change_item(struct store_writer *w, const struct verdict *v, uint32_t judge, struct item *item, struct err *err)
{
	bool stands = v->mood != MOOD_UNKNOWN && !item->rated;
	sqlite3_stmt *st = NULL;

	if (v->findings.len && item->findings.len + v->findings.len < FINDINGS_MAX_BYTES) {
		if (item->findings.len)
			buf_append_c(&item->findings, ' ');
		buf_append_str(&item->findings, v->findings);
	}
	if (stands) {
		writer_count_feedback(w, item->series, item->counted_us, item->mood, -1);
		writer_count_feedback(w, item->series, item->counted_us, v->mood, 1);
	}
	if (sql_prepare(w->db, &st, stands ? "UPDATE feedback SET findings=nullif(?2, ''), touched=?3, mood=?4, judge=?5, sentiment=?6, confidence=?7"
	                                     " WHERE id=?1"
	                                   : "UPDATE feedback SET findings=nullif(?2, ''), touched=?3 WHERE id=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, v->feedback_id);
	sql_bind_str(st, 2, buf_str(&item->findings));
	sqlite3_bind_int64(st, 3, feedback_touch(w));
	if (stands) {
		sqlite3_bind_int(st, 4, v->mood);
		sqlite3_bind_int64(st, 5, judge);
		bind_real(st, 6, v->score);
		bind_real(st, 7, v->confidence[v->mood - MOOD_POSITIVE]);
	}
	int failed = sql_run(st, err);

	sqlite3_finalize(st);
	return failed;
}

int feedback_add_verdicts(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	for (size_t i = 0; i < b->verdict_count; i++) {
		const struct verdict *v = &b->verdicts[i];
		struct item item = {.series = 0};
		uint32_t judge;
		int got = get_item(w, v->feedback_id, &item, err);
		int failed = got < 0 || (got && (names_intern(&w->names, v->judge, &judge, err) || put_row(w, v, judge, err) ||
		                                 put_texts(w, v, err) || change_item(w, v, judge, &item, err)));

		buf_fini(&item.findings);
		if (failed)
			return -1;
		counts->added += got ? 1 : 0;
	}
	return 0;
}

/* ── what waits ────────────────────────────────────────────────────────────────────────────── */

static int count_today(struct store_reader *r, uint32_t judge, int64_t *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int64_t day_us = clock_wall_us() / US_PER_DAY * US_PER_DAY;

	*out = 0;
	if (sql_prepare(r->db, &st, "SELECT count(*) FROM feedback_verdicts WHERE judge=?1 AND time_us>=?2", err))
		return -1;
	sqlite3_bind_int64(st, 1, judge);
	sqlite3_bind_int64(st, 2, day_us);
	int got = sql_step(st, err);

	if (got > 0)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

/* The mark before the oldest change of an item since from_us. */
static int first_mark(struct store_reader *r, int64_t from_us, int64_t *touched, struct err *err)
{
	sqlite3_stmt *st = NULL;

	if (sql_prepare(r->db, &st, "SELECT ifnull(min(touched), 1) - 1 FROM feedback WHERE id>=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, id_first_us(from_us > 0 ? from_us : 0));
	int got = sql_step(st, err);

	*touched = got > 0 ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int read_waiting(struct store_reader *r, uint32_t judge, int64_t from_us, size_t limit, int64_t *touched,
                        struct waiting_texts *out, struct err *err)
{
	sqlite3_stmt *st = NULL, *text = NULL;
	size_t cap = 0, looked = 0;
	int got = -1;

	if (!sql_prepare(r->db, &st, "SELECT f.id, f.touched, f.language, f.has_text AND f.id>=?3 AND NOT EXISTS(SELECT 1 FROM feedback_verdicts v"
	                 " WHERE v.feedback_id=f.id AND v.judge=?2) FROM feedback f WHERE f.touched>?1 ORDER BY f.touched", err) &&
	    !sql_prepare(r->texts, &text, "SELECT text FROM texts WHERE id=?1", err)) {
		sqlite3_bind_int64(st, 1, *touched);
		sqlite3_bind_int64(st, 2, judge);
		sqlite3_bind_int64(st, 3, id_first_us(from_us > 0 ? from_us : 0));
		while (out->count < limit && looked++ < LOOKED_AT_MAX && (got = sql_step(st, err)) > 0) {
			const char *language = names_text(&r->names, (uint32_t)sqlite3_column_int64(st, 2));

			*touched = sqlite3_column_int64(st, 1);
			if (!sqlite3_column_int(st, 3))
				continue;
			sqlite3_bind_int64(text, 1, sqlite3_column_int64(st, 0));
			if (sql_step(text, err) > 0) {
				out->rows = mem_grow(out->rows, &cap, out->count + 1, sizeof *out->rows);
				out->rows[out->count++] = (struct waiting_text){
					sqlite3_column_int64(st, 0), str_of(sql_text(text, 0, &out->arena)),
					str_of(arena_copy(&out->arena, language, strlen(language))),
				};
			}
			sqlite3_reset(text);
		}
	}
	sqlite3_finalize(st);
	sqlite3_finalize(text);
	return got < 0 ? -1 : 0;
}

int query_feedback_waiting(struct store_reader *r, struct str judge, int64_t from_us, size_t limit, int64_t *touched,
                           int64_t *judged_today, struct waiting_texts *out, struct err *err)
{
	*out = (struct waiting_texts){.rows = NULL};
	if (reader_begin(r, err))
		return -1;
	if (!reader_open_texts(r)) {
		err_set(err, "the text file cannot be read: there is nothing to judge");
		return reader_end(r, -1);
	}
	uint32_t id = names_find(&r->names, judge);
	int failed = (!*touched && first_mark(r, from_us, touched, err)) || (judged_today && count_today(r, id, judged_today, err)) ||
	             read_waiting(r, id, from_us, limit, touched, out, err);

	if (failed)
		waiting_texts_fini(out);
	return reader_end(r, failed ? -1 : 0);
}

void waiting_texts_fini(struct waiting_texts *w)
{
	free(w->rows);
	arena_fini(&w->arena);
	*w = (struct waiting_texts){.rows = NULL};
}
