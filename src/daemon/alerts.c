/* Between the threads: orders and ends of deliveries go to the alerts' thread under a mutex; lists and
 * messages go to the loop's thread as posted jobs. The engine and the reader belong to the alerts'
 * thread, the notifiers to the loop's. Nothing is told, and no order answered, before the writer's
 * commit. */
#include "daemon/alerts.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/engine.h"
#include "alert/message.h"
#include "alert/notifier.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/budget.h"
#include "daemon/alert_order.h"
#include "daemon/alertmanagers.h"
#include "daemon/caller.h"
#include "parse/alertmanager.h"
#include "store/alerts.h"
#include "store/query_alerts.h"

#define ROUND_US (10 * US_PER_S)
#define ROUND_OFFSET_US (2 * US_PER_S) /* behind the full ten seconds: the last ones are then stored */
#define KEPT_US (90 * US_PER_DAY)      /* of what has ended */
#define RETAIN_EVERY_US US_PER_HOUR
#define NAMES_MOST 8

struct order_item {
	struct order_item *next;
	struct http_exchange *exchange;
	struct alert_order order;
	struct caller caller;
	struct alerts *alerts;
	bool asked; /* an Alertmanager, and it has come to this: */
	struct am_outcome outcome;
};

/* A hard budget's action on its way to whoever acts, and back. Strings owned. */
struct deed {
	struct deed *next;
	struct alerts *alerts;
	char *budget, *verb, *rollout, *shares, *key, *reason;
	enum deed_result result;
	struct err words;
};

struct alerts {
	struct loop *loop;
	struct writer *writer;
	char *store_path;
	struct notifiers *notifiers; /* loop's thread; NULL when stopped */
	alerts_actor *act;           /* loop's thread */
	void *act_arg;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards from here … */
	pthread_cond_t work, swapped;
	struct order_item *orders;
	struct outbox_record *ends; /* deliveries to be stored; strings owned */
	size_t end_count, end_cap;
	struct deed *deeds;   /* that came back */
	struct guardrail_reading *guardrails; /* for the next round; NULL: no news */
	size_t guardrail_count;
	const struct config *new_config;
	const struct outlet *outlets;
	size_t outlet_count;
	char *alertmanagers[NAMES_MOST];
	bool stopping;        /* … to here */
	/* The alerts' thread's own: */
	const struct config *config;
	struct engine *engine;
	struct store_reader *reader;
	bool loaded, resend;  /* resend: what waits in the outbox must be given to the notifiers */
	int64_t retain_due_us;
	struct log_limit limit;
};

int alerts_check(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->budget_count; i++)
		if (engine_check_deed(config, &config->budgets[i], err))
			return err_wrap(err, "%s", config->path ? config->path : "the config");
	return notifiers_check(config, err);
}

/* ── to the loop's thread ──────────────────────────────────────────────────────────────────── */

struct post {
	struct alerts *alerts;
	struct buf elements;
	uint64_t fingerprint;
	int64_t now_us;
	bool is_list;
	uint64_t *own; /* of a list: what each looks like */
	size_t own_count;
	struct outbox_record message; /* strings owned */
};

static void free_message(struct outbox_record *r)
{
	free((char *)r->notifier);
	free((char *)r->what);
	free((char *)r->body);
	free((char *)r->words);
}

static struct outbox_record copy_message(const struct outbox_record *r)
{
	struct outbox_record out = *r;

	out.notifier = mem_strdup(r->notifier);
	out.what = mem_strdup(r->what);
	out.body = mem_strdup(r->body);
	out.words = mem_strdup(r->words ? r->words : "");
	return out;
}

static void take_post(void *arg)
{
	struct post *p = arg;

	if (p->alerts->notifiers && p->is_list) {
		notifiers_put_alerts(p->alerts->notifiers, buf_str(&p->elements), p->fingerprint, p->now_us);
		notifiers_own(p->alerts->notifiers, p->own, p->own_count);
	} else if (p->alerts->notifiers) {
		notifiers_send(p->alerts->notifiers, &p->message);
	}
	free(p->own);
	buf_fini(&p->elements);
	free_message(&p->message);
	free(p);
}

static void post_message(struct alerts *a, const struct outbox_record *r)
{
	struct post *p = mem_zalloc(sizeof *p);

	p->alerts = a;
	p->message = copy_message(r);
	loop_post(a->loop, take_post, p);
}

