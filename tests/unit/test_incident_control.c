/* The collector's verb for incidents, through its socket: each verb, what is refused and in which words, roles, and
 * that the audit has a row for each change with nothing of what people wrote; then the commands over it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/control_client.h"
#include "daemon/spawn.h"
#include "parse/config.h"
#include "parse/json_edit.h"
#include "store/query_incidents.h"
#include "unit/collector_place.h"

#define PATH "/v1/incidents/change"

static int set_up(void **state)
{
	make_place(state);
	place_start_with(*state, STR_LIT("roles: {viewer: [any]}\n"));
	return 0;
}

static enum control_result order(const struct place *p, const char *json, int64_t *id, struct err *err)
{
	struct buf answer = {0};
	enum control_result result = control_client_call(p->client, "POST", PATH, str_of(json), "application/json", DEADLINE_US, &answer, err);

	if (result == CONTROL_OK && id)
		assert_true(json_int_at(buf_str(&answer), "/id", id));
	buf_fini(&answer);
	return result;
}

static void must_order(const struct place *p, const char *json)
{
	struct err err = {""};

	if (order(p, json, NULL, &err) != CONTROL_OK)
		fail_msg("%s: %s", json, err.text);
}

static struct store_reader *reader_of(const struct place *p)
{
	struct store_reader *r;
	struct err err = {""};

	if (store_reader_open(&r, p->store, &err))
		fail_msg("%s", err.text);
	return r;
}

static void test_every_verb(void **state)
{
	const struct place *p = *state;
	struct store_reader *r = reader_of(p);
	struct incident_detail d;
	struct audit_result audit;
	struct err err = {""};
	int64_t id = 0;

	assert_int_equal(order(p, "{\"do\":\"open\",\"title\":\"SECRET title\",\"from\":\"2026-01-01T00:00:00Z\",\"where\":\"service=chat\\nmodel!=x\","
	                       "\"bad\":\"latency>4s\",\"alert\":17,\"claimed\":\"mia\"}", &id, &err), CONTROL_OK);
	assert_int_equal(id, 1);
	must_order(p, "{\"do\":\"note\",\"id\":1,\"note\":\"SECRET note\"}");
	must_order(p, "{\"do\":\"assign\",\"id\":1,\"owner\":\"jo\"}");
	must_order(p, "{\"do\":\"status\",\"id\":1,\"state\":\"mitigated\"}");
	must_order(p, "{\"do\":\"pin\",\"id\":1,\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2026-01-01T01:00:00Z\"}");
	must_order(p, "{\"do\":\"close\",\"id\":1,\"note\":\"SECRET end\"}");
	must_order(p, "{\"do\":\"report\",\"id\":1}");
	assert_int_equal(query_incident(r, 1, clock_wall_us(), &d, &err), 0);
	assert_string_equal(d.incident.title, "SECRET title");
	assert_string_equal(d.incident.owner, "jo");
	assert_string_equal(d.incident.author, "mia");
	assert_string_equal(d.incident.bad, "latency>4s");
	assert_int_equal(d.incident.alert_id, 17);
	assert_int_equal(d.incident.where.filter_count, 2);
	assert_int_equal(d.incident.state, INCIDENT_CLOSED);
	assert_true(d.incident.closed_us && d.incident.reported_us && d.incident.to_us);
	assert_false(incident_pins(&d.incident));
	incident_detail_fini(&d);
	assert_int_equal(query_audit(r, 0, INT64_MAX, 100, &audit, &err), 0);
	size_t rows = 0;

	for (size_t i = 0; i < audit.row_count; i++) {
		const struct audit_entry *e = &audit.rows[i].entry;

		if (!str_starts_with(e->action, STR_LIT("incident.")))
			continue;
		rows++;
		assert_true(str_equal_c(e->target, "INC-1"));
		assert_null(memmem(e->before.ptr, e->before.len, "SECRET", 6));
		assert_null(memmem(e->after.ptr, e->after.len, "SECRET", 6));
		assert_null(memmem(e->outcome.ptr, e->outcome.len, "SECRET", 6));
	}
	assert_int_equal(rows, 7);
	audit_result_fini(&audit);
	store_reader_close(&r);
}

static void test_what_is_refused_says_why(void **state)
{
	static const struct { const char *json, *word; } cases[] = {
		{"", "JSON"}, {"[]", "object"}, {"{}", "do"}, {"{\"do\":\"dance\"}", "verb"}, {"{\"do\":\"open\"}", "title"},
		{"{\"do\":\"open\",\"title\":\"x\"}", "from"}, {"{\"do\":\"open\",\"title\":\"x\",\"from\":\"noon\"}", "time"},
		{"{\"do\":\"open\",\"title\":\"x\",\"from\":\"2026-01-01T01:00:00Z\",\"to\":\"2026-01-01T00:00:00Z\"}", "later"},
		{"{\"do\":\"open\",\"title\":\"x\",\"from\":\"2026-01-01T01:00:00Z\",\"bad\":\"speed>1\"}", "condition"},
		{"{\"do\":\"open\",\"title\":\"x\",\"from\":\"2026-01-01T01:00:00Z\",\"where\":\"colour=red\"}", "colour"},
		{"{\"do\":\"note\",\"id\":1}", "note"}, {"{\"do\":\"note\",\"note\":\"x\"}", "id"}, {"{\"do\":\"status\",\"id\":1,\"state\":\"closed\"}", "state"},
		{"{\"do\":\"note\",\"id\":99,\"note\":\"x\"}", "INC-99"}, {"{\"do\":\"note\",\"id\":1.5,\"note\":\"x\"}", "id"},
		{"{\"do\":\"feedback\",\"id\":1,\"feedback\":\"zz\"}", "feedback"}, {"{\"do\":\"note\",\"id\":1,\"note\":\"a\\u0000b\"}", "NUL"},
		{"{\"do\":\"note\",\"id\":1,\"extra\":\"x\"}", "extra"}, {"{\"do\":\"note\",\"id\":1,\"note\":\"x\"} trailing", "JSON"},
	};
	const struct place *p = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {""};

		if (order(p, cases[i].json, NULL, &err) == CONTROL_OK)
			fail_msg("taken: %s", cases[i].json);
		if (!strstr(err.text, cases[i].word))
			fail_msg("%s: %s", cases[i].json, err.text);
	}
	struct store_reader *r = reader_of(p);
	struct incident_result res;
	struct err err = {""};

	assert_int_equal(query_incidents(r, 0, &res, &err), 0);
	assert_int_equal(res.row_count, 0);
	incident_result_fini(&res);
	store_reader_close(&r);
}

/* A viewer may look, not change: asked by another user. */
static void test_a_viewer_is_refused(void **state)
{
	const struct place *p = *state;

	if (geteuid() != 0) {
		printf("skipped: only root can ask as somebody else\n");
		skip();
	}
	pid_t pid = fork();

	if (pid == 0) {
		struct control_client *client;
		struct err err = {""};

		if (setgid(54321) || setuid(54321))
			_exit(9);
		client = control_client_new(p->socket);
		_exit(control_client_call(client, "POST", PATH, STR_LIT("{\"do\":\"note\",\"id\":1,\"note\":\"x\"}"), "application/json",
		                          DEADLINE_US, NULL, &err) == CONTROL_REFUSED && strstr(err.text, "responder") ? 0 : 1);
	}
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Runs the program; its output. */
static char *run(const struct place *p, const char *words, int *code)
{
	const char *binary = getenv("LLMDECK_BINARY");
	char *command = mem_printf("'%s' --store '%s' --socket '%s' %s 2>&1", binary ? binary : "build/llmdeck", p->store, p->socket, words);
	FILE *f = popen(command, "r");
	struct buf out = {0};
	char part[512];
	size_t n;

	assert_non_null(f);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_append(&out, part, n);
	int status = pclose(f);

	*code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	free(command);
	return buf_steal(&out);
}

static void test_the_commands(void **state)
{
	static const struct { const char *words; int code; const char *out; } steps[] = {
		{"incident list", 0, "no incident"},
		{"incident open --title 'p95 of chat' --from 2026-01-01T00:00:00Z --to 2026-01-01T01:00:00Z --bad 'latency>4s' --where service=chat", 0, "INC-1"},
		{"incident note INC-1 'looked at v43'", 0, ""}, {"incident assign 1 mia", 0, ""}, {"incident status 1 identified", 0, ""},
		{"incident list", 0, "identified"}, {"incident list --format json", 0, "\"owner\":\"mia\""}, {"incident show 1", 0, "looked at v43"},
		{"incident show 1 --format json", 0, "\"kind\":\"note\""}, {"incident close 1 --note done", 0, ""}, {"incident report 1", 0, "## Timeline"},
		{"incident list --format csv", 0, "closed"}, {"incident report 1 --html -", 0, "<!doctype html>"}, {"report --shift 8h", 0, "INC-1 closed"},
		{"report --shift 8h --format json", 0, "\"incidents\":[{\"id\":1"}, {"incident show 2", 1, "there is no"}, {"incident show x", 2, "is no incident"},
		{"incident note 1", 2, "takes ID TEXT"}, {"incident open", 2, "what is wrong"}, {"incident dance", 2, "there is no"},
		{"incident note 7 x", 1, "INC-7"}, {"suspects", 2, "--bad"}, {"suspects --bad error", 0, "no request is bad"},
		{"suspects --bad error --format json", 0, "\"suspects\":[]"}, {"report --shift 8x", 2, "--shift"}, {"requests --bad nonsense", 2, "--bad"},
	};
	const struct place *p = *state;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int code;
		char *out = run(p, steps[i].words, &code);

		if (code != steps[i].code || !strstr(out ? out : "", steps[i].out))
			fail_msg("%s: exit %d: %s", steps[i].words, code, out ? out : "");
		free(out);
	}
}

