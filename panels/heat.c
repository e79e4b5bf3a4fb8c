/* The heat map of an incident: time to the right, a figure's bands (or error types, flag categories)
 * upwards, counts as a ramp of characters and colours, marks of what happened on the same axis. Bands that
 * do not fit are joined by twos and more; names that do not fit scroll. The cell under the cursor lives
 * in the ask, as times and a range, so that a new load or size finds it again. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "panels/draw.h"
#include "panels/incident.h"
#include "store/query_incidents.h"
#include "ui/bars.h"

#define BANDS_LEAST 7
#define BANDS_MOST 16
#define LABEL 9    /* columns left of the map */
#define COUNTS 7   /* columns right of it; twice as many where windows are compared */
#define CAUSE_US (30 * US_PER_MIN) /* a change so long before the trouble may be its cause */

struct heat {
	struct panel_ask ask;
	struct heat_result now, other;
	struct mark_result marks;
	struct incident_result incidents;
	bool has_other;
	bool failed_marks;
};

bool incident_other(const struct panel_ask *ask, const struct view *v, int64_t *from_us, int64_t *to_us)
{
	*from_us = ask->other_ago_us ? v->from_us - ask->other_ago_us : ask->other_from_us;
	*to_us = ask->other_ago_us ? v->to_us - ask->other_ago_us : ask->other_to_us;
	return *to_us > 0 && *to_us > *from_us;
}

static int heat_load(const struct panel_query *query, void *state, struct err *err)
{
	struct heat *h = state;
	struct view v = query->view, before;
	int bands;

	if (query->ask)
		h->ask = *query->ask;
	if (v.step_us <= 0)
		v.step_us = view_choose_step_us(v.from_us, v.to_us, 40);
	/* A map with more steps is on a larger screen: its proportions stay. */
	bands = (int)((v.to_us - v.from_us) / v.step_us / 4);
	bands = bands < BANDS_LEAST ? BANDS_LEAST : bands > BANDS_MOST ? BANDS_MOST : bands;
	if (query_heat(query->reader, (enum heat_kind)h->ask.heat, &v, bands, &h->now, err) != 0)
		return -1;
	before = v;
	if (h->ask.since_us && before.from_us > h->ask.since_us - CAUSE_US)
		before.from_us = h->ask.since_us - CAUSE_US;
	if (query_marks(query->reader, &before, &h->marks, err) != 0)
		return -1;
	if (h->ask.incident_id && query_incidents(query->reader, 0, &h->incidents, err) != 0)
		return -1;
	if (!incident_other(&h->ask, &query->view, &v.from_us, &v.to_us))
		return 0;
	h->has_other = true;
	return query_heat_like(query->reader, &h->now, &v, &h->other, err);
}

static void heat_fini(void *state)
{
	struct heat *h = state;

	heat_result_fini(&h->now);
	heat_result_fini(&h->other);
	mark_result_fini(&h->marks);
	incident_result_fini(&h->incidents);
}

/* ── geometry ──────────────────────────────────────────────────────────────────────────────── */

static bool has_names(const struct heat_result *r)
{
	return r->kind == HEAT_ERRORS || r->kind == HEAT_FLAGS;
}

/* The map's rows: row 0 at the foot is bands [0, joined), and so on; of names row 0 is at the top. */
struct grid {
	const struct heat_result *r;
	int joined, rows, first; /* first: the name in the top row */
	bool up;
};

static struct grid grid_of(const struct heat_result *r, int height, const struct panel_ask *ask)
{
	struct grid g = {.r = r, .joined = 1, .up = !has_names(r)};
	int bands = (int)r->band_count;

	height = height < 1 ? 1 : height;
	if (g.up)
		g.joined = (bands + height - 1) / height;
	g.joined = g.joined < 1 ? 1 : g.joined;
	g.rows = (bands + g.joined - 1) / g.joined;
	if (!g.up && g.rows > height) {
		g.rows = height;
		for (int i = 0; ask->cell_chosen && i < bands; i++) {
			const char *wanted = r->kind == HEAT_ERRORS ? ask->cell.error_type : ask->cell.flag;

			if (strcmp(r->bands[i].name, wanted) == 0 && i >= height)
				g.first = i - height + 1;
		}
	}
	return g;
}

