/* A notifier has a queue of messages, of which the first is under way or waits for its next try. An
 * Alertmanager has the newest list besides, sent when it changed, when a minute has passed, or ten
 * seconds after a failure. A heartbeat is a request that is made whenever a round went well. */
#include "alert/notifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/address.h"
#include "alert/message.h"
#include "alert/run_command.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/section.h"
#include "net/http_client.h"
#include "parse/alertmanager.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define PAUSE_FIRST_US US_PER_S
#define PAUSE_MOST_US US_PER_MIN
#define QUEUE_MOST 10000

enum kind { KIND_ALERTMANAGER, KIND_WEBHOOK, KIND_EXEC, KIND_HEARTBEAT, KIND_COUNT };
static const char *const kind_names[] = {"alertmanager", "webhook", "exec", "heartbeat"};

static const char *const severities[] = {"warning", "critical", NULL};

/* What everything that is sent over HTTP has in common, in front of its own options. */
#define URL_ROW(text) {"url", OPTION_TEXT, NULL, 0, 0, NULL, "", text}
#define TIMEOUT_ROW {"timeout", OPTION_DURATION, "10s", US_PER_S, US_PER_MIN, NULL, "", "of one try"}
#define CA_ROW {"ca", OPTION_TEXT, "", 0, 0, NULL, "", "file with the certificates to trust instead of the system's"}
#define INSECURE_ROW {"insecure", OPTION_BOOL, "no", 0, 1, NULL, "", "yes: do not check the server's certificate"}
#define HEADERS_ROW {"headers.*", OPTION_TEXT, "", 0, 0, NULL, "", "HTTP headers; env:NAME or file:/path"}
enum { ANY_URL, ANY_TIMEOUT, ANY_CA, ANY_INSECURE, ANY_COUNT };

enum { WEB_DEADLINE = ANY_COUNT, WEB_SEVERITY, WEB_ACKS, WEB_TEMPLATE };
static const struct option_row web_rows[] = {
	URL_ROW("where to send"), TIMEOUT_ROW, CA_ROW, INSECURE_ROW,
	{"deadline", OPTION_DURATION, "1h", US_PER_S, 7 * US_PER_DAY, NULL, "", "a message is given up after that"},
	{"severity", OPTION_CHOICE, "warning", 0, 1, severities, "", "only this and worse"},
	{"acknowledgements", OPTION_BOOL, "no", 0, 1, NULL, "", "tells those too"},
	{"template", OPTION_TEXT, "", 0, 0, NULL, "", "the body, with {{summary}} and the like"},
	HEADERS_ROW,
	{0},
};
enum { EXEC_COMMAND, EXEC_DEADLINE, EXEC_TIMEOUT, EXEC_SEVERITY, EXEC_ACKS };
static const struct option_row exec_rows[] = {
	{"command", OPTION_TEXT, NULL, 0, 0, NULL, "", "given to the shell; the message is its standard input"},
	{"deadline", OPTION_DURATION, "1h", US_PER_S, 7 * US_PER_DAY, NULL, "", "a message is given up after that"},
	{"timeout", OPTION_DURATION, "10s", US_PER_S, 10 * US_PER_MIN, NULL, "", "of one run"},
	{"severity", OPTION_CHOICE, "warning", 0, 1, severities, "", "only this and worse"},
	{"acknowledgements", OPTION_BOOL, "no", 0, 1, NULL, "", "tells those too"},
	{0},
};
enum { AM_DEADLINE = ANY_COUNT, AM_WATCHDOG, AM_WATCH, AM_EVERY };
static const struct option_row am_rows[] = {
	URL_ROW("Alertmanager's address"), TIMEOUT_ROW, CA_ROW, INSECURE_ROW,
	{"deadline", OPTION_DURATION, "1h", US_PER_S, 7 * US_PER_DAY, NULL, "", "a silence is given up after that"},
	{"watchdog", OPTION_BOOL, "yes", 0, 1, NULL, "", "an alert that always fires"},
	{"watch", OPTION_BOOL, "yes", 0, 1, NULL, "", "reads its alerts and silences, to show them"},
	{"every", OPTION_DURATION, "15s", US_PER_S, 10 * US_PER_MIN, NULL, "", "how often those are read"},
	HEADERS_ROW,
	{0},
};
enum { BEAT_EVERY = ANY_COUNT };
static const struct option_row beat_rows[] = {
	URL_ROW("asked for while all is well"), TIMEOUT_ROW, CA_ROW, INSECURE_ROW,
	{"every", OPTION_DURATION, "1m", 10 * US_PER_S, US_PER_DAY, NULL, "", "how often"},
	HEADERS_ROW,
	{0},
};
static const struct option_row *const rows_of[] = {am_rows, web_rows, exec_rows, beat_rows};

