/* Deliveries against an HTTP server in this process: order, retries, deadlines, dead letters,
 * templates, commands. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/message.h"
#include "alert/notifier.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http_server.h"
#include "net/tcp.h"
#include "parse/config.h"
#include "parse/json.h"

#define DEADLINE_US (30 * US_PER_S)

struct world {
	struct loop *loop;
	struct http_server *server;
	struct config config;
	struct notifiers *notifiers;
	int port, status, fail_first, got;
	struct buf bodies; /* one a line */
	struct buf header;
	int told, dead, attempts;
	struct buf dead_words;
};

static void take(void *arg, struct http_exchange *x)
{
	struct world *w = arg;

	w->got++;
	buf_append_str(&w->bodies, http_body(x));
	buf_append_c(&w->bodies, '\n');
	const char *header = http_header(x, "X-Token");

	buf_reset(&w->header);
	buf_puts(&w->header, header ? header : "");
	bool fails = w->got <= w->fail_first;

	http_answer(x, &(struct http_reply){.status = fails ? w->status : 200, .type = "application/json", .body = STR_LIT("{}")});
}

static void ended(void *arg, const struct outbox_record *m)
{
	struct world *w = arg;

	w->attempts = m->attempts;
	if (m->state == OUTBOX_TOLD)
		w->told++;
	else
		w->dead++;
	if (m->state == OUTBOX_DEAD) {
		buf_reset(&w->dead_words);
		buf_puts(&w->dead_words, m->words);
	}
}

static struct world *begin(const char *notify)
{
	static struct http_route routes[4];
	struct world *w = mem_zalloc(sizeof *w);
	struct buf yaml = {0};
	struct err err = {""};

	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(loop_new(&w->loop, &err), 0);
	struct tcp_address address;
	char text[TCP_TEXT_BYTES];

	assert_int_equal(tcp_parse("127.0.0.1:0", &address, &err), 0);
	int fd = tcp_listen(&address, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	w->port = atoi(strrchr(tcp_local_text(fd, text), ':') + 1);
	w->status = 503;
	static const char *const paths[] = {"/hook", "/api/v2/alerts", "/api/v2/silences"};

	for (int i = 0; i < 3; i++)
		routes[i] = (struct http_route){.method = "POST", .path = paths[i], .body_max_bytes = 100000, .handle = take, .arg = w};
	struct http_server_options o = {.routes = routes, .in_flight_max_bytes = 1 << 20, .connections_max = 16, .idle_timeout_s = 30};

	assert_int_equal(http_server_start(&w->server, w->loop, fd, &o, &err), 0);
	buf_printf(&yaml, notify, w->port);
	if (config_parse(&w->config, buf_str(&yaml), "c", &err) || notifiers_check(&w->config, &err))
		fail_msg("%s", err.text);
	buf_fini(&yaml);
	w->notifiers = notifiers_new(w->loop, &w->config, clock_wall_us(), ended, NULL, w);
	return w;
}

static void end(struct world *w)
{
	notifiers_free(&w->notifiers);
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, 5, NULL);
	http_server_quiesce(w->server);
	http_server_stop(&w->server);
	loop_free(&w->loop);
	config_fini(&w->config);
	buf_fini(&w->bodies);
	buf_fini(&w->header);
	buf_fini(&w->dead_words);
	free(w);
}

static void wait_for(struct world *w, const int *what, int count)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	while (*what < count && clock_mono_us() < until_us)
		loop_turn(w->loop, 20, NULL);
	assert_true(*what >= count);
}

static void give(struct world *w, const char *body, int64_t id, int64_t made_us)
{
	notifiers_send(w->notifiers, &(struct outbox_record){.id = id, .alert_id = id, .notifier = "h", .what = "firing", .made_us = made_us, .body = body, .words = ""});
}

static void messages_come_once_and_in_order(void **state)
{
	struct world *w = begin("notify: [{kind: webhook, name: h, url: \"http://127.0.0.1:%d/hook\", headers: {X-Token: \"env:NOTIFIER_TEST_TOKEN\"}}]\n");

	(void)state;
	setenv("NOTIFIER_TEST_TOKEN", "secret", 1);
	w->fail_first = 1; /* 503 once: it comes again */
	for (int i = 1; i <= 3; i++) {
		char body[16];

		snprintf(body, sizeof body, "m%d", i);
		give(w, body, i, clock_wall_us());
	}
	wait_for(w, &w->told, 3);
	assert_string_equal(w->bodies.data, "m1\nm1\nm2\nm3\n");
	assert_string_equal(w->header.data, "secret");
	assert_int_equal(w->dead, 0);
	end(w);
}

static void a_refusal_is_final_and_a_deadline_ends_it(void **state)
{
	struct world *w = begin("notify: [{kind: webhook, name: h, url: \"http://127.0.0.1:%d/hook\", deadline: 2s}]\n");

	(void)state;
	w->status = 400;
	w->fail_first = 1;
	give(w, "bad", 1, clock_wall_us());
	wait_for(w, &w->dead, 1);
	assert_int_equal(w->got, 1);
	assert_non_null(strstr(w->dead_words.data, "400"));
	w->status = 500;
	w->fail_first = 1000;
	give(w, "late", 2, clock_wall_us());
	give(w, "old", 3, clock_wall_us() - US_PER_HOUR);
	wait_for(w, &w->dead, 3);
	notifiers_send(w->notifiers, &(struct outbox_record){.notifier = "gone", .what = "firing", .body = "", .words = ""});
	assert_int_equal(w->dead, 4);
	end(w);
}

