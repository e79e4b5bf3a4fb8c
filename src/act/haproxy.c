/* The actuator "haproxy": absolute server weights over the Runtime API, since a relative one ("50%")
 * counts from the initial weight. Weights are judged over all of an arm's servers, whether they are up
 * or not: that is what was set and what a reload loses; the share shown is that of the servers which
 * take traffic now. Weights that grow are set before those that fall, so that the backend is never
 * left without a server. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "act/haproxy_cli.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"

#define SHARE_TOLERANCE 0.05 /* percentage points */
#define CONFIG_MAX_BYTES (1u << 20)

enum { OPT_SOCKET, OPT_BACKEND, OPT_CONFIG };

static const struct option_row haproxy_options[] = {
	[OPT_SOCKET] = {"socket", OPTION_TEXT, NULL, 0, 0, NULL, NULL,
		"its stats socket of level admin: a path, or ADDRESS:PORT"},
	[OPT_BACKEND] = {"backend", OPTION_TEXT, NULL, 0, 0, NULL, "name", "the backend whose servers are the arms"},
	[OPT_CONFIG] = {"config", OPTION_TEXT, "/etc/haproxy/haproxy.cfg", 0, 0, NULL, "path",
		"HAProxy's configuration, read by doctor for advice only"},
	LINEUP_ROWS,
	{.name = NULL},
};

struct haproxy {
	struct act_env env;
	struct haproxy_address address;
	const char *backend;
	struct lineup lineup;
};

/* Goes into a command line: no separator of commands, no space. */
static bool name_usable(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:");

	return len > 0 && len < 128 && name[len] == '\0';
}

static void haproxy_close(void *state)
{
	free(state);
}

static void *haproxy_open(const struct act_env *env, struct err *err)
{
	struct haproxy *h = mem_zalloc(sizeof(*h));

	h->env = *env;
	h->backend = env->options[OPT_BACKEND].text;
	if (haproxy_address_read(&h->address, env->options[OPT_SOCKET].text, err) || lineup_read(&h->lineup, env, err))
		goto fail;
	if (!name_usable(h->backend)) {
		err_set(err, "backend: `%s` is no name HAProxy takes", h->backend);
		goto fail;
	}
	for (size_t i = 0; i < h->lineup.count; i++) {
		if (!name_usable(h->lineup.members[i].name)) {
			err_set(err, "actuator haproxy: `%s` is no server name HAProxy takes: name the arm's servers by `stable`, "
			        "`candidate` or `arms.DEPLOYMENT`", h->lineup.members[i].name);
			goto fail;
		}
	}
	return h;
fail:
	free(h);
	return NULL;
}

/* ── what is there, and what is wanted ─────────────────────────────────────────────────────── */

static struct haproxy_server *server_named(struct haproxy_backend *b, struct str name)
{
	for (size_t i = 0; i < b->count; i++) {
		if (str_equal_c(name, b->servers[i].name))
			return &b->servers[i];
	}
	return NULL;
}

static enum act_result look(const struct haproxy *h, const struct act_ask *ask, struct haproxy_backend *b,
                            struct act_why *why)
{
	enum act_result result = haproxy_look(&h->address, ask, h->backend, &h->lineup, b, why);

	for (size_t i = 0; result == ACT_OK && i < h->lineup.count; i++) {
		if (!server_named(b, str_of(h->lineup.members[i].name)))
			return act_fail(why, ACT_MISSING, "%s: backend %s has no server `%s`: name the arm's servers in the config",
			                h->env.target, h->backend, h->lineup.members[i].name);
	}
	return result;
}

/* Percent of each arm by weights over all of its servers; `usable`: of what takes traffic now, servers
 * of no arm included in the whole. Unknown where no weight is above 0. */
static void shares(const struct haproxy *h, const struct haproxy_backend *b, bool usable, double *percent)
{
	double sum = 0, of_arm[ROLLOUT_ARMS_MAX] = {0};

	for (size_t i = 0; i < b->count; i++) {
		const struct haproxy_server *s = &b->servers[i];

		if (usable ? !haproxy_server_takes_traffic(s) : s->arm < 0)
			continue;
		sum += s->weight;
		if (s->arm >= 0)
			of_arm[s->arm] += s->weight;
	}
	for (size_t a = 0; a < h->env.arm_count; a++)
		percent[a] = sum > 0 ? 100 * of_arm[a] / sum : NAN;
}

