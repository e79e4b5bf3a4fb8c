/* One transaction collects appended batches; rollups grow in memory meanwhile and are merged into
 * their rows right before the commit, so that raw rows and rollups become visible together. The
 * texts are committed first: a text without its row does no harm, a row without its text would.
 * After any failure the transaction is undone whole and what memory remembered of it is read anew. */
#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/checkpoint.h"
#include "store/checkpoint_live.h"
#include "store/feedback.h"
#include "store/gathered_writes.h"
#include "store/lock.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store/writer_private.h"

#define ROLLUP_10S_DEFAULT_US (6 * US_PER_HOUR)
#define SERIES_LIMIT_DEFAULT 10000
#define LEAF_ROWS_MAX 4500u /* accumulated before they are written out: bounds memory */
#define TOPS_MAX 128u
#define BUSY_MS 5000
/* Frames of the log, where nobody waits for an answer: from the one on a thread brings them over, at the other the
 * writer waits for that, so that the log can begin anew. */
#define WAL_MANY 4000
#define WAL_MOST 64000
#define WAIT_FOR_JOB_US US_PER_MS

const char *const meta_name[META_COUNT] = {
	"commit_us", "requests", "feedback", "billing", "first_us", "last_us", "floor_10s_us", "floor_1m_us",
	"floor_10m_us", "floor_1h_us", "floor_1d_us", "raw_floor_us", "retain_id", "retain_series",
	"feedback_touched", FRESH_UPTO, FRESH_BELOW,
};

static const char *const statements[ST_COUNT] = {
	[ST_MOVE_FEEDBACK] = "UPDATE feedback SET request_id=?3 WHERE counted_us=?1 AND request_id=?2",
	[ST_MOVE_FLAGS] = "UPDATE flags SET request_id=?2 WHERE request_id=?1",
	[ST_ADD_FLAG] = "INSERT OR IGNORE INTO flags(time_us, trace_id, category, severity, action, source, request_id, key)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
	[ST_JOIN_FLAG] = "UPDATE flags SET request_id=?2 WHERE id=?1",
	[ST_WAITING_FLAGS] = "SELECT id, trace_id, category, severity, action, time_us FROM flags WHERE request_id IS NULL"
		" ORDER BY time_us DESC LIMIT 65536",
	[ST_ADD_SPAN] = "INSERT OR IGNORE INTO spans(id, trace_id, span_id, parent_id, kind, name, service, duration_us, status,"
		" error_type, source) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
	[ST_FIND_SPAN] = "SELECT 1 FROM spans WHERE id=?1 AND span_id=?2 AND trace_id=?3",
	[ST_ADD_EVALUATION] = "INSERT OR IGNORE INTO evaluations(key, time_us, request_id, series, name, label, score, response_id,"
		" trace_id, source) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
	[ST_ADD_BILLING] = "INSERT INTO billing(from_us, to_us, provider, service, model, region, account, team, currency, unit,"
		" description, cost_nusd, quantity, input_tokens, output_tokens, cached_tokens, requests, source, import_ref)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
	[ST_ADD_GAUGE_SERIES] = "INSERT INTO gauge_series(name, source, instance) VALUES(?1,?2,?3)",
	[ST_FIND_GAUGE_SERIES] = "SELECT id FROM gauge_series WHERE name=?1 AND source=?2 AND instance=?3",
	[ST_LAST_ROLLOUT] = "SELECT id, service, environment, phase, reason, seen_us FROM rollouts WHERE name=?1"
		" ORDER BY time_us DESC, id DESC LIMIT 1",
	[ST_ADD_ROLLOUT] = "INSERT INTO rollouts(time_us, seen_us, name, service, environment, phase, reason)"
		" VALUES(?1,?1,?2,?3,?4,?5,?6)",
	[ST_SEE_ROLLOUT] = "UPDATE rollouts SET seen_us=max(seen_us, ?2) WHERE id=?1",
	[ST_ADD_ARM] = "INSERT INTO rollout_arms(rollout_id, position, deployment, role, desired_percent, actual_percent)"
		" VALUES(?1,?2,?3,?4,?5,?6)",
	[ST_GET_ARMS] = "SELECT deployment, role, desired_percent, actual_percent FROM rollout_arms WHERE rollout_id=?1"
		" ORDER BY position",
	[ST_PUT_IMPORT] = "UPDATE imports SET name=?2, kind=?3, head_hash=?4, head_bytes=?5, prefix_hash=?6, bytes_done=?7,"
		" lines_done=?8, rows_done=?9, rows_rejected=?10, rows_duplicate=?11, complete=?12, updated_us=?13,"
		" first_us=min(ifnull(first_us, ?14), ifnull(?14, first_us)), last_us=max(ifnull(last_us, ?15), ifnull(?15, last_us))"
		" WHERE ref=?1",
	[ST_FIND_IMPORT] = "SELECT ref FROM imports WHERE key=?1",
	[ST_SET_META] = "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value=excluded.value",
	[ST_ADD_AUDIT] = "INSERT INTO audit(time_us, uid, login_uid, ssh_client, claimed_name, action, target, before, after,"
		" outcome, id, chain) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
};

