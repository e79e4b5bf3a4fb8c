/* The lists come from the store, changes go through the collector, which reads back what came of them. */
#include "cli/alert_manager.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/alert_ask.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "cli/window.h"
#include "parse/alertmanager.h"
#include "parse/json.h"
#include "store/query_alertmanagers.h"

static char *age_text(int64_t since_us, int64_t now_us, char out[TIME_TEXT_BYTES])
{
	int64_t age_us = now_us - since_us;

	return duration_format(age_us > 0 ? age_us / US_PER_S * US_PER_S : 0, out);
}

static void managers_json(const struct am_result *res, int64_t now_us, struct buf *out)
{
	buf_puts(out, "{\"schema\":1,\"alertmanagers\":[");
	for (size_t i = 0; i < res->manager_count; i++) {
		const struct am_status *s = &res->managers[i];

		buf_puts(out, i ? ",\n  {\"name\":" : "\n  {\"name\":");
		buf_append_json(out, str_of(s->name));
		alert_add_text(out, "state", am_word(s, now_us));
		alert_add_time(out, "answered", s->answered_us);
		alert_add_text(out, "words", s->words);
		buf_printf(out, ",\"alerts\":%" PRId64 ",\"own_alerts\":%" PRId64 ",\"silences\":%" PRId64 ",\"left_out\":%" PRId64 "}", s->alert_count,
		           s->own_count, s->silence_count, s->left_out);
	}
	buf_puts(out, "]");
}

/* A line for each that says how much its list is worth. */
static void managers_text(const struct am_result *res, int64_t now_us, struct buf *out)
{
	char age[TIME_TEXT_BYTES];

	for (size_t i = 0; i < res->manager_count; i++) {
		const struct am_status *s = &res->managers[i];

		text_append_harmless(out, str_of(s->name), 100);
		buf_printf(out, ": %s", am_word(s, now_us));
		if (s->answered_us)
			buf_printf(out, ", read %s ago", age_text(s->answered_us, now_us, age));
		if (s->own_count)
			buf_printf(out, ", %" PRId64 " of our own not listed here", s->own_count);
		if (s->left_out)
			buf_printf(out, ", %" PRId64 " too many or too large", s->left_out);
		if (s->words[0]) {
			buf_puts(out, ": ");
			text_append_harmless(out, str_of(s->words), 300);
		}
		buf_append_c(out, '\n');
	}
	if (!res->manager_count)
		buf_puts(out, "no Alertmanager is watched: see `notify` in llmdeck(5)\n");
}

static int finish(struct am_result *res, struct buf *out)
{
	int code = cli_print(out);

	am_result_fini(res);
	buf_fini(out);
	return code;
}

/* ── alerts of others ──────────────────────────────────────────────────────────────────────── */

static void alert_json(const struct am_alert *a, struct buf *out)
{
	const char *const names[] = {"fingerprint", "name", "severity", "state", "silenced_by", "inhibited_by", "receivers", "summary", "runbook",
	                             "generator"};
	const char *const texts[] = {a->fingerprint, a->name, a->severity, a->state, a->silenced_by, a->inhibited_by, a->receivers, a->summary,
	                             a->runbook, a->generator};

	buf_puts(out, "{\"alertmanager\":");
	buf_append_json(out, str_of(a->manager));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		alert_add_text(out, names[i], texts[i]);
	alert_add_time(out, "since", a->starts_us);
	alert_add_time(out, "updated", a->updated_us);
	buf_printf(out, ",\"labels\":%s}", json_check(str_of(a->labels), NULL) ? a->labels : "{}");
}

static void alert_row(struct text_table *t, const struct am_alert *a, int64_t now_us)
{
	char age[TIME_TEXT_BYTES];
	struct buf matchers = {0};

	am_matchers_of(a->labels, &matchers);
	text_table_add(t, str_of(a->fingerprint));
	text_table_add(t, str_of(a->manager));
	text_table_add(t, str_of(a->severity));
	text_table_add(t, str_of(a->name));
	text_table_add(t, str_of(a->state));
	text_table_add(t, str_of(a->starts_us ? age_text(a->starts_us, now_us, age) : "-"));
	text_table_add(t, str_of(a->receivers));
	text_table_add(t, str_of(a->summary));
	text_table_add(t, buf_str(&matchers));
	buf_fini(&matchers);
}

/* ── silences ──────────────────────────────────────────────────────────────────────────────── */

