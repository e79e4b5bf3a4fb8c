/* The secret is resolved into a buffer of full size, so that no growing leaves a copy behind, and
 * every buffer that held it is wiped. */
#include "collect/auth.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "parse/config.h"

#define SECRET_ROOM_BYTES 16384 /* what config_secret_resolve() gives at most */

static bool is_reference(const char *text)
{
	return strncmp(text, "env:", 4) == 0 || strncmp(text, "file:/", 6) == 0;
}

int auth_check(const char *token, const char *user, const char *password, struct err *err)
{
	if (*token && (*user || *password))
		return err_set(err, "token and user are both given: keep the one that the other side wants");
	if (*token && !is_reference(token))
		return err_set(err, "token must be given as env:NAME or file:/path, not as itself");
	if (*password && !*user)
		return err_set(err, "password is given without user: add user");
	if (*user && !*password)
		return err_set(err, "user is given without password: add password as env:NAME or file:/path");
	if (*password && !is_reference(password))
		return err_set(err, "password must be given as env:NAME or file:/path, not as itself");
	if (strpbrk(user, ":\r\n"))
		return err_set(err, "user may hold no colon and no line end");
	return 0;
}

int auth_check_url(const char *url, struct err *err)
{
	bool http = strncasecmp(url, "http://", 7) == 0, https = strncasecmp(url, "https://", 8) == 0;
	const char *host = url + (https ? 8 : 7);
	size_t len;

	if (!http && !https)
		return err_set(err, "url must begin with http:// or https://");
	len = strcspn(host, "/?#");
	if (len == 0)
		return err_set(err, "url names no host");
	if (memchr(host, '@', len))
		return err_set(err, "url holds a user or password: give user and password as keys of their own");
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return err_set(err, "url holds a blank or control character: write it as %%20");
	return 0;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_fini(b);
}

static void append_base64(struct buf *out, struct str bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		uint32_t word = 0;
		size_t given = bytes.len - i < 3 ? bytes.len - i : 3;

		for (size_t k = 0; k < 3; k++)
			word = word << 8 | (k < given ? (unsigned char)bytes.ptr[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			buf_append_c(out, k <= given ? digits[word >> (18 - 6 * k) & 63] : '=');
	}
}

int auth_header(struct auth_header *out, const char *token, const char *user, const char *password,
                struct err *err)
{
	struct buf pair = {0};
	int result = 0;

	if (!*token && !*user)
		return 0;
	buf_reserve(&out->line, 2 * SECRET_ROOM_BYTES + 2 * strlen(user));
	if (*token) {
		buf_puts(&out->line, "Authorization: Bearer ");
		return config_secret_resolve(token, &out->line, err);
	}
	buf_reserve(&pair, SECRET_ROOM_BYTES + strlen(user) + 2);
	buf_printf(&pair, "%s:", user);
	result = config_secret_resolve(password, &pair, err);
	buf_puts(&out->line, "Authorization: Basic ");
	append_base64(&out->line, buf_str(&pair));
	wipe(&pair);
	return result;
}

void auth_header_fini(struct auth_header *h)
{
	wipe(&h->line);
}
