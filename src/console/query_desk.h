/* People's own SQL on a thread and a connection of its own: neither the loader nor the collector nor other
 * consoles feel it, and it can be cancelled at any moment. Also keeps what was asked before in a file. */
#ifndef LLMDECK_CONSOLE_QUERY_DESK_H
#define LLMDECK_CONSOLE_QUERY_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "panels/query.h"

struct query_desk;

#define QUERY_ROWS 1000
#define QUERY_TIME_US (INT64_C(30) * 1000000)
#define QUERY_NAMES_MAX 512
#define QUERY_HISTORY_BYTES ((size_t)64 << 10)

/* Names for completion. Owned by who took them (query_names_free). */
struct query_names {
	char **names; /* "v_requests", "end_us", …; views first */
	size_t count, view_count;
	char *history; /* earlier statements, one a line, oldest first */
};
void query_names_free(struct query_names **n);

/* How a question ended. Owned by who took it (query_outcome_free). */
struct query_outcome {
	struct query_table *table; /* NULL: it failed */
	char words[400];
	bool cancelled;
	double took_s;
	struct buf csv, json;      /* the whole answer, as `llmdeck query` prints it */
};
void query_outcome_free(struct query_outcome **o);

/* `wake_fd` is written one byte when there is news. `history_path` NULL: nothing is kept. */
struct query_desk *query_desk_start(const char *store_path, const char *history_path, int wake_fd);
/* Cancels what runs and joins; waits at most `wait_us`. */
void query_desk_stop(struct query_desk **d, int64_t wait_us);
/* UI thread, none waits. Reads the names and the history, once. */
void query_desk_open(struct query_desk *d);
/* Runs a statement; one that is running is cancelled first. */
void query_desk_ask(struct query_desk *d, const char *sql);
void query_desk_cancel(struct query_desk *d);
/* What has come; NULL: nothing. */
struct query_outcome *query_desk_take(struct query_desk *d);
struct query_names *query_desk_names(struct query_desk *d);

#endif
