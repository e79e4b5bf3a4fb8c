/* An incident between the collector, the store and those who look. Plain data; strings are borrowed from
 * whoever gave it, and come from outside. */
#ifndef LLMDECK_CORE_INCIDENT_H
#define LLMDECK_CORE_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/view.h"

enum incident_state { INCIDENT_OPEN, INCIDENT_INVESTIGATING, INCIDENT_IDENTIFIED, INCIDENT_MITIGATED, INCIDENT_CLOSED, INCIDENT_STATES };
/* "open", "investigating", "identified", "mitigated", "closed". */
const char *incident_state_name(enum incident_state s);
bool incident_state_from_name(struct str name, enum incident_state *out);

struct incident {
	int64_t id;
	int64_t opened_us, closed_us;  /* closed_us 0: it is open */
	int64_t reported_us;           /* a report was written after it was closed; 0 not yet. Then its rows are let go */
	int64_t from_us, to_us;        /* the window it pins: raw rows and spans of it are kept. to_us 0: still going on */
	int64_t alert_id;              /* it was opened from; 0 none */
	enum incident_state state;
	const char *title, *owner, *author; /* owner "" nobody; author: who opened it */
	const char *bad;               /* what bad_parse() reads; "" not told */
	struct view where;             /* its filters; window and grouping are not used */
};
/* "INC-88", and back from "88", "INC-88", "inc-88"; 0 when it is neither. */
#define INCIDENT_NAME_BYTES 32
char *incident_name(int64_t id, char out[INCIDENT_NAME_BYTES]);
int64_t incident_id(struct str text);
/* Whether its window's rows are kept whatever the retention. */
static inline bool incident_pins(const struct incident *i)
{
	return !i->closed_us || !i->reported_us;
}

/* Its filters as lines, "service=chat", and back; -1 when a line is no filter. */
void incident_where_format(const struct view *where, struct buf *out);
int incident_where_parse(struct str text, struct view *out, struct err *err);

#define INCIDENT_TITLE_MAX_BYTES 200
#define INCIDENT_NOTE_MAX_BYTES 4000

#endif
