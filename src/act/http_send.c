/* Long-running operations as Azure's resource manager has them ("Asynchronous operations", api
 * guidelines): the operation's address answers {"status": …}, a plain Location answers 202 until done. */
#include "act/http_send.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "parse/config.h"
#include "parse/json_edit.h"

#define SLICE_US (50 * US_PER_MS)
#define HEADERS_MAX 24
#define BUSY_WAIT_US US_PER_S /* 429 without a Retry-After */

bool sender_sleep(const struct sender *s, const struct act_ask *ask, int64_t us, struct act_why *why)
{
	const struct timespec slice = {.tv_nsec = SLICE_US * 1000};
	int64_t until_us = clock_mono_us() + us;

	while (clock_mono_us() < until_us) {
		if (ask_over(ask, s->target, why))
			return false;
		nanosleep(&slice, NULL);
	}
	return true;
}

/* ── one request ───────────────────────────────────────────────────────────────────────────── */

struct lines {
	char *line[HEADERS_MAX + 1];
	size_t count;
};

static void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++) {
		explicit_bzero(l->line[i], strlen(l->line[i]));
		free(l->line[i]);
	}
}

static int lines_fill(struct lines *l, const struct sender *s, const struct sending *q, struct err *err)
{
	for (size_t i = 0; i < s->section->pair_count && l->count < HEADERS_MAX; i++) {
		const struct config_pair *pair = &s->section->pairs[i];
		struct buf value = {0};
		bool secret = strncmp(pair->value, "env:", 4) == 0 || strncmp(pair->value, "file:/", 6) == 0;

		if (strncmp(pair->key, "headers.", 8) != 0)
			continue;
		if (secret && config_secret_resolve(pair->value, &value, err))
			return -1;
		l->line[l->count++] = mem_printf("%s: %s", pair->key + 8, secret ? value.data : pair->value);
		if (value.data)
			explicit_bzero(value.data, value.len);
		buf_fini(&value);
	}
	for (size_t i = 0; i < 4 && q->extra[i] && l->count < HEADERS_MAX; i++)
		l->line[l->count++] = mem_strdup(q->extra[i]);
	return 0;
}

static enum act_result no_answer(const struct sender *s, const struct act_ask *ask, enum http_result result,
                                 const struct sending *q, const struct err *err, struct act_why *why)
{
	if (q->changes && result != HTTP_UNREACHABLE && result != HTTP_DENIED)
		why->maybe_changed = true;
	if (ask->stop && atomic_load(ask->stop))
		return act_retry(why, ACT_STOPPED, "%s: given up because the collector is leaving", s->target);
	if (result == HTTP_TIMED_OUT)
		return act_retry(why, ACT_TIMED_OUT, "%s: %s", s->target, err->text);
	return act_retry(why, result == HTTP_DENIED ? ACT_DENIED : ACT_UNREACHABLE, "%s: %s", s->target, err->text);
}

static enum act_result fetch_once(const struct sender *s, const struct act_ask *ask, const struct sending *q,
                                  struct http_got *got, struct act_why *why)
{
	struct lines lines = {.count = 0};
	struct err err = {""};
	int64_t left_us = ask->deadline_us - clock_mono_us();
	enum act_result result = ACT_OK;

	if (ask_over(ask, s->target, why))
		return ACT_RETRY;
	if (lines_fill(&lines, s, q, &err)) {
		lines_free(&lines);
		return act_fail(why, ACT_DENIED, "%s: %s", s->target, err.text);
	}
	struct http_ask http = {.url = q->url, .method = q->method, .headers = (const char *const *)lines.line,
	                        .body = q->body, .body_type = q->body_type, .answer_max_bytes = SEND_ANSWER_MAX_BYTES,
	                        .ca_path = s->ca_path, .stop = ask->stop};

	http.timeout_us = left_us < s->request_timeout_us ? left_us : s->request_timeout_us;
	enum http_result answered = http_fetch(s->client, &http, got, &err);
	if (answered != HTTP_ANSWERED)
		result = no_answer(s, ask, answered, q, &err, why);
	lines_free(&lines);
	return result;
}

enum act_result sender_fetch(const struct sender *s, const struct act_ask *ask, const struct sending *q,
                             struct http_got *got, struct act_why *why)
{
	for (;;) {
		enum act_result result = fetch_once(s, ask, q, got, why);

		if (result != ACT_OK || (got->status != 429 && got->status != 503)) {
			why->maybe_changed |= result == ACT_OK && q->changes && got->status < 400;
			return result;
		}
		int64_t wait_us = got->retry_after_s ? got->retry_after_s * US_PER_S : BUSY_WAIT_US;
		char words[200];

		sender_words(got, words, sizeof(words));
		int status = got->status;
		http_got_fini(got);
		if (clock_mono_us() + wait_us >= ask->deadline_us)
			return act_retry(why, ACT_REFUSED, "%s: answers %d and asks to wait %lld s: %s", s->target, status,
			                 (long long)(wait_us / US_PER_S), words);
		if (!sender_sleep(s, ask, wait_us, why))
			return ACT_RETRY;
	}
}

/* ── refusals in words ─────────────────────────────────────────────────────────────────────── */