static unsigned base_weight(const struct haproxy_backend *b, const struct haproxy_server *s)
{
	unsigned most = 1;

	for (size_t i = 0; s->initial == 0 && i < b->count; i++) {
		if (b->servers[i].arm == s->arm && b->servers[i].initial > most)
			most = b->servers[i].initial;
	}
	return s->initial ? s->initial : most;
}

/* One arm takes all, and its servers have weights already: leave those alone. */
static bool keeps_weights(const struct haproxy *h, const struct haproxy_backend *b, const double *wanted)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->servers[i].arm >= 0 && wanted[b->servers[i].arm] > 0 && b->servers[i].weight == 0)
			return false;
	}
	for (size_t a = 0; a < h->env.arm_count; a++) {
		if (wanted[a] > 99.999)
			return true;
	}
	return false;
}

/* The backend as it shall be: the same servers with the wanted weights; and the shares of these. */
static void settle(const struct haproxy *h, const struct act_ask *ask, const struct haproxy_backend *now,
                   struct haproxy_backend *then, double *result)
{
	struct lineup_weights w = {.arm_count = h->env.arm_count, .max = HAPROXY_WEIGHT_MAX};
	double have[ROLLOUT_ARMS_MAX] = {0}, off_now = 0, off_best = 0;
	size_t of[LINEUP_MEMBERS_MAX] = {0};

	*then = *now;
	for (size_t a = 0; a < w.arm_count; a++)
		w.percent[a] = ask_percent(ask, h->env.arms[a].deployment);
	for (size_t i = 0; i < now->count && w.count < LINEUP_MEMBERS_MAX; i++) {
		if (now->servers[i].arm < 0)
			continue;
		of[w.count] = i;
		w.arm[w.count] = (size_t)now->servers[i].arm;
		w.base[w.count++] = base_weight(now, &now->servers[i]);
	}
	lineup_choose(&w);
	shares(h, now, false, have);
	for (size_t a = 0; a < w.arm_count; a++) {
		off_now = fmax(off_now, isnan(have[a]) ? INFINITY : fabs(have[a] - w.percent[a]));
		off_best = fmax(off_best, fabs(w.result[a] - w.percent[a]));
	}
	bool there = off_now <= off_best + SHARE_TOLERANCE;
	bool keeps = keeps_weights(h, now, w.percent);

	for (size_t i = 0; i < w.count && !there; i++) {
		struct haproxy_server *s = &then->servers[of[i]];

		s->weight = keeps && w.percent[s->arm] > 0 ? s->weight : w.weight[i];
	}
	shares(h, then, false, result);
}

static bool is_state_verb(enum act_verb v)
{
	return v == ACT_DRAIN || v == ACT_READY || v == ACT_MAINT;
}

static bool is_share_verb(enum act_verb v)
{
	return v == ACT_SET || v == ACT_ROLLBACK || v == ACT_STEP || v == ACT_PROMOTE;
}

static enum act_result check_ask(const struct haproxy *h, const struct act_ask *ask, struct act_why *why)
{
	if (is_state_verb(ask->verb) && env_arm(&h->env, ask->arm) < 0)
		return act_fail(why, ACT_MISSING, "%s: there is no arm `%s` in rollout %s", h->env.target,
		                ask->arm ? ask->arm : "", h->env.rollout);
	if (is_share_verb(ask->verb))
		return ask_check(ask, &h->env, why);
	if (is_state_verb(ask->verb) || ask->verb == ACT_HOLD || ask->verb == ACT_RESUME)
		return ACT_OK;
	return act_fail(why, ACT_UNABLE, "%s: HAProxy has no `%s`", h->env.target, act_verb_name(ask->verb));
}

/* ── plan ──────────────────────────────────────────────────────────────────────────────────── */

