/* Undo as kubectl does it: the pod template of an old ReplicaSet that the object owns goes back into the
 * object, without the hash label that the controller had added to it. */
#include <stdlib.h>
#include <string.h>

#include "act/kubernetes.h"

#define SETS_MAX 500

const struct k8s_controller k8s_of_rollout = {"rollout.argoproj.io~1revision", "rollouts-pod-template-hash"};
const struct k8s_controller k8s_of_deployment = {"deployment.kubernetes.io~1revision", "pod-template-hash"};

int64_t k8s_revision(const struct k8s_controller *c, struct str object)
{
	char *pointer = mem_printf("/metadata/annotations/%s", c->revision_key);
	char text[32];
	int64_t revision = 0;

	json_text_at(object, pointer, text, sizeof(text));
	free(pointer);
	return str_to_int64(str_of(text), &revision) ? revision : 0;
}

static bool owned_by(struct str set, const char *uid)
{
	struct json_value owners = json_at(set, "/metadata/ownerReferences"), owner;
	char text[128];

	for (size_t i = 0; i < 8 && (owner = json_child(owners, i, NULL)).kind != JSON_ERROR; i++) {
		if (json_text_at(owner.text, "/uid", text, sizeof(text)) && strcmp(text, uid) == 0)
			return true;
	}
	return false;
}

/* The set of the wanted revision, or of the greatest below the object's own. */
static struct str choose_set(const struct k8s_controller *c, struct str list, struct str object, int64_t wanted,
                             int64_t *revision)
{
	struct json_value items = json_at(list, "/items"), item;
	struct str chosen = {NULL, 0};
	int64_t own = k8s_revision(c, object);
	char uid[128];

	*revision = 0;
	if (!json_text_at(object, "/metadata/uid", uid, sizeof(uid)))
		return chosen;
	for (size_t i = 0; i < SETS_MAX && (item = json_child(items, i, NULL)).kind != JSON_ERROR; i++) {
		int64_t number = k8s_revision(c, item.text);
		bool fits = wanted ? number == wanted : number < own && number > *revision;

		if (number && fits && owned_by(item.text, uid)) {
			chosen = item.text;
			*revision = number;
		}
	}
	return chosen;
}

/* "a=b,c=d" of matchLabels, percent-encoded: '/' and ',' and '=' are all that need it. */
static void selector(struct str object, struct buf *out)
{
	struct json_value labels = json_at(object, "/spec/selector/matchLabels"), v;
	struct str key;

	for (size_t i = 0; i < 16 && (v = json_child(labels, i, &key)).kind == JSON_STRING; i++) {
		struct str value = {v.text.ptr + 1, v.text.len - 2};

		if (i)
			buf_puts(out, "%2C");
		for (size_t n = 0; n < key.len; n++)
			buf_puts(out, key.ptr[n] == '/' ? "%2F" : (char[]){key.ptr[n], '\0'});
		buf_printf(out, "%%3D%.*s", STR_ARG(value));
	}
}

static void write_patch(struct str object, struct str set, const struct k8s_controller *c, struct buf *out)
{
	char *label = mem_printf("/metadata/labels/%s", c->hash_label);
	char version[128];
	struct buf template = {0};

	json_drop(json_at(set, "/spec/template").text, label, &template);
	json_text_at(object, "/metadata/resourceVersion", version, sizeof(version));
	/* replacing the version by itself makes the server answer 409 when it is no longer that */
	buf_puts(out, "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":");
	buf_append_json(out, str_of(version));
	buf_puts(out, "},{\"op\":\"replace\",\"path\":\"/spec/template\",\"value\":");
	buf_append_str(out, buf_str(&template));
	buf_puts(out, "}]");
	buf_fini(&template);
	free(label);
}

static enum act_result list_sets(struct k8s *k, const struct act_ask *ask, struct str object, struct buf *list,
                                 struct act_why *why)
{
	struct buf path = {0};

	buf_printf(&path, "/apis/apps/v1/namespaces/%s/replicasets?limit=%d&labelSelector=", k->space, SETS_MAX);
	selector(object, &path);
	enum act_result result = k8s_get(k, ask, path.data, list, why);

	buf_fini(&path);
	return result;
}

enum act_result k8s_revision_replicas(struct k8s *k, const struct act_ask *ask, const struct k8s_controller *c,
                                      struct str object, int64_t wanted, int64_t *replicas, struct act_why *why)
{
	struct buf list = {0};
	int64_t revision;
	enum act_result result = list_sets(k, ask, object, &list, why);

	*replicas = 0;
	if (result == ACT_OK) {
		struct str set = choose_set(c, buf_str(&list), object, wanted, &revision);

		if (set.len)
			json_int_at(set, "/spec/replicas", replicas);
	}
	buf_fini(&list);
	return result;
}

enum act_result k8s_revision_patch(struct k8s *k, const struct act_ask *ask, const struct k8s_controller *c,
                                   struct str object, int64_t wanted, struct buf *out, int64_t *revision,
                                   struct act_why *why)
{
	struct buf list = {0};
	enum act_result result = list_sets(k, ask, object, &list, why);

	if (result == ACT_OK) {
		struct str set = choose_set(c, buf_str(&list), object, wanted, revision);

		if (set.len && json_at(set, "/spec/template").kind == JSON_OBJECT)
			write_patch(object, set, c, out);
		else if (wanted)
			result = act_fail(why, ACT_MISSING, "%s: revision %lld is not kept any more: its ReplicaSet is gone", k->env.target,
			                  (long long)wanted);
		else
			result = act_fail(why, ACT_MISSING, "%s: there is no revision before this one to go back to", k->env.target);
	}
	buf_fini(&list);
	return result;
}
