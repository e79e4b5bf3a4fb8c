/* llmdeck report: figures for a window. Two queries (figures, flags by category) fill a struct report;
 * one writer a format prints it. What a field is and when it is unknown stands in one table here. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/choices.h"
#include "cli/output.h"
#include "cli/report.h"

#define SERIES_POINTS_MAX 200000

static struct report_number whole(int64_t n)
{
	return (struct report_number){.quality = QUALITY_OK, .whole = n};
}

/* A sum over requests of which `known` said how much it was. */
static struct report_number sum_of(int64_t sum, int64_t known, int64_t requests)
{
	struct report_number n = {.quality = QUALITY_OK, .whole = sum};

	if (requests > 0 && known <= 0)
		n.quality = QUALITY_UNKNOWN;
	else if (known < requests)
		n.quality = QUALITY_LOWER_BOUND;
	return n;
}

static struct report_number get_requests(const struct figures *f)
{
	return whole(f->requests);
}

static struct report_number get_errors(const struct figures *f)
{
	struct report_number n = whole(f->errors);

	if (f->errors_lower_bound > 0)
		n.quality = QUALITY_LOWER_BOUND;
	return n;
}

static struct report_number get_error_rate(const struct figures *f)
{
	struct report_number n = get_errors(f);

	if (f->requests <= 0)
		return (struct report_number){.quality = QUALITY_UNKNOWN};
	n.share = (double)f->errors / (double)f->requests;
	return n;
}

static struct report_number get_input(const struct figures *f)
{
	return sum_of(f->input_tokens, f->sketches[SKETCH_INPUT_TOKENS].count, f->requests);
}

static struct report_number get_output(const struct figures *f)
{
	return sum_of(f->output_tokens, f->sketches[SKETCH_OUTPUT_TOKENS].count, f->requests);
}

static struct report_number get_cached(const struct figures *f)
{
	return sum_of(f->cached_tokens, f->cached_known, f->requests);
}

/* Nobody counts who reports reasoning tokens: a sum is at least what was reported, and no sum at
 * all says nothing. */
static struct report_number get_reasoning(const struct figures *f)
{
	struct report_number n = {.quality = QUALITY_LOWER_BOUND, .whole = f->reasoning_tokens};

	if (f->requests <= 0)
		n.quality = QUALITY_OK;
	else if (f->reasoning_tokens == 0)
		n.quality = QUALITY_UNKNOWN;
	return n;
}

static struct report_number get_cost(const struct figures *f)
{
	return sum_of(f->cost_nusd, f->requests - f->unpriced, f->requests);
}

static struct report_number get_unpriced(const struct figures *f)
{
	return whole(f->unpriced);
}

const struct report_field report_fields[] = {
	{"requests", REPORT_INTEGER, get_requests},
	{"errors", REPORT_INTEGER, get_errors},
	{"error_rate", REPORT_SHARE, get_error_rate},
	{"input_tokens", REPORT_INTEGER, get_input},
	{"output_tokens", REPORT_INTEGER, get_output},
	{"cached_tokens", REPORT_INTEGER, get_cached},
	{"reasoning_tokens", REPORT_INTEGER, get_reasoning},
	{"cost_usd", REPORT_USD, get_cost},
	{"unpriced_requests", REPORT_INTEGER, get_unpriced},
	{NULL, REPORT_INTEGER, NULL},
};

const struct report_sketch report_sketches[REPORT_SKETCHES] = {
	{"latency_ms", SKETCH_LATENCY_US, 1000},
	{"ttft_ms", SKETCH_TTFT_US, 1000},
	{"input_tokens_per_request", SKETCH_INPUT_TOKENS, 1},
	{"output_tokens_per_request", SKETCH_OUTPUT_TOKENS, 1},
};

const struct report_quantile report_quantiles[REPORT_QUANTILES] = {
	{"p50", 0.50}, {"p90", 0.90}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1.0},
};

