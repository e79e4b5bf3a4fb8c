/* llmdeck requests: single requests from the raw rows, and one in full with its receipt. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/trace_text.h"
#include "cli/window.h"
#include "core/money.h"
#include "judge/price.h"
#include "store/query_suspects.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 10000

static const char *const sorts[] = {"newest", "slowest", "dearest", "tokens", "failed", "flagged", NULL};
static const char *const verbs[] = {"show", NULL};

static const struct command_option requests_options[] = {
	WINDOW_OPTIONS,
	{"--sort", "ORDER", "newest (default), slowest, dearest, tokens, failed or flagged first"},
	{"--limit", "N", "at most so many (default 20, up to 10000)"},
	{"--bad", "CONDITION", "bad ones only, as in `llmdeck suspects --bad`: 'latency>4s', 'cost>0.05', error=TYPE, flag=CATEGORY …"},
	{"--failed", NULL, "failed requests only"},
	{"--flagged", NULL, "requests with a content-safety flag only"},
	{"--format", "FORMAT", "table (default), json or csv"},
	{NULL, NULL, NULL},
};

/* A text field of a request, by name; one table for JSON, CSV and `show`. */
struct text_field {
	const char *name;
	struct str (*get)(const struct request *r);
};

static struct str get_operation(const struct request *r)
{
	return r->operation.len ? r->operation : STR_LIT("chat");
}
static struct str get_request_model(const struct request *r)
{
	return r->request_model;
}
static struct str get_status(const struct request *r)
{
	return r->status == REQUEST_ERROR ? STR_LIT("error") : STR_LIT("ok");
}
static struct str get_error_type(const struct request *r)
{
	return r->error_type;
}
static struct str get_finish_reason(const struct request *r)
{
	return r->finish_reason;
}
static struct str get_outcome(const struct request *r)
{
	return r->outcome;
}
static struct str get_source(const struct request *r)
{
	return r->source;
}

static const struct text_field text_fields[] = {
	{"operation", get_operation},       {"request_model", get_request_model},
	{"status", get_status},             {"error_type", get_error_type},
	{"finish_reason", get_finish_reason}, {"outcome", get_outcome},
	{"source", get_source},
};
#define TEXT_FIELDS (sizeof text_fields / sizeof text_fields[0])

/* Whole numbers; -1 is unknown. Durations are written in milliseconds. */
static const struct number_field {
	const char *name;
	size_t offset;
	bool duration;
} number_fields[] = {
	{"latency_ms", offsetof(struct request, latency_us), true},
	{"ttft_ms", offsetof(struct request, ttft_us), true},
	{"input_tokens", offsetof(struct request, input_tokens), false},
	{"output_tokens", offsetof(struct request, output_tokens), false},
	{"cached_tokens", offsetof(struct request, cached_tokens), false},
	{"cache_write_tokens", offsetof(struct request, cache_write_tokens), false},
	{"reasoning_tokens", offsetof(struct request, reasoning_tokens), false},
};
#define NUMBER_FIELDS (sizeof number_fields / sizeof number_fields[0])

static int64_t number_of(const struct request *r, const struct number_field *field)
{
	int64_t n;

	memcpy(&n, (const char *)r + field->offset, sizeof n);
	return n;
}

static void append_number(struct buf *out, const struct request *r,
                          const struct number_field *field, const char *unknown)
{
	int64_t n = number_of(r, field);

	if (n < 0)
		buf_puts(out, unknown);
	else if (field->duration)
		buf_printf(out, "%.9g", (double)n / 1000);
	else
		buf_printf(out, "%" PRId64, n);
}

static const char *cost_source_name(const struct request *r)
{
	return r->cost_source == COST_REPORTED ? "reported"
	       : r->cost_source == COST_INFERRED ? "inferred" : "unpriced";
}

static void append_hex(struct buf *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", bytes[i]);
}

static void json_member(struct buf *out, const char *name, struct str value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value.len)
		buf_append_json(out, value);
	else
		buf_puts(out, "null");
}

