/* Removing: by age, by size, a user, an import. Each call does a bounded piece of work. The floor
 * of what is kept rises first and in the same transaction, so that readers and the check never take
 * a half removed hour for a whole one. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/block_walk.h"
#include "store/feedback.h"
#include "store/incidents.h"
#include "store/sql.h"
#include "store/writer_private.h"

#define ROWS_A_CALL 20000
#define PAGES_A_CALL 4096
#define PINS_MOST 256
#define STEPS_AFTER_US US_PER_HOUR /* a trace's steps may end so long after its calls */

static int64_t align_down(int64_t v, int64_t unit) { return v > 0 ? v / unit * unit : 0; }

/* Runs "DELETE FROM table WHERE id in [from, to)", at most `limit` rows; *gone counts them. */
static int delete_range(sqlite3 *db, const char *table, int64_t from, int64_t to, int64_t limit, int64_t *gone, struct err *err)
{
	char sql[224];

	if (from >= to)
		return 0;
	sqlite3_snprintf(sizeof sql, sql, "DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE id>=%lld AND id<%lld LIMIT %lld)",
	                 table, table, from, to, limit);
	if (sql_exec(db, sql, err))
		return -1;
	*gone += sqlite3_changes(db);
	return 0;
}

/* Windows of incidents, whose raw rows stay. When one lets go, store_incident_change() sets the mark back. */
struct pins {
	struct pinned items[PINS_MOST];
	size_t len;
};

static int read_pins(struct store_writer *w, struct pins *out, struct err *err)
{
	int len = store_incident_pins(w, out->items, PINS_MOST, err);

	out->len = len > 0 ? (size_t)len : 0;
	return len < 0 ? -1 : 0;
}

static bool is_pinned(const struct pins *p, int64_t time_us)
{
	for (size_t i = 0; i < p->len; i++)
		if (time_us >= p->items[i].from_us && time_us < p->items[i].to_us)
			return true;
	return false;
}

/* The part of [*at, end) before the next pin, as [*from, *to); *at moves behind that pin. False at the end. */
static bool next_unpinned(const struct pins *p, int64_t end_us, int64_t *at, int64_t *from, int64_t *to)
{
	if (*at >= end_us)
		return false;
	*from = *at;
	*to = *at = end_us;
	for (size_t i = 0; i < p->len; i++) {
		int64_t pin_to = p->items[i].to_us < INT64_MAX - STEPS_AFTER_US ? p->items[i].to_us + STEPS_AFTER_US : INT64_MAX;

		if (pin_to <= *from || p->items[i].from_us >= *to)
			continue;
		*to = p->items[i].from_us > *from ? p->items[i].from_us : *from;
		*at = pin_to;
	}
	return true;
}

/* Raw rows that were collected and ended before the floor. */
static int remove_raw(struct store_writer *w, bool *more, struct err *err)
{
	int64_t *ids = mem_array(NULL, ROWS_A_CALL, sizeof *ids), to = id_first_us(w->meta[META_RAW_FLOOR]);
	size_t count = 0, seen = 0;
	struct block_walk k;
	struct pins pins;
	int got = 0, failed = 0;

	if (read_pins(w, &pins, err) || writer_walk_requests(w, &k, w->meta[META_RETAIN_ID], to, false, err)) {
		free(ids);
		return -1;
	}
	while (seen < ROWS_A_CALL && (got = block_walk_next(&k, err)) > 0) {
		int64_t id = block_walk_row(&k)->id;

		seen++;
		w->meta[META_RETAIN_ID] = id + 1;
		if (block_read_figures(&k.block, k.at, &w->other) && !w->other.import_ref && !is_pinned(&pins, w->other.end_us))
			ids[count++] = id;
	}
	block_walk_end(&k);
	for (size_t i = 0; i < count && got >= 0 && !failed; i++)
		failed = writer_remove_request(w, ids[i], err);
	free(ids);
	if (seen == ROWS_A_CALL)
		*more = true;
	else if (w->meta[META_RETAIN_ID] < to)
		w->meta[META_RETAIN_ID] = to;
	return got < 0 || failed ? -1 : 0;
}

