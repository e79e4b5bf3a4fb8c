/* The limit stops files; the filter stops what goes through a pipe. PR_SET_DUMPABLE would stop both, but
 * also hide /proc/PID/fd from the user's other processes, by which a taken port's owner is found. */
#include "base/core_dump.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

void core_dump_forbid(void)
{
	const struct rlimit none = {0, 0};
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	setrlimit(RLIMIT_CORE, &none);
	if (fd < 0)
		return; /* a kernel without core dumps, or without /proc: then the limit stands alone */
	ssize_t written = write(fd, "0", 1);

	(void)written;
	close(fd);
}
