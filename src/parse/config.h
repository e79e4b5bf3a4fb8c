/* The YAML configuration, read with libyaml against the option table. */
#ifndef LLMDECK_PARSE_CONFIG_H
#define LLMDECK_PARSE_CONFIG_H

#include "base/err.h"
#include "base/str.h"
#include "core/config.h"

/* Parses `yaml` over the defaults. Unknown keys, wrong types and values out of range are errors:
 * "config.yaml:12:5: unknown key `retentoin`: did you mean `retention`?". On -1 `out` is empty and
 * needs no fini. Secrets are only accepted as env:NAME or file:/path in headers, tokens and passwords. */
int config_parse(struct config *out, struct str yaml, const char *path, struct err *err);
int config_load(struct config *out, const char *path, struct err *err);

#endif
