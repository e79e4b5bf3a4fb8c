/* Texts of calls that come as log events, beside their spans: through a collector of its own process into
 * the text file, in both forms and both orders. */
#include <sqlite3.h>

#include "receiver_bench.h"
#include "otlp_body.h"
#include "parse/config.h"

#define MAIL "mia@example.com"

static struct reply send_body(const struct place *p, const char *path, bool json, struct buf *body)
{
	struct reply r = post(p, path, json ? JSON : PROTOBUF, buf_str(body));

	buf_fini(body);
	if (r.status != 200)
		fail_msg("%s: %d %s", path, r.status, r.body);
	return r;
}

/* A model call; `inner`: with another one told inside it. */
static void send_call(const struct place *p, bool json, unsigned n, bool inner)
{
	struct form attrs = {.json = json}, within = {.json = json};
	int64_t now_us = clock_wall_us();
	struct buf spans = {0};

	put_text(&attrs, SPAN_ATTRS, "gen_ai.operation.name", "chat");
	put_text(&attrs, SPAN_ATTRS, "gen_ai.request.model", "m");
	if (inner) {
		put_text(&within, SPAN_ATTRS, "gen_ai.operation.name", "chat");
		add_span(&spans, &(struct body_span){n, n + 1000, n, now_us - 900, now_us - 100, "chat m"}, &within);
	}
	add_span(&spans, &(struct body_span){n, n, 0, now_us - 1000, now_us, "chat m"}, &attrs);
	struct buf body = span_body(json, "shop", &spans);

	send_body(p, "/v1/traces", json, &body);
}

static void add_message(struct buf *logs, bool json, const char *event, unsigned n, unsigned span, const char *content)
{
	struct form body = {.json = json}, attrs = {.json = json};

	put_text(&body, MAP_PAIRS, "content", content);
	add_log(logs, event, n, span, clock_wall_us(), &body, &attrs);
}

static void add_choice(struct buf *logs, bool json, unsigned n, unsigned span, const char *content)
{
	struct form message = {.json = json}, body = {.json = json}, attrs = {.json = json};

	put_text(&message, MAP_PAIRS, "role", "assistant");
	put_text(&message, MAP_PAIRS, "content", content);
	put_map(&body, MAP_PAIRS, "message", &message);
	add_log(logs, "gen_ai.choice", n, span, clock_wall_us(), &body, &attrs);
}

/* One event for each message, as OpenTelemetry's conventions had it first. */
static struct reply send_events(const struct place *p, bool json, unsigned n, unsigned span)
{
	struct buf logs = {0};

	add_message(&logs, json, "gen_ai.system.message", n, span, "You sell shoes.");
	add_message(&logs, json, "gen_ai.user.message", n, span, "hello");
	add_message(&logs, json, "gen_ai.assistant.message", n, span, "How can I help?");
	add_message(&logs, json, "gen_ai.tool.message", n, span, "40 days");
	add_message(&logs, json, "gen_ai.user.message", n, span, "May I return them? I am " MAIL);
	add_choice(&logs, json, n, span, "Of course, within 40 days.");
	struct buf body = log_body(json, "shop", &logs);

	return send_body(p, "/v1/logs", json, &body);
}

static void put_message(struct form *attrs, const char *key, const char *role, const char *content)
{
	struct form part = {.json = attrs->json}, message = {.json = attrs->json};

	put_text(&part, MAP_PAIRS, "type", "text");
	put_text(&part, MAP_PAIRS, "content", content);
	put_text(&message, MAP_PAIRS, "role", role);
	put_maps(&message, MAP_PAIRS, "parts", &part);
	put_maps(attrs, LOG_ATTRS, key, &message);
}

/* One event with all of it, as they have it now: structured, or as JSON in a text. */
static void send_details(const struct place *p, bool json, unsigned n, bool as_text)
{
	struct form attrs = {.json = json}, part = {.json = json};
	struct buf logs = {0};

	if (as_text) {
		put_text(&attrs, LOG_ATTRS, "gen_ai.system_instructions", "[{\"type\":\"text\",\"content\":\"Be brief.\"}]");
		put_text(&attrs, LOG_ATTRS, "gen_ai.input.messages",
		         "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"May I? " MAIL "\"}]}]");
		put_text(&attrs, LOG_ATTRS, "gen_ai.output.messages",
		         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"You may.\"}],\"finish_reason\":\"stop\"}]");
	} else {
		put_text(&part, MAP_PAIRS, "content", "Be brief.");
		put_maps(&attrs, LOG_ATTRS, "gen_ai.system_instructions", &part);
		put_message(&attrs, "gen_ai.input.messages", "user", "May I? " MAIL);
		put_message(&attrs, "gen_ai.output.messages", "assistant", "You may.");
	}
	add_log(&logs, "gen_ai.client.inference.operation.details", n, n, clock_wall_us(), NULL, &attrs);
	struct buf body = log_body(json, "shop", &logs);

	send_body(p, "/v1/logs", json, &body);
}

