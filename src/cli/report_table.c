/* The report as a table for people and as CSV for spreadsheets. With a step both have one row per
 * group and step. */
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/report.h"
#include "cli/text_table.h"
#include "core/money.h"

#define TABLE_OWN_COLUMNS 11

/* "1.2M", "18.1k", "842": four digits at most. */
static void add_count(struct text_table *t, struct report_number n)
{
	static const char suffix[] = " kMGTPE";
	double v = (double)n.whole;
	size_t s = 0;
	const char *mark = n.quality == QUALITY_LOWER_BOUND ? "≥" : "";

	if (n.quality == QUALITY_UNKNOWN) {
		text_table_addf(t, "–");
		return;
	}
	if (n.whole < 100000 && n.whole > -100000) {
		text_table_addf(t, "%s%lld", mark, (long long)n.whole);
		return;
	}
	for (; (v >= 999.5 || v <= -999.5) && s < sizeof suffix - 2; s++)
		v /= 1000;
	text_table_addf(t, "%s%.3g%c", mark, v, suffix[s]);
}

static void add_duration(struct text_table *t, const struct sketch *s, double q)
{
	char text[TIME_TEXT_BYTES];
	int64_t us = sketch_quantile(s, q);

	if (s->count <= 0 || us < 0)
		text_table_addf(t, "–");
	else
		text_table_addf(t, "%s", duration_format(us, text));
}

static void add_cost(struct text_table *t, struct report_number n)
{
	char text[MONEY_TEXT_BYTES];

	if (n.quality == QUALITY_UNKNOWN)
		text_table_addf(t, "–");
	else
		text_table_addf(t, "%s$%s", n.quality == QUALITY_LOWER_BOUND ? "≥" : "",
		                money_format_usd(n.whole, text));
}

static struct report_number field_value(const char *name, const struct figures *f)
{
	for (const struct report_field *field = report_fields; field->name; field++)
		if (strcmp(field->name, name) == 0)
			return field->get(f);
	return (struct report_number){.quality = QUALITY_UNKNOWN};
}

static void add_figures(struct text_table *t, const struct figures *f)
{
	struct report_number rate = field_value("error_rate", f);
	int64_t mood_known = f->positive + f->neutral + f->negative;

	add_count(t, field_value("requests", f));
	if (rate.quality == QUALITY_UNKNOWN)
		text_table_addf(t, "–");
	else
		text_table_addf(t, "%s%.2f", rate.quality == QUALITY_LOWER_BOUND ? "≥" : "",
		                rate.share * 100);
	add_count(t, field_value("input_tokens", f));
	add_count(t, field_value("output_tokens", f));
	add_cost(t, field_value("cost_usd", f));
	add_duration(t, &f->sketches[SKETCH_LATENCY_US], 0.50);
	add_duration(t, &f->sketches[SKETCH_LATENCY_US], 0.95);
	add_duration(t, &f->sketches[SKETCH_LATENCY_US], 0.99);
	add_duration(t, &f->sketches[SKETCH_TTFT_US], 0.95);
	text_table_addf(t, "%lld", (long long)f->flags);
	if (mood_known > 0)
		text_table_addf(t, "%lld of %lld", (long long)f->negative, (long long)mood_known);
	else
		text_table_addf(t, "–");
}

static void add_key(struct text_table *t, const struct report *r, const struct figures_group *g,
                    int64_t step)
{
	char time[TIME_TEXT_BYTES];

	if (step >= 0)
		text_table_addf(t, "%s", time_format(r->figures.from_us + step * r->figures.step_us, time));
	for (size_t i = 0; i < r->window.view.by_count; i++) {
		if (g == NULL)
			text_table_addf(t, "%s", i == 0 ? "total" : "");
		else
			text_table_add(t, g->key[i][0] ? str_of(g->key[i]) : STR_LIT("(not set)"));
	}
	if (r->window.view.by_count == 0 && step < 0)
		text_table_addf(t, "total");
}

static size_t make_columns(const struct report *r, struct text_column *columns)
{
	static const struct text_column own[TABLE_OWN_COLUMNS] = {
		{"REQUESTS", false, 0}, {"ERR%", false, 2}, {"TOKENS IN", false, 3},
		{"TOKENS OUT", false, 4}, {"COST", false, 0}, {"P50", false, 5}, {"P95", false, 1},
		{"P99", false, 6}, {"TTFT P95", false, 7}, {"FLAGS", false, 8}, {"NEGATIVE", false, 9},
	};
	size_t n = 0;

	if (r->figures.step_us)
		columns[n++] = (struct text_column){"TIME", COLUMN_WHOLE, 0};
	for (size_t i = 0; i < r->window.view.by_count; i++)
		columns[n++] = (struct text_column){dim_heading(r->window.view.by[i]), true, 0};
	if (n == 0)
		columns[n++] = (struct text_column){"", COLUMN_WHOLE, 0};
	memcpy(columns + n, own, sizeof own);
	return n + TABLE_OWN_COLUMNS;
}

static void add_rows(struct text_table *t, const struct report *r)
{
	for (size_t i = 0; i < r->figures.group_count && r->window.view.by_count > 0; i++) {
		const struct figures_group *g = &r->figures.groups[i];

		for (size_t s = 0; r->figures.step_us && s < r->figures.steps; s++) {
			add_key(t, r, g, (int64_t)s);
			add_figures(t, &g->series[s]);
		}
		if (r->figures.step_us == 0) {
			add_key(t, r, g, -1);
			add_figures(t, &g->total);
		}
	}
	for (size_t s = 0; r->window.view.by_count == 0 && r->figures.step_us && s < r->figures.steps; s++) {
		add_key(t, r, NULL, (int64_t)s);
		add_figures(t, &r->figures.total.series[s]);
	}
	if (r->figures.step_us == 0) {
		add_key(t, r, NULL, -1);
		add_figures(t, &r->figures.total.total);
	}
}

