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
#include "net/inflate.h"

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

/* The folder of `path` opened, and its last part; NULL when it cannot be. */
static DIR *open_folder(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
	DIR *dir = opendir(folder);

	*base = slash ? slash + 1 : path;
	free(folder);
	return dir;
}

static bool is_later(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
	                                              : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Opens an entry of a folder when it is a regular file. */
static int open_entry(DIR *dir, const char *name, struct stat *st)
{
	int fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

#define UNPACKED_MAX_BYTES (UINT64_C(1) << 30)

static bool is_packed(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && !strcmp(name + len - 3, ".gz");
}

/* A file that is gone with its descriptor. */
static int open_nameless(void)
{
	const char *folder = getenv("TMPDIR");

	return open(folder && *folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static bool head_fits(const struct tail_place *p, int fd)
{
	uint64_t hash;

	return hash_range(fd, 0, p->offset < PLACE_HEAD_BYTES ? (size_t)p->offset : PLACE_HEAD_BYTES, &hash) && hash == p->head_hash;
}

/* Closes a packed file and opens what it unpacks to, with its time; -1 when it begins otherwise than the
 * place's file (any when that is NULL), is damaged, or there is no room. */
static int unpack(int packed, const struct stat *st, const struct tail_place *p)
{
	int fd = open_nameless();
	bool fine = fd >= 0 && (!p || (inflate_file(packed, fd, PLACE_HEAD_BYTES) >= 0 && head_fits(p, fd))) &&
	            inflate_file(packed, fd, UNPACKED_MAX_BYTES) >= 0 &&
	            futimens(fd, (const struct timespec[2]){st->st_atim, st->st_mtim}) == 0;

	close(packed);
	if (!fine)
		close_if_open(fd);
	return fine ? fd : -1;
}

/* Keeps the older of two files. */
static void keep_older(int *best, struct stat *best_st, int fd, const struct stat *st)
{
	bool older = *best < 0 || is_later(best_st, st);

	close_if_open(older ? *best : fd);
	if (older) {
		*best = fd;
		*best_st = *st;
	}
}

/* Of several that hold it the oldest: the others are copies. */
int tail_open_moved(const struct tail_place *p, const char *path)
{
	const char *base;
	DIR *dir = open_folder(path, &base);
	size_t len = strlen(base), looked = 0;
	struct stat st, best_st = {0};
	int best = -1;

	if (!dir)
		return -1;
	for (struct dirent *e; p->offset && looked < TAIL_SIBLINGS_MAX && (e = readdir(dir));) {
		if (strncmp(e->d_name, base, len) != 0 || !e->d_name[len])
			continue;
		looked++;
		int fd = open_entry(dir, e->d_name, &st);
		if (fd >= 0 && is_packed(e->d_name))
			fd = unpack(fd, &st, p);
		if (fd >= 0 && tail_place_fits(p, fd))
			keep_older(&best, &best_st, fd, &st);
		else
			close_if_open(fd);
	}
	closedir(dir);
	return best;
}

/* ".1", "-20261123", ".2026-11-23T12:00", ".2.gz" */
static bool is_rotation(const char *ending)
{
	size_t len = ending[0] ? 1 + strspn(ending + 1, "0123456789.:_-T") : 0;

	if (len > 1 && ending[len - 1] == '.' && !strcmp(ending + len - 1, ".gz"))
		len += 2;
	return len > 1 && strchr(".-_", ending[0]) && !ending[len];
}

/* Whether a file is a copy of what stands at the beginning of the path's own. */
static bool is_copy(int fd, const struct stat *st, const char *path)
{
	int own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat its;
	uint64_t a, b;
	bool copy = false;

	if (own < 0)
		return false;
	if (fstat(own, &its) == 0 && its.st_size > 0 &&
	    ((its.st_size >= PLACE_HEAD_BYTES && st->st_size >= PLACE_HEAD_BYTES) || its.st_size == st->st_size)) {
		size_t len = its.st_size < PLACE_HEAD_BYTES ? (size_t)its.st_size : PLACE_HEAD_BYTES;
		copy = hash_range(fd, 0, len, &a) && hash_range(own, 0, len, &b) && a == b;
	}
	close(own);
	return copy;
}

int tail_open_next(const struct tail_place *done, int fd, const char *path)
{
	const char *base;
	DIR *dir = open_folder(path, &base);
	size_t len = strlen(base), looked = 0;
	struct stat mine, st, best_st = {0};
	bool packed = false;
	int best = -1;

	if (!dir)
		return -1;
	for (struct dirent *e; fstat(fd, &mine) == 0 && looked < TAIL_SIBLINGS_MAX && (e = readdir(dir));) {
		if (strncmp(e->d_name, base, len) != 0 || !is_rotation(e->d_name + len))
			continue;
		looked++;
		int other = open_entry(dir, e->d_name, &st);
		if (other >= 0 && st.st_size > 0 && is_later(&st, &mine) && !(done->offset && tail_place_fits(done, other)) &&
		    !is_copy(other, &st, path)) {
			keep_older(&best, &best_st, other, &st);
			packed = best == other ? is_packed(e->d_name) : packed;
		} else {
			close_if_open(other);
		}
	}
	closedir(dir);
	return packed ? unpack(best, &best_st, NULL) : best;
}
