/* Rollouts end to end: a real HAProxy with a bounded load, the real collector with its actuator on the
 * stats socket, the console in a pty and the command line. What counts is what HAProxy says of itself
 * over its socket and what the client gets. Skipped where /usr/sbin/haproxy is not installed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "console/control_rollouts.h"
#include "real/haproxy_bench.h"
#include "screen/screen.h"

#define SOON 30000 /* ms */
#define FOLLOW_US (2 * US_PER_S)

#define assert_shows(s, text) \
	do { \
		if (!screen_wait_text(s, text, SOON)) \
			fail_with_screen(s, text); \
	} while (0)

/* The whole screen: fail_msg() would cut it. */
_Noreturn static void fail_with_screen(struct screen *s, const char *missing)
{
	fprintf(stderr, "%s\n", screen_text(s));
	fail_msg("\"%s\" did not appear", missing);
	abort();
}

struct scene {
	struct fixture *haproxy;
	char store[96], socket[96], config[96], log[96];
	pid_t collector;
	struct screen *console;
	bool loaded; /* the load's thread runs */
};

static struct scene scene;

/* ── HAProxy as it sees itself ─────────────────────────────────────────────────────────────── */

/* One command on the admin socket; the answer is the caller's. */
static void ask_haproxy(const char *command, struct buf *answer)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char part[4096];
	ssize_t got;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/admin.sock", scene.haproxy->dir);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && send(fd, command, strlen(command), MSG_NOSIGNAL) > 0)
		while ((got = recv(fd, part, sizeof(part), 0)) > 0)
			buf_append(answer, part, (size_t)got);
	close(fd);
}

/* The candidate's weight (of 45 + 45 + it); -1 when HAProxy does not answer. */
static int candidate_weight(void)
{
	struct buf answer = {0};
	int weight = -1;

	ask_haproxy("get weight llm/v43\n", &answer);
	if (answer.len)
		weight = atoi(answer.data);
	buf_fini(&answer);
	return weight;
}

static bool wait_for_weight(int wanted)
{
	int64_t until_us = clock_mono_us() + SOON * US_PER_MS;

	while (candidate_weight() != wanted) {
		if (clock_mono_us() > until_us)
			return false;
		usleep(2000);
	}
	return true;
}

struct counts {
	long client[2], proxy[2]; /* requests to stable, to candidate */
};

/* HAProxy's own count: the column stot (the eighth) of each server. */
static struct counts count(void)
{
	struct counts c = {.client = {atomic_load(&scene.haproxy->served[0]), atomic_load(&scene.haproxy->served[1])}};
	struct buf answer = {0};

	ask_haproxy("show stat llm 4 -1\n", &answer);
	for (struct str rest = buf_str(&answer); rest.len;) {
		struct str line = str_cut(&rest, '\n'), field = {0};

		str_cut(&line, ',');
		struct str server = str_cut(&line, ',');
		for (int i = 2; i <= 7; i++)
			field = str_cut(&line, ',');
		if (server.len > 2 && server.ptr[0] == 'v')
			c.proxy[str_equal_c(server, "v43")] += strtol(field.ptr, NULL, 10);
	}
	buf_fini(&answer);
	return c;
}

static struct counts since(const struct counts *before)
{
	struct counts c = count();

	for (size_t i = 0; i < 2; i++) {
		c.client[i] -= before->client[i];
		c.proxy[i] -= before->proxy[i];
	}
	return c;
}

static bool near_tenth(const long requests[2])
{
	double total = (double)(requests[0] + requests[1]), share = (double)requests[1] / total;

	return share > 0.07 && share < 0.13;
}

/* A stretch of `least` requests that begins now, by both counts; within_us: it must be over by then. */
static struct counts stretch(long least, int64_t within_us)
{
	struct counts before = count(), c;
	int64_t until_us = clock_mono_us() + within_us;

	do {
		assert_true(clock_mono_us() < until_us);
		usleep(5000);
		c = since(&before);
	} while (c.client[0] + c.client[1] < least || c.proxy[0] + c.proxy[1] < least);
	return c;
}