/* Requests of a service whose name the shell would take apart; deployment v43 is slow. */
static void import_requests(const struct place *p)
{
	char *path = mem_printf("%s/r.csv", p->folder), *words;
	FILE *f = fopen(path, "w");
	int code;

	assert_non_null(f);
	fprintf(f, "end_time,service,deployment,model,latency_ms,status,cost_usd\n");
	for (int i = 0; i < 3000; i++)
		fprintf(f, "2026-01-01T00:%02d:%02dZ,\"%s\",%s,gpt-4o,%d,%d,0.01\n", i / 60, i % 60, i % 5 ? "it's $(a) shop" : "other",
		        i % 9 ? "v42" : "v43", i % 9 ? 900 : 5200, i % 50 ? 200 : 429);
	fclose(f);
	words = mem_printf("import --again '%s'", path);
	char *out = run(p, words, &code);

	if (code)
		fail_msg("%s", out);
	free(out);
	free(words);
	free(path);
}

static int64_t number_in(const char *json, const char *pointer)
{
	int64_t n = -1;

	if (!json_int_at(str_of(json), pointer, &n))
		fail_msg("%s is not in %.300s", pointer, json);
	return n;
}

/* Every command that a report prints runs as it stands and gives the report's figures. */
static void test_printed_commands_give_the_figures(void **state)
{
	const struct place *p = *state;
	int code, commands = 0;

	import_requests(p);
	free(run(p, "incident open --title slow --from 2026-01-01T00:00:00Z --to 2026-01-01T00:50:00Z --bad 'latency>4s' --where \"service=it's \\$(a) shop\"", &code));
	assert_int_equal(code, 0);
	char *report = run(p, "incident report 1", &code);

	assert_int_equal(code, 0);
	char *lines = mem_strdup(report);

	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "    llmdeck ", 12) != 0)
			continue;
		char *words = mem_printf("%s --format json", line + 12), *json = run(p, words, &code), figure[64];

		if (code)
			fail_msg("%s: %s", words, json);
		if (strstr(words, "report ") == words) {
			snprintf(figure, sizeof figure, "| requests | %lld |", (long long)number_in(json, "/total/requests"));
			assert_int_equal(number_in(json, "/total/requests"), 2400);
		} else if (strstr(words, "suspects ") == words) {
			snprintf(figure, sizeof figure, "%lld of %lld requests are bad", (long long)number_in(json, "/bad"), (long long)number_in(json, "/total"));
			assert_non_null(strstr(json, "\"value\":\"v43\""));
		} else {
			snprintf(figure, sizeof figure, "Slowest bad requests");
			assert_non_null(strstr(json, "5200"));
		}
		if (!strstr(report, figure))
			fail_msg("%s is not in the report, but what its command gives: %s", figure, words);
		commands++;
		free(words);
		free(json);
	}
	assert_int_equal(commands, 4);
	free(lines);
	free(report);
}

