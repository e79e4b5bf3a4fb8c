/* Importing through a sink that keeps everything in memory: figures of the open traces, rejects,
 * duplicates, going on after an interruption at every batch. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "collect/import.h"

/* ---- a sink that adds up ---- */

struct sums {
	struct sink sink; /* first */
	int64_t requests, errors, input, output, cached, latency_us, ttft_us, first_us, last_us;
	int64_t cost_nusd, reported, answers_named, flags, feedback, moods[4], billing, unknown_cost, negative_cost;
	int64_t bill_nusd, bill_input, bill_requests;
	struct import_mark marks[64];
	char mark_names[64][2][64];
	size_t mark_count;
	int batches, fail_after; /* fail_after: batches to take before failing; -1 never */
	struct buf rejects, notes;
	struct buf texts; /* "model/team/key/user|" of each request while there are few */
};

static void add_request(struct sums *s, const struct request *r)
{
	s->answers_named += str_equal_c(r->response_id, "chatcmpl-1") && r->has_span;
	s->requests++;
	s->errors += r->status == REQUEST_ERROR;
	s->input += r->input_tokens > 0 ? r->input_tokens : 0;
	s->output += r->output_tokens > 0 ? r->output_tokens : 0;
	s->cached += r->cached_tokens > 0 ? r->cached_tokens : 0;
	s->latency_us += r->latency_us > 0 ? r->latency_us : 0;
	s->ttft_us += r->ttft_us > 0 ? r->ttft_us : 0;
	s->first_us = !s->first_us || r->end_us < s->first_us ? r->end_us : s->first_us;
	s->last_us = r->end_us > s->last_us ? r->end_us : s->last_us;
	s->reported += r->cost_source == COST_REPORTED;
	s->cost_nusd += r->cost_source != COST_UNPRICED ? r->cost_nusd : 0;
	s->flags += r->flag_count;
	if (s->texts.len < 4096)
		buf_printf(&s->texts, "%.*s/%.*s/%.*s/%.*s/%.*s|", STR_ARG(r->dims[DIM_MODEL]), STR_ARG(r->dims[DIM_TEAM]),
		           STR_ARG(r->attrs[ATTR_KEY]), STR_ARG(r->attrs[ATTR_TAG0]), STR_ARG(r->error_type));
}

static void add_bill(struct sums *s, const struct billing *b)
{
	s->billing++;
	s->unknown_cost += !b->cost_known;
	s->bill_nusd += b->cost_known ? b->cost_nusd : 0;
	s->negative_cost += b->cost_known && b->cost_nusd < 0;
	s->bill_input += b->input_tokens > 0 ? b->input_tokens : 0;
	s->bill_requests += b->requests > 0 ? b->requests : 0;
	if (s->texts.len < 4096)
		buf_printf(&s->texts, "%.*s/%.*s/%.*s|", STR_ARG(b->provider), STR_ARG(b->model), STR_ARG(b->account));
}

static void keep_mark(struct sums *s, const struct import_mark *mark)
{
	size_t i = 0;

	while (i < s->mark_count && s->marks[i].key != mark->key)
		i++;
	assert_true(i < 64);
	if (i == s->mark_count)
		s->mark_count++;
	char name[64], kind[64]; /* the mark may point into the one it replaces */
	snprintf(name, sizeof name, "%.*s", STR_ARG(mark->name));
	snprintf(kind, sizeof kind, "%.*s", STR_ARG(mark->kind));
	s->marks[i] = *mark;
	memcpy(s->mark_names[i][0], name, 64);
	memcpy(s->mark_names[i][1], kind, 64);
	s->marks[i].name = str_of(s->mark_names[i][0]);
	s->marks[i].kind = str_of(s->mark_names[i][1]);
}

static enum sink_result sum_store(struct sink *sink, struct batch *b, struct sink_ack *ack, struct err *err)
{
	struct sums *s = (struct sums *)sink;