static void assert_ninety_ten(void)
{
	struct counts c = stretch(300, 60 * US_PER_S);

	if (!near_tenth(c.client) || !near_tenth(c.proxy))
		fail_msg("not 90/10: client %ld/%ld, HAProxy %ld/%ld", c.client[0], c.client[1], c.proxy[0], c.proxy[1]);
}

/* Waits for the weight 0; both counts follow within two seconds. At most what was under way when the
 * weight changed still reaches the candidate. */
static void assert_follows_to_zero(void)
{
	assert_true(wait_for_weight(0));
	int64_t applied_us = clock_mono_us();
	struct counts c = stretch(50, FOLLOW_US);

	if (c.client[1] > 1 || c.proxy[1] > 0)
		fail_msg("the candidate still gets: client %ld/%ld, HAProxy %ld/%ld", c.client[0], c.client[1], c.proxy[0],
		         c.proxy[1]);
	assert_true(clock_mono_us() - applied_us < FOLLOW_US);
}

/* ── the scene ─────────────────────────────────────────────────────────────────────────────── */

static void write_collector_config(const char *socket_name)
{
	struct buf yaml = {0};
	struct err err;

	buf_printf(&yaml, "rollouts:\n"
	           "  - name: checkout\n    service: shop\n    environment: prod\n    stable: v42\n    candidate: v43\n"
	           "    countdown: {lower: 2s, raise: 2s}\n"
	           "    guardrails: [{metric: error_rate, worse_by: 0.5pp}, {metric: latency_p95, worse_by: 20%%}]\n"
	           "    actuator: {kind: haproxy, socket: %s/%s, backend: llm, stable: [v42a, v42b], candidate: v43}\n",
	           scene.haproxy->dir, socket_name);
	assert_int_equal(file_write_atomic(scene.config, yaml.data, yaml.len, 0600, &err), 0);
	buf_fini(&yaml);
}

static void start_collector(void)
{
	const char *const argv[] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "--config",
	                            scene.config, "collect", "--listen", "127.0.0.1:0", NULL};
	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, scene.log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	assert_int_equal(posix_spawn(&scene.collector, argv[0], &actions, NULL, (char *const *)(intptr_t)argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
}

static void end_collector(int signal_number)
{
	if (!scene.collector)
		return;
	kill(scene.collector, signal_number);
	waitpid(scene.collector, NULL, 0);
	scene.collector = 0;
}

struct look {
	bool known, busy, drift;
	char state[24], fault[32], words[512];
	double desired, actual;
};

/* What the collector says of checkout. */
static struct look look(void)
{
	struct control_client *client = control_client_new(scene.socket);
	struct look l = {.known = false};
	struct rollout_list list = {.row_count = 0};
	const struct rollout_view *row;
	struct err err = {""};

	if (control_rollout_list(client, &list, NULL, &err) == CONTROL_OK &&
	    (row = rollout_list_find(&list, "checkout")) != NULL && row->arm_count == 2 && row->target_count == 1) {
		l = (struct look){.known = row->arms[1].actual_weight >= 0, .busy = row->has_action, .drift = row->drift,
		                  .desired = row->arms[1].desired_weight, .actual = row->arms[1].actual_weight};
		snprintf(l.state, sizeof(l.state), "%s", row->has_action ? row->action.state : "");
		snprintf(l.fault, sizeof(l.fault), "%s", row->targets[0].fault);
		snprintf(l.words, sizeof(l.words), "%s", row->targets[0].words);
	}
	rollout_list_fini(&list);
	control_client_free(&client);
	return l;
}

/* Until the collector has read the target and nobody is at it (or, with a state, somebody is that far). */
static bool wait_for_look(const char *state, bool drift)
{
	int64_t until_us = clock_mono_us() + 2 * SOON * US_PER_MS;
	struct look l;

	do {
		l = look();
		if (state ? strcmp(l.state, state) == 0 : l.known && !l.busy && l.drift == drift)
			return true;
		usleep(5000);
	} while (clock_mono_us() < until_us);
	print_message("collector: known %d busy %d drift %d state %s words %s\n", l.known, l.busy, l.drift, l.state, l.words);
	return false;
}

static int raise_scene(void **state)
{
	int result = setup(state);

	scene = (struct scene){.haproxy = *state};
	snprintf(scene.store, sizeof(scene.store), "%s/s.db", scene.haproxy->dir);
	snprintf(scene.socket, sizeof(scene.socket), "%s/c.sock", scene.haproxy->dir);
	snprintf(scene.config, sizeof(scene.config), "%s/llmdeck.yaml", scene.haproxy->dir);
	snprintf(scene.log, sizeof(scene.log), "%s/log", scene.haproxy->dir);
	write_collector_config("admin.sock");
	if (file_exists(HAPROXY))
		start_collector();
	return result;
}

static void end_load(void)
{
	if (!scene.loaded)
		return;
	atomic_store(&scene.haproxy->load_stop, true);
	pthread_join(scene.haproxy->load, NULL);
	scene.loaded = false;
}

static int strike_scene(void **state)
{
	char command[96];

	if (scene.console)
		screen_free(&scene.console);
	end_load();
	if (scene.haproxy->pid)
		kill(scene.haproxy->pid, SIGCONT);
	end_collector(SIGKILL);
	snprintf(command, sizeof(command), "rm -rf '%s'/*", scene.haproxy->dir);
	if (system(command))
		return -1;
	return teardown(state);
}

static void begin_load(void)
{
	atomic_store(&scene.haproxy->load_stop, false);
	assert_int_equal(pthread_create(&scene.haproxy->load, NULL, make_load, scene.haproxy), 0);
	scene.loaded = true;
}

/* The console at the rollouts' page, which has heard from the collector. */
static void open_console(void)
{
	const char *const argv[] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "console", NULL};

	scene.console = screen_start(argv, NULL, 120, 40);
	assert_shows(scene.console, "overview");
	screen_send(scene.console, "4");
	assert_shows(scene.console, "v43 against v42");
}