/* Steps of traces and evaluations below the same floor. */
static int remove_steps(struct store_writer *w, bool *more, struct err *err)
{
	int64_t floor_us = w->meta[META_RAW_FLOOR], gone = 0, at = 0, from, to;
	struct pins pins;
	char sql[192];

	if (floor_us <= 0)
		return 0;
	if (read_pins(w, &pins, err))
		return -1;
	while (gone < ROWS_A_CALL && next_unpinned(&pins, floor_us, &at, &from, &to)) {
		if (delete_range(w->db, "spans", id_first_us(from), id_first_us(to), ROWS_A_CALL, &gone, err) ||
		    delete_range(w->db, "responses", id_first_us(from), id_first_us(to), ROWS_A_CALL, &gone, err))
			return -1;
		sqlite3_snprintf(sizeof sql, sql, "DELETE FROM evaluations WHERE id IN (SELECT id FROM evaluations WHERE time_us>=%lld"
		                 " AND time_us<%lld LIMIT %d)", from, to, ROWS_A_CALL);
		if (sql_exec(w->db, sql, err))
			return -1;
		gone += sqlite3_changes(w->db);
	}
	*more = *more || gone >= ROWS_A_CALL;
	return 0;
}

/* Deletes one series' rows of a table below `floor_us`, sparing whole days that an import touches. */
static int remove_series(struct store_writer *w, const char *table, enum tier t, uint32_t series, int64_t floor_us,
                         int64_t *gone, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int64_t from = 0, to = floor_us / tier_us[t];
	int got = -1;

	if (t == TIER_10S)
		return delete_range(w->db, table, rollup_key(series, 0), rollup_key(series, to), ROWS_A_CALL, gone, err);
	if (sql_prepare(w->db, &st, "SELECT first_us, last_us FROM imports WHERE first_us IS NOT NULL ORDER BY first_us", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		int64_t first = align_down(sqlite3_column_int64(st, 0), US_PER_DAY) / tier_us[t];
		int64_t last = (align_down(sqlite3_column_int64(st, 1), US_PER_DAY) + US_PER_DAY) / tier_us[t];

		if (delete_range(w->db, table, rollup_key(series, from), rollup_key(series, first < to ? first : to), ROWS_A_CALL, gone, err)) {
			got = -1;
			break;
		}
		from = last > from ? last : from;
	}
	sqlite3_finalize(st);
	return got < 0 ? -1 : delete_range(w->db, table, rollup_key(series, from), rollup_key(series, to), ROWS_A_CALL, gone, err);
}

/* Goes on where the last call stopped: tier in the upper half of the mark, series in the lower. */
static int remove_rollups(struct store_writer *w, bool *more, struct err *err)
{
	int64_t gone = 0;

	while (w->meta[META_RETAIN_SERIES]) {
		enum tier t = (enum tier)key_series(w->meta[META_RETAIN_SERIES]);
		uint32_t series = (uint32_t)key_bucket(w->meta[META_RETAIN_SERIES]);
		int64_t floor_us = w->meta[META_FLOOR_10S + (int)t], before = gone;

		if (gone >= ROWS_A_CALL) {
			*more = true;
			return 0;
		}
		if (remove_series(w, tier_table[t], t, series, floor_us, &gone, err))
			return -1;
		if (series <= ATTR_COUNT && top_table[t] && remove_series(w, top_table[t], t, series - 1, floor_us, &gone, err))
			return -1;
		if (remove_series(w, gauge_table[t], t, series, floor_us, &gone, err))
			return -1;
		if (gone - before >= ROWS_A_CALL)
			continue; /* this series has more */
		int64_t last = (int64_t)w->names.series_count - 1, gauges;
		if (sql_int(w->db, "SELECT max(id) FROM gauge_series", 0, &gauges, err))
			return -1;
		last = last > gauges ? last : gauges;
		last = last > ATTR_COUNT ? last : ATTR_COUNT;
		if (series < last)
			w->meta[META_RETAIN_SERIES]++;
		else if (t + 1 < TIER_1D)
			w->meta[META_RETAIN_SERIES] = rollup_key((uint32_t)t + 1, 1);
		else
			w->meta[META_RETAIN_SERIES] = 0;
	}
	return 0;
}

static void raise_floors(struct store_writer *w, const struct retention *keep, int64_t now_us)
{
	const int64_t keep_us[] = {keep->rollup_10s_us, keep->rollup_1m_us, keep->rollup_10m_us, keep->rollup_1h_us};

	for (int t = 0; t < TIER_1D; t++) {
		int64_t unit = t == TIER_10S ? US_PER_HOUR : US_PER_DAY;
		int64_t floor = keep_us[t] ? align_down(now_us - keep_us[t], unit) : 0, *at = &w->meta[META_FLOOR_10S + t];

		if (floor > *at) {
			*at = floor;
			w->meta[META_RETAIN_SERIES] = rollup_key(TIER_10S, 1);
		}
	}
	if (w->meta[META_FLOOR_10S] != w->meta_stored[META_FLOOR_10S])
		w->meta[META_RETAIN_SERIES] = rollup_key(TIER_10S, 1);
	int64_t floor = keep->raw_us ? align_down(now_us - keep->raw_us, US_PER_HOUR) : 0;
	if (floor > w->meta[META_RAW_FLOOR])
		w->meta[META_RAW_FLOOR] = floor;
}

/* Raises the raw floor by the oldest hour while the file is too large. */
static int bound_size(struct store_writer *w, const struct retention *keep, int64_t now_us, bool *more, struct err *err)
{
	int64_t pages, unused, page_bytes;

	if (!keep->size_bytes)
		return 0;
	if (sql_int(w->db, "PRAGMA page_count", 0, &pages, err) || sql_int(w->db, "PRAGMA freelist_count", 0, &unused, err) ||
	    sql_int(w->db, "PRAGMA page_size", 4096, &page_bytes, err))
		return -1;
	if ((pages - unused) * page_bytes <= keep->size_bytes)
		return 0;
	struct block_walk k;
	if (writer_walk_requests(w, &k, w->meta[META_RETAIN_ID], id_first_us(now_us > US_PER_HOUR ? now_us - US_PER_HOUR : 0), false, err))
		return -1;
	int got = block_walk_next(&k, err);
	if (got > 0) {
		int64_t floor = align_down(id_time_us(block_walk_row(&k)->id), US_PER_HOUR) + US_PER_HOUR;

		if (floor > w->meta[META_RAW_FLOOR])
			w->meta[META_RAW_FLOOR] = floor;
		*more = true;
	}
	block_walk_end(&k);
	return got < 0 ? -1 : 0;
}

static int remove_texts(struct store_writer *w, const struct retention *keep, int64_t now_us, bool *more, struct err *err)
{
	int64_t gone = 0;

	if (!w->texts || !keep->text_us || now_us < keep->text_us)
		return 0;
	static const char *const tables[] = {"texts", "remarks", "exchanges", "contexts", "verdicts"};

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (delete_range(w->texts, tables[i], 0, id_first_us(now_us - keep->text_us), ROWS_A_CALL, &gone, err))
			return -1;
	*more |= gone >= ROWS_A_CALL;
	return gone ? sql_exec(w->texts, "PRAGMA incremental_vacuum", err) : 0;
}

static int give_pages_back(struct store_writer *w, bool *more, struct err *err)
{
	int64_t unused;
	char sql[64];

	if (sql_int(w->db, "PRAGMA freelist_count", 0, &unused, err))
		return -1;
	if (!unused)
		return 0;
	*more |= unused > PAGES_A_CALL;
	sqlite3_snprintf(sizeof sql, sql, "PRAGMA incremental_vacuum(%d)", PAGES_A_CALL);
	return sql_exec(w->db, sql, err);
}

int store_writer_retain(struct store_writer *w, const struct retention *keep, int64_t now_us, bool *more, struct err *err)
{
	*more = false;
	if (store_writer_commit(w, err) || writer_begin(w, err))
		return -1;
	raise_floors(w, keep, now_us);
	if (writer_end_fold(w, err) || bound_size(w, keep, now_us, more, err) || remove_raw(w, more, err) || remove_steps(w, more, err) ||
	    remove_rollups(w, more, err))
		return writer_rollback(w);
	if (store_writer_commit(w, err))
		return -1;
	return late_texts_expire(w, now_us, err) || remove_texts(w, keep, now_us, more, err) || give_pages_back(w, more, err) ? -1 : 0;
}

/* What is to be forgotten. */
struct forgotten {
	struct str user;     /* or */
	uint32_t import_ref;
};

static bool is_forgotten(const struct forgotten *f, const struct packed *p)
{
	return f->import_ref ? p->import_ref == f->import_ref : str_equal(p->attrs[ATTR_USER], f->user);
}

static int forget_request(struct store_writer *w, int64_t id, struct err *err)
{
	sqlite3_stmt *st = NULL;
	uint32_t series;

	if (writer_get_request(w, id, &series, &w->other, err) < 0)
		return -1;
	writer_count_request(w, series, &w->other, -1);
	w->meta[META_REQUESTS]--;
	if (writer_remove_request(w, id, err) || feedback_forget_request(w, id, err))
		return -1;
	if (!w->other.flag_count)
		return 0;
	if (sql_prepare(w->db, &st, "DELETE FROM flags WHERE request_id=?1", err))
		return -1;
	sqlite3_bind_int64(st, 1, id);
	int failed = sql_run(st, err);
	sqlite3_finalize(st);
	return failed;
}

/* Removes matching raw rows, a piece of the table at a time. */
static int forget_requests(struct store_writer *w, const struct forgotten *f, int64_t *rows, struct err *err)
{
	int64_t *ids = mem_array(NULL, ROWS_A_CALL, sizeof *ids), from = 0;
	int failed = 0;

	for (bool done = false; !done && !failed;) {
		struct block_walk k;
		size_t count = 0;
		int got = 0;

		if (writer_walk_requests(w, &k, from, INT64_MAX, false, err)) {
			failed = -1;
			break;
		}
		while (count < ROWS_A_CALL && (got = block_walk_next(&k, err)) > 0) {
			from = block_walk_row(&k)->id + 1;
			if (block_read_figures(&k.block, k.at, &w->other) &&
			    block_read_rest(&k.block, k.at, 1u << ATTR_USER, &w->other) && is_forgotten(f, &w->other))
				ids[count++] = from - 1;
		}
		block_walk_end(&k);
		failed = got < 0 ? -1 : 0;
		done = got <= 0;
		for (size_t i = 0; i < count && !failed; i++)
			failed = forget_request(w, ids[i], err) || (i % 1024 == 1023 && writer_flush(w, false, err)) ? -1 : 0;
		*rows += (int64_t)count;
	}
	free(ids);
	return failed;
}

static int forget_feedback(struct store_writer *w, const struct forgotten *f, int64_t *rows, struct err *err)
{
	sqlite3_stmt *find = NULL, *item = NULL;
	int got = -1;

	if (!sql_prepare(w->db, &find, f->import_ref ? "SELECT id, series, counted_us, mood FROM feedback WHERE import_ref=?1"
	                                             : "SELECT id, series, counted_us, mood FROM feedback WHERE user=?1", err) &&
	    !sql_prepare(w->db, &item, "DELETE FROM feedback WHERE id=?1", err)) {
		if (f->import_ref)
			sqlite3_bind_int64(find, 1, f->import_ref);
		else
			sql_bind_str(find, 1, f->user);
		while ((got = sql_step(find, err)) > 0) {
			int64_t id = sqlite3_column_int64(find, 0);

			writer_count_feedback(w, (uint32_t)sqlite3_column_int64(find, 1), sqlite3_column_int64(find, 2),
			                      sqlite3_column_int(find, 3), -1);
			sqlite3_bind_int64(item, 1, id);
			if (sql_run(item, err) || feedback_forget_item(w, id, err)) {
				got = -1;
				break;
			}
			w->meta[META_FEEDBACK]--;
			++*rows;
		}
	}
	sqlite3_finalize(find);
	sqlite3_finalize(item);
	return got;
}

/* Takes the user out of every summary. */
static int forget_tops(struct store_writer *w, struct str user, struct err *err)
{
	struct top *top = mem_alloc(sizeof *top);
	struct buf blob = {0};
	char sql[128];
	int failed = 0;

	for (int t = TOP_TIER_FIRST; t < TIER_COUNT && !failed; t++) {
		sqlite3_stmt *st = NULL;
		int got = -1;

		sqlite3_snprintf(sizeof sql, sql, "SELECT id, top FROM %s WHERE id>=?1 AND id<?2", top_table[t]);
		failed = sql_prepare(w->db, &st, sql, err);
		sqlite3_bind_int64(st, 1, rollup_key(ATTR_USER, 0));
		sqlite3_bind_int64(st, 2, rollup_key(ATTR_USER + 1, 0));
		while (!failed && (got = sql_step(st, err)) > 0) {
			if (!top_decode(top, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1)) || !top_remove(top, user))
				continue;
			buf_reset(&blob);
			top_encode(top, &blob);
			sqlite3_bind_int64(w->tops.put[t], 1, sqlite3_column_int64(st, 0));
			sql_bind_blob(w->tops.put[t], 2, blob.data, blob.len);
			failed = sql_run(w->tops.put[t], err);
		}
		sqlite3_finalize(st);
		failed |= got < 0 ? -1 : 0;
	}
	buf_fini(&blob);
	free(top);
	return failed;
}

