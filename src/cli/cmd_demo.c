/* llmdeck demo: a throw-away store in a private folder, a child that collects an invented fleet into
 * it, and the console over both. The child removes the folder when it ends, and it ends when this
 * process does, however that happens; what a crash of both left behind is swept at the next start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/throwaway.h"
#include "console/console.h"
#include "core/money.h"
#include "daemon/spawn.h"
#include "store/query.h"

#define START_TIMEOUT_US (10 * US_PER_S)
#define STOP_TIMEOUT_US (5 * US_PER_S)
#define FILL_TIMEOUT_US (20 * US_PER_S)
#define FRESH_US (2 * US_PER_S)

static const char *const incidents[] = {"none", "canary", NULL};

static const struct command_option demo_options[] = {
	{"--seed", "N", "the same seed invents the same fleet; default 1"},
	{"--speed", "X", "factor on all rates, 0.1 to 100; the incident comes as much earlier"},
	{"--incident", "WHAT", "canary: a candidate goes bad after a minute (default); none: all stays well"},
	{NULL, NULL, NULL},
};

/* ── the fleet ─────────────────────────────────────────────────────────────────────────────── */

#define DEMO_STEERED 3 /* rollouts that can be steered */
#define DEMO_RULES 6
#define DEMO_BUDGETS 2

struct demo {
	char *folder, *store_path, *socket_path, *log_path;
	char seed[24], speed[24], incident[24];
	struct config_pair pairs[3];
	struct config_section source;
	struct config_section actuators[DEMO_STEERED];
	struct config_rollout rollouts[DEMO_STEERED];
	struct config_alert rules[DEMO_RULES];
	struct config_budget budgets[DEMO_BUDGETS];
	struct config config; /* the child's: the defaults, one source, its rollouts, limits and budgets */
	struct collector_child *child;
	struct console_start start;
};

static int read_options(struct demo *d, const struct args *a, struct err *err)
{
	const char *speed_text = args_value(a, "--speed");
	int64_t seed = 1, speed_percent = 100;
	int incident = 1;

	if (a->operand_count)
		return err_set(err, "demo: unexpected \"%s\": see llmdeck demo --help", a->operands[0]);
	if (args_int(a, "--seed", 0, INT64_MAX, &seed, err) ||
	    args_choice(a, "--incident", &incident, err))
		return -1;
	if (speed_text && (!str_to_scaled_int64(str_of(speed_text), 2, &speed_percent) ||
	                   speed_percent < 10 || speed_percent > 10000))
		return err_set(err, "demo: --speed %s: give a factor from 0.1 to 100", speed_text);
	snprintf(d->seed, sizeof(d->seed), "%lld", (long long)seed);
	snprintf(d->speed, sizeof(d->speed), "%lld", (long long)speed_percent);
	snprintf(d->incident, sizeof(d->incident), "%s", incidents[incident]);
	return 0;
}

/* The fleet's rollouts, as a configuration would have them; names and deployments are the fleet's. */
static void fill_rollouts(struct demo *d)
{
	static const char *const names[DEMO_STEERED][4] = {
		{"checkout", "checkout-assistant", "v42", "v43"},
		{"search", "search-summariser", "2.8.1", "2.9.0"},
		{"router", "ticket-router", "r14", "r15"},
	};
	static const struct config_guardrail guardrails[] = {
		{.metric = METRIC_LATENCY_P95, .worse_by = 0.25, .relative = true}, {.metric = METRIC_ERROR_RATE, .worse_by = 0.01},
		{.metric = METRIC_COST_PER_1K, .worse_by = 0.30, .relative = true}, {.metric = METRIC_FLAGS_PER_1K, .worse_by = 10},
		{.metric = METRIC_NEGATIVE_SHARE, .worse_by = 0.15},
		{.metric = METRIC_COUNT, .worse_by = 0.05, .evaluation = "evaluation:groundedness"},
	};
	static const double steps[] = {5, 10, 25, 50, 100};

	for (size_t i = 0; i < DEMO_STEERED; i++) {
		struct config_rollout *r = &d->rollouts[i];

		d->actuators[i] = (struct config_section){.kind = "demo"};
		*r = (struct config_rollout){
			.name = names[i][0], .service = names[i][1], .environment = "prod", .stable = names[i][2],
			.candidate = names[i][3], .arms = {names[i][2], names[i][3]}, .arm_count = 2,
			.actuators = &d->actuators[i], .actuator_count = 1, .breach_us = 20 * US_PER_S,
			.hold_us = 10 * US_PER_MIN, .lower_us = 3 * US_PER_S, .raise_us = 10 * US_PER_S,
			.step_count = sizeof(steps) / sizeof(steps[0]),
			.guardrail_count = sizeof(guardrails) / sizeof(guardrails[0]),
		};
		memcpy(r->steps, steps, sizeof(steps));
		memcpy(r->guardrails, guardrails, sizeof(guardrails));
	}
	d->config.rollouts = d->rollouts;
	d->config.rollout_count = DEMO_STEERED;
}

