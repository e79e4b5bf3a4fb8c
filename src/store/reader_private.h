/* What the reader's files share. Internal to store/. */
#ifndef LLMDECK_STORE_READER_PRIVATE_H
#define LLMDECK_STORE_READER_PRIVATE_H

#include "store/fresh.h"
#include "store/journal.h"
#include "store/names.h"
#include "store/query.h"
#include "store/rollup.h"

/* Times covered by imports, whose rollups stay whatever the retention. */
struct covered {
	int64_t from_us, to_us;
};

struct store_reader {
	sqlite3 *db, *texts; /* texts: NULL when they cannot be read */
	char *path;
	struct names names;
	int64_t loaded_version; /* data_version the names and floors were loaded at */
	int64_t floor_us[TIER_COUNT];
	int64_t raw_floor_us;
	struct covered *imports; /* merged, by time */
	size_t import_count;
	sqlite3_stmt *version, *range[TIER_COUNT];
	struct dense *dense;
	struct feedback_index *feedback; /* query_feedback.c's; NULL until it is asked */
	struct score_index *scores;      /* query_scores.c's; the same */
	struct fresh fresh;
	struct journal journal;
	int64_t journal_version; /* data_version it was loaded at */
};

/* Starts a read transaction with names and floors up to date. */
int reader_begin(struct store_reader *r, struct err *err);
/* Ends it; returns `result`. */
int reader_end(struct store_reader *r, int result);
/* Whether tier t holds everything that ended in the bucket that starts at from_us. */
bool reader_has_tier(const struct store_reader *r, enum tier t, int64_t from_us);
/* What the tables of rollups and tops do not hold yet, as of this transaction. */
int reader_load_journal(struct store_reader *r, struct err *err);
/* Number in the meta table, 0 when it is not there. */
int reader_meta(struct store_reader *r, const char *key, int64_t *out, struct err *err);
/* Frees what query_feedback_list() remembers. NULL is fine. */
void feedback_index_free(struct feedback_index **index);
/* Frees what query_scores() remembers. NULL is fine. */
void score_index_free(struct score_index **index);
/* Makes the texts readable when they became so. */
bool reader_open_texts(struct store_reader *r);

/* Runs of buckets that together cover a window once, each in the coarsest tier that serves. */
struct run {
	enum tier tier;
	int64_t from_us, to_us;
};
struct runs {
	struct run *items;
	size_t len, cap;
	int64_t from_us, to_us, step_us; /* as widened */
	size_t steps;
	int64_t tier_us;
};
/* Plans a view's window. */
void runs_plan(struct runs *out, const struct store_reader *r, int64_t from_us, int64_t to_us, int64_t step_us);
void runs_fini(struct runs *r);

/* Which series answer a view, and to which group each belongs. */
struct source {
	uint32_t series;
	size_t group;
	int weight;           /* -1: taken away (see below) */
	enum tier first_tier; /* the tiers it is read from: first_tier <= tier <= last_tier */
	enum tier last_tier;
};
struct sources {
	struct source *items;
	size_t len, cap;
	uint32_t (*keys)[DIM_COUNT]; /* by group: string ids of the values of view->by */
	size_t group_count, group_cap;
};
/* A marginal of an unset value is not stored: it is everything less the other marginals. */
void sources_choose(struct sources *out, const struct store_reader *r, const struct view *v);
void sources_fini(struct sources *s);
/* Whether a view's filters let a leaf series through. */
bool view_passes_series(const struct store_reader *r, const struct view *v, const struct series *s);

/* Walks the stored rows of one series in the runs its tiers allow, and then what the journal adds to
 * them, as rows of buckets inside those. `fn` gets each blob, of the stored rows the oldest first; it returns 0,
 * WALK_ENOUGH when later stored rows are of no use, or -1 for a damaged one, which ends it all. */
#define WALK_ENOUGH 1
typedef int rollup_fn(void *arg, int64_t bucket_us, const void *blob, size_t len);
int reader_walk(struct store_reader *r, const struct runs *runs, const struct source *s, rollup_fn *fn, void *arg,
                struct err *err);

#endif