static void silence_json(const struct am_silence *s, struct buf *out)
{
	buf_puts(out, "{\"alertmanager\":");
	buf_append_json(out, str_of(s->manager));
	alert_add_text(out, "id", s->id);
	alert_add_text(out, "state", s->state);
	alert_add_text(out, "matchers", s->matchers);
	alert_add_text(out, "author", s->author);
	alert_add_text(out, "comment", s->comment);
	alert_add_time(out, "starts", s->starts_us);
	alert_add_time(out, "ends", s->ends_us);
	buf_printf(out, ",\"ours\":%s}", s->ours ? "true" : "false");
}

static void silence_row(struct text_table *t, const struct am_silence *s, int64_t now_us)
{
	char text[TIME_TEXT_BYTES];

	text_table_add(t, str_of(s->id));
	text_table_add(t, str_of(s->manager));
	text_table_add(t, str_of(s->state));
	text_table_add(t, str_of(time_format(s->ends_us / US_PER_S * US_PER_S, text)));
	text_table_add(t, str_of(s->ends_us > now_us ? age_text(now_us, s->ends_us, text) : "-"));
	text_table_addf(t, "%s", s->ours ? "yes" : "no");
	text_table_add(t, str_of(s->author));
	text_table_add(t, str_of(s->matchers));
	text_table_add(t, str_of(s->comment));
}

/* ── both lists ────────────────────────────────────────────────────────────────────────────── */

struct listing {
	const char *json_name, *none;
	struct text_column columns[9];
};

static const struct listing alerts_listing = {"alerts", "no alerts of others\n", {
	{"FINGERPRINT", COLUMN_WHOLE, 0}, {"AT", 1, 3}, {"SEV", 1, 1}, {"ALERT", 1, 0}, {"STATE", COLUMN_WHOLE, 0}, {"FOR", 0, 1},
	{"RECEIVERS", 1, 4}, {"SUMMARY", 1, 2}, {"LABELS", 1, 5},
}};
static const struct listing silences_listing = {"silences", "no silences\n", {
	{"SILENCE", COLUMN_WHOLE, 0}, {"AT", 1, 4}, {"STATE", COLUMN_WHOLE, 0}, {"ENDS", COLUMN_WHOLE, 2}, {"LEFT", 0, 1}, {"OURS", 1, 3},
	{"AUTHOR", 1, 1}, {"MATCHERS", 1, 0}, {"COMMENT", 1, 2},
}};

static void rows_json(const struct am_result *res, const struct listing *l, struct buf *out)
{
	bool alerts = l == &alerts_listing;
	size_t count = alerts ? res->alert_count : res->silence_count;

	buf_printf(out, ",\"%s\":[", l->json_name);
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i ? ",\n  " : "\n  ");
		if (alerts)
			alert_json(&res->alerts[i], out);
		else
			silence_json(&res->silences[i], out);
	}
	buf_puts(out, "]}\n");
}

static void rows_text(const struct am_result *res, const struct listing *l, int64_t now_us, struct buf *out)
{
	struct text_table *t = text_table_new(l->columns, sizeof l->columns / sizeof *l->columns);
	bool alerts = l == &alerts_listing;
	size_t count = alerts ? res->alert_count : res->silence_count;

	for (size_t i = 0; i < count; i++) {
		if (alerts)
			alert_row(t, &res->alerts[i], now_us);
		else
			silence_row(t, &res->silences[i], now_us);
	}
	if (count)
		text_table_print(t, cli_columns(0), out);
	else if (res->manager_count)
		buf_puts(out, l->none);
	text_table_free(&t);
}

static int list(struct store_reader *r, const struct listing *l, int format, int64_t now_us)
{
	struct am_result res;
	struct buf out = {0};
	struct err err;

	if (query_alertmanagers(r, &res, &err))
		return cli_fail(EXIT_UNAVAILABLE, &err);
	if (format == FORMAT_JSON) {
		managers_json(&res, now_us, &out);
		rows_json(&res, l, &out);
	} else {
		rows_text(&res, l, now_us, &out);
		managers_text(&res, now_us, &out);
	}
	return finish(&res, &out);
}

int alert_manager_list(struct store_reader *r, int format, int64_t now_us)
{
	return list(r, &alerts_listing, format, now_us);
}

int alert_manager_silences(struct store_reader *r, int format, int64_t now_us)
{
	return list(r, &silences_listing, format, now_us);
}

/* ── changes ───────────────────────────────────────────────────────────────────────────────── */

static const char *const verb_names[] = {"am_silence", "am_expire", "am_extend"};

static bool is_meant(const char *wanted, const char *manager)
{
	return !wanted || strcmp(wanted, manager) == 0;
}

