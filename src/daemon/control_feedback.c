/* Orders are read on the loop's thread and carried out as jobs of the writer's, which may run one more
 * than once: the order is never changed by it, the outcome written anew each time. The loop keeps the
 * processes that hold locks, so that it need not ask the store whether a sweep is due. */
#include "daemon/control_feedback.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "daemon/caller.h"
#include "judge/pii.h"
#include "parse/json.h"
#include "store/forget.h"
#include "store/query_feedback.h"
#include "store/triage.h"

#define SWEEP_US US_PER_S
#define HOLDERS_MAX 256

struct holder {
	int64_t pid, process_start, until_us;
};

struct control_feedback {
	struct loop *loop;
	struct writer *writer;
	const struct config *config;
	struct loop_timer *timer;
	struct holder holders[HOLDERS_MAX];
	size_t holder_count;
	bool sweeping, sweep_due, stopped;
};

/* ── processes ─────────────────────────────────────────────────────────────────────────────── */

/* When a process started, in the kernel's ticks; 0 when it cannot be seen. */
static int64_t process_start(int64_t pid)
{
	char path[40], text[512];
	struct str rest;
	int64_t ticks = 0;

	snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	ssize_t len = read(fd, text, sizeof text - 1);

	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	/* The name may hold anything: the fields are counted behind its last parenthesis. */
	const char *behind = strrchr(text, ')');

	if (!behind)
		return 0;
	rest = str_trim(str_of(behind + 1));
	if (rest.len && (rest.ptr[0] == 'Z' || rest.ptr[0] == 'X'))
		return 0;
	for (int field = 3; field < 22; field++)
		str_cut(&rest, ' ');
	return str_to_int64(str_cut(&rest, ' '), &ticks) ? ticks : 0;
}

static bool process_alive(int64_t pid, int64_t start)
{
	return process_start(pid) == start;
}

/* ── sweeping ──────────────────────────────────────────────────────────────────────────────── */

struct sweep {
	struct control_feedback *f;
	struct loop *loop;
	size_t left;
};

static int sweep_job(struct store_writer *store, void *arg, struct err *err)
{
	struct sweep *s = arg;

	return store_writer_sweep_locks(store, clock_wall_us(), process_alive, &s->left, err);
}

static void sweep_over(void *arg)
{
	struct sweep *s = arg;

	s->f->sweeping = false;
	free(s);
}

static void sweep_done(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct sweep *s = arg;

	(void)ok;
	(void)ack;
	(void)error;
	loop_post(s->loop, sweep_over, s);
}

static void begin_sweep(struct control_feedback *f)
{
	struct sweep *s = mem_zalloc(sizeof *s);

	s->f = f;
	s->loop = f->loop;
	f->sweeping = writer_begin_job(f->writer, sweep_job, s, sweep_done);
	if (!f->sweeping)
		free(s);
}

/* Forgets holders that are gone; true when there was one. */
static bool drop_dead(struct control_feedback *f)
{
	int64_t now_us = clock_wall_us();
	size_t kept = 0, before = f->holder_count;

	for (size_t i = 0; i < before; i++) {
		const struct holder *h = &f->holders[i];

		if (h->until_us > now_us && (!h->pid || process_alive(h->pid, h->process_start)))
			f->holders[kept++] = *h;
	}
	f->holder_count = kept;
	return kept < before;
}

static void tick(void *arg)
{
	struct control_feedback *f = arg;

	if ((drop_dead(f) || f->sweep_due) && !f->sweeping) {
		f->sweep_due = false;
		begin_sweep(f);
	}
	if (f->holder_count || f->sweep_due)
		loop_timer_set(f->loop, f->timer, SWEEP_US);
}

static void note_holder(struct control_feedback *f, const struct triage_order *o)
{
	const struct holder fresh = {o->pid, o->process_start, o->now_us + TRIAGE_LOCK_US};

	if (f->stopped)
		return;
	if (!f->holder_count)
		loop_timer_set(f->loop, f->timer, SWEEP_US);
	for (size_t i = 0; i < f->holder_count; i++)
		if (f->holders[i].pid == o->pid && f->holders[i].process_start == o->process_start) {
			f->holders[i] = fresh;
			return;
		}
	if (f->holder_count < HOLDERS_MAX)
		f->holders[f->holder_count++] = fresh;
}