/* Limits that fit the invented fleet: a quiet fleet stays below all of them, the incident goes over
 * some. */
static void fill_rules(struct demo *d)
{
	static const struct config_alert limits[DEMO_RULES] = {
		{.name = "demo-cost", .metric = METRIC_COST_RATE, .limit = 450},
		{.name = "demo-slow", .metric = METRIC_LATENCY_P95, .limit = 6, .severity = SEVERITY_CRITICAL},
		{.name = "demo-ttft", .metric = METRIC_TTFT_P95, .limit = 3},
		{.name = "demo-errors", .metric = METRIC_ERROR_RATE, .limit = 0.02},
		{.name = "demo-flags", .metric = METRIC_FLAG_RATE, .limit = 13},
		{.name = "demo-checkout", .metric = METRIC_LATENCY_P95, .limit = 5.5,
		 .severity = SEVERITY_CRITICAL},
	};

	memcpy(d->rules, limits, sizeof limits);
	for (size_t i = 0; i < DEMO_RULES; i++)
		d->rules[i].window_us = 2 * US_PER_MIN;
	view_add_filter(&d->rules[DEMO_RULES - 1].where, STR_LIT("service=checkout-assistant"), NULL);
	d->config.alerts = d->rules;
	d->config.alert_count = DEMO_RULES;
}

/* One that is far from its end, and one that is over soon: what it would do then is only said. */
static void fill_budgets(struct demo *d)
{
	static const struct config_budget budgets[DEMO_BUDGETS] = {
		{.name = "demo-fleet", .amount_nusd = 300000 * NUSD_PER_USD, .period = PERIOD_MONTH},
		{.name = "demo-checkout-day", .amount_nusd = 200 * NUSD_PER_USD, .period = PERIOD_DAY, .hard = "rollback checkout"},
	};

	memcpy(d->budgets, budgets, sizeof budgets);
	for (size_t i = 0; i < DEMO_BUDGETS; i++) {
		struct config_budget *b = &d->budgets[i];

		b->tz = "UTC";
		b->on_actual = true;
		b->max_unpriced = 0.05;
		b->warn_percent[b->warn_count++] = 80;
		b->warn_percent[b->warn_count++] = 100;
	}
	view_add_filter(&d->budgets[1].where, STR_LIT("service=checkout-assistant"), NULL);
	d->config.budgets = d->budgets;
	d->config.budget_count = DEMO_BUDGETS;
}

static void fill_config(struct demo *d)
{
	config_init(&d->config);
	d->pairs[0] = (struct config_pair){.key = "seed", .value = d->seed};
	d->pairs[1] = (struct config_pair){.key = "speed", .value = d->speed};
	d->pairs[2] = (struct config_pair){.key = "incident", .value = d->incident};
	d->source = (struct config_section){
		.name = "demo", .kind = "demo", .pairs = d->pairs, .pair_count = 3,
	};
	d->config.sources = &d->source;
	d->config.source_count = 1;
	fill_rollouts(d);
	fill_rules(d);
	fill_budgets(d);
}

static int ask_child(void *arg, char *banner, size_t cap, struct err *err)
{
	struct demo *d = arg;
	enum spawn_state state = collector_child_state(d->child, err);

	(void)banner;
	(void)cap;
	return state == SPAWN_FAILED ? -1 : state == SPAWN_STARTING;
}

