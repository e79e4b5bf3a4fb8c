/* The alerts as the collector's evaluation has them, most urgent first, with the figure of the one under
 * the cursor drawn against its limit. Where no collector evaluates: every rule of the config that is a
 * threshold, read over its own window. One line of them is the strip under the header. */
#include "panels/alerts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/alarms.h"
#include "panels/alert_picture.h"
#include "panels/alertmanager.h"
#include "panels/draw.h"

#define PICTURES_MAX 8
#define PICTURE_ROWS 9
#define PICTURE_ROWS_TALL 15
#define DEAD_MAX 200
#define DEAD_ROWS 3

/* What stays from load to load: a budget's picture is as old as its assessment. */
struct kept {
	struct alert_picture budgets[PICTURES_MAX];
	int64_t assessed_us[PICTURES_MAX];
};

struct alerts {
	struct rule_set *rules; /* our own copy: readings point into it */
	struct rule_reading readings[RULES_MAX];
	size_t count;           /* rules read */
	size_t order[RULES_MAX], over; /* indices of those over their limit, worst first */
	struct alarms alarms;          /* evaluated: readings are not used */
	const struct alert_record **open; /* sorted: by stage, then by severity, newest first */
	size_t stages[ALARM_RESOLVED + 1]; /* how many of each */
	struct alert_picture pictures[PICTURES_MAX];
	size_t picture_count;
	struct override_result overrides; /* page only */
	struct outbox_result dead;     /* page only: messages that reached nobody, oldest first */
	struct am_result managers;     /* page only */
};

static void order_worst_first(struct alerts *a)
{
	for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_WARNING; severity--) {
		for (size_t i = 0; i < a->count; i++) {
			if (a->readings[i].over && (int)a->rules->rules[i].severity == severity)
				a->order[a->over++] = i;
		}
	}
}

static int64_t begin_of(const struct alert_record *r)
{
	return r->fired_us ? r->fired_us : r->since_us;
}

static int by_urgency(const void *x, const void *y)
{
	const struct alert_record *a = *(const struct alert_record *const *)x, *b = *(const struct alert_record *const *)y;

	if (alarm_stage_of(a) != alarm_stage_of(b))
		return alarm_stage_of(a) < alarm_stage_of(b) ? -1 : 1;
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	return begin_of(a) > begin_of(b) ? -1 : begin_of(a) < begin_of(b);
}

/* The limits in force, changed ones too, instead of the config's. */
static void take_limits(struct alerts *a)
{
	for (size_t i = 0; i < a->rules->count; i++) {
		const struct rule_state *state = alarms_rule_state(&a->alarms, a->rules->rules[i].name);

		if (state && !isnan(state->bound))
			a->rules->rules[i].limit = state->bound;
	}
}

static void sort_alarms(struct alerts *a)
{
	size_t count = a->alarms.alerts.row_count;

	a->open = mem_array(NULL, count + 1, sizeof(struct alert_record *));
	for (size_t i = 0; i < count; i++) {
		a->open[i] = &a->alarms.alerts.rows[i];
		a->stages[alarm_stage_of(a->open[i])]++;
	}
	qsort(a->open, count, sizeof(struct alert_record *), by_urgency);
}

/* The filters of an alert: its rule's, and the group it is about. */
static struct view alarm_view(const struct alerts *a, const struct alert_record *r)
{
	const struct rule *rule = rule_set_find(a->rules, r->rule);
	const struct watched_rule *watched = rule_set_watched(a->rules, r->rule);
	struct view view = rule ? rule->where : watched ? watched->where : (struct view){0};

	view.by_count = 0;
	alarm_add_filters(r, &view);
	return view;
}

static int64_t assessed_at(const struct standing_result *standings, const char *budget)
{
	for (size_t i = 0; i < standings->row_count; i++) {
		if (strcmp(standings->rows[i].budget.name, budget) == 0)
			return standings->rows[i].assessed_us;
	}
	return 0;
}

