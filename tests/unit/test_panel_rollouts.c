/* The rollouts page over a small store with known content and a fixed clock: what it says of a bad
 * canary, of three arms, of a blue-green switch, of arms that nobody can tell apart, and of a proxy
 * that has lost its weights. Pictures are compared with tests/golden; UPDATE=1 writes them anew. */
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
#include "panels/panels.h"
#include "panels/rollouts.h"
#include "store/writer.h"
#include "ui/theme.h"
#include "unit/golden.h"

/* 2026-11-23T13:21:33Z */
#define NOW_US INT64_C(1795440093000000)
#define MINUTES 20

static char dir[64], path[96];
static struct store_reader *reader;
static struct rule_set *rules;
static struct config_rollout plans[4];

struct arm_shape {
	const char *service, *deployment; /* deployment "": no mark */
	int per_10s, latency_ms, cost_milli, error_one_in, flag_one_in;
};
static const struct arm_shape shapes[] = {
	{"checkout", "v42", 6, 1300, 20, 200, 300},  {"checkout", "v43", 2, 4200, 38, 30, 12},
	{"search", "a", 4, 400, 2, 500, 500},        {"search", "b", 2, 410, 2, 500, 500},
	{"search", "c", 2, 900, 2, 500, 500},        {"mail", "", 4, 700, 5, 100, 500},
	{"docs", "blue", 4, 500, 3, 400, 500},       {"docs", "green", 0, 500, 3, 400, 500},
};

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

static void add_request(struct batch *b, const struct arm_shape *arm, int64_t end_us, uint32_t *seed)
{
	static const struct flag flag = {{"jailbreak", 9}, 4, FLAG_BLOCKED};
	struct request *r = batch_add_request(b);

	r->end_us = end_us;
	r->latency_us = (arm->latency_ms + (int)(noise(seed) % 300)) * US_PER_MS;
	r->ttft_us = r->latency_us / 4;
	r->dims[DIM_SERVICE] = str_of(arm->service);
	r->dims[DIM_ENVIRONMENT] = STR_LIT("prod");
	r->dims[DIM_DEPLOYMENT] = str_of(arm->deployment);
	r->dims[DIM_MODEL] = STR_LIT("gpt-large");
	r->input_tokens = 400 + noise(seed) % 900;
	r->output_tokens = 40 + noise(seed) % 200;
	r->cost_source = COST_INFERRED;
	r->cost_nusd = arm->cost_milli * INT64_C(1000000);
	if (noise(seed) % (uint32_t)arm->error_one_in == 0)
		r->status = REQUEST_ERROR;
	if (noise(seed) % (uint32_t)arm->flag_one_in == 0) {
		r->flags = &flag;
		r->flag_count = 1;
	}
	r->source = STR_LIT("test");
}

/* A judge looks at some of the answers; v43's are worse grounded. */
static void add_scores(struct batch *b, uint32_t *seed)
{
	static const struct {
		const char *deployment, *name;
		double mean;
	} judged[] = {{"v42", "groundedness", 0.84}, {"v43", "groundedness", 0.66}, {"v42", "relevance", 0.7}, {"v43", "relevance", 0.7}};

	for (size_t i = 0; i < sizeof judged / sizeof *judged; i++) {
		for (int64_t t = NOW_US - 14 * US_PER_MIN; t < NOW_US; t += 2 * US_PER_S) {
			struct evaluation *e = batch_add_evaluation(b);

			e->time_us = t + (int64_t)i * US_PER_MS;
			e->name = str_of(judged[i].name);
			e->dims[DIM_SERVICE] = STR_LIT("checkout");
			e->dims[DIM_ENVIRONMENT] = STR_LIT("prod");
			e->dims[DIM_DEPLOYMENT] = str_of(judged[i].deployment);
			e->score = judged[i].mean + ((double)(noise(seed) % 200) - 100) / 1000;
			e->source = STR_LIT("judge");
		}
	}
}

