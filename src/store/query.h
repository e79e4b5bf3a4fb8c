/* Asking the store. Knows nothing of SQL. A reader belongs to one thread at a time; it never
 * writes, never waits for the writer and ends its read transaction before each call returns. */
#ifndef LLMDECK_STORE_QUERY_H
#define LLMDECK_STORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/event.h"
#include "core/figures.h"
#include "core/view.h"

struct store_reader;

/* One audit row. */
struct audit_entry {
	int64_t time_us;
	uint32_t uid, login_uid; /* login_uid UINT32_MAX: nobody logged in */
	struct str ssh_client, claimed_name, action, target, before, after, outcome;
};

/* -1 with a sentence when the file is missing, not ours, newer than this program or locked away. */
int store_reader_open(struct store_reader **out, const char *path, struct err *err);
void store_reader_close(struct store_reader **r);
/* A number that changes whenever anything was committed (about 5 µs). -1 on error. */
int64_t store_reader_version(struct store_reader *r);
/* From any thread: makes the running call return -1 soon ("interrupted"). */
void store_reader_interrupt(struct store_reader *r);

struct store_summary {
	int64_t first_us, last_us;   /* request ends; 0 when there are none */
	int64_t last_commit_us;      /* wall time of the newest commit */
	int64_t requests, feedback, billing; /* all time */
	int64_t raw_from_us;         /* how far back raw rows go */
	int64_t file_bytes;          /* main file and WAL */
	int64_t schema_version;
	bool demo;                   /* the store holds invented data */
};
int query_summary(struct store_reader *r, struct store_summary *out, struct err *err);

enum figures_need {
	NEED_LATENCY = 1u << SKETCH_LATENCY_US,
	NEED_TTFT = 1u << SKETCH_TTFT_US,
	NEED_INPUT = 1u << SKETCH_INPUT_TOKENS,
	NEED_OUTPUT = 1u << SKETCH_OUTPUT_TOKENS,
	NEED_COST = 1u << SKETCH_COST_NUSD,
	NEED_ALL_SKETCHES = (1u << SKETCH_COUNT) - 1,
};

struct figures_group {
	const char *key[DIM_COUNT]; /* values of view->by, in order; "" = not set. Owned by the result */
	struct figures total;
	struct figures *series; /* steps of them when view->step_us, else NULL */
};
struct figures_result {
	int64_t from_us, to_us, step_us; /* aligned to the tier that was read: [from, to) */
	size_t steps;                    /* series[i] covers from + i * step */
	int64_t tier_us;                 /* finest rollup step that was read */
	struct figures_group *groups;    /* most requests first */
	size_t group_count;
	struct figures_group total;      /* everything the filters let through */
	struct arena arena;
};
/* Rollup figures. The window is widened to whole buckets of the finest tier kept for that time; a
 * window longer than a tier needs is read from coarser ones. `needs` says which sketches to
 * merge for totals; `series_needs` which for the series. */
int query_figures(struct store_reader *r, const struct view *v, unsigned needs,
                  unsigned series_needs, struct figures_result *out, struct err *err);
void figures_result_fini(struct figures_result *res);
/* The same in slices, for who must answer soon. The walk ends before the reader does. */
struct figures_walk;
struct figures_walk *figures_walk_new(struct store_reader *r, const struct view *v, unsigned needs, unsigned series_needs);
/* Reads group after group, at least one, until the clock says until_mono_us: 1 when all are read, 0 when it is to be
 * called again, -1 with a sentence. */
int figures_walk_go_on(struct figures_walk *w, int64_t until_mono_us, struct err *err);
/* The result of a walk that has read all, once; the caller's. */
void figures_walk_take(struct figures_walk *w, struct figures_result *out);
void figures_walk_free(struct figures_walk **w);

/* Counts by name: errors by type, flags by category; grouped like figures. */
enum breakdown_kind { BREAKDOWN_ERROR_TYPE, BREAKDOWN_FLAG_CATEGORY };
struct breakdown_row {
	const char *key[DIM_COUNT];
	const char *name;      /* "rate_limit", "hate" */
	int64_t count, blocked; /* blocked: flags only */
	int64_t *series;       /* counts per step when view->step_us */
};
struct breakdown_result {
	int64_t from_us, to_us, step_us;
	size_t steps;
	struct breakdown_row *rows; /* highest count first */
	size_t row_count;
	struct arena arena;
};
int query_breakdown(struct store_reader *r, enum breakdown_kind kind, const struct view *v,
                    struct breakdown_result *out, struct err *err);
