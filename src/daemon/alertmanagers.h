/* What the Alertmanagers hold, on its way from the loop to the store; and what came of changes there. */
#ifndef LLMDECK_DAEMON_ALERTMANAGERS_H
#define LLMDECK_DAEMON_ALERTMANAGERS_H

#include "alert/am_watch.h"
#include "alert/engine.h"
#include "core/config.h"
#include "daemon/alert_order.h"
#include "daemon/writer.h"

/* Has a reading stored (copied), without waiting. Loop's thread. What cannot be stored shows as STALE. */
void alertmanagers_store(struct writer *writer, const struct am_reading *r);
/* Forgets what was read of Alertmanagers that are not among these names. Copied; without waiting. */
void alertmanagers_keep(struct writer *writer, const char *const *names, size_t count);
/* An Alertmanager was asked for what `order` says, with the outcome `o`: a row for the audit in any case, and one of our own
 * silences follows. -1 with why it is not done. The engine's thread. */
int alertmanagers_settle(struct engine *e, const struct alert_order *order, const struct am_outcome *o, const struct asker *by,
                         int64_t now_us, struct err *err);

#endif
