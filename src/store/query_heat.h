/* Heat maps: how many requests (or findings) lie in each step of time and each band of a figure. As
 * store/query.h: no SQL, short read transactions. */
#ifndef LLMDECK_STORE_QUERY_HEAT_H
#define LLMDECK_STORE_QUERY_HEAT_H

#include "core/bad.h"
#include "store/query.h"

enum heat_kind {
	HEAT_LATENCY, /* bands of the whole call */
	HEAT_TTFT,
	HEAT_COST,
	HEAT_ERRORS,  /* a band an error type */
	HEAT_FLAGS,   /* a band a flag category; counts findings */
	HEAT_KINDS
};
/* "latency", "ttft", "cost", "errors", "flags". */
const char *heat_kind_name(enum heat_kind k);

#define HEAT_BANDS_MAX 64
struct heat_band {
	struct bad_range range; /* of log bands: µs or nano-dollars, [low, high). The lowest begins at 0, the highest ends at
	                         * INT64_MAX; edges are those of the sketches' cells, so that counts from raw rows agree */
	int64_t label;          /* the round value its lower edge stands for (less than 1 % off); 0 for the lowest */
	const char *name;       /* of error types and flag categories; "" for log bands */
	int64_t count;          /* over all steps */
};
struct heat_result {
	enum heat_kind kind;
	int64_t from_us, to_us, step_us; /* as widened by query_figures() */
	size_t steps, band_count;
	struct heat_band *bands; /* log bands: lowest first; names: most frequent first, the rest as "(other)" */
	int64_t *counts;         /* [band * steps + step] */
	int64_t *step_counts;    /* all bands of a step: what the latency panel's series counts there */
	int64_t total, most;     /* everything; the fullest cell */
	int64_t requests;        /* in the window; those beyond `total` did not tell the figure */
	struct arena arena;
};
/* `bands`: most bands wanted, 3-HEAT_BANDS_MAX. The view's step must be set; by[] is not used. Counts come from
 * the rollups that the panels and `report` read: bands and steps add up to their counts exactly. */
int query_heat(struct store_reader *r, enum heat_kind kind, const struct view *v, int bands, struct heat_result *out,
               struct err *err);
/* Another window in the bands of `like`, so that the rows of both can be compared; names that `like` has not are
 * "(other)", its last band. */
int query_heat_like(struct store_reader *r, const struct heat_result *like, const struct view *v, struct heat_result *out,
                    struct err *err);
void heat_result_fini(struct heat_result *res);

/* The requests of a cell, for query_suspects() and query_bad_requests(); step SIZE_MAX: of all steps, band SIZE_MAX: of
 * all bands. "(other)" selects every error or flag. */
void heat_cell(const struct heat_result *h, size_t band, size_t step, struct bad *out);

#endif
