/* The collector as a process: its control socket, who may do what there, its end with its parent,
 * and that nothing acknowledged is lost when it is killed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "console/control_client.h"
#include "daemon/control.h"
#include "daemon/roles.h"
#include "daemon/spawn.h"
#include "net/http_client.h"
#include "net/unix_socket.h"
#include "store/query.h"
#include "store/writer.h"
#include "unit/collector_place.h"

#define STRANGER 54321

static void start(struct place *p, bool demo)
{
	struct spawn_options o = place_options(p);

	o.collector.demo = demo;
	place_start(p, &o);
}

static struct batch *batch_of(uint32_t first, size_t rows)
{
	struct batch *b = batch_new();

	for (size_t i = 0; i < rows; i++) {
		struct request *r = batch_add_request(b);
		uint32_t id = first + (uint32_t)i + 1;

		/* Delivered again, a span has the same time. */
		r->end_us = INT64_C(1790000000) * US_PER_S + id;
		r->latency_us = 1000;
		r->dims[DIM_SERVICE] = STR_LIT("chat");
		memcpy(r->trace_id, &id, sizeof(id));
		memcpy(r->span_id, &id, sizeof(id));
		r->has_trace = r->has_span = true;
	}
	return b;
}

static struct store_summary summary_of(const struct place *p)
{
	struct store_reader *reader;
	struct store_summary summary = {0};
	struct err err = {""};

	if (store_reader_open(&reader, p->store, &err) || query_summary(reader, &summary, &err))
		fail_msg("%s", err.text);
	store_reader_close(&reader);
	return summary;
}

