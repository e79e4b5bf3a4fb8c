/* Writing what the Alertmanagers hold. As store/alerts.h: for jobs on the writer's thread. Reading is in
 * store/query_alertmanagers.h. */
#ifndef LLMDECK_STORE_ALERTMANAGERS_H
#define LLMDECK_STORE_ALERTMANAGERS_H

#include "core/alertmanager.h"
#include "store/writer.h"

/* Replaces what is known of one, its lists only when `digest` differs from the stored one and is not 0 (then
 * there are none yet). `ours[i]`: the alert is one of ours. */
int store_alertmanager_put(struct store_writer *w, const struct am_status *status, uint64_t digest, const struct am_alert *alerts,
                           const bool *ours, size_t alert_count, const struct am_silence *silences, size_t silence_count,
                           struct err *err);
/* Forgets all but these. */
int store_alertmanagers_keep(struct store_writer *w, const char *const *names, size_t count, struct err *err);

#endif
