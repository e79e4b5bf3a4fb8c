/* Finding and changing single values in a JSON text by pointer (RFC 6901), leaving every other byte as
 * it is: what was never understood cannot be lost on the way back to where it came from. Pure. */
#ifndef LLMDECK_PARSE_JSON_EDIT_H
#define LLMDECK_PARSE_JSON_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "parse/json.h"

/* A value within a document. */
struct json_value {
	struct str text;  /* as written; borrowed */
	enum json_token kind; /* JSON_NULL … JSON_STRING, JSON_ARRAY, JSON_OBJECT; JSON_ERROR: absent */
};

/* The value at `pointer` ("" is the whole, "/a/0/b", "~0" and "~1" escaped). Beyond RFC 6901 a step in
 * an array may be "member=text": the first element that is an object with that member; "member=*text":
 * whose member ends so. Absent when it is not there or the document is not valid. */
struct json_value json_at(struct str document, const char *pointer);
/* The element or member number `index`, for walking along a small array or object; absent behind the
 * last. Of a member *key gets its name as written, between the quotes (may be NULL). */
struct json_value json_child(struct json_value parent, size_t index, struct str *key);
size_t json_count(struct json_value parent); /* elements or members; 0 for others */

/* Convenience over json_at(): false when it is absent or of another kind. */
bool json_number_at(struct str document, const char *pointer, double *out);
bool json_int_at(struct str document, const char *pointer, int64_t *out);
bool json_bool_at(struct str document, const char *pointer, bool *out);
/* The text with its escapes resolved, cut to cap - 1 bytes at most and NUL-terminated; "" and false
 * when it is no string. NUL characters in it become '?'. */
bool json_text_at(struct str document, const char *pointer, char *out, size_t cap);

/* Appends the document with the value at `pointer` replaced by `value` (JSON text). A last member that
 * its object lacks is added; -1 with a sentence when what is above it is not there. */
int json_put(struct str document, const char *pointer, struct str value, struct buf *out, struct err *err);
/* Appends the document without the member at `pointer`; unchanged when there is none. Members only. */
void json_drop(struct str document, const char *pointer, struct buf *out);

#endif