static int64_t cell_count(const struct grid *g, int row, size_t step)
{
	int64_t count = 0;

	for (int b = row * g->joined + g->first; b < (row + 1) * g->joined + g->first && b < (int)g->r->band_count; b++)
		count += g->r->counts[(size_t)b * g->r->steps + step];
	return count;
}

static int64_t row_count(const struct grid *g, int row)
{
	int64_t count = 0;

	for (int b = row * g->joined + g->first; b < (row + 1) * g->joined + g->first && b < (int)g->r->band_count; b++)
		count += g->r->bands[b].count;
	return count;
}

/* The requests of a row in a step (SIZE_MAX: of all). */
static void choose(const struct grid *g, int row, size_t step, struct bad *out)
{
	int low = row * g->joined + g->first, high = (row + 1) * g->joined + g->first - 1;
	struct bad top;

	high = high < (int)g->r->band_count ? high : (int)g->r->band_count - 1;
	heat_cell(g->r, (size_t)low, step, out);
	if (high == low || !g->up)
		return;
	heat_cell(g->r, (size_t)high, step, &top);
	out->latency_us.high = top.latency_us.high;
	out->ttft_us.high = top.ttft_us.high;
	out->cost_nusd.high = top.cost_nusd.high;
}

static struct bad_range range_of(const struct heat_result *r, const struct bad *b)
{
	return r->kind == HEAT_COST ? b->cost_nusd : r->kind == HEAT_TTFT ? b->ttft_us : b->latency_us;
}

/* Where the ask's cell lies in this grid; false when it is not there. */
static bool find_cell(const struct grid *g, const struct panel_ask *ask, int *row, size_t *step)
{
	const struct heat_result *r = g->r;

	if (!ask->cell_chosen || ask->heat != (int)r->kind || r->steps == 0 || r->step_us <= 0)
		return false;
	if (ask->cell.from_us < r->from_us || ask->cell.from_us >= r->to_us)
		return false;
	*step = (size_t)((ask->cell.from_us - r->from_us) / r->step_us);
	for (*row = 0; *row < g->rows; (*row)++) {
		const struct heat_band *b = &r->bands[*row * g->joined + g->first];
		const struct heat_band *last = b;
		const char *name = r->kind == HEAT_ERRORS ? ask->cell.error_type : ask->cell.flag;

		if (!g->up && (strcmp(b->name, name) == 0 || (name[0] == '\0' && strcmp(b->name, "(other)") == 0)))
			return *step < r->steps;
		last += g->joined - 1;
		if (last > &r->bands[r->band_count - 1])
			last = &r->bands[r->band_count - 1];
		if (g->up && range_of(r, &ask->cell).low >= b->range.low && range_of(r, &ask->cell).low < last->range.high)
			return *step < r->steps;
	}
	return false;
}

/* ── the cursor ────────────────────────────────────────────────────────────────────────────── */

static int map_height(int height)
{
	return height - 4 > 0 ? height - 4 : 1; /* head, what changed, marks, axis */
}

/* The fullest cell among those that the page thinks bad: in the upper half, and after the trouble began. */
static void first_cell(const struct grid *g, const struct panel_ask *ask, int *row, size_t *step)
{
	int64_t most = -1;

	*row = 0;
	*step = g->r->steps ? g->r->steps - 1 : 0;
	for (int y = g->up ? g->rows / 2 : 0; y < g->rows; y++) {
		for (size_t x = 0; x < g->r->steps; x++) {
			int64_t at_us = g->r->from_us + (int64_t)x * g->r->step_us, count = cell_count(g, y, x);

			if (at_us + g->r->step_us <= ask->since_us || count < most || count == 0)
				continue;
			most = count;
			*row = y;
			*step = x;
		}
	}
}

