/* The part of llmdeck alert that is about Alertmanagers: what others sent them, and all of their silences. */
#ifndef LLMDECK_CLI_ALERT_MANAGER_H
#define LLMDECK_CLI_ALERT_MANAGER_H

#include "cli/args.h"
#include "store/query.h"

/* Print the lists as the collector read them last, with the age of what is not of now. Return an exit code. */
int alert_manager_list(struct store_reader *r, int format, int64_t now_us);
int alert_manager_silences(struct store_reader *r, int format, int64_t now_us);

enum manager_verb { MANAGER_SILENCE, MANAGER_EXPIRE, MANAGER_EXTEND };
/* Asks the collector to silence an alert (its fingerprint), or to end or extend a silence (its id); until_us 0
 * where it ends. With --dry-run it says what would happen, and nothing does. Returns an exit code. */
int alert_manager_change(const struct global *g, const struct args *a, enum manager_verb verb, const char *target, int64_t until_us);

#endif
