/* What all actuators share: weights that round, arriving shares, targets and their keys; the actuators
 * exec and demo; HAProxy's answers, good and garbled, and the advice on its configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "act/haproxy_cli.h"
#include "base/file.h"
#include "core/demo_switch.h"
#include "unit/act_bench.h"
#include "unit/small_http.h"

/* ── weights ───────────────────────────────────────────────────────────────────────────────── */

static void check_weights(const unsigned *base, const size_t *arm, size_t count, double candidate, double off)
{
	struct lineup_weights w = {.arm_count = 2, .count = count, .max = 256, .percent = {100 - candidate, candidate}};

	memcpy(w.base, base, count * sizeof(*base));
	memcpy(w.arm, arm, count * sizeof(*arm));
	lineup_choose(&w);
	assert_true(fabs(w.result[1] - candidate) <= off);
	for (size_t i = 0; i < count; i++) {
		assert_true(w.weight[i] <= 256);
		assert_int_equal(w.weight[i] > 0, w.percent[w.arm[i]] > 0);
	}
}

static void weights_round(void **state)
{
	static const unsigned one[] = {1, 1}, many[] = {100, 100, 200, 50};
	static const size_t arms[] = {0, 1}, more[] = {0, 0, 0, 1};
	struct lineup_weights w = {.arm_count = 2, .count = 2, .max = 256, .percent = {90, 10}, .base = {1, 1}, .arm = {0, 1}};

	(void)state;
	lineup_choose(&w);
	assert_int_equal(w.weight[0], 90);
	assert_int_equal(w.weight[1], 10);
	for (double p = 0; p <= 100; p += 0.5)
		check_weights(one, arms, 2, p, p > 0 && p < 0.5 ? 0.5 : p > 99.5 && p < 100 ? 0.5 : 0.25);
	check_weights(one, arms, 2, 0.1, 0.3);
	check_weights(many, more, 4, 10, 0.5);
	check_weights(many, more, 4, 0, 0);
	check_weights(many, more, 4, 100, 0);
	check_weights(many, more, 4, 5, 0.5);
}

static struct act_sight sight_of(int64_t at_us, uint64_t stable, uint64_t candidate, uint64_t id)
{
	return (struct act_sight){.at_us = at_us, .arm_count = 2, .counters_id = id,
	                          .arms = {{.deployment = "v42", .has_counters = true, .requests = stable},
	                                   {.deployment = "v43", .has_counters = true, .requests = candidate, .errors = candidate / 2}}};
}

static void arriving_shares(void **state)
{
	struct act_sight a = sight_of(1, 1000, 100, 7), b = sight_of(2, 1090, 110, 7), reset = sight_of(3, 5, 1, 7),
	                 other = sight_of(3, 2000, 300, 8);
	struct act_arriving out;

	(void)state;
	assert_true(act_arriving(&a, &b, &out));
	assert_true(out.percent[1] == 10 && out.total == 100 && out.errors[1] == 5);
	assert_false(act_arriving(&b, &reset, &out));
	assert_true(isnan(out.percent[0]));
	assert_false(act_arriving(&b, &other, &out));
	assert_false(act_arriving(&b, &b, &out));
	b.arms[1].has_counters = false;
	assert_false(act_arriving(&a, &b, &out));
}

/* ── demo ──────────────────────────────────────────────────────────────────────────────────── */

struct fleet {
	pthread_t thread;
	atomic_bool stop;
	uint64_t id;
	double percent;
};

static void *run_fleet(void *arg)
{
	struct fleet *f = arg;
	const struct demo_counts counts = {.requests = {9, 1}, .errors = {0, 1}};

	while (!atomic_load(&f->stop)) {
		double wanted = demo_switch_report(f->id, STR_LIT("checkout"), f->percent, &counts);

		if (wanted >= 0)
			f->percent = wanted;
		usleep(5000);
	}
	return NULL;
}

