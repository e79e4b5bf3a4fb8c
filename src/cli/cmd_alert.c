/* llmdeck alert: what fires, what is watched, and what people do about it. Looking reads the store;
 * changing asks the collector. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alert/backtest.h"
#include "base/clock.h"
#include "base/timefmt.h"
#include "cli/alert_ask.h"
#include "cli/alert_manager.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "core/alertmanager.h"
#include "parse/config.h"
#include "parse/json.h"
#include "store/query_alerts.h"

#define ENDED_SHOWN_US (15 * US_PER_MIN)

static const struct command_option alert_options[] = {
	{"--format", "F", "list, show, rules, backtest, undelivered, silences: table (default) or json"},
	{"--all", NULL, "list: with those that ended in the last 90 days"},
	{"--alertmanager", NULL, "list: what others have sent to the Alertmanagers instead"},
	{"--at", "NAME", "silence, unsilence, extend: the Alertmanager, where several know the operand"},
	{"--dry-run", NULL, "the same: say what would happen in an Alertmanager, and stop"},
	{"--note", "TEXT", "ack: why, or who looks after it"},
	{"--for", "DURATION", "silence, extend: how long from now; 30m, 1h, 2d"},
	{"--comment", "TEXT", "silence: why"},
	{"--rule", NULL, "silence, unsilence: the operand is a rule's name"},
	{"--over", "VALUE", "edit, backtest: the limit, in the metric's unit; config takes the configured one back"},
	{"--under", "VALUE", "the same for a rule with `under`"},
	{"--until", "TIME", "edit: when the configured limit is back: 2h or a time; default: it stays"},
	{"--since", "DURATION", "backtest: how far back; default 7d"},
	{NULL, NULL, NULL},
};
static const char *const alert_verbs[] = {"list", "show", "ack", "silence", "unsilence", "rules", "edit", "backtest", "undelivered", "silences", "extend", NULL};

struct ask {
	const struct global *g;
	const struct args *a;
	const char *operand; /* NULL: none */
	int format;
	int64_t now_us;
	struct store_reader *reader;
};

static const struct config_alert *rule_of(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->alert_count; i++)
		if (strcmp(c->alerts[i].name, name) == 0)
			return &c->alerts[i];
	return NULL;
}

static enum metric_unit unit_of(const struct config *c, const struct alert_record *r)
{
	const struct config_alert *rule = rule_of(c, r->rule);

	if (strcmp(r->kind, "budget") == 0)
		return UNIT_USD;
	return rule && !rule->category && !rule->gauge && rule->kind != ALERT_BURN_RATE && rule->kind != ALERT_ABSENCE ? metrics[rule->metric].unit : UNIT_COUNT;
}

/* ── list and show ─────────────────────────────────────────────────────────────────────────── */

static void add_json(const struct alert_record *r, struct buf *out)
{
	buf_printf(out, "{\"id\":%" PRId64, r->id);
	alert_add_text(out, "rule", r->rule);
	alert_add_text(out, "kind", r->kind);
	alert_add_text(out, "severity", severity_name(r->severity));
	alert_add_text(out, "state", alert_state_name(r->state));
	alert_add_text(out, "data", alert_data_name(r->data));
	alert_add_time(out, "since", r->fired_us ? r->fired_us : r->since_us);
	alert_add_time(out, "ended", r->ended_us);
	alert_add_number(out, "value", r->value);
	alert_add_number(out, "limit", r->bound);
	if (!isnan(r->normal))
		alert_add_number(out, "normal", r->normal);
	buf_puts(out, ",\"labels\":");
	buf_puts(out, json_check(str_of(r->labels), NULL) ? r->labels : "{}");
	alert_add_text(out, "summary", r->summary);
	alert_add_text(out, "runbook", r->runbook);
	alert_add_text(out, "acknowledged_by", r->acknowledged_by);
	alert_add_text(out, "note", r->note);
	alert_add_time(out, "silenced_until", r->silenced_until_us);
	buf_append_c(out, '}');
}

