/* Turns the samples of one scraped target into canonical serving gauges: each server's names by one
 * table, counters into rates (with resets), histogram buckets into quantiles over the last minute.
 * Pure: time comes in, gauges go out. One state per target; one thread. */
#ifndef LLMDECK_COLLECT_SERVING_H
#define LLMDECK_COLLECT_SERVING_H

#include "core/event.h"
#include "parse/prometheus.h"

struct serving;

/* `source` names the target in the gauges. */
struct serving *serving_new(const char *source);
void serving_free(struct serving **s);

/* Room for so many wire series and models, instead of what one scraped target may have; what is there
 * already stays. */
void serving_set_room(struct serving *s, size_t series, size_t models);
/* How much it uses. */
size_t serving_series_kept(const struct serving *s);
size_t serving_models_kept(const struct serving *s);

/* What runs at the target, where somebody said so: stands behind each model's name, "m [chat v42]".
 * Before the first scrape. */
void serving_set_place(struct serving *s, const char *service, const char *deployment);

/* One scrape: begin, each sample, end. `end` adds the gauges to the batch. */
void serving_begin(struct serving *s, int64_t now_us);
void serving_sample(struct serving *s, const struct prom_sample *sample);
/* A counter's or bucket's value is what came since the last report, not the sum since the start
 * (OTLP's delta temporality). */
void serving_delta(struct serving *s, const struct prom_sample *sample);
void serving_end(struct serving *s, struct batch *out);
/* The target was gone: what comes back after this starts anew where its counters are lower, and a rate
 * over the gap is not made up. */
void serving_gap(struct serving *s);

/* What the target turned out to be: "vLLM", "LiteLLM", …; NULL when nothing was recognised. */
const char *serving_kind(const struct serving *s);
/* The last scrape had more series or models than are kept. */
bool serving_overflowed(const struct serving *s);
/* Models (and holders of budgets) seen in the last scrape. */
size_t serving_models(const struct serving *s);

#endif
