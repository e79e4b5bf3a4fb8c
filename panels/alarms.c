/* Labels are a JSON object of texts that the collector wrote: without blanks, everything escaped. */
#include "panels/alarms.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/budget.h"

#define ENDED_SHOWN_US (15 * US_PER_MIN)

static bool is_fresh(int64_t checked_us, int64_t wall_us)
{
	return checked_us && wall_us - checked_us < ALARMS_FRESH_US;
}

int alarms_load(struct alarms *a, struct store_reader *reader, struct err *err)
{
	*a = (struct alarms){.wall_us = clock_wall_us()};
	if (query_rule_states(reader, &a->states, err) != 0)
		return -1;
	if (query_alerts(reader, a->wall_us - ENDED_SHOWN_US, a->wall_us, &a->alerts, err) != 0) {
		rule_state_result_fini(&a->states);
		return -1;
	}
	for (size_t i = 0; i < a->states.row_count; i++)
		a->evaluated = a->evaluated || is_fresh(a->states.rows[i].checked_us, a->wall_us);
	for (size_t i = 0; i < a->alerts.row_count; i++)
		a->evaluated = a->evaluated || is_fresh(a->alerts.rows[i].checked_us, a->wall_us);
	return 0;
}

int alarms_load_for(struct alarms *a, const struct panel_query *query, struct err *err)
{
	if (alarms_load(a, query->reader, err) != 0)
		return -1;
	a->evaluated = a->evaluated && query->now_us > a->wall_us - ALARMS_FRESH_US;
	return 0;
}

void alarms_fini(struct alarms *a)
{
	alert_result_fini(&a->alerts);
	rule_state_result_fini(&a->states);
}

enum alarm_stage alarm_stage_of(const struct alert_record *r)
{
	if (r->state == ALERT_RESOLVED || r->state == ALERT_INACTIVE)
		return ALARM_RESOLVED;
	if (r->silenced_until_us)
		return ALARM_SILENCED;
	if (r->acknowledged_us)
		return ALARM_ACKNOWLEDGED;
	return r->state == ALERT_FIRING ? ALARM_FIRING : ALARM_PENDING;
}

const char *alarm_stage_word(enum alarm_stage stage)
{
	static const char *const words[] = {"firing", "pending", "acknowledged", "silenced", "resolved"};

	return words[stage];
}

const char *alarm_stage_short(enum alarm_stage stage)
{
	static const char *const words[] = {"", "pend", "ack", "mute", ""};

	return words[stage];
}

const struct alert_record *alarms_of_rule(const struct alarms *a, const char *rule)
{
	const struct alert_record *best = NULL;

	for (size_t i = 0; i < a->alerts.row_count; i++) {
		const struct alert_record *r = &a->alerts.rows[i];

		if (alarm_stage_of(r) == ALARM_RESOLVED || strcmp(r->rule, rule) != 0)
			continue;
		if (!best || alarm_stage_of(r) < alarm_stage_of(best) ||
		    (alarm_stage_of(r) == alarm_stage_of(best) && strcmp(r->kind, "budget") == 0 && r->bound > best->bound))
			best = r;
	}
	return best;
}

static bool is_threshold_beside(const struct alert_record *r, const struct alert_record *other)
{
	return strcmp(r->kind, "budget") == 0 && strcmp(r->rule, other->rule) == 0 && budget_same_basis(r->labels, other->labels);
}

size_t alarms_below(const struct alarms *a, const struct alert_record *r)
{
	size_t count = 0;

	for (size_t i = 0; i < a->alerts.row_count; i++) {
		const struct alert_record *other = &a->alerts.rows[i];
		bool open = other->state == ALERT_FIRING || other->state == ALERT_PENDING;

		count += open && !other->acknowledged_us && other->bound < r->bound && is_threshold_beside(r, other);
	}
	return count;
}

bool alarms_is_surpassed(const struct alarms *a, const struct alert_record *r)
{
	for (size_t i = 0; i < a->alerts.row_count; i++) {
		const struct alert_record *other = &a->alerts.rows[i];

		if (alarm_stage_of(other) == alarm_stage_of(r) && other->bound > r->bound && is_threshold_beside(r, other))
			return true;
	}
	return false;
}

const struct rule_state *alarms_rule_state(const struct alarms *a, const char *rule)
{
	for (size_t i = 0; i < a->states.row_count; i++) {
		if (strcmp(a->states.rows[i].rule, rule) == 0)
			return &a->states.rows[i];
	}
	return NULL;
}

/* The value of a label as it is written, without its quotes: a quote within a text is always escaped,
 * so that no value can look like a name. */
static struct str raw_label(const struct alert_record *r, const char *name)
{
	char wanted[64];
	const char *at;
	size_t len;

	len = (size_t)snprintf(wanted, sizeof wanted, "\"%.40s\":\"", name);
	for (at = strstr(r->labels, wanted); at; at = strstr(at + 1, wanted)) {
		if (at > r->labels && (at[-1] == '{' || at[-1] == ',')) {
			const char *end = at += len;

			while (*end && *end != '"')
				end += end[0] == '\\' && end[1] ? 2 : 1;
			return (struct str){at, (size_t)(end - at)};
		}
	}
	return (struct str){NULL, 0};
}

bool alarm_has_label(const struct alert_record *r, const char *name, struct str value)
{
	struct str raw = raw_label(r, name);
	struct buf escaped = {0};
	bool same;

	buf_append_json(&escaped, value);
	same = raw.ptr && escaped.len == raw.len + 2 && memcmp(escaped.data + 1, raw.ptr, raw.len) == 0;
	buf_fini(&escaped);
	return same;
}

/* A value with escapes in it (control characters, quotes) is left out: the window is then wider. */
void alarm_add_filters(const struct alert_record *r, struct view *view)
{
	for (int dim = 0; dim < DIM_COUNT; dim++) {
		struct str value = raw_label(r, dim_name((enum dim)dim));
		bool has = !value.ptr || memchr(value.ptr, '\\', value.len) || value.len >= VIEW_VALUE_BYTES;
		struct filter *f;

		for (size_t i = 0; i < view->filter_count; i++)
			has = has || view->filters[i].dim == (enum dim)dim;
		if (has || view->filter_count == VIEW_FILTERS_MAX)
			continue;
		f = &view->filters[view->filter_count++];
		f->dim = (enum dim)dim;
		f->inverted = false;
		snprintf(f->value, sizeof f->value, "%.*s", STR_ARG(value));
	}
}
