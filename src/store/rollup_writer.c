/* A delta's way into the tables has four stages. Merging it into rows and encoding these needs no connection
 * and can be done by a thread beside the one that goes on adding raw rows; looking up the stored rows that
 * they are to be merged with, and writing them, is done by the connection's thread whenever it asks how far
 * that is. So the one thread never touches the connection or the names, the other never the delta of the
 * job, and the stage, which is under the lock, says whose turn it is. Small deltas, as a collector's, take
 * the same four stages on one thread. Rows are written in the order of their keys. */
#include "store/rollup_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sql.h"

enum stage {
	STAGE_NONE,
	STAGE_MERGE,   /* the helper's turn */
	STAGE_LOOK_UP, /* the connection's thread's */
	STAGE_ENCODE,  /* the helper's */
	STAGE_WRITE,   /* the connection's thread's */
};

enum change { CHANGE_NOTHING, CHANGE_INSERT, CHANGE_UPDATE, CHANGE_REMOVE, CHANGE_DAMAGED };

struct job_row {
	int64_t key;
	struct delta_row *row;
	size_t stored_at, stored_len; /* in the job's `stored`; 0 bytes = not stored yet */
	size_t blob_at, blob_len;     /* in the job's `blobs` */
	enum tier tier;
	enum change change;
};

struct rollup_job {
	struct delta delta;
	struct series *series; /* as they were when the job began */
	size_t series_cap;
	struct delta_entries entries; /* scratch */
	struct job_row *rows;
	size_t row_count, row_cap;
	struct buf stored, blobs;
	struct figures figures; /* scratch: sketches */

	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum stage stage; /* under lock */
	bool ending;      /* under lock */
};

/* ---- without a connection ---- */

static void merge(struct rollup_job *j)
{
	j->row_count = 0;
	delta_propagate(&j->delta, j->series);
	for (int t = 0; t < TIER_COUNT; t++) {
		delta_collect_sorted(&j->delta, (enum tier)t, &j->entries);
		j->rows = mem_grow(j->rows, &j->row_cap, j->row_count + j->entries.len, sizeof *j->rows);
		for (size_t i = 0; i < j->entries.len; i++) {
			const struct delta_entry *e = &j->entries.items[i];

			if (delta_is_stored(&j->series[key_series(e->key)]))
				j->rows[j->row_count++] = (struct job_row){.key = e->key, .row = e->row, .tier = (enum tier)t};
		}
	}
}

static enum change change_of(const struct rollup *r, bool stored)
{
	bool empty = rollup_is_empty(r);

	/* Nothing is taken from a row that retention has removed. */
	if (!stored && (empty || r->figures.requests < 0 || r->figures.feedback < 0))
		return CHANGE_NOTHING;
	return empty ? CHANGE_REMOVE : stored ? CHANGE_UPDATE : CHANGE_INSERT;
}

static void encode_row(struct rollup_job *j, struct job_row *e)
{
	struct rollup *r = &e->row->rollup;
	int64_t bucket_us = key_bucket(e->key) * tier_us[e->tier];
	bool stored = e->stored_len > 0, damaged = false;

	if (stored)
		damaged = !dense_decode_merge_all(j->delta.dense, r, bucket_us, j->stored.data + e->stored_at, e->stored_len);
	struct rollup whole = *r; /* the row itself may be a part of another */
	if (stored || e->row->points || e->row->parts) {
		figures_reset(&j->figures);
		delta_take_sketches(&j->delta, e->row, &j->figures);
		memcpy(whole.figures.sketches, j->figures.sketches, sizeof j->figures.sketches);
	}
	e->change = damaged ? CHANGE_DAMAGED : change_of(&whole, stored);
	e->blob_at = j->blobs.len;
	if (e->change == CHANGE_INSERT || e->change == CHANGE_UPDATE)
		rollup_encode(&whole, bucket_us, &j->blobs);
	e->blob_len = j->blobs.len - e->blob_at;
}

static void encode(struct rollup_job *j)
{
	buf_reset(&j->blobs);
	for (size_t i = 0; i < j->row_count; i++)
		encode_row(j, &j->rows[i]);
}

static bool is_helpers(enum stage s)
{
	return s == STAGE_MERGE || s == STAGE_ENCODE;
}

static void do_helpers(struct rollup_job *j, enum stage s)
{
	if (s == STAGE_MERGE)
		merge(j);
	else
		encode(j);
}

