/* A row for each day and model of the bill; what explains a difference stands beside it. */
#include "cli/budget_reconcile.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/alert_ask.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "core/money.h"
#include "store/query_bill.h"

#define USUAL_US (31 * US_PER_DAY)
#define MOST_US (100 * US_PER_DAY)

static void add_money(struct buf *out, const char *name, int64_t nusd, bool known)
{
	char text[MONEY_TEXT_BYTES];

	if (known)
		buf_printf(out, ",\"%s\":\"%s\"", name, money_format_usd(nusd, text));
	else
		buf_printf(out, ",\"%s\":null", name);
}

static void add_count(struct buf *out, const char *name, int64_t count)
{
	if (count < 0)
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%" PRId64, name, count);
}

static void row_json(const struct reconcile_row *r, struct buf *out)
{
	char time[TIME_TEXT_BYTES];

	buf_printf(out, "{\"from\":\"%s\"", time_format(r->from_us, time));
	alert_add_time(out, "to", r->to_us);
	alert_add_text(out, "provider", r->provider);
	alert_add_text(out, "model", r->model);
	alert_add_text(out, "own_model", r->own_model);
	alert_add_text(out, "currency", *r->currency ? r->currency : "USD");
	buf_printf(out, ",\"on_bill\":%s,\"model_derived\":%s", r->on_bill ? "true" : "false", r->derived ? "true" : "false");
	add_money(out, "bill_usd", r->bill_nusd, r->comparable && r->on_bill);
	add_money(out, "own_usd", r->own_nusd, true);
	add_money(out, "difference_usd", r->difference_nusd, r->comparable);
	add_money(out, "credits_usd", r->by_credits_nusd, r->comparable);
	add_money(out, "price_usd", r->by_price_nusd, r->comparable);
	add_money(out, "unpriced_usd", r->by_unpriced_nusd, r->comparable);
	add_money(out, "missing_hours_usd", r->by_silence_nusd, r->comparable);
	add_money(out, "unexplained_usd", r->rest_nusd, r->comparable);
	add_count(out, "bill_rows", r->rows);
	add_count(out, "bill_rows_without_cost", r->unknown_rows);
	add_count(out, "bill_tokens", r->bill_tokens);
	add_count(out, "own_tokens", r->own_tokens);
	add_count(out, "own_requests", r->own_requests);
	add_count(out, "unpriced_requests", r->unpriced);
	buf_printf(out, ",\"missing_hours\":%d}", r->silent_hours);
}

static void write_json(const struct reconcile_result *res, const char *tz, struct buf *out)
{
	char time[TIME_TEXT_BYTES];
	int64_t bill = 0, own = 0, rest = 0;

	buf_printf(out, "{\"schema\":1,\"from\":\"%s\"", time_format(res->from_us, time));
	alert_add_time(out, "to", res->to_us);
	alert_add_text(out, "tz", tz);
	buf_puts(out, ",\"rows\":[");
	for (size_t i = 0; i < res->row_count; i++) {
		const struct reconcile_row *r = &res->rows[i];

		buf_puts(out, i ? ",\n  " : "\n  ");
		row_json(r, out);
		bill += r->comparable ? r->bill_nusd : 0;
		own += r->comparable ? r->own_nusd : 0;
		rest += r->rest_nusd;
	}
	buf_puts(out, "],\n \"total\":{\"currency\":\"USD\"");
	add_money(out, "bill_usd", bill, true);
	add_money(out, "own_usd", own, true);
	add_money(out, "difference_usd", bill - own, true);
	add_money(out, "unexplained_usd", rest, true);
	buf_printf(out, "},\"left_out\":{\"rows\":%" PRId64, res->apart_rows);
	add_money(out, "usd", res->apart_nusd, true);
	buf_printf(out, ",\"rows_without_usd\":%" PRId64, res->apart_unsummed);
	buf_printf(out, "},\"days_shifted_hours\":%d,\"truncated\":%s}\n", res->shift_hours, res->truncated ? "true" : "false");
}

