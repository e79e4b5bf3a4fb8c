/* bench_start COUNT STORE|- COMMAND…: how soon a console shows something. Runs the command COUNT times on a
 * terminal of 120×40 drawn by libvterm and prints median and worst time from the start to the first frame
 * (header and frames stand), and to the first figures (the row of costs holds one), with the processor
 * time that the console had used by then, which does not depend on who else is at work. STORE is removed
 * before each start; "-" leaves what there is. The collector that it starts is another process. */
#include <ctype.h>
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "screen/screen.h"

#define WIDTH 120
#define HEIGHT 40
#define LATE_MS 3000

struct start {
	int64_t frame_us, figures_us, frame_cpu_us, figures_cpu_us; /* figures: 0 when a store has none */
};

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* What all threads of the process have run so far. */
static int64_t cpu_us(long pid)
{
	char path[96];
	int64_t sum_ns = 0;
	long long ns;
	struct dirent *e;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	tasks = opendir(path);
	while (tasks && (e = readdir(tasks)) != NULL) {
		FILE *f;

		snprintf(path, sizeof path, "/proc/%ld/task/%.20s/schedstat", pid, e->d_name);
		f = isdigit((unsigned char)e->d_name[0]) ? fopen(path, "r") : NULL;
		if (f && fscanf(f, "%lld", &ns) == 1)
			sum_ns += ns;
		if (f)
			fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return sum_ns / 1000;
}

static bool has_frame(struct screen *s)
{
	return strstr(screen_row(s, 0), "llmdeck") && strstr(screen_text(s), "signals");
}

/* " cost   $220/h": a figure where the signals begin. */
static bool has_figures(struct screen *s)
{
	for (int y = 1; y < HEIGHT; y++) {
		const char *row = screen_row(s, y), *dollar = strchr(row, '$');

		if (!strncmp(row, " cost ", 6) && dollar && isdigit((unsigned char)dollar[1]))
			return true;
	}
	return false;
}

/* False when it did not come. */
static bool wait_for(struct screen *s, bool (*there)(struct screen *), int64_t t0_us)
{
	while (!there(s)) {
		if (clock_mono_us() - t0_us > LATE_MS * US_PER_MS)
			return false;
		screen_settle(s, 1, 1);
	}
	return true;
}

static void start_once(const char *const *argv, struct start *out)
{
	int64_t t0 = clock_mono_us();
	struct screen *s = screen_start(argv, NULL, WIDTH, HEIGHT);

	if (!wait_for(s, has_frame, t0)) {
		fprintf(stderr, "bench_start: no frame came:\n%s\n", screen_text(s));
		exit(1);
	}
	out->frame_us = clock_mono_us() - t0;
	out->frame_cpu_us = cpu_us(screen_pid(s));
	if (wait_for(s, has_figures, t0)) {
		out->figures_us = clock_mono_us() - t0;
		out->figures_cpu_us = cpu_us(screen_pid(s));
	}
	screen_send(s, "q");
	screen_wait_exit(s, LATE_MS);
	screen_free(&s);
}

static void forget_store(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	char file[512];

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}

static void say(const char *what, const struct start *starts, size_t offset, size_t count)
{
	int64_t *us = calloc(count, sizeof *us);

	for (size_t i = 0; us && i < count; i++)
		memcpy(&us[i], (const char *)&starts[i] + offset, sizeof *us);
	if (us) {
		qsort(us, count, sizeof *us, by_size);
		printf("  %-32s median %6.1f  worst %6.1f ms\n", what, (double)us[count / 2] / 1e3, (double)us[count - 1] / 1e3);
	}
	free(us);
}

int main(int argc, char **argv)
{
	size_t count = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
	struct start *starts = count > 0 && count < 10000 ? calloc(count, sizeof *starts) : NULL;

	if (!starts) {
		fprintf(stderr, "bench_start COUNT STORE|- COMMAND…\n");
		return 2;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(argv[2], "-") != 0)
			forget_store(argv[2]);
		start_once((const char *const *)(uintptr_t)(argv + 3), &starts[i]);
	}
	say("first frame", starts, offsetof(struct start, frame_us), count);
	say("first frame, processor time", starts, offsetof(struct start, frame_cpu_us), count);
	say("first figures", starts, offsetof(struct start, figures_us), count);
	say("first figures, processor time", starts, offsetof(struct start, figures_cpu_us), count);
	free(starts);
	return 0;
}
