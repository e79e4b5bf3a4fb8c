/* What others are told: Alertmanager's alerts and silences, and the bodies of webhooks. */
#ifndef LLMDECK_ALERT_MESSAGE_H
#define LLMDECK_ALERT_MESSAGE_H

#include "base/buf.h"
#include "core/alert.h"

/* Appends one element of Alertmanager's POST /api/v2/alerts. A firing one ends at ends_us unless it is
 * sent again, a resolved one ended when it did. */
void message_alertmanager(const struct alert_record *a, int64_t ends_us, struct buf *out);
/* The alert that always fires, for a dead man's switch. */
#define MESSAGE_WATCHDOG_LABELS "{\"alertname\":\"LlmdeckWatchdog\",\"severity\":\"none\"}"
void message_watchdog(int64_t started_us, int64_t ends_us, struct buf *out);
/* The body of POST /api/v2/silences for a silence; its comment ends in message_silence_mark(). */
void message_silence(const struct silence_record *s, struct buf *out);
/* "[llmdeck 17]": how a silence of ours is found again in Alertmanager's list. */
#define SILENCE_MARK_BYTES 40
char *message_silence_mark(int64_t id, char out[SILENCE_MARK_BYTES]);

/* A webhook's body without a template. `what` is "firing", "resolved" or "acknowledged". */
void message_json(const struct alert_record *a, const char *what, struct buf *out);
/* Replaces {{status}}, {{rule}}, {{severity}}, {{summary}}, {{value}}, {{limit}}, {{since}}, {{runbook}},
 * {{labels}} (an object), {{id}}, {{dedup_key}}, {{event_action}} (trigger, acknowledge or resolve), {{by}},
 * {{note}}: texts escaped for the inside of a JSON string. */
void message_template(const char *text, const struct alert_record *a, const char *what, struct buf *out);
/* False with a sentence when a template names something else. */
int message_template_check(const char *text, struct err *err);

#endif