static void write_json(const struct alert_result *res, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"alerts\":[");
	for (size_t i = 0; i < res->row_count; i++) {
		buf_puts(out, i ? ",\n  " : "\n  ");
		add_json(&res->rows[i], out);
	}
	buf_puts(out, "]}\n");
}

static void state_words(const struct alert_record *r, struct buf *out)
{
	buf_puts(out, alert_state_name(r->state));
	if (r->data != ALERT_DATA_OK)
		buf_puts(out, r->data == ALERT_DATA_STALE ? ", STALE" : ", NO DATA");
	if (r->acknowledged_us)
		buf_puts(out, ", acknowledged");
	if (r->silenced_until_us)
		buf_puts(out, ", silenced");
}

static void add_figure(struct text_table *t, double v, enum metric_unit unit)
{
	struct buf text = {0};

	alert_figure(v, unit, &text);
	text_table_add(t, buf_str(&text));
	buf_fini(&text);
}

static void write_table(const struct config *c, const struct alert_result *res, int64_t now_us, struct buf *out)
{
	static const struct text_column columns[] = {
		{"ID", 0, 0}, {"SEV", 1, 0}, {"RULE", 1, 0}, {"STATE", COLUMN_WHOLE, 0}, {"FOR", 0, 1}, {"VALUE", 0, 0}, {"LIMIT", 0, 1}, {"SUMMARY", 1, 2},
	};
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);

	for (size_t i = 0; i < res->row_count; i++) {
		const struct alert_record *r = &res->rows[i];
		int64_t since_us = r->fired_us ? r->fired_us : r->since_us, until_us = r->ended_us ? r->ended_us : now_us;
		char age[TIME_TEXT_BYTES];
		struct buf state = {0};

		text_table_addf(t, "%" PRId64, r->id);
		text_table_addf(t, "%s", r->severity == SEVERITY_CRITICAL ? "C" : "W");
		text_table_add(t, str_of(r->rule));
		state_words(r, &state);
		text_table_add(t, buf_str(&state));
		text_table_addf(t, "%s", duration_format((until_us - since_us) / US_PER_S * US_PER_S, age));
		add_figure(t, r->value, unit_of(c, r));
		add_figure(t, r->bound, r->kind[0] == 'a' ? UNIT_COUNT : unit_of(c, r));
		text_table_add(t, str_of(r->summary));
		buf_fini(&state);
	}
	text_table_print(t, cli_columns(0), out);
	if (!res->row_count)
		buf_puts(out, "nothing fires\n");
	text_table_free(&t);
}

static int show_result(const struct ask *k, struct alert_result *res)
{
	struct buf out = {0};

	if (k->format == FORMAT_JSON)
		write_json(res, &out);
	else
		write_table(&k->g->config, res, k->now_us, &out);
	alert_result_fini(res);
	int code = cli_print(&out);

	buf_fini(&out);
	return code;
}

static int do_list(const struct ask *k, struct err *err)
{
	struct alert_result res;
	int64_t ended_us = args_has(k->a, "--all") ? 1 : k->now_us - ENDED_SHOWN_US;

	if (args_has(k->a, "--alertmanager"))
		return alert_manager_list(k->reader, k->format, k->now_us);
	return query_alerts(k->reader, ended_us, k->now_us, &res, err) ? cli_fail(EXIT_UNAVAILABLE, err) : show_result(k, &res);
}

static int read_id(const struct ask *k, int64_t *id, struct err *err)
{
	if (!str_to_int64(str_of(k->operand), id) || *id <= 0)
		return err_set(err, "alert: \"%s\" is no alert's id: see `llmdeck alert list`", k->operand);
	return 0;
}

static int do_show(const struct ask *k, struct err *err)
{
	struct alert_result res;
	int64_t id;

	if (read_id(k, &id, err))
		return cli_fail(EXIT_USAGE, err);
	if (query_alert(k->reader, id, k->now_us, &res, err))
		return cli_fail(EXIT_UNAVAILABLE, err);
	if (!res.row_count) {
		alert_result_fini(&res);
		return cli_failf(EXIT_FAILED, "alert: there is no alert %" PRId64 ": see `llmdeck alert list --all`", id);
	}
	return show_result(k, &res);
}