static void post_list(struct alerts *a, int64_t now_us)
{
	struct post *p = mem_zalloc(sizeof *p);

	p->alerts = a;
	p->is_list = true;
	p->now_us = now_us;
	p->own = mem_array(NULL, engine_alert_count(a->engine) + 1, sizeof *p->own);
	p->own[p->own_count++] = am_labels_hash(MESSAGE_WATCHDOG_LABELS);
	for (size_t i = 0; i < engine_alert_count(a->engine); i++) {
		struct alert_record r = engine_alert(a->engine, i, now_us);

		if (r.state != ALERT_FIRING && r.state != ALERT_RESOLVED)
			continue;
		if (p->elements.len)
			buf_append_c(&p->elements, ',');
		message_alertmanager(&r, now_us + ALERTMANAGER_LASTS_US, &p->elements);
		p->own[p->own_count++] = am_labels_hash(r.labels);
		p->fingerprint ^= hash_mix((uint64_t)r.id, (uint64_t)r.state);
	}
	loop_post(a->loop, take_post, p);
}

/* Loop's thread: a delivery has ended. */
static void delivery_ended(void *arg, const struct outbox_record *message)
{
	struct alerts *a = arg;

	pthread_mutex_lock(&a->lock);
	a->ends = mem_grow(a->ends, &a->end_cap, a->end_count + 1, sizeof *a->ends);
	a->ends[a->end_count++] = copy_message(message);
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
}

/* Loop's thread: an Alertmanager was read, or not. */
static void alertmanager_read(void *arg, const struct am_reading *reading)
{
	struct alerts *a = arg;

	alertmanagers_store(a->writer, reading);
}

/* ── hard budgets ──────────────────────────────────────────────────────────────────────────── */

static void free_deed(struct deed *d)
{
	free(d->budget);
	free(d->verb);
	free(d->rollout);
	free(d->shares);
	free(d->key);
	free(d->reason);
	free(d);
}

/* Loop's thread. */
static void do_deed(void *arg)
{
	struct deed *d = arg;
	struct alerts *a = d->alerts;

	d->result = a->act ? a->act(a->act_arg, d->verb, d->rollout, d->shares, d->key, d->reason, &d->words) : DEED_LATER;
	if (d->result == DEED_REFUSED)
		log_error("%s: could not act: %s", d->reason, d->words.text);
	else if (d->result == DEED_BEGUN)
		log_warning("%s: %s %s has begun", d->reason, d->verb, d->rollout);
	pthread_mutex_lock(&a->lock);
	d->next = a->deeds;
	a->deeds = d;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
}

static void post_deed(struct alerts *a, const struct engine_act *act)
{
	struct deed *d = mem_zalloc(sizeof *d);

	d->alerts = a;
	d->budget = mem_strdup(act->budget);
	d->verb = mem_strdup(act->verb);
	d->rollout = mem_strdup(act->rollout);
	d->shares = mem_strdup(act->shares);
	d->key = mem_strdup(act->key);
	d->reason = mem_strdup(act->reason);
	loop_post(a->loop, do_deed, d);
}

void alerts_set_actor(struct alerts *a, alerts_actor *act, void *arg)
{
	a->act = act;
	a->act_arg = arg;
}

/* ── storing ───────────────────────────────────────────────────────────────────────────────── */

struct ends_job {
	const struct outbox_record *ends;
	size_t count;
};

static int store_ends(struct store_writer *store, void *arg, struct err *err)
{
	const struct ends_job *job = arg;

	for (size_t i = 0; i < job->count; i++)
		if (store_outbox_put(store, &job->ends[i], err))
			return -1;
	return 0;
}

static void keep_ends(struct alerts *a)
{
	struct err err = {""};

	pthread_mutex_lock(&a->lock);
	struct ends_job job = {a->ends, a->end_count};
	struct outbox_record *ends = a->ends;

	a->ends = NULL;
	a->end_count = a->end_cap = 0;
	pthread_mutex_unlock(&a->lock);
	if (job.count && writer_run(a->writer, store_ends, &job, &err))
		log_limited(&a->limit, US_PER_MIN, LOG_LEVEL_ERROR, "alerts: what was delivered is not stored and may be told again: %s", err.text);
	for (size_t i = 0; i < job.count; i++)
		free_message(&ends[i]);
	free(ends);
}

