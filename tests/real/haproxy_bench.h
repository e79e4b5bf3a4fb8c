/* A real HAProxy for tests: two servers of the stable arm and one of the candidate, 45/45/10, sockets of
 * every level, and a client that makes a bounded load over loopback. */
#ifndef LLMDECK_TESTS_HAPROXY_BENCH_H
#define LLMDECK_TESTS_HAPROXY_BENCH_H

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "unit/small_http.h"

extern char **environ;

#define HAPROXY "/usr/sbin/haproxy"
#define LOAD_PER_S 150

struct fixture {
	char dir[64];
	uint16_t front_port, stats_port;
	struct small_http stable[2], candidate;
	pid_t pid;
	pthread_t load;
	atomic_bool load_stop;
	atomic_int failed, served[2];
};

static inline void answer_arm(void *arg, const struct small_request *q, struct buf *answer)
{
	(void)q;
	small_answer(answer, 200, "X-Arm: yes\r\n", arg);
}

static inline uint16_t free_port(void)
{
	struct small_http s;

	small_start(&s, 0, answer_arm, "");
	small_stop(&s);
	return s.port;
}

static inline void write_config(const struct fixture *f)
{
	char path[96];
	struct buf text = {0};
	struct err err;

	buf_printf(&text,
	           "global\n  stats socket %s/admin.sock level admin mode 600 expose-fd listeners\n"
	           "  stats socket %s/operator.sock level operator mode 600\n  stats socket %s/user.sock level user mode 600\n"
	           "  stats socket ipv4@127.0.0.1:%u level admin\n  pidfile %s/pid\n  hard-stop-after 2s\n"
	           "defaults\n  mode http\n  timeout connect 2s\n  timeout client 5s\n  timeout server 5s\n"
	           "frontend f\n  bind 127.0.0.1:%u\n  default_backend llm\n"
	           "backend llm\n  balance roundrobin\n"
	           "  server v42a 127.0.0.1:%u weight 45\n  server v42b 127.0.0.1:%u weight 45\n"
	           "  server v43 127.0.0.1:%u weight 10\n",
	           f->dir, f->dir, f->dir, f->stats_port, f->dir, f->front_port, f->stable[0].port, f->stable[1].port,
	           f->candidate.port);
	snprintf(path, sizeof(path), "%s/h.cfg", f->dir);
	assert_int_equal(file_write_atomic(path, text.data, text.len, 0600, &err), 0);
	buf_fini(&text);
}

static inline bool listens(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bool yes = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	close(fd);
	return yes;
}

/* `old`: the process whose place it takes (a reload), 0 for none. */
static inline void start_haproxy(struct fixture *f, pid_t old)
{
	char config[96], number[16], socket_path[96];
	int64_t until_us = clock_mono_us() + 10 * US_PER_S;
	posix_spawn_file_actions_t actions;

	snprintf(config, sizeof(config), "%s/h.cfg", f->dir);
	snprintf(number, sizeof(number), "%d", (int)old);
	snprintf(socket_path, sizeof(socket_path), "%s/admin.sock", f->dir);
	char *fresh[] = {HAPROXY, "-f", config, "-db", "-q", NULL};
	char *reload[] = {HAPROXY, "-f", config, "-db", "-q", "-x", socket_path, "-sf", number, NULL};

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&f->pid, HAPROXY, &actions, NULL, old ? reload : fresh, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	if (old)
		assert_int_equal(waitpid(old, NULL, 0), old);
	while ((!listens(f->front_port) || !file_exists(socket_path)) && clock_mono_us() < until_us)
		usleep(10000);
}

static inline bool fetch_once(struct fixture *f)
{
	static const char ask[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(f->front_port)};
	char answer[512];
	size_t len = 0;
	ssize_t got;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) > 0)
		while (len < sizeof(answer) - 1 && (got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
			len += (size_t)got;
	close(fd);
	answer[len] = '\0';
	bool ok = strncmp(answer, "HTTP/1.1 200", 12) == 0;
	if (ok)
		atomic_fetch_add(&f->served[strstr(answer, "v43") != NULL], 1);
	return ok;
}

static inline void *make_load(void *arg)
{
	struct fixture *f = arg;

	while (!atomic_load(&f->load_stop)) {
		if (!fetch_once(f))
			atomic_fetch_add(&f->failed, 1);
		usleep(1000000 / LOAD_PER_S);
	}
	return NULL;
}

static inline int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	*state = f;
	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/llmdeck-haproxy-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	small_start(&f->stable[0], 0, answer_arm, "v42");
	small_start(&f->stable[1], 0, answer_arm, "v42");
	small_start(&f->candidate, 0, answer_arm, "v43");
	f->front_port = free_port();
	f->stats_port = free_port();
	write_config(f);
	if (file_exists(HAPROXY))
		start_haproxy(f, 0);
	return 0;
}

static inline int teardown(void **state)
{
	static const char *const files[] = {"admin.sock", "operator.sock", "user.sock", "pid", "h.cfg"};
	struct fixture *f = *state;
	char path[96];

	if (f->pid) {
		kill(f->pid, SIGCONT);
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	small_stop(&f->stable[0]);
	small_stop(&f->stable[1]);
	small_stop(&f->candidate);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
		unlink(path);
	}
	rmdir(f->dir);
	return 0;
}

static inline void need_haproxy(void)
{
	if (file_exists(HAPROXY))
		return;
	print_message("skipped: %s is not installed\n", HAPROXY);
	skip();
}

#endif
