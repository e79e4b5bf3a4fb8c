/* One order at a time: the next one depends on what the collector locked for this one. Between orders
 * the thread sleeps; while something is held it renews the lock well before it would run out. */
#include "console/triage_calls.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "console/control_client.h"
#include "console/control_read.h"
#include "console/worker.h"
#include "store/query_feedback.h"

#define PATH "/v1/feedback/change"
#define INCIDENT_PATH "/v1/incidents/change"
#define ORDER_TIMEOUT_US (10 * US_PER_S)
#define UNLOCK_TIMEOUT_US (300 * US_PER_MS)
#define KEEP_EVERY_US (60 * US_PER_S) /* a lock lasts five minutes */

struct triage_calls {
	struct worker worker;
	char *socket_path;
	char session[33];
	/* under the mutex */
	bool has_order, busy, has_answer;
	struct buf order;
	bool incident;      /* the order is about one: its opening on a line, then an item's id on each */
	int64_t incident_id; /* to add to; 0: the opening gives it */
	struct triage_answer answer;
	/* the thread's own */
	struct control_client *client;
	int64_t held, kept_mono_us;
};

/* ── the order and the answer as JSON ──────────────────────────────────────────────────────── */

static void put_ids(struct buf *json, const char *name, const int64_t *ids, size_t count)
{
	if (count == 0)
		return;
	buf_printf(json, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++)
		buf_printf(json, "%s\"%llx\"", i ? "," : "", (unsigned long long)ids[i]);
	buf_append_c(json, ']');
}

static void put_text(struct buf *json, const char *name, const char *text)
{
	if (!text)
		return;
	buf_printf(json, ",\"%s\":", name);
	buf_append_json(json, str_of(text));
}

static void write_order(const struct triage_calls *c, const struct triage_call *call, struct buf *out)
{
	const char *user = getenv("LLMDECK_USER");

	buf_printf(out, "{\"verb\":\"%s\",\"session\":\"%s\"", triage_verb_name(call->verb), c->session);
	put_ids(out, "ids", call->ids, call->id_count);
	put_ids(out, "next", call->next, call->next_count);
	put_text(out, "name", call->name);
	put_text(out, "value", call->value);
	put_text(out, "text", call->text);
	if (user && *user && strlen(user) < 64)
		put_text(out, "claimed", user);
	buf_append_c(out, '}');
}

struct reply {
	int64_t changed, unchanged, refused, history, undone;
	const char *locked, *words;
};
static const struct read_field reply_fields[] = {
	{.name = "changed", .type = READ_INT, .offset = offsetof(struct reply, changed)},
	{.name = "unchanged", .type = READ_INT, .offset = offsetof(struct reply, unchanged)},
	{.name = "refused", .type = READ_INT, .offset = offsetof(struct reply, refused)},
	{.name = "history", .type = READ_INT, .offset = offsetof(struct reply, history)},
	{.name = "undone", .type = READ_INT, .offset = offsetof(struct reply, undone)},
	{.name = "locked", .type = READ_TEXT, .offset = offsetof(struct reply, locked)},
	{.name = "words", .type = READ_TEXT, .offset = offsetof(struct reply, words)},
	{.name = NULL},
};

static void read_answer(struct str json, struct triage_answer *out)
{
	struct arena arena = {0};
	struct reply r;

	*out = (struct triage_answer){.ok = control_read(json, reply_fields, &arena, &r)};
	if (out->ok) {
		out->changed = r.changed;
		out->unchanged = r.unchanged;
		out->refused = r.refused;
		out->history = r.history;
		out->undone = r.undone;
		snprintf(out->words, sizeof out->words, "%s", r.words);
		if (!feedback_id_parse(str_of(r.locked), &out->locked))
			out->locked = 0;
	} else {
		snprintf(out->words, sizeof out->words, "the collector's answer cannot be read: is it of another version?");
	}
	arena_fini(&arena);
}

