/* A bill beside our own figure: the parts of a difference add up to it, bills in several rows a model are
 * one, and days that begin at another hour are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/money.h"
#include "store/query_bill.h"
#include "store/writer.h"

#define USD NUSD_PER_USD
#define D0 (INT64_C(1795392000) * US_PER_S) /* 2026-11-23T00:00:00Z */

static struct reconcile_row row(int64_t bill, int64_t own)
{
	return (struct reconcile_row){.provider = "", .model = "m", .own_model = "m", .currency = "USD", .on_bill = true, .bill_nusd = bill * USD,
	                              .own_nusd = own * USD, .bill_tokens = -1, .own_requests = 100, .own_tokens = 1000, .hours = 24};
}

static void explain(struct reconcile_row *r)
{
	reconcile_explain(r);
	if (r->comparable)
		assert_int_equal(r->by_credits_nusd + r->by_price_nusd + r->by_unpriced_nusd + r->by_silence_nusd + r->rest_nusd, r->difference_nusd);
}

static void what_a_difference_is_made_of(void **state)
{
	struct reconcile_row r = row(10, 10);

	(void)state;
	explain(&r);
	assert_int_equal(r.difference_nusd, 0);

	r = row(7, 10); /* a credit of 3 */
	r.credits_nusd = -3 * USD;
	explain(&r);
	assert_int_equal(r.by_credits_nusd, -3 * USD);
	assert_int_equal(r.rest_nusd, 0);

	r = row(12, 9); /* a tenth has no price: at the others' mean they cost 1 */
	r.unpriced = 10;
	explain(&r);
	assert_int_equal(r.by_unpriced_nusd, USD);
	assert_int_equal(r.rest_nusd, 2 * USD);

	r = row(12, 0); /* none has a price: what they cost is all that is missing */
	r.unpriced = 100;
	explain(&r);
	assert_int_equal(r.by_unpriced_nusd, 12 * USD);

	r = row(12, 9); /* six hours without telemetry at the mean of the others */
	r.silent_hours = 6;
	explain(&r);
	assert_int_equal(r.by_silence_nusd, 3 * USD);

	r = row(15, 10); /* the same tokens at another price */
	r.bill_tokens = 1000;
	explain(&r);
	assert_int_equal(r.by_price_nusd, 5 * USD);
	assert_int_equal(r.rest_nusd, 0);

	r = row(10, 10); /* a lower price hides behind twice the tokens */
	r.bill_tokens = 2000;
	r.silent_hours = 12;
	explain(&r);
	assert_int_equal(r.by_price_nusd, -10 * USD);
	assert_int_equal(r.by_silence_nusd, 10 * USD);

	r = row(0, 9); /* usage without a cost is no bill of nothing */
	r.rows = r.unknown_rows = 3;
	explain(&r);
	assert_false(r.comparable);
	assert_int_equal(r.rest_nusd, 0);

	r = row(10, 9);
	r.currency = "EUR";
	explain(&r);
	assert_false(r.comparable);
}

/* More than the bill: neither silence nor missing prices explain that. */
static void more_than_the_bill_is_not_explained_away(void **state)
{
	struct reconcile_row r = row(8, 10);

	(void)state;
	r.silent_hours = 6;
	r.unpriced = 10;
	explain(&r);
	assert_int_equal(r.by_silence_nusd + r.by_unpriced_nusd, 0);
	assert_int_equal(r.rest_nusd, -2 * USD);
}

static void days_that_begin_at_another_hour(void **state)
{
	int64_t hours[24 * 9], before, left;
	struct reconcile_day days[7];

	(void)state;
	for (int i = 0; i < 24 * 9; i++)
		hours[i] = (i * i * 31 % 17 + 1) * USD;
	for (int shift = -8; shift <= 8; shift += 8) {
		for (int d = 0; d < 7; d++) {
			days[d] = (struct reconcile_day){D0 + d * US_PER_DAY, D0 + (d + 1) * US_PER_DAY, 0};
			for (int h = 0; h < 24; h++)
				days[d].bill_nusd += hours[24 + d * 24 + h + shift];
		}
		assert_int_equal(reconcile_shift(days, 7, hours, 24 * 9, D0 - US_PER_DAY, &before, &left), shift);
		assert_int_equal(left, 0);
		assert_int_equal(reconcile_shift(days, 2, hours, 24 * 9, D0 - US_PER_DAY, &before, &left), 0); /* two days prove nothing */
	}
}

