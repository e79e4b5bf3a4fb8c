/* Everything about where a budget stands was reckoned by the collector and is only shown here, so that
 * the page, `budget list` and what alerts and acts cannot differ. Who spends is asked of the rollups up
 * to the moment of that reckoning: once over the period, once over today and once over yesterday until
 * the same time, by service, deployment and model together, summed for each of them. */
#include "panels/budgets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "core/money.h"
#include "panels/alarms.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "ui/bars.h"

#define DETAILS_MAX 6       /* budgets whose spenders are asked for */
#define SPENDERS_MAX 64     /* of a budget, all kinds */
#define SPENDER_BYTES 64
#define DETAIL_ROWS 7
#define FRESH_US (3 * US_PER_MIN) /* budgets are assessed every minute */

enum kind { KIND_SERVICE, KIND_DEPLOYMENT, KIND_MODEL, KIND_USER, KIND_COUNT };
static const char *const kind_words[] = {"service", "deployment", "model", "user"};
enum spending_span { SPAN_PERIOD, SPAN_TODAY, SPAN_YESTERDAY, SPAN_COUNT };

struct spender {
	enum kind kind;
	char name[SPENDER_BYTES]; /* from outside; "" = not set */
	int64_t nusd[SPAN_COUNT];
	bool bound;               /* it spent at least that */
};
struct detail {
	char budget[BUDGET_NAME_BYTES];        /* "": none yet */
	int64_t assessed_us;                   /* of which assessment */
	struct spender spenders[SPENDERS_MAX]; /* by kind, dearest first */
	size_t count;
	bool yesterday_known;                  /* the data goes back that far */
};
/* What stays from load to load: who spends is asked anew once a minute, after an assessment, and of one
 * budget a load. */
struct kept {
	struct detail details[DETAILS_MAX];
};
struct budgets {
	struct standing_result all;
	const struct budget_standing **order; /* most urgent first */
	struct alarms alarms;
	struct detail details[DETAILS_MAX];
	size_t detail_count;
	size_t over;                          /* warning or exceeded */
};

/* ── loading ───────────────────────────────────────────────────────────────────────────────── */

static int by_urgency(const void *x, const void *y)
{
	const struct budget_standing *a = *(const struct budget_standing *const *)x, *b = *(const struct budget_standing *const *)y;
	static const int urgency[] = {[BUDGET_OK] = 2, [BUDGET_WARNING] = 1, [BUDGET_EXCEEDED] = 0, [BUDGET_NO_DATA] = 3};

	if (a->status.state != b->status.state)
		return urgency[a->status.state] - urgency[b->status.state];
	if (a->status.percent != b->status.percent)
		return a->status.percent > b->status.percent ? -1 : 1;
	return strcmp(a->budget.name, b->budget.name);
}

static void add_spending(struct detail *d, enum kind kind, const char *name, enum spending_span span, int64_t nusd, bool bound)
{
	struct spender *s = NULL;
	char shown[SPENDER_BYTES];

	snprintf(shown, sizeof shown, "%s", name);
	for (size_t i = 0; i < d->count && !s; i++)
		if (d->spenders[i].kind == kind && strcmp(d->spenders[i].name, shown) == 0)
			s = &d->spenders[i];
	if (!s) {
		if (d->count == SPENDERS_MAX)
			return;
		s = &d->spenders[d->count++];
		*s = (struct spender){.kind = kind};
		memcpy(s->name, shown, sizeof shown);
	}
	s->nusd[span] += nusd;
	s->bound |= bound;
}

static int dearest_first(const void *x, const void *y)
{
	const struct spender *a = x, *b = y;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->nusd[SPAN_PERIOD] != b->nusd[SPAN_PERIOD])
		return a->nusd[SPAN_PERIOD] > b->nusd[SPAN_PERIOD] ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* The groups that cost most come first, so that a list that is full has dropped the cheap ones. */
static int dearest_group(const void *x, const void *y)
{
	const struct figures_group *a = *(const struct figures_group *const *)x, *b = *(const struct figures_group *const *)y;

	return (a->total.cost_nusd < b->total.cost_nusd) - (a->total.cost_nusd > b->total.cost_nusd);
}

