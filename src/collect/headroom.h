/* What replies tell of a provider's rate limits, as gauges: how many requests and tokens are left
 * ("serving.remaining_requests", "serving.remaining_tokens", as metrics pages have them), what the limits
 * are ("serving.limit_requests", "serving.limit_tokens") and when they are full again, in seconds
 * ("serving.reset_requests_seconds", "serving.reset_tokens_seconds", "serving.retry_after_seconds").
 * Headers: OpenAI's and Azure's x-ratelimit-*, Anthropic's anthropic-ratelimit-*, and retry-after, as
 * OpenTelemetry's HTTP instrumentations put them on spans. */
#ifndef LLMDECK_COLLECT_HEADROOM_H
#define LLMDECK_COLLECT_HEADROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "parse/otlp.h"

enum headroom_kind {
	HEADROOM_REQUESTS, HEADROOM_TOKENS, HEADROOM_REQUESTS_LIMIT, HEADROOM_TOKENS_LIMIT,
	HEADROOM_REQUESTS_RESET, HEADROOM_TOKENS_RESET, HEADROOM_RETRY_AFTER, HEADROOM_KINDS
};
struct headroom_told {
	int64_t time_us;                   /* of the reply */
	double value[HEADROOM_KINDS];      /* NaN: not told */
};

/* False when the span's attributes tell nothing of it. Of several headers for one thing the least counts. */
bool headroom_read(const struct otlp_span *span, struct headroom_told *out);

/* Gathers what a batch's replies tell; one thread. Bounded: of more than HEADROOM_SERIES models within an
 * hour the later ones are left out. */
#define HEADROOM_SERIES 512
struct headroom;
struct headroom *headroom_new(void);
void headroom_free(struct headroom **h);
/* `source` and `instance` name the series, and must live until headroom_end(). */
void headroom_add(struct headroom *h, struct str source, struct str instance, const struct headroom_told *told);
/* "provider/model [deployment]", in the batch. */
struct str headroom_instance(struct batch *b, const struct request *r);
/* Adds the gauges: of each series the newest, and the least before it. */
void headroom_end(struct headroom *h, struct batch *out);

/* The same for requests of a log, those from number `first` on, which have told what is left. */
void headroom_of_requests(struct headroom *h, struct batch *b, size_t first);

#endif
