/* Migrations are a table of SQL texts: entry i brings version i to i + 1. Never change one that
 * was released; add the next. Raw and rollup blobs are decoded for SQL users by the table
 * request_rows and the function rollup_field(), which exist on our own connections only. */
#include "store/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/request_rows.h"
#include "store/rollup.h"
#include "store/sql.h"

static const char *const version_1[] = {
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
	"CREATE TABLE strings(id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
	"CREATE TABLE series(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, dim INTEGER NOT NULL,"
	"  d0 INTEGER, d1 INTEGER, d2 INTEGER, d3 INTEGER, d4 INTEGER, d5 INTEGER, d6 INTEGER)",
	"INSERT INTO series VALUES(1, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
	/* A block of requests whose ids begin at its own (store/block.h). */
	"CREATE TABLE requests(id INTEGER PRIMARY KEY, rows BLOB NOT NULL)",
	/* Blocks of what came last, until its rows are put into those above; first NULL: ids of rows that went (fresh.h). */
	"CREATE TABLE request_journal(id INTEGER PRIMARY KEY, first INTEGER, rows BLOB NOT NULL)",
	"CREATE TABLE rollups_10s(id INTEGER PRIMARY KEY, figures BLOB NOT NULL)",
	"CREATE TABLE rollups_1m(id INTEGER PRIMARY KEY, figures BLOB NOT NULL)",
	"CREATE TABLE rollups_10m(id INTEGER PRIMARY KEY, figures BLOB NOT NULL)",
	"CREATE TABLE rollups_1h(id INTEGER PRIMARY KEY, figures BLOB NOT NULL)",
	"CREATE TABLE rollups_1d(id INTEGER PRIMARY KEY, figures BLOB NOT NULL)",
	/* What small transactions added to the rollups and tops, until it is put into their tables (journal.c). */
	"CREATE TABLE rollup_journal(id INTEGER PRIMARY KEY, entries BLOB NOT NULL)",
	"CREATE TABLE tops_10m(id INTEGER PRIMARY KEY, top BLOB NOT NULL)",
	"CREATE TABLE tops_1h(id INTEGER PRIMARY KEY, top BLOB NOT NULL)",
	"CREATE TABLE tops_1d(id INTEGER PRIMARY KEY, top BLOB NOT NULL)",
	/* Flags that came after their request; request_id NULL while it is not known. */
	"CREATE TABLE flags(id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, trace_id BLOB NOT NULL,"
	"  category INTEGER NOT NULL, severity INTEGER, action INTEGER NOT NULL, source INTEGER,"
	"  request_id INTEGER, key INTEGER NOT NULL UNIQUE)",
	"CREATE INDEX flags_waiting ON flags(time_us) WHERE request_id IS NULL",
	/* counted_us: the time in whose rollups the item stands (its request's, when it is known). */
	"CREATE TABLE feedback(id INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, series INTEGER NOT NULL,"
	"  counted_us INTEGER NOT NULL, source_id TEXT, mood INTEGER NOT NULL, score REAL, rating REAL,"
	"  judge INTEGER, language INTEGER, user TEXT, source INTEGER, trace_id BLOB, request_id INTEGER,"
	"  import_ref INTEGER NOT NULL DEFAULT 0, request_latency_us INTEGER, request_cost_nusd INTEGER,"
	"  request_input_tokens INTEGER, request_output_tokens INTEGER, request_status INTEGER,"
	"  assignee TEXT, settled_us INTEGER,"
	/* What the judge whose mood stands said; what patterns found ("pii:email=2/-1"); 0 open, 1 settled,
	 * 2 dismissed; how many labels and notes; the remark that corrects the answer, 0 none. */
	"  sentiment REAL, confidence REAL, findings TEXT, has_text INTEGER NOT NULL DEFAULT 0,"
	"  state INTEGER NOT NULL DEFAULT 0, settled_by TEXT, labels INTEGER NOT NULL DEFAULT 0,"
	"  notes INTEGER NOT NULL DEFAULT 0, dataset INTEGER NOT NULL DEFAULT 0, response_id TEXT,"
	/* Rises with every change of any item: who has read up to one number reads on from there. */
	"  touched INTEGER NOT NULL DEFAULT 0)",
	"CREATE INDEX feedback_counted ON feedback(counted_us)",
	"CREATE INDEX feedback_touched ON feedback(touched)",
	"CREATE INDEX feedback_waiting ON feedback(id) WHERE request_id IS NULL AND (trace_id IS NOT NULL OR response_id IS NOT NULL)",
	/* What each judge said of an item; confidences in positive, neutral, negative. */
	"CREATE TABLE feedback_verdicts(feedback_id INTEGER NOT NULL, judge INTEGER NOT NULL, time_us INTEGER NOT NULL,"
	"  mood INTEGER NOT NULL, score REAL, positive REAL, neutral REAL, negative REAL, words TEXT,"
	"  PRIMARY KEY(feedback_id, judge)) WITHOUT ROWID",
	/* Who has an item open. A lock is its session's and ends with its process. */
	"CREATE TABLE feedback_locks(feedback_id INTEGER PRIMARY KEY, session TEXT NOT NULL, holder TEXT NOT NULL,"
	"  pid INTEGER NOT NULL, process_start INTEGER NOT NULL, until_us INTEGER NOT NULL)",
	/* An order, and what it changed; undone: 0 it stands, else rising, -1 it cannot come back. */
	"CREATE TABLE feedback_changes(id INTEGER PRIMARY KEY AUTOINCREMENT, time_us INTEGER NOT NULL, verb TEXT NOT NULL,"
	"  author TEXT NOT NULL, session TEXT NOT NULL, undone INTEGER NOT NULL DEFAULT 0)",
	"CREATE INDEX feedback_changes_session ON feedback_changes(session, undone)",
	"CREATE TABLE feedback_change_items(change_id INTEGER NOT NULL, feedback_id INTEGER NOT NULL, field TEXT NOT NULL,"
	"  before TEXT, after TEXT, PRIMARY KEY(change_id, feedback_id, field)) WITHOUT ROWID",
	"CREATE INDEX feedback_change_items_item ON feedback_change_items(feedback_id)",
	/* Notes (kind 0) and corrected answers (1); their words are in the text file. */
	"CREATE TABLE feedback_remarks(id INTEGER PRIMARY KEY, feedback_id INTEGER NOT NULL, kind INTEGER NOT NULL,"
	"  author TEXT NOT NULL, hidden INTEGER NOT NULL DEFAULT 0)",
	"CREATE INDEX feedback_remarks_item ON feedback_remarks(feedback_id)",
	"CREATE TABLE labels(feedback_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, author TEXT,"
	"  time_us INTEGER NOT NULL, PRIMARY KEY(feedback_id, name)) WITHOUT ROWID",
	"CREATE TABLE evaluations(id INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, time_us INTEGER NOT NULL,"
	"  request_id INTEGER, series INTEGER NOT NULL, name INTEGER NOT NULL, label INTEGER, score REAL, response_id TEXT,"
	"  trace_id BLOB, source INTEGER)",
	"CREATE INDEX evaluations_time ON evaluations(time_us)",
	/* Hash of the provider's response id by request, for feedback that knows no trace. */
	"CREATE TABLE responses(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL)",
	"CREATE TABLE spans(id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, span_id BLOB NOT NULL, parent_id BLOB,"
	"  kind INTEGER NOT NULL, name INTEGER, service INTEGER, duration_us INTEGER NOT NULL, status INTEGER NOT NULL,"
	"  error_type INTEGER, source INTEGER)",
	"CREATE TABLE billing(id INTEGER PRIMARY KEY, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL, provider TEXT,"
	"  service TEXT, model TEXT, region TEXT, account TEXT, team TEXT, currency TEXT, unit TEXT, description TEXT,"
	"  cost_nusd INTEGER, quantity REAL, input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER,"
	"  requests INTEGER, source INTEGER, import_ref INTEGER NOT NULL DEFAULT 0)",
	"CREATE INDEX billing_time ON billing(from_us)",
	"CREATE TABLE gauge_series(id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL,"
	"  instance TEXT NOT NULL, UNIQUE(name, source, instance))",
	"CREATE TABLE gauges_10s(id INTEGER PRIMARY KEY, samples INTEGER, sum REAL, min REAL, max REAL, last REAL, last_us INTEGER)",
	"CREATE TABLE gauges_1m(id INTEGER PRIMARY KEY, samples INTEGER, sum REAL, min REAL, max REAL, last REAL, last_us INTEGER)",
	"CREATE TABLE gauges_10m(id INTEGER PRIMARY KEY, samples INTEGER, sum REAL, min REAL, max REAL, last REAL, last_us INTEGER)",
	"CREATE TABLE gauges_1h(id INTEGER PRIMARY KEY, samples INTEGER, sum REAL, min REAL, max REAL, last REAL, last_us INTEGER)",
	"CREATE TABLE gauges_1d(id INTEGER PRIMARY KEY, samples INTEGER, sum REAL, min REAL, max REAL, last REAL, last_us INTEGER)",
	/* A row a change; seen_us is when the state was last reported unchanged. */
	"CREATE TABLE rollouts(id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, seen_us INTEGER NOT NULL, name TEXT NOT NULL,"
	"  service TEXT, environment TEXT, phase TEXT, reason TEXT)",
	"CREATE INDEX rollouts_name ON rollouts(name, time_us)",
	"CREATE TABLE rollout_arms(rollout_id INTEGER NOT NULL, position INTEGER NOT NULL, deployment TEXT, role TEXT,"
	"  desired_percent REAL, actual_percent REAL, PRIMARY KEY(rollout_id, position)) WITHOUT ROWID",
	"CREATE TABLE budgets(name TEXT PRIMARY KEY, filters TEXT, amount_nusd INTEGER, period TEXT, tz TEXT, warn TEXT,"
	"  hard TEXT, author TEXT, until_us INTEGER, changed_us INTEGER) WITHOUT ROWID",
	"CREATE TABLE budget_sums(name TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL, cost_nusd INTEGER NOT NULL,"
	"  requests INTEGER NOT NULL, unpriced INTEGER NOT NULL, said TEXT, PRIMARY KEY(name, from_us)) WITHOUT ROWID",
	"CREATE TABLE alerts(id INTEGER PRIMARY KEY, rule TEXT NOT NULL, kind TEXT, severity INTEGER, state TEXT NOT NULL,"
	"  since_us INTEGER NOT NULL, ended_us INTEGER, value REAL, bound REAL, labels TEXT, acknowledged_by TEXT,"
	"  silenced_until_us INTEGER)",
	/* to_us 0: still going on; closed_us, reported_us 0: not yet. Its window's raw rows stay until both are. */
	"CREATE TABLE incidents(id INTEGER PRIMARY KEY AUTOINCREMENT, opened_us INTEGER NOT NULL, closed_us INTEGER NOT NULL,"
	"  reported_us INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL, alert_id INTEGER NOT NULL,"
	"  state INTEGER NOT NULL, title TEXT NOT NULL, owner TEXT NOT NULL, author TEXT NOT NULL, bad TEXT NOT NULL, filters TEXT NOT NULL)",
	/* kind 0 a note, 1 a change of state, owner or window, 2 a feedback item that was added. */
	"CREATE TABLE incident_notes(id INTEGER PRIMARY KEY AUTOINCREMENT, incident_id INTEGER NOT NULL, time_us INTEGER NOT NULL,"
	"  kind INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL)",
	"CREATE INDEX incident_notes_of ON incident_notes(incident_id, time_us)",
	"CREATE TABLE incident_feedback(incident_id INTEGER NOT NULL, feedback_id INTEGER NOT NULL, time_us INTEGER NOT NULL,"
	"  author TEXT NOT NULL, PRIMARY KEY(incident_id, feedback_id)) WITHOUT ROWID",
	"CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, time_us INTEGER NOT NULL, uid INTEGER, login_uid INTEGER,"
	"  ssh_client TEXT, claimed_name TEXT, action TEXT NOT NULL, target TEXT, before TEXT, after TEXT, outcome TEXT,"
	"  chain BLOB)",
	"CREATE TABLE imports(ref INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, name TEXT, kind TEXT, head_hash BLOB,"
	"  head_bytes INTEGER, prefix_hash BLOB, bytes_done INTEGER, lines_done INTEGER, rows_done INTEGER,"
	"  rows_rejected INTEGER, rows_duplicate INTEGER, complete INTEGER, started_us INTEGER, updated_us INTEGER,"
	"  first_us INTEGER, last_us INTEGER)",
	"CREATE VIEW v_series AS SELECT s.id, a.text service, b.text environment, c.text deployment, d.text provider,"
	"  e.text model, f.text team, g.text region FROM series s LEFT JOIN strings a ON a.id=s.d0 LEFT JOIN strings b ON b.id=s.d1"
	"  LEFT JOIN strings c ON c.id=s.d2 LEFT JOIN strings d ON d.id=s.d3 LEFT JOIN strings e ON e.id=s.d4"
	"  LEFT JOIN strings f ON f.id=s.d5 LEFT JOIN strings g ON g.id=s.d6 WHERE s.kind=2",
	"CREATE VIEW v_requests AS SELECT id, end_us, service, environment, deployment, provider, model, team, region,"
	"  latency_us, ttft_us, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, cost_nusd,"
	"  cost_source, status, http_status, attempt, error_type, finish_reason, operation, request_model, outcome, source,"
	"  cost_basis, trace_id, span_id, user, key, tenant, session, tool, prompt_version, flag_count, import_ref"
	"  FROM request_rows",
	"CREATE VIEW v_flags AS SELECT r.id request_id, r.end_us, r.service, r.environment, r.deployment, r.model,"
	"  json_extract(j.value, '$[0]') category, nullif(json_extract(j.value, '$[1]'), -1) severity,"
	"  json_extract(j.value, '$[2]') blocked FROM request_rows r, json_each(r.flags) j WHERE r.flag_count>0",
	"CREATE VIEW v_feedback AS SELECT f.id, f.id>>10 time_us, f.counted_us, s.service, s.environment, s.deployment,"
	"  s.provider, s.model, s.team, s.region, f.mood, f.score, f.rating, f.user, f.request_id, f.source_id, f.sentiment,"
	"  f.confidence, f.state, f.settled_us, f.settled_by, f.assignee, f.labels, f.notes, f.dataset<>0 in_dataset,"
	"  (SELECT text FROM strings WHERE id=f.judge) judge, (SELECT text FROM strings WHERE id=f.language) language"
	"  FROM feedback f JOIN v_series s ON s.id=f.series",
	"CREATE VIEW v_rollups AS SELECT (r.id & 4294967295) * 3600000000 time_us, 3600000000 step_us, s.service, s.environment,"
	"  s.deployment, s.provider, s.model, s.team, s.region, rollup_field(r.figures, 'requests') requests,"
	"  rollup_field(r.figures, 'errors') errors, rollup_field(r.figures, 'cost_nusd') cost_nusd,"
	"  rollup_field(r.figures, 'unpriced') unpriced, rollup_field(r.figures, 'input_tokens') input_tokens,"
	"  rollup_field(r.figures, 'output_tokens') output_tokens, rollup_field(r.figures, 'cached_tokens') cached_tokens,"
	"  rollup_field(r.figures, 'flags') flags, rollup_field(r.figures, 'feedback') feedback,"
	"  rollup_field(r.figures, 'latency_p50') latency_p50_us, rollup_field(r.figures, 'latency_p95') latency_p95_us,"
	"  rollup_field(r.figures, 'latency_p99') latency_p99_us"
	"  FROM rollups_1h r JOIN v_series s ON s.id = r.id>>32",
	"CREATE VIEW v_imports AS SELECT key, name, kind, rows_done, rows_rejected, rows_duplicate, complete, started_us, first_us,"
	"  last_us FROM imports",
	"CREATE VIEW v_billing AS SELECT * FROM billing",
	"CREATE VIEW v_audit AS SELECT * FROM audit",
	"CREATE VIEW v_spans AS SELECT s.id, (s.id>>10) - s.duration_us start_us, s.id>>10 end_us, s.duration_us, s.trace_id, s.span_id,"
	"  s.parent_id, s.kind, s.status, n.text name, v.text service, e.text error_type, o.text source FROM spans s"
	"  LEFT JOIN strings n ON n.id=s.name LEFT JOIN strings v ON v.id=s.service LEFT JOIN strings e ON e.id=s.error_type"
	"  LEFT JOIN strings o ON o.id=s.source",
	"CREATE VIEW v_evaluations AS SELECT e.id, e.time_us, e.request_id, s.service, s.environment, s.deployment, s.provider, s.model,"
	"  n.text name, l.text label, e.score, e.response_id, e.trace_id FROM evaluations e LEFT JOIN v_series s ON s.id=e.series"
	"  LEFT JOIN strings n ON n.id=e.name LEFT JOIN strings l ON l.id=e.label",
	"CREATE VIEW v_rollouts AS SELECT r.id, r.time_us, r.seen_us, r.name, r.service, r.environment, r.phase, r.reason, a.deployment, a.role,"
	"  a.desired_percent, a.actual_percent FROM rollouts r LEFT JOIN rollout_arms a ON a.rollout_id=r.id",
	"CREATE VIEW v_incidents AS SELECT id, opened_us, closed_us, reported_us, from_us, to_us, alert_id, state, title, owner, author, bad,"
	"  filters FROM incidents",
	"CREATE VIEW v_incident_notes AS SELECT id, incident_id, time_us, kind, author, text FROM incident_notes",
	NULL,
};

