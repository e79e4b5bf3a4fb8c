/* A batch goes through the service's steps one after the other; what goes wrong in one ends the batch, and
 * the whole of it is asked again later. Texts that were judged lately are answered from memory: people
 * paste the same remark, and a source may bring it twice. */
#include "remote/asker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/money.h"
#include "net/http_client.h"
#include "parse/config.h"

#define MEMORY 1024u
#define ANSWER_MAX ((size_t)2 << 20)
#define PAUSE_FIRST_US US_PER_S
#define PAUSE_MOST_US (5 * US_PER_MIN)
#define DENIED_US (5 * US_PER_MIN)
#define SENSELESS_MAX 3
#define HEADERS_MAX 16

struct memory {
	uint64_t key; /* 0: free */
	struct service_verdict verdict;
};

struct asker {
	struct loop *loop;
	const struct service *service;
	const union option_value *values;
	const struct config_section *section;
	int64_t calls, day, calls_max;
	struct memory *memory;
	/* the batch under way */
	struct http_call *call;
	struct service_text texts[SERVICE_BATCH_MAX];
	struct service_verdict verdicts[SERVICE_BATCH_MAX];
	bool known[SERVICE_BATCH_MAX];      /* from memory */
	size_t places[SERVICE_BATCH_MAX];   /* of those that are asked */
	size_t count, asked, step;
	struct arena arena;
	struct buf url, body;
	asker_done *done;
	void *arg;
	int64_t began_us, took_us;
	/* what went wrong */
	enum asker_state state;
	struct err words;
	int64_t ready_us, pause_us; /* monotonic */
	unsigned senseless;
};

static int64_t today(void)
{
	return clock_wall_us() / US_PER_DAY;
}

/* Most calls of a day: by number and by money. */
static int read_budget(const union option_value *v, int64_t *calls, struct err *err)
{
	int64_t day_nusd, call_nusd;

	*calls = v[SERVICE_CALLS_A_DAY].number;
	if (!*v[SERVICE_USD_A_DAY].text && !*v[SERVICE_USD_A_CALL].text)
		return 0;
	if (!money_parse_nusd(str_of(v[SERVICE_USD_A_DAY].text), &day_nusd) || !money_parse_nusd(str_of(v[SERVICE_USD_A_CALL].text), &call_nusd) ||
	    call_nusd <= 0 || day_nusd < 0)
		return err_set(err, "usd_per_day and usd_per_call go together, as amounts such as 2.50 and 0.001");
	if (day_nusd / call_nusd < *calls)
		*calls = day_nusd / call_nusd;
	return 0;
}

/* "Name: value" lines, owned; the secrets are read when they are used. */
static int make_headers(const struct asker *a, const char *path, char *out[HEADERS_MAX + 1], struct err *err)
{
	const char *key = a->values[SERVICE_KEY].text, *name = a->service->key_header;
	struct buf secret = {0};
	size_t count = 0;
	int failed = 0;

	out[0] = NULL;
	if (!*name)
		name = strstr(path, "/openai/deployments/") ? "api-key: " : "Authorization: Bearer ";
	if (*key && !(failed = config_secret_resolve(key, &secret, err)))
		out[count++] = mem_printf("%s%s", name, secret.data ? secret.data : "");
	for (size_t i = 0; i < a->section->pair_count && count < HEADERS_MAX && !failed; i++) {
		const struct config_pair *p = &a->section->pairs[i];

		if (strncmp(p->key, "headers.", 8) != 0)
			continue;
		buf_reset(&secret);
		if (!strncmp(p->value, "env:", 4) || !strncmp(p->value, "file:", 5))
			failed = config_secret_resolve(p->value, &secret, err);
		else
			buf_puts(&secret, p->value);
		if (!failed)
			out[count++] = mem_printf("%s: %s", p->key + 8, secret.data ? secret.data : "");
	}
	out[count] = NULL;
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	buf_fini(&secret);
	return failed;
}

static void free_headers(char *headers[HEADERS_MAX + 1])
{
	for (size_t i = 0; headers[i]; i++) {
		explicit_bzero(headers[i], strlen(headers[i]));
		free(headers[i]);
	}
}

int asker_check(const struct service *s, const union option_value *values, const struct config_section *section, struct err *err)
{
	const struct asker probe = {.service = s, .values = values, .section = section};
	char *headers[HEADERS_MAX + 1];
	int64_t calls;

	if (strncmp(values[SERVICE_URL].text, "http://", 7) != 0 && strncmp(values[SERVICE_URL].text, "https://", 8) != 0)
		return err_set(err, "url: it begins with https:// or http://");
	if (!s->steps(values) || s->steps(values) > SERVICE_STEPS_MAX)
		return err_set(err, "tasks: name at least one of sentiment, phrases, entities, pii");
	if (read_budget(values, &calls, err))
		return -1;
	int failed = make_headers(&probe, "", headers, err);

	free_headers(headers);
	return failed ? -1 : 0;
}

