/* HTTP over the Unix socket, one kept connection a client. A refusal's sentence is in the answer's
 * {"error": …}; what is not there in the status keeps its unknown value. */
#include "console/control_client.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "parse/json.h"

#define CALL_TIMEOUT_US (5 * US_PER_S)
#define BATCH_TIMEOUT_US (60 * US_PER_S) /* the writer tries a full disk for a while */
#define ANSWER_MAX_BYTES ((size_t)4 << 20)
#define BUSY_FIRST_US (20 * US_PER_MS)
#define BUSY_MOST_US US_PER_S
#define SOURCES_MAX 10000

struct control_client {
	char *socket_path;
	struct http_client *http;
};

struct control_client *control_client_new(const char *socket_path)
{
	struct control_client *c = mem_zalloc(sizeof(*c));

	c->socket_path = mem_strdup(socket_path);
	c->http = http_client_new();
	return c;
}

void control_client_free(struct control_client **c)
{
	if (!*c)
		return;
	http_client_free(&(*c)->http);
	free((*c)->socket_path);
	free(*c);
	*c = NULL;
}

/* ── reading answers ───────────────────────────────────────────────────────────────────────── */

/* Calls member() for each member of the object that `r` has just entered, with the value's first
 * token read. member() must consume the whole value: json_skip() does for what it does not know. */
static bool each_member(struct json_reader *r, struct arena *arena,
                        bool (*member)(struct json_reader *r, enum json_token t, struct str key, void *arg),
                        void *arg)
{
	enum json_token t;

	while ((t = json_next(r)) == JSON_KEY) {
		struct str key = json_text(r, arena);

		if (!member(r, json_next(r), key, arg))
			return false;
	}
	return t == JSON_OBJECT_END;
}

enum field_type { FIELD_TEXT, FIELD_INT, FIELD_REAL, FIELD_BOOL };
struct field {
	const char *name;
	enum field_type type;
	size_t offset; /* in the structure it fills */
};

static void set_field(const struct field *f, struct json_reader *r, enum json_token t,
                      struct arena *arena, void *into)
{
	char *at = (char *)into + f->offset;

	if (f->type == FIELD_TEXT && t == JSON_STRING) {
		struct str text = json_text(r, arena);
		const char *copy = arena_copy(arena, text.ptr, text.len);

		memcpy(at, &copy, sizeof(copy));
	} else if (f->type == FIELD_INT && t == JSON_NUMBER) {
		int64_t number;

		if (json_int64(r, &number))
			memcpy(at, &number, sizeof(number));
	} else if (f->type == FIELD_REAL && t == JSON_NUMBER) {
		double number;

		if (str_to_double(r->text, &number))
			memcpy(at, &number, sizeof(number));
	} else if (f->type == FIELD_BOOL) {
		bool yes = t == JSON_TRUE;

		memcpy(at, &yes, sizeof(yes));
	}
}

static bool read_field(const struct field *fields, struct json_reader *r, enum json_token t,
                       struct str key, struct arena *arena, void *into)
{
	for (const struct field *f = fields; f->name; f++) {
		if (str_equal_c(key, f->name)) {
			set_field(f, r, t, arena, into);
			break;
		}
	}
	return json_skip(r, t);
}

#define AT(member) offsetof(struct control_status, member)
static const struct field status_fields[] = {
	{"role", FIELD_TEXT, AT(role)}, {"version", FIELD_TEXT, AT(version)},
	{"store", FIELD_TEXT, AT(store)}, {"started", FIELD_TEXT, AT(started)},
	{"pid", FIELD_INT, AT(pid)}, {"uid", FIELD_INT, AT(uid)}, {"demo", FIELD_BOOL, AT(demo)},
	{"failing", FIELD_BOOL, AT(failing)}, {"words", FIELD_TEXT, AT(words)},
	{"rows", FIELD_INT, AT(rows)}, {"duplicates", FIELD_INT, AT(duplicates)},
	{"refused", FIELD_INT, AT(refused)}, {"failures", FIELD_INT, AT(failures)},
	{"rows_per_s", FIELD_REAL, AT(rows_per_s)}, {NULL, FIELD_TEXT, 0},
};
static const struct field queue_fields[] = {
	{"batches", FIELD_INT, AT(queued_batches)}, {"batches_max", FIELD_INT, AT(queued_batches_max)},
	{"bytes", FIELD_INT, AT(queued_bytes)}, {"bytes_max", FIELD_INT, AT(queued_bytes_max)},
	{NULL, FIELD_TEXT, 0},
};
static const struct field commit_fields[] = {
	{"count", FIELD_INT, AT(commits)}, {"p50_ms", FIELD_REAL, AT(commit_p50_ms)},
	{"p99_ms", FIELD_REAL, AT(commit_p99_ms)}, {NULL, FIELD_TEXT, 0},
};
#undef AT
#define AT(member) offsetof(struct control_source, member)
static const struct field source_fields[] = {
	{"name", FIELD_TEXT, AT(name)}, {"kind", FIELD_TEXT, AT(kind)}, {"state", FIELD_TEXT, AT(state)},
	{"reason", FIELD_TEXT, AT(reason)}, {"age_s", FIELD_REAL, AT(age_s)},
	{"rows", FIELD_INT, AT(rows)}, {"rejected", FIELD_INT, AT(rejected)},
	{"repeated", FIELD_INT, AT(repeated)}, {"rows_per_s", FIELD_REAL, AT(rows_per_s)},
	{"latency_ms", FIELD_REAL, AT(latency_ms)}, {"took_ms", FIELD_REAL, AT(took_ms)},
	{NULL, FIELD_TEXT, 0},
};
#undef AT