/* Alerts, silences, budgets and what is still to be told. Their tables were empty until now. */
static const char *const version_2[] = {
	"DROP TABLE alerts",
	"DROP TABLE budgets",
	/* An episode of a rule and a group: a row from pending to resolved. */
	"CREATE TABLE alerts(id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, kind TEXT NOT NULL,"
	"  severity INTEGER NOT NULL, state INTEGER NOT NULL, data INTEGER NOT NULL, labels TEXT NOT NULL,"
	"  since_us INTEGER NOT NULL, fired_us INTEGER NOT NULL, quiet_us INTEGER NOT NULL, ended_us INTEGER NOT NULL,"
	"  checked_us INTEGER NOT NULL, value REAL, bound REAL, normal REAL, told INTEGER NOT NULL, summary TEXT,"
	"  runbook TEXT, acknowledged_by TEXT, acknowledged_us INTEGER NOT NULL DEFAULT 0, note TEXT)",
	"CREATE INDEX alerts_ended ON alerts(ended_us)",
	"CREATE TABLE silences(id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, labels TEXT NOT NULL,"
	"  from_us INTEGER NOT NULL, until_us INTEGER NOT NULL, author TEXT, comment TEXT)",
	"CREATE INDEX silences_until ON silences(until_us)",
	/* A limit that a person changed against the config. */
	"CREATE TABLE rule_overrides(rule TEXT PRIMARY KEY, bound REAL NOT NULL, author TEXT, until_us INTEGER NOT NULL,"
	"  changed_us INTEGER NOT NULL) WITHOUT ROWID",
	"CREATE TABLE rule_states(rule TEXT PRIMARY KEY, data INTEGER NOT NULL, value REAL, bound REAL,"
	"  checked_us INTEGER NOT NULL, words TEXT) WITHOUT ROWID",
	/* A budget made or changed by a person; until_us 0: for good. */
	"CREATE TABLE budgets(name TEXT PRIMARY KEY, filters TEXT NOT NULL, amount_nusd INTEGER NOT NULL, period INTEGER NOT NULL,"
	"  tz TEXT NOT NULL, warn TEXT NOT NULL, basis INTEGER NOT NULL, hard TEXT, max_unpriced REAL NOT NULL, removed INTEGER NOT NULL,"
	"  author TEXT, until_us INTEGER NOT NULL, changed_us INTEGER NOT NULL) WITHOUT ROWID",
	/* The budgets in force and where each stood when it was last assessed; written anew every minute. */
	"CREATE TABLE budget_states(name TEXT PRIMARY KEY, filters TEXT NOT NULL, amount_nusd INTEGER NOT NULL, period INTEGER NOT NULL,"
	"  tz TEXT NOT NULL, warn TEXT NOT NULL, basis INTEGER NOT NULL, hard TEXT, armed INTEGER NOT NULL, max_unpriced REAL NOT NULL,"
	"  author TEXT, until_us INTEGER NOT NULL, changed_us INTEGER NOT NULL, config_amount_nusd INTEGER NOT NULL,"
	"  assessed_us INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL, spent_nusd INTEGER NOT NULL,"
	"  spent_bound INTEGER NOT NULL, requests INTEGER NOT NULL, unpriced INTEGER NOT NULL, forecast_nusd REAL, low_nusd REAL,"
	"  high_nusd REAL, burn_nusd_per_hour REAL NOT NULL, exhausted_us INTEGER NOT NULL, data_age_us INTEGER NOT NULL,"
	"  stale INTEGER NOT NULL, deed_words TEXT NOT NULL) WITHOUT ROWID",
	/* What webhooks and commands have still to be told; state 0 waiting, 1 told, 2 given up. */
	"CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, notifier TEXT NOT NULL, alert_id INTEGER NOT NULL,"
	"  what TEXT NOT NULL, made_us INTEGER NOT NULL, attempts INTEGER NOT NULL, next_us INTEGER NOT NULL,"
	"  state INTEGER NOT NULL, body TEXT NOT NULL, words TEXT)",
	"CREATE INDEX outbox_waiting ON outbox(state, next_us)",
	"CREATE VIEW v_alerts AS SELECT id, rule, kind, severity, state, labels, since_us, fired_us, ended_us, value, bound, normal, summary,"
	"  acknowledged_by, acknowledged_us, note FROM alerts",
	NULL,
};

