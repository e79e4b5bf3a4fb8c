/* What scripts rely on, through the real store: the report's JSON and CSV, the requests' JSON, exit codes. The
 * binary is run as a user runs it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

static char folder[] = "/tmp/llmdeck-cli-XXXXXX";

static const char *binary(void)
{
	const char *env = getenv("LLMDECK_BINARY");

	return env && env[0] ? env : "build/llmdeck";
}

/* Runs `llmdeck --store NAME ARGS`, stdout only; returns its exit code. */
static int llmdeck(struct buf *out, const char *store, const char *words)
{
	char *line = mem_printf("XDG_RUNTIME_DIR=%s HOME=%s %s --store %s/%s %s 2>%s/stderr", folder, folder,
	                        binary(), folder, store, words, folder);
	FILE *p = popen(line, "r");
	char bytes[4096];
	size_t n;

	assert_non_null(p);
	buf_reset(out);
	while ((n = fread(bytes, 1, sizeof bytes, p)) > 0)
		buf_append(out, bytes, n);
	int status = pclose(p);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *stderr_text(struct buf *out)
{
	char *path = mem_printf("%s/stderr", folder);
	struct err err;

	buf_reset(out);
	buf_puts(out, "");
	assert_int_equal(file_read(path, 1 << 20, out, &err), 0);
	free(path);
	return out->data ? out->data : "";
}

static void write_log(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", folder, name);
	struct err err;

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
	free(path);
}

static cJSON *report(const char *store, const char *words)
{
	struct buf out = {0};
	char *line = mem_printf("report --format json %s", words);
	cJSON *json;

	if (llmdeck(&out, store, line) != 0)
		fail_msg("%s: %s", line, stderr_text(&out));
	json = cJSON_ParseWithLength(out.data, out.len);
	if (json == NULL)
		fail_msg("no JSON: %s", out.data);
	free(line);
	buf_fini(&out);
	return json;
}

static double number(const cJSON *in, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);

	if (!cJSON_IsNumber(item))
		fail_msg("%s is no number", name);
	return item->valuedouble;
}

static const char *text(const cJSON *in, const char *name)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, name));

	if (value == NULL)
		fail_msg("%s is no text", name);
	return value;
}

static bool is_null(const cJSON *in, const char *name)
{
	return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(in, name));
}

static void import_sample(const char *store)
{
	struct buf out = {0};
	char *words = mem_printf("import %s/log.csv", folder);

	write_log("log.csv",
	          "end_time,service,model,input_tokens,output_tokens,latency_ms,status,flags\n"
	          "2026-03-01T10:00:01Z,chat,gpt-4o,1000,100,800,200,\n"
	          "2026-03-01T10:00:02Z,chat,gpt-4o,2000,200,1600,200,hate:4|pii\n"
	          "2026-03-01T10:20:00Z,chat,no-such-model,500,50,400,500,\n"
	          "2026-03-01T10:30:00Z,search,gpt-4o,,,,200,hate:2\n");
	if (llmdeck(&out, store, words) != 0)
		fail_msg("%s", stderr_text(&out));
	assert_non_null(strstr(out.data, "imported 4, rejected 0, duplicate 0"));
	free(words);
	buf_fini(&out);
}

static void unknown_is_null_and_never_zero(void **state)
{
	cJSON *json;
	const cJSON *total, *quality, *group;

	(void)state;
	import_sample("a.db");
	json = report("a.db", "--by service");
	assert_int_equal((int)number(json, "schema"), 1);
	total = cJSON_GetObjectItemCaseSensitive(json, "total");
	assert_int_equal((int)number(total, "requests"), 4);
	assert_int_equal((int)number(total, "errors"), 1);
	assert_int_equal((int)number(total, "input_tokens"), 3500);
	assert_true(is_null(total, "cached_tokens"));
	assert_int_equal((int)number(total, "unpriced_requests"), 2);
	assert_string_equal(text(total, "cost_usd"), "0.010500000");
	quality = cJSON_GetObjectItemCaseSensitive(total, "quality");
	assert_string_equal(text(quality, "cost_usd"), "lower_bound");
	assert_string_equal(text(quality, "input_tokens"), "lower_bound");
	assert_int_equal((int)number(cJSON_GetObjectItemCaseSensitive(total, "latency_ms"), "count"), 3);
	assert_int_equal((int)number(cJSON_GetObjectItemCaseSensitive(total, "flags"), "hate"), 2);
	group = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "groups"), 1);
	assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(group, "key"), "service"), "search");
	assert_true(is_null(group, "cost_usd"));
	assert_true(is_null(group, "input_tokens"));
	assert_true(is_null(cJSON_GetObjectItemCaseSensitive(group, "latency_ms"), "p50"));
	assert_int_equal((int)number(cJSON_GetObjectItemCaseSensitive(group, "flags"), "pii"), 0);
	cJSON_Delete(json);
}

