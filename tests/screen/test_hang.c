/* Every source hangs: pages that take a connection and never answer. Keys are still answered at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "screen_asserts.h"

#define KEYS 20
#define SLOW_US (250 * US_PER_MS) /* a frame is 16 ms; others may have the processor */

/* A socket that takes connections, by the kernel alone, and says nothing. */
static int listen_silently(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void keys_are_answered_while_all_sources_hang(void **state)
{
	char urls[3][64];
	int fds[3], ports[3];
	int64_t took_us[KEYS];

	(void)state;
	for (int i = 0; i < 3; i++) {
		fds[i] = listen_silently(&ports[i]);
		snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d/metrics", ports[i]);
	}
	const char *argv[] = {screen_binary(), "-e", urls[0], "-e", urls[1], "-e", urls[2], NULL};
	struct screen *s = screen_start(argv, NULL, 120, 40);

	/* It says so in words. */
	assert_true(screen_wait_text(s, "0/3 ok", SOON));
	screen_send(s, "1");
	if (!screen_wait_text(s, "no answer in time", SOON))
		fail_msg("the hanging pages are not told of:\n%s", screen_text(s));
	for (int i = 0; i < KEYS; i++) {
		int64_t from_us = clock_mono_us();

		screen_send(s, i % 2 ? "\x1b" : "?");
		if (!(i % 2 ? screen_wait_gone(s, "this help", SOON) : screen_wait_text(s, "this help", SOON)))
			fail_msg("key %d is not answered:\n%s", i, screen_text(s));
		took_us[i] = clock_mono_us() - from_us;
	}
	qsort(took_us, KEYS, sizeof *took_us, ascending);
	print_message("a key is answered in %.1f ms, the slowest in %.1f ms\n", (double)took_us[KEYS / 2] / US_PER_MS,
	              (double)took_us[KEYS - 1] / US_PER_MS);
	assert_true(took_us[KEYS / 2] < SLOW_US);
	screen_free(&s);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_answered_while_all_sources_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
