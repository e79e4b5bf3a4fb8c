/* Two windows beside each other: this page's and the one that it is compared with (else as long, just before). A
 * figure a row, each with what it rests on; what the one has more of than the other, by the test and the bound of
 * the suspects; and the commands that say the same. Figures come from rollups, which may be widened to whole
 * buckets; what the requests tell is asked for the same widened windows, so that all agree. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "core/window_figures.h"
#include "panels/draw.h"
#include "panels/incident.h"
#include "panels/search.h"
#include "store/query_suspects.h"

#define CHANGES_MOST 16
#define CHANGE_ROWS INT64_C(300000) /* looked at, half of them in each window, for each direction */

/* Both windows as the rollups have them. */
struct windows {
	struct view now, other;
};

static void choose_windows(const struct panel_query *query, struct windows *w)
{
	static const struct panel_ask none;
	const struct panel_ask *ask = query->ask ? query->ask : &none;

	w->now = w->other = query->view;
	w->now.step_us = w->other.step_us = 0;
	if (!incident_other(ask, &query->view, &w->other.from_us, &w->other.to_us)) {
		w->other.from_us = 2 * query->view.from_us - query->view.to_us;
		w->other.to_us = query->view.from_us;
	}
	if (w->other.from_us < 0)
		w->other.from_us = 0;
}

static int load_figures(const struct panel_query *query, struct windows *w, unsigned needs, struct figures_result out[2],
                        struct err *err)
{
	struct view *const views[] = {&w->now, &w->other};

	choose_windows(query, w);
	for (int i = 0; i < 2; i++) {
		if (query_figures(query->reader, views[i], needs, 0, &out[i], err) != 0)
			return -1;
		views[i]->from_us = out[i].from_us;
		views[i]->to_us = out[i].to_us;
	}
	return 0;
}

/* "12:56..13:21", with the day where it is not today's. */
static char *window_text(const struct view *v, const struct panel_frame *frame, char out[64])
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], day[TIME_TEXT_BYTES];
	bool old = frame->now_us - v->from_us > US_PER_DAY - US_PER_HOUR;

	snprintf(out, 64, "%s%s%.5s..%.5s", old ? axis_time(v->from_us, 3 * US_PER_DAY, frame->tz, day) : "", old ? " " : "",
	         time_format_clock(v->from_us, frame->tz, from), time_format_clock(v->to_us, frame->tz, to));
	return out;
}

/* ── figures ───────────────────────────────────────────────────────────────────────────────── */

struct diff {
	struct windows windows;
	struct figures_result figures[2]; /* now, other */
};

static int diff_load(const struct panel_query *query, void *state, struct err *err)
{
	struct diff *d = state;

	return load_figures(query, &d->windows, WINDOW_FIGURES_SKETCHES, d->figures, err);
}

static void diff_fini(void *state)
{
	struct diff *d = state;

	figures_result_fini(&d->figures[0]);
	figures_result_fini(&d->figures[1]);
}

static const struct sheet_column diff_columns[] = {
	{"figure", "FIGURE", 13, true, 0, false}, {"now", "now", 8, false, 0, false},   {"now_n", "n", 6, false, 1, false},
	{"then", "then", 8, false, 0, false},     {"then_n", "n", 6, false, 1, false}, {"change", "change", 7, false, 0, false},
};

static double change_of(enum metric_unit unit, struct value now, struct value then)
{
	if (unit == UNIT_SHARE)
		return now.number - then.number;
	return then.number > 0 ? now.number / then.number - 1 : 0;
}

static void diff_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct diff *d = state;
	char text[FIGURE_TEXT_BYTES];

	(void)frame;
	sheet_set_columns(out, diff_columns, 6);
	for (const struct window_figure *w = window_figures; w->name; w++) {
		struct sheet_row *row = sheet_add(out, str_of(w->name));
		struct value v[2], change = value_unknown();

		sheet_set_text(out, row, 0, str_of(w->label));
		for (int i = 0; i < 2; i++) {
			const struct figures *f = &d->figures[i].total.total;
			struct value n = value_ok((double)w->n(f));

			v[i] = w->get(f, (double)(d->figures[i].to_us - d->figures[i].from_us) / 1e6);
			sheet_set_value(out, row, 1 + 2 * i, v[i], figure_format(w->unit, v[i], false, text));
			sheet_set_value(out, row, 2 + 2 * i, n, count_format(n.number, text));
			row->cells[2 + 2 * i].style = ROLE_MUTED;
		}
		if (value_known(v[0]) && value_known(v[1]) && (w->unit == UNIT_SHARE || v[1].number > 0))
			change = value_ok(change_of(w->unit, v[0], v[1]));
		sheet_set_value(out, row, 5, change, change_format(w->unit, v[0], v[1], false, text));
		row->cells[5].style = change_style(w->higher_is, v[0], v[1]);
	}
}

