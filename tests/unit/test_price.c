/* What a request costs: the public vectors, the rules, names of models, receipts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/money.h"
#include "judge/price.h"
#include "parse/prices.h"

static struct price_table *table_of(const char *json)
{
	struct price_table *t = NULL;
	struct err err = {""};

	if (prices_parse(&t, str_of(json), "test", NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static struct request request_of(const char *model, int64_t input, int64_t output)
{
	struct request r = {.input_tokens = input, .output_tokens = output};

	r.cached_tokens = r.cache_write_tokens = r.reasoning_tokens = UNKNOWN_INT;
	r.dims[DIM_MODEL] = str_of(model);
	return r;
}

/* Prices, and checks that the receipt of what would be stored says the same. */
static int64_t cost(const struct price_table *t, enum price_tier tier, struct request *r)
{
	struct price_receipt receipt;

	price_request(t, tier, r);
	assert_int_equal(r->cost_source, COST_INFERRED);
	assert_true(price_receipt(r, &receipt));
	assert_int_equal(receipt.cost_nusd, r->cost_nusd);
	return r->cost_nusd;
}

static void public_vectors(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"a\":{\"input_cost_per_token\":2.5e-6,\"cache_read_input_token_cost\":2.5e-7,\"output_cost_per_token\":1.5e-5},"
		"\"b\":{\"input_cost_per_token\":1.25e-6,\"cache_read_input_token_cost\":6.25e-7,\"output_cost_per_token\":1e-5},"
		"\"c\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,\"output_cost_per_reasoning_token\":5e-6},"
		"\"d\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6}}");
	struct request r = request_of("a", 6074, 285);

	r.cached_tokens = 3456;
	/* (6074 - 3456) * 2.5e-6 + 3456 * 2.5e-7 + 285 * 1.5e-5 */
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 6545000 + 864000 + 4275000);

	r = request_of("b", 262960, 1744);
	r.cached_tokens = 257955;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 184918125); /* 0.1849, not 0.7642 */

	r = request_of("c", 0, 482);
	r.reasoning_tokens = 448;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 34 * 2000 + 448 * 5000);
	r.dims[DIM_MODEL] = str_of("d"); /* no rate of its own: the output rate */
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 482 * 2000);
	price_table_free(&t);
}

static void azure_trace_adds_up(void **state)
{
	(void)state;
	const char *shared = getenv("LLMDECK_SHARED");
	char path[512], line[256];
	struct price_table *t = table_of(
		"{\"gpt-4o\":{\"input_cost_per_token\":2.5e-6,\"output_cost_per_token\":1e-5}}");
	int64_t sum = 0;

	snprintf(path, sizeof(path), "%s/data/traces/AzureLLMInferenceTrace_code.csv", shared ? shared : "../shared");
	FILE *f = fopen(path, "r");
	if (!f) {
		print_message("SKIPPED: %s is not there\n", path);
		price_table_free(&t);
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		long long input, output;
		if (sscanf(line, "%*[^,],%lld,%lld", &input, &output) == 2) {
			struct request r = request_of("gpt-4o", input, output);
			price_request(t, PRICE_STANDARD, &r);
			sum += r.cost_nusd;
		}
	}
	fclose(f);
	assert_int_equal(sum, INT64_C(47608895000));
	price_table_free(&t);
}

static void rounds_half_to_even_once(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"m\":{\"input_cost_per_token\":5e-10,\"output_cost_per_token\":2.5e-10}}");
	/* pico-dollars: 500 a token in, 250 out */
	static const struct {
		int64_t in, out, nusd;
	} cases[] = {{1, 0, 0}, {3, 0, 2}, {5, 0, 2}, {1, 1, 1}, {0, 2, 0}, {1, 2, 1}, {0, 6, 2}, {2, 1, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request r = request_of("m", cases[i].in, cases[i].out);
		assert_int_equal(cost(t, PRICE_STANDARD, &r), cases[i].nusd);
	}
	price_table_free(&t);
}

