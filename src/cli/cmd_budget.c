/* llmdeck budget: what was allowed, what is spent, and what will be. Looking reads the store; changing
 * asks the collector. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/budgets.h"
#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/alert_ask.h"
#include "cli/budget_reconcile.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "core/money.h"
#include "store/query_alerts.h"

#define FRESH_US (3 * US_PER_MIN) /* the collector assesses every minute */

static const struct command_option budget_options[] = {
	{"--format", "F", "list, reconcile: table (default) or json"},
	{"--since", "DURATION", "reconcile: the last days of the bill; default 31d"},
	{"--from", "TIME", "reconcile: a date or a time"},
	{"--to", "TIME", "reconcile: end, not included"},
	{"--amount", "USD", "set: how much a period may cost; needed for a new budget"},
	{"--period", "PERIOD", "set: day, week, month (default), quarter or year"},
	{"--tz", "ZONE", "set, reconcile: whose days; default UTC"},
	{"--where", "FIELD=VALUE", "set: what counts; != excludes; repeatable; or one user=NAME. reconcile: what of the bill is ours"},
	{"--warn", "PERCENTS", "set: thresholds; default 50,80,100"},
	{"--on", "BASES", "set: actual (default), forecast, or actual,forecast"},
	{"--hard", "ACTION", "set: at 100 %: `rollback ROLLOUT`, `weight ROLLOUT SHARES`, none"},
	{"--max-unpriced", "SHARE", "set: nothing acts while more requests have no price; default 5%"},
	{"--until", "TIME", "set: when the configured budget is back: 2h, a time, or reset; default: it stays"},
	{NULL, NULL, NULL},
};
static const char *const budget_verbs[] = {"list", "set", "remove", "reconcile", NULL};

static const struct config_budget *config_of(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->budget_count; i++)
		if (strcmp(c->budgets[i].name, name) == 0)
			return &c->budgets[i];
	return NULL;
}

static bool is_changed(const struct budget_result *people, const char *name)
{
	for (size_t i = 0; i < people->row_count; i++)
		if (strcmp(people->rows[i].budget.name, name) == 0)
			return true;
	return false;
}

/* Array of budgets in force with room for `more`; owned. */
static struct budget_standing *in_force(const struct config *c, const struct budget_result *people, size_t more, size_t *count)
{
	struct budget_standing *out = mem_array(NULL, c->budget_count + people->row_count + more + 1, sizeof *out);

	*count = 0;
	for (size_t i = 0; i < c->budget_count; i++)
		if (!is_changed(people, c->budgets[i].name))
			out[(*count)++] = (struct budget_standing){.budget = c->budgets[i], .author = "", .deed_words = "",
			                                           .config_amount_nusd = c->budgets[i].amount_nusd};
	for (size_t i = 0; i < people->row_count; i++) {
		const struct budget_record *p = &people->rows[i];
		const struct config_budget *own = config_of(c, p->budget.name);

		if (!p->removed)
			out[(*count)++] = (struct budget_standing){.budget = p->budget, .author = p->author, .until_us = p->until_us, .deed_words = "",
			                                           .changed_us = p->changed_us, .config_amount_nusd = own ? own->amount_nusd : 0};
	}
	return out;
}

/* What the collector knows beside: what came of a hard action, the amounts of its own configuration, and
 * budgets of that which ours does not have. `all` has room for them. */
static void take_told(struct budget_standing *all, size_t *count, const struct standing_result *told, int64_t now_us)
{
	for (size_t k = 0; k < told->row_count; k++) {
		const struct budget_standing *t = &told->rows[k];
		size_t i = 0;

		while (i < *count && strcmp(all[i].budget.name, t->budget.name) != 0)
			i++;
		if (now_us - t->assessed_us > FRESH_US)
			continue;
		if (i == *count)
			all[(*count)++] = *t;
		all[i].deed_words = t->deed_words;
		all[i].budget.armed = t->budget.armed;
		all[i].config_amount_nusd = t->config_amount_nusd;
	}
}