void breakdown_result_fini(struct breakdown_result *res);

/* Top values of a many-valued attribute, from the bounded summaries. */
struct top_row {
	const char *value;
	int64_t requests, errors, cost_nusd;
	int64_t requests_error; /* may be too high by at most this */
};
struct top_result {
	struct top_row *rows;
	size_t row_count;
	struct arena arena;
};
int query_top(struct store_reader *r, enum attr a, int64_t from_us, int64_t to_us, size_t limit,
              struct top_result *out, struct err *err);
void top_result_fini(struct top_result *res);

/* Single requests from the time-ordered raw rows. */
/* What comes first; what is alike in that, newest first. SORT_FLAGGED: with most flags. */
enum request_sort { SORT_NEWEST, SORT_SLOWEST, SORT_DEAREST, SORT_TOKENS, SORT_FAILED, SORT_FLAGGED };
struct request_row {
	int64_t id; /* time-ordered; what `requests show` takes, as text in hexadecimal */
	struct request request; /* strings owned by the result */
	int64_t import_key; /* 0 when collected */
};
struct request_query {
	struct view view; /* window and dim filters */
	enum request_sort sort;
	size_t limit;              /* 1-10000 */
	bool failed_only, flagged_only;
	struct str attr_values[ATTR_COUNT]; /* non-empty: must equal */
	struct str error_type;     /* non-empty: must equal */
	bool has_trace;
	uint8_t trace_id[16];
	int64_t scan_limit;        /* stop after so many raw rows, 0 = none; newest first */
};
struct request_result {
	struct request_row *rows;
	size_t row_count;
	int64_t scanned;
	bool truncated; /* scan_limit was hit: scanned_from_us tells how far back it looked */
	int64_t scanned_from_us;
	struct arena arena;
};
int query_requests(struct store_reader *r, const struct request_query *q,
                   struct request_result *out, struct err *err);
int query_request(struct store_reader *r, int64_t id, struct request_result *out, struct err *err);
void request_result_fini(struct request_result *res);

/* One trace: its requests, newest first, the steps around them (agents, tools, retrievals) by their end,
 * and what evaluators said of it by time. Looks an hour to each side of around_us; `truncated` when there is more than is given. */
struct trace_result {
	struct request_row *requests;
	size_t request_count;
	struct span *spans; /* strings owned by the result */
	size_t span_count;
	struct evaluation *evaluations; /* without dims; strings owned by the result */
	size_t evaluation_count;
	bool truncated;
	struct arena arena;
};
int query_trace(struct store_reader *r, const uint8_t trace_id[16], int64_t around_us, struct trace_result *out,
                struct err *err);
void trace_result_fini(struct trace_result *res);

/* Mean evaluation scores by deployment and evaluation; at most the newest 20,000 results of the window. */
#define SCORE_ROWS_MAX 64
struct score_row {
	const char *deployment, *name;
	int64_t count;
	double mean;
	double variance; /* of the sample; NaN for fewer than two */
};
struct score_result {
	struct score_row *rows;
	size_t row_count;
	struct arena arena;
};
/* Empty service or environment: any. */
int query_scores(struct store_reader *r, struct str service, struct str environment, int64_t from_us, int64_t to_us,
                 struct score_result *out, struct err *err);
void score_result_fini(struct score_result *res);

/* Feedback items, newest first. Texts are empty with text_withheld when the text file cannot be read. */
struct feedback_row {
	int64_t id;
	struct feedback item;
	bool text_withheld;
};
struct feedback_result {
	struct feedback_row *rows;
	size_t row_count;
	struct arena arena;
};
int query_feedback(struct store_reader *r, const struct view *v, size_t limit,
                   struct feedback_result *out, struct err *err);
void feedback_result_fini(struct feedback_result *res);

/* Rollouts as last reported, with the arriving share measured from the requests in the view's
 * window. */