static void add_groups(struct detail *d, const struct figures_result *res, enum spending_span span)
{
	const struct figures_group **sorted = mem_array(NULL, res->group_count + 1, sizeof(struct figures_group *));

	for (size_t i = 0; i < res->group_count; i++)
		sorted[i] = &res->groups[i];
	qsort(sorted, res->group_count, sizeof(struct figures_group *), dearest_group);
	for (size_t i = 0; i < res->group_count; i++)
		for (int k = KIND_SERVICE; k <= KIND_MODEL; k++)
			add_spending(d, (enum kind)k, sorted[i]->key[k], span, sorted[i]->total.cost_nusd, sorted[i]->total.unpriced > 0);
	free(sorted);
}

static int ask_span(struct detail *d, struct store_reader *reader, const struct config_budget *b, enum spending_span span, int64_t from_us,
                    int64_t to_us, struct err *err)
{
	static const enum dim by[] = {DIM_SERVICE, DIM_DEPLOYMENT, DIM_MODEL};
	struct figures_result res;
	struct top_result top;
	struct view v = b->where;

	v.from_us = from_us;
	v.to_us = to_us;
	v.step_us = 0;
	memcpy(v.by, by, sizeof by);
	v.by_count = 3;
	if (to_us <= from_us)
		return 0;
	if (query_figures(reader, &v, 0, 0, &res, err))
		return -1;
	add_groups(d, &res, span);
	figures_result_fini(&res);
	if (b->where.filter_count)
		return 0; /* the summaries know users over everything only */
	if (query_top(reader, ATTR_USER, from_us, to_us, 16, &top, err))
		return -1;
	for (size_t i = 0; i < top.row_count; i++)
		add_spending(d, KIND_USER, top.rows[i].value, span, top.rows[i].cost_nusd, top.rows[i].requests_error > 0);
	top_result_fini(&top);
	return 0;
}

static int load_detail(struct detail *d, struct store_reader *reader, const struct budget_standing *b, struct err *err)
{
	int64_t now_us = b->assessed_us, today_us, tomorrow_us, yesterday_us;
	struct tz *tz = NULL;
	struct err why;

	struct store_summary summary;

	*d = (struct detail){.assessed_us = b->assessed_us};
	snprintf(d->budget, sizeof d->budget, "%s", b->budget.name);
	if (tz_load(&tz, b->budget.tz, &why))
		tz = NULL; /* its file is not on this machine: UTC's days */
	budget_period_at(PERIOD_DAY, tz, now_us, &today_us, &tomorrow_us);
	budget_period_at(PERIOD_DAY, tz, today_us - 1, &yesterday_us, &tomorrow_us);
	tz_free(&tz);
	if (query_summary(reader, &summary, err))
		return -1;
	d->yesterday_known = summary.first_us && summary.first_us < yesterday_us + (now_us - today_us);
	if (ask_span(d, reader, &b->budget, SPAN_PERIOD, b->status.from_us, now_us, err) ||
	    ask_span(d, reader, &b->budget, SPAN_TODAY, today_us, now_us, err) ||
	    ask_span(d, reader, &b->budget, SPAN_YESTERDAY, yesterday_us, yesterday_us + (now_us - today_us), err))
		return -1;
	qsort(d->spenders, d->count, sizeof *d->spenders, dearest_first);
	return 0;
}

static struct detail *kept_of(struct kept *k, const char *name, const struct budgets *b)
{
	struct detail *free_one = NULL;

	for (size_t i = 0; i < DETAILS_MAX; i++) {
		bool is_wanted = false;

		if (strcmp(k->details[i].budget, name) == 0)
			return &k->details[i];
		for (size_t n = 0; n < b->all.row_count && n < 2 * DETAILS_MAX; n++)
			is_wanted |= strcmp(k->details[i].budget, b->order[n]->budget.name) == 0;
		if (!is_wanted || !free_one)
			free_one = &k->details[i];
	}
	return free_one;
}

/* Of the most urgent ones. With something kept, at most one is asked anew and the others follow. */
static int load_details(struct budgets *b, const struct panel_query *query, struct err *err)
{
	struct kept *k = query->kept;
	bool asked = false;

	for (size_t i = 0; i < b->all.row_count && b->detail_count < DETAILS_MAX; i++) {
		const struct budget_standing *s = b->order[i];
		struct detail *d = &b->details[b->detail_count], *old = k ? kept_of(k, s->budget.name, b) : NULL;
		bool known = old && strcmp(old->budget, s->budget.name) == 0;

		if (s->budget.by_attr)
			continue;
		if (known && old->assessed_us == s->assessed_us) {
			*d = *old;
		} else if (old && asked) {
			if (query->more)
				*query->more = true;
			if (!known)
				continue;
			*d = *old;
		} else {
			if (load_detail(d, query->reader, s, err))
				return -1;
			asked = true;
			if (old)
				*old = *d;
		}
		b->detail_count++;
	}
	return 0;
}

