/* Credentials of a source as one request header. Secrets are named in the configuration (env:NAME,
 * file:/path) and read only when a request is made. Any thread. */
#ifndef LLMDECK_COLLECT_AUTH_H
#define LLMDECK_COLLECT_AUTH_H

#include "base/buf.h"
#include "base/err.h"

/* Whether the options fit together: a token or a user with a password, never both, secrets only as
 * references. "" stands for "not given". Does not read the secrets. */
int auth_check(const char *token, const char *user, const char *password, struct err *err);

/* Whether a source can ask this URL: http or https, with a host, and no user or password in it. */
int auth_check_url(const char *url, struct err *err);

struct auth_header {
	struct buf line; /* "Authorization: …", empty when nothing is configured */
};
/* Reads the secrets into `out`, which is to be ended with auth_header_fini() in any case. -1 when a
 * secret cannot be read; no sentence repeats one. */
int auth_header(struct auth_header *out, const char *token, const char *user, const char *password,
                struct err *err);
/* Wipes and frees. */
void auth_header_fini(struct auth_header *h);

#endif