static bool same_key(const struct report *r, const struct figures_group *g,
                     const struct breakdown_row *row)
{
	for (size_t i = 0; i < r->window.view.by_count; i++)
		if (strcmp(g->key[i], row->key[i]) != 0)
			return false;
	return true;
}

int64_t report_flag_count(const struct report *r, const struct figures_group *group,
                          const char *category, int64_t step)
{
	const struct breakdown_result *flags = group ? &r->flags : &r->flags_total;

	for (size_t i = 0; i < flags->row_count; i++) {
		const struct breakdown_row *row = &flags->rows[i];

		if (strcmp(row->name, category) != 0 || (group && !same_key(r, group, row)))
			continue;
		if (step < 0)
			return row->count;
		return row->series && (size_t)step < flags->steps ? row->series[step] : 0;
	}
	return 0;
}

static const struct command_option report_options[] = {
	WINDOW_OPTIONS,
	{"--by", "FIELD,…", "a group per service, environment, deployment, provider, model, team, region"},
	{"--step", "DURATION", "a series: one row per 1m, 10m, 1h …"},
	{"--compare", "WINDOW", "beside another window: before, a duration such as 1d or 7d earlier, or FROM..TO"},
	{"--shift", "DURATION", "the hand-over of a shift that ends now: alerts, silences, overrides, rollouts, incidents, spend"},
	{"--format", "FORMAT", "table (default), json or csv"},
	{NULL, NULL, NULL},
};

static void name_categories(struct report *r)
{
	r->categories = mem_array(NULL, r->flags_total.row_count + 1, sizeof *r->categories);
	for (size_t i = 0; i < r->flags_total.row_count; i++)
		r->categories[r->category_count++] = r->flags_total.rows[i].name;
}

static int load(struct report *r, struct store_reader *reader, struct err *err)
{
	const unsigned needs = NEED_LATENCY | NEED_TTFT | NEED_INPUT | NEED_OUTPUT;
	const struct view *v = &r->window.view;
	struct view total = *v;

	total.by_count = 0;
	if (v->step_us > 0 && (v->to_us - v->from_us) / v->step_us > SERIES_POINTS_MAX)
		return err_set(err, "--step: more than %d steps in the window: choose a longer step",
		               SERIES_POINTS_MAX);
	if (query_figures(reader, v, needs, v->step_us ? needs : 0, &r->figures, err))
		return -1;
	if (query_breakdown(reader, BREAKDOWN_FLAG_CATEGORY, v, &r->flags, err))
		return -1;
	if (query_breakdown(reader, BREAKDOWN_FLAG_CATEGORY, &total, &r->flags_total, err))
		return -1;
	name_categories(r);
	return 0;
}

static void report_fini(struct report *r)
{
	figures_result_fini(&r->figures);
	breakdown_result_fini(&r->flags);
	breakdown_result_fini(&r->flags_total);
	free(r->categories);
}

/* A table says its window itself; the other formats keep stdout for the machine. */
static void tell_window(const struct report *r)
{
	struct buf line = {0};

	window_describe(&r->window, r->figures.from_us, r->figures.to_us, r->figures.tier_us, &line);
	cli_note("window: %s", line.data);
	buf_fini(&line);
}

static int print_report(const struct report *r, int format)
{
	struct buf out = {0};

	if (format == FORMAT_JSON)
		report_write_json(r, &out);
	else if (r->compared && format == FORMAT_CSV)
		report_write_compared_csv(r, &out);
	else if (r->compared)
		report_write_compared(r, cli_columns(0), &out);
	else if (format == FORMAT_CSV)
		report_write_csv(r, &out);
	else
		report_write_table(r, cli_columns(0), &out);
	if (format != FORMAT_TABLE && r->window.by_default)
		tell_window(r);
	int code = cli_print(&out);
	buf_fini(&out);
	return code;
}

