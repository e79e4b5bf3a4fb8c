/* A byte buffer that doubles, with the small encodings that files and pipes are made of. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

char *buf_reserve(struct buf *b, size_t len)
{
	size_t need;

	if (__builtin_add_overflow(b->len + 1, len, &need))
		need = (size_t)-1; /* mem_grow() ends the program */
	if (need > b->cap)
		b->data = mem_grow(b->data, &b->cap, need < 64 ? 64 : need, 1);
	return b->data + b->len;
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
	char *to = buf_reserve(b, len);

	if (len > 0)
		memcpy(to, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_append_c(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->data[++b->len] = '\0';
}

void buf_append_str(struct buf *b, struct str s)
{
	buf_append(b, s.ptr, s.len);
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int len;

	buf_reserve(b, 64);
	room = b->cap - b->len;
	va_copy(again, ap);
	len = vsnprintf(b->data + b->len, room, fmt, ap);
	if (len > 0 && (size_t)len >= room) {
		buf_reserve(b, (size_t)len);
		vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
	}
	va_end(again);
	if (len > 0)
		b->len += (size_t)len;
	b->data[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){NULL, 0, 0};
}

char *buf_steal(struct buf *b)
{
	char *text;

	buf_append(b, "", 0); /* there is a NUL even when nothing was appended */
	text = b->data;
	*b = (struct buf){NULL, 0, 0};
	return text;
}

void buf_append_varint(struct buf *b, uint64_t v)
{
	uint8_t *p = (uint8_t *)buf_reserve(b, 10);
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_append_svarint(struct buf *b, int64_t v)
{
	buf_append_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

bool varint_read(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;
	const uint8_t *at = *p;

	for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
		uint8_t byte = *at++;

		if (shift == 63 && byte > 1)
			return false;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*p = at;
			*out = v;
			return true;
		}
	}
	return false;
}

bool svarint_read(const uint8_t **p, const uint8_t *end, int64_t *out)
{
	uint64_t v;

	if (!varint_read(p, end, &v))
		return false;
	*out = (int64_t)((v >> 1) ^ (0 - (v & 1)));
	return true;
}

static void append_json_escape(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"': buf_append(b, "\\\"", 2); break;
	case '\\': buf_append(b, "\\\\", 2); break;
	case '\n': buf_append(b, "\\n", 2); break;
	case '\r': buf_append(b, "\\r", 2); break;
	case '\t': buf_append(b, "\\t", 2); break;
	default: buf_printf(b, "\\u%04x", c); break;
	}
}

void buf_append_json(struct buf *b, struct str s)
{
	const char *p = s.ptr, *end = s.len ? s.ptr + s.len : s.ptr, *plain = p;

	buf_append_c(b, '"');
	while (p < end) {
		unsigned char c = (unsigned char)*p;
		const char *start = p;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			p++;
			continue;
		}
		if (c >= 0x80 && utf8_decode(&p, end) != UTF8_BAD)
			continue;
		buf_append(b, plain, (size_t)(start - plain));
		if (c >= 0x80) {
			buf_append(b, "\xef\xbf\xbd", 3);
		} else {
			append_json_escape(b, c);
			p++;
		}
		plain = p;
	}
	buf_append(b, plain, (size_t)(p - plain));
	buf_append_c(b, '"');
}

void buf_append_csv(struct buf *b, struct str s)
{
	bool quote = s.len > 0 && (s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' ');

	for (size_t i = 0; i < s.len && !quote; i++)
		quote = s.ptr[i] == ',' || s.ptr[i] == '"' || s.ptr[i] == '\n' || s.ptr[i] == '\r';
	if (!quote) {
		buf_append_str(b, s);
		return;
	}
	buf_append_c(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"')
			buf_append_c(b, '"');
		buf_append_c(b, s.ptr[i]);
	}
	buf_append_c(b, '"');
}
