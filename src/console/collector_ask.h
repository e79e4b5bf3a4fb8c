/* Asks the collector for its status and puts the answer into the plain form that panels draw. */
#ifndef LLMDECK_CONSOLE_COLLECTOR_ASK_H
#define LLMDECK_CONSOLE_COLLECTOR_ASK_H

#include "console/control_client.h"
#include "panels/collector.h"

/* Waits for the answer at most as long as the client does. Never fails: `out` says so itself. */
void collector_ask(struct control_client *client, struct collector_status *out);

#endif
