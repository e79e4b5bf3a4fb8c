/* Rollouts in a collector's process, with a command as the target that notes every call: a whole
 * rollback, a kill in its middle, two operators, a role that does not suffice; and the audit's chain. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <grp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "console/control_rollouts.h"
#include "daemon/spawn.h"
#include "parse/config.h"
#include "store/audit.h"
#include "store/ledger.h"
#include "store/query.h"
#include "unit/collector_place.h"

#define STRANGER 54321

/* The target: keeps the candidate's percent in a file, and notes what it is asked. With a file "slow" an
 * apply takes effect and then does not end. */
static const char script[] =
	"#!/bin/sh\n"
	"cd \"$(dirname \"$0\")\" || exit 1\n"
	"ask=$(cat)\n"
	"do=$(printf %s \"$ask\" | sed -n 's/.*\"do\":\"\\([a-z]*\\)\".*/\\1/p')\n"
	"to=$(printf %s \"$ask\" | sed -n 's/.*\"v43\"[^}]*\"percent\":\\([0-9.]*\\).*/\\1/p')\n"
	"echo \"$do\" >>calls\n"
	"if [ \"$do\" = apply ]; then\n"
	"  echo \"$to\" >percent\n"
	"  [ -e slow ] && exec sleep 60\n"
	"fi\n"
	"now=$(cat percent)\n"
	"printf '{\"arms\":[{\"deployment\":\"v42\",\"percent\":%s},{\"deployment\":\"v43\",\"percent\":%s}]}' $((100 - now)) \"$now\"\n";

static char *path_in(const struct place *p, const char *name)
{
	return mem_printf("%s/%s", p->folder, name);
}

static void put_file(const struct place *p, const char *name, const char *text, mode_t mode)
{
	char *path = path_in(p, name);
	struct err err = {""};

	if (file_write_atomic(path, text, strlen(text), mode, &err))
		fail_msg("%s", err.text);
	free(path);
}

static int times_asked(const struct place *p, const char *what)
{
	char *path = path_in(p, "calls"), line[64];
	FILE *f = fopen(path, "r");
	int times = 0;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		times += strcmp(line, what) == 0;
	}
	if (f)
		fclose(f);
	free(path);
	return times;
}

static int make_target(void **state)
{
	make_place(state);
	struct place *p = *state;

	put_file(p, "switch", script, 0755);
	put_file(p, "percent", "25\n", 0644);
	return 0;
}

static void start(struct place *p)
{
	struct buf yaml = {0};

	buf_printf(&yaml, "roles: {viewer: [any]}\n"
	           "rollouts:\n"
	           "  - {name: checkout, service: shop, stable: v42, candidate: v43, countdown: {lower: 1s, raise: 1s},\n"
	           "     actuator: {kind: exec, command: [\"%s/switch\"], reads: yes, timeout: 60s}}\n", p->folder);
	place_start_with(p, buf_str(&yaml));
	buf_fini(&yaml);
}

/* Waits until the weights are known. */
static void wait_for_weights(const struct place *p)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	bool known = false;

	while (!known && clock_mono_us() < until_us) {
		struct rollout_list list;
		struct err err = {""};

		if (control_rollout_list(p->client, &list, NULL, &err) != CONTROL_OK)
			fail_msg("%s", err.text);
		assert_int_equal(list.row_count, 1);
		known = list.rows[0].arms[1].actual_weight >= 0 && !list.rows[0].has_action;
		rollout_list_fini(&list);
		pause_ms(20);
	}
	assert_true(known);
}

static const struct rollout_ask rollback = {.rollout = "checkout", .verb = "rollback", .reason = "p95", .claimed = "mia"};

