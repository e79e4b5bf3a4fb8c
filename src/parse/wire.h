/* A small protobuf wire reader: the decoding half of the encoding at protobuf.dev, nothing generated.
 * Works on borrowed bytes, never allocates, never reads past the end. Pure. */
#ifndef LLMDECK_PARSE_WIRE_H
#define LLMDECK_PARSE_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* A field's number and type as they stand on the wire. */
#define WIRE_TAG(number, type) ((uint32_t)(number) << 3 | (type))

struct wire_reader {
	const uint8_t *at, *end;
	bool bad; /* set once anything was malformed; every later read then says false */
};

/* One field: its tag, and its value in the member that belongs to the type. */
struct wire_field {
	uint32_t tag;
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
	if (r->at < r->end && r->at[0] < 0x80) {
		*out = *r->at++;
		return true;
	}
	if (r->end - r->at >= 2 && r->at[1] < 0x80) {
		*out = (r->at[0] & 0x7fu) | (uint64_t)r->at[1] << 7;
		r->at += 2;
		return true;
	}
	return wire_varint_slow(r, out);
}

bool wire_next_slow(struct wire_reader *r, struct wire_field *field);

/* Reads the next field; false at the end or on damage (then r->bad is set). Groups, which nobody
 * sends any more, count as damage. */
static inline bool wire_next(struct wire_reader *r, struct wire_field *field)
{
	const uint8_t *at = r->at;

	/* What most of OTLP consists of: less than 128 bytes in a field with a number below 16. */
	if (r->end - at >= 2 && (at[0] & 0x87) == WIRE_BYTES && at[0] > 7 && at[1] < 0x80 && at[1] <= r->end - at - 2) {
		field->tag = at[0];
		field->bytes = (struct str){(const char *)at + 2, at[1]};
		r->at = at + 2 + at[1];
		return true;
	}
	return wire_next_slow(r, field);
}

static inline double wire_double(const struct wire_field *f)
{
	double number;
	memcpy(&number, &f->integer, sizeof number);
	return number;
}

#endif