static int budgets_load(const struct panel_query *query, void *state, struct err *err)
{
	struct budgets *b = state;

	if (query_budget_states(query->reader, &b->all, err) || alarms_load(&b->alarms, query->reader, err))
		return -1;
	b->order = mem_array(NULL, b->all.row_count + 1, sizeof(struct budget_standing *));
	for (size_t i = 0; i < b->all.row_count; i++) {
		b->order[i] = &b->all.rows[i];
		b->over += b->order[i]->status.state == BUDGET_WARNING || b->order[i]->status.state == BUDGET_EXCEEDED;
	}
	qsort(b->order, b->all.row_count, sizeof(struct budget_standing *), by_urgency);
	return query->form == PANEL_PAGE ? load_details(b, query, err) : 0;
}

static void forget(void *kept)
{
	(void)kept; /* owns nothing */
}

static void budgets_fini(void *state)
{
	struct budgets *b = state;

	free(b->order);
	alarms_fini(&b->alarms);
	standing_result_fini(&b->all);
}

/* ── words ─────────────────────────────────────────────────────────────────────────────────── */

static enum state mark_of(const struct budget_standing *b)
{
	static const enum state marks[] = {[BUDGET_OK] = STATE_OK, [BUDGET_WARNING] = STATE_WARNING, [BUDGET_EXCEEDED] = STATE_CRITICAL,
	                                   [BUDGET_NO_DATA] = STATE_UNKNOWN};

	return marks[b->status.state];
}

static bool is_fresh(const struct budgets *b, const struct budget_standing *s)
{
	return b->alarms.wall_us - s->assessed_us < FRESH_US;
}

static bool is_bound(const struct budget_standing *b)
{
	return b->status.spent_bound || b->status.unpriced > 0;
}

/* "3h 5m", whole minutes; "0s" when it is over. */
static char *length_of(int64_t us, char out[TIME_TEXT_BYTES])
{
	int64_t unit = us > 2 * US_PER_DAY ? US_PER_HOUR : us > 2 * US_PER_MIN ? US_PER_MIN : US_PER_S;

	return duration_format(us > 0 ? us / unit * unit : 0, out);
}

static void spent_text(const struct budget_standing *b, bool ascii, char *out, size_t cap)
{
	char money[MONEY_TEXT_BYTES];

	snprintf(out, cap, "%s%s", is_bound(b) ? (ascii ? ">=" : "≥") : "", money_format_short(b->status.spent_nusd, 7, money));
}

static const char *money(double nusd, char out[MONEY_TEXT_BYTES])
{
	return money_format_short((int64_t)nusd, 7, out);
}

static const char *alert_word(const struct budgets *b, const struct budget_standing *s)
{
	const struct alert_record *r = alarms_of_rule(&b->alarms, s->budget.name);

	return r ? alarm_stage_word(alarm_stage_of(r)) : "";
}

/* ── the table ─────────────────────────────────────────────────────────────────────────────── */

static const struct sheet_column columns[] = {
	{"budget", "BUDGET", 12, true, 0, false},            {"spent_usd", "spent", 8, false, 0, false},
	{"amount_usd", "amount", 7, false, 0, false},        {"forecast_usd", "fcast", 7, false, 1, false},
	{"burn_usd_per_hour", "burn/h", 7, false, 3, false}, {"sustainable_usd_per_hour", "sust/h", 7, false, 4, false},
	{"resets_in_s", "reset", 6, false, 2, false},        {"data_age_s", "age", 5, false, 5, false},
	{"alert", "ALERT", 8, true, 3, false},               {"state", "STATE", 22, false, 0, true},
};
static const char *const state_words[] = {"ok", "warn", "over", "n/a"};

