/* What a request costs. Pure. Rules: the public LiteLLM price map's semantics (uncached input =
 * prompt - cached - cache writes; reasoning at its own rate or the output rate; above a threshold
 * the whole request is re-priced). All arithmetic in integers: rates in pico-dollars a token, the
 * sum rounded once, half to even, to nano-dollars. */
#ifndef LLMDECK_JUDGE_PRICE_H
#define LLMDECK_JUDGE_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/event.h"

/* Rates in pico-dollars a token; -1 = the table does not say. */
struct price_rates {
	int64_t input, output, cached, cache_write, cache_write_1h, reasoning;
};
#define PRICE_THRESHOLDS_MAX 4
enum price_tier { PRICE_STANDARD, PRICE_FLEX, PRICE_PRIORITY, PRICE_BATCH, PRICE_TIER_COUNT };
struct price_model {
	struct str name;     /* key in the table */
	struct str provider; /* litellm_provider */
	struct str mode;     /* chat, embedding, … */
	struct str source, source_date; /* where the figures come from */
	struct price_rates rates[PRICE_TIER_COUNT];
	struct {
		int64_t above_tokens;     /* prompt tokens strictly above this */
		struct price_rates rates[PRICE_TIER_COUNT];
	} thresholds[PRICE_THRESHOLDS_MAX]; /* ascending */
	uint32_t threshold_count;
};

struct price_table; /* immutable once loaded; may be shared between threads */

/* The model's entry: exact name first, then without provider prefix ("azure/gpt-4o",
 * "models/…"), then without a date suffix (-2024-08-06, -20250514, @001, -001, :latest), always
 * ASCII-case-insensitive; a provider, when given, prefers its own entry. NULL when unpriced. */
const struct price_model *price_find(const struct price_table *t, struct str provider, struct str model);
size_t price_count(const struct price_table *t);
const struct price_model *price_at(const struct price_table *t, size_t i); /* sorted by name */
const char *price_table_name(const struct price_table *t); /* "llmdeck 2026-11-20" */

/* Fills cost_nusd, cost_source and cost_basis of `r` unless its cost was reported by the source.
 * Unpriced when the model has no price or a needed token count is unknown. `basis` strings live as
 * long as the table: one per (model, tier, threshold). Thread-safe. */
void price_request(const struct price_table *t, enum price_tier tier, struct request *r);

/* One line of a receipt. */
struct price_line {
	const char *what;  /* "uncached input", "cached input", "cache write", "output", "reasoning" */
	int64_t tokens, rate_pusd; /* per token */
	__int128 cost_pusd;
};
struct price_receipt {
	struct price_line lines[6];
	uint32_t line_count;
	int64_t cost_nusd;
	struct str basis; /* parsed from the request: table, its date, model, tier, rule */
};
/* Recomputes the receipt of a stored request from its cost_basis alone. False when the cost was
 * reported, unpriced, or the basis cannot be read. */
bool price_receipt(const struct request *r, struct price_receipt *out);
/* The receipt in words, several lines: tokens × rate × rule × table date, or "reported by source",
 * or why there is no price. */
void price_explain(const struct request *r, struct buf *out);

#endif
