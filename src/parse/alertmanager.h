/* What an Alertmanager answers over its API v2, and what it is sent to make a silence. Pure. Members may
 * come in any order, unknown ones are passed over.
 * Source: Alertmanager's description of its API v2 (gettableAlert, gettableSilence, postableSilence). */
#ifndef LLMDECK_PARSE_ALERTMANAGER_H
#define LLMDECK_PARSE_ALERTMANAGER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/alertmanager.h"

#define AM_ALERTS_MAX 1000
#define AM_SILENCES_MAX 500
#define AM_LABELS_MAX_BYTES 8192 /* an alert with more is left out: no silence could name it */
#define AM_TEXT_MAX_BYTES 600    /* of other texts: a longer one is cut */

struct am_alerts {
	struct am_alert *rows;
	size_t row_count, left_out;
	struct arena arena;
};
/* Reads GET /api/v2/alerts; `manager` goes into each row and must outlive them. -1 with a sentence when it is no such
 * answer; `out` needs am_alerts_fini() in either case. */
int am_alerts_read(struct str json, const char *manager, struct am_alerts *out, struct err *err);
void am_alerts_fini(struct am_alerts *a);

struct am_silences {
	struct am_silence *rows;
	size_t row_count, left_out;
	struct arena arena;
};
/* Reads GET /api/v2/silences, or with `one` GET /api/v2/silence/ID. Those that expired before ended_since_us are
 * passed over. As above. */
int am_silences_read(struct str json, bool one, const char *manager, int64_t ended_since_us, struct am_silences *out, struct err *err);
void am_silences_fini(struct am_silences *s);

/* The same for two sets of labels whatever their order; labels without a value do not count. `labels` is
 * a JSON object of texts. */
uint64_t am_labels_hash(const char *labels);
/* Appends the matchers of a silence for exactly these labels, as am_silence.matchers has them. */
void am_matchers_of(const char *labels, struct buf *out);

#define AM_MARK "[llmdeck]" /* ends the comment of a silence that was made through us for somebody else's alert */
/* Appends the body of POST /api/v2/silences: for exactly these labels … */
void am_silence_body(const char *labels, int64_t from_us, int64_t until_us, const char *author, const char *comment, struct buf *out);
/* … or an old one (which has `raw`) with another end. */
void am_silence_extend_body(const struct am_silence *old, int64_t until_us, struct buf *out);
/* The id that POST /api/v2/silences answers; false when there is none. */
bool am_silence_id_read(struct str json, char out[65]);

#endif
