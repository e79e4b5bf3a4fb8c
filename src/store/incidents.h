/* Writing incidents. All inside the open transaction (starting one if needed): for jobs on the writer's
 * thread. Reading them is in store/query_incidents.h. */
#ifndef LLMDECK_STORE_INCIDENTS_H
#define LLMDECK_STORE_INCIDENTS_H

#include "core/incident.h"
#include "store/writer.h"

/* Adds the incident and gives it the next number; id, closed_us and reported_us are ignored. */
int store_incident_open(struct store_writer *w, const struct incident *i, int64_t *id, struct err *err);

/* One change; what is not meant stays as it is. */
struct incident_change {
	int64_t id, time_us;
	const char *author;          /* who changes it, as the audit names them; from outside */
	const char *note;            /* NULL none; becomes a line of the timeline */
	const char *owner, *title;   /* NULL as before; owner "" nobody */
	bool set_state;
	enum incident_state state;   /* INCIDENT_CLOSED closes it, any other opens it again */
	bool set_window;
	int64_t from_us, to_us;      /* to_us 0: still going on */
	bool reported;               /* a report was written; counts for its rows when it is closed */
	int64_t feedback_id;         /* added to it; 0 none */
};
/* The incident as it was before goes to *before (strings in the arena), for the audit. 1 with a sentence, and nothing
 * changed, when there is no such incident or feedback item; -1 on error. */
int store_incident_change(struct store_writer *w, const struct incident_change *c, struct incident *before, struct arena *arena,
                          struct err *err);

/* Windows that incidents pin: raw rows and spans in them are kept. At most `most`, by time; to_us of one that
 * goes on is INT64_MAX. Returns how many, -1 on error. */
struct pinned {
	int64_t from_us, to_us;
};
int store_incident_pins(struct store_writer *w, struct pinned *out, size_t most, struct err *err);

#endif