/* "v42=90:ready v43=10:ready" */
static const char *saw_text(const struct haproxy_backend *b, struct act_plan *out)
{
	struct buf text = {0};

	for (size_t i = 0; i < b->count; i++) {
		const struct haproxy_server *s = &b->servers[i];

		if (s->arm >= 0)
			buf_printf(&text, "%s%s=%u:%s", text.len ? " " : "", s->name, s->weight, haproxy_server_state(s));
	}
	const char *copy = act_plan_text(out, "%s", text.data ? text.data : "");
	buf_fini(&text);
	return copy;
}

static const char *arm_detail(const struct haproxy_backend *b, size_t arm, struct act_plan *out)
{
	struct buf text = {0};

	for (size_t i = 0; i < b->count; i++) {
		const struct haproxy_server *s = &b->servers[i];

		if (s->arm == (int)arm)
			buf_printf(&text, "%s%s %u/%d %s", text.len ? ", " : "", s->name, s->weight, HAPROXY_WEIGHT_MAX,
			           haproxy_server_state(s));
	}
	const char *copy = act_plan_text(out, "%s", text.data ? text.data : "");
	buf_fini(&text);
	return copy;
}

/* In the order apply() takes: growing weights first. */
static const struct haproxy_server *next_change(const struct haproxy_backend *now, const struct haproxy_backend *then,
                                                size_t *at)
{
	for (; *at < 2 * now->count; ++*at) {
		size_t i = *at % now->count;
		bool grows = *at < now->count;

		if (then->servers[i].weight != now->servers[i].weight &&
		    grows == (then->servers[i].weight > now->servers[i].weight)) {
			++*at;
			return &then->servers[i];
		}
	}
	return NULL;
}

static void warn_of_servers(const struct haproxy *h, const struct haproxy_backend *then, struct act_plan *out)
{
	for (size_t a = 0; a < h->env.arm_count; a++) {
		size_t all = 0, usable = 0;
		unsigned weight = 0;

		for (size_t i = 0; i < then->count; i++) {
			if (then->servers[i].arm != (int)a)
				continue;
			all++;
			usable += haproxy_server_takes_traffic(&then->servers[i]);
			weight += then->servers[i].weight;
		}
		if (weight && !usable)
			act_plan_warn(out, "none of the %zu servers of %s takes traffic now (down, drain or maint): its share goes to "
			              "the others, or fails", all, h->env.arms[a].deployment);
		else if (weight && usable < all)
			act_plan_warn(out, "%zu of %zu servers of %s take traffic now: the real share is lower until the rest is ready",
			              usable, all, h->env.arms[a].deployment);
	}
	for (size_t i = 0; i < then->count; i++) {
		const struct haproxy_server *s = &then->servers[i];

		if (s->arm < 0 && s->weight && haproxy_server_takes_traffic(s))
			act_plan_warn(out, "server %s is in the backend and in no arm: it goes on taking its part (weight %u)", s->name,
			              s->weight);
	}
}

static void plan_shares(const struct haproxy *h, const struct act_ask *ask, const struct haproxy_backend *now,
                        struct act_plan *out)
{
	double have[ROLLOUT_ARMS_MAX], nominal[ROLLOUT_ARMS_MAX], result[ROLLOUT_ARMS_MAX];
	struct haproxy_backend then;
	size_t at = 0;

	settle(h, ask, now, &then, nominal);
	shares(h, now, true, have);
	shares(h, &then, true, result);
	lineup_plan_arms(out, &h->env, ask, have, result);
	for (const struct haproxy_server *s; (s = next_change(now, &then, &at)) != NULL;)
		act_plan_step(out, "set weight %s/%s %u", h->backend, s->name, s->weight);
	out->nothing_to_do = out->step_count == 0;
	for (size_t a = 0; a < h->env.arm_count; a++) {
		out->arms[a].detail = arm_detail(&then, a, out);
		if (fabs(nominal[a] - out->arms[a].wanted_percent) > 0.1)
			act_plan_warn(out, "%s asks for %.4g %% and gets %.4g %%: weights are whole numbers", h->env.arms[a].deployment,
			              out->arms[a].wanted_percent, nominal[a]);
	}
	warn_of_servers(h, &then, out);
	out->moves = out->nothing_to_do
	             ? act_plan_text(out, "%s: backend %s has these shares already", h->env.target, h->backend)
	             : act_plan_text(out, "%s: new requests to backend %s follow the new weights within a second", h->env.target,
	                             h->backend);
	out->stays = "running answers end where they are; what a cookie or a source hash binds to a server stays there";
}

