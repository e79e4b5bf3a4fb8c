/* What the writer's files share. Internal to store/. */
#ifndef LLMDECK_STORE_WRITER_PRIVATE_H
#define LLMDECK_STORE_WRITER_PRIVATE_H

#include "store/delta.h"
#include "store/fresh.h"
#include "store/journal.h"
#include "store/names.h"
#include "store/rollup_writer.h"
#include "store/top.h"
#include "store/writer.h"

/* Numbers kept in the meta table, written with each commit when they changed. */
enum meta {
	META_COMMIT_US,   /* wall time of the newest commit */
	META_REQUESTS,    /* ever stored less forgotten */
	META_FEEDBACK,
	META_BILLING,
	META_FIRST_US,    /* requests' ends; 0 = none */
	META_LAST_US,
	META_FLOOR_10S,   /* below these times a tier is not kept for what was collected */
	META_FLOOR_1M,
	META_FLOOR_10M,
	META_FLOOR_1H,
	META_FLOOR_1D,    /* always 0 */
	META_RAW_FLOOR,   /* collected raw rows that ended before have been removed */
	META_RETAIN_ID,   /* where removing raw rows goes on */
	META_RETAIN_SERIES, /* where removing rollups goes on */
	META_TOUCHED,     /* newest number in feedback.touched */
	META_FRESH_UPTO,  /* how far the journal's rows were put into blocks (fresh.h) */
	META_FRESH_BELOW,
	META_COUNT
};
extern const char *const meta_name[META_COUNT];

#define RECENT_TRACES 65536u
struct recent_trace {
	uint64_t hash; /* of the trace id; 0 = free */
	int64_t id;
};

/* The latest calls with their place in a trace (writer_nested.c). */
#define RECENT_CALLS 65536u
struct recent_call {
	uint64_t hash; /* of trace and span; 0 = free */
	int64_t id;
};

/* How simultaneous requests without a span id get their ids without probing. */
#define RECENT_TIMES 4096u
struct recent_time {
	int64_t end_us, next_id;
};

enum statement {
	ST_MOVE_FEEDBACK, ST_MOVE_FLAGS,
	ST_ADD_FLAG, ST_JOIN_FLAG, ST_WAITING_FLAGS,
	ST_ADD_SPAN, ST_FIND_SPAN, ST_ADD_EVALUATION, ST_ADD_BILLING, ST_ADD_GAUGE_SERIES, ST_FIND_GAUGE_SERIES,
	ST_ADD_GAUGE, ST_ADD_GAUGE_END = ST_ADD_GAUGE + TIER_COUNT - 1,
	ST_LAST_ROLLOUT, ST_ADD_ROLLOUT, ST_SEE_ROLLOUT, ST_ADD_ARM, ST_GET_ARMS,
	ST_PUT_IMPORT, ST_FIND_IMPORT, ST_SET_META, ST_ADD_AUDIT,
	ST_COUNT
};

struct by_end {
	uint64_t key;
	const struct request *request;
};

struct store_writer {
	sqlite3 *db, *texts; /* texts: NULL when its file cannot be opened */
	char *path;
	int lock;
	struct checkpointer *checkpointer; /* NULL where answers are waited for */
	int wal_frames; /* after the newest commit */
	struct store_options options;
	bool open;   /* in a transaction */
	bool texts_open;
	struct names names;
	struct delta delta;
	struct block_cache *blocks; /* writer_blocks.c's own */
	struct fresh_writer *fresh; /* writer_fresh.c's own */
	struct fresh fresh_read;    /* for walks */
	struct rollup_writer rollups;
	struct top_writer tops;
	struct journal_writer journal; /* what earlier transactions added to both */
	struct live_checkpoints *live_checkpoints; /* where answers are waited for */
	bool spilled; /* the open transaction has begun to write rollups into their tables */
	int64_t meta[META_COUNT], meta_stored[META_COUNT];
	sqlite3_stmt *st[ST_COUNT];
	sqlite3_stmt *add_text;
	struct packed packed, other, before; /* scratch */
	struct seen *seen; /* writer_requests.c's own: the batch's names by address */
	struct by_end *order; /* scratch */
	size_t order_cap;
	struct recent_trace *traces;
	struct recent_call *calls_by_span, *calls_by_parent; /* a call under its own span; under its parent's */
	struct recent_time *times;
	struct intmap waiting; /* hash of the trace of a flag or a feedback item that waits for its request -> itself */
	struct feedback_writer *feedback; /* feedback.c's own */
	struct late_texts *late_texts; /* writer_texts.c's own; NULL without a text file */
	uint32_t import_ref;   /* of the batch being appended */
	int64_t import_first_us, import_last_us;
};

