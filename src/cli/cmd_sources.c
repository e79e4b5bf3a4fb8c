/* llmdeck sources: what the collector on the control socket says about each source. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "console/control_client.h"

static const struct command_option sources_options[] = {
	{"--format", "FORMAT", "table (default), json or csv"},
	{NULL, NULL, NULL},
};

static void add_age(struct text_table *t, double age_s)
{
	char text[TIME_TEXT_BYTES];

	if (isnan(age_s))
		text_table_addf(t, "never");
	else
		text_table_addf(t, "%s", duration_format((int64_t)age_s * US_PER_S, text));
}

static void write_table(const struct control_status *s, int width, struct buf *out)
{
	static const struct text_column columns[] = {
		{"NAME", true, 0},   {"KIND", true, 2},  {"STATE", COLUMN_WHOLE, 0},
		{"NEWEST", false, 1}, {"ROWS", false, 3}, {"REASON", true, 0},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof columns[0]);

	buf_printf(out, "collector %" PRId64 " on ", s->pid);
	text_append_harmless(out, str_of(s->store), 4096);
	buf_printf(out, "%s, %" PRId64 " rows stored, %" PRId64 " of %" PRId64 " batches queued\n",
	           s->demo ? ", DEMO" : "", s->rows, s->queued_batches, s->queued_batches_max);
	if (s->failing) {
		buf_puts(out, "FAILING: ");
		text_append_harmless(out, str_of(s->words), 1024);
		buf_append_c(out, '\n');
	}
	buf_append_c(out, '\n');
	for (size_t i = 0; i < s->source_count; i++) {
		const struct control_source *source = &s->sources[i];

		text_table_add(t, str_of(source->name));
		text_table_add(t, str_of(source->kind));
		text_table_add(t, str_of(source->state));
		add_age(t, source->age_s);
		text_table_addf(t, "%" PRId64, source->rows);
		text_table_add(t, str_of(source->reason));
	}
	text_table_print(t, width, out);
	if (s->source_count == 0)
		buf_puts(out, "no source is configured: see llmdeck(5)\n");
	text_table_free(&t);
}

static void write_json(const struct control_status *s, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,");
	if (s->demo)
		buf_puts(out, "\"demo\":true,");
	buf_puts(out, "\"sources\":[");
	for (size_t i = 0; i < s->source_count; i++) {
		const struct control_source *source = &s->sources[i];

		buf_puts(out, i ? ",\n  {\"name\":" : "\n  {\"name\":");
		buf_append_json(out, str_of(source->name));
		buf_puts(out, ",\"kind\":");
		buf_append_json(out, str_of(source->kind));
		buf_puts(out, ",\"state\":");
		buf_append_json(out, str_of(source->state));
		if (isnan(source->age_s))
			buf_puts(out, ",\"age_s\":null");
		else
			buf_printf(out, ",\"age_s\":%.3f", source->age_s);
		buf_printf(out, ",\"rows\":%" PRId64 ",\"reason\":", source->rows);
		buf_append_json(out, str_of(source->reason));
		buf_append_c(out, '}');
	}
	buf_puts(out, "]}\n");
}

static void write_csv(const struct control_status *s, struct buf *out)
{
	buf_puts(out, "name,kind,state,age_s,rows,reason\n");
	for (size_t i = 0; i < s->source_count; i++) {
		const struct control_source *source = &s->sources[i];

		buf_append_csv(out, str_of(source->name));
		buf_append_c(out, ',');
		buf_append_csv(out, str_of(source->kind));
		buf_append_c(out, ',');
		buf_append_csv(out, str_of(source->state));
		if (isnan(source->age_s))
			buf_puts(out, ",");
		else
			buf_printf(out, ",%.3f", source->age_s);
		buf_printf(out, ",%" PRId64 ",", source->rows);
		buf_append_csv(out, str_of(source->reason));
		buf_append_c(out, '\n');
	}
}

static int list(const struct global *g, int format)
{
	struct control_client *client = control_client_new(g->socket_path);
	struct control_status status = {0};
	struct err err = {""};
	struct buf out = {0};
	enum control_result result = control_client_status(client, &status, &err);
	int code = (int)cli_control_code(result);

	if (result != CONTROL_OK) {
		cli_fail((enum exit_code)code, &err);
	} else {
		if (format == FORMAT_JSON)
			write_json(&status, &out);
		else if (format == FORMAT_CSV)
			write_csv(&status, &out);
		else
			write_table(&status, cli_columns(0), &out);
		code = cli_print(&out);
	}
	buf_fini(&out);
	control_status_fini(&status);
	control_client_free(&client);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct args a;
	struct err err = {""};
	int format = FORMAT_TABLE, code;

	if (!args_open(&a, &sources_command, argc, argv, &code))
		return code;
	if (a.operand_count)
		code = cli_failf(EXIT_USAGE, "sources: unexpected \"%s\"", a.operands[0]);
	else if (args_choice(&a, "--format", &format, &err))
		code = cli_fail(EXIT_USAGE, &err);
	else
		code = list(g, format);
	args_fini(&a);
	return code;
}

static const struct command_choices sources_choices[] = {
	{"--format", output_formats, NULL},
	{NULL, NULL, NULL},
};

const struct command sources_command = {
	.name = "sources",
	.usage = "[--format F]",
	.summary = "every source of the running collector: state, age, reason",
	.help = "It asks the collector on its control socket (see --socket).",
	.options = sources_options,
	.choices = sources_choices,
	.run = run,
};
