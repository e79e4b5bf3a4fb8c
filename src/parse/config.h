/* The YAML configuration, read with libyaml against the option table. */
#ifndef LLMDECK_PARSE_CONFIG_H
#define LLMDECK_PARSE_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/config.h"

/* Parses `yaml` over the defaults. Unknown keys, wrong types and values out of range are errors:
 * "config.yaml:12:5: unknown key `retentoin`: did you mean `retention`?". On -1 `out` is empty and
 * needs no fini: a file that is only partly understood is not used at all. Secrets are only accepted
 * as env:NAME or file:/path in headers, tokens and passwords. */
int config_parse(struct config *out, struct str yaml, const char *path, struct err *err);
/* The same for a file of at most 1 MiB. */
int config_load(struct config *out, const char *path, struct err *err);

/* Appends the secret that "env:NAME" or "file:/path" stands for, without its last newline. A file
 * must be regular, belong to this user or root and be closed to everybody else (0600 or less). No
 * error text repeats the secret. Call it when the secret is used, so that a changed file counts. */
int config_secret_resolve(const char *ref, struct buf *out, struct err *err);

/* A figure with its unit, for a metric: "2s", "1%", "0.5pp", "10/min", "$400", or a plain number in
 * the metric's own unit. *relative tells that it was a share of the metric itself ("20%" of a
 * latency); NULL when that is not allowed. -1 with a sentence that says what to write. */
int config_parse_limit(const char *text, const struct metric_info *metric, double *out, bool *relative,
                       struct err *err);

#endif