/* What a nested object fills: its table and the structure. */
struct nested {
	const struct field *fields;
	struct arena *arena;
	void *into;
};

static bool nested_member(struct json_reader *r, enum json_token t, struct str key, void *arg)
{
	struct nested *n = arg;

	return read_field(n->fields, r, t, key, n->arena, n->into);
}

static bool read_sources(struct json_reader *r, struct control_status *s)
{
	enum json_token t;

	while ((t = json_next(r)) == JSON_OBJECT && s->source_count < SOURCES_MAX) {
		s->sources = mem_grow(s->sources, &s->source_cap, s->source_count + 1, sizeof(*s->sources));
		struct control_source *source = &s->sources[s->source_count++];
		struct nested n = {source_fields, &s->arena, source};

		*source = (struct control_source){"", "", "", "", NAN, 0, 0, 0, NAN, NAN, NAN};
		if (!each_member(r, &s->arena, nested_member, &n))
			return false;
	}
	return t == JSON_ARRAY_END;
}

static bool status_member(struct json_reader *r, enum json_token t, struct str key, void *arg)
{
	struct control_status *s = arg;
	struct nested queue = {queue_fields, &s->arena, s}, commit = {commit_fields, &s->arena, s};

	if (t == JSON_ARRAY && str_equal_c(key, "sources"))
		return read_sources(r, s);
	if (t == JSON_OBJECT && str_equal_c(key, "queue"))
		return each_member(r, &s->arena, nested_member, &queue);
	if (t == JSON_OBJECT && str_equal_c(key, "commit"))
		return each_member(r, &s->arena, nested_member, &commit);
	return read_field(status_fields, r, t, key, &s->arena, s);
}

static bool read_object(struct str json, const struct field *fields, struct arena *arena, void *into)
{
	struct json_reader r;
	struct nested n = {fields, arena, into};

	json_init(&r, json);
	return json_next(&r) == JSON_OBJECT && each_member(&r, arena, nested_member, &n);
}

/* The sentence of {"error": …}. */
static void read_error(struct str json, int status, struct err *err)
{
	static const struct field fields[] = {{"error", FIELD_TEXT, 0}, {NULL, FIELD_TEXT, 0}};
	struct arena arena = {0};
	const char *text = NULL;

	if (read_object(json, fields, &arena, &text) && text)
		err_set(err, "collector: %s", text);
	else
		err_set(err, "collector: it answered with status %d and no reason: look into its log", status);
	arena_fini(&arena);
}

/* ── calling ───────────────────────────────────────────────────────────────────────────────── */

static enum control_result of_failure(struct control_client *c, enum http_result result, struct err *err)
{
	switch (result) {
	case HTTP_UNREACHABLE:
		err_set(err, "collector: %s: nobody answers there: start one with `llmdeck collect`", c->socket_path);
		return CONTROL_NOBODY;
	case HTTP_DENIED:
		err_set(err, "collector: %s: you may not open this socket: ask its owner for a role", c->socket_path);
		return CONTROL_REFUSED;
	case HTTP_TIMED_OUT:
		err_set(err, "collector: %s: no answer in time: look into its log", c->socket_path);
		return CONTROL_TIMED_OUT;
	default:
		err_wrap(err, "collector");
		return CONTROL_FAILED;
	}
}

static enum control_result of_answer(const struct http_got *got, struct buf *out, struct err *err)
{
	if (got->status == 200) {
		if (out)
			buf_append_str(out, buf_str(&got->body));
		return CONTROL_OK;
	}
	read_error(buf_str(&got->body), got->status, err);
	return got->status == 403 ? CONTROL_REFUSED : got->status == 503 ? CONTROL_BUSY : CONTROL_FAILED;
}

