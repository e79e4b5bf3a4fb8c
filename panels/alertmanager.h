/* What the Alertmanagers hold: alerts that others sent them, and all of their silences. Two pages. */
#ifndef LLMDECK_PANELS_ALERTMANAGER_H
#define LLMDECK_PANELS_ALERTMANAGER_H

#include "panels/panels.h"
#include "store/query_alertmanagers.h"

#define AM_PICK_LINES 12
/* The alert or silence under the cursor: a copy, so that a dialog stays bound to it. All text is from outside. */
struct am_pick {
	bool is_silence;
	char manager[101], target[65];     /* target: the alert's fingerprint or the silence's id */
	char name[120];                    /* the alert's name, or the silence's matchers */
	char lines[AM_PICK_LINES][160];    /* matchers: of the silence, or of one for exactly this alert */
	size_t line_count, lines_left_out;
	char state[16], author[64], comment[200];
	char silence[65];                  /* of an alert: the first silence that holds it; "" none */
	size_t holds;                      /* of a silence: how many alerts of others it holds; of an alert: how many silences hold it */
	int64_t ends_us;                   /* of a silence */
	char worth[160];                   /* "" when the list is of now, else what it is worth */
};
/* `state` is that of one of the two panels. False when there is no row. */
bool alertmanager_pick(const struct panel *panel, const void *state, const struct panel_frame *frame, struct am_pick *out);
/* The silence with this id, whatever the cursor is on. */
bool alertmanager_pick_silence(const void *state, const char *manager, const char *id, struct am_pick *out);
/* The key of a row of silences_panel. */
char *alertmanager_key(const char *manager, const char *target, char out[170]);

/* "am OK 3s: 2 alerts of others, 1 silence" for each, apart by "; ". "" when none is watched. */
void alertmanager_summary(const struct am_result *res, int64_t wall_us, struct buf *out);
/* Appends "silenced in am by mia until 13:45" when an Alertmanager keeps back the alert of ours with these labels (as
 * alert_record has them); nothing otherwise. */
void alertmanager_keeps_back(const struct am_result *res, const char *labels, const struct tz *tz, int64_t wall_us, struct buf *out);

#endif
