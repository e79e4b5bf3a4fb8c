/* The parts are taken off one after another, each at most what is left of its sign, so that they always
 * add up: first what is certain (credits), then the price, which tokens tell, then what we know we have
 * not seen. */
#include "core/reconcile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define SHIFT_MOST 14
#define SHIFT_DAYS_LEAST 3

/* At most `part` of what is left, when both have one sign. */
static int64_t take(int64_t *left, double part)
{
	int64_t taken = part > 9e18 ? INT64_MAX : part < -9e18 ? INT64_MIN : (int64_t)part;

	if (*left == 0 || (taken > 0) != (*left > 0))
		return 0;
	if ((*left > 0 && taken > *left) || (*left < 0 && taken < *left))
		taken = *left;
	*left -= taken;
	return taken;
}

void reconcile_explain(struct reconcile_row *r)
{
	int64_t priced = r->own_requests - r->unpriced, left;

	r->comparable = (!*r->currency || strcmp(r->currency, "USD") == 0) && (!r->rows || r->unknown_rows < r->rows);
	r->by_credits_nusd = r->by_price_nusd = r->by_unpriced_nusd = r->by_silence_nusd = r->rest_nusd = r->difference_nusd = 0;
	if (!r->comparable)
		return;
	r->difference_nusd = r->bill_nusd - r->own_nusd;
	r->by_credits_nusd = r->credits_nusd;
	left = r->difference_nusd - r->credits_nusd;
	if (r->bill_tokens > 0 && r->own_tokens > 0 && r->own_nusd > 0 && r->unpriced == 0) {
		double expected = (double)r->own_nusd * (double)r->bill_tokens / (double)r->own_tokens;

		/* Of either sign: a lower price may hide behind more tokens. */
		r->by_price_nusd = (int64_t)((double)(r->bill_nusd - r->credits_nusd) - expected);
		left -= r->by_price_nusd;
	}
	if (r->unpriced > 0)
		r->by_unpriced_nusd = take(&left, priced > 0 ? (double)r->own_nusd / (double)priced * (double)r->unpriced : 9.1e18);
	if (r->silent_hours > 0)
		r->by_silence_nusd = take(&left, r->hours > r->silent_hours
		                          ? (double)r->own_nusd * r->silent_hours / (r->hours - r->silent_hours) : 9.1e18);
	r->rest_nusd = left;
}

static int64_t own_between(const int64_t *hours, size_t hour_count, int64_t first_us, int64_t from_us, int64_t to_us)
{
	int64_t sum = 0;

	for (int64_t at = from_us - ((from_us % US_PER_HOUR) + US_PER_HOUR) % US_PER_HOUR; at < to_us; at += US_PER_HOUR)
		if (at >= first_us && (size_t)((at - first_us) / US_PER_HOUR) < hour_count)
			sum += hours[(at - first_us) / US_PER_HOUR];
	return sum;
}

int reconcile_shift(const struct reconcile_day *days, size_t count, const int64_t *hours, size_t hour_count, int64_t first_us,
                    int64_t *before, int64_t *left)
{
	int64_t bill = 0, best_left = 0;
	int best = 0;

	*before = *left = 0;
	for (size_t i = 0; i < count; i++)
		bill += days[i].bill_nusd > 0 ? days[i].bill_nusd : 0;
	for (int k = 0; k <= 2 * SHIFT_MOST; k++) {
		int shift = (k + 1) / 2 * (k % 2 ? 1 : -1); /* 0, 1, -1, 2, …: the smallest wins among equals */
		int64_t sum = 0;

		for (size_t i = 0; i < count; i++) {
			int64_t by = shift * US_PER_HOUR;
			int64_t d = days[i].bill_nusd - own_between(hours, hour_count, first_us, days[i].from_us + by, days[i].to_us + by);

			sum += d < 0 ? -d : d;
		}
		if (shift == 0)
			*before = best_left = sum;
		else if (sum < best_left) {
			best_left = sum;
			best = shift;
		}
	}
	*left = best_left;
	if (count < SHIFT_DAYS_LEAST || best_left > *before / 2 || *before - best_left < bill / 50)
		return 0;
	return best;
}

