/* Another limit for an alert rule: a form whose limit is tried on the last week while it is typed. The
 * back-test runs on the thread for chores; only its answer to the last question is shown. What is sent is
 * an override with an author and an end; the config's limit is back when that has come. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "console/app.h"
#include "panels/format.h"
#include "parse/config.h"

enum { FIELD_LIMIT, FIELD_UNTIL };
#define LINE_BYTES 200

struct limit_dialog {
	char rule[120], title[160];
	char in_force[LINE_BYTES], preview[LINE_BYTES], figures[LINE_BYTES], level[LINE_BYTES];
	double asked;     /* the limit of the last question; NaN: none */
	uint64_t serial;  /* of that question; 0: none */
	struct dialog dialog;
};

static const struct config *config_of(const struct app *a)
{
	return a->config ? a->config : a->o->config;
}

static const struct config_alert *rule_named(const struct app *a, const char *name)
{
	const struct config *c = config_of(a);

	for (size_t i = 0; c && i < c->alert_count; i++) {
		if (strcmp(c->alerts[i].name, name) == 0)
			return &c->alerts[i];
	}
	return NULL;
}

/* ── figures ───────────────────────────────────────────────────────────────────────────────── */

static bool is_plain(const struct config_alert *rule)
{
	return rule->kind != ALERT_THRESHOLD || rule->category || rule->gauge;
}

static enum metric_unit unit_of(const struct config_alert *rule)
{
	return is_plain(rule) ? UNIT_COUNT : metrics[rule->metric].unit;
}

/* As config_parse_limit() reads it again. */
static void write_limit(const struct config_alert *rule, double v, char *out, size_t cap)
{
	if (isnan(v))
		snprintf(out, cap, "config");
	else if (unit_of(rule) == UNIT_SECONDS)
		snprintf(out, cap, "%.6gs", v);
	else if (unit_of(rule) == UNIT_SHARE)
		snprintf(out, cap, "%.6g%%", v * 100);
	else
		snprintf(out, cap, "%.9g", v);
}

/* NaN for "config". */
static int read_limit(const struct config_alert *rule, const char *text, double *out, struct err *err)
{
	struct str s = str_trim(str_of(text));

	*out = NAN;
	if (str_equal_c(s, "config"))
		return 0;
	if (!is_plain(rule))
		return config_parse_limit(text, &metrics[rule->metric], out, NULL, err);
	return str_to_double(s, out) ? 0 : err_set(err, "a limit is a number");
}

static char *figure(const struct config_alert *rule, double v, char out[FIGURE_TEXT_BYTES])
{
	return figure_format(unit_of(rule), isnan(v) ? value_unknown() : value_ok(v), false, out);
}

/* ── trying it ─────────────────────────────────────────────────────────────────────────────── */

static void try_limit(struct app *a)
{
	struct limit_dialog *w = a->limit;
	const struct config_alert *rule = rule_named(a, w->rule);
	struct err err = {""};
	double limit;

	if (!rule)
		return;
	if (read_limit(rule, w->dialog.fields[FIELD_LIMIT].field.text, &limit, &err) != 0) {
		snprintf(w->preview, LINE_BYTES, "%.180s", err.text);
		w->figures[0] = '\0';
		w->asked = NAN;
		w->serial++; /* an answer that is still to come is about something else */
		return;
	}
	if (isnan(limit))
		limit = rule->limit;
	if (limit == w->asked)
		return;
	w->asked = limit;
	w->serial++;
	snprintf(w->preview, LINE_BYTES, "trying it on the last week …");
	w->figures[0] = '\0';
	chores_backtest(a->chores, a->o->store_path, rule, limit, w->serial);
}

void app_limit_news(struct app *a, const struct chore_news *news)
{
	struct limit_dialog *w = a->limit;
	const struct backtest *b = &news->backtest;
	const struct config_alert *rule = a->mode == MODE_LIMIT ? rule_named(a, w->rule) : NULL;
	char p50[FIGURE_TEXT_BYTES], p99[FIGURE_TEXT_BYTES], worst[FIGURE_TEXT_BYTES];
	char all[TIME_TEXT_BYTES], longest[TIME_TEXT_BYTES];

	if (!rule || news->backtest_serial != w->serial)
		return;
	if (news->backtest_error[0]) {
		snprintf(w->preview, LINE_BYTES, "%s", news->backtest_error);
		return;
	}
	if (b->known == 0) {
		snprintf(w->preview, LINE_BYTES, "nothing is known of the last week: it cannot be tried");
		return;
	}
	if (b->fired == 0)
		snprintf(w->preview, LINE_BYTES, "it would not have fired in the last week");
	else
		snprintf(w->preview, LINE_BYTES, "it would have fired %zu time%s in the last week, %s in all, %s at most", b->fired,
		         b->fired == 1 ? "" : "s", duration_format(b->firing_us, all), duration_format(b->longest_us, longest));
	snprintf(w->figures, LINE_BYTES, "the figure: median %s, p99 %s, worst %s", figure(rule, b->p50, p50), figure(rule, b->p99, p99),
	         figure(rule, b->worst, worst));
}

/* ── the form ──────────────────────────────────────────────────────────────────────────────── */

static void add_line(struct limit_dialog *w, const char *text)
{
	w->dialog.lines[w->dialog.line_count++] = text;
}

