/* What a request costs. Pure. Rules: the public LiteLLM price map's semantics (uncached input =
 * prompt - cached - cache writes; reasoning at its own rate or the output rate; above a threshold
 * the whole request is re-priced). All arithmetic in integers: rates in pico-dollars a token, the
 * sum rounded once, half to even, to nano-dollars. The table itself: core/price_table.h.
 *
 * What has no cost:
 *  - a model that is not in the table, or is there without the rate that is needed: unpriced;
 *  - a request whose input or output tokens nobody reported: unpriced (embeddings and rerankers
 *    need no output count). That holds for failed calls too: providers bill a failed call only when
 *    they report its usage, so tokens reported as 0 cost an inferred 0, and unknown ones stay
 *    unknown rather than free.
 * Tokens of audio and images are in the totals of every source without being told apart: they are billed
 * at the rates of text, and the receipt of a model that has other rates for them says so.
 * Details that contradict the totals are cut, so that no token is billed twice: cached tokens to
 * the prompt, cache writes to what the cached ones leave of it, reasoning to the output. */
#ifndef LLMDECK_JUDGE_PRICE_H
#define LLMDECK_JUDGE_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/event.h"
#include "core/price_table.h"

/* Fills cost_nusd, cost_source and cost_basis of `r` unless its cost was reported by the source.
 * Unpriced (basis empty, cost 0) as said above. `cost_basis` points into the table: one line per
 * (model, tier, threshold). Any thread. */
void price_request(const struct price_table *t, enum price_tier tier, struct request *r);

/* One line of a receipt. */
struct price_line {
	const char *what;  /* "uncached input", "cached input", "cache write", "output", "reasoning" */
	int64_t tokens, rate_pusd; /* per token */
	__extension__ __int128 cost_pusd;
};
struct price_receipt {
	struct price_line lines[6];
	uint32_t line_count;
	int64_t cost_nusd;
	struct str model, table; /* as in the basis, which they point into */
	struct str tier;         /* "standard", "flex", … */
	int64_t above_tokens;    /* re-priced because the prompt had more than this; 0 = no */
	bool details_cut;         /* the details added up to more than the totals */
	bool billed_as_text;      /* tokens of audio or images have rates of their own, but no source tells them apart */
	bool cached_assumed_none; /* nobody said how much was cached, and it would have cost less */
};
/* Recomputes the receipt of a stored request from its cost_basis alone. False when the cost was
 * reported, unpriced, or the basis cannot be read. */
bool price_receipt(const struct request *r, struct price_receipt *out);
/* The receipt in words, several lines: tokens × rate × rule × table date, or "reported by source",
 * or why there is no price. */
void price_explain(const struct request *r, struct buf *out);

#endif
