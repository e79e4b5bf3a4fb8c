/* The incident page, the waterfall and the page for SQL over a small store with known content: a canary
 * that turns slow eight minutes ago, an agent's trace with everything that can be odd about one, names from
 * outside that try to move the cursor. Pictures are compared with tests/golden; UPDATE=1 writes them anew. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "console/frame.h"
#include "console/loader.h"
#include "console/tiles.h"
#include "panels/error_facts.h"
#include "panels/incident.h"
#include "panels/panels.h"
#include "panels/query.h"
#include "panels/waterfall.h"
#include "store/incidents.h"
#include "store/writer.h"
#include "ui/theme.h"
#include "unit/golden.h"

/* 2026-11-23T13:21:30Z */
#define NOW_US INT64_C(1795440090000000)
#define MINUTES 30
#define SINCE_US (NOW_US - 8 * US_PER_MIN)
#define HOSTILE "\x1b[2J\xe2\x80\xae" "evil\r\n\xff"

static char folder[64], path[96];
static struct store_reader *reader;
static struct deck deck;
static struct layout layout;

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

static void add_request(struct batch *b, int64_t end_us, uint32_t *seed, bool bad)
{
	static const struct flag flag = {{"jailbreak", 9}, 4, FLAG_BLOCKED};
	struct request *r = batch_add_request(b);
	bool candidate = noise(seed) % 4 == 0, slow = bad && candidate;

	r->end_us = end_us;
	r->latency_us = (400 + (int64_t)(noise(seed) % 1600)) * (slow ? 4 : 1) * US_PER_MS;
	r->ttft_us = r->latency_us / 5;
	r->dims[DIM_SERVICE] = STR_LIT("checkout");
	r->dims[DIM_ENVIRONMENT] = STR_LIT("prod");
	r->dims[DIM_DEPLOYMENT] = candidate ? STR_LIT("v43") : STR_LIT("v42");
	r->dims[DIM_PROVIDER] = STR_LIT("openai");
	r->dims[DIM_MODEL] = noise(seed) % 3 ? STR_LIT("gpt-large") : STR_LIT("gpt-small");
	r->dims[DIM_REGION] = noise(seed) % 2 ? STR_LIT("eu-west-1") : STR_LIT("us-east-1");
	r->input_tokens = 300 + noise(seed) % 2000;
	r->output_tokens = 40 + noise(seed) % 300;
	r->cost_source = COST_INFERRED;
	r->cost_nusd = (r->input_tokens * 3 + r->output_tokens * 15) * 1000 * (slow ? 3 : 1);
	if (noise(seed) % (slow ? 8 : 60) == 0) {
		r->status = REQUEST_ERROR;
		r->error_type = noise(seed) % 3 ? STR_LIT("timeout") : STR_LIT("rate_limit");
	}
	if (noise(seed) % 100 == 0) {
		r->flags = &flag;
		r->flag_count = 1;
	}
	r->source = STR_LIT("test");
}

/* ── the agent's trace ─────────────────────────────────────────────────────────────────────── */