int writer_begin(struct store_writer *w, struct err *err);
/* Undoes the open transaction and everything remembered from it. Returns -1. */
int writer_rollback(struct store_writer *w);
/* A row that is written seldom: one statement, prepared for the call, in the open transaction or a new one.
 * On an error the transaction is undone. */
int writer_start_record(struct store_writer *w, sqlite3_stmt **st, const char *sql, struct err *err);
int writer_finish_record(struct store_writer *w, sqlite3_stmt *st, struct err *err); /* runs and ends it */
/* Writes accumulated rollups when they grew too many; when `now`, all of them and all of the journal. */
int writer_flush(struct store_writer *w, bool now, struct err *err);
/* Ends, in the open transaction, what was begun of putting the rollups' journal into the tables. */
int writer_end_fold(struct store_writer *w, struct err *err);
int64_t writer_now_us(const struct store_writer *w);

/* The blocks that hold the raw rows (writer_blocks.c). */
int writer_blocks_open(struct store_writer *w, struct err *err);
void writer_blocks_close(struct store_writer *w);
void writer_blocks_forget(struct store_writer *w); /* after a rollback */
int writer_blocks_write(struct store_writer *w, struct err *err);
/* Stores a new row: 1 stored, 0 the id is taken and the row that has it is in `taken` (NULL: not asked), -1 error. */
int writer_insert_request(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p, struct packed *taken,
                          struct err *err);
/* Reads a stored row: 1 found, 0 not there, -1 error. */
int writer_get_request(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, struct err *err);
/* Replaces a stored row and its series. */
int writer_set_request(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p, struct err *err);
int writer_remove_request(struct store_writer *w, int64_t id, struct err *err);
/* Begins a walk that sees all rows up to now. Rows must not be changed while it lasts. */
struct block_walk;
int writer_walk_requests(struct store_writer *w, struct block_walk *k, int64_t from_id, int64_t to_id, bool down, struct err *err);

/* Puts rows of other blocks, by id, into those that cover them. */
int writer_blocks_take(struct store_writer *w, const struct block_source *rows, size_t count, struct err *err);

/* What was stored last (writer_fresh.c). */
int writer_fresh_open(struct store_writer *w, struct err *err);
/* For a writer of large transactions, when there is nothing in the journal: rows go into blocks at once. */
void writer_fresh_turn_off(struct store_writer *w);
void writer_fresh_close(struct store_writer *w);
void writer_fresh_forget(struct store_writer *w); /* after a rollback */
/* Reads the journal when memory does not have it. */
int writer_fresh_load(struct store_writer *w, struct err *err);
enum fresh_place { FRESH_NOT_KNOWN, FRESH_NOWHERE, FRESH_STORED, FRESH_HERE };
/* Where the row of this id is, as far as it is known here: in no block, in those of `requests`, or at *at in *b. */
enum fresh_place writer_fresh_find(struct store_writer *w, int64_t id, struct block **b, size_t *at);
void writer_fresh_prefetch(const struct store_writer *w, int64_t id);
/* What was done to the blocks of `requests`, or found there. */
void writer_fresh_note_stored(struct store_writer *w, int64_t id);
void writer_fresh_note_removed(struct store_writer *w, int64_t id);
void writer_fresh_note_seen(struct store_writer *w, int64_t id);
/* Every row whose id is not below this one was noted. */
void writer_fresh_know_from(struct store_writer *w, int64_t id);
/* Whether a new row goes into the journal; imported ones do not. */
bool writer_fresh_takes(const struct store_writer *w, const struct packed *p);
void writer_fresh_insert(struct store_writer *w, int64_t id, uint32_t series, const struct packed *p);
/* Changes at a place that writer_fresh_find() found. */
void writer_fresh_set(struct store_writer *w, struct block *b, size_t at, uint32_t series, const struct packed *p);
void writer_fresh_remove(struct store_writer *w, struct block *b, size_t at);
/* Writes what the open transaction changed into the journal. */
int writer_fresh_write(struct store_writer *w, struct err *err);
/* Puts some rows of the journal into the blocks of `requests`, or all. */
int writer_fresh_fold(struct store_writer *w, bool whole, struct err *err);
/* When some should be (monotonic): -1 there are none, 0 now. Whether so many are there that they must be. */
int64_t writer_fresh_due_us(const struct store_writer *w);
bool writer_fresh_is_full(const struct store_writer *w);

