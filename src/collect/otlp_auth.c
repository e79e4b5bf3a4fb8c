/* Base64 is decoded in place of a library's: RFC 4648 section 4, strict about nothing but the alphabet. */
#include "collect/otlp_auth.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define BASIC_MAX_BYTES 1024

static bool same(struct str secret, struct str shown)
{
	unsigned different = secret.len != shown.len;

	for (size_t i = 0; i < shown.len; i++)
		different |= (unsigned)(unsigned char)shown.ptr[i] ^ (unsigned char)(secret.len ? secret.ptr[i % secret.len] : 0);
	return !different && secret.len > 0;
}

static int base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Decodes up to the first padding; the length, or -1. */
static int base64_decode(struct str text, char *out, size_t room)
{
	uint32_t bits = 0;
	int held = 0;
	size_t len = 0;

	for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
		int value = base64_value(text.ptr[i]);

		if (value < 0 || len >= room)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[len++] = (char)(bits >> held & 0xff);
		}
	}
	return (int)len;
}

static bool basic_ok(struct str secret, struct str encoded)
{
	char text[BASIC_MAX_BYTES];
	int len = base64_decode(encoded, text, sizeof(text));
	struct str password = {text, len > 0 ? (size_t)len : 0};

	str_cut(&password, ':');
	bool ok = password.len && same(secret, password);

	explicit_bzero(text, sizeof(text));
	return ok;
}

static bool scheme(struct str *header, const char *name)
{
	size_t len = strlen(name);

	if (header->len <= len || strncasecmp(header->ptr, name, len) != 0 || header->ptr[len] != ' ')
		return false;
	*header = str_trim((struct str){header->ptr + len, header->len - len});
	return true;
}

bool otlp_auth_ok(struct str secret, const char *authorization, const char *api_key)
{
	struct str header = str_of(authorization);

	if (api_key && same(secret, str_of(api_key)))
		return true;
	if (!authorization)
		return false;
	if (scheme(&header, "Bearer"))
		return same(secret, header);
	return scheme(&header, "Basic") && basic_ok(secret, header);
}
