/* A growing byte buffer. Zero-initialised is empty and valid. */
#ifndef LLMDECK_BASE_BUF_H
#define LLMDECK_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *data; /* NUL after len once anything was appended */
	size_t len; /* bytes */
	size_t cap;
};

void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_append_c(struct buf *b, char c);
void buf_append_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Room for `len` more bytes behind data+len; the caller writes there and adds to len. */
char *buf_reserve(struct buf *b, size_t len);
void buf_reset(struct buf *b); /* empty, memory kept */
void buf_fini(struct buf *b);
/* The content as an owned C string; the buffer is empty afterwards. */
char *buf_steal(struct buf *b);
static inline struct str buf_str(const struct buf *b) { return (struct str){b->data, b->len}; }

/* LEB128 unsigned varint and zig-zag signed varint. */
void buf_append_varint(struct buf *b, uint64_t v);
void buf_append_svarint(struct buf *b, int64_t v);
/* Reads from *p (< end), advances it; false when cut short or longer than 10 bytes. */
bool varint_read(const uint8_t **p, const uint8_t *end, uint64_t *out);
bool svarint_read(const uint8_t **p, const uint8_t *end, int64_t *out);

/* Appends `s` as a JSON string with quotes: escapes control characters, replaces broken UTF-8
 * by U+FFFD. */
void buf_append_json(struct buf *b, struct str s);
/* Appends `s` as a CSV field, quoted when needed. */
void buf_append_csv(struct buf *b, struct str s);

#endif
