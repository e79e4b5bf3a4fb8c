/* bench_keys COUNT COMMAND…: how soon a key is answered. Runs the command on a pty of 120×40, walks up
 * and down a table COUNT times, and times from the key to the first byte of what it changed. Between
 * keys it waits until the screen is quiet, at moments spread over the second, so that keys also fall
 * on the loader's work. Run it while something else keeps the store busy. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define WARM_US (2 * US_PER_S)
#define QUIET_MS 15
#define LATE_US (US_PER_S / 4)

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Waits for bytes; false when none came in time. */
static bool take(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char bytes[1 << 16];

	return poll(&p, 1, timeout_ms) > 0 && read(fd, bytes, sizeof bytes) > 0;
}

static void take_for(int fd, int64_t us)
{
	int64_t end = clock_mono_us() + us;

	while (clock_mono_us() < end)
		take(fd, 5);
}

static int64_t time_key(int fd, const char *key)
{
	int64_t t0;

	while (take(fd, QUIET_MS))
		;
	t0 = clock_mono_us();
	if (write(fd, key, strlen(key)) < 0 || !take(fd, (int)(LATE_US / US_PER_MS)))
		return LATE_US;
	return clock_mono_us() - t0;
}

static pid_t start(int *fd, char **argv, int64_t *first_us)
{
	struct winsize size = {.ws_col = 120, .ws_row = 40};
	int64_t t0 = clock_mono_us();
	pid_t pid = forkpty(fd, NULL, NULL, &size);

	if (pid < 0) {
		perror("forkpty");
		exit(1);
	}
	if (pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		setenv("LANG", "C.UTF-8", 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	take(*fd, 10000);
	*first_us = clock_mono_us() - t0;
	return pid;
}

int main(int argc, char **argv)
{
	int64_t count = argc > 2 ? atoll(argv[1]) : 0, first_us, *took, late = 0;
	int fd;
	pid_t pid;

	if (count <= 0) {
		fprintf(stderr, "bench_keys COUNT COMMAND…\n");
		return 2;
	}
	took = calloc((size_t)count, sizeof *took);
	if (!took)
		return 1;
	pid = start(&fd, argv + 2, &first_us);
	take_for(fd, WARM_US);
	time_key(fd, "\t"); /* from the signals to a table with rows */
	for (int64_t i = 0; i < count; i++) {
		take_for(fd, (i * 37 % 90) * US_PER_MS);
		took[i] = time_key(fd, i % 2 ? "k" : "j");
		late += took[i] > 16 * US_PER_MS;
		if (i == 4 && took[0] + took[1] + took[2] + took[3] + took[4] > 4 * LATE_US) {
			printf("  the keys change nothing: is there a table with rows?\n");
			count = 5;
		}
	}
	if (write(fd, "q", 1) == 1)
		take_for(fd, US_PER_S / 2);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	qsort(took, (size_t)count, sizeof *took, by_size);
	printf("  first bytes %.1f ms; %lld keys: p50 %.2f p99 %.2f max %.2f ms, %lld later than 16 ms\n",
	       (double)first_us / 1e3, (long long)count, (double)took[count / 2] / 1e3,
	       (double)took[count * 99 / 100] / 1e3, (double)took[count - 1] / 1e3, (long long)late);
	free(took);
	return 0;
}
