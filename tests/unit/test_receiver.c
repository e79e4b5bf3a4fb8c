/* The OTLP receiver end to end: a collector of its own process, spoken to over TCP as clients speak,
 * well-meaning ones and others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "collect/otlp_again.h"
#include "collect/otlp_auth.h"
#include "console/control_client.h"
#include "daemon/spawn.h"
#include "store/query.h"

#define DEADLINE_US (15 * US_PER_S)

struct place {
	char folder[64], store[96], socket[96], log[96];
	struct config config;
	struct collector_child *child;
	int port;
};

static int make_place(void **state)
{
	struct place *p = mem_zalloc(sizeof(*p));

	snprintf(p->folder, sizeof(p->folder), "/tmp/llmdeck-receiver-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->store, sizeof(p->store), "%s/s.db", p->folder);
	snprintf(p->socket, sizeof(p->socket), "%s/c.sock", p->folder);
	snprintf(p->log, sizeof(p->log), "%s/log", p->folder);
	config_init(&p->config);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	char command[128];

	collector_child_stop(&p->child, DEADLINE_US);
	config_fini(&p->config);
	snprintf(command, sizeof(command), "rm -rf '%s'", p->folder);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static void pause_ms(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* Waits until the receiver's state and reason hold the given words; `reason` gets a copy. */
static void await_source(struct place *p, const char *state, const char *words, char reason[512])
{
	struct control_client *c = control_client_new(p->socket);
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	char last[700] = "no status";

	for (;;) {
		struct control_status status;
		struct err err = {""};
		bool found = false;

		if (control_client_status(c, &status, &err) == CONTROL_OK && status.source_count) {
			const struct control_source *s = &status.sources[0];

			found = strcmp(s->state, state) == 0 && strstr(s->reason, words);
			snprintf(last, sizeof(last), "%s: %.500s", s->state, s->reason);
			snprintf(reason, 512, "%s", s->reason);
		}
		control_status_fini(&status);
		if (found)
			break;
		if (clock_mono_us() > until_us)
			fail_msg("the source is not %s with \"%s\" but %s", state, words, last);
		pause_ms(20);
	}
	control_client_free(&c);
}

static void start_at(struct place *p, const char *listen)
{
	struct spawn_options o = {
		.collector = {.store_path = p->store, .socket_path = p->socket, .config = &p->config, .receive = true,
		              .listen = listen},
		.log_path = p->log,
	};
	struct err err = {""};
	char reason[512];

	if (collector_child_start(&p->child, &o, DEADLINE_US, &err))
		fail_msg("%s", err.text);
	await_source(p, "starting", "listening on", reason);
	p->port = atoi(strrchr(strtok(reason, ";"), ':') + 1);
	assert_true(p->port > 0);
}

static void start(struct place *p)
{
	start_at(p, "127.0.0.1:0");
}

static int64_t requests_of(const struct place *p)
{
	struct store_reader *reader;
	struct store_summary summary = {0};
	struct err err = {""};

	if (store_reader_open(&reader, p->store, &err) || query_summary(reader, &summary, &err))
		fail_msg("%s", err.text);
	store_reader_close(&reader);
	return summary.requests;
}

/* ── a client ──────────────────────────────────────────────────────────────────────────────── */

static int dial(const struct place *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->port)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

struct reply {
	int status;
	char head[2048];
	char body[4096];
	size_t body_len;
};

/* Reads one answer; status 0 when the connection ended without one. */
static void read_reply(int fd, struct reply *r)
{
	char bytes[6144];
	size_t len = 0;
	char *end = NULL;

	memset(r, 0, sizeof(*r));
	while (len < sizeof(bytes) - 1) {
		ssize_t got = recv(fd, bytes + len, sizeof(bytes) - 1 - len, 0);

		if (got <= 0)
			return;
		len += (size_t)got;
		bytes[len] = '\0';
		end = strstr(bytes, "\r\n\r\n");
		const char *length = end ? strcasestr(bytes, "content-length:") : NULL;

		if (!length)
			continue;
		r->body_len = strtoul(length + 15, NULL, 10);
		if (len >= (size_t)(end + 4 - bytes) + r->body_len)
			break;
	}
	assert_true(r->body_len < sizeof(r->body));
	memcpy(r->body, end + 4, r->body_len);
	memcpy(r->head, bytes, (size_t)(end - bytes));
	r->status = atoi(bytes + 9);
}

static bool send_request(int fd, const char *path, const char *headers, struct str body)
{
	struct buf head = {0};

	buf_printf(&head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", path, body.len, headers);
	bool ok = send_all(fd, head.data, head.len) && send_all(fd, body.ptr, body.len);

	buf_fini(&head);
	return ok;
}

#define JSON "Content-Type: application/json; charset=utf-8\r\n"
#define PROTOBUF "Content-Type: application/x-protobuf\r\n"

static struct reply post(const struct place *p, const char *path, const char *headers, struct str body)
{
	struct reply r = {0};
	int fd = dial(p);

	if (fd >= 0 && send_request(fd, path, headers, body))
		read_reply(fd, &r);
	close(fd);
	return r;
}

/* A body of model calls whose ids begin at `first` and which ended `ago_us` ago. */
static struct buf calls(uint32_t first, uint32_t count, int64_t end_us)
{
	struct buf b = {0};

	buf_puts(&b, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]},"
	         "\"scopeSpans\":[{\"scope\":{\"name\":\"x\"},\"spans\":[");
	for (uint32_t i = first; i < first + count; i++)
		buf_printf(&b, "%s{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"name\":\"chat m\",\"kind\":3,"
		           "\"startTimeUnixNano\":\"%lld000\",\"endTimeUnixNano\":\"%lld000\",\"attributes\":["
		           "{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}},"
		           "{\"key\":\"gen_ai.request.model\",\"value\":{\"stringValue\":\"m\"}},"
		           "{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"7\"}}]}", i > first ? "," : "", i + 1, i + 1,
		           (long long)(end_us + i - US_PER_S), (long long)(end_us + i));
	buf_puts(&b, "]}]}]}");
	return b;
}

static struct reply post_calls(const struct place *p, uint32_t first, uint32_t count, int64_t end_us)
{
	struct buf body = calls(first, count, end_us);
	struct reply r = post(p, "/v1/traces", JSON, buf_str(&body));

	buf_fini(&body);
	return r;
}

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
	assert_true(clock_mono_us() - started_us < DEADLINE_US);
	assert_int_equal(requests_of(p), 20);
	assert_in_range(memory_kb(p, "VmHWM:"), 1, MEMORY_MAX_KB);
	for (int i = 0; i < IDLE + HALF; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

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

/* ── kill -9 ───────────────────────────────────────────────────────────────────────────────── */

#define ROUNDS 20
#define PER_BODY 64

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
		cmocka_unit_test_setup_teardown(a_reload_keeps_connections_and_port, make_place, remove_place),
		cmocka_unit_test(repeated_bodies_of_metrics_are_not_read_again),
		cmocka_unit_test_setup_teardown(a_body_of_metrics_counts_once, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_taken_port_is_named_and_tried_again, make_place, remove_place),
		cmocka_unit_test_setup_teardown(killed_collector_loses_nothing_acknowledged, make_place, remove_place),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