static void post(struct triage_calls *c, struct str json, int64_t timeout_us, struct triage_answer *out)
{
	struct err err = {""};
	struct buf got = {0};

	if (control_client_call(c->client, "POST", PATH, json, "application/json", timeout_us, &got, &err) == CONTROL_OK) {
		read_answer(buf_str(&got), out);
	} else {
		*out = (struct triage_answer){.ok = false};
		snprintf(out->words, sizeof out->words, "%.290s", err.text);
	}
	buf_fini(&got);
}

/* ── the thread ────────────────────────────────────────────────────────────────────────────── */

static void keep_lock(struct triage_calls *c)
{
	struct triage_call call = {.verb = TRIAGE_LOCK, .ids = &c->held, .id_count = 1};
	struct triage_answer answer;
	struct buf json = {0};

	write_order(c, &call, &json);
	post(c, buf_str(&json), ORDER_TIMEOUT_US, &answer);
	c->kept_mono_us = clock_mono_us();
	buf_fini(&json);
}

static void give_back(struct triage_calls *c)
{
	struct triage_call call = {.verb = TRIAGE_UNLOCK};
	struct triage_answer answer;
	struct buf json = {0};

	write_order(c, &call, &json);
	post(c, buf_str(&json), UNLOCK_TIMEOUT_US, &answer);
	buf_fini(&json);
}

/* The number in {"schema":1,"id":88}. */
struct opened {
	int64_t id;
};
static const struct read_field opened_fields[] = {
	{.name = "id", .type = READ_INT, .offset = offsetof(struct opened, id)},
	{.name = NULL},
};

/* One order to the incident's verb; its number, or 0 with the reason in the answer. */
static int64_t post_incident(struct triage_calls *c, struct str json, struct triage_answer *out)
{
	struct arena arena = {0};
	struct opened opened = {0};
	struct err err = {""};
	struct buf got = {0};

	if (control_client_call(c->client, "POST", INCIDENT_PATH, json, "application/json", ORDER_TIMEOUT_US, &got, &err) != CONTROL_OK)
		snprintf(out->words, sizeof out->words, "%.290s", err.text);
	else if (!control_read(buf_str(&got), opened_fields, &arena, &opened) || opened.id <= 0)
		snprintf(out->words, sizeof out->words, "the collector's answer cannot be read: is it of another version?");
	arena_fini(&arena);
	buf_fini(&got);
	return opened.id;
}

/* The first line opens one unless it is empty, every other one is an item to be added. */
static void do_incident(struct triage_calls *c, struct str lines, int64_t id, struct triage_answer *out)
{
	struct str opening = str_cut(&lines, '\n');
	struct buf json = {0};
	int64_t added = 0, total = 0;

	*out = (struct triage_answer){.ok = false};
	if (id == 0)
		id = post_incident(c, opening, out);
	while (id > 0 && lines.len > 0) {
		struct str item = str_cut(&lines, '\n');

		buf_reset(&json);
		buf_printf(&json, "{\"do\":\"feedback\",\"id\":%lld,\"feedback\":\"%.*s\"}", (long long)id, STR_ARG(item));
		total++;
		added += post_incident(c, buf_str(&json), out) > 0;
	}
	out->ok = id > 0 && added > 0 && added == total;
	if (out->ok)
		snprintf(out->words, sizeof out->words, "%lld added to INC-%lld", (long long)added, (long long)id);
	buf_fini(&json);
}

static void do_order(struct triage_calls *c, struct str order, bool incident, int64_t incident_id)
{
	struct triage_answer answer;

	if (incident)
		do_incident(c, order, incident_id, &answer);
	else
		post(c, order, ORDER_TIMEOUT_US, &answer);
	if (answer.ok && (answer.locked || str_starts_with(order, STR_LIT("{\"verb\":\"unlock\""))))
		c->held = answer.locked;
	c->kept_mono_us = clock_mono_us();
	worker_lock(&c->worker);
	c->answer = answer;
	c->has_answer = true;
	c->busy = false;
	worker_unlock(&c->worker);
	worker_wake_ui(&c->worker);
}