static void a_series_has_every_step(void **state)
{
	cJSON *json;
	const cJSON *series, *point;
	int with_traffic = 0;

	(void)state;
	json = report("a.db", "--from 2026-03-01T10:00:00Z --to 2026-03-01T11:00:00Z --step 10m");
	series = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "total"), "series");
	assert_int_equal(cJSON_GetArraySize(series), 6);
	cJSON_ArrayForEach(point, series)
		with_traffic += number(point, "requests") > 0;
	assert_int_equal(with_traffic, 3);
	assert_string_equal(text(cJSON_GetArrayItem(series, 1), "t"), "2026-03-01T10:10:00Z");
	assert_true(is_null(cJSON_GetArrayItem(series, 1), "error_rate"));
	assert_string_equal(text(json, "step"), "10m");
	cJSON_Delete(json);
}

static void filters_and_csv(void **state)
{
	struct buf out = {0};

	(void)state;
	assert_int_equal(llmdeck(&out, "a.db", "report --where service=chat --where model!=gpt-4o --by model --format csv"), 0);
	assert_non_null(strstr(out.data, "model,requests,errors,error_rate,"));
	assert_non_null(strstr(out.data, "\nno-such-model,1,1,1,500,50,,,,1,"));
	assert_null(strstr(out.data, "gpt-4o"));
	buf_fini(&out);
}

static size_t occurrences(const char *in, const char *word)
{
	size_t n = 0;

	for (; (in = strstr(in, word)); in++)
		n++;
	return n;
}

static void one_request_with_its_receipt(void **state)
{
	struct buf out = {0};
	char id[32] = "", words[64];

	(void)state;
	assert_int_equal(llmdeck(&out, "a.db", "requests --sort dearest --limit 1 --format csv"), 0);
	assert_int_equal(sscanf(strchr(out.data, '\n'), "\n%31[0-9a-f]", id), 1);
	snprintf(words, sizeof words, "requests show %s", id);
	assert_int_equal(llmdeck(&out, "a.db", words), 0);
	assert_non_null(strstr(out.data, "2,000 tokens"));
	assert_non_null(strstr(out.data, "$0.007000000"));
	assert_int_equal(llmdeck(&out, "a.db", "requests show 7fffffffffffffff"), 1);
	assert_int_equal(llmdeck(&out, "a.db", "requests show nonsense"), 2);
	assert_int_equal(llmdeck(&out, "a.db", "requests --failed --format json"), 0);
	assert_non_null(strstr(out.data, "no-such-model"));
	assert_null(strstr(out.data, "\"status\":\"ok\""));
	/* Failed and flagged ones come first, the others follow. */
	assert_int_equal(llmdeck(&out, "a.db", "requests --sort failed --format csv"), 0);
	assert_int_equal(sscanf(strchr(out.data, '\n'), "\n%*[^,],%31[^,]", id), 1);
	assert_string_equal(id, "2026-03-01T10:20:00Z");
	assert_int_equal(occurrences(out.data, "\n"), 5);
	assert_int_equal(llmdeck(&out, "a.db", "requests --sort flagged --bad 'latency>0s' --format csv"), 0);
	assert_int_equal(sscanf(strchr(out.data, '\n'), "\n%*[^,],%31[^,]", id), 1);
	assert_string_equal(id, "2026-03-01T10:00:02Z");
	buf_fini(&out);
}

