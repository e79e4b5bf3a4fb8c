/* Alertmanagers: what they answer, watched and asked against a double that checks every request by the
 * description of API v2, and kept in the store. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/notifier.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "parse/alertmanager.h"
#include "parse/config.h"
#include "parse/json.h"
#include "small_http.h"
#include "store/alertmanagers.h"
#include "store/alerts.h"
#include "store/query_alertmanagers.h"

#define DEADLINE_US (30 * US_PER_S)
#define ALERT(fingerprint, labels, status) \
	"{\"annotations\":{\"summary\":\"it is full\",\"runbook_url\":\"http://runbook/1\"},\"endsAt\":\"2026-11-23T21:03:39.321Z\"," \
	"\"fingerprint\":\"" fingerprint "\",\"receivers\":[{\"name\":\"night\"},{\"name\":\"day\"}]," \
	"\"startsAt\":\"2026-11-23T20:58:39.321Z\",\"status\":" status ",\"updatedAt\":\"2026-11-23T20:59:39Z\"," \
	"\"generatorURL\":\"http://prometheus/g\",\"labels\":" labels "}"
#define ACTIVE "{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\"}"
#define DISK "{\"severity\":\"critical\",\"alertname\":\"DiskFull\",\"instance\":\"db1\",\"empty\":\"\"}"
#define OURS "{\"alertname\":\"slow\",\"service\":\"chat\",\"severity\":\"critical\"}"

/* ── answers ───────────────────────────────────────────────────────────────────────────────── */

static void alerts_are_read(void **state)
{
	static const char json[] =
		"[" ALERT("e94c744ae3d44df8", DISK, "{\"state\":\"suppressed\",\"silencedBy\":[\"aa-1\",\"bb-2\"],\"inhibitedBy\":[]}") "]";
	struct am_alerts a;
	struct err err;

	(void)state;
	assert_int_equal(am_alerts_read(str_of(json), "am", &a, &err), 0);
	assert_int_equal(a.row_count, 1);
	assert_string_equal(a.rows[0].name, "DiskFull");
	assert_string_equal(a.rows[0].severity, "critical");
	assert_string_equal(a.rows[0].state, "suppressed");
	assert_string_equal(a.rows[0].silenced_by, "aa-1 bb-2");
	assert_string_equal(a.rows[0].receivers, "night, day");
	assert_string_equal(a.rows[0].summary, "it is full");
	assert_string_equal(a.rows[0].runbook, "http://runbook/1");
	assert_string_equal(a.rows[0].generator, "http://prometheus/g");
	assert_string_equal(a.rows[0].labels, "{\"alertname\":\"DiskFull\",\"instance\":\"db1\",\"severity\":\"critical\"}");
	assert_int_equal(a.rows[0].hash, am_labels_hash("{\"instance\":\"db1\",\"alertname\":\"DiskFull\",\"severity\":\"critical\"}"));
	assert_int_not_equal(a.rows[0].hash, am_labels_hash("{\"instance\":\"db2\",\"alertname\":\"DiskFull\",\"severity\":\"critical\"}"));
	assert_true(a.rows[0].starts_us > 0 && a.rows[0].updated_us > a.rows[0].starts_us);
	am_alerts_fini(&a);
}

static void silences_are_read_and_marked(void **state)
{
	static const char json[] =
		"[{\"id\":\"aa-1\",\"status\":{\"state\":\"active\"},\"comment\":\"mine [llmdeck 17]\",\"createdBy\":\"mia\","
		"\"startsAt\":\"2026-11-23T20:58:39Z\",\"endsAt\":\"2026-11-23T21:58:39Z\",\"matchers\":["
		"{\"name\":\"instance\",\"value\":\"db.*\",\"isRegex\":true,\"isEqual\":false},{\"name\":\"alertname\",\"value\":\"x\",\"isRegex\":false}]},"
		"{\"id\":\"bb-2\",\"status\":{\"state\":\"expired\"},\"comment\":\"old\",\"createdBy\":\"bob\","
		"\"startsAt\":\"2026-11-23T10:58:39Z\",\"endsAt\":\"2026-11-23T11:58:39Z\",\"matchers\":[{\"name\":\"a\",\"value\":\"b\",\"isRegex\":false}]}]";
	struct am_silences s;
	struct buf body = {0};
	struct err err;

	(void)state;
	assert_int_equal(am_silences_read(str_of(json), false, "am", INT64_C(1795467600) * US_PER_S, &s, &err), 0);
	assert_int_equal(s.row_count, 1); /* the other one ended long ago */
	assert_string_equal(s.rows[0].matchers, "alertname=\"x\" instance!~\"db.*\"");
	assert_int_equal(s.rows[0].mark, 17);
	am_silence_extend_body(&s.rows[0], s.rows[0].ends_us + US_PER_HOUR, &body);
	assert_true(json_check(buf_str(&body), NULL));
	assert_non_null(strstr(body.data, "\"endsAt\":\"2026-11-23T22:58:39Z\""));
	assert_non_null(strstr(body.data, "\"comment\":\"mine [llmdeck 17]\""));
	buf_fini(&body);
	am_silences_fini(&s);
}

