/* A hard budget in a collector's process, with a command as the rollout's target that notes every call:
 * it acts by the way of an operator's order, once, whatever restarts; and not at all until it is armed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/money.h"
#include "daemon/spawn.h"
#include "parse/config.h"
#include "store/query_alerts.h"
#include "store/writer.h"
#include "unit/collector_place.h"


/* Keeps the candidate's percent in a file, and notes what it is asked. */
static const char script[] =
	"#!/bin/sh\n"
	"cd \"$(dirname \"$0\")\" || exit 1\n"
	"ask=$(cat)\n"
	"do=$(printf %s \"$ask\" | sed -n 's/.*\"do\":\"\\([a-z]*\\)\".*/\\1/p')\n"
	"to=$(printf %s \"$ask\" | sed -n 's/.*\"v43\"[^}]*\"percent\":\\([0-9.]*\\).*/\\1/p')\n"
	"echo \"$do\" >>calls\n"
	"[ \"$do\" = apply ] && echo \"$to\" >percent\n"
	"now=$(cat percent)\n"
	"printf '{\"arms\":[{\"deployment\":\"v42\",\"percent\":%s},{\"deployment\":\"v43\",\"percent\":%s}]}' $((100 - now)) \"$now\"\n";

static void put_file(const struct place *p, const char *name, const char *text, mode_t mode)
{
	char *path = mem_printf("%s/%s", p->folder, name);
	struct err err = {""};

	if (file_write_atomic(path, text, strlen(text), mode, &err))
		fail_msg("%s", err.text);
	free(path);
}

static int times_applied(const struct place *p)
{
	char *path = mem_printf("%s/calls", p->folder), line[64];
	FILE *f = fopen(path, "r");
	int times = 0;

	while (f && fgets(line, sizeof line, f))
		times += strcmp(line, "apply\n") == 0;
	if (f)
		fclose(f);
	free(path);
	return times;
}

/* Two dollars of a minute ago. */
static void put_spend(struct place *p)
{
	struct store_writer *w;
	struct store_counts counts = {0};
	struct batch *b = batch_new();
	struct request *r = batch_add_request(b);
	struct err err = {""};

	r->end_us = clock_wall_us() - 2 * US_PER_S;
	r->dims[DIM_SERVICE] = STR_LIT("shop");
	r->cost_source = COST_REPORTED;
	r->cost_nusd = 2 * NUSD_PER_USD;
	if (store_writer_open(&w, p->store, &(struct store_options){.now_us = 0}, &err) || store_writer_append(w, b, &counts, &err) ||
	    store_writer_commit(w, &err))
		fail_msg("%s", err.text);
	store_writer_close(&w);
	batch_free(&b);
}

static int make_shop(void **state)
{
	struct err err = {""};

	make_place(state);
	struct place *p = *state;

	put_file(p, "switch", script, 0755);
	put_file(p, "percent", "25\n", 0644);
	put_spend(p);
	if (store_reader_open(&p->reader, p->store, &err))
		fail_msg("%s", err.text);
	return 0;
}

static void start(struct place *p, const char *armed)
{
	struct buf yaml = {0};

	buf_printf(&yaml, "rollouts:\n"
	           "  - {name: checkout, service: shop, stable: v42, candidate: v43,\n"
	           "     actuator: {kind: exec, command: [\"%s/switch\"], reads: yes, timeout: 60s}}\n"
	           "budgets: [{name: day, amount: 1, period: year, hard: rollback checkout, armed: %s}]\n", p->folder, armed);
	place_start_with(p, buf_str(&yaml));
	buf_fini(&yaml);
}