/* Waits for an order, at most until the lock is to be renewed; false when it is time to end. */
static bool next_order(struct triage_calls *c, struct buf *out, bool *incident, int64_t *incident_id)
{
	int64_t due = clock_mono_us() + KEEP_EVERY_US;
	bool stop;

	buf_reset(out);
	worker_lock(&c->worker);
	while (!c->worker.stop && !c->has_order) {
		if (!worker_sleep(&c->worker, due))
			break;
	}
	if (c->has_order)
		buf_append_str(out, buf_str(&c->order));
	*incident = c->incident;
	*incident_id = c->incident_id;
	stop = c->worker.stop && !c->has_order;
	c->has_order = false;
	worker_unlock(&c->worker);
	return !stop;
}

static void run_calls(void *owner)
{
	struct triage_calls *c = owner;
	struct buf order = {0};
	int64_t incident_id;
	bool incident;

	while (next_order(c, &order, &incident, &incident_id)) {
		if (order.len > 0)
			do_order(c, buf_str(&order), incident, incident_id);
		else if (c->held)
			keep_lock(c);
	}
	if (c->held)
		give_back(c);
	buf_fini(&order);
	control_client_free(&c->client);
}

struct triage_calls *triage_calls_start(const char *socket_path, int wake_fd)
{
	struct triage_calls *c = mem_zalloc(sizeof *c);
	uint8_t random[16];

	if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
		int64_t other[2] = {clock_wall_us(), (int64_t)getpid()};

		memcpy(random, other, sizeof random);
	}
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(c->session + 2 * i, 3, "%02x", random[i]);
	worker_init(&c->worker, wake_fd);
	if (!socket_path)
		return c;
	c->socket_path = mem_strdup(socket_path);
	c->client = control_client_new(socket_path);
	worker_start(&c->worker, run_calls, c);
	return c;
}

void triage_calls_stop(struct triage_calls **cp, int64_t wait_us)
{
	struct triage_calls *c = *cp;

	*cp = NULL;
	if (!c || !worker_stop(&c->worker, wait_us))
		return; /* a collector that hangs: it sees that we are gone */
	buf_fini(&c->order);
	free(c->socket_path);
	free(c);
}

/* ── the UI thread's side ──────────────────────────────────────────────────────────────────── */

const char *triage_calls_session(const struct triage_calls *c)
{
	return c->session;
}

/* Takes the order over; false when one is under way. */
static bool submit(struct triage_calls *c, struct buf *order, bool incident, int64_t incident_id)
{
	bool taken;

	worker_lock(&c->worker);
	taken = !c->busy;
	if (taken && !c->socket_path) {
		c->answer = (struct triage_answer){.words = "no collector is known: nothing can be changed from here"};
		c->has_answer = true;
	} else if (taken) {
		buf_reset(&c->order);
		buf_append_str(&c->order, buf_str(order));
		c->incident = incident;
		c->incident_id = incident_id;
		c->has_order = c->busy = true;
		worker_poke(&c->worker);
	}
	worker_unlock(&c->worker);
	buf_fini(order);
	return taken;
}

bool triage_calls_order(struct triage_calls *c, const struct triage_call *call)
{
	struct buf json = {0};

	write_order(c, call, &json);
	return submit(c, &json, false, 0);
}

bool triage_calls_incident(struct triage_calls *c, int64_t id, const char *title, const char *service, int64_t from_us,
                           const int64_t *items, size_t count)
{
	char from[TIME_TEXT_BYTES], where[300];
	struct buf lines = {0};

	if (id == 0) {
		buf_printf(&lines, "{\"do\":\"open\"");
		put_text(&lines, "title", title);
		put_text(&lines, "from", time_format(from_us, from));
		snprintf(where, sizeof where, "service=%.250s", service);
		put_text(&lines, "where", service[0] ? where : NULL);
		buf_append_c(&lines, '}');
	}
	buf_append_c(&lines, '\n');
	for (size_t i = 0; i < count; i++)
		buf_printf(&lines, "%llx\n", (unsigned long long)items[i]);
	return submit(c, &lines, true, id);
}

bool triage_calls_take(struct triage_calls *c, struct triage_answer *out)
{
	bool found;

	worker_lock(&c->worker);
	found = c->has_answer;
	if (found)
		*out = c->answer;
	c->has_answer = false;
	worker_unlock(&c->worker);
	return found;
}
