/* A strict pull scanner for JSON (RFC 8259) over a span of bytes in memory. Checks everything it
 * passes: grammar, UTF-8, escapes, depth. Keeps numbers as text, so that integers and decimals stay
 * exact. Never recurses, never allocates (but for unescaped strings, in the caller's arena). The
 * reader borrows the bytes. One thread at a time. */
#ifndef LLMDECK_PARSE_JSON_H
#define LLMDECK_PARSE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define JSON_DEPTH_MAX 128

enum json_token {
	JSON_ERROR = 0, /* reader.error says what; it stays at this token */
	JSON_END,       /* the one value is complete and only white space follows */
	JSON_NULL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_KEY,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_OBJECT,
	JSON_OBJECT_END,
};

struct json_reader {
	const char *start, *at, *end;
	struct str text;   /* STRING, KEY: the bytes between the quotes, as written; NUMBER: its characters */
	const char *token; /* where the last token begins */
	const char *error; /* after JSON_ERROR: "what is wrong", a static text */
	bool escaped;      /* STRING, KEY: text holds backslashes: use json_text() */
	bool integer;      /* NUMBER: no fraction and no exponent */
	uint8_t state;     /* private from here on */
	uint32_t depth;
	uint64_t objects[JSON_DEPTH_MAX / 64]; /* bit: that level is an object */
};

/* Starts before the first token of `bytes`, which must hold exactly one JSON value. A UTF-8 byte
 * order mark in front is passed over; UTF-16 and UTF-32 are refused in words. */
void json_init(struct json_reader *r, struct str bytes);
/* Starts inside an object, behind one of its values: what follows must be "," and more members or
 * the closing brace. For readers that stream a large member themselves. */
void json_init_behind_member(struct json_reader *r, struct str bytes);

/* The next token. Commas and colons are checked and not reported. */
enum json_token json_next(struct json_reader *r);
/* Having read token `t`, goes past the whole value it begins (behind a KEY: past the key's value).
 * False on an error inside. */
bool json_skip(struct json_reader *r, enum json_token t);

/* The text of the last STRING or KEY with its escapes resolved: borrowed from the input when there
 * are none, else in `arena`. May hold NUL bytes (\u0000); a lone surrogate becomes U+FFFD. */
struct str json_text(const struct json_reader *r, struct arena *arena);
struct str json_unescape(struct str raw, struct arena *arena);
/* The last NUMBER as an integer; false when it has a fraction or exponent, or does not fit. */
bool json_int64(const struct json_reader *r, int64_t *out);

/* For readers that know how nearly everybody writes an array's items: where the next one begins, NULL when that is
 * not right behind the bracket or comma; and going on behind the item that they have read and found valid. */
const char *json_item(const struct json_reader *r);
void json_pass_item(struct json_reader *r, const char *behind);
/* The closing quote of a string whose first byte is at `at`. NULL when the string has an escape, a control
 * character, a byte above 0x7F or no end. */
const char *json_plain_end(const char *at, const char *end);

/* Bytes from the start to the last token. */
size_t json_offset(const struct json_reader *r);
/* Line and column (1-based, in bytes) of the last token, for messages. */
void json_position(const struct json_reader *r, size_t *line, size_t *column);

/* True when `bytes` are one valid value; else fills err with line, column and reason. */
bool json_check(struct str bytes, struct err *err);
/* "UTF-16 (little-endian)" and the like when the bytes begin so, else NULL. */
const char *json_foreign_encoding(struct str bytes);

#endif