/* Too many, too large and wrong shapes: bounded, or refused in words. */
static void hostile_answers(void **state)
{
	static const char *const wrong[] = {"", "{}", "null", "[1]", "[{}]", "[{\"fingerprint\":\"x\"}]", "[" ALERT("zz", DISK, ACTIVE) "]",
	                                    "[" ALERT("e94c744ae3d44df8", "[]", ACTIVE) "]", "[" ALERT("e94c744ae3d44df8", DISK, "7") "]",
	                                    "[" ALERT("e94c744ae3d44df8", "{\"a\":{}}", ACTIVE) "]", "[" ALERT("e94c744ae3d44df8", DISK, ACTIVE)};
	struct buf json = {0};
	struct am_alerts a;
	struct am_silences s;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(am_alerts_read(str_of(wrong[i]), "am", &a, &err), -1);
		assert_non_null(strstr(err.text, "is this an Alertmanager?"));
		am_alerts_fini(&a);
		assert_int_equal(am_silences_read(str_of(wrong[i]), false, "am", 0, &s, &err), -1);
		am_silences_fini(&s);
	}
	buf_puts(&json, "[");
	for (int i = 0; i < 1500; i++)
		buf_printf(&json, "%s" ALERT("e94c744ae3d4%04x", DISK, ACTIVE), i ? "," : "", i);
	buf_puts(&json, "]");
	assert_int_equal(am_alerts_read(buf_str(&json), "am", &a, &err), 0);
	assert_int_equal(a.row_count, AM_ALERTS_MAX);
	assert_int_equal(a.left_out, 500);
	am_alerts_fini(&a);
	buf_reset(&json);
	buf_puts(&json, "[{\"labels\":{");
	for (int i = 0; i < 300; i++)
		buf_printf(&json, "%s\"l%d\":\"\\u001b[31m\"", i ? "," : "", i);
	buf_puts(&json, "},\"fingerprint\":\"e94c744ae3d44df8\",\"status\":" ACTIVE "}]");
	assert_int_equal(am_alerts_read(buf_str(&json), "am", &a, &err), 0);
	assert_int_equal(a.row_count, 0);
	assert_int_equal(a.left_out, 1); /* no silence could name all its labels */
	am_alerts_fini(&a);
	buf_fini(&json);
}

/* ── the double ────────────────────────────────────────────────────────────────────────────── */

struct silence {
	char id[40], ends[40], comment[80], body[2000];
	bool expired;
};

struct world {
	struct small_http http;
	/* under http.lock */
	struct silence silences[8];
	size_t silence_count;
	int status;          /* of every answer; 0: as it should be */
	bool garbage, lies;  /* lies: a silence is taken and not kept as it was asked */
	size_t padding;      /* blanks in front of the list of alerts */
	int polls, wrong;    /* wrong: requests that the description forbids */
	char why[200];
	/* the loop's */
	struct loop *loop;
	struct config config;
	struct notifiers *notifiers;
	int readings, outcomes;
	enum am_health health;
	int64_t answered_us, others, own, in_force;
	char words[300];
	struct am_outcome outcome;
};

static void blame(struct world *w, const char *why)
{
	w->wrong++;
	snprintf(w->why, sizeof w->why, "%.190s", why);
}

/* The text of a member on the first level; "" when there is none. */
static void member(struct str json, const char *name, char *out, size_t cap)
{
	struct arena arena = {0};
	struct json_reader r;
	struct str key = {0};
	int depth = 0;
	enum json_token t;

	out[0] = '\0';
	json_init(&r, json);
	while ((t = json_next(&r)) > JSON_END) {
		depth += (t == JSON_OBJECT || t == JSON_ARRAY) - (t == JSON_OBJECT_END || t == JSON_ARRAY_END);
		if (t == JSON_KEY)
			key = json_text(&r, &arena);
		if (t == JSON_STRING && depth == 1 && str_equal_c(key, name))
			snprintf(out, cap, "%.*s", (int)json_text(&r, &arena).len, json_text(&r, &arena).ptr);
	}
	arena_fini(&arena);
}

