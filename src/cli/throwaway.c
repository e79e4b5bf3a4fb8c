/* A folder is named KIND-PID. What a crash of both the program and its collector left behind is found
 * by that: the pid is gone and nobody holds the store's writer lock. */
#include "cli/throwaway.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/writer.h"

void throwaway_remove(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

void throwaway_remove_after(void *path)
{
	throwaway_remove(path);
}

/* The pid in "KIND-PID", 0 when it is no such name. */
static int64_t pid_of(const char *name)
{
	const char *dash = strrchr(name, '-');
	int64_t pid;

	return dash && str_to_int64(str_of(dash + 1), &pid) && pid > 0 ? pid : 0;
}

/* Whether the folder's program is over: its pid is gone and nobody writes its store. */
static bool is_stale(const char *runtime, const char *name)
{
	int64_t pid = pid_of(name);
	char *store = mem_printf("%s/%s/" THROWAWAY_STORE, runtime, name);
	bool stale = pid && kill((pid_t)pid, 0) && errno == ESRCH && store_writer_owner(store) == 0;

	free(store);
	return stale;
}

static void sweep(const char *runtime, const char *kind)
{
	DIR *dir = opendir(runtime);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, kind, strlen(kind)) != 0 || entry->d_name[strlen(kind)] != '-' ||
		    !is_stale(runtime, entry->d_name))
			continue;
		char *path = mem_printf("%s/%s", runtime, entry->d_name);

		throwaway_remove(path);
		free(path);
	}
	closedir(dir);
}

int throwaway_make(const char *kind, char **out, struct err *err)
{
	char *runtime = path_runtime_dir();
	int result = file_make_dirs(runtime, 0700, err);

	if (!result) {
		sweep(runtime, kind);
		*out = mem_printf("%s/%s-%ld", runtime, kind, (long)getpid());
		if (mkdir(*out, 0700))
			result = err_set(err, "%s: %s: %s", kind, *out, strerror(errno));
	}
	free(runtime);
	return result;
}
