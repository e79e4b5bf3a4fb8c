/* A read-only connection. Every query is one short read transaction, so that the checkpoint is
 * never held up and what one call returns is one state of the store. Names and floors are kept in
 * memory and loaded again when the store's data_version says that somebody committed. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/reader_private.h"
#include "store/schema.h"
#include "store/sql.h"

#define BUSY_MS 250

static int open_db(sqlite3 **db, const char *path, struct err *err)
{
	if (sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return sql_fail(*db, "opening the store", err);
	sqlite3_busy_timeout(*db, BUSY_MS);
	return sql_exec(*db, "PRAGMA query_only=ON; PRAGMA cache_size=-3000; PRAGMA temp_store=MEMORY", err);
}

bool reader_open_texts(struct store_reader *r)
{
	char *path;
	struct err err;

	if (r->texts)
		return true;
	path = schema_text_path(r->path);
	if (open_db(&r->texts, path, &err) || sql_exec(r->texts, "SELECT 1 FROM texts LIMIT 1", &err)) {
		sqlite3_close(r->texts);
		r->texts = NULL;
	}
	free(path);
	return r->texts;
}

static int prepare_all(struct store_reader *r, struct err *err)
{
	char sql[128];

	for (int t = 0; t < TIER_COUNT; t++) {
		sqlite3_snprintf(sizeof sql, sql, "SELECT id, figures FROM %s WHERE id>=?1 AND id<?2", tier_table[t]);
		if (sql_prepare(r->db, &r->range[t], sql, err))
			return -1;
	}
	return sql_prepare(r->db, &r->version, "PRAGMA data_version", err);
}

int store_reader_open(struct store_reader **out, const char *path, struct err *err)
{
	struct store_reader *r = mem_zalloc(sizeof *r);
	struct stat st;
	int64_t version;

	*out = NULL;
	r->path = mem_strdup(path);
	r->loaded_version = r->journal_version = -1;
	r->dense = dense_new();
	if (stat(path, &st)) {
		err_set(err, "%s: there is no store yet: start `llmdeck collect` or `llmdeck import` a file", path);
		goto fail;
	}
	if (open_db(&r->db, path, err) || schema_check(r->db, path, &version, err))
		goto fail;
	if (version == 0) {
		err_set(err, "%s: the store is empty: start `llmdeck collect` or `llmdeck import` a file", path);
		goto fail;
	}
	if (version < schema_version()) {
		err_set(err, "%s: the store has the older version %lld: open it once with the collector, which brings it to %d",
		        path, (long long)version, schema_version());
		goto fail;
	}
	if (schema_add_functions(r->db, err) || prepare_all(r, err) || names_open(&r->names, r->db, 0, err))
		goto fail;
	*out = r;
	return 0;
fail:
	store_reader_close(&r);
	return -1;
}

void store_reader_close(struct store_reader **reader)
{
	struct store_reader *r = *reader;

	if (!r)
		return;
	names_close(&r->names);
	fresh_fini(&r->fresh);
	sqlite3_finalize(r->version);
	for (int t = 0; t < TIER_COUNT; t++)
		sqlite3_finalize(r->range[t]);
	sqlite3_close(r->texts);
	sqlite3_close(r->db);
	dense_free(&r->dense);
	feedback_index_free(&r->feedback);
	score_index_free(&r->scores);
	journal_fini(&r->journal);
	free(r->imports);
	free(r->path);
	free(r);
	*reader = NULL;
}

int64_t store_reader_version(struct store_reader *r)
{
	struct err err;
	int64_t version = -1;

	if (sql_step(r->version, &err) > 0)
		version = sqlite3_column_int64(r->version, 0);
	sqlite3_reset(r->version);
	return version;
}

void store_reader_interrupt(struct store_reader *r)
{
	sqlite3_interrupt(r->db);
}

int reader_meta(struct store_reader *r, const char *key, int64_t *out, struct err *err)
{
	sqlite3_stmt *st = NULL;

	*out = 0;
	if (sql_prepare(r->db, &st, "SELECT value FROM meta WHERE key=?1", err))
		return -1;
	sql_bind_str(st, 1, str_of(key));
	int got = sql_step(st, err);
	if (got > 0)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

static int load_imports(struct store_reader *r, struct err *err)
{
	sqlite3_stmt *st = NULL;
	size_t cap = 0;
	int got;

	free(r->imports);
	r->imports = NULL;
	r->import_count = 0;
	if (sql_prepare(r->db, &st, "SELECT first_us, last_us FROM imports WHERE first_us IS NOT NULL ORDER BY first_us", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		struct covered s = {sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)};

		if (r->import_count && s.from_us <= r->imports[r->import_count - 1].to_us) {
			if (s.to_us > r->imports[r->import_count - 1].to_us)
				r->imports[r->import_count - 1].to_us = s.to_us;
			continue;
		}
		r->imports = mem_grow(r->imports, &cap, r->import_count + 1, sizeof *r->imports);
		r->imports[r->import_count++] = s;
	}
	sqlite3_finalize(st);
	return got;
}

/* Committed strings and series never change or go: new ones have higher ids. */
static int load_names(struct store_reader *r, struct err *err)
{
	int64_t strings, series;

	if (sql_int(r->db, "SELECT max(id) FROM strings", 0, &strings, err) ||
	    sql_int(r->db, "SELECT max(id) FROM series", 0, &series, err))
		return -1;
	if (strings + 1 == (int64_t)r->names.text_count && series + 1 == (int64_t)r->names.series_count)
		return 0;
	return names_reload(&r->names, err);
}

