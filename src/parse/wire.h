/* A small protobuf wire reader: the decoding half of the encoding at protobuf.dev, nothing generated.
 * Works on borrowed bytes, never allocates, never reads past the end. Pure. */
#ifndef LLMDECK_PARSE_WIRE_H
#define LLMDECK_PARSE_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_reader {
	const uint8_t *at, *end;
	bool bad; /* set once anything was malformed; every later read then says false */
};

/* One field: its number, its type, and its value in the member that belongs to the type. */
struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t integer; /* VARINT, FIXED64, FIXED32 */
	struct str bytes; /* BYTES */
};

static inline struct wire_reader wire_open(struct str bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr;
	return (struct wire_reader){at, bytes.len ? at + bytes.len : at, false};
}

bool wire_varint_slow(struct wire_reader *r, uint64_t *out);

static inline bool wire_varint(struct wire_reader *r, uint64_t *out)
{
	if (r->at < r->end && *r->at < 0x80) {
		*out = *r->at++;
		return true;
	}
	return wire_varint_slow(r, out);
}

/* Reads the next field; false at the end or on damage (then r->bad is set). Groups, which nobody
 * sends any more, count as damage. */
bool wire_next(struct wire_reader *r, struct wire_field *field);

static inline double wire_double(const struct wire_field *f)
{
	double number;
	memcpy(&number, &f->integer, sizeof number);
	return number;
}

#endif