/* ── which rows ────────────────────────────────────────────────────────────────────────────── */

int bill_filter_parse(const char *text, struct bill_filter *out, struct err *err)
{
	static const char *const names[BILL_FIELD_COUNT] = {"provider", "service", "model", "account", "team", "region"};
	const char *equal = strchr(text, '=');
	size_t len = equal ? (size_t)(equal - text) : 0;

	*out = (struct bill_filter){0};
	out->inverted = len > 0 && text[len - 1] == '!';
	len -= out->inverted;
	for (int i = 0; equal && i < BILL_FIELD_COUNT; i++) {
		if (strlen(names[i]) != len || strncasecmp(text, names[i], len) != 0)
			continue;
		if (strlen(equal + 1) >= sizeof out->value)
			return err_set(err, "--where %.40s…: the value is longer than %zu bytes", text, sizeof out->value - 1);
		out->field = (enum bill_field)i;
		snprintf(out->value, sizeof out->value, "%s", equal + 1);
		return 0;
	}
	return err_set(err, "--where %.80s: write FIELD=VALUE or FIELD!=VALUE, of a bill: provider, service, model, account, team or region", text);
}

bool bill_filters_pass(const struct bill_filter *filters, size_t count, const char *const *fields)
{
	bool asked[BILL_FIELD_COUNT] = {false}, met[BILL_FIELD_COUNT] = {false};

	for (size_t i = 0; i < count; i++) {
		const struct bill_filter *f = &filters[i];
		bool same = strcasecmp(f->value, fields[f->field]) == 0;

		if (f->inverted && same)
			return false;
		asked[f->field] |= !f->inverted;
		met[f->field] |= !f->inverted && same;
	}
	for (int i = 0; i < BILL_FIELD_COUNT; i++)
		if (asked[i] && !met[i])
			return false;
	return true;
}

/* ── models in words ───────────────────────────────────────────────────────────────────────── */

static bool is_separator(char c) { return !isalnum((unsigned char)c) && !((unsigned char)c & 0x80); }

/* Where a name that begins at `text` ends, its separators and the text's aside; NULL when it does not stand
 * there as whole words. */
static const char *match_end(const char *text, const char *name)
{
	for (;;) {
		while (*name && is_separator(*name))
			name++;
		if (!*name)
			return !*text || is_separator(*text) ? text : NULL;
		while (*text && is_separator(*text))
			text++;
		if (tolower((unsigned char)*text) != tolower((unsigned char)*name))
			return NULL;
		text++;
		name++;
	}
}

static bool makes_another(const char *text)
{
	static const char *const words[] = {"mini", "nano", "micro", "lite", "turbo", "pro", "max", "audio", "realtime", "transcribe", "tts",
	                                    "search", "image", "vision", "instruct", "preview", "small", "large", "flash", "high"};

	while (*text && is_separator(*text))
		text++;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t len = strlen(words[i]);

		if (strncasecmp(text, words[i], len) == 0 && !isalnum((unsigned char)text[len]))
			return true;
	}
	return false;
}

/* Letters and digits of a name that can be looked for; 0: it cannot. */
static size_t weight_of(const char *name)
{
	size_t weight = 0;
	bool digit = false;

	for (; *name; name++) {
		weight += !is_separator(*name);
		digit |= isdigit((unsigned char)*name) != 0;
	}
	return weight >= 4 && digit ? weight : 0;
}

size_t reconcile_model_in(const char *text, const char *const *names, size_t count)
{
	size_t best = count, best_weight = 0;

	for (size_t i = 0; i < count; i++) {
		size_t weight = weight_of(names[i]);

		for (const char *at = text; weight > best_weight && *at; at++) {
			const char *end = at == text || is_separator(at[-1]) ? match_end(at, names[i]) : NULL;

			if (end && !is_separator(*at) && !makes_another(end)) {
				best = i;
				best_weight = weight;
			}
		}
	}
	return best;
}
