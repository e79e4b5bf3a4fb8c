/* Columns → fields: by --map and --set, by a preset, by name. Turns CSV rows and JSON objects into the
 * events of core/event.h, checking every value. Reads no file and stores nothing. One thread. */
#ifndef LLMDECK_PARSE_MAPPING_H
#define LLMDECK_PARSE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "core/event.h"
#include "parse/csv.h"
#include "parse/fields.h"

struct mapping_options {
	enum row_kind kind;
	const struct preset *preset;   /* NULL: none */
	const char *const *maps;       /* "FIELD=COLUMN[:UNIT]" */
	size_t map_count;
	const char *const *sets;       /* "FIELD=VALUE": every row gets it, whatever its columns say */
	size_t set_count;
	const char *const *tags;       /* configured names for tag.NAME */
	size_t tag_count;
	const struct tz *tz;           /* for times without a zone; NULL = UTC */
	bool has_origin;
	int64_t origin_us;             /* for times that count from 0 */
	struct str source;             /* source name of every row */
};

struct mapping;
/* -1 with a sentence on an unknown field, unit or tag, or a bad value in a --set. Copies what it
 * keeps, but for the zone. */
int mapping_new(struct mapping **out, const struct mapping_options *o, struct err *err);
void mapping_free(struct mapping **m);

/* Takes the CSV header. -1 when no column gives the time, or a --map names a column that is not there. */
int mapping_header(struct mapping *m, const struct csv_row *header, struct err *err);

/* Why a row was rejected, and where. */
struct reject {
	size_t offset;     /* into the row's bytes */
	char reason[256];  /* "input_tokens: "abc" is not a whole number"; value made harmless */
	bool shape;        /* the row's shape is wrong (fields too few or many), not a value */
};

/* Adds one CSV row as an event to the batch. False: rejected, nothing added. */
bool mapping_add_csv(struct mapping *m, struct batch *b, const struct csv_row *row, struct reject *why);
/* Adds one JSON object; it may hold several rows (presets with rows_at). False: rejected, nothing of it
 * added. `object` must stay until the batch is stored. */
bool mapping_add_json(struct mapping *m, struct batch *b, struct str object, struct reject *why);

/* The rows of a batch are going to be stored and the batch reset: forget what points into it. */
void mapping_batch_done(struct mapping *m);

/* Unit in which scores come (UNIT_SIGNED or UNIT_SHARE_OF_ONE), for judging them. */
enum field_unit mapping_score_unit(const struct mapping *m);

/* Appends one line per mapped column, constant, and one with the ignored ones: "  ts → time". */
void mapping_describe(const struct mapping *m, struct buf *out);
/* Appends the names of the columns ignored so far, comma-separated; returns how many. */
size_t mapping_ignored(const struct mapping *m, struct buf *out);

#endif