static void import_other(const struct place *p)
{
	char *path = mem_printf("%s/o.csv", p->folder), *words;
	FILE *f = fopen(path, "w");
	int code;

	assert_non_null(f);
	fprintf(f, "end_time,service,deployment,model,latency_ms,ttft_ms,status,cost_usd,input_tokens,output_tokens,flags\n");
	for (int i = 0; i < 1200; i++)
		fprintf(f, "2026-01-02T00:%02d:%02dZ,chat,%s,gpt-4o,%d,%d,%d,0.02,100,10,%s\n", i / 60, i % 60, i % 3 ? "v42" : "v44", i % 9 ? 900 : 5200,
		        i % 9 ? 90 : 520, i % 25 ? 200 : 429, i % 60 ? "" : "hate:2");
	fclose(f);
	words = mem_printf("import --again '%s'", path);
	free(run(p, words, &code));
	assert_int_equal(code, 0);
	free(words);
	free(path);
}

/* Two windows beside each other: the report's figures with what they rest on, as a table, rows for a machine and JSON;
 * what the one has more of by the suspects' bound; what is refused. */
static void test_two_windows(void **state)
{
	static const struct { const char *words; int code; const char *out; } steps[] = {
		{"report $W --compare $O", 0, "latency p99"}, {"report $W --compare $O", 0, "feedback -"}, {"report $W --compare $O --by deployment", 0, "v44"},
		{"report $W --compare 1d", 0, "compared with 2026-01-01T00:00:00Z to 2026-01-01T00:20:00Z"},
		{"report $W --compare $O", 0, "differ in length"}, {"report $W --compare $O --format csv", 0, "ttft_p95_ms,ttft_p95_ms_before"},
		{"suspects $W --against $O", 0, "v44"}, {"suspects $W --against 1d", 0, "against: 2026-01-01T00:00:00Z to 2026-01-01T00:20:00Z"},
		{"suspects $W --bad 'latency>4s' --against $O", 0, "latency>4s"}, {"suspects $W --against $W2", 0, "nothing stands out"},
		{"suspects $W --against noon", 2, "--against \"noon\""}, {"suspects $W --bad 'time>=2026-01-02T00:00:00Z' --against 1d", 2, "leave time out"},
		{"snapshot diff $W --size 132x40", 0, "latency p95"}, {"snapshot changes $W", 0, "what changed"},
		{"console --once --page diff $W --compare $O --size 132x40", 0, "--against 2026-01-01T00:00:00Z..2026-01-01T00:50:00Z"},
		{"console --once --page diff --compare noon", 2, "--compare noon"},
	};
	static const char *const words[][2] = {
		{"$W2", "2026-01-02T00:10:00Z..2026-01-02T00:20:00Z"}, {"$W", "--from 2026-01-02T00:00:00Z --to 2026-01-02T00:20:00Z"},
		{"$O", "2026-01-01T00:00:00Z..2026-01-01T00:50:00Z"},
	};
	const struct place *p = *state;
	int code;

	import_requests(p);
	import_other(p);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		char *line = mem_strdup(steps[i].words);

		for (size_t k = 0; k < 3; k++) {
			char *at = strstr(line, words[k][0]);

			if (!at)
				continue;
			char *longer = mem_printf("%.*s%s%s", (int)(at - line), line, words[k][1], at + strlen(words[k][0]));

			free(line);
			line = longer;
		}
		char *out = run(p, line, &code);

		if (code != steps[i].code || !strstr(out ? out : "", steps[i].out))
			fail_msg("%s: exit %d: %s", line, code, out ? out : "");
		free(out);
		free(line);
	}
	char *json = run(p, "suspects --from 2026-01-02T00:00:00Z --to 2026-01-02T00:20:00Z --against 1d --format json", &code);

	assert_int_equal(number_in(json, "/bad"), 1200);
	assert_int_equal(number_in(json, "/total"), 2400);
	assert_int_equal(number_in(json, "/suspects/0/bad") > 300, 1);
	free(json);
}