static void json_flags(struct buf *out, const struct request *r)
{
	buf_puts(out, ",\"flags\":[");
	for (uint32_t i = 0; i < r->flag_count; i++) {
		const struct flag *f = &r->flags[i];

		buf_puts(out, i ? ",{\"category\":" : "{\"category\":");
		buf_append_json(out, f->category);
		if (f->severity >= 0)
			buf_printf(out, ",\"severity\":%d", f->severity);
		else
			buf_puts(out, ",\"severity\":null");
		buf_printf(out, ",\"action\":\"%s\"}", f->action == FLAG_BLOCKED ? "blocked" : "noted");
	}
	buf_append_c(out, ']');
}

static void json_request(struct buf *out, const struct request_row *row)
{
	const struct request *r = &row->request;
	char text[TIME_TEXT_BYTES], money[MONEY_TEXT_BYTES];

	buf_printf(out, "{\"id\":\"%" PRIx64 "\",\"end_time\":\"%s\"", (uint64_t)row->id,
	           time_format(r->end_us, text));
	for (int d = 0; d < DIM_COUNT; d++)
		json_member(out, dim_name((enum dim)d), r->dims[d]);
	for (size_t i = 0; i < TEXT_FIELDS; i++)
		json_member(out, text_fields[i].name, text_fields[i].get(r));
	for (size_t i = 0; i < NUMBER_FIELDS; i++) {
		buf_printf(out, ",\"%s\":", number_fields[i].name);
		append_number(out, r, &number_fields[i], "null");
	}
	if (r->cost_source == COST_UNPRICED)
		buf_puts(out, ",\"cost_usd\":null");
	else
		buf_printf(out, ",\"cost_usd\":\"%s\"", money_format_usd(r->cost_nusd, money));
	buf_printf(out, ",\"cost_source\":\"%s\"", cost_source_name(r));
	if (r->http_status)
		buf_printf(out, ",\"http_status\":%u", r->http_status);
	if (r->attempt)
		buf_printf(out, ",\"attempt\":%u", r->attempt);
	for (int i = 0; i < ATTR_COUNT; i++)
		if (r->attrs[i].len)
			json_member(out, attr_name((enum attr)i), r->attrs[i]);
	if (r->has_trace) {
		buf_puts(out, ",\"trace_id\":\"");
		append_hex(out, r->trace_id, sizeof r->trace_id);
		buf_append_c(out, '"');
	}
	if (r->has_span) {
		buf_puts(out, ",\"span_id\":\"");
		append_hex(out, r->span_id, sizeof r->span_id);
		buf_append_c(out, '"');
	}
	json_flags(out, r);
	buf_append_c(out, '}');
}

static void write_json(const struct request_result *res, const struct window *w, struct buf *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	buf_printf(out, "{\"schema\":1,\"from\":\"%s\",\"to\":\"%s\"", time_format(w->view.from_us, from),
	           time_format(w->view.to_us, to));
	if (w->summary.demo)
		buf_puts(out, ",\"demo\":true");
	buf_puts(out, ",\"requests\":[");
	for (size_t i = 0; i < res->row_count; i++) {
		buf_puts(out, i ? ",\n  " : "\n  ");
		json_request(out, &res->rows[i]);
	}
	buf_puts(out, "]}\n");
}

