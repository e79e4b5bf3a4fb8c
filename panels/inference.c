/* What model servers and gateways say of themselves: one row a server and model, from the gauges that
 * a scrape stored under canonical names (core/serving.h). What a server does not tell stays unknown;
 * quantiles from histogram buckets are estimates. The charts below the table are those of the row
 * under the cursor. */
#include "panels/inference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/serving.h"
#include "panels/draw.h"
#include "panels/panels.h"
#include "ui/bars.h"
#include "ui/chart.h"

#define FRESH_US (60 * US_PER_S)   /* an older sample is shown as stale */
#define GONE_US (15 * US_PER_MIN)  /* and one older than this is no word on now */

struct server {
	const char *source, *instance; /* borrowed from the gauges */
	const struct gauge_series *series[SERVING_COUNT]; /* NULL: never told in this window */
};
struct inference {
	struct gauge_result gauges;
	struct server *servers;
	size_t server_count, server_cap;
	int64_t now_us;
};

static struct server *server_for(struct inference *f, const struct gauge_series *g)
{
	struct server *s;

	for (size_t i = 0; i < f->server_count; i++) {
		if (strcmp(f->servers[i].source, g->source) == 0 &&
		    strcmp(f->servers[i].instance, g->instance) == 0)
			return &f->servers[i];
	}
	f->servers = mem_grow(f->servers, &f->server_cap, f->server_count + 1, sizeof *f->servers);
	s = &f->servers[f->server_count++];
	*s = (struct server){.source = g->source, .instance = g->instance};
	return s;
}

static int by_name(const void *a, const void *b)
{
	const struct server *x = a, *y = b;
	int order = strcmp(x->source, y->source);

	return order ? order : strcmp(x->instance, y->instance);
}

static int inference_load(const struct panel_query *query, void *state, struct err *err)
{
	struct inference *f = state;

	f->now_us = query->now_us > query->view.to_us ? query->view.to_us : query->now_us;
	if (query_gauges(query->reader, STR_LIT("serving."), query->view.from_us, query->view.to_us,
	                 query->view.step_us, &f->gauges, err) != 0)
		return -1;
	for (size_t i = 0; i < f->gauges.series_count; i++) {
		const struct gauge_series *g = &f->gauges.series[i];
		enum serving_metric m;

		if (serving_from_name(str_of(g->name), &m))
			server_for(f, g)->series[m] = g;
	}
	if (f->server_count > 1)
		qsort(f->servers, f->server_count, sizeof *f->servers, by_name);
	return 0;
}

static void inference_fini(void *state)
{
	struct inference *f = state;

	gauge_result_fini(&f->gauges);
	free(f->servers);
}

bool inference_has_servers(const void *state)
{
	const struct inference *f = state;

	return f->server_count > 0;
}

static enum metric_unit unit_of(enum serving_metric m)
{
	static const enum metric_unit units[] = {
		[SERVING_UNIT_COUNT] = UNIT_COUNT, [SERVING_UNIT_SHARE] = UNIT_SHARE,
		[SERVING_UNIT_PER_SECOND] = UNIT_PER_SECOND, [SERVING_UNIT_SECONDS] = UNIT_SECONDS,
		[SERVING_UNIT_USD] = UNIT_USD, [SERVING_UNIT_USD_PER_HOUR] = UNIT_USD_PER_HOUR,
	};

	return units[serving_metrics[m].unit];
}

/* The newest sample of the window, as old as it may be. */
static struct value newest(const struct inference *f, const struct server *s, enum serving_metric m)
{
	const struct gauge_series *g = s->series[m];

	for (size_t i = g ? g->steps : 0; i-- > 0;) {
		int64_t until = f->gauges.from_us + ((int64_t)i + 1) * f->gauges.step_us;

		if (isnan(g->last[i]))
			continue;
		if (f->now_us - until > GONE_US)
			break;
		return (struct value){g->last[i], f->now_us - until > FRESH_US      ? QUALITY_STALE
		                                  : serving_metrics[m].estimate ? QUALITY_ESTIMATE
		                                                                : QUALITY_OK};
	}
	return value_unknown();
}

