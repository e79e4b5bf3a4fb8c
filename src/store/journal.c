/* A blob is one transaction's entries, one behind the other: a byte for the tier, the key's eight bytes, the
 * length as a varint, and a rollup row or a summary in the form of the tables. Entries are those of leaf
 * series in the finest tier their time has; everything coarser and pre-merged follows from them.
 *
 * The sum of all entries stays in memory as one delta. When they become many that are of few rows, they are
 * written anew as one blob of that sum. Putting it into the tables and emptying the journal
 * are one transaction, so that each event is in exactly one of the two. */
#include "store/journal.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sql.h"

#define ENTRIES_MANY 2048u  /* from here on they are put into the tables */
#define ENTRIES_MAX (2 * ENTRIES_MANY) /* bounds what a reader has to add up */
#define LEAF_ROWS_MOST 1024u /* of one transaction: larger ones pay for the tables' rows themselves */
#define POINTS_MAX 1048576u /* bounds memory */
#define KEEP_US (5 * US_PER_S)
#define KEEP_MOST_US (2 * KEEP_US) /* who commits and never folds, folds then */

/* ---- reading ---- */

static int by_key(const void *a, const void *b)
{
	const struct journal_entry *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Notes the entries of one blob, which begins at `from` in the bytes. */
static bool note_entries(struct journal *j, size_t from)
{
	const uint8_t *start = (const uint8_t *)j->bytes.data, *at = start + from, *end = start + j->bytes.len;

	while (at < end) {
		struct journal_entry e = {.tier = (enum tier)*at++};
		uint64_t len;

		if (end - at < 8 || (e.tier > TIER_1M && e.tier != TIER_COUNT))
			return false;
		uint64_t key;
		memcpy(&key, at, 8);
		e.key = (int64_t)le64toh(key);
		at += 8;
		if (!varint_read(&at, end, &len) || len > (uint64_t)(end - at))
			return false;
		e.at = (size_t)(at - start);
		e.len = (uint32_t)len;
		at += len;
		j->entries = mem_grow(j->entries, &j->cap, j->len + 1, sizeof *j->entries);
		j->entries[j->len++] = e;
	}
	return true;
}

int journal_read(struct journal *j, sqlite3 *db, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got;

	j->len = 0;
	buf_reset(&j->bytes);
	if (sql_prepare(db, &st, "SELECT entries FROM rollup_journal ORDER BY id", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		size_t from = j->bytes.len;

		buf_append(&j->bytes, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
		if (!note_entries(j, from)) {
			got = err_set(err, "store: rollup_journal is damaged: run llmdeck doctor --deep");
			break;
		}
	}
	sqlite3_finalize(st);
	if (got == 0 && j->len)
		qsort(j->entries, j->len, sizeof *j->entries, by_key);
	return got;
}

void journal_fini(struct journal *j)
{
	buf_fini(&j->bytes);
	free(j->entries);
	*j = (struct journal){0};
}

int journal_collect(const struct journal *j, struct delta *d, struct top_writer *tops, struct err *err)
{
	for (size_t i = 0; i < j->len; i++) {
		const struct journal_entry *e = &j->entries[i];
		bool fine = e->tier != TIER_COUNT ? delta_add_stored(d, e->tier, e->key, journal_blob(j, e), e->len)
		                                  : !tops || top_writer_add_stored(tops, (uint64_t)e->key, journal_blob(j, e), e->len);

		if (!fine)
			return err_set(err, "store: rollup_journal is damaged: run llmdeck doctor --deep");
	}
	return 0;
}

/* ---- writing ---- */

int journal_writer_open(struct journal_writer *w, sqlite3 *db, struct err *err)
{
	*w = (struct journal_writer){.db = db};
	if (sql_prepare(db, &w->add, "INSERT INTO rollup_journal(entries) VALUES(?1)", err) ||
	    sql_prepare(db, &w->clear, "DELETE FROM rollup_journal WHERE id>?1 AND id<=?2", err) ||
	    top_writer_open(&w->tops, db, err) || top_writer_open(&w->folded_tops, db, err))
		return -1;
	return journal_writer_load(w, err);
}

void journal_writer_close(struct journal_writer *w)
{
	sqlite3_finalize(w->add);
	sqlite3_finalize(w->clear);
	delta_fini(&w->delta);
	delta_fini(&w->folded);
	top_writer_close(&w->tops);
	top_writer_close(&w->folded_tops);
	buf_fini(&w->blob);
	*w = (struct journal_writer){0};
}

void journal_writer_forget(struct journal_writer *w)
{
	delta_clear(&w->delta);
	delta_clear(&w->folded);
	top_writer_clear(&w->tops);
	top_writer_clear(&w->folded_tops);
	w->folding = false;
	w->blobs = w->entries = 0;
	w->loaded = false;
}

int journal_writer_load(struct journal_writer *w, struct err *err)
{
	struct journal j = {0};
	int64_t blobs = 0;

	if (w->loaded)
		return 0;
	int failed = sql_int(w->db, "SELECT count(*) FROM rollup_journal", 0, &blobs, err) ||
	             sql_int(w->db, "SELECT max(id) FROM rollup_journal", 0, &w->last_id, err) || journal_read(&j, w->db, err) ||
	             journal_collect(&j, &w->delta, &w->tops, err);
	w->blobs = (size_t)blobs;
	w->entries = j.len;
	w->since_us = clock_mono_us();
	w->loaded = !failed;
	journal_fini(&j);
	if (failed)
		journal_writer_forget(w);
	return failed ? -1 : 0;
}

int64_t journal_writer_due_us(const struct journal_writer *w)
{
	if (!w->blobs)
		return -1;
	return w->entries > ENTRIES_MANY || w->delta.point_count > POINTS_MAX / 2 ? 0 : w->since_us + KEEP_US;
}

bool journal_writer_has_room(const struct journal_writer *w, const struct delta *d, int64_t now_us)
{
	return d->leaf_rows <= LEAF_ROWS_MOST &&
	       (w->entries + d->leaf_rows <= ENTRIES_MAX || w->delta.leaf_rows + d->leaf_rows <= ENTRIES_MANY) &&
	       w->delta.point_count + d->point_count <= POINTS_MAX && (!w->blobs || now_us < w->since_us + KEEP_MOST_US);
}

static void put_head(struct buf *out, enum tier tier, int64_t key, size_t len)
{
	uint64_t bytes = htole64((uint64_t)key);

	buf_append_c(out, (char)tier);
	buf_append(out, &bytes, sizeof bytes);
	buf_append_varint(out, len);
}

static size_t put_tops(struct journal_writer *w, const struct top_writer *tops)
{
	struct buf one = {0};
	struct top *t;
	uint64_t key;
	size_t at = 0, count = 0;

	for (; (t = intmap_next(&tops->fresh, &at, &key)); count++) {
		buf_reset(&one);
		top_encode(t, &one);
		put_head(&w->blob, TIER_COUNT, (int64_t)key, one.len);
		buf_append(&w->blob, one.data, one.len);
	}
	buf_fini(&one);
	return count;
}

static size_t put_rows(struct journal_writer *w, struct delta *d)
{
	struct buf one = {0};
	size_t count = 0;

	for (int t = TIER_10S; t <= TIER_1M; t++) {
		struct delta_row *row;
		uint64_t key;
		size_t at = 0;

		for (; (row = intmap_next(&d->rows[t], &at, &key)); count++) {
			buf_reset(&one);
			delta_encode_leaf(d, (enum tier)t, (int64_t)key, row, &one);
			put_head(&w->blob, (enum tier)t, (int64_t)key, one.len);
			buf_append(&w->blob, one.data, one.len);
		}
	}
	buf_fini(&one);
	return count;
}

void journal_writer_absorb(struct journal_writer *w, struct delta *d, struct top_writer *tops)
{
	delta_absorb(&w->delta, d);
	top_writer_absorb(&w->tops, tops);
}

/* Deletes the blobs whose ids are in (after, upto]. */
static int clear(struct journal_writer *w, int64_t after, int64_t upto, struct err *err)
{
	sqlite3_bind_int64(w->clear, 1, after);
	sqlite3_bind_int64(w->clear, 2, upto);
	return sql_run(w->clear, err);
}

int journal_writer_append(struct journal_writer *w, struct delta *d, struct top_writer *tops, int64_t now_us, struct err *err)
{
	if (!d->leaf_rows && !tops->fresh.count)
		return 0;
	size_t entries = w->entries + d->leaf_rows, sum = w->delta.leaf_rows + d->leaf_rows;
	bool anew = entries > ENTRIES_MAX || (entries > ENTRIES_MANY && sum <= ENTRIES_MANY / 4 * 3);
	if (anew) {
		if (clear(w, w->folding ? w->folded_id : 0, INT64_MAX, err))
			return -1;
		journal_writer_absorb(w, d, tops);
		w->entries = 0;
	}
	buf_reset(&w->blob);
	w->entries += anew ? put_rows(w, &w->delta) + put_tops(w, &w->tops) : put_rows(w, d) + put_tops(w, tops);
	sql_bind_blob(w->add, 1, w->blob.data, w->blob.len);
	if (sql_run(w->add, err))
		return -1;
	w->last_id = sqlite3_last_insert_rowid(w->db);
	if (!w->blobs++)
		w->since_us = now_us;
	if (!anew)
		journal_writer_absorb(w, d, tops);
	return 0;
}

void journal_writer_begin_fold(struct journal_writer *w)
{
	struct delta none = w->folded;
	struct top_writer no_tops = w->folded_tops;

	w->folded = w->delta;
	w->folded_tops = w->tops;
	w->delta = none;
	w->tops = no_tops;
	w->folded_id = w->last_id;
	w->folding = true;
	w->blobs = w->entries = 0;
}

int journal_writer_end_fold(struct journal_writer *w, struct err *err)
{
	w->folding = false;
	return clear(w, 0, w->folded_id, err);
}

int journal_writer_clear(struct journal_writer *w, struct err *err)
{
	if (w->blobs && clear(w, 0, INT64_MAX, err))
		return -1;
	w->blobs = w->entries = 0;
	return 0;
}
