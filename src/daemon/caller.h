/* Who is behind a connection of the control socket, for the audit: what the kernel says, and what the
 * caller claims, kept apart. */
#ifndef LLMDECK_DAEMON_CALLER_H
#define LLMDECK_DAEMON_CALLER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/unix_socket.h"

#define NO_LOGIN_UID UINT32_MAX

struct caller {
	uint32_t uid;
	uint32_t login_uid;   /* /proc/PID/loginuid; NO_LOGIN_UID: none, or not to be read */
	char ssh_client[128]; /* the peer's SSH_CONNECTION; "" when there is none or it may not be read */
	char claimed[64];     /* what the caller says its user is called; "" */
	char name[64];        /* account of the uid, else its number */
};

/* Reads /proc of the peer, which may be gone: then only the uid is known. A pid that was given to
 * somebody else's process since is not taken for the peer. `claimed` is cut and made harmless. */
void caller_of(const struct peer *peer, struct str claimed, struct caller *out);
/* The program itself: rule that moved it. */
void caller_self(const char *why, struct caller *out);
/* Appends "root (login mia, ssh 10.0.0.7, says \"mia\")". */
void caller_text(const struct caller *c, struct buf *out);

#endif