static void add_request(struct batch *b, int64_t end_us, const char *model, int64_t cost_nusd)
{
	static int64_t count;
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	r->dims[DIM_MODEL] = str_of(model);
	r->input_tokens = 90;
	r->output_tokens = 10;
	r->cost_source = cost_nusd < 0 ? COST_UNPRICED : COST_REPORTED;
	r->cost_nusd = cost_nusd < 0 ? 0 : cost_nusd;
	r->has_span = true;
	count++;
	memcpy(r->span_id, &count, 8);
}

static void add_bill(struct batch *b, int64_t from_us, int64_t length_us, const char *model, int64_t cost_nusd, bool known)
{
	struct billing *bill = batch_add_billing(b);

	bill->from_us = from_us;
	bill->to_us = from_us + length_us;
	bill->provider = STR_LIT("OpenAI");
	bill->model = str_of(model);
	bill->currency = STR_LIT("USD");
	bill->cost_nusd = cost_nusd;
	bill->cost_known = known;
}

static const struct reconcile_row *find(const struct reconcile_result *res, const char *own)
{
	for (size_t i = 0; i < res->row_count; i++)
		if (strcmp(res->rows[i].own_model, own) == 0)
			return &res->rows[i];
	fail_msg("no row of %s", own);
	return NULL;
}

/* Hourly rows, dated names, input and output apart, a credit, a null cost, and a model that the bill does
 * not have. */
static void a_bill_beside_the_store(void **state)
{
	char path[64] = "/tmp/llmdeck-bill-XXXXXX", file[96], command[128];
	struct store_writer *w;
	struct store_reader *reader;
	struct reconcile_result res;
	struct store_counts counts = {0};
	struct batch *b = batch_new();
	struct err err = {""};
	int64_t newest_us;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof file, "%s/s.db", path);
	assert_int_equal(store_writer_open(&w, file, &(struct store_options){.now_us = 0}, &err), 0);
	for (int h = 0; h < 24; h++) {
		add_request(b, D0 + h * US_PER_HOUR + 1, "gpt-4o", USD / 2);
		add_request(b, D0 + h * US_PER_HOUR + 2, "gpt-4o-mini", USD / 4);
		add_request(b, D0 + h * US_PER_HOUR + 3, "local-8b", USD / 8);
		add_bill(b, D0 + h * US_PER_HOUR, US_PER_HOUR, "gpt-4o-2024-08-06", USD / 4, true);
		add_bill(b, D0 + h * US_PER_HOUR, US_PER_HOUR, "gpt-4o out", USD / 4, true);
		add_bill(b, D0 + h * US_PER_HOUR, US_PER_HOUR, "GPT-4o-mini", USD / 4, true);
	}
	add_bill(b, D0, US_PER_HOUR, "gpt-4o-mini", -USD, true);
	add_bill(b, D0, US_PER_HOUR, "gpt-4o-mini", 0, false);
	if (store_writer_append(w, b, &counts, &err) || store_writer_commit(w, &err))
		fail_msg("%s", err.text);
	batch_free(&b);
	assert_int_equal(store_reader_open(&reader, file, &err), 0);
	assert_int_equal(query_newest_bill(reader, &newest_us, &err), 0);
	assert_int_equal(newest_us, D0 + 23 * US_PER_HOUR);
	if (query_reconcile(reader, &(struct reconcile_ask){.from_us = D0, .to_us = D0 + US_PER_DAY}, &res, &err))
		fail_msg("%s", err.text);
	assert_int_equal(res.row_count, 3);
	assert_int_equal(find(&res, "gpt-4o")->bill_nusd, 12 * USD);
	assert_int_equal(find(&res, "gpt-4o")->difference_nusd, 0);
	assert_int_equal(find(&res, "gpt-4o-mini")->difference_nusd, -USD);
	assert_int_equal(find(&res, "gpt-4o-mini")->by_credits_nusd, -USD);
	assert_int_equal(find(&res, "gpt-4o-mini")->unknown_rows, 1);
	assert_false(find(&res, "local-8b")->on_bill);
	assert_int_equal(find(&res, "local-8b")->rest_nusd, -3 * USD);
	assert_int_equal(res.shift_hours, 0);
	reconcile_result_fini(&res);
	store_reader_close(&reader);
	store_writer_close(&w);
	snprintf(command, sizeof command, "rm -rf %s", path);
	assert_int_equal(system(command), 0);
}