/* What a row shows, most telling first. */
static const struct {
	enum serving_metric metric;
	struct sheet_column column;
} shown[] = {
	{SERVING_RUNNING, {"requests_running", "run", 5, false, 0, false}},
	{SERVING_WAITING, {"requests_waiting", "wait", 5, false, 0, false}},
	{SERVING_KV_CACHE, {"kv_cache_usage", "KV%", 5, false, 0, false}},
	{SERVING_PREFIX_HIT_SHARE, {"prefix_cache_hit_share", "hit%", 5, false, 2, false}},
	{SERVING_PREEMPTION_RATE, {"preemptions_per_second", "preem/s", 7, false, 3, false}},
	{SERVING_TTFT_P95, {"ttft_p95_s", "ttft95", 7, false, 0, false}},
	{SERVING_INTER_TOKEN_P95, {"inter_token_p95_s", "itl95", 7, false, 1, false}},
	{SERVING_INPUT_TOKEN_RATE, {"input_tokens_per_second", "in/s", 6, false, 2, false}},
	{SERVING_OUTPUT_TOKEN_RATE, {"output_tokens_per_second", "out/s", 6, false, 0, false}},
	{SERVING_FAILURE_RATE, {"failures_per_second", "fail/s", 6, false, 4, false}},
	{SERVING_REMAINING_REQUESTS, {"remaining_requests", "req left", 8, false, 4, false}},
	{SERVING_REMAINING_TOKENS, {"remaining_tokens", "tok left", 8, false, 4, false}},
};
#define SHOWN_COUNT ((int)(sizeof shown / sizeof *shown))

/* Waiting requests, or a cache that is nearly full, are how a server says that it is at its end. */
static enum row_state server_state(const struct inference *f, const struct server *s)
{
	struct value waiting = newest(f, s, SERVING_WAITING), running = newest(f, s, SERVING_RUNNING);
	struct value kv = newest(f, s, SERVING_KV_CACHE), down = newest(f, s, SERVING_DEPLOYMENT_STATE);

	if (value_known(down) && down.number >= 2)
		return ROW_CRITICAL;
	if ((value_known(down) && down.number >= 1) || (value_known(kv) && kv.number >= 0.95) ||
	    (value_known(waiting) && value_known(running) && waiting.number > running.number &&
	     waiting.number >= 1))
		return ROW_WARNING;
	for (int m = 0; m < SERVING_COUNT; m++) {
		struct value v = newest(f, s, (enum serving_metric)m);

		if (value_known(v) && v.quality != QUALITY_STALE)
			return ROW_OK;
	}
	return ROW_PLAIN;
}

static void inference_rows(const void *state, const struct panel_frame *frame, struct sheet *out)
{
	const struct inference *f = state;
	struct sheet_column columns[SHEET_COLUMNS_MAX] = {{"server", "SERVER", 10, true, 0, false},
	                                                  {"model", "MODEL", 10, true, 0, false}};
	char text[FIGURE_TEXT_BYTES];

	(void)frame;
	for (int c = 0; c < SHOWN_COUNT; c++)
		columns[c + 2] = shown[c].column;
	sheet_set_columns(out, columns, SHOWN_COUNT + 2);
	out->marked = true;
	for (size_t i = 0; i < f->server_count; i++) {
		const struct server *s = &f->servers[i];
		char key[TABLE_KEY_BYTES];
		struct sheet_row *row;

		snprintf(key, sizeof key, "%s\n%s", s->source, s->instance);
		row = sheet_add(out, str_of(key));
		row->state = server_state(f, s);
		sheet_set_text(out, row, 0, str_of(s->source));
		sheet_set_text(out, row, 1, s->instance[0] ? str_of(s->instance) : STR_LIT("(all)"));
		for (int c = 0; c < SHOWN_COUNT; c++) {
			struct value v = newest(f, s, shown[c].metric);

			sheet_set_value(out, row, c + 2, v,
			                figure_format_bare(unit_of(shown[c].metric), v, false, text));
			if (v.quality == QUALITY_STALE)
				row->cells[c + 2].style = ROLE_STALE;
		}
	}
}

/* ── the charts of one server ──────────────────────────────────────────────────────────────── */

#define PICTURE_LINES 3
struct picture {
	const char *title;
	struct {
		enum serving_metric metric;
		enum role role;
		const char *name;
	} lines[PICTURE_LINES];
	int count;
};
static const struct picture pictures[] = {
	{"requests", {{SERVING_RUNNING, ROLE_SERIES1, "run"}, {SERVING_WAITING, ROLE_SERIES5, "wait"}}, 2},
	{"cache", {{SERVING_KV_CACHE, ROLE_SERIES4, "KV"}, {SERVING_PREFIX_HIT_SHARE, ROLE_SERIES2, "hits"}}, 2},
	{"ttft", {{SERVING_TTFT_P95, ROLE_SERIES1, "p95"}, {SERVING_TTFT_P50, ROLE_SERIES2, "p50"},
	          {SERVING_TTFT_P99, ROLE_SERIES4, "p99"}}, 3},
	{"tokens/s", {{SERVING_OUTPUT_TOKEN_RATE, ROLE_SERIES3, "out"},
	              {SERVING_INPUT_TOKEN_RATE, ROLE_SERIES2, "in"}}, 2},
	{"inter-token", {{SERVING_INTER_TOKEN_P95, ROLE_SERIES1, "p95"},
	                 {SERVING_INTER_TOKEN_P50, ROLE_SERIES2, "p50"}}, 2},
	{"preemptions and failures /s", {{SERVING_PREEMPTION_RATE, ROLE_SERIES6, "preem"},
	                                 {SERVING_FAILURE_RATE, ROLE_SERIES5, "fail"}}, 2},
};
#define PICTURES ((int)(sizeof pictures / sizeof *pictures))

