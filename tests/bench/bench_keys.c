/* bench_keys COUNT COMMAND…: how soon a key is answered. Runs the command on a pty of 120×40, walks up
 * and down a table COUNT times, and times from the key to the first byte of what it changed. Between
 * keys it waits until the screen is quiet, at moments spread over the second, so that keys also fall
 * on the loader's work. Run it while something else keeps the store busy.
 *
 * Between the keys it times one of a program that does nothing but send back what it gets, on a pty of its own:
 * what the machine's other work adds to every key. */
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
#include <termios.h>
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

static pid_t fork_on_pty(int *fd)
{
	struct winsize size = {.ws_col = 120, .ws_row = 40};
	pid_t pid = forkpty(fd, NULL, NULL, &size);

	if (pid < 0) {
		perror("forkpty");
		exit(1);
	}
	return pid;
}

static pid_t start_echo(int *fd)
{
	pid_t pid = fork_on_pty(fd);

	if (pid == 0) {
		struct termios t;
		char key;

		tcgetattr(0, &t);
		cfmakeraw(&t);
		tcsetattr(0, TCSANOW, &t);
		while (write(1, "x", 1) == 1 && read(0, &key, 1) == 1)
			;
		_exit(0);
	}
	take(*fd, 10000);
	return pid;
}

static pid_t start(int *fd, char **argv, int64_t *first_us)
{
	int64_t t0 = clock_mono_us();
	pid_t pid = fork_on_pty(fd);

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

static void stop(int fd, pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	close(fd);
}

static void say(const char *of, int64_t *took, size_t count)
{
	int late = 0;

	qsort(took, count, sizeof *took, by_size);
	for (size_t i = 0; i < count; i++)
		late += took[i] > 16 * US_PER_MS;
	printf("  %s: %zu keys: p50 %.2f p99 %.2f max %.2f ms, %d later than 16 ms\n", of, count, (double)took[count / 2] / 1e3,
	       (double)took[count * 99 / 100] / 1e3, (double)took[count - 1] / 1e3, late);
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? (size_t)atoll(argv[1]) : 0;
	int64_t first_us, *took, *echoed;
	int fd, echo_fd;
	pid_t pid, echo_pid;

	if (count == 0 || count > 1000000) {
		fprintf(stderr, "bench_keys COUNT COMMAND…\n");
		return 2;
	}
	took = calloc(count, sizeof *took);
	echoed = calloc(count, sizeof *echoed);
	if (!took || !echoed)
		return 1;
	echo_pid = start_echo(&echo_fd);
	pid = start(&fd, argv + 2, &first_us);
	take_for(fd, WARM_US);
	time_key(fd, "\t"); /* from the signals to a table with rows */
	for (size_t i = 0; i < count; i++) {
		take_for(fd, (int64_t)(i * 37 % 90) * US_PER_MS);
		echoed[i] = time_key(echo_fd, "x");
		took[i] = time_key(fd, i % 2 ? "k" : "j");
		if (i == 4 && took[0] + took[1] + took[2] + took[3] + took[4] > 4 * LATE_US) {
			printf("  the keys change nothing: is there a table with rows?\n");
			count = 5;
		}
	}
	if (write(fd, "q", 1) == 1)
		take_for(fd, US_PER_S / 2);
	stop(fd, pid);
	stop(echo_fd, echo_pid);
	printf("  first bytes %.1f ms\n", (double)first_us / 1e3);
	say("the console", took, count);
	say("a mere echo", echoed, count);
	free(took);
	free(echoed);
	return 0;
}
