/* One statement a record, prepared for the call: these rows are few. */
#include "store/alerts.h"

#include <math.h>

#include "base/buf.h"
#include "store/sql.h"
#include "store/writer_private.h"

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sql_bind_str(st, at, str_of(text ? text : ""));
}

static void bind_number(sqlite3_stmt *st, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_double(st, at, v);
}

int store_alert_put(struct store_writer *w, const struct alert_record *a, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO alerts(id, rule, kind, severity, state, data, labels, since_us, fired_us, quiet_us,"
	          " ended_us, checked_us, value, bound, normal, told, summary, runbook, acknowledged_by, acknowledged_us, note)"
	          " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)", err))
		return -1;
	const int64_t times[] = {a->since_us, a->fired_us, a->quiet_us, a->ended_us, a->checked_us};

	sqlite3_bind_int64(st, 1, a->id);
	bind_text(st, 2, a->rule);
	bind_text(st, 3, a->kind);
	sqlite3_bind_int(st, 4, (int)a->severity);
	sqlite3_bind_int(st, 5, (int)a->state);
	sqlite3_bind_int(st, 6, (int)a->data);
	bind_text(st, 7, a->labels);
	for (int i = 0; i < 5; i++)
		sqlite3_bind_int64(st, 8 + i, times[i]);
	bind_number(st, 13, a->value);
	bind_number(st, 14, a->bound);
	bind_number(st, 15, a->normal);
	sqlite3_bind_int(st, 16, a->told);
	bind_text(st, 17, a->summary);
	bind_text(st, 18, a->runbook);
	bind_text(st, 19, a->acknowledged_by);
	sqlite3_bind_int64(st, 20, a->acknowledged_us);
	bind_text(st, 21, a->note);
	return writer_finish_record(w, st, err);
}

int store_silence_put(struct store_writer *w, const struct silence_record *s, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO silences(id, rule, labels, from_us, until_us, author, comment)"
	          " VALUES(?1,?2,?3,?4,?5,?6,?7)", err))
		return -1;
	sqlite3_bind_int64(st, 1, s->id);
	bind_text(st, 2, s->rule);
	bind_text(st, 3, s->labels);
	sqlite3_bind_int64(st, 4, s->from_us);
	sqlite3_bind_int64(st, 5, s->until_us);
	bind_text(st, 6, s->author);
	bind_text(st, 7, s->comment);
	return writer_finish_record(w, st, err);
}

int store_rule_state_put(struct store_writer *w, const struct rule_state *s, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO rule_states(rule, data, value, bound, checked_us, words)"
	          " VALUES(?1,?2,?3,?4,?5,?6)", err))
		return -1;
	bind_text(st, 1, s->rule);
	sqlite3_bind_int(st, 2, (int)s->data);
	bind_number(st, 3, s->value);
	bind_number(st, 4, s->bound);
	sqlite3_bind_int64(st, 5, s->checked_us);
	bind_text(st, 6, s->words);
	return writer_finish_record(w, st, err);
}

int store_override_put(struct store_writer *w, const struct rule_override *o, struct err *err)
{
	sqlite3_stmt *st;

	if (isnan(o->bound)) {
		if (writer_start_record(w, &st, "DELETE FROM rule_overrides WHERE rule=?1", err))
			return -1;
		bind_text(st, 1, o->rule);
		return writer_finish_record(w, st, err);
	}
	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO rule_overrides(rule, bound, author, until_us, changed_us)"
	          " VALUES(?1,?2,?3,?4,?5)", err))
		return -1;
	bind_text(st, 1, o->rule);
	sqlite3_bind_double(st, 2, o->bound);
	bind_text(st, 3, o->author);
	sqlite3_bind_int64(st, 4, o->until_us);
	sqlite3_bind_int64(st, 5, o->changed_us);
	return writer_finish_record(w, st, err);
}

/* "service=chat" lines: a value may hold blanks. */
void budget_filters_format(const struct config_budget *b, struct buf *out)
{
	if (b->by_attr)
		buf_printf(out, "%s=%s", attr_name(b->attr), b->attr_value);
	for (size_t i = 0; i < b->where.filter_count; i++)
		buf_printf(out, "%s%s%s%s", i ? "\n" : "", dim_name(b->where.filters[i].dim), b->where.filters[i].inverted ? "!=" : "=",
		           b->where.filters[i].value);
}

int budget_filters_parse(struct str text, struct config_budget *out, struct err *err)
{
	while (text.len) {
		struct str line = str_cut(&text, '\n');

		if (line.len && budget_add_filter(out, line, err))
			return -1;
	}
	return 0;
}

/* Parameters 1 to 9 of both tables: what the budget is. The texts are bound as they are: `filters` and
 * `warn` must live until the statement has run. */
static void bind_budget(sqlite3_stmt *st, const struct config_budget *c, struct buf *filters, struct buf *warn)
{
	budget_filters_format(c, filters);
	for (size_t i = 0; i < c->warn_count; i++)
		buf_printf(warn, "%s%d", i ? "," : "", c->warn_percent[i]);
	bind_text(st, 1, c->name);
	sql_bind_str(st, 2, buf_str(filters));
	sqlite3_bind_int64(st, 3, c->amount_nusd);
	sqlite3_bind_int(st, 4, (int)c->period);
	bind_text(st, 5, c->tz);
	sql_bind_str(st, 6, buf_str(warn));
	sqlite3_bind_int(st, 7, (c->on_actual ? 1 : 0) | (c->on_forecast ? 2 : 0));
	if (c->hard)
		bind_text(st, 8, c->hard);
	sqlite3_bind_double(st, 9, c->max_unpriced);
}

