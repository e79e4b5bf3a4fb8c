/* Two windows beside each other: a row a figure, or with --by a row a group, each figure with what it was and how
 * it changed. Groups that only one of them has are shown with what there is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text_table.h"
#include "core/money.h"
#include "core/window_figures.h"
#include "panels/format.h"

int report_compare_window(const char *option, const char *text, const struct tz *tz, const struct view *now, struct view *then, struct err *err)
{
	int64_t length_us = now->to_us - now->from_us, back_us = length_us;
	const char *dots = strstr(text, "..");

	*then = *now;
	if (dots) {
		char from[64];

		snprintf(from, sizeof from, "%.*s", (int)(dots - text < 63 ? dots - text : 63), text);
		if (!window_parse_time(from, tz, now->from_us, 0, &then->from_us) ||
		    !window_parse_time(dots + 2, tz, now->from_us, then->from_us, &then->to_us) || then->to_us <= then->from_us)
			return err_set(err, "%s \"%s\": write FROM..TO as --from and --to take them", option, text);
		return 0;
	}
	if (strcmp(text, "before") != 0 && (!duration_parse(str_of(text), &back_us) || back_us <= 0))
		return err_set(err, "%s \"%s\": write before, a duration such as 1d or 7d, or FROM..TO", option, text);
	then->from_us -= back_us;
	then->to_us -= back_us;
	return then->from_us >= 0 ? 0 : err_set(err, "%s \"%s\": that is before 1970", option, text);
}

static const struct figures_group *same_group(const struct report *r, const struct figures_group *like)
{
	for (size_t i = 0; r->figures.groups && like && i < r->figures.group_count; i++) {
		const struct figures_group *g = &r->figures.groups[i];
		size_t k = 0;

		while (k < r->window.view.by_count && strcmp(g->key[k], like->key[k]) == 0)
			k++;
		if (k == r->window.view.by_count)
			return g;
	}
	return NULL;
}

/* ── rows ──────────────────────────────────────────────────────────────────────────────────── */

enum compared { COMPARED_REQUESTS, COMPARED_ERRORS, COMPARED_ERROR_RATE, COMPARED_P50, COMPARED_P95, COMPARED_P99, COMPARED_COST, COMPARED_FLAGS,
                COMPARED_TTFT_P50, COMPARED_TTFT_P95, COMPARED_INPUT, COMPARED_OUTPUT, COMPARED_FEEDBACK, COMPARED_POSITIVE, COMPARED_NEGATIVE, COMPARED_COUNT };
static const struct {
	const char *csv, *heading;
	int priority;
} compared[COMPARED_COUNT] = {
	{"requests", "REQUESTS", 0}, {"errors", NULL, 0}, {"error_rate", "ERR%", 1}, {"latency_p50_ms", "P50", 4}, {"latency_p95_ms", "P95", 0},
	{"latency_p99_ms", NULL, 0}, {"cost_usd", "COST", 0}, {"flags", "FLAGS", 3}, {"ttft_p50_ms", NULL, 0}, {"ttft_p95_ms", NULL, 0},
	{"input_tokens", NULL, 0}, {"output_tokens", NULL, 0}, {"feedback", NULL, 0}, {"positive", NULL, 0}, {"negative", NULL, 0},
};