/* One of a budget is asked anew after an assessment; one that goes takes the oldest place. */
static int load_picture(struct alerts *a, const struct panel_query *query, const struct alert_record *r,
                        const struct standing_result *standings, struct err *err)
{
	struct alert_picture *p = &a->pictures[a->picture_count];
	struct kept *k = strcmp(r->kind, "budget") == 0 ? query->kept : NULL;
	int64_t at_us = k ? assessed_at(standings, r->rule) : 0;
	struct view where = alarm_view(a, r);
	size_t oldest = 0;

	for (size_t i = 0; k && i < PICTURES_MAX; i++) {
		if (k->budgets[i].id == r->id && k->assessed_us[i] == at_us) {
			*p = k->budgets[i];
			return 0;
		}
		if (k->budgets[i].id == r->id || (k->budgets[oldest].id != r->id && k->assessed_us[i] < k->assessed_us[oldest]))
			oldest = i;
	}
	if (alert_picture_load(p, query, r, &where, standings, err) != 0)
		return -1;
	if (k) {
		k->budgets[oldest] = *p;
		k->assessed_us[oldest] = at_us;
	}
	return 0;
}

static int load_pictures(struct alerts *a, const struct panel_query *query, struct err *err)
{
	struct standing_result standings;
	int failed = 0;

	if (query_budget_states(query->reader, &standings, err) != 0)
		return -1;
	for (size_t i = 0; i < a->alarms.alerts.row_count && a->picture_count < PICTURES_MAX && !failed; i++) {
		failed = load_picture(a, query, a->open[i], &standings, err);
		a->picture_count += !failed && a->pictures[a->picture_count].count > 0;
	}
	standing_result_fini(&standings);
	return failed;
}

static int read_rules(struct alerts *a, const struct panel_query *query, struct err *err)
{
	for (size_t i = 0; i < a->rules->count; i++) {
		if (rule_read(query->reader, &a->rules->rules[i], query->now_us, &a->readings[i], err) != 0)
			return -1;
		a->count++;
	}
	order_worst_first(a);
	return 0;
}

static int alerts_load(const struct panel_query *query, void *state, struct err *err)
{
	struct alerts *a = state;

	a->rules = rule_set_copy(query->rules);
	if (alarms_load(&a->alarms, query->reader, err) != 0)
		return -1;
	if (!a->alarms.evaluated)
		return read_rules(a, query, err);
	take_limits(a);
	sort_alarms(a);
	if (query->form != PANEL_PAGE)
		return 0;
	if (load_pictures(a, query, err) != 0)
		return -1;
	if (query_overrides(query->reader, a->alarms.wall_us, &a->overrides, err) != 0)
		return -1;
	if (query_alertmanagers(query->reader, &a->managers, err) != 0)
		return -1;
	return query_outbox(query->reader, OUTBOX_DEAD, DEAD_MAX, &a->dead, err);
}

static void forget(void *kept)
{
	(void)kept; /* owns nothing */
}

static void alerts_fini(void *state)
{
	struct alerts *a = state;

	outbox_result_fini(&a->dead);
	am_result_fini(&a->managers);
	override_result_fini(&a->overrides);
	alarms_fini(&a->alarms);
	free(a->open);
	free(a->rules);
}

static enum state alert_state(const struct rule *rule)
{
	return rule->severity == SEVERITY_CRITICAL ? STATE_CRITICAL : STATE_WARNING;
}

/* "p95 checkout": the metric and what it is looked at for. */
static void alert_subject(const struct rule *rule, struct buf *out)
{
	buf_puts(out, metrics[rule->metric].label);
	for (size_t i = 0; i < rule->where.filter_count; i++) {
		const struct filter *f = &rule->where.filters[i];

		buf_puts(out, f->inverted ? " not " : " ");
		buf_puts(out, f->value);
	}
	if (rule->where.filter_count == 0)
		buf_puts(out, " fleet");
}

/* "4.20s>2.00s 5m" */
static void alert_figures(const struct rule_reading *r, bool ascii, char *out, size_t cap)
{
	enum metric_unit unit = metrics[r->rule->metric].unit;
	char value[FIGURE_TEXT_BYTES], limit[FIGURE_TEXT_BYTES], window[TIME_TEXT_BYTES];

	snprintf(out, cap, "%s%s %s", figure_format(unit, r->value, ascii, value),
	         limit_format(unit, r->rule->limit, r->rule->below, ascii, limit),
	         duration_format(r->rule->window_us, window));
}