struct rollout_row {
	struct rollout_state state;
	double arriving_percent[ROLLOUT_ARMS_MAX]; /* NaN when no request tells */
	int64_t arriving_requests[ROLLOUT_ARMS_MAX];
};
struct rollout_result {
	struct rollout_row *rows;
	size_t row_count;
	struct arena arena;
};
int query_rollouts(struct store_reader *r, const struct view *v, struct rollout_result *out,
                   struct err *err);
/* Every change of a rollout's state in the window, oldest first. */
int query_rollout_history(struct store_reader *r, struct str name, int64_t from_us, int64_t to_us,
                          struct rollout_result *out, struct err *err);
void rollout_result_fini(struct rollout_result *res);

/* Gauge series: last, min, max, mean per step. */
struct gauge_series {
	const char *name, *source, *instance;
	size_t steps;
	double *last, *min, *max, *mean; /* NaN where there was no sample */
};
struct gauge_result {
	int64_t from_us, to_us, step_us;
	struct gauge_series *series;
	size_t series_count;
	struct arena arena;
};
int query_gauges(struct store_reader *r, struct str name_prefix, int64_t from_us, int64_t to_us,
                 int64_t step_us, struct gauge_result *out, struct err *err);
void gauge_result_fini(struct gauge_result *res);

/* Billing rows summed by (day, provider, model). */
struct billing_row {
	int64_t day_us;
	const char *provider, *model, *currency;
	int64_t cost_nusd, rows, unknown_cost_rows, input_tokens, output_tokens, requests;
};
struct billing_result {
	struct billing_row *rows;
	size_t row_count;
	struct arena arena;
};
int query_billing(struct store_reader *r, int64_t from_us, int64_t to_us,
                  struct billing_result *out, struct err *err);
void billing_result_fini(struct billing_result *res);

/* Appends the place that a source's last resume mark told; nothing when it has none. */
int query_resume(struct store_reader *r, struct str source, struct buf *out, struct err *err);

/* Imports whose first bytes hash alike: an importer compares prefixes to continue or refuse. */
struct import_row {
	struct import_mark mark;
	int64_t started_us, updated_us;
};
struct import_result {
	struct import_row *rows;
	size_t row_count;
	struct arena arena;
};
/* head_hash NULL: all of them, newest first. */
int query_imports(struct store_reader *r, const uint8_t head_hash[16], struct import_result *out,
                  struct err *err);
void import_result_fini(struct import_result *res);

/* Known values of a dimension, for completion; most recent use first, at most limit. */
struct names_result {
	const char **names;
	size_t name_count;
	struct arena arena;
};
int query_dim_values(struct store_reader *r, enum dim d, size_t limit, struct names_result *out,
                     struct err *err);
void names_result_fini(struct names_result *res);

/* Who did what, newest first. */
struct audit_row {
	int64_t id; /* from 1, without a gap */
	struct audit_entry entry; /* texts owned by the result */
};
struct audit_result {
	struct audit_row *rows;
	size_t row_count;
	struct arena arena;
};
int query_audit(struct store_reader *r, int64_t from_us, int64_t to_us, size_t limit, struct audit_result *out,
                struct err *err);
void audit_result_fini(struct audit_result *res);

/* Walks the audit's chain from its first row. `head` (NULL: none) is one that was kept elsewhere, as
 * "17:9f86…", and must be in the chain. */
struct audit_check {
	int64_t rows;      /* that fit the chain */
	char head[96];     /* of the last of them; "" when there is none */
	int64_t faulty_id; /* first row that is missing or does not fit; 0: all is well */
	bool head_seen;
	struct err words;  /* what is wrong with it */
};
int query_audit_check(struct store_reader *r, const char *head, struct audit_check *out, struct err *err);

/* Recounts the store: rollups of every tier against raw rows, marginals against leaves, sketches,
 * references, import marks, SQLite's own integrity check. Calls `finding` for each difference
 * (sentence) and `progress` (0-1) now and then. Returns the number of findings, -1 on error. */
int64_t store_check(struct store_reader *r, bool deep, void (*finding)(const char *text, void *arg),
                    void (*progress)(double share, void *arg), void *arg, struct err *err);

#endif
