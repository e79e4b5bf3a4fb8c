/* Asking the store about incidents. As store/query.h: no SQL, short read transactions. */
#ifndef LLMDECK_STORE_QUERY_INCIDENTS_H
#define LLMDECK_STORE_QUERY_INCIDENTS_H

#include "core/bad.h"
#include "core/incident.h"
#include "store/query_alerts.h"
#include "store/query_marks.h"

struct incident_result {
	struct incident *rows; /* open ones first, then newest first */
	size_t row_count;
	struct arena arena;
};
/* Those that are open, and those closed at or after closed_since_us; 0: all. */
int query_incidents(struct store_reader *r, int64_t closed_since_us, struct incident_result *out, struct err *err);
void incident_result_fini(struct incident_result *res);

/* What happened, in one list: marks of the window and what was written or done in the incident. */
enum timeline_kind { TIMELINE_MARK, TIMELINE_NOTE, TIMELINE_STATE, TIMELINE_FEEDBACK };
struct timeline_row {
	int64_t time_us;
	enum timeline_kind kind;
	enum mark_kind mark;   /* with TIMELINE_MARK */
	enum severity severity;
	int64_t id;            /* of the alert, audit row or feedback item; 0 none */
	const char *who, *name, *text; /* from outside */
};
struct incident_detail {
	struct incident incident;      /* id 0: there is none of that number */
	struct timeline_row *timeline; /* oldest first; fills itself until the incident is closed */
	size_t timeline_count;
	struct alert_result alerts;    /* that were firing in its window */
	int64_t *feedback;             /* ids of the items that were added to it, oldest first */
	size_t feedback_count;
	struct arena arena;
};
/* One with all that belongs to it. Its timeline reaches from an hour before its window to its end, or to
 * now_us while it is open. */
int query_incident(struct store_reader *r, int64_t id, int64_t now_us, struct incident_detail *out, struct err *err);
void incident_detail_fini(struct incident_detail *d);

#endif
