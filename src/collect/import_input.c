/* The window is read in steps of 1 MiB; what is consumed is hashed just before its memory is used
 * again or a digest is asked for, so each byte is hashed once, in large pieces. */
#include "collect/import_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define STEP_BYTES ((size_t)256 << 10) /* what was read is still in the near cache when it is cut into rows */

/* Adds the consumed bytes that are still in memory to the hash. */
static void hash_consumed(struct input *in)
{
	if (in->offset <= in->hashed)
		return;
	size_t n = (size_t)(in->offset - in->hashed);
	hash_stream_add(in->hash, in->data + in->from - n, n);
	in->hashed = in->offset;
}

/* Waits for a pipe to have something, looking at *stop now and then. */
static bool wait_readable(const struct input *in)
{
	struct pollfd p = {.fd = in->fd, .events = POLLIN};

	while (!input_stopped(in))
		if (poll(&p, 1, 100) > 0)
			return true;
	return false;
}

int input_fill(struct input *in, struct err *err)
{
	if (in->ended)
		return 0;
	hash_consumed(in);
	if (in->from) {
		memmove(in->data, in->data + in->from, in->to - in->from);
		in->to -= in->from;
		in->from = 0;
	}
	in->data = mem_grow(in->data, &in->cap, in->to + STEP_BYTES, 1);
	if (!in->seekable && !wait_readable(in))
		return 0;
	ssize_t n;
	do
		n = read(in->fd, in->data + in->to, in->seekable ? in->cap - in->to : STEP_BYTES);
	while (n < 0 && errno == EINTR && (!input_stopped(in)));
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return err_set(err, "cannot read: %s", strerror(errno));
	in->ended = n == 0;
	in->to += (size_t)n;
	return 0;
}

void input_consume(struct input *in, size_t bytes)
{
	in->from += bytes;
	in->offset += bytes;
}

int input_seek(struct input *in, uint64_t offset, struct err *err)
{
	if (lseek(in->fd, (off_t)offset, SEEK_SET) < 0)
		return err_set(err, "cannot seek: %s", strerror(errno));
	in->from = in->to = 0;
	in->offset = offset;
	in->ended = false;
	return 0;
}

void input_digest(struct input *in, uint8_t out[16])
{
	hash_consumed(in);
	hash_stream_digest(in->hash, out);
}

static void digest_of(const void *bytes, size_t len, uint8_t out[16])
{
	struct hash_stream *h = hash_stream_new();

	hash_stream_add(h, bytes, len);
	hash_stream_digest(h, out);
	hash_stream_free(&h);
}

/* Whether the window begins with the head of this import. */
static bool same_head(const struct input *in, const struct import_mark *mark)
{
	struct str window = input_window(in);
	uint8_t digest[16];

	if (mark->head_bytes == 0 || mark->head_bytes > window.len || mark->head_bytes > INPUT_HEAD_BYTES)
		return false;
	digest_of(window.ptr, (size_t)mark->head_bytes, digest);
	return memcmp(digest, mark->head_hash, 16) == 0;
}

static int open_nameless(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	char *path = mem_printf("%s/llmdeck-import-XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		err_set(err, "%s: cannot make a temporary file: %s: set TMPDIR to a folder with room", path,
		        strerror(errno));
	else
		unlink(path);
	free(path);
	return fd;
}

/* Copies what is left of a pipe into a nameless file and goes on with that. */
static int spool(struct input *in, struct err *err)
{
	int fd = open_nameless(err);

	if (fd < 0)
		return -1;
	for (;;) {
		struct str w = input_window(in);
		while (w.len) {
			ssize_t n = write(fd, w.ptr, w.len);
			if (n < 0 && errno != EINTR) {
				close(fd);
				return err_set(err, "cannot keep standard input in a temporary file: %s", strerror(errno));
			}
			w.ptr += n > 0 ? n : 0;
			w.len -= n > 0 ? (size_t)n : 0;
		}
		in->from = in->to = 0;
		if (in->ended || (input_stopped(in)))
			break;
		if (input_fill(in, err) != 0) {
			close(fd);
			return -1;
		}
	}
	if (in->fd != STDIN_FILENO)
		close(in->fd);
	in->fd = fd;
	in->seekable = true;
	in->size = (uint64_t)lseek(fd, 0, SEEK_END);
	return input_seek(in, 0, err);
}

int input_open(struct input *in, const char *path, const struct import_mark *known, size_t known_count,
               const atomic_int *stop, struct err *err)
{
	struct stat st;

	*in = (struct input){.fd = STDIN_FILENO, .stop = stop};
	in->hash = hash_stream_new();
	if (strcmp(path, "-") != 0)
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0 || fstat(in->fd, &st) != 0)
		return err_set(err, "cannot open: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, "is a folder: name the files in it");
	in->seekable = S_ISREG(st.st_mode) && lseek(in->fd, 0, SEEK_CUR) == 0;
	in->size = in->seekable ? (uint64_t)st.st_size : 0;
	while (!in->ended && in->to < INPUT_HEAD_BYTES && !input_stopped(in))
		if (input_fill(in, err) != 0)
			return -1;
	if (in->seekable)
		return 0;
	for (size_t i = 0; i < known_count; i++)
		if (same_head(in, &known[i]))
			return spool(in, err) != 0 ? -1 : input_fill(in, err);
	return 0;
}

void input_close(struct input *in)
{
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	free(in->data);
	hash_stream_free(&in->hash);
	*in = (struct input){.fd = -1};
}

/* Moves the hash on to [0, upto) by reading the file. False when it cannot be read. */
static bool hash_upto(struct input *in, uint64_t upto, char *space)
{
	while (in->hashed < upto) {
		uint64_t left = upto - in->hashed;
		size_t want = left < STEP_BYTES ? (size_t)left : STEP_BYTES;
		ssize_t n = pread(in->fd, space, want, (off_t)in->hashed);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		hash_stream_add(in->hash, space, (size_t)n);
		in->hashed += (uint64_t)n;
	}
	return true;
}

static void hash_restart(struct input *in)
{
	hash_stream_free(&in->hash);
	in->hash = hash_stream_new();
	in->hashed = 0;
}

/* The candidate with the fewest bytes above `above`. */
static const struct import_mark *next_candidate(const struct input *in, const struct import_mark *known,
                                                size_t known_count, const char *kind, uint64_t above)
{
	const struct import_mark *best = NULL;

	for (size_t i = 0; i < known_count; i++) {
		const struct import_mark *k = &known[i];
		if (k->bytes_done <= above || k->bytes_done > in->size || !str_equal_c(k->kind, kind))
			continue;
		if ((!best || k->bytes_done < best->bytes_done) && same_head(in, k))
			best = k;
	}
	return best;
}

const struct import_mark *input_find_known(struct input *in, const struct import_mark *known,
                                           size_t known_count, const char *kind)
{
	const struct import_mark *found = NULL, *at = NULL;
	char *space = mem_alloc(STEP_BYTES);

	while ((at = next_candidate(in, known, known_count, kind, at ? at->bytes_done : 0))) {
		uint8_t digest[16];
		if (!hash_upto(in, at->bytes_done, space))
			break;
		hash_stream_digest(in->hash, digest);
		for (size_t i = 0; i < known_count; i++)
			if (known[i].bytes_done == at->bytes_done && str_equal_c(known[i].kind, kind) &&
			    memcmp(digest, known[i].prefix_hash, 16) == 0)
				found = &known[i];
	}
	if (!found || in->hashed != found->bytes_done) {
		hash_restart(in);
		if (found && !hash_upto(in, found->bytes_done, space))
			found = NULL;
	}
	free(space);
	return found;
}