static void budgets_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct budgets *b = state;
	char text[MONEY_TEXT_BYTES], length[TIME_TEXT_BYTES], spent[40];

	(void)frame;
	sheet_set_columns(out, columns, (int)(sizeof columns / sizeof *columns));
	out->marked = true;
	for (size_t i = 0; i < b->all.row_count; i++) {
		const struct budget_standing *s = b->order[i];
		const struct budget_status *st = &s->status;
		struct sheet_row *row = sheet_add(out, str_of(s->budget.name));

		row->state = st->state == BUDGET_EXCEEDED ? ROW_CRITICAL : st->state == BUDGET_WARNING ? ROW_WARNING
		             : st->state == BUDGET_OK && is_fresh(b, s) ? ROW_OK : ROW_PLAIN;
		row->bar = st->percent < 999 ? st->percent / 100 : 9.99;
		sheet_set_text(out, row, 0, str_of(s->budget.name));
		spent_text(s, false, spent, sizeof spent);
		sheet_set_value(out, row, 1, is_bound(s) ? (struct value){(double)st->spent_nusd / 1e9, QUALITY_LOWER_BOUND} : value_ok((double)st->spent_nusd / 1e9),
		                spent);
		sheet_set_value(out, row, 2, value_ok((double)s->budget.amount_nusd / 1e9), money((double)s->budget.amount_nusd, text));
		sheet_set_value(out, row, 3, st->forecast_known ? value_ok(st->forecast_nusd / 1e9) : value_unknown(),
		                st->forecast_known ? money(st->forecast_nusd, text) : "–");
		sheet_set_value(out, row, 4, value_ok(st->burn_nusd_per_hour / 1e9), money(st->burn_nusd_per_hour, text));
		sheet_set_value(out, row, 5, value_ok(st->sustainable_nusd_per_hour / 1e9), money(st->sustainable_nusd_per_hour, text));
		sheet_set_value(out, row, 6, value_ok((double)(st->to_us - b->alarms.wall_us) / 1e6),
		                length_of(st->to_us - b->alarms.wall_us, length));
		sheet_set_value(out, row, 7, st->data_age_us < 0 ? value_unknown() : value_ok((double)st->data_age_us / 1e6),
		                st->data_age_us < 0 ? "never" : length_of(st->data_age_us, length));
		sheet_set_text(out, row, 8, str_of(alert_word(b, s)));
		sheet_set_value(out, row, 9, value_ok(st->percent / 100), state_words[st->state]);
	}
}

static const struct budget_standing *under_cursor(const struct budgets *b, const struct panel_frame *frame)
{
	const struct budget_standing *found = NULL;
	struct table_state cursor = frame->ui->table;
	struct sheet sheet = {0};
	struct table table;

	budgets_rows(b, frame, &sheet);
	sheet_arrange(&sheet, frame->find, cursor.sort_column, cursor.sort_ascending);
	table = sheet_table(&sheet);
	table_settle(&table, &cursor, sheet.row_count);
	for (size_t i = 0; cursor.cursor_row < sheet.row_count && i < b->all.row_count; i++)
		if (str_equal_c(sheet.rows[cursor.cursor_row].key, b->order[i]->budget.name))
			found = b->order[i];
	sheet_fini(&sheet);
	return found;
}

/* ── the one under the cursor ──────────────────────────────────────────────────────────────── */

static void draw_gauge_line(const struct budget_standing *b, const struct panel_frame *frame, struct surface *s, int y)
{
	char amount[BUDGET_AMOUNT_BYTES], spent[40];
	style st = frame->stale ? (style)ROLE_STALE : state_style(mark_of(b)) | STYLE_BOLD;
	int x = 1, width = s->width >= 120 ? 40 : s->width >= 100 ? 20 : 10;

	gauge_draw(s, x, y, width, frame->stale ? (style)ROLE_STALE : state_style(mark_of(b)), b->status.percent / 100);
	spent_text(b, s->ascii, spent, sizeof spent);
	x += width + 1;
	x += surface_printf(s, x, y, st, "%.0f%%", b->status.percent);
	x += surface_printf(s, x, y, ROLE_TEXT, "  %s of ", spent);
	x += surface_outside(s, x, y, s->width - x - 1, *b->author ? ROLE_ACCENT : ROLE_TEXT,
	                     str_of(budget_format_amount(b, frame->tz, amount)));
	if (b->status.overshoot_nusd > 0)
		surface_printf(s, x, y, ROLE_CRITICAL, "  over by %s", money_format_short(b->status.overshoot_nusd, 8, spent));
}

