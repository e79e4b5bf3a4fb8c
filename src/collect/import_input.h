/* The input of an import: a window that moves over a file or a stream, and the running hash of what
 * has been consumed. Private to src/collect/import*.c. One thread at a time. */
#ifndef LLMDECK_COLLECT_IMPORT_INPUT_H
#define LLMDECK_COLLECT_IMPORT_INPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "core/event.h"

#define INPUT_HEAD_BYTES ((size_t)64 * 1024)

struct input {
	int fd;
	bool seekable;
	uint64_t size;    /* bytes; 0 when not seekable */
	char *data;
	size_t cap, from, to; /* the window is data[from, to) */
	uint64_t offset;  /* of data[from] in the stream */
	uint64_t hashed;  /* bytes of the stream in `hash` */
	struct hash_stream *hash;
	bool ended;
	const atomic_int *stop;
};

/* Whether the user has asked to stop. */
static inline bool input_stopped(const struct input *in)
{
	return in->stop && atomic_load(in->stop);
}

/* Opens `path` ("-": standard input) and reads its head. A pipe whose head is the head of a known
 * import is spooled to a nameless temporary file, so that it can be continued like a file. */
int input_open(struct input *in, const char *path, const struct import_mark *known, size_t known_count,
               const atomic_int *stop, struct err *err);
void input_close(struct input *in);
static inline struct str input_window(const struct input *in)
{
	return (struct str){in->data + in->from, in->to - in->from};
}
/* Reads more behind the window, moving it to the front of its memory and growing that as needed. 0 also
 * at the end (then `ended`) and when *stop was set. */
int input_fill(struct input *in, struct err *err);
/* Steps over `bytes` of the window. */
void input_consume(struct input *in, size_t bytes);
/* Goes to another place of a seekable input; the hash is not touched. */
int input_seek(struct input *in, uint64_t offset, struct err *err);
/* Hash of [0, offset) into out; everything up to there has been consumed. */
void input_digest(struct input *in, uint8_t out[16]);

/* The known import that this seekable input begins with, at its farthest; NULL when there is none. The
 * input's hash then stands at its bytes_done. */
const struct import_mark *input_find_known(struct input *in, const struct import_mark *known,
                                           size_t known_count, const char *kind);

#endif
