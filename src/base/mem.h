/* Allocation that never returns NULL: exhaustion ends the program through one door. */
#ifndef LLMDECK_BASE_MEM_H
#define LLMDECK_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define NEVER_NULL __attribute__((returns_nonnull))
void *mem_alloc(size_t bytes) NEVER_NULL;
void *mem_zalloc(size_t bytes) NEVER_NULL; /* zeroed */
/* `count` times `size`; an overflowing product counts as exhaustion. */
void *mem_array(void *old, size_t count, size_t size) NEVER_NULL;
/* Of plain data that was zeroed before it was filled: bytes that pad it count, so "no" may mean them alone. */
static inline bool mem_same(const void *a, const void *b, size_t bytes) { return memcmp(a, b, bytes) == 0; }
char *mem_strdup(const char *text) NEVER_NULL;
char *mem_strndup(const char *text, size_t len) NEVER_NULL;
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2))) NEVER_NULL;

/* Called once before the program ends for want of memory (the screen restores the terminal
 * with it). It must not allocate. */
void mem_set_exhausted_hook(void (*hook)(void));

void *mem_grow_more(void *array, size_t *cap, size_t need, size_t size); /* mem_grow()'s own */
/* Grows *array (of elements of `size` bytes) so that it holds at least `need` of them, doubling.
 * *cap counts elements. */
static inline void *mem_grow(void *array, size_t *cap, size_t need, size_t size)
{
	return need <= *cap ? array : mem_grow_more(array, cap, need, size);
}

/* A bump allocator: everything in it is freed at once. Not thread-safe; an arena may move from
 * one thread to another with what points into it. */
struct arena {
	struct arena_chunk *chunk; /* newest first */
	size_t used_bytes;         /* in all chunks */
};
void *arena_alloc(struct arena *a, size_t bytes) NEVER_NULL; /* aligned for any type, not zeroed */
char *arena_copy(struct arena *a, const char *bytes, size_t len); /* NUL-terminated copy */
/* Room for one more behind `count` items of `size` bytes, doubling: `items` or a larger copy. For arrays that
 * grew so from their first item on. */
void *arena_grow(struct arena *a, void *items, size_t count, size_t size) NEVER_NULL;
void arena_reset(struct arena *a); /* keeps the largest chunk */
void arena_fini(struct arena *a);

#endif
