/* Metrics pages that misbehave, all at once, beside one that does not: each is told of in a sentence, the
 * memory stays bounded, and the good page is read as ever. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <zlib.h>

#include "source_bench.h"

/* More than before; the pages offer gigabytes. Sanitizers keep books of their own, larger than what they watch. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_MAX_KB (768 * 1024)
#else
#define MEMORY_MAX_KB (96 * 1024)
#endif
#define GOOD_PAGE "vllm:num_requests_running{model_name=\"m\"} 4\n"

enum fault { GOOD, HANGS, RESETS, FAILS, HTML, GIGABYTE, HEADERS, DRIPS, BOMB, CUT, NOTHING, DEEP, FAULTS };
static const struct {
	const char *name, *words;
} faults[FAULTS] = {
	[GOOD] = {"good", "\"reason\":\"\""},
	[HANGS] = {"hangs", "no answer in time"},
	[RESETS] = {"resets", "reset"},
	[FAILS] = {"fails", "the page answers 500: its server is in trouble"},
	[HTML] = {"html", "answers 200 with HTML: check its url"},
	[GIGABYTE] = {"gigabyte", "longer than 16777216 bytes: not read"},
	[HEADERS] = {"headers", "headers do not end"},
	[DRIPS] = {"drips", "no answer in time"},
	[BOMB] = {"bomb", "longer than 16777216 bytes: not read"},
	[CUT] = {"cut", "http://127.0.0.1"},
	[NOTHING] = {"nothing", "http://127.0.0.1"},
	[DEEP] = {"deep", "could not be read"},
};

struct page {
	enum fault fault;
	int fd, port;
	pthread_t thread;
	const struct buf *bomb;
	atomic_int asked;
};

static atomic_bool stop;

static bool tell(int fd, const char *bytes, size_t len)
{
	while (len && !atomic_load(&stop)) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (poll(&p, 1, 20) <= 0)
			continue;
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return !atomic_load(&stop);
}

static bool say(int fd, const char *text)
{
	return tell(fd, text, strlen(text));
}

/* Until the other side closes. */
static void wait_end(int fd)
{
	char bytes[512];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (!atomic_load(&stop))
		if (poll(&p, 1, 20) > 0 && recv(fd, bytes, sizeof bytes, 0) <= 0)
			return;
}

static void drip(int fd)
{
	while (say(fd, "#"))
		poll(NULL, 0, 50);
}

static void deep(int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < 100 && say(fd, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{\"a\":"); i++)
		;
}

static void misbehave(const struct page *p, int fd)
{
	static const char lines[65536] = {0};
	struct linger now = {1, 0};

	switch (p->fault) {
	case HANGS:
		wait_end(fd);
		break;
	case RESETS:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		break;
	case FAILS:
		say(fd, "HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\noops\n");
		break;
	case HTML:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
		break;
	case GIGABYTE:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
		for (int i = 0; i < 16384 && tell(fd, lines, sizeof lines); i++)
			;
		break;
	case HEADERS:
		say(fd, "HTTP/1.1 200 OK\r\n");
		while (say(fd, "X-More: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"))
			;
		break;
	case DRIPS:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
		drip(fd);
		break;
	case BOMB:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
		tell(fd, p->bomb->data, p->bomb->len);
		break;
	case CUT:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n" GOOD_PAGE);
		break;
	case DEEP:
		deep(fd);
		break;
	case GOOD:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" GOOD_PAGE);
		break;
	case NOTHING:
	case FAULTS:
		break;
	}
}

static void *serve(void *arg)
{
	struct page *p = arg;
	char request[4096];

	while (!atomic_load(&stop)) {
		struct pollfd waiting = {.fd = p->fd, .events = POLLIN};
		int fd = poll(&waiting, 1, 20) > 0 ? accept(p->fd, NULL, NULL) : -1;

		if (fd < 0)
			continue;
		if (recv(fd, request, sizeof request, 0) > 0) {
			atomic_fetch_add(&p->asked, 1);
			misbehave(p, fd);
		}
		close(fd);
	}
	return NULL;
}

static void page_start(struct page *p, enum fault fault, const struct buf *bomb)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*p = (struct page){.fault = fault, .bomb = bomb, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(p->fd, 16), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

/* 512 MiB of line ends. */
static struct buf make_bomb(void)
{
	char *lines = mem_alloc(1 << 20);
	struct buf out = {0};
	z_stream z = {0};

	memset(lines, '\n', 1 << 20);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 512; i++) {
		z.next_in = (unsigned char *)lines;
		z.avail_in = 1 << 20;
		do {
			z.next_out = (unsigned char *)buf_reserve(&out, 65536);
			z.avail_out = 65536;
			deflate(&z, i == 511 ? Z_FINISH : Z_NO_FLUSH);
			out.len += 65536 - z.avail_out;
		} while (z.avail_out == 0);
	}
	deflateEnd(&z);
	free(lines);
	return out;
}

static long peak_kb(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return use.ru_maxrss;
}

/* The sentence of one source, from the status of all. */
static bool source_says(const struct bench *b, const char *name, const char *words)
{
	char *status = bench_status(b), *mark = mem_printf("\"name\":\"%s\"", name), *from = strstr(status, mark);
	bool says = false;

	if (from) {
		char *next = strstr(from + 1, "\"name\":\"");

		if (next)
			*next = '\0';
		says = strstr(from, words) != NULL;
	}
	free(mark);
	free(status);
	return says;
}

static void await_words(struct bench *b, const char *name, const char *words)
{
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US;

	while (!source_says(b, name, words)) {
		if (clock_mono_us() > until_us)
			fail_msg("%s does not say \"%s\": %s", name, words, bench_status(b));
		loop_turn(b->loop, 10, NULL);
	}
}

static void pages_that_misbehave(void **state)
{
	struct page pages[FAULTS];
	struct buf bomb = make_bomb(), yaml = {0};
	struct bench b;

	(void)state;
	atomic_store(&stop, false);
	buf_puts(&yaml, "sources:\n");
	for (int i = 0; i < FAULTS; i++) {
		page_start(&pages[i], (enum fault)i, &bomb);
		buf_printf(&yaml, "  - {name: %s, kind: prometheus, url: \"http://127.0.0.1:%d/metrics\", every: 1s, timeout: %s}\n",
		           faults[i].name, pages[i].port, i == HANGS || i == DRIPS ? "700ms" : "20s");
	}
	long before_kb = peak_kb();

	bench_open(&b, yaml.data);
	for (int i = 0; i < FAULTS; i++)
		await_words(&b, faults[i].name, faults[i].words);
	for (int i = 0; i < FAULTS; i++)
		assert_true(source_says(&b, faults[i].name, i == GOOD ? "\"state\":\"ok\"" : "\"state\":\"failing\""));
	/* The good one goes on being read, while the others go on as they do. */
	int asked = atomic_load(&pages[GOOD].asked);
	int64_t until_us = clock_mono_us() + BENCH_DEADLINE_US;

	while (atomic_load(&pages[GOOD].asked) < asked + 3) {
		assert_true(clock_mono_us() < until_us);
		loop_turn(b.loop, 10, NULL);
	}
	assert_true(source_says(&b, "good", "\"state\":\"ok\""));
	print_message("at most %ld kB more memory\n", peak_kb() - before_kb);
	assert_true(peak_kb() - before_kb < MEMORY_MAX_KB);
	bench_close(&b);
	atomic_store(&stop, true);
	for (int i = 0; i < FAULTS; i++) {
		pthread_join(pages[i].thread, NULL);
		close(pages[i].fd);
	}
	buf_fini(&bomb);
	buf_fini(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_misbehave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
