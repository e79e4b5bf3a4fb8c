/* The slowest single requests of the last minutes, from raw rows: the only panel besides the
 * feedback stream that is not made of rollups. The scan is bounded, whatever the window. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "panels/draw.h"
#include "panels/panels.h"

#define SCAN_WINDOW_US (5 * US_PER_MIN)
#define SCAN_ROWS 4000
#define TILE_ROWS 12
#define PAGE_ROWS 100

struct slowest {
	struct request_result requests;
	int64_t from_us;
};

static int slowest_load(const struct panel_query *query, void *state, struct err *err)
{
	struct slowest *l = state;
	struct request_query q = {.view = query->view, .sort = SORT_SLOWEST, .scan_limit = SCAN_ROWS};

	q.limit = query->form == PANEL_PAGE ? PAGE_ROWS : TILE_ROWS;
	if (q.view.from_us < query->now_us - SCAN_WINDOW_US)
		q.view.from_us = query->now_us - SCAN_WINDOW_US;
	l->from_us = q.view.from_us;
	if (query_requests(query->reader, &q, &l->requests, err) != 0)
		return -1;
	if (l->requests.truncated)
		l->from_us = l->requests.scanned_from_us;
	return 0;
}

static void slowest_fini(void *state)
{
	struct slowest *l = state;

	request_result_fini(&l->requests);
}

static const struct sheet_column slowest_columns[] = {
	{"latency_s", "LATENCY", 7, false, 0, false}, {"service", "SERVICE", 10, true, 0, false},
	{"deployment", "DEPL", 5, true, 3, false},    {"model", "MODEL", 9, true, 1, false},
	{"input_tokens", "tok in", 6, false, 2, false}, {"output_tokens", "out", 5, false, 2, false},
	{"cost_usd", "$", 7, false, 4, false},        {"error_type", "ERROR", 8, true, 5, false},
	{"id", "ID", 16, true, 6, false},
};

static struct value count_value(int64_t n)
{
	return n == UNKNOWN_INT ? value_unknown() : value_ok((double)n);
}

static void slowest_row(const struct request_row *from, struct sheet *out)
{
	const struct request *r = &from->request;
	struct value latency = count_value(r->latency_us);
	struct value cost = r->cost_source == COST_UNPRICED ? value_unknown()
	                                                    : value_ok((double)r->cost_nusd / 1e9);
	char text[FIGURE_TEXT_BYTES];
	struct sheet_row *row;

	snprintf(text, sizeof text, "%llx", (unsigned long long)from->id);
	row = sheet_add(out, str_of(text));
	sheet_set_text(out, row, 8, str_of(text));
	latency.number /= 1e6;
	sheet_set_value(out, row, 0, latency, figure_format(UNIT_SECONDS, latency, false, text));
	sheet_set_text(out, row, 1, r->dims[DIM_SERVICE]);
	sheet_set_text(out, row, 2, r->dims[DIM_DEPLOYMENT]);
	sheet_set_text(out, row, 3, r->dims[DIM_MODEL]);
	sheet_set_value(out, row, 4, count_value(r->input_tokens),
	                figure_format_bare(UNIT_COUNT, count_value(r->input_tokens), false, text));
	sheet_set_value(out, row, 5, count_value(r->output_tokens),
	                figure_format_bare(UNIT_COUNT, count_value(r->output_tokens), false, text));
	sheet_set_value(out, row, 6, cost, figure_format_bare(UNIT_USD, cost, false, text));
	sheet_set_text(out, row, 7, r->error_type);
}

static void slowest_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct slowest *l = state;

	(void)frame;
	sheet_set_columns(out, slowest_columns, 9);
	for (size_t i = 0; i < l->requests.row_count; i++)
		slowest_row(&l->requests.rows[i], out);
}

static bool slowest_row_trace(const void *state, struct str key, struct trace_pick *out)
{
	const struct slowest *l = state;
	char id[24];

	for (size_t i = 0; i < l->requests.row_count; i++) {
		const struct request_row *row = &l->requests.rows[i];

		snprintf(id, sizeof id, "%llx", (unsigned long long)row->id);
		if (str_equal_c(key, id))
			return trace_pick_of(row, out);
	}
	return false;
}

static void slowest_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct slowest *l = state;
	struct surface table = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	char since[TIME_TEXT_BYTES], title[64];

	snprintf(title, sizeof title, "slowest since %s",
	         time_format_clock(l->from_us, frame->tz, since));
	draw_head(s, frame, title, "");
	if (l->requests.row_count == 0)
		surface_text(s, 1, 1, ROLE_MUTED, "no raw requests there");
	else if (s->height > 1)
		draw_rows(&slowest_panel, state, frame, &table);
}

const struct panel slowest_panel = {
	.name = "slowest",
	.title = "slowest",
	.help = "The slowest single requests among the newest raw rows of the last five minutes. The head "
	        "says how far back it looked.",
	.page = '6',
	.pace_us = 10 * US_PER_S,
	.state_size = sizeof(struct slowest),
	.load = slowest_load,
	.fini = slowest_fini,
	.draw = slowest_draw,
	.rows = slowest_rows,
	.row_trace = slowest_row_trace,
};