/* ── rules ─────────────────────────────────────────────────────────────────────────────────── */

static const struct rule_state *state_of(const struct rule_state_result *res, const char *rule)
{
	for (size_t i = 0; i < res->row_count; i++)
		if (strcmp(res->rows[i].rule, rule) == 0)
			return &res->rows[i];
	return NULL;
}

static const struct rule_override *override_of(const struct override_result *res, const char *rule)
{
	for (size_t i = 0; i < res->row_count; i++)
		if (strcmp(res->rows[i].rule, rule) == 0)
			return &res->rows[i];
	return NULL;
}

static const char *figure_name(const struct config_alert *rule)
{
	return rule->category ? rule->category : rule->gauge ? rule->gauge : metrics[rule->metric].name;
}

static void rule_json(const struct config_alert *rule, const struct rule_state *s, const struct rule_override *o, struct buf *out)
{
	buf_puts(out, "{\"name\":");
	buf_append_json(out, str_of(rule->name));
	alert_add_text(out, "kind", alert_kind_name(rule->kind));
	alert_add_text(out, "metric", figure_name(rule));
	alert_add_text(out, "severity", severity_name(rule->severity));
	alert_add_text(out, "data", s ? alert_data_name(s->data) : "no_data");
	alert_add_number(out, "value", s ? s->value : NAN);
	alert_add_number(out, "limit", o ? o->bound : rule->limit);
	alert_add_number(out, "config_limit", rule->limit);
	buf_printf(out, ",\"below\":%s,\"window_s\":%.9g,\"for_s\":%.9g", rule->below ? "true" : "false",
	           (double)rule->window_us / (double)US_PER_S, (double)rule->for_us / (double)US_PER_S);
	alert_add_text(out, "override_by", o ? o->author : "");
	alert_add_time(out, "override_until", o ? o->until_us : 0);
	alert_add_time(out, "checked", s ? s->checked_us : 0);
	alert_add_text(out, "words", s ? s->words : "");
	buf_append_c(out, '}');
}

static void rule_row(struct text_table *t, const struct config_alert *rule, const struct rule_state *s, const struct rule_override *o)
{
	enum metric_unit unit = rule->kind == ALERT_THRESHOLD && !rule->category && !rule->gauge ? metrics[rule->metric].unit : UNIT_COUNT;
	char text[TIME_TEXT_BYTES];
	struct buf limit = {0};

	alert_figure(o ? o->bound : rule->limit, unit, &limit);
	if (o) {
		buf_puts(&limit, " (config ");
		alert_figure(rule->limit, unit, &limit);
		buf_printf(&limit, ", %s)", o->author);
	}
	text_table_add(t, str_of(rule->name));
	text_table_add(t, str_of(alert_kind_name(rule->kind)));
	text_table_add(t, str_of(figure_name(rule)));
	text_table_addf(t, "%s", !s ? "-" : s->data == ALERT_DATA_OK ? "ok" : s->data == ALERT_DATA_STALE ? "STALE" : "NO DATA");
	add_figure(t, s ? s->value : NAN, unit);
	text_table_add(t, buf_str(&limit));
	text_table_addf(t, "%s", duration_format(rule->window_us, text));
	text_table_addf(t, "%s", duration_format(rule->for_us, text));
	buf_fini(&limit);
}

