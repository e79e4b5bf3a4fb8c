/* What the commands alert, budget and incident share: asking the collector, and how times and figures read. */
#ifndef LLMDECK_CLI_ALERT_ASK_H
#define LLMDECK_CLI_ALERT_ASK_H

#include "cli/args.h"
#include "core/figures.h"

/* Sends one order (a JSON object) to the collector; its answer goes to `answer` (NULL: not wanted). As below. */
int control_ask(const struct global *g, const char *path, const struct buf *json, struct buf *answer);
/* Sends one order (a JSON object) to /v1/alerts/respond, or to change. Returns an exit code, 0 when it
 * is stored; the sentence has been printed otherwise. */
int alert_ask(const struct global *g, bool change, const struct buf *json);
/* Appends ,"name":"text", a number or null, a time or null. */
void alert_add_text(struct buf *out, const char *name, const char *text);
void alert_add_number(struct buf *out, const char *name, double v);
void alert_add_time(struct buf *out, const char *name, int64_t us);
/* "2.1s", "1.4%", "$12.30": a figure for people; "–" when unknown. */
void alert_figure(double v, enum metric_unit unit, struct buf *out);
/* ,"claimed":… from LLMDECK_USER: the person behind a shared account, by its own word. */
void alert_add_claim(struct buf *out);
/* The end that an option names: a duration from now, a time, or (when reset is not NULL) "reset".
 * 0 with *us 0 when the option was not given. */
int alert_read_until(const struct args *a, const char *option, int64_t now_us, int64_t *us, bool *reset, struct err *err);

#endif
