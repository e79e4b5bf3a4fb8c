/* SQL of people's own over the documented views (llmdeck-store(5)): read-only, bounded in time, rows and
 * memory, and to be stopped at any moment. It has a connection of its own, so that neither the
 * collector nor a console feels it. */
#ifndef LLMDECK_STORE_ASK_H
#define LLMDECK_STORE_ASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct store_asker;

/* Errors as store_reader_open(). */
int store_asker_open(struct store_asker **out, const char *path, struct err *err);
void store_asker_close(struct store_asker **a);
/* Any thread: the running question ends at once with "interrupted", or else the next one. */
void store_asker_interrupt(struct store_asker *a);
/* What it sets, for a signal's handler; lives as long as the asker. */
atomic_bool *store_asker_interrupted(struct store_asker *a);

enum answer_kind { ANSWER_NULL, ANSWER_INTEGER, ANSWER_REAL, ANSWER_TEXT, ANSWER_BLOB };
struct answer_cell {
	enum answer_kind kind;
	int64_t integer;
	double real;
	struct str text; /* TEXT and BLOB; from outside: to be made harmless before it is shown */
};
struct answer {
	const char **columns;
	size_t column_count;
	struct answer_cell *cells; /* row by row */
	size_t row_count;
	bool more; /* the row limit cut it */
	struct arena arena;
};
struct ask_limits {
	size_t rows;        /* 1-1,000,000 */
	int64_t timeout_us; /* > 0 */
};

/* One SELECT (or WITH … SELECT, VALUES) statement. -1 with a sentence on a syntax error, on anything that
 * would write, attach or reach outside the views, on the time limit ("timed_out" is set) and when
 * interrupted. */
int store_ask(struct store_asker *a, struct str sql, const struct ask_limits *limits, struct answer *out,
              bool *timed_out, struct err *err);
void answer_fini(struct answer *answer);

#endif