/* postableSilence: matchers, startsAt, endsAt, createdBy and comment are required, a matcher's name, value and isRegex too. */
static void check_silence(struct world *w, const struct small_request *q)
{
	static const char *const wanted[] = {"startsAt", "endsAt", "createdBy", "comment"};
	struct str body = {q->body, q->body_len};
	char text[2000], type[64];

	if (strncmp(small_header(q, "Content-Type", type, sizeof type), "application/json", 16) != 0)
		blame(w, "415: the content type is not application/json");
	if (!json_check(body, NULL) || !memmem(body.ptr, body.len, "\"matchers\":[{", 13))
		blame(w, "400: no JSON with matchers");
	for (size_t i = 0; i < 4; i++) {
		member(body, wanted[i], text, sizeof text);
		if (!text[0])
			blame(w, wanted[i]);
	}
	for (const char *p = body.ptr; (p = memmem(p, (size_t)(body.ptr + body.len - p), "{\"name\":", 8)); p++)
		if (!memmem(p, (size_t)(body.ptr + body.len - p), "\"isRegex\":", 10))
			blame(w, "422: a matcher without isRegex");
}

static void write_silence(const struct world *w, const struct silence *s, struct buf *out)
{
	const char *from = strstr(s->body, "\"matchers\":"), *to = strstr(s->body, "\"startsAt\"");

	buf_printf(out, "{\"id\":\"%s\",\"status\":{\"state\":\"%s\"},\"createdBy\":\"x\",\"startsAt\":\"2026-11-23T12:00:00.000Z\","
	           "\"endsAt\":\"%s\",\"comment\":", s->id, s->expired ? "expired" : "active", s->ends);
	buf_append_json(out, str_of(s->comment));
	buf_append_c(out, ',');
	buf_append(out, from, (size_t)(to - from - 1));
	buf_printf(out, "%s}", w->lies ? ",\"endsAt\":\"2026-11-23T12:00:01.000Z\"" : "");
}

static struct silence *find(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->silence_count; i++)
		if (strcmp(w->silences[i].id, id) == 0)
			return &w->silences[i];
	return NULL;
}

static void post_silence(struct world *w, const struct small_request *q, struct buf *body)
{
	struct str json = {q->body, q->body_len};
	char id[40];

	check_silence(w, q);
	member(json, "id", id, sizeof id);
	struct silence *s = find(w, id);

	if (!s) {
		s = &w->silences[w->silence_count++];
		snprintf(s->id, sizeof s->id, "0000000%zu-1111-2222-3333-444444444444", w->silence_count);
		snprintf(s->body, sizeof s->body, "%.*s", (int)json.len, json.ptr);
	}
	member(json, "endsAt", s->ends, sizeof s->ends);
	member(json, "comment", s->comment, sizeof s->comment);
	buf_printf(body, "{\"silenceID\":\"%s\"}", s->id);
}

static int one_silence(struct world *w, const struct small_request *q, struct buf *body)
{
	struct silence *s = find(w, q->target + strlen("/api/v2/silence/"));

	if (!s)
		return 404;
	if (strcmp(q->method, "DELETE") == 0)
		s->expired = true;
	else if (strcmp(q->method, "GET") == 0)
		write_silence(w, s, body);
	else
		blame(w, "405: /silence/ID takes GET and DELETE");
	return 200;
}

static void list_alerts(struct world *w, struct buf *body)
{
	bool silenced = w->silence_count && !w->silences[0].expired;

	w->polls++;
	for (size_t i = 0; i < w->padding; i++)
		buf_append_c(body, ' ');
	buf_puts(body, w->garbage ? "<html>" : "[" ALERT("0000000000000001", OURS, ACTIVE) ",");
	if (silenced)
		buf_printf(body, ALERT("e94c744ae3d44df8", DISK, "{\"inhibitedBy\":[],\"silencedBy\":[\"%s\"],\"state\":\"suppressed\"}") "]", w->silences[0].id);
	else
		buf_puts(body, ALERT("e94c744ae3d44df8", DISK, ACTIVE) "]");
}

