/* A poll that found nothing new costs one row; else the lists of that Alertmanager are written anew. */
#include "store/alertmanagers.h"

#include <string.h>

#include "store/sql.h"
#include "store/writer_private.h"

static void bind_texts(sqlite3_stmt *st, int first, const char *const *texts, int count)
{
	for (int i = 0; i < count; i++)
		sql_bind_str(st, first + i, str_of(texts[i]));
}

static int run_for(struct store_writer *w, const char *sql, const char *name, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, sql, err))
		return -1;
	sql_bind_str(st, 1, str_of(name));
	return writer_finish_record(w, st, err);
}

/* Whether the lists that are stored are these. */
static int is_stored(struct store_writer *w, const char *name, uint64_t digest, bool *same, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "SELECT 1 FROM alertmanager WHERE name=?1 AND digest=?2", err))
		return -1;
	sql_bind_str(st, 1, str_of(name));
	sqlite3_bind_int64(st, 2, (sqlite3_int64)digest);
	int got = sql_step(st, err);

	sqlite3_finalize(st);
	*same = got > 0;
	return got < 0 ? writer_rollback(w) : 0;
}

static int put_alerts(struct store_writer *w, const struct am_alert *alerts, const bool *ours, size_t count, struct err *err)
{
	sqlite3_stmt *st;
	int failed = 0;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO alertmanager_alert(manager, fingerprint, name, severity, labels, state, silenced_by,"
	          " inhibited_by, receivers, summary, runbook, generator, own, starts_us, updated_us)"
	          " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)", err))
		return -1;
	for (size_t i = 0; i < count && !failed; i++) {
		const struct am_alert *a = &alerts[i];
		const char *const texts[] = {a->manager, a->fingerprint, a->name, a->severity, a->labels, a->state, a->silenced_by,
		                             a->inhibited_by, a->receivers, a->summary, a->runbook, a->generator};

		bind_texts(st, 1, texts, 12);
		sqlite3_bind_int(st, 13, ours[i]);
		sqlite3_bind_int64(st, 14, a->starts_us);
		sqlite3_bind_int64(st, 15, a->updated_us);
		failed = sql_run(st, err);
	}
	sqlite3_finalize(st);
	return failed ? writer_rollback(w) : 0;
}

static int put_silences(struct store_writer *w, const struct am_silence *silences, size_t count, struct err *err)
{
	sqlite3_stmt *st;
	int failed = 0;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO alertmanager_silence(manager, id, state, matchers, author, comment, starts_us, ends_us,"
	          " updated_us, mark) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)", err))
		return -1;
	for (size_t i = 0; i < count && !failed; i++) {
		const struct am_silence *s = &silences[i];
		const char *const texts[] = {s->manager, s->id, s->state, s->matchers, s->author, s->comment};

		bind_texts(st, 1, texts, 6);
		sqlite3_bind_int64(st, 7, s->starts_us);
		sqlite3_bind_int64(st, 8, s->ends_us);
		sqlite3_bind_int64(st, 9, s->updated_us);
		sqlite3_bind_int64(st, 10, s->mark);
		failed = sql_run(st, err);
	}
	sqlite3_finalize(st);
	return failed ? writer_rollback(w) : 0;
}

static int put_status(struct store_writer *w, const struct am_status *s, uint64_t digest, struct err *err)
{
	sqlite3_stmt *st;

	if (writer_start_record(w, &st, "INSERT OR REPLACE INTO alertmanager(name, words, health, asked_us, answered_us, every_us, alert_count, own_count,"
	          " silence_count, left_out, digest) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)", err))
		return -1;
	const int64_t numbers[] = {s->asked_us, s->answered_us, s->every_us, s->alert_count, s->own_count, s->silence_count, s->left_out};

	sql_bind_str(st, 1, str_of(s->name));
	sql_bind_str(st, 2, str_of(s->words));
	sqlite3_bind_int(st, 3, (int)s->health);
	for (int i = 0; i < 7; i++)
		sqlite3_bind_int64(st, 4 + i, numbers[i]);
	sqlite3_bind_int64(st, 11, (sqlite3_int64)digest);
	return writer_finish_record(w, st, err);
}

int store_alertmanager_put(struct store_writer *w, const struct am_status *status, uint64_t digest, const struct am_alert *alerts,
                           const bool *ours, size_t alert_count, const struct am_silence *silences, size_t silence_count,
                           struct err *err)
{
	bool same = false;

	if (is_stored(w, status->name, digest, &same, err))
		return -1;
	if (!same && (run_for(w, "DELETE FROM alertmanager_alert WHERE manager=?1", status->name, err) ||
	              run_for(w, "DELETE FROM alertmanager_silence WHERE manager=?1", status->name, err) ||
	              put_alerts(w, alerts, ours, alert_count, err) || put_silences(w, silences, silence_count, err)))
		return -1;
	return put_status(w, status, digest, err);
}

static bool is_among(const char *const *names, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal_c(name, names[i]))
			return true;
	return false;
}

int store_alertmanagers_keep(struct store_writer *w, const char *const *names, size_t count, struct err *err)
{
	struct arena arena = {0};
	const char *gone[64];
	size_t gone_count = 0;
	sqlite3_stmt *st;
	int got;

	if (writer_start_record(w, &st, "SELECT name FROM alertmanager", err))
		return -1;
	while ((got = sql_step(st, err)) > 0)
		if (gone_count < 64 && !is_among(names, count, sql_str(st, 0)))
			gone[gone_count++] = sql_text(st, 0, &arena);
	sqlite3_finalize(st);
	for (size_t i = 0; i < gone_count && !got; i++)
		got = run_for(w, "DELETE FROM alertmanager WHERE name=?1", gone[i], err) ||
		      run_for(w, "DELETE FROM alertmanager_alert WHERE manager=?1", gone[i], err) ||
		      run_for(w, "DELETE FROM alertmanager_silence WHERE manager=?1", gone[i], err) ? -1 : 0;
	arena_fini(&arena);
	return got ? writer_rollback(w) : 0;
}
