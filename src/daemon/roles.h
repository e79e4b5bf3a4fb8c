/* Who may do what over the control socket. */
#ifndef LLMDECK_DAEMON_ROLES_H
#define LLMDECK_DAEMON_ROLES_H

#include <sys/types.h>

#include "core/config.h"
#include "net/unix_socket.h"

/* Each includes the ones before it. */
enum access {
	ACCESS_NONE,
	ACCESS_VIEWER,    /* looks */
	ACCESS_RESPONDER, /* acknowledges, silences, notes, labels */
	ACCESS_OPERATOR,  /* everything: rollouts, budgets, storing, stopping */
};

/* "nobody", "viewer", "responder", "operator". */
const char *access_name(enum access a);

/* The collector's owner and root are operators; everybody else has the highest role that the config
 * gives to the uid ("user:NAME"), to one of the peer's groups ("group:NAME") or to "any". A peer
 * that the kernel does not know has none. */
enum access access_of(const struct peer *peer, uid_t owner, const struct config *config);

#endif
