/* Allocation through one door, and a bump allocator over a list of growing chunks. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_FIRST_BYTES ((size_t)4096)
#define CHUNK_MAX_BYTES ((size_t)1 << 20)
#define GROW_FIRST ((size_t)16) /* items; a power of two */

struct arena_chunk {
	struct arena_chunk *older;
	size_t cap, used; /* bytes of data[] */
	_Alignas(max_align_t) char data[];
};

static void (*exhausted_hook)(void);

void mem_set_exhausted_hook(void (*hook)(void))
{
	exhausted_hook = hook;
}

static _Noreturn void exhausted(void)
{
	static const char text[] =
		"llmdeck: out of memory: free some, or ask for a shorter window or fewer groups\n";
	void (*hook)(void) = exhausted_hook;
	ssize_t written;

	exhausted_hook = NULL;
	if (hook != NULL)
		hook();
	written = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)written; /* there is nobody else to tell */
	_exit(EXIT_FAILURE);
}

void *mem_alloc(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);

	if (p == NULL)
		exhausted();
	return p;
}

void *mem_zalloc(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (p == NULL)
		exhausted();
	return p;
}

void *mem_array(void *old, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		exhausted();
	p = realloc(old, bytes ? bytes : 1);
	if (p == NULL)
		exhausted();
	return p;
}

char *mem_strndup(const char *text, size_t len)
{
	char *copy = mem_alloc(len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *mem_strdup(const char *text)
{
	return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		exhausted();
	return text;
}

void *mem_grow_more(void *array, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 8;

	while (want < need) {
		if (want > SIZE_MAX / 2)
			exhausted();
		want *= 2;
	}
	array = mem_array(array, want, size);
	*cap = want;
	return array;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
	size_t cap = a->chunk ? a->chunk->cap * 2 : CHUNK_FIRST_BYTES;
	struct arena_chunk *c;

	if (cap > CHUNK_MAX_BYTES)
		cap = CHUNK_MAX_BYTES;
	if (cap < need)
		cap = need;
	if (cap > SIZE_MAX - sizeof(*c))
		exhausted();
	c = mem_alloc(sizeof(*c) + cap);
	c->cap = cap;
	c->used = 0;
	c->older = a->chunk;
	a->chunk = c;
	return c;
}

/* `bytes` at an offset that is a multiple of `align`. */
static void *arena_take(struct arena *a, size_t bytes, size_t align)
{
	struct arena_chunk *c = a->chunk;
	size_t at = c != NULL ? (c->used + align - 1) & ~(align - 1) : 0;

	if (c == NULL || at > c->cap || c->cap - at < bytes) {
		c = chunk_new(a, bytes);
		at = 0;
	}
	c->used = at + bytes;
	a->used_bytes += bytes;
	return c->data + at;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	return arena_take(a, bytes, _Alignof(max_align_t));
}

char *arena_copy(struct arena *a, const char *bytes, size_t len)
{
	char *copy = arena_take(a, len + 1, 1);

	if (len > 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

void *arena_grow(struct arena *a, void *items, size_t count, size_t size)
{
	void *larger;

	if (count != 0 && (count < GROW_FIRST || (count & (count - 1)) != 0))
		return items;
	larger = arena_alloc(a, (count ? 2 * count : GROW_FIRST) * size);
	if (count)
		memcpy(larger, items, count * size);
	return larger;
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *largest = NULL, *c = a->chunk;

	while (c != NULL) {
		struct arena_chunk *older = c->older;

		if (largest == NULL || c->cap > largest->cap) {
			free(largest);
			largest = c;
		} else {
			free(c);
		}
		c = older;
	}
	if (largest != NULL) {
		largest->older = NULL;
		largest->used = 0;
	}
	a->chunk = largest;
	a->used_bytes = 0;
}

void arena_fini(struct arena *a)
{
	while (a->chunk != NULL) {
		struct arena_chunk *older = a->chunk->older;

		free(a->chunk);
		a->chunk = older;
	}
	a->used_bytes = 0;
}