static void money_cell(struct text_table *t, int64_t nusd, bool known)
{
	char text[MONEY_TEXT_BYTES];

	if (known)
		text_table_addf(t, "%s", money_format_short(nusd, 9, text));
	else
		text_table_addf(t, "%s", cli_utf8() ? "–" : "-");
}

static void add_part(struct buf *out, const char *what, int64_t nusd)
{
	char text[MONEY_TEXT_BYTES];

	if (nusd)
		buf_printf(out, "%s%s %s", out->len ? ", " : "", what, money_format_short(nusd, 9, text));
}

static void why(const struct reconcile_row *r, struct buf *out)
{
	if (r->bill_tokens >= 0 && r->bill_tokens != r->own_tokens)
		buf_printf(out, "%" PRId64 " tokens billed, %" PRId64 " ours", r->bill_tokens, r->own_tokens);
	if (!r->comparable) {
		buf_printf(out, "%s%s", out->len ? ", " : "", *r->currency && strcmp(r->currency, "USD") != 0 ? "the bill is in another currency"
		           : "the bill has no cost");
		return;
	}
	add_part(out, "credits", r->by_credits_nusd);
	add_part(out, "other price", r->by_price_nusd);
	add_part(out, "unpriced", r->by_unpriced_nusd);
	if (r->unpriced)
		buf_printf(out, " (%" PRId64 " requests)", r->unpriced);
	add_part(out, "no telemetry", r->by_silence_nusd);
	if (r->silent_hours)
		buf_printf(out, "%s%d of %d hours are missing", out->len ? ", " : "", r->silent_hours, r->hours);
	if (r->unknown_rows)
		buf_printf(out, "%s%" PRId64 " rows without a cost", out->len ? ", " : "", r->unknown_rows);
	if (!r->on_bill)
		buf_printf(out, "%snot on the bill", out->len ? ", " : "");
	else if (!*r->own_model)
		buf_printf(out, "%snone of our models", out->len ? ", " : "");
	add_part(out, "unexplained", r->rest_nusd);
	if (r->derived)
		buf_printf(out, "%smodel derived from the bill's words", out->len ? ", " : "");
}

static void table_row(struct text_table *t, const struct reconcile_row *r, const struct tz *tz)
{
	struct buf words = {0};
	char time[TIME_TEXT_BYTES];

	time_format(r->from_us + (tz ? tz_offset_s(tz, r->from_us) : 0) * US_PER_S, time);
	text_table_addf(t, "%.10s", time);
	text_table_add(t, str_of(*r->provider ? r->provider : cli_utf8() ? "–" : "-"));
	text_table_add(t, str_of(*r->model ? r->model : r->on_bill ? "(no model)" : r->own_model));
	money_cell(t, r->bill_nusd, r->comparable && r->on_bill);
	money_cell(t, r->own_nusd, true);
	money_cell(t, r->difference_nusd, r->comparable);
	why(r, &words);
	text_table_add(t, buf_str(&words));
	buf_fini(&words);
}