/* How many audit rows have this in their action, after, or outcome. */
static size_t audits(const struct place *p, const char *action, const char *text)
{
	struct audit_result res;
	struct err err = {""};
	size_t count = 0;

	if (query_audit(p->reader, 0, INT64_MAX, 200, &res, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < res.row_count; i++) {
		const struct audit_entry *e = &res.rows[i].entry;

		count += str_equal_c(e->action, action) && (memmem(e->after.ptr, e->after.len, text, strlen(text)) ||
		                                            memmem(e->outcome.ptr, e->outcome.len, text, strlen(text)));
	}
	audit_result_fini(&res);
	return count;
}

static void wait_for_audit(const struct place *p, const char *action, const char *text)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;

	while (!audits(p, action, text)) {
		if (clock_mono_us() > until_us)
			fail_msg("the audit has no %s with \"%s\"", action, text);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
}

/* Until the collector has assessed the budgets after `since_us`. */
static struct budget_standing wait_for_standing(const struct place *p, int64_t since_us, struct standing_result *res)
{
	int64_t until_us = clock_mono_us() + DEADLINE_US;
	struct err err = {""};

	for (;;) {
		if (query_budget_states(p->reader, res, &err))
			fail_msg("%s", err.text);
		if (res->row_count == 1 && res->rows[0].assessed_us >= since_us)
			return res->rows[0];
		standing_result_fini(res);
		assert_true(clock_mono_us() < until_us);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
}

static void it_rolls_back_once(void **state)
{
	struct place *p = *state;
	struct standing_result res;
	int64_t now_us, until_us = clock_mono_us() + DEADLINE_US;

	start(p, "true");
	wait_for_audit(p, "budget.act", "acts: rollback checkout");
	wait_for_audit(p, "budget.act", "acted: rollback checkout has begun");
	while (times_applied(p) < 1) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		assert_true(clock_mono_us() < until_us);
	}
	assert_int_equal(audits(p, "alert.fire", ""), 4); /* 50, 80 and 100 %, and the action */
	collector_child_stop(&p->child, DEADLINE_US);
	now_us = clock_wall_us();
	start(p, "true");
	assert_non_null(strstr(wait_for_standing(p, now_us, &res).deed_words, "acted: rollback checkout"));
	standing_result_fini(&res);
	/* The action only watched its traffic any more: the next collector reads the target back and closes it. */
	wait_for_audit(p, "rollback", "reason: budget day: $2.00 of $1.00 spent this year");
	assert_int_equal(times_applied(p), 1);
	assert_int_equal(audits(p, "budget.act", ""), 2);
}

/* `budget list` as scripts read it: every member that is promised, and what the hard one would do. */
static void assert_list_is_complete(const struct place *p)
{
	static const char *const members[] = {
		"{\"schema\":1,\"budgets\":[", "\"name\":\"day\"", "\"where\":\"\"", "\"period\":\"year\"", "\"tz\":\"UTC\"",
		"\"amount_usd\":\"1.000000000\"", "\"spent_usd\":\"2.000000000\"", "\"forecast_usd\":", "\"forecast_low_usd\":",
		"\"forecast_high_usd\":", "\"percent\":200", "\"state\":\"exceeded\"", "\"overshoot_usd\":\"1.000000000\"", "\"resets_at\":\"",
		"\"data_age_s\":", "\"burn_usd_per_hour\":", "\"sustainable_usd_per_hour\":0", "\"exhausted_at\":null", "\"unpriced_requests\":0",
		"\"spent_quality\":\"ok\"", "\"hard\":\"rollback checkout\"", "\"armed\":false",
		"\"hard_outcome\":\"would have acted, but is not armed: rollback checkout\"", "\"max_unpriced\":0.05", "\"changed_by\":\"\"",
	};
	char *config = mem_printf("%s/config.yaml", p->folder), out[4096];
	const char *binary = getenv("LLMDECK_BINARY");

	put_file(p, "config.yaml", "budgets: [{name: day, amount: 1, period: year, hard: rollback checkout}]\n", 0644);
	char *command = mem_printf("%s --store %s --config %s budget list --format json", binary ? binary : "build/llmdeck", p->store, config);
	FILE *f = popen(command, "r");

	assert_non_null(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	assert_int_equal(pclose(f), 0);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (!strstr(out, members[i]))
			fail_msg("budget list has no %s:\n%s", members[i], out);
	free(command);
	free(config);
}

static void it_only_says_so_until_armed(void **state)
{
	struct place *p = *state;
	struct standing_result res;

	start(p, "false");
	wait_for_audit(p, "budget.act", "would have acted, but is not armed: rollback checkout");
	assert_non_null(strstr(wait_for_standing(p, 1, &res).deed_words, "would have acted"));
	standing_result_fini(&res);
	assert_int_equal(times_applied(p), 0);
	assert_int_equal(audits(p, "rollback", ""), 0);
	assert_list_is_complete(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_rolls_back_once, make_shop, remove_place),
		cmocka_unit_test_setup_teardown(it_only_says_so_until_armed, make_shop, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