static void write_remarks(const struct report *r, struct buf *out)
{
	const struct figures *f = &r->figures.total.total;

	if (r->category_count > 0) {
		buf_puts(out, "flags:");
		for (size_t i = 0; i < r->category_count; i++) {
			buf_append_c(out, ' ');
			text_append_harmless(out, str_of(r->categories[i]), EVENT_NAME_MAX_BYTES);
			buf_printf(out, " %lld",
			           (long long)report_flag_count(r, NULL, r->categories[i], -1));
		}
		buf_append_c(out, '\n');
	}
	if (f->unpriced > 0)
		buf_printf(out, "%lld of %lld requests are unpriced and not in the cost: see llmdeck prices\n",
		           (long long)f->unpriced, (long long)f->requests);
	if (f->errors_lower_bound > 0)
		buf_puts(out, "≥ errors: some sources send nothing for failed calls\n");
	if (f->requests == 0 && r->window.summary.requests > 0)
		buf_puts(out, "no request in this window: widen it with --since or --from\n");
}

void report_write_table(const struct report *r, int width, struct buf *out)
{
	struct text_column columns[1 + DIM_COUNT + TABLE_OWN_COLUMNS];
	size_t n = make_columns(r, columns);
	struct text_table *t = text_table_new(columns, n);
	char filters[VIEW_FILTERS_MAX * (VIEW_VALUE_BYTES + 16)];

	window_describe(&r->window, r->figures.from_us, r->figures.to_us, r->figures.tier_us, out);
	if (r->window.view.filter_count) {
		buf_puts(out, ", ");
		view_format_filters(&r->window.view, filters, sizeof filters);
		text_append_harmless(out, str_of(filters), sizeof filters);
	}
	buf_puts(out, "\n\n");
	add_rows(t, r);
	text_table_print(t, width, out);
	write_remarks(r, out);
	text_table_free(&t);
}

static void csv_heading(const struct report *r, struct buf *out)
{
	if (r->figures.step_us)
		buf_puts(out, "t,");
	for (size_t i = 0; i < r->window.view.by_count; i++)
		buf_printf(out, "%s,", dim_name(r->window.view.by[i]));
	for (const struct report_field *field = report_fields; field->name; field++)
		buf_printf(out, "%s%s", field == report_fields ? "" : ",", field->name);
	for (size_t i = 0; i < REPORT_SKETCHES; i++) {
		buf_printf(out, ",%s_count", report_sketches[i].name);
		for (size_t q = 0; q < REPORT_QUANTILES; q++)
			buf_printf(out, ",%s_%s", report_sketches[i].name, report_quantiles[q].name);
	}
	for (size_t i = 0; i < r->category_count; i++) {
		struct buf name = {0};

		buf_printf(&name, "flags_%s", r->categories[i]);
		buf_append_c(out, ',');
		buf_append_csv(out, buf_str(&name));
		buf_fini(&name);
	}
	buf_puts(out, ",feedback,positive,neutral,negative\n");
}

static void csv_row(const struct report *r, const struct figures_group *g, const struct figures *f,
                    int64_t step, struct buf *out)
{
	char time[TIME_TEXT_BYTES];

	if (step >= 0)
		buf_printf(out, "%s,",
		           time_format(r->figures.from_us + step * r->figures.step_us, time));
	for (size_t i = 0; i < r->window.view.by_count; i++) {
		buf_append_csv(out, str_of(g->key[i]));
		buf_append_c(out, ',');
	}
	for (const struct report_field *field = report_fields; field->name; field++) {
		buf_puts(out, field == report_fields ? "" : ",");
		report_append_number(out, field, field->get(f), "");
	}
	for (size_t i = 0; i < REPORT_SKETCHES; i++) {
		const struct sketch *s = &f->sketches[report_sketches[i].kind];

		buf_printf(out, ",%lld", (long long)s->count);
		for (size_t q = 0; q < REPORT_QUANTILES; q++) {
			int64_t v = sketch_quantile(s, report_quantiles[q].q);

			buf_append_c(out, ',');
			if (s->count > 0 && v >= 0)
				buf_printf(out, "%.9g", (double)v / report_sketches[i].unit);
		}
	}
	for (size_t i = 0; i < r->category_count; i++)
		buf_printf(out, ",%lld", (long long)report_flag_count(r, g, r->categories[i], step));
	buf_printf(out, ",%lld,%lld,%lld,%lld\n", (long long)f->feedback, (long long)f->positive,
	           (long long)f->neutral, (long long)f->negative);
}

static void csv_group(const struct report *r, const struct figures_group *g,
                      const struct figures *total, const struct figures *series, struct buf *out)
{
	if (r->figures.step_us == 0)
		csv_row(r, g, total, -1, out);
	for (size_t s = 0; r->figures.step_us && s < r->figures.steps; s++)
		csv_row(r, g, &series[s], (int64_t)s, out);
}

void report_write_csv(const struct report *r, struct buf *out)
{
	csv_heading(r, out);
	for (size_t i = 0; i < r->figures.group_count && r->window.view.by_count > 0; i++) {
		const struct figures_group *g = &r->figures.groups[i];

		csv_group(r, g, &g->total, g->series, out);
	}
	if (r->window.view.by_count == 0)
		csv_group(r, NULL, &r->figures.total.total, r->figures.total.series, out);
}