/* Beats until the action is in `state` (or done). */
static void follow(const struct place *p, const char *key, const char *wanted, struct rollout_progress *out)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	struct err err = {""};

	for (;;) {
		if (control_rollout_beat(p->client, key, out, &err) != CONTROL_OK)
			fail_msg("%s", err.text);
		if (strcmp(out->state, wanted) == 0 || rollout_progress_done(out))
			return;
		assert_true(clock_mono_us() < until_us);
		rollout_progress_fini(out);
		pause_ms(50);
	}
}

static void begin(const struct place *p, const char *key)
{
	struct rollout_progress progress;
	struct err err = {""};

	if (control_rollout_begin(p->client, &rollback, key, &progress, &err) != CONTROL_OK)
		fail_msg("%s", err.text);
	rollout_progress_fini(&progress);
}

static struct audit_result audit_of(const struct place *p, size_t wanted)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	struct store_reader *reader;
	struct audit_result res;
	struct err err = {""};

	if (store_reader_open(&reader, p->store, &err))
		fail_msg("%s", err.text);
	for (;;) {
		if (query_audit(reader, 0, INT64_MAX, 100, &res, &err))
			fail_msg("%s", err.text);
		if (res.row_count >= wanted || clock_mono_us() > until_us)
			break;
		audit_result_fini(&res);
		pause_ms(20);
	}
	store_reader_close(&reader);
	assert_int_equal(res.row_count, wanted);
	return res;
}

static bool mentions(struct str text, const char *what)
{
	return memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

/* ── tests ─────────────────────────────────────────────────────────────────────────────────── */

static void rolls_back(void **state)
{
	struct place *p = *state;
	struct rollout_progress progress;
	struct err err = {""};

	start(p);
	wait_for_weights(p);
	assert_int_equal(control_rollout_plan(p->client, &rollback, &progress, &err), CONTROL_OK);
	assert_int_equal(progress.part_count, 1);
	assert_string_equal(progress.parts[0].before, "v42 75 %, v43 25 %");
	assert_string_equal(progress.parts[0].candidate, "v43");
	assert_false(progress.raises);
	rollout_progress_fini(&progress);
	assert_int_equal(times_asked(p, "apply"), 0);
	begin(p, "test-key-1");
	follow(p, "test-key-1", "watching", &progress);
	assert_int_equal(progress.applied, 1);
	assert_int_equal(times_asked(p, "apply"), 1);
	rollout_progress_fini(&progress);
	/* The same key again is the same action. */
	begin(p, "test-key-1");
	assert_int_equal(times_asked(p, "apply"), 1);
}

static void a_silent_client_cancels(void **state)
{
	struct place *p = *state;

	start(p);
	wait_for_weights(p);
	begin(p, "test-key-2");
	struct audit_result res = audit_of(p, 1);

	assert_true(mentions(res.rows[0].entry.outcome, "cancelled"));
	assert_true(str_equal_c(res.rows[0].entry.claimed_name, "mia"));
	assert_int_equal(res.rows[0].entry.uid, geteuid());
	assert_int_equal(times_asked(p, "apply"), 0);
	audit_result_fini(&res);
}

static void killed_in_the_middle(void **state)
{
	struct place *p = *state;
	struct rollout_progress progress;
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	start(p);
	wait_for_weights(p);
	put_file(p, "slow", "", 0644);
	begin(p, "test-key-3");
	follow(p, "test-key-3", "applying", &progress);
	rollout_progress_fini(&progress);
	while (times_asked(p, "apply") == 0 && clock_mono_us() < until_us)
		pause_ms(10);
	pause_ms(100); /* for the command to have written the weight */
	kill(collector_child_pid(p->child), SIGKILL);
	collector_child_stop(&p->child, DEADLINE_US);
	start(p);
	struct audit_result res = audit_of(p, 1);

	assert_true(mentions(res.rows[0].entry.outcome, "the collector ended while it was at work; read back afterwards: 1 of 1"));
	assert_true(mentions(res.rows[0].entry.outcome, "reason: p95"));
	assert_true(str_equal_c(res.rows[0].entry.after, "v42 100 %, v43 0 %"));
	assert_int_equal(times_asked(p, "apply"), 1);
	audit_result_fini(&res);
	/* The old key begins nothing. */
	begin(p, "test-key-3");
	follow(p, "test-key-3", "done", &progress);
	assert_int_equal(times_asked(p, "apply"), 1);
	rollout_progress_fini(&progress);
}

static void two_at_once(void **state)
{
	struct place *p = *state;
	struct control_client *other = control_client_new(p->socket);
	struct rollout_progress progress;
	struct rollout_ask step = {.rollout = "checkout", .verb = "step"};
	struct err err = {""};

	start(p);
	wait_for_weights(p);
	begin(p, "test-key-4");
	assert_int_equal(control_rollout_begin(other, &step, "test-key-5", &progress, &err), CONTROL_FAILED);
	assert_non_null(strstr(err.text, "is under way"));
	follow(p, "test-key-4", "watching", &progress);
	assert_int_equal(times_asked(p, "apply"), 1);
	rollout_progress_fini(&progress);
	control_client_free(&other);
}

static int viewer_moves_nothing(const struct place *p)
{
	struct control_client *c = control_client_new(p->socket);
	struct rollout_progress progress;
	struct rollout_list list;
	struct err err = {""};

	if (control_rollout_list(c, &list, NULL, &err) != CONTROL_OK)
		return 1;
	if (control_rollout_plan(c, &rollback, &progress, &err) != CONTROL_OK || progress.part_count != 1)
		return 2;
	if (control_rollout_begin(c, &rollback, "test-key-6", &progress, &err) != CONTROL_REFUSED ||
	    !strstr(err.text, "operator"))
		return 3;
	return control_rollout_cancel(c, "test-key-6", &progress, &err) == CONTROL_REFUSED ? 0 : 4;
}

static void viewers_are_refused(void **state)
{
	struct place *p = *state;
	int status;

	if (geteuid() != 0) {
		print_message("skipped: only root can become somebody else\n");
		skip();
	}
	start(p);
	wait_for_weights(p);
	int plans = times_asked(p, "plan");
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(STRANGER) || setuid(STRANGER))
			_exit(99);
		_exit(viewer_moves_nothing(p));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	/* A plan may be seen by whoever may look; that is all. */
	assert_int_equal(times_asked(p, "plan"), plans + 1);
	assert_int_equal(times_asked(p, "apply"), 0);
}