static void demo_moves(void **state)
{
	struct fleet f = {.id = demo_switch_attach(), .percent = 10};
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "demo-1");

	(void)state;
	bench_open(&b, "{kind: demo}");
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_RETRY, &b);
	demo_switch_report(f.id, STR_LIT("checkout"), 10, &(struct demo_counts){.requests = {0, 0}});
	pthread_create(&f.thread, NULL, run_fleet, &f);
	assert_act(bench_run(&b, TARGET_PLAN, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.plan.arms[1].now_percent == 10);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, b.saw), ACT_OK, &b);
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.arms[1].percent == 0 && b.answer.sight.arms[0].requests > 0);
	demo_switch_set(STR_LIT("checkout"), 30);
	do {
		assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	} while (!b.answer.sight.drift);
	ask.key = "demo-2";
	assert_act(bench_run(&b, TARGET_UNDO, &ask, "10"), ACT_OK, &b);
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	assert_true(f.percent == 10);
	demo_switch_detach(f.id);
	assert_false(demo_switch_set(STR_LIT("checkout"), 0));
	bench_close(&b);
}

/* ── exec ──────────────────────────────────────────────────────────────────────────────────── */

struct script {
	char path[64], data[64];
};

static void write_script(struct script *s, const char *text)
{
	struct err err;
	char *whole;

	snprintf(s->path, sizeof(s->path), "/tmp/llmdeck-act-%d.sh", (int)getpid());
	snprintf(s->data, sizeof(s->data), "/tmp/llmdeck-act-%d.out", (int)getpid());
	whole = mem_printf("#!/bin/sh\nout=%s\n%s", s->data, text);
	assert_int_equal(file_write_atomic(s->path, whole, strlen(whole), 0700, &err), 0);
	free(whole);
	unlink(s->data);
}

static void open_script(struct act_bench *b, struct script *s, const char *more)
{
	char section[300];

	snprintf(section, sizeof(section), "{kind: exec, command: [%s, \"--env\", \"a b; touch x\"]%s}", s->path, more);
	bench_open(b, section);
}

static void exec_runs(void **state)
{
	struct script s;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_SET, 25, "exec-1");
	struct buf text = {0};
	struct err err;

	(void)state;
	write_script(&s, "in=$(cat)\nprintf '%s|%s|%s|%s\\n' \"$1\" \"$2\" \"$SECRET_OF_OTHERS\" \"$TOKEN\" >>$out\nprintf '%s\\n' \"$in\" >>$out\n"
	             "echo '{\"arms\":[{\"deployment\":\"v43\",\"percent\":25,\"requests\":4,\"errors\":1},{\"deployment\":\"v42\",\"percent\":75,"
	             "\"requests\":12}],\"words\":\"all \\u001b[2J well\",\"phase\":\"ok\"}'\n");
	setenv("SECRET_OF_OTHERS", "x", 1);
	setenv("ACT_TOKEN", "sesame", 1);
	open_script(&b, &s, ", reads: yes, env: {TOKEN: \"env:ACT_TOKEN\"}");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, "before"), ACT_OK, &b);
	assert_int_equal(file_read(s.data, 100000, &text, &err), 0);
	assert_non_null(strstr(text.data, "--env|a b; touch x||sesame\n"));
	assert_non_null(strstr(text.data, "\"do\":\"apply\",\"verb\":\"set\""));
	assert_non_null(strstr(text.data, "\"key\":\"exec-1\",\"actor\":\"mia\",\"reason\":\"a \\\"test\\\"\""));
	assert_non_null(strstr(text.data, "{\"deployment\":\"v43\",\"role\":\"candidate\",\"percent\":25}"));
	assert_non_null(strstr(text.data, "\"saw\":\"before\""));
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.arms[1].requests == 4 && b.answer.sight.arms[0].has_counters);
	assert_null(strchr(b.sight_words, '\x1b'));
	ask = share_ask(ACT_SET, 60, "exec-2");
	assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_FAILED, &b);
	assert_act(bench_run(&b, TARGET_OBSERVE, &ask, NULL), ACT_OK, &b);
	assert_true(b.answer.sight.drift);
	bench_close(&b);
	buf_fini(&text);
	unlink(s.path);
	unlink(s.data);
}