static void plan_state(const struct haproxy *h, const struct act_ask *ask, const struct haproxy_backend *now,
                       struct act_plan *out)
{
	double have[ROLLOUT_ARMS_MAX], after[ROLLOUT_ARMS_MAX];
	struct haproxy_backend then = *now;
	int arm = env_arm(&h->env, ask->arm);

	for (size_t i = 0; i < now->count; i++) {
		if (now->servers[i].arm != arm || strcmp(haproxy_server_state(&now->servers[i]), act_verb_name(ask->verb)) == 0)
			continue;
		act_plan_step(out, "set server %s/%s state %s", h->backend, now->servers[i].name, act_verb_name(ask->verb));
		then.servers[i].admin_state = ask->verb == ACT_READY ? 0 : ask->verb == ACT_DRAIN ? 8 : 1;
	}
	shares(h, now, true, have);
	shares(h, &then, true, after);
	lineup_plan_arms(out, &h->env, ask, have, after);
	for (size_t a = 0; a < h->env.arm_count; a++) {
		out->arms[a].wanted_percent = after[a];
		out->arms[a].detail = arm_detail(&then, a, out);
		if (isnan(after[a]) && a == 0)
			act_plan_warn(out, "no server of backend %s takes traffic then: every request fails", h->backend);
	}
	out->nothing_to_do = out->step_count == 0;
	out->moves = act_plan_text(out, "%s: the servers of %s in backend %s go to %s", h->env.target, ask->arm, h->backend,
	                           act_verb_name(ask->verb));
	out->stays = ask->verb == ACT_DRAIN ? "running answers end where they are" :
	             ask->verb == ACT_MAINT ? "running answers end where they are, health checks stop" : "";
}

static enum act_result denied(const struct haproxy *h, const char *level, struct act_why *why)
{
	const char *at = h->address.path ? h->address.path : h->address.host;

	return act_fail(why, ACT_DENIED, "haproxy: %s: DENIED: this socket has level %s, which may not change weights: "
	                "write `stats socket %s level admin` in HAProxy's global section and reload", at, level, at);
}

static enum act_result haproxy_plan(void *state, const struct act_ask *ask, struct act_plan *out, struct act_why *why)
{
	const struct haproxy *h = state;
	struct haproxy_backend now;
	enum act_result result = check_ask(h, ask, why);

	if (result != ACT_OK || (result = look(h, ask, &now, why)) != ACT_OK)
		return result;
	out->pace = ACT_INSTANT;
	out->saw = saw_text(&now, out);
	out->stays = "";
	if (is_share_verb(ask->verb)) {
		plan_shares(h, ask, &now, out);
	} else if (is_state_verb(ask->verb)) {
		plan_state(h, ask, &now, out);
	} else {
		out->nothing_to_do = true;
		out->moves = act_plan_text(out, "%s: weights stay as they are; only llmdeck's own steps stop", h->env.target);
	}
	return out->step_count && strcmp(now.level, "admin") != 0 ? denied(h, now.level, why) : ACT_OK;
}

/* ── apply and undo ────────────────────────────────────────────────────────────────────────── */

struct changes {
	const struct haproxy *h;
	const struct act_ask *ask;
	struct act_why *why;
	size_t done, total;
};

static enum act_result refused(const struct changes *c, struct str answer)
{
	char words[160];

	text_harmless(words, sizeof(words), str_trim(answer));
	if (strstr(words, "ermission denied"))
		return denied(c->h, "operator or user", c->why);
	return act_fail(c->why, ACT_REFUSED, "%s: HAProxy said: %s", c->h->env.target, words);
}

static enum act_result send_change(struct changes *c, const char *line)
{
	struct buf answer = {0};

	c->why->maybe_changed = false;
	enum act_result result = haproxy_command(&c->h->address, c->ask, line, &answer, c->why);

