/* What the bad requests of the incident page have more of than the others, the strongest first, with the
 * bound under which that is no chance, and the requests of the chosen cell. Both come from raw rows of the
 * page's window. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/incident.h"
#include "panels/search.h"
#include "store/query_suspects.h"

#define SUSPECTS_MOST 24
#define SUSPECT_ROWS INT64_C(400000) /* looked at, spread over the window */
#define CELL_REQUESTS 200
#define CELL_ROWS INT64_C(1000000)

/* ── which are bad ─────────────────────────────────────────────────────────────────────────── */

/* The window's p95 of the figure the page looks at; -1 where it has none. */
static int window_p95(const struct panel_query *query, const struct panel_ask *ask, int64_t *out, struct err *err)
{
	static const int sketches[HEAT_KINDS] = {
		[HEAT_LATENCY] = SKETCH_LATENCY_US, [HEAT_TTFT] = SKETCH_TTFT_US, [HEAT_COST] = SKETCH_COST_NUSD,
		[HEAT_ERRORS] = -1, [HEAT_FLAGS] = -1,
	};
	struct figures_result figures = {0};
	struct view v = query->view;
	int sketch = sketches[ask->heat];

	*out = -1;
	if (sketch < 0 || ask->cell_chosen)
		return 0;
	v.step_us = 0;
	v.by_count = 0;
	if (query_figures(query->reader, &v, 1u << sketch, 0, &figures, err) != 0)
		return -1;
	*out = sketch_quantile(&figures.total.total.sketches[sketch], .95);
	figures_result_fini(&figures);
	return 0;
}

static int which_bad(const struct panel_query *query, struct bad *bad, struct panel_ask *ask, struct err *err)
{
	int64_t p95;

	memset(ask, 0, sizeof *ask);
	if (query->ask)
		*ask = *query->ask;
	if (window_p95(query, ask, &p95, err) != 0)
		return -1;
	incident_bad(ask, p95, bad);
	return 0;
}

/* ── suspects ──────────────────────────────────────────────────────────────────────────────── */

struct suspects {
	struct suspects_result found;
	struct bad bad;
	bool reading; /* the search goes on; nothing is found yet */
	double share; /* of it that is done */
};

/* A search that goes on with the next load. */
struct suspects_kept {
	struct search_question of;
	struct bad bad;
	struct suspects_search *search;
};

static int suspects_begin(const struct panel_query *query, struct suspects_kept *k, struct err *err)
{
	struct suspects_query q = {.view = query->view, .limit = SUSPECTS_MOST, .weak = true, .scan_limit = SUSPECT_ROWS};
	struct panel_ask ask;

	suspects_search_free(&k->search);
	if (which_bad(query, &k->bad, &ask, err) != 0)
		return -1;
	q.bad = k->bad;
	k->of = search_question_of(&suspects_panel, query);
	k->search = suspects_search_new(query->reader, &q);
	return 0;
}

static int suspects_load(const struct panel_query *query, void *state, struct err *err)
{
	struct suspects_kept once = {0}, *k = query->kept ? query->kept : &once;
	struct suspects *s = state;
	int done;

	if ((!k->search || !search_goes_on(&suspects_panel, query, &k->of)) && suspects_begin(query, k, err) != 0)
		return -1;
	done = suspects_search_go_on(k->search, search_slice_us(query), err);
	s->bad = k->bad;
	s->share = suspects_search_share(k->search);
	s->reading = done == 0;
	if (done == 0) {
		search_pause(query);
		return 0;
	}
	if (done > 0)
		suspects_search_take(k->search, &s->found);
	suspects_search_free(&k->search);
	return done > 0 ? 0 : -1;
}

static void suspects_kept_fini(void *kept)
{
	struct suspects_kept *k = kept;

	suspects_search_free(&k->search);
}

static void suspects_fini(void *state)
{
	struct suspects *s = state;

	suspects_result_fini(&s->found);
}

static const struct sheet_column suspect_columns[] = {
	{"suspect", "SUSPECT", 13, true, 0, false}, {"lift", "lift", 5, false, 0, false},
	{"lift_low", "least", 5, false, 1, false}, {"bad", "bad", 5, false, 0, false},
	{"total", "of", 5, false, 2, false},        {"goes_with", "GOES WITH", 10, true, 3, false},
};

