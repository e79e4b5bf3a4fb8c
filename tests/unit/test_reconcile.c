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
	if (query_reconcile(reader, D0, D0 + US_PER_DAY, NULL, &res, &err))
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_difference_is_made_of), cmocka_unit_test(more_than_the_bill_is_not_explained_away),
		cmocka_unit_test(days_that_begin_at_another_hour), cmocka_unit_test(a_bill_beside_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
