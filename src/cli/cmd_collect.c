/* llmdeck collect: the collector in the foreground, as a service manager wants it. */
#include "base/log.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "daemon/collector.h"

static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

static const struct command_option collect_options[] = {
	{"--listen", "ADDR:PORT", "where to receive OTLP/HTTP; default 127.0.0.1:4318; none: nowhere"},
	{"--log", "LEVEL", "error, warning, info or debug; default info"},
	{NULL, NULL, NULL},
};

static int run(const struct global *g, int argc, char **argv)
{
	struct args a;
	struct err err = {""};
	int level = LOG_LEVEL_INFO;
	int code;

	if (!args_open(&a, &collect_command, argc, argv, &code))
		return code;
	const char *listen = args_value(&a, "--listen"); /* points into argv */
	bool bad = args_choice(&a, "--log", &level, &err) != 0;

	if (a.operand_count)
		bad = err_set(&err, "collect: unexpected \"%s\": sources are named in the configuration", a.operands[0]) != 0;

	args_fini(&a);
	if (bad)
		return cli_fail(EXIT_USAGE, &err);
	log_set_level((enum log_level)level);
	struct collector_options options_given = {
		.store_path = g->store_path, .socket_path = g->socket_path, .config_path = g->config_path,
		.config = &g->config, .receive = true, .listen = listen, .parent_fd = -1,
	};

	return collector_run(&options_given, &err) ? cli_fail(EXIT_UNAVAILABLE, &err) : EXIT_DONE;
}

static const struct command_choices collect_choices[] = {
	{"--log", levels, NULL},
	{NULL, NULL, NULL},
};

const struct command collect_command = {
	.name = "collect",
	.usage = "[--listen ADDR:PORT] [--log LEVEL]",
	.summary = "run the collector in the foreground",
	.help = "The collector is the store's only writer: it takes in what the configured sources bring and\n"
	        "what commands send over its control socket, until SIGTERM or SIGINT, and stores what is queued\n"
	        "before it ends. SIGHUP reads the configuration again. Under systemd it is of Type=notify.",
	.options = collect_options,
	.choices = collect_choices,
	.run = run,
};