	if (s->fail_after >= 0 && s->batches >= s->fail_after)
		return err_set(err, "the disk is full"), SINK_FAILED;
	s->batches++;
	for (size_t i = 0; i < b->request_count; i++)
		add_request(s, &b->requests[i]);
	for (size_t i = 0; i < b->billing_count; i++)
		add_bill(s, &b->billing[i]);
	for (size_t i = 0; i < b->feedback_count; i++) {
		s->feedback++;
		s->moods[b->feedback[i].mood]++;
	}
	assert_true(b->has_import);
	keep_mark(s, &b->import);
	*ack = (struct sink_ack){.added = batch_rows(b)};
	return SINK_OK;
}

static void note_reject(void *arg, const char *text)
{
	buf_printf(&((struct sums *)arg)->rejects, "%s\n", text);
}

static void note_note(void *arg, const char *text)
{
	buf_printf(&((struct sums *)arg)->notes, "%s\n", text);
}

static struct sums *sums_new(void)
{
	struct sums *s = mem_zalloc(sizeof *s);

	s->sink.store = sum_store;
	s->fail_after = -1;
	buf_puts(&s->rejects, "");
	buf_puts(&s->notes, "");
	return s;
}

static void sums_free(struct sums *s)
{
	buf_fini(&s->rejects);
	buf_fini(&s->notes);
	buf_fini(&s->texts);
	free(s);
}

static struct import_job job_for(struct sums *s, const char *path, const char *preset)
{
	struct import_job job = {.path = path, .sink = &s->sink, .on_reject = note_reject, .on_note = note_note,
		.arg = s, .known = s->marks, .known_count = s->mark_count};

	if (preset) {
		job.mapping.preset = preset_from_name(str_of(preset));
		assert_non_null(job.mapping.preset);
		job.mapping.kind = job.mapping.preset->kind;
	}
	return job;
}

static struct import_totals run_ok(const struct import_job *job)
{
	struct import_totals t = {0};
	struct err err = {""};