struct message {
	struct message *next;
	struct outbox_record record; /* strings owned */
};

struct notifier {
	struct notifiers *all;
	enum kind kind;
	char *name;
	const struct config_section *section;
	union option_value *values;
	struct message *first, *last;
	size_t waiting;
	uint64_t delivered, dead;
	struct http_call *call;
	struct command_run *run;
	struct loop_timer *timer;
	struct web_address address;
	/* Alertmanager's and heartbeats': */
	struct http_call *list_call;
	struct web_address list_address;
	struct buf list_body;
	uint64_t fingerprint, sent_fingerprint, sending_fingerprint;
	int64_t sent_us; /* last success; 0: never */
	bool deleting;   /* the second step of an unsilence is under way */
	bool failing, spoke;
	char words[300];
	struct am_watch *watch; /* Alertmanager's; NULL: not wanted */
};

struct notifiers {
	struct loop *loop;
	const struct config *config;
	int64_t started_us;
	struct notifier *items;
	size_t count;
	struct outlet *outlets;
	size_t outlet_count;
	void (*ended)(void *arg, const struct outbox_record *message);
	void (*read)(void *arg, const struct am_reading *reading);
	void *arg;
};

/* ── reading the config ────────────────────────────────────────────────────────────────────── */

static int kind_of(const struct config_section *s)
{
	int k = 0;

	while (k < KIND_COUNT && strcmp(s->kind, kind_names[k]) != 0)
		k++;
	return k;
}

static int check_section(const struct config *config, const struct config_section *s, struct err *err)
{
	const char *path = config->path ? config->path : "config", *url = section_value(s, "url"), *text = section_value(s, "template");
	int kind = kind_of(s);

	if (kind == KIND_COUNT)
		return err_set(err, "%s:%d:%d: there is no notifier kind %s: use alertmanager, webhook, exec or heartbeat", path, s->line, s->column, s->kind);
	union option_value *values = section_options(rows_of[kind], s, "notifier", path, err);

	if (!values)
		return -1;
	free(values);
	if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0 && strncmp(url, "env:", 4) != 0 && strncmp(url, "file:/", 6) != 0)
		return err_set(err, "%s:%d:%d: url must begin with http:// or https://, or be env:NAME or file:/path", path, s->line, s->column);
	if (text && message_template_check(text, err))
		return err_wrap(err, "%s:%d:%d", path, s->line, s->column);
	return 0;
}

int notifiers_check(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->notifier_count; i++)
		if (check_section(config, &config->notifiers[i], err))
			return -1;
	return 0;
}

static void render(const void *arg, const struct alert_record *a, const char *what, struct buf *out)
{
	const struct notifier *n = arg;
	const char *text = n->kind == KIND_WEBHOOK ? n->values[WEB_TEMPLATE].text : "";

	if (*text)
		message_template(text, a, what, out);
	else
		message_json(a, what, out);
}

