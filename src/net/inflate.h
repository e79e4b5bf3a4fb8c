/* gzip and zlib bodies, unpacked within bounds. Pure. */
#ifndef LLMDECK_NET_INFLATE_H
#define LLMDECK_NET_INFLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends what `packed` unpacks to. -1 when it is damaged, cut short, followed by other bytes, or
 * larger than max_bytes; `out` may then hold a part. */
int inflate_body(struct str packed, size_t max_bytes, struct buf *out, struct err *err);

#endif