static void draw_forecast_line(const struct budgets *all, const struct budget_standing *b, const struct panel_frame *frame, struct surface *s,
                               int y)
{
	const struct budget_status *st = &b->status;
	char text[MONEY_TEXT_BYTES], low[MONEY_TEXT_BYTES], high[MONEY_TEXT_BYTES], when[TIME_TEXT_BYTES], length[TIME_TEXT_BYTES];
	style shown = st->forecast_nusd > (double)b->budget.amount_nusd ? (style)ROLE_WARNING : (style)ROLE_TEXT;
	int x = 1;

	x += surface_text(s, x, y, ROLE_MUTED, "forecast ");
	if (!st->forecast_known) {
		x += surface_text(s, x, y, ROLE_UNKNOWN, s->ascii ? "-" : "–");
		x += surface_text(s, x, y, ROLE_MUTED, " (needs an hour of history)");
	} else {
		x += surface_printf(s, x, y, shown | STYLE_BOLD, "~%s", money(st->forecast_nusd, text));
		x += surface_printf(s, x, y, ROLE_MUTED, " (%s to %s)", money(st->low_nusd, low), money(st->high_nusd, high));
	}
	x += surface_printf(s, x, y, ROLE_MUTED, " at the reset in ");
	x += surface_text(s, x, y, ROLE_TEXT, length_of(st->to_us - all->alarms.wall_us, length));
	if (st->exhausted_us) {
		x += surface_text(s, x, y, ROLE_MUTED, "   empty ");
		x += surface_text(s, x, y, ROLE_WARNING | STYLE_BOLD, axis_time(st->exhausted_us, st->to_us - st->from_us, frame->tz, when));
		length_of(st->exhausted_us - all->alarms.wall_us, length);
		if (x + 5 + (int)strlen(length) < s->width)
			surface_printf(s, x, y, ROLE_WARNING | STYLE_BOLD, ", in %s", length);
	} else if (st->spent_nusd >= b->budget.amount_nusd) {
		surface_text(s, x, y, ROLE_CRITICAL, "   empty now");
	}
}

static void draw_burn_line(const struct budgets *all, const struct budget_standing *b, struct surface *s, int y)
{
	const struct budget_status *st = &b->status;
	char text[MONEY_TEXT_BYTES], length[TIME_TEXT_BYTES];
	bool fast = st->burn_nusd_per_hour > st->sustainable_nusd_per_hour;
	int x = 1;

	x += surface_text(s, x, y, ROLE_MUTED, "burn ");
	x += surface_printf(s, x, y, fast ? (style)ROLE_WARNING : (style)ROLE_TEXT, "%s/h", money(st->burn_nusd_per_hour, text));
	x += surface_printf(s, x, y, ROLE_MUTED, ", sustainable ");
	x += surface_printf(s, x, y, ROLE_TEXT, "%s/h", money(st->sustainable_nusd_per_hour, text));
	x += surface_text(s, x, y, ROLE_MUTED, "   data ");
	x += surface_text(s, x, y, st->stale ? (style)ROLE_WARNING : (style)ROLE_TEXT,
	                  st->data_age_us < 0 ? "never came" : length_of(st->data_age_us, length));
	x += surface_printf(s, x, y, ROLE_MUTED, "%s   assessed %s ago", st->data_age_us < 0 ? "" : " old",
	                    length_of(all->alarms.wall_us - b->assessed_us, length));
	if (st->unpriced > 0)
		surface_printf(s, x, y, ROLE_WARNING, "   %.3g %% unpriced", st->unpriced_share * 100);
}

static void draw_rules_line(const struct budgets *all, const struct budget_standing *b, struct surface *s, int y)
{
	const struct alert_record *r = alarms_of_rule(&all->alarms, b->budget.name);
	int x = 1;

	x += surface_text(s, x, y, ROLE_MUTED, "warns at");
	for (size_t i = 0; i < b->budget.warn_count; i++)
		x += surface_printf(s, x, y, b->status.percent >= b->budget.warn_percent[i] ? (style)ROLE_WARNING : (style)ROLE_TEXT, " %d%%",
		                    b->budget.warn_percent[i]);
	x += surface_printf(s, x, y, ROLE_MUTED, " of %s%s%s", b->budget.on_actual ? "actual" : "",
	                    b->budget.on_actual && b->budget.on_forecast ? " and " : "", b->budget.on_forecast ? "forecast" : "");
	if (r && r->acknowledged_us) {
		x += surface_text(s, x, y, ROLE_MUTED, "   acknowledged by ");
		surface_outside(s, x, y, 24, ROLE_TEXT, str_of(r->acknowledged_by));
	} else if (r) {
		surface_printf(s, x, y, ROLE_WARNING, "   %s, a acknowledges", alarm_stage_word(alarm_stage_of(r)));
	}
}

