/* llmdeck rollout: look at rollouts and change them, through the collector. A change is planned, shown,
 * confirmed by typing the arm's name, counted down, carried out and verified; Ctrl-C takes the countdown
 * back. rollout_text.c writes what is shown. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/rollout_text.h"
#include "console/control_rollouts.h"

#define BEAT_EVERY_US (250 * US_PER_MS)
#define WAIT_DEFAULT_US (10 * US_PER_MIN)
#define SILENCE_MAX_US (30 * US_PER_S)

static const struct command_option rollout_options[] = {
	{"--yes", NULL, "change without asking"},
	{"--dry-run", NULL, "print the plan and stop"},
	{"--reason", "TEXT", "why; goes into the audit"},
	{"--where", "FIELD=VALUE", "stop-all: only rollouts of this service or environment; repeatable"},
	{"--timeout", "DURATION", "wait: give up after this; default 10m"},
	{"--format", "F", "list, show: table or json"},
	{NULL, NULL, NULL},
};
static const char *const verbs[] = {"list", "show", "set", "step", "back", "rollback", "promote", "hold", "resume",
                                    "reapply", "stop-all", "wait", NULL};

static volatile sig_atomic_t interrupted;

static void take_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

static void catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = take_interrupt};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static void sleep_us(int64_t us)
{
	struct timespec t = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};

	nanosleep(&t, NULL);
}

static int fail(enum control_result result, const struct err *err)
{
	int code = (int)cli_control_code(result);

	cli_fail((enum exit_code)code, err);
	return code;
}

/* ── list, show, wait ──────────────────────────────────────────────────────────────────────── */

static int look(struct control_client *c, const char *name, bool json_wanted)
{
	struct rollout_list list;
	struct buf json = {0}, out = {0};
	struct err err = {""};
	enum control_result result = control_rollout_list(c, &list, &json, &err);
	const struct rollout_view *row = NULL;
	int code;

	if (result != CONTROL_OK)
		return fail(result, &err);
	if (name)
		row = rollout_list_find(&list, name);
	if (name && !row) {
		code = cli_failf(EXIT_USAGE, "rollout \"%s\": the collector's configuration has none of that name: see `llmdeck rollout list`",
		                 name);
	} else {
		if (json_wanted)
			rollout_text_json(buf_str(&json), row ? (size_t)(row - list.rows) : SIZE_MAX, &out);
		else if (row)
			rollout_text_view(row, cli_columns(0), &out);
		else
			rollout_text_list(&list, cli_columns(0), &out);
		code = cli_print(&out);
	}
	buf_fini(&json);
	buf_fini(&out);
	rollout_list_fini(&list);
	return code;
}

/* One look for `wait`: true when there is an answer in *code. */
static bool settled(struct control_client *c, const char *name, int *code)
{
	struct rollout_list list;
	struct err err = {""};
	enum control_result result = control_rollout_list(c, &list, NULL, &err);
	bool over = true;

	if (result != CONTROL_OK) {
		*code = fail(result, &err);
		return true;
	}
	const struct rollout_view *row = rollout_list_find(&list, name);

	if (!row) {
		*code = cli_failf(EXIT_USAGE, "rollout \"%s\": the collector's configuration has none of that name", name);
	} else if (row->has_action) {
		over = false;
	} else if (row->drift) {
		*code = cli_failf(EXIT_FAILED, "rollout %s: DRIFT: %s", name, row->reason);
	} else {
		struct buf out = {0};

		rollout_text_view(row, cli_columns(0), &out);
		*code = cli_print(&out);
		buf_fini(&out);
	}
	rollout_list_fini(&list);
	return over;
}

static int wait_for(struct control_client *c, const char *name, int64_t timeout_us)
{
	int64_t until_us = clock_mono_us() + timeout_us;
	int code = EXIT_FAILED;

	while (!settled(c, name, &code)) {
		if (interrupted)
			return EXIT_FAILED;
		if (clock_mono_us() >= until_us)
			return cli_failf(EXIT_TIMED_OUT, "rollout %s: its change is still under way: see `llmdeck rollout show %s`", name, name);
		sleep_us(BEAT_EVERY_US);
	}
	return code;
}

/* ── changes ───────────────────────────────────────────────────────────────────────────────── */

static bool says_yes(const struct rollout_progress *plan)
{
	const char *word = strcmp(plan->verb, "stop-all") == 0 ? "stop-all"
	                   : plan->part_count                   ? plan->parts[0].candidate : "";
	char line[256];

	fprintf(stderr, "type %s to go on: ", word);
	fflush(stderr);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	return *word && strcmp(line, word) == 0;
}