static int strip_alert(const struct rule_reading *r, struct surface *s, int x, int y)
{
	enum state state = alert_state(r->rule);
	struct buf subject = {0};
	char figures[120];
	int start = x;

	surface_put(s, x, y, state_mark(state, s->ascii), state_style(state));
	x += 2;
	x += surface_text(s, x, y, state_style(state), state == STATE_CRITICAL ? "CRIT " : "WARN ");
	alert_subject(r->rule, &subject);
	x += surface_outside(s, x, y, 34, state_style(state), buf_str(&subject));
	alert_figures(r, s->ascii, figures, sizeof figures);
	x += surface_printf(s, x, y, state_style(state), " %s   ", figures);
	buf_fini(&subject);
	return x - start;
}

/* The strip when no alert is to be shown. */
static void strip_quiet(const struct alerts *a, const struct panel_frame *frame, const char *quiet,
                        struct surface *s)
{
	if (quiet[0])
		surface_outside(s, 1, 0, s->width - 2, ROLE_MUTED, str_of(quiet));
	else if (a->count == 0)
		surface_text(s, 1, 0, ROLE_MUTED, "no alert rules in the config: no limits shown");
	else if (frame->stale)
		surface_text(s, 1, 0, ROLE_STALE, "no fresh data: nothing can be said about limits");
	else
		surface_printf(s, 1, 0, ROLE_MUTED, "%zu rule%s, nothing over its limit", a->count,
		               a->count == 1 ? "" : "s");
}

/* ── as the collector has them ─────────────────────────────────────────────────────────────── */

static enum state alarm_state(const struct alert_record *r)
{
	if (alarm_stage_of(r) == ALARM_RESOLVED)
		return STATE_OK;
	if (r->data != ALERT_DATA_OK && r->state == ALERT_PENDING)
		return STATE_UNKNOWN;
	return r->severity == SEVERITY_CRITICAL ? STATE_CRITICAL : STATE_WARNING;
}

static enum metric_unit alarm_unit(const struct alerts *a, const struct alert_record *r)
{
	const struct rule *rule = rule_set_find(a->rules, r->rule);
	const struct watched_rule *watched = rule_set_watched(a->rules, r->rule);

	if (strcmp(r->kind, "budget") == 0)
		return UNIT_USD;
	if (watched && watched->kind == ALERT_ANOMALY)
		return metrics[watched->metric].unit;
	if (watched && watched->category[0])
		return UNIT_PER_MINUTE;
	return rule ? metrics[rule->metric].unit : UNIT_COUNT;
}

static char *alarm_figure(const struct alerts *a, const struct alert_record *r, double v, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	return figure_format(alarm_unit(a, r), isnan(v) ? value_unknown() : value_ok(v), ascii, out);
}

/* An anomaly's limit is so many deviations, whatever its figure's unit is. */
static char *alarm_limit(const struct alerts *a, const struct alert_record *r, double bound, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	const struct watched_rule *watched = rule_set_watched(a->rules, r->rule);

	if (!watched || watched->kind != ALERT_ANOMALY || isnan(bound))
		return alarm_figure(a, r, bound, ascii, out);
	snprintf(out, FIGURE_TEXT_BYTES, "%.3g dev", bound);
	return out;
}

static char *alarm_age(const struct alerts *a, const struct alert_record *r, char out[TIME_TEXT_BYTES])
{
	int64_t age_us = (r->ended_us ? r->ended_us : a->alarms.wall_us) - begin_of(r);
	int64_t unit = age_us > 2 * US_PER_DAY ? US_PER_DAY : age_us > 2 * US_PER_MIN ? US_PER_MIN : US_PER_S;

	return duration_format(age_us > 0 ? age_us / unit * unit : 0, out);
}

/* "4.20s>2.00s 12m" */
static void alarm_figures(const struct alerts *a, const struct alert_record *r, bool ascii, char *out, size_t cap)
{
	char value[FIGURE_TEXT_BYTES], limit[FIGURE_TEXT_BYTES], age[TIME_TEXT_BYTES];
	const struct rule *rule = rule_set_find(a->rules, r->rule);

	snprintf(out, cap, "%.30s%s%.30s %s", alarm_figure(a, r, r->value, ascii, value), (rule ? rule->below : strcmp(r->kind, "rollout") == 0 && r->value < r->bound) ? "<" : ">",
	         alarm_limit(a, r, r->bound, ascii, limit), alarm_age(a, r, age));
}

/* Rules about which nothing can be told. */
static size_t without_data(const struct alerts *a)
{
	size_t count = 0;

	for (size_t i = 0; i < a->alarms.states.row_count; i++)
		count += a->alarms.states.rows[i].data != ALERT_DATA_OK;
	return count;
}

