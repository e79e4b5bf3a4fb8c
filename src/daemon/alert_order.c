/* A flat object: every member is a text, a number or null. */
#include "daemon/alert_order.h"

#include <math.h>
#include <string.h>

#include "base/timefmt.h"
#include "core/alertmanager.h"
#include "core/budget.h"
#include "core/money.h"
#include "parse/json.h"

static const char *const verb_names[] = {"ack", "silence", "unsilence", "am_silence", "am_expire", "am_extend", "edit", "set_budget", "remove_budget"};

bool alert_verb_changes_config(enum alert_verb v)
{
	return v >= ALERT_VERB_EDIT;
}

static int take_percents(struct alert_order *o, struct str text, struct err *err)
{
	const size_t most = sizeof o->budget.warn_percent / sizeof *o->budget.warn_percent;

	o->budget.warn_count = 0;
	while (text.len) {
		int64_t percent;

		if (!str_to_int64(str_trim(str_cut(&text, ',')), &percent) || percent < 1 || percent > 1000 || o->budget.warn_count == most ||
		    (o->budget.warn_count && percent <= o->budget.warn_percent[o->budget.warn_count - 1]))
			return err_set(err, "warn takes at most %zu rising percentages from 1 to 1000, such as 50,80,100", most);
		o->budget.warn_percent[o->budget.warn_count++] = (int)percent;
	}
	return 0;
}

static int take_bases(struct alert_order *o, struct str text, struct err *err)
{
	o->budget.on_actual = o->budget.on_forecast = false;
	while (text.len) {
		struct str word = str_trim(str_cut(&text, ','));

		if (str_equal_c(word, "actual"))
			o->budget.on_actual = true;
		else if (str_equal_c(word, "forecast"))
			o->budget.on_forecast = true;
		else
			return err_set(err, "on takes actual, forecast or both");
	}
	return 0;
}

static int take_filters(struct alert_order *o, struct str text, struct err *err)
{
	while (text.len) {
		struct str line = str_cut(&text, '\n');

		if (line.len && budget_add_filter(&o->budget, line, err))
			return -1;
	}
	return 0;
}

static int take_until(struct alert_order *o, struct str text, struct err *err)
{
	o->until_reset = str_equal_c(text, "reset");
	if (o->until_reset || time_parse(text, NULL, TIME_UNIT_AUTO, &o->until_us))
		return 0;
	return err_set(err, "until takes a time, such as 2026-11-23T18:00:00Z");
}

static int take_text(struct alert_order *o, const char *key, struct str s, struct err *err)
{
	const char *text = arena_copy(&o->arena, s.len ? s.ptr : "", s.len);
	const struct {
		const char *key, **where;
	} plain[] = {
		{"rule", &o->rule}, {"name", &o->budget.name}, {"note", &o->note}, {"comment", &o->note}, {"claimed", &o->claimed},
		{"tz", &o->budget.tz}, {"hard", &o->budget.hard}, {"target", &o->target}, {"alertmanager", &o->manager},
	};

	static const struct {
		const char *key;
		unsigned given;
	} marks[] = {{"amount", GIVEN_AMOUNT}, {"period", GIVEN_PERIOD}, {"tz", GIVEN_TZ}, {"where", GIVEN_WHERE}, {"warn", GIVEN_WARN},
	             {"on", GIVEN_ON}, {"hard", GIVEN_HARD}};

	if (s.len > 2000 || memchr(s.len ? s.ptr : "", '\0', s.len))
		return err_set(err, "%s is too long or holds a NUL byte", key);
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		o->given |= strcmp(key, marks[i].key) == 0 ? marks[i].given : 0;
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (!strcmp(key, plain[i].key)) {
			*plain[i].where = text;
			return 0;
		}
	if (!strcmp(key, "until"))
		return take_until(o, s, err);
	if (!strcmp(key, "where"))
		return take_filters(o, s, err);
	if (!strcmp(key, "warn"))
		return take_percents(o, s, err);
	if (!strcmp(key, "on"))
		return take_bases(o, s, err);
	if (!strcmp(key, "period") && budget_period_from_name(text, &o->budget.period))
		return 0;
	if (!strcmp(key, "amount") && money_parse_nusd(s, &o->budget.amount_nusd))
		return 0;
	if (!strcmp(key, "do")) {
		for (int v = 0; v < ALERT_VERB_COUNT; v++)
			if (!strcmp(text, verb_names[v])) {
				o->verb = (enum alert_verb)v;
				return 0;
			}
		return err_set(err, "there is no such verb: use ack, silence, unsilence, am_silence, am_expire, am_extend, edit, set_budget or remove_budget");
	}
	return err_set(err, "the member `%.40s` is unknown or has a value that does not fit", key);
}