static const char *const version_3[] = {
	/* What we want of a rollout that the configuration names; shares: "v42=75 v43=25". */
	"CREATE TABLE rollout_desired(name TEXT PRIMARY KEY, shares TEXT NOT NULL, phase TEXT NOT NULL, reason TEXT NOT NULL,"
	"  held INTEGER NOT NULL, step_us INTEGER NOT NULL, stretch INTEGER NOT NULL, stretch_us INTEGER NOT NULL) WITHOUT ROWID",
	/* An action's intent, before anything is touched, and how it ended. */
	"CREATE TABLE rollout_actions(key TEXT PRIMARY KEY, rollout TEXT NOT NULL, verb TEXT NOT NULL, state TEXT NOT NULL,"
	"  shares TEXT NOT NULL, before TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL,"
	"  uid INTEGER NOT NULL, login_uid INTEGER NOT NULL, ssh_client TEXT NOT NULL, claimed_name TEXT NOT NULL,"
	"  started_us INTEGER NOT NULL, changed_us INTEGER NOT NULL) WITHOUT ROWID",
	"CREATE INDEX rollout_actions_open ON rollout_actions(started_us) WHERE state IN ('intent', 'applying')",
	/* What each configured Alertmanager holds, as it was read last; digest says when the lists differ. */
	"CREATE TABLE alertmanager(name TEXT PRIMARY KEY, health INTEGER NOT NULL, words TEXT NOT NULL, asked_us INTEGER NOT NULL,"
	"  answered_us INTEGER NOT NULL, every_us INTEGER NOT NULL, alert_count INTEGER NOT NULL, own_count INTEGER NOT NULL,"
	"  silence_count INTEGER NOT NULL, left_out INTEGER NOT NULL, digest INTEGER NOT NULL) WITHOUT ROWID",
	"CREATE TABLE alertmanager_alert(manager TEXT NOT NULL, fingerprint TEXT NOT NULL, own INTEGER NOT NULL, name TEXT NOT NULL,"
	"  severity TEXT NOT NULL, labels TEXT NOT NULL, state TEXT NOT NULL, silenced_by TEXT NOT NULL, inhibited_by TEXT NOT NULL,"
	"  receivers TEXT NOT NULL, summary TEXT NOT NULL, runbook TEXT NOT NULL, generator TEXT NOT NULL, starts_us INTEGER NOT NULL,"
	"  updated_us INTEGER NOT NULL, PRIMARY KEY(manager, fingerprint)) WITHOUT ROWID",
	"CREATE TABLE alertmanager_silence(manager TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, matchers TEXT NOT NULL,"
	"  author TEXT NOT NULL, comment TEXT NOT NULL, starts_us INTEGER NOT NULL, ends_us INTEGER NOT NULL,"
	"  updated_us INTEGER NOT NULL, mark INTEGER NOT NULL, PRIMARY KEY(manager, id)) WITHOUT ROWID",
	NULL,
};

