/* SHA-256 (FIPS 180-4). For chains of records that must show when one was changed. */
#ifndef LLMDECK_BASE_SHA256_H
#define LLMDECK_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX_BYTES (2 * SHA256_BYTES + 1)

struct sha256 {
	uint32_t state[8];
	uint64_t total_bytes;
	uint8_t block[64];
	size_t filled; /* bytes waiting in block */
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *bytes, size_t len);
/* Ends the stream; `h` must be initialised again before the next use. */
void sha256_end(struct sha256 *h, uint8_t out[SHA256_BYTES]);
/* Lower-case digits with a NUL. Returns out. */
char *sha256_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_HEX_BYTES]);

#endif
