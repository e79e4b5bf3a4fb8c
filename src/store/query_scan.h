/* A fast walk over the raw requests of a window, for what no rollup keeps: heat maps, the suspects of an
 * incident, any count by two things at once. Millions of rows a second; nothing is allocated per row.
 *
 * Names are numbers here: the same text has the same number as long as the reader is open, 0 is the empty
 * one. Count by the numbers, then ask scan_name() for the few that are shown. `series` is one number for
 * all seven dimensions together: a table indexed by it (below scan_series_count()) counts by any of them
 * without looking at them row by row.
 *
 *	static bool count(const struct scan_row *row, void *arg)
 *	{
 *		int64_t *by_series = arg;
 *		by_series[row->series]++;
 *		return true;
 *	}
 *	struct scan_query q = {.view = view, .attrs = 1u << ATTR_USER};
 *	failed = query_scan(reader, &q, count, by_series, &err);
 *
 * Thread and errors as for every query (store/query.h). */
#ifndef LLMDECK_STORE_QUERY_SCAN_H
#define LLMDECK_STORE_QUERY_SCAN_H

#include "store/query.h"

/* What lies apart from the figures and is read only when it is asked for. */
enum scan_field {
	SCAN_IDS = 1u << 0,   /* trace_id, span_id, parent_id */
	SCAN_FLAGS = 1u << 1, /* flags; their number is always there */
};

/* Where a walk in slices is. All zero but for until_mono_us: at its beginning. */
struct scan_place {
	int64_t until_mono_us; /* when the slice ends; a few hundred rows are always looked at */
	int64_t before_id;     /* what it has not come to: the rows below this id; 0: all */
	bool paused;           /* the slice ended before the walk did */
};

struct scan_query {
	struct view view;        /* [from_us, to_us) of the requests' ends, and its filters; no grouping */
	unsigned fields;         /* enum scan_field bits */
	unsigned attrs;          /* 1u << enum attr of those that are asked for */
	bool failed_only;
	bool newest_first;       /* else oldest first */
	struct scan_place *place; /* newest first only: the walk goes on from there and pauses; NULL: it does not */
};

struct scan_flag {
	uint32_t category; /* a name */
	int8_t severity;   /* 0-7; -1 unknown */
	uint8_t action;    /* enum flag_action */
};

/* A request. Everything behind a pointer is valid during the call only. */
struct scan_row {
	int64_t id, end_us;
	int64_t latency_us, ttft_us; /* this and the tokens: UNKNOWN_INT when nobody told */
	int64_t input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens;
	int64_t cost_nusd;       /* 0 with COST_UNPRICED */
	uint32_t series;         /* below scan_series_count() */
	const uint32_t *dims;    /* names by enum dim */
	uint32_t operation, request_model, error_type, finish_reason, outcome, source, cost_basis; /* names */
	uint16_t http_status;    /* 0 unknown */
	uint8_t cost_source, status, attempt; /* as in struct request */
	bool errors_unseen;
	uint32_t flag_count;
	const struct scan_flag *flags;  /* NULL unless asked for */
	const struct str *attrs;        /* by enum attr; empty unless asked for */
	bool has_trace, has_span, has_parent; /* false unless asked for */
	const uint8_t *trace_id, *span_id, *parent_id; /* 16, 8, 8 bytes */
};

/* In the call for a row: reads of it what the walk did not ask for and only some rows need. Values that were
 * there before are gone where they are not asked for again. False when the row is damaged. */
bool scan_row_read(const struct scan_row *row, unsigned fields, unsigned attrs);

/* Called for each request; false ends the walk. It must not use the reader but for the functions below. */
typedef bool scan_fn(const struct scan_row *row, void *arg);
int query_scan(struct store_reader *r, const struct scan_query *q, scan_fn *fn, void *arg, struct err *err);

/* Text of a name, valid while the reader is open and no other query begins; "" for 0. */
const char *scan_name(const struct store_reader *r, uint32_t name);
/* The number of a text; 0 when it is empty or the store does not know it. Right within and after a query. */
uint32_t scan_find_name(const struct store_reader *r, struct str text);
size_t scan_series_count(const struct store_reader *r);
/* The seven names of a series. */
const uint32_t *scan_series_dims(const struct store_reader *r, uint32_t series);

#endif
