/* The steps around the demo's model calls: an agent that looks something up, calls its tool and answers. */
#ifndef LLMDECK_COLLECT_DEMO_TRACE_H
#define LLMDECK_COLLECT_DEMO_TRACE_H

#include "core/event.h"

/* Adds the spans of the agent that made this call and makes them its parents. Only `agent` calls have
 * them, and of the quick ones that went well one in sixteen, as a sampler that knows the end would keep
 * them. `badness` 0-1: how often the tool fails and is tried again. Everything follows from the trace id. */
void demo_trace_add(struct batch *b, struct request *q, bool agent, double badness);

#endif