static void handle(void *arg, const struct small_request *q, struct buf *answer)
{
	struct world *w = arg;
	struct buf body = {0};
	int status = 200;
	char token[64];

	if (strcmp(small_header(q, "Authorization", token, sizeof token), "Bearer secret") != 0)
		blame(w, "no bearer token");
	if (w->status) {
		small_answer(answer, w->status, "", "no");
		return;
	}
	if (strcmp(q->target, "/api/v2/alerts") == 0 && strcmp(q->method, "GET") == 0) {
		list_alerts(w, &body);
	} else if (strcmp(q->target, "/api/v2/silences") == 0 && strcmp(q->method, "GET") == 0) {
		buf_puts(&body, "[");
		for (size_t i = 0; i < w->silence_count; i++) {
			buf_puts(&body, i ? "," : "");
			write_silence(w, &w->silences[i], &body);
		}
		buf_puts(&body, "]");
	} else if (strcmp(q->target, "/api/v2/silences") == 0 && strcmp(q->method, "POST") == 0) {
		post_silence(w, q, &body);
	} else if (strncmp(q->target, "/api/v2/silence/", 16) == 0) {
		status = one_silence(w, q, &body);
	} else {
		blame(w, q->target);
		status = 404;
	}
	small_answer(answer, status, "Content-Type: application/json\r\n", body.len ? body.data : "");
	buf_fini(&body);
}

static void read_once(void *arg, const struct am_reading *r)
{
	struct world *w = arg;

	w->readings++;
	w->health = r->status.health;
	w->answered_us = r->status.answered_us;
	w->others = r->status.alert_count;
	w->own = r->status.own_count;
	w->in_force = r->status.silence_count;
	snprintf(w->words, sizeof w->words, "%s", r->status.words);
	for (size_t i = 0; i < r->alert_count; i++)
		assert_int_equal(r->ours[i], strcmp(r->alerts[i].name, "slow") == 0);
}

static void ended(void *arg, const struct outbox_record *message)
{
	(void)arg;
	(void)message;
}

static struct world *begin(void)
{
	struct world *w = mem_zalloc(sizeof *w);
	uint64_t ours = am_labels_hash(OURS);
	struct buf yaml = {0};
	struct err err = {""};

	log_set_level(LOG_LEVEL_ERROR);
	setenv("AM_TEST_TOKEN", "Bearer secret", 1);
	small_start(&w->http, 0, handle, w);
	assert_int_equal(loop_new(&w->loop, &err), 0);
	buf_printf(&yaml, "notify: [{kind: alertmanager, name: am, url: \"http://127.0.0.1:%d/\", every: 1s, timeout: 3s,"
	           " headers: {Authorization: \"env:AM_TEST_TOKEN\"}}]\n", w->http.port);
	if (config_parse(&w->config, buf_str(&yaml), "c", &err) || notifiers_check(&w->config, &err))
		fail_msg("%s", err.text);
	buf_fini(&yaml);
	w->notifiers = notifiers_new(w->loop, &w->config, clock_wall_us(), ended, read_once, w);
	notifiers_own(w->notifiers, &ours, 1);
	return w;
}

static void end(struct world *w)
{
	notifiers_free(&w->notifiers);
	small_stop(&w->http);
	loop_free(&w->loop);
	config_fini(&w->config);
	if (w->wrong)
		fail_msg("the description forbids %d requests: %s", w->wrong, w->why);
	free(w);
}

#define wait_until(w, condition) \
	do { \
		int64_t until_us = clock_mono_us() + DEADLINE_US; \
		while (!(condition) && clock_mono_us() < until_us) \
			loop_turn((w)->loop, 20, NULL); \
		assert_true(condition); \
	} while (0)

static void answer_with(struct world *w, int status, bool garbage, bool lies, size_t padding)
{
	pthread_mutex_lock(&w->http.lock);
	w->status = status;
	w->garbage = garbage;
	w->lies = lies;
	w->padding = padding;
	pthread_mutex_unlock(&w->http.lock);
}

static void watched_and_told_apart(void **state)
{
	struct world *w = begin();
	int64_t answered_us;

	(void)state;
	wait_until(w, w->health == AM_OK);
	assert_int_equal(w->others, 1);
	assert_int_equal(w->own, 1);
	answered_us = w->answered_us;
	answer_with(w, 401, false, false, 0);
	wait_until(w, w->health == AM_DENIED);
	assert_non_null(strstr(w->words, "401"));
	assert_null(strstr(w->words, "secret"));
	answer_with(w, 0, true, false, 0);
	wait_until(w, w->health == AM_FAILING);
	assert_non_null(strstr(w->words, "is this an Alertmanager?"));
	assert_true(w->answered_us >= answered_us && w->others == 1); /* the last list, with its age */
	answer_with(w, 0, false, false, (size_t)9 << 20);
	wait_until(w, w->health == AM_FAILING && !strstr(w->words, "is this"));
	answer_with(w, 0, false, false, 0);
	wait_until(w, w->health == AM_OK && !w->words[0]);
	w->http.hang = true;
	wait_until(w, w->health == AM_FAILING);
	end(w);
}