/* "2 firing, 1 acknowledged, NO DATA for 3"; `unsaid` of the firing ones are not counted. */
static void count_stages(const struct alerts *a, size_t unsaid, char *out, size_t cap)
{
	size_t len = 0, blind = without_data(a);

	out[0] = '\0';
	for (int stage = ALARM_FIRING; stage < ALARM_RESOLVED; stage++) {
		if (a->stages[stage] > 0 && len < cap)
			len += (size_t)snprintf(out + len, cap - len, "%s%zu %s", len ? ", " : "",
			                        a->stages[stage] - (stage == ALARM_FIRING ? unsaid : 0),
			                        alarm_stage_word((enum alarm_stage)stage));
	}
	if (blind > 0 && len < cap)
		snprintf(out + len, cap - len, "%sNO DATA for %zu rule%s", len ? ", " : "", blind, blind == 1 ? "" : "s");
}

static int strip_alarm(const struct alerts *a, const struct alert_record *r, struct surface *s, int x)
{
	enum state state = alarm_state(r);
	char figures[120];
	int start = x;

	surface_put(s, x, 0, state_mark(state, s->ascii), state_style(state));
	x += 2;
	x += surface_text(s, x, 0, state_style(state), r->severity == SEVERITY_CRITICAL ? "CRIT " : "WARN ");
	x += surface_outside(s, x, 0, 34, state_style(state), str_of(r->rule));
	alarm_figures(a, r, s->ascii, figures, sizeof figures);
	x += surface_printf(s, x, 0, state_style(state), " %s   ", figures);
	return x - start;
}

/* What fires and is nobody's yet, of a budget's thresholds the highest; counts of the rest. */
static void strip_evaluated(const struct alerts *a, const char *quiet, struct surface *s)
{
	char counts[160];
	struct surface room;
	size_t unsaid = 0;
	int x = 1;

	for (size_t i = 0; i < a->stages[ALARM_FIRING]; i++)
		unsaid += alarms_is_surpassed(&a->alarms, a->open[i]);
	count_stages(a, unsaid, counts, sizeof counts);
	if (a->stages[ALARM_FIRING] == 0) {
		if (quiet[0])
			surface_outside(s, 1, 0, s->width - 2, ROLE_MUTED, str_of(quiet));
		else
			surface_printf(s, 1, 0, counts[0] ? (style)ROLE_WARNING : (style)ROLE_MUTED, "%zu rule%s watched, %s",
			               a->alarms.states.row_count, a->alarms.states.row_count == 1 ? "" : "s",
			               counts[0] ? counts : "nothing fires");
		return;
	}
	if (s->width < 60)
		snprintf(counts, sizeof counts, "%zu", a->stages[ALARM_FIRING] - unsaid);
	else if ((int)strlen(counts) > s->width / 3)
		snprintf(counts, sizeof counts, "%zu firing", a->stages[ALARM_FIRING] - unsaid);
	draw_right(s, 0, 0, s->width - 1, ROLE_MUTED, counts);
	room = surface_part(s, (struct rect){0, 0, s->width - (int)strlen(counts) - 3, 1});
	for (size_t i = 0; i < a->stages[ALARM_FIRING] && x < room.width; i++) {
		if (!alarms_is_surpassed(&a->alarms, a->open[i]))
			x += strip_alarm(a, a->open[i], &room, x);
	}
}

static void tile_evaluated(const struct alerts *a, const struct panel_frame *frame, struct surface *s)
{
	size_t count = a->alarms.alerts.row_count;
	char counts[160], figures[120];

	count_stages(a, 0, counts, sizeof counts);
	draw_head(s, frame, "alerts", counts);
	if (count == 0)
		surface_printf(s, 1, 1, ROLE_MUTED, "%zu rule%s watched, nothing fires", a->alarms.states.row_count, a->alarms.states.row_count == 1 ? "" : "s");
	for (size_t i = 0; i < count && (int)i + 1 < s->height; i++) {
		const struct alert_record *r = a->open[i];
		enum alarm_stage stage = alarm_stage_of(r);
		style st = stage == ALARM_FIRING ? state_style(alarm_state(r)) : (style)ROLE_MUTED;
		int y = (int)i + 1, width;

		surface_put(s, 1, y, state_mark(alarm_state(r), s->ascii), st);
		alarm_figures(a, r, s->ascii, figures, sizeof figures);
		width = s->width - 5 - (int)strlen(figures);
		if (stage != ALARM_FIRING)
			width -= (int)strlen(alarm_stage_word(stage)) + 1;
		surface_outside(s, 3, y, width, st, str_of(r->rule));
		if (stage != ALARM_FIRING && width > 4)
			surface_text(s, 4 + width, y, ROLE_MUTED, alarm_stage_word(stage));
		draw_right(s, 0, y, s->width - 1, st, figures);
	}
}

