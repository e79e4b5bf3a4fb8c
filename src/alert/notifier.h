/* Delivery: Alertmanager, webhooks, commands, heartbeats. Everything runs on the loop's thread.
 *
 * Webhooks and commands get each message once, in order; a failure is tried again with a growing pause
 * until the message's deadline, then the message is given up (a dead letter). Alertmanager gets the
 * whole list of alerts again and again, as its protocol wants, and silences as messages. */
#ifndef LLMDECK_ALERT_NOTIFIER_H
#define LLMDECK_ALERT_NOTIFIER_H

#include "alert/am_watch.h"
#include "alert/engine.h"
#include "net/loop.h"

struct notifiers;

/* Whether all `notify:` sections are right. */
int notifiers_check(const struct config *config, struct err *err);

/* `config` is borrowed until notifiers_free(). `ended` is told of each message that was delivered or
 * given up (its state, attempts and words are set), `read` of what an Alertmanager holds (NULL: that is not
 * read). */
struct notifiers *notifiers_new(struct loop *loop, const struct config *config, int64_t started_us,
                                void (*ended)(void *arg, const struct outbox_record *message),
                                void (*read)(void *arg, const struct am_reading *reading), void *arg);
void notifiers_free(struct notifiers **n); /* what is under way is cancelled, and will be sent again */

/* The outlets for the engine: webhooks and commands. Good until notifiers_free(); any thread. */
const struct outlet *notifiers_outlets(const struct notifiers *n, size_t *count);
/* Names of the Alertmanagers, for messages "silence" and "unsilence"; NULL behind the last. */
const char *notifiers_alertmanager(const struct notifiers *n, size_t i);

/* Queues a message, which is copied. One for a notifier that is gone is given up. */
void notifiers_send(struct notifiers *n, const struct outbox_record *message);
/* The alerts as of now, after a round that could read the store: an array of elements of
 * message_alertmanager() without brackets. `fingerprint` changes when something fired or ended. */
void notifiers_put_alerts(struct notifiers *n, struct str elements, uint64_t fingerprint, int64_t now_us);

/* What the alerts of that list look like, by am_labels_hash(): they are ours in what is read. */
void notifiers_own(struct notifiers *n, const uint64_t *hashes, size_t count);
/* Alertmanagers are read no more, and what they were asked ends undone. */
void notifiers_stop_watching(struct notifiers *n);
/* The watch of that Alertmanager, or ("") of the only one that knows the fingerprint or silence; NULL with a
 * sentence. */
struct am_watch *notifiers_watch(struct notifiers *n, const char *name, const char *target, struct err *err);

/* Appends a JSON array: name, kind, state (ok, failing, init), words, waiting, delivered, dead. */
void notifiers_json(const struct notifiers *n, struct buf *out);

#define ALERTMANAGER_RESEND_US (60 * INT64_C(1000000))
#define ALERTMANAGER_LASTS_US (4 * ALERTMANAGER_RESEND_US)

#endif