static void write_table(const struct reconcile_result *res, const struct tz *tz, struct buf *out)
{
	static const struct text_column columns[] = {
		{"DAY", 1, 0}, {"PROVIDER", 1, 2}, {"MODEL", 1, 0}, {"BILL", 0, 0}, {"OURS", 0, 0}, {"DIFFERENCE", 0, 0}, {"WHY", 1, 0},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);
	char before[MONEY_TEXT_BYTES], left[MONEY_TEXT_BYTES];

	for (size_t i = 0; i < res->row_count; i++)
		table_row(t, &res->rows[i], tz);
	text_table_print(t, cli_columns(0), out);
	text_table_free(&t);
	if (res->apart_rows) {
		buf_printf(out, "Not ours by --where, and left out: %" PRId64 " rows of the bill, %s", res->apart_rows,
		           money_format_short(res->apart_nusd, 9, left));
		if (res->apart_unsummed)
			buf_printf(out, " and %" PRId64 " that have no cost in US dollars", res->apart_unsummed);
		buf_puts(out, ".\n");
	}
	if (!res->row_count && !res->apart_rows)
		buf_puts(out, "no billing rows there: `llmdeck import --as billing FILE` takes them in\n");
	if (res->shift_hours)
		buf_printf(out, "The bill's days seem to begin %d h %s: the differences would sum to %s instead of %s; see --tz here and of import.\n",
		           res->shift_hours < 0 ? -res->shift_hours : res->shift_hours, res->shift_hours < 0 ? "earlier" : "later",
		           money_format_short(res->shift_left_nusd, 9, left), money_format_short(res->shift_before_nusd, 9, before));
	if (res->truncated)
		buf_puts(out, "There are more billing rows than were read: ask for fewer days.\n");
}

static int read_window(const struct args *a, struct store_reader *r, const struct tz *tz, int64_t *from_us, int64_t *to_us, struct err *err)
{
	const char *from = args_value(a, "--from"), *to = args_value(a, "--to"), *since = args_value(a, "--since");
	int64_t newest_us, length_us = USUAL_US, now_us = clock_wall_us();

	if (query_newest_bill(r, &newest_us, err))
		return -1;
	*to_us = newest_us + 1;
	if (since && !duration_parse(str_of(since), &length_us))
		return err_set(err, "--since %s: write a duration such as 7d", since);
	if (to && !window_parse_time(to, tz, now_us, 0, to_us))
		return err_set(err, "--to %s: write a date or a time", to);
	*from_us = *to_us - length_us;
	if (from && !window_parse_time(from, tz, now_us, 0, from_us))
		return err_set(err, "--from %s: write a date or a time", from);
	if (*to_us <= *from_us || *to_us - *from_us > MOST_US)
		return err_set(err, "--from and --to: at most 100 days at once, and the end after the begin");
	return 0;
}

static int read_filters(const struct args *a, struct bill_filter *out, size_t *count, struct err *err)
{
	const char *text;

	for (*count = 0; (text = args_nth(a, "--where", *count)); ++*count) {
		if (*count == BILL_FILTERS_MAX)
			return err_set(err, "--where: at most %d of them", BILL_FILTERS_MAX);
		if (bill_filter_parse(text, &out[*count], err))
			return -1;
	}
	return 0;
}

int budget_reconcile(const struct global *g, const struct args *a, int format)
{
	const char *zone = args_value(a, "--tz") ? args_value(a, "--tz") : "UTC";
	struct reconcile_result res = {0};
	struct store_reader *r = NULL;
	struct store_summary summary;
	struct tz *tz = NULL;
	struct err err = {""};
	struct buf out = {0};
	struct bill_filter filters[BILL_FILTERS_MAX];
	struct reconcile_ask ask = {.filters = filters};
	int code = EXIT_USAGE;

	if (read_filters(a, filters, &ask.filter_count, &err) || tz_load(&tz, zone, &err))
		return cli_fail(EXIT_USAGE, &err);
	if (window_open_store(&r, g->store_path, &summary, &err)) {
		tz_free(&tz);
		return cli_fail(EXIT_UNAVAILABLE, &err);
	}
	ask.tz = tz;
	if (read_window(a, r, tz, &ask.from_us, &ask.to_us, &err) == 0)
		code = query_reconcile(r, &ask, &res, &err) ? EXIT_UNAVAILABLE : EXIT_DONE;
	if (code != EXIT_DONE) {
		cli_fail((enum exit_code)code, &err);
	} else {
		if (format == FORMAT_JSON)
			write_json(&res, zone, &out);
		else
			write_table(&res, tz, &out);
		code = cli_print(&out);
	}
	reconcile_result_fini(&res);
	store_reader_close(&r);
	tz_free(&tz);
	buf_fini(&out);
	return code;
}
