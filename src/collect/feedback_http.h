/* POST /v1/feedback on the collector's listener: applications hand over what users say. A JSON object, or
 * an array of up to FEEDBACK_HTTP_ITEMS_MAX of them:
 *
 *   text         what was said (or "comment"), up to 8,192 bytes
 *   rating       1 to 5 (or "stars")
 *   score        -1 to 1
 *   thumbs       "up" or "down", true or false: score 1 or -1
 *   trace_id     of the answer it is about, 32 hexadecimal digits; or
 *   response_id  as the provider gave it
 *   time         RFC 3339 or a number since 1970 (default: now)
 *   id           the sender's own: an item with it is stored once; one is made where it is missing
 *   user, language, service, environment, deployment, provider, model, team, region
 *
 * Answered after the commit with 200 {"schema":1,"ids":[…],"stored":N,"duplicates":N}; 400 and 413 name the
 * item and the field. Nothing of a request that was refused is stored. */
#ifndef LLMDECK_COLLECT_FEEDBACK_HTTP_H
#define LLMDECK_COLLECT_FEEDBACK_HTTP_H

#include "collect/source.h"
#include "net/http_server.h"

#define FEEDBACK_HTTP_BODY_MAX_BYTES ((size_t)4 << 20)
#define FEEDBACK_HTTP_ITEMS_MAX 1000

struct feedback_http;
struct feedback_http *feedback_http_new(const struct source_env *env);
/* Answers who still waits. NULL is fine. */
void feedback_http_free(struct feedback_http **f);
/* Takes the exchange, whose sender was let in. */
void feedback_http_take(struct feedback_http *f, struct http_exchange *x);

/* Reads a body into the batch (time_us 0 becomes now_us) and judges it; the ids go to `ids` as a JSON list.
 * 200, or the status of the refusal with a sentence. */
int feedback_http_read(struct batch *b, struct str body, struct str source, int64_t now_us, struct buf *ids, struct err *err);

#endif
