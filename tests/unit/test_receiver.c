/* The OTLP receiver end to end: a collector of its own process, spoken to over TCP as clients speak,
 * well-meaning ones and others. */
#include "receiver_bench.h"

/* ── what is answered ──────────────────────────────────────────────────────────────────────── */

static void stored_when_answered_and_once(void **state)
{
	struct place *p = *state;
	int64_t now_us = clock_wall_us();
	char reason[512];

	start(p);
	for (int i = 0; i < 2; i++) {
		struct reply r = post_calls(p, 0, 10, now_us);

		assert_int_equal(r.status, 200);
		assert_string_equal(r.body, "{}");
		assert_non_null(strstr(r.head, "application/json"));
		assert_int_equal(requests_of(p), 10); /* no waiting: the answer comes after the commit */
	}
	await_source(p, "ok", "", reason);
	assert_string_equal(reason, "");
}

static void feedback_is_stored_when_answered(void **state)
{
	struct place *p = *state;
	struct store_reader *reader;
	struct store_summary summary = {0};
	struct err err = {""};
	struct reply r;

	start(p);
	for (int i = 0; i < 2; i++) {
		r = post(p, "/v1/feedback", "", STR_LIT("[{\"id\":\"a\",\"text\":\"great\"},{\"id\":\"b\",\"stars\":1}]"));
		assert_int_equal(r.status, 200);
		assert_non_null(strstr(r.body, i ? "\"ids\":[\"a\",\"b\"],\"stored\":0,\"duplicates\":2" : "\"stored\":2"));
	}
	r = post(p, "/v1/feedback", "", STR_LIT("{\"stars\":9}"));
	assert_int_equal(r.status, 400);
	assert_non_null(strstr(r.body, "stars: it must be a number from 1 to 5"));
	if (store_reader_open(&reader, p->store, &err) || query_summary(reader, &summary, &err))
		fail_msg("%s", err.text);
	store_reader_close(&reader);
	assert_int_equal(summary.feedback, 2);
}

static void protobuf_is_answered_in_protobuf(void **state)
{
	struct place *p = *state;
	/* ResourceSpans { ScopeSpans { Span { trace_id, span_id, name, end_time … cut off } } } */
	struct reply r;

	start(p);
	r = post(p, "/v1/traces", PROTOBUF, STR_LIT(""));
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body_len, 0);
	assert_non_null(strstr(r.head, "application/x-protobuf"));
	r = post(p, "/v1/traces", PROTOBUF, STR_LIT("\x0a\x7f\x01"));
	assert_int_equal(r.status, 400);
	assert_non_null(strstr(r.head, "application/x-protobuf"));
	assert_memory_equal(r.body, "\x08\x03\x12", 3); /* Status { code: INVALID_ARGUMENT, message */
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *path, *headers, *body;
		int status;
		const char *words;
	} cases[] = {
		{"/v1/traces", JSON, "{\"resourceSpans\":[", 400, "\"code\":3"},
		{"/v1/traces", "", "{}", 415, "content type"},
		{"/v1/traces", "Content-Type: text/html\r\n", "<html>", 415, "content type"},
		{"/v1/traces", JSON "Content-Encoding: br\r\n", "{}", 415, "content encoding"},
		{"/v1/traces", JSON "Content-Encoding: gzip\r\n", "{}", 400, "compressed"},
		{"/v2/traces", JSON, "{}", 404, "/v1/traces"},
		{"/v1/logs", JSON, "{}", 200, "{}"},
		{"/v1/metrics", JSON, "{}", 200, "{}"},
		{"/otel/v1/traces", JSON, "{}", 200, "{}"},
		{"/api/public/otel/v1/traces", JSON, "{}", 200, "{}"},
		{"/api/public/media", JSON, "{\"sha256Hash\":\"ab+/efghijklmnopqrstuvwxyz=\"}", 200,
			"{\"uploadUrl\":null,\"mediaId\":\"ab-_efghijklmnopqrstuv\"}"},
	};
	struct place *p = *state;
	char reason[512];

	start(p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply r = post(p, cases[i].path, cases[i].headers, str_of(cases[i].body));

		if (r.status != cases[i].status || !strstr(r.body, cases[i].words))
			fail_msg("%s %s: %d %s", cases[i].path, cases[i].body, r.status, r.body);
	}
	int fd = dial(p);
	struct reply r;

	assert_true(send_all(fd, "GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n", 37));
	read_reply(fd, &r);
	close(fd);
	assert_int_equal(r.status, 405);
	assert_non_null(strstr(r.head, "Allow: POST"));
	await_source(p, "ok", "damaged bodies", reason);
}

