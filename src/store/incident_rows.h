/* An incident as a row. Internal to store/. */
#ifndef LLMDECK_STORE_INCIDENT_ROWS_H
#define LLMDECK_STORE_INCIDENT_ROWS_H

#include "core/incident.h"
#include "store/sql.h"

#define INCIDENT_COLUMNS \
	"SELECT id, opened_us, closed_us, reported_us, from_us, to_us, alert_id, state, title, owner, author, bad, filters FROM incidents "
void incident_row_read(sqlite3_stmt *st, struct arena *arena, struct incident *out);

/* What a line of incident_notes is. */
enum incident_line { INCIDENT_LINE_NOTE, INCIDENT_LINE_STATE, INCIDENT_LINE_FEEDBACK };

#endif