static void close_console(void)
{
	screen_send(scene.console, "q");
	if (screen_wait_exit(scene.console, SOON) == -1)
		fail_msg("q did not quit:\n%s", screen_text(scene.console));
	assert_true(screen_restored(scene.console));
	screen_free(&scene.console);
}

/* To the point where only the name is missing. */
static void open_rollback(void)
{
	screen_send(scene.console, "R");
	assert_shows(scene.console, "ROLL BACK checkout");
	assert_shows(scene.console, ":rw, raise this session");
	screen_send(scene.console, "\r");
	assert_shows(scene.console, "type v43");
}

/* `llmdeck rollout …` on a terminal of its own, still running. */
static struct screen *start_rollout(const char *verb, const char *value, const char *reason)
{
	const char *argv[16] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "rollout", verb, "checkout"};
	size_t n = 8;

	if (value)
		argv[n++] = value;
	argv[n++] = "--yes";
	if (reason) {
		argv[n++] = "--reason";
		argv[n++] = reason;
	}
	return screen_start(argv, NULL, 200, 40);
}

static void assert_ends(struct screen **s, int code, const char *words)
{
	int status = screen_wait_exit(*s, 3 * SOON);

	if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != code || !strstr(screen_text(*s), words))
		fail_msg("status %d (wanted exit code %d, \"%s\"):\n%s", status, code, words, screen_text(*s));
	screen_free(s);
}

/* Waits until the audit says so. */
static void assert_audit(const char *words)
{
	const char *const argv[] = {screen_binary(), "--store", scene.store, "--socket", scene.socket, "audit", "--format",
	                            "json", NULL};
	int64_t until_us = clock_mono_us() + SOON * US_PER_MS;
	struct buf out = {0};

	for (;;) {
		buf_reset(&out);
		assert_int_equal(screen_run(argv, NULL, &out), 0);
		buf_puts(&out, "");
		if (strstr(out.data, words))
			break;
		if (clock_mono_us() > until_us)
			fail_msg("the audit does not say \"%s\":\n%s", words, out.data);
	}
	buf_fini(&out);
}