/* The other window, when one is asked for. */
static int load_compared(struct report *r, struct report *then, struct store_reader *reader, const struct args *a, const struct tz *tz,
                         int format, struct err *err)
{
	const char *text = args_value(a, "--compare");
	struct view now = r->window.view;

	if (!text)
		return EXIT_DONE;
	if (now.step_us && format != FORMAT_JSON) {
		err_set(err, "--compare: a series beside another is given as JSON only: add --format json, or leave out --step");
		return EXIT_USAGE;
	}
	now.from_us = r->figures.from_us;
	now.to_us = r->figures.to_us;
	then->window = r->window;
	if (report_compare_window("--compare", text, tz, &now, &then->window.view, err))
		return EXIT_USAGE;
	if (load(then, reader, err))
		return EXIT_FAILED;
	r->compared = then;
	return EXIT_DONE;
}

static int run_shift(const struct global *g, const char *length, int format, struct err *err)
{
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct buf out = {0};
	int64_t length_us;

	if (!duration_parse(str_of(length), &length_us) || length_us < US_PER_MIN || length_us > 31 * US_PER_DAY) {
		err_set(err, "--shift %s: write a duration from 1m to 31d, such as 8h", length);
		return EXIT_USAGE;
	}
	if (format == FORMAT_CSV) {
		err_set(err, "--shift: a hand-over is text or JSON, it has no rows for CSV");
		return EXIT_USAGE;
	}
	if (window_open_store(&reader, g->store_path, &summary, err))
		return EXIT_UNAVAILABLE;
	int code = report_shift(reader, clock_wall_us(), length_us, format == FORMAT_JSON, &out, err) ? EXIT_FAILED : cli_print(&out);

	store_reader_close(&reader);
	buf_fini(&out);
	return code;
}

static int run_with(const struct global *g, const struct args *a)
{
	struct report r = {0}, then = {0};
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct tz *tz = NULL;
	struct err err = {""};
	int format = FORMAT_TABLE, code = EXIT_USAGE;

	if (args_choice(a, "--format", &format, &err))
		goto out;
	if (a->operand_count > 0) {
		err_set(&err, "report: unexpected \"%s\": see llmdeck report --help", a->operands[0]);
		goto out;
	}
	if (args_value(a, "--shift")) {
		code = run_shift(g, args_value(a, "--shift"), format, &err);
		goto out;
	}
	if (tz_load(&tz, g->config.options[OPTION_TZ].text, &err))
		goto out;
	code = EXIT_UNAVAILABLE;
	if (window_open_store(&reader, g->store_path, &summary, &err))
		goto out;
	code = EXIT_USAGE;
	if (window_read(&r.window, a, &summary, tz, clock_wall_us(), &err))
		goto out;
	code = EXIT_FAILED;
	if (load(&r, reader, &err))
		goto out;
	code = load_compared(&r, &then, reader, a, tz, format, &err);
	if (code == EXIT_DONE)
		code = print_report(&r, format);
out:
	if (err.text[0])
		cli_fail((enum exit_code)code, &err);
	report_fini(&r);
	report_fini(&then);
	store_reader_close(&reader);
	tz_free(&tz);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	return args_run(g, &report_command, argc, argv, run_with);
}

static const struct command_choices report_choices[] = {
	{"--format", output_formats, NULL},
	{"--by", NULL, choices_dims},
	{NULL, NULL, NULL},
};

const struct command report_command = {
	.name = "report",
	.usage = "[--since 1h | --from T --to T] [--by FIELD,…] [--where FIELD=VALUE]… [--step 1m] [--format F]",
	.summary = "figures for a window: requests, errors, tokens, cost, latency, flags, feedback",
	.help = "Without a window it reports the last hour, or, when the newest data is older than that, the\n"
	        "hour before the end of the data, and says which. Unknown figures are – in the table, null in\n"
	        "JSON and empty in CSV; ≥ marks a sum of which some requests did not tell their part.",
	.options = report_options,
	.choices = report_choices,
	.run = run,
};
