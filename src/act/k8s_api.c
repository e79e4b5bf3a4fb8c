/* The API server: credentials read when they are used, refusals explained by the Status object that
 * comes with them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/kubernetes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_MAX_BYTES 16384

enum act_result k8s_need_access(struct k8s *k, struct act_why *why)
{
	struct err err;
	const char *path = *k->kubeconfig ? k->kubeconfig : k->own_kubeconfig;

	if (k->have_access)
		return ACT_OK;
	kubeconfig_fini(&k->access);
	int failed = path ? kubeconfig_load(&k->access, path, k->context, &err)
	                  : kubeconfig_in_cluster(&k->access, SERVICE_ACCOUNT, &err);

	if (failed)
		return act_fail(why, ACT_DENIED, "%s: %s", k->env.target, err.text);
	k->have_access = true;
	return ACT_OK;
}

static enum act_result authorization(struct k8s *k, char **line, struct act_why *why)
{
	struct buf token = {0};
	struct err err;
	enum act_result result = ACT_OK;

	*line = NULL;
	if (k->access.token) {
		*line = mem_printf("Authorization: Bearer %s", k->access.token);
	} else if (k->access.token_file) {
		struct str text = {NULL, 0};

		if (file_read(k->access.token_file, TOKEN_MAX_BYTES, &token, &err) == 0)
			text = str_trim(buf_str(&token));
		else
			result = act_fail(why, ACT_DENIED, "%s: its token: %s", k->env.target, err.text);
		if (result == ACT_OK && (!text.len || memchr(text.ptr, '\n', text.len)))
			result = act_fail(why, ACT_DENIED, "%s: %s is no token", k->env.target, k->access.token_file);
		if (result == ACT_OK)
			*line = mem_printf("Authorization: Bearer %.*s", STR_ARG(text));
		if (token.data)
			explicit_bzero(token.data, token.len);
		buf_fini(&token);
	}
	return result;
}

static enum act_result explain(struct k8s *k, const struct http_got *got, const char *path, bool changes,
                               struct act_why *why)
{
	const char *target = k->env.target;
	char words[200];

	sender_words(got, words, sizeof(words));
	switch (got->status) {
	case 401:
		k->have_access = false; /* a renewed kubeconfig counts at the next try */
		return act_fail(why, ACT_DENIED, "%s: 401: the API server does not know us: renew the token or certificate: %s", target, words);
	case 403:
		return act_fail(why, ACT_DENIED, "%s: 403: grant the verbs get, list and patch on %s in namespace %s by a Role: %s",
		                target, k->kind->group, k->space, words);
	case 404:
		return act_fail(why, ACT_MISSING, "%s: 404: there is no %s: check name, namespace and that its controller is "
		                "installed: %s", target, path, words);
	case 409:
		return act_retry(why, ACT_CHANGED, "%s: 409: somebody else changed it at the same time: plan again: %s", target, words);
	case 415:
		return act_fail(why, ACT_REFUSED, "%s: 415: the API server does not take this kind of patch here: is its version "
		                "supported? %s", target, words);
	case 422:
		return act_fail(why, ACT_REFUSED, "%s: 422: the object would not be valid, or is not what the plan saw: %s", target, words);
	default:
		if (got->status >= 500) {
			why->maybe_changed |= changes;
			return act_retry(why, ACT_REFUSED, "%s: the API server answers %d: %s", target, got->status, words);
		}
		return act_fail(why, ACT_REFUSED, "%s: the API server answers %d: %s", target, got->status, words);
	}
}

static enum act_result no_answer(const struct k8s *k, const struct act_ask *ask, enum http_result answered, bool changes,
                                 const struct err *err, struct act_why *why)
{
	why->maybe_changed |= changes && answered != HTTP_UNREACHABLE;
	if (ask->stop && atomic_load(ask->stop))
		return act_retry(why, ACT_STOPPED, "%s: given up because the collector is leaving", k->env.target);
	return act_retry(why, answered == HTTP_TIMED_OUT ? ACT_TIMED_OUT : ACT_UNREACHABLE, "%s: %s", k->env.target, err->text);
}

/* One request and its answer; 429 is waited out. */
static enum act_result call(struct k8s *k, const struct act_ask *ask, struct http_ask *http, const char *path,
                            struct http_got *got, struct act_why *why)
{
	const char *lines[2] = {NULL, NULL};
	char *auth, *url;
	struct err err = {""};
	const struct sender waiter = {.target = k->env.target};
	bool changes = http->method != NULL;
	enum act_result result = k8s_need_access(k, why);

