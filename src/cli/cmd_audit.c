/* llmdeck audit: who did what, from the store; and whether the record is whole. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "store/query.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX 1000000

enum { AUDIT_TABLE, AUDIT_JSON, AUDIT_JSONL };
static const char *const formats[] = {"table", "json", "jsonl", NULL};
static const char *const subcommands[] = {"verify", NULL};

static const struct command_option audit_options[] = {
	{"--since", "DURATION", "only the last 15m, 1h, 7d …; default: all of it"},
	{"--limit", "N", "newest rows at most; default 200"},
	{"--format", "F", "table, json or jsonl"},
	{"--head", "N:HASH", "verify: a head that was kept elsewhere (the system log has them)"},
	{NULL, NULL, NULL},
};

static void put_member(struct buf *out, const char *name, struct str text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text.len)
		buf_append_json(out, text);
	else
		buf_puts(out, "null");
}

static void put_json(const struct audit_row *row, struct buf *out)
{
	const struct audit_entry *e = &row->entry;
	char time[TIME_TEXT_BYTES];

	buf_printf(out, "{\"id\":%" PRId64 ",\"time\":\"%s\",\"uid\":%u", row->id, time_format(e->time_us, time), e->uid);
	if (e->login_uid == UINT32_MAX)
		buf_puts(out, ",\"login_uid\":null");
	else
		buf_printf(out, ",\"login_uid\":%u", e->login_uid);
	put_member(out, "ssh", e->ssh_client);
	put_member(out, "claimed", e->claimed_name);
	put_member(out, "action", e->action);
	put_member(out, "target", e->target);
	put_member(out, "before", e->before);
	put_member(out, "after", e->after);
	put_member(out, "outcome", e->outcome);
	buf_append_c(out, '}');
}

static void write_json(const struct audit_result *res, bool lines, struct buf *out)
{
	buf_puts(out, lines ? "" : "{\"schema\":1,\"entries\":[");
	for (size_t i = 0; i < res->row_count; i++) {
		buf_puts(out, lines ? "" : i ? ",\n  " : "\n  ");
		put_json(&res->rows[i], out);
		buf_puts(out, lines ? "\n" : "");
	}
	buf_puts(out, lines ? "" : "]}\n");
}

static void write_table(const struct audit_result *res, int width, struct buf *out)
{
	static const struct text_column columns[] = {
		{"ID", 0, 2}, {"TIME", COLUMN_WHOLE, 0}, {"UID", 0, 1}, {"LOGIN", 0, 3}, {"SSH", 1, 4}, {"CLAIMED", 1, 3},
		{"ACTION", 1, 0}, {"TARGET", 1, 0}, {"BEFORE", 1, 2}, {"AFTER", 1, 1}, {"OUTCOME", 1, 0},
	};
	struct text_table *t = text_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char time[TIME_TEXT_BYTES];

	for (size_t i = 0; i < res->row_count; i++) {
		const struct audit_entry *e = &res->rows[i].entry;

		text_table_addf(t, "%" PRId64, res->rows[i].id);
		text_table_add(t, str_of(time_format(e->time_us / US_PER_S * US_PER_S, time)));
		text_table_addf(t, "%u", e->uid);
		if (e->login_uid == UINT32_MAX)
			text_table_add(t, STR_LIT("–"));
		else
			text_table_addf(t, "%u", e->login_uid);
		text_table_add(t, e->ssh_client);
		text_table_add(t, e->claimed_name);
		text_table_add(t, e->action);
		text_table_add(t, e->target);
		text_table_add(t, e->before);
		text_table_add(t, e->after);
		text_table_add(t, e->outcome);
	}
	text_table_print(t, width, out);
	if (res->row_count == 0)
		buf_puts(out, "nothing was changed\n");
	text_table_free(&t);
}

static int list(struct store_reader *r, const struct args *a)
{
	const char *since = args_value(a, "--since");
	int64_t limit = LIMIT_DEFAULT, since_us = 0;
	struct audit_result res;
	struct err err = {""};
	struct buf out = {0};
	int format = AUDIT_TABLE;

	if (args_int(a, "--limit", 1, LIMIT_MAX, &limit, &err) || args_choice(a, "--format", &format, &err))
		return cli_fail(EXIT_USAGE, &err);
	if (since && !duration_parse(str_of(since), &since_us))
		return cli_failf(EXIT_USAGE, "audit: --since %s: give a duration such as 15m, 8h or 7d", since);
	if (query_audit(r, since ? clock_wall_us() - since_us : 0, INT64_MAX, (size_t)limit, &res, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	if (format == AUDIT_TABLE)
		write_table(&res, cli_columns(0), &out);
	else
		write_json(&res, format == AUDIT_JSONL, &out);
	int code = cli_print(&out);

	buf_fini(&out);
	audit_result_fini(&res);
	return code;
}

static int verify(struct store_reader *r, const struct args *a)
{
	struct audit_check check;
	struct err err = {""};
	struct buf out = {0};

	if (query_audit_check(r, args_value(a, "--head"), &check, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	if (check.faulty_id)
		return cli_failf(EXIT_FAILED, "audit: %s; the %" PRId64 " rows before it fit", check.words.text, check.rows);
	buf_printf(&out, "%" PRId64 " rows, each fits the one before it\n", check.rows);
	if (check.rows)
		buf_printf(&out, "head %s\n", check.head);
	int code = cli_print(&out);

	buf_fini(&out);
	return code;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct store_reader *reader = NULL;
	struct store_summary summary;
	struct args a;
	struct err err = {""};
	int code;

	if (!args_open(&a, &audit_command, argc, argv, &code))
		return code;
	bool verifies = a.operand_count > 0 && strcmp(a.operands[0], "verify") == 0;

	if (a.operand_count > 1 || (a.operand_count == 1 && !verifies))
		code = cli_failf(EXIT_USAGE, "audit: unexpected \"%s\": `verify` is all there is", a.operands[a.operand_count - 1]);
	else if (window_open_store(&reader, g->store_path, &summary, &err))
		code = cli_fail(EXIT_UNAVAILABLE, &err);
	else
		code = verifies ? verify(reader, &a) : list(reader, &a);
	store_reader_close(&reader);
	args_fini(&a);
	return code;
}

static const struct command_choices audit_choices[] = {
	{"--format", formats, NULL},
	{NULL, NULL, NULL},
};

const struct command audit_command = {
	.name = "audit",
	.usage = "[verify] [--since 7d] [--format table|json|jsonl]",
	.summary = "who changed what, when, with which outcome",
	.help = "Newest first. Who: the uid as the kernel says, the uid of the login, the SSH connection, and the name\n"
	        "somebody claimed to have. Each row carries a hash of itself and the row before; verify walks the chain\n"
	        "and names the first row that was changed or is missing. The collector logs each new head to the\n"
	        "system log: with --head, verify also shows a tail that was cut or written anew.",
	.options = audit_options,
	.choices = audit_choices,
	.subcommands = subcommands,
	.run = run,
};