void sender_words(const struct http_got *got, char *out, size_t cap)
{
	static const char *const places[] = {"/error/message", "/message", "/detail", "/error", "/title", NULL};
	struct str body = buf_str(&got->body);
	char text[400];

	for (size_t i = 0; places[i]; i++) {
		if (json_text_at(body, places[i], text, sizeof(text)) && *text) {
			text_harmless(out, cap, str_of(text));
			return;
		}
	}
	body.len = body.len < 200 ? body.len : 200;
	text_harmless(out, cap, str_trim(body));
}

enum act_result sender_judge(const struct sender *s, const struct http_got *got, const char *url, struct act_why *why)
{
	struct buf shown = {0};
	char words[200];
	enum act_result result;

	if (got->status >= 200 && got->status < 300)
		return ACT_OK;
	sender_words(got, words, sizeof(words));
	http_url_for_words(&shown, url);
	switch (got->status) {
	case 401:
		result = act_fail(why, ACT_DENIED, "%s: 401: it does not know us: renew the token or key in `headers`: %s", s->target, words);
		break;
	case 403:
		result = act_fail(why, ACT_DENIED, "%s: 403: our identity may not do that: grant it the right to write %s: %s", s->target,
		                  shown.data, words);
		break;
	case 404:
		result = act_fail(why, ACT_MISSING, "%s: 404: there is no %s: mend the URL in the config: %s", s->target, shown.data, words);
		break;
	case 409:
		result = act_retry(why, ACT_CHANGED, "%s: 409: another change is under way there: try again: %s", s->target, words);
		break;
	case 412:
		result = act_retry(why, ACT_CHANGED, "%s: 412: somebody else changed it in between: plan again: %s", s->target, words);
		break;
	default:
		result = got->status >= 500
		       ? act_retry(why, ACT_REFUSED, "%s: answers %d: %s", s->target, got->status, words)
		       : act_fail(why, ACT_REFUSED, "%s: answers %d: %s", s->target, got->status, words);
	}
	buf_fini(&shown);
	return result;
}

/* ── long-running operations ───────────────────────────────────────────────────────────────── */

static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
}

/* The operation's address as a URL of the same origin; NULL when it is another's: our headers hold
 * secrets, which go nowhere else. */
static char *same_origin(const char *url, struct str place)
{
	size_t origin = origin_length(url);
	char *text = mem_strndup(place.ptr, place.len);

	if (text[0] == '/' && text[1] != '/') {
		char *whole = mem_printf("%.*s%s", (int)origin, url, text);

		free(text);
		return whole;
	}
	if (origin && origin_length(text) == origin && strncasecmp(text, url, origin) == 0)
		return text;
	free(text);
	return NULL;
}

static struct str operation_place(const struct http_got *got)
{
	struct str place = http_got_header(got, "Azure-AsyncOperation");

	if (!place.len)
		place = http_got_header(got, "Operation-Location");
	return place;
}

/* -1 failed, 0 under way, 1 done. */
static int operation_state(const struct http_got *got, char *status, size_t cap)
{
	if (!json_text_at(buf_str(&got->body), "/status", status, cap) &&
	    !json_text_at(buf_str(&got->body), "/properties/provisioningState", status, cap))
		return got->status == 202 ? 0 : 1;
	if (strcasecmp(status, "succeeded") == 0)
		return 1;
	return strcasecmp(status, "failed") == 0 || strcasecmp(status, "canceled") == 0 ||
	       strcasecmp(status, "cancelled") == 0 ? -1 : 0;
}

static enum act_result look_at_operation(const struct sender *s, const struct act_ask *ask, const char *url,
                                         struct http_got *got, bool *done, struct act_why *why)
{
	struct sending q = {.method = "GET", .url = url};
	char status[64] = "", shown[64], words[200];
	enum act_result result;

	http_got_fini(got);
	result = sender_fetch(s, ask, &q, got, why);
	if (result == ACT_OK)
		result = sender_judge(s, got, url, why);
	if (result != ACT_OK)
		return result;
	int state = operation_state(got, status, sizeof(status));

	*done = state > 0;
	if (state >= 0)
		return ACT_OK;
	sender_words(got, words, sizeof(words));
	text_harmless(shown, sizeof(shown), str_of(status));
	return act_fail(why, ACT_REFUSED, "%s: the operation ended as %s: %s", s->target, shown, words);
}

enum act_result sender_follow(const struct sender *s, const struct act_ask *ask, const char *url,
                              struct http_got *got, struct act_why *why)
{
	struct str place = operation_place(got);
	enum act_result result = ACT_OK;
	bool done = false;

	if (!place.len && got->status == 202)
		place = http_got_header(got, "Location");
	if (!place.len)
		return ACT_OK;
	char *at = same_origin(url, place);

	if (!at)
		return act_retry(why, ACT_REFUSED, "%s: its operation is to be followed on another host, where our credentials do not "
		                 "go: only reading back tells the end", s->target);
	while (result == ACT_OK && !done) {
		int64_t wait_us = got->retry_after_s ? got->retry_after_s * US_PER_S : s->poll_us;

		if (!sender_sleep(s, ask, wait_us, why)) {
			err_wrap(&why->words, "the change was taken and is still under way");
			result = ACT_RETRY;
		} else {
			result = look_at_operation(s, ask, at, got, &done, why);
		}
	}
	free(at);
	return result;
}
