/* The YAML tree of config_tree.h, walked by the names that the context gives. */
#include "parse/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "parse/config_tree.h"

#define PEM_MAX_BYTES (256u << 10)

struct loader {
	struct kubeconfig *out;
	const char *path;
	struct err *err;
};

void kubeconfig_fini(struct kubeconfig *k)
{
	if (k->token)
		explicit_bzero((char *)(uintptr_t)k->token, strlen(k->token));
	if (k->key_pem.len)
		explicit_bzero((char *)(uintptr_t)k->key_pem.ptr, k->key_pem.len);
	arena_fini(&k->arena);
	*k = (struct kubeconfig){0};
}

static const char *text_of(const struct node *map, const char *key)
{
	const struct node *n = map && map->kind == NODE_MAP ? node_get(map, key) : NULL;

	return n && n->kind == NODE_SCALAR && !node_is_null(n) && n->text[0] ? n->text : NULL;
}

static const char *keep(struct loader *l, const char *text)
{
	return text ? arena_copy(&l->out->arena, text, strlen(text)) : NULL;
}

/* The entry of that name in a list of {name, WHAT: {…}}. */
static const struct node *entry(struct loader *l, const struct node *root, const char *list, const char *what,
                                const char *name)
{
	const struct node *items = node_get(root, list);

	for (const struct node *n = items && items->kind == NODE_LIST ? items->child : NULL; n; n = n->next) {
		const char *own = text_of(n, "name");
		const struct node *body = n->kind == NODE_MAP ? node_get(n, what) : NULL;

		if (own && strcmp(own, name) == 0 && body && body->kind == NODE_MAP)
			return body;
	}
	err_set(l->err, "%s: there is no %s `%.100s` in it", l->path, what, name);
	return NULL;
}

static int digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Base64 (RFC 4648), white space passed over. */
static bool decode(const char *text, struct buf *out)
{
	unsigned bits = 0, count = 0;

	for (; *text && *text != '='; text++) {
		int digit = digit_of(*text);

		if (strchr(" \t\r\n", *text))
			continue;
		if (digit < 0)
			return false;
		bits = bits << 6 | (unsigned)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_append_c(out, (char)(bits >> count & 0xff));
		}
	}
	return out->len > 0;
}

static char *beside(const struct loader *l, const char *path)
{
	const char *slash = strrchr(l->path, '/');

	if (path[0] == '/' || !slash)
		return mem_strdup(path);
	return mem_printf("%.*s/%s", (int)(slash - l->path), l->path, path);
}

/* "NAME-data" as base64 or "NAME" as a path; leaves *out alone when there is neither. */
static int take_pem(struct loader *l, const struct node *map, const char *name, struct str *out)
{
	char *data_key = mem_printf("%s-data", name);
	const char *data = text_of(map, data_key), *file = text_of(map, name);
	struct buf pem = {0};
	int result = 0;

	if (data && !decode(data, &pem)) {
		result = err_set(l->err, "%s: %s is not base64", l->path, data_key);
	} else if (!data && file) {
		char *path = beside(l, file);

		result = file_read(path, PEM_MAX_BYTES, &pem, l->err);
		free(path);
	}
	if (result == 0 && pem.len)
		*out = (struct str){arena_copy(&l->out->arena, pem.data, pem.len), pem.len};
	if (pem.data)
		explicit_bzero(pem.data, pem.len);
	buf_fini(&pem);
	free(data_key);
	return result;
}

static int take_cluster(struct loader *l, const struct node *cluster)
{
	static const char *const refused[] = {"proxy-url", "tls-server-name", NULL};
	const char *server = text_of(cluster, "server"), *insecure = text_of(cluster, "insecure-skip-tls-verify");

	for (size_t i = 0; refused[i]; i++) {
		if (text_of(cluster, refused[i]))
			return err_set(l->err, "%s: `%s` is not supported: give a cluster entry without it", l->path, refused[i]);
	}
	if (!server || (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0))
		return err_set(l->err, "%s: the cluster has no `server` that begins with https://", l->path);
	size_t len = strlen(server);

	while (server[len - 1] == '/')
		len--;
	l->out->server = arena_copy(&l->out->arena, server, len);
	l->out->insecure = insecure && strcmp(insecure, "true") == 0;
	return take_pem(l, cluster, "certificate-authority", &l->out->ca_pem);
}