enum control_result control_client_call(struct control_client *c, const char *method, const char *path,
                                        struct str body, const char *body_type, int64_t timeout_us,
                                        struct buf *out, struct err *err)
{
	char *url = mem_printf("http://collector%s", path);
	struct http_ask ask = {
		.url = url, .unix_path = c->socket_path, .method = method, .body = body,
		.body_type = body_type, .timeout_us = timeout_us, .answer_max_bytes = ANSWER_MAX_BYTES,
	};
	struct http_got got;
	enum http_result result = http_fetch(c->http, &ask, &got, err);
	enum control_result ended = result == HTTP_ANSWERED ? of_answer(&got, out, err)
	                                                    : of_failure(c, result, err);

	http_got_fini(&got);
	free(url);
	return ended;
}

enum control_result control_client_status(struct control_client *c, struct control_status *out,
                                          struct err *err)
{
	struct buf json = {0};
	struct json_reader r;
	enum control_result result = control_client_call(c, "GET", "/v1/status", (struct str){0}, NULL,
	                                                 CALL_TIMEOUT_US, &json, err);

	*out = (struct control_status){
		.role = "", .version = "", .store = "", .started = "", .words = "",
		.rows_per_s = NAN, .commit_p50_ms = NAN, .commit_p99_ms = NAN,
	};
	if (result == CONTROL_OK) {
		json_init(&r, buf_str(&json));
		if (json_next(&r) != JSON_OBJECT || !each_member(&r, &out->arena, status_member, out)) {
			control_status_fini(out);
			err_set(err, "collector: %s: its status cannot be read: is it another version?", c->socket_path);
			result = CONTROL_FAILED;
		}
	}
	buf_fini(&json);
	return result;
}

void control_status_fini(struct control_status *s)
{
	arena_fini(&s->arena);
	free(s->sources);
	*s = (struct control_status){0};
}

enum control_result control_client_stop(struct control_client *c, struct err *err)
{
	return control_client_call(c, "POST", "/v1/stop", (struct str){0}, "application/json",
	                           CALL_TIMEOUT_US, NULL, err);
}

/* ── the sink ──────────────────────────────────────────────────────────────────────────────── */

struct client_sink {
	struct sink sink; /* first */
	struct control_client *client;
	struct buf encoded, answer;
};

static void sleep_us(int64_t us)
{
	struct timespec t = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};

	nanosleep(&t, NULL);
}

static void read_ack(struct str json, struct sink_ack *ack)
{
	static const struct field fields[] = {
		{"added", FIELD_INT, offsetof(struct sink_ack, added)},
		{"duplicates", FIELD_INT, offsetof(struct sink_ack, duplicates)}, {NULL, FIELD_TEXT, 0},
	};
	struct arena arena = {0};

	*ack = (struct sink_ack){0};
	read_object(json, fields, &arena, ack);
	arena_fini(&arena);
}

static enum sink_result sink_store(struct sink *s, struct batch *b, struct sink_ack *ack, struct err *err)
{
	struct client_sink *cs = (struct client_sink *)s;
	int64_t pause_us = BUSY_FIRST_US;
	enum control_result result;

	buf_reset(&cs->encoded);
	batch_encode(b, &cs->encoded);
	for (;;) {
		buf_reset(&cs->answer);
		result = control_client_call(cs->client, "POST", "/v1/batch", buf_str(&cs->encoded),
		                             "application/octet-stream", BATCH_TIMEOUT_US, &cs->answer, err);
		if (result != CONTROL_BUSY)
			break;
		sleep_us(pause_us);
		pause_us = pause_us * 2 > BUSY_MOST_US ? BUSY_MOST_US : pause_us * 2;
	}
	if (result != CONTROL_OK)
		return SINK_FAILED;
	if (ack)
		read_ack(buf_str(&cs->answer), ack);
	return SINK_OK;
}

static enum sink_result sink_submit(struct sink *s, struct batch *b,
                                    void (*done)(void *, bool, const struct sink_ack *, const char *),
                                    void *arg, struct err *err)
{
	struct sink_ack ack;

	if (sink_store(s, b, &ack, err) != SINK_OK)
		return SINK_FAILED;
	batch_free(&b);
	if (done)
		done(arg, true, &ack, NULL);
	return SINK_OK;
}

static void sink_close(struct sink *s)
{
	struct client_sink *cs = (struct client_sink *)s;

	control_client_free(&cs->client);
	buf_fini(&cs->encoded);
	buf_fini(&cs->answer);
	free(cs);
}

struct sink *control_client_sink(const char *socket_path)
{
	struct client_sink *cs = mem_zalloc(sizeof(*cs));

	cs->sink = (struct sink){.store = sink_store, .submit = sink_submit, .close = sink_close};
	cs->client = control_client_new(socket_path);
	return &cs->sink;
}