/* What the text file holds, a row a line. */
static void read_kept(const struct place *p, const char *sql, char *out, size_t cap)
{
	char *path = mem_printf("%.*s-text.db", (int)strlen(p->store) - 3, p->store);
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	size_t len = 0;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	out[0] = '\0';
	while (sqlite3_step(st) == SQLITE_ROW && len < cap)
		len += (size_t)snprintf(out + len, cap - len, "%s\n", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	free(path);
}

#define EXCHANGES "SELECT question || ' > ' || answer || ' < ' || coalesce(c.text, '') FROM exchanges e LEFT JOIN contexts c USING(id)"

static void start_keeping(struct place *p, const char *yaml)
{
	struct err err = {""};

	if (config_parse(&p->config, str_of(yaml), "test.yaml", &err))
		fail_msg("%s", err.text);
	start(p);
}

static void in_both_orders_and_forms(void **state)
{
	struct place *p = *state;
	char kept[2048];

	start_keeping(p, "keep_text: yes\n");
	for (unsigned n = 1; n <= 4; n++) {
		bool json = n % 2, log_first = n > 2;

		if (!log_first)
			send_call(p, json, n, false);
		send_events(p, json, n, n);
		send_events(p, json, n, n); /* delivered again: nothing is doubled */
		if (log_first)
			send_call(p, json, n, false);
		read_kept(p, EXCHANGES " ORDER BY id DESC LIMIT 1", kept, sizeof kept);
		assert_string_equal(kept, "May I return them? I am [EMAIL] > Of course, within 40 days. < "
		                    "system: You sell shoes.\nassistant: How can I help?\ntool: 40 days\n");
	}
	assert_int_equal(requests_of(p), 4);
	read_kept(p, "SELECT count(*) FROM exchanges", kept, sizeof kept);
	assert_string_equal(kept, "4\n");
	read_kept(p, "SELECT count(*) FROM waiting", kept, sizeof kept);
	assert_string_equal(kept, "0\n");
}

static void one_event_with_all_of_it(void **state)
{
	struct place *p = *state;
	char kept[2048];

	start_keeping(p, "keep_text: yes\n");
	for (unsigned n = 1; n <= 8; n++) {
		bool json = n & 1, as_text = n & 2, log_first = n > 4;

		if (!log_first)
			send_call(p, json, n, false);
		send_details(p, json, n, as_text);
		if (log_first)
			send_call(p, json, n, false);
		read_kept(p, EXCHANGES " ORDER BY id DESC LIMIT 1", kept, sizeof kept);
		assert_string_equal(kept, "May I? [EMAIL] > You may. < system: Be brief.\n");
	}
	assert_int_equal(requests_of(p), 8);
}

/* Told by a framework and by its client, with the events in the client's span: one request has them. */
static void of_a_call_inside_a_call(void **state)
{
	struct place *p = *state;
	char kept[2048];

	start_keeping(p, "keep_text: yes\n");
	send_events(p, true, 1, 1001);
	send_call(p, true, 1, true);
	send_call(p, true, 2, true);
	send_events(p, true, 2, 1002);
	assert_int_equal(requests_of(p), 2);
	read_kept(p, "SELECT answer FROM exchanges", kept, sizeof kept);
	assert_string_equal(kept, "Of course, within 40 days.\nOf course, within 40 days.\n");
}

static void dropped_unless_asked_for(void **state)
{
	struct place *p = *state;
	char kept[2048];

	start(p);
	send_call(p, true, 1, false);
	send_events(p, true, 1, 1);
	send_events(p, false, 2, 2);
	send_details(p, true, 1, false);
	send_call(p, true, 2, false);
	read_kept(p, "SELECT (SELECT count(*) FROM exchanges) + (SELECT count(*) FROM contexts) + (SELECT count(*) FROM waiting)",
	          kept, sizeof kept);
	assert_string_equal(kept, "0\n");
}

static void what_waits_outlives_a_restart(void **state)
{
	struct place *p = *state;
	char kept[2048];

	start_keeping(p, "keep_text: yes\n");
	send_events(p, false, 1, 1);
	collector_child_stop(&p->child, DEADLINE_US);
	start(p);
	send_call(p, false, 1, false);
	read_kept(p, "SELECT answer FROM exchanges", kept, sizeof kept);
	assert_string_equal(kept, "Of course, within 40 days.\n");
}

static void without_a_span_it_says_so(void **state)
{
	struct place *p = *state;
	char reason[512];

	start_keeping(p, "keep_text: yes\n");
	struct reply r = send_events(p, true, 1, 0);

	assert_non_null(strstr(r.body, "\"rejectedLogRecords\":\"6\""));
	assert_non_null(strstr(r.body, "without the id of its span"));
	await_source(p, "ok", "6 records rejected", reason);
}

#define MANY 20000u
#define ROOM 16384u

/* Calls that never come: the oldest of their texts go, and are counted. */
static void what_waits_is_bounded(void **state)
{
	struct place *p = *state;
	char kept[64], reason[512];

	start_keeping(p, "keep_text: yes\n");
	for (unsigned n = 0; n < MANY; n += 2000) {
		struct buf logs = {0};

		for (unsigned i = n; i < n + 2000; i++)
			add_message(&logs, false, "gen_ai.user.message", i + 1, i + 1, "x");
		struct buf body = log_body(false, "shop", &logs);

		send_body(p, "/v1/logs", false, &body);
	}
	read_kept(p, "SELECT count(*) FROM waiting", kept, sizeof kept);
	assert_int_equal(atoi(kept), ROOM);
	await_source(p, "ok", "3616 texts of calls dropped", reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_both_orders_and_forms, make_place, remove_place),
		cmocka_unit_test_setup_teardown(one_event_with_all_of_it, make_place, remove_place),
		cmocka_unit_test_setup_teardown(of_a_call_inside_a_call, make_place, remove_place),
		cmocka_unit_test_setup_teardown(dropped_unless_asked_for, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_waits_outlives_a_restart, make_place, remove_place),
		cmocka_unit_test_setup_teardown(without_a_span_it_says_so, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_waits_is_bounded, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
