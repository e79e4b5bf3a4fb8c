/* The actuator "http": a templated request to whatever has an HTTP interface. Two ways. With `body` that
 * body is sent. Without, the document at `read_url` is read, only the arms' values at `share` are changed
 * in its text, and it is sent back with the ETag it had, so that nothing else in it is touched or lost.
 * Values are parts of `total`: 100 for percent or weights in whole numbers, 1 for fractions. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/http_send.h"
#include "act/http_template.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "core/section.h"
#include "parse/json_edit.h"

#define CONFLICTS_MAX 3 /* rounds of reading again after 412 or 409 */
#define TOLERANCE 1e-6

enum { OPT_URL, OPT_METHOD, OPT_READ_URL, OPT_BODY, OPT_SHARE, OPT_TOTAL, OPT_IF_MATCH, OPT_STATE, OPT_PACE,
       OPT_KEY_HEADER, OPT_CA, OPT_TIMEOUT, OPT_POLL };

static const char *const methods[] = {"PUT", "POST", "PATCH", NULL};
static const char *const paces[] = {"instant", "stepwise", NULL};

static const struct option_row http_options[] = {
	[OPT_URL] = {"url", OPTION_TEXT, NULL, 0, 0, NULL, "URL", "where the change is sent; placeholders are allowed"},
	[OPT_METHOD] = {"method", OPTION_CHOICE, "PUT", 0, 2, methods, NULL, "of the change"},
	[OPT_READ_URL] = {"read_url", OPTION_TEXT, "", 0, 0, NULL, "URL", "where the document with the shares is read; `url` by default"},
	[OPT_BODY] = {"body", OPTION_TEXT, "", 0, 0, NULL, "JSON", "what is sent; without it the document read is sent back with "
		"the new shares in it"},
	[OPT_SHARE] = {"share", OPTION_TEXT, "", 0, 0, NULL, "pointer", "JSON pointer of an arm's share in the document read, "
		"with {arm} for its name"},
	[OPT_TOTAL] = {"total", OPTION_INT, "100", 1, 1000000, NULL, NULL, "what all shares add up to, in whole numbers; 1: fractions"},
	[OPT_IF_MATCH] = {"if_match", OPTION_BOOL, "yes", 0, 1, NULL, NULL, "send the ETag that was read, so that nobody's change is lost"},
	[OPT_STATE] = {"state", OPTION_TEXT, "", 0, 0, NULL, "pointer", "JSON pointer of a state in the document read that must be "
		"one of `done` before the change counts"},
	[OPT_PACE] = {"pace", OPTION_CHOICE, "stepwise", 0, 1, paces, NULL, "whether traffic follows at once"},
	[OPT_KEY_HEADER] = {"key_header", OPTION_TEXT, "", 0, 0, NULL, "name", "header that carries the action's key, as Idempotency-Key"},
	[OPT_CA] = {"ca", OPTION_TEXT, "", 0, 0, NULL, "path", "certificates to trust; the system's by default"},
	[OPT_TIMEOUT] = {"timeout", OPTION_DURATION, "10s", US_PER_S / 10, 10 * US_PER_MIN, NULL, NULL, "of one request"},
	[OPT_POLL] = {"poll", OPTION_DURATION, "2s", US_PER_S / 10, US_PER_MIN, NULL, NULL,
		"how often a long-running operation is looked at, where it does not say"},
	{"headers.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "headers of every request; secrets as env:NAME or file:/path"},
	{"done", OPTION_TEXT, "", 0, 0, NULL, NULL, "value of `state` that means it is in force, or a list"},
	{"done.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "the same as a list"},
	{"broken", OPTION_TEXT, "", 0, 0, NULL, NULL, "value of `state` that means it failed, or a list"},
	{"broken.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "the same as a list"},
	{"drop.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "JSON pointers of what is read but not sent back (a list)"},
	{"answer.*", OPTION_TEXT, "", 0, 0, NULL, NULL, "JSON pointer and value that the answer to the change must have"},
	LINEUP_ROWS,
	{.name = NULL},
};

struct http {
	struct act_env env;
	struct lineup lineup;
	struct sender sender;
	const char *url, *read_url, *method, *body, *share, *state;
	double total;
	bool if_match, instant;
	char *key_header;
};

static void http_close(void *state)
{
	struct http *h = state;

	http_client_free(&h->sender.client);
	free(h->key_header);
	free(h);
}

static bool is_url(const char *text)
{
	return (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0) && text[8] &&
	       !strpbrk(text, " \t\r\n");
}

/* Renders everything once, so that a mistake in a template shows when the config is read. */
static int try_templates(const struct http *h, struct err *err)
{
	struct act_ask ask = {.verb = ACT_SET, .key = "key"};
	double parts[ROLLOUT_ARMS_MAX] = {0};
	struct template_values v = {&h->env, &h->lineup, &ask, parts};
	struct buf out = {0};
	int result = template_url(h->url, &v, &out, err);

	buf_reset(&out);
	if (result == 0)
		result = template_url(h->read_url, &v, &out, err);
	buf_reset(&out);
	if (result == 0 && *h->body)
		result = template_body(h->body, &v, &out, err);
	buf_fini(&out);
	return result;
}

static int check_options(const struct http *h, struct err *err)
{
	if (!is_url(h->url) || !is_url(h->read_url))
		return err_set(err, "url: must begin with https:// or http://");
	if (!*h->body && !*h->share)
		return err_set(err, "actuator http: give `share` (where an arm's share stands in the document) or `body` (what to send)");
	if (*h->share && (h->share[0] != '/' || !strstr(h->share, "{arm}")))
		return err_set(err, "share: is a JSON pointer with {arm} in it, as /properties/traffic/{arm}");
	return try_templates(h, err);
}

static void *http_open(const struct act_env *env, struct err *err)
{
	struct http *h = mem_zalloc(sizeof(*h));
	const union option_value *o = env->options;

	h->env = *env;
	h->url = o[OPT_URL].text;
	h->read_url = *o[OPT_READ_URL].text ? o[OPT_READ_URL].text : h->url;
	h->method = methods[o[OPT_METHOD].number];
	h->body = o[OPT_BODY].text;
	h->share = o[OPT_SHARE].text;
	h->state = o[OPT_STATE].text;
	h->total = (double)o[OPT_TOTAL].number;
	h->if_match = o[OPT_IF_MATCH].yes;
	h->instant = o[OPT_PACE].number == 0;
	if (*o[OPT_KEY_HEADER].text)
		h->key_header = mem_strdup(o[OPT_KEY_HEADER].text);
	h->sender = (struct sender){.client = http_client_new(), .target = env->target, .section = env->section,
	                            .ca_path = o[OPT_CA].text, .request_timeout_us = o[OPT_TIMEOUT].number,
	                            .poll_us = o[OPT_POLL].number};
	if (lineup_read(&h->lineup, env, err) || check_options(h, err)) {
		http_close(h);
		return NULL;
	}
	return h;
}

/* ── the document with the shares ──────────────────────────────────────────────────────────── */

struct document {
	struct http_got got;
	double parts[ROLLOUT_ARMS_MAX]; /* as read; 0 when the arm is not in it */
	double others;                  /* of members beside the arms */
	char state[64];
};

static void document_fini(struct document *d)
{
	http_got_fini(&d->got);
}

/* What else has a share in the same object: a third deployment of the endpoint. */
static double parts_of_others(const struct http *h, struct str body)
{
	const char *last = strrchr(h->share, '/');
	double sum = 0, part;
	struct str key;

	if (strcmp(last, "/{arm}") != 0)
		return 0;
	char *above = mem_strndup(h->share, (size_t)(last - h->share));
	struct json_value object = json_at(body, above), v;

	free(above);
	for (size_t i = 0; object.kind == JSON_OBJECT && (v = json_child(object, i, &key)).kind != JSON_ERROR; i++) {
		if (lineup_arm_of(&h->lineup, key) < 0 && v.kind == JSON_NUMBER && str_to_double(v.text, &part))
			sum += part;
	}
	return sum;
}

static void share_pointer(const struct http *h, size_t arm, struct buf *out)
{
	buf_reset(out);
	template_pointer(h->share, lineup_name(&h->lineup, arm), out);
}

static enum act_result read_parts(const struct http *h, struct document *d, struct act_why *why)
{
	struct str body = buf_str(&d->got.body);
	struct buf pointer = {0};
	size_t found = 0;
	char raw[64];

	for (size_t i = 0; i < h->env.arm_count; i++) {
		share_pointer(h, i, &pointer);
		found += json_number_at(body, pointer.data, &d->parts[i]);
	}
	buf_fini(&pointer);
	if (!found)
		return act_fail(why, ACT_GARBLED, "%s: the document read has no share at %s for any arm: mend `share`, or the "
		                "names of the arms", h->env.target, h->share);
	d->others = parts_of_others(h, body);
	if (*h->state && json_text_at(body, h->state, raw, sizeof(raw)))
		text_harmless(d->state, sizeof(d->state), str_of(raw));
	return ACT_OK;
}

static int render_url(const struct http *h, const struct act_ask *ask, const char *text, struct buf *out)
{
	double none[ROLLOUT_ARMS_MAX] = {0};
	struct template_values v = {&h->env, &h->lineup, ask, none};
	struct err err;

	return template_url(text, &v, out, &err);
}

static enum act_result read_document(const struct http *h, const struct act_ask *ask, struct document *d,
                                     struct act_why *why)
{
	struct buf url = {0};

	*d = (struct document){0};
	render_url(h, ask, h->read_url, &url);
	struct sending q = {.method = "GET", .url = url.data};
	enum act_result result = sender_fetch(&h->sender, ask, &q, &d->got, why);

	if (result == ACT_OK)
		result = sender_judge(&h->sender, &d->got, url.data, why);
	if (result == ACT_OK)
		result = read_parts(h, d, why);
	buf_fini(&url);
	return result;
}

static bool reads_back(const struct http *h)
{
	return *h->share != '\0';
}

/* Parts of the total for what is asked: whole numbers by the largest remainder, so that they add up. */
static void wanted_parts(const struct http *h, const struct act_ask *ask, double others, double *parts)
{
	double rest = h->total - others, given = 0, lack[ROLLOUT_ARMS_MAX] = {0};
	bool whole = h->total > 1;

	assert(h->env.arm_count > 0);
	rest = rest < 0 ? 0 : rest;
	for (size_t i = 0; i < h->env.arm_count; i++) {
		double exact = rest * ask_percent(ask, h->env.arms[i].deployment) / 100;

		parts[i] = whole ? floor(exact + TOLERANCE) : exact;
		lack[i] = exact - parts[i];
		given += parts[i];
	}
	while (whole && given + 1 <= rest + TOLERANCE) {
		size_t most = 0;

		for (size_t i = 1; i < h->env.arm_count; i++) {
			if (lack[i] > lack[most] + TOLERANCE)
				most = i;
		}
		parts[most]++;
		lack[most]--;
		given++;
	}
}

static void percents(const struct http *h, const double *parts, double others, double *out)
{
	double sum = others;

	for (size_t i = 0; i < h->env.arm_count; i++)
		sum += parts[i];
	for (size_t i = 0; i < h->env.arm_count; i++)
		out[i] = sum > 0 ? 100 * parts[i] / sum : 0;
}

static bool same_parts(const struct http *h, const double *a, const double *b)
{
	for (size_t i = 0; i < h->env.arm_count; i++) {
		if (fabs(a[i] - b[i]) > TOLERANCE)
			return false;
	}
	return true;
}

/* ── plan ──────────────────────────────────────────────────────────────────────────────────── */

static const char *saw_text(const struct http *h, const double *parts, struct act_plan *out)
{
	struct buf text = {0};

	for (size_t i = 0; i < h->env.arm_count; i++) {
		buf_puts(&text, i ? "," : "{");
		buf_append_json(&text, str_of(h->env.arms[i].deployment));
		buf_append_c(&text, ':');
		template_number(&text, parts[i]);
	}
	buf_append_c(&text, '}');
	const char *copy = act_plan_text(out, "%s", text.data);
	buf_fini(&text);
	return copy;
}

static bool read_saw(const struct http *h, const char *saw, double *parts)
{
	for (size_t i = 0; i < h->env.arm_count; i++) {
		struct buf pointer = {0};

		template_pointer("/{arm}", h->env.arms[i].deployment, &pointer);
		bool there = saw && json_number_at(str_of(saw), pointer.data, &parts[i]);
		buf_fini(&pointer);
		if (!there)
			return false;
	}
	return true;
}

static void plan_known(const struct http *h, const struct act_ask *ask, const struct document *d, struct act_plan *out)
{
	double wanted[ROLLOUT_ARMS_MAX], now[ROLLOUT_ARMS_MAX], then[ROLLOUT_ARMS_MAX];

	wanted_parts(h, ask, d->others, wanted);
	percents(h, d->parts, d->others, now);
	percents(h, wanted, d->others, then);
	lineup_plan_arms(out, &h->env, ask, now, then);
	out->nothing_to_do = same_parts(h, d->parts, wanted);
	out->saw = saw_text(h, d->parts, out);
	for (size_t i = 0; i < h->env.arm_count; i++)
		out->arms[i].detail = act_plan_text(out, "%s %.6g of %.6g", lineup_name(&h->lineup, i), wanted[i], h->total);
	if (d->others > 0)
		act_plan_warn(out, "%.6g of %.6g go to others than the arms and stay there: the arms share the rest", d->others, h->total);
	if (*d->state)
		act_plan_warn(out, "its state is %s", d->state);
}

static void plan_blind(const struct http *h, const struct act_ask *ask, struct act_plan *out)
{
	double unknown[ROLLOUT_ARMS_MAX], wanted[ROLLOUT_ARMS_MAX];

	for (size_t i = 0; i < h->env.arm_count; i++) {
		unknown[i] = NAN;
		wanted[i] = ask_percent(ask, h->env.arms[i].deployment);
	}
	lineup_plan_arms(out, &h->env, ask, unknown, wanted);
	out->saw = "";
	act_plan_warn(out, "the shares now are unknown and cannot be read back: give `read_url` and `share`");
}

static bool is_share_verb(enum act_verb v)
{
	return v == ACT_SET || v == ACT_ROLLBACK || v == ACT_STEP || v == ACT_PROMOTE;
}

/* A template may send any verb on; by changed shares alone only shares can be said. */
static enum act_result check_ask(const struct http *h, const struct act_ask *ask, struct act_why *why)
{
	bool idle = ask->verb == ACT_HOLD || ask->verb == ACT_RESUME;

	if (!is_share_verb(ask->verb) && !idle && !(*h->body && strstr(h->body, "{verb}")))
		return act_fail(why, ACT_UNABLE, "%s: this request has no `%s`: a `body` with {verb} in it could say it", h->env.target,
		                act_verb_name(ask->verb));
	return ask->arm_count ? ask_check(ask, &h->env, why) : ACT_OK;
}

static bool sends_verb(const struct http *h, const struct act_ask *ask)
{
	return is_share_verb(ask->verb) || (*h->body && strstr(h->body, "{verb}"));
}

static enum act_result http_plan(void *state, const struct act_ask *ask, struct act_plan *out, struct act_why *why)
{
	const struct http *h = state;
	struct document d = {.others = 0};
	struct buf url = {0};
	enum act_result result = check_ask(h, ask, why);

	if (result == ACT_OK && reads_back(h))
		result = read_document(h, ask, &d, why);
	if (result == ACT_OK) {
		render_url(h, ask, h->url, &url);
		struct buf shown = {0};
		http_url_for_words(&shown, url.data);
		if (reads_back(h))
			plan_known(h, ask, &d, out);
		else
			plan_blind(h, ask, out);
		if (!sends_verb(h, ask))
			out->nothing_to_do = true;
		if (!out->nothing_to_do)
			act_plan_step(out, "%s %s", h->method, shown.data);
		out->pace = h->instant ? ACT_INSTANT : ACT_STEPWISE;
		out->moves = act_plan_text(out, "%s: %s %s", h->env.target, out->nothing_to_do ? "nothing is sent to" : "the shares change at",
		                           shown.data);
		out->stays = "running answers end where they are";
		buf_fini(&shown);
	}
	buf_fini(&url);
	document_fini(&d);
	return result;
}

/* ── the change ────────────────────────────────────────────────────────────────────────────── */

static int edit_body(const struct http *h, const struct document *d, const double *parts, struct buf *out, struct err *err)
{
	struct buf next = {0}, pointer = {0}, number = {0};
	int result = 0;

	buf_append_str(out, buf_str(&d->got.body));
	for (size_t i = 0; i < h->env.arm_count && result == 0; i++) {
		share_pointer(h, i, &pointer);
		buf_reset(&number);
		template_number(&number, parts[i]);
		buf_reset(&next);
		result = json_put(buf_str(out), pointer.data, buf_str(&number), &next, err);
		buf_reset(out);
		buf_append_str(out, buf_str(&next));
	}
	for (size_t i = 0; i < h->env.section->pair_count && result == 0; i++) {
		if (strncmp(h->env.section->pairs[i].key, "drop.", 5) != 0)
			continue;
		buf_reset(&next);
		json_drop(buf_str(out), h->env.section->pairs[i].value, &next);
		buf_reset(out);
		buf_append_str(out, buf_str(&next));
	}
	buf_fini(&next);
	buf_fini(&pointer);
	buf_fini(&number);
	return result;
}

/* The values that the config wants the answer to have. */
static enum act_result check_answer(const struct http *h, const struct http_got *got, struct act_why *why)
{
	for (size_t i = 0; i < h->env.section->pair_count; i++) {
		const struct config_pair *pair = &h->env.section->pairs[i];
		char text[200], shown[200];

		if (strncmp(pair->key, "answer.", 7) != 0)
			continue;
		struct json_value v = json_at(buf_str(&got->body), pair->key + 7);

		if (v.kind == JSON_STRING)
			json_text_at(buf_str(&got->body), pair->key + 7, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%.*s", STR_ARG(v.text));
		if (v.kind != JSON_ERROR && strcmp(text, pair->value) == 0)
			continue;
		text_harmless(shown, sizeof(shown), str_of(text));
		return act_fail(why, ACT_REFUSED, "%s: its answer has `%s` at %s where `%s` is expected", h->env.target,
		                v.kind == JSON_ERROR ? "nothing" : shown, pair->key + 7, pair->value);
	}
	return ACT_OK;
}

static enum act_result send_change(const struct http *h, const struct act_ask *ask, struct str body, struct str etag,
                                   int *status, struct act_why *why)
{
	struct buf url = {0};
	struct http_got got = {0};
	struct sending q = {.method = h->method, .body = body, .body_type = "application/json", .changes = true};
	size_t extra = 0;
	char *match = NULL, *key = NULL;

	render_url(h, ask, h->url, &url);
	q.url = url.data;
	if (h->if_match && etag.len)
		q.extra[extra++] = match = mem_printf("If-Match: %.*s", STR_ARG(etag));
	if (h->key_header)
		q.extra[extra++] = key = mem_printf("%s: %s", h->key_header, ask->key);
	enum act_result result = sender_fetch(&h->sender, ask, &q, &got, why);

	*status = got.status;
	if (result == ACT_OK)
		result = sender_judge(&h->sender, &got, url.data, why);
	if (result == ACT_OK)
		result = sender_follow(&h->sender, ask, url.data, &got, why);
	if (result == ACT_OK)
		result = check_answer(h, &got, why);
	/* a server that broke down over it may have taken it */
	why->maybe_changed |= *status >= 500;
	free(match);
	free(key);
	http_got_fini(&got);
	buf_fini(&url);
	return result;
}

static enum act_result send_template(const struct http *h, const struct act_ask *ask, const double *parts,
                                     struct act_why *why)
{
	struct template_values v = {&h->env, &h->lineup, ask, parts};
	struct buf body = {0};
	struct err err;
	int status;
	enum act_result result;

	if (template_body(h->body, &v, &body, &err))
		result = act_fail(why, ACT_UNABLE, "%s: %s", h->env.target, err.text);
	else
		result = send_change(h, ask, buf_str(&body), (struct str){0}, &status, why);
	buf_fini(&body);
	return result;
}

/* One round of read, compare, change, send. *again: it was changed in between; another round may do. */
static enum act_result try_edit(const struct http *h, const struct act_ask *ask, const double *seen,
                                const double *given, bool *again, struct act_why *why)
{
	struct document d;
	struct buf body = {0};
	struct err err;
	double parts[ROLLOUT_ARMS_MAX];
	int status = 0;
	enum act_result result = read_document(h, ask, &d, why);

	*again = false;
	if (result != ACT_OK)
		goto out;
	if (given)
		memcpy(parts, given, sizeof(parts));
	else
		wanted_parts(h, ask, d.others, parts);
	if (same_parts(h, d.parts, parts))
		goto out;
	if (seen && !same_parts(h, d.parts, seen)) {
		result = act_retry(why, ACT_CHANGED, "%s: the shares are no longer those of the plan: plan again", h->env.target);
		goto out;
	}
	if (edit_body(h, &d, parts, &body, &err)) {
		result = act_fail(why, ACT_GARBLED, "%s: %s: mend `share`", h->env.target, err.text);
		goto out;
	}
	result = send_change(h, ask, buf_str(&body), http_got_header(&d.got, "ETag"), &status, why);
	*again = status == 412 || status == 409;
out:
	buf_fini(&body);
	document_fini(&d);
	return result;
}

static enum act_result edit(const struct http *h, const struct act_ask *ask, const double *seen, const double *given,
                            struct act_why *why)
{
	enum act_result result = ACT_FAILED;
	bool again = true;

	for (int round = 0; again && round < CONFLICTS_MAX; round++) {
		if (round && !sender_sleep(&h->sender, ask, h->sender.poll_us, why))
			return ACT_RETRY;
		result = try_edit(h, ask, seen, given, &again, why);
	}
	return result;
}

static enum act_result http_apply(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	const struct http *h = state;
	double parts[ROLLOUT_ARMS_MAX], seen[ROLLOUT_ARMS_MAX];
	enum act_result result = check_ask(h, ask, why);

	if (result != ACT_OK || !sends_verb(h, ask))
		return result;
	if (!*h->body)
		/* a rollback is meant whatever somebody else did in between */
		return edit(h, ask, ask->verb != ACT_ROLLBACK && read_saw(h, saw, seen) ? seen : NULL, NULL, why);
	wanted_parts(h, ask, 0, parts);
	return send_template(h, ask, parts, why);
}

static enum act_result http_undo(void *state, const struct act_ask *ask, const char *saw, struct act_why *why)
{
	const struct http *h = state;
	struct act_ask back = *ask;
	double parts[ROLLOUT_ARMS_MAX], percent[ROLLOUT_ARMS_MAX];

	if (!read_saw(h, saw, parts))
		return act_fail(why, ACT_UNABLE, "%s: the shares before were not known, so they cannot be restored", h->env.target);
	if (!*h->body)
		return edit(h, ask, NULL, parts, why);
	percents(h, parts, 0, percent);
	back.verb = ACT_SET;
	back.arm_count = h->env.arm_count;
	for (size_t i = 0; i < h->env.arm_count; i++)
		back.arms[i] = (struct act_arm_want){h->env.arms[i].deployment, percent[i]};
	return send_template(h, &back, parts, why);
}

/* ── verify and observe ────────────────────────────────────────────────────────────────────── */

static bool listed(const struct http *h, const char *list, const char *word)
{
	size_t len = strlen(list);

	for (size_t i = 0; i < h->env.section->pair_count; i++) {
		const struct config_pair *pair = &h->env.section->pairs[i];

		if (strncmp(pair->key, list, len) == 0 && (pair->key[len] == '.' || !pair->key[len]) &&
		    strcmp(pair->value, word) == 0)
			return true;
	}
	return false;
}

static enum act_result look(const struct http *h, const struct act_ask *ask, struct document *d, struct act_sight *out,
                            struct act_why *why)
{
	double percent[ROLLOUT_ARMS_MAX];

	*d = (struct document){0};
	if (!reads_back(h))
		return act_fail(why, ACT_UNABLE, "%s: what was sent cannot be read back: give `read_url` and `share`", h->env.target);
	enum act_result result = read_document(h, ask, d, why);

	if (result != ACT_OK)
		return result;
	percents(h, d->parts, d->others, percent);
	out->at_us = clock_wall_us();
	out->words = "";
	out->phase = act_sight_text(out, "%s", d->state);
	out->arm_count = h->env.arm_count;
	for (size_t i = 0; i < h->env.arm_count; i++)
		out->arms[i] = (struct act_arm_sight){.deployment = act_sight_text(out, "%s", h->env.arms[i].deployment),
		                                      .percent = percent[i], .state = ""};
	return ACT_OK;
}

static bool is_there(const struct http *h, const struct act_ask *ask, const struct document *d)
{
	double wanted[ROLLOUT_ARMS_MAX];

	wanted_parts(h, ask, d->others, wanted);
	return same_parts(h, d->parts, wanted);
}

static enum act_result http_verify(void *state, const struct act_ask *ask, struct act_sight *out, struct act_why *why)
{
	const struct http *h = state;
	struct document d;
	enum act_result result = look(h, ask, &d, out, why);

	if (result == ACT_OK) {
		bool there = is_there(h, ask, &d), settled = !*h->state || listed(h, "done", d.state);

		out->matches = there && settled;
		if (*h->state && listed(h, "broken", d.state))
			result = act_fail(why, ACT_REFUSED, "%s: it ended as %s", h->env.target, d.state);
		else if (!settled)
			result = act_retry(why, ACT_FAULT_NONE, "%s: still %s", h->env.target, *d.state ? d.state : "without a state");
		else if (!there)
			result = act_fail(why, ACT_CHANGED, "%s: other shares are read back: %s has %.4g %%", h->env.target,
			                  h->env.arms[h->env.arm_count - 1].deployment, out->arms[h->env.arm_count - 1].percent);
	}
	document_fini(&d);
	return result;
}

static enum act_result http_observe(void *state, const struct act_ask *desired, struct act_sight *out,
                                    struct act_why *why)
{
	const struct http *h = state;
	struct document d;
	enum act_result result = look(h, desired, &d, out, why);

	if (result == ACT_OK && desired->arm_count) {
		out->matches = is_there(h, desired, &d);
		out->drift = !out->matches;
		if (out->drift)
			out->words = act_sight_text(out, "%s: the shares were changed by somebody else", h->env.target);
	}
	document_fini(&d);
	return result;
}

extern const struct actuator http_actuator;
const struct actuator http_actuator = {
	.kind = "http",
	.summary = "a request of your making to a service that steers traffic",
	.options = http_options,
	.verbs = (1u << ACT_VERB_COUNT) - 1,
	.timeout_us = 120 * US_PER_S,
	.open = http_open,
	.plan = http_plan,
	.apply = http_apply,
	.verify = http_verify,
	.undo = http_undo,
	.observe = http_observe,
	.close = http_close,
};
