/* The actuator haproxy against a real HAProxy with two small HTTP back ends under a bounded load: 90/10
 * to 100/0 with no failed request, a reload that loses weights, sockets of lower levels, a process that
 * dies or hangs between apply and verify. Skipped where /usr/sbin/haproxy is not installed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "unit/act_bench.h"
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

static void answer_arm(void *arg, const struct small_request *q, struct buf *answer)
{
	(void)q;
	small_answer(answer, 200, "X-Arm: yes\r\n", arg);
}

static uint16_t free_port(void)
{
	struct small_http s;

	small_start(&s, 0, answer_arm, "");
	small_stop(&s);
	return s.port;
}

static void write_config(const struct fixture *f)
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

static bool listens(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bool yes = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	close(fd);
	return yes;
}

/* `old`: the process whose place it takes (a reload), 0 for none. */
static void start_haproxy(struct fixture *f, pid_t old)
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

static bool fetch_once(struct fixture *f)
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

static void *make_load(void *arg)
{
	struct fixture *f = arg;

	while (!atomic_load(&f->load_stop)) {
		if (!fetch_once(f))
			atomic_fetch_add(&f->failed, 1);
		usleep(1000000 / LOAD_PER_S);
	}
	return NULL;
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void need_haproxy(void)
{
	if (file_exists(HAPROXY))
		return;
	print_message("skipped: %s is not installed\n", HAPROXY);
	skip();
}

static void open_target(struct act_bench *b, const struct fixture *f, const char *socket_name)
{
	char section[256];

	snprintf(section, sizeof(section), "{kind: haproxy, socket: %s/%s, backend: llm, stable: [v42a, v42b], candidate: v43}",
	         f->dir, socket_name);
	bench_open(b, section);
}

static void rollback_under_load(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "roll-1"), none = {.verb = ACT_SET};
	struct act_sight before, after;
	struct act_arriving arriving;
	int64_t until_us;

	need_haproxy();
	open_target(&b, f, "admin.sock");
	pthread_create(&f->load, NULL, make_load, f);
	assert_act(bench_run(&b, TARGET_OBSERVE, &none, NULL), ACT_OK, &b);
	before = b.answer.sight;
	assert_true(fabs(before.arms[1].percent - 10) < 0.01);
	for (until_us = clock_mono_us() + 30 * US_PER_S; clock_mono_us() < until_us;) {
		assert_act(bench_run(&b, TARGET_OBSERVE, &none, NULL), ACT_OK, &b);
		if (act_arriving(&before, &b.answer.sight, &arriving) && arriving.total >= 200)
			break;
	}
	assert_true(arriving.total >= 200);
	assert_true(fabs(arriving.percent[1] - 10) < 3);

	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "\"pace\":\"instant\""));
	assert_non_null(strstr(b.json, "\"steps\":[\"set weight llm/v43 0\"]"));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	int64_t applied_us = clock_mono_us();
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.matches);

	/* both counts follow within two seconds: a stretch of traffic that begins now has no candidate in it */
	after = b.answer.sight;
	int candidate_served = atomic_load(&f->served[1]);
	arriving.total = 0;
	while (arriving.total < 50 && clock_mono_us() < applied_us + 2 * US_PER_S) {
		assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
		assert_false(b.answer.sight.drift);
		if (!act_arriving(&after, &b.answer.sight, &arriving))
			arriving.total = 0;
	}
	assert_true(arriving.total >= 50);
	assert_true(arriving.percent[1] < 1);
	assert_true(atomic_load(&f->served[1]) - candidate_served <= 1);
	atomic_store(&f->load_stop, true);
	pthread_join(f->load, NULL);
	assert_int_equal(atomic_load(&f->failed), 0);
	bench_close(&b);
}

static void shares_round_and_go_up(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 33.3, "set-1");

	need_haproxy();
	open_target(&b, f, "admin.sock");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "\"raises_exposure\":true"));
	assert_true(fabs(b.answer.plan.arms[1].result_percent - 33.3) < 0.2);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	/* the same key does nothing a second time, an undo restores what the plan saw */
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_true(b.answer.repeated);
	ask.key = "set-1-undo";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, b.saw), ACT_OK, &b);
	ask = share_ask(ACT_SET, 10, "look");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.nothing_to_do);
	bench_close(&b);
}

static void plan_of_yesterday_is_refused(void **state)
{
	struct fixture *f = *state;
	struct act_bench b, other;
	struct act_ask ask = share_ask(ACT_SET, 50, "a"), theirs = share_ask(ACT_SET, 0, "b");

	need_haproxy();
	open_target(&b, f, "admin.sock");
	open_target(&other, f, "admin.sock");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&other, TARGET_APPLY, &theirs, NULL), ACT_OK, &other);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);
	assert_false(b.answer.why.maybe_changed);
	theirs = share_ask(ACT_ROLLBACK, 0, "c");
	assert_act(bench_run(&b, TARGET_PLAN, &theirs, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.nothing_to_do);
	assert_act(bench_run(&b, TARGET_APPLY, &theirs, b.saw), ACT_OK, &b);
	bench_close(&b);
	bench_close(&other);
}