static void add_state(struct batch *b, int64_t time_us, const char *name, const char *phase, const char *const *arms,
                      const double *percents, size_t count, const char *reason)
{
	struct rollout_state *r = batch_add_rollout(b);

	r->time_us = time_us;
	r->name = r->service = str_of(name);
	r->environment = STR_LIT("prod");
	r->phase = str_of(phase);
	r->reason = str_of(reason);
	r->arm_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		r->arms[i] = (struct rollout_arm){str_of(arms[i]), i ? STR_LIT("candidate") : STR_LIT("stable"), percents[i],
		                                  percents[i]};
}

static void fill(struct batch *b)
{
	static const char *const checkout[] = {"v42", "v43"}, *const search[] = {"a", "b", "c"},
	                  *const mail[] = {"m1", "m2"}, *const docs[] = {"blue", "green"};
	uint32_t seed = 3;

	for (int64_t t = NOW_US - MINUTES * US_PER_MIN; t < NOW_US; t += 10 * US_PER_S) {
		for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
			for (int k = 0; k < shapes[i].per_10s; k++)
				add_request(b, &shapes[i], t + (int64_t)(noise(&seed) % 10000) * US_PER_MS, &seed);
		}
	}
	add_scores(b, &seed);
	add_state(b, NOW_US - 18 * US_PER_MIN, "checkout", "progressing", checkout, (double[]){90, 10}, 2, "");
	add_state(b, NOW_US - 9 * US_PER_MIN, "checkout", "progressing", checkout, (double[]){75, 25}, 2,
	          "step by mia, reason: looks fine\x1b[31m");
	add_state(b, NOW_US - 19 * US_PER_MIN, "search", "progressing", search, (double[]){50, 25, 25}, 3, "");
	add_state(b, NOW_US - 19 * US_PER_MIN, "mail", "paused", mail, (double[]){80, 20}, 2, "");
	add_state(b, NOW_US - 19 * US_PER_MIN, "docs", "healthy", docs, (double[]){100, 0}, 2, "");
}

static void plan(struct config_rollout *r, const char *name, const char *const *arms, size_t count, bool whole)
{
	*r = (struct config_rollout){.name = name, .service = name, .environment = "prod", .arm_count = count,
	                             .hold_us = 10 * US_PER_MIN, .step_count = whole ? 1 : 4, .guardrail_count = 3};
	for (size_t i = 0; i < count; i++)
		r->arms[i] = arms[i];
	memcpy(r->steps, whole ? (double[]){100} : (double[]){5, 25, 50, 100}, r->step_count * sizeof *r->steps);
	r->guardrails[0] = (struct config_guardrail){.metric = METRIC_LATENCY_P95, .worse_by = 0.2, .relative = true};
	r->guardrails[1] = (struct config_guardrail){.metric = METRIC_ERROR_RATE, .worse_by = 0.005};
	r->guardrails[2] = (struct config_guardrail){.metric = METRIC_COST_PER_1K, .worse_by = 0.25, .relative = true};
}

static int make_store(void **state)
{
	static const char *const checkout[] = {"v42", "v43"}, *const search[] = {"a", "b", "c"},
	                  *const mail[] = {"m1", "m2"}, *const docs[] = {"blue", "green"};
	struct store_options o = {.now_us = NOW_US};
	struct config config = {.rollouts = plans, .rollout_count = 4};
	struct store_counts counts = {0};
	struct store_writer *w = NULL;
	struct batch *b = batch_new();
	struct err err = {""};

	(void)state;
	clock_set_fake_us(NOW_US);
	snprintf(dir, sizeof dir, "/tmp/llmdeck-rollouts-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/t.db", dir);
	fill(b);
	if (store_writer_open(&w, path, &o, &err) != 0 || store_writer_append(w, b, &counts, &err) != 0 ||
	    store_writer_commit(w, &err) != 0 || store_reader_open(&reader, path, &err) != 0)
		fail_msg("%s", err.text);
	store_writer_close(&w);
	batch_free(&b);
	plan(&plans[0], "checkout", checkout, 2, false);
	plans[0].guardrails[plans[0].guardrail_count++] = (struct config_guardrail){
		.metric = METRIC_COUNT, .worse_by = 0.05, .evaluation = "evaluation:groundedness"};
	plan(&plans[1], "search", search, 3, false);
	plan(&plans[2], "mail", mail, 2, false);
	plan(&plans[3], "docs", docs, 2, true);
	rules = rule_set_new(&config);
	return 0;
}

