/* What a panel or a report looks at: window, filters, grouping. Plain data, freely copied. */
#ifndef LLMDECK_CORE_VIEW_H
#define LLMDECK_CORE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/dims.h"

#define VIEW_FILTERS_MAX 12
#define VIEW_VALUE_BYTES (200 + 1)

struct filter {
	enum dim dim;
	bool inverted; /* != */
	char value[VIEW_VALUE_BYTES]; /* the whole value; filters on one dim are or-ed, dims are and-ed */
};

struct view {
	int64_t from_us, to_us; /* [from, to) */
	int64_t step_us;        /* series step; 0 = totals only */
	struct filter filters[VIEW_FILTERS_MAX];
	size_t filter_count;
	enum dim by[DIM_COUNT];
	size_t by_count; /* 0 = one group */
};

/* Parses "service=chat", "model!=gpt-4o" and adds it; names the field and what is allowed. */
int view_add_filter(struct view *v, struct str text, struct err *err);
/* Parses "service,model" into by[]. */
int view_set_by(struct view *v, struct str text, struct err *err);
/* "service=chat model!=x" for headers and copied commands. Returns out. */
char *view_format_filters(const struct view *v, char *out, size_t cap);
/* " --from T --to T --where service=chat", as commands take it: appended, each value as one word for the shell. */
void view_append_options(const struct view *v, int64_t from_us, int64_t to_us, struct buf *out);
bool view_equal(const struct view *a, const struct view *b);

/* The smallest of 10, 20, 30 s, 1, 2, 3, 5, 10, 20, 30 min, 1, 2, 3, 6, 12 h, 1, 2, 3, 5 d and whole
 * weeks with which at most `columns` steps, counted from multiples of the step, touch the window. */
int64_t view_choose_step_us(int64_t from_us, int64_t to_us, int columns);

#endif
