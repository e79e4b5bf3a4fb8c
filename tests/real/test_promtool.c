/* Threshold rules with `for` and `keep_firing_for` against Prometheus's own rule tester over identical
 * series: at every evaluation the same alerts fire. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alert/judge_rule.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#define STEPS 240
#define RULES 24
#define STEP_S 10

static uint32_t seed = 20261123;

static unsigned chance(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void write_rules(struct buf *out, const struct config_alert rules[RULES])
{
	buf_puts(out, "groups:\n- name: g\n  rules:\n");
	for (int i = 0; i < RULES; i++) {
		buf_printf(out, "  - alert: a%d\n    expr: x%d %s %g\n", i, i, rules[i].below ? "<" : ">", rules[i].limit);
		if (rules[i].for_us)
			buf_printf(out, "    for: %llds\n", (long long)(rules[i].for_us / US_PER_S));
		if (rules[i].keep_firing_for_us)
			buf_printf(out, "    keep_firing_for: %llds\n", (long long)(rules[i].keep_firing_for_us / US_PER_S));
	}
}

/* Runs our machine, and writes down what it says as what promtool must find. */
static void write_expectations(struct buf *out, const struct config_alert rules[RULES], int values[RULES][STEPS])
{
	for (int i = 0; i < RULES; i++) {
		const struct machine_rule waits = {rules[i].for_us, rules[i].keep_firing_for_us, NO_DATA_KEEPS};
		struct machine m = {0};

		for (int t = 0; t < STEPS; t++) {
			struct rule_reading r = rule_judge_value(&rules[i], rules[i].limit, value_ok(values[i][t]));

			machine_step(&m, &waits, r.seen, 1000000 * US_PER_S + t * STEP_S * US_PER_S);
			buf_printf(out, "  - eval_time: %ds\n    alertname: a%d\n    exp_alerts: %s\n", t * STEP_S, i,
			           m.state == ALERT_FIRING ? "[{}]" : "[]");
		}
	}
}

static void the_same_fires_as_in_prometheus(void **state)
{
	struct config_alert rules[RULES] = {{0}};
	static int values[RULES][STEPS];
	char folder[] = "/tmp/llmdeck-promtool-XXXXXX", path[96], command[256];
	struct buf text = {0}, expected = {0};
	struct err err;

	(void)state;
	if (access("/usr/bin/promtool", X_OK) != 0) {
		printf("promtool is not installed (apt-get install prometheus): skipped\n");
		skip();
	}
	assert_non_null(mkdtemp(folder));
	for (int i = 0; i < RULES; i++) {
		rules[i] = (struct config_alert){.metric = METRIC_REQUESTS, .limit = 5, .below = i % 5 == 4, .for_us = chance(5) * 10 * US_PER_S,
		                                 .keep_firing_for_us = i % 2 ? chance(6) * 10 * US_PER_S : 0};
		for (int t = 0, v = 3; t < STEPS; t++) {
			v = chance(4) ? v : (int)chance(11);
			values[i][t] = v;
		}
	}
	write_rules(&text, rules);
	snprintf(path, sizeof path, "%s/rules.yml", folder);
	assert_int_equal(file_write_atomic(path, text.data, text.len, 0644, &err), 0);
	buf_reset(&text);
	buf_printf(&text, "rule_files: [rules.yml]\nevaluation_interval: %ds\ntests:\n- interval: %ds\n  input_series:\n", STEP_S, STEP_S);
	for (int i = 0; i < RULES; i++) {
		buf_printf(&text, "  - series: x%d\n    values: '", i);
		for (int t = 0; t < STEPS; t++)
			buf_printf(&text, "%s%d", t ? " " : "", values[i][t]);
		buf_puts(&text, "'\n");
	}
	buf_puts(&text, "  alert_rule_test:\n");
	write_expectations(&expected, rules, values);
	buf_append_str(&text, buf_str(&expected));
	snprintf(path, sizeof path, "%s/test.yml", folder);
	assert_int_equal(file_write_atomic(path, text.data, text.len, 0644, &err), 0);
	snprintf(command, sizeof command, "cd %s && promtool test rules test.yml >out.txt 2>&1 || { head -40 out.txt; false; }", folder);
	assert_int_equal(system(command), 0);
	printf("  %d rules agree with promtool at each of %d evaluations\n", RULES, STEPS);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	buf_fini(&text);
	buf_fini(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_fires_as_in_prometheus)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
