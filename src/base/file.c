/* Whole files and where ours are. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int read_all(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	size_t total = 0;

	for (;;) {
		const size_t room = (size_t)64 * 1024;
		ssize_t n = read(fd, buf_reserve(out, room), room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, "cannot read %s: %s", path, strerror(errno));
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > max_bytes)
			return err_set(err, "%s grew beyond the %zu bytes that are allowed", path, max_bytes);
		out->len += (size_t)n;
	}
	buf_append(out, "", 0);
	return 0;
}

int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not hang; it is refused below. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result = -1;
	struct stat st;

	if (fd < 0)
		return err_set(err, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		err_set(err, "cannot look at %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err_set(err, "%s is not a regular file", path);
	else if ((uintmax_t)st.st_size > max_bytes)
		err_set(err, "%s is too large: %jd bytes, at most %zu are allowed", path,
		        (intmax_t)st.st_size, max_bytes);
	else
		result = read_all(fd, path, max_bytes, out, err);
	close(fd);
	return result;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* So that the rename itself survives a power cut. Best effort: some file systems refuse. */
static void sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL   ? mem_strdup(".")
	               : slash == path ? mem_strdup("/")
	                               : mem_strndup(path, (size_t)(slash - path));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(folder);
}

int file_write_atomic(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
	char *temporary = mem_printf("%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC), result = -1;
	bool written;

	if (fd < 0) {
		err_set(err, "cannot create a file beside %s: %s", path, strerror(errno));
		goto out;
	}
	written = fchmod(fd, mode) == 0 && write_all(fd, bytes, len) == 0 && fsync(fd) == 0;
	if (close(fd) < 0 || !written || rename(temporary, path) < 0) {
		err_set(err, "cannot write %s: %s", path, strerror(errno));
		(void)unlink(temporary);
		goto out;
	}
	sync_folder_of(path);
	result = 0;
out:
	free(temporary);
	return result;
}

static int make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno == EEXIST && stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return err_set(err, "cannot create the folder %s: %s", path, strerror(errno));
}

int file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	char *part = mem_strdup(path);
	int result = 0;

	for (char *p = part + 1; part[0] != '\0' && *p != '\0' && result == 0; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (!file_exists(part))
			result = make_dir(part, mode, err);
		*p = '/';
	}
	if (result == 0)
		result = make_dir(part, mode, err);
	free(part);
	return result;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* An XDG variable counts only when it is an absolute path (XDG Base Directory Specification). */
static const char *absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] == '/' ? value : NULL;
}

static char *user_dir(const char *variable, const char *below_home, const char *system)
{
	const char *xdg = absolute_env(variable), *home = absolute_env("HOME");

	if (xdg != NULL)
		return mem_printf("%s/llmdeck", xdg);
	if (geteuid() == 0)
		return mem_strdup(system);
	if (home != NULL)
		return mem_printf("%s/%s/llmdeck", home, below_home);
	return mem_printf("/tmp/llmdeck-%u/%s", (unsigned)geteuid(), below_home);
}

char *path_state_dir(void)
{
	return user_dir("XDG_STATE_HOME", ".local/state", "/var/lib/llmdeck");
}

char *path_config_dir(void)
{
	return user_dir("XDG_CONFIG_HOME", ".config", "/etc/llmdeck");
}

/* Anybody may have made a folder of that name in /tmp: only one that is ours alone is used. */
static bool private_dir(const char *path)
{
	struct stat st;

	(void)mkdir(path, 0700);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0;
}

char *path_runtime_dir(void)
{
	const char *xdg = absolute_env("XDG_RUNTIME_DIR");
	char *path, *state;

	/* A root login has /run/user/0, but the system's collector is not there. */
	if (geteuid() == 0 && (xdg == NULL || strcmp(xdg, "/run/user/0") == 0))
		return mem_strdup("/run/llmdeck");
	if (xdg != NULL)
		return mem_printf("%s/llmdeck", xdg);
	path = mem_printf("/tmp/llmdeck-%u", (unsigned)geteuid());
	if (private_dir(path))
		return path;
	free(path);
	state = path_state_dir();
	path = mem_printf("%s/run", state);
	free(state);
	return path;
}

static char *existing(char *path)
{
	if (file_exists(path))
		return path;
	free(path);
	return NULL;
}

/* Run from a build folder (…/build/llmdeck, …/build-x/tests/unit/test_y), the source tree is the
 * folder above it. */
static char *source_tree_file(const char *name)
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash, *found = NULL;

	exe[len > 0 ? len : 0] = '\0';
	while (found == NULL && (slash = strrchr(exe, '/')) != NULL && slash != exe) {
		bool is_build;

		*slash = '\0';
		slash = strrchr(exe, '/');
		is_build = slash != NULL && strncmp(slash + 1, "build", 5) == 0;
		if (!is_build)
			continue;
		*slash = '\0';
		found = existing(mem_printf("%s/data/%s", exe, name));
		if (found == NULL)
			found = existing(mem_printf("%s/%s", exe, name));
		*slash = '/';
	}
	return found;
}

char *path_data_file(const char *name, struct err *err)
{
	const char *folder = getenv("LLMDECK_DATA");
	char *path = NULL;

	if (folder != NULL && folder[0] != '\0')
		path = existing(mem_printf("%s/%s", folder, name));
	if (path == NULL)
		path = source_tree_file(name);
	if (path == NULL)
		path = existing(mem_printf("%s/%s", LLMDECK_DATADIR, name));
	if (path == NULL)
		err_set(err, "cannot find %s in %s: install llmdeck or set LLMDECK_DATA to its data folder",
		        name, LLMDECK_DATADIR);
	return path;
}
