/* Unix stream sockets and what the kernel says about who is at the other end. */
#ifndef LLMDECK_NET_UNIX_SOCKET_H
#define LLMDECK_NET_UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Listens at `path` with `mode`. A socket file that nobody answers on is replaced; one that
 * answers, or a file that is no socket, is an error. Returns the descriptor (non-blocking,
 * close-on-exec), -1 on error. The file is the caller's to unlink. */
int unix_listen(const char *path, mode_t mode, struct err *err);

/* Whether something accepts connections at `path`. */
bool unix_answers(const char *path);

#define PEER_GROUPS_MAX 64
/* Who connected, as of the moment of connecting. */
struct peer {
	bool known; /* false for TCP: nothing below is set */
	pid_t pid;
	uid_t uid;
	gid_t groups[PEER_GROUPS_MAX]; /* the primary one first */
	size_t group_count;
};
/* Fills `out` from SO_PEERCRED and SO_PEERGROUPS of a connected socket. */
void unix_peer(int fd, struct peer *out);

#endif