static void a_threshold_reprices_the_whole_request(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"m\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,"
		"\"input_cost_per_token_above_200k_tokens\":2e-6,\"output_cost_per_token_above_200k_tokens\":3e-6,"
		"\"input_cost_per_token_above_128k_tokens\":1.5e-6}}");
	struct request r = request_of("m", 200000, 10);

	assert_int_equal(cost(t, PRICE_STANDARD, &r), 200000LL * 1500 + 10 * 2000);
	r.input_tokens = 200001;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 200001LL * 2000 + 10 * 3000);
	r.input_tokens = 128000;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 128000LL * 1000 + 10 * 2000);
	price_table_free(&t);
}

static void tiers_fall_back_to_the_base_rate(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"m\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":4e-6,\"input_cost_per_token_flex\":5e-7,"
		"\"input_cost_per_token_batches\":\"4e-7\",\"output_cost_per_token_batches\":\"2e-6\","
		"\"input_cost_per_token_above_200k_tokens_priority\":9e-6,\"input_cost_per_token_above_200k_tokens\":3e-6}}");
	struct request r = request_of("m", 1000, 100);

	assert_int_equal(cost(t, PRICE_FLEX, &r), 1000 * 500 + 100 * 4000);
	assert_int_equal(cost(t, PRICE_BATCH, &r), 1000 * 400 + 100 * 2000);
	assert_int_equal(cost(t, PRICE_PRIORITY, &r), 1000 * 1000 + 100 * 4000);
	r.input_tokens = 300000;
	assert_int_equal(cost(t, PRICE_PRIORITY, &r), 300000LL * 9000 + 100 * 4000);
	assert_int_equal(cost(t, PRICE_FLEX, &r), 300000LL * 3000 + 100 * 4000);
	price_table_free(&t);
}

static void overlapping_details_bill_no_token_twice(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"m\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,\"cache_read_input_token_cost\":1e-7,"
		"\"cache_creation_input_token_cost\":1.25e-6}}");
	struct request r = request_of("m", 1000, 10);

	r.cached_tokens = 700;
	r.cache_write_tokens = 200;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 100 * 1000 + 700 * 100 + 200 * 1250 + 10 * 2000);
	r.cache_write_tokens = 900; /* 300 are left */
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 700 * 100 + 300 * 1250 + 10 * 2000);
	r.cached_tokens = 5000;
	r.reasoning_tokens = 400;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 1000 * 100 + 10 * 2000);
	struct buf text = {0};
	price_explain(&r, &text);
	assert_non_null(strstr(text.data, "the reported details exceed the token counts"));
	buf_fini(&text);
	price_table_free(&t);
}

static void unknown_is_unpriced_and_never_free(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"m\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,\"mode\":\"chat\"},"
		"\"in-only\":{\"input_cost_per_token\":1e-6,\"mode\":\"chat\"},"
		"\"e\":{\"input_cost_per_token\":1e-6,\"mode\":\"embedding\"}}");
	struct request r = request_of("nobody-knows", 10, 10);

	price_request(t, PRICE_STANDARD, &r);
	assert_int_equal(r.cost_source, COST_UNPRICED);
	r = request_of("m", UNKNOWN_INT, 10);
	price_request(t, PRICE_STANDARD, &r);
	assert_int_equal(r.cost_source, COST_UNPRICED);
	r = request_of("m", 10, UNKNOWN_INT);
	r.status = REQUEST_ERROR;
	price_request(t, PRICE_STANDARD, &r);
	assert_int_equal(r.cost_source, COST_UNPRICED);
	r = request_of("m", 0, 0); /* a failed call whose usage was reported as nothing */
	r.status = REQUEST_ERROR;
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 0);
	r = request_of("in-only", 10, 10);
	price_request(t, PRICE_STANDARD, &r);
	assert_int_equal(r.cost_source, COST_UNPRICED);
	r = request_of("e", 1000, UNKNOWN_INT);
	assert_int_equal(cost(t, PRICE_STANDARD, &r), 1000000);
	price_table_free(&t);
}

