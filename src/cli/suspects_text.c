/* What does not stand out is a list of its own in JSON, so that no script takes it for a suspect. */
#include "cli/suspects_text.h"

#include <inttypes.h>

#include "base/timefmt.h"
#include "cli/output.h"
#include "cli/text_table.h"

static void put_count_line(const struct suspects_query *q, const struct suspects_result *res, struct buf *out)
{
	char condition[BAD_TEXT_BYTES], from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	if (res->against_window) {
		buf_printf(out, "against: %s to %s\n", time_format(q->against_from_us, from), time_format(q->against_to_us, to));
		buf_printf(out, "%" PRId64 " requests%s%s, %" PRId64 " against them", res->bad, bad_says(&q->bad) ? ", " : "",
		           bad_format(&q->bad, condition), res->total - res->bad);
		buf_puts(out, res->sampled ? "; a sample\n" : "\n");
		return;
	}
	buf_printf(out, "bad (%s): %" PRId64 " of %" PRId64 " requests", bad_format(&q->bad, condition), res->bad, res->total);
	if (res->total)
		buf_printf(out, ", %.2f %%", 100 * (double)res->bad / (double)res->total);
	if (res->sampled)
		buf_printf(out, "; a sample of %" PRId64, res->window_requests);
	if (res->against_before)
		buf_printf(out, "; compared with %" PRId64 " of their kind at other times", res->compared - res->bad);
	buf_puts(out, "\n");
}

static void add_cells(struct text_table *t, const struct suspects_result *res, const struct suspect_row *s)
{
	text_table_add(t, str_of(s->attribute));
	text_table_add(t, str_of(s->value));
	text_table_addf(t, "%" PRId64, s->bad);
	text_table_addf(t, "%" PRId64, res->against_window ? s->total - s->bad : s->total);
	if (res->against_window) /* of this window's requests */
		text_table_addf(t, "%.1f%%", res->bad ? 100 * (double)s->bad / (double)res->bad : 0);
	else
		text_table_addf(t, "%.1f%%", s->total ? 100 * (double)s->bad / (double)s->total : 0);
	text_table_addf(t, "x%.1f", s->lift);
	text_table_addf(t, "x%.1f", s->lift_low);
	if (!s->named)
		text_table_add(t, STR_LIT("does not stand out"));
	else if (s->explained_by >= 0 && (size_t)s->explained_by < res->row_count)
		text_table_addf(t, "goes along with %s", res->rows[s->explained_by].value);
	else
		text_table_add(t, (struct str){"", 0});
}

void suspects_table(const struct suspects_query *q, const struct suspects_result *res, int width, struct buf *out)
{
	static const struct text_column bad_columns[] = {
		{"ATTRIBUTE", COLUMN_WHOLE, 0}, {"VALUE", 1, 0}, {"BAD", 0, 0}, {"OF", 0, 1}, {"ARE BAD", 0, 2}, {"LIFT", 0, 0},
		{"AT LEAST", 0, 1}, {"NOTE", 1, 3},
	};
	static const struct text_column window_columns[] = {
		{"ATTRIBUTE", COLUMN_WHOLE, 0}, {"VALUE", 1, 0}, {"NOW", 0, 0}, {"WAS", 0, 0}, {"SHARE", 0, 2}, {"LIFT", 0, 0},
		{"AT LEAST", 0, 1}, {"NOTE", 1, 3},
	};

	put_count_line(q, res, out);
	if (!res->row_count) {
		buf_puts(out, !res->bad ? "no request is bad by that condition\n"
		              : res->against_window ? "no suspect: nothing stands out between the windows\n"
		                                    : "no suspect: nothing stands out among the bad requests\n");
		return;
	}
	if (!res->named_count)
		buf_printf(out, "no suspect: nothing stands out %s; what comes nearest:\n",
		           res->against_window ? "between the windows" : "among the bad requests");
	struct text_table *t = res->against_window ? text_table_new(window_columns, 8) : text_table_new(bad_columns, 8);

	for (size_t i = 0; i < res->row_count; i++)
		add_cells(t, res, &res->rows[i]);
	text_table_print(t, width, out);
	text_table_free(&t);
}

static void json_row(const struct suspects_result *res, const struct suspect_row *s, struct buf *out)
{
	buf_puts(out, "\n  {\"attribute\":");
	buf_append_json(out, str_of(s->attribute));
	buf_puts(out, ",\"value\":");
	buf_append_json(out, str_of(s->value));
	buf_printf(out, ",\"bad\":%" PRId64 ",\"total\":%" PRId64 ",\"lift\":%.6g,\"lift_low\":%.6g,\"explained_by\":", s->bad, s->total,
	           s->lift, s->lift_low);
	if (s->explained_by >= 0 && (size_t)s->explained_by < res->row_count) {
		buf_puts(out, "{\"attribute\":");
		buf_append_json(out, str_of(res->rows[s->explained_by].attribute));
		buf_puts(out, ",\"value\":");
		buf_append_json(out, str_of(res->rows[s->explained_by].value));
		buf_puts(out, "}}");
	} else {
		buf_puts(out, "null}");
	}
}

static void json_list(const struct suspects_result *res, bool named, struct buf *out)
{
	bool any = false;

	buf_printf(out, ",\n \"%s\":[", named ? "suspects" : "weak");
	for (size_t i = 0; i < res->row_count; i++)
		if (res->rows[i].named == named) {
			buf_puts(out, any ? "," : "");
			any = true;
			json_row(res, &res->rows[i], out);
		}
	buf_puts(out, "]");
}

void suspects_json(const struct suspects_query *q, const struct suspects_result *res, struct buf *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], condition[BAD_TEXT_BYTES];

	buf_printf(out, "{\"schema\":1,\"from\":\"%s\",\"to\":\"%s\",\"condition\":", time_format(q->view.from_us, from),
	           time_format(q->view.to_us, to));
	buf_append_json(out, str_of(bad_format(&q->bad, condition)));
	buf_printf(out, ",\"bad\":%" PRId64 ",\"total\":%" PRId64 ",\"sampled\":%s,\"tried\":%zu,\"against\":\"%s\",\"compared\":%" PRId64, res->bad, res->total,
	           res->sampled ? "true" : "false", res->tried, res->against_window ? "window" : res->against_before ? "before" : "others", res->compared);
	if (res->against_window)
		buf_printf(out, ",\"against_from\":\"%s\",\"against_to\":\"%s\"", time_format(q->against_from_us, from),
		           time_format(q->against_to_us, to));
	json_list(res, true, out);
	if (q->weak)
		json_list(res, false, out);
	buf_puts(out, "}\n");
}

void suspects_csv(const struct suspects_result *res, struct buf *out)
{
	buf_puts(out, "attribute,value,bad,total,lift,lift_low,named,explained_by\n");
	for (size_t i = 0; i < res->row_count; i++) {
		const struct suspect_row *s = &res->rows[i];

		buf_append_csv(out, str_of(s->attribute));
		buf_append_c(out, ',');
		buf_append_csv(out, str_of(s->value));
		buf_printf(out, ",%" PRId64 ",%" PRId64 ",%.6g,%.6g,%s,", s->bad, s->total, s->lift, s->lift_low, s->named ? "true" : "false");
		if (s->explained_by >= 0 && (size_t)s->explained_by < res->row_count) {
			buf_append_csv(out, str_of(res->rows[s->explained_by].value));
		}
		buf_append_c(out, '\n');
	}
}
