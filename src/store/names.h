/* Interned strings and series. A series is one combination of the seven dimensions (a leaf), or a
 * pre-merged pseudo-series: everything, or everything with one value of one dimension (a
 * marginal). Used by the writer, which adds to it, and by readers, which only load it. Internal to
 * store/. */
#ifndef LLMDECK_STORE_NAMES_H
#define LLMDECK_STORE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"
#include "base/hash.h"
#include "core/dims.h"
#include "store/rollup.h"

#define SERIES_ALL 1u       /* id of the series of everything */
#define STRINGS_MAX 50000u  /* more distinct names than that become "(other)" */
#define NAME_OTHER "(other)"

enum series_kind { SERIES_IS_ALL, SERIES_IS_MARGINAL, SERIES_IS_LEAF };
struct series {
	uint8_t kind;
	uint8_t dim;               /* of a marginal */
	uint32_t value[DIM_COUNT]; /* string ids, 0 = not set; a marginal uses value[dim] alone */
	uint32_t marginal[DIM_COUNT]; /* of a leaf: the marginals it is part of */
	uint32_t next_bucket[TIER_COUNT]; /* writer: no stored row at or after this bucket; 0 unknown */
};
struct names {
	sqlite3 *db;
	struct strmap by_text; /* text -> string id */
	char **text;           /* by string id; [0] is "" */
	size_t text_count, text_cap;
	struct strmap by_dims; /* packed dimensions -> series id */
	struct series *series; /* by series id; [0] unused */
	size_t series_count, series_cap, leaf_count;
	size_t series_limit;   /* most leaves; beyond it dimensions become "(other)" */
	sqlite3_stmt *add_string, *add_series;
	bool full_said;
};

/* Loads what is stored. series_limit 0 = read-only use. */
int names_open(struct names *n, sqlite3 *db, size_t series_limit, struct err *err);
void names_close(struct names *n);
/* Loads again what others committed (readers) or after a rollback (the writer). */
int names_reload(struct names *n, struct err *err);
/* Text of a string id, "" for 0 and for unknown ids. */
const char *names_text(const struct names *n, uint32_t id);
/* Id of a string that is known, 0 when it is empty or unknown. */
uint32_t names_find(const struct names *n, struct str s);
/* Id of a string, added when new. 0 for the empty one. -1 on error. */
int names_intern(struct names *n, struct str s, uint32_t *id, struct err *err);
/* Id of the leaf series of these dimensions, added when new. */
int names_leaf(struct names *n, const struct str dims[DIM_COUNT], uint32_t *id, struct err *err);

#endif
