/* The actuator "kubernetes": one object in a cluster that steers traffic. What the three kinds of object
 * share: the API server, reading and patching with its rules, revisions. Private to src/act/k8s_*.c and
 * kubernetes.c. Paths and media types as in the Kubernetes API reference v1.32, Argo Rollouts v1alpha1
 * and Gateway API v1. */
#ifndef LLMDECK_ACT_KUBERNETES_H
#define LLMDECK_ACT_KUBERNETES_H

#include "act/http_send.h"
#include "parse/json_edit.h"
#include "parse/kubeconfig.h"

#define K8S_MERGE "application/merge-patch+json"
#define K8S_JSON "application/json-patch+json"
#define K8S_CONFLICTS_MAX 5 /* rounds of reading again after 409 */

struct k8s_kind;
struct k8s {
	struct act_env env;
	struct lineup lineup;
	const struct k8s_kind *kind;
	const char *name, *space; /* of the object */
	const char *kubeconfig, *context; /* as configured */
	char *own_kubeconfig;     /* from the environment or home */
	char *own_space;          /* the context's namespace */
	struct kubeconfig access;
	bool have_access;         /* read at the first use, again after a 401 */
	char *path;               /* of the object, from the server's root */
	struct http_client *client;
	int64_t request_timeout_us;
	int64_t rule;             /* HTTPRoute: index of the rule, -1: each that has both arms */
};

struct k8s_change {
	const char *path;  /* "" the object itself, "/status", "/scale" */
	const char *media;
	struct buf body;
};
static inline bool k8s_is_json_patch(const struct k8s_change *c)
{
	return c->body.len && c->body.data[0] == '[';
}

/* What a kind of object brings. `object` is its JSON as just read. */
struct k8s_kind {
	const char *name, *path; /* printf: namespace, name */
	const char *group;       /* for words: "rollouts in argoproj.io" */
	unsigned verbs;
	/* Fills arms, pace, moves, stays, warnings, steps, saw, nothing_to_do. */
	enum act_result (*plan)(struct k8s *k, const struct act_ask *ask, struct str object, struct act_plan *out,
	                        struct act_why *why);
	/* What to send; OK with an empty body when nothing is to be done. */
	enum act_result (*change)(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
	                          struct k8s_change *out, struct act_why *why);
	enum act_result (*restore)(struct k8s *k, const struct act_ask *ask, struct str object, const char *saw,
	                           struct k8s_change *out, struct act_why *why);
	/* Fills the sight; the result as verify() has it. */
	enum act_result (*judge)(struct k8s *k, const struct act_ask *ask, struct str object, struct act_sight *out,
	                         struct act_why *why);
};
extern const struct k8s_kind k8s_rollout, k8s_bluegreen, k8s_route, k8s_deployment;
/* A merge patch of the status subresource, or of the object itself; `inner` as for k8s_guarded(). */
void k8s_write_status(struct str object, const char *inner, struct k8s_change *out);
void k8s_write_spec(struct str object, const char *inner, struct k8s_change *out);

/* Reads the credentials when that has not been done. */
enum act_result k8s_need_access(struct k8s *k, struct act_why *why);
/* GET; appends the body. `what` for words when it is missing. */
enum act_result k8s_get(struct k8s *k, const struct act_ask *ask, const char *path, struct buf *out, struct act_why *why);
/* PATCH; *status gets the answer's, 0 without one. */
enum act_result k8s_patch(struct k8s *k, const struct act_ask *ask, const char *path, const char *media, struct str body,
                          int *status, struct act_why *why);

/* A merge patch of the object that fails with 409 when it has changed since: `inner` is what stands behind
 * "metadata":{"resourceVersion":…}, as "\"spec\":{…}". */
void k8s_guarded(struct str object, const char *inner, struct buf *out);
/* Which arm the object's pod template names (an image's tag, a label): index, -1 unclear. */
int k8s_template_arm(const struct k8s *k, struct str object);
/* A JSON patch that puts the pod template of a revision back (0: the one before), from the object's ReplicaSets.
 * `revision_key` and `hash_label` are the controller's. *revision gets its number. */
struct k8s_controller {
	const char *revision_key, *hash_label;
};
extern const struct k8s_controller k8s_of_rollout, k8s_of_deployment;
enum act_result k8s_revision_patch(struct k8s *k, const struct act_ask *ask, const struct k8s_controller *c,
                                   struct str object, int64_t wanted, struct buf *out, int64_t *revision,
                                   struct act_why *why);
int64_t k8s_revision(const struct k8s_controller *c, struct str object);
/* Pods that the ReplicaSet of that revision still asks for (0: the one before); 0 when there is none. */
enum act_result k8s_revision_replicas(struct k8s *k, const struct act_ask *ask, const struct k8s_controller *c,
                                      struct str object, int64_t wanted, int64_t *replicas, struct act_why *why);

/* What Argo Rollouts have in common, whatever their strategy. */
#define K8S_ARGO_PATH "/apis/argoproj.io/v1alpha1/namespaces/%s/rollouts/%s"
#define K8S_ARGO_GROUP "rollouts and rollouts/status in argoproj.io, and replicasets in apps,"
#define K8S_ARGO_VERBS \
	(1u << ACT_SET | 1u << ACT_ROLLBACK | 1u << ACT_STEP | 1u << ACT_PROMOTE | 1u << ACT_HOLD | 1u << ACT_RESUME | \
	 1u << ACT_RETRY_ROLLOUT | 1u << ACT_UNDO_REVISION)
struct k8s_argo {
	char phase[32], message[160]; /* harmless on a screen */
	char stable[64], current[64]; /* pod template hashes of the stable and of the newest version */
	bool aborted, paused;
	bool pauses;                  /* a pause condition: it waits to be promoted */
	bool lags;                    /* the controller has not seen the newest spec */
};
void k8s_argo_read(struct str object, struct k8s_argo *out);
/* What a plan kept of the state before, for restore(); NULL: nothing. */
struct k8s_argo_seen {
	bool paused, aborted;
	int64_t revision; /* 0 unknown */
};
struct k8s_argo_seen k8s_argo_seen(const char *saw);
/* Writes nothing when it is so already. */
void k8s_argo_pause(struct str object, const struct k8s_argo *a, bool paused, struct k8s_change *out);
void k8s_argo_retry(struct str object, struct k8s_change *out);
/* The pod template of that revision, 0: the one before. */
enum act_result k8s_argo_revision(struct k8s *k, const struct act_ask *ask, struct str object, int64_t revision,
                                  struct k8s_change *out, struct act_why *why);
/* Hold, resume, retry and undo: the verbs that mean the same with every strategy; others are refused. */
enum act_result k8s_argo_change(struct k8s *k, const struct act_ask *ask, struct str object, const struct k8s_argo *a,
                                struct k8s_change *out, struct act_why *why);
/* Whether such a verb has been carried out. */
bool k8s_argo_obeyed(const struct k8s_argo *a, enum act_verb verb);

/* A sight's arms from percents per env arm, without counters. */
void k8s_fill_sight(const struct k8s *k, const double *percent, struct act_sight *out);
/* Appends `s` with control characters as they are, for saw texts: JSON without newlines. */
void k8s_one_line(struct buf *out, struct str json);

#endif
