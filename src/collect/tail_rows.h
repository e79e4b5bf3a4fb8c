/* Records of a followed log as events: the mapping of import, set up from a source's keys. Private to
 * src/collect/tail*.c. */
#ifndef LLMDECK_COLLECT_TAIL_ROWS_H
#define LLMDECK_COLLECT_TAIL_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/source.h"
#include "parse/rows.h"

struct tail_rows;

struct tail_rows_options {
	const struct source_env *env;
	enum rows_format format; /* AUTO: told by the first bytes */
	const char *kind;        /* "request" or "feedback" */
	const char *preset;      /* "": none */
	const char *tz, *origin; /* "": UTC, none */
};
/* NULL with a sentence when the keys make no mapping. */
struct tail_rows *tail_rows_new(const struct tail_rows_options *o, struct err *err);
void tail_rows_free(struct tail_rows **r);

/* Says that reading goes on in a file that begins with `head`, at `offset`. Returns where its rows
 * begin (behind a CSV's header, or 0), or -1 while the head tells too little (`whole`: it is all there
 * is). -2 with a sentence when it cannot be followed. */
int64_t tail_rows_enter(struct tail_rows *r, struct str head, bool whole, struct err *err);

/* Takes records of `window` (which must stay until the batch is stored) into the batch until it has
 * rows_max rows. Returns how many bytes are done with; `last`: nothing follows the window. */
size_t tail_rows_take(struct tail_rows *r, struct batch *b, struct str window, bool last, size_t rows_max);
/* The batch is handed over. */
void tail_rows_batch_done(struct tail_rows *r);

/* Rows that could not be taken, and why the last one: "at byte 123: …" with `offset` the place of the
 * window given last. */
uint64_t tail_rows_rejected(const struct tail_rows *r);
const char *tail_rows_last_reject(const struct tail_rows *r);
/* Where the window given next stands in its file. */
void tail_rows_at(struct tail_rows *r, uint64_t offset);

#endif