/* "run 12  wait 3": the lines' newest values in their colours. */
static void draw_picture_head(const struct inference *f, const struct server *server,
                              const struct picture *p, const struct panel_frame *frame, struct surface *s)
{
	char text[FIGURE_TEXT_BYTES];
	int x = 1;

	surface_rule(s, 0, ROLE_BORDER, NULL, NULL);
	x += surface_printf(s, x, 0, ROLE_TITLE, "%s", p->title);
	for (int i = 0; i < p->count; i++) {
		struct value v = newest(f, server, p->lines[i].metric);

		x += surface_printf(s, x, 0, frame->stale ? ROLE_STALE : (style)p->lines[i].role, " %s",
		                    p->lines[i].name);
		x += surface_printf(s, x, 0, figure_style(frame, v), " %s",
		                    figure_format(unit_of(p->lines[i].metric), v, s->ascii, text));
	}
	surface_text(s, x, 0, ROLE_TEXT, " ");
}

static void draw_picture(const struct inference *f, const struct server *server,
                         const struct picture *p, const struct panel_frame *frame, struct surface *s)
{
	static const char marks[PICTURE_LINES] = "*+o";
	struct surface plot = surface_part(s, (struct rect){0, 1, s->width, s->height - 1});
	struct chart_series series[PICTURE_LINES];
	size_t count = 0;

	draw_picture_head(f, server, p, frame, s);
	for (int i = 0; i < p->count; i++) {
		const struct gauge_series *g = server->series[p->lines[i].metric];

		if (g)
			series[count++] = (struct chart_series){g->mean, g->steps,
			                                        frame->stale ? ROLE_STALE : (style)p->lines[i].role,
			                                        p->lines[i].name, marks[i]};
	}
	if (count == 0)
		surface_text(&plot, 1, 0, ROLE_MUTED, "this server does not tell");
	else
		draw_numbers(&plot, frame, unit_of(p->lines[0].metric), f->gauges.from_us, f->gauges.to_us,
		             f->gauges.step_us, series, count, NULL);
}

/* As many pictures as have room for a plot: 2 × 2, 2 × 3 or 3 × 2. */
static void draw_pictures(const struct inference *f, const struct server *server,
                          const struct panel_frame *frame, struct surface *s)
{
	int across = s->width >= 150 ? 3 : s->width >= 64 ? 2 : 1;
	int down = s->height / across >= 7 && s->height >= 18 && across < 3 ? 3 : s->height >= 10 ? 2 : 1;

	for (int i = 0; i < PICTURES && i < across * down; i++) {
		int x0 = s->width * (i % across) / across, x1 = s->width * (i % across + 1) / across;
		int y0 = s->height * (i / across) / down, y1 = s->height * (i / across + 1) / down;
		struct surface part = surface_part(s, (struct rect){x0, y0, x1 - x0 - 1, y1 - y0});

		if (part.height > 2)
			draw_picture(f, server, &pictures[i], frame, &part);
	}
}

/* The server under the cursor, else the first. */
static const struct server *chosen(const struct inference *f, const struct panel_frame *frame)
{
	struct str rest = str_of(frame->ui->table.cursor_key), source = str_cut(&rest, '\n');

	for (size_t i = 0; i < f->server_count; i++) {
		if (str_equal_c(source, f->servers[i].source) && str_equal_c(rest, f->servers[i].instance))
			return &f->servers[i];
	}
	return f->server_count ? &f->servers[0] : NULL;
}

