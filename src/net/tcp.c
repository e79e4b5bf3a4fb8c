/* Who holds a port: /proc/net/tcp and tcp6 (proc(5)) give the inode of the listening socket, and the
 * process is the one that has "socket:[inode]" among its descriptors. */
#include "net/tcp.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define BACKLOG 1024
#define LISTENING 0x0a /* the kernel's number of the state LISTEN */

static int fill(struct tcp_address *out, const char *host, uint16_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&out->bytes;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->bytes;

	memset(out, 0, sizeof(*out));
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (*host == '\0')
		host = "0.0.0.0";
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		out->len = sizeof(*four);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		out->len = sizeof(*six);
		return 0;
	}
	return -1;
}

int tcp_parse(const char *text, struct tcp_address *out, struct err *err)
{
	char host[INET6_ADDRSTRLEN + 2] = "";
	const char *colon = strrchr(text, ':');
	struct str name = {text, colon ? (size_t)(colon - text) : 0};
	int64_t port;

	if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = (struct str){name.ptr + 1, name.len - 2};
	if (name.len < sizeof(host))
		memcpy(host, name.ptr, name.len);
	if (!colon || name.len >= sizeof(host) || !str_to_int64(str_of(colon + 1), &port) || port < 0 ||
	    port > 65535 || fill(out, host, (uint16_t)port))
		return err_set(err, "`%.80s` is no address to listen at: write ADDR:PORT, as 127.0.0.1:4318 or [::1]:4318",
		               text);
	return 0;
}

bool tcp_is_loopback(const struct tcp_address *a)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&a->bytes;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->bytes;

	if (a->bytes.ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

uint16_t tcp_port(const struct tcp_address *a)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&a->bytes;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->bytes;

	return ntohs(a->bytes.ss_family == AF_INET ? four->sin_port : six->sin6_port);
}

static const char *address_text(const struct tcp_address *a, char out[TCP_TEXT_BYTES])
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&a->bytes;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->bytes;
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->bytes.ss_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
	snprintf(out, TCP_TEXT_BYTES, a->bytes.ss_family == AF_INET ? "%s:%u" : "[%s]:%u", host, tcp_port(a));
	return out;
}

const char *tcp_local_text(int fd, char out[TCP_TEXT_BYTES])
{
	struct tcp_address a = {.len = sizeof(a.bytes)};

	if (getsockname(fd, (struct sockaddr *)&a.bytes, &a.len))
		a.bytes.ss_family = AF_INET;
	return address_text(&a, out);
}

static void explain(const struct tcp_address *a, int code, struct err *err)
{
	char text[TCP_TEXT_BYTES], name[16];
	int pid = code == EADDRINUSE ? tcp_port_owner(tcp_port(a), name) : 0;

	address_text(a, text);
	if (code == EADDRINUSE && pid)
		err_set(err, "%s is taken by process %d (%s)", text, pid, name);
	else if (code == EADDRINUSE)
		err_set(err, "%s is taken by a process that is not ours to see", text);
	else
		err_set(err, "%s: %s", text, strerror(code));
}

int tcp_listen(const struct tcp_address *a, struct err *err)
{
	int fd = socket(a->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int yes = 1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a->bytes, a->len) || listen(fd, BACKLOG)) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		explain(a, code, err);
		errno = code;
		return -1;
	}
	return fd;
}

/* ── the owner of a port ───────────────────────────────────────────────────────────────────── */

static unsigned long inode_in(const char *table, uint16_t port)
{
	FILE *f = fopen(table, "re");
	char line[512];
	unsigned long inode = 0;

	while (f && !inode && fgets(line, sizeof(line), f)) {
		unsigned local = 0, state = 0;
		unsigned long found = 0;

		if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu", &local, &state,
		           &found) == 3 && local == port && state == LISTENING)
			inode = found;
	}
	if (f)
		fclose(f);
	return inode;
}

/* Whether the process has the socket open. */
static bool has_socket(const char *pid, unsigned long inode)
{
	char path[288], wanted[48], target[64];
	bool found = false;
	DIR *fds;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	for (struct dirent *e; fds && !found && (e = readdir(fds));) {
		ssize_t len = readlinkat(dirfd(fds), e->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (fds)
		closedir(fds);
	return found;
}

static void read_name(const char *pid, char name[16])
{
	char path[288];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	snprintf(name, 16, "?");
	f = fopen(path, "re");
	if (f && fgets(name, 16, f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
	for (char *c = name; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

int tcp_port_owner(uint16_t port, char name[16])
{
	unsigned long inode = inode_in("/proc/net/tcp", port);
	int pid = 0;
	DIR *processes;

	if (!inode)
		inode = inode_in("/proc/net/tcp6", port);
	if (!inode)
		return 0;
	processes = opendir("/proc");
	for (struct dirent *e; processes && !pid && (e = readdir(processes));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !has_socket(e->d_name, inode))
			continue;
		pid = atoi(e->d_name);
		read_name(e->d_name, name);
	}
	if (processes)
		closedir(processes);
	return pid;
}
