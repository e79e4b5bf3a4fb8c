/* Two hashes stand for a place: one tells which log it is, the other that it has not been written
 * anew under the same heading. */
#include "collect/tail_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

static bool hash_range(int fd, uint64_t from, size_t len, uint64_t *out)
{
	char bytes[PLACE_HEAD_BYTES];
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, bytes + got, len - got, (off_t)(from + got));
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	*out = hash_bytes(bytes, len);
	return true;
}

bool tail_place_take(struct tail_place *out, int fd, uint64_t offset)
{
	size_t head = offset < PLACE_HEAD_BYTES ? (size_t)offset : PLACE_HEAD_BYTES;
	size_t last = offset < PLACE_LAST_BYTES ? (size_t)offset : PLACE_LAST_BYTES;

	*out = (struct tail_place){.offset = offset};
	return hash_range(fd, 0, head, &out->head_hash) && hash_range(fd, offset - last, last, &out->last_hash);
}

bool tail_place_fits(const struct tail_place *p, int fd)
{
	struct tail_place there;
	struct stat st;

	if (p->offset == 0)
		return true;
	return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= p->offset && tail_place_take(&there, fd, p->offset) &&
	       there.head_hash == p->head_hash && there.last_hash == p->last_hash;
}

void tail_place_format(const struct tail_place *p, struct buf *out)
{
	buf_printf(out, "tail1 %" PRIu64 " %016" PRIx64 " %016" PRIx64, p->offset, p->head_hash, p->last_hash);
}

bool tail_place_parse(struct tail_place *out, struct str text)
{
	char copy[80];
	int end = 0;

	if (text.len >= sizeof copy)
		return false;
	memcpy(copy, text.len ? text.ptr : "", text.len);
	copy[text.len] = '\0';
	return sscanf(copy, "tail1 %20" SCNu64 " %16" SCNx64 " %16" SCNx64 "%n", &out->offset, &out->head_hash,
	              &out->last_hash, &end) == 3 && copy[end] == '\0' && out->offset <= INT64_MAX;
}

static int open_if_it_fits(const struct tail_place *p, int folder, const char *name)
{
	struct stat st;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && tail_place_fits(p, fd))
		return fd;
	close(fd);
	return -1;
}

int tail_open_moved(const struct tail_place *p, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char *folder = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
	DIR *dir = opendir(folder);
	size_t len = strlen(base), looked = 0;
	int fd = -1;

	free(folder);
	if (!dir)
		return -1;
	for (struct dirent *e; fd < 0 && p->offset && looked < TAIL_SIBLINGS_MAX && (e = readdir(dir));) {
		if (strncmp(e->d_name, base, len) != 0 || !e->d_name[len])
			continue;
		looked++;
		fd = open_if_it_fits(p, dirfd(dir), e->d_name);
	}
	closedir(dir);
	return fd;
}