	if (result == ACT_OK) {
		c->why->maybe_changed = false;
		if (str_trim(buf_str(&answer)).len)
			result = refused(c, buf_str(&answer));
	}
	buf_fini(&answer);
	c->done += result == ACT_OK;
	if (result != ACT_OK && c->done) {
		err_wrap(&c->why->words, "%zu of %zu changes made, then", c->done, c->total);
		c->why->maybe_changed = true;
	}
	return result;
}

static enum act_result set_weights(struct changes *c, const struct haproxy_backend *now,
                                   const struct haproxy_backend *then)
{
	enum act_result result = ACT_OK;
	size_t at = 0;

	for (const struct haproxy_server *s; result == ACT_OK && (s = next_change(now, then, &at)) != NULL;) {
		struct buf line = {0};

		buf_printf(&line, "set weight %s/%s %u", c->h->backend, s->name, s->weight);
		result = send_change(c, line.data);
		buf_fini(&line);
	}
	return result;
}

static enum act_result set_states(struct changes *c, const struct haproxy_backend *now, int arm, const char *state)
{
	enum act_result result = ACT_OK;

	for (size_t i = 0; result == ACT_OK && i < now->count; i++) {
		struct buf line = {0};

		if (now->servers[i].arm != arm || strcmp(haproxy_server_state(&now->servers[i]), state) == 0)
			continue;
		buf_printf(&line, "set server %s/%s state %s", c->h->backend, now->servers[i].name, state);
		result = send_change(c, line.data);
		buf_fini(&line);
	}
	return result;
}

/* Reads one "name=weight:state" of what a plan saw. */
static bool next_seen(struct str *saw, struct haproxy_backend *b, struct haproxy_server **server, unsigned *weight,
                      struct str *state)
{
	while (saw->len) {
		struct str rest = str_cut(saw, ' '), name = str_cut(&rest, '='), number = str_cut(&rest, ':');
		int64_t value;

		*server = server_named(b, name);
		if (*server && str_to_int64(number, &value) && value >= 0 && value <= HAPROXY_WEIGHT_MAX) {
			*weight = (unsigned)value;
			*state = rest;
			return true;
		}
	}
	return false;
}

/* Somebody else moved the weights after the plan, and not to where we are going. */
static bool changed_since(struct haproxy_backend *now, const struct haproxy_backend *then, const char *saw_words)
{
	struct str saw = str_of(saw_words), state;
	struct haproxy_server *s;
	unsigned weight;

	while (next_seen(&saw, now, &s, &weight, &state)) {
		if (s->weight != weight && s->weight != then->servers[s - now->servers].weight)
			return true;
	}
	return false;
}

static size_t count_changes(const struct haproxy_backend *now, const struct haproxy_backend *then)
{
	size_t at = 0, count = 0;

	while (next_change(now, then, &at))
		count++;
	return count;
}

static enum act_result haproxy_apply(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	const struct haproxy *h = state;
	struct changes c = {.h = h, .ask = ask, .why = why};
	struct haproxy_backend now, then;
	double result_percent[ROLLOUT_ARMS_MAX];
	enum act_result result = check_ask(h, ask, why);

	if (result != ACT_OK || (result = look(h, ask, &now, why)) != ACT_OK)
		return result;
	if (is_state_verb(ask->verb)) {
		c.total = now.count;
		return set_states(&c, &now, env_arm(&h->env, ask->arm), act_verb_name(ask->verb));
	}
	if (!is_share_verb(ask->verb))
		return ACT_OK;
	settle(h, ask, &now, &then, result_percent);
	/* a rollback is meant whatever somebody else did in between */
	if (ask->verb != ACT_ROLLBACK && saw && changed_since(&now, &then, saw))
		return act_retry(why, ACT_CHANGED, "%s: the weights of backend %s are no longer those of the plan: plan again",
		                 h->env.target, h->backend);
	c.total = count_changes(&now, &then);
	return set_weights(&c, &now, &then);
}

static enum act_result undo_states(struct changes *c, struct haproxy_backend *now, struct str saw)
{
	enum act_result result = ACT_OK;
	struct haproxy_server *s;
	struct str state;
	unsigned weight;