/* ── the audit ─────────────────────────────────────────────────────────────────────────────── */

static void add_rows(const struct place *p, int count, char head[AUDIT_HEAD_BYTES])
{
	struct store_writer *w;
	struct store_options o = {0};
	struct err err = {""};

	if (store_writer_open(&w, p->store, &o, &err))
		fail_msg("%s", err.text);
	for (int i = 0; i < count; i++) {
		struct audit_entry e = {.time_us = 1000 + i, .uid = 7, .action = STR_LIT("rollback"), .target = STR_LIT("checkout"),
		                        .outcome = STR_LIT("applied")};

		assert_int_equal(store_writer_audit(w, &e, &err), 0);
	}
	assert_int_equal(store_writer_audit_head(w, head, &err), 0);
	store_writer_close(&w);
}

static struct audit_check check(const struct place *p, const char *head)
{
	struct store_reader *reader;
	struct audit_check out = {0};
	struct err err = {""};

	if (store_reader_open(&reader, p->store, &err) || query_audit_check(reader, head, &out, &err))
		fail_msg("%s", err.text);
	store_reader_close(&reader);
	return out;
}

static void tamper(const struct place *p, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(p->store, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void the_chain_shows_changes(void **state)
{
	static const struct {
		const char *sql;
		int64_t faulty;
		const char *words;
	} cases[] = {
		{"UPDATE audit SET outcome='cancelled' WHERE id=3", 3, "was changed"},
		{"UPDATE audit SET uid=8 WHERE id=5", 5, "was changed"},
		{"DELETE FROM audit WHERE id=2", 2, "row 2 is missing"},
		{"DELETE FROM audit WHERE id>3", 4, "the tail is cut"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place *p = *state;
		char head[AUDIT_HEAD_BYTES];

		add_rows(p, 5, head);
		assert_int_equal(check(p, head).faulty_id, 0);
		assert_true(check(p, head).head_seen);
		assert_string_equal(check(p, NULL).head, head);
		tamper(p, cases[i].sql);
		struct audit_check found = check(p, head);

		assert_int_equal(found.faulty_id, cases[i].faulty);
		assert_non_null(strstr(found.words.text, cases[i].words));
		remove(p->store);
	}
}

/* Who cuts the tail and the counter too is betrayed by the head that was kept elsewhere. */
static void a_head_kept_elsewhere(void **state)
{
	struct place *p = *state;
	char head[AUDIT_HEAD_BYTES];

	add_rows(p, 5, head);
	tamper(p, "DELETE FROM audit WHERE id>3; UPDATE sqlite_sequence SET seq=3 WHERE name='audit'");
	assert_int_equal(check(p, NULL).faulty_id, 0);
	assert_int_equal(check(p, head).faulty_id, 4);
}

static void the_ledger_keeps(void **state)
{
	struct place *p = *state;
	struct store_writer *w;
	struct store_reader *reader;
	struct ledger_result ledger;
	struct store_options o = {0};
	struct err err = {""};
	bool known;
	struct rollout_desired desired = {.name = STR_LIT("checkout"), .shares = STR_LIT("v42=75 v43=25"), .phase = STR_LIT("set"),
	                                  .reason = STR_LIT("by hand"), .held = true, .step_us = 5, .stretch = 3, .stretch_us = 6};
	struct rollout_action_row row = {.key = STR_LIT("k-1"), .rollout = STR_LIT("checkout"), .verb = STR_LIT("step"),
	                                 .state = STR_LIT("intent"), .started_us = 9};

	assert_int_equal(store_writer_open(&w, p->store, &o, &err), 0);
	assert_int_equal(store_writer_put_desired(w, &desired, &err), 0);
	assert_int_equal(store_writer_put_action(w, &row, &err), 0);
	row.key = STR_LIT("k-2");
	assert_int_equal(store_writer_put_action(w, &row, &err), 0);
	row.state = STR_LIT("done");
	assert_int_equal(store_writer_put_action(w, &row, &err), 0);
	assert_int_equal(store_writer_has_action(w, STR_LIT("k-2"), &known, &err), 0);
	assert_true(known);
	assert_int_equal(store_writer_commit(w, &err), 0);
	store_writer_close(&w);
	assert_int_equal(store_reader_open(&reader, p->store, &err), 0);
	assert_int_equal(query_ledger(reader, &ledger, &err), 0);
	assert_int_equal(ledger.desired_count, 1);
	assert_true(ledger.desired[0].held && str_equal(ledger.desired[0].shares, desired.shares));
	assert_int_equal(ledger.action_count, 1);
	assert_true(str_equal_c(ledger.actions[0].key, "k-1"));
	ledger_result_fini(&ledger);
	store_reader_close(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rolls_back, make_target, remove_place),
		cmocka_unit_test_setup_teardown(a_silent_client_cancels, make_target, remove_place),
		cmocka_unit_test_setup_teardown(killed_in_the_middle, make_target, remove_place),
		cmocka_unit_test_setup_teardown(two_at_once, make_target, remove_place),
		cmocka_unit_test_setup_teardown(viewers_are_refused, make_target, remove_place),
		cmocka_unit_test_setup_teardown(the_chain_shows_changes, make_target, remove_place),
		cmocka_unit_test_setup_teardown(a_head_kept_elsewhere, make_target, remove_place),
		cmocka_unit_test_setup_teardown(the_ledger_keeps, make_target, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