static int take_user(struct loader *l, const struct node *user)
{
	static const struct {
		const char *key, *instead;
	} refused[] = {
		{"exec", "gets its credentials from a plugin program, which llmdeck does not run: give it a service account's token"},
		{"auth-provider", "gets its credentials from an auth provider, which is not supported: give it a token"},
		{"username", "has a password, which API servers no longer take: give it a token or a client certificate"},
		{"password", "has a password, which API servers no longer take: give it a token or a client certificate"},
		{"as", "acts for somebody else, which is not supported: give it an account of its own"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (node_get(user, refused[i].key))
			return err_set(l->err, "%s: the user %s", l->path, refused[i].instead);
	}
	l->out->token = keep(l, text_of(user, "token"));
	if (text_of(user, "tokenFile")) {
		char *path = beside(l, text_of(user, "tokenFile"));

		l->out->token_file = keep(l, path);
		free(path);
	}
	if (take_pem(l, user, "client-certificate", &l->out->cert_pem) || take_pem(l, user, "client-key", &l->out->key_pem))
		return -1;
	if (!l->out->cert_pem.len != !l->out->key_pem.len)
		return err_set(l->err, "%s: a client certificate needs its key, and a key its certificate", l->path);
	if (!l->out->token && !l->out->token_file && !l->out->cert_pem.len)
		return err_set(l->err, "%s: the user has neither a token nor a client certificate", l->path);
	return 0;
}

static int take_context(struct loader *l, const struct node *root, const char *name)
{
	const char *chosen = name && *name ? name : text_of(root, "current-context");

	if (!chosen)
		return err_set(l->err, "%s: names no current-context: give `context`", l->path);
	const struct node *context = entry(l, root, "contexts", "context", chosen);
	const char *cluster = text_of(context, "cluster"), *user = text_of(context, "user");

	if (!context)
		return -1;
	if (!cluster || !user)
		return err_set(l->err, "%s: the context `%.100s` lacks its cluster or user", l->path, chosen);
	l->out->space = keep(l, text_of(context, "namespace"));
	const struct node *cluster_node = entry(l, root, "clusters", "cluster", cluster);
	const struct node *user_node = cluster_node ? entry(l, root, "users", "user", user) : NULL;

	if (!user_node || take_cluster(l, cluster_node))
		return -1;
	return take_user(l, user_node);
}

int kubeconfig_load(struct kubeconfig *out, const char *path, const char *context, struct err *err)
{
	struct loader l = {out, path, err};
	struct arena tree = {0};
	struct buf text = {0};
	struct node *root = NULL;
	int result = -1;

	*out = (struct kubeconfig){0};
	if (file_read(path, CONFIG_FILE_MAX_BYTES, &text, err) == 0 &&
	    config_tree_parse(&root, buf_str(&text), path, &tree, err) == 0)
		result = root && root->kind == NODE_MAP ? take_context(&l, root, context)
		                                        : err_set(err, "%s: is no kubeconfig", path);
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_fini(&text);
	arena_fini(&tree);
	if (result)
		kubeconfig_fini(out);
	return result;
}

int kubeconfig_in_cluster(struct kubeconfig *out, const char *folder, struct err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	struct loader l = {out, folder, err};
	char *ca_path = mem_printf("%s/ca.crt", folder), *token_path = mem_printf("%s/token", folder);
	char *space_path = mem_printf("%s/namespace", folder);
	struct buf pem = {0}, space = {0};
	int result = -1;

	*out = (struct kubeconfig){0};
	if (!host || !port) {
		err_set(err, "kubernetes: this is no pod (KUBERNETES_SERVICE_HOST is not set): give `kubeconfig`");
	} else if (file_read(ca_path, PEM_MAX_BYTES, &pem, err) == 0) {
		struct buf server = {0};
		struct err none;

		buf_printf(&server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
		out->server = keep(&l, server.data);
		out->token_file = keep(&l, token_path);
		out->ca_pem = (struct str){arena_copy(&out->arena, pem.data, pem.len), pem.len};
		if (file_read(space_path, 256, &space, &none) == 0) {
			struct str name = str_trim(buf_str(&space));

			out->space = arena_copy(&out->arena, name.ptr, name.len);
		}
		buf_fini(&server);
		result = 0;
	}
	buf_fini(&pem);
	buf_fini(&space);
	free(ca_path);
	free(token_path);
	free(space_path);
	return result;
}