/* Stores what the engine has changed, then has messages sent. */
static int commit(struct alerts *a, int64_t now_us, struct err *err)
{
	struct engine_writes w;

	engine_take_writes(a->engine, now_us, &w);
	int failed = engine_writes_empty(&w) ? 0 : writer_run(a->writer, engine_writes_store, &w, err);

	for (size_t i = 0; !failed && i < w.message_count; i++)
		post_message(a, &w.messages[i]);
	for (size_t i = 0; !failed && i < w.act_count; i++)
		post_deed(a, &w.acts[i]);
	engine_written(a->engine, &w, !failed);
	return failed;
}

static void take_deeds(struct alerts *a)
{
	struct err err = {""};

	pthread_mutex_lock(&a->lock);
	struct deed *deeds = a->deeds;

	a->deeds = NULL;
	pthread_mutex_unlock(&a->lock);
	for (struct deed *d = deeds, *next; d; d = next) {
		next = d->next;
		engine_budget_acted(a->engine, d->budget, d->key, d->result, d->words.text, clock_wall_us());
		free_deed(d);
	}
	if (deeds && commit(a, clock_wall_us(), &err))
		log_limited(&a->limit, US_PER_MIN, LOG_LEVEL_ERROR, "alerts: what a hard budget did is not stored yet: %s", err.text);
}

static int retain_job(struct store_writer *store, void *arg, struct err *err)
{
	return store_alerts_retain(store, *(int64_t *)arg, err);
}

/* ── orders ────────────────────────────────────────────────────────────────────────────────── */

static void silence_alertmanagers(struct alerts *a, int64_t silence_id, const char *what, int64_t now_us)
{
	const struct silence_record *s = engine_silence_find(a->engine, silence_id);
	char mark[SILENCE_MARK_BYTES];
	struct buf body = {0};

	if (!s)
		return;
	if (strcmp(what, "silence") == 0)
		message_silence(s, &body);
	else
		buf_puts(&body, message_silence_mark(silence_id, mark));
	for (size_t i = 0; i < NAMES_MOST; i++) {
		pthread_mutex_lock(&a->lock);
		char *name = a->alertmanagers[i] ? mem_strdup(a->alertmanagers[i]) : NULL;
		pthread_mutex_unlock(&a->lock);
		if (name)
			engine_add_message(a->engine, name, 0, what, body.data, now_us);
		free(name);
	}
	buf_fini(&body);
}

static int unsilence(struct alerts *a, const struct alert_order *o, const struct asker *by, int64_t now_us, struct err *err)
{
	int64_t ids[64];
	size_t ended;

	if (engine_unsilence_alert(a->engine, o->id, o->rule, by, now_us, ids, 64, &ended, err))
		return -1;
	for (size_t i = 0; i < ended && i < 64; i++)
		silence_alertmanagers(a, ids[i], "unsilence", now_us);
	return 0;
}

static int set_budget(struct alerts *a, struct alert_order *o, const struct asker *by, int64_t now_us, struct err *err)
{
	struct tz *tz = NULL;
	int64_t from_us;

	alert_order_complete(o, engine_find_budget(a->engine, o->budget.name));
	if (o->until_reset) {
		if (tz_load(&tz, o->budget.tz, err))
			return -1;
		budget_period_at(o->budget.period, tz, now_us, &from_us, &o->until_us);
		tz_free(&tz);
	}
	return engine_set_budget(a->engine, &o->budget, o->until_us, by, now_us, err);
}

/* So that who changed a budget sees at once where it stands. What cannot be assessed now is in the
 * next round. */
static void assess_at_once(struct alerts *a)
{
	struct err err = {""};

	if (a->reader && engine_assess_budgets(a->engine, a->reader, clock_wall_us(), &err))
		log_limited(&a->limit, US_PER_MIN, LOG_LEVEL_WARNING, "alerts: budgets are assessed later: %s", err.text);
}