	if (import_run(job, &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

static char *shared_path(const char *name)
{
	const char *shared = getenv("LLMDECK_SHARED");
	char *path = mem_printf("%s/data/%s", shared ? shared : "../shared", name);

	if (!file_exists(path)) {
		printf("skipped: %s is not there\n", path);
		free(path);
		skip();
	}
	return path;
}

static char temp_path[64];

static const char *write_temp(const char *bytes, size_t len)
{
	FILE *f = fopen(temp_path, "w");

	assert_non_null(f);
	fwrite(bytes, 1, len, f);
	fclose(f);
	return temp_path;
}

static const char *write_text(const char *text)
{
	return write_temp(text, strlen(text));
}

/* ---- the open traces and bills ---- */

static void test_azure_trace(void **state)
{
	(void)state;
	char *path = shared_path("traces/AzureLLMInferenceTrace_code.csv");
	struct sums *s = sums_new();
	struct import_job job = job_for(s, path, "azure-llm");
	const char *sets[] = {"model=gpt-4o"};
	int64_t first, last;

	job.mapping.sets = sets;
	job.mapping.set_count = 1;
	struct import_totals t = run_ok(&job);
	assert_int_equal(t.imported, 8819);
	assert_int_equal(t.rejected, 0);
	assert_int_equal(s->input, 18059974);
	assert_int_equal(s->output, 245896);
	assert_true(time_parse(STR_LIT("2023-11-16T18:17:03.97996Z"), NULL, TIME_UNIT_AUTO, &first));
	assert_true(time_parse(STR_LIT("2023-11-16T19:14:19.928016Z"), NULL, TIME_UNIT_AUTO, &last));
	assert_true(s->first_us == first);
	assert_true(s->last_us == last);
	assert_true(s->marks[0].complete);
	assert_int_equal(strncmp(s->texts.data, "gpt-4o/", 7), 0);
	job.known_count = s->mark_count;
	t = run_ok(&job);
	assert_int_equal(t.imported, 0);
	assert_int_equal(t.duplicates, 8819);
	assert_non_null(strstr(s->notes.data, "already imported"));
	job.again = true;
	assert_int_equal(run_ok(&job).imported, 8819);
	sums_free(s);
	free(path);
}

static void test_mooncake(void **state)
{
	(void)state;
	char *path = shared_path("traces/mooncake_synthetic.jsonl");
	struct sums *s = sums_new();
	struct import_job job = job_for(s, path, "mooncake");

	job.mapping.has_origin = true;
	job.mapping.origin_us = INT64_C(1700000000) * US_PER_S;
	assert_int_equal(run_ok(&job).imported, 3993);
	assert_int_equal(s->input, 61194628);
	assert_int_equal(s->output, 595432);
	assert_true(s->first_us == job.mapping.origin_us);
	assert_non_null(strstr(s->notes.data, "hash_ids"));
	sums_free(s);
	free(path);
}

static void test_focus(void **state)
{
	(void)state;
	char *path = shared_path("billing/focus_1.0_half.csv");
	struct sums *s = sums_new();
	struct import_job job = job_for(s, path, "focus");

	assert_int_equal(run_ok(&job).imported, 500);
	assert_string_equal(s->rejects.data, "");
	assert_true(s->negative_cost > 0);
	assert_true(s->bill_nusd != 0);
	printf("focus: %lld nusd, %lld negative, %lld unknown\n", (long long)s->bill_nusd,
	       (long long)s->negative_cost, (long long)s->unknown_cost);
	sums_free(s);
	free(path);
}

static void test_azure_cost_header_only(void **state)
{
	(void)state;
	char *path = shared_path("billing/azure_ea_costdetails_header.csv");
	struct sums *s = sums_new();
	struct import_job job = job_for(s, path, "azure-cost");
	struct import_totals t = run_ok(&job);

	assert_int_equal(t.imported + t.rejected, 0);
	sums_free(s);
	free(path);
}

static void test_azure_cost_spellings(void **state)
{
	(void)state;
	struct sums *s = sums_new();

	write_text("date,meterCategory,meterName,costInBillingCurrency,billingCurrency,subscriptionName,quantity\n"
	           "08/31/2024,Azure OpenAI,gpt4o Inp,-1.5,USD,prod,2\n2024-09-01,Azure OpenAI,gpt4o Inp,,USD,prod,2\n");
	struct import_job job = job_for(s, temp_path, "azure-cost");
	assert_int_equal(run_ok(&job).imported, 2);
	assert_int_equal(s->bill_nusd, -1500000000);
	assert_int_equal(s->unknown_cost, 1);
	assert_string_equal(s->texts.data, "azure/gpt4o Inp/prod|azure/gpt4o Inp/prod|");
	sums_free(s);
}

static void test_openai_usage(void **state)
{
	(void)state;
	struct sums *s = sums_new();

	write_text("{\"object\":\"page\",\"data\":[{\"object\":\"bucket\",\"start_time\":1730419200,\"end_time\":1730505600,"
	           "\"results\":[{\"object\":\"organization.usage.completions.result\",\"input_tokens\":1000,"
	           "\"output_tokens\":500,\"input_cached_tokens\":800,\"num_model_requests\":5,\"project_id\":\"p1\","
	           "\"model\":\"gpt-4o\"},{\"input_tokens\":7,\"num_model_requests\":1,\"model\":null}]},"
	           "{\"object\":\"bucket\",\"start_time\":1730505600,\"end_time\":1730592000,\"results\":[]}],"
	           "\"has_more\":false,\"next_page\":null}");
	struct import_job job = job_for(s, temp_path, "openai-usage");
	struct import_totals t = run_ok(&job);
	assert_int_equal(t.imported, 2);
	assert_int_equal(t.rejected, 0);
	assert_int_equal(s->bill_input, 1007);
	assert_int_equal(s->bill_requests, 6);
	assert_string_equal(s->texts.data, "openai/gpt-4o/p1|openai//|");
	sums_free(s);
}

static const char litellm_row[] =
	"{\"request_id\":\"chatcmpl-1\",\"call_type\":\"acompletion\",\"api_key\":\"88dc28\",\"spend\":0.00125,"
	"\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120,"
	"\"startTime\":\"2025-01-02T03:04:05.000Z\",\"endTime\":\"2025-01-02T03:04:07.500Z\","
	"\"completionStartTime\":\"2025-01-02T03:04:05.250Z\",\"model\":\"gpt-4o\",\"custom_llm_provider\":\"openai\","
	"\"team_id\":\"t-9\",\"request_tags\":[\"channel:web\",\"loose\"],\"status\":\"failure\",\"cache_hit\":\"False\","
	"\"metadata\":{\"user_api_key_alias\":\"web-key\",\"error_information\":{\"error_class\":\"RateLimitError\"}}}";

static void check_litellm(struct sums *s)
{
	const char *tags[] = {"channel"};
	struct import_job job = job_for(s, temp_path, "litellm-spend");

	job.mapping.tags = tags;
	job.mapping.tag_count = 1;
	struct import_totals t = run_ok(&job);
	assert_string_equal(s->rejects.data, "");
	assert_int_equal(t.imported, 1);
	assert_int_equal(s->reported, 1);
	assert_int_equal(s->answers_named, 1); /* feedback finds it by the id of the answer, a second delivery too */
	assert_int_equal(s->cost_nusd, 1250000);
	assert_int_equal(s->latency_us, 2500000);
	assert_int_equal(s->ttft_us, 250000);
	assert_int_equal(s->errors, 1);
	assert_string_equal(s->texts.data, "gpt-4o/t-9/web-key/web/RateLimitError|");
	sums_free(s);
}

static void test_litellm(void **state)
{
	(void)state;
	char *array = mem_printf("[\n%s\n]", litellm_row);

	write_text(litellm_row);
	check_litellm(sums_new());
	write_text(array);
	check_litellm(sums_new());
	free(array);
	write_text("request_id,startTime,endTime,completionStartTime,model,spend,team_id,api_key,status,request_tags,metadata\n"
	           "chatcmpl-1,2025-01-02 03:04:05,2025-01-02 03:04:07.5,2025-01-02 03:04:05.25,gpt-4o,0.00125,t-9,88dc28,"
	           "failure,\"[\"\"channel:web\"\",\"\"loose\"\"]\","
	           "\"{\"\"user_api_key_alias\"\":\"\"web-key\"\",\"\"error_information\"\":{\"\"error_class\"\":\"\"RateLimitError\"\"}}\"\n");
	check_litellm(sums_new());
}

/* ---- mapping and rejects ---- */

static void test_mapping_by_name(void **state)
{
	(void)state;
	struct sums *s = sums_new();

	write_text("{\"ts\":1700000000,\"model\":\"m\",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,"
	           "\"prompt_tokens_details\":{\"cached_tokens\":3}},\"latency_ms\":4940.703,\"ttft_s\":0.25,"
	           "\"status_code\":429,\"safety\":[\"hate:4\",{\"category\":\"violence\",\"severity\":2}],\"x\":{\"y\":1}}\n");
	struct import_job job = job_for(s, temp_path, NULL);
	assert_int_equal(run_ok(&job).imported, 1);
	assert_int_equal(s->input, 10);
	assert_int_equal(s->output, 4);
	assert_int_equal(s->cached, 3);
	assert_int_equal(s->latency_us, 4940703);
	assert_int_equal(s->ttft_us, 250000);
	assert_int_equal(s->errors, 1);
	assert_int_equal(s->flags, 2);
	assert_true(s->last_us == INT64_C(1700000004940703));
	assert_string_equal(s->texts.data, "m////429|");
	assert_non_null(strstr(s->notes.data, "ignored columns: x.y"));
	sums_free(s);
}

static void test_map_and_set(void **state)
{
	(void)state;
	struct sums *s = sums_new();
	const char *maps[] = {"time=when:s", "latency=took:us", "model=the model", "team=a:b"};
	const char *sets[] = {"model=forced", "tag.channel=web"};
	const char *tags[] = {"channel"};

	write_text("when,took,the model,a:b\n1700000000,1500,x,red\n");
	struct import_job job = job_for(s, temp_path, NULL);
	job.mapping.maps = maps;
	job.mapping.map_count = 4;
	job.mapping.sets = sets;
	job.mapping.set_count = 2;
	job.mapping.tags = tags;
	job.mapping.tag_count = 1;
	assert_int_equal(run_ok(&job).imported, 1);
	assert_int_equal(s->latency_us, 1500);
	assert_string_equal(s->texts.data, "forced/red//web/|");
	sums_free(s);
}

static void test_bad_options(void **state)
{
	(void)state;
	static const char *const bad[] = {"modle=x", "time", "tag.none=x", "model=x:ms"};
	struct mapping *m;
	struct err err;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *one[] = {bad[i]};
		struct mapping_options o = {.maps = one, .map_count = 1};
		err.text[0] = '\0';
		if (mapping_new(&m, &o, &err) == 0)
			fail_msg("accepted --map %s", bad[i]);
		assert_true(err.text[0]);
	}
	const char *status[] = {"status=perhaps"};
	struct mapping_options o = {.sets = status, .set_count = 1};
	assert_int_equal(mapping_new(&m, &o, &err), -1);
	assert_non_null(strstr(err.text, "neither ok"));
}

static void test_rejects_named(void **state)
{
	(void)state;
	struct sums *s = sums_new();

	write_text("time,model,input_tokens,status\n"
	           "2025-01-01T00:00:00Z,m,1,ok\n"
	           "yesterday,m,1,ok\n"
	           "2025-01-01T00:00:00Z,m,-5,ok\n"
	           "2025-01-01T00:00:00Z,m,1\n"
	           "2025-01-01T00:00:00Z,\"m,1,ok\n"
	           "2025-01-01T00:00:00Z,m,2000000000,ok\n"
	           "2025-01-01T00:00:00Z,m,1,perhaps\n"
	           ",m,1,ok\n"
	           "2025-01-01T00:00:00Z,\"m\",2.0,200\n");
	struct import_job job = job_for(s, temp_path, NULL);
	char rejected[65];
	snprintf(rejected, sizeof rejected, "%.58s.r", temp_path);
	job.rejects = fopen(rejected, "w");
	struct import_totals t = run_ok(&job);
	fclose(job.rejects);
	assert_int_equal(t.imported, 2);
	assert_int_equal(t.rejected, 7);
	static const char *const expected[] = {":3:1: time: \"yesterday\" is not a time", ":4:24: input_tokens: \"-5\" is negative",
		":5:24: the row has 3 fields, the header 4", ":6:", ":7:24: input_tokens: \"2000000000\" is more than 1,000,000,000",
		":8:26: status: \"perhaps\" is neither", ":9:1: no time"};
	for (size_t i = 0; i < 7; i++)
		if (!strstr(s->rejects.data, expected[i]))
			fail_msg("%s is not in\n%s", expected[i], s->rejects.data);
	struct buf kept = {0};
	assert_int_equal(file_read(rejected, 1 << 16, &kept, NULL), 0);
	assert_int_equal(strncmp(kept.data, "time,model,input_tokens,status\nyesterday,m,1,ok\n", 48), 0);
	buf_fini(&kept);
	unlink(rejected);
	sums_free(s);
}

/* One row in a hundred is broken, each in another way: the rest is imported, every broken one named. */
static void test_one_percent_broken(void **state)
{
	(void)state;
	static const char *const broken[] = {"{\"time\":", "{\"time\":1700000000,\"input_tokens\":\"x\"}", "[1]", "}{",
		"{\"time\":1700000000,\"input_tokens\":-1}", "{\"a\":1}", "\x80\xFF", "{\"time\":\"\\q\"}"};
	struct buf text = {0};
	struct sums *s = sums_new();

	for (int i = 1; i <= 30000; i++)
		if (i % 100 == 0)
			buf_printf(&text, "%s\n", broken[i / 100 % 8]);
		else
			buf_printf(&text, "{\"time\":%d,\"input_tokens\":1}\n", 1700000000 + i);
	write_temp(text.data, text.len);
	buf_fini(&text);
	struct import_job job = job_for(s, temp_path, NULL);
	job.format = ROWS_JSONL;
	struct import_totals t = run_ok(&job);
	assert_int_equal(t.imported, 29700);
	assert_int_equal(t.rejected, 300);
	assert_int_equal(s->input, 29700);
	for (int line = 100; line <= 30000; line += 100) {
		char mark[96];
		snprintf(mark, sizeof mark, "%s:%d:", temp_path, line);
		if (!strstr(s->rejects.data, mark))
			fail_msg("line %d is not named", line);
	}
	sums_free(s);
}

static void test_foreign_encodings(void **state)
{
	(void)state;
	struct sums *s = sums_new();
	struct import_totals t = {0};
	struct err err;

	write_temp("\xFF\xFEt\0i\0m\0e\0\n\0", 12);
	struct import_job job = job_for(s, temp_path, NULL);
	assert_int_equal(import_run(&job, &t, &err), -1);
	assert_non_null(strstr(err.text, "UTF-16 (little-endian): convert it to UTF-8"));
	sums_free(s);
}

static void test_feedback(void **state)
{
	(void)state;
	struct sums *s = sums_new();

	write_text("time,comment,stars,score\n2025-01-01T00:00:00Z,good,5,\n2025-01-01T00:00:00Z,meh,3,\n"
	           "2025-01-01T00:00:00Z,bad,1,\n2025-01-01T00:00:00Z,,,thumbs_up\n2025-01-01T00:00:00Z,,,-1\n"
	           "2025-01-01T00:00:00Z,Thank you this is great!,,\n2025-01-01T00:00:00Z,,,\n2025-01-01T00:00:00Z,x,9,\n");
	struct import_job job = job_for(s, temp_path, NULL);
	job.mapping.kind = ROW_FEEDBACK;
	struct import_totals t = run_ok(&job);
	assert_int_equal(t.imported, 6);
	assert_int_equal(t.rejected, 2);
	assert_int_equal(s->moods[MOOD_POSITIVE], 3);
	assert_int_equal(s->moods[MOOD_NEUTRAL], 1);
	assert_int_equal(s->moods[MOOD_NEGATIVE], 2);
	assert_int_equal(s->moods[MOOD_UNKNOWN], 0);
	sums_free(s);
}

/* ---- going on ---- */

static void make_rows(struct buf *text, enum rows_format format, int from, int to)
{
	for (int i = from; i < to; i++)
		if (format == ROWS_CSV)
			buf_printf(text, "%d,\"m%d\",%d\r\n", 1700000000 + i, i % 7, i);
		else
			buf_printf(text, "%s{\"time\":%d,\"input_tokens\":%d}\n", format == ROWS_JSON && i ? "," : "",
			           1700000000 + i, i);
}

static void check_going_on(enum rows_format format)
{
	struct sums *s = sums_new();
	struct buf text = {0};
	struct import_totals t = {0};
	struct err err;
	int runs = 0, result = -1;

	if (format == ROWS_CSV)
		buf_puts(&text, "time,model,input_tokens\r\n");
	if (format == ROWS_JSON)
		buf_puts(&text, "[");
	make_rows(&text, format, 0, 35000);
	if (format == ROWS_JSON)
		buf_puts(&text, "]");
	write_temp(text.data, text.len);
	while (result != 0) {
		struct import_job job = job_for(s, temp_path, NULL);
		s->fail_after = ++runs; /* each run stores one batch more, then the sink fails */
		result = import_run(&job, &t, &err);
		if (runs == 100)
			fail_msg("%s: %s\n%s", rows_format_name(format), err.text, s->notes.data);
	}
	assert_true(runs > 3);
	assert_int_equal(s->requests, 35000);
	assert_true(s->input == INT64_C(34999) * 35000 / 2);
	assert_int_equal(s->mark_count, 1);
	assert_true(s->marks[0].complete);
	assert_int_equal(s->marks[0].rows_done, 35000);
	assert_int_equal(s->marks[0].bytes_done, text.len);
	s->fail_after = -1;
	if (format != ROWS_JSON) {
		make_rows(&text, format, 35000, 36000);
		write_temp(text.data, text.len);
		struct import_job job = job_for(s, temp_path, NULL);
		t = run_ok(&job);
		assert_int_equal(t.imported, 1000);
		assert_non_null(strstr(s->notes.data, "has grown"));
		assert_int_equal(s->requests, 36000);
	}
	buf_fini(&text);
	sums_free(s);
}

static void test_going_on(void **state)
{
	(void)state;
	check_going_on(ROWS_JSONL);
	check_going_on(ROWS_CSV);
	check_going_on(ROWS_JSON);
}

/* An array is read again from its beginning to go on: whatever ends that early, what was stored before stays known. */
static void test_passing_what_is_known(void **state)
{
	(void)state;
	struct sums *s = sums_new();
	struct buf text = {0};
	struct import_totals t = {0};
	struct err err;
	atomic_int at_once = 1;

	buf_puts(&text, "[");
	make_rows(&text, ROWS_JSON, 0, 60000);
	buf_puts(&text, "]");
	write_temp(text.data, text.len);
	struct import_job job = job_for(s, temp_path, NULL);
	s->fail_after = 30;
	assert_int_not_equal(import_run(&job, &t, &err), 0);
	int64_t stored = s->requests;
	uint64_t bytes_done = s->marks[0].bytes_done;
	assert_true(stored > 40000 && stored < 60000);
	job = job_for(s, temp_path, NULL);
	s->fail_after = s->batches + 1; /* one batch, which may hold nothing new */
	assert_int_not_equal(import_run(&job, &t, &err), 0);
	assert_true(s->marks[0].bytes_done >= bytes_done);
	job = job_for(s, temp_path, NULL);
	s->fail_after = -1;
	job.stop = &at_once;
	assert_true(run_ok(&job).stopped);
	assert_true(s->marks[0].bytes_done >= bytes_done);
	job = job_for(s, temp_path, NULL);
	run_ok(&job);
	assert_int_equal(s->requests, 60000);
	assert_true(s->input == INT64_C(59999) * 60000 / 2);
	buf_fini(&text);
	sums_free(s);
}

static atomic_int stop;

static void stop_now(void *arg, const struct import_progress *p)
{
	(void)arg;
	stop = p->rows >= 5000;
}

static void test_stopped(void **state)
{
	(void)state;
	struct sums *s = sums_new();
	struct buf text = {0};

	make_rows(&text, ROWS_JSONL, 0, 200000);
	write_temp(text.data, text.len);
	struct import_job job = job_for(s, temp_path, NULL);
	job.stop = &stop;
	job.on_progress = stop_now;
	stop = 0;
	struct import_totals t = run_ok(&job);
	assert_true(t.stopped);
	assert_int_equal(t.imported, s->requests);
	assert_int_equal(t.lines, s->requests);
	assert_true(s->requests < 200000);
	stop = 0;
	job = job_for(s, temp_path, NULL);
	run_ok(&job);
	assert_int_equal(s->requests, 200000);
	assert_true(s->input == INT64_C(199999) * 200000 / 2);
	buf_fini(&text);
	sums_free(s);
}

static void test_line_cut_short(void **state)
{
	(void)state;
	struct sums *s = sums_new();

	write_text("time,input_tokens\n1700000000,1\n1700000001,2");
	struct import_job job = job_for(s, temp_path, NULL);
	assert_int_equal(run_ok(&job).imported, 2);
	write_text("time,input_tokens\n1700000000,1\n1700000001,22\n1700000002,3\n");
	job = job_for(s, temp_path, NULL);
	assert_int_equal(run_ok(&job).imported, 1);
	assert_int_equal(s->input, 6);
	assert_non_null(strstr(s->notes.data, "had no end"));
	sums_free(s);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(temp_path, sizeof temp_path, "%.30s/llmdeck-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	int fd = mkstemp(temp_path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(temp_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_azure_trace),     cmocka_unit_test(test_mooncake),
		cmocka_unit_test(test_focus),           cmocka_unit_test(test_azure_cost_header_only),
		cmocka_unit_test(test_azure_cost_spellings), cmocka_unit_test(test_openai_usage),
		cmocka_unit_test(test_litellm),         cmocka_unit_test(test_mapping_by_name),
		cmocka_unit_test(test_map_and_set),     cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_rejects_named),   cmocka_unit_test(test_one_percent_broken),
		cmocka_unit_test(test_foreign_encodings), cmocka_unit_test(test_feedback),
		cmocka_unit_test(test_going_on),
		cmocka_unit_test(test_passing_what_is_known), cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_line_cut_short),
	};
	return cmocka_run_group_tests_name("import", tests, set_up, tear_down);
}
