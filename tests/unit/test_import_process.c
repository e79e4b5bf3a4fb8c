/* llmdeck import as a process: a file larger than its memory, an interruption by Ctrl-C and by kill -9. The rows
 * come over a pipe where the moment matters: what has been written then is known. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#define DEADLINE_US (90 * US_PER_S)
#define LIMIT_BYTES ((rlim_t)128 << 20)
#define RSS_MAX_KB (64 << 10)

static char folder[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/llmdeck-import-XXXXXX");
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	char *line = mem_printf("rm -rf '%s'", folder);
	int result = system(line);

	free(line);
	return result;
}

static char *place(const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

/* What a process has said, both on stdout and stderr. */
static void read_said(struct buf *said)
{
	char *path = place("said");
	struct err err;

	buf_reset(said);
	buf_puts(said, "");
	if (file_read(path, 1 << 20, said, &err) != 0)
		fail_msg("%s", err.text);
	free(path);
}

/* Starts `llmdeck --store STORE import --format FORMAT FILE`; with a pipe into it when `in` is not NULL. */
static pid_t start(const char *store, const char *format, const char *file, bool limited, int *in)
{
	const char *env = getenv("LLMDECK_BINARY");
	char *path = place(store), *said = place("said");
	int ends[2] = {-1, -1};

	assert_true(!in || pipe2(ends, O_CLOEXEC) == 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit limit = {LIMIT_BYTES, LIMIT_BYTES};
		int out = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		if (in)
			dup2(ends[0], STDIN_FILENO);
		setenv("XDG_RUNTIME_DIR", folder, 1);
		setenv("HOME", folder, 1);
		if (!limited || setrlimit(RLIMIT_DATA, &limit) == 0)
			execlp(env && env[0] ? env : "build/llmdeck", "llmdeck", "--store", path, "import", "--format",
			       format, file, (char *)NULL);
		_exit(127);
	}
	if (in) {
		close(ends[0]);
		*in = ends[1];
	}
	free(path);
	free(said);
	return child;
}

/* Its exit code, -SIGNAL when one ended it; the most memory it had, in kB. */
static int end_of(pid_t child, long *rss_kb)
{
	struct rusage usage;
	int status;

	assert_int_equal(wait4(child, &status, 0, &usage), child);
	if (rss_kb)
		*rss_kb = usage.ru_maxrss;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void write_all(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0)
			return; /* the reader has ended: its exit code says why */
		s.ptr += n;
		s.len -= (size_t)n;
	}
}

/* Rows `from` to `to` (exclusive), each padded with a field that is ignored. */
static void add_rows(struct buf *out, const char *format, size_t from, size_t to, size_t padding)
{
	char *pad = mem_alloc(padding + 1);
	bool csv = strcmp(format, "csv") == 0, array = strcmp(format, "json") == 0;

	memset(pad, 'x', padding);
	pad[padding] = '\0';
	for (size_t i = from; i < to; i++) {
		unsigned long long time = 1700000000u + i / 100;

		if (csv)
			buf_printf(out, "%s%llu,gpt-4o,%zu,10,%s\n", i ? "" : "time,model,input_tokens,output_tokens,prompt\n", time, i, pad);
		else
			buf_printf(out, "%s{\"time\":%llu,\"model\":\"gpt-4o\",\"input_tokens\":%zu,\"output_tokens\":10,\"prompt\":\"%s\"}\n",
			           !array ? "" : i ? "," : "[", time, i, pad);
	}
	free(pad);
}

/* Whether `llmdeck WORDS` succeeds; what it says is in `said`. */
static bool llmdeck(const char *store, const char *words, struct buf *said)
{
	const char *env = getenv("LLMDECK_BINARY");
	char *line = mem_printf("XDG_RUNTIME_DIR=%s HOME=%s %s --store %s/%s %s >%s/said 2>&1", folder, folder,
	                        env && env[0] ? env : "build/llmdeck", folder, store, words, folder);
	int status = system(line);

	free(line);
	read_said(said);
	return status == 0;
}

static void assert_requests(const char *store, size_t count)
{
	struct buf said = {0};
	char *wanted = mem_printf("\"requests\":%zu,", count);

	if (!llmdeck(store, "doctor --deep --only store", &said))
		fail_msg("%s", said.data);
	assert_true(llmdeck(store, "report --format json --from 2023-01-01T00:00:00Z --to 2024-12-31T00:00:00Z", &said));
	if (!strstr(said.data, wanted))
		fail_msg("no %s in %s", wanted, said.data);
	free(wanted);
	buf_fini(&said);
}