static int read_members(struct alert_order *o, struct json_reader *r, struct err *err)
{
	for (;;) {
		enum json_token t = json_next(r);
		struct str key;

		if (t == JSON_OBJECT_END)
			return 0;
		if (t != JSON_KEY)
			return err_set(err, "the request is not a JSON object");
		key = json_text(r, &o->arena);
		const char *name = arena_copy(&o->arena, key.ptr, key.len);

		t = json_next(r);
		if (t == JSON_STRING) {
			if (take_text(o, name, json_text(r, &o->arena), err))
				return -1;
		} else if (t == JSON_NUMBER && !strcmp(name, "id")) {
			if (!json_int64(r, &o->id) || o->id <= 0)
				return err_set(err, "id takes a whole number above 0");
		} else if (t == JSON_NUMBER && !strcmp(name, "limit")) {
			if (!str_to_double(r->text, &o->limit))
				return err_set(err, "limit takes a number");
		} else if (t == JSON_NUMBER && !strcmp(name, "max_unpriced")) {
			o->given |= GIVEN_UNPRICED;
			if (!str_to_double(r->text, &o->budget.max_unpriced) || !(o->budget.max_unpriced >= 0 && o->budget.max_unpriced <= 1))
				return err_set(err, "max_unpriced takes a share from 0 to 1");
		} else if (t != JSON_NULL) {
			return err_set(err, "the member `%.40s` is unknown or has a value that does not fit", name);
		}
	}
}

static int check(const struct alert_order *o, bool has_verb, struct err *err)
{
	if (!has_verb)
		return err_set(err, "the member `do` is missing");
	if (o->verb == ALERT_VERB_ACK && !o->id)
		return err_set(err, "ack takes the alert's id");
	if ((o->verb == ALERT_VERB_SILENCE || o->verb == ALERT_VERB_UNSILENCE) && !o->id == !*o->rule)
		return err_set(err, "give either the alert's id or a rule");
	if (o->verb == ALERT_VERB_SILENCE && !o->until_us)
		return err_set(err, "a silence takes `until`");
	if (o->verb == ALERT_VERB_AM_SILENCE && !am_is_fingerprint(o->target))
		return err_set(err, "target takes an alert's fingerprint: 16 hex digits");
	if ((o->verb == ALERT_VERB_AM_EXPIRE || o->verb == ALERT_VERB_AM_EXTEND) && !am_is_silence_id(o->target))
		return err_set(err, "target takes a silence's id");
	if ((o->verb == ALERT_VERB_AM_SILENCE || o->verb == ALERT_VERB_AM_EXTEND) && !o->until_us)
		return err_set(err, "a silence takes `until`");
	if (o->verb == ALERT_VERB_EDIT && !*o->rule)
		return err_set(err, "edit takes the rule's name");
	if (o->verb >= ALERT_VERB_SET_BUDGET && (!*o->budget.name || strlen(o->budget.name) > 100))
		return err_set(err, "a budget has a name of at most 100 bytes");
	return 0;
}

int alert_order_read(struct alert_order *o, struct str json, struct err *err)
{
	struct json_reader r;

	*o = (struct alert_order){
		.verb = ALERT_VERB_COUNT, .rule = "", .note = "", .claimed = "", .target = "", .manager = "", .limit = NAN,
		.budget = {.name = "", .period = PERIOD_MONTH, .tz = "UTC", .warn_percent = {50, 80, 100}, .warn_count = 3, .on_actual = true,
		           .max_unpriced = 0.05},
	};
	json_init(&r, json);
	if (json_next(&r) != JSON_OBJECT)
		return err_set(err, "the request is not a JSON object");
	if (read_members(o, &r, err))
		return -1;
	return check(o, o->verb != ALERT_VERB_COUNT, err);
}

void alert_order_fini(struct alert_order *o)
{
	arena_fini(&o->arena);
}

static void take_scope(struct config_budget *into, const struct config_budget *from)
{
	into->where = from->where;
	into->by_attr = from->by_attr;
	into->attr = from->attr;
	memcpy(into->attr_value, from->attr_value, sizeof into->attr_value);
}

static void take_thresholds(struct config_budget *into, const struct config_budget *from)
{
	memcpy(into->warn_percent, from->warn_percent, sizeof into->warn_percent);
	into->warn_count = from->warn_count;
}

void alert_order_complete(struct alert_order *o, const struct config_budget *in_force)
{
	struct config_budget *b = &o->budget, mine = o->budget;

	if (in_force) {
		*b = *in_force;
		b->name = mine.name;
		b->amount_nusd = o->given & GIVEN_AMOUNT ? mine.amount_nusd : b->amount_nusd;
		b->period = o->given & GIVEN_PERIOD ? mine.period : b->period;
		b->tz = o->given & GIVEN_TZ ? mine.tz : b->tz;
		b->hard = o->given & GIVEN_HARD ? mine.hard : b->hard;
		b->max_unpriced = o->given & GIVEN_UNPRICED ? mine.max_unpriced : b->max_unpriced;
		b->on_actual = o->given & GIVEN_ON ? mine.on_actual : b->on_actual;
		b->on_forecast = o->given & GIVEN_ON ? mine.on_forecast : b->on_forecast;
		if (o->given & GIVEN_WHERE)
			take_scope(b, &mine);
		if (o->given & GIVEN_WARN)
			take_thresholds(b, &mine);
	}
	if (b->hard && (!*b->hard || !strcmp(b->hard, "none")))
		b->hard = NULL;
	if (!*b->tz)
		b->tz = "UTC";
}
