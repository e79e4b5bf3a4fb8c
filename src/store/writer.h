/* The one read-write connection. At most one writer per store (a lock file held with flock beside
 * it); a writer belongs to one thread. */
#ifndef LLMDECK_STORE_WRITER_H
#define LLMDECK_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/event.h"
#include "store/query.h"

struct store_writer;

struct store_options {
	bool full_sync;  /* synchronous=FULL (collect); else NORMAL and one sync at close (import) */
	bool demo;       /* marks a new store as holding invented data */
	int64_t now_us;  /* wall time that decides whether the 10 s tier is kept; 0 = the clock's */
	int64_t rollup_10s_us; /* how far back from now the 10 s tier is written; 0 = 6 h */
	size_t series_limit;   /* most combinations of dimensions; 0 = 10,000 */
};

/* Creates the store (mode 0640; its text file 0600) or migrates it. -1 when another writer holds
 * it (the sentence names its pid), it is not ours, or newer than this program. */
int store_writer_open(struct store_writer **out, const char *path, const struct store_options *o,
                      struct err *err);
/* Flushes, checkpoints, closes. NULL is fine. */
void store_writer_close(struct store_writer **w);
/* Pid of the process that holds the writer's lock of `path`, 0 when nobody does. */
int store_writer_owner(const char *path);

struct store_counts {
	uint64_t added, duplicates;
	uint64_t joined;   /* late flags and feedback whose request was found */
	uint64_t unjoined;
	uint64_t texts_dropped; /* late texts that waited too long, or had no room */
	uint64_t taken_back; /* requests that turned out to be part of another one */
	bool stale;      /* the batch's resume mark did not fit: its rows were not added */
};

/* Adds the batch's rows and their rollups to the open transaction (starting one if needed). On -1
 * the whole transaction is rolled back and nothing since the last commit is stored. */
int store_writer_append(struct store_writer *w, const struct batch *b, struct store_counts *counts,
                        struct err *err);
/* Makes all appended batches durable together. On -1 they are rolled back. */
int store_writer_commit(struct store_writer *w, struct err *err);
/* With full_sync, small transactions write their rows and what they add to the rollups to journals. When a
 * step of putting these into the tables is due (monotonic time; the past: now); -1: they are empty. */
int64_t store_writer_fold_due_us(const struct store_writer *w);
/* Does such a step, of some milliseconds, in a transaction of its own; all of it when none is due yet. */
int store_writer_fold(struct store_writer *w, struct err *err);

/* Replaces a stored request: the old row's share is taken out of every rollup exactly, the new one's
 * put in, in the open transaction. `request` keeps the id's time. */
int store_writer_correct(struct store_writer *w, int64_t id, const struct request *request,
                         struct err *err);

struct retention {
	int64_t raw_us, rollup_10s_us, rollup_1m_us, rollup_10m_us, rollup_1h_us, text_us; /* 0 = keep */
	int64_t size_bytes; /* of the main file; 0 = no bound */
};
/* Removes what is older than the retention allows (whole buckets; imported history stays), in
 * bounded steps; gives pages back. *more says that it should be called again. */
int store_writer_retain(struct store_writer *w, const struct retention *keep, int64_t now_us,
                        bool *more, struct err *err);
/* Erases every row and text of a user, or of an import batch, with its share of the rollups where
 * the raw rows still tell it. Returns how many rows went. */
int64_t store_writer_forget_user(struct store_writer *w, struct str user, struct err *err);
int64_t store_writer_forget_import(struct store_writer *w, uint64_t key, struct err *err);

/* Adds an audit row (store/audit.h) and commits at once. */
int store_writer_audit(struct store_writer *w, const struct audit_entry *entry, struct err *err);
/* The same inside the open transaction (starting one if needed), for a change and its audit row to
 * be committed together. */
int store_writer_add_audit(struct store_writer *w, const struct audit_entry *entry, struct err *err);

#endif
