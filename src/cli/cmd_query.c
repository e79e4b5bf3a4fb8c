/* llmdeck query: one SELECT over the documented views. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "store/ask.h"
#include "store/ask_text.h"

#define SQL_MAX_BYTES ((size_t)64 << 10)

static const struct command_option query_options[] = {
	{"--limit", "N", "rows at most; 1000 unless told"},
	{"--timeout", "DURATION", "time at most; 10s unless told"},
	{"--format", "FORMAT", "table (default), json or csv"},
	{NULL, NULL, NULL},
};

static atomic_bool *interrupted;

static void on_interrupt(int number)
{
	(void)number;
	atomic_store(interrupted, true);
}

static void print_table(const struct answer *a, struct buf *out)
{
	struct text_column *columns = mem_zalloc((a->column_count + 1) * sizeof *columns);
	struct text_table *table;
	struct buf cell = {0};

	for (size_t i = 0; i < a->column_count; i++) {
		columns[i] = (struct text_column){.heading = a->columns[i], .left = COLUMN_WHOLE};
		if (a->row_count && (a->cells[i].kind == ANSWER_INTEGER || a->cells[i].kind == ANSWER_REAL))
			columns[i].left = 0;
	}
	table = text_table_new(columns, a->column_count);
	for (size_t i = 0; i < a->row_count * a->column_count; i++) {
		buf_reset(&cell);
		answer_cell_append(&cell, &a->cells[i]);
		if (a->cells[i].kind == ANSWER_NULL)
			buf_puts(&cell, cli_utf8() ? "–" : "-");
		text_table_add(table, buf_str(&cell));
	}
	text_table_print(table, cli_columns(0), out);
	text_table_free(&table);
	buf_fini(&cell);
	free(columns);
}

static int print_answer(const struct answer *a, int format)
{
	static void (*const print[])(const struct answer *, struct buf *) = {
		[FORMAT_TABLE] = print_table, [FORMAT_JSON] = answer_append_json, [FORMAT_CSV] = answer_append_csv,
	};
	struct buf out = {0};
	int result;

	print[format](a, &out);
	result = cli_print(&out);
	if (a->more)
		cli_note("query: only the first %zu rows are shown: see --limit", a->row_count);
	buf_fini(&out);
	return result;
}

/* The statement: the operand, or standard input for "-". */
static int read_sql(const struct args *args, struct buf *sql, struct err *err)
{
	size_t got;

	if (args->operand_count != 1)
		return err_set(err, "query: give one SQL statement in quotes, or - to read it from standard input");
	if (strcmp(args->operands[0], "-") != 0) {
		buf_puts(sql, args->operands[0]);
		return 0;
	}
	while (sql->len <= SQL_MAX_BYTES && (got = fread(buf_reserve(sql, 4096), 1, 4096, stdin)) > 0)
		sql->len += got;
	return 0;
}

static int ask(const struct global *g, struct str sql, const struct ask_limits *limits, int format)
{
	struct store_asker *asker;
	struct answer answer;
	struct err err = {""};
	bool timed_out = false;
	int result;

	if (store_asker_open(&asker, g->store_path, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	interrupted = store_asker_interrupted(asker);
	signal(SIGINT, on_interrupt);
	if (store_ask(asker, sql, limits, &answer, &timed_out, &err)) {
		result = cli_fail(timed_out ? EXIT_TIMED_OUT : EXIT_USAGE, &err);
	} else {
		result = print_answer(&answer, format);
		answer_fini(&answer);
	}
	signal(SIGINT, SIG_DFL);
	store_asker_close(&asker);
	return result;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct ask_limits limits = {.rows = 1000, .timeout_us = 10000000};
	int64_t rows = 1000;
	int format = FORMAT_TABLE, result = EXIT_DONE;
	struct buf sql = {0};
	struct args args;
	struct err err = {""};

	if (!args_open(&args, &query_command, argc, argv, &result))
		return result;
	if (args_int(&args, "--limit", 1, 1000000, &rows, &err) || args_choice(&args, "--format", &format, &err) ||
	    read_sql(&args, &sql, &err))
		result = cli_fail(EXIT_USAGE, &err);
	else if (args_value(&args, "--timeout") &&
	         (!duration_parse(str_of(args_value(&args, "--timeout")), &limits.timeout_us) || limits.timeout_us <= 0))
		result = cli_failf(EXIT_USAGE, "--timeout: %s: give a duration such as 30s", args_value(&args, "--timeout"));
	else {
		limits.rows = (size_t)rows;
		result = ask(g, buf_str(&sql), &limits, format);
	}
	buf_fini(&sql);
	args_fini(&args);
	return result;
}

static const struct command_choices query_choices[] = {
	{"--format", output_formats, NULL},
	{NULL, NULL, NULL},
};

const struct command query_command = {
	.name = "query",
	.usage = "[--limit N] [--timeout D] [--format F] SQL",
	.summary = "read-only SQL over the documented views",
	.help = "One SELECT over the views of llmdeck-store(5): v_requests, v_flags, v_feedback, v_rollups and the others that\n"
	        "begin with v_. Times are microseconds since 1970, money is nano-dollars, ids of traces are in hexadecimal.\n"
	        "It cannot write, attach or reach outside the store, and ends at its time limit (exit code 3) or with Ctrl-C.",
	.options = query_options,
	.choices = query_choices,
	.run = run,
};