/* ── tests ─────────────────────────────────────────────────────────────────────────────────── */

static void by_keyboard(void **state)
{
	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	begin_load();
	assert_ninety_ten();
	open_console();
	open_rollback();
	screen_send(scene.console, "v43\r");
	assert_shows(scene.console, "Roll back in");
	assert_int_equal(candidate_weight(), 10); /* not before the countdown's end */
	assert_follows_to_zero();
	assert_shows(scene.console, "1 of 1 target applied");
	assert_shows(scene.console, "audit: rollback by");
	assert_audit("arriving traffic agrees");
	screen_send(scene.console, "\033");
	assert_true(screen_wait_gone(scene.console, "1 of 1 target applied", SOON));
	end_load();
	assert_int_equal(atomic_load(&scene.haproxy->failed), 0);

	/* a reload brings the weights of the file back */
	start_haproxy(scene.haproxy, scene.haproxy->pid);
	assert_int_equal(candidate_weight(), 10);
	assert_shows(scene.console, "DRIFT");
	assert_shows(scene.console, "reloaded");
	assert_shows(scene.console, "A re-applies");
	begin_load();
	screen_send(scene.console, "A");
	assert_shows(scene.console, "type v43");
	screen_send(scene.console, "v43\r");
	assert_true(wait_for_weight(0));
	assert_shows(scene.console, "1 of 1 target applied");
	screen_send(scene.console, "\033");
	assert_true(screen_wait_gone(scene.console, "1 of 1 target applied", SOON));
	if (!screen_wait_gone(scene.console, "A re-applies", SOON)) /* the history goes on telling of it */
		fail_with_screen(scene.console, "(gone) A re-applies");
	close_console();
}

static void by_command(void **state)
{
	struct screen *s;

	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	begin_load();
	assert_ninety_ten();
	s = start_rollout("rollback", NULL, "p95 is bad");
	assert_follows_to_zero();
	assert_ends(&s, 0, "1 of 1 target applied (v42 100 %, v43 0 %); arriving traffic agrees");
	assert_audit("reason: p95 is bad");
	s = start_rollout("set", "10", NULL);
	assert_ends(&s, 0, "1 of 1 target applied");
	assert_int_equal(candidate_weight(), 10);
	assert_ninety_ten();
	s = start_rollout("rollback", NULL, NULL);
	assert_follows_to_zero();
	assert_ends(&s, 0, "arriving traffic agrees");
	end_load();
	assert_int_equal(atomic_load(&scene.haproxy->failed), 0);

	start_haproxy(scene.haproxy, scene.haproxy->pid);
	assert_int_equal(candidate_weight(), 10);
	assert_true(wait_for_look(NULL, true));
	begin_load();
	s = start_rollout("reapply", NULL, NULL);
	assert_follows_to_zero();
	assert_ends(&s, 0, "1 of 1 target applied");
	assert_true(wait_for_look(NULL, false));
}

static void nothing_moves(void **state)
{
	static const char *const taken_back[] = {"\033", "u"};

	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	open_console();
	open_rollback();
	screen_send(scene.console, "v42\r");
	assert_shows(scene.console, "off until the name matches");
	screen_send(scene.console, "\033");
	assert_true(screen_wait_gone(scene.console, "ROLL BACK", SOON));
	for (size_t i = 0; i < 2; i++) {
		screen_send(scene.console, "R");
		assert_shows(scene.console, "type v43");
		if (i == 0) {
			screen_send(scene.console, "\033[200~v43\r\033[201~");
			screen_send(scene.console, "\r");
			assert_shows(scene.console, "off until the name matches");
		}
		screen_send(scene.console, "v43\r");
		assert_shows(scene.console, "Roll back in");
		screen_send(scene.console, taken_back[i]);
		assert_shows(scene.console, "nothing was done");
		screen_send(scene.console, "\033");
		assert_true(screen_wait_gone(scene.console, "ROLL BACK", SOON));
		assert_int_equal(candidate_weight(), 10);
	}
	assert_audit("cancelled in the countdown: nothing was done");
	assert_true(wait_for_look(NULL, false));
	assert_int_equal(candidate_weight(), 10);
	close_console();
}

