/* An order is read and checked on the loop's thread, carried out on the writer's in one transaction with its
 * audit row, and answered after the commit. The job may run several times and changes nothing of the
 * order but its result. */
#include "daemon/control_incidents.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/bad.h"
#include "daemon/caller.h"
#include "parse/json.h"
#include "store/incidents.h"

enum verb { VERB_OPEN, VERB_NOTE, VERB_ASSIGN, VERB_STATUS, VERB_PIN, VERB_CLOSE, VERB_REPORT, VERB_FEEDBACK, VERB_COUNT };
static const char *const verb_names[VERB_COUNT] = {"open", "note", "assign", "status", "pin", "close", "report", "feedback"};

struct order {
	struct http_exchange *exchange;
	struct arena arena;
	struct caller caller;
	enum verb verb;
	struct incident incident; /* what is to be opened; its id and window for the other verbs */
	struct incident_change change;
	const char *claimed;
	bool has_from, has_to, has_state;
	/* results */
	int64_t id;
	bool refused;
	struct err words;
};

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

static int take_time(int64_t *into, bool *given, const char *key, struct str s, struct err *err)
{
	*given = true;
	return time_parse(s, NULL, TIME_UNIT_AUTO, into) ? 0 : err_set(err, "%s takes a time, such as 2026-11-23T13:12:00Z", key);
}

static int take_verb(struct order *o, struct str s, struct err *err)
{
	for (int v = 0; v < VERB_COUNT; v++)
		if (str_equal_c(s, verb_names[v])) {
			o->verb = (enum verb)v;
			return 0;
		}
	return err_set(err, "there is no such verb: use open, note, assign, status, pin, close, report or feedback");
}

static int take_bad(struct order *o, struct str s, const char *text, struct err *err)
{
	struct bad bad;

	o->incident.bad = text;
	return s.len ? bad_parse(&bad, s, err) : 0;
}

static int take_state(struct order *o, struct str s, struct err *err)
{
	o->has_state = true;
	if (incident_state_from_name(s, &o->change.state) && o->change.state != INCIDENT_CLOSED)
		return 0;
	return err_set(err, "state takes open, investigating, identified or mitigated; close has a verb of its own");
}

static int take_feedback(struct order *o, const char *text, struct err *err)
{
	char *end;

	o->change.feedback_id = (int64_t)strtoull(text, &end, 16);
	return *text && !*end && strlen(text) <= 16 && o->change.feedback_id > 0 ? 0 : err_set(err, "feedback takes an item's id, such as 17c2f09");
}

static int take_text(struct order *o, struct str key, struct str s, struct err *err)
{
	const char *text = arena_copy(&o->arena, s.len ? s.ptr : "", s.len);
	const struct {
		const char *key, **where;
		size_t most;
	} plain[] = {
		{"title", &o->incident.title, INCIDENT_TITLE_MAX_BYTES}, {"owner", &o->change.owner, 64},
		{"note", &o->change.note, INCIDENT_NOTE_MAX_BYTES}, {"claimed", &o->claimed, 64},
	};

	if (memchr(text, '\0', s.len))
		return err_set(err, "%.*s holds a NUL byte", STR_ARG(key));
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (str_equal_c(key, plain[i].key)) {
			*plain[i].where = text;
			return s.len <= plain[i].most ? 0 : err_set(err, "%s is longer than %zu bytes", plain[i].key, plain[i].most);
		}
	if (str_equal_c(key, "do"))
		return take_verb(o, s, err);
	if (str_equal_c(key, "from"))
		return take_time(&o->incident.from_us, &o->has_from, "from", s, err);
	if (str_equal_c(key, "to"))
		return take_time(&o->incident.to_us, &o->has_to, "to", s, err);
	if (str_equal_c(key, "where"))
		return incident_where_parse(s, &o->incident.where, err);
	if (str_equal_c(key, "bad"))
		return take_bad(o, s, text, err);
	if (str_equal_c(key, "state"))
		return take_state(o, s, err);
	if (str_equal_c(key, "feedback"))
		return take_feedback(o, text, err);
	return err_set(err, "the member \"%.*s\" is unknown or has a value that does not fit", (int)(key.len < 40 ? key.len : 40),
	               key.len ? key.ptr : "");
}

static int take_member(struct order *o, struct json_reader *r, struct str key, struct err *err)
{
	enum json_token t = json_next(r);

	if (t == JSON_STRING)
		return take_text(o, key, json_text(r, &o->arena), err);
	if (t == JSON_NUMBER && str_equal_c(key, "id") && json_int64(r, &o->change.id) && o->change.id > 0)
		return 0;
	if (t == JSON_NUMBER && str_equal_c(key, "alert") && json_int64(r, &o->incident.alert_id) && o->incident.alert_id >= 0)
		return 0;
	if (t == JSON_NULL)
		return 0;
	return err_set(err, "the member \"%.*s\" is unknown or has a value that does not fit", (int)(key.len < 40 ? key.len : 40),
	               key.len ? key.ptr : "");
}

static int read_order(struct order *o, struct str body, struct err *err)
{
	struct json_reader r;
	enum json_token t;

	json_init(&r, body);
	if (json_next(&r) != JSON_OBJECT)
		return err_set(err, "incidents: the body must be a JSON object");
	while ((t = json_next(&r)) == JSON_KEY)
		if (take_member(o, &r, json_text(&r, &o->arena), err))
			return -1;
	if (t == JSON_OBJECT_END && json_next(&r) == JSON_END)
		return 0;
	return err_set(err, "incidents: the body is not JSON: %s", r.error ? r.error : "it is cut short");
}

