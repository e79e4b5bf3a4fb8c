/* The actuator haproxy against a real HAProxy with two small HTTP back ends under a bounded load: 90/10
 * to 100/0 with no failed request, a reload that loses weights, sockets of lower levels, a process that
 * dies or hangs between apply and verify. Skipped where /usr/sbin/haproxy is not installed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "real/haproxy_bench.h"
#include "unit/act_bench.h"

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
		/* said at the first look, with what can be seen */
		assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_FAILED, &b);
		assert_int_equal(b.answer.why.fault, ACT_DENIED);
		assert_words(&b, "level admin");
		assert_int_equal(b.answer.sight.arm_count, 2);
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