static void draw_hard_line(const struct budget_standing *b, struct surface *s, int y)
{
	int x = 1 + surface_text(s, 1, y, ROLE_MUTED, b->budget.armed ? "hard, ARMED: " : "hard, not armed: ");

	surface_outside(s, x, y, s->width - x - 1, *b->deed_words ? ROLE_WARNING : ROLE_TEXT,
	                str_of(*b->deed_words ? b->deed_words : b->budget.hard));
}

static void draw_spender(const struct spender *d, bool yesterday_known, int64_t spent_nusd, struct surface *s, int y, int name_columns)
{
	char text[MONEY_TEXT_BYTES], change[FIGURE_TEXT_BYTES];
	struct value now = value_ok((double)d->nusd[SPAN_TODAY]), before = value_ok((double)d->nusd[SPAN_YESTERDAY]);
	int x = 13 + name_columns;

	surface_text(s, 1, y, ROLE_MUTED, kind_words[d->kind]);
	surface_outside(s, 12, y, name_columns, ROLE_TEXT, d->name[0] ? str_of(d->name) : STR_LIT("(not set)"));
	snprintf(change, sizeof change, "%s%s", d->bound ? (s->ascii ? ">=" : "≥") : "", money((double)d->nusd[SPAN_PERIOD], text));
	draw_right(s, x, y, 9, ROLE_TEXT, change);
	if (spent_nusd > 0) {
		snprintf(change, sizeof change, "%.0f%%", (double)d->nusd[SPAN_PERIOD] / (double)spent_nusd * 100);
		draw_right(s, x + 9, y, 6, ROLE_MUTED, change);
	}
	draw_right(s, x + 15, y, 9, ROLE_TEXT, money((double)d->nusd[SPAN_TODAY], text));
	if (!yesterday_known) {
		draw_right(s, x + 24, y, 12, ROLE_UNKNOWN, s->ascii ? "-" : "–");
		return;
	}
	draw_right(s, x + 24, y, 12, ROLE_MUTED, money((double)d->nusd[SPAN_YESTERDAY], text));
	if (d->nusd[SPAN_YESTERDAY] > 0)
		draw_right(s, x + 36, y, 9, change_style(1, now, before), change_format(UNIT_USD, now, before, s->ascii, change));
	else if (d->nusd[SPAN_TODAY] > 0)
		draw_right(s, x + 36, y, 9, ROLE_WARNING, "new");
}

/* How many of each kind there is room for. */
static size_t spenders_of_a_kind(const struct detail *d, int rows)
{
	size_t most = 0, fits = 0;

	for (most = 1; most <= SPENDERS_MAX; most++) {
		size_t lines = 0, of_kind[KIND_COUNT] = {0};

		for (size_t i = 0; i < d->count; i++)
			lines += ++of_kind[d->spenders[i].kind] <= most;
		if ((int)lines > rows)
			break;
		fits = most;
	}
	return fits ? fits : 1;
}

static void draw_spenders(const struct budgets *all, const struct budget_standing *b, struct surface *s)
{
	const struct detail *d = NULL;
	size_t of_kind[KIND_COUNT] = {0}, most;
	int names = s->width - 13 - 46, y = 1;

	for (size_t i = 0; i < all->detail_count; i++)
		if (strcmp(all->details[i].budget, b->budget.name) == 0)
			d = &all->details[i];
	if (s->height < 2)
		return;
	names = names > 48 ? 48 : names < 8 ? 8 : names;
	surface_rule(s, 0, ROLE_BORDER, "who spends", "");
	if (!d) {
		surface_text(s, 1, 1, ROLE_MUTED, b->budget.by_attr ? "one value of an attribute: the summaries do not say for what"
		                                                    : "known of the six most urgent budgets");
		return;
	}
	if (s->height > 4) {
		draw_right(s, 13 + names, 1, 9, ROLE_TITLE, "period");
		draw_right(s, 13 + names + 15, 1, 9, ROLE_TITLE, "today");
		draw_right(s, 13 + names + 24, 1, 12, ROLE_TITLE, "yest. then");
		draw_right(s, 13 + names + 36, 1, 9, ROLE_TITLE, "change");
		y++;
	}
	most = spenders_of_a_kind(d, s->height - y);
	for (size_t i = 0; i < d->count && y < s->height; i++)
		if (++of_kind[d->spenders[i].kind] <= most)
			draw_spender(&d->spenders[i], d->yesterday_known, b->status.spent_nusd, s, y++, names);
	if (!d->count)
		surface_text(s, 1, y, ROLE_MUTED, "nobody in this period");
}

