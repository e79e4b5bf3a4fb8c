/* Each query prepares its statement and copies what it finds into the result's arena. */
#include "store/query_alerts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/alerts.h"
#include "store/reader_private.h"
#include "store/sql.h"

static double number_of(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

/* Runs a query in one read transaction: `row` for each row. */
static int each(struct store_reader *r, const char *sql, int64_t first, int64_t second,
                void (*row)(sqlite3_stmt *st, void *arg), void *arg, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got = -1;

	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, sql, err)) {
		if (sqlite3_bind_parameter_count(st) > 0)
			sqlite3_bind_int64(st, 1, first);
		if (sqlite3_bind_parameter_count(st) > 1)
			sqlite3_bind_int64(st, 2, second);
		while ((got = sql_step(st, err)) > 0)
			row(st, arg);
	}
	sqlite3_finalize(st);
	return reader_end(r, got);
}

#define ALERT_COLUMNS \
	"SELECT id, rule, kind, severity, state, data, labels, since_us, fired_us, quiet_us, ended_us, checked_us, value, bound," \
	" normal, told, summary, runbook, acknowledged_by, acknowledged_us, note FROM alerts "

static enum alert_state state_of(int v)
{
	return v >= ALERT_INACTIVE && v <= ALERT_RESOLVED ? (enum alert_state)v : ALERT_INACTIVE;
}

static enum alert_data data_of(int v)
{
	return v >= ALERT_DATA_OK && v <= ALERT_DATA_STALE ? (enum alert_data)v : ALERT_DATA_NONE;
}

static void take_alert(sqlite3_stmt *st, void *arg)
{
	struct alert_result *out = arg;
	size_t cap = out->row_count;

	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = (struct alert_record){
		.id = sqlite3_column_int64(st, 0),
		.rule = sql_text(st, 1, &out->arena), .kind = sql_text(st, 2, &out->arena),
		.severity = sqlite3_column_int(st, 3) ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		.state = state_of(sqlite3_column_int(st, 4)), .data = data_of(sqlite3_column_int(st, 5)),
		.labels = sql_text(st, 6, &out->arena), .since_us = sqlite3_column_int64(st, 7),
		.fired_us = sqlite3_column_int64(st, 8), .quiet_us = sqlite3_column_int64(st, 9),
		.ended_us = sqlite3_column_int64(st, 10), .checked_us = sqlite3_column_int64(st, 11),
		.value = number_of(st, 12), .bound = number_of(st, 13), .normal = number_of(st, 14),
		.told = sqlite3_column_int(st, 15) != 0, .summary = sql_text(st, 16, &out->arena),
		.runbook = sql_text(st, 17, &out->arena), .acknowledged_by = sql_text(st, 18, &out->arena),
		.acknowledged_us = sqlite3_column_int64(st, 19), .note = sql_text(st, 20, &out->arena),
	};
}

static int fill_silences(struct store_reader *r, int64_t now_us, struct alert_result *out, struct err *err)
{
	struct silence_result silences;

	if (query_silences(r, now_us, &silences, err)) {
		alert_result_fini(out);
		return -1;
	}
	for (size_t i = 0; i < out->row_count; i++)
		for (size_t s = 0; s < silences.row_count; s++)
			if (silence_fits(&silences.rows[s], out->rows[i].rule, out->rows[i].labels, now_us) &&
			    silences.rows[s].until_us > out->rows[i].silenced_until_us)
				out->rows[i].silenced_until_us = silences.rows[s].until_us;
	silence_result_fini(&silences);
	return 0;
}

int query_alerts(struct store_reader *r, int64_t ended_since_us, int64_t now_us, struct alert_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (each(r, ALERT_COLUMNS "WHERE ended_us=0 OR ended_us>=?1 ORDER BY id DESC", ended_since_us, 0, take_alert, out, err)) {
		alert_result_fini(out);
		return -1;
	}
	return fill_silences(r, now_us, out, err);
}

int query_alert(struct store_reader *r, int64_t id, int64_t now_us, struct alert_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (each(r, ALERT_COLUMNS "WHERE id=?1", id, 0, take_alert, out, err)) {
		alert_result_fini(out);
		return -1;
	}
	return fill_silences(r, now_us, out, err);
}