static void status_tells_about_the_collector(void **state)
{
	struct place *p = *state;
	struct control_client *c = control_client_new(p->socket);
	struct control_status status;
	struct err err = {""};
	struct stat st;

	assert_int_equal(control_client_status(c, &status, &err), CONTROL_NOBODY);
	assert_non_null(strstr(err.text, "llmdeck collect"));
	control_status_fini(&status);
	start(p, false);
	if (control_client_status(c, &status, &err) != CONTROL_OK)
		fail_msg("%s", err.text);
	assert_int_equal(status.pid, collector_child_pid(p->child));
	assert_int_equal(status.uid, geteuid());
	assert_string_equal(status.store, p->store);
	assert_string_equal(status.role, "operator");
	assert_false(status.demo);
	assert_true(status.queued_batches <= 1); /* what it writes about its own start may be under way */
	assert_true(status.queued_bytes_max > 0);
	assert_int_equal(stat(p->socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	control_status_fini(&status);
	control_client_free(&c);
}

static void batches_are_stored_once(void **state)
{
	struct place *p = *state;
	struct sink *sink;
	struct sink_ack ack;
	struct err err = {""};
	struct batch *b = batch_of(0, 100);

	start(p, false);
	sink = control_client_sink(p->socket);
	if (sink->store(sink, b, &ack, &err) != SINK_OK)
		fail_msg("%s", err.text);
	assert_int_equal(ack.added, 100);
	assert_int_equal(ack.duplicates, 0);
	assert_int_equal(summary_of(p).requests, 100); /* it was committed before the answer */
	assert_int_equal(sink->store(sink, b, &ack, &err), SINK_OK);
	assert_int_equal(ack.added, 0);
	assert_int_equal(ack.duplicates, 100);
	sink->close(sink);
	batch_free(&b);
}

/* A raw call, for what the client would never send. */
static int raw_status(const struct place *p, const char *method, const char *path, struct str body,
                      struct buf *answer)
{
	struct http_client *c = http_client_new();
	char url[128];
	struct http_got got;
	struct err err = {""};

	snprintf(url, sizeof(url), "http://collector%s", path);
	struct http_ask ask = {
		.url = url, .unix_path = p->socket, .method = method, .body = body,
		.body_type = body.len ? "application/octet-stream" : NULL, .timeout_us = DEADLINE_US,
		.answer_max_bytes = 100000,
	};

	if (http_fetch(c, &ask, &got, &err) != HTTP_ANSWERED)
		fail_msg("%s", err.text);
	int status = got.status;

	if (answer)
		buf_append_str(answer, buf_str(&got.body));
	http_got_fini(&got);
	http_client_free(&c);
	return status;
}

static void nonsense_is_refused_in_words(void **state)
{
	struct place *p = *state;
	struct buf answer = {0};
	char *huge = mem_zalloc(CONTROL_BATCH_MAX_BYTES + 1);

	start(p, false);
	assert_int_equal(raw_status(p, "GET", "/nothing", (struct str){0}, NULL), 404);
	assert_int_equal(raw_status(p, "DELETE", "/v1/status", (struct str){0}, NULL), 405);
	assert_int_equal(raw_status(p, "POST", "/v1/batch", STR_LIT("not a batch"), &answer), 400);
	assert_non_null(strstr(answer.data, "\"error\":\""));
	assert_int_equal(raw_status(p, "POST", "/v1/batch",
	                            (struct str){huge, CONTROL_BATCH_MAX_BYTES + 1}, NULL), 413);
	assert_int_equal(raw_status(p, "GET", "/v1/status", (struct str){0}, NULL), 200);
	free(huge);
	buf_fini(&answer);
}

/* Runs `check` as another user in a child; its result is the child's exit code. */
static int as_stranger(const struct place *p, gid_t group, int (*check)(const struct place *p))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(group) || setuid(STRANGER))
			_exit(99);
		_exit(check(p));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int stranger_is_refused(const struct place *p)
{
	struct control_client *c = control_client_new(p->socket);
	struct control_status status;
	struct err err = {""};
	struct sink *sink = control_client_sink(p->socket);
	struct batch *b = batch_of(0, 50000);

	if (control_client_status(c, &status, &err) != CONTROL_REFUSED)
		return 1;
	if (control_client_stop(c, &err) != CONTROL_REFUSED || !strstr(err.text, "role"))
		return 2;
	return sink->store(sink, b, NULL, &err) == SINK_FAILED ? 0 : 3;
}

static int viewer_may_only_look(const struct place *p)
{
	struct control_client *c = control_client_new(p->socket);
	struct control_status status;
	struct err err = {""};

	if (control_client_status(c, &status, &err) != CONTROL_OK || strcmp(status.role, "viewer") != 0)
		return 1;
	return control_client_stop(c, &err) == CONTROL_REFUSED && strstr(err.text, "viewer") ? 0 : 2;
}

static int mode_keeps_out(const struct place *p)
{
	struct control_client *c = control_client_new(p->socket);
	struct err err = {""};

	return control_client_stop(c, &err) == CONTROL_REFUSED && strstr(err.text, "socket") ? 0 : 1;
}

static void strangers_are_refused(void **state)
{
	struct place *p = *state;
	const char *operators[] = {"user:root"};
	struct config_role roles[] = {{"operator", operators, 1}};

	if (geteuid() != 0) {
		print_message("skipped: only root can become somebody else\n");
		skip();
	}
	start(p, false);
	assert_int_equal(as_stranger(p, STRANGER, mode_keeps_out), 0);
	collector_child_stop(&p->child, DEADLINE_US);
	p->config.roles = roles;
	p->config.role_count = 1;
	start(p, false);
	assert_int_equal(as_stranger(p, STRANGER, stranger_is_refused), 0);
	assert_int_equal(raw_status(p, "GET", "/v1/status", (struct str){0}, NULL), 200);
	p->config.role_count = 0;
}

static void viewers_look(void **state)
{
	struct place *p = *state;
	const char *viewers[] = {"group:daemon"};
	struct config_role roles[] = {{"viewer", viewers, 1}};
	struct group *group = getgrnam("daemon");

	if (geteuid() != 0 || !group) {
		print_message("skipped: only root can become somebody else\n");
		skip();
	}
	p->config.roles = roles;
	p->config.role_count = 1;
	start(p, false);
	assert_int_equal(as_stranger(p, group->gr_gid, viewer_may_only_look), 0);
	p->config.role_count = 0;
}

static void roles_add_up(void **state)
{
	const char *any[] = {"any"}, *root[] = {"user:root"}, *nobody[] = {"group:no-such-group", "user:no-such"};
	struct config_role roles[] = {{"viewer", any, 1}, {"operator", nobody, 2}, {"responder", root, 1}};
	struct config config = {.roles = roles, .role_count = 3};
	struct config none = {0};
	struct peer peer = {.known = true, .uid = STRANGER, .groups = {STRANGER}, .group_count = 1};

	(void)state;
	assert_int_equal(access_of(&peer, 1000, &config), ACCESS_VIEWER);
	assert_int_equal(access_of(&peer, 1000, &none), ACCESS_NONE);
	assert_int_equal(access_of(&peer, STRANGER, &none), ACCESS_OPERATOR);
	peer.uid = 0;
	assert_int_equal(access_of(&peer, 1000, &none), ACCESS_OPERATOR);
	peer.known = false;
	assert_int_equal(access_of(&peer, 1000, &config), ACCESS_NONE);
}

static void stop_is_answered_and_done(void **state)
{
	struct place *p = *state;
	struct control_client *c = control_client_new(p->socket);
	struct err err = {""};
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	start(p, false);
	assert_int_equal(control_client_stop(c, &err), CONTROL_OK);
	while (file_exists(p->socket) && clock_mono_us() < until_us)
		pause_ms(2);
	assert_false(file_exists(p->socket));
	collector_child_stop(&p->child, DEADLINE_US);
	assert_int_equal(store_writer_owner(p->store), 0);
	control_client_free(&c);
}

static void ends_with_its_parent(void **state)
{
	struct place *p = *state;
	pid_t parent = fork(), collector;
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	if (parent == 0) {
		start(p, false);
		raise(SIGKILL); /* no chance to tidy up */
	}
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	/* It was collecting, and its end needs nobody but the kernel. */
	assert_true(file_exists(p->store));
	while (((collector = store_writer_owner(p->store)) != 0 || file_exists(p->socket)) &&
	       clock_mono_us() < until_us)
		pause_ms(2);
	assert_int_equal(collector, 0);
	assert_false(file_exists(p->socket));
}

static void two_collectors_do_not_share_a_store(void **state)
{
	struct place *p = *state;
	struct collector_child *second;
	char other[128];
	struct err err = {""};

	start(p, false);
	snprintf(other, sizeof(other), "%s/other.sock", p->folder);
	struct spawn_options o = {
		.collector = {.store_path = p->store, .socket_path = other, .config = &p->config}};

	assert_int_equal(collector_child_start(&second, &o, DEADLINE_US, &err), -1);
	assert_true(err.text[0]);
	assert_int_equal(spawn_needed(p->store, p->socket, &p->config, &err), SPAWN_NOT_NEEDED);
	assert_int_equal(spawn_needed("/tmp/no-such-store", NULL, &p->config, &err), SPAWN_POSSIBLE);
	p->config.notifier_count = 1;
	assert_int_equal(spawn_needed("/tmp/no-such-store", NULL, &p->config, &err), SPAWN_NOT_OURS);
	p->config.notifier_count = 0;
}

/* Sends numbered batches until the collector dies; returns how many were acknowledged. */
static uint32_t send_until_killed(struct place *p, uint32_t next, int64_t kill_after_us)
{
	struct sink *sink = control_client_sink(p->socket);
	int64_t kill_at_us = clock_mono_us() + kill_after_us;
	pid_t killer = fork();

	if (killer == 0) {
		while (clock_mono_us() < kill_at_us)
			pause_ms(1);
		_exit(kill(collector_child_pid(p->child), SIGKILL));
	}
	for (;;) {
		struct batch *b = batch_of(next * 50, 50);
		struct sink_ack ack;
		struct err err;
		enum sink_result result = sink->store(sink, b, &ack, &err);

		batch_free(&b);
		if (result != SINK_OK)
			break;
		assert_int_equal(ack.added + ack.duplicates, 50);
		next++;
	}
	sink->close(sink);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	collector_child_stop(&p->child, DEADLINE_US);
	return next;
}

static void killed_collector_loses_nothing_acknowledged(void **state)
{
	struct place *p = *state;
	uint32_t acknowledged = 0;

	for (int round = 0; round < 5; round++) {
		start(p, false);
		/* The first batch is the one that may or may not have been stored by the killed one. */
		uint32_t before = acknowledged;

		acknowledged = send_until_killed(p, acknowledged, (100 + 37 * round) * US_PER_MS);
		assert_true(acknowledged > before);
		int64_t rows = summary_of(p).requests;

		assert_in_range(rows, acknowledged * 50, acknowledged * 50 + 50);
	}
	start(p, false);
	struct sink *sink = control_client_sink(p->socket);
	struct batch *b = batch_of(acknowledged * 50, 50);
	struct err err = {""};

	assert_int_equal(sink->store(sink, b, NULL, &err), SINK_OK);
	sink->close(sink);
	batch_free(&b);
	assert_int_equal(summary_of(p).requests, (acknowledged + 1) * 50);
}

static void use_demo_source(struct place *p, struct config_section *section)
{
	*section = (struct config_section){.name = "fleet", .kind = "demo"};
	p->config.sources = section;
	p->config.source_count = 1;
}

static void demo_fills_its_store(void **state)
{
	struct place *p = *state;
	struct config_section section;
	struct control_client *c = control_client_new(p->socket);
	struct control_status status;
	struct store_summary summary = {0};
	struct err err = {""};
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	use_demo_source(p, &section);
	start(p, true);
	do {
		pause_ms(20);
		summary = summary_of(p);
	} while (summary.last_us < clock_wall_us() - 2 * US_PER_S && clock_mono_us() < until_us);
	print_message("the last hour was told in %.2f s\n",
	              (double)(clock_mono_us() - until_us + DEADLINE_US) / (double)US_PER_S);
	assert_true(summary.demo);
	assert_true(summary.requests > 80000);
	assert_true(summary.feedback > 500);
	assert_in_range(summary.last_us - summary.first_us, 59 * US_PER_MIN, 61 * US_PER_MIN);
	assert_int_equal(control_client_status(c, &status, &err), CONTROL_OK);
	assert_true(status.demo);
	assert_int_equal(status.source_count, 1);
	assert_string_equal(status.sources[0].name, "fleet");
	assert_string_equal(status.sources[0].state, "ok");
	assert_true(status.sources[0].rows > 80000 && status.sources[0].age_s < 5);
	control_status_fini(&status);
	control_client_free(&c);
	p->config.source_count = 0;
}

static void invented_data_stays_out_of_real_stores(void **state)
{
	struct place *p = *state;
	struct config_section section;
	struct err err = {""};

	use_demo_source(p, &section);
	struct spawn_options o = {
		.collector = {.store_path = p->store, .socket_path = p->socket, .config = &p->config}};

	assert_int_equal(collector_child_start(&p->child, &o, DEADLINE_US, &err), -1);
	assert_non_null(strstr(err.text, "invented"));
	assert_false(file_exists(p->store));
	p->config.source_count = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(status_tells_about_the_collector, make_place, remove_place),
		cmocka_unit_test_setup_teardown(batches_are_stored_once, make_place, remove_place),
		cmocka_unit_test_setup_teardown(nonsense_is_refused_in_words, make_place, remove_place),
		cmocka_unit_test_setup_teardown(strangers_are_refused, make_place, remove_place),
		cmocka_unit_test_setup_teardown(viewers_look, make_place, remove_place),
		cmocka_unit_test(roles_add_up),
		cmocka_unit_test_setup_teardown(stop_is_answered_and_done, make_place, remove_place),
		cmocka_unit_test_setup_teardown(ends_with_its_parent, make_place, remove_place),
		cmocka_unit_test_setup_teardown(two_collectors_do_not_share_a_store, make_place, remove_place),
		cmocka_unit_test_setup_teardown(killed_collector_loses_nothing_acknowledged, make_place, remove_place),
		cmocka_unit_test_setup_teardown(demo_fills_its_store, make_place, remove_place),
		cmocka_unit_test_setup_teardown(invented_data_stays_out_of_real_stores, make_place, remove_place),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
