/* A kubeconfig (kubectl's configuration, v1 Config): where a cluster is and how to prove who we are.
 * Certificates and keys are taken in; a token in a file stays there, as it is replaced now and then. */
#ifndef LLMDECK_PARSE_KUBECONFIG_H
#define LLMDECK_PARSE_KUBECONFIG_H

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct kubeconfig {
	struct arena arena; /* owns the texts; holds secrets */
	const char *server; /* "https://10.0.0.1:6443", no slash at its end */
	const char *space;  /* the context's namespace; NULL: none given */
	const char *token, *token_file; /* NULL: none */
	struct str ca_pem, cert_pem, key_pem;
	bool insecure;      /* insecure-skip-tls-verify */
};

/* Takes the context of that name, NULL or "" the current one. Relative paths count from the file's folder. What
 * is not understood (exec plugins, auth providers, passwords, proxies, impersonation) is refused in words.
 * On -1 `out` is empty. */
int kubeconfig_load(struct kubeconfig *out, const char *path, const char *context, struct err *err);
/* The service account that a pod has: token and certificate under `folder` (normally
 * /var/run/secrets/kubernetes.io/serviceaccount), the server from KUBERNETES_SERVICE_HOST and _PORT. */
int kubeconfig_in_cluster(struct kubeconfig *out, const char *folder, struct err *err);
void kubeconfig_fini(struct kubeconfig *k); /* wipes the secrets */

#endif