int asker_new(struct asker **out, struct loop *loop, const struct service *s, const union option_value *values,
              const struct config_section *section, int64_t calls_today, struct err *err)
{
	struct asker *a;
	int64_t calls;

	*out = NULL;
	if (asker_check(s, values, section, err) || read_budget(values, &calls, err))
		return -1;
	a = mem_zalloc(sizeof *a);
	a->loop = loop;
	a->service = s;
	a->values = values;
	a->section = section;
	a->calls_max = calls;
	a->calls = calls_today;
	a->day = today();
	a->memory = mem_zalloc(MEMORY * sizeof *a->memory);
	*out = a;
	return 0;
}

static void end_batch(struct asker *a)
{
	for (size_t i = 0; i < a->count; i++)
		service_verdict_fini(&a->verdicts[i]);
	a->count = a->asked = 0;
	arena_reset(&a->arena);
}

void asker_free(struct asker **out)
{
	struct asker *a = *out;

	if (!a)
		return;
	if (a->call)
		http_cancel(&a->call);
	end_batch(a);
	for (size_t i = 0; i < MEMORY; i++)
		service_verdict_fini(&a->memory[i].verdict);
	free(a->memory);
	arena_fini(&a->arena);
	buf_fini(&a->url);
	buf_fini(&a->body);
	free(a);
	*out = NULL;
}

/* ── memory ────────────────────────────────────────────────────────────────────────────────── */

static uint64_t key_of(const struct service_text *t)
{
	uint64_t key = hash_mix(hash_bytes(t->text.ptr, t->text.len), hash_bytes(t->language.ptr, t->language.len));

	return key ? key : 1;
}

static void copy_verdict(struct service_verdict *to, const struct service_verdict *from)
{
	*to = *from;
	to->findings = to->texts = (struct buf){0};
	buf_append_str(&to->findings, buf_str(&from->findings));
	buf_append_str(&to->texts, buf_str(&from->texts));
}

static bool recall(const struct asker *a, const struct service_text *t, struct service_verdict *out)
{
	uint64_t key = key_of(t);
	const struct memory *m = &a->memory[key % MEMORY];

	if (m->key != key)
		return false;
	copy_verdict(out, &m->verdict);
	return true;
}

static void remember(struct asker *a, const struct service_text *t, const struct service_verdict *v)
{
	uint64_t key = key_of(t);
	struct memory *m = &a->memory[key % MEMORY];

	service_verdict_fini(&m->verdict);
	m->key = key;
	copy_verdict(&m->verdict, v);
}

/* ── answers ───────────────────────────────────────────────────────────────────────────────── */

static void finish(struct asker *a, bool judged)
{
	asker_done *done = a->done;

	for (size_t i = 0; judged && i < a->count; i++)
		if (!a->known[i])
			remember(a, &a->texts[i], &a->verdicts[i]);
	done(a->arg, judged, a->verdicts, a->count);
	end_batch(a);
}

static void pause(struct asker *a, enum asker_state state, int64_t us)
{
	a->state = state;
	a->ready_us = clock_mono_us() + us;
}

static void back_off(struct asker *a, int64_t least_us)
{
	a->pause_us = a->pause_us ? 2 * a->pause_us : PAUSE_FIRST_US;
	if (a->pause_us > PAUSE_MOST_US)
		a->pause_us = PAUSE_MOST_US;
	pause(a, ASKER_FAILING, a->pause_us > least_us ? a->pause_us : least_us);
}

/* An answer that the contract does not know. The third time the texts are let go. */
static void take_senseless(struct asker *a, const char *why)
{
	char reason[160];

	snprintf(reason, sizeof reason, "%s", why);
	err_set(&a->words, "%s: %s", a->section->name, reason);
	back_off(a, 0);
	if (++a->senseless < SENSELESS_MAX) {
		finish(a, false);
		return;
	}
	a->senseless = 0;
	for (size_t i = 0; i < a->asked; i++) {
		struct service_verdict *v = &a->verdicts[a->places[i]];

		service_verdict_fini(v);
		service_verdict_init(v);
		snprintf(v->why, sizeof v->why, "it was not judged: %s", reason);
		a->known[a->places[i]] = true; /* not to be remembered */
	}
	finish(a, true);
}

static void begin_step(struct asker *a);

static void take_answer(struct asker *a, struct str answer)
{
	struct service_verdict *some[SERVICE_BATCH_MAX], read[SERVICE_BATCH_MAX];
	struct err err = {""};

	for (size_t i = 0; i < a->asked; i++) {
		some[i] = &a->verdicts[a->places[i]];
		read[i] = *some[i];
	}
	int failed = a->service->read(a->values, a->step, answer, read, a->asked, &err);

	for (size_t i = 0; i < a->asked; i++)
		*some[i] = read[i];
	if (failed) {
		take_senseless(a, err.text);
		return;
	}
	if (++a->step < a->service->steps(a->values)) {
		begin_step(a);
		return;
	}
	a->state = ASKER_OK;
	a->words.text[0] = '\0';
	a->pause_us = a->ready_us = 0;
	a->senseless = 0;
	finish(a, true);
}