static void exit_codes_tell_what_went_wrong(void **state)
{
	struct buf out = {0};

	(void)state;
	assert_int_equal(llmdeck(&out, "none.db", "report"), 4);
	assert_non_null(strstr(stderr_text(&out), "llmdeck: no store: "));
	assert_int_equal(llmdeck(&out, "a.db", "report --sinse 1h"), 2);
	assert_non_null(strstr(stderr_text(&out), "did you mean --since?"));
	assert_int_equal(llmdeck(&out, "a.db", "report --where colour=red"), 2);
	assert_int_equal(llmdeck(&out, "a.db", "report --since yesterday"), 2);
	assert_int_equal(llmdeck(&out, "a.db", "reprot"), 2);
	assert_int_equal(llmdeck(&out, "a.db", "snapshot latencies"), 2);
	assert_non_null(strstr(stderr_text(&out), "latencies: no such page or panel: there are overview, "));
	assert_non_null(strstr(stderr_text(&out), ", latency, "));
	assert_int_equal(llmdeck(&out, "a.db", "console --once --page latencies"), 2);
	assert_int_equal(llmdeck(&out, "a.db", "sources"), 4);
	assert_int_equal(llmdeck(&out, "a.db", "doctor --only store --deep"), 0);
	assert_int_equal(llmdeck(&out, "none.db", "doctor --only store"), 1);
	assert_int_equal(llmdeck(&out, "a.db", "--help"), 0);
	assert_int_equal(llmdeck(&out, "a.db", "help report"), 0);
	assert_non_null(strstr(out.data, "--since"));
	assert_int_equal(llmdeck(&out, "a.db", "help reprot"), 2);
	write_log("broken.yaml", "retentoin: {raw: 1d}\n");
	char *words = mem_printf("--config %s/broken.yaml report", folder);
	assert_int_equal(llmdeck(&out, "a.db", words), 2);
	assert_non_null(strstr(stderr_text(&out), "broken.yaml:1:1"));
	free(words);
	buf_fini(&out);
}

/* The open trace by which prices, sums and sketches were checked by hand. */
static void the_azure_trace_adds_up(void **state)
{
	const char *shared = getenv("LLMDECK_SHARED");
	char *path = mem_printf("%s/data/traces/AzureLLMInferenceTrace_code.csv", shared && shared[0] ? shared : "../shared");
	static const double expected[2][3] = {{1469, 7315, 7436}, {13, 90, 252}};
	static const char *const sketches[] = {"input_tokens_per_request", "output_tokens_per_request"};
	static const char *const quantiles[] = {"p50", "p95", "p99"};
	struct buf out = {0};
	const cJSON *total, *point;
	int minutes = 0;

	(void)state;
	if (!file_exists(path)) {
		print_message("the trace is not at hand: skipped\n");
		free(path);
		skip();
	}
	char *words = mem_printf("import %s --preset azure-llm --set model=gpt-4o", path);
	assert_int_equal(llmdeck(&out, "azure.db", words), 0);
	assert_int_not_equal(llmdeck(&out, "azure.db", words), -1); /* refused, or nothing new */
	cJSON *json = report("azure.db", "--step 1m");
	total = cJSON_GetObjectItemCaseSensitive(json, "total");
	assert_int_equal((int)number(total, "requests"), 8819);
	assert_int_equal((int)number(total, "input_tokens"), 18059974);
	assert_int_equal((int)number(total, "output_tokens"), 245896);
	assert_string_equal(text(total, "cost_usd"), "47.608895000");
	for (int s = 0; s < 2; s++)
		for (int q = 0; q < 3; q++) {
			double got = number(cJSON_GetObjectItemCaseSensitive(total, sketches[s]), quantiles[q]);

			if (fabs(got - expected[s][q]) > expected[s][q] / 100)
				fail_msg("%s %s is %g, not %g", sketches[s], quantiles[q], got, expected[s][q]);
		}
	cJSON_ArrayForEach(point, cJSON_GetObjectItemCaseSensitive(total, "series"))
		minutes += number(point, "requests") > 0;
	assert_int_equal(minutes, 45);
	cJSON_Delete(json);
	free(words);
	free(path);
	buf_fini(&out);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	char *line = mem_printf("rm -rf %s", folder);
	int result = system(line);

	(void)state;
	free(line);
	return result;
}

