/* llmdeck forget: erases a user or an import everywhere, through the collector or under the writer's lock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "console/control_client.h"
#include "daemon/control_feedback.h"
#include "parse/json_edit.h"
#include "store/forget.h"

#define WAIT_US (600 * US_PER_S)

static const struct command_option forget_options[] = {
	{"--user", "USER", "rows, feedback and texts of this user"},
	{"--import", "BATCH", "everything that an import brought; `query \"SELECT key, name FROM v_imports\"` has the numbers"},
	{"--yes", NULL, "do not ask"},
	{NULL, NULL, NULL},
};

/* The import's number as SQL shows it (signed decimal) or in hexadecimal. */
static bool batch_of(const char *text, char hex[20])
{
	int64_t decimal;
	uint64_t key;

	if (str_to_int64(str_of(text), &decimal) && strlen(text) > 16)
		key = (uint64_t)decimal;
	else if (!import_key_parse(str_of(text), &key))
		return false;
	snprintf(hex, 20, "%016" PRIx64, key);
	return true;
}

static bool agreed(const struct args *a)
{
	char line[8] = "";

	if (args_has(a, "--yes"))
		return true;
	if (!isatty(STDIN_FILENO))
		return false;
	fprintf(stderr, "This erases rows and texts for good. Type yes: ");
	return fgets(line, sizeof line, stdin) && !strcmp(line, "yes\n");
}

static int under_lock(const struct global *g, struct str body, int64_t *rows)
{
	const struct store_options o = {.full_sync = true};
	struct store_writer *w;
	struct err err = {""};

	if (access(g->store_path, F_OK))
		return cli_failf(EXIT_UNAVAILABLE, "%s: there is no store", g->store_path);
	if (store_writer_open(&w, g->store_path, &o, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	int failed = control_feedback_forget_direct(w, body, rows, &err);

	store_writer_close(&w);
	return failed ? cli_fail(EXIT_FAILED, &err) : EXIT_DONE;
}

static int erase(const struct global *g, struct str body)
{
	struct control_client *client = control_client_new(g->socket_path);
	struct buf answer = {0};
	struct err err = {""};
	int64_t rows = 0;
	enum control_result got = control_client_call(client, "POST", "/v1/forget", body, "application/json", WAIT_US, &answer, &err);
	int result = EXIT_DONE;

	control_client_free(&client);
	if (got == CONTROL_NOBODY)
		result = under_lock(g, body, &rows);
	else if (got != CONTROL_OK)
		result = cli_fail(cli_control_code(got), &err);
	else
		json_int_at(buf_str(&answer), "/erased", &rows);
	if (result == EXIT_DONE)
		printf("erased %" PRId64 " rows\n", rows);
	buf_fini(&answer);
	return result;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct buf body = {0};
	struct args a;
	char hex[20];
	int result;

	if (!args_open(&a, &forget_command, argc, argv, &result))
		return result;
	const char *user = args_value(&a, "--user"), *batch = args_value(&a, "--import");

	if (a.operand_count || !user == !batch || (user && !*user)) {
		result = cli_failf(EXIT_USAGE, "forget: give either --user USER or --import BATCH");
	} else if (batch && !batch_of(batch, hex)) {
		result = cli_failf(EXIT_USAGE, "forget: --import %s: give the batch's number, in hexadecimal or as the store shows it", batch);
	} else if (!agreed(&a)) {
		result = cli_failf(EXIT_USAGE, "forget: nothing was erased: add --yes to go ahead without being asked");
	} else {
		buf_puts(&body, user ? "{\"user\":" : "{\"import\":");
		buf_append_json(&body, str_of(user ? user : hex));
		buf_puts(&body, "}");
		result = erase(g, buf_str(&body));
		buf_fini(&body);
	}
	args_fini(&a);
	return result;
}

const struct command forget_command = {
	.name = "forget",
	.usage = "--user USER | --import BATCH [--yes]",
	.summary = "erase a user or an import everywhere: rows, feedback, texts",
	.help = "Through the collector when it runs (role operator), else under the writer's lock. The audit says that something\n"
	        "was erased and by whom it was asked, not what.",
	.options = forget_options,
	.run = run,
};
