/* The configuration: a whole example, every mistake with its place, limits, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "core/money.h"
#include "parse/config.h"

static const char example[] =
	"listen: 127.0.0.1:4318\n"
	"retention: {raw: 30d, rollup_1m: 90d, rollup_1h: 3y, text: 7d, size: 20GB}   # how far back raw goes\n"
	"tags: [channel, experiment]\n"
	"prices: /etc/llmdeck/prices.json\n"
	"sources:\n"
	"  - {name: vllm-a, kind: prometheus, url: \"http://10.0.0.1:8000/metrics\", every: 5s, service: chat, deployment: v42}\n"
	"  - {name: app-log, kind: tail, path: /var/log/app/llm.jsonl, map: {time: ts, model: model}}\n"
	"rollouts:\n"
	"  - name: checkout\n"
	"    service: checkout\n"
	"    environment: prod\n"
	"    stable: v42\n"
	"    candidate: v43\n"
	"    actuator: {kind: haproxy, socket: /run/haproxy/admin.sock, backend: llm, stable: v42, candidate: v43}\n"
	"    guardrails: [{metric: error_rate, worse_by: 0.5pp}, {metric: latency_p95, worse_by: 20%}]\n"
	"    on_breach: ask            # ask | rollback\n"
	"budgets:\n"
	"  - {name: checkout-day, where: {service: checkout}, amount: 400, period: day, tz: Europe/Berlin, warn: [50, 80, 100], on: [actual, forecast]}\n"
	"alerts:\n"
	"  - {name: slow, metric: latency_p95, where: {service: checkout}, over: 2s, window: 5m, for: 2m, severity: critical}\n"
	"notify:\n"
	"  - {kind: alertmanager, url: \"http://127.0.0.1:9093\"}\n"
	"  - {kind: webhook, url: \"https://hooks.example/x\", headers: {Authorization: \"env:HOOK_TOKEN\"}}\n"
	"contexts:\n"
	"  prod: {store: /var/lib/llmdeck/prod.db, colour: red}\n"
	"roles: {operator: [group:oncall], responder: [group:support], viewer: [any]}\n"
	"keys: {rollback: R, quit: Q}\n";

static const char *pair(const struct config_section *s, const char *key)
{
	for (size_t i = 0; i < s->pair_count; i++)
		if (strcmp(s->pairs[i].key, key) == 0)
			return s->pairs[i].value;
	return NULL;
}

static void check_rules(const struct config *c)
{
	assert_int_equal(c->rollout_count, 1);
	const struct config_rollout *r = &c->rollouts[0];
	assert_string_equal(r->candidate, "v43");
	assert_false(r->rollback_on_breach);
	assert_int_equal(r->actuator_count, 1);
	assert_string_equal(r->actuators[0].kind, "haproxy");
	assert_string_equal(pair(&r->actuators[0], "backend"), "llm");
	assert_int_equal(r->arm_count, 2);
	assert_string_equal(r->arms[0], "v42");
	assert_int_equal(r->step_count, 4);
	assert_float_equal(r->steps[1], 25, 1e-12);
	assert_int_equal(r->hold_us, 10 * US_PER_MIN);
	assert_int_equal(r->lower_us, 3 * US_PER_S);
	assert_int_equal(r->raise_us, 10 * US_PER_S);
	assert_false(r->advance);
	assert_int_equal(r->guardrail_count, 2);
	assert_int_equal(r->guardrails[0].metric, METRIC_ERROR_RATE);
	assert_float_equal(r->guardrails[0].worse_by, 0.005, 1e-12);
	assert_false(r->guardrails[0].relative);
	assert_float_equal(r->guardrails[1].worse_by, 0.2, 1e-12);
	assert_true(r->guardrails[1].relative);

	assert_int_equal(c->budget_count, 1);
	assert_int_equal(c->budgets[0].amount_nusd, 400 * NUSD_PER_USD);
	assert_int_equal(c->budgets[0].period, PERIOD_DAY);
	assert_int_equal(c->budgets[0].warn_count, 3);
	assert_true(c->budgets[0].on_actual && c->budgets[0].on_forecast);
	assert_int_equal(c->budgets[0].where.filter_count, 1);
	assert_string_equal(c->budgets[0].where.filters[0].value, "checkout");

	assert_int_equal(c->alert_count, 1);
	assert_int_equal(c->alerts[0].metric, METRIC_LATENCY_P95);
	assert_float_equal(c->alerts[0].limit, 2.0, 1e-12);
	assert_int_equal(c->alerts[0].window_us, 5 * US_PER_MIN);
	assert_int_equal(c->alerts[0].for_us, 2 * US_PER_MIN);
	assert_int_equal(c->alerts[0].severity, SEVERITY_CRITICAL);
}

static void rollouts_say_how_they_go(void **state)
{
	static const char text[] =
		"rollouts:\n"
		"  - {name: r, service: s, stable: a, candidates: [b, c], steps: [1, 10%, 100], hold: 1h, advance: auto,\n"
		"     countdown: {lower: 0s, raise: 30s}, breach_for: 1m, on_breach: rollback,\n"
		"     guardrails: [{metric: cost_per_1k, worse_by: 25%}, {metric: \"evaluation:groundedness\", worse_by: 0.05},\n"
		"       {metric: evaluation:toxicity, worse_by: 10%, higher_is: worse}]}\n";
	struct config c;
	struct err err = {""};

	(void)state;
	if (config_parse(&c, str_of(text), "c", &err) < 0)
		fail_msg("%s", err.text);
	const struct config_rollout *r = &c.rollouts[0];

	assert_int_equal(r->arm_count, 3);
	assert_string_equal(r->candidate, "b");
	assert_string_equal(r->arms[2], "c");
	assert_int_equal(r->step_count, 3);
	assert_float_equal(r->steps[1], 10, 1e-12);
	assert_int_equal(r->hold_us, US_PER_HOUR);
	assert_true(r->advance && r->rollback_on_breach);
	assert_int_equal(r->guardrail_count, 3);
	assert_string_equal(r->guardrails[1].evaluation, "evaluation:groundedness");
	assert_true(r->guardrails[1].metric == METRIC_COUNT && !r->guardrails[1].relative && !r->guardrails[1].low_is_better);
	assert_float_equal(r->guardrails[1].worse_by, 0.05, 1e-12);
	assert_true(r->guardrails[2].relative && r->guardrails[2].low_is_better);
	assert_int_equal(r->lower_us, 0);
	assert_int_equal(r->raise_us, 30 * US_PER_S);
	assert_int_equal(r->breach_us, US_PER_MIN);
	config_fini(&c);
}

static void rollouts_that_cannot_be(void **state)
{
	static const struct {
		const char *with, *error;
	} cases[] = {
		{"steps: [50, 25, 100]", "the steps must rise"},
		{"steps: [5, 50]", "the last step must be 100"},
		{"steps: [0, 100]", "above 0 and at most 100"},
		{"guardrails: [{metric: requests, worse_by: 5}]", "requests does not compare two arms"},
		{"advance: auto", "advance: auto needs guardrails"},
		{"countdown: {lower: 1h}", "at most 5m"},
		{"candidates: [c]", "either `candidate` or `candidates`"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = {0};
		struct config c;
		struct err err = {""};

		buf_printf(&text, "rollouts:\n  - {name: r, service: s, stable: a, candidate: b, %s}\n", cases[i].with);
		assert_int_equal(config_parse(&c, buf_str(&text), "c", &err), -1);
		if (!strstr(err.text, cases[i].error))
			fail_msg("%s: %s", cases[i].with, err.text);
		buf_fini(&text);
	}
}

static void the_documented_example_parses(void **state)
{
	(void)state;
	struct config c;
	struct err err = {""};

	if (!file_exists("/usr/share/zoneinfo/Europe/Berlin")) {
		print_message("SKIPPED: no time zone database\n");
		skip();
	}
	if (config_parse(&c, str_of(example), "config.yaml", &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(c.options[OPTION_LISTEN].text, "127.0.0.1:4318");
	assert_int_equal(c.options[OPTION_RETENTION_ROLLUP_1H].number, 3 * 365 * US_PER_DAY);
	assert_int_equal(c.options[OPTION_RETENTION_SIZE].number, INT64_C(20000000000));
	assert_string_equal(c.options[OPTION_PRICES].text, "/etc/llmdeck/prices.json");
	assert_int_equal(c.tag_count, 2);
	assert_string_equal(c.tags[1], "experiment");
	assert_int_equal(c.source_count, 2);
	assert_string_equal(c.sources[0].kind, "prometheus");
	assert_string_equal(pair(&c.sources[0], "every"), "5s");
	assert_string_equal(pair(&c.sources[1], "map.time"), "ts");
	check_rules(&c);
	assert_int_equal(c.notifier_count, 2);
	assert_string_equal(pair(&c.notifiers[1], "headers.Authorization"), "env:HOOK_TOKEN");
	assert_string_equal(c.contexts[0].name, "prod");
	assert_string_equal(c.contexts[0].colour, "red");
	assert_int_equal(c.role_count, 3);
	assert_string_equal(c.roles[0].members[0], "group:oncall");
	assert_int_equal(c.key_count, 2);
	assert_string_equal(c.keys[0].value, "R");
	config_fini(&c);
}

static void nothing_means_defaults(void **state)
{
	(void)state;
	static const char *const empty[] = {"", "\n", "# only words\n", "---\n", "sources:\nkeys: ~\n"};

	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct config c;
		struct err err = {""};
		if (config_parse(&c, str_of(empty[i]), "x", &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(c.options[OPTION_LISTEN].text, "127.0.0.1:4318");
		assert_int_equal(c.options[OPTION_RETENTION_RAW].number, 30 * US_PER_DAY);
		assert_false(c.options[OPTION_MOUSE].yes);
		assert_int_equal(c.source_count, 0);
		config_fini(&c);
	}
}

static void every_mistake_has_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *error;
	} cases[] = {
		{"retentoin: {raw: 1d}\n", "c:1:1: unknown key `retentoin`: did you mean `retention`?"},
		{"retention:\n  rwa: 1d\n", "c:2:3: unknown key `rwa`: did you mean `raw`?"},
		{"retention: 5\n", "c:1:12: retention must be a mapping, not a single value"},
		{"retention: {raw: soon}\n", "c:1:18: retention.raw: `soon` is not allowed"},
		{"graph: dots\n", "c:1:8: graph: `dots` is not allowed: write one of braille | block | ascii"},
		{"escdelay: 5000\n", "c:1:11: escdelay: `5000` is not allowed: write a whole number from 0 to 1000"},
		{"mouse: [yes]\n", "c:1:8: mouse must be a single value, not a list"},
		{"listen: a\nlisten: b\n", "c:2:1: `listen` is given twice (first in line 1)"},
		{"listen:\n", "c:1:8: listen must be a single value, not empty"},
		{"- a\n", "c:1:1: a configuration must be a mapping, not a list"},
		{"a: &x 1\nb: *x\n", "c:1:4: anchors are not read here"},
		{"listen: !!str x\n", "c:1:9: tags"},
		{"listen: \"x\n", "c:2:1: "},
		{"listen: x\n---\nlisten: y\n", "c:2:1: a second document"},
		{"tags: [a, b, c, d, e, f, g, h, i]\n", "c:1:32: more than 8 tags"},
		{"tags: [a, a]\n", "c:1:11: the tag `a` is given twice"},
		{"tags: [\"a b\"]\n", "c:1:8: a tag's name"},
		{"sources:\n  - {name: a}\n", "c:2:5: `kind` is missing"},
		{"sources:\n  - {kind: tail}\n", "c:2:5: `name` is missing"},
		{"sources:\n  - {name: a, kind: tail}\n  - {name: a, kind: tail}\n", "c:3:12: the name `a` is taken (line 2)"},
		{"sources: {name: a}\n", "c:1:10: sources must be a list, not a mapping"},
		{"sources: [a]\n", "c:1:11: each of sources must be a mapping"},
		{"alerts:\n  - {name: a, metric: latncy_p95, over: 2s}\n", "c:2:23: unknown metric `latncy_p95`: did you mean `latency_p95`?"},
		{"alerts:\n  - {name: a, metric: latency_p95}\n", "c:2:5: an alert needs either `over` or `under`"},
		{"alerts:\n  - {name: a, metric: latency_p95, over: 5%}\n", "c:2:42: `5%` does not fit latency_p95: write a time such as 2s or 500ms"},
		{"alerts:\n  - {name: a, metric: error_rate, over: 5}\n", "c:2:41: `5` is more than the whole of error_rate"},
		{"alerts:\n  - {name: a, metric: error_rate, over: 5%, window: 1s}\n", "c:2:53: window must lie between"},
		{"alerts:\n  - {name: a, metric: error_rate, over: 5%, where: {user: x}}\n", "c:2:53: unknown key `user`: write one of service"},
		{"alerts:\n  - {name: a, metric: error_rate, over: 5%, severity: bad}\n", "c:2:55: unknown severity `bad`: write one of warning, critical"},
		{"budgets:\n  - {name: b, amount: -3, period: day}\n", "c:2:23: amount must be US dollars above 0"},
		{"budgets:\n  - {name: b, amount: 3}\n", "c:2:5: `period` is missing"},
		{"budgets:\n  - {name: b, amount: 3, period: dya}\n", "c:2:34: unknown period `dya`: did you mean `day`?"},
		{"budgets:\n  - {name: b, amount: 3, period: day, tz: Mars/Base}\n", "c:2:43: "},
		{"budgets:\n  - {name: b, amount: 3, period: day, warn: [80, 50]}\n", "c:2:50: the thresholds of warn must rise"},
		{"budgets:\n  - {name: b, amount: 3, period: day, on: [guess]}\n", "c:2:44: unknown basis"},
		{"rollouts:\n  - {name: r, service: s, stable: v1, candidate: v1}\n", "c:2:50: candidate and stable must differ"},
		{"rollouts:\n  - {name: r, service: s, stable: v1, candidate: v2, guardrails: [{metric: \"evaluation:\", worse_by: 1}]}\n",
		 "c:2:76: an evaluation's name has 1 to 68 characters: evaluation:groundedness"},
		{"rollouts:\n  - {name: r, service: s, stable: v1, candidate: v2, guardrails: [{metric: error_rate, higher_is: worse, worse_by: 1}]}\n",
		 "c:2:88: higher_is belongs to evaluation:NAME: a metric knows its side"},
		{"rollouts:\n  - {name: r, service: s, stable: v1, candidate: v2, guardrails: [{metric: error_rate, worse_by: 0}]}\n", "c:2:98: worse_by must be above 0"},
		{"rollouts:\n  - {name: r, service: s, stable: v1, candidate: v2, on_breach: rolback}\n", "c:2:65: unknown on_breach `rolback`: did you mean `rollback`?"},
		{"notify:\n  - {kind: webhook, headers: {Authorization: Bearer abc}}\n", "c:2:46: headers.Authorization is a secret: write env:NAME"},
		{"notify:\n  - {kind: webhook, url: \"https://u:pw@h/x\"}\n", "c:2:26: url has a user or password in its address"},
		{"contexts: {prod: {store: /x, colour: rde}}\n", "c:1:38: unknown colour `rde`: did you mean `red`?"},
		{"contexts: {prod: {colour: red}}\n", "c:1:18: `store` is missing"},
		{"roles: {admin: [any]}\n", "c:1:9: unknown key `admin`: write one of viewer, responder, operator"},
		{"roles: {viewer: [mia]}\n", "c:1:18: a role's members are written group:NAME"},
		{"keys: {quit: {a: b}}\n", "c:1:14: a key is written as K"},
		{"listen: \"a\\eb\"\n", "c:1:9: listen must not hold control characters"},
	};

	int wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config c;
		struct err err = {""};
		assert_int_equal(config_parse(&c, str_of(cases[i].yaml), "c", &err), -1);
		if (!strstr(err.text, cases[i].error) || strstr(err.text, "abc") || strstr(err.text, "pw")) {
			print_message("%s  gave `%s`\n  not  `%s`\n", cases[i].yaml, err.text, cases[i].error);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static double limit_of(const char *metric, const char *limit)
{
	struct buf yaml = {0};
	struct config c;
	struct err err = {""};

	buf_printf(&yaml, "alerts: [{name: a, metric: %s, over: \"%s\"}]\n", metric, limit);
	if (config_parse(&c, buf_str(&yaml), "c", &err) < 0)
		fail_msg("%s", err.text);
	double value = c.alerts[0].limit;
	config_fini(&c);
	buf_fini(&yaml);
	return value;
}

static void limits_take_the_units_people_write(void **state)
{
	(void)state;
	assert_float_equal(limit_of("latency_p95", "500ms"), 0.5, 1e-12);
	assert_float_equal(limit_of("latency_p95", "1.5"), 1.5, 1e-12);
	assert_float_equal(limit_of("latency_p95", "1m30s"), 90, 1e-12);
	assert_float_equal(limit_of("error_rate", "1%"), 0.01, 1e-12);
	assert_float_equal(limit_of("error_rate", "0.5pp"), 0.005, 1e-12);
	assert_float_equal(limit_of("error_rate", "0.02"), 0.02, 1e-12);
	assert_float_equal(limit_of(metrics[METRIC_FLAG_RATE].name, "10/min"), 10, 1e-12);
	assert_float_equal(limit_of(metrics[METRIC_FLAG_RATE].name, "1/s"), 60, 1e-12);
	assert_float_equal(limit_of(metrics[METRIC_REQUEST_RATE].name, "600/min"), 10, 1e-9);
	assert_float_equal(limit_of(metrics[METRIC_COST_RATE].name, "$12/h"), 12, 1e-12);
	assert_float_equal(limit_of(metrics[METRIC_COST_RATE].name, "48/day"), 2, 1e-12);
	assert_float_equal(limit_of(metrics[METRIC_COST].name, "$400"), 400, 1e-12);
}

static void filters_and_keys_keep_their_forms(void **state)
{
	(void)state;
	struct config c;
	struct err err = {""};
	static const char yaml[] =
		"alerts:\n  - {name: a, metric: error_rate, over: 5%, where: {model: [x, y], service: \"!chat\"}}\n"
		"keys: {quit: [Q, F10], help: none, filter: \"\"}\n"
		"retention: {raw: forever, size: 0}\n";

	if (config_parse(&c, str_of(yaml), "c", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(c.alerts[0].where.filter_count, 3);
	assert_true(c.alerts[0].where.filters[2].inverted);
	assert_string_equal(c.alerts[0].where.filters[2].value, "chat");
	assert_string_equal(c.keys[0].value, "Q F10");
	assert_string_equal(c.keys[1].value, "");
	assert_string_equal(c.keys[2].value, "");
	assert_int_equal(c.options[OPTION_RETENTION_RAW].number, 0);
	assert_int_equal(c.options[OPTION_RETENTION_SIZE].number, 0);
	config_fini(&c);
}

static void deep_and_long_files_are_refused(void **state)
{
	(void)state;
	struct buf yaml = {0};
	struct config c;
	struct err err = {""};

	buf_puts(&yaml, "sources: ");
	for (int i = 0; i < 5000; i++)
		buf_puts(&yaml, "[");
	assert_int_equal(config_parse(&c, buf_str(&yaml), "c", &err), -1);
	assert_non_null(strstr(err.text, "c:1:"));
	buf_reset(&yaml);
	buf_puts(&yaml, "tags: [");
	for (int i = 0; i < 20000; i++)
		buf_puts(&yaml, "a,");
	buf_puts(&yaml, "a]\n");
	assert_int_equal(config_parse(&c, buf_str(&yaml), "c", &err), -1);
	buf_fini(&yaml);
}

static void secrets_come_from_closed_places(void **state)
{
	(void)state;
	char path[] = "/tmp/llmdeck-secret-XXXXXX", ref[64];
	int fd = mkstemp(path);
	struct buf out = {0};
	struct err err = {""};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "s3cret\n", 7), 7);
	close(fd);
	snprintf(ref, sizeof(ref), "file:%s", path);
	assert_int_equal(config_secret_resolve(ref, &out, &err), 0);
	assert_string_equal(out.data, "s3cret");
	buf_reset(&out);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(config_secret_resolve(ref, &out, &err), -1);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_null(strstr(err.text, "s3cret"));
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(config_secret_resolve(ref, &out, &err), -1);
	unlink(path);
	assert_int_equal(config_secret_resolve(ref, &out, &err), -1);
	assert_int_equal(config_secret_resolve("file:/dev/null", &out, &err), -1);
	assert_int_equal(config_secret_resolve("plain", &out, &err), -1);
	assert_null(strstr(err.text, "plain"));

	setenv("LLMDECK_TEST_SECRET", "tok", 1);
	assert_int_equal(config_secret_resolve("env:LLMDECK_TEST_SECRET", &out, &err), 0);
	assert_string_equal(out.data, "tok");
	setenv("LLMDECK_TEST_SECRET", "a\r\nX-Evil: 1", 1);
	assert_int_equal(config_secret_resolve("env:LLMDECK_TEST_SECRET", &out, &err), -1);
	unsetenv("LLMDECK_TEST_SECRET");
	assert_int_equal(config_secret_resolve("env:LLMDECK_TEST_SECRET", &out, &err), -1);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documented_example_parses),
		cmocka_unit_test(rollouts_say_how_they_go),
		cmocka_unit_test(rollouts_that_cannot_be),
		cmocka_unit_test(nothing_means_defaults),
		cmocka_unit_test(every_mistake_has_its_place),
		cmocka_unit_test(limits_take_the_units_people_write),
		cmocka_unit_test(filters_and_keys_keep_their_forms),
		cmocka_unit_test(deep_and_long_files_are_refused),
		cmocka_unit_test(secrets_come_from_closed_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