static int do_rules(const struct ask *k, struct err *err)
{
	static const struct text_column columns[] = {
		{"RULE", 1, 0}, {"KIND", 1, 2}, {"METRIC", 1, 1}, {"DATA", 1, 0}, {"VALUE", 0, 0}, {"LIMIT", 0, 0}, {"WINDOW", 0, 3}, {"WAITS", 0, 4},
	};
	const struct config *c = &k->g->config;
	struct rule_state_result states;
	struct override_result overrides;
	struct buf out = {0};

	if (query_rule_states(k->reader, &states, err))
		return cli_fail(EXIT_UNAVAILABLE, err);
	if (query_overrides(k->reader, k->now_us, &overrides, err)) {
		rule_state_result_fini(&states);
		return cli_fail(EXIT_UNAVAILABLE, err);
	}
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);

	if (k->format == FORMAT_JSON)
		buf_puts(&out, "{\"schema\":1,\"rules\":[");
	for (size_t i = 0; i < c->alert_count; i++) {
		const struct config_alert *rule = &c->alerts[i];
		const struct rule_state *s = state_of(&states, rule->name);
		const struct rule_override *o = override_of(&overrides, rule->name);

		if (k->format == FORMAT_JSON) {
			buf_puts(&out, i ? ",\n  " : "\n  ");
			rule_json(rule, s, o, &out);
		} else {
			rule_row(t, rule, s, o);
		}
	}
	if (k->format == FORMAT_JSON)
		buf_puts(&out, "]}\n");
	else
		text_table_print(t, cli_columns(0), &out);
	if (!c->alert_count && k->format != FORMAT_JSON)
		buf_puts(&out, "no rule is configured: see llmdeck(5)\n");
	text_table_free(&t);
	rule_state_result_fini(&states);
	override_result_fini(&overrides);
	int code = cli_print(&out);

	buf_fini(&out);
	return code;
}

/* ── changes ───────────────────────────────────────────────────────────────────────────────── */

static void add_target(const struct ask *k, struct buf *json)
{
	int64_t id = 0;

	if (!args_has(k->a, "--rule") && str_to_int64(str_of(k->operand), &id))
		buf_printf(json, ",\"id\":%" PRId64, id);
	else
		alert_add_text(json, "rule", k->operand);
}

static int send(const struct ask *k, bool change, struct buf *json)
{
	alert_add_claim(json);
	buf_append_c(json, '}');
	int code = alert_ask(k->g, change, json);

	buf_fini(json);
	return code;
}

static int do_ack(const struct ask *k, struct err *err)
{
	struct buf json = {0};
	int64_t id;

	if (read_id(k, &id, err))
		return cli_fail(EXIT_USAGE, err);
	buf_printf(&json, "{\"do\":\"ack\",\"id\":%" PRId64, id);
	alert_add_text(&json, "note", args_value(k->a, "--note"));
	return send(k, false, &json);
}

static int read_for(const struct ask *k, const char *verb, int64_t *until_us, struct err *err)
{
	if (alert_read_until(k->a, "--for", k->now_us, until_us, NULL, err))
		return -1;
	return *until_us ? 0 : err_set(err, "alert %s: say for how long: --for 1h", verb);
}

/* Our own alerts have numbers, an Alertmanager's fingerprints and its silences longer ids. */
static bool is_own_target(const struct ask *k, bool (*is_theirs)(const char *text))
{
	return args_has(k->a, "--rule") || !is_theirs(k->operand);
}

static bool is_their_silence(const char *text)
{
	return strlen(text) == 36 && strchr(text, '-') && am_is_silence_id(text); /* a UUID */
}

static int do_silence(const struct ask *k, struct err *err)
{
	struct buf json = {0};
	int64_t until_us;

	if (read_for(k, "silence", &until_us, err))
		return cli_fail(EXIT_USAGE, err);
	if (!is_own_target(k, am_is_fingerprint))
		return alert_manager_change(k->g, k->a, MANAGER_SILENCE, k->operand, until_us);
	if (args_has(k->a, "--dry-run"))
		return cli_failf(EXIT_USAGE, "alert silence: --dry-run is for an Alertmanager's alerts: see `llmdeck alert list --alertmanager`");
	buf_puts(&json, "{\"do\":\"silence\"");
	add_target(k, &json);
	alert_add_time(&json, "until", until_us);
	alert_add_text(&json, "comment", args_value(k->a, "--comment"));
	return send(k, false, &json);
}

