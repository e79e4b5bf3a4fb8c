/* Three small tables, read whole in one transaction. */
#include "store/query_alertmanagers.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/reader_private.h"
#include "store/sql.h"

static int each(struct store_reader *r, const char *sql, void (*row)(sqlite3_stmt *st, struct am_result *out), struct am_result *out,
                struct err *err)
{
	sqlite3_stmt *st = NULL;
	int got = -1;

	if (!sql_prepare(r->db, &st, sql, err))
		while ((got = sql_step(st, err)) > 0)
			row(st, out);
	sqlite3_finalize(st);
	return got;
}

static enum am_health health_of(int v)
{
	return v >= AM_INIT && v <= AM_DENIED ? (enum am_health)v : AM_INIT;
}

static void take_manager(sqlite3_stmt *st, struct am_result *out)
{
	size_t cap = out->manager_count;

	out->managers = mem_grow(out->managers, &cap, out->manager_count + 1, sizeof *out->managers);
	out->managers[out->manager_count++] = (struct am_status){
		.name = sql_text(st, 0, &out->arena), .health = health_of(sqlite3_column_int(st, 1)), .words = sql_text(st, 2, &out->arena),
		.asked_us = sqlite3_column_int64(st, 3), .answered_us = sqlite3_column_int64(st, 4), .every_us = sqlite3_column_int64(st, 5),
		.alert_count = sqlite3_column_int64(st, 6), .own_count = sqlite3_column_int64(st, 7),
		.silence_count = sqlite3_column_int64(st, 8), .left_out = sqlite3_column_int64(st, 9),
	};
}

static void take_alert(sqlite3_stmt *st, struct am_result *out)
{
	bool own = sqlite3_column_int(st, 14) != 0;
	struct am_alert **rows = own ? &out->own : &out->alerts;
	size_t *count = own ? &out->own_count : &out->alert_count, cap = *count;

	*rows = mem_grow(*rows, &cap, *count + 1, sizeof **rows);
	(*rows)[(*count)++] = (struct am_alert){
		.manager = sql_text(st, 0, &out->arena), .fingerprint = sql_text(st, 1, &out->arena), .name = sql_text(st, 2, &out->arena),
		.severity = sql_text(st, 3, &out->arena), .labels = sql_text(st, 4, &out->arena), .state = sql_text(st, 5, &out->arena),
		.silenced_by = sql_text(st, 6, &out->arena), .inhibited_by = sql_text(st, 7, &out->arena),
		.receivers = sql_text(st, 8, &out->arena), .summary = sql_text(st, 9, &out->arena), .runbook = sql_text(st, 10, &out->arena),
		.generator = sql_text(st, 11, &out->arena), .starts_us = sqlite3_column_int64(st, 12), .updated_us = sqlite3_column_int64(st, 13),
	};
}

static void take_silence(sqlite3_stmt *st, struct am_result *out)
{
	size_t cap = out->silence_count;

	out->silences = mem_grow(out->silences, &cap, out->silence_count + 1, sizeof *out->silences);
	out->silences[out->silence_count++] = (struct am_silence){
		.manager = sql_text(st, 0, &out->arena), .id = sql_text(st, 1, &out->arena), .state = sql_text(st, 2, &out->arena),
		.matchers = sql_text(st, 3, &out->arena), .author = sql_text(st, 4, &out->arena), .comment = sql_text(st, 5, &out->arena),
		.starts_us = sqlite3_column_int64(st, 6), .ends_us = sqlite3_column_int64(st, 7), .updated_us = sqlite3_column_int64(st, 8),
		.mark = sqlite3_column_int64(st, 9), .ours = sqlite3_column_int(st, 10) != 0,
	};
}

int query_alertmanagers(struct store_reader *r, struct am_result *out, struct err *err)
{
	int failed;

	memset(out, 0, sizeof *out);
	if (reader_begin(r, err))
		return -1;
	failed = each(r, "SELECT name, health, words, asked_us, answered_us, every_us, alert_count, own_count, silence_count, left_out"
	              " FROM alertmanager ORDER BY name", take_manager, out, err) ||
	         each(r, "SELECT manager, fingerprint, name, severity, labels, state, silenced_by, inhibited_by, receivers, summary, runbook,"
	              " generator, starts_us, updated_us, own FROM alertmanager_alert WHERE own=0 OR state='suppressed'"
	              " ORDER BY starts_us DESC, fingerprint", take_alert, out, err) ||
	         each(r, "SELECT manager, id, state, matchers, author, comment, starts_us, ends_us, updated_us, mark,"
	              " mark<0 OR mark>0 AND EXISTS(SELECT 1 FROM silences s WHERE s.id=mark) FROM alertmanager_silence"
	              " ORDER BY state='expired', ends_us, id", take_silence, out, err);
	if (reader_end(r, failed ? -1 : 0)) {
		am_result_fini(out);
		return -1;
	}
	return 0;
}

void am_result_fini(struct am_result *res)
{
	free(res->managers);
	free(res->alerts);
	free(res->own);
	free(res->silences);
	arena_fini(&res->arena);
	memset(res, 0, sizeof *res);
}

const struct am_status *am_result_manager(const struct am_result *res, const char *name)
{
	for (size_t i = 0; i < res->manager_count; i++)
		if (strcmp(res->managers[i].name, name) == 0)
			return &res->managers[i];
	return NULL;
}

const struct am_silence *am_result_silence(const struct am_result *res, const char *manager, struct str id)
{
	for (size_t i = 0; i < res->silence_count; i++)
		if (strcmp(res->silences[i].manager, manager) == 0 && str_equal_c(id, res->silences[i].id))
			return &res->silences[i];
	return NULL;
}