static void say_plan(enum manager_verb verb, const char *manager, const char *matchers, int64_t until_us, struct buf *out)
{
	static const char *const starts[] = {"would silence in ", "would end in ", "would extend in "};
	char until[TIME_TEXT_BYTES];

	buf_puts(out, starts[verb]);
	text_append_harmless(out, str_of(manager), 100);
	buf_puts(out, ": ");
	text_append_harmless(out, str_of(matchers), 4000);
	if (verb != MANAGER_EXPIRE)
		buf_printf(out, " until %s", time_format(until_us / US_PER_S * US_PER_S, until));
	buf_puts(out, "; nothing was changed\n");
}

static void plan(const struct am_result *res, enum manager_verb verb, const char *manager, const char *target, int64_t until_us, struct buf *out)
{
	for (size_t i = 0; verb == MANAGER_SILENCE && i < res->alert_count; i++) {
		const struct am_alert *a = &res->alerts[i];
		struct buf matchers = {0};

		if (strcmp(a->fingerprint, target) != 0 || !is_meant(manager, a->manager))
			continue;
		am_matchers_of(a->labels, &matchers);
		say_plan(verb, a->manager, matchers.data, until_us, out);
		buf_fini(&matchers);
	}
	for (size_t i = 0; verb != MANAGER_SILENCE && i < res->silence_count; i++) {
		const struct am_silence *s = &res->silences[i];

		if (strcmp(s->id, target) == 0 && strcmp(s->state, "expired") != 0 && is_meant(manager, s->manager))
			say_plan(verb, s->manager, s->matchers, until_us, out);
	}
}

static int show_plan(const struct global *g, enum manager_verb verb, const char *manager, const char *target, int64_t until_us)
{
	struct store_summary summary;
	struct store_reader *reader = NULL;
	struct am_result res;
	struct buf out = {0};
	struct err err = {""};
	int failed = window_open_store(&reader, g->store_path, &summary, &err) || query_alertmanagers(reader, &res, &err);

	store_reader_close(&reader);
	if (failed)
		return cli_fail(EXIT_UNAVAILABLE, &err);
	plan(&res, verb, manager, target, until_us, &out);
	if (out.len)
		return finish(&res, &out);
	am_result_fini(&res);
	return cli_failf(EXIT_FAILED, "alert: no Alertmanager has %.64s: see `llmdeck alert list --alertmanager` and `llmdeck alert silences`", target);
}

/* The collector answers {"silence":ID,"until":TIME,…}, read back. */
static void say_done(enum manager_verb verb, struct str answer, struct buf *out)
{
	struct json_reader r;
	struct arena arena = {0};
	struct str key = {0}, id = {0}, until = {0};
	enum json_token t;

	json_init(&r, answer);
	while ((t = json_next(&r)) > JSON_END) {
		if (t == JSON_KEY)
			key = json_text(&r, &arena);
		else if (t == JSON_STRING)
			*(str_equal_c(key, "silence") ? &id : &until) = json_text(&r, &arena);
	}
	buf_puts(out, "silence ");
	text_append_harmless(out, id, 64);
	buf_puts(out, verb == MANAGER_EXPIRE ? " has ended" : " holds until ");
	if (verb != MANAGER_EXPIRE)
		text_append_harmless(out, until, TIME_TEXT_BYTES);
	buf_puts(out, ", read back\n");
	arena_fini(&arena);
}

int alert_manager_change(const struct global *g, const struct args *a, enum manager_verb verb, const char *target, int64_t until_us)
{
	const char *manager = args_value(a, "--at");
	struct buf json = {0}, answer = {0}, out = {0};

	if (args_has(a, "--dry-run"))
		return show_plan(g, verb, manager, target, until_us);
	buf_printf(&json, "{\"do\":\"%s\"", verb_names[verb]);
	alert_add_text(&json, "target", target);
	alert_add_text(&json, "alertmanager", manager);
	if (until_us)
		alert_add_time(&json, "until", until_us);
	if (verb == MANAGER_SILENCE)
		alert_add_text(&json, "comment", args_value(a, "--comment"));
	alert_add_claim(&json);
	buf_append_c(&json, '}');
	int code = control_ask(g, "/v1/alerts/respond", &json, &answer);

	if (code == EXIT_DONE) {
		say_done(verb, buf_str(&answer), &out);
		code = cli_print(&out);
	}
	buf_fini(&json);
	buf_fini(&answer);
	buf_fini(&out);
	return code;
}