static int do_unsilence(const struct ask *k, struct err *err)
{
	struct buf json = {0};

	(void)err;
	if (!is_own_target(k, is_their_silence))
		return alert_manager_change(k->g, k->a, MANAGER_EXPIRE, k->operand, 0);
	if (args_has(k->a, "--dry-run"))
		return cli_failf(EXIT_USAGE, "alert unsilence: --dry-run is for an Alertmanager's silences: see `llmdeck alert silences`");
	buf_puts(&json, "{\"do\":\"unsilence\"");
	add_target(k, &json);
	return send(k, false, &json);
}

static int do_extend(const struct ask *k, struct err *err)
{
	int64_t until_us;

	if (!am_is_silence_id(k->operand))
		return cli_failf(EXIT_USAGE, "alert extend: \"%s\" is no silence's id: see `llmdeck alert silences`", k->operand);
	if (read_for(k, "extend", &until_us, err))
		return cli_fail(EXIT_USAGE, err);
	return alert_manager_change(k->g, k->a, MANAGER_EXTEND, k->operand, until_us);
}

static int do_silences(const struct ask *k, struct err *err)
{
	(void)err;
	return alert_manager_silences(k->reader, k->format, k->now_us);
}

/* The limit that --over or --under gives, in the rule's unit. */
static int read_limit(const struct ask *k, const struct config_alert *rule, double *out, struct err *err)
{
	const char *over = args_value(k->a, "--over"), *under = args_value(k->a, "--under");
	const char *text = rule->below ? under : over;

	if ((rule->below && over) || (!rule->below && under))
		return err_set(err, "rule %s watches for %s: write --%s", rule->name, rule->below ? "too little" : "too much", rule->below ? "under" : "over");
	if (!text)
		return 1;
	if (strcmp(text, "config") == 0) {
		*out = NAN;
		return 0;
	}
	if (rule->kind == ALERT_THRESHOLD && !rule->category && !rule->gauge)
		return config_parse_limit(text, &metrics[rule->metric], out, NULL, err);
	if (!str_to_double(str_of(text), out))
		return err_set(err, "rule %s: \"%s\" is no number", rule->name, text);
	return 0;
}

static const struct config_alert *find_rule(const struct ask *k, struct err *err)
{
	const struct config_alert *rule = rule_of(&k->g->config, k->operand);

	if (!rule)
		err_set(err, "alert: there is no rule \"%s\": see `llmdeck alert rules`", k->operand);
	return rule;
}

static int do_edit(const struct ask *k, struct err *err)
{
	const struct config_alert *rule = find_rule(k, err);
	struct buf json = {0};
	double limit = NAN;
	int64_t until_us;
	int got = rule ? read_limit(k, rule, &limit, err) : -1;

	if (got > 0)
		err_set(err, "alert edit: say the limit: --%s VALUE", rule->below ? "under" : "over");
	if (got || alert_read_until(k->a, "--until", k->now_us, &until_us, NULL, err))
		return cli_fail(EXIT_USAGE, err);
	buf_puts(&json, "{\"do\":\"edit\"");
	alert_add_text(&json, "rule", rule->name);
	alert_add_number(&json, "limit", limit);
	alert_add_time(&json, "until", until_us);
	return send(k, true, &json);
}

/* ── what nobody got ───────────────────────────────────────────────────────────────────────── */

static void undelivered_json(const struct outbox_record *m, struct buf *out)
{
	buf_printf(out, "{\"id\":%" PRId64 ",\"alert\":%" PRId64, m->id, m->alert_id);
	alert_add_text(out, "notifier", m->notifier);
	alert_add_text(out, "what", m->what);
	alert_add_time(out, "made", m->made_us);
	buf_printf(out, ",\"attempts\":%d", m->attempts);
	alert_add_text(out, "words", m->words);
	alert_add_text(out, "body", m->body);
	buf_append_c(out, '}');
}