static int check_window(struct order *o, struct err *err)
{
	if (o->has_to && o->incident.to_us <= o->incident.from_us)
		return err_set(err, "to must be later than from");
	return 0;
}

static int check(struct order *o, struct err *err)
{
	static const char *const missing[VERB_COUNT] = {[VERB_NOTE] = "note", [VERB_ASSIGN] = "owner", [VERB_STATUS] = "state",
	                                                [VERB_PIN] = "from", [VERB_FEEDBACK] = "feedback"};
	const bool given[VERB_COUNT] = {
		[VERB_OPEN] = true, [VERB_NOTE] = o->change.note && *o->change.note, [VERB_ASSIGN] = o->change.owner != NULL,
		[VERB_STATUS] = o->has_state, [VERB_PIN] = o->has_from, [VERB_CLOSE] = true, [VERB_REPORT] = true,
		[VERB_FEEDBACK] = o->change.feedback_id != 0,
	};

	if (o->verb == VERB_COUNT)
		return err_set(err, "the member \"do\" is missing");
	if (!given[o->verb])
		return err_set(err, "%s takes the member \"%s\"", verb_names[o->verb], missing[o->verb]);
	if (o->verb != VERB_OPEN && !o->change.id)
		return err_set(err, "%s takes the incident's id", verb_names[o->verb]);
	if (o->verb == VERB_OPEN && !*o->incident.title)
		return err_set(err, "open takes a title");
	if (o->verb == VERB_OPEN && !o->has_from)
		return err_set(err, "open takes the start of its window as \"from\"");
	return check_window(o, err);
}

/* ── carrying out ──────────────────────────────────────────────────────────────────────────── */

static void fill_change(struct order *o, int64_t now_us)
{
	struct incident_change *c = &o->change;

	c->time_us = now_us;
	c->author = o->caller.claimed[0] ? o->caller.claimed : o->caller.name;
	c->set_state = o->verb == VERB_STATUS || o->verb == VERB_CLOSE;
	if (o->verb == VERB_CLOSE)
		c->state = INCIDENT_CLOSED;
	c->set_window = o->verb == VERB_PIN;
	c->from_us = o->incident.from_us;
	c->to_us = o->incident.to_us;
	c->reported = o->verb == VERB_REPORT;
	if (o->verb != VERB_ASSIGN)
		c->owner = NULL;
	if (o->verb != VERB_FEEDBACK)
		c->feedback_id = 0;
	o->incident.opened_us = now_us;
	o->incident.author = c->author;
}

static int add_audit(struct store_writer *store, const struct order *o, const struct incident *before, struct err *err)
{
	const struct incident_change *c = &o->change;
	char action[32] = "incident.", target[INCIDENT_NAME_BYTES];
	const char *was = "", *is = "";

	memcpy(action + 9, verb_names[o->verb], strlen(verb_names[o->verb]) + 1);
	if (o->verb == VERB_ASSIGN) {
		was = before->owner;
		is = c->owner;
	} else if (c->set_state) {
		was = incident_state_name(before->state);
		is = incident_state_name(c->state);
	}
	const struct audit_entry entry = {
		.time_us = c->time_us, .uid = o->caller.uid, .login_uid = o->caller.login_uid, .ssh_client = str_of(o->caller.ssh_client),
		.claimed_name = str_of(o->caller.claimed), .action = str_of(action), .target = str_of(incident_name(o->id, target)),
		.before = str_of(was), .after = str_of(is), .outcome = STR_LIT("stored"),
	};

	return store_writer_add_audit(store, &entry, err);
}

static int carry_out(struct store_writer *store, void *arg, struct err *err)
{
	struct order *o = arg;
	struct incident before = {0};
	struct arena arena = {0};
	int state;

	o->refused = false;
	if (o->verb == VERB_OPEN) {
		state = store_incident_open(store, &o->incident, &o->id, err);
	} else {
		o->id = o->change.id;
		state = store_incident_change(store, &o->change, &before, &arena, &o->words);
		o->refused = state > 0;
		if (state < 0)
			*err = o->words;
	}
	if (!state)
		state = add_audit(store, o, &before, err);
	arena_fini(&arena);
	return state < 0 ? -1 : 0;
}

static void free_order(struct order *o)
{
	arena_fini(&o->arena);
	free(o);
}

static void carried_out(void *arg, bool ok, const struct sink_ack *ack, const char *error)
{
	struct order *o = arg;
	struct buf json = {0};

	(void)ack;
	if (!ok) {
		http_answer_error(o->exchange, 507, error);
	} else if (o->refused) {
		http_answer_error(o->exchange, 404, o->words.text);
	} else {
		buf_printf(&json, "{\"schema\":1,\"id\":%" PRId64 "}\n", o->id);
		http_answer(o->exchange, &(struct http_reply){.status = 200, .type = "application/json", .body = buf_str(&json)});
	}
	buf_fini(&json);
	free_order(o);
}

void control_incidents_change(struct writer *w, struct http_exchange *x)
{
	struct order *o = mem_zalloc(sizeof *o);
	struct err err = {""};

	o->exchange = x;
	o->verb = VERB_COUNT;
	o->claimed = "";
	o->incident.title = o->incident.owner = o->incident.bad = "";
	if (read_order(o, http_body(x), &err) || check(o, &err)) {
		http_answer_error(x, 400, err.text);
		free_order(o);
		return;
	}
	caller_of(http_peer(x), str_of(o->claimed), &o->caller);
	fill_change(o, clock_wall_us());
	if (writer_begin_job(w, carry_out, o, carried_out))
		return;
	http_answer_error(x, 503, "the collector is stopping: ask the next one");
	free_order(o);
}