/* 180 MB in rows of 4.5 kB, with 128 MiB of memory at most to be had. */
static void take_more_than_memory(const char *format)
{
	const size_t rows = 40000, each = 1000;
	struct buf text = {0}, said = {0};
	long rss_kb;
	int in;

	pid_t child = start(format, format, "-", true, &in);
	for (size_t i = 0; i < rows; i += each) {
		buf_reset(&text);
		add_rows(&text, format, i, i + each, 4500);
		if (i + each == rows && strcmp(format, "json") == 0)
			buf_puts(&text, "]");
		write_all(in, buf_str(&text));
	}
	close(in);
	int code = end_of(child, &rss_kb);
	read_said(&said);
	if (code != 0 || !strstr(said.data, "imported 40000, rejected 0, duplicate 0"))
		fail_msg("exit %d: %s", code, said.data);
	if (rss_kb > RSS_MAX_KB)
		fail_msg("%s: %ld kB of memory", format, rss_kb);
	assert_requests(format, rows);
	buf_fini(&text);
	buf_fini(&said);
}

static void more_than_memory(void **state)
{
	(void)state;
#ifdef SANITIZED
	print_message("sanitizers need more memory: skipped\n");
	skip();
#endif
	take_more_than_memory("jsonl");
	take_more_than_memory("csv");
	take_more_than_memory("json");
}

/* Waits until a file of the store has so many bytes; false when the process ended first. */
static bool wait_for_bytes(pid_t child, const char *name, off_t bytes)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	char *path = place(name);
	struct stat st;
	siginfo_t info = {0};
	bool there = false;

	while (!there && clock_mono_us() < until_us) {
		there = stat(path, &st) == 0 && st.st_size >= bytes;
		if (!there && waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child)
			break;
		poll(NULL, 0, 1);
	}
	free(path);
	return there;
}

#define ROWS_FED 30000u

/* Ctrl-C while the pipe is open: what was read is stored, and it says how far that is; given everything once more,
 * the same command goes on there. */
static void interrupted(void **state)
{
	struct buf text = {0}, said = {0};
	unsigned long long line = 0, bytes = 0;
	int in;

	(void)state;
	add_rows(&text, "csv", 0, ROWS_FED, 100);
	pid_t child = start("c.db", "csv", "-", false, &in);
	write_all(in, buf_str(&text));
	assert_true(wait_for_bytes(child, "c.db-wal", 1));
	assert_int_equal(kill(child, SIGINT), 0);
	assert_int_equal(end_of(child, NULL), 1);
	close(in);
	read_said(&said);
	const char *stopped = strstr(said.data, "stopped: - is stored up to line ");
	if (!stopped || sscanf(stopped, "stopped: - is stored up to line %llu (%llu bytes)", &line, &bytes) != 2)
		fail_msg("%s", said.data);
	assert_true(line <= ROWS_FED + 1 && bytes <= text.len);
	assert_requests("c.db", line ? (size_t)line - 1 : 0);

	child = start("c.db", "csv", "-", false, &in);
	write_all(in, buf_str(&text));
	close(in);
	assert_int_equal(end_of(child, NULL), 0);
	assert_requests("c.db", ROWS_FED);
	buf_fini(&text);
	buf_fini(&said);
}

/* kill -9 at several moments of one import, then once to its end. */
static void killed(void **state)
{
	const size_t rows = 400000;
	struct buf text = {0}, said = {0};
	char *file = place("k.csv");
	struct err err;

	(void)state;
	add_rows(&text, "csv", 0, rows, 20);
	assert_int_equal(file_write_atomic(file, text.data, text.len, 0600, &err), 0);
	for (int i = 0; i < 4; i++) {
		pid_t child = start("k.db", "csv", file, false, NULL);
		bool grown = wait_for_bytes(child, "k.db-wal", (off_t)1 << (12 + 4 * i));

		kill(child, SIGKILL);
		end_of(child, NULL);
		/* The tables are made in one transaction of a third of a megabyte: killed in it, there is no store yet, and
		 * it says so. Later there is one, and it is whole. */
		bool may_be_none = !grown || i < 2;

		if (!llmdeck("k.db", "doctor --deep --only store", &said) && !(may_be_none && strstr(said.data, "the store is empty")))
			fail_msg("%s", said.data);
	}
	assert_int_equal(end_of(start("k.db", "csv", file, false, NULL), NULL), 0);
	assert_requests("k.db", rows);
	/* And once more: nothing is added. */
	assert_int_equal(end_of(start("k.db", "csv", file, false, NULL), NULL), 0);
	read_said(&said);
	assert_non_null(strstr(said.data, "imported 0, rejected 0, duplicate 400000"));
	assert_requests("k.db", rows);
	free(file);
	buf_fini(&text);
	buf_fini(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_memory),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
