/* A poll is two requests, alerts and then silences; only both together replace what is known. A deed is a
 * request that changes something and one that reads it back, with one deadline for both; a poll follows it,
 * so that what is shown agrees. */
#include "alert/am_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/address.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "parse/alertmanager.h"

#define ANSWER_MAX_BYTES ((size_t)8 << 20)
#define DEED_TIMEOUT_US (15 * US_PER_S)       /* those who ask wait twenty seconds */
#define ENDED_SHOWN_US (15 * US_PER_MIN)
#define OWN_KEPT_US (30 * US_PER_MIN)         /* Alertmanager holds what has ended for some minutes */
#define OWN_MAX 20000
#define SAME_END_US US_PER_S                  /* Alertmanager rounds to milliseconds */

struct own {
	uint64_t hash;
	int64_t seen_us;
};

struct deed {
	struct deed *next;
	struct am_watch *watch;
	enum am_verb verb;
	char *matchers;      /* of a new silence: as it is to be read back */
	int64_t until_us, due_us;
	struct am_outcome outcome;
	struct web_address address;
	struct buf body;
	struct http_call *call;
	void (*done)(void *arg, const struct am_outcome *outcome);
	void *arg;
};

struct am_watch {
	struct loop *loop;
	struct am_watch_options o;
	struct loop_timer *timer;
	struct web_address address;
	struct http_call *call;
	struct am_status status;
	char words[300];
	struct am_alerts alerts, coming; /* coming: until the silences are there too */
	struct am_silences silences;
	uint64_t digest, coming_digest;
	struct own *own;
	size_t own_count, own_cap;
	struct deed *deeds;
};

/* ── polls ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_own(const struct am_watch *w, uint64_t hash)
{
	for (size_t i = 0; i < w->own_count; i++)
		if (w->own[i].hash == hash)
			return true;
	return false;
}

static void count_lists(struct am_watch *w, const bool *ours)
{
	struct am_status *s = &w->status;

	s->own_count = s->silence_count = 0;
	for (size_t i = 0; i < w->alerts.row_count; i++)
		s->own_count += ours[i];
	s->alert_count = (int64_t)w->alerts.row_count - s->own_count;
	for (size_t i = 0; i < w->silences.row_count; i++)
		s->silence_count += strcmp(w->silences.rows[i].state, "expired") != 0;
	s->left_out = (int64_t)(w->alerts.left_out + w->silences.left_out);
}

static void tell(struct am_watch *w)
{
	bool *ours = mem_array(NULL, w->alerts.row_count + 1, sizeof *ours);
	uint64_t digest = w->digest;

	for (size_t i = 0; i < w->alerts.row_count; i++) {
		ours[i] = is_own(w, w->alerts.rows[i].hash);
		digest = hash_mix(digest, ours[i]);
	}
	count_lists(w, ours);
	w->o.read(w->o.arg, &(struct am_reading){
		.status = w->status, .alerts = w->alerts.rows, .ours = ours, .alert_count = w->alerts.row_count,
		.silences = w->silences.rows, .silence_count = w->silences.row_count,
		.digest = w->status.answered_us ? (digest & INT64_MAX) | 1 : 0,
	});
	free(ours);
}

static void poll_ended(struct am_watch *w, enum am_health health, const char *words)
{
	if (health != w->status.health && health != AM_OK)
		log_warning("alertmanager %s: its alerts cannot be read: %s", w->o.name, words);
	else if (health == AM_OK && w->status.health > AM_OK)
		log_info("alertmanager %s: its alerts can be read again", w->o.name);
	snprintf(w->words, sizeof w->words, "%.290s", words);
	w->status.health = health;
	if (health == AM_OK)
		w->status.answered_us = clock_wall_us();
	am_alerts_fini(&w->coming);
	tell(w);
	loop_timer_set(w->loop, w->timer, w->o.every_us);
}

static struct http_ask ask_of(const struct am_watch *w, const struct web_address *to, const char *method, int64_t timeout_us)
{
	return (struct http_ask){
		.url = to->url.data, .method = method, .headers = to->headers, .timeout_us = timeout_us,
		.answer_max_bytes = ANSWER_MAX_BYTES, .ca_path = w->o.ca, .insecure = w->o.insecure,
	};
}

/* What an answer that is none of success means. */
static enum am_health refusal(enum http_result result, const struct http_got *got, const struct err *err, char *words, size_t cap)
{
	if (result != HTTP_ANSWERED) {
		snprintf(words, cap, "%.290s", err->text);
		return result == HTTP_DENIED ? AM_DENIED : AM_FAILING;
	}
	bool denied = got->status == 401 || got->status == 403;