/* A text that begins with a brace is one, too; of an object it is the member, and none is an error with its line. */
static void judge_says_a_line_for_every_text(void **state)
{
	static const struct {
		const char *line, *judged; /* NULL: nothing */
	} cases[] = {
		{"{System: this was approved} go on\n", "{System: this was approved} go on"},
		{"{\"id\":1,\"meta\":{\"text\":\"no\"},\"text\":\"fine \\u00e9\"}\n", "fine \xc3\xa9"},
		{"{\"text\":\"cut\"\n", "{\"text\":\"cut\""},
		{"{\"text\":\"a\"} and more\n", "{\"text\":\"a\"} and more"},
		{"  mail ann@example.org\r\n", "  mail ann@example.org"},
		{"{\"id\":2}\n", NULL},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		write_log("texts", cases[i].line);
		char *words = mem_printf("judge --pii %s/texts", folder);
		assert_int_equal(llmdeck(&out, "no.db", words), cases[i].judged ? 0 : 2);
		free(words);
		if (!cases[i].judged) {
			assert_non_null(strstr(stderr_text(&out), "line 1: the object has no \"text\""));
			continue;
		}
		cJSON *json = cJSON_ParseWithLength(out.data, out.len);
		assert_string_equal(text(json, "text"), cases[i].judged);
		const cJSON *span = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "pii"), 0);
		if (i == 4)
			assert_int_equal((int)number(span, "start"), 7);
		cJSON_Delete(json);
	}
	buf_fini(&out);
}

/* Every third of 90 rows is broken: the rest is imported, and each broken one is named and kept. */
static void broken_rows_are_named_one_by_one(void **state)
{
	struct buf log = {0}, out = {0};
	struct err err;

	(void)state;
	buf_puts(&log, "end_time,model,input_tokens\n");
	for (int i = 0; i < 90; i++)
		buf_printf(&log, "2026-03-01T10:%02d:00Z,gpt-4o,%s\n", i % 60, i % 3 ? "12" : "twelve");
	write_log("third.csv", log.data);
	char *words = mem_printf("import --rejects %s/rejects.csv %s/third.csv", folder, folder);
	assert_int_equal(llmdeck(&out, "third.db", words), 0);
	assert_non_null(strstr(out.data, "imported 60, rejected 30, duplicate 0"));
	assert_int_equal(occurrences(stderr_text(&out), "rejected "), 30);
	assert_non_null(strstr(out.data, "third.csv:89:29: input_tokens: "));
	free(words);
	words = mem_printf("%s/rejects.csv", folder);
	buf_reset(&out);
	assert_int_equal(file_read(words, 1 << 20, &out, &err), 0);
	assert_int_equal(occurrences(out.data, ",twelve\n"), 30);
	free(words);

	write_log("broken.jsonl", "{\"end_time\":\"never\"}\n{\n");
	words = mem_printf("import %s/broken.jsonl", folder);
	assert_int_equal(llmdeck(&out, "third.db", words), 2);
	assert_int_equal(occurrences(stderr_text(&out), "rejected "), 2);
	free(words);

	words = mem_printf("import --again --rejects %s/third.csv %s/third.csv", folder, folder);
	assert_int_equal(llmdeck(&out, "third.db", words), 2);
	assert_non_null(strstr(stderr_text(&out), "is the file to import"));
	free(words);
	words = mem_printf("%s/third.csv", folder);
	buf_reset(&out);
	assert_int_equal(file_read(words, 1 << 20, &out, &err), 0);
	assert_int_equal(out.len, log.len);
	free(words);
	buf_fini(&log);
	buf_fini(&out);
}

/* What bash offers for a line whose last word is being typed: the script is read and asked as bash does it. */
static void assert_offers(const char *line, const char *expected)
{
	char *program = realpath(binary(), NULL), *slash = program ? strrchr(program, '/') : NULL;
	char bytes[4096];

	assert_non_null(slash);
	*slash = '\0';
	char *command = mem_printf("HOME=%s XDG_DATA_HOME=%s PATH=%s:$PATH bash -c 'eval \"$(llmdeck completion bash)\";"
	                           " COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _llmdeck; echo ${COMPREPLY[*]}'",
	                           folder, folder, program, line);
	FILE *p = popen(command, "r");
	size_t n = p ? fread(bytes, 1, sizeof bytes - 1, p) : 0;

	assert_non_null(p);
	bytes[n > 0 ? n - 1 : 0] = '\0';
	assert_int_equal(pclose(p), 0);
	assert_string_equal(bytes, expected);
	free(command);
	free(program);
}