/* ── orders ────────────────────────────────────────────────────────────────────────────────── */

struct order {
	struct control_feedback *f;
	const struct config *config;
	struct loop *loop;
	struct http_exchange *x;
	struct triage_order triage;
	struct triage_outcome outcome;
	struct caller caller;
	int64_t *ids, *next;
	struct str claimed;
	struct buf value, text; /* as they are stored */
	struct arena arena;
};

static void order_free(struct order *o)
{
	free(o->ids);
	free(o->next);
	buf_fini(&o->value);
	buf_fini(&o->text);
	arena_fini(&o->arena);
	free(o);
}

static int read_ids(struct json_reader *r, struct arena *arena, const char *what, size_t most, int64_t **out, size_t *count,
                    struct err *err)
{
	enum json_token t;
	size_t cap = 0;

	while ((t = json_next(r)) == JSON_STRING) {
		if (*count == most)
			return err_set(err, "%s: more than %zu items at once", what, most);
		*out = mem_grow(*out, &cap, *count + 1, sizeof **out);
		if (!feedback_id_parse(json_text(r, arena), &(*out)[(*count)++]))
			return err_set(err, "%s: an item's id is up to 16 hexadecimal digits", what);
	}
	return t == JSON_ARRAY_END ? 0 : err_set(err, "%s: it is a list of texts", what);
}

static int read_text_member(struct order *o, struct str name, struct str value, struct err *err)
{
	struct str raw_value = {0};
	const struct {
		const char *name;
		struct str *into;
		size_t max;
	} texts[] = {{"session", &o->triage.session, TRIAGE_NAME_MAX_BYTES}, {"name", &o->triage.name, TRIAGE_NAME_MAX_BYTES},
	             {"value", &o->triage.value, TRIAGE_VALUE_MAX_BYTES},    {"text", &o->triage.text, TRIAGE_TEXT_MAX_BYTES},
	             {"claimed", &o->claimed, 200},                          {"verb", &raw_value, 20}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (!str_equal_c(name, texts[i].name))
			continue;
		if (value.len > texts[i].max)
			return err_set(err, "%s: it takes at most %zu bytes", texts[i].name, texts[i].max);
		for (size_t k = 0; k < value.len; k++)
			if ((unsigned char)value.ptr[k] < 0x20 && (texts[i].into != &o->triage.text || !value.ptr[k]))
				return err_set(err, "%s: it must not hold control characters", texts[i].name);
		*texts[i].into = value;
		if (texts[i].into == &raw_value && !triage_verb_from_name(value, &o->triage.verb))
			return err_set(err, "verb: use label, unlabel, settle, dismiss, reopen, assign, note, dataset, lock, unlock, next, undo "
			               "or redo");
		return 0;
	}
	return err_set(err, "feedback: unknown member \"%.*s\"", (int)(name.len < 40 ? name.len : 40), name.len ? name.ptr : "");
}

static int read_member(struct order *o, struct json_reader *r, struct err *err)
{
	struct str name = json_text(r, &o->arena);
	enum json_token t = json_next(r);

	if (str_equal_c(name, "ids"))
		return t == JSON_ARRAY && !o->ids
			? read_ids(r, &o->arena, "ids", TRIAGE_IDS_MAX, &o->ids, &o->triage.id_count, err)
			: err_set(err, "ids: it is a list of texts, once");
	if (str_equal_c(name, "next"))
		return t == JSON_ARRAY && !o->next
			? read_ids(r, &o->arena, "next", TRIAGE_NEXT_MAX, &o->next, &o->triage.next_count, err)
			: err_set(err, "next: it is a list of texts, once");
	if (t == JSON_NULL)
		return 0;
	if (t != JSON_STRING)
		return err_set(err, "%.*s: it must be a text", (int)(name.len < 40 ? name.len : 40), name.len ? name.ptr : "");
	return read_text_member(o, name, json_text(r, &o->arena), err);
}