/* False: it is not known. */
static bool figure_of(enum compared c, const struct figures *f, double *out)
{
	static const double quantiles[COMPARED_COUNT] = {
		[COMPARED_P50] = 0.50, [COMPARED_P95] = 0.95, [COMPARED_P99] = 0.99, [COMPARED_TTFT_P50] = 0.50, [COMPARED_TTFT_P95] = 0.95,
	};
	bool ttft = c == COMPARED_TTFT_P50 || c == COMPARED_TTFT_P95;
	int64_t us;

	switch (c) {
	case COMPARED_REQUESTS: *out = (double)f->requests; return true;
	case COMPARED_ERRORS: *out = (double)f->errors; return true;
	case COMPARED_FLAGS: *out = (double)f->flags; return true;
	case COMPARED_FEEDBACK: *out = (double)f->feedback; return true;
	case COMPARED_POSITIVE: *out = (double)f->positive; return true;
	case COMPARED_NEGATIVE: *out = (double)f->negative; return true;
	case COMPARED_INPUT:
		*out = (double)f->input_tokens;
		return f->requests == 0 || f->sketches[SKETCH_INPUT_TOKENS].count > 0;
	case COMPARED_OUTPUT:
		*out = (double)f->output_tokens;
		return f->requests == 0 || f->sketches[SKETCH_OUTPUT_TOKENS].count > 0;
	case COMPARED_ERROR_RATE:
		*out = f->requests > 0 ? (double)f->errors / (double)f->requests : 0;
		return f->requests > 0;
	case COMPARED_COST:
		*out = (double)f->cost_nusd / (double)NUSD_PER_USD;
		return f->requests == 0 || f->unpriced < f->requests;
	default:
		us = sketch_quantile(&f->sketches[ttft ? SKETCH_TTFT_US : SKETCH_LATENCY_US], quantiles[c]);
		*out = (double)us / 1000;
		return us >= 0;
	}
}

static void put_figure(enum compared c, double v, struct buf *out)
{
	char duration[TIME_TEXT_BYTES];

	switch (c) {
	case COMPARED_ERROR_RATE: buf_printf(out, "%.2f", v * 100); break;
	case COMPARED_COST: buf_printf(out, "$%.4f", v); break;
	case COMPARED_P50:
	case COMPARED_P95: buf_puts(out, duration_format((int64_t)(v * 1000), duration)); break;
	default: buf_printf(out, "%.0f", v); break;
	}
}

/* "9.9s was 2.1s +371 %". */
static void add_pair(struct text_table *t, enum compared c, const struct figures *now, const struct figures *then)
{
	double a, b;
	bool has_a = figure_of(c, now, &a), has_b = figure_of(c, then, &b);
	struct buf text = {0};

	if (has_a)
		put_figure(c, a, &text);
	text_table_add(t, has_a ? buf_str(&text) : STR_LIT("–"));
	buf_reset(&text);
	if (has_b)
		put_figure(c, b, &text);
	text_table_add(t, has_b ? buf_str(&text) : STR_LIT("–"));
	if (has_a && has_b && c == COMPARED_ERROR_RATE)
		text_table_addf(t, "%+.2fpp", (a - b) * 100);
	else if (has_a && has_b && b > 0)
		text_table_addf(t, "%+.0f%%", (a / b - 1) * 100);
	else
		text_table_add(t, STR_LIT("–"));
	buf_fini(&text);
}

static void add_row(struct text_table *t, const struct report *r, const struct figures_group *key, const struct figures *now,
                    const struct figures *then)
{
	for (size_t k = 0; k < r->window.view.by_count; k++)
		text_table_add(t, !key ? str_of(k ? "" : "total") : *key->key[k] ? str_of(key->key[k]) : STR_LIT("(not set)"));
	for (int c = 0; c < COMPARED_COUNT; c++)
		if (compared[c].heading)
			add_pair(t, (enum compared)c, now, then);
}

/* Calls `fn` for each group of either window, then for the total. */
static void each_row(const struct report *r, void (*fn)(void *arg, const struct figures_group *key, const struct figures *now, const struct figures *then),
                     void *arg)
{
	static const struct figures none;
	const struct report *then = r->compared;

	for (size_t i = 0; r->window.view.by_count && i < r->figures.group_count; i++) {
		const struct figures_group *g = &r->figures.groups[i], *was = same_group(then, g);

		fn(arg, g, &g->total, was ? &was->total : &none);
	}
	for (size_t i = 0; r->window.view.by_count && i < then->figures.group_count; i++)
		if (!same_group(r, &then->figures.groups[i]))
			fn(arg, &then->figures.groups[i], &none, &then->figures.groups[i].total);
	fn(arg, NULL, &r->figures.total.total, &then->figures.total.total);
}

struct table_rows {
	struct text_table *t;
	const struct report *r;
};

static void table_row(void *arg, const struct figures_group *key, const struct figures *now, const struct figures *then)
{
	struct table_rows *rows = arg;

	add_row(rows->t, rows->r, key, now, then);
}

