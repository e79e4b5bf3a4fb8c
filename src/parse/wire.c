/* The slow paths of the protobuf wire reader: varints of several bytes and the field header. */
#include "parse/wire.h"

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
	r->bad = true;
	return false;
}

static bool wire_fixed(struct wire_reader *r, size_t bytes, uint64_t *out)
{
	uint64_t value = 0;

	if ((size_t)(r->end - r->at) < bytes) {
		r->bad = true;
		return false;
	}
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)r->at[i] << (8 * i);
	r->at += bytes;
	*out = value;
	return true;
}

bool wire_next(struct wire_reader *r, struct wire_field *field)
{
	uint64_t key, len;

	if (r->bad || r->at >= r->end || !wire_varint(r, &key))
		return false;
	if (key >> 3 == 0 || key >> 3 > 0x1fffffff) {
		r->bad = true;
		return false;
	}
	field->number = (uint32_t)(key >> 3);
	field->type = (enum wire_type)(key & 7);
	switch (field->type) {
	case WIRE_VARINT:
		return wire_varint(r, &field->integer);
	case WIRE_FIXED64:
		return wire_fixed(r, 8, &field->integer);
	case WIRE_FIXED32:
		return wire_fixed(r, 4, &field->integer);
	case WIRE_BYTES:
		if (!wire_varint(r, &len))
			return false;
		if (len > (uint64_t)(r->end - r->at))
			break;
		field->bytes = (struct str){(const char *)r->at, (size_t)len};
		r->at += len;
		return true;
	}
	r->bad = true;
	return false;
}