static void operator_level_is_denied(void **state)
{
	struct screen *s;

	(void)state;
	need_haproxy();
	end_collector(SIGTERM);
	write_collector_config("operator.sock");
	start_collector();
	assert_true(wait_for_look(NULL, false));
	s = start_rollout("rollback", NULL, NULL);
	assert_ends(&s, 1, "level admin");
	open_console();
	assert_shows(scene.console, "0 of 1 applied"); /* said before anybody tries */
	assert_shows(scene.console, "denied");
	open_rollback();
	assert_shows(scene.console, "DENIED");
	assert_shows(scene.console, "level admin");
	assert_shows(scene.console, "and reload");
	screen_send(scene.console, "\033");
	assert_int_equal(candidate_weight(), 10);
	assert_audit("level admin");
}

static void killed_in_the_countdown(void **state)
{
	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	open_console();
	open_rollback();
	screen_send(scene.console, "v43\r");
	assert_true(wait_for_look("countdown", false));
	end_collector(SIGKILL);
	start_collector();
	assert_audit("the collector ended before it touched a target: nothing was done");
	assert_true(wait_for_look(NULL, false));
	assert_int_equal(candidate_weight(), 10);
	assert_shows(scene.console, "nothing was done");
}

/* HAProxy stands still, so that the collector is killed after it has sent what it wants. */
static void killed_while_applying(void **state)
{
	struct screen *s;

	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	s = start_rollout("rollback", NULL, NULL);
	assert_true(wait_for_look("countdown", false));
	kill(scene.haproxy->pid, SIGSTOP);
	assert_true(wait_for_look("applying", false));
	end_collector(SIGKILL);
	kill(scene.haproxy->pid, SIGCONT);
	start_collector();
	assert_audit("the collector ended while it was at work; read back afterwards");
	assert_true(wait_for_look(NULL, candidate_weight() != 0));
	if (candidate_weight() == 0)
		assert_audit("read back afterwards: 1 of 1 target applied");
	else
		assert_audit("read back afterwards: 0 of 1 target applied");
	open_console();
	assert_shows(scene.console, candidate_weight() == 0 ? "v43 0 %" : "DRIFT");
	screen_free(&s);
}

/* It is gone when it is to be read back, and returns with the weights of its file. */
static void dies_while_it_is_watched(void **state)
{
	struct screen *s;

	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	s = start_rollout("rollback", NULL, NULL);
	/* applied and read back: it dies while its traffic is watched */
	assert_true(wait_for_look("watching", false));
	assert_int_equal(candidate_weight(), 0);
	kill(scene.haproxy->pid, SIGKILL);
	waitpid(scene.haproxy->pid, NULL, 0);
	start_haproxy(scene.haproxy, 0);
	assert_int_equal(candidate_weight(), 10);
	assert_ends(&s, 1, "0 of 1 target applied");
	assert_audit("read back, and lost again");
	assert_true(wait_for_look(NULL, true));
}

static void two_operators(void **state)
{
	struct screen *s;

	(void)state;
	need_haproxy();
	assert_true(wait_for_look(NULL, false));
	begin_load();
	open_console();
	open_rollback();
	screen_send(scene.console, "v43\r");
	assert_true(wait_for_look("countdown", false));
	s = start_rollout("set", "50", NULL);
	assert_ends(&s, 1, "is under way");
	assert_true(wait_for_weight(0));
	assert_shows(scene.console, "1 of 1 target applied");
}

int main(void)
{
#define REAL(name) cmocka_unit_test_setup_teardown(name, raise_scene, strike_scene)
	const struct CMUnitTest tests[] = {
		REAL(by_keyboard), REAL(by_command), REAL(nothing_moves), REAL(operator_level_is_denied),
		REAL(killed_in_the_countdown), REAL(killed_while_applying), REAL(dies_while_it_is_watched), REAL(two_operators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