static int assess(struct store_reader *r, struct budget_standing *s, int64_t now_us, struct err *err)
{
	struct tz *tz = NULL;

	if (tz_load(&tz, s->budget.tz, err))
		return -1;
	int failed = budget_assess(r, &s->budget, tz, now_us, &s->status, err);

	s->assessed_us = now_us;
	tz_free(&tz);
	return failed;
}

static void add_money(struct buf *out, const char *name, int64_t nusd)
{
	char text[MONEY_TEXT_BYTES];

	buf_printf(out, ",\"%s\":\"%s\"", name, money_format_usd(nusd, text));
}

static void add_json(const struct budget_standing *s, struct buf *out)
{
	const struct budget_status *st = &s->status;
	char where[1024], warn[64] = "";

	for (size_t i = 0, len = 0; i < s->budget.warn_count; i++)
		len += (size_t)snprintf(warn + len, sizeof warn - len, "%s%d", i ? "," : "", s->budget.warn_percent[i]);
	buf_puts(out, "{\"name\":");
	buf_append_json(out, str_of(s->budget.name));
	alert_add_text(out, "where", budget_format_where(&s->budget, where, sizeof where));
	alert_add_text(out, "period", budget_period_name(s->budget.period));
	alert_add_text(out, "tz", s->budget.tz);
	add_money(out, "amount_usd", s->budget.amount_nusd);
	add_money(out, "spent_usd", st->spent_nusd);
	if (st->forecast_known) {
		add_money(out, "forecast_usd", (int64_t)st->forecast_nusd);
		add_money(out, "forecast_low_usd", (int64_t)st->low_nusd);
		add_money(out, "forecast_high_usd", (int64_t)st->high_nusd);
	} else {
		buf_puts(out, ",\"forecast_usd\":null,\"forecast_low_usd\":null,\"forecast_high_usd\":null");
	}
	alert_add_number(out, "percent", st->percent);
	alert_add_text(out, "state", budget_state_name(st->state));
	add_money(out, "overshoot_usd", st->overshoot_nusd);
	alert_add_time(out, "resets_at", st->to_us);
	alert_add_number(out, "data_age_s", st->data_age_us < 0 ? NAN : (double)st->data_age_us / (double)US_PER_S);
	alert_add_number(out, "burn_usd_per_hour", st->burn_nusd_per_hour / (double)NUSD_PER_USD);
	alert_add_number(out, "sustainable_usd_per_hour", st->sustainable_nusd_per_hour / (double)NUSD_PER_USD);
	alert_add_time(out, "exhausted_at", st->exhausted_us);
	buf_printf(out, ",\"unpriced_requests\":%" PRId64, st->unpriced);
	buf_printf(out, ",\"spent_quality\":\"%s\",\"warn\":[%s],\"on\":[%s%s%s]", st->spent_bound || st->unpriced ? "lower_bound" : "ok", warn,
	           s->budget.on_actual ? "\"actual\"" : "", s->budget.on_actual && s->budget.on_forecast ? "," : "",
	           s->budget.on_forecast ? "\"forecast\"" : "");
	alert_add_text(out, "hard", s->budget.hard ? s->budget.hard : "");
	buf_printf(out, ",\"armed\":%s", s->budget.armed ? "true" : "false");
	alert_add_text(out, "hard_outcome", s->deed_words);
	alert_add_number(out, "max_unpriced", s->budget.max_unpriced);
	if (s->config_amount_nusd)
		add_money(out, "config_amount_usd", s->config_amount_nusd);
	else
		buf_puts(out, ",\"config_amount_usd\":null");
	alert_add_text(out, "changed_by", s->author);
	alert_add_time(out, "changed_at", s->changed_us);
	alert_add_time(out, "changed_until", s->until_us);
	buf_append_c(out, '}');
}

static void add_short(struct text_table *t, bool known, double nusd, const char *mark)
{
	char text[MONEY_TEXT_BYTES];

	if (known)
		text_table_addf(t, "%s%s", mark, money_format_short((int64_t)nusd, 9, text));
	else
		text_table_addf(t, "%s", cli_utf8() ? "–" : "-");
}