static void add_outlet(struct notifiers *all, const struct notifier *n)
{
	bool web = n->kind == KIND_WEBHOOK;

	all->outlets[all->outlet_count++] = (struct outlet){
		.name = n->name, .acknowledgements = n->values[web ? (int)WEB_ACKS : (int)EXEC_ACKS].yes,
		.least = n->values[web ? (int)WEB_SEVERITY : (int)EXEC_SEVERITY].number ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		.render = render, .arg = n,
	};
}

static void try_again(void *arg);

static void open_notifier(struct notifiers *all, struct notifier *n, const struct config_section *s, size_t index)
{
	struct err err;

	n->all = all;
	n->section = s;
	n->kind = (enum kind)kind_of(s);
	n->name = s->name ? mem_strdup(s->name) : mem_printf("%s-%zu", s->kind, index + 1);
	n->values = section_options(rows_of[n->kind], s, "notifier", all->config->path ? all->config->path : "config", &err);
	n->timer = loop_timer_new(all->loop, -1, try_again, n);
	if (n->kind == KIND_ALERTMANAGER && n->values[AM_WATCH].yes && all->read)
		n->watch = am_watch_new(all->loop, &(struct am_watch_options){
			.name = n->name, .section = s, .timeout_us = n->values[ANY_TIMEOUT].number, .every_us = n->values[AM_EVERY].number,
			.ca = n->values[ANY_CA].text, .insecure = n->values[ANY_INSECURE].yes, .read = all->read, .arg = all->arg,
		});
}

struct notifiers *notifiers_new(struct loop *loop, const struct config *config, int64_t started_us,
                                void (*ended)(void *arg, const struct outbox_record *message),
                                void (*read)(void *arg, const struct am_reading *reading), void *arg)
{
	struct notifiers *all = mem_zalloc(sizeof *all);
	struct err err;

	*all = (struct notifiers){.loop = loop, .config = config, .started_us = started_us, .ended = ended, .read = read, .arg = arg};
	all->items = mem_array(NULL, config->notifier_count + 1, sizeof *all->items);
	all->outlets = mem_array(NULL, config->notifier_count + 1, sizeof *all->outlets);
	memset(all->items, 0, (config->notifier_count + 1) * sizeof *all->items);
	for (size_t i = 0; i < config->notifier_count; i++) {
		if (check_section(config, &config->notifiers[i], &err)) {
			log_error("%s", err.text);
			continue;
		}
		struct notifier *n = &all->items[all->count++];

		open_notifier(all, n, &config->notifiers[i], i);
		if (n->kind == KIND_WEBHOOK || n->kind == KIND_EXEC)
			add_outlet(all, n);
	}
	return all;
}

static void free_message(struct message *m)
{
	free((char *)m->record.notifier);
	free((char *)m->record.what);
	free((char *)m->record.body);
	free(m);
}

static void close_notifier(struct notifier *n)
{
	am_watch_free(&n->watch);
	if (n->call)
		http_cancel(&n->call);
	if (n->list_call)
		http_cancel(&n->list_call);
	command_run_cancel(&n->run);
	loop_timer_free(n->all->loop, &n->timer);
	for (struct message *m = n->first, *next; m; m = next) {
		next = m->next;
		free_message(m);
	}
	web_address_fini(&n->address);
	web_address_fini(&n->list_address);
	buf_fini(&n->list_body);
	free(n->values);
	free(n->name);
}

void notifiers_free(struct notifiers **out)
{
	struct notifiers *all = *out;

	if (!all)
		return;
	*out = NULL;
	for (size_t i = 0; i < all->count; i++)
		close_notifier(&all->items[i]);
	free(all->items);
	free(all->outlets);
	free(all);
}

const struct outlet *notifiers_outlets(const struct notifiers *n, size_t *count)
{
	*count = n->outlet_count;
	return n->outlets;
}

const char *notifiers_alertmanager(const struct notifiers *n, size_t i)
{
	for (size_t k = 0; k < n->count; k++)
		if (n->items[k].kind == KIND_ALERTMANAGER && i-- == 0)
			return n->items[k].name;
	return NULL;
}