static int remove_store(void **state)
{
	static const char *const names[] = {"t.db", "t.db-wal", "t.db-shm", "t.db-lock", "t.db.lock", "t-text.db",
	                                    "t-text.db-wal", "t-text.db-shm"};
	char file[160];

	(void)state;
	store_reader_close(&reader);
	free(rules);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(file, sizeof file, "%s/%s", dir, names[i]);
		unlink(file);
	}
	rmdir(dir);
	return 0;
}

/* ── the panel over it ─────────────────────────────────────────────────────────────────────── */

struct scene {
	struct view view;
	struct panel_ui ui;
	struct panel_frame frame;
	void *state;
};

static void open_scene(struct scene *sc, const char *rollout, const struct rollout_board *board)
{
	struct panel_query query = {.reader = reader, .form = PANEL_PAGE, .now_us = NOW_US, .rules = rules,
	                            .data_from_us = NOW_US - MINUTES * US_PER_MIN};
	struct err err = {""};

	*sc = (struct scene){.view = {.from_us = NOW_US - 15 * US_PER_MIN, .to_us = NOW_US, .step_us = 30 * US_PER_S}};
	sc->ui.table.sort_column = -1;
	snprintf(sc->ui.table.cursor_key, sizeof sc->ui.table.cursor_key, "%s", rollout);
	query.view = sc->view;
	sc->state = mem_zalloc(rollouts_panel.state_size);
	if (rollouts_panel.load(&query, sc->state, &err) != 0)
		fail_msg("%s", err.text);
	sc->frame = (struct panel_frame){.view = &sc->view, .form = PANEL_PAGE, .now_us = NOW_US, .focused = true,
	                                 .find = "", .ui = &sc->ui, .board = board};
}

static void close_scene(struct scene *sc)
{
	rollouts_panel.fini(sc->state);
	free(sc->state);
}

static void draw(const struct scene *sc, const char *name, int width, int height, bool mono)
{
	struct surface *s = surface_new(width, height);
	struct buf text = {0};
	struct theme theme;

	s->ascii = mono;
	s->graph = mono ? GRAPH_ASCII : GRAPH_BRAILLE;
	surface_clear(s, ROLE_TEXT);
	rollouts_panel.draw(sc->state, &sc->frame, s);
	theme_default(&theme);
	if (mono)
		surface_to_ansi(s, &theme, COLOURS_NONE, &text);
	else
		surface_to_text(s, &text);
	compare_golden(name, &text);
	buf_fini(&text);
	surface_free(&s);
}

static void test_a_bad_canary(void **state)
{
	struct rollout_pick pick;
	struct scene sc;

	(void)state;
	open_scene(&sc, "", NULL); /* the failing one comes first by itself */
	draw(&sc, "rollout-canary-80x24", 80, 22, false);
	draw(&sc, "rollout-canary-132x43", 132, 41, false);
	draw(&sc, "rollout-canary-200x50", 200, 48, false);
	draw(&sc, "rollout-canary-80x24-mono", 80, 22, true);
	assert_true(rollouts_pick(sc.state, &sc.frame, &pick));
	assert_string_equal(pick.name, "checkout");
	assert_string_equal(pick.arms[1], "v43");
	assert_non_null(strstr(pick.reason, "p95 +"));
	assert_int_equal(pick.evidence_count, 4);
	assert_memory_equal(pick.evidence[0], "FAIL p95", 8);
	close_scene(&sc);
}

