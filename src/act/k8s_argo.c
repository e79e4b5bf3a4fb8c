/* Argo Rollouts, as far as the strategy does not matter: the state that the controller shows, and the
 * verbs it has as fields: pause in the spec, abort on the status subresource, an older pod template. */
#include <string.h>

#include "act/kubernetes.h"
#include "base/utf8.h"

static void read_shown(struct str object, const char *pointer, char *out, size_t cap)
{
	char raw[300];

	json_text_at(object, pointer, raw, sizeof(raw));
	text_harmless(out, cap, str_of(raw));
}

/* The controller writes the generation that it has seen as text. */
static bool has_seen_spec(struct str object)
{
	char observed[32];
	int64_t generation, seen;

	return !json_int_at(object, "/metadata/generation", &generation) ||
	       !json_text_at(object, "/status/observedGeneration", observed, sizeof(observed)) ||
	       !str_to_int64(str_of(observed), &seen) || seen >= generation;
}

void k8s_argo_read(struct str object, struct k8s_argo *out)
{
	*out = (struct k8s_argo){.lags = !has_seen_spec(object)};
	read_shown(object, "/status/phase", out->phase, sizeof(out->phase));
	read_shown(object, "/status/message", out->message, sizeof(out->message));
	json_text_at(object, "/status/stableRS", out->stable, sizeof(out->stable));
	json_text_at(object, "/status/currentPodHash", out->current, sizeof(out->current));
	json_bool_at(object, "/status/abort", &out->aborted);
	json_bool_at(object, "/spec/paused", &out->paused);
	out->pauses = json_count(json_at(object, "/status/pauseConditions")) > 0;
}

struct k8s_argo_seen k8s_argo_seen(const char *saw)
{
	struct k8s_argo_seen seen = {.revision = 0};
	struct str text = str_of(saw ? saw : "");

	json_bool_at(text, "/paused", &seen.paused);
	json_bool_at(text, "/aborted", &seen.aborted);
	json_int_at(text, "/revision", &seen.revision);
	return seen;
}

void k8s_write_status(struct str object, const char *inner, struct k8s_change *out)
{
	out->path = "/status";
	k8s_write_spec(object, inner, out);
}

void k8s_write_spec(struct str object, const char *inner, struct k8s_change *out)
{
	out->media = K8S_MERGE;
	k8s_guarded(object, inner, &out->body);
}

void k8s_argo_pause(struct str object, const struct k8s_argo *a, bool paused, struct k8s_change *out)
{
	if (a->paused != paused)
		k8s_write_spec(object, paused ? "\"spec\":{\"paused\":true}" : "\"spec\":{\"paused\":false}", out);
}

void k8s_argo_retry(struct str object, struct k8s_change *out)
{
	k8s_write_status(object, "\"status\":{\"abort\":false}", out);
}

enum act_result k8s_argo_revision(struct k8s *k, const struct act_ask *ask, struct str object, int64_t revision,
                                  struct k8s_change *out, struct act_why *why)
{
	int64_t found;

	out->media = K8S_JSON;
	return k8s_revision_patch(k, ask, &k8s_of_rollout, object, revision, &out->body, &found, why);
}

enum act_result k8s_argo_change(struct k8s *k, const struct act_ask *ask, struct str object, const struct k8s_argo *a,
                                struct k8s_change *out, struct act_why *why)
{
	switch (ask->verb) {
	case ACT_HOLD:
	case ACT_RESUME:
		k8s_argo_pause(object, a, ask->verb == ACT_HOLD, out);
		return ACT_OK;
	case ACT_RETRY_ROLLOUT:
		if (a->aborted)
			k8s_argo_retry(object, out);
		return ACT_OK;
	case ACT_UNDO_REVISION:
		return k8s_argo_revision(k, ask, object, ask->revision, out, why);
	default:
		return act_fail(why, ACT_UNABLE, "%s: an Argo Rollout has no `%s`", k->env.target, act_verb_name(ask->verb));
	}
}

bool k8s_argo_obeyed(const struct k8s_argo *a, enum act_verb verb)
{
	switch (verb) {
	case ACT_HOLD:
		return a->paused;
	case ACT_RESUME:
		return !a->paused;
	case ACT_RETRY_ROLLOUT:
		return !a->aborted;
	default: /* UNDO_REVISION: its steps run; it has settled when nothing moves */
		return strcmp(a->phase, "Healthy") == 0 || strcmp(a->phase, "Paused") == 0;
	}
}