/* Begins it, and waits for it where no screen can be drawn meanwhile. */
static int start_fleet(struct demo *d, bool wait, struct err *err)
{
	if (throwaway_make("demo", &d->folder, err))
		return -1;
	d->store_path = mem_printf("%s/" THROWAWAY_STORE, d->folder);
	d->socket_path = mem_printf("%s/control.sock", d->folder);
	d->log_path = mem_printf("%s/collector.log", d->folder);
	fill_config(d);
	struct spawn_options o = {
		.collector = {
			.store_path = d->store_path, .socket_path = d->socket_path, .config = &d->config,
			.demo = true,
		},
		.log_path = d->log_path, .after = throwaway_remove_after, .arg = d->folder,
	};

	if (wait)
		return collector_child_start(&d->child, &o, START_TIMEOUT_US, err);
	if (collector_child_begin(&d->child, &o, START_TIMEOUT_US, err))
		return -1;
	d->start = (struct console_start){collector_child_fd(d->child), ask_child, d};
	return 0;
}

static void end_fleet(struct demo *d)
{
	collector_child_stop(&d->child, STOP_TIMEOUT_US);
	if (d->folder)
		throwaway_remove(d->folder); /* already gone unless the child was killed */
	config_fini(&d->config);
	free(d->folder);
	free(d->store_path);
	free(d->socket_path);
	free(d->log_path);
}

/* Waits until the invented past is stored and the present has begun. */
static int wait_for_data(const char *store_path, struct err *err)
{
	struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	int64_t until_us = clock_mono_us() + FILL_TIMEOUT_US;
	struct store_reader *reader;
	struct store_summary summary = {0};

	if (store_reader_open(&reader, store_path, err))
		return -1;
	while (!query_summary(reader, &summary, err) && summary.last_us < clock_wall_us() - FRESH_US &&
	       clock_mono_us() < until_us)
		nanosleep(&pause, NULL);
	store_reader_close(&reader);
	return summary.requests ? 0 : err_set(err, "demo: the fleet gives no data: %s", store_path);
}

static int show(const struct global *g, struct demo *d, struct err *err)
{
	struct config shown = g->config; /* borrows: g keeps what it owns */
	struct console_options o = {
		.store_path = d->store_path, .socket_path = d->socket_path, .config_path = g->config_path,
		.config = &shown, .demo = true, .since_us = 15 * US_PER_MIN, .start = d->start.ask ? &d->start : NULL,
	};

	shown.rollouts = d->config.rollouts;
	shown.rollout_count = d->config.rollout_count;
	shown.alerts = d->config.alerts;
	shown.alert_count = d->config.alert_count;
	shown.budgets = d->config.budgets;
	shown.budget_count = d->config.budget_count;

	if (console_prints(&o) && wait_for_data(d->store_path, err))
		return -1;
	return console_run(&o, err);
}

static int run(const struct global *g, int argc, char **argv)
{
	struct demo d = {0};
	struct args a;
	struct err err = {""};
	int code;

	if (!args_open(&a, &demo_command, argc, argv, &code))
		return code;
	code = read_options(&d, &a, &err) ? EXIT_USAGE : EXIT_DONE;
	args_fini(&a);
	if (code == EXIT_DONE && (start_fleet(&d, console_prints(&(struct console_options){0}), &err) || show(g, &d, &err)))
		code = EXIT_FAILED;
	end_fleet(&d);
	return code == EXIT_DONE ? code : cli_fail((enum exit_code)code, &err);
}

static const struct command_choices demo_choices[] = {
	{"--incident", incidents, NULL},
	{NULL, NULL, NULL},
};

const struct command demo_command = {
	.name = "demo",
	.usage = "[--seed N] [--speed X] [--incident none|canary]",
	.summary = "the console over an invented fleet, with an incident to find",
	.help = "Everything is kept in a private folder and removed at the end. About a minute after the start\n"
	        "the candidate v43 of checkout-assistant goes bad: latency, cost, flags and mood all turn.\n"
	        "In a pipe it waits until the fleet's last hour is stored, prints one screen and leaves.",
	.options = demo_options,
	.choices = demo_choices,
	.run = run,
};