static void open_form(struct app *a, const struct config_alert *rule, double bound, const char *typed)
{
	char now[FIGURE_TEXT_BYTES], config[FIGURE_TEXT_BYTES], limit[64];
	struct limit_dialog *w;

	if (!a->limit)
		a->limit = mem_alloc(sizeof *a->limit);
	w = a->limit;
	memset(w, 0, sizeof *w);
	w->asked = NAN;
	snprintf(w->rule, sizeof w->rule, "%.119s", rule->name);
	snprintf(w->title, sizeof w->title, "limit of %.100s", rule->name);
	snprintf(w->in_force, LINE_BYTES, "fires %s %s now; the config says %s", rule->below ? "under" : "over",
	         figure(rule, isnan(bound) ? rule->limit : bound, now), figure(rule, rule->limit, config));
	if (deck_level(&a->deck) < SESSION_OPERATOR)
		snprintf(w->level, LINE_BYTES, "This takes the role operator: confirming also raises this session (:rw).");
	w->dialog.title = w->title;
	add_line(w, w->in_force);
	add_line(w, w->preview);
	add_line(w, w->figures);
	add_line(w, w->level);
	w->dialog.fields[FIELD_LIMIT].label = "limit, or config";
	w->dialog.fields[FIELD_UNTIL].label = "until: 8h, a time, for good";
	write_limit(rule, isnan(bound) ? rule->limit : bound, limit, sizeof limit);
	field_set(&w->dialog.fields[FIELD_LIMIT].field, *typed ? typed : limit);
	field_set(&w->dialog.fields[FIELD_UNTIL].field, "24h");
	w->dialog.field_count = 2;
	w->dialog.confirm = w->level[0] ? "RW and set" : "Set";
	dialog_open(&w->dialog);
	a->mode = MODE_LIMIT;
	try_limit(a);
}

static void open_on(struct app *a, const char *name, double bound, const char *typed)
{
	const struct config_alert *rule = rule_named(a, name);

	if (!rule)
		app_say(a, true, "%.100s is no alert rule of this console's config: budgets change with B, guardrails in the config", name);
	else if (rule->kind == ALERT_ABSENCE)
		app_say(a, true, "%.100s waits for silence and has no limit", name);
	else
		open_form(a, rule, bound, typed);
}

void app_limit(struct app *a)
{
	struct alert_pick p;

	if (app_alert_pick(a, &p))
		open_on(a, p.rule, p.bound, "");
}

void app_limit_named(struct app *a, const char *text)
{
	struct str rest = str_trim(str_of(text)), name = str_cut(&rest, ' ');
	char rule[120], typed[64];

	snprintf(rule, sizeof rule, "%.*s", STR_ARG(name));
	snprintf(typed, sizeof typed, "%.*s", STR_ARG(str_trim(rest)));
	if (rule[0])
		open_on(a, rule, NAN, typed);
	else
		app_say(a, true, "limit: name the rule, and its new limit: :limit slow 3s");
}

/* ── what is sent ──────────────────────────────────────────────────────────────────────────── */

/* 0: for good. False with a word when it is not understood. */
static bool read_until(struct app *a, int64_t *until_us)
{
	struct str s = str_trim(str_of(a->limit->dialog.fields[FIELD_UNTIL].field.text));
	int64_t us;

	*until_us = 0;
	if (!s.len || str_equal_c(s, "for good"))
		return true;
	if (duration_parse(s, &us) && us > 0)
		*until_us = clock_wall_us() + us;
	else if (time_parse(s, NULL, TIME_UNIT_AUTO, &us) && us > clock_wall_us())
		*until_us = us;
	else
		app_say(a, true, "until when? a duration such as 8h, a time to come, or for good");
	return *until_us != 0;
}

/* False: the form stays. */
static bool send(struct app *a)
{
	const struct limit_dialog *w = a->limit;
	const struct config_alert *rule = rule_named(a, w->rule);
	const char *user = getenv("LLMDECK_USER");
	char until[TIME_TEXT_BYTES], said[180];
	struct err err = {""};
	struct buf json = {0};
	int64_t until_us;
	double limit;

	if (!rule || read_limit(rule, w->dialog.fields[FIELD_LIMIT].field.text, &limit, &err) != 0) {
		app_say(a, true, "%.230s", rule ? err.text : "the rule has gone from the config");
		return false;
	}
	if (!read_until(a, &until_us))
		return false;
	if (deck_level(&a->deck) < SESSION_OPERATOR && deck_raise(&a->deck, true, &err) != 0) {
		app_say(a, true, "%.230s", err.text);
		return false;
	}
	buf_puts(&json, "{\"do\":\"edit\",\"rule\":");
	buf_append_json(&json, str_of(w->rule));
	buf_puts(&json, isnan(limit) ? ",\"limit\":null" : "");
	if (!isnan(limit))
		buf_printf(&json, ",\"limit\":%.17g", limit);
	if (until_us)
		buf_printf(&json, ",\"until\":\"%s\"", time_format(until_us, until));
	if (user && *user && strlen(user) < 64) {
		buf_puts(&json, ",\"claimed\":");
		buf_append_json(&json, str_of(user));
	}
	buf_append_c(&json, '}');
	snprintf(said, sizeof said, "limit set: %.100s", w->rule);
	chores_order(a->chores, "/v1/alerts/change", &json, said);
	return true;
}

void app_limit_key(struct app *a, struct key key)
{
	enum dialog_result result = dialog_key(&a->limit->dialog, key, clock_mono_us());

	if (result == DIALOG_CANCELLED || (result == DIALOG_CONFIRMED && send(a)))
		a->mode = MODE_DECK;
	else
		try_limit(a);
}

void app_limit_draw(const struct app *a, struct surface *s, int *cursor_x, int *cursor_y)
{
	dialog_draw(s, &a->limit->dialog, clock_mono_us(), cursor_x, cursor_y);
}