static void diff_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct diff *d = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	int64_t now_us = d->windows.now.to_us - d->windows.now.from_us, then_us = d->windows.other.to_us - d->windows.other.from_us;
	char title[160], now[64], then[64], length[TIME_TEXT_BYTES];

	snprintf(title, sizeof title, "%s against %s", window_text(&d->windows.now, frame, now), window_text(&d->windows.other, frame, then));
	draw_head(s, frame, title, now_us == then_us ? s->width >= 60 ? "= another" : "" : duration_format(then_us, length));
	if (now_us != then_us && s->height > 4) {
		surface_text(&table, 1, 0, ROLE_WARNING, "not as long: sums cannot be compared, rates can");
		table = surface_part(&table, (struct rect){0, 1, table.width, table.height - 1});
	}
	if (table.height > 1)
		draw_rows(&diff_panel, state, frame, &table);
}

const struct panel diff_panel = {
	.name = "diff",
	.title = "two windows",
	.help = "This window beside another one: figure by figure, each with the number of requests or items it rests on, and how "
	        "it changed. = chooses the other window: as long just before, yesterday, a week ago, the pinned one (:pin); "
	        ":diff 13:00..13:20 any. Beside it what this window has more or less of, below it the commands that say the same.",
	.page = '6',
	.asks = ASK_INCIDENT,
	.state_size = sizeof(struct diff),
	.load = diff_load,
	.fini = diff_fini,
	.draw = diff_draw,
	.rows = diff_rows,
};

/* ── what changed ──────────────────────────────────────────────────────────────────────────── */

struct changes {
	struct suspects_result more, less; /* of this window; of the other one */
	bool reading; /* the searches go on; nothing is found yet */
	double share; /* of them that is done */
};

/* The searches, one after the other; they go on with the next load. */
struct changes_kept {
	struct search_question of;
	struct suspects_query queries[2]; /* what there is more of; less of */
	struct suspects_search *search;
	struct suspects_result more; /* when the first is done */
	bool has_more;
};

static void changes_forget(void *kept)
{
	struct changes_kept *k = kept;

	suspects_search_free(&k->search);
	suspects_result_fini(&k->more);
	k->has_more = false;
}

static int changes_begin(const struct panel_query *query, struct changes_kept *k, struct err *err)
{
	struct suspects_query q = {.limit = CHANGES_MOST, .scan_limit = CHANGE_ROWS};
	struct figures_result figures[2] = {0};
	struct windows w;
	int failed = load_figures(query, &w, 0, figures, err);

	changes_forget(k);
	figures_result_fini(&figures[0]);
	figures_result_fini(&figures[1]);
	if (failed)
		return -1;
	bad_init(&q.bad);
	q.view = w.now;
	q.against_from_us = w.other.from_us;
	q.against_to_us = w.other.to_us;
	k->queries[0] = k->queries[1] = q;
	k->queries[1].view = w.other;
	k->queries[1].against_from_us = w.now.from_us;
	k->queries[1].against_to_us = w.now.to_us;
	k->of = search_question_of(&changes_panel, query);
	k->search = suspects_search_new(query->reader, &k->queries[0]);
	return 0;
}

/* 1 when both are done, 0 when there was no time left, -1 with a sentence. */
static int changes_go_on(struct changes_kept *k, const struct panel_query *query, struct changes *c, struct err *err)
{
	int done = suspects_search_go_on(k->search, search_slice_us(query), err);

	if (done > 0 && !k->has_more) {
		suspects_search_take(k->search, &k->more);
		suspects_search_free(&k->search);
		k->has_more = true;
		k->search = suspects_search_new(query->reader, &k->queries[1]);
		done = query->more ? 0 : suspects_search_go_on(k->search, 0, err);
	}
	c->share = (k->has_more + suspects_search_share(k->search)) / 2;
	if (done <= 0)
		return done;
	c->more = k->more;
	k->more = (struct suspects_result){0};
	suspects_search_take(k->search, &c->less);
	return 1;
}