static const struct sheet_column alarm_columns[] = {
	{"id", "ID", 5, false, 3, false},           {"rule", "RULE", 14, true, 0, false},
	{"state", "STATE", 12, true, 0, false},     {"for", "for", 6, false, 1, false},
	{"value", "value", 9, false, 0, false},     {"limit", "limit", 9, false, 0, false},
	{"by", "BY", 8, true, 2, false},            {"summary", "SUMMARY", 20, true, 4, false},
};

static void stage_words(const struct alert_record *r, struct buf *out)
{
	buf_puts(out, alarm_stage_word(alarm_stage_of(r)));
	if (r->data != ALERT_DATA_OK && r->state != ALERT_RESOLVED)
		buf_puts(out, r->data == ALERT_DATA_STALE ? ", STALE" : ", NO DATA");
}

static void alarm_rows(const struct alerts *a, struct sheet *out)
{
	char text[FIGURE_TEXT_BYTES], age[TIME_TEXT_BYTES], id[24];

	sheet_set_columns(out, alarm_columns, 8);
	out->marked = true;
	for (size_t i = 0; i < a->alarms.alerts.row_count; i++) {
		const struct alert_record *r = a->open[i];
		struct buf state = {0};
		struct sheet_row *row;

		snprintf(id, sizeof id, "%" PRId64, r->id);
		row = sheet_add(out, (struct str){arena_copy(&out->arena, id, strlen(id)), strlen(id)});
		row->state = alarm_stage_of(r) >= ALARM_RESOLVED ? ROW_OK
		             : r->severity == SEVERITY_CRITICAL ? ROW_CRITICAL : ROW_WARNING;
		stage_words(r, &state);
		sheet_set_value(out, row, 0, value_ok((double)r->id), id);
		sheet_set_text(out, row, 1, str_of(r->rule));
		sheet_set_text(out, row, 2, buf_str(&state));
		sheet_set_value(out, row, 3, value_ok((double)(a->alarms.wall_us - begin_of(r)) / 1e6), alarm_age(a, r, age));
		sheet_set_value(out, row, 4, isnan(r->value) ? value_unknown() : value_ok(r->value),
		                alarm_figure(a, r, r->value, false, text));
		sheet_set_value(out, row, 5, isnan(r->bound) ? value_unknown() : value_ok(r->bound),
		                alarm_limit(a, r, r->bound, false, text));
		sheet_set_text(out, row, 6, str_of(r->acknowledged_by));
		sheet_set_text(out, row, 7, str_of(r->note[0] ? r->note : r->summary));
		buf_fini(&state);
	}
}

/* The alert under the cursor, or NULL. */
static const struct alert_record *under_cursor(const struct alerts *a, const struct panel_frame *frame)
{
	const struct alert_record *found = NULL;
	struct table_state cursor = frame->ui->table;
	struct sheet sheet = {0};
	struct table table;
	int64_t id;

	alarm_rows(a, &sheet);
	sheet_arrange(&sheet, frame->find, cursor.sort_column, cursor.sort_ascending);
	table = sheet_table(&sheet);
	table_settle(&table, &cursor, sheet.row_count);
	if (cursor.cursor_row < sheet.row_count && str_to_int64(sheet.rows[cursor.cursor_row].key, &id)) {
		for (size_t i = 0; i < a->alarms.alerts.row_count; i++) {
			if (a->open[i]->id == id)
				found = a->open[i];
		}
	}
	sheet_fini(&sheet);
	return found;
}