/* Where the action is, when that is new. */
static void tell(const struct rollout_progress *p, struct buf *said)
{
	struct buf now = {0};

	rollout_text_progress(p, &now);
	if (!str_equal(buf_str(&now), buf_str(said))) {
		fwrite(now.data, 1, now.len, stderr);
		buf_reset(said);
		buf_append_str(said, buf_str(&now));
	}
	buf_fini(&now);
}

static int say_outcome(const struct rollout_progress *p)
{
	struct buf out = {0};
	int code = rollout_progress_good(p) ? EXIT_DONE : EXIT_FAILED;

	rollout_text_outcome(p, &out);
	if (cli_print(&out))
		code = EXIT_FAILED;
	buf_fini(&out);
	return code;
}

/* Beats until it is done. A collector that is silent for long may have ended: its successor will know. */
static int follow(struct control_client *c, const char *key, struct rollout_progress *p)
{
	int64_t heard_us = clock_mono_us();
	struct buf said = {0};
	bool cancelled = false;
	int code;

	for (;;) {
		struct rollout_progress next;
		struct err err = {""};

		tell(p, &said);
		if (rollout_progress_done(p)) {
			code = say_outcome(p);
			break;
		}
		if (interrupted && cancelled && strcmp(p->state, "countdown") != 0) {
			code = cli_failf(EXIT_FAILED, "rollout: too late to cancel: the collector goes on; `llmdeck rollout show` tells how it ends");
			break;
		}
		sleep_us(BEAT_EVERY_US);
		enum control_result result = interrupted && !cancelled ? control_rollout_cancel(c, key, &next, &err)
		                                                        : control_rollout_beat(c, key, &next, &err);

		cancelled = cancelled || interrupted;
		if (result == CONTROL_OK) {
			heard_us = clock_mono_us();
			rollout_progress_fini(p);
			*p = next;
		} else if (result == CONTROL_REFUSED || clock_mono_us() - heard_us > SILENCE_MAX_US) {
			code = fail(result, &err);
			cli_note("what came of it is in `llmdeck audit` once a collector runs");
			break;
		}
	}
	buf_fini(&said);
	return code;
}

static int begin(struct control_client *c, const struct rollout_ask *ask)
{
	char key[ROLLOUT_KEY_BYTES];
	struct rollout_progress p;
	struct err err = {""};

	control_rollout_key(key);
	catch_interrupt();
	enum control_result result = control_rollout_begin(c, ask, key, &p, &err);

	if (result != CONTROL_OK)
		return fail(result, &err);
	int code = follow(c, key, &p);

	rollout_progress_fini(&p);
	return code;
}

static int change(struct control_client *c, const struct rollout_ask *ask, bool yes, bool dry_run)
{
	struct rollout_progress plan;
	struct buf out = {0};
	struct err err = {""};
	bool moves = strcmp(ask->verb, "hold") != 0 && strcmp(ask->verb, "resume") != 0;
	enum control_result result = control_rollout_plan(c, ask, &plan, &err);

	if (result != CONTROL_OK)
		return fail(result, &err);
	rollout_text_plan(&plan, &out);
	int code = cli_print(&out);

	if (!dry_run && !yes && moves && !isatty(STDIN_FILENO))
		code = cli_failf(EXIT_USAGE, "rollout: this changes traffic: say --yes where nobody can be asked");
	else if (!dry_run && !yes && moves && !says_yes(&plan))
		code = cli_failf(EXIT_FAILED, "rollout: that is not the name: nothing was done");
	else if (!dry_run)
		code = begin(c, ask);
	buf_fini(&out);
	rollout_progress_fini(&plan);
	return code;
}

/* ── the command ───────────────────────────────────────────────────────────────────────────── */

struct wish {
	const char *verb, *name;
	struct rollout_ask ask;
	struct buf shares;
	const char *where[16];
	int64_t timeout_us;
	int format;
};