static const char gauge_statement[] =
	"INSERT INTO %s(id, samples, sum, min, max, last, last_us) VALUES(?1, 1, ?2, ?2, ?2, ?2, ?3) ON CONFLICT(id) DO UPDATE"
	" SET samples=samples+1, sum=sum+?2, min=min(min, ?2), max=max(max, ?2),"
	" last=CASE WHEN ?3>=last_us THEN ?2 ELSE last END, last_us=max(last_us, ?3)";

int64_t writer_now_us(const struct store_writer *w)
{
	return w->options.now_us ? w->options.now_us : clock_wall_us();
}

/* Creates the file with its mode before SQLite would, whose journal files then take it over. */
static int create_file(const char *path, mode_t mode, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, mode);

	if (fd < 0)
		return err_set(err, "%s: cannot be opened (%s): check the folder's owner and mode", path, strerror(errno));
	close(fd);
	return 0;
}

/* A page that a full cache had to write into the log and that changes again in the same transaction is written
 * over there, and all checksums behind it are made again: an import's large transactions get room. */
#define CACHE_KIB 5000
#define IMPORT_CACHE_KIB 13000
#define TEXT_CACHE_KIB 1000

static int set_up_connection(sqlite3 *db, const struct store_options *o, bool secure, struct err *err)
{
	int persist = 1;
	char text[256];

	sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
	snprintf(text, sizeof text, "PRAGMA synchronous=%s; PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=%d;"
	         "PRAGMA secure_delete=%s; PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY",
	         o->full_sync ? "FULL" : "NORMAL", secure ? TEXT_CACHE_KIB : o->full_sync ? CACHE_KIB : IMPORT_CACHE_KIB,
	         o->full_sync || secure ? 6000 : 0, secure ? "ON" : "FAST");
	return sql_exec(db, text, err);
}

static int note_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
	(void)db;
	(void)name;
	((struct store_writer *)arg)->wal_frames = frames;
	return SQLITE_OK;
}

