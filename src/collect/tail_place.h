/* A place in a log that grows and is rotated: so many bytes into the file that begins like this and
 * reads like that just before the place. Names, devices and inodes do not count, so that a place holds
 * through renaming, copying and rebooting. Private to src/collect/tail*.c. */
#ifndef LLMDECK_COLLECT_TAIL_PLACE_H
#define LLMDECK_COLLECT_TAIL_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define PLACE_HEAD_BYTES 1024u
#define PLACE_LAST_BYTES 256u

struct tail_place {
	uint64_t offset;    /* 0 fits every file */
	uint64_t head_hash; /* of the first min(offset, PLACE_HEAD_BYTES) bytes */
	uint64_t last_hash; /* of the min(offset, PLACE_LAST_BYTES) bytes before the offset */
};

/* The place at `offset` of an open file; false when the file cannot be read there. */
bool tail_place_take(struct tail_place *out, int fd, uint64_t offset);
/* Whether the file behind `fd` holds the place. */
bool tail_place_fits(const struct tail_place *p, int fd);

/* As text for a resume mark, and back; false on anything else. */
void tail_place_format(const struct tail_place *p, struct buf *out);
bool tail_place_parse(struct tail_place *out, struct str text);

/* Opens the file beside `path` (its name and something behind it: "app.log.1", "app.log-20261123") that
 * holds the place: where rotation has moved it. One that was packed since ("app.log.2.gz") is unpacked into
 * a file without a name in TMPDIR or /var/tmp, up to a gigabyte. -1 when there is none. At most TAIL_SIBLINGS_MAX files
 * are looked at. */
#define TAIL_SIBLINGS_MAX 1000
int tail_open_moved(const struct tail_place *p, const char *path);

/* The file `fd`, read up to the place at its end, is not what `path` names any more: opens the rotated
 * file that was written next, so that several rotations are followed in their order. That is the one
 * beside `path`, its name followed by a number or date, whose last change comes first after fd's, and
 * which is no copy of what was or will be read; unpacked as above. -1 when `path` itself is next. */
int tail_open_next(const struct tail_place *done, int fd, const char *path);

#endif