	while (result == ACT_OK && next_seen(&saw, now, &s, &weight, &state)) {
		struct buf line = {0};
		bool settable = str_equal_c(state, "ready") || str_equal_c(state, "drain") || str_equal_c(state, "maint");

		if (!settable || str_equal_c(state, haproxy_server_state(s)) ||
		    (str_equal_c(state, "ready") && strcmp(haproxy_server_state(s), "down") == 0))
			continue;
		buf_printf(&line, "set server %s/%s state %.*s", c->h->backend, s->name, STR_ARG(state));
		result = send_change(c, line.data);
		buf_fini(&line);
	}
	return result;
}

static enum act_result haproxy_undo(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	const struct haproxy *h = state;
	struct changes c = {.h = h, .ask = ask, .why = why};
	struct haproxy_backend now, then;
	struct haproxy_server *s;
	struct str rest = str_of(saw ? saw : ""), seen_state;
	unsigned weight;
	enum act_result result = look(h, ask, &now, why);

	if (result != ACT_OK)
		return result;
	then = now;
	while (next_seen(&rest, &now, &s, &weight, &seen_state))
		then.servers[s - now.servers].weight = weight;
	c.total = count_changes(&now, &then) + now.count;
	result = set_weights(&c, &now, &then);
	return result == ACT_OK ? undo_states(&c, &now, str_of(saw ? saw : "")) : result;
}

/* ── verify and observe ────────────────────────────────────────────────────────────────────── */

static const char *arm_state(const struct haproxy_backend *b, size_t arm, struct act_sight *out)
{
	const char *same = NULL;
	size_t all = 0, ready = 0;
	bool mixed = false;

	for (size_t i = 0; i < b->count; i++) {
		const char *state = haproxy_server_state(&b->servers[i]);

		if (b->servers[i].arm != (int)arm)
			continue;
		all++;
		ready += strcmp(state, "ready") == 0;
		mixed |= same && strcmp(same, state) != 0;
		same = state;
	}
	return mixed ? act_sight_text(out, "%zu of %zu ready", ready, all) : same ? same : "";
}

static void fill_sight(const struct haproxy *h, const struct haproxy_backend *now, struct act_sight *out)
{
	double percent[ROLLOUT_ARMS_MAX];

	shares(h, now, true, percent);
	out->at_us = clock_wall_us();
	out->counters_id = now->process;
	out->words = out->phase = "";
	out->arm_count = h->env.arm_count;
	for (size_t a = 0; a < h->env.arm_count; a++) {
		struct act_arm_sight *arm = &out->arms[a];

		*arm = (struct act_arm_sight){.percent = percent[a], .state = arm_state(now, a, out), .has_counters = true};
		arm->deployment = act_sight_text(out, "%s", h->env.arms[a].deployment);
		for (size_t i = 0; i < now->count; i++) {
			if (now->servers[i].arm != (int)a)
				continue;
			arm->has_counters &= now->servers[i].has_counters;
			arm->requests += now->servers[i].sessions;
			arm->errors += now->servers[i].errors;
		}
	}
}

/* A sentence on what is not as desired; NULL when it is. */
static const char *difference(const struct haproxy *h, const struct act_ask *desired,
                              const struct haproxy_backend *now, struct act_sight *out)
{
	double result[ROLLOUT_ARMS_MAX], have[ROLLOUT_ARMS_MAX];
	struct haproxy_backend then;
	size_t at = 0;
	int arm = env_arm(&h->env, desired->arm);

	for (size_t i = 0; is_state_verb(desired->verb) && i < now->count; i++) {
		const char *state = haproxy_server_state(&now->servers[i]);

		if (now->servers[i].arm == arm && strcmp(state, act_verb_name(desired->verb)) != 0)
			return act_sight_text(out, "%s: server %s is %s, not %s", h->env.target, now->servers[i].name, state,
			                      act_verb_name(desired->verb));
	}
	if (!desired->arm_count || is_state_verb(desired->verb))
		return NULL;
	settle(h, desired, now, &then, result);
	shares(h, now, false, have);
	const struct haproxy_server *s = next_change(now, &then, &at);

	if (!s)
		return NULL;
	size_t a = (size_t)s->arm;
	unsigned weight = now->servers[s - then.servers].weight;
	return act_sight_text(out, "%s: server %s/%s has weight %u: %s is at %.4g %%, not %.4g %%: was HAProxy reloaded?",
	                      h->env.target, h->backend, s->name, weight, h->env.arms[a].deployment,
	                      isnan(have[a]) ? 0 : have[a], ask_percent(desired, h->env.arms[a].deployment));
}