/* "limit 7.00s by mia since 13:25, until 18:00" at the right, where a person changed it. */
static void draw_override(const struct alerts *a, const struct alert_record *r, const struct panel_frame *frame, struct surface *s)
{
	char limit[FIGURE_TEXT_BYTES], since[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES], text[200];

	for (size_t i = 0; i < a->overrides.row_count; i++) {
		const struct rule_override *o = &a->overrides.rows[i];

		if (strcmp(o->rule, r->rule) != 0)
			continue;
		snprintf(text, sizeof text, " limit %s by %.40s since %s, %s%s ", alarm_limit(a, r, o->bound, s->ascii, limit), o->author,
		         time_format_clock(o->changed_us, frame->tz, since), o->until_us ? "until " : "for good",
		         o->until_us ? time_format_clock(o->until_us, frame->tz, until) : "");
		draw_right(s, 0, 0, s->width - 2, ROLE_ACCENT, text);
	}
}

/* The newest of the messages that nobody got, at the bottom. Returns how many lines they take. */
static int draw_dead(const struct alerts *a, const struct panel_frame *frame, struct surface *s)
{
	int count = a->dead.row_count < DEAD_ROWS ? (int)a->dead.row_count : DEAD_ROWS, y = s->height - count - 1;
	char title[80];

	if (count == 0 || s->height < 12)
		return 0;
	snprintf(title, sizeof title, "%zu undelivered: `llmdeck alert undelivered` lists them", a->dead.row_count);
	surface_rule(s, y++, ROLE_WARNING, title, "");
	for (int i = 0; i < count; i++, y++) {
		const struct outbox_record *m = &a->dead.rows[a->dead.row_count - 1 - (size_t)i];
		char clock[TIME_TEXT_BYTES];
		int x = 1;

		x += surface_text(s, x, y, ROLE_MUTED, time_format_clock(m->made_us, frame->tz, clock)) + 1;
		x += surface_outside(s, x, y, 20, ROLE_TEXT, str_of(m->notifier)) + 1;
		x += surface_outside(s, x, y, 12, ROLE_TEXT, str_of(m->what)) + 1;
		surface_outside(s, x, y, s->width - x - 1, ROLE_WARNING, str_of(m->words));
	}
	return count + 1;
}

/* What the Alertmanagers hold of others, at the bottom. Returns how many lines that takes. */
static int draw_managers(const struct alerts *a, const struct panel_frame *frame, struct surface *s)
{
	struct buf text = {0};

	if (a->managers.manager_count == 0 || s->height < 12)
		return 0;
	alertmanager_summary(&a->managers, frame->wall_us > a->alarms.wall_us ? frame->wall_us : a->alarms.wall_us, &text);
	int x = 1 + surface_outside(s, 1, s->height - 1, s->width - 20, ROLE_MUTED, buf_str(&text));

	surface_text(s, x + 1, s->height - 1, ROLE_ACCENT, "! shows them");
	buf_fini(&text);
	return 1;
}

static void page_evaluated(const struct alerts *a, const struct panel_frame *frame, struct surface *whole)
{
	struct surface upper = surface_part(whole, (struct rect){0, 0, whole->width, whole->height - draw_managers(a, frame, whole)});
	struct surface kept = surface_part(&upper, (struct rect){0, 0, upper.width, upper.height - draw_dead(a, frame, &upper)});
	struct surface *s = &kept;
	const struct alert_record *r = under_cursor(a, frame);
	const struct alert_picture *p = NULL;
	struct surface table, below;
	struct buf held = {0};
	char counts[160];
	int rows = s->height - 1;

	count_stages(a, 0, counts, sizeof counts);
	draw_head(s, frame, "alerts, as the collector has them", counts[0] ? counts : "nothing fires");
	for (size_t i = 0; r && i < a->picture_count; i++) {
		if (a->pictures[i].id == r->id)
			p = &a->pictures[i];
	}
	if (r && s->height >= 14)
		rows -= !p ? 3 : s->height >= 36 ? PICTURE_ROWS_TALL : PICTURE_ROWS;
	if (rows <= 0)
		return;
	table = surface_part(s, (struct rect){0, 1, s->width, rows});
	if (a->alarms.alerts.row_count == 0)
		surface_printf(&table, 1, 0, ROLE_MUTED, "%zu rule%s watched, nothing fires", a->alarms.states.row_count, a->alarms.states.row_count == 1 ? "" : "s");
	else
		draw_rows(&alerts_panel, a, frame, &table);
	if (!r || s->height < 14)
		return;
	below = surface_part(s, (struct rect){0, 1 + rows, s->width, s->height - 1 - rows});
	alertmanager_keeps_back(&a->managers, r->labels, frame->tz, a->alarms.wall_us, &held);
	surface_rule(&below, 0, ROLE_BORDER, held.len ? held.data : "under the cursor", p ? p->words : "");
	buf_fini(&held);
	surface_outside(&below, 1, 1, s->width - 2, ROLE_TEXT, str_of(r->summary));
	draw_override(a, r, frame, &below);
	if (!p) {
		surface_outside(&below, 1, 2, s->width - 2, ROLE_MUTED, str_of(r->runbook));
		return;
	}
	below = surface_part(&below, (struct rect){0, 2, s->width, below.height - 2});
	alert_picture_draw(p, frame, &below);
}

