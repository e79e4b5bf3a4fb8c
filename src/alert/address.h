/* Where a section of the config sends to, with its headers: read when a request is made, so that a changed
 * secret counts. */
#ifndef LLMDECK_ALERT_ADDRESS_H
#define LLMDECK_ALERT_ADDRESS_H

#include "base/buf.h"
#include "base/err.h"
#include "core/section.h"

#define ADDRESS_HEADERS_MAX 16

/* Zero-initialised is empty and valid. */
struct web_address {
	struct buf url;
	struct buf lines[ADDRESS_HEADERS_MAX];
	const char *headers[ADDRESS_HEADERS_MAX + 1]; /* "Name: value", NULL-terminated */
};
/* Fills it from `url` (with `path` behind it) and `headers.*` of the section; env:NAME and file:/path are
 * resolved. -1 when a secret cannot be read. */
int web_address_read(struct web_address *a, const struct config_section *section, const char *path, struct err *err);
void web_address_fini(struct web_address *a);

#endif
