/* gzip and zlib bodies, unpacked within bounds. Pure. */
#ifndef LLMDECK_NET_INFLATE_H
#define LLMDECK_NET_INFLATE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends what `packed` unpacks to. -1 when it is damaged, cut short, followed by other bytes, or
 * larger than max_bytes; `out` may then hold a part. */
int inflate_body(struct str packed, size_t max_bytes, struct buf *out, struct err *err);

/* Unpacks a gzip file from its beginning into another from its own, at most `most` bytes. Returns how many,
 * -1 when the file is damaged, cut short, or cannot be written. */
int64_t inflate_file(int from_fd, int to_fd, uint64_t most);

#endif