bool alerts_pick(const void *state, const struct panel_frame *frame, struct alert_pick *out)
{
	const struct alerts *a = state;
	const struct alert_record *r = a->alarms.evaluated ? under_cursor(a, frame) : NULL;
	const struct rule *rule;

	if (!r)
		return false;
	rule = rule_set_find(a->rules, r->rule);
	*out = (struct alert_pick){.id = r->id, .below = alarms_below(&a->alarms, r), .open = alarm_stage_of(r) != ALARM_RESOLVED, .where = alarm_view(a, r),
	                           .metric = rule ? rule->metric : METRIC_COUNT, .since_us = r->since_us, .ended_us = r->ended_us,
	                           .window_us = rule ? rule->window_us : US_PER_MIN, .acknowledged = r->acknowledged_us != 0,
	                           .silenced = r->silenced_until_us != 0, .bound = r->bound};
	snprintf(out->rule, sizeof out->rule, "%s", r->rule);
	snprintf(out->kind, sizeof out->kind, "%s", r->kind);
	snprintf(out->summary, sizeof out->summary, "%s", r->summary);
	snprintf(out->labels, sizeof out->labels, "%s", r->labels);
	return true;
}

int64_t alerts_newest(const void *state, char *words, size_t cap)
{
	const struct alerts *a = state;
	const struct alert_record *newest = NULL;

	for (size_t i = 0; a->alarms.evaluated && i < a->alarms.alerts.row_count; i++) {
		const struct alert_record *r = a->open[i];

		if (alarm_stage_of(r) == ALARM_FIRING && (!newest || r->id > newest->id))
			newest = r;
	}
	if (!newest)
		return 0;
	snprintf(words, cap, "%s %s: %s", newest->severity == SEVERITY_CRITICAL ? "CRIT" : "WARN", newest->rule, newest->summary);
	return newest->id;
}

/* ── where nobody evaluates ────────────────────────────────────────────────────────────────── */

void alerts_draw_strip(const void *state, const struct panel_frame *frame, const char *quiet,
                       struct surface *s)
{
	const struct alerts *a = state;
	char count[48] = "";
	struct surface room;
	int x = 1;

	if (a->alarms.evaluated) {
		strip_evaluated(a, quiet, s);
		return;
	}
	if (a->over == 0) {
		strip_quiet(a, frame, quiet, s);
		return;
	}
	if (frame->stale)
		x += surface_text(s, x, 0, ROLE_STALE, "last known: ");
	snprintf(count, sizeof count, "%zu of %zu over%s", a->over, a->count, s->width >= 100 ? ", nobody evaluates" : "");
	if (s->width < 60)
		snprintf(count, sizeof count, "%zu", a->over);
	draw_right(s, 0, 0, s->width - 1, ROLE_MUTED, count);
	room = surface_part(s, (struct rect){0, 0, s->width - (int)strlen(count) - 3, 1});
	for (size_t i = 0; i < a->over && x < room.width; i++)
		x += strip_alert(&a->readings[a->order[i]], &room, x, 0);
}