bool incident_move(const void *state, struct panel_ask *ask, int height, int steps, int bands)
{
	const struct heat *h = state;
	struct grid g = grid_of(&h->now, map_height(height), ask);
	int row;
	size_t step;

	if (g.rows == 0 || h->now.steps == 0)
		return false;
	if (!find_cell(&g, ask, &row, &step)) {
		first_cell(&g, ask, &row, &step);
	} else {
		int64_t to = (int64_t)step + steps;

		if (!g.up) { /* names scroll: bands count from the top */
			row += g.first - bands;
			g.first = 0;
			row = row < 0 ? 0 : row >= (int)h->now.band_count ? (int)h->now.band_count - 1 : row;
		} else {
			row += bands;
			row = row < 0 ? 0 : row >= g.rows ? g.rows - 1 : row;
		}
		step = to < 0 ? 0 : to >= (int64_t)h->now.steps ? h->now.steps - 1 : (size_t)to;
	}
	choose(&g, row, step, &ask->cell);
	ask->cell_chosen = true;
	panel_ask_changed(ask, ASK_CELL);
	return true;
}

void incident_bad(const struct panel_ask *ask, int64_t p95, struct bad *out)
{
	double limit = ask->limit > 0 ? ask->limit : 0;

	if (ask->cell_chosen) {
		*out = ask->cell;
		return;
	}
	bad_init(out);
	switch ((enum heat_kind)ask->heat) {
	case HEAT_LATENCY: out->latency_us.low = limit > 0 ? (int64_t)(limit * 1e6) : p95 > 0 ? p95 : 1; break;
	case HEAT_TTFT: out->ttft_us.low = limit > 0 ? (int64_t)(limit * 1e6) : p95 > 0 ? p95 : 1; break;
	case HEAT_COST: out->cost_nusd.low = p95 > 0 ? p95 : 1; break;
	case HEAT_ERRORS: out->failed = true; break;
	default: out->flagged = true; break;
	}
	if (ask->since_us) {
		out->from_us = ask->since_us;
		out->to_us = ask->until_us ? ask->until_us : INT64_MAX;
	}
}

/* ── as rows ───────────────────────────────────────────────────────────────────────────────── */

/* "2s", "$0.01", "rate_limit": a band's name. */
static const char *band_text(const struct heat_result *r, size_t band, bool ascii, char out[FIGURE_TEXT_BYTES])
{
	const struct heat_band *b = &r->bands[band];

	if (has_names(r))
		return b->name[0] ? b->name : "unnamed";
	if (r->kind == HEAT_COST && b->label < 1000000) { /* under a tenth of a cent */
		snprintf(out, FIGURE_TEXT_BYTES, "$%.5f", (double)b->label / 1e9);
		return out;
	}
	if (r->kind == HEAT_COST)
		return figure_format(UNIT_USD, value_ok((double)b->label / 1e9), ascii, out);
	return figure_format(UNIT_SECONDS, value_ok((double)b->label / 1e6), ascii, out);
}

static const struct sheet_column heat_columns[] = {
	{"band", "BAND", 12, true, 0, false}, {"low", "from", 10, false, 0, false},
	{"requests", "n", 8, false, 0, false}, {"requests_other", "then", 8, false, 0, false},
};

static int64_t other_count(const struct heat *h, size_t band)
{
	const struct heat_band *b = &h->now.bands[band];

	for (size_t i = 0; i < h->other.band_count; i++) {
		const struct heat_band *o = &h->other.bands[i];

		if (has_names(&h->now) ? strcmp(o->name, b->name) == 0 : o->range.low == b->range.low)
			return o->count;
	}
	return 0;
}

static void heat_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct heat *h = state;
	char text[FIGURE_TEXT_BYTES];

	(void)frame;
	sheet_set_columns(out, heat_columns, 4);
	for (size_t i = 0; i < h->now.band_count; i++) {
		const struct heat_band *b = &h->now.bands[i];
		struct sheet_row *row = sheet_add(out, str_of(band_text(&h->now, i, true, text)));
		struct value low = has_names(&h->now) ? value_unknown() : value_ok((double)b->range.low);
		struct value other = h->has_other ? value_ok((double)other_count(h, i)) : value_unknown();

		sheet_set_text(out, row, 0, str_of(band_text(&h->now, i, true, text)));
		sheet_set_value(out, row, 1, low, figure_format_bare(UNIT_COUNT, low, true, text));
		sheet_set_value(out, row, 2, value_ok((double)b->count), count_format((double)b->count, text));
		sheet_set_value(out, row, 3, other, figure_format_bare(UNIT_COUNT, other, true, text));
	}
}

/* ── drawing ───────────────────────────────────────────────────────────────────────────────── */