static int finish_budget(struct store_writer *w, sqlite3_stmt *st, struct buf *filters, struct buf *warn, struct err *err)
{
	int failed = writer_finish_record(w, st, err);

	buf_fini(filters);
	buf_fini(warn);
	return failed;
}

int store_budget_put(struct store_writer *w, const struct budget_record *b, struct err *err)
{
	struct buf filters = {0}, warn = {0};
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO budgets(name, filters, amount_nusd, period, tz, warn, basis, hard, max_unpriced,"
	          " removed, author, until_us, changed_us) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)", err))
		return -1;
	bind_budget(st, &b->budget, &filters, &warn);
	sqlite3_bind_int(st, 10, b->removed);
	bind_text(st, 11, b->author);
	sqlite3_bind_int64(st, 12, b->until_us);
	sqlite3_bind_int64(st, 13, b->changed_us);
	return finish_budget(w, st, &filters, &warn, err);
}

static int put_state(struct store_writer *w, const struct budget_standing *b, struct err *err)
{
	const struct budget_status *s = &b->status;
	const int64_t numbers[] = {b->until_us, b->changed_us, b->config_amount_nusd, b->assessed_us, s->from_us, s->to_us, s->spent_nusd,
	                           s->spent_bound, s->requests, s->unpriced};
	struct buf filters = {0}, warn = {0};
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO budget_states(name, filters, amount_nusd, period, tz, warn, basis, hard, max_unpriced,"
	          " armed, author, until_us, changed_us, config_amount_nusd, assessed_us, from_us, to_us, spent_nusd, spent_bound, requests,"
	          " unpriced, forecast_nusd, low_nusd, high_nusd, burn_nusd_per_hour, exhausted_us, data_age_us, stale, deed_words)"
	          " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29)", err))
		return -1;
	bind_budget(st, &b->budget, &filters, &warn);
	sqlite3_bind_int(st, 10, b->budget.armed);
	bind_text(st, 11, b->author);
	for (int i = 0; i < 10; i++)
		sqlite3_bind_int64(st, 12 + i, numbers[i]);
	bind_number(st, 22, s->forecast_known ? s->forecast_nusd : NAN);
	bind_number(st, 23, s->forecast_known ? s->low_nusd : NAN);
	bind_number(st, 24, s->forecast_known ? s->high_nusd : NAN);
	sqlite3_bind_double(st, 25, s->burn_nusd_per_hour);
	sqlite3_bind_int64(st, 26, s->exhausted_us);
	sqlite3_bind_int64(st, 27, s->data_age_us);
	sqlite3_bind_int(st, 28, s->stale);
	bind_text(st, 29, b->deed_words);
	return finish_budget(w, st, &filters, &warn, err);
}

int store_budget_states_put(struct store_writer *w, const struct budget_standing *all, size_t count, struct err *err)
{
	sqlite3_stmt *st;
	int failed = writer_start_record(w, &st, "DELETE FROM budget_states", err) || writer_finish_record(w, st, err) ? -1 : 0;

	for (size_t i = 0; i < count && !failed; i++)
		failed = put_state(w, &all[i], err);
	return failed;
}

int store_budget_sum_put(struct store_writer *w, const struct budget_sum *s, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO budget_sums(name, from_us, to_us, cost_nusd, requests, unpriced, said)"
	          " VALUES(?1,?2,?3,?4,?5,?6,?7)", err))
		return -1;
	bind_text(st, 1, s->name);
	sqlite3_bind_int64(st, 2, s->from_us);
	sqlite3_bind_int64(st, 3, s->to_us);
	sqlite3_bind_int64(st, 4, s->cost_nusd);
	sqlite3_bind_int64(st, 5, s->requests);
	sqlite3_bind_int64(st, 6, s->unpriced);
	bind_text(st, 7, s->said);
	return writer_finish_record(w, st, err);
}

int store_outbox_put(struct store_writer *w, const struct outbox_record *o, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO outbox(id, notifier, alert_id, what, made_us, attempts, next_us, state, body, words)"
	          " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)", err))
		return -1;
	sqlite3_bind_int64(st, 1, o->id);
	bind_text(st, 2, o->notifier);
	sqlite3_bind_int64(st, 3, o->alert_id);
	bind_text(st, 4, o->what);
	sqlite3_bind_int64(st, 5, o->made_us);
	sqlite3_bind_int(st, 6, o->attempts);
	sqlite3_bind_int64(st, 7, o->next_us);
	sqlite3_bind_int(st, 8, (int)o->state);
	bind_text(st, 9, o->body);
	bind_text(st, 10, o->words);
	return writer_finish_record(w, st, err);
}

int store_alerts_retain(struct store_writer *w, int64_t before_us, struct err *err)
{
	static const char *const texts[] = {
		"DELETE FROM alerts WHERE ended_us>0 AND ended_us<?1",
		"DELETE FROM silences WHERE until_us<?1",
		"DELETE FROM outbox WHERE state!=0 AND made_us<?1",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		sqlite3_stmt *st;

		if (writer_start_record(w, &st, texts[i], err))
			return -1;
		sqlite3_bind_int64(st, 1, before_us);
		if (writer_finish_record(w, st, err))
			return -1;
	}
	return 0;
}