	snprintf(words, cap, "answered with HTTP status %d%s", got->status, denied ? ": mend its credentials in the config" : "");
	return denied ? AM_DENIED : AM_FAILING;
}

static bool is_success(enum http_result result, const struct http_got *got)
{
	return result == HTTP_ANSWERED && got->status >= 200 && got->status < 300;
}

static void silences_came(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct am_watch *w = arg;
	struct am_silences silences;
	struct err why = {""};
	char words[300];

	w->call = NULL;
	if (!is_success(result, got)) {
		enum am_health health = refusal(result, got, err, words, sizeof words);

		poll_ended(w, health, words);
	} else if (am_silences_read(buf_str(&got->body), false, w->o.name, clock_wall_us() - ENDED_SHOWN_US, &silences, &why)) {
		am_silences_fini(&silences);
		poll_ended(w, AM_FAILING, why.text);
	} else {
		am_alerts_fini(&w->alerts);
		am_silences_fini(&w->silences);
		w->alerts = w->coming;
		w->coming = (struct am_alerts){0};
		w->silences = silences;
		w->digest = hash_mix(w->coming_digest, hash_bytes(got->body.data, got->body.len));
		poll_ended(w, AM_OK, "");
	}
}

static bool ask_list(struct am_watch *w, const char *path,
                     void (*came)(void *arg, enum http_result result, const struct http_got *got, const struct err *err))
{
	struct err err = {""};

	if (web_address_read(&w->address, w->o.section, path, &err)) {
		poll_ended(w, AM_FAILING, err.text);
		return false;
	}
	struct http_ask ask = ask_of(w, &w->address, "GET", w->o.timeout_us);

	w->call = http_begin(w->loop, &ask, came, w);
	return true;
}

static void alerts_came(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct am_watch *w = arg;
	struct err why = {""};
	char words[300];

	w->call = NULL;
	am_alerts_fini(&w->coming);
	if (!is_success(result, got)) {
		enum am_health health = refusal(result, got, err, words, sizeof words);

		poll_ended(w, health, words);
	} else if (am_alerts_read(buf_str(&got->body), w->o.name, &w->coming, &why)) {
		poll_ended(w, AM_FAILING, why.text);
	} else {
		w->coming_digest = hash_bytes(got->body.data, got->body.len);
		ask_list(w, "/api/v2/silences", silences_came);
	}
}

static void poll_now(void *arg)
{
	struct am_watch *w = arg;

	if (w->call)
		return;
	w->status.asked_us = clock_wall_us();
	ask_list(w, "/api/v2/alerts", alerts_came);
}

/* ── deeds ─────────────────────────────────────────────────────────────────────────────────── */

static void end_deed(struct deed *d, bool done, const char *words)
{
	struct deed **at = &d->watch->deeds;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	d->outcome.done = done;
	d->outcome.unsure = d->outcome.unsure && !done;
	snprintf(d->outcome.words, sizeof d->outcome.words, "%.290s", words);
	if (d->call)
		http_cancel(&d->call);
	loop_timer_set(d->watch->loop, d->watch->timer, 0);
	d->done(d->arg, &d->outcome);
	web_address_fini(&d->address);
	buf_fini(&d->body);
	free(d->matchers);
	free(d);
}

static void fail_deed(struct deed *d, const char *what, enum http_result result, const struct http_got *got, const struct err *err)
{
	char words[300], all[300];

	refusal(result, got, err, words, sizeof words);
	snprintf(all, sizeof all, "%.60s: %.100s: %.130s", d->watch->o.name, what, words);
	end_deed(d, false, all);
}

