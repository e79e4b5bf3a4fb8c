/* One thread, one connection, one mutex for small copies. While an action is followed it beats four
 * times a second, else it asks for the board once a second. A countdown is only kept alive while the
 * UI thread shows life: a screen that hangs cannot take anything back. */
#include "console/rollout_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/control_client.h"
#include "console/control_rollouts.h"
#include "console/rollout_copy.h"
#include "console/worker.h"
#include "core/view.h"

#define BOARD_EVERY_US US_PER_S
#define BEAT_EVERY_US (250 * US_PER_MS)
#define UI_SILENT_US (1500 * US_PER_MS)
#define ORDER_STALE_US (5 * US_PER_S)

struct rollout_calls {
	struct worker worker;
	char *socket_path;
	/* under the mutex */
	enum { WANT_BOARD, WANT_PLAN, WANT_FOLLOW } want;
	bool cancel;
	uint64_t serial;      /* of what is wanted */
	struct intent_ask ask;
	int64_t ui_mono_us;   /* when the UI thread was last here */
	int64_t asked_mono_us; /* when the order was given */
	bool has_news, has_board;
	struct intent_progress news;
	struct rollout_board board;
	/* the thread's own */
	struct control_client *client;
	uint64_t begun;       /* serial of the action that the collector knows of */
	int64_t board_due_us;
	struct intent_progress last;
	struct rollout_board read;
};

/* Hands `last` over, unless something else is wanted by now. */
static void publish(struct rollout_calls *c, uint64_t serial)
{
	bool news = false;

	worker_lock(&c->worker);
	if (c->serial == serial) {
		c->news = c->last;
		c->has_news = news = true;
		if (c->last.ended || c->want == WANT_PLAN)
			c->want = WANT_BOARD;
	}
	worker_unlock(&c->worker);
	if (news)
		worker_wake_ui(&c->worker);
}

/* ── calls ─────────────────────────────────────────────────────────────────────────────────── */

enum call { CALL_PLAN, CALL_BEGIN, CALL_BEAT, CALL_CANCEL };

/* The order with its scope as a list of words; they live in `words`. */
struct order {
	struct rollout_ask ask;
	const char *where[VIEW_FILTERS_MAX];
	char words[sizeof(((struct intent_ask *)0)->where)];
};

static void fill_order(const struct intent_ask *from, struct order *out)
{
	char *word, *rest;

	*out = (struct order){.ask = {.rollout = from->rollout[0] ? from->rollout : NULL, .verb = from->verb,
	                              .shares = from->shares[0] ? from->shares : NULL,
	                              .reason = from->reason[0] ? from->reason : NULL}};
	memcpy(out->words, from->where, sizeof out->words);
	rest = out->words;
	while ((word = strsep(&rest, " ")) != NULL && out->ask.where_count < VIEW_FILTERS_MAX) {
		if (word[0])
			out->where[out->ask.where_count++] = word;
	}
	out->ask.where = out->where;
}

/* The answer goes into `last`, a refusal into its error. */
static enum control_result call(struct rollout_calls *c, enum call what, const struct intent_ask *ask)
{
	struct rollout_progress got = {.key = NULL};
	struct err err = {""};
	enum control_result result;
	struct order order;

	fill_order(ask, &order);
	switch (what) {
	case CALL_PLAN: result = control_rollout_plan(c->client, &order.ask, &got, &err); break;
	case CALL_BEGIN: result = control_rollout_begin(c->client, &order.ask, ask->key, &got, &err); break;
	case CALL_BEAT: result = control_rollout_beat(c->client, ask->key, &got, &err); break;
	default: result = control_rollout_cancel(c->client, ask->key, &got, &err); break;
	}
	if (result == CONTROL_OK) {
		rollout_copy_progress(&got, clock_mono_us(), &c->last);
		rollout_progress_fini(&got);
	} else {
		snprintf(c->last.error, sizeof c->last.error, "%.399s", err.text);
	}
	return result;
}

static void do_plan(struct rollout_calls *c, const struct intent_ask *ask, uint64_t serial)
{
	memset(&c->last, 0, sizeof c->last);
	call(c, CALL_PLAN, ask);
	publish(c, serial);
}

/* Taken back before it was sent, or the program was stopped meanwhile: what was meant then is not done
 * now. */
static void not_begun(struct rollout_calls *c, uint64_t serial)
{
	memset(&c->last, 0, sizeof c->last);
	snprintf(c->last.error, sizeof c->last.error, "cancelled before the collector was asked: nothing was done");
	c->last.ended = true;
	publish(c, serial);
}

static void do_begin(struct rollout_calls *c, const struct intent_ask *ask, uint64_t serial)
{
	memset(&c->last, 0, sizeof c->last);
	c->last.ended = call(c, CALL_BEGIN, ask) != CONTROL_OK;
	if (!c->last.ended)
		c->begun = serial;
	publish(c, serial);
}

static void do_beat(struct rollout_calls *c, const struct intent_ask *ask, uint64_t serial, bool cancel)
{
	enum control_result result;

	if (cancel && strcmp(c->last.state, "countdown") != 0 && strcmp(c->last.state, "planning") != 0)
		cancel = false; /* too early or too late: the beat's answer tells */
	result = call(c, cancel ? CALL_CANCEL : CALL_BEAT, ask);
	c->last.lost = result == CONTROL_NOBODY || result == CONTROL_TIMED_OUT;
	c->last.ended = c->last.ended || (result == CONTROL_FAILED && !cancel) || result == CONTROL_REFUSED;
	publish(c, serial);
}

