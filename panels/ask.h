/* What the panels of a page are pointed at beside window and filters: a trace, a cell of a heat map. Plain
 * data: the screen changes it, the loader gets a copy. */
#ifndef LLMDECK_PANELS_ASK_H
#define LLMDECK_PANELS_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bad.h"
#include "core/dims.h"
#include "panels/triage_ask.h"

/* The parts of an ask: a panel is loaded anew when one that it follows has changed. */
enum ask_part { ASK_TRACE = 1, ASK_CELL = 2, ASK_INCIDENT = 4, ASK_TRIAGE = 8, ASK_PARTS = 4 /* how many */ };

struct panel_ask {
	uint32_t serials[ASK_PARTS]; /* raised with every change of the part; see panel_ask_changed() */
	/* ASK_TRACE */
	bool has_trace;
	uint8_t trace_id[16];
	int64_t trace_around_us;     /* 0: from the window's end backwards */
	int64_t trace_request;       /* the request that led to it; 0 none */
	/* ASK_CELL: a cell of the incident page's heat map */
	bool cell_chosen;            /* else the requests are those that the page itself thinks bad */
	struct bad cell;
	/* ASK_INCIDENT */
	int heat;                    /* enum heat_kind */
	int64_t incident_id;         /* one that was opened; 0: none */
	int64_t since_us;            /* when the bad part of the window begins; 0: not known */
	int64_t until_us;            /* when it was over; 0: it was not */
	double limit;                /* of the alert that led here, in the metric's unit; NaN or 0: none */
	int64_t other_from_us, other_to_us; /* a window to compare with; other_to_us 0: none */
	int64_t other_ago_us;        /* not 0: instead of it the page's own window so much earlier */
	/* ASK_TRIAGE */
	struct triage_ask triage;
};

static inline void panel_ask_changed(struct panel_ask *ask, unsigned parts)
{
	for (unsigned i = 0; i < ASK_PARTS; i++)
		ask->serials[i] += parts >> i & 1;
}
/* Changes whenever one of the parts has. */
static inline uint64_t panel_ask_serial(const struct panel_ask *ask, unsigned parts)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ASK_PARTS; i++)
		sum += parts >> i & 1 ? ask->serials[i] : 0;
	return sum;
}

/* The trace behind a row. */
struct trace_pick {
	uint8_t trace_id[16];
	int64_t around_us;
	int64_t request; /* 0: no request of it was meant */
};

#endif