struct picture {
	const struct heat *h;
	const struct panel_frame *frame;
	struct surface *s;
	struct grid grid;
	int x, top, wide; /* of the map; columns a step */
	size_t skip;      /* steps that do not fit, at the left */
	bool has_cell;
	int row;          /* of the cursor */
	size_t step;
	double hottest;
};

static int screen_row(const struct picture *p, int row)
{
	return p->top + (p->grid.up ? p->grid.rows - 1 - row : row);
}

static int column_of(const struct picture *p, int64_t at_us)
{
	const struct heat_result *r = p->grid.r;
	int64_t step = (at_us - r->from_us) / r->step_us;

	if (at_us < r->from_us || step >= (int64_t)r->steps || step < (int64_t)p->skip)
		return -1;
	return p->x + (int)(step - (int64_t)p->skip) * p->wide;
}

static void draw_row(const struct picture *p, int row)
{
	const struct heat_result *r = p->grid.r;
	int y = screen_row(p, row), x = p->x;
	bool here = p->has_cell && p->row == row;
	char text[FIGURE_TEXT_BYTES], change[FIGURE_TEXT_BYTES];
	style label = here ? ROLE_TITLE | STYLE_BOLD : ROLE_MUTED;
	int64_t count = row_count(&p->grid, row), other = 0;

	if (has_names(r))
		surface_outside(p->s, 1, y, LABEL - 2, label, str_of(band_text(r, (size_t)row + (size_t)p->grid.first, p->s->ascii, text)));
	else
		draw_right(p->s, 0, y, LABEL - 1, label, row == 0 ? "less" : band_text(r, (size_t)row * (size_t)p->grid.joined, p->s->ascii, text));
	surface_put(p->s, LABEL - 1, y, p->s->ascii ? '|' : 0x2502, ROLE_BORDER);
	for (size_t step = p->skip; step < r->steps; step++, x += p->wide) {
		double value = (double)cell_count(&p->grid, row, step);

		for (int i = 0; i < p->wide; i++)
			heat_draw(p->s, x + i, y, 1, &value, 1, p->hottest, true);
		if (here && p->step == step)
			surface_restyle(p->s, (struct rect){x, y, p->wide, 1}, ROLE_CURSOR | STYLE_REVERSE);
	}
	surface_put(p->s, x, y, p->s->ascii ? '|' : 0x2502, ROLE_BORDER);
	if (p->frame->stale)
		surface_restyle(p->s, (struct rect){p->x, y, x - p->x, 1}, ROLE_STALE);
	draw_right(p->s, x + 1, y, 6, ROLE_TEXT, count ? count_format((double)count, text) : "");
	if (!p->h->has_other)
		return;
	for (int b = row * p->grid.joined + p->grid.first; b < (row + 1) * p->grid.joined + p->grid.first && b < (int)r->band_count; b++)
		other += other_count(p->h, (size_t)b);
	if (count + other > 0)
		draw_right(p->s, x + 7, y, 7, change_style(1, value_ok((double)count), value_ok((double)other)),
		           change_format(UNIT_COUNT, value_ok((double)count), value_ok((double)other), p->s->ascii, change));
}

/* What weighs more where several happened in one step. */
static int rank_of(const struct mark *m)
{
	static const int ranks[MARK_KINDS] = {
		[MARK_DEPLOY] = 8, [MARK_WEIGHTS] = 7, [MARK_CONFIG] = 6, [MARK_ALERT] = 5, [MARK_BUDGET] = 4,
		[MARK_ACTION] = 3, [MARK_INCIDENT] = 2, [MARK_ACK] = 1,
	};

	return ranks[m->kind];
}

static style mark_style(const struct mark *m)
{
	if (m->kind == MARK_ALERT || m->kind == MARK_BUDGET)
		return m->severity == SEVERITY_CRITICAL ? ROLE_CRITICAL : ROLE_WARNING;
	return m->kind == MARK_DEPLOY || m->kind == MARK_WEIGHTS || m->kind == MARK_CONFIG ? ROLE_ACCENT | STYLE_BOLD : ROLE_MUTED;
}