char *suspect_lift(double lift, char out[FIGURE_TEXT_BYTES])
{
	snprintf(out, FIGURE_TEXT_BYTES, lift >= 100 ? "x%.0f" : "x%.1f", lift > 9999 ? 9999 : lift);
	return out;
}

void suspect_words(const struct suspect_row *row, char *out, size_t cap)
{
	static const char *const shorter[][2] = {
		{"deployment", "depl"}, {"environment", "env"}, {"input_tokens", "tok in"}, {"output_tokens", "tok out"},
		{"error_type", "error"}, {"finish_reason", "finish"}, {"http_status", "http"}, {"prompt_version", "prompt"},
	};
	const char *name = row->attribute;

	for (size_t i = 0; i < sizeof shorter / sizeof *shorter; i++)
		name = strcmp(name, shorter[i][0]) == 0 ? shorter[i][1] : name;
	snprintf(out, cap, "%.40s %.200s", name, row->value);
}

static void suspects_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct suspects *s = state;
	char text[FIGURE_TEXT_BYTES], words[260];

	(void)frame;
	sheet_set_columns(out, suspect_columns, 6);
	out->marked = true;
	for (size_t i = 0; i < s->found.row_count; i++) {
		const struct suspect_row *from = &s->found.rows[i];
		struct sheet_row *row;

		suspect_words(from, words, sizeof words);
		row = sheet_add(out, str_of(words));
		row->state = from->named && from->explained_by < 0 ? ROW_CRITICAL : from->named ? ROW_WARNING : ROW_PLAIN;
		sheet_set_text(out, row, 0, str_of(words));
		sheet_set_value(out, row, 1, value_ok(from->lift), suspect_lift(from->lift, text));
		sheet_set_value(out, row, 2, value_ok(from->lift_low), suspect_lift(from->lift_low, text));
		sheet_set_value(out, row, 3, value_ok((double)from->bad), count_format((double)from->bad, text));
		sheet_set_value(out, row, 4, value_ok((double)from->total), count_format((double)from->total, text));
		if (from->explained_by >= 0 && (size_t)from->explained_by < s->found.row_count)
			sheet_set_text(out, row, 5, str_of(s->found.rows[from->explained_by].value));
		for (int c = 0; c < 6 && !from->named; c++)
			row->cells[c].style = ROLE_MUTED;
	}
}

bool suspect_pick_of(const struct panel *panel, const void *state, const struct panel_frame *frame, const struct suspects_result *found,
                     struct suspect_pick *out)
{
	struct table_state look = frame->ui->table;
	struct sheet sheet = {0};
	struct table table;
	bool is_it = false;

	memset(out, 0, sizeof *out);
	panel->rows(state, frame, &sheet);
	sheet_arrange(&sheet, frame->find, look.sort_column, look.sort_ascending);
	table = sheet_table(&sheet);
	table_settle(&table, &look, sheet.row_count);
	for (size_t i = 0; look.cursor_row < sheet.row_count && i < found->row_count && !is_it; i++) {
		const struct suspect_row *row = &found->rows[i];

		suspect_words(row, out->words, sizeof out->words);
		is_it = str_equal_c(sheet.rows[look.cursor_row].key, out->words);
		if (!is_it)
			continue;
		out->is_dim = dim_from_name(str_of(row->attribute), &out->filter.dim);
		snprintf(out->filter.value, sizeof out->filter.value, "%s", row->value);
	}
	sheet_fini(&sheet);
	return is_it;
}

bool suspects_pick(const void *state, const struct panel_frame *frame, struct suspect_pick *out)
{
	const struct suspects *s = state;

	return suspect_pick_of(&suspects_panel, state, frame, &s->found, out);
}

static void suspects_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct suspects *l = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	char title[120], bad[FIGURE_TEXT_BYTES], total[FIGURE_TEXT_BYTES], words[BAD_TEXT_BYTES];

	if (l->reading) {
		search_draw("suspects", l->share, frame, s);
		return;
	}
	snprintf(title, sizeof title, "suspects %s bad of %s%s", count_format((double)l->found.bad, bad),
	         count_format((double)l->found.total, total), l->found.sampled ? " sampled" : "");
	draw_head(s, frame, title, s->width >= 60 ? bad_format(&l->bad, words) : "");
	if (l->found.named_count == 0 && s->height > 1) {
		surface_text(s, 1, 1, ROLE_MUTED, l->found.bad < SUSPECT_BAD_MIN ? "too few are bad to tell" : "none stands out");
		table = surface_part(s, (struct rect){0, 2, s->width, s->height - 2});
	}
	if (l->found.row_count && table.height > 1)
		draw_rows(&suspects_panel, state, frame, &table);
}

