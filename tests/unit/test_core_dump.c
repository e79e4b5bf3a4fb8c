/* A crash leaves no core file: what a collector's memory holds stays in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process in the folder that may leave a core file of any size; its standard error is what `heard` reads. */
static pid_t start(const char *folder, const char *program, FILE **heard)
{
	const struct rlimit any = {RLIM_INFINITY, RLIM_INFINITY};
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		if (setrlimit(RLIMIT_CORE, &any) || chdir(folder))
			_exit(126);
		if (program)
			execl(program, program, "--store", "s.db", "--socket", "s.sock", "collect", "--listen", "127.0.0.1:0", (char *)NULL);
		else
			abort();
		_exit(127);
	}
	close(ends[1]);
	*heard = fdopen(ends[0], "r");
	assert_non_null(*heard);
	return child;
}

/* Whether a process that is killed by this signal, or aborts by itself, leaves a core. */
static bool leaves_core(pid_t child, int signal_number)
{
	int status = 0;

	if (signal_number)
		assert_int_equal(kill(child, signal_number), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		skip(); /* not allowed to set the limit */
	return WCOREDUMP(status);
}

static void a_crash_leaves_no_core(void **state)
{
	(void)state;
	char folder[] = "/tmp/llmdeck-core-XXXXXX", line[512], clear[64];
	const char *binary = getenv("LLMDECK_BINARY") ? getenv("LLMDECK_BINARY") : "build/llmdeck";
	char *program = realpath(binary, NULL);
	bool listens = false;
	FILE *heard;

	assert_non_null(program);
	assert_non_null(mkdtemp(folder));
	pid_t child = start(folder, program, &heard);

	while (!listens && fgets(line, sizeof line, heard))
		listens = strstr(line, "listening on") != NULL;
	bool ours = leaves_core(child, SIGABRT);

	fclose(heard);
	/* A process that forbids nothing tells whether this machine writes core files at all. */
	bool others = leaves_core(start(folder, NULL, &heard), 0);

	fclose(heard);
	snprintf(clear, sizeof clear, "rm -rf %s", folder);
	assert_int_equal(system(clear), 0);
	free(program);
	assert_true(listens);
	assert_false(ours);
	if (!others) {
		print_message("this machine writes no core files\n");
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_crash_leaves_no_core)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
