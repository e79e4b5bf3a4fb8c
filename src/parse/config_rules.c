/* Rollouts and budgets. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "core/money.h"
#include "parse/config_read.h"

static int read_amount(struct config_reader *r, const struct node *map, int64_t *out)
{
	const char *text = NULL;

	if (config_text(r, map, "amount", true, &text) < 0)
		return -1;
	struct str s = str_trim(str_of(text));
	if (s.len && s.ptr[0] == '$')
		s = (struct str){s.ptr + 1, s.len - 1};
	if (!money_parse_nusd(s, out) || *out <= 0)
		return config_fail(r, node_get(map, "amount"), "amount must be US dollars above 0, such as 400 or 99.50");
	return 0;
}

static int read_warn(struct config_reader *r, const struct node *map, struct config_budget *out)
{
	static const int usual[] = {50, 80, 100};
	const size_t most = sizeof(out->warn_percent) / sizeof(out->warn_percent[0]);
	const struct node *list = node_get(map, "warn");

	if (!list) {
		memcpy(out->warn_percent, usual, sizeof(usual));
		out->warn_count = 3;
		return 0;
	}
	if (config_want(r, list, NODE_LIST, "warn") < 0)
		return -1;
	for (const struct node *n = list->child; n; n = n->next) {
		int64_t percent = 0;
		struct str s = n->kind == NODE_SCALAR ? str_of(n->text) : (struct str){0};
		if (str_ends_with(s, STR_LIT("%")))
			s.len--;
		if (!str_to_int64(s, &percent) || percent < 1 || percent > 1000)
			return config_fail(r, n, "warn takes percentages from 1 to 1000, such as [50, 80, 100]");
		if (out->warn_count == most)
			return config_fail(r, n, "more than %zu thresholds", most);
		if (out->warn_count && percent <= out->warn_percent[out->warn_count - 1])
			return config_fail(r, n, "the thresholds of warn must rise");
		out->warn_percent[out->warn_count++] = (int)percent;
	}
	return 0;
}

static int read_on(struct config_reader *r, const struct node *map, struct config_budget *out)
{
	static const char *const known[] = {"actual", "forecast", NULL};
	const struct node *on = node_get(map, "on");

	if (!on) {
		out->on_actual = true;
		return 0;
	}
	const struct node *first = on->kind == NODE_LIST ? on->child : on;
	if (!first)
		return config_fail(r, on, "on takes [actual], [forecast] or both");
	for (const struct node *n = first; n; n = on->kind == NODE_LIST ? n->next : NULL) {
		if (config_want(r, n, NODE_SCALAR, "on") < 0)
			return -1;
		if (strcmp(n->text, "actual") == 0)
			out->on_actual = true;
		else if (strcmp(n->text, "forecast") == 0)
			out->on_forecast = true;
		else
			return config_unknown_value(r, n, "basis of a budget", known);
	}
	return 0;
}

static int read_budget(struct config_reader *r, const struct node *n, struct config_budget *out)
{
	static const char *const keys[] = {"name", "where", "amount", "period", "tz", "warn", "on", "hard",
	                                   "max_unpriced", NULL};
	static const char *const periods[] = {"day", "week", "month", "quarter", "year", NULL};
	int period = -1;
	struct tz *tz = NULL;
	struct err why;

	out->tz = "UTC";
	out->max_unpriced = 0.05;
	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 ||
	    config_where(r, n, &out->where) < 0 || read_amount(r, n, &out->amount_nusd) < 0 ||
	    config_choice(r, n, "period", periods, &period) < 0 || config_text(r, n, "tz", false, &out->tz) < 0 ||
	    read_warn(r, n, out) < 0 || read_on(r, n, out) < 0 || config_text(r, n, "hard", false, &out->hard) < 0 ||
	    config_share(r, n, "max_unpriced", &out->max_unpriced) < 0)
		return -1;
	if (period < 0)
		return config_fail(r, n, "`period` is missing: day, week, month, quarter or year");
	out->period = (enum budget_period)period;
	if (tz_load(&tz, out->tz, &why) < 0)
		return config_fail(r, node_get(n, "tz"), "%s", why.text);
	tz_free(&tz);
	return 0;
}

int config_read_budgets(struct config_reader *r, const struct node *n)
{
	void *items;

	if (config_list(r, n, sizeof(struct config_budget), &items) < 0 || config_unique_names(r, n) < 0)
		return -1;
	r->config->budgets = items;
	for (const struct node *item = n->child; item; item = item->next)
		if (read_budget(r, item, &r->config->budgets[r->config->budget_count++]) < 0)
			return -1;
	return 0;
}
