/* The price table: which model costs what. Built once (by parse/prices.c, or a test), then sealed
 * and immutable: every function that takes it const may be called from any number of threads at
 * once and takes no lock. Rates are integers in pico-dollars a token. */
#ifndef LLMDECK_CORE_PRICE_TABLE_H
#define LLMDECK_CORE_PRICE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PRICE_RATE_UNKNOWN INT64_C(-1)
#define PRICE_RATE_MAX INT64_C(1000000000000) /* 1 USD a token */
#define PRICE_NAME_MAX_BYTES 120              /* of a model's or table's name */
#define PRICE_TITLE_MAX_BYTES 256             /* of a table's name and date together */
#define PRICE_MODELS_MAX 50000

/* Rates in pico-dollars a token; -1 = the table does not say. */
struct price_rates {
	int64_t input, output, cached, cache_write, cache_write_1h, reasoning;
};
#define PRICE_THRESHOLDS_MAX 4
enum price_tier { PRICE_STANDARD, PRICE_FLEX, PRICE_PRIORITY, PRICE_BATCH, PRICE_TIER_COUNT };
struct price_threshold {
	int64_t above_tokens; /* prompt tokens strictly above this */
	struct price_rates rates[PRICE_TIER_COUNT];
};
struct price_model {
	struct str name;     /* key in the table */
	struct str provider; /* litellm_provider */
	struct str mode;     /* chat, embedding, … */
	struct str source, source_date; /* where the figures come from */
	bool other_tokens; /* the table also has rates for tokens of audio or images */
	struct price_rates rates[PRICE_TIER_COUNT];
	struct price_threshold thresholds[PRICE_THRESHOLDS_MAX]; /* ascending */
	uint32_t threshold_count;
};

/* What one request is billed by: rates with every fallback resolved, and the line that says so.
 * Fallbacks, nearest first: tier above the threshold, standard above the threshold, tier, standard.
 * After that a missing reasoning rate is the output rate, a missing cache-write rate the one-hour
 * one, and a missing cached or cache-write rate the input rate. */
struct price_rule {
	enum price_tier tier; /* PRICE_STANDARD when the asked tier has no rates of its own */
	int64_t above_tokens; /* 0 = no threshold */
	struct price_rates rates;
	struct str basis; /* one line, readable by judge/price.c; lives as long as the table */
};

struct price_table;

/* `name` and `date` ("2026-11-20") name the table in every receipt; control bytes in them become
 * spaces. Owned by the caller until price_table_free. */
struct price_table *price_table_new(struct str name, struct str date);
/* Copies `m`, its strings included. -1 when its name is empty, too long, holds white space or control
 * bytes, or is in the table already. Not after price_table_seal. */
int price_table_add(struct price_table *t, const struct price_model *m, struct err *err);
/* Sorts, builds the index and the rules. Call once, before anything below. */
void price_table_seal(struct price_table *t);
void price_table_free(struct price_table **t); /* NULL inside is fine */

/* The model's entry: exact name first, then without provider prefix ("azure/gpt-4o",
 * "models/…"), then without a date suffix (-2024-08-06, -20250514, @001, -001, :latest), always
 * ASCII-case-insensitive; a provider, when given (in LiteLLM's or OpenTelemetry's spelling),
 * prefers its own entry. NULL when unpriced, and also when a bare name is sold by several hosts at
 * different rates and nothing says by which: a guess would be a wrong bill. A NULL table has no
 * models. About 20 ns for a name asked for before by the same thread. */
const struct price_model *price_find(const struct price_table *t, struct str provider, struct str model);
/* The rule for a request of that many prompt tokens; `m` comes from the same table. */
const struct price_rule *price_rule(const struct price_table *t, const struct price_model *m,
                                    enum price_tier tier, int64_t input_tokens);
size_t price_count(const struct price_table *t);
const struct price_model *price_at(const struct price_table *t, size_t i); /* sorted by name */
const char *price_table_name(const struct price_table *t); /* "llmdeck 2026-11-20" */
const char *price_table_date(const struct price_table *t); /* "2026-11-20" or "" */
const char *price_tier_name(enum price_tier tier);         /* "standard", "flex", … */

#endif