static int read_body(struct order *o, struct str body, struct err *err)
{
	struct json_reader r;
	enum json_token t;

	o->triage.verb = TRIAGE_VERB_COUNT;
	json_init(&r, body);
	if (json_next(&r) != JSON_OBJECT)
		return err_set(err, "feedback: the body must be a JSON object");
	while ((t = json_next(&r)) == JSON_KEY)
		if (read_member(o, &r, err))
			return -1;
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END)
		return err_set(err, "feedback: the body is not JSON: %s", r.error ? r.error : "it is cut short");
	o->triage.ids = o->ids;
	o->triage.next = o->next;
	return 0;
}

static bool session_usable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] | 32) >= 'a' && (s.ptr[i] | 32) <= 'z') && !(s.ptr[i] >= '0' && s.ptr[i] <= '9'))
			return false;
	return true;
}

/* Notes and answers are kept as comments are: without personal data. */
static void redact(struct order *o)
{
	struct pii_span spans[256];
	size_t n = pii_find(o->triage.text, spans, 256);

	pii_redact(o->triage.text, spans, n, &o->text);
	if (o->text.len > TRIAGE_TEXT_MAX_BYTES)
		o->text.len = TRIAGE_TEXT_MAX_BYTES;
	o->triage.text = buf_str(&o->text);
}

static int check(struct order *o, struct err *err)
{
	struct triage_order *t = &o->triage;
	bool by_itself = t->verb == TRIAGE_NEXT || t->verb == TRIAGE_UNDO || t->verb == TRIAGE_REDO || t->verb == TRIAGE_UNLOCK;
	bool locks = t->verb == TRIAGE_LOCK || t->verb == TRIAGE_UNLOCK || t->verb == TRIAGE_NEXT || t->next_count;

	if (t->verb == TRIAGE_VERB_COUNT)
		return err_set(err, "verb: it is missing");
	if (!t->id_count && !by_itself)
		return err_set(err, "ids: %s takes at least one item", triage_verb_name(t->verb));
	if (t->verb == TRIAGE_NEXT && !t->next_count)
		return err_set(err, "next: give the candidates");
	if (!session_usable(t->session))
		return err_set(err, "session: it has letters and digits only");
	if (locks && !t->session.len)
		return err_set(err, "session: locks are a session's: give one");
	if (t->verb == TRIAGE_NOTE && !str_trim(t->text).len)
		return err_set(err, "text: a note has one");
	if (t->verb == TRIAGE_LABEL && label_check(o->config, t->name, t->value, &o->value, err))
		return -1;
	if (t->verb == TRIAGE_LABEL)
		t->value = buf_str(&o->value);
	if (t->verb == TRIAGE_UNLABEL && !t->name.len)
		return err_set(err, "name: say which label");
	if (t->verb == TRIAGE_ASSIGN && t->value.len > TRIAGE_NAME_MAX_BYTES)
		return err_set(err, "value: an assignee's name takes at most %d bytes", TRIAGE_NAME_MAX_BYTES);
	if (t->text.len)
		redact(o);
	return 0;
}

/* "mia", or "root (says mia)" where the account is not the name that was claimed. */
static void name_author(struct order *o)
{
	const struct caller *c = &o->caller;
	char text[sizeof c->name + sizeof c->claimed + 16], *copy;
	size_t len;

	if (c->claimed[0] && strcmp(c->claimed, c->name) != 0)
		snprintf(text, sizeof text, "%s (says %s)", c->name, c->claimed);
	else
		snprintf(text, sizeof text, "%s", c->name);
	copy = arena_alloc(&o->arena, TRIAGE_NAME_MAX_BYTES + 1);
	len = text_harmless(copy, TRIAGE_NAME_MAX_BYTES + 1, str_of(text));
	o->triage.author = (struct str){copy, len};
}

/* ── audit and answer ──────────────────────────────────────────────────────────────────────── */

/* Locks come and go with every key: they are no change. */
static bool is_audited(enum triage_verb v)
{
	return v != TRIAGE_LOCK && v != TRIAGE_UNLOCK && v != TRIAGE_NEXT;
}