const struct panel suspects_panel = {
	.name = "suspects",
	.title = "suspects",
	.help = "Every attribute's values that the bad requests (of the cell, else those over the limit, failed or flagged "
	        "since it began) have more of than the others. lift: share among the bad over share among the rest; at "
	        "least: its lower bound, which allows for how many values were tried. Marked ones are named; one that "
	        "merely goes along with a stronger one says so. Enter narrows the window to it.",
	.page = '6',
	.asks = ASK_INCIDENT | ASK_CELL,
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct suspects),
	.load = suspects_load,
	.fini = suspects_fini,
	.kept_size = sizeof(struct suspects_kept),
	.kept_fini = suspects_kept_fini,
	.draw = suspects_draw,
	.rows = suspects_rows,
};

/* ── requests of the cell ──────────────────────────────────────────────────────────────────── */

struct cell_requests {
	struct request_result requests;
	struct bad bad;
	bool chosen;
	bool reading; /* as in struct suspects */
	double share;
};

struct cell_kept {
	struct search_question of;
	struct bad bad;
	bool chosen;
	struct bad_search *search;
};

static int cell_begin(const struct panel_query *query, struct cell_kept *k, struct err *err)
{
	static const enum request_sort sorts[HEAT_KINDS] = {
		[HEAT_LATENCY] = SORT_SLOWEST, [HEAT_TTFT] = SORT_SLOWEST, [HEAT_COST] = SORT_DEAREST, [HEAT_ERRORS] = SORT_NEWEST,
		[HEAT_FLAGS] = SORT_NEWEST,
	};
	struct panel_ask ask;

	bad_search_free(&k->search);
	if (which_bad(query, &k->bad, &ask, err) != 0)
		return -1;
	k->chosen = ask.cell_chosen;
	k->of = search_question_of(&cell_panel, query);
	k->search = bad_search_new(query->reader, &query->view, &k->bad, sorts[ask.heat], CELL_REQUESTS, CELL_ROWS);
	return 0;
}

static int cell_load(const struct panel_query *query, void *state, struct err *err)
{
	struct cell_kept once = {0}, *k = query->kept ? query->kept : &once;
	struct cell_requests *c = state;
	int done;

	if ((!k->search || !search_goes_on(&cell_panel, query, &k->of)) && cell_begin(query, k, err) != 0)
		return -1;
	done = bad_search_go_on(k->search, search_slice_us(query), err);
	c->bad = k->bad;
	c->chosen = k->chosen;
	c->share = bad_search_share(k->search);
	c->reading = done == 0;
	if (done == 0) {
		search_pause(query);
		return 0;
	}
	if (done > 0)
		bad_search_take(k->search, &c->requests);
	bad_search_free(&k->search);
	return done > 0 ? 0 : -1;
}

static void cell_kept_fini(void *kept)
{
	struct cell_kept *k = kept;

	bad_search_free(&k->search);
}

static void cell_fini(void *state)
{
	struct cell_requests *c = state;

	request_result_fini(&c->requests);
}

static const struct sheet_column cell_columns[] = {
	{"end", "TIME", 8, false, 0, false},      {"latency_s", "takes", 6, false, 0, false},
	{"ttft_s", "ttft", 6, false, 2, false},   {"service", "SERVICE", 9, true, 3, false},
	{"deployment", "DEPL", 5, true, 1, false}, {"model", "MODEL", 9, true, 1, false},
	{"input_tokens", "tok in", 6, false, 4, false}, {"output_tokens", "out", 5, false, 4, false},
	{"cost_usd", "$", 7, false, 3, false},    {"error_type", "ERROR", 8, true, 2, false},
	{"flags", "flags", 5, false, 5, false},   {"trace_id", "TRACE", 8, true, 5, false},
	{"id", "ID", 16, true, 6, false},
};

static void set_figure(struct sheet *out, struct sheet_row *row, int column, enum metric_unit unit, bool known, double number)
{
	struct value v = known ? value_ok(number) : value_unknown();
	char text[FIGURE_TEXT_BYTES];

	sheet_set_value(out, row, column, v, figure_format_bare(unit, v, false, text));
}