/* A row a figure: what it is in both, on how many requests it rests, and how it changed. */
static void write_figures(const struct report *r, int width, struct buf *out)
{
	static const struct text_column columns[] = {
		{"FIGURE", COLUMN_WHOLE, 0}, {"NOW", 0, 0}, {"N", 0, 1}, {"WAS", 0, 0}, {"N", 0, 1}, {"CHANGE", 0, 0},
	};
	const struct report *both[] = {r, r->compared};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);
	char text[FIGURE_TEXT_BYTES];

	for (const struct window_figure *w = window_figures; w->name; w++) {
		struct value v[2];

		text_table_add(t, str_of(w->label));
		for (int i = 0; i < 2; i++) {
			const struct figures *f = &both[i]->figures.total.total;

			v[i] = w->get(f, (double)(both[i]->figures.to_us - both[i]->figures.from_us) / 1e6);
			text_table_add(t, str_of(figure_format(w->unit, v[i], !cli_utf8(), text)));
			text_table_addf(t, "%" PRId64, w->n(f));
		}
		text_table_add(t, str_of(change_format(w->unit, v[0], v[1], !cli_utf8(), text)));
	}
	text_table_print(t, width, out);
	text_table_free(&t);
}

static void write_groups(const struct report *r, int width, struct buf *out)
{
	struct text_column columns[DIM_COUNT + 1 + 3 * COMPARED_COUNT];
	size_t n = 0;

	for (size_t k = 0; k < r->window.view.by_count; k++)
		columns[n++] = (struct text_column){dim_heading(r->window.view.by[k]), 1, 0};
	for (int c = 0; c < COMPARED_COUNT; c++)
		if (compared[c].heading) {
			columns[n++] = (struct text_column){compared[c].heading, 0, compared[c].priority};
			columns[n++] = (struct text_column){"WAS", 0, compared[c].priority};
			columns[n++] = (struct text_column){"CHANGE", 0, compared[c].priority};
		}
	struct table_rows rows = {text_table_new(columns, n), r};

	each_row(r, table_row, &rows);
	text_table_print(rows.t, width, out);
	text_table_free(&rows.t);
}

void report_write_compared(const struct report *r, int width, struct buf *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	buf_printf(out, "%s to %s", time_format(r->figures.from_us, from), time_format(r->figures.to_us, to));
	buf_printf(out, ", compared with %s to %s\n", time_format(r->compared->figures.from_us, from),
	           time_format(r->compared->figures.to_us, to));
	if (r->figures.to_us - r->figures.from_us != r->compared->figures.to_us - r->compared->figures.from_us)
		buf_puts(out, "the windows differ in length: requests, cost, tokens, flags and feedback are sums\n");
	buf_puts(out, "\n");
	if (r->window.view.by_count)
		write_groups(r, width, out);
	else
		write_figures(r, width, out);
}

struct csv_rows {
	struct buf *out;
	const struct report *r;
};

static void csv_row(void *arg, const struct figures_group *key, const struct figures *now, const struct figures *then)
{
	struct csv_rows *rows = arg;
	const char *separator = "";

	for (size_t k = 0; k < rows->r->window.view.by_count; k++) {
		buf_puts(rows->out, separator);
		buf_append_csv(rows->out, str_of(key ? key->key[k] : k ? "" : "(total)"));
		separator = ",";
	}
	for (int c = 0; c < COMPARED_COUNT; c++)
		for (int w = 0; w < 2; w++) {
			double v;

			buf_puts(rows->out, separator);
			if (figure_of((enum compared)c, w ? then : now, &v))
				buf_printf(rows->out, "%.12g", v);
			separator = ",";
		}
	buf_append_c(rows->out, '\n');
}

void report_write_compared_csv(const struct report *r, struct buf *out)
{
	struct csv_rows rows = {out, r};

	for (size_t k = 0; k < r->window.view.by_count; k++)
		buf_printf(out, "%s,", dim_name(r->window.view.by[k]));
	for (int c = 0; c < COMPARED_COUNT; c++)
		buf_printf(out, "%s%s,%s_before", c ? "," : "", compared[c].csv, compared[c].csv);
	buf_append_c(out, '\n');
	each_row(r, csv_row, &rows);
}