/* ── one try ───────────────────────────────────────────────────────────────────────────────── */

static void note(struct notifier *n, bool ok, const char *words)
{
	if (!ok && !n->failing)
		log_warning("notifier %s: %s", n->name, words);
	else if (ok && n->failing)
		log_info("notifier %s: works again", n->name);
	if (!ok)
		n->sent_us = 0; /* who was away may have forgotten: the list goes again as soon as it can */
	n->failing = !ok;
	n->spoke = true;
	struct str s = str_of(ok ? "" : words);
	size_t len = s.len < sizeof n->words - 1 ? s.len : sizeof n->words - 1;

	memcpy(n->words, s.ptr, len);
	n->words[len] = '\0';
}

static void start_first(struct notifier *n);

static void end_first(struct notifier *n, enum outbox_state state, const char *words)
{
	struct message *m = n->first;

	n->first = m->next;
	if (!n->first)
		n->last = NULL;
	n->waiting--;
	n->deleting = false;
	m->record.state = state;
	m->record.words = words;
	if (state == OUTBOX_TOLD)
		n->delivered++;
	else
		n->dead++;
	n->all->ended(n->all->arg, &m->record);
	free_message(m);
	if (n->first)
		start_first(n);
}

static int64_t deadline_of(const struct notifier *n)
{
	return n->values[n->kind == KIND_WEBHOOK ? (int)WEB_DEADLINE : n->kind == KIND_EXEC ? (int)EXEC_DEADLINE : (int)AM_DEADLINE].number;
}

/* `final`: trying again would not help. */
static void fail_first(struct notifier *n, bool final, int64_t after_us, const char *words)
{
	struct outbox_record *r = &n->first->record;
	int64_t pause_us = PAUSE_FIRST_US << (r->attempts < 6 ? r->attempts : 6);

	note(n, false, words);
	r->attempts++;
	if (pause_us > PAUSE_MOST_US)
		pause_us = PAUSE_MOST_US;
	if (after_us > pause_us)
		pause_us = after_us;
	if (final || clock_wall_us() + pause_us > r->made_us + deadline_of(n)) {
		log_error("notifier %s: message %lld of alert %lld is given up: %s", n->name, (long long)r->id, (long long)r->alert_id, words);
		end_first(n, OUTBOX_DEAD, words);
		return;
	}
	n->deleting = false;
	loop_timer_set(n->all->loop, n->timer, pause_us);
}

static void succeed_first(struct notifier *n)
{
	note(n, true, "");
	n->first->record.attempts++;
	end_first(n, OUTBOX_TOLD, "");
}

/* The id of the silence in force whose comment ends in our mark. */
static bool find_silence(struct str answer, const char *mark, struct buf *id)
{
	struct am_silences list;
	char text[SILENCE_MARK_BYTES];
	struct err err;

	if (!am_silences_read(answer, false, "", INT64_MAX, &list, &err))
		for (size_t i = 0; i < list.row_count && !id->len; i++)
			if (strcmp(list.rows[i].state, "expired") != 0 && !strcmp(message_silence_mark(list.rows[i].mark, text), mark))
				buf_puts(id, list.rows[i].id);
	am_silences_fini(&list);
	return id->len != 0;
}

static void ask(struct notifier *n, const char *method, struct str body);

static bool delete_next(struct notifier *n, const struct http_got *got)
{
	struct buf id = {0}, path = {0};
	struct err err;
	bool going = false;

	if (strcmp(n->first->record.what, "unsilence") != 0 || n->deleting)
		return false;
	if (find_silence(buf_str(&got->body), n->first->record.body, &id)) {
		buf_printf(&path, "/api/v2/silence/%s", id.data);
		going = !web_address_read(&n->address, n->section, path.data, &err);
	}
	buf_fini(&id);
	buf_fini(&path);
	if (going) {
		n->deleting = true;
		ask(n, "DELETE", (struct str){0});
	}
	return going;
}