static void draw_marks(const struct picture *p, int y)
{
	static const char letters[MARK_KINDS] = {
		[MARK_DEPLOY] = 'D', [MARK_WEIGHTS] = 'W', [MARK_CONFIG] = 'C', [MARK_ALERT] = 'A',
		[MARK_ACK] = 'a', [MARK_BUDGET] = 'B', [MARK_INCIDENT] = 'I', [MARK_ACTION] = 'x',
	};
	const struct mark_result *marks = &p->h->marks;

	draw_right(p->s, 0, y, LABEL - 1, ROLE_MUTED, "marks");
	for (size_t i = 0; i < marks->row_count; i++) {
		const struct mark *m = &marks->rows[i];
		int x = column_of(p, m->time_us);
		bool lighter = false;

		for (size_t k = 0; k < marks->row_count; k++)
			lighter |= k != i && column_of(p, marks->rows[k].time_us) == x && rank_of(&marks->rows[k]) > rank_of(m);
		if (x >= 0 && !lighter)
			surface_put(p->s, x, y, (uint32_t)(unsigned char)letters[m->kind], mark_style(m));
	}
}

static void draw_axis(const struct picture *p, int y)
{
	const struct heat_result *r = p->grid.r;
	int64_t from_us = r->from_us + (int64_t)p->skip * r->step_us, span_us = r->to_us - from_us;
	int width = (int)(r->steps - p->skip) * p->wide, each = 12;
	char text[TIME_TEXT_BYTES];

	for (int x = 0; x + 5 <= width + 2; x += each) {
		int64_t at_us = from_us + (int64_t)(x / p->wide) * r->step_us;

		surface_text(p->s, p->x + x, y, ROLE_MUTED, axis_time(at_us, span_us, p->frame->tz, text));
	}
}

/* The change that came last before the trouble began; without a beginning the last one there was. */
static const struct mark *likely_cause(const struct heat *h)
{
	const struct mark *found = NULL;

	for (size_t i = 0; i < h->marks.row_count; i++) {
		const struct mark *m = &h->marks.rows[i];
		bool change = m->kind == MARK_DEPLOY || m->kind == MARK_WEIGHTS || m->kind == MARK_CONFIG;

		if (change && (!h->ask.since_us || (m->time_us <= h->ask.since_us + US_PER_MIN && m->time_us > h->ask.since_us - CAUSE_US)))
			found = m;
	}
	return found;
}

/* "deploy v43 at 13:11:20, 1m before it began" */
static void draw_cause(const struct picture *p, int y)
{
	const struct heat *h = p->h;
	const struct mark *m = likely_cause(h);
	char text[TIME_TEXT_BYTES], age[TIME_TEXT_BYTES];
	int x = 1;

	for (size_t i = 0; i < h->incidents.row_count; i++) {
		const struct incident *in = &h->incidents.rows[i];
		char name[INCIDENT_NAME_BYTES];

		if (in->id != h->ask.incident_id)
			continue;
		x += surface_printf(p->s, x, y, ROLE_TITLE | STYLE_BOLD, "%s %s ", incident_name(in->id, name), incident_state_name(in->state));
		x += surface_outside(p->s, x, y, 16, ROLE_TEXT, str_of(in->owner[0] ? in->owner : "nobody's")) + 2;
	}
	if (h->ask.since_us && (!m || p->s->width >= 76))
		x += surface_printf(p->s, x, y, ROLE_TEXT, "since %s  ", time_format_clock(h->ask.since_us, p->frame->tz, text));
	if (!m) {
		surface_text(p->s, x, y, ROLE_MUTED, h->ask.since_us ? "nothing is known to have changed before" : "no change is known in this window");
		return;
	}
	x += surface_printf(p->s, x, y, mark_style(m), "%s ", mark_kind_name(m->kind));
	x += surface_outside(p->s, x, y, 24, ROLE_TITLE | STYLE_BOLD, str_of(m->name));
	x += surface_printf(p->s, x, y, ROLE_TEXT, " at %s", time_format_clock(m->time_us, p->frame->tz, text));
	if (h->ask.since_us && m->time_us <= h->ask.since_us)
		x += surface_printf(p->s, x, y, ROLE_WARNING, " %s %s before", p->s->ascii ? "<" : "◀",
		                    duration_format((h->ask.since_us - m->time_us) / US_PER_S * US_PER_S, age));
	if (m->text[0])
		surface_outside(p->s, x + 2, y, p->s->width - x - 3, ROLE_MUTED, str_of(m->text));
}

