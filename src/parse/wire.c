/* The slow paths of the protobuf wire reader: varints of several bytes, fields of all other types and
 * sizes, and damage: the reader then stands at its end. */
#include "parse/wire.h"

#include <endian.h>

static bool damaged(struct wire_reader *r)
{
	r->bad = true;
	r->at = r->end;
	return false;
}

bool wire_varint_slow(struct wire_reader *r, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte;
		if (r->at >= r->end)
			break;
		byte = *r->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = value;
			return true;
		}
	}
	return damaged(r);
}

static bool wire_fixed64(struct wire_reader *r, uint64_t *out)
{
	if (r->end - r->at < 8)
		return damaged(r);
	memcpy(out, r->at, 8);
	*out = le64toh(*out);
	r->at += 8;
	return true;
}

static bool wire_fixed32(struct wire_reader *r, uint64_t *out)
{
	uint32_t value;

	if (r->end - r->at < 4)
		return damaged(r);
	memcpy(&value, r->at, 4);
	*out = le32toh(value);
	r->at += 4;
	return true;
}

static bool wire_bytes(struct wire_reader *r, struct str *out)
{
	uint64_t len;

	if (!wire_varint(r, &len))
		return false;
	if (len > (uint64_t)(r->end - r->at))
		return damaged(r);
	*out = (struct str){(const char *)r->at, (size_t)len};
	r->at += len;
	return true;
}

bool wire_next_slow(struct wire_reader *r, struct wire_field *field)
{
	uint64_t tag;

	if (r->at >= r->end || !wire_varint(r, &tag))
		return false;
	if (tag >> 3 == 0 || tag > UINT32_MAX)
		return damaged(r);
	field->tag = (uint32_t)tag;
	switch (tag & 7) {
	case WIRE_VARINT:
		return wire_varint(r, &field->integer);
	case WIRE_FIXED64:
		return wire_fixed64(r, &field->integer);
	case WIRE_FIXED32:
		return wire_fixed32(r, &field->integer);
	case WIRE_BYTES:
		return wire_bytes(r, &field->bytes);
	default:
		return damaged(r);
	}
}