static bool ask_deed(struct deed *d, const char *method, const char *path,
                     void (*came)(void *arg, enum http_result result, const struct http_got *got, const struct err *err))
{
	struct am_watch *w = d->watch;
	int64_t left_us = d->due_us - clock_mono_us();
	struct err err = {""};

	if (web_address_read(&d->address, w->o.section, path, &err)) {
		end_deed(d, false, err.text);
		return false;
	}
	struct http_ask ask = ask_of(w, &d->address, method, left_us < US_PER_S ? US_PER_S : left_us < w->o.timeout_us ? left_us : w->o.timeout_us);

	ask.body = buf_str(&d->body);
	ask.body_type = d->body.len ? "application/json" : NULL;
	d->call = http_begin(w->loop, &ask, came, d);
	return true;
}

/* Why what was read back is not what was wanted; NULL: it is. */
static const char *difference(const struct deed *d, const struct am_silence *s)
{
	int64_t off_us = s->ends_us - d->until_us;

	if (strcmp(s->id, d->outcome.silence) != 0)
		return "another silence was read back";
	if (d->verb == AM_EXPIRE)
		return strcmp(s->state, "expired") == 0 ? NULL : "the silence is still in force";
	if (strcmp(s->state, "active") != 0 && strcmp(s->state, "pending") != 0)
		return "the silence is not in force";
	if (off_us > SAME_END_US || off_us < -SAME_END_US)
		return "the silence ends at another time";
	return strcmp(s->matchers, d->matchers) == 0 ? NULL : "the silence has other matchers";
}

static void read_back_came(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct deed *d = arg;
	struct am_silences list = {0};
	struct err why = {""};
	char words[300];
	const char *wrong;

	d->call = NULL;
	if (!is_success(result, got)) {
		fail_deed(d, "it was sent, but could not be read back", result, got, err);
		return;
	}
	if (am_silences_read(buf_str(&got->body), true, d->watch->o.name, 0, &list, &why))
		wrong = why.text;
	else
		wrong = list.row_count ? difference(d, &list.rows[0]) : "nothing was read back";
	if (!wrong)
		d->outcome.after_us = list.rows[0].ends_us;
	snprintf(words, sizeof words, "%.60s: it was sent, but %.200s", d->watch->o.name, wrong ? wrong : "");
	am_silences_fini(&list);
	end_deed(d, !wrong, wrong ? words : "");
}

static void changed(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct deed *d = arg;
	char path[96];

	d->call = NULL;
	d->outcome.unsure = result != HTTP_ANSWERED && result != HTTP_UNREACHABLE;
	if (!is_success(result, got)) {
		fail_deed(d, d->verb == AM_EXPIRE ? "the silence is not ended" : "it takes no silence", result, got, err);
		return;
	}
	d->outcome.unsure = true;
	if (d->verb != AM_EXPIRE && !am_silence_id_read(buf_str(&got->body), d->outcome.silence)) {
		end_deed(d, false, "it was sent, but the answer names no silence");
		return;
	}
	buf_reset(&d->body);
	snprintf(path, sizeof path, "/api/v2/silence/%s", d->outcome.silence);
	ask_deed(d, "GET", path, read_back_came);
}

static const struct am_alert *find_alert(const struct am_watch *w, const char *fingerprint)
{
	for (size_t i = 0; i < w->alerts.row_count; i++)
		if (strcmp(w->alerts.rows[i].fingerprint, fingerprint) == 0)
			return &w->alerts.rows[i];
	return NULL;
}

static const struct am_silence *find_silence(const struct am_watch *w, const char *id)
{
	for (size_t i = 0; i < w->silences.row_count; i++)
		if (strcmp(w->silences.rows[i].id, id) == 0)
			return &w->silences.rows[i];
	return NULL;
}

bool am_watch_knows(const struct am_watch *w, const char *target)
{
	return find_alert(w, target) || find_silence(w, target);
}