static int add_audit(struct store_writer *store, const struct order *o, struct err *err)
{
	const struct triage_order *t = &o->triage;
	const struct triage_outcome *out = &o->outcome;
	char action[40], target[64], after[TRIAGE_NAME_MAX_BYTES + TRIAGE_VALUE_MAX_BYTES + 8], outcome[120];

	snprintf(action, sizeof action, "feedback %s", triage_verb_name(t->verb));
	if (t->id_count == 1)
		snprintf(target, sizeof target, "feedback %" PRIx64, (uint64_t)t->ids[0]);
	else if (t->id_count)
		snprintf(target, sizeof target, "%zu feedback items", t->id_count);
	else
		snprintf(target, sizeof target, "change %" PRId64, out->change);
	after[0] = '\0';
	if (t->verb == TRIAGE_LABEL || t->verb == TRIAGE_UNLABEL)
		snprintf(after, sizeof after, "%.*s%s%.*s", STR_ARG(t->name), t->verb == TRIAGE_LABEL ? "=" : "", STR_ARG(t->value));
	else if (t->verb == TRIAGE_ASSIGN)
		snprintf(after, sizeof after, "%.*s", STR_ARG(t->value));
	else if (t->verb == TRIAGE_DATASET)
		snprintf(after, sizeof after, "%s", t->text.len ? "with a corrected answer" : "out");
	snprintf(outcome, sizeof outcome, "%zu changed, %zu as before, %zu refused", out->changed, out->unchanged, out->refused);
	const struct audit_entry entry = {
		.time_us = t->now_us, .uid = o->caller.uid, .login_uid = o->caller.login_uid,
		.ssh_client = str_of(o->caller.ssh_client), .claimed_name = str_of(o->caller.claimed), .action = str_of(action),
		.target = str_of(target), .before = STR_LIT(""), .after = str_of(after), .outcome = str_of(outcome),
	};

	return store_writer_add_audit(store, &entry, err);
}

static int order_job(struct store_writer *store, void *arg, struct err *err)
{
	struct order *o = arg;

	if (store_writer_triage(store, &o->triage, &o->outcome, err))
		return -1;
	return is_audited(o->triage.verb) && o->outcome.changed ? add_audit(store, o, err) : 0;
}

static void say(const struct order *o, struct buf *out)
{
	static const char *const done[] = {"labelled", "unlabelled", "settled", "dismissed", "reopened", "assigned", "noted",
	                                   "in the data set", "locked", "unlocked", "locked", "undone", "done again"};
	const struct triage_outcome *t = &o->outcome;
	bool back = o->triage.verb == TRIAGE_UNDO || o->triage.verb == TRIAGE_REDO;

	if (o->triage.verb == TRIAGE_UNLOCK || o->triage.verb == TRIAGE_NEXT)
		buf_puts(out, o->triage.verb == TRIAGE_UNLOCK ? "given back" : t->locked ? "next" : "nothing left that is open and free");
	else if (back && !t->change)
		buf_printf(out, "nothing to %s", triage_verb_name(o->triage.verb));
	else if (back)
		buf_printf(out, "%s: %s, %zu item%s", done[o->triage.verb], triage_verb_name(t->undone_verb), t->changed,
		           t->changed == 1 ? "" : "s");
	else if (o->triage.verb == TRIAGE_DATASET && !o->triage.text.len)
		buf_printf(out, "%zu taken out of the data set", t->changed);
	else
		buf_printf(out, "%zu %s", t->changed, done[o->triage.verb]);
	if (t->unchanged)
		buf_printf(out, ", %zu already so", t->unchanged);
	if (t->unknown)
		buf_printf(out, ", %zu not there any more", t->unknown);
	if (t->refused && t->holder[0])
		buf_printf(out, ", %zu held by %s", t->refused, t->holder);
	else if (t->refused)
		buf_printf(out, ", %zu changed since by somebody", t->refused);
}

static void append_id(struct buf *out, const char *name, int64_t id, bool hexadecimal)
{
	if (!id)
		buf_printf(out, ",\"%s\":null", name);
	else if (hexadecimal)
		buf_printf(out, ",\"%s\":\"%" PRIx64 "\"", name, (uint64_t)id);
	else
		buf_printf(out, ",\"%s\":%" PRId64, name, id);
}

