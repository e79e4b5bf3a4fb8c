/* Labels are stored as a JSON object and go out as they are; everything else is escaped here. */
#include "alert/message.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "parse/json.h"

static void add_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	buf_append_json(out, str_of(text ? text : ""));
}

static void add_number(struct buf *out, const char *name, double v)
{
	if (isnan(v) || isinf(v))
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%.9g", name, v);
}

static void add_time(struct buf *out, const char *name, int64_t us)
{
	char text[TIME_TEXT_BYTES];

	buf_printf(out, ",\"%s\":\"%s\"", name, time_format(us, text));
}

void message_alertmanager(const struct alert_record *a, int64_t ends_us, struct buf *out)
{
	char id[32];

	snprintf(id, sizeof id, "%" PRId64, a->id);
	buf_printf(out, "{\"labels\":%s,\"annotations\":{\"llmdeck_id\":\"%s\"", a->labels, id);
	add_text(out, "summary", a->summary);
	if (a->runbook && *a->runbook)
		add_text(out, "runbook_url", a->runbook);
	buf_append_c(out, '}');
	add_time(out, "startsAt", a->fired_us);
	add_time(out, "endsAt", a->state == ALERT_RESOLVED ? a->ended_us : ends_us);
	buf_append_c(out, '}');
}

void message_watchdog(int64_t started_us, int64_t ends_us, struct buf *out)
{
	buf_puts(out, "{\"labels\":" MESSAGE_WATCHDOG_LABELS ",\"annotations\":{\"summary\":"
	         "\"This alert always fires: when it stops, llmdeck has stopped watching.\"}");
	add_time(out, "startsAt", started_us);
	add_time(out, "endsAt", ends_us);
	buf_append_c(out, '}');
}

char *message_silence_mark(int64_t id, char out[SILENCE_MARK_BYTES])
{
	snprintf(out, SILENCE_MARK_BYTES, "[llmdeck %" PRId64 "]", id);
	return out;
}

static void add_matcher(struct buf *out, bool *first, struct str name, struct str value)
{
	buf_puts(out, *first ? "{\"name\":" : ",{\"name\":");
	*first = false;
	buf_append_json(out, name);
	buf_puts(out, ",\"value\":");
	buf_append_json(out, value);
	buf_puts(out, ",\"isRegex\":false,\"isEqual\":true}");
}

/* An empty label does not exist for Alertmanager, and a matcher of "" says just that. */
static void add_matchers(struct buf *out, const struct silence_record *s)
{
	struct json_reader r;
	struct arena arena = {0};
	struct str name = {0};
	bool first = true;
	enum json_token t;

	if (!*s->labels)
		add_matcher(out, &first, STR_LIT("alertname"), str_of(s->rule));
	json_init(&r, str_of(*s->labels ? s->labels : "{}"));
	while ((t = json_next(&r)) > JSON_END) {
		if (t == JSON_KEY)
			name = json_text(&r, &arena);
		else if (t == JSON_STRING)
			add_matcher(out, &first, name, json_text(&r, &arena));
	}
	arena_fini(&arena);
}

void message_silence(const struct silence_record *s, struct buf *out)
{
	char mark[SILENCE_MARK_BYTES];
	struct buf comment = {0};

	buf_puts(out, "{\"matchers\":[");
	add_matchers(out, s);
	buf_puts(out, "]");
	add_time(out, "startsAt", s->from_us);
	add_time(out, "endsAt", s->until_us);
	add_text(out, "createdBy", *s->author ? s->author : "llmdeck");
	buf_printf(&comment, "%s%s%s", s->comment, *s->comment ? " " : "", message_silence_mark(s->id, mark));
	add_text(out, "comment", comment.data);
	buf_append_c(out, '}');
	buf_fini(&comment);
}