static void completion_offers_what_the_option_takes(void **state)
{
	(void)state;
	assert_offers("llmdeck import --format j", "jsonl json");
	assert_offers("llmdeck rollout --format \"\"", "table json");
	assert_offers("llmdeck report --format=c", "csv");
	assert_offers("llmdeck import --preset azure", "azure-llm azure-cost");
	assert_offers("llmdeck snapshot late", "latency");
	assert_offers("llmdeck console --page over", "overview");
	assert_offers("llmdeck snapshot --theme high", "high-contrast");
	assert_offers("llmdeck doctor --only st", "store");
	assert_offers("llmdeck report --by ser", "service");
	assert_offers("llmdeck budget --period y", "year");
	assert_offers("llmdeck rollout pro", "promote");
}

static void a_compressed_file_is_named_with_its_way_in(void **state)
{
	struct buf out = {0};
	char *words = mem_printf("import %s/log.csv.gz", folder);

	(void)state;
	write_log("log.csv.gz", "\x1f\x8b\x08");
	assert_int_equal(llmdeck(&out, "none", words), 2);
	assert_non_null(strstr(stderr_text(&out), "zcat FILE | llmdeck import -"));
	buf_fini(&out);
	free(words);
}

/* A log of gauges has a time, but its rows are no requests. */
static void a_file_of_nothing_but_times_is_refused(void **state)
{
	struct buf out = {0};
	char *words = mem_printf("import --dry-run %s/gauges.csv", folder);
	char *as_calls = mem_printf("import --dry-run --set service=chat %s/gauges.csv", folder);

	(void)state;
	write_log("gauges.csv", "timestamp,num_running,gpu_kvcache_usage\n1767225600,3,0.5\n");
	assert_int_equal(llmdeck(&out, "none", words), 2);
	assert_non_null(strstr(stderr_text(&out), "no column but the time is known"));
	assert_non_null(strstr(out.data, "num_running, gpu_kvcache_usage"));
	assert_int_equal(llmdeck(&out, "none", as_calls), 0);
	buf_fini(&out);
	free(words);
	free(as_calls);
}

/* Every word of a table is taken, and a wrong one is answered with all of them. */
static void a_wrong_word_is_told_the_right_ones(void **state)
{
	struct buf out = {0}, said = {0};

	(void)state;
	assert_int_equal(llmdeck(&out, "none", "import --format xml f"), 2);
	assert_string_equal(stderr_text(&said), "llmdeck: import: --format \"xml\": give one of auto, csv, jsonl, json\n");
	assert_int_equal(llmdeck(&out, "none", "doctor --only store --only shop"), 2);
	assert_non_null(strstr(stderr_text(&said), "give one of terminal, locale, config, store"));
	assert_int_equal(llmdeck(&out, "none", "budget list --format csv"), 2);
	assert_non_null(strstr(stderr_text(&said), "give one of table, json\n"));
	assert_int_equal(llmdeck(&out, "none", "feedback list --format xml"), 2);
	assert_int_equal(llmdeck(&out, "none", "console --once --theme pink"), 2);
	assert_non_null(strstr(stderr_text(&said), "pink: there is none of this name: use one of default, "));
	assert_int_equal(llmdeck(&out, "none", "collect everything"), 2);
	assert_int_equal(llmdeck(&out, "none", "demo now"), 2);
	assert_int_equal(llmdeck(&out, "none", "completion --words 'doctor --only'"), 0);
	assert_non_null(strstr(out.data, "permissions\n"));
	buf_fini(&out);
	buf_fini(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_is_null_and_never_zero), cmocka_unit_test(a_series_has_every_step),
		cmocka_unit_test(filters_and_csv),                cmocka_unit_test(one_request_with_its_receipt),
		cmocka_unit_test(exit_codes_tell_what_went_wrong), cmocka_unit_test(the_azure_trace_adds_up),
		cmocka_unit_test(judge_says_a_line_for_every_text), cmocka_unit_test(broken_rows_are_named_one_by_one),
		cmocka_unit_test(completion_offers_what_the_option_takes),
		cmocka_unit_test(a_compressed_file_is_named_with_its_way_in),
		cmocka_unit_test(a_file_of_nothing_but_times_is_refused),
		cmocka_unit_test(a_wrong_word_is_told_the_right_ones),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
