/* bench_screen SECONDS COMMAND…: what a live screen costs over a pty. Runs the command at 120×40 and at
 * 200×50 and prints first paint, bytes a second, reads a second (a frame written whole and read at
 * once is one), processor share, memory and how soon a key is answered. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define KEYS 60
#define WARM_US (3 * US_PER_S)

struct meter {
	int fd;
	pid_t pid;
	int64_t bytes, reads;
	int64_t first_us; /* from start to the first content */
};

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Reads for `us`; stops early at the first bytes when `one` is set. */
static void take(struct meter *m, int64_t us, bool one)
{
	int64_t end = clock_mono_us() + us;
	char bytes[1 << 16];

	while (clock_mono_us() < end) {
		struct pollfd p = {.fd = m->fd, .events = POLLIN};
		int left_ms = (int)((end - clock_mono_us()) / US_PER_MS) + 1;

		if (poll(&p, 1, left_ms) <= 0)
			continue;
		ssize_t n = read(m->fd, bytes, sizeof bytes);
		if (n <= 0)
			return;
		m->bytes += n;
		m->reads++;
		if (one)
			return;
	}
}

/* User and system time of the process so far, and its resident size. */
static void look_at(pid_t pid, double *cpu_s, long *rss_kb)
{
	char path[64], text[4096];
	unsigned long user = 0, system = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	*cpu_s = 0;
	*rss_kb = 0;
	if ((f = fopen(path, "r")) != NULL) {
		size_t n = fread(text, 1, sizeof text - 1, f);

		text[n] = '\0';
		char *at = strrchr(text, ')');
		if (at && sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
			*cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
		fclose(f);
	}
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "r")) != NULL) {
		while (fgets(text, sizeof text, f))
			sscanf(text, "VmRSS: %ld kB", rss_kb);
		fclose(f);
	}
}

static void start(struct meter *m, char **argv, int width, int height)
{
	struct winsize size = {.ws_col = (unsigned short)width, .ws_row = (unsigned short)height};
	int64_t t0 = clock_mono_us();

	memset(m, 0, sizeof *m);
	m->pid = forkpty(&m->fd, NULL, NULL, &size);
	if (m->pid < 0) {
		perror("forkpty");
		exit(1);
	}
	if (m->pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		setenv("LANG", "C.UTF-8", 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	fcntl(m->fd, F_SETFL, O_NONBLOCK);
	while (m->bytes < 400 && clock_mono_us() - t0 < 10 * US_PER_S)
		take(m, 10 * US_PER_MS, true);
	m->first_us = clock_mono_us() - t0;
}

/* Pauses and goes on: each key changes the header at once. */
static void answer_keys(struct meter *m, int64_t *took)
{
	for (int i = 0; i < KEYS; i++) {
		int64_t before, t0;

		take(m, 150 * US_PER_MS, false);
		before = m->bytes;
		t0 = clock_mono_us();
		if (write(m->fd, "p", 1) != 1)
			return;
		while (m->bytes == before && clock_mono_us() - t0 < US_PER_S)
			take(m, US_PER_S, true);
		took[i] = clock_mono_us() - t0;
	}
	qsort(took, KEYS, sizeof *took, by_size);
}

static void measure(char **argv, int width, int height, int64_t seconds)
{
	struct meter m;
	int64_t took[KEYS] = {0};
	double cpu0, cpu1;
	long rss;

	start(&m, argv, width, height);
	take(&m, WARM_US, false);
	int64_t bytes0 = m.bytes, reads0 = m.reads, t0 = clock_mono_us();
	look_at(m.pid, &cpu0, &rss);
	take(&m, seconds * US_PER_S, false);
	look_at(m.pid, &cpu1, &rss);
	double ran_s = (double)(clock_mono_us() - t0) / 1e6;
	int64_t bytes = m.bytes - bytes0, reads = m.reads - reads0;
	answer_keys(&m, took);
	if (write(m.fd, "q", 1) == 1)
		take(&m, US_PER_S, false);
	kill(m.pid, SIGTERM);
	waitpid(m.pid, NULL, 0);
	close(m.fd);
	printf("  %3dx%-3d  first paint %5.1f ms  %6.0f B/s  %4.1f reads/s  cpu %4.2f %%  rss %4.1f MB  "
	       "key p50 %4.1f p99 %4.1f ms\n",
	       width, height, (double)m.first_us / 1e3, (double)bytes / ran_s, (double)reads / ran_s,
	       (cpu1 - cpu0) / ran_s * 100, (double)rss / 1024, (double)took[KEYS / 2] / 1e3,
	       (double)took[KEYS - 1] / 1e3);
}

int main(int argc, char **argv)
{
	int64_t seconds = argc > 2 ? atoll(argv[1]) : 0;

	if (seconds <= 0) {
		fprintf(stderr, "bench_screen SECONDS COMMAND…\n");
		return 2;
	}
	measure(argv + 2, 120, 40, seconds);
	measure(argv + 2, 200, 50, seconds);
	return 0;
}