static void a_reported_cost_wins(void **state)
{
	(void)state;
	struct price_table *t = table_of("{\"m\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6}}");
	struct request r = request_of("m", 1000, 1000);
	struct price_receipt receipt;
	struct buf text = {0};

	r.cost_source = COST_REPORTED;
	r.cost_nusd = 42;
	price_request(t, PRICE_STANDARD, &r);
	assert_int_equal(r.cost_nusd, 42);
	assert_int_equal(r.cost_source, COST_REPORTED);
	assert_false(price_receipt(&r, &receipt));
	price_explain(&r, &text);
	assert_non_null(strstr(text.data, "$0.000000042, reported by source"));
	buf_fini(&text);
	price_table_free(&t);
}

static const char *found(const struct price_table *t, const char *provider, const char *model)
{
	const struct price_model *m = price_find(t, str_of(provider), str_of(model));

	assert_ptr_equal(m, price_find(t, str_of(provider), str_of(model))); /* again, from the cache */
	return m ? m->name.ptr : "none";
}

static void names_find_their_entry(void **state)
{
	(void)state;
#define P(in) "{\"input_cost_per_token\":" in ",\"output_cost_per_token\":1e-6"
	struct price_table *t = table_of(
		"{\"gpt-4o\":" P("1e-6") ",\"litellm_provider\":\"openai\"},"
		"\"azure/gpt-4o\":" P("2e-6") ",\"litellm_provider\":\"azure\"},"
		"\"gpt-4o-2024-05-13\":" P("5e-6") ",\"litellm_provider\":\"openai\"},"
		"\"claude-sonnet-4-20250514\":" P("3e-6") ",\"litellm_provider\":\"anthropic\"},"
		"\"mistral/mistral-large-latest\":" P("4e-6") ",\"litellm_provider\":\"mistral\"},"
		"\"gemini/gemini-1.5-pro\":" P("6e-6") ",\"litellm_provider\":\"gemini\"},"
		"\"host-a/llama-3\":" P("1e-7") ",\"litellm_provider\":\"host-a\"},"
		"\"host-b/llama-3\":" P("2e-7") ",\"litellm_provider\":\"host-b\"},"
		"\"host-a/qwen\":" P("1e-7") ",\"litellm_provider\":\"host-a\"},"
		"\"host-b/qwen\":" P("1e-7") ",\"litellm_provider\":\"host-b\"}}");

	assert_string_equal(found(t, "", "gpt-4o"), "gpt-4o");
	assert_string_equal(found(t, "", "GPT-4o"), "gpt-4o");
	assert_string_equal(found(t, "openai", "gpt-4o"), "gpt-4o");
	assert_string_equal(found(t, "azure", "gpt-4o"), "azure/gpt-4o");
	assert_string_equal(found(t, "azure.ai.openai", "gpt-4o"), "azure/gpt-4o");
	assert_string_equal(found(t, "", "azure/gpt-4o-2024-08-06"), "azure/gpt-4o");
	assert_string_equal(found(t, "", "azure/gpt-4o"), "azure/gpt-4o");
	assert_string_equal(found(t, "", "openai/gpt-4o"), "gpt-4o");
	assert_string_equal(found(t, "", "gpt-4o-2024-08-06"), "gpt-4o");
	assert_string_equal(found(t, "", "gpt-4o-2024-05-13"), "gpt-4o-2024-05-13");
	assert_string_equal(found(t, "gcp.gemini", "models/gemini-1.5-pro"), "gemini/gemini-1.5-pro");
	assert_string_equal(found(t, "", "gemini-1.5-pro-002"), "gemini/gemini-1.5-pro");
	assert_string_equal(found(t, "", "claude-sonnet-4@20250514"), "claude-sonnet-4-20250514");
	assert_string_equal(found(t, "", "claude-sonnet-4"), "claude-sonnet-4-20250514");
	assert_string_equal(found(t, "mistral_ai", "mistral-large-latest"), "mistral/mistral-large-latest");
	assert_string_equal(found(t, "", "mistral-large"), "mistral/mistral-large-latest");
	/* Two hosts, two prices: only the provider can tell. */
	assert_string_equal(found(t, "host-b", "llama-3"), "host-b/llama-3");
	assert_string_equal(found(t, "", "llama-3"), "none");
	assert_string_not_equal(found(t, "", "qwen"), "none");
	assert_string_equal(found(t, "", ""), "none");
	assert_string_equal(found(t, "openai", "gpt-4"), "none");
	price_table_free(&t);
}

