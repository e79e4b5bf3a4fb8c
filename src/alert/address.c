/* The buffers are kept from request to request. */
#include "alert/address.h"

#include <string.h>

#include "parse/config.h"

static int resolve(const char *text, struct buf *out, struct err *err)
{
	buf_reset(out);
	if (strncmp(text, "env:", 4) == 0 || strncmp(text, "file:/", 6) == 0)
		return config_secret_resolve(text, out, err);
	buf_puts(out, text);
	return 0;
}

static int read_header(struct buf *line, const struct config_pair *p, struct err *err)
{
	struct buf value = {0};
	int failed = resolve(p->value, &value, err);

	if (!failed) {
		buf_reset(line);
		buf_printf(line, "%s: %s", p->key + strlen("headers."), value.data ? value.data : "");
	}
	buf_fini(&value);
	return failed;
}

int web_address_read(struct web_address *a, const struct config_section *section, const char *path, struct err *err)
{
	size_t count = 0;

	if (resolve(section_value(section, "url"), &a->url, err))
		return -1;
	while (*path && a->url.len && a->url.data[a->url.len - 1] == '/')
		a->url.data[--a->url.len] = '\0';
	buf_puts(&a->url, path);
	for (size_t i = 0; i < section->pair_count && count < ADDRESS_HEADERS_MAX; i++) {
		const struct config_pair *p = &section->pairs[i];

		if (strncmp(p->key, "headers.", 8) != 0)
			continue;
		if (read_header(&a->lines[count], p, err))
			return -1;
		a->headers[count] = a->lines[count].data;
		count++;
	}
	a->headers[count] = NULL;
	return 0;
}

void web_address_fini(struct web_address *a)
{
	buf_fini(&a->url);
	for (size_t i = 0; i < ADDRESS_HEADERS_MAX; i++)
		buf_fini(&a->lines[i]);
}