static void which_rows_are_ours(void **state)
{
	const char *const azure[BILL_FIELD_COUNT] = {"Microsoft", "Azure OpenAI", "", "prod", "", "swedencentral"};
	const char *const disks[BILL_FIELD_COUNT] = {"Microsoft", "Storage", "", "prod", "", ""};
	struct bill_filter f[3];
	struct err err = {""};

	(void)state;
	assert_true(bill_filters_pass(NULL, 0, disks));
	assert_int_equal(bill_filter_parse("service=azure openai", &f[0], &err), 0);
	assert_int_equal(bill_filter_parse("service=Bedrock", &f[1], &err), 0);
	assert_int_equal(bill_filter_parse("account!=test", &f[2], &err), 0);
	assert_true(bill_filters_pass(f, 3, azure));
	assert_false(bill_filters_pass(f, 3, disks));
	assert_int_equal(bill_filter_parse("account!=PROD", &f[2], &err), 0);
	assert_false(bill_filters_pass(f, 3, azure));
	assert_int_equal(bill_filter_parse("service", &f[0], &err), -1);
	assert_int_equal(bill_filter_parse("currency=EUR", &f[0], &err), -1);
	assert_non_null(strstr(err.text, "provider, service"));
}

static void models_among_words(void **state)
{
	static const char *const names[] = {"gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "chat", "claude-sonnet-4-5"};
	static const struct {
		const char *text;
		size_t found;
	} cases[] = {
		{"gpt 4o 0806 Inp glbl Tokens", 0},
		{"Azure OpenAI - gpt4o mini 0718 Outp", 1},
		{"Azure OpenAI GPT-4.1-mini cached", 2},
		{"USE1-Claude-Sonnet-4.5-input-tokens", 4},
		{"gpt 4o realtime Inp", 5}, /* another model */
		{"gpt-4omni tokens", 5},
		{"egpt-4o", 5},
		{"chat completions", 5},    /* too usual a word */
		{"Hot LRS Data Stored", 5},
		{"", 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (reconcile_model_in(cases[i].text, names, 5) != cases[i].found)
			fail_msg("\"%s\": %zu", cases[i].text, reconcile_model_in(cases[i].text, names, 5));
}

/* ── from the file to the page ─────────────────────────────────────────────────────────────── */

/* A row under Azure's own header: what is not named stays empty. */
static void write_azure_row(FILE *out, const char *header, const char *const *pairs)
{
	const char *at = header;

	while (*at && *at != '\n' && *at != '\r') {
		size_t len = strcspn(at, ",\r\n");

		for (const char *const *p = pairs; *p; p += 2)
			if (strlen(p[0]) == len && strncmp(p[0], at, len) == 0)
				fputs(p[1], out);
		at += len;
		if (*at == ',')
			fputc(*at++, out);
	}
	fputc('\n', out);
}

static void write_azure_bill(const char *path, const char *header)
{
	static const char *const rows[][11] = {
		{"MeterCategory", "Azure OpenAI", "MeterName", "gpt 4o 0806 Inp glbl Tokens", "Cost", "8.5"},
		{"MeterCategory", "Azure OpenAI", "MeterName", "gpt 4o 0806 Outp glbl Tokens", "Cost", "4.5"},
		{"MeterCategory", "Azure OpenAI", "MeterName", "gpt 4o mini 0718 Inp glbl Tokens", "Cost", "2"},
		{"MeterCategory", "Storage", "MeterName", "Hot LRS Data Stored", "Cost", "77.7"},
	};
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(header, out);
	if (!strchr(header, '\n'))
		fputc('\n', out);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *pairs[16] = {"Date", "11/23/2026", "BillingCurrency", "USD", "SubscriptionName", "prod"};

		memcpy(pairs + 6, rows[i], 7 * sizeof *pairs);
		write_azure_row(out, header, pairs);
	}
	assert_int_equal(fclose(out), 0);
}

/* What a command of ours prints. */
static void run(const char *folder, const char *arguments, char *out, size_t cap)
{
	char command[600];
	FILE *pipe;
	size_t len;

	snprintf(command, sizeof command, "%s --store %s/s.db %s 2>&1", getenv("LLMDECK_BINARY"), folder, arguments);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	len = fread(out, 1, cap - 1, pipe);
	out[len] = '\0';
	if (pclose(pipe) != 0)
		fail_msg("%s: %s", command, out);
}

#define assert_says(text, words) \
	do { \
		if (!strstr(text, words)) \
			fail_msg("\"%s\" is not in:\n%s", words, text); \
	} while (0)

static void an_azure_export_is_reconciled(void **state)
{
	const char *shared = getenv("LLMDECK_SHARED") ? getenv("LLMDECK_SHARED") : "../shared";
	char folder[64] = "/tmp/llmdeck-azure-XXXXXX", path[400], text[20000], header[4000] = "";
	struct store_writer *w;
	struct store_counts counts = {0};
	struct batch *b = batch_new();
	struct err err = {""};
	FILE *in;

	(void)state;
	snprintf(path, sizeof path, "%s/data/billing/azure_ea_costdetails_header.csv", shared);
	in = fopen(path, "r");
	if (!in || !getenv("LLMDECK_BINARY")) {
		print_message("skipped: needs %s and LLMDECK_BINARY\n", path);
		batch_free(&b);
		if (in)
			fclose(in);
		skip();
	}
	assert_non_null(fgets(header, sizeof header, in));
	fclose(in);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s.db", folder);
	assert_int_equal(store_writer_open(&w, path, &(struct store_options){.now_us = 0}, &err), 0);
	for (int h = 0; h < 24; h++) {
		add_request(b, D0 + h * US_PER_HOUR + 1, "gpt-4o", USD / 2);
		add_request(b, D0 + h * US_PER_HOUR + 2, "gpt-4o-mini", USD / 8);
	}
	assert_int_equal(store_writer_append(w, b, &counts, &err), 0);
	assert_int_equal(store_writer_commit(w, &err), 0);
	store_writer_close(&w);
	batch_free(&b);
	snprintf(path, sizeof path, "%s/azure.csv", folder);
	write_azure_bill(path, header);
	snprintf(path, sizeof path, "import --as billing %s/azure.csv", folder);
	run(folder, path, text, sizeof text);
	assert_says(text, "imported 4, rejected 0");
	run(folder, "budget reconcile --format json --where 'service=Azure OpenAI'", text, sizeof text);
	assert_says(text, "\"own_model\":\"gpt-4o\",\"currency\":\"USD\",\"on_bill\":true,\"model_derived\":true,\"bill_usd\":\"13.000000000\"");
	assert_says(text, "\"difference_usd\":\"1.000000000\"");
	assert_says(text, "\"own_model\":\"gpt-4o-mini\"");
	assert_says(text, "\"left_out\":{\"rows\":1,\"usd\":\"77.700000000\",\"rows_without_usd\":0}");
	assert_says(text, "\"total\":{\"currency\":\"USD\",\"bill_usd\":\"15.000000000\"");
	run(folder, "snapshot bill --size 132x20", text, sizeof text);
	assert_says(text, "bill $15.00");
	assert_says(text, "none of our models $77.70");
	snprintf(path, sizeof path, "rm -rf %s", folder);
	assert_int_equal(system(path), 0);
}

/* A month of a whole company's bill, of which one service is asked for. */
static void a_focus_file_is_used_as_it_is(void **state)
{
	const char *shared = getenv("LLMDECK_SHARED") ? getenv("LLMDECK_SHARED") : "../shared";
	char folder[64] = "/tmp/llmdeck-focus-XXXXXX", path[500], text[20000];
	struct store_writer *w;
	struct err err = {""};

	(void)state;
	snprintf(path, sizeof path, "%s/data/billing/focus_1.0_half.csv", shared);
	if (access(path, R_OK) != 0 || !getenv("LLMDECK_BINARY")) {
		print_message("skipped: needs %s and LLMDECK_BINARY\n", path);
		skip();
	}
	assert_non_null(mkdtemp(folder));
	snprintf(text, sizeof text, "%s/s.db", folder);
	assert_int_equal(store_writer_open(&w, text, &(struct store_options){.now_us = 0}, &err), 0);
	store_writer_close(&w);
	snprintf(path, sizeof path, "import --as billing %s/data/billing/focus_1.0_half.csv", shared);
	run(folder, path, text, sizeof text);
	assert_says(text, "imported 500, rejected 0");
	run(folder, "budget reconcile --where 'service=Azure Machine Learning' --format json", text, sizeof text);
	assert_says(text, "\"left_out\":{\"rows\":497,");
	assert_says(text, "\"provider\":\"Microsoft\"");
	snprintf(path, sizeof path, "rm -rf %s", folder);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_difference_is_made_of), cmocka_unit_test(more_than_the_bill_is_not_explained_away),
		cmocka_unit_test(days_that_begin_at_another_hour), cmocka_unit_test(a_bill_beside_the_store),
		cmocka_unit_test(which_rows_are_ours), cmocka_unit_test(models_among_words), cmocka_unit_test(an_azure_export_is_reconciled),
		cmocka_unit_test(a_focus_file_is_used_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