void alert_result_fini(struct alert_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void take_silence(sqlite3_stmt *st, void *arg)
{
	struct silence_result *out = arg;
	size_t cap = out->row_count;

	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = (struct silence_record){
		.id = sqlite3_column_int64(st, 0), .rule = sql_text(st, 1, &out->arena), .labels = sql_text(st, 2, &out->arena),
		.from_us = sqlite3_column_int64(st, 3), .until_us = sqlite3_column_int64(st, 4),
		.author = sql_text(st, 5, &out->arena), .comment = sql_text(st, 6, &out->arena),
	};
}

int query_silences(struct store_reader *r, int64_t now_us, struct silence_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (!each(r, "SELECT id, rule, labels, from_us, until_us, author, comment FROM silences WHERE until_us>?1", now_us, 0,
	          take_silence, out, err))
		return 0;
	silence_result_fini(out);
	return -1;
}

void silence_result_fini(struct silence_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void take_rule_state(sqlite3_stmt *st, void *arg)
{
	struct rule_state_result *out = arg;
	size_t cap = out->row_count;

	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = (struct rule_state){
		.rule = sql_text(st, 0, &out->arena), .data = data_of(sqlite3_column_int(st, 1)), .value = number_of(st, 2),
		.bound = number_of(st, 3), .checked_us = sqlite3_column_int64(st, 4), .words = sql_text(st, 5, &out->arena),
	};
}

int query_rule_states(struct store_reader *r, struct rule_state_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (!each(r, "SELECT rule, data, value, bound, checked_us, words FROM rule_states", 0, 0, take_rule_state, out, err))
		return 0;
	rule_state_result_fini(out);
	return -1;
}

void rule_state_result_fini(struct rule_state_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void take_override(sqlite3_stmt *st, void *arg)
{
	struct override_result *out = arg;
	size_t cap = out->row_count;

	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = (struct rule_override){
		.rule = sql_text(st, 0, &out->arena), .bound = sqlite3_column_double(st, 1), .author = sql_text(st, 2, &out->arena),
		.until_us = sqlite3_column_int64(st, 3), .changed_us = sqlite3_column_int64(st, 4),
	};
}

int query_overrides(struct store_reader *r, int64_t now_us, struct override_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (!each(r, "SELECT rule, bound, author, until_us, changed_us FROM rule_overrides WHERE until_us=0 OR until_us>?1", now_us, 0,
	          take_override, out, err))
		return 0;
	override_result_fini(out);
	return -1;
}

void override_result_fini(struct override_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void take_warn(struct config_budget *b, struct str text)
{
	const size_t most = sizeof b->warn_percent / sizeof *b->warn_percent;

	while (text.len && b->warn_count < most) {
		int64_t percent;

		if (str_to_int64(str_cut(&text, ','), &percent) && percent > 0 && percent <= 1000)
			b->warn_percent[b->warn_count++] = (int)percent;
	}
}

/* Columns 0 to 8 of both tables. False: written by a newer program with filters we do not know. */
static bool take_config(sqlite3_stmt *st, struct arena *arena, struct config_budget *out)
{
	int period = sqlite3_column_int(st, 3), basis = sqlite3_column_int(st, 6);

	*out = (struct config_budget){
		.name = sql_text(st, 0, arena), .amount_nusd = sqlite3_column_int64(st, 2),
		.period = period >= PERIOD_DAY && period <= PERIOD_YEAR ? (enum budget_period)period : PERIOD_MONTH,
		.tz = sql_text(st, 4, arena), .on_actual = basis & 1, .on_forecast = basis & 2, .max_unpriced = sqlite3_column_double(st, 8),
	};
	take_warn(out, sql_str(st, 5));
	if (sqlite3_column_type(st, 7) != SQLITE_NULL)
		out->hard = sql_text(st, 7, arena);
	return out->amount_nusd > 0 && !budget_filters_parse(sql_str(st, 1), out, NULL);
}

static void take_budget(sqlite3_stmt *st, void *arg)
{
	struct budget_result *out = arg;
	size_t cap = out->row_count;
	struct budget_record row = {
		.removed = sqlite3_column_int(st, 9) != 0, .author = sql_text(st, 10, &out->arena),
		.until_us = sqlite3_column_int64(st, 11), .changed_us = sqlite3_column_int64(st, 12),
	};

	if (!take_config(st, &out->arena, &row.budget))
		return;
	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = row;
}

int query_budgets(struct store_reader *r, int64_t now_us, struct budget_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (!each(r, "SELECT name, filters, amount_nusd, period, tz, warn, basis, hard, max_unpriced, removed, author, until_us,"
	          " changed_us FROM budgets"
	          " WHERE until_us=0 OR until_us>?1 ORDER BY name", now_us, 0, take_budget, out, err))
		return 0;
	budget_result_fini(out);
	return -1;
}

void budget_result_fini(struct budget_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void take_standing(sqlite3_stmt *st, void *arg)
{
	struct standing_result *out = arg;
	size_t cap = out->row_count;
	struct budget_standing row = {
		.author = sql_text(st, 10, &out->arena), .until_us = sqlite3_column_int64(st, 11),
		.changed_us = sqlite3_column_int64(st, 12), .config_amount_nusd = sqlite3_column_int64(st, 13),
		.assessed_us = sqlite3_column_int64(st, 14), .deed_words = sql_text(st, 28, &out->arena),
		.status = {
			.from_us = sqlite3_column_int64(st, 15), .to_us = sqlite3_column_int64(st, 16),
			.spent_nusd = sqlite3_column_int64(st, 17), .spent_bound = sqlite3_column_int(st, 18) != 0,
			.requests = sqlite3_column_int64(st, 19), .unpriced = sqlite3_column_int64(st, 20),
			.forecast_known = sqlite3_column_type(st, 21) != SQLITE_NULL, .forecast_nusd = sqlite3_column_double(st, 21),
			.low_nusd = sqlite3_column_double(st, 22), .high_nusd = sqlite3_column_double(st, 23),
			.burn_nusd_per_hour = sqlite3_column_double(st, 24), .exhausted_us = sqlite3_column_int64(st, 25),
			.data_age_us = sqlite3_column_int64(st, 26), .stale = sqlite3_column_int(st, 27) != 0,
		},
	};

	if (!take_config(st, &out->arena, &row.budget))
		return;
	row.budget.armed = sqlite3_column_int(st, 9) != 0;
	budget_judge(&row.status, &row.budget, row.assessed_us);
	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = row;
}

int query_budget_states(struct store_reader *r, struct standing_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (!each(r, "SELECT name, filters, amount_nusd, period, tz, warn, basis, hard, max_unpriced, armed, author, until_us, changed_us,"
	          " config_amount_nusd, assessed_us, from_us, to_us, spent_nusd, spent_bound, requests, unpriced, forecast_nusd, low_nusd,"
	          " high_nusd, burn_nusd_per_hour, exhausted_us, data_age_us, stale, deed_words FROM budget_states ORDER BY name", 0, 0,
	          take_standing, out, err))
		return 0;
	standing_result_fini(out);
	return -1;
}

void standing_result_fini(struct standing_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

int query_budget_sum(struct store_reader *r, const char *name, int64_t from_us, struct budget_sum *out,
                     struct arena *arena, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got = -1;

	*out = (struct budget_sum){.said = ""};
	if (reader_begin(r, err))
		return -1;
	if (!sql_prepare(r->db, &st, "SELECT to_us, cost_nusd, requests, unpriced, said FROM budget_sums WHERE name=?1 AND from_us=?2", err)) {
		sql_bind_str(st, 1, str_of(name));
		sqlite3_bind_int64(st, 2, from_us);
		got = sql_step(st, err);
		if (got > 0)
			*out = (struct budget_sum){
				.name = arena_copy(arena, name, strlen(name)), .from_us = from_us, .to_us = sqlite3_column_int64(st, 0),
				.cost_nusd = sqlite3_column_int64(st, 1), .requests = sqlite3_column_int64(st, 2),
				.unpriced = sqlite3_column_int64(st, 3), .said = sql_text(st, 4, arena),
			};
	}
	sqlite3_finalize(st);
	return reader_end(r, got < 0 ? -1 : 0);
}

static void take_message(sqlite3_stmt *st, void *arg)
{
	struct outbox_result *out = arg;
	size_t cap = out->row_count;
	int state = sqlite3_column_int(st, 7);

	out->rows = mem_grow(out->rows, &cap, out->row_count + 1, sizeof *out->rows);
	out->rows[out->row_count++] = (struct outbox_record){
		.id = sqlite3_column_int64(st, 0), .notifier = sql_text(st, 1, &out->arena), .alert_id = sqlite3_column_int64(st, 2),
		.what = sql_text(st, 3, &out->arena), .made_us = sqlite3_column_int64(st, 4), .attempts = sqlite3_column_int(st, 5),
		.next_us = sqlite3_column_int64(st, 6),
		.state = state == OUTBOX_TOLD ? OUTBOX_TOLD : state == OUTBOX_DEAD ? OUTBOX_DEAD : OUTBOX_WAITING,
		.body = sql_text(st, 8, &out->arena), .words = sql_text(st, 9, &out->arena),
	};
}

int query_outbox(struct store_reader *r, enum outbox_state state, size_t limit, struct outbox_result *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	if (!each(r, "SELECT id, notifier, alert_id, what, made_us, attempts, next_us, state, body, words FROM outbox WHERE state=?1"
	          " ORDER BY id LIMIT ?2", state, (int64_t)limit, take_message, out, err))
		return 0;
	outbox_result_fini(out);
	return -1;
}

void outbox_result_fini(struct outbox_result *res)
{
	free(res->rows);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

static void take_ids(sqlite3_stmt *st, void *arg)
{
	struct alert_ids *out = arg;

	*out = (struct alert_ids){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2)};
}

int query_alert_ids(struct store_reader *r, struct alert_ids *out, struct err *err)
{
	*out = (struct alert_ids){0};
	return each(r, "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name='alerts'), 0),"
	            " ifnull((SELECT seq FROM sqlite_sequence WHERE name='silences'), 0),"
	            " ifnull((SELECT seq FROM sqlite_sequence WHERE name='outbox'), 0)", 0, 0, take_ids, out, err);
}
