/* Every source hangs: pages that take a connection and never answer. Keys are still answered at once: as soon
 * as in a console beside it that has no such source, in the same run, so that other work on the machine
 * slows both. (Esc is no measure: it waits, by `escdelay`, for the rest of a sequence.) */
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

#define KEYS 60
#define FRAME_US (16 * US_PER_MS)

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

/* Opens the help, or closes it; how long that took. */
static int64_t key_takes_us(struct screen *s, bool opens)
{
	int64_t from_us = clock_mono_us();

	screen_send(s, "?");
	if (!(opens ? screen_wait_text(s, "this help", SOON) : screen_wait_gone(s, "this help", SOON)))
		fail_msg("a key is not answered:\n%s", screen_text(s));
	return clock_mono_us() - from_us;
}

static int64_t median_us(int64_t took_us[KEYS])
{
	qsort(took_us, KEYS, sizeof *took_us, ascending);
	return took_us[KEYS / 2];
}

static void keys_are_answered_while_all_sources_hang(void **state)
{
	const char *quiet_argv[] = {screen_binary(), NULL};
	int64_t hanging_us[KEYS], quiet_us[KEYS];
	char urls[3][64];
	int fds[3], ports[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		fds[i] = listen_silently(&ports[i]);
		snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d/metrics", ports[i]);
	}
	const char *argv[] = {screen_binary(), "-e", urls[0], "-e", urls[1], "-e", urls[2], NULL};
	struct screen *hanging = screen_start(argv, NULL, 120, 40), *quiet = screen_start(quiet_argv, NULL, 120, 40);

	/* It says so in words. */
	assert_true(screen_wait_text(hanging, "0/3 ok", SOON));
	screen_send(hanging, "1");
	if (!screen_wait_text(hanging, "no answer in time", SOON))
		fail_msg("the hanging pages are not told of:\n%s", screen_text(hanging));
	assert_true(screen_wait_text(quiet, "?help", SOON));
	screen_send(quiet, "1");
	assert_true(screen_wait_text(quiet, "sources", SOON));
	for (int i = 0; i < KEYS; i++) {
		hanging_us[i] = key_takes_us(hanging, i % 2 == 0);
		quiet_us[i] = key_takes_us(quiet, i % 2 == 0);
	}
	int64_t hangs_us = median_us(hanging_us), quiets_us = median_us(quiet_us);

	print_message("a key is answered in %.1f ms (the slowest in %.1f ms); without hanging sources in %.1f ms (%.1f ms)\n",
	              (double)hangs_us / US_PER_MS, (double)hanging_us[KEYS - 1] / US_PER_MS, (double)quiets_us / US_PER_MS,
	              (double)quiet_us[KEYS - 1] / US_PER_MS);
	assert_true(hangs_us < FRAME_US + 2 * quiets_us);
	screen_free(&hanging);
	screen_free(&quiet);
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
