/* Rollouts and budgets. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "core/budget.h"
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

/* As config_where(), and one value of an attribute: a user, a key … */
static int read_scope(struct config_reader *r, const struct node *map, struct config_budget *out)
{
	const struct node *where = node_get(map, "where");
	enum attr attr;
	struct err why;

	for (const struct node *n = where && where->kind == NODE_MAP ? where->child : NULL; n; n = n->next) {
		struct buf text = {0};

		if (!attr_from_name(str_of(n->key), &attr))
			continue;
		if (where->child->next)
			return config_fail(r, n, "a budget of one %s takes no other filter", n->key);
		if (config_want(r, n, NODE_SCALAR, n->key) < 0)
			return -1;
		buf_printf(&text, "%s=%s", n->key, n->text);
		int failed = budget_add_filter(out, buf_str(&text), &why);

		buf_fini(&text);
		return failed ? config_fail(r, n, "%s", why.text) : 0;
	}
	return config_where(r, map, &out->where);
}

static int read_hard(struct config_reader *r, const struct node *map, struct config_budget *out)
{
	static const char *const words[] = {"false", "true", NULL};
	struct budget_deed deed;
	struct err why;
	int armed = 0;

	if (config_text(r, map, "hard", false, &out->hard) < 0 || config_choice(r, map, "armed", words, &armed) < 0)
		return -1;
	if (out->hard && budget_parse_deed(out->hard, &deed, &why))
		return config_fail(r, node_get(map, "hard"), "%s", why.text);
	if (armed && !out->hard)
		return config_fail(r, node_get(map, "armed"), "there is nothing to arm: say what it does with `hard`");
	out->armed = armed;
	return 0;
}

static int read_budget(struct config_reader *r, const struct node *n, struct config_budget *out)
{
	static const char *const keys[] = {"name", "where", "amount", "period", "tz", "warn", "on", "hard",
	                                   "armed", "max_unpriced", NULL};
	static const char *const periods[] = {"day", "week", "month", "quarter", "year", NULL};
	int period = -1;
	struct tz *tz = NULL;
	struct err why;

	out->tz = "UTC";
	out->max_unpriced = 0.05;
	if (config_check_keys(r, n, keys) < 0 || config_text(r, n, "name", true, &out->name) < 0 ||
	    read_scope(r, n, out) < 0 || read_amount(r, n, &out->amount_nusd) < 0 ||
	    config_choice(r, n, "period", periods, &period) < 0 || config_text(r, n, "tz", false, &out->tz) < 0 ||
	    read_warn(r, n, out) < 0 || read_on(r, n, out) < 0 || read_hard(r, n, out) < 0 ||
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