static int open_main(struct store_writer *w, struct err *err)
{
	int64_t version;

	sql_set_up();
	if (create_file(w->path, 0640, err))
		return -1;
	if (sqlite3_open_v2(w->path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, gathered_writes()) != SQLITE_OK)
		return sql_fail(w->db, "opening the store", err);
	sqlite3_extended_result_codes(w->db, 1);
	sqlite3_busy_timeout(w->db, BUSY_MS);
	if (schema_check(w->db, w->path, &version, err))
		return -1;
	if (version == 0 && sql_exec(w->db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL", err))
		return -1;
	if (sql_exec(w->db, "PRAGMA journal_mode=WAL", err) || set_up_connection(w->db, &w->options, false, err) ||
	    schema_add_functions(w->db, err))
		return -1;
	if (!w->options.full_sync) {
		w->checkpointer = checkpointer_new(w->path);
		sqlite3_wal_hook(w->db, note_wal, w);
	}
	return schema_migrate(w->db, w->path, w->options.demo, err);
}

/* The store works without its text file: a collector may not be allowed to keep texts. */
static void open_texts(struct store_writer *w)
{
	struct err err = {""};
	char *path = schema_text_path(w->path);

	if (create_file(path, 0600, &err) ||
	    sqlite3_open_v2(path, &w->texts, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(w->texts, BUSY_MS) != SQLITE_OK ||
	    sql_exec(w->texts, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL", &err) ||
	    set_up_connection(w->texts, &w->options, true, &err) || schema_migrate_text(w->texts, &err) ||
	    sql_prepare(w->texts, &w->add_text, "INSERT OR REPLACE INTO texts(id, text) VALUES(?1, ?2)", &err)) {
		log_warning("store: %s: texts are not kept: %s", path, err.text);
		sqlite3_finalize(w->add_text);
		w->add_text = NULL;
		sqlite3_close(w->texts);
		w->texts = NULL;
	}
	free(path);
}

static int prepare_all(struct store_writer *w, struct err *err)
{
	for (int i = 0; i < ST_COUNT; i++) {
		char sql[512];

		if (i >= ST_ADD_GAUGE && i <= ST_ADD_GAUGE_END) {
			sqlite3_snprintf(sizeof sql, sql, gauge_statement, gauge_table[i - ST_ADD_GAUGE]);
			if (sql_prepare(w->db, &w->st[i], sql, err))
				return -1;
		} else if (sql_prepare(w->db, &w->st[i], statements[i], err)) {
			return -1;
		}
	}
	return 0;
}

static int load_meta(struct store_writer *w, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	memset(w->meta, 0, sizeof w->meta);
	if (sql_prepare(w->db, &st, "SELECT key, value FROM meta", err))
		return -1;
	while ((got = sql_step(st, err)) > 0)
		for (int m = 0; m < META_COUNT; m++)
			if (str_equal_c(sql_str(st, 0), meta_name[m]))
				w->meta[m] = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	memcpy(w->meta_stored, w->meta, sizeof w->meta);
	return got;
}

/* The 10 s tier is written for what ends after its floor, which only ever rises. */
static void raise_floor(struct store_writer *w)
{
	int64_t keep = w->options.rollup_10s_us ? w->options.rollup_10s_us : ROLLUP_10S_DEFAULT_US;
	int64_t floor = (writer_now_us(w) - keep) / US_PER_HOUR * US_PER_HOUR;

	if (floor > w->meta[META_FLOOR_10S])
		w->meta[META_FLOOR_10S] = floor;
}

/* Large transactions gain nothing by it. */
static int go_without_journal(struct store_writer *w, struct err *err)
{
	if (writer_fresh_due_us(w) >= 0 &&
	    (writer_begin(w, err) || writer_fresh_fold(w, true, err) || store_writer_commit(w, err)))
		return -1;
	writer_fresh_turn_off(w);
	return 0;
}

int store_writer_open(struct store_writer **out, const char *path, const struct store_options *o, struct err *err)
{
	struct store_writer *w = mem_zalloc(sizeof *w);
	size_t limit = o->series_limit ? o->series_limit : SERIES_LIMIT_DEFAULT;

	*out = NULL;
	w->path = mem_strdup(path);
	w->options = *o;
	w->lock = lock_take(path, err);
	if (w->lock < 0 || open_main(w, err) || prepare_all(w, err) || load_meta(w, err) ||
	    names_open(&w->names, w->db, limit, err) || writer_blocks_open(w, err) ||
	    writer_fresh_open(w, err) || rollup_writer_open(&w->rollups, w->db, err) ||
	    top_writer_open(&w->tops, w->db, err) || journal_writer_open(&w->journal, w->db, err) || feedback_open(w, err) ||
	    writer_load_waiting(w, err)) {
		store_writer_close(&w);
		return -1;
	}
	open_texts(w);
	if (o->full_sync)
		w->live_checkpoints = live_checkpoints_new(w->db, w->path);
	if (feedback_open_texts(w, err) || late_texts_open(w, err)) {
		store_writer_close(&w);
		return -1;
	}
	w->traces = mem_zalloc(RECENT_TRACES * sizeof *w->traces);
	w->times = mem_zalloc(RECENT_TIMES * sizeof *w->times);
	w->calls_by_span = mem_zalloc(RECENT_CALLS * sizeof *w->calls_by_span);
	w->calls_by_parent = mem_zalloc(RECENT_CALLS * sizeof *w->calls_by_parent);
	if ((!o->full_sync && go_without_journal(w, err)) || writer_load_calls(w, err) || feedback_load_recent(w, err)) {
		store_writer_close(&w);
		return -1;
	}
	*out = w;
	return 0;
}

/* After the job that puts the journal's part into the tables has written it. */
static int settle_fold(struct store_writer *w, struct err *err)
{
	return top_writer_flush(&w->journal.folded_tops, err) || journal_writer_end_fold(&w->journal, err) ? -1 : 0;
}

int writer_end_fold(struct store_writer *w, struct err *err)
{
	struct delta none = {0};

	if (!w->journal.folding)
		return 0;
	return rollup_writer_flush(&w->rollups, &none, &w->names, err) || settle_fold(w, err) ? -1 : 0;
}

/* One step of putting the journal into the tables: what takes long is done by the job's thread between two. */
static int step_fold(struct store_writer *w, struct err *err)
{
	struct journal_writer *j = &w->journal;

	if (!j->folding) {
		journal_writer_begin_fold(j);
		if (rollup_writer_begin(&w->rollups, &j->folded, &w->names, err))
			return -1;
	} else if (rollup_writer_go_on(&w->rollups, &w->names, err)) {
		return -1;
	}
	return rollup_writer_is_idle(&w->rollups) ? settle_fold(w, err) : 0;
}

/* All that is not in the tables yet: the journal and what the open transaction adds. */
static int flush_all(struct store_writer *w, struct err *err)
{
	struct journal_writer *j = &w->journal;

	/* What has begun to be written is ended first: it may hold the same rows. */
	if (writer_end_fold(w, err))
		return -1;
	if (w->spilled && rollup_writer_flush(&w->rollups, &w->delta, &w->names, err))
		return -1;
	journal_writer_absorb(j, &w->delta, &w->tops);
	return rollup_writer_flush(&w->rollups, &j->delta, &w->names, err) || top_writer_flush(&j->tops, err) ||
	       journal_writer_clear(j, err) ? -1 : 0;
}

/* Leaves nothing in the journals. */
static int close_journals(struct store_writer *w, struct err *err)
{
	if (w->open && store_writer_commit(w, err))
		return -1;
	if (!w->fresh || !w->traces || (writer_fresh_due_us(w) < 0 && !w->journal.blobs && !w->journal.folding))
		return 0;
	if (writer_begin(w, err))
		return -1;
	if (writer_fresh_fold(w, true, err) || flush_all(w, err))
		return writer_rollback(w);
	return store_writer_commit(w, err);
}

void store_writer_close(struct store_writer **writer)
{
	struct store_writer *w = *writer;
	struct err err = {""};

	if (!w)
		return;
	if (close_journals(w, &err))
		log_error("store: closing: %s", err.text);
	live_checkpoints_free(&w->live_checkpoints);
	for (int i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(w->st[i]);
	writer_blocks_close(w);
	writer_fresh_close(w);
	names_close(&w->names);
	rollup_writer_close(&w->rollups);
	top_writer_close(&w->tops);
	journal_writer_close(&w->journal);
	delta_fini(&w->delta);
	intmap_fini(&w->waiting);
	sqlite3_finalize(w->add_text);
	feedback_close(w);
	late_texts_close(w);
	checkpointer_free(&w->checkpointer);
	if (w->texts)
		sqlite3_wal_checkpoint_v2(w->texts, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (w->db)
		sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_close(w->texts);
	sqlite3_close(w->db);
	lock_release(w->lock);
	free(w->traces);
	free(w->times);
	free(w->calls_by_span);
	free(w->calls_by_parent);
	free(w->order);
	free(w->seen);
	free(w->path);
	free(w);
	*writer = NULL;
}

int store_writer_owner(const char *path)
{
	return lock_owner(path);
}

int writer_begin(struct store_writer *w, struct err *err)
{
	if (w->open)
		return 0;
	if (journal_writer_load(&w->journal, err) || writer_fresh_load(w, err) || sql_exec(w->db, "BEGIN IMMEDIATE", err))
		return -1;
	w->open = true;
	raise_floor(w);
	return 0;
}

int writer_rollback(struct store_writer *w)
{
	struct err err = {""};

	sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
	if (w->texts_open)
		sqlite3_exec(w->texts, "ROLLBACK", NULL, NULL, NULL);
	w->open = w->texts_open = w->spilled = false;
	writer_blocks_forget(w);
	writer_fresh_forget(w);
	delta_clear(&w->delta);
	journal_writer_forget(&w->journal);
	rollup_writer_forget(&w->rollups);
	top_writer_clear(&w->tops);
	memset(w->traces, 0, RECENT_TRACES * sizeof *w->traces);
	memset(w->times, 0, RECENT_TIMES * sizeof *w->times);
	if (names_reload(&w->names, &err) || load_meta(w, &err) || writer_load_waiting(w, &err) || writer_load_calls(w, &err) ||
	    feedback_load_recent(w, &err) || late_texts_reload(w, &err))
		log_error("store: after a failed transaction: %s", err.text);
	return -1;
}

int writer_start_record(struct store_writer *w, sqlite3_stmt **st, const char *sql, struct err *err)
{
	*st = NULL;
	if (writer_begin(w, err))
		return -1;
	return sql_prepare(w->db, st, sql, err) ? writer_rollback(w) : 0;
}

int writer_finish_record(struct store_writer *w, sqlite3_stmt *st, struct err *err)
{
	int failed = sql_run(st, err);

	sqlite3_finalize(st);
	return failed ? writer_rollback(w) : 0;
}

int writer_flush(struct store_writer *w, bool now, struct err *err)
{
	struct rollup_writer *r = &w->rollups;
	bool many = w->delta.leaf_rows > LEAF_ROWS_MAX;

	if (writer_fresh_is_full(w) && writer_fresh_fold(w, true, err))
		return -1;
	if (now)
		return flush_all(w, err);
	w->spilled |= many;
	if (w->journal.folding && !many)
		return 0; /* the job that goes on is not this transaction's */
	if (many && writer_end_fold(w, err))
		return -1;
	if (many ? rollup_writer_begin(r, &w->delta, &w->names, err) : rollup_writer_go_on(r, &w->names, err))
		return -1;
	return w->tops.fresh.count > TOPS_MAX ? top_writer_flush(&w->tops, err) : 0;
}

/* Small transactions whose answer is waited for leave it to the journal. */
static int write_rollups(struct store_writer *w, struct err *err)
{
	int64_t now_us = clock_mono_us();

	if (!w->options.full_sync || w->spilled || !journal_writer_has_room(&w->journal, &w->delta, now_us))
		return flush_all(w, err);
	return journal_writer_append(&w->journal, &w->delta, &w->tops, now_us, err);
}

int store_writer_append(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err)
{
	struct store_counts none = {0};

	counts = counts ? counts : &none;
	uint64_t duplicates = counts->duplicates;
	if (writer_begin(w, err))
		return -1;
	int fits = writer_move_resume(w, b, err);
	if (fits < 0)
		return writer_rollback(w);
	if (!fits) {
		counts->stale = true;
		return 0;
	}
	if (writer_begin_import(w, b, err) || writer_add_requests(w, b, counts, err) || writer_add_flags(w, b, counts, err) || writer_add_late_texts(w, b, counts, err) ||
	    writer_add_feedback(w, b, counts, err) || feedback_add_verdicts(w, b, counts, err) || writer_add_spans(w, b, counts, err) ||
	    writer_add_evaluations(w, b, counts, err) || writer_add_billing(w, b, counts, err) ||
	    writer_add_gauges(w, b, counts, err) || writer_add_rollouts(w, b, counts, err) ||
	    writer_mark_import(w, b, counts->duplicates - duplicates, err))
		return writer_rollback(w);
	return 0;
}

static int store_meta(struct store_writer *w, struct err *err)
{
	sqlite3_stmt *st = w->st[ST_SET_META];

	w->meta[META_COMMIT_US] = writer_now_us(w);
	for (int m = 0; m < META_COUNT; m++) {
		if (w->meta[m] == w->meta_stored[m])
			continue;
		sql_bind_str(st, 1, str_of(meta_name[m]));
		sqlite3_bind_int64(st, 2, w->meta[m]);
		if (sql_run(st, err))
			return -1;
	}
	return 0;
}

/* Keeps the log of an import short. */
static void shorten_wal(struct store_writer *w)
{
	if (!w->checkpointer || w->wal_frames < WAL_MANY)
		return;
	if (w->wal_frames < WAL_MOST) {
		checkpointer_begin(w->checkpointer);
		return;
	}
	checkpointer_wait(w->checkpointer);
	sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

int store_writer_commit(struct store_writer *w, struct err *err)
{
	if (!w->open)
		return 0;
	if (writer_fresh_is_full(w) && writer_fresh_fold(w, true, err))
		return writer_rollback(w);
	if (writer_blocks_write(w, err) || writer_fresh_write(w, err) || write_rollups(w, err) || store_meta(w, err))
		return writer_rollback(w);
	if (w->texts_open && sql_exec(w->texts, "COMMIT", err))
		return writer_rollback(w);
	w->texts_open = false;
	if (sql_exec(w->db, "COMMIT", err))
		return writer_rollback(w);
	w->open = w->spilled = false;
	memcpy(w->meta_stored, w->meta, sizeof w->meta);
	shorten_wal(w);
	return 0;
}

static int64_t rollups_due_us(const struct store_writer *w)
{
	if (!w->journal.folding)
		return journal_writer_due_us(&w->journal);
	return rollup_writer_is_waiting(&w->rollups) ? clock_mono_us() + WAIT_FOR_JOB_US : 0;
}

int64_t store_writer_fold_due_us(const struct store_writer *w)
{
	int64_t rows_us = writer_fresh_due_us(w), rollups_us = rollups_due_us(w);

	return rows_us < 0 || (rollups_us >= 0 && rollups_us < rows_us) ? rollups_us : rows_us;
}

int store_writer_fold(struct store_writer *w, struct err *err)
{
	int64_t rows_us = writer_fresh_due_us(w), rollups_us = rollups_due_us(w), now_us = clock_mono_us();
	bool rows = rows_us >= 0 && rows_us <= now_us, rollups = rollups_us >= 0 && rollups_us <= now_us;
	bool all = !rows && !rollups;

	if (writer_begin(w, err))
		return -1;
	if (((rows || all) && writer_fresh_fold(w, all, err)) || (all && flush_all(w, err)) || (rollups && step_fold(w, err)))
		return writer_rollback(w);
	return store_writer_commit(w, err);
}
