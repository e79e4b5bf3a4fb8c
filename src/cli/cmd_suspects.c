/* llmdeck suspects: what the bad requests of a window have in common. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/suspects_text.h"
#include "cli/window.h"

#define LIMIT_DEFAULT 10

static const struct command_option suspects_options[] = {
	{"--bad", "CONDITION", "which requests are bad: 'latency>4s', 'ttft>1s', 'cost>0.05', error, error=TYPE, flag, flag=CATEGORY, 'time>=T'; with commas: all of them"},
	WINDOW_OPTIONS,
	{"--against", "WINDOW", "what the window has more of than another one: before, a duration such as 1d or 7d earlier, or FROM..TO"},
	{"--limit", "N", "suspects at most (default 10, up to 48)"},
	{"--weak", NULL, "also what does not stand out, behind the suspects"},
	{"--rows", "N", "look at about so many requests at most, spread over the window; all unless told"},
	{"--format", "FORMAT", "table (default), json or csv"},
	{NULL, NULL, NULL},
};

static int read_query(const struct args *a, struct suspects_query *q, struct err *err)
{
	const char *bad = args_value(a, "--bad");
	int64_t limit = LIMIT_DEFAULT;

	if (a->operand_count)
		return err_set(err, "suspects: unexpected \"%s\": see llmdeck suspects --help", a->operands[0]);
	if (!bad && !args_value(a, "--against"))
		return err_set(err, "suspects: say which requests are bad, such as --bad 'latency>4s' or --bad error, or which window to set against this one, such as --against 1d");
	bad_init(&q->bad);
	if (bad && bad_parse(&q->bad, str_of(bad), err))
		return err_wrap(err, "--bad");
	if (args_int(a, "--limit", 1, SUSPECTS_RANKED_MAX, &limit, err) || args_int(a, "--rows", 1000, INT64_MAX, &q->scan_limit, err))
		return -1;
	q->limit = (size_t)limit;
	q->weak = args_has(a, "--weak");
	return 0;
}

/* The other window, when one is asked for. */
static int read_against(const struct args *a, const struct tz *tz, struct suspects_query *q, struct err *err)
{
	const char *text = args_value(a, "--against");
	struct view other;

	if (!text)
		return 0;
	if (report_compare_window("--against", text, tz, &q->view, &other, err))
		return -1;
	if (q->bad.to_us || q->bad.from_us)
		return err_set(err, "--against: the windows say when; leave time out of --bad");
	q->against_from_us = other.from_us;
	q->against_to_us = other.to_us;
	return 0;
}

static int print_suspects(const struct window *w, const struct suspects_query *q, const struct suspects_result *res, int format)
{
	struct buf out = {0}, line = {0};
	char since[TIME_TEXT_BYTES];

	window_describe(w, q->view.from_us, q->view.to_us, 0, &line);
	if (format == FORMAT_JSON)
		suspects_json(q, res, &out);
	else if (format == FORMAT_CSV)
		suspects_csv(res, &out);
	else {
		buf_printf(&out, "window: %s\n", line.data);
		suspects_table(q, res, cli_columns(0), &out);
	}
	if (w->summary.raw_from_us > w->summary.first_us && w->view.from_us < w->summary.raw_from_us)
		cli_note("suspects: single requests are kept since %s: the window begins before that", time_format(w->summary.raw_from_us, since));
	int code = cli_print(&out);

	buf_fini(&out);
	buf_fini(&line);
	return code;
}

static int run_with(const struct global *g, const struct args *a)
{
	struct suspects_query q = {.sort = SORT_NEWEST};
	struct store_reader *reader = NULL;
	struct suspects_result res;
	struct store_summary summary;
	struct window w;
	struct tz *tz = NULL;
	struct err err = {""};
	int format = FORMAT_TABLE, code = EXIT_USAGE;

	if (args_choice(a, "--format", &format, &err) || read_query(a, &q, &err) ||
	    tz_load(&tz, g->config.options[OPTION_TZ].text, &err))
		goto out;
	code = EXIT_UNAVAILABLE;
	if (window_open_store(&reader, g->store_path, &summary, &err))
		goto out;
	code = EXIT_USAGE;
	if (window_read(&w, a, &summary, tz, clock_wall_us(), &err))
		goto out;
	q.view = w.view;
	if (read_against(a, tz, &q, &err))
		goto out;
	code = EXIT_FAILED;
	if (query_suspects(reader, &q, &res, &err))
		goto out;
	code = print_suspects(&w, &q, &res, format);
	suspects_result_fini(&res);
out:
	if (err.text[0])
		cli_fail((enum exit_code)code, &err);
	store_reader_close(&reader);
	tz_free(&tz);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	return args_run(g, &suspects_command, argc, argv, run_with);
}

static const struct command_choices suspects_choices[] = {
	{"--format", output_formats, NULL},
	{NULL, NULL, NULL},
};

const struct command suspects_command = {
	.name = "suspects",
	.usage = "--bad CONDITION | --against WINDOW [--since 1h | --from T --to T] [--where FIELD=VALUE]… [--format F]",
	.summary = "which attribute explains the slow, failed, dear or flagged requests of a window",
	.help = "Every value of every attribute is compared between the bad requests and the others: lift is its share\n"
	        "of the bad ones over its share of the others, and at least tells how low that may be, chance and the\n"
	        "number of values tried allowed for. What only goes along with a stronger suspect stands behind it. No\n"
	        "line at all means that nothing stands out. With --against the requests of the window stand for the bad\n"
	        "ones and those of the other window for the others: what is there more of, now? (With --bad too: among\n"
	        "the bad ones of both.)",
	.options = suspects_options,
	.choices = suspects_choices,
	.run = run,
};
