/* Reads HAProxy's configuration by lines and sections, as far as server-state-file goes. */
#include <string.h>

#include "act/haproxy_cli.h"

static struct str word(struct str *line)
{
	*line = str_trim(*line);
	size_t len = 0;

	while (len < line->len && line->ptr[len] != ' ' && line->ptr[len] != '\t')
		len++;
	struct str w = {line->ptr, len};

	*line = (struct str){line->ptr + len, line->len - len};
	return w;
}

struct found {
	bool file, base;       /* global: server-state-file, server-state-base */
	bool defaults, own;    /* load-server-state-from-file global|local in defaults, in the backend */
	bool own_none;
};

static bool starts_section(struct str w)
{
	static const char *const names[] = {"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers",
	                                    "userlist", "mailers", "program", "ring", "cache", "http-errors", NULL};

	for (size_t i = 0; names[i]; i++) {
		if (str_equal_c(w, names[i]))
			return true;
	}
	return false;
}

static void take(struct found *f, struct str section, bool ours, struct str key, struct str value)
{
	bool load = str_equal_c(key, "load-server-state-from-file");
	bool loads = str_equal_c(value, "global") || str_equal_c(value, "local");

	if (str_equal_c(section, "global")) {
		f->file |= str_equal_c(key, "server-state-file");
		f->base |= str_equal_c(key, "server-state-base");
	} else if (load && str_equal_c(section, "defaults")) {
		f->defaults = loads;
	} else if (load && ours) {
		f->own = loads;
		f->own_none = !loads;
	}
}

void haproxy_state_file_advice(struct str config, const char *backend, struct buf *out)
{
	struct found f = {0};
	struct str section = {0};
	bool ours = false;

	while (config.len) {
		struct str line = str_cut(&config, '\n');
		struct str key = word(&line), value = word(&line);

		if (key.len == 0 || key.ptr[0] == '#')
			continue;
		if (starts_section(key)) {
			section = key;
			ours = str_equal_c(value, backend) && (str_equal_c(key, "backend") || str_equal_c(key, "listen"));
		} else {
			take(&f, section, ours, key, value);
		}
	}
	bool loads = f.own || (f.defaults && !f.own_none);
	if (loads && (f.file || f.base))
		return;
	buf_printf(out, "a reload of HAProxy loses the weights of backend %s that were set at run time: ", backend);
	if (!f.file && !f.base)
		buf_puts(out, "write `server-state-file /var/lib/haproxy/state` in its global section, ");
	if (!loads)
		buf_puts(out, "write `load-server-state-from-file global` in the backend or its defaults, ");
	buf_puts(out, "and let the reload save it first (ExecReload: `echo show servers state | socat - SOCKET > FILE`); until then "
	         "llmdeck shows DRIFT after a reload and re-apply mends it");
}