static void receipts_need_the_request_alone(void **state)
{
	(void)state;
	struct price_table *t = table_of(
		"{\"_table\":{\"name\":\"acme list\",\"date\":\"2026-11-20\"},"
		"\"gpt-4o\":{\"input_cost_per_token\":2.5e-6,\"output_cost_per_token\":1e-5,\"cache_read_input_token_cost\":1.25e-6,"
		"\"input_cost_per_token_above_200k_tokens_flex\":3e-6}}");
	struct request r = request_of("gpt-4o", 1200000, 20);
	struct price_receipt receipt;
	struct buf text = {0}, basis = {0};

	r.cached_tokens = 200000;
	price_request(t, PRICE_FLEX, &r);
	buf_append_str(&basis, r.cost_basis);
	r.cost_basis = buf_str(&basis);
	price_table_free(&t);
	assert_true(price_receipt(&r, &receipt));
	assert_int_equal(receipt.cost_nusd, r.cost_nusd);
	assert_int_equal(receipt.above_tokens, 200000);
	assert_true(str_equal_c(receipt.tier, "flex"));
	assert_true(str_equal_c(receipt.table, "acme list 2026-11-20"));
	assert_int_equal(receipt.line_count, 3);
	price_explain(&r, &text);
	assert_non_null(strstr(text.data, "1,000,000 tokens ×       $3.00 per million = $3.000000000"));
	assert_non_null(strstr(text.data, "re-priced above 200,000 prompt tokens"));
	assert_non_null(strstr(text.data, "acme list 2026-11-20"));
	assert_null(strstr(text.data, "not reported"));
	r.cached_tokens = UNKNOWN_INT;
	price_explain(&r, &text);
	assert_non_null(strstr(text.data, "cached tokens were not reported"));
	buf_fini(&text);

	static const char *const broken[] = {"", "p1", "p2 in=1 out=2 table=x", "p1 in=x out=2 table=x",
	                                     "p1 in=1 table=x", "p1 in=1 out=2", "p1 in=1 out=2 what=3 table=x",
	                                     "p1 in=99999999999999 out=1 table=x", "p1 in=1 out=2 above=-3 table=x"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		r.cost_basis = str_of(broken[i]);
		assert_false(price_receipt(&r, &receipt));
	}
	buf_fini(&basis);
}

static void a_damaged_basis_sends_no_control_byte(void **state)
{
	(void)state;
	struct request r = request_of("m", 10, 10);
	struct buf text = {0};

	r.cost_source = COST_INFERRED;
	r.cost_basis = STR_LIT("p1 in=1 out=1 tier=\x1b[31m model=\x1b]0;x\x07 table=\x1b[2J");
	price_explain(&r, &text);
	assert_null(memchr(text.data, 0x1b, text.len));
	assert_null(memchr(text.data, 0x07, text.len));
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_vectors),
		cmocka_unit_test(azure_trace_adds_up),
		cmocka_unit_test(rounds_half_to_even_once),
		cmocka_unit_test(a_threshold_reprices_the_whole_request),
		cmocka_unit_test(tiers_fall_back_to_the_base_rate),
		cmocka_unit_test(overlapping_details_bill_no_token_twice),
		cmocka_unit_test(unknown_is_unpriced_and_never_free),
		cmocka_unit_test(a_reported_cost_wins),
		cmocka_unit_test(names_find_their_entry),
		cmocka_unit_test(receipts_need_the_request_alone),
		cmocka_unit_test(a_damaged_basis_sends_no_control_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