static void do_board(struct rollout_calls *c)
{
	bool changed;

	c->board_due_us = clock_beat_us(BOARD_EVERY_US);
	rollout_board_ask(c->client, &c->read);
	worker_lock(&c->worker);
	changed = !mem_same(&c->read, &c->board, sizeof c->read);
	if (changed) {
		c->board = c->read;
		c->has_board = true;
	}
	worker_unlock(&c->worker);
	if (changed)
		worker_wake_ui(&c->worker);
}

/* ── the thread ────────────────────────────────────────────────────────────────────────────── */

struct errand {
	int want;
	bool cancel, stop, ui_lives;
	int64_t asked_mono_us;
	uint64_t serial;
	struct intent_ask ask;
};

/* Sleeps until something is due or wanted. */
static void next_errand(struct rollout_calls *c, struct errand *out, uint64_t seen)
{
	int64_t due;

	worker_lock(&c->worker);
	due = c->want == WANT_FOLLOW ? clock_mono_us() + BEAT_EVERY_US : c->board_due_us;
	while (!c->worker.stop && c->serial == seen && !(c->cancel && c->want == WANT_FOLLOW && !out->cancel)) {
		if (!worker_sleep(&c->worker, due))
			break;
	}
	*out = (struct errand){.want = (int)c->want, .cancel = c->cancel, .stop = c->worker.stop, .serial = c->serial,
	                       .ask = c->ask, .asked_mono_us = c->asked_mono_us,
	                       .ui_lives = clock_mono_us() - c->ui_mono_us < UI_SILENT_US};
	worker_unlock(&c->worker);
}

static void follow(struct rollout_calls *c, const struct errand *e)
{
	bool counting = strcmp(c->last.state, "countdown") == 0;

	if (c->begun != e->serial) {
		if (e->cancel || clock_mono_us() - e->asked_mono_us > ORDER_STALE_US)
			not_begun(c, e->serial);
		else if (!e->stop)
			do_begin(c, &e->ask, e->serial);
	} else if (e->stop ? counting : e->ui_lives || !counting || e->cancel) {
		do_beat(c, &e->ask, e->serial, e->cancel || e->stop);
	}
}

static void run_calls(void *owner)
{
	struct rollout_calls *c = owner;
	struct errand e = {.stop = false};
	uint64_t planned = 0;

	while (!e.stop) {
		next_errand(c, &e, e.serial);
		if (e.want == WANT_FOLLOW)
			follow(c, &e);
		else if (e.want == WANT_PLAN && planned != e.serial && !e.stop)
			do_plan(c, &e.ask, planned = e.serial);
		if (!e.stop && clock_mono_us() >= c->board_due_us)
			do_board(c);
	}
	control_client_free(&c->client);
}

struct rollout_calls *rollout_calls_start(const char *socket_path, int wake_fd)
{
	struct rollout_calls *c = mem_zalloc(sizeof *c);

	worker_init(&c->worker, wake_fd);
	if (!socket_path)
		return c;
	c->socket_path = mem_strdup(socket_path);
	c->client = control_client_new(socket_path);
	worker_start(&c->worker, run_calls, c);
	return c;
}

void rollout_calls_stop(struct rollout_calls **cp, int64_t wait_us)
{
	struct rollout_calls *c = *cp;

	*cp = NULL;
	if (!c || !worker_stop(&c->worker, wait_us))
		return; /* a collector that hangs: its lease on the countdown runs out without us */
	free(c->socket_path);
	free(c);
}

/* ── the UI thread's side ──────────────────────────────────────────────────────────────────── */

static void want(struct rollout_calls *c, int what, const struct intent_ask *ask)
{
	worker_lock(&c->worker);
	c->want = what == WANT_PLAN ? WANT_PLAN : what == WANT_FOLLOW ? WANT_FOLLOW : WANT_BOARD;
	c->cancel = false;
	c->has_news = false;
	c->serial++;
	if (ask)
		c->ask = *ask;
	c->ui_mono_us = c->asked_mono_us = clock_mono_us();
	if (!c->socket_path && what != WANT_BOARD) {
		memset(&c->news, 0, sizeof c->news);
		snprintf(c->news.error, sizeof c->news.error, "no collector is known: nothing can be changed from here");
		c->news.ended = c->has_news = true;
	}
	worker_poke(&c->worker);
	worker_unlock(&c->worker);
}

void rollout_calls_plan(struct rollout_calls *c, const struct intent_ask *ask)
{
	want(c, WANT_PLAN, ask);
}

void rollout_calls_begin(struct rollout_calls *c, const struct intent_ask *ask)
{
	want(c, WANT_FOLLOW, ask);
}

void rollout_calls_let_go(struct rollout_calls *c)
{
	want(c, WANT_BOARD, NULL);
}

void rollout_calls_cancel(struct rollout_calls *c)
{
	worker_lock(&c->worker);
	c->cancel = true;
	c->ui_mono_us = clock_mono_us();
	worker_poke(&c->worker);
	worker_unlock(&c->worker);
}

bool rollout_calls_take(struct rollout_calls *c, struct intent_progress *out)
{
	bool found;

	worker_lock(&c->worker);
	c->ui_mono_us = clock_mono_us();
	found = c->has_news;
	if (found)
		*out = c->news;
	c->has_news = false;
	worker_unlock(&c->worker);
	return found;
}

bool rollout_calls_board(struct rollout_calls *c, struct rollout_board *out)
{
	bool found;

	worker_lock(&c->worker);
	found = c->has_board;
	if (found)
		*out = c->board;
	c->has_board = false;
	worker_unlock(&c->worker);
	return found;
}