static int changes_load(const struct panel_query *query, void *state, struct err *err)
{
	struct changes_kept once = {0}, *k = query->kept ? query->kept : &once;
	struct changes *c = state;
	int done;

	if ((!k->search || !search_goes_on(&changes_panel, query, &k->of)) && changes_begin(query, k, err) != 0)
		return -1;
	done = changes_go_on(k, query, c, err);
	c->reading = done == 0;
	if (done == 0)
		search_pause(query);
	else
		changes_forget(k);
	return done < 0 ? -1 : 0;
}

static void changes_fini(void *state)
{
	struct changes *c = state;

	suspects_result_fini(&c->more);
	suspects_result_fini(&c->less);
}

static const struct sheet_column change_columns[] = {
	{"what", "WHAT", 13, true, 0, false},   {"way", "", 1, true, 0, false},        {"lift", "lift", 5, false, 0, false},
	{"lift_low", "least", 5, false, 2, false}, {"now", "now", 6, false, 1, false}, {"then", "then", 6, false, 1, false},
	{"share_now", "now%", 6, false, 3, false}, {"share_then", "then%", 6, false, 3, false}, {"goes_with", "GOES WITH", 10, true, 4, false},
};

static void add_share(struct sheet *out, struct sheet_row *row, int column, int64_t count, int64_t of)
{
	struct value v = of > 0 ? value_ok((double)count / (double)of) : value_unknown();
	char text[FIGURE_TEXT_BYTES];

	sheet_set_value(out, row, column, v, figure_format_bare(UNIT_SHARE, v, false, text));
}

/* Rows of one direction; `more`: of this window. */
static void add_changes(const struct suspects_result *from, bool more, struct sheet *out)
{
	int64_t other = from->total - from->bad;
	char text[FIGURE_TEXT_BYTES], key[300];

	for (size_t i = 0; i < from->named_count; i++) {
		const struct suspect_row *s = &from->rows[i];
		int64_t here = s->bad, there = s->total - s->bad;
		struct sheet_row *row;

		suspect_words(s, key, sizeof key);
		row = sheet_add(out, str_of(key));
		row->state = s->explained_by >= 0 ? ROW_WARNING : ROW_CRITICAL;
		sheet_set_text(out, row, 0, str_of(key));
		sheet_set_text(out, row, 1, more ? STR_LIT("+") : STR_LIT("-"));
		sheet_set_value(out, row, 2, value_ok(s->lift), suspect_lift(s->lift, text));
		sheet_set_value(out, row, 3, value_ok(s->lift_low), suspect_lift(s->lift_low, text));
		sheet_set_value(out, row, 4, value_ok((double)(more ? here : there)), count_format((double)(more ? here : there), text));
		sheet_set_value(out, row, 5, value_ok((double)(more ? there : here)), count_format((double)(more ? there : here), text));
		add_share(out, row, 6, more ? here : there, more ? from->bad : other);
		add_share(out, row, 7, more ? there : here, more ? other : from->bad);
		if (s->explained_by >= 0 && (size_t)s->explained_by < from->row_count)
			sheet_set_text(out, row, 8, str_of(from->rows[s->explained_by].value));
	}
}

static void changes_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct changes *c = state;

	(void)frame;
	sheet_set_columns(out, change_columns, 9);
	out->marked = true;
	add_changes(&c->more, true, out);
	add_changes(&c->less, false, out);
}

bool changes_pick(const void *state, const struct panel_frame *frame, struct suspect_pick *out)
{
	const struct changes *c = state;

	return suspect_pick_of(&changes_panel, state, frame, &c->more, out) || suspect_pick_of(&changes_panel, state, frame, &c->less, out);
}

static void changes_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct changes *c = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	char title[120], now[FIGURE_TEXT_BYTES], then[FIGURE_TEXT_BYTES];

	if (c->reading) {
		search_draw("what changed", c->share, frame, s);
		return;
	}
	snprintf(title, sizeof title, "what changed%s", c->more.sampled ? " sampled" : "");
	if (s->width >= 44)
		snprintf(title, sizeof title, "what changed among %s and %s requests%s", count_format((double)c->more.bad, now),
		         count_format((double)(c->more.total - c->more.bad), then), c->more.sampled ? " sampled" : "");
	draw_head(s, frame, title, "");
	if (c->more.bad == 0 || c->more.total == c->more.bad)
		surface_text(s, 1, 1, ROLE_MUTED, c->more.bad ? "no requests then" : "no requests now");
	else if (c->more.named_count + c->less.named_count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "nothing stands out");
	else if (s->height > 1)
		draw_rows(&changes_panel, state, frame, &table);
}