static const char *const *const migrations[] = {version_1, version_2, version_3};

int schema_version(void)
{
	return (int)(sizeof migrations / sizeof *migrations);
}

int schema_check(sqlite3 *db, const char *path, int64_t *version, struct err *err)
{
	int64_t application, tables, old;

	if (sql_int(db, "PRAGMA application_id", 0, &application, err) ||
	    sql_int(db, "PRAGMA user_version", 0, version, err) ||
	    sql_int(db, "SELECT count(*) FROM sqlite_master", 0, &tables, err))
		return -1;
	if (application == 0 && *version == 0 && tables == 0)
		return 0;
	if (sql_int(db, "SELECT count(*) FROM sqlite_master WHERE name='requests' AND sql NOT LIKE '%rows BLOB%'", 0, &old, err))
		return -1;
	if (application != STORE_APPLICATION_ID)
		return err_set(err, "%s: this is an SQLite file, but no llmdeck store: name another file with --store", path);
	if (*version > schema_version())
		return err_set(err, "%s: the store has version %lld, this llmdeck knows up to %d: use a newer llmdeck; "
		               "nothing was changed", path, (long long)*version, schema_version());
	if (old)
		return err_set(err, "%s: the store is from before the first release and keeps its requests in another way: "
		               "import into a new one; nothing was changed", path);
	return 0;
}

