/* Names of the qualities as they stand in machine-readable output. */
#include "core/value.h"

const char *quality_name(enum quality q)
{
	static const char *const names[] = {"unknown", "ok", "stale", "denied", "lower_bound",
	                                    "estimate"};

	return names[q];
}