static void add_row(struct text_table *t, const struct budget_standing *s, int64_t now_us)
{
	const struct budget_status *st = &s->status;
	char text[TIME_TEXT_BYTES], amount[BUDGET_AMOUNT_BYTES];

	text_table_add(t, str_of(s->budget.name));
	text_table_add(t, str_of(budget_period_name(s->budget.period)));
	text_table_add(t, str_of(budget_format_amount(s, NULL, amount)));
	add_short(t, true, (double)st->spent_nusd, st->unpriced || st->spent_bound ? (cli_utf8() ? "≥" : ">=") : "");
	text_table_addf(t, "%.1f%%", st->percent);
	add_short(t, st->forecast_known, st->forecast_nusd, "~");
	text_table_addf(t, "%s", budget_state_name(st->state));
	text_table_addf(t, "%s", duration_format((st->to_us - now_us) / US_PER_MIN * US_PER_MIN, text));
	if (st->data_age_us < 0)
		text_table_addf(t, "never");
	else
		text_table_addf(t, "%s", duration_format(st->data_age_us / US_PER_S * US_PER_S, text));
}

static void write_all(const struct budget_standing *all, size_t count, int format, int64_t now_us, struct buf *out)
{
	static const struct text_column columns[] = {
		{"BUDGET", 1, 0}, {"PERIOD", 1, 2}, {"AMOUNT", 0, 0}, {"SPENT", 0, 0}, {"USED", 0, 0}, {"FORECAST", 0, 0}, {"STATE", 1, 0},
		{"RESETS IN", 0, 1}, {"DATA AGE", 0, 3},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);

	if (format == FORMAT_JSON)
		buf_puts(out, "{\"schema\":1,\"budgets\":[");
	for (size_t i = 0; i < count; i++) {
		if (format == FORMAT_JSON) {
			buf_puts(out, i ? ",\n  " : "\n  ");
			add_json(&all[i], out);
		} else {
			add_row(t, &all[i], now_us);
		}
	}
	if (format == FORMAT_JSON)
		buf_puts(out, "]}\n");
	else
		text_table_print(t, cli_columns(0), out);
	if (!count && format != FORMAT_JSON)
		buf_puts(out, "no budget is set: `llmdeck budget set NAME --amount 400 --period day`\n");
	text_table_free(&t);
}