static void wrong_clocks_are_rejected_in_part(void **state)
{
	struct place *p = *state;
	struct reply r;
	char reason[512];

	start(p);
	r = post_calls(p, 0, 3, clock_wall_us() + 2 * US_PER_HOUR);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "\"rejectedSpans\":\"3\""));
	assert_non_null(strstr(r.body, "clock"));
	r = post_calls(p, 10, 3, clock_wall_us() - 400 * US_PER_DAY);
	assert_non_null(strstr(r.body, "\"rejectedSpans\":\"3\""));
	assert_int_equal(requests_of(p), 0);
	await_source(p, "ok", "6 records rejected", reason);
}

static void chunks_and_one_connection(void **state)
{
	struct place *p = *state;
	struct buf body = calls(0, 5, clock_wall_us()), sent = {0};
	struct reply r;

	start(p);
	int fd = dial(p);

	for (int round = 0; round < 3; round++) {
		buf_reset(&sent);
		buf_printf(&sent, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n");
		for (size_t at = 0; at < body.len; at += 100) {
			size_t len = body.len - at < 100 ? body.len - at : 100;

			buf_printf(&sent, "%zx\r\n", len);
			buf_append(&sent, body.data + at, len);
			buf_puts(&sent, "\r\n");
		}
		buf_puts(&sent, "0\r\n\r\n");
		assert_true(send_all(fd, sent.data, sent.len));
		read_reply(fd, &r);
		assert_int_equal(r.status, 200);
	}
	close(fd);
	assert_int_equal(requests_of(p), 5);
	buf_fini(&body);
	buf_fini(&sent);
}

/* ── size ──────────────────────────────────────────────────────────────────────────────────── */

static struct buf gzip(struct str plain, size_t times)
{
	struct buf out = {0};
	z_stream z = {0};
	int state = Z_OK;

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t i = 0; i < times; i++) {
		z.next_in = (unsigned char *)(uintptr_t)plain.ptr;
		z.avail_in = (unsigned)plain.len;
		do {
			z.next_out = (unsigned char *)buf_reserve(&out, 65536);
			z.avail_out = 65536;
			state = deflate(&z, i + 1 == times ? Z_FINISH : Z_NO_FLUSH);
			out.len += 65536 - z.avail_out;
		} while (z.avail_out == 0);
	}
	assert_int_equal(state, Z_STREAM_END);
	deflateEnd(&z);
	return out;
}

static void packed_bodies_and_bombs(void **state)
{
	struct place *p = *state;
	struct buf body = calls(0, 5, clock_wall_us());
	struct buf packed = gzip(buf_str(&body), 1);
	char *zeros = mem_zalloc(1 << 20), reason[512];
	struct buf bomb = gzip((struct str){zeros, 1 << 20}, 1024);
	struct reply r;

	start(p);
	r = post(p, "/v1/traces", JSON "Content-Encoding: gzip\r\n", buf_str(&packed));
	assert_int_equal(r.status, 200);
	assert_int_equal(requests_of(p), 5);
	r = post(p, "/v1/traces", JSON "Content-Encoding: gzip\r\n", buf_str(&bomb));
	assert_int_equal(r.status, 413);
	assert_non_null(strstr(r.body, "smaller batches"));
	await_source(p, "ok", "oversized bodies", reason);
	buf_fini(&body);
	buf_fini(&packed);
	buf_fini(&bomb);
	free(zeros);
}

static long memory_kb(const struct place *p, const char *field)
{
	char path[64], line[256];
	long kb = -1;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)collector_child_pid(p->child));
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0)
			kb = strtol(line + strlen(field), NULL, 10);
	fclose(f);
	return kb;
}

/* Sanitizers keep books of their own, larger than what they watch. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_MAX_KB (1024 * 1024)
#else
#define MEMORY_MAX_KB (128 * 1024)
#endif

static void huge_and_deep_bodies(void **state)
{
	struct place *p = *state;
	char *bytes = mem_alloc(1 << 20);
	struct reply r = {0};
	struct buf deep = {0};

	start(p);
	memset(bytes, '[', 1 << 20);
	/* A gigabyte, as chunks: it is cut off long before, whether or not the sender hears why. */
	int fd = dial(p);
	bool goes_on = send_all(fd, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n", 110);
	size_t sent = 0;

	for (; goes_on && sent < 1024; sent++)
		goes_on = send_all(fd, "100000\r\n", 8) && send_all(fd, bytes, 1 << 20) && send_all(fd, "\r\n", 2);
	close(fd);
	assert_true(sent < 128);
	buf_append(&deep, "{\"resourceSpans\":", 17);
	buf_append(&deep, bytes, 1 << 20);
	r = post(p, "/v1/traces", JSON, buf_str(&deep));
	assert_int_equal(r.status, 400);
	r = post_calls(p, 0, 1, clock_wall_us());
	assert_int_equal(r.status, 200);
	assert_in_range(memory_kb(p, "VmHWM:"), 1, MEMORY_MAX_KB);
	buf_fini(&deep);
	free(bytes);
}

