/* Listening TCP sockets: addresses as people write them, and who holds a port that is taken. */
#ifndef LLMDECK_NET_TCP_H
#define LLMDECK_NET_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct tcp_address {
	struct sockaddr_storage bytes;
	socklen_t len;
};

/* "127.0.0.1:4318", "[::1]:4318", "localhost:4318", ":4318" (every address). No name is looked up. -1
 * with a sentence on anything else. */
int tcp_parse(const char *text, struct tcp_address *out, struct err *err);
/* Only this machine can reach it. */
bool tcp_is_loopback(const struct tcp_address *a);

/* The port, in host order. */
uint16_t tcp_port(const struct tcp_address *a);

/* A listening socket, non-blocking; -1 with errno set and a sentence. A port that is taken is
 * described with its owner where the kernel tells. */
int tcp_listen(const struct tcp_address *a, struct err *err);
/* The address that a socket is bound to (the kernel's choice of port 0), as text. */
#define TCP_TEXT_BYTES 64
const char *tcp_local_text(int fd, char out[TCP_TEXT_BYTES]);

/* The process that listens on a TCP port, from /proc: its pid and command's name (at least 16 bytes).
 * 0 when nobody does or the kernel does not tell us (another user's process). */
int tcp_port_owner(uint16_t port, char name[16]);

#endif