static int run_all(sqlite3 *db, const char *const *statements, struct err *err)
{
	for (; *statements; statements++)
		if (sql_exec(db, *statements, err))
			return -1;
	return 0;
}

int schema_migrate(sqlite3 *db, const char *path, bool demo, struct err *err)
{
	int64_t version;
	char text[128];

	if (schema_check(db, path, &version, err))
		return -1;
	if (version == schema_version())
		return 0;
	snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d", STORE_APPLICATION_ID, schema_version());
	if (sql_exec(db, "BEGIN IMMEDIATE", err))
		return -1;
	for (int64_t v = version; v < schema_version(); v++)
		if (run_all(db, migrations[v], err)) {
			err_wrap(err, "bringing the store to version %d", (int)v + 1);
			goto undo;
		}
	if (sql_exec(db, text, err) || (version == 0 && demo && sql_exec(db, "INSERT INTO meta VALUES('demo', 1)", err)) ||
	    sql_exec(db, "COMMIT", err))
		goto undo;
	return 0;
undo:
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

int schema_migrate_text(sqlite3 *db, struct err *err)
{
	char text[1024];

	/* Comments by feedback id; notes and corrected answers by remark id; what services found, by feedback id;
	 * a request's question and answer, and what else was said in it; texts whose request has not come. */
	snprintf(text, sizeof text, "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS texts(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
	         "CREATE TABLE IF NOT EXISTS remarks(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
	         "CREATE TABLE IF NOT EXISTS verdicts(id INTEGER, judge TEXT, text TEXT NOT NULL, PRIMARY KEY(id, judge)) WITHOUT ROWID;"
	         "CREATE TABLE IF NOT EXISTS exchanges(id INTEGER PRIMARY KEY, question TEXT NOT NULL, answer TEXT NOT NULL);"
	         "CREATE TABLE IF NOT EXISTS contexts(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
	         "CREATE TABLE IF NOT EXISTS waiting(id INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, time_us INTEGER NOT NULL,"
	         " question TEXT NOT NULL, answer TEXT NOT NULL, context TEXT NOT NULL);"
	         "PRAGMA application_id=%d; PRAGMA user_version=1; COMMIT", TEXT_APPLICATION_ID);
	if (sql_exec(db, text, err)) {
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	return 0;
}

char *schema_text_path(const char *path)
{
	struct str s = str_of(path);

	if (str_ends_with(s, STR_LIT(".db")))
		s.len -= 3;
	return mem_printf("%.*s-text.db", STR_ARG(s));
}

static void give_count(sqlite3_context *c, int64_t v)
{
	if (v != UNKNOWN_INT)
		sqlite3_result_int64(c, v);
}

/* rollup_field(figures, name). */
static void rollup_field(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	const char *name = (const char *)sqlite3_value_text(argv[1]);
	struct figures f = {0};

	if (argc != 2 || !name || !figures_decode_merge(&f, 1u << SKETCH_LATENCY_US, 1, 0, sqlite3_value_blob(argv[0]),
	                                                (size_t)sqlite3_value_bytes(argv[0]))) {
		figures_fini(&f);
		return;
	}
	const struct sketch *latency = &f.sketches[SKETCH_LATENCY_US];
	const struct {
		const char *name;
		int64_t value;
	} fields[] = {
		{"requests", f.requests}, {"errors", f.errors}, {"cost_nusd", f.cost_nusd},
		{"unpriced", f.unpriced}, {"input_tokens", f.input_tokens},
		{"output_tokens", f.output_tokens}, {"cached_tokens", f.cached_tokens},
		{"flags", f.flags}, {"feedback", f.feedback},
		{"latency_p50", sketch_quantile(latency, 0.5)}, {"latency_p95", sketch_quantile(latency, 0.95)},
		{"latency_p99", sketch_quantile(latency, 0.99)},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (!strcmp(name, fields[i].name))
			give_count(c, fields[i].value);
	figures_fini(&f);
}

int schema_add_functions(sqlite3 *db, struct err *err)
{
	const int how = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

	if (sqlite3_create_function(db, "rollup_field", 2, how, NULL, rollup_field, NULL, NULL) != SQLITE_OK)
		return sql_fail(db, "store", err);
	return request_rows_register(db, err);
}
