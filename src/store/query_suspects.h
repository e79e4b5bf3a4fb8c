/* What the bad requests of a window have in common, and which they are. As store/query.h: no SQL, short
 * read transactions. */
#ifndef LLMDECK_STORE_QUERY_SUSPECTS_H
#define LLMDECK_STORE_QUERY_SUSPECTS_H

#include "core/bad.h"
#include "core/suspects.h"
#include "store/query.h"

struct suspects_query {
	struct view view;     /* window and filters: bad and good requests alike come from here */
	struct bad bad;       /* which of them are bad, a part of the window's time included */
	size_t limit;         /* 1-SUSPECTS_RANKED_MAX */
	bool weak;            /* also values that do not stand out, behind the others, named == false */
	int64_t scan_limit;   /* rows at most, spread evenly over the window; 0 = every one */
	size_t request_limit; /* bad requests to give too, 0-10,000 */
	enum request_sort sort;
	int64_t against_from_us, against_to_us; /* another window, see below; against_to_us 0: none */
};
struct suspect_row {
	const char *attribute; /* "model", "tool", "input_tokens" …: a dimension's or attribute's name where it is one */
	const char *value;     /* "gpt-4o"; of token counts "4k-8k" or ">=8k" */
	int64_t bad, total;
	double lift, lift_low, evidence; /* core/suspects.h */
	bool named;
	int explained_by;      /* index of the row it merely goes along with; -1 */
};
struct suspects_result {
	int64_t bad, total;    /* requests that were looked at */
	bool against_before;   /* see below: the rows' totals are of `compared` requests then */
	bool against_window;   /* two windows: bad are the first one's, compared those of both */
	int64_t compared;      /* requests among which the values were compared: `total`, or those that are bad but for their time */
	int64_t window_requests; /* in the window, by the rollups; more than total: a sample was taken */
	bool sampled;
	size_t tried;          /* values that were compared */
	struct suspect_row *rows;
	size_t row_count, named_count;
	struct request_row *requests; /* bad ones, first by `sort` */
	size_t request_count;
	struct arena arena;
};
/* When the condition is about a part of the window's time and something else (slow since 13:12, a cell of a heat map),
 * its requests are compared first with those of the same kind at other times: what changed? Where that names nobody,
 * or there were none at other times, and where the condition says no time, with all other requests.
 *
 * Two windows (against_to_us not 0): what does the view's window have more of than the other one? Its requests that
 * meet the condition, whenever they ended, stand for the bad ones, those of the other window that meet it for the
 * good ones; requests that do not meet it are not looked at, and the condition may be empty. Of each window half of
 * scan_limit is read at most. Same test and same bound. A session is no suspect there: it ends by itself.
 *
 * What a request fails by (its error type) is no suspect of its failing, nor is the length of an answer of
 * its being slow or dear, nor being cut by a filter of its flags. A value that is not told is none. */
int query_suspects(struct store_reader *r, const struct suspects_query *q, struct suspects_result *out, struct err *err);
void suspects_result_fini(struct suspects_result *res);

/* The same in slices, for who must answer soon. The search belongs to the reader's thread and ends before the
 * reader does; the query is copied. */
struct suspects_search;
struct suspects_search *suspects_search_new(struct store_reader *r, const struct suspects_query *q);
/* Goes on for about so long (0: to the end): 1 when all is done, 0 when it is to be called again, -1 with a sentence. */
int suspects_search_go_on(struct suspects_search *s, int64_t for_us, struct err *err);
/* How much is done, 0-1. */
double suspects_search_share(const struct suspects_search *s);
/* The result of a search that is done, once; the caller's. */
void suspects_search_take(struct suspects_search *s, struct suspects_result *out);
void suspects_search_free(struct suspects_search **s);

/* The bad requests alone: limit 1-10,000; scan_limit as above, but the newest rows. `truncated` when it was hit;
 * the rows are first by `sort` among those that were looked at. */
int query_bad_requests(struct store_reader *r, const struct view *v, const struct bad *bad, enum request_sort sort, size_t limit,
                       int64_t scan_limit, struct request_result *out, struct err *err);

/* The same in slices, as above. */
struct bad_search;
struct bad_search *bad_search_new(struct store_reader *r, const struct view *v, const struct bad *bad, enum request_sort sort,
                                  size_t limit, int64_t scan_limit);
int bad_search_go_on(struct bad_search *s, int64_t for_us, struct err *err);
double bad_search_share(const struct bad_search *s);
void bad_search_take(struct bad_search *s, struct request_result *out);
void bad_search_free(struct bad_search **s);

#endif