static void exec_fails_truthfully(void **state)
{
	static const struct {
		const char *script;
		enum act_result result;
		enum act_fault fault;
		const char *words;
	} cases[] = {
		{"echo 'no \033[31mway' >&2; echo more >&2; exit 3\n", ACT_FAILED, ACT_REFUSED, "exit status 3: no ^[[31mway"},
		{"echo later >&2; exit 75\n", ACT_RETRY, ACT_REFUSED, "try again: later"},
		{"kill -9 $$\n", ACT_FAILED, ACT_REFUSED, "signal 9"},
		{"sleep 30 & sleep 30\n", ACT_RETRY, ACT_TIMED_OUT, "in time"},
		{"while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n", ACT_FAILED, ACT_GARBLED, "more than"},
	};
	struct script s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct act_bench b;
		struct act_ask ask = share_ask(ACT_SET, 25, "fail-1");

		write_script(&s, cases[i].script);
		open_script(&b, &s, "");
		assert_act(bench_run_for(&b, TARGET_APPLY, &ask, NULL, 1500 * US_PER_MS), cases[i].result, &b);
		assert_int_equal(b.answer.why.fault, cases[i].fault);
		assert_words(&b, cases[i].words);
		assert_true(b.answer.why.maybe_changed);
		assert_act(bench_run(&b, TARGET_VERIFY, &ask, NULL), ACT_FAILED, &b);
		assert_int_equal(b.answer.why.fault, ACT_UNABLE);
		bench_close(&b);
	}
	unlink(s.path);
	struct act_bench gone;
	struct act_ask ask = share_ask(ACT_SET, 25, "gone");
	open_script(&gone, &s, "");
	assert_act(bench_run(&gone, TARGET_APPLY, &ask, NULL), ACT_FAILED, &gone);
	assert_int_equal(gone.answer.why.fault, ACT_MISSING);
	assert_false(gone.answer.why.maybe_changed);
	bench_close(&gone);
}

/* A step that may have been taken is never taken again: the first run counts and fails, the second
 * would count to two. */
static void nothing_relative_is_done_twice(void **state)
{
	struct script s;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_STEP, 25, "once");
	struct buf text = {0};
	struct err err;

	(void)state;
	write_script(&s, "grep -q apply && echo step >>$out && exit 1\nexit 1\n");
	open_script(&b, &s, ", reads: yes");
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_FAILED, &b);
	assert_true(b.answer.why.maybe_changed);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_FAILED, &b);
	assert_int_equal(b.answer.why.fault, ACT_CHANGED);
	assert_int_equal(file_read(s.data, 1000, &text, &err), 0);
	assert_string_equal(text.data, "step\n");
	/* a key belongs to one kind of action */
	assert_act(bench_run(&b, TARGET_UNDO, &ask, ""), ACT_FAILED, &b);
	assert_words(&b, "another action");
	bench_close(&b);
	buf_fini(&text);
	unlink(s.path);
	unlink(s.data);
}

/* ── HAProxy's answers ─────────────────────────────────────────────────────────────────────── */

#define STATES "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight extra\n"