static void deed_ended(void *arg, const struct am_outcome *outcome)
{
	struct world *w = arg;

	w->outcomes++;
	w->outcome = *outcome;
}

static void deed(struct world *w, enum am_verb verb, const char *target, int64_t for_us)
{
	struct err err = {""};
	struct am_watch *watch = notifiers_watch(w->notifiers, "am", "", &err);
	int before = w->outcomes;

	assert_non_null(watch);
	am_watch_do(watch, verb, target, clock_wall_us() + for_us, "mia", "rolling \"it\" back", deed_ended, w);
	wait_until(w, w->outcomes > before);
	assert_string_equal(w->outcome.manager, "am");
}

static void silences_are_made_extended_and_ended(void **state)
{
	struct world *w = begin();
	struct err err = {""};
	char id[65];

	(void)state;
	wait_until(w, w->health == AM_OK);
	deed(w, AM_SILENCE, "e94c744ae3d44df8", US_PER_HOUR);
	if (!w->outcome.done)
		fail_msg("%s", w->outcome.words);
	snprintf(id, sizeof id, "%s", w->outcome.silence);
	assert_non_null(strstr(w->silences[0].body, "{\"name\":\"alertname\",\"value\":\"DiskFull\",\"isRegex\":false,\"isEqual\":true}"));
	assert_null(strstr(w->silences[0].body, "empty"));
	assert_string_equal(w->silences[0].comment, "rolling \"it\" back [llmdeck]");
	wait_until(w, w->in_force == 1);
	assert_non_null(notifiers_watch(w->notifiers, "", id, &err)); /* found by what it knows */
	deed(w, AM_EXTEND, id, 3 * US_PER_HOUR);
	assert_true(w->outcome.done && w->outcome.after_us - w->outcome.before_us > US_PER_HOUR);
	deed(w, AM_EXPIRE, id, 0);
	assert_true(w->outcome.done && w->silences[0].expired);
	wait_until(w, w->in_force == 0);
	deed(w, AM_EXPIRE, id, 0);
	assert_false(w->outcome.done || w->outcome.unsure);
	assert_non_null(strstr(w->outcome.words, "has no silence"));
	end(w);
}

static void what_is_not_so_is_not_said(void **state)
{
	struct world *w = begin();
	struct err err = {""};

	(void)state;
	wait_until(w, w->health == AM_OK);
	deed(w, AM_SILENCE, "ffffffffffffffff", US_PER_HOUR);
	assert_false(w->outcome.done || w->outcome.unsure);
	assert_int_equal(w->silence_count, 0);
	answer_with(w, 0, false, true, 0);
	deed(w, AM_SILENCE, "e94c744ae3d44df8", US_PER_HOUR);
	assert_true(!w->outcome.done && w->outcome.unsure);
	assert_non_null(strstr(w->outcome.words, "ends at another time"));
	answer_with(w, 422, false, false, 0);
	deed(w, AM_SILENCE, "e94c744ae3d44df8", US_PER_HOUR);
	assert_false(w->outcome.done || w->outcome.unsure);
	assert_non_null(strstr(w->outcome.words, "422"));
	assert_null(notifiers_watch(w->notifiers, "other", "", &err));
	answer_with(w, 0, false, false, 0);
	w->http.hang = true;
	deed(w, AM_SILENCE, "e94c744ae3d44df8", US_PER_HOUR);
	assert_true(!w->outcome.done && w->outcome.unsure); /* it may have arrived */
	end(w);
}

static void a_stop_ends_what_is_under_way(void **state)
{
	struct world *w = begin();
	struct err err = {""};

	(void)state;
	wait_until(w, w->health == AM_OK);
	w->http.hang = true;
	am_watch_do(notifiers_watch(w->notifiers, "am", "", &err), AM_SILENCE, "e94c744ae3d44df8", clock_wall_us() + US_PER_HOUR, "mia", "", deed_ended, w);
	assert_int_equal(w->outcomes, 0);
	notifiers_stop_watching(w->notifiers);
	assert_int_equal(w->outcomes, 1);
	assert_false(w->outcome.done);
	end(w);
}

