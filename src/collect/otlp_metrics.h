/* OTLP metric points through the table of collect/serving.h: renamed as a Prometheus page would
 * have them (dots to underscores, the unit as an ending, buckets with le), one state per service
 * instance. */
#ifndef LLMDECK_COLLECT_OTLP_METRICS_H
#define LLMDECK_COLLECT_OTLP_METRICS_H

#include "core/event.h"
#include "parse/otlp.h"

struct otlp_metrics;

struct otlp_metrics *otlp_metrics_new(const char *source);
void otlp_metrics_free(struct otlp_metrics **m);
/* One body: begin, each point, end (adds the gauges to the batch). */
void otlp_metrics_begin(struct otlp_metrics *m, int64_t now_us);
void otlp_metrics_point(struct otlp_metrics *m, const struct otlp_origin *from, const struct otlp_point *point);
void otlp_metrics_end(struct otlp_metrics *m, struct batch *out);

#endif
