/* The service manager's notification protocol (sd_notify(3)): datagrams to $NOTIFY_SOCKET. */
#ifndef LLMDECK_DAEMON_NOTIFY_H
#define LLMDECK_DAEMON_NOTIFY_H

#include <stdint.h>

/* Sends "READY=1", "STOPPING=1", "WATCHDOG=1" or "STATUS=…"; does nothing without a manager. */
void notify_send(const char *state);
/* How often the manager wants to hear WATCHDOG=1: half of $WATCHDOG_USEC; 0 = not at all. */
int64_t notify_watchdog_us(void);

#endif
