/* XXH3 and two open-addressing tables with linear probing and powers of two. The integer map
 * marks removed slots, so that an iteration may remove what it stands on. */
#include "base/hash.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"

uint64_t hash_bytes(const void *bytes, size_t len)
{
	return len == 0 ? XXH3_64bits("", 0) : XXH3_64bits(bytes, len);
}

/* The finalizer of splitmix64 over both words. */
uint64_t hash_mix(uint64_t a, uint64_t b)
{
	uint64_t v = a + UINT64_C(0x9e3779b97f4a7c15) * (b + 1);

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

struct hash_stream {
	XXH3_state_t *state;
};

struct hash_stream *hash_stream_new(void)
{
	struct hash_stream *h = mem_alloc(sizeof(*h));

	/* The state wants more alignment than malloc gives. */
	h->state = aligned_alloc(64, (sizeof(XXH3_state_t) + 63) / 64 * 64);
	if (h->state == NULL) {
		free(h);
		return mem_array(NULL, SIZE_MAX, 2); /* ends the program */
	}
	XXH3_INITSTATE(h->state);
	XXH3_128bits_reset(h->state);
	return h;
}

void hash_stream_free(struct hash_stream **h)
{
	if (*h == NULL)
		return;
	free((*h)->state);
	free(*h);
	*h = NULL;
}

void hash_stream_add(struct hash_stream *h, const void *bytes, size_t len)
{
	if (len > 0)
		XXH3_128bits_update(h->state, bytes, len);
}

void hash_stream_digest(const struct hash_stream *h, uint8_t out[16])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(h->state));
	memcpy(out, canonical.digest, 16);
}

struct strmap_slot {
	char *key; /* NULL: free */
	size_t len;
	uint64_t hash;
	uint32_t value;
};

/* The key's slot or the free one where it belongs. The table is never full. */
static struct strmap_slot *strmap_find(const struct strmap *m, struct str key, uint64_t hash)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct strmap_slot *s = &m->slots[i];

		if (s->key == NULL || (s->hash == hash && s->len == key.len &&
		                       (key.len == 0 || memcmp(s->key, key.ptr, key.len) == 0)))
			return s;
	}
}

bool strmap_get(const struct strmap *m, struct str key, uint32_t *value)
{
	const struct strmap_slot *s;

	if (m->count == 0)
		return false;
	s = strmap_find(m, key, hash_bytes(key.ptr, key.len));
	if (s->key == NULL)
		return false;
	*value = s->value;
	return true;
}

static void strmap_grow(struct strmap *m)
{
	struct strmap old = *m;

	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = mem_array(NULL, m->cap, sizeof(*m->slots));
	memset(m->slots, 0, m->cap * sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		const struct strmap_slot *s = &old.slots[i];

		if (s->key != NULL)
			*strmap_find(m, (struct str){s->key, s->len}, s->hash) = *s;
	}
	free(old.slots);
}

void strmap_put(struct strmap *m, struct str key, uint32_t value)
{
	uint64_t hash = hash_bytes(key.ptr, key.len);
	struct strmap_slot *s;

	if ((m->count + 1) * 4 > m->cap * 3)
		strmap_grow(m);
	s = strmap_find(m, key, hash);
	if (s->key == NULL) {
		*s = (struct strmap_slot){mem_strndup(key.ptr, key.len), key.len, hash, 0};
		m->count++;
	}
	s->value = value;
}

void strmap_fini(struct strmap *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].key);
	free(m->slots);
	*m = (struct strmap){NULL, 0, 0};
}

void strmap_each(const struct strmap *m, void (*fn)(struct str key, uint32_t value, void *arg),
                 void *arg)
{
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key != NULL)
			fn((struct str){m->slots[i].key, m->slots[i].len}, m->slots[i].value, arg);
}

struct intmap_slot {
	uint64_t key;
	void *value; /* NULL: free; &removed: was taken */
};

static char removed;

/* The slot that holds the key, or NULL. */
static struct intmap_slot *intmap_find(const struct intmap *m, uint64_t key)
{
	if (m->count == 0)
		return NULL;
	for (size_t i = hash_mix(key, 0) & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct intmap_slot *s = &m->slots[i];

		if (s->value == NULL)
			return NULL;
		if (s->key == key && s->value != &removed)
			return s;
	}
}

void *intmap_get(const struct intmap *m, uint64_t key)
{
	const struct intmap_slot *s = intmap_find(m, key);

	return s != NULL ? s->value : NULL;
}

static void intmap_insert_new(struct intmap *m, uint64_t key, void *value)
{
	size_t i = hash_mix(key, 0) & (m->cap - 1);

	while (m->slots[i].value != NULL)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = (struct intmap_slot){key, value};
	m->count++;
	m->used++;
}

static void intmap_rebuild(struct intmap *m)
{
	struct intmap old = *m;

	*m = (struct intmap){.cap = 16};
	while (m->cap < (old.count + 1) * 2)
		m->cap *= 2;
	m->slots = mem_array(NULL, m->cap, sizeof(*m->slots));
	memset(m->slots, 0, m->cap * sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value != NULL && old.slots[i].value != &removed)
			intmap_insert_new(m, old.slots[i].key, old.slots[i].value);
	free(old.slots);
}

void intmap_put(struct intmap *m, uint64_t key, void *value)
{
	struct intmap_slot *s = intmap_find(m, key);

	if (s != NULL) {
		s->value = value;
		return;
	}
	if ((m->used + 1) * 4 > m->cap * 3)
		intmap_rebuild(m);
	intmap_insert_new(m, key, value);
}

void *intmap_remove(struct intmap *m, uint64_t key)
{
	struct intmap_slot *s = intmap_find(m, key);
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	s->value = &removed;
	m->count--;
	return value;
}

void intmap_clear(struct intmap *m)
{
	if (m->used > 0)
		memset(m->slots, 0, m->cap * sizeof(*m->slots));
	m->count = m->used = 0;
}

void intmap_fini(struct intmap *m)
{
	free(m->slots);
	*m = (struct intmap){.slots = NULL};
}

void *intmap_next(const struct intmap *m, size_t *at, uint64_t *key)
{
	while (*at < m->cap) {
		const struct intmap_slot *s = &m->slots[(*at)++];

		if (s->value != NULL && s->value != &removed) {
			if (key != NULL)
				*key = s->key;
			return s->value;
		}
	}
	return NULL;
}