static int64_t finish_forgetting(struct store_writer *w, int64_t rows, struct err *err)
{
	if (store_writer_commit(w, err))
		return -1;
	/* Pages that were freed before, as the journal's, hold values too. */
	if (sql_exec(w->db, "PRAGMA incremental_vacuum; PRAGMA secure_delete=FAST", err))
		return -1;
	/* The log still holds pages with what was erased. */
	sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (w->texts)
		sqlite3_wal_checkpoint_v2(w->texts, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return rows;
}

/* The journal would keep the bytes of what is removed from it. */
static int start_forgetting(struct store_writer *w, struct err *err)
{
	return store_writer_commit(w, err) || sql_exec(w->db, "PRAGMA secure_delete=ON", err) || writer_begin(w, err) ||
	       writer_end_fold(w, err) || writer_fresh_fold(w, true, err) ? -1 : 0;
}

int64_t store_writer_forget_user(struct store_writer *w, struct str user, struct err *err)
{
	const struct forgotten f = {.user = user};
	int64_t rows = 0;

	if (!user.len)
		return err_set(err, "forget: no user was named: say whose rows to erase");
	if (start_forgetting(w, err))
		return -1;
	if (forget_requests(w, &f, &rows, err) || forget_feedback(w, &f, &rows, err) || writer_flush(w, true, err) ||
	    forget_tops(w, user, err))
		return writer_rollback(w);
	return finish_forgetting(w, rows, err);
}

static int delete_by_ref(struct store_writer *w, const char *sql, uint32_t ref, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int failed = sql_prepare(w->db, &st, sql, err);

	if (!failed) {
		sqlite3_bind_int64(st, 1, ref);
		failed = sql_run(st, err);
	}
	sqlite3_finalize(st);
	return failed;
}

int64_t store_writer_forget_import(struct store_writer *w, uint64_t key, struct err *err)
{
	struct forgotten f = {0};
	int64_t rows = 0;

	sqlite3_bind_int64(w->st[ST_FIND_IMPORT], 1, (int64_t)key);
	int got = sql_step(w->st[ST_FIND_IMPORT], err);
	if (got > 0)
		f.import_ref = (uint32_t)sqlite3_column_int64(w->st[ST_FIND_IMPORT], 0);
	sqlite3_reset(w->st[ST_FIND_IMPORT]);
	if (got <= 0)
		return got < 0 ? -1 : err_set(err, "forget: there is no import %016llx: see which there are", (unsigned long long)key);
	if (start_forgetting(w, err))
		return -1;
	if (forget_requests(w, &f, &rows, err) || forget_feedback(w, &f, &rows, err) || writer_flush(w, true, err) ||
	    delete_by_ref(w, "DELETE FROM billing WHERE import_ref=?1", f.import_ref, err))
		return writer_rollback(w);
	int64_t bills = sqlite3_changes(w->db);
	w->meta[META_BILLING] -= bills;
	if (delete_by_ref(w, "DELETE FROM imports WHERE ref=?1", f.import_ref, err))
		return writer_rollback(w);
	return finish_forgetting(w, rows + bills, err);
}
