/* The lock file stays when the lock is released: removing it would let two processes hold locks
 * on two files of the same name. */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"

static int read_pid(int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	return n > 0 ? atoi(text) : 0;
}

int lock_take(const char *path, struct err *err)
{
	char *name = mem_printf("%s.lock", path), text[32];
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0) {
		err_set(err, "%s: cannot be opened (%s): check the folder's owner and mode", name, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB)) {
		err_set(err, "%s: process %d is writing this store: stop it, or let it do the work", path, read_pid(fd));
		close(fd);
		fd = -1;
	} else {
		int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
		if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) != len) {
			err_set(err, "%s: cannot be written (%s): make room", name, strerror(errno));
			close(fd);
			fd = -1;
		}
	}
	free(name);
	return fd;
}

void lock_release(int fd)
{
	if (fd >= 0)
		close(fd);
}

int lock_owner(const char *path)
{
	char *name = mem_printf("%s.lock", path);
	int fd = open(name, O_RDONLY | O_CLOEXEC), owner = 0;

	free(name);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK)
		owner = read_pid(fd);
	close(fd);
	return owner;
}