static int do_undelivered(const struct ask *k, struct err *err)
{
	static const struct text_column columns[] = {
		{"WHEN", 1, 0}, {"NOTIFIER", 1, 0}, {"WHAT", 1, 0}, {"ALERT", 0, 1}, {"TRIES", 0, 2}, {"WHY", 1, 0},
	};
	struct outbox_result res;
	struct buf out = {0};
	bool json = k->format == FORMAT_JSON;

	if (query_outbox(k->reader, OUTBOX_DEAD, 1000, &res, err))
		return cli_fail(EXIT_UNAVAILABLE, err);
	struct text_table *t = text_table_new(columns, sizeof columns / sizeof *columns);

	buf_puts(&out, json ? "{\"schema\":1,\"undelivered\":[" : "");
	for (size_t i = 0; i < res.row_count; i++) {
		const struct outbox_record *m = &res.rows[i];
		char when[TIME_TEXT_BYTES];

		if (json) {
			buf_puts(&out, i ? ",\n  " : "\n  ");
			undelivered_json(m, &out);
			continue;
		}
		text_table_add(t, str_of(time_format(m->made_us, when)));
		text_table_add(t, str_of(m->notifier));
		text_table_add(t, str_of(m->what));
		text_table_addf(t, "%" PRId64, m->alert_id);
		text_table_addf(t, "%d", m->attempts);
		text_table_add(t, str_of(m->words));
	}
	if (json)
		buf_puts(&out, "]}\n");
	else if (res.row_count)
		text_table_print(t, cli_columns(0), &out);
	else
		buf_puts(&out, "every message was delivered or is still being tried\n");
	text_table_free(&t);
	outbox_result_fini(&res);
	int code = cli_print(&out);

	buf_fini(&out);
	return code;
}

/* ── back-test ─────────────────────────────────────────────────────────────────────────────── */

static void backtest_json(const struct config_alert *rule, double limit, const struct backtest *b, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"rule\":");
	buf_append_json(out, str_of(rule->name));
	alert_add_number(out, "limit", limit);
	alert_add_time(out, "from", b->from_us);
	alert_add_time(out, "to", b->to_us);
	buf_printf(out, ",\"evaluations\":%zu,\"known\":%zu,\"fired\":%zu", b->evaluations, b->known, b->fired);
	alert_add_number(out, "firing_s", (double)b->firing_us / (double)US_PER_S);
	alert_add_number(out, "longest_s", (double)b->longest_us / (double)US_PER_S);
	alert_add_number(out, "worst", b->worst);
	alert_add_number(out, "p50", b->p50);
	alert_add_number(out, "p99", b->p99);
	buf_puts(out, "}\n");
}

static void backtest_text(const struct config_alert *rule, double limit, const struct backtest *b, struct buf *out)
{
	bool plain = (rule->kind == ALERT_THRESHOLD || rule->kind == ALERT_ANOMALY) && !rule->category && !rule->gauge;
	enum metric_unit unit = plain ? metrics[rule->metric].unit : UNIT_COUNT;
	char from[TIME_TEXT_BYTES], firing[TIME_TEXT_BYTES], longest[TIME_TEXT_BYTES];

	buf_printf(out, "%s with limit ", rule->name);
	alert_figure(limit, rule->kind == ALERT_THRESHOLD ? unit : UNIT_COUNT, out); /* of an anomaly: deviations */
	buf_printf(out, " would have fired %zu times since %s, for %s in all, %s at most\n", b->fired, time_format(b->from_us, from),
	           duration_format(b->firing_us, firing), duration_format(b->longest_us, longest));
	buf_puts(out, "the figure: median ");
	alert_figure(b->p50, unit, out);
	buf_puts(out, ", p99 ");
	alert_figure(b->p99, unit, out);
	buf_puts(out, ", worst ");
	alert_figure(b->worst, unit, out);
	buf_printf(out, "; known at %zu of %zu evaluations\n", b->known, b->evaluations);
}