static void write_csv(const struct request_result *res, struct buf *out)
{
	char text[TIME_TEXT_BYTES], money[MONEY_TEXT_BYTES];

	buf_puts(out, "id,end_time");
	for (int d = 0; d < DIM_COUNT; d++)
		buf_printf(out, ",%s", dim_name((enum dim)d));
	for (size_t i = 0; i < TEXT_FIELDS; i++)
		buf_printf(out, ",%s", text_fields[i].name);
	for (size_t i = 0; i < NUMBER_FIELDS; i++)
		buf_printf(out, ",%s", number_fields[i].name);
	buf_puts(out, ",cost_usd,cost_source,flags\n");
	for (size_t i = 0; i < res->row_count; i++) {
		const struct request *r = &res->rows[i].request;
		struct buf flags = {0};

		buf_printf(out, "%" PRIx64 ",%s", (uint64_t)res->rows[i].id, time_format(r->end_us, text));
		for (int d = 0; d < DIM_COUNT; d++) {
			buf_append_c(out, ',');
			buf_append_csv(out, r->dims[d]);
		}
		for (size_t f = 0; f < TEXT_FIELDS; f++) {
			buf_append_c(out, ',');
			buf_append_csv(out, text_fields[f].get(r));
		}
		for (size_t f = 0; f < NUMBER_FIELDS; f++) {
			buf_append_c(out, ',');
			append_number(out, r, &number_fields[f], "");
		}
		buf_printf(out, ",%s,%s,", r->cost_source == COST_UNPRICED
		                               ? "" : money_format_usd(r->cost_nusd, money),
		           cost_source_name(r));
		for (uint32_t f = 0; f < r->flag_count; f++) {
			buf_puts(&flags, f ? "|" : "");
			buf_append_str(&flags, r->flags[f].category);
		}
		buf_append_csv(out, buf_str(&flags));
		buf_append_c(out, '\n');
		buf_fini(&flags);
	}
}

static void add_duration(struct text_table *t, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	text_table_addf(t, "%s", us < 0 ? "–" : duration_format(us, text));
}

static void add_tokens(struct text_table *t, int64_t n)
{
	if (n < 0)
		text_table_addf(t, "–");
	else
		text_table_addf(t, "%" PRId64, n);
}

static void add_result(struct text_table *t, const struct request *r)
{
	if (r->status == REQUEST_OK)
		text_table_addf(t, "ok");
	else if (r->error_type.len)
		text_table_add(t, r->error_type);
	else if (r->http_status)
		text_table_addf(t, "%u", r->http_status);
	else
		text_table_addf(t, "error");
}

static void write_table(const struct request_result *res, const struct window *w, int width,
                        struct buf *out)
{
	static const struct text_column columns[] = {
		{"ID", COLUMN_WHOLE, 0},        {"END", COLUMN_WHOLE, 2},    {"SERVICE", true, 3},
		{"DEPLOYMENT", true, 5}, {"MODEL", true, 1}, {"LATENCY", false, 0},
		{"TTFT", false, 6},    {"IN", false, 4},   {"OUT", false, 4},
		{"COST", false, 0},    {"RESULT", true, 0}, {"FLAGS", false, 7},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof columns[0]);
	char text[TIME_TEXT_BYTES], money[MONEY_TEXT_BYTES];

	window_describe(w, w->view.from_us, w->view.to_us, 0, out);
	buf_puts(out, "\n\n");
	for (size_t i = 0; i < res->row_count; i++) {
		const struct request *r = &res->rows[i].request;

		text_table_addf(t, "%" PRIx64, (uint64_t)res->rows[i].id);
		text_table_addf(t, "%s", time_format(r->end_us, text));
		text_table_add(t, r->dims[DIM_SERVICE]);
		text_table_add(t, r->dims[DIM_DEPLOYMENT]);
		text_table_add(t, r->dims[DIM_MODEL]);
		add_duration(t, r->latency_us);
		add_duration(t, r->ttft_us);
		add_tokens(t, r->input_tokens);
		add_tokens(t, r->output_tokens);
		text_table_addf(t, "%s%s", r->cost_source == COST_UNPRICED ? "" : "$",
		                r->cost_source == COST_UNPRICED ? "–" : money_format_usd(r->cost_nusd, money));
		add_result(t, r);
		text_table_addf(t, "%u", r->flag_count);
	}
	text_table_print(t, width, out);
	text_table_free(&t);
	if (res->row_count == 0)
		buf_puts(out, "no such request in this window: widen it with --since or --from\n");
	if (w->summary.raw_from_us > w->view.from_us &&
	    w->summary.raw_from_us > w->summary.first_us + US_PER_HOUR)
		buf_printf(out, "single requests are kept back to %s\n",
		           time_format(w->summary.raw_from_us, text));
}