static const uint8_t trace_id[16] = {0x7b, 0xe1, 0xc4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

static struct span *add_span(struct batch *b, uint8_t id, uint8_t parent, int from_ms, int to_ms, enum span_kind kind, const char *name)
{
	struct span *s = batch_add_span(b);

	s->start_us = NOW_US - 60 * US_PER_S + from_ms * US_PER_MS;
	s->end_us = NOW_US - 60 * US_PER_S + to_ms * US_PER_MS;
	memcpy(s->trace_id, trace_id, sizeof s->trace_id);
	memset(s->span_id, id, sizeof s->span_id);
	memset(s->parent_id, parent, sizeof s->parent_id);
	s->has_parent = parent != 0;
	s->kind = (uint8_t)kind;
	s->name = str_of(name);
	s->service = STR_LIT("checkout");
	return s;
}

static void add_call(struct batch *b, uint8_t id, uint8_t parent, int from_ms, int to_ms, int ttft_ms, const char *operation)
{
	struct request *r = batch_add_request(b);

	r->end_us = NOW_US - 60 * US_PER_S + to_ms * US_PER_MS;
	r->latency_us = (to_ms - from_ms) * US_PER_MS;
	r->ttft_us = ttft_ms ? ttft_ms * US_PER_MS : UNKNOWN_INT;
	r->has_trace = r->has_span = r->has_parent = true;
	memcpy(r->trace_id, trace_id, sizeof r->trace_id);
	memset(r->span_id, id, sizeof r->span_id);
	memset(r->parent_id, parent, sizeof r->parent_id);
	r->dims[DIM_SERVICE] = STR_LIT("checkout");
	r->dims[DIM_DEPLOYMENT] = STR_LIT("v43");
	r->dims[DIM_MODEL] = ttft_ms ? STR_LIT("gpt-large") : STR_LIT("embed-small");
	r->operation = str_of(operation);
	r->input_tokens = ttft_ms ? 6100 : 40;
	r->output_tokens = ttft_ms ? 412 : UNKNOWN_INT;
	r->cost_source = COST_INFERRED;
	r->cost_nusd = ttft_ms ? 31000000 : 1000;
	r->source = STR_LIT("test");
}

static void add_trace(struct batch *b)
{
	struct span *s;

	add_span(b, 1, 0, 0, 7910, SPAN_AGENT, "invoke_agent checkout");
	add_span(b, 2, 1, 10, 400, SPAN_RETRIEVAL, "search policies");
	add_call(b, 3, 2, 20, 110, 0, "embeddings");
	s = add_span(b, 4, 1, 420, 2600, SPAN_TOOL, "execute_tool policy_lookup");
	s->status = REQUEST_ERROR;
	s->error_type = STR_LIT("timeout " HOSTILE);
	add_span(b, 5, 1, 2700, 5600, SPAN_TOOL, "execute_tool policy_lookup");
	s = add_span(b, 6, 5, -3000, -1200, SPAN_TOOL, "sql"); /* its clock is late */
	s->service = STR_LIT("policies");
	add_span(b, 7, 1, 2700, 3100, SPAN_TOOL, HOSTILE);
	add_call(b, 8, 1, 6000, 7900, 550, "chat");
	add_span(b, 9, 99, 6200, 6900, SPAN_OTHER, "nobody's child");
}

/* ── the store ─────────────────────────────────────────────────────────────────────────────── */

static void add_rollout(struct batch *b, int64_t time_us, double percent)
{
	struct rollout_state *r = batch_add_rollout(b);

	r->time_us = time_us;
	r->name = r->service = STR_LIT("checkout");
	r->environment = STR_LIT("prod");
	r->phase = STR_LIT("progressing");
	r->arm_count = 2;
	r->arms[0] = (struct rollout_arm){STR_LIT("v42"), STR_LIT("stable"), 100 - percent, 100 - percent};
	r->arms[1] = (struct rollout_arm){STR_LIT("v43"), STR_LIT("candidate"), percent, percent};
}

static void open_incidents(struct store_writer *w)
{
	struct incident i = {.opened_us = NOW_US - 6 * US_PER_MIN, .from_us = NOW_US - 20 * US_PER_MIN, .title = "p95 of checkout " HOSTILE,
	                     .owner = "", .author = "mia", .bad = "latency>4s"};
	struct incident_change note = {.time_us = NOW_US - 5 * US_PER_MIN, .author = "mia", .note = "rolling back v43 " HOSTILE};
	struct arena arena = {0};
	struct err err = {""};

	if (view_add_filter(&i.where, STR_LIT("service=checkout"), &err) || store_incident_open(w, &i, &note.id, &err))
		fail_msg("%s", err.text);
	if (store_incident_change(w, &note, &i, &arena, &err))
		fail_msg("%s", err.text);
	arena_fini(&arena);
}

static int make_store(void **state)
{
	struct store_options o = {.now_us = NOW_US};
	struct store_counts counts = {0};
	struct store_writer *w = NULL;
	struct batch *b = batch_new();
	struct err err = {""};
	uint32_t seed = 3;

	(void)state;
	clock_set_fake_us(NOW_US);
	snprintf(folder, sizeof folder, "/tmp/llmdeck-incident-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/t.db", folder);
	for (int64_t t = NOW_US - MINUTES * US_PER_MIN; t < NOW_US; t += US_PER_S) {
		for (int k = 0; k < 4; k++)
			add_request(b, t + (int64_t)(noise(&seed) % 1000) * US_PER_MS, &seed, t > SINCE_US);
	}
	add_rollout(b, NOW_US - 25 * US_PER_MIN, 5);
	add_rollout(b, SINCE_US - 70 * US_PER_S, 25);
	add_trace(b);
	if (store_writer_open(&w, path, &o, &err) || store_writer_append(w, b, &counts, &err) || store_writer_commit(w, &err))
		fail_msg("%s", err.text);
	open_incidents(w);
	if (store_writer_commit(w, &err))
		fail_msg("%s", err.text);
	store_writer_close(&w);
	batch_free(&b);
	if (store_reader_open(&reader, path, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int remove_store(void **state)
{
	char command[128];

	(void)state;
	store_reader_close(&reader);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

/* ── pictures ──────────────────────────────────────────────────────────────────────────────── */

static void begin(const struct panel *panel)
{
	struct err err = {""};

	deck_init(&deck);
	if (query_summary(reader, &deck.status.summary, &err))
		fail_msg("%s", err.text);
	deck.status.opened = true;
	deck.status.seen_mono_us = clock_mono_us();
	deck.user = "mia";
	deck_set_window(&deck, 0, NOW_US - 25 * US_PER_MIN, NOW_US);
	deck_go(&deck, panel->page, panel_index(panel));
	bad_init(&deck.ask.cell);
	deck.ask.since_us = SINCE_US;
	deck.ask.limit = 4;
	deck.ask.has_trace = true;
	memcpy(deck.ask.trace_id, trace_id, sizeof trace_id);
	deck.ask.trace_around_us = NOW_US;
}

static void load(int width, int height)
{
	struct load_item items[DECK_PANELS_MAX];
	struct rule_set rules = {0};
	struct err err = {""};
	struct view view;
	size_t count;

	layout_make(&deck, width, height, &layout);
	deck.columns_hint = layout_chart_columns(&layout);
	view = deck_view(&deck, NOW_US);
	count = layout_items(&deck, &layout, items);
	for (size_t i = 0; i < count; i++) {
		panel_snapshot_free(&deck.shown[items[i].panel]);
		deck.shown[items[i].panel] = load_panel(reader, &items[i], &view, NOW_US, deck.status.summary.first_us, false, &rules, &deck.ask,
		                                        NULL, &err);
		if (!deck.shown[items[i].panel])
			fail_msg("%s: %s", panels[items[i].panel]->name, err.text);
	}
}

/* No control byte and no reversal may reach a cell. */
static void assert_harmless(const struct buf *text)
{
	assert_null(memchr(text->data, 0x1b, text->len));
	assert_null(memchr(text->data, '\r', text->len));
	assert_null(memmem(text->data, text->len, "\xe2\x80\xae", 3));
}

static void draw(const char *name, int width, int height, bool mono)
{
	struct frame_options o = {.wall_us = NOW_US, .mono_us = clock_mono_us(), .keys = ""};
	struct surface *s = surface_new(width, height);
	struct buf text = {0};

	s->ascii = mono;
	s->graph = mono ? GRAPH_ASCII : GRAPH_BRAILLE;
	load(width, height);
	frame_draw(&deck, &layout, &o, s);
	surface_to_text(s, &text);
	assert_harmless(&text);
	compare_golden(name, &text);
	buf_fini(&text);
	surface_free(&s);
}

/* ── tests ─────────────────────────────────────────────────────────────────────────────────── */

static void test_incident(void **state)
{
	struct suspect_pick suspect;
	struct panel_frame frame;

	(void)state;
	begin(&incident_panel);
	draw("incident-80x24", 80, 24, false);
	frame = frame_of(&deck, panel_index(&suspects_panel), PANEL_TILE, false);
	assert_true(suspects_pick(deck.shown[panel_index(&suspects_panel)]->state, &frame, &suspect));
	assert_true(suspect.is_dim && suspect.filter.dim == DIM_DEPLOYMENT);
	assert_string_equal(suspect.filter.value, "v43");
	draw("incident-80x24-mono", 80, 24, true);
	draw("incident-132x43", 132, 43, false);
	draw("incident-200x50", 200, 50, false);
	deck_fini(&deck);
}

/* The cursor goes to the bad corner first, then moves by cells and stops at the map's edges; suspects and
 * requests follow it. */
static void test_cell(void **state)
{
	const struct panel_snapshot *heat;

	(void)state;
	begin(&incident_panel);
	load(132, 43);
	heat = deck.shown[panel_index(&incident_panel)];
	assert_true(incident_move(heat->state, &deck.ask, 18, 0, 0));
	assert_true(deck.ask.cell_chosen && deck.ask.cell.from_us >= SINCE_US - 2 * US_PER_MIN);
	draw("incident-cell-132x43", 132, 43, false);
	heat = deck.shown[panel_index(&incident_panel)];
	for (int i = 0; i < 200; i++)
		assert_true(incident_move(heat->state, &deck.ask, 18, -1, 1));
	assert_int_equal(deck.ask.cell.latency_us.high, INT64_MAX);
	assert_true(deck.ask.cell.from_us <= NOW_US - 24 * US_PER_MIN);
	for (int i = 0; i < 200; i++)
		assert_true(incident_move(heat->state, &deck.ask, 18, 1, -1));
	assert_int_equal(deck.ask.cell.latency_us.low, 0);
	assert_true(deck.ask.cell.to_us >= NOW_US - US_PER_MIN);
	deck_fini(&deck);
}

static void test_figures(void **state)
{
	(void)state;
	begin(&incident_panel);
	deck.ask.heat = HEAT_ERRORS;
	draw("incident-errors-80x24", 80, 24, false);
	deck.ask.heat = HEAT_COST;
	deck.ask.other_from_us = NOW_US - 30 * US_PER_MIN;
	deck.ask.other_to_us = NOW_US - 5 * US_PER_MIN;
	draw("incident-cost-compared-132x43", 132, 43, false);
	deck.ask.heat = HEAT_FLAGS;
	draw("incident-flags-80x24", 80, 24, false);
	deck_fini(&deck);
}

/* This window beside as long before, which knows neither the slow canary nor its errors; w, = and :pin lead here. */
static void test_two_windows(void **state)
{
	struct suspect_pick pick;
	struct panel_frame frame;

	(void)state;
	begin(&diff_panel);
	deck_set_window(&deck, 0, SINCE_US, NOW_US);
	draw("diff-80x24", 80, 24, false);
	frame = frame_of(&deck, panel_index(&changes_panel), PANEL_TILE, false);
	assert_true(changes_pick(deck.shown[panel_index(&changes_panel)]->state, &frame, &pick));
	draw("diff-80x24-mono", 80, 24, true);
	deck.ask.other_from_us = NOW_US - 30 * US_PER_MIN;
	deck.ask.other_to_us = NOW_US - 10 * US_PER_MIN;
	draw("diff-132x43", 132, 43, false);
	deck.ask.other_ago_us = US_PER_DAY; /* of which the store knows nothing */
	draw("diff-nothing-then-200x50", 200, 50, false);
	deck_fini(&deck);
}

static void test_trace(void **state)
{
	struct panel_ui *ui = &deck.ui[panel_index(&trace_panel)];

	(void)state;
	begin(&trace_panel);
	draw("trace-80x24", 80, 24, false);
	draw("trace-80x24-mono", 80, 24, true);
	draw("trace-132x43", 132, 43, false);
	draw("trace-200x50", 200, 50, false);
	snprintf(ui->table.cursor_key, sizeof ui->table.cursor_key, "%s", "0505050505050505");
	assert_true(waterfall_fold(deck.shown[panel_index(&trace_panel)]->state, ui));
	draw("trace-folded-80x24", 80, 24, false);
	assert_true(waterfall_fold(deck.shown[panel_index(&trace_panel)]->state, ui));
	assert_int_equal(ui->folded_count, 0);
	deck.ask.trace_id[0]++;
	draw("trace-missing-80x24", 80, 24, false);
	deck_fini(&deck);
}

static void test_incidents(void **state)
{
	struct incident_pick pick;
	struct panel_frame frame;

	(void)state;
	begin(&incidents_panel);
	draw("incidents-80x24", 80, 24, false);
	frame = frame_of(&deck, panel_index(&incidents_panel), PANEL_PAGE, false);
	assert_true(incidents_pick(deck.shown[panel_index(&incidents_panel)]->state, &frame, &pick));
	assert_int_equal(pick.id, 1);
	assert_int_equal(pick.from_us, NOW_US - 20 * US_PER_MIN);
	assert_true(pick.bad.latency_us.low > 3999999);
	deck_go(&deck, timeline_panel.page, panel_index(&timeline_panel));
	deck.ask.incident_id = 1;
	draw("timeline-80x24", 80, 24, false);
	draw("timeline-132x43", 132, 43, false);
	deck.ask.incident_id = 77;
	draw("timeline-none-80x24", 80, 24, false);
	deck_fini(&deck);
}

/* What is left of rate limits, of what, until when, how old that is, and who does not tell. */
static void test_headroom(void **state)
{
	static struct headroom_row rows[] = {
		{.source = "otlp", .instance = "openai/gpt-4o", .tokens = true, .left = 20000, .least = 1, .limit = 1e6, .reset_us = NOW_US + 6 * US_PER_S, .seen_us = NOW_US - 3 * US_PER_S},
		{.source = "otlp", .instance = "openai/gpt-4o", .left = 900, .least = 1, .limit = 10000, .reset_us = NOW_US - US_PER_S, .seen_us = NOW_US - 3 * US_PER_S},
		{.source = "litellm", .instance = "evil" HOSTILE, .left = 0, .least = 0, .limit = (double)NAN, .seen_us = NOW_US - 10 * US_PER_MIN},
	};
	struct headroom_row google = {.source = "otlp", .instance = "google/gemini-2 [v43]", .left = 5, .limit = 5, .seen_us = NOW_US};
	struct headroom_result h = {.rows = rows, .row_count = 3}, none = {0}, one = {.rows = &google, .row_count = 1};
	struct figures_group groups[] = {
		{.key = {"openai", "gpt-4o"}, .total = {.requests = 9}}, {.key = {"azure", "gpt-4o"}, .total = {.requests = 8}},
		{.key = {"anthropic", "claude"}, .total = {.requests = 7}}, {.key = {"", ""}, .total = {.requests = 6}},
		{.key = {"x", HOSTILE}, .total = {.requests = 5}}, {.key = {"y", "z"}, .total = {.requests = 4}},
		{.key = {"openai", "gpt-4o-2024-08-06"}, .total = {.requests = 3}}, {.key = {"google", "gemini-2"}, .total = {.requests = 3}},
	};
	struct figures_result models = {.groups = groups, .group_count = 8};
	struct panel_frame frame = {.now_us = NOW_US};
	struct surface *s = surface_new(130, 3);
	char untold[UNTOLD_BYTES];
	struct buf text = {0};

	(void)state;
	headroom_untold(&h, &models, untold);
	assert_int_equal(headroom_lines(&h, untold, 5), 3);
	headroom_draw(&h, untold, &frame, s, 0, 3);
	surface_to_text(s, &text);
	assert_harmless(&text);
	assert_non_null(strstr(text.data, "openai/gpt-4o 20.0k of 1.0M tok (2%), full in 6s  900 of 10.0k req (9%), full since  told 3s ago"));
	assert_non_null(strstr(text.data, "0 req  told 10m ago"));
	assert_non_null(strstr(text.data, "not told by azure/gpt-4o, anthropic/claude, x/"));
	assert_non_null(strstr(text.data, "and 2 more"));
	assert_non_null(strstr(untold, "2 more")); /* y/z and Google's: the exact name of the model that told is no other */
	models.groups = &groups[6];
	models.group_count = 2;
	headroom_untold(&one, &models, untold);
	assert_string_equal(untold, "openai/gpt-4o-2024-08-06");
	models.groups = groups;
	models.group_count = 6;
	buf_reset(&text);
	surface_clear(s, 0);
	headroom_untold(&none, &models, untold);
	assert_int_equal(headroom_lines(&none, untold, 1), 1);
	headroom_draw(&none, untold, &frame, s, 0, 1);
	surface_to_text(s, &text);
	assert_non_null(strstr(text.data, "rate limits not told by openai/gpt-4o, azure/gpt-4o"));
	assert_int_equal(headroom_lines(&none, "", 5), 0);
	buf_fini(&text);
	surface_free(&s);
}

/* Every size draws without harm. */
static void test_every_size(void **state)
{
	static const struct panel *const all[] = {&incident_panel, &trace_panel, &timeline_panel, &incidents_panel, &suspects_panel, &cell_panel, &sql_panel, &diff_panel, &changes_panel, &shell_panel};

	(void)state;
	for (size_t p = 0; p < sizeof all / sizeof *all; p++) {
		begin(all[p]);
		load(100, 30);
		for (int height = 1; height < 40; height += 3) {
			for (int width = 1; width < 150; width += 7) {
				struct frame_options o = {.wall_us = NOW_US, .mono_us = clock_mono_us(), .keys = ""};
				struct surface *s = surface_new(width, height);

				layout_make(&deck, width, height, &layout);
				frame_draw(&deck, &layout, &o, s);
				surface_free(&s);
			}
		}
		deck_fini(&deck);
	}
}

/* ── the page for SQL ──────────────────────────────────────────────────────────────────────── */

#define ROWS 12

static void fill_table(struct query_table *t, struct query_cell *cells)
{
	static const char *names[] = {"time_us", "service", "n", "p95_s"};
	static bool numeric[] = {true, false, true, true}, times[] = {true, false, false, false};
	static int widths[] = {20, 14, 6, 8};
	static char texts[ROWS][4][40];

	*t = (struct query_table){.columns = names, .numeric = numeric, .times = times, .widths = widths, .column_count = 4, .cells = cells,
	                          .row_count = ROWS, .more = true};
	for (size_t r = 0; r < ROWS; r++) {
		snprintf(texts[r][0], sizeof texts[r][0], "2026-11-23T13:%02zu:00Z", r);
		snprintf(texts[r][1], sizeof texts[r][1], "%s", r == 3 ? HOSTILE : "checkout");
		snprintf(texts[r][2], sizeof texts[r][2], "%zu", 100 + r * r);
		snprintf(texts[r][3], sizeof texts[r][3], "%.3f", 1 + (double)r / 10);
		for (size_t c = 0; c < 4; c++)
			cells[r * 4 + c] = (struct query_cell){.text = str_of(texts[r][c]), .number = c == 1 ? (double)NAN : strtod(texts[r][c], NULL)};
		cells[r * 4].number = (double)(NOW_US + (int64_t)r * US_PER_MIN);
	}
	cells[4 * 4 + 3] = (struct query_cell){.null = true, .number = (double)NAN};
}

static void test_sql(void **state)
{
	struct query_cell cells[ROWS * 4];
	struct query_board board = {.editing = true, .word_at = 1, .look = {.sort_column = -1}};
	struct query_table table;

	(void)state;
	begin(&sql_panel);
	deck.query = &board;
	field_set(&board.field, "select end_us, ser");
	board.words[board.word_count++] = "series";
	board.words[board.word_count++] = "service";
	draw("sql-editing-80x24", 80, 24, false);
	fill_table(&table, cells);
	board.table = &table;
	board.editing = false;
	snprintf(board.said, sizeof board.said, "12 rows in 0.034 s: there are more, add a LIMIT or a condition");
	draw("sql-80x24", 80, 24, false);
	draw("sql-132x43", 132, 43, false);
	draw("sql-200x50", 200, 50, false);
	draw("sql-80x24-mono", 80, 24, true);
	board.left = 1;
	board.chart = true;
	draw("sql-chart-80x24", 80, 24, false);
	table.numeric[0] = false;
	draw("sql-bars-80x24", 80, 24, false);
	table.numeric[0] = true;
	board.running = true;
	board.running_s = 2.5;
	draw("sql-running-80x24", 80, 24, false);
	deck_fini(&deck);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_incident),  cmocka_unit_test(test_cell),       cmocka_unit_test(test_figures), cmocka_unit_test(test_trace),
		cmocka_unit_test(test_two_windows), cmocka_unit_test(test_headroom),
		cmocka_unit_test(test_incidents), cmocka_unit_test(test_every_size), cmocka_unit_test(test_sql),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
