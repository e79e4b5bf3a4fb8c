/* Small tables with few rows: statements are prepared for each use. */
#include "store/ledger.h"

#include <stdlib.h>

#include "store/reader_private.h"
#include "store/sql.h"
#include "store/writer_private.h"

static int run_once(sqlite3_stmt *st, struct err *err)
{
	int result = sql_run(st, err);

	sqlite3_finalize(st);
	return result;
}

int store_writer_put_desired(struct store_writer *w, const struct rollout_desired *row, struct err *err)
{
	const struct str texts[] = {row->name, row->shares, row->phase, row->reason};
	sqlite3_stmt *st;

	if (writer_begin(w, err) ||
	    sql_prepare(w->db, &st, "INSERT OR REPLACE INTO rollout_desired(name, shares, phase, reason, held, step_us, stretch,"
	                " stretch_us) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)", err))
		return -1;
	for (int i = 0; i < 4; i++)
		sql_bind_str(st, 1 + i, texts[i]);
	sqlite3_bind_int(st, 5, row->held);
	sqlite3_bind_int64(st, 6, row->step_us);
	sqlite3_bind_int64(st, 7, row->stretch);
	sqlite3_bind_int64(st, 8, row->stretch_us);
	return run_once(st, err) ? writer_rollback(w) : 0;
}

int store_writer_put_action(struct store_writer *w, const struct rollout_action_row *row, struct err *err)
{
	const struct str texts[] = {row->key, row->rollout, row->verb, row->state, row->shares, row->before, row->outcome,
	                            row->reason, row->who, row->ssh_client, row->claimed_name};
	const int64_t numbers[] = {row->uid, row->login_uid, row->started_us, row->changed_us};
	sqlite3_stmt *st;

	if (writer_begin(w, err) ||
	    sql_prepare(w->db, &st, "INSERT INTO rollout_actions(key, rollout, verb, state, shares, before, outcome, reason, who,"
	                " ssh_client, claimed_name, uid, login_uid, started_us, changed_us)"
	                " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)"
	                " ON CONFLICT(key) DO UPDATE SET state=excluded.state, before=excluded.before,"
	                " outcome=excluded.outcome, changed_us=excluded.changed_us", err))
		return -1;
	for (int i = 0; i < 11; i++)
		sql_bind_str(st, 1 + i, texts[i]);
	for (int i = 0; i < 4; i++)
		sqlite3_bind_int64(st, 12 + i, numbers[i]);
	return run_once(st, err) ? writer_rollback(w) : 0;
}

int store_writer_has_action(struct store_writer *w, struct str key, bool *out, struct err *err)
{
	sqlite3_stmt *st;

	if (sql_prepare(w->db, &st, "SELECT 1 FROM rollout_actions WHERE key=?1", err))
		return -1;
	sql_bind_str(st, 1, key);
	int got = sql_step(st, err);

	*out = got > 0;
	sqlite3_finalize(st);
	return got < 0 ? -1 : 0;
}

/* ── reading ───────────────────────────────────────────────────────────────────────────────── */

static struct str text_of(sqlite3_stmt *st, int column, struct arena *arena)
{
	return str_of(sql_text(st, column, arena));
}

#define ACTION_COLUMNS \
	"key, rollout, verb, state, shares, before, outcome, reason, who, ssh_client, claimed_name, uid, login_uid," \
	" started_us, changed_us"

static struct rollout_action_row read_action(sqlite3_stmt *st, struct arena *a)
{
	return (struct rollout_action_row){
		.key = text_of(st, 0, a), .rollout = text_of(st, 1, a), .verb = text_of(st, 2, a), .state = text_of(st, 3, a),
		.shares = text_of(st, 4, a), .before = text_of(st, 5, a), .outcome = text_of(st, 6, a),
		.reason = text_of(st, 7, a), .who = text_of(st, 8, a), .ssh_client = text_of(st, 9, a),
		.claimed_name = text_of(st, 10, a), .uid = (uint32_t)sqlite3_column_int64(st, 11),
		.login_uid = (uint32_t)sqlite3_column_int64(st, 12), .started_us = sqlite3_column_int64(st, 13),
		.changed_us = sqlite3_column_int64(st, 14),
	};
}

static int read_all_desired(struct store_reader *r, struct ledger_result *out, struct err *err)
{
	sqlite3_stmt *st;
	int got;

	if (sql_prepare(r->db, &st, "SELECT name, shares, phase, reason, held, step_us, stretch, stretch_us FROM rollout_desired"
	                " ORDER BY name", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		out->desired = mem_grow(out->desired, &out->desired_cap, out->desired_count + 1, sizeof(*out->desired));
		out->desired[out->desired_count++] = (struct rollout_desired){
			.name = text_of(st, 0, &out->arena), .shares = text_of(st, 1, &out->arena),
			.phase = text_of(st, 2, &out->arena), .reason = text_of(st, 3, &out->arena),
			.held = sqlite3_column_int(st, 4) != 0, .step_us = sqlite3_column_int64(st, 5),
			.stretch = sqlite3_column_int64(st, 6), .stretch_us = sqlite3_column_int64(st, 7),
		};
	}
	sqlite3_finalize(st);
	return got;
}

static int read_open_actions(struct store_reader *r, struct ledger_result *out, struct err *err)
{
	sqlite3_stmt *st;
	int got;

	if (sql_prepare(r->db, &st, "SELECT " ACTION_COLUMNS " FROM rollout_actions WHERE state IN ('intent', 'applying')"
	                " ORDER BY started_us", err))
		return -1;
	while ((got = sql_step(st, err)) > 0) {
		out->actions = mem_grow(out->actions, &out->action_cap, out->action_count + 1, sizeof(*out->actions));
		out->actions[out->action_count++] = read_action(st, &out->arena);
	}
	sqlite3_finalize(st);
	return got;
}

int query_ledger(struct store_reader *r, struct ledger_result *out, struct err *err)
{
	*out = (struct ledger_result){0};
	if (reader_begin(r, err))
		return -1;
	int failed = read_all_desired(r, out, err) || read_open_actions(r, out, err);

	if (failed)
		ledger_result_fini(out);
	return reader_end(r, failed ? -1 : 0);
}

void ledger_result_fini(struct ledger_result *res)
{
	free(res->desired);
	free(res->actions);
	arena_fini(&res->arena);
	*res = (struct ledger_result){0};
}