/* By a condition, --failed and --flagged with it. */
static int find_bad(const struct args *a, struct store_reader *reader, const struct request_query *q, struct request_result *res,
                    struct err *err)
{
	struct bad bad;

	if (bad_parse(&bad, str_of(args_value(a, "--bad")), err)) {
		err_wrap(err, "--bad");
		return EXIT_USAGE;
	}
	bad.failed |= q->failed_only;
	bad.flagged |= q->flagged_only;
	return query_bad_requests(reader, &q->view, &bad, q->sort, q->limit, 0, res, err) ? EXIT_FAILED : EXIT_DONE;
}

static int list(const struct args *a, struct store_reader *reader, const struct window *w,
                int format, struct err *err)
{
	struct request_query q = {.view = w->view, .limit = LIMIT_DEFAULT};
	struct request_result res = {0};
	struct buf out = {0};
	int64_t limit = LIMIT_DEFAULT;
	int sort = SORT_NEWEST;

	if (args_choice(a, "--sort", &sort, err) ||
	    args_int(a, "--limit", 1, LIMIT_MAX, &limit, err))
		return EXIT_USAGE;
	q.sort = (enum request_sort)sort;
	q.limit = (size_t)limit;
	q.failed_only = args_has(a, "--failed");
	q.flagged_only = args_has(a, "--flagged");
	if (args_value(a, "--bad")) {
		int code = find_bad(a, reader, &q, &res, err);

		if (code != EXIT_DONE)
			return code;
	} else if (query_requests(reader, &q, &res, err)) {
		return EXIT_FAILED;
	}
	if (format == FORMAT_JSON)
		write_json(&res, w, &out);
	else if (format == FORMAT_CSV)
		write_csv(&res, &out);
	else
		write_table(&res, w, cli_columns(0), &out);
	int code = cli_print(&out);
	buf_fini(&out);
	request_result_fini(&res);
	return code;
}

static void show_line(struct buf *out, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	buf_printf(out, "  %-19s", name);
	text_append_harmless(out, value, EVENT_TEXT_MAX_BYTES);
	buf_append_c(out, '\n');
}

static void show_numbers(struct buf *out, const struct request *r)
{
	for (size_t i = 0; i < NUMBER_FIELDS; i++) {
		buf_printf(out, "  %-19s", number_fields[i].name);
		append_number(out, r, &number_fields[i], "–");
		buf_append_c(out, '\n');
	}
	if (r->http_status)
		buf_printf(out, "  %-19s%u\n", "http_status", r->http_status);
	if (r->attempt)
		buf_printf(out, "  %-19s%u\n", "attempt", r->attempt);
}

static void show_text(const struct request_row *row, bool demo, struct buf *out)
{
	const struct request *r = &row->request;
	char text[TIME_TEXT_BYTES];

	buf_printf(out, "request %" PRIx64 "%s\n  %-19s%s\n", (uint64_t)row->id, demo ? "  DEMO" : "",
	           "end_time", time_format(r->end_us, text));
	for (int d = 0; d < DIM_COUNT; d++)
		show_line(out, dim_name((enum dim)d), r->dims[d]);
	for (size_t i = 0; i < TEXT_FIELDS; i++)
		show_line(out, text_fields[i].name, text_fields[i].get(r));
	for (int i = 0; i < ATTR_COUNT; i++)
		show_line(out, attr_name((enum attr)i), r->attrs[i]);
	show_numbers(out, r);
	if (r->has_trace) {
		buf_printf(out, "  %-19s", "trace_id");
		append_hex(out, r->trace_id, sizeof r->trace_id);
		buf_append_c(out, '\n');
	}
	for (uint32_t i = 0; i < r->flag_count; i++) {
		buf_printf(out, "  %-19s", "flag");
		text_append_harmless(out, r->flags[i].category, EVENT_NAME_MAX_BYTES);
		if (r->flags[i].severity >= 0)
			buf_printf(out, ", severity %d of 7", r->flags[i].severity);
		buf_puts(out, r->flags[i].action == FLAG_BLOCKED ? ", blocked\n" : ", noted\n");
	}
	buf_puts(out, "cost\n");
	price_explain(r, out);
	if (out->len && out->data[out->len - 1] != '\n')
		buf_append_c(out, '\n');
}