static void begin_silence(struct deed *d, const char *fingerprint, const char *author, const char *comment)
{
	const struct am_alert *alert = find_alert(d->watch, fingerprint);
	struct buf matchers = {0};
	char words[200];

	if (!alert) {
		snprintf(words, sizeof words, "%.60s has no alert %.40s (any more): see `llmdeck alert list --alertmanager`", d->watch->o.name, fingerprint);
		end_deed(d, false, words);
		return;
	}
	am_matchers_of(alert->labels, &matchers);
	d->matchers = buf_steal(&matchers);
	am_silence_body(alert->labels, clock_wall_us(), d->until_us, author, comment, &d->body);
	ask_deed(d, "POST", "/api/v2/silences", changed);
}

static void begin_change(struct deed *d, const char *id)
{
	const struct am_silence *old = find_silence(d->watch, id);
	char text[200];

	if (!old || strcmp(old->state, "expired") == 0) {
		snprintf(text, sizeof text, "%.60s has no silence %.64s in force: see `llmdeck alert silences`", d->watch->o.name, id);
		end_deed(d, false, text);
		return;
	}
	snprintf(d->outcome.silence, sizeof d->outcome.silence, "%s", old->id);
	d->outcome.mark = old->mark;
	d->outcome.before_us = old->ends_us;
	d->matchers = mem_strdup(old->matchers);
	snprintf(text, sizeof text, "/api/v2/silence/%s", old->id);
	if (d->verb == AM_EXTEND)
		am_silence_extend_body(old, d->until_us, &d->body);
	ask_deed(d, d->verb == AM_EXTEND ? "POST" : "DELETE", d->verb == AM_EXTEND ? "/api/v2/silences" : text, changed);
}

void am_watch_do(struct am_watch *w, enum am_verb verb, const char *target, int64_t until_us, const char *author, const char *comment,
                 void (*done)(void *arg, const struct am_outcome *outcome), void *arg)
{
	struct deed *d = mem_zalloc(sizeof *d);

	d->watch = w;
	d->verb = verb;
	d->until_us = until_us;
	d->due_us = clock_mono_us() + DEED_TIMEOUT_US;
	d->done = done;
	d->arg = arg;
	snprintf(d->outcome.manager, sizeof d->outcome.manager, "%.100s", w->o.name);
	d->next = w->deeds;
	w->deeds = d;
	if (verb != AM_EXPIRE && until_us <= clock_wall_us())
		end_deed(d, false, "a silence ends later than now");
	else if (verb == AM_SILENCE)
		begin_silence(d, target, author, comment);
	else
		begin_change(d, target);
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

void am_watch_own(struct am_watch *w, const uint64_t *hashes, size_t count)
{
	int64_t now_us = clock_mono_us();
	size_t kept = 0;

	for (size_t i = 0; i < w->own_count; i++)
		if (now_us - w->own[i].seen_us < OWN_KEPT_US)
			w->own[kept++] = w->own[i];
	w->own_count = kept;
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < w->own_count && w->own[at].hash != hashes[i])
			at++;
		if (at == OWN_MAX)
			break;
		if (at == w->own_count) {
			w->own = mem_grow(w->own, &w->own_cap, at + 1, sizeof *w->own);
			w->own_count++;
		}
		w->own[at] = (struct own){hashes[i], now_us};
	}
	if (!w->status.asked_us)
		poll_now(w);
}

struct am_watch *am_watch_new(struct loop *loop, const struct am_watch_options *o)
{
	struct am_watch *w = mem_zalloc(sizeof *w);

	w->loop = loop;
	w->o = *o;
	w->status = (struct am_status){.name = o->name, .words = w->words, .every_us = o->every_us};
	w->timer = loop_timer_new(loop, o->every_us, poll_now, w);
	return w;
}

void am_watch_free(struct am_watch **out)
{
	struct am_watch *w = *out;

	if (!w)
		return;
	*out = NULL;
	for (struct deed *d = w->deeds, *next; d; d = next) {
		next = d->next;
		end_deed(d, false, "the collector stops, or has a new config: look whether it happened");
	}
	if (w->call)
		http_cancel(&w->call);
	loop_timer_free(w->loop, &w->timer);
	web_address_fini(&w->address);
	am_alerts_fini(&w->alerts);
	am_alerts_fini(&w->coming);
	am_silences_fini(&w->silences);
	free(w->own);
	free(w);
}
