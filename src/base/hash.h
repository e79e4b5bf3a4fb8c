/* 64-bit hashing (XXH3) and two small hash tables. Not thread-safe. */
#ifndef LLMDECK_BASE_HASH_H
#define LLMDECK_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

uint64_t hash_bytes(const void *bytes, size_t len);
uint64_t hash_mix(uint64_t a, uint64_t b);

/* Of a name's last sixteen bytes and its length, where names of a kind differ most: a few instructions,
 * and easily made to collide. For small tables whose answer is compared and may be missed. 32 bits. */
static inline uint64_t hash_name(struct str s)
{
	uint64_t head = 0, tail = 0;

	if (s.len >= 8) {
		memcpy(&head, s.len >= 16 ? s.ptr + s.len - 16 : s.ptr, 8);
		memcpy(&tail, s.ptr + s.len - 8, 8);
	} else {
		tail = str_short_word(s);
	}
	return ((head ^ s.len) * 0xc2b2ae3d27d4eb4fu + tail) * 0x9e3779b97f4a7c15u >> 32;
}

/* Running 128-bit hash of a stream; the digest may be asked for at any point. */
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_free(struct hash_stream **h);
void hash_stream_add(struct hash_stream *h, const void *bytes, size_t len);
void hash_stream_digest(const struct hash_stream *h, uint8_t out[16]);

/* String -> uint32_t. Owns copies of its keys. Zero-initialised is empty and valid. */
struct strmap {
	struct strmap_slot *slots;
	size_t cap, count;
};
bool strmap_get(const struct strmap *m, struct str key, uint32_t *value);
void strmap_put(struct strmap *m, struct str key, uint32_t value); /* replaces */
void strmap_fini(struct strmap *m);
void strmap_each(const struct strmap *m, void (*fn)(struct str key, uint32_t value, void *arg),
                 void *arg);

/* uint64_t -> void *. Keys may be anything; values are not owned. */
struct intmap {
	struct intmap_slot *slots;
	size_t cap, count;
	size_t used; /* slots that are or were taken */
};
void *intmap_get(const struct intmap *m, uint64_t key); /* NULL when absent */
void intmap_put(struct intmap *m, uint64_t key, void *value); /* value not NULL; replaces */
void *intmap_remove(struct intmap *m, uint64_t key);
void intmap_clear(struct intmap *m);
void intmap_fini(struct intmap *m);
/* Iteration: *at starts at 0; NULL at the end. Removing the current one is allowed. */
void *intmap_next(const struct intmap *m, size_t *at, uint64_t *key);

#endif