static void cell_row(const struct request_row *from, const struct panel_frame *frame, struct sheet *out)
{
	const struct request *r = &from->request;
	char id[24], clock[TIME_TEXT_BYTES];
	struct buf trace = {0};
	struct sheet_row *row;

	snprintf(id, sizeof id, "%llx", (unsigned long long)from->id);
	row = sheet_add(out, str_of(id));
	sheet_set_value(out, row, 0, value_ok((double)r->end_us / 1e6), time_format_clock(r->end_us, frame->tz, clock));
	set_figure(out, row, 1, UNIT_SECONDS, r->latency_us >= 0, (double)r->latency_us / 1e6);
	set_figure(out, row, 2, UNIT_SECONDS, r->ttft_us >= 0, (double)r->ttft_us / 1e6);
	sheet_set_text(out, row, 3, r->dims[DIM_SERVICE]);
	sheet_set_text(out, row, 4, r->dims[DIM_DEPLOYMENT]);
	sheet_set_text(out, row, 5, r->dims[DIM_MODEL]);
	set_figure(out, row, 6, UNIT_COUNT, r->input_tokens >= 0, (double)r->input_tokens);
	set_figure(out, row, 7, UNIT_COUNT, r->output_tokens >= 0, (double)r->output_tokens);
	set_figure(out, row, 8, UNIT_USD, r->cost_source != COST_UNPRICED, (double)r->cost_nusd / 1e9);
	sheet_set_text(out, row, 9, r->error_type);
	set_figure(out, row, 10, UNIT_COUNT, true, r->flag_count);
	for (int i = 0; i < 16 && r->has_trace; i++)
		buf_printf(&trace, "%02x", r->trace_id[i]);
	sheet_set_text(out, row, 11, buf_str(&trace));
	sheet_set_text(out, row, 12, str_of(id));
	buf_fini(&trace);
}

static void cell_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct cell_requests *c = state;

	sheet_set_columns(out, cell_columns, 13);
	for (size_t i = 0; i < c->requests.row_count; i++)
		cell_row(&c->requests.rows[i], frame, out);
}

static bool cell_row_trace(const void *state, struct str key, struct trace_pick *out)
{
	const struct cell_requests *c = state;
	char id[24];

	for (size_t i = 0; i < c->requests.row_count; i++) {
		snprintf(id, sizeof id, "%llx", (unsigned long long)c->requests.rows[i].id);
		if (str_equal_c(key, id))
			return trace_pick_of(&c->requests.rows[i], out);
	}
	return false;
}

static void cell_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct cell_requests *c = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	char title[80], words[BAD_TEXT_BYTES], from[TIME_TEXT_BYTES];

	if (c->reading) {
		search_draw(c->chosen ? "requests of the cell" : "requests of the bad", c->share, frame, s);
		return;
	}
	snprintf(title, sizeof title, "requests of the %s %zu%s", c->chosen ? "cell" : "bad", c->requests.row_count,
	         c->requests.row_count == CELL_REQUESTS ? "+" : "");
	draw_head(s, frame, title, c->requests.truncated ? "" : bad_format(&c->bad, words));
	if (c->requests.truncated && s->width >= 60) {
		bool old = frame->now_us - c->requests.scanned_from_us > US_PER_DAY - US_PER_HOUR;
		char since[64 + TIME_TEXT_BYTES], day[TIME_TEXT_BYTES];

		snprintf(since, sizeof since, "looked back to %s%s%s", old ? axis_time(c->requests.scanned_from_us, 3 * US_PER_DAY, frame->tz, day) : "",
		         old ? " " : "", time_format_clock(c->requests.scanned_from_us, frame->tz, from));
		draw_head(s, frame, title, since);
	}
	if (c->requests.row_count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "none: raw rows of this time may be gone");
	else if (s->height > 1)
		draw_rows(&cell_panel, state, frame, &table);
}

const struct panel cell_panel = {
	.name = "cell",
	.title = "requests of the cell",
	.help = "The single requests of the cell under the incident page's cursor, or all that it thinks bad: slowest, "
	        "dearest or newest first. s sorts by another column, t opens the trace.",
	.page = '6',
	.asks = ASK_INCIDENT | ASK_CELL,
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct cell_requests),
	.load = cell_load,
	.fini = cell_fini,
	.kept_size = sizeof(struct cell_kept),
	.kept_fini = cell_kept_fini,
	.draw = cell_draw,
	.rows = cell_rows,
	.row_trace = cell_row_trace,
};
