/* Any bytes as a price table: parsed or refused, and what was parsed prices and explains a request
 * without overflow, the receipt agreeing with the price. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "judge/price.h"
#include "parse/prices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void price_by(const struct price_table *t, const struct price_model *m, int64_t input, enum price_tier tier)
{
	struct request r = {.input_tokens = input, .output_tokens = EVENT_TOKENS_MAX, .cached_tokens = input / 3,
	                    .cache_write_tokens = input / 2, .reasoning_tokens = 7};
	struct price_receipt receipt;
	struct buf text = {0};

	r.dims[DIM_MODEL] = m->name;
	r.dims[DIM_PROVIDER] = m->provider;
	price_request(t, tier, &r);
	if (r.cost_source == COST_INFERRED && (!price_receipt(&r, &receipt) || receipt.cost_nusd != r.cost_nusd))
		abort();
	price_explain(&r, &text);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct price_table *t = NULL;
	struct err err;

	if (prices_parse(&t, (struct str){(const char *)data, size}, "fuzz", NULL, NULL, &err) == 0) {
		for (size_t i = 0; i < price_count(t); i++)
			for (int tier = 0; tier < PRICE_TIER_COUNT; tier++)
				price_by(t, price_at(t, i), i % 2 ? 100 : EVENT_TOKENS_MAX, (enum price_tier)tier);
		price_table_free(&t);
	}
	/* The same bytes as a basis line out of a damaged store. */
	struct request r = {.cost_source = COST_INFERRED, .input_tokens = 10, .output_tokens = 10};
	struct price_receipt receipt;
	r.cost_basis = (struct str){(const char *)data, size};
	price_receipt(&r, &receipt);
	return 0;
}