static int carry_out(struct alerts *a, struct order_item *item, int64_t *silence_id, struct err *err)
{
	struct alert_order *o = &item->order;
	int64_t now_us = clock_wall_us();
	const struct asker by = {
		.uid = item->caller.uid, .login_uid = item->caller.login_uid, .name = item->caller.name,
		.claimed = item->caller.claimed, .ssh_client = item->caller.ssh_client,
	};

	if (!a->loaded && !item->asked)
		return err_set(err, "alerts: the store cannot be read yet: try again in a moment");
	switch (o->verb) {
	case ALERT_VERB_ACK:
		return engine_acknowledge(a->engine, o->id, o->note, &by, now_us, err);
	case ALERT_VERB_SILENCE:
		if (engine_silence(a->engine, o->id, o->rule, o->until_us, o->note, &by, now_us, silence_id, err))
			return -1;
		silence_alertmanagers(a, *silence_id, "silence", now_us);
		return 0;
	case ALERT_VERB_UNSILENCE:
		return unsilence(a, o, &by, now_us, err);
	case ALERT_VERB_AM_SILENCE:
	case ALERT_VERB_AM_EXPIRE:
	case ALERT_VERB_AM_EXTEND:
		return alertmanagers_settle(a->engine, o, &item->outcome, &by, now_us, err);
	case ALERT_VERB_EDIT:
		return engine_override(a->engine, o->rule, o->limit, o->until_us, &by, now_us, err);
	case ALERT_VERB_SET_BUDGET:
		return set_budget(a, o, &by, now_us, err);
	case ALERT_VERB_REMOVE_BUDGET:
		return engine_remove_budget(a->engine, o->budget.name, &by, now_us, err);
	case ALERT_VERB_COUNT:
		break;
	}
	return err_set(err, "there is no such verb");
}

static void answer(struct http_exchange *x, int64_t silence_id, const struct am_outcome *outcome)
{
	char text[TIME_TEXT_BYTES];

	struct buf json = {0};

	buf_puts(&json, "{\"schema\":1,\"done\":true");
	if (silence_id)
		buf_printf(&json, ",\"silence\":%" PRId64, silence_id);
	if (outcome->done)
		buf_printf(&json, ",\"silence\":\"%s\",\"until\":\"%s\"", outcome->silence, time_format(outcome->after_us, text));
	buf_puts(&json, "}\n");
	http_answer(x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&json)});
	buf_fini(&json);
}

static int store_order(struct alerts *a, enum alert_verb verb, struct err *err)
{
	if (verb == ALERT_VERB_SET_BUDGET || verb == ALERT_VERB_REMOVE_BUDGET)
		assess_at_once(a);
	return commit(a, clock_wall_us(), err);
}

static void do_orders(struct alerts *a, bool refuse)
{
	pthread_mutex_lock(&a->lock);
	struct order_item *items = a->orders;

	a->orders = NULL;
	pthread_mutex_unlock(&a->lock);
	for (struct order_item *item = items, *next; item; item = next) {
		struct err err = {""}, store_err = {""};
		int64_t silence_id = 0;
		bool refused;

		next = item->next;
		if (refuse && !item->asked) {
			http_answer_error(item->exchange, 503, "the collector is stopping: ask the next one");
		} else {
			refused = carry_out(a, item, &silence_id, &err) != 0;
			if ((!refused || item->asked) && store_order(a, item->order.verb, &store_err))
				http_answer_error(item->exchange, 507, store_err.text);
			else if (refused)
				http_answer_error(item->exchange, 409, err.text);
			else
				answer(item->exchange, silence_id, &item->outcome);
		}
		alert_order_fini(&item->order);
		free(item);
	}
}

static void queue_order(struct alerts *a, struct order_item *item)
{
	pthread_mutex_lock(&a->lock);
	struct order_item **last = &a->orders;

	while (*last)
		last = &(*last)->next;
	*last = item;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
}

/* Loop's thread. */
static void alertmanager_did(void *arg, const struct am_outcome *outcome)
{
	struct order_item *item = arg;

	item->asked = true;
	item->outcome = *outcome;
	queue_order(item->alerts, item);
}

/* False when there is nobody to ask: it has been answered. */
static bool ask_alertmanager(struct alerts *a, struct order_item *item)
{
	static const enum am_verb verbs[] = {AM_SILENCE, AM_EXPIRE, AM_EXTEND};
	const struct alert_order *o = &item->order;
	struct err err = {"the collector is stopping: ask the next one"};
	struct am_watch *watch = a->notifiers ? notifiers_watch(a->notifiers, o->manager, o->target, &err) : NULL;

	if (!watch) {
		http_answer_error(item->exchange, a->notifiers ? 409 : 503, err.text);
		return false;
	}
	am_watch_do(watch, verbs[o->verb - ALERT_VERB_AM_SILENCE], o->target, o->until_us, item->caller.name, o->note, alertmanager_did, item);
	return true;
}