/* ── who may ───────────────────────────────────────────────────────────────────────────────── */

static void secrets_are_compared(void **state)
{
	struct str s = STR_LIT("s3cret");

	(void)state;
	assert_true(otlp_auth_ok(s, "Bearer s3cret", NULL));
	assert_true(otlp_auth_ok(s, "bearer  s3cret ", NULL));
	assert_true(otlp_auth_ok(s, "Basic cGs6czNjcmV0", NULL)); /* pk:s3cret */
	assert_true(otlp_auth_ok(s, NULL, "s3cret"));
	assert_false(otlp_auth_ok(s, NULL, NULL));
	assert_false(otlp_auth_ok(s, "Bearer s3cre", NULL));
	assert_false(otlp_auth_ok(s, "Bearer s3crets3cret", NULL));
	assert_false(otlp_auth_ok(s, "Bearer ", NULL));
	assert_false(otlp_auth_ok(s, "s3cret", NULL));
	assert_false(otlp_auth_ok(s, "Basic czNjcmV0", NULL)); /* no colon */
	assert_false(otlp_auth_ok(s, "Basic !!!", NULL));
	assert_false(otlp_auth_ok((struct str){0}, "Bearer ", ""));
}

static void outside_loopback_takes_a_token(void **state)
{
	struct place *p = *state;
	struct spawn_options o = {
		.collector = {.store_path = p->store, .socket_path = p->socket, .config = &p->config, .receive = true,
		              .listen = "0.0.0.0:0"},
	};
	struct err err = {""};
	char reason[512];

	assert_int_equal(collector_child_start(&p->child, &o, DEADLINE_US, &err), -1);
	assert_non_null(strstr(err.text, "token"));
	assert_int_equal(setenv("LLMDECK_TEST_TOKEN", "s3cret", 1), 0);
	p->config.options[OPTION_TOKEN].text = "env:LLMDECK_TEST_TOKEN";
	start_at(p, "0.0.0.0:0");
	assert_int_equal(post(p, "/v1/traces", JSON, STR_LIT("{}")).status, 401);
	assert_int_equal(post(p, "/v1/traces", JSON "Authorization: Bearer wrong\r\n", STR_LIT("{}")).status, 401);
	assert_int_equal(post(p, "/v1/traces", JSON "Authorization: Bearer s3cret\r\n", STR_LIT("{}")).status, 200);
	assert_int_equal(post(p, "/v1/traces", JSON "Authorization: Basic cGs6czNjcmV0\r\n", STR_LIT("{}")).status, 200);
	assert_int_equal(post(p, "/v1/traces", JSON "X-API-Key: s3cret\r\n", STR_LIT("{}")).status, 200);
	assert_int_equal(post(p, "/v1/feedback", "", STR_LIT("{\"thumbs\":\"up\"}")).status, 401);
	assert_int_equal(post(p, "/v1/feedback", "Authorization: Bearer s3cret\r\n", STR_LIT("{\"thumbs\":\"up\"}")).status, 200);
	await_source(p, "ok", "without the right token", reason);
	assert_null(strstr(reason, "s3cret"));
}

/* ── strangers ─────────────────────────────────────────────────────────────────────────────── */

static void other_protocols_are_turned_away_in_words(void **state)
{
	struct place *p = *state;
	char byte, reason[512];

	start(p);
	int fd = dial(p);

	/* In two pieces: "PR" might still become anything. */
	assert_true(send_all(fd, "PR", 2));
	pause_ms(30);
	assert_true(send_all(fd, "I * HTTP/2.0\r\n\r\nSM\r\n\r\n", 22));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
	await_source(p, "starting", "http/protobuf", reason);
	fd = dial(p);
	assert_true(send_all(fd, "\x16\x03\x01\x02", 4));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
	await_source(p, "starting", "TLS", reason);
	/* One that begins alike is served. */
	assert_int_equal(post(p, "/v1/traces", JSON, STR_LIT("{}")).status, 200);
}

#define IDLE 10000
#define HALF 1500

