/* What the screen's layout asks of the inference panel. */
#ifndef LLMDECK_PANELS_INFERENCE_H
#define LLMDECK_PANELS_INFERENCE_H

#include <stdbool.h>

/* Whether a loaded state holds any server: its tile stands on the overview only then. */
bool inference_has_servers(const void *state);

#endif