static void test_other_shapes(void **state)
{
	struct rollout_pick pick;
	struct scene sc;

	(void)state;
	open_scene(&sc, "search", NULL);
	draw(&sc, "rollout-three-arms-80x24", 80, 22, false);
	assert_true(rollouts_pick(sc.state, &sc.frame, &pick));
	assert_non_null(strstr(pick.reason, "c p95 +")); /* of three arms the bad one is named */
	assert_null(strstr(pick.reason, "b p95 +"));
	close_scene(&sc);
	open_scene(&sc, "mail", NULL);
	draw(&sc, "rollout-unmarked-80x24", 80, 22, false);
	assert_true(rollouts_pick(sc.state, &sc.frame, &pick));
	assert_string_equal(pick.reason, "");
	assert_memory_equal(pick.evidence[0], "UNKNOWN p95", 11);
	close_scene(&sc);
	open_scene(&sc, "docs", NULL);
	draw(&sc, "rollout-blue-green-80x24", 80, 22, false);
	close_scene(&sc);
}

/* The collector's word over the store's: a target that lost its weights, verdicts over the whole step. */
static void test_the_collector_tells_more(void **state)
{
	struct rollout_board *board = mem_zalloc(sizeof *board);
	struct rollout_live *live = &board->rollouts[board->count++];
	struct rollout_pick pick;
	struct scene sc;

	(void)state;
	snprintf(live->name, sizeof live->name, "checkout");
	snprintf(live->phase, sizeof live->phase, "degraded");
	live->drift = live->held = true;
	live->step = 2;
	live->hold_us = 10 * US_PER_MIN;
	live->hold_left_us = 252 * US_PER_S;
	live->arm_count = 2;
	live->arms[0] = (struct rollout_live_arm){"v42", 75, 80, 80};
	live->arms[1] = (struct rollout_live_arm){"v43", 25, 20, 20};
	live->guard_count = 1;
	live->guards[0] = (struct rollout_live_guard){.arm = "v43", .metric = METRIC_LATENCY_P95, .verdict = AB_PASS, .stable = 1.31,
	                                               .candidate = 1.35, .samples = 1612, .words = "within"};
	live->target_count = 3;
	live->targets[0] = (struct rollout_live_target){.name = "haproxy-a", .applied = true};
	live->targets[1] = (struct rollout_live_target){.name = "haproxy-b", .applied = true};
	live->targets[2] = (struct rollout_live_target){.name = "haproxy-c", .state = "drift", .drift = true,
	                                                .words = "haproxy-c: v43 has 5 %, wanted 25 %"};
	open_scene(&sc, "checkout", board);
	draw(&sc, "rollout-drift-80x24", 80, 22, false);
	draw(&sc, "rollout-drift-132x43", 132, 41, false);
	assert_true(rollouts_pick(sc.state, &sc.frame, &pick));
	assert_true(pick.held);
	assert_memory_equal(pick.evidence[0], "PASS p95", 8);
	live->arms[1].desired_percent = 0; /* rolled back: what was is no verdict any more */
	assert_true(rollouts_pick(sc.state, &sc.frame, &pick));
	assert_int_equal(pick.evidence_count, 0);
	assert_string_equal(pick.reason, "");
	close_scene(&sc);
	free(board);
}

static void test_every_size_is_drawn(void **state)
{
	static const char *const names[] = {"checkout", "search", "mail", "docs"};
	struct scene sc;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		open_scene(&sc, names[i], NULL);
		for (int width = 1; width < 220; width = width * 3 / 2 + 1) {
			for (int height = 1; height < 60; height = height * 2 + 1) {
				struct surface *s = surface_new(width, height);

				rollouts_panel.draw(sc.state, &sc.frame, s);
				surface_free(&s);
			}
		}
		close_scene(&sc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bad_canary),
		cmocka_unit_test(test_other_shapes),
		cmocka_unit_test(test_the_collector_tells_more),
		cmocka_unit_test(test_every_size_is_drawn),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