static int do_backtest(const struct ask *k, struct err *err)
{
	const struct config_alert *rule = find_rule(k, err);
	const char *since = args_value(k->a, "--since");
	int64_t since_us = 7 * US_PER_DAY;
	double limit = rule ? rule->limit : NAN;
	struct backtest b;
	struct buf out = {0};

	if (!rule || read_limit(k, rule, &limit, err) < 0)
		return cli_fail(EXIT_USAGE, err);
	if (isnan(limit))
		limit = rule->limit;
	if (since && (!duration_parse(str_of(since), &since_us) || since_us < US_PER_HOUR || since_us > 92 * US_PER_DAY))
		return cli_failf(EXIT_USAGE, "--since %s: write a duration from 1h to 92d", since);
	if (backtest_rule(k->reader, rule, limit, k->now_us - since_us, k->now_us, &b, err))
		return cli_fail(EXIT_FAILED, err);
	if (k->format == FORMAT_JSON)
		backtest_json(rule, limit, &b, &out);
	else
		backtest_text(rule, limit, &b, &out);
	int code = cli_print(&out);

	buf_fini(&out);
	return code;
}

/* ── the command ───────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *name;
	bool operand, reads;
	int (*run)(const struct ask *k, struct err *err);
} verbs[] = {
	{"list", false, true, do_list}, {"show", true, true, do_show}, {"ack", true, false, do_ack}, {"silence", true, false, do_silence},
	{"unsilence", true, false, do_unsilence}, {"rules", false, true, do_rules}, {"edit", true, false, do_edit},
	{"backtest", true, true, do_backtest}, {"undelivered", false, true, do_undelivered},
	{"silences", false, true, do_silences}, {"extend", true, false, do_extend},
};

static int run_verb(const struct global *g, const struct args *a, int format)
{
	const char *verb = a->operand_count ? a->operands[0] : "list";
	struct ask k = {.g = g, .a = a, .operand = a->operand_count > 1 ? a->operands[1] : NULL, .format = format, .now_us = clock_wall_us()};
	struct store_summary summary;
	struct err err = {""};

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		if (a->operand_count != (verbs[i].operand ? 2u : a->operand_count ? 1u : 0u))
			return cli_failf(EXIT_USAGE, "alert %s: %s", verb, verbs[i].operand ? "name one alert or rule" : "takes no operand");
		if (verbs[i].reads && window_open_store(&k.reader, g->store_path, &summary, &err))
			return cli_fail(EXIT_UNAVAILABLE, &err);
		int code = verbs[i].run(&k, &err);

		store_reader_close(&k.reader);
		return code;
	}
	return cli_failf(EXIT_USAGE, "alert: there is no \"%s\": use list, show, ack, silence, unsilence, extend, silences, rules, edit, backtest or undelivered", verb);
}

static int run(const struct global *g, int argc, char **argv)
{
	struct args a;
	struct err err = {""};
	int format = FORMAT_TABLE, code;

	if (!args_open(&a, &alert_command, argc, argv, &code))
		return code;
	if (args_choice(&a, "--format", &format, &err))
		code = cli_fail(EXIT_USAGE, &err);
	else
		code = run_verb(g, &a, format);
	args_fini(&a);
	return code;
}

static const struct command_choices alert_choices[] = {
	{"--format", output_formats_deep, NULL},
	{NULL, NULL, NULL},
};

const struct command alert_command = {
	.name = "alert",
	.usage = "list [--alertmanager] | show ID | ack ID | silence ID --for 1h | unsilence ID | silences | extend ID --for 1h | rules | edit RULE --over V | backtest RULE | undelivered",
	.summary = "what fires, what is watched, what Alertmanagers hold; acknowledge, silence, change a limit, try one on the past",
	.help = "Changes go through the collector (see --socket) and are written to the audit. An acknowledgement is known to\n"
	        "llmdeck and to webhooks that ask for it; Alertmanager knows none. That of a\n"
	        "budget's threshold takes the lower ones of its basis with it. A silence is made in Alertmanager too.\n"
	        "list --alertmanager shows what others have sent to the Alertmanagers of `notify`, and silences all of their\n"
	        "silences. silence takes the fingerprint of such an alert as well, unsilence and extend the id of a silence;\n"
	        "the collector reads back what came of it.",
	.options = alert_options,
	.choices = alert_choices,
	.subcommands = alert_verbs,
	.run = run,
};