/* "cell 13:19 4s: 61" at the right of the head. */
static void cell_text(const struct picture *p, char *out, size_t cap)
{
	const struct heat_result *r = p->grid.r;
	char clock[TIME_TEXT_BYTES], count[FIGURE_TEXT_BYTES], band[FIGURE_TEXT_BYTES];

	if (!p->has_cell) {
		snprintf(out, cap, "%s", "h/l j/k choose a cell  b figure");
		return;
	}
	time_format_clock(r->from_us + (int64_t)p->step * r->step_us, p->frame->tz, clock);
	snprintf(out, cap, "cell %.8s %.24s: %s", clock,
	         p->row == 0 && p->grid.up ? "less" : band_text(r, (size_t)p->row * (size_t)p->grid.joined + (size_t)p->grid.first, p->s->ascii, band),
	         count_format((double)cell_count(&p->grid, p->row, p->step), count));
}

static void draw_title(const struct picture *p)
{
	const struct heat_result *r = p->grid.r;
	char title[160], right[120], n[FIGURE_TEXT_BYTES], then[FIGURE_TEXT_BYTES];
	int len = snprintf(title, sizeof title, "%s  %s", heat_kind_name(r->kind), count_format((double)r->total, n));

	if (p->h->has_other)
		len += snprintf(title + len, sizeof title - (size_t)len, " (then %s)", count_format((double)p->h->other.total, then));
	if (r->requests > r->total && !has_names(r) && p->s->width >= 60)
		snprintf(title + len, sizeof title - (size_t)len, ", %s tell none", count_format((double)(r->requests - r->total), n));
	cell_text(p, right, sizeof right);
	draw_head(p->s, p->frame, title, right);
}

static void heat_draw_panel(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct heat *h = state;
	const struct panel_ask *ask = frame->ask ? frame->ask : &h->ask;
	struct picture p = {.h = h, .frame = frame, .s = s, .x = LABEL, .top = 2, .wide = 1};
	int room = s->width - LABEL - 1 - (h->has_other ? 2 * COUNTS : COUNTS);

	p.grid = grid_of(&h->now, map_height(s->height), ask);
	if (room < 8)
		room = s->width - LABEL - 1;
	if (h->now.steps > 0 && room > 0) {
		p.wide = room / (int)h->now.steps > 4 ? 4 : room / (int)h->now.steps > 1 ? room / (int)h->now.steps : 1;
		p.skip = (int)h->now.steps > room ? h->now.steps - (size_t)room : 0;
	}
	p.has_cell = find_cell(&p.grid, ask, &p.row, &p.step);
	draw_title(&p);
	if (s->height > 1)
		draw_cause(&p, 1);
	if (h->now.total == 0 || room < 1) {
		surface_text(s, 1, 2, ROLE_MUTED, h->now.kind == HEAT_ERRORS ? "no errors in this window" : h->now.kind == HEAT_FLAGS ? "no flags in this window"
		                                                                                            : "no request tells this in the window");
		return;
	}
	for (int row = 0; row < p.grid.rows; row++) {
		for (size_t step = 0; step < h->now.steps; step++) {
			double count = (double)cell_count(&p.grid, row, step);

			p.hottest = count > p.hottest ? count : p.hottest;
		}
	}
	for (int row = 0; row < p.grid.rows; row++)
		draw_row(&p, row);
	draw_marks(&p, p.top + p.grid.rows);
	draw_axis(&p, p.top + p.grid.rows + 1);
}

const struct panel incident_panel = {
	.name = "incident",
	.title = "incident",
	.help = "What changed: how many requests there were by time and latency (b: first token, cost, errors, flags), "
	        "with marks on the same axis: D deploy, W weights, C config, A alert, B budget, I incident, a ack, "
	        "x action. h l j k choose a cell; suspects, requests and trace follow it, Esc lets it go. = compares "
	        "with the time before, yesterday, last week and a pinned window (:pin), w shows both beside each other. Counts are those of the latency panel.",
	.page = '6',
	.asks = ASK_INCIDENT,
	.state_size = sizeof(struct heat),
	.load = heat_load,
	.fini = heat_fini,
	.draw = heat_draw_panel,
	.rows = heat_rows,
};
