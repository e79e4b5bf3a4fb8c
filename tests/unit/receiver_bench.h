/* A collector of its own process and a client that speaks to it over TCP, for the receiver's tests. */
#ifndef LLMDECK_TESTS_RECEIVER_BENCH_H
#define LLMDECK_TESTS_RECEIVER_BENCH_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
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
#include "unit/collector_place.h"

#define PER_BODY 64

/* Waits until the receiver's state and reason hold the given words; `reason` gets a copy. */
static inline void await_source(struct place *p, const char *state, const char *words, char reason[512])
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

static inline void start_at(struct place *p, const char *listen)
{
	struct spawn_options o = place_options(p);
	char reason[512];

	o.collector.receive = true;
	o.collector.listen = listen;
	place_start(p, &o);
	await_source(p, "starting", "listening on", reason);
	p->port = atoi(strrchr(strtok(reason, ";"), ':') + 1);
	assert_true(p->port > 0);
}

static inline void start(struct place *p)
{
	start_at(p, "127.0.0.1:0");
}

static inline int64_t requests_of(const struct place *p)
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

static inline int dial(const struct place *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->port)};
	/* The writer tries a failed commit again for seconds before it says no: longer still on a busy machine. */
	struct timeval patience = {.tv_sec = DEADLINE_US / US_PER_S};
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

static inline bool send_all(int fd, const char *bytes, size_t len)
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
static inline void read_reply(int fd, struct reply *r)
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

static inline bool send_request(int fd, const char *path, const char *headers, struct str body)
{
	struct buf head = {0};

	buf_printf(&head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", path, body.len, headers);
	bool ok = send_all(fd, head.data, head.len) && send_all(fd, body.ptr, body.len);

	buf_fini(&head);
	return ok;
}

#define JSON "Content-Type: application/json; charset=utf-8\r\n"
#define PROTOBUF "Content-Type: application/x-protobuf\r\n"

static inline struct reply post(const struct place *p, const char *path, const char *headers, struct str body)
{
	struct reply r = {0};
	int fd = dial(p);

	if (fd >= 0 && send_request(fd, path, headers, body))
		read_reply(fd, &r);
	close(fd);
	return r;
}

/* A body of model calls whose ids begin at `first` and which ended `ago_us` ago. */
static inline struct buf calls(uint32_t first, uint32_t count, int64_t end_us)
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

static inline struct reply post_calls(const struct place *p, uint32_t first, uint32_t count, int64_t end_us)
{
	struct buf body = calls(first, count, end_us);
	struct reply r = post(p, "/v1/traces", JSON, buf_str(&body));

	buf_fini(&body);
	return r;
}

#endif