/* What else its trace holds; one that cannot be read is left out. */
static void show_trace(struct store_reader *reader, const struct request_row *row, struct buf *out)
{
	struct trace_result trace;
	struct err err;

	if (!row->request.has_trace)
		return;
	if (query_trace(reader, row->request.trace_id, row->request.end_us, &trace, &err) == 0)
		trace_append_text(&trace, row->id, out);
	trace_result_fini(&trace);
}

static int parse_id(const char *text, int64_t *id)
{
	char *end;

	if (text[0] == '\0' || strlen(text) > 16 || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return -1;
	*id = (int64_t)strtoull(text, &end, 16);
	return *end ? -1 : 0;
}

static int show(const struct args *a, struct store_reader *reader, bool demo, int format,
                struct err *err)
{
	struct request_result res = {0};
	struct buf out = {0};
	int64_t id;

	if (a->operand_count != 2 || parse_id(a->operands[1], &id)) {
		err_set(err, "requests show: give the ID of one request as `llmdeck requests` prints it");
		return EXIT_USAGE;
	}
	if (query_request(reader, id, &res, err))
		return EXIT_FAILED;
	if (res.row_count == 0) {
		err_set(err, "requests show: no request %s: it may be older than raw rows are kept",
		        a->operands[1]);
		request_result_fini(&res);
		return EXIT_FAILED;
	}
	if (format == FORMAT_JSON) {
		buf_puts(&out, "{\"schema\":1,\"request\":");
		json_request(&out, &res.rows[0]);
		struct buf receipt = {0};
		price_explain(&res.rows[0].request, &receipt);
		buf_puts(&out, ",\"receipt\":");
		buf_append_json(&out, buf_str(&receipt));
		buf_puts(&out, "}\n");
		buf_fini(&receipt);
	} else if (format == FORMAT_CSV) {
		write_csv(&res, &out);
	} else {
		show_text(&res.rows[0], demo, &out);
		show_trace(reader, &res.rows[0], &out);
	}
	int code = cli_print(&out);
	buf_fini(&out);
	request_result_fini(&res);
	return code;
}

static int run_with(const struct global *g, const struct args *a)
{
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct window w;
	struct tz *tz = NULL;
	struct err err = {""};
	int format = FORMAT_TABLE, code = EXIT_USAGE;
	bool one = a->operand_count > 0 && strcmp(a->operands[0], "show") == 0;

	if (a->operand_count > 0 && !one)
		err_set(&err, "requests: unknown verb \"%s\": the only one is show ID", a->operands[0]);
	else if (args_choice(a, "--format", &format, &err) ||
	         tz_load(&tz, g->config.options[OPTION_TZ].text, &err))
		;
	else if (window_open_store(&reader, g->store_path, &summary, &err))
		code = EXIT_UNAVAILABLE;
	else if (one)
		code = show(a, reader, summary.demo, format, &err);
	else if (window_read(&w, a, &summary, tz, clock_wall_us(), &err) == 0)
		code = list(a, reader, &w, format, &err);
	if (err.text[0])
		cli_fail((enum exit_code)code, &err);
	store_reader_close(&reader);
	tz_free(&tz);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	return args_run(g, &requests_command, argc, argv, run_with);
}

static const struct command_choices requests_choices[] = {
	{"--format", output_formats, NULL},
	{"--sort", sorts, NULL},
	{NULL, NULL, NULL},
};

const struct command requests_command = {
	.name = "requests",
	.usage = "[--since 1h | --from T --to T] [--where FIELD=VALUE]… [--sort ORDER] | show ID",
	.summary = "single requests: newest, slowest, dearest, failed, flagged; one with its receipt",
	.help = "`requests show ID` prints one request with all that is known about it and how its cost came\n"
	        "about: tokens × rate × rule × price table, or \"reported by source\".",
	.options = requests_options,
	.choices = requests_choices,
	.subcommands = verbs,
	.run = run,
};
