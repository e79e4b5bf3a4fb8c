/* The rollup journal: what small transactions add to the rollups is written beside their events as one
 * blob, and put into the tables of all tiers together every few seconds, so that a commit costs what it
 * holds and not what it touches. Readers add the journal to what the tables say. Internal to store/. */
#ifndef LLMDECK_STORE_JOURNAL_H
#define LLMDECK_STORE_JOURNAL_H

#include <sqlite3.h>

#include "base/err.h"
#include "store/delta.h"
#include "store/top.h"

/* What the journal's table holds, as far as it was readable. Entries of one key may be many. */
struct journal_entry {
	int64_t key;    /* rollup_key() of a leaf in `tier`, 10 s or 1 min; of a top: attribute and 10-minute bucket */
	enum tier tier; /* TIER_COUNT: a top */
	uint32_t len;
	size_t at; /* in `bytes`: rollup_encode() or top_encode() */
};
struct journal {
	struct buf bytes;
	struct journal_entry *entries; /* by key */
	size_t len, cap;
};
/* Replaces `j` by what is stored. -1: not readable or damaged. */
int journal_read(struct journal *j, sqlite3 *db, struct err *err);
void journal_fini(struct journal *j);
static inline const void *journal_blob(const struct journal *j, const struct journal_entry *e) { return j->bytes.data + e->at; }
/* Adds all of it to `d` and, when it is not NULL, to `tops`. -1: damaged. */
int journal_collect(const struct journal *j, struct delta *d, struct top_writer *tops, struct err *err);

/* The writer's side: the sum of what is in the journal, kept in memory. */
struct journal_writer {
	sqlite3 *db;
	sqlite3_stmt *add, *clear;
	struct delta delta;
	struct top_writer tops;
	bool folding;          /* what was in it earlier is being put into the tables: */
	int64_t folded_id;     /* the blobs up to this one, */
	struct delta folded;   /* until a job takes it over, and */
	struct top_writer folded_tops;
	int64_t last_id;
	size_t blobs, entries; /* stored */
	int64_t since_us;      /* monotonic: the oldest one's */
	bool loaded;
	struct buf blob;
};
int journal_writer_open(struct journal_writer *w, sqlite3 *db, struct err *err);
void journal_writer_close(struct journal_writer *w);
/* Reads the table when memory does not have it: at first, and after a transaction was undone. */
int journal_writer_load(struct journal_writer *w, struct err *err);
/* Memory is no longer what is stored. */
void journal_writer_forget(struct journal_writer *w);
/* Whether a transaction may add its rollups here, rather than have all put into the tables. */
bool journal_writer_has_room(const struct journal_writer *w, const struct delta *d, int64_t now_us);
/* When all is to be put into the tables at the latest (monotonic); -1: there is nothing. */
int64_t journal_writer_due_us(const struct journal_writer *w);
/* Writes what a transaction adds to the table and moves it into memory. */
int journal_writer_append(struct journal_writer *w, struct delta *d, struct top_writer *tops, int64_t now_us, struct err *err);
/* Moves what a transaction adds into memory alone: the caller writes w->delta and w->tops to the tables. */
void journal_writer_absorb(struct journal_writer *w, struct delta *d, struct top_writer *tops);
/* Sets apart what is there, as `folded` and `folded_tops`, to be put into the tables while more comes. */
void journal_writer_begin_fold(struct journal_writer *w);
/* In the transaction that put it there. */
int journal_writer_end_fold(struct journal_writer *w, struct err *err);
/* Empties the table: all was put into those of the tiers. Not while what was set apart is not. */
int journal_writer_clear(struct journal_writer *w, struct err *err);

#endif