static int load(struct store_reader *r, struct err *err)
{
	static const char *const floors[TIER_COUNT] = {"floor_10s_us", "floor_1m_us", "floor_10m_us", "floor_1h_us",
	                                               "floor_1d_us"};

	for (int t = 0; t < TIER_COUNT; t++)
		if (reader_meta(r, floors[t], &r->floor_us[t], err))
			return -1;
	if (reader_meta(r, "raw_floor_us", &r->raw_floor_us, err) || load_imports(r, err))
		return -1;
	return load_names(r, err);
}

int reader_begin(struct store_reader *r, struct err *err)
{
	int64_t rows;

	/* The first read takes the snapshot; data_version then belongs to it. */
	if (sql_exec(r->db, "BEGIN", err) || sql_int(r->db, "SELECT id FROM series LIMIT 1", 0, &rows, err))
		return reader_end(r, -1);
	int64_t version = store_reader_version(r);
	if (version != r->loaded_version) {
		if (load(r, err))
			return reader_end(r, -1);
		r->loaded_version = version;
	}
	return 0;
}

int reader_load_journal(struct store_reader *r, struct err *err)
{
	if (r->journal_version == r->loaded_version)
		return 0;
	if (journal_read(&r->journal, r->db, err))
		return -1;
	r->journal_version = r->loaded_version;
	return 0;
}

int reader_end(struct store_reader *r, int result)
{
	if (!sqlite3_get_autocommit(r->db))
		sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	return result;
}

bool reader_has_tier(const struct store_reader *r, enum tier t, int64_t from_us)
{
	if (from_us >= r->floor_us[t])
		return true;
	for (size_t i = 0; i < r->import_count && t != TIER_10S; i++)
		if (r->imports[i].from_us / US_PER_DAY * US_PER_DAY <= from_us && from_us + tier_us[t] <=
		    (r->imports[i].to_us / US_PER_DAY + 1) * US_PER_DAY)
			return true;
	return false;
}

int query_summary(struct store_reader *r, struct store_summary *out, struct err *err)
{
	int64_t demo = 0;
	const struct {
		const char *key;
		int64_t *to;
	} numbers[] = {
		{"first_us", &out->first_us}, {"last_us", &out->last_us}, {"commit_us", &out->last_commit_us},
		{"requests", &out->requests}, {"feedback", &out->feedback}, {"billing", &out->billing},
		{"raw_floor_us", &out->raw_from_us}, {"demo", &demo},
	};
	struct stat st;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (reader_meta(r, numbers[i].key, numbers[i].to, err))
			return reader_end(r, -1);
	out->demo = demo;
	if (out->raw_from_us < out->first_us)
		out->raw_from_us = out->first_us;
	out->schema_version = schema_version();
	if (!stat(r->path, &st))
		out->file_bytes = st.st_size;
	char *wal = mem_printf("%s-wal", r->path);
	if (!stat(wal, &st))
		out->file_bytes += st.st_size;
	free(wal);
	return reader_end(r, 0);
}