static void haproxy_answers(void **state)
{
	static const char *const bad[] = {
		"", "2\n", "1\n3 llm 1 a 127.0.0.1 2 0 1 1 x\n", STATES "3 llm 1 a 127.0.0.1 2 0 257 1 x\n",
		STATES "3 llm 1 a 127.0.0.1 9 0 1 1 x\n", STATES "3 llm 1 a\n", "Can't find backend.\n\n", "\xff\xfe\n",
	};
	static struct haproxy_backend b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b = (struct haproxy_backend){.count = 0};
		assert_int_equal(haproxy_parse_states(str_of(bad[i]), "llm", &b), -1);
	}
	b = (struct haproxy_backend){.count = 0};
	assert_int_equal(haproxy_parse_states(STR_LIT(STATES "3 llm 1 a 127.0.0.1 2 0 90 100 x\n4 other 1 a 127.0.0.1 2 0 1 1 x\n"
	                                              "3 llm 2 b 127.0.0.1 0 8 10 10 x\n\n"), "llm", &b), 0);
	assert_int_equal(b.count, 2);
	assert_string_equal(haproxy_server_state(&b.servers[0]), "ready");
	assert_string_equal(haproxy_server_state(&b.servers[1]), "drain");
	assert_int_equal(haproxy_parse_counters(STR_LIT("# pxname,svname,stot,econ,eresp,bck,hrsp_5xx,\nllm,a,1234,1,2,0,3,\n"
	                                                "llm,b,x,1,2,0,3,\nllm,b\n\"\n"), &b), 0);
	assert_true(b.servers[0].has_counters && b.servers[0].sessions == 1234 && b.servers[0].errors == 5);
	assert_false(b.servers[1].has_counters);
}

static void answer_nonsense(void *arg, const struct small_request *q, struct buf *answer)
{
	(void)q;
	buf_puts(answer, arg);
}

static void haproxy_that_is_none(void **state)
{
	struct small_http s;
	struct act_bench b;
	struct act_ask ask = share_ask(ACT_ROLLBACK, 0, "n");
	char section[128];

	(void)state;
	small_start(&s, 0, answer_nonsense, "");
	snprintf(section, sizeof(section), "{kind: haproxy, socket: \"127.0.0.1:%u\", backend: llm}", s.port);
	bench_open(&b, section);
	/* it waits for a whole HTTP request, so it hangs */
	assert_act(bench_run_for(&b, TARGET_APPLY, &ask, NULL, 300 * US_PER_MS), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_TIMED_OUT);
	assert_false(b.answer.why.maybe_changed);
	small_stop(&s);
	assert_act(bench_run(&b, TARGET_APPLY, &ask, NULL), ACT_RETRY, &b);
	assert_int_equal(b.answer.why.fault, ACT_UNREACHABLE);
	bench_close(&b);
}

static void check_advice(const char *config, const char *part)
{
	struct buf out = {0};

	haproxy_state_file_advice(str_of(config), "llm", &out);
	if (!part)
		assert_int_equal(out.len, 0);
	else if (!out.len || !strstr(out.data, part))
		fail_msg("`%s` does not say `%s`", out.len ? out.data : "", part);
	buf_fini(&out);
}

static void haproxy_advice(void **state)
{
	(void)state;
	check_advice("global\n  maxconn 10\nbackend llm\n  server a b\n", "server-state-file");
	check_advice("global\n  server-state-file /x\nbackend llm\n  server a b\n", "load-server-state-from-file");
	check_advice("global\n  server-state-file /x\ndefaults\n  load-server-state-from-file global\nbackend llm\n", NULL);
	check_advice("global\n  server-state-base /x\nbackend llm\n  load-server-state-from-file local # yes\n", NULL);
	check_advice("global\n  server-state-file /x\nbackend other\n  load-server-state-from-file global\nbackend llm\n", "load-");
	check_advice("global\n  server-state-file /x\ndefaults\n  load-server-state-from-file global\nbackend llm\n"
	             "  load-server-state-from-file none\n", "load-");
	check_advice("\x01\xff\n\n   \nglobal", "server-state-file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_round), cmocka_unit_test(arriving_shares), cmocka_unit_test(demo_moves),
		cmocka_unit_test(exec_runs), cmocka_unit_test(exec_fails_truthfully), cmocka_unit_test(nothing_relative_is_done_twice),
		cmocka_unit_test(haproxy_answers), cmocka_unit_test(haproxy_that_is_none), cmocka_unit_test(haproxy_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
