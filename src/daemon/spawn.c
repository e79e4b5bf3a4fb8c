/* Parent and child share a socket pair. The child writes one line into it ("ready", or why not);
 * afterwards it only waits for the other end to close, which the kernel sees to however the parent
 * ends. The child leaves the terminal's session, so that a Ctrl-C meant for the console does not
 * reach it. */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/unix_socket.h"
#include "store/writer.h"

struct collector_child {
	pid_t pid;
	int fd;
	int64_t until_us; /* it shall be ready then; monotonic */
	enum spawn_state state;
	char line[sizeof(((struct err *)0)->text)]; /* what it has said so far */
	size_t len;
};

/* ── is one needed ─────────────────────────────────────────────────────────────────────────── */

static bool has_actuators(const struct config *config)
{
	for (size_t i = 0; i < config->rollout_count; i++) {
		if (config->rollouts[i].actuator_count)
			return true;
	}
	return false;
}

static bool is_own(const char *store_path)
{
	struct stat st;

	if (stat(store_path, &st) == 0)
		return st.st_uid == geteuid();
	return errno == ENOENT;
}

enum spawn_need spawn_needed(const char *store_path, const char *socket_path,
                             const struct config *config, struct err *why)
{
	if ((socket_path && unix_answers(socket_path)) || store_writer_owner(store_path))
		return SPAWN_NOT_NEEDED;
	if (!is_own(store_path)) {
		err_set(why, "collector: %s is another user's store and nobody collects into it: ask its owner to run `llmdeck collect`",
		        store_path);
		return SPAWN_NOT_OURS;
	}
	if (config->notifier_count || has_actuators(config)) {
		err_set(why, "collector: notifiers or actuators are configured, which must not end with a console: run `llmdeck collect` as a service");
		return SPAWN_NOT_OURS;
	}
	return SPAWN_POSSIBLE;
}

/* ── the child's side ──────────────────────────────────────────────────────────────────────── */

/* The parent's handlers know the parent's terminal and state: none of them may run here. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void leave_terminal(const char *log_path)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	setsid();
	if (nowhere >= 0) {
		dup2(nowhere, STDIN_FILENO);
		dup2(nowhere, STDOUT_FILENO);
		dup2(log >= 0 ? log : nowhere, STDERR_FILENO);
	}
}

static _Noreturn void child_main(const struct spawn_options *o, int fd)
{
	struct collector_options collector = o->collector;
	struct err err = {""};

	prctl(PR_SET_NAME, "llmdeck-collect");
	reset_signals();
	leave_terminal(o->log_path);
	collector.parent_fd = fd;
	int result = collector_run(&collector, &err);

	if (result)
		fprintf(stderr, "llmdeck: %s\n", err.text);
	if (o->after)
		o->after(o->arg);
	/* Not exit(): what the parent registered there is the parent's to run. */
	_exit(result ? 1 : 0);
}

/* ── the parent's side ─────────────────────────────────────────────────────────────────────── */

/* Takes what has come of the child's line. */
static enum spawn_state read_line(struct collector_child *c, struct err *err)
{
	ssize_t got = recv(c->fd, c->line + c->len, sizeof(c->line) - 1 - c->len, MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
		err_set(err, "collector: it ended before it was ready: see its log");
		return SPAWN_FAILED;
	}
	c->len += got > 0 ? (size_t)got : 0;
	if (!memchr(c->line, '\n', c->len) && c->len + 1 < sizeof(c->line))
		return SPAWN_STARTING;
	c->line[c->len] = '\0';
	c->line[strcspn(c->line, "\n")] = '\0';
	if (strcmp(c->line, "ready") == 0)
		return SPAWN_READY;
	err_set(err, "%s", c->line);
	return SPAWN_FAILED;
}

enum spawn_state collector_child_state(struct collector_child *c, struct err *err)
{
	if (c->state != SPAWN_STARTING)
		return c->state;
	c->state = read_line(c, err);
	if (c->state == SPAWN_STARTING && clock_mono_us() >= c->until_us) {
		err_set(err, "collector: it is not ready in time: see its log");
		c->state = SPAWN_FAILED;
	}
	return c->state;
}

int collector_child_begin(struct collector_child **out, const struct spawn_options *o, int64_t timeout_us,
                          struct err *err)
{
	int pair[2];

	*out = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(err, "collector: %s", strerror(errno));
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		child_main(o, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return err_set(err, "collector: it cannot be started: %s", strerror(errno));
	}
	struct collector_child *c = mem_zalloc(sizeof(*c));

	c->pid = pid;
	c->fd = pair[0];
	c->until_us = clock_mono_us() + timeout_us;
	*out = c;
	return 0;
}

int collector_child_start(struct collector_child **out, const struct spawn_options *o,
                          int64_t timeout_us, struct err *err)
{
	enum spawn_state state;

	if (collector_child_begin(out, o, timeout_us, err) || !*out)
		return -1;
	struct collector_child *c = *out;

	while ((state = collector_child_state(c, err)) == SPAWN_STARTING) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};

		poll(&p, 1, (int)((c->until_us - clock_mono_us()) / US_PER_MS) + 1);
	}
	if (state == SPAWN_READY)
		return 0;
	collector_child_stop(out, US_PER_S);
	return -1;
}

int collector_child_fd(const struct collector_child *c)
{
	return c->fd;
}

pid_t collector_child_pid(const struct collector_child *c)
{
	return c->pid;
}

/* True once the child has ended. Its exit shows on the socket too: no busy waiting. */
static bool wait_for_end(struct collector_child *c, int64_t timeout_us)
{
	int64_t until_us = clock_mono_us() + timeout_us;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	char rest[64];

	while (clock_mono_us() < until_us) {
		poll(&p, 1, (int)((until_us - clock_mono_us()) / US_PER_MS) + 1);
		if (recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT) == 0)
			break;
	}
	while (waitpid(c->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_us() >= until_us)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}

void collector_child_stop(struct collector_child **out, int64_t timeout_us)
{
	struct collector_child *c = *out;

	if (!c)
		return;
	*out = NULL;
	shutdown(c->fd, SHUT_WR);
	if (!wait_for_end(c, timeout_us)) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
	close(c->fd);
	free(c);
}
