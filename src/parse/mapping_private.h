/* What the files of the mapping share: its tables and a row while it is put together. Private to
 * src/parse/mapping*.c. */
#ifndef LLMDECK_PARSE_MAPPING_PRIVATE_H
#define LLMDECK_PARSE_MAPPING_PRIVATE_H

#include "base/hash.h"
#include "base/mem.h"
#include "core/text_memo.h"
#include "parse/convert.h"
#include "parse/mapping.h"

enum {
	RANK_SET = 255,
	RANK_MAP = 254,
	RANK_PRESET_FIRST = 250, /* and down to 150 by the row's place in the preset */
	COLUMNS_MAX = 4096,
	NESTING_MAX = 8, /* members deeper inside are ignored */
};
#define NOT_MAPPED (-1)
#define TIME_UNSET INT64_MIN

struct column {
	struct str path;      /* "usage.prompt_tokens" */
	struct str name;      /* its last part: the JSON key */
	uint32_t parent;      /* 0: the row itself, else column number + 1 */
	uint32_t next;        /* number + 1 of the column that followed last time */
	int field;            /* enum field, or NOT_MAPPED */
	int tag;              /* 0-7 for tag.NAME, else -1 */
	enum field_unit unit;
	uint8_t rank;
	bool inner;           /* something below it is or may be mapped */
	bool seen_value;      /* a scalar stood here: an ignored column worth naming */
	struct text_memo *memo; /* of a text that may repeat; else NULL */
};
struct map_rule {
	struct str column;
	int field, tag;
	enum field_unit unit;
	uint8_t rank;
	bool used;
};
struct set_rule {
	int field, tag;
	struct str value;
};

struct mapping {
	struct arena arena;
	enum row_kind kind;
	const struct preset *preset;
	struct map_rule *rules;
	size_t rule_count, rule_cap;
	struct set_rule *sets;
	size_t set_count, set_cap;
	struct str tags[TAG_MAX];
	size_t tag_count;
	struct time_reading times;
	struct str source;
	struct column *columns;
	size_t column_count, column_cap;
	struct strmap by_path;
	size_t *csv_columns; /* heading's place -> column number */
	size_t csv_count;
	enum field_unit score_unit;
	uint64_t batch;
	struct arena scratch; /* unescaped values of one row */
};

/* A row while it is put together. */
struct row {
	struct mapping *m;
	struct batch *batch;
	void *event;
	struct str whole;
	struct reject *why;
	uint32_t last; /* column number + 1 of the member before */
	int64_t time_us, end_us, first_token_us;
	bool has_status;
	struct flag flags[FLAGS_PER_REQUEST_MAX];
	uint32_t flag_count;
	uint8_t rank[FIELD_COUNT_ALL];
	uint8_t tag_rank[TAG_MAX];
};

/* The number of a column, added when it is new; COLUMNS_MAX when there are too many. */
size_t mapping_column(struct mapping *m, struct str path, struct str name, uint32_t parent);
/* The column of member `key` inside `parent` (0: the row itself); NULL when there are too many. */
struct column *mapping_member(struct row *row, uint32_t parent, struct str key);

/* Adds an empty event to the batch. `whole`: the record's bytes, for offsets. */
void row_begin(struct row *row, struct mapping *m, struct batch *b, struct str whole, struct reject *why);
/* Puts a scalar into the field or tag of its column, unless a surer column was there before. False:
 * the value is wrong, the reason is filled in. */
bool row_put(struct row *row, struct column *c, struct str s);
/* The constants of every row. NULL, or why one of them is wrong. */
const char *row_put_set(struct row *row, const struct set_rule *rule);
/* Constants, what follows from other fields, and checks over the whole row. */
bool row_end(struct row *row);
/* Takes the event back out of the batch. */
void row_drop(struct row *row);
bool row_reject(struct row *row, const char *reason);

/* A column's text that holds a JSON object with mapped members (mapping_json.c). */
bool row_walk_text(struct row *row, uint32_t parent, struct str text);

#endif