void message_json(const struct alert_record *a, const char *what, struct buf *out)
{
	buf_printf(out, "{\"schema\":1,\"status\":\"%s\",\"id\":%" PRId64 ",\"dedup_key\":\"llmdeck-%" PRId64 "\"", what, a->id, a->id);
	add_text(out, "rule", a->rule);
	add_text(out, "kind", a->kind);
	add_text(out, "severity", severity_name(a->severity));
	add_text(out, "summary", a->summary);
	add_number(out, "value", a->value);
	add_number(out, "limit", a->bound);
	if (!isnan(a->normal))
		add_number(out, "normal", a->normal);
	add_time(out, "since", a->fired_us ? a->fired_us : a->since_us);
	if (a->state == ALERT_RESOLVED)
		add_time(out, "ended", a->ended_us);
	add_text(out, "runbook", a->runbook);
	if (a->acknowledged_us) {
		add_text(out, "acknowledged_by", a->acknowledged_by);
		add_text(out, "note", a->note);
	}
	buf_printf(out, ",\"labels\":%s}", a->labels);
}

/* ── templates ─────────────────────────────────────────────────────────────────────────────── */

static const char *const fields[] = {"status", "rule", "severity", "summary", "value", "limit", "since", "runbook",
                                     "labels", "id", "dedup_key", "event_action", "by", "note", NULL};

/* As PagerDuty's events API calls what happens to an alert. */
static const char *event_action(const char *what)
{
	return strcmp(what, "resolved") == 0 ? "resolve" : strcmp(what, "acknowledged") == 0 ? "acknowledge" : "trigger";
}

/* Escaped for the inside of a JSON string. */
static void add_escaped(struct buf *out, const char *text)
{
	struct buf quoted = {0};

	buf_append_json(&quoted, str_of(text ? text : ""));
	buf_append(out, quoted.data + 1, quoted.len - 2);
	buf_fini(&quoted);
}

static void add_figure(struct buf *out, double v)
{
	if (isnan(v))
		buf_puts(out, "unknown");
	else
		buf_printf(out, "%.6g", v);
}

static bool add_field(struct str name, const struct alert_record *a, const char *what, struct buf *out)
{
	char text[TIME_TEXT_BYTES];
	const struct {
		const char *name, *text;
	} texts[] = {
		{"status", what}, {"rule", a->rule}, {"severity", severity_name(a->severity)}, {"summary", a->summary},
		{"runbook", a->runbook}, {"by", a->acknowledged_by}, {"note", a->note},
		{"since", time_format(a->fired_us ? a->fired_us : a->since_us, text)},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (str_equal_c(name, texts[i].name)) {
			add_escaped(out, texts[i].text);
			return true;
		}
	if (str_equal_c(name, "value"))
		add_figure(out, a->value);
	else if (str_equal_c(name, "limit"))
		add_figure(out, a->bound);
	else if (str_equal_c(name, "labels"))
		buf_puts(out, a->labels);
	else if (str_equal_c(name, "id"))
		buf_printf(out, "%" PRId64, a->id);
	else if (str_equal_c(name, "dedup_key"))
		buf_printf(out, "llmdeck-%" PRId64, a->id);
	else if (str_equal_c(name, "event_action"))
		buf_puts(out, event_action(what));
	else
		return false;
	return true;
}

/* The next {{field}}: false at the end. *before is what stands in front of it. */
static bool next_field(struct str *rest, struct str *before, struct str *name)
{
	const char *open = rest->len ? memmem(rest->ptr, rest->len, "{{", 2) : NULL;
	const char *close = open ? memmem(open, rest->len - (size_t)(open - rest->ptr), "}}", 2) : NULL;

	if (!close)
		return false;
	*before = (struct str){rest->ptr, (size_t)(open - rest->ptr)};
	*name = str_trim((struct str){open + 2, (size_t)(close - open) - 2});
	*rest = (struct str){close + 2, rest->len - (size_t)(close + 2 - rest->ptr)};
	return true;
}

void message_template(const char *text, const struct alert_record *a, const char *what, struct buf *out)
{
	struct str rest = str_of(text), before, name;

	while (next_field(&rest, &before, &name)) {
		buf_append_str(out, before);
		add_field(name, a, what, out);
	}
	buf_append_str(out, rest);
}

int message_template_check(const char *text, struct err *err)
{
	struct str rest = str_of(text), before, name;

	while (next_field(&rest, &before, &name)) {
		size_t i = 0;

		while (fields[i] && !str_equal_c(name, fields[i]))
			i++;
		if (!fields[i])
			return err_set(err, "template: there is no field {{%.*s}}: use status, rule, severity, summary, value, limit, since, "
			               "runbook, labels, id, dedup_key, event_action, by or note", (int)(name.len < 40 ? name.len : 40), name.ptr);
	}
	return 0;
}