/* Requests (writer_requests.c). */
int writer_add_requests(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
/* Puts a request's share into the rollups `sign` times. */
void writer_count_request(struct store_writer *w, uint32_t series, const struct packed *p, int sign);
/* Finds the request of a trace in the hour around `time_us`: 1 found, 0 not, -1 error. */
int writer_find_trace(struct store_writer *w, const uint8_t trace_id[16], int64_t time_us, int64_t *id, struct err *err);

/* Nested model calls (writer_nested.c). A new call that an outer one stands for already: 1, with what
 * only it knew added to that row; 0 it is none. */
int writer_nest_inner(struct store_writer *w, uint32_t series, const struct packed *p, int64_t *outer_id, struct err *err);
/* The calls inside span_id that were stored before are taken back, and what only they knew is added to
 * `p`, the row `id`, which is not yet counted in the rollups. Scratch: w->other. */
int writer_nest_outer(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, const uint8_t span_id[8],
                      struct store_counts *counts, struct err *err);
/* Whether calls inside that span may have been stored. */
bool writer_knows_inner(const struct store_writer *w, const uint8_t trace_id[16], const uint8_t span_id[8]);
/* A call of another service that had the same response. */
enum twin {
	TWIN_ERROR = 0,
	TWIN_NONE,
	TWIN_KNOWN, /* the new one was delivered before, and is part of the row *id */
	TWIN_OUTER, /* the row *id stands for the new one, too; what only the new one told is added to it */
	TWIN_INNER, /* the row *id is part of the new one: writer_take_twin(), once that is stored */
};
enum twin writer_find_twin(struct store_writer *w, const struct request *r, uint32_t series, const struct packed *p,
                           int64_t *id, struct err *err);
int writer_take_twin(struct store_writer *w, int64_t id, uint32_t *series, struct packed *p, int64_t inner_id,
                     struct store_counts *counts, struct err *err);
uint64_t writer_call_hash(const uint8_t trace_id[16], const uint8_t span_id[8]);
/* The row that stands for the call of that span, its own or one that it is part of: 1 found among the
 * latest, 0 not, -1 error. Scratch: w->other. */
int writer_find_call(struct store_writer *w, const uint8_t trace_id[16], const uint8_t span_id[8], int64_t *id, struct err *err);
/* Asks for the memory that a request will be remembered in. */
void writer_nested_prefetch(const struct store_writer *w, const struct request *r);
void writer_remember_call(struct store_writer *w, int64_t id, const struct packed *p);
/* Begins the memory anew, from the newest rows. */
int writer_load_calls(struct store_writer *w, struct err *err);

/* Texts that come apart from their call (writer_texts.c). Open them after the text file. */
int late_texts_open(struct store_writer *w, struct err *err);
void late_texts_close(struct store_writer *w);
int late_texts_reload(struct store_writer *w, struct err *err); /* after a rollback */
int writer_add_late_texts(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
/* Joins what waited for the span of `r`, which was stored as, or is part of, the row `id`. */
int writer_join_late_texts(struct store_writer *w, int64_t id, const struct request *r, struct store_counts *counts,
                           struct err *err);
/* Drops what waited too long. Outside of a transaction. */
int late_texts_expire(struct store_writer *w, int64_t now_us, struct err *err);

/* What comes late or beside (writer_late.c, writer_other.c). */
int writer_add_flags(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
/* Joins the flags that waited for a trace to the request that just came. */
int writer_join_waiting(struct store_writer *w, int64_t id, struct store_counts *counts, struct err *err);
int writer_load_waiting(struct store_writer *w, struct err *err);
int writer_add_feedback(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
/* Puts a feedback item's share into the rollups `sign` times. */
void writer_count_feedback(struct store_writer *w, uint32_t series, int64_t time_us, int mood, int sign);
int writer_add_spans(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
int writer_add_evaluations(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
int writer_add_billing(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
int writer_add_gauges(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
int writer_add_rollouts(struct store_writer *w, const struct batch *b, struct store_counts *counts, struct err *err);
int writer_begin_import(struct store_writer *w, const struct batch *b, struct err *err);
/* `duplicates`: of this batch. */
int writer_mark_import(struct store_writer *w, const struct batch *b, uint64_t duplicates, struct err *err);
/* Moves the batch's resume mark (resume.c): 1 moved, or there is none; 0 it does not fit; -1 error. */
int writer_move_resume(struct store_writer *w, const struct batch *b, struct err *err);

#endif