static void reload_shows_drift(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "r");

	need_haproxy();
	open_target(&b, f, "admin.sock");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_false(b.answer.sight.drift);
	uint64_t process = b.answer.sight.counters_id;

	start_haproxy(f, f->pid);
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.drift);
	assert_non_null(strstr(b.sight_words, "reloaded"));
	assert_true(fabs(b.answer.sight.arms[1].percent - 10) < 0.01);
	assert_true(b.answer.sight.counters_id != process);
	ask.key = "r-again";
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_false(b.answer.sight.drift);
	bench_close(&b);
}

static void lower_levels_are_denied(void **state)
{
	static const char *const sockets[] = {"operator.sock", "user.sock"};
	struct fixture *f = *state;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "d");

	need_haproxy();
	for (size_t i = 0; i < 2; i++) {
		struct act_bench b;

		open_target(&b, f, sockets[i]);
		assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
		assert_int_equal(b.answer.why.fault, ACT_DENIED);
		assert_words(&b, "level admin");
		assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_FAILED, &b);
		assert_int_equal(b.answer.why.fault, ACT_DENIED);
		assert_words(&b, "level admin");
		assert_false(b.answer.why.maybe_changed);
		assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
		assert_true(b.answer.sight.drift);
		bench_close(&b);
	}
}

static void closed_socket_is_denied(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "e");
	char path[96];

	need_haproxy();
	snprintf(path, sizeof(path), "%s/admin.sock", f->dir);
	chmod(path, 0);
	open_target(&b, f, "admin.sock");
	if (geteuid() != 0) {
		assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
		assert_int_equal(b.answer.why.fault, ACT_DENIED);
	}
	chmod(path, 0600);
	bench_close(&b);
}

static void drain_and_ready(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_DRAIN, 10, "drain-1");
	char section[256];

	need_haproxy();
	snprintf(section, sizeof(section), "{kind: haproxy, socket: \"127.0.0.1:%u\", backend: llm, stable: [v42a, v42b]}",
	         f->stats_port);
	bench_open(&b, section);
	ask.arm = "v43";
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_non_null(strstr(b.json, "set server llm/v43 state drain"));
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_string_equal(b.states[1], "drain");
	assert_true(b.answer.sight.arms[1].percent == 0);
	ask.key = "drain-1-undo";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, b.saw), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_string_equal(b.states[1], "ready");
	assert_true(b.answer.sight.drift);
	bench_close(&b);
}

static void dies_between_apply_and_verify(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "die-1");

	need_haproxy();
	open_target(&b, f, "admin.sock");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	f->pid = 0;
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_UNREACHABLE);
	/* it comes back with the weights of its configuration: the truth is told, and mended on purpose */
	start_haproxy(f, 0);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);
	ask.key = "die-2";
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	bench_close(&b);
}

static void hangs(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "hang-1");

	need_haproxy();
	open_target(&b, f, "admin.sock");
	kill(f->pid, SIGSTOP);
	int64_t began_us = clock_mono_us();
	assert_act(bench_run_for(&b, TARGET_APPLY, &ask, NULL, 500 * US_PER_MS), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_TIMED_OUT);
	assert_true(clock_mono_us() - began_us < 2 * US_PER_S);
	/* closing does not wait for the rest of the time */
	target_begin(b.target, TARGET_APPLY, &ask, NULL, 60 * US_PER_S, bench_answered, &b);
	began_us = clock_mono_us();
	bench_close(&b);
	assert_true(clock_mono_us() - began_us < 2 * US_PER_S);
	kill(f->pid, SIGCONT);
}

static void names_that_are_not_there(void **state)
{
	struct fixture *f = *state;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "m");
	char section[256];

	need_haproxy();
	snprintf(section, sizeof(section), "{kind: haproxy, socket: %s/admin.sock, backend: nope}", f->dir);
	bench_open(&b, section);
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_MISSING);
	assert_words(&b, "no backend `nope`");
	bench_close(&b);
	snprintf(section, sizeof(section), "{kind: haproxy, socket: %s/admin.sock, backend: llm}", f->dir);
	bench_open(&b, section);
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_FAILED, &b);
	assert_words(&b, "no server `v42`");
	bench_close(&b);
}

int main(void)
{
#define REAL(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		REAL(rollback_under_load), REAL(shares_round_and_go_up), REAL(plan_of_yesterday_is_refused),
		REAL(reload_shows_drift), REAL(lower_levels_are_denied), REAL(closed_socket_is_denied), REAL(drain_and_ready),
		REAL(dies_between_apply_and_verify), REAL(hangs), REAL(names_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