void alerts_handle(struct alerts *a, struct http_exchange *x, bool operates)
{
	struct order_item *item;
	struct err err = {""};

	if (strcmp(http_path(x), "/v1/alerts/notifiers") == 0) {
		struct buf json = {0};

		buf_puts(&json, "{\"schema\":1,\"notifiers\":");
		if (a->notifiers)
			notifiers_json(a->notifiers, &json);
		else
			buf_puts(&json, "[]");
		buf_puts(&json, "}\n");
		http_answer(x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&json)});
		buf_fini(&json);
		return;
	}
	item = mem_zalloc(sizeof *item);
	item->exchange = x;
	item->alerts = a;
	if (alert_order_read(&item->order, http_body(x), &err)) {
		http_answer_error(x, 400, err.text);
	} else if (alert_verb_changes_config(item->order.verb) && !operates) {
		http_answer_error(x, 403, "that changes what is watched, and takes the role operator");
	} else {
		caller_of(http_peer(x), str_of(item->order.claimed), &item->caller);
		if (item->order.verb < ALERT_VERB_AM_SILENCE || item->order.verb > ALERT_VERB_AM_EXTEND) {
			queue_order(a, item);
			return;
		}
		if (ask_alertmanager(a, item))
			return;
	}
	alert_order_fini(&item->order);
	free(item);
}

/* ── rounds ────────────────────────────────────────────────────────────────────────────────── */

/* Opens and loads what is not there yet. */
static int get_ready(struct alerts *a, int64_t now_us, struct err *err)
{
	if (!a->reader && store_reader_open(&a->reader, a->store_path, err))
		return -1;
	if (!a->loaded && engine_load(a->engine, a->reader, now_us, err))
		return -1;
	a->loaded = true;
	return 0;
}

static void send_waiting(struct alerts *a)
{
	struct outbox_result res;
	struct err err;

	if (!a->reader || !a->resend || query_outbox(a->reader, OUTBOX_WAITING, 10000, &res, &err))
		return;
	a->resend = false;
	for (size_t i = 0; i < res.row_count; i++)
		post_message(a, &res.rows[i]);
	outbox_result_fini(&res);
}

void alerts_put_guardrails(struct alerts *a, const struct guardrail_reading *readings, size_t count)
{
	pthread_mutex_lock(&a->lock);
	a->guardrails = mem_array(a->guardrails, count + 1, sizeof *a->guardrails);
	if (count)
		memcpy(a->guardrails, readings, count * sizeof *readings);
	a->guardrail_count = count;
	pthread_mutex_unlock(&a->lock);
}

static void take_guardrails(struct alerts *a)
{
	pthread_mutex_lock(&a->lock);
	if (a->guardrails)
		engine_put_guardrails(a->engine, a->guardrails, a->guardrail_count, clock_mono_us());
	free(a->guardrails);
	a->guardrails = NULL;
	pthread_mutex_unlock(&a->lock);
}

static void do_round(struct alerts *a)
{
	int64_t now_us = clock_wall_us(), mono_us = clock_mono_us();
	struct err err = {""};
	int failed = get_ready(a, now_us, &err);

	send_waiting(a);
	take_guardrails(a);
	if (a->loaded)
		failed = engine_tick(a->engine, a->reader, now_us, mono_us, &err);
	if (failed) {
		log_limited(&a->limit, US_PER_MIN, LOG_LEVEL_ERROR, "alerts: nothing is evaluated: %s", err.text);
		store_reader_close(&a->reader);
	}
	if (a->loaded && commit(a, now_us, &err))
		log_limited(&a->limit, US_PER_MIN, LOG_LEVEL_ERROR, "alerts: changes are not stored and nobody is told of them: %s", err.text);
	else if (!failed)
		post_list(a, now_us);
	if (a->loaded && mono_us >= a->retain_due_us) {
		int64_t before_us = now_us - KEPT_US;

		a->retain_due_us = mono_us + RETAIN_EVERY_US;
		if (writer_run(a->writer, retain_job, &before_us, &err))
			log_limited(&a->limit, US_PER_MIN, LOG_LEVEL_WARNING, "alerts: old ones stay: %s", err.text);
	}
}

static void swap_config(struct alerts *a)
{
	pthread_mutex_lock(&a->lock);
	if (a->new_config) {
		engine_set_config(a->engine, a->new_config, a->outlets, a->outlet_count);
		a->config = a->new_config;
		a->new_config = NULL;
		a->resend = true;
		pthread_cond_broadcast(&a->swapped);
	}
	pthread_mutex_unlock(&a->lock);
}