/* 0 with the answer's JSON; -1 with the sentence when everything was refused. */
static int describe(const struct order *o, struct buf *json, struct err *err)
{
	const struct triage_outcome *t = &o->outcome;
	struct buf words = {0};

	say(o, &words);
	if (t->refused && !t->changed && !t->unchanged && !t->locked) {
		err_set(err, "%s", words.data);
		buf_fini(&words);
		return -1;
	}
	buf_puts(json, "{\"schema\":1");
	append_id(json, "change", t->change, false);
	buf_printf(json, ",\"changed\":%zu,\"unchanged\":%zu,\"refused\":%zu,\"unknown\":%zu", t->changed, t->unchanged, t->refused,
	           t->unknown);
	append_id(json, "locked", t->locked, true);
	buf_printf(json, ",\"history\":%" PRId64 ",\"undone\":%" PRId64 ",\"words\":", t->history, t->redoable);
	buf_append_json(json, buf_str(&words));
	buf_puts(json, "}\n");
	buf_fini(&words);
	return 0;
}

static void answer(const struct order *o)
{
	struct err err = {""};
	struct buf json = {0};

	if (describe(o, &json, &err))
		http_answer_error(o->x, 409, err.text);
	else
		http_answer(o->x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&json)});
	buf_fini(&json);
}

/* On the loop's thread again. */
static void order_over(void *arg)
{
	struct order *o = arg;

	if (o->outcome.held)
		note_holder(o->f, &o->triage);
	order_free(o);
}

/* On the writer's thread, after the commit or its failure. */
static void order_done(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct order *o = arg;

	(void)ack;
	if (ok)
		answer(o);
	else
		http_answer_error(o->x, 507, error);
	loop_post(o->loop, order_over, o);
}

void control_feedback_change(struct control_feedback *f, struct http_exchange *x)
{
	struct order *o = mem_zalloc(sizeof *o);
	const struct peer *peer = http_peer(x);
	struct err err = {""};

	o->f = f;
	o->config = f->config;
	o->loop = f->loop;
	o->x = x;
	if (read_body(o, http_body(x), &err) || check(o, &err)) {
		http_answer_error(x, 400, err.text);
		order_free(o);
		return;
	}
	caller_of(peer, o->claimed, &o->caller);
	name_author(o);
	o->triage.process_start = peer->known && peer->pid > 0 ? process_start(peer->pid) : 0;
	o->triage.pid = o->triage.process_start ? peer->pid : 0;
	o->triage.now_us = clock_wall_us();
	o->triage.alive = process_alive;
	if (writer_begin_job(f->writer, order_job, o, order_done))
		return;
	http_answer_error(x, 503, "the collector is stopping: ask the next one");
	order_free(o);
}

int control_feedback_direct(struct store_writer *store, const struct config *config, struct str body, struct buf *json,
                            struct err *err)
{
	struct order *o = mem_zalloc(sizeof *o);
	const struct peer self = {.known = true, .pid = getpid(), .uid = geteuid()};

	o->config = config;
	int failed = read_body(o, body, err) || check(o, err);

	if (!failed) {
		caller_of(&self, o->claimed, &o->caller);
		name_author(o);
		o->triage.now_us = clock_wall_us();
		o->triage.alive = process_alive;
		failed = order_job(store, o, err) || store_writer_commit(store, err) || describe(o, json, err);
	}
	order_free(o);
	return failed ? -1 : 0;
}

/* ── forgetting ────────────────────────────────────────────────────────────────────────────── */

struct forgetting {
	struct http_exchange *x;
	struct forget_order order;
	struct caller caller;
	struct arena arena;
	int64_t rows;
	bool unknown;
};

