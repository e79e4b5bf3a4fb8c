/* The socket file is created with the kernel's default mode and chmod'ed at once: in between the
 * umask can only have made it stricter for others, since connecting needs the write bit. */
#include "net/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int fill_address(struct sockaddr_un *address, const char *path, struct err *err)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path))
		return err_set(err, "socket: %s: the path is longer than %zu bytes: choose a shorter one with --socket",
		               path, sizeof(address->sun_path) - 1);
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

bool unix_answers(const char *path)
{
	struct sockaddr_un address;
	bool answers = false;

	if (fill_address(&address, path, NULL))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		answers = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
		close(fd);
	}
	return answers;
}

static int clear_the_way(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "socket: %s: a file that is no socket is in the way: remove it or choose another path with --socket",
		               path);
	if (unix_answers(path))
		return err_set(err, "socket: %s: another collector already answers there: stop it or choose another path with --socket",
		               path);
	if (unlink(path))
		return err_set(err, "socket: %s: the one left behind cannot be removed: %s", path, strerror(errno));
	return 0;
}

int unix_listen(const char *path, mode_t mode, struct err *err)
{
	struct sockaddr_un address;

	if (fill_address(&address, path, err) || clear_the_way(path, err))
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, "socket: %s: %s", path, strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		err_set(err, "socket: %s: %s: check that the folder exists and is yours", address.sun_path, strerror(errno));
		close(fd);
		return -1;
	}
	if (chmod(address.sun_path, mode) || listen(fd, BACKLOG)) {
		err_set(err, "socket: %s: %s", address.sun_path, strerror(errno));
		close(fd);
		unlink(address.sun_path);
		return -1;
	}
	return fd;
}

void unix_peer(int fd, struct peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(out, 0, sizeof(*out));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) || cred.uid == (uid_t)-1)
		return;
	out->known = true;
	out->pid = cred.pid;
	out->uid = cred.uid;
	out->groups[0] = cred.gid;
	out->group_count = 1;
	len = (socklen_t)((PEER_GROUPS_MAX - 1) * sizeof(gid_t));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups + 1, &len) == 0)
		out->group_count += len / sizeof(gid_t);
}