/* ── the store ─────────────────────────────────────────────────────────────────────────────── */

static void put(struct store_writer *writer, struct am_status *status, uint64_t digest, const char *name)
{
	const struct am_alert alerts[] = {
		{"am", "e94c744ae3d44df8", name, "critical", DISK, "suppressed", "aa-1", "", "night", "", "", "", 5, 6, 0},
		{"am", "0000000000000001", "slow", "critical", OURS, "suppressed", "aa-1", "", "night", "", "", "", 5, 6, 0},
		{"am", "0000000000000002", "quick", "", OURS, "active", "", "", "night", "", "", "", 5, 6, 0},
	};
	const bool ours[] = {false, true, true};
	const struct am_silence silences[] = {
		{"am", "aa-1", "active", "a=\"b\"", "mia", "", 1, 2, 3, 17, false, NULL}, {"am", "bb-2", "expired", "a=\"c\"", "bob", "", 1, 2, 3, 18, false, NULL},
		{"am", "cc-3", "active", "a=\"d\"", "mia", "", 1, 9, 3, -1, false, NULL},
	};
	struct err err = {""};

	assert_int_equal(store_alertmanager_put(writer, status, digest, alerts, ours, 3, silences, 3, &err), 0);
	assert_int_equal(store_writer_commit(writer, &err), 0);
}

static void kept_with_its_age(void **state)
{
	struct store_options o = {.now_us = clock_wall_us()};
	struct am_status status = {.name = "am", .health = AM_OK, .words = "", .answered_us = 1000 * US_PER_S, .every_us = 15 * US_PER_S};
	char folder[] = "/tmp/llmdeck-alertmanager-XXXXXX", path[64], command[96];
	struct store_writer *writer = NULL;
	struct store_reader *reader = NULL;
	struct am_result res;
	struct err err = {""};

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s.db", folder);
	assert_int_equal(store_writer_open(&writer, path, &o, &err), 0);
	assert_int_equal(store_silence_put(writer, &(struct silence_record){.id = 17, .rule = "slow", .labels = "", .author = "mia", .comment = ""}, &err), 0);
	put(writer, &status, 7, "DiskFull");
	assert_int_equal(store_reader_open(&reader, path, &err), 0);
	assert_int_equal(query_alertmanagers(reader, &res, &err), 0);
	assert_int_equal(res.alert_count, 1);
	assert_string_equal(res.alerts[0].name, "DiskFull");
	assert_int_equal(res.own_count, 1); /* ours that is kept back */
	assert_int_equal(res.silence_count, 3);
	assert_string_equal(res.silences[2].id, "bb-2"); /* what has ended is last */
	assert_true(res.silences[0].ours && res.silences[1].ours && !res.silences[2].ours);
	assert_string_equal(am_word(&res.managers[0], 1044 * US_PER_S), "OK");
	assert_string_equal(am_word(&res.managers[0], 1051 * US_PER_S), "STALE");
	am_result_fini(&res);

	status.health = AM_DENIED;
	put(writer, &status, 7, "Other"); /* the same digest: the lists stay */
	assert_int_equal(query_alertmanagers(reader, &res, &err), 0);
	assert_string_equal(res.alerts[0].name, "DiskFull");
	assert_string_equal(am_word(&res.managers[0], 1001 * US_PER_S), "DENIED");
	am_result_fini(&res);
	put(writer, &status, 8, "Other");
	assert_int_equal(query_alertmanagers(reader, &res, &err), 0);
	assert_string_equal(res.alerts[0].name, "Other");
	am_result_fini(&res);

	assert_int_equal(store_alertmanagers_keep(writer, (const char *const[]){"standby"}, 1, &err), 0);
	assert_int_equal(store_writer_commit(writer, &err), 0);
	assert_int_equal(query_alertmanagers(reader, &res, &err), 0);
	assert_int_equal(res.manager_count + res.alert_count + res.own_count + res.silence_count, 0);
	am_result_fini(&res);
	store_reader_close(&reader);
	store_writer_close(&writer);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alerts_are_read), cmocka_unit_test(silences_are_read_and_marked), cmocka_unit_test(hostile_answers),
		cmocka_unit_test(watched_and_told_apart), cmocka_unit_test(silences_are_made_extended_and_ended),
		cmocka_unit_test(what_is_not_so_is_not_said), cmocka_unit_test(a_stop_ends_what_is_under_way),
		cmocka_unit_test(kept_with_its_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
