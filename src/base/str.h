/* A borrowed run of bytes: not NUL-terminated, never owned. */
#ifndef LLMDECK_BASE_STR_H
#define LLMDECK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr; /* may be NULL when len is 0 */
	size_t len;      /* bytes */
};

/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""
#define STR_LIT(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal) {(literal), sizeof(literal) - 1} /* in a static table */

static inline struct str str_of(const char *text)
{
	return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* A text of less than eight bytes as one number; two of one length have the same when they are equal. By
 * loads alone: copied into a word and read from there it would wait for all stores under way. */
static inline uint64_t str_short_word(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	uint32_t first, last;

	if (s.len >= 4) {
		memcpy(&first, p, 4);
		memcpy(&last, p + s.len - 4, 4);
		return (uint64_t)first << 32 | last;
	}
	return s.len ? (uint64_t)p[0] << 16 | (uint64_t)p[s.len / 2] << 8 | p[s.len - 1] : 0;
}

/* The same as str_equal() without a call, for names of up to a line, which are compared more often than
 * anything else. */
static inline bool str_equal_name(struct str a, struct str b)
{
	const char *p = a.ptr, *q = b.ptr;
	uint64_t x, y;

	if (a.len != b.len)
		return false;
	if (a.len < 8)
		return str_short_word(a) == str_short_word(b);
	for (const char *last = p + a.len - 8; p < last; p += 8, q += 8) {
		memcpy(&x, p, 8);
		memcpy(&y, q, 8);
		if (x != y)
			return false;
	}
	memcpy(&x, a.ptr + a.len - 8, 8);
	memcpy(&y, b.ptr + b.len - 8, 8);
	return x == y;
}

static inline bool str_equal_c(struct str a, const char *text)
{
	return str_equal(a, str_of(text));
}

/* ASCII case only. */
bool str_equal_nocase(struct str a, struct str b);
static inline bool str_starts_with(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}
bool str_ends_with(struct str s, struct str suffix);
/* Without leading and trailing ASCII white space. */
struct str str_trim(struct str s);
/* Cuts at the first `separator`: returns what is before it and leaves in *rest what is after
 * (empty, with ptr NULL, when there was none). */
struct str str_cut(struct str *rest, char separator);
/* Whole decimal integer with optional sign and no white space; false on anything else or overflow. */
bool str_to_int64(struct str s, int64_t *out);
/* Finite decimal number, locale-independent; false on anything else. */
bool str_to_double(struct str s, double *out);
/* The decimal number `s` (sign, fraction and exponent allowed) times 10^scale as an integer,
 * rounded half to even. Exact for any number of digits; false on syntax or overflow. */
bool str_to_scaled_int64(struct str s, int scale, int64_t *out);

#endif
