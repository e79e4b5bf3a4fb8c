/* zlib's inflate in steps of 64 KiB, so that a bomb is stopped at the bound and not in memory. */
#include "net/inflate.h"

#include <limits.h>
#include <unistd.h>
#include <zlib.h>

#define STEP_BYTES 65536u
#define WINDOW_AUTO (15 + 32) /* largest window; gzip or zlib head, whichever is there */

static int unpack(z_stream *z, size_t max_bytes, struct buf *out, struct err *err)
{
	int state;

	do {
		size_t room = max_bytes - out->len < STEP_BYTES ? max_bytes - out->len + 1 : STEP_BYTES;
		z->next_out = (unsigned char *)buf_reserve(out, room);
		z->avail_out = (unsigned)room;
		state = inflate(z, Z_NO_FLUSH);
		out->len += room - z->avail_out;
		if (out->len > max_bytes)
			return err_set(err, "compressed body: unpacks to more than %zu bytes: send smaller batches", max_bytes);
	} while (state == Z_OK && (z->avail_in > 0 || z->avail_out == 0));
	if (state != Z_STREAM_END)
		return err_set(err, "compressed body: %s: check the Content-Encoding header",
		               state == Z_OK || state == Z_BUF_ERROR ? "cut short" : "damaged");
	if (z->avail_in > 0)
		return err_set(err, "compressed body: %u bytes follow its end", z->avail_in);
	return 0;
}

int inflate_body(struct str packed, size_t max_bytes, struct buf *out, struct err *err)
{
	z_stream z = {0};
	int result = -1;

	if (packed.len > UINT_MAX)
		return err_set(err, "compressed body: larger than 4 GiB");
	max_bytes += out->len;
	z.next_in = (unsigned char *)(uintptr_t)packed.ptr;
	z.avail_in = (unsigned)packed.len;
	if (inflateInit2(&z, WINDOW_AUTO) != Z_OK)
		return err_set(err, "compressed body: zlib could not start");
	result = unpack(&z, max_bytes, out, err);
	inflateEnd(&z);
	return result;
}

int64_t inflate_file(int from_fd, int to_fd, uint64_t most)
{
	char bytes[1 << 16];
	int own = dup(from_fd); /* zlib closes what it is given */
	gzFile in = own >= 0 && lseek(own, 0, SEEK_SET) == 0 ? gzdopen(own, "rb") : NULL;
	uint64_t done = 0;
	int got = -1;

	if (!in) {
		if (own >= 0)
			close(own);
		return -1;
	}
	while (done < most) {
		got = gzread(in, bytes, (unsigned)(most - done < sizeof bytes ? most - done : sizeof bytes));
		if (got <= 0)
			break;
		if (pwrite(to_fd, bytes, (size_t)got, (off_t)done) != got) {
			got = -1;
			break;
		}
		done += (uint64_t)got;
	}
	/* A file that ends too early reads as if it ended well. */
	if (got == 0 && gzclose_r(in) != Z_OK)
		return -1;
	if (got != 0)
		gzclose_r(in);
	return got < 0 ? -1 : (int64_t)done;
}
