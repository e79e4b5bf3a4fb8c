/* One function splits a request's tokens into billed lines; pricing sums them, a receipt lists
 * them. The basis line that core/price_table.c writes ("p1 in=… out=… model=… table=…") is read
 * back here, so that a receipt needs the stored request and nothing else. */
#include "judge/price.h"

#include <stdio.h>

#include "base/utf8.h"
#include "core/money.h"

enum { LINES_MAX = 5 };

static int64_t known(int64_t tokens)
{
	return tokens < 0 ? 0 : tokens;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What the tokens cost at these rates; 0 lines when a needed count or rate is missing. Lines of no
 * tokens are left out but for input and output. */
static uint32_t split(const struct price_rates *rates, const struct request *r, bool output_needed,
                      struct price_line lines[LINES_MAX])
{
	int64_t input = r->input_tokens, output = r->output_tokens;
	uint32_t n = 0;

	if (output < 0 && !output_needed)
		output = 0;
	if (input < 0 || output < 0)
		return 0;
	int64_t cached = least(known(r->cached_tokens), input);
	int64_t room = input - cached;
	int64_t write = least(known(r->cache_write_tokens), room);
	int64_t thought = least(known(r->reasoning_tokens), output);

	lines[n++] = (struct price_line){"uncached input", room - write, rates->input, 0};
	if (cached)
		lines[n++] = (struct price_line){"cached input", cached, rates->cached, 0};
	if (write)
		lines[n++] = (struct price_line){"cache write", write, rates->cache_write, 0};
	if (output_needed || output)
		lines[n++] = (struct price_line){"output", output - thought, rates->output, 0};
	if (thought)
		lines[n++] = (struct price_line){"reasoning", thought, rates->reasoning, 0};
	for (uint32_t i = 0; i < n; i++) {
		if (lines[i].tokens && lines[i].rate_pusd < 0)
			return 0;
		lines[i].cost_pusd = lines[i].rate_pusd;
		lines[i].cost_pusd *= lines[i].tokens;
	}
	return n;
}

static int64_t total_nusd(const struct price_line *lines, uint32_t n)
{
	__extension__ __int128 sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += lines[i].cost_pusd;
	return money_nusd_of_pusd(sum);
}

/* Embeddings and rerankers have no output to bill. */
static bool mode_has_output(struct str mode)
{
	return !str_equal_c(mode, "embedding") && !str_equal_c(mode, "rerank");
}

void price_request(const struct price_table *t, enum price_tier tier, struct request *r)
{
	struct price_line lines[LINES_MAX];

	if (r->cost_source == COST_REPORTED)
		return;
	r->cost_source = COST_UNPRICED;
	r->cost_nusd = 0;
	r->cost_basis = (struct str){0};
	if (r->input_tokens < 0)
		return;
	const struct price_model *m = price_find(t, r->dims[DIM_PROVIDER], r->dims[DIM_MODEL]);
	if (!m && r->request_model.len)
		m = price_find(t, r->dims[DIM_PROVIDER], r->request_model);
	if (!m)
		return;
	const struct price_rule *rule = price_rule(t, m, tier, r->input_tokens);
	uint32_t n = split(&rule->rates, r, mode_has_output(m->mode), lines);
	if (n == 0)
		return;
	r->cost_nusd = total_nusd(lines, n);
	r->cost_source = COST_INFERRED;
	r->cost_basis = rule->basis;
}

static bool read_rate(struct str text, int64_t *out)
{
	return str_to_int64(text, out) && *out >= -1 && *out <= PRICE_RATE_MAX;
}

struct basis {
	struct price_rates rates;
	struct price_receipt *receipt;
};

/* One "key=value" of the line. */
static bool read_word(struct basis *b, struct str key, struct str value)
{
	const struct {
		const char *key;
		int64_t *rate;
	} rates[] = {
		{"in", &b->rates.input}, {"out", &b->rates.output}, {"cached", &b->rates.cached},
		{"write", &b->rates.cache_write}, {"reasoning", &b->rates.reasoning},
	};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		if (str_equal_c(key, rates[i].key))
			return read_rate(value, rates[i].rate);
	if (str_equal_c(key, "tier"))
		b->receipt->tier = value;
	else if (str_equal_c(key, "model"))
		b->receipt->model = value;
	else if (str_equal_c(key, "as"))
		b->receipt->billed_as_text = str_equal_c(value, "text");
	else if (str_equal_c(key, "above"))
		return str_to_int64(value, &b->receipt->above_tokens) && b->receipt->above_tokens > 0;
	else
		return false;
	return true;
}

static bool read_basis(struct str rest, struct basis *b)
{
	const struct str table = STR_LIT("table=");
	const int64_t missing = -2;

	b->rates = (struct price_rates){missing, missing, missing, missing, missing, missing};
	b->receipt->tier = str_of(price_tier_name(PRICE_STANDARD));
	if (!str_equal_c(str_cut(&rest, ' '), "p1"))
		return false;
	while (rest.len && !str_starts_with(rest, table)) {
		struct str value = str_cut(&rest, ' ');
		struct str key = str_cut(&value, '=');
		if (!read_word(b, key, value))
			return false;
	}
	if (!rest.len || b->rates.input == missing || b->rates.output == missing)
		return false;
	b->receipt->table = (struct str){rest.ptr + table.len, rest.len - table.len};
	if (b->rates.cached == missing)
		b->rates.cached = b->rates.input;
	if (b->rates.cache_write == missing)
		b->rates.cache_write = b->rates.input;
	if (b->rates.reasoning == missing)
		b->rates.reasoning = b->rates.output;
	return true;
}

bool price_receipt(const struct request *r, struct price_receipt *out)
{
	struct basis b = {.receipt = out};

	*out = (struct price_receipt){0};
	if (r->cost_source != COST_INFERRED || !read_basis(r->cost_basis, &b))
		return false;
	/* A price without an output count was given to a model that needs none. */
	out->line_count = split(&b.rates, r, r->output_tokens >= 0, out->lines);
	out->cost_nusd = total_nusd(out->lines, out->line_count);
	int64_t room = r->input_tokens - least(known(r->cached_tokens), known(r->input_tokens));
	out->details_cut = r->cached_tokens > r->input_tokens || r->cache_write_tokens > room ||
	                   (r->output_tokens >= 0 && r->reasoning_tokens > r->output_tokens);
	out->cached_assumed_none = r->cached_tokens < 0 && r->input_tokens > 0 && b.rates.cached < b.rates.input;
	return out->line_count > 0;
}

/* "1234567" as "1,234,567". */
static void put_count(struct buf *out, int64_t n, int width)
{
	char digits[32], text[48];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	buf_printf(out, "%*s", width, text);
}

/* Pico-dollars a token are micro-dollars a million tokens: at least two decimals, at most six. */
static void put_rate(struct buf *out, int64_t pusd)
{
	char text[40];
	int len = snprintf(text, sizeof(text), "%lld.%06lld", (long long)(pusd / 1000000), (long long)(pusd % 1000000));

	for (int i = 0; i < 4 && text[len - 1] == '0'; i++)
		text[--len] = '\0';
	buf_printf(out, "$%s", text);
}

static void put_lines(const struct price_receipt *receipt, struct buf *out)
{
	char money[MONEY_TEXT_BYTES];

	for (uint32_t i = 0; i < receipt->line_count; i++) {
		const struct price_line *line = &receipt->lines[i];
		struct buf rate = {0};
		put_rate(&rate, line->rate_pusd < 0 ? 0 : line->rate_pusd);
		buf_printf(out, "  %-15s", line->what);
		put_count(out, line->tokens, 13);
		buf_printf(out, " tokens × %11s per million = $%s\n", rate.data,
		           money_format_usd(money_nusd_of_pusd(line->cost_pusd), money));
		buf_fini(&rate);
	}
}

static void explain_inferred(const struct request *r, struct buf *out)
{
	struct price_receipt receipt;
	char money[MONEY_TEXT_BYTES];

	if (!price_receipt(r, &receipt)) {
		buf_printf(out, "$%s, inferred from a price table; how is not recorded in a form this version can read\n",
		           money_format_usd(r->cost_nusd, money));
		return;
	}
	put_lines(&receipt, out);
	buf_printf(out, "  %-15s%46s = $%s\n", "total", "", money_format_usd(r->cost_nusd, money));
	buf_puts(out, "  rule            ");
	text_append_harmless(out, receipt.model, PRICE_NAME_MAX_BYTES);
	buf_puts(out, ", ");
	text_append_harmless(out, receipt.tier, PRICE_NAME_MAX_BYTES);
	buf_puts(out, " rates");
	if (receipt.above_tokens) {
		buf_puts(out, ", whole request re-priced above ");
		put_count(out, receipt.above_tokens, 0);
		buf_puts(out, " prompt tokens");
	}
	buf_puts(out, "\n  price table     ");
	text_append_harmless(out, receipt.table, PRICE_TITLE_MAX_BYTES);
	buf_puts(out, "\n");
	if (receipt.details_cut)
		buf_puts(out, "  note            the reported details exceed the token counts: billed only what the counts hold\n");
	if (receipt.cached_assumed_none)
		buf_puts(out, "  note            cached tokens were not reported: all input is billed at the full rate\n");
	if (receipt.billed_as_text)
		buf_puts(out, "  note            tokens of audio or images cost another rate, but are not reported apart: billed as text\n");
	if (receipt.cost_nusd != r->cost_nusd)
		buf_printf(out, "  note            these lines add up to $%s: the request was changed after it was priced\n",
		           money_format_usd(receipt.cost_nusd, money));
}

static void explain_unpriced(const struct request *r, struct buf *out)
{
	buf_puts(out, "unpriced: ");
	if (r->dims[DIM_MODEL].len == 0 && r->request_model.len == 0) {
		buf_puts(out, "the source did not say which model answered\n");
	} else if (r->input_tokens < 0 || r->output_tokens < 0) {
		buf_printf(out, "the source did not report %s tokens%s\n",
		           r->input_tokens >= 0 ? "output" : r->output_tokens >= 0 ? "input" : "input and output",
		           r->status == REQUEST_ERROR ? " of this failed call, which providers bill only when they report them" : "");
	} else {
		buf_puts(out, "no price for model `");
		text_append_harmless(out, r->dims[DIM_MODEL].len ? r->dims[DIM_MODEL] : r->request_model, EVENT_NAME_MAX_BYTES);
		buf_puts(out, "` in the table in force when it arrived: add it with `llmdeck prices import FILE`\n");
	}
}

void price_explain(const struct request *r, struct buf *out)
{
	char money[MONEY_TEXT_BYTES];

	switch (r->cost_source) {
	case COST_REPORTED:
		buf_printf(out, "$%s, reported by source", money_format_usd(r->cost_nusd, money));
		if (r->source.len) {
			buf_puts(out, " ");
			text_append_harmless(out, r->source, EVENT_NAME_MAX_BYTES);
		}
		buf_puts(out, "\n");
		break;
	case COST_INFERRED:
		explain_inferred(r, out);
		break;
	default:
		explain_unpriced(r, out);
	}
}
