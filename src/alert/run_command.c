/* The input stands in a memory file, so that nobody has to feed a pipe; the end is seen through a
 * pidfd in the loop. What the command prints goes nowhere. */
#include "alert/run_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

extern char **environ;

struct command_run {
	struct loop *loop;
	struct loop_timer *timer;
	pid_t pid;
	int pid_fd;
	bool timed_out;
	void (*done)(void *arg, bool ok, const char *words);
	void *arg;
};

static int input_file(struct str input, struct err *err)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	if (fd < 0 || write(fd, input.ptr, input.len) != (ssize_t)input.len || lseek(fd, 0, SEEK_SET) != 0) {
		err_set(err, "command: its input: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* The environment with one more. Owned array; the last text is owned too. */
static char **environment(const char *what)
{
	size_t n = 0;

	while (environ[n])
		n++;
	char **out = mem_array(NULL, n + 2, sizeof *out);

	memcpy(out, environ, n * sizeof *out);
	out[n] = mem_printf("LLMDECK_STATUS=%s", what);
	out[n + 1] = NULL;
	return out;
}

static int spawn(pid_t *pid, const char *command, int input, char **env)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, input, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setsigmask(&how, &none);
	int failed = posix_spawn(pid, "/bin/sh", &files, &how, argv, env);

	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

static void release(struct command_run *r)
{
	loop_unwatch(r->loop, r->pid_fd);
	loop_timer_free(r->loop, &r->timer);
	close(r->pid_fd);
	free(r);
}

static void ended(void *arg)
{
	struct command_run *r = arg;
	char words[120] = "";
	int status = 0;

	if (waitpid(r->pid, &status, WNOHANG) == 0)
		return;
	bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	void (*done)(void *, bool, const char *) = r->done;
	void *done_arg = r->arg;

	if (r->timed_out)
		snprintf(words, sizeof words, "command: it took too long and was ended");
	else if (WIFSIGNALED(status))
		snprintf(words, sizeof words, "command: ended by signal %d", WTERMSIG(status));
	else if (!ok)
		snprintf(words, sizeof words, "command: ended with status %d", WEXITSTATUS(status));
	release(r);
	done(done_arg, ok && !*words, words);
}

static void too_long(void *arg)
{
	struct command_run *r = arg;

	r->timed_out = true;
	kill(-r->pid, SIGKILL);
}

struct command_run *command_run_start(struct loop *loop, const char *command, struct str input, const char *what, int64_t timeout_us,
                                      void (*done)(void *arg, bool ok, const char *words), void *arg, struct err *err)
{
	struct command_run *r;
	int fd = input_file(input, err);
	pid_t pid;

	if (fd < 0)
		return NULL;
	char **env = environment(what);
	int failed = spawn(&pid, command, fd, env);

	for (size_t i = 0; env[i]; i++)
		if (!env[i + 1])
			free(env[i]);
	free(env);
	close(fd);
	if (failed) {
		err_set(err, "command: cannot be started: %s", strerror(failed));
		return NULL;
	}
	r = mem_zalloc(sizeof *r);
	*r = (struct command_run){.loop = loop, .pid = pid, .done = done, .arg = arg};
	r->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (r->pid_fd < 0) {
		err_set(err, "command: cannot be watched: %s", strerror(errno));
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		free(r);
		return NULL;
	}
	fcntl(r->pid_fd, F_SETFD, FD_CLOEXEC);
	loop_watch(loop, r->pid_fd, ended, r);
	r->timer = loop_timer_new(loop, timeout_us, too_long, r);
	return r;
}

void command_run_cancel(struct command_run **out)
{
	struct command_run *r = *out;

	if (!r)
		return;
	*out = NULL;
	kill(-r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	release(r);
}