static void draw_page(const struct inference *f, const struct panel_frame *frame, struct surface *s)
{
	const struct server *server = chosen(f, frame);
	int rows = (int)f->server_count + 1, most = s->height > 18 ? s->height / 3 : s->height / 2;
	struct surface table, below;

	rows = rows > most ? most : rows;
	if (s->height < 8)
		rows = s->height - 1;
	table = surface_part(s, (struct rect){0, 1, s->width, rows});
	below = surface_part(s, (struct rect){0, rows + 2, s->width, s->height - rows - 2});
	draw_rows(&inference_panel, f, frame, &table);
	if (!server || below.height < 3)
		return;
	surface_rule(s, rows + 1, ROLE_BORDER, NULL, NULL);
	surface_outside(s, 1, rows + 1, s->width - 3, ROLE_HEADER, str_of(server->source));
	surface_outside(s, 2 + (int)strlen(server->source), rows + 1,
	                s->width - 4 - (int)strlen(server->source), ROLE_TEXT, str_of(server->instance));
	draw_pictures(f, server, frame, &below);
}

/* "vllm-a llama-70b  run 12 wait 3  KV 71% ▁▂▃▅" */
static void draw_tile_row(const struct inference *f, const struct server *server,
                          const struct panel_frame *frame, struct surface *s, int y)
{
	static const enum serving_metric told[] = {SERVING_RUNNING, SERVING_WAITING, SERVING_KV_CACHE,
	                                           SERVING_TTFT_P95, SERVING_OUTPUT_TOKEN_RATE};
	static const int widths[] = {5, 5, 7, 8, 8};
	static const enum state states[] = {STATE_UNKNOWN, STATE_OK, STATE_WARNING, STATE_CRITICAL};
	enum state state = states[server_state(f, server)];
	const struct gauge_series *history = server->series[SERVING_RUNNING];
	char text[FIGURE_TEXT_BYTES];
	int x = 3, name = s->width >= 60 ? 20 : 10;

	surface_put(s, 1, y, state_mark(state, s->ascii), state_style(state));
	surface_outside(s, x, y, name, frame->stale ? ROLE_STALE : ROLE_TEXT,
	                str_of(server->instance[0] ? server->instance : server->source));
	x += name;
	for (int i = 0; i < 5 && x + widths[i] <= s->width; i++) {
		struct value v = newest(f, server, told[i]);

		draw_right(s, x, y, widths[i], figure_style(frame, v),
		           figure_format(unit_of(told[i]), v, s->ascii, text));
		x += widths[i];
	}
	if (history && s->width - x > 6)
		draw_values(s, x + 1, y, s->width - x - 2, history->mean, history->steps,
		            f->gauges.step_us > 0 ? f->gauges.from_us / f->gauges.step_us : 0, ROLE_SERIES1);
}

static void draw_tile(const struct inference *f, const struct panel_frame *frame, struct surface *s)
{
	int name = s->width >= 60 ? 20 : 10;

	if (s->height > 2)
		surface_printf(s, 3 + name, 1, ROLE_HEADER, "%5s%5s%7s%8s%8s", "run", "wait", "KV", "ttft95", "out/s");
	for (size_t i = 0; i < f->server_count && (int)i + 2 < s->height; i++)
		draw_tile_row(f, &f->servers[i], frame, s, (int)i + 2);
}

static void inference_draw(const void *state, const struct panel_frame *frame, struct surface *s)
{
	const struct inference *f = state;
	char title[60];

	snprintf(title, sizeof title, "inference %zu", f->server_count);
	draw_head(s, frame, title, frame->form == PANEL_PAGE ? "~ estimated from buckets" : "");
	if (f->server_count == 0) {
		surface_text(s, 1, 1, ROLE_MUTED, "no server has told anything in this window");
		surface_text(s, 1, 2, ROLE_MUTED, "add a source of kind prometheus, or run llmdeck -e URL");
	} else if (frame->form == PANEL_PAGE) {
		draw_page(f, frame, s);
	} else {
		draw_tile(f, frame, s);
	}
}

const struct panel inference_panel = {
	.name = "inference",
	.title = "inference",
	.help = "What model servers and gateways say on their metrics pages, one row a server and model: "
	        "requests running and waiting, how full the KV cache is, prefix-cache hits, preemptions, time "
	        "to first token and between tokens, tokens a second in and out, and how much of a rate limit "
	        "is left where replies told. Quantiles come from histogram buckets and are estimates (~); "
	        "what a server does not tell is –. A row is marked when more requests wait than run, when the "
	        "cache is over 95 % full, or when a gateway calls its deployment down. The charts belong to "
	        "the row under the cursor.",
	.page = '5',
	.pace_us = 5 * US_PER_S,
	.state_size = sizeof(struct inference),
	.load = inference_load,
	.fini = inference_fini,
	.draw = inference_draw,
	.rows = inference_rows,
};
