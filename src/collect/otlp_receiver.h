/* The OTLP/HTTP receiver is a source kind ("otlp", collect/source.h); this is what else others ask
 * of it. */
#ifndef LLMDECK_COLLECT_OTLP_RECEIVER_H
#define LLMDECK_COLLECT_OTLP_RECEIVER_H

#include "base/err.h"

/* Whether one may listen there: -1 with a sentence when the address makes no sense, when it is open to
 * the network and `token` (a reference: env:NAME, file:/path) is empty, or when that leads nowhere. */
int otlp_receiver_check(const char *listen, const char *token, struct err *err);

#endif