/* Confirms by the other command what `show servers state` told. */
static enum act_result confirm_weights(const struct haproxy *h, const struct act_ask *ask,
                                       const struct haproxy_backend *now, struct act_why *why)
{
	enum act_result result = ACT_OK;

	for (size_t i = 0; result == ACT_OK && i < now->count; i++) {
		struct buf line = {0}, answer = {0};
		int64_t weight = -1;

		if (now->servers[i].arm < 0)
			continue;
		buf_printf(&line, "get weight %s/%s", h->backend, now->servers[i].name);
		result = haproxy_command(&h->address, ask, line.data, &answer, why);
		struct str rest = str_trim(buf_str(&answer));

		if (result == ACT_OK && (!str_to_int64(str_cut(&rest, ' '), &weight) || weight != now->servers[i].weight))
			result = act_fail(why, ACT_CHANGED, "%s: the weight of %s/%s is being changed by somebody else: look again",
			                  h->env.target, h->backend, now->servers[i].name);
		buf_fini(&line);
		buf_fini(&answer);
	}
	why->maybe_changed = false;
	return result;
}

static enum act_result haproxy_verify(void *state, const struct act_ask *ask, struct act_sight *out, struct act_why *why)
{
	const struct haproxy *h = state;
	struct haproxy_backend now;
	enum act_result result = look(h, ask, &now, why);

	if (result != ACT_OK)
		return result;
	fill_sight(h, &now, out);
	const char *words = difference(h, ask, &now, out);

	if (words) {
		out->words = words;
		return act_fail(why, ACT_CHANGED, "%s", words);
	}
	result = confirm_weights(h, ask, &now, why);
	out->matches = result == ACT_OK;
	return result;
}

static enum act_result haproxy_observe(void *state, const struct act_ask *desired, struct act_sight *out,
                                       struct act_why *why)
{
	const struct haproxy *h = state;
	struct haproxy_backend now;
	enum act_result result = look(h, desired, &now, why);

	if (result != ACT_OK)
		return result;
	fill_sight(h, &now, out);
	const char *words = difference(h, desired, &now, out);

	out->drift = words != NULL;
	out->matches = desired->arm_count && !words;
	if (words)
		out->words = words;
	/* Told before anybody needs it: what was seen is true, but nothing could be changed from here. */
	return strcmp(now.level, "admin") == 0 ? ACT_OK : denied(h, now.level, why);
}

static void haproxy_advise(void *state, struct buf *out)
{
	const struct haproxy *h = state;
	struct buf text = {0};
	struct err err;

	if (file_read(h->env.options[OPT_CONFIG].text, CONFIG_MAX_BYTES, &text, &err) == 0)
		haproxy_state_file_advice(buf_str(&text), h->backend, out);
	buf_fini(&text);
}

extern const struct actuator haproxy_actuator;
const struct actuator haproxy_actuator = {
	.kind = "haproxy",
	.summary = "server weights and states of a HAProxy backend, over its Runtime API",
	.options = haproxy_options,
	.verbs = 1u << ACT_SET | 1u << ACT_ROLLBACK | 1u << ACT_STEP | 1u << ACT_PROMOTE | 1u << ACT_HOLD |
	         1u << ACT_RESUME | 1u << ACT_DRAIN | 1u << ACT_READY | 1u << ACT_MAINT,
	.timeout_us = 8 * US_PER_S,
	.open = haproxy_open,
	.plan = haproxy_plan,
	.apply = haproxy_apply,
	.verify = haproxy_verify,
	.undo = haproxy_undo,
	.observe = haproxy_observe,
	.advise = haproxy_advise,
	.close = haproxy_close,
};