static void alerts_draw_unwatched(const struct alerts *a, const struct panel_frame *frame, struct surface *s)
{
	char right[64];
	int y = 1;

	snprintf(right, sizeof right, "%zu of %zu rules over", a->over, a->count);
	draw_head(s, frame, s->width >= 60 ? "over their limit now, no collector evaluates" : "over their limit now", a->count ? right : "");
	if (a->count == 0)
		surface_text(s, 1, y, ROLE_MUTED, "no alert rules in the config");
	else if (a->over == 0)
		surface_text(s, 1, y, ROLE_MUTED, "nothing is over its limit");
	for (size_t i = 0; i < a->over && y < s->height; i++, y++) {
		const struct rule_reading *r = &a->readings[a->order[i]];
		enum state st = alert_state(r->rule);
		struct buf subject = {0};
		char figures[120];

		surface_put(s, 1, y, state_mark(st, s->ascii), state_style(st));
		alert_subject(r->rule, &subject);
		alert_figures(r, s->ascii, figures, sizeof figures);
		surface_outside(s, 3, y, s->width - 5 - (int)strlen(figures), state_style(st),
		                buf_str(&subject));
		draw_right(s, 0, y, s->width - 1, state_style(st), figures);
		buf_fini(&subject);
	}
}

static const struct sheet_column alerts_columns[] = {
	{"rule", "RULE", 14, true, 0, false},       {"metric", "METRIC", 12, true, 2, false},
	{"where", "WHERE", 12, true, 3, false},     {"value", "value", 8, false, 0, false},
	{"limit", "limit", 8, false, 0, false},     {"window_s", "window", 7, false, 2, false},
	{"requests", "n", 7, false, 4, false},
};

static void alerts_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct alerts *a = state;
	char text[FIGURE_TEXT_BYTES], where[512], window[TIME_TEXT_BYTES];

	(void)frame;
	if (a->alarms.evaluated) {
		alarm_rows(a, out);
		return;
	}
	sheet_set_columns(out, alerts_columns, 7);
	out->marked = true;
	for (size_t i = 0; i < a->count; i++) {
		const struct rule_reading *r = &a->readings[i];
		enum metric_unit unit = metrics[r->rule->metric].unit;
		struct sheet_row *row = sheet_add(out, str_of(r->rule->name));

		row->state = !r->over ? (value_known(r->value) ? ROW_OK : ROW_PLAIN)
		             : r->rule->severity == SEVERITY_CRITICAL ? ROW_CRITICAL : ROW_WARNING;
		sheet_set_text(out, row, 0, str_of(r->rule->name));
		sheet_set_text(out, row, 1, str_of(metrics[r->rule->metric].name));
		sheet_set_text(out, row, 2,
		               str_of(view_format_filters(&r->rule->where, where, sizeof where)));
		sheet_set_value(out, row, 3, r->value, figure_format(unit, r->value, false, text));
		sheet_set_value(out, row, 4, value_ok(r->rule->limit),
		                limit_format(unit, r->rule->limit, r->rule->below, false, text));
		sheet_set_value(out, row, 5, value_ok((double)r->rule->window_us / 1e6),
		                duration_format(r->rule->window_us, window));
		sheet_set_value(out, row, 6, value_ok((double)r->requests),
		                count_format((double)r->requests, text));
	}
}

static void alerts_page(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct alerts *a = state;

	if (a->alarms.evaluated && frame->form == PANEL_PAGE) {
		page_evaluated(a, frame, s);
		return;
	}
	if (frame->form == PANEL_TILE) {
		(a->alarms.evaluated ? tile_evaluated : alerts_draw_unwatched)(a, frame, s);
		return;
	}
	draw_head(s, frame, "no collector evaluates: the rules over their own windows now", "");
	if (s->height > 2) {
		struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});

		draw_rows(&alerts_panel, state, frame, &table);
	}
}

const struct panel alerts_panel = {
	.name = "alerts",
	.title = "alerts",
	.help = "The alerts as the collector's evaluation has them: firing, pending, acknowledged, silenced, and "
	        "what ended in the last quarter of an hour. Below, the figure of the one under the cursor over the "
	        "window (a budget's over its period, with the way to the forecast), with its limit as a line. Enter opens what changed in the alert's window with its filters (a "
	        "budget's spending, a rollout's arms); a acknowledges (a budget's threshold with the lower ones of its basis), "
	        "m silences, M ends that, E sets another limit. What fires and is nobody's stands in the strip under the "
	        "header on every page, of a budget's thresholds the highest. Where no collector evaluates, the config's threshold rules are read right now "
	        "instead: what is over its limit.",
	.page = '6',
	.state_size = sizeof(struct alerts),
	.load = alerts_load,
	.fini = alerts_fini,
	.kept_size = sizeof(struct kept),
	.kept_fini = forget,
	.draw = alerts_page,
	.rows = alerts_rows,
};