/* A minute in which every second call is a repetition after a 429: the errors page and the incident's report call it a storm;
 * an hour before it, in which calls are made again now and then, is none. Nobody told of rate limits, which is said. */
static void test_a_storm_is_called_out(void **state)
{
	const struct place *p = *state;
	char *path = mem_printf("%s/storm.csv", p->folder), *words;
	FILE *f = fopen(path, "w");
	int code;

	assert_non_null(f);
	fprintf(f, "end_time,service,provider,model,latency_ms,status,error_type,attempt,cost_usd\n");
	for (int i = 0; i < 3600; i++)
		fprintf(f, "2026-01-01T00:%02d:%02dZ,chat,openai,gpt-4o,900,%d,%s,%d,0.01\n", i / 60, i % 60, i % 50 ? 200 : 429, i % 50 ? "" : "rate_limit",
		        i % 300 == 1 ? 2 : 1);
	for (int i = 0; i < 240; i++)
		fprintf(f, "2026-01-01T01:%02d:%02d.%dZ,chat,openai,gpt-4o,900,%d,%s,%d,0.01\n", i / 120, i / 2 % 60, i % 2 * 5, i % 3 ? 429 : 200,
		        i % 3 ? "rate_limit" : "", i % 2 + 1);
	fclose(f);
	words = mem_printf("import --again '%s'", path);
	free(run(p, words, &code));
	assert_int_equal(code, 0);
	static const struct { const char *words; bool storm; } pages[] = {
		{"snapshot errors --size 120x40 --from 2026-01-01T00:30:00Z --to 2026-01-01T01:10:00Z", true},
		{"snapshot errors --size 80x22 --from 2026-01-01T00:30:00Z --to 2026-01-01T01:10:00Z", true},
		{"snapshot errors --size 120x40 --from 2026-01-01T00:00:00Z --to 2026-01-01T01:00:00Z", false},
	};

	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		char *page = run(p, pages[i].words, &code);

		if (!strstr(page, "RETRY STORM from 01:00:00") == pages[i].storm || !strstr(page, "not told by openai/gpt-4o") || !strstr(page, "rate_limit"))
			fail_msg("%s:\n%s", pages[i].words, page);
		free(page);
	}
	free(run(p, "incident open --title storm --from 2026-01-01T00:30:00Z --to 2026-01-01T01:10:00Z --bad error", &code));
	char *report = run(p, "incident report 1", &code);

	assert_non_null(strstr(report, "## Retries"));
	assert_non_null(strstr(report, "2 minutes since 2026-01-01T01:00:00Z"));
	free(report);
	free(words);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_verb, set_up, remove_place),
		cmocka_unit_test_setup_teardown(test_what_is_refused_says_why, set_up, remove_place),
		cmocka_unit_test_setup_teardown(test_a_viewer_is_refused, set_up, remove_place),
		cmocka_unit_test_setup_teardown(test_the_commands, set_up, remove_place),
		cmocka_unit_test_setup_teardown(test_printed_commands_give_the_figures, set_up, remove_place),
		cmocka_unit_test_setup_teardown(test_two_windows, set_up, remove_place),
		cmocka_unit_test_setup_teardown(test_a_storm_is_called_out, set_up, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
