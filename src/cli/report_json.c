/* The report as JSON, schema version 1: a script's contract. Keys are only ever added. */
#include <string.h>

#include "base/timefmt.h"
#include "cli/report.h"
#include "core/money.h"

void report_append_number(struct buf *out, const struct report_field *field,
                          struct report_number n, const char *unknown)
{
	char money[MONEY_TEXT_BYTES];
	bool json = unknown[0] != '\0';

	if (n.quality == QUALITY_UNKNOWN || n.quality == QUALITY_DENIED)
		buf_puts(out, unknown);
	else if (field->kind == REPORT_USD)
		buf_printf(out, json ? "\"%s\"" : "%s", money_format_usd(n.whole, money));
	else if (field->kind == REPORT_SHARE)
		buf_printf(out, "%.6g", n.share);
	else
		buf_printf(out, "%lld", (long long)n.whole);
}

static void json_text(struct buf *out, const char *text)
{
	buf_append_json(out, str_of(text));
}

static void json_time(struct buf *out, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	buf_printf(out, "\"%s\":\"%s\"", name, time_format(us, text));
}

static void json_sketch(struct buf *out, const struct report_sketch *shown,
                        const struct sketch *sketch)
{
	buf_printf(out, "\"%s\":{\"count\":%lld", shown->name, (long long)sketch->count);
	for (size_t i = 0; i < REPORT_QUANTILES; i++) {
		int64_t v = sketch_quantile(sketch, report_quantiles[i].q);

		if (sketch->count <= 0 || v < 0)
			buf_printf(out, ",\"%s\":null", report_quantiles[i].name);
		else
			buf_printf(out, ",\"%s\":%.9g", report_quantiles[i].name, (double)v / shown->unit);
	}
	buf_append_c(out, '}');
}

static void json_quality(struct buf *out, const struct figures *f)
{
	const char *separator = "";

	buf_puts(out, "\"quality\":{");
	for (const struct report_field *field = report_fields; field->name; field++) {
		enum quality q = field->get(f).quality;

		if (q == QUALITY_OK)
			continue;
		buf_printf(out, "%s\"%s\":\"%s\"", separator, field->name, quality_name(q));
		separator = ",";
	}
	buf_append_c(out, '}');
}

/* Everything between a group's key (or a point's time) and its closing brace. */
static void json_figures(struct buf *out, const struct report *r, const struct figures_group *group,
                         const struct figures *f, int64_t step)
{
	for (const struct report_field *field = report_fields; field->name; field++) {
		buf_printf(out, "\"%s\":", field->name);
		report_append_number(out, field, field->get(f), "null");
		buf_append_c(out, ',');
	}
	for (size_t i = 0; i < REPORT_SKETCHES; i++) {
		json_sketch(out, &report_sketches[i], &f->sketches[report_sketches[i].kind]);
		buf_append_c(out, ',');
	}
	json_quality(out, f);
	buf_puts(out, ",\"flags\":{");
	for (size_t i = 0; i < r->category_count; i++) {
		buf_puts(out, i ? "," : "");
		json_text(out, r->categories[i]);
		buf_printf(out, ":%lld", (long long)report_flag_count(r, group, r->categories[i], step));
	}
	buf_printf(out, "},\"feedback\":{\"count\":%lld,\"positive\":%lld,\"neutral\":%lld,\"negative\":%lld}",
	           (long long)f->feedback, (long long)f->positive, (long long)f->neutral,
	           (long long)f->negative);
}

static void json_series(struct buf *out, const struct report *r, const struct figures_group *group,
                        const struct figures *series)
{
	if (r->figures.step_us == 0 || series == NULL)
		return;
	buf_puts(out, ",\"series\":[");
	for (size_t i = 0; i < r->figures.steps; i++) {
		buf_puts(out, i ? ",\n   {" : "\n   {");
		json_time(out, "t", r->figures.from_us + (int64_t)i * r->figures.step_us);
		buf_append_c(out, ',');
		json_figures(out, r, group, &series[i], (int64_t)i);
		buf_append_c(out, '}');
	}
	buf_append_c(out, ']');
}

static void json_group(struct buf *out, const struct report *r, const struct figures_group *g)
{
	buf_puts(out, "{\"key\":{");
	for (size_t i = 0; i < r->window.view.by_count; i++) {
		buf_printf(out, "%s\"%s\":", i ? "," : "", dim_name(r->window.view.by[i]));
		json_text(out, g->key[i]);
	}
	buf_puts(out, "},");
	json_figures(out, r, g, &g->total, -1);
	json_series(out, r, g, g->series);
	buf_append_c(out, '}');
}

/* From "from" to the end of "total". */
static void json_body(const struct report *r, struct buf *out)
{
	char step[TIME_TEXT_BYTES];

	json_time(out, "from", r->figures.from_us);
	buf_append_c(out, ',');
	json_time(out, "to", r->figures.to_us);
	if (r->figures.step_us)
		buf_printf(out, ",\"step\":\"%s\"", duration_format(r->figures.step_us, step));
	else
		buf_puts(out, ",\"step\":null");
	if (r->window.summary.demo)
		buf_puts(out, ",\"demo\":true");
	buf_puts(out, ",\n \"groups\":[");
	for (size_t i = 0; i < r->figures.group_count; i++) {
		buf_puts(out, i ? ",\n  " : "\n  ");
		json_group(out, r, &r->figures.groups[i]);
	}
	buf_puts(out, "],\n \"total\":{");
	json_figures(out, r, NULL, &r->figures.total.total, -1);
	json_series(out, r, NULL, r->figures.total.series);
	buf_puts(out, "}");
}

void report_write_json(const struct report *r, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,");
	json_body(r, out);
	if (r->compared) {
		buf_puts(out, ",\n \"compare\":{");
		json_body(r->compared, out);
		buf_append_c(out, '}');
	}
	buf_puts(out, "}\n");
}
