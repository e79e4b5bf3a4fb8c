/* A figure and how far it can be trusted: never silently zero. */
#ifndef LLMDECK_CORE_VALUE_H
#define LLMDECK_CORE_VALUE_H

#include <stdbool.h>

enum quality {
	QUALITY_UNKNOWN,     /* nobody told us; shown as – */
	QUALITY_OK,
	QUALITY_STALE,       /* right when it was taken; shown dimmed with its age */
	QUALITY_DENIED,      /* the source refuses to tell */
	QUALITY_LOWER_BOUND, /* at least this much; shown with ≥ */
	QUALITY_ESTIMATE,    /* from buckets or a model; shown with ~ */
};

struct value {
	double number; /* in the unit of the figure; meaningless when UNKNOWN or DENIED */
	enum quality quality;
};

static inline struct value value_ok(double number) { return (struct value){number, QUALITY_OK}; }
static inline struct value value_unknown(void) { return (struct value){0, QUALITY_UNKNOWN}; }
static inline bool value_known(struct value v)
{
	return v.quality != QUALITY_UNKNOWN && v.quality != QUALITY_DENIED;
}
/* "ok", "unknown", "stale", "denied", "lower_bound", "estimate". */
const char *quality_name(enum quality q);

#endif