static void answered(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct notifier *n = arg;
	char words[160];

	n->call = NULL;
	if (result != HTTP_ANSWERED) {
		fail_first(n, false, 0, err->text);
	} else if (got->status >= 200 && got->status < 300) {
		if (!delete_next(n, got))
			succeed_first(n);
	} else {
		bool final = got->status >= 400 && got->status < 500 && got->status != 408 && got->status != 429;

		snprintf(words, sizeof words, "answered with HTTP status %d", got->status);
		fail_first(n, final, got->retry_after_s * US_PER_S, words);
	}
}

/* Of what is sent over HTTP. */
static struct http_ask ask_of(const struct notifier *n, const struct web_address *to, const char *method, struct str body)
{
	return (struct http_ask){
		.url = to->url.data, .method = method, .headers = to->headers, .body = body, .body_type = body.len ? "application/json" : NULL,
		.timeout_us = n->values[ANY_TIMEOUT].number, .answer_max_bytes = ANSWER_MAX, .ca_path = n->values[ANY_CA].text,
		.insecure = n->values[ANY_INSECURE].yes,
	};
}

static void ask(struct notifier *n, const char *method, struct str body)
{
	struct http_ask a = ask_of(n, &n->address, method, body);

	n->call = http_begin(n->all->loop, &a, answered, n);
}

static void ran(void *arg, bool ok, const char *words)
{
	struct notifier *n = arg;

	n->run = NULL;
	if (ok)
		succeed_first(n);
	else
		fail_first(n, false, 0, words);
}

static void start_first(struct notifier *n)
{
	const struct outbox_record *r = &n->first->record;
	struct err err = {""};
	const char *path = n->kind != KIND_ALERTMANAGER ? "" : "/api/v2/silences";
	bool unsilence = n->kind == KIND_ALERTMANAGER && strcmp(r->what, "unsilence") == 0;

	if (n->kind == KIND_EXEC) {
		n->run = command_run_start(n->all->loop, n->values[EXEC_COMMAND].text, str_of(r->body), r->what, n->values[EXEC_TIMEOUT].number,
		                           ran, n, &err);
		if (!n->run)
			fail_first(n, false, 0, err.text);
		return;
	}
	if (web_address_read(&n->address, n->section, path, &err)) {
		fail_first(n, false, 0, err.text);
		return;
	}
	if (unsilence)
		ask(n, "GET", (struct str){0});
	else
		ask(n, "POST", str_of(r->body));
}

static void try_again(void *arg)
{
	struct notifier *n = arg;

	if (n->first && !n->call && !n->run)
		start_first(n);
}

void notifiers_send(struct notifiers *all, const struct outbox_record *record)
{
	struct outbox_record gone = *record;

	for (size_t i = 0; i < all->count; i++) {
		struct notifier *n = &all->items[i];

		if (strcmp(n->name, record->notifier) != 0 || n->waiting >= QUEUE_MOST)
			continue;
		struct message *m = mem_zalloc(sizeof *m);

		m->record = *record;
		m->record.notifier = mem_strdup(record->notifier);
		m->record.what = mem_strdup(record->what);
		m->record.body = mem_strdup(record->body);
		m->record.words = "";
		if (n->last)
			n->last->next = m;
		else
			n->first = m;
		n->last = m;
		if (n->waiting++ == 0)
			start_first(n);
		return;
	}
	gone.state = OUTBOX_DEAD;
	gone.words = "the config has no such notifier any more, or too many messages wait for it";
	all->ended(all->arg, &gone);
}

/* ── lists and heartbeats ──────────────────────────────────────────────────────────────────── */