static int list(const struct global *g, int format)
{
	struct store_reader *r = NULL;
	struct store_summary summary;
	struct budget_result people;
	struct standing_result told = {0};
	struct err err = {""};
	struct buf out = {0};
	int64_t now_us = clock_wall_us();
	size_t count = 0;
	int failed = 0;

	if (window_open_store(&r, g->store_path, &summary, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	if (query_budget_states(r, &told, &err) || query_budgets(r, now_us, &people, &err)) {
		standing_result_fini(&told);
		store_reader_close(&r);
		return cli_fail(EXIT_UNAVAILABLE, &err);
	}
	struct budget_standing *all = in_force(&g->config, &people, told.row_count, &count);

	take_told(all, &count, &told, now_us);
	for (size_t i = 0; i < count && !failed; i++)
		failed = assess(r, &all[i], now_us, &err);
	if (!failed)
		write_all(all, count, format, now_us, &out);
	int code = failed ? cli_fail(EXIT_UNAVAILABLE, &err) : cli_print(&out);

	free(all);
	budget_result_fini(&people);
	standing_result_fini(&told);
	store_reader_close(&r);
	buf_fini(&out);
	return code;
}

static int send(const struct global *g, struct buf *json)
{
	alert_add_claim(json);
	buf_append_c(json, '}');
	int code = alert_ask(g, true, json);

	buf_fini(json);
	return code;
}

static int set(const struct global *g, const struct args *a, const char *name)
{
	static const char *const plain[] = {"amount", "period", "tz", "warn", "on", "hard"};
	struct buf json = {0}, where = {0};
	struct err err = {""};
	int64_t until_us, amount, share = 0;
	bool reset;
	const char *text = args_value(a, "--amount"), *unpriced = args_value(a, "--max-unpriced");
	struct str percent = str_of(unpriced ? unpriced : "0");

	if (text && (!money_parse_nusd(str_of(text[0] == '$' ? text + 1 : text), &amount) || amount <= 0))
		return cli_failf(EXIT_USAGE, "--amount %s: write US dollars above 0, such as 400 or 99.50", text);
	percent.len -= str_ends_with(percent, STR_LIT("%"));
	if (!str_to_scaled_int64(percent, 2, &share) || share < 0 || share > 10000)
		return cli_failf(EXIT_USAGE, "--max-unpriced %s: write a share from 0%% to 100%%", unpriced);
	if (alert_read_until(a, "--until", clock_wall_us(), &until_us, &reset, &err))
		return cli_fail(EXIT_USAGE, &err);
	buf_puts(&json, "{\"do\":\"set_budget\"");
	alert_add_text(&json, "name", name);
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		char option[16];

		snprintf(option, sizeof option, "--%s", plain[i]);
		text = args_value(a, option);
		if (text)
			alert_add_text(&json, plain[i], i == 0 && text[0] == '$' ? text + 1 : text);
	}
	for (size_t i = 0; (text = args_nth(a, "--where", i)); i++)
		buf_printf(&where, "%s%s", i ? "\n" : "", text);
	if (where.len)
		alert_add_text(&json, "where", where.data);
	buf_fini(&where);
	if (unpriced)
		alert_add_number(&json, "max_unpriced", (double)share / 10000);
	if (reset)
		alert_add_text(&json, "until", "reset");
	else if (until_us)
		alert_add_time(&json, "until", until_us);
	return send(g, &json);
}

static int run_verb(const struct global *g, const struct args *a, int format)
{
	const char *verb = a->operand_count ? a->operands[0] : "list";
	struct buf json = {0};

	if (strcmp(verb, "list") == 0 && a->operand_count <= 1)
		return list(g, format);
	if (strcmp(verb, "reconcile") == 0 && a->operand_count == 1)
		return budget_reconcile(g, a, format);
	if (strcmp(verb, "set") != 0 && strcmp(verb, "remove") != 0)
		return cli_failf(EXIT_USAGE, "budget: there is no \"%s\": use list, set, remove or reconcile", verb);
	if (a->operand_count != 2)
		return cli_failf(EXIT_USAGE, "budget %s: name one budget", verb);
	if (strcmp(verb, "set") == 0)
		return set(g, a, a->operands[1]);
	buf_puts(&json, "{\"do\":\"remove_budget\"");
	alert_add_text(&json, "name", a->operands[1]);
	return send(g, &json);
}

static int run(const struct global *g, int argc, char **argv)
{
	struct args a;
	struct err err = {""};
	int format = FORMAT_TABLE, code;

	if (!args_open(&a, &budget_command, argc, argv, &code))
		return code;
	if (args_choice(&a, "--format", &format, &err))
		code = cli_fail(EXIT_USAGE, &err);
	else
		code = run_verb(g, &a, format);
	args_fini(&a);
	return code;
}

static const char *const bases[] = {"actual", "forecast", "actual,forecast", NULL};

static void list_periods(struct buf *words)
{
	for (int p = PERIOD_DAY; p <= PERIOD_YEAR; p++)
		buf_printf(words, "%s\n", budget_period_name((enum budget_period)p));
}

static const struct command_choices budget_choices[] = {
	{"--format", output_formats_deep, NULL},
	{"--period", NULL, list_periods},
	{"--on", bases, NULL},
	{NULL, NULL, NULL},
};

const struct command budget_command = {
	.name = "budget",
	.usage = "list | set NAME [--amount USD] [--period P] [--where F=V] … | remove NAME | reconcile [--from T --to T]",
	.summary = "what may be spent, what is spent and what will be; set, remove, lay an imported bill beside our figure",
	.help = "Changes go through the collector (see --socket) and are written to the audit. A budget set here wins over one of\n"
	        "the same name in the config until it ends (--until) or is removed; what is not given stays as it was.\n"
	        "A hard action only says that it would have acted until the config arms it (armed: true).",
	.options = budget_options,
	.choices = budget_choices,
	.subcommands = budget_verbs,
	.run = run,
};
