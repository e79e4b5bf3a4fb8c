/* The collector as a metrics page, for whoever watches the watcher: Prometheus' text format. */
#ifndef LLMDECK_DAEMON_METRICS_H
#define LLMDECK_DAEMON_METRICS_H

#include "base/buf.h"
#include "daemon/writer.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends "# TYPE llmdeck_NAME TYPE" and its help line; the samples follow. */
void metrics_append_head(struct buf *out, const char *name, const char *type, const char *help);
/* Appends NAME="VALUE" with what the format wants escaped, behind a comma unless `first`. */
void metrics_append_label(struct buf *out, bool first, const char *name, const char *value);
/* Appends the collector's own figures: identity, queue, commits, rows. */
void metrics_append_writer(struct buf *out, const struct writer_stats *s, int64_t started_us);

#endif