	if (result != ACT_OK || (result = authorization(k, &auth, why)) != ACT_OK)
		return result;
	url = mem_printf("%s%s", k->access.server, path);
	lines[0] = auth;
	http->url = url;
	http->headers = lines;
	http->ca_pem = k->access.ca_pem;
	http->cert_pem = k->access.cert_pem;
	http->key_pem = k->access.key_pem;
	http->insecure = k->access.insecure;
	http->answer_max_bytes = SEND_ANSWER_MAX_BYTES;
	http->stop = ask->stop;
	do {
		http_got_fini(got);
		if (ask_over(ask, k->env.target, why)) {
			result = ACT_RETRY;
			break;
		}
		int64_t left_us = ask->deadline_us - clock_mono_us();

		http->timeout_us = left_us < k->request_timeout_us ? left_us : k->request_timeout_us;
		enum http_result answered = http_fetch(k->client, http, got, &err);

		if (answered != HTTP_ANSWERED)
			result = no_answer(k, ask, answered, changes, &err, why);
		else if (got->status == 429 && !sender_sleep(&waiter, ask, (got->retry_after_s ? got->retry_after_s : 1) * US_PER_S, why))
			result = ACT_RETRY;
	} while (result == ACT_OK && got->status == 429);
	if (auth)
		explicit_bzero(auth, strlen(auth));
	http->headers = NULL;
	http->url = NULL;
	free(auth);
	free(url);
	return result;
}

enum act_result k8s_get(struct k8s *k, const struct act_ask *ask, const char *path, struct buf *out, struct act_why *why)
{
	struct http_ask http = {.accept_compressed = true};
	struct http_got got = {0};
	enum act_result result = call(k, ask, &http, path, &got, why);

	if (result == ACT_OK && got.status != 200)
		result = explain(k, &got, path, false, why);
	if (result == ACT_OK && json_at(buf_str(&got.body), "").kind != JSON_OBJECT)
		result = act_fail(why, ACT_GARBLED, "%s: what answers at %s is no Kubernetes API server", k->env.target, k->access.server);
	if (result == ACT_OK)
		buf_append_str(out, buf_str(&got.body));
	http_got_fini(&got);
	return result;
}

enum act_result k8s_patch(struct k8s *k, const struct act_ask *ask, const char *path, const char *media, struct str body,
                          int *status, struct act_why *why)
{
	struct http_ask http = {.method = "PATCH", .body = body, .body_type = media};
	struct http_got got = {0};
	enum act_result result = call(k, ask, &http, path, &got, why);

	*status = got.status;
	if (result == ACT_OK && got.status != 200 && got.status != 201)
		result = explain(k, &got, path, true, why);
	http_got_fini(&got);
	return result;
}

/* ── small things the kinds share ──────────────────────────────────────────────────────────── */

void k8s_guarded(struct str object, const char *inner, struct buf *out)
{
	char version[128];

	json_text_at(object, "/metadata/resourceVersion", version, sizeof(version));
	buf_puts(out, "{\"metadata\":{\"resourceVersion\":");
	buf_append_json(out, str_of(version));
	buf_printf(out, "},%s}", inner);
}

int k8s_template_arm(const struct k8s *k, struct str object)
{
	struct str template = json_at(object, "/spec/template").text;
	int found = -1;

	for (size_t i = 0; i < k->env.arm_count && template.len; i++) {
		const char *name = lineup_name(&k->lineup, i);

		if (!memmem(template.ptr, template.len, name, strlen(name)))
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

void k8s_fill_sight(const struct k8s *k, const double *percent, struct act_sight *out)
{
	out->at_us = clock_wall_us();
	if (!out->words)
		out->words = "";
	if (!out->phase)
		out->phase = "";
	out->arm_count = k->env.arm_count;
	for (size_t i = 0; i < k->env.arm_count; i++)
		out->arms[i] = (struct act_arm_sight){.deployment = act_sight_text(out, "%s", k->env.arms[i].deployment),
		                                      .percent = percent[i], .state = ""};
}

void k8s_one_line(struct buf *out, struct str json)
{
	/* in JSON a newline can only stand between values */
	for (size_t i = 0; i < json.len; i++) {
		if (json.ptr[i] != '\n' && json.ptr[i] != '\r')
			buf_append_c(out, json.ptr[i]);
	}
}
