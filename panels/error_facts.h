/* What the errors page says beside counts: storms of retries, and how much of a rate limit is left. */
#ifndef LLMDECK_PANELS_ERROR_FACTS_H
#define LLMDECK_PANELS_ERROR_FACTS_H

#include "panels/panel.h"

#define HEADROOM_MAX 4

/* Second and later tries among the newest raw rows. A storm: at least a fifth of them, and twenty. */
struct retries {
	int64_t from_us, told, again; /* requests since from_us that tell their try; of them repeated ones */
	bool storm;
	char where[160];              /* who repeats most: service and provider, from outside; "" nobody */
	double where_share;           /* of all repeated ones */
};
int retries_load(struct retries *out, const struct panel_query *query, struct err *err);

/* What replies told last of a rate limit, the least first. */
struct headroom {
	char instance[96]; /* from outside */
	bool tokens;       /* else requests */
	double left;
	int64_t age_us;
};
struct headrooms {
	struct headroom rows[HEADROOM_MAX];
	size_t count;
};
int headrooms_load(struct headrooms *out, const struct panel_query *query, struct err *err);

/* A line each; nothing to say draws nothing. Return whether they drew. */
bool retries_draw(const struct retries *r, const struct panel_frame *frame, struct surface *s, int y);
bool headrooms_draw(const struct headrooms *h, struct surface *s, int y);

#endif