static int read_forgetting(struct forgetting *g, struct str body, struct str *claimed, struct err *err)
{
	struct json_reader r;
	enum json_token t;

	json_init(&r, body);
	if (json_next(&r) != JSON_OBJECT)
		return err_set(err, "forget: the body must be a JSON object");
	while ((t = json_next(&r)) == JSON_KEY) {
		struct str name = json_text(&r, &g->arena), value;

		if (json_next(&r) != JSON_STRING)
			return err_set(err, "forget: its members are texts");
		value = json_text(&r, &g->arena);
		if (str_equal_c(name, "user")) {
			g->order.user = value;
		} else if (str_equal_c(name, "claimed")) {
			*claimed = value;
		} else if (str_equal_c(name, "import") && import_key_parse(value, &g->order.import_key)) {
			g->order.has_import = true;
		} else {
			return err_set(err, "forget: give user, or import as the hexadecimal number of its batch");
		}
	}
	if (t != JSON_OBJECT_END || json_next(&r) != JSON_END)
		return err_set(err, "forget: the body is not JSON: %s", r.error ? r.error : "it is cut short");
	return !g->order.user.len == !g->order.has_import ? err_set(err, "forget: give either a user or an import") : 0;
}

static int forget_job(struct store_writer *store, void *arg, struct err *err)
{
	struct forgetting *g = arg;

	return store_writer_forget(store, &g->order, &g->rows, &g->unknown, err);
}

static void forgetting_free(struct forgetting *g)
{
	arena_fini(&g->arena);
	free(g);
}

static void forget_done(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct forgetting *g = arg;
	struct buf json = {0};

	(void)ack;
	if (!ok) {
		http_answer_error(g->x, 507, error);
	} else if (g->unknown) {
		http_answer_error(g->x, 404, "forget: there is no such import");
	} else {
		buf_printf(&json, "{\"schema\":1,\"erased\":%" PRId64 "}\n", g->rows);
		http_answer(g->x, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&json)});
		buf_fini(&json);
	}
	forgetting_free(g);
}

static void name_forgetter(struct forgetting *g)
{
	g->order.uid = g->caller.uid;
	g->order.login_uid = g->caller.login_uid;
	g->order.ssh_client = str_of(g->caller.ssh_client);
	g->order.claimed_name = str_of(g->caller.claimed);
	g->order.now_us = clock_wall_us();
}

void control_feedback_forget(struct control_feedback *f, struct http_exchange *x)
{
	struct forgetting *g = mem_zalloc(sizeof *g);
	struct err err = {""};
	struct str claimed = {0};

	g->x = x;
	if (read_forgetting(g, http_body(x), &claimed, &err)) {
		http_answer_error(x, 400, err.text);
		forgetting_free(g);
		return;
	}
	caller_of(http_peer(x), claimed, &g->caller);
	name_forgetter(g);
	if (writer_begin_job(f->writer, forget_job, g, forget_done))
		return;
	http_answer_error(x, 503, "the collector is stopping: ask the next one");
	forgetting_free(g);
}

int control_feedback_forget_direct(struct store_writer *store, struct str body, int64_t *rows, struct err *err)
{
	struct forgetting *g = mem_zalloc(sizeof *g);
	const struct peer self = {.known = true, .pid = getpid(), .uid = geteuid()};
	struct str claimed = {0};
	int failed = read_forgetting(g, body, &claimed, err);

	if (!failed) {
		caller_of(&self, claimed, &g->caller);
		name_forgetter(g);
		failed = store_writer_forget(store, &g->order, rows, &g->unknown, err) || store_writer_commit(store, err);
	}
	if (!failed && g->unknown)
		failed = err_set(err, "forget: there is no such import");
	forgetting_free(g);
	return failed ? -1 : 0;
}

/* ── life ──────────────────────────────────────────────────────────────────────────────────── */

struct control_feedback *control_feedback_new(struct loop *loop, struct writer *writer, const struct config *config)
{
	struct control_feedback *f = mem_zalloc(sizeof *f);

	f->loop = loop;
	f->writer = writer;
	f->config = config;
	f->sweep_due = true; /* locks that a collector before us left */
	f->timer = loop_timer_new(loop, SWEEP_US, tick, f);
	return f;
}

void control_feedback_set_config(struct control_feedback *f, const struct config *config)
{
	f->config = config;
}

void control_feedback_stop(struct control_feedback *f)
{
	if (!f)
		return;
	f->stopped = true;
	loop_timer_free(f->loop, &f->timer);
}

void control_feedback_free(struct control_feedback **f)
{
	free(*f);
	*f = NULL;
}