static int read_operands(struct wish *w, const struct args *a, struct err *err)
{
	size_t most = 2;

	w->verb = a->operand_count ? a->operands[0] : "list";
	const char *const *known = verbs;

	while (*known && strcmp(*known, w->verb) != 0)
		known++;
	if (!*known) {
		const char *near = args_nearest(w->verb, verbs, sizeof(verbs) / sizeof(verbs[0]) - 1);

		return err_set(err, "rollout: unknown \"%s\"%s%s%s", w->verb, near ? ": did you mean " : "", near ? near : "",
		               near ? "?" : ": see `llmdeck rollout --help`");
	}
	bool without_name = strcmp(w->verb, "list") == 0 || strcmp(w->verb, "stop-all") == 0;

	if (without_name)
		most = 1;
	if (strcmp(w->verb, "set") == 0)
		most = SIZE_MAX;
	if (strcmp(w->verb, "promote") == 0)
		most = 3;
	if (!without_name && a->operand_count < 2)
		return err_set(err, "rollout %s: name the rollout: see `llmdeck rollout list`", w->verb);
	if (a->operand_count > most)
		return err_set(err, "rollout %s: unexpected \"%s\"", w->verb, a->operands[most]);
	w->name = without_name ? NULL : a->operands[1];
	for (size_t i = 2; i < a->operand_count; i++)
		buf_printf(&w->shares, "%s%s", i > 2 ? " " : "", a->operands[i]);
	if (strcmp(w->verb, "set") == 0 && !w->shares.len)
		return err_set(err, "rollout set %s: give the candidate's share in percent, or ARM=PERCENT for each arm", w->name);
	return 0;
}

static int read_wish(struct wish *w, const struct args *a, struct err *err)
{
	const char *timeout = args_value(a, "--timeout"), *user = getenv("LLMDECK_USER");

	w->timeout_us = WAIT_DEFAULT_US;
	if (read_operands(w, a, err) || args_choice(a, "--format", &w->format, err))
		return -1;
	if (timeout && !duration_parse(str_of(timeout), &w->timeout_us))
		return err_set(err, "rollout: --timeout %s: give a duration such as 90s or 10m", timeout);
	w->ask = (struct rollout_ask){
		.rollout = w->name, .verb = w->verb, .shares = w->shares.data, .reason = args_value(a, "--reason"),
		.claimed = user ? user : getenv("SUDO_USER"), .where = w->where,
	};
	for (const char *where; (where = args_nth(a, "--where", w->ask.where_count)) != NULL;) {
		if (w->ask.where_count == sizeof(w->where) / sizeof(w->where[0]))
			return err_set(err, "rollout: too many --where");
		w->where[w->ask.where_count++] = where;
	}
	if (w->ask.where_count && strcmp(w->verb, "stop-all") != 0)
		return err_set(err, "rollout %s: --where is for stop-all", w->verb);
	if (!w->ask.where_count && strcmp(w->verb, "stop-all") == 0)
		return err_set(err, "rollout stop-all: say which with --where, such as --where environment=prod");
	return 0;
}

static int run(const struct global *g, int argc, char **argv)
{
	struct wish w = {0};
	struct args a;
	struct err err = {""};
	int code;

	if (!args_open(&a, &rollout_command, argc, argv, &code))
		return code;
	if (read_wish(&w, &a, &err)) {
		code = cli_fail(EXIT_USAGE, &err);
	} else {
		struct control_client *c = control_client_new(g->socket_path);

		if (strcmp(w.verb, "list") == 0 || strcmp(w.verb, "show") == 0)
			code = look(c, w.name, w.format == 1);
		else if (strcmp(w.verb, "wait") == 0)
			code = wait_for(c, w.name, w.timeout_us);
		else
			code = change(c, &w.ask, args_has(&a, "--yes"), args_has(&a, "--dry-run"));
		control_client_free(&c);
	}
	buf_fini(&w.shares);
	args_fini(&a);
	return code;
}

static const struct command_choices rollout_choices[] = {
	{"--format", output_formats_deep, NULL},
	{NULL, NULL, NULL},
};

const struct command rollout_command = {
	.name = "rollout",
	.usage = "[list | show NAME | set NAME PERCENT | step NAME | rollback NAME | …] [--yes] [--dry-run]",
	.summary = "look at rollouts and change them: weights, steps, roll back, promote",
	.help = "set NAME PERCENT gives the candidate that share (with more arms: ARM=PERCENT …); step and back follow\n"
	        "the plan of the configuration; rollback sends everything to the stable arm, promote to the candidate;\n"
	        "hold and resume stop and allow steps that advance by themselves; reapply mends a drift; stop-all rolls\n"
	        "back every rollout of a scope; wait returns when a change has ended.\n"
	        "A change prints its plan, asks for the arm's name, and counts down before it begins (Ctrl-C takes it\n"
	        "back). It is then read back from every target and compared with the traffic that arrives. The\n"
	        "collector needs to run, and you need the role operator. LLMDECK_USER names the person behind a shared\n"
	        "account in the audit, as a claim.",
	.options = rollout_options,
	.choices = rollout_choices,
	.subcommands = verbs,
	.run = run,
};
