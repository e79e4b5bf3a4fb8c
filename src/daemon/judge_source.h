/* The services that judge feedback (remote/), run as sources are: with a state and a reason that the
 * sources page shows. A source kind for each service; `judges:` of the configuration names them. */
#ifndef LLMDECK_DAEMON_JUDGE_SOURCE_H
#define LLMDECK_DAEMON_JUDGE_SOURCE_H

#include "collect/source.h"

/* NULL when there is no such service. Lives for ever. */
const struct source *judge_source_find(const char *kind);
/* Whether all `judges:` can be asked. */
int judge_source_check(const struct config *config, struct err *err);

#endif
