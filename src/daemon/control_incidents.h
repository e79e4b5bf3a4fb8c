/* The control socket's verb for incidents.
 *
 *   POST /v1/incidents/change   responder
 *   {"do":"open", "title":"p95 of checkout", "from":"2026-11-23T13:12:00Z", "to":"…", "where":"service=checkout",
 *    "bad":"latency>4s", "alert":17, "claimed":"mia"}
 *
 *   do        takes                        does
 *   open      title, from, to, where, bad, alert    opens one and pins its window; without `to` it goes on
 *   note      id, note                     a line of its timeline
 *   assign    id, owner                    "" for nobody
 *   status    id, state                    open, investigating, identified or mitigated
 *   pin       id, from, to                 another window; its raw rows and spans are kept
 *   close     id                           also `note`
 *   report    id                           its report was written: a closed one lets its rows go then
 *   feedback  id, feedback                 adds an item: "17c2f…"
 *
 * `where` holds filters on lines of their own; times are RFC 3339. 200 after the commit: {"schema":1,"id":88}.
 * 400 names the member that is wrong, 404 when there is no such incident. One audit row each, without any
 * title or note in it. */
#ifndef LLMDECK_DAEMON_CONTROL_INCIDENTS_H
#define LLMDECK_DAEMON_CONTROL_INCIDENTS_H

#include "daemon/writer.h"
#include "net/http_server.h"

#define INCIDENT_BODY_MAX_BYTES 16384

/* Loop's thread; answers after the commit. */
void control_incidents_change(struct writer *w, struct http_exchange *x);

#endif
