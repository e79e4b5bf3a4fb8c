/* Runs the configured sources on the I/O thread: starts them, polls them, pauses them while the
 * store cannot keep up, and knows what to say about each. */
#ifndef LLMDECK_DAEMON_SOURCE_HOST_H
#define LLMDECK_DAEMON_SOURCE_HOST_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/config.h"
#include "core/sink.h"
#include "core/price_table.h"
#include "net/loop.h"

struct source_host;

/* `store_path` is the sink's store. `sink` must outlive the host's sources AND every batch they submitted; see source_host_free(). */
struct source_host *source_host_new(struct loop *loop, struct sink *sink, const char *store_path);

/* Whether all sections can be started: their kinds exist and their keys are right. `demo`: the
 * store holds invented data, so that sources of such are allowed. */
int source_host_check(const struct config *config, bool demo, struct err *err);
/* From the next start on there is an OTLP receiver at `listen` too, unless the configuration has a
 * source of that kind. Both texts must outlive the sources; `listen` NULL: none. */
void source_host_receive(struct source_host *h, const char *listen, const char *token);
/* Stops the sources that a new configuration, after source_host_receive() for it, does not leave as they
 * are. The next start goes on with the others. */
void source_host_stop_changed(struct source_host *h, const struct config *config);
/* Starts every source of `config`, which must outlive them, that does not run. One that cannot start is
 * kept with the reason, and the others go on. */
void source_host_start(struct source_host *h, const struct config *config,
                       const struct price_table *prices);
/* Stops them all; what they submitted is still stored, but nobody is told. */
void source_host_stop(struct source_host *h);
/* Tells the sources to hold back, or to go on. */
void source_host_pause(struct source_host *h, bool paused);

/* What sources that listen serve as the collector's metrics page. Before source_host_start(). */
void source_host_set_metrics(struct source_host *h, void (*append)(void *arg, struct buf *out), void *arg);
/* Appends the sources' figures in the metrics page's form. */
void source_host_metrics(const struct source_host *h, struct buf *out);

/* Appends a JSON array with a member for each source. */
void source_host_status(const struct source_host *h, struct buf *out);

/* After the sink has ended every batch, and on the loop's thread. NULL is fine. */
void source_host_free(struct source_host **h);

#endif