const struct panel changes_panel = {
	.name = "changes",
	.title = "what changed",
	.help = "Every attribute's values that this window has more of (+) than the other one, then (-) those it has less of, the strongest "
	        "first. lift: share of the one's requests over share of the other's; least: its lower bound, by the test of the "
	        "suspects. One that merely goes along with a stronger one says so. Enter narrows both windows to it.",
	.page = '6',
	.asks = ASK_INCIDENT,
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct changes),
	.load = changes_load,
	.fini = changes_fini,
	.kept_size = sizeof(struct changes_kept),
	.kept_fini = changes_forget,
	.draw = changes_draw,
	.rows = changes_rows,
};

/* ── the same from the shell ───────────────────────────────────────────────────────────────── */

#define COMMANDS 3
struct shell {
	struct buf lines[COMMANDS];
	bool sampled;
};

static void add_command(struct buf *out, const char *command, const struct view *now, const char *option, const struct view *then)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];

	buf_puts(out, command);
	view_append_options(now, now->from_us, now->to_us, out);
	buf_printf(out, " %s %s..%s", option, time_format(then->from_us, from), time_format(then->to_us, to));
}

static int shell_load(const struct panel_query *query, void *state, struct err *err)
{
	struct shell *l = state;
	struct figures_result figures[2] = {0};
	struct windows w;
	int failed = load_figures(query, &w, 0, figures, err);

	if (!failed) {
		int64_t most = figures[0].total.total.requests > figures[1].total.total.requests ? figures[0].total.total.requests
		                                                                                : figures[1].total.total.requests;

		add_command(&l->lines[0], "llmdeck report", &w.now, "--compare", &w.other);
		add_command(&l->lines[1], "llmdeck suspects", &w.now, "--against", &w.other);
		add_command(&l->lines[2], "llmdeck suspects", &w.other, "--against", &w.now);
		for (int i = 1; i < COMMANDS && most > CHANGE_ROWS / 2; i++)
			buf_printf(&l->lines[i], " --rows %" PRId64, CHANGE_ROWS);
	}
	figures_result_fini(&figures[0]);
	figures_result_fini(&figures[1]);
	return failed;
}

static void shell_fini(void *state)
{
	struct shell *l = state;

	for (int i = 0; i < COMMANDS; i++)
		buf_fini(&l->lines[i]);
}

static void shell_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	static const struct sheet_column column[] = {{"command", "COMMAND", 20, true, 0, false}};
	const struct shell *l = state;

	(void)frame;
	sheet_set_columns(out, column, 1);
	for (int i = 0; i < COMMANDS; i++)
		sheet_set_text(out, sheet_add(out, buf_str(&l->lines[i])), 0, buf_str(&l->lines[i]));
}

/* How many bytes of the text go on a line: up to a blank where it does not fit. */
static size_t line_of(struct str text, size_t room)
{
	const char *p = text.ptr, *end = text.ptr + text.len, *blank = NULL;

	for (size_t n = 0; n < room && p < end; n++) {
		blank = *p == ' ' ? p + 1 : blank;
		utf8_decode(&p, end);
	}
	return (size_t)((p < end && blank ? blank : p) - text.ptr);
}

static void shell_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct shell *l = state;
	int y = 1;

	draw_head(s, frame, "the same from the shell", "");
	for (int i = 0; i < COMMANDS && s->width > 4; i++) {
		struct str rest = buf_str(&l->lines[i]);

		for (int x = 1; rest.len > 0 && y < s->height; y++, x = 3) {
			size_t room = (size_t)(s->width - x - 1), part = line_of(rest, room);

			surface_outside(s, x, y, s->width - x - 1, i ? ROLE_MUTED : ROLE_TEXT, (struct str){rest.ptr, part});
			rest = (struct str){rest.ptr + part, rest.len - part};
		}
	}
}

const struct panel shell_panel = {
	.name = "shell",
	.title = "the same from the shell",
	.help = "The commands that print the figures and the changes of the page again: this window beside the other one, what there "
	        "is more of, what there is less of. e writes them to a file.",
	.page = '6',
	.asks = ASK_INCIDENT,
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct shell),
	.load = shell_load,
	.fini = shell_fini,
	.draw = shell_draw,
	.rows = shell_rows,
};