static void list_answered(void *arg, enum http_result result, const struct http_got *got, const struct err *err)
{
	struct notifier *n = arg;
	char words[160];
	bool ok = result == HTTP_ANSWERED && got->status >= 200 && got->status < 300;

	n->list_call = NULL;
	if (result == HTTP_ANSWERED)
		snprintf(words, sizeof words, "answered with HTTP status %d", got->status);
	note(n, ok, result == HTTP_ANSWERED ? words : err->text);
	if (ok) {
		n->sent_us = clock_mono_us();
		n->sent_fingerprint = n->sending_fingerprint;
		n->delivered++;
	}
}

static void send_list(struct notifier *n, struct str elements, uint64_t fingerprint, int64_t now_us)
{
	bool beat = n->kind == KIND_HEARTBEAT;
	int64_t every_us = beat ? n->values[BEAT_EVERY].number : ALERTMANAGER_RESEND_US;
	bool due = !n->sent_us || clock_mono_us() - n->sent_us >= every_us - US_PER_S || (!beat && fingerprint != n->sent_fingerprint);
	struct err err = {""};

	if (n->list_call || !due)
		return;
	if (web_address_read(&n->list_address, n->section, beat ? "" : "/api/v2/alerts", &err)) {
		note(n, false, err.text);
		return;
	}
	buf_reset(&n->list_body);
	if (!beat) {
		buf_append_c(&n->list_body, '[');
		buf_append_str(&n->list_body, elements);
		if (n->values[AM_WATCHDOG].yes) {
			if (elements.len)
				buf_append_c(&n->list_body, ',');
			message_watchdog(n->all->started_us, now_us + ALERTMANAGER_LASTS_US, &n->list_body);
		}
		buf_append_c(&n->list_body, ']');
	}
	n->sending_fingerprint = fingerprint;
	struct http_ask a = ask_of(n, &n->list_address, beat ? "GET" : "POST", buf_str(&n->list_body));

	n->list_call = http_begin(n->all->loop, &a, list_answered, n);
}

void notifiers_own(struct notifiers *all, const uint64_t *hashes, size_t count)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].watch)
			am_watch_own(all->items[i].watch, hashes, count);
}

void notifiers_stop_watching(struct notifiers *all)
{
	for (size_t i = 0; i < all->count; i++)
		am_watch_free(&all->items[i].watch);
}

struct am_watch *notifiers_watch(struct notifiers *all, const char *name, const char *target, struct err *err)
{
	struct am_watch *found = NULL;

	for (size_t i = 0; i < all->count; i++) {
		struct notifier *n = &all->items[i];

		if (!n->watch || (*name ? strcmp(n->name, name) != 0 : !am_watch_knows(n->watch, target)))
			continue;
		if (found)
			return err_set(err, "several Alertmanagers have %.64s: name one", target), NULL;
		found = n->watch;
	}
	if (!found && *name)
		err_set(err, "no Alertmanager of that name is watched: see `notify` in the config");
	else if (!found)
		err_set(err, "no Alertmanager has %.64s (any more): see `llmdeck alert list --alertmanager` and `llmdeck alert silences`", target);
	return found;
}

void notifiers_put_alerts(struct notifiers *all, struct str elements, uint64_t fingerprint, int64_t now_us)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].kind == KIND_ALERTMANAGER || all->items[i].kind == KIND_HEARTBEAT)
			send_list(&all->items[i], elements, fingerprint, now_us);
}

void notifiers_json(const struct notifiers *all, struct buf *out)
{
	buf_append_c(out, '[');
	for (size_t i = 0; i < all->count; i++) {
		const struct notifier *n = &all->items[i];

		buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
		buf_append_json(out, str_of(n->name));
		buf_printf(out, ",\"kind\":\"%s\",\"state\":\"%s\",\"waiting\":%zu,\"delivered\":%llu,\"dead\":%llu,\"words\":", kind_names[n->kind],
		           n->failing ? "failing" : n->spoke ? "ok" : "init", n->waiting, (unsigned long long)n->delivered, (unsigned long long)n->dead);
		buf_append_json(out, str_of(n->words));
		buf_append_c(out, '}');
	}
	buf_append_c(out, ']');
}