/* Until the next round, or until there is something to do. True: a round is due. */
static bool wait_for_work(struct alerts *a, int64_t *due_us)
{
	struct timespec until = {.tv_sec = *due_us / US_PER_S, .tv_nsec = *due_us % US_PER_S * 1000};
	bool due = false;

	pthread_mutex_lock(&a->lock);
	while (!a->stopping && !a->orders && !a->end_count && !a->deeds && !a->new_config && !due)
		due = pthread_cond_timedwait(&a->work, &a->lock, &until) == ETIMEDOUT;
	pthread_mutex_unlock(&a->lock);
	if (due || clock_mono_us() >= *due_us) {
		int64_t into_us = (clock_wall_us() - ROUND_OFFSET_US) % ROUND_US;

		*due_us = clock_mono_us() + ROUND_US - (into_us < 0 ? 0 : into_us);
		return true;
	}
	return false;
}

static bool is_stopping(struct alerts *a)
{
	pthread_mutex_lock(&a->lock);
	bool stopping = a->stopping;
	pthread_mutex_unlock(&a->lock);
	return stopping;
}

static void *alerts_main(void *arg)
{
	struct alerts *a = arg;
	int64_t due_us = clock_mono_us();

	while (!is_stopping(a)) {
		bool due = wait_for_work(a, &due_us);

		keep_ends(a);
		take_deeds(a);
		swap_config(a);
		do_orders(a, is_stopping(a));
		if (due && !is_stopping(a))
			do_round(a);
	}
	do_orders(a, true);
	keep_ends(a);
	store_reader_close(&a->reader);
	return NULL;
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

static void take_notifiers(struct alerts *a, const struct config *config)
{
	const char *watched[NAMES_MOST];
	size_t count = 0;
	struct err err;

	a->notifiers = notifiers_new(a->loop, config, clock_wall_us(), delivery_ended, alertmanager_read, a);
	a->outlets = notifiers_outlets(a->notifiers, &a->outlet_count);
	for (size_t i = 0; i < NAMES_MOST; i++) {
		const char *name = notifiers_alertmanager(a->notifiers, i);

		free(a->alertmanagers[i]);
		a->alertmanagers[i] = name ? mem_strdup(name) : NULL;
		if (name && notifiers_watch(a->notifiers, name, "", &err))
			watched[count++] = name;
	}
	alertmanagers_keep(a->writer, watched, count);
}

int alerts_start(struct alerts **out, struct loop *loop, struct writer *writer, const char *store_path,
                 const struct config *config, struct err *err)
{
	struct alerts *a = mem_zalloc(sizeof *a);
	pthread_condattr_t attr;

	a->loop = loop;
	a->writer = writer;
	a->store_path = mem_strdup(store_path);
	a->config = config;
	a->resend = true;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->work, &attr);
	pthread_cond_init(&a->swapped, NULL);
	pthread_condattr_destroy(&attr);
	take_notifiers(a, config);
	a->engine = engine_new(config, a->outlets, a->outlet_count);
	*out = a;
	if (pthread_create(&a->thread, NULL, alerts_main, a) != 0)
		return err_set(err, "alerts: no thread can be started: raise the limit of processes");
	a->started = true;
	return 0;
}

void alerts_set_config(struct alerts *a, const struct config *config)
{
	struct notifiers *old = a->notifiers;

	pthread_mutex_lock(&a->lock);
	take_notifiers(a, config);
	a->new_config = config;
	pthread_cond_signal(&a->work);
	while (a->new_config && a->started)
		pthread_cond_wait(&a->swapped, &a->lock);
	pthread_mutex_unlock(&a->lock);
	notifiers_free(&old);
}

void alerts_stop(struct alerts *a)
{
	if (!a)
		return;
	if (a->notifiers)
		notifiers_stop_watching(a->notifiers);
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
	if (a->started)
		pthread_join(a->thread, NULL);
	a->started = false;
	notifiers_free(&a->notifiers);
}

void alerts_free(struct alerts **out)
{
	struct alerts *a = *out;

	if (!a)
		return;
	*out = NULL;
	alerts_stop(a);
	do_orders(a, true);
	engine_free(&a->engine);
	for (struct deed *d = a->deeds, *next; d; d = next) {
		next = d->next;
		free_deed(d);
	}
	for (size_t i = 0; i < a->end_count; i++)
		free_message(&a->ends[i]);
	free(a->ends);
	free(a->guardrails);
	for (size_t i = 0; i < NAMES_MOST; i++)
		free(a->alertmanagers[i]);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->work);
	pthread_cond_destroy(&a->swapped);
	free(a->store_path);
	free(a);
}