static void answered(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct asker *a = arg;
	const char *name = a->section->name;

	a->call = NULL;
	a->took_us = clock_mono_us() - a->began_us;
	if (result != HTTP_ANSWERED) {
		err_set(&a->words, "%s: %s", name, err->text);
		back_off(a, 0);
	} else if (got->status == 200) {
		take_answer(a, buf_str(&got->body));
		return;
	} else if (got->status == 401 || got->status == 403) {
		err_set(&a->words, "%s: the service refuses the key (HTTP %d): check `key`", name, got->status);
		pause(a, ASKER_DENIED, DENIED_US);
	} else if (got->status == 429 || got->status == 503) {
		err_set(&a->words, "%s: the service asks to wait (HTTP %d)", name, got->status);
		back_off(a, got->retry_after_s * US_PER_S);
	} else if (got->status >= 500 || got->status == 408) {
		err_set(&a->words, "%s: the service failed (HTTP %d)", name, got->status);
		back_off(a, 0);
	} else {
		char why[60];

		snprintf(why, sizeof why, "the service did not understand (HTTP %d)", got->status);
		take_senseless(a, why);
		return;
	}
	finish(a, false);
}

/* ── asking ────────────────────────────────────────────────────────────────────────────────── */

static bool spend(struct asker *a)
{
	if (a->day != today()) {
		a->day = today();
		a->calls = 0;
	}
	if (a->calls >= a->calls_max) {
		int64_t left_us = US_PER_DAY - clock_wall_us() % US_PER_DAY;

		err_set(&a->words, "%s: today's %lld calls are spent: the local judge's verdicts stand until 00:00 UTC", a->section->name,
		        (long long)a->calls_max);
		pause(a, ASKER_SPENT, left_us);
		return false;
	}
	a->calls++;
	return true;
}

static void begin_step(struct asker *a)
{
	struct service_text texts[SERVICE_BATCH_MAX];
	char *headers[HEADERS_MAX + 1];
	struct str base = str_of(a->values[SERVICE_URL].text);
	struct buf path = {0};
	struct err err = {""};

	if (!spend(a)) {
		finish(a, false);
		return;
	}
	for (size_t i = 0; i < a->asked; i++)
		texts[i] = a->texts[a->places[i]];
	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	buf_reset(&a->url);
	buf_reset(&a->body);
	a->service->ask(a->values, a->step, texts, a->asked, &path, &a->body);
	buf_append_str(&a->url, base);
	buf_append_str(&a->url, buf_str(&path));
	int failed = make_headers(a, path.data, headers, &err);

	buf_fini(&path);
	if (failed) {
		free_headers(headers);
		err_set(&a->words, "%s: %s", a->section->name, err.text);
		pause(a, ASKER_DENIED, DENIED_US);
		finish(a, false);
		return;
	}
	const struct http_ask ask = {
		.url = a->url.data, .method = "POST", .headers = (const char *const *)headers, .body = buf_str(&a->body),
		.body_type = "application/json", .timeout_us = a->values[SERVICE_TIMEOUT].number, .answer_max_bytes = ANSWER_MAX,
		.accept_compressed = true,
	};

	a->began_us = clock_mono_us();
	a->call = http_begin(a->loop, &ask, answered, a);
	free_headers(headers);
}

void asker_ask(struct asker *a, const struct service_text *texts, size_t count, asker_done *done, void *arg)
{
	a->done = done;
	a->arg = arg;
	a->count = count;
	a->asked = a->step = 0;
	for (size_t i = 0; i < count; i++) {
		struct str t = texts[i].text, l = texts[i].language;

		a->texts[i] = (struct service_text){{arena_copy(&a->arena, t.len ? t.ptr : "", t.len), t.len},
		                                    {arena_copy(&a->arena, l.len ? l.ptr : "", l.len), l.len}};
		service_verdict_init(&a->verdicts[i]);
		a->known[i] = recall(a, &texts[i], &a->verdicts[i]);
		if (!a->known[i])
			a->places[a->asked++] = i;
	}
	if (a->asked)
		begin_step(a);
	else
		finish(a, true);
}

int64_t asker_wait_us(const struct asker *a)
{
	int64_t left_us = a->ready_us - clock_mono_us();

	if (a->count)
		return 100 * US_PER_MS;
	return a->ready_us && left_us > 0 ? left_us : 0;
}

enum asker_state asker_state(const struct asker *a) { return a->state; }
const char *asker_words(const struct asker *a) { return a->words.text; }
int64_t asker_took_us(const struct asker *a) { return a->took_us; }
int64_t asker_calls(const struct asker *a) { return a->calls; }