static void alertmanager_gets_the_list_when_it_changed(void **state)
{
	struct world *w = begin("notify: [{kind: alertmanager, url: \"http://127.0.0.1:%d/\"}]\n");
	struct buf element = {0};
	const struct alert_record a = {.id = 7, .rule = "slow", .labels = "{\"alertname\":\"slow\"}", .state = ALERT_FIRING,
	                               .fired_us = 1795435200 * US_PER_S, .summary = "a \"quote\"", .runbook = ""};

	(void)state;
	message_alertmanager(&a, a.fired_us + ALERTMANAGER_LASTS_US, &element);
	notifiers_put_alerts(w->notifiers, buf_str(&element), 1, a.fired_us);
	wait_for(w, &w->got, 1);
	for (int i = 0; i < 10; i++)
		loop_turn(w->loop, 10, NULL);
	notifiers_put_alerts(w->notifiers, buf_str(&element), 1, a.fired_us); /* nothing new, and not due */
	for (int i = 0; i < 10; i++)
		loop_turn(w->loop, 10, NULL);
	assert_int_equal(w->got, 1);
	w->bodies.data[w->bodies.len - 1] = ' ';
	assert_true(json_check(buf_str(&w->bodies), NULL));
	assert_non_null(strstr(w->bodies.data, "{\"labels\":{\"alertname\":\"slow\"},\"annotations\":{\"llmdeck_id\":\"7\",\"summary\":\"a \\\"quote\\\"\"},"
	                       "\"startsAt\":\"2026-11-23T12:00:00Z\",\"endsAt\":\"2026-11-23T12:04:00Z\"}"));
	assert_non_null(strstr(w->bodies.data, "LlmdeckWatchdog"));
	notifiers_put_alerts(w->notifiers, (struct str){0}, 2, a.fired_us);
	wait_for(w, &w->got, 2);
	buf_fini(&element);
	end(w);
}

static void templates_are_escaped(void **state)
{
	const struct alert_record a = {.id = 3, .rule = "r", .labels = "{\"a\":\"b\"}", .state = ALERT_FIRING, .severity = SEVERITY_CRITICAL,
	                               .fired_us = 1795435200 * US_PER_S, .value = 2.5, .bound = NAN, .summary = "say \"hi\"\n{{rule}}", .runbook = ""};
	struct buf out = {0};
	struct err err;

	(void)state;
	message_template("{\"text\":\"{{ severity }} {{summary}} {{value}} {{limit}}\",\"l\":{{labels}},\"k\":\"{{dedup_key}}\"}", &a, "firing", &out);
	assert_string_equal(out.data, "{\"text\":\"critical say \\\"hi\\\"\\n{{rule}} 2.5 unknown\",\"l\":{\"a\":\"b\"},\"k\":\"llmdeck-3\"}");
	assert_true(json_check(buf_str(&out), NULL));
	assert_int_equal(message_template_check("{{nonsense}}", &err), -1);
	for (int i = 0; i < 3; i++) { /* PagerDuty's words */
		static const char *const whats[] = {"firing", "acknowledged", "resolved"};
		static const char *const actions[] = {"trigger", "acknowledge", "resolve"};

		buf_reset(&out);
		message_template("{{event_action}}", &a, whats[i], &out);
		assert_string_equal(out.data, actions[i]);
	}
	buf_fini(&out);
}

static void commands_get_the_message(void **state)
{
	char path[] = "/tmp/llmdeck-notifier-XXXXXX", yaml[400];
	int fd = mkstemp(path);
	struct buf got = {0};
	struct err err;

	(void)state;
	close(fd);
	snprintf(yaml, sizeof yaml, "notify: [{kind: exec, name: h, deadline: 1s, command: \"test $LLMDECK_STATUS = firing && cat >>%s && grep -qv no %s\"}] # %%d\n", path, path);
	struct world *w = begin(yaml);

	give(w, "yes $(touch /tmp/never); text", 1, clock_wall_us());
	wait_for(w, &w->told, 1);
	assert_int_equal(file_read(path, 1000, &got, &err), 0);
	assert_string_equal(got.data, "yes $(touch /tmp/never); text");
	unlink(path);
	end(w);
	w = begin("notify: [{kind: exec, name: h, timeout: 1s, deadline: 1s, command: \"sleep 60\"}] # %d\n");
	give(w, "x", 1, clock_wall_us());
	wait_for(w, &w->dead, 1);
	assert_non_null(strstr(w->dead_words.data, "too long"));
	buf_fini(&got);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_once_and_in_order), cmocka_unit_test(a_refusal_is_final_and_a_deadline_ends_it),
		cmocka_unit_test(alertmanager_gets_the_list_when_it_changed), cmocka_unit_test(templates_are_escaped),
		cmocka_unit_test(commands_get_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
