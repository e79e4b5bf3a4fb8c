/* A term is a field, a comparison and a value. Values are whole microseconds and nano-dollars, so that
 * ">" is ">=" of the next one and every term ends as a half-open range. */
#include "core/bad.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "core/money.h"

static const char allowed[] = "write latency>4s, ttft>500ms, cost>0.05, error, error=TYPE, flag, flag=CATEGORY or time>=T; "
                              "several with commas between";

void bad_init(struct bad *b)
{
	const struct bad_range any = {0, INT64_MAX};

	memset(b, 0, sizeof *b);
	b->latency_us = b->ttft_us = b->cost_nusd = any;
}

bool bad_says(const struct bad *b)
{
	return bad_range_says(b->latency_us) || bad_range_says(b->ttft_us) || bad_range_says(b->cost_nusd) || b->failed ||
	       b->flagged || b->to_us;
}

static bool parse_duration(struct str s, int64_t *out)
{
	return duration_parse(s, out) && *out <= EVENT_LATENCY_MAX_US;
}

static bool parse_usd(struct str s, int64_t *out)
{
	return money_parse_nusd(s, out) && *out >= 0;
}

static bool parse_time(struct str s, int64_t *out)
{
	return time_parse(s, NULL, TIME_UNIT_AUTO, out);
}

/* Narrows the range by one comparison. */
static void narrow(struct bad_range *r, char sign, bool or_equal, int64_t v)
{
	if (sign == '>') {
		int64_t low = or_equal ? v : v + 1;
		r->low = low > r->low ? low : r->low;
	} else {
		int64_t high = or_equal ? v + 1 : v;
		r->high = high < r->high ? high : r->high;
	}
}

static int take_name(char out[BAD_NAME_BYTES], struct str name, struct str term, struct err *err)
{
	name = str_trim(name);
	if (!name.len || name.len >= BAD_NAME_BYTES || memchr(name.ptr, '\0', name.len))
		return err_set(err, "\"%.*s\": the name is missing or too long", STR_ARG(term));
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
	return 0;
}

static int take_switch(struct bad *b, struct str term, struct err *err)
{
	struct str value = term, field = str_trim(str_cut(&value, '='));
	bool named = field.len < term.len && memchr(term.ptr, '=', term.len);

	if (str_equal_c(field, "error")) {
		b->failed = true;
		return named ? take_name(b->error_type, value, term, err) : 0;
	}
	if (str_equal_c(field, "flag")) {
		b->flagged = true;
		return named ? take_name(b->flag, value, term, err) : 0;
	}
	return err_set(err, "\"%.*s\" is no condition: %s", STR_ARG(term), allowed);
}

static int take_comparison(struct bad *b, struct str term, size_t at, struct err *err)
{
	struct bad_range time = {b->from_us, b->to_us ? b->to_us : INT64_MAX};
	const struct {
		const char *name;
		bool (*parse)(struct str s, int64_t *out);
		struct bad_range *range;
	} fields[] = {
		{"latency", parse_duration, &b->latency_us}, {"ttft", parse_duration, &b->ttft_us},
		{"cost", parse_usd, &b->cost_nusd}, {"time", parse_time, &time},
	};
	struct str field = str_trim((struct str){term.ptr, at});
	bool or_equal = at + 1 < term.len && term.ptr[at + 1] == '=';
	size_t skip = at + 1 + or_equal;
	struct str value = str_trim((struct str){term.ptr + skip, term.len - skip});

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		int64_t v;

		if (!str_equal_c(field, fields[i].name))
			continue;
		if (!fields[i].parse(value, &v))
			return err_set(err, "\"%.*s\": the value cannot be read: %s", STR_ARG(term), allowed);
		narrow(fields[i].range, term.ptr[at], or_equal, v);
		b->from_us = time.low;
		b->to_us = bad_range_says(time) ? time.high : 0;
		return 0;
	}
	return err_set(err, "\"%.*s\" is no condition: %s", STR_ARG(term), allowed);
}

int bad_parse(struct bad *b, struct str text, struct err *err)
{
	bad_init(b);
	if (!str_trim(text).len)
		return err_set(err, "no condition is given: %s", allowed);
	while (text.len) {
		struct str term = str_trim(str_cut(&text, ','));
		size_t at = 0;

		while (at < term.len && term.ptr[at] != '<' && term.ptr[at] != '>')
			at++;
		if (at < term.len ? take_comparison(b, term, at, err) : take_switch(b, term, err))
			return -1;
	}
	return 0;
}

/* ── back to text ──────────────────────────────────────────────────────────────────────────── */

struct text {
	char *out;
	size_t len;
};

static void put(struct text *t, const char *field, const char *sign, const char *value)
{
	int n = snprintf(t->out + t->len, BAD_TEXT_BYTES - t->len, "%s%s%s%s", t->len ? "," : "", field, sign, value);

	t->len += n > 0 && (size_t)n < BAD_TEXT_BYTES - t->len ? (size_t)n : 0;
	t->out[t->len] = '\0';
}

/* Exact, unlike duration_format(), which rounds for people. */
static const char *duration_exact(int64_t us, char out[TIME_TEXT_BYTES])
{
	int64_t back;

	duration_format(us, out);
	if (duration_parse(str_of(out), &back) && back == us)
		return out;
	snprintf(out, TIME_TEXT_BYTES, us % 1000 ? "%" PRId64 "us" : "%" PRId64 "ms", us % 1000 ? us : us / 1000);
	return out;
}

static const char *usd_exact(int64_t nusd, char out[TIME_TEXT_BYTES])
{
	size_t n = (size_t)snprintf(out, TIME_TEXT_BYTES, "%" PRId64 ".%09" PRId64, nusd / 1000000000, nusd % 1000000000);

	while (n > 2 && out[n - 1] == '0' && out[n - 2] != '.')
		out[--n] = '\0';
	return out;
}

static const char *time_exact(int64_t us, char out[TIME_TEXT_BYTES])
{
	return time_format(us, out);
}

static void put_range(struct text *t, const char *field, struct bad_range r,
                      const char *(*format)(int64_t v, char out[TIME_TEXT_BYTES]))
{
	char above[TIME_TEXT_BYTES], low[TIME_TEXT_BYTES], high[TIME_TEXT_BYTES];

	if (r.low > 0) {
		bool shorter = format != time_exact && strlen(format(r.low - 1, above)) < strlen(format(r.low, low));

		put(t, field, shorter ? ">" : ">=", format(shorter ? r.low - 1 : r.low, low));
	}
	if (r.high < INT64_MAX)
		put(t, field, "<", format(r.high, high));
}

char *bad_format(const struct bad *b, char out[BAD_TEXT_BYTES])
{
	struct text t = {out, 0};

	out[0] = '\0';
	put_range(&t, "latency", b->latency_us, duration_exact);
	put_range(&t, "ttft", b->ttft_us, duration_exact);
	put_range(&t, "cost", b->cost_nusd, usd_exact);
	if (b->failed)
		put(&t, "error", *b->error_type ? "=" : "", b->error_type);
	if (b->flagged)
		put(&t, "flag", *b->flag ? "=" : "", b->flag);
	if (b->to_us)
		put_range(&t, "time", (struct bad_range){b->from_us, b->to_us}, time_exact);
	return out;
}