static void draw_detail(const struct budgets *all, const struct budget_standing *b, const struct panel_frame *frame, struct surface *s)
{
	char where[600], title[760];
	struct surface rest;
	int y = 1;

	budget_format_where(&b->budget, where, sizeof where);
	snprintf(title, sizeof title, "%.100s: %.500s, %s in %.60s", b->budget.name, *where ? where : "everything",
	         budget_period_name(b->budget.period), b->budget.tz);
	surface_rule(s, 0, ROLE_BORDER, "", "");
	surface_outside(s, 1, 0, s->width - 2, ROLE_TITLE, str_of(title));
	draw_gauge_line(b, frame, s, y++);
	draw_forecast_line(all, b, frame, s, y++);
	draw_burn_line(all, b, s, y++);
	draw_rules_line(all, b, s, y++);
	if (b->budget.hard)
		draw_hard_line(b, s, y++);
	if (s->height > y + 1) {
		rest = surface_part(s, (struct rect){0, y, s->width, s->height - y});
		draw_spenders(all, b, &rest);
	}
}

/* ── page and tile ─────────────────────────────────────────────────────────────────────────── */

static void head_right(const struct budgets *b, char *out, size_t cap)
{
	char length[TIME_TEXT_BYTES];

	out[0] = '\0';
	if (!b->all.row_count)
		return;
	if (!is_fresh(b, b->order[0]))
		snprintf(out, cap, "assessed %s ago: no collector evaluates", length_of(b->alarms.wall_us - b->order[0]->assessed_us, length));
	else
		snprintf(out, cap, "%zu of %zu over a threshold", b->over, b->all.row_count);
}

static void draw_none(struct surface *s)
{
	surface_text(s, 1, 1, ROLE_MUTED, "no budget is set, or no collector has assessed one");
	surface_text(s, 1, 2, ROLE_MUTED, "B sets one here, as does :budget NAME 400 and `llmdeck budget set`");
}

static void draw_tile(const struct budgets *b, const struct panel_frame *frame, struct surface *s)
{
	char right[100], spent[40], amount[MONEY_TEXT_BYTES], text[120], when[TIME_TEXT_BYTES];
	int names = s->width >= 60 ? 20 : 14, bar = s->width - names - 34;

	head_right(b, right, sizeof right);
	draw_head(s, frame, "budgets", s->width >= 50 ? right : "");
	if (!b->all.row_count)
		draw_none(s);
	for (size_t i = 0; i < b->all.row_count && (int)i + 1 < s->height; i++) {
		const struct budget_standing *st = b->order[i];
		bool dim = frame->stale || !is_fresh(b, st);
		style style_of = dim ? (style)ROLE_STALE : state_style(mark_of(st));
		int y = (int)i + 1, x = 4 + names;

		surface_put(s, 1, y, state_mark(mark_of(st), s->ascii), style_of);
		surface_outside(s, 3, y, names, style_of, str_of(st->budget.name));
		if (bar >= 4) {
			gauge_draw(s, x, y, bar, style_of, st->status.percent / 100);
			x += bar + 1;
		}
		spent_text(st, s->ascii, spent, sizeof spent);
		snprintf(text, sizeof text, "%3.0f%% %s/%s", st->status.percent, spent, money_format_short(st->budget.amount_nusd, 7, amount));
		x += surface_text(s, x, y, style_of, text);
		if (st->status.exhausted_us && x + 12 < s->width)
			surface_printf(s, x + 1, y, ROLE_WARNING, "empty %s",
			               axis_time(st->status.exhausted_us, st->status.to_us - st->status.from_us, frame->tz, when));
	}
}

static void budgets_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct budgets *b = state;
	const struct budget_standing *at;
	struct surface table, below;
	char right[100];
	int rows;

	if (frame->form == PANEL_TILE) {
		draw_tile(b, frame, s);
		return;
	}
	head_right(b, right, sizeof right);
	draw_head(s, frame, "budgets", right);
	if (!b->all.row_count) {
		draw_none(s);
		return;
	}
	rows = (int)b->all.row_count + 2;
	if (s->height < DETAIL_ROWS + 6)
		rows = s->height - 1;
	else if (rows > s->height - 1 - DETAIL_ROWS - 4)
		rows = s->height - 1 - DETAIL_ROWS - 4 > 4 ? s->height - 1 - DETAIL_ROWS - 4 : 4;
	if (rows < 1)
		return;
	table = surface_part(s, (struct rect){0, 1, s->width, rows});
	draw_rows(&budgets_panel, state, frame, &table);
	at = under_cursor(b, frame);
	if (!at || s->height < DETAIL_ROWS + 6)
		return;
	below = surface_part(s, (struct rect){0, 1 + rows, s->width, s->height - 1 - rows});
	draw_detail(b, at, frame, &below);
}