static void *help(void *arg)
{
	struct rollup_job *j = arg;

	pthread_mutex_lock(&j->lock);
	while (!j->ending) {
		enum stage s = j->stage;

		if (!is_helpers(s)) {
			pthread_cond_wait(&j->changed, &j->lock);
			continue;
		}
		pthread_mutex_unlock(&j->lock);
		do_helpers(j, s);
		pthread_mutex_lock(&j->lock);
		j->stage = s + 1;
		pthread_cond_broadcast(&j->changed);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* ---- with the connection ---- */

/* The bucket after the newest stored one of a series: rows from there on need no look-up. */
static int find_next_bucket(struct rollup_writer *w, enum tier t, uint32_t series, uint32_t *next, struct err *err)
{
	sqlite3_stmt *st = w->newest[t];

	sqlite3_bind_int64(st, 1, rollup_key(series, 0));
	sqlite3_bind_int64(st, 2, rollup_key(series, UINT32_MAX));
	int got = sql_step(st, err);
	*next = got > 0 ? (uint32_t)key_bucket(sqlite3_column_int64(st, 0)) + 1 : 1;
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

static int read_stored(struct rollup_writer *w, struct job_row *e, struct err *err)
{
	sqlite3_stmt *st = w->get[e->tier];
	struct rollup_job *j = w->job;

	sqlite3_bind_int64(st, 1, e->key);
	int got = sql_step(st, err);
	if (got > 0) {
		e->stored_at = j->stored.len;
		e->stored_len = (size_t)sqlite3_column_bytes(st, 0);
		buf_append(&j->stored, sqlite3_column_blob(st, 0), e->stored_len);
	}
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

static int look_up(struct rollup_writer *w, struct names *n, struct err *err)
{
	struct rollup_job *j = w->job;

	buf_reset(&j->stored);
	for (size_t i = 0; i < j->row_count; i++) {
		struct job_row *e = &j->rows[i];
		uint32_t series = key_series(e->key), bucket = (uint32_t)key_bucket(e->key);
		uint32_t *next = &n->series[series].next_bucket[e->tier];

		if (!*next && find_next_bucket(w, e->tier, series, next, err))
			return -1;
		if (bucket >= *next)
			*next = bucket + 1;
		else if (read_stored(w, e, err))
			return -1;
	}
	return 0;
}

static int write_row(struct rollup_writer *w, const struct job_row *e, struct err *err)
{
	sqlite3_stmt *const st[] = {
		[CHANGE_INSERT] = w->insert[e->tier], [CHANGE_UPDATE] = w->update[e->tier], [CHANGE_REMOVE] = w->remove[e->tier],
	};

	if (e->change == CHANGE_NOTHING)
		return 0;
	if (e->change == CHANGE_DAMAGED)
		return err_set(err, "store: %s: row %lld is damaged: run llmdeck doctor --deep", tier_table[e->tier],
		               (long long)e->key);
	sqlite3_bind_int64(st[e->change], 1, e->key);
	if (e->change != CHANGE_REMOVE)
		sqlite3_bind_blob64(st[e->change], 2, w->job->blobs.data + e->blob_at, e->blob_len, SQLITE_STATIC);
	return sql_run(st[e->change], err);
}

static int write_rows(struct rollup_writer *w, struct err *err)
{
	for (size_t i = 0; i < w->job->row_count; i++)
		if (write_row(w, &w->job->rows[i], err))
			return -1;
	delta_clear(&w->job->delta);
	return 0;
}

static enum stage get_stage(struct rollup_job *j)
{
	pthread_mutex_lock(&j->lock);
	enum stage s = j->stage;
	pthread_mutex_unlock(&j->lock);
	return s;
}

bool rollup_writer_is_idle(const struct rollup_writer *w)
{
	return get_stage(w->job) == STAGE_NONE;
}

bool rollup_writer_is_waiting(const struct rollup_writer *w)
{
	return is_helpers(get_stage(w->job));
}

static void set_stage(struct rollup_job *j, enum stage s)
{
	pthread_mutex_lock(&j->lock);
	j->stage = s;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
}

static void wait_for_helper(struct rollup_job *j)
{
	pthread_mutex_lock(&j->lock);
	while (is_helpers(j->stage))
		pthread_cond_wait(&j->changed, &j->lock);
	pthread_mutex_unlock(&j->lock);
}

int rollup_writer_go_on(struct rollup_writer *w, struct names *n, struct err *err)
{
	switch (get_stage(w->job)) {
	case STAGE_LOOK_UP:
		if (look_up(w, n, err))
			return -1;
		set_stage(w->job, STAGE_ENCODE);
		break;
	case STAGE_WRITE:
		if (write_rows(w, err))
			return -1;
		set_stage(w->job, STAGE_NONE);
		break;
	case STAGE_NONE:
	case STAGE_MERGE:
	case STAGE_ENCODE:
		break;
	}
	return 0;
}

/* Ends what was begun. */
static int end_job(struct rollup_writer *w, struct names *n, struct err *err)
{
	while (get_stage(w->job) != STAGE_NONE) {
		wait_for_helper(w->job);
		if (rollup_writer_go_on(w, n, err))
			return -1;
	}
	return 0;
}

static void take_delta(struct rollup_job *j, struct delta *d, const struct names *n)
{
	struct delta taken = *d;

	*d = j->delta;
	j->delta = taken;
	j->series = mem_grow(j->series, &j->series_cap, n->series_count, sizeof *j->series);
	memcpy(j->series, n->series, n->series_count * sizeof *j->series);
}

int rollup_writer_begin(struct rollup_writer *w, struct delta *d, struct names *n, struct err *err)
{
	struct rollup_job *j = w->job;

	if (!j->has_thread)
		j->has_thread = pthread_create(&j->thread, NULL, help, j) == 0;
	if (!j->has_thread)
		return rollup_writer_flush(w, d, n, err);
	if (end_job(w, n, err))
		return -1;
	take_delta(j, d, n);
	set_stage(j, STAGE_MERGE);
	return 0;
}

int rollup_writer_flush(struct rollup_writer *w, struct delta *d, struct names *n, struct err *err)
{
	struct rollup_job *j = w->job;

	if (end_job(w, n, err))
		return -1;
	if (!d->leaf_rows)
		return 0;
	take_delta(j, d, n);
	merge(j);
	if (look_up(w, n, err))
		return -1;
	encode(j);
	return write_rows(w, err);
}

void rollup_writer_forget(struct rollup_writer *w)
{
	wait_for_helper(w->job);
	delta_clear(&w->job->delta);
	set_stage(w->job, STAGE_NONE);
}

/* ---- life ---- */

static int prepare_one(sqlite3 *db, sqlite3_stmt **st, const char *form, enum tier t, struct err *err)
{
	char sql[160];

	sqlite3_snprintf(sizeof sql, sql, form, tier_table[t]);
	return sql_prepare(db, st, sql, err);
}

int rollup_writer_open(struct rollup_writer *w, sqlite3 *db, struct err *err)
{
	*w = (struct rollup_writer){.db = db, .job = mem_zalloc(sizeof *w->job)};
	pthread_mutex_init(&w->job->lock, NULL);
	pthread_cond_init(&w->job->changed, NULL);
	for (int i = 0; i < TIER_COUNT; i++) {
		enum tier t = (enum tier)i;

		if (prepare_one(db, &w->newest[t], "SELECT id FROM %s WHERE id>=?1 AND id<=?2 ORDER BY id DESC LIMIT 1", t, err) ||
		    prepare_one(db, &w->get[t], "SELECT figures FROM %s WHERE id=?1", t, err) ||
		    prepare_one(db, &w->insert[t], "INSERT INTO %s(id, figures) VALUES(?1, ?2)", t, err) ||
		    prepare_one(db, &w->update[t], "UPDATE %s SET figures=?2 WHERE id=?1", t, err) ||
		    prepare_one(db, &w->remove[t], "DELETE FROM %s WHERE id=?1", t, err))
			return -1;
	}
	return 0;
}

static void job_free(struct rollup_job *j)
{
	if (!j)
		return;
	if (j->has_thread) {
		pthread_mutex_lock(&j->lock);
		j->ending = true;
		pthread_cond_broadcast(&j->changed);
		pthread_mutex_unlock(&j->lock);
		pthread_join(j->thread, NULL);
	}
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->changed);
	delta_fini(&j->delta);
	figures_fini(&j->figures);
	buf_fini(&j->stored);
	buf_fini(&j->blobs);
	free(j->entries.items);
	free(j->series);
	free(j->rows);
	free(j);
}

void rollup_writer_close(struct rollup_writer *w)
{
	job_free(w->job);
	for (int t = 0; t < TIER_COUNT; t++) {
		sqlite3_finalize(w->newest[t]);
		sqlite3_finalize(w->get[t]);
		sqlite3_finalize(w->insert[t]);
		sqlite3_finalize(w->update[t]);
		sqlite3_finalize(w->remove[t]);
	}
	*w = (struct rollup_writer){0};
}