static void idle_and_half_spoken_connections(void **state)
{
	struct place *p = *state;
	static int fds[IDLE + HALF];
	struct rlimit limit;
	int64_t started_us;
	char reason[512];

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < IDLE + HALF + 100) {
		print_message("skipped: the limit of open files is %ld\n", (long)limit.rlim_max);
		skip();
	}
	start(p);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < IDLE + HALF; i++) {
		fds[i] = dial(p);
		if (i >= IDLE && fds[i] >= 0)
			send_all(fds[i], "POST /v1/traces HTTP/1.1\r\nX: ", 29);
	}
	started_us = clock_mono_us();
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(post_calls(p, i, 1, clock_wall_us()).status, 200);
	print_message("20 calls are answered in %lld ms\n", (long long)((clock_mono_us() - started_us) / US_PER_MS));
	assert_true(clock_mono_us() - started_us < 5 * US_PER_S);
	assert_int_equal(requests_of(p), 20);
	assert_in_range(memory_kb(p, "VmHWM:"), 1, MEMORY_MAX_KB);
	await_source(p, "ok", "slow or silent connections cut", reason);
	for (int i = 0; i < IDLE + HALF; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* ── slow ones ─────────────────────────────────────────────────────────────────────────────── */

#define DRIPPERS 3
#define DRIP_MS 10

/* Another byte of what never ends; false once the connection is cut. A chunk takes any byte. */
static bool drips_on(int fd)
{
	char byte;

	return send(fd, "1", 1, MSG_NOSIGNAL) == 1 && (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

/* Three that send a byte now and then for ever: in the head, in a body of known length, in chunks. Silence is not
 * what ends them: the time a whole request may take is. Meanwhile others are served. */
static void senders_that_drip_are_cut(void **state)
{
	static const char *const begins[DRIPPERS] = {
		"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Long: ",
		"POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 1000000\r\n\r\n",
		"POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\nFFFFFF\r\n",
	};
	const int64_t most_us = 700 * US_PER_MS;
	struct place *p = *state;
	int64_t began_us, took_us[DRIPPERS] = {0};
	int fds[DRIPPERS], cut = 0;
	char reason[512];

	place_start_with(p, STR_LIT("sources:\n  - {name: in, kind: otlp, listen: \"127.0.0.1:0\", timeout: 700ms}\n"));
	await_source(p, "starting", "listening on", reason);
	p->port = atoi(strrchr(strtok(reason, ";"), ':') + 1);
	began_us = clock_mono_us();
	for (int i = 0; i < DRIPPERS; i++) {
		fds[i] = dial(p);
		assert_true(send_all(fds[i], begins[i], strlen(begins[i])));
	}
	for (uint32_t calls_sent = 0; cut < DRIPPERS; calls_sent++) {
		for (int i = 0; i < DRIPPERS; i++) {
			if (!took_us[i] && !drips_on(fds[i])) {
				took_us[i] = clock_mono_us() - began_us;
				cut++;
			}
		}
		assert_int_equal(post_calls(p, calls_sent, 1, clock_wall_us()).status, 200);
		assert_true(clock_mono_us() - began_us < DEADLINE_US);
		pause_ms(DRIP_MS);
	}
	for (int i = 0; i < DRIPPERS; i++) {
		assert_true(took_us[i] >= most_us);
		close(fds[i]);
	}
	print_message("cut after %lld, %lld and %lld ms of %lld\n", (long long)(took_us[0] / US_PER_MS), (long long)(took_us[1] / US_PER_MS),
	              (long long)(took_us[2] / US_PER_MS), (long long)(most_us / US_PER_MS));
	await_source(p, "ok", "3 slow or silent connections cut: a request must be sent at one go", reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stored_when_answered_and_once, make_place, remove_place),
		cmocka_unit_test_setup_teardown(feedback_is_stored_when_answered, make_place, remove_place),
		cmocka_unit_test_setup_teardown(protobuf_is_answered_in_protobuf, make_place, remove_place),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_said, make_place, remove_place),
		cmocka_unit_test_setup_teardown(wrong_clocks_are_rejected_in_part, make_place, remove_place),
		cmocka_unit_test_setup_teardown(chunks_and_one_connection, make_place, remove_place),
		cmocka_unit_test_setup_teardown(packed_bodies_and_bombs, make_place, remove_place),
		cmocka_unit_test_setup_teardown(huge_and_deep_bodies, make_place, remove_place),
		cmocka_unit_test(secrets_are_compared),
		cmocka_unit_test_setup_teardown(outside_loopback_takes_a_token, make_place, remove_place),
		cmocka_unit_test_setup_teardown(other_protocols_are_turned_away_in_words, make_place, remove_place),
		cmocka_unit_test_setup_teardown(idle_and_half_spoken_connections, make_place, remove_place),
		cmocka_unit_test_setup_teardown(senders_that_drip_are_cut, make_place, remove_place),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