/* ── picking ───────────────────────────────────────────────────────────────────────────────── */

static void fill_pick(const struct budgets *b, const struct budget_standing *s, struct budget_pick *out)
{
	const struct alert_record *r = alarms_of_rule(&b->alarms, s->budget.name);
	char usd[MONEY_TEXT_BYTES], spent[40];
	size_t len = 0;

	*out = (struct budget_pick){.period = budget_period_name(s->budget.period), .view = s->budget.where, .by_attr = s->budget.by_attr, .configured = s->config_amount_nusd > 0,
	                            .from_us = s->status.from_us, .to_us = s->status.to_us};
	snprintf(out->name, sizeof out->name, "%s", s->budget.name);
	budget_format_amount(s, NULL, out->amount);
	budget_format_where(&s->budget, out->where, sizeof out->where);
	snprintf(out->usd, sizeof out->usd, "%s", money_format_usd(s->budget.amount_nusd, usd));
	while (strchr(out->usd, '.') && (out->usd[strlen(out->usd) - 1] == '0' || out->usd[strlen(out->usd) - 1] == '.')) {
		bool point = out->usd[strlen(out->usd) - 1] == '.';

		out->usd[strlen(out->usd) - 1] = '\0';
		if (point)
			break;
	}
	for (size_t i = 0; i < s->budget.warn_count && len < sizeof out->warn; i++)
		len += (size_t)snprintf(out->warn + len, sizeof out->warn - len, "%s%d", i ? "," : "", s->budget.warn_percent[i]);
	snprintf(out->on, sizeof out->on, "%s%s%s", s->budget.on_actual ? "actual" : "", s->budget.on_actual && s->budget.on_forecast ? "," : "",
	         s->budget.on_forecast ? "forecast" : "");
	snprintf(out->tz, sizeof out->tz, "%s", s->budget.tz);
	snprintf(out->hard, sizeof out->hard, "%s", s->budget.hard ? s->budget.hard : "");
	spent_text(s, true, spent, sizeof spent);
	snprintf(out->summary, sizeof out->summary, "%s of %.120s spent, %.0f %%", spent, out->amount, s->status.percent);
	if (r) {
		out->alert_id = r->id;
		out->acknowledged = r->acknowledged_us != 0;
		out->below = alarms_below(&b->alarms, r);
		snprintf(out->alert_summary, sizeof out->alert_summary, "%s", r->summary);
		snprintf(out->alert_labels, sizeof out->alert_labels, "%s", r->labels);
	}
}

bool budgets_has_any(const void *state)
{
	return ((const struct budgets *)state)->all.row_count > 0;
}

bool budgets_pick(const void *state, const struct panel_frame *frame, struct budget_pick *out)
{
	const struct budgets *b = state;
	const struct budget_standing *s = under_cursor(b, frame);

	if (s)
		fill_pick(b, s, out);
	return s != NULL;
}

bool budgets_pick_named(const void *state, const char *name, struct budget_pick *out)
{
	const struct budgets *b = state;

	for (size_t i = 0; i < b->all.row_count; i++)
		if (strcmp(b->all.rows[i].budget.name, name) == 0) {
			fill_pick(b, &b->all.rows[i], out);
			return true;
		}
	return false;
}

const struct panel budgets_panel = {
	.name = "budgets",
	.title = "budgets",
	.help = "What may be spent and what is, as the collector assesses it every minute: spent and share of the amount, forecast "
	        "to the reset with a rough band (~ because it is an estimate), burn of the last hour beside the burn that would "
	        "just last, when it will be empty. An amount in accent was changed by a person: the config's, who and until when "
	        "stand beside it. ≥ says that some requests had no price. Below, who spends: in the period, today, and yesterday "
	        "until the same time of day. B sets a budget or changes the one under the cursor, D removes it, a acknowledges "
	        "its warning, Enter opens the cost page with its filters and period.",
	.page = '6',
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct budgets),
	.load = budgets_load,
	.fini = budgets_fini,
	.kept_size = sizeof(struct kept),
	.kept_fini = forget,
	.draw = budgets_draw,
	.rows = budgets_rows,
};
