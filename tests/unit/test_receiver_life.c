/* The receiver over time: through reloads, bodies that come again, a port that is taken, a full disk and
 * kill -9. */
#include "receiver_bench.h"

/* Waits until there are so many sources: a new configuration is in force. */
static void await_sources(const struct place *p, size_t count)
{
	struct control_client *c = control_client_new(p->socket);
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	size_t seen = 0;

	while (seen != count && clock_mono_us() < until_us) {
		struct control_status status;
		struct err err = {""};

		if (control_client_status(c, &status, &err) == CONTROL_OK)
			seen = status.source_count;
		control_status_fini(&status);
		pause_ms(10);
	}
	assert_int_equal(seen, count);
	control_client_free(&c);
}

static void write_file(const char *path, const char *text)
{
	struct err err = {""};

	if (file_write_atomic(path, text, strlen(text), 0600, &err))
		fail_msg("%s", err.text);
}

#define PAGE "sources:\n  - name: page\n    kind: prometheus\n    url: http://127.0.0.1:9/metrics\n"

static void a_reload_keeps_connections_and_port(void **state)
{
	struct place *p = *state;
	char config[96], token[96], text[256], reason[512];
	struct spawn_options o = {
		.collector = {.store_path = p->store, .socket_path = p->socket, .config = &p->config, .receive = true,
		              .listen = "127.0.0.1:0", .config_path = config},
		.log_path = p->log,
	};
	struct err err = {""};
	struct reply r = {0};

	snprintf(config, sizeof(config), "%s/c.yaml", p->folder);
	write_file(config, "retention:\n  raw: 2d\n");
	if (collector_child_start(&p->child, &o, DEADLINE_US, &err))
		fail_msg("%s", err.text);
	await_source(p, "starting", "listening on", reason);
	p->port = atoi(strrchr(strtok(reason, ";"), ':') + 1);
	int fd = dial(p);
	assert_true(send_request(fd, "/v1/traces", JSON, STR_LIT("{}")));
	read_reply(fd, &r);
	assert_int_equal(r.status, 200);
	write_file(config, "retention:\n  raw: 3d\n" PAGE);
	kill(collector_child_pid(p->child), SIGHUP);
	await_sources(p, 2);
	/* The same connection, and the same port, which another one would not have been given again. */
	assert_true(send_request(fd, "/v1/traces", JSON, STR_LIT("{}")));
	read_reply(fd, &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(post(p, "/v1/traces", JSON, STR_LIT("{}")).status, 200);
	close(fd);
	/* Another token is another receiver. */
	snprintf(token, sizeof(token), "%s/token", p->folder);
	write_file(token, "s3cret\n");
	snprintf(text, sizeof(text), "token: file:%s\n", token);
	write_file(config, text);
	kill(collector_child_pid(p->child), SIGHUP);
	await_sources(p, 1);
	await_source(p, "starting", "listening on", reason);
	p->port = atoi(strrchr(strtok(reason, ";"), ':') + 1);
	assert_int_equal(post(p, "/v1/traces", JSON, STR_LIT("{}")).status, 401);
}

static void repeated_bodies_of_metrics_are_not_read_again(void **state)
{
	struct otlp_again *a = mem_zalloc(sizeof *a);
	struct batch *read = batch_new(), *back;

	(void)state;
	struct gauge *g = batch_add_gauge(read);
	g->time_us = clock_wall_us();
	g->name = STR_LIT("serving.running");
	g->source = g->instance = STR_LIT("x");
	g->value = 7;
	assert_int_equal(otlp_again_look(a, 5, &back), AGAIN_NEW);
	assert_int_equal(otlp_again_look(a, 5, &back), AGAIN_UNDER_WAY);
	otlp_again_keep(a, 5, read);
	otlp_again_end(a, 5, false);
	/* It was put off: what was read of it comes back, as often as it takes. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(otlp_again_look(a, 5, &back), AGAIN_READ);
		assert_int_equal(back->gauge_count, 1);
		assert_true(back->gauges[0].value == 7);
		batch_free(&back);
		otlp_again_end(a, 5, false);
	}
	assert_int_equal(otlp_again_look(a, 5, &back), AGAIN_READ);
	batch_free(&back);
	otlp_again_end(a, 5, true);
	assert_int_equal(otlp_again_look(a, 5, &back), AGAIN_STORED);
	/* A body that could not be read may be another one's next time. */
	assert_int_equal(otlp_again_look(a, 6, &back), AGAIN_NEW);
	otlp_again_drop(a, 6);
	assert_int_equal(otlp_again_look(a, 6, &back), AGAIN_NEW);
	for (uint64_t hash = 100; hash < 100 + AGAIN_BODIES; hash++)
		assert_int_equal(otlp_again_look(a, hash, &back), AGAIN_NEW);
	assert_int_equal(otlp_again_look(a, 5, &back), AGAIN_NEW);
	otlp_again_fini(a);
	free(a);
	batch_free(&read);
}

/* A body of metrics twice, as after a lost answer: taken, and the second time counted as repeated. */
static void a_body_of_metrics_counts_once(void **state)
{
	struct place *p = *state;
	struct buf body = {0};
	char reason[512];

	start(p);
	buf_printf(&body, "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[]},\"scopeMetrics\":[{\"metrics\":[{\"name\":"
	           "\"vllm:num_requests_running\",\"gauge\":{\"dataPoints\":[{\"timeUnixNano\":\"%lld000\",\"asDouble\":3,\"attributes\":["
	           "{\"key\":\"model_name\",\"value\":{\"stringValue\":\"m\"}}]}]}}]}]}]}", (long long)clock_wall_us());
	for (int i = 0; i < 3; i++)
		assert_int_equal(post(p, "/v1/metrics", JSON, buf_str(&body)).status, 200);
	await_source(p, "ok", "", reason);
	buf_fini(&body);
}

static void a_taken_port_is_named_and_tried_again(void **state)
{
	struct place *p = *state, *other;
	void *second;
	char listen[32], reason[512], pid[32];
	struct err err = {""};

	start(p);
	make_place(&second);
	other = second;
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", p->port);
	struct spawn_options o = {
		.collector = {.store_path = other->store, .socket_path = other->socket, .config = &other->config,
		              .receive = true, .listen = listen},
		.log_path = other->log,
	};

	assert_int_equal(collector_child_start(&other->child, &o, DEADLINE_US, &err), 0);
	snprintf(pid, sizeof(pid), "process %ld (", (long)collector_child_pid(p->child));
	await_source(other, "failing", pid, reason);
	assert_non_null(strstr(reason, "--listen"));
	collector_child_stop(&p->child, DEADLINE_US);
	await_source(other, "starting", "listening", reason);
	remove_place(&second);
}

/* ── a full disk ───────────────────────────────────────────────────────────────────────────── */

static void say_finding(const char *text, void *arg)
{
	(void)arg;
	fail_msg("%s", text);
}

static void check_deep(const struct place *p)
{
	struct store_reader *reader;
	struct err err = {""};

	if (store_reader_open(&reader, p->store, &err) || store_check(reader, true, say_finding, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	store_reader_close(&reader);
}

/* A file system of its own for this process and its children, which ends with them. */
static bool mount_small(const char *folder)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", folder, "tmpfs", 0, "size=6m") == 0;
}

static void a_full_disk_heals_by_itself(void **state)
{
	struct place *p = *state;
	static char filler[1 << 20];
	char path[96], reason[512];
	int64_t base_us = clock_wall_us() - US_PER_HOUR, until_us = clock_mono_us() + 4 * DEADLINE_US;
	uint32_t taken = 0;
	int status = 200;

	if (!mount_small(p->folder)) {
		print_message("skipped: no right to mount a small file system\n");
		skip();
	}
	start(p);
	assert_int_equal(post_calls(p, taken++ * PER_BODY, PER_BODY, base_us).status, 200);
	/* Somebody else fills the disk. */
	snprintf(path, sizeof(path), "%s/filler", p->folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, filler, sizeof(filler)) > 0)
		;
	close(fd);
	while (status == 200 && clock_mono_us() < until_us) {
		status = post_calls(p, taken * PER_BODY, PER_BODY, base_us).status;
		taken += status == 200;
	}
	assert_int_equal(status, 503);
	await_source(p, "failing", "full", reason);
	assert_int_equal(requests_of(p), taken * PER_BODY);
	/* There is room again: it goes on, with nobody's help. */
	assert_int_equal(unlink(path), 0);
	while (status != 200 && clock_mono_us() < until_us)
		status = post_calls(p, taken * PER_BODY, PER_BODY, base_us).status;
	assert_int_equal(status, 200);
	await_source(p, "ok", "", reason);
	assert_int_equal(requests_of(p), (taken + 1) * PER_BODY);
	check_deep(p);
	collector_child_stop(&p->child, DEADLINE_US);
	check_deep(p);
	assert_int_equal(umount2(p->folder, MNT_DETACH), 0);
}

/* ── kill -9 ───────────────────────────────────────────────────────────────────────────────── */

#define ROUNDS 20

/* Sends bodies over one connection until it breaks; the number of bodies that were acknowledged. */
static uint32_t send_until_broken(struct place *p, uint32_t next, int64_t base_us)
{
	int fd = dial(p);

	for (; fd >= 0; next++) {
		struct buf body = calls(next * PER_BODY, PER_BODY, base_us);
		struct reply r = {0};

		if (send_request(fd, "/v1/traces", JSON, buf_str(&body)))
			read_reply(fd, &r);
		buf_fini(&body);
		if (r.status != 200)
			break;
	}
	close(fd);
	return next;
}

static void killed_collector_loses_nothing_acknowledged(void **state)
{
	struct place *p = *state;
	int64_t base_us = clock_wall_us() - US_PER_HOUR;
	uint32_t acknowledged = 0;

	for (int round = 0; round < ROUNDS; round++) {
		start(p);
		pid_t victim = collector_child_pid(p->child), killer = fork();

		assert_true(killer >= 0);
		if (killer == 0) {
			pause_ms(80 + 25 * (round % 7));
			kill(victim, SIGKILL);
			_exit(0);
		}
		acknowledged = send_until_broken(p, acknowledged, base_us);
		assert_int_equal(waitpid(killer, NULL, 0), killer);
		collector_child_stop(&p->child, DEADLINE_US);
		assert_in_range(requests_of(p), acknowledged * PER_BODY, (acknowledged + 1) * PER_BODY);
	}
	assert_true(acknowledged > 0);
	start(p);
	/* All of them once more, as after a lost answer: none counts twice. */
	for (uint32_t i = 0; i <= acknowledged; i++)
		assert_int_equal(post_calls(p, i * PER_BODY, PER_BODY, base_us).status, 200);
	assert_int_equal(requests_of(p), (acknowledged + 1) * PER_BODY);
	print_message("%u bodies acknowledged in %d lives\n", acknowledged, ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reload_keeps_connections_and_port, make_place, remove_place),
		cmocka_unit_test(repeated_bodies_of_metrics_are_not_read_again),
		cmocka_unit_test_setup_teardown(a_body_of_metrics_counts_once, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_taken_port_is_named_and_tried_again, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_full_disk_heals_by_itself, make_place, remove_place),
		cmocka_unit_test_setup_teardown(killed_collector_loses_nothing_acknowledged, make_place, remove_place),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
